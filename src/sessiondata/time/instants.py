"""What counts as a point in time, and its conversion to int64 nanoseconds since 1970-01-01 UTC
(`ts_ns`).

Rules, the same for one value and for an array:

* The unit comes from the type or dtype, never from the magnitude. Plain integers are nanoseconds,
  unless `unit=` says otherwise.
* An integer and an aware time are instants: `tz=` has no effect on them. A naive time is the wall
  clock of `tz=`. Without `tz=` it is a `TimeError` if its type could have carried a zone
  (``datetime``, pandas, polars, Arrow); ``datetime64`` cannot carry one and is UTC.
* A wall time that occurs twice is the first of the two (a naive ``datetime`` with ``fold=1`` is the
  second). One that the clocks skip is a `TimeError`.
* All arithmetic is on integers. What does not fit is a `TimeError`, never a wrapped value; units
  finer than a nanosecond are rounded down.

Columns are converted by `sessiondata.time.arrays`. pandas, polars and pyarrow are recognised by the
module of a value's type, so none of them is imported unless a value comes from it.
"""

from __future__ import annotations

import operator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import numpy as np

from sessiondata.errors import TimeError, format_value
from sessiondata.time.stamps import arrow_to_ns_array, datetime64_to_ns_array, fixed_ratio, is_from
from sessiondata.time.units import (
    LEAST_START_NS,
    MAX_NS,
    NAT,
    RANGE_RULE,
    UNIT_NAMES,
    UNIT_NS,
    check_unit,
    date_in_unit,
    plausible_unit,
)
from sessiondata.time.zones import naive_error, to_zone, wall_to_ns

__all__ = ["instant_ns", "to_ns", "type_hint"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ns(value: Any, tz: str | tzinfo | None = None) -> int:
    """Convert one point in time.

    Parameters
    ----------
    value : int, numpy integer, datetime64, datetime, pandas Timestamp or Arrow timestamp scalar
        Integers are nanoseconds since 1970-01-01 UTC; a ``datetime64`` of any unit is UTC unless
        there is a `tz`.
    tz : str or tzinfo, optional
        Zone whose wall clock a ``datetime64`` or a naive value shows. No effect on integers and
        aware values.

    Returns
    -------
    int
        Nanoseconds since 1970-01-01 UTC, within int64.

    Raises
    ------
    TimeError
        If `value` is naive without `tz`, NaT or null, a float, a bool, text or another type,
        outside int64, or a wall time that does not exist in `tz`.
    """
    if type(value) is int:  # the common case, before the chain of checks
        return _check_range(value, value)
    if isinstance(value, datetime) and not is_from("pandas", value):
        return _datetime_to_ns(value, tz)
    if isinstance(value, (np.datetime64, datetime)) or is_from("pandas", value):
        return _datetime64_to_ns(value, tz)
    if is_from("pyarrow", value) and hasattr(value, "as_py"):
        return _check_range(int(arrow_to_ns_array(_arrow_array_of(value), tz)[0]), value)
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise _not_a_time(value)
    try:
        number = operator.index(value)
    except TypeError as error:  # an ndarray has __index__ but is not a number
        raise _not_a_time(value) from error
    return _check_range(number, value)


def instant_ns(value: Any, unit: str | None = None) -> int:
    """Nanoseconds of a time that a caller asks about. An integer counts `unit`, by default
    nanoseconds.

    Raises
    ------
    TimeError
        As `to_ns`; if an integer lies before 1990 or beyond int64 and another unit puts it after
        1990 (``ERR_UNIT``; ``unit="ns"`` accepts it); or if there is a `unit` with a time that is
        no integer.
    ArgumentError
        If there is no such unit.
    """
    if unit is not None:
        check_unit(unit)
    number = to_ns(value)
    if not _is_integer(value):
        if unit is not None and not (isinstance(value, np.datetime64) and np.datetime_data(value.dtype)[0] == unit):
            raise TimeError(
                f"unit={unit!r} says what an integer counts, and this is a {type(value).__name__}: leave it out",
                value=unit,
            )
        return number
    if unit == "ns":
        return number
    ts_ns, meant = number * UNIT_NS[unit or "ns"], plausible_unit(number)
    if meant is None or LEAST_START_NS <= ts_ns <= MAX_NS:
        return _check_range(ts_ns, value)
    said = UNIT_NAMES[unit or "ns"]
    rule = f"time lies before 1990, or beyond 2262, as an integer of {said}"
    instead = "" if unit is None else f" in place of unit={unit!r}"
    early = ", or unit='ns' if 1970 is meant" if meant != "ns" else ""
    raise TimeError(
        f"{rule}: {number} (ERR_UNIT); in {UNIT_NAMES[meant]} it would be {date_in_unit(number, meant)}: pass"
        f" unit={meant!r}{instead}{early}",
        value=number, rule=rule, code="ERR_UNIT", unit=meant,
    )  # fmt: skip


def _is_integer(value: Any) -> bool:
    """Whether a point in time, of the types of `to_ns`, is an integer."""
    if is_from("pyarrow", value):
        return not hasattr(value.type, "unit")
    return not isinstance(value, (np.datetime64, datetime)) and not is_from("pandas", value)


def _not_a_time(value: Any) -> TimeError:
    return TimeError(f"not a point in time: {value!r} of type {type(value).__name__}; {type_hint(value)}", value=value)


def type_hint(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return "floats lose nanoseconds: pass an int, datetime64 or aware datetime"
    return "pass an int of nanoseconds, datetime64 or aware datetime"


def _check_range(number: int, value: Any) -> int:
    if number == NAT:
        raise TimeError(f"NaT is not a point in time: {value!r}", value=value)
    if not NAT < number <= MAX_NS:
        raise TimeError(f"{RANGE_RULE}: {format_value(value)}", value=value)
    return number


def _datetime_to_ns(value: datetime, tz: str | tzinfo | None) -> int:
    if value.utcoffset() is not None:
        return _check_range((value - _EPOCH) // timedelta(microseconds=1) * 1000, value)
    if tz is None:
        raise naive_error(f"datetime {value!r}", "value.replace(tzinfo=ZoneInfo('America/New_York'))", value)
    wall = (value.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) * 1000
    _check_range(wall, value)
    return int(wall_to_ns(np.array([wall], np.int64), to_zone(tz), fold=value.fold)[0])


def _datetime64_to_ns(value: Any, tz: str | tzinfo | None) -> int:
    """A datetime64, or a Timestamp or NaT of pandas, which know their datetime64 (in UTC, if they
    have a zone)."""
    fold, instant = 0, value
    if not isinstance(value, np.datetime64):
        if type(value).__name__ not in ("Timestamp", "NaTType"):
            raise _not_a_time(value)
        instant = value.to_datetime64()
        if not np.isnat(instant):
            if value.tzinfo is not None:
                tz = None
            elif tz is None:
                raise naive_error(f"Timestamp {value!r}", "value.tz_localize('America/New_York')", value)
            fold = value.fold
    ns = _check_range(_datetime64_ns(instant), value)
    return ns if tz is None else int(wall_to_ns(np.array([ns], np.int64), to_zone(tz), fold=fold)[0])


def _datetime64_ns(value: np.datetime64) -> int:
    """Nanoseconds of a datetime64, which may not fit in int64."""
    # Python's integers: ten times faster than an array of one.
    unit, count = np.datetime_data(value.dtype)
    ticks, ratio = int(value.view(np.int64)), fixed_ratio(unit)
    if ticks == NAT or ratio is None:
        return int(datetime64_to_ns_array(np.array([value]), None)[0])
    multiply, divide = ratio
    return ticks * count * multiply // divide


def _arrow_array_of(scalar: Any) -> Any:
    import pyarrow as pa

    return pa.array([scalar], type=scalar.type)
