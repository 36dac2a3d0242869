"""Random operations on a store, followed by several consumers that keep documents by its deltas.

Long because each operation is a method of one class.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import random
from typing import Any

import orjson
import pytest

import sessiondata as sd
from sessiondata.rows.owner import computed_gaps
from sessiondata.store.store import parts_of
from sessiondata.store.symbol import state_of
from sessiondata.time.intervals import parse_interval
from worlds import INTERVALS, MINUTE, SECOND, SHAPES, shifted_date, step_of

NAMES = ("AAA", 'q"\\\n\x7f', "ünï", "Z\U0001f600")
DAY = 24 * 60 * MINUTE
YEAR_1990 = 631_152_000 * SECOND  # 1990-01-01 UTC


class Consumer:
    """Follows a store through two cursors in step: one for dicts, one for bytes."""

    def __init__(self, life: Life, number: int, timestamps: str, pace: float, selects: bool) -> None:
        self.life, self.timestamps, self.pace = life, timestamps, pace
        self.dicts, self.bytes = f"{number}-dicts", f"{number}-bytes"
        self.document: dict[str, Any] | None = None
        self.text = b""  # the document, written
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

    def truth(self) -> bytes:
        """The complete document, by an export that has nothing to do with this consumer; selected
        by hand."""
        text: bytes = self.life.data.to_json(cursor="truth", timestamps=self.timestamps)
        if self.symbols is None and self.intervals is None:
            return text
        document = orjson.loads(text)
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
        return orjson.dumps(document)

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
        self.document = orjson.loads(as_bytes)
        assert as_dict == self.document
        self.text = orjson.dumps(self.document)
        assert self.text == self.truth()
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
        before = self.text, as_bytes
        changed = sd.apply_delta(self.document, delta)
        assert (orjson.dumps(self.document), orjson.dumps(delta)) == before, "an argument was changed"
        self.document, self.text = changed, orjson.dumps(changed)
        assert self.text == self.truth()
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

    def extend_ticks(self) -> None:
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
        seen = [(consumer.document, consumer.text, consumer.symbols, consumer.intervals) for consumer in self.consumers]
        return self.rng.getstate(), self.next_ts, self.day, self.quiet, seen

    def go_back(self, state: tuple[Any, ...]) -> None:
        rng, self.next_ts, self.day, self.quiet, seen = state
        self.rng.setstate(rng)
        for consumer, (document, text, symbols, intervals) in zip(self.consumers, seen, strict=True):
            consumer.document, consumer.text = document, text
            consumer.symbols, consumer.intervals = symbols, intervals

    def save_and_load(self) -> None:
        self.twin = sd.loads(self.data.dumps())  # what a file would hold
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
        sometimes += [
            self.load,
            self.append_to_the_past,
            self.set_indicator,
            self.tick,
            self.quote,
            self.extend_ticks,
        ]
        if self.fed == "ticks":
            often = [
                self.tick,
                self.tick,
                self.quote,
                self.extend_ticks,
                self.append_anywhere,
                self.advance_a_little,
            ]
        self.quiet = False
        (what,) = self.rng.choices([often, sometimes, rarely], [55, 38, 7])
        self.rng.choice(what)()
        for consumer in self.consumers:
            if self.rng.random() < consumer.pace:
                consumer.follow()
                self.n_checked += 1
