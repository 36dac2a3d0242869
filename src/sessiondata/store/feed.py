"""How rows come to a symbol: bars, trades and quotes, one by one, in arrays and from files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sessiondata._native.objects.lazy import Lazy
from sessiondata._native.objects.rules import earliest
from sessiondata.errors import SessionStateError, TimeError
from sessiondata.rows.columns import quote_columns, tick_columns
from sessiondata.store.inputs import (
    bars_of,
    check_early,
    check_on_bad,
    check_zone,
    exchange_codes_of,
    loaded_bars_of,
)
from sessiondata.store.settings import check_label
from sessiondata.time.arrays import are_counted
from sessiondata.time.intervals import parse_interval
from sessiondata.time.units import with_unit

if TYPE_CHECKING:
    from datetime import tzinfo

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata._native.objects.tick_buffer import TickBuffer
    from sessiondata.store.context import StoreContext
    from sessiondata.store.state import SymbolState

__all__ = ["APPEND", "SymbolFeed"]

_T = TypeVar("_T")

APPEND = """append(ts_ns, open, high, low, close, volume, /) -> bool

Store one bar and everything it causes: derived bars, gaps, quality, metrics. The hot path;
positional scalars.

Parameters
----------
ts_ns : int, datetime64 or aware datetime
    Open time (the close, in a store with ``label="close"``). An int is ns since 1970 UTC.
open, high, low, close, volume : float

Returns
-------
bool
    True if the store changed. False for a repeat of what is there, and for a bar that is refused
    without being wrong (older than the ring keeps, or of an earlier trade date): see `counters`.

Raises
------
BarError, BarTypeError, TimeError
    The bar breaks a rule; the store is as it was.
SessionStateError
    The bar belongs to a later trade date than the session.

Notes
-----
O(derived intervals) for the newest bar, without allocating; O(log rows) and one slot of each
interval for another. Several writers of a symbol take turns.
"""


_APPEND_TICK = """append_tick(ts_ns, price, size, exchange="", /) -> bool

Store one trade and everything it causes: it grows the bar of its base slot, which is forming until
the grid or the clock says that the slot has elapsed.

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
    True if the store changed. False for a trade that is refused without being wrong (its slot has
    lost trades to the ring, or it is of an earlier trade date): see ``ticks.counters``.

Raises
------
BarError, BarTypeError, TimeError
    The trade breaks a rule; the store is as it was.
InputKindError
    The symbol is fed by bars or quotes in this session.
SessionStateError
    The trade belongs to a later trade date than the session.

Notes
-----
O(levels on base rows) in the newest base slot; O(log rows), the trades after it and one slot of
each interval for a late one. The first trade of a session allocates the ring. Several writers of a
symbol take turns.
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
    True if the store changed; see `append_tick`, also for what is raised. InputKindError is for
    quotes that make bars.
"""


class SymbolFeed:
    """What stores rows of a symbol."""

    __slots__ = ()

    _context: StoreContext
    _core: SymbolCore
    _state: SymbolState

    append_tick: Lazy[Callable[..., bool]] = Lazy(
        "_append_tick", lambda self: self._state.trade_buffer.append_tick, _APPEND_TICK
    )
    append_quote: Lazy[Callable[..., bool]] = Lazy(
        "_append_quote", lambda self: self._state.quote_buffer.append_quote, _APPEND_QUOTE
    )

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

        ``extend(frame)`` accepts a pandas or polars DataFrame, an Arrow table, or any object with
        ``__arrow_c_stream__`` in place of the six columns. They are found by their usual names in
        any case: time (ts_event, window_start, timestamp, datetime, t, time or date; of a pandas
        frame also its index), open (o), high (h), low (l), close (c) and volume (vol, v). Other
        columns are left alone, but one that names several symbols is an error.

        Parameters
        ----------
        ts_ns : array of times, shape (n,)
            Open times: int64 ns since 1970 UTC, datetime64 of any unit, or a pandas, polars or
            Arrow column. Any order: rows are stored in time order, and of equal times the later row
            is a correction.
        open, high, low, close, volume : arrays of numbers, shape (n,)
            Any integer or float dtype, byte order and stride; contiguous float64 is not copied.
        on_bad : {"raise", "skip"}
            What to do with a row that breaks a rule: raise and store nothing, or leave it out and
            count it in ``counters["skipped"]``.
        label : {"open", "close"}, optional
            Which end of its interval a timestamp names; by default the store's.
        tz : str or tzinfo, optional
            Zone of naive times.
        unit : {"s", "ms", "us", "ns"}, optional
            What integer times count from 1970 on; by default nanoseconds. Of a dtype that has a
            unit it must be that.

        Returns
        -------
        int
            Rows added or corrected. Repeats, and rows that are too old or of an earlier trade date,
            are in `counters`; of an earlier date that is a past day, in those of that day. A
            session that is missing between past days becomes one of them with its first row.

        Raises
        ------
        BarError, BarTypeError, TimeError, SessionStateError
            Names symbol, row, value and rule; the store is as it was. A later trade date is a
            `LaterSessionError`. A row from before 1990, where the symbol has no day, is a
            `TimeError` (``ERR_UNIT``) that names the unit it is in; with ``on_bad="skip"`` only if
            all rows are such, else they are in ``counters["other_session"]``.
        """
        if tz is not None:
            check_zone(self._core, tz)
        if on_bad == "raise" and label is None and unit is None:
            stored = self._core.extend_newest(ts_ns, open, high, low, close, volume)
            # the usual case: what follows costs more than storing a few hundred bars
            if stored >= 0:
                return stored
        check_on_bad(on_bad)
        close_label = self._core.close_label if label is None else check_label(label)
        columns, counted = bars_of(self._core, ts_ns, (open, high, low, close, volume), tz, unit)
        try:
            check_early(self._core, columns[0])
            stored = self._core.extend(*columns, on_bad == "skip", close_label)
            if stored >= 0:
                return stored
            store = partial(self._core.extend, *columns, on_bad == "skip", close_label, True)
            first = partial(earliest, self._core, *columns)
            return self._context.start_for_rows(self._core, first, close_label, store)
        except TimeError as error:
            raise with_unit(error, columns[0], unit, are_counted(counted)) from None

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
        """Store bars that somebody was asked for, where a bar is missing and nowhere else; all or
        nothing.

        A slot is filled if it is a regular one of the base interval, has elapsed (by the symbol's
        ``as_of``) and has no bar, whether that was explained by a mark or not: a bar is better
        evidence. Rows for other slots (present ones, pending ones, beside the grid,
        outside the segments, of a date that is not here) are left out. So nothing that is there
        changes, and the same call again stores nothing. A session that is missing between past
        days, whose gaps history lists, becomes one of them with its first row.

        Parameters
        ----------
        ts_ns, open, high, low, close, volume : arrays, shape (n,); or a frame in place of all
            As for `extend`, in any order. Of rows for one slot the first one counts.
        on_bad : {"raise", "skip"}
            What to do with a row that breaks a rule, also of a slot that needs no filling: raise
            and store nothing, or leave it out and count it in ``counters["skipped"]``.
        label : {"open", "close"}, optional
            Which end of its interval a timestamp names; by default the store's.
        tz : str or tzinfo, optional
            Zone of naive times.
        unit : {"s", "ms", "us", "ns"}, optional
            What integer times count, as for `extend`.

        Returns
        -------
        int
            Rows stored, those of days in history included. A slot that is missing, but whose
            derived bars have lost rows to the ring, is not filled and counted in
            ``counters["too_old"]``.

        Raises
        ------
        BarError, BarTypeError, TimeError
            Names symbol, row, value and rule; the store is as it was.
        SessionStateError
            A row is of a later trade date; there is neither a session nor a past day; or the symbol
            has left its store.

        Notes
        -----
        The input kind of the symbol stays open: a filled symbol accepts trades (or quotes) as well
        as bars afterwards. Where these make the bars, a filled bar stands, because it covers its
        whole slot: a trade that comes for it later is kept among the `ticks`, counted in
        ``ticks.counters["covered"]``, and changes no bar. A streamed *bar* that comes later for a
        filled slot corrects it, as one bar does another.

        Whether a slot is missing is found out in one go with the storing, whatever other threads
        do. O(rows log rows), and for each row behind the newest what a late bar costs; a copy of
        each past day that is filled.
        """
        check_on_bad(on_bad)
        if tz is not None:
            check_zone(self._core, tz)
        close_label = self._core.close_label if label is None else check_label(label)
        columns, counted = bars_of(self._core, ts_ns, (open, high, low, close, volume), tz, unit)
        try:
            check_early(self._core, columns[0])
            if self._core.days is None:
                raise SessionStateError(
                    f"symbol {self._core.name!r} was removed from its store and takes no bars", symbol=self._core.name
                )
            return self._has_session(self._core.fill(*columns, on_bad == "skip", close_label))
        except TimeError as error:
            raise with_unit(error, columns[0], unit, are_counted(counted)) from None

    def _has_session(self, answer: _T | None) -> _T:
        """An answer, or an error if there was neither a session nor a past day."""
        if answer is None:
            raise SessionStateError(
                f"symbol {self._core.name!r} has no session; start_session(date) first", symbol=self._core.name
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

        Rows of dates that are later than the session under way are kept for their sessions. Until
        these begin, nothing shows or counts them.

        Parameters
        ----------
        interval : str
            Of these bars. Rows of the base interval make days with derived bars, gaps and quality,
            or merge by timestamp into days that are there. Those of the session under way become
            bars of it where it has none: what is there stays, since a load may be older than what
            has come meanwhile (`extend` corrects). Rows of any other interval, also one that the
            symbol does not hold, are kept as they are: they stand before derived ones of the same
            time. Loaded bars are whole ones: of the session under way those that end after the
            store's clock are left out (without a clock leave out the bar in progress), and where
            trades make the bars also a newest row that nothing has followed. A load does not decide
            the input kind of a session, so bars as well as trades may follow; rows beside the slots
            are stored where bars feed it, or nothing yet, and then bars do.
        ts_ns : array of times, shape (n,); or a frame in place of all six columns
            As for `extend`, in any order. Of ``"1d"`` also trade dates: datetime64[D], `date`,
            ``"YYYY-MM-DD"`` or a polars or Arrow column of dates. A time belongs to the trade date
            that holds it: midnight UTC is the evening before in New York, so pass dates where dates
            are meant. Of a frame of ``"1d"`` a column ``trade_date``, as `BarSeries.to_pandas` and
            the others make it, stands before that of times. Of rows of one trade date the later one
            is a correction.
        open, high, low, close, volume : arrays of numbers, shape (n,)
        label : {"open", "close"}, optional
            Which end of its interval a timestamp names; by default the store's.
        tz : str or tzinfo, optional
            Zone of naive times.
        unit : {"s", "ms", "us", "ns"}, optional
            What integer times count, as for `extend`. Unless it is ``"ns"``, which takes integers
            as they are, times of 1970 that another unit would explain are refused, and integers
            from before 1990 among later ones, or next to 0 (less than a second from it) alone,
            where the symbol has no day that early.

        Returns
        -------
        int
            Rows added or corrected.

        Raises
        ------
        BarError, BarTypeError, TimeError, IntervalError, CalendarError
            Names symbol, row, value and rule (a time that belongs to no trade date breaks one; of
            dates without a session the date is named); nothing has changed.
        InputKindError
            Of rows of a date whose bars are made of trades or quotes.
        SessionStateError
            The symbol was removed from its store.
        """
        which = parse_interval(interval)
        if tz is not None:
            check_zone(self._core, tz)
        values = open, high, low, close, volume
        columns, close_label = loaded_bars_of(self._core, which, ts_ns, values, tz, unit, label)
        return self._state.history.load(which, columns, close_label) if len(columns[0]) else 0

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
            int64 ns since 1970 UTC, datetime64 of any unit, or a pandas, polars or Arrow column.
            Any order: rows are stored in time order, of equal times in the order of the arrays.
        price, size : arrays of numbers, shape (n,)
            Any integer or float dtype, byte order and stride; contiguous float64 is not copied.
        exchange : str, or array of str or bytes, shape (n,)
            At most eight ASCII characters; one for all, or one each.
        on_bad : {"raise", "skip"}
            What to do with a row that breaks a rule: raise and store nothing, or leave it out and
            count it in ``ticks.counters["skipped"]``.
        tz : str or tzinfo, optional
            Zone of naive times.
        unit : {"s", "ms", "us", "ns"}, optional
            What integer times count, as for `extend`.

        Returns
        -------
        int
            Rows added. Those that are too old or of an earlier trade date are in
            ``ticks.counters``.

        Raises
        ------
        BarError, BarTypeError, TimeError, InputKindError, SessionStateError
            Names symbol, row, value and rule; the store is as it was.
        """
        check_on_bad(on_bad)
        if tz is not None:
            check_zone(self._core, tz)
        times, values = tick_columns(ts_ns, price, size, symbol=self._core.name, tz=tz, unit=unit)
        try:
            check_early(self._core, times)
            codes = exchange_codes_of(self._core, exchange, len(times))
            return self._extend_buffer(self._state.trade_buffer, times, values, codes, on_bad == "skip")
        except TimeError as error:
            raise with_unit(error, times, unit, are_counted(ts_ns)) from None

    def _extend_buffer(self, buffer: TickBuffer, times: Any, values: list[Any], codes: Any, skip: bool) -> int:
        """Rows of trades or quotes, which may begin a session."""
        rows = times, values, codes, skip
        stored = buffer.extend(*rows)
        if stored >= 0:
            return stored
        earliest, store = partial(buffer.earliest, *rows), partial(buffer.extend, *rows, is_cold=True)
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
        """Store arrays of quotes, all or nothing; parameters, result and errors are like those of
        `extend_ticks`."""
        check_on_bad(on_bad)
        if tz is not None:
            check_zone(self._core, tz)
        times, values = quote_columns(ts_ns, bid, ask, bid_size, ask_size, symbol=self._core.name, tz=tz, unit=unit)
        try:
            check_early(self._core, times)
            return self._extend_buffer(self._state.quote_buffer, times, values, None, on_bad == "skip")
        except TimeError as error:
            raise with_unit(error, times, unit, are_counted(ts_ns)) from None

    @property
    def ticks_updated(self) -> bool:
        """Set by every change of the trades; a reader clears it by assigning False."""
        return self._state.trade_buffer.updated

    @ticks_updated.setter
    def ticks_updated(self, value: bool) -> None:
        self._state.trade_buffer.updated = value

    @property
    def quotes_updated(self) -> bool:
        """Set by every change of the quotes; a reader clears it by assigning False."""
        return self._state.quote_buffer.updated

    @quotes_updated.setter
    def quotes_updated(self, value: bool) -> None:
        self._state.quote_buffer.updated = value
