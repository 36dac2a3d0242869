"""Columns of bars, trades and quotes handed in by users, as the kernels want them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from sessiondata.arguments import is_number
from sessiondata.errors import BarError, BarTypeError, TimeError, format_value, of_symbol
from sessiondata.time.arrays import is_plain, to_ns_array

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ALIASES", "NO_TZ", "bar_columns", "naive_hint", "quote_columns", "read_only", "tick_columns", "to_numpy"]

#: In place of a zone, by a call that has no ``tz=``: its messages name none.
NO_TZ: Any = object()

# Usual names of the columns of files and frames, in lower case.
ALIASES = {
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v"),
    "symbol": ("symbol", "ticker", "sym"),
    # From the name that can only be a time to the one that may be half of it.
    "time": ("ts_event", "window_start", "timestamp", "datetime", "t", "time", "date"),
}

_FLOAT64 = np.dtype(np.float64)
_NAMES = ("open", "high", "low", "close", "volume")

_Floats: TypeAlias = "npt.NDArray[np.float64]"
BarColumns: TypeAlias = "tuple[npt.NDArray[np.int64], _Floats, _Floats, _Floats, _Floats, _Floats]"


def bar_columns(
    ts_ns: Any, *values: Any, symbol: str | None = None, tz: Any = NO_TZ, unit: str | None = None
) -> BarColumns:
    """Time and value columns as contiguous native int64 and float64 arrays of one length.

    Parameters
    ----------
    ts_ns : array of times
        See `sessiondata.time.arrays.to_ns_array`.
    *values : arrays of numbers
        open, high, low, close, volume: any integer or float dtype, byte order and stride. Nulls
        become NaN.
    symbol : str, optional
        For messages.
    tz : str or tzinfo, optional
        Zone of naive times.
    unit : {"s", "ms", "us", "ns"}, optional
        What integer times count; by default nanoseconds.

    Returns
    -------
    tuple of ndarray
        May be the very arrays that were handed in; they are only read.

    Raises
    ------
    BarTypeError
        A column is not one-dimensional or not of numbers.
    BarError
        The columns are not of one length.
    """
    if len(values) != len(_NAMES):
        raise BarTypeError(
            "bars are six columns: time, open, high, low, close, volume",
            symbol=symbol, value=f"{1 + len(values)} columns", code="ERR_COLUMNS",
        )  # fmt: skip
    columns: BarColumns = _columns(ts_ns, values, _NAMES, symbol, tz, unit)
    return columns


def tick_columns(
    ts_ns: Any, price: Any, size: Any, *, symbol: str | None = None, tz: Any = None, unit: str | None = None
) -> tuple[npt.NDArray[np.int64], list[_Floats]]:
    """Times and values of trades, as `bar_columns` has them of bars: (times, [price, size])."""
    times, *values = _columns(ts_ns, (price, size), ("price", "size"), symbol, tz, unit)
    return times, values


def quote_columns(
    ts_ns: Any, *values: Any, symbol: str | None = None, tz: Any = None, unit: str | None = None
) -> tuple[npt.NDArray[np.int64], list[_Floats]]:
    """Times and values of quotes, as `bar_columns` has them of bars: (times, [bid, ask, bid_size,
    ask_size])."""
    times, *floats = _columns(ts_ns, values, ("bid", "ask", "bid_size", "ask_size"), symbol, tz, unit)
    return times, floats


def naive_hint(error: TimeError, tz: Any) -> TimeError:
    """An error of a call that may have ``tz=``: of naive times it says so."""
    if error.code != "ERR_NAIVE" or tz is NO_TZ:
        return error
    return of_symbol(TimeError(f"{error}, or pass tz=", **vars(error)), None)


def _columns(
    ts_ns: Any, values: tuple[Any, ...], names: tuple[str, ...], symbol: str | None, tz: Any, unit: str | None
) -> Any:
    try:
        times = to_ns_array(ts_ns, None if tz is NO_TZ else tz, unit)
    except TimeError as error:
        raise of_symbol(naive_hint(error, tz), symbol) from error
    n = len(times)
    for column in values:
        if not is_plain(column, _FLOAT64) or len(column) != n:
            break
    else:  # the usual case; the questions below cost more than storing 100 bars
        return (times, *values)
    columns = [_floats(column, name, symbol) for column, name in zip(values, names, strict=True)]
    for column, name in zip(columns, names, strict=True):
        if len(column) != n:
            raise BarError(
                "all columns must have the length of the time column",
                symbol=symbol, value=f"{name}: {len(column)}, time: {len(times)}", code="ERR_LENGTH",
            )  # fmt: skip
    return (times, *columns)


def _floats(column: Any, name: str, symbol: str | None) -> _Floats:
    """A column as contiguous float64; a masked or null value is NaN, which the check then names
    with its row."""
    if is_plain(column, _FLOAT64):
        return cast("_Floats", column)
    mask = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else None
    try:
        array = np.asarray(to_numpy(column))
    except ValueError:  # a ragged list
        array = np.empty((0, 0), object)
    if array.shape == (0,):  # an empty list has no telling dtype
        return np.empty(0)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise BarTypeError(
            f"{name} must be a one-dimensional array of numbers",
            symbol=symbol, value=f"dtype {array.dtype}, shape {array.shape}", code="ERR_DTYPE",
        )  # fmt: skip
    # NumPy makes a number of a bool
    if isinstance(column, (list, tuple)) and not all(map(is_number, column)):
        row = next(i for i, value in enumerate(column) if not is_number(value))
        raise BarTypeError(
            f"{name} must be a one-dimensional array of numbers",
            symbol=symbol, row=row, value=f"{name}={format_value(column[row])}", code="ERR_DTYPE",
        )  # fmt: skip
    # a long double beyond float64 becomes infinite, and is refused as that
    with np.errstate(over="ignore"):
        floats = np.require(array, np.float64, ["C_CONTIGUOUS", "ALIGNED"])
    return floats if mask is None else np.where(mask, np.nan, floats)


def to_numpy(column: Any) -> Any:
    """A pandas, polars or Arrow column as an array, nulls of numbers as NaN; other things as they
    are."""
    if isinstance(column, np.ndarray) or not hasattr(column, "to_numpy"):
        return column.data if isinstance(column, np.ma.MaskedArray) else column
    library = type(column).__module__.split(".")[0]
    if library == "pandas" and getattr(column, "ndim", 0) == 1 and column.dtype.kind in "iuf":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if library == "pyarrow":
        return column.to_numpy(zero_copy_only=False) if hasattr(column, "offset") else column.to_numpy()
    return column.to_numpy()


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same numbers over bytes, which nobody can write to: frames of other libraries may use
    them."""
    return np.frombuffer(array.tobytes(), array.dtype)
