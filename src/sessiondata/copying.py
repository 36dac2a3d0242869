"""What cannot be copied says so.

What never changes (records, frozen windows, grids, calendars) is copied and pickled by its values.
All else refers to the native state of a store: a copy that the interpreter made of it, member by
member, would be a second owner of one session. `copy.copy`, `copy.deepcopy` and `pickle` ask the
same question of an object, `__reduce_ex__`, so one answer is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

__all__ = ["not_copied", "refuse_copy"]

_C = TypeVar("_C", bound="type[Any]")

_NATIVE = "copy the store with data.copy(), or send it as bytes: data.dumps(), sessiondata.loads()"


def refuse_copy(thing: object, way_out: str = _NATIVE) -> NoReturn:
    """Raise the TypeError for a try to copy or pickle what belongs to a store."""
    raise TypeError(f"{type(thing).__name__} objects cannot be copied or pickled, they are part of a store; {way_out}")


def not_copied(way_out: str) -> Callable[[_C], _C]:
    """Have all of a class refuse to be copied or pickled, with a message that ends in what to do
    instead."""

    def marked(cls: _C) -> _C:
        def refuse(self: object, _protocol: Any) -> NoReturn:
            refuse_copy(self, way_out)

        cls.__reduce_ex__ = refuse  # type: ignore[assignment]
        return cls

    return marked
