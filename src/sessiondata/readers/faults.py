"""What is wrong in one file, and what the user should know about the rest of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessiondata.errors import InputError
from sessiondata.readers.naming import UnreadText
from sessiondata.readers.types import Ints, Note

__all__ = ["Faults"]


class Faults:
    """Bad rows and remarks of one file.

    Attributes
    ----------
    path : str
        Path of the file, with the member of a zip.
    remarks : dict
        Sentences about how the file was read, as keys: a set that keeps the order.
    unread : UnreadText
        Columns of text that are not read.
    are_counted : bool
        Whether times are whole numbers that count some unit.
    """

    def __init__(self, path: str, on_bad: str) -> None:
        self.path, self._skip = path, on_bad == "skip"
        self._rules: dict[int, str] = {}
        self.remarks: dict[str, None] = {}
        self.unread = UnreadText()
        self.are_counted = False

    def remark(self, text: str) -> None:
        self.remarks[text] = None

    def add(self, row: int | np.integer, rule: str, value: Any = None) -> None:
        """A row breaks a rule: raise, or leave the row out where ``on_bad="skip"``. Of several
        rules that one row breaks the first counts."""
        if not self._skip:
            raise InputError(rule, path=self.path, row=int(row), value=value)
        self._rules.setdefault(int(row), rule)

    def keep(self, rows: Ints) -> NDArray[np.bool_]:
        """Mask of the rows that are not bad."""
        return ~np.isin(rows, list(self._rules))

    def report(self, note: Note) -> None:
        """Say how many rows are left out, and why."""
        if self._rules:
            note(f"{self.path}: {self._summary()}")

    def none_left(self) -> InputError:
        """The error for a file without good rows."""
        return InputError(
            f"holds no rows but bad ones; {self._summary()}" if self._rules else "holds no rows", path=self.path
        )

    def _summary(self) -> str:
        reasons = ", ".join(f"{count} x {rule}" for rule, count in Counter(self._rules.values()).most_common())
        return f"bad rows left out: {len(self._rules)} ({reasons}); the first is row {min(self._rules)}"
