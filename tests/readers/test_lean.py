"""LEAN's zips: folders, scales and zones; damaged, foreign and huge ones are errors that name
member and row.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from bar_files import NOON_NS, fails, lean_path, read_one, write, write_zip
from market_data import on_both
from sessiondata.readers import zips
from sessiondata.readers.bars import read_bars
from sessiondata.readers.layouts import NotBarsError


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
