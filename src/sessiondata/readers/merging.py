"""Bars of one symbol from several files: whether it is one symbol, and which of two rows counts.

Rows of equal times and equal values are repeats, and harmless. With different values they are
corrections, or two instruments under one name, or two vendors. Only the caller knows which.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessiondata.errors import InputError
from sessiondata.readers.table import BarTable
from sessiondata.readers.types import VALUE_NAMES, Note, OnError

__all__ = ["DUPLICATES", "Placed", "concatenate", "refuse_mixed_origins", "resolve_duplicates"]

DUPLICATES = ("error", "last", "first")

_ORIGIN_RULES = {
    "file": "files of one name in different folders, or in capitals and not, may hold one symbol or several:"
    " --symbol-from folder names symbols by their folders, --symbol-from file by their files, in capitals",
    "folder": "folders of one name in different places may hold one symbol or several: play them one at a time",
    "market": "one symbol of several markets may be one instrument or several: play one market at a time",
}
_DUPLICATES_RULE = "equal times with different values under one symbol: --duplicates last or first says which stands"


class Placed(NamedTuple):
    """A table, and what else decides which store its bars go to."""

    table: BarTable
    step_ns: int
    calendar: str


def refuse_mixed_origins(placed: Iterable[Placed], on_error: OnError) -> list[Placed]:
    """Refuse files whose symbol has one name from different places. Return the others, in order."""
    placed = list(placed)
    refused: set[str] = set()
    for group in _by_symbol(placed):
        origins = {one.table.origin: one.table.path for one in group if one.table.origin is not None}
        if len(origins) < 2:
            continue
        for one in group:
            table = one.table
            if table.origin is None or table.path in refused:
                continue
            refused.add(table.path)
            other = next(path for origin, path in origins.items() if origin != table.origin)
            rule = _ORIGIN_RULES[table.origin.kind]
            on_error(InputError(rule, path=table.path, value=f"{table.symbol}, as of {other}"))
    return [one for one in placed if one.table.path not in refused]


def resolve_duplicates(placed: Iterable[Placed], duplicates: str, note: Note, on_error: OnError) -> list[Placed]:
    """Decide between rows of equal times and different values.

    Parameters
    ----------
    placed : iterable of Placed
    duplicates : {"error", "last", "first"}
        ``"error"`` refuses each file that such a row is in. ``"first"`` leaves out the rows that
        differ from an earlier one, in the order of the files and of their rows. ``"last"`` leaves
        all in: a later row is a correction for the store, which counts it.
    note, on_error : callable

    Returns
    -------
    list of Placed
        What is left to be played, in order.
    """
    placed = list(placed)
    if duplicates == "last":
        return placed
    refused: set[str] = set()
    kept: dict[int, NDArray[np.bool_]] = {}  # by the identity of a table
    left_out, first_place = 0, ""
    for group in _by_symbol(placed):
        tables = [one.table for one in group]
        rows = _Rows(tables)
        bad = rows.differing()
        if not len(bad):
            continue
        if duplicates == "first":
            left_out, first_place = left_out + len(bad), first_place or rows.place(bad[0])
            kept.update(rows.without(bad))
            continue
        for error in rows.errors(bad):
            if error.path not in refused:
                refused.add(error.path)
                on_error(error)
    if left_out:
        note(f"rows left out that differ from an earlier one of their time: {left_out}, the first is {first_place}")
    remaining = [one for one in placed if one.table.path not in refused]
    return [one._replace(table=_masked(one.table, kept.get(id(one.table)))) for one in remaining]


def _by_symbol(placed: Iterable[Placed]) -> list[list[Placed]]:
    groups: dict[tuple[str, str, int], list[Placed]] = {}
    for one in placed:
        groups.setdefault((one.table.symbol, one.calendar, one.step_ns), []).append(one)
    return list(groups.values())


def _masked(table: BarTable, keep: NDArray[np.bool_] | None) -> BarTable:
    return table if keep is None else table.select(keep)


class _Rows:
    """The rows of one symbol, from all its tables, by time and among equal times in order."""

    def __init__(self, tables: Sequence[BarTable]) -> None:
        self._tables = tables
        self._starts = np.cumsum([0, *map(len, tables)])
        self._ts_ns = np.concatenate([table.ts_ns for table in tables])
        self._order = np.argsort(self._ts_ns, kind="stable")

    def differing(self) -> NDArray[np.int64]:
        """Rows, by number, whose values are not those of the first row of their time."""
        times = self._ts_ns[self._order]
        is_new = np.concatenate([[True], times[1:] != times[:-1]])
        if is_new.all():
            return np.empty(0, dtype=np.int64)
        first = self._order[np.maximum.accumulate(np.where(is_new, np.arange(len(times)), 0))]
        differs = np.zeros(len(times), dtype=np.bool_)
        for name in VALUE_NAMES:
            column = np.concatenate([getattr(table, name) for table in self._tables])
            differs |= column[self._order] != column[first]
        self._first = dict(zip(self._order[differs].tolist(), first[differs].tolist(), strict=True))
        return np.sort(self._order[differs])

    def place(self, row: int) -> str:
        table, k = self._find(row)
        return table.path if table.rows is None else f"{table.path}:{table.rows[k]}"

    def without(self, bad: NDArray[np.int64]) -> dict[int, NDArray[np.bool_]]:
        keep = np.ones(len(self._ts_ns), dtype=np.bool_)
        keep[bad] = False
        parts = zip(self._tables, self._starts[:-1], self._starts[1:], strict=True)
        return {id(table): keep[start:stop] for table, start, stop in parts}

    def errors(self, bad: NDArray[np.int64]) -> list[InputError]:
        """One for each file that has such a row."""
        found: dict[str, InputError] = {}
        for row in bad.tolist():
            for one, other in ((row, self._first[row]), (self._first[row], row)):
                table, k = self._find(one)
                if table.path not in found:
                    found[table.path] = self._error(table, k, other)
            if len(found) == len({table.path for table in self._tables}):
                break
        return list(found.values())

    def _error(self, table: BarTable, k: int, other: int) -> InputError:
        rule = _DUPLICATES_RULE
        if table.unread_text:
            rule += f"; if column {table.unread_text[0]!r} names symbols, pass --symbol-column {table.unread_text[0]!r}"
        there, i = self._find(other)
        name = next(name for name in VALUE_NAMES if getattr(table, name)[k] != getattr(there, name)[i])
        time = np.datetime_as_string(np.datetime64(int(table.ts_ns[k]), "ns"), "s")
        mine, others = (float(getattr(t, name)[at]) for t, at in ((table, k), (there, i)))
        value = f"{table.symbol} at {time}Z: {name}={mine!r}, and {others!r} at {self.place(other)}"
        return InputError(rule, path=table.path, row=None if table.rows is None else int(table.rows[k]), value=value)

    def _find(self, row: int) -> tuple[BarTable, int]:
        n = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self._tables[n], int(row - self._starts[n])


def concatenate(tables: Sequence[BarTable]) -> BarTable:
    """One table of the bars of one symbol, in time order; of equal times in that of the tables."""
    if len(tables) == 1:
        return tables[0]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(table, name) for table in tables]) for name in ("ts_ns", *VALUE_NAMES)
    }
    return replace(tables[0], rows=None, **columns).in_time_order()
