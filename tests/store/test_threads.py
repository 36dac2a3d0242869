"""Several threads: readers that are lapped, writers of one symbol, sessions that end under a
reader, fork, Ctrl-C.

Each has been seen to fail when what it is about is taken out: the wait of a guard (most of them);
the guard of `append`, of `extend` with newest rows and with late ones, of `fill`, of trades and
quotes from Python, of the gaps of a state, of copies of rows, of the copy from which documents and
snapshots are made, of the delta written in the guard; that copy; of reads without a guard the
version, the lap and the wait of who frees memory. On a busy machine one run may not show it. Not
seen to fail: fork without taking the guards first, which left no symbol half written in 20 forks.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
import stress
from failing import failing_allocations
from sessiondata import jit
from sessiondata.store.lifecycle import Sessions
from sessiondata.store.store import parts_of
from sessiondata.store.symbol import state_of
from stress import DAY_NS, SECOND, STOP, WRITTEN

pytestmark = pytest.mark.threads
numba = pytest.importorskip("numba")
# By default a few seconds; `python tests/store/stress.py` is the long run.
SECONDS = float(os.environ.get("SESSIONDATA_STRESS_SECONDS", "1.5"))


def new_symbol(**options: Any) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    data = sd.SessionData(None, "1s", ("1m", "5m"), **options)
    data.start_session("2023-11-15")
    return data, data.register_symbol("SPY")


def together(*works: Callable[[], Any], until: Callable[[], bool] | None = None, flags: Any = None) -> list[Any]:
    """Results of functions that run at the same time in threads; an exception of one is raised
    here."""
    results: list[Any] = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def call(i: int) -> None:
        barrier.wait()
        try:
            results[i] = works[i]()
        except BaseException as error:  # shown by the main thread
            results[i] = error
            if flags is not None:
                flags[STOP] = 1

    # Compiled loops go on until they are told to stop: as daemons they do not keep a run that has
    # failed from ending.
    threads = [threading.Thread(target=call, args=(i,), daemon=True) for i in range(len(works))]
    for thread in threads:
        thread.start()
    if until is not None:
        limit = time.perf_counter() + 30.0
        while not until() and time.perf_counter() < limit:
            time.sleep(0.005)
        flags[STOP] = 1
    for thread in threads:
        thread.join(60.0)
        assert not thread.is_alive()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


# --- readers ---


@pytest.mark.slow
@pytest.mark.parametrize(("capacity", "n"), [(1024, 16), (16, 12), (8, 8), (3, 1)])
def test_no_accepted_read_is_torn_whatever_laps_it(capacity: int, n: int) -> None:
    outcome = stress.run(SECONDS / 2, capacity, n, floor=1_000, bars=10 * capacity)
    assert outcome.torn == 0
    assert outcome.accepted >= 1_000
    assert outcome.written > 10 * capacity


@pytest.mark.slow
def test_two_readers_and_a_writer_share_two_cores() -> None:
    outcome = stress.run(SECONDS / 2, 64, 16, readers=2, floor=1_000)
    assert outcome.torn == 0
    assert outcome.accepted >= 1_000


@numba.njit(nogil=True)
def write_backwards(handle: int, flags: Any, n: int) -> int:
    """Late bars, the newest first, each of which moves all that are newer; after them corrections,
    for ever."""
    last = float(n)
    if jit.append(handle, DAY_NS + n * SECOND, last, last, last, last, last) != jit.STORED:
        return -1
    for k in range(n):
        i = n - 1 - k
        x = float(i)
        if jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x) != jit.LATE:
            return -2
        flags[WRITTEN] = k + 1
    add = 0.0
    while flags[STOP] == 0:
        add = 1e6 - add  # there and back: a row is i or 1e6 + i, in all its columns
        for k in range(min(n, 32)):
            i = n - 1 - k
            x = i + add
            if jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x) != jit.CORRECTED:
                return -3
    return n


@numba.njit(nogil=True)
def read_moving(handle: int, flags: Any, n: int) -> tuple[int, int]:
    """(reads, torn ones) of rows that move and are corrected meanwhile."""
    ts = np.empty(n, np.int64)
    o, h, low, c, v = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    reads = torn = 0
    while flags[STOP] == 0:
        got = jit.read_last(handle, 0, ts, o, h, low, c, v)
        reads += 1
        wrong = got < 0
        for i in range(max(got, 0)):
            x = o[i]
            wrong |= not (h[i] == x and low[i] == x and c[i] == x and v[i] == x)
            wrong |= (ts[i] - DAY_NS) // SECOND != int(x) % 1_000_000
            wrong |= i > 0 and ts[i] <= ts[i - 1]
        torn += wrong
    return reads, torn


@pytest.mark.slow
def test_late_bars_and_corrections_tear_no_read() -> None:
    _, spy = new_symbol()
    flags = np.zeros(8, np.int64)
    for function in (write_backwards, read_moving):
        function(new_symbol()[1].handle, np.ones(8, np.int64), 4)  # compiled
    begin = time.perf_counter()
    stored, (reads, torn) = together(
        lambda: write_backwards(spy.handle, flags, 20_000),
        lambda: read_moving(spy.handle, flags, 24),
        until=lambda: flags[WRITTEN] >= 20_000 and time.perf_counter() - begin > SECONDS,
        flags=flags,
    )
    assert (stored, torn) == (20_000, 0)
    assert reads > 10
    assert spy.counters["late"] == 20_000
    state_of(spy).core.check_invariants()


@pytest.mark.slow
def test_python_copies_are_whole_while_a_compiled_writer_laps_the_ring() -> None:
    data, spy = new_symbol(capacity=32)
    flags = np.zeros(8, np.int64)
    stress.write(spy.handle, np.ones(8, np.int64), 1_000, 0)

    def check(o: Any, *columns: Any) -> None:
        for column in columns:
            assert np.array_equal(o, column)
        assert np.array_equal(np.diff(o), np.ones(max(0, len(o) - 1)))

    def read_all() -> int:
        base, rounds, begin = spy.bars(), 0, time.perf_counter()
        while time.perf_counter() - begin < SECONDS or rounds < 20:
            rows = base.copy()
            check(rows.open, rows.high, rows.low, rows.close, rows.volume)
            records = np.asarray(base)
            check(records["open"], records["high"], records["close"], records["volume"])
            bar = base[-1] if len(base) else None
            assert bar is None or bar[1:6] == (bar.open,) * 5
            (part,) = data.to_dict()["symbols"].values()
            for document in (part, json.loads(data.to_json())["symbols"]["SPY"]):
                shown = document["session"]["data"]["1s"]
                assert shown["count"] == len(shown["data"])
                check(*(np.array([row[k] for row in shown["data"]], float) for k in range(1, 6)))
            rounds += 1
        flags[STOP] = 1
        return rounds

    written, rounds = together(lambda: stress.write(spy.handle, flags, 1_000, 0), read_all, flags=flags)
    assert written > 32
    assert rounds >= 20
    state_of(spy).core.check_invariants()


@numba.njit(nogil=True)
def write_with_holes(handle: int, flags: Any, n: int, pause: int) -> int:
    """Every third second is missing, and every second one of those comes late; when all have come,
    corrections of the newest ones, for ever. A bar is i or 1e6 + i in all its columns. In between
    the writer repeats itself: compilers leave out a loop that does nothing."""
    i, add = 0, 0.0
    while flags[STOP] == 0:
        late = i - 150
        if i % 3 != 1:
            x = i + add
            jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x)
            for _ in range(pause):
                jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x)
        elif late >= 0 and late % 2 and add == 0.0:
            x = float(late)
            jit.append(handle, DAY_NS + late * SECOND, x, x, x, x, x)
        i += 1
        flags[WRITTEN] = i
        if i >= n:
            i, add = n - 300, 1e6 - add
    return i


@numba.njit(nogil=True)
def read_states(handle: int, flags: Any, k: int) -> tuple[int, int]:
    reads = wrong = 0
    while flags[STOP] == 0:
        expected, present, missing, no_trade, halted, gaps = jit.states(handle, k)
        reads += 1
        wrong += expected < 0 or present + missing + no_trade + halted != expected or gaps > missing
    return reads, wrong


@pytest.mark.slow
def test_gaps_and_quality_of_one_moment_agree() -> None:
    _, spy = new_symbol()
    flags = np.zeros(8, np.int64)
    write_with_holes(spy.handle, np.ones(8, np.int64), 0, 0)
    read_states(spy.handle, np.ones(8, np.int64), 0)

    def read_state() -> int:
        rounds, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < SECONDS / 2 or rounds < 20:
            state = spy.bars().state
            assert state.present + state.missing == state.expected
            assert sum(gap.bar_count for gap in state.gaps) == state.missing
            assert state.quality == (100.0 * state.present / state.expected if state.expected else 100.0)
            rounds += 1
        flags[STOP] = 1
        return rounds

    _, rounds, (reads, wrong) = together(
        lambda: write_with_holes(spy.handle, flags, 80_000, 200),
        read_state,
        lambda: read_states(spy.handle, flags, 0),
        flags=flags,
    )
    assert (rounds >= 20, reads > 0, wrong) == (True, True, 0)
    state_of(spy).core.check_invariants()


@numba.njit(nogil=True)
def fill_holes(handle: int, n: int, flags: Any) -> int:
    """Late bars for the odd ones of 2 n seconds, here and there. `n` is no multiple of 7,919.
    Returns how many."""
    late = 0
    for k in range(n):
        if flags[STOP]:
            break
        i = 1 + 2 * (k * 7_919 % n)
        x = float(i)
        late += jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x) == jit.LATE
    flags[WRITTEN] = 1
    return late


@pytest.mark.slow
def test_an_answer_lists_as_many_gaps_as_it_counts_while_they_are_filled() -> None:
    """A bar that comes between counting and listing makes the list one gap shorter than its
    memory."""
    n = 8_000
    x = np.arange(0, 2 * n + 1, 2, np.float64)
    fill_holes(new_symbol()[1].handle, 0, np.zeros(8, np.int64))
    for _ in range(3):
        _, spy = new_symbol()
        flags = np.zeros(8, np.int64)
        spy.extend(DAY_NS + x.astype(np.int64) * SECOND, x, x, x, x, x)

        core = state_of(spy).core

        def answer(core: Any = core, flags: Any = flags) -> int:
            rounds = 0
            while flags[WRITTEN] == 0:
                _, (expected, present, missing, _, _), gaps, _ = core.answer(0)
                assert present + missing == expected
                assert sum(gap[2] for gap in gaps) == missing
                # What is left in the list's memory by the list before it has the right length, but
                # the wrong place.
                assert all(before[1] < gap[0] for before, gap in itertools.pairwise(gaps))
                rounds += 1
            return rounds

        late, rounds = together(lambda s=spy, f=flags: fill_holes(s.handle, n, f), answer, flags=flags)
        assert (late, rounds > 0, spy.bars().missing) == (n, True, 0)
        state_of(spy).core.check_invariants()


# --- writers ---


@numba.njit(nogil=True)
def write_every(handle: int, first: int, step: int, n: int, counts: Any) -> None:
    """Append bars first, first + step ... below n; count what became of them."""
    for i in range(first, n, step):
        x = float(i)
        status = jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x)
        counts[status if status >= 0 else 7] += 1


@pytest.mark.parametrize("n_writers", [2, 4])
def test_writers_of_one_symbol_take_turns(n_writers: int) -> None:
    n = 20_000
    data, spy = new_symbol()
    counts = [np.zeros(8, np.int64) for _ in range(n_writers)]
    write_every(spy.handle, 0, 1, 0, counts[0])
    before = data.sequence
    together(*(lambda i=i: write_every(spy.handle, i, n_writers, n, counts[i]) for i in range(n_writers)))
    total = sum(counts)
    assert total[jit.STORED] + total[jit.LATE] == n
    assert spy.counters["stored"] == n
    assert spy.counters["late"] == total[jit.LATE]
    state_of(spy).core.check_invariants()
    assert spy.bars().open.tolist() == list(range(n))
    assert spy.bars("1m").volume.tolist() == [float(sum(range(i, min(i + 60, n)))) for i in range(0, n, 60)]
    assert (spy.bars().missing, data.sequence - before) == (0, n)


@numba.njit(nogil=True)
def write_odd(handle: int, n: int, flags: Any) -> None:
    """Append and correct the odd ones of n bars, there and back by 1e6, for ever; in the end bar i
    is i."""
    add = 0.0
    while flags[STOP] == 0 or add != 0.0:
        add = 1e6 - add
        for i in range(1, n, 2):
            x = i + add
            jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x)
            flags[WRITTEN] = 1


@pytest.mark.parametrize("block", [1, 500])
def test_a_writer_with_the_gil_and_one_without_take_turns(block: int) -> None:
    """Bar by bar, and in blocks. A thread that is to let go of the GIL must get it first, so the
    other one waits."""
    n = 20_000
    _, spy = new_symbol()
    flags = np.zeros(8, np.int64)
    write_odd(spy.handle, 0, np.ones(8, np.int64))
    x = np.arange(0, n, 2, np.float64)
    ts = DAY_NS + x.astype(np.int64) * SECOND

    def with_the_gil() -> None:
        while flags[WRITTEN] == 0:
            time.sleep(0.001)
        if block == 1:
            for at, value in zip(ts.tolist(), x.tolist(), strict=True):
                spy.append(at, value, value, value, value, value)
        for i in range(0, n // 2 if block > 1 else 0, block):
            part = slice(i, i + block)
            spy.extend(ts[part], x[part], x[part], x[part], x[part], x[part])
        flags[STOP] = 1

    together(with_the_gil, lambda: write_odd(spy.handle, n, flags), flags=flags)
    state_of(spy).core.check_invariants()
    assert spy.bars().open.tolist() == list(range(n))
    assert spy.bars("1m").volume.tolist() == [float(sum(range(i, min(i + 60, n)))) for i in range(0, n, 60)]


@numba.njit(nogil=True)
def write_behind(handle: int, n: int, flags: Any) -> int:
    """Append the odd ones of n bars, each when newer ones are there: all of them are late. Returns
    how many."""
    late, i = 0, 1
    while i < n and flags[STOP] == 0:
        # refused: a loop without a call is never left
        x = float(i) if i < flags[WRITTEN] else np.nan
        status = jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x)
        if status == jit.LATE:
            late += 1
            i += 2
            flags[WRITTEN + 1] = late
    return late


def test_blocks_of_newest_bars_and_late_bars_of_a_compiled_writer_take_turns() -> None:
    """Late ones stay a block behind, so there are always some to be inserted while a block is
    stored."""
    block = 200
    n = 2 * block * int(SECONDS * 140)
    _, spy = new_symbol()
    flags = np.zeros(8, np.int64)
    write_behind(spy.handle, 0, flags)
    x = np.arange(0, n + 1, 2, np.float64)
    ts = DAY_NS + x.astype(np.int64) * SECOND

    def extend() -> None:
        for i in range(0, len(x), block):
            part = slice(i, i + block)
            assert spy.extend(ts[part], *[x[part]] * 5) == len(x[part])
            flags[WRITTEN] = int(x[part][-1])
            while flags[WRITTEN + 1] < max(1, i - block) and flags[STOP] == 0:
                time.sleep(0)

    _, late = together(extend, lambda: write_behind(spy.handle, n, flags), flags=flags)
    assert late == n // 2
    state_of(spy).core.check_invariants()
    assert spy.bars().open.tolist() == list(range(n + 1))
    assert spy.bars("1m").volume.tolist()[:-1] == [float(sum(range(i, i + 60))) for i in range(0, n - 59, 60)]


@numba.njit(nogil=True)
def write_alongside(handle: int, other: int, flags: Any, n: int, pause: int, counts: Any) -> None:
    """Bars in turn, each when it is asked for; in between another symbol is told what it knows,
    `pause` times at least. Count what became of the bars."""
    for i in range(n):
        waited = 0
        while (flags[WRITTEN] < i and flags[STOP] == 0) or waited < pause:
            jit.append(other, DAY_NS, 0.0, 0.0, 0.0, 0.0, 0.0)
            waited += 1
        x = float(i)
        status = jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x)
        counts[status if status >= 0 else 7] += 1


def test_no_bar_of_a_compiled_feeder_is_replaced_by_one_that_fills() -> None:
    """Both write to the same slots. A feeder's bar that comes second corrects, one that fills never
    does: so each slot ends as the feeder says, and 1 + its number is what filling stored where it
    came first."""
    n, block = 80_000, 1_000
    data, spy = new_symbol()
    _, other = new_symbol()
    flags, counts = np.zeros(8, np.int64), np.zeros(8, np.int64)
    write_alongside(spy.handle, other.handle, flags, 0, 0, counts)
    data.advance_to(DAY_NS + n * SECOND)
    times = DAY_NS + np.arange(n) * SECOND
    filled = [0]

    def fill() -> None:
        for start in range(0, n, block):
            part = times[start : start + block]
            flags[WRITTEN] = start + block - 1
            filled[0] += spy.fill(part, *[np.full(len(part), -1.0)] * 3, *[np.full(len(part), -1.0)], part * 0.0)

    together(fill, lambda: write_alongside(spy.handle, other.handle, flags, n, 20, counts), flags=flags)
    state_of(spy).core.check_invariants()
    assert spy.bars().open.tolist() == list(range(n))
    assert spy.bars("1m").volume.tolist() == [float(sum(range(i, min(i + 60, n)))) for i in range(0, n, 60)]
    assert (counts[jit.CORRECTED], counts[jit.STORED] + counts[jit.LATE]) == (filled[0], n - filled[0])


def test_no_change_is_lost_from_the_sequence_that_symbols_share() -> None:
    n = 50_000
    data, _ = new_symbol()
    symbols = [data.register_symbol(name) for name in "ABCD"]
    counts = [np.zeros(8, np.int64) for _ in symbols]
    write_every(symbols[0].handle, 0, 1, 0, counts[0])
    before, seen = data.sequence, [0]

    def watch() -> None:
        while sum(int(c[jit.STORED]) for c in counts) < len(symbols) * n:
            now = data.sequence
            assert now >= seen[-1]
            seen.append(now)
            time.sleep(0)

    works = [lambda s=s, c=c: write_every(s.handle, 0, 1, n, c) for s, c in zip(symbols, counts, strict=True)]
    together(*works, watch)
    assert data.sequence - before == jit.sequence(symbols[0]) - before == len(symbols) * n


def test_slices_and_a_compiled_writer_take_turns() -> None:
    """Both bring the same bars, so each is stored by who comes first. A slice is checked before it
    takes any guard."""
    n = 8_000
    data, spy = new_symbol()
    ibm, (_, other) = data.register_symbol("IBM"), new_symbol()
    flags = np.zeros(8, np.int64)
    counts = np.zeros(8, np.int64)
    write_alongside(spy.handle, other.handle, flags, 0, 0, counts)

    def feed() -> list[int]:
        changed = []
        for i in range(n):
            x = [float(i)] * 2
            spy.bars_updated = ibm.bars_updated = False
            flags[WRITTEN] = i
            changed.append(data.append_slice(["SPY", "IBM"], [DAY_NS + i * SECOND] * 2, x, x, x, x, x))
            assert ibm.bars_updated
            assert spy.bars_updated or changed[-1] == 1
        return changed

    _, changed = together(lambda: write_alongside(spy.handle, other.handle, flags, n, 0, counts), feed, flags=flags)
    assert (counts[jit.STORED], counts[jit.REPEATED]) == (changed.count(1), changed.count(2))
    for symbol in (spy, ibm):
        state_of(symbol).core.check_invariants()
        assert symbol.bars().open.tolist() == list(range(n))


def test_a_slice_says_that_trades_feed_a_symbol_whose_first_one_came_between_check_and_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It said that there was no memory. Another thread's trade comes here while the slice asks for
    a session."""
    start, trades = Sessions.start_for_first_bar, list[bool]()

    def trade_then_start(*arguments: Any) -> bool:
        trades.append(spy.append_tick(1_704_119_400 * SECOND, 1.0, 1.0))
        return start(*arguments)

    monkeypatch.setattr(Sessions, "start_for_first_bar", trade_then_start)
    data = sd.SessionData(None, "1m", ("5m",))
    data.start_session("2024-01-01")  # a holiday in New York
    spy = data.register_symbol("SPY")
    data.register_symbol("IBM", calendar="XNYS")
    times = np.array([1_704_119_400, 1_703_860_200]) * SECOND
    with pytest.raises(sd.InputKindError, match="SPY"):
        data.append_slice(["SPY", "IBM"], times, *np.ones((5, 2)))
    assert trades == [True]
    assert (spy.ticks.total_count, spy.bars().total_count) == (1, 1)
    state_of(spy).core.check_invariants()


# --- documents, deltas, snapshots ---


def twin_document(rows: Any) -> dict[str, Any]:
    """What a store that only ever had these rows shows of the symbol."""
    data, spy = new_symbol()
    ts = np.array([row[0] for row in rows], np.int64)
    spy.extend(ts, *(np.array([row[k] for row in rows], float) for k in range(1, 6)))
    document: dict[str, Any] = json.loads(data.to_json(timestamps="epoch_ns"))
    return document["symbols"]["SPY"]


def check_document(document: dict[str, Any]) -> int:
    """The rows of a symbol check themselves, and all the rest of its document follows from them
    (law 1)."""
    symbol = document["symbols"]["SPY"]
    rows = symbol["session"]["data"]["1s"]["data"]
    for ts, o, *others in rows:
        assert others == [o] * 4
        assert (ts - DAY_NS) // SECOND == int(o) % 1_000_000
    assert symbol == twin_document(rows)
    return int(sum(row[1] for row in rows))


def follow_documents(data: sd.SessionData, path: Any, check: Callable[[dict[str, Any]], int], way: str) -> None:
    """One more document, in one of the ways in which there are some. Deltas are added up in `path`,
    a dict."""
    if way == "to_json":
        check(json.loads(data.to_json(timestamps="epoch_ns")))
    elif way == "to_dict":
        check(data.to_dict(timestamps="epoch_ns"))
    elif way == "save":
        data.save(path)
        loaded = sd.load(path)
        for symbol in loaded.symbols.values():
            state_of(symbol).core.check_invariants()
        check(loaded.to_dict(timestamps="epoch_ns"))
    else:
        export = data.to_dict if way == "deltas as dicts" else lambda *args, **kw: json.loads(data.to_json(*args, **kw))
        if not path:
            path.update(export(cursor="a", timestamps="epoch_ns"))
        else:
            path.update(sd.apply_delta(dict(path), export(False, cursor="a", timestamps="epoch_ns")))
        check(path)


WAYS = ["to_json", "to_dict", "deltas", "deltas as dicts", "save"]


def run_documents(
    data: sd.SessionData, way: str, tmp_path: Any, check: Callable[[dict[str, Any]], int], write: Callable[[Any], Any]
) -> None:
    """Make documents while `write(flags)` writes, until it has written for long enough; and one
    when it is done."""
    flags, states = np.zeros(8, np.int64), set[int]()
    path: Any = {} if "deltas" in way else tmp_path / "store"
    data.export_cursor("a")

    def checked(document: dict[str, Any]) -> int:
        states.add(check(document))
        return 0

    def read() -> int:
        rounds, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < SECONDS or rounds < 8:
            follow_documents(data, path, checked, way)
            rounds += 1
        flags[STOP] = 1
        return rounds

    together(lambda: write(flags), read, flags=flags)
    assert len(states) > 1  # it was written to meanwhile
    follow_documents(data, path, checked, way)
    if "deltas" in way:
        now = data.to_dict(timestamps="epoch_ns")
        assert json.loads(json.dumps(path["symbols"])) == json.loads(json.dumps(now["symbols"]))
    for symbol in data.symbols.values():
        state_of(symbol).core.check_invariants()


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_documents_are_of_one_moment_while_a_compiled_writer_writes(way: str, tmp_path: Any) -> None:
    data, spy = new_symbol()
    handle = spy.handle
    write_with_holes(handle, np.ones(8, np.int64), 0, 0)
    run_documents(data, way, tmp_path, check_document, lambda flags: write_with_holes(handle, flags, 4_000, 100))


@pytest.mark.slow
@pytest.mark.parametrize("way", ["to_dict", "deltas as dicts", "deltas"])
def test_documents_are_of_one_moment_while_a_python_thread_writes(way: str, tmp_path: Any) -> None:
    """Without a handle there is no guard: the GIL has to do, and what asks Python meanwhile must
    have a copy."""
    data, spy = new_symbol()

    def write(flags: Any) -> None:
        i, add = 0, 0.0
        while flags[STOP] == 0:
            if i % 3 != 1:
                x = i + add
                spy.append(DAY_NS + i * SECOND, x, x, x, x, x)
            i += 1
            if i >= 3_000:
                i, add = 2_700, 1e6 - add

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        run_documents(data, way, tmp_path, check_document, write)
    finally:
        sys.setswitchinterval(interval)


@numba.njit(nogil=True)
def write_in_order(handle: int, other: int, flags: Any, n: int) -> int:
    """Bars in turn, and no others; in between another symbol is told what it knows. Returns how
    many."""
    for i in range(n):
        x = float(i)
        jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x)
        for _ in range(1_000):
            jit.append(other, DAY_NS, 0.0, 0.0, 0.0, 0.0, 0.0)
        if flags[STOP]:
            return i + 1
    flags[WRITTEN] = 1
    return n


@pytest.mark.slow
def test_deltas_of_bars_in_turn_take_turns_with_a_compiled_writer() -> None:
    """The usual delta is written in the guard, straight from the symbol, whose derived bars it
    brings up to date."""
    n = int(SECONDS * 13_000)
    data, spy = new_symbol()
    _, other = new_symbol()
    flags = np.zeros(8, np.int64)
    write_in_order(spy.handle, other.handle, flags, 0)
    flags[WRITTEN] = 0
    data.export_cursor("a")

    def follow() -> list[bytes]:
        deltas = [data.to_json(cursor="a", timestamps="epoch_ns")]
        while flags[WRITTEN] == 0:
            deltas.append(data.to_json(False, cursor="a", timestamps="epoch_ns"))
        return deltas

    written, deltas = together(lambda: write_in_order(spy.handle, other.handle, flags, n), follow, flags=flags)
    assert written == n
    deltas.append(data.to_json(False, cursor="a", timestamps="epoch_ns"))
    document = json.loads(deltas[0])
    for delta in deltas[1:]:
        document = sd.apply_delta(document, json.loads(delta))
    check_document(document)
    assert document["symbols"] == json.loads(data.to_json(timestamps="epoch_ns"))["symbols"]
    state_of(spy).core.check_invariants()


@numba.njit(nogil=True)
def write_ticks(handle: int, flags: Any, quotes: bool, pause: int) -> int:
    """Trades (or quotes) four a second, of size 1, and at the price that their number is."""
    i = 0
    while flags[STOP] == 0 and i < 4 * 86_400:
        at = DAY_NS + i * (SECOND // 4)
        if quotes:
            jit.append_quote(handle, at, float(i), float(i), 1.0, 1.0)
        else:
            jit.append_tick(handle, at, float(i), 1.0, 0)
        for _ in range(pause):  # refused
            jit.append_tick(handle, at, np.nan, 1.0, 0)
        i += 1
    return i


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("quotes", [False, True])
def test_documents_of_ticks_are_of_one_moment(way: str, quotes: bool, tmp_path: Any) -> None:
    """What a document says of trades or quotes fits the bars that they made, to the last one."""

    def make() -> tuple[sd.SessionData, sd.SymbolSessionData]:
        data = sd.SessionData(None, "1s", ("1m", "5m"))
        data.start_session("2023-11-15")
        return data, data.register_symbol("SPY", quote_bars="mid" if quotes else None)

    def check(document: dict[str, Any]) -> int:
        symbol = document["symbols"]["SPY"]
        part = symbol["session"]["data"].get("quotes" if quotes else "ticks")
        n = part["total_count"] if part else 0
        data, twin = make()
        i = np.arange(n, dtype=np.float64)
        ts, one = DAY_NS + i.astype(np.int64) * (SECOND // 4), np.ones(n)
        if n and quotes:
            twin.extend_quotes(ts, i, i, one, one)
        elif n:
            twin.extend_ticks(ts, i, one)
        assert symbol == json.loads(data.to_json(timestamps="epoch_ns"))["symbols"]["SPY"]
        return n

    data, spy = make()
    handle = spy.handle
    write_ticks(handle, np.ones(8, np.int64), quotes, 0)
    run_documents(data, way, tmp_path, check, lambda flags: write_ticks(handle, flags, quotes, 2_000))


@numba.njit(nogil=True)
def read_derived(handle: int, flags: Any) -> int:
    """Have derived bars brought up to date, for ever."""
    reads = 0
    while flags[STOP] == 0:
        jit.value(handle, 1, jit.CLOSE, -1)
        jit.value(handle, 2, jit.VOLUME, -1)
        reads += 1
        flags[WRITTEN + 1] = reads
    return reads


@pytest.mark.slow
@pytest.mark.parametrize("quotes", [False, True])
def test_ticks_from_python_take_turns_with_compiled_readers_and_writers(quotes: bool) -> None:
    data = sd.SessionData(None, "1s", ("1m", "5m"))
    data.start_session("2023-11-15")
    fed = data.register_symbol("FED", quote_bars="mid" if quotes else None)
    other = data.register_symbol("SPY")
    flags = np.zeros(8, np.int64)
    read_derived(fed.handle, np.ones(8, np.int64))
    write_with_holes(other.handle, np.ones(8, np.int64), 0, 0)

    def feed() -> int:
        """As many as there is time for: beside other busy processes the guard may change hands once
        a time slice."""
        try:
            while flags[WRITTEN + 1] == 0:
                time.sleep(0.001)
            limit = time.perf_counter() + 30.0
            for i in range(160_000):
                at, x = DAY_NS + i * (SECOND // 4), float(i)
                assert fed.append_quote(at, x, x, 1.0, 1.0) if quotes else fed.append_tick(at, x, 1.0)
                if i % 4 == 3 and time.perf_counter() > limit:
                    break
            return i + 1
        finally:
            flags[STOP] = 1

    n, reads, _ = together(
        feed,
        lambda: read_derived(fed.handle, flags),
        lambda: write_with_holes(other.handle, flags, 40_000, 0),
        flags=flags,
    )
    assert reads > 1
    for symbol in (fed, other):
        state_of(symbol).core.check_invariants()
    assert (fed.quotes if quotes else fed.ticks).total_count == n
    assert fed.bars().close.tolist() == [4.0 * i + 3.0 for i in range(n // 4)]
    assert fed.bars("1m").close.tolist() == [float(min(240 * i + 239, n - 1)) for i in range(-(-n // 240))]
    assert sum(fed.bars("5m").volume.tolist()) == (0.0 if quotes else n)


# --- memory that is asked for inside a guard ---

TRACED = """
    import faulthandler, threading, tracemalloc
    import numpy as np
    from numba import njit
    import sessiondata as sd
    from sessiondata import jit
    from sessiondata.store.symbol import state_of
    OPEN, MINUTE, SECOND = 1_710_250_200_000_000_000, 60_000_000_000, 1_000_000_000

    @njit(nogil=True)
    def feed(handle, what, n):
        '''Returns how many of the last of its calls have stored something.'''
        early = OPEN - 30 * MINUTE
        for _ in range(n):  # refused: until the main thread has the GIL
            jit.append(handle, early, np.nan, 1.0, 1.0, 1.0, 1.0)
        if what == 0:
            return int(jit.append(handle, early, 1.0, 1.0, 1.0, 1.0, 1.0) == jit.STORED)
        if what == 1:
            jit.append(handle, OPEN, 1.0, 1.0, 1.0, 1.0, 1.0)
            return int(jit.append(handle, early, 1.0, 1.0, 1.0, 1.0, 1.0) == jit.LATE)
        if what == 2:  # off the grid: more rows than slots
            stored = 0
            for i in range(1, 400):
                stored += int(jit.append(handle, OPEN + i * SECOND, 1.0, 1.0, 1.0, 1.0, 1.0) == jit.STORED)
            return stored - 398
        if what == 3:  # needs two blocks
            return int(jit.append_tick(handle, early, 1.0, 1.0, 0) == jit.STORED)
        return int(jit.append_quote(handle, early, 1.0, 1.0, 1.0, 1.0) == jit.STORED)

    feed(0, 0, 0)
    tracemalloc.start()
    for what in range(6):
        data = sd.SessionData("XNYS", "1m", ("5m",))
        data.start_session("2024-03-12")
        for i in range(10):
            faulthandler.dump_traceback_later(20, exit=True)  # who waits for whom
            symbol = data.register_symbol(str(i), quote_bars="mid" if what == 5 else None)
            core, handle, stored = state_of(symbol).core, symbol.handle, []
            thread = threading.Thread(target=lambda: stored.append(feed(handle, what, 100_000)))
            thread.start()
            while not stored:
                core.count(0)
            thread.join()
            assert stored == [1], (what, stored)
            core.check_invariants()
"""


@pytest.mark.slow
def test_who_needs_memory_inside_a_guard_does_not_wait_for_the_gil() -> None:
    """An allocation that tracemalloc traces takes the GIL. It was made inside the guard, for which
    the holder of the GIL waited: both for ever. Bars outside the regular slots, on time and late,
    too many of them, trades, quotes."""
    code = textwrap.dedent(TRACED)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def without_gil(name: str) -> Callable[..., int]:
    """A function of capi that appends, for calls from Python without the GIL."""
    from sessiondata import capi

    get_name, get_pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    n_values = {"sd_append": 5, "sd_append_tick": 2, "sd_append_quote": 4}[name]
    arguments = [ctypes.c_int64] * 2 + [ctypes.c_double] * n_values + [ctypes.c_int64] * (name == "sd_append_tick")
    exported: Any = capi.__pyx_capi__  # type: ignore[attr-defined]
    return ctypes.CFUNCTYPE(ctypes.c_int64, *arguments)(get_pointer(exported[name], get_name(exported[name])))


@pytest.mark.allocations
@pytest.mark.parametrize("what", ["sd_append", "sd_append_tick", "sd_append_quote"])
def test_a_caller_without_the_gil_is_told_that_there_is_no_memory(what: str) -> None:
    """Every allocation fails in its turn, those of the call itself among them."""
    testcapi = failing_allocations()
    data = sd.SessionData("XNYS", "1m", ("5m",))
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    early = 1_710_250_140 * SECOND  # a minute before the market opens
    append = without_gil(what)
    arguments = {"sd_append": (1.0,) * 5, "sd_append_tick": (1.0, 1.0, 0), "sd_append_quote": (1.0,) * 4}[what]
    handle, status, failed = spy.handle, -1, 0
    before = state_of(spy).core.memory_usage()
    for k in range(1_000):
        testcapi.set_nomemory(k, k + 1)
        try:
            status = append(handle, early, *arguments)
        except (MemoryError, ctypes.ArgumentError):  # of what Python allocates on the way
            continue
        finally:
            testcapi.remove_mem_hooks()
        state_of(spy).core.check_invariants()
        if status != jit.ERR_MEMORY:
            break
        failed += 1
    assert (status, failed) == (jit.STORED, 2 if what == "sd_append_tick" else 1)
    assert state_of(spy).core.memory_usage() > before


# --- sessions that come and go ---


@numba.njit(nogil=True)
def use_all(handles: Any, flags: Any, counts: Any) -> None:
    """Read and write whatever the handles are of at the moment, for ever."""
    ts = np.empty(16, np.int64)
    o, h, low, c, v = np.empty(16), np.empty(16), np.empty(16), np.empty(16), np.empty(16)
    i = 0
    while flags[STOP] == 0:
        for handle in handles:
            got = jit.read_last(handle, 0, ts, o, h, low, c, v)
            for j in range(max(got, 0)):
                if not (o[j] == h[j] and o[j] == low[j] and o[j] == c[j] and o[j] == v[j]):
                    counts[1] += 1
            x = float(i)
            status = jit.append(handle, DAY_NS + (i % 80_000) * SECOND, x, x, x, x, x)
            jit.value(handle, 1, jit.CLOSE, -1)
            jit.quality(handle, 2)
            counts[0] += got > 0
            counts[2] += status > 0
        i += 1


@pytest.mark.slow
@pytest.mark.parametrize("end", ["roll", "clear", "remove"])
def test_sessions_end_and_symbols_go_under_a_reader_and_writer(end: str) -> None:
    flags, counts = np.zeros(8, np.int64), np.zeros(8, np.int64)
    data = sd.SessionData(None, "1s", ("1m", "5m"), trailing_days=2)
    use_all(np.array([0, 1 << 24], np.int64), np.ones(8, np.int64), counts)
    handles = np.zeros(4, np.int64)

    def turn() -> int:
        rounds, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < SECONDS or rounds < 10:
            data.start_session("2023-11-15")
            for i, name in enumerate("ABCD"):
                handles[i] = data.register_symbol(name).handle
            time.sleep(0.002)
            if end == "roll":
                for _ in range(4):  # the first days are trimmed, so their memory goes
                    data.roll_session()
                    time.sleep(0.001)
                data.clear()
            elif end == "clear":
                data.clear()
            else:
                for name in "ABCD":
                    data.remove_symbol(name)
                data.clear()
            rounds += 1
        flags[STOP] = 1
        return rounds

    use = lambda: use_all(handles, flags, counts)  # noqa: E731
    _, _, rounds = together(use, use, turn, flags=flags)
    assert rounds >= 10
    assert counts[1] == 0
    assert counts[0] > 0
    assert counts[2] > 0


def test_compiled_bars_of_days_in_history_do_not_wait_for_each_other() -> None:
    """Such bars need the GIL, which a Python thread holds while it waits for the guard."""
    data, spy = new_symbol(trailing_days=3)
    spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    data.roll_session()
    counts = np.zeros(8, np.int64)
    write_every(spy.handle, 0, 1, 0, counts)

    def count() -> None:
        for i in range(3_000):
            spy.append(DAY_NS + (86_400 + i) * SECOND, 1.0, 1.0, 1.0, 1.0, 1.0)
            assert len(spy.bars()) == i + 1

    together(
        count, lambda: write_every(spy.handle, 1, 1, 200, counts), lambda: write_every(spy.handle, 1, 1, 200, counts)
    )
    assert len(spy.historical_bars["1s"][data.session_date.replace(day=15)]) == 200
    assert (counts[jit.LATE] + counts[jit.STORED], counts[jit.REPEATED]) == (199, 199)


def test_a_snapshot_keeps_the_days_that_were_there_when_it_was_made() -> None:
    """A late bar of a past day, which came while the file was written, was in the file, and in no
    count of it."""
    from sessiondata._native.out.capture import capture_all

    data, spy = new_symbol(trailing_days=3)
    spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    data.roll_session()
    _, [(_, _, days, _, _, _)], _, _ = capture_all(parts_of(data).context.clock, [state_of(spy).core], [()], [], None)
    spy.append(DAY_NS + SECOND, 2.0, 2.0, 2.0, 2.0, 2.0)
    assert [day.count(0) for day in days.values()] == [1]
    assert [day.count(0) for day in state_of(spy).core.days.cores.values()] == [2]


# --- rolls beside other calls ---


def test_a_late_bar_of_a_past_day_that_comes_while_a_session_rolls_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The new history was made, another thread stored a late bar in the old one, and the new one
    took its place."""
    from sessiondata._native.objects import sessions as _sessions

    data, spy = new_symbol(trailing_days=3)
    spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    data.roll_session()
    yesterday = data.session_date - dt.timedelta(days=1)
    stage, late = _sessions.stage_sessions, [DAY_NS + SECOND, DAY_NS + 2 * SECOND]

    def stage_and_lose_time(*arguments: Any) -> Any:
        staged = stage(*arguments)
        if late:
            assert spy.append(late.pop(0), 2.0, 2.0, 2.0, 2.0, 2.0)
        return staged

    monkeypatch.setattr(_sessions, "stage_sessions", stage_and_lose_time)
    data.roll_session()
    assert not late
    assert spy.historical_bars["1s"][yesterday].timestamp.tolist() == [DAY_NS, DAY_NS + SECOND, DAY_NS + 2 * SECOND]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("is_given", [True, False])
def test_the_summary_of_a_day_that_is_not_kept_has_its_last_bars(
    first: bool, is_given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary was made, a compiled feeder stored another bar, then the sessions changed
    places."""
    from sessiondata._native.objects import sessions as _sessions

    data, spy = new_symbol(trailing_days=0)
    data.add_historical_indicator("last", lambda *_: 0.0, days=3)
    if is_given:  # other rows of history go through another dict
        spy.load_historical_bars("1d", [np.datetime64("2023-11-14")], *([[7.0]] * 5))
    if not first:
        spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    stage, counts = _sessions.stage_sessions, np.zeros(8, np.int64)

    def stage_and_lose_time(*arguments: Any) -> Any:
        staged = stage(*arguments)
        write_every(spy.handle, 2, 1, 3, counts)
        return staged

    monkeypatch.setattr(_sessions, "stage_sessions", stage_and_lose_time)
    ended = data.session_date
    data.roll_session()
    bar = state_of(spy).core.days.daily[ended]
    assert bar[1:7] == ((2.0, 2.0, 2.0, 2.0, 2.0, 1) if first else (1.0, 2.0, 1.0, 2.0, 3.0, 2))
    assert bar[7:] == ((4.0, 2.0) if first else (5.0, 3.0))
    assert not state_of(spy).core.days.cores
    data.roll_session()  # and it stays what it was


@pytest.mark.parametrize("look", ["to_json", "to_dict", "save"])
@pytest.mark.parametrize("change", ["roll_session", "end_session", "clear", "remove", "register"])
def test_what_a_store_consists_of_changes_before_or_after_a_look_at_all_of_it(
    look: str, change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A roll in another thread gave documents the date of one session and the rows of another; a
    symbol that was removed meanwhile raised a KeyError."""
    from sessiondata._native.out import capture
    from sessiondata.export import document as export

    data, spy = new_symbol()
    spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    works: dict[str, Callable[[], Any]] = {
        "remove": lambda: data.remove_symbol("SPY"),
        "register": lambda: data.register_symbol("IBM"),
    }
    changing = threading.Thread(target=works.get(change) or getattr(data, change), daemon=True)
    target, name = (capture, "capture_all") if look == "save" else (export, "_meta")
    original = getattr(target, name)

    def slow(*arguments: Any) -> Any:
        made = original(*arguments)
        if changing.ident is None:
            changing.start()
            changing.join(0.1)
            assert changing.is_alive(), "nobody waits"
        return made

    monkeypatch.setattr(target, name, slow)
    if look == "save":
        data.save(tmp_path / "store")
        seen = sd.load(tmp_path / "store").to_dict()
    else:
        seen = json.loads(data.to_json()) if look == "to_json" else data.to_dict()
    changing.join(30)
    assert not changing.is_alive()
    assert seen["meta"]["session_date"] == "2023-11-15"
    assert list(seen["symbols"]) == ["SPY"]
    assert seen["symbols"]["SPY"]["session"]["data"]["1s"]["count"] == 1


# --- fork, Ctrl-C ---


def test_threads_that_ask_for_series_at_once_get_the_same_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Series are made when they are first asked for. Here a second thread asks while the first is
    about to make them: were what the first one has made put over what the second was given, `bars`
    would change its answer."""
    data = sd.SessionData(None, "1m", ("5m",))
    spy = data.register_symbol("SPY")
    made, theirs = [], []

    class Series(sd.BarSeries):
        __slots__ = ()

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)
            if len(made) == 1:
                other = threading.Thread(target=lambda: theirs.append(spy.bars("1m")))
                other.start()
                other.join()

    monkeypatch.setattr("sessiondata.store.state.BarSeries", Series)
    ours = spy.bars("1m")
    assert len(made) == 4
    assert ours is theirs[0] is spy.bars_base is spy.bars("60s")
    assert spy.bars("5m") is spy.bars_derived["5m"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_finds_whole_symbols_and_free_guards() -> None:
    _, spy = new_symbol(capacity=86_400)  # the writer's bars lie beside the slots, and never end
    flags = np.zeros(8, np.int64)
    stress.write(spy.handle, np.ones(8, np.int64), 1_000, 0)

    def fork() -> int:
        while flags[WRITTEN] < 1_000:
            time.sleep(0.001)
        failed = 0
        for _ in range(20):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    signal.alarm(20)
                    state_of(spy).core.check_invariants()
                    n, total = len(spy.bars()), spy.bars().total_count
                    rows = spy.bars().copy()
                    spy.append(DAY_NS + 80_000 * SECOND, 1.0, 1.0, 1.0, 1.0, 1.0)
                    whole = bool((rows.open == rows.close).all()) and len(rows) == n
                    code = 0 if whole and jit.total_count(spy, 0) == total + 1 else 2
                finally:
                    os._exit(code)
            failed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
        flags[STOP] = 1
        return failed

    _, failed = together(lambda: stress.write(spy.handle, flags, 1_000, 100), fork, flags=flags)
    assert failed == 0
    state_of(spy).core.check_invariants()


INTERRUPTED = """
    import os, signal, threading, time
    import numpy as np
    import sessiondata as sd
    {setup}
    def interrupt():
        time.sleep(0.3)
        global sent
        sent = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with it ignored
    threading.Thread(target=interrupt).start()
    try:
        while True:
            {work}
            done = time.perf_counter()
    except KeyboardInterrupt:
        print(time.perf_counter() - sent)
"""
BATCH = """grid = sd.SessionCalendar.always_open().session("2023-11-15")
    ts = 1_700_006_400_000_000_000 + np.arange(0, 86_400, 1, np.int64)[np.arange(86_400) % 5 != 2] * 1_000_000_000
    columns = {str(i): ts for i in range(5_000)}"""
EXPORT = """data = sd.SessionData(None, "1s", ("1m",))
    data.start_session("2023-11-15")
    ts = 1_700_006_400_000_000_000 + np.arange(5_000, dtype=np.int64) * 1_000_000_000
    x = np.arange(5_000) + 0.5
    for i in range(200):
        data.register_symbol(str(i)).extend(ts, x, x, x, x, x)"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise")
@pytest.mark.parametrize(
    ("setup", "work"),
    [
        (BATCH, "sd.find_gaps(columns, grid, '1s')"),
        (BATCH, "sd.find_gaps(columns, grid, '1s', workers=2)"),
        (EXPORT, "data.to_json()"),
        (EXPORT, "data.to_dict()"),
    ],
    ids=["batch", "batch on threads", "to_json", "to_dict"],
)
def test_ctrl_c_is_heard_in_long_work(setup: str, work: str) -> None:
    code = textwrap.dedent(INTERRUPTED).replace("{setup}", textwrap.dedent("    " + setup)).replace("{work}", work)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 5.0  # some milliseconds, on a machine that has nothing else to do
