"""The exported document: as a dict here, as bytes in `out/json`; both have the same content (law
6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sessiondata._native.out import json as _json
from sessiondata.arguments import check_bool, names_of
from sessiondata.copying import not_copied
from sessiondata.export.form import Form, check_timestamps, form_of, resolved, style_for
from sessiondata.export.format import (
    TIMESTAMPS,
    gaps_dict,
    json_bytes,
    pinned_gaps,
    time_formatter,
)
from sessiondata.store.cursor import Export, ExportCursor, begin_export, end_export
from sessiondata.store.exclusive import exclusive
from sessiondata.store.symbol import SymbolSessionData, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata._native.out.plain import Times
    from sessiondata._native.out.style import Style
    from sessiondata.market.calendar import SessionCalendar
    from sessiondata.store.context import StoreContext
    from sessiondata.store.registry import Registry
    from sessiondata.store.state import SymbolState
    from sessiondata.store.store import StoreParts

__all__ = ["DocumentInput", "document", "document_bytes", "member_dict", "symbol_bytes"]

#: Gaps and quality of a symbol without pins.
_NO_PINS: tuple[dict[int, Any], dict[int, float]] = {}, {}


@not_copied("copy the store with data.copy()")
class DocumentInput:
    """What stands in a document beside native state; asked for symbols that have it.

    Attributes
    ----------
    pinned, foreign : dict of SymbolCore to SymbolState
        Symbols with pinned gaps or quality; with a calendar of their own.
    all_past : bool
        Every symbol has something to write of the past.
    """

    __slots__ = (
        "_context", "_intervals", "_past", "_styles", "_symbol_of", "_timestamps", "all_past", "foreign", "pinned",
    )  # fmt: skip

    def __init__(
        self,
        context: StoreContext,
        pinned: dict[SymbolCore, SymbolState],
        foreign: dict[SymbolCore, SymbolState],
        symbol_of: Callable[[SymbolCore], SymbolSessionData],
        timestamps: str,
        intervals: frozenset[str] | None,
    ) -> None:
        self.pinned, self.foreign, self.all_past = pinned, foreign, bool(context.indicators)
        self._context, self._symbol_of, self._timestamps, self._intervals = context, symbol_of, timestamps, intervals
        self._styles: dict[SessionCalendar, tuple[Style, bytes | None]] = {}
        self._past: Callable[[SymbolCore], list[bytes] | None] | None = None

    def pins(self, core: SymbolCore) -> tuple[dict[int, bytes], dict[int, float]]:
        """Gaps as a ready member of the series, and quality, by number of the series."""
        symbol = self.pinned.get(core)
        if symbol is None:  # no longer pinned, since somebody looked
            return {}, {}
        return pinned_gaps(symbol.pins, _symbol_formatter(symbol, self._timestamps)), dict(symbol.pins.quality)

    def style(self, core: SymbolCore) -> tuple[Style, bytes | None]:
        """How its times are written, and the ready member with its zone where that is not the
        store's."""
        symbol = self.foreign[core]
        calendar, own = symbol.calendar, self._context.calendar
        style = self._styles.get(calendar)
        if style is None:
            zone = b'"timezone":%b,' % json_bytes(calendar.tz) if calendar.tz != own.tz else None
            style = self._styles[calendar] = style_for(calendar, symbol.grid, self._timestamps), zone
        return style

    def past(self, core: SymbolCore) -> list[bytes] | None:
        """The members of `historical` as pieces of text; None: there is nothing."""
        if self._past is None:
            # most stores that export have no past days
            from sessiondata.export.historical import past_writer

            self._past = past_writer(self._symbol_of, self._timestamps, self._intervals)
        return self._past(core)


def document(
    store: StoreParts,
    complete: bool,
    cursor: ExportCursor,
    timestamps: str,
    symbols: Iterable[str] | None,
    intervals: Iterable[str] | None,
) -> dict[str, Any]:
    """The complete document as plain Python objects, in the order of its keys, or what has changed
    of it."""
    if complete is not True and complete is not False:
        complete = check_bool("complete", complete)
    if timestamps not in TIMESTAMPS:
        check_timestamps(timestamps)
    chosen = None if symbols is None else names_of("symbols", symbols)
    if store.context.indicators:
        _compute_indicators(store, chosen if complete else cursor.symbols)
    return _document(store, complete, cursor, timestamps, chosen, intervals)


def _compute_indicators(store: StoreParts, names: Iterable[str] | None) -> None:
    """Have functions of users called before the lock of exports is held: they may be slow, and
    wait for threads that roll. What they compute is kept; one whose history changes in the
    middle of the export is called again.
    """
    own = [name for name, kept in list(store.context.indicators.items()) if not kept.is_built_in]
    if own:
        wanted = None if names is None else [name for name in names if isinstance(name, str)]
        for symbol in list(store.registry.symbols.values()):
            if wanted is None or symbol.symbol in wanted:
                for name in own:
                    state_of(symbol).indicator(name, symbol)


@exclusive("an export", claims=2)
def _document(
    store: StoreParts,
    complete: bool,
    cursor: ExportCursor,
    timestamps: str,
    symbols: Iterable[str] | None,
    intervals: Iterable[str] | None,
) -> dict[str, Any]:
    registry = store.registry
    as_of, sequence = store.context.clock.reading()
    begun = begin_export(cursor, registry, complete, timestamps, symbols, intervals)
    form = form_of(store, timestamps, begun.intervals)
    meta = form.meta(complete, as_of, sequence, begun)
    from sessiondata._native.out.plain import Times  # not needed to store bars

    parts: dict[str, Any] = {}
    if complete or begun.since is not None:
        pins, times, sayings = _pins(registry), Times(), _Sayings(store.context, timestamps, form)
        for change in _whole(begun, pins) if complete else begun.native.changes(pins):
            core = begun.selected[change[0]]
            symbol, pinned = registry.symbols[core.name], pins.get(core, _NO_PINS)[0]
            parts[core.name] = member_dict(begun, change, symbol, pinned, sayings, times)
        end_export(cursor, sequence)
    return {"meta": meta, "symbols": parts}


def _whole(begun: Export, pins: dict[SymbolCore, Any]) -> list[Any]:
    """What `Cursor.changes` would say if nothing had been sent."""
    return [(i, True, [], (True, True), True, core) for i, core in enumerate(begun.native.take(pins))]


def member_dict(
    begun: Export, change: Any, symbol: SymbolSessionData, pinned: dict[int, Any], sayings: _Sayings, times: Times
) -> dict[str, Any]:
    """The member of a symbol, as far as its consumer lacks it; `change` is as its cursor says."""
    from sessiondata._native.out.plain import changed_session, whole_session

    i, whole, series, ticks, past, core = change
    style, format_time, zone = sayings.of(state_of(symbol))
    member: dict[str, Any] = {}
    if not whole:
        member["session"] = changed_session(
            begun.native, i, core, series, ticks[0], ticks[1], style, format_time, pinned, gaps_dict
        )  # fmt: skip
    else:
        if begun.since is not None:
            member["replace"] = True
        if zone is not None:
            member["timezone"] = zone
        member["session"] = whole_session(begun.native, i, core, style, format_time, pinned, gaps_dict, times)
    if whole or past:
        member["historical"] = _past(symbol, sayings.timestamps, begun.intervals)
    return member


def document_bytes(
    store: StoreParts,
    complete: bool,
    cursor: ExportCursor,
    timestamps: str,
    symbols: Iterable[str] | None = None,
    intervals: Iterable[str] | None = None,
    into: Any = None,
) -> Any:
    """What `document` gives as JSON, written natively; its length if it goes into a buffer."""
    if complete is not True and complete is not False:
        complete = check_bool("complete", complete)
    if timestamps not in TIMESTAMPS:
        check_timestamps(timestamps)
    chosen = None if symbols is None else names_of("symbols", symbols)
    if store.context.indicators:
        _compute_indicators(store, chosen if complete else cursor.symbols)
    return _document_bytes(store, complete, cursor, timestamps, chosen, intervals, into)


@exclusive("an export", claims=2)
def _document_bytes(
    store: StoreParts,
    complete: bool,
    cursor: ExportCursor,
    timestamps: str,
    symbols: Iterable[str] | None,
    intervals: Iterable[str] | None,
    into: Any,
) -> Any:
    context, registry = store.context, store.registry
    as_of, sequence = context.clock.reading()
    begun = begin_export(cursor, registry, complete, timestamps, symbols, intervals)
    form = form_of(store, timestamps, begun.intervals)
    beside = form.beside
    if beside is None or registry.foreign or context.indicators:
        beside = form.beside = DocumentInput(
            context, registry.pinned, registry.foreign, lambda core: registry.symbols[core.name], timestamps,
            begun.intervals,
        )  # fmt: skip
    meta = form.meta_bytes(complete, as_of, sequence, begun)
    written = _json.write_document(meta, begun.native, not complete, beside, form.style, into)
    if complete or begun.since is not None:
        end_export(cursor, sequence)
    return written


def symbol_bytes(symbol: SymbolSessionData, timestamps: str) -> bytes:
    """The member of one symbol, of the store or removed from it; no cursor is moved."""
    from sessiondata._native.out.cursor import Cursor
    from sessiondata._native.out.text import dumps_str

    state = state_of(symbol)
    context, core = state.context, state.core
    pinned = {core: state} if state.pins else {}
    foreign = {core: state} if state.calendar is not context.calendar else {}
    beside = DocumentInput(context, pinned, foreign, lambda _: symbol, timestamps, None)
    native = Cursor()
    native.start([core], None, timestamps == "epoch_ms")
    style = style_for(context.calendar, context.clock.grid, timestamps)
    text: bytes = _json.write_document(b"{}", native, False, beside, style)
    return text[len(b'{"meta":{},"symbols":{') + len(dumps_str(symbol.symbol)) + 1 : -2]


def _pins(registry: Registry) -> dict[SymbolCore, Any]:
    """Gaps and quality that are reported in place of what is computed, by number of the series."""
    # in one step, as are these copies: other threads pin meanwhile
    pinned = list(registry.pinned.items())
    return {core: (dict(state.pins.gaps), dict(state.pins.quality)) for core, state in pinned}


@not_copied("copy the store with data.copy()")
class _Sayings:
    """How the times of each calendar are written in a dict."""

    __slots__ = ("_context", "_said", "timestamps")

    def __init__(self, context: StoreContext, timestamps: str, form: Form) -> None:
        self.timestamps, self._context = timestamps, context
        self._said: dict[SessionCalendar, tuple[Style, Callable[[int], str | int], str | None]] = {
            context.calendar: (form.style, form.format_time, None)
        }

    def of(self, symbol: SymbolState) -> tuple[Style, Callable[[int], str | int], str | None]:
        """Of a symbol: natively, as a function, and its zone where that is not the store's."""
        calendar, own = symbol.calendar, self._context.calendar
        said = self._said.get(calendar)
        if said is None:
            grid = symbol.grid
            said = self._said[calendar] = (
                style_for(calendar, grid, self.timestamps),
                time_formatter(calendar.zone, resolved(grid, self.timestamps)),
                None if calendar.tz == own.tz else calendar.tz,
            )
        return said


def _past(symbol: SymbolSessionData, timestamps: str, intervals: frozenset[str] | None) -> dict[str, Any]:
    state = state_of(symbol)
    days = state.history.days
    if not (state.context.indicators or days.version or days.has_values):
        return {"loaded": False}
    from sessiondata.export.historical import past_dict  # most stores that export have no past days

    return past_dict(symbol, timestamps, intervals)


def _symbol_formatter(symbol: SymbolState, timestamps: str) -> Callable[[int], str | int]:
    """A function that writes a time by the clock of the symbol's own exchange."""
    return time_formatter(symbol.calendar.zone, resolved(symbol.grid, timestamps))
