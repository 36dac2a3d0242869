# Types of the compiled module; docstrings stand in
# ext/sessiondata/_native/objects/over_days.pyx.
from typing import Any

import numpy.typing as npt

from sessiondata._native.objects.bars import BarKind
from sessiondata._native.objects.store import SymbolCore
from sessiondata._native.objects.window import BarWindow

def newest(core: SymbolCore, k: int, n: int, flags: int, kind: BarKind) -> BarWindow: ...
def newest_supplied(core: SymbolCore, name: str, n: int, flags: int, kind: BarKind) -> BarWindow: ...
def read_into(core: SymbolCore, k: int, n: int, flags: int, columns: tuple[npt.NDArray[Any] | None, ...]) -> int: ...
