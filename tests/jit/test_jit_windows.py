"""Windows over days from compiled code: what Python's window has."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from callers import DAY_NS, MINUTE, minutes, store

numba = pytest.importorskip("numba")
njit = numba.njit

from sessiondata import jit  # noqa: E402


@njit(nogil=True)
def read_window(symbol, k, flags, ts, o, h, l, c, v, d):  # noqa: E741
    return jit.window(symbol, k, flags, ts, o, h, l, c, v, d)


@njit(nogil=True)
def mean_close(symbol, n):
    closes = np.empty(n)
    count = jit.window_values(symbol, 1, jit.CLOSE, 0, closes)
    return closes[:count].mean() if count > 0 else np.nan


def arrays(n: int) -> tuple[Any, ...]:
    return np.full(n, -1), *(np.full(n, -1.0) for _ in range(5)), np.full(n, "1970-01-01", "M8[D]")


def of_days() -> tuple[sd.SessionData, sd.SymbolSessionData]:
    """Two days of twelve minutes, the second with a bar in progress."""
    data, spy = store()
    spy.extend(*minutes(12))
    data.roll_session()
    ts, *values = minutes(12)
    spy.extend(ts + 1440 * MINUTE, *(column + 50.0 for column in values))
    return data, spy


def same(spy: sd.SymbolSessionData, n: int, flags: int, k: int) -> None:
    name = spy.intervals[k]
    window = spy.window(name, n, extended=bool(flags & 1), forming=bool(flags & 2))
    for call, symbol in ((read_window, spy), (read_window, spy.handle), (jit.window, spy)):
        columns = arrays(n)
        count = call(symbol, k, flags, *columns)
        assert count == len(window)
        names = ("timestamp", "open", "high", "low", "close", "volume", "trade_date")
        for column, attribute in zip(columns, names, strict=True):
            assert column[:count].tolist() == getattr(window, attribute).tolist()
            assert (column[count:] == arrays(1)[names.index(attribute)][0]).all()
    values = np.full(n, -1.0)
    assert jit.window_values(spy, k, jit.HIGH, flags, values) == len(window)
    assert values[: len(window)].tolist() == window.high.tolist()


@pytest.mark.parametrize("flags", [0, jit.WITH_EXTENDED, jit.WITH_FORMING, jit.WITH_EXTENDED + jit.WITH_FORMING])
@pytest.mark.parametrize("n", [1, 3, 12, 13, 20, 60])
def test_compiled_windows_are_those_of_python(n: int, flags: int) -> None:
    _, spy = of_days()
    for k in range(len(spy.intervals)):
        same(spy, n, flags, k)


def test_compiled_windows_follow_history() -> None:
    data, spy = of_days()
    same(spy, 20, 0, 0)
    spy.append(DAY_NS + 13 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)  # late, of yesterday
    same(spy, 20, 0, 0)
    same(spy, 20, 0, 1)
    data.load_historical_bars("SPY", "5m", [DAY_NS - 1440 * MINUTE], *([[9.0]] * 5))
    same(spy, 20, 0, 1)
    later = [DAY_NS + 2 * 1440 * MINUTE]
    data.load_historical_bars("SPY", "1m", later, *([[7.0]] * 5))
    same(spy, 20, 0, 0)
    data.roll_session()
    same(spy, 20, 0, 0)
    data.end_session()  # without a session: of history alone
    same(spy, 30, 0, 0)


def test_a_mean_over_days() -> None:
    _, spy = of_days()
    assert mean_close(spy, 4) == spy.window("5m", 4).close.mean()


def test_what_is_no_answer_is_a_negative_number() -> None:
    data, spy = of_days()
    columns = arrays(3)
    assert jit.window(spy, 9, 0, *columns) == jit.ERR_NO_SERIES
    assert jit.window(spy, -1, 0, *columns) == jit.ERR_NO_SERIES
    assert read_window(spy, 0, 0, *columns[:6], arrays(4)[6]) == jit.ERR_NO_SERIES
    assert jit.window(spy, 0, 0, *columns[:6], arrays(4)[6]) == jit.ERR_NO_SERIES
    assert jit.window_values(spy, 0, jit.TIMESTAMP, 0, columns[1]) == jit.ERR_NO_SERIES
    assert jit.window(12345, 0, 0, *columns) == jit.ERR_NO_SYMBOL
    handle = spy.handle
    data.remove_symbol("SPY")
    assert jit.window(handle, 0, 0, *columns) == 0  # it lives, and has nothing
    assert columns[0].tolist() == [-1] * 3


@pytest.mark.parametrize(
    "wrong",
    [(0, np.zeros(3)), (1, np.zeros(3, np.int64)), (6, np.zeros(3, "M8[ns]")), (4, np.zeros(6)[::2])],
)
def test_columns_of_another_kind(wrong: tuple[int, Any]) -> None:
    _, spy = of_days()
    columns = list(arrays(3))
    columns[wrong[0]] = wrong[1]
    with pytest.raises(sd.ArgumentTypeError):
        jit.window(spy, 0, 0, *columns)
    with pytest.raises(numba.TypingError):
        read_window(spy, 0, 0, *columns)


def test_columns_that_nobody_wants_are_left_out() -> None:
    """A Cython caller passes NULL."""
    _, spy = of_days()
    closes = np.zeros(3)
    call = jit.table.from_python("window")
    pointers = [None] * 4 + [closes.ctypes.data] + [None] * 2
    assert call(spy.handle, 0, 3, 0, *pointers) == 3
    assert closes.tolist() == spy.window("1m", 3).close.tolist()


@njit(nogil=True)
def write_flat(symbol, start, rounds):
    """Bars whose values are one number, each several times with another one."""
    for i in range(rounds):
        value = float(i % 97)
        symbol.append(start + (i % 500) * MINUTE, value, value, value, value, value)


@njit(nogil=True)
def count_torn(symbol, rounds, k, ts, o, h, l, c, v, d):  # noqa: E741
    torn = 0
    for _ in range(rounds):
        for j in range(jit.window(symbol, k, jit.WITH_FORMING, ts, o, h, l, c, v, d)):
            torn += k == 0 and not (o[j] == h[j] == l[j] == c[j] == v[j])
            torn += j > 0 and ts[j] <= ts[j - 1]
    return torn


@pytest.mark.threads
@pytest.mark.slow
def test_no_window_is_torn() -> None:
    """Readers of windows over yesterday and today, with the GIL and without, while a compiled
    writer adds and corrects bars, and late bars change yesterday."""
    data, spy = store()
    spy.extend(minutes(12)[0], *(np.ones(12) for _ in range(5)))
    data.roll_session()
    start = DAY_NS + 1440 * MINUTE
    write_flat(spy, start, 1)
    count_torn(spy, 1, 0, *arrays(40))
    done = threading.Event()
    faults: list[Any] = []

    def read(k: int) -> None:
        while not done.is_set():
            if count_torn(spy, 200, k, *arrays(40)):
                faults.append(k)

    def read_in_python() -> None:
        while not done.is_set():
            window = spy.window("1m", 600, forming=True)
            values = [window.open, window.high, window.low, window.close, window.volume]
            is_whole = window.is_immutable and all((column == values[0]).all() for column in values)
            if not is_whole or (np.diff(window.timestamp) <= 0).any():
                faults.append(window)

    def write_late() -> None:
        for i in range(300):
            spy.append(DAY_NS + (20 + i) * MINUTE, *(float(i),) * 5)

    readers = [threading.Thread(target=read, args=(k,)) for k in (0, 1)]
    readers.append(threading.Thread(target=read_in_python))
    writers = [threading.Thread(target=write_flat, args=(spy, start, 200_000)), threading.Thread(target=write_late)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert not faults
    same(spy, 900, jit.WITH_FORMING, 0)
