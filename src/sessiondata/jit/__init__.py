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

Everything calls the compiled code that Python calls; there is no second implementation. Differences
to Python:

* Nothing raises because of a bar: `append` returns a status, positive if the store took notice,
  zero for a repeat, negative for an error (`ERR_*`; nothing has changed). Without an answer an
  integer is such an error, a float NaN, a time `NAT`.
* A first bar cannot start a session (that takes a calendar): it returns `ERR_NO_SESSION`.
* ``quality`` is what is computed; ``set_quality`` pins it for Python only.
* Columns are plain read-only arrays. Take them anew after an `append`: they do not grow, and rows
  may move.

With ``nogil=True`` any number of threads may use the symbols of a store, and Python threads with
them. Of calls for one symbol each waits for the other's end, some 2 µs where the thread before was
another one; so two writers store all bars, in some order. What belongs together is asked for in one
call: `read_last` for whole rows (base rows without waiting for the writer), `states` for counts. An
array that ``series.close`` and the like gave shows memory, in which another thread may be writing.
A session may start, roll or end, and symbols may be removed meanwhile: a call comes before or after
it.

How a cached caller is bound: LLVM resolves one name, `_TABLE`, to a table [ABI, address, address
...], the name and first element of which never change. (Rejected: a name for each function and
version. A name that cannot be resolved ends the process with a segmentation fault when the cached
function is loaded, before Python could refuse it.) A caller that was compiled for another ABI
raises a RuntimeError; one that takes symbols as arguments is compiled anew, as the ABI is part of
their type.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeAlias, TypeVar

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import (
    NativeValue,
    get_cython_function_address,
    intrinsic,
    lower_builtin,
    models,
    overload,
    overload_attribute,
    overload_method,
    register_jitable,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.arrayobj import make_array, populate_array

from sessiondata import capi
from sessiondata.errors import ArgumentError, ArgumentTypeError, IntervalError, UnknownNameError
from sessiondata.rows.series import BarSeries
from sessiondata.store.symbol import SymbolSessionData
from sessiondata.time.intervals import parse_interval

# What became of a bar.
REPEATED = 0
STORED = 1
LATE = 2
CORRECTED = 3
TOO_OLD = 4
OTHER_SESSION = 5

# Errors.
ERR_NOT_FINITE = -101
ERR_HIGH_LOW = -102
ERR_VOLUME = -103
ERR_NAT = -104
ERR_TS_RANGE = -105
ERR_SIZE = -106
ERR_INCONSISTENT = -107
ERR_LATER_SESSION = -201
ERR_NO_SESSION = -202
ERR_MEMORY = -205
ERR_NO_SYMBOL = -206
ERR_NO_SERIES = -207
ERR_INPUT_KIND = -208
ERR_UNIT = -209

# Columns.
TIMESTAMP = 0
OPEN = 1
HIGH = 2
LOW = 3
CLOSE = 4
VOLUME = 5

#: The time where there is none.
NAT = -(2**63)

_TABLE = "sessiondata_functions"
_STALE = "compiled for another version of sessiondata: delete numba's cache of this function (*.nbi and *.nbc)"
_COLUMNS = {"timestamp": TIMESTAMP, "open": OPEN, "high": HIGH, "low": LOW, "close": CLOSE, "volume": VOLUME}

#: A symbol in Python: itself, or its handle.
Symbol: TypeAlias = SymbolSessionData | int
_Function = TypeVar("_Function", bound=Callable[..., Any])


# --- types ---


class SymbolType(types.Type):
    """numba's type of a `SymbolSessionData`."""

    def __init__(self) -> None:
        # A cached function is found by the types of its arguments: with another ABI it is not
        # found.
        super().__init__(name=f"sessiondata.Symbol(abi={capi.ABI})")


class SeriesType(types.Type):
    """numba's type of a `BarSeries`."""

    def __init__(self) -> None:
        super().__init__(name=f"sessiondata.Series(abi={capi.ABI})")


_symbol, _series = SymbolType(), SeriesType()
# counts references to the session's memory, for arrays that are returned
_PIN = types.MemInfoPointer(types.voidptr)


@register_model(SymbolType)
class _SymbolModel(models.StructModel):
    def __init__(self, manager: Any, kind: SymbolType) -> None:
        super().__init__(manager, kind, [("handle", types.int64), ("pin", _PIN)])


@register_model(SeriesType)
class _SeriesModel(models.StructModel):
    def __init__(self, manager: Any, kind: SeriesType) -> None:
        super().__init__(manager, kind, [("handle", types.int64), ("pin", _PIN), ("k", types.int64)])


@typeof_impl.register(SymbolSessionData)
def _typeof_symbol(value: Any, c: Any) -> SymbolType:  # noqa: ARG001
    return _symbol


@typeof_impl.register(BarSeries)
def _typeof_series(value: Any, c: Any) -> SeriesType:  # noqa: ARG001
    return _series


@unbox(SymbolType)
@unbox(SeriesType)
def _unbox(kind: Any, obj: Any, c: Any) -> NativeValue:
    """Handle and memory of the symbol behind an argument; the numba function holds on to the memory
    while it runs."""
    native = cgutils.create_struct_proxy(kind)(c.context, c.builder)
    failed = cgutils.alloca_once_value(c.builder, cgutils.true_bit)
    with ExitStack() as stack:

        def attribute(owner: Any, name: str) -> Any:
            value = c.pyapi.object_getattr_string(owner, name)
            with cgutils.early_exit_if_null(c.builder, stack, value):
                pass
            return value

        # References are leaked where the next attribute fails, which takes that there is no memory
        # for an int.
        core = attribute(obj, "_core")
        handle = attribute(core, "handle")
        memory = attribute(core, "memory")
        native.handle = c.pyapi.long_as_longlong(handle)
        native.pin = c.pyapi.nrt_meminfo_new_from_pyobject(c.context.get_constant_null(types.voidptr), memory)
        references = [core, handle, memory]
        if isinstance(kind, SeriesType):
            number = attribute(obj, "_k")
            native.k = c.pyapi.long_as_longlong(number)
            references.append(number)
        for reference in references:
            c.pyapi.decref(reference)
        c.builder.store(cgutils.false_bit, failed)
    return NativeValue(native._getvalue(), is_error=c.builder.load(failed))


# --- calls ---

_SIGNATURES: dict[str, Any] = {
    "append": types.int64(types.int64, types.int64, *(types.float64,) * 5),
    "append_tick": types.int64(types.int64, types.int64, types.float64, types.float64, types.int64),
    "append_quote": types.int64(types.int64, types.int64, *(types.float64,) * 4),
    "advance_to": types.int64(types.int64, types.int64),
    "series": types.int64(types.int64, types.int64),
    "count": types.int64(types.int64, types.int64),
    "total_count": types.int64(types.int64, types.int64),
    "timestamp": types.int64(types.int64, types.int64, types.int64),
    "value": types.float64(types.int64, types.int64, types.int64, types.int64),
    "column": types.int64(types.int64, types.int64, types.int64, types.CPointer(types.voidptr)),
    "copy_last": types.int64(*(types.int64,) * 4, types.voidptr),
    "read_last": types.int64(*(types.int64,) * 3, *(types.voidptr,) * 6),
    "forming": types.int64(types.int64, types.int64),
    "slot_stop": types.int64(types.int64, types.int64),
    "states": types.int64(types.int64, types.int64, types.voidptr),
    "expected": types.int64(types.int64, types.int64),
    "present": types.int64(types.int64, types.int64),
    "missing": types.int64(types.int64, types.int64),
    "gap_count": types.int64(types.int64, types.int64),
    "quality": types.float64(types.int64, types.int64),
    "session_value": types.float64(types.int64, types.int64),
    "as_of": types.int64(types.int64),
    "sequence": types.int64(types.int64),
}
_SLOTS = {name: 1 + i for i, name in enumerate(_SIGNATURES)}
_ADDRESSES = {name: get_cython_function_address("sessiondata.capi", f"sd_{name}") for name in _SIGNATURES}

# Compiled code reads it for as long as the process lives.
_table = np.array([capi.ABI, *_ADDRESSES.values()], np.int64)
llvmlite.binding.add_symbol(_TABLE, _table.ctypes.data)


def init() -> None:
    """Entry point of numba's extensions: importing this module is all there is to do."""


def _emit_call(context: Any, builder: Any, name: str, arguments: list[Any]) -> Any:
    """LLVM code of a call through the table; raises in the numba function if the table is of
    another ABI."""
    module, i64 = builder.module, ir.IntType(64)
    table = module.globals.get(_TABLE)
    if table is None:
        table = cgutils.add_global_variable(module, ir.ArrayType(i64, len(_table)), _TABLE)

    def element(i: int) -> Any:
        load = builder.load(cgutils.gep_inbounds(builder, table, 0, i))
        # so that loops keep it in a register
        load.set_metadata("invariant.load", module.add_metadata([]))
        return load

    with cgutils.if_unlikely(builder, builder.icmp_signed("!=", element(0), ir.Constant(i64, capi.ABI))):
        context.call_conv.return_user_exc(builder, RuntimeError, (_STALE,))
    declared = _SIGNATURES[name]
    parameters = [context.get_value_type(kind) for kind in declared.args]
    kind = ir.FunctionType(context.get_value_type(declared.return_type), parameters)
    return builder.call(builder.inttoptr(element(_SLOTS[name]), kind.as_pointer()), arguments)


def _unpack(context: Any, builder: Any, kinds: Any, values: Any) -> list[Any]:
    """C arguments: a symbol is its handle, a series the handle and its number."""
    arguments: list[Any] = []
    for kind, value in zip(kinds, values, strict=True):
        if isinstance(kind, SymbolType | SeriesType):
            native = cgutils.create_struct_proxy(kind)(context, builder, value=value)
            arguments += [native.handle, native.k] if isinstance(kind, SeriesType) else [native.handle]
        else:
            arguments.append(value)
    return arguments


def _signature(name: str, given: tuple[Any, ...], keywords: Any = None) -> Any:
    """numba signature of a call with arguments of the given types; a TypingError if they do not
    fit."""
    declared, fits = _SIGNATURES[name], list(given[:1])
    if keywords:
        raise TypingError(f"{name}: arguments are positional")
    if not given or not isinstance(given[0], SymbolType | SeriesType | types.Integer):
        raise TypingError(
            f"{name}: the first argument is a symbol or its handle, not {given[0] if given else 'absent'}"
        )
    n_first = 2 if isinstance(given[0], SeriesType) else 1
    if len(declared.args) - n_first != len(given) - 1:
        raise TypingError(
            f"{name}: {len(declared.args) - n_first} arguments come after {given[0]}, not {len(given) - 1}"
        )
    for position, (kind, wanted) in enumerate(zip(given[1:], declared.args[n_first:], strict=True), 2):
        allowed = types.Integer if wanted == types.int64 else types.Integer | types.Float
        if not isinstance(kind, allowed):
            raise TypingError(
                f"{name}: argument {position} is {'an int' if wanted == types.int64 else 'a number'}: {kind}"
            )
        fits.append(wanted)
    if isinstance(fits[0], types.Integer):
        fits[0] = types.int64
    return declared.return_type(*fits)


def _from_python(name: str) -> Callable[..., Any]:
    """The C function for Python, which holds on to the GIL while it runs."""
    c_types: dict[Any, Any] = {
        types.int64: ctypes.c_int64,
        types.float64: ctypes.c_double,
        types.voidptr: ctypes.c_void_p,
    }
    declared = _SIGNATURES[name]
    return ctypes.PYFUNCTYPE(c_types[declared.return_type], *(c_types[kind] for kind in declared.args))(
        _ADDRESSES[name]
    )


def _bind(name: str) -> Any:
    """The C function as something that numba code can call, and (for debugging) Python too."""
    from_python = _from_python(name)

    def function(symbol: Symbol, /, *arguments: Any) -> Any:
        return from_python(_handle(symbol), *arguments)

    # Below numba's `overload` and `intrinsic`, which know no functions that take a series in place
    # of two numbers.
    class Template(AbstractTemplate):
        key = function

        def generic(self, given: Any, keywords: Any) -> Any:
            return _signature(name, given, keywords)

    infer_global(function, types.Function(Template))

    @lower_builtin(function, types.VarArg(types.Any))
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _emit_call(context, builder, name, _unpack(context, builder, signature.args, values))

    return function


_WITH_MEMORY = ("column", "copy_last", "read_last", "states")  # called by intrinsics of their own
_call: dict[str, Any] = {name: _bind(name) for name in _SIGNATURES if name not in _WITH_MEMORY}


def _compiled(declared: _Function) -> _Function:
    """The C function of that name under the name, signature and docstring of a function of this
    module."""
    return functools.update_wrapper(_call[declared.__name__], declared)  # type: ignore[return-value]


def _handle(symbol: Symbol) -> int:
    return symbol.handle if isinstance(symbol, SymbolSessionData) else symbol


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
    """Up to when the symbol is judged, ns; `NAT` before the first bar and the first advance of the
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
    return _call["series"](symbol, parse_interval(interval).step_ns)


@overload(series_number, prefer_literal=True)
def _series_number(symbol: Any, interval: Any) -> Any:  # noqa: ARG001
    call, step_ns = _call["series"], _step_ns(interval)

    def number(symbol: Any, interval: Any) -> Any:  # noqa: ARG001
        return call(symbol, step_ns)

    return number


def _step_ns(interval: Any) -> int:
    """Length of the interval that a literal argument names."""
    if not isinstance(interval, types.StringLiteral):
        raise TypingError(f'an interval is written out in numba code, such as "5m": {interval}')
    try:
        return parse_interval(interval.literal_value).step_ns
    except IntervalError as error:
        raise TypingError(str(error)) from error


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
    """Slots of series `k` that are over."""
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
    return _from_python("copy_last")(_handle(symbol), k, column, len(out), out.ctypes.data)


@intrinsic
def _copy_last(typingctx: Any, symbol: Any, k: Any, column: Any, out: Any) -> Any:  # noqa: ARG001
    fits = isinstance(out, types.Array) and out.dtype == types.float64 and (out.ndim, out.layout) == (1, "C")
    if not (fits and out.mutable):
        raise TypingError(f"copy_last: out is a contiguous, writable array of float64 with one dimension: {out}")
    checked = _signature("value", (symbol, k, column, types.int64))

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = make_array(signature.args[-1])(context, builder, value=values[-1])
        data = builder.bitcast(array.data, context.get_value_type(types.voidptr))
        arguments = _unpack(context, builder, signature.args[:-1], values[:-1])
        return _emit_call(context, builder, "copy_last", [*arguments, array.nitems, data])

    return types.int64(*checked.args[:-1], out), codegen


overload(copy_last)(lambda symbol, k, column, out: lambda symbol, k, column, out: _copy_last(symbol, k, column, out))  # noqa: ARG005


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
    return _from_python("read_last")(_handle(symbol), k, len(ts), *(array.ctypes.data for array in arrays))


@intrinsic
def _read_last(typingctx: Any, symbol: Any, k: Any, ts: Any, o: Any, h: Any, low: Any, c: Any, v: Any) -> Any:  # noqa: ARG001
    columns = (ts, o, h, low, c, v)
    for column, dtype in zip(columns, (types.int64, *(types.float64,) * 5), strict=True):
        fits = isinstance(column, types.Array) and column.dtype == dtype and (column.ndim, column.layout) == (1, "C")
        if not (fits and column.mutable):
            raise TypingError(
                "read_last: columns are contiguous, writable arrays with one dimension, of int64 times, else of"
                f" float64: {column}"
            )
    checked = _signature("count", (symbol, k))

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = [
            make_array(kind)(context, builder, value=value)
            for kind, value in zip(signature.args[2:], values[2:], strict=True)
        ]
        pointers = [builder.bitcast(array.data, context.get_value_type(types.voidptr)) for array in arrays]
        n, same = arrays[0].nitems, cgutils.true_bit
        for array in arrays[1:]:
            same = builder.and_(same, builder.icmp_signed("==", array.nitems, n))
        # nothing may be written beyond the shortest
        n = builder.select(same, n, context.get_constant(types.intp, 0))
        arguments = _unpack(context, builder, signature.args[:2], values[:2])
        count = _emit_call(context, builder, "read_last", [*arguments, n, *pointers])
        return builder.select(same, count, context.get_constant(types.int64, ERR_NO_SERIES))

    return types.int64(*checked.args, *columns), codegen


overload(read_last)(
    lambda symbol, k, ts, open, high, low, close, volume: (  # noqa: A006, ARG005
        lambda symbol, k, ts, open, high, low, close, volume: _read_last(  # noqa: A006
            symbol, k, ts, open, high, low, close, volume
        )
    )
)


def states(symbol: Symbol, k: int, /) -> tuple[int, int, int, int, int, int]:
    """Expected, present, missing, no_trade and halted slots of series `k` that are over, and the
    number of its gaps: of one moment, where calls one after the other may lie on both sides of a
    bar. After an error the first is negative."""
    found = np.zeros(_NSTATES, np.int64)
    status = _from_python("states")(_handle(symbol), k, found.ctypes.data)
    return (status or int(found[0]), *found[1:].tolist())


_NSTATES = 6


def _emit_states(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    i64 = ir.IntType(64)
    found = cgutils.alloca_once_value(builder, ir.Constant(ir.ArrayType(i64, _NSTATES), None))
    pointer = builder.bitcast(found, context.get_value_type(types.voidptr))
    arguments = _unpack(context, builder, signature.args, values)
    status = _emit_call(context, builder, "states", [*arguments, pointer])
    numbers = [builder.load(cgutils.gep_inbounds(builder, found, 0, i)) for i in range(_NSTATES)]
    numbers[0] = builder.select(builder.icmp_signed("<", status, ir.Constant(i64, 0)), status, numbers[0])
    return context.make_tuple(builder, signature.return_type, numbers)


@intrinsic
def _states(typingctx: Any, symbol: Any, k: Any) -> Any:  # noqa: ARG001
    return types.UniTuple(types.int64, _NSTATES)(*_signature("count", (symbol, k)).args), _emit_states


@intrinsic
def _series_states(typingctx: Any, series: Any) -> Any:  # noqa: ARG001
    return types.UniTuple(types.int64, _NSTATES)(series), _emit_states


overload(states)(lambda symbol, k: lambda symbol, k: _states(symbol, k))  # noqa: ARG005


# --- symbols and series as objects, as in Python ---


def _attribute(kind: Any, name: str, value: Callable[[Any], Any]) -> None:
    overload_attribute(kind, name)(lambda self: value)  # noqa: ARG005


def _method(name: str) -> None:
    call = _call[name]
    overload_method(SymbolType, name)(lambda self, *arguments: lambda self, *arguments: call(self, *arguments))  # noqa: ARG005


_method("append")
_method("append_tick")
_method("append_quote")
_method("advance_to")
_value, _count, _forming = (_call[name] for name in ("session_value", "count", "forming"))
_attribute(SymbolType, "session_volume", lambda self: _value(self, VOLUME))
_attribute(SymbolType, "session_high", lambda self: _value(self, HIGH))
_attribute(SymbolType, "session_low", lambda self: _value(self, LOW))


@register_jitable
def _completeness(states: Any) -> float:
    """NaN where there is no answer, as the quality."""
    if states[0] > 0:
        return 100.0 * (states[0] - states[2]) / states[0]
    return 100.0 if states[0] == 0 else np.nan


@intrinsic
def _make_series(typingctx: Any, symbol: Any, k: Any) -> Any:  # noqa: ARG001
    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        native = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=values[0])
        series = cgutils.create_struct_proxy(_series)(context, builder)
        series.handle, series.pin, series.k = native.handle, native.pin, values[1]
        context.nrt.incref(builder, _PIN, series.pin)
        return series._getvalue()

    return _series(symbol, types.int64), codegen


@overload_method(SymbolType, "bars", prefer_literal=True)
def _bars(self: Any, interval: Any = None) -> Any:  # noqa: ARG001
    call = _call["series"]
    if interval is None or isinstance(interval, types.NoneType | types.Omitted):

        def base(self: Any, interval: Any = None) -> Any:  # noqa: ARG001
            return _make_series(self, 0)

        return base
    step_ns = _step_ns(interval)
    message = f"the symbol holds no interval {interval.literal_value!r}"

    def derived(self: Any, interval: Any = None) -> Any:  # noqa: ARG001
        k = call(self, step_ns)
        if k < 0:
            raise UnknownNameError(message)
        return _make_series(self, k)

    return derived


def _column(name: str) -> Any:
    """Live rows of a column of a series as an array; empty without a session."""
    column = _COLUMNS[name]
    array_type = types.Array(types.int64 if column == TIMESTAMP else types.float64, 1, "C", readonly=True)

    @intrinsic
    def view(typingctx: Any, series: Any) -> Any:  # noqa: ARG001
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            series = cgutils.create_struct_proxy(_series)(context, builder, value=values[0])
            rows = cgutils.alloca_once(builder, context.get_value_type(types.voidptr))
            arguments = [series.handle, series.k, context.get_constant(types.int64, column), rows]
            n = _emit_call(context, builder, "column", arguments)
            zero = context.get_constant(types.intp, 0)
            n = builder.select(builder.icmp_signed("<", n, zero), zero, n)
            array = make_array(signature.return_type)(context, builder)
            populate_array(
                array,
                data=builder.bitcast(builder.load(rows), array.data.type),
                shape=[n],
                strides=[context.get_constant(types.intp, 8)],
                itemsize=context.get_constant(types.intp, 8),
                meminfo=series.pin,
            )
            # an array that is returned keeps the memory alive
            context.nrt.incref(builder, _PIN, series.pin)
            return array._getvalue()

        return array_type(series), codegen

    return lambda self: view(self)


for _name in _COLUMNS:
    _attribute(SeriesType, _name, _column(_name))
for _name in ("slot_stop", "expected", "present", "missing", "gap_count", "quality", "total_count"):
    _attribute(SeriesType, _name, (lambda call: lambda self: call(self))(_call[_name]))
_attribute(
    SeriesType,
    "completeness",
    lambda self: _completeness(_series_states(self)),
)
_attribute(SeriesType, "forming", lambda self: _forming(self) == 1)


overload(len)(lambda series: (lambda series: max(_count(series), 0)) if isinstance(series, SeriesType) else None)
