"""Columns of times as int64 nanoseconds since 1970-01-01 UTC.

The rules are those of one value (`sessiondata.time.instants`). Columns of pandas, polars and
pyarrow are recognised by the module of their type; none of the libraries is imported here unless a
column comes from it.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sessiondata.errors import TimeError
from sessiondata.time.instants import to_ns, type_hint
from sessiondata.time.stamps import (
    arrow_to_ns_array,
    datetime64_to_ns_array,
    integers_to_ns,
    is_from,
    nulls_to_nat,
    scale,
    ticks_to_ns,
    wrong_dtype_error,
)
from sessiondata.time.units import (
    MAX_NS,
    NAT,
    UNIT_NAMES,
    UNIT_NS,
    Int64Array,
    check_unit,
    date_in_unit,
    plausible_unit,
)
from sessiondata.time.zones import naive_error

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["are_counted", "check_no_conflict", "is_plain", "to_ns_array"]

_INT64 = np.dtype(np.int64)
_ndarray = np.ndarray
_PLAIN = 0x0101  # NPY_ARRAY_C_CONTIGUOUS and NPY_ARRAY_ALIGNED


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
        What integers count from 1970 on; by default nanoseconds. A dtype that has a unit admits
        that one only.

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
        int64, or wall times that do not exist in `tz`; or if `unit` contradicts the dtype. Names
        the first bad row and its value.
    ArgumentError
        If there is no such unit.
    """
    if unit is not None:
        return _to_ns_in_unit(values, tz, unit)
    if is_plain(values, _INT64):
        return cast("Int64Array", values)  # the common case
    if isinstance(values, np.ndarray):
        return _ndarray_to_ns(values, tz)
    if is_from("pandas", values):
        return _pandas_to_ns(values, tz)
    if is_from("polars", values):
        return _polars_to_ns(values, tz)
    if is_from("pyarrow", values):
        return arrow_to_ns_array(values, tz)
    if isinstance(values, (list, tuple)):
        return _objects_to_ns(values, tz)
    if isinstance(values, (str, bytes)):
        raise TimeError(f"not a column of times: {values!r}; {type_hint(values)}")
    return _ndarray_to_ns(np.asarray(values), tz)


def is_plain(values: Any, dtype: np.dtype[Any]) -> bool:
    """Whether a kernel can read `values` as they are: a one-dimensional ndarray of `dtype`,
    contiguous and aligned."""
    if type(values) is not _ndarray or values.ndim != 1:
        return False
    # The flags are read once, and identity of the dtype is tried before equality: that takes half
    # the time of the obvious code.
    its_dtype = values.dtype
    return (its_dtype is dtype or its_dtype == dtype) and values.flags.num & _PLAIN == _PLAIN


# --- integers of another unit ---------------------------------------------------------------------


def check_no_conflict(unit: str | None, own: str | None) -> None:
    """A `TimeError` if ``unit=`` contradicts the unit of a column's dtype (`_unit_of`)."""
    if unit is not None and own not in (None, unit):
        kind = "a column of datetimes" if own == "object" else f"a column whose dtype has the unit {own!r}"
        raise TimeError(f"unit={unit!r} says what integers count, and this is {kind}: leave it out", value=unit)


def are_counted(values: Any) -> bool:
    """Whether a column of times is of integers, to which ``unit=`` applies, and not of
    datetimes."""
    return _unit_of(values) is None


def _unit_of(values: Any) -> str | None:
    """Unit of the dtype of a column of times; ``"object"`` for one that holds datetimes; None for
    integers, and for what is no column of times."""
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


def _to_ns_in_unit(values: Any, tz: str | tzinfo | None, unit: str) -> Int64Array:
    """`to_ns_array` of integers that count a unit."""
    factor, own = check_unit(unit), _unit_of(values)
    check_no_conflict(unit, own)
    times = to_ns_array(values, tz)
    if own == unit:
        return times
    try:
        return scale(times, factor, times)
    except TimeError as error:
        raise _too_coarse(error, times, unit) from None


def _too_coarse(error: TimeError, times: Int64Array, unit: str) -> TimeError:
    """The error for integers that a unit puts beyond int64. It names the unit that puts them
    between 1990 and 2100, if there is one."""
    limit = MAX_NS // UNIT_NS[unit]
    outside = ((times > limit) | (times < -limit)) & (times != NAT)
    row = int(outside.argmax())
    number = int(times[row])
    other = plausible_unit(number)
    hint, code = "", None
    if other is not None:
        code, do = "ERR_UNIT", f"pass unit={other!r} in place of unit={unit!r}"
        if not outside[times != NAT].all():
            do = f"other rows count {UNIT_NAMES[unit]}, so bring all rows to one unit"
        hint = f" (ERR_UNIT); as an integer of {UNIT_NAMES[other]} it would be {date_in_unit(number, other)}: {do}"
    return TimeError(f"{error}{hint}", row=row, value=number, code=code, unit=other, rule=error.rule)


# --- by library -----------------------------------------------------------------------------------


def _ndarray_to_ns(values: npt.NDArray[Any], tz: str | tzinfo | None) -> Int64Array:
    if values.ndim != 1:
        raise TimeError(f"a column of times has one dimension: got shape {values.shape}")
    if isinstance(values, np.ma.MaskedArray):
        mask, data = np.ma.getmaskarray(values), np.array(values.data)
        # what lies behind a mask is anything, and may not convert
        data[mask] = None if data.dtype.kind == "O" else 0
        return np.where(mask, np.int64(NAT), _ndarray_to_ns(data, tz))
    if values.dtype.kind == "M":
        return datetime64_to_ns_array(values, tz)
    if values.dtype.kind in "iu":
        return integers_to_ns(values)
    if values.dtype.kind == "O":
        return _objects_to_ns(values.tolist(), tz)
    if values.dtype == np.float64 and not len(values):
        return np.empty(0, np.int64)  # what NumPy makes of an empty list
    raise wrong_dtype_error(values.dtype)


def _objects_to_ns(values: Any, tz: str | tzinfo | None) -> Int64Array:
    """A list or tuple: each value by `to_ns`, nulls as NaT. A mixture of kinds is refused."""
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
    # a timedelta64 is an np.integer
    if isinstance(value, (int, np.integer)) and not isinstance(value, np.timedelta64):
        return int(value) == NAT
    return value is None or type(value).__name__ in ("NaTType", "NAType")


def _pandas_to_ns(values: Any, tz: str | tzinfo | None) -> Int64Array:
    dtype = getattr(values, "dtype", None)
    if dtype is None or not hasattr(values, "to_numpy"):
        raise TimeError(f"not a column of times: {type(values).__name__}; pass one column of it")
    if hasattr(dtype, "pyarrow_dtype"):
        return arrow_to_ns_array(getattr(values, "array", values).__arrow_array__(), tz)
    if isinstance(dtype, np.dtype):
        if dtype.kind == "M" and tz is None:
            remedy = "tz_localize('America/New_York'), of a Series under .dt"
            raise naive_error(f"pandas column of dtype {dtype}", remedy, None)
        return _ndarray_to_ns(values.to_numpy(), tz)
    if hasattr(dtype, "tz"):
        return datetime64_to_ns_array(values.to_numpy(dtype=f"datetime64[{dtype.unit}]"), None)
    # Int64 and its like, which have nulls
    if getattr(dtype, "kind", "") in "iu" and hasattr(dtype, "numpy_dtype"):
        null = np.asarray(values.isna(), dtype=np.bool_)
        return nulls_to_nat(values.to_numpy(dtype=dtype.numpy_dtype, na_value=0), null)
    raise wrong_dtype_error(dtype)


def _polars_to_ns(values: Any, tz: str | tzinfo | None) -> Int64Array:
    dtype = getattr(values, "dtype", None)
    if dtype is None or not hasattr(values, "to_physical"):
        raise TimeError(f"not a column of times: {type(values).__name__}; pass one column of it")
    if str(dtype) == "Object":
        return _objects_to_ns(values.to_list(), tz)
    is_timestamp = hasattr(dtype, "time_zone") and hasattr(dtype, "time_unit")
    # NumPy has no 128-bit integers
    if not is_timestamp and (not dtype.is_integer() or str(dtype).endswith("128")):
        raise wrong_dtype_error(dtype)
    # Nulls first: to_numpy of an integer column with nulls is float64.
    ticks = values.to_physical().fill_null(0).to_numpy()
    ns = nulls_to_nat(ticks, values.is_null().to_numpy())
    if not is_timestamp:
        return ns
    return ticks_to_ns(ns, dtype.time_unit, dtype.time_zone, tz, f"polars column of dtype {dtype}")
