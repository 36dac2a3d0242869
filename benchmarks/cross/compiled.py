"""sessiondata in one compiled loop: each bar into the store, and on each 5m bar that has closed two
means of the newest closes. A call for each day, because a session starts in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.cross.market import FAST, MINUTE_NS, SLOT_NS, SLOW, Market
from benchmarks.cross.store_loop import store
from benchmarks.cross.trades import Trade
from sessiondata import jit

__all__ = ["prepare", "run"]


@njit(nogil=True)
def trade_day(handles, first, ts, o, h, l, c, v, closes, counts, sides):  # noqa: E741
    """All stocks' bars of a day, those of stock `s` being rows [first[s], first[s + 1]).

    Returns the crossings as arrays: stock, end of the bar, side, price.
    """
    room = len(ts) // 2 + 1
    stock, end, side_of, price = (
        np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room),
    )  # fmt: skip
    n = 0
    for s in range(len(handles)):
        symbol, newest = handles[s], closes[s]
        five = jit.series_number(symbol, "5m")
        stop, done = jit.slot_stop(symbol, five), 0
        for i in range(first[s], first[s + 1]):
            jit.append(symbol, ts[i], o[i], h[i], l[i], c[i], v[i])
            if ts[i] + MINUTE_NS < stop:  # the newest 5m bar goes on after this minute
                continue
            stop = jit.slot_stop(symbol, five)
            closed = jit.count(symbol, five) - jit.forming(symbol, five)
            while done < closed:
                close = jit.value(symbol, five, jit.CLOSE, done)
                counts[s] += 1
                newest[counts[s] % SLOW] = close
                done += 1
                if counts[s] < SLOW:
                    continue
                fast = 0.0
                for k in range(FAST):
                    fast += newest[(counts[s] - k) % SLOW]
                side = 1 if fast / FAST > newest.sum() / SLOW else -1
                if side != sides[s] and sides[s]:
                    stock[n], side_of[n], price[n] = s, side, close
                    end[n] = jit.timestamp(symbol, five, done - 1) + SLOT_NS
                    n += 1
                sides[s] = side
    return stock[:n], end[:n], side_of[:n], price[:n]


def prepare(market: Market) -> Any:
    days = []
    for number in range(len(market.sessions)):
        stocks = [days[number].columns for days in market.stocks.values()]
        first = np.cumsum([0] + [len(columns[0]) for columns in stocks])
        days.append((first, *map(np.concatenate, zip(*stocks, strict=True))))
    return market, days


def run(prepared: Any) -> list[Trade]:
    market, days = prepared
    data = store(market)
    names = list(market.stocks)
    handles = np.array([data.symbols[name].handle for name in names])
    closes, counts = np.empty((len(names), SLOW)), np.zeros(len(names), np.int64)
    sides = np.zeros(len(names), np.int64)
    trades: list[Trade] = []
    for number, columns in enumerate(days):
        if number:
            data.roll_session(market.sessions[number].date)
        found = trade_day(handles, *columns, closes, counts, sides)
        trades += [(names[s], *rest) for s, *rest in zip(*(column.tolist() for column in found), strict=True)]
    return trades
