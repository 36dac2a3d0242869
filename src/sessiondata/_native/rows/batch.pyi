# Types of the compiled module; docstrings stand in ext/sessiondata/_native/rows/batch.pyx.
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sessiondata._native.slots.grid import Grid

_Ints: TypeAlias = npt.NDArray[np.int64]
_Floats: TypeAlias = npt.NDArray[np.float64]

def aggregate_columns(
    ts_ns: _Ints,
    open: _Floats,
    high: _Floats,
    low: _Floats,
    close: _Floats,
    volume: _Floats,
    grid: Grid,
    from_ns: int,
    to_ns: int,
    name: Any,
) -> tuple[_Ints, _Floats, _Floats, _Floats, _Floats, _Floats, npt.NDArray[np.int32]]: ...
