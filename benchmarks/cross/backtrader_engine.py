"""backtrader: an engine for each stock (one for all is slower), its minutes resampled to 5m as they
come; the strategy notes its crossings and orders nothing.

`run` is the form of its documentation: the minutes, and the 5m bars made of them, so that the
strategy is asked on each minute. `run_5m` leaves the minutes to the resampler, and the strategy is
asked on 5m bars only.

Rows come from a list, which is cheaper than backtrader's own feed of a pandas frame. Labelled by
their close, as backtrader wants bars.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from benchmarks.cross.market import FAST, MINUTE_NS, SLOW, Market
from benchmarks.cross.trades import Trade

__all__ = ["prepare", "run", "run_5m"]

_EPOCH = dt.datetime(1970, 1, 1)
_SECOND_NS = 1_000_000_000


def prepare(market: Market) -> Any:
    import backtrader as bt

    prepared = {}
    for name, (ts_ns, *values) in market.whole.items():
        ends = ((ts_ns + MINUTE_NS) // _SECOND_NS).tolist()
        numbers = [bt.date2num(_EPOCH + dt.timedelta(seconds=end)) for end in ends]
        prepared[name] = list(zip(numbers, *(column.tolist() for column in values), strict=True))
    return prepared


def run(prepared: Any) -> list[Trade]:
    return _run(prepared, with_minutes=True)


def run_5m(prepared: Any) -> list[Trade]:
    return _run(prepared, with_minutes=False)


def _run(prepared: Any, with_minutes: bool) -> list[Trade]:
    import backtrader as bt

    trades: list[Trade] = []

    class Rows(bt.feed.DataBase):  # type: ignore[misc]
        params = (("rows", ()),)

        def start(self) -> None:
            super().start()
            self._take = iter(self.p.rows).__next__

        def _load(self) -> bool:
            try:
                row = self._take()
            except StopIteration:
                return False
            to = self.lines
            to.datetime[0], to.open[0], to.high[0], to.low[0], to.close[0], to.volume[0] = row
            to.openinterest[0] = 0.0
            return True

    class Cross(bt.Strategy):  # type: ignore[misc]
        params = (("name", ""),)

        def __init__(self) -> None:
            self.five, self.seen = self.datas[-1], 0
            fast, slow = (bt.ind.SMA(self.five.close, period=n) for n in (FAST, SLOW))
            self.cross = bt.ind.CrossOver(fast, slow)

        def next(self) -> None:
            if len(self.five) == self.seen:
                return
            self.seen = len(self.five)
            side = int(self.cross[0])
            if side:
                end = round((self.five.datetime.datetime(0) - _EPOCH).total_seconds())
                trades.append((self.p.name, end * _SECOND_NS, side, self.five.close[0]))

    for name, rows in prepared.items():
        cerebro = bt.Cerebro(stdstats=False)
        minutes = Rows(rows=rows, timeframe=bt.TimeFrame.Minutes, compression=1)
        if with_minutes:
            cerebro.adddata(minutes)
        cerebro.resampledata(minutes, timeframe=bt.TimeFrame.Minutes, compression=5)
        cerebro.addstrategy(Cross, name=name)
        cerebro.run()
    return trades
