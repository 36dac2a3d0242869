"""Past bars of one interval of one symbol, as users see them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sessiondata.copying import not_copied
from sessiondata.rows.bars import BarWindow
from sessiondata.rows.gap import GapInfo
from sessiondata.store.history import History

if TYPE_CHECKING:
    from sessiondata.time.intervals import Interval

__all__ = ["HistoricalBars"]


@not_copied("dict(bars) holds its windows, which can be")
class HistoricalBars(Mapping[dt.date, BarWindow]):
    """Past bars of one interval of one symbol, by trade date, ascending. Current: it follows loads
    and rolls.

    The windows are immutable. After a late bar of a day the mapping gives another one; the old one
    stays as it is.
    """

    __slots__ = ("_history", "_interval")

    def __init__(self, history: History, interval: Interval) -> None:
        self._history, self._interval = history, interval

    @property
    def interval(self) -> str:
        return self._interval.name

    @property
    def dates(self) -> list[dt.date]:
        """Trade dates, ascending."""
        return self._history.dates(self._interval)

    def __getitem__(self, date: Any) -> BarWindow:
        return self._history.window(self._interval, date)

    def __iter__(self) -> Iterator[dt.date]:
        return iter(self.dates)

    def __len__(self) -> int:
        return len(self.dates)

    def tally(self, date: Any = None) -> tuple[int, int]:
        """(present, expected) slots of a date, or of all: of the dates that are here and of the
        sessions between them, whose slots are missing."""
        dates = self._history.counted(self._interval)
        if date is not None:
            dates = [self._history.counts(self._interval, date)]
        tallies = [self._history.tally(self._interval, day) for day in dates]
        return sum(present for present, _ in tallies), sum(expected for _, expected in tallies)

    def quality(self, date: Any = None) -> float:
        """100 * present / expected of a date, or of all that `tally` counts; 100.0 where nothing
        was expected."""
        present, expected = self.tally(date)
        return 100.0 * present / expected if expected else 100.0

    def gaps(self, date: Any = None) -> list[GapInfo]:
        """Gaps of a date, or of all that `tally` counts, in time order. A session of which nothing
        is here is a gap of each of its segments."""
        dates = self._history.counted(self._interval)
        if date is not None:
            dates = [self._history.counts(self._interval, date)]
        return [gap for day in dates for gap in self._history.gaps(self._interval, day)]

    def __repr__(self) -> str:
        dates = self.dates
        span = f"{dates[0]} .. {dates[-1]}" if dates else "none"
        return f"<HistoricalBars {self._history.core.name} {self.interval}: {len(dates)} days, {span}>"
