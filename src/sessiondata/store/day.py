"""A past session of one symbol, and the hours of many sessions."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata.copying import not_copied
from sessiondata.errors import UnknownNameError
from sessiondata.rows.owner import Marked, Owner
from sessiondata.rows.series import BarSeries
from sessiondata.time.intervals import parse_interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata.market.grid import SessionGrid

__all__ = ["Grids", "HistoricalDay"]


@not_copied("day.bars(interval).copy() is a window of its own, which can be")
class HistoricalDay(Marked):
    """One past session of one symbol: series like those of the session under way, all slots of
    which have elapsed.

    Attributes
    ----------
    date : datetime.date
        Trade date.
    intervals : tuple of str
        Names of the series, the base first.
    """

    __slots__ = ("_core", "_series", "date")

    def __init__(self, date: dt.date, core: SymbolCore, zone: dt.tzinfo) -> None:
        self.date, self._core = date, core
        owner = Owner(core, zone)
        self._series = {name: BarSeries(owner, k) for k, name in enumerate(core.intervals)}

    @property
    def intervals(self) -> tuple[str, ...]:
        return self._core.intervals

    @property
    def counters(self) -> dict[str, Any]:
        """What became of all bars of the day; see `SymbolSessionData.counters`."""
        return {**self._core.counters(), "inconsistent": self._core.count_inconsistent()}

    def bars(self, interval: str | None = None) -> BarSeries:
        """Series of an interval that the symbol holds; by default the base one. It never changes:
        once a late bar comes for the day, it stays what was there before.

        Raises
        ------
        UnknownNameError
            If the symbol does not hold that interval.
        """
        name = self.intervals[0] if interval is None else parse_interval(interval).name
        if name not in self._series:
            raise UnknownNameError(
                f"{self._core.name!r} holds no interval {interval!r} on {self.date}",
                symbol=self._core.name,
                value=interval,
            )
        return self._series[name]

    def __repr__(self) -> str:
        base = self.bars()
        return (
            f"<HistoricalDay {self._core.name} {self.date}: {len(base)} x {base.interval}, {base.missing} missing,"
            f" quality {base.quality:.2f}>"
        )


class Grids:
    """The grids of many sessions as one, for records of rows of many days."""

    __slots__ = ("_grids", "_starts")

    def __init__(self, grids: list[SessionGrid]) -> None:
        self._starts, self._grids = [grid.span_start for grid in grids], grids

    def __reduce__(self) -> tuple[Any, ...]:
        return Grids, (self._grids,)

    def base_slots(self, ts_ns: int, step_ns: int, base_ns: int) -> int:
        grid = self._grids[bisect_right(self._starts, ts_ns) - 1]
        return grid.compiled.base_slots(ts_ns, step_ns, base_ns)

    def extended(self, times: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        if len(times) > 1 and (times[1:] < times[:-1]).any():  # a window that was turned round
            order = np.argsort(times)
            flags = np.empty(len(times), np.bool_)
            flags[order] = self.extended(times[order])
            return flags
        cuts = np.searchsorted(times, [*self._starts, 2**63 - 1]).tolist()
        parts = [grid.compiled.extended(times[i:j]) for grid, i, j in zip(self._grids, cuts, cuts[1:], strict=False)]
        return np.concatenate([np.zeros(0, np.bool_), *parts])

    def trade_dates(self, times: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        days = np.array([grid.compiled.day for grid in self._grids], np.int32)
        return days[np.searchsorted(self._starts, times, side="right") - 1]
