"""NautilusTrader: its backtest engine with one strategy, which subscribes to the 5m bars that the
engine aggregates of minutes. Averages are the engine's own indicators; nothing is ordered. The
strategy gets the minutes as well; without them a bar costs the same.

Bars stand ready as its objects, labelled by their close.
"""

from __future__ import annotations

from typing import Any

from benchmarks.cross.market import FAST, MINUTE_NS, SLOW, Market
from benchmarks.cross.trades import Trade

__all__ = ["prepare", "run"]

_VENUE = "XNYS"


def prepare(market: Market) -> Any:
    from nautilus_trader.model.data import Bar, BarType
    from nautilus_trader.model.objects import Price, Quantity
    from nautilus_trader.test_kit.providers import TestInstrumentProvider

    instruments, merged = [], []
    for name, (ts_ns, *values) in market.whole.items():
        instrument = TestInstrumentProvider.equity(name, _VENUE)
        minutes = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
        merged += [
            Bar(minutes, *(Price(price, 2) for price in prices), Quantity(volume, 0), ts + MINUTE_NS, ts + MINUTE_NS)
            for ts, *prices, volume in zip(ts_ns.tolist(), *(column.tolist() for column in values), strict=True)
        ]
        instruments.append(instrument)
    # sorted here: the engine would sort anew with each stock
    return instruments, sorted(merged, key=lambda bar: bar.ts_init)


def run(prepared: Any) -> list[Trade]:
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import DataEngineConfig, LoggingConfig
    from nautilus_trader.indicators import SimpleMovingAverage
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.data import BarType
    from nautilus_trader.model.enums import AccountType, OmsType
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Money
    from nautilus_trader.trading.strategy import Strategy

    instruments, bars = prepared
    trades: list[Trade] = []
    nothing = "", None, None  # what a minute moves

    class Cross(Strategy):  # type: ignore[misc]
        def on_start(self) -> None:
            self.averages: dict[Any, Any] = {}
            self.sides: dict[Any, int] = {}
            for instrument in instruments:
                five = BarType.from_str(f"{instrument.id}-5-MINUTE-LAST-INTERNAL@1-MINUTE-EXTERNAL")
                pair = SimpleMovingAverage(FAST), SimpleMovingAverage(SLOW)
                for average in pair:
                    self.register_indicator_for_bars(five, average)
                self.averages[five.standard()] = (instrument.id.symbol.value, *pair)
                self.subscribe_bars(five)
                self.subscribe_bars(BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL"))

        def on_bar(self, bar: Any) -> None:
            name, fast, slow = self.averages.get(bar.bar_type, nothing)
            if slow is None or not slow.initialized:
                return
            side = 1 if fast.value > slow.value else -1
            before = self.sides.get(name, 0)
            if side != before:
                self.sides[name] = side
                if before:
                    trades.append((name, bar.ts_event, side, float(bar.close)))

    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            data_engine=DataEngineConfig(time_bars_build_with_no_updates=False),
            run_analysis=False,
        )
    )
    engine.add_venue(Venue(_VENUE), OmsType.NETTING, AccountType.CASH, [Money(1_000_000, USD)])
    for instrument in instruments:
        engine.add_instrument(instrument)
    engine.add_data(bars, validate=False, sort=False)
    engine.add_strategy(Cross())
    engine.run()
    engine.dispose()
    return trades
