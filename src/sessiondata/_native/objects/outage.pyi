# Types of the compiled module; docstrings stand in ext/sessiondata/_native/objects/outage.pyx.
from sessiondata._native.objects.store import SymbolCore

def count_missing(
    series: list[tuple[SymbolCore, int]], start_ns: int, stop_ns: int, active_share: float
) -> tuple[int, int]: ...
