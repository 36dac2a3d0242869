"""Law 7: a delta applied to the document before it gives the complete document now, whatever
happened in between.

Random lives of a store are followed by several consumers at paces of their own, some with a
selection, one so slow that the store forgets which rows were changed. After each delta the document
of its consumer is compared with a complete export, byte for byte, and the delta as bytes with the
delta as a dict (law 6).

Now and then a life is saved and loaded, and for a while the same happens to both stores, or for
good to the loaded one: every export of the one is that of the other, byte for byte, whatever a
consumer had seen when it was saved.
"""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import json
import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

import sessiondata as sd
from sessiondata.rows.owner import computed_gaps
from sessiondata.store.store import parts_of
from sessiondata.store.symbol import state_of
from sessiondata.time.intervals import parse_interval
from worlds import INTERVALS, MINUTE, SECOND, SHAPES, shifted_date, step_of

LIVES, STEPS, BLOCKS = 200, 100, 8
# A longer run: SESSIONDATA_LIVES=10000 SESSIONDATA_FIRST_LIFE=1000 pytest
# tests/export/test_deltas.py -k lives
FIRST, N_LIVES = int(os.environ.get("SESSIONDATA_FIRST_LIFE", "0")), int(os.environ.get("SESSIONDATA_LIVES", LIVES))
NAMES = ("AAA", 'q"\\\n\x7f', "ünï", "Z\U0001f600")
DAY = 24 * 60 * MINUTE
YEAR_1990 = 631_152_000 * SECOND  # 1990-01-01 UTC


class Consumer:
    """Follows a store through two cursors in step: one for dicts, one for bytes."""

    def __init__(self, life: Life, number: int, timestamps: str, pace: float, selects: bool) -> None:
        self.life, self.timestamps, self.pace = life, timestamps, pace
        self.dicts, self.bytes = f"{number}-dicts", f"{number}-bytes"
        self.document: dict[str, Any] | None = None
        rng = life.rng
        self.symbols = rng.sample(NAMES, rng.randint(1, 3)) if selects and rng.random() < 0.7 else None
        self.selects_intervals = selects
        self.intervals: list[str] | None = None
        self.make()

    def make(self) -> None:
        for name in (self.dicts, self.bytes):
            self.life.data.export_cursor(name)

    def drop(self) -> None:
        for name in (self.dicts, self.bytes):
            self.life.data.drop_cursor(name)
        self.make()

    def truth(self) -> dict[str, Any]:
        """The complete document, by an export that has nothing to do with this consumer; selected
        by hand."""
        document = orjson.loads(self.life.data.to_json(cursor="truth", timestamps=self.timestamps))
        if self.symbols is not None:
            document["symbols"] = {n: symbol for n, symbol in document["symbols"].items() if n in self.symbols}
        if self.intervals is not None:
            for symbol in document["symbols"].values():
                data = symbol["session"]["data"]
                wanted = [*self.intervals, "ticks", "quotes"]
                symbol["session"]["data"] = {k: part for k, part in data.items() if k in wanted}
                if symbol["historical"]["loaded"]:
                    past = symbol["historical"]["data"]
                    symbol["historical"]["data"] = {k: part for k, part in past.items() if k in self.intervals}
        return document

    def resync(self) -> None:
        data, rng = self.life.data, self.life.rng
        options: dict[str, Any] = {}
        if self.symbols is not None:
            if not all(name in data.symbols for name in self.symbols):
                self.symbols = list(data.symbols)
            options["symbols"] = self.symbols
        if self.selects_intervals and data.symbols:
            held = [name for name, symbol in data.symbols.items() if self.symbols is None or name in self.symbols]
            if held:
                intervals = data.symbols[held[0]].intervals
                self.intervals = rng.sample(intervals, rng.randint(1, len(intervals)))
                options["intervals"] = self.intervals
        elif self.intervals is not None:
            self.intervals = None
        as_dict = data.to_dict(cursor=self.dicts, timestamps=self.timestamps, **options)
        as_bytes = data.to_json(cursor=self.bytes, timestamps=self.timestamps, **options)
        assert orjson.dumps(as_dict) == as_bytes
        assert as_dict == self.truth()
        self.document = orjson.loads(as_bytes)
        self.life.exports.append(as_bytes)

    def follow(self) -> None:
        data = self.life.data
        as_dict = data.to_dict(False, cursor=self.dicts, timestamps=self.timestamps)
        as_bytes = data.to_json(False, cursor=self.bytes, timestamps=self.timestamps)
        as_dict["meta"]["cursor"] = self.bytes
        assert orjson.dumps(as_dict) == as_bytes
        delta = orjson.loads(as_bytes)
        self.life.exports.append(as_bytes)
        if self.document is None:
            assert delta["meta"]["resync"] is True
            assert delta["symbols"] == {}
            self.resync()
            return
        assert "resync" not in delta["meta"]
        self.life.kinds |= kinds_of(self.document, delta)
        before = orjson.dumps(self.document), as_bytes
        changed = sd.apply_delta(self.document, delta)
        assert (orjson.dumps(self.document), orjson.dumps(delta)) == before, "an argument was changed"
        self.document = changed
        assert orjson.dumps(changed) == orjson.dumps(self.truth())
        if self.life.quiet:
            assert delta["symbols"] == {}, "nothing had changed"


def kinds_of(document: dict[str, Any], delta: dict[str, Any]) -> set[str]:
    """What a delta holds: a test that never saw it has proved nothing about it."""
    kinds = {"symbol: removed"} if "removed" in delta["meta"] else set()
    for name, symbol in delta["symbols"].items():
        if "replace" in symbol:
            kinds.add("symbol: whole")
            continue
        data = symbol["session"]["data"]
        kinds |= set() if data else {"symbol: no interval"}
        kinds |= {"history"} if "historical" in symbol else set()
        for interval, part in data.items():
            if interval in ("ticks", "quotes"):
                kinds.add(interval)
                continue
            old = document["symbols"][name]["session"]["data"][interval]
            kinds |= {"forming"} if part.get("forming") else set()
            kinds |= {"rows: all"} if part.get("replace") else {"rows: none"} if not part["data"] else set()
            if "gaps" in part:
                kinds.add("gaps: other" if part["gaps"] else "gaps: none any more")
            if part["total_count"] > part["count"]:
                kinds.add("rows: overwritten")
            if part["data"] and old["data"] and len(part["data"]) > 1 + part["total_count"] - old["total_count"]:
                kinds.add("rows: late")
    return kinds


class Life:
    """A store to which things happen, on some of seven days: the fourth is no session, and abroad
    the third."""

    DAYS, ABROAD = (0, 1, 2, 4, 5, 6), (0, 1, 4, 5, 6)

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.shape = rng.choice(sorted(SHAPES))
        date, tz, segments = SHAPES[self.shape]
        self.step = step_of(self.shape)
        self.first_segments, self.date, self.day = segments, date, 0
        self.base, self.derived = rng.choice(INTERVALS["1s" if self.shape == "seconds" else "1m"])
        self.step = parse_interval(self.base).step_ns
        self.capacity = rng.choice([None, None, rng.randint(1, 12), rng.randint(13, 40)])
        calendar = sd.SessionCalendar.from_schedule(self.schedule(self.DAYS), tz)
        self.abroad = sd.SessionCalendar.from_schedule(self.schedule(self.ABROAD), rng.choice(["Asia/Tokyo", tz]))
        self.data = sd.SessionData(
            calendar, self.base, self.derived, rng.choice([0, 1, 1, 3]), capacity=self.capacity,
            grace_ns=rng.choice([0, 0, 1, 90 * SECOND]), extended_hours=rng.choice([None, None, ("09:00", "16:00")]),
            tick_capacity=rng.choice([3, 20, 1000]), quote_capacity=rng.choice([3, 1000]),
        )  # fmt: skip
        self.data.export_cursor("truth")
        self.fed = "ticks" if rng.random() < 0.25 else "bars"  # mostly
        self.next_ts = segments[0][0]
        self.quiet = False
        paces = [1.0, 0.3, 0.1, 0.02]
        styles = ["time", "iso", "epoch_ms", "epoch_ns"]
        self.consumers = [
            Consumer(self, i, rng.choice(styles), pace, rng.random() < 0.3) for i, pace in enumerate(paces)
        ]
        self.register()
        if rng.random() < 0.8:
            self.start()
        self.n_checked, self.kinds = 0, set[str]()
        self.exports: list[bytes] = []  # of the last happening
        self.twin: sd.SessionData | None = None  # a store from a file, to which the same happens
        self.n_saved = self.n_twins = 0

    # --- what may happen ---

    def register(self) -> None:
        name = self.rng.choice(NAMES)
        if name not in self.data.symbols:
            rng = self.rng
            self.data.register_symbol(
                name, None, () if rng.random() < 0.2 else None, calendar=self.abroad if rng.random() < 0.2 else None,
                quote_bars=rng.choice([None, None, None, "mid"]),
            )  # fmt: skip

    def schedule(self, days: tuple[int, ...]) -> dict[str, list[tuple[int, int]]]:
        return {
            shifted_date(self.date, day): [(a + day * DAY, b + day * DAY) for a, b in self.first_segments]
            for day in days
        }

    @property
    def segments(self) -> list[tuple[int, int]]:
        """Of the day at hand."""
        return [(a + self.day * DAY, b + self.day * DAY) for a, b in self.first_segments]

    def begin(self, day: int) -> None:
        self.day = day
        self.next_ts = self.segments[0][0]

    def start(self) -> None:
        with contextlib.suppress(sd.SessionStateError, sd.CalendarError):
            self.data.start_session(shifted_date(self.date, self.day))

    def roll(self) -> None:
        try:
            self.data.roll_session()
        except sd.SessionStateError:
            self.start()
        except sd.CalendarError:
            self.clear()
        else:
            assert self.data.session_date is not None
            self.begin((self.data.session_date - dt.date.fromisoformat(self.date)).days)

    def end(self) -> None:
        """And let the first bar of a later day begin the next session."""
        if self.data.session_date is not None and self.day < self.DAYS[-1]:
            self.data.end_session()
            self.begin(min(day for day in self.DAYS if day > self.day))

    def load(self) -> None:
        """Bars of past and coming days, and of the one under way."""
        symbol, rng = self.symbol(), self.rng
        n, away = rng.randint(1, 8), rng.choice(self.DAYS) - self.day
        interval = rng.choice([symbol.base_interval, symbol.base_interval, *symbol.intervals, "1d"])
        times = [self.time() + away * DAY for _ in range(n)]
        with contextlib.suppress(sd.SessionStateError, sd.BarError):
            symbol.load_historical_bars(interval, times, *zip(*(self.values() for _ in times), strict=True), unit="ns")

    def append_to_the_past(self) -> None:
        symbol = self.symbol()
        for _ in range(self.rng.choice([1, 3])):
            self.append(symbol, self.time() - self.rng.randint(1, 3) * DAY)

    def set_indicator(self) -> None:
        name = self.symbol().symbol
        self.data.set_historical_indicator(name, "mine", self.rng.choice([None, 1, 2.5, "text", [1, None]]))

    def add_indicator(self) -> None:
        n = self.rng.randint(1, 2)
        self.data.add_historical_indicator(f"{self.rng.choice(['avg_volume', 'vwap', 'max_price'])}_{n}d")

    def tick(self) -> None:
        symbol, rng = self.symbol(), self.rng
        for _ in range(rng.choice([1, 1, 3])):
            ts = self.next_ts + rng.randint(-1, 2) * self.step // 3
            with contextlib.suppress(sd.SessionStateError, sd.CalendarError):
                symbol.append_tick(ts, rng.randint(100, 900) / 100, float(rng.randint(0, 9)), rng.choice(["", "N"]))

    def quote(self) -> None:
        symbol, rng = self.symbol(), self.rng
        ts = self.next_ts + rng.randint(-1, 2) * self.step // 3
        with contextlib.suppress(sd.SessionStateError, sd.CalendarError):
            symbol.append_quote(ts, rng.randint(100, 900) / 100, rng.randint(100, 900) / 100, 1.0, rng.choice([0.5, 2]))

    def extend_tape(self) -> None:
        symbol, rng = self.symbol(), self.rng
        n = rng.randint(1, 30)
        times = [self.next_ts + rng.randint(0, 4 * self.step) for _ in range(n)]
        if rng.random() < 0.8:
            times.sort()
            self.next_ts += 4 * self.step
        prices, sizes = [rng.randint(100, 900) / 100 for _ in times], [float(rng.randint(0, 9)) for _ in times]
        with contextlib.suppress(sd.SessionStateError, sd.CalendarError):
            if rng.random() < 0.5:
                symbol.extend_ticks(times, prices, sizes)
            else:
                symbol.extend_quotes(times, prices, prices, sizes, sizes)

    def close_the_gate(self) -> None:
        self.data.deactivate()
        for complete in (False, True):
            for export in (self.data.to_dict, self.data.to_json):
                with pytest.raises(sd.InactiveError):
                    export(complete, cursor=self.consumers[0].dicts)
        self.data.activate()

    def symbol(self) -> sd.SymbolSessionData:
        if not self.data.symbols:
            self.data.register_symbol(NAMES[0])
        return self.rng.choice(list(self.data.symbols.values()))

    def time(self) -> int:
        """Mostly slots in and around the segments; now and then off the grid, less than a
        millisecond even."""
        start, stop = self.segments[0][0], self.segments[-1][1]
        ts = start + self.rng.randint(-12, min(70, (stop - start) // self.step + 12)) * self.step
        if self.rng.random() < 0.15:
            ts += self.rng.choice([1, self.step // 2, self.step - 1, 1_000_000, 1_500, 1_500_000])
        return ts

    def values(self) -> tuple[float, ...]:
        rng = self.rng
        prices = [rng.randint(-300, 30_000) / 100 if rng.random() < 0.9 else rng.choice([0.1, -0.0, 1e16, 1 / 3])
                  for _ in range(4)]  # fmt: skip
        volume = float(rng.randint(0, 500)) if rng.random() < 0.9 else rng.choice([0.1, 1 / 3, 2.0**53, 1e288])
        return prices[2], max(prices[:2]), min(prices[:2]), prices[3], volume

    def span(self) -> tuple[int, int]:
        start = self.time()
        if self.rng.random() < 0.1:  # of a past day
            start -= self.rng.randint(1, 2) * DAY
        return start, start + self.rng.choice([0, 1, 2, 5, 15]) * self.step

    def append_next(self) -> None:
        self.append(self.symbol(), self.next_ts)
        self.next_ts += self.step

    def append_to_all(self) -> None:
        for symbol in self.data.symbols.values():
            self.append(symbol, self.next_ts)
        self.next_ts += self.step

    def append_anywhere(self) -> None:
        symbol = self.symbol()
        for _ in range(self.rng.choice([1, 1, 1, 4])):
            self.append(symbol, self.time())

    def append(self, symbol: sd.SymbolSessionData, ts: int) -> None:
        with contextlib.suppress(sd.SessionStateError, sd.CalendarError):
            symbol.append(ts, *self.values())

    def append_bad(self) -> None:
        sequence = self.data.sequence
        with pytest.raises((sd.BarError, sd.SessionStateError, sd.CalendarError)):
            self.symbol().append(self.time(), 1.0, 0.5, 2.0, 1.0, 1.0)
        assert self.data.sequence == sequence

    def correct_many(self) -> None:
        """More than a symbol remembers: who comes only then has been lapped."""
        symbol = self.symbol()
        times = symbol.bars_base.timestamp.tolist()
        for _ in range(self.rng.choice([3, 40, 70])):
            if times:
                self.append(symbol, self.rng.choice(times))

    def repeat(self) -> None:
        symbol = self.symbol()
        if len(symbol.bars_base):
            bar = self.rng.choice(list(symbol.bars_base))
            with contextlib.suppress(sd.InputKindError):
                assert not symbol.append(*bar[:6])

    def extend(self) -> None:
        symbol, n, stride = self.symbol(), self.rng.randint(1, 60), self.rng.randint(1, 3)
        if self.rng.random() < 0.5:
            times = [self.next_ts + i * stride * self.step for i in range(n)]
            self.next_ts = times[-1] + self.step
        else:
            times = [self.time() for _ in range(n)]
        try:
            symbol.extend(times, *zip(*(self.values() for _ in times), strict=True))
        except (sd.SessionStateError, sd.CalendarError):
            self.begin(self.day)

    def fill(self) -> None:
        symbol, n = self.symbol(), self.rng.randint(1, 12)
        gaps = computed_gaps(state_of(symbol), 0)
        start = self.rng.choice(gaps).start_ns if gaps and self.rng.random() < 0.8 else self.time()
        times = [start + i * self.rng.randint(1, 2) * self.step for i in range(n)]
        with contextlib.suppress(sd.SessionStateError):
            symbol.fill(times, *zip(*(self.values() for _ in times), strict=True))

    def advance(self) -> None:
        self.data.advance_to(self.time())

    def advance_a_little(self) -> None:
        now = parts_of(self.data).sessions.as_of_ns()
        if now is not None:
            self.data.advance_to(now + self.rng.choice([1, self.step // 2, self.step, 3 * self.step]))

    def mark_no_trade(self) -> None:
        symbol = self.symbol()
        with contextlib.suppress(sd.SessionStateError):
            symbol.mark_no_trade(self.rng.choice(symbol.intervals), *self.span())

    def mark_halted(self) -> None:
        symbol = self.symbol()
        with contextlib.suppress(sd.SessionStateError):
            symbol.mark_halted(*self.span())

    def retry(self) -> None:
        symbol = self.symbol()
        when = self.time() + self.rng.randint(-3, 3) * DAY
        with contextlib.suppress(sd.SessionStateError):
            symbol.record_retry(self.rng.choice(symbol.intervals), *self.span(), when)

    def pin_gaps(self) -> None:
        symbol = self.symbol()
        interval, rng = self.rng.choice(symbol.intervals), self.rng
        gaps = symbol.bars(interval).gaps
        other = [sd.GapInfo(symbol.symbol, interval, self.segments[0][0], self.segments[0][0] + MINUTE, 2)]
        symbol.set_gaps(interval, rng.choice([None, None, gaps, [], other]))

    def pin_quality(self) -> None:
        symbol = self.symbol()
        symbol.set_quality(self.rng.choice(symbol.intervals), self.rng.choice([None, None, 0.0, 98.29, 33.333, 100.0]))

    def remove(self) -> None:
        if len(self.data.symbols) > 1:
            name = self.symbol().symbol
            self.data.remove_symbol(name)
            if self.rng.random() < 0.5:
                self.data.register_symbol(name)

    def clear(self) -> None:
        self.data.clear()
        self.begin(0)
        self.register()
        if self.rng.random() < 0.8:
            self.start()

    def drop(self) -> None:
        consumer = self.rng.choice(self.consumers)
        consumer.drop()
        consumer.document = None

    def nothing(self) -> None:
        for consumer in self.consumers:
            consumer.follow()
        self.quiet = True

    def state(self) -> tuple[Any, ...]:
        """All of the life but its stores."""
        seen = [(consumer.document, consumer.symbols, consumer.intervals) for consumer in self.consumers]
        return self.rng.getstate(), self.next_ts, self.day, self.quiet, seen

    def go_back(self, state: tuple[Any, ...]) -> None:
        rng, self.next_ts, self.day, self.quiet, seen = state
        self.rng.setstate(rng)
        for consumer, (document, symbols, intervals) in zip(self.consumers, seen, strict=True):
            consumer.document, consumer.symbols, consumer.intervals = document, symbols, intervals

    def save_and_load(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.data.save(Path(folder, "store"))
            self.twin = sd.load(Path(folder, "store"))
        self.n_saved += 1

    def happen(self) -> None:
        """Something, to both stores if there are two."""
        if self.rng.random() < 0.05:
            self.save_and_load()
        elif self.twin is not None and self.rng.random() < 0.07:
            self.data, self.twin = self.twin, None
        before, self.exports = self.state(), []
        self.happen_once()
        if self.twin is not None:
            after, made, other = self.state(), self.exports, self.data
            self.go_back(before)
            self.data, self.exports = self.twin, []
            self.happen_once()
            assert self.exports == made, "a loaded store exports something else"
            assert self.state() == after
            self.data, self.n_twins = other, self.n_twins + len(made)

    def happen_once(self) -> None:
        """One thing of those that may happen. Integers from before 1990 start no session on their
        own: there it is started, and the thing that was refused has not happened."""
        try:
            self.happen_anyhow()
        except sd.TimeError as error:
            if error.code != "ERR_UNIT" or self.segments[0][0] >= YEAR_1990:
                raise
            self.start()

    def happen_anyhow(self) -> None:
        often = [self.append_next, self.append_to_all, self.append_anywhere, self.extend, self.advance_a_little]
        sometimes = [
            self.advance, self.mark_no_trade, self.mark_halted, self.retry, self.pin_gaps, self.pin_quality, self.fill,
            self.correct_many, self.repeat, self.append_bad, self.register, self.nothing, self.start,
        ]  # fmt: skip
        rarely = [
            self.remove, self.clear, self.drop, self.roll, self.roll, self.roll, self.end, self.add_indicator,
            self.close_the_gate,
        ]  # fmt: skip
        sometimes += [self.load, self.append_to_the_past, self.set_indicator, self.tick, self.quote, self.extend_tape]
        if self.fed == "ticks":
            often = [self.tick, self.tick, self.quote, self.extend_tape, self.append_anywhere, self.advance_a_little]
        self.quiet = False
        (what,) = self.rng.choices([often, sometimes, rarely], [55, 38, 7])
        self.rng.choice(what)()
        for consumer in self.consumers:
            if self.rng.random() < consumer.pace:
                consumer.follow()
                self.n_checked += 1


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_law_7_lives(block: int) -> None:
    """At least 25,000 deltas checked over all blocks, and all kinds of them; a failure names its
    seed."""
    checked, saved, twins, kinds = 0, 0, 0, set[str]()
    for seed in range(FIRST + block, FIRST + N_LIVES, BLOCKS):
        life = Life(seed)
        try:
            for _ in range(STEPS):
                life.happen()
        except BaseException as error:
            error.add_note(f"life {seed}")
            raise
        checked, saved, twins = checked + life.n_checked, saved + life.n_saved, twins + life.n_twins
        kinds |= life.kinds
    print(f"block {block}: {checked} deltas, {saved} times saved and loaded, {twins} exports of two stores alike")
    assert checked >= 25_000 / BLOCKS
    assert twins >= 5_000 / BLOCKS
    assert kinds == {
        "symbol: removed", "symbol: whole", "symbol: no interval", "gaps: other", "gaps: none any more", "rows: late",
        "rows: overwritten", "rows: none", "rows: all", "forming", "ticks", "quotes", "history",
    }  # fmt: skip


def same_as(document: dict[str, Any], data: sd.SessionData) -> bool:
    return orjson.dumps(document) == data.to_json(cursor=data.export_cursor("check"))


def follow(document: dict[str, Any], data: sd.SessionData, cursor: str | None = None) -> dict[str, Any]:
    return sd.apply_delta(document, data.to_dict(False, cursor=cursor))


@pytest.fixture
def data() -> sd.SessionData:
    date, tz, segments = SHAPES["plain"]
    data = sd.SessionData(sd.SessionCalendar.from_schedule({date: segments}, tz), "1m", ("5m", "1d"))
    data.start_session(date)
    data.register_symbol("SPY")
    return data


START = SHAPES["plain"][2][0][0]
BAR = (1.0, 2.0, 0.5, 1.5, 10.0)


def test_a_gap_that_is_filled_is_exported(data: sd.SessionData) -> None:
    """The object model's delta was "rows after index k": a bar that filled a gap was never sent."""
    for i in (0, 1, 4, 5):
        data.append("SPY", START + i * MINUTE, *BAR)
    document = data.to_dict()
    data.append("SPY", START + 2 * MINUTE, *BAR)
    delta = data.to_dict(False)
    part = delta["symbols"]["SPY"]["session"]["data"]["1m"]
    assert [row[0] for row in part["data"]] == ["09:32:00"]
    assert part["gaps"]["missing_bars"] == 1
    assert same_as(sd.apply_delta(document, delta), data)
    data.append("SPY", START + 3 * MINUTE, *BAR)
    delta = data.to_dict(False)
    assert delta["symbols"]["SPY"]["session"]["data"]["1m"]["gaps"] is None


def test_consumers_do_not_disturb_each_other(data: sd.SessionData) -> None:
    """They shared one cursor: what one had been sent the other never got."""
    documents = {name: data.to_dict(cursor=data.export_cursor(name)) for name in ("log", "screen")}
    for i in range(3):
        data.append("SPY", START + i * MINUTE, *BAR)
        documents["log"] = follow(documents["log"], data, "log")
        data.to_dict()
    documents["screen"] = follow(documents["screen"], data, "screen")
    assert documents["log"] == documents["screen"]
    assert data.cursors == ("log", "screen")


def test_a_change_of_quality_or_gaps_alone_is_exported(data: sd.SessionData) -> None:
    data.append("SPY", START, *BAR)
    document = data.to_dict()
    data.advance_to(START + 4 * MINUTE)
    delta = data.to_dict(False)
    part = delta["symbols"]["SPY"]["session"]["data"]["1m"]
    assert (part["data"], part["quality"], part["gaps"]["missing_bars"]) == ([], 25.0, 3)
    assert same_as(sd.apply_delta(document, delta), data)


def test_the_next_session_is_exported(data: sd.SessionData) -> None:
    """The cursor outlived the session roll, so that the next day's first rows never appeared."""
    for i in range(3):
        data.append("SPY", START + i * MINUTE, *BAR)
    document = data.to_dict()
    data.clear()
    data.register_symbol("SPY")
    data.start_session(SHAPES["plain"][0])
    data.append("SPY", START, *BAR)
    delta = data.to_dict(False)
    assert delta["meta"]["removed"] == ["SPY"]
    assert delta["meta"]["epoch"] > 1
    assert same_as(sd.apply_delta(document, delta), data)


def test_only_what_changed_is_in_a_delta(data: sd.SessionData) -> None:
    for name in ("SPY", "QQQ", "IWM"):
        data.register_symbol(name)
        for i in range(7):
            data.append(name, START + i * MINUTE, *BAR)
    data.to_dict()
    data.append("QQQ", START + 7 * MINUTE, *BAR)
    delta = data.to_dict(False)
    assert list(delta["symbols"]) == ["QQQ"]
    assert {k: len(part["data"]) for k, part in delta["symbols"]["QQQ"]["session"]["data"].items()} == {
        "1m": 1, "5m": 1, "1d": 1,
    }  # fmt: skip
    assert "historical" not in delta["symbols"]["QQQ"]
    assert data.to_dict(False)["symbols"] == {}


def test_a_bar_that_comes_after_the_clock_has_closed_its_slot(data: sd.SessionData) -> None:
    """In turn, but into a derived bar that was shown as complete."""
    for i in range(3):
        data.append("SPY", START + i * MINUTE, *BAR)
    data.advance_to(START + 6 * MINUTE)
    document = data.to_dict()
    assert "forming" not in document["symbols"]["SPY"]["session"]["data"]["5m"]
    data.append("SPY", START + 4 * MINUTE, *BAR)
    assert same_as(follow(document, data), data)


def test_rows_that_look_alike_in_milliseconds_are_sent_whole(data: sd.SessionData) -> None:
    """Two bars of one millisecond have the same key, so upserts could not tell them apart."""
    for ts in (START, START + 1_000, START + MINUTE):
        data.append("SPY", ts, *BAR)
    document = data.to_dict(timestamps="epoch_ms")
    data.append("SPY", START + 1_000, 1.0, 2.0, 0.5, 1.75, 3.0)
    delta = data.to_dict(False, timestamps="epoch_ms")
    part = delta["symbols"]["SPY"]["session"]["data"]["1m"]
    assert part["replace"] is True
    assert len(part["data"]) == 3
    assert sd.apply_delta(document, delta) == data.to_dict(cursor=data.export_cursor("check"), timestamps="epoch_ms")


def test_late_rows_of_a_session_in_which_the_clocks_change() -> None:
    """02:30+02:00 comes before 02:10+01:00, whatever the text says."""
    # 2024-10-27T01:00:00+00:00 less 0: 03:00 summer time becomes 02:00
    opens = 1_729_990_800 * SECOND
    opens -= 30 * MINUTE
    calendar = sd.SessionCalendar.from_schedule({"2024-10-27": [(opens, opens + 60 * MINUTE)]}, "Europe/Berlin")
    data = sd.SessionData(calendar, "1m", ())
    data.start_session("2024-10-27")
    spy = data.register_symbol("SPY")
    for i in (0, 25, 35, 59):
        spy.append(opens + i * MINUTE, *BAR)
    document = data.to_dict()
    spy.append(opens + 28 * MINUTE, *BAR)
    spy.append(opens + 33 * MINUTE, *BAR)
    document = follow(document, data)
    assert same_as(document, data)
    offsets = [row[0][-6:] for row in document["symbols"]["SPY"]["session"]["data"]["1m"]["data"]]
    assert set(offsets) == {"+01:00", "+02:00"}


@pytest.mark.parametrize("export", ["to_dict", "to_json"])
def test_resync(data: sd.SessionData, export: str) -> None:
    def delta(**options: Any) -> Any:
        made = getattr(data, export)(False, **options)
        return made if export == "to_dict" else orjson.loads(made)

    assert delta()["meta"]["resync"] is True, "there was no complete export yet"
    document = data.to_dict()
    data.append("SPY", START, *BAR)
    asked = delta(timestamps="iso")
    assert (asked["meta"]["resync"], asked["meta"]["since"], asked["symbols"]) == (True, None, {})
    with pytest.raises(sd.DeltaError, match="resync"):
        sd.apply_delta(document, asked)
    assert same_as(sd.apply_delta(document, delta()), data), "the wrong question moved nothing"
    ui = data.export_cursor("ui")
    data.to_dict(cursor=ui)
    data.drop_cursor("ui")
    data.export_cursor("ui")
    assert delta(cursor="ui")["meta"]["resync"] is True
    with pytest.raises(sd.UnknownNameError, match="no cursor 'ui'"):
        data.to_dict(False, cursor=ui)
    assert ui.sequence is not None
    assert data.export_cursor("ui").sequence is None


def test_a_delta_goes_on_from_its_document_only(data: sd.SessionData) -> None:
    first = data.to_dict()
    data.append("SPY", START, *BAR)
    one = data.to_dict(False)
    data.append("SPY", START + MINUTE, *BAR)
    two = data.to_dict(False)
    with pytest.raises(sd.DeltaError, match="goes on from sequence"):
        sd.apply_delta(first, two)
    with pytest.raises(sd.DeltaError, match="applied to a complete document"):
        sd.apply_delta(first, first)
    with pytest.raises(sd.DeltaError, match="applied to a complete document"):
        sd.apply_delta(one, two)
    kept = copy.deepcopy((first, one, two))
    assert same_as(sd.apply_delta(sd.apply_delta(first, one), two), data)
    assert (first, one, two) == kept


def test_a_delta_of_another_store_is_no_key_error(data: sd.SessionData) -> None:
    """Sequences are small numbers, so they may agree; it was a KeyError of a symbol's name."""
    document = data.to_dict()
    other = sd.SessionData("XNYS", "1m", ("5m",))
    other.start_session(data.session_date)
    other.register_symbol("IBM")
    while other.sequence < data.sequence:
        other.append("IBM", START + MINUTE * other.symbols["IBM"].bars().total_count, *BAR)
    other.to_dict()
    other.append("IBM", START + 100 * MINUTE, *BAR)
    delta = other.to_dict(False)
    delta["meta"]["since"] = document["meta"]["sequence"]
    kept = copy.deepcopy(document)
    with pytest.raises(sd.DeltaError, match=r"does not fit the document.*'IBM'"):
        sd.apply_delta(document, delta)
    for rubbish in ({}, {"meta": None}, {"meta": {"complete": False}}, None):
        with pytest.raises(sd.DeltaError, match="does not fit"):
            sd.apply_delta(document, rubbish)
    assert document == kept


def test_selections(data: sd.SessionData) -> None:
    for name in ("QQQ", "IWM"):
        data.register_symbol(name)
    document = data.to_dict(symbols=["IWM", "SPY"], intervals=["1m", "300s"])
    assert list(document["symbols"]) == ["SPY", "IWM"], "in the store's order"
    assert list(document["symbols"]["SPY"]["session"]["data"]) == ["1m", "5m"]
    assert orjson.dumps(document) == data.to_json(symbols=["IWM", "SPY"], intervals=["1m", "5m"])
    for name in ("QQQ", "IWM"):
        data.append(name, START, *BAR)
    delta = data.to_dict(False)
    assert list(delta["symbols"]) == ["IWM"]
    assert list(delta["symbols"]["IWM"]["session"]["data"]) == ["1m", "5m"]
    assert data.to_dict(False, symbols=["SPY", "IWM"], intervals=["5m", "1m"])["symbols"] == {}
    with pytest.raises(sd.DeltaError, match="the symbols of a delta"):
        data.to_dict(False, symbols=["SPY"])
    with pytest.raises(sd.DeltaError, match="the intervals of a delta"):
        data.to_json(False, intervals=["1d"])
    with pytest.raises(sd.UnknownNameError, match="unknown symbol 'XXX'"):
        data.to_json(symbols=["XXX"])
    with pytest.raises(sd.UnknownNameError, match="holds an interval '10m'"):
        data.to_json(intervals=["10m"])
    with pytest.raises(TypeError, match="not one name"):
        data.to_json(symbols="SPY")
    with pytest.raises(TypeError, match="not one name"):
        data.to_json(intervals="1m")
    cursor = data.export_cursor()
    assert (cursor.symbols, cursor.intervals, cursor.timestamps) == ({"SPY", "IWM"}, {"1m", "5m"}, "time")
    data.remove_symbol("IWM")
    assert data.to_dict(False)["meta"]["removed"] == ["IWM"]


def test_an_interval_of_past_days_alone_is_selected() -> None:
    """A store of minutes with loaded days could not be asked for them: "no symbol that is selected
    holds '1d'"."""
    data = sd.SessionData(sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"), "1m", ("5m",))
    data.register_symbol("SPY")
    spy = data.register_symbol("DAYS", "1m", ())
    spy.load_historical_bars("3m", [START - DAY], *([value] for value in BAR))
    for interval in ("1d", "3m"):
        selected: dict[str, Any] = {"symbols": ["DAYS"], "intervals": ["60s", interval]}
        document = data.to_dict(**selected)
        assert orjson.dumps(document) == data.to_json(**selected)
        assert list(document["symbols"]["DAYS"]["session"]["data"]) == ["1m"]
        spy.load_historical_bars(interval, [START - DAY + 3 * MINUTE], *([value] for value in BAR))
        document = sd.apply_delta(document, data.to_dict(False))
        assert document == data.to_dict(**selected)
        assert list(document["symbols"]["DAYS"]["historical"]["data"]) == [interval]
    with pytest.raises(sd.UnknownNameError, match="holds an interval '3m'"):
        data.to_dict(symbols=["SPY"], intervals=["3m"])


def test_cursors_have_names(data: sd.SessionData) -> None:
    cursor = data.export_cursor("ui")
    assert data.export_cursor("ui") is cursor
    assert data.export_cursor() is data.export_cursor(None)
    assert data.export_cursor().name is None
    assert repr(cursor) == "<ExportCursor 'ui': sequence None>"
    assert data.cursors == ("ui",)
    data.to_json(cursor=cursor)
    assert cursor.sequence == data.sequence
    data.drop_cursor("ui")
    data.drop_cursor()
    assert data.cursors == ()
    with pytest.raises(sd.UnknownNameError, match="no cursor 'ui'"):
        data.drop_cursor("ui")
    with pytest.raises(sd.UnknownNameError, match="export_cursor\\('ui'\\) first"):
        data.to_json(cursor="ui")
    for bad in ("", "\ud800", 7):
        with pytest.raises(sd.UnknownNameError, match="a cursor's name"):
            data.export_cursor(bad)  # type: ignore[arg-type]


def test_an_export_that_fails_is_followed_by_a_resync(data: sd.SessionData, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its consumer has been shown is then not known."""
    data.to_dict()
    data.append("SPY", START, *BAR)

    def fail(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("sessiondata.export.document.changes_dict", fail)
        with pytest.raises(MemoryError):
            data.to_dict(False)
    assert data.to_dict(False)["meta"]["resync"] is True


def test_a_refused_bar_that_began_no_session_is_no_change() -> None:
    date, tz, segments = SHAPES["plain"]
    data = sd.SessionData(sd.SessionCalendar.from_schedule({date: segments}, tz), "1m", ("5m",))
    data.register_symbol("SPY")
    document = data.to_dict()
    with pytest.raises(sd.BarError):
        data.append_slice(["SPY", "SPY"], START, [1.0, 1.0], [2.0, 0.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0])
    delta = data.to_dict(False)
    assert delta["symbols"] == {}
    assert delta["meta"]["epoch"] == 0
    assert sd.apply_delta(document, delta) == document


def test_the_example_of_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "document.md").read_text(encoding="utf-8")
    shown = text[text.index("## Deltas") :].split("```json")[1].split("```")[0]
    data = sd.SessionData(sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"), "1m", ("5m",))
    data.start_session("2024-03-12")
    data.register_symbol("SPY")
    for i in range(12):
        if i != 4:
            data.append("SPY", START + i * MINUTE, 1.0, 13.0 if i == 11 else 2.0, 0.5, 1.5, 62.0 if i == 11 else 100.0)
    data.to_dict(cursor=data.export_cursor("ui"))
    for i in (4, 12):
        data.append("SPY", START + i * MINUTE, 1.0, 2.0, 0.5, 1.5, 100.0)
    assert json.loads(shown) == data.to_dict(False, cursor="ui")


@pytest.mark.slow
def test_deltas_of_every_kind_are_valid_by_the_schema(data: sd.SessionData) -> None:
    path = Path(__file__).parents[2] / "docs" / "document.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/delta"})
    for seed in range(6):
        life = Life(seed)
        for _ in range(40):
            life.happen()
            for consumer in life.consumers:
                cursor = life.data.export_cursor(f"schema {consumer.timestamps}")
                validator.validate(json.loads(life.data.to_json(False, cursor=cursor, timestamps=consumer.timestamps)))
                if cursor.sequence is None:
                    life.data.to_dict(cursor=cursor, timestamps=consumer.timestamps)
    data.to_dict()
    data.append("SPY", START, *BAR)
    delta = data.to_dict(False)
    for broken in (
        {**delta, "x": 1}, {**delta, "meta": {**delta["meta"], "complete": True}},
        {**delta, "symbols": {"SPY": {"session": {}}}}, {**delta, "symbols": {"SPY": {"replace": True}}},
    ):  # fmt: skip
        assert not validator.is_valid(broken)


def test_history_is_sent_only_when_it_changed() -> None:
    data = sd.SessionData(sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"), "1m", ("5m",))
    data.start_session("2024-03-12")
    data.register_symbol("SPY")
    data.append("SPY", START, *BAR)
    document = data.to_dict()
    data.append("SPY", START + MINUTE, *BAR)
    delta = data.to_dict(False)
    assert "historical" not in delta["symbols"]["SPY"]
    document = sd.apply_delta(document, delta)
    changes: list[Callable[[], object]] = [
        lambda: data.load_historical_bars("SPY", "1d", [START - DAY], *([value] for value in BAR)),
        lambda: data.set_historical_indicator("SPY", "mine", 1.5),
        lambda: data.set_historical_indicator("SPY", "mine", None),
        lambda: data.add_historical_indicator("avg_volume_1d"),
    ]
    for change in changes:
        change()
        delta = data.to_dict(False)
        assert list(delta["symbols"]["SPY"]) == ["session", "historical"]
        assert delta["symbols"]["SPY"]["session"]["data"] == {}
        document = sd.apply_delta(document, delta)
        assert same_as(document, data)
    # no history yet
    data.load_historical_bars("SPY", "1d", [START, START + DAY], *([value] * 2 for value in BAR))
    assert data.to_dict(False)["symbols"] == {}


def test_a_bar_for_a_past_day_is_exported() -> None:
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData(calendar, "1m", ("5m",))
    data.start_session("2024-03-11")
    spy = data.register_symbol("SPY")
    spy.append(START - DAY, *BAR)
    data.roll_session()
    spy.append(START, *BAR)
    document = data.to_dict()
    spy.append(START - DAY + MINUTE, *BAR)
    delta = data.to_dict(False)
    assert delta["symbols"]["SPY"]["historical"]["data"]["1m"]["count"] == 2
    assert same_as(sd.apply_delta(document, delta), data)


def test_a_roll_is_a_new_epoch_and_sends_each_symbol_whole() -> None:
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData(calendar, "1m", ("5m",))
    data.start_session("2024-03-11")
    for name in ("SPY", "QQQ"):
        data.register_symbol(name).append(START - DAY, *BAR)
    document = data.to_dict()
    epoch = data.to_dict(False)["meta"]["epoch"]
    data.roll_session()
    delta = data.to_dict(False)
    assert delta["meta"]["epoch"] == epoch + 1
    assert [symbol["replace"] for symbol in delta["symbols"].values()] == [True, True]
    assert same_as(sd.apply_delta(document, delta), data)


def test_trades_and_quotes(data: sd.SessionData) -> None:
    spy = data.symbols["SPY"]
    spy.append_tick(START + SECOND, 1.5, 100.0)
    document = data.to_dict()
    spy.append_tick(START + SECOND, 1.75, 50.0)  # no clock has moved, no row has come
    delta = data.to_dict(False)
    assert list(delta["symbols"]["SPY"]["session"]["data"]) == ["1m", "5m", "1d", "ticks"]
    document = sd.apply_delta(document, delta)
    assert same_as(document, data)
    spy.append_quote(START + SECOND, 1.5, 2.0, 1.0, 1.0)
    delta = data.to_dict(False)
    assert list(delta["symbols"]["SPY"]["session"]["data"]) == ["quotes"]
    document = sd.apply_delta(document, delta)
    assert same_as(document, data)


def from_file(data: sd.SessionData, path: Path) -> sd.SessionData:
    data.save(path)
    return sd.load(path)


def test_a_store_from_a_file_goes_on_with_its_consumers(data: sd.SessionData, tmp_path: Path) -> None:
    """It told every consumer to take a complete document."""
    for name in ("SPY", "QQQ", "IWM", "DIA"):
        data.register_symbol(name)
        data.append(name, START, *BAR)
    data.export_cursor("new")
    document = data.to_dict()
    chosen = data.to_json(
        cursor=data.export_cursor("ui"), symbols=["DIA", "QQQ"], intervals=["5m", "1m"], timestamps="epoch_ms"
    )
    data.append("QQQ", START + MINUTE, *BAR)
    data.set_quality("IWM", "5m", 12.5)
    data.remove_symbol("SPY")
    data.remove_symbol("DIA")
    data.register_symbol("SPY")
    loaded = from_file(data, tmp_path / "store")
    assert loaded.cursors == data.cursors == ("new", "ui")
    for store in (loaded, data):
        cursor = store.export_cursor("ui")
        assert (cursor.symbols, cursor.intervals, cursor.timestamps) == ({"DIA", "QQQ"}, {"1m", "5m"}, "epoch_ms")
        assert cursor.sequence == orjson.loads(chosen)["meta"]["sequence"]
        store.append("IWM", START + 3 * MINUTE, *BAR)
        store.remove_symbol("QQQ")
    for options in ({}, {"cursor": "ui", "timestamps": "epoch_ms"}, {"cursor": "new"}):
        assert loaded.to_json(False, **options) == data.to_json(False, **options)
    assert loaded.export_cursor("new").sequence is None
    loaded = from_file(data, tmp_path / "store")
    data.append("IWM", START + 4 * MINUTE, *BAR)
    loaded.append("IWM", START + 4 * MINUTE, *BAR)
    assert loaded.to_dict(False) == (delta := data.to_dict(False))
    assert delta["meta"]["since"] == data.sequence - 1
    assert document["meta"]["sequence"] < delta["meta"]["since"]


@pytest.mark.parametrize("has_handle", [False, True])
def test_late_rows_from_before_a_file_are_in_the_delta_after_it(
    data: sd.SessionData, tmp_path: Path, has_handle: bool
) -> None:
    """As many as a symbol remembers are sent one by one; a consumer who was lapped is sent all
    rows."""
    spy = data.symbols["SPY"]
    assert not has_handle or spy.handle  # then a copy of the symbol is saved
    spy.extend([START + i * MINUTE for i in range(7)], *([value] * 7 for value in BAR))
    data.to_dict(cursor=data.export_cursor("lapped"))
    for i in range(63):
        spy.append(START + MINUTE, 1.0, 2.0, 0.5, 1.5, 100.0 + i)
    data.to_dict(cursor=data.export_cursor("behind"))
    spy.append(START + MINUTE, 1.0, 2.0, 0.5, 1.5, 7.0)
    loaded = from_file(data, tmp_path / "store")
    for store in (data, loaded):
        store.append("SPY", START + 3 * MINUTE, 1.0, 2.0, 0.5, 1.5, 8.0)
    for name, replaced, n in (("lapped", True, 7), ("behind", False, 2)):
        delta = loaded.to_dict(False, cursor=name)
        part = delta["symbols"]["SPY"]["session"]["data"]["1m"]
        assert ("replace" in part, len(part["data"])) == (replaced, n)
        assert delta == data.to_dict(False, cursor=name)


def test_a_session_that_comes_and_goes_around_a_file(tmp_path: Path) -> None:
    """Shown without a session, saved with one, asked without one again: nothing of it is to be
    sent."""
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData(calendar, "1m", ("5m",))
    data.register_symbol("SPY")
    data.to_dict()
    data.start_session("2024-03-12")
    data.append("SPY", START, *BAR)
    loaded = from_file(data, tmp_path / "store")
    for store in (data, loaded):
        store.end_session()
    assert loaded.to_json(False) == data.to_json(False)
    assert loaded.to_dict(False)["meta"]["epoch"] == 2


def test_a_consumer_told_to_resynchronise_is_told_so_after_a_file(
    data: sd.SessionData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.to_dict(intervals=["1m"])

    def fail(*_: Any) -> None:
        raise MemoryError

    data.append("SPY", START, *BAR)
    with monkeypatch.context() as patch:
        patch.setattr("sessiondata.export.document.changes_dict", fail)
        with pytest.raises(MemoryError):
            data.to_dict(False)
    loaded = from_file(data, tmp_path / "store")
    assert loaded.export_cursor().intervals == {"1m"}
    with pytest.raises(sd.DeltaError, match="the intervals of a delta"):
        loaded.to_dict(False, intervals=["5m"])
    assert loaded.to_json(False) == data.to_json(False)
    assert loaded.to_dict(False)["meta"]["resync"] is True


def test_a_store_saved_in_the_middle_of_an_export_knows_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a signal handler, say: what its consumer gets is not known yet."""
    data = sd.SessionData(sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"), "1m", ())
    data.start_session("2024-03-12")
    data.register_symbol("SPY").append(START, *BAR)
    data.to_dict()

    from sessiondata.export import document as export

    changes = export.changes_dict

    def save(*arguments: Any) -> Any:
        data.save(tmp_path / "store")
        return changes(*arguments)

    monkeypatch.setattr(export, "changes_dict", save)
    data.load_historical_bars("SPY", "1d", [START - DAY], *([value] for value in BAR))
    data.to_dict(False)
    assert sd.load(tmp_path / "store").export_cursor().sequence is None


def test_a_delta_costs_what_has_changed(data: sd.SessionData) -> None:
    """Two stores, one with forty times the rows: a bar more is the same few bytes, and nobody else
    is looked at."""
    many = sd.SessionData(data.calendar, "1m", ("5m", "1d"))
    many.start_session(SHAPES["plain"][0])
    for store, n in ((data, 2), (many, 40)):
        spy = store.register_symbol("SPY")
        spy.extend([START + i * MINUTE for i in range(n)], *([value] * n for value in BAR))
        for name in ("QQQ", "IWM"):
            store.register_symbol(name)
        store.to_json()
        spy.append(START + n * MINUTE, *BAR)
    sizes = [len(store.to_json(False)) for store in (data, many)]
    assert abs(sizes[0] - sizes[1]) < 20
