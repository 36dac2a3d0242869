"""Law 9: the hot path allocates nothing."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

import sessiondata as sd

MINUTE = 60_000_000_000
DAY_NS = 1_710_201_600_000_000_000  # 2024-03-12T00:00Z


def rows(n: int, stride: int = 1, offset: int = 0) -> list[tuple[int, float, float, float, float, float]]:
    return [(DAY_NS + (i * stride + offset) * MINUTE, 1.0 + i, 2.0 + i, 0.5 + i, 1.5 + i, 10.0) for i in range(n)]


def store(capacity: int | None = None) -> sd.SymbolSessionData:
    data = sd.SessionData("24/7", capacity=capacity)
    data.start_session("2024-03-12")
    return data.register_symbol("SPY")


def feed(spy: sd.SymbolSessionData, bars: list[tuple[int, float, float, float, float, float]]) -> None:
    append = spy.append
    for ts_ns, o, h, lo, c, v in bars:  # `append(*bar)` has CPython allocate room for the arguments
        append(ts_ns, o, h, lo, c, v)


CASES: dict[str, tuple[list[tuple[int, float, float, float, float, float]], int | None]] = {
    "in order": (rows(1440), None),
    "every other minute missing": (rows(720, stride=2), None),
    "late, filling gaps": (rows(720, stride=2) + rows(700, stride=2, offset=1), None),
    "repeats and corrections": (
        rows(400) + rows(400) + [(ts, o, h, lo, c, v + 1) for ts, o, h, lo, c, v in rows(400)],
        None,
    ),
    "a ring that wraps": (rows(1440), 64),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_appends_allocate_no_python_memory(case: str) -> None:
    bars, capacity = CASES[case]
    spy = store(capacity)
    feed(spy, bars[:10])  # what the interpreter sets up at the first call is not the library's
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        feed(spy, bars)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # `append` bound to a local, the loop's iterator and its current int: a few hundred bytes
    # however many bars.
    assert peak - before < 1024
    assert sum(spy.counters[name] for name in ("stored", "corrected", "repeated", "too_old")) == len(bars) + 10


def test_the_allocation_count_would_notice_one_object_per_bar() -> None:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [float(i) for i in range(1440)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(kept) == 1440
    assert peak - before > 1440 * 16


def million() -> tuple[list[sd.SymbolSessionData], list[tuple[int, float, float, float, float, float]]]:
    """Stores, and the bars that each takes: a million appends and more. Rings wrap, one bar in a
    hundred is late."""
    bars = rows(1440)
    for at in range(50, 1440, 100):
        bars.insert(at + 5, bars.pop(at))
    return [store(capacity=100) for _ in range(701)], bars


def feed_all(stores: list[sd.SymbolSessionData], bars: list[tuple[int, float, float, float, float, float]]) -> None:
    for spy in stores:
        feed(spy, bars)


@pytest.mark.slow
def test_a_million_appends_allocate_no_python_objects() -> None:
    """Two counts that share nothing: blocks of the interpreter's allocator, and bytes that
    tracemalloc sees (of which NumPy's arrays are part)."""
    stores, bars = million()
    feed(stores[0], bars)
    gc.collect()
    blocks = sys.getallocatedblocks()
    feed_all(stores[1:501], bars)
    assert abs(sys.getallocatedblocks() - blocks) < 100
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        feed_all(stores[501:], bars)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - before < 4096
    assert 700 * 1440 > 1_000_000
    assert all(spy.counters["late"] == 14 for spy in stores), "one bar in a hundred is late"
    assert all(spy.counters["overwritten"] == 1340 for spy in stores), "and the rings wrap"


@pytest.mark.skipif(
    sys.getallocatedblocks() == 0, reason="objects come from malloc (PYTHONMALLOC), which keeps no count"
)
def test_the_block_count_would_notice_one_object_per_store() -> None:
    gc.collect()
    blocks = sys.getallocatedblocks()
    kept = [float(i) for i in range(700)]
    assert sys.getallocatedblocks() - blocks >= 700
    assert len(kept) == 700


COUNTER = """
#include <stddef.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
static size_t calls;
size_t allocator_calls(void) { return calls; }
void *malloc(size_t size) { calls++; return __libc_malloc(size); }
void *calloc(size_t n, size_t size) { calls++; return __libc_calloc(n, size); }
void *realloc(void *block, size_t size) { calls++; return __libc_realloc(block, size); }
"""

COUNTED = """
import ctypes, gc, sys
import test_hot_path as hot

calls = ctypes.CDLL(sys.argv[1]).allocator_calls
stores, bars = hot.million()
hot.feed(stores[0], bars)
gc.collect()
gc.disable()
before = calls()
hot.feed_all(stores[1:], bars)
fed = calls()
kept = [float(i) for i in range(5000)]
print(fed - before, calls() - fed)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="stands between the interpreter and glibc")
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="another allocator stands there already")
def test_a_million_appends_never_call_the_allocator(tmp_path: Path) -> None:
    """Calls are counted and not what is left: what is allocated and freed at once costs, too, and
    no peak shows it."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    source, library = tmp_path / "counter.c", tmp_path / "counter.so"
    source.write_text(COUNTER)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    # PYTHONMALLOC: each object a block of its own, instead of one out of a pool that is there
    # already.
    environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc", "PYTHONPATH": path}
    run = subprocess.run(
        [sys.executable, "-c", COUNTED, library], env=environment, capture_output=True, text=True, check=True
    )
    appends, control = map(int, run.stdout.split())
    assert control >= 4000, "5,000 floats must be noticed, or the count means nothing"
    assert appends < 1500  # the 700 loops' own iterators, of a million appends


def in_use() -> Callable[[], int]:
    """Bytes that the C library's malloc has handed out."""
    libc = ctypes.CDLL(None)

    class Mallinfo(ctypes.Structure):
        _fields_ = tuple(
            (name, ctypes.c_size_t)
            for name in (
                *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
                *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
            )
        )

    libc.mallinfo2.restype = Mallinfo
    return lambda: libc.mallinfo2().uordblks + libc.mallinfo2().hblkhd


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks glibc how much memory is in use")
def test_a_million_appends_keep_no_native_memory() -> None:
    try:
        bytes_in_use = in_use()
    except AttributeError:
        pytest.skip("this C library has no mallinfo2")
    stores, bars = million()
    feed(stores[0], bars)
    gc.collect()
    before = bytes_in_use()
    feed_all(stores[1:], bars)
    # The interpreter's own arenas may move by a page or two; a single byte per bar would be a
    # million.
    assert abs(bytes_in_use() - before) < 65_536


def test_a_hundred_thousand_trades_and_quotes_allocate_nothing() -> None:
    """Rings wrap, and one trade in a hundred is late; the first of a session makes the ring."""
    data = sd.SessionData("24/7", tick_capacity=1_000, quote_capacity=1_000)
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    step = 86_400_000_000_000 // 100_000
    ticks = [(DAY_NS + (i - 60 * (i % 100 == 99)) * step, 1.0 + i % 7, 2.0) for i in range(100_000)]
    append_tick, append_quote = spy.append_tick, spy.append_quote

    def feed_some(some: list[tuple[int, float, float]]) -> None:
        for ts_ns, price, size in some:
            append_tick(ts_ns, price, size, "Q")
            append_quote(ts_ns, price, price, size, size)

    first, rest = ticks[:1_500], ticks[1_500:]
    feed_some(first)
    gc.collect()
    blocks = sys.getallocatedblocks()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        feed_some(rest)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - before < 4096
    assert abs(sys.getallocatedblocks() - blocks) < 100
    assert (spy.ticks.counters["late"], spy.ticks.counters["overwritten"]) == (1_000, 99_000)
