"""CSV files of bars, with a header."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

from sessiondata.errors import InputError
from sessiondata.readers.columnar import price_scale_of, read_tables
from sessiondata.readers.faults import Faults
from sessiondata.readers.layouts import ColumnNames, find_columns
from sessiondata.readers.options import ReadOptions
from sessiondata.readers.table import BarTable
from sessiondata.readers.text import TextLayout, open_text, text_blocks
from sessiondata.readers.times import TextTimes
from sessiondata.readers.types import Note

__all__ = ["read_csv"]


def read_csv(path: Path, options: ReadOptions, note: Note) -> list[BarTable]:
    """Read a CSV file, packed by gzip or not."""
    faults = Faults(str(path), options.on_bad)
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rb") as raw:
        reader = csv.reader(open_text(raw), strict=True)
        header = _header(reader, faults.path)
        names = find_columns(header, options.symbol_column, faults.path, faults.remark)
        times = TextTimes(names.time[0], options, faults)
        scale = price_scale_of(options, names, faults)
        blocks = text_blocks(reader, _layout(header, names), times, faults, scale)
        return read_tables(blocks, path, names, options, faults, note)


def _header(reader: Any, path: str) -> list[str]:
    try:
        header: list[str] | None = next((row for row in reader if row), None)
    except csv.Error as error:
        raise InputError(f"not readable as CSV ({error})", path=path, row=reader.line_num) from error
    if header is None:
        raise InputError("the file is empty", path=path)
    return header


def _layout(header: list[str], names: ColumnNames) -> TextLayout:
    symbol = None if names.symbol is None else header.index(names.symbol)
    time, values = (tuple(map(header.index, columns)) for columns in (names.time, names.values))
    unread = tuple((name.strip(), header.index(name)) for name in names.others)
    return TextLayout(len(header), time, tuple((k,) for k in values), symbol, unread)
