"""LEAN's zip files of bars, whose path says type, market, resolution, symbol and date."""

from __future__ import annotations

import csv
import re
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from sessiondata.errors import InputError
from sessiondata.readers.blocks import join_blocks
from sessiondata.readers.faults import Faults
from sessiondata.readers.layouts import NotBarsError
from sessiondata.readers.naming import Origin, PathName
from sessiondata.readers.options import ReadOptions
from sessiondata.readers.prices import PriceScale
from sessiondata.readers.table import BarTable
from sessiondata.readers.text import TextLayout, open_text, text_blocks
from sessiondata.readers.times import TextTimes
from sessiondata.readers.types import Note
from sessiondata.readers.zips import csv_members, member_errors
from sessiondata.time.units import UNIT_NS

__all__ = ["read_lean"]

_EPOCH = date(1970, 1, 1)


class _Kind(NamedTuple):
    """What LEAN's files of one type hold."""

    word: str  # the files with bars: trade or quote
    layout: TextLayout
    price_scale: float = 1.0


_TRADE = TextLayout(width=6, time=(0,), values=((1,), (2,), (3,), (4,), (5,)))
_QUOTE = TextLayout(width=11, time=(0,), values=((1, 6), (2, 7), (3, 8), (4, 9), ()))
_KINDS = {
    "equity": _Kind("trade", _TRADE, price_scale=10_000.0),
    "crypto": _Kind("trade", _TRADE),
    "future": _Kind("trade", _TRADE),
    "forex": _Kind("quote", _QUOTE),
}
_ZONES = {("equity", "usa"): "America/New_York", ("equity", "india"): "Asia/Kolkata"}
_CALENDARS = {("equity", "usa"): "XNYS", ("equity", "india"): "XBOM", ("future", "cme"): "CMES"}
_STEPS = {"minute": 60 * UNIT_NS["s"], "second": UNIT_NS["s"]}
_RESOLUTIONS = ("tick", *_STEPS)
_FOLDERS = "<type>/<market>/<minute|second>/<ticker>/<yyyymmdd>_<trade|quote>.zip"


class _LeanPath(NamedTuple):
    """What the path of a LEAN file says."""

    kind: str
    market: str
    resolution: str
    ticker: str
    day: date


def _parse_path(path: Path) -> _LeanPath:
    parts = [part.lower() for part in path.absolute().with_suffix("").parts[-5:]]
    if parts[-2] in ("hour", "daily"):  # one file for all days, one folder higher than the others
        raise NotBarsError(f"LEAN's {parts[-2]} files hold no intraday bars of one date", path=str(path))
    name = re.fullmatch(r"(\d{8})_([a-z]+)", parts[-1])
    if len(parts) < 5 or parts[2] not in _RESOLUTIONS or name is None:
        raise NotBarsError(f"a zip is read in LEAN's folders only: {_FOLDERS}", path=str(path))
    kind, market, resolution, ticker, _ = parts
    if kind not in _KINDS:
        raise NotBarsError(f"LEAN's type must be one of {', '.join(_KINDS)}", path=str(path), value=kind)
    if resolution not in _STEPS:
        raise NotBarsError(f"LEAN's {resolution} files hold no intraday bars", path=str(path))
    if name[2] != _KINDS[kind].word:
        raise NotBarsError(
            f"of LEAN's type {kind} the {_KINDS[kind].word} files are read", path=str(path), value=name[2]
        )
    if kind == "equity" and (kind, market) not in _ZONES:
        raise NotBarsError("the zone of this LEAN market is not known", path=str(path), value=market)
    try:
        return _LeanPath(kind, market, resolution, ticker.upper(), datetime.strptime(name[1], "%Y%m%d").date())
    except ValueError:
        raise NotBarsError("the file name begins with no date", path=str(path), value=name[1]) from None


def read_lean(path: Path, options: ReadOptions, note: Note) -> list[BarTable]:
    """Read a zip in LEAN's folders."""
    where = _parse_path(path)
    tables: list[BarTable] = []
    with zipfile.ZipFile(path) as archive:
        members = csv_members(archive, path)
        if len(members) != 1 and where.kind != "future":
            raise InputError("one CSV file is expected in the zip", path=str(path), value=[m.filename for m in members])
        for member in members:
            # One member per contract: 20131007_es_minute_trade_201312.csv is ES_201312.
            expiry = member.filename.removesuffix(".csv").rpartition("_")[2]
            symbol = f"{where.ticker}_{expiry}" if where.kind == "future" else where.ticker
            tables += _read_member(archive, member, symbol, where, options, note)
    return tables


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, symbol: str, where: _LeanPath, options: ReadOptions, note: Note
) -> list[BarTable]:
    kind = _KINDS[where.kind]
    faults = Faults(f"{archive.filename}!{member.filename}", options.on_bad)
    for flag in _without_effect(options):
        faults.remark(f"{flag} does not apply to LEAN's files, whose format says it")
    name = PathName(_usable(symbol, faults.path), Origin("market", f"{where.kind}/{where.market}"))
    tz = _ZONES.get((where.kind, where.market), "UTC")
    midnight_ns = (where.day - _EPOCH).days * 86_400 * UNIT_NS["s"]

    def since_midnight(text: str) -> tuple[int, bool]:
        if not text.isdecimal() or int(text) >= 86_400_000:
            raise ValueError("not the milliseconds since midnight")
        return midnight_ns + int(text) * UNIT_NS["ms"], tz == "UTC"

    times = TextTimes("time", ReadOptions(tz=tz), faults, since_midnight)
    with member_errors(faults.path), archive.open(member) as raw:
        reader = csv.reader(open_text(raw), strict=True)
        blocks = text_blocks(reader, kind.layout, times, faults, PriceScale(kind.price_scale, faults.path))
        step_ns, calendar = _STEPS[where.resolution], _calendar(where)
        return join_blocks(blocks, name, faults, note, interval_ns=step_ns, calendar=calendar)


def _without_effect(options: ReadOptions) -> list[str]:
    """Flags of options that the format answers itself."""
    options_by_flag = {
        "--tz": options.tz,
        "--unit": options.unit,
        "--epoch": options.epoch,
        "--price-scale": options.price_scale,
        "--symbol-column": options.symbol_column,
        "--symbol-from": options.symbol_from,
    }
    return [flag for flag, value in options_by_flag.items() if value is not None]


def _usable(symbol: str, path: str) -> str:
    if not symbol or not symbol.isprintable():
        raise InputError("the name of the file is not usable as a symbol", path=path, value=symbol)
    return symbol


def _calendar(where: _LeanPath) -> str | None:
    always = {"crypto": "24/7", "forex": "forex"}
    return always.get(where.kind) or _CALENDARS.get((where.kind, where.market))
