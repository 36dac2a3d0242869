# Types of the compiled module; docstrings stand in ext/sessiondata/_native/objects/rules.pyx.
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sessiondata._native.objects.store import SymbolCore

_Ints: TypeAlias = npt.NDArray[np.int64]
_Floats: TypeAlias = npt.NDArray[np.float64]

def check_rows(
    core: SymbolCore, ts: _Ints, open: _Floats, high: _Floats, low: _Floats, close: _Floats, volume: _Floats
) -> None: ...
def earliest(
    core: SymbolCore, ts: _Ints, open: _Floats, high: _Floats, low: _Floats, close: _Floats, volume: _Floats, floor: int
) -> int | None: ...
