"""Bars of one symbol from one file, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessiondata.readers.naming import Origin
from sessiondata.readers.types import VALUE_NAMES, Floats, Ints

__all__ = ["BarTable"]

_COLUMNS = ("ts_ns", *VALUE_NAMES)


@dataclass(frozen=True, slots=True)
class BarTable:
    """Bars of one symbol from one file, in the order of the file.

    Attributes
    ----------
    symbol : str
    ts_ns : ndarray of int64
        Label of each bar in nanoseconds since 1970-01-01 UTC.
    open, high, low, close, volume : ndarray of float64
        As long as `ts_ns`. All values are finite, high >= low and volume >= 0.
    path : str
        Path of the file; for a zip with the member: ``path!member``.
    interval_ns : int or None
        Length of a bar where the file says it (LEAN's folder), else None.
    calendar : str or None
        Calendar that fits the market where the file says which it is, else None.
    rows : ndarray of int64 or None
        Row of each bar in the file, numbered like `InputError.row`.
    origin : Origin or None
        What named the symbol, where the same name from elsewhere may be another symbol.
    remarks : tuple of str
        What the user should know about how the file was read: options without effect, choices by
        rule.
    unread_text : tuple of str
        Columns of text that differ between rows and are not read, in a file without a column of
        symbols.
    """

    symbol: str
    ts_ns: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    path: str
    interval_ns: int | None = None
    calendar: str | None = None
    rows: Ints | None = None
    origin: Origin | None = None
    remarks: tuple[str, ...] = ()
    unread_text: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ts_ns)

    def select(self, rows: slice | NDArray[Any]) -> BarTable:
        """Return some of the bars: a slice (views), positions or a mask (copies)."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, rows=None if self.rows is None else self.rows[rows], **columns)

    def in_time_order(self) -> BarTable:
        """Return the bars sorted by time. Bars of equal times keep their order."""
        if bool((self.ts_ns[1:] >= self.ts_ns[:-1]).all()):
            return self
        return self.select(np.argsort(self.ts_ns, kind="stable"))
