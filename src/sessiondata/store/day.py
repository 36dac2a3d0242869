"""A past session of one symbol."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from sessiondata.copying import not_copied
from sessiondata.errors import UnknownNameError
from sessiondata.rows.owner import Marked, Owner
from sessiondata.rows.series import BarSeries
from sessiondata.time.intervals import parse_interval

if TYPE_CHECKING:
    from sessiondata._native.objects.store import SymbolCore

__all__ = ["HistoricalDay"]


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
