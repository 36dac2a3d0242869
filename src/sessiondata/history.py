"""What a store keeps of the days before the session: frozen days, rows given as they are, and answers about both.

    roll, load of base rows  --> Days (native)  date -> frozen core    derived bars, gaps and quality for free
    load of other intervals  --> rows           interval -> date -> columns, as they were given
    trimming                 --> daily          date -> the session's bar of a day that has gone

Asked for an interval and a date, a row that was given stands before one that was derived at the same time, and that
before what was kept of a day that has gone.

History ends before the session under way (`SessionData._next_date`). What was loaded for its date or for later ones is
kept, and no answer shows or counts it: every question about dates goes through `History.dates` or `History.known`.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from sessiondata import _days, _gaps
from sessiondata.columns import to_numpy
from sessiondata.copying import not_copied
from sessiondata.dates import to_date
from sessiondata.errors import BarError, CalendarError, SessionStateError, UnknownNameError
from sessiondata.gaps import GapInfo, GapOwner, short_stop
from sessiondata.intervals import Interval, parse_interval
from sessiondata.rows import frozen
from sessiondata.series import Bar, BarSeries, BarWindow

if TYPE_CHECKING:
    import numpy.typing as npt

    from sessiondata._grid import Grid
    from sessiondata._store import SymbolCore
    from sessiondata.calendars import SessionCalendar
    from sessiondata.columns import BarColumns
    from sessiondata.grids import SessionGrid
    from sessiondata.past import Rendered
    from sessiondata.symbol import SymbolSessionData

__all__ = ["DailyBar", "HistoricalBars", "HistoricalDay", "History", "sessions_between"]

Columns: TypeAlias = "tuple[Any, ...]"  # ts, open, high, low, close, volume, n_base

_DAILY = "1d"


@not_copied("day.bars(interval).copy() is a window of its own, which can be")
class HistoricalDay(GapOwner):
    """One past session of one symbol: series like those of the session under way, with everything over.

    Attributes
    ----------
    date : datetime.date
        Trade date.
    intervals : tuple of str
        Names of the series, the base first.
    """

    __slots__ = ("_core", "_pinned_gaps", "_pinned_quality", "_series", "_tz", "date")

    def __init__(self, date: dt.date, core: SymbolCore, zone: dt.tzinfo) -> None:
        self.date, self._core, self._tz = date, core, zone
        self._pinned_gaps: dict[int, list[GapInfo]] = {}
        self._pinned_quality: dict[int, float] = {}
        self._series = {name: BarSeries(self, core, k) for k, name in enumerate(core.intervals)}

    @property
    def _zone(self) -> dt.tzinfo:
        return self._tz

    @property
    def intervals(self) -> tuple[str, ...]:
        return self._core.intervals

    @property
    def counters(self) -> dict[str, Any]:
        """What became of all bars of the day; see `SymbolSessionData.counters`."""
        return {**self._core.counters(), "inconsistent": self._core.count_inconsistent()}

    def bars(self, interval: str | None = None) -> BarSeries:
        """Series of an interval that the symbol holds; by default the base one. It never changes: of a day that has
        taken a late bar since, it shows what was there before.

        Raises
        ------
        UnknownNameError
            If the symbol does not hold that interval.
        """
        name = self.intervals[0] if interval is None else parse_interval(interval).name
        if name not in self._series:
            raise UnknownNameError(
                f"{self._core.name!r} holds no interval {interval!r} on {self.date}",
                symbol=self._core.name,
                value=interval,
            )
        return self._series[name]

    def __repr__(self) -> str:
        base = self.bars()
        return (
            f"<HistoricalDay {self._core.name} {self.date}: {len(base)} x {base.interval}, {base.missing} missing,"
            f" quality {base.quality:.2f}>"
        )


class Rows:
    """Makes records of rows that belong to no series: what `BarWindow` asks its series for."""

    __slots__ = ("_base_ns", "_step_ns", "_zone", "interval", "is_derived", "symbol")

    def __init__(
        self, symbol: str, interval: str, zone: dt.tzinfo, is_derived: bool, step_ns: int, base_ns: int
    ) -> None:
        self.symbol, self.interval, self._zone = symbol, interval, zone
        self.is_derived, self._step_ns, self._base_ns = is_derived, step_ns, base_ns

    @classmethod
    def of(cls, symbol: SymbolSessionData, interval: Interval) -> Rows:
        """Rows of an interval that the symbol may not hold."""
        is_derived = interval.name != symbol.base_interval
        base_ns = symbol._core.steps_ns[0]
        return cls(symbol.symbol, interval.name, symbol._zone, is_derived, interval.step_ns, base_ns)

    def _make_bar(self, grid: Grid, forming_ts: int | None, values: tuple[Any, ...], n_base: int) -> Bar:
        n_expected = grid.base_slots(values[0], self._step_ns, self._base_ns)
        return Bar._make((*values, values[0] == forming_ts, n_expected == 0, n_base, n_expected))


class _Grids:
    """The grids of many sessions as one, for records of rows of many days."""

    __slots__ = ("_grids", "_starts")

    def __init__(self, grids: list[SessionGrid]) -> None:
        self._starts, self._grids = [grid.span_start for grid in grids], grids

    def __reduce__(self) -> tuple[Any, ...]:
        return _Grids, (self._grids,)

    def base_slots(self, ts_ns: int, step_ns: int, base_ns: int) -> int:
        grid = self._grids[bisect_right(self._starts, ts_ns) - 1]
        return grid.compiled.base_slots(ts_ns, step_ns, base_ns)

    def extended(self, times: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        if len(times) > 1 and (times[1:] < times[:-1]).any():  # a window that was turned round
            order = np.argsort(times)
            flags = np.empty(len(times), np.bool_)
            flags[order] = self.extended(times[order])
            return flags
        cuts = np.searchsorted(times, [*self._starts, 2**63 - 1]).tolist()
        parts = [grid.compiled.extended(times[i:j]) for grid, i, j in zip(self._grids, cuts, cuts[1:], strict=False)]
        return np.concatenate([np.zeros(0, np.bool_), *parts])

    def trade_dates(self, times: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        days = np.array([grid.compiled.day for grid in self._grids], np.int32)
        return days[np.searchsorted(self._starts, times, side="right") - 1]


@not_copied("dict(bars) holds its windows, which can be")
class HistoricalBars(Mapping[dt.date, BarWindow]):
    """Past bars of one interval of one symbol, by trade date, ascending. Current: it follows loads and rolls.

    The windows are immutable. After a late bar of a day the mapping gives another one; the old one stays as it is.
    """

    __slots__ = ("_history", "_interval")

    def __init__(self, history: History, interval: Interval) -> None:
        self._history, self._interval = history, interval

    @property
    def interval(self) -> str:
        return self._interval.name

    @property
    def dates(self) -> list[dt.date]:
        """Trade dates, ascending."""
        return self._history.dates(self._interval)

    def __getitem__(self, date: Any) -> BarWindow:
        return self._history.window(self._interval, date)

    def __iter__(self) -> Iterator[dt.date]:
        return iter(self.dates)

    def __len__(self) -> int:
        return len(self.dates)

    def tally(self, date: Any = None) -> tuple[int, int]:
        """(present, expected) slots of a date, or of all: of the dates that are here and of the sessions between them,
        whose slots are missing."""
        dates = self._history.counted(self._interval)
        if date is not None:
            dates = [self._history.counts(self._interval, date)]
        tallies = [self._history.tally(self._interval, day) for day in dates]
        return sum(present for present, _ in tallies), sum(expected for _, expected in tallies)

    def quality(self, date: Any = None) -> float:
        """100 * present / expected of a date, or of all that `tally` counts; 100.0 where nothing was expected."""
        present, expected = self.tally(date)
        return 100.0 * present / expected if expected else 100.0

    def gaps(self, date: Any = None) -> list[GapInfo]:
        """Gaps of a date, or of all that `tally` counts, in time order. A session of which nothing is here is a gap of
        each of its segments."""
        dates = self._history.counted(self._interval)
        if date is not None:
            dates = [self._history.counts(self._interval, date)]
        return [gap for day in dates for gap in self._history.gaps(self._interval, day)]

    def __repr__(self) -> str:
        dates = self.dates
        span = f"{dates[0]} .. {dates[-1]}" if dates else "none"
        return f"<HistoricalBars {self._history.symbol.symbol} {self.interval}: {len(dates)} days, {span}>"


class DailyBar:
    """One day as the indicators see it.

    Attributes
    ----------
    date : datetime.date
    open, high, low, close, volume : float
        Of the regular session.
    turnover, traded : float
        Typical price times volume, and volume, summed over the base rows where there are any, else of the day's own
        row. Their quotient is the day's volume-weighted average price.
    """

    __slots__ = ("close", "date", "high", "low", "open", "traded", "turnover", "volume")

    def __init__(self, date: dt.date, values: tuple[float, ...], sums: tuple[float, float] | None) -> None:
        self.date = date
        self.open, self.high, self.low, self.close, self.volume = values
        typical = (self.high + self.low + self.close) / 3.0
        self.turnover, self.traded = (typical * self.volume, self.volume) if sums is None else sums

    def __repr__(self) -> str:
        values = (self.open, self.high, self.low, self.close, self.volume)
        return f"DailyBar({self.date}, {', '.join(map(repr, values))})"


@not_copied("copy the store with data.copy()")
class History:
    """Everything that is kept of one symbol's past sessions. Of use inside the package; users see `HistoricalBars`.

    Attributes
    ----------
    symbol : SymbolSessionData
    days : sessiondata._days.Days
        Frozen days.
    rendered : sessiondata.past.Rendered or None
        The days as text, as the last export wrote them.
    """

    __slots__ = ("days", "rendered", "symbol")

    def __init__(self, symbol: SymbolSessionData) -> None:
        self.symbol, self.days = symbol, _days.Days(symbol._core)
        self.rendered: Rendered | None = None  # made by the first export

    @property
    def version(self) -> tuple[Any, ...]:
        """Equal as long as no answer has changed."""
        return self.days.version, self.before

    @property
    def before(self) -> dt.date | None:
        """Dates before this one are history; None: all are."""
        return self.symbol._data._next_date

    # --- what is there ---

    def intervals(self) -> list[Interval]:
        """Intervals that history can answer for: those of the symbol, 1d, and those of loaded rows that it shows."""
        before = self.before
        given = [name for name, rows in self.days.given.items() if before is None or min(rows) < before]
        names = {*self.symbol.intervals, _DAILY, *given}
        return sorted(map(parse_interval, names), key=lambda interval: interval.step_ns or 2**63)

    def dates(self, interval: Interval) -> list[dt.date]:
        """Dates with bars of an interval, ascending, before the session under way."""
        before, dates = self.before, set(self.days.given.get(interval.name, ()))
        if interval.name in self.symbol.intervals or interval.name == _DAILY:
            dates.update(self.days.cores)
        if interval.name == _DAILY:
            dates.update(self.days.daily)
        return sorted(dates if before is None else [date for date in dates if date < before])

    def known(self, interval: Interval, date: Any) -> dt.date:
        """A trade date, or an `UnknownNameError` that says that it is not there."""
        day, before = to_date(date), self.before
        core = interval.name in self.symbol.intervals or interval.name == _DAILY
        held = day in self.days.given.get(interval.name, ()) or (core and day in self.days.cores)
        held = held or (interval.name == _DAILY and day in self.days.daily)
        if not held or (before is not None and day >= before):
            raise self._unknown(interval, day)
        return day

    def _unknown(self, interval: Interval, day: dt.date) -> UnknownNameError:
        rule = f"{self.symbol.symbol!r} has no {interval.name} bars of {day} in its history"
        return UnknownNameError(rule, symbol=self.symbol.symbol, value=day)

    def counted(self, interval: Interval) -> list[dt.date]:
        """Trade dates whose slots count, ascending: `dates`, and the sessions between the first and the last of them
        of which nothing is kept. All slots of these are missing."""
        dates = self.dates(interval)
        if len(dates) < 2:
            return dates
        between = sessions_between(self.symbol.calendar, dates[0], dates[-1])
        return dates if len(between) == len(dates) else sorted({*dates, *between})

    def note_absent(self, dates: Iterable[dt.date]) -> None:
        """Note the hours of sessions that lie between these dates of days, for what may come for them."""
        held = set(dates)
        if len(held) < 2:
            return
        calendar, absent = self.symbol.calendar, self.days.absent
        try:
            between = sessions_between(calendar, min(held), max(held))
            if len(between) == len(held):
                return
            grids = [calendar.session(date) for date in between if date not in held and date not in absent]
        except CalendarError:  # nothing can be told of such a session then, nor does it count
            return
        if grids:
            hours = self.symbol._data._hours
            self.days.note_absent({grid.date: (grid.compiled, hours(grid, calendar)) for grid in grids})

    def counts(self, interval: Interval, date: Any) -> dt.date:
        """A trade date whose slots count, or an `UnknownNameError` that says that it has no bars."""
        day = to_date(date)
        return day if day in self.counted(interval) else self.known(interval, day)

    def refuse_unkept(self, interval: Interval, start_ns: int, stop_ns: int) -> bool:
        """An error if slots of an interval that begin in [start_ns, stop_ns) are missing on dates of which no base bar
        is kept, nor of days around them: of loaded rows of the interval, or of days that are trimmed. Else False."""
        base = parse_interval(self.symbol.base_interval)
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
                        f" [{start_ns}, {stop_ns}) symbol={self.symbol.symbol!r}",
                        symbol=self.symbol.symbol,
                        value=date,
                    )
        return False

    def day(self, date: dt.date) -> HistoricalDay | None:
        """The frozen day of a date; None if there is none."""
        core = self.days.cores.get(date)
        return None if core is None else HistoricalDay(date, core, self.symbol._zone)

    def known_day(self, date: Any) -> HistoricalDay:
        """The frozen day of a date, or an `UnknownNameError` that says that there are no base bars of it."""
        base = parse_interval(self.symbol.base_interval)
        date = self.known(base, date)
        day = self.day(date)
        if day is None:  # base rows make days, so another thread has removed it since
            raise self._unknown(base, date)
        return day

    # --- answers ---

    def window(self, interval: Interval, date: Any) -> BarWindow:
        """Bars of an interval on a date."""
        day = self.known(interval, date)
        core, given = self.days.cores.get(day), self.days.given.get(interval.name, {}).get(day)
        if core is not None and given is None and interval.name in core.intervals:
            window = HistoricalDay(day, core, self.symbol._zone).bars(interval.name)[:]
            window._seq = None  # nobody will ever write to these rows
            return window
        grid, columns = self.symbol.calendar.session(day).compiled, self._columns(interval, day)
        if not len(columns[0]):
            self.known(interval, day)  # or another thread has removed it since
        return BarWindow._fixed(columns, Rows.of(self.symbol, interval), grid)

    def all_bars(self, interval: Interval) -> BarWindow:
        """Bars of all dates before the session under way, and the session's own, copied into one window. The session's
        own bar of 1d is there whether the symbol shows it or not."""
        core, clock = self.symbol._core, self.symbol._data._clock
        while True:
            moment = core.session_id, self.version
            running, dates = clock.date, self.dates(interval)
            now, day, as_of = None, None, None
            if core.grid is None:
                pass
            elif interval.name == _DAILY and _DAILY not in self.symbol.intervals:
                day, as_of = _days.summary(core), core.as_of
            elif interval.name not in self.symbol.intervals:
                raise UnknownNameError(
                    f"{self.symbol.symbol!r} holds no {interval.name} in its session, only loaded days of it:"
                    f" historical_bars[{interval.name!r}] has these, register_symbol(..., derived_intervals=...) grows"
                    " the session's",
                    symbol=self.symbol.symbol,
                    value=interval.name,
                )
            else:
                now = self.symbol._series[interval.name].copy()  # of one moment, whoever writes meanwhile
            # Neither must a session have ended since, nor a day have changed: what was read would be of two moments.
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
        parts = [self._columns(interval, date) for date in dates]
        forming = None
        if day is not None and running is not None:
            parts.append(_one_row(day[:7]))
            dates.append(running)
            grid = self.symbol.calendar.session(running)
            forming = day[0] if as_of is None or as_of < grid.segments[-1, 1] else None
        elif now is not None:
            forming = now._forming_ts
            n_base = np.ones(len(now), np.int32) if now._arrays[6] is None else now._arrays[6]
            parts.append((*(now._column(i) for i in range(6)), n_base))
            assert running is not None  # there is a session
            dates.append(running)
        columns = tuple(frozen(np.concatenate(column)) for column in zip(_NO_ROWS, *parts, strict=True))
        grids = _Grids([self.symbol.calendar.session(date) for date in dates])
        return BarWindow._fixed(columns, Rows.of(self.symbol, interval), grids, forming)

    def _columns(self, interval: Interval, date: dt.date) -> Columns:
        """Columns of an interval on a date that counts: given rows before derived ones, those before kept ones."""
        core, given = self.days.cores.get(date), self.days.given.get(interval.name, {}).get(date)
        derived: Columns | None = None
        if core is not None and interval.name in core.intervals:
            series = HistoricalDay(date, core, self.symbol._zone).bars(interval.name)
            derived = (*(series._column(i) for i in range(6)), series.n_base)
        elif interval.name == _DAILY:
            day = self.days.daily.get(date) if core is None else _days.summary(core)
            derived = None if day is None else _one_row(day[:7])
        if given is None:
            return _NO_ROWS if derived is None else derived
        mine = (*given, np.zeros(len(given[0]), np.int32))
        return mine if derived is None else merged(derived, mine)[0]

    def tally(self, interval: Interval, date: dt.date) -> tuple[int, int]:
        """(present, expected) slots of an interval on a date that counts."""
        core = self.days.cores.get(date)
        if core is not None and date not in self.days.given.get(interval.name, ()) and interval.name in core.intervals:
            expected, present, _, _, _ = core.states(core.intervals.index(interval.name))
            return present, expected
        times, grid = self._columns(interval, date)[0], self.symbol.calendar.session(date).compiled
        ((present, expected),) = _gaps.count_present_i64([times], [grid], [None], interval.step_ns, None)
        return present, expected

    def gaps(self, interval: Interval, date: dt.date) -> list[GapInfo]:
        """Gaps of an interval on a date that counts."""
        core = self.days.cores.get(date)
        if core is not None and date not in self.days.given.get(interval.name, ()) and interval.name in core.intervals:
            return HistoricalDay(date, core, self.symbol._zone).bars(interval.name).gaps
        times, grid = self._columns(interval, date)[0], self.symbol.calendar.session(date).compiled
        ((starts, ends, counts),) = _gaps.find_gaps_i64([times], [grid], [None], interval.step_ns, None)
        name, zone, stops = self.symbol.symbol, self.symbol._zone, grid.segment_stops()
        return [
            GapInfo(name, interval.name, start, end, n, 0, None, zone, short_stop(stops, end, interval.step_ns))
            for start, end, n in zip(starts.tolist(), ends.tolist(), counts.tolist(), strict=True)
        ]

    def daily(self, n: int) -> list[DailyBar]:
        """The newest `n` days before the session under way that have a session bar, oldest first."""
        interval = parse_interval(_DAILY)
        found: list[DailyBar] = []
        for date in reversed(self.dates(interval)):
            if len(found) == n:
                break
            columns = self._columns(interval, date)
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
        load = self._load_base if interval.name == self.symbol.base_interval else partial(self._load_rows, interval)
        stored = load(pieces, close_label)
        if stored is None:
            raise SessionStateError(f"symbol {self.symbol.symbol!r} was removed from its store and takes no bars")
        return stored

    def _by_date(self, columns: BarColumns, order: Any, close_label: bool) -> Iterator[tuple[SessionGrid, BarColumns]]:
        """The rows of each trade date, in time order, dates ascending."""
        times = columns[0][order]
        # A close names the end of its bar, which lies in the session that has begun before it.
        keys = times - 1 if close_label else times
        i = 0
        while i < len(keys):
            try:
                grid = self.symbol.calendar._session_at(int(keys[i]))
            except CalendarError as error:
                raise BarError(
                    "timestamp belongs to no trade date that the calendar knows",
                    symbol=self.symbol.symbol, row=int(order[i]), value=f"ts_ns={times[i]} ({error})",
                    code="ERR_NO_TRADE_DATE",
                ) from error  # fmt: skip
            stop = int(np.searchsorted(keys, grid.span_stop))
            yield grid, tuple(column[order[i:stop]] for column in columns)
            i = stop

    def _load_base(self, pieces: list[tuple[SessionGrid, BarColumns]], close_label: bool) -> int | None:
        hours, calendar = self.symbol._data._hours, self.symbol.calendar
        taken = [(grid.date, grid.compiled, hours(grid, calendar), columns) for grid, columns in pieces]
        while True:  # until no other thread has come between the look and the change
            generation = self.days.generation
            self.note_absent([*self.days.cores, *(grid.date for grid, _ in pieces)])
            stored = self.days.load(taken, close_label, generation)
            if stored is not False:
                return stored

    def _load_rows(
        self, interval: Interval, pieces: list[tuple[SessionGrid, BarColumns]], close_label: bool
    ) -> int | None:
        while True:  # until no other thread has come between the look and the change
            given = self.days.given
            held = given.get(interval.name, {})
            new: dict[dt.date, BarColumns] = {}
            changed = 0
            for grid, columns in pieces:
                times = _slot_labels(interval, grid, columns[0], close_label)
                rows = merged(held.get(grid.date, _NO_ROWS[:6]), (times, *columns[1:]))
                new[grid.date], n = rows
                changed += n
            if not changed:
                return 0
            replaced = self.days.replace_given(given, {**given, interval.name: {**held, **new}}, new)
            if replaced is not False:
                return changed if replaced else None

    # --- rolling ---

    def trimmed(self, keep: int, keep_daily: int, before: dt.date, ended: dt.date | None) -> Any:
        """Given rows without those of all but the newest dates before one, and the dates of daily bars to forget with
        them, as `_days.turn` takes them; None if nothing was given. `ended` is the session that is becoming history."""
        given = self.days.given
        if not given:
            return None
        rows, gone = dict(given), set()
        for name in given:
            dates = set(given[name])
            if name == _DAILY:
                dates |= set(self.days.daily)
                cores = dict(self.days.cores)
                if ended is not None and self.symbol._core.grid is not None:
                    cores[ended] = self.symbol._core  # which has not become a day yet
                dates |= {date for date, core in cores.items() if _days.has_session_bar(core)}
            n = keep_daily if name == _DAILY else keep
            past = sorted(date for date in dates if date < before)
            old = set(past[: max(0, len(past) - n)])
            gone |= old if name == _DAILY else set()
            rows[name] = {date: columns for date, columns in given[name].items() if date not in old}
            if not rows[name]:
                del rows[name]
        return rows, gone

    def memory_usage(self) -> tuple[int, int]:
        """(bytes reserved, bytes of the rows)."""
        usage = [core.memory_usage() for core in self.days.cores.values()]
        given = sum(
            column.nbytes for rows in self.days.given.values() for columns in rows.values() for column in columns
        )
        text = 0 if self.rendered is None else self.rendered.nbytes
        return sum(reserved for reserved, _ in usage) + given + text, sum(rows for _, rows in usage) + given


@lru_cache(maxsize=64)  # all symbols of a store ask for the same, and again after each roll
def sessions_between(calendar: SessionCalendar, first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
    """Trade dates of a calendar, both ends inclusive."""
    return tuple(calendar.session_dates(first, last))


def merged(old: Columns, new: Columns) -> tuple[Any, int]:
    """Two sets of columns by time, of equal times the later row of the new one; and how many rows that changed.

    A repeat changes nothing, not even the sign of a zero. New read-only arrays, ascending in time."""
    columns = [np.concatenate(pair) for pair in zip(old, new, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    times = columns[0][order]
    last = order[np.append(times[1:] != times[:-1], np.ones(min(1, len(times)), bool))]
    first = order[np.append(np.ones(min(1, len(times)), bool), times[1:] != times[:-1])]
    repeated = first < len(old[0])
    for column in columns[1:6]:
        repeated &= column[first] == column[last]
    rows = np.where(repeated, first, last)
    return tuple(frozen(column[rows]) for column in columns), int(len(rows) - repeated.sum())


def _slot_labels(interval: Interval, grid: SessionGrid, times: Any, close_label: bool) -> Any:
    """Open times of given rows; those of daily bars are the session's open."""
    if interval.step_ns == 0:
        return np.full(len(times), grid.segments[0, 0], np.int64)
    if not close_label:
        return times
    # The end of a segment may close a slot that is shorter than the interval.
    opens = times - interval.step_ns
    for start, stop in grid.segments.tolist():
        opens[times == stop] = start + (stop - 1 - start) // interval.step_ns * interval.step_ns
    return opens


def _one_row(values: tuple[Any, ...]) -> Columns:
    kinds = (np.int64, *(np.float64,) * 5, np.int32)
    return tuple(frozen(np.array([value], kind)) for value, kind in zip(values, kinds, strict=True))


_NO_ROWS: Columns = tuple(np.frombuffer(b"", kind) for kind in (np.int64, *(np.float64,) * 5, np.int32))


# Types of columns that may hold dates: of pandas, polars and Arrow.
_COLUMNS_OF_DATES = ("object", "str", "string", "Date", "String", "date32[day]", "date32[day][pyarrow]")


def opens_of_dates(symbol: SymbolSessionData, dates: Any) -> Any:
    """Opens of the sessions, if these are dates (datetime64[D], `date`, "YYYY-MM-DD", also in a column of another
    library); None if they are times."""
    if str(getattr(dates, "dtype", getattr(dates, "type", None))) in _COLUMNS_OF_DATES:
        dates = to_numpy(dates)
    if isinstance(dates, np.ndarray) and dates.dtype != np.dtype("datetime64[D]") and dates.dtype.kind not in "OU":
        return None
    if not isinstance(dates, (np.ndarray, list, tuple)) or not len(dates) or not all(map(_is_date, dates)):
        return None
    return np.array([symbol.calendar.session(date).segments[0, 0] for date in dates], np.int64)


def _is_date(value: Any) -> bool:
    if isinstance(value, np.datetime64):
        return bool(value.dtype == np.dtype("datetime64[D]"))
    return isinstance(value, str) or (isinstance(value, dt.date) and not isinstance(value, dt.datetime))
