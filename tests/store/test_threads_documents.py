"""Documents, deltas and snapshots beside writers, and memory that is asked for inside a guard."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from failing import failing_allocations
from sessiondata import jit
from sessiondata.store.symbol import state_of
from stress import DAY_NS, SECOND, STOP, WRITTEN
from threads import SECONDS, new_symbol, numba, together, write_with_holes

pytestmark = pytest.mark.threads


# --- documents, deltas, snapshots -----------------------------------------------------------------


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
        # Python code takes long over a document: where it reads no copy, the first few show it.
        seconds = SECONDS / 2 if "dict" in way else SECONDS
        rounds, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds or rounds < 8:
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
            limit = time.perf_counter() + SECONDS
            for i in range(160_000):
                at, x = DAY_NS + i * (SECOND // 4), float(i)
                assert fed.append_quote(at, x, x, 1.0, 1.0) if quotes else fed.append_tick(at, x, 1.0)
                if i % 4 == 3 and i > 2_000 and time.perf_counter() > limit:
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


# --- memory that is asked for inside a guard ------------------------------------------------------


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
