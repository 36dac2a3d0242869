"""Where the hours of a date come from: written down, computed, or an exchange's.

exchange_calendars (and with it pandas) is imported when hours of an exchange are asked for, not
before.

Rejected: one exchange_calendars table that grows with each date asked for. Its XKRX takes 0.18 s a
year, so a session of 1965 would wait for sixty years of them; a table per decade waits for ten.
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from sessiondata.errors import CalendarError, TimeError, install_hint
from sessiondata.market.grid import check_segments
from sessiondata.time.arrays import to_ns_array
from sessiondata.time.dates import to_date, to_named_zone
from sessiondata.time.instants import to_ns
from sessiondata.time.units import NAT, Int64Array

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = [
    "Corrected",
    "Exchange",
    "Globex",
    "Hours",
    "HoursProvider",
    "Rule",
    "Table",
    "check_cold",
    "cut",
    "frame_rows",
    "has_recipe",
    "mapped_row",
]

# segments [start, stop) in ns, sorted, not empty; () if none
Hours: TypeAlias = tuple[tuple[int, int], ...]

_ONE_DAY = dt.timedelta(days=1)

# Whole years in which no session can reach the limit of a grid.
_FIRST_DATE, _LAST_DATE = dt.date(1680, 1, 1), dt.date(2259, 12, 31)


class HoursProvider(Protocol):
    """Hours by date. Every date given lies inside the range."""

    name: str

    @property
    def zone(self) -> ZoneInfo: ...

    def recipe(self) -> dict[str, Any]:
        """What `from_recipe` makes the same provider of: texts, ints, lists and dicts."""

    def range_near(self, day: dt.date) -> tuple[dt.date, dt.date]:
        """First and last date known, inclusive. `day` is a hint what will be asked next."""

    def hours(self, day: dt.date) -> Hours: ...

    def before(self, day: dt.date) -> dt.date | None:
        """Newest session date before `day`; None if the range has none."""

    def after(self, day: dt.date) -> dt.date | None:
        """Oldest session date after `day`; None if the range has none."""


class Table:
    """Hours written down date by date. Dates without hours only extend the range."""

    def __init__(self, name: str, zone: ZoneInfo, rows: Iterable[tuple[dt.date, Hours]]) -> None:
        rows = sorted(rows)
        if not rows:
            raise CalendarError(f"calendar {name!r}: the schedule is empty")
        for (day, _), (next_day, _) in pairwise(rows):
            if day == next_day:
                raise CalendarError(f"calendar {name!r}: two sessions on {day}", value=day)
        self.name, self.zone = name, zone
        self._range = rows[0][0], rows[-1][0]
        self._hours = {day: hours for day, hours in rows if hours}
        self._days = list(self._hours)
        for day, next_day in pairwise(self._days):
            check_cold(name, day, self._hours[day], next_day, self._hours[next_day])

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


def check_cold(name: str, day: dt.date, hours: Hours, next_day: dt.date, next_hours: Hours) -> None:
    if next_hours[0][0] < hours[-1][1]:
        raise CalendarError(
            f"calendar {name!r}: session {next_day} opens before session {day} has closed", value=next_day
        )


class Rule:
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


class Exchange:
    """Hours of exchange_calendars, a table per decade, built when a date of it is first asked for.

    The range is the library's: from its `bound_min`, if the calendar has one, to its default end,
    about a year from now. It would go on further, but no exchange has announced its holidays by
    then.
    """

    # Tables overlap by this much, so that the neighbours of a session at the turn of a decade are
    # nearly always in its own.
    _MARGIN = dt.timedelta(days=40)

    def __init__(self, name: str) -> None:
        self.name = name
        self._zone: ZoneInfo | None = None
        self._range: tuple[dt.date, dt.date] | None = None
        self._tables: dict[int, Table] = {}

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
            # Known once something has been built. That of the date is needed next, so it costs
            # nothing extra; but a decade that is not wholly inside the range is refused.
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

    def _table(self, decade: int) -> Table:
        table = self._tables.get(decade)
        if table is None:
            table = self._tables[decade] = self._build(decade)
        return table

    def _build(self, decade: int) -> Table:
        start, stop = dt.date(decade * 10, 1, 1) - self._MARGIN, dt.date(decade * 10 + 9, 12, 31) + self._MARGIN
        if self._range is None:
            # In a decade that is not over the library ends where it likes.
            built = self._load(start, stop if stop < _today() else None)
            self._learn(built)
        else:
            built = self._load(max(start, self._range[0]), min(stop, self._range[1]))
        assert self._range is not None  # learnt above
        known = max(start, self._range[0]), min(stop, self._range[1])
        return Table(self.name, self.zone, self._rows_of(built, *known))

    def _rows_of(self, built: Any, start: dt.date, stop: dt.date) -> list[tuple[dt.date, Hours]]:  # noqa: ARG002
        days = built.sessions.to_numpy().astype("datetime64[D]").tolist()
        pauses = [(built.break_starts_nanos, built.break_ends_nanos)]
        return _rows(days, built.opens_nanos, built.closes_nanos, pauses)

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
            except Exception as error:
                # some calendars fail with some versions of pandas, in ways of their own
                raise CalendarError(
                    f"exchange_calendars {exchange_calendars.__version__} cannot build {self.name!r}"
                    f" from {start or 'its first'} to {stop or 'its last date'}: {type(error).__name__}: {error}"
                ) from error

    def _learn(self, built: Any) -> None:
        self._zone = to_named_zone(getattr(built.tz, "key", str(built.tz)))
        bound = built.bound_min()
        first = _FIRST_DATE if bound is None else max(bound.date(), _FIRST_DATE)
        self._range = first, min(built.default_end().date(), _LAST_DATE)


class Globex(Exchange):
    """Hours of CME's equity index futures, of pandas_market_calendars.

    exchange_calendars has a day of 17:00 to 17:00 without the maintenance break, closes at 12:00 or
    16:00 where the market closes at 10:30 or 12:15, and lacks the mornings of Good Friday. The
    range stays that of exchange_calendars.

    Rejected: a table of the differences, kept here. It would be wrong with the next announcement.
    """

    _MARKET = "CME Globex Equity"

    def _rows_of(self, built: Any, start: dt.date, stop: dt.date) -> list[tuple[dt.date, Hours]]:  # noqa: ARG002
        try:
            import pandas_market_calendars
        except ImportError as error:
            hint = install_hint("pandas_market_calendars", "calendars", error)
            raise CalendarError(
                f"the hours of calendar {self.name!r} come from pandas_market_calendars: {hint}"
            ) from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                market = pandas_market_calendars.get_calendar(self._MARKET)
                schedule = market.schedule(start, stop)
            except Exception as error:  # one of its releases was published without its own markets
                raise CalendarError(
                    f"pandas_market_calendars {pandas_market_calendars.__version__} cannot build {self._MARKET!r}"
                    f" from {start} to {stop}: {type(error).__name__}: {error}"
                ) from error
        return frame_rows(schedule)


class Corrected:
    """Hours of another provider, except on a few dates. Dates that are written down as no session
    have ``()``."""

    def __init__(
        self, name: str, base: HoursProvider, changes: Mapping[dt.date, Hours], recipe: dict[str, Any] | None
    ) -> None:
        self.name, self.base, self.changes, self.base_recipe = name, base, dict(sorted(changes.items())), recipe
        self._added = [day for day, hours in self.changes.items() if hours]
        for day in self._added:
            before, after = self.before(day), self.after(day)
            if before is not None:
                check_cold(name, before, self.hours(before), day, self.changes[day])
            if after is not None:
                check_cold(name, day, self.changes[day], after, self.hours(after))

    @property
    def zone(self) -> ZoneInfo:
        return self.base.zone

    def recipe(self) -> dict[str, Any]:
        assert self.base_recipe is not None  # see `has_recipe`
        rows = {day.isoformat(): [list(pair) for pair in hours] for day, hours in self.changes.items()}
        return {"kind": "corrected", "of": self.base_recipe, "name": self.name, "sessions": rows}

    def range_near(self, day: dt.date) -> tuple[dt.date, dt.date]:
        return self.base.range_near(day)

    def hours(self, day: dt.date) -> Hours:
        changed = self.changes.get(day)
        return self.base.hours(day) if changed is None else changed

    def before(self, day: dt.date) -> dt.date | None:
        found = self.base.before(day)
        while found is not None and not self.hours(found):
            found = self.base.before(found)
        i = bisect_left(self._added, day)
        return found if i == 0 else max(self._added[i - 1], found or self._added[i - 1])

    def after(self, day: dt.date) -> dt.date | None:
        found = self.base.after(day)
        while found is not None and not self.hours(found):
            found = self.base.after(found)
        i = bisect_right(self._added, day)
        return found if i == len(self._added) else min(self._added[i], found or self._added[i])


def has_recipe(provider: HoursProvider) -> bool:
    """Whether it can be made anew elsewhere; hours of a user's own making cannot, corrected or
    not."""
    if isinstance(provider, Corrected):
        return has_recipe(provider.base)
    return hasattr(provider, "recipe")


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _rows(
    days: Sequence[dt.date], opens: Int64Array, closes: Int64Array, breaks: Iterable[tuple[Int64Array, Int64Array]]
) -> list[tuple[dt.date, Hours]]:
    """Rows of a `Table`, of columns in ns in which NaT stands for none; of breaks any number of
    pairs of columns."""
    hours = _pairs(days, opens, closes, "hours")
    pauses = [_pairs(days, starts, ends, "a break") for starts, ends in breaks]
    return [(day, cut(*hours[i], (pause[i] for pause in pauses))) for i, day in enumerate(days)]


def _pairs(days: Sequence[dt.date], starts: Int64Array, stops: Int64Array, what: str) -> list[tuple[int, int]]:
    bad = (starts == NAT) != (stops == NAT)
    bad |= stops < starts
    if bad.any():
        raise CalendarError(f"session {days[int(bad.argmax())]}: {what} with one end only, or ending before the start")
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def cut(start: int, stop: int, breaks: Iterable[tuple[int, int]]) -> Hours:
    """``[start, stop)`` without the breaks. An empty break is none; one that reaches out of the
    hours is trimmed."""
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


# --- schedules ------------------------------------------------------------------------------------


def mapped_row(date: Any, segments: Any) -> tuple[dt.date, Hours]:
    day = to_date(date)
    try:
        pairs = [(to_ns(start), to_ns(stop)) for start, stop in segments]
    except (TypeError, ValueError) as error:
        raise CalendarError(f"session {day}: segments are pairs (start, stop) of times: {error}", value=day) from error
    if all(start == stop for start, stop in pairs):
        return day, ()
    return day, tuple(check_segments(day, pairs))


def frame_rows(frame: Any) -> list[tuple[dt.date, Hours]]:
    columns = list(frame.columns)
    if {"market_open", "market_close"}.issubset(columns):
        names = [("market_open", "market_close")]
    elif {"open", "close"}.issubset(columns):
        names = [("open", "close")]
    else:
        raise CalendarError(
            f"a schedule has columns open and close, or market_open and market_close: got {columns}", value=columns
        )
    # interruption_start_1, interruption_end_1, interruption_start_2 ... : a day may have any number
    # of those.
    for name in columns:
        match = re.fullmatch(r"(break|interruption)_(start|end)((?:_[0-9]+)?)", str(name), re.ASCII)
        if match:
            pair = f"{match[1]}_start{match[3]}", f"{match[1]}_end{match[3]}"
            if not set(pair).issubset(columns):
                raise CalendarError(
                    f"a schedule has both {pair[0]} and {pair[1]}, or neither: got {columns}", value=columns
                )
            if match[2] == "start":
                names.append(pair)
    days = [to_date(label) for label in frame.index]
    opens, *breaks = ((_frame_times(frame, start), _frame_times(frame, stop)) for start, stop in names)
    return _rows(days, *opens, breaks)


def _frame_times(frame: Any, name: str) -> Int64Array:
    if frame[name].isna().all():  # a column of no time has no zone to speak of
        return np.full(len(frame), NAT)
    try:
        return to_ns_array(frame[name])
    except TimeError as error:
        raise CalendarError(f"column {name!r} of a schedule holds aware times (tz_localize it): {error}") from error
