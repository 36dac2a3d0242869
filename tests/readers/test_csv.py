"""CSV files of bars: columns, times, blocks, and rows that break a rule."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from bar_files import HEADER, NOON_NS, ROW, fails, read_one, write
from sessiondata.readers import text as text_reader
from sessiondata.readers.bars import read_bars
from sessiondata.readers.options import ReadOptions
from sessiondata.time.units import UNIT_NS


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("timestamp,open,high,low,close,volume", "2024-03-12T12:00:00Z,10,11,9,10.5,100"),
        ("Datetime,Open,High,Low,Close,Volume", "2024-03-12 08:00:00-04:00,10,11,9,10.5,100"),
        (" Time , O , H , L , C , V ", "2024-03-12T12:00:00.000000000Z,10,11,9,10.5,100"),
        ("date,open,high,low,close,vol,extra", "2024-03-12T12:00Z,10,11,9,10.5,100,x"),
        ("volume,open,close,high,low,window_start,transactions", f"100,10,10.5,11,9,{NOON_NS},7"),
        ("ts_event,rtype,open,high,low,close,volume", f"{NOON_NS},33,10,11,9,10.5,100"),
        ("date,time,open,high,low,close,volume", "2024-03-12,12:00:00+00:00,10,11,9,10.5,100"),
        ("t,o,h,l,c,v", "20240312T120000Z,10,11,9,10.5,100"),
    ],
)
def test_csv_usual_columns(tmp_path: Path, header: str, row: str) -> None:
    table = read_one(write(tmp_path / "abc.csv", f"{header}\n{row}\n"))
    assert (table.symbol, table.interval_ns, table.calendar) == ("ABC", None, None)
    assert table.ts_ns.tolist() == [NOON_NS]
    assert [x[0] for x in (table.open, table.high, table.low, table.close, table.volume)] == [10, 11, 9, 10.5, 100]


def test_csv_of_many_symbols_gzipped(tmp_path: Path) -> None:
    text = "ticker,volume,open,close,high,low,window_start,transactions\n" + "".join(
        f"{symbol},{100 + k},10,10.5,11,9,{NOON_NS + 60_000_000_000 * k},7\n" for k in range(3) for symbol in ("B", "A")
    )
    tables = read_bars(write(tmp_path / "day.csv.gz", gzip.compress(text.encode())))
    assert [(t.symbol, t.volume.tolist()) for t in tables] == [("B", [100, 101, 102]), ("A", [100, 101, 102])]


def test_csv_of_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading in blocks must not show: neither in the rows nor in the line that an error names."""
    rows = [f"{1000 + k},{'AB'[k % 2]},1,1,1,1,{k}\n" for k in range(10)]
    path = write(tmp_path / "x.csv", "t,sym,o,h,l,c,v\n" + "".join(rows))
    whole = read_bars(path, ReadOptions(unit="s"))
    monkeypatch.setattr(text_reader, "BLOCK_ROWS", 3)
    parts = read_bars(path, ReadOptions(unit="s"))
    for a, b in zip(whole, parts, strict=True):
        assert a.symbol == b.symbol
        assert a.ts_ns.tolist() == b.ts_ns.tolist()
        assert a.volume.tolist() == b.volume.tolist()
    rows[8] = "1008,A,1,1,1,1,\n"
    fails(write(path, "t,sym,o,h,l,c,v\n" + "".join(rows)), "not a number", row=10, unit="s")


def test_a_block_without_good_rows_is_not_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_reader, "BLOCK_ROWS", 3)
    path = write(tmp_path / "x.csv", HEADER + ROW + "\n" * 7 + "x\n" * 7 + ROW.replace("10.5", "?") * 7 + ROW)
    assert len(read_one(path, on_bad="skip")) == 2


def test_file_name_that_is_no_symbol(tmp_path: Path) -> None:
    fails(write(tmp_path / ".csv", HEADER + ROW), "not usable as a symbol")
    assert read_one(write(tmp_path / ".csv", "symbol," + HEADER + "A," + ROW)).symbol == "A"


@pytest.mark.parametrize(("unit", "number"), [("s", 1_710_244_800), ("ms", 1_710_244_800_001), ("us", 7), ("ns", -5)])
def test_csv_whole_times_are_exact(tmp_path: Path, unit: str, number: int) -> None:
    table = read_one(write(tmp_path / "x.csv", f"{HEADER}{number},1,1,1,1,1\n"), unit=unit)
    assert table.ts_ns.tolist() == [number * UNIT_NS[unit]]


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2024-03-12T12:00:00.000000001Z", NOON_NS + 1),
        ("2024-03-12 12:00:00.5+00:00", NOON_NS + 500_000_000),
        ("2024-03-12t17:30:00+0530", NOON_NS),
        ("2024-03-12T12:00:00,25Z", NOON_NS + 250_000_000),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2024-03-12T12:00:00.0000000000000Z", NOON_NS),
    ],
)
def test_csv_text_times_are_exact(tmp_path: Path, text: str, ns: int) -> None:
    quoted = f'"{text}"'
    assert read_one(write(tmp_path / "x.csv", f"{HEADER}{quoted},1,1,1,1,1\n")).ts_ns.tolist() == [ns]


def test_csv_naive_times_take_the_zone_that_is_given(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", HEADER + "2024-03-12 08:00:00,1,1,1,1,1\n2024-01-12 07:00,1,1,1,1,1\n")
    table = read_one(path, tz="America/New_York")
    assert [str(t)[:16] for t in table.ts_ns.view("datetime64[ns]")] == ["2024-03-12T12:00", "2024-01-12T12:00"]
    fails(path, "pass --tz", "2024-03-12T08:00", row=2)


@pytest.mark.parametrize(
    ("time", "needle"), [("2024-03-10 02:30:00", "never showed"), ("2024-11-03 01:30:00", "showed this time twice")]
)
def test_csv_naive_times_at_the_change_of_the_clock(tmp_path: Path, time: str, needle: str) -> None:
    path = write(tmp_path / "x.csv", f"{HEADER}2024-03-12 08:00:00,1,1,1,1,1\n{time},1,1,1,1,1\n")
    fails(path, needle, "America/New_York", row=3, tz="America/New_York")


def test_csv_decimals_are_what_float_says(tmp_path: Path) -> None:
    texts = [
        "0.1",
        "1e-7",
        "123456789.123456789",
        "9007199254740993",
        "2.2250738585072011e-308",
        "1.7976931348623157e308",
    ]
    rows = "".join(f"{k},0,{text},0,0,{text}\n" for k, text in enumerate(texts))
    table = read_one(write(tmp_path / "x.csv", HEADER + rows), unit="s")
    assert table.high.tolist() == table.volume.tolist() == [float(text) for text in texts]


def test_csv_price_scale(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"ts_event,open,high,low,close,volume\n{NOON_NS},1,123456789,1,3,5\n")
    table = read_one(path, price_scale=1e9)
    assert (table.open[0], table.high[0], table.close[0], table.volume[0]) == (1e-9, 0.123456789, 3e-9, 5.0)
    undefined = write(tmp_path / "y.csv", f"ts_event,open,high,low,close,volume\n{NOON_NS},1,1,1,{2**63 - 1},5\n")
    fails(undefined, "close must be finite", row=2, price_scale=1e9)


@pytest.mark.parametrize(
    ("text", "row", "needles"),
    [
        ("", None, ["the file is empty"]),
        ("\n\n", None, ["the file is empty"]),
        (HEADER, None, ["holds no rows"]),
        ("time,open,high,low\n", None, ["close (close, c)", "volume (volume, vol, v)", "'open', 'high'"]),
        ("1,2,3,4,5,6\n", None, ["columns are missing: time (ts_event"]),
        ("open,high,low,close,volume,t,Open\n", None, ["stands twice", "'Open'"]),
        (HEADER + ROW + "2024-03-12T13:31:00Z,10,11\n", 3, ["3 fields, 6 are expected"]),
        (HEADER + ROW + ROW.replace("10.5", "abc"), 3, ["not a number", "'abc'"]),
        (HEADER + ROW + ROW.replace("10.5", ""), 3, ["not a number", "''"]),
        (HEADER + ROW.replace("11", "NaN"), 2, ["high must be finite", "nan"]),
        (HEADER + ROW.replace("100", "inf"), 2, ["volume must be finite", "inf"]),
        (HEADER + ROW.replace("11", "8"), 2, ["high must not be below low"]),
        (HEADER + ROW + "soon,10,11,9,10.5,100\n", 3, ["not a time", "'soon'"]),
        (HEADER + "2024-13-12T13:30:00Z,10,11,9,10.5,100\n", 2, ["not a time"]),
        (HEADER + "2024-03-12,10,11,9,10.5,100\n", 2, ["not a time"]),
        (HEADER + "1710244800.5,10,11,9,10.5,100\n", 2, ["not a time"]),
        (HEADER + "2500-03-12T13:30:00Z,10,11,9,10.5,100\n", 2, ["int64 nanoseconds"]),
        (HEADER + "1710244800,10,11,9,10.5,100\n", 2, ["pass --unit", "'timestamp'", "1710244800"]),
        (HEADER + ROW + '2024-03-12T13:31:00Z,"10,11\n', 3, ["not readable as CSV"]),
        (HEADER + ROW + 'x"y",10,11,9,10.5,100\n', 3, ["not a time"]),
        ("symbol," + HEADER + " ," + ROW, 2, ["symbol must be printable"]),
    ],
)
def test_csv_bad_files(tmp_path: Path, text: str, row: int | None, needles: list[str]) -> None:
    fails(write(tmp_path / "bad.csv", text), *needles, row=row)


def test_csv_whole_times_beyond_int64(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", HEADER + "1,1,1,1,1,1\n9223372037,1,1,1,1,1\n")
    fails(path, "int64 nanoseconds", "'9223372037'", row=3, unit="s")
    fails(write(path, HEADER + "1,1,1,1,1,1\n2024-03-12T12:00Z,1,1,1,1,1\n"), "not a whole number", row=3, unit="s")


def test_csv_of_foreign_bytes_names_the_row(tmp_path: Path) -> None:
    rows = ["A," + ROW for _ in range(3)]
    head = b"sym," + HEADER.encode()
    text = head + "".join(rows).encode() + b"M\xfcnchen," + ROW.encode()
    fails(write(tmp_path / "latin1.csv", text), "printable", row=5)
    fails(write(tmp_path / "utf16.csv", (HEADER + ROW).encode("utf-16")))
    table = read_one(write(tmp_path / "bom.csv", b"\xef\xbb\xbf" + head + "M\u00fcnchen,".encode() + ROW.encode()))
    assert table.symbol == "M\u00fcnchen"


def test_gzip_that_is_cut_off_or_none(tmp_path: Path) -> None:
    packed = gzip.compress((HEADER + ROW * 1000).encode())
    fails(write(tmp_path / "x.csv.gz", packed[: len(packed) // 2]), "cut off")
    fails(write(tmp_path / "x.csv.gz", HEADER + ROW), "damaged")


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    fails(tmp_path / "none.csv", "No such file")
    fails(write(tmp_path / "x.xlsx", "?"), "not a .zip, .csv, .csv.gz or .parquet file")
    (tmp_path / "empty").mkdir()
    fails(tmp_path / "empty", "no file of bars")


def test_skipping_bad_rows_counts_them(tmp_path: Path) -> None:
    text = HEADER + ROW + "x,1,1,1,1,1\n" + ROW.replace("11", "nan") + "1,2\n" + ROW.replace("11", "nan") + ROW
    path = write(tmp_path / "x.csv", text)
    notes: list[str] = []
    (table,) = read_bars(path, ReadOptions(on_bad="skip"), notes.append)
    assert len(table) == 2
    (note,) = notes
    assert note.startswith(f"{path}: bad rows left out: 4 (2 x high must be finite")
    assert note.endswith("the first is row 3")
    fails(write(path, HEADER + "x,1,1,1,1,1\n"), "holds no rows", on_bad="skip")


def test_skipping_a_bad_first_row_does_not_change_the_kind_of_times(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", HEADER + "?,1,1,1,1,1\n7,1,1,1,1,1\n")
    assert read_one(path, on_bad="skip", unit="s").ts_ns.tolist() == [7_000_000_000]


@pytest.mark.parametrize(
    "options",
    [{"unit": "h"}, {"tz": "Mars/Olympus"}, {"price_scale": 1e-9}, {"price_scale": float("nan")}, {"on_bad": "ignore"}],
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(options.values())))):
        ReadOptions(**options)
