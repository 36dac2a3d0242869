# Types of the compiled module; docstrings stand in ext/sessiondata/_json.pyx.
import numpy as np
import numpy.typing as npt

from sessiondata._store import SymbolCore

class Style:
    def __new__(
        cls,
        kind: str,
        midnight_ns: int,
        from_ns: npt.NDArray[np.int64],
        offset_ns: npt.NDArray[np.int64],
    ) -> Style: ...

def write_document(
    meta: bytes, symbols: list[tuple[SymbolCore, dict[int, bytes], dict[int, float]]], style: Style
) -> bytes: ...
