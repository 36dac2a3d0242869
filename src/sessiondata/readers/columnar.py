"""What CSV and Parquet files have in common: columns by name, symbols by column or path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from sessiondata.errors import InputError
from sessiondata.readers.blocks import Block, join_blocks
from sessiondata.readers.faults import Faults
from sessiondata.readers.inputs import file_format
from sessiondata.readers.layouts import ColumnNames
from sessiondata.readers.naming import PathName, hive_name, name_of_path
from sessiondata.readers.options import ReadOptions
from sessiondata.readers.prices import PriceScale
from sessiondata.readers.table import BarTable
from sessiondata.readers.types import Note

__all__ = ["price_scale_of", "read_tables"]


def read_tables(
    blocks: Iterator[Block], path: Path, names: ColumnNames, options: ReadOptions, faults: Faults, note: Note
) -> list[BarTable]:
    """Tables of a file whose columns have names, from its blocks."""
    name = _path_name(path, names, options, faults)
    if name.is_hive and names.symbol is not None:
        blocks = _of_folder(blocks, name, faults)
    tables = join_blocks(blocks, name, faults, note, may_be_scaled=options.price_scale is None)
    for column in faults.unread.differing:
        remark = (
            f"no column of symbols; if {column!r}, whose text differs between rows, is one: --symbol-column {column}"
        )
        tables = [replace(table, remarks=(*table.remarks, remark)) for table in tables]
    return tables


def _path_name(path: Path, names: ColumnNames, options: ReadOptions, faults: Faults) -> PathName:
    """The symbol that a Hive folder says; else no symbol where the file has a column of symbols;
    else the symbol of the path."""
    keys = () if options.symbol_column is None else (options.symbol_column.strip(),)
    of_folder = hive_name(path, keys)
    if of_folder is not None:
        return of_folder
    if names.symbol is not None:
        return PathName("", None)
    if keys:
        raise InputError("the file has no such column: --symbol-column", path=str(path), value=options.symbol_column)
    return name_of_path(path, path.name[: -len(file_format(path) or "")], options.symbol_from, faults.remark)


def price_scale_of(options: ReadOptions, names: ColumnNames, faults: Faults) -> PriceScale:
    """What the prices of the file are divided by."""
    return PriceScale(options.price_scale, faults.path, faults.remark if names.is_fixed_point else None)


def _of_folder(blocks: Iterable[Block], name: PathName, faults: Faults) -> Iterator[Block]:
    """The blocks of a file in a Hive folder. A row whose symbol is not the folder's is bad."""
    for block in blocks:
        for k, symbol in enumerate(block.symbols or ()):
            if symbol != name.symbol:
                faults.add(block.rows[k], f"the folder says symbol {name.symbol!r}, the row another", symbol)
        yield block
