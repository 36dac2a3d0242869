# Types of the compiled module; docstrings stand in ext/sessiondata/_snapshot.pyx.
from typing import Any

from sessiondata._grid import Grid
from sessiondata._store import StoreClock, SymbolCore

def capture(core: SymbolCore) -> tuple[dict[str, Any], bytes]: ...
def restore_clock(clock: StoreClock, as_of: int | None, sequence: int) -> None: ...
def restore(
    core: SymbolCore, grid: Grid | None, hours: tuple[int, int] | None, numbers: dict[str, Any], columns: dict[str, Any]
) -> None: ...
