# Types of the compiled module; docstrings stand in ext/sessiondata/_native/slots/batch.pyx.
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sessiondata._native.slots.grid import Grid

_Ints: TypeAlias = npt.NDArray[np.int64]

def find_gaps_i64(
    columns: list[_Ints], grids: list[Grid], names: list[Any], step_ns: int, as_of: int | None = None
) -> list[tuple[_Ints, _Ints, _Ints]]: ...
def find_gaps_plain(
    column: Any, grid: Grid, step_ns: int, as_of: int | None = None
) -> tuple[_Ints, _Ints, _Ints] | None: ...
def count_present_i64(
    columns: list[_Ints], grids: list[Grid], names: list[Any], step_ns: int, as_of: int | None = None
) -> list[tuple[int, int]]: ...
