"""numba's types of a symbol and of a series: how they are typed, held and unboxed."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import (
    NativeValue,
    models,
    register_model,
    typeof_impl,
    unbox,
)

from sessiondata import capi
from sessiondata.errors import IntervalError
from sessiondata.rows.series import BarSeries
from sessiondata.store.symbol import SymbolSessionData
from sessiondata.time.intervals import parse_interval

__all__ = ["PIN", "SERIES", "SYMBOL", "SeriesType", "SymbolType", "literal_step_ns"]


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


SYMBOL, SERIES = SymbolType(), SeriesType()
# counts references to the session's memory, for arrays that are returned
PIN = types.MemInfoPointer(types.voidptr)


@register_model(SymbolType)
class _SymbolModel(models.StructModel):
    def __init__(self, manager: Any, kind: SymbolType) -> None:
        super().__init__(manager, kind, [("handle", types.int64), ("pin", PIN)])


@register_model(SeriesType)
class _SeriesModel(models.StructModel):
    def __init__(self, manager: Any, kind: SeriesType) -> None:
        super().__init__(manager, kind, [("handle", types.int64), ("pin", PIN), ("k", types.int64)])


@typeof_impl.register(SymbolSessionData)
def _typeof_symbol(value: Any, c: Any) -> SymbolType:  # noqa: ARG001
    return SYMBOL


@typeof_impl.register(BarSeries)
def _typeof_series(value: Any, c: Any) -> SeriesType:  # noqa: ARG001
    return SERIES


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

        # References are leaked where the next attribute fails, which it only does without memory
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


def literal_step_ns(interval: Any) -> int:
    """Length of the interval that a literal argument names."""
    if not isinstance(interval, types.StringLiteral):
        raise TypingError(f'an interval is written out in numba code, such as "5m": {interval}')
    try:
        return parse_interval(interval.literal_value).step_ns
    except IntervalError as error:
        raise TypingError(str(error)) from error
