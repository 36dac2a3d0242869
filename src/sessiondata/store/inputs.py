"""What users hand over, as the columns that native code stores."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata._native.objects.rules import check_rows
from sessiondata.errors import ArgumentError, BarError, BarTypeError, TimeError, of_symbol
from sessiondata.rows.columns import bar_columns
from sessiondata.store.settings import check_label
from sessiondata.store.supplied import opens_of_dates
from sessiondata.time.arrays import are_counted, check_no_conflict
from sessiondata.time.units import LEAST_START_NS, NAT, UNIT_NS, first_early, plausible_unit, unit_error
from sessiondata.time.zones import to_zone

if TYPE_CHECKING:
    from datetime import tzinfo

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata.rows.columns import BarColumns
    from sessiondata.time.intervals import Interval

__all__ = ["bars_of", "check_early", "check_on_bad", "check_zone", "exchange_codes_of", "loaded_bars_of"]

_NO_COLUMNS = (None,) * 5  # beside a frame
_DATETIMES = np.empty(0, "M8[ns]")  # a column of times that are no integers
_SECOND_NS = 1_000_000_000


def bars_of(
    core: SymbolCore, ts_ns: Any, values: tuple[Any, ...], tz: str | tzinfo | None, unit: str | None
) -> tuple[BarColumns, Any]:
    """Six columns, or those of a frame that stands alone, for the session of a symbol; and a column
    of times of the same kind as the caller's, for `are_counted`."""
    in_unit, counted = unit, ts_ns
    if all(map(is_, values, _NO_COLUMNS)):
        from sessiondata.rows.frames import frame_columns  # not needed until a frame comes

        ts_ns, *values, is_counted = frame_columns(ts_ns, core.name, tz, unit=unit)  # type: ignore[assignment]
        counted = () if is_counted else _DATETIMES
        in_unit = None if isinstance(ts_ns, np.ndarray) else unit
    return bar_columns(ts_ns, *values, symbol=core.name, tz=tz, unit=in_unit), counted


def check_early(core: SymbolCore, times: Any) -> None:
    """A `TimeError` if all times lie before 1990 and no day of the symbol does: nothing could come
    of them.

    One among later ones is found where rows are sorted."""
    if len(times) and times[-1] < LEAST_START_NS and not core.has_early_days():
        latest = int(times.max())
        if NAT < latest < LEAST_START_NS:
            row = int(times.argmax())
            raise unit_error(latest, symbol=core.name, row=row)


def loaded_bars_of(
    core: SymbolCore,
    interval: Interval,
    ts_ns: Any,
    values: tuple[Any, ...],
    tz: str | tzinfo | None,
    unit: str | None,
    label: str | None,
) -> tuple[BarColumns, bool]:
    """Six columns, or those of a frame that stands alone, for the history of a symbol; and whether
    times name the ends of the intervals, as `label` says or else the store: dates do not."""
    is_daily = interval.step_ns == 0
    in_unit = unit
    if all(map(is_, values, _NO_COLUMNS)):
        from sessiondata.rows.frames import frame_columns  # not needed until a frame comes

        ts_ns, *values, is_counted = frame_columns(ts_ns, core.name, tz, is_daily, unit)  # type: ignore[assignment]
        # whether its times have been converted
        in_unit = None if isinstance(ts_ns, np.ndarray) else unit
    else:
        is_counted = are_counted(ts_ns)
    opens = opens_of_dates(core.calendar, ts_ns) if is_daily else None
    if opens is not None:
        check_no_conflict(unit, "D")
        ts_ns, in_unit = opens, None
    close_label = opens is None and (core.close_label if label is None else check_label(label))
    columns = bar_columns(ts_ns, *values, symbol=core.name, tz=tz, unit=in_unit)
    check_rows(core, *columns)
    if opens is None and unit != "ns":
        _check_unit_of_load(core, columns[0], is_counted, unit)
    return columns, close_label


def _check_unit_of_load(core: SymbolCore, times: Any, is_counted: bool, unit: str | None) -> None:
    """A `TimeError` for a time of 1970 that no other row and no day explains.

    Of datetimes only if another unit explains all: then they were made of integers."""
    early = first_early(times)
    if early is None:
        return
    row, is_mixed = early
    first, latest = int(times[row]), int(times.max())
    facts: dict[str, Any] = {"symbol": core.name, "unit": unit, "is_counted": is_counted}
    if is_counted and (is_mixed or abs(latest) < _SECOND_NS) and not core.has_early_days():
        raise unit_error(first, row=row, is_mixed=is_mixed, **facts)
    factor = UNIT_NS[unit or "ns"] if is_counted else 1
    if not is_mixed and all(plausible_unit(time // factor) not in (None, unit) for time in (first, latest)):
        raise unit_error(latest, row=int(times.argmax()), **facts)


def exchange_codes_of(core: SymbolCore, exchange: Any, n: int) -> Any:
    """Exchanges of `n` trades as the native code keeps them: eight bytes each, an int64."""
    # not needed until trades come
    from sessiondata._native.objects.tick_buffer import are_codes, exchange_codes

    if isinstance(exchange, str):
        return np.full(n, exchange_codes([exchange], core)[0], np.int64)
    array = np.asarray(exchange)
    if array.ndim != 1 or len(array) != n:
        raise BarError(
            "all columns must have the length of the time column",
            symbol=core.name, value=f"exchange: shape {array.shape}, time: {n}", code="ERR_LENGTH",
        )  # fmt: skip
    if array.dtype.kind == "S" and array.dtype.itemsize <= 8:
        codes = _padded(np.ascontiguousarray(array))
        if are_codes(codes):
            return codes
    if array.dtype.kind not in "SUOT":
        raise BarTypeError(
            "exchange is a string, or an array of strings",
            symbol=core.name, value=f"dtype {array.dtype}", code="ERR_DTYPE",
        )  # fmt: skip
    texts = [text.decode("latin-1") if isinstance(text, bytes) else text for text in array.tolist()]
    return exchange_codes(texts, core)


def _padded(texts: Any) -> Any:
    """Contiguous bytes of dtype S1 to S8 as int64. NumPy's own conversion of texts takes 50 ns
    each."""
    width = texts.dtype.itemsize
    if width == 8:
        return texts.view(np.int64)
    codes = np.zeros((len(texts), 8), np.uint8)
    codes[:, :width] = texts.view(np.uint8).reshape(-1, width)
    return codes.view(np.int64).reshape(-1)


def check_zone(core: SymbolCore, tz: Any) -> None:
    """A `TimeError` if ``tz=`` is no zone, also where the times are instants and need none."""
    try:
        to_zone(tz)
    except TimeError as error:
        raise of_symbol(error, core.name) from None


def check_on_bad(on_bad: str) -> None:
    if on_bad not in ("raise", "skip"):
        raise ArgumentError(f'on_bad is "raise" or "skip": {on_bad!r}', value=on_bad)
