# Types of the compiled module; docstrings stand in ext/sessiondata/_native/out/arrow.pyx.
from typing import Any

import numpy as np
import numpy.typing as npt

COLUMNS: tuple[str, ...]

class StreamReader:
    def __new__(cls, capsule: Any) -> StreamReader: ...
    @property
    def fields(self) -> tuple[tuple[str, str, bool], ...]: ...
    def read(
        self, wanted: tuple[tuple[int, np.dtype[Any]], ...]
    ) -> list[list[tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]]]: ...

def schema_capsule(n_columns: int) -> Any: ...
def stream_capsule(columns: tuple[npt.NDArray[Any], ...], requested_schema: Any = None) -> Any: ...
