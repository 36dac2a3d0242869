"""Calls that pass memory: newest values, newest rows, counts of one moment."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import (
    intrinsic,
)
from numba.np.arrayobj import make_array

from sessiondata.jit.constants import (
    ERR_NO_SERIES,
)
from sessiondata.jit.table import c_arguments, emit_call, signature_of

__all__ = [
    "N_STATES",
    "copy_last_call",
    "drain_call",
    "read_last_call",
    "series_states_call",
    "states_call",
    "window_call",
    "window_values_call",
]

N_STATES = 6


@intrinsic
def copy_last_call(typingctx: Any, symbol: Any, k: Any, column: Any, out: Any) -> Any:  # noqa: ARG001
    fits = isinstance(out, types.Array) and out.dtype == types.float64 and (out.ndim, out.layout) == (1, "C")
    if not (fits and out.mutable):
        raise TypingError(f"copy_last: out is a contiguous, writable array of float64 with one dimension: {out}")
    checked = signature_of("value", (symbol, k, column, types.int64))

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = make_array(signature.args[-1])(context, builder, value=values[-1])
        data = builder.bitcast(array.data, context.get_value_type(types.voidptr))
        arguments = c_arguments(context, builder, signature.args[:-1], values[:-1])
        return emit_call(context, builder, "copy_last", [*arguments, array.nitems, data])

    return types.int64(*checked.args[:-1], out), codegen


def _check_columns(name: str, columns: tuple[Any, ...], kinds: tuple[Any, ...], text: str) -> None:
    for column, wanted in zip(columns, kinds, strict=True):
        fits = isinstance(column, types.Array) and column.dtype in wanted and (column.ndim, column.layout) == (1, "C")
        if not (fits and column.mutable):
            raise TypingError(f"{name}: columns are contiguous, writable arrays with one dimension, {text}: {column}")


def _emit_into(context: Any, builder: Any, name: str, arguments: list[Any], kinds: Any, values: Any) -> Any:
    """A call with the length of arrays and their memory; an error where they have not one
    length."""
    arrays = [make_array(kind)(context, builder, value=value) for kind, value in zip(kinds, values, strict=True)]
    pointers = [builder.bitcast(array.data, context.get_value_type(types.voidptr)) for array in arrays]
    n, same = arrays[0].nitems, cgutils.true_bit
    for array in arrays[1:]:
        same = builder.and_(same, builder.icmp_signed("==", array.nitems, n))
    # nothing may be written beyond the shortest
    n = builder.select(same, n, context.get_constant(types.intp, 0))
    k_and_n = 2  # what comes before the length: handle and number of the series
    count = emit_call(context, builder, name, [*arguments[:k_and_n], n, *arguments[k_and_n:], *pointers])
    return builder.select(same, count, context.get_constant(types.int64, ERR_NO_SERIES))


@intrinsic
def read_last_call(typingctx: Any, symbol: Any, k: Any, ts: Any, o: Any, h: Any, low: Any, c: Any, v: Any) -> Any:  # noqa: ARG001
    columns = (ts, o, h, low, c, v)
    kinds = ((types.int64,), *((types.float64,),) * 5)
    _check_columns("read_last", columns, kinds, "of int64 times, else of float64")
    checked = signature_of("count", (symbol, k))

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arguments = c_arguments(context, builder, signature.args[:2], values[:2])
        return _emit_into(context, builder, "read_last", arguments, signature.args[2:], values[2:])

    return types.int64(*checked.args, *columns), codegen


@intrinsic
def window_call(
    typingctx: Any,  # noqa: ARG001
    symbol: Any,
    k: Any,
    flags: Any,
    ts: Any,
    o: Any,
    h: Any,
    low: Any,
    c: Any,
    v: Any,
    date: Any,
) -> Any:
    columns = (ts, o, h, low, c, v, date)
    kinds = ((types.int64,), *((types.float64,),) * 5, (types.int64, types.NPDatetime("D")))
    text = "of int64 times, float64 values, and int64 or datetime64[D] dates"
    _check_columns("window", columns, kinds, text)
    checked = signature_of("timestamp", (symbol, k, flags))

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arguments = c_arguments(context, builder, signature.args[:3], values[:3])
        return _emit_into(context, builder, "window", arguments, signature.args[3:], values[3:])

    return types.int64(*checked.args, *columns), codegen


@intrinsic
def window_values_call(typingctx: Any, symbol: Any, k: Any, column: Any, flags: Any, out: Any) -> Any:  # noqa: ARG001
    _check_columns("window_values", (out,), ((types.float64,),), "of float64")
    checked = signature_of("value", (symbol, k, column, flags))

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = make_array(signature.args[-1])(context, builder, value=values[-1])
        data = builder.bitcast(array.data, context.get_value_type(types.voidptr))
        *head, flags = c_arguments(context, builder, signature.args[:-1], values[:-1])
        return emit_call(context, builder, "window_values", [*head, array.nitems, flags, data])

    return types.int64(*checked.args, out), codegen


def _emit_states(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    i64 = ir.IntType(64)
    found = cgutils.alloca_once_value(builder, ir.Constant(ir.ArrayType(i64, N_STATES), None))
    pointer = builder.bitcast(found, context.get_value_type(types.voidptr))
    arguments = c_arguments(context, builder, signature.args, values)
    status = emit_call(context, builder, "states", [*arguments, pointer])
    numbers = [builder.load(cgutils.gep_inbounds(builder, found, 0, i)) for i in range(N_STATES)]
    numbers[0] = builder.select(builder.icmp_signed("<", status, ir.Constant(i64, 0)), status, numbers[0])
    return context.make_tuple(builder, signature.return_type, numbers)


@intrinsic
def states_call(typingctx: Any, symbol: Any, k: Any) -> Any:  # noqa: ARG001
    return types.UniTuple(types.int64, N_STATES)(*signature_of("count", (symbol, k)).args), _emit_states


@intrinsic
def series_states_call(typingctx: Any, series: Any) -> Any:  # noqa: ARG001
    return types.UniTuple(types.int64, N_STATES)(series), _emit_states


@intrinsic
def drain_call(
    typingctx: Any,  # noqa: ARG001
    feed: Any,
    symbol: Any,
    interval: Any,
    kind: Any,
    ts: Any,
    o: Any,
    h: Any,
    low: Any,
    c: Any,
    v: Any,
    n_base: Any,
) -> Any:
    columns = (symbol, interval, kind, ts, o, h, low, c, v, n_base)
    kinds = (*((types.int64,),) * 4, *((types.float64,),) * 5, (types.int64,))
    _check_columns("drain", columns, kinds, "of int64, prices and volumes of float64")
    if not isinstance(feed, types.Integer):
        raise TypingError(f"drain: a consumer is named by its handle, feed.handle: {feed}")

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _emit_into(context, builder, "drain", values[:1], signature.args[1:], values[1:])

    return types.int64(types.int64, *columns), codegen
