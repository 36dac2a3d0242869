"""Consumers of closed bars, drained while other threads write."""

from __future__ import annotations

import threading

import pytest

import sessiondata as sd

START, MINUTE = 1_710_201_600_000_000_000, 60_000_000_000

pytestmark = pytest.mark.threads


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True], ids=["Python", "compiled"])
def test_a_drainer_while_writers_write(compiled: bool) -> None:
    """Each symbol has a writer, whose late bars revise what was announced; two consumers drain all
    the while. In the end each has the closed bars, and none was announced twice."""
    names, n = ("A", "B"), 1_200
    data = sd.SessionData(None, "1m", ("5m", "1h"))
    data.start_session("2024-03-12")
    for name in names:
        data.register_symbol(name)
    feeds = [data.closed_bars(("1m", "5m", "1h")) for _ in range(2)]
    done = threading.Event()
    barrier = threading.Barrier(len(names) + len(feeds))
    tables: list[dict[tuple[str, str, int], tuple[float, ...]]] = [{} for _ in feeds]
    faults: list[BaseException] = []
    writers = [
        threading.Thread(target=guarded, args=(faults, write, data, name, n, compiled, barrier)) for name in names
    ]
    drainers = [
        threading.Thread(target=guarded, args=(faults, follow, feed, table, done, barrier))
        for feed, table in zip(feeds, tables, strict=True)
    ]
    for thread in (*writers, *drainers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in drainers:
        thread.join()
    assert faults == []
    expected = {}
    for name in names:
        for interval in ("1m", "5m", "1h"):
            for bar in data[name].bars(interval):
                if not bar.forming:
                    expected[name, interval, bar.timestamp] = (*bar[1:6], bar.n_base)
    for table in tables:
        assert table == expected


def guarded(faults: list[BaseException], run: object, *arguments: object) -> None:
    try:
        run(*arguments)  # type: ignore[operator]
    except BaseException as error:
        faults.append(error)


def write(data: sd.SessionData, name: str, n: int, compiled: bool, barrier: threading.Barrier) -> None:
    append = data[name].append
    if compiled:
        from sessiondata import jit

        handle = data[name].handle
        append = lambda *bar: jit.append(handle, *bar) > 0  # noqa: E731
    barrier.wait()
    for i in range(n):
        if i % 7 == 3:
            continue  # comes late
        append(START + i * MINUTE, 10.0, 11.0 + i % 5, 9.0, 10.5, 100.0)
        if i % 7 == 6:
            append(START + (i - 3) * MINUTE, 10.0, 20.0, 9.0, 10.5, 100.0)
        if i % 50 == 49:
            append(START + (i - 20) * MINUTE, 10.0, 30.0, 9.0, 10.5, float(i))


def follow(
    feed: sd.ClosedBarFeed,
    table: dict[tuple[str, str, int], tuple[float, ...]],
    done: threading.Event,
    barrier: threading.Barrier,
) -> None:
    barrier.wait()
    last = False
    while not last:
        last = done.is_set()  # once more after the last bar
        for event in feed.drain():
            key = event.symbol, event.interval, event.ts_ns
            values = (*event.bar[1:6], event.n_base)
            assert (event.kind == "closed") == (key not in table)
            assert table.get(key) != values
            table[key] = values
