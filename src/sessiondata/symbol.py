"""One symbol of a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sessiondata import _store
from sessiondata.columns import bar_columns
from sessiondata.errors import BarError, IntervalError, SessionStateError, TimeError, UnknownNameError
from sessiondata.gaps import GapInfo, check_gap
from sessiondata.intervals import parse_interval
from sessiondata.series import BarSeries
from sessiondata.times import from_ns, to_ns

if TYPE_CHECKING:
    from sessiondata._store import SymbolCore
    from sessiondata.session import SessionData

__all__ = ["SymbolSessionData"]

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
One writer per symbol.
"""


class SymbolSessionData:
    """Bars, gaps, quality and metrics of one symbol in the current session.

    Made by `SessionData.register_symbol`. One thread may write; the native state is complete after every call.
    """

    # `append` is the native method itself, held in a slot: a Python method around it would double its cost.
    __slots__ = {
        "__weakref__": "",
        "_core": "native state",
        "_data": "the store",
        "_pinned_gaps": "series number -> list of GapInfo",
        "_pinned_quality": "series number -> float",
        "_series": "name -> BarSeries",
        "append": _APPEND,
    }

    def __init__(self, data: SessionData, core: SymbolCore) -> None:
        self._data, self._core = data, core
        self._pinned_gaps: dict[int, list[GapInfo]] = {}
        self._pinned_quality: dict[int, float] = {}
        self._series = {name: BarSeries(self, core, k) for k, name in enumerate(core.intervals)}
        self.append = core.append

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
    def _zone(self) -> tzinfo:
        return self._data._zone

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

        Returns
        -------
        int
            Rows added or corrected. Repeats, and rows that are too old or of an earlier trade date, are in `counters`.

        Raises
        ------
        BarError, BarTypeError, TimeError, SessionStateError
            Names symbol, row, value and rule; the store is as it was.
        """
        if on_bad == "raise" and label is None:
            stored = self._core.extend_newest(ts_ns, open, high, low, close, volume)
            if stored >= 0:  # the usual case: what follows costs more than storing a few hundred bars
                return stored
        if on_bad not in ("raise", "skip"):
            raise ValueError(f'on_bad is "raise" or "skip": {on_bad!r}')
        close_label = self._core.close_label if label is None else check_label(label)
        if volume is None and open is None and high is None and low is None and close is None:
            from sessiondata.frames import frame_columns  # not needed until a frame comes

            ts_ns, open, high, low, close, volume = frame_columns(ts_ns, self.symbol, tz)  # noqa: A001
        columns = bar_columns(ts_ns, open, high, low, close, volume, symbol=self.symbol, tz=tz)
        if not len(columns[0]) or self._core.grid is not None:
            return self._core.extend(*columns, on_bad == "skip", close_label)
        first = _store.earliest(self._core, *columns)
        if first is None:  # no row could start a session: raise for the first, or count them all
            return self._core.extend(*columns, on_bad == "skip", close_label)
        self._core.begin(first, close_label)
        try:
            return self._core.extend(*columns, on_bad == "skip", close_label)
        except BaseException:  # a call that is refused starts no session
            self._core.begin(None, close_label)
            raise

    # --- bars ---

    def bars(self, interval: str | None = None) -> BarSeries:
        """Series of an interval; by default the base one.

        Raises
        ------
        UnknownNameError
            If the symbol does not hold that interval.
        """
        if interval is None:
            return self._series[self._core.intervals[0]]
        series = self._series.get(interval) if isinstance(interval, str) else None
        return self._series[self._core.intervals[self._number(interval)]] if series is None else series

    def _number(self, interval: str) -> int:
        """Position of an interval among the series; accepts any spelling of it."""
        try:
            return self._core.intervals.index(parse_interval(interval).name)
        except (ValueError, IntervalError) as error:
            held = ", ".join(self._core.intervals)
            raise UnknownNameError(f"{self.symbol!r} holds no interval {interval!r}; it holds {held}") from error

    def holds(self, interval: str) -> bool:
        """Whether the symbol has a series of that interval, in any spelling of it."""
        try:
            return parse_interval(interval).name in self._core.intervals
        except IntervalError:
            return False

    @property
    def bars_base(self) -> BarSeries:
        """Series of the base interval."""
        return self._series[self._core.intervals[0]]

    @property
    def bars_derived(self) -> Mapping[str, BarSeries]:
        """Series of the derived intervals by name, shortest first. Read-only."""
        return MappingProxyType({name: self._series[name] for name in self._core.intervals[1:]})

    # --- gaps and quality ---

    @property
    def bar_gaps(self) -> dict[str, list[GapInfo]]:
        """Gaps by interval; an empty list where there is none."""
        return {name: series.gaps for name, series in self._series.items()}

    @property
    def bar_quality(self) -> dict[str, float]:
        """Quality by interval."""
        return {name: series.quality for name, series in self._series.items()}

    def _gaps(self, k: int) -> list[GapInfo]:
        pinned = self._pinned_gaps.get(k)
        if pinned is not None:
            return list(pinned)
        gaps, retries = self._gaps_of(k, self._core.gaps(k)), self._core.retries(k)
        if retries is None:
            return gaps
        return [
            gap._replace(retry_count=count, last_retry=self._time(last))
            for gap, (count, last) in zip(gaps, retries, strict=True)
        ]

    def _gaps_of(self, k: int, gaps: list[tuple[int, int, int]]) -> list[GapInfo]:
        name, interval, zone = self.symbol, self._core.intervals[k], self._zone
        return [GapInfo(name, interval, start, end, n, zone=zone) for start, end, n in gaps]

    def mark_no_trade(self, interval: str, start_ns: Any, stop_ns: Any) -> bool:
        """Nothing traded in some slots: where they have no bar they are not missing, but ``no_trade``.

        Parameters
        ----------
        interval : str
            Whose slots: those of it that begin in ``[start_ns, stop_ns)``. The time that they cover is marked for all
            intervals: a 5m slot is ``no_trade`` once all its minutes are explained.
        start_ns, stop_ns : int ns, datetime64 or aware datetime
            Half-open. Times outside the session's segments count for nothing; slots may lie in the future.

        Returns
        -------
        bool
            True if any of that time was not marked before. Else nothing has changed.

        Raises
        ------
        UnknownNameError
            If the symbol does not hold that interval.
        TimeError
            If a time is not one, or the stop lies before the start.
        SessionStateError
            If there is no session.

        Notes
        -----
        Marks are kept until the session ends, whatever bars come and whenever they do; a bar makes its slot present all
        the same. O(marks + gaps).
        """
        k = self._number(interval)
        return self._core.mark_no_trade(k, *self._checked_span(start_ns, stop_ns))

    def mark_halted(self, start_ns: Any, stop_ns: Any) -> bool:
        """The market was, or will be, halted in ``[start_ns, stop_ns)``: slots that lie wholly in halted time and have
        no bar are not missing, but ``halted``.

        Parameters, errors and notes are those of `mark_no_trade`. Bars and their slots stay what they are. A slot that
        is halted in part and without trade in the rest is ``no_trade``.
        """
        return self._core.mark_halted(*self._checked_span(start_ns, stop_ns))

    @property
    def marks(self) -> dict[str, list[tuple[int, int]]]:
        """What was marked in this session, as far as the market is open: ``"no_trade"`` and ``"halted"``, each a list
        of ``(start_ns, stop_ns)``, half-open, in time order, none touching the next."""
        no_trade, halted = self._core.marks()
        return {"no_trade": no_trade, "halted": halted}

    def record_retry(self, interval: str, start_ns: Any, stop_ns: Any, when: Any) -> int:
        """Somebody has asked again for the missing bars of an interval.

        Parameters
        ----------
        interval : str
        start_ns, stop_ns : int ns, datetime64 or aware datetime
            The slots that are missing now and begin in ``[start_ns, stop_ns)`` are counted.
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
        k = self._number(interval)
        when_ns = max(to_ns(when) // 1000, -(2**63 // 1000)) * 1000  # as GapInfo has it
        return self._core.record_retry(k, *self._checked_span(start_ns, stop_ns), when_ns)

    def _checked_span(self, start: Any, stop: Any) -> tuple[int, int]:
        start_ns, stop_ns = to_ns(start), to_ns(stop)
        if stop_ns < start_ns:
            raise TimeError(f"a span of time must not stop before it starts: [{start_ns}, {stop_ns})")
        if self._core.grid is None:
            raise SessionStateError(f"symbol {self.symbol!r} has no session; start_session(date) first")
        return start_ns, stop_ns

    def set_gaps(self, interval: str, gaps: Iterable[GapInfo] | None) -> None:
        """Report these gaps for an interval in place of the computed ones, until called with None."""
        k = self._number(interval)
        if gaps is not None:
            self._pinned_gaps[k] = [check_gap(gap) for gap in gaps]
        elif self._pinned_gaps.pop(k, None) is None:
            return
        self._note_pins()

    def set_quality(self, interval: str, quality: float | None) -> None:
        """Report this quality (0 to 100) for an interval in place of the computed one, until called with None."""
        k = self._number(interval)
        if quality is None:
            if self._pinned_quality.pop(k, None) is None:
                return
        elif not 0.0 <= quality <= 100.0:
            raise BarError("quality lies between 0 and 100", symbol=self.symbol, value=quality, code="ERR_QUALITY")
        else:
            self._pinned_quality[k] = float(quality)
        self._note_pins()

    def _note_pins(self) -> None:
        self._core.note_pins()
        if self._pinned_gaps or self._pinned_quality:
            self._data._pinned[self._core] = self
        else:
            self._data._pinned.pop(self._core, None)

    # --- metrics ---

    @property
    def session_volume(self) -> float:
        """Volume of the regular session; 0.0 before its first bar."""
        bar = self._core.session_bar(False)
        return 0.0 if bar is None else bar[0]

    @property
    def session_high(self) -> float | None:
        """Highest price of the regular session; None before its first bar."""
        bar = self._core.session_bar(False)
        return None if bar is None else bar[1]

    @property
    def session_low(self) -> float | None:
        """Lowest price of the regular session; None before its first bar."""
        bar = self._core.session_bar(False)
        return None if bar is None else bar[2]

    @property
    def last_update(self) -> datetime | None:
        """Open time of the newest regular bar, in the exchange's zone; None before the first."""
        return self._time(self._core.newest_ts(False))

    def metrics(self) -> dict[str, Any]:
        """Session metrics: volume, high, low, last_update and bar_count of regular bars; the same of the others under
        ``"extended"``."""
        counters = self._core.counters()
        n_extended = counters["extended"]
        return {
            **self._metrics(False, counters["stored"] - n_extended),
            "extended": self._metrics(True, n_extended),
        }

    def _metrics(self, extended: bool, count: int) -> dict[str, Any]:
        volume, high, low = (self._core.session_bar(extended) or (0.0, None, None))[:3]
        last_update = self._time(self._core.newest_ts(extended))
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
        extended, overwritten, and skipped (by reason)."""
        return self._core.counters()

    def _repr_html_(self) -> str:
        from sessiondata.display import symbol_html  # not needed until a notebook asks

        return symbol_html(self)

    def __repr__(self) -> str:
        base = self.bars_base
        return (
            f"<SymbolSessionData {self.symbol}: {len(base)} x {self.base_interval}, {base.missing} missing, quality"
            f" {base.quality:.2f}, derived {', '.join(self.intervals[1:]) or 'none'}>"
        )


def check_label(label: str) -> bool:
    """True for "close", False for "open"; anything else is an error."""
    if label not in ("open", "close"):
        raise ValueError(f'label is "open" or "close": {label!r}')
    return label == "close"
