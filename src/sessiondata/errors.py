"""Every exception the library raises on purpose.

All derive from :class:`SessionDataError` and from the built-in exception a Python user would
expect, so that ``except ValueError`` and ``except KeyError`` keep working. What a text says, the
attributes say, too, and pickling and copying keep them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from datetime import date

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "BarError",
    "BarTypeError",
    "BufferTooSmallError",
    "CalendarError",
    "ClosedBarsLostError",
    "DateOutOfRangeError",
    "DeltaError",
    "InactiveError",
    "InputError",
    "InputKindError",
    "IntervalError",
    "LaterSessionError",
    "ReentrantCallError",
    "SessionDataError",
    "SessionStateError",
    "SnapshotError",
    "TimeError",
    "UnknownNameError",
]


def format_value(value: Any) -> str:
    """`repr` of a value for a message. An int of more than 4,300 digits has none."""
    try:
        return repr(value)
    except ValueError:
        return f"<{type(value).__name__} too long to show>"


def install_hint(package: str, extra: str, error: ImportError | None = None) -> str:
    """How to get a package that an extra names: installed it may be, and too old, or broken."""
    # not needed until something is missing
    from importlib.metadata import PackageNotFoundError, version

    try:
        have = version(package)
    except PackageNotFoundError:
        return f'pip install "sessiondata[{extra}]"'
    why = "is too old" if error is None else f"is installed, but cannot be imported ({error})"
    return f'{package} {have} {why}: pip install --upgrade "sessiondata[{extra}]"'


class SessionDataError(Exception):
    """Base of all errors of this library.

    Attributes
    ----------
    symbol : str or None
        Symbol that the call was for; None where there is none, as in the other attributes.
    row : int or None
        Position of the first bad row of a batch.
    value : object
        The offending value.
    rule : str or None
        The rule that it breaks; of errors that have no more to say their whole text.
    code : str or None
        Short stable name of the rule, such as ``"ERR_UNIT"``.
    """

    symbol: str | None = None
    row: int | None = None
    value: Any = None
    code: str | None = None

    def __init__(self, *args: Any, **facts: Any) -> None:
        super().__init__(*args)
        self.rule: str | None = args[0] if args and isinstance(args[0], str) else None
        self.__dict__.update(facts)  # and so into a pickle


class ArgumentError(SessionDataError, ValueError):
    """An argument has none of the values that it may have."""


class ArgumentTypeError(ArgumentError, TypeError):
    """An argument is of a kind that the call does not take."""


class BarError(SessionDataError, ValueError):
    """A bar, trade or quote, or a batch of them, breaks a rule. Nothing of the call was stored.

    Attributes
    ----------
    symbol : str or None
        Symbol it was meant for.
    row : int or None
        Position of the first bad row in the batch; None for a single one.
    value : object
        The offending value; a text names it, such as ``"high=1.0, low=2.0"``.
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
        where = [f"row={row}"] if row is not None else []
        where.append(value if isinstance(value, str) else f"value={format_value(value)}")
        if symbol is not None:
            where.append(f"symbol={symbol!r}")
        super().__init__(f"{rule}: {' '.join(where)} ({code})")
        self.rule, self.symbol, self.row, self.value, self.code = rule, symbol, row, value, code

    def __reduce__(self) -> tuple[Any, ...]:
        keywords = {"symbol": self.symbol, "row": self.row, "value": self.value, "code": self.code}
        return _rebuild, (type(self), self.rule, keywords), self.__dict__


class BarTypeError(BarError, TypeError):
    """A value of a bar, or the dtype of a column, is of a kind that cannot be converted without
    guessing."""


class TimeError(SessionDataError, ValueError):
    """A value is not an unambiguous point in time: naive, NaT, out of int64, a float, or an integer
    that is of another unit than nanoseconds (``code`` is ``"ERR_UNIT"``).

    Attributes
    ----------
    symbol, row, value
        As of `SessionDataError`.
    unit : str or None
        Of ``"ERR_UNIT"``: the unit in which the integer would be a plausible time; None if it would
        be in none.
    """

    unit: str | None = None


class IntervalError(SessionDataError, ValueError):
    """Not an interval, or one that the base interval does not divide."""


class CalendarError(SessionDataError, ValueError):
    """A calendar or a session that contradicts itself, or a date without a session."""


class DateOutOfRangeError(CalendarError):
    """A date the calendar knows nothing about; an error, never "no gap"."""


class SessionStateError(SessionDataError, RuntimeError):
    """A call that does not fit the state of the store, such as a bar of a later trade date before
    the roll."""


class LaterSessionError(SessionStateError):
    """A bar, trade or quote of a later trade date than the session; nothing of the call was stored.

    A feed goes on with ``roll_session(error.date)`` of the store, and the same call again. (Symbols
    that have other calendars than the store may have sessions in between.)

    Attributes
    ----------
    symbol : str
    ts_ns : int
        Time of the first such row, ns since 1970 UTC.
    date : datetime.date or None
        Its trade date; None if the symbol's calendar knows none.
    row : int or None
        Position of that row in the batch; None for a single one.
    """

    def __init__(self, symbol: str, ts_ns: int, date: date | None = None, row: int | None = None) -> None:
        where = "" if row is None else f"row={row} "
        if date is None:
            rule = "timestamp is later than the session and belongs to no trade date of the symbol's calendar"
            do = "if the market was open, correct it with calendar.with_sessions({date: [(open, close)]})"
        else:
            rule = "timestamp belongs to a later trade date than the session"
            do = f"roll_session({str(date)!r}) first"
        super().__init__(f"{rule}, {do}: {where}ts_ns={ts_ns} symbol={symbol!r} (ERR_LATER_SESSION)")
        self.rule, self.symbol, self.ts_ns, self.date, self.row = rule, symbol, ts_ns, date, row
        self.value, self.code = ts_ns, "ERR_LATER_SESSION"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.symbol, self.ts_ns, self.date, self.row), self.__dict__


class InactiveError(SessionStateError):
    """A read of a store that `deactivate` has closed to readers."""


class ReentrantCallError(SessionStateError):
    """A call from inside another one of the same store and thread, which would change what the
    outer call is working on.

    Signal handlers, finalizers and functions that a call runs (of indicators, `fetch`,
    ``__array__``) may feed and ask the store. What would start, end or roll a session, add or
    remove a symbol, clear the store, or move the cursor of an export that is under way, is refused
    there; nothing has changed. Do it after the outer call.

    Attributes
    ----------
    call, outer : str
        What was refused, and what it came from inside of, such as ``"roll_session()"`` and
        ``"an export"``.
    """

    def __init__(self, call: str, outer: str) -> None:
        super().__init__(
            f"{call} inside {outer} of the same store and thread (a signal handler, a finalizer, or a function that"
            f" the call runs): call it afterwards (ERR_REENTRANT)"
        )
        self.call, self.outer, self.code = call, outer, "ERR_REENTRANT"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.call, self.outer), self.__dict__


class ClosedBarsLostError(SessionStateError):
    """A consumer of closed bars has come too late for some of them: they were overwritten in a base
    ring, or their days have left history.

    Raised once, and nothing was handed out: the next drain goes on with the bars that there are.
    `ClosedBarFeed.reset` begins anew with all of them.

    Attributes
    ----------
    name : str or None
        Of the consumer.
    lost : tuple of (str, str or None, date or None)
        Symbol, interval (None: all that it follows) and trade date of the bars. Some of them may
        have been announced before they changed.
    """

    def __init__(self, name: str | None, lost: tuple[tuple[str, str | None, date | None], ...]) -> None:
        symbol, interval, day = lost[0]
        which = f"{symbol} {interval or 'bars'} of {day}" + (f" and {len(lost) - 1} more" if len(lost) > 1 else "")
        super().__init__(
            f"closed bars are gone that the consumer {name!r} was not told of: {which}; the next drain goes on with"
            " what there is, reset() announces all of it again (ERR_LOST)"
        )
        self.name, self.lost, self.code = name, lost, "ERR_LOST"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.lost), self.__dict__


class InputKindError(SessionStateError):
    """A bar, trade or quote for a symbol whose bars are made of something else in this session.

    Attributes
    ----------
    symbol : str
    input_kind, kind : str
        What the symbol's bars are made of, and what was refused: ``"bars"``, ``"ticks"`` or
        ``"quotes"``.
    """

    def __init__(self, symbol: str, input_kind: str, kind: str) -> None:
        rule = "the input kind of a symbol must not change during a session"
        super().__init__(f"{rule}: {kind} for a symbol of {input_kind} symbol={symbol!r} (ERR_INPUT_KIND)")
        self.symbol, self.input_kind, self.kind = symbol, input_kind, kind
        self.rule, self.value, self.code = rule, kind, "ERR_INPUT_KIND"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.symbol, self.input_kind, self.kind), self.__dict__


class BufferTooSmallError(SessionDataError, BufferError):
    """A buffer that is to hold a document has too few bytes. What is in it now is no document.

    Attributes
    ----------
    needed, size : int
        Bytes of the document, and of the buffer.
    """

    def __init__(self, needed: int, size: int) -> None:
        super().__init__(f"the document needs {needed} bytes, the buffer has {size}")
        self.needed, self.size, self.value = needed, size, size

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.needed, self.size), self.__dict__


class DeltaError(SessionDataError, ValueError):
    """A delta that does not continue the document at hand, or one that cannot be made."""


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
        1-based line of a text file, 0-based row of a columnar one; None if the file as a whole is
        at fault.
    """

    rule: str

    def __init__(self, rule: str, *, path: str, row: int | None = None, value: Any = None) -> None:
        place = path if row is None else f"{path}:{row}"
        super().__init__(f"{place}: {rule}" + ("" if value is None else f": {value!r}"))
        self.rule, self.path, self.row, self.value = rule, path, row, value

    def __reduce__(self) -> tuple[Any, ...]:
        keywords = {"path": self.path, "row": self.row, "value": self.value}
        return _rebuild, (type(self), self.rule, keywords), self.__dict__


class SnapshotError(SessionDataError, ValueError):
    """A file is no snapshot that this version can read, or a store holds what no snapshot can.

    Attributes
    ----------
    path : str
    part : str
        Part of the file, or of the store, that is at fault, such as ``"header"`` or
        ``"session of 'SPY'"``.
    rule : str
        The rule that it breaks.
    """

    def __init__(self, rule: str, *, path: str, part: str) -> None:
        super().__init__(f"{path}: {part}: {rule}")
        self.rule, self.path, self.part = rule, path, part

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.rule, {"path": self.path, "part": self.part}), self.__dict__


def _rebuild(kind: Any, rule: str, keywords: dict[str, Any]) -> Any:
    return kind(rule, **keywords)


_Error = TypeVar("_Error", bound=SessionDataError)


def of_symbol(error: _Error, symbol: str | None, **facts: Any) -> _Error:
    """The same error with the symbol that the call was for, and further facts. Its class must be
    made of the text alone."""
    text = str(error) if symbol is None else f"{error} (symbol={symbol!r})"
    named = type(error)(text)
    named.__dict__.update({**vars(error), **({} if symbol is None else {"symbol": symbol}), **facts})
    return named
