"""Trades and quotes."""

from __future__ import annotations

import bisect
import math
from typing import Any

from reference.session import RefSession
from reference.times import NAT

TICK_REASONS = ("ERR_NOT_FINITE", "ERR_SIZE", "ERR_NAT", "ERR_LATER_SESSION")
TICK_COUNTERS = ("stored", "late", "too_old", "other_session", "covered", "empty_side", "overwritten")


def check_tick(session: RefSession, kind: str, ts: int, *values: Any) -> str | None:
    """Name the first rule that a trade or quote breaks.

    Parameters
    ----------
    session : RefSession
        The session it is meant for.
    kind : {"ticks", "quotes"}
    ts : int
    *values
        price, size, exchange; or bid, ask, bid size, ask size.

    Returns
    -------
    str or None
        One of `TICK_REASONS`, or None. One before the span breaks no rule.
    """
    numbers = values[:2] if kind == "ticks" else values
    if not all(math.isfinite(x) for x in numbers):
        return "ERR_NOT_FINITE"
    if any(size < 0 for size in (numbers[1:] if kind == "ticks" else numbers[2:])):
        return "ERR_SIZE"
    if ts == NAT:
        return "ERR_NAT"
    if ts >= session.span_stop:
        return "ERR_LATER_SESSION"
    return None


class RefTicks:
    """The trades or the quotes of a symbol.

    Attributes
    ----------
    accepted : list of tuple
        All that were ever accepted, (ts, *values): in time order, of equal times in order of
        arrival.
    n_evicted : int
        How many of the oldest the ring has let go of.
    counters, skipped : dict of int
        What became of them (`TICK_COUNTERS`), and of bad ones by reason (`TICK_REASONS`).
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.accepted: list[tuple[Any, ...]] = []
        self.n_evicted = 0
        self.counters = dict.fromkeys(TICK_COUNTERS, 0)
        self.skipped = dict.fromkeys(TICK_REASONS, 0)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """Those that the ring still holds."""
        return self.accepted[self.n_evicted :]

    def is_late(self, ts: int) -> bool:
        """Whether one of this time would be older than the newest there is."""
        return bool(self.accepted) and ts < self.accepted[-1][0]

    def has_lost(self, ts: int) -> bool:
        """Whether something at or after `ts` is gone from the ring, or would be to make room for
        one more."""
        n_gone = self.n_evicted + (len(self.rows) == self.capacity)
        return n_gone > 0 and self.accepted[n_gone - 1][0] >= ts

    def add(self, row: tuple[Any, ...]) -> None:
        """Put a row behind all that are not newer."""
        bisect.insort_right(self.accepted, row, key=lambda row: row[0])
        self.counters["stored"] += 1
        if len(self.rows) > self.capacity:
            self.n_evicted += 1
            self.counters["overwritten"] += 1
