"""What cannot be copied says so.

Immutable objects (records, windows of the past, grids, calendars) are copied and pickled by their
values. All others refer to the native state of a store: a copy that the interpreter made of it,
member by member, would be a second owner of one session. `copy.copy`, `copy.deepcopy` and `pickle`
all call `__reduce_ex__` of an object, so it is enough that this one refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

__all__ = ["not_copied", "refuse_copy"]

_C = TypeVar("_C", bound="type[Any]")

_NATIVE = "copy the store with data.copy(), or send it as bytes: data.dumps(), sessiondata.loads()"


def refuse_copy(thing: object, way_out: str = _NATIVE) -> NoReturn:
    """Raise the TypeError for an attempt to copy or pickle a part of a store."""
    raise TypeError(f"{type(thing).__name__} objects cannot be copied or pickled, they are part of a store; {way_out}")


def not_copied(way_out: str) -> Callable[[_C], _C]:
    """Make objects of a class refuse to be copied or pickled. The message ends in what to do
    instead."""

    def marked(cls: _C) -> _C:
        def refuse(self: object, _protocol: Any) -> NoReturn:
            refuse_copy(self, way_out)

        cls.__reduce_ex__ = refuse  # type: ignore[assignment]
        return cls

    return marked
