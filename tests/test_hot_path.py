"""Law 9: the hot path allocates nothing."""

from __future__ import annotations

import ctypes
import gc
import sys
import tracemalloc
from collections.abc import Callable

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
    for bar in bars:
        append(*bar)


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
    # `append` bound to a local, the loop's iterator and its current int: a few hundred bytes however many bars.
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
def test_a_million_appends_allocate_no_native_memory() -> None:
    try:
        bytes_in_use = in_use()
    except AttributeError:
        pytest.skip("this C library has no mallinfo2")
    stores = [store(capacity=100) for _ in range(700)]
    bars = rows(1440)
    feed(stores[0], bars)
    gc.collect()
    before = bytes_in_use()
    for spy in stores[1:]:
        feed(spy, bars)
    assert 699 * 1440 > 1_000_000
    # The interpreter's own arenas may move by a page or two; a single byte per bar would be a million.
    assert abs(bytes_in_use() - before) < 65_536
