"""What one thread at a time does: change what stores consist of, or look at all of one.

Feeders never wait here: their rows are stored in one native step, in which no Python code runs
(`docs/internals.md`, Look and step). Only what begins a session does, as a roll does.

The thread that is inside may come again: a signal handler, a finalizer, a function of an indicator.
It finds the store as it was before the step that is being prepared, and may do whatever is one step
itself. What would change sessions or symbols under the feet of the outer call is refused by
`alone`.
"""

from __future__ import annotations

import os
from _thread import RLock  # what `threading` offers, which takes longer to import than all of this
from collections.abc import Callable
from functools import wraps
from operator import attrgetter
from typing import Any, ParamSpec, TypeVar

from sessiondata.errors import ReentrantCallError

__all__ = ["alone", "exclusive"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: One for all stores, so that a fork can wait for it. Its holder may come again: functions of users
#: run inside.
_lock = RLock()
# a child is to find no store half rolled, and a lock that it can take
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)

#: What the holder of the lock is inside of, the outermost first: context of a store, name for
#: messages, what it claims.
_calls: list[tuple[Any, str, Any]] = []


def exclusive(
    name: str, at: int = 0, claims: int | None = None, key: Callable[[Any], Any] = attrgetter("context")
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let other threads' calls of such functions wait until this one has ended.

    Parameters
    ----------
    name : str
        What it is called in messages.
    at : int
        Which argument knows the store.
    claims : int, optional
        Which argument no call from inside this one may use: a cursor, which compares with what it
        has sent.
    key : callable
        Of that argument: the store's context.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(function)
        def enclosed(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with _lock:
                depth = len(_calls)
                claimed = None if claims is None else args[claims]
                try:
                    if _calls and claimed is not None and any(held is claimed for _, _, held in _calls):
                        raise ReentrantCallError(f"{name} through {claimed!r}", f"{name} through it")
                    _calls.append((key(args[at]), name, claimed))
                    return function(*args, **kwargs)
                finally:
                    del _calls[depth:]

        return enclosed

    return decorate


def alone(context: Any) -> None:
    """Refuse the innermost `exclusive` call, if the thread came to it from inside another one of
    the same store."""
    *outer, (_, name, _) = _calls
    for held, call, _ in outer:
        if held is context:
            raise ReentrantCallError(name, call)
