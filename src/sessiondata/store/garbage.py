"""Stores that nobody holds any more, and their memory.

The parts of a store know each other, so it goes only when Python's collector finds it. The
collector counts objects: a store of some hundred objects may hold a hundred megabytes, and a
program that makes one store after the other would pile up gigabytes before its turn comes. So who
makes a store first looks at the bytes.
"""

from __future__ import annotations

import gc

from sessiondata._native.symbol.layout import allocated_bytes

__all__ = ["collect_stores"]

#: Bytes that may be garbage before anybody looks; a look at a large program takes a tenth of a
#: second.
ROOM = 1 << 30

_kept = 0  # bytes that were in use after the last look


def collect_stores() -> bool:
    """Have the collector run if the memory of sessions has more than doubled, and grown by `ROOM`,
    since it last did so here. Not if it is disabled: then the program decides.

    Returns
    -------
    bool
        Whether it ran.
    """
    global _kept
    n_bytes = allocated_bytes()
    if n_bytes <= 2 * _kept + ROOM:
        _kept = min(_kept, n_bytes)
        return False
    if not gc.isenabled():
        return False
    gc.collect()
    _kept = allocated_bytes()
    return True
