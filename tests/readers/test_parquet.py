"""Parquet files of bars: types of columns, times of any unit, nulls."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bar_files import HEADER, NOON_NS, ROW, fails, read_one, write
from sessiondata.readers.bars import read_bars
from sessiondata.readers.layouts import NotBarsError
from sessiondata.time.units import UNIT_NS


def write_parquet(path: Path, **changes: Any) -> Path:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    times = pa.array([NOON_NS, NOON_NS + 60_000_000_000], type=pa.timestamp("ns", tz="UTC"))
    columns = {"timestamp": times, "open": [10.0, 1], "high": [11.0, 1], "low": [9.0, 1], "close": [10.5, 1]}
    columns |= {"volume": [100, 5]} | changes
    parquet.write_table(pa.table({name: column for name, column in columns.items() if column is not None}), path)
    return path


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_times_of_any_unit(tmp_path: Path, unit: str) -> None:
    pa = pytest.importorskip("pyarrow")
    times = pa.array([NOON_NS // UNIT_NS[unit]] * 2, type=pa.timestamp(unit, tz="America/New_York"))
    table = read_one(write_parquet(tmp_path / "abc.parquet", timestamp=times))
    assert table.symbol == "ABC"
    assert table.ts_ns.tolist() == [NOON_NS] * 2
    assert table.volume.tolist() == [100.0, 5.0]


def test_parquet_columns_of_other_types(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from decimal import Decimal

    columns = {
        "timestamp": ["2024-03-12T12:00:00Z", "2024-03-12T12:01:00Z"],
        "high": pa.array([Decimal("1234567.1234567"), Decimal("20")], type=pa.decimal128(20, 7)),
        "volume": pa.array([2**63, 1], type=pa.uint64()),
        "ticker": pa.array(["A", "B"]).dictionary_encode(),
    }
    a, b = read_bars(write_parquet(tmp_path / "x.parquet", **columns))
    assert (a.symbol, b.symbol) == ("A", "B")
    assert a.high.tolist() == [1234567.1234567]
    assert a.volume.tolist() == [2.0**63]
    assert a.ts_ns.tolist() == [NOON_NS]


def test_parquet_whole_times_and_scaled_prices(tmp_path: Path) -> None:
    scaled = {name: [10_000_000_000, 1] for name in ("open", "high", "low", "close")}
    path = write_parquet(tmp_path / "x.parquet", timestamp=None, ts_event=[NOON_NS, NOON_NS + 1], **scaled)
    table = read_one(path, price_scale=1e9)
    assert table.ts_ns.tolist() == [NOON_NS, NOON_NS + 1]
    assert table.open.tolist() == [10.0, 1e-9]
    path = write_parquet(tmp_path / "y.parquet", timestamp=[1, 9_223_372_037])
    fails(path, "pass --unit", "'timestamp'", row=0)
    fails(path, "int64 nanoseconds", "9223372037", row=1, unit="s")


def test_parquet_naive_times(tmp_path: Path) -> None:
    times = np.array(["2024-03-12T08:00", "2024-03-12T08:01"], dtype="datetime64[ms]")
    path = write_parquet(tmp_path / "x.parquet", timestamp=times)
    fails(path, "pass --tz", "2024-03-12T08:00", row=0)
    assert read_one(path, tz="America/New_York").ts_ns[0] == NOON_NS


def test_parquet_bad_files(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "x.parquet"
    error = fails(write_parquet(path, volume=None, low=None), "low (low, l)", "volume", "'timestamp', 'open'")
    assert isinstance(error, NotBarsError)
    fails(write_parquet(path, high=[11.0, float("nan")]), "high must be finite", row=1)
    fails(write_parquet(path, high=pa.array([11.0, None])), "high must be finite", row=1)
    fails(write_parquet(path, volume=pa.array([None, 5])), "volume must be finite", row=0)
    fails(write_parquet(path, timestamp=pa.array([None, 5], type=pa.timestamp("ns", tz="UTC"))), "null", row=0)
    fails(write_parquet(path, timestamp=["2024-03-12T12:00:00Z", None]), "null", row=1)
    fails(write_parquet(path, timestamp=["2024-03-12T12:00:00Z", "x"]), "not a time", "'x'", row=1)
    fails(write_parquet(path, open=["1", "2"]), "'open' must hold numbers", "string")
    fails(write_parquet(path, timestamp=pa.array([1, 2], type=pa.date32())), "must hold times", "date32")
    fails(write_parquet(path, timestamp=[1.5, 2.5]), "must hold times", "double")
    fails(write_parquet(path, timestamp=[], open=[], high=[], low=[], close=[], volume=[]))
    data = write_parquet(path).read_bytes()
    fails(write(path, data[: len(data) // 2]), "not readable as Parquet")
    fails(write(path, ""), "the file is empty")
    fails(write(path, HEADER + ROW), "not readable as Parquet")


def test_parquet_without_pyarrow_tells_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    fails(
        write(tmp_path / "x.parquet", "PAR1"),
        'pip install --upgrade "sessiondata[parquet]"',
        "installed, but cannot be imported",
    )
