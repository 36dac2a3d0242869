"""The record of one gap, and what is checked of one that a user made."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from sessiondata._native.objects.gaps import set_gap_class
from sessiondata.arguments import check_index
from sessiondata.errors import ArgumentError, ArgumentTypeError
from sessiondata.time.instants import to_ns
from sessiondata.time.intervals import parse_interval
from sessiondata.time.zones import from_ns

__all__ = ["GapInfo", "check_gap", "short_stop"]


# A NamedTuple is made in a third of the time of an immutable dataclass, and a quiet stock has
# thousands of gaps.
class GapInfo(NamedTuple):
    """A maximal run of missing slots within one segment.

    Attributes
    ----------
    symbol, interval : str
    start_ns, end_ns : int
        Starts of the first and of the last missing slot, ns since 1970 UTC; both inclusive.
        Half-open ranges, such as those of `SymbolSessionData.mark_no_trade`, end at `stop_ns`.
    bar_count : int
        Missing slots.
    retry_count : int
        How often they were asked for again.
    last_retry : datetime or None
        When that was last done.
    zone : tzinfo
        The exchange's, for `start_time` and `end_time`.
    last_stop_ns : int or None
        Where the last slot ends, if that is not a whole interval after `end_ns`: see `stop_ns`.
    """

    symbol: str
    interval: str
    start_ns: int
    end_ns: int
    bar_count: int
    retry_count: int = 0
    last_retry: datetime | None = None
    zone: tzinfo = UTC
    last_stop_ns: int | None = None

    # The zone is for display, and the grid says where a slot ends: two gaps are equal without them.

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GapInfo) and self[:_N_COMPARED] == other[:_N_COMPARED]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:_N_COMPARED])

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields[:_N_COMPARED], self, strict=False))
        return f"GapInfo({values})"

    @property
    def stop_ns(self) -> int:
        """End of the last missing slot, ns: the gap is ``[start_ns, stop_ns)``."""
        step_ns = parse_interval(self.interval).step_ns
        stop_ns = self.end_ns + (step_ns or 1)  # of a whole session all that holds its open
        last = self.last_stop_ns
        # A part of the gap, made by `_replace`, keeps the stop of a slot that is not its last one.
        return stop_ns if last is None or last <= self.end_ns or (step_ns and last > stop_ns) else last

    @property
    def stop_time(self) -> datetime:
        """End of the last missing slot (exclusive), aware, in the exchange's zone."""
        return from_ns(self.stop_ns, self.zone)

    @property
    def start_time(self) -> datetime:
        """First missing time, aware, in the exchange's zone."""
        return from_ns(self.start_ns, self.zone)

    @property
    def end_time(self) -> datetime:
        """Last missing time (inclusive), aware, in the exchange's zone."""
        return from_ns(self.end_ns, self.zone)

    def __str__(self) -> str:
        start, end = (time.isoformat(sep=" ") for time in (self.start_time, self.end_time))
        return f"{self.symbol} {self.interval}: {self.bar_count} missing, {start} .. {end}"


set_gap_class(GapInfo)
_N_COMPARED = 7  # fields of a gap that two equal ones have in common


def short_stop(stops: list[int], end: int, step_ns: int) -> int | None:
    """Where the slot that begins at `end` ends, if its segment cuts it or it is the whole session;
    else None."""
    if not stops or step_ns == 0:
        return stops[-1] if stops else None
    i = bisect_right(stops, end)
    return stops[i] if i < len(stops) and stops[i] < end + step_ns else None


def check_gap(gap: GapInfo) -> GapInfo:
    """A gap that a user made, its numbers as plain int64, or a TypeError or ValueError that says
    what is wrong."""
    if not isinstance(gap, GapInfo):
        raise ArgumentTypeError(f"a gap is a GapInfo: {gap!r}")
    numbers: dict[str, Any] = {name: check_index(f"{name} of a gap", getattr(gap, name)) for name in _NUMBERS}
    for name, number in numbers.items():
        if not -(2**63) < number < 2**63:
            raise ArgumentError(f"{name} of a gap must fit in int64: {number}", value=number)
    if gap.last_retry is not None:
        to_ns(gap.last_retry)
    return gap._replace(**numbers)


_NUMBERS = ("start_ns", "end_ns", "bar_count", "retry_count")
