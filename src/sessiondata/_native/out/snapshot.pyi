# Types of the compiled module; docstrings stand in ext/sessiondata/_native/out/snapshot.pyx.
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sessiondata._native.objects.store import StoreClock, SymbolCore
from sessiondata._native.slots.grid import Grid

_Cursor = TypeVar("_Cursor")

def capture(core: SymbolCore) -> tuple[dict[str, Any], bytes]: ...
def capture_all(
    clock: StoreClock,
    cores: list[SymbolCore],
    values: Sequence[tuple[dict[Any, Any], ...]],
    cursors: list[_Cursor],
    told: Callable[[_Cursor], Any],
) -> tuple[tuple[int | None, int, int], list[tuple[Any, ...]], dict[str, Any] | None, list[tuple[Any, ...]]]: ...
def copy_all(
    clock: StoreClock,
    cores: list[SymbolCore],
    values: Sequence[tuple[dict[Any, Any], ...]],
    cursors: list[_Cursor],
    told: Callable[[_Cursor], Any],
) -> tuple[tuple[int | None, int, int], list[tuple[Any, ...]], dict[str, Any], list[tuple[Any, ...]]]: ...
def restore_counts(cores: list[SymbolCore], columns: dict[str, Any]) -> None: ...
def restore_clock(clock: StoreClock, as_of: int | None, sequence: int, epoch: int) -> None: ...
def restore(
    core: SymbolCore, grid: Grid | None, hours: tuple[int, int] | None, numbers: dict[str, Any], columns: dict[str, Any]
) -> None: ...
