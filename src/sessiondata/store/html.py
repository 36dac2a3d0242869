"""What a notebook shows of a store and of a symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sessiondata.rows.html import SUMMARY, ends, summary, table
from sessiondata.rows.series import in_one_session

if TYPE_CHECKING:
    from sessiondata.store.store import SessionData
    from sessiondata.store.symbol import SymbolSessionData

__all__ = ["store_html", "symbol_html"]


def store_html(data: SessionData) -> str:
    """Table of the base series of the symbols; the first and last ones of many."""
    date = "no session" if data.session_date is None else str(data.session_date)
    symbols = list(data.symbols.values())
    rows = [
        None if symbol is None else [symbol.symbol, symbol.base_interval, *summary(symbol.bars_base)]
        for symbol in ends(symbols)
    ]
    n = f"{len(symbols)} symbol{'' if len(symbols) == 1 else 's'}"
    return table(f"SessionData {data.calendar.name}, {date}: {n}", ("symbol", "interval", *SUMMARY), rows)


def symbol_html(symbol: SymbolSessionData) -> str:
    """Table of the series of a symbol."""

    def rows() -> list[list[str] | None]:
        return [None if name is None else [name, *summary(symbol.bars(name))] for name in ends(symbol.intervals)]

    return table(symbol.symbol, ("interval", *SUMMARY), in_one_session(symbol.bars_base, rows))
