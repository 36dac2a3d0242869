"""Windows over days: the newest rows of a symbol, of history and the session under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from sessiondata._native.objects.over_days import DayWindows, newest, newest_supplied, read_into
from sessiondata.arguments import check_bool, check_index
from sessiondata.errors import ArgumentError, ArgumentTypeError, SessionDataError, UnknownNameError, format_value
from sessiondata.rows.bars import BarKind, BarWindow
from sessiondata.time.intervals import parse_interval

if TYPE_CHECKING:
    from sessiondata.store.state import SymbolState

__all__ = ["COLUMNS", "check_array", "check_count", "flags_of", "number_of_series", "window_of_days"]

#: Columns of `out`: name -> type.
COLUMNS: dict[str, Any] = {
    "timestamp": np.dtype(np.int64),
    **dict.fromkeys(("open", "high", "low", "close", "volume"), np.dtype(np.float64)),
    "n_base": np.dtype(np.int32),
    "trade_date": np.dtype("datetime64[D]"),
}

_DAILY = "1d"
_MOST = 2**62  # more rows than there can be


def check_count(n: Any) -> int:
    """A number of rows, at least 1, as a plain int."""
    if type(n) is not int:
        if isinstance(n, (bool, np.bool_)):
            raise ArgumentTypeError(f"n is a whole number, not a bool: {n!r}", value=n)
        n = check_index("n", n)
    if n < 1:
        raise ArgumentError(f"n is at least 1: {n}", value=n)
    return min(int(n), _MOST)


def flags_of(extended: Any, forming: Any) -> int:
    """WITH_* of `symbol/past`."""
    if extended is not True and extended is not False:
        extended = check_bool("extended", extended)
    if forming is not True and forming is not False:
        forming = check_bool("forming", forming)
    return int(extended) + 2 * int(forming)


def number_of_series(state: SymbolState, interval: Any) -> tuple[str, int]:
    """Name of an interval, and the number of its series; -1 if only history has it. The session's
    bar has one, too, where "1d" is no series."""
    core = state.core
    try:
        return interval, core.intervals.index(interval)
    except ValueError:  # another spelling, or none of its own
        pass
    name = state.history.known_interval(interval).name
    if name in core.intervals:
        return name, core.intervals.index(name)
    if name == _DAILY:
        return name, len(core.intervals)
    if core.grid is not None:
        raise UnknownNameError(
            f"{core.name!r} holds no {name} in its session, only loaded days of it: historical_bars[{name!r}] has"
            " these; a symbol that is registered with it grows the session's",
            symbol=core.name,
            value=name,
        )
    return name, -1


def window_of_days(
    state: SymbolState, made: dict[Any, DayWindows], interval: Any, n: Any, extended: Any, forming: Any, out: Any
) -> BarWindow | int:
    """See `SymbolSessionData.window`. `made`: what makes further windows of an interval."""
    n, flags = check_count(n), flags_of(extended, forming)
    name, k = number_of_series(state, interval)
    arrays = None if out is None else check_out(out, n, state.core.name)
    core = state.core
    step_ns = core.steps_ns[k] if 0 <= k < len(core.steps_ns) else parse_interval(name).step_ns
    kind = BarKind(core.name, name, state.zone, k != 0, step_ns, core.steps_ns[0])
    if k >= 0 and isinstance(interval, str):
        made[interval] = DayWindows(core, k, kind)
    if arrays is None:
        return newest_supplied(core, name, n, flags, kind) if k < 0 else newest(core, k, n, flags, kind)
    if k < 0:
        window = newest_supplied(core, name, n, flags, kind)
        for column, array in arrays.items():
            array[: len(window)] = getattr(window, column).view(array.dtype)
        return len(window)
    count = read_into(core, k, n, flags, tuple(map(arrays.get, COLUMNS)))
    if count < 0:
        raise ArgumentError(
            f"out: an array lies in the memory of the store, which it would overwrite symbol={core.name!r}",
            symbol=core.name,
            code="ERR_OUT",
        )
    return count


def check_out(out: Any, n: int, symbol: str | None) -> dict[str, Any]:
    """Arrays of the caller by column, or one error. Dates come back as days since 1970."""

    def refuse(kind: type[SessionDataError], rule: str) -> NoReturn:
        raise kind(f"out: {rule} symbol={symbol!r}", symbol=symbol, code="ERR_OUT")

    if not isinstance(out, Mapping) or not out:
        refuse(ArgumentTypeError, f"a mapping of columns to arrays, not {format_value(out)[:80]}")
    out = dict(out)  # what is checked is what is written to, whatever another thread does to the mapping
    for name, array in out.items():
        if not isinstance(name, str) or name not in COLUMNS:
            refuse(UnknownNameError, f"there is no column {format_value(name)}; there are {', '.join(COLUMNS)}")
        check_array(f"{name!r}", array, COLUMNS[name], (n,), refuse)
    arrays = list(out.values())
    if any(np.may_share_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i]):
        refuse(ArgumentError, "two of the arrays overlap")
    return {name: array.view(np.int64) if name == "trade_date" else array for name, array in out.items()}


def check_array(what: str, array: Any, dtype: Any, shape: tuple[int, ...], refuse: Any) -> None:
    """An array that can be written to as C does it, or an error by `refuse(kind, rule)`."""
    if type(array) is not np.ndarray:
        refuse(ArgumentTypeError, f"{what} is a NumPy array, not {type(array).__name__}")
    if array.dtype != dtype or not array.dtype.isnative:
        refuse(ArgumentTypeError, f"{what} is of {dtype}, not {array.dtype}")
    if array.shape != shape:
        refuse(ArgumentError, f"{what} has the shape {shape}, not {array.shape}")
    if not (array.flags.c_contiguous and array.flags.aligned):
        refuse(ArgumentError, f"{what} is contiguous (C order) and aligned")
    if not array.flags.writeable:
        refuse(ArgumentError, f"{what} can be written to, it is read-only")
