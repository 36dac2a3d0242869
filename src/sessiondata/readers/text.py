"""Rows of comma-separated text, converted block by block.

Numbers are converted by `int` and `float`, which round correctly.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sessiondata.errors import InputError
from sessiondata.readers.blocks import Block
from sessiondata.readers.faults import Faults
from sessiondata.readers.prices import PriceScale, are_whole
from sessiondata.readers.times import TextTimes
from sessiondata.readers.types import BLOCK_ROWS, Floats, Ints

__all__ = ["TextLayout", "open_text", "text_blocks"]


def open_text(raw: Any) -> io.TextIOWrapper:
    """Text of an open file, for a csv reader."""
    # utf-8-sig: spreadsheets put a byte order mark first. surrogateescape: a decoder works ahead of
    # the lines, so its own error could not name the row. With it the field with the foreign byte is
    # refused, by its row.
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")


class TextLayout(NamedTuple):
    """Which columns of a text file to read, by position."""

    width: int
    time: tuple[int, ...]  # more than one: date and time of day, joined
    values: tuple[tuple[int, ...], ...]  # of open .. volume; of several columns the mean, of none 0
    symbol: int | None = None
    # where there is no column of symbols: the others, by name
    unread: tuple[tuple[str, int], ...] = ()


def text_blocks(
    reader: Any, layout: TextLayout, times: TextTimes, faults: Faults, scale: PriceScale
) -> Iterator[Block]:
    """Convert the rows of a csv reader block by block."""
    while True:
        numbers, fields = _read_rows(reader, layout.width, faults)
        if not numbers:
            return
        rows = np.array(numbers, dtype=np.int64)
        columns = list(zip(*fields, strict=True))
        parsed = {k: _floats(columns[k], rows, faults) for ks in layout.values for k in ks}
        values = [_mean([parsed[k] for k in ks], len(rows)) for ks in layout.values]
        texts = [" ".join(parts) for parts in zip(*(columns[k] for k in layout.time), strict=True)]
        symbols = None if layout.symbol is None else [text.strip() for text in columns[layout.symbol]]
        for name, k in layout.unread:
            faults.unread.see(name, columns[k])
        prices = zip(*(columns[k] for ks in layout.values[:4] for k in ks), strict=True)
        whole = scale.needs_whole and np.array([are_whole(row) for row in prices])
        yield Block(rows, times(texts, rows), scale(values, rows, whole), symbols)


def _read_rows(reader: Any, width: int, faults: Faults) -> tuple[list[int], list[list[str]]]:
    """Line numbers and fields of the next rows, at least one unless the file ends. Empty lines are
    skipped."""
    numbers: list[int] = []
    fields: list[list[str]] = []
    try:
        for row in reader:
            if len(row) == width:
                numbers.append(reader.line_num)
                fields.append(row)
                if len(fields) == BLOCK_ROWS:
                    break
            elif row:
                faults.add(reader.line_num, f"the line has {len(row)} fields, {width} are expected", ",".join(row))
    except csv.Error as error:  # a quote that never ends, a NUL
        raise InputError(f"not readable as CSV ({error})", path=faults.path, row=reader.line_num) from error
    return numbers, fields


def _floats(texts: Sequence[str], rows: Ints, faults: Faults) -> Floats:
    try:
        # Python's own spellings, 1_000 and the digits of other scripts, are a slip in a file.
        if "_" not in (joined := "".join(texts)) and joined.isascii():
            return np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        pass
    return np.array([_float(text, row, faults) for text, row in zip(texts, rows, strict=True)])


def _float(text: str, row: int, faults: Faults) -> float:
    try:
        if "_" not in text and text.isascii():
            return float(text)
    except ValueError:
        pass
    faults.add(row, "not a number", text)
    return float("nan")


def _mean(columns: Sequence[Floats], n_rows: int) -> Floats:
    return np.sum(columns, axis=0) / len(columns) if columns else np.zeros(n_rows)
