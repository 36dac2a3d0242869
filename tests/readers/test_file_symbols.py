"""Files that can be read in two ways: which symbol their rows are of."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sessiondata.errors import InputError
from sessiondata.playback.sessions import replay
from sessiondata.readers.bars import read_bars
from sessiondata.readers.inputs import find_inputs
from sessiondata.readers.options import ReadOptions
from sessiondata.readers.table import BarTable
from silent_files import NS, START_S, Run, bars, stamps


def test_hive_folders_name_the_symbol(run: Run, tmp_path: Path) -> None:
    bars(tmp_path / "symbol=AAA" / "year=2024" / "part-0.csv", stamps(*range(10)))
    bars(tmp_path / "symbol=BRK%2FB" / "year=2024" / "part-0.csv", stamps(*range(4)), price=40)
    bars(tmp_path / "Ticker=ccc" / "part-0.csv", stamps(*range(5)), price=70)
    assert run(tmp_path).status == 0
    assert run.counts() == {"AAA": 10, "BRK/B": 4, "ccc": 5}


def test_hive_folder_of_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    times = pa.array([START_S * NS], type=pa.timestamp("ns", tz="UTC"))
    columns = {"timestamp": times} | {name: [1.0] for name in ("open", "high", "low", "close", "volume")}
    for symbol in ("AAA", "BBB"):
        (tmp_path / f"symbol={symbol}").mkdir()
        parquet.write_table(pa.table(columns), tmp_path / f"symbol={symbol}" / "part-0.parquet")
    found = [table.symbol for file in find_inputs([tmp_path]) for table in read_bars(file.path)]
    assert found == ["AAA", "BBB"]


def test_hive_folder_and_column_must_agree(tmp_path: Path) -> None:
    path = bars(tmp_path / "symbol=AAA" / "x.csv", stamps(0, 1), symbol=["AAA", "BBB"])
    with pytest.raises(InputError, match="folder says symbol 'AAA'") as caught:
        read_bars(path)
    assert (caught.value.row, caught.value.value) == (3, "BBB")
    (table,) = read_bars(path, ReadOptions(on_bad="skip"))
    assert (table.symbol, len(table)) == ("AAA", 1)


def test_hive_folder_of_no_symbol(tmp_path: Path) -> None:
    path = bars(tmp_path / "symbol=__HIVE_DEFAULT_PARTITION__" / "x.csv", stamps(0))
    with pytest.raises(InputError, match="not usable as a symbol"):
        read_bars(path)


@pytest.mark.parametrize("date", ["2024-03-12", "20240312", "2024_03_12", "2024-03", "2024-03-12_2024-03-13"])
def test_file_named_by_a_date_is_named_by_its_folder(run: Run, tmp_path: Path, date: str) -> None:
    for symbol, n in (("aaa", 10), ("BBB", 4)):
        bars(tmp_path / symbol / "2024" / f"{date}.csv", stamps(*range(n)))
    assert run(tmp_path).status == 0
    assert run.counts() == {"AAA": 10, "BBB": 4}
    assert "2 files, such as" in run.err
    assert "name of the file is a date, so its folder names the symbol" in run.err
    assert run(tmp_path, "--symbol-from", "file", "--duplicates", "last").counts() == {date: 10}


@pytest.mark.parametrize("name", ["7203", "200012", "000001", "1.csv.x", "20241399"])
def test_numbers_that_are_no_dates_are_symbols(tmp_path: Path, name: str) -> None:
    (table,) = read_bars(bars(tmp_path / f"{name}.csv", stamps(0)))
    assert table.symbol == name.upper()


def test_files_of_one_name_in_different_folders(run: Run, tmp_path: Path) -> None:
    """AAA/bars.csv and BBB/bars.csv are two symbols, nyse/spy.csv and arca/spy.csv may be one."""
    for symbol, n in (("AAA", 10), ("BBB", 4)):
        bars(tmp_path / symbol / "bars.csv", stamps(*range(n)))
    sure = bars(tmp_path / "ccc.csv", stamps(*range(3)))
    assert run(tmp_path).status == 3
    assert run.counts() == {"CCC": 3}
    for symbol in ("AAA", "BBB"):
        assert f"error: {tmp_path / symbol / 'bars.csv'}: files of one name in different folders" in run.err
    assert run(tmp_path / "AAA", tmp_path / "BBB", "--symbol-from", "folder").counts() == {"AAA": 10, "BBB": 4}
    assert run.status == 0
    assert run(tmp_path / "AAA", tmp_path / "BBB", sure, "--symbol-from", "file").counts() == {"BARS": 10, "CCC": 3}
    assert run.status == 0


@pytest.mark.skipif(os.path.normcase("A") == "a", reason="file names that ignore case")
def test_file_names_that_differ_by_case(run: Run, tmp_path: Path) -> None:
    """BACpA is a preferred share, BACPA would be another stock."""
    bars(tmp_path / "BACpA.csv", stamps(*range(10)))
    bars(tmp_path / "BACPA.csv", stamps(*range(10, 20)))
    if len(os.listdir(tmp_path)) == 1:
        pytest.skip("file names that ignore case")
    assert run(tmp_path).status == 3
    assert "2 files" not in run.err
    for name in ("BACpA", "BACPA"):
        assert f"error: {tmp_path / name}.csv: files of one name" in run.err
    assert run(tmp_path, "--symbol-from", "file").counts() == {"BACPA": 20}


def test_folders_of_years_part_one_symbol(run: Run, tmp_path: Path) -> None:
    bars(tmp_path / "2024" / "03" / "spy.csv", stamps(*range(10)))
    bars(tmp_path / "2024" / "04" / "spy.csv", stamps(*range(40 * 1440, 40 * 1440 + 5)))
    bars(tmp_path / "year=2025" / "spy.csv", stamps(*range(400 * 1440, 400 * 1440 + 3)))
    assert run(tmp_path).status == 0
    assert run.counts() == {"SPY": 18}


def test_folders_of_one_name_in_different_places(run: Run, tmp_path: Path) -> None:
    for symbol in ("AAA", "BBB"):
        bars(tmp_path / symbol / "1m" / "2024-03-12.csv", stamps(*range(5)))
    assert run(tmp_path).status == 3
    assert "folders of one name in different places" in run.err
    assert run.out == ""


def test_columns_that_tell_instruments_apart(run: Run, tmp_path: Path) -> None:
    for column in ("instrument_id", "Instrument", " RIC"):
        path = bars(tmp_path / "x.csv", stamps(0, 0, 1, 2), **{column: ["118", "4358", "118", "118"]})
        assert run(path).status == 0
        assert run.counts() == {"118": 3, "4358": 1}
        assert f"symbols are read from column {column!r}" in run.err


def test_several_columns_that_may_name_the_symbol(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(0, 1, 2), ticker="A", symbol="B")
    assert run(path).status == 3
    assert "pass --symbol-column: ['symbol', 'ticker']" in run.err
    assert run(path, "--symbol-column", "Ticker").counts() == {"A": 3}
    usual = bars(tmp_path / "y.csv", stamps(0, 1, 2), instrument_id="118", symbol="B")
    assert run(usual).counts() == {"B": 3}


def test_a_column_of_symbols_of_an_unknown_name(run: Run, tmp_path: Path) -> None:
    """At equal times the rows contradict each other. At different ones nothing shows but the text
    itself."""
    path = bars(tmp_path / "x.csv", stamps(0, 0, 1, 1), Produkt=["AAA", "BBB"] * 2, Platz="X")
    assert run(path).status == 3
    assert f"{path}:3: equal times with different values" in run.err
    assert "pass --symbol-column 'Produkt'" in run.err
    assert run(path, "--symbol-column", "produkt").counts() == {"AAA": 2, "BBB": 2}
    apart = bars(tmp_path / "y.csv", stamps(0, 1, 2, 3), Produkt=["AAA", "BBB"] * 2, Platz="X")
    assert run(apart).status == 0
    assert "if 'Produkt', whose text differs between rows, is one: --symbol-column Produkt" in run.err
    assert "Platz" not in run.err


def test_symbol_column_that_is_not_there(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(0, 1))
    assert run(path, "--symbol-column", "ric").status == 3
    assert f"{path}: the file has no such column: --symbol-column: 'ric'" in run.err
    hive = bars(tmp_path / "desk=A" / "x.csv", stamps(0, 1))
    assert run(hive, "--symbol-column", "desk").counts() == {"A": 2}


def test_symbols_of_parquet_are_text_or_whole_numbers(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    times = pa.array([START_S * NS] * 2, type=pa.timestamp("ns", tz="UTC"))
    columns = {"timestamp": times} | {name: [1.0, 1.0] for name in ("open", "high", "low", "close", "volume")}
    path = tmp_path / "x.parquet"
    for symbols, names in (([0, 700], ["0", "700"]), (["A ", "B"], ["A", "B"])):
        parquet.write_table(pa.table(columns | {"symbol": symbols}), path)
        assert [table.symbol for table in read_bars(path)] == names
    for symbols in ([b"A", b"B"], [1.0, 2.0]):
        parquet.write_table(pa.table(columns | {"symbol": symbols}), path)
        with pytest.raises(InputError, match="'symbol' must hold text or whole numbers"):
            read_bars(path)


def lean_table(market: str, ts_ns: int) -> BarTable:
    from sessiondata.readers.naming import Origin

    one = np.ones(1)
    times = np.array([ts_ns])
    origin = Origin("market", market)
    return BarTable("BTCUSD", times, one, one, one, one, one, market, 60 * NS, "24/7", origin=origin)


def test_one_symbol_of_two_markets() -> None:
    tables = [lean_table("crypto/coinbase", START_S * NS), lean_table("crypto/bitfinex", (START_S + 60) * NS)]
    with pytest.raises(InputError, match="play one market at a time"):
        list(replay(tables))
    refused: list[InputError] = []
    assert list(replay(tables, on_error=refused.append)) == []
    assert [error.path for error in refused] == ["crypto/coinbase", "crypto/bitfinex"]
    assert len(list(replay([tables[0], lean_table("crypto/coinbase", (START_S + 60) * NS)]))) == 1
