# Types of the compiled module; docstrings stand in ext/sessiondata/_native/objects/panel.pyx.
from typing import Any

import numpy as np
import numpy.typing as npt

from sessiondata._native.objects.store import SymbolCore

class PanelSource:
    def __new__(cls, cores: list[SymbolCore], interval: str, skip: bool) -> PanelSource: ...
    @property
    def cores(self) -> list[SymbolCore]: ...
    def __len__(self) -> int: ...
    def holds(self, array: npt.NDArray[Any]) -> bool: ...
    def fill(
        self,
        column: int,
        n: int,
        flags: int,
        fill_forward: bool,
        workers: int,
        values: npt.NDArray[np.float64],
        mask: npt.NDArray[np.uint8],
        ts_ns: npt.NDArray[np.int64],
    ) -> int: ...
