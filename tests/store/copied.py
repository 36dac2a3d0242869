"""Ways in which an object may be copied."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import sessiondata as sd


def count_bars(symbol: sd.SymbolSessionData) -> int:
    return len(symbol.bars())


COPIERS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {n}": lambda x, n=n: pickle.dumps(x, n) for n in range(pickle.HIGHEST_PROTOCOL + 1)},
}
