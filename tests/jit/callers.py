"""Compiled callers, and a store for them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from sessiondata.store.symbol import state_of

numba = pytest.importorskip("numba")
njit = numba.njit

from sessiondata import jit  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PXD = Path(sd.get_include(), "sessiondata", "capi.pxd").read_text(encoding="utf-8")
MINUTE = 60_000_000_000
DAY_NS = 1_710_201_600_000_000_000  # 2024-03-12T00:00Z
DERIVED = ("5m", "15m", "1h", "1d")


def store(*, started: bool = True, **options: Any) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    data = sd.SessionData(None, "1m", DERIVED, **options)
    if started:
        data.start_session("2024-03-12")
    return data, data.register_symbol("SPY")


def minutes(n: int, step: int = 1) -> tuple[np.ndarray, ...]:
    ts = DAY_NS + np.arange(0, n, step, dtype=np.int64) * MINUTE
    price = 100.0 + np.arange(len(ts)) % 17
    return ts, price, price + 1.0, price - 1.0, price + 0.5, np.full(len(ts), 10.0)


@njit(nogil=True)
def feed(spy, ts, o, h, l, c, v):  # noqa: E741
    statuses = np.empty(len(ts), np.int64)
    for i in range(len(ts)):
        statuses[i] = spy.append(ts[i], o[i], h[i], l[i], c[i], v[i])
    return statuses


@njit(nogil=True)
def feed_handle(handle, ts, o, h, l, c, v):  # noqa: E741
    statuses = np.empty(len(ts), np.int64)
    for i in range(len(ts)):
        statuses[i] = jit.append(handle, ts[i], o[i], h[i], l[i], c[i], v[i])
    return statuses


@njit(nogil=True)
def feed_ticks(spy, ts, price, size, exchange):
    statuses = np.empty(len(ts), np.int64)
    for i in range(len(ts)):
        statuses[i] = spy.append_tick(ts[i], price[i], size[i], exchange)
    return statuses


@njit(nogil=True)
def feed_quotes(handle, ts, bid, ask, bid_size, ask_size):
    statuses = np.empty(len(ts), np.int64)
    for i in range(len(ts)):
        statuses[i] = jit.append_quote(handle, ts[i], bid[i], ask[i], bid_size[i], ask_size[i])
    return statuses


@njit
def numbers(symbol, k):
    """Everything that can be asked of a series by number."""
    counts = (jit.count(symbol, k), jit.total_count(symbol, k), jit.forming(symbol, k))
    tally = (jit.expected(symbol, k), jit.present(symbol, k), jit.missing(symbol, k), jit.gap_count(symbol, k))
    return counts, tally, jit.quality(symbol, k)


@njit
def row(symbol, k, i):
    prices = (jit.value(symbol, k, jit.OPEN, i), jit.value(symbol, k, jit.HIGH, i), jit.value(symbol, k, jit.LOW, i))
    rest = (jit.value(symbol, k, jit.CLOSE, i), jit.value(symbol, k, jit.VOLUME, i))
    return jit.timestamp(symbol, k, i), prices, rest


@njit
def columns(series):
    return series.timestamp, series.open, series.high, series.low, series.close, series.volume


@njit
def answers(series):
    counts = (len(series), series.total_count, series.forming)
    tally = (series.expected, series.present, series.missing, series.gap_count)
    return counts, tally, series.quality, series.completeness


@njit
def series_stop(series):
    return series.slot_stop


@njit
def metrics(spy):
    return spy.session_volume, spy.session_high, spy.session_low


@njit
def absent(spy):
    return len(spy.bars("2m"))


def same_answers(spy: sd.SymbolSessionData) -> None:
    """What compiled code reads is what Python reads, to the last bit."""
    for k, name in enumerate(spy.intervals):
        series = spy.bars(name)
        n = len(series)
        counts = (n, series.total_count, series.forming)
        tally = (series.expected, series.present, series.missing, series.gap_count)
        assert numbers(spy.handle, k) == numbers(spy, k) == (counts, tally, series.quality)
        assert answers(series) == (counts, tally, series.quality, series.completeness)
        for mine, name in zip(columns(series), ("timestamp", "open", "high", "low", "close", "volume"), strict=True):
            other = getattr(series, name)
            assert mine.dtype == other.dtype
            assert mine.tobytes() == other.tobytes()
            assert not mine.flags.writeable
        stop = jit.slot_stop(spy, k)
        assert series_stop(series) == stop
        if n == 0:
            assert stop == jit.NAT
        elif k == 0:
            assert series.timestamp[-1] < stop <= series.timestamp[-1] + state_of(spy).core.steps_ns[0]
        else:
            assert series.forming == (jit.as_of(spy) < stop)
            assert stop > spy.bars_base.timestamp[-1] or series.interval == "1d"
        for i in {0, n // 2, n - 1, -1, -n} if n else ():
            bar = series[i]
            assert repr(row(spy, k, i)) == repr((bar[0], tuple(bar[1:4]), tuple(bar[4:6])))
        for i in (n, -n - 1, 2**63 - 1, -(2**63)):
            assert row(spy, k, i)[0] == jit.NAT
            assert all(map(math.isnan, row(spy, k, i)[1] + row(spy, k, i)[2]))
    volume, high, low = metrics(spy)
    assert (volume, none(high), none(low)) == (spy.session_volume, spy.session_high, spy.session_low)


def none(x: float) -> float | None:
    return None if math.isnan(x) else x
