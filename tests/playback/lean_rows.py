"""Rows of LEAN's zips, read without the library."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

import reference as ref
import sessiondata as sd

Row = tuple[int, float, float, float, float, float]

LEAN_FILES = [
    *(f"equity/usa/minute/{name}/201310{day}_trade.zip" for name in ("spy", "ibm", "aig")
      for day in ("04", "07", "08", "09", "10", "11")),
    *(f"equity/usa/minute/aapl/201406{day}_trade.zip" for day in ("05", "06", "09")),
    *(f"equity/usa/minute/goog/201512{day}_trade.zip" for day in ("23", "24", "28")),
    "equity/india/minute/yesbank/20190709_trade.zip",
    *(f"crypto/coinbase/minute/btcusd/{day}_trade.zip" for day in ("20161007", "20180404", "20180405", "20180406")),
    *(f"future/cme/minute/es/201310{day}_trade.zip" for day in ("06", "07", "08")),
]  # fmt: skip
SAMPLE_FILES = [
    *(f"equity/usa/minute/{name}/201310{day}_trade.zip" for name in ("spy", "ibm", "aig")
      for day in ("04", "07", "08", "09")),
    "equity/usa/minute/goog/20151224_trade.zip",
    "equity/india/minute/yesbank/20190709_trade.zip",
    *(f"crypto/coinbase/minute/btcusd/{day}_trade.zip" for day in ("20161007", "20180404", "20180405", "20180406")),
    *(f"future/cme/minute/es/201310{day}_trade.zip" for day in ("06", "07", "08")),
]  # fmt: skip


def read_rows(path: Path) -> dict[str, list[Row]]:
    """Bars of a LEAN zip by symbol, in the order of the file; prices and times as LEAN's
    documentation has them."""
    kind, market, _, ticker = path.parts[-5:-1]
    zone = {"usa": "America/New_York", "india": "Asia/Kolkata"}[market] if kind == "equity" else "UTC"
    scale = 10_000 if kind == "equity" else 1
    midnight = dt.datetime.strptime(path.name[:8], "%Y%m%d")
    found: dict[str, list[Row]] = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            expiry = "_" + member.rsplit("_", 1)[1].split(".")[0] if kind == "future" else ""
            rows = []
            for ms, *prices, volume in csv.reader(io.TextIOWrapper(archive.open(member))):
                local = (midnight + dt.timedelta(milliseconds=int(ms))).replace(tzinfo=ZoneInfo(zone))
                ts = int(local.timestamp()) * 1_000_000_000 + int(ms) % 1000 * 1_000_000
                o, h, lo, c = (float(price) / scale for price in prices)
                rows.append((ts, o, h, lo, c, float(volume)))
            found[ticker.upper() + expiry] = rows
    return found


def columns_of(rows: list[Row]) -> tuple[np.ndarray, ...]:
    columns = list(zip(*rows, strict=True))
    return np.array(columns[0], np.int64), *(np.array(column, float) for column in columns[1:])


def rows_of(series: Any) -> list[Row]:
    return [tuple(bar)[:6] for bar in series]


def model_of(data: sd.SessionData) -> ref.RefStore:
    grid = data.grid
    assert grid is not None
    segments = [(start, stop) for start, stop in grid.segments.tolist()]
    session = ref.RefSession(str(grid.date), grid.tz, segments, (grid.span_start, grid.span_stop))
    return ref.RefStore(session)
