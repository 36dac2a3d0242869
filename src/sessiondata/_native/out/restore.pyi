# Types of the compiled module; docstrings stand in ext/sessiondata/_native/out/restore.pyx.
from typing import Any

from sessiondata._native.objects.clock import StoreClock
from sessiondata._native.objects.store import SymbolCore
from sessiondata._native.slots.grid import Grid

def restore_counts(cores: list[SymbolCore], columns: dict[str, Any]) -> None: ...
def restore_clock(clock: StoreClock, as_of: int | None, sequence: int, epoch: int) -> None: ...
def restore(
    core: SymbolCore, grid: Grid | None, hours: tuple[int, int] | None, numbers: dict[str, Any], columns: dict[str, Any]
) -> None: ...
