# Types of the compiled module; docstrings stand in ext/sessiondata/_native/base/status.pyx.
from typing import Any, Final

REASONS: Final[tuple[str, ...]]
TICK_REASONS: Final[tuple[str, ...]]
INPUT_KINDS: Final[tuple[str | None, ...]]

class Offence:
    status: int
    symbol: Any
    row: Any
    ts_ns: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any
    kind: str
    input_kind: Any
    values: Any
    date: Any
    def __init__(
        self,
        status: int,
        symbol: Any = None,
        row: Any = None,
        ts_ns: Any = None,
        open: Any = None,
        high: Any = None,
        low: Any = None,
        close: Any = None,
        volume: Any = None,
    ) -> None: ...
