"""Hours by date: written down, computed, or those of another provider with corrections.

Hours of exchanges are in `exchange`.
"""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from sessiondata.errors import CalendarError, TimeError
from sessiondata.market.grid import check_segments
from sessiondata.time.arrays import to_ns_array
from sessiondata.time.dates import to_date
from sessiondata.time.instants import to_ns
from sessiondata.time.units import NAT, Int64Array

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = [
    "FIRST_DATE",
    "LAST_DATE",
    "Corrected",
    "Hours",
    "HoursProvider",
    "Rule",
    "Table",
    "check_no_overlap",
    "cut",
    "frame_rows",
    "has_recipe",
    "mapped_row",
    "rows_of_columns",
]

# segments [start, stop) in ns, sorted, not empty; () if none
Hours: TypeAlias = tuple[tuple[int, int], ...]

_ONE_DAY = dt.timedelta(days=1)

# Whole years in which no session can reach the limit of a grid.
FIRST_DATE, LAST_DATE = dt.date(1680, 1, 1), dt.date(2259, 12, 31)


class HoursProvider(Protocol):
    """Hours by date. Callers ask only for dates inside the range."""

    name: str

    @property
    def zone(self) -> ZoneInfo: ...

    def recipe(self) -> dict[str, Any]:
        """A dict of texts, ints, lists and dicts, of which `from_recipe` makes the same
        provider."""

    def range_near(self, day: dt.date) -> tuple[dt.date, dt.date]:
        """First and last date known, inclusive. `day` is a hint: hours near it will be asked
        for."""

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
            check_no_overlap(name, day, self._hours[day], next_day, self._hours[next_day])

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


def check_no_overlap(name: str, day: dt.date, hours: Hours, next_day: dt.date, next_hours: Hours) -> None:
    """A `CalendarError` if a session opens before the one before it has closed."""
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
        return FIRST_DATE, LAST_DATE

    def before(self, day: dt.date) -> dt.date | None:
        while day > FIRST_DATE:
            day -= _ONE_DAY
            if self.hours(day):
                return day
        return None

    def after(self, day: dt.date) -> dt.date | None:
        while day < LAST_DATE:
            day += _ONE_DAY
            if self.hours(day):
                return day
        return None


class Corrected:
    """Hours of another provider, except on a few dates. ``()`` is no session on that date."""

    def __init__(
        self, name: str, base: HoursProvider, changes: Mapping[dt.date, Hours], recipe: dict[str, Any] | None
    ) -> None:
        self.name, self.base, self.changes, self.base_recipe = name, base, dict(sorted(changes.items())), recipe
        self._added = [day for day, hours in self.changes.items() if hours]
        for day in self._added:
            before, after = self.before(day), self.after(day)
            if before is not None:
                check_no_overlap(name, before, self.hours(before), day, self.changes[day])
            if after is not None:
                check_no_overlap(name, day, self.changes[day], after, self.hours(after))

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
    """Whether a provider can be made anew from a recipe. One of a user's own class cannot, nor can
    its corrections."""
    if isinstance(provider, Corrected):
        return has_recipe(provider.base)
    return hasattr(provider, "recipe")


def rows_of_columns(
    days: Sequence[dt.date], opens: Int64Array, closes: Int64Array, breaks: Iterable[tuple[Int64Array, Int64Array]]
) -> list[tuple[dt.date, Hours]]:
    """Rows of a `Table` from columns in ns, in which NaT is none. There may be any number of
    breaks, each a pair of columns."""
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
    """``[start, stop)`` without the breaks. Empty breaks have no effect; breaks that reach out of
    the hours are trimmed."""
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
    """Row of a `Table` from an item of a mapping."""
    day = to_date(date)
    try:
        pairs = [(to_ns(start), to_ns(stop)) for start, stop in segments]
    except (TypeError, ValueError) as error:
        raise CalendarError(f"session {day}: segments are pairs (start, stop) of times: {error}", value=day) from error
    if all(start == stop for start, stop in pairs):
        return day, ()
    return day, tuple(check_segments(day, pairs))


def frame_rows(frame: Any) -> list[tuple[dt.date, Hours]]:
    """Rows of a `Table` from a pandas frame."""
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
    return rows_of_columns(days, *opens, breaks)


def _frame_times(frame: Any, name: str) -> Int64Array:
    if frame[name].isna().all():  # such a column may be naive
        return np.full(len(frame), NAT)
    try:
        return to_ns_array(frame[name])
    except TimeError as error:
        raise CalendarError(f"column {name!r} of a schedule holds aware times (tz_localize it): {error}") from error
