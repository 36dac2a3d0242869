"""Calendars: which dates are sessions, and when the market is open on them.

A `SessionCalendar` answers by date and returns a `SessionGrid`, the immutable hours of one trade
date. Grids are built once, before the first bar of a session; the bar path never sees a calendar.

    calendar("XNYS")    --> Exchange  --+
    calendar("CMES")    --> Globex    --+
    from_schedule()     --> Table     --+--> SessionCalendar --> SessionGrid
    from_hours()        --> Rule      --+    (cuts spans at      (segments and span
    always_open()       --> Rule      --+     neighbours)         of one trade date)
    x.with_sessions()   --> Corrected --+
                        `hours`, `exchange`      here                `grid`

The arguments of `from_hours` and `with_sessions` are read by `regular` and `corrections`.

This file is long because one class has three kinds of members (questions, constructors, recipes)
and more than half of its lines are their documentation.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sessiondata.errors import ArgumentTypeError, CalendarError, DateOutOfRangeError
from sessiondata.market.exchange import Exchange, Globex, exchange_name
from sessiondata.market.grid import SessionGrid, local_span
from sessiondata.market.hours import (
    Corrected,
    Hours,
    HoursProvider,
    Table,
    check_no_overlap,
    frame_rows,
    has_recipe,
    mapped_row,
)
from sessiondata.market.regular import regular_hours, round_the_clock
from sessiondata.time.dates import (
    DAY_NS,
    DateLike,
    TimeLike,
    instants,
    time_of_text,
    to_date,
    to_named_zone,
    wall,
)
from sessiondata.time.instants import instant_ns
from sessiondata.time.zones import from_ns

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = [
    "SessionCalendar",
    "are_alike",
    "calendar",
    "provider_of",
    "saved_hours",
]


# sessions on each side from which the usual close is found: a week, of which holidays shorten a few
_NEIGHBOURS = 5


def _close_of(grid: SessionGrid) -> int:
    """Local time of the close, in ns after midnight of the trade date."""
    local = from_ns(int(grid.segments[-1, 1]), grid.zone)
    since = local.replace(tzinfo=None) - dt.datetime.combine(grid.date, dt.time())
    return since // dt.timedelta(microseconds=1) * 1000


_ADD_A_SESSION = "If the market was open, correct the calendar: calendar.with_sessions({date: [(open, close)]})"


class SessionCalendar:
    """Sessions of an exchange, by trade date.

    Made by `calendar`, `from_hours`, `from_schedule` or `always_open`, not by its constructor.
    Grids are built when they are asked for and kept. Reading from several threads is safe; at worst
    a grid is built twice.

    Calendars are immutable: `copy.copy` and `copy.deepcopy` return the same object. They are
    pickled by how they were made, a named one by its name, so another process reads the hours of
    that name itself. Those that were made in the same way are equal and have one hash.

    Attributes
    ----------
    name : str
    tz : str
        IANA zone of the exchange.
    zone : ZoneInfo
    """

    def __init__(
        self,
        provider: HoursProvider,
        saved: Iterable[SessionGrid] = (),
        usual_closes: Mapping[dt.date, int] | None = None,
    ) -> None:
        if not hasattr(provider, "hours"):
            made = f"sessiondata.calendar({provider!r})" if isinstance(provider, str) else "sessiondata.calendar(name)"
            raise CalendarError(
                f"SessionCalendar is not called with a {type(provider).__name__}: use {made} for a named calendar,"
                " SessionCalendar.from_hours, from_schedule or always_open for another one",
                value=provider,
            )
        self._provider = provider
        # hours that a snapshot kept, which come before those of the provider
        self._saved = {grid.date: grid for grid in saved}
        self._grids = dict(self._saved)
        self._usual_closes = dict(usual_closes or {})
        self._made_of: str | None = None

    @property
    def name(self) -> str:
        return self._provider.name

    @property
    def zone(self) -> ZoneInfo:
        return self._provider.zone

    @property
    def tz(self) -> str:
        return str(self._provider.zone.key)

    def __repr__(self) -> str:
        return f"SessionCalendar({self.name!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SessionCalendar):
            return NotImplemented
        return self is other or (self._is_like(other) and self._saved == other._saved)

    def __hash__(self) -> int:
        return hash(self.name)

    def __copy__(self) -> SessionCalendar:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> SessionCalendar:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if not has_recipe(self._provider):
            raise ArgumentTypeError(
                f"calendar {self.name!r} cannot be pickled: its hours come from an object of your own"
                f" ({type(self._provider).__name__}); write them down with SessionCalendar.from_schedule({{date:"
                " [(start, stop)]}, tz), or make the calendar anew in the other process"
            )
        closes = {day: self._usual_closes[day] for day in self._saved.keys() & self._usual_closes.keys()}
        return _remade, (self.recipe(), tuple(self._saved.values()), closes)

    def _is_like(self, other: SessionCalendar) -> bool:
        """Whether both were made in the same way, as when a program loads a store and makes its
        calendar anew. Hours that were saved may differ from those of the other one."""
        if self._provider is other._provider:
            return True
        return self.name == other.name and self._recipe_text() == other._recipe_text() != ""

    def _recipe_text(self) -> str:
        """Recipe of the provider as text, made once, so that calendars of many dates are compared
        as two texts."""
        if self._made_of is None:
            import json  # not needed until calendars are compared

            made = has_recipe(self._provider)
            self._made_of = json.dumps(self._provider.recipe(), sort_keys=True) if made else ""
        return self._made_of

    # Questions

    def session(self, date: DateLike) -> SessionGrid:
        """Grid of a trade date.

        Its span is the local calendar day, pushed outwards by the session itself and cut by its
        neighbours: not before the last close of the session before it, not after the span of the
        next one begins.

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
        day = to_date(date)
        grid = self._grids.get(day)
        if grid is None:
            self._check_range(day)
            if not self._provider.hours(day):
                raise CalendarError(
                    f"calendar {self.name!r}: no session on {day}; the next to it are {self._provider.before(day)} and"
                    f" {self._provider.after(day)}. {_ADD_A_SESSION}",
                    value=day,
                )
            grid = self._grids[day] = self._build(day)
        return grid

    def session_at(self, ts_ns: Any, *, unit: str | None = None) -> SessionGrid:
        """Grid of the trade date that a time belongs to.

        Parameters
        ----------
        ts_ns : int, datetime64 or aware datetime
            An int is ns since 1970 UTC.
        unit : {"s", "ms", "us", "ns"}, optional
            What an int counts from 1970 on; by default nanoseconds. A time that has a unit admits
            that one only.

        Returns
        -------
        SessionGrid
            The one with ``span_start <= ts_ns < span_stop``. There is at most one: spans do not
            overlap.

        Raises
        ------
        CalendarError
            If the time belongs to no trade date, such as a Saturday.
        DateOutOfRangeError
            If the calendar knows nothing about its local date.
        TimeError
            If `ts_ns` is not a point in time, or an int from before 1990 that another unit puts
            after it (``ERR_UNIT``). Where 1970 is meant, pass ``unit="ns"``.
        ArgumentError
            If there is no such unit.

        Examples
        --------
        >>> calendar("24/7").session_at(1_710_250_200, unit="s").date
        datetime.date(2024, 3, 12)
        """
        ts_ns = instant_ns(ts_ns, unit)
        provider, day = self._provider, from_ns(ts_ns, self.zone).date()
        first, last = provider.range_near(day)
        # Spans ascend with their dates, and lie at or near them: begin on the local date and walk
        # to the one that could hold the time, whatever the distance from a trade date to its hours.
        near = min(max(day, first), last)
        here = near if provider.hours(near) else provider.after(near) or provider.before(near)
        while here is not None and self.session(here).span_start > ts_ns:
            here = provider.before(here)
        while here is not None and self.session(here).span_stop <= ts_ns:
            following = provider.after(here)
            here = None if following is None or self.session(following).span_start > ts_ns else following
        if here is not None:
            return self.session(here)
        self._check_range(day)
        raise CalendarError(
            f"calendar {self.name!r}: {from_ns(ts_ns, self.zone).isoformat()} (ts_ns={ts_ns}) belongs to no trade date."
            f" {_ADD_A_SESSION}",
            value=ts_ns,
        )

    def session_dates(self, start: DateLike, stop: DateLike) -> list[dt.date]:
        """Trade dates from `start` to `stop`, **both inclusive**, as people name dates; empty if
        `stop` is the earlier.

        Raises
        ------
        DateOutOfRangeError
            If one of them is beyond what the calendar knows: "no sessions there" would be a guess.
        CalendarError
            If one is no date.
        """
        first, last = to_date(start), to_date(stop)
        self._check_range(first)
        self._check_range(last)
        days = []
        day: dt.date | None = first if self._provider.hours(first) else self._provider.after(first)
        while day is not None and day <= last:
            days.append(day)
            day = self._provider.after(day)
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
        day = to_date(date)
        self._check_range(day)
        found = self._provider.after(day)
        if found is None:
            raise DateOutOfRangeError(f"calendar {self.name!r} knows no session after {day}", value=day)
        return found

    def usual_close(self, date: DateLike) -> int:
        """Local time at which sessions around a trade date close.

        Returns
        -------
        int
            ns after local midnight of the trade date: the most frequent close of the session, the
            five before it and the five after it; of several the latest. A session that closes
            before that closes early.

        Raises
        ------
        CalendarError
            There is no session on the date.
        """
        grid = self.session(date)
        day, provider = grid.date, self._provider
        found = self._usual_closes.get(day)
        if found is None:
            closes = [_close_of(grid)]
            for step in (provider.before, provider.after):
                near = step(day)
                for _ in range(_NEIGHBOURS):
                    if near is None:
                        break
                    closes.append(_close_of(self.session(near)))
                    near = step(near)
            found = self._usual_closes[day] = max(closes, key=lambda close: (closes.count(close), close))
        return found

    def around(self, grid: SessionGrid, hours: tuple[int, int, int | None]) -> tuple[int, int]:
        """Instants at which extended hours around a session start and stop.

        Parameters
        ----------
        grid : SessionGrid
            Of this calendar.
        hours : (int, int, int or None)
            Local times of day in ns since midnight: the last at or before the open, the first at or
            after the close, and the latter on days that close early. None there: the hours after an
            early close are as long as those after a usual one.

        Returns
        -------
        (int, int)
            ns; they may lie outside the span.
        """
        start, stop, early = hours
        usual, close = self.usual_close(grid.date), _close_of(grid)
        if close >= usual:
            return grid.around((start, stop))
        if early is not None:
            return grid.around((start, early))
        after = close + (stop - usual) % DAY_NS
        return grid.around((start, stop))[0], instants([wall(grid.date) + after], grid.zone)[0]

    def _check_range(self, day: dt.date) -> None:
        first, last = self._provider.range_near(day)
        if not first <= day <= last:
            raise DateOutOfRangeError(f"calendar {self.name!r} knows {first} to {last}: got {day}", value=day)

    def _build(self, day: dt.date) -> SessionGrid:
        provider = self._provider
        hours, before, after = provider.hours(day), provider.before(day), provider.after(day)
        start, stop = local_span(day, provider.zone, hours)
        if before is not None:
            earlier = provider.hours(before)
            check_no_overlap(self.name, before, earlier, day, hours)
            start = max(start, earlier[-1][1])
        if after is not None:
            later = provider.hours(after)
            check_no_overlap(self.name, day, hours, after, later)
            stop = min(stop, max(local_span(after, provider.zone, later)[0], hours[-1][1]))
        return SessionGrid(day, provider.zone, hours, (start, stop))

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
            Local wall times, ``"HH:MM"`` or ``"HH:MM:SS"``; a close may be ``"24:00"``. With
            ``open >= close`` the session is overnight: it opens on the calendar day before its
            trade date, which is the date of the close. Equal ones make a session of a whole day
            (17:00 to 17:00 in New York for currencies).
        tz : str or ZoneInfo
            Hours follow its wall clock, so that a session with a change of the clocks is an hour
            shorter or longer. A wall time that the clocks skip becomes the instant they jump; of
            one shown twice the first counts.
        breaks : iterable of (start, end), optional
            Wall times. Empty ones are none.
        weekdays : collection of int, optional
            Weekdays of the trade dates, 0 = Monday.
        holidays : iterable of dates, optional
            Trade dates without a session.
        early_closes, late_opens : mapping of date to time, optional
            Another close or open on a trade date. A time at or after `open` of an overnight session
            is on the evening it opens. A break that reaches out of the shorter hours is cut off.
            Since they are of one date, times that its clocks skip or show twice are refused, as by
            `with_sessions`.
        name : str, optional

        Raises
        ------
        CalendarError
            If a value is not of these forms, a break lies outside the hours, or a special date is
            no session, has no hours left, or has hours that the clocks skip or show twice.
        """
        return cls(regular_hours(open, close, tz, breaks, weekdays, holidays, early_closes, late_opens, name))

    @classmethod
    def from_schedule(cls, schedule: Any, tz: str | ZoneInfo, name: str | None = None) -> SessionCalendar:
        """Calendar of hours written down date by date.

        Parameters
        ----------
        schedule : DataFrame, or mapping of date to segments
            A pandas frame as exchange_calendars (`.schedule`) and pandas_market_calendars
            (`.schedule(...)`) make it: index of naive trade dates; aware columns ``open`` and
            ``close``, or ``market_open`` and ``market_close``; and any number of breaks:
            ``break_start`` and ``break_end``, ``interruption_start_1`` and ``interruption_end_1``
            (those of ``.schedule(..., interruptions=True)``), and so on. Other columns, such as
            ``pre`` and ``post``, are ignored. A row without open and close is no session; a break
            that is NaT or empty is none, one that reaches out of the hours is cut, and of breaks
            that overlap all are closed. Or a mapping of trade date to a sequence of
            ``(start, stop)``, each an int of ns, a ``datetime64`` or an aware datetime; an empty
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
            If the schedule is empty, lacks a column (also one of the two of a break), names a date
            twice, is naive, or contradicts itself. Names the date.
        """
        zone, name = to_named_zone(tz), name or "schedule"
        if isinstance(schedule, Mapping):
            rows = [mapped_row(day, segments) for day, segments in schedule.items()]
        elif hasattr(schedule, "columns") and hasattr(schedule, "index"):
            rows = frame_rows(schedule)
        else:
            raise CalendarError(
                f"a schedule is a pandas DataFrame or a mapping of date to segments: got {type(schedule).__name__}",
                value=schedule,
            )
        return cls(Table(name, zone, rows))

    @classmethod
    def always_open(cls, start: TimeLike = "00:00", tz: str | ZoneInfo = "UTC") -> SessionCalendar:
        """Calendar that never closes (24x7). Pure arithmetic; imports nothing.

        Parameters
        ----------
        start : str or time, optional
            Local time at which a session begins. It lasts until the next one begins, 23 or 25 hours
            where the clocks change, and its trade date is the local date it begins on.
        tz : str or ZoneInfo, optional

        Raises
        ------
        CalendarError
            If `start` is not a time of day before 24:00, or there is no such zone.
        """
        return cls(round_the_clock(start, tz))

    # Corrections

    def with_sessions(self, sessions: Mapping[Any, Any], *, name: str | None = None) -> SessionCalendar:
        """The same calendar with other hours on some dates.

        For hours that an exchange announces at short notice, and that libraries have late or never:
        storms, days of mourning, special sessions on a Saturday or in the evening.

        Parameters
        ----------
        sessions : mapping of date to segments or None
            Trade date to a sequence of ``(open, close)``, half-open and sorted; None for no
            session. A date without a session becomes one. Edges of a date are either local times of
            day, as in `from_hours`, or instants: ns, a ``datetime64`` or an aware datetime. Local
            times are on the trade date; a pair whose open is at or after its close begins on the
            evening before, and so do the pairs in front of it.
        name : str, optional
            Default: the name of this calendar and ``"corrected"``.

        Returns
        -------
        SessionCalendar
            A new one; this one stays as it is. Spans of the neighbours follow the new hours.
            Corrections of a corrected calendar are added to those it has, and replace them on the
            same date.

        Raises
        ------
        CalendarError
            There is no date; a date is named twice; a segment ends before it starts, or is not
            sorted, or overlaps another one or a neighbouring session; a date has no segment (pass
            None); it mixes local times with instants; a local time may be on either of two dates;
            or the clocks skip a local time or show it twice (pass instants). Names the date.
        DateOutOfRangeError
            The calendar knows nothing about a date.

        Examples
        --------
        >>> hong_kong = calendar("XHKG").with_sessions({"2023-09-01": None, "2023-09-08": None})
        >>> hong_kong.next_date("2023-08-31")
        datetime.date(2023, 9, 4)
        >>> mumbai = calendar("XBOM").with_sessions({"2024-01-20": [("09:15", "15:30")]})
        >>> mumbai.session("2024-01-20").expected("1m")
        375
        """
        # not needed until somebody corrects
        from sessiondata.market.corrections import corrected_hours

        if not isinstance(sessions, Mapping) or not sessions:
            raise CalendarError(
                "with_sessions needs a mapping of dates to [(open, close), ...] or None, at least one:"
                f" got {sessions!r}",
                value=sessions,
            )
        provider = self._provider
        base, changes = (provider.base, dict(provider.changes)) if isinstance(provider, Corrected) else (provider, {})
        changed: dict[dt.date, Hours] = {}
        for date, segments in sessions.items():
            day = to_date(date)
            self._check_range(day)
            if day in changed:
                raise CalendarError(f"with_sessions names {day} twice", value=day)
            changed[day] = () if segments is None else corrected_hours(self._provider, day, segments)
        name = name or (self.name if base is not provider else f"{self.name} corrected")
        recipe = provider.base_recipe if isinstance(provider, Corrected) else self._recipe_or_none()
        # Hours that a snapshot kept are hours like any others: their spans, too, follow what is
        # corrected now.
        kept = {day: tuple((int(a), int(b)) for a, b in grid.segments) for day, grid in self._saved.items()}
        return SessionCalendar(Corrected(name, base, {**changes, **kept, **changed}, recipe))

    def _recipe_or_none(self) -> dict[str, Any] | None:
        return self.recipe() if has_recipe(self._provider) else None

    # To disk and back

    def recipe(self) -> dict[str, Any]:
        """A dict for `from_recipe`, which makes the same calendar: texts, ints, lists and dicts,
        fit for JSON."""
        if _known.get(self.name) is self:
            return {"kind": "known", "name": self.name}
        return self._provider.recipe()

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> SessionCalendar:
        """The calendar that a `recipe` is of: for a name that `calendar` knows the very same
        object.

        Raises
        ------
        CalendarError
            As for the constructors; or the recipe is of no kind that this version knows.
        """
        kind = recipe["kind"]
        if kind == "known":
            return calendar(recipe["name"])
        if kind == "corrected":
            return cls.from_recipe(recipe["of"]).with_sessions(
                {day: segments or None for day, segments in recipe["sessions"].items()}, name=recipe["name"]
            )
        if kind == "schedule":
            return cls.from_schedule(recipe["rows"], recipe["tz"], recipe["name"])
        if kind == "always":
            made = cls.always_open(time_of_text(recipe["start"]), recipe["tz"])
            made._provider.name = recipe["name"]
            return made
        if kind != "hours":
            raise CalendarError(f"no such kind of calendar: {kind!r}", value=kind)
        return cls.from_hours(
            time_of_text(recipe["open"]), time_of_text(recipe["close"]), recipe["tz"],
            breaks=[(time_of_text(start), time_of_text(stop)) for start, stop in recipe["breaks"]],
            weekdays=recipe["weekdays"], holidays=recipe["holidays"], name=recipe["name"],
            early_closes={day: time_of_text(time) for day, time in recipe["early_closes"].items()},
            late_opens={day: time_of_text(time) for day, time in recipe["late_opens"].items()},
        )  # fmt: skip


def _remade(
    recipe: Mapping[str, Any], saved: Iterable[SessionGrid], usual_closes: Mapping[dt.date, int]
) -> SessionCalendar:
    """Make a calendar that was pickled."""
    made = SessionCalendar.from_recipe(recipe)
    return SessionCalendar(made._provider, saved, usual_closes) if saved else made


_ALWAYS_OPEN = "24/7"
_known: dict[str, SessionCalendar] = {}  # filled on demand: a plain import reads no time zones


def calendar(name: str | SessionCalendar | None = None) -> SessionCalendar:
    """Calendar of an exchange.

    Parameters
    ----------
    name : str, SessionCalendar or None, optional
        A name or alias of exchange_calendars, such as ``"XNYS"`` or ``"NYSE"``; ``"24/7"``,
        ``"24x7"`` or None for a market that never closes, in UTC days; a `SessionCalendar` is
        returned as it is.

    Returns
    -------
    SessionCalendar
        The same object for each name and its aliases. Hours are read from exchange_calendars by the
        decade, when a date of it is first asked for (about 0.3 s). Those of ``"CMES"`` and its
        aliases are the hours of equity index futures in pandas_market_calendars, with the
        maintenance break, early closes and mornings of Good Friday that exchange_calendars lacks.
        Single dates are corrected with `SessionCalendar.with_sessions`.

    Raises
    ------
    CalendarError
        If there is no such calendar (names the nearest ones), or the library that has its hours is
        not installed.
    """
    if isinstance(name, SessionCalendar):
        return name
    if name is None or name == "24x7":
        name = _ALWAYS_OPEN
    if not isinstance(name, str):
        raise CalendarError(f"a calendar is a name, a SessionCalendar or None: got {name!r}", value=name)
    found = _known.get(name)
    if found is None:
        if name == _ALWAYS_OPEN:
            return _known.setdefault(name, SessionCalendar.always_open())
        canonical = exchange_name(name)
        found = _known.setdefault(
            canonical, SessionCalendar(Globex(canonical) if canonical == "CMES" else Exchange(canonical))
        )
        _known[name] = found
    return found


# --- for other modules of the package ---


def are_alike(one: SessionCalendar, other: SessionCalendar) -> bool:
    """Whether both were made in the same way. Hours that were saved with one of them may differ."""
    return one._is_like(other)


def provider_of(calendar: SessionCalendar) -> HoursProvider:
    """Where its hours come from."""
    return calendar._provider


def saved_hours(calendar: SessionCalendar, day: dt.date) -> SessionGrid | None:
    """Hours of a date that the calendar has already; else None. Nothing is looked up."""
    return calendar._grids.get(day)
