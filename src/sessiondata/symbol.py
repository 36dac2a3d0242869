"""One symbol of a store."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from datetime import datetime, tzinfo
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sessiondata import _store
from sessiondata._days import check_rows
from sessiondata._tape import Lazy, QuoteTape, Tape, TradeTape, are_codes, exchange_codes
from sessiondata.columns import bar_columns, quote_columns, tick_columns
from sessiondata.copying import not_copied
from sessiondata.errors import (
    ArgumentError,
    ArgumentTypeError,
    BarError,
    BarTypeError,
    IntervalError,
    SessionStateError,
    TimeError,
    UnknownNameError,
    of_symbol,
)
from sessiondata.gaps import GapInfo, GapOwner, check_gap, check_number
from sessiondata.history import HistoricalBars, HistoricalDay, History, opens_of_dates
from sessiondata.intervals import ByInterval, parse_interval
from sessiondata.series import BarSeries
from sessiondata.ticks import QuoteSeries, TickSeries
from sessiondata.times import (
    LEAST_START_NS,
    NAT,
    UNIT_NS,
    are_counted,
    check_meant,
    check_no_conflict,
    first_early,
    from_ns,
    plausible_unit,
    to_ns,
    to_zone,
    unit_error,
    with_unit,
)  # fmt: skip

if TYPE_CHECKING:
    from sessiondata._store import SymbolCore
    from sessiondata.calendars import SessionCalendar
    from sessiondata.columns import BarColumns
    from sessiondata.grids import SessionGrid
    from sessiondata.session import SessionData

__all__ = ["BySymbol", "SymbolSessionData"]

_T = TypeVar("_T")

_SECOND_NS = 1_000_000_000
_DATETIMES = np.empty(0, "M8[ns]")  # a column of times that are no integers

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
class SymbolSessionData(GapOwner):
    """Bars, gaps, quality and metrics of one symbol in the current session.

    Made by `SessionData.register_symbol`. The native state is complete after every call. Any thread may read and write,
    with the GIL or (compiled callers) without: calls take turns, and each answers of one moment.
    """

    # `append` is the native method itself, held in a slot: a Python method around it would double its cost.
    __slots__ = {
        "__weakref__": "",
        "_append_quote": "what is None until somebody asks (`Lazy`): native methods, and series by name or of one kind",
        "_append_tick": "",
        "_bars": "",
        "_calendar": "its own calendar, or the store's",
        "_core": "native state",
        "_data": "the store",
        "_history": "the days before",
        "_indicator_cache": "name -> (version of history, value)",
        "_indicator_values": "name -> what was set",
        "_pinned_gaps": "series number -> list of GapInfo",
        "_pinned_quality": "series number -> float",
        "_quotes": "",
        "_ticks": "",
        "append": _APPEND,
    }

    def __init__(self, data: SessionData, core: SymbolCore, calendar: SessionCalendar) -> None:
        self._data, self._core, self._calendar = data, core, calendar
        self._history = History(self)
        self._indicator_cache: dict[str, tuple[Any, Any]] = {}
        self._indicator_values: dict[str, Any] = {}
        self._pinned_gaps: dict[int, list[GapInfo]] = {}
        self._pinned_quality: dict[int, float] = {}
        self.append = core.append
        self._bars = self._ticks = self._quotes = self._append_tick = self._append_quote = None

    _series = Lazy("_bars", lambda self: {k: BarSeries(self, self._core, i) for i, k in enumerate(self.intervals)})
    _trades = Lazy("_ticks", lambda self: TickSeries(self, TradeTape(self._core)))
    _all_quotes = Lazy("_quotes", lambda self: QuoteSeries(self, QuoteTape(self._core)))
    append_tick = Lazy("_append_tick", lambda self: TradeTape(self._core).append_tick, _APPEND_TICK)
    append_quote = Lazy("_append_quote", lambda self: QuoteTape(self._core).append_quote, _APPEND_QUOTE)

    @property
    def ticks(self) -> TickSeries:
        """Series of the trades of this session."""
        self._data._check_active()
        return self._trades

    @property
    def quotes(self) -> QuoteSeries:
        """Series of the quotes of this session."""
        self._data._check_active()
        return self._all_quotes

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
        return self._calendar

    @property
    def grid(self) -> SessionGrid | None:
        """Hours of the session under way; None if the symbol has none."""
        while True:
            session_id, date = self._core.session_id, self._data.session_date
            if self._core.grid is None or date is None:
                return None
            if self._core.session_id == session_id and date == self._data.session_date:
                return self._calendar.session(date)

    @property
    def _zone(self) -> tzinfo:
        return self._calendar.zone

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
            Rows added or corrected. Repeats, and rows that are too old or of an earlier trade date, are in `counters`;
            of an earlier date that is a past day, in those of that day. A session that is missing between past days
            becomes one of them with its first row.

        Raises
        ------
        BarError, BarTypeError, TimeError, SessionStateError
            Names symbol, row, value and rule; the store is as it was. A later trade date is a `LaterSessionError`. A
            row from before 1990, where the symbol has no day, is a `TimeError` (``ERR_UNIT``) that names the unit it
            is in; with ``on_bad="skip"`` only if all rows are such, else they are in ``counters["other_session"]``.
        """
        if tz is not None:
            self._check_zone(tz)
        if on_bad == "raise" and label is None and unit is None:
            stored = self._core.extend_newest(ts_ns, open, high, low, close, volume)
            if stored >= 0:  # the usual case: what follows costs more than storing a few hundred bars
                return stored
        check_on_bad(on_bad)
        close_label = self._core.close_label if label is None else check_label(label)
        columns, counted = self._bars_of(ts_ns, (open, high, low, close, volume), tz, unit)
        try:
            self._check_unit(columns[0])
            stored = self._core.extend(*columns, on_bad == "skip", close_label)
            if stored >= 0:
                return stored
            store = partial(self._core.extend, *columns, on_bad == "skip", close_label, True)
            return self._data._extend_first(self, partial(_store.earliest, self._core, *columns), close_label, store)
        except TimeError as error:
            raise with_unit(error, columns[0], unit, are_counted(counted)) from None

    def _bars_of(
        self, ts_ns: Any, values: tuple[Any, ...], tz: str | tzinfo | None, unit: str | None
    ) -> tuple[BarColumns, Any]:
        """Six columns, or those of a frame that stands alone; and a column of times of the same kind as the caller's,
        for `are_counted`."""
        counted = ts_ns
        if all(column is None for column in values):
            from sessiondata.frames import frame_columns  # not needed until a frame comes

            ts_ns, *values, is_counted = frame_columns(ts_ns, self.symbol, tz, unit=unit)  # type: ignore[assignment]
            counted = () if is_counted else _DATETIMES
            unit = None if isinstance(ts_ns, np.ndarray) else unit
        return bar_columns(ts_ns, *values, symbol=self.symbol, tz=tz, unit=unit), counted

    def _check_zone(self, tz: Any) -> None:
        """A `TimeError` if ``tz=`` is no zone, also where the times are instants and need none."""
        try:
            to_zone(tz)
        except TimeError as error:
            raise of_symbol(error, self.symbol) from None

    def _check_unit(self, times: Any) -> None:
        """A `TimeError` if all times lie before 1990 and no day of the symbol does: nothing could come of them.

        One among later ones is found where rows are sorted."""
        if len(times) and times[-1] < LEAST_START_NS and not self._core.has_early_days():
            latest = int(times.max())
            if NAT < latest < LEAST_START_NS:
                row = int(times.argmax())
                raise unit_error(latest, symbol=self.symbol, row=row)

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
        nothing that is there changes, and the same call again stores nothing. A session that is missing between past
        days, whose gaps history lists, becomes one of them with its first row.

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
        if tz is not None:
            self._check_zone(tz)
        close_label = self._core.close_label if label is None else check_label(label)
        columns, counted = self._bars_of(ts_ns, (open, high, low, close, volume), tz, unit)
        try:
            self._check_unit(columns[0])
            if self._core.days is None:
                raise SessionStateError(
                    f"symbol {self.symbol!r} was removed from its store and takes no bars", symbol=self.symbol
                )
            return self._has_session(self._core.fill(*columns, on_bad == "skip", close_label))
        except TimeError as error:
            raise with_unit(error, columns[0], unit, are_counted(counted)) from None

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
            What integer times count, as for `extend`. Unless it is ``"ns"``, which takes integers as they are, times
            of 1970 that another unit would explain are refused, and integers from before 1990 among later ones, or next
            to 0 (less than a second from it) alone, where the symbol has no day that early.

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
        if tz is not None:
            self._check_zone(tz)
        is_daily = which.step_ns == 0
        settled = False  # whether the times have been converted by `unit`
        if open is high is low is close is volume is None:
            from sessiondata.frames import frame_columns  # not needed until a frame comes

            found = frame_columns(ts_ns, self.symbol, tz, is_daily, unit)
            ts_ns, open, high, low, close, volume, is_counted = found  # noqa: A001
            settled = isinstance(ts_ns, np.ndarray)
        else:
            is_counted = are_counted(ts_ns)
        opens = opens_of_dates(self, ts_ns) if is_daily else None
        if opens is not None:
            check_no_conflict(unit, "D")
        close_label = opens is None and (self._core.close_label if label is None else check_label(label))
        times, in_unit = (ts_ns, None if settled else unit) if opens is None else (opens, None)
        columns = bar_columns(times, open, high, low, close, volume, symbol=self.symbol, tz=tz, unit=in_unit)
        check_rows(self._core, *columns)
        if opens is None and unit != "ns":
            self._check_unit_of_load(columns[0], is_counted, unit)
        return self._history.load(which, columns, close_label) if len(columns[0]) else 0

    def _check_unit_of_load(self, times: Any, is_counted: bool, unit: str | None) -> None:
        """A `TimeError` for a time of 1970 that no other row and no day explains.

        Of datetimes only if another unit explains all: then they were made of integers."""
        early = first_early(times)
        if early is None:
            return
        row, is_mixed = early
        first, latest = int(times[row]), int(times.max())
        facts: dict[str, Any] = {"symbol": self.symbol, "unit": unit, "is_counted": is_counted}
        if is_counted and (is_mixed or abs(latest) < _SECOND_NS) and not self._core.has_early_days():
            raise unit_error(first, row=row, is_mixed=is_mixed, **facts)
        factor = UNIT_NS[unit or "ns"] if is_counted else 1
        if not is_mixed and all(plausible_unit(time // factor) not in (None, unit) for time in (first, latest)):
            raise unit_error(latest, row=int(times.argmax()), **facts)

    # --- history ---

    @property
    def historical_bars(self) -> Mapping[str, HistoricalBars]:
        """Bars of past days: ``historical_bars["1m"][date]`` is an immutable `BarWindow`. By interval: those that the
        symbol holds, ``"1d"``, and those that were loaded. Read-only; all dates lie before the one under way."""
        self._data._check_active()
        intervals = self._history.intervals()
        return MappingProxyType(ByInterval({i.name: HistoricalBars(self._history, i) for i in intervals}))

    def _historical(self, interval: str | None) -> HistoricalBars:
        """Past bars of an interval, by default of the base; accepts any spelling of it."""
        bars = self.historical_bars
        try:
            return bars[self.base_interval if interval is None else parse_interval(interval).name]
        except (KeyError, IntervalError) as error:
            raise UnknownNameError(
                f"{self.symbol!r} has no bars of {interval!r}; it has {', '.join(bars)}",
                symbol=self.symbol,
                value=interval,
            ) from error

    @property
    def historical_indicators(self) -> dict[str, Any]:
        """Indicators by name: those of the store in the order in which they were added, then those that were set for
        this symbol alone. A new dict."""
        self._data._check_active()
        return {name: self._indicator(name) for name in {**self._data._indicators, **self._indicator_values}}

    def _indicator(self, name: str) -> Any:
        """An indicator that is known; computed if history has changed since it last was."""
        if name in self._indicator_values:
            return self._indicator_values[name]
        version = self._history.version
        cached = self._indicator_cache.get(name)
        if cached is None or cached[0] != version:
            try:
                value = self._data._indicators[name].compute(self)
            except Exception as error:  # of a function that somebody else wrote
                note = f"in the historical indicator {name!r} of symbol {self.symbol!r}"
                if note not in getattr(error, "__notes__", ()):  # it may have asked for itself, a thousand deep
                    error.add_note(note)
                raise
            cached = self._indicator_cache[name] = version, value
        return cached[1]

    def historical_day(self, date: Any) -> HistoricalDay:
        """A past session with all its series, gaps and counters, as it was streamed or loaded.

        Raises
        ------
        UnknownNameError
            There are no base bars of that date.
        """
        self._data._check_active()
        return self._history.known_day(date)

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
        if tz is not None:
            self._check_zone(tz)
        times, values = tick_columns(ts_ns, price, size, symbol=self.symbol, tz=tz, unit=unit)
        try:
            self._check_unit(times)
            codes = self._exchange_codes(exchange, len(times))
            return self._extend_tape(self._trades._tape, times, values, codes, on_bad == "skip")
        except TimeError as error:
            raise with_unit(error, times, unit, are_counted(ts_ns)) from None

    def _extend_tape(self, tape: Tape, times: Any, values: list[Any], codes: Any, skip: bool) -> int:
        """Rows of trades or quotes, which may begin a session."""
        rows = times, values, codes, skip
        stored = tape.extend(*rows)
        if stored >= 0:
            return stored
        return self._data._extend_first(
            self, partial(tape.earliest, *rows), False, partial(tape.extend, *rows, is_cold=True)
        )

    def _exchange_codes(self, exchange: Any, n: int) -> Any:
        """Exchanges as the native code keeps them: eight bytes each, an int64."""
        if isinstance(exchange, str):
            return np.full(n, exchange_codes([exchange], self._core)[0], np.int64)
        array = np.asarray(exchange)
        if array.ndim != 1 or len(array) != n:
            raise BarError(
                "all columns must have the length of the time column",
                symbol=self.symbol, value=f"exchange: shape {array.shape}, time: {n}", code="ERR_LENGTH",
            )  # fmt: skip
        if array.dtype.kind == "S" and array.dtype.itemsize <= 8:
            codes = _padded(np.ascontiguousarray(array))
            if are_codes(codes):
                return codes
        if array.dtype.kind not in "SUOT":
            raise BarTypeError(
                "exchange is a string, or an array of strings",
                symbol=self.symbol, value=f"dtype {array.dtype}", code="ERR_DTYPE",
            )  # fmt: skip
        texts = [text.decode("latin-1") if isinstance(text, bytes) else text for text in array.tolist()]
        return exchange_codes(texts, self._core)

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
        if tz is not None:
            self._check_zone(tz)
        times, values = quote_columns(ts_ns, bid, ask, bid_size, ask_size, symbol=self.symbol, tz=tz, unit=unit)
        try:
            self._check_unit(times)
            return self._extend_tape(self._all_quotes._tape, times, values, None, on_bad == "skip")
        except TimeError as error:
            raise with_unit(error, times, unit, are_counted(ts_ns)) from None

    @property
    def ticks_updated(self) -> bool:
        """Set by every change of the trades; a reader clears it by assigning False."""
        return self._trades._tape.updated

    @ticks_updated.setter
    def ticks_updated(self, value: bool) -> None:
        self._trades._tape.updated = value

    @property
    def quotes_updated(self) -> bool:
        """Set by every change of the quotes; a reader clears it by assigning False."""
        return self._all_quotes._tape.updated

    @quotes_updated.setter
    def quotes_updated(self, value: bool) -> None:
        self._all_quotes._tape.updated = value

    # --- bars ---

    def bars(self, interval: str | None = None) -> BarSeries:
        """Series of an interval; by default the base one.

        Raises
        ------
        UnknownNameError
            If the symbol does not hold that interval.
        """
        self._data._check_active()
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
        self._data._check_active()
        return self._series[self._core.intervals[0]]

    @property
    def bars_derived(self) -> Mapping[str, BarSeries]:
        """Series of the derived intervals by name, shortest first. Read-only."""
        self._data._check_active()
        return MappingProxyType(ByInterval({name: self._series[name] for name in self._core.intervals[1:]}))

    # --- gaps and quality ---

    @property
    def bar_gaps(self) -> dict[str, list[GapInfo]]:
        """Gaps by interval, all of one moment; an empty list where there is none."""
        self._data._check_active()
        pinned = self._pinned_gaps.copy()
        all_gaps, grid = self._core.all_gaps()
        return ByInterval({
            name: list(pinned[k]) if k in pinned else self._gaps_of(k, gaps, grid)
            for k, (name, gaps) in enumerate(zip(self._core.intervals, all_gaps, strict=True))
        })  # fmt: skip

    @property
    def bar_quality(self) -> dict[str, float]:
        """Quality by interval, all of one moment."""
        self._data._check_active()
        series, tallies = self._series.items(), self._core.all_tallies()
        return ByInterval({
            name: of._quality(expected, present)
            for (name, of), (present, expected) in zip(series, tallies, strict=True)
        })  # fmt: skip

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
            the future of the session, but what is known of a later one can be told only once that has started. A
            session that is missing between past days becomes one of them, without a bar.

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
            If there is neither a session nor a past day; or if nothing was marked, and slots of the interval are
            missing in that time on a date of which no base bars are kept, nor such of days around it, but only rows
            that were loaded for longer intervals, or daily bars: load base bars of it first.

        Notes
        -----
        Marks are kept with their session, whatever bars come and whenever they do; a bar makes its slot present all the
        same. Of a day in history they go to that day. O(marks + gaps), and a copy of each past day they are for.
        """
        name, start_ns, stop_ns = self._range_of(interval, start_ns, stop_ns)
        return self._mark(False, name, start_ns, stop_ns)

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
        name = self.base_interval
        if isinstance(start_ns, GapInfo):
            name, start_ns, stop_ns = self._range_of(start_ns, stop_ns, None)
        elif stop_ns is None:
            raise ArgumentTypeError("a range of time is start_ns and stop_ns, or a gap alone", symbol=self.symbol)
        return self._mark(True, name, start_ns, stop_ns)

    def _mark(self, halted: bool, name: str, start: Any, stop: Any) -> bool:
        k = self._number(name)
        span = self._checked_span(start, stop)
        marked = self._has_session(self._history.days.mark(halted, k, *span))
        return marked or self._history.refuse_unkept(parse_interval(name), *span)

    def _checked_span(self, start: Any, stop: Any) -> tuple[int, int]:
        start_ns, stop_ns = self._meant(start), self._meant(stop)
        if stop_ns < start_ns:
            raise TimeError(
                f"a span of time must not stop before it starts: [{start_ns}, {stop_ns})", symbol=self.symbol
            )
        return start_ns, stop_ns

    def _meant(self, time: Any) -> int:
        """A time in ns, or an error where it is an integer of another unit."""
        ts_ns = to_ns(time)
        if ts_ns >= LEAST_START_NS or self._core.has_early_days():
            return ts_ns
        return check_meant(ts_ns, symbol=self.symbol)

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
        when_ns = max(self._meant(when) // 1000, -(2**63 // 1000)) * 1000  # as GapInfo has it
        span = self._checked_span(start_ns, stop_ns)
        counted = self._has_session(self._history.days.record_retry(k, *span, when_ns))
        return counted or int(self._history.refuse_unkept(parse_interval(name), *span))

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
            self._pinned_gaps[k] = [self._own_gap(k, check_gap(gap)) for gap in gaps]
        elif self._pinned_gaps.pop(k, None) is None:
            return
        self._note_pins()

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
            if self._pinned_quality.pop(k, None) is None:
                return
        elif not 0.0 <= check_number("quality", quality, self.symbol) <= 100.0:
            raise BarError("quality lies between 0 and 100", symbol=self.symbol, value=quality, code="ERR_QUALITY")
        else:
            self._pinned_quality[k] = float(quality)
        self._note_pins()

    def _note_pins(self) -> None:
        pinned = self._data._pinned
        pinned[self._core] = self
        # One line without a call between look and change: no other thread runs there, no signal is heard.
        if not (self._pinned_gaps or self._pinned_quality): pinned.pop(self._core, None)  # noqa: E701  # fmt: skip
        self._core.note_pins()

    # --- metrics ---

    @property
    def session_volume(self) -> float:
        """Volume of the regular session; 0.0 before its first bar."""
        self._data._check_active()
        bar = self._core.session_bar(False)
        return 0.0 if bar is None else bar[0]

    @property
    def session_high(self) -> float | None:
        """Highest price of the regular session; None before its first bar."""
        self._data._check_active()
        bar = self._core.session_bar(False)
        return None if bar is None else bar[1]

    @property
    def session_low(self) -> float | None:
        """Lowest price of the regular session; None before its first bar."""
        self._data._check_active()
        bar = self._core.session_bar(False)
        return None if bar is None else bar[2]

    @property
    def last_update(self) -> datetime | None:
        """Open time of the newest regular bar, in the exchange's zone; None before the first."""
        self._data._check_active()
        return self._time(self._core.newest_ts(False))

    def metrics(self) -> dict[str, Any]:
        """Session metrics: volume, high, low, last_update and bar_count of regular bars; the same of the others under
        ``"extended"``. All of one moment."""
        self._data._check_active()
        regular, extended = self._core.metrics()
        return {**self._metrics(*regular), "extended": self._metrics(*extended)}

    def _metrics(self, count: int, newest_ts: int | None, bar: tuple[float, ...] | None) -> dict[str, Any]:
        volume, high, low = (bar or (0.0, None, None))[:3]
        last_update = self._time(newest_ts)
        return {"volume": volume, "high": high, "low": low, "last_update": last_update, "bar_count": count}

    def _time(self, ts_ns: int | None) -> datetime | None:
        return None if ts_ns is None else from_ns(ts_ns, self._zone)

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
        return {**self._core.counters(), "inconsistent": self._core.count_inconsistent()}

    def _repr_html_(self) -> str:
        from sessiondata.display import symbol_html  # not needed until a notebook asks

        return symbol_html(self)

    def __repr__(self) -> str:
        seen = self._series[self.base_interval]._glance()
        return (
            f"<SymbolSessionData {self.symbol}: {len(seen.rows)} x {self.base_interval}, {seen.missing} missing,"
            f" quality {seen.quality:.2f}, derived {', '.join(self.intervals[1:]) or 'none'}>"
        )


@not_copied("dict(data.symbols) is a plain dict; copy the store with data.copy()")
class BySymbol(Mapping[str, SymbolSessionData]):
    """The symbols of a store by name: live and read-only; a name that it does not hold is an `UnknownNameError`."""

    __slots__ = ("_held",)

    def __init__(self, held: dict[str, SymbolSessionData]) -> None:
        self._held = held

    def __getitem__(self, symbol: str) -> SymbolSessionData:
        try:
            return self._held[symbol]
        except (KeyError, TypeError) as error:
            raise unknown_symbol(symbol) from error

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def keys(self) -> KeysView[str]:
        return self._held.keys()

    def values(self) -> ValuesView[SymbolSessionData]:
        return self._held.values()

    def items(self) -> ItemsView[str, SymbolSessionData]:
        return self._held.items()

    def copy(self) -> dict[str, SymbolSessionData]:
        """A dict of those that there are now."""
        return self._held.copy()

    def __repr__(self) -> str:
        return f"<{len(self._held)} symbols: {', '.join(list(self._held)[:10])}{', ...' * (len(self._held) > 10)}>"


def _padded(texts: Any) -> Any:
    """Contiguous bytes of dtype S1 to S8 as int64. NumPy's own conversion of texts takes 50 ns each."""
    width = texts.dtype.itemsize
    if width == 8:
        return texts.view(np.int64)
    codes = np.zeros((len(texts), 8), np.uint8)
    codes[:, :width] = texts.view(np.uint8).reshape(-1, width)
    return codes.view(np.int64).reshape(-1)


def check_on_bad(on_bad: str) -> None:
    if on_bad not in ("raise", "skip"):
        raise ArgumentError(f'on_bad is "raise" or "skip": {on_bad!r}', value=on_bad)


def check_label(label: str) -> bool:
    """True for "close", False for "open"; anything else is an error."""
    if label not in ("open", "close"):
        raise ArgumentError(f'label is "open" or "close": {label!r}', value=label)
    return label == "close"


def unknown_symbol(symbol: Any) -> UnknownNameError:
    """The error for a name that no symbol of the store has."""
    return UnknownNameError(
        f"unknown symbol {symbol!r}; register_symbol({symbol!r}) first",
        symbol=symbol if isinstance(symbol, str) else None,
        value=symbol,
    )
