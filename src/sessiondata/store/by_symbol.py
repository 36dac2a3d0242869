"""The symbols of a store by name, as users see them."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from sessiondata.copying import not_copied
from sessiondata.errors import UnknownNameError
from sessiondata.store.symbol import SymbolSessionData

__all__ = ["BySymbol", "unknown_symbol"]


@not_copied("data.symbols.copy() is a plain dict; copy the store with data.copy()")
class BySymbol(Mapping[str, SymbolSessionData]):
    """The symbols of a store by name: current and read-only; a name that it does not hold is an
    `UnknownNameError`."""

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
        return iter(list(self._held))  # whoever registers one meanwhile

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._held))

    def __len__(self) -> int:
        return len(self._held)

    # Views of those that there are now, as the loops above: a view of the dict itself fails where
    # another thread registers one.

    def keys(self) -> KeysView[str]:
        return self._held.copy().keys()

    def values(self) -> ValuesView[SymbolSessionData]:
        return self._held.copy().values()

    def items(self) -> ItemsView[str, SymbolSessionData]:
        return self._held.copy().items()

    def copy(self) -> dict[str, SymbolSessionData]:
        """A dict of those that there are now."""
        return self._held.copy()

    def __repr__(self) -> str:
        return f"<{len(self._held)} symbols: {', '.join(list(self._held)[:10])}{', ...' * (len(self._held) > 10)}>"


def unknown_symbol(symbol: Any) -> UnknownNameError:
    """The error for a name that no symbol of the store has."""
    advice = f"register_symbol({symbol!r}) first" if isinstance(symbol, str) else "symbols are known by their names"
    return UnknownNameError(
        f"unknown symbol {symbol!r}; {advice}",
        symbol=symbol if isinstance(symbol, str) else None,
        value=symbol,
    )
