# Types of the compiled module; docstrings stand in
# ext/sessiondata/_native/objects/over_days.pyx.
from typing import Any, TypeAlias

import numpy.typing as npt

from sessiondata._native.objects.store import SymbolCore

_Found: TypeAlias = tuple[tuple[Any, ...] | None, int, int, Any, int | None, tuple[int, int, int, int] | None]

def newest(core: SymbolCore, k: int, n: int, flags: int) -> _Found: ...
def newest_supplied(core: SymbolCore, name: str, n: int, flags: int) -> _Found: ...
def read_into(core: SymbolCore, k: int, n: int, flags: int, columns: tuple[npt.NDArray[Any] | None, ...]) -> int: ...
