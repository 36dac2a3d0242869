"""Checks of the kind of an option.

An option of a wrong kind is one error that names the parameter; Python's own errors do not.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from sessiondata.errors import ArgumentTypeError, format_value

__all__ = ["check_bool", "check_index", "check_iterable", "check_real", "is_number", "names_of", "set_of_names"]


def check_bool(name: str, value: Any) -> bool:
    """A bool of Python's or NumPy's as a plain one. Other values are refused, since all of them
    have a truth: that of ``"no"`` is True."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentTypeError(f"{name} is True or False: {format_value(value)}", value=value)
    return bool(value)


def check_index(name: str, value: Any) -> int:
    """An integer of any kind as a plain one."""
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"{name} is a whole number: {format_value(value)}", value=value) from None


def is_number(value: Any) -> bool:
    """Whether a value may be passed to `float`. It would make a number of a bool, of the
    nanoseconds of a time, of what is masked, and of a text or a bool in an array without
    dimensions."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.dtype.kind in "iuf" and value.ndim == 0 and not isinstance(value, np.ma.MaskedArray)
    return not isinstance(value, (bool, str, bytes, bytearray))


def check_real(name: str, value: Any, symbol: str | None = None) -> float:
    """A real number as a float. An int beyond floats is infinite: the caller checks the range."""
    if is_number(value):
        try:
            return float(value)
        except OverflowError:
            return math.copysign(math.inf, value > 0 or -1)
        except (TypeError, ValueError):
            pass
    rule = f"{name} is a real number"
    raise ArgumentTypeError(f"{rule}: {format_value(value)}", rule=rule, value=value, symbol=symbol, code="ERR_TYPE")


def check_iterable(rule: str, values: Any) -> Any:
    """An iterable as it is. `rule` says what the option should be. Errors of the iterable itself
    pass through."""
    try:
        iter(values)
    except TypeError:
        raise ArgumentTypeError(f"{rule}: {format_value(values)}", value=values) from None
    return values


def names_of(what: str, names: Iterable[str]) -> list[str]:
    """Names as a list. A single str is refused, which would be a list of characters."""
    if isinstance(names, str):
        raise ArgumentTypeError(f"{what} are a list of names, not one name: {names!r}", value=names)
    return list(check_iterable(f"{what} are a list of names", names))


def set_of_names(what: str, names: Any) -> frozenset[str]:
    """Names that a caller lists, each once."""
    listed = names_of(what, names)
    try:
        return frozenset(listed)
    except TypeError:  # a list is no name
        raise ArgumentTypeError(f"{what} are a list of names: {listed!r}", value=listed) from None
