# Types of the compiled module; docstrings stand in ext/sessiondata/_native/out/saved_cursor.pyx.
from typing import Any

from sessiondata._native.objects.store import SymbolCore
from sessiondata._native.out.cursor import Cursor

def restore_cursor(
    cursor: Cursor,
    cores: list[SymbolCore],
    symbols: frozenset[str] | None,
    intervals: frozenset[str] | None,
    millis: bool,
    gone: list[str],
    columns: dict[str, Any],
    prefix: str,
) -> None: ...
