"""The bars that all contestants get: minutes of made-up stocks over some weeks of a real calendar.

Sessions are those of New York from 2024-11-18 on: Thanksgiving is closed, the day after it is a
half day. Stocks walk in whole cents, jump overnight, trade most at the open and the close.

Minutes are missing: single ones, and once for each stock 18 from the start of a 5m bar. A day's
last minute is always there, and no hole ends just before the last minute of a 5m bar: engines that
know no clock and no hours make other bars of those. A walk in which two averages are ever equal is
drawn anew, because rounding would decide there, and contestants add in different orders.

Needs NumPy alone: it also runs where a framework has an environment of its own.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FAST", "MINUTE_NS", "SLOT_NS", "SLOW", "Market", "Session", "StockDay", "market", "slots"]

MINUTE_NS = 60_000_000_000
SLOT_NS = 5 * MINUTE_NS  # a 5m bar
FAST, SLOW = 10, 50  # 5m bars of the two averages; a day has 78, so mornings look at yesterday

_FIRST = dt.date(2024, 11, 18)
_CLOSED = dt.date(2024, 11, 28)
_HALF_DAY = dt.date(2024, 11, 29)
_TRADES = 6  # behind a bar: enough for four different prices

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Session:
    """Hours of a trade date, `[open_ns, stop_ns)`."""

    date: dt.date
    open_ns: int
    stop_ns: int

    @property
    def minutes(self) -> int:
        return (self.stop_ns - self.open_ns) // MINUTE_NS


@dataclass(frozen=True)
class StockDay:
    """Columns of the minutes of one stock on one day: prices are float64, in time order."""

    ts_ns: Array
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array

    @property
    def columns(self) -> tuple[Array, ...]:
        return self.ts_ns, self.open, self.high, self.low, self.close, self.volume


@dataclass(frozen=True)
class Market:
    """Some stocks over some sessions.

    Attributes
    ----------
    stocks : dict
        Name of a stock -> its days, one of each session.
    """

    sessions: tuple[Session, ...]
    stocks: dict[str, tuple[StockDay, ...]]

    def __len__(self) -> int:
        return sum(len(day.ts_ns) for days in self.stocks.values() for day in days)

    @cached_property
    def whole(self) -> dict[str, tuple[Array, ...]]:
        """Columns of each stock over all days."""
        return {
            name: tuple(map(np.concatenate, zip(*(day.columns for day in days), strict=True)))
            for name, days in self.stocks.items()
        }

    @cached_property
    def minutes(self) -> list[list[tuple[int, list[tuple[Any, ...]]]]]:
        """For each session its minutes: (ts_ns, bars of that minute).

        A bar is (name, open, high, low, close, volume), plain Python numbers as a feed handler has
        them.
        """
        days = []
        for number, session in enumerate(self.sessions):
            bars: dict[int, list[tuple[Any, ...]]] = {
                ts: [] for ts in range(session.open_ns, session.stop_ns, MINUTE_NS)
            }
            for name, stock in self.stocks.items():
                for ts, *values in zip(*(column.tolist() for column in stock[number].columns), strict=True):
                    bars[ts].append((name, *values))
            days.append(list(bars.items()))
        return days


def market(stocks: int = 50, days: int = 20) -> Market:
    """The same bars on any machine: the stream of `RandomState` is frozen."""
    sessions = tuple(_sessions(days))
    names = [f"{'ABCDEFGHIJ'[k // 5 % 10]}{'AEIOU'[k % 5]}{k // 50:02}" for k in range(stocks)]
    return Market(sessions, {name: _stock(sessions, number) for number, name in enumerate(names)})


def slots(ts_ns: Array, close: Array) -> tuple[Array, Array]:
    """Ends of the 5m bars of some minutes, and their closes. Sessions open and close at whole 5
    minutes of UTC, so no bar spans two of them."""
    slot = ts_ns // SLOT_NS
    last = np.append(np.flatnonzero(np.diff(slot)), len(slot) - 1)
    return (slot[last] + 1) * SLOT_NS, close[last]


def _sessions(days: int) -> list[Session]:
    found, date = [], _FIRST
    while len(found) < days:
        if date.weekday() < 5 and date != _CLOSED:
            # no change of clocks in these weeks: 09:30 is 14:30 UTC
            open_ns = (date - dt.date(1970, 1, 1)).days * 86_400_000_000_000 + (14 * 60 + 30) * MINUTE_NS
            found.append(Session(date, open_ns, open_ns + (210 if date == _HALF_DAY else 390) * MINUTE_NS))
        date += dt.timedelta(1)
    return found


def _stock(sessions: tuple[Session, ...], number: int) -> tuple[StockDay, ...]:
    for attempt in range(100):
        days = _walk(sessions, np.random.RandomState(1_000 * number + attempt))
        closes = np.concatenate([slots(day.ts_ns, day.close)[1] for day in days])
        if not _ties(np.rint(closes * 100).astype(np.int64)):
            return days
    raise AssertionError("every walk has two averages that are equal")


def _ties(cents: Array) -> bool:
    total = np.append(0, cents.cumsum())
    fast, slow = (total[SLOW:] - total[SLOW - n : len(total) - n] for n in (FAST, SLOW))
    return bool((fast * SLOW == slow * FAST).any())


def _walk(sessions: tuple[Session, ...], random: np.random.RandomState) -> tuple[StockDay, ...]:
    cents = int(random.randint(4_000, 40_000))
    outage = random.randint(len(sessions)), 5 * random.randint(6, 36)
    days = []
    for number, session in enumerate(sessions):
        n = session.minutes
        cents = max(2_000, cents + int(random.randint(-60, 61)))  # overnight
        path = np.maximum(cents + random.randint(-2, 3, size=(n, _TRADES)).cumsum().reshape(n, _TRADES), 100)
        cents = int(path[-1, -1])
        # volume is highest at the ends of a day
        busy = 1 + 3 * np.abs(np.linspace(-1, 1, n)) ** 3
        volume = np.rint(random.randint(100, 9_000, size=n) * busy)
        arrives = random.randint(0, 100, size=n) >= 1
        # with the last minute the session is over for everyone, also for those that know no clock
        arrives[-1] = True
        if number == outage[0]:
            arrives[outage[1] : outage[1] + 18] = False
            arrives[outage[1] + 18] = True
        columns = (path[:, 0] / 100, path.max(1) / 100, path.min(1) / 100, path[:, -1] / 100, volume)
        ts_ns = session.open_ns + np.arange(n, dtype=np.int64) * MINUTE_NS
        days.append(StockDay(*(np.ascontiguousarray(column[arrives]) for column in (ts_ns, *columns))))
    return tuple(days)
