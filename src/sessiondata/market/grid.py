"""`SessionGrid`: when the market is open on one trade date, and which slots that makes."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata._native.slots.grid import Grid
from sessiondata.errors import CalendarError, TimeError
from sessiondata.time.dates import DAY_NS, DateLike, instants, to_date, to_named_zone, wall
from sessiondata.time.instants import to_ns
from sessiondata.time.intervals import Interval, parse_interval
from sessiondata.time.units import LEAST_START_NS, Int64Array, check_plausible
from sessiondata.time.zones import from_ns, utc_offsets

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["SessionGrid", "check_segments", "compiled_of", "local_span"]

# Slots are found by adding steps to anchors: two days of room at the ends of int64 keep that from
# overflowing.
_LIMIT = 2**63 - 1 - 2 * DAY_NS


class SessionGrid:
    """Opening hours of one session (one trade date). Immutable, hashable, safe to share between
    threads.

    Parameters
    ----------
    date : str, date or datetime64
        Trade date.
    tz : str or ZoneInfo
        IANA zone of the exchange.
    segments : sequence of (start, stop), or array of int64 with shape (n, 2)
        Stretches ``[start, stop)`` in which the market is open, in ns since 1970-01-01 UTC, sorted.
        They may touch (a boundary is a reopening) but not overlap. Empty ones are dropped. Copied.
    span : (int, int), optional
        ``[start, stop)`` in ns: every timestamp that belongs to the trade date. Default: the local
        calendar day, made longer if the session reaches beyond it. A calendar also cuts it at the
        neighbouring sessions.

    Attributes
    ----------
    date : datetime.date
    tz : str
    zone : ZoneInfo
    segments : ndarray of int64, shape (n, 2)
        Read-only, and cannot be made writable. n >= 1.
    span_start, span_stop : int
        ns, ``[span_start, span_stop)``.
    compiled : sessiondata._native.slots.grid.Grid
        The same, as the kernels read it.

    Raises
    ------
    CalendarError
        If no segment is left, they are not sorted, overlap, end before they start, lie outside the
        span, or a time comes within two days of the ends of int64. Names the segment. Without
        `span` also if the date is of 1990 or later and an edge is an int of 1970 that another unit
        puts after 1990 (``code`` is ``"ERR_UNIT"``).
    """

    __slots__ = ("date", "tz", "zone", "segments", "span_start", "span_stop", "compiled")  # noqa: RUF023

    date: dt.date
    tz: str
    zone: ZoneInfo
    segments: Int64Array
    span_start: int
    span_stop: int
    compiled: Grid

    def __init__(
        self,
        date: DateLike,
        tz: str | ZoneInfo,
        segments: Sequence[tuple[int, int]] | Int64Array,
        span: tuple[int, int] | None = None,
    ) -> None:
        day, zone = to_date(date), to_named_zone(tz)
        pairs = check_segments(day, segments, has_span=span is not None)
        start, stop = local_span(day, zone, pairs) if span is None else _checked_span(day, span)
        if start > pairs[0][0] or stop < pairs[-1][1]:
            raise CalendarError(
                f"session {day}: the span [{start}, {stop}) does not hold all segments: {pairs}", value=day
            )
        if start < -_LIMIT or stop > _LIMIT:
            raise CalendarError(
                f"session {day}: the span [{start}, {stop}) comes within two days of the ends of int64", value=day
            )
        # Over bytes, which nobody can write to: flags.writeable=False alone can be switched back
        # on.
        shared = np.frombuffer(np.array(pairs, np.int64).tobytes(), np.int64).reshape(-1, 2)
        values = (day, zone.key, zone, shared, start, stop, Grid(shared, start, stop, wall(day) // DAY_NS))
        for name, value in zip(self.__slots__, values, strict=True):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a SessionGrid is immutable: cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a SessionGrid is immutable: cannot delete {name!r}")

    def __repr__(self) -> str:
        hours = ", ".join(f"{self._show(start)} - {self._show(stop)}" for start, stop in self.segments.tolist())
        return f"SessionGrid({self.date}, {self.tz}, {hours})"

    def _show(self, ts_ns: int) -> str:
        local = from_ns(ts_ns, self.zone)
        text = local.time().isoformat("auto")
        text = text.removesuffix(":00")
        return text if local.date() == self.date else f"{local.date()} {text}"

    def _key(self) -> tuple[Any, ...]:
        return self.date, self.tz, self.segments.tobytes(), self.span_start, self.span_stop

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, SessionGrid) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor: a copied or unpickled array would be writable.
        return SessionGrid, (self.date, self.tz, self.segments.tolist(), (self.span_start, self.span_stop))

    def _plausible_ns(self, time: Any) -> int:
        """Nanoseconds of a time. A `TimeError` that names the right unit (``ERR_UNIT``) if the time
        lies before 1990, the session does not, and another unit puts the time after 1990."""
        ts_ns = to_ns(time)
        return ts_ns if ts_ns >= LEAST_START_NS or self.span_start < LEAST_START_NS else check_plausible(ts_ns)

    # Slots. Obvious rather than fast: these build grids and answer questions of people. No bar
    # calls them.

    def expected(self, interval: str | Interval, as_of: Any = None) -> int:
        """Number of regular slots that have elapsed at a time.

        Parameters
        ----------
        interval : str or Interval
        as_of : int, datetime64 or aware datetime, optional
            A slot has elapsed when its end is at or before this. Default: all slots of the session.
        """
        step_ns = parse_interval(interval).step_ns
        segments = self.segments.tolist()
        now = segments[-1][1] if as_of is None else self._plausible_ns(as_of)
        if step_ns == 0:
            return int(now >= segments[-1][1])
        # The last slot of a segment may be shorter than a step: it has elapsed with the segment.
        return sum(
            _slots_in(start, stop, step_ns) if now >= stop else max(now - start, 0) // step_ns
            for start, stop in segments
        )

    def slot_starts(self, interval: str | Interval) -> Int64Array:
        """Starts of all regular slots, in time order; the position in it is the slot's ordinal.

        Slots are counted anew from the start of each segment. ``"1d"`` has one slot, which starts
        at the first open.

        Returns
        -------
        ndarray of int64, shape (expected(interval),)
            New array, ns since 1970-01-01 UTC.
        """
        step_ns = parse_interval(interval).step_ns
        if step_ns == 0:
            return self.segments[0, :1].copy()
        starts = [
            start + step_ns * np.arange(_slots_in(start, stop, step_ns), dtype=np.int64)
            for start, stop in self.segments.tolist()
        ]
        return np.concatenate(starts)

    def slot_of(self, ts_ns: Any, interval: str | Interval) -> int:
        """Ordinal of the regular slot that holds a time.

        Parameters
        ----------
        ts_ns : int, datetime64 or aware datetime
        interval : str or Interval

        Returns
        -------
        int
            0, 1, 2 ... through the session; -1 outside the segments, for ``"1d"`` too: also in a
            lunch break.
        """
        ts_ns, step_ns = self._plausible_ns(ts_ns), parse_interval(interval).step_ns
        before = 0
        for start, stop in self.segments.tolist():
            if start <= ts_ns < stop:
                return before + (ts_ns - start) // step_ns if step_ns else 0
            before += _slots_in(start, stop, step_ns) if step_ns else 0
        return -1

    # Local time

    def offsets(self) -> tuple[Int64Array, Int64Array]:
        """UTC offsets in force within the span.

        Returns
        -------
        from_ns : ndarray of int64
            Instants from which each offset holds, ascending and exact; the first is `span_start`.
        utc_offset_ns : ndarray of int64
            Local time minus UTC, in ns.
        """
        return utc_offsets(self.zone, self.span_start, self.span_stop)

    def around(self, hours: tuple[int, int]) -> tuple[int, int]:
        """Instants at which longer hours around the session start and stop.

        Parameters
        ----------
        hours : (int, int)
            Local times of day in ns since midnight: the last at or before the open, the first at or
            after the close.

        Returns
        -------
        (int, int)
            ns; they may lie outside the span.
        """
        open_ns, close_ns = int(self.segments[0, 0]), int(self.segments[-1, 1])
        days = [wall(from_ns(end, self.zone).date()) for end in (open_ns, close_ns)]
        starts = instants([days[0] + day * DAY_NS + hours[0] for day in (-1, 0)], self.zone)
        stops = instants([days[1] + day * DAY_NS + hours[1] for day in (-1, 0, 1)], self.zone)
        return max(start for start in starts if start <= open_ns), min(stop for stop in stops if stop >= close_ns)

    @property
    def needs_dates(self) -> bool:
        """Whether a local time of day alone would be ambiguous.

        True if the segments touch another local date than the session's (a stop exactly at midnight
        does not) or the UTC offset changes within the span.
        """
        ends = int(self.segments[0, 0]), int(self.segments[-1, 1]) - 1
        return any(from_ns(end, self.zone).date() != self.date for end in ends) or len(self.offsets()[0]) > 1


def compiled_of(grid: Any, name: Any = None) -> Grid:
    """What the kernels read of a grid that a user passes. `name` is the symbol, where there are
    many."""
    try:
        return grid.compiled  # type: ignore[no-any-return]
    except AttributeError:
        where = "" if name is None else f" (symbol={name!r})"
        raise CalendarError(
            "a grid is a SessionGrid, the hours of one trade date, such as calendar.session('2024-03-12'):"
            f" got {type(grid).__name__} {grid!r:.80}{where}"
        ) from None


def _checked_span(day: dt.date, span: Any) -> tuple[int, int]:
    try:
        start, stop = map(operator.index, span)
    except (TypeError, ValueError):
        raise CalendarError(f"session {day}: the span is two int of nanoseconds: got {span!r}", value=span) from None
    return start, stop


def _slots_in(start: int, stop: int, step_ns: int) -> int:
    """Slots that cover a segment; the last one may be shorter."""
    return -((start - stop) // step_ns)


def check_segments(day: dt.date, segments: Any, *, has_span: bool = False) -> list[tuple[int, int]]:
    """Segments as pairs of int, without empty ones. A `CalendarError` if they contradict each
    other, or (without a span, which would say where the session lies) count another unit than
    ns."""
    array = np.asarray(segments)
    if array.size and (array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu"):
        raise CalendarError(
            f"session {day}: segments are pairs of int nanoseconds: got shape {array.shape}, dtype {array.dtype}"
        )
    pairs = [(int(start), int(stop)) for start, stop in segments]
    at = -_LIMIT
    if day.year >= 1990 and not has_span:
        for edge in {edge for pair in pairs for edge in pair if edge < LEAST_START_NS}:
            _check_edge(day, edge)
    for i, (start, stop) in enumerate(pairs):
        if start < at or stop < start or stop > _LIMIT:
            raise CalendarError(
                f"session {day}: segments must be sorted, must not overlap or end before they start, and must stay two"
                f" days within int64: segment {i} is [{start}, {stop})"
            )
        at = stop
    pairs = [(start, stop) for start, stop in pairs if start < stop]
    if not pairs:
        raise CalendarError(f"session {day}: no segment in which the market is open", value=day)
    return pairs


def _check_edge(day: dt.date, ts_ns: int) -> None:
    """A `CalendarError` for an edge of a session since 1990 that another unit than ns puts
    there."""
    try:
        check_plausible(ts_ns)
    except TimeError as error:
        raise CalendarError(f"session {day}: {error}", value=ts_ns, code=error.code) from None


def local_span(day: dt.date, zone: ZoneInfo, hours: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The local calendar day, pushed outwards by the session."""
    if abs(wall(day)) > _LIMIT:
        raise CalendarError(f"session {day}: the date comes within two days of the ends of int64", value=day)
    midnight, next_midnight = instants([wall(day), wall(day) + DAY_NS], zone)
    return min(midnight, hours[0][0]), max(next_midnight, hours[-1][1])
