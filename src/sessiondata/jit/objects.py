"""Methods and attributes of symbols and series in compiled code, as they are in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import (
    intrinsic,
    overload,
    overload_attribute,
    overload_method,
    register_jitable,
)
from numba.np.arrayobj import make_array, populate_array

from sessiondata.errors import UnknownNameError
from sessiondata.jit.constants import (
    COLUMNS,
    HIGH,
    LOW,
    TIMESTAMP,
    VOLUME,
)
from sessiondata.jit.intrinsics import series_states_call
from sessiondata.jit.table import CALLS, emit_call
from sessiondata.jit.types import PIN, SERIES, SeriesType, SymbolType, literal_step_ns

__all__: list[str] = []


def _attribute(kind: Any, name: str, value: Callable[[Any], Any]) -> None:
    overload_attribute(kind, name)(lambda self: value)  # noqa: ARG005


def _method(name: str) -> None:
    call = CALLS[name]
    overload_method(SymbolType, name)(lambda self, *arguments: lambda self, *arguments: call(self, *arguments))  # noqa: ARG005


_method("append")
_method("append_tick")
_method("append_quote")
_method("advance_to")
_value, _count, _forming = (CALLS[name] for name in ("session_value", "count", "forming"))
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
        series = cgutils.create_struct_proxy(SERIES)(context, builder)
        series.handle, series.pin, series.k = native.handle, native.pin, values[1]
        context.nrt.incref(builder, PIN, series.pin)
        return series._getvalue()

    return SERIES(symbol, types.int64), codegen


@overload_method(SymbolType, "bars", prefer_literal=True)
def _bars(self: Any, interval: Any = None) -> Any:  # noqa: ARG001
    call = CALLS["series"]
    if interval is None or isinstance(interval, types.NoneType | types.Omitted):

        def base(self: Any, interval: Any = None) -> Any:  # noqa: ARG001
            return _make_series(self, 0)

        return base
    step_ns = literal_step_ns(interval)
    message = f"the symbol holds no interval {interval.literal_value!r}"

    def derived(self: Any, interval: Any = None) -> Any:  # noqa: ARG001
        k = call(self, step_ns)
        if k < 0:
            raise UnknownNameError(message)
        return _make_series(self, k)

    return derived


def _column(name: str) -> Any:
    """Live rows of a column of a series as an array; empty without a session."""
    column = COLUMNS[name]
    array_type = types.Array(types.int64 if column == TIMESTAMP else types.float64, 1, "C", readonly=True)

    @intrinsic
    def view(typingctx: Any, series: Any) -> Any:  # noqa: ARG001
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            series = cgutils.create_struct_proxy(SERIES)(context, builder, value=values[0])
            rows = cgutils.alloca_once(builder, context.get_value_type(types.voidptr))
            arguments = [series.handle, series.k, context.get_constant(types.int64, column), rows]
            n = emit_call(context, builder, "column", arguments)
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
            context.nrt.incref(builder, PIN, series.pin)
            return array._getvalue()

        return array_type(series), codegen

    return lambda self: view(self)


for _name in COLUMNS:
    _attribute(SeriesType, _name, _column(_name))
for _name in ("slot_stop", "expected", "present", "missing", "gap_count", "quality", "total_count"):
    _attribute(SeriesType, _name, (lambda call: lambda self: call(self))(CALLS[_name]))
_attribute(
    SeriesType,
    "completeness",
    lambda self: _completeness(series_states_call(self)),
)
_attribute(SeriesType, "forming", lambda self: _forming(self) == 1)


overload(len)(lambda series: (lambda series: max(_count(series), 0)) if isinstance(series, SeriesType) else None)
