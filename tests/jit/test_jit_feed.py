"""Closed bars for compiled code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit

import sessiondata as sd
from sessiondata import jit

START, MINUTE = 1_710_244_800_000_000_000, 60_000_000_000


def columns(n: int) -> tuple[Any, ...]:
    ints = [np.zeros(n, np.int64) for _ in range(5)]
    return (*ints[:4], *(np.zeros(n) for _ in range(5)), ints[4])


@njit
def run(symbol: Any, feed: int, n: int, start: int, out: Any) -> Any:
    """Feed minutes and drain after each; total of what has closed."""
    found, total = 0, 0.0
    for i in range(n):
        jit.append(symbol, start + i * 60_000_000_000, 10.0, 11.0, 9.0, 10.5, 100.0)
        while True:
            m = jit.drain(feed, *out)
            if m <= 0:
                break
            found += m
            for j in range(m):
                total += out[8][j]
    return found, total


@njit(nogil=True)
def once(feed: int, out: Any) -> int:
    return jit.drain(feed, *out)


@pytest.fixture
def data() -> sd.SessionData:
    made = sd.SessionData(None, "1m", ("5m", "1h"))
    made.register_symbol("A")
    made.register_symbol("B")
    return made


def test_events_in_a_compiled_loop(data: sd.SessionData) -> None:
    feed, other = data.closed_bars(("5m", "1h")), data.closed_bars(("5m", "1h"))
    data.start_session("2024-03-12")
    out = columns(1)  # one place: several calls for what closes at once
    assert run(data["B"], feed.handle, 120, START, out) == (26, 24_000.0)
    assert feed.drain() == ()
    assert len(other.drain()) == 26


@pytest.mark.parametrize("drain", [once, lambda feed, out: jit.drain(feed, *out)], ids=["njit", "python"])
def test_columns_are_what_drain_says(data: sd.SessionData, drain: Any) -> None:
    feed, other = data.closed_bars(("5m", "1h")), data.closed_bars(("5m", "1h"))
    for i in range(61):
        data.append("B", START + i * MINUTE, 10.0, 11.0 + i, 9.0, 10.5, 100.0)
    out = columns(20)
    assert drain(feed.handle, out) == 13
    events = other.drain()
    assert out[0][:13].tolist() == [1] * 13
    assert [feed.intervals[i] for i in out[1][:13]] == [event.interval for event in events]
    assert out[2][:13].tolist() == [jit.CLOSED] * 13
    names = ("ts_ns", "open", "high", "low", "close", "volume", "n_base")
    for name, column in zip(names, out[3:], strict=True):
        assert column[:13].tolist() == [getattr(event, name) for event in events]
    data.append("B", START, 10.0, 100.0, 9.0, 10.5, 100.0)
    assert drain(feed.handle, out) == 2
    assert out[2][:2].tolist() == [jit.REVISED] * 2
    assert drain(feed.handle, out) == 0


def test_errors_are_numbers(data: sd.SessionData) -> None:
    out = columns(2)
    feed = data.closed_bars("5m")
    handle = feed.handle
    assert handle == feed.handle
    assert once(handle + 1_000, out) == jit.ERR_NO_SYMBOL
    short = (*out[:-1], np.zeros(1, np.int64))
    assert once(handle, short) == jit.drain(handle, *short) == jit.ERR_NO_SERIES
    with pytest.raises(sd.ArgumentTypeError):
        jit.drain(handle, *out[:-1], np.zeros(2))
    feed.close()
    assert once(handle, out) == jit.ERR_NO_SYMBOL
    other = data.closed_bars("5m").handle  # nobody holds it
    assert once(other, out) == jit.ERR_NO_SYMBOL

    lapped = sd.SessionData(None, "1m", ("5m",), capacity=2)
    lapped.register_symbol("A")
    feed = lapped.closed_bars("1m")
    for i in range(5):
        lapped.append("A", START + i * MINUTE, 10.0, 11.0, 9.0, 10.5, 100.0)
    assert once(feed.handle, out) == jit.ERR_LOST
    assert once(feed.handle, out) == 2


def test_a_consumer_that_is_being_drained(data: sd.SessionData) -> None:
    out, found = columns(2), []
    feed = data.closed_bars("5m", callback=lambda _: found.append(once(feed.handle, out)))
    for i in range(5):
        data.append("A", START + i * MINUTE, 10.0, 11.0, 9.0, 10.5, 100.0)
    feed.drain()
    assert found == [jit.ERR_REENTRANT]


@pytest.mark.parametrize("other_drains", [False, True], ids=["alone", "beside another"])
def test_what_is_left_has_the_numbers_of_now(data: sd.SessionData, other_drains: bool) -> None:
    feed, other = data.closed_bars("1m"), data.closed_bars("1m")
    for i in range(3):
        data.append("A", START + i * MINUTE, 10.0, 11.0, 9.0, 10.5, 100.0)
        data.append("B", START + i * MINUTE, 20.0, 21.0, 19.0, 20.5, 100.0)
    out = columns(10)
    assert once(feed.handle, columns(1)) == 1
    data.remove_symbol("A")
    if other_drains:
        other.drain()
    assert once(feed.handle, out) == 3
    assert out[0][:3].tolist() == [0, 0, 0]  # B, which has moved up
    assert out[7][:3].tolist() == [20.5, 20.5, 20.5]
    assert once(feed.handle, out) == 0
