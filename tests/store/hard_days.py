"""One day of one symbol beside the reference model."""

from __future__ import annotations

from typing import Any

import reference as ref
import sessiondata as sd
from worlds import MINUTE, World, utc

DERIVED = ("5m", "15m", "1h", "1d")
NEW_YORK = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
OPEN = utc("2024-03-12T09:30:00-04:00")
CLOSE = utc("2024-03-12T16:00:00-04:00")
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)


class Day(World):
    """The library beside the model on one session of a calendar, with one symbol, SPY."""

    def __init__(
        self,
        calendar: sd.SessionCalendar | str | None = NEW_YORK,
        date: str = "2024-03-12",
        base: str = "1m",
        derived: tuple[str, ...] = DERIVED,
        capacity: int | None = None,
    ) -> None:
        self.calendar = sd.calendar(calendar)
        self.grid = self.calendar.session(date)
        self.data = sd.SessionData(self.calendar, base, derived, capacity=capacity)
        self.data.start_session(date)
        segments = [(start, stop) for start, stop in self.grid.segments.tolist()]
        span = (self.grid.span_start, self.grid.span_stop)
        self.session = ref.RefSession(date, self.grid.tz, segments, span)
        self.model = ref.RefStore(self.session, base, list(derived), capacity)
        self.names = []
        self.register("SPY")
        self.spy = self.data.symbols["SPY"]

    def feed(self, slots: Any, start: int = OPEN, step: int = MINUTE) -> None:
        """One bar for each slot number; its values tell the slot."""
        for i in slots:
            self.append("SPY", start + i * step, bar_of(i))

    def series(self, interval: str) -> sd.BarSeries:
        return self.spy.bars(interval)

    def times(self, interval: str) -> list[str]:
        return [bar.datetime.strftime("%H:%M") for bar in self.series(interval)]


def bar_of(i: int) -> tuple[float, float, float, float, float]:
    return (100.0 + i, 100.5 + i, 99.5 + i, 100.25 + i, 10.0 + abs(i))


def gaps_of(series: sd.BarSeries, start: int = OPEN, step: int = MINUTE) -> list[tuple[int, int, int]]:
    return [((g.start_ns - start) // step, (g.end_ns - start) // step, g.bar_count) for g in series.gaps]


def coverages(series: sd.BarSeries) -> list[tuple[int, int]]:
    return [(bar.n_base, bar.n_expected) for bar in series]
