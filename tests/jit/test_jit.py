"""numba's compiled functions: the same answers as Python's, statuses, lifetimes, caching, versions.

The callers here are compiled; what they left in the store is compared with the reference model by
`World.same`, and what they read with what the facade says.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import importlib.metadata
import itertools
import json
import math
import os
import re
import runpy
import subprocess
import sys
import threading
import tomllib
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference as ref
import sessiondata as sd
from failing import failing_allocations
from sessiondata.store.symbol import state_of
from worlds import World, bad_values, configurations, quotes, tick_times, ticks, timestamps, values

numba = pytest.importorskip("numba")
njit = numba.njit

from sessiondata import capi, jit  # noqa: E402
from sessiondata._native.objects.clock import StoreClock  # noqa: E402
from sessiondata._native.objects.store import SymbolCore  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PXD = Path(sd.get_include(), "sessiondata", "capi.pxd").read_text(encoding="utf-8")
MINUTE = 60_000_000_000
DAY_NS = 1_710_201_600_000_000_000  # 2024-03-12T00:00Z
DERIVED = ("5m", "15m", "1h", "1d")


def store(*, started: bool = True, **options: Any) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    data = sd.SessionData(None, "1m", DERIVED, **options)
    if started:
        data.start_session("2024-03-12")
    return data, data.register_symbol("SPY")


def minutes(n: int, step: int = 1) -> tuple[np.ndarray, ...]:
    ts = DAY_NS + np.arange(0, n, step, dtype=np.int64) * MINUTE
    price = 100.0 + np.arange(len(ts)) % 17
    return ts, price, price + 1.0, price - 1.0, price + 0.5, np.full(len(ts), 10.0)


# --- callers ---


@njit(nogil=True)
def feed(spy, ts, o, h, l, c, v):  # noqa: E741
    statuses = np.empty(len(ts), np.int64)
    for i in range(len(ts)):
        statuses[i] = spy.append(ts[i], o[i], h[i], l[i], c[i], v[i])
    return statuses


@njit(nogil=True)
def feed_handle(handle, ts, o, h, l, c, v):  # noqa: E741
    statuses = np.empty(len(ts), np.int64)
    for i in range(len(ts)):
        statuses[i] = jit.append(handle, ts[i], o[i], h[i], l[i], c[i], v[i])
    return statuses


@njit(nogil=True)
def feed_ticks(spy, ts, price, size, exchange):
    statuses = np.empty(len(ts), np.int64)
    for i in range(len(ts)):
        statuses[i] = spy.append_tick(ts[i], price[i], size[i], exchange)
    return statuses


@njit(nogil=True)
def feed_quotes(handle, ts, bid, ask, bid_size, ask_size):
    statuses = np.empty(len(ts), np.int64)
    for i in range(len(ts)):
        statuses[i] = jit.append_quote(handle, ts[i], bid[i], ask[i], bid_size[i], ask_size[i])
    return statuses


@njit
def numbers(symbol, k):
    """Everything that can be asked of a series by number."""
    counts = (jit.count(symbol, k), jit.total_count(symbol, k), jit.forming(symbol, k))
    tally = (jit.expected(symbol, k), jit.present(symbol, k), jit.missing(symbol, k), jit.gap_count(symbol, k))
    return counts, tally, jit.quality(symbol, k)


@njit
def row(symbol, k, i):
    prices = (jit.value(symbol, k, jit.OPEN, i), jit.value(symbol, k, jit.HIGH, i), jit.value(symbol, k, jit.LOW, i))
    rest = (jit.value(symbol, k, jit.CLOSE, i), jit.value(symbol, k, jit.VOLUME, i))
    return jit.timestamp(symbol, k, i), prices, rest


@njit
def columns(series):
    return series.timestamp, series.open, series.high, series.low, series.close, series.volume


@njit
def answers(series):
    counts = (len(series), series.total_count, series.forming)
    tally = (series.expected, series.present, series.missing, series.gap_count)
    return counts, tally, series.quality, series.completeness


@njit
def series_stop(series):
    return series.slot_stop


@njit
def metrics(spy):
    return spy.session_volume, spy.session_high, spy.session_low


@njit
def absent(spy):
    return len(spy.bars("2m"))


def same_answers(spy: sd.SymbolSessionData) -> None:
    """What compiled code reads is what Python reads, to the last bit."""
    for k, name in enumerate(spy.intervals):
        series = spy.bars(name)
        n = len(series)
        counts = (n, series.total_count, series.forming)
        tally = (series.expected, series.present, series.missing, series.gap_count)
        assert numbers(spy.handle, k) == numbers(spy, k) == (counts, tally, series.quality)
        assert answers(series) == (counts, tally, series.quality, series.completeness)
        for mine, name in zip(columns(series), ("timestamp", "open", "high", "low", "close", "volume"), strict=True):
            other = getattr(series, name)
            assert mine.dtype == other.dtype
            assert mine.tobytes() == other.tobytes()
            assert not mine.flags.writeable
        stop = jit.slot_stop(spy, k)
        assert series_stop(series) == stop
        if n == 0:
            assert stop == jit.NAT
        elif k == 0:
            assert series.timestamp[-1] < stop <= series.timestamp[-1] + state_of(spy).core.steps_ns[0]
        else:
            assert series.forming == (jit.as_of(spy) < stop)
            assert stop > spy.bars_base.timestamp[-1] or series.interval == "1d"
        for i in {0, n // 2, n - 1, -1, -n} if n else ():
            bar = series[i]
            assert repr(row(spy, k, i)) == repr((bar[0], tuple(bar[1:4]), tuple(bar[4:6])))
        for i in (n, -n - 1, 2**63 - 1, -(2**63)):
            assert row(spy, k, i)[0] == jit.NAT
            assert all(map(math.isnan, row(spy, k, i)[1] + row(spy, k, i)[2]))
    volume, high, low = metrics(spy)
    assert (volume, none(high), none(low)) == (spy.session_volume, spy.session_high, spy.session_low)


def none(x: float) -> float | None:
    return None if math.isnan(x) else x


# --- the same as Python ---

ERRORS = {value: name for name, value in vars(jit).items() if name.startswith("ERR_")}


def told(status: int) -> bool | str:
    """A status as the model puts it: whether the store changed, or the code of the error."""
    return jit.STORED <= status <= jit.CORRECTED if 0 <= status <= jit.OTHER_SESSION else ERRORS[status]


def became(world: World, ts: int, bar: tuple[float, ...]) -> bool | str:
    try:
        return world.model.append("SPY", ts, *bar)
    except ref.BadBarError as error:
        return error.code


@pytest.mark.slow
@settings(max_examples=60)
@given(configuration=configurations(), data=st.data(), seed=st.booleans())
def test_a_life_in_compiled_code_is_that_of_the_model(configuration: Any, data: st.DataObject, seed: bool) -> None:
    shape, base, derived, capacity = configuration
    world = World(shape, base, derived, capacity)
    world.register("SPY")
    spy = world.data.symbols["SPY"]
    bars = st.tuples(timestamps(shape), st.one_of(values(), values(), values(), bad_values()))
    for piece in data.draw(st.lists(st.lists(bars, min_size=1, max_size=25), max_size=4)):
        arrays = np.array([ts for ts, _ in piece], np.int64), *np.array([bar for _, bar in piece]).T.copy()
        statuses = feed(spy, *arrays) if seed else feed_handle(spy.handle, *arrays)
        for (ts, bar), status in zip(piece, statuses, strict=True):
            assert told(status) == became(world, ts, bar)
        now = data.draw(timestamps(shape))
        assert jit.advance_to(spy, now) == (world.model.clock is None or now > world.model.clock)
        world.model.advance_to(now)
        if data.draw(st.booleans()):
            world.same()
        same_answers(spy)
    world.same()


def test_every_status() -> None:
    data, spy = store(capacity=10)
    bars = minutes(20)
    assert set(feed(spy, *bars)) == {jit.STORED}
    last = [column[-1:] for column in bars]
    assert feed(spy, *last) == jit.REPEATED
    assert jit.append(spy, bars[0][-1], 1.0, 2.0, 0.5, 1.5, 3.0) == jit.CORRECTED
    assert jit.append(spy, bars[0][0], 1.0, 2.0, 0.5, 1.5, 3.0) == jit.TOO_OLD
    assert jit.append(spy, DAY_NS - 1, 1.0, 2.0, 0.5, 1.5, 3.0) == jit.OTHER_SESSION
    assert jit.append(spy, DAY_NS + 30 * MINUTE, 1.0, 2.0, 0.5, 1.5, 3.0) == jit.STORED
    assert jit.append(spy, DAY_NS + 29 * MINUTE, 1.0, 2.0, 0.5, 1.5, 3.0) == jit.LATE
    before = data.to_json()
    for status, ts, high, volume in (
        (jit.ERR_NOT_FINITE, DAY_NS + 31 * MINUTE, math.nan, 3.0),
        (jit.ERR_HIGH_LOW, DAY_NS + 31 * MINUTE, 0.25, 3.0),
        (jit.ERR_VOLUME, DAY_NS + 31 * MINUTE, 2.0, -1.0),
        (jit.ERR_NAT, jit.NAT, 2.0, 3.0),
        (jit.ERR_TS_RANGE, 2**63 - 1, 2.0, 3.0),
        (jit.ERR_LATER_SESSION, DAY_NS + 1440 * MINUTE, 2.0, 3.0),
    ):
        assert jit.append(spy, ts, 1.0, high, 0.5, 1.5, volume) == status
    assert data.to_json() == before


def test_labels_are_those_of_the_store() -> None:
    _, spy = store(label="close")
    ts, *rest = minutes(7)
    assert set(feed(spy, ts + MINUTE, *rest)) == {jit.STORED}
    assert spy.bars().timestamp.tolist() == ts.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("label", ["open", "close"])
@pytest.mark.parametrize("capacity", [None, 7, 40])
@pytest.mark.parametrize("derived", [("5m", "15m", "1h", "1d"), ("2m", "3m", "5m", "10m")])
def test_long_runs_take_the_short_way_and_end_where_python_does(
    label: str, capacity: int | None, derived: tuple[str, ...]
) -> None:
    """Runs of bars in turn, with a hole, over laps of the ring, several roots and the ends of two
    segments, of which the last slots are short. What is read on the way is the same, too."""
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "UTC", breaks=[("12:00", "13:00")])
    stores = [sd.SessionData(calendar, "1m", derived, label=label, capacity=capacity) for _ in range(2)]
    for data in stores:
        data.start_session("2024-03-12")
    two = [data.register_symbol("SPY") for data in stores]
    # from before the open to after the close
    ts, *rest = (column[565:965] for column in minutes(1440))
    rest = [np.random.default_rng(3).permutation(column) for column in rest]
    rest[1], rest[2] = rest[1] + 20.0, rest[2] - 20.0
    ts = ts + (MINUTE if label == "close" else 0)
    for start, stop in ((0, 50), (51, 52), (57, 160), (160, 400)):
        piece = [column[start:stop] for column in (ts, *rest)]
        statuses = feed(two[0], *piece)
        expected = [two[1].append(*row) for row in zip(*(column.tolist() for column in piece), strict=True)]
        assert [jit.STORED <= status <= jit.CORRECTED for status in statuses] == expected
        assert stores[0].to_json() == stores[1].to_json()
        same_answers(two[0])
        state_of(two[0]).core.check_invariants()
    assert jit.append(two[0], jit.NAT, 1.0, 2.0, 0.5, 1.5, 3.0) == jit.ERR_NAT
    # As the end of a bar it has no start; as a start it is nanoseconds by mistake.
    least = jit.ERR_TS_RANGE if label == "close" else jit.ERR_UNIT
    assert jit.append(two[0], -(2**63) + 1, 1.0, 2.0, 0.5, 1.5, 3.0) == least


@pytest.mark.slow
def test_the_example_trades_as_it_would_in_python() -> None:
    """The same function, compiled and not, on two stores; and the whole script."""
    script = ROOT / "examples" / "ma_cross.py"
    example = runpy.run_path(str(script))
    o, h, l, c, v = (column[0] for column in example["walks"](1, 390))  # noqa: E741
    results, stores = [], [store() for _ in range(2)]
    for (_, spy), cross in zip(stores, (njit(example["cross"].py_func), example["cross"].py_func), strict=True):
        results.append(cross(spy, minutes(390)[0], o, h, l, c, v, MINUTE, 4, 12))
    assert results[0] == results[1]
    trades, _, refused = results[0]
    assert trades > 2
    assert refused == 0
    assert stores[0][1].bars("5m").close.tobytes() == stores[1][1].bars("5m").close.tobytes()
    closes = stores[0][1].bars("5m").close  # the last one has closed, too
    averages = [np.convolve(closes, np.ones(n) / n, "valid")[-len(closes) + 11 :] for n in (4, 12)]
    sides = np.where(averages[0] > averages[1], 1, -1)
    assert trades == 1 + np.count_nonzero(np.diff(sides))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 4


def test_the_example_trades_each_close_with_the_minute_that_brings_it() -> None:
    """Averages of one and two closes trade at nearly every close. Python twins tell when, from the
    minutes alone: a 5m bar closes with its last minute, or with the first minute behind it where
    that one is missing."""
    cross = runpy.run_path(str(ROOT / "examples" / "ma_cross.py"))["cross"].py_func
    rng = np.random.default_rng(3)
    for holes in ([], [4, 9, 14], [5, 6, 7, 8], [14, 15, 16, 17, 18], [389], [385, 386, 387, 388]):
        slots = np.setdiff1d(np.arange(390), holes)
        price = 100 + rng.integers(-50, 50, len(slots)).cumsum() / 64.0
        known: list[int] = []  # minutes fed when each close is known
        for k in range(78):
            inside = slots[slots // 5 == k]
            after = np.flatnonzero(slots >= 5 * k + 4)
            if len(inside) and len(after):
                known.append(int(after[0]) + 1)
        for n in [*range(31), len(slots) - 1, len(slots)]:
            _, spy = store()
            fed = [np.ascontiguousarray(column[:n]) for column in (slots, *[price] * 4, np.ones(len(slots)))]
            trades, _, refused = cross(spy, DAY_NS + fed[0] * MINUTE, *fed[1:], MINUTE, 1, 2)
            closed = sum(at <= n for at in known)
            its_closes = [price[slots // 5 == k][-1] for k in sorted({*(slots // 5)})][:closed]
            sides = [b > (a + b) / 2 for a, b in itertools.pairwise(its_closes)]
            expected = (len(sides) > 0) + sum(a != b for a, b in itertools.pairwise(sides))
            assert (trades, refused) == (expected, 0), (holes, n)


def test_what_is_explained_or_still_in_grace_is_not_missing_for_compiled_callers_either() -> None:
    data, spy = store(grace_ns=MINUTE)
    spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    same_answers(spy)
    spy.mark_no_trade("1m", DAY_NS + 2 * MINUTE, DAY_NS + 4 * MINUTE)
    spy.mark_halted(DAY_NS + 20 * MINUTE, DAY_NS + 30 * MINUTE)
    assert jit.advance_to(spy, DAY_NS + 9 * MINUTE) == 1
    assert (jit.expected(spy, 0), jit.missing(spy, 0), jit.gap_count(spy, 0)) == (8, 5, 2)
    same_answers(spy)
    data.advance_to(DAY_NS + 32 * MINUTE)
    assert (jit.expected(spy, 1), jit.missing(spy, 1), jit.gap_count(spy, 1)) == (6, 3, 1)
    same_answers(spy)


def test_the_clock_is_the_store_s() -> None:
    data, spy = store()
    other = data.register_symbol("QQQ")
    sequence = data.sequence
    assert jit.as_of(spy) == jit.NAT
    assert jit.advance_to(spy, DAY_NS + 10 * MINUTE) == 1
    assert jit.advance_to(other, DAY_NS + 10 * MINUTE) == 0
    assert jit.advance_to(other, jit.NAT) == jit.ERR_NAT
    assert jit.as_of(other) == DAY_NS + 10 * MINUTE
    assert other.bars().missing == 10
    assert jit.sequence(spy) == data.sequence == sequence + 1


@pytest.mark.parametrize("started", [False, True])
def test_series_are_found_by_their_interval(started: bool) -> None:
    @njit
    def found(symbol):
        return (
            jit.series_number(symbol, "1m"), jit.series_number(symbol, "60m"), jit.series_number(symbol, "1d"),
            jit.series_number(symbol, "2m"),
        )  # fmt: skip

    _, spy = store(started=started)
    assert found(spy) == found(spy.handle) == (0, 3, 4, jit.ERR_NO_SERIES)
    assert [jit.series_number(spy, name) for name in spy.intervals] == [0, 1, 2, 3, 4]


def test_a_series_is_had_from_the_symbol() -> None:
    @njit
    def lengths(spy):
        return len(spy.bars()), len(spy.bars("1m")), len(spy.bars("5m")), len(spy.bars("1d"))

    _, spy = store()
    feed(spy, *minutes(12))
    assert lengths(spy) == (12, 12, 3, 1)
    with pytest.raises(KeyError, match="2m"):
        absent(spy)


def test_values_are_copied_into_an_array_of_the_caller() -> None:
    @njit
    def copy(symbol, k, column, out):
        return jit.copy_last(symbol, k, column, out)

    _, spy = store()
    feed(spy, *minutes(42))
    for call in (copy, jit.copy_last):
        for symbol in (spy, spy.handle):
            out = np.full(5, -1.0)
            assert call(symbol, 1, jit.CLOSE, out) == 5
            assert out.tolist() == spy.bars("5m").close[-5:].tolist()
            out = np.full(20, -1.0)
            assert call(symbol, 1, jit.LOW, out) == 9
            assert out.tolist() == [*spy.bars("5m").low.tolist(), *[-1.0] * 11]
            assert call(symbol, 1, jit.LOW, np.empty(0)) == 0
            for k, column in ((1, jit.TIMESTAMP), (1, 6), (9, jit.LOW)):
                assert call(symbol, k, column, out) == jit.ERR_NO_SERIES
    for wrong in (np.empty((2, 2)), np.empty(4, np.float32), np.empty(8)[::2], np.empty(3, np.int64)):
        with pytest.raises((numba.core.errors.TypingError, TypeError), match="contiguous, writable"):
            copy(spy, 1, jit.CLOSE, wrong)
        with pytest.raises(TypeError, match="contiguous, writable"):
            jit.copy_last(spy, 1, jit.CLOSE, wrong)
    frozen = np.empty(3)
    frozen.flags.writeable = False
    with pytest.raises(numba.core.errors.TypingError, match="contiguous, writable"):
        copy(spy, 1, jit.CLOSE, frozen)


# --- wrong use: an error, never a crash ---


def test_wrong_numbers_have_no_answer() -> None:
    _, spy = store()
    feed(spy, *minutes(12))
    for k in (-1, 5, 10**6, 2**63 - 1, -(2**63)):
        counts, tally, quality = numbers(spy, k)
        assert {*counts, *tally} == {jit.ERR_NO_SERIES}
        assert math.isnan(quality)
        assert row(spy, k, 0)[0] == jit.NAT
    for column in (jit.TIMESTAMP, 6, -1, 2**63 - 1):
        assert math.isnan(jit.value(spy, 0, column, 0))
        assert math.isnan(jit.session_value(spy, column))


@pytest.mark.parametrize("handle", [0, -1, 1, 12345, 2**63 - 1, -(2**63), 255, (1 << 60) + 3])
def test_a_number_that_is_no_handle(handle: int) -> None:
    assert_no_symbol(handle)


def assert_no_symbol(handle: int) -> None:
    bars = minutes(1)
    assert feed_handle(handle, *bars) == jit.ERR_NO_SYMBOL
    counts, tally, quality = numbers(handle, 0)
    assert {*counts, *tally} == {jit.ERR_NO_SYMBOL}
    assert math.isnan(quality)
    assert row(handle, 0, 0)[0] == jit.NAT
    assert jit.advance_to(handle, DAY_NS) == jit.sequence(handle) == jit.ERR_NO_SYMBOL
    assert jit.series_number(handle, "1m") == jit.copy_last(handle, 0, jit.OPEN, np.empty(2)) == jit.ERR_NO_SYMBOL
    assert jit.as_of(handle) == jit.NAT
    assert math.isnan(jit.session_value(handle, jit.VOLUME))


def test_a_symbol_that_is_gone_is_told_from_the_one_that_took_its_place() -> None:
    data, spy = store()
    handle = spy.handle
    assert handle == spy.handle
    assert feed_handle(handle, *minutes(3)).tolist() == [jit.STORED] * 3
    del data, spy
    gc.collect()
    assert_no_symbol(handle)
    others = [store()[1] for _ in range(10)]
    assert handle not in {other.handle for other in others}
    assert_no_symbol(handle)


def test_more_symbols_than_the_table_began_with() -> None:
    data, _ = store()
    symbols = [data.register_symbol(f"S{i}") for i in range(2_000)]
    handles = np.array([symbol.handle for symbol in symbols])
    assert len(set(handles)) == 2_000

    @njit
    def feed_all(handles, ts, price):
        for i in range(len(handles)):
            if jit.append(handles[i], ts, price + i, price + i, price + i, price + i, 1.0) != 1:
                return i
        return -1

    assert feed_all(handles, DAY_NS, 1.0) == -1
    assert [symbol.bars().close.tolist() for symbol in symbols] == [[1.0 + i] for i in range(2_000)]


@pytest.mark.parametrize("end", ["remove", "clear", "never started"])
def test_without_a_session(end: str) -> None:
    data, spy = store(started=end != "never started")
    handle = spy.handle
    if end != "never started":
        feed(spy, *minutes(10))
        assert jit.count(handle, 1) == 2
        data.remove_symbol("SPY") if end == "remove" else data.clear()
    # The last one would be the very next bar, which takes a shorter way.
    assert set(feed(spy, *minutes(11))) == {jit.ERR_NO_SESSION}
    counts, tally, quality = numbers(handle, 1)
    assert {*counts, *tally} == {jit.ERR_NO_SESSION}
    assert math.isnan(quality)
    assert jit.timestamp(handle, 0, -1) == jit.NAT
    assert math.isnan(jit.session_value(handle, jit.VOLUME))
    assert answers(spy.bars("5m"))[0][0] == 0
    assert [len(column) for column in columns(spy.bars("5m"))] == [0] * 6


@pytest.mark.allocations
def test_a_handle_is_taken_back_where_there_is_no_memory() -> None:
    """Taking it back needed room in a list. Where there was none the handle was lost, and nobody
    saw the error."""
    testcapi = failing_allocations()

    def places(cores: list[Any]) -> set[int]:
        return {core.handle & ((1 << 24) - 1) for core in cores}

    def new_cores() -> list[Any]:
        return [SymbolCore("A", StoreClock(), ("1m",), (MINUTE,), 0, False, None) for _ in range(600)]

    gc.collect()
    cores = new_cores()
    before = places(cores)
    testcapi.set_nomemory(0)
    try:
        cores.clear()
    finally:
        testcapi.remove_mem_hooks()
    assert places(new_cores()) == before


def test_a_session_that_begins_later_is_found_under_the_same_handle() -> None:
    data, spy = store(started=False)
    handle = spy.handle
    assert feed_handle(handle, *minutes(1)) == jit.ERR_NO_SESSION
    data.start_session("2024-03-12")
    assert feed_handle(handle, *minutes(1)) == jit.STORED


def test_an_array_that_is_returned_outlives_the_session() -> None:
    """An array without an owner would show whatever its memory is used for next."""
    data, spy = store()
    feed(spy, *minutes(400))
    (expected,) = [spy.bars("5m").close.tolist()]
    kept = [columns(spy.bars("5m"))[4] for _ in range(3)]
    data.clear()
    del data, spy
    gc.collect()
    for i in range(20):
        other = store()[1]
        feed(other, *(column + i for column in minutes(400)))
    assert [array.tolist() for array in kept] == [expected] * 3


def test_an_array_outlives_the_move_to_a_larger_block() -> None:
    """More off-grid bars than a regular day has slots move the rows elsewhere, under the arrays of
    a compiled loop."""

    @njit
    def across(spy, ts, n):
        before = spy.bars().timestamp
        for i in range(n):
            if spy.append(ts + i, 1.0, 2.0, 0.5, 1.5, 10.0) != 1:
                return before, spy.bars().timestamp, i
        return before, spy.bars().timestamp, n

    calendar = sd.SessionCalendar.from_hours("09:30", "10:00", "UTC")
    data = sd.SessionData(calendar, "1m", ("5m",))
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    ts = DAY_NS + 570 * MINUTE
    assert jit.append(spy, ts, 1.0, 2.0, 0.5, 1.5, 10.0) == jit.STORED
    before, after, n = across(spy, ts + 1, 100)
    assert n == 100
    data.clear()
    del data, spy
    gc.collect()
    assert before.tolist() == [ts]
    assert after.tolist() == [ts, *range(ts + 1, ts + 101)]


def test_columns_cannot_be_written_to() -> None:
    @njit
    def write(spy):
        spy.bars().close[0] = 1.0

    _, spy = store()
    with pytest.raises(numba.core.errors.TypingError, match="readonly"):
        write(spy)


def test_references_are_given_back() -> None:
    from numba.core.runtime import _nrt_python, rtsys

    def work() -> None:
        data, spy = store()
        held = sys.getrefcount(data)  # how many these are differs between Pythons
        feed(spy, *minutes(30))
        for _ in range(5):
            assert len(columns(spy.bars("5m"))[0]) == 6
            assert answers(spy.bars("1h"))[0][0] == 1
        assert sys.getrefcount(data) == held

    _nrt_python.memsys_enable_stats()
    work()
    gc.collect()
    tracemalloc.start()
    try:
        before, held = tracemalloc.get_traced_memory()[0], live(rtsys.get_allocation_stats())
        for _ in range(20):
            work()
        gc.collect()
        assert live(rtsys.get_allocation_stats()) == held
        assert tracemalloc.get_traced_memory()[0] - before < 50_000, "one store alone has more than 100,000 bytes"
    finally:
        tracemalloc.stop()
        _nrt_python.memsys_disable_stats()


def live(stats: Any) -> int:
    return stats.mi_alloc - stats.mi_free


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("spy.append(1.5, 1.0, 1.0, 1.0, 1.0, 1.0)", "argument 2 is an int"),
        ("spy.append(1, 1.0, 1.0, 1.0, 1.0)", "6 arguments come after"),
        ("spy.append(1, 1.0, 1.0, 1.0, 1.0, '1')", "argument 7 is a number"),
        ("jit.count(1.5, 0)", "a symbol or its handle"),
        ("jit.count(spy)", "1 arguments come after"),
        ("spy.bars('5 minutes')", "an interval is"),
        ("spy.bars(5)", "written out"),
        ("jit.series_number(spy, name)", "written out"),
    ],
)
def test_what_makes_no_sense_is_not_compiled(body: str, message: str) -> None:
    _, spy = store()
    namespace: dict[str, Any] = {"jit": jit}
    exec(f"def f(spy, name):\n    return {body}", namespace)
    with pytest.raises(numba.core.errors.TypingError, match=message):
        njit(namespace["f"])(spy, "5m")


def test_a_symbol_can_be_kept_by_a_compiled_object() -> None:
    @numba.experimental.jitclass([("symbol", jit.SymbolType())])
    class Strategy:
        def __init__(self, symbol):
            self.symbol = symbol

        def newest(self):
            close = self.symbol.bars("5m").close
            return close[-1] if len(close) else -1.0

    data, spy = store()
    feed(spy, *minutes(12))
    strategy = Strategy(spy)
    assert strategy.newest() == spy.bars("5m").close[-1]
    data.clear()
    assert strategy.newest() == -1.0
    del data, spy
    gc.collect()
    with pytest.raises(KeyError):
        strategy.newest()


# --- threads ---


@pytest.mark.threads
def test_without_the_gil_threads_feed_symbols_of_their_own() -> None:
    data, _ = store()
    symbols = [data.register_symbol(name) for name in ("A", "B", "C", "D")]
    bars = minutes(1440)
    feed(store()[1], *bars)  # compiled before the threads start
    barrier = threading.Barrier(len(symbols))
    statuses: dict[str, Any] = {}

    def work(symbol: sd.SymbolSessionData) -> None:
        barrier.wait()
        statuses[symbol.symbol] = feed(symbol, *bars)

    threads = [threading.Thread(target=work, args=(symbol,)) for symbol in symbols]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _, expected = store()
    expected.extend(*bars)
    for symbol in symbols:
        assert set(statuses[symbol.symbol]) == {jit.STORED}
        state_of(symbol).core.check_invariants()
        for name in symbol.intervals:
            assert symbol.bars(name).close.tobytes() == expected.bars(name).close.tobytes()


# --- the contract: names, numbers, signatures, version ---


def declared() -> dict[str, str]:
    """C functions of capi.pxd for callers outside, as the module exports them: name ->
    signature."""
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    exported = {key: name(capsule).decode() for key, capsule in capi.__pyx_capi__.items()}
    return {key.removeprefix("sd_"): text for key, text in exported.items() if key.startswith("sd_") and "(" in text}


def test_numba_knows_each_c_function_by_its_signature() -> None:
    c_names = {"int64": "int64_t", "float64": "double"}

    def written(name: str) -> str:
        signature = jit.table.SIGNATURES[name]
        kinds = [c_names.get(str(kind), "pointer") for kind in signature.args]
        return f"{c_names[str(signature.return_type)]} ({', '.join(kinds)})"

    found = {
        name: re.sub(r"(double|int64_t|void const \*) ?\*(?=[,)])", "pointer", text)
        for name, text in declared().items()
    }
    assert found == {name: written(name) for name in jit.table.SIGNATURES}


def test_constants_are_those_of_the_c_declarations() -> None:
    constants = {name: int(value) for name, value in re.findall(r"SD_(\w+) = (-?\d+)", PXD)}
    assert constants == {name: getattr(jit, name) for name in constants}
    assert len(constants) == len(re.findall(r"^    SD_\w+ = ", PXD, re.MULTILINE))
    status = Path(sd.get_include(), "sessiondata", "_native", "base", "status.pxd").read_text(encoding="utf-8")
    native = {name: int(value) for name, value in re.findall(r"    (\w+) = (-?\d+)", status)}
    columns = {"TIMESTAMP", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME"}
    assert {name: value for name, value in constants.items() if name not in columns}.items() <= native.items()


# --- trades and quotes ---


@pytest.mark.slow
@settings(max_examples=40)
@given(configuration=configurations(), data=st.data(), quote_bars=st.sampled_from([None, "mid"]))
def test_trades_and_quotes_from_compiled_code_are_those_of_python(
    configuration: Any, data: st.DataObject, quote_bars: str | None
) -> None:
    shape = configuration[0]
    world = World(*configuration, tick_capacities=(8, 8))
    world.register("SPY")
    world.register("IBM", quote_bars)
    spy, ibm = (world.data.symbols[name] for name in ("SPY", "IBM"))
    for ts, (price, size, _) in data.draw(st.lists(st.tuples(tick_times(shape), ticks()), max_size=30)):
        before = dict(world.model.symbols["SPY"].tapes["ticks"].counters)
        stored = world.model.symbols["SPY"].extend_tape("ticks", [(ts, price, size, "ARCX")])
        after = world.model.symbols["SPY"].tapes["ticks"].counters
        late = after["late"] > before["late"]
        refused = jit.TOO_OLD if after["too_old"] > before["too_old"] else jit.OTHER_SESSION
        (status,) = feed_ticks(spy, *(np.array([x]) for x in (ts, price, size)), jit.exchange_code("ARCX"))
        assert status == ((jit.LATE if late else jit.STORED) if stored else refused)
    rows = data.draw(st.lists(st.tuples(tick_times(shape), quotes()), max_size=30))
    stored = [world.model.symbols["IBM"].extend_tape("quotes", [(ts, *row)]) for ts, row in rows]
    columns = np.array([ts for ts, _ in rows], np.int64), *np.array([row for _, row in rows]).reshape(-1, 4).T.copy()
    statuses = feed_quotes(ibm.handle, *columns)
    assert [jit.STORED <= status <= jit.LATE for status in statuses] == [n == 1 for n in stored]
    world.same()


def test_trades_and_quotes_that_are_refused_change_nothing() -> None:
    data, spy = store()
    nothing, ibm = store(started=False)[1], data.register_symbol("IBM", quote_bars="bid")
    at, one = np.array([DAY_NS]), np.array([1.0])
    assert feed_ticks(nothing, at, one, one, 0).tolist() == [jit.ERR_NO_SESSION]
    assert feed_quotes(7, at, one, one, one, one).tolist() == [jit.ERR_NO_SYMBOL]
    assert jit.append_tick(7, DAY_NS, 1.0, 1.0, 0) == jit.ERR_NO_SYMBOL
    assert feed_quotes(nothing.handle, at, one, one, one, one).tolist() == [jit.ERR_NO_SESSION]
    before = data.to_dict()
    bad = [(at, one * np.nan, one, jit.ERR_NOT_FINITE), (at, one, -one, jit.ERR_SIZE)]
    bad += [(at + 3 * 10**14, one, one, jit.ERR_LATER_SESSION), (at * 0 + jit.NAT, one, one, jit.ERR_NAT)]
    for ts, price, size, status in bad:
        assert feed_ticks(spy, ts, price, size, 0).tolist() == [status]
        assert feed_quotes(ibm.handle, ts, price, one, one, size).tolist() == [status]
    assert data.to_dict() == before
    assert feed_ticks(spy, at, one, one, jit.exchange_code("Q")).tolist() == [jit.STORED]
    assert (spy.ticks.latest, jit.forming(spy, 0)) == (sd.Tick(DAY_NS, 1.0, 1.0, "Q"), 1)
    assert jit.slot_stop(spy, 0) == DAY_NS + MINUTE
    data.advance_to(DAY_NS + 5 * MINUTE)
    assert spy.fill(*([x] for x in (DAY_NS + 2 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0))) == 1
    assert (jit.forming(spy, 0), jit.slot_stop(spy, 0)) == (0, DAY_NS + 3 * MINUTE)
    assert feed(spy, *(column + 0 for column in minutes(2))).tolist() == [jit.ERR_INPUT_KIND] * 2
    ibm.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert feed_quotes(ibm.handle, at, one, one, one, one).tolist() == [jit.ERR_INPUT_KIND]
    for text in ("too long for it", "A\0"):
        with pytest.raises(ValueError, match="at most eight"):
            jit.exchange_code(text)


# What callers compiled against the ABI rely on. A change of it needs a new ABI number (and name
# `sd_abi_<n>`), and then a new line here; old lines stay.
DIGESTS = {1: "365fd1f0139dfda4", 2: "a3b1eaa000e8d243", 3: "58e1a7427568c639", 4: "6dc1739eba2d2a6a"}


def test_the_abi_number_stands_for_what_it_stood_for() -> None:
    constants = sorted(re.findall(r"SD_(\w+) = (-?\d+)", PXD))
    contract = json.dumps([sorted(declared().items()), list(jit.table.SLOTS.items()), constants])
    assert hashlib.sha256(contract.encode()).hexdigest()[:16] == DIGESTS[capi.ABI]
    assert f"sd_abi_{capi.ABI}" in capi.__pyx_capi__
    assert max(DIGESTS) == capi.ABI


def test_a_caller_of_another_version_raises() -> None:
    _, spy = store()
    calls = (lambda: numbers(spy, 0), lambda: columns(spy.bars()), lambda: feed(spy, *minutes(3)))
    for call in calls:
        call()
    table = jit.table.TABLE
    table[0] += 1
    try:
        for call in calls:
            with pytest.raises(RuntimeError, match="another version of sessiondata"):
                call()
    finally:
        table[0] -= 1
    for call in calls:
        call()


# --- caching, and being found by numba: processes of their own ---

CALLER = """
import sys
import numpy as np
import sessiondata as sd
from numba import njit
{imports}

@njit(cache=True)
def run(symbol, ts):
    stored = 0
    for i in range(len(ts)):
        stored += {append}(ts[i], 1.0, 2.0, 0.5, 1.5, 10.0) == 1
    return stored

data = sd.SessionData(None, "1m")
data.start_session("2024-03-12")
spy = data.register_symbol("SPY")
ts = {start} + np.arange(100) * 60_000_000_000
print(run({argument}, ts), run.stats.cache_hits.total(), run.stats.cache_misses.total(), len(spy.bars("5m")))
"""
BY_HANDLE = {"imports": "from sessiondata import jit", "append": "jit.append", "argument": "spy.handle"}
BY_SYMBOL = {"imports": "", "append": "symbol.append", "argument": "spy"}

OTHER_ABI = "import sessiondata.capi; sessiondata.capi.ABI += 1\n"


@pytest.fixture
def process(tmp_path: Path) -> Any:
    """Runs a script with a numba cache of its own, and with the project's entry points in sight."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = tmp_path / "site" / "sessiondata_entry_points-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sessiondata-entry-points\nVersion: 1\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    environment = dict(os.environ)
    paths = [str(info.parent), str(Path(sd.__file__).parents[1]), environment.get("PYTHONPATH", "")]
    environment |= {"PYTHONPATH": os.pathsep.join(paths), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run(text: str) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "caller.py"
        if not script.exists():
            script.write_text("import os\nexec(os.environ.get('FIRST', ''))\n" + text)
        first = OTHER_ABI if run.other_abi else ""  # type: ignore[attr-defined]
        command = [sys.executable, str(script)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment | {"FIRST": first})

    run.other_abi = False  # type: ignore[attr-defined]
    return run


def caller(kind: dict[str, str]) -> str:
    text = CALLER.format(start=DAY_NS, **kind)
    return text.replace("jit.append(", "jit.append(symbol, ") if kind is BY_HANDLE else text


@pytest.mark.slow
@pytest.mark.parametrize("kind", [BY_HANDLE, BY_SYMBOL], ids=["handle", "symbol"])
def test_a_caller_is_cached(process: Any, kind: dict[str, str]) -> None:
    """The second process loads what the first compiled; the third is of another ABI and refuses, or
    compiles anew."""
    first, second = process(caller(kind)), process(caller(kind))
    assert (first.stdout.split(), first.stderr) == (["100", "0", "1", "20"], "")
    assert (second.stdout.split(), second.stderr) == (["100", "1", "0", "20"], "")
    process.other_abi = True
    third = process(caller(kind))
    if kind is BY_HANDLE:
        assert third.returncode == 1, "an exception of Python, not a crash"
        assert "RuntimeError: compiled for another version of sessiondata" in third.stderr
    else:
        assert (third.stdout.split(), third.stderr) == (["100", "0", "1", "20"], "")


@pytest.mark.slow
def test_numba_finds_the_extension_by_its_entry_point(process: Any) -> None:
    """Nothing but numba and sessiondata is imported; the module of compiled callers comes by
    itself."""
    text = caller(BY_SYMBOL).replace("@njit", "assert 'sessiondata.jit' not in sys.modules\n@njit")
    done = process(text + "assert 'sessiondata.jit' in sys.modules\n")
    assert (done.stderr, done.stdout.split()[0]) == ("", "100")


def test_the_entry_point_is_the_module_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["numba_extensions"] == {"init": "sessiondata.jit:init"}
    point = importlib.metadata.EntryPoint("init", "sessiondata.jit:init", "numba_extensions")
    assert point.load() is jit.init
    assert jit.init() is None


@pytest.mark.slow
def test_the_readme_s_example(process: Any) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code, output = re.findall(r"compiled example -->\n```\w+\n(.*?)```", readme, re.DOTALL)
    done = process(code)
    assert (done.stdout, done.stderr) == (output, "")


def test_functions_run_without_numba_s_compiler(process: Any) -> None:
    """NUMBA_DISABLE_JIT=1, for a debugger."""
    done = process(
        "os.environ['NUMBA_DISABLE_JIT'] = '1'\n" + caller(BY_HANDLE).split("print(")[0] + "print(run(spy, ts))"
    )
    assert (done.stdout.split(), done.stderr) == (["100"], "")
