"""What one thread at a time does: change what stores consist of, or look at all of one.

Feeders never wait here: a bar is kept apart from others by the guard of its symbol (`docs/design.md`, section 9). Only
the bar that begins a session does, as a roll does.
"""

from __future__ import annotations

import os
from _thread import RLock  # what `threading` offers, which takes longer to import than all of this
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ["exclusive"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: One for all stores, so that a fork can wait for it. Its holder may come again: functions of users run inside.
_lock = RLock()
if hasattr(os, "register_at_fork"):  # a child is to find no store half rolled, and a lock that it can take
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def exclusive(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let other threads' calls of such functions wait until this one has ended."""

    @wraps(function)
    def alone(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with _lock:
            return function(*args, **kwargs)

    return alone
