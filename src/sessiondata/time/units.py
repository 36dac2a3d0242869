"""Units of integers that count time, and what is refused of integers that count another one.

An integer counts nanoseconds unless ``unit=`` says otherwise; its magnitude decides nothing. But an
integer that its unit puts before 1990, while another unit puts it between 1990 and 2100, is most
likely of that other unit: it is an error (``ERR_UNIT``) that names the other unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sessiondata.errors import ArgumentError, TimeError, format_value

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "DAY_NS",
    "LEAST_START_NS",
    "MAX_NS",
    "NAT",
    "RANGE_RULE",
    "UNIT_NAMES",
    "UNIT_NS",
    "Int64Array",
    "check_plausible",
    "check_unit",
    "date_in_unit",
    "first_early",
    "plausible_unit",
    "unit_error",
    "with_unit",
]

Int64Array: TypeAlias = "npt.NDArray[np.int64]"

#: int64 that stands for "not a time" in NumPy and pandas; never a valid timestamp here.
NAT = -(2**63)
MAX_NS = 2**63 - 1
DAY_NS = 86_400_000_000_000
RANGE_RULE = "outside the years 1677 to 2262 that int64 nanoseconds can express"

#: Nanoseconds of what `unit=` may say of integers.
UNIT_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

#: 1990-01-01 UTC, the earliest time at which a bar starts a session by itself. An earlier integer
#: rather counts another unit: today's seconds, milliseconds and microseconds are times of 1970 if
#: they are taken for nanoseconds.
LEAST_START_NS = 631_152_000_000_000_000
_YEAR_2100_NS = 4_102_444_800_000_000_000


def check_unit(unit: str) -> int:
    """Nanoseconds of a unit. An `ArgumentError` if there is no such unit."""
    try:
        return UNIT_NS[unit]
    except (KeyError, TypeError):
        raise ArgumentError(
            f"unit is one of {', '.join(map(repr, UNIT_NS))}: {format_value(unit)}", value=unit
        ) from None


def plausible_unit(number: int) -> str | None:
    """The unit in which an integer is a time between 1990 and 2100, or None. There is at most one,
    since the units lie a factor of 1,000 apart."""
    for unit, factor in UNIT_NS.items():
        if LEAST_START_NS <= number * factor < _YEAR_2100_NS:
            return unit
    return None


def date_in_unit(number: int, unit: str) -> np.datetime64:
    """The time that an integer is in a unit, for messages."""
    date: np.datetime64 = np.datetime64(number * UNIT_NS[unit], "ns").astype("M8[s]")
    return date


def unit_error(
    ts_ns: int,
    *,
    symbol: str | None,
    row: int | None,
    unit: str | None = None,
    is_counted: bool = True,
    is_mixed: bool = False,
) -> TimeError:
    """The error for a time from before 1990, for which there is no session.

    Parameters
    ----------
    ts_ns : int
        The time, by the unit that was assumed.
    row : int or None
        None for a single bar, trade or quote: those calls have no ``unit=``.
    unit : str or None
        What integers count, by the caller's ``unit=``.
    is_counted : bool
        Whether the column is of integers, to which ``unit=`` applies, and not of datetimes.
    is_mixed : bool
        Whether other rows lie after 1990, so that no ``unit=`` is right for all.
    """
    number = ts_ns // UNIT_NS[unit or "ns"] if is_counted else ts_ns
    other = plausible_unit(number)
    place = ("" if row is None else f"row={row} ") + f"ts_ns={ts_ns} ({np.datetime64(ts_ns, 'ns')})"
    if symbol is not None:
        place += f" symbol={symbol!r}"
    if other is None:
        hint = "as an integer it is plausible in no unit (s, ms, us, ns)"
    else:
        factor = f"multiply it by {UNIT_NS[other] // (UNIT_NS[unit or 'ns'] if is_counted else 1):_}"
        if row is None:
            do = f"{factor}, or pass unit= to extend"
        elif not is_counted:
            do = f"make the datetimes of that unit, or pass the integers with unit={other!r}"
        elif is_mixed:
            do = f"{factor}, since other rows count {UNIT_NAMES[unit or 'ns']}"
        else:
            do = f"pass unit={other!r}" + ("" if unit is None else f" in place of unit={unit!r}")
        hint = f"as an integer of {UNIT_NAMES[other]} it would be {date_in_unit(number, other)}: {do}"
    rule = "timestamp lies before 1990, where no day is and none starts by itself"
    return TimeError(
        f"{rule}: {place} (ERR_UNIT); {hint}; a date that early is meant by start_session(date), or by"
        " load_historical_bars with unit='ns'",
        symbol=symbol, row=row, value=ts_ns, rule=rule, code="ERR_UNIT", unit=other,
    )  # fmt: skip


def with_unit(error: TimeError, times: Int64Array, unit: str | None, is_counted: bool) -> TimeError:
    """An error of `unit_error`, made anew with what its first maker did not know: the caller's
    ``unit=``, and of what kind the column is. Other errors are returned as they are."""
    if error.code != "ERR_UNIT":
        return error
    row = error.row
    if row is None and (found := np.flatnonzero(times == error.value)).size:
        row = int(found[0])
    return unit_error(
        error.value, symbol=error.symbol, row=row, unit=unit, is_counted=is_counted,
        is_mixed=bool((times >= LEAST_START_NS).any()),
    )  # fmt: skip


def first_early(times: Int64Array) -> tuple[int, bool] | None:
    """Row of the earliest of these times if it lies before 1990, and whether another one lies after
    1990; else None. NaT is no time."""
    early = np.flatnonzero(times < LEAST_START_NS)
    early = early[times[early] != NAT]
    if not len(early):
        return None
    return int(early[times[early].argmin()]), bool((times >= LEAST_START_NS).any())


def check_plausible(ts_ns: int, *, symbol: str | None = None) -> int:
    """Return the time. A `TimeError` that names the right unit, if the time lies before 1990 and
    another unit puts it after 1990.

    For calls that look a time up and start no session. There a time before 1990 may well be meant:
    ``since(0)`` is all rows. But one that is plausible in another unit is a mistake. Callers that
    hold a session from before 1990 skip this check.
    """
    unit = plausible_unit(ts_ns) if ts_ns < LEAST_START_NS else None
    if unit is None:
        return ts_ns
    rule = "time lies before 1990 as an integer of nanoseconds, where no day is"
    place = f"{ts_ns} ({np.datetime64(ts_ns, 'ns')})" + ("" if symbol is None else f" symbol={symbol!r}")
    raise TimeError(
        f"{rule}: {place} (ERR_UNIT); in {UNIT_NAMES[unit]} it would be {date_in_unit(ts_ns, unit)}: multiply it by"
        f" {UNIT_NS[unit]:_}, the unit of an int is ns",
        symbol=symbol, value=ts_ns, rule=rule, code="ERR_UNIT", unit=unit,
    )  # fmt: skip
