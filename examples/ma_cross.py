"""A backtest that never leaves compiled code: a moving-average cross on 5m bars, fed with 1m bars.

    python examples/ma_cross.py

Each minute goes into the store, which grows the 5m bars, the session's metrics, gaps and quality.
When a 5m bar closes, two averages of closed bars are compared, and a cross is traded at that close.
A 5m bar closes with its last minute, the session's last one too; where that minute never comes, the
next bar tells. Compiled at the first run, and loaded from numba's cache from then on. Everything
about the symbols can be asked in Python afterwards.
"""

from __future__ import annotations

import numpy as np
from numba import njit

import sessiondata as sd
from sessiondata import jit

MINUTE = 60_000_000_000  # ns
FAST, SLOW = 4, 12  # closed 5m bars in the averages


@njit(nogil=True)
def cross(symbol, ts, o, h, l, c, v, step_ns, fast, slow):  # noqa: E741
    """Feed the bars of one symbol (or handle), each `step_ns` long, and trade; returns (trades,
    profit per share, bars refused)."""
    five = jit.series_number(symbol, "5m")
    fast_sum = slow_sum = profit = entry = 0.0
    trades = refused = position = done = 0
    stop = jit.slot_stop(symbol, five)
    for i in range(len(ts)):
        if jit.append(symbol, ts[i], o[i], h[i], l[i], c[i], v[i]) < 0:
            refused += 1
        if ts[i] + step_ns < stop:  # the newest 5m bar goes on after this minute
            continue
        stop = jit.slot_stop(symbol, five)
        closed = jit.count(symbol, five) - jit.forming(symbol, five)
        # mostly one; two, where a bar of which the end is missing is followed by a lone last minute
        while done < closed:
            price = jit.value(symbol, five, jit.CLOSE, done)
            done += 1
            fast_sum += price
            slow_sum += price
            if done > fast:
                fast_sum -= jit.value(symbol, five, jit.CLOSE, done - 1 - fast)
            if done > slow:
                slow_sum -= jit.value(symbol, five, jit.CLOSE, done - 1 - slow)
            if done < slow:
                continue
            side = 1 if fast_sum * slow > slow_sum * fast else -1
            if side != position:
                profit += position * (price - entry)
                position, entry = side, price
                trades += 1
    return trades, profit, refused


@njit(cache=True, nogil=True)
def backtest(handles, ts, o, h, l, c, v, step_ns, fast, slow):  # noqa: E741
    """`cross` for many symbols: handles of shape (n,), ts of shape (bars,), other columns of shape
    (n, bars)."""
    trades, profit, refused = np.empty(len(handles), np.int64), np.empty(len(handles)), 0
    for s in range(len(handles)):
        trades[s], profit[s], bad = cross(handles[s], ts, o[s], h[s], l[s], c[s], v[s], step_ns, fast, slow)
        refused += bad
    return trades, profit, refused


def walks(n: int, bars: int) -> tuple[np.ndarray, ...]:
    """Made-up prices in cents and volumes of n symbols: open, high, low, close, volume, each of
    shape (n, bars)."""
    rng = np.random.default_rng(1)
    path = 100 + rng.normal(0, 0.02, (n, bars * 8)).cumsum(axis=1).reshape(n, bars, 8).round(2)
    volume = rng.integers(100, 9_000, (n, bars)).astype(float)
    return path[..., 0].copy(), path.max(axis=2), path.min(axis=2), path[..., -1].copy(), volume


def main() -> None:
    hours = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData(hours, "1m", ("5m", "15m", "1h", "1d"))
    grid = data.start_session("2024-03-12")
    symbols = [data.register_symbol(name) for name in ("ASH", "BIRCH", "CEDAR")]
    arrived = np.random.default_rng(2).random(390) > 0.01  # some minutes never come
    ts = (int(grid.segments[0, 0]) + np.arange(390) * MINUTE)[arrived]
    columns = [np.ascontiguousarray(column[:, arrived]) for column in walks(len(symbols), 390)]
    handles = np.array([symbol.handle for symbol in symbols])
    trades, profit, refused = backtest(handles, ts, *columns, MINUTE, FAST, SLOW)
    for symbol, n, gain in zip(symbols, trades, profit, strict=True):
        one = symbol.bars("1m")
        print(f"{symbol.symbol:6} {n:2} trades {gain:+.2f} a share", end="; ")
        print(f"session {symbol.session_low:.2f} to {symbol.session_high:.2f}", end=", ")
        print(f"{one.missing} of {one.expected} minutes missing")
    print(f"{refused} bars refused")


if __name__ == "__main__":
    main()
