# Types of the compiled module; docstrings stand in ext/sessiondata/_native/objects/slice.pyx.
import numpy as np
import numpy.typing as npt

from sessiondata._native.objects.store import SymbolCore

class Slice:
    def __new__(cls, cores: list[SymbolCore]) -> Slice: ...
    def __len__(self) -> int: ...
    def append(
        self,
        given_ts: npt.NDArray[np.int64],
        open: npt.NDArray[np.float64],
        high: npt.NDArray[np.float64],
        low: npt.NDArray[np.float64],
        close: npt.NDArray[np.float64],
        volume: npt.NDArray[np.float64],
    ) -> int: ...
