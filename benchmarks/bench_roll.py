"""The roll of a session, what the first bars after it cost, and appends on a store that has a
history. No contests."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from benchmarks import data, ours
from benchmarks.loops import clocked

SYMBOLS = 1_000
FIRST = 10  # bars after a roll, of each symbol


def full_store(symbols: int, trailing_days: int = 5) -> sd.SessionData:
    """A store of many symbols with the 390 minutes of a day each."""
    store = sd.SessionData(ours.CALENDAR, "1m", data.DERIVED, trailing_days)
    store.start_session(data.minutes().date)
    for number in range(symbols):
        store.register_symbol(f"S{number:05}").extend(*today(store, data.minutes(number % 50)))
    return store


def today(store: sd.SessionData, day: data.Day) -> tuple[Any, ...]:
    """Columns of a day, moved to the session under way."""
    assert store.grid is not None
    ts_ns, *values = day.columns
    return ts_ns - ts_ns[0] + store.grid.segments[0, 0], *values


def check(store: sd.SessionData, days: int) -> None:
    """Every symbol has rows, derived bars and gaps of its days, and nothing in the session."""
    alone = ours.fill(data.minutes(0))[1]
    for symbol in store.symbols.values():
        bars = symbol.historical_bars
        assert {name: len(bars[name]) for name in bars} == dict.fromkeys(("1m", *data.DERIVED), days)
        assert all(
            bars[name].tally() == (days * n, days * n) for name, n in zip(bars, (390, 78, 26, 7, 1), strict=True)
        )
        assert len(symbol.bars()) == 0
    first = next(iter(store.symbols.values()))
    for name in ("1m", *data.DERIVED):
        window = first.historical_bars[name][first.historical_bars[name].dates[-1]]
        for column in ("open", "high", "low", "close", "volume"):
            assert np.array_equal(getattr(window, column), getattr(alone.bars(name), column))


def rolls_of(kept: int, count: int) -> tuple[list[float], list[float]]:
    """Seconds of each roll, and of the first bars after it. `kept` 0: history grows, and every
    block is memory never touched; else each roll lets go of a day too, whose memory comes again."""
    store = full_store(SYMBOLS, kept or count + 1)
    symbols = list(store.symbols.values())
    rolled, first = [], []
    for _ in range(count + (kept + 1 if kept else 0)):
        gc.collect()
        rolled.append(clocked(store.roll_session))
        columns = [today(store, data.minutes(number)) for number in range(50)]
        rows = [list(zip(*(column[:FIRST].tolist() for column in day), strict=True)) for day in columns]
        calls = [(symbol.append, row) for number, symbol in enumerate(symbols) for row in rows[number % 50]]

        def bars(calls: list[Any] = calls) -> None:
            for append, row in calls:
                append(*row)

        first.append(clocked(bars))
        for number, symbol in enumerate(symbols):
            symbol.extend(*(column[FIRST:] for column in columns[number % 50]))
    store.roll_session()
    check(store, kept or count + 1)
    return rolled[-count:], first[-count:]


KEPT = {"history grows": 0, "five days kept": 5}


@pytest.mark.parametrize("kept", KEPT)
def test_roll(kept, timed):
    title = "A roll of 1,000 symbols x 390 bars x 5 intervals, per symbol"
    timed.record(
        "roll", title, kept, SYMBOLS, lambda: rolls_of(KEPT[kept], 4 if timed.quick else 10)[0], curve="history"
    )


@pytest.mark.parametrize("kept", KEPT)
def test_first_bars(kept, timed):
    title = f"One of the first {FIRST} bars of 1,000 symbols after a roll, by `append`; the loop is not taken off"
    run = lambda: rolls_of(KEPT[kept], 4 if timed.quick else 10)[1]  # noqa: E731
    timed.record("roll/first", title, kept, SYMBOLS * FIRST, run, curve="history")


@pytest.mark.parametrize("days", [0, 10])
def test_append_with_history(days, timed):
    """The same appends on a store without history, and on one with ten days of it."""
    day = data.minutes()

    def setup() -> Any:
        store = sd.SessionData(ours.CALENDAR, "1m", data.DERIVED, days)
        store.start_session(day.date)
        spy = store.register_symbol("SPY")
        for _ in range(days):
            spy.extend(*today(store, day))
            store.roll_session()
        return store, spy

    store, spy = setup()
    assert len(spy.historical_bars["1m"]) == days
    rows = list(zip(*(column.tolist() for column in today(store, day)), strict=True))
    title = "One bar, appended by a call from Python: 390 bars of 1m, with a history and without"
    name = f"sessiondata, {days} days of history" if days else "sessiondata"
    timed.loop("roll/append", title, name, rows, lambda: setup()[1].append)
