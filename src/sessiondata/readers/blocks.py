"""Blocks of rows, where all formats meet: checked as bars, joined, and parted by symbol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessiondata.readers.faults import Faults
from sessiondata.readers.naming import PathName
from sessiondata.readers.prices import check_not_scaled
from sessiondata.readers.table import BarTable
from sessiondata.readers.times import EARLY_RULE, format_wall, is_early
from sessiondata.readers.types import VALUE_NAMES, Floats, Ints, Note

__all__ = ["Block", "join_blocks"]


class Block(NamedTuple):
    """Some consecutive rows of a file."""

    rows: Ints  # number of each row in its file, for messages
    ts_ns: Ints
    values: tuple[Floats, ...]  # open, high, low, close, volume
    symbols: Sequence[str] | None  # None: all rows are of one symbol


def join_blocks(
    blocks: Iterable[Block], name: PathName, faults: Faults, note: Note, *, may_be_scaled: bool = False, **known: Any
) -> list[BarTable]:
    """Join the blocks of a file, and split the rows by symbol.

    Parameters
    ----------
    blocks : iterable of Block
    name : PathName
        Symbol of a file without a column of symbols.
    faults : Faults
    note : callable
    may_be_scaled : bool
        Whether prices may be whole numbers of some small part, which is refused.
    **known
        Further attributes of the tables.
    """
    codes: dict[str, int] = {}
    parts: list[tuple[Ints, Ints, Ints, Floats]] = []
    for block in blocks:
        block = _check(block, faults)
        names = [name.symbol] * len(block.rows) if block.symbols is None else block.symbols
        code = np.array([codes.setdefault(symbol, len(codes)) for symbol in names], dtype=np.int64)
        parts.append((code, block.rows, block.ts_ns, np.stack(block.values)))
    if not codes:
        raise faults.none_left()
    code, rows, ts_ns, values = (np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True))
    if faults.are_counted and (early := is_early(ts_ns)).any():
        for i in np.flatnonzero(early):
            faults.add(rows[i], EARLY_RULE, format_wall(ts_ns[i]))
        if early.all():
            raise faults.none_left()
        code, rows, ts_ns, values = (array[..., ~early] for array in (code, rows, ts_ns, values))
    faults.report(note)
    if may_be_scaled:
        check_not_scaled(values[:4], rows, faults.path)
    known |= {"origin": name.origin, "remarks": tuple(faults.remarks), "unread_text": tuple(faults.unread.differing)}
    order = np.argsort(code, kind="stable")
    bounds = np.searchsorted(code[order], np.arange(len(codes) + 1))
    tables = []
    for symbol, start, stop in zip(codes, bounds[:-1], bounds[1:], strict=True):
        if start == stop:  # all of its rows were left out
            continue
        mine = order[start:stop]
        o, h, l_, c, v = (column[mine] for column in values)
        tables.append(BarTable(symbol, ts_ns[mine], o, h, l_, c, v, faults.path, rows=rows[mine], **known))
    return tables


def _check(block: Block, faults: Faults) -> Block:
    """Check the rules of a bar here, where errors can name file and row. The store checks them too,
    but knows neither."""
    _, highs, lows, _, volumes = block.values
    for name, column in zip(VALUE_NAMES, block.values, strict=True):
        for i in np.flatnonzero(~np.isfinite(column)):
            faults.add(block.rows[i], f"{name} must be finite", float(column[i]))
    for i in np.flatnonzero(highs < lows):
        faults.add(block.rows[i], "high must not be below low", (float(highs[i]), float(lows[i])))
    for i in np.flatnonzero(volumes < 0):
        faults.add(block.rows[i], "volume must not be negative", float(volumes[i]))
    symbols = block.symbols or ()
    unfit = {symbol for symbol in set(symbols) if not symbol or not symbol.isprintable()}
    for k in [k for k, symbol in enumerate(symbols) if symbol in unfit] if unfit else ():
        faults.add(block.rows[k], "symbol must be printable text", symbols[k])
    return _select(block, faults.keep(block.rows))


def _select(block: Block, keep: NDArray[np.bool_]) -> Block:
    if keep.all():
        return block
    symbols = None if block.symbols is None else list(compress(block.symbols, keep))
    return Block(block.rows[keep], block.ts_ns[keep], tuple(column[keep] for column in block.values), symbols)
