"""By hand, in pandas: all minutes of a stock at once, resampled and rolled. Closes only, which is
all that this strategy asks for."""

from __future__ import annotations

from typing import Any

from benchmarks.cross.market import FAST, SLOW, Market
from benchmarks.cross.trades import Trade

__all__ = ["prepare", "run"]


def prepare(market: Market) -> Any:
    import pandas as pd

    return {
        name: pd.Series(close, pd.DatetimeIndex(ts_ns.view("datetime64[ns]")))
        for name, (ts_ns, _, _, _, close, _) in market.whole.items()
    }


def run(prepared: Any) -> list[Trade]:
    import pandas as pd

    trades: list[Trade] = []
    for name, minutes in prepared.items():
        # resample would make a bar of each 5 minutes of the nights as well
        closes = minutes.groupby(minutes.index.floor("5min")).last()
        fast, slow = closes.rolling(FAST).mean(), closes.rolling(SLOW).mean()
        above = (fast > slow)[slow.notna()]
        crossed = above[above != above.shift(fill_value=above.iloc[0])]
        ends = (crossed.index + pd.Timedelta(minutes=5)).as_unit("ns").asi8
        sides = crossed.map({True: 1, False: -1})
        trades += zip([name] * len(crossed), ends.tolist(), sides.tolist(), closes[crossed.index].tolist(), strict=True)
    return trades
