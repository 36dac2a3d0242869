"""Readers: what files of each format become, and how each kind of bad file is told (path, row,
value, rule)."""

from __future__ import annotations

import gzip
import struct
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from market_data import on_both
from sessiondata.errors import InputError
from sessiondata.readers import text as text_reader
from sessiondata.readers import zips
from sessiondata.readers.bars import read_bars
from sessiondata.readers.inputs import find_inputs
from sessiondata.readers.layouts import NotBarsError
from sessiondata.readers.options import ReadOptions
from sessiondata.readers.table import BarTable
from sessiondata.time.units import UNIT_NS

HEADER = "timestamp,open,high,low,close,volume\n"
ROW = "2024-03-12T13:30:00Z,10,11,9,10.5,100\n"
NOON_NS = 1_710_244_800_000_000_000  # 2024-03-12T12:00:00Z


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def lean_path(root: Path, kind: str = "crypto", market: str = "coinbase", name: str = "20240312_trade.zip") -> Path:
    path = root / kind / market / "minute" / "abc" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_zip(path: Path, *texts: str | bytes, names: Sequence[str] = ()) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for k, text in enumerate(texts):
            archive.writestr(names[k] if names else f"member{k}.csv", text)
    return path


def read_one(path: Path, **options: Any) -> BarTable:
    (table,) = read_bars(path, ReadOptions(**options))
    return table


def fails(path: Path, *needles: str, row: int | None = None, **options: Any) -> InputError:
    """Read a file that must fail; the error names the path, the row and each of the needles."""
    with pytest.raises(InputError) as caught:
        read_bars(path, ReadOptions(**options))
    error = caught.value
    assert str(path) in str(error)
    assert error.row == row
    if row is not None:
        assert f":{row}: " in str(error)
    for needle in needles:
        assert needle in str(error)
    return error


# --- LEAN -----------------------------------------------------------------------------------------


@on_both("n first open_", [(603, "08:02", 136.35)], [(828, "08:00", 167.41)])  # 04:00 in New York
def test_lean_equity_is_unscaled_and_in_new_york_time(real: Path, n: int, first: str, open_: float) -> None:
    table = read_one(real / "equity/usa/minute/spy/20131007_trade.zip")
    assert (table.symbol, len(table), table.interval_ns, table.calendar) == ("SPY", n, 60_000_000_000, "XNYS")
    assert table.ts_ns[:1].view("datetime64[ns]")[0] == np.datetime64(f"2013-10-07T{first}")
    assert table.open[0] == open_
    assert table.path.endswith("20131007_trade.zip!20131007_spy_minute_trade.csv")


@on_both("volume open_", [(0.6394899, 88.48)], [(0.60046, 95.0)])
def test_lean_seconds_of_crypto_and_india(real: Path, volume: float, open_: float) -> None:
    seconds = read_one(real / "crypto/coinbase/second/btcusd/20161007_trade.zip")
    assert (seconds.interval_ns, seconds.calendar, seconds.volume[0]) == (1_000_000_000, "24/7", volume)
    india = read_one(real / "equity/india/minute/yesbank/20190709_trade.zip")
    assert india.calendar == "XBOM"
    # 09:15 in Mumbai
    assert india.ts_ns[:1].view("datetime64[ns]")[0] == np.datetime64("2019-07-09T03:45")
    assert india.open[0] == open_


@on_both("n_bars", [((850, 205, 1),)], [((1344, 325, 2),)])
def test_lean_future_has_a_symbol_per_expiry(real: Path, n_bars: tuple[int, ...]) -> None:
    tables = read_bars(real / "future/cme/minute/es/20131007_trade.zip")
    assert [t.symbol for t in tables] == ["ES_201312", "ES_201403", "ES_201406"]
    assert tuple(len(t) for t in tables) == n_bars
    assert {t.calendar for t in tables} == {"CMES"}


@on_both("date bid ask", [("20140504", 1.31202, 1.31265)], [("20140501", 1.38676, 1.38686)])
def test_lean_forex_is_the_middle_of_bid_and_ask(real: Path, date: str, bid: float, ask: float) -> None:
    table = read_one(real / f"forex/oanda/minute/eurusd/{date}_quote.zip")
    assert table.open[0] == (bid + ask) / 2
    assert not table.volume.any()


@on_both()
@pytest.mark.parametrize(
    "name",
    [
        "equity/usa/daily/spy.zip",
        "equity/usa/tick/ibm/20131007_trade.zip",
        "equity/usa/tick/ibm/20131007_quote.zip",
    ],
)
def test_lean_files_without_intraday_bars(real: Path, name: str) -> None:
    with pytest.raises(NotBarsError, match="hold no intraday bars"):
        read_bars(real / name)


def test_lean_layout_is_needed(tmp_path: Path) -> None:
    fails(write_zip(tmp_path / "bars.zip", "0,1,1,1,1,1"), "LEAN's folders", "<type>/<market>")
    fails(write_zip(lean_path(tmp_path, kind="bond"), "0,1,1,1,1,1"), "equity, crypto, future, forex", "'bond'")
    fails(write_zip(lean_path(tmp_path, "equity", "mars"), "0,1,1,1,1,1"), "zone", "'mars'")
    fails(write_zip(lean_path(tmp_path, name="20240312_quote.zip"), ""), "trade files are read")
    fails(write_zip(lean_path(tmp_path, name="20241399_trade.zip"), ""), "no date", "'20241399'")


def test_lean_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(lean_path(tmp_path), "60000,1,2,1,2,5\r\n120000,2,2,2,2,0.1")
    monkeypatch.chdir(path.parent)
    table = read_one(Path(path.name))
    assert table.symbol == "ABC"
    assert table.ts_ns.tolist() == [NOON_NS - 43_200_000_000_000 + 60_000_000_000 * k for k in (1, 2)]


@pytest.mark.parametrize(
    ("text", "row", "needles"),
    [
        ("0,1,1,1,1,1\n60000,1,1,1\n", 2, ["4 fields, 6"]),
        ("0,1,1,1,1,1\n\n60000,1,x1,1,1,1\n", 3, ["not a number", "'x1'"]),
        ("0,1,1,1,1,1\n86400000,1,1,1,1,1\n", 2, ["milliseconds since midnight", "'86400000'"]),
        ("0.5,1,1,1,1,1\n", 1, ["milliseconds since midnight", "'0.5'"]),
        ("-1,1,1,1,1,1\n", 1, ["milliseconds since midnight"]),
        ("0,1,1,1,1,nan\n", 1, ["volume must be finite", "nan"]),
        ("0,1,1,2,1,1\n", 1, ["high must not be below low", "(1.0, 2.0)"]),
        ("0,1,1,1,1,-1\n", 1, ["volume must not be negative", "-1.0"]),
    ],
)
def test_lean_bad_rows_name_member_and_row(tmp_path: Path, text: str, row: int, needles: list[str]) -> None:
    error = fails(write_zip(lean_path(tmp_path), text), *needles, row=row)
    assert error.path.endswith("20240312_trade.zip!member0.csv")


def test_zip_that_is_cut_off_or_damaged(tmp_path: Path) -> None:
    path = write_zip(lean_path(tmp_path), "0,1,1,1,1,1\n" * 1000)
    whole = path.read_bytes()
    for n_bytes in (0, 10, len(whole) // 2, len(whole) - 1):
        fails(write(path, whole[:n_bytes]), "damaged")
    middle = 60  # within the packed data
    fails(write(path, whole[:middle] + b"\x55\x55\x55" + whole[middle + 3 :]), "damaged")


def test_zip_that_is_encrypted(tmp_path: Path) -> None:
    path = write_zip(lean_path(tmp_path), "0,1,1,1,1,1\n")
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag in the local header, and the same in the central directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    fails(write(path, bytes(data)), "cannot be unpacked")


def test_zip_caps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lean_path(tmp_path)
    fails(write_zip(path, b" " * (4 << 20)), "packed by more than 200 to 1")
    monkeypatch.setattr(zips, "MAX_BYTES", 1000)
    fails(write_zip(path, "0,1,1,1,1,1\n" * 100), "unpacks to more than 1000 bytes", "1200")
    monkeypatch.setattr(zips, "MAX_MEMBERS", 2)
    fails(write_zip(path, *["0,1,1,1,1,1\n"] * 3), "more than 2 members")


def test_zip_that_declares_less_than_it_holds(tmp_path: Path) -> None:
    """The caps look at declared sizes, so a lie must not unpack to more."""
    path = write_zip(lean_path(tmp_path), "0,1,1,1,1,1\n" * 1000)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    assert struct.unpack_from("<I", data, at) == (12_000,)
    struct.pack_into("<I", data, at, 12)
    fails(write(path, bytes(data)), "damaged")


def test_zip_without_one_csv(tmp_path: Path) -> None:
    fails(write_zip(lean_path(tmp_path)), "one CSV file is expected")
    fails(write_zip(lean_path(tmp_path), "0,1,1,1,1,1", "0,1,1,1,1,1"), "one CSV file is expected", "member1.csv")
    fails(write_zip(lean_path(tmp_path), ""), "holds no rows")


# --- CSV ------------------------------------------------------------------------------------------


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


# --- Parquet --------------------------------------------------------------------------------------


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


# --- folders --------------------------------------------------------------------------------------


def test_find_inputs_walks_folders_in_order(tmp_path: Path) -> None:
    for name in ("b/2.csv", "b/1.parquet", "a/x.ZIP", "a/README.md", ".git/x.csv", "c.csv.gz"):
        write(tmp_path / name, "")
    (tmp_path / "d.csv").mkdir()
    named = tmp_path / "absent.csv"
    found = find_inputs([named, tmp_path])
    assert [(str(f.path.relative_to(tmp_path)), f.named) for f in found] == [
        ("absent.csv", True),
        ("a/x.ZIP", False),
        ("b/1.parquet", False),
        ("b/2.csv", False),
        ("c.csv.gz", False),
    ]
    assert find_inputs([tmp_path / "d.csv"]) == [(tmp_path / "d.csv", True)]
