"""Bars that all contestants are fed: made-up sessions that never change, and one real one.

Prices are a random walk in whole cents and volumes are integers, so every contestant can be exact
and results are compared with ``==``. Numbers are drawn from a generator whose stream NumPy has
frozen (`RandomState`): the bars are the same everywhere.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

__all__ = ["DERIVED", "STEP_NS", "ZONE", "Columns", "Day", "minutes", "minutes_with_holes", "seconds"]
__all__ += ["Trades", "ibm_trades", "seconds_with_holes", "spy_seconds", "trades"]

SECOND_NS = 1_000_000_000
ZONE = ZoneInfo("America/New_York")
DERIVED = ("5m", "15m", "1h", "1d")

#: Length of each interval that occurs. The session is the one slot of 1d, so its length stands for
#: it.
STEP_NS = {
    "1s": SECOND_NS,
    "1m": 60 * SECOND_NS,
    "5m": 300 * SECOND_NS,
    "15m": 900 * SECOND_NS,
    "1h": 3600 * SECOND_NS,
    "1d": 23_400 * SECOND_NS,
}

Columns = tuple[npt.NDArray[Any], ...]

_SPY = Path("equity", "usa", "second", "spy", "20131007_trade.zip")
_IBM = Path("equity", "usa", "tick", "ibm", "20131007_trade.zip")
# Beside the project's root. A worktree elsewhere has no real data, and rows on it are skipped. The
# tests have the same path in `tests/market_data.py`. It is written down twice because neither side
# may need the other: benchmarks run without pytest, tests without the project's root on the path.
# `tests/project/test_benchmarks.py` compares the two.
LEAN = Path(__file__).resolve().parents[2] / "shared" / "data" / "lean"


@dataclass(frozen=True)
class Day:
    """One symbol's bars of one session, 09:30 to 16:00 in New York, in time order.

    Attributes
    ----------
    name : str
        Part of a row's name in the report.
    title : str
        The same in words.
    date : datetime.date
    base : str
        Interval of the bars.
    columns : tuple of ndarray
        ts_ns (int64), open, high, low, close, volume (float64).
    """

    name: str
    title: str
    date: dt.date
    base: str
    columns: Columns

    def __len__(self) -> int:
        return len(self.columns[0])

    @property
    def step_ns(self) -> int:
        return STEP_NS[self.base]

    @cached_property
    def open_ns(self) -> int:
        opening = dt.datetime.combine(self.date, dt.time(9, 30), ZONE)
        return int(opening.timestamp()) * SECOND_NS

    @property
    def stop_ns(self) -> int:
        return self.open_ns + STEP_NS["1d"]

    @cached_property
    def rows(self) -> list[tuple[Any, ...]]:
        """Bars as tuples of Python scalars, as a feed handler has them at hand: time in ns."""
        return list(zip(*(column.tolist() for column in self.columns), strict=True))

    @cached_property
    def object_rows(self) -> list[tuple[Any, ...]]:
        """Bars as people pass them today: aware datetimes, floats, integer volume."""
        return [(to_datetime(ts), o, h, low, c, int(volume)) for ts, o, h, low, c, volume in self.rows]

    def keep(self, mask: npt.NDArray[np.bool_], name: str, title: str) -> Day:
        """The same day with only some of its bars."""
        columns = tuple(np.ascontiguousarray(column[mask]) for column in self.columns)
        return replace(self, name=name, title=title, columns=columns)


@dataclass(frozen=True)
class Trades:
    """One symbol's trades of one session, 09:30 to 16:00 in New York, in time order.

    Attributes
    ----------
    name, title : str
        Part of a row's name in the report, and the same in words.
    day : Day
        The session; without bars.
    columns : tuple of ndarray
        ts_ns (int64), price, size (float64), exchange (S8).
    """

    name: str
    title: str
    day: Day
    columns: Columns

    def __len__(self) -> int:
        return len(self.columns[0])

    @cached_property
    def rows(self) -> list[tuple[Any, ...]]:
        """Trades as tuples of Python scalars, as a feed handler has them at hand."""
        *numbers, exchange = (column.tolist() for column in self.columns)
        return list(zip(*numbers, [text.decode() for text in exchange], strict=True))


def to_datetime(ts_ns: int) -> dt.datetime:
    """Aware datetime in the exchange's zone; every time here is a whole second."""
    return dt.datetime.fromtimestamp(ts_ns // SECOND_NS, ZONE)


@cache
def minutes(seed: int = 1) -> Day:
    """All 390 minutes; another seed, another stock."""
    return _walk("minutes", "390 bars of 1m", "1m", seed)


@cache
def seconds() -> Day:
    """All 23,400 seconds."""
    return _walk("seconds", "23,400 bars of 1s", "1s", 2)


@cache
def adjusted_seconds() -> Day:
    """The seconds with prices as they are after a dividend: of full precision."""
    day = seconds()
    ts_ns, *prices, volume = day.columns
    columns = (ts_ns, *(price * 0.98731045237 for price in prices), volume)
    return Day("seconds-adjusted", "23,400 bars of 1s, adjusted prices", day.date, day.base, columns)


@cache
def minutes_with_holes() -> Day:
    """The minutes without some 8 % of them."""
    day = minutes()
    mask = _holes(len(day), outage=slice(100, 118))
    return day.keep(mask, "minutes-holes", f"{mask.sum()} bars of 1m, with holes")


@cache
def seconds_with_holes() -> Day:
    """The seconds without some 5 % of them: singles, and an outage longer than a derived bar."""
    day = seconds()
    mask = _holes(len(day), outage=slice(9_000, 9_700))
    return day.keep(mask, "seconds-holes", f"{mask.sum():,} bars of 1s, with holes")


@cache
def spy_seconds() -> Day | None:
    """SPY's regular seconds of 2013-10-07, 14,432 of 23,400; None where the sample data is
    absent."""
    path = LEAN / _SPY
    if not path.is_file():
        return None
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
        table = np.array([row[:6] for row in csv.reader(io.TextIOWrapper(member, "ascii"))], np.int64)
    empty = Day("spy", "", dt.date(2013, 10, 7), "1s", ())
    midnight_ns = empty.open_ns - 34_200 * SECOND_NS
    ts_ns = midnight_ns + table[:, 0] * 1_000_000  # ms since midnight
    prices = (table[:, k] / 10_000 for k in range(1, 5))
    day = replace(empty, columns=(ts_ns, *prices, table[:, 5].astype(np.float64)))
    # Pre-market bars are left out: no contestant but ours tells them apart.
    regular = (ts_ns >= day.open_ns) & (ts_ns < day.stop_ns)
    return day.keep(regular, "spy", f"SPY 2013-10-07, {regular.sum():,} bars of 1s")


@cache
def trades() -> Trades:
    """100,000 trades at random times, some of them at the same one: four in a second, and seconds
    without any."""
    day = Day("trades", "", dt.date(2024, 3, 12), "1s", ())
    rng = np.random.RandomState(4)
    n = 100_000
    ms = np.sort(rng.randint(0, 23_400_000, size=n)).astype(np.int64)
    price = (17_240 + rng.randint(-2, 3, size=n).cumsum()) / 100
    size = rng.randint(1, 1_000, size=n).astype(np.float64)
    exchange = np.array([b"Q", b"N", b"P", b"ARCX"], "S8")[rng.randint(0, 4, size=n)]
    return Trades("made-up", f"{n:,} trades", day, (day.open_ns + ms * 1_000_000, price, size, exchange))


@cache
def ibm_trades() -> Trades | None:
    """IBM's regular trades of 2013-10-07; None where the sample data is absent."""
    path = LEAN / _IBM
    if not path.is_file():
        return None
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
        rows = list(csv.reader(io.TextIOWrapper(member, "ascii")))
    day = Day("trades", "", dt.date(2013, 10, 7), "1s", ())
    table = np.array([row[:3] for row in rows], np.int64)
    ts_ns = day.open_ns + (table[:, 0] - 34_200_000) * 1_000_000
    columns = ts_ns, table[:, 1] / 10_000, table[:, 2].astype(np.float64), np.array([row[3] for row in rows], "S8")
    regular = (ts_ns >= day.open_ns) & (ts_ns < day.stop_ns)
    kept = tuple(np.ascontiguousarray(column[regular]) for column in columns)
    return Trades("ibm", f"IBM 2013-10-07, {regular.sum():,} trades", day, kept)


def _walk(name: str, title: str, base: str, seed: int) -> Day:
    empty = Day(name, title, dt.date(2024, 3, 12), base, ())
    ts_ns = np.arange(empty.open_ns, empty.stop_ns, STEP_NS[base], dtype=np.int64)
    rng = np.random.RandomState(seed)
    trades = 6  # behind each bar; enough for four different prices
    cents = 17_240 + rng.randint(-2, 3, size=(len(ts_ns), trades)).cumsum().reshape(-1, trades)
    cents = np.abs(cents) + 1
    prices = (cents[:, 0], cents.max(axis=1), cents.min(axis=1), cents[:, -1])
    volume = rng.randint(1, 50_000, size=len(ts_ns)).astype(np.float64)
    return replace(empty, columns=(ts_ns, *(price / 100 for price in prices), volume))


def _holes(n: int, outage: slice) -> npt.NDArray[np.bool_]:
    """Which bars arrive: not the first three, not 2 % at random, none in the outage; the last one
    does."""
    mask = np.random.RandomState(3).randint(0, 100, size=n) >= 2
    mask[:3] = mask[outage] = False
    # With the last bar the session is over for everyone, also for those that know no clock.
    mask[-1] = True
    return mask
