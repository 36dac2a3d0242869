"""One symbol of a store.

Long because it is one facade, and more than half of it is what users read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, overload

from sessiondata._native.objects.lazy import Lazy
from sessiondata.arguments import check_real
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
from sessiondata.rows.gap import GapInfo, check_gap
from sessiondata.rows.owner import Marked
from sessiondata.rows.series import BarSeries, glance
from sessiondata.store.feed import APPEND, SymbolFeed
from sessiondata.store.state import SymbolState
from sessiondata.time.intervals import ByInterval, parse_interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from sessiondata._native.objects.over_days import DayWindows
    from sessiondata.market.calendar import SessionCalendar
    from sessiondata.market.grid import SessionGrid
    from sessiondata.rows.bars import BarWindow
    from sessiondata.rows.ticks import QuoteSeries, TickSeries
    from sessiondata.store.day import HistoricalDay
    from sessiondata.store.historical import HistoricalBars
    from sessiondata.time.intervals import Interval

__all__ = ["SymbolSessionData", "state_of"]


@not_copied("copy the store: data.copy()[name] is its symbol")
class SymbolSessionData(SymbolFeed, Marked):
    """Bars, gaps, quality and metrics of one symbol in the current session.

    Made by `SessionData.register_symbol`. The native state is complete after every call. Any thread
    may read and write, with the GIL or (compiled callers) without: calls take turns, and each
    answers of one moment.
    """

    # `append` is the native method itself, held in a slot: a Python method around it would double
    # its cost.
    __slots__ = {
        "__weakref__": "",
        "_append_quote": "what is None until somebody asks (`Lazy`): native methods",
        "_append_tick": "",
        "_bars": "its series by name, the base also by None; None until somebody asks",
        "_by_interval": "the derived ones, for users; None until somebody asks",
        "_context": "what it shares with the other symbols of the store",
        "_core": "native state",
        "_state": "what the package works on",
        "_store": "the `SessionData` that it belongs to, for users; None if it was made without one",
        "_windows": "what makes windows over days, by interval; None until somebody asks",
        "append": APPEND,
    }

    def __init__(self, state: SymbolState, store: Any = None) -> None:
        self._state, self._core, self._context = state, state.core, state.context
        self._store = store
        self.append = state.core.append
        self._bars: Any = None
        self._by_interval = self._windows = self._append_tick = self._append_quote = None

    _day_windows: Lazy[dict[Any, DayWindows]] = Lazy("_windows", lambda _: {})
    _series: Lazy[dict[str | None, BarSeries]] = Lazy("_bars", lambda self: _with_base(self._state.series))
    _derived: Lazy[Mapping[str, BarSeries]] = Lazy("_by_interval", lambda self: _derived_of(self._state.series))

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
    def store(self) -> Any:
        """The `SessionData` that registered it.

        Raises
        ------
        SessionStateError
            The symbol was removed from its store, by `remove_symbol` or `clear`.

        Examples
        --------
        >>> data = SessionData(None)
        >>> spy = data.register_symbol("SPY")
        >>> spy.store is data
        True
        """
        if self._core.days is None or self._store is None:
            raise SessionStateError(f"symbol {self.symbol!r} was removed from its store", symbol=self.symbol)
        return self._store

    @property
    def base_interval(self) -> str:
        return self._core.intervals[0]

    @property
    def intervals(self) -> tuple[str, ...]:
        """Names of all series, the base first."""
        return self._core.intervals

    @property
    def handle(self) -> int:
        """What compiled code outside the package calls this symbol: numba functions, C functions of
        ``capi.pxd``.

        The same for as long as the symbol lives, and never that of another one: calls with the
        handle of a symbol that is gone, or has no session, return an error.
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

    # --- history ---

    @property
    def historical_bars(self) -> Mapping[str, HistoricalBars]:
        """Bars of past days: ``historical_bars["1m"][date]`` is an immutable `BarWindow`. By
        interval: those that the symbol holds, ``"1d"``, and those that were loaded. Read-only; all
        dates lie before the one under way."""
        from sessiondata.store.historical import HistoricalBars

        self._context.check_active()
        history = self._state.history
        return MappingProxyType(ByInterval({i.name: HistoricalBars(history, i) for i in history.intervals()}))

    @property
    def historical_indicators(self) -> dict[str, Any]:
        """Indicators by name: those of the store in the order in which they were added, then those
        that were set for this symbol alone. A new dict."""
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

    # --- bars ---

    def bars(self, interval: str | None = None) -> BarSeries:
        """Series of an interval; by default the base one.

        Raises
        ------
        UnknownNameError
            If the symbol does not hold that interval.
        """
        if not self._context.is_active:
            self._context.check_active()  # raises
        try:
            series: BarSeries = self._bars[interval]
        except (KeyError, TypeError):  # nobody has asked yet; another spelling, or no interval of the symbol
            return self._series[None if interval is None else self._core.intervals[self._number(interval)]]
        return series

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
        return self.bars()

    @property
    def bars_derived(self) -> Mapping[str, BarSeries]:
        """Series of the derived intervals by name, shortest first. Read-only."""
        if not self._context.is_active:
            self._context.check_active()  # raises
        return self._derived

    # --- gaps and quality ---

    @property
    def bar_gaps(self) -> dict[str, list[GapInfo]]:
        """Gaps by interval, all of one moment; an empty list where there is none."""
        self._context.check_active()
        pinned = self._state.pins.gaps.copy()
        all_gaps = self._core.all_gaps(self._state.zone)
        return ByInterval({
            name: list(pinned[k]) if k in pinned else gaps
            for k, (name, gaps) in enumerate(zip(self._core.intervals, all_gaps, strict=True))
        })  # fmt: skip

    @property
    def bar_quality(self) -> dict[str, float]:
        """Quality by interval, all of one moment."""
        if not self._context.is_active:
            self._context.check_active()  # raises
        return self._core.qualities(ByInterval(), self._state.pins.quality)

    def mark_no_trade(self, interval: str | GapInfo, start_ns: Any = None, stop_ns: Any = None) -> bool:
        """Nothing traded in some slots: where they have no bar they are not missing, but
        ``no_trade``.

        Parameters
        ----------
        interval : str or GapInfo
            Whose slots: those of it that begin in ``[start_ns, stop_ns)``; or a gap of the symbol
            in place of all three, ``mark_no_trade(gap)``. The time that they cover is marked for
            all intervals: a 5m slot is ``no_trade`` once all its minutes are explained.
        start_ns, stop_ns : int ns, datetime64 or aware datetime
            Half-open: of a gap that is `GapInfo.stop_ns`. Its `end_ns` is the last slot itself,
            which would stay missing. Times outside the segments of the session and of past days
            count for nothing; slots may lie in the future of the session, but what is known of a
            later one can be marked only once that has started. A session that is missing between
            past days becomes one of them, without a bar.

        Returns
        -------
        bool
            True if any of that time was not marked before. Else nothing has changed: all of it was
            known, or it belongs to no day that is here.

        Raises
        ------
        UnknownNameError
            If the symbol does not hold that interval.
        TimeError
            If a time is not one, or the stop lies before the start; or if it is one of 1970, where
            no day of the symbol is, and another unit puts it after 1990 (``ERR_UNIT``).
        SessionStateError
            If there is neither a session nor a past day; or if nothing was marked, and slots of the
            interval are missing in that time on a date of which no base bars are kept, nor such of
            days around it, but only rows that were loaded for longer intervals, or daily bars: load
            base bars of it first.

        Notes
        -----
        Marks are kept with their session, whatever bars come and whenever they do; a bar makes its
        slot present all the same. Of a day in history they go to that day. O(marks + gaps), and a
        copy of each past day they are for.
        """
        name, start_ns, stop_ns = self._range_of(interval, start_ns, stop_ns)
        return self._mark(False, name, start_ns, stop_ns)

    def _range_of(self, interval: Any, start: Any, stop: Any) -> tuple[Any, Any, Any]:
        """Interval, start and stop of a call, or a gap in place of all three."""
        if isinstance(interval, GapInfo):
            if start is not None or stop is not None:
                raise ArgumentError("a gap has its own start and stop: pass it alone", symbol=self.symbol)
            gap = self._own_gap(self._number(interval.interval), check_gap(interval))
            return gap.interval, gap.start_ns, gap.stop_ns
        if start is None or stop is None:
            raise _no_range(interval, self.symbol)
        return interval, start, stop

    def mark_halted(self, start_ns: Any, stop_ns: Any = None) -> bool:
        """The market was, or will be, halted in ``[start_ns, stop_ns)``: slots that lie wholly in
        halted time and have no bar are not missing, but ``halted``.

        A gap may stand in place of the two, ``mark_halted(gap)``. Errors and notes are those of
        `mark_no_trade`. Bars and their slots stay what they are. A slot that is halted in part and
        without trade in the rest is ``no_trade``.
        """
        name = self.base_interval
        if isinstance(start_ns, GapInfo):
            name, start_ns, stop_ns = self._range_of(start_ns, stop_ns, None)
        elif stop_ns is None:
            raise _no_range(start_ns, self.symbol)
        return self._mark(True, name, start_ns, stop_ns)

    def _mark(self, halted: bool, name: str, start: Any, stop: Any) -> bool:
        k, history = self._number(name), self._state.history
        span = self._checked_span(start, stop)
        marked = self._has_session(history.days.mark(halted, k, *span))
        return marked or history.refuse_unkept(parse_interval(name), *span)

    def _checked_span(self, start: Any, stop: Any) -> tuple[int, int]:
        start_ns, stop_ns = self._state.meant(start), self._state.meant(stop)
        if stop_ns < start_ns:
            raise TimeError(
                f"a span of time must not stop before it starts: [{start_ns}, {stop_ns})", symbol=self.symbol
            )
        return start_ns, stop_ns

    def record_retry(
        self, interval: str | GapInfo, start_ns: Any = None, stop_ns: Any = None, when_ns: Any = None
    ) -> int:
        """Somebody has asked again for the missing bars of an interval.

        Parameters
        ----------
        interval : str
        start_ns, stop_ns : int ns, datetime64 or aware datetime
            The slots that are missing now and begin in ``[start_ns, stop_ns)`` are counted. A gap
            may stand in place of all three: ``record_retry(gap, when_ns=time)``.
        when_ns : int ns, datetime64 or aware datetime
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
        Counts are kept for slots, so that the parts of a gap keep them when it is split:
        `GapInfo.retry_count` is the greatest, `GapInfo.last_retry` the latest of a gap's slots.
        O(gaps).
        """
        name, start_ns, stop_ns = self._range_of(interval, start_ns, stop_ns)
        if when_ns is None:
            raise ArgumentTypeError("a retry has a time: when_ns=", symbol=self.symbol)
        k = self._number(name)
        # as GapInfo has it
        when_ns = max(self._state.meant(when_ns) // 1000, -(2**63 // 1000)) * 1000
        span = self._checked_span(start_ns, stop_ns)
        history = self._state.history
        counted = self._has_session(history.days.record_retry(k, *span, when_ns))
        return counted or int(history.refuse_unkept(parse_interval(name), *span))

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
            self._state.pins_to_change().gaps[k] = [self._own_gap(k, check_gap(gap)) for gap in gaps]
        elif self._state.pins_to_change().gaps.pop(k, None) is None:
            return
        self._state.note_pins()

    def _own_gap(self, k: int, gap: GapInfo) -> GapInfo:
        """A gap that is of this symbol and its series `k`, or an error: readers would take its name
        for that of the series."""
        interval = self._core.intervals[k]
        if gap.symbol != self.symbol or parse_interval(gap.interval).name != interval:
            raise BarError(
                f"gaps that are set for {interval} of a symbol, or stand for a range, are its own",
                symbol=self.symbol, value=gap, code="ERR_GAP",
            )  # fmt: skip
        return gap if gap.last_stop_ns is not None else gap._replace(last_stop_ns=self._state.short_stop(gap))

    def set_quality(self, interval: str, quality: float | None) -> None:
        """Report this quality (0 to 100) for an interval in place of the computed one, until called
        with None.

        Raises
        ------
        UnknownNameError
            If the symbol does not hold that interval.
        BarError
            If the quality does not lie between 0 and 100.
        ArgumentTypeError
            If it is no number.
        """
        k = self._number(interval)
        if quality is None:
            if self._state.pins_to_change().quality.pop(k, None) is None:
                return
        elif not 0.0 <= check_real("quality", quality, self.symbol) <= 100.0:
            raise BarError("quality lies between 0 and 100", symbol=self.symbol, value=quality, code="ERR_QUALITY")
        else:
            self._state.pins_to_change().quality[k] = float(quality)
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
        """Session metrics: volume, high, low, last_update and bar_count of regular bars; the same
        of the others under ``"extended"``. All of one moment."""
        self._context.check_active()
        regular, extended = self._core.metrics()
        return {**self._state.metrics(*regular), "extended": self._state.metrics(*extended)}

    @property
    def bars_updated(self) -> bool:
        """Set by every change of the bars and of what is known about absent ones; a reader clears
        it by assigning False."""
        return self._core.bars_updated

    @bars_updated.setter
    def bars_updated(self, value: bool) -> None:
        self._core.bars_updated = value

    @property
    def counters(self) -> dict[str, Any]:
        """What became of all bars of the session: stored, late, corrected, repeated, too_old,
        other_session, off_grid, extended, overwritten, and skipped (by reason). Beside them
        ``inconsistent``: of the base rows that are kept, as they are now, those whose open or close
        lies outside [low, high]. They are looked through when somebody asks, O(rows). Rows that are
        ``overwritten`` (only with a ``capacity``) are not in it."""
        return self._state.counters()

    # --- over days ---

    @overload
    def window(
        self, interval: str | Interval | None, n: int, *, extended: bool = ..., forming: bool = ..., out: None = ...
    ) -> BarWindow: ...
    @overload
    def window(
        self,
        interval: str | Interval | None,
        n: int,
        *,
        extended: bool = ...,
        forming: bool = ...,
        out: Mapping[str, npt.NDArray[Any]],
    ) -> int: ...
    def window(
        self,
        interval: str | Interval | None,
        n: int,
        *,
        extended: bool = False,
        forming: bool = False,
        out: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> BarWindow | int:
        """The newest `n` bars over history and the session under way, oldest first.

        Parameters
        ----------
        interval : str, Interval or None
            One that the symbol holds (None: the base), or ``"1d"``. One of which only history has
            bars, while no session is under way.
        n : int
            At least 1. Where fewer are kept the window has those, and says so:
            `BarWindow.requested` and `BarWindow.shortfall`.
        extended : bool
            Bars outside the segments as well.
        forming : bool
            The bar in progress as well.
        out : mapping of str to ndarray, optional
            Copy into arrays of the caller, by column: ``"timestamp"`` (int64), ``"open"``,
            ``"high"``, ``"low"``, ``"close"``, ``"volume"`` (float64), ``"n_base"`` (int32),
            ``"trade_date"`` (datetime64[D]), as many of them as are wanted. Each has the shape
            ``(n,)``, is contiguous and can be written to. They are filled from their start; behind
            the bars they stay what they are.

        Returns
        -------
        BarWindow
            Where all bars lie in one stretch, those of the session or of one past day, a view;
            else an immutable copy. `BarWindow.trade_date` has the date of each bar.
        int
            With `out`: how many bars were copied.

        Raises
        ------
        UnknownNameError
            Neither the symbol nor its history has that interval, or its history does, the session
            under way does not; or `out` names no column.
        ArgumentError
            `n` is below 1. An array of `out` has another shape or layout, is read-only, overlaps
            another one or the store's own memory (``ERR_OUT``).
        ArgumentTypeError
            `n` is no whole number, an option no bool, `out` no mapping of arrays, or an array of
            another type (``ERR_OUT``). In any case nothing has been written.

        Notes
        -----
        Rows are those of `SessionData.get_all_bars_including_historical`, all of one moment:
        nothing of later dates that were loaded ahead is among them, late bars of past days are.
        O(n), and O(days of the window) after each change of history.

        Examples
        --------
        >>> data = SessionData(None, "1m", ("5m",))
        >>> spy = data.register_symbol("SPY")
        >>> for i in range(1435, 1450):  # the last five minutes of a day, and ten of the next
        ...     if i == 1440:
        ...         _ = data.roll_session()
        ...     ts_ns = 1_710_201_600_000_000_000 + i * 60_000_000_000
        ...     _ = spy.append(ts_ns, 10.0, 11.0, 9.0, 10.0 + i, 5.0)
        >>> window = spy.window("5m", 10)
        >>> window.close.tolist(), window.trade_date.astype(str).tolist(), window.shortfall
        ([1449.0, 1454.0, 1459.0], ['2024-03-12', '2024-03-13', '2024-03-13'], 7)
        """
        if not self._context.is_active:
            self._context.check_active()
        made = self._day_windows
        answer: BarWindow | int | None
        try:
            of_days = made[interval]
            answer = of_days.newest(n, extended, forming) if out is None else of_days.read(n, extended, forming, out)
        except (KeyError, TypeError):  # the first of the interval, or it is none
            answer = None
        if answer is None:  # not plain, or not right
            answer = _windows().window_of_days(self._state, made, interval, n, extended, forming, out)
        return answer

    def _repr_html_(self) -> str:
        from sessiondata.store.html import symbol_html  # not needed until a notebook asks

        return symbol_html(self._state)

    def __repr__(self) -> str:
        seen = glance(self._series[self.base_interval])
        return (
            f"<SymbolSessionData {self.symbol}: {len(seen.rows)} x {self.base_interval}, {seen.missing} missing,"
            f" quality {seen.quality:.2f}, derived {', '.join(self.intervals[1:]) or 'none'}>"
        )


@cache
def _windows() -> Any:
    """What makes windows over days, not needed to store bars; found once."""
    from sessiondata.store import window

    return window


def state_of(symbol: SymbolSessionData) -> SymbolState:
    """What the package works on."""
    return symbol._state


def _with_base(series: dict[str, BarSeries]) -> dict[str | None, BarSeries]:
    """Series by name, the base also by None."""
    by_name: dict[str | None, BarSeries] = dict(series.items())
    by_name[None] = next(iter(series.values()))
    return by_name


def _derived_of(series: dict[str, BarSeries]) -> Mapping[str, BarSeries]:
    derived = ByInterval(series)
    del derived[next(iter(series))]
    return MappingProxyType(derived)


def _no_range(alone: Any, symbol: str) -> ArgumentTypeError:
    """The error of a call that has no stop, and no gap in place of both."""
    hint = "; pass its .gap" if isinstance(getattr(alone, "gap", None), GapInfo) else ""
    return ArgumentTypeError(f"a range of time is start_ns and stop_ns, or a GapInfo alone{hint}", symbol=symbol)
