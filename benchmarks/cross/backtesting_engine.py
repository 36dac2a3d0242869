"""backtesting.py: one backtest a stock, on its 5m bars, which pandas makes of the minutes; the
strategy notes its crossings and orders nothing."""

from __future__ import annotations

from typing import Any

from benchmarks.cross.market import FAST, SLOT_NS, SLOW, Market
from benchmarks.cross.trades import Trade

__all__ = ["prepare", "run"]

_HOW = {"Open": "first", "High": "max", "Low": "min", "Close": "last", "Volume": "sum"}


def prepare(market: Market) -> Any:
    import backtesting  # noqa: F401  # not timed
    import pandas as pd

    return {
        name: pd.DataFrame(dict(zip(_HOW, values, strict=True)), pd.DatetimeIndex(ts_ns.view("datetime64[ns]")))
        for name, (ts_ns, *values) in market.whole.items()
    }


def run(prepared: Any) -> list[Trade]:
    import pandas as pd
    from backtesting import Backtest, Strategy
    from backtesting.lib import crossover

    trades: list[Trade] = []

    def average(closes: Any, n: int) -> Any:
        return pd.Series(closes).rolling(n).mean()

    class Cross(Strategy):  # type: ignore[misc]
        name = ""

        def init(self) -> None:
            self.fast = self.I(average, self.data.Close, FAST)
            self.slow = self.I(average, self.data.Close, SLOW)

        def next(self) -> None:
            side = 1 if crossover(self.fast, self.slow) else -1 if crossover(self.slow, self.fast) else 0
            if side:
                end_ns = self.data.index[-1].value + SLOT_NS
                trades.append((self.name, end_ns, side, float(self.data.Close[-1])))

    for name, minutes in prepared.items():
        bars = minutes.groupby(minutes.index.floor("5min")).agg(_HOW)
        Backtest(bars, Cross, cash=1_000_000).run(name=name)
    return trades
