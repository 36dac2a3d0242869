"""Every exception the library raises on purpose.

All derive from :class:`SessionDataError` and from the built-in exception a Python user would expect, so that
``except ValueError`` and ``except KeyError`` keep working.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BarError",
    "BarTypeError",
    "CalendarError",
    "DateOutOfRangeError",
    "DeltaError",
    "InputError",
    "IntervalError",
    "SessionDataError",
    "SessionStateError",
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
    """A bar, or a batch of bars, breaks a rule. Nothing of the call was stored.

    Attributes
    ----------
    symbol : str or None
        Symbol the bar was meant for.
    row : int or None
        Position of the first bad bar in the batch; None for a single bar.
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


def _rebuild(kind: Any, rule: str, keywords: dict[str, Any]) -> Any:
    return kind(rule, **keywords)
