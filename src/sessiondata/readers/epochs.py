"""Whole numbers that count time: what a unit makes of them, and which unit makes a plausible date.

The caller says the unit of whole numbers; it is never guessed. But a number that this unit puts
before 1990, or beyond int64 nanoseconds, while another unit puts it between 1990 and 2100, is
refused, and the message names the unit that fits. There is never more than one.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from sessiondata.time.units import LEAST_START_NS, MAX_NS, UNIT_NS, plausible_unit

__all__ = ["misread", "unit_advice"]

_DATE_FORMS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_DIGITS_RULE = "the digits of a date are no count of time: write it with separators, as 2024-03-12 09:30:00"


def misread(number: int, unit: str, is_mixed: bool = False) -> tuple[str, str] | None:
    """Why a number is no count of a unit.

    Parameters
    ----------
    number : int
        Count since 1970-01-01.
    unit : {"s", "ms", "us", "ns"}
    is_mixed : bool
        Whether the unit is right for other numbers of the column, so that no unit is right for all.

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
    if LEAST_START_NS <= ns <= MAX_NS:
        return None
    fitting = plausible_unit(number)
    if fitting is not None:
        rule = f"whole-number times are {fitting} and not {unit}, to lie between 1990 and 2100: pass --unit {fitting}"
        if is_mixed:
            rule = f"a whole-number time is {fitting} to lie between 1990 and 2100, and others of this file are {unit}"
        return rule, f"{number} is {_format_time(ns)} in {unit}, {_format_time(number * UNIT_NS[fitting])} in {fitting}"
    return (_DIGITS_RULE, str(number)) if _spells_date(number) else None


def unit_advice(number: int) -> str:
    """How to find the unit of a number that came without one, for a message."""
    if _spells_date(number):
        return _DIGITS_RULE
    fitting = plausible_unit(number)
    if fitting is None:
        return "pass --unit s, ms, us or ns"
    return f"pass --unit s, ms, us or ns ({fitting} makes {_format_time(number * UNIT_NS[fitting])} of it)"


def _spells_date(number: int) -> bool:
    form = _DATE_FORMS.get(len(str(number)))
    try:
        return form is not None and 1990 <= dt.datetime.strptime(str(number), form).year < 2100
    except ValueError:
        return False


def _format_time(ns: int) -> str:
    if abs(ns) > MAX_NS:
        return "beyond 2262" if ns > 0 else "before 1677"
    return str(np.datetime_as_string(np.datetime64(ns // UNIT_NS["s"], "s")))
