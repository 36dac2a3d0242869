"""Calls whose allocations fail, one after the other. Their tests are marked `allocations`."""

from __future__ import annotations

import ctypes
import gc
import itertools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from own_process import assert_own_process


def each_allocation_fails(call: Callable[[], object], check: Callable[[], None]) -> int:
    """Run `call` with its first allocation failing, then with its second one, until one run needs
    no more of them.

    Parameters
    ----------
    call : callable
        Raises MemoryError, and nothing else, where an allocation has failed.
    check : callable
        Run after each MemoryError.

    Returns
    -------
    int
        How many runs have failed.
    """
    testcapi = failing_allocations()
    for k in itertools.count():
        testcapi.set_nomemory(k, k + 1)
        try:
            call()
        except MemoryError:
            pass
        else:
            return k
        finally:
            testcapi.remove_mem_hooks()
        check()
    raise AssertionError("unreachable")


def failing_allocations() -> Any:
    """CPython's `_testcapi`, of which `set_nomemory(start, stop)` lets allocations fail up to
    `remove_mem_hooks()`."""
    assert_own_process()
    testcapi = pytest.importorskip("_testcapi")
    spare_code(testcapi)
    return testcapi


# CPython 3.12 and 3.13 give a reference to a code object back twice where there is no memory for
# the function (a lambda, a generator expression) that is made of it. The code is freed while it is
# in use, and the interpreter crashes, there or much later. That is no fault of the call under test,
# so each code object gets references to spare.

_SPARE = 200
_spared: dict[int, list[types.CodeType]] = {}
_n_modules = 0


def spare_code(testcapi: Any) -> None:
    """Give references to spare to all code that functions may be made of, if the interpreter loses
    some."""
    global _n_modules
    if _n_modules == len(sys.modules) or not loses_code(testcapi):
        return
    _n_modules = len(sys.modules)
    gc.unfreeze()  # frozen objects are not among those that it knows, see conftest.py
    for found in gc.get_objects():
        if type(found) is types.FunctionType:
            for code in _code_inside(found.__code__):
                _spared.setdefault(id(code), [code] * _SPARE)


def _code_inside(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _code_inside(constant)


def loses_code(testcapi: Any) -> bool:
    """Whether this interpreter loses a reference to the code of a function for which there is no
    memory."""

    def make() -> object:
        return lambda: None

    code = next(iter(_code_inside(make.__code__)))
    before = sys.getrefcount(code)
    for k in range(4):
        testcapi.set_nomemory(k, k + 1)
        try:
            make()
        except MemoryError:
            pass
        finally:
            testcapi.remove_mem_hooks()
    lost = before - sys.getrefcount(code)
    for _ in range(lost):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(code))
    return lost > 0
