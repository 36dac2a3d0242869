"""One symbol as the package knows it: native state, history, pins and values of indicators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sessiondata._native.objects.lazy import Lazy
from sessiondata.copying import not_copied
from sessiondata.errors import CalendarError, TimeError
from sessiondata.rows.gap import short_stop
from sessiondata.rows.owner import Pins
from sessiondata.rows.series import BarSeries
from sessiondata.store.history import History
from sessiondata.time.instants import to_ns
from sessiondata.time.intervals import parse_interval
from sessiondata.time.units import LEAST_START_NS, check_plausible
from sessiondata.time.zones import from_ns

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata._native.objects.tick_buffer import QuoteBuffer, TradeBuffer
    from sessiondata.market.calendar import SessionCalendar
    from sessiondata.market.grid import SessionGrid
    from sessiondata.rows.gap import GapInfo
    from sessiondata.rows.ticks import QuoteSeries, TickSeries
    from sessiondata.store.context import StoreContext

__all__ = ["SymbolState"]


@not_copied("copy the store with data.copy()")
class SymbolState:
    """A symbol without the methods that users see; the owner of its series.

    Attributes
    ----------
    core : SymbolCore
        Native state.
    calendar : SessionCalendar
        Its own, or the store's.
    context : StoreContext
        What it shares with the other symbols.
    history : History
        The days before the session.
    series : dict of str to BarSeries
        By name of the interval, the base first.
    ticks, quotes : TickSeries, QuoteSeries
    trade_buffer, quote_buffer : TradeBuffer, QuoteBuffer
        What these show.
    pins : Pins
        Gaps and quality that are reported in place of computed ones; to be changed is
        `pins_to_change`.
    values : dict
        Name of an indicator -> what was set for this symbol.
    """

    # `Lazy`: most symbols never need these, and ten thousand symbols have ten thousand of each.
    __slots__ = (
        "_answers", "_pins", "_quote_buffer", "_quotes", "_series", "_ticks", "_trade_buffer", "_values",
        "calendar", "context", "core", "history", "pins",
    )  # fmt: skip

    def __init__(self, core: SymbolCore, calendar: SessionCalendar, context: StoreContext) -> None:
        self.core, self.calendar, self.context = core, calendar, context
        self.history, self.pins = History(core, calendar, context), _NO_PINS
        self._answers = self._pins = self._series = self._values = None
        self._quote_buffer = self._quotes = self._ticks = self._trade_buffer = None

    series = Lazy("_series", lambda self: {name: BarSeries(self, k) for k, name in enumerate(self.core.intervals)})
    ticks = Lazy("_ticks", lambda self: _new_ticks(self))
    quotes = Lazy("_quotes", lambda self: _new_quotes(self))
    trade_buffer = Lazy("_trade_buffer", lambda self: _new_trade_buffer(self.core))
    quote_buffer = Lazy("_quote_buffer", lambda self: _new_quote_buffer(self.core))
    _own_pins = Lazy("_pins", lambda _: Pins())
    values = Lazy("_values", lambda _: _new_dict())
    # of indicators: name -> (version of history, value)
    answers = Lazy("_answers", lambda _: _new_dict())

    @property
    def name(self) -> str:
        return self.core.name

    @property
    def zone(self) -> tzinfo:
        return self.calendar.zone

    @property
    def grid(self) -> SessionGrid | None:
        """Hours of the session under way; None if the symbol has none."""
        core, clock = self.core, self.context.clock
        while True:
            session_id, date = core.session_id, clock.date
            if core.grid is None or date is None:
                return None
            if core.session_id == session_id and date == clock.date:
                return self.calendar.session(date)

    def on(self, core: SymbolCore) -> SymbolState:
        """The symbol on a core that shows it as it was at some moment."""
        copy = SymbolState(core, self.calendar, self.context)
        if self.pins:
            pins = copy.pins_to_change()
            pins.gaps, pins.quality = dict(self.pins.gaps), dict(self.pins.quality)
        return copy

    def pins_to_change(self) -> Pins:
        """Its own pins, which most symbols never need; `note_pins` when they have changed."""
        self.pins = self._own_pins
        return self.pins

    def note_pins(self) -> None:
        """What is pinned has changed."""
        pinned, pins, core = self.context.pinned, self.pins, self.core
        pinned[core] = self
        # One line without a call between look and change: no other thread runs there, no signal is
        # heard.
        if not (pins.gaps or pins.quality): pinned.pop(core, None)  # noqa: E701  # fmt: skip
        core.note_pins()

    def meant(self, time: Any) -> int:
        """A time in ns, or an error where it is an integer of another unit."""
        ts_ns = to_ns(time)
        if ts_ns >= LEAST_START_NS or self.core.has_early_days():
            return ts_ns
        return check_plausible(ts_ns, symbol=self.core.name)

    def datetime(self, ts_ns: int | None) -> datetime | None:
        """A time in the exchange's zone."""
        return None if ts_ns is None else from_ns(ts_ns, self.zone)

    def short_stop(self, gap: GapInfo) -> int | None:
        """Where the last slot of a gap ends, if the hours of its date cut it: who made the gap did
        not know them."""
        try:
            grid = self.calendar.session_at(gap.end_ns, unit="ns")
        except (CalendarError, TimeError):
            return None
        return short_stop(grid.compiled.segment_stops(), gap.end_ns, parse_interval(gap.interval).step_ns)

    # --- indicators ---

    def knows_indicator(self, name: str) -> bool:
        """Whether there is an indicator of that name, of the store or set for this symbol."""
        return name in self.values or name in self.context.indicators

    def indicator(self, name: str, symbol: Any) -> Any:
        """An indicator that is known: what was set, or what it computes, kept until history
        changes. `symbol`: what functions of users are called with."""
        if name in self.values:
            return self.values[name]
        version = self.history.version
        cached = self.answers.get(name)
        if cached is None or cached[0] != version:
            kept = self.context.indicators[name]
            try:
                value = kept.compute(self.history if kept.is_built_in else symbol)
            except Exception as error:  # of a function that somebody else wrote
                note = f"in the historical indicator {name!r} of symbol {self.core.name!r}"
                # it may have asked for itself, a thousand deep
                if note not in getattr(error, "__notes__", ()):
                    error.add_note(note)
                raise
            cached = self.answers[name] = version, value
        return cached[1]

    def set_indicator(self, name: str, value: Any) -> bool:
        """Report a value in place of the computed one, or no more with None; False if that changes
        nothing."""
        if value is not None:
            self.values[name] = value
            self.history.days.has_values = True
        elif self.values.pop(name, None) is None:
            return False
        self.core.note_past()
        return True

    # --- metrics ---

    def metrics(self, count: int, newest_ts: int | None, bar: tuple[float, ...] | None) -> dict[str, Any]:
        """Volume, high, low, last_update and bar_count of the regular bars, or of the others, as
        the native code answers."""
        volume, high, low = (bar or (0.0, None, None))[:3]
        last_update = self.datetime(newest_ts)
        return {"volume": volume, "high": high, "low": low, "last_update": last_update, "bar_count": count}

    def counters(self) -> dict[str, Any]:
        """What became of all bars of the session; see `SymbolSessionData.counters`."""
        return {**self.core.counters(), "inconsistent": self.core.count_inconsistent()}


_NO_PINS = Pins()  # what symbols without any share; nothing is ever added to it


def _new_dict() -> dict[Any, Any]:
    return {}


# Most programs store bars only: the modules of trades and quotes are imported with the first one.


def _new_trade_buffer(core: SymbolCore) -> TradeBuffer:
    from sessiondata._native.objects.tick_buffer import TradeBuffer

    return TradeBuffer(core)


def _new_quote_buffer(core: SymbolCore) -> QuoteBuffer:
    from sessiondata._native.objects.tick_buffer import QuoteBuffer

    return QuoteBuffer(core)


def _new_ticks(state: SymbolState) -> TickSeries:
    from sessiondata.rows.ticks import TickSeries

    return TickSeries(state, state.trade_buffer)


def _new_quotes(state: SymbolState) -> QuoteSeries:
    from sessiondata.rows.ticks import QuoteSeries

    return QuoteSeries(state, state.quote_buffer)
