"""Files that can be read in two ways: prices, and whole numbers of some small part."""

from __future__ import annotations

from pathlib import Path

import pytest

from sessiondata.errors import InputError
from sessiondata.readers.bars import read_bars
from sessiondata.readers.options import ReadOptions
from silent_files import NS, START_S, Run, bars, raw, session_rows, stamps

DATABENTO = "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"


def databento(path: Path, *prices: str, rtype: str = ",rtype", rtype_value: str = ",33") -> Path:
    rows = [
        f"{t}{rtype_value},1,118,{price},{price},{price},{price},7,ESU4\n"
        for t, price in zip(stamps(*range(len(prices)), form="ns"), prices, strict=True)
    ]
    return raw(path, DATABENTO.replace(",rtype", rtype) + "".join(rows))


def test_whole_number_prices_of_databento(run: Run, tmp_path: Path) -> None:
    path = databento(tmp_path / "x.csv", "5500000000000", "-250000000", str(2**63 - 1))
    (table,) = read_bars(path, ReadOptions(on_bad="skip"))
    assert table.open.tolist() == [5500.0, -0.25]
    assert table.volume.tolist() == [7, 7]
    with pytest.raises(InputError, match="must be finite"):
        read_bars(path)
    assert run(databento(path, "5500000000000", "5500000000000"), "--price-scale", "1e12").status == 0
    assert "divided by 1e9" not in run.err
    assert run(path).status == 0
    assert "whole-number prices are divided by 1e9" in run.err


def test_decimal_prices_of_databento(tmp_path: Path) -> None:
    (table,) = read_bars(databento(tmp_path / "x.csv", "5500.250000000", "5500.000000000", "5500"))
    assert table.open.tolist() == [5500.25, 5500.0, 5500.0]
    assert table.remarks == ()


@pytest.mark.slow
def test_mixed_prices_of_databento(tmp_path: Path) -> None:
    path = databento(tmp_path / "x.csv", *["5500000000000"] * 70_000, "5500.25")
    with pytest.raises(InputError, match="--price-scale 1e9 or 1") as caught:
        read_bars(path)
    assert (caught.value.row, caught.value.value) == (70_002, 5500.25)


def test_parquet_of_databento(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    whole = {name: [5_500_000_000_000] for name in ("open", "high", "low", "close")}
    columns = {"ts_event": [START_S * NS], "rtype": [33], "volume": [7]}
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table(columns | whole), path)
    (table,) = read_bars(path)
    assert (table.open[0], table.close[0], table.volume[0]) == (5500.0, 5500.0, 7.0)
    parquet.write_table(pa.table(columns | {name: [5500.0] for name in whole}), path)
    (table,) = read_bars(path)
    assert table.open[0] == 5500.0


def test_prices_that_may_be_scaled_are_asked_for(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(0, 1, 2), price=1_084_500_000)
    assert run(path).status == 3
    assert f"{path}:2: prices are whole numbers of nine digits and more: pass --price-scale 1e9 or" in run.err
    assert [row[1] for row in session_rows(run, path, "--price-scale", "1e9")] == [1.0845] * 3
    assert [row[1] for row in session_rows(run, path, "--price-scale", "1")] == [1_084_500_000] * 3
    assert run(bars(path, stamps(0, 1, 2), price=1_084_500_000.5)).status == 0
    assert run(bars(path, stamps(0, 1, 2), price=99_000_000)).status == 0
