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

pandas, polars and pyarrow are recognised by the module of a value's type, so none of them is
imported here unless a value comes from it.
"""

from __future__ import annotations

import operator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from sessiondata.errors import ArgumentError, TimeError, format_value

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "LEAST_START_NS",
    "UNIT_NS",
    "are_counted",
    "check_meant",
    "check_no_conflict",
    "first_early",
    "from_ns",
    "instant_ns",
    "is_plain",
    "nulls_to_nat",
    "ticks_to_ns",
    "to_ns",
    "to_ns_array",
    "to_zone",
    "unit_error",
    "utc_offsets",
    "wall_to_ns",
    "with_unit",
]

Int64Array: TypeAlias = "npt.NDArray[np.int64]"

#: int64 that stands for "not a time" in NumPy and pandas; never a valid timestamp here.
NAT = -(2**63)

#: Nanoseconds of what `unit=` may say of integers.
UNIT_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

#: 1990-01-01 UTC. No earlier bar starts a session by itself: it is rather an integer of another
#: unit, since what counts seconds, milliseconds or microseconds from 1970 on is an early time of
#: 1970 if it is taken for nanoseconds.
LEAST_START_NS = 631_152_000_000_000_000

_INT64 = np.dtype(np.int64)
_ndarray = np.ndarray
_PLAIN = 0x0101  # NPY_ARRAY_C_CONTIGUOUS and NPY_ARRAY_ALIGNED
_MAX_NS = 2**63 - 1
_DAY_NS = 86_400_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE = "ERR_NAIVE"

# Length of a datetime64 unit as (multiply by, divide by), to get nanoseconds. Years and months have
# no fixed length: they become days first.
_UNIT_RATIOS = {
    "W": (7 * _DAY_NS, 1),
    "D": (_DAY_NS, 1),
    "h": (3_600_000_000_000, 1),
    "m": (60_000_000_000, 1),
    "s": (1_000_000_000, 1),
    "ms": (1_000_000, 1),
    "us": (1_000, 1),
    "ns": (1, 1),
    "ps": (1, 1_000),
    "fs": (1, 1_000_000),
    "as": (1, 1_000_000_000),
}


def to_ns(value: Any, tz: str | tzinfo | None = None) -> int:
    """Convert one point in time.

    Parameters
    ----------
    value : int, numpy integer, datetime64, datetime, pandas Timestamp or Arrow timestamp scalar
        Integers are nanoseconds since 1970-01-01 UTC; a ``datetime64`` of any unit is UTC unless
        `tz` is given.
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
    if type(value) is int:  # the common case, told without a chain of checks
        return _check_range(value, value)
    if isinstance(value, datetime) and not _is_from("pandas", value):
        return _datetime_to_ns(value, tz)
    if isinstance(value, (np.datetime64, datetime)) or _is_from("pandas", value):
        return _datetime64_to_ns(value, tz)
    if _is_from("pyarrow", value) and hasattr(value, "as_py"):
        return _one(_arrow_to_ns(_arrow_array_of(value), tz), value)
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise TimeError(f"not a point in time: {value!r} of type {type(value).__name__}; {_hint(value)}", value=value)
    try:
        number = operator.index(value)
    except TypeError as error:  # an ndarray has __index__ but is not a number
        raise TimeError(
            f"not a point in time: {value!r} of type {type(value).__name__}; {_hint(value)}", value=value
        ) from error
    return _check_range(number, value)


def to_ns_array(values: Any, tz: str | tzinfo | None = None, unit: str | None = None) -> Int64Array:
    """Convert a column of times.

    Parameters
    ----------
    values : one-dimensional array
        ndarray of integers (nanoseconds since 1970-01-01 UTC) or of ``datetime64``; pandas Series,
        Index or extension array; polars Series; Arrow Array or ChunkedArray; or a list, tuple or
        object array that holds only aware datetimes (naive ones with `tz`), only integers, or only
        ``datetime64``. Any byte order and any strides.
    tz : str or tzinfo, optional
        Zone whose wall clock ``datetime64`` and naive values show. No effect on integers and aware
        values.
    unit : {"s", "ms", "us", "ns"}, optional
        What integers count from 1970 on; by default nanoseconds. Of a dtype that has a unit it must
        be that one.

    Returns
    -------
    ndarray of int64, shape (n,)
        C-contiguous, aligned, native byte order. May be `values` itself or a view of its memory
        (and then read-only if that is); else new. NaT and nulls are kept as the least int64, for
        the caller to name the row.

    Raises
    ------
    TimeError
        If the values are naive without `tz`, not one-dimensional, of a dtype that is not a time
        (floats, bools, text, durations, dates of polars and Arrow), a mixture of kinds, outside
        int64, or wall times that do not exist in `tz`; or if `unit` contradicts them. Names the
        first bad row and its value.
    ArgumentError
        If there is no such unit.
    """
    if unit is not None:
        return _in_unit(values, tz, unit)
    if is_plain(values, _INT64):
        return cast("Int64Array", values)  # the usual case
    if isinstance(values, np.ndarray):
        return _ndarray_to_ns(values, tz)
    if _is_from("pandas", values):
        return _pandas_to_ns(values, tz)
    if _is_from("polars", values):
        return _polars_to_ns(values, tz)
    if _is_from("pyarrow", values):
        return _arrow_to_ns(values, tz)
    if isinstance(values, (list, tuple)):
        return _objects_to_ns(values, tz)
    if isinstance(values, (str, bytes)):
        raise TimeError(f"not a column of times: {values!r}; {_hint(values)}")
    return _ndarray_to_ns(np.asarray(values), tz)


def is_plain(values: Any, dtype: np.dtype[Any]) -> bool:
    """Whether a kernel can read `values` as they are: a one-dimensional ndarray of `dtype`,
    contiguous and aligned."""
    if type(values) is not _ndarray or values.ndim != 1:
        return False
    # One look at the flags, and at the dtype itself before its equality: half the time of the
    # obvious way.
    given = values.dtype
    return (given is dtype or given == dtype) and values.flags.num & _PLAIN == _PLAIN


def from_ns(ts_ns: int, zone: tzinfo) -> datetime:
    """Aware datetime of a timestamp in `zone`, rounded down to a microsecond.

    Parameters
    ----------
    ts_ns : int
        Nanoseconds since 1970-01-01 UTC, within int64.
    zone : tzinfo
        Such as ``ZoneInfo("America/New_York")``.
    """
    return (_EPOCH + timedelta(microseconds=int(ts_ns) // 1000)).astimezone(zone)


def to_zone(tz: str | tzinfo) -> tzinfo:
    """Zone of an IANA name; a tzinfo is returned as it is.

    Raises
    ------
    TimeError
        If there is no such zone, or `tz` is neither.
    """
    if isinstance(tz, tzinfo):
        return tz
    if not isinstance(tz, str):
        raise TimeError(f"tz is an IANA name such as 'America/New_York', or a tzinfo: got {tz!r}", value=tz)
    from zoneinfo import ZoneInfo  # not needed until a zone is

    try:
        return ZoneInfo(tz)
    except (OSError, ValueError, KeyError) as error:
        # ZoneInfoNotFoundError is a KeyError; "../x" a ValueError
        raise TimeError(f"no time zone {tz!r} on this machine; {_zone_hint(tz)}", value=tz) from error


def _zone_hint(tz: str) -> str:
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    known = available_timezones()
    if not known:
        return "it has none at all: pip install tzdata"
    like = get_close_matches(tz, known, 1, 0.6)
    return f"did you mean {like[0]!r}?" if like else "a name is one of zoneinfo.available_timezones()"


# --- zones ----------------------------------------------------------------------------------------


def utc_offsets(zone: tzinfo, start_ns: int, stop_ns: int) -> tuple[Int64Array, Int64Array]:
    """UTC offsets in force over ``[start_ns, stop_ns)``.

    Parameters
    ----------
    zone : tzinfo
    start_ns, stop_ns : int
        Nanoseconds since 1970-01-01 UTC, ``start_ns < stop_ns``, both within int64.

    Returns
    -------
    from_ns : ndarray of int64
        Instants from which each offset holds, ascending. The first is `start_ns`, the others are
        exact to the second, as zones are defined.
    offset_ns : ndarray of int64
        Local minus UTC. Neighbours differ.
    """
    instants, offsets = [start_ns], [_offset_ns(zone, start_ns)]
    for year in range(from_ns(start_ns, UTC).year, from_ns(stop_ns - 1, UTC).year + 1):
        for instant, offset in _transitions(zone, year):
            if start_ns < instant < stop_ns:
                instants.append(instant)
                offsets.append(offset)
    return np.array(instants, np.int64), np.array(offsets, np.int64)


@lru_cache(maxsize=4096)
def _transitions(zone: tzinfo, year: int) -> tuple[tuple[int, int], ...]:
    """(instant in ns, offset in ns from then on) of each change of the UTC offset in one UTC year.

    zoneinfo does not tell its transitions. It is asked once a day, and a day with two answers is
    bisected to the second: the closest two changes in the tz database of 2026 are 95 hours apart
    (Freetown, 1939). 0.4 ms a year, then cached.
    """
    second = (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
    last = (datetime(year + 1, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
    # Offsets at the last second of each day, beginning with the one before the year: a change at
    # midnight is in its year.
    low, found = second - 1, []
    before = _offset_ns(zone, low * 1_000_000_000)
    while low < last - 1:
        high = min(low + 86_400, last - 1)
        after = _offset_ns(zone, high * 1_000_000_000)
        if after != before:
            left, right = low, high  # invariant: the old offset holds at left, the new one at right
            while right - left > 1:
                middle = (left + right) // 2
                if _offset_ns(zone, middle * 1_000_000_000) == before:
                    left = middle
                else:
                    right = middle
            found.append((right * 1_000_000_000, after))
        low, before = high, after
    return tuple(found)


def _offset_ns(zone: tzinfo, ts_ns: int) -> int:
    offset = from_ns(ts_ns, zone).utcoffset()
    assert offset is not None  # astimezone gives an aware datetime
    return offset // timedelta(microseconds=1) * 1000


def wall_to_ns(wall_ns: Int64Array, zone: tzinfo, *, fold: int = 0, skipped: str = "raise") -> Int64Array:
    """Instants at which the wall clock of a zone shows given times.

    Parameters
    ----------
    wall_ns : ndarray of int64, shape (n,)
        Wall times as if they were UTC. NaT (the least int64) stays NaT.
    zone : tzinfo
    fold : {0, 1}, optional
        Of a time that is shown twice: 0 takes the first instant, 1 the second.
    skipped : {"raise", "shift"}, optional
        What to do with a time that is never shown: raise, or take the instant of the change, where
        the clock jumps over it.

    Returns
    -------
    ndarray of int64, shape (n,)
        New array, nanoseconds since 1970-01-01 UTC.

    Raises
    ------
    TimeError
        If a time is never shown (``skipped="raise"``), or the result does not fit in int64. Names
        the row.
    """
    out = np.full(wall_ns.shape, NAT, np.int64)
    real = wall_ns != NAT
    wall = wall_ns[real]
    if len(wall) == 0:
        return out
    # No offset reaches two days, so every instant sought, and the piece it lies in, is inside
    # [low, high).
    low = max(int(wall.min()) - 2 * _DAY_NS, NAT + 1)
    high = min(int(wall.max()) + 2 * _DAY_NS, _MAX_NS)
    starts, offsets = utc_offsets(zone, low, high)
    # Piece k of constant offset shows the wall times [begins[k], ends[k]). The outer two are open:
    # no row lies beyond them.
    begins, ends = starts + offsets, np.append(starts[1:] + offsets[:-1], _MAX_NS)
    begins[0] = NAT
    # Both ascend, since changes lie farther apart than clocks are set back. Where the clock is set
    # back pieces overlap (fold chooses), where it is set forward there is a hole between them:
    # `ends <= wall < begins` of the next.
    if fold == 0:
        piece = np.searchsorted(ends[:-1], wall, side="right")
    else:
        piece = np.searchsorted(begins, wall, side="right") - 1
        # In a hole this is the piece before it. Take the one after, as fold=0 does: its start is
        # the instant of the change.
        piece[wall >= ends[piece]] += 1
        piece = np.minimum(piece, len(ends) - 1)
    hole = wall < begins[piece]
    offset = offsets[piece]
    outside = np.where(offset < 0, wall > _MAX_NS + np.minimum(offset, 0), wall < NAT + 1 + np.maximum(offset, 0))
    if outside.any():
        row = int(np.flatnonzero(real)[int(outside.argmax())])
        raise TimeError(f"outside the years 1677 to 2262 that int64 nanoseconds can express: {_show(wall_ns, row)}")
    if hole.any() and skipped == "raise":
        row = int(np.flatnonzero(real)[int(hole.argmax())])
        raise TimeError(f"wall time that does not exist in {zone} (the clocks skip it): {_show(wall_ns, row)}")
    out[real] = np.where(hole, starts[piece], wall - offset)
    return out


# --- units ----------------------------------------------------------------------------------------


def check_unit(unit: str) -> int:
    """Nanoseconds of a unit; an `ArgumentError` if it is none."""
    try:
        return UNIT_NS[unit]
    except (KeyError, TypeError):
        raise ArgumentError(
            f"unit is one of {', '.join(map(repr, UNIT_NS))}: {format_value(unit)}", value=unit
        ) from None


def check_no_conflict(unit: str | None, own: str | None) -> None:
    """A `TimeError` if ``unit=`` says something else of a column of times than its dtype
    (`_unit_of`)."""
    if unit is not None and own not in (None, unit):
        kind = "a column of datetimes" if own == "object" else f"a column whose dtype has the unit {own!r}"
        raise TimeError(f"unit={unit!r} says what integers count, and this is {kind}: leave it out", value=unit)


def _unit_of(values: Any) -> str | None:
    """Unit of a column of times, as its dtype says it; ``"object"`` of one that holds datetimes;
    None of integers, and of what is no column of times."""
    dtype = getattr(values, "dtype", getattr(values, "type", None))
    if dtype is None or str(dtype) == "object":
        if not isinstance(values, (list, tuple, np.ndarray)) and not hasattr(values, "tolist"):
            return None
        first = next((value for value in values if not _is_null(value)), 0)
        return None if isinstance(first, (int, np.integer)) else "object"
    arrow = getattr(dtype, "pyarrow_dtype", dtype)
    if isinstance(dtype, np.dtype):
        return np.datetime_data(dtype)[0] if dtype.kind == "M" else None
    unit = getattr(arrow, "unit", getattr(arrow, "time_unit", None))
    return unit if isinstance(unit, str) else None


def are_counted(values: Any) -> bool:
    """Whether a column of times is of integers that count some unit, not of datetimes."""
    return _unit_of(values) is None


def _in_unit(values: Any, tz: str | tzinfo | None, unit: str) -> Int64Array:
    """`to_ns_array` of integers that count a unit."""
    factor, own = check_unit(unit), _unit_of(values)
    check_no_conflict(unit, own)
    times = to_ns_array(values, tz)
    if own == unit:
        return times
    try:
        return _scaled(times, factor, times)
    except TimeError as error:
        raise _too_coarse(error, times, unit) from None


def _too_coarse(error: TimeError, times: Int64Array, unit: str) -> TimeError:
    """The error for integers that a unit puts beyond int64, with the unit that puts them between
    1990 and 2100."""
    limit = _MAX_NS // UNIT_NS[unit]
    outside = ((times > limit) | (times < -limit)) & (times != NAT)
    row = int(outside.argmax())
    number = int(times[row])
    other = plausible_unit(number)
    hint, code = "", None
    if other is not None:
        code, do = "ERR_UNIT", f"pass unit={other!r} in place of unit={unit!r}"
        if not outside[times != NAT].all():
            do = f"other rows count {_UNIT_NAMES[unit]}, so bring all rows to one unit"
        hint = f" (ERR_UNIT); as an integer of {_UNIT_NAMES[other]} it would be {_date(number, other)}: {do}"
    return TimeError(f"{error}{hint}", row=row, value=number, code=code, unit=other, rule=error.rule)


def unit_error(
    ts_ns: int,
    *,
    symbol: str | None,
    row: int | None,
    unit: str | None = None,
    is_counted: bool = True,
    is_mixed: bool = False,
) -> TimeError:
    """What is raised for a time from before 1990, for which there is no day.

    Parameters
    ----------
    ts_ns : int
        As it was understood.
    row : int or None
        None for a single bar, trade or quote: those calls have no ``unit=``.
    unit : str or None
        What the caller said that integers count.
    is_counted : bool
        Whether the column is of integers, of which ``unit=`` may be said, and not of datetimes.
    is_mixed : bool
        Whether other rows lie since 1990, so that no ``unit=`` is right for all.
    """
    given = ts_ns // UNIT_NS[unit or "ns"] if is_counted else ts_ns
    other = plausible_unit(given)
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
            do = f"{factor}, since other rows count {_UNIT_NAMES[unit or 'ns']}"
        else:
            do = f"pass unit={other!r}" + ("" if unit is None else f" in place of unit={unit!r}")
        hint = f"as an integer of {_UNIT_NAMES[other]} it would be {_date(given, other)}: {do}"
    rule = "timestamp lies before 1990, where no day is and none starts by itself"
    return TimeError(
        f"{rule}: {place} (ERR_UNIT); {hint}; a date that early is meant by start_session(date), or by"
        " load_historical_bars with unit='ns'",
        symbol=symbol, row=row, value=ts_ns, rule=rule, code="ERR_UNIT", unit=other,
    )  # fmt: skip


def with_unit(error: TimeError, times: Int64Array, unit: str | None, is_counted: bool) -> TimeError:
    """A refusal of `unit_error` that does not know what the caller said of the column, with what
    that is."""
    if error.code != "ERR_UNIT":
        return error
    row = error.row
    if row is None and (found := np.flatnonzero(times == error.value)).size:
        row = int(found[0])
    return unit_error(
        error.value, symbol=error.symbol, row=row, unit=unit, is_counted=is_counted,
        is_mixed=bool((times >= LEAST_START_NS).any()),
    )  # fmt: skip


def _date(number: int, unit: str) -> np.datetime64:
    date: np.datetime64 = np.datetime64(number * UNIT_NS[unit], "ns").astype("M8[s]")
    return date


def first_early(times: Int64Array) -> tuple[int, bool] | None:
    """The earliest of these times that lies before 1990, by its row, and whether another one lies
    later; None if there is no such row. NaT is no time."""
    early = np.flatnonzero(times < LEAST_START_NS)
    early = early[times[early] != NAT]
    if not len(early):
        return None
    return int(early[times[early].argmin()]), bool((times >= LEAST_START_NS).any())


def check_meant(ts_ns: int, *, symbol: str | None = None) -> int:
    """The time, or a `TimeError` that names the unit, if it is one of 1970 that another unit puts
    after 1990.

    For calls that take a time and start no session: where all that is there lies later, a time
    before 1990 has a right answer (no slot, all rows), and so ``since(0)`` keeps its own. But one
    that some other unit explains is a mistake. Whoever has a day that early does not ask.
    """
    unit = plausible_unit(ts_ns) if ts_ns < LEAST_START_NS else None
    if unit is None:
        return ts_ns
    rule = "time lies before 1990 as an integer of nanoseconds, where no day is"
    place = f"{ts_ns} ({np.datetime64(ts_ns, 'ns')})" + ("" if symbol is None else f" symbol={symbol!r}")
    raise TimeError(
        f"{rule}: {place} (ERR_UNIT); in {_UNIT_NAMES[unit]} it would be {_date(ts_ns, unit)}: multiply it by"
        f" {UNIT_NS[unit]:_}, the unit of an int is ns",
        symbol=symbol, value=ts_ns, rule=rule, code="ERR_UNIT", unit=unit,
    )  # fmt: skip


def instant_ns(value: Any, unit: str | None = None) -> int:
    """A time that a caller asks about, in ns; an integer counts `unit`, by default nanoseconds.

    Raises
    ------
    TimeError
        As `to_ns`; if an integer lies before 1990 or beyond int64 and another unit puts it after
        1990 (``ERR_UNIT``), which ``unit="ns"`` takes as it is; or if `unit` is said of a time that
        is no integer.
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
    if meant is None or LEAST_START_NS <= ts_ns <= _MAX_NS:
        return _check_range(ts_ns, value)
    said = _UNIT_NAMES[unit or "ns"]
    rule = f"time lies before 1990, or beyond 2262, as an integer of {said}"
    instead = "" if unit is None else f" in place of unit={unit!r}"
    early = ", or unit='ns' if 1970 is meant" if meant != "ns" else ""
    raise TimeError(
        f"{rule}: {number} (ERR_UNIT); in {_UNIT_NAMES[meant]} it would be {_date(number, meant)}: pass"
        f" unit={meant!r}{instead}{early}",
        value=number, rule=rule, code="ERR_UNIT", unit=meant,
    )  # fmt: skip


def _is_integer(value: Any) -> bool:
    """Whether a point in time, as `to_ns` takes it, is an integer."""
    if _is_from("pyarrow", value):
        return not hasattr(value.type, "unit")
    return not isinstance(value, (np.datetime64, datetime)) and not _is_from("pandas", value)


def plausible_unit(number: int) -> str | None:
    """The unit in which an integer is a time between 1990 and 2100; None if it is in none of them.
    It is in one at most: they lie far apart."""
    for unit, factor in UNIT_NS.items():
        if LEAST_START_NS <= number * factor < _YEAR_2100_NS:
            return unit
    return None


_YEAR_2100_NS = 4_102_444_800_000_000_000


# --- one value ------------------------------------------------------------------------------------


def _is_from(package: str, value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == package


def _naive(what: str, way: str, value: Any) -> TimeError:
    return TimeError(f"naive {what}: give it a zone ({way})", value=value, code=_NAIVE)


def _hint(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return "floats lose nanoseconds: pass an int, datetime64 or aware datetime"
    return "pass an int of nanoseconds, datetime64 or aware datetime"


def _check_range(number: int, value: Any) -> int:
    if number == NAT:
        raise TimeError(f"NaT is not a point in time: {value!r}", value=value)
    if not NAT < number <= _MAX_NS:
        raise TimeError(
            f"outside the years 1677 to 2262 that int64 nanoseconds can express: {format_value(value)}", value=value
        )
    return number


def _datetime_to_ns(value: datetime, tz: str | tzinfo | None) -> int:
    if value.utcoffset() is not None:
        return _check_range((value - _EPOCH) // timedelta(microseconds=1) * 1000, value)
    if tz is None:
        raise _naive(f"datetime {value!r}", "value.replace(tzinfo=ZoneInfo('America/New_York'))", value)
    wall = (value.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) * 1000
    _check_range(wall, value)
    return int(wall_to_ns(np.array([wall], np.int64), to_zone(tz), fold=value.fold)[0])


def _datetime64_to_ns(value: Any, tz: str | tzinfo | None) -> int:
    """A datetime64, or a Timestamp or NaT of pandas, which know their datetime64 (in UTC, if they
    have a zone)."""
    fold, instant = 0, value
    if not isinstance(value, np.datetime64):
        if type(value).__name__ not in ("Timestamp", "NaTType"):
            raise TimeError(
                f"not a point in time: {value!r} of type {type(value).__name__}; {_hint(value)}", value=value
            )
        instant = value.to_datetime64()
        if not np.isnat(instant):
            if value.tzinfo is not None:
                tz = None
            elif tz is None:
                raise _naive(f"Timestamp {value!r}", "value.tz_localize('America/New_York')", value)
            fold = value.fold
    ns = _check_range(_datetime64_ticks(instant), value)
    return ns if tz is None else int(wall_to_ns(np.array([ns], np.int64), to_zone(tz), fold=fold)[0])


def _datetime64_ticks(value: np.datetime64) -> int:
    """Nanoseconds of a datetime64, which may not fit in int64."""
    # Python's integers: ten times faster than an array of one.
    unit, count = np.datetime_data(value.dtype)
    ticks = int(value.view(np.int64))
    if ticks == NAT or unit not in _UNIT_RATIOS:
        return int(_datetime64s_to_ns(np.array([value]), None)[0])
    multiply, divide = _UNIT_RATIOS[unit]
    return ticks * count * multiply // divide


def _one(array: Int64Array, value: Any) -> int:
    return _check_range(int(array[0]), value)


# --- arrays ---------------------------------------------------------------------------------------


def _show(values: Any, row: int) -> str:
    """`row=3 value=...` of an array; times in int64 are shown as dates."""
    value = values[row]
    if isinstance(value, np.int64) and value != NAT:
        value = value.view("datetime64[ns]")
    return f"row={row} value={value}"


def _plain(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """C-contiguous, aligned, in native byte order; `values` itself if it is so already."""
    return np.require(values, values.dtype.newbyteorder("="), ["C_CONTIGUOUS", "ALIGNED"])


def _ndarray_to_ns(values: npt.NDArray[Any], tz: str | tzinfo | None) -> Int64Array:
    if values.ndim != 1:
        raise TimeError(f"a column of times has one dimension: got shape {values.shape}")
    if isinstance(values, np.ma.MaskedArray):
        mask, data = np.ma.getmaskarray(values), np.array(values.data)
        # what lies behind a mask is anything, and may not convert
        data[mask] = None if data.dtype.kind == "O" else 0
        return np.where(mask, np.int64(NAT), _ndarray_to_ns(data, tz))
    if values.dtype.kind == "M":
        return _datetime64s_to_ns(values, tz)
    if values.dtype.kind in "iu":
        return _integers_to_ns(values)
    if values.dtype.kind == "O":
        return _objects_to_ns(values.tolist(), tz)
    if values.dtype == np.float64 and not len(values):
        return np.empty(0, np.int64)  # what NumPy makes of an empty list
    raise _wrong_dtype(values.dtype)


def _wrong_dtype(dtype: Any) -> TimeError:
    return TimeError(
        f"not a column of times: dtype {dtype}; pass int64 nanoseconds, datetime64 of any unit, or an aware time column"
    )


def _integers_to_ns(values: npt.NDArray[Any]) -> Int64Array:
    if values.dtype.kind == "u" and values.dtype.itemsize == 8:
        outside = values > np.uint64(_MAX_NS)
        if outside.any():
            row = int(outside.argmax())
            raise TimeError(f"outside int64 nanoseconds: row={row} value={values[row]}")
    return np.require(values, np.int64, ["C_CONTIGUOUS", "ALIGNED"])


def _datetime64s_to_ns(values: npt.NDArray[Any], tz: str | tzinfo | None) -> Int64Array:
    unit, count = np.datetime_data(values.dtype)
    if unit in ("Y", "M"):
        values, unit, count = _months_to_days(values, unit, count), "D", 1
    if unit == "generic":
        if not np.isnat(values).all():
            raise TimeError("datetime64 without a unit: give it one, such as datetime64[ns]")
        unit = "ns"
    multiply, divide = _UNIT_RATIOS[unit]
    ticks = _plain(values).view(np.int64)
    if divide > 1:
        ns = np.where(ticks == NAT, NAT, _floor_scaled(ticks, count, divide, values))
    else:
        ns = _scaled(ticks, multiply * count, values)
    return ns if tz is None else wall_to_ns(ns, to_zone(tz))


def _scaled(ticks: Int64Array, factor: int, column: npt.NDArray[Any]) -> Int64Array:
    """`ticks * factor`, NaT kept; a `TimeError` with row and value where it would wrap."""
    if factor == 1:
        return ticks
    limit = _MAX_NS // factor
    outside = ((ticks > limit) | (ticks < -limit)) & (ticks != NAT)
    if outside.any():
        row = int(outside.argmax())
        raise TimeError(
            f"outside the years 1677 to 2262 that int64 nanoseconds can express: row={row} value={_tick(column, row)}"
        )
    return np.where(ticks == NAT, NAT, ticks * factor)


def _tick(column: npt.NDArray[Any], row: int) -> str:
    """One value of a column for a message; NumPy >= 2.5 cannot print every datetime64 that it can
    hold."""
    try:
        return str(column[row])
    except OverflowError:
        return f"{column[row].astype(np.int64)} of {column.dtype}"


def _floor_scaled(ticks: Int64Array, count: int, divide: int, column: npt.NDArray[Any]) -> Int64Array:
    """`floor(ticks * count / divide)`; by quotient and remainder, so that the product need not
    fit."""
    quotient, remainder = np.divmod(np.where(ticks == NAT, 0, ticks), divide)
    part = remainder * count // divide  # below 10^9 * 2^31
    whole: Int64Array = _scaled(quotient, count, column) + part
    return whole


def _months_to_days(values: npt.NDArray[Any], unit: str, count: int) -> npt.NDArray[Any]:
    # NumPy wraps dates of absurd years silently. Years 1600 to 2400 cannot, and contain all that
    # int64 nanoseconds can say.
    ticks = _plain(values).view(np.int64)
    limit = (430 if unit == "Y" else 430 * 12) // count
    outside = ((ticks > limit) | (ticks < -limit)) & (ticks != NAT)
    if outside.any():
        row = int(outside.argmax())
        raise TimeError(
            f"outside the years 1677 to 2262 that int64 nanoseconds can express: row={row} value={ticks[row]} {unit}"
        )
    return values.astype("datetime64[D]")


def _objects_to_ns(values: Any, tz: str | tzinfo | None) -> Int64Array:
    """A list or tuple: each value by `to_ns`, nulls as NaT. Values of different kinds are refused,
    not guessed at."""
    out = np.empty(len(values), np.int64)
    kind: type | None = None
    for row, value in enumerate(values):
        if _is_null(value):
            out[row] = NAT
            continue
        try:
            out[row] = to_ns(value, tz)
        except TimeError as error:
            raise TimeError(f"row={row}: {error}", **{**vars(error), "row": row}) from error
        this = next((known for known in (datetime, np.datetime64) if isinstance(value, known)), int)
        if kind not in (None, this):
            raise TimeError(
                f"a mixture of kinds, {this.__name__} after another: row={row} value={value!r}", value=value
            )
        kind = this
    return out


def _is_null(value: Any) -> bool:
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    # which is an np.integer
    if isinstance(value, (int, np.integer)) and not isinstance(value, np.timedelta64):
        return int(value) == NAT
    return value is None or type(value).__name__ in ("NaTType", "NAType")


# --- columns of other libraries -------------------------------------------------------------------


def nulls_to_nat(values: npt.NDArray[Any], null: npt.NDArray[np.bool_]) -> Int64Array:
    """Integers as int64, NaT where `null` is True."""
    out = _integers_to_ns(values)
    return np.where(null, np.int64(NAT), out) if null.any() else out


def ticks_to_ns(ticks: Int64Array, unit: str, zone: Any, tz: str | tzinfo | None, what: str) -> Int64Array:
    """A timestamp column of known unit: instants if it has a zone, else the wall clock of `tz`."""
    if zone is None and tz is None:
        raise _naive(what, "dt.replace_time_zone of polars, tz_localize of pandas, assume_timezone of Arrow", None)
    return _datetime64s_to_ns(ticks.view(f"datetime64[{unit}]"), None if zone is not None else tz)


def _pandas_to_ns(values: Any, tz: str | tzinfo | None) -> Int64Array:
    dtype = getattr(values, "dtype", None)
    if dtype is None or not hasattr(values, "to_numpy"):
        raise TimeError(f"not a column of times: {type(values).__name__}; pass one column of it")
    if hasattr(dtype, "pyarrow_dtype"):
        return _arrow_to_ns(getattr(values, "array", values).__arrow_array__(), tz)
    if isinstance(dtype, np.dtype):
        if dtype.kind == "M" and tz is None:
            way = "tz_localize('America/New_York'), of a Series under .dt"
            raise _naive(f"pandas column of dtype {dtype}", way, None)
        return _ndarray_to_ns(values.to_numpy(), tz)
    if hasattr(dtype, "tz"):
        return _datetime64s_to_ns(values.to_numpy(dtype=f"datetime64[{dtype.unit}]"), None)
    # Int64 and its like, which have nulls
    if getattr(dtype, "kind", "") in "iu" and hasattr(dtype, "numpy_dtype"):
        null = np.asarray(values.isna(), dtype=np.bool_)
        return nulls_to_nat(values.to_numpy(dtype=dtype.numpy_dtype, na_value=0), null)
    raise _wrong_dtype(dtype)


def _polars_to_ns(values: Any, tz: str | tzinfo | None) -> Int64Array:
    dtype = getattr(values, "dtype", None)
    if dtype is None or not hasattr(values, "to_physical"):
        raise TimeError(f"not a column of times: {type(values).__name__}; pass one column of it")
    if str(dtype) == "Object":
        return _objects_to_ns(values.to_list(), tz)
    is_timestamp = hasattr(dtype, "time_zone") and hasattr(dtype, "time_unit")
    # NumPy has no 128-bit integers
    if not is_timestamp and (not dtype.is_integer() or str(dtype).endswith("128")):
        raise _wrong_dtype(dtype)
    # Nulls first: to_numpy of an integer column with nulls is float64.
    ticks = values.to_physical().fill_null(0).to_numpy()
    ns = nulls_to_nat(ticks, values.is_null().to_numpy())
    if not is_timestamp:
        return ns
    return ticks_to_ns(ns, dtype.time_unit, dtype.time_zone, tz, f"polars column of dtype {dtype}")


def _arrow_array_of(scalar: Any) -> Any:
    import pyarrow as pa

    return pa.array([scalar], type=scalar.type)


def _arrow_to_ns(values: Any, tz: str | tzinfo | None) -> Int64Array:
    import pyarrow as pa

    if not isinstance(values, (pa.Array, pa.ChunkedArray)):
        raise TimeError(f"not a column of times: {type(values).__name__}; pass one column of it")
    is_timestamp = pa.types.is_timestamp(values.type)
    if not is_timestamp and not pa.types.is_integer(values.type):
        raise _wrong_dtype(values.type)
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    parts = []
    for chunk in chunks:
        ticks = chunk.view(pa.int64()) if is_timestamp else chunk
        null = chunk.is_null().to_numpy(zero_copy_only=False)
        parts.append(nulls_to_nat(ticks.fill_null(0).to_numpy(zero_copy_only=False), null))
    ns = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int64), *parts])
    if not is_timestamp:
        return ns
    return ticks_to_ns(ns, values.type.unit, values.type.tz, tz, f"Arrow column of type {values.type}")
