"""The contestant that stands for what people write today: objects, deques, sets, dicts.

A careful version of it. Expected times are computed once per session and cut by bisection, sets of
present times are kept and not rebuilt, derived bars are found by comparing with the end of their
bucket, only intervals that can have changed are looked at again, and classes have slots. It takes
bars in time order only, which is less than `sessiondata` does.

`eager=True` keeps gaps and quality current after each bar, as `sessiondata` does and as a live
system's quality check needs them; `eager=False` finds them when they are asked for, which is the
least that an object model can do.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

__all__ = ["Bar", "Gap", "ObjectStore", "Series", "Symbol"]


@dataclass(slots=True)
class Bar:
    timestamp: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int


@dataclass(slots=True)
class Gap:
    start_time: datetime
    end_time: datetime
    bar_count: int


@dataclass(slots=True)
class Series:
    """Bars of one interval, and what is known about their completeness."""

    interval: str
    step: timedelta
    starts: list[datetime]
    stops: list[datetime]
    numbers: dict[datetime, int]
    bars: deque[Bar] = field(default_factory=deque)
    present: set[datetime] = field(default_factory=set)
    slot_stop: datetime | None = None
    expected: int = 0
    gaps: list[Gap] = field(default_factory=list)
    quality: float = 100.0

    @classmethod
    def of_session(cls, interval: str, step: timedelta, opening: datetime, closing: datetime) -> Series:
        starts = []
        start = opening
        while start < closing:
            starts.append(start)
            start += step
        stops = [min(start + step, closing) for start in starts]
        return cls(interval, step, starts, stops, {start: i for i, start in enumerate(starts)})

    def refresh(self, as_of: datetime) -> None:
        """Find gaps and quality anew: the slots that are over, less those with a bar."""
        self.expected = expected = bisect_right(self.stops, as_of)
        missing = set(self.starts[:expected]) - self.present
        self.quality = 100.0 * (expected - len(missing)) / expected if expected else 100.0
        self.gaps = self._runs(sorted(missing)) if missing else []

    def _runs(self, missing: list[datetime]) -> list[Gap]:
        gaps: list[Gap] = []
        numbers = self.numbers
        previous = -2
        for timestamp in missing:
            number = numbers[timestamp]
            if number == previous + 1:
                gaps[-1].end_time = timestamp
                gaps[-1].bar_count += 1
            else:
                gaps.append(Gap(timestamp, timestamp, 1))
            previous = number
        return gaps


class Symbol:
    """One symbol's session."""

    __slots__ = ("as_of", "base", "closing", "derived", "eager", "high", "last_update", "low")
    __slots__ += ("name", "opening", "step", "updated", "volume")

    def __init__(
        self,
        name: str,
        opening: datetime,
        closing: datetime,
        base: tuple[str, timedelta],
        derived: Iterable[tuple[str, timedelta]],
        *,
        eager: bool = True,
    ) -> None:
        self.name, self.opening, self.closing, self.eager = name, opening, closing, eager
        self.base = Series.of_session(*base, opening, closing)
        self.derived = [Series.of_session(*interval, opening, closing) for interval in derived]
        self.step = base[1]
        self.as_of = opening
        self.volume, self.high, self.low = 0, None, None
        self.last_update: datetime | None = None
        self.updated = False

    @property
    def series(self) -> list[Series]:
        return [self.base, *self.derived]

    def add_bar(
        self,
        timestamp: datetime,
        open: float,  # noqa: A002
        high: float,
        low: float,
        close: float,
        volume: int,
    ) -> None:
        """Take the next bar, in time order."""
        if self.last_update is not None and timestamp <= self.last_update:
            raise ValueError(f"bars come in time order: {timestamp} after {self.last_update}")
        if high < low or volume < 0:
            raise ValueError(f"not a bar: high={high} low={low} volume={volume}")
        self.base.bars.append(Bar(timestamp, open, high, low, close, volume))
        self.base.present.add(timestamp)
        self.as_of = as_of = timestamp + self.step
        self.last_update = timestamp
        self.volume += volume
        if self.high is None or high > self.high:
            self.high = high
        if self.low is None or low < self.low:
            self.low = low
        for series in self.derived:
            opened = series.slot_stop is None or timestamp >= series.slot_stop
            if opened:
                start = self.opening + (timestamp - self.opening) // series.step * series.step
                series.slot_stop = min(start + series.step, self.closing)
                series.bars.append(Bar(start, open, high, low, close, volume))
                series.present.add(start)
            else:
                bar = series.bars[-1]
                if high > bar.high:
                    bar.high = high
                if low < bar.low:
                    bar.low = low
                bar.close = close
                bar.volume += volume
            # Between these two nothing is expected or present that was not before.
            if self.eager and (opened or as_of >= series.slot_stop):
                series.refresh(as_of)
        if self.eager:
            self.base.refresh(as_of)
        self.updated = True

    def refresh(self) -> None:
        """Bring gaps and quality of all intervals up to date."""
        for series in self.series:
            series.refresh(self.as_of)


class ObjectStore:
    """Symbols of one session."""

    def __init__(self, session_date: date, timezone: str) -> None:
        self.session_date, self.timezone = session_date, timezone
        self.symbols: dict[str, Symbol] = {}
        self._shown: dict[str, dict[str, tuple[int, bool]]] = {}
        self._since: int | None = None

    def to_json(self, sequence: int) -> bytes:
        """The complete document, with dicts and orjson; `sequence` is handed in, as the model
        counts no changes."""
        import orjson

        return orjson.dumps(self.to_dict(sequence))

    def to_dict(self, sequence: int) -> dict[str, Any]:
        meta = self._meta(sequence)
        return {"meta": meta, "symbols": {name: _symbol(symbol) for name, symbol in self.symbols.items()}}

    def delta(self, sequence: int) -> dict[str, Any]:
        """Rows that are new since the last call, or were in progress then; of symbols with new
        bars. (A late bar, which the model does not take, would never be in it.)"""
        meta = {**self._meta(sequence), "complete": False, "cursor": None, "since": self._since, "epoch": 1}
        changed = {}
        for name, symbol in self.symbols.items():
            if symbol.updated:
                changed[name] = _changes(symbol, self._shown.setdefault(name, {}))
                symbol.updated = False
        self._since = sequence
        return {"meta": meta, "symbols": changed}

    def _meta(self, sequence: int) -> dict[str, Any]:
        as_of = max(symbol.as_of for symbol in self.symbols.values())
        return {
            "schema": 1,
            "complete": True,
            "session_date": self.session_date.isoformat(),
            "timezone": self.timezone,
            "segments": [["09:30:00", "16:00:00"]],
            "as_of": as_of.isoformat(),
            "sequence": sequence,
        }


def _changes(symbol: Symbol, shown: dict[str, tuple[int, bool]]) -> dict[str, Any]:
    """`shown`: of each interval how many rows, and whether the last of them was in progress."""
    symbol.refresh()
    data = {}
    for series in symbol.series:
        first, forming = shown.get(series.interval, (0, False))
        part = _series(series, series is not symbol.base, symbol.as_of, first - forming)
        shown[series.interval] = len(series.bars), "forming" in part
        data[series.interval] = part
    return {"session": {"volume": symbol.volume, "high": symbol.high, "low": symbol.low, "data": data}}


def _symbol(symbol: Symbol) -> dict[str, Any]:
    symbol.refresh()
    data = {series.interval: _series(series, series is not symbol.base, symbol.as_of) for series in symbol.series}
    session = {"volume": symbol.volume, "high": symbol.high, "low": symbol.low, "data": data}
    return {"session": session, "historical": {"loaded": False}}


def _series(series: Series, generated: bool, as_of: datetime, first: int = 0) -> dict[str, Any]:
    count = len(series.bars)
    part: dict[str, Any] = {"count": count, "total_count": count, "generated": generated}
    if generated and series.slot_stop is not None and as_of < series.slot_stop:
        part["forming"] = True
    missing = sum(gap.bar_count for gap in series.gaps)
    expected = series.expected
    # Rounded down to two decimals, so that 100.0 means that nothing is missing.
    part["quality"] = 10_000 * (expected - missing) // expected / 100 if expected else 100.0
    if series.gaps:
        part["gaps"] = {
            "gap_count": len(series.gaps),
            "missing_bars": missing,
            "ranges": [
                {
                    "start_time": gap.start_time.isoformat()[11:19],
                    "end_time": gap.end_time.isoformat()[11:19],
                    "bar_count": gap.bar_count,
                }
                for gap in series.gaps
            ],
        }
    part["columns"] = ["timestamp", "open", "high", "low", "close", "volume"]
    # A slice of isoformat takes half the time of strftime.
    part["data"] = [
        [bar.timestamp.isoformat()[11:19], bar.open, bar.high, bar.low, bar.close, bar.volume]
        for bar in islice(series.bars, first, None)
    ]
    return part
