"""Snapshots: what is loaded is what was saved, now and from then on; no file that is not whole is
read."""

from __future__ import annotations

import datetime as dt
import os
import random
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

import sessiondata as sd
from sessiondata._native.out.capture import capture
from sessiondata.store.store import parts_of
from sessiondata.store.symbol import state_of
from stored import (
    CALENDAR,
    DATES,
    GLOBEX,
    MUTATIONS,
    STORES,
    check_symbol,
    deltas_of,
    go_on,
    opening,
    operation,
    reloaded,
    rich_store,
    rows,
    same_stores,
)
from test_history_laws import ResumedHistoryLife, ResumedStoreLife, ResumedTapeLife
from worlds import MINUTE, SECOND

# --- operations that go on after a load -----------------------------------------------------------


class Saved:
    """A life in which the store is saved and loaded now and then. The reference model knows nothing
    of that: so all that comes after is as if nothing had happened. What it is after each step can
    be saved and loaded (law 8)."""

    world: Any

    @invariant()
    def what_is_saved_can_be_loaded(self) -> None:
        content = self.world.data.dumps()
        assert sd.loads(content).dumps() == content

    @rule(active=st.booleans())
    def save_and_load(self, active: bool) -> None:
        if not active:
            self.world.data.deactivate()
        self.world.data = reloaded(self.world.data)
        self.world.data.activate()
        self.world.same()


class SavedStoreLife(Saved, ResumedStoreLife): ...


class SavedTapeLife(Saved, ResumedTapeLife): ...


class SavedHistoryLife(Saved, ResumedHistoryLife): ...


DEEP = os.environ.get("SESSIONDATA_HYPOTHESIS") == "thorough"
SavedStoreLife.TestCase.settings = settings(max_examples=600 if DEEP else 15, stateful_step_count=25)
TestSavedStoreLife = pytest.mark.slow(SavedStoreLife.TestCase)
SavedTapeLife.TestCase.settings = settings(max_examples=600 if DEEP else 15, stateful_step_count=25)
TestSavedTapeLife = pytest.mark.slow(SavedTapeLife.TestCase)
SavedHistoryLife.TestCase.settings = settings(max_examples=300 if DEEP else 8, stateful_step_count=20)
TestSavedHistoryLife = pytest.mark.slow(SavedHistoryLife.TestCase)


# --- stores by example ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", STORES)
def test_a_store_comes_back(name: str) -> None:
    reloaded(STORES[name]())


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 9, 2_000, 6_000])
def test_a_small_ring_that_has_gone_round_many_times(n: int) -> None:
    """Loading folded the rows that had left the ring, from the memory before it, and died where
    that was nobody's."""
    data = sd.SessionData(None, "1s", ("5s", "1m"), capacity=4)
    start = opening(data.calendar, DATES[0])
    for k in range(20):
        data.register_symbol(f"S{k}").extend(*rows(random.Random(n), start, range(n), SECOND))
    loaded = reloaded(data)
    for store in (data, loaded):
        store.append("S0", start + n * SECOND, 1.0, 2.0, 0.5, 1.5, 3.0)
    same_stores(data, loaded)


@pytest.mark.slow
@pytest.mark.parametrize("name", STORES)
def test_both_go_on_alike(name: str) -> None:
    """The same operations on both, whatever they are: late bars, ticks, marks, rolls, loads, new
    symbols."""
    one = STORES[name]()
    other = reloaded(one)
    for seed in range(3):
        for data in (one, other):
            go_on(data, random.Random(seed))
        same_stores(one, other)
        if seed != 1:  # else nobody asks before the next file
            for data in (one, other):
                data.activate()
            assert deltas_of(one) == deltas_of(other)
        other = reloaded(other)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40 if MUTATIONS >= 10_000 else 6))
def test_whatever_can_be_saved_can_be_loaded(seed: int) -> None:
    """After each of many calls of every kind: bars and late ones, trades, quotes, marks, retries,
    fills, loads of days before and to come, rolls, ends and sessions that go on, symbols that come
    and go, pins, values and cursors."""
    rng = random.Random(seed)
    capacity = rng.choice([None, None, 3, 17])
    data = rich_store(seed, capacity=capacity) if seed % 2 else sd.SessionData(CALENDAR, "1m", ("5m", "1d"), 1)
    data.add_historical_indicator("avg_volume_4d")
    for _ in range(60):
        with suppress(sd.SessionDataError):
            rng.choice([operation, operation, rare_operation])(data, rng)
        content = data.dumps()
        loaded = sd.loads(content)
        assert loaded.dumps() == content
        for symbol in loaded.symbols.values():
            check_symbol(symbol)
        if rng.random() < 0.1:
            data = loaded


def rare_operation(data: sd.SessionData, rng: random.Random) -> None:
    name = rng.choice([*data.symbols, "new", "other"])
    kind = rng.randrange(11)
    ts = opening(CALENDAR, rng.choice(["2024-03-04", "2024-03-08", *DATES, "2024-03-18"])) + rng.randrange(90) * MINUTE
    if kind == 0:
        data.end_session()
    elif kind == 1 and parts_of(data).context.clock.ended is not None:
        data.start_session(parts_of(data).context.clock.ended)
    elif kind == 2:
        with suppress(ValueError):  # it is there with other ones
            data.register_symbol(name, quote_bars=rng.choice([None, "mid"]), calendar=rng.choice([None, GLOBEX]))
    elif kind == 3:
        data.remove_symbol(name)
    elif kind == 4 and rng.random() < 0.1:
        data.clear()
    elif kind == 5:
        data.set_quality(name, "1m", rng.choice([None, 12.5]))
    elif kind == 6:
        data.set_gaps(name, "1m", rng.choice([None, [sd.GapInfo(name, "1m", ts, ts + MINUTE, 2)]]))
    elif kind == 7:
        data.set_historical_indicator(name, "x", rng.choice([None, 1.5, {"a": [1]}]))
    elif kind == 8:
        cursor = data.export_cursor(rng.choice(["a", "b"]))
        data.to_json(rng.random() < 0.5, cursor=cursor, timestamps=rng.choice(["time", "iso"]))
    elif kind == 9:
        data.load_historical_bars(name, rng.choice(["1m", "3m", "1d"]), *rows(rng, ts, range(3)))
    else:
        data.roll_session()


def test_daily_bars_of_trimmed_days_ascend() -> None:
    """A day that was loaded behind newer ones and trimmed came last among the daily bars, and the
    file was refused."""
    data = sd.SessionData(None, "1m", (), 1)
    data.add_historical_indicator("avg_volume_5d")
    data.start_session("2024-03-11")
    spy = data.register_symbol("SPY")
    for date in ("2024-03-11", "2024-03-12", "2024-03-13"):
        spy.append(opening(data.calendar, date), 1.0, 1.0, 1.0, 1.0, float(date[-2:]))
        data.roll_session()
    one = np.ones(1)
    spy.load_historical_bars("1m", [opening(data.calendar, "2024-03-08")], one, one, one, one, one * 8)
    data.roll_session()
    days = state_of(spy).history.days
    assert [str(date) for date in days.daily] == [
        "2024-03-08",
        "2024-03-11",
        "2024-03-12",
        "2024-03-13",
    ]
    reloaded(data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ticks", "quotes"])
@pytest.mark.parametrize("capacity", [65_536, 3])
def test_a_session_of_trades_that_goes_on_has_a_ring_of_its_own(kind: str, capacity: int) -> None:
    """The day that ended shared its trades with the session that went on, and changed with it."""
    data = sd.SessionData(None, "1m", ("5m",), tick_capacity=capacity, quote_capacity=capacity)
    data.start_session(DATES[0])
    symbol = data.register_symbol("S", quote_bars="mid")
    start = opening(data.calendar, DATES[0])

    def put(ts: int) -> None:
        if kind == "ticks":
            symbol.append_tick(ts, 1.0, 1.0, "Q")
        else:
            symbol.append_quote(ts, 1.0, 1.0, 1.0, 1.0)

    for k in range(5):  # of three rows two have left the ring
        put(start + k)
    kept = symbol.ticks[:].copy() if kind == "ticks" else symbol.quotes[:].copy()
    data.end_session()
    frozen = state_of(symbol).history.days.cores[dt.date(2024, 3, 11)]
    before = capture(frozen)
    data.start_session(DATES[0])
    loaded = reloaded(data)
    for k in range(7):
        put(start + 5 * MINUTE + k)
        loaded = reloaded(data)
    assert capture(frozen) == before
    series = loaded.symbols["S"].ticks if kind == "ticks" else loaded.symbols["S"].quotes
    expected = [*(row.timestamp for row in kept), *(start + 5 * MINUTE + k for k in range(7))]
    assert series.timestamp.tolist() == expected[-min(capacity, len(expected)) :]
    assert series.total_count == 12
