"""One symbol of a store.

Long because it is one facade, and more than half of it is what users read: each method hands over to the symbol's state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from sessiondata._native.objects import store as _store
from sessiondata._native.objects.tape import Lazy, QuoteTape, Tape, TradeTape
from sessiondata.copying import not_copied
from sessiondata.errors import (
    ArgumentError,
    ArgumentTypeError,
    BarError,
    IntervalError,
    SessionStateError,
    TimeError,
    UnknownNameError,
)
from sessiondata.rows.columns import quote_columns, tick_columns
from sessiondata.rows.gap import GapInfo, check_gap, check_number
from sessiondata.rows.owner import Marked
from sessiondata.rows.series import BarSeries, glance
from sessiondata.rows.ticks import QuoteSeries, TickSeries, tape_of
from sessiondata.store.history import HistoricalBars, HistoricalDay
from sessiondata.store.inputs import bars_of, check_on_bad, check_unit, exchange_codes_of, loaded_bars_of
from sessiondata.store.settings import check_label
from sessiondata.store.state import SymbolState
from sessiondata.time.intervals import ByInterval, parse_interval

if TYPE_CHECKING:
    from sessiondata.market.calendar import SessionCalendar
    from sessiondata.market.grid import SessionGrid

__all__ = ["SymbolSessionData", "state_of"]

_T = TypeVar("_T")

_APPEND = """append(ts_ns, open, high, low, close, volume, /) -> bool

Store one bar and everything it causes: derived bars, gaps, quality, metrics. The hot path; positional scalars.

Parameters
----------
ts_ns : int, datetime64 or aware datetime
    Open time (the close, in a store with ``label="close"``). An int is ns since 1970 UTC.
open, high, low, close, volume : float

Returns
-------
bool
    True if the store changed. False for a repeat of what is there, and for a bar that is refused without being wrong
    (older than the ring keeps, or of an earlier trade date): see `counters`.

Raises
------
BarError, BarTypeError, TimeError
    The bar breaks a rule; the store is as it was.
SessionStateError
    The bar belongs to a later trade date than the session.

Notes
-----
O(derived intervals) for the newest bar, without allocating; O(log rows) and one slot of each interval for another.
Several writers of a symbol take turns.
"""


_APPEND_TICK = """append_tick(ts_ns, price, size, exchange="", /) -> bool

Store one trade and everything it causes: it grows the bar of its base slot, which is forming until the grid or the
clock says that the slot is over.

Parameters
----------
ts_ns : int, datetime64 or aware datetime
    An int is ns since 1970 UTC. Of equal times the later arrival stands later.
price, size : float
exchange : str
    At most eight ASCII characters.

Returns
-------
bool
    True if the store changed. False for a trade that is refused without being wrong (its slot has lost trades to the
    ring, or it is of an earlier trade date): see ``ticks.counters``.

Raises
------
BarError, BarTypeError, TimeError
    The trade breaks a rule; the store is as it was.
SourceError
    The symbol is fed by bars or quotes in this session.
SessionStateError
    The trade belongs to a later trade date than the session.

Notes
-----
O(levels on base rows) in the newest base slot; O(log rows), the trades after it and one slot of each interval for a
late one. The first trade of a session allocates the ring. Several writers of a symbol take turns.
"""

_APPEND_QUOTE = """append_quote(ts_ns, bid, ask, bid_size, ask_size, /) -> bool

Store one quote. It makes no bars, unless the symbol was registered with ``quote_bars``.

Parameters
----------
ts_ns : int, datetime64 or aware datetime
    An int is ns since 1970 UTC. Of equal times the later arrival stands later.
bid, ask, bid_size, ask_size : float
    A bid above the ask is accepted: crossed markets are real.

Returns
-------
bool
    True if the store changed; see `append_tick`, also for what is raised. SourceError is for quotes that make bars.
"""


@not_copied("copy the store, data.copy(), and take the symbol of that name from it")
class SymbolSessionData(Marked):
    """Bars, gaps, quality and metrics of one symbol in the current session.

    Made by `SessionData.register_symbol`. The native state is complete after every call. Any thread may read and write,
    with the GIL or (compiled callers) without: calls take turns, and each answers of one moment.
    """

    # `append` is the native method itself, held in a slot: a Python method around it would double its cost.
    __slots__ = {
        "__weakref__": "",
        "_append_quote": "what is None until somebody asks (`Lazy`): native methods",
        "_append_tick": "",
        "_bars": "its series by name, as the state has them; None until somebody asks",
        "_context": "what it shares with the other symbols of the store",
        "_core": "native state",
        "_state": "what the package works on",
        "append": _APPEND,
    }

    def __init__(self, state: SymbolState) -> None:
        self._state, self._core, self._context = state, state.core, state.context
        self.append = state.core.append
        self._bars = self._append_tick = self._append_quote = None

    _series: Lazy[dict[str, BarSeries]] = Lazy("_bars", lambda self: self._state.series)
    append_tick = Lazy("_append_tick", lambda self: TradeTape(self._core).append, _APPEND_TICK)
    append_quote = Lazy("_append_quote", lambda self: QuoteTape(self._core).append, _APPEND_QUOTE)

    @property
    def ticks(self) -> TickSeries:
        """Series of the trades of this session."""
        self._context.check_active()
        return self._state.ticks

    @property
    def quotes(self) -> QuoteSeries:
        """Series of the quotes of this session."""
        self._context.check_active()
        return self._state.quotes

    # --- what it is ---

    @property
    def symbol(self) -> str:
        return self._core.name

    @property
    def base_interval(self) -> str:
        return self._core.intervals[0]

    @property
    def intervals(self) -> tuple[str, ...]:
        """Names of all series, the base first."""
        return self._core.intervals

    @property
    def handle(self) -> int:
        """What compiled code outside the package calls this symbol: numba functions, C functions of ``capi.pxd``.

        The same for as long as the symbol lives, and never that of another one: calls with the handle of a symbol that
        is gone, or has no session, return an error.
        """
        return self._core.handle

    @property
    def calendar(self) -> SessionCalendar:
        """Whose sessions these are: the symbol's own calendar, or the store's."""
        return self._state.calendar

    @property
    def grid(self) -> SessionGrid | None:
        """Hours of the session under way; None if the symbol has none."""
        return self._state.grid

    # --- writing ---

    def extend(
        self,
        ts_ns: Any,
        open: Any = None,  # noqa: A002
        high: Any = None,
        low: Any = None,
        close: Any = None,
        volume: Any = None,
        *,
        on_bad: str = "raise",
        label: str | None = None,
        tz: str | tzinfo | None = None,
        unit: str | None = None,
    ) -> int:
        """Store arrays of bars, or the rows of a frame; all or nothing.

        ``extend(frame)`` takes a pandas or polars DataFrame, an Arrow table, or any object with ``__arrow_c_stream__``
        in place of the six columns. They are found by their usual names in any case: time (ts_event, window_start,
        timestamp, datetime, t, time or date; of a pandas frame also its index), open (o), high (h), low (l), close (c)
        and volume (vol, v). Other columns are left alone, but one that names several symbols is an error.

        Parameters
        ----------
        ts_ns : array of times, shape (n,)
            Open times: int64 ns since 1970 UTC, datetime64 of any unit, or a pandas, polars or Arrow column. Any order:
            rows are taken in time order, and of equal times the later row is a correction.
        open, high, low, close, volume : arrays of numbers, shape (n,)
            Any integer or float dtype, byte order and stride; contiguous float64 is not copied.
        on_bad : {"raise", "skip"}
            What to do with a row that breaks a rule: raise and store nothing, or leave it out and count it in
            ``counters["skipped"]``.
        label : {"open", "close"}, optional
            Which end of its interval a timestamp names; by default the store's.
        tz : str or tzinfo, optional
            Zone of naive times.
        unit : {"s", "ms", "us", "ns"}, optional
            What integer times count from 1970 on; by default nanoseconds. Of a dtype that has a unit it must be that.

        Returns
        -------
        int
            Rows added or corrected. Repeats, and rows that are too old or of an earlier trade date, are in `counters`.

        Raises
        ------
        BarError, BarTypeError, TimeError, SessionStateError
            Names symbol, row, value and rule; the store is as it was. A later trade date is a `LaterSessionError`. A
            row from before 1990, where the symbol has no day, is a `TimeError` (``ERR_UNIT``) that names the unit it
            is in; with ``on_bad="skip"`` only if all rows are such, else they are in ``counters["other_session"]``.
        """
        if on_bad == "raise" and label is None and unit is None:
            stored = self._core.extend_newest(ts_ns, open, high, low, close, volume)
            if stored >= 0:  # the usual case: what follows costs more than storing a few hundred bars
                return stored
        check_on_bad(on_bad)
        close_label = self._core.close_label if label is None else check_label(label)
        columns = bars_of(self._core, ts_ns, (open, high, low, close, volume), tz, unit)
        stored = self._core.extend(*columns, on_bad == "skip", close_label)
        if stored >= 0:
            return stored
        store = partial(self._core.extend, *columns, on_bad == "skip", close_label, True)
        earliest = partial(_store.earliest, self._core, *columns)
        return self._context.start_for_rows(self._core, earliest, close_label, store)

    def fill(
        self,
        ts_ns: Any,
        open: Any = None,  # noqa: A002
        high: Any = None,
        low: Any = None,
        close: Any = None,
        volume: Any = None,
        *,
        on_bad: str = "raise",
        label: str | None = None,
        tz: str | tzinfo | None = None,
        unit: str | None = None,
    ) -> int:
        """Store bars that somebody was asked for, where a bar is missing and nowhere else; all or nothing.

        A slot is filled if it is a regular one of the base interval, is over (by the symbol's ``as_of``) and has no
        bar, whether that was explained by a mark or not: a bar is better evidence. Rows for other slots (present ones,
        such that are not over, beside the grid, outside the segments, of a date that is not here) are left out. So
        nothing that is there changes, and the same call again stores nothing.

        Parameters
        ----------
        ts_ns, open, high, low, close, volume : arrays, shape (n,); or a frame in place of all
            As for `extend`, in any order. Of rows for one slot the first one counts.
        on_bad : {"raise", "skip"}
            What to do with a row that breaks a rule, also of a slot that needs no filling: raise and store nothing, or
            leave it out and count it in ``counters["skipped"]``.
        label : {"open", "close"}, optional
            Which end of its interval a timestamp names; by default the store's.
        tz : str or tzinfo, optional
            Zone of naive times.
        unit : {"s", "ms", "us", "ns"}, optional
            What integer times count, as for `extend`.

        Returns
        -------
        int
            Rows stored, those of days in history included. A slot that is missing, but whose derived bars have lost
            rows to the ring, is not filled and counted in ``counters["too_old"]``.

        Raises
        ------
        BarError, BarTypeError, TimeError
            Names symbol, row, value and rule; the store is as it was.
        SessionStateError
            A row is of a later trade date; there is neither a session nor a past day; or the symbol has left its store.

        Notes
        -----
        What feeds the symbol is not decided: a filled symbol takes trades (or quotes) as well as bars afterwards. Where
        these make the bars, a filled bar stands, because it covers its whole slot: a trade that comes for it later is
        kept among the `ticks`, counted in ``ticks.counters["covered"]``, and changes no bar. A streamed *bar* that
        comes later for a filled slot corrects it, as one bar does another.

        Whether a slot is missing is found out in one go with the storing, whatever other threads do. O(rows log rows),
        and for each row behind the newest what a late bar takes; a copy of each past day that is filled.
        """
        check_on_bad(on_bad)
        close_label = self._core.close_label if label is None else check_label(label)
        columns = bars_of(self._core, ts_ns, (open, high, low, close, volume), tz, unit)
        if self._core.days is None:
            raise SessionStateError(
                f"symbol {self.symbol!r} was removed from its store and takes no bars", symbol=self.symbol
            )
        return self._has_session(self._core.fill(*columns, on_bad == "skip", close_label))

    def _has_session(self, answer: _T | None) -> _T:
        """An answer, or an error if there was neither a session nor a past day."""
        if answer is None:
            raise SessionStateError(
                f"symbol {self.symbol!r} has no session; start_session(date) first", symbol=self.symbol
            )
        return answer

    def load_historical_bars(
        self,
        interval: str,
        ts_ns: Any,
        open: Any = None,  # noqa: A002
        high: Any = None,
        low: Any = None,
        close: Any = None,
        volume: Any = None,
        *,
        label: str | None = None,
        tz: str | tzinfo | None = None,
        unit: str | None = None,
    ) -> int:
        """Store bars of past days, one or many, or the rows of a frame; all or nothing.

        Rows of dates that are later than the session under way are kept for their sessions. Until these begin, nothing
        shows or counts them.

        Parameters
        ----------
        interval : str
            Of these bars. Rows of the base interval make days with derived bars, gaps and quality, or merge by
            timestamp into days that are there. Those of the session under way become bars of it where it has none:
            what is there stays, since a load may be older than what has come meanwhile (`extend` corrects). Rows of any
            other interval, also one that the symbol does not hold, are kept as they are: they stand before derived ones
            of the same time. Loaded bars are whole ones: of the session under way those that end after the store's
            clock are left out (without a clock leave out the bar in progress), and where trades make the bars also a
            newest row that nothing has followed. A load does not say what feeds a session, so bars as well as trades
            may follow; rows beside the slots are taken where bars feed it, or nothing yet, and then bars do.
        ts_ns : array of times, shape (n,); or a frame in place of all six columns
            As for `extend`, in any order. Of ``"1d"`` also trade dates: datetime64[D], `date`, ``"YYYY-MM-DD"`` or a
            polars or Arrow column of dates. A time belongs to the trade date that holds it: midnight UTC is the evening
            before in New York, so pass dates where dates are meant. Of a frame of ``"1d"`` a column ``trade_date``, as
            `BarSeries.to_pandas` and the others make it, stands before that of times. Of rows of one trade date the
            later one is a correction.
        open, high, low, close, volume : arrays of numbers, shape (n,)
        label : {"open", "close"}, optional
            Which end of its interval a timestamp names; by default the store's.
        tz : str or tzinfo, optional
            Zone of naive times.
        unit : {"s", "ms", "us", "ns"}, optional
            What integer times count, as for `extend`. Unless this says what they are, times of 1970 that another unit
            would explain are refused, and integers from before 1990 among later ones, or of 0 alone, where the symbol
            has no day that early.

        Returns
        -------
        int
            Rows added or corrected.

        Raises
        ------
        BarError, BarTypeError, TimeError, IntervalError, CalendarError
            Names symbol, row, value and rule (a time that belongs to no trade date breaks one; of dates without a
            session the date is named); nothing has changed.
        SourceError
            Of rows of a date whose bars are made of trades or quotes.
        SessionStateError
            The symbol was removed from its store.
        """
        which = parse_interval(interval)
        values = open, high, low, close, volume
        columns, close_label = loaded_bars_of(self._core, which, ts_ns, values, tz, unit, label)
        return self._state.history.load(which, columns, close_label) if len(columns[0]) else 0

    # --- history ---

    @property
    def historical_bars(self) -> Mapping[str, HistoricalBars]:
        """Bars of past days: ``historical_bars["1m"][date]`` is an immutable `BarWindow`. By interval: those that the
        symbol holds, ``"1d"``, and those that were loaded. Read-only; all dates lie before the one under way."""
        self._context.check_active()
        history = self._state.history
        return MappingProxyType(ByInterval({i.name: HistoricalBars(history, i) for i in history.intervals()}))

    @property
    def historical_indicators(self) -> dict[str, Any]:
        """Indicators by name: those of the store in the order in which they were added, then those that were set for
        this symbol alone. A new dict."""
        self._context.check_active()
        state = self._state
        return {name: state.indicator(name, self) for name in {**self._context.indicators, **state.values}}

    def historical_day(self, date: Any) -> HistoricalDay:
        """A past session with all its series, gaps and counters, as it was streamed or loaded.

        Raises
        ------
        UnknownNameError
            There are no base bars of that date.
        """
        self._context.check_active()
        return self._state.history.known_day(date)

    def extend_ticks(
        self,
        ts_ns: Any,
        price: Any,
        size: Any,
        exchange: Any = "",
        *,
        on_bad: str = "raise",
        tz: str | tzinfo | None = None,
        unit: str | None = None,
    ) -> int:
        """Store arrays of trades, all or nothing.

        Parameters
        ----------
        ts_ns : array of times, shape (n,)
            int64 ns since 1970 UTC, datetime64 of any unit, or a pandas, polars or Arrow column. Any order: rows are
            taken in time order, of equal times in the order of the arrays.
        price, size : arrays of numbers, shape (n,)
            Any integer or float dtype, byte order and stride; contiguous float64 is not copied.
        exchange : str, or array of str or bytes, shape (n,)
            At most eight ASCII characters; one for all, or one each.
        on_bad : {"raise", "skip"}
            What to do with a row that breaks a rule: raise and store nothing, or leave it out and count it in
            ``ticks.counters["skipped"]``.
        tz : str or tzinfo, optional
            Zone of naive times.
        unit : {"s", "ms", "us", "ns"}, optional
            What integer times count, as for `extend`.

        Returns
        -------
        int
            Rows added. Those that are too old or of an earlier trade date are in ``ticks.counters``.

        Raises
        ------
        BarError, BarTypeError, TimeError, SourceError, SessionStateError
            Names symbol, row, value and rule; the store is as it was.
        """
        check_on_bad(on_bad)
        times, values = tick_columns(ts_ns, price, size, symbol=self.symbol, tz=tz, unit=unit)
        check_unit(self._core, times, unit)
        codes = exchange_codes_of(self._core, exchange, len(times))
        return self._extend_tape(tape_of(self._state.ticks), times, values, codes, on_bad == "skip")

    def _extend_tape(self, tape: Tape, times: Any, values: list[Any], codes: Any, skip: bool) -> int:
        """Rows of trades or quotes, which may begin a session."""
        rows = times, values, codes, skip
        stored = tape.extend(*rows)
        if stored >= 0:
            return stored
        earliest, store = partial(tape.earliest, *rows), partial(tape.extend, *rows, is_cold=True)
        return self._context.start_for_rows(self._core, earliest, False, store)

    def extend_quotes(
        self,
        ts_ns: Any,
        bid: Any,
        ask: Any,
        bid_size: Any,
        ask_size: Any,
        *,
        on_bad: str = "raise",
        tz: str | tzinfo | None = None,
        unit: str | None = None,
    ) -> int:
        """Store arrays of quotes, all or nothing; parameters, result and errors are like those of `extend_ticks`."""
        check_on_bad(on_bad)
        times, values = quote_columns(ts_ns, bid, ask, bid_size, ask_size, symbol=self.symbol, tz=tz, unit=unit)
        check_unit(self._core, times, unit)
        return self._extend_tape(tape_of(self._state.quotes), times, values, None, on_bad == "skip")

    @property
    def ticks_updated(self) -> bool:
        """Set by every change of the trades; a reader clears it by assigning False."""
        return tape_of(self._state.ticks).updated

    @ticks_updated.setter
    def ticks_updated(self, value: bool) -> None:
        tape_of(self._state.ticks).updated = value

    @property
    def quotes_updated(self) -> bool:
        """Set by every change of the quotes; a reader clears it by assigning False."""
        return tape_of(self._state.quotes).updated

    @quotes_updated.setter
    def quotes_updated(self, value: bool) -> None:
        tape_of(self._state.quotes).updated = value

    # --- bars ---

    def bars(self, interval: str | None = None) -> BarSeries:
        """Series of an interval; by default the base one.

        Raises
        ------
        UnknownNameError
            If the symbol does not hold that interval.
        """
        self._context.check_active()
        if interval is None:
            return self._series[self._core.intervals[0]]
        try:
            return self._series[interval]
        except (KeyError, TypeError):  # another spelling, or no interval of the symbol
            pass
        return self._series[self._core.intervals[self._number(interval)]]

    def _number(self, interval: str) -> int:
        """Position of an interval among the series; accepts any spelling of it."""
        try:
            return self._core.intervals.index(parse_interval(interval).name)
        except (ValueError, IntervalError) as error:
            held = ", ".join(self._core.intervals)
            raise UnknownNameError(
                f"{self.symbol!r} holds no interval {interval!r}; it holds {held}", symbol=self.symbol, value=interval
            ) from error

    def holds(self, interval: str) -> bool:
        """Whether the symbol has a series of that interval, in any spelling of it."""
        try:
            return parse_interval(interval).name in self._core.intervals
        except IntervalError:
            return False

    @property
    def bars_base(self) -> BarSeries:
        """Series of the base interval."""
        self._context.check_active()
        return self._series[self._core.intervals[0]]

    @property
    def bars_derived(self) -> Mapping[str, BarSeries]:
        """Series of the derived intervals by name, shortest first. Read-only."""
        self._context.check_active()
        return MappingProxyType(ByInterval({name: self._series[name] for name in self._core.intervals[1:]}))

    # --- gaps and quality ---

    @property
    def bar_gaps(self) -> dict[str, list[GapInfo]]:
        """Gaps by interval; an empty list where there is none."""
        self._context.check_active()
        return ByInterval({name: series.gaps for name, series in self._series.items()})

    @property
    def bar_quality(self) -> dict[str, float]:
        """Quality by interval."""
        self._context.check_active()
        return ByInterval({name: series.quality for name, series in self._series.items()})

    def mark_no_trade(self, interval: str | GapInfo, start_ns: Any = None, stop_ns: Any = None) -> bool:
        """Nothing traded in some slots: where they have no bar they are not missing, but ``no_trade``.

        Parameters
        ----------
        interval : str or GapInfo
            Whose slots: those of it that begin in ``[start_ns, stop_ns)``; or a gap of the symbol in place of all
            three, ``mark_no_trade(gap)``. The time that they cover is marked for all
            intervals: a 5m slot is ``no_trade`` once all its minutes are explained.
        start_ns, stop_ns : int ns, datetime64 or aware datetime
            Half-open: of a gap that is `GapInfo.stop_ns`. Its `end_ns` is the last slot itself, which would stay
            missing. Times outside the segments of the session and of past days count for nothing; slots may lie in
            the future of the session, but what is known of a later one can be told only once that has started.

        Returns
        -------
        bool
            True if any of that time was not marked before. Else nothing has changed: all of it was known, or it
            belongs to no day that is here.

        Raises
        ------
        UnknownNameError
            If the symbol does not hold that interval.
        TimeError
            If a time is not one, or the stop lies before the start; or if it is one of 1970, where no day of the symbol
            is, and another unit puts it after 1990 (``ERR_UNIT``).
        SessionStateError
            If there is neither a session nor a past day.

        Notes
        -----
        Marks are kept with their session, whatever bars come and whenever they do; a bar makes its slot present all the
        same. Of a day in history they go to that day. O(marks + gaps), and a copy of each past day they are for.
        """
        name, start_ns, stop_ns = self._range_of(interval, start_ns, stop_ns)
        return self._mark(False, self._number(name), start_ns, stop_ns)

    def _range_of(self, interval: Any, start: Any, stop: Any) -> tuple[Any, Any, Any]:
        """Interval, start and stop of a call that takes them, or a gap in place of all three."""
        if isinstance(interval, GapInfo):
            if start is not None or stop is not None:
                raise ArgumentError("a gap has its own start and stop: pass it alone", symbol=self.symbol)
            gap = self._own_gap(self._number(interval.interval), check_gap(interval))
            return gap.interval, gap.start_ns, gap.stop_ns
        if start is None or stop is None:
            raise ArgumentTypeError("a range of time is start_ns and stop_ns, or a gap alone", symbol=self.symbol)
        return interval, start, stop

    def mark_halted(self, start_ns: Any, stop_ns: Any = None) -> bool:
        """The market was, or will be, halted in ``[start_ns, stop_ns)``: slots that lie wholly in halted time and have
        no bar are not missing, but ``halted``.

        A gap may stand in place of the two, ``mark_halted(gap)``. Errors and notes are those of `mark_no_trade`.
        Bars and their slots stay what they are. A slot that is halted in part and without trade in the rest is
        ``no_trade``.
        """
        if isinstance(start_ns, GapInfo):
            _, start_ns, stop_ns = self._range_of(start_ns, stop_ns, None)
        elif stop_ns is None:
            raise ArgumentTypeError("a range of time is start_ns and stop_ns, or a gap alone", symbol=self.symbol)
        return self._mark(True, 0, start_ns, stop_ns)

    def _mark(self, halted: bool, k: int, start: Any, stop: Any) -> bool:
        span = self._checked_span(start, stop)
        return self._has_session(self._state.history.days.mark(halted, k, *span))

    def _checked_span(self, start: Any, stop: Any) -> tuple[int, int]:
        start_ns, stop_ns = self._state.meant(start), self._state.meant(stop)
        if stop_ns < start_ns:
            raise TimeError(
                f"a span of time must not stop before it starts: [{start_ns}, {stop_ns})", symbol=self.symbol
            )
        return start_ns, stop_ns

    def record_retry(self, interval: str | GapInfo, start_ns: Any = None, stop_ns: Any = None, when: Any = None) -> int:
        """Somebody has asked again for the missing bars of an interval.

        Parameters
        ----------
        interval : str
        start_ns, stop_ns : int ns, datetime64 or aware datetime
            The slots that are missing now and begin in ``[start_ns, stop_ns)`` are counted. A gap may stand in place of
            all three: ``record_retry(gap, when=time)``.
        when : int ns, datetime64 or aware datetime
            When that was; kept to the microsecond, rounded down.

        Returns
        -------
        int
            Number of slots that were counted. With none nothing has changed.

        Raises
        ------
        UnknownNameError, TimeError, SessionStateError
            As for `mark_no_trade`.

        Notes
        -----
        Counts are kept for slots, so that the parts of a gap keep them when it is split: `GapInfo.retry_count` is the
        greatest, `GapInfo.last_retry` the latest of a gap's slots. O(gaps).
        """
        name, start_ns, stop_ns = self._range_of(interval, start_ns, stop_ns)
        if when is None:
            raise ArgumentTypeError("a retry has a time: when=", symbol=self.symbol)
        k = self._number(name)
        when_ns = max(self._state.meant(when) // 1000, -(2**63 // 1000)) * 1000  # as GapInfo has it
        span = self._checked_span(start_ns, stop_ns)
        return self._has_session(self._state.history.days.record_retry(k, *span, when_ns))

    def set_gaps(self, interval: str, gaps: Iterable[GapInfo] | None) -> None:
        """Report these gaps for an interval in place of the computed ones, until called with None.

        Raises
        ------
        UnknownNameError
            If the symbol does not hold that interval.
        BarError, IntervalError
            If a gap is of another symbol or interval.
        TypeError, ValueError, TimeError
            If a gap is no `GapInfo`, or its numbers or its time are none.
        """
        k = self._number(interval)
        if gaps is not None and not isinstance(gaps, Iterable):
            raise ArgumentTypeError(f"gaps are a list of GapInfo, or None: {gaps!r}", symbol=self.symbol, value=gaps)
        if gaps is not None:
            self._state.pins.gaps[k] = [self._own_gap(k, check_gap(gap)) for gap in gaps]
        elif self._state.pins.gaps.pop(k, None) is None:
            return
        self._state.note_pins()

    def _own_gap(self, k: int, gap: GapInfo) -> GapInfo:
        """A gap that is of this symbol and its series `k`, or an error: readers would take its name for that of the
        series."""
        interval = self._core.intervals[k]
        if gap.symbol != self.symbol or parse_interval(gap.interval).name != interval:
            raise BarError(
                f"gaps that are set for {interval} of a symbol, or stand for a range, are its own",
                symbol=self.symbol, value=gap, code="ERR_GAP",
            )  # fmt: skip
        return gap

    def set_quality(self, interval: str, quality: float | None) -> None:
        """Report this quality (0 to 100) for an interval in place of the computed one, until called with None.

        Raises
        ------
        UnknownNameError
            If the symbol does not hold that interval.
        BarError, BarTypeError
            If the quality does not lie between 0 and 100, or is no number.
        """
        k = self._number(interval)
        if quality is None:
            if self._state.pins.quality.pop(k, None) is None:
                return
        elif not 0.0 <= check_number("quality", quality, self.symbol) <= 100.0:
            raise BarError("quality lies between 0 and 100", symbol=self.symbol, value=quality, code="ERR_QUALITY")
        else:
            self._state.pins.quality[k] = float(quality)
        self._state.note_pins()

    # --- metrics ---

    @property
    def session_volume(self) -> float:
        """Volume of the regular session; 0.0 before its first bar."""
        self._context.check_active()
        bar = self._core.session_bar(False)
        return 0.0 if bar is None else bar[0]

    @property
    def session_high(self) -> float | None:
        """Highest price of the regular session; None before its first bar."""
        self._context.check_active()
        bar = self._core.session_bar(False)
        return None if bar is None else bar[1]

    @property
    def session_low(self) -> float | None:
        """Lowest price of the regular session; None before its first bar."""
        self._context.check_active()
        bar = self._core.session_bar(False)
        return None if bar is None else bar[2]

    @property
    def last_update(self) -> datetime | None:
        """Open time of the newest regular bar, in the exchange's zone; None before the first."""
        self._context.check_active()
        return self._state.datetime(self._core.newest_ts(False))

    def metrics(self) -> dict[str, Any]:
        """Session metrics: volume, high, low, last_update and bar_count of regular bars; the same of the others under
        ``"extended"``."""
        self._context.check_active()
        counters = self._core.counters()
        n_extended = counters["extended"]
        return {
            **self._state.metrics(False, counters["stored"] - n_extended),
            "extended": self._state.metrics(True, n_extended),
        }

    @property
    def bars_updated(self) -> bool:
        """Set by every change of the bars and of what is known about absent ones; a reader clears it by assigning
        False."""
        return self._core.bars_updated

    @bars_updated.setter
    def bars_updated(self, value: bool) -> None:
        self._core.bars_updated = value

    @property
    def counters(self) -> dict[str, Any]:
        """What became of all bars of the session: stored, late, corrected, repeated, too_old, other_session, off_grid,
        extended, overwritten, and skipped (by reason). Beside them
        ``inconsistent``: of the base rows that are kept, as they are now, those whose open or close lies outside
        [low, high]. They are looked through when somebody asks, O(rows). Rows that are ``overwritten`` (only with a
        ``capacity``) are not in it."""
        return self._state.counters()

    def _repr_html_(self) -> str:
        from sessiondata.store.html import symbol_html  # not needed until a notebook asks

        return symbol_html(self._state)

    def __repr__(self) -> str:
        seen = glance(self._series[self.base_interval])
        return (
            f"<SymbolSessionData {self.symbol}: {len(seen.rows)} x {self.base_interval}, {seen.missing} missing,"
            f" quality {seen.quality:.2f}, derived {', '.join(self.intervals[1:]) or 'none'}>"
        )


def state_of(symbol: SymbolSessionData) -> SymbolState:
    """What the package works on."""
    return symbol._state
