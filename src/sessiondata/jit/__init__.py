"""The store inside numba's compiled functions: append bars, read windows, ask what is missing.

    @njit(cache=True, nogil=True)
    def run(spy, ts, o, h, l, c, v):                # `spy` is what `register_symbol` returned
        five = spy.bars("5m")
        for i in range(len(ts)):
            status = spy.append(ts[i], o[i], h[i], l[i], c[i], v[i])
            if status > 0 and five.close[-1] > five.close[:-1].mean():
                ...

Nothing has to be imported for that: numba finds this module by itself. Where symbols are many, pass
their `SymbolSessionData.handle` as an int64 array, and use the functions of this module.

Long because it is the page of these functions: most of it is what users read.

Everything calls the compiled code that Python calls; there is no second implementation. Differences
to Python:

* Nothing raises because of a bar: `append` returns a status, positive if the store counted it,
  zero for a repeat, negative for an error (`ERR_*`; nothing has changed). Without an answer an
  integer is such an error, a float NaN, a time `NAT`.
* A first bar cannot start a session (that needs a calendar): it returns `ERR_NO_SESSION`.
* ``quality`` is what is computed; ``set_quality`` pins it for Python only.
* Columns are plain read-only arrays. Take them anew after an `append`: they do not grow, and rows
  may move.

With ``nogil=True`` any number of threads may use the symbols of a store, and Python threads with
them. Calls for one symbol run one after the other; a call after one of another thread waits some
2 µs. So two writers store all bars, in some order. What belongs together is asked for in one
call: `read_last` for whole rows (base rows without waiting for the writer), `states` for counts. An
array of ``series.close`` and the like is a view of memory in which another thread may be writing.
A session may start, roll or end, and symbols may be removed meanwhile: a call comes before or after
it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba.extending import overload

from sessiondata.errors import ArgumentError, ArgumentTypeError
from sessiondata.jit import objects as objects  # registers methods and attributes
from sessiondata.jit.constants import (
    CLOSE,
    CLOSED,
    CORRECTED,
    ERR_HIGH_LOW,
    ERR_INCONSISTENT,
    ERR_INPUT_KIND,
    ERR_LATER_SESSION,
    ERR_LOST,
    ERR_MEMORY,
    ERR_NAT,
    ERR_NO_SERIES,
    ERR_NO_SESSION,
    ERR_NO_SYMBOL,
    ERR_NOT_FINITE,
    ERR_REENTRANT,
    ERR_SIZE,
    ERR_TS_RANGE,
    ERR_UNIT,
    ERR_VOLUME,
    HIGH,
    LATE,
    LOW,
    NAT,
    OPEN,
    OTHER_SESSION,
    REPEATED,
    REVISED,
    STORED,
    TIMESTAMP,
    TOO_OLD,
    VOLUME,
    WITH_EXTENDED,
    WITH_FORMING,
)
from sessiondata.jit.intrinsics import (
    N_STATES,
    copy_last_call,
    drain_call,
    read_last_call,
    states_call,
    window_call,
    window_values_call,
)
from sessiondata.jit.table import CALLS, Symbol, from_python, handle_of
from sessiondata.jit.types import SeriesType, SymbolType, literal_step_ns
from sessiondata.time.intervals import parse_interval

__all__ = [
    "CLOSE",
    "CLOSED",
    "CORRECTED",
    "ERR_HIGH_LOW",
    "ERR_INCONSISTENT",
    "ERR_INPUT_KIND",
    "ERR_LATER_SESSION",
    "ERR_LOST",
    "ERR_MEMORY",
    "ERR_NAT",
    "ERR_NOT_FINITE",
    "ERR_NO_SERIES",
    "ERR_NO_SESSION",
    "ERR_NO_SYMBOL",
    "ERR_REENTRANT",
    "ERR_SIZE",
    "ERR_TS_RANGE",
    "ERR_UNIT",
    "ERR_VOLUME",
    "HIGH",
    "LATE",
    "LOW",
    "NAT",
    "OPEN",
    "OTHER_SESSION",
    "REPEATED",
    "REVISED",
    "STORED",
    "TIMESTAMP",
    "TOO_OLD",
    "VOLUME",
    "WITH_EXTENDED",
    "WITH_FORMING",
    "SeriesType",
    "Symbol",
    "SymbolType",
    "advance_to",
    "append",
    "append_quote",
    "append_tick",
    "as_of",
    "copy_last",
    "count",
    "drain",
    "exchange_code",
    "expected",
    "forming",
    "gap_count",
    "init",
    "missing",
    "present",
    "quality",
    "read_last",
    "sequence",
    "series_number",
    "session_value",
    "slot_stop",
    "states",
    "timestamp",
    "total_count",
    "value",
    "window",
    "window_values",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def init() -> None:
    """Entry point of numba's extensions: importing this module is all there is to do."""


def _compiled(declared: _Function) -> _Function:
    """The C function of that name under the name, signature and docstring of a function of this
    module."""
    return functools.update_wrapper(CALLS[declared.__name__], declared)  # type: ignore[return-value]


# --- functions of a symbol ---


@_compiled
def append(
    symbol: Symbol,
    ts_ns: int,
    open: float,  # noqa: A002
    high: float,
    low: float,
    close: float,
    volume: float,
    /,
) -> int:
    """Store one bar and everything it causes.

    Returns
    -------
    int
        Positive: the store changed (`STORED`, `LATE`, `CORRECTED`), or the bar was counted and
        refused without being wrong (`TOO_OLD`, `OTHER_SESSION`). Zero: `REPEATED`. Negative: an
        error, and nothing has changed.

    Notes
    -----
    O(derived intervals) for the newest bar, without allocating; O(log rows) and one slot of each
    interval for another.
    """
    raise NotImplementedError


@_compiled
def append_tick(symbol: Symbol, ts_ns: int, price: float, size: float, exchange: int, /) -> int:
    """Store one trade and everything it causes.

    Parameters
    ----------
    exchange : int
        What `exchange_code` made of a text; 0 for none.

    Returns
    -------
    int
        As of `append`. ``ERR_INPUT_KIND`` if bars or quotes feed the symbol in this session,
        ``ERR_MEMORY`` if there is no memory for the ring, which the first trade of a session
        allocates.
    """
    raise NotImplementedError


@_compiled
def append_quote(symbol: Symbol, ts_ns: int, bid: float, ask: float, bid_size: float, ask_size: float, /) -> int:
    """Store one quote, and everything it causes where quotes make bars; returns a status as
    `append_tick`."""
    raise NotImplementedError


def exchange_code(text: str) -> int:
    """What compiled code calls an exchange: its (at most eight ASCII) characters as a number. Not
    for numba code."""
    code = text.encode("ascii")
    if len(code) > 8 or b"\0" in code:
        raise ArgumentError(f"exchange is at most eight ASCII characters: {text!r}", value=text)
    return int.from_bytes(code, "little")


@_compiled
def advance_to(symbol: Symbol, ts_ns: int, /) -> int:
    """Move the clock of the symbol's store forwards: 1, or 0 if it stands there already or further.
    ``ERR_UNIT`` for a time of 1970 that another unit than ns puts after 1990, unless the symbol has
    a session before that."""
    raise NotImplementedError


@_compiled
def session_value(symbol: Symbol, column: int, /) -> float:
    """A value (`OPEN` .. `VOLUME`) of the session's bar: all regular rows so far. NaN before the
    first, volume 0."""
    raise NotImplementedError


@_compiled
def as_of(symbol: Symbol, /) -> int:
    """Watermark of the symbol, ns; `NAT` before the first bar and the first advance of the
    clock."""
    raise NotImplementedError


@_compiled
def sequence(symbol: Symbol, /) -> int:
    """Changes of the symbol's store so far."""
    raise NotImplementedError


def series_number(symbol: Symbol, interval: str, /) -> int:
    """Number `k` of a series: 0 is the base, then the derived intervals; negative if the symbol
    does not hold it.

    In numba code `interval` is a literal such as ``"5m"``.
    """
    return CALLS["series"](symbol, parse_interval(interval).step_ns)


@overload(series_number, prefer_literal=True)
def _series_number(symbol: Any, interval: Any) -> Any:  # noqa: ARG001
    call, step_ns = CALLS["series"], literal_step_ns(interval)

    def number(symbol: Any, interval: Any) -> Any:  # noqa: ARG001
        return call(symbol, step_ns)

    return number


# --- functions of a series ---


@_compiled
def count(symbol: Symbol, k: int, /) -> int:
    """Live rows of series `k`, extended and forming ones included."""
    raise NotImplementedError


@_compiled
def total_count(symbol: Symbol, k: int, /) -> int:
    """Rows ever added to series `k` in this session."""
    raise NotImplementedError


@_compiled
def timestamp(symbol: Symbol, k: int, i: int, /) -> int:
    """Open time of row `i` (0 the oldest, -1 the newest) of series `k`, ns; `NAT` if there is
    none."""
    raise NotImplementedError


@_compiled
def value(symbol: Symbol, k: int, column: int, i: int, /) -> float:
    """Value (`OPEN` .. `VOLUME`) of row `i` (0 the oldest, -1 the newest) of series `k`; NaN if
    there is none."""
    raise NotImplementedError


@_compiled
def forming(symbol: Symbol, k: int, /) -> int:
    """1 if the newest row of series `k` is a bar still in progress, else 0."""
    raise NotImplementedError


@_compiled
def slot_stop(symbol: Symbol, k: int, /) -> int:
    """End of the newest row's slot of series `k`, ns: a bar from there on begins another row. `NAT`
    without rows."""
    raise NotImplementedError


@_compiled
def expected(symbol: Symbol, k: int, /) -> int:
    """Elapsed slots of series `k`."""
    raise NotImplementedError


@_compiled
def present(symbol: Symbol, k: int, /) -> int:
    """Slots among the expected with a bar on them."""
    raise NotImplementedError


@_compiled
def missing(symbol: Symbol, k: int, /) -> int:
    """Slots among the expected without a bar."""
    raise NotImplementedError


@_compiled
def gap_count(symbol: Symbol, k: int, /) -> int:
    """Runs of missing slots of series `k`. O(segments)."""
    raise NotImplementedError


@_compiled
def quality(symbol: Symbol, k: int, /) -> float:
    """100 * present / expected, 100.0 where nothing is expected."""
    raise NotImplementedError


def copy_last(symbol: Symbol, k: int, column: int, out: Any, /) -> int:
    """Copy the newest values of a column (`OPEN` .. `VOLUME`) of series `k`, oldest first.

    Parameters
    ----------
    out : ndarray of float64, shape (n,), contiguous
        Filled from its start.

    Returns
    -------
    int
        Values copied: n, or fewer if the series is shorter; negative for an error.
    """
    if not (isinstance(out, np.ndarray) and out.dtype == np.float64 and out.ndim == 1 and out.flags.carray):
        raise ArgumentTypeError("out is a contiguous, writable array of float64 with one dimension")
    return from_python("copy_last")(handle_of(symbol), k, column, len(out), out.ctypes.data)


overload(copy_last)(
    lambda symbol, k, column, out: (  # noqa: ARG005
        lambda symbol, k, column, out: copy_last_call(symbol, k, column, out)
    )
)


def read_last(
    symbol: Symbol,
    k: int,
    ts: Any,
    open: Any,  # noqa: A002
    high: Any,
    low: Any,
    close: Any,
    volume: Any,
    /,
) -> int:
    """Copy the newest rows of series `k`, oldest first, as they stand at one moment, whoever writes
    meanwhile.

    Parameters
    ----------
    ts : ndarray of int64, shape (n,), contiguous
    open, high, low, close, volume : ndarray of float64, shape (n,), contiguous
        All are filled from their start.

    Returns
    -------
    int
        Rows copied: n, or fewer if the series is shorter; negative for an error (``ERR_NO_SERIES``
        also for arrays of different lengths), and what the arrays hold then means nothing.

    Notes
    -----
    Of the base (0) readers neither wait for the writer nor keep it waiting, unless it gets in their
    way again and again. Other series have to be brought up to date for it, so there readers and
    writer take turns.
    """
    arrays = (ts, open, high, low, close, volume)
    for array, dtype in zip(arrays, (np.int64, *(np.float64,) * 5), strict=True):
        if not (isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == 1 and array.flags.carray):
            raise ArgumentTypeError(
                "columns are contiguous, writable arrays with one dimension: of int64 times, else of float64"
            )
    if len({len(array) for array in arrays}) > 1:
        return ERR_NO_SERIES
    return from_python("read_last")(handle_of(symbol), k, len(ts), *(array.ctypes.data for array in arrays))


overload(read_last)(
    lambda symbol, k, ts, open, high, low, close, volume: (  # noqa: A006, ARG005
        lambda symbol, k, ts, open, high, low, close, volume: read_last_call(  # noqa: A006
            symbol, k, ts, open, high, low, close, volume
        )
    )
)


def states(symbol: Symbol, k: int, /) -> tuple[int, int, int, int, int, int]:
    """Expected, present, missing, no_trade and halted slots of series `k`, of those that have
    elapsed, and the number of its gaps: of one moment, where calls one after the other may lie on
    both sides of a bar. After an error the first is negative."""
    found = np.zeros(N_STATES, np.int64)
    status = from_python("states")(handle_of(symbol), k, found.ctypes.data)
    return (status or int(found[0]), *found[1:].tolist())


overload(states)(lambda symbol, k: lambda symbol, k: states_call(symbol, k))  # noqa: ARG005


def window(
    symbol: Symbol,
    k: int,
    flags: int,
    ts: Any,
    open: Any,  # noqa: A002
    high: Any,
    low: Any,
    close: Any,
    volume: Any,
    trade_date: Any,
    /,
) -> int:
    """Copy the newest rows of series `k` over past days and the session, oldest first, as they
    stand at one moment: `SymbolSessionData.window` for compiled code.

    Parameters
    ----------
    flags : int
        0 for regular bars that have closed; `WITH_EXTENDED`, `WITH_FORMING`, or both (their sum)
        for others as well.
    ts : ndarray of int64, shape (n,), contiguous
    open, high, low, close, volume : ndarray of float64, shape (n,), contiguous
    trade_date : ndarray of datetime64[D] or int64 (days since 1970), shape (n,), contiguous
        All are filled from their start.

    Returns
    -------
    int
        Rows copied: n, or fewer if no more are kept; negative for an error (``ERR_NO_SERIES``
        also for arrays of different lengths), and then nothing is written.

    Notes
    -----
    Needs no session. The rows of past days are looked up with the GIL by the first call and by one
    after a change of history (a roll, a late bar of yesterday, a load); no other call acquires it.
    """
    arrays = (ts, open, high, low, close, volume, trade_date)
    kinds = ((np.dtype(np.int64),), *((np.dtype(np.float64),),) * 5, (np.dtype("M8[D]"), np.dtype(np.int64)))
    for array, wanted in zip(arrays, kinds, strict=True):
        if not (isinstance(array, np.ndarray) and array.dtype in wanted and array.ndim == 1 and array.flags.carray):
            raise ArgumentTypeError(
                "columns are contiguous, writable arrays with one dimension: of int64 times, float64 values, and"
                " int64 or datetime64[D] dates"
            )
    if len({len(array) for array in arrays}) > 1:
        return ERR_NO_SERIES
    return from_python("window")(handle_of(symbol), k, len(ts), flags, *(array.ctypes.data for array in arrays))


overload(window)(
    lambda symbol, k, flags, ts, open, high, low, close, volume, trade_date: (  # noqa: A006, ARG005
        lambda symbol, k, flags, ts, open, high, low, close, volume, trade_date: window_call(  # noqa: A006
            symbol, k, flags, ts, open, high, low, close, volume, trade_date
        )
    )
)


def window_values(symbol: Symbol, k: int, column: int, flags: int, out: Any, /) -> int:
    """Copy the newest values of a column (`OPEN` .. `VOLUME`) of series `k` over past days and the
    session, oldest first.

    Parameters
    ----------
    flags : int
        As of `window`.
    out : ndarray of float64, shape (n,), contiguous
        Filled from its start.

    Returns
    -------
    int
        Values copied, or a negative error, as of `window`.
    """
    if not (isinstance(out, np.ndarray) and out.dtype == np.float64 and out.ndim == 1 and out.flags.carray):
        raise ArgumentTypeError("out is a contiguous, writable array of float64 with one dimension")
    return from_python("window_values")(handle_of(symbol), k, column, len(out), flags, out.ctypes.data)


overload(window_values)(
    lambda symbol, k, column, flags, out: (  # noqa: ARG005
        lambda symbol, k, column, flags, out: window_values_call(symbol, k, column, flags, out)
    )
)


def drain(
    feed: int,
    symbol: Any,
    interval: Any,
    kind: Any,
    ts: Any,
    open: Any,  # noqa: A002
    high: Any,
    low: Any,
    close: Any,
    volume: Any,
    n_base: Any,
    /,
) -> int:
    """The first events that a consumer of closed bars has for its next drain, in order; the rest
    comes with the next calls. A callback is not called.

    Parameters
    ----------
    feed : int
        `ClosedBarFeed.handle`.
    symbol, interval, kind, ts, n_base : ndarray of int64, shape (n,), contiguous
        Number of the symbol in the order of the store, of the interval in
        `ClosedBarFeed.intervals`; `CLOSED` or `REVISED`; start of the bar, ns; base bars behind it.
    open, high, low, close, volume : ndarray of float64, shape (n,), contiguous
        All are filled from their start.

    Returns
    -------
    int
        Events copied, at most n; 0: there are no more. Negative for an error: ``ERR_NO_SYMBOL``
        (no such consumer, or it was closed), ``ERR_LOST`` (once, see `ClosedBarsLostError`),
        ``ERR_REENTRANT``, ``ERR_MEMORY``, ``ERR_NO_SERIES`` (arrays of different lengths).

    Notes
    -----
    Acquires the GIL.
    """
    arrays = (symbol, interval, kind, ts, open, high, low, close, volume, n_base)
    kinds = (*(np.int64,) * 4, *(np.float64,) * 5, np.int64)
    for array, wanted in zip(arrays, kinds, strict=True):
        if not (isinstance(array, np.ndarray) and array.dtype == wanted and array.ndim == 1 and array.flags.carray):
            raise ArgumentTypeError("columns are contiguous, writable arrays with one dimension, of int64 and float64")
    if len({len(array) for array in arrays}) > 1:
        return ERR_NO_SERIES
    return from_python("drain")(feed, len(ts), *(array.ctypes.data for array in arrays))


overload(drain)(
    lambda feed, symbol, interval, kind, ts, open, high, low, close, volume, n_base: (  # noqa: A006, ARG005
        lambda feed, symbol, interval, kind, ts, open, high, low, close, volume, n_base: drain_call(  # noqa: A006
            feed, symbol, interval, kind, ts, open, high, low, close, volume, n_base
        )
    )
)
