"""Files of bars made by hand, and what reading them gives."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sessiondata.errors import InputError
from sessiondata.readers.bars import read_bars
from sessiondata.readers.options import ReadOptions
from sessiondata.readers.table import BarTable

HEADER = "timestamp,open,high,low,close,volume\n"
ROW = "2024-03-12T13:30:00Z,10,11,9,10.5,100\n"
NOON_NS = 1_710_244_800_000_000_000  # 2024-03-12T12:00:00Z


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def lean_path(root: Path, kind: str = "crypto", market: str = "coinbase", name: str = "20240312_trade.zip") -> Path:
    path = root / kind / market / "minute" / "abc" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_zip(path: Path, *texts: str | bytes, names: Sequence[str] = ()) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for k, text in enumerate(texts):
            archive.writestr(names[k] if names else f"member{k}.csv", text)
    return path


def read_one(path: Path, **options: Any) -> BarTable:
    (table,) = read_bars(path, ReadOptions(**options))
    return table


def fails(path: Path, *needles: str, row: int | None = None, **options: Any) -> InputError:
    """Read a file that must fail; the error names the path, the row and each of the needles."""
    with pytest.raises(InputError) as caught:
        read_bars(path, ReadOptions(**options))
    error = caught.value
    assert str(path) in str(error)
    assert error.row == row
    if row is not None:
        assert f":{row}: " in str(error)
    for needle in needles:
        assert needle in str(error)
    return error
