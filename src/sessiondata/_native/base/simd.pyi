# Types of the compiled module; docstrings stand in ext/sessiondata/_native/base/simd.pyx.
from typing import Final

LEVEL: Final[str]
LEVELS: Final[tuple[str, ...]]

def chosen(name: str, levels: tuple[str, ...]) -> int: ...
