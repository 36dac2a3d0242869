"""Which symbol the rows of a file are of, where no column of a usual name says so.

By the first of these that there is: a Hive folder (``symbol=SPY``), a column that numbers or names
instruments, the name of the file, or the name of its folder where that of the file is a date. Files
of one name in different folders can be read in two ways, and `symbol_from` chooses.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from sessiondata.errors import InputError
from sessiondata.rows.columns import ALIASES

__all__ = ["INSTRUMENT_COLUMNS", "Origin", "PathName", "UnreadText", "hive_name", "name_of_path"]

# Columns that can only tell instruments apart; read if there is none of the usual names.
INSTRUMENT_COLUMNS = ("instrument_id", "instrument", "contract", "pair", "isin", "cusip", "figi", "ric", "permno")

_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0[1-9]|1[0-2])"
# 4 or 6 digits are tickers in Hong Kong, Tokyo and Shenzhen; 8 that spell a date are a date.
_DATE_NAME = re.compile(
    rf"(?:19|20)\d\d(?:([-_.]){_MONTH}(?:\1{_DAY})?|{_MONTH}{_DAY})(?:[-_.T ][-_.T \d]*)?", re.ASCII
)
_TIME_FOLDER = re.compile(
    r"(?:year|month|day|date|dt|trade_date|y|m|d)=.*|(?:19|20)\d\d(?:[-_.]?\d\d){0,2}|\d\d|q[1-4]",
    re.ASCII | re.IGNORECASE,
)
_DATE_REMARK = "the name of the file is a date, so its folder names the symbol; --symbol-from file says otherwise"


class Origin(NamedTuple):
    """What gave a symbol its name, and where: the same name from elsewhere may be another
    symbol."""

    kind: str  # "file", "folder" or "market"
    place: str


class PathName(NamedTuple):
    """The symbol that a path says.

    `origin` is None where it is sure; `is_hive` if a Hive folder says it.
    """

    symbol: str
    origin: Origin | None
    is_hive: bool = False


def hive_name(path: Path, keys: Sequence[str] = ()) -> PathName | None:
    """Read the symbol of a file from its Hive folders; None without one that names symbols.

    Parameters
    ----------
    path : Path
    keys : sequence of str
        Keys of folders that name symbols; by default the usual names of such columns.
    """
    wanted = [key.lower() for key in keys or (*ALIASES["symbol"], *INSTRUMENT_COLUMNS)]
    for folder in reversed(_folders(path)):
        key, _, value = folder.partition("=")
        if value and key.strip().lower() in wanted:
            symbol = "" if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value).strip()
            return PathName(_checked(symbol, path), None, is_hive=True)
    return None


def name_of_path(path: Path, stem: str, symbol_from: str | None, remark: Callable[[str], None]) -> PathName:
    """Read the symbol of a file from its name or its folder.

    Parameters
    ----------
    path : Path
    stem : str
        Name of the file without its ending.
    symbol_from : {"file", "folder"} or None
        What names the symbol; None is the name of the file, or of its folder if that is a date.
    remark : callable
        Called with a sentence about a choice that was made by rule.

    Returns
    -------
    PathName

    Raises
    ------
    InputError
        No part of the path can be the symbol.
    """
    folders = _folders(path)
    if symbol_from is None and _DATE_NAME.fullmatch(stem):
        remark(_DATE_REMARK)
        symbol_from = "folder"
    if symbol_from == "folder":
        *above, folder = _without_times(folders)
        if not above:
            raise InputError("no folder of the file can name a symbol", path=str(path))
        return PathName(_checked(folder.upper(), path), Origin("folder", os.sep.join(_without_times(above))))
    is_sure = symbol_from == "file"
    # With the name as it is written: some vendors' tickers differ by case alone.
    origin = None if is_sure else Origin("file", os.sep.join((*_without_times(folders), stem)))
    return PathName(_checked(stem.upper(), path), origin)


def _folders(path: Path) -> tuple[str, ...]:
    return Path(os.path.abspath(path)).parent.parts


def _without_times(folders: Sequence[str]) -> list[str]:
    """The folders without those at the end that only part time: years, months, dates."""
    kept = list(folders)
    while len(kept) > 1 and _TIME_FOLDER.fullmatch(kept[-1]):
        kept.pop()
    return kept


def _checked(symbol: str, path: Path) -> str:
    if not symbol or not symbol.isprintable():
        raise InputError("the name of the file is not usable as a symbol", path=str(path), value=symbol)
    return symbol


class UnreadText:
    """Columns of text that are not read, though they differ between rows: one may name symbols."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self.differing: dict[str, None] = {}  # their names, as a set that keeps the order

    def see(self, name: str, values: Iterable[str]) -> None:
        """Look at some values of a column."""
        if name in self.differing:
            return
        found = {value.strip() for value in values} - {""}
        if found and name not in self._first:
            self._first[name] = min(found)
        found.add(self._first.get(name, ""))
        if len(found - {""}) > 1 and any(map(_is_name, found)):
            self.differing[name] = None


def _is_name(value: str) -> bool:
    """Not a number, a time, or nothing."""
    if not any(map(str.isalpha, value)) or re.match(r"\d{4}-?\d\d-?\d\d|\d+:\d\d", value):
        return False
    try:
        float(value)
    except ValueError:
        return value.lower() not in ("none", "null", "n/a", "na", "true", "false")
    return False
