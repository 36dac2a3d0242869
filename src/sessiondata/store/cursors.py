"""The cursors of a store, by name. What a cursor is gets imported with the first one: most programs
that store bars never export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from sessiondata.copying import not_copied
from sessiondata.errors import ArgumentError, UnknownNameError
from sessiondata.store.settings import check_text

if TYPE_CHECKING:
    from sessiondata.store.cursor import ExportCursor

__all__ = ["Cursors"]


@not_copied("copy the store with data.copy()")
class Cursors:
    """The cursors of a store.

    Attributes
    ----------
    forms : dict
        What exports keep of the session, by form of times and intervals.
    """

    __slots__ = ("_default", "_named", "forms")

    def __init__(self) -> None:
        self.forms: dict[Any, Any] = {}
        self._default: ExportCursor | None = None
        self._named: dict[str, ExportCursor] = {}

    def __contains__(self, name: str | None) -> bool:
        return self._default is not None if name is None else name in self._named

    def all(self) -> list[ExportCursor]:
        """Those that there are, the default one first."""
        named = list(self._named.values())
        return named if self._default is None else [self._default, *named]

    def names(self) -> tuple[str, ...]:
        """In the order they were made; the default one has none."""
        return tuple(self._named)

    def get(self, name: str | None) -> ExportCursor:
        """The cursor of that name, made if it is not there; None for the default one."""
        if name is None:
            held = self._default
            if held is None:
                made = _new_cursor(None)
                held = self._default = self._default or made  # by another thread meanwhile
            return held
        held = self._named.get(name) if isinstance(name, str) else None
        return self._named.setdefault(name, _new_cursor(check_text(name, "a cursor's name"))) if held is None else held

    def find(self, cursor: str | ExportCursor | Literal[False] | None, complete: bool) -> ExportCursor:
        """The cursor of an export, by its name or as it is; an error if the store has no such one.
        False: one of no consumer."""
        if cursor is None and self._default is not None:
            return self._default
        from sessiondata.store.cursor import ExportCursor, new_cursor

        if cursor is False:
            if not complete:
                raise ArgumentError("a delta is for somebody: cursor=False is for complete documents", value=cursor)
            return new_cursor()
        name = cursor.name if isinstance(cursor, ExportCursor) else cursor
        held = self.get(None) if name is None else self._named.get(name) if isinstance(name, str) else None
        if held is None or (isinstance(cursor, ExportCursor) and held is not cursor):
            raise UnknownNameError(f"no cursor {name!r}; export_cursor({name!r}) first", value=name)
        return held

    def drop(self, name: str | None) -> None:
        """Forget a cursor."""
        if name is None:
            self._default = None
        elif not isinstance(name, str) or self._named.pop(name, None) is None:
            raise UnknownNameError(f"no cursor {name!r}", value=name)


def _new_cursor(name: str | None) -> ExportCursor:
    from sessiondata.store.cursor import ExportCursor

    return ExportCursor(name)
