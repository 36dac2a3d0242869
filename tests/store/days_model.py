"""Days behind, under way and ahead as plain dicts: the model that `test_days_machine.py` compares
stores with.

It knows dates, their slots and their rows. What lies before the running session shows, sessions
between the first and the last date that shows count, and a roll or an end keeps the newest days. It
shares nothing with the library.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import sessiondata as sd

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
Row = tuple[float, float, float, float, float]  # open, high, low, close, volume
Rows = dict[int, Row]  # by ts_ns


# --- markets --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Market:
    """Hours of a few weeks, written out, and the library's calendar of the same hours."""

    calendar: sd.SessionCalendar
    zone: ZoneInfo
    segments: dict[str, list[tuple[int, int]]]  # trade date -> (start, stop), ns
    base: tuple[str, int]
    derived: tuple[str, int]
    other: tuple[str, int]  # an interval that the session does not grow

    @property
    def steps(self) -> dict[str, int]:
        return dict([self.base, self.derived, self.other])

    @property
    def dates(self) -> list[str]:
        return sorted(self.segments)

    def slots(self, date: str, interval: str) -> list[list[int]]:
        """Starts of the slots of a date, by segment."""
        if interval == "1d":
            return [[self.segments[date][0][0]]]
        return [list(range(a, b, self.steps[interval])) for a, b in self.segments[date]]

    def slot_of(self, date: str, interval: str, ts: int) -> int:
        return max(start for slots in self.slots(date, interval) for start in slots if start <= ts)

    def end_of(self, date: str, interval: str, ts: int) -> int:
        stop = next(b for a, b in self.segments[date] if a <= ts < b)
        return min(stop, ts + self.steps[interval])

    def shown(self, ts: int) -> str:
        return dt.datetime.fromtimestamp(ts // 1_000_000_000, self.zone).isoformat()


def _weekdays(zone: str, hours: dict[str, list[tuple[str, str]]], closed: Iterable[str]) -> dict[str, Any]:
    """Segments of the weekdays of a month around a change of New York's clocks; `hours` of "" where
    no others are."""
    found = {}
    for n in range(30):
        day = dt.date(2024, 3, 7) + dt.timedelta(days=n)
        if day.weekday() < 5 and day.isoformat() not in closed:
            its_hours = hours.get(day.isoformat(), hours[""])
            found[day.isoformat()] = [
                tuple(
                    int(dt.datetime.combine(day, dt.time.fromisoformat(at), ZoneInfo(zone)).timestamp()) * 1_000_000_000
                    for at in segment
                )
                for segment in its_hours
            ]
    return found


MARKETS = {
    "half days": Market(
        sd.SessionCalendar.from_hours(
            "09:30", "09:36", "America/New_York", holidays=["2024-03-14"], early_closes={"2024-03-12": "09:33"}
        ),
        ZoneInfo("America/New_York"),
        _weekdays(
            "America/New_York", {"": [("09:30", "09:36")], "2024-03-12": [("09:30", "09:33")]}, ["2024-03-14"]
        ),
        ("1m", MINUTE), ("2m", 2 * MINUTE), ("3m", 3 * MINUTE),
    ),
    "lunch": Market(
        sd.SessionCalendar.from_hours("09:30", "09:36", "Asia/Hong_Kong", breaks=[("09:33", "09:34")]),
        ZoneInfo("Asia/Hong_Kong"),
        _weekdays("Asia/Hong_Kong", {"": [("09:30", "09:33"), ("09:34", "09:36")]}, []),
        ("1m", MINUTE), ("2m", 2 * MINUTE), ("3m", 3 * MINUTE),
    ),
    "always": Market(
        sd.SessionCalendar.always_open(),
        ZoneInfo("UTC"),
        {
            str(dt.date(2024, 3, 7) + dt.timedelta(days=n)): [
                (1_709_769_600_000_000_000 + n * 24 * HOUR, 1_709_769_600_000_000_000 + (n + 1) * 24 * HOUR)
            ]
            for n in range(30)
        },
        ("4h", 4 * HOUR), ("8h", 8 * HOUR), ("12h", 12 * HOUR),
    ),
}  # fmt: skip
N_DATES = 9  # that a rule may name; a roll goes on behind them


# --- the model ------------------------------------------------------------------------------------


def fold(rows: list[Row]) -> Row:
    opens, highs, lows, closes, volumes = zip(*rows, strict=True)
    return opens[0], max(highs), min(lows), closes[-1], float(sum(volumes))


@dataclass
class Day:
    """A session: its base rows, what has fed it ("bars" or "trades"; None: rows were loaded), and
    its trades."""

    rows: Rows = field(default_factory=dict)
    source: str | None = None
    filled: set[int] = field(default_factory=set)
    trades: list[tuple[int, float, float]] = field(default_factory=list)


class Model:
    """A store of one symbol."""

    def __init__(self, market: Market, trailing_days: int, keep_daily: int, shows_1d: bool) -> None:
        self.market, self.keep, self.keep_daily = market, trailing_days, max(keep_daily, trailing_days)
        self.grown = [market.base[0], market.derived[0], *(["1d"] if shows_1d else [])]
        self.running: str | None = None
        self.ended: str | None = None
        self.clock: int | None = None
        self.live = Day()
        self.days: dict[str, Day] = {}
        self.daily: dict[str, Row] = {}  # of days that have gone
        self.given: dict[str, dict[str, Rows]] = {}

    # --- what happens ---

    def is_past(self, date: str) -> bool:
        """Whether it shows: it lies before the session under way, or up to the one that has
        ended."""
        if self.running is not None:
            return date < self.running
        return self.ended is None or date <= self.ended

    @property
    def last(self) -> str | None:
        return self.ended if self.running is None else self.running

    def start(self, date: str) -> None:
        self.live = self.days.pop(date, Day())
        self.running, self.clock = date, None

    def end(self, before: str | None = None) -> None:
        """End the session, if one is running, and trim what lies before a date, by default all up
        to it."""
        if self.running is not None:
            self.days[self.running] = self.live
            self.daily.pop(self.running, None)
            self.ended, self.running, self.live, self.clock = self.running, None, Day(), None
        self._trim([date for date in self.market.dates if (self.is_past(date) if before is None else date < before)])

    def _trim(self, dates: list[str]) -> None:
        def older(among: Iterable[str], keep: int) -> list[str]:
            past = sorted({*among} & {*dates})
            return past[: max(0, len(past) - keep)]

        for date in older(self.days, self.keep):
            day = self.days.pop(date)
            if day.rows:
                self.daily[date] = fold([day.rows[ts] for ts in sorted(day.rows)])
        for interval, rows in self.given.items():
            if interval != "1d":
                for date in older(rows, self.keep):
                    del rows[date]
        given = self.given.get("1d", {})
        with_rows = [date for date, day in self.days.items() if day.rows]
        for date in older({*with_rows, *self.daily, *given}, self.keep_daily):
            self.daily.pop(date, None)
            given.pop(date, None)
        self.given = {interval: rows for interval, rows in self.given.items() if rows}

    def is_absent(self, date: str) -> bool:
        """Whether it lies between days that show and is none of them: what comes for it makes it
        one."""
        shown = [day for day in self.days if self.is_past(day)]
        return date not in self.days and bool(shown) and min(shown) < date < max(shown)

    def make(self, date: str) -> Day:
        self.daily.pop(date, None)
        return self.days.setdefault(date, Day())

    def bars(self, rows: list[tuple[str, int, Row]]) -> int | None:
        """Streamed bars; how many changed something. None: refused, since trades feed a session
        that they are of."""
        for date in [date for date, _, _ in rows if self.is_absent(date)]:
            self.make(date)
        days = [(self.live if date == self.running else self.days.get(date), ts, row) for date, ts, row in rows]
        if any(day is not None and day.source == "trades" for day, _, _ in days):
            return None
        changed = 0
        for day, ts, row in days:
            if day is not None:
                changed += day.rows.get(ts) != row
                day.rows[ts], day.source = row, "bars"
        return changed

    def trade(self, ts: int, price: float, size: float) -> bool | None:
        day, assert_date = self.live, self.running
        assert assert_date is not None
        if day.source == "bars":
            return None
        day.source = "trades"
        day.trades.append((ts, price, size))
        slot = self.market.slot_of(assert_date, self.market.base[0], ts)
        if slot not in day.filled:
            end = self.market.end_of(assert_date, self.market.base[0], slot)
            of_slot = sorted((t for t in day.trades if slot <= t[0] < end), key=lambda trade: trade[0])
            day.rows[slot] = fold([(price, price, price, price, size) for _, price, size in of_slot])
        return True

    def load(self, rows: list[tuple[str, int, Row]]) -> int | None:
        """Loaded base rows; None: refused, as `bars` does."""
        others = [entry for entry in rows if entry[0] != self.running]
        if any(self.days[date].source == "trades" for date, _, _ in others if date in self.days):
            return None
        changed = 0
        for date, ts, row in others:
            day = self.days.setdefault(date, Day())
            self.daily.pop(date, None)
            changed += day.rows.get(ts) != row
            day.rows[ts] = row
            if day.source is None:
                day.filled.add(ts)
        mine = [(ts, row) for date, ts, row in rows if date == self.running]
        if not mine:
            return changed
        over = self._over(max(ts for ts, _ in mine))
        for ts, row in mine:
            if ts not in self.live.rows and self._end(ts) <= over:
                self.live.rows[ts] = row
                changed += 1
                if self.live.source != "bars":
                    self.live.filled.add(ts)
        return changed

    def _end(self, ts: int) -> int:
        assert self.running is not None
        return self.market.end_of(self.running, self.market.base[0], ts)

    def known(self) -> float:
        """Up to when the session is known."""
        times = [-math.inf if self.clock is None else self.clock]
        if self.live.source == "trades":
            newest = max(self.live.rows)
            times += [max(ts for ts, _, _ in self.live.trades), self._end(newest) if newest in self.live.filled else 0]
        elif self.live.rows:
            times.append(self._end(max(self.live.rows)))
        return max(times)

    def _over(self, newest: int) -> float:
        """Up to when a load knows that its rows are whole."""
        if self.clock is not None:
            return max(self.clock, self.known())
        return max(newest, self.known()) if self.live.source == "trades" else math.inf

    def fill(self, rows: list[tuple[str, int, Row]]) -> int:
        """Fetched bars of days that are here, also of days ahead (between two sessions)."""
        filled = 0
        for date, ts, row in rows:
            day = self.make(date) if self.is_absent(date) else self.days.get(date)
            if day is not None and ts not in day.rows:
                day.rows[ts] = row
                filled += 1
                if day.source != "bars":
                    day.filled.add(ts)
        return filled

    def give(self, interval: str, rows: list[tuple[str, int, Row]]) -> int:
        changed = 0
        for date, ts, row in rows:
            held = self.given.setdefault(interval, {}).setdefault(date, {})
            changed += held.get(ts) != row
            held[ts] = row
        return changed

    # --- what shows ---

    def folded(self, date: str, interval: str, rows: Rows) -> Rows:
        slots: dict[int, list[Row]] = {}
        for ts in sorted(rows):
            slots.setdefault(self.market.slot_of(date, interval, ts), []).append(rows[ts])
        return {slot: fold(members) for slot, members in slots.items()}

    def intervals(self) -> list[str]:
        given = [name for name, rows in self.given.items() if any(map(self.is_past, rows))]
        steps = {**self.market.steps, "1d": math.inf}
        return sorted({*self.grown, "1d", *given}, key=lambda name: steps[name])

    def dates(self, interval: str) -> list[str]:
        dates = {*self.given.get(interval, {})}
        if interval in self.grown or interval == "1d":
            dates |= {*self.days}
        if interval == "1d":
            dates |= {*self.daily}
        return sorted(filter(self.is_past, dates))

    def counted(self, interval: str) -> list[str]:
        dates = self.dates(interval)
        return [date for date in self.market.dates if dates and dates[0] <= date <= dates[-1]]

    def rows(self, interval: str, date: str) -> Rows:
        rows: Rows = {}
        if date in self.days and (interval in self.grown or interval == "1d"):
            rows = self.folded(date, interval, self.days[date].rows)
        elif interval == "1d" and date in self.daily:
            rows = {self.market.segments[date][0][0]: self.daily[date]}
        return dict(sorted({**rows, **self.given.get(interval, {}).get(date, {})}.items()))

    def tally(self, interval: str, dates: Iterable[str]) -> tuple[int, int]:
        present = expected = 0
        for date in dates:
            slots = [ts for segment in self.market.slots(date, interval) for ts in segment]
            present += len({*self.rows(interval, date)} & {*slots})
            expected += len(slots)
        return present, expected

    def gaps(self, interval: str, date: str) -> list[tuple[int, int, int]]:
        """First and last missing slot, and how many."""
        rows, gaps = self.rows(interval, date), []
        for segment in self.market.slots(date, interval):
            for missing, run in itertools.groupby(segment, lambda ts: ts not in rows):
                if missing:
                    slots = list(run)
                    gaps.append((slots[0], slots[-1], len(slots)))
        return gaps

    def all_rows(self, interval: str) -> list[tuple[Any, ...]]:
        rows = [row for date in self.dates(interval) for row in self.rows(interval, date).items()]
        if self.running is not None:
            rows += self.folded(self.running, interval, self.live.rows).items()
        return [(ts, *row) for ts, row in rows]

    def indicators(self) -> dict[str, Any]:
        volumes = [row[4] for date in self.dates("1d") for row in self.rows("1d", date).values()]
        base = self.market.base[0]
        return {
            "avg_volume_2d": sum(volumes[-2:]) / 2 if len(volumes) > 1 else None,
            "n": sum(len(self.rows(base, date)) for date in self.dates(base)),
        }

    def historical(self) -> dict[str, Any]:
        """The member of the document."""
        data = {}
        for interval in self.intervals():
            dates, counted = self.dates(interval), self.counted(interval)
            if not dates:
                continue
            present, expected = self.tally(interval, counted)
            ranges, rows = [], []
            for date in counted:
                show = self.market.shown if interval != "1d" else lambda _, date=date: date
                ranges += [
                    {"start_time": show(first), "end_time": show(last), "bar_count": n}
                    for first, last, n in self.gaps(interval, date)
                ]
                rows += [[show(ts), *row[:4], int(row[4])] for ts, row in self.rows(interval, date).items()]
            data[interval] = {
                "count": len(rows),
                "date_range": {"start_date": dates[0], "end_date": dates[-1], "days": len(dates)},
                "dates": dates,
                "quality": 10_000 * present // expected / 100,
                **({"gaps": {"gap_count": len(ranges), "missing_bars": expected - present, "ranges": ranges}}
                   if ranges else {}),
                "columns": ["date" if interval == "1d" else "timestamp", "open", "high", "low", "close", "volume"],
                "data": rows,
            }  # fmt: skip
        return {"loaded": True, **self.indicators(), "data": data}
