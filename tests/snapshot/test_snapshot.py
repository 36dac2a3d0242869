"""Snapshots: what is loaded is what was saved, now and from then on; no file that is not whole is
read."""

from __future__ import annotations

import copy
import datetime as dt
import json
import os
import random
import re
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

import sessiondata as sd
from sessiondata import atomic as files
from sessiondata._native.out.capture import capture
from sessiondata.export.document import document_bytes
from sessiondata.market.calendar import provider_of
from sessiondata.rows.series import native_of
from sessiondata.snapshot import container as snapshot
from sessiondata.snapshot import save as saving
from sessiondata.snapshot.capture import StoreCopy
from sessiondata.store.cursor import ExportCursor
from sessiondata.store.store import parts_of
from sessiondata.store.symbol import state_of
from test_history import ResumedHistoryLife, ResumedStoreLife, ResumedTapeLife
from worlds import HOUR, MINUTE, SECOND, exact

#: Mutated files, and kills; SESSIONDATA_SNAPSHOTS=10000 and 150 kills are what was promised.
MUTATIONS = int(os.environ.get("SESSIONDATA_SNAPSHOTS", "600"))
KILLS = 150 if MUTATIONS >= 10_000 else 6


def reloaded(data: sd.SessionData) -> sd.SessionData:
    """The store by way of a file; equal in every answer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.snapshot")
        data.save(path)
        loaded = sd.load(path)
        assert os.listdir(folder) == ["a.snapshot"]
        same_stores(data, loaded)
        loaded.save(Path(folder, "b.snapshot"))
        assert path.read_bytes() == Path(folder, "b.snapshot").read_bytes()
    return loaded


def same_stores(one: sd.SessionData, other: sd.SessionData) -> None:
    assert everything(one) == everything(other)
    for symbol in other.symbols.values():
        check_symbol(symbol)


def check_symbol(symbol: sd.SymbolSessionData) -> None:
    state_of(symbol).core.check_invariants()
    for day in state_of(symbol).history.days.cores.values():
        day.check_invariants()


def everything(data: sd.SessionData) -> Any:
    """Every answer of a store, in a form that tells 0.0 from -0.0."""
    active = data.is_active
    data.activate()
    store = parts_of(data)
    context, clock = store.context, store.context.clock
    answers = [
        active, data.calendar.name, data.calendar.tz, data.grid, data.session_date, clock.ended, data.sequence,
        data.as_of, data.grace_ns, clock.as_of, data.trailing_days, store.settings, context.extended_hours,
        [(name, kept.days, kept.is_built_in) for name, kept in context.indicators.items()],
        [document_bytes(store, True, ExportCursor(None), style) for style in ("time", "iso", "epoch_ms", "epoch_ns")],
        clock.epoch, data.cursors, None not in store.cursors,
        [(cursor.sequence, cursor.timestamps, sorted(cursor.symbols or ()), sorted(cursor.intervals or ()))
         for cursor in cursors_of(data)],
        [everything_of(symbol) for symbol in data.symbols.values()],
    ]  # fmt: skip
    if not active:
        data.deactivate()
    return exact(answers)


def cursors_of(data: sd.SessionData) -> list[ExportCursor]:
    return parts_of(data).cursors.all()


def deltas_of(data: sd.SessionData) -> list[bytes]:
    """What is new to each consumer; those that cannot be served take a complete document."""
    made = []
    for cursor in cursors_of(data):
        style = cursor.timestamps or "iso"
        made.append(data.to_json(False, cursor=cursor, timestamps=style))
        if cursor.sequence is None:
            made.append(data.to_json(cursor=cursor, timestamps=style))
    return made


def everything_of(symbol: sd.SymbolSessionData) -> Any:
    state = state_of(symbol)
    core, history = state.core, state.history
    intervals = [interval.name for interval in history.intervals()]
    built_in = [name for name, kept in state.context.indicators.items() if kept.is_built_in]
    return [
        symbol.symbol, symbol.intervals, symbol.calendar.name, symbol.grid, core.quote_bars, symbol.metrics(),
        symbol.last_update, symbol.bars_updated, symbol.ticks_updated, symbol.quotes_updated, state.pins.gaps,
        [(gap.zone, gap.last_retry) for gaps in state.pins.gaps.values() for gap in gaps],
        state.pins.quality,
        everything_of_day(symbol), [everything_of_tape(tape) for tape in (symbol.ticks, symbol.quotes)],
        [everything_of_day(history.day(date)) for date in history.days.cores],
        history.days.daily,
        [(name, date, [column.tobytes() for column in columns])
         for name, dates in history.days.supplied.items() for date, columns in dates.items()],
        [(name, symbol.historical_bars[name].dates, symbol.historical_bars[name].gaps(),
          symbol.historical_bars[name].tally()) for name in intervals],
        [state.indicator(name, symbol) for name in built_in], state.values,
    ]  # fmt: skip


def everything_of_day(symbol: Any) -> Any:
    """Of a symbol's session, or a past one."""
    answers = [symbol.counters, symbol.marks]
    for k, interval in enumerate(symbol.intervals):
        series = symbol.bars(interval)
        core = native_of(series)[0]
        extended = series.extended_slots
        answers.append([
            [tuple(bar) for bar in series], series.n_base.tolist() if series.is_derived else None, series.total_count,
            series.forming, series.gaps, core.answer(k)[:3], core.as_of,
            core.gap_count(k), core.newest_ts(False), core.newest_ts(True), core.session_bar(False),
            core.session_bar(True), extended.expected, extended.present, extended.gaps, series.quality,
        ])  # fmt: skip
    return answers


def everything_of_tape(series: Any) -> Any:
    return [[tuple(row) for row in series], series.counters, series.total_count, series.latest]


# --- lives that go on after a load ----------------------------------------------------------------


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

CALENDAR = sd.SessionCalendar.from_hours(
    "09:30", "16:00", "America/New_York", breaks=[("12:00", "12:30")], holidays=["2024-03-14"],
    early_closes={"2024-03-15": "13:00"}, late_opens={"2024-03-13": "10:00"}, name="lunch",
)  # fmt: skip
GLOBEX = sd.SessionCalendar.from_hours("17:00", "16:00", "America/Chicago")
TABLE = sd.SessionCalendar.from_schedule(
    {f"2024-03-{day}": [(1710000000 * 10**9 + (day - 9) * 24 * HOUR, 1710000000 * 10**9 + (day - 9) * 24 * HOUR + HOUR)]
     for day in range(11, 16)}, "Europe/Berlin", "table",
)  # fmt: skip
DATES = ("2024-03-11", "2024-03-12", "2024-03-13")


def rows(rng: random.Random, start: int, minutes: Any, step: int = MINUTE) -> list[np.ndarray]:
    ts = start + step * np.array(list(minutes), np.int64)
    prices = np.array([[rng.randrange(1000, 1100) / 4 for _ in range(4)] for _ in ts])
    volume = np.array([rng.choice([0.1, 7.0, 100.0, 1 / 3]) for _ in ts])
    return [ts, prices[:, 0], prices.max(1), prices.min(1), prices[:, 3], volume]


def opening(calendar: sd.SessionCalendar, date: str) -> int:
    return int(calendar.session(date).segments[0, 0])


def rich_store(seed: int = 0, **options: Any) -> sd.SessionData:
    """A little of everything, three days of it."""
    rng = random.Random(seed)
    options = {"grace_ns": 3 * MINUTE, "extended_hours": ("09:00", "17:00"), **options}
    data = sd.SessionData(CALENDAR, "1m", ("5m", "15m", "1d"), 5, tick_capacity=40, quote_capacity=9, **options)
    data.start_session(DATES[0])
    for name in ("ABC", 'q"\\\n', "ünï"):
        data.register_symbol(name)
    data.register_symbol("ES", "2m", ("10m",), calendar=GLOBEX)
    data.register_symbol("24", "30s", ("1m",), calendar=None)
    data.register_symbol("DAX", calendar=TABLE)
    data.register_symbol("T")
    data.register_symbol("Q", quote_bars="mid")
    data.register_symbol("new")
    data.add_historical_indicator("avg_volume_2d")
    data.add_historical_indicator("max_price_9d")
    data.set_historical_indicator("ABC", "set", [1, -0.0, None, {"a": float("inf")}, "x"])
    for number, date in enumerate(DATES):
        start = opening(CALENDAR, date)
        for name in ("ABC", 'q"\\\n', "DAX", "ES"):
            symbol = data.symbols[name]
            first = opening(symbol.calendar, date)
            step = state_of(symbol).core.steps_ns[0]
            minutes = sorted(rng.sample(range(-5, 120), 60))
            symbol.extend(*rows(rng, first, minutes, step))
            symbol.extend(*rows(rng, first, rng.sample(range(118), 4), step))  # late and corrected
        data.append("ABC", start + 7 * MINUTE + 11, 1.0, 2.0, 0.5, 1.5, 3.0)
        for name, append in (("T", data.append_tick), ("Q", data.append_quote), ("ABC", data.append_quote)):
            for _ in range(60 if name == "T" else 12):
                ts = start + rng.randrange(30 * MINUTE)
                if name == "T":
                    append(name, ts, rng.randrange(100) / 4, 5.0, rng.choice(["", "Q", "ARCX"]))
                else:
                    append(name, ts, rng.randrange(100) / 4, 3.0, 1.0, 2.0)
        spy = data.symbols["ABC"]
        spy.mark_no_trade("5m", start + 20 * MINUTE, start + 40 * MINUTE)
        spy.mark_halted(start + 30 * MINUTE, start + 200 * MINUTE)
        spy.record_retry("1m", start, start + 15 * MINUTE, start + 60 * MINUTE)
        spy.record_retry("15m", start, start + 90 * MINUTE, start + 61 * MINUTE)
        with pytest.raises(sd.BarError):
            data.extend("ABC", [start], [1.0], [0.5], [1.0], [1.0], [1.0])
        data.extend("ABC", [start, start], [1.0, np.nan], [0.5, 2.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0], on_bad="skip")
        data.extend_ticks("T", [start], [np.inf], [1.0], on_bad="skip")
        if number == 2:
            data.to_json(cursor=data.export_cursor("today"), symbols=["ABC", "GONE", "T", "ES"], intervals=["1m", "5m"])
            data.remove_symbol("GONE")
            for minute in rng.sample(range(118), 30):
                data.append("ABC", start + minute * MINUTE, 1.0, 2.0, 0.5, 1.5, 3.0)
        data.advance_to(start + 150 * MINUTE)
        data.fill("T", *rows(rng, start, range(20, 100, 3)))
        # kept, and the bar that was filled stands
        data.append_tick("T", start + 23 * MINUTE, 7.0, 1.0)
        data.fill("new", *rows(rng, start, range(2)))  # nobody feeds it
        if number + 1 < len(DATES):
            data.to_dict(cursor=data.export_cursor(f"day {number}"))
            data.roll_session()
            data.register_symbol("GONE")
    for date in ("2024-03-04", "2024-03-05"):
        first = opening(CALENDAR, date)
        data.load_historical_bars("ABC", "1m", *rows(rng, first, range(9)))
        data.load_historical_bars("ABC", "3m", *rows(rng, first, range(0, 30, 3)))
        data.load_historical_bars("ABC", "1d", *rows(rng, first, [0]))
    data.set_quality("ABC", "5m", 12.5)
    gap = sd.GapInfo("ABC", "1m", start, start + MINUTE, 2, 3, dt.datetime(2024, 3, 12, tzinfo=dt.UTC), CALENDAR.zone)
    data.set_gaps("ABC", "1m", [gap, gap._replace(last_retry=None, zone=dt.timezone(dt.timedelta(hours=2)))])
    data.symbols["DAX"].bars_updated = False
    data.to_json(timestamps="epoch_ms")
    data.append("24", start + 151 * MINUTE, 1.0, 2.0, 0.5, 1.5, 3.0)
    data.export_cursor("new")
    return data


def ring_store(seed: int = 0) -> sd.SessionData:
    """Rings that have wrapped, with and without a session."""
    return rich_store(seed, capacity=17)


def idle_store() -> sd.SessionData:
    """Between two sessions, with what was counted since."""
    data = rich_store(1)
    data.end_session()
    data.append("ABC", opening(CALENDAR, "2024-02-01"), 1.0, 1.0, 1.0, 1.0, 1.0)
    data.append("ABC", opening(CALENDAR, DATES[1]) + 111 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    data.extend("T", [opening(CALENDAR, "2024-02-01")], [1.0], [0.5], [1.0], [1.0], [1.0], on_bad="skip")
    return data


STORES = {
    "rich": rich_store,
    "wrapped": ring_store,
    "idle": idle_store,
    "empty": sd.SessionData,
    "close labels": lambda: rich_store(2, label="close", extended_hours=None, grace_ns=0),
}


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


def go_on(data: sd.SessionData, rng: random.Random) -> None:
    """Some operations; what they answer is compared by what becomes of the store. Errors are of
    this library."""
    for _ in range(40):
        with suppress(sd.SessionDataError):
            operation(data, rng)


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


def operation(data: sd.SessionData, rng: random.Random) -> None:
    name = rng.choice([*data.symbols, "new"])
    symbol = data.register_symbol(name)
    date = rng.choice([*DATES, "2024-03-15"])
    ts = opening(CALENDAR, date) + rng.randrange(-40, 400) * 30_000_000_000
    bar = [rng.randrange(100) / 4, 30.0, 0.0, 7.0, rng.choice([0.1, 3.0])]
    kind = rng.randrange(13)
    if kind < 3:
        symbol.append(ts, *bar)
    elif kind == 3:
        symbol.extend(*rows(rng, ts, range(1 + rng.randrange(40))), on_bad="skip")
    elif kind == 4:
        symbol.append_tick(ts, bar[0], 2.0, "N")
    elif kind == 5:
        symbol.append_quote(ts, bar[0], 2.0, 1.0, 1.0)
    elif kind == 6:
        symbol.mark_no_trade(rng.choice(symbol.intervals), ts, ts + rng.randrange(30) * MINUTE)
    elif kind == 7:
        symbol.mark_halted(ts, ts + rng.randrange(90) * MINUTE)
    elif kind == 8:
        symbol.record_retry(rng.choice(symbol.intervals), ts, ts + rng.randrange(90) * MINUTE, ts)
    elif kind == 9:
        data.advance_to(ts)
    elif kind == 10 and rng.random() < 0.3:
        data.roll_session()
    elif kind == 11:
        symbol.fill(*rows(rng, ts, range(1 + rng.randrange(60))), on_bad="skip")
    else:
        symbol.load_historical_bars(rng.choice(["1m", "3m", "1d"]), *rows(rng, ts, [0, 1]))


# --- the way to the disk --------------------------------------------------------------------------


class Failing:
    """`os` as `snapshot` uses it: the n-th call of a function fails, writes are short, and syncs do
    nothing."""

    def __init__(self, name: str | None = None, n: int = -1) -> None:
        self.name, self.n, self.calls = name, n, {"open": 0, "lseek": 0, "write": 0, "fsync": 0, "replace": 0}

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls[name] += 1
            if name == self.name and self.calls[name] == self.n:
                raise OSError(28, "No space left on device")
            if name == "write":
                arguments = (arguments[0], arguments[1][:1009])
            return None if name == "fsync" else getattr(os, name)(*arguments)

        return call


def let_fail(monkeypatch: pytest.MonkeyPatch, failing: Failing) -> None:
    for module in (saving, files):
        monkeypatch.setattr(module, "_os", failing)


def test_whatever_fails_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store"
    old, new = rich_store(0), rich_store(3)
    old.save(path)
    whole = path.read_bytes()
    counting = Failing()
    let_fail(monkeypatch, counting)
    new.save(tmp_path / "other")
    assert counting.calls["write"] > 20
    assert (counting.calls["replace"], counting.calls["fsync"]) == (1, 2)
    for name, calls in counting.calls.items():
        for n in range(1, calls + 1):
            let_fail(monkeypatch, Failing(name, n))
            with pytest.raises(OSError, match="No space left"):
                new.save(path)
            assert sorted(os.listdir(tmp_path)) == ["other", "store"]
            # The folder is opened and synced when the new file has taken its place.
            assert path.read_bytes() == ((tmp_path / "other") if (name, n) in LAST else path).read_bytes()
            if (name, n) in LAST:
                path.write_bytes(whole)
            assert path.read_bytes() == whole


LAST = {("open", 2), ("fsync", 2)}


def test_a_failed_copy_leaves_nothing(tmp_path: Path) -> None:
    data = rich_store()
    data.set_historical_indicator("ABC", "x", object())
    with pytest.raises(sd.SnapshotError, match=r"indicator 'x' of symbol 'ABC': only numbers") as caught:
        data.save(tmp_path / "store")
    assert caught.value.part == "indicator 'x' of symbol 'ABC'"
    data = sd.SessionData(sd.SessionCalendar(Unknown(provider_of(CALENDAR))))
    with pytest.raises(sd.SnapshotError, match="no recipe for a calendar"):
        data.save(tmp_path / "store")
    assert os.listdir(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        sd.SessionData().save(tmp_path / "missing" / "store")
    with pytest.raises(FileNotFoundError):
        sd.load(tmp_path / "missing")


class Unknown:
    """A source of hours that is not the library's."""

    def __init__(self, source: Any) -> None:
        self.name, self.zone, self.hours, self.before, self.after = (
            source.name, source.zone, source.hours, source.before, source.after,
        )  # fmt: skip
        self.range_near = source.range_near


@pytest.mark.skipif(os.name == "nt", reason="permission bits and links of POSIX")
def test_permission_bits_and_links_stay(tmp_path: Path) -> None:
    data, path, link = sd.SessionData(), tmp_path / "store", tmp_path / "folder" / "link"
    link.parent.mkdir()
    link.symlink_to("../store")
    before = os.umask(0o027)
    try:
        data.save(link)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        data.advance_to(5)
        data.save(link)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert link.is_symlink()
    assert parts_of(sd.load(path)).context.clock.as_of == parts_of(sd.load(link)).context.clock.as_of == 5
    assert os.listdir(link.parent) == ["link"]


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_no_pipe_or_device_is_replaced_by_a_file(tmp_path: Path) -> None:
    """`save("/dev/null")` as root made a file of it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="takes the place of a file"):
        sd.SessionData().save(pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(IsADirectoryError, match="takes the place of a file"):
        sd.SessionData().save(tmp_path)
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(files.fcntl is None, reason="needs locks")
def test_only_what_dead_writers_of_this_file_left_is_swept(tmp_path: Path) -> None:
    data, path = sd.SessionData(), tmp_path / "store"
    prefix = f".sessiondata-{zlib.crc32(b'store'):08x}-"
    others = ["store.tmp", f"{prefix}0123.tmp", f".sessiondata-{zlib.crc32(b'other'):08x}-{'0' * 16}.tmp", f"{prefix}x"]
    for name in (*others, f"{prefix}{'0' * 16}.tmp", f"{prefix}{'1' * 16}.tmp"):
        (tmp_path / name).write_bytes(b"half")
    with open(tmp_path / f"{prefix}{'1' * 16}.tmp", "rb+") as alive:
        files.fcntl.flock(alive, files.fcntl.LOCK_EX)
        data.save(path)
    assert sorted(os.listdir(tmp_path)) == sorted([*others, f"{prefix}{'1' * 16}.tmp", "store"])
    data.save(path)
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "store"])


SAVING = """
import sys
import sessiondata as sd
from test_snapshot import rich_store
stores = [rich_store(n) for n in range(3)]
print("ready", flush=True)
while True:
    for data in stores:
        data.save(sys.argv[1])
"""


@pytest.mark.threads
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
def test_killed_at_any_moment_the_file_is_whole(tmp_path: Path) -> None:
    path, rng = tmp_path / "store", random.Random(1)
    wanted = []
    for n in range(3):
        rich_store(n).save(path)
        wanted.append(path.read_bytes())
    left = 0
    # where pytest finds the tests
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(KILLS):
        command = [sys.executable, "-c", SAVING, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            for _ in range(rng.choice([1, 1, 3])):
                time.sleep(rng.random() * 0.03)
            writer.send_signal(signal.SIGKILL)
        left += len(os.listdir(tmp_path)) > 1
        assert path.read_bytes() in wanted
        sd.load(path)
    rich_store().save(path)
    assert os.listdir(tmp_path) == ["store"]
    print(f"{KILLS} kills, {left} of them left a temporary file")


# --- what a file says -----------------------------------------------------------------------------


def changed(path: Path, change: Any) -> None:
    """Change the store part of a file; all sums are right afterwards."""
    parts = pieces_of(path.read_bytes())
    kept = json.loads(parts[-1][2])
    change(kept)
    text = json.dumps(kept).encode()
    path.write_bytes(sealed([*parts[:-1], (b"store", 0, text + b" " * (-len(text) % 8))]))


@pytest.mark.slow
def test_every_cut_and_every_kind_of_flip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store"
    sd.SessionData().save(path)
    whole = path.read_bytes()
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(sd.SnapshotError):
            sd.load(path)
    for at in range(len(whole)):
        for bit in range(8) if MUTATIONS >= 10_000 else (at % 8,):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            with pytest.raises(sd.SnapshotError):
                sd.load(path)
    path.write_bytes(whole + b"\0" * 8)
    with pytest.raises(sd.SnapshotError, match="bytes"):
        sd.load(path)


def test_a_newer_version_says_so_and_unknown_parts_follow_their_flag(tmp_path: Path) -> None:
    path, data = tmp_path / "store", rich_store()
    data.save(path)
    parts = pieces_of(path.read_bytes())
    path.write_bytes(sealed(parts, version=2))
    with pytest.raises(sd.SnapshotError, match=r"header: of version 2, this library reads up to 1"):
        sd.load(path)
    path.write_bytes(sealed([*parts, (b"colours", snapshot.OPTIONAL, b"whatever")]))
    same_stores(data, sd.load(path))
    path.write_bytes(sealed([*parts, (b"colours", 0, b"whatever")]))
    with pytest.raises(sd.SnapshotError, match=r"kind b'colours' is needed, which this version does not know"):
        sd.load(path)
    path.write_bytes(sealed([*parts, parts[-1]]))
    with pytest.raises(sd.SnapshotError, match="one part is the store's, not 2"):
        sd.load(path)
    path.write_bytes(b"PK" + path.read_bytes())
    with pytest.raises(sd.SnapshotError, match="not a snapshot"):
        sd.load(path)


def test_lies_about_lengths_cost_no_memory(tmp_path: Path) -> None:
    """With right sums as well: of rows, of parts, of what a ring holds."""
    path, data = tmp_path / "store", rich_store()
    data.save(path)
    whole = path.read_bytes()

    def lie_of(change: Any) -> None:
        path.write_bytes(whole)
        changed(path, change)

    def rows_of(kept: Any) -> Any:
        return kept["symbols"][0]["session"]

    def many_rows(kept: Any) -> None:
        for column in rows_of(kept)["columns"]:
            column[2] = 2**40

    lies: list[Any] = [
        many_rows, lambda kept: rows_of(kept).update(stored=2**40), lambda kept: rows_of(kept).update(part=2**31),
        lambda kept: rows_of(kept)["columns"][0].__setitem__(2, -1),
        lambda kept: kept.update(capacity=2**40), lambda kept: kept.update(tick_capacity=2**33),
    ]  # fmt: skip
    heads = [struct.pack("<I", n) for n in (0, 2**32 - 1)]
    tracemalloc.start()
    try:
        for lie in lies:
            lie_of(lie)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            with pytest.raises(sd.SnapshotError):
                sd.load(path)
            assert tracemalloc.get_traced_memory()[1] - before < 60 * len(whole)
        for head in heads:
            path.write_bytes(whole[:12] + head + whole[16:])
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            with pytest.raises(sd.SnapshotError):
                sd.load(path)
            assert tracemalloc.get_traced_memory()[1] - before < len(whole) + 2**19
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("stored", [10**9, 2**61])
def test_rows_that_have_left_the_ring_are_not_folded_again(tmp_path: Path, stored: int) -> None:
    """Memory as far before the ring was read as rows had left it, for levels that were then written
    before theirs."""
    path = tmp_path / "store"
    ring_store().save(path)
    changed(path, lambda kept: kept["symbols"][0]["session"].update(stored=stored))
    changed(path, lambda kept: kept.pop("cursors"))
    loaded = sd.load(path)
    check_symbol(loaded.symbols["ABC"])
    go_on(loaded, random.Random(2))
    check_symbol(loaded.symbols["ABC"])


def test_a_list_that_is_too_short_is_refused(tmp_path: Path) -> None:
    """The newest times were read from a list beyond its end."""
    path = tmp_path / "store"
    ring_store().save(path)
    changed(path, lambda kept: kept["symbols"][4]["session"].update(newest=[]))
    with pytest.raises(sd.SnapshotError, match=r"session of '24': .* values"):
        sd.load(path)


def test_a_time_that_no_retry_can_have_is_refused(tmp_path: Path) -> None:
    """Shown as a time of day, to the microsecond, it lay before int64."""
    path = tmp_path / "store"
    rich_store().save(path)
    parts = pieces_of(path.read_bytes())
    session = json.loads(parts[-1][2])["symbols"][0]["session"]
    at, number = 0, session["part"]
    for name, kind, n in session["columns"]:
        if name == "retries.0.last":
            break
        at += -(-n * (4 if kind == "<i4" else 8) // 8) * 8
    for last in (-(2**63), 1):
        content = parts[number][2]
        changed_part = (b"session", 0, content[:at] + struct.pack("<q", last) + content[at + 8 :])
        path.write_bytes(sealed([*parts[:number], changed_part, *parts[number + 1 :]]))
        with pytest.raises(sd.SnapshotError, match="times of retries are whole microseconds"):
            sd.load(path)


# --- cursors --------------------------------------------------------------------------------------


def cursor_columns(content: bytes) -> dict[str, tuple[str, int, int]]:
    """(type, rows, where it begins in its part) of each column of the part with cursors, which is
    the last but one."""
    at, found = 0, {}
    for name, kind, n in json.loads(pieces_of(content)[-1][2])["cursors"]["columns"]:
        found[name] = (kind, n, at)
        at += -(-n * (4 if kind == "<i4" else 8) // 8) * 8
    return found


def lie_in_cursors(content: bytes, column: str, row: int, value: Any) -> bytes:
    """A file in which a column of the cursors says something else; all sums are right."""
    kind, _, at = cursor_columns(content)[column]
    number = struct.pack({"<i8": "<q", "<i4": "<i", "<f8": "<d"}[kind], value)
    at += row * len(number)
    *others, (name, flags, rows), store = pieces_of(content)
    assert name.rstrip(b"\0") == snapshot.CURSORS
    return sealed([*others, (name, flags, rows[:at] + number + rows[at + len(number) :]), store])


def test_a_file_without_cursors_is_one_of_before(tmp_path: Path) -> None:
    """Readers that know nothing of cursors pass over the part; a file without it serves nobody
    before a document."""
    path, data = tmp_path / "store", rich_store()
    data.save(path)
    parts = pieces_of(path.read_bytes())
    assert [flags for kind, flags, _ in parts if kind.rstrip(b"\0") == snapshot.CURSORS] == [snapshot.OPTIONAL]
    changed(path, lambda kept: [kept.pop(name) for name in ("cursors", "epoch")])
    loaded = sd.load(path)
    assert (loaded.cursors, loaded.export_cursor().sequence) == ((), None)
    delta = loaded.to_dict(False)
    assert (delta["meta"]["resync"], delta["meta"]["epoch"], delta["symbols"]) == (True, 0, {})
    data = sd.SessionData()
    data.save(path)
    assert len(pieces_of(path.read_bytes())) == 1, "nobody had a cursor"


CURSOR = {"name": "x", "timestamps": None, "symbols": None, "intervals": None, "sequence": None}
LIES: dict[str, tuple[Any, str]] = {
    "as many rows shown": (("0.total", 0, 2**40), "rows that were sent are among those stored"),
    "a row too many": (("0.total", 0, 1), "rows that were sent are among those stored"),
    "rows less than none": (("0.total", 0, -1), "rows that were sent are among those stored"),
    "edits seen": (("0.edited", 0, 2**40), "edits that were seen are among those counted"),
    "edits not seen": (("0.edited", 0, -1), "edits that were seen are among those counted"),
    "edits counted": (("n_edited", 0, 10**9), "times? of .* rows? edited"),
    "edits less than none": (("n_edited", 0, -1), "changes are counted"),
    "no edits": (("n_edited", 0, 0), "time of a row edited|no more edits than were counted"),
    "when": (("edited", 0, 0), "time of a row edited lies in the session's span"),
    "the newest row": (("0.newest", 0, 0), "the newest row sent lies in the session's span"),
    "the newest row, beyond": (("0.newest", 0, 2**63 - 1), "the newest row sent lies in the session's span"),
    "a session to come": (("0.session", 0, 2**40), "a session that was sent had begun"),
    "no such session": (("0.session", 0, -2), "a session that was sent had begun"),
    "a session that has begun": (("session", 0, 0), "a session that was sent had begun"),
    "changes": (("edits", 0, -1), "changes are counted"),
    "pins": (("pin_edits", 0, 2**62), "changes are counted"),
    "missing": (("0.missing", 0, 2**31), "counted in 32 bits"),
    "expected": (("0.expected", 0, -(2**31) - 1), "counted in 32 bits"),
    "edits of a tracker": (("0.gap_edits", 0, 2**63 - 1), "counted in 32 bits"),
    "quality": (("0.quality", 0, 10_001), "quality and flags"),
    "flags": (("0.flags", 0, 16), "quality and flags"),
    "no such symbol": (("0.symbol", 7, 8), "those of the store, in their order"),
    "another order": (("0.symbol", 1, 0), "those of the store, in their order"),
    "less than no symbol": (("0.symbol", 0, -2), "those of the store, in their order"),
    "gone": (("0.symbol", 7, -1), "a symbol that has left has a name"),
    "not gone": (lambda told: told["cursors"][0]["gone"].append("x"), "a row for each symbol and series"),
    "a name of nothing": (lambda told: told["cursors"][0].update(gone=[""]), "not empty"),
    "not selected": (lambda told: told["cursors"][0].update(symbols=["ABC"]), "has sent what it selects"),
    "a name twice": (lambda told: told["cursors"].append(told["cursors"][1]), "a cursor has one name: 'day 0'"),
    "two without a name": (lambda told: told["cursors"].append(told["cursors"][0]), "a cursor has one name: None"),
    "no text": (lambda told: told["cursors"].append({**CURSOR, "name": "\ud800"}), "UTF-8"),
    "no interval": (lambda told: told["cursors"].append({**CURSOR, "intervals": ["x"]}), "interval"),
    "no form of times": (lambda told: told["cursors"].append({**CURSOR, "timestamps": "x"}), "form that there is"),
    "times": (lambda told: told["cursors"][0].update(timestamps=None), "form that there is"),
    "changes to come": (lambda told: told["cursors"][0].update(sequence=10**9), "no changes to come: 1000000000"),
    "columns": (lambda told: told["columns"][0].__setitem__(2, 2**40), "no room for"),
    "one column shorter": (lambda told: told["columns"][0].__setitem__(2, 7), "columns take all of their part"),
    "a part of rows": (lambda told: told.update(part=0), "no part 0 of kind cursors"),
    "no rows": (lambda told: told["cursors"].append({**told["cursors"][1], "name": "y"}), "not laid out"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", LIES)
def test_lies_about_cursors_are_refused(name: str, tmp_path: Path) -> None:
    """Whoever lies may say what a consumer has seen, but nothing that leads to a row that is not
    there."""
    path, data = tmp_path / "store", rich_store()
    data.save(path)
    lie, rule = LIES[name]
    if callable(lie):
        changed(path, lambda kept: lie(kept["cursors"]))
    else:
        column, row, value = lie
        if name == "a row too many":
            value += data.symbols["ABC"].bars_base.total_count
        path.write_bytes(lie_in_cursors(path.read_bytes(), column, row, value))
    with pytest.raises(sd.SnapshotError, match=rule) as caught:
        sd.load(path)
    assert caught.value.part == "cursors"


@pytest.mark.slow
def test_whatever_a_cursor_says_its_deltas_do_no_harm(tmp_path: Path) -> None:
    """Every column of a cursor of this session, with numbers where something ends: refused, or a
    store that exports, takes bars and rolls. (It takes a build with sanitizers to see more than a
    crash.)"""
    path, data = tmp_path / "store", rich_store()
    data.save(path)
    whole, rng = path.read_bytes(), random.Random(3)
    columns = {name: kind_n for name, kind_n in cursor_columns(whole).items() if name[0] not in "0124"}
    n_valid = 0
    for name, (kind, n, _) in columns.items():
        for value in (-(2**63), -1, 0, 1, 65, 2**31 - 1, 2**63 - 1):
            number = value / 4 if kind == "<f8" else value if kind == "<i8" else max(-(2**31), min(value, 2**31 - 1))
            path.write_bytes(lie_in_cursors(whole, name, rng.randrange(n), number))
            with suppress(sd.SnapshotError):
                loaded = sd.load(path)
                deltas_of(loaded)
                go_on(loaded, rng)
                deltas_of(loaded)
                with suppress(sd.SessionStateError):  # it may have rolled that far already
                    loaded.roll_session("2024-03-15")
                deltas_of(loaded)
                n_valid += 1
    assert n_valid > len(columns)


def test_functions_are_given_again(tmp_path: Path) -> None:
    data = sd.SessionData(CALENDAR)
    data.start_session(DATES[0])
    spy = data.register_symbol("SPY")
    data.add_historical_indicator("rows", lambda symbol: len(symbol.bars()), days=2)
    data.save(tmp_path / "store")
    sd.load(tmp_path / "store").save(tmp_path / "store")
    loaded = sd.load(tmp_path / "store")
    # the document would lack a number
    with pytest.raises(sd.SessionStateError, match="add_historical_indicator"):
        loaded.to_json()
    with pytest.raises(sd.SessionStateError, match=r"indicator 'rows' of 'SPY'.*add_historical_indicator\('rows'"):
        loaded.get_historical_indicator("SPY", "rows")
    loaded.add_historical_indicator("rows", lambda symbol: len(symbol.bars()), days=2)
    assert loaded.get_historical_indicator("SPY", "rows") == len(spy.bars())


CALENDARS = {
    "always": sd.SessionCalendar.always_open,
    "always from": lambda: sd.SessionCalendar.always_open("17:00:01", "America/New_York"),
    "overnight": lambda: GLOBEX,
    "table": lambda: TABLE,
    "everything": lambda: CALENDAR,
    "a fraction": lambda: sd.SessionCalendar.from_hours(dt.time(9, 30, 0, 5), "24:00", "UTC", weekdays=(5, 6)),
    "overnight breaks": lambda: sd.SessionCalendar.from_hours(
        "18:00", "17:00", "America/New_York", breaks=[("23:50", "00:10"), ("12:00", "12:00")],
        early_closes={"2024-03-13": "12:00"}, late_opens={dt.date(2024, 3, 12): "20:00"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALENDARS)
def test_calendars_come_back(name: str) -> None:
    calendar = CALENDARS[name]()
    again = sd.SessionCalendar.from_recipe(json.loads(json.dumps(calendar.recipe())))
    assert (again.name, again.tz, again.recipe()) == (calendar.name, calendar.tz, calendar.recipe())
    dates = calendar.session_dates("2024-03-11", "2024-03-15")
    assert again.session_dates("2024-03-11", "2024-03-15") == dates
    assert [again.session(date) for date in dates] == [calendar.session(date) for date in dates]


def test_known_calendars_are_the_same_object() -> None:
    pytest.importorskip("exchange_calendars")
    data = sd.SessionData("XNYS")
    data.start_session("2013-10-07")
    data.register_symbol("BTC", calendar="24/7")
    loaded = reloaded(data)
    assert loaded.calendar is data.calendar is sd.calendar("NYSE")
    assert loaded.symbols["BTC"].calendar is sd.calendar()


def test_hours_are_those_of_the_day_it_was_saved(tmp_path: Path) -> None:
    """What a newer schedule says of a past session is not what the rows stand on."""
    path, data = tmp_path / "store", rich_store()
    data.save(path)
    changed(path, lambda kept: kept["calendars"][kept["calendar"]]["recipe"].update(open="08:00"))
    loaded = sd.load(path)
    assert loaded.grid == data.grid
    assert loaded.to_json() == data.to_json()
    assert loaded.calendar.session("2024-03-15") != data.calendar.session("2024-03-15")
    loaded.roll_session("2024-03-15")


def test_a_program_registers_again_what_it_has_loaded(tmp_path: Path) -> None:
    """It was told that HK is registered with calendar 'XHKG', not 'XHKG'."""

    def registered(data: sd.SessionData) -> list[sd.SymbolSessionData]:
        late = sd.SessionCalendar.from_hours("09:00", "12:00", "UTC")
        own = {"SPY": hours(), "X": late, "HK": "XHKG"}
        return [data.register_symbol(name, calendar=calendar) for name, calendar in own.items()]

    def hours() -> sd.SessionCalendar:
        return sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")

    def closes_earlier(kept: dict[str, Any]) -> None:
        for calendar in kept["calendars"]:
            for segments, _, _ in calendar["sessions"].values():
                segments[-1][1] -= HOUR

    data = sd.SessionData(hours(), "1m", ())
    data.start_session("2024-03-12")
    symbols = registered(data)
    assert registered(data) == symbols
    assert symbols[0].calendar is data.calendar
    data.save(tmp_path / "store")
    for change in (lambda _: None, closes_earlier):
        changed(tmp_path / "store", change)
        loaded = sd.load(tmp_path / "store")
        assert registered(loaded) == list(loaded.symbols.values())
        with pytest.raises(sd.CalendarError, match="registered with calendar"):
            loaded.register_symbol("HK", calendar="24/7")
        assert loaded.register_symbol("IBM", calendar=hours()).calendar is loaded.calendar


def test_days_are_copied_when_it_is_their_turn_and_the_session_before(tmp_path: Path) -> None:
    """What comes after the copy is not in the file."""
    data = rich_store()
    before = everything(data)
    taken = StoreCopy(parts_of(data), "x")
    go_on(data, random.Random(5))
    assert everything(data) != before
    with open(tmp_path / "store", "wb") as file:
        saving.write_container(file.fileno(), taken)
    assert everything(sd.load(tmp_path / "store")) == before


def test_errors_can_be_pickled() -> None:
    import pickle

    error = sd.SnapshotError("a rule", path="a/b", part="header")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "a/b: header: a rule"
    assert (again.path, again.part, again.rule) == ("a/b", "header", "a rule")


# --- files that are not whole ---------------------------------------------------------------------


def pieces_of(content: bytes) -> list[tuple[bytes, int, bytes]]:
    """(kind, flags, content) of each part."""
    n = snapshot.HEAD.unpack_from(content)[2]
    entries = [snapshot.PART.unpack_from(content, snapshot.HEAD.size + i * snapshot.PART.size) for i in range(n)]
    return [(kind, flags, content[at : at + size]) for kind, flags, _, at, size in entries]


def sealed(parts: list[tuple[bytes, int, bytes]], version: int = snapshot.VERSION) -> bytes:
    """A file of parts, all sums right."""
    at = snapshot.HEAD.size + len(parts) * snapshot.PART.size + snapshot.TAIL.size
    table = b""
    for kind, flags, content in parts:
        table += snapshot.PART.pack(kind, flags, zlib.crc32(content), at, len(content))
        at += len(content)
    head = snapshot.HEAD.pack(snapshot.MAGIC, version, len(parts), at) + table
    return head + snapshot.TAIL.pack(zlib.crc32(head), 0) + b"".join(content for _, _, content in parts)


STRANGE: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, -(2**63), 10**30, 0.5, -0.0,
    1e300, float("nan"), float("inf"), "", "x", "1m", "1d", "5m", "0s", "24/7", "UTC", "2024-03-12", "9999-99-99", [],
    {}, [[]], [0], {"a": 1}, "\ud800", "<i8", "<i4", "bars", "ticks", "quotes", "none",
]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of everything in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from places(item)


def lying(rng: random.Random, kept: Any) -> Any:
    """The store part with one to three lies in it."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        found = list(places(kept))
        if rng.random() < 0.8:  # most of it are lists of columns
            found = [(holder, key) for holder, key in found if not isinstance(holder, list)]
        holder, key = rng.choice(found)
        old = holder[key]
        if rng.random() < 0.4 and isinstance(old, int):
            holder[key] = old + rng.choice([-1, 1, 2, -60, 60, MINUTE, -MINUTE, 30_000_000_000, 2**32])
        elif rng.random() < 0.2:
            holder.pop(key)
        elif rng.random() < 0.2:
            holder[key] = copy.deepcopy(rng.choice([h[k] for h, k in places(kept)]))
        else:
            holder[key] = rng.choice(STRANGE)
    return kept


def mutated(rng: random.Random, content: bytes) -> tuple[str, bytes]:
    """Another file, and how it was made: "flipped" and "cut" have one wrong bit, or a wrong
    length."""
    kind = rng.choice(["flipped", "cut", "noise", "head", *["lying numbers", "lying columns"] * 2])
    if kind == "flipped":
        at = rng.randrange(len(content))
        return kind, content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
    if kind == "cut":
        return kind, content[: rng.randrange(len(content))]
    if kind == "noise":
        at, n = rng.randrange(len(content)), rng.randrange(1, 64)
        return kind, content[:at] + rng.randbytes(n) + content[at + rng.choice([0, n]) :]
    if kind == "head":
        at = rng.randrange(8, min(len(content), 400), 4)
        number = rng.choice([0, 1, 2**31, 2**32 - 1, rng.getrandbits(32)])
        content = content[:at] + struct.pack("<I", number) + content[at + 4 :]
        n = min(snapshot.HEAD.unpack_from(content)[2], len(content))
        end = snapshot.HEAD.size + n * snapshot.PART.size
        return kind, content[:end] + struct.pack("<I", zlib.crc32(content[:end])) + content[end + 4 :]
    parts = pieces_of(content)
    if kind == "lying numbers":
        kept = lying(rng, json.loads(parts[-1][2]))
        text = json.dumps(kept).encode()
        parts[-1] = (parts[-1][0], parts[-1][1], text + b" " * (-len(text) % 8))
        return kind, sealed(parts)
    number = rng.choice([i for i, part in enumerate(parts[:-1]) if part[2]] or [0])
    rows = bytearray(parts[number][2])
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(0, len(rows) - 7, 4 if rng.random() < 0.2 else 8) if len(rows) >= 8 else 0
        how = rng.randrange(5)
        if how == 0:
            rows[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            rows[at : at + 8] = struct.pack("<q", rng.choice([0, -1, 1, 2**63 - 1, -(2**63), 10**9, 2**31]))
        elif how == 2:
            rows[at : at + 8] = struct.pack("<d", rng.choice([0.0, -0.0, -1.0, 1e308, np.nan, np.inf, -np.inf]))
        elif how == 3:
            (value,) = struct.unpack_from("<q", rows, at)
            step = rng.choice([1, -1, MINUTE, -MINUTE, 30_000_000_000])
            rows[at : at + 8] = struct.pack("<q", (value + step + 2**63) % 2**64 - 2**63)
        else:
            source = rng.randrange(0, len(rows) - 7, 8) if len(rows) >= 8 else 0
            rows[at : at + 8] = rows[source : source + 8]
    parts[number] = (parts[number][0], parts[number][1], bytes(rows))
    return kind, sealed(parts)


def tables_of(kept: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What has columns, and where it stands."""
    for symbol in kept["symbols"]:
        for entry in [symbol["session"], *symbol["days"], *filter(None, [symbol["daily"]]), *symbol["given"]]:
            what = "day" if "date" in entry and "interval" not in entry else entry.get("interval", "session")
            yield f"{symbol['name']} {'daily' if 'dates' in entry else what} {entry.get('date', '')}", entry
    if "cursors" in kept:
        yield "cursors", kept["cursors"]


def lies_about(column: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Other values of a column that somebody could have meant."""
    if len(column) > 1:
        yield "reversed", column[::-1]
        yield "first twice", np.concatenate([column[:1], column[:1], column[2:]])
        yield "last twice", np.concatenate([column[:-2], column[-1:], column[-1:]])
    numbers: list[Any] = [-1, 0, 1, 2**31 - 1, -(2**31)]
    if column.dtype == np.dtype("<f8"):
        numbers = [-1.0, 0.0, -0.0, 1e308, -1e308, np.nan, np.inf, -np.inf]
    elif column.dtype == np.dtype("<i8"):
        numbers += [2**63 - 1, -(2**63)]
        for step in (1, -1, MINUTE, -MINUTE, 10 * 24 * HOUR, -10 * 24 * HOUR, 24 * HOUR):
            with np.errstate(over="ignore"):
                yield f"all {step:+}", column + step
    elif column.dtype.kind == "S":
        numbers = [b"", b"\xff", b"a\0b"]
    for at in {0, len(column) // 2, len(column) - 1}:
        for number in numbers:
            lie = column.copy()
            lie[at] = number
            yield f"row {at} = {number!r}", lie


def systematic_lies(content: bytes, tables: Any) -> Iterator[tuple[str, bytes]]:
    """Files with right sums, each with one named column that lies, or one count."""
    parts = pieces_of(content)
    for place, entry in tables(json.loads(parts[-1][2])):
        at, number = 0, entry["part"]
        for k, (name, kind, n) in enumerate(entry["columns"]):
            size = n * np.dtype(kind).itemsize
            padded = -(-size // 8) * 8
            column = np.frombuffer(parts[number][2], kind, n, at)
            for what, lie in lies_about(column) if n else ():
                made = list(parts)
                rows = parts[number][2]
                made[number] = (
                    *parts[number][:2],
                    rows[:at] + lie.tobytes().ljust(padded, b"\0") + rows[at + padded :],
                )
                yield f"{place}.{name}: {what}", sealed(made)
            for m in {0, n - 1, n + 1}:
                kept = json.loads(parts[-1][2])
                again = next(found for where, found in tables(kept) if where == place and found["part"] == number)
                again["columns"][k][2] = m
                text = json.dumps(kept).encode()
                yield (
                    f"{place}.{name}: {m} rows",
                    sealed([*parts[:-1], (*parts[-1][:2], text + b" " * (-len(text) % 8))]),
                )
            at += padded


def live_on(data: sd.SessionData) -> None:
    """What a store answers, exports and does: without an error, whatever a file has said."""
    for style in ("time", "epoch_ns"):
        assert data.to_json(timestamps=style) == orjson.dumps(data.to_dict(timestamps=style))
    for name, symbol in data.symbols.items():
        check_symbol(symbol)
        for interval in [found.name for found in state_of(symbol).history.intervals()]:
            for date, window in data.get_historical_bars(name, interval).items():
                grid = symbol.calendar.session(date)
                assert np.all(window.timestamp >= grid.span_start)
                assert np.all(window.timestamp < grid.span_stop)
                assert np.all(window.timestamp[1:] > window.timestamp[:-1])
                assert np.all(window.high >= window.low)
                assert np.all(window.volume >= 0)
                assert len(list(window)) == len(window)
            data.get_historical_quality(name, interval)
            data.get_historical_gaps(name, interval)
            if interval in symbol.intervals:  # of others there are loaded days alone
                list(data.get_all_bars_including_historical(name, interval))
    deltas_of(data)
    for _ in range(2):
        content = data.dumps()
        assert sd.loads(content).dumps() == content
        with suppress(sd.CalendarError):  # no next session
            data.roll_session()
        data.to_json()


def lying_store() -> sd.SessionData:
    """Days of every kind, small: loaded ones, given rows of three intervals, and what is left of
    trimmed days."""
    rng = random.Random(1)
    data = sd.SessionData(CALENDAR, "1m", ("5m", "1d"), 2, tick_capacity=8, quote_capacity=8, capacity=12)
    data.add_historical_indicator("avg_volume_6d")
    data.start_session("2024-03-08")
    names = ("A", "T", "Q")
    for name in names:
        data.register_symbol(name, quote_bars="mid" if name == "Q" else None)
    for date in ("2024-03-08", *DATES):
        start = opening(CALENDAR, date)
        data.extend("A", *rows(rng, start, [*range(-2, 3), *range(5, 16)]))
        data.append("A", start + 20 * MINUTE + 7, 1.0, 2.0, 0.5, 1.5, 3.0)
        for k in range(10):
            data.append_tick("T", start + k * 40 * SECOND, 1.0 + k, 2.0, "Q")
            data.append_quote("Q", start + k * 40 * SECOND, 1.0 + k, 2.0 + k, 1.0, 1.0)
        data.symbols["A"].mark_no_trade("1m", start + 30 * MINUTE, start + 33 * MINUTE)
        data.symbols["A"].mark_halted(start + 40 * MINUTE, start + 45 * MINUTE)
        data.symbols["A"].record_retry("1m", start + 3 * MINUTE, start + 5 * MINUTE, start + 60 * MINUTE)
        data.to_json(cursor=data.export_cursor("c"))
        if date != DATES[-1]:
            data.roll_session()
    for date in (DATES[0], DATES[1]):
        start = opening(CALENDAR, date)
        for interval, step in (("3m", 3 * MINUTE), ("5m", 5 * MINUTE), ("1d", 0)):
            data.load_historical_bars("A", interval, *rows(rng, start, range(4) if step else [0], step or MINUTE))
    data.fill("T", *rows(rng, opening(CALENDAR, DATES[-1]), [30, 31]))
    return data


@pytest.mark.slow
def test_a_file_that_lies_about_a_column_is_refused_or_a_store() -> None:
    """One lie at a time, about each column and each count there is, all sums right. Rows that were
    supplied as they are used to be believed, and exports, rolls or saves failed afterwards."""
    content = lying_store().dumps()
    refused = valid = 0
    lies = list(systematic_lies(content, tables_of))
    one_of = {True: 12, False: 60} if MUTATIONS < 10_000 else {True: 1, False: 1}
    supplied = re.compile(r"A (3m|5m|1d|daily) ")
    chosen = [lie for lie in lies if zlib.crc32(lie[0].encode()) % one_of[bool(supplied.match(lie[0]))] == 0]
    for what, lie in chosen:
        try:
            loaded = sd.loads(lie)
        except sd.SnapshotError:
            refused += 1
            continue
        try:
            live_on(loaded)
        except Exception as error:
            error.add_note(f"after a lie: {what}")
            raise
        valid += 1
    print(len(lies), len(chosen), refused, valid)
    assert refused > 60
    assert valid > 30


def test_sealing_by_hand_makes_the_same_file(tmp_path: Path) -> None:
    rich_store().save(tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    assert sealed(pieces_of(content)) == content


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rich", "wrapped", "idle"])
def test_mutated_files_are_refused_or_valid(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of MUTATIONS each. Where the sums were made right again, a store may come of it: a
    valid one, which then has to go on without harm."""
    let_fail(monkeypatch, Failing())  # no syncs
    data = STORES[name]()
    data.save(tmp_path / "whole")
    whole, path = (tmp_path / "whole").read_bytes(), tmp_path / "mutated"
    rng = random.Random(name)
    outcomes: dict[tuple[str, str], int] = {}
    for _ in range(-(-MUTATIONS // 3)):
        kind, content = mutated(rng, whole)
        path.write_bytes(content)
        try:
            loaded = sd.load(path)
        except sd.SnapshotError as error:
            outcome = "refused" if error.path == str(path) and error.rule and error.part else "without a reason"
        else:
            assert kind.startswith(("lying", "head")) or content == whole, kind
            outcome = "valid"
            for symbol in loaded.symbols.values():
                check_symbol(symbol)
            loaded.activate()
            # an indicator that is said to be a user's function
            with suppress(sd.SessionStateError):
                deltas_of(loaded)
                loaded.to_json()
            go_on(loaded, rng)
            for symbol in loaded.symbols.values():
                check_symbol(symbol)
            with suppress(sd.SessionStateError):
                deltas_of(loaded)
            loaded.save(path)
            sd.load(path)
        outcomes[kind, outcome] = outcomes.get((kind, outcome), 0) + 1
    print(name, outcomes)
    assert {outcome for _, outcome in outcomes} == {"refused", "valid"}
    assert {kind for kind, outcome in outcomes if outcome == "valid"} >= {"lying numbers", "lying columns"}
    assert {kind for kind, outcome in outcomes if outcome == "refused"} >= {"lying numbers", "lying columns"}
