# Types of the compiled module; docstrings stand in ext/sessiondata/_native/out/capture.pyx.
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sessiondata._native.objects.clock import StoreClock
from sessiondata._native.objects.store import SymbolCore

_Cursor = TypeVar("_Cursor")

def capture(core: SymbolCore) -> tuple[dict[str, Any], bytes]: ...
def capture_all(
    clock: StoreClock,
    cores: list[SymbolCore],
    values: Sequence[tuple[dict[Any, Any], ...]],
    cursors: list[_Cursor],
    facts_of: Callable[[_Cursor], Any],
) -> tuple[tuple[int | None, int, int], list[tuple[Any, ...]], dict[str, Any] | None, list[tuple[Any, ...]]]: ...
def copy_all(
    clock: StoreClock,
    cores: list[SymbolCore],
    values: Sequence[tuple[dict[Any, Any], ...]],
    cursors: list[_Cursor],
    facts_of: Callable[[_Cursor], Any],
) -> tuple[tuple[int | None, int, int], list[tuple[Any, ...]], dict[str, Any], list[tuple[Any, ...]]]: ...
