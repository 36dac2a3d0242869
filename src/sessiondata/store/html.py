"""What a notebook shows of a store and of a symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessiondata.rows.html import SUMMARY, ends, summary, table
from sessiondata.rows.series import BarSeries, in_one_session

if TYPE_CHECKING:
    from sessiondata.store.context import StoreContext
    from sessiondata.store.state import SymbolState

__all__ = ["store_html", "symbol_html"]


def store_html(context: StoreContext, symbols: list[SymbolState]) -> str:
    """Table of the base series of the symbols; the first and last ones of many."""
    date = "no session" if context.clock.date is None else str(context.clock.date)
    rows = [
        None if symbol is None else [symbol.name, symbol.core.intervals[0], *summary(_base_of(symbol))]
        for symbol in ends(symbols)
    ]
    n = f"{len(symbols)} symbol{'' if len(symbols) == 1 else 's'}"
    return table(f"SessionData {context.calendar.name}, {date}: {n}", ("symbol", "interval", *SUMMARY), rows)


def symbol_html(symbol: SymbolState) -> str:
    """Table of the series of a symbol."""
    base = _base_of(symbol)

    def rows() -> list[list[str] | None]:
        names = ends(symbol.core.intervals)
        return [None if name is None else [name, *summary(symbol.series[name])] for name in names]

    return table(symbol.name, ("interval", *SUMMARY), in_one_session(base, rows))


def _base_of(symbol: SymbolState) -> BarSeries:
    symbol.context.check_active()
    return symbol.series[symbol.core.intervals[0]]
