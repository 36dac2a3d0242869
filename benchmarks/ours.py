"""`sessiondata` set up for the benchmarks, and its answers in the plain form that all contestants
are compared in."""

from __future__ import annotations

import datetime as dt
from datetime import timedelta
from typing import Any

import numpy as np

import sessiondata as sd
from benchmarks.data import DERIVED, STEP_NS, ZONE, Columns, Day, to_datetime
from benchmarks.data import minutes as data_minutes
from benchmarks.data import trades as data_trades
from benchmarks.object_model import ObjectStore, Symbol

__all__ = ["CALENDAR", "bars_of", "fill", "gaps_of", "model_bars", "model_gaps", "model_of", "new_model", "new_store"]
__all__ += ["new_stores", "new_tick_store", "same_bars", "same_gaps", "slices_of"]

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", ZONE, name="benchmark")

#: Gaps by interval, each as (start_ns, end_ns, bar_count).
Gaps = dict[str, list[tuple[int, int, int]]]


def new_store(
    day: Day, derived: tuple[str, ...] = DERIVED, **options: Any
) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    """A store with its session started and one symbol without bars."""
    data = sd.SessionData(CALENDAR, day.base, derived, **options)
    data.start_session(day.date)
    return data, data.register_symbol("SPY")


def new_tick_store(day: Day | None = None) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    """The same for trades: bars of one second are made of them."""
    return new_store(data_trades().day if day is None else day, tick_capacity=100_000)


def new_stores(symbols: int, date: dt.date, base: str = "1m") -> sd.SessionData:
    """A store of many symbols, their session started and none with a bar."""
    data = sd.SessionData(CALENDAR, base, DERIVED)
    data.start_session(date)
    for number in range(symbols):
        data.register_symbol(f"S{number:05}")
    return data


def slices_of(symbols: int, minutes: int) -> list[tuple[Any, ...]]:
    """(ts_ns, open, high, low, close, volume) of each of the session's first minutes, columns over
    the symbols.

    There are 50 different days, `data.minutes(seed)`, which repeat.
    """
    days = [np.array([column[:minutes] for column in data_minutes(seed).columns]) for seed in range(min(symbols, 50))]
    table = np.array(days)[np.arange(symbols) % 50]  # (symbols, columns, minutes)
    ts_ns = data_minutes().columns[0]
    return [(int(ts_ns[i]), *(np.ascontiguousarray(table[:, k, i]) for k in range(1, 6))) for i in range(minutes)]


def fill(day: Day) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    data, spy = new_store(day)
    spy.extend(*day.columns)
    return data, spy


def new_model(day: Day, *, eager: bool) -> Symbol:
    """The object model's symbol without bars."""
    intervals = [(name, timedelta(microseconds=STEP_NS[name] // 1000)) for name in (day.base, *DERIVED)]
    session = to_datetime(day.open_ns), to_datetime(day.stop_ns)
    return Symbol("SPY", *session, intervals[0], intervals[1:], eager=eager)


def model_of(days: dict[str, Day]) -> ObjectStore:
    """The object model with the bars of some symbols."""
    store = ObjectStore(next(iter(days.values())).date, ZONE.key)
    for name, day in days.items():
        store.symbols[name] = symbol = new_model(day, eager=False)
        for row in day.object_rows:
            symbol.add_bar(*row)
    return store


def bars_of(spy: sd.SymbolSessionData) -> dict[str, Columns]:
    """Columns of all intervals."""
    series = {name: spy.bars(name) for name in spy.intervals}
    return {name: (s.timestamp, s.open, s.high, s.low, s.close, s.volume) for name, s in series.items()}


def gaps_of(spy: sd.SymbolSessionData) -> Gaps:
    return {name: [(g.start_ns, g.end_ns, g.bar_count) for g in gaps] for name, gaps in spy.bar_gaps.items()}


def model_bars(symbol: Symbol) -> dict[str, Columns]:
    rows = {
        series.interval: [
            (_ns(bar.timestamp), bar.open, bar.high, bar.low, bar.close, float(bar.volume)) for bar in series.bars
        ]
        for series in symbol.series
    }
    return {name: tuple(map(np.array, zip(*bars, strict=True))) for name, bars in rows.items()}


def model_gaps(symbol: Symbol) -> Gaps:
    """Gaps as the model holds them; with ``eager=False`` call `refresh` first."""
    return {
        series.interval: [(_ns(gap.start_time), _ns(gap.end_time), gap.bar_count) for gap in series.gaps]
        for series in symbol.series
    }


def _ns(time: Any) -> int:
    return int(time.timestamp()) * STEP_NS["1s"]


def same_bars(ours: dict[str, Columns], theirs: dict[str, Columns]) -> None:
    """Assert that another contestant's bars are ours, to the last bit; it may hold fewer
    intervals."""
    assert theirs, "a contestant without bars proves nothing"
    for interval, columns in theirs.items():
        for name, mine, other in zip(
            ("timestamp", "open", "high", "low", "close", "volume"), ours[interval], columns, strict=True
        ):
            assert np.array_equal(mine, other), f"contestants disagree on {name} of {interval}"


def same_gaps(ours: Gaps, theirs: Gaps) -> None:
    for interval, gaps in theirs.items():
        assert ours[interval] == gaps, f"contestants disagree on the gaps of {interval}"
