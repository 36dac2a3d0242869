"""Calendars: which dates are sessions, and when the market is open on them.

A `SessionCalendar` answers by date and hands out a `SessionGrid`, the immutable hours of one trade date. Grids are
built once, before the first bar of a session; the bar path never sees a calendar.

    calendar("XNYS") --> _Exchange --+
    from_schedule()  --> _Table    --+--> SessionCalendar --> SessionGrid
    from_hours()     --> _Rule     --+    (cuts spans at      (segments and span
    always_open()    --> _Rule     --+     neighbours)         of one trade date)

exchange_calendars (and with it pandas) is imported when `calendar` is asked for an exchange, not before.

Rejected: one exchange_calendars table that grows with each date asked for. Its XKRX takes 0.18 s a year, so a session
of 1965 would wait for sixty years of them; a table per decade waits for ten.
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from sessiondata._grid import Grid
from sessiondata.errors import CalendarError, DateOutOfRangeError, TimeError
from sessiondata.intervals import Interval, parse_interval
from sessiondata.times import NAT, Int64Array, from_ns, to_ns, to_ns_array, to_zone, utc_offsets, wall_to_ns

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["SessionCalendar", "SessionGrid", "calendar"]

DateLike: TypeAlias = "str | dt.date | np.datetime64"
TimeLike: TypeAlias = "str | dt.time"
Hours: TypeAlias = tuple[tuple[int, int], ...]  # segments [start, stop) in ns, sorted, not empty; () if none

_MINUTE_NS = 60_000_000_000
_DAY_NS = 86_400_000_000_000
_EPOCH = dt.date(1970, 1, 1)
_ONE_DAY = dt.timedelta(days=1)
_ONE_US = dt.timedelta(microseconds=1)

# Slots are found by adding steps to anchors: two days of room at the ends of int64 keep that from overflowing.
_LIMIT = 2**63 - 1 - 2 * _DAY_NS

# Whole years in which no session can reach that limit.
_FIRST_DATE, _LAST_DATE = dt.date(1680, 1, 1), dt.date(2259, 12, 31)


class SessionGrid:
    """Opening hours of one session (one trade date). Immutable, hashable, safe to share between threads.

    Parameters
    ----------
    date : str, date or datetime64
        Trade date.
    tz : str or ZoneInfo
        IANA zone of the exchange.
    segments : sequence of (start, stop), or array of int64 with shape (n, 2)
        Stretches ``[start, stop)`` in which the market is open, in ns since 1970-01-01 UTC, sorted. They may touch (a
        boundary is a reopening) but not overlap. Empty ones are dropped. Copied.
    span : (int, int), optional
        ``[start, stop)`` in ns: every timestamp that belongs to the trade date. Default: the local calendar day, made
        longer if the session reaches beyond it. A calendar also cuts it at the neighbouring sessions.

    Attributes
    ----------
    date : datetime.date
    tz : str
    zone : ZoneInfo
    segments : ndarray of int64, shape (n, 2)
        Read-only, and cannot be made writable. n >= 1.
    span_start, span_stop : int
        ns, ``[span_start, span_stop)``.
    compiled : sessiondata._grid.Grid
        The same, as the kernels read it.

    Raises
    ------
    CalendarError
        If no segment is left, they are not sorted, overlap, end before they start, lie outside the span, or a time
        comes within two days of the ends of int64. Names the segment.
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
        day, zone = _to_date(date), _to_zone(tz)
        pairs = _check_segments(day, segments)
        start, stop = _local_span(day, zone, pairs) if span is None else (int(span[0]), int(span[1]))
        if start > pairs[0][0] or stop < pairs[-1][1]:
            raise CalendarError(f"session {day}: the span [{start}, {stop}) does not hold all segments: {pairs}")
        if start < -_LIMIT or stop > _LIMIT:
            raise CalendarError(f"session {day}: the span [{start}, {stop}) comes within two days of the ends of int64")
        # Over bytes, which nobody can write to: flags.writeable=False alone can be switched back on.
        frozen = np.frombuffer(np.array(pairs, np.int64).tobytes(), np.int64).reshape(-1, 2)
        values = (day, zone.key, zone, frozen, start, stop, Grid(frozen, start, stop))
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

    # Slots. Obvious rather than fast: they build grids and answer people, they are not called for each bar.

    def expected(self, interval: str | Interval, as_of: Any = None) -> int:
        """Number of regular slots that are over at a time.

        Parameters
        ----------
        interval : str or Interval
        as_of : int or anything `to_ns` takes, optional
            A slot is over when its end is at or before this. Default: all slots of the session.
        """
        step_ns = parse_interval(interval).step_ns
        segments = self.segments.tolist()
        now = segments[-1][1] if as_of is None else to_ns(as_of)
        if step_ns == 0:
            return int(now >= segments[-1][1])
        # The last slot of a segment may be shorter than a step: it is over when the segment is.
        return sum(
            _slots_in(start, stop, step_ns) if now >= stop else max(now - start, 0) // step_ns
            for start, stop in segments
        )

    def slot_starts(self, interval: str | Interval) -> Int64Array:
        """Starts of all regular slots, in time order; the position in it is the slot's ordinal.

        Slots are counted anew from the start of each segment. ``"1d"`` has one slot, which starts at the first open.

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
        ts_ns : int or anything `to_ns` takes
        interval : str or Interval

        Returns
        -------
        int
            0, 1, 2 ... through the session; -1 outside the segments, for ``"1d"`` too: also in a lunch break.
        """
        ts_ns, step_ns = to_ns(ts_ns), parse_interval(interval).step_ns
        before = 0
        for start, stop in self.segments.tolist():
            if start <= ts_ns < stop:
                return before + (ts_ns - start) // step_ns if step_ns else 0
            before += _slots_in(start, stop, step_ns) if step_ns else 0
        return -1

    # Local time

    def offsets(self) -> tuple[Int64Array, Int64Array]:
        """UTC offsets in force over the span.

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
            Local times of day in ns since midnight: the last at or before the open, the first at or after the close.

        Returns
        -------
        (int, int)
            ns; they may lie outside the span.
        """
        open_ns, close_ns = int(self.segments[0, 0]), int(self.segments[-1, 1])
        days = [_wall(from_ns(end, self.zone).date()) for end in (open_ns, close_ns)]
        starts = _instants([days[0] + day * _DAY_NS + hours[0] for day in (-1, 0)], self.zone)
        stops = _instants([days[1] + day * _DAY_NS + hours[1] for day in (-1, 0, 1)], self.zone)
        return max(start for start in starts if start <= open_ns), min(stop for stop in stops if stop >= close_ns)

    @property
    def needs_dates(self) -> bool:
        """Whether a local time of day alone would be ambiguous.

        True if the segments touch another local date than the session's (a stop exactly at midnight does not) or the
        UTC offset changes within the span.
        """
        ends = int(self.segments[0, 0]), int(self.segments[-1, 1]) - 1
        return any(from_ns(end, self.zone).date() != self.date for end in ends) or len(self.offsets()[0]) > 1


def _slots_in(start: int, stop: int, step_ns: int) -> int:
    """Slots that cover a segment; the last one may be shorter."""
    return -((start - stop) // step_ns)


def _check_segments(day: dt.date, segments: Any) -> list[tuple[int, int]]:
    """Segments as pairs of int, without empty ones; a `CalendarError` if they contradict themselves."""
    array = np.asarray(segments)
    if array.size and (array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu"):
        raise CalendarError(
            f"session {day}: segments are pairs of int nanoseconds: got shape {array.shape}, dtype {array.dtype}"
        )
    pairs = [(int(start), int(stop)) for start, stop in segments]
    at = -_LIMIT
    for i, (start, stop) in enumerate(pairs):
        if start < at or stop < start or stop > _LIMIT:
            raise CalendarError(
                f"session {day}: segments must be sorted, must not overlap or end before they start, and must stay two"
                f" days within int64: segment {i} is [{start}, {stop})"
            )
        at = stop
    pairs = [(start, stop) for start, stop in pairs if start < stop]
    if not pairs:
        raise CalendarError(f"session {day}: no segment in which the market is open")
    return pairs


def _local_span(day: dt.date, zone: ZoneInfo, hours: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The local calendar day, pushed outwards by the session."""
    if abs(_wall(day)) > _LIMIT:
        raise CalendarError(f"session {day}: the date comes within two days of the ends of int64")
    midnight, next_midnight = _instants([_wall(day), _wall(day) + _DAY_NS], zone)
    return min(midnight, hours[0][0]), max(next_midnight, hours[-1][1])


# --- dates, times of day, zones
# ----------------------------------------------------------------------------------------


def _to_date(value: Any) -> dt.date:
    """Trade date of a str ``YYYY-MM-DD``, a date, or a naive datetime or datetime64 at midnight."""
    day: Any = None
    if isinstance(value, str):
        # fromisoformat alone would also take "20240102" and week dates.
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
            try:
                day = dt.date.fromisoformat(value)
            except ValueError:
                day = None
    elif isinstance(value, np.datetime64):
        if not np.isnat(value) and value == value.astype("datetime64[D]"):
            day = value.astype("datetime64[D]").item()  # an int where the year is beyond Python's
    elif isinstance(value, dt.datetime):
        # Labels of pandas are such. NaT is a datetime too, and not equal to itself.
        if value.tzinfo is None and value == value and value.time() == dt.time(0):
            day = value.date()
    else:
        day = value
    if not isinstance(day, dt.date):
        raise CalendarError(
            f"not a trade date: {value!r}; pass 'YYYY-MM-DD', a date, or a datetime64 or naive datetime at midnight"
        )
    return day


def _to_time(value: Any, what: str) -> int:
    """Time of day in ns since midnight, of a time or ``HH:MM[:SS]`` up to ``24:00``."""
    if isinstance(value, str):
        match = re.fullmatch(r"([01][0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?", value, re.ASCII)
        if match:
            ns = (int(match[1]) * 60 + int(match[2])) * _MINUTE_NS + int(match[3] or 0) * 1_000_000_000
            if ns <= _DAY_NS:
                return ns
    elif isinstance(value, dt.time) and value.tzinfo is None:
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return seconds * 1_000_000_000 + value.microsecond * 1000
    raise CalendarError(f"{what} is a local time of day, 'HH:MM', 'HH:MM:SS' or a time without tzinfo: got {value!r}")


def _time_text(time_ns: int) -> str:
    """A time of day as `_time_of_text` reads it."""
    if time_ns == _DAY_NS:
        return "24:00"
    text = (dt.datetime.min + dt.timedelta(microseconds=time_ns // 1000)).time().isoformat("microseconds")
    return text.removesuffix(".000000")


def _time_texts(times: Mapping[Any, TimeLike] | None) -> dict[str, str]:
    return {_to_date(day).isoformat(): _time_text(_to_time(time, "hours")) for day, time in (times or {}).items()}


def _time_of_text(text: str) -> TimeLike:
    return dt.time.fromisoformat(text) if "." in text else text


def to_hours(value: Any) -> tuple[int, int]:
    """Two times of day, in ns since midnight."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise CalendarError(f"extended hours are two local times of day, such as ('04:00', '20:00'): got {value!r}")
    return _to_time(value[0], "the start of extended hours"), _to_time(value[1], "the stop of extended hours")


def _to_zone(tz: Any) -> ZoneInfo:
    from zoneinfo import ZoneInfo  # not needed until a zone is

    try:
        zone = to_zone(tz)
    except TimeError as error:
        raise CalendarError(str(error)) from error
    if not isinstance(zone, ZoneInfo) or zone.key is None:
        raise CalendarError(f"tz is an IANA name or a ZoneInfo that has one: got {tz!r}")
    return zone


def _wall(day: dt.date) -> int:
    """Midnight of a date as if its zone were UTC, in ns."""
    return (day - _EPOCH).days * _DAY_NS


def _instants(walls: Sequence[int], zone: ZoneInfo) -> list[int]:
    """Instants of local wall times: the first of two; the end of the jump where the clocks skip one."""
    if zone.key == "UTC":
        return list(walls)
    return [_instant(wall, zone) for wall in walls]


@lru_cache(maxsize=1024)  # a session and the next one ask for the same midnights
def _instant(wall: int, zone: ZoneInfo) -> int:
    # The zone itself is asked: `wall_to_ns` is for columns, and took two thirds of the time of building a grid.
    local = dt.datetime(1970, 1, 1, tzinfo=zone) + dt.timedelta(microseconds=wall // 1000)
    offset = local.utcoffset()
    assert offset is not None  # of a ZoneInfo
    ts_ns = wall - offset // _ONE_US * 1000
    if from_ns(ts_ns, zone).utcoffset() == offset:
        return ts_ns
    return int(wall_to_ns(np.array([wall], np.int64), zone, skipped="shift")[0])  # the clocks skip it


def _cut(start: int, stop: int, breaks: Iterable[tuple[int, int]]) -> Hours:
    """``[start, stop)`` without the breaks. An empty break is none; one that reaches out of the hours is trimmed."""
    segments = []
    for break_start, break_stop in sorted(breaks):
        if break_start >= break_stop:
            continue
        if start < min(break_start, stop):
            segments.append((start, min(break_start, stop)))
        start = max(start, break_stop)
    if start < stop:
        segments.append((start, stop))
    return tuple(segments)


# --- where the hours of a date come from
# -------------------------------------------------------------------------------


class _Source(Protocol):
    """Hours by date. Every date given lies inside the range."""

    name: str

    @property
    def zone(self) -> ZoneInfo: ...

    def recipe(self) -> dict[str, Any]:
        """What `from_recipe` makes the same source of: texts, ints, lists and dicts."""

    def range_near(self, day: dt.date) -> tuple[dt.date, dt.date]:
        """First and last date known, inclusive. `day` is a hint what will be asked next."""

    def hours(self, day: dt.date) -> Hours: ...

    def before(self, day: dt.date) -> dt.date | None:
        """Newest session date before `day`; None if the range has none."""

    def after(self, day: dt.date) -> dt.date | None:
        """Oldest session date after `day`; None if the range has none."""


class _Table:
    """Hours written down date by date. Dates without hours only extend the range."""

    def __init__(self, name: str, zone: ZoneInfo, rows: Iterable[tuple[dt.date, Hours]]) -> None:
        rows = sorted(rows)
        if not rows:
            raise CalendarError(f"calendar {name!r}: the schedule is empty")
        for (day, _), (next_day, _) in pairwise(rows):
            if day == next_day:
                raise CalendarError(f"calendar {name!r}: two sessions on {day}")
        self.name, self.zone = name, zone
        self._range = rows[0][0], rows[-1][0]
        self._hours = {day: hours for day, hours in rows if hours}
        self._days = list(self._hours)
        for day, next_day in pairwise(self._days):
            _check_apart(name, day, self._hours[day], next_day, self._hours[next_day])

    def recipe(self) -> dict[str, Any]:
        days = (*self._range, *self._days)
        rows = {day.isoformat(): [list(pair) for pair in self._hours.get(day, ())] for day in days}
        return {"kind": "schedule", "tz": self.zone.key, "name": self.name, "rows": rows}

    def range_near(self, day: dt.date) -> tuple[dt.date, dt.date]:  # noqa: ARG002
        return self._range

    def hours(self, day: dt.date) -> Hours:
        return self._hours.get(day, ())

    def before(self, day: dt.date) -> dt.date | None:
        i = bisect_left(self._days, day)
        return self._days[i - 1] if i else None

    def after(self, day: dt.date) -> dt.date | None:
        i = bisect_right(self._days, day)
        return self._days[i] if i < len(self._days) else None


def _check_apart(name: str, day: dt.date, hours: Hours, next_day: dt.date, next_hours: Hours) -> None:
    if next_hours[0][0] < hours[-1][1]:
        raise CalendarError(f"calendar {name!r}: session {next_day} opens before session {day} has closed")


class _Rule:
    """Hours computed from the date."""

    def __init__(self, name: str, zone: ZoneInfo, rule: Callable[[dt.date], Hours], recipe: dict[str, Any]) -> None:
        self.name, self.zone, self._recipe = name, zone, recipe
        self.hours = lru_cache(maxsize=4096)(rule)

    def recipe(self) -> dict[str, Any]:
        return {**self._recipe, "tz": self.zone.key, "name": self.name}

    def range_near(self, day: dt.date) -> tuple[dt.date, dt.date]:  # noqa: ARG002
        return _FIRST_DATE, _LAST_DATE

    def before(self, day: dt.date) -> dt.date | None:
        while day > _FIRST_DATE:
            day -= _ONE_DAY
            if self.hours(day):
                return day
        return None

    def after(self, day: dt.date) -> dt.date | None:
        while day < _LAST_DATE:
            day += _ONE_DAY
            if self.hours(day):
                return day
        return None


class _Exchange:
    """Hours of exchange_calendars, a table per decade, built when a date of it is first asked for.

    The range is the library's: from its `bound_min`, if the calendar has one, to its default end, about a year from
    now. It would go on further, but no exchange has announced its holidays by then.
    """

    # Tables overlap by this much, so that the neighbours of a session at the turn of a decade are nearly always in its
    # own.
    _MARGIN = dt.timedelta(days=40)

    def __init__(self, name: str) -> None:
        self.name = name
        self._zone: ZoneInfo | None = None
        self._range: tuple[dt.date, dt.date] | None = None
        self._tables: dict[int, _Table] = {}

    def recipe(self) -> dict[str, Any]:
        return {"kind": "known", "name": self.name}

    @property
    def zone(self) -> ZoneInfo:
        if self._zone is None:
            self.range_near(_today())
        assert self._zone is not None  # set together with the range
        return self._zone

    def range_near(self, day: dt.date) -> tuple[dt.date, dt.date]:
        if self._range is None:
            # Known once something has been built. That of the date is needed next, so it costs nothing extra; but a
            # decade that is not wholly inside the range is refused.
            try:
                self._table(min(max(day, _FIRST_DATE), _LAST_DATE).year // 10)
            except CalendarError:
                self._learn(self._load(None, None))
        assert self._range is not None
        return self._range

    def hours(self, day: dt.date) -> Hours:
        return self._table(day.year // 10).hours(day)

    def before(self, day: dt.date) -> dt.date | None:
        first, _ = self.range_near(day)
        tables = (self._table(decade) for decade in range(day.year // 10, first.year // 10 - 1, -1))
        return next((found for table in tables if (found := table.before(day))), None)

    def after(self, day: dt.date) -> dt.date | None:
        _, last = self.range_near(day)
        tables = (self._table(decade) for decade in range(day.year // 10, last.year // 10 + 1))
        return next((found for table in tables if (found := table.after(day))), None)

    def _table(self, decade: int) -> _Table:
        table = self._tables.get(decade)
        if table is None:
            table = self._tables[decade] = self._build(decade)
        return table

    def _build(self, decade: int) -> _Table:
        start, stop = dt.date(decade * 10, 1, 1) - self._MARGIN, dt.date(decade * 10 + 9, 12, 31) + self._MARGIN
        if self._range is None:
            # In a decade that is not over the library ends where it likes.
            built = self._load(start, stop if stop < _today() else None)
            self._learn(built)
        else:
            built = self._load(max(start, self._range[0]), min(stop, self._range[1]))
        days = built.sessions.to_numpy().astype("datetime64[D]")
        closes = built.closes_nanos
        if self.name == "CMES":
            # The library's day is 17:00 to 17:00. Globex stops for maintenance at 16:00, except on days it closes
            # earlier.
            four = days.astype("datetime64[ns]").view(np.int64) + 16 * 60 * _MINUTE_NS
            closes = np.minimum(closes, wall_to_ns(four, self.zone))
        return _Table(
            self.name,
            self.zone,
            _rows(days.tolist(), built.opens_nanos, closes, [(built.break_starts_nanos, built.break_ends_nanos)]),
        )

    def _load(self, start: dt.date | None, stop: dt.date | None) -> Any:
        """Calendar object of the library over a range of dates, or its default one."""
        import exchange_calendars

        # pandas warns of what the library does inside; that is nothing the caller could change.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return exchange_calendars.get_calendar(
                    self.name, start=start and start.isoformat(), end=stop and stop.isoformat()
                )
            except Exception as error:  # some calendars fail with some versions of pandas, in ways of their own
                raise CalendarError(
                    f"exchange_calendars {exchange_calendars.__version__} cannot build {self.name!r}"
                    f" from {start or 'its first'} to {stop or 'its last date'}: {type(error).__name__}: {error}"
                ) from error

    def _learn(self, built: Any) -> None:
        self._zone = _to_zone(getattr(built.tz, "key", str(built.tz)))
        bound = built.bound_min()
        first = _FIRST_DATE if bound is None else max(bound.date(), _FIRST_DATE)
        self._range = first, min(built.default_end().date(), _LAST_DATE)


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _rows(
    days: Sequence[dt.date], opens: Int64Array, closes: Int64Array, breaks: Iterable[tuple[Int64Array, Int64Array]]
) -> list[tuple[dt.date, Hours]]:
    """Rows of a `_Table`, of columns in ns in which NaT stands for none; of breaks any number of pairs of columns."""
    hours = _pairs(days, opens, closes, "hours")
    pauses = [_pairs(days, starts, ends, "a break") for starts, ends in breaks]
    return [(day, _cut(*hours[i], (pause[i] for pause in pauses))) for i, day in enumerate(days)]


def _pairs(days: Sequence[dt.date], starts: Int64Array, stops: Int64Array, what: str) -> list[tuple[int, int]]:
    bad = (starts == NAT) != (stops == NAT)
    bad |= stops < starts
    if bad.any():
        raise CalendarError(f"session {days[int(bad.argmax())]}: {what} with one end only, or ending before the start")
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


# --- the public classes
# ------------------------------------------------------------------------------------------------


class SessionCalendar:
    """Sessions of an exchange, by trade date.

    Made by `calendar`, `from_hours`, `from_schedule` or `always_open`, not by its constructor. Grids are built when
    they are asked for and kept. Reading from several threads is safe; at worst a grid is built twice.

    Attributes
    ----------
    name : str
    tz : str
        IANA zone of the exchange.
    zone : ZoneInfo
    """

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._grids: dict[dt.date, SessionGrid] = {}

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def zone(self) -> ZoneInfo:
        return self._source.zone

    @property
    def tz(self) -> str:
        return str(self._source.zone.key)

    def __repr__(self) -> str:
        return f"SessionCalendar({self.name!r})"

    def _is_like(self, other: SessionCalendar) -> bool:
        """Whether both were made in the same way, as a program does that loads a store and goes on as it began. Hours
        that were saved may differ from those of the other one."""
        if self._source is other._source:
            return True
        return self.name == other.name and self.recipe() == other.recipe()

    # Questions

    def session(self, date: DateLike) -> SessionGrid:
        """Grid of a trade date.

        Its span is the local calendar day, pushed outwards by the session itself and cut by its neighbours: not before
        the last close of the session before it, not after the span of the next one begins.

        Parameters
        ----------
        date : str, date or datetime64
            ``"YYYY-MM-DD"``; a naive datetime or datetime64 must be at midnight.

        Returns
        -------
        SessionGrid
            The same object each time.

        Raises
        ------
        CalendarError
            If `date` is no date, or there is no session on it.
        DateOutOfRangeError
            If the calendar knows nothing about the date.
        """
        day = _to_date(date)
        grid = self._grids.get(day)
        if grid is None:
            self._check_range(day)
            if not self._source.hours(day):
                raise CalendarError(
                    f"calendar {self.name!r}: no session on {day}; the next to it are {self._source.before(day)} and"
                    f" {self._source.after(day)}"
                )
            grid = self._grids[day] = self._build(day)
        return grid

    def session_at(self, ts_ns: Any) -> SessionGrid:
        """Grid of the trade date that a time belongs to.

        Parameters
        ----------
        ts_ns : int or anything `to_ns` takes

        Returns
        -------
        SessionGrid
            The one with ``span_start <= ts_ns < span_stop``. There is at most one: spans do not overlap.

        Raises
        ------
        CalendarError
            If the time belongs to no trade date, such as a Saturday.
        DateOutOfRangeError
            If the calendar knows nothing about its local date.
        TimeError
            If `ts_ns` is not a point in time.
        """
        ts_ns = to_ns(ts_ns)
        source, day = self._source, from_ns(ts_ns, self.zone).date()
        first, last = source.range_near(day)
        # Spans ascend with their dates, and lie at or near them: begin on the local date and walk to the one that could
        # hold the time, whatever the distance from a trade date to its hours.
        near = min(max(day, first), last)
        here = near if source.hours(near) else source.after(near) or source.before(near)
        while here is not None and self.session(here).span_start > ts_ns:
            here = source.before(here)
        while here is not None and self.session(here).span_stop <= ts_ns:
            following = source.after(here)
            here = None if following is None or self.session(following).span_start > ts_ns else following
        if here is not None:
            return self.session(here)
        self._check_range(day)
        raise CalendarError(
            f"calendar {self.name!r}: {from_ns(ts_ns, self.zone).isoformat()} (ts_ns={ts_ns}) belongs to no trade date"
        )

    def session_dates(self, start: DateLike, stop: DateLike) -> list[dt.date]:
        """Trade dates from `start` to `stop`, **both inclusive**, as people name dates; empty if `stop` is the earlier.

        Raises
        ------
        DateOutOfRangeError
            If one of them is beyond what the calendar knows: "no sessions there" would be a guess.
        CalendarError
            If one is no date.
        """
        first, last = _to_date(start), _to_date(stop)
        self._check_range(first)
        self._check_range(last)
        days = []
        day: dt.date | None = first if self._source.hours(first) else self._source.after(first)
        while day is not None and day <= last:
            days.append(day)
            day = self._source.after(day)
        return days

    def next_date(self, date: DateLike) -> dt.date:
        """First trade date after a date.

        Raises
        ------
        DateOutOfRangeError
            The calendar does not know it.
        CalendarError
            If `date` is no date.
        """
        day = _to_date(date)
        self._check_range(day)
        found = self._source.after(day)
        if found is None:
            raise DateOutOfRangeError(f"calendar {self.name!r} knows no session after {day}")
        return found

    def _check_range(self, day: dt.date) -> None:
        first, last = self._source.range_near(day)
        if not first <= day <= last:
            raise DateOutOfRangeError(f"calendar {self.name!r} knows {first} to {last}: got {day}")

    def _build(self, day: dt.date) -> SessionGrid:
        source = self._source
        hours, before, after = source.hours(day), source.before(day), source.after(day)
        start, stop = _local_span(day, source.zone, hours)
        if before is not None:
            earlier = source.hours(before)
            _check_apart(self.name, before, earlier, day, hours)
            start = max(start, earlier[-1][1])
        if after is not None:
            later = source.hours(after)
            _check_apart(self.name, day, hours, after, later)
            stop = min(stop, max(_local_span(after, source.zone, later)[0], hours[-1][1]))
        return SessionGrid(day, source.zone, hours, (start, stop))

    # Constructors

    @classmethod
    def from_hours(
        cls,
        open: TimeLike,  # noqa: A002
        close: TimeLike,
        tz: str | ZoneInfo,
        *,
        breaks: Iterable[tuple[TimeLike, TimeLike]] = (),
        weekdays: Collection[int] = (0, 1, 2, 3, 4),
        holidays: Iterable[DateLike] = (),
        early_closes: Mapping[Any, TimeLike] | None = None,
        late_opens: Mapping[Any, TimeLike] | None = None,
        name: str | None = None,
    ) -> SessionCalendar:
        """Calendar of regular hours.

        Parameters
        ----------
        open, close : str or time
            Local wall times, ``"HH:MM"`` or ``"HH:MM:SS"``; a close may be ``"24:00"``. With ``open >= close`` the
            session is overnight: it opens on the calendar day before its trade date, which is the date of the close.
            Equal ones make a session of a whole day (17:00 to 17:00 in New York for currencies).
        tz : str or ZoneInfo
            Hours follow its wall clock, so that a session over a change of the clocks is an hour shorter or longer. A
            wall time that the clocks skip becomes the instant they jump; of one shown twice the first counts.
        breaks : iterable of (start, end), optional
            Wall times. Empty ones are none.
        weekdays : collection of int, optional
            Weekdays of the trade dates, 0 = Monday.
        holidays : iterable of dates, optional
            Trade dates without a session.
        early_closes, late_opens : mapping of date to time, optional
            Another close or open on a trade date. A time at or after `open` of an overnight session is on the evening
            it opens. A break that reaches out of the shorter hours is cut off.
        name : str, optional

        Raises
        ------
        CalendarError
            If a value is not of these forms, a break lies outside the hours, or a special date is no session or has no
            hours left.
        """
        zone = _to_zone(tz)
        open_ns, close_ns = _to_time(open, "open"), _to_time(close, "close")
        if open_ns == _DAY_NS:
            raise CalendarError("open is before 24:00: pass '00:00'")
        overnight = open_ns >= close_ns

        def place(time_ns: int) -> int:
            """Time of day relative to midnight of the trade date: evenings of an overnight session are negative."""
            return time_ns - _DAY_NS if overnight and time_ns >= open_ns else time_ns

        days_open = frozenset(weekdays)
        if not days_open or not days_open <= frozenset(range(7)):
            raise CalendarError(f"weekdays are numbers from 0 (Monday) to 6, at least one: got {weekdays!r}")
        closed = frozenset(_to_date(day) for day in holidays)
        pauses, told_pauses = [], []
        for pause in breaks:
            edges = [_to_time(pause[0], "break"), _to_time(pause[1], "break")]
            told_pauses.append([_time_text(edge) for edge in edges])
            start = place(edges[0])
            stop = start - start % _DAY_NS + edges[1]
            if overnight and stop < start:
                stop += _DAY_NS
            if not place(open_ns) <= start <= stop <= close_ns:
                raise CalendarError(f"a break begins and ends within the hours {open} - {close}: got {pause}")
            pauses.append((start, stop))
        closes = {_to_date(day): place(_to_time(time, "early close")) for day, time in (early_closes or {}).items()}
        opens = {_to_date(day): place(_to_time(time, "late open")) for day, time in (late_opens or {}).items()}
        for day in closes.keys() | opens.keys():
            if day.weekday() not in days_open or day in closed:
                raise CalendarError(f"special hours on {day}, which is no session")
            if opens.get(day, place(open_ns)) >= closes.get(day, close_ns):
                raise CalendarError(f"special hours on {day} close before they open")

        def rule(day: dt.date) -> Hours:
            if day.weekday() not in days_open or day in closed:
                return ()
            edges = [opens.get(day, place(open_ns)), closes.get(day, close_ns)]
            edges += [edge for pause in pauses for edge in pause]
            start, stop, *rest = _instants([_wall(day) + edge for edge in edges], zone)
            return _cut(start, stop, zip(rest[::2], rest[1::2], strict=True))

        recipe = {
            "kind": "hours",
            "open": _time_text(open_ns),
            "close": _time_text(close_ns),
            "breaks": told_pauses,
            "weekdays": sorted(days_open),
            "holidays": [day.isoformat() for day in sorted(closed)],
            "early_closes": _time_texts(early_closes),
            "late_opens": _time_texts(late_opens),
        }
        return cls(_Rule(name or f"{open}-{close} {zone.key}", zone, rule, recipe))

    @classmethod
    def from_schedule(cls, schedule: Any, tz: str | ZoneInfo, name: str | None = None) -> SessionCalendar:
        """Calendar of hours written down date by date.

        Parameters
        ----------
        schedule : DataFrame, or mapping of date to segments
            A pandas frame as exchange_calendars (`.schedule`) and pandas_market_calendars (`.schedule(...)`) make it:
            index of naive trade dates; aware columns ``open`` and ``close``, or ``market_open`` and ``market_close``;
            and any number of breaks: ``break_start`` and ``break_end``, ``interruption_start_1`` and
            ``interruption_end_1`` (those of ``.schedule(..., interruptions=True)``), and so on. Other columns, such as
            ``pre`` and ``post``, are ignored. A row without open and close is no session; a break that is NaT or empty
            is none, one that reaches out of the hours is cut, and of breaks that overlap all are closed. Or a mapping
            of trade date to a sequence of ``(start, stop)``, each an int of ns or what `to_ns` takes; an empty
            sequence is no session.
        tz : str or ZoneInfo
            Zone of the exchange: it decides the spans, not the hours, which are instants.
        name : str, optional

        Returns
        -------
        SessionCalendar
            It knows the dates from the first to the last of the schedule.

        Raises
        ------
        CalendarError
            If the schedule is empty, lacks a column (also one of the two of a break), names a date twice, is naive, or
            contradicts itself. Names the date.
        """
        zone, name = _to_zone(tz), name or "schedule"
        if isinstance(schedule, Mapping):
            rows = [_mapped_row(day, segments) for day, segments in schedule.items()]
        elif hasattr(schedule, "columns") and hasattr(schedule, "index"):
            rows = _frame_rows(schedule)
        else:
            raise CalendarError(
                f"a schedule is a pandas DataFrame or a mapping of date to segments: got {type(schedule).__name__}"
            )
        return cls(_Table(name, zone, rows))

    @classmethod
    def always_open(cls, start: TimeLike = "00:00", tz: str | ZoneInfo = "UTC") -> SessionCalendar:
        """Calendar that never closes (24x7). Pure arithmetic; imports nothing.

        Parameters
        ----------
        start : str or time, optional
            Local time at which a session begins. It lasts until the next one begins, 23 or 25 hours where the clocks
            change, and its trade date is the local date it begins on.
        tz : str or ZoneInfo, optional

        Raises
        ------
        CalendarError
            If `start` is not a time of day before 24:00, or there is no such zone.
        """
        zone, start_ns = _to_zone(tz), _to_time(start, "start")
        if start_ns == _DAY_NS:
            raise CalendarError("start is before 24:00: pass '00:00'")

        def rule(day: dt.date) -> Hours:
            opens = _wall(day) + start_ns
            edges = _instants([opens, opens + _DAY_NS], zone)
            return _cut(edges[0], edges[1], ())  # nothing on a date that the zone skipped (Apia, 2011-12-30)

        plain = start_ns == 0 and zone.key == "UTC"
        recipe = {"kind": "always", "start": _time_text(start_ns)}
        return cls(_Rule("24/7" if plain else f"24/7 from {start} {zone.key}", zone, rule, recipe))

    # To disk and back

    def recipe(self) -> dict[str, Any]:
        """What `from_recipe` makes the same calendar of: a dict of texts, ints, lists and dicts, fit for JSON."""
        if _known.get(self.name) is self:
            return {"kind": "known", "name": self.name}
        return self._source.recipe()

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> SessionCalendar:
        """The calendar that a `recipe` is of: for a name that `calendar` knows the very same object.

        Raises
        ------
        CalendarError
            As for the constructors; or the recipe is of no kind that this version knows.
        """
        kind = recipe["kind"]
        if kind == "known":
            return calendar(recipe["name"])
        if kind == "schedule":
            return cls.from_schedule(recipe["rows"], recipe["tz"], recipe["name"])
        if kind == "always":
            made = cls.always_open(_time_of_text(recipe["start"]), recipe["tz"])
            made._source.name = recipe["name"]
            return made
        if kind != "hours":
            raise CalendarError(f"no such kind of calendar: {kind!r}")
        return cls.from_hours(
            _time_of_text(recipe["open"]), _time_of_text(recipe["close"]), recipe["tz"],
            breaks=[(_time_of_text(start), _time_of_text(stop)) for start, stop in recipe["breaks"]],
            weekdays=recipe["weekdays"], holidays=recipe["holidays"], name=recipe["name"],
            early_closes={day: _time_of_text(time) for day, time in recipe["early_closes"].items()},
            late_opens={day: _time_of_text(time) for day, time in recipe["late_opens"].items()},
        )  # fmt: skip


def _mapped_row(date: Any, segments: Any) -> tuple[dt.date, Hours]:
    day = _to_date(date)
    try:
        pairs = [(to_ns(start), to_ns(stop)) for start, stop in segments]
    except (TypeError, ValueError) as error:
        raise CalendarError(f"session {day}: segments are pairs (start, stop) of times: {error}") from error
    if all(start == stop for start, stop in pairs):
        return day, ()
    return day, tuple(_check_segments(day, pairs))


def _frame_rows(frame: Any) -> list[tuple[dt.date, Hours]]:
    columns = list(frame.columns)
    if {"market_open", "market_close"}.issubset(columns):
        names = [("market_open", "market_close")]
    elif {"open", "close"}.issubset(columns):
        names = [("open", "close")]
    else:
        raise CalendarError(f"a schedule has columns open and close, or market_open and market_close: got {columns}")
    # interruption_start_1, interruption_end_1, interruption_start_2 ... : a day may have any number of those.
    for name in columns:
        match = re.fullmatch(r"(break|interruption)_(start|end)((?:_[0-9]+)?)", str(name), re.ASCII)
        if match:
            pair = f"{match[1]}_start{match[3]}", f"{match[1]}_end{match[3]}"
            if not set(pair).issubset(columns):
                raise CalendarError(f"a schedule has both {pair[0]} and {pair[1]}, or neither: got {columns}")
            if match[2] == "start":
                names.append(pair)
    days = [_to_date(label) for label in frame.index]
    opens, *breaks = ((_frame_times(frame, start), _frame_times(frame, stop)) for start, stop in names)
    return _rows(days, *opens, breaks)


def _frame_times(frame: Any, name: str) -> Int64Array:
    if frame[name].isna().all():  # a column of no time has no zone to speak of
        return np.full(len(frame), NAT)
    try:
        return to_ns_array(frame[name])
    except TimeError as error:
        raise CalendarError(f"column {name!r} of a schedule holds aware times (tz_localize it): {error}") from error


_ALWAYS_OPEN = "24/7"
_known: dict[str, SessionCalendar] = {}  # filled when asked: a plain import reads no time zones


def calendar(name: str | SessionCalendar | None = None) -> SessionCalendar:
    """Calendar of an exchange.

    Parameters
    ----------
    name : str, SessionCalendar or None, optional
        A name or alias of exchange_calendars, such as ``"XNYS"`` or ``"NYSE"``; ``"24/7"``, ``"24x7"`` or None for a
        market that never closes, in UTC days; a `SessionCalendar` is returned as it is.

    Returns
    -------
    SessionCalendar
        The same object for each name and its aliases. Hours are read from exchange_calendars by the decade, when a date
        of it is first asked for (about 0.3 s). ``"CMES"`` and its aliases are corrected: the library has one session of
        1,440 minutes, here it ends with the maintenance break at 16:00 Chicago time, after 1,380.

    Raises
    ------
    CalendarError
        If there is no such calendar (names the nearest ones), or exchange_calendars is not installed.
    """
    if isinstance(name, SessionCalendar):
        return name
    if name is None or name == "24x7":
        name = _ALWAYS_OPEN
    if not isinstance(name, str):
        raise CalendarError(f"a calendar is a name, a SessionCalendar or None: got {name!r}")
    found = _known.get(name)
    if found is None:
        if name == _ALWAYS_OPEN:
            return _known.setdefault(name, SessionCalendar.always_open())
        canonical = _canonical(name)
        found = _known.setdefault(canonical, SessionCalendar(_Exchange(canonical)))
        _known[name] = found
    return found


def _canonical(name: str) -> str:
    """Name that an alias of exchange_calendars stands for."""
    try:
        import exchange_calendars
    except ImportError as error:
        raise CalendarError(
            f'calendar {name!r} comes from exchange_calendars: pip install "sessiondata[calendars]"'
        ) from error
    names = exchange_calendars.get_calendar_names()
    if name not in names:
        import difflib

        near = difflib.get_close_matches(name.upper(), names, n=4, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "exchange_calendars.get_calendar_names() lists them all"
        raise CalendarError(f"no calendar {name!r}; {hint}")
    return str(exchange_calendars.resolve_alias(name))
