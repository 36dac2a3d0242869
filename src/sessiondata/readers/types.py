"""Names of types that several readers use, and the columns of values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sessiondata.errors import InputError

__all__ = ["BLOCK_ROWS", "VALUE_NAMES", "Floats", "Ints", "Note", "OnError"]

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
#: Called with a sentence for the user.
Note: TypeAlias = Callable[[str], None]
#: Called with the error of a file that is left out.
OnError: TypeAlias = Callable[[InputError], None]

VALUE_NAMES = ("open", "high", "low", "close", "volume")
BLOCK_ROWS = 1 << 16  # bounds the memory that rows take as Python strings (about 50 MB)
