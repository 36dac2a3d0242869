# Types of the compiled module; docstrings stand in ext/sessiondata/_native/objects/sessions.pyx.
import datetime as dt
from typing import Any, TypeAlias

from sessiondata._native.objects.clock import StoreClock
from sessiondata._native.objects.store import SymbolCore
from sessiondata._native.slots.grid import Grid

_Staged: TypeAlias = tuple[dict[dt.date, SymbolCore], dict[dt.date, tuple[Any, ...]]]

def open_sessions(
    cores: list[SymbolCore],
    hours: list[tuple[Grid | None, tuple[int, int] | None]],
    date: dt.date | None,
    touch: bool,
) -> list[SymbolCore]: ...
def stage_sessions(
    cores: list[SymbolCore], opened: list[SymbolCore], date: dt.date | None, keep: int, keep_daily: int, before: dt.date
) -> list[_Staged | None]: ...
def turn(
    cores: list[SymbolCore],
    opened: list[SymbolCore],
    staged: list[_Staged | None],
    supplied: list[Any],
    versions: list[int],
    clock: StoreClock,
    date: dt.date | None,
    grid: Any,
) -> bool: ...
def undo(cores: list[SymbolCore], clock: StoreClock) -> bool: ...

# A registry is a sessiondata.store.registry.Registry.
def all_cores(registry: Any) -> list[SymbolCore]: ...
def leave(registry: Any, core: SymbolCore) -> None: ...
def clear(registry: Any, clock: StoreClock) -> bool: ...
