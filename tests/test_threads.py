"""Several threads: readers that are lapped, writers of one symbol, sessions that end under a reader, fork, Ctrl-C.

Not each of these is known to fail with its protection taken out: `test_gaps_and_quality_of_one_moment_agree` and
`test_a_writer_with_the_gil_and_one_without_take_turns` passed with a guard that waits for nobody.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
import stress
from sessiondata import jit
from stress import DAY_NS, SECOND, STOP, WRITTEN

numba = pytest.importorskip("numba")
# By default a few seconds; `python tests/stress.py` is the long run.
SECONDS = float(os.environ.get("SESSIONDATA_STRESS_SECONDS", "1.5"))


def new_symbol(**options: Any) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    data = sd.SessionData(None, "1s", ("1m", "5m"), **options)
    data.start_session("2023-11-15")
    return data, data.register_symbol("SPY")


def together(*works: Callable[[], Any], until: Callable[[], bool] | None = None, flags: Any = None) -> list[Any]:
    """Results of functions that run at the same time in threads; an exception of one is raised here."""
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

    threads = [threading.Thread(target=call, args=(i,)) for i in range(len(works))]
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


@pytest.mark.parametrize(("capacity", "n"), [(1024, 16), (16, 12), (8, 8), (3, 1)])
def test_no_accepted_read_is_torn_whatever_laps_it(capacity: int, n: int) -> None:
    outcome = stress.run(SECONDS / 2, capacity, n, floor=1_000)
    assert outcome.torn == 0
    assert outcome.accepted >= 1_000
    assert outcome.written > 10 * capacity


def test_two_readers_and_a_writer_share_two_cores() -> None:
    outcome = stress.run(SECONDS / 2, 64, 16, readers=2, floor=1_000)
    assert outcome.torn == 0
    assert outcome.accepted >= 1_000


@numba.njit(nogil=True)
def write_backwards(handle: int, flags: Any, n: int) -> int:
    """Late bars, the newest first, each of which moves all that are newer; after them corrections, for ever."""
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
    spy._core.check_invariants()


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
    spy._core.check_invariants()


@numba.njit(nogil=True)
def write_with_holes(handle: int, flags: Any) -> int:
    """Every third second is missing, so that all numbers of slots move with each bar."""
    i = 0
    while flags[STOP] == 0 and i < 80_000:
        if i % 3 != 1:
            x = float(i)
            jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x)
            for _ in range(200):
                flags[WRITTEN] = i
        i += 1
    return i


@numba.njit(nogil=True)
def read_states(handle: int, flags: Any, k: int) -> tuple[int, int]:
    reads = wrong = 0
    while flags[STOP] == 0:
        expected, present, missing, no_trade, halted, gaps = jit.states(handle, k)
        reads += 1
        wrong += expected < 0 or present + missing + no_trade + halted != expected or (k == 0 and gaps != missing)
    return reads, wrong


def test_gaps_and_quality_of_one_moment_agree() -> None:
    _, spy = new_symbol()
    flags = np.zeros(8, np.int64)
    write_with_holes(spy.handle, np.ones(8, np.int64))
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
        lambda: write_with_holes(spy.handle, flags),
        read_state,
        lambda: read_states(spy.handle, flags, 0),
        flags=flags,
    )
    assert (rounds >= 20, reads > 0, wrong) == (True, True, 0)
    spy._core.check_invariants()


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
    spy._core.check_invariants()
    assert spy.bars().open.tolist() == list(range(n))
    assert spy.bars("1m").volume.tolist() == [float(sum(range(i, min(i + 60, n)))) for i in range(0, n, 60)]
    assert (spy.bars().missing, data.sequence - before) == (0, n)


def test_a_writer_with_the_gil_and_one_without_take_turns() -> None:
    n = 20_000
    _, spy = new_symbol()
    counts = np.zeros(8, np.int64)
    write_every(spy.handle, 0, 1, 0, counts)

    def with_the_gil() -> None:
        for i in range(0, n, 2):
            x = float(i)
            if i % 10:
                spy.append(DAY_NS + i * SECOND, x, x, x, x, x)
            else:
                spy.extend([DAY_NS + i * SECOND], [x], [x], [x], [x], [x])

    together(with_the_gil, lambda: write_every(spy.handle, 1, 2, n, counts))
    spy._core.check_invariants()
    assert spy.bars().open.tolist() == list(range(n))
    assert spy.bars("1m").volume.tolist() == [float(sum(range(i, min(i + 60, n)))) for i in range(0, n, 60)]


def test_no_bar_of_a_compiled_feeder_is_replaced_by_one_that_fills() -> None:
    """Both write to the same slots. A feeder's bar that comes second corrects, one that fills never does: so each slot
    ends as the feeder says, and 1 + its number is what filling stored where it came first."""
    n = 20_000
    data, spy = new_symbol()
    counts = np.zeros(8, np.int64)
    write_every(spy.handle, 0, 1, 0, counts)
    data.advance_to(DAY_NS + n * SECOND)
    times = DAY_NS + np.arange(n) * SECOND
    filled = [0]

    def fill() -> None:
        for start in range(0, n, 40):
            part = times[start : start + 40]
            filled[0] += spy.fill(part, *[np.full(len(part), -1.0)] * 3, *[np.full(len(part), -1.0)], part * 0.0)

    together(fill, lambda: write_every(spy.handle, 0, 1, n, counts))
    spy._core.check_invariants()
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


# --- fork, Ctrl-C ---


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_finds_whole_symbols_and_free_guards() -> None:
    _, spy = new_symbol()
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
                    spy._core.check_invariants()
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
    spy._core.check_invariants()


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
