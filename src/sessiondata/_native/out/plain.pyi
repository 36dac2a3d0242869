# Types of the compiled module; docstrings stand in ext/sessiondata/_native/out/plain.pyx.
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sessiondata._native.objects.store import SymbolCore
from sessiondata._native.out.cursor import Cursor
from sessiondata._native.out.style import Style

class Times:
    def __new__(cls) -> Times: ...

def whole_session(
    cursor: Cursor,
    i: int,
    core: SymbolCore,
    style: Style,
    format_time: Callable[[int], str | int],
    pinned: dict[int, Any],
    gaps_dict: Callable[..., Any],
    times: Times,
) -> dict[str, Any]: ...
def changed_session(
    cursor: Cursor,
    i: int,
    core: SymbolCore,
    changed: list[tuple[int, bool, bool, list[int]]],
    ticks: bool,
    quotes: bool,
    style: Style,
    format_time: Callable[[int], str | int],
    pinned: dict[int, Any],
    gaps_dict: Callable[..., Any],
) -> dict[str, Any]: ...
def plain_rows(
    ts: npt.NDArray[np.int64],
    open: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    close: npt.NDArray[np.float64],
    volume: npt.NDArray[np.float64],
    style: Style,
) -> list[list[Any]]: ...
