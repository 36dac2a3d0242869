"""NautilusTrader: its cache and its time-bar aggregators, in an environment of its own.

    python -m benchmarks.nautilus --install   # makes build/venv-nautilus, with an older pandas
    python -m benchmarks.nautilus DAY         # prints JSON; benchmarks/bench_append.py calls this

Its best case, as we know it: Bar objects stand ready, each interval is aggregated from the one
below it, so that only the finest sees every bar, and the clock is asked only when a timer is due.
It keeps neither gaps nor quality.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["interpreter", "measure"]

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / "build" / "venv-nautilus"
ABSENT = "NautilusTrader is not installed (python -m benchmarks.nautilus --install)"

# Interval -> (the specification of its bars, the one below it, offset of its slots from UTC's day
# in minutes): the made-up days open at 13:30 UTC.
CHAIN = {
    "5m": ("5-MINUTE", None, 0),
    "15m": ("15-MINUTE", "5m", 0),
    "1h": ("1-HOUR", "15m", 30),
    "1d": ("1-DAY", "1h", 13 * 60 + 30),
}
BASE = {"1m": "1-MINUTE", "1s": "1-SECOND"}


# --- called by the benchmarks ---


def interpreter() -> str | None:
    """Python that can import NautilusTrader: this one, or that of its own environment."""
    if importlib.util.find_spec("nautilus_trader") is not None:
        return sys.executable
    for own in (ENVIRONMENT / "bin" / "python", ENVIRONMENT / "Scripts" / "python.exe"):
        if own.is_file():
            return str(own)
    return None


@cache
def measure(day: str, rounds: int) -> dict[str, Any]:
    """Version, derived bars, and seconds of each round by contestant, of a day of
    `benchmarks.data`."""
    python = interpreter()
    if python is None:
        raise FileNotFoundError(ABSENT)
    command = [python, "-m", "benchmarks.nautilus", day, "--rounds", str(rounds)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(run.stderr)
    return dict(json.loads(run.stdout.splitlines()[-1]))


def install() -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
    python = interpreter()
    assert python is not None
    subprocess.run([python, "-m", "pip", "install", "--quiet", "nautilus_trader>=1.200"], check=True)


# --- runs where NautilusTrader is ---


class Chain:
    """A cache, and four aggregators, each fed by the one below it."""

    def __init__(self, day: Any) -> None:
        import pandas as pd
        from nautilus_trader.cache.cache import Cache
        from nautilus_trader.cache.config import CacheConfig
        from nautilus_trader.common.component import TestClock
        from nautilus_trader.data.aggregation import TimeBarAggregator
        from nautilus_trader.model.data import BarType
        from nautilus_trader.test_kit.providers import TestInstrumentProvider

        instrument = TestInstrumentProvider.equity("SPY", "ARCA")
        self.cache = Cache(config=CacheConfig(bar_capacity=100_000))
        self.clock = TestClock()
        self.clock.set_time(day.open_ns)
        self.bar_types, self.aggregators, self.order = {}, {}, {}
        for name, (spec, below, minutes) in CHAIN.items():
            source = f"{BASE[day.base]}-EXTERNAL" if below is None else f"{CHAIN[below][0]}-INTERNAL"
            bar_type = BarType.from_str(f"{instrument.id}-{spec}-LAST-INTERNAL@{source}")
            self.bar_types[name] = bar_type.standard()
            self.aggregators[name] = TimeBarAggregator(
                instrument, bar_type, self._handler(name), self.clock,
                build_with_no_updates=False, time_bars_origin_offset=pd.Timedelta(minutes=minutes),
            )  # fmt: skip
            self.order[str(bar_type.standard())] = len(self.order)
        # The first aggregator feeds the second, and so on: handlers were made before all
        # aggregators were there.
        self.finest = self.aggregators["5m"].handle_bar

    def _handler(self, name: str) -> Callable[[Any], None]:
        above = next((other for other, (_, below, _) in CHAIN.items() if below == name), None)

        def handle(bar: Any) -> None:
            self.cache.add_bar(bar)
            if above is not None:
                self.aggregators[above].handle_bar(bar)

        return handle

    def advance(self, ts_ns: int) -> None:
        """Let the clock's timers build what is over, the finest first where several are due."""
        events = self.clock.advance_time(ts_ns)
        if len(events) > 1:
            events.sort(key=lambda event: (event.event.ts_event, self.order[event.event.name]))
        for event in events:
            event.handle()

    def run(self, bars: list[Any]) -> None:
        add_bar, aggregate, advance, clock = self.cache.add_bar, self.finest, self.advance, self.clock
        due = min(map(clock.next_time_ns, clock.timer_names))
        for bar in bars:
            add_bar(bar)
            aggregate(bar)
            now = bar.ts_init
            if now >= due:  # asking the clock for nothing would cost more than all else
                advance(now)
                due = min(map(clock.next_time_ns, clock.timer_names))

    def derived(self, day: Any) -> dict[str, list[list[float]]]:
        """Columns by interval, labelled by their opens; what is still open is closed first."""
        from benchmarks.data import STEP_NS

        self.advance(day.open_ns + 86_400 * 1_000_000_000)
        columns = {}
        for name, bar_type in self.bar_types.items():
            length = 86_400 * 1_000_000_000 if name == "1d" else STEP_NS[name]
            bars = self.cache.bars(bar_type)[::-1]  # newest first
            columns[name] = [
                [bar.ts_event - length for bar in bars],
                *(
                    [float(str(getattr(bar, field))) for bar in bars]
                    for field in ("open", "high", "low", "close", "volume")
                ),
            ]
        return columns


def make_bars(day: Any) -> list[Any]:
    from nautilus_trader.model.data import Bar, BarType
    from nautilus_trader.model.objects import Price, Quantity

    bar_type = BarType.from_str(f"SPY.ARCA-{BASE[day.base]}-LAST-EXTERNAL")
    return [
        Bar(bar_type, *(Price(price, 2) for price in prices), Quantity(volume, 0), ts, ts + day.step_ns)
        for ts, *prices, volume in day.rows
    ]


def add_all(cache_: Any, bars: list[Any]) -> None:
    add_bar = cache_.add_bar
    for bar in bars:
        add_bar(bar)


def _rounds(make: Callable[[], Callable[[], Any]], rounds: int) -> list[float]:
    seconds = []
    for number in range(rounds + 1):
        run = make()
        begun = time.perf_counter()
        run()
        if number:  # the first is warm-up
            seconds.append(time.perf_counter() - begun)
    return seconds


def _measure_here(name: str, rounds: int) -> dict[str, Any]:
    import nautilus_trader

    from benchmarks import data

    day = getattr(data, name)()
    bars = make_bars(day)
    chain = Chain(day)
    chain.run(bars)

    def with_aggregators() -> Callable[[], None]:
        fresh = Chain(day)
        return lambda: fresh.run(bars)

    def cache_only() -> Callable[[], None]:
        fresh = Chain(day)
        return lambda: add_all(fresh.cache, bars)

    return {
        "version": nautilus_trader.__version__,
        "bars": chain.derived(day),
        "seconds": {
            "NautilusTrader, cache and aggregators": _rounds(with_aggregators, rounds),
            "NautilusTrader, cache alone": _rounds(cache_only, rounds),
        },
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nautilus")
    parser.add_argument("day", nargs="?", help="a function of benchmarks/data.py")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--install", action="store_true", help="make its environment")
    options = parser.parse_args()
    if options.install:
        install()
    if options.day:
        print(json.dumps(_measure_here(options.day, options.rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
