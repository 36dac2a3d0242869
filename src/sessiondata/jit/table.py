"""Calls of compiled code: the table of addresses, signatures, and what is emitted for a call.

LLVM resolves one name, `_TABLE_NAME`, to a table [ABI, address, address ...], the name and first
element of which never change. That is how a cached caller is bound. (Rejected: a name for each
function and version. A name that cannot be resolved ends the process with a segmentation fault
when the cached function is loaded, before Python could refuse it.) A caller that was compiled for
another ABI raises a RuntimeError. One that takes symbols as arguments is compiled anew, as the ABI
is part of their type.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, TypeAlias

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import (
    get_cython_function_address,
    lower_builtin,
)

from sessiondata import capi
from sessiondata.jit.types import SeriesType, SymbolType
from sessiondata.store.symbol import SymbolSessionData

__all__ = [
    "CALLS",
    "SIGNATURES",
    "SLOTS",
    "TABLE",
    "Symbol",
    "c_arguments",
    "emit_call",
    "from_python",
    "handle_of",
    "signature_of",
]

_TABLE_NAME = "sessiondata_functions"
_STALE = "compiled for another version of sessiondata: delete numba's cache of this function (*.nbi and *.nbc)"

#: A symbol in Python: itself, or its handle.
Symbol: TypeAlias = SymbolSessionData | int


SIGNATURES: dict[str, Any] = {
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
    "window": types.int64(*(types.int64,) * 4, *(types.voidptr,) * 7),
    "window_values": types.int64(*(types.int64,) * 5, types.voidptr),
    "drain": types.int64(types.int64, types.int64, *(types.voidptr,) * 10),
}
SLOTS = {name: 1 + i for i, name in enumerate(SIGNATURES)}
_ADDRESSES = {name: get_cython_function_address("sessiondata.capi", f"sd_{name}") for name in SIGNATURES}

# Compiled code reads it for as long as the process lives.
TABLE = np.array([capi.ABI, *_ADDRESSES.values()], np.int64)
llvmlite.binding.add_symbol(_TABLE_NAME, TABLE.ctypes.data)


def emit_call(context: Any, builder: Any, name: str, arguments: list[Any]) -> Any:
    """LLVM code of a call through the table; raises in the numba function if the table is of
    another ABI."""
    module, i64 = builder.module, ir.IntType(64)
    table = module.globals.get(_TABLE_NAME)
    if table is None:
        table = cgutils.add_global_variable(module, ir.ArrayType(i64, len(TABLE)), _TABLE_NAME)

    def element(i: int) -> Any:
        load = builder.load(cgutils.gep_inbounds(builder, table, 0, i))
        # so that loops keep it in a register
        load.set_metadata("invariant.load", module.add_metadata([]))
        return load

    with cgutils.if_unlikely(builder, builder.icmp_signed("!=", element(0), ir.Constant(i64, capi.ABI))):
        context.call_conv.return_user_exc(builder, RuntimeError, (_STALE,))
    declared = SIGNATURES[name]
    parameters = [context.get_value_type(kind) for kind in declared.args]
    kind = ir.FunctionType(context.get_value_type(declared.return_type), parameters)
    return builder.call(builder.inttoptr(element(SLOTS[name]), kind.as_pointer()), arguments)


def c_arguments(context: Any, builder: Any, kinds: Any, values: Any) -> list[Any]:
    """C arguments: a symbol is its handle, a series the handle and its number."""
    arguments: list[Any] = []
    for kind, value in zip(kinds, values, strict=True):
        if isinstance(kind, SymbolType | SeriesType):
            native = cgutils.create_struct_proxy(kind)(context, builder, value=value)
            arguments += [native.handle, native.k] if isinstance(kind, SeriesType) else [native.handle]
        else:
            arguments.append(value)
    return arguments


def signature_of(name: str, arguments: tuple[Any, ...], keywords: Any = None) -> Any:
    """numba signature of a call by the types of its arguments. A TypingError if they do not fit."""
    declared, fits = SIGNATURES[name], list(arguments[:1])
    if keywords:
        raise TypingError(f"{name}: arguments are positional")
    if not arguments or not isinstance(arguments[0], SymbolType | SeriesType | types.Integer):
        raise TypingError(
            f"{name}: the first argument is a symbol or its handle, not {arguments[0] if arguments else 'absent'}"
        )
    n_first = 2 if isinstance(arguments[0], SeriesType) else 1
    if len(declared.args) - n_first != len(arguments) - 1:
        raise TypingError(
            f"{name}: {len(declared.args) - n_first} arguments come after {arguments[0]}, not {len(arguments) - 1}"
        )
    for position, (kind, wanted) in enumerate(zip(arguments[1:], declared.args[n_first:], strict=True), 2):
        allowed = types.Integer if wanted == types.int64 else types.Integer | types.Float
        if not isinstance(kind, allowed):
            raise TypingError(
                f"{name}: argument {position} is {'an int' if wanted == types.int64 else 'a number'}: {kind}"
            )
        fits.append(wanted)
    if isinstance(fits[0], types.Integer):
        fits[0] = types.int64
    return declared.return_type(*fits)


def from_python(name: str) -> Callable[..., Any]:
    """The C function for Python, which holds on to the GIL while it runs."""
    c_types: dict[Any, Any] = {
        types.int64: ctypes.c_int64,
        types.float64: ctypes.c_double,
        types.voidptr: ctypes.c_void_p,
    }
    declared = SIGNATURES[name]
    return ctypes.PYFUNCTYPE(c_types[declared.return_type], *(c_types[kind] for kind in declared.args))(
        _ADDRESSES[name]
    )


def handle_of(symbol: Symbol) -> int:
    return symbol.handle if isinstance(symbol, SymbolSessionData) else symbol


def _bind(name: str) -> Any:
    """The C function as something that numba code can call, and (for debugging) Python too."""
    call = from_python(name)

    def function(symbol: Symbol, /, *arguments: Any) -> Any:
        return call(handle_of(symbol), *arguments)

    # Below numba's `overload` and `intrinsic`, which know no functions that take a series in place
    # of two numbers.
    class Template(AbstractTemplate):
        key = function

        def generic(self, arguments: Any, keywords: Any) -> Any:
            return signature_of(name, arguments, keywords)

    infer_global(function, types.Function(Template))

    @lower_builtin(function, types.VarArg(types.Any))
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return emit_call(context, builder, name, c_arguments(context, builder, signature.args, values))

    return function


_WITH_MEMORY = (
    "column",
    "copy_last",
    "read_last",
    "states",
    "window",
    "window_values",
    "drain",
)  # called by intrinsics of their own
CALLS: dict[str, Any] = {name: _bind(name) for name in SIGNATURES if name not in _WITH_MEMORY}
