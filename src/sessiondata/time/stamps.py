"""Columns of numbers that count a unit from 1970 on: integers, ``datetime64``, timestamps of Arrow.

What does not fit in int64 is a `TimeError` that names the row, never a wrapped value.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata.errors import TimeError
from sessiondata.time.units import DAY_NS, MAX_NS, NAT, RANGE_RULE, Int64Array
from sessiondata.time.zones import naive_error, to_zone, wall_to_ns

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "arrow_to_ns_array",
    "datetime64_to_ns_array",
    "fixed_ratio",
    "integers_to_ns",
    "is_from",
    "nulls_to_nat",
    "scale",
    "ticks_to_ns",
    "wrong_dtype_error",
]

# Length of a datetime64 unit as (multiply by, divide by), to get nanoseconds. Years and months have
# no fixed length: they become days first.
_UNIT_RATIOS = {
    "W": (7 * DAY_NS, 1),
    "D": (DAY_NS, 1),
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


def fixed_ratio(unit: str) -> tuple[int, int] | None:
    """Length of a datetime64 unit as (multiply by, divide by), to get nanoseconds; None of years,
    months and no unit."""
    return _UNIT_RATIOS.get(unit)


def is_from(package: str, value: Any) -> bool:
    """Whether the type of a value is defined in a package, which is not imported for that."""
    return type(value).__module__.partition(".")[0] == package


def wrong_dtype_error(dtype: Any) -> TimeError:
    return TimeError(
        f"not a column of times: dtype {dtype}; pass int64 nanoseconds, datetime64 of any unit, or an aware time column"
    )


def integers_to_ns(values: npt.NDArray[Any]) -> Int64Array:
    if values.dtype.kind == "u" and values.dtype.itemsize == 8:
        outside = values > np.uint64(MAX_NS)
        if outside.any():
            row = int(outside.argmax())
            raise TimeError(f"outside int64 nanoseconds: row={row} value={values[row]}")
    return np.require(values, np.int64, ["C_CONTIGUOUS", "ALIGNED"])


def nulls_to_nat(values: npt.NDArray[Any], null: npt.NDArray[np.bool_]) -> Int64Array:
    """Integers as int64, NaT where `null` is True."""
    out = integers_to_ns(values)
    return np.where(null, np.int64(NAT), out) if null.any() else out


def ticks_to_ns(ticks: Int64Array, unit: str, zone: Any, tz: str | tzinfo | None, what: str) -> Int64Array:
    """A timestamp column of known unit: instants if it has a zone, else the wall clock of `tz`."""
    if zone is None and tz is None:
        raise naive_error(what, "dt.replace_time_zone of polars, tz_localize of pandas, assume_timezone of Arrow", None)
    return datetime64_to_ns_array(ticks.view(f"datetime64[{unit}]"), None if zone is not None else tz)


def datetime64_to_ns_array(values: npt.NDArray[Any], tz: str | tzinfo | None) -> Int64Array:
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
        ns = scale(ticks, multiply * count, values)
    return ns if tz is None else wall_to_ns(ns, to_zone(tz))


def _plain(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """C-contiguous, aligned, in native byte order; `values` itself if it is so already."""
    return np.require(values, values.dtype.newbyteorder("="), ["C_CONTIGUOUS", "ALIGNED"])


def scale(ticks: Int64Array, factor: int, column: npt.NDArray[Any]) -> Int64Array:
    """`ticks * factor`, NaT kept. A product beyond int64 is a `TimeError` with row and value."""
    if factor == 1:
        return ticks
    limit = MAX_NS // factor
    outside = ((ticks > limit) | (ticks < -limit)) & (ticks != NAT)
    if outside.any():
        row = int(outside.argmax())
        raise TimeError(f"{RANGE_RULE}: row={row} value={_tick(column, row)}")
    return np.where(ticks == NAT, NAT, ticks * factor)


def _tick(column: npt.NDArray[Any], row: int) -> str:
    """One value of a column for a message. NumPy >= 2.5 cannot print every datetime64 that it can
    hold."""
    try:
        return str(column[row])
    except OverflowError:
        return f"{column[row].astype(np.int64)} of {column.dtype}"


def _floor_scaled(ticks: Int64Array, count: int, divide: int, column: npt.NDArray[Any]) -> Int64Array:
    """`floor(ticks * count / divide)`, by quotient and remainder, since the product need not fit in
    int64."""
    quotient, remainder = np.divmod(np.where(ticks == NAT, 0, ticks), divide)
    part = remainder * count // divide  # below 10^9 * 2^31
    whole: Int64Array = scale(quotient, count, column) + part
    return whole


def _months_to_days(values: npt.NDArray[Any], unit: str, count: int) -> npt.NDArray[Any]:
    # NumPy wraps dates of absurd years silently. Years 1600 to 2400 cannot, and contain all that
    # int64 nanoseconds can say.
    ticks = _plain(values).view(np.int64)
    limit = (430 if unit == "Y" else 430 * 12) // count
    outside = ((ticks > limit) | (ticks < -limit)) & (ticks != NAT)
    if outside.any():
        row = int(outside.argmax())
        raise TimeError(f"{RANGE_RULE}: row={row} value={ticks[row]} {unit}")
    return values.astype("datetime64[D]")


def arrow_to_ns_array(values: Any, tz: str | tzinfo | None) -> Int64Array:
    import pyarrow as pa

    if not isinstance(values, (pa.Array, pa.ChunkedArray)):
        raise TimeError(f"not a column of times: {type(values).__name__}; pass one column of it")
    is_timestamp = pa.types.is_timestamp(values.type)
    if not is_timestamp and not pa.types.is_integer(values.type):
        raise wrong_dtype_error(values.type)
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
