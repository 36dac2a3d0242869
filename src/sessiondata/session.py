"""The store: sessions of many symbols."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from sessiondata import _days, _store
from sessiondata._slice import Slice
from sessiondata.arguments import check_bool, check_index, check_iterable
from sessiondata.calendars import SessionCalendar, TradeDates
from sessiondata.calendars import calendar as find_calendar
from sessiondata.columns import bar_columns
from sessiondata.cursors import ExportCursor
from sessiondata.dates import to_date, to_hours
from sessiondata.errors import (
    ArgumentError,
    ArgumentTypeError,
    BarError,
    CalendarError,
    InactiveError,
    IntervalError,
    LaterSessionError,
    SessionStateError,
    TimeError,
    UnknownNameError,
)
from sessiondata.exclusive import alone, exclusive
from sessiondata.export import document, document_bytes
from sessiondata.gaps import GapInfo
from sessiondata.grids import SessionGrid
from sessiondata.indicators import Function, Indicator, check_days, check_indicator_name, indicator
from sessiondata.intervals import Interval, check_intervals, names_and_steps, parse_interval
from sessiondata.outages import ClassifiedGap, classify_gaps
from sessiondata.series import Bar, BarWindow
from sessiondata.symbol import BySymbol, SymbolSessionData, check_label, unknown_symbol
from sessiondata.times import (
    LEAST_START_NS,
    are_counted,
    check_meant,
    from_ns,
    to_ns,
    to_ns_array,
    unit_error,
    with_unit,
)

if TYPE_CHECKING:
    from sessiondata.columns import BarColumns

__all__ = ["SessionData"]

_Stored = TypeVar("_Stored", bool, int)

_LEAST = -(2**63)
_NO_SESSION = None, None  # neither grid nor hours around it
#: Bars that quotes make, and what they are called natively.
_QUOTE_BARS = {None: 0, "mid": 1, "bid": 2, "ask": 3}
_MAX_CAPACITY = 2**32  # rows; 400 GB a symbol, and far from where sizes in bytes would overflow


class SessionData:
    """In-memory store of one intraday market session of many symbols.

    Parameters
    ----------
    calendar : str, SessionCalendar or None
        Whose sessions these are: a name such as ``"XNYS"`` (exchange_calendars; ``"CMES"`` corrected), a calendar, or
        None for always open (24x7, the session is the UTC day).
    base_interval : str
        Interval that is streamed; `register_symbol` may override it.
    derived_intervals : iterable of str
        Intervals grown from it, each a longer multiple of the base, or ``"1d"`` (the whole session).
    trailing_days : int
        Days of history to keep once sessions are rolled.
    capacity : int, optional
        Rows of each base ring. By default a whole session, and more where bars come beside its slots: no bar is
        ever overwritten.
    label : {"open", "close"}
        Which end of its interval an incoming timestamp names. Stored bars are labelled by their open.
    grace_ns : int
        How long after its end a bar may still arrive: by the clock a slot is over, and a forming bar complete, so much
        later. A newer bar of the same symbol proves at once that the feed has passed a slot.
    extended_hours : (start, stop) or (start, stop, early stop), optional
        Local times of day, ``"04:00"``, ``"20:00"``: bars are expected from the one before the open until the one after
        the close, too. What is missing there stands apart in `BarSeries.extended`. By default nothing is expected.
        After a close that is earlier than usual (`SessionCalendar.usual_close`) the hours are as long
        as after a usual one: until 17:00 after 13:00 in New York; or they end at ``early stop``.
    tick_capacity, quote_capacity : int
        Rows of the rings of trades and quotes, which a symbol gets with its first one. Older rows are overwritten; the
        bars made of them stay.
    strict : bool
        Refuse bars whose open or close lies outside [low, high] (`BarError`, ``ERR_INCONSISTENT``); `register_symbol`
        may override it. By default they are taken, and counted as ``inconsistent`` (`SymbolSessionData.counters`).

    Raises
    ------
    ArgumentTypeError
        `strict` is no bool, a number no whole one, or `derived_intervals` no iterable. Names the parameter.

    Notes
    -----
    A session is started by `start_session`, or by the first bar. No bar allocates memory.

    Any thread may read and write, with the GIL or without (`sessiondata.jit`). Calls for one symbol take turns: two
    writers store all bars, in some order. What one call answers is of one moment, two calls may lie on both sides of a
    bar: `BarSeries.state` has gaps and quality together, `BarSeries.copy` whole rows. Views of a live series show what
    is written meanwhile. Documents and frames are of one moment for each symbol.

    Rows are checked and stored in one step, in which no Python code runs: whatever another thread, a signal handler or
    a finalizer does comes before or after a call, and what a call acknowledges is stored. A session that several
    feeders begin at once keeps the first bars of all. Starts, ends, rolls, `clear`, registrations, removals, documents
    and snapshots wait for each other. From inside one of them the same thread may feed and ask the store; what would
    change its sessions or symbols there, or use the cursor of the export under way, raises `ReentrantCallError`.
    """

    def __init__(
        self,
        calendar: str | SessionCalendar | None = None,
        base_interval: str = "1m",
        derived_intervals: Iterable[str] = ("5m", "15m", "1h", "1d"),
        trailing_days: int = 5,
        *,
        capacity: int | None = None,
        label: str = "open",
        grace_ns: int = 0,
        extended_hours: tuple[Any, Any] | tuple[Any, Any, Any] | None = None,
        tick_capacity: int = 65_536,
        quote_capacity: int = 65_536,
        strict: bool = False,
    ) -> None:
        self._calendar = find_calendar(calendar)
        self._zone = self._calendar.zone
        self._base, self._derived = check_intervals(base_interval, derived_intervals)
        self.trailing_days = trailing_days
        self._capacity = 0 if capacity is None else _check_capacity(capacity)
        self._close_label = check_label(label)
        grace_ns = check_index("grace_ns", grace_ns)
        if not 0 <= grace_ns < 2**63:
            raise ArgumentError(f"grace_ns is a number of nanoseconds, not negative: {grace_ns}", value=grace_ns)
        self._extended_hours = None if extended_hours is None else to_hours(extended_hours)
        self._tick_capacities = _check_capacity(tick_capacity, "tick_"), _check_capacity(quote_capacity, "quote_")
        self._strict = check_bool("strict", strict)
        self._clock = _store.StoreClock(grace_ns)
        self._begin = partial(self._need_session, self._calendar)  # one for all symbols with the store's calendar
        self._active = True
        self._symbols: dict[str, SymbolSessionData] = {}
        self._indicators: dict[str, Indicator] = {}
        # Of all symbols, and another list with each change of them; empty: not listed yet.
        self._cores: list[_store.SymbolCore] = []
        # The names of the last slice, what they stood for, and the list of all symbols then.
        self._slice: tuple[list[str], Slice, list[_store.SymbolCore]] = [], Slice([]), []
        self._pinned: dict[_store.SymbolCore, SymbolSessionData] = {}  # symbols with pinned gaps or quality
        self._foreign: dict[_store.SymbolCore, SymbolSessionData] = {}  # symbols with a calendar of their own
        self._cursors: dict[str, ExportCursor] = {}
        self._default_cursor: ExportCursor | None = None

    # --- session ---

    @property
    def trailing_days(self) -> int:
        """Days of history that a roll or an end of a session keeps. May be set; history is trimmed at the next one."""
        return self._trailing_days

    @trailing_days.setter
    def trailing_days(self, value: int) -> None:
        self._trailing_days = check_days(value, "trailing_days")

    @property
    def calendar(self) -> SessionCalendar:
        return self._calendar

    @property
    def grid(self) -> SessionGrid | None:
        """Segments of the current session by the store's calendar; None before one is started, and on a date that is a
        session of other calendars only."""
        return self._clock.grid

    @property
    def session_date(self) -> dt.date | None:
        """Trade date of the current session; None before one is started."""
        return self._clock.date

    @property
    def _next_date(self) -> dt.date | None:
        """The earliest date that is not over: of the session under way, or the day after the one that has ended. None
        before the first session: there is no now yet, and nothing is ahead of it."""
        return self._clock.next_date

    @property
    def sequence(self) -> int:
        """Number of changes so far; never goes back."""
        return self._clock.sequence

    @property
    def grace_ns(self) -> int:
        """How long after its end a bar may still arrive, by the clock; ns."""
        return self._clock.grace_ns

    @property
    def as_of(self) -> dt.datetime | None:
        """The latest time known: of `advance_to`, or the end of the newest bar of any symbol. None before either."""
        as_of = self._as_of_ns()
        return None if as_of is None else from_ns(as_of, self._zone)

    def _as_of_ns(self) -> int | None:
        times = [self._clock.as_of, *(core.as_of for core in self._all_cores())]
        return max((time for time in times if time is not None), default=None)

    @exclusive("start_session()")
    def start_session(self, date: Any) -> SessionGrid | None:
        """Start the session of a trade date; nothing happens if that session is the current one.

        Bars of that date that were loaded before are bars of the session. A symbol whose own calendar has no session on
        the date has none.

        Parameters
        ----------
        date : str ("YYYY-MM-DD"), date or datetime64[D]

        Returns
        -------
        SessionGrid or None
            By the store's calendar; None if the date is a session of symbols' own calendars only.

        Raises
        ------
        CalendarError, DateOutOfRangeError
            There is no such session.
        SessionStateError
            Another session is under way, or a later one has ended.
        """
        day, grids = self._grids(date)
        running, ended = self._clock.date, self._clock.ended
        if running is not None:
            if running != day:
                raise SessionStateError(
                    f"the session of {running} is under way; roll_session() to a later date, or clear()"
                )
            return self._clock.grid
        if ended is not None and day < ended:
            raise SessionStateError(f"the session of {ended} has ended; clear() the store before {day}")
        self._turn(day, grids)
        self._clock.touch()
        return self._clock.grid

    def _grids(self, date: Any) -> tuple[dt.date, dict[SessionCalendar, SessionGrid | None]]:
        """A trade date, and the hours of each calendar on it; an error unless one of them has any."""
        day = to_date(date)
        calendars = dict.fromkeys([self._calendar, *(symbol.calendar for symbol in list(self._symbols.values()))])
        grids = {
            calendar: calendar.session(day) if calendar.session_dates(day, day) else None for calendar in calendars
        }
        if not any(grids.values()):
            self._calendar.session(day)  # raises
        return day, grids

    @exclusive("end_session()")
    def end_session(self) -> None:
        """End the session: its bars become a day of history, which is trimmed to `trailing_days`. The next session is
        started by `start_session`, or by the first bar of a later date; until then late bars go to their day.

        Raises
        ------
        SessionStateError
            No session is under way.
        """
        if self._clock.date is None:
            raise SessionStateError("no session is under way")
        self._turn(None, {})

    @exclusive("roll_session()")
    def roll_session(self, date: Any = None) -> SessionGrid | None:
        """End the session and start that of a later date.

        Rows, derived bars, gaps and counters of each symbol become a day of history as they are: nothing is copied, and
        windows on them stay what they are, though no longer valid as windows of the session. History is trimmed to
        `trailing_days`, metrics, counters and the clock begin anew. Late bars of days in history go there.

        Parameters
        ----------
        date : str, date or datetime64[D], optional
            By default the next trade date of any calendar: the store's, or a symbol's own.

        Returns
        -------
        SessionGrid or None
            As for `start_session`.

        Raises
        ------
        SessionStateError
            There was no session yet, or the date is not a later one.
        CalendarError, DateOutOfRangeError
            There is no such session, or the calendar does not know the next one. Nothing has changed.

        Notes
        -----
        O(symbols), some microseconds each; O(rows) for symbols with loaded bars of the new date.
        """
        last = self._last_date()
        if last is None:
            raise SessionStateError("no session to roll; start_session() first")
        if date is None:
            calendars = {self._calendar, *(symbol.calendar for symbol in list(self._symbols.values()))}
            date = min(calendar.next_date(last) for calendar in calendars)
        day, grids = self._grids(date)
        if day <= last:
            raise SessionStateError(f"a roll goes forwards, from {last}: {day}")
        was_running = self._clock.date is not None
        self._turn(day, grids, trim=True)
        if not was_running:
            self._clock.reset()
        return self._clock.grid

    def _last_date(self) -> dt.date | None:
        """Trade date of the session under way, or of the one before."""
        return self._clock.ended if self._clock.date is None else self._clock.date

    def _turn(
        self, date: dt.date | None, grids: Mapping[SessionCalendar, SessionGrid | None], trim: bool = False
    ) -> None:
        """End the session under way, if there is one, and start that of a date, if one is given. History is trimmed
        where a session ends, or with `trim`."""
        alone(self)  # from here on this thread's signal handlers cannot change date and symbols either
        ended = self._clock.date
        before = date if date is not None or ended is None else ended + dt.timedelta(days=1)
        symbols = list(self._symbols.values())
        cores = [symbol._core for symbol in symbols]
        hours = {
            calendar: (None if grid is None else grid.compiled, self._hours(grid, calendar))
            for calendar, grid in grids.items()
        }
        keep, keep_daily = self.trailing_days, self._keep_daily()
        grid = grids.get(self._calendar)  # looked up here: a calendar's hash runs Python, which may need memory
        turned = False
        while not turned:
            versions = [core.days.generation for core in cores]
            opened = _days.open_sessions(
                cores, [hours.get(s._calendar, _NO_SESSION) for s in symbols], date, ended is None
            )
            staged: list[Any] = [None] * len(cores)
            given: list[Any] = [None] * len(cores)
            if ended is not None or trim:
                assert before is not None
                staged = _days.stage_sessions(cores, opened, ended, keep, keep_daily, before)
                given = [symbol._history.trimmed(keep, keep_daily, before, ended) for symbol in symbols]
                for symbol, days in zip(symbols, staged, strict=True):
                    if days is not None:
                        symbol._history.note_absent(days[0])
            # From here on nothing can fail; only a bar that has come for a past day meanwhile makes it begin anew.
            turned = _days.turn(cores, opened, staged, given, versions, self._clock, date, grid)

    def _keep_daily(self) -> int:
        """Days of which history keeps the session's bar."""
        return max(self.trailing_days, *(indicator.days for indicator in list(self._indicators.values())), 0)

    def _hours(self, grid: SessionGrid | None, calendar: SessionCalendar) -> tuple[int, int] | None:
        return None if self._extended_hours is None or grid is None else calendar.around(grid, self._extended_hours)

    @exclusive("a bar that begins a session")
    def _need_session(
        self,
        calendar: SessionCalendar,
        core: _store.SymbolCore,
        ts_ns: int,
        close_label: bool,
        store: Callable[[], _Stored] | None,
    ) -> _Stored | bool | None:
        """A first bar of a symbol: see `SymbolCore`."""
        return self._begin_session(calendar, core, ts_ns, close_label, store)

    def _begin_session(
        self,
        calendar: SessionCalendar,
        core: _store.SymbolCore,
        ts_ns: int,
        close_label: bool,
        store: Callable[[], _Stored] | None,
    ) -> _Stored | bool | None:
        """Look whether the symbol still has no session, start that of the bar's trade date, and return what `store`
        does in it. None if that session is over: nothing was stored. Inside of an `exclusive` call."""
        if store is not None and (core.grid is not None or core.days is None):
            return store()  # another thread has started the session meanwhile, or removed the symbol
        last, symbol = self._last_date(), core.name
        if ts_ns < LEAST_START_NS and (last is None or last.year >= 1990):
            raise unit_error(ts_ns, symbol=symbol, row=None)
        try:
            step_ns = core.steps_ns[0]
            day = (_session_of_close(calendar, ts_ns, step_ns) if close_label else calendar._session_at(ts_ns)).date
        except CalendarError as error:
            raise type(error)(f"{error} (ts_ns={ts_ns} symbol={symbol!r})", symbol=symbol, value=ts_ns) from error
        if last is not None and day <= last:
            return None
        if self._clock.date is not None:  # on which the symbol has no session of its own
            raise LaterSessionError(symbol, ts_ns, day)
        if ts_ns < LEAST_START_NS:
            raise unit_error(ts_ns, symbol=symbol, row=None)
        if store is None:
            return True
        try:
            self._turn(*self._grids(day))
            return store()
        except BaseException:  # a call that is refused starts no session, unless it is one for others by now
            _days.undo(self._all_cores(), self._clock)
            raise

    @exclusive("rows that may begin a session")
    def _extend_first(
        self,
        symbol: SymbolSessionData,
        earliest: Callable[[int], int | None],
        close_label: bool,
        store: Callable[[], int],
    ) -> int:
        """Store rows for a symbol that had no session: start that of the earliest row that may begin one, by a function
        of the time before which sessions are over."""
        core = symbol._core
        if core.days is None:
            core.begin(0, close_label, store)  # raises: the symbol was removed
        if core.grid is None:
            first = earliest(self._floor(symbol))
            if first is not None:
                stored = self._begin_session(symbol.calendar, core, first, close_label, store)
                if stored is not None:
                    return stored
        return store()

    def _floor(self, symbol: SymbolSessionData) -> int:
        """Bars from before this time cannot start a session: theirs is over."""
        if symbol._core.grid is not None:
            return _LEAST
        last = self._last_date()
        if symbol._core.days is None:  # a symbol that was removed: `begin` refuses it
            return _LEAST
        if last is None:
            return LEAST_START_NS
        calendar = symbol.calendar
        try:
            return calendar.session(calendar.next_date(last)).span_start
        except CalendarError:  # the calendar knows no later session: such a bar is refused for that
            return calendar.session(last).span_stop if calendar.session_dates(last, last) else _LEAST

    def advance_to(self, ts_ns: Any) -> None:
        """Move the clock forwards: slots that are over by then are expected, also of symbols that are silent.

        Parameters
        ----------
        ts_ns : int ns, datetime64 or aware datetime
            A time before the clock's has no effect.

        Raises
        ------
        TimeError
            It is no time, or an integer of another unit (``ERR_UNIT``): one of 1970, where no day of the store is, that
            seconds, milliseconds or microseconds put after 1990.

        Examples
        --------
        >>> data = SessionData(None, "1m", ())
        >>> _ = data.start_session("2024-03-12")
        >>> data.advance_to(1_710_244_800_000_000_000)
        >>> print(data.as_of)
        2024-03-12 12:00:00+00:00
        """
        self._clock.advance(self._meant(ts_ns))

    def _meant(self, time: Any) -> int:
        """A time in ns, or an error where it is an integer of another unit."""
        ts_ns = to_ns(time)
        return ts_ns if ts_ns >= LEAST_START_NS or self._has_early_days() else check_meant(ts_ns)

    def _has_early_days(self) -> bool:
        """Whether the session or a day of any symbol lies before 1990, so that such a time may be meant."""
        last = self._last_date()
        return (last is not None and last.year < 1990) or any(core.has_early_days() for core in self._all_cores())

    # --- the gate ---

    @property
    def is_active(self) -> bool:
        """Whether readers are answered."""
        return self._active

    def activate(self) -> None:
        """Answer readers again."""
        self._active = True

    def deactivate(self) -> None:
        """Answer no reader until `activate`: questions to the store and its symbols, and exports, raise InactiveError.

        The feeder goes on: bars, loads, marks, the clock and rolls are taken, and what it needs is answered: counters,
        flags, marks, hours, times, memory. Series and windows that were handed out before, and compiled callers, are
        not stopped."""
        self._active = False

    def _check_active(self) -> None:
        if not self._active:
            raise InactiveError("the store is not active: it takes bars, but answers no question until activate()")

    # --- symbols ---

    @property
    def symbols(self) -> Mapping[str, SymbolSessionData]:
        """Symbols by name, in the order they were registered. Read-only and live; another name is an
        `UnknownNameError`."""
        return BySymbol(self._symbols)

    @exclusive("register_symbol()")
    def register_symbol(
        self,
        symbol: str,
        base_interval: str | None = None,
        derived_intervals: Iterable[str] | None = None,
        *,
        calendar: str | SessionCalendar | None = None,
        quote_bars: str | None = None,
        strict: bool | None = None,
    ) -> SymbolSessionData:
        """Add a symbol, or return the one that is there.

        Parameters
        ----------
        symbol : str
            Not empty, and encodable as UTF-8.
        base_interval, derived_intervals : optional
            In place of the store's. With another base, the store's derived intervals that it divides are kept.
        calendar : str or SessionCalendar, optional
            In place of the store's: the symbol has this calendar's hours of each trade date, and no session where it
            has none. ``"24/7"`` stands for always open.
        quote_bars : {"mid", "bid", "ask"}, optional
            Make base bars from quotes, of these prices and without volume. By default quotes make none. A quote in
            which a side that they are made of is empty (a price or size of 0, or a price of -1 beside a positive
            one) makes none either; it is kept, and counted as ``empty_side`` (``quotes.counters``).
        strict : bool, optional
            In place of the store's.

        Raises
        ------
        CalendarError
            There is no such calendar, or the symbol is there with another.
        IntervalError
            The intervals do not fit each other, or the symbol is there with others.
        ArgumentError
            ``quote_bars`` is none of these, or the symbol is there with another one.
        ArgumentTypeError
            ``strict`` is no bool, or ``derived_intervals`` no iterable.
        """
        if not (quote_bars is None or isinstance(quote_bars, str)) or quote_bars not in _QUOTE_BARS:
            raise ArgumentError(f'quote_bars is "mid", "bid", "ask" or None: {quote_bars!r}', value=quote_bars)
        strict = None if strict is None else check_bool("strict", strict)
        intervals = self._intervals(base_interval, derived_intervals)
        own = self._calendar if calendar is None else find_calendar(calendar)
        if self._calendar._is_like(own):
            own = self._calendar
        symbol = _check_name(symbol)
        held = self._symbols.get(symbol)
        if held is not None:
            asked = base_interval is not None or derived_intervals is not None
            if asked and held.intervals != tuple(interval.name for interval in intervals):
                raise IntervalError(
                    f"{symbol!r} is registered with {', '.join(held.intervals)}; a symbol cannot change its intervals"
                    " during a session"
                )
            if calendar is not None and not held.calendar._is_like(own):
                raise CalendarError(
                    f"{symbol!r} is registered with calendar {held.calendar.name!r}, not {own.name!r}",
                    symbol=symbol,
                    value=own.name,
                )
            if quote_bars is not None and _QUOTE_BARS[quote_bars] != held._core.quote_bars:
                raise ArgumentError(
                    f"{symbol!r} is registered with other quote_bars than {quote_bars!r}",
                    symbol=symbol,
                    value=quote_bars,
                )
            if strict is not None and strict != held._core.strict:
                raise ArgumentError(f"{symbol!r} is registered with strict={held._core.strict}", symbol=symbol)
            return held
        alone(self)
        is_strict = self._strict if strict is None else strict
        core = self._new_core(symbol, *names_and_steps(intervals), own, _QUOTE_BARS[quote_bars], is_strict)
        date = self._clock.date
        if date is not None and own.session_dates(date, date):
            grid = own.session(date)
            core.start(grid.compiled, self._hours(grid, own), True)
        held = self._add(core, own)
        self._clock.touch()
        return held

    def _new_core(
        self,
        name: str,
        intervals: tuple[str, ...],
        steps_ns: tuple[int, ...],
        own: SessionCalendar,
        quote_bars: int,
        strict: bool,
    ) -> _store.SymbolCore:
        """Native state of one more symbol, without a session."""
        begin = self._begin if own is self._calendar else partial(self._need_session, own)
        return _store.SymbolCore(
            name, self._clock, intervals, steps_ns, self._capacity, self._close_label, begin, *self._tick_capacities,
            quote_bars, strict,
        )  # fmt: skip

    def _add(self, core: _store.SymbolCore, own: SessionCalendar) -> SymbolSessionData:
        """Have one more symbol."""
        core.calendar = TradeDates(own._session_at)
        held = SymbolSessionData(self, core, own)
        if own is not self._calendar:
            self._foreign[core] = held
        # Side by side: no signal is heard between them.
        self._symbols[core.name], self._cores = held, []
        return held

    def _intervals(self, base: str | None, derived: Iterable[str] | None) -> tuple[Interval, ...]:
        if base is None and derived is None:
            return (self._base, *self._derived)
        base_interval = self._base if base is None else parse_interval(base)
        if derived is None:
            step = base_interval.step_ns or 1  # check_intervals refuses a base of 1d
            fits = [d for d in self._derived if d.step_ns == 0 or (d.step_ns > step and d.step_ns % step == 0)]
            base_interval, checked = check_intervals(base_interval, fits)
        else:
            base_interval, checked = check_intervals(base_interval, derived)
        return (base_interval, *checked)

    def get_symbol_data(self, symbol: str) -> SymbolSessionData:
        """The symbol's data.

        Raises
        ------
        UnknownNameError
            A KeyError that names the symbol.
        """
        try:
            return self._symbols[symbol]
        except (KeyError, TypeError) as error:
            raise unknown_symbol(symbol) from error

    @exclusive("remove_symbol()")
    def remove_symbol(self, symbol: str) -> None:
        """Forget a symbol and its history. What still refers to it shows no rows and takes none; windows that were
        handed out keep theirs."""
        held = self.get_symbol_data(symbol)
        alone(self)
        nothing: tuple[list[str], Slice, list[_store.SymbolCore]] = [], Slice([]), []
        _days.leave(self, held._core)
        self._slice = nothing
        self._clock.touch()

    @exclusive("clear()")
    def clear(self) -> None:
        """Forget all symbols, their history, the session and the clock. The sequence goes on."""
        alone(self)
        nothing: tuple[list[str], Slice, list[_store.SymbolCore]] = [], Slice([]), []
        _days.clear(self)
        self._slice = nothing

    # --- writing ---

    def append(
        self,
        symbol: str,
        ts_ns: Any,
        open: float,  # noqa: A002
        high: float,
        low: float,
        close: float,
        volume: float,
    ) -> bool:
        """`SymbolSessionData.append` by name. Keep the symbol's own `append` at hand where speed counts."""
        return self.get_symbol_data(symbol).append(ts_ns, open, high, low, close, volume)

    def extend(
        self,
        symbol: str,
        ts_ns: Any,
        open: Any = None,  # noqa: A002
        high: Any = None,
        low: Any = None,
        close: Any = None,
        volume: Any = None,
        **options: Any,
    ) -> int:
        """`SymbolSessionData.extend` by name, of six columns or a frame."""
        return self.get_symbol_data(symbol).extend(ts_ns, open, high, low, close, volume, **options)

    def fill(
        self,
        symbol: str,
        ts_ns: Any,
        open: Any = None,  # noqa: A002
        high: Any = None,
        low: Any = None,
        close: Any = None,
        volume: Any = None,
        **options: Any,
    ) -> int:
        """`SymbolSessionData.fill` by name, of six columns or a frame."""
        return self.get_symbol_data(symbol).fill(ts_ns, open, high, low, close, volume, **options)

    def append_tick(self, symbol: str, ts_ns: Any, price: float, size: float, exchange: str = "") -> bool:
        """`SymbolSessionData.append_tick` by name. Keep the symbol's own at hand where speed counts."""
        return self.get_symbol_data(symbol).append_tick(ts_ns, price, size, exchange)

    def append_quote(self, symbol: str, ts_ns: Any, bid: float, ask: float, bid_size: float, ask_size: float) -> bool:
        """`SymbolSessionData.append_quote` by name."""
        return self.get_symbol_data(symbol).append_quote(ts_ns, bid, ask, bid_size, ask_size)

    def extend_ticks(self, symbol: str, ts_ns: Any, price: Any, size: Any, exchange: Any = "", **options: Any) -> int:
        """`SymbolSessionData.extend_ticks` by name."""
        return self.get_symbol_data(symbol).extend_ticks(ts_ns, price, size, exchange, **options)

    def extend_quotes(
        self, symbol: str, ts_ns: Any, bid: Any, ask: Any, bid_size: Any, ask_size: Any, **options: Any
    ) -> int:
        """`SymbolSessionData.extend_quotes` by name."""
        return self.get_symbol_data(symbol).extend_quotes(ts_ns, bid, ask, bid_size, ask_size, **options)

    def append_slice(
        self,
        symbols: Iterable[str],
        ts_ns: Any,
        open: Any,  # noqa: A002
        high: Any,
        low: Any,
        close: Any,
        volume: Any,
        *,
        unit: str | None = None,
    ) -> int:
        """One bar of each of many symbols, all or nothing.

        Parameters
        ----------
        symbols : iterable of str, length n
        ts_ns : time, or array of times of shape (n,)
            One time for all, or one each.
        open, high, low, close, volume : arrays of numbers, shape (n,)
        unit : {"s", "ms", "us", "ns"}, optional
            What integer times count, as for `extend`.

        Returns
        -------
        int
            Bars that changed something.

        Raises
        ------
        UnknownNameError, BarError, BarTypeError, TimeError, SessionStateError
            Names symbol, row, value and rule; no symbol has changed.
        """
        names = symbols if type(symbols) is list else list(check_iterable("symbols are a list of names", symbols))
        if unit is not None:
            is_counted = are_counted(ts_ns if np.ndim(ts_ns) else [ts_ns])
            ts_ns = to_ns_array(ts_ns, unit=unit) if np.ndim(ts_ns) else to_ns_array([ts_ns], unit=unit)[0]
        times = ts_ns if np.ndim(ts_ns) else np.full(len(names), to_ns(ts_ns), np.int64)
        columns = bar_columns(times, open, high, low, close, volume)
        if len(names) != len(columns[0]):
            raise BarError(
                "a slice has one bar for each symbol",
                value=f"{len(names)} symbols, {len(columns[0])} bars",
                code="ERR_LENGTH",
            )
        if not names:
            return 0
        held, resolved, cores = self._slice
        if cores is not self._cores or names != held:  # mostly it is the same slice, minute after minute
            resolved = self._resolve(names)
        try:
            if self._clock.date is None:
                return self._append_first_slice(names, columns)
            return resolved.append(*columns)
        except TimeError as error:
            if unit is None:
                is_counted = are_counted(ts_ns if np.ndim(ts_ns) else [ts_ns])
            raise with_unit(error, columns[0], unit, is_counted) from None
        except SessionStateError:
            self._resolve(names)  # a symbol that has been removed meanwhile is unknown by now
            raise

    def _resolve(self, names: list[str]) -> Slice:
        """What the names of a slice stand for."""
        # The list first: if a symbol comes or goes meanwhile, the next slice finds another one, and asks again.
        cores, held = self._cores, names.copy()
        resolved = Slice([self.get_symbol_data(symbol)._core for symbol in held])
        self._slice = held, resolved, cores
        return resolved

    @exclusive("a slice that may begin a session")
    def _append_first_slice(self, names: list[str], columns: BarColumns) -> int:
        resolved = self._resolve(names)
        if self._clock.date is not None:
            return resolved.append(*columns)
        first_of_all = self._symbols[names[0]]
        core = first_of_all._core
        first = _store.earliest(core, *columns, self._floor(first_of_all))
        if first is not None:  # from the floor on, so it does start one
            store = partial(resolved.append, *columns)
            stored = self._begin_session(first_of_all.calendar, core, first, self._close_label, store)
            if stored is not None:
                return stored
        return resolved.append(*columns)  # bad bars, or all of sessions that are over

    def load_historical_bars(
        self,
        symbol: str,
        interval: str,
        ts_ns: Any,
        open: Any = None,  # noqa: A002
        high: Any = None,
        low: Any = None,
        close: Any = None,
        volume: Any = None,
        **options: Any,
    ) -> int:
        """`SymbolSessionData.load_historical_bars` by name, of six columns or a frame."""
        held = self.get_symbol_data(symbol)
        return held.load_historical_bars(interval, ts_ns, open, high, low, close, volume, **options)

    # --- historical indicators ---

    def add_historical_indicator(self, name: str, function: Function | None = None, days: int = 0) -> None:
        """Have an indicator of the days before the session, for every symbol.

        Parameters
        ----------
        name : str
            Without a function one of ``avg_volume_{n}d``, ``max_price_{n}d``, ``min_price_{n}d``, ``avg_range_{n}d``
            (high minus low) and ``vwap_{n}d`` (typical price weighted by volume, of base bars where there are any):
            of the newest `n` daily bars before the session, None until there are as many, and where prices are so
            high that float64 does not hold the answer.
        function : callable, optional
            Called with the symbol's data (`SymbolSessionData`) when somebody asks, and again only after its history or
            the session has changed. What it raises is raised to whoever asks, with a note that names the indicator and
            the symbol, and again the next time; rolls and loads do not call it.
        days : int
            Daily bars that history keeps for the function; the built-in ones know themselves.

        Raises
        ------
        ValueError
            The name is reserved (``"loaded"``, ``"data"``), or the days are negative or more than fit in int64.
        UnknownNameError
            There is no such built-in indicator.
        """
        name = check_indicator_name(name)
        self._indicators[name] = indicator(name, function, days)
        for symbol in list(self._symbols.values()):
            symbol._indicator_cache.clear()
            symbol._core.note_past()
        self._clock.touch()

    def set_historical_indicator(self, symbol: str, name: str, value: Any) -> None:
        """Report this value for an indicator of a symbol, computed or not, until it is set again; None takes it back.

        Raises
        ------
        ValueError
            The name is reserved (``"loaded"``, ``"data"``).
        """
        held = self.get_symbol_data(symbol)
        name = check_indicator_name(name)
        if value is not None:
            held._indicator_values[name] = value
            held._history.days.has_values = True
        elif held._indicator_values.pop(name, None) is None:
            return
        held._core.note_past()
        self._clock.touch()

    def get_historical_indicator(self, symbol: str, name: str) -> Any:
        """Value of an indicator: what was set, or what it computes.

        Raises
        ------
        UnknownNameError
            Neither added nor set.
        """
        self._check_active()
        held = self.get_symbol_data(symbol)
        if name not in held._indicator_values and name not in self._indicators:
            raise UnknownNameError(
                f"no historical indicator {name!r} of {symbol!r}; add or set it first", symbol=symbol, value=name
            )
        return held._indicator(name)

    # --- questions ---

    def get_latest_bar(self, symbol: str, interval: str | None = None) -> Bar | None:
        """Newest bar by time (forming, if it is); None if there is no bar."""
        series = self.get_symbol_data(symbol).bars(interval)
        try:
            return series[-1]
        except IndexError:  # no bar; asked once, because a session may end between two questions
            return None

    def get_last_n_bars(self, symbol: str, n: int, interval: str | None = None) -> BarWindow:
        """Newest `n` bars, oldest first, as a view."""
        return self.get_symbol_data(symbol).bars(interval).last(n)

    def get_bars_since(self, symbol: str, ts: Any, interval: str | None = None) -> BarWindow:
        """Bars at or after a time, as a view."""
        return self.get_symbol_data(symbol).bars(interval).since(ts)

    def get_historical_bars(
        self, symbol: str, interval: str | None = None, days: int | None = None
    ) -> dict[dt.date, BarWindow]:
        """Bars of past days by date, ascending: of the newest `days` dates, by default of all. Immutable windows.

        Past is what lies before the session under way; between two sessions, what lies up to the one that has ended.
        Days that were loaded for later dates are kept, and not shown before their sessions begin. Before the first
        session all that was loaded is shown.

        Raises
        ------
        UnknownNameError
            Neither the symbol nor its history holds that interval.
        """
        if days is not None:
            days = check_days(days)
        bars = self.get_symbol_data(symbol)._historical(interval)
        dates = bars.dates
        return {date: bars[date] for date in (dates if days is None else dates[max(0, len(dates) - days) :])}

    def get_historical_quality(self, symbol: str, interval: str | None = None, date: Any = None) -> float:
        """Quality in percent of an interval on a past date, or over all sessions of the symbol's calendar between the
        first past date and the last: one of which nothing is kept is missing."""
        return self.get_symbol_data(symbol)._historical(interval).quality(date)

    def get_historical_gaps(self, symbol: str, interval: str | None = None, date: Any = None) -> list[GapInfo]:
        """Gaps of an interval on a past date, or of all that `get_historical_quality` counts, in time order."""
        return self.get_symbol_data(symbol)._historical(interval).gaps(date)

    def get_all_bars_including_historical(self, symbol: str, interval: str | None = None) -> BarWindow:
        """Bars of all days before the session under way, and its own, oldest first, copied into one window.

        The session's bar of ``"1d"`` is the last row (forming until the session is over), also where ``"1d"`` is no
        derived interval.

        Raises
        ------
        UnknownNameError
            Neither the symbol nor its history holds that interval; or its history does, the session under way does not.
        """
        held = self.get_symbol_data(symbol)
        return held._history.all_bars(held._historical(interval)._interval)

    def get_bar_count(self, symbol: str, interval: str | None = None) -> int:
        """Live bars, extended and forming ones included."""
        return len(self.get_symbol_data(symbol).bars(interval))

    def get_session_metrics(self, symbol: str) -> dict[str, Any]:
        """Volume, high, low, last_update and bar_count of the regular session, and of the others under
        ``"extended"``."""
        return self.get_symbol_data(symbol).metrics()

    def get_gaps(self, symbol: str, interval: str | None = None) -> list[GapInfo]:
        """Gaps of an interval, or what `set_gaps` pinned."""
        return self.get_symbol_data(symbol).bars(interval).gaps

    def set_gaps(self, symbol: str, interval: str, gaps: Iterable[GapInfo] | None) -> None:
        """Report these gaps in place of the computed ones, until called with None."""
        self.get_symbol_data(symbol).set_gaps(interval, gaps)

    def classify_gaps(
        self, interval: str | None = None, *, outage_share: float = 0.5, active_share: float = 0.5
    ) -> list[ClassifiedGap]:
        """Tell outages from quiet stretches: does a gap stand alone, or do the others miss the same slots?

        Parameters
        ----------
        interval : str, optional
            Whose gaps; by default those of each symbol's base. Symbols that do not hold it are left out.
        outage_share : float
            A gap is an outage if more than this share of the other active symbols miss it, that is more than half of
            its slots.
        active_share : float
            A symbol is active if it has bars on at least this share of the slots that it expects outside the gap, or in
            it while the gap is all there has been.
            What is marked as without trade or halted counts for nothing, neither in the gap nor outside.

        Returns
        -------
        list of ClassifiedGap
            By symbol as they were registered, then in time order; each with its evidence.

        Raises
        ------
        UnknownNameError
            If no symbol holds the interval.
        ValueError
            If a share does not lie between 0 and 1.

        Notes
        -----
        O(different gaps x symbols).
        """
        symbols = list(self._symbols.values())
        if interval is not None:
            holders = [symbol for symbol in symbols if symbol.holds(interval)]
            if not holders:
                raise UnknownNameError(f"no symbol holds an interval {interval!r}", value=interval)
            interval = holders[0].bars(interval).interval
        return classify_gaps(symbols, interval, outage_share, active_share)

    def get_quality(self, symbol: str, interval: str | None = None) -> float:
        """Quality of an interval in percent, or what `set_quality` pinned."""
        return self.get_symbol_data(symbol).bars(interval).quality

    def set_quality(self, symbol: str, interval: str, quality: float | None) -> None:
        """Report this quality in place of the computed one, until called with None."""
        self.get_symbol_data(symbol).set_quality(interval, quality)

    def memory_usage(self) -> dict[str, int]:
        """Bytes: ``"reserved"`` by all rings and trackers of the session, and ``"rows"``, those of the live rows of all
        series (48 a base row, 52 a derived one, 32 a trade, 40 a quote); ``"history_reserved"`` and
        ``"history_rows"``, the same of the days in history, and of their text once they have been exported (some 1.6
        times their rows). A regular day takes 1.2 times its rows; rows outside it
        reserve room for the whole span, and a ring of trades or quotes for two laps, which are resident only where
        they have been written to."""
        usage = [symbol._core.memory_usage() for symbol in list(self._symbols.values())]
        history = [symbol._history.memory_usage() for symbol in list(self._symbols.values())]
        return {
            "reserved": sum(reserved for reserved, _ in usage),
            "rows": sum(rows for _, rows in usage),
            "history_reserved": sum(reserved for reserved, _ in history),
            "history_rows": sum(rows for _, rows in history),
        }

    # --- export ---

    def to_dict(
        self,
        complete: bool = True,
        *,
        cursor: str | ExportCursor | None = None,
        timestamps: str = "time",
        symbols: Iterable[str] | None = None,
        intervals: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        """The document as plain Python objects.

        Parameters
        ----------
        complete : bool
            Everything the store holds, or with False a delta: what has changed since the last export through the
            cursor. `apply_delta` says what a consumer does with it. Its `meta` says ``"resync": true`` where no delta
            can be served: the cursor has had no complete export, or times were written otherwise.
        cursor : str or ExportCursor, optional
            For whom the export is, by `export_cursor`; by default the one without a name. Every export moves its
            cursor, and no other.
        timestamps : {"time", "iso", "epoch_ms", "epoch_ns"}
            How times are written: the exchange's local time of day (ISO 8601 where that would be ambiguous), ISO 8601
            with offset, or integers. JavaScript cannot hold epoch_ns.
        symbols, intervals : iterable of str, optional
            Show these only; by default all. A complete export settles it for the deltas that follow. They need not say
            it again.

        Raises
        ------
        UnknownNameError
            There is no such cursor, no such symbol, or no symbol selected holds the interval.
        DeltaError
            A delta with another selection than the complete export before it.
        ArgumentError
            No such form of times; as an ArgumentTypeError, if `complete` is no bool, or `symbols` or `intervals` are
            no list of names.
        """
        self._check_active()
        return document(self, complete, self._cursor(cursor), timestamps, symbols, intervals)

    def to_json(
        self,
        complete: bool = True,
        *,
        cursor: str | ExportCursor | None = None,
        timestamps: str = "time",
        symbols: Iterable[str] | None = None,
        intervals: Iterable[str] | None = None,
    ) -> bytes:
        """The document as UTF-8 JSON: byte for byte ``orjson.dumps(data.to_dict(...))``, written natively. Parameters
        and errors are those of `to_dict`."""
        self._check_active()
        if isinstance(complete, (str, os.PathLike)):
            raise ArgumentTypeError(
                f"to_json returns the document, it writes no file: Path({str(complete)!r}).write_bytes(data.to_json())",
                value=complete,
            )
        text: bytes = document_bytes(self, complete, self._cursor(cursor), timestamps, symbols, intervals)
        return text

    def export_into(
        self,
        buffer: Any,
        complete: bool = True,
        *,
        cursor: str | ExportCursor | None = None,
        timestamps: str = "time",
        symbols: Iterable[str] | None = None,
        intervals: Iterable[str] | None = None,
    ) -> int:
        """Write what `to_json` gives into memory of the caller's.

        Parameters
        ----------
        buffer : writable, contiguous buffer of bytes
            A bytearray, memoryview, mmap, array of uint8, shared memory; written from its first byte on. Bytes behind
            the document may change.
        complete, cursor, timestamps, symbols, intervals
            As for `to_dict`.

        Returns
        -------
        int
            Length of the document in bytes.

        Raises
        ------
        BufferTooSmallError
            Says how many bytes are needed. What is in the buffer then is no document, and the cursor's next export has
            to be complete.
        TypeError
            It is no such buffer.

        Notes
        -----
        Give it room for 20 kB more than the document: with less, its end is written elsewhere and all of it copied,
        which adds some 15 % to the time.
        """
        self._check_active()
        try:
            with memoryview(buffer) as view:
                # Items are bytes: text over an array of objects would be taken for pointers.
                usable = view.c_contiguous and view.itemsize == 1 and not view.readonly
        except (TypeError, ValueError):  # ValueError: of an array of a dtype that no buffer can have
            usable = False
        if not usable:
            raise ArgumentTypeError(
                f"a document goes into a writable, contiguous buffer of bytes: {type(buffer).__name__}"
            )
        length: int = document_bytes(self, complete, self._cursor(cursor), timestamps, symbols, intervals, buffer)
        return length

    def to_csv(self, path: Any, interval: str | None = None) -> int:
        """Write a CSV file for people who compare runs: a row for each step of each symbol, with its bar, what has
        changed in it, and gaps and quality up to its end. `docs/document.md` lists the columns.

        Parameters
        ----------
        path : str or Path
            Appears when it is complete, or stays what it was, but a pipe or a device is written to. Its permission bits
            stay; of a symbolic link the file that it names is replaced.
        interval : str, optional
            The step; by default each symbol's base interval. Symbols that do not hold it are left out.

        Returns
        -------
        int
            Rows written.

        Raises
        ------
        ArgumentError
            It is no path.
        UnknownNameError
            No symbol holds the interval.
        OSError
            The file cannot be written.

        Notes
        -----
        The same store gives the same bytes. Symbols are written as they were registered, one at a time, each in time
        order.
        """
        self._check_active()
        from sessiondata.validation import write_csv  # not needed to store bars

        return write_csv([self], path, interval)

    def export_cursor(self, name: str | None = None) -> ExportCursor:
        """The cursor of that name, made if it is not there; None for the default one.

        Each consumer of deltas has one of its own. It takes some 500 bytes a symbol."""
        if name is None:
            held = self._default_cursor
            if held is None:
                made = ExportCursor(None)
                held = self._default_cursor = self._default_cursor or made  # by another thread meanwhile
            return held
        held = self._cursors.get(name) if isinstance(name, str) else None
        return (
            self._cursors.setdefault(name, ExportCursor(_check_text(name, "a cursor's name"))) if held is None else held
        )

    @property
    def cursors(self) -> tuple[str, ...]:
        """Names of the cursors, in the order they were made; the default one has none."""
        return tuple(self._cursors)

    def drop_cursor(self, name: str | None = None) -> None:
        """Forget a cursor. One made again under its name begins with a complete export.

        Raises
        ------
        UnknownNameError
            There is no cursor of that name.
        """
        if name is None:
            self._default_cursor = None
        elif not isinstance(name, str) or self._cursors.pop(name, None) is None:
            raise UnknownNameError(f"no cursor {name!r}", value=name)

    def _cursor(self, cursor: str | ExportCursor | None) -> ExportCursor:
        name = cursor.name if isinstance(cursor, ExportCursor) else cursor
        held = self.export_cursor() if name is None else self._cursors.get(name) if isinstance(name, str) else None
        if held is None or (isinstance(cursor, ExportCursor) and held is not cursor):
            raise UnknownNameError(f"no cursor {name!r}; export_cursor({name!r}) first", value=name)
        return held

    def _all_cores(self) -> list[_store.SymbolCore]:
        """Of all symbols in order; another list whenever they change."""
        return _days.all_cores(self)

    # --- copies and snapshots ---

    def copy(self) -> Self:
        """A store of its own with all that this one holds. It gives the same answers, and whatever is
        done to one of them afterwards does not show in the other.

        Days of history are shared, since they never change, as are calendars and functions of
        indicators. All else is copied: rows, cursors, marks, retries, pins, indicators with the values
        that were set, clock, sequence, labels, counters, trades and quotes. Handles are not: a symbol of
        the copy has one of its own. Attributes that were added to the object, by a subclass or by
        hand, are carried over as they are. `copy.copy` and `copy.deepcopy` do the same (the latter
        copies added attributes deeply).

        Returns
        -------
        SessionData
            Of the same class; its constructor is not called.

        Notes
        -----
        O(rows of the session). Works whether the store is active or not.

        Examples
        --------
        >>> data = SessionData(None, "1m", ("5m",))
        >>> spy = data.register_symbol("SPY")
        >>> spy.append(1_710_244_800_000_000_000, 10.0, 11.0, 9.0, 10.5, 100.0)
        True
        >>> what_if = data.copy()
        >>> what_if.append("SPY", 1_710_244_860_000_000_000, 10.5, 10.5, 10.5, 10.5, 1.0)
        True
        >>> len(spy.bars()), len(what_if.symbols["SPY"].bars())
        (1, 2)
        """
        from sessiondata.copying import copy_of  # not needed until somebody copies

        return copy_of(self)

    def __copy__(self) -> Self:
        from sessiondata.copying import copy_of

        return copy_of(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        from sessiondata.copying import copy_of

        return copy_of(self, memo)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        from sessiondata.copying import pickled

        return pickled(self)

    def dumps(self) -> bytes:
        """What `save` writes, as bytes; `sessiondata.loads` makes an equal store of them.

        Raises
        ------
        SnapshotError
            As for `save`.
        """
        from sessiondata.snapshot import dumps

        return dumps(self)

    def save(self, path: Any) -> None:
        """Write everything that the store holds to a file, from which `sessiondata.load` makes an equal store.

        The state is copied first, then written: to a temporary file in the same folder, which is synced and then takes
        the file's place. Whatever happens, there is the file of before or the new one, whole. Its permission bits stay;
        of a symbolic link the file that it names is replaced.

        Parameters
        ----------
        path : str, path-like or binary file object
            A file object is written to from where it stands, all of it, and flushed; it need not be able to
            seek, and is not closed. Nothing is written of a store that cannot be saved. A ``write`` that
            takes fewer bytes is given the rest; None is its answer to all of them, but of a raw file.

        Raises
        ------
        ArgumentError
            It is neither path nor file object, or the ``write`` of a file object takes text, says that it
            took a number of bytes that cannot be, or fails (closed).
        SnapshotError
            The store holds what JSON cannot say (a set indicator that is neither number, text nor list or dict of them,
            a pinned gap in a zone of one's own), or a calendar that was not made by this library.
        OSError
            The file cannot be written, or is none (a folder, a pipe, a device). The one of before is as it was, unless
            only the last step failed: the sync of the folder, after the new file has taken its place.

        Notes
        -----
        Works whether the store is active or not. Functions of indicators are not saved, their names are.
        """
        from sessiondata.snapshot import save  # not needed until somebody saves

        save(self, path)

    def _repr_html_(self) -> str:
        from sessiondata.display import store_html  # not needed until a notebook asks

        return store_html(self)

    def __repr__(self) -> str:
        date = self._clock.date or "no session"
        intervals = ", ".join(interval.name for interval in (self._base, *self._derived))
        n = len(self._symbols)
        return f"<SessionData {self._calendar.name} {date}: {n} symbols, {intervals}, as of {self.as_of}>"


def _session_of_close(calendar: SessionCalendar, end_ns: int, step_ns: int) -> SessionGrid:
    """Session in which a bar opened that ended at `end_ns`: a step earlier, or less at the end of a segment."""
    try:
        grid = calendar._session_at(end_ns - 1)
        if end_ns in grid.segments[:, 1]:
            return grid
    except CalendarError:
        pass
    return calendar._session_at(end_ns - step_ns)


def _check_capacity(capacity: int, of: str = "") -> int:
    rows = check_index(f"{of}capacity", capacity)
    if not 1 <= rows <= _MAX_CAPACITY:
        raise ArgumentError(f"{of}capacity is 1 to {_MAX_CAPACITY} rows: {capacity}", value=capacity)
    return rows


def _check_name(symbol: str) -> str:
    """The name as a plain str: a subclass such as NumPy's is no key of a JSON document."""
    return _check_text(symbol, "a symbol")


def _check_text(text: str, what: str) -> str:
    if not isinstance(text, str) or not text:
        raise UnknownNameError(f"{what} is a text that is not empty: {text!r}", value=text)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnknownNameError(f"{what} must be encodable as UTF-8: {text!r}", value=text) from error
    return str(text)
