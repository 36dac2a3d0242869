"""Panels: one field of many symbols on one time axis."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from sessiondata._native.objects.panel import PanelSource
from sessiondata.arguments import check_bool, names_of
from sessiondata.errors import (
    ArgumentError,
    ArgumentTypeError,
    IntervalError,
    SessionDataError,
    UnknownNameError,
    format_value,
)
from sessiondata.store.window import check_array, check_count, flags_of
from sessiondata.time.intervals import parse_interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from sessiondata.store.registry import Registry

__all__ = ["Panel", "make_panel"]

_FIELDS = {"open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}
#: Arrays of `out`: name -> type.
_ARRAYS: dict[str, Any] = {"values": np.dtype(np.float64), "mask": np.dtype(np.bool_), "ts_ns": np.dtype(np.int64)}


class Panel:
    """One field of many symbols on one time axis: what `SessionData.panel` returns.

    Attributes
    ----------
    field, interval : str
    symbols : tuple of str
        Names of the rows.
    ts_ns : ndarray of int64, shape (n,)
        Open times of the columns, ns since 1970 UTC, ascending. Where there are fewer than `n`
        slots the first are NaT (the least int64).
    values : ndarray of float64, shape (symbols, n)
        NaN where there is no bar, or with ``fill_forward`` the value before it.
    mask : ndarray of bool, shape (symbols, n)
        True where there is no bar, as in NumPy's masked arrays.
    shortfall : int
        How many of the columns have no time.
    """

    __slots__ = ("field", "interval", "mask", "shortfall", "symbols", "ts_ns", "values")

    def __init__(
        self,
        field: str,
        interval: str,
        symbols: tuple[str, ...],
        ts_ns: npt.NDArray[np.int64],
        values: npt.NDArray[np.float64],
        mask: npt.NDArray[np.bool_],
        shortfall: int,
    ) -> None:
        self.field, self.interval, self.symbols = field, interval, symbols
        self.ts_ns, self.values, self.mask, self.shortfall = ts_ns, values, mask, shortfall

    @property
    def datetime64(self) -> npt.NDArray[np.datetime64]:
        """`ts_ns` as datetime64[ns] in UTC. A view."""
        return self.ts_ns.view("datetime64[ns]")

    @property
    def shape(self) -> tuple[int, ...]:
        """(symbols, n)."""
        return self.values.shape

    def to_pandas(self) -> Any:
        """A pandas DataFrame: a row per slot (DatetimeIndex in UTC), a column per symbol. Slots
        without a time are left out."""
        import pandas as pd  # an import that few need

        index = pd.DatetimeIndex(self.datetime64[self.shortfall :], tz="UTC", name="timestamp")
        columns = pd.Index(self.symbols, name="symbol")
        return pd.DataFrame(self.values[:, self.shortfall :].T, index, columns)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(self.values, dtype, copy=copy)

    def __repr__(self) -> str:
        times = self.datetime64[self.shortfall :]
        span = f", {times[0]} .. {times[-1]}" if len(times) else ""
        n_masked = int(self.mask.sum())
        return (
            f"<Panel {self.field} {self.interval}: {len(self.symbols)} symbols x {len(times)} slots{span},"
            f" {n_masked} cells without a bar>"
        )


def make_panel(
    registry: Registry,
    field: Any,
    interval: Any,
    n: Any,
    symbols: Iterable[str] | None,
    out: Any,
    options: tuple[Any, Any, Any],
) -> Panel:
    """See `SessionData.panel`. `options` are `extended`, `forming` and `fill_forward`."""
    n, flags, fill = check_count(n), flags_of(*options[:2]), check_bool("fill_forward", options[2])
    if not isinstance(field, str) or field not in _FIELDS:
        raise UnknownNameError(f"there is no field {format_value(field)}; there are {', '.join(_FIELDS)}", value=field)
    name, names, source = _source(registry, interval, symbols)
    values, mask, ts_ns = _arrays(source, n, out)
    count = source.fill(_FIELDS[field], n, flags, fill, _cores(), values, mask.view(np.uint8), ts_ns)
    return Panel(field, name, names, ts_ns, values, mask, n - count)


def _source(
    registry: Registry, interval: Any, symbols: Iterable[str] | None
) -> tuple[str, tuple[str, ...], PanelSource]:
    """Name of the interval, names of the symbols, and the symbols. The last answer is kept for as
    long as the store has the same symbols: a strategy asks for one panel again and again."""
    wanted = None if symbols is None else tuple(names_of("symbols", symbols))
    held, cores = registry.panel, registry.cores
    if held is not None and held[0] is cores and held[1] == interval and held[2] == wanted:
        found: tuple[str, tuple[str, ...], PanelSource] = held[3]
        return found
    try:
        name = parse_interval(interval).name
    except IntervalError as error:
        raise UnknownNameError(f"there is no interval {format_value(interval)}", value=interval) from error
    if wanted is None:
        cores = registry.all_cores()
        source = PanelSource(cores, name, True)
        if not len(source):
            raise UnknownNameError(f"no symbol holds an interval {name!r}", value=interval)
    else:
        asked = registry.cores_of(list(wanted))
        try:
            source = PanelSource(asked, name, False)
        except IndexError as error:
            core = asked[int(error.args[0])]
            raise UnknownNameError(
                f"{core.name!r} holds no interval {name!r}; it holds {', '.join(core.intervals)}",
                symbol=core.name,
                value=interval,
            ) from None
    found = name, tuple(core.name for core in source.cores), source
    registry.panel = cores, interval, wanted, found
    return found


def _arrays(source: PanelSource, n: int, out: Any) -> tuple[Any, Any, Any]:
    """Values, mask and axis to fill: new ones, or those of the caller, or one error."""
    shape = len(source), n
    try:
        if out is None:
            return np.empty(shape), np.empty(shape, np.bool_), np.empty(n, np.int64)
    except (MemoryError, ValueError) as error:
        raise ArgumentError(f"n is more than there is memory for: {n}", value=n) from error
    if type(out) is np.ndarray:
        out = {"values": out}
    if not isinstance(out, Mapping) or not out:
        _refuse(ArgumentTypeError, f'an array, or a mapping of "values", "mask", "ts_ns", not {type(out).__name__}')
    out = dict(out)  # what is checked is what is written to, whatever another thread does to the mapping
    for name, array in out.items():
        if not isinstance(name, str) or name not in _ARRAYS:
            _refuse(UnknownNameError, f"there is no array {format_value(name)}; there are {', '.join(_ARRAYS)}")
        check_array(f"{name!r}", array, _ARRAYS[name], (n,) if name == "ts_ns" else shape, _refuse)
    arrays = list(out.values())
    if any(np.may_share_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i]):
        _refuse(ArgumentError, "two of the arrays overlap")
    if any(not _owns(array) and source.holds(array) for array in arrays):
        _refuse(ArgumentError, "an array lies in the memory of the store, which it would overwrite")
    values, mask, ts_ns = map(out.get, _ARRAYS)
    return (
        np.empty(shape) if values is None else values,
        np.empty(shape, np.bool_) if mask is None else mask,
        np.empty(n, np.int64) if ts_ns is None else ts_ns,
    )


def _owns(array: Any) -> bool:
    """Whether the memory of an array is NumPy's own, and so not the store's."""
    while type(array.base) is np.ndarray:
        array = array.base
    return bool(array.flags.owndata)


def _refuse(kind: type[SessionDataError], rule: str) -> NoReturn:
    raise kind(f"out: {rule}", code="ERR_OUT")


@cache
def _cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
