"""Bars as frames of other libraries, and such frames as columns of bars.

A frame has a row per bar, oldest first, and the columns that a `Bar` has fields for: the stored
ones, and what the rows of a frame would lack once they have left the store (`extended`;
of a derived series `forming` and `n_base`; of daily bars `trade_date`). Times are UTC with
nanoseconds, in every library.

    columns     base series: timestamp open high low close volume extended
                derived:     the same, then forming n_base
                daily:       the same, then trade_date

Whatever leaves by way of Arrow never changes afterwards. A ring is therefore copied; a window
that can never become invalid (a copy, a closed day) hands out its own memory.

pandas, polars and pyarrow are imported here when one of them is asked for, and not to recognise
what comes in: pandas frames are known by the module of their type, everything else comes through
the Arrow C stream protocol, which needs none of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from sessiondata._native.out.arrow import COLUMNS, StreamReader, schema_capsule, stream_capsule
from sessiondata.arguments import check_bool
from sessiondata.errors import (
    ArgumentError,
    ArgumentTypeError,
    BarError,
    BarTypeError,
    TimeError,
    install_hint,
    of_symbol,
)
from sessiondata.rows.bars import content_of, window_of
from sessiondata.rows.columns import ALIASES, NO_TZ, naive_hint
from sessiondata.time.arrays import are_counted, check_no_conflict, to_ns_array
from sessiondata.time.stamps import nulls_to_nat, ticks_to_ns

if TYPE_CHECKING:
    import numpy.typing as npt

    from sessiondata.rows.bars import BarColumns, BarWindow

__all__ = [
    "arrow_schema",
    "arrow_stream",
    "columns_of",
    "frame_columns",
    "immutable_window",
    "library",
    "pandas_frame",
    "stream_of",
    "to_array",
    "to_arrow",
    "to_pandas",
    "to_polars",
]

# columns of a base, a derived and a daily series
_N_BASE, _N_DERIVED, _N_DAILY = 7, 9, len(COLUMNS)

# Aligned as C does it, so that compiled code can read the records as a struct.
_RECORD = {
    n: np.dtype(list(zip(COLUMNS[:n], ["M8[ns]", *["f8"] * 5, "?", "?", "i4", "M8[D]"][:n], strict=True)), align=True)
    for n in (_N_BASE, _N_DERIVED, _N_DAILY)
}


# --- out ------------------------------------------------------------------------------------------


def _count(window: BarWindow) -> int:
    """Number of columns."""
    if not content_of(window).is_derived:
        return _N_BASE
    return _N_DAILY if window.interval == "1d" else _N_DERIVED


def columns_of(window: BarWindow) -> list[npt.NDArray[Any]]:
    """Values of the columns: views of what is stored, times as int64, flags as bools, dates as days
    since 1970."""
    stored, n_base, grid, forming, is_derived = content_of(window)
    times = stored[0]
    none = np.zeros(len(times), np.bool_)
    columns = [*stored, none if grid is None else grid.extended(times)]
    if is_derived:
        assert n_base is not None  # every derived row has one
        columns += [none if forming is None else times == forming, n_base]
    if _count(window) == _N_DAILY:
        # The open is on the date before in UTC (Sydney), or on the exchange's own clock, too (CME).
        columns.append(np.zeros(0, np.int32) if grid is None else grid.trade_dates(times))
    return columns


def immutable_window(rows: BarColumns) -> BarWindow:
    """Rows that nothing changes any more: an immutable window as it is, anything else copied at one
    moment."""
    window = window_of(rows)
    if window.is_immutable:
        return window
    return rows.copy()  # type: ignore[attr-defined, no-any-return]


def arrow_schema(rows: BarColumns) -> Any:
    """See `BarSeries.__arrow_c_schema__`."""
    return schema_capsule(_count(window_of(rows)))


def arrow_stream(rows: BarColumns, requested_schema: Any) -> Any:
    """See `BarSeries.__arrow_c_stream__`."""
    return stream_of(columns_of(immutable_window(rows)), requested_schema)


def stream_of(columns: list[npt.NDArray[Any]], requested_schema: Any) -> Any:
    """Columns as `columns_of` has them, as an Arrow stream of one batch."""
    # Arrow keeps bools as bits.
    bits = [np.packbits(column, bitorder="little") if column.dtype == np.bool_ else column for column in columns[1:]]
    return stream_capsule((columns[0], *bits), requested_schema)


def to_pandas(rows: BarColumns, copy: bool | None) -> Any:
    """See `BarSeries.to_pandas`."""
    copy = None if copy is None else check_bool("copy", copy)
    pd = library("pandas", "pandas")
    window = window_of(rows)
    if copy is False and not window.is_immutable:
        raise ArgumentError("a series is always copied (copy=False): its rows change; copy() it first")
    columns = columns_of(immutable_window(rows))
    if copy or not window.is_immutable:
        columns = [column.copy() for column in columns]
    return pandas_frame(pd, columns)


def pandas_frame(pd: Any, columns: list[npt.NDArray[Any]]) -> Any:
    """Columns as `columns_of` has them, in a frame that shows their memory. `pd`: pandas."""
    if len(columns) == _N_DAILY:
        # the coarsest unit that pandas has
        columns[-1] = columns[-1].astype("datetime64[D]").astype("datetime64[s]")
    # From integers and the final dtype: every other way to this index copies once more.
    index = pd.DatetimeIndex(columns[0], dtype=pd.DatetimeTZDtype("ns", "UTC"), name=COLUMNS[0], copy=False)
    return pd.DataFrame(dict(zip(COLUMNS[1:], columns[1:], strict=False)), index=index, copy=False)


def to_polars(rows: Any) -> Any:
    """See `BarSeries.to_polars`; of anything that has `stream_of` as its ``__arrow_c_stream__``."""
    polars = library("polars", "polars")
    if not hasattr(polars.DataFrame, "__arrow_c_stream__"):  # such a one reads no streams either
        raise ImportError(f"this needs polars >= 1.20: {install_hint('polars', 'polars')}")
    return polars.DataFrame(rows)


def to_arrow(rows: Any) -> Any:
    """See `BarSeries.to_arrow`; of anything that has `stream_of` as its ``__arrow_c_stream__``."""
    reader = library("pyarrow", "arrow").RecordBatchReader
    if not hasattr(reader, "from_stream"):
        raise ImportError(f"this needs pyarrow >= 16: {install_hint('pyarrow', 'arrow')}")
    return reader.from_stream(rows).read_all()


def library(name: str, extra: str) -> Any:
    """A library that an extra names, or an ImportError that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"this needs {name}: {install_hint(name, extra, error)}") from error


def to_array(rows: BarColumns, dtype: Any, copy: bool | None) -> npt.NDArray[Any]:
    """See `BarSeries.__array__`."""
    copy = None if copy is None else check_bool("copy", copy)
    if copy is False:
        raise ArgumentError("an array of bars is always a copy (copy=False): a series is columns, not records")
    columns = columns_of(immutable_window(rows))
    out = np.empty(len(columns[0]), _RECORD[len(columns)])
    for name, column in zip(COLUMNS, columns, strict=False):
        out[name] = column.view("M8[ns]") if name == COLUMNS[0] else column.astype(out.dtype[name], copy=False)
    if dtype is None or np.dtype(dtype) == out.dtype:
        return out
    if np.dtype(dtype).kind in "biufcmMSU":
        raise ArgumentTypeError(
            f"bars are an array of records, which cannot be one of dtype {np.dtype(dtype)}; take columns, such as"
            " series.close, or np.column_stack of several"
        )
    return out.astype(dtype)


# --- in -------------------------------------------------------------------------------------------

_TRADE_DATE = COLUMNS[-1]
_ROLES = ("time", "open", "high", "low", "close", "volume")
# Libraries guess the type of a column without a value (null, float), so it says nothing.
_NO_ROWS = (np.empty(0, np.int64), *[np.empty(0)] * 5)
_UNITS = {"s": "s", "m": "ms", "u": "us", "n": "ns"}

# Arrow's formats of numbers, and what others are called where a message names them.
_NUMBERS = {
    code: np.dtype(dtype)
    for code, dtype in zip(
        "cCsSiIlLefg", ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"), strict=True
    )
}
_OTHERS = {"n": "null", "b": "bool", "u": "string", "U": "string", "vu": "string", "tdD": "date", "tdm": "date"}


def frame_columns(frame: Any, symbol: str, tz: Any, dates: bool = False, unit: str | None = None) -> tuple[Any, ...]:
    """Columns of a frame, for `bar_columns`: time, open, high, low, close, volume; and whether the
    times are integers.

    Parameters
    ----------
    frame : pandas DataFrame, or any object with ``__arrow_c_stream__``
        Such as a polars DataFrame, an Arrow table, or a `BarWindow`. Of a pandas frame the index
        counts as a column.
    symbol : str
        For messages.
    tz : str, tzinfo or None
        Zone of naive times.
    dates : bool
        Whether the time column may hold dates; they are datetime64[D] then.
    unit : str or None
        What an integer time column counts. Times that come as an ndarray have been converted by it;
        else (of a pandas frame) that is left to `bar_columns`.

    Raises
    ------
    BarTypeError
        It is not a frame; a column is missing, stands twice or is not of numbers; it holds bars of
        another symbol.
    BarError
        The stream cannot be read.
    TimeError
        The time column is not one.
    """
    is_pandas = type(frame).__module__.split(".")[0] == "pandas" and hasattr(frame, "columns")
    if not is_pandas and not hasattr(frame, "__arrow_c_stream__"):
        raise BarTypeError(
            "one argument is a frame: a pandas DataFrame, or an object with __arrow_c_stream__ (polars, Arrow)",
            symbol=symbol, value=f"type {type(frame).__name__}", code="ERR_COLUMNS",
        )  # fmt: skip
    try:
        if is_pandas:
            columns = _pandas_columns(frame, symbol, dates)
            return *columns, are_counted(columns[0])
        return _stream_columns(frame, symbol, None if tz is NO_TZ else tz, dates, unit)
    except TimeError as error:
        raise of_symbol(naive_hint(error, tz), symbol) from error


def _find_roles(names: Sequence[Any], symbol: str, dates: bool) -> tuple[list[int], list[int]]:
    """Positions of the columns of a bar, in order, and of those that name symbols. Trade dates,
    where the time may be one, say what a time only leads to: they stand before it."""
    plain = [name.strip().lower() if isinstance(name, str) else name for name in names]
    found = {role: [k for k, name in enumerate(plain) if name in ALIASES[role]] for role in (*_ROLES, "symbol")}
    if dates and _TRADE_DATE in plain:
        found["time"] = [k for k, name in enumerate(plain) if name == _TRADE_DATE]
    there = ", ".join(repr(name) for name in names if name is not None)
    faults = [
        f"{role} may be any of {', '.join(repr(names[k]) for k in found[role])}"
        if found[role]
        else f"no {role} ({', '.join(ALIASES[role])}) among {there}"
        for role in _ROLES
        if len(found[role]) != 1
    ]
    if faults:
        raise BarTypeError(
            "a frame has one column each of time, open, high, low, close and volume",
            symbol=symbol, value="; ".join(faults), code="ERR_COLUMNS",
        )  # fmt: skip
    return [found[role][0] for role in _ROLES], found["symbol"]


def _check_symbols(named: Callable[[int], list[Any]], names: Sequence[Any], positions: list[int], symbol: str) -> None:
    """Bars of several symbols would correct each other, those of another one pass for ours, and
    nobody would notice."""
    for k in positions:
        others = [str(name) for name in named(k) if str(name) != symbol]
        if others:
            raise BarTypeError(
                "a frame holds the bars of one symbol, the one that stores them: select rows or leave the column out",
                symbol=symbol,
                value=f"column {names[k]!r} names {', '.join(map(repr, others[:3]))}",
                code="ERR_COLUMNS",
            )


def _refuse(role: str, name: str, kind: str, symbol: str) -> NoReturn:
    if role == "time":
        parse = ""
        if "string" in kind:  # of a polars or Arrow frame: pandas' own texts are read
            parse = "; parse it first (polars: .str.to_date() or .str.to_datetime(), Arrow: .cast(pa.date32()))"
        raise TimeError(
            f"not a column of times: {name!r} of {kind}; it must hold whole nanoseconds or timestamps{parse}"
        )  # the symbol is added where every `TimeError` of a frame passes
    raise BarTypeError(
        f"{role} must be a column of numbers", symbol=symbol, value=f"column {name!r} of {kind}", code="ERR_DTYPE"
    )


def _pandas_columns(frame: Any, symbol: str, dates: bool) -> tuple[Any, ...]:
    levels = [frame.index.get_level_values(k) for k in range(frame.index.nlevels)]
    # An index of times needs no name; a running number is no column.
    named = [level.name if level.name is not None else _index_name(level) for level in levels]
    names = [*named, *frame.columns]
    roles, symbols = _find_roles(names, symbol, dates)

    def column(k: int) -> Any:
        return levels[k] if k < len(levels) else frame.iloc[:, k - len(levels)]

    if len(frame) == 0:
        return _NO_ROWS
    _check_symbols(lambda k: list(column(k).unique()), names, symbols, symbol)
    columns = tuple(column(k) for k in roles)
    for role, k, values in zip(_ROLES, roles, columns, strict=True):
        kind = str(values.dtype)
        if kind == "category" or kind.startswith("dictionary"):
            _refuse(role, names[k], f"dtype {kind}", symbol)
    if isinstance(names[roles[0]], str) and names[roles[0]].strip().lower() == _TRADE_DATE:
        return _midnights(columns[0]), *columns[1:]
    return columns


def _midnights(column: Any) -> Any:
    """A pandas column of trade dates as datetime64[D]: its own dates are times at midnight. Others
    as they are."""
    if column.dtype.kind != "M" or getattr(column.dtype, "tz", None) is not None:
        return column
    times = column.to_numpy()
    days = times.astype("datetime64[D]")
    return days if np.array_equal(days, times) else column


def _index_name(level: Any) -> str | None:
    return "timestamp" if level.dtype.kind == "M" else None


def _stream_columns(frame: Any, symbol: str, tz: Any, dates: bool, unit: str | None) -> tuple[Any, ...]:
    capsule = frame.__arrow_c_stream__()
    try:
        reader = StreamReader(capsule)
        roles, symbols = _find_roles([name for name, _, _ in reader.fields], symbol, dates)
        if hasattr(frame, "__len__") and len(frame) == 0:
            return *_NO_ROWS, False
        _check_symbols(_symbol_names(frame, reader, symbol), [name for name, _, _ in reader.fields], symbols, symbol)
        is_dates = dates and reader.fields[roles[0]][1] == "tdD"
        dtypes = [
            _NUMBERS["i"] if is_dates and role == "time" else _stream_dtype(role, *reader.fields[k], symbol)
            for role, k in zip(_ROLES, roles, strict=True)
        ]
        batches = reader.read(tuple(zip(roles, dtypes, strict=True)))
    except (BarError, TimeError):
        raise
    except ValueError as error:
        raise BarError(str(error), symbol=symbol, value=f"type {type(frame).__name__}", code="ERR_STREAM") from error
    columns = [_joined([batch[i] for batch in batches], dtype) for i, dtype in enumerate(dtypes)]
    name, format_, _ = reader.fields[roles[0]]
    if is_dates:
        return _dates(*columns[0]), *(_floats(*column) for column in columns[1:]), False
    times = _times(*columns[0], name, format_, tz, unit)
    return times, *(_floats(*column) for column in columns[1:]), not format_.startswith("ts")


def _symbol_names(frame: Any, reader: StreamReader, symbol: str) -> Callable[[int], list[Any]]:
    """Tells the different values of a column, which the library that made it does best."""
    library = type(frame).__module__.split(".")[0]
    if library == "polars":
        return lambda k: frame.to_series(k).unique(maintain_order=True).to_list()
    if library == "pyarrow" and hasattr(frame, "column"):
        return lambda k: frame.column(k).unique().to_pylist()

    def refuse(k: int) -> list[Any]:
        raise BarTypeError(
            "which symbols the rows are of is known only of a pandas, polars or Arrow frame: leave the column out",
            symbol=symbol, value=f"column {reader.fields[k][0]!r}", code="ERR_COLUMNS",
        )  # fmt: skip

    return refuse


def _stream_dtype(role: str, name: str, format_: str, is_dictionary: bool, symbol: str) -> np.dtype[Any]:
    if not is_dictionary:
        if role == "time" and format_.startswith("ts"):
            return _NUMBERS["l"]
        dtype = _NUMBERS.get(format_)
        if dtype is not None and (role != "time" or dtype.kind in "iu"):
            return dtype
    kind = "dictionary" if is_dictionary else "decimal" if format_.startswith("d:") else None
    _refuse(role, name, f"Arrow type {kind or _OTHERS.get(format_) or repr(format_)}", symbol)


def _joined(
    parts: list[tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]], dtype: np.dtype[Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
    """Values and nulls of all batches; not copied if there is one."""
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([np.empty(0, dtype), *(values for values, _ in parts)])
    if all(null is None for _, null in parts):
        return values, None
    return values, np.concatenate([np.zeros(len(v), np.bool_) if null is None else null for v, null in parts])


def _times(
    values: npt.NDArray[Any], null: npt.NDArray[np.bool_] | None, name: str, format_: str, tz: Any, asked: str | None
) -> npt.NDArray[np.int64]:
    if null is not None:
        # what stands behind a null is anything
        values = np.where(null, values.dtype.type(0), values)
    ns = nulls_to_nat(values, np.zeros(len(values), np.bool_) if null is None else null)
    if not format_.startswith("ts"):
        return ns if asked is None else to_ns_array(ns, unit=asked)
    unit, zone = _UNITS[format_[2]], format_[4:] or None
    check_no_conflict(asked, unit)
    return ticks_to_ns(ns, unit, zone, tz, f"column {name!r} of Arrow type timestamp[{unit}]")


def _dates(values: npt.NDArray[Any], null: npt.NDArray[np.bool_] | None) -> npt.NDArray[Any]:
    days = values.astype(np.int64).view("datetime64[D]")
    return days if null is None else np.where(null, np.datetime64("NaT", "D"), days)


def _floats(values: npt.NDArray[Any], null: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.float64]:
    floats = values.astype(np.float64, copy=False)
    return floats if null is None else np.where(null, np.nan, floats)
