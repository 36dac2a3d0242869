# Types of the compiled module; docstrings stand in ext/sessiondata/_native/out/style.pyx.
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

class Style:
    def __new__(
        cls,
        kind: str,
        from_ns: npt.NDArray[np.int64],
        offset_ns: npt.NDArray[np.int64],
        format_time: Callable[[int], bytes],
    ) -> Style: ...
    def text(self, ts: int) -> bytes: ...
