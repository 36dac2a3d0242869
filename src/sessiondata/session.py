"""The store: sessions of many symbols."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from sessiondata import _store
from sessiondata._slice import Slice
from sessiondata.calendars import SessionCalendar, SessionGrid, to_hours
from sessiondata.calendars import calendar as find_calendar
from sessiondata.columns import bar_columns
from sessiondata.cursors import ExportCursor
from sessiondata.errors import BarError, CalendarError, IntervalError, SessionStateError, UnknownNameError
from sessiondata.export import document, document_bytes
from sessiondata.gaps import GapInfo
from sessiondata.intervals import Interval, check_intervals, parse_interval
from sessiondata.outages import ClassifiedGap, classify_gaps
from sessiondata.series import Bar, BarWindow
from sessiondata.symbol import SymbolSessionData, check_label
from sessiondata.times import from_ns, to_ns

__all__ = ["SessionData"]

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
        Rows of each base ring. By default a whole session, so that no bar is ever overwritten.
    label : {"open", "close"}
        Which end of its interval an incoming timestamp names. Stored bars are labelled by their open.
    grace_ns : int
        How long after its end a bar may still arrive: by the clock a slot is over, and a forming bar complete, so much
        later. A newer bar of the same symbol proves at once that the feed has passed a slot.
    extended_hours : (start, stop), optional
        Local times of day, ``"04:00"``, ``"20:00"``: bars are expected from the one before the open until the one after
        the close, too. What is missing there stands apart in `BarSeries.extended`. By default nothing is expected.

    Notes
    -----
    A session is started by `start_session`, or by the first bar. One thread may write to a symbol. No bar allocates
    memory.
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
        extended_hours: tuple[Any, Any] | None = None,
    ) -> None:
        self._calendar = find_calendar(calendar)
        self._zone = self._calendar.zone
        self._base, self._derived = check_intervals(base_interval, derived_intervals)
        if capacity is not None and not 1 <= operator.index(capacity) <= _MAX_CAPACITY:
            raise ValueError(f"capacity is 1 to {_MAX_CAPACITY} rows: {capacity}")
        if trailing_days < 0:
            raise ValueError(f"trailing_days must not be negative: {trailing_days}")
        self.trailing_days = trailing_days
        self._capacity = 0 if capacity is None else operator.index(capacity)
        self._close_label = check_label(label)
        if not 0 <= operator.index(grace_ns) < 2**63:
            raise ValueError(f"grace_ns is a number of nanoseconds, not negative: {grace_ns}")
        self._extended_hours = None if extended_hours is None else to_hours(extended_hours)
        self._clock = _store.StoreClock(operator.index(grace_ns))
        self._grid: SessionGrid | None = None
        self._symbols: dict[str, SymbolSessionData] = {}
        self._slice, self._slice_names = Slice([]), list[str]()
        self._cores: list[_store.SymbolCore] | None = None  # of all symbols; None: not listed yet
        self._pinned: dict[_store.SymbolCore, SymbolSessionData] = {}  # symbols with pinned gaps or quality
        self._cursors: dict[str, ExportCursor] = {}
        self._default_cursor: ExportCursor | None = None

    # --- session ---

    @property
    def calendar(self) -> SessionCalendar:
        return self._calendar

    @property
    def grid(self) -> SessionGrid | None:
        """Segments of the current session; None before one is started."""
        return self._grid

    @property
    def session_date(self) -> dt.date | None:
        """Trade date of the current session; None before one is started."""
        return None if self._grid is None else self._grid.date

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
        times = [self._clock.as_of, *(symbol._core.as_of for symbol in self._symbols.values())]
        return max((time for time in times if time is not None), default=None)

    def start_session(self, date: Any) -> SessionGrid:
        """Start the session of a trade date; nothing happens if that session is the current one.

        Parameters
        ----------
        date : str ("YYYY-MM-DD"), date or datetime64[D]

        Returns
        -------
        SessionGrid

        Raises
        ------
        CalendarError, DateOutOfRangeError
            There is no such session.
        SessionStateError
            Another session is under way.
        """
        grid = self._calendar.session(date)
        if self._grid is not None:
            if self._grid.date != grid.date:
                raise SessionStateError(f"the session of {self._grid.date} is under way; clear() it before {grid.date}")
            return self._grid
        self._start(grid)
        self._clock.touch()
        return grid

    def _start(self, grid: SessionGrid) -> None:
        for symbol in self._symbols.values():
            symbol._core.start(grid.compiled, self._hours(grid))
        self._grid = grid
        self._clock.begin_epoch()

    def _hours(self, grid: SessionGrid) -> tuple[int, int] | None:
        return None if self._extended_hours is None else grid.around(self._extended_hours)

    def _need_session(self, ts_ns: int | None, close_label: bool, step_ns: int) -> None:
        """A first bar: start the session of its trade date. None: that bar was refused, so undo it."""
        if ts_ns is None:
            for symbol in self._symbols.values():
                symbol._core.stop(undo=True)
            self._grid = None
            self._clock.begin_epoch(-1)
        elif close_label:
            self._start(self._session_of_close(ts_ns, step_ns))
        else:
            self._start(self._calendar.session_at(ts_ns))

    def _session_of_close(self, end_ns: int, step_ns: int) -> SessionGrid:
        """Session in which a bar opened that ended at `end_ns`: a step earlier, or less at the end of a segment."""
        try:
            grid = self._calendar.session_at(end_ns - 1)
            if end_ns in grid.segments[:, 1]:
                return grid
        except CalendarError:
            pass
        return self._calendar.session_at(end_ns - step_ns)

    def advance_to(self, ts_ns: Any) -> None:
        """Move the clock forwards: slots that are over by then are expected, also of symbols that are silent.

        Parameters
        ----------
        ts_ns : int, datetime64 or aware datetime
            A time before the clock's has no effect.
        """
        self._clock.advance(to_ns(ts_ns))

    # --- symbols ---

    @property
    def symbols(self) -> Mapping[str, SymbolSessionData]:
        """Symbols by name, in the order they were registered. Read-only."""
        return MappingProxyType(self._symbols)

    def register_symbol(
        self, symbol: str, base_interval: str | None = None, derived_intervals: Iterable[str] | None = None
    ) -> SymbolSessionData:
        """Add a symbol, or return the one that is there.

        Parameters
        ----------
        symbol : str
            Not empty, and encodable as UTF-8.
        base_interval, derived_intervals : optional
            In place of the store's. With another base, the store's derived intervals that it divides are kept.

        Raises
        ------
        IntervalError
            The intervals do not fit each other, or the symbol is there with others.
        """
        intervals = self._intervals(base_interval, derived_intervals)
        symbol = _check_name(symbol)
        held = self._symbols.get(symbol)
        if held is not None:
            asked = base_interval is not None or derived_intervals is not None
            if asked and held.intervals != tuple(interval.name for interval in intervals):
                raise IntervalError(
                    f"{symbol!r} is registered with {', '.join(held.intervals)}; a symbol cannot change its intervals"
                    " during a session"
                )
            return held
        core = _store.SymbolCore(
            symbol, self._clock, tuple(i.name for i in intervals), tuple(i.step_ns for i in intervals),
            self._capacity, self._close_label, self._need_session,
        )  # fmt: skip
        if self._grid is not None:
            core.start(self._grid.compiled, self._hours(self._grid))
        self._symbols[symbol] = SymbolSessionData(self, core)
        self._cores = None
        self._clock.touch()
        return self._symbols[symbol]

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
            raise UnknownNameError(f"unknown symbol {symbol!r}; register_symbol({symbol!r}) first") from error

    def remove_symbol(self, symbol: str) -> None:
        """Forget a symbol. What still refers to it shows no rows and takes none."""
        held = self.get_symbol_data(symbol)
        held._core.detach()
        del self._symbols[symbol]
        self._pinned.pop(held._core, None)
        self._cores = None
        self._slice, self._slice_names = Slice([]), []
        self._clock.touch()

    def clear(self) -> None:
        """Forget all symbols, the session and the clock. The sequence goes on."""
        for symbol in self._symbols.values():
            symbol._core.detach()
        self._symbols.clear()
        self._pinned.clear()
        self._cores = None
        self._slice, self._slice_names = Slice([]), []
        self._grid = None
        self._clock.begin_epoch()
        self._clock.reset()

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

    def append_slice(
        self,
        symbols: Iterable[str],
        ts_ns: Any,
        open: Any,  # noqa: A002
        high: Any,
        low: Any,
        close: Any,
        volume: Any,
    ) -> int:
        """One bar of each of many symbols, all or nothing.

        Parameters
        ----------
        symbols : iterable of str, length n
        ts_ns : time, or array of times of shape (n,)
            One time for all, or one each.
        open, high, low, close, volume : arrays of numbers, shape (n,)

        Returns
        -------
        int
            Bars that changed something.

        Raises
        ------
        UnknownNameError, BarError, BarTypeError, TimeError, SessionStateError
            Names symbol, row, value and rule; no symbol has changed.
        """
        names = symbols if type(symbols) is list else list(symbols)
        if names != self._slice_names:  # mostly it is the same slice, minute after minute
            self._slice = Slice([self.get_symbol_data(symbol)._core for symbol in names])
            self._slice_names = names.copy()
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
        if self._grid is not None:
            return self._slice.append(*columns)
        core = self._symbols[names[0]]._core
        first = _store.earliest(core, *columns)
        if first is None:
            return self._slice.append(*columns)  # raises: no bar could start a session
        core.begin(first, self._close_label)
        try:
            return self._slice.append(*columns)
        except BaseException:  # a call that is refused starts no session
            core.begin(None, self._close_label)
            raise

    # --- questions ---

    def get_latest_bar(self, symbol: str, interval: str | None = None) -> Bar | None:
        """Newest bar by time (forming, if it is); None if there is no bar."""
        series = self.get_symbol_data(symbol).bars(interval)
        return series[-1] if len(series) else None

    def get_last_n_bars(self, symbol: str, n: int, interval: str | None = None) -> BarWindow:
        """Newest `n` bars, oldest first, as a view."""
        return self.get_symbol_data(symbol).bars(interval).last(n)

    def get_bars_since(self, symbol: str, ts: Any, interval: str | None = None) -> BarWindow:
        """Bars at or after a time, as a view."""
        return self.get_symbol_data(symbol).bars(interval).since(ts)

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
            A symbol is active if it has bars on at least this share of the slots that it expects outside the gap.
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
        symbols = self._symbols.values()
        if interval is not None:
            holders = [symbol for symbol in symbols if symbol.holds(interval)]
            if not holders:
                raise UnknownNameError(f"no symbol holds an interval {interval!r}")
            interval = holders[0].bars(interval).interval
        return classify_gaps(symbols, interval, outage_share, active_share)

    def get_quality(self, symbol: str, interval: str | None = None) -> float:
        """Quality of an interval in percent, or what `set_quality` pinned."""
        return self.get_symbol_data(symbol).bars(interval).quality

    def set_quality(self, symbol: str, interval: str, quality: float | None) -> None:
        """Report this quality in place of the computed one, until called with None."""
        self.get_symbol_data(symbol).set_quality(interval, quality)

    def memory_usage(self) -> dict[str, int]:
        """Bytes: ``"reserved"`` by all rings and trackers, and ``"rows"``, those of the live rows of all series (48 a
        base row, 52 a derived one). A regular day takes 1.2 times its rows; rows outside it reserve room for the whole
        span, which is resident only where it has been written to."""
        usage = [symbol._core.memory_usage() for symbol in self._symbols.values()]
        return {"reserved": sum(reserved for reserved, _ in usage), "rows": sum(rows for _, rows in usage)}

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
        ValueError
            No such form of times.
        """
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
        return document_bytes(self, complete, self._cursor(cursor), timestamps, symbols, intervals)

    def export_cursor(self, name: str | None = None) -> ExportCursor:
        """The cursor of that name, made if it is not there; None for the default one.

        Each consumer of deltas has one of its own. It takes some 500 bytes a symbol."""
        if name is None:
            if self._default_cursor is None:
                self._default_cursor = ExportCursor(None)
            return self._default_cursor
        if name not in self._cursors:
            self._cursors[name] = ExportCursor(_check_text(name, "a cursor's name"))
        return self._cursors[name]

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
        elif self._cursors.pop(name, None) is None:
            raise UnknownNameError(f"no cursor {name!r}")

    def _cursor(self, cursor: str | ExportCursor | None) -> ExportCursor:
        name = cursor.name if isinstance(cursor, ExportCursor) else cursor
        held = self.export_cursor() if name is None else self._cursors.get(name)
        if held is None or (isinstance(cursor, ExportCursor) and held is not cursor):
            raise UnknownNameError(f"no cursor {name!r}; export_cursor({name!r}) first")
        return held

    def _all_cores(self) -> list[_store.SymbolCore]:
        """Of all symbols in order; another list whenever they change."""
        if self._cores is None:
            self._cores = [symbol._core for symbol in self._symbols.values()]
        return self._cores

    def _repr_html_(self) -> str:
        from sessiondata.display import store_html  # not needed until a notebook asks

        return store_html(self)

    def __repr__(self) -> str:
        date = "no session" if self._grid is None else str(self._grid.date)
        intervals = ", ".join(interval.name for interval in (self._base, *self._derived))
        n = len(self._symbols)
        return f"<SessionData {self._calendar.name} {date}: {n} symbols, {intervals}, as of {self.as_of}>"


def _check_name(symbol: str) -> str:
    """The name as a plain str: a subclass such as NumPy's is no key of a JSON document."""
    return _check_text(symbol, "a symbol")


def _check_text(text: str, what: str) -> str:
    if not isinstance(text, str) or not text:
        raise UnknownNameError(f"{what} is a text that is not empty: {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnknownNameError(f"{what} must be encodable as UTF-8: {text!r}") from error
    return str(text)
