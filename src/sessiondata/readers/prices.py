"""Prices that files write as whole numbers of some small part.

Databento's are whole numbers of 1e-9; its columns tell its files from others. For other files the
caller names the factor. Prices so high that they may be such numbers are refused until then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessiondata.errors import InputError
from sessiondata.readers.types import Floats, Ints

__all__ = ["PriceScale", "are_whole", "check_not_scaled"]

_FIXED_POINT = 1e9
_NO_PRICE = 2.0**63  # the largest int64, as float64 has it
# Ten cents in Databento's numbers. A coin in won or rupiah is as high, so the caller decides.
_HUGE_PRICE = 1e8
_FRACTION = re.compile(r"\.|\d[eE]")
_REMARK = "whole-number prices are divided by 1e9, as Databento writes them; --price-scale says otherwise"


class PriceScale:
    """What the prices of one file are divided by.

    Parameters
    ----------
    divisor : float or None
        The number to divide by, if the caller says it.
    path : str
        Path of the file, for messages.
    remark : callable or None
        None but for a file of Databento's. Its prices are whole numbers of 1e-9 unless the first
        rows have fractions; it is called with a sentence if they are.
    """

    def __init__(self, divisor: float | None, path: str, remark: Callable[[str], None] | None = None) -> None:
        self._source, self._remark = path, remark
        self._divisor = 1.0 if divisor is None else divisor
        self._is_fixed: bool | None = None  # not known before the first rows
        # whether a call needs to know which rows are whole numbers
        self.needs_whole = divisor is None and remark is not None

    def __call__(self, values: Sequence[Floats], rows: Ints, whole: Any) -> tuple[Floats, ...]:
        """Divide the prices of the next rows.

        Parameters
        ----------
        values : sequence of ndarray
            open, high, low, close, volume.
        rows : ndarray
            Numbers of the rows, for messages.
        whole : bool, or ndarray of bool by row
            Whether the prices are written as whole numbers; looked at if `needs_whole`.
        """
        if self.needs_whole and len(rows):
            self._decide(values[0], rows, np.broadcast_to(whole, len(rows)))
        if self._divisor == 1.0:
            return tuple(values)
        # Division, as 1e9 is exact and 1e-9 is not.
        prices = [np.where(column == _NO_PRICE, np.nan, column) / self._divisor for column in values[:4]]
        return *prices, values[4]

    def _decide(self, opens: Floats, rows: Ints, whole: NDArray[np.bool_]) -> None:
        if self._is_fixed is None:
            self._is_fixed = bool(whole.all())
            if self._is_fixed and self._remark is not None:
                self._divisor = _FIXED_POINT
                self._remark(_REMARK)
        elif self._is_fixed and not whole.all():
            k = int(np.argmin(whole))
            rule = "a price with a fraction among whole-number ones: pass --price-scale 1e9 or 1"
            raise InputError(rule, path=self._source, row=int(rows[k]), value=float(opens[k]))


def are_whole(texts: Iterable[str]) -> bool:
    """Whether no number among texts has a fraction or an exponent."""
    return _FRACTION.search(" ".join(texts)) is None


def check_not_scaled(prices: Floats, rows: Ints, path: str) -> None:
    """Refuse prices, of shape (4, n), that look like whole numbers of some small part."""
    if np.median(np.abs(prices)) >= _HUGE_PRICE and not (prices % 1).any():
        rule = "prices are whole numbers of nine digits and more: pass --price-scale 1e9 or, if they are so high, 1"
        raise InputError(rule, path=path, row=int(rows[0]), value=float(prices[0, 0]))
