"""Late bars in blocks leave behind, to the last counter, what the same bars one by one do."""

from __future__ import annotations

import random
import time
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from worlds import INTERVALS, SECOND, SHAPES, World, arrays_of, exact, step_of

T0 = int(np.datetime64("2024-03-12", "ns").astype(np.int64))
NAME = "AAA"


def row_at(chance: random.Random, ts: int) -> tuple[Any, ...]:
    low, high = sorted(chance.choice([0.1, 0.2, 0.3, -0.0, 0.0, 7.25, 1e16]) for _ in range(2))
    return ts, chance.choice([low, high]), high, low, chance.choice([low, high]), chance.choice([0.0, 0.1, 0.7, 3e15])


def times(chance: random.Random, shape: str) -> list[int]:
    """Times before, in, between and after the segments, ascending; some beside the slots."""
    step, segments = step_of(shape), SHAPES[shape][2]
    first, n = segments[0][0], min(90, (segments[-1][1] - segments[0][0]) // step) + 12
    beside = chance.choice([(0,), (0,), (0, 0, 0, 1, step // 2, step - 1)])
    span = chance.choice([range(-12, n), range(n - 12)])
    picked = [first + k * step + chance.choice(beside) for k in span if chance.random() < chance.choice([0.3, 0.9, 1])]
    return sorted(set(picked))


def one_by_one(data: sd.SessionData, how: str, rows: list[tuple[Any, ...]]) -> int:
    """The rows in time order (stable), each in a call of its own; returns how many changed something."""
    return sum(call(data, how, [row]) for row in sorted(rows, key=lambda row: row[0]))


def call(data: sd.SessionData, how: str, rows: list[tuple[Any, ...]]) -> int:
    if how == "load":
        return data.load_historical_bars(NAME, data.symbols[NAME].base_interval, *arrays_of(rows), unit="ns")
    stored: int = getattr(data, how)(NAME, *arrays_of(rows))
    return stored


def everything(data: sd.SessionData) -> tuple[Any, ...]:
    """All that can be asked of the symbol."""
    core = data.symbols[NAME]._core
    core.check_invariants()
    styles = ("time", "epoch_ns")
    documents = [exact(data.to_dict(timestamps=style, cursor=data.export_cursor("new"))) for style in styles]
    return documents, core.counters(), data.sequence, [core.moves(k) for k in range(len(core.intervals))]


def lives(seed: int, shape: str, how: str) -> tuple[World, sd.SessionData, list[tuple[Any, ...]], random.Random]:
    """Two equal stores with some bars (or trades) and marks, one of them beside its model, and rows for them."""
    chance = random.Random(f"{seed} {shape} {how}")
    base, derived = chance.choice(INTERVALS["1s" if shape == "seconds" else "1m"])
    capacity = chance.choice([None, None, None, 40, 200, 500])
    around = chance.choice([None, (600, 600)])
    worlds = [World(shape, base, derived, capacity, 0, around) for _ in range(2)]
    by_ticks = how == "fill" and chance.random() < 0.4
    known = [row_at(chance, ts) for ts in times(chance, shape)[chance.randrange(30) :: chance.choice([1, 2, 5])]]
    rows = [row_at(chance, ts) for ts in times(chance, shape)]
    rows = rows[: chance.choice([len(rows), 40])]
    rows += [row if chance.random() < 0.5 else row_at(chance, row[0]) for row in known if chance.random() < 0.3]
    rows += [row_at(chance, row[0]) for row in rows if chance.random() < 0.2]
    rows += [row for row in rows if chance.random() < 0.1]
    if how != "load":  # of equal times the last one counts there
        chance.shuffle(rows)
    elif rows:
        span = worlds[0].grid.span_start, worlds[0].grid.span_stop  # others are no date of the calendar's
        rows = list({row[0]: row for row in rows if span[0] <= row[0] < span[1]}.values())
    marks = [sorted(chance.sample(times(chance, shape) or [0, 1], 2)) for _ in range(chance.choice([0, 0, 3]))]
    for world in worlds:
        world.register(NAME)
        if by_ticks:
            world.extend_tape(NAME, "ticks", [(row[0], row[1], row[5], "") for row in known])
        else:
            world.extend(NAME, known)
        for start, stop in marks:
            world.mark_no_trade(NAME, base, start, stop)
            world.mark_halted(NAME, stop, stop + 3 * step_of(shape))
            world.record_retry(NAME, base, start, stop, 10**18)
    return worlds[0], worlds[1].data, rows, chance


@pytest.mark.slow
@pytest.mark.parametrize("how", ["extend", "fill", "load"])
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_a_block_of_late_bars_is_what_they_are_one_by_one(shape: str, how: str) -> None:
    n_blocks = n_late = 0
    for seed in range(12):
        world, other, rows, _ = lives(seed, shape, how)
        if not rows:
            continue
        stores = [world.data, other]
        cursors = [data.export_cursor("delta") for data in stores]
        for data, cursor in zip(stores, cursors, strict=True):
            data.to_dict(cursor=cursor)
        windows = [[series.window(0, len(series)) for series in data.symbols[NAME]._series.values()] for data in stores]
        before = world.data.symbols[NAME].counters["late"]
        if how == "extend":
            world.extend(NAME, rows)
            one_by_one(other, how, rows)
        elif how == "fill":
            world.fill(NAME, rows)
            one_by_one(other, how, rows)
            call(other, how, rows)  # `World.fill` says it twice, too
        else:
            assert call(world.data, how, rows) == one_by_one(other, how, rows)
        late = world.data.symbols[NAME].counters["late"] - before
        n_late, n_blocks = n_late + late, n_blocks + (late >= 16)
        got, expected = everything(world.data), everything(other)
        assert got == expected, seed
        deltas = [data.to_dict(False, cursor=cursor) for data, cursor in zip(stores, cursors, strict=True)]
        assert exact(deltas[0]) == exact(deltas[1])
        valid = [[window.is_valid() for window in each] for each in windows]
        assert valid[0] == valid[1]
        if how != "load":
            world.same(("time", "epoch_ns"))
    assert n_blocks, n_late  # else no block was late


def test_blocks_of_late_bars_for_a_past_day_are_what_they_are_one_by_one() -> None:
    chance = random.Random(1)
    minutes = [T0 + k * 60 * SECOND for k in range(1440)]
    known = [row_at(chance, ts) for ts in minutes[::3]]
    rows = [row_at(chance, ts + chance.choice([0, 0, 1])) for ts in chance.sample(minutes, 400)]
    answers = []
    for block in (True, False):
        data = sd.SessionData(None, "1m", ("5m", "1h", "1d"), trailing_days=2)
        data.start_session("2024-03-12")
        data.register_symbol(NAME)
        data.extend(NAME, *arrays_of(known))
        data.roll_session("2024-03-13")
        for some in [rows] if block else [[row] for row in rows]:
            data.extend(NAME, *arrays_of(some))
        symbol = data.symbols[NAME]
        (day,) = symbol._core.days.cores.values()
        day.check_invariants()
        counters = day.counters()
        answers.append((exact(data.to_dict()), counters, data.sequence))
    assert answers[0][1] == answers[1][1]
    assert answers[0] == answers[1]


def test_a_block_of_late_bars_takes_no_time_by_the_square() -> None:
    """Half a day of seconds behind the other half. One by one it took three thousand times what it takes in order."""
    n = 43_200
    morning, noon = T0 + np.arange(n) * SECOND, T0 + np.arange(n, 2 * n) * SECOND
    scattered = T0 + np.arange(0, 2 * n, 2) * SECOND
    values = [np.ones(n)] * 5

    def took(call: Any, *columns: Any) -> float:
        start = time.perf_counter()
        assert call(*columns) == n
        return time.perf_counter() - start

    for how in ("extend", "fill"):
        for times_ in (morning, scattered):
            late = in_order = 1e9
            for _ in range(3):
                data = sd.SessionData(None, "1s", ("2s", "5m", "1h", "1d"))
                data.start_session("2024-03-12")
                spy = data.register_symbol("SPY")
                in_order = min(in_order, took(spy.extend, noon if times_ is morning else scattered + SECOND, *values))
                late = min(late, took(getattr(spy, how), times_, *values))
            assert late < 100 * in_order, (how, late, in_order)
            spy._core.check_invariants()
