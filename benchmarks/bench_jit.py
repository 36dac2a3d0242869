"""A backtest in one compiled call: each bar stored, four derived intervals, gaps, quality, metrics,
and the strategy.

The strategy is that of `examples/ma_cross.py`, a moving-average cross on 5m bars. The contestant is
the same strategy around the hand-written numba loop, which is compiled into it, while ours is
called in another library.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import data, ours

numba = pytest.importorskip("numba", reason="numba is not installed")

from examples import ma_cross  # noqa: E402

from benchmarks import numba_loop  # noqa: E402
from sessiondata import jit  # noqa: E402

N_SYMBOLS = 50
# Not cached: what numba caches of a script does not fit the same file imported as a module.
our_backtest = numba.njit(nogil=True)(ma_cross.backtest.py_func)
CASES = {"append": (data.minutes, N_SYMBOLS), "seconds": (data.seconds, 1)}
each_case = pytest.mark.parametrize("case", CASES)


def row_of(case: str) -> tuple[str, str]:
    day, n = CASES[case][0](), CASES[case][1]
    of = f"{n} symbols of {day.title}" if n > 1 else day.title
    return f"jit/{case}", f"One bar in a compiled backtest, a moving-average cross on 5m bars: {of}"


def strategy_of(case: str):
    """Length of a bar, and of the two averages."""
    return CASES[case][0]().step_ns, ma_cross.FAST, ma_cross.SLOW


def columns_of(case: str):
    """ts, and the other columns with a row for each symbol."""
    day, n = CASES[case][0](), CASES[case][1]
    ts, *columns = day.columns
    return ts, *(np.tile(column, (n, 1)) for column in columns)


def new_symbols(case: str):
    """A store with the case's symbols and no bars."""
    day, n = CASES[case][0](), CASES[case][1]
    store, _ = ours.new_store(day)
    symbols = [store.register_symbol(f"S{i}") for i in range(n)]
    return symbols, np.array([symbol.handle for symbol in symbols])


@numba.njit
def cross(ints, floats, ts, o, h, l, c, v, step_ns, fast, slow):  # noqa: E741
    """`ma_cross.cross` on the arrays of the hand-written loop."""
    fast_sum = slow_sum = profit = entry = 0.0
    trades = refused = position = done = 0
    close = 5 * ints[numba_loop.BASE_ROOM] + 3 * ints[numba_loop.ROOM]
    stop = ints[numba_loop.OPEN]
    for i in range(len(ts)):
        if not numba_loop.take(ints, floats, ts[i], o[i], h[i], l[i], c[i], v[i]):
            refused += 1
        if ts[i] + step_ns < stop:
            continue
        stop = ints[numba_loop.NEXT + 1]
        closed = ints[numba_loop.COUNT + 1] - (ts[i] + step_ns < stop)
        while done < closed:
            price = floats[close + done]
            done += 1
            fast_sum += price
            slow_sum += price
            if done > fast:
                fast_sum -= floats[close + done - 1 - fast]
            if done > slow:
                slow_sum -= floats[close + done - 1 - slow]
            if done < slow:
                continue
            side = 1 if fast_sum * slow > slow_sum * fast else -1
            if side != position:
                profit += position * (price - entry)
                position, entry = side, price
                trades += 1
    return trades, profit, refused


@numba.njit
def backtest(ints, floats, ts, o, h, l, c, v, step_ns, fast, slow):  # noqa: E741
    trades, profit, refused = np.empty(len(ints), np.int64), np.empty(len(ints)), 0
    for s in range(len(ints)):
        trades[s], profit[s], bad = cross(ints[s], floats[s], ts, o[s], h[s], l[s], c[s], v[s], step_ns, fast, slow)
        refused += bad
    return trades, profit, refused


@numba.njit
def feed(handles, ts, o, h, l, c, v):  # noqa: E741
    stored = 0
    for s in range(len(handles)):
        for i in range(len(ts)):
            stored += jit.append(handles[s], ts[i], o[s, i], h[s, i], l[s, i], c[s, i], v[s, i]) == jit.STORED
    return stored


@numba.njit
def store(memory, ts, o, h, l, c, v):  # noqa: E741
    for s in range(len(memory)):
        column = memory[s]
        for i in range(len(ts)):
            column[0, i], column[1, i], column[2, i] = ts[i], o[s, i], h[s, i]
            column[3, i], column[4, i], column[5, i] = l[s, i], c[s, i], v[s, i]


def their_arrays(case: str):
    day, n = CASES[case][0](), CASES[case][1]
    ints, floats = zip(*(numba_loop.new_arrays(day) for _ in range(n)), strict=True)
    return np.array(ints), np.array(floats)


@each_case
def test_sessiondata(case, timed):
    columns = columns_of(case)
    symbols, handles = new_symbols(case)
    trades, profit, refused = our_backtest(handles, *columns, *strategy_of(case))
    assert trades[0] > 0
    assert refused == 0
    arrays = their_arrays(case)
    for mine, other in zip((trades, profit, refused), backtest(*arrays, *columns, *strategy_of(case)), strict=True):
        assert np.array_equal(mine, other), "contestants disagree on the trades"
    day = CASES[case][0]()
    for symbol, *own in zip(symbols, *arrays, strict=True):
        ours.same_bars(ours.bars_of(symbol), numba_loop.derived_bars(own))
        tallies = {name: (symbol.bars(name).gap_count, symbol.bars(name).missing) for name in symbol.intervals}
        assert numba_loop.missing(day, own) == tallies, "contestants disagree on what is missing"

    def setup():
        setup.kept = new_symbols(case)  # a handle does not keep its symbol alive
        return setup.kept[1], *columns, *strategy_of(case)

    timed(*row_of(case), "sessiondata", columns[1].size, our_backtest, setup=setup)


@each_case
def test_bars_alone(case, timed):
    columns = columns_of(case)

    def setup():
        setup.kept = new_symbols(case)
        return setup.kept[1], *columns

    assert feed(*setup()) == columns[1].size
    timed(*row_of(case), "sessiondata, no strategy", columns[1].size, feed, setup=setup, yardstick=True)


@each_case
def test_storing_alone(case, timed):
    """The same rows into six columns of memory that is as cold: touched when made, and a collection
    ago. (Times are stored as floats: bytes are bytes.)"""
    columns = columns_of(case)

    def setup():
        new_symbols(case)  # what is set up for us passes through the caches here, too
        return np.full((len(columns[1]), 6, -(-len(columns[0]) // 8) * 8 + 8), 0.5), *columns

    arguments = setup()
    store(*arguments)
    for k, column in enumerate(columns):
        assert np.array_equal(arguments[0][:, k, : len(columns[0])], np.broadcast_to(column, columns[1].shape))
    note = "six columns, nothing else: what the memory takes"
    timed(*row_of(case), "storing alone", columns[1].size, store, setup=setup, yardstick=True, note=note)


@each_case
def test_numba(case, timed):
    columns = columns_of(case)
    backtest(*their_arrays(case), *columns, *strategy_of(case))
    note = "counts gaps, keeps no ranges; no late bars"
    timed(
        *row_of(case), "numba loop, bar by bar", columns[1].size, backtest,
        setup=lambda: (*their_arrays(case), *columns, *strategy_of(case)), note=note,
    )  # fmt: skip
