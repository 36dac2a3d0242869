"""Every exception the library raises on purpose.

All derive from :class:`SessionDataError` and from the built-in exception a Python user would expect, so that
``except ValueError`` and ``except KeyError`` keep working.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BarError",
    "BarTypeError",
    "BufferTooSmallError",
    "CalendarError",
    "DateOutOfRangeError",
    "DeltaError",
    "InactiveError",
    "InputError",
    "IntervalError",
    "SessionDataError",
    "SessionStateError",
    "SnapshotError",
    "SourceError",
    "TimeError",
    "UnknownNameError",
]


def shown(value: Any) -> str:
    """`repr` of a value for a message; an int of over 4,300 digits has none."""
    try:
        return repr(value)
    except ValueError:
        return f"<{type(value).__name__} too long to show>"


class SessionDataError(Exception):
    """Base of all errors of this library."""


class BarError(SessionDataError, ValueError):
    """A bar, trade or quote, or a batch of them, breaks a rule. Nothing of the call was stored.

    Attributes
    ----------
    symbol : str or None
        Symbol it was meant for.
    row : int or None
        Position of the first bad row in the batch; None for a single one.
    value : object
        The offending value; a text shows it by name, such as ``"high=1.0, low=2.0"``.
    rule : str
        The rule that it breaks, as a sentence.
    code : str
        Short stable name of the rule, such as ``"ERR_HIGH_LOW"``.
    """

    def __init__(
        self,
        rule: str,
        *,
        symbol: str | None = None,
        row: int | None = None,
        value: Any = None,
        code: str = "ERR_VALUE",
    ) -> None:
        self.rule, self.symbol, self.row, self.value, self.code = rule, symbol, row, value, code
        where = [f"row={row}"] if row is not None else []
        where.append(value if isinstance(value, str) else f"value={shown(value)}")
        if symbol is not None:
            where.append(f"symbol={symbol!r}")
        super().__init__(f"{rule}: {' '.join(where)} ({code})")

    def __reduce__(self) -> tuple[Any, ...]:
        keywords = {"symbol": self.symbol, "row": self.row, "value": self.value, "code": self.code}
        return _rebuild, (type(self), self.rule, keywords)


class BarTypeError(BarError, TypeError):
    """A value of a bar, or the dtype of a column, is of a kind that cannot be converted without guessing."""


class TimeError(SessionDataError, ValueError):
    """A value is not an unambiguous point in time (naive, NaT, out of int64, a float)."""


class IntervalError(SessionDataError, ValueError):
    """Not an interval, or one that the base interval does not divide."""


class CalendarError(SessionDataError, ValueError):
    """A calendar or a session that contradicts itself, or a date without a session."""


class DateOutOfRangeError(CalendarError):
    """A date the calendar knows nothing about; an error, never "no gap"."""


class SessionStateError(SessionDataError, RuntimeError):
    """A call that does not fit the state of the store, such as a bar of a later trade date before the roll."""


class InactiveError(SessionStateError):
    """A question to a store that `deactivate` has closed to readers."""


class SourceError(SessionStateError):
    """A bar, trade or quote for a symbol whose bars are made of something else in this session.

    Attributes
    ----------
    symbol : str
    source, kind : str
        What feeds the symbol, and what was refused: ``"bars"``, ``"ticks"`` or ``"quotes"``.
    """

    def __init__(self, symbol: str, source: str, kind: str) -> None:
        self.symbol, self.source, self.kind = symbol, source, kind
        super().__init__(
            f"what feeds a symbol must not change during a session: {kind} for a symbol fed by {source}"
            f" symbol={symbol!r} (ERR_SOURCE)"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.symbol, self.source, self.kind)


class BufferTooSmallError(SessionDataError, BufferError):
    """A buffer that is to hold a document has too few bytes. What is in it now is no document.

    Attributes
    ----------
    needed, size : int
        Bytes of the document, and of the buffer.
    """

    def __init__(self, needed: int, size: int) -> None:
        self.needed, self.size = needed, size
        super().__init__(f"the document takes {needed} bytes, the buffer has {size}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.needed, self.size)


class DeltaError(SessionDataError, ValueError):
    """A delta that does not go on from the document at hand, or one that nobody can be given."""


class UnknownNameError(SessionDataError, KeyError):
    """A symbol, interval or name that the store does not hold."""

    def __str__(self) -> str:  # KeyError would show the repr of the message
        return str(self.args[0]) if self.args else ""


class InputError(SessionDataError, ValueError):
    """An input file cannot be read. Names the path, and the row where there is one.

    Attributes
    ----------
    path : str
    row : int or None
        1-based line of a text file, 0-based row of a columnar one; None if the file as a whole is at fault.
    """

    def __init__(self, rule: str, *, path: str, row: int | None = None, value: Any = None) -> None:
        self.rule, self.path, self.row, self.value = rule, path, row, value
        place = path if row is None else f"{path}:{row}"
        super().__init__(f"{place}: {rule}" + ("" if value is None else f": {value!r}"))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.rule, {"path": self.path, "row": self.row, "value": self.value})


class SnapshotError(SessionDataError, ValueError):
    """A file is no snapshot that this version can read, or a store holds what no snapshot can.

    Attributes
    ----------
    path : str
    part : str
        Part of the file, or of the store, that is at fault, such as ``"header"`` or ``"session of 'SPY'"``.
    rule : str
        The rule that it breaks.
    """

    def __init__(self, rule: str, *, path: str, part: str) -> None:
        self.rule, self.path, self.part = rule, path, part
        super().__init__(f"{path}: {part}: {rule}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.rule, {"path": self.path, "part": self.part})


def _rebuild(kind: Any, rule: str, keywords: dict[str, Any]) -> Any:
    return kind(rule, **keywords)
