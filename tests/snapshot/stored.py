"""Stores that are saved, and how two of them are compared."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import tempfile
import zlib
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from sessiondata import atomic as files
from sessiondata.export.document import document_bytes
from sessiondata.rows.series import native_of
from sessiondata.snapshot import container as snapshot
from sessiondata.snapshot import save as saving
from sessiondata.store.cursor import ExportCursor, new_cursor
from sessiondata.store.store import parts_of
from sessiondata.store.symbol import state_of
from worlds import HOUR, MINUTE, exact

#: Mutated files, and kills; SESSIONDATA_SNAPSHOTS=10000 and 150 kills are what was promised.
MUTATIONS = int(os.environ.get("SESSIONDATA_SNAPSHOTS", "600"))


def reloaded(data: sd.SessionData) -> sd.SessionData:
    """The store by way of a file; equal in every answer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.snapshot")
        data.save(path)
        loaded = sd.load(path)
        assert os.listdir(folder) == ["a.snapshot"]
        same_stores(data, loaded)
        loaded.save(Path(folder, "b.snapshot"))
        assert path.read_bytes() == Path(folder, "b.snapshot").read_bytes()
    return loaded


def same_stores(one: sd.SessionData, other: sd.SessionData) -> None:
    assert everything(one) == everything(other)
    for symbol in other.symbols.values():
        check_symbol(symbol)


def check_symbol(symbol: sd.SymbolSessionData) -> None:
    state_of(symbol).core.check_invariants()
    for day in state_of(symbol).history.days.cores.values():
        day.check_invariants()


def everything(data: sd.SessionData) -> Any:
    """Every answer of a store, in a form that tells 0.0 from -0.0."""
    active = data.is_active
    data.activate()
    store = parts_of(data)
    context, clock = store.context, store.context.clock
    answers = [
        active, data.calendar.name, data.calendar.tz, data.grid, data.session_date, clock.ended, data.sequence,
        data.as_of, data.grace_ns, clock.as_of, data.trailing_days, store.settings, context.extended_hours,
        [(name, kept.days, kept.is_built_in) for name, kept in context.indicators.items()],
        [document_bytes(store, True, new_cursor(), style) for style in ("time", "iso", "epoch_ms", "epoch_ns")],
        clock.epoch, data.cursors, None not in store.cursors,
        [(cursor.sequence, cursor.timestamps, sorted(cursor.symbols or ()), sorted(cursor.intervals or ()))
         for cursor in cursors_of(data)],
        [everything_of(symbol) for symbol in data.symbols.values()],
    ]  # fmt: skip
    if not active:
        data.deactivate()
    return exact(answers)


def cursors_of(data: sd.SessionData) -> list[ExportCursor]:
    return parts_of(data).cursors.all()


def deltas_of(data: sd.SessionData, names: Collection[str | None] | None = None) -> list[bytes]:
    """What is new to each consumer, or to those of these names; those that cannot be served take a
    complete document."""
    made = []
    for cursor in cursors_of(data):
        if names is not None and cursor.name not in names:
            continue
        style = cursor.timestamps or "iso"
        made.append(data.to_json(False, cursor=cursor, timestamps=style))
        if cursor.sequence is None:
            made.append(data.to_json(cursor=cursor, timestamps=style))
    return made


def everything_of(symbol: sd.SymbolSessionData) -> Any:
    state = state_of(symbol)
    core, history = state.core, state.history
    intervals = [interval.name for interval in history.intervals()]
    built_in = [name for name, kept in state.context.indicators.items() if kept.is_built_in]
    return [
        symbol.symbol, symbol.intervals, symbol.calendar.name, symbol.grid, core.quote_bars, symbol.metrics(),
        symbol.last_update, symbol.bars_updated, symbol.ticks_updated, symbol.quotes_updated, state.pins.gaps,
        [(gap.zone, gap.last_retry) for gaps in state.pins.gaps.values() for gap in gaps],
        state.pins.quality,
        everything_of_day(symbol), [everything_of_ticks(ticks) for ticks in (symbol.ticks, symbol.quotes)],
        [everything_of_day(history.day(date)) for date in history.days.cores],
        history.days.daily,
        [(name, date, [column.tobytes() for column in columns])
         for name, dates in history.days.supplied.items() for date, columns in dates.items()],
        [(name, symbol.historical_bars[name].dates, symbol.historical_bars[name].gaps(),
          symbol.historical_bars[name].tally()) for name in intervals],
        [state.indicator(name, symbol) for name in built_in], state.values,
    ]  # fmt: skip


def everything_of_day(symbol: Any) -> Any:
    """Of a symbol's session, or a past one."""
    answers = [symbol.counters, symbol.marks]
    for k, interval in enumerate(symbol.intervals):
        series = symbol.bars(interval)
        core = native_of(series)[0]
        extended = series.extended_slots
        answers.append([
            exact([tuple(bar) for bar in series]), exact(series.n_base.tolist() if series.is_derived else None),
            series.total_count, series.forming, series.gaps, core.answer(k, series.zone), core.as_of,
            core.gap_count(k), core.newest_ts(False), core.newest_ts(True), core.session_bar(False),
            core.session_bar(True), extended.expected, extended.present, extended.gaps, series.quality,
        ])  # fmt: skip
    return answers


def everything_of_ticks(series: Any) -> Any:
    return [exact([tuple(row) for row in series]), series.counters, series.total_count, series.latest]


CALENDAR = sd.SessionCalendar.from_hours(
    "09:30", "16:00", "America/New_York", breaks=[("12:00", "12:30")], holidays=["2024-03-14"],
    early_closes={"2024-03-15": "13:00"}, late_opens={"2024-03-13": "10:00"}, name="lunch",
)  # fmt: skip
GLOBEX = sd.SessionCalendar.from_hours("17:00", "16:00", "America/Chicago")
TABLE = sd.SessionCalendar.from_schedule(
    {f"2024-03-{day}": [(1710000000 * 10**9 + (day - 9) * 24 * HOUR, 1710000000 * 10**9 + (day - 9) * 24 * HOUR + HOUR)]
     for day in range(11, 16)}, "Europe/Berlin", "table",
)  # fmt: skip
DATES = ("2024-03-11", "2024-03-12", "2024-03-13")


def rows(rng: random.Random, start: int, minutes: Any, step: int = MINUTE) -> list[np.ndarray]:
    ts = start + step * np.array(list(minutes), np.int64)
    prices = np.array([[rng.randrange(1000, 1100) / 4 for _ in range(4)] for _ in ts])
    volume = np.array([rng.choice([0.1, 7.0, 100.0, 1 / 3]) for _ in ts])
    return [ts, prices[:, 0], prices.max(1), prices.min(1), prices[:, 3], volume]


def opening(calendar: sd.SessionCalendar, date: str) -> int:
    return int(calendar.session(date).segments[0, 0])


def rich_store(seed: int = 0, **options: Any) -> sd.SessionData:
    """A little of everything, three days of it."""
    rng = random.Random(seed)
    options = {"grace_ns": 3 * MINUTE, "extended_hours": ("09:00", "17:00"), **options}
    data = sd.SessionData(CALENDAR, "1m", ("5m", "15m", "1d"), 5, tick_capacity=40, quote_capacity=9, **options)
    data.start_session(DATES[0])
    for name in ("ABC", 'q"\\\n', "ünï"):
        data.register_symbol(name)
    data.register_symbol("ES", "2m", ("10m",), calendar=GLOBEX)
    data.register_symbol("24", "30s", ("1m",), calendar=None)
    data.register_symbol("DAX", calendar=TABLE)
    data.register_symbol("T")
    data.register_symbol("Q", quote_bars="mid")
    data.register_symbol("new")
    data.add_historical_indicator("avg_volume_2d")
    data.add_historical_indicator("max_price_9d")
    data.set_historical_indicator("ABC", "set", [1, -0.0, None, {"a": float("inf")}, "x"])
    for number, date in enumerate(DATES):
        start = opening(CALENDAR, date)
        for name in ("ABC", 'q"\\\n', "DAX", "ES"):
            symbol = data.symbols[name]
            first = opening(symbol.calendar, date)
            step = state_of(symbol).core.steps_ns[0]
            minutes = sorted(rng.sample(range(-5, 120), 60))
            symbol.extend(*rows(rng, first, minutes, step))
            symbol.extend(*rows(rng, first, rng.sample(range(118), 4), step))  # late and corrected
        data.append("ABC", start + 7 * MINUTE + 11, 1.0, 2.0, 0.5, 1.5, 3.0)
        for name, append in (("T", data.append_tick), ("Q", data.append_quote), ("ABC", data.append_quote)):
            for _ in range(60 if name == "T" else 12):
                ts = start + rng.randrange(30 * MINUTE)
                if name == "T":
                    append(name, ts, rng.randrange(100) / 4, 5.0, rng.choice(["", "Q", "ARCX"]))
                else:
                    append(name, ts, rng.randrange(100) / 4, 3.0, 1.0, 2.0)
        spy = data.symbols["ABC"]
        spy.mark_no_trade("5m", start + 20 * MINUTE, start + 40 * MINUTE)
        spy.mark_halted(start + 30 * MINUTE, start + 200 * MINUTE)
        spy.record_retry("1m", start, start + 15 * MINUTE, start + 60 * MINUTE)
        spy.record_retry("15m", start, start + 90 * MINUTE, start + 61 * MINUTE)
        with pytest.raises(sd.BarError):
            data.extend("ABC", [start], [1.0], [0.5], [1.0], [1.0], [1.0])
        data.extend("ABC", [start, start], [1.0, np.nan], [0.5, 2.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0], on_bad="skip")
        data.extend_ticks("T", [start], [np.inf], [1.0], on_bad="skip")
        if number == 2:
            data.to_json(cursor=data.export_cursor("today"), symbols=["ABC", "GONE", "T", "ES"], intervals=["1m", "5m"])
            data.remove_symbol("GONE")
            for minute in rng.sample(range(118), 30):
                data.append("ABC", start + minute * MINUTE, 1.0, 2.0, 0.5, 1.5, 3.0)
        data.advance_to(start + 150 * MINUTE)
        data.fill("T", *rows(rng, start, range(20, 100, 3)))
        # kept, and the bar that was filled stands
        data.append_tick("T", start + 23 * MINUTE, 7.0, 1.0)
        data.fill("new", *rows(rng, start, range(2)))  # nobody feeds it
        if number + 1 < len(DATES):
            data.to_dict(cursor=data.export_cursor(f"day {number}"))
            data.roll_session()
            data.register_symbol("GONE")
    for date in ("2024-03-04", "2024-03-05"):
        first = opening(CALENDAR, date)
        data.load_historical_bars("ABC", "1m", *rows(rng, first, range(9)))
        data.load_historical_bars("ABC", "3m", *rows(rng, first, range(0, 30, 3)))
        data.load_historical_bars("ABC", "1d", *rows(rng, first, [0]))
    data.set_quality("ABC", "5m", 12.5)
    gap = sd.GapInfo("ABC", "1m", start, start + MINUTE, 2, 3, dt.datetime(2024, 3, 12, tzinfo=dt.UTC), CALENDAR.zone)
    data.set_gaps("ABC", "1m", [gap, gap._replace(last_retry=None, zone=dt.timezone(dt.timedelta(hours=2)))])
    data.symbols["DAX"].bars_updated = False
    data.to_json(timestamps="epoch_ms")
    data.append("24", start + 151 * MINUTE, 1.0, 2.0, 0.5, 1.5, 3.0)
    data.export_cursor("new")
    return data


def ring_store(seed: int = 0) -> sd.SessionData:
    """Rings that have wrapped, with and without a session."""
    return rich_store(seed, capacity=17)


def idle_store() -> sd.SessionData:
    """Between two sessions, with what was counted since."""
    data = rich_store(1)
    data.end_session()
    data.append("ABC", opening(CALENDAR, "2024-02-01"), 1.0, 1.0, 1.0, 1.0, 1.0)
    data.append("ABC", opening(CALENDAR, DATES[1]) + 111 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    data.extend("T", [opening(CALENDAR, "2024-02-01")], [1.0], [0.5], [1.0], [1.0], [1.0], on_bad="skip")
    return data


STORES = {
    "rich": rich_store,
    "wrapped": ring_store,
    "idle": idle_store,
    "empty": sd.SessionData,
    "close labels": lambda: rich_store(2, label="close", extended_hours=None, grace_ns=0),
}


def go_on(data: sd.SessionData, rng: random.Random) -> None:
    """Some operations; what they answer is compared by what becomes of the store. Errors are of
    this library."""
    for _ in range(40):
        with suppress(sd.SessionDataError):
            operation(data, rng)


def operation(data: sd.SessionData, rng: random.Random) -> None:
    name = rng.choice([*data.symbols, "new"])
    symbol = data.register_symbol(name)
    date = rng.choice([*DATES, "2024-03-15"])
    ts = opening(CALENDAR, date) + rng.randrange(-40, 400) * 30_000_000_000
    bar = [rng.randrange(100) / 4, 30.0, 0.0, 7.0, rng.choice([0.1, 3.0])]
    kind = rng.randrange(13)
    if kind < 3:
        symbol.append(ts, *bar)
    elif kind == 3:
        symbol.extend(*rows(rng, ts, range(1 + rng.randrange(40))), on_bad="skip")
    elif kind == 4:
        symbol.append_tick(ts, bar[0], 2.0, "N")
    elif kind == 5:
        symbol.append_quote(ts, bar[0], 2.0, 1.0, 1.0)
    elif kind == 6:
        symbol.mark_no_trade(rng.choice(symbol.intervals), ts, ts + rng.randrange(30) * MINUTE)
    elif kind == 7:
        symbol.mark_halted(ts, ts + rng.randrange(90) * MINUTE)
    elif kind == 8:
        symbol.record_retry(rng.choice(symbol.intervals), ts, ts + rng.randrange(90) * MINUTE, ts)
    elif kind == 9:
        data.advance_to(ts)
    elif kind == 10 and rng.random() < 0.3:
        data.roll_session()
    elif kind == 11:
        symbol.fill(*rows(rng, ts, range(1 + rng.randrange(60))), on_bad="skip")
    else:
        symbol.load_historical_bars(rng.choice(["1m", "3m", "1d"]), *rows(rng, ts, [0, 1]))


class Failing:
    """`os` as `snapshot` uses it: the n-th call of a function fails, writes are short, and syncs do
    nothing."""

    def __init__(self, name: str | None = None, n: int = -1) -> None:
        self.name, self.n, self.calls = name, n, {"open": 0, "lseek": 0, "write": 0, "fsync": 0, "replace": 0}

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls[name] += 1
            if name == self.name and self.calls[name] == self.n:
                raise OSError(28, "No space left on device")
            if name == "write":
                arguments = (arguments[0], arguments[1][:1009])
            return None if name == "fsync" else getattr(os, name)(*arguments)

        return call


def let_fail(monkeypatch: pytest.MonkeyPatch, failing: Failing) -> None:
    for module in (saving, files):
        monkeypatch.setattr(module, "_os", failing)


def changed(path: Path, change: Any) -> None:
    """Change the store part of a file; all sums are right afterwards."""
    parts = pieces_of(path.read_bytes())
    kept = json.loads(parts[-1][2])
    change(kept)
    text = json.dumps(kept).encode()
    path.write_bytes(sealed([*parts[:-1], (b"store", 0, text + b" " * (-len(text) % 8))]))


def pieces_of(content: bytes) -> list[tuple[bytes, int, bytes]]:
    """(kind, flags, content) of each part."""
    n = snapshot.HEAD.unpack_from(content)[2]
    entries = [snapshot.PART.unpack_from(content, snapshot.HEAD.size + i * snapshot.PART.size) for i in range(n)]
    return [(kind, flags, content[at : at + size]) for kind, flags, _, at, size in entries]


def sealed(parts: list[tuple[bytes, int, bytes]], version: int = snapshot.VERSION) -> bytes:
    """A file of parts, all sums right."""
    at = snapshot.HEAD.size + len(parts) * snapshot.PART.size + snapshot.TAIL.size
    table = b""
    for kind, flags, content in parts:
        table += snapshot.PART.pack(kind, flags, zlib.crc32(content), at, len(content))
        at += len(content)
    head = snapshot.HEAD.pack(snapshot.MAGIC, version, len(parts), at) + table
    return head + snapshot.TAIL.pack(zlib.crc32(head), 0) + b"".join(content for _, _, content in parts)
