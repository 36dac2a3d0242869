# Types of the compiled module; docstrings stand in ext/sessiondata/_json.pyx.
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sessiondata._cursor import Cursor
from sessiondata._store import StoreClock, SymbolCore

class Style:
    def __new__(
        cls,
        kind: str,
        from_ns: npt.NDArray[np.int64],
        offset_ns: npt.NDArray[np.int64],
        show: Callable[[int], bytes],
    ) -> Style: ...

def latest_as_of(cores: list[SymbolCore], clock: StoreClock) -> int | None: ...
def write_document(
    meta: bytes,
    cursor: Cursor,
    delta: bool,
    pinned: dict[SymbolCore, tuple[dict[int, bytes], dict[int, float]]],
    style: Style,
) -> bytes: ...
