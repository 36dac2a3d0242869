"""Files that can be read in two ways: each is read in the one that is sure, or refused with its
path, row, value and the flag that chooses. None is read in one of them without a word.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sessiondata.cli import command as cli
from sessiondata.errors import InputError
from sessiondata.playback.sessions import replay
from sessiondata.readers.bars import read_bars
from sessiondata.readers.inputs import find_inputs
from sessiondata.readers.options import ReadOptions
from sessiondata.readers.table import BarTable

HEADER = "timestamp,open,high,low,close,volume\n"
START_S = 1_710_250_200  # 2024-03-12T13:30:00Z, a Tuesday: 09:30 in New York
NS = 1_000_000_000


def stamps(*minutes: float, form: str = "iso") -> list[str]:
    """Times by minutes since 13:30 UTC."""
    seconds = [START_S + round(60 * minute) for minute in minutes]
    if form == "iso":
        return [f"{np.datetime64(s, 's')}Z" for s in seconds]
    return [str(s * {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": NS}[form]) for s in seconds]


def bars(path: Path, times: Sequence[str], price: float = 10, **columns: Sequence[str] | str) -> Path:
    """Write a CSV of bars with more columns: one value for all rows, or one for each."""
    names = list(columns)
    values = [[value] * len(times) if isinstance(value, str) else value for value in columns.values()]
    rows = [
        ",".join([t, str(price), str(price + 1), str(price - 1), str(price), str(k), *(v[k] for v in values)])
        for k, t in enumerate(times)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(",".join([HEADER.strip(), *names]) + "\n" + "\n".join(rows) + "\n")
    return path


def raw(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


class Run:
    """Runs the command in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.status = -1
        self.out = self.err = ""

    def __call__(self, *arguments: str | Path) -> Run:
        self.status = cli.main(["replay", *map(str, arguments)])
        self.out, self.err = self._capsys.readouterr()
        return self

    def counts(self, interval: str = "1m") -> dict[str, int]:
        """Bars by symbol, of all dates."""
        cells = [line.split() for line in self.out.splitlines()[1:]]
        counts: dict[str, int] = {}
        for cell in cells:
            if cell[2] == interval:
                counts[cell[1]] = counts.get(cell[1], 0) + int(cell[3])
        return counts


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


# --- which symbol ---------------------------------------------------------------------------------


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


# --- equal times ----------------------------------------------------------------------------------


def session_rows(run: Run, path: Path, *flags: str) -> list[list[float | int | str]]:
    assert run(path, "--json", "--derive", "5m", *flags).status == 0
    (symbol,) = json.loads(run.out)["symbols"].values()
    rows: list[list[float | int | str]] = symbol["session"]["data"]["1m"]["data"]
    return rows


def test_equal_times_with_different_values(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "abc.csv", stamps(0, 1, 1, 2))
    assert run(path).status == 3
    assert (
        f"error: {path}:4: equal times with different values under one symbol: --duplicates last or first says which"
        f" stands: 'ABC at 2024-03-12T13:31:00Z: volume=2.0, and 1.0 at {path}:3'" in run.err
    )
    assert [row[-1] for row in session_rows(run, path, "--duplicates", "last")] == [0, 2, 3]
    assert "1 corrected" in run.err
    assert [row[-1] for row in session_rows(run, path, "--duplicates", "first")] == [0, 1, 3]
    assert f"rows left out that differ from an earlier one of their time: 1, the first is {path}:4" in run.err


def test_equal_rows_are_repeats(run: Run, tmp_path: Path) -> None:
    row = f"{stamps(0)[0]},1,2,0.5,1,5\n"
    path = raw(tmp_path / "x.csv", HEADER + row * 3 + row.replace("13:30", "13:31"))
    assert run(path).status == 0
    assert "2 repeated" in run.err
    assert run.counts() == {"X": 2}


@pytest.mark.parametrize("column", range(1, 6))
def test_each_value_counts(run: Run, tmp_path: Path, column: int) -> None:
    row = [stamps(0)[0], "1", "2", "0.5", "1", "5"]
    other = [*row]
    other[column] = {1: "1.5", 2: "3", 3: "0.25", 4: "1.5", 5: "6"}[column]
    path = raw(tmp_path / "x.csv", HEADER + ",".join(row) + "\n" + ",".join(other) + "\n")
    assert run(path, "--interval", "1m").status == 3
    assert f"{path}:3: equal times" in run.err


def test_equal_times_in_two_files_refuse_both_and_no_other(run: Run, tmp_path: Path) -> None:
    a = bars(tmp_path / "a.csv", stamps(0, 1, 2), symbol="AAA")
    b = bars(tmp_path / "b.csv", stamps(2, 3, 4), symbol="AAA")
    c = bars(tmp_path / "c.csv", stamps(0, 1, 2), symbol="CCC")
    assert run(a, b, c).status == 3
    assert run.counts() == {"CCC": 3}
    assert f"error: {a}:4: equal times" in run.err
    assert f"error: {b}:2: equal times" in run.err
    assert run(a, b, c, "--duplicates", "first").counts() == {"AAA": 5, "CCC": 3}
    assert run.status == 0
    assert run(b, a, "--duplicates", "first").counts() == {"AAA": 5}
    assert run(a, a).status == 0


def test_unsorted_rows_name_the_row_of_the_file(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(5, 1, 4, 1, 3, 2))
    assert run(path).status == 3
    assert f"{path}:5: equal times" in run.err
    assert f"at {path}:3'" in run.err


def test_duplicates_must_be_a_choice_that_is_known() -> None:
    with pytest.raises(ValueError, match="duplicates must be one of error, last, first: 'any'"):
        replay([], duplicates="any")


# --- prices of some small part --------------------------------------------------------------------

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


# --- the interval ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [43, 30, 1, 59])
@pytest.mark.parametrize("place", ["last", "first"])
def test_one_odd_stamp_makes_no_other_interval(run: Run, tmp_path: Path, seconds: int, place: str) -> None:
    odd = 60 + seconds / 60 if place == "last" else -seconds / 60
    times = stamps(*range(60), odd) if place == "last" else stamps(odd, *range(60))
    path = bars(tmp_path / "x.csv", times)
    row = 62 if place == "last" else 2
    assert run(path).status == 3
    assert f"{path}:{row}: the time is off the steps of 1m of the other rows" in run.err
    assert times[row - 2] in run.err
    assert run(path, "--interval", "1m").counts() == {"X": 61}
    assert "1 off grid" in run.err


def test_bars_of_clock_hours_after_a_half_hour(run: Run, tmp_path: Path) -> None:
    """09:30, 10:00, 11:00 ... are hours cut at full hours, and no half hours."""
    path = bars(tmp_path / "x.csv", stamps(0, *range(30, 400, 60)))
    assert run(path).status == 3
    assert f"{path}:2: the time is off the steps of 1h" in run.err


def test_thin_symbols_keep_their_interval(run: Run, tmp_path: Path) -> None:
    """Steps of 1, 2 and 3 minutes have no grid but that of one minute."""
    path = bars(tmp_path / "x.csv", stamps(0, 2, 4, 5, 7, 9, 12, 14, 15, 17, 20, 22))
    assert run(path).status == 0
    assert run.counts() == {"X": 12}


def test_interval_that_no_two_bars_show(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(0, 4, 10, 14, 20))
    assert run(path).status == 3
    assert f"{path}: the interval of the bars does not follow from their times: pass --interval" in run.err
    assert "no two bars are 2m apart" in run.err
    beside = bars(tmp_path / "y.csv", stamps(*range(0, 20, 2)))
    assert run(path, beside).counts("2m") == {"X": 5, "Y": 10}


DAY = 24 * 60  # minutes


@pytest.mark.parametrize("days", [1, 2, 400])
def test_a_thin_file_whose_rows_are_days_apart_fails_alone(run: Run, tmp_path: Path, days: int) -> None:
    """It ended the whole run, with neither file nor flag: "an interval is ...: got '172860s'"."""
    path = bars(tmp_path / "x.csv", stamps(0, days * DAY + 1))
    # 3 steps apart is none
    other = bars(tmp_path / "z.csv", stamps(0, 2 * days * DAY + 6, 5 * days * DAY + 15))
    said = ": the interval of the bars does not follow from their times: pass --interval: 'no two bars are nearer"
    assert run(path).status == 3
    assert f"sessiondata: error: {path}{said}" in run.err
    assert run(path, other).status == 3
    assert f"{path}{said}" in run.err
    assert f"{other}{said}" in run.err
    assert run(path, "--interval", "1m").counts() == {"X": 2}
    beside = bars(tmp_path / "y.csv", stamps(*range(10)))
    assert run(path, beside).counts() == {"X": 2, "Y": 10}


def test_rows_days_apart_off_the_steps_of_other_files(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(0, 2 * DAY + 0.5))
    beside = bars(tmp_path / "y.csv", stamps(*range(10)))
    assert run(path, beside).status == 3
    assert f"{path}: bars 172830 s apart beside bars of 1m" in run.err
    assert run.counts() == {"Y": 10}


def test_one_odd_stamp_among_rows_whole_days_apart(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(*range(0, 5 * DAY, DAY), 4 * DAY + 1))
    assert run(path).status == 3
    assert f"{path}:7: the interval of the bars does not follow from their times: pass --interval" in run.err
    assert "2024-03-16T13:31Z, off the steps of 86400 s of the other rows" in run.err
    assert run(path, "--interval", "1m").counts() == {"X": 6}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_row_of_time_zero_alone_with_another(run: Run, tmp_path: Path, unit: str) -> None:
    path = bars(tmp_path / "x.csv", ["0", *stamps(0, form=unit)])
    assert run(path, "--unit", unit).status == 3
    assert f"{path}:2: whole-number time before 1990 among later ones" in run.err


def test_interval_that_the_bars_contradict(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(*range(30)))
    assert run(path, "--interval", "5m").status == 3
    assert f"{path}: most bars are nearer to each other than the --interval of 5m: 'the nearest are 60 s" in run.err
    thin = bars(tmp_path / "y.csv", stamps(*range(0, 300, 10)))
    assert run(path, thin, "--interval", "2m").counts("2m") == {"Y": 30}


@pytest.mark.parametrize("step", [5, 30])
def test_files_of_several_intervals(run: Run, tmp_path: Path, step: int) -> None:
    bars(tmp_path / "a.csv", stamps(*range(60)))
    long = bars(tmp_path / "b.csv", stamps(*range(0, 60, step)))
    assert run(tmp_path).status == 3
    assert run.counts() == {"A": 60}
    assert f"{long}: bars {step}m apart beside bars of 1m" in run.err
    assert run(tmp_path, "--interval", "1m").counts() == {"A": 60, "B": 60 // step}
    assert run(long).counts(f"{step}m") == {"B": 60 // step}


def test_intervals_of_which_none_divides_the_other(run: Run, tmp_path: Path) -> None:
    bars(tmp_path / "a.csv", stamps(*range(0, 60, 2)))
    other = bars(tmp_path / "b.csv", stamps(*range(0, 60, 3)))
    assert run(tmp_path).status == 3
    assert f"{other}: bars 3m apart beside bars of 2m" in run.err


def test_several_intervals_in_one_file(run: Run, tmp_path: Path) -> None:
    times = [*range(65), *range(0, 65, 5)]
    path = bars(tmp_path / "x.csv", stamps(*times), symbol=["A"] * 65 + ["B"] * 13)
    assert run(path).status == 3
    assert f"{path}: bars 5m apart beside bars of 1m" in run.err
    assert "'B'" in run.err


def test_thin_symbols_of_one_file_are_no_other_interval(run: Run, tmp_path: Path) -> None:
    times = [*range(60), *range(0, 60, 10), 7]
    path = bars(tmp_path / "x.csv", stamps(*times), symbol=["A"] * 60 + ["B"] * 6 + ["C"])
    assert run(path).counts() == {"A": 60, "B": 6, "C": 1}
    assert run.status == 0


# --- units ----------------------------------------------------------------------------------------

RIGHT = {"s": START_S, "ms": START_S * 1_000, "us": START_S * 1_000_000, "ns": START_S * NS}


@pytest.mark.parametrize("right", list(RIGHT))
@pytest.mark.parametrize("wrong", list(RIGHT))
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_wrong_unit_names_the_right_one(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    if kind == "csv":
        path, row = bars(tmp_path / "x.csv", stamps(0, 1, form=right)), 2
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        path, row = tmp_path / "x.parquet", 0
        values = {name: [1.0, 1.0] for name in ("open", "high", "low", "close", "volume")}
        parquet.write_table(pa.table({"time": [int(t) for t in stamps(0, 1, form=right)]} | values), path)
    if right == wrong:
        (table,) = read_bars(path, ReadOptions(unit=wrong))
        assert table.ts_ns.tolist() == [START_S * NS, (START_S + 60) * NS]
        return
    with pytest.raises(InputError, match=f"pass --unit {right}") as caught:
        read_bars(path, ReadOptions(unit=wrong))
    assert caught.value.row == row
    assert f"2024-03-12T13:30:00 in {right}" in str(caught.value)
    with pytest.raises(InputError, match="holds no rows but bad ones"):
        read_bars(path, ReadOptions(unit=wrong, on_bad="skip"))


@pytest.mark.parametrize("right", list(RIGHT))
def test_missing_unit_is_proposed(tmp_path: Path, right: str) -> None:
    path = bars(tmp_path / "x.csv", stamps(0, form=right))
    with pytest.raises(InputError) as caught:
        read_bars(path)
    assert f"pass --unit s, ms, us or ns ({right} makes 2024-03-12T13:30:00 of it)" in str(caught.value)


@pytest.mark.parametrize("column", ["ts_event", "window_start"])
def test_columns_known_to_count_nanoseconds_may_count_others(tmp_path: Path, column: str) -> None:
    path = raw(tmp_path / "x.csv", HEADER.replace("timestamp", column) + f"{RIGHT['ms']},1,1,1,1,1\n")
    with pytest.raises(InputError, match="pass --unit ms"):
        read_bars(path)
    (table,) = read_bars(path, ReadOptions(unit="ms"))
    assert table.ts_ns.tolist() == [START_S * NS]


@pytest.mark.parametrize("digits", ["20240312093000", "202403120930", "20240312"])
@pytest.mark.parametrize("unit", [None, "s", "ms", "us", "ns"])
def test_digits_of_a_date_are_no_count(tmp_path: Path, digits: str, unit: str | None) -> None:
    path = bars(tmp_path / "x.csv", [digits])
    with pytest.raises(InputError, match="digits of a date") as caught:
        read_bars(path, ReadOptions(unit=unit))
    assert caught.value.row == 2


def test_times_before_1990_that_no_other_unit_explains(tmp_path: Path) -> None:
    crash_s = 561_560_400  # 1987-10-18T13:00:00Z
    path = bars(tmp_path / "x.csv", [str(crash_s)])
    (table,) = read_bars(path, ReadOptions(unit="s"))
    assert table.ts_ns.tolist() == [crash_s * NS]


EARLY = ["0", "-1", "1"]


def counted(unit: str, *, swapped: tuple[int, str] | None = None, n: int = 3) -> list[str]:
    """Minutes from the opening on as whole numbers, one of them swapped."""
    per_second = NS // {"s": NS, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    texts = [str((START_S + 60 * k) * per_second) for k in range(n)]
    if swapped is not None:
        texts[swapped[0]] = swapped[1]
    return texts


def of_kind(path: Path, kind: str, texts: list[str], symbols: list[str] | None = None) -> Path:
    """The same bars as CSV or as Parquet with whole numbers."""
    columns: dict[str, Any] = {"timestamp": [int(text) for text in texts]}
    columns |= dict.fromkeys(("open", "high", "low", "close", "volume"), [1.0] * len(texts))
    if symbols is not None:
        columns["symbol"] = symbols
    if kind == "parquet":
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pa.table(columns), path)
        return path
    rows = zip(*columns.values(), strict=True)
    return raw(path, "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows), ""]))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("early", EARLY)
def test_one_count_from_before_1990_among_later_ones_is_refused(
    tmp_path: Path, kind: str, unit: str, at: int, early: str
) -> None:
    path = of_kind(tmp_path / f"x.{kind}", kind, counted(unit, swapped=(at, early)))
    with pytest.raises(InputError, match="before 1990 among later ones") as caught:
        read_bars(path, ReadOptions(unit=unit))
    assert caught.value.row == at + (2 if kind == "csv" else 0)
    notes: list[str] = []
    (table,) = read_bars(path, ReadOptions(unit=unit, on_bad="skip"), notes.append)
    assert table.ts_ns.tolist() == [(START_S + 60 * k) * NS for k in range(3) if k != at]
    assert "bad rows left out: 1 (1 x whole-number time before 1990" in notes[0]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_counts_of_0_alone_are_refused_and_a_symbol_of_them_is_left_out(tmp_path: Path, kind: str) -> None:
    path = of_kind(tmp_path / f"x.{kind}", kind, ["0", "0"])
    with pytest.raises(InputError, match="0 alone"):
        read_bars(path, ReadOptions(unit="s"))
    with pytest.raises(InputError, match="no rows but bad ones"):
        read_bars(path, ReadOptions(unit="s", on_bad="skip"))
    path = of_kind(tmp_path / f"y.{kind}", kind, counted("s", swapped=(1, "0")), ["A", "B", "A"])
    (table,) = read_bars(path, ReadOptions(unit="s", on_bad="skip"))
    assert (table.symbol, len(table.ts_ns)) == ("A", 2)
    crash_s = 561_560_400
    path = of_kind(tmp_path / f"z.{kind}", kind, [str(crash_s), str(crash_s + 60)])
    (table,) = read_bars(path, ReadOptions(unit="s"))
    assert table.ts_ns.tolist() == [crash_s * NS, (crash_s + 60) * NS]


def test_the_local_epoch_and_an_early_date_as_text(tmp_path: Path) -> None:
    path = of_kind(tmp_path / "x.csv", "csv", counted("s", swapped=(1, "0")))
    with pytest.raises(InputError, match="before 1990") as caught:
        read_bars(path, ReadOptions(tz="Asia/Tokyo", unit="s", epoch="local"))
    assert caught.value.row == 3
    path = bars(tmp_path / "y.csv", ["1987-10-19T09:30:00-04:00", "2024-03-12T09:30:00-04:00"])
    assert read_bars(path)[0].ts_ns.tolist() == [561_648_600 * NS, START_S * NS]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_command_plays_no_session_of_1969(tmp_path: Path, kind: str, run: Run) -> None:
    """In New York 0 is the evening of 1969-12-31."""
    path = of_kind(tmp_path / f"x.{kind}", kind, counted("s", swapped=(1, "0"), n=4))
    for options in ([], ["--calendar", "forex"]):
        assert run(path, "--unit", "s", *options).status == 3
        assert "before 1990 among later ones" in run.err
        assert "1969" not in run.out
    assert run(path, "--unit", "s", "--interval", "1m", "--on-bad", "skip").counts() == {"X": 3}
    assert "1969" not in run.out
    assert "1970" not in run.out
    assert "bad rows left out: 1" in run.err


# --- zones ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tz_with_whole_numbers_is_refused_until_epoch_says_what_they_count(tmp_path: Path, kind: str) -> None:
    if kind == "csv":
        path = bars(tmp_path / "x.csv", stamps(0, 1, form="s"))
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        path = tmp_path / "x.parquet"
        values = {name: [1.0, 1.0] for name in ("open", "high", "low", "close", "volume")}
        parquet.write_table(pa.table({"time": [int(t) for t in stamps(0, 1, form="s")]} | values), path)
    with pytest.raises(InputError, match="pass --epoch utc or --epoch local") as caught:
        read_bars(path, ReadOptions(tz="Europe/Athens", unit="s"))
    assert caught.value.row is not None
    (utc,) = read_bars(path, ReadOptions(tz="Europe/Athens", unit="s", epoch="utc"))
    assert utc.ts_ns.tolist() == [START_S * NS, (START_S + 60) * NS]
    (local,) = read_bars(path, ReadOptions(tz="Europe/Athens", unit="s", epoch="local"))
    two_hours = 2 * 3_600 * NS  # Athens is at UTC+2 on 12 March
    assert local.ts_ns.tolist() == [START_S * NS - two_hours, (START_S + 60) * NS - two_hours]


def test_local_epoch_at_the_change_of_the_clock(tmp_path: Path) -> None:
    shown_twice_s = int(np.datetime64("2024-11-03T01:30:00", "s").astype(int))
    path = bars(tmp_path / "x.csv", [str(shown_twice_s)])
    with pytest.raises(InputError, match="showed this time twice"):
        read_bars(path, ReadOptions(tz="America/New_York", unit="s", epoch="local"))


def test_local_epoch_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="--tz"):
        ReadOptions(epoch="local")
    with pytest.raises(ValueError, match="'gps'"):
        ReadOptions(epoch="gps")
    with pytest.raises(ValueError, match="'path'"):
        ReadOptions(symbol_from="path")


def test_options_without_effect_are_told(run: Run, tmp_path: Path) -> None:
    aware, naive = bars(tmp_path / "a.csv", stamps(0, 1, 2)), tmp_path / "n.csv"
    bars(naive, [t.rstrip("Z") for t in stamps(0, 1, 2)])
    assert run(aware, naive, "--tz", "UTC", "--unit", "s").status == 0
    assert f"{aware}: --tz does not apply to times that carry an offset" in run.err
    assert "2 files, such as" in run.err
    assert "--unit does not apply to times that are text" in run.err
    assert run(naive, "--tz", "UTC").status == 0
    assert "does not apply" not in run.err
    event = raw(tmp_path / "e.csv", HEADER.replace("timestamp", "ts_event") + f"{RIGHT['ns']},1,1,1,1,1\n")
    assert run(event, "--tz", "Asia/Tokyo", "--interval", "1m").status == 0
    assert "--tz does not apply to column 'ts_event'" in run.err


def test_a_bad_row_carries_no_offset(run: Run, tmp_path: Path) -> None:
    path = raw(tmp_path / "x.csv", HEADER + "2024-03-12 09:30,1,1,1,1,1\nx,1,1,1,1,1\n2024-03-12 09:31,1,1,1,1,1\n")
    assert run(path, "--tz", "UTC", "--on-bad", "skip").status == 0
    assert "offset" not in run.err


# --- columns and cells ----------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["vol", "c", "O"])
def test_two_columns_for_one_value(tmp_path: Path, column: str) -> None:
    path = bars(tmp_path / "x.csv", stamps(0), **{column: "5"})
    with pytest.raises(InputError, match="several columns may be the") as caught:
        read_bars(path)
    assert column in caught.value.value


def test_which_of_several_time_columns_is_told(run: Run, tmp_path: Path) -> None:
    assert run(bars(tmp_path / "x.csv", stamps(0, 1), datetime="2024-03-12 08:30")).status == 0
    assert "times are read from column 'timestamp', and not from 'datetime'" in run.err


@pytest.mark.parametrize("text", ["1_000", "\uff11\uff10", "\u0663"])
def test_numbers_as_only_python_writes_them(tmp_path: Path, text: str) -> None:
    path = raw(tmp_path / "x.csv", HEADER + f"{stamps(0)[0]},1,1,1,1,{text}\n")
    with pytest.raises(InputError, match="not a number") as caught:
        read_bars(path)
    assert (caught.value.row, caught.value.value) == (2, text)


def test_files_of_other_kinds_in_a_folder_are_told(run: Run, tmp_path: Path) -> None:
    bars(tmp_path / "a.csv", stamps(0, 1, 2))
    raw(tmp_path / "b.txt", "x")
    raw(tmp_path / ".hidden.txt", "x")
    assert run(tmp_path).status == 0
    assert f"files passed over: 1, such as {tmp_path / 'b.txt'}: not a .zip" in run.err


def test_folders_that_cannot_be_listed_fail(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars(tmp_path / "a.csv", stamps(0, 1, 2))
    closed = bars(tmp_path / "closed" / "b.csv", stamps(0, 1, 2)).parent
    scandir = os.scandir

    def refuse(path: object = ".") -> object:
        if Path(str(path)) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refuse)
    assert run(tmp_path).status == 3
    assert f"error: {closed}: cannot be read (Permission denied)" in run.err
    assert run.counts() == {"A": 3}
    assert run(closed).status == 3
    assert f"error: {closed}: cannot be read (Permission denied)" in run.err


@pytest.mark.skipif(os.name != "posix", reason="links need no rights here")
def test_links_in_folders_are_told(run: Run, tmp_path: Path) -> None:
    elsewhere = bars(tmp_path / "elsewhere" / "b.csv", stamps(0, 1, 2))
    bars(tmp_path / "in" / "a.csv", stamps(0, 1, 2))
    (tmp_path / "in" / "c.csv").symlink_to(elsewhere)
    (tmp_path / "in" / "folder").symlink_to(elsewhere.parent)
    assert run(tmp_path / "in").status == 0
    assert run.counts() == {"A": 3, "C": 3}
    assert f"such as {tmp_path / 'in' / 'folder'}: a link to a folder" in run.err
    (tmp_path / "in" / "d.csv").symlink_to(tmp_path / "nothing")
    assert run(tmp_path / "in").status == 3
    assert f"{tmp_path / 'in' / 'd.csv'}: cannot be read (No such file" in run.err


def test_options_without_effect_on_lean(run: Run, tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "crypto" / "coinbase" / "minute" / "abc" / "20240312_trade.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.csv", "0,1,1,1,1,1\n60000,1,1,1,1,1\n")
    flags = {"--tz": "Asia/Tokyo", "--unit": "s", "--price-scale": "100", "--label": "close", "--interval": "5m"}
    flags |= {"--epoch": "utc", "--symbol-column": "x", "--symbol-from": "file"}
    assert run(path, *(word for pair in flags.items() for word in pair)).status == 0
    for flag in flags:
        assert f"{flag} does not apply to LEAN's files" in run.err
    assert run.counts() == {"ABC": 2}


def test_doubled_names_of_columns_that_are_not_read(run: Run, tmp_path: Path) -> None:
    path = raw(tmp_path / "x.csv", HEADER.strip() + ",sma,sma\n" + f"{stamps(0)[0]},1,1,1,1,5,2,3\n")
    assert run(path, "--interval", "1m").counts() == {"X": 1}
    twice = raw(tmp_path / "x.csv", "instrument_id,instrument_id," + HEADER + f"1,2,{stamps(0)[0]},1,1,1,1,5\n")
    assert run(twice, "--interval", "1m").status == 3
    assert "stands twice: 'instrument_id'" in run.err


def test_rows_without_a_header(run: Run, tmp_path: Path) -> None:
    path = raw(tmp_path / "x.csv", "2024-03-12 09:30,500.0,501.0,500.0,500.0,7\n")
    assert run(path).status == 3
    assert "columns are missing: time" in run.err
    assert "The file has: ['2024-03-12 09:30', '500.0'" in run.err


def test_demo_goes_without_what_files_need(run: Run) -> None:
    for flag, value in (("epoch", "utc"), ("symbol-from", "file"), ("symbol-column", "x"), ("duplicates", "last")):
        assert run("--demo", f"--{flag}", value).status == 2
        assert f"--demo goes without --{flag}" in run.err
