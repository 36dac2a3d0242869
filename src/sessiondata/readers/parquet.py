"""Parquet files of bars. pyarrow is imported when one is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sessiondata.errors import InputError, install_hint
from sessiondata.readers.blocks import Block
from sessiondata.readers.columnar import price_scale_of, read_tables
from sessiondata.readers.epochs import misread
from sessiondata.readers.faults import Faults
from sessiondata.readers.layouts import ColumnNames, find_columns
from sessiondata.readers.options import ReadOptions
from sessiondata.readers.prices import PriceScale
from sessiondata.readers.table import BarTable
from sessiondata.readers.times import BEYOND_RULE, OFFSET_REMARK, TextTimes, from_wall, unit_of_column
from sessiondata.readers.types import BLOCK_ROWS, Floats, Ints, Note
from sessiondata.time.units import LEAST_START_NS, MAX_NS, UNIT_NS

__all__ = ["read_parquet"]


def read_parquet(path: Path, options: ReadOptions, note: Note) -> list[BarTable]:
    """Read a Parquet file, block by block."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        hint = install_hint("pyarrow", "parquet", error)
        raise InputError(f"Parquet needs pyarrow: {hint}", path=str(path)) from None
    if path.stat().st_size == 0:
        raise InputError("the file is empty", path=str(path))
    faults = Faults(str(path), options.on_bad)
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            schema = file.schema_arrow
            names = find_columns(schema.names, options.symbol_column, faults.path, faults.remark)
            _check_types(schema, names, faults.path)
            names = names._replace(others=tuple(name for name in names.others if _is_text(schema.field(name).type)))
            times = TextTimes(names.time[0], options, faults)
            scale = price_scale_of(options, names, faults)
            blocks = _blocks(file, names, options, times, scale, faults)
            return read_tables(blocks, path, names, options, faults, note)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"not readable as Parquet ({error})", path=str(path)) from error


def _check_types(schema: Any, names: ColumnNames, path: str) -> None:
    from pyarrow import types

    if len(names.time) > 1:
        raise InputError("date and time stand in two columns; one is needed", path=path, value=list(names.time))
    for name in names.values:
        kind = schema.field(name).type
        if not (types.is_floating(kind) or types.is_integer(kind) or types.is_decimal(kind)):
            raise InputError(f"column {name!r} must hold numbers", path=path, value=str(kind))
    kind = schema.field(names.time[0]).type
    if not (types.is_timestamp(kind) or types.is_integer(kind) or _is_text(kind)):
        raise InputError(f"column {names.time[0]!r} must hold times, text or whole numbers", path=path, value=str(kind))
    if names.symbol is not None:
        kind = schema.field(names.symbol).type
        if not (types.is_integer(kind) or _is_text(kind)):
            raise InputError(f"column {names.symbol!r} must hold text or whole numbers", path=path, value=str(kind))


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _blocks(
    file: Any, names: ColumnNames, options: ReadOptions, text_times: TextTimes, scale: PriceScale, faults: Faults
) -> Iterator[Block]:
    from pyarrow import types

    columns = [*names.time, *names.values, *([names.symbol] if names.symbol else []), *names.others]
    whole = all(types.is_integer(file.schema_arrow.field(name).type) for name in names.values[:4])
    start = 0
    for batch in file.iter_batches(batch_size=BLOCK_ROWS, columns=columns):
        rows = np.arange(start, start + batch.num_rows, dtype=np.int64)
        start += batch.num_rows
        time = batch.column(names.time[0])
        for i in np.flatnonzero(time.is_null().to_numpy(zero_copy_only=False)):
            faults.add(rows[i], "time must not be null")
        if _is_text(time.type):
            ts_ns = text_times(time.fill_null("").to_pylist(), rows)
        else:
            ts_ns = _times(time, names.time[0], rows, options, faults)
        values = [_floats(batch.column(name)) for name in names.values]
        symbols = None if names.symbol is None else _symbols(batch.column(names.symbol))
        for name in names.others:
            faults.unread.see(name, filter(None, batch.column(name).unique().to_pylist()))
        yield Block(rows, ts_ns, scale(values, rows, whole), symbols)


def _symbols(column: Any) -> list[str]:
    return ["" if symbol is None else str(symbol).strip() for symbol in column.to_pylist()]


def _floats(column: Any) -> Floats:
    from pyarrow import types

    if types.is_decimal(column.type):  # by way of Python, where the conversion rounds correctly
        return np.array([float("nan") if x is None else float(x) for x in column.to_pylist()], dtype=np.float64)
    # A null becomes NaN, which the check of the block reports.
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _times(column: Any, name: str, rows: Ints, options: ReadOptions, faults: Faults) -> Ints:
    import pyarrow as pa
    from pyarrow import types

    if not types.is_timestamp(column.type):
        return _whole_number_times(column.cast(pa.int64()).fill_null(0), name, rows, options, faults)
    if options.unit is not None:
        faults.remark("--unit does not apply to times that have a type of their own")
    numbers = column.view(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    unit_ns = UNIT_NS[column.type.unit]
    limit = MAX_NS // unit_ns
    for i in np.flatnonzero((numbers > limit) | (numbers < -limit)):
        faults.add(rows[i], BEYOND_RULE, int(numbers[i]))
    ts_ns: Ints = numbers * unit_ns
    if column.type.tz is None:
        return from_wall(ts_ns, rows, options.tz, faults)
    if options.tz is not None:
        faults.remark(OFFSET_REMARK)
    return ts_ns


def _whole_number_times(column: Any, name: str, rows: Ints, options: ReadOptions, faults: Faults) -> Ints:
    """Times of a column of whole numbers."""
    numbers: Ints = column.to_numpy(zero_copy_only=False)
    if not len(numbers):
        return numbers
    unit, is_utc = unit_of_column(name, faults, options, int(numbers[0]), int(rows[0]))
    limit = MAX_NS // UNIT_NS[unit]
    is_mixed = bool(((numbers <= limit) & (numbers >= LEAST_START_NS // UNIT_NS[unit])).any())
    for i in np.flatnonzero((numbers > limit) | (numbers < LEAST_START_NS // UNIT_NS[unit])):
        rule, value = misread(int(numbers[i]), unit, is_mixed) or (BEYOND_RULE, str(numbers[i]))
        if rule is not BEYOND_RULE or abs(int(numbers[i])) > limit:
            faults.add(rows[i], rule, value)
    ts_ns: Ints = numbers * UNIT_NS[unit]
    return ts_ns if is_utc else from_wall(ts_ns, rows, options.tz, faults)
