"""Bars: the rules that they keep, and how many of them make one."""

from __future__ import annotations

import math
from typing import NamedTuple

from reference.session import RefSession, Region
from reference.times import INT64_MAX, NAT, step_of

REASONS = ("ERR_NOT_FINITE", "ERR_HIGH_LOW", "ERR_VOLUME", "ERR_NAT", "ERR_TS_RANGE", "ERR_LATER_SESSION")
COUNTERS = (
    "stored",
    "late",
    "corrected",
    "repeated",
    "too_old",
    "other_session",
    "off_grid",
    "extended",
    "overwritten",
)
Values = tuple[float, float, float, float, float]
"""open, high, low, close, volume"""
Row = tuple[int, float, float, float, float, float]
"""ts, open, high, low, close, volume"""

COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]


class BadBarError(ValueError):
    """A bar breaks a rule; nothing of the call was stored.

    Attributes
    ----------
    code : str
        One of `REASONS`.
    row : int or None
        Position of the first bad bar in the batch; None where no single one is at fault.
    """

    def __init__(self, code: str, row: int | None) -> None:
        super().__init__(f"{code} at row {row}")
        self.code = code
        self.row = row


def check_bar(session: RefSession, base: str, ts: int, o: float, h: float, lo: float, c: float, v: float) -> str | None:
    """Name the first rule that a bar breaks.

    Parameters
    ----------
    session : RefSession
        The session it is meant for.
    base : str
        Interval of the bar.
    ts : int
        Open time.
    o, h, lo, c, v : float
        Open, high, low, close, volume. Open and close may lie outside [low, high]; prices may be
        negative.

    Returns
    -------
    str or None
        One of `REASONS`, or None. A bar before the span breaks no rule.
    """
    step_ns = step_of(base)
    assert step_ns is not None
    if not all(math.isfinite(x) for x in (o, h, lo, c, v)):
        return "ERR_NOT_FINITE"
    if not h >= lo:
        return "ERR_HIGH_LOW"
    if not v >= 0:
        return "ERR_VOLUME"
    if ts == NAT:
        return "ERR_NAT"
    if ts + step_ns > INT64_MAX:
        return "ERR_TS_RANGE"
    if ts >= session.span_stop:
        return "ERR_LATER_SESSION"
    return None


class Bar(NamedTuple):
    """A bar of any interval."""

    ts: int
    """Open time: of a base bar as it came, of a derived one the start of its slot."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    stop: int
    """End: of a base bar its own, of a derived one that of its slot."""
    region: Region
    """Region of the base bars behind it (1d: of the first)."""
    n_base: int
    """Base bars on their base slot behind it."""
    n_expected: int
    """Base slots of its slot; 0 if it is not regular."""

    @property
    def regular(self) -> bool:
        """Whether the market was open."""
        return self.region.regular

    @property
    def row(self) -> Row:
        """(ts, open, high, low, close, volume)"""
        return self[:6]


def fold(rows: list[Values]) -> Values:
    """Aggregate (open, high, low, close, volume) tuples in time order; at least one.

    Returns
    -------
    tuple of five float
        Open of the first, highest high, lowest low, close of the last, volumes summed from the
        left. Of equal highs, or lows, the first stands.
    """
    o, h, lo, c, v = rows[0]
    for _, row_high, row_low, row_close, row_volume in rows[1:]:
        if row_high > h:
            h = row_high
        if row_low < lo:
            lo = row_low
        c = row_close
        v = v + row_volume
    return o, h, lo, c, v
