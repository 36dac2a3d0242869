"""vectorbt: its averages and its crossings of 5m closes; the minutes are resampled in one go, too.
No portfolio is simulated."""

from __future__ import annotations

from typing import Any

from benchmarks.cross import pandas_frames
from benchmarks.cross.market import FAST, SLOW, Market
from benchmarks.cross.trades import Trade

__all__ = ["prepare", "run"]


def prepare(market: Market) -> Any:
    import vectorbt  # noqa: F401  # not timed

    return pandas_frames.prepare(market)


def run(prepared: Any) -> list[Trade]:
    import pandas as pd
    import vectorbt as vbt

    trades: list[Trade] = []
    for name, minutes in prepared.items():
        closes = minutes.groupby(minutes.index.floor("5min")).last()
        fast, slow = vbt.MA.run(closes, FAST), vbt.MA.run(closes, SLOW)
        for side, crossed in ((1, fast.ma_crossed_above(slow)), (-1, fast.ma_crossed_below(slow))):
            at = closes[crossed.to_numpy()]
            ends = (at.index + pd.Timedelta(minutes=5)).as_unit("ns").asi8
            trades += [(name, end, side, price) for end, price in zip(ends.tolist(), at.tolist(), strict=True)]
    return trades
