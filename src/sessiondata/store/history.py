"""What a store keeps of the days before the session: past days, rows supplied as they are, and
answers about both.

    roll, load of base rows  --> Days (native)  date -> core   derived bars, gaps for free
    load of other intervals  --> rows           interval -> date -> columns, as they were supplied
    trimming                 --> daily          date -> the session's bar of a day that has gone

Asked for an interval and a date, a row that was supplied stands before one that was derived at the
same time, and that before what was kept of a day that has gone.

History ends before the session under way (`StoreContext.next_date`). What was loaded for its date
or for later ones is kept, and no answer shows or counts it: every question about dates goes through
`History.dates` or `History.known`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata._native.objects import days as _days
from sessiondata._native.slots.grids import GridsOfDays
from sessiondata.copying import not_copied
from sessiondata.errors import BarError, CalendarError, IntervalError, SessionStateError, UnknownNameError
from sessiondata.rows.bars import BarKind, BarWindow, content_of, fixed_window, immutable
from sessiondata.rows.columns import read_only
from sessiondata.rows.gap import GapInfo, short_stop
from sessiondata.rows.owner import Owner
from sessiondata.rows.series import BarSeries
from sessiondata.store.supplied import NO_ROWS, Columns, merged, one_row, slot_labels
from sessiondata.time.dates import to_date
from sessiondata.time.intervals import Interval, parse_interval

if TYPE_CHECKING:
    from datetime import tzinfo

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata.market.calendar import SessionCalendar
    from sessiondata.market.grid import SessionGrid
    from sessiondata.rows.columns import BarColumns
    from sessiondata.store.context import StoreContext
    from sessiondata.store.day import HistoricalDay
    from sessiondata.store.indicators import DailyBar

__all__ = ["History", "sessions_between"]

_DAILY = "1d"


@not_copied("copy the store with data.copy()")
class History:
    """Everything that is kept of one symbol's past sessions. Of use inside the package; users see
    `HistoricalBars`.

    Attributes
    ----------
    core : SymbolCore
        Native state of the symbol.
    calendar : SessionCalendar
        Of the symbol.
    days : sessiondata._native.objects.days.Days
        Past days, which never change.
    rendered : object or None
        The days as text, as the last export wrote them; it knows its size as ``nbytes``.
    """

    __slots__ = ("_context", "calendar", "core", "days", "rendered")

    def __init__(self, core: SymbolCore, calendar: SessionCalendar, context: StoreContext) -> None:
        self.core, self.calendar, self._context = core, calendar, context
        self.days = _days.Days(core)
        self.rendered: Any = None

    @property
    def zone(self) -> dt.tzinfo:
        return self.calendar.zone

    @property
    def version(self) -> tuple[Any, ...]:
        """Equal as long as no answer has changed."""
        return self.days.version, self.before

    @property
    def before(self) -> dt.date | None:
        """Dates before this one are history; None: all are."""
        return self._context.next_date

    # --- what is there ---

    def intervals(self) -> list[Interval]:
        """Intervals that history can answer for: those of the symbol, 1d, and those of loaded rows
        that it shows."""
        before = self.before
        supplied = [name for name, rows in self.days.supplied.items() if before is None or min(rows) < before]
        names = {*self.core.intervals, _DAILY, *supplied}
        return sorted(map(parse_interval, names), key=lambda interval: interval.step_ns or 2**63)

    def known_interval(self, interval: str | None) -> Interval:
        """An interval of `intervals` by any spelling of it, by default the base; or an
        `UnknownNameError`."""
        held = {known.name: known for known in self.intervals()}
        try:
            return held[self.core.intervals[0] if interval is None else parse_interval(interval).name]
        except (KeyError, IntervalError) as error:
            raise UnknownNameError(
                f"{self.core.name!r} has no bars of {interval!r}; it has {', '.join(held)}",
                symbol=self.core.name,
                value=interval,
            ) from error

    def dates(self, interval: Interval) -> list[dt.date]:
        """Dates with bars of an interval, ascending, before the session under way."""
        before, dates = self.before, set(self.days.supplied.get(interval.name, ()))
        if interval.name in self.core.intervals or interval.name == _DAILY:
            dates.update(self.days.cores)
        if interval.name == _DAILY:
            dates.update(self.days.daily)
        return sorted(dates if before is None else [date for date in dates if date < before])

    def known(self, interval: Interval, date: Any) -> dt.date:
        """A trade date, or an `UnknownNameError` that says that it is not there."""
        day, before = to_date(date), self.before
        core = interval.name in self.core.intervals or interval.name == _DAILY
        held = day in self.days.supplied.get(interval.name, ()) or (core and day in self.days.cores)
        held = held or (interval.name == _DAILY and day in self.days.daily)
        if not held or (before is not None and day >= before):
            raise self._unknown(interval, day)
        return day

    def _unknown(self, interval: Interval, day: dt.date) -> UnknownNameError:
        rule = f"{self.core.name!r} has no {interval.name} bars of {day} in its history"
        return UnknownNameError(rule, symbol=self.core.name, value=day)

    def counted(self, interval: Interval) -> list[dt.date]:
        """Trade dates whose slots count, ascending: `dates`, and the sessions between the first and
        the last of them of which nothing is kept. All slots of these are missing."""
        dates = self.dates(interval)
        if len(dates) < 2:
            return dates
        between = sessions_between(self.calendar, dates[0], dates[-1])
        return dates if len(between) == len(dates) else sorted({*dates, *between})

    def note_absent(self, dates: Iterable[dt.date]) -> None:
        """Note the hours of sessions that lie between these dates of days, for what may come for
        them."""
        held = set(dates)
        if len(held) < 2:
            return
        calendar, absent = self.calendar, self.days.absent
        try:
            between = sessions_between(calendar, min(held), max(held))
            if len(between) == len(held):
                return
            grids = [calendar.session(date) for date in between if date not in held and date not in absent]
        except CalendarError:  # nothing is known of such a session then, nor does it count
            return
        if grids:
            hours = self._context.hours
            self.days.note_absent({grid.date: (grid.compiled, hours(grid, calendar)) for grid in grids})

    def counts(self, interval: Interval, date: Any) -> dt.date:
        """A trade date whose slots count, or an `UnknownNameError` that says that it has no
        bars."""
        day = to_date(date)
        return day if day in self.counted(interval) else self.known(interval, day)

    def refuse_unkept(self, interval: Interval, start_ns: int, stop_ns: int) -> bool:
        """An error if slots of an interval that begin in [start_ns, stop_ns) are missing on dates
        of which no base bar is kept, nor of days around them: of loaded rows of the interval, or of
        days that are trimmed. Else False."""
        base = parse_interval(self.core.intervals[0])
        if interval == base or not self.dates(interval):
            return False
        step_ns = interval.step_ns or 1
        for date in sorted({*self.counted(interval)} - {*self.counted(base)}):
            for gap in self.gaps(interval, date):
                first = gap.start_ns + max(0, -((gap.start_ns - start_ns) // step_ns)) * step_ns
                if first <= gap.end_ns and first < stop_ns:
                    raise SessionStateError(
                        f"marks and retries go to days of {base.name} bars, and none of {date} is kept:"
                        f" load_historical_bars({base.name!r}, ...) of that date first, for {interval.name} slots in"
                        f" [{start_ns}, {stop_ns}) symbol={self.core.name!r}",
                        symbol=self.core.name,
                        value=date,
                    )
        return False

    def day(self, date: dt.date) -> HistoricalDay | None:
        """The past day of a date; None if there is none."""
        core = self.days.cores.get(date)
        return None if core is None else _day(date, core, self.zone)

    def known_day(self, date: Any) -> HistoricalDay:
        """The past day of a date, or an `UnknownNameError` that says that there are no base bars
        of it."""
        base = parse_interval(self.core.intervals[0])
        date = self.known(base, date)
        day = self.day(date)
        if day is None:  # base rows make days, so another thread has removed it since
            raise self._unknown(base, date)
        return day

    # --- answers ---

    def window(self, interval: Interval, date: Any) -> BarWindow:
        """Bars of an interval on a date."""
        day = self.known(interval, date)
        core, supplied = self.days.cores.get(day), self.days.supplied.get(interval.name, {}).get(day)
        if core is not None and supplied is None and interval.name in core.intervals:
            return immutable(_day(day, core, self.zone).bars(interval.name)[:])
        grid, columns = self.calendar.session(day).compiled, self.columns(interval, day)
        if not len(columns[0]):
            self.known(interval, day)  # or another thread has removed it since
        return fixed_window(columns, self._rows_of(interval), grid)

    def all_bars(self, interval: Interval) -> BarWindow:
        """Bars of all dates before the session under way, and the session's own, copied into one
        window. The session's own bar of 1d is there whether the symbol shows it or not."""
        core, clock = self.core, self._context.clock
        while True:
            moment = core.session_id, self.version
            running, dates = clock.date, self.dates(interval)
            now, day, as_of = None, None, None
            if core.grid is None:
                pass
            elif interval.name == _DAILY and _DAILY not in self.core.intervals:
                day, as_of = _days.summary(core), core.as_of
            elif interval.name not in self.core.intervals:
                raise UnknownNameError(
                    f"{self.core.name!r} holds no {interval.name} in its session, only loaded days of it:"
                    f" historical_bars[{interval.name!r}] has these, register_symbol(..., derived_intervals=...) grows"
                    " the session's",
                    symbol=self.core.name,
                    value=interval.name,
                )
            else:
                k = core.intervals.index(interval.name)
                # of one moment, whoever writes meanwhile
                now = BarSeries(Owner(core, self.zone), k).copy()
            # Neither must a session have ended since, nor a day have changed: what was read would
            # be of two moments.
            if moment == (core.session_id, self.version):
                answer = self._all_bars(interval, dates, running, now, day, as_of)
                if moment == (core.session_id, self.version):
                    return answer

    def _all_bars(
        self,
        interval: Interval,
        dates: list[dt.date],
        running: dt.date | None,
        now: BarWindow | None,
        day: tuple[Any, ...] | None,
        as_of: int | None,
    ) -> BarWindow:
        parts = [self.columns(interval, date) for date in dates]
        forming = None
        if day is not None and running is not None:
            parts.append(one_row(day[:7]))
            dates.append(running)
            grid = self.calendar.session(running)
            forming = day[0] if as_of is None or as_of < grid.segments[-1, 1] else None
        elif now is not None:
            columns, n_base, _, forming, _ = content_of(now)
            parts.append((*columns, np.ones(len(now), np.int32) if n_base is None else n_base))
            assert running is not None  # there is a session
            dates.append(running)
        joined = tuple(read_only(np.concatenate(column)) for column in zip(NO_ROWS, *parts, strict=True))
        grids = GridsOfDays(tuple(self.calendar.session(date).compiled for date in dates))
        return fixed_window(joined, self._rows_of(interval), grids, forming)

    def _rows_of(self, interval: Interval) -> BarKind:
        """What makes records of an interval that the symbol may not hold."""
        name, base_ns = self.core.name, self.core.steps_ns[0]
        is_derived = interval.name != self.core.intervals[0]
        return BarKind(name, interval.name, self.zone, is_derived, interval.step_ns, base_ns)

    def columns(self, interval: Interval, date: dt.date) -> Columns:
        """Columns of an interval on a date that counts: supplied rows before derived ones, those
        before kept ones."""
        core, supplied = self.days.cores.get(date), self.days.supplied.get(interval.name, {}).get(date)
        return self.columns_of(interval, date, core, supplied, self.days.daily.get(date))

    def columns_of(
        self,
        interval: Interval,
        date: dt.date,
        core: SymbolCore | None,
        supplied: BarColumns | None,
        kept: tuple[Any, ...] | None,
    ) -> Columns:
        """`columns` of a past day, rows that were supplied for its date, and what is kept of a
        trimmed one."""
        derived: Columns | None = None
        if core is not None and interval.name in core.intervals:
            series = _day(date, core, self.zone).bars(interval.name)
            derived = (*content_of(series[:]).columns, series.n_base)
        elif interval.name == _DAILY:
            day = kept if core is None else _days.summary(core)
            derived = None if day is None else one_row(day[:7])
        if supplied is None:
            return NO_ROWS if derived is None else derived
        mine = (*supplied, np.zeros(len(supplied[0]), np.int32))
        return mine if derived is None else merged(derived, mine)[0]

    def tally(self, interval: Interval, date: dt.date) -> tuple[int, int]:
        """(present, expected) slots of an interval on a date that counts."""
        core = self.days.cores.get(date)
        if (
            core is not None
            and date not in self.days.supplied.get(interval.name, ())
            and interval.name in core.intervals
        ):
            expected, present, _, _, _ = core.states(core.intervals.index(interval.name))
            return present, expected
        # of supplied rows, which most programs do not have
        from sessiondata._native.slots.batch import count_present_i64

        times, grid = self.columns(interval, date)[0], self.calendar.session(date).compiled
        ((present, expected),) = count_present_i64([times], [grid], [None], interval.step_ns, None)
        return present, expected

    def gaps(self, interval: Interval, date: dt.date) -> list[GapInfo]:
        """Gaps of an interval on a date that counts."""
        core = self.days.cores.get(date)
        if (
            core is not None
            and date not in self.days.supplied.get(interval.name, ())
            and interval.name in core.intervals
        ):
            return _day(date, core, self.zone).bars(interval.name).gaps
        from sessiondata._native.slots.batch import find_gaps_i64

        times, grid = self.columns(interval, date)[0], self.calendar.session(date).compiled
        ((starts, ends, counts),) = find_gaps_i64([times], [grid], [None], interval.step_ns, None)
        name, zone, stops = self.core.name, self.zone, grid.segment_stops()
        return [
            GapInfo(name, interval.name, start, end, n, 0, None, zone, short_stop(stops, end, interval.step_ns))
            for start, end, n in zip(starts.tolist(), ends.tolist(), counts.tolist(), strict=True)
        ]

    def daily(self, n: int) -> list[DailyBar]:
        """The newest `n` days before the session under way that have a session bar, oldest
        first."""
        interval = parse_interval(_DAILY)
        from sessiondata.store.indicators import DailyBar  # not needed until an indicator is asked for

        found: list[DailyBar] = []
        for date in reversed(self.dates(interval)):
            if len(found) == n:
                break
            columns = self.columns(interval, date)
            if len(columns[0]):
                values = tuple(float(column[0]) for column in columns[1:6])
                core = self.days.cores.get(date)
                sums = self.days.daily.get(date) if core is None else _days.summary(core)
                found.append(DailyBar(date, values, None if sums is None else sums[7:]))
        return found[::-1]

    # --- loading ---

    def load(self, interval: Interval, columns: BarColumns, close_label: bool) -> int:
        """Store checked columns, all or nothing; returns the rows added or corrected. See
        `SymbolSessionData.load_historical_bars`."""
        order = np.argsort(columns[0], kind="stable")
        pieces = list(self._by_date(columns, order, close_label))
        load = self._load_base if interval.name == self.core.intervals[0] else partial(self._load_rows, interval)
        stored = load(pieces, close_label)
        if stored is None:
            raise SessionStateError(f"symbol {self.core.name!r} was removed from its store and takes no bars")
        return stored

    def _by_date(self, columns: BarColumns, order: Any, close_label: bool) -> Iterator[tuple[SessionGrid, BarColumns]]:
        """The rows of each trade date, in time order, dates ascending."""
        times = columns[0][order]
        # A close names the end of its bar, which lies in the session that has begun before it.
        keys = times - 1 if close_label else times
        i = 0
        while i < len(keys):
            try:
                grid = self.calendar.session_at(int(keys[i]), unit="ns")
            except CalendarError as error:
                raise BarError(
                    "timestamp belongs to no trade date that the calendar knows",
                    symbol=self.core.name, row=int(order[i]), value=f"ts_ns={times[i]} ({error})",
                    code="ERR_NO_TRADE_DATE",
                ) from error  # fmt: skip
            stop = int(np.searchsorted(keys, grid.span_stop))
            yield grid, tuple(column[order[i:stop]] for column in columns)
            i = stop

    def _load_base(self, pieces: list[tuple[SessionGrid, BarColumns]], close_label: bool) -> int | None:
        hours, calendar = self._context.hours, self.calendar
        staged = [(grid.date, grid.compiled, hours(grid, calendar), columns) for grid, columns in pieces]
        while True:  # until no other thread has come between the look and the change
            generation = self.days.generation
            self.note_absent([*self.days.cores, *(grid.date for grid, _ in pieces)])
            stored = self.days.load(staged, close_label, generation)
            if stored is not False:
                return stored

    def _load_rows(
        self, interval: Interval, pieces: list[tuple[SessionGrid, BarColumns]], close_label: bool
    ) -> int | None:
        while True:  # until no other thread has come between the look and the change
            supplied = self.days.supplied
            held = supplied.get(interval.name, {})
            new: dict[dt.date, BarColumns] = {}
            changed = 0
            for grid, columns in pieces:
                times = slot_labels(interval, grid, columns[0], close_label)
                rows = merged(held.get(grid.date, NO_ROWS[:6]), (times, *columns[1:]))
                new[grid.date], n = rows
                changed += n
            if not changed:
                return 0
            replaced = self.days.replace_supplied(supplied, {**supplied, interval.name: {**held, **new}}, new)
            if replaced is not False:
                return changed if replaced else None

    # --- rolling ---

    def trimmed(self, keep: int, keep_daily: int, before: dt.date, ended: dt.date | None) -> Any:
        """The supplied rows without those of all but the newest dates before one, and the dates of
        daily bars to forget with them, for `turn` of `objects/sessions`; None if nothing was
        supplied. `ended` is the session that is becoming history."""
        supplied = self.days.supplied
        if not supplied:
            return None
        rows, gone = dict(supplied), set()
        for name in supplied:
            dates = set(supplied[name])
            if name == _DAILY:
                dates |= set(self.days.daily)
                cores = dict(self.days.cores)
                if ended is not None and self.core.grid is not None:
                    cores[ended] = self.core  # which has not become a day yet
                dates |= {date for date, core in cores.items() if _days.has_session_bar(core)}
            n = keep_daily if name == _DAILY else keep
            past = sorted(date for date in dates if date < before)
            old = set(past[: max(0, len(past) - n)])
            gone |= old if name == _DAILY else set()
            rows[name] = {date: columns for date, columns in supplied[name].items() if date not in old}
            if not rows[name]:
                del rows[name]
        return rows, gone

    def memory_usage(self) -> tuple[int, int]:
        """(bytes reserved, bytes of the rows)."""
        usage = [core.memory_usage() for core in self.days.cores.values()]
        supplied = sum(
            column.nbytes for rows in self.days.supplied.values() for columns in rows.values() for column in columns
        )
        text = 0 if self.rendered is None else self.rendered.nbytes
        return sum(reserved for reserved, _ in usage) + supplied + text, sum(rows for _, rows in usage) + supplied


@lru_cache(maxsize=64)  # all symbols of a store ask for the same, and again after each roll
def sessions_between(calendar: SessionCalendar, first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
    """Trade dates of a calendar, both ends inclusive."""
    return tuple(calendar.session_dates(first, last))


def _day(date: dt.date, core: SymbolCore, zone: tzinfo) -> HistoricalDay:
    from sessiondata.store.day import HistoricalDay  # not needed until history is looked at

    return HistoricalDay(date, core, zone)
