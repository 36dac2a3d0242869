"""No file is read that is damaged or not whole."""

from __future__ import annotations

import copy
import json
import random
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

import sessiondata as sd
from sessiondata.snapshot import container as snapshot
from sessiondata.store.symbol import state_of
from stored import (
    CALENDAR,
    DATES,
    MUTATIONS,
    STORES,
    Failing,
    check_symbol,
    deltas_of,
    go_on,
    let_fail,
    opening,
    pieces_of,
    rich_store,
    rows,
    sealed,
)
from worlds import HOUR, MINUTE, SECOND

STRANGE: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, -(2**63), 10**30, 0.5, -0.0,
    1e300, float("nan"), float("inf"), "", "x", "1m", "1d", "5m", "0s", "24/7", "UTC", "2024-03-12", "9999-99-99", [],
    {}, [[]], [0], {"a": 1}, "\ud800", "<i8", "<i4", "bars", "ticks", "quotes", "none",
]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of everything in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from places(item)


def lying(rng: random.Random, kept: Any) -> Any:
    """The store part with one to three lies in it."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        found = list(places(kept))
        if rng.random() < 0.8:  # most of it are lists of columns
            found = [(holder, key) for holder, key in found if not isinstance(holder, list)]
        holder, key = rng.choice(found)
        old = holder[key]
        if rng.random() < 0.4 and isinstance(old, int):
            holder[key] = old + rng.choice([-1, 1, 2, -60, 60, MINUTE, -MINUTE, 30_000_000_000, 2**32])
        elif rng.random() < 0.2:
            holder.pop(key)
        elif rng.random() < 0.2:
            holder[key] = copy.deepcopy(rng.choice([h[k] for h, k in places(kept)]))
        else:
            holder[key] = rng.choice(STRANGE)
    return kept


def mutated(rng: random.Random, content: bytes) -> tuple[str, bytes]:
    """Another file, and how it was made: "flipped" and "cut" have one wrong bit, or a wrong
    length."""
    kind = rng.choice(["flipped", "cut", "noise", "head", *["lying numbers", "lying columns"] * 2])
    if kind == "flipped":
        at = rng.randrange(len(content))
        return kind, content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
    if kind == "cut":
        return kind, content[: rng.randrange(len(content))]
    if kind == "noise":
        at, n = rng.randrange(len(content)), rng.randrange(1, 64)
        return kind, content[:at] + rng.randbytes(n) + content[at + rng.choice([0, n]) :]
    if kind == "head":
        at = rng.randrange(8, min(len(content), 400), 4)
        number = rng.choice([0, 1, 2**31, 2**32 - 1, rng.getrandbits(32)])
        content = content[:at] + struct.pack("<I", number) + content[at + 4 :]
        n = min(snapshot.HEAD.unpack_from(content)[2], len(content))
        end = snapshot.HEAD.size + n * snapshot.PART.size
        return kind, content[:end] + struct.pack("<I", zlib.crc32(content[:end])) + content[end + 4 :]
    parts = pieces_of(content)
    if kind == "lying numbers":
        kept = lying(rng, json.loads(parts[-1][2]))
        text = json.dumps(kept).encode()
        parts[-1] = (parts[-1][0], parts[-1][1], text + b" " * (-len(text) % 8))
        return kind, sealed(parts)
    number = rng.choice([i for i, part in enumerate(parts[:-1]) if part[2]] or [0])
    rows = bytearray(parts[number][2])
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(0, len(rows) - 7, 4 if rng.random() < 0.2 else 8) if len(rows) >= 8 else 0
        how = rng.randrange(5)
        if how == 0:
            rows[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            rows[at : at + 8] = struct.pack("<q", rng.choice([0, -1, 1, 2**63 - 1, -(2**63), 10**9, 2**31]))
        elif how == 2:
            rows[at : at + 8] = struct.pack("<d", rng.choice([0.0, -0.0, -1.0, 1e308, np.nan, np.inf, -np.inf]))
        elif how == 3:
            (value,) = struct.unpack_from("<q", rows, at)
            step = rng.choice([1, -1, MINUTE, -MINUTE, 30_000_000_000])
            rows[at : at + 8] = struct.pack("<q", (value + step + 2**63) % 2**64 - 2**63)
        else:
            source = rng.randrange(0, len(rows) - 7, 8) if len(rows) >= 8 else 0
            rows[at : at + 8] = rows[source : source + 8]
    parts[number] = (parts[number][0], parts[number][1], bytes(rows))
    return kind, sealed(parts)


def tables_of(kept: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What has columns, and where it stands."""
    for symbol in kept["symbols"]:
        for entry in [symbol["session"], *symbol["days"], *filter(None, [symbol["daily"]]), *symbol["given"]]:
            what = "day" if "date" in entry and "interval" not in entry else entry.get("interval", "session")
            yield f"{symbol['name']} {'daily' if 'dates' in entry else what} {entry.get('date', '')}", entry
    if "cursors" in kept:
        yield "cursors", kept["cursors"]


def lies_about(column: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Other values of a column that somebody could have meant."""
    if len(column) > 1:
        yield "reversed", column[::-1]
        yield "first twice", np.concatenate([column[:1], column[:1], column[2:]])
        yield "last twice", np.concatenate([column[:-2], column[-1:], column[-1:]])
    numbers: list[Any] = [-1, 0, 1, 2**31 - 1, -(2**31)]
    if column.dtype == np.dtype("<f8"):
        numbers = [-1.0, 0.0, -0.0, 1e308, -1e308, np.nan, np.inf, -np.inf]
    elif column.dtype == np.dtype("<i8"):
        numbers += [2**63 - 1, -(2**63)]
        for step in (1, -1, MINUTE, -MINUTE, 10 * 24 * HOUR, -10 * 24 * HOUR, 24 * HOUR):
            with np.errstate(over="ignore"):
                yield f"all {step:+}", column + step
    elif column.dtype.kind == "S":
        numbers = [b"", b"\xff", b"a\0b"]
    for at in {0, len(column) // 2, len(column) - 1}:
        for number in numbers:
            lie = column.copy()
            lie[at] = number
            yield f"row {at} = {number!r}", lie


def systematic_lies(content: bytes, tables: Any) -> Iterator[tuple[str, bytes]]:
    """Files with right sums, each with one named column that lies, or one count."""
    parts = pieces_of(content)
    for place, entry in tables(json.loads(parts[-1][2])):
        at, number = 0, entry["part"]
        for k, (name, kind, n) in enumerate(entry["columns"]):
            size = n * np.dtype(kind).itemsize
            padded = -(-size // 8) * 8
            column = np.frombuffer(parts[number][2], kind, n, at)
            for what, lie in lies_about(column) if n else ():
                made = list(parts)
                rows = parts[number][2]
                made[number] = (
                    *parts[number][:2],
                    rows[:at] + lie.tobytes().ljust(padded, b"\0") + rows[at + padded :],
                )
                yield f"{place}.{name}: {what}", sealed(made)
            for m in {0, n - 1, n + 1}:
                kept = json.loads(parts[-1][2])
                again = next(found for where, found in tables(kept) if where == place and found["part"] == number)
                again["columns"][k][2] = m
                text = json.dumps(kept).encode()
                yield (
                    f"{place}.{name}: {m} rows",
                    sealed([*parts[:-1], (*parts[-1][:2], text + b" " * (-len(text) % 8))]),
                )
            at += padded


def live_on(data: sd.SessionData) -> None:
    """What a store answers, exports and does: without an error, whatever a file has said."""
    for style in ("time", "epoch_ns"):
        assert data.to_json(timestamps=style) == orjson.dumps(data.to_dict(timestamps=style))
    for name, symbol in data.symbols.items():
        check_symbol(symbol)
        for interval in [found.name for found in state_of(symbol).history.intervals()]:
            for date, window in data.get_historical_bars(name, interval).items():
                grid = symbol.calendar.session(date)
                assert np.all(window.timestamp >= grid.span_start)
                assert np.all(window.timestamp < grid.span_stop)
                assert np.all(window.timestamp[1:] > window.timestamp[:-1])
                assert np.all(window.high >= window.low)
                assert np.all(window.volume >= 0)
                assert len(list(window)) == len(window)
            data.get_historical_quality(name, interval)
            data.get_historical_gaps(name, interval)
            if interval in symbol.intervals:  # of others there are loaded days alone
                list(data.get_all_bars_including_historical(name, interval))
    deltas_of(data)
    for _ in range(2):
        content = data.dumps()
        assert sd.loads(content).dumps() == content
        with suppress(sd.CalendarError):  # no next session
            data.roll_session()
        data.to_json()


def lying_store() -> sd.SessionData:
    """Days of every kind, small: loaded ones, given rows of three intervals, and what is left of
    trimmed days."""
    rng = random.Random(1)
    data = sd.SessionData(CALENDAR, "1m", ("5m", "1d"), 2, tick_capacity=8, quote_capacity=8, capacity=12)
    data.add_historical_indicator("avg_volume_6d")
    data.start_session("2024-03-08")
    names = ("A", "T", "Q")
    for name in names:
        data.register_symbol(name, quote_bars="mid" if name == "Q" else None)
    for date in ("2024-03-08", *DATES):
        start = opening(CALENDAR, date)
        data.extend("A", *rows(rng, start, [*range(-2, 3), *range(5, 16)]))
        data.append("A", start + 20 * MINUTE + 7, 1.0, 2.0, 0.5, 1.5, 3.0)
        for k in range(10):
            data.append_tick("T", start + k * 40 * SECOND, 1.0 + k, 2.0, "Q")
            data.append_quote("Q", start + k * 40 * SECOND, 1.0 + k, 2.0 + k, 1.0, 1.0)
        data.symbols["A"].mark_no_trade("1m", start + 30 * MINUTE, start + 33 * MINUTE)
        data.symbols["A"].mark_halted(start + 40 * MINUTE, start + 45 * MINUTE)
        data.symbols["A"].record_retry("1m", start + 3 * MINUTE, start + 5 * MINUTE, start + 60 * MINUTE)
        data.to_json(cursor=data.export_cursor("c"))
        if date != DATES[-1]:
            data.roll_session()
    for date in (DATES[0], DATES[1]):
        start = opening(CALENDAR, date)
        for interval, step in (("3m", 3 * MINUTE), ("5m", 5 * MINUTE), ("1d", 0)):
            data.load_historical_bars("A", interval, *rows(rng, start, range(4) if step else [0], step or MINUTE))
    data.fill("T", *rows(rng, opening(CALENDAR, DATES[-1]), [30, 31]))
    return data


@pytest.mark.slow
def test_a_file_that_lies_about_a_column_is_refused_or_a_store() -> None:
    """One lie at a time, about each column and each count there is, all sums right. Rows that were
    supplied as they are used to be believed, and exports, rolls or saves failed afterwards."""
    content = lying_store().dumps()
    refused = valid = 0
    lies = list(systematic_lies(content, tables_of))
    one_of = {True: 12, False: 60} if MUTATIONS < 10_000 else {True: 1, False: 1}
    supplied = re.compile(r"A (3m|5m|1d|daily) ")
    chosen = [lie for lie in lies if zlib.crc32(lie[0].encode()) % one_of[bool(supplied.match(lie[0]))] == 0]
    for what, lie in chosen:
        try:
            loaded = sd.loads(lie)
        except sd.SnapshotError:
            refused += 1
            continue
        try:
            live_on(loaded)
        except Exception as error:
            error.add_note(f"after a lie: {what}")
            raise
        valid += 1
    print(len(lies), len(chosen), refused, valid)
    assert refused > 60
    assert valid > 30


def test_sealing_by_hand_makes_the_same_file(tmp_path: Path) -> None:
    rich_store().save(tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    assert sealed(pieces_of(content)) == content


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rich", "wrapped", "idle"])
def test_mutated_files_are_refused_or_valid(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of MUTATIONS each. Where the sums were made right again, a store may come of it: a
    valid one, which then has to go on without harm."""
    let_fail(monkeypatch, Failing())  # no syncs
    data = STORES[name]()
    data.save(tmp_path / "whole")
    whole, path = (tmp_path / "whole").read_bytes(), tmp_path / "mutated"
    rng = random.Random(name)
    outcomes: dict[tuple[str, str], int] = {}
    for _ in range(-(-MUTATIONS // 3)):
        kind, content = mutated(rng, whole)
        path.write_bytes(content)
        try:
            loaded = sd.load(path)
        except sd.SnapshotError as error:
            outcome = "refused" if error.path == str(path) and error.rule and error.part else "without a reason"
        else:
            assert kind.startswith(("lying", "head")) or content == whole, kind
            outcome = "valid"
            for symbol in loaded.symbols.values():
                check_symbol(symbol)
            loaded.activate()
            # an indicator that is said to be a user's function
            with suppress(sd.SessionStateError):
                deltas_of(loaded)
                loaded.to_json()
            go_on(loaded, rng)
            for symbol in loaded.symbols.values():
                check_symbol(symbol)
            with suppress(sd.SessionStateError):
                deltas_of(loaded)
            loaded.save(path)
            sd.load(path)
        outcomes[kind, outcome] = outcomes.get((kind, outcome), 0) + 1
    print(name, outcomes)
    assert {outcome for _, outcome in outcomes} == {"refused", "valid"}
    assert {kind for kind, outcome in outcomes if outcome == "valid"} >= {"lying numbers", "lying columns"}
    assert {kind for kind, outcome in outcomes if outcome == "refused"} >= {"lying numbers", "lying columns"}
