"""A yardstick: the loop over the bars, and the two means of closes that stand ready. What the loop
on sessiondata takes beside this is the store's."""

from __future__ import annotations

from typing import Any

from benchmarks.cross.averages import Averages
from benchmarks.cross.market import MINUTE_NS, Market, slots
from benchmarks.cross.trades import Trade

__all__ = ["prepare", "run"]


def prepare(market: Market) -> Any:
    """Minutes as the store's contestant has them, and what closes at their ends: (name,
    close)."""
    closing: dict[int, list[tuple[str, float]]] = {}
    for name, (ts_ns, _, _, _, close, _) in market.whole.items():
        ends, closes = slots(ts_ns, close)
        for end_ns, price in zip(ends.tolist(), closes.tolist(), strict=True):
            closing.setdefault(end_ns, []).append((name, price))
    return list(market.stocks), market.minutes, closing


def run(prepared: Any) -> list[Trade]:
    names, days, closing = prepared
    trades: list[Trade] = []
    averages = {name: Averages() for name in names}
    for minutes in days:
        for ts_ns, bars in minutes:
            for name, o, h, low, c, v in bars:  # noqa: B007
                pass
            end_ns = ts_ns + MINUTE_NS
            for name, price in closing.get(end_ns, ()):
                mine = averages[name]
                if mine.add(price):
                    trades.append((name, end_ns, mine.side, price))
    return trades
