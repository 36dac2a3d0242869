"""The newest bars over days, and one field of many symbols on one time axis."""

from __future__ import annotations

from collections import deque
from functools import cache
from typing import Any

import numpy as np
import pytest

import sessiondata as sd

DAYS = 5
SYMBOLS, COLUMNS = 5_000, 20
MINUTE = 60_000_000_000
MONDAY = 1_710_163_800_000_000_000  # 2024-03-11T13:30Z, the open in New York
NAMES = ("timestamp", "open", "high", "low", "close", "volume")


def minutes(day: int, n: int, seed: int) -> list[Any]:
    """Columns of the first minutes of a day."""
    rng = np.random.default_rng([seed, day])
    close = np.round(100.0 + rng.normal(0, 0.05, n).cumsum(), 2)
    ts = MONDAY + day * 1440 * MINUTE + np.arange(n, dtype=np.int64) * MINUTE
    return [ts, close - 0.01, close + 0.03, close - 0.04, close, rng.integers(1, 999, n).astype(float)]


@cache
def store_of_days() -> sd.SymbolSessionData:
    """Four whole days, and a fifth that has run for 100 minutes: 20 bars of five minutes."""
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData(calendar, "1m", ("5m", "1d"))
    spy = data.register_symbol("SPY")
    for day in range(DAYS):
        if day:
            data.roll_session()
        spy.extend(*minutes(day, 390 if day < DAYS - 1 else 100, 0))
    return spy


def parts() -> list[tuple[Any, ...]]:
    """Columns of each day, as one would have them without a store that knows days."""
    spy = store_of_days()
    windows = [*spy.historical_bars["5m"].values(), spy.bars("5m").copy()]
    return [tuple(getattr(window, name).copy() for name in NAMES) for window in windows]


def row_of(n: int) -> tuple[str, str]:
    return f"windows/{n}", f"The newest {n} five-minute bars over days, one call"


def check(columns: Any, n: int) -> None:
    window = store_of_days().window("5m", n)
    assert len(window) == n
    for name, column in zip(NAMES, columns, strict=True):
        assert getattr(window, name).tolist() == list(column), "contestants disagree"


sizes = pytest.mark.parametrize("n", [20, 200])


@sizes
def test_sessiondata(timed: Any, n: int) -> None:
    spy = store_of_days()
    check([np.concatenate([part[i] for part in parts()])[-n:] for i in range(6)], n)
    timed(*row_of(n), "sessiondata", 1, lambda: spy.window("5m", n), note="20 are a view, 200 a copy")


@sizes
def test_out(timed: Any, n: int) -> None:
    spy = store_of_days()
    out: dict[str, Any] = {"timestamp": np.empty(n, np.int64), **{name: np.empty(n) for name in NAMES[1:]}}
    assert spy.window("5m", n, out=out) == n
    check(out.values(), n)
    timed(*row_of(n), "sessiondata, into six arrays", 1, lambda: spy.window("5m", n, out=out))


@sizes
def test_all_history(timed: Any, n: int) -> None:
    spy = store_of_days()
    history = spy.store.get_all_bars_including_historical
    check([getattr(history("SPY", "5m")[-n:], name) for name in NAMES], n)
    timed(*row_of(n), "all history copied, its end", 1, lambda: history("SPY", "5m")[-n:])


@sizes
def test_numpy(timed: Any, n: int) -> None:
    """The days that are needed, put together by hand; which they are is known."""
    columns = list(zip(*parts()[-4 if n > 20 else -1 :], strict=True))
    run = lambda: [np.concatenate(column)[-n:] for column in columns]  # noqa: E731
    check(run(), n)
    timed(*row_of(n), "NumPy, days concatenated", 1, run, note="gaps, late bars, dates not kept")


@sizes
def test_deque(timed: Any, n: int) -> None:
    rows: deque[Any] = deque(maxlen=5_000)
    for part in parts():
        rows.extend(zip(*(column.tolist() for column in part), strict=True))
    check(zip(*list(rows)[-n:], strict=True), n)
    timed(*row_of(n), "a deque of records, its end", 1, lambda: list(rows)[-n:], note="records, no columns")


@sizes
def test_pandas(timed: Any, n: int) -> None:
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    frames = [pd.DataFrame(dict(zip(NAMES, part, strict=True))) for part in parts()[-4:]]
    run = lambda: pd.concat(frames).tail(n)  # noqa: E731
    check([run()[name].tolist() for name in NAMES], n)
    timed(*row_of(n), "pandas, frames concatenated", 1, run)


# --- panels ---------------------------------------------------------------------------------------

PANEL = f"panel/{SYMBOLS}x{COLUMNS}", f"The newest {COLUMNS} closes of {SYMBOLS:,} symbols, a symbol"


@cache
def many() -> sd.SessionData:
    return store_of_symbols(SYMBOLS)


def store_of_symbols(n: int) -> sd.SessionData:
    """Symbols with the same 200 minutes of the session, without gaps."""
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData(calendar, "1m", ("5m",))
    kinds = [minutes(0, 200, seed) for seed in range(50)]
    for i in range(n):
        data.register_symbol(f"S{i}").extend(*kinds[i % 50])
    return data


def expected() -> Any:
    closes = np.array([minutes(0, 200, seed)[4][4::5][-COLUMNS:] for seed in range(50)])
    return closes[np.arange(SYMBOLS) % 50]


def test_panel(timed: Any) -> None:
    data = many()
    panel = data.panel("close", "5m", COLUMNS)
    assert (panel.values == expected()).all(), "contestants disagree"
    assert not panel.mask.any()
    timed(*PANEL, "sessiondata", SYMBOLS, lambda: data.panel("close", "5m", COLUMNS))


def test_panel_out(timed: Any) -> None:
    data, values = many(), np.empty((SYMBOLS, COLUMNS))
    out = {"values": values, "mask": np.empty(values.shape, np.bool_), "ts_ns": np.empty(COLUMNS, np.int64)}
    data.panel("close", "5m", COLUMNS, out=out)
    assert (values == expected()).all(), "contestants disagree"
    timed(*PANEL, "sessiondata, into arrays", SYMBOLS, lambda: data.panel("close", "5m", COLUMNS, out=out))


def test_panel_numpy(timed: Any) -> None:
    """A slice of each symbol's column, put together: all have the same slots, without gaps."""
    data = many()
    columns = [symbol.bars("5m").copy().close for symbol in data.symbols.values()]
    run = lambda: np.stack([column[-COLUMNS:] for column in columns])  # noqa: E731
    assert (run() == expected()).all(), "contestants disagree"
    timed(*PANEL, "NumPy, slices stacked", SYMBOLS, run, note="no times, no mask: same slots assumed")


def test_panel_pandas(timed: Any) -> None:
    """A pivot of the long table, of the rows that are needed."""
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    data = many()
    window = data["S0"].bars("5m")
    ts = np.tile(window.timestamp[-COLUMNS:], SYMBOLS)
    names = np.repeat(np.arange(SYMBOLS), COLUMNS)
    long = pd.DataFrame({"ts": ts, "symbol": names, "close": expected().ravel()})
    run = lambda: long.pivot(index="symbol", columns="ts", values="close")  # noqa: E731
    assert (run().to_numpy() == expected()).all(), "contestants disagree"
    timed(*PANEL, "pandas, pivot", SYMBOLS, run)
