# Types of the compiled module; docstrings stand in ext/sessiondata/_native/out/json.pyx.
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sessiondata._native.objects.store import SymbolCore
from sessiondata._native.out.cursor import Cursor
from sessiondata._native.out.style import Style

_Ints: TypeAlias = npt.NDArray[np.int64]
_Floats: TypeAlias = npt.NDArray[np.float64]

def write_document(
    meta: bytes,
    cursor: Cursor,
    delta: bool,
    source: Any,  # a sessiondata.export.document.DocumentInput
    style: Style,
    into: Any = None,
) -> Any: ...
def write_series(
    core: SymbolCore, k: int, pinned_gaps: dict[int, bytes], pinned_quality: dict[int, float], style: Style
) -> bytes: ...
def write_rows(
    ts: _Ints, open: _Floats, high: _Floats, low: _Floats, close: _Floats, volume: _Floats, style: Style
) -> bytes: ...
def meta_text(head: bytes, as_of: bytes, sequence: int, cursor: bytes | None, since: int, epoch: int) -> bytes: ...
