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

import itertools
import json
import time
from datetime import UTC
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
import stress
from sessiondata import jit
from sessiondata.store.lifecycle import Sessions
from sessiondata.store.symbol import state_of
from stress import DAY_NS, SECOND, STOP, WRITTEN
from threads import SECONDS, new_symbol, numba, together, write_every, write_with_holes

pytestmark = pytest.mark.threads


# --- readers --------------------------------------------------------------------------------------


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
def test_times_as_datetimes_are_of_one_moment_while_late_bars_move_the_rows() -> None:
    """They were read from the view, and some lists had a time twice."""
    _, spy = new_symbol(capacity=86_400)
    flags = np.zeros(8, np.int64)
    write_backwards(new_symbol()[1].handle, np.ones(8, np.int64), 4)  # compiled

    def read() -> int:
        torn = rounds = 0
        while flags[WRITTEN] < 20_000 or rounds < 20:
            for times in (spy.bars().datetime, spy.bars()[:].datetime):
                torn += any(a >= b for a, b in itertools.pairwise(times))
            rounds += 1
        flags[STOP] = 1
        return torn

    stored, torn = together(lambda: write_backwards(spy.handle, flags, 20_000), read, flags=flags)
    assert (stored, torn) == (20_000, 0)


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
                _, (expected, present, missing, _, _), gaps = core.answer(0, UTC)
                assert present + missing == expected
                assert sum(gap.bar_count for gap in gaps) == missing
                # What is left in the list's memory by the list before it has the right length, but
                # the wrong place.
                assert all(before.end_ns < gap.start_ns for before, gap in itertools.pairwise(gaps))
                rounds += 1
            return rounds

        late, rounds = together(lambda s=spy, f=flags: fill_holes(s.handle, n, f), answer, flags=flags)
        assert (late, rounds > 0, spy.bars().missing) == (n, True, 0)
        state_of(spy).core.check_invariants()


# --- writers --------------------------------------------------------------------------------------


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


@pytest.mark.slow
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
