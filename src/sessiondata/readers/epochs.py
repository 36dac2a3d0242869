"""Whole numbers that count time: what a unit makes of them, and which unit makes a plausible date.

The unit of a number is asked for, never guessed. But a number that the unit at hand puts before
1990, or beyond what int64 nanoseconds hold, while another puts it between 1990 and 2100, was given
the wrong one: it is refused, and the message says which unit fits. There is never more than one.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

__all__ = ["UNIT_NS", "misread", "unit_advice"]

UNIT_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}

_INT64_MAX = 2**63 - 1
_EARLIEST_NS = 631_152_000 * UNIT_NS["s"]  # 1990-01-01
_LATEST_NS = 4_102_444_800 * UNIT_NS["s"]  # 2100-01-01
_DATE_FORMS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_DIGITS_RULE = "the digits of a date are no count of time: write it with separators, as 2024-03-12 09:30:00"


def misread(number: int, unit: str) -> tuple[str, str] | None:
    """Tell why a number is no count of a unit.

    Parameters
    ----------
    number : int
        Count since 1970-01-01.
    unit : {"s", "ms", "us", "ns"}

    Returns
    -------
    tuple of str, or None
        The rule that it breaks, the same for all numbers of one mistake, and what it is in either
        unit. None if it may be right: a time since 1990, or one that no other unit puts there.

    Examples
    --------
    >>> misread(1_710_250_200_000, "us")[1]
    '1710250200000 is 1970-01-20T19:04:10 in us, 2024-03-12T13:30:00 in ms'
    """
    ns = number * UNIT_NS[unit]
    if _EARLIEST_NS <= ns <= _INT64_MAX:
        return None
    fitting = _plausible_unit(number)
    if fitting is not None:
        rule = f"whole-number times are {fitting} and not {unit}, to lie between 1990 and 2100: pass --unit {fitting}"
        return rule, f"{number} is {_shown(ns)} in {unit}, {_shown(number * UNIT_NS[fitting])} in {fitting}"
    return (_DIGITS_RULE, str(number)) if _spells_date(number) else None


def unit_advice(number: int) -> str:
    """Say how the unit of a number that came without one can be told."""
    if _spells_date(number):
        return _DIGITS_RULE
    fitting = _plausible_unit(number)
    if fitting is None:
        return "pass --unit s, ms, us or ns"
    return f"pass --unit s, ms, us or ns ({fitting} makes {_shown(number * UNIT_NS[fitting])} of it)"


def _plausible_unit(number: int) -> str | None:
    return next((unit for unit, ns in UNIT_NS.items() if _EARLIEST_NS <= number * ns < _LATEST_NS), None)


def _spells_date(number: int) -> bool:
    form = _DATE_FORMS.get(len(str(number)))
    try:
        return form is not None and 1990 <= dt.datetime.strptime(str(number), form).year < 2100
    except ValueError:
        return False


def _shown(ns: int) -> str:
    if abs(ns) > _INT64_MAX:
        return "beyond 2262" if ns > 0 else "before 1677"
    return str(np.datetime_as_string(np.datetime64(ns // UNIT_NS["s"], "s")))
