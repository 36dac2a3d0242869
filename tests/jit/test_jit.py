"""numba's compiled functions: the same answers as Python's, statuses, lifetimes, caching, versions.

The callers here are compiled; what they left in the store is compared with the reference model by
`World.same`, and what they read with what the facade says.
"""

from __future__ import annotations

import itertools
import math
import runpy
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference as ref
import sessiondata as sd
from callers import (
    DAY_NS,
    MINUTE,
    ROOT,
    absent,
    feed,
    feed_handle,
    feed_quotes,
    feed_ticks,
    minutes,
    same_answers,
    store,
)
from sessiondata.store.symbol import state_of
from worlds import World, bad_values, configurations, quotes, tick_times, ticks, timestamps, values

numba = pytest.importorskip("numba")
njit = numba.njit

from sessiondata import jit  # noqa: E402

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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_series_is_had_from_the_symbol() -> None:
    @njit
    def lengths(spy):
        return len(spy.bars()), len(spy.bars("1m")), len(spy.bars("5m")), len(spy.bars("1d"))

    _, spy = store()
    feed(spy, *minutes(12))
    assert lengths(spy) == (12, 12, 3, 1)
    with pytest.raises(KeyError, match="2m"):
        absent(spy)


@pytest.mark.slow
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
        before = dict(world.model.symbols["SPY"].ticks_by_kind["ticks"].counters)
        stored = world.model.symbols["SPY"].extend_ticks_of("ticks", [(ts, price, size, "ARCX")])
        after = world.model.symbols["SPY"].ticks_by_kind["ticks"].counters
        late = after["late"] > before["late"]
        refused = jit.TOO_OLD if after["too_old"] > before["too_old"] else jit.OTHER_SESSION
        (status,) = feed_ticks(spy, *(np.array([x]) for x in (ts, price, size)), jit.exchange_code("ARCX"))
        assert status == ((jit.LATE if late else jit.STORED) if stored else refused)
    rows = data.draw(st.lists(st.tuples(tick_times(shape), quotes()), max_size=30))
    stored = [world.model.symbols["IBM"].extend_ticks_of("quotes", [(ts, *row)]) for ts, row in rows]
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
