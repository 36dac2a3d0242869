"""By hand, in pure Python: a 5m bar that grows, a deque of the newest closes, and two running sums.
It is the oracle: all other contestants' trades are compared with these."""

from __future__ import annotations

from collections import deque
from typing import Any

from benchmarks.cross.market import FAST, SLOT_NS, SLOW, Market
from benchmarks.cross.trades import Trade

__all__ = ["prepare", "run"]


class Stock:
    """5m bars of one stock, and its side."""

    __slots__ = (
        "close", "closes", "fast", "high", "low", "name", "open", "side", "slow", "stop_ns", "trades", "volume",
    )  # fmt: skip

    def __init__(self, name: str, trades: list[Trade]) -> None:
        self.name, self.trades = name, trades
        self.closes: deque[float] = deque(maxlen=SLOW)
        self.fast = self.slow = 0.0  # sums of the newest closes
        self.side = 0
        self.stop_ns = 0  # of the bar that grows; 0 if there is none

    def add(self, ts_ns: int, open_: float, high: float, low: float, close: float, volume: float) -> None:
        if ts_ns >= self.stop_ns:
            self.finish()
            self.stop_ns = ts_ns - ts_ns % SLOT_NS + SLOT_NS
            self.open, self.high, self.low, self.close, self.volume = open_, high, low, close, volume
            return
        if high > self.high:
            self.high = high
        if low < self.low:
            self.low = low
        self.close = close
        self.volume += volume

    def finish(self) -> None:
        """The 5m bar has closed."""
        if not self.stop_ns:
            return
        closes, close = self.closes, self.close
        self.fast += close - closes[-FAST] if len(closes) >= FAST else close
        self.slow += close - closes[0] if len(closes) == SLOW else close
        closes.append(close)
        if len(closes) == SLOW:
            side = 1 if self.fast / FAST > self.slow / SLOW else -1
            if self.side and side != self.side:
                self.trades.append((self.name, self.stop_ns, side, close))
            self.side = side
        self.stop_ns = 0


def prepare(market: Market) -> Any:
    return list(market.stocks), market.minutes


def run(prepared: Any) -> list[Trade]:
    names, days = prepared
    trades: list[Trade] = []
    stocks = {name: Stock(name, trades) for name in names}
    for day in days:
        for ts_ns, bars in day:
            for name, o, h, low, c, v in bars:
                stocks[name].add(ts_ns, o, h, low, c, v)
        for stock in stocks.values():
            stock.finish()
    return trades
