"""Law 6 at scale: bytes are orjson's bytes, over millions of doubles, every character, and
documents of every state.

A share of it runs with the other tests. `SESSIONDATA_FULL=1` runs all: ten million doubles, every
Unicode scalar value as the name of a symbol, 10^5 random documents. The counts are printed (`-s`):

    SESSIONDATA_FULL=1 python -m pytest -s tests/export/test_law_six.py
"""

from __future__ import annotations

import datetime as dt
import os
import random
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest

import sessiondata as sd
from sessiondata._native.out.text import dumps_f64_array, dumps_volume_array
from worlds import HOUR, MINUTE, SECOND, utc

FULL = os.environ.get("SESSIONDATA_FULL", "0") not in ("", "0")
STYLES = ("time", "iso", "epoch_ms", "epoch_ns")
N_DOUBLES = 10_000_000 if FULL else 300_000
N_DOCUMENTS = 100_000 if FULL else 400
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)


# --- doubles ---


def neighbours(values: Any, reach: int) -> Any:
    """The values, and the doubles up to `reach` steps beside them."""
    rows, below, above = [values], values, values
    for _ in range(reach):
        below, above = np.nextafter(below, -np.inf), np.nextafter(above, np.inf)
        rows += [below, above]
    return np.concatenate(rows)


def doubles(n: int) -> Iterator[tuple[str, Any]]:
    """`n` doubles or a few more, in pieces; each kind with its share."""
    rng = np.random.default_rng(6)
    reach = 40 if n >= 10**6 else 3
    yield "powers of two", neighbours(np.ldexp(1.0, np.arange(-1074, 1024)), reach)
    powers = [float(f"{digit}e{exponent}") for exponent in range(-323, 308) for digit in range(1, 10)]
    yield "powers of ten", neighbours(np.array(powers), reach)
    integers = np.concatenate([10**e + np.arange(-500, 500) for e in range(1, 18)] + [2**53 + np.arange(-500, 500)])
    yield "integers", integers.astype(np.float64)
    piece = min(n // 4, 100_000)
    done = 0
    while done < n:
        yield "random bits", rng.integers(0, 2**64, piece, dtype=np.uint64).view(np.float64)
        for decimals in rng.integers(0, 12, 2).tolist():
            grid = rng.integers(0, 10 ** int(rng.integers(1, 16)), piece) / 10.0**decimals
            yield "price grids", grid if decimals % 2 else np.cumsum(rng.integers(-5, 6, piece)) / 10.0**decimals
        yield "near price grids", neighbours(rng.integers(0, 10**7, piece // 5) / 100.0, 2)[:piece]
        done += 4 * piece


def as_volume(x: float) -> float | int:
    return int(x) if abs(x) <= 2**53 and x.is_integer() else x


def test_doubles_as_prices_and_as_volumes() -> None:
    counts: dict[str, int] = {}
    for kind, values in doubles(N_DOUBLES):
        counts[kind] = counts.get(kind, 0) + len(values)
        values = np.ascontiguousarray(values)
        said = orjson.dumps(values.tolist())
        for hint in (2, 6, 9, 17):
            assert dumps_f64_array(values, hint) == said, kind
        some = values[: len(values) if not FULL else 20_000]
        assert dumps_volume_array(some) == orjson.dumps([as_volume(x) for x in some.tolist()]), kind
    print(f"\ndoubles: {sum(counts.values()):,} ({', '.join(f'{kind} {n:,}' for kind, n in counts.items())})")
    assert sum(counts.values()) >= N_DOUBLES


def test_doubles_in_documents() -> None:
    """Through the rows of a store: blocks, hints that are carried on, columns of each kind beside
    each other."""
    calendar = sd.SessionCalendar.always_open()
    n = 0
    for _, values in doubles(N_DOUBLES // 20):
        prices = values[np.isfinite(values)][: 86_400 // 2]
        if not len(prices):
            continue
        data = sd.SessionData(calendar, "1s", ())
        data.start_session("2024-03-12")
        other, n = np.roll(prices, 7), n + len(prices)
        ts = utc("2024-03-12T00:00:00+00:00") + np.arange(len(prices)) * SECOND
        low, high = np.minimum(prices, other), np.maximum(prices, other)
        data.register_symbol("A").extend(ts, prices, high, low, other, np.minimum(np.abs(prices), 1.9e289))
        assert data.to_json(timestamps="epoch_ns") == orjson.dumps(data.to_dict(timestamps="epoch_ns"))
    print(f"\ndoubles in rows of documents: {5 * n:,}")


# --- names ---


@pytest.mark.slow
def test_every_character_in_names() -> None:
    scalars = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    step = 1 if FULL else 97
    names = [*scalars[:0x300], *scalars[0x300::step]]
    data = sd.SessionData(None, "1m", ())
    for start in range(0, len(names), 50_000):
        data.clear()
        for name in names[start : start + 50_000]:
            data.register_symbol(name)
        assert data.to_json() == orjson.dumps(data.to_dict())
    data.clear()
    for start in range(0, len(scalars), 4_001):  # and all of them in a few long ones
        data.register_symbol("".join(scalars[start : start + 4_001]))
    assert data.to_json() == orjson.dumps(data.to_dict())
    print(f"\nnames of one character: {len(names):,}, characters in long names: {len(scalars):,}")


# --- documents ---

CALENDARS = [
    (sd.SessionCalendar.from_hours("09:30", "09:50", "America/New_York"), ("2024-03-07", "2024-03-08", "2024-03-11")),
    (sd.SessionCalendar.from_hours("23:50", "00:10", "Asia/Tokyo"), ("2024-03-11", "2024-03-12", "2024-03-13")),
    (sd.SessionCalendar.always_open(tz="Europe/Berlin"), ("2024-03-30", "2024-03-31", "2024-04-01")),
    (sd.SessionCalendar.from_hours("10:00", "10:12", "Asia/Kathmandu"), ("2024-03-11", "2024-03-12", "2024-03-13")),
    (
        sd.SessionCalendar.from_schedule(
            {
                f"1965-02-0{day}": [
                    (utc(f"1965-02-0{day}T10:00:00-05:00"), utc(f"1965-02-0{day}T10:07:00-05:00")),
                    (utc(f"1965-02-0{day}T10:09:00-05:00"), utc(f"1965-02-0{day}T10:11:30-05:00")),
                ]
                for day in (3, 4, 5)
            },
            "America/New_York",
        ),
        ("1965-02-03", "1965-02-04", "1965-02-05"),
    ),
]
INTERVALS = [("1m", ("5m", "1d")), ("1m", ("2m", "6m", "1h")), ("2m", ()), ("1m", ("1d",)), ("1m", ("7m",))]
NAMES = ["SPY", 'a"b\\', "\x00\n", "株式 🚀", "é" * 9, "A/B", "</x>"]
PRICES = [0.0, -0.0, 5e-324, 1e-7, 1e16, 1 / 3, -12.5, 99.99, 100.0, 123456.789012345, 0.1 + 0.2, 1e300]
VOLUMES = [0.0, -0.0, 0.5, 1.0, 2.0**53, 2.0**53 + 2, 1e288, 1.7e289, 1e-9, 1 / 3]
VALUES = [None, 1, 1.5, float("nan"), "x\n", [1, {"a": None}], True, np.float64(0.1), -(2**63), 2**64 - 1]


MARKS = [
    b'"forming":true', b'"gaps":{', b'"retry_count"', b'"ticks":{', b'"quotes":{', b'{"timezone":', b'"loaded":true',
    b'"loaded":false', b'"date_range"', b'"high":null',
]  # fmt: skip


class RandomStore:
    """A small store in a random state."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.calendar, self.dates = rng.choice(CALENDARS)
        base, derived = rng.choice(INTERVALS)
        self.data = sd.SessionData(
            self.calendar, base, derived, rng.randrange(3), capacity=rng.choice([None, None, 3, 10]),
            grace_ns=rng.choice([0, 0, 30 * SECOND]), tick_capacity=4, quote_capacity=4,
            extended_hours=rng.choice([None, ("04:00", "20:00")]) if self.calendar is CALENDARS[0][0] else None,
        )  # fmt: skip
        if rng.random() < 0.3:
            self.data.add_historical_indicator(rng.choice(["avg_volume_1d", "vwap_2d", "max_price_1d"]))
        self.seen: set[str] = set()
        self.number = 0
        if rng.random() < 0.95:
            self.start()

    def start(self) -> None:
        self.data.start_session(self.dates[0])
        for name in self.rng.sample(NAMES, self.rng.randrange(4)):
            other = None
            if self.rng.random() < 0.15 and self.calendar is not CALENDARS[4][0]:
                other = self.rng.choice(CALENDARS[:4])[0]
            self.data.register_symbol(name, calendar=other, quote_bars=self.rng.choice([None, None, "mid", "bid"]))
        for _ in range(self.rng.randrange(12)):
            self.act()

    def times(self) -> int:
        rng, grid = self.rng, self.calendar.session(self.dates[self.number])
        start = int(grid.segments[0, 0])
        ts = start + rng.randrange(-3, 25) * MINUTE + rng.choice([0, 0, 0, 0, 1, 1_500, 1_000_000, 30 * SECOND])
        return min(max(ts, grid.span_start), grid.span_stop - 1)

    def bar(self) -> tuple[float, ...]:
        a, b, c, d = (self.rng.choice(PRICES) if self.rng.random() < 0.1 else self.rng.randrange(10**5) / 100
                      for _ in range(4))  # fmt: skip
        volume = self.rng.choice(VOLUMES) if self.rng.random() < 0.2 else float(self.rng.randrange(10**6))
        return c, max(a, b), min(a, b), d, volume

    def act(self) -> None:
        rng, data = self.rng, self.data
        symbols = list(data.symbols.values())
        symbol = rng.choice(symbols) if symbols else data.register_symbol("SPY")
        what = rng.choice(
            ["bar"] * 8 + ["bars"] * 3 + ["tick", "quote", "advance", "no_trade", "halted", "retry", "gaps", "quality",
             "indicator", "roll", "load", "given", "daily", "end", "remove"]
        )  # fmt: skip
        try:
            getattr(self, f"do_{what}")(symbol)
            self.seen.add(what)
        except (sd.SessionStateError, sd.BarError, sd.CalendarError):
            pass  # what fits no state of the store is refused

    def do_bar(self, symbol: Any) -> None:
        symbol.append(self.times(), *self.bar())

    def do_bars(self, symbol: Any) -> None:
        start = self.times()
        n = self.rng.randrange(1, 90)
        grid = self.calendar.session(self.dates[self.number])
        rows = [(start + i * MINUTE, *self.bar()) for i in range(n) if start + i * MINUTE < grid.span_stop]
        ts, *columns = zip(*rows, strict=True)
        symbol.extend(np.array(ts), *map(np.array, columns))

    def do_tick(self, symbol: Any) -> None:
        symbol.append_tick(self.times(), self.bar()[3], self.bar()[4], self.rng.choice(["", "Q", '"\\', "12345678"]))

    def do_quote(self, symbol: Any) -> None:
        symbol.append_quote(self.times(), self.bar()[3], self.bar()[3], self.bar()[4], self.bar()[4])

    def do_advance(self, _: Any) -> None:
        self.data.advance_to(self.times())

    def do_no_trade(self, symbol: Any) -> None:
        start = self.times()
        symbol.mark_no_trade(symbol.base_interval, start, start + self.rng.randrange(9) * MINUTE)

    def do_halted(self, symbol: Any) -> None:
        start = self.times()
        symbol.mark_halted(start, start + self.rng.randrange(900) * SECOND)

    def do_retry(self, symbol: Any) -> None:
        interval, start = self.rng.choice(symbol.intervals), self.times()
        symbol.record_retry(interval, start - 9 * MINUTE, start, start + self.rng.randrange(-(10**18), 10**17))

    def do_gaps(self, symbol: Any) -> None:
        when = self.rng.choice([None, dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)])
        interval = self.rng.choice(symbol.intervals)
        gaps = [sd.GapInfo(symbol.symbol, interval, self.times(), self.times(), self.rng.randrange(1, 99),
                           self.rng.randrange(3), when) for _ in range(self.rng.randrange(3))]  # fmt: skip
        symbol.set_gaps(interval, self.rng.choice([gaps, gaps, None]))

    def do_quality(self, symbol: Any) -> None:
        symbol.set_quality(self.rng.choice(symbol.intervals), self.rng.choice([None, 100.0, 99.999, 1 / 3, 0.0]))

    def do_indicator(self, symbol: Any) -> None:
        name = self.rng.choice(["beta", 'ü"', "vwap_2d"])
        self.data.set_historical_indicator(symbol.symbol, name, self.rng.choice(VALUES))

    def do_roll(self, _: Any) -> None:
        if self.number + 1 < len(self.dates):
            self.data.roll_session(self.dates[self.number + 1])
            self.number += 1

    def do_end(self, _: Any) -> None:
        if self.rng.random() < 0.3 and self.number + 1 == len(self.dates):
            self.data.end_session()

    def past(self, interval: str, symbol: Any) -> None:
        grid = self.calendar.session(self.rng.choice(self.dates))
        start = int(grid.segments[0, 0])
        rows = [(start + i * 3 * MINUTE, *self.bar()) for i in range(1 if interval == "1d" else 4)]
        ts, *columns = zip(*rows, strict=True)
        symbol.load_historical_bars(interval, np.array(ts), *map(np.array, columns))

    def do_load(self, symbol: Any) -> None:
        self.past(symbol.base_interval, symbol)

    def do_given(self, symbol: Any) -> None:
        self.past("3m", symbol)

    def do_daily(self, symbol: Any) -> None:
        self.past("1d", symbol)

    def do_remove(self, symbol: Any) -> None:
        if self.rng.random() < 0.2:
            self.data.remove_symbol(symbol.symbol)


def test_random_documents() -> None:
    seed = 20_000_000 if FULL else 1
    buffer = bytearray(1_000_000)
    marks = dict.fromkeys(MARKS, 0)
    seen: dict[str, int] = {}
    n = 0
    while n < N_DOCUMENTS:
        store = RandomStore(random.Random(seed := seed + 1))
        data = store.data
        for what in store.seen:
            seen[what] = seen.get(what, 0) + 1
        for style in STYLES if n % 10 == 0 else (STYLES[n % 4],):
            text, document = data.to_json(timestamps=style), data.to_dict(timestamps=style)
            try:
                assert text == orjson.dumps(document)
                assert data.export_into(buffer, timestamps=style) == len(text)
                assert buffer[: len(text)] == text
            except (AssertionError, TypeError):
                pytest.fail(f"seed {seed}, {style}: the bytes differ")
            n += 1
        for mark in marks:
            marks[mark] += mark in text
    print(f"\ndocuments: {n:,}")
    print("with", ", ".join(f"{mark.decode()} {count:,}" for mark, count in marks.items()))
    print("after", ", ".join(f"{what} {count:,}" for what, count in sorted(seen.items())))
    assert all(marks.values())
    assert len(seen) == 17


def test_times_far_from_the_session_are_written_alike() -> None:
    data = sd.SessionData(CALENDARS[0][0], "1m", ())
    data.start_session("2024-03-11")
    data.register_symbol("A").append(utc("2024-03-11T09:30:00-04:00"), *BAR)
    rng = random.Random(3)
    for _ in range(20_000 if FULL else 300):
        ts = rng.randrange(-(2**62), 2**62) // rng.choice([1, SECOND, HOUR]) * 1
        data.set_gaps("A", "1m", [sd.GapInfo("A", "1m", ts, ts, 1)])
        assert data.to_json() == orjson.dumps(data.to_dict())
