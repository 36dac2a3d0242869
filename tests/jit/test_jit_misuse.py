"""Wrong use of compiled calls is an error, never a crash; any thread may call."""

from __future__ import annotations

import gc
import math
import sys
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from callers import (
    DAY_NS,
    MINUTE,
    answers,
    columns,
    feed,
    feed_handle,
    minutes,
    numbers,
    row,
    store,
)
from failing import failing_allocations
from sessiondata.store.symbol import state_of

numba = pytest.importorskip("numba")
njit = numba.njit

from sessiondata import jit  # noqa: E402
from sessiondata._native.objects.clock import StoreClock  # noqa: E402
from sessiondata._native.objects.store import SymbolCore  # noqa: E402

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

    def collect() -> None:
        gc.collect()
        # Calls from numba look up attributes by names that are made each time; the interpreter's
        # cache of look-ups keeps some of them: 30 to 50 KB in 20 rounds, never more than 4,096.
        names = "_clear_internal_caches", "_clear_type_cache"
        next(getattr(sys, name) for name in names if hasattr(sys, name))()

    _nrt_python.memsys_enable_stats()
    work()
    collect()
    tracemalloc.start()
    try:
        before, held = tracemalloc.get_traced_memory()[0], live(rtsys.get_allocation_stats())
        for _ in range(20):
            work()
        collect()
        assert live(rtsys.get_allocation_stats()) == held
        assert tracemalloc.get_traced_memory()[0] - before < 5_000, "one store alone has more than 100,000 bytes"
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


@pytest.mark.slow
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
