"""Records that know their zone.

A record is a tuple of its values and nothing else: it is compared, unpacked and sorted as one. The
zone is for display and the same in all records of an exchange, so their class has it: for each zone
there is one subclass, without fields of its own. As a field it would be part of every comparison
of two bars.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from datetime import tzinfo

__all__ = ["in_zone"]

_R = TypeVar("_R", bound=tuple[Any, ...])


@lru_cache(maxsize=256)
def in_zone(record: type[_R], zone: tzinfo) -> type[_R]:
    """The class of a kind of records in a zone."""
    members = {
        "__slots__": (),
        "__module__": record.__module__,
        "__doc__": record.__doc__,
        "__reduce__": lambda self: (_restored, (record, zone, tuple(self))),
        "zone": zone,
    }
    return type(record.__name__, (record,), members)


def _restored(record: Any, zone: tzinfo, values: tuple[Any, ...]) -> Any:
    """A record that was pickled."""
    return in_zone(record, zone)._make(values)
