"""A store that must not change, and a look at whether it has."""

from __future__ import annotations

import array
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import sessiondata as sd
from worlds import MINUTE, utc

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
DATE = "2024-03-12"
OPEN = utc("2024-03-12T09:30:00-04:00")
T = OPEN + 20 * MINUTE
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)
NAMES = ("open", "high", "low", "close", "volume")
NAT = -(2**63)


def make_store(*, started: bool) -> sd.SessionData:
    store = sd.SessionData(CALENDAR, "1m", ("5m", "15m", "1h", "1d"))
    for name in ("SPY", "IBM"):
        store.register_symbol(name)
    if started:
        for i in (-3, 0, 1, 2, 7, 8):
            store.append("SPY", OPEN + i * MINUTE, *BAR)
        store.append("IBM", OPEN + MINUTE, *BAR)
        store.symbols["IBM"].bars_updated = False
    return store


def state(data: sd.SessionData) -> tuple[Any, ...]:
    """Everything that can be seen of a store."""
    symbols = [
        (
            symbol.counters, symbol.metrics(), symbol.bars_updated, symbol.bar_gaps, symbol.bar_quality,
            [(s.n_base.tolist(), s.forming, s.expected, s.present, s.total_count)
             for s in map(symbol.bars, symbol.intervals)],
        )
        for symbol in data.symbols.values()
    ]  # fmt: skip
    return data.to_json(timestamps="epoch_ns"), data.sequence, data.grid, data.as_of, list(data.symbols), repr(symbols)


def refused(data: sd.SessionData, call: Callable[[], Any], kind: type[Exception], **attributes: Any) -> Exception:
    """Assert that a call raises exactly this type, with these attributes, and leaves no trace."""
    before = state(data)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call()
    error = caught.value
    assert type(error) is kind, f"{type(error).__name__}: {error}"
    assert {name: getattr(error, name) for name in attributes} == attributes
    assert state(data) == before
    return error


def columns(n: int = 2) -> dict[str, Any]:
    return {"ts_ns": np.arange(n) * MINUTE + T, **{name: np.full(n, x) for name, x in zip(NAMES, BAR, strict=True)}}


WRONG_COLUMNS = {
    "None": None,
    "a number": 1.0,
    "0-d": np.array(1.0),
    "2-d": np.ones((2, 1)),
    "2-d of one row": np.ones((1, 2)),
    "bool": [True, False],
    "bool array": np.array([True, False]),
    "text": ["10.0", "10.0"],
    "one text": "10",
    "bytes": b"10",
    "complex": np.array([10 + 0j, 10]),
    "Decimal": [Decimal(10), Decimal(10)],
    "object array": np.array([10.0, 10.0], object),
    "with None": [10.0, None],
    "huge ints": [10**400, 1],
    "beyond uint64": [2**64, 1],
    "datetime64": np.array([T, T], "datetime64[ns]"),
    "timedelta64": np.array([1, 2], "timedelta64[ns]"),
    "structured": np.zeros(2, [("a", float)]),
    "dict": {"a": 1.0},
    "set": {10.0, 11.0},
    "generator": (x for x in (10.0, 10.0)),
    "pandas bool with NA": pd.Series([True, None], dtype="boolean"),
    "pandas object": pd.Series([10.0, None], dtype=object),
    "pandas text": pd.Series(["a", "b"]),
    "polars bool": pl.Series([True, False]),
    "polars text": pl.Series(["a", "b"]),
    "polars frame": pl.DataFrame({"a": [10.0, 10.0]}),
    "polars decimal": pl.Series([Decimal("10.5"), None]),
    "arrow bool": pa.array([True, False]),
    "arrow text": pa.array(["a", "b"]),
    "arrow table": pa.table({"a": [10.0, 10.0]}),
    "arrow decimal": pa.array([Decimal("10.5"), None]),
}
WRONG_TIME_COLUMNS = {
    "None": None,
    "a number": T,
    "0-d": np.array(T),
    "2-d": np.full((2, 1), T),
    "float": np.array([T, T], float),
    "bool": np.array([True, False]),
    "text": ["2024-03-12", "2024-03-12"],
    "one text": "2024-03-12",
    "naive datetimes": [dt.datetime(2024, 3, 12), dt.datetime(2024, 3, 13)],
    "naive pandas": pd.Series(pd.to_datetime(["2024-03-12 09:50", "2024-03-12 09:51"])),
    "naive polars": pl.Series([dt.datetime(2024, 3, 12), dt.datetime(2024, 3, 13)]),
    "naive arrow": pa.array([dt.datetime(2024, 3, 12), dt.datetime(2024, 3, 13)]),
    "dates of polars": pl.Series([dt.date(2024, 3, 12), dt.date(2024, 3, 13)]),
    "dates of arrow": pa.array([dt.date(2024, 3, 12), dt.date(2024, 3, 13)]),
    "timedelta64": np.array([T, T], "timedelta64[ns]"),
    "a mixture": [T, dt.datetime(2024, 3, 12, tzinfo=dt.UTC)],
    "uint64 beyond int64": np.array([T, 2**64 - 1], np.uint64),
    "seconds that overflow": np.array([0, 2**60], "datetime64[s]"),
    "datetime64 without unit": np.zeros(2, "datetime64"),
    "pandas frame": pd.DataFrame({"t": [T, T]}),
    "masked float": np.ma.array([1.0, 2.0]),
    "huge ints": [10**400, T],
}


def unaligned(values: np.ndarray) -> np.ndarray:
    raw = bytearray(b"x") + bytearray(values.tobytes())
    return np.frombuffer(raw, values.dtype, len(values), 1)


ACCEPTED = {
    "list": lambda x: x.tolist(),
    "tuple": lambda x: tuple(x.tolist()),
    "strided": lambda x: np.repeat(x, 3)[::3],
    "reversed": lambda x: x[::-1].copy()[::-1],
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "column of a matrix": lambda x: np.stack([x, x], axis=1)[:, 0],
    "field of a record": lambda x: np.rec.fromarrays([np.zeros(len(x), np.int8), x], names=["a", "b"])["b"],
    "unaligned": unaligned,
    "memoryview": memoryview,
    "array.array": lambda x: array.array("q" if x.dtype.kind == "i" else "d", x.tolist()),
}
