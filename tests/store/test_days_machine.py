"""Laws 8, 10 and 12 over whole lives: days behind, under way and ahead, beside a model of plain
dicts, by every door.

The model knows dates, their slots and their rows. What lies before the running session shows,
sessions between the first and the last date that shows count, and a roll or an end keeps the newest
days. It shares nothing with the library.
"""

from __future__ import annotations

import copy
import csv
import datetime as dt
import itertools
import math
import os
import pickle
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import sessiondata as sd
from sessiondata.store.symbol import state_of

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


# --- the store beside it --------------------------------------------------------------------------


def count_rows(symbol: sd.SymbolSessionData) -> int:
    """An indicator's function: it sees history as any caller does."""
    return sum(map(len, symbol.historical_bars[symbol.base_interval].values()))


class Pair:
    """A store, its model, and the document of a consumer who takes deltas."""

    def __init__(self, data: sd.SessionData, model: Model, document: dict[str, Any]) -> None:
        self.data, self.model, self.document = data, model, document

    @property
    def symbol(self) -> sd.SymbolSessionData:
        return self.data.symbols["A"]

    def columns(self, rows: list[tuple[str, int, Row]]) -> Iterator[list[Any]]:
        yield [ts for _, ts, _ in rows]
        for i in range(5):
            yield [row[i] for *_, row in rows]

    def same(self) -> None:
        self.same_document()
        self.same_history()
        self.same_all_bars()
        self.same_csv()
        for ask, value in self.model.indicators().items():
            assert self.data.get_historical_indicator("A", ask) == value
        assert str(self.data.session_date) == str(self.model.running)

    def same_document(self) -> None:
        expected = self.model.historical()
        assert self.data.to_dict()["symbols"]["A"]["historical"] == expected
        text = b'"historical":' + orjson.dumps(expected) + b"}"
        assert self.data.to_json().endswith(text + b"}}")
        assert orjson.dumps(self.symbol, default=sd.orjson_default).endswith(text)

    def same_history(self) -> None:
        model, history = self.model, self.symbol.historical_bars
        assert list(history) == model.intervals()
        for interval in history:
            dates, bars = model.dates(interval), history[interval]
            rows = {date: [(ts, *row) for ts, row in model.rows(interval, date).items()] for date in dates}
            assert {str(date): [bar[:6] for bar in window] for date, window in bars.items()} == rows
            assert [str(date) for date in bars] == [str(date) for date in bars.dates] == dates
            for n in (None, 0, 1, 2):
                held = self.data.get_historical_bars("A", interval, days=n)
                newest = dates if n is None else dates[max(0, len(dates) - n) :]
                assert {str(date): [bar[:6] for bar in window] for date, window in held.items()} == {
                    date: rows[date] for date in newest
                }
            counted = model.counted(interval)
            gaps = {date: model.gaps(interval, date) for date in counted}
            for date in [None, *counted]:
                present, expected = model.tally(interval, counted if date is None else [date])
                quality = 100.0 * present / expected if expected else 100.0
                assert self.data.get_historical_quality("A", interval, date) == bars.quality(date) == quality
                shown = [(gap.start_ns, gap.end_ns, gap.bar_count) for gap in bars.gaps(date)]
                assert shown == ([*itertools.chain(*gaps.values())] if date is None else gaps[date])
                assert self.data.get_historical_gaps("A", interval, date) == bars.gaps(date)
            for date in {*model.market.dates[:N_DATES]} - {*counted}:
                for ask in (bars.quality, bars.gaps, bars.__getitem__):
                    with pytest.raises(sd.UnknownNameError):
                        ask(date)
        base = model.market.base[0]
        for date in model.market.dates[:N_DATES]:
            if date in model.days and model.is_past(date):
                day = self.symbol.historical_day(date)
                assert [bar[0] for bar in day.bars()] == sorted(model.days[date].rows)
                assert day.bars(base).quality == 100.0 * model.tally(base, [date])[0] / model.tally(base, [date])[1]
            else:
                with pytest.raises(sd.UnknownNameError):
                    self.symbol.historical_day(date)

    def same_all_bars(self) -> None:
        model = self.model
        for interval in [*model.market.steps, "1d"]:
            grown = interval in model.grown or interval == "1d"
            if interval not in model.intervals() or not (grown or model.running is None):
                with pytest.raises(sd.UnknownNameError):
                    self.data.get_all_bars_including_historical("A", interval)
                continue
            window = self.data.get_all_bars_including_historical("A", interval)
            rows = model.all_rows(interval)
            assert [bar[:6] for bar in window] == rows
            frame = window.to_polars()
            assert frame["timestamp"].dt.epoch("ns").to_list() == [row[0] for row in rows]
            assert frame.select("open", "high", "low", "close", "volume").rows() == [row[1:] for row in rows]
        live = model.live.rows
        assert [bar[:6] for bar in self.symbol.bars()] == [(ts, *live[ts]) for ts in sorted(live)]
        state_of(self.symbol).core.check_invariants()

    def same_csv(self) -> None:
        """The steps of a session are its own."""
        with tempfile.TemporaryDirectory() as folder:
            self.data.to_csv(Path(folder) / "x.csv", self.model.market.base[0])
            rows = list(csv.DictReader((Path(folder) / "x.csv").read_text().splitlines()))
        assert {row["session_date"] for row in rows} <= {self.model.running}
        present = [int(row["ts_ns"]) for row in rows if row["state"] == "present" or row["open"]]
        assert present == sorted(self.model.live.rows)


date_slot_value = st.tuples(st.integers(0, N_DATES - 1), st.integers(0, 5), st.integers(0, 9))
rows_picked = st.lists(date_slot_value, min_size=1, max_size=8)
one_date = st.integers(0, N_DATES - 1)


class DaysLife(RuleBasedStateMachine):
    """One store, sometimes a second one that has parted from it."""

    here: Pair

    @initialize(
        market=st.sampled_from(sorted(MARKETS)),
        trailing_days=st.sampled_from([0, 1, 2, 5]),
        capacity=st.sampled_from([None, 50]),
        shows_1d=st.booleans(),
        first=st.sampled_from([None, 0, 2, 3, 4]),
    )
    def begin(self, market: str, trailing_days: int, capacity: int | None, shows_1d: bool, first: int | None) -> None:
        self.market = MARKETS[market]
        note(f"{market} trailing_days={trailing_days} capacity={capacity} shows_1d={shows_1d}")
        derived = [self.market.derived[0], *(["1d"] if shows_1d else [])]
        data = sd.SessionData(
            self.market.calendar, self.market.base[0], derived, trailing_days, capacity=capacity, tick_capacity=256
        )
        data.register_symbol("A")
        data.add_historical_indicator("avg_volume_2d")
        data.add_historical_indicator("n", count_rows, days=1)
        data.export_cursor("ui")
        model = Model(self.market, trailing_days, 2, shows_1d)
        self.here = Pair(data, model, data.to_dict(cursor="ui"))
        self.there: Pair | None = None
        if first is not None:
            self.start_session(first)

    def pick(self, picks: Iterable[tuple[int, int, int]], interval: str | None = None) -> list[tuple[str, int, Row]]:
        """Rows of distinct slots, in any order."""
        found: dict[tuple[str, int], Row] = {}
        for date, slot, value in picks:
            day = self.market.dates[date]
            slots = [ts for segment in self.market.slots(day, interval or self.market.base[0]) for ts in segment]
            price = 10.0 + value / 4
            row = (price, price + 2.0, price - 1.0, price + 0.5, 100.0 + value)
            found[day, slots[slot % len(slots)]] = row
        return [(date, ts, row) for (date, ts), row in found.items()]

    # --- loads ---

    @rule(picks=rows_picked)
    def load(self, picks: Any) -> None:
        rows = self.pick(picks)
        columns = list(self.here.columns(rows))
        before = copy.deepcopy(self.here.model)
        stored = self.here.model.load(rows)
        if stored is None:
            self.here.model = before
            with pytest.raises(sd.InputKindError):
                self.here.symbol.load_historical_bars(self.market.base[0], *columns)
        else:
            assert self.here.symbol.load_historical_bars(self.market.base[0], *columns) == stored

    @rule(first=one_date, n=st.integers(1, 4), value=st.integers(0, 9))
    def load_whole_days(self, first: int, n: int, value: int) -> None:
        dates = range(first, min(first + n, N_DATES))
        self.load([(date, slot, value + slot) for date in dates for slot in range(6)])

    @rule(picks=rows_picked, which=st.sampled_from(["derived", "other", "1d", "1d"]))
    def load_other(self, picks: Any, which: str) -> None:
        interval = "1d" if which == "1d" else getattr(self.market, which)[0]
        rows = self.pick(picks, interval)
        ts, *values = self.here.columns(rows)
        times = [date for date, _, _ in rows] if which == "1d" else ts
        stored = self.here.model.give(interval, rows)
        assert self.here.symbol.load_historical_bars(interval, times, *values) == stored

    # --- sessions ---

    @rule(date=one_date)
    def start_session(self, date: int) -> None:
        model, day = self.here.model, self.market.dates[date]
        refused = day != model.running if model.running is not None else model.ended is not None and day < model.ended
        if refused:
            with pytest.raises(sd.SessionStateError):
                self.here.data.start_session(day)
            return
        self.here.data.start_session(day)
        if model.running is None:
            model.start(day)

    @rule(skip=st.sampled_from([0, 0, 0, 1, 3]))
    def roll(self, skip: int) -> None:
        """To the next date, or with days in between that may have been loaded."""
        model = self.here.model
        if model.last is None:
            with pytest.raises(sd.SessionStateError):
                self.here.data.roll_session()
            return
        date = self.market.dates[min(self.market.dates.index(model.last) + 1 + skip, 18)]
        if date <= model.last:
            return
        self.here.data.roll_session(date if skip else None)
        model.end(before=date)
        model.start(date)

    @rule()
    def end(self) -> None:
        if self.here.model.running is None:
            with pytest.raises(sd.SessionStateError):
                self.here.data.end_session()
            return
        self.here.data.end_session()
        self.here.model.end()

    @precondition(lambda self: self.here.model.running is not None)
    @rule(picks=rows_picked, skip=st.sampled_from([0, 1, 3, None]))
    def end_and_load(self, picks: Any, skip: int | None) -> None:
        """Rows that come between two sessions, of which the next one may pass them by."""
        self.end()
        self.same()
        self.load(picks)
        self.same()
        if skip is not None:
            self.roll(skip)

    @precondition(lambda self: self.here.model.running is not None)
    @rule(slot=st.integers(0, 5), part=st.sampled_from([0, 1, 2]))
    def advance(self, slot: int, part: int) -> None:
        model = self.here.model
        slots = [ts for segment in self.market.slots(model.running, self.market.base[0]) for ts in segment]
        ts = slots[slot % len(slots)] + part * self.market.base[1] // 2
        self.here.data.advance_to(ts)
        model.clock = ts if model.clock is None else max(model.clock, ts)

    # --- bars and trades ---

    @rule(picks=rows_picked)
    def extend(self, picks: Any) -> None:
        self.stream(self.pick(picks), single=False)

    @rule(date=one_date, slot=st.integers(0, 5), value=st.integers(0, 9))
    def append(self, date: int, slot: int, value: int) -> None:
        self.stream(self.pick([(date, slot, value)]), single=True)

    @precondition(lambda self: self.here.model.running in self.market.dates[:N_DATES])
    @rule(slot=st.integers(0, 5), value=st.integers(0, 9), single=st.booleans())
    def append_now(self, slot: int, value: int, single: bool) -> None:
        date = self.market.dates.index(self.here.model.running or "")
        self.stream(self.pick([(date, slot, value)]), single)

    @precondition(lambda self: any(map(self.here.model.is_absent, self.market.dates[:N_DATES])))
    @rule(data=st.data(), value=st.integers(0, 9), way=st.sampled_from(["one", "all", "slice", "fill"]))
    def come_for_an_absent_day(self, data: st.DataObject, value: int, way: str) -> None:
        model, symbol = self.here.model, self.here.symbol
        date = data.draw(st.sampled_from([*filter(model.is_absent, self.market.dates[:N_DATES])]))
        rows = self.pick([(self.market.dates.index(date), slot, value) for slot in range(2 if way == "all" else 1)])
        if way == "fill":
            assert symbol.fill(*self.here.columns(rows)) == model.fill(rows) == len(rows)
        else:
            self.stream(rows, way == "one", way == "slice")

    @precondition(lambda self: any(map(self.here.model.is_past, self.here.model.days)))
    @rule(data=st.data(), slot=st.integers(0, 5), value=st.integers(0, 9), way=st.sampled_from(["one", "all", "slice"]))
    def append_late(self, data: st.DataObject, slot: int, value: int, way: str) -> None:
        dates = sorted(filter(self.here.model.is_past, self.here.model.days))
        date = self.market.dates.index(data.draw(st.sampled_from(dates)))
        self.stream(self.pick([(date, slot, value)]), way == "one", way == "slice")

    def stream(self, rows: list[tuple[str, int, Row]], single: bool, as_slice: bool = False) -> None:
        model, symbol = self.here.model, self.here.symbol
        before = copy.deepcopy(model)
        refusal: type[Exception] | None = None
        later = [date for date, _, _ in rows if model.last is None or date > model.last]
        if model.running is None and later:
            model.start(min(later))
        if model.live.source == "trades" and any(date >= (model.running or "") for date, _, _ in rows):
            refusal = sd.InputKindError
        elif model.running is not None and any(date > model.running for date, _, _ in rows):
            refusal = sd.LaterSessionError
        changed = None if refusal else model.bars(rows)
        if changed is None:
            self.here.model = before
        columns = list(self.here.columns(rows))

        def store() -> int:
            if single:
                return int(symbol.append(*(column[0] for column in columns)))
            if as_slice:
                return self.here.data.append_slice(["A"], *columns)
            return symbol.extend(*columns)

        if changed is None:
            with pytest.raises(refusal or sd.InputKindError):
                store()
        else:
            assert store() == changed

    @precondition(lambda self: self.here.model.running is not None)
    @rule(slot=st.integers(0, 5), part=st.integers(0, 3), price=st.integers(40, 60), size=st.integers(1, 9))
    def trade(self, slot: int, part: int, price: int, size: int) -> None:
        model = self.here.model
        slots = [ts for segment in self.market.slots(model.running, self.market.base[0]) for ts in segment]
        ts = slots[slot % len(slots)] + part * self.market.base[1] // 4
        if model.trade(ts, price / 4, float(size)) is None:
            with pytest.raises(sd.InputKindError):
                self.here.symbol.append_tick(ts, price / 4, float(size))
        else:
            assert self.here.symbol.append_tick(ts, price / 4, float(size))

    @precondition(lambda self: self.here.model.days)
    @rule(picks=rows_picked)
    def fill(self, picks: Any) -> None:
        model = self.here.model
        rows = [row for row in self.pick(picks) if model.running is None or row[0] < model.running]
        if rows:
            assert self.here.symbol.fill(*self.here.columns(rows)) == model.fill(rows)

    # --- copies, files, consumers ---

    @rule(way=st.sampled_from(["dumps", "save", "pickle", "copy"]))
    def come_back(self, way: str) -> None:
        """Go on with what was restored."""
        here = self.here
        if way == "copy":
            here.data = here.data.copy()
        elif way == "pickle":
            here.data = pickle.loads(pickle.dumps(here.data))
        elif way == "dumps":
            here.data = sd.loads(here.data.dumps())
        else:
            with tempfile.TemporaryDirectory() as folder:
                here.data.save(Path(folder) / "x")
                here.data = sd.load(Path(folder) / "x")
        if way in ("dumps", "save"):  # functions are not in a file
            here.data.add_historical_indicator("n", count_rows, days=1)

    @rule(anew=st.booleans())
    def part(self, anew: bool) -> None:
        """Whatever happens to one of two copies does not show in the other, on whichever one goes
        on."""
        here = self.here
        if anew or self.there is None:
            self.there = Pair(here.data.copy(), copy.deepcopy(here.model), copy.deepcopy(here.document))
        else:
            self.here, self.there = self.there, here

    @rule()
    def delta(self) -> None:
        here = self.here
        delta = here.data.to_dict(False, cursor="ui")
        here.document = sd.apply_delta(here.document, delta)
        assert here.document["symbols"] == here.data.to_dict()["symbols"]
        assert here.document["symbols"]["A"]["historical"] == here.model.historical()
        again = here.data.to_dict(False, cursor="ui")
        assert "historical" not in again["symbols"].get("A", {})
        here.document = sd.apply_delta(here.document, again)

    @rule(by_bytes=st.booleans())
    def complete(self, by_bytes: bool) -> None:
        here = self.here
        here.document = orjson.loads(here.data.to_json(cursor="ui")) if by_bytes else here.data.to_dict(cursor="ui")

    @invariant()
    def same(self) -> None:
        if hasattr(self, "here"):
            self.here.same()
            if self.there is not None:
                self.there.same_document()


DEEP = os.environ.get("SESSIONDATA_HYPOTHESIS") == "thorough"
DaysLife.TestCase.settings = settings(max_examples=1000 if DEEP else 20, stateful_step_count=25)
TestDaysLife = pytest.mark.slow(DaysLife.TestCase)
