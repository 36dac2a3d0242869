"""The store: sessions of many symbols.

Long because it is one facade, and more than half of it is what users read: each method hands over
to what the store consists of.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import numpy as np

from sessiondata.arguments import check_bool, check_index, check_iterable
from sessiondata.errors import (
    ArgumentError,
    ArgumentTypeError,
    BarError,
    CalendarError,
    IntervalError,
    SessionStateError,
    TimeError,
    UnknownNameError,
)
from sessiondata.market.calendar import SessionCalendar, are_alike
from sessiondata.market.calendar import calendar as find_calendar
from sessiondata.market.grid import SessionGrid
from sessiondata.rows.bars import Bar, BarWindow
from sessiondata.rows.columns import bar_columns
from sessiondata.rows.gap import GapInfo
from sessiondata.store.by_symbol import BySymbol
from sessiondata.store.context import StoreContext
from sessiondata.store.cursors import Cursors
from sessiondata.store.exclusive import alone, exclusive
from sessiondata.store.garbage import collect_stores
from sessiondata.store.lifecycle import Sessions
from sessiondata.store.registry import Registry
from sessiondata.store.settings import QUOTE_BARS, StoreSettings, check_capacity, check_days, check_label, check_text
from sessiondata.store.symbol import SymbolSessionData, state_of
from sessiondata.time.arrays import are_counted, to_ns_array
from sessiondata.time.dates import to_hours
from sessiondata.time.instants import to_ns
from sessiondata.time.intervals import check_intervals, names_and_steps
from sessiondata.time.units import with_unit
from sessiondata.time.zones import from_ns

if TYPE_CHECKING:
    import numpy.typing as npt

    from sessiondata._native.objects.closed_bars import ClosedBar, ClosedBarFeed
    from sessiondata._native.out.changed_rows import ChangedRows
    from sessiondata.store.cursor import ExportCursor
    from sessiondata.store.historical import HistoricalBars
    from sessiondata.store.indicators import Function
    from sessiondata.store.outages import ClassifiedGap
    from sessiondata.store.panel import Panel
    from sessiondata.store.state import SymbolState
    from sessiondata.store.table import Table
    from sessiondata.time.intervals import Interval

__all__ = ["SessionData", "StoreParts", "parts_of"]


class StoreParts(NamedTuple):
    """What a store consists of; what the package works on."""

    context: StoreContext
    registry: Registry
    sessions: Sessions
    settings: StoreSettings
    cursors: Cursors


_context = attrgetter("_context")


class SessionData:
    """In-memory store of one intraday market session of many symbols.

    Parameters
    ----------
    calendar : str, SessionCalendar or None
        Whose sessions these are: a name such as ``"XNYS"`` (exchange_calendars; ``"CMES"``
        corrected), a calendar, or None for always open (24x7, the session is the UTC day).
    base_interval : str
        Interval that is streamed; `register_symbol` may override it.
    derived_intervals : iterable of str
        Intervals grown from it, each a longer multiple of the base, or ``"1d"`` (the whole
        session).
    trailing_days : int
        Days of history to keep once sessions are rolled.
    capacity : int, optional
        Rows of each base ring. By default a whole session, and more where bars come beside its
        slots: no bar is ever overwritten.
    label : {"open", "close"}
        Which end of its interval an incoming timestamp names. Stored bars are labelled by their
        open.
    grace_ns : int
        How long after its end a bar may still arrive: by the clock a slot elapses, and a forming
        bar is complete, so much later. A newer bar of the same symbol proves at once that the feed
        has passed a slot.
    extended_hours : (start, stop) or (start, stop, early stop), optional
        Local times of day, ``"04:00"``, ``"20:00"``: bars are expected from the one before the open
        until the one after the close, too. What is missing there stands apart in
        `BarSeries.extended_slots`. By default nothing is expected. After a close that is earlier
        than usual (`SessionCalendar.usual_close`) the hours are as long as after a usual one: until
        17:00 after 13:00 in New York; or they end at ``early stop``.
    tick_capacity, quote_capacity : int
        Rows of the rings of trades and quotes, which a symbol gets with its first one. Older rows
        are overwritten; the bars made of them stay.
    strict : bool
        Refuse bars whose open or close lies outside [low, high] (`BarError`, ``ERR_INCONSISTENT``);
        `register_symbol` may override it. By default they are stored, and counted as
        ``inconsistent`` (`SymbolSessionData.counters`).

    Raises
    ------
    ArgumentTypeError
        `strict` is no bool, a number no whole one, or `derived_intervals` no iterable. Names the
        parameter.

    Notes
    -----
    A session is started by `start_session`, or by the first bar. No bar allocates memory.

    Any thread may read and write, with the GIL or without (`sessiondata.jit`). Calls for one symbol
    take turns: two writers store all bars, in some order. What one call answers is of one moment,
    two calls may lie on both sides of a bar: `BarSeries.state` has gaps and quality together,
    `BarSeries.copy` whole rows. Views of a series follow what is written meanwhile. Documents
    and frames are of one moment for each symbol.

    Rows are checked and stored in one step, in which no Python code runs: whatever another thread,
    a signal handler or a finalizer does comes before or after a call, and what a call acknowledges
    is stored. A session that several feeders begin at once keeps the first bars of all. Starts,
    ends, rolls, `clear`, registrations, removals, documents and snapshots wait for each other. From
    inside one of them the same thread may feed and ask the store; what would change its sessions or
    symbols there, or use the cursor of the export under way, raises `ReentrantCallError`.
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
        own = find_calendar(calendar)
        base, derived = check_intervals(base_interval, derived_intervals)
        keep = check_days(trailing_days, "trailing_days")
        rows = 0 if capacity is None else check_capacity(capacity)
        close_label = check_label(label)
        grace_ns = check_index("grace_ns", grace_ns)
        if not 0 <= grace_ns < 2**63:
            raise ArgumentError(f"grace_ns is a number of nanoseconds, not negative: {grace_ns}", value=grace_ns)
        hours = None if extended_hours is None else to_hours(extended_hours)
        ticks, quotes = check_capacity(tick_capacity, "tick_"), check_capacity(quote_capacity, "quote_")
        settings = StoreSettings(base, derived, rows, close_label, ticks, quotes, check_bool("strict", strict))
        collect_stores()
        context = StoreContext(own, grace_ns, hours)
        registry = Registry(context)
        sessions = Sessions(context, registry, settings, keep)
        self._parts = StoreParts(context, registry, sessions, settings, Cursors())
        # What is asked for with every call.
        self._context, self._clock, self._registry, self._symbols = context, context.clock, registry, registry.symbols

    # --- session ---

    @property
    def trailing_days(self) -> int:
        """Days of history that a roll or an end of a session keeps. May be set; history is trimmed
        at the next one."""
        return self._parts.sessions.trailing_days

    @trailing_days.setter
    def trailing_days(self, value: int) -> None:
        self._parts.sessions.trailing_days = check_days(value, "trailing_days")

    @property
    def calendar(self) -> SessionCalendar:
        return self._context.calendar

    @property
    def grid(self) -> SessionGrid | None:
        """Segments of the current session by the store's calendar; None before one is started, and
        on a date that is a session of other calendars only."""
        return self._context.grid

    @property
    def session_date(self) -> dt.date | None:
        """Trade date of the current session; None before one is started."""
        return self._clock.date

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
        """The latest time known: of `advance_to`, or the end of the newest bar of any symbol. None
        before either."""
        as_of = self._parts.sessions.as_of_ns()
        return None if as_of is None else from_ns(as_of, self.calendar.zone)

    def start_session(self, date: Any) -> SessionGrid | None:
        """Start the session of a trade date; nothing happens if that session is the current one.

        Bars of that date that were loaded before are bars of the session. A symbol whose own
        calendar has no session on the date has none.

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
        return self._parts.sessions.start(date)

    def end_session(self) -> None:
        """End the session: its bars become a day of history, which is trimmed to `trailing_days`.
        The next session is started by `start_session`, or by the first bar of a later date; until
        then late bars go to their day.

        Raises
        ------
        SessionStateError
            No session is under way.
        """
        self._parts.sessions.end()

    def roll_session(self, date: Any = None) -> SessionGrid | None:
        """End the session and start that of a later date.

        Rows, derived bars, gaps and counters of each symbol become a day of history as they are:
        nothing is copied, and windows on them stay what they are, though no longer valid as windows
        of the session. History is trimmed to `trailing_days`, metrics, counters and the clock begin
        anew. Late bars of days in history go there.

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
            There is no such session, or the calendar does not know the next one. Nothing has
            changed.

        Notes
        -----
        O(symbols), some microseconds each; O(rows) for symbols with loaded bars of the new date.
        """
        return self._parts.sessions.roll(date)

    def advance_to(self, ts_ns: Any) -> None:
        """Move the clock forwards: slots that have elapsed by then are expected, also of symbols
        that are silent.

        Parameters
        ----------
        ts_ns : int ns, datetime64 or aware datetime
            A time before the clock's has no effect.

        Raises
        ------
        TimeError
            It is no time, or an integer of another unit (``ERR_UNIT``): one of 1970, where no day
            of the store is, that seconds, milliseconds or microseconds put after 1990.

        Examples
        --------
        >>> data = SessionData(None, "1m", ())
        >>> _ = data.start_session("2024-03-12")
        >>> data.advance_to(1_710_244_800_000_000_000)
        >>> print(data.as_of)
        2024-03-12 12:00:00+00:00
        """
        self._parts.sessions.advance(ts_ns)

    # --- the gate ---

    @property
    def is_active(self) -> bool:
        """Whether readers are answered."""
        return self._context.is_active

    def activate(self) -> None:
        """Answer readers again."""
        self._context.is_active = True

    def deactivate(self) -> None:
        """Answer no reader until `activate`: questions to the store and its symbols, and exports,
        raise InactiveError.

        The feeder goes on: bars, loads, marks, the clock and rolls are accepted, and what it needs
        is answered: counters, flags, marks, hours, times, memory. Series and windows that were
        handed out before, and compiled callers, are not stopped."""
        self._context.is_active = False

    # --- symbols ---

    @property
    def symbols(self) -> Mapping[str, SymbolSessionData]:
        """Symbols by name, in the order they were registered. Read-only and current; another name
        is an `UnknownNameError`."""
        return BySymbol(self._symbols)

    # The store reads like a mapping of its symbols.

    def __getitem__(self, symbol: str) -> SymbolSessionData:
        """What `get_symbol_data` returns.

        Examples
        --------
        >>> data = SessionData(None)
        >>> spy = data.register_symbol("SPY")
        >>> data["SPY"] is spy, "QQQ" in data, len(data), list(data)
        (True, False, 1, ['SPY'])
        """
        return self.get_symbol_data(symbol)

    def __contains__(self, symbol: object) -> bool:
        """Whether a symbol of that name is registered."""
        return symbol in self._symbols

    def __iter__(self) -> Iterator[str]:
        """Names of the symbols, in the order they were registered."""
        return iter(list(self._symbols))  # whoever registers one meanwhile

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._symbols))

    def keys(self) -> KeysView[str]:
        """Names of the symbols that there are now. With these ``dict(data)`` is a dict of the
        symbols."""
        return self._symbols.copy().keys()

    def __len__(self) -> int:
        """How many symbols are registered."""
        return len(self._symbols)

    def __bool__(self) -> bool:
        """True, also without a symbol: ``if data:`` asks whether there is a store."""
        return True

    @exclusive("register_symbol()", key=_context)
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
            In place of the store's. With another base, the store's derived intervals that it
            divides are kept.
        calendar : str or SessionCalendar, optional
            In place of the store's: the symbol has this calendar's hours of each trade date, and no
            session where it has none. ``"24/7"`` stands for always open.
        quote_bars : {"mid", "bid", "ask"}, optional
            Make base bars from quotes, of these prices and without volume. By default quotes make
            none. A quote in which a side that they are made of is empty (a price or size of 0, or a
            price of -1 beside a positive one) makes none either; it is kept, and counted as
            ``empty_side`` (``quotes.counters``).
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
        if not (quote_bars is None or isinstance(quote_bars, str)) or quote_bars not in QUOTE_BARS:
            raise ArgumentError(f'quote_bars is "mid", "bid", "ask" or None: {quote_bars!r}', value=quote_bars)
        strict = None if strict is None else check_bool("strict", strict)
        settings = self._parts.settings
        intervals = settings.intervals(base_interval, derived_intervals)
        own = self.calendar if calendar is None else find_calendar(calendar)
        if are_alike(self.calendar, own):
            own = self.calendar
        symbol = check_text(symbol, "a symbol")
        held = self._symbols.get(symbol)
        if held is not None:
            asked = base_interval is not None or derived_intervals is not None
            if asked and held.intervals != tuple(interval.name for interval in intervals):
                raise IntervalError(
                    f"{symbol!r} is registered with {', '.join(held.intervals)}; a symbol cannot change its intervals:"
                    " remove_symbol() and register it anew"
                )
            if calendar is not None and not are_alike(held.calendar, own):
                raise CalendarError(
                    f"{symbol!r} is registered with calendar {held.calendar.name!r}, not {own.name!r}",
                    symbol=symbol,
                    value=own.name,
                )
            core = state_of(held).core
            if quote_bars is not None and QUOTE_BARS[quote_bars] != core.quote_bars:
                raise ArgumentError(
                    f"{symbol!r} is registered with other quote_bars than {quote_bars!r}",
                    symbol=symbol,
                    value=quote_bars,
                )
            if strict is not None and strict != core.strict:
                raise ArgumentError(f"{symbol!r} is registered with strict={core.strict}", symbol=symbol)
            return held
        alone(self._context)
        is_strict = settings.strict if strict is None else strict
        sessions = self._parts.sessions
        state = sessions.new_symbol(symbol, *names_and_steps(intervals), own, QUOTE_BARS[quote_bars], is_strict)
        date = self._clock.date
        if date is not None and own.session_dates(date, date):
            grid = own.session(date)
            state.core.start(grid.compiled, self._context.hours(grid, own), True)
        held = self._registry.add(state, self)
        self._clock.touch()
        return held

    def get_symbol_data(self, symbol: str) -> SymbolSessionData:
        """The symbol's data.

        Raises
        ------
        UnknownNameError
            A KeyError that names the symbol.
        """
        try:
            return self._symbols[symbol]
        except (KeyError, TypeError):
            return self._registry.get(symbol)  # raises

    @exclusive("remove_symbol()", key=_context)
    def remove_symbol(self, symbol: str) -> None:
        """Forget a symbol and its history. What still refers to it has no rows and accepts none;
        windows that were handed out keep theirs."""
        core = state_of(self.get_symbol_data(symbol)).core
        alone(self._context)
        self._registry.leave(core)
        self._clock.touch()

    @exclusive("clear()", key=_context)
    def clear(self) -> None:
        """Forget all symbols, their history, the session and the clock. The sequence goes on."""
        alone(self._context)
        self._registry.clear()

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
        """`SymbolSessionData.append` by name. Keep the symbol's own `append` at hand where speed
        counts."""
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
        """`SymbolSessionData.append_tick` by name. Keep the symbol's own at hand where speed
        counts."""
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
        registry = self._registry
        held, resolved, cores = registry.slice
        # mostly it is the same slice, minute after minute
        if cores is not registry.cores or names != held:
            resolved = registry.resolve(names)
        try:
            if self._clock.date is None:
                return self._parts.sessions.start_for_slice(names, columns)
            return resolved.append(*columns)
        except TimeError as error:
            if unit is None:
                is_counted = are_counted(ts_ns if np.ndim(ts_ns) else [ts_ns])
            raise with_unit(error, columns[0], unit, is_counted) from None
        except SessionStateError:
            registry.resolve(names)  # a symbol that has been removed meanwhile is unknown by now
            raise

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
            Without a function one of ``avg_volume_{n}d``, ``max_price_{n}d``, ``min_price_{n}d``,
            ``avg_range_{n}d`` (high minus low) and ``vwap_{n}d`` (typical price weighted by volume,
            of base bars where there are any): of the newest `n` daily bars before the session, None
            until there are as many, and where prices are so high that float64 does not hold the
            answer.
        function : callable, optional
            Called with the symbol's data (`SymbolSessionData`) when somebody asks, and again only
            after its history or the session has changed. What it raises is raised to whoever asks,
            with a note that names the indicator and the symbol, and again the next time; rolls and
            loads do not call it.
        days : int
            Daily bars that history keeps for the function; the built-in ones know themselves.

        Raises
        ------
        ValueError
            The name is reserved (``"loaded"``, ``"data"``), or the days are negative or more than
            fit in int64.
        UnknownNameError
            There is no such built-in indicator.
        """
        from sessiondata.store.indicators import check_indicator_name, indicator

        name = check_indicator_name(name)
        self._context.indicators[name] = indicator(name, function, days)
        for state in list(self._registry.states.values()):
            state.answers.clear()
            state.core.note_past()
        self._clock.touch()

    def set_historical_indicator(self, symbol: str, name: str, value: Any) -> None:
        """Report this value for an indicator of a symbol, computed or not, until it is set again;
        None undoes that.

        Raises
        ------
        ValueError
            The name is reserved (``"loaded"``, ``"data"``).
        """
        from sessiondata.store.indicators import check_indicator_name

        state = state_of(self.get_symbol_data(symbol))
        if state.set_indicator(check_indicator_name(name), value):
            self._clock.touch()

    def get_historical_indicator(self, symbol: str, name: str) -> Any:
        """Value of an indicator: what was set, or what it computes.

        Raises
        ------
        UnknownNameError
            Neither added nor set.
        """
        self._context.check_active()
        held = self.get_symbol_data(symbol)
        state = state_of(held)
        if not state.knows_indicator(name):
            raise UnknownNameError(
                f"no historical indicator {name!r} of {symbol!r}; add or set it first", symbol=symbol, value=name
            )
        return state.indicator(name, held)

    # --- questions ---

    def get_latest_bar(self, symbol: str, interval: str | None = None) -> Bar | None:
        """Newest bar by time (forming, if it is); None if there is no bar."""
        try:
            held = self._symbols[symbol]
        except (KeyError, TypeError):
            held = self.get_symbol_data(symbol)  # raises
        return held.bars(interval).latest

    def get_last_n_bars(self, symbol: str, n: int, interval: str | None = None) -> BarWindow:
        """Newest `n` bars, oldest first, as a view."""
        try:
            held = self._symbols[symbol]
        except (KeyError, TypeError):
            held = self.get_symbol_data(symbol)  # raises
        return held.bars(interval).last(n)

    def get_bars_since(self, symbol: str, ts_ns: Any, interval: str | None = None) -> BarWindow:
        """Bars at or after a time, as a view."""
        return self.get_symbol_data(symbol).bars(interval).since(ts_ns)

    def get_historical_bars(
        self, symbol: str, interval: str | None = None, days: int | None = None
    ) -> dict[dt.date, BarWindow]:
        """Bars of past days by date, ascending: of the newest `days` dates, by default of all.
        Immutable windows.

        Past is what lies before the session under way; between two sessions, what lies up to the
        one that has ended. Days that were loaded for later dates are kept, and not part
        of it before their sessions begin. Before the first session all that was loaded is.

        Raises
        ------
        UnknownNameError
            Neither the symbol nor its history holds that interval.
        """
        if days is not None:
            days = check_days(days)
        bars = self._historical(symbol, interval)
        dates = bars.dates
        return {date: bars[date] for date in (dates if days is None else dates[max(0, len(dates) - days) :])}

    def get_historical_quality(self, symbol: str, interval: str | None = None, date: Any = None) -> float:
        """Quality in percent of an interval on a past date, or over all sessions of the symbol's
        calendar between the first past date and the last: one of which nothing is kept is
        missing."""
        return self._historical(symbol, interval).quality(date)

    def get_historical_gaps(self, symbol: str, interval: str | None = None, date: Any = None) -> list[GapInfo]:
        """Gaps of an interval on a past date, or of all that `get_historical_quality` counts, in
        time order."""
        return self._historical(symbol, interval).gaps(date)

    def get_all_bars_including_historical(self, symbol: str, interval: str | None = None) -> BarWindow:
        """Bars of all days before the session under way, and its own, oldest first, copied into one
        window.

        The session's bar of ``"1d"`` is the last row (forming until the session has elapsed), also
        where ``"1d"`` is no derived interval.

        Raises
        ------
        UnknownNameError
            Neither the symbol nor its history holds that interval; or its history does, the session
            under way does not.
        """
        history = self._readable(symbol).history
        return history.all_bars(history.known_interval(interval))

    def _historical(self, symbol: str, interval: str | None) -> HistoricalBars:
        """Past bars of an interval, by default of the base; accepts any spelling of it."""
        from sessiondata.store.historical import HistoricalBars

        history = self._readable(symbol).history
        return HistoricalBars(history, history.known_interval(interval))

    def _readable(self, symbol: str) -> SymbolState:
        """A symbol of which questions are answered."""
        state = state_of(self.get_symbol_data(symbol))
        self._context.check_active()
        return state

    def get_bar_count(self, symbol: str, interval: str | None = None) -> int:
        """Live bars, extended and forming ones included."""
        return len(self.get_symbol_data(symbol).bars(interval))

    def get_session_metrics(self, symbol: str) -> dict[str, Any]:
        """Volume, high, low, last_update and bar_count of the regular session, and of the others
        under ``"extended"``."""
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
        """Tell outages from quiet stretches: does a gap stand alone, or do the others miss the same
        slots?

        Parameters
        ----------
        interval : str, optional
            Whose gaps; by default those of each symbol's base. Symbols that do not hold it are left
            out.
        outage_share : float
            A gap is an outage if more than this share of the other active symbols miss it, that is
            more than half of its slots.
        active_share : float
            A symbol is active if it has bars on at least this share of the slots that it expects
            outside the gap, or in it while the gap is all there has been.
            What is marked as without trade or halted counts for nothing, neither in the gap nor
            outside.

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
        states = [state_of(symbol) for symbol in symbols]
        from sessiondata.store.outages import classify_gaps  # not needed until somebody asks

        return classify_gaps(states, interval, outage_share, active_share)

    def get_quality(self, symbol: str, interval: str | None = None) -> float:
        """Quality of an interval in percent, or what `set_quality` pinned."""
        return self.get_symbol_data(symbol).bars(interval).quality

    def set_quality(self, symbol: str, interval: str, quality: float | None) -> None:
        """Report this quality in place of the computed one, until called with None."""
        self.get_symbol_data(symbol).set_quality(interval, quality)

    def memory_usage(self) -> dict[str, int]:
        """Bytes: ``"reserved"`` by all rings and trackers of the session, and ``"rows"``, those of
        the live rows of all series (48 a base row, 52 a derived one, 32 a trade, 40 a quote);
        ``"history_reserved"`` and ``"history_rows"``, the same of the days in history, and of their
        text once they have been exported (some 1.6 times their rows). A regular day needs 1.2 times
        its rows; rows outside it reserve room for the whole span, and a ring of trades or quotes
        for two laps, which are resident only where they have been written to."""
        usage = [core.memory_usage() for core in self._registry.all_cores()]
        history = [state.history.memory_usage() for state in list(self._registry.states.values())]
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
        cursor: str | ExportCursor | Literal[False] | None = None,
        timestamps: str = "time",
        symbols: Iterable[str] | None = None,
        intervals: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        """The document as plain Python objects.

        Parameters
        ----------
        complete : bool
            Everything the store holds, or with False a delta: what has changed since the last
            export through the cursor. `apply_delta` says what a consumer does with it. Its `meta`
            says ``"resync": true`` where no delta can be served: the cursor has had no complete
            export, or times were written otherwise.
        cursor : str, ExportCursor or False, optional
            For whom the export is, by `export_cursor`; by default the one without a name. Every
            export moves its cursor, and no other. False: a complete document for nobody, which
            moves none.
        timestamps : {"time", "iso", "epoch_ms", "epoch_ns"}
            How times are written: the exchange's local time of day (ISO 8601 where that would be
            ambiguous), ISO 8601 with offset, or integers. JavaScript cannot hold epoch_ns.
        symbols, intervals : iterable of str, optional
            Only these; by default all. Deltas have the selection of the complete export before
            them, and need not repeat it.

        Raises
        ------
        UnknownNameError
            There is no such cursor, no such symbol, or no symbol selected holds the interval.
        DeltaError
            A delta with another selection than the complete export before it.
        ArgumentError
            No such form of times; as an ArgumentTypeError, if `complete` is no bool, or `symbols`
            or `intervals` are no list of names.
        """
        self._context.check_active()
        found = self._parts.cursors.find(cursor, complete)
        made: dict[str, Any] = _exporter().document(self._parts, complete, found, timestamps, symbols, intervals)
        return made

    def to_json(
        self,
        complete: bool = True,
        *,
        cursor: str | ExportCursor | Literal[False] | None = None,
        timestamps: str = "time",
        symbols: Iterable[str] | None = None,
        intervals: Iterable[str] | None = None,
    ) -> bytes:
        """The document as UTF-8 JSON: byte for byte ``orjson.dumps(data.to_dict(...))``, written
        natively. Parameters and errors are those of `to_dict`."""
        self._context.check_active()
        if complete is not True and complete is not False and isinstance(complete, (str, os.PathLike)):
            raise ArgumentTypeError(
                f"to_json returns the document, it writes no file: Path({str(complete)!r}).write_bytes(data.to_json())",
                value=complete,
            )
        found = self._parts.cursors.find(cursor, complete)
        text: bytes = _exporter().document_bytes(self._parts, complete, found, timestamps, symbols, intervals)
        return text

    def export_into(
        self,
        buffer: Any,
        complete: bool = True,
        *,
        cursor: str | ExportCursor | Literal[False] | None = None,
        timestamps: str = "time",
        symbols: Iterable[str] | None = None,
        intervals: Iterable[str] | None = None,
    ) -> int:
        """Write what `to_json` returns into memory of the caller's.

        Parameters
        ----------
        buffer : writable, contiguous buffer of bytes
            A bytearray, memoryview, mmap, array of uint8, shared memory; written from its first
            byte on. Bytes behind the document may change.
        complete, cursor, timestamps, symbols, intervals
            As for `to_dict`.

        Returns
        -------
        int
            Length of the document in bytes.

        Raises
        ------
        BufferTooSmallError
            Says how many bytes are needed. What is in the buffer then is no document, and the
            cursor's next export has to be complete.
        TypeError
            It is no such buffer.

        Notes
        -----
        Give it room for 20 kB more than the document: with less, its end is written elsewhere and
        all of it copied, which adds some 15 % to the time.
        """
        self._context.check_active()
        try:
            with memoryview(buffer) as view:
                # Items are bytes: text over an array of objects would be taken for pointers.
                usable = view.c_contiguous and view.itemsize == 1 and not view.readonly
        except (TypeError, ValueError):
            # ValueError: of an array of a dtype that no buffer can have
            usable = False
        if not usable:
            raise ArgumentTypeError(
                f"a document goes into a writable, contiguous buffer of bytes: {type(buffer).__name__}"
            )
        found = self._parts.cursors.find(cursor, complete)
        length: int = _exporter().document_bytes(self._parts, complete, found, timestamps, symbols, intervals, buffer)
        return length

    def export_arrow(
        self,
        complete: bool = True,
        *,
        cursor: str | ExportCursor | Literal[False] | None = None,
        symbols: Iterable[str] | None = None,
        intervals: Iterable[str] | None = None,
    ) -> ChangedRows:
        """Rows of bars for consumers that read Arrow: all of them, or with ``complete=False`` those
        that are new or other than they were at the last export through the cursor.

        Parameters
        ----------
        complete, cursor, symbols, intervals
            As for `to_dict`.

        Returns
        -------
        ChangedRows
            A stream of one batch (``__arrow_c_stream__``): ``pyarrow.table(rows)``,
            ``polars.DataFrame(rows)``, DuckDB, anything that reads Arrow; none of them is needed
            here. Columns are ``symbol``, ``interval``, ``timestamp`` (UTC), ``open``, ``high``,
            ``low``, ``close`` and ``volume``. The rows are copied, and never change.

        Notes
        -----
        To have all rows: forget those of `ChangedRows.removed` and of `ChangedRows.replaced`, then
        put in each row in place of that of its symbol, interval and timestamp. With
        `ChangedRows.resync` ask for a complete export. A cursor is for one consumer: let those who
        read JSON have others.

        Raises
        ------
        UnknownNameError, DeltaError, ArgumentError
            As of `to_dict`.

        Examples
        --------
        >>> data.export_arrow(cursor="frames")  # doctest: +SKIP
        <ChangedRows: 1951 rows, sequence 390>
        >>> rows = data.export_arrow(False, cursor="frames")  # doctest: +SKIP
        """
        self._context.check_active()
        found = self._parts.cursors.find(cursor, complete)
        from sessiondata.export.arrow import rows_of_export  # not needed to store bars

        return rows_of_export(self._parts, complete, found, symbols, intervals)

    def to_csv(self, path: Any, interval: str | None = None) -> int:
        """Write a CSV file for people who compare runs: a row for each step of each symbol, with
        its bar, what has changed in it, and gaps and quality up to its end. `docs/document.md`
        lists the columns.

        Parameters
        ----------
        path : str or Path
            Appears when it is complete, or stays what it was, but a pipe or a device is written to.
            Its permission bits stay; of a symbolic link the file that it names is replaced.
        interval : str, optional
            The step; by default each symbol's base interval. Symbols that do not hold it are left
            out.

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
        The same store gives the same bytes. Symbols are written as they were registered, one at a
        time, each in time order.
        """
        self._context.check_active()
        from sessiondata.export.csv import write_csv  # not needed to store bars

        return write_csv([self], path, interval)

    def export_cursor(self, name: str | None = None) -> ExportCursor:
        """The cursor of that name, made if it is not there; None for the default one.

        Each consumer of deltas has one of its own. It needs some 500 bytes a symbol."""
        return self._parts.cursors.get(name)

    @property
    def cursors(self) -> tuple[str, ...]:
        """Names of the cursors, in the order they were made; the default one has none."""
        return self._parts.cursors.names()

    def drop_cursor(self, name: str | None = None) -> None:
        """Forget a cursor. One made again under its name begins with a complete export.

        Raises
        ------
        UnknownNameError
            There is no cursor of that name.
        """
        self._parts.cursors.drop(name)

    # --- events ---

    def closed_bars(
        self,
        intervals: str | Iterable[str],
        symbols: Iterable[str] | None = None,
        *,
        name: str | None = None,
        backlog: bool = True,
        callback: Callable[[ClosedBar], Any] | None = None,
    ) -> ClosedBarFeed:
        """A consumer of closed bars, at its own pace: its `drain` says which bars have closed, and
        which of these have changed, since the drain before.

        Each bar that closes is announced once, as ``"closed"``, and again as ``"revised"`` whenever
        a late bar, a correction or a fill has changed it. A bar closes when the watermark passes
        the end of its slot, by the next bar or by the clock, and when its session ends. Who applies
        the events to an empty table has the closed bars of the store.

        Parameters
        ----------
        intervals : str or iterable of str
            What it follows, each of them held by one of the symbols at least.
        symbols : iterable of str, optional
            Only these; by default all, also those that are registered later.
        name : str, optional
            A consumer with a name belongs to the store until it is closed: it is found again by
            that name, copied with the store, and saved in snapshots. One without lives as long as
            somebody holds it.
        backlog : bool
            Begin with all closed bars that the store holds, history included. With False these
            count as announced.
        callback : callable, optional
            Called by `drain`, and from nowhere else, with each event.

        Returns
        -------
        ClosedBarFeed
            The one of that name, if there is one.

        Raises
        ------
        UnknownNameError
            No such symbol, or no symbol selected holds an interval; or `name` is no text.
        ArgumentError
            The consumer of that name follows something else; as an ArgumentTypeError, if an
            argument is of a wrong kind.

        Examples
        --------
        >>> data = SessionData(None, "1m", ("5m",))
        >>> spy = data.register_symbol("SPY")
        >>> feed = data.closed_bars("5m")
        >>> start, minute = 1_710_244_800_000_000_000, 60_000_000_000
        >>> for i in range(7):
        ...     stored = spy.append(start + i * minute, 10.0, 11.0, 9.0, 10.5, 100.0)
        >>> [(event.symbol, event.interval, event.kind, event.bar.volume) for event in feed.drain()]
        [('SPY', '5m', 'closed', 500.0)]
        >>> feed.drain()
        ()
        """
        self._context.check_active()
        # not needed to store bars
        from sessiondata.store.closed_bars import feeds_of

        feeds = feeds_of(self._registry, self._context, self._parts.settings)
        return feeds.get(intervals, symbols, name, check_bool("backlog", backlog), callback)

    # --- copies and snapshots ---

    def copy(self) -> Self:
        """A store of its own with all that this one holds. It gives the same answers, and whatever
        is done to one of them afterwards leaves the other as it is.

        Days of history are shared, since they never change, as are calendars and functions of
        indicators. All else is copied: rows, cursors, marks, retries, pins, indicators with the
        values that were set, clock, sequence, labels, counters, trades and quotes. Handles are not:
        a symbol of the copy has one of its own. Attributes that were added to the object, by a
        subclass or by hand, are carried over as they are. `copy.copy` and `copy.deepcopy` do the
        same (the latter copies added attributes deeply).

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
        from sessiondata.snapshot.copies import copy_of  # not needed until somebody copies

        return copy_of(self)

    def __copy__(self) -> Self:
        from sessiondata.snapshot.copies import copy_of

        return copy_of(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        from sessiondata.snapshot.copies import copy_of

        return copy_of(self, memo)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        from sessiondata.snapshot.copies import pickled

        return pickled(self)

    def dumps(self) -> bytes:
        """What `save` writes, as bytes; `sessiondata.loads` makes an equal store of them.

        Raises
        ------
        SnapshotError
            As for `save`.
        """
        from sessiondata.snapshot.save import dumps

        return dumps(self)

    def save(self, path: Any) -> None:
        """Write everything that the store holds to a file, from which `sessiondata.load` makes an
        equal store.

        The state is copied first, then written: to a temporary file in the same folder, which is
        synced and then takes the file's place. Whatever happens, there is the file of before or the
        new one, whole. Its permission bits stay; of a symbolic link the file that it names is
        replaced.

        Parameters
        ----------
        path : str, path-like or binary file object
            A file object is written to from where it stands, all of it, and flushed; it need not be
            able to seek, and is not closed. Nothing is written of a store that cannot be saved. A
            ``write`` that accepts fewer bytes is given the rest; None is its answer to all of
            them, but of a raw file.

        Raises
        ------
        ArgumentError
            It is neither path nor file object, or the ``write`` of a file object wants text, says
            that it accepted a number of bytes that cannot be, or fails (closed).
        SnapshotError
            The store holds what JSON cannot say (a set indicator that is neither number, text nor
            list or dict of them, a pinned gap in a zone of one's own), or a calendar that was not
            made by this library.
        OSError
            The file cannot be written, or is none (a folder, a pipe, a device). The one of before
            is as it was, unless only the last step failed: the sync of the folder, after the new
            file has taken its place.

        Notes
        -----
        Works whether the store is active or not. Functions of indicators are not saved, their names
        are.
        """
        from sessiondata.snapshot.save import save  # not needed until somebody saves

        save(self, path)

    # --- many symbols at once ---

    def panel(
        self,
        field: str,
        interval: str | Interval,
        n: int,
        symbols: Iterable[str] | None = None,
        out: npt.NDArray[np.float64] | Mapping[str, npt.NDArray[Any]] | None = None,
        *,
        extended: bool = False,
        forming: bool = False,
        fill_forward: bool = False,
    ) -> Panel:
        """One field of many symbols on one time axis: the newest `n` slots on which any of them has
        a bar, over history and the session under way.

        Parameters
        ----------
        field : {"open", "high", "low", "close", "volume"}
        interval : str or Interval
            One that the symbols hold, or ``"1d"``.
        n : int
            At least 1.
        symbols : iterable of str, optional
            By default all that hold the interval, in the order they were registered.
        out : ndarray of float64, shape (symbols, n), or mapping, optional
            Where the values go. A mapping has ``"values"``, ``"mask"`` (bool, of that shape) and
            ``"ts_ns"`` (int64, shape ``(n,)``), those of them that are wanted. Contiguous arrays
            that can be written to; the panel has them.
        extended, forming : bool
            Bars outside the segments, the bar in progress as well.
        fill_forward : bool
            Where a symbol has no bar, the value of its bar before (as of the slot), if one is among
            its newest `n`. The mask stays.

        Returns
        -------
        Panel
            ``values`` of shape (symbols, n), NaN where there is no bar, and ``mask``, True there;
            ``ts_ns`` of the slots, the newest last. With fewer than `n` slots the first columns
            have no time (NaT) and no bar.

        Raises
        ------
        UnknownNameError
            There is no such field, interval or symbol, or none of the symbols holds the interval.
        ArgumentError
            `n` is below 1. An array of `out` has another shape or layout, is read-only, overlaps
            another one or the store's own memory (``ERR_OUT``).
        ArgumentTypeError
            `n` is no whole number, an option no bool, `symbols` no list of names, or an array of
            `out` of another type (``ERR_OUT``). In any case nothing has been written.

        Notes
        -----
        Of one moment for each symbol. O(symbols x n). Where no symbol has a handle, several
        threads share the work; where all have one, it is done without the GIL.

        Examples
        --------
        >>> data = SessionData(None, "1m", ())
        >>> for name, skipped in (("SPY", 9), ("QQQ", 1)):
        ...     symbol = data.register_symbol(name)
        ...     for i in range(3):
        ...         if i != skipped:
        ...             ts_ns = 1_710_244_800_000_000_000 + i * 60_000_000_000
        ...             _ = symbol.append(ts_ns, 10.0, 10.0, 10.0, 10.0 + i, 5.0)
        >>> panel = data.panel("close", "1m", 3)
        >>> panel.symbols, panel.values.tolist(), panel.mask[1].tolist()
        (('SPY', 'QQQ'), [[10.0, 11.0, 12.0], [10.0, nan, 12.0]], [False, True, False])
        """
        self._context.check_active()
        from sessiondata.store.panel import make_panel  # not needed to store bars

        return make_panel(self._registry, field, interval, n, symbols, out, (extended, forming, fill_forward))

    def to_pandas(self, interval: str | Interval, symbols: Iterable[str] | None = None) -> Any:
        """The bars of an interval of all symbols, those of the session under way, as one pandas
        DataFrame.

        Parameters
        ----------
        interval : str or Interval
        symbols : iterable of str, optional
            By default all that hold the interval, in the order they were registered. A repeated
            name counts once.

        Returns
        -------
        pandas.DataFrame
            A ``symbol`` column (categorical: the names in that order) and those of
            `BarSeries.to_pandas`; one symbol after the other, each in time order. The index is
            ``timestamp``. Where only some symbols derive the interval the columns are those of a
            derived series. A copy, of one moment for each symbol.

        Raises
        ------
        UnknownNameError
            There is no such interval or symbol, or a symbol does not hold the interval.
        ArgumentTypeError
            `symbols` is no list of names.
        ImportError
            There is no pandas.

        Examples
        --------
        >>> data = SessionData(None, "1m", ())
        >>> for name in ("SPY", "QQQ"):
        ...     symbol = data.register_symbol(name)
        ...     _ = symbol.append(1_710_244_800_000_000_000, 10.0, 11.0, 9.0, 10.5, 100.0)
        >>> frame = data.to_pandas("1m")
        >>> frame["symbol"].tolist(), frame["close"].tolist()
        (['SPY', 'QQQ'], [10.5, 10.5])
        """
        return self._table(interval, symbols).to_pandas()

    def to_polars(self, interval: str | Interval, symbols: Iterable[str] | None = None) -> Any:
        """What `to_pandas` has, as a polars DataFrame: ``symbol`` (Categorical), then the columns
        of `BarSeries.to_polars`."""
        return self._table(interval, symbols).to_polars()

    def to_arrow(self, interval: str | Interval, symbols: Iterable[str] | None = None) -> Any:
        """What `to_pandas` has, as a pyarrow Table: ``symbol`` (dictionary of int32 and string),
        then the columns of `BarSeries.to_arrow`."""
        return self._table(interval, symbols).to_arrow()

    def _table(self, interval: Any, symbols: Any) -> Table:
        self._context.check_active()
        from sessiondata.store.table import Table  # not needed to store bars

        return Table(self._registry, interval, symbols)

    def _repr_html_(self) -> str:
        from sessiondata.store.html import store_html  # not needed until a notebook asks

        return store_html(self._context, list(self._registry.states.values()))

    def __repr__(self) -> str:
        settings, date = self._parts.settings, self._clock.date or "no session"
        intervals = ", ".join(interval.name for interval in (settings.base, *settings.derived))
        n = len(self._symbols)
        return f"<SessionData {self.calendar.name} {date}: {n} symbols, {intervals}, as of {self.as_of}>"


@cache
def _exporter() -> Any:
    """What writes documents, not needed to store bars; found once, as an import costs more than a
    small delta."""
    from sessiondata.export import document

    return document


def parts_of(data: SessionData) -> StoreParts:
    """What the package works on."""
    return data._parts
