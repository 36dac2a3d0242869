"""Options of a wrong kind: one error that names the parameter, in place of Python's own, which does not."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from sessiondata.errors import ArgumentTypeError, shown

__all__ = ["check_bool", "check_index", "check_iterable", "check_real", "names_of"]


def check_bool(name: str, value: Any) -> bool:
    """A bool, Python's or NumPy's, as a plain one. Any other value has a truth, too: ``"no"`` is true."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentTypeError(f"{name} is True or False: {shown(value)}", value=value)
    return bool(value)


def check_index(name: str, value: Any) -> int:
    """An integer of any kind as a plain one."""
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"{name} is a whole number: {shown(value)}", value=value) from None


def check_real(name: str, value: Any) -> Any:
    """A real number, as it is."""
    try:
        if not isinstance(value, (str, bytes, bytearray)):
            float(value)
            return value
    except TypeError:
        pass
    except (ValueError, OverflowError):  # a number, whose range the caller checks
        return value
    raise ArgumentTypeError(f"{name} is a real number: {shown(value)}", value=value)


def check_iterable(rule: str, values: Any) -> Any:
    """What can be iterated over, as it is; `rule` says what it should be. What an iterable raises is its own."""
    try:
        iter(values)
    except TypeError:
        raise ArgumentTypeError(f"{rule}: {shown(values)}", value=values) from None
    return values


def names_of(what: str, names: Iterable[str]) -> list[str]:
    """A list of names, which one name is not."""
    if isinstance(names, str):
        raise ArgumentTypeError(f"{what} are a list of names, not one name: {names!r}", value=names)
    return list(check_iterable(f"{what} are a list of names", names))
