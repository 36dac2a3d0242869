"""Which symbols a store has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sessiondata._native.objects import sessions as _sessions
from sessiondata._native.objects.slice import Slice
from sessiondata.copying import not_copied
from sessiondata.store.by_symbol import unknown_symbol
from sessiondata.store.symbol import SymbolSessionData, state_of

if TYPE_CHECKING:
    from sessiondata._native.objects.store import SymbolCore
    from sessiondata.store.context import StoreContext
    from sessiondata.store.state import SymbolState

__all__ = ["Registry"]


@not_copied("copy the store with data.copy()")
class Registry:
    """The symbols of a store in the order they were registered.

    Attributes
    ----------
    symbols : dict of str to SymbolSessionData
        What users see, by name.
    states : dict of SymbolCore to SymbolState
        What the package works on.
    cores : list of SymbolCore
        Of all symbols, another list with each change of them; empty: not listed yet. `all_cores`
        lists them.
    foreign, pinned : dict of SymbolCore to SymbolState
        Symbols with a calendar of their own; with pinned gaps or quality.
    feeds : Feeds or None
        Consumers of closed bars; None until somebody asks for one.
    slice : tuple
        Names of the last slice, what they stood for, and the list of all symbols then.
    panel : tuple or None
        The list of all symbols when the last panel was asked for, of what, and what it stood for.
    """

    __slots__ = ("_context", "cores", "feeds", "foreign", "panel", "pinned", "slice", "states", "symbols")

    def __init__(self, context: StoreContext) -> None:
        self._context, self.pinned = context, context.pinned
        self.symbols: dict[str, SymbolSessionData] = {}
        self.states: dict[SymbolCore, SymbolState] = {}
        self.foreign: dict[SymbolCore, SymbolState] = {}
        self.cores: list[SymbolCore] = []
        self.slice: tuple[list[str], Slice, list[SymbolCore]] = _no_slice()
        self.feeds: Any = None
        self.panel: Any = None

    def add(self, state: SymbolState, store: Any) -> SymbolSessionData:
        """Have one more symbol, which finds its store by `SymbolSessionData.store`."""
        core, symbol = state.core, SymbolSessionData(state, store)
        if state.calendar is not self._context.calendar:
            self.foreign[core] = state
        # Side by side: no signal is heard between them.
        self.symbols[core.name], self.states[core], self.cores = symbol, state, []
        return symbol

    def get(self, name: str) -> SymbolSessionData:
        """The symbol of that name, or an `UnknownNameError`."""
        try:
            return self.symbols[name]
        except (KeyError, TypeError) as error:
            raise unknown_symbol(name) from error

    def cores_of(self, names: list[str]) -> list[SymbolCore]:
        """Native state of the symbols of these names."""
        symbols = self.symbols
        try:
            return [state_of(symbols[name]).core for name in names]
        except (KeyError, TypeError):
            return [state_of(self.get(name)).core for name in names]  # raises

    def leave(self, core: SymbolCore) -> None:
        """Forget a symbol and its history."""
        nothing = _no_slice()
        _sessions.leave(self, core)
        self.slice, self.panel = nothing, None

    def clear(self) -> None:
        """Forget all symbols, the session and the time."""
        nothing = _no_slice()
        _sessions.clear(self, self._context.clock)
        self.slice, self.panel = nothing, None

    def all_cores(self) -> list[SymbolCore]:
        """Native state of all symbols in order; another list whenever they change."""
        return _sessions.all_cores(self)

    def resolve(self, names: list[str]) -> Slice:
        """What the names of a slice stand for."""
        # The list first: if a symbol comes or goes meanwhile, the next slice finds another one, and
        # asks again.
        cores, held = self.cores, names.copy()
        resolved = Slice(self.cores_of(held))
        self.slice = held, resolved, cores
        return resolved


def _no_slice() -> tuple[list[str], Slice, list[SymbolCore]]:
    return [], Slice([]), []
