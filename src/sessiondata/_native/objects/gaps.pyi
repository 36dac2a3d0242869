# Types of the compiled module; docstrings stand in ext/sessiondata/_native/objects/gaps.pyx.
from typing import Any

def set_gap_class(record: type[tuple[Any, ...]]) -> None: ...
