"""Late bars, trades and quotes in blocks leave behind, to the last counter, what they do one by
one."""

from __future__ import annotations

import random
import time
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from sessiondata._native.out.capture import capture
from sessiondata.store.symbol import state_of
from worlds import INTERVALS, SECOND, SHAPES, World, arrays_of, exact, step_of

T0 = int(np.datetime64("2024-03-12", "ns").astype(np.int64))
NAME = "AAA"
SEEDS = 12  # lives of each kind and shape


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
    """The rows in time order (stable), each in a call of its own; returns how many changed
    something."""
    return sum(call(data, how, [row]) for row in sorted(rows, key=lambda row: row[0]))


def call(data: sd.SessionData, how: str, rows: list[tuple[Any, ...]]) -> int:
    if how == "load":
        return data.load_historical_bars(NAME, data.symbols[NAME].base_interval, *arrays_of(rows), unit="ns")
    stored: int = getattr(data, how)(NAME, *arrays_of(rows))
    return stored


def everything(data: sd.SessionData) -> tuple[Any, ...]:
    """All that can be asked of the symbol."""
    core = state_of(data.symbols[NAME]).core
    core.check_invariants()
    styles = ("time", "epoch_ns")
    documents = [exact(data.to_dict(timestamps=style, cursor=data.export_cursor("new"))) for style in styles]
    return documents, core.counters(), data.sequence, [core.moves(k) for k in range(len(core.intervals))]


def lives(seed: int, shape: str, how: str) -> tuple[World, sd.SessionData, list[tuple[Any, ...]], random.Random]:
    """Two equal stores with some bars (or trades) and marks, one of them beside its model, and rows
    for them."""
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
        # others are no date of the calendar's
        span = worlds[0].grid.span_start, worlds[0].grid.span_stop
        rows = list({row[0]: row for row in rows if span[0] <= row[0] < span[1]}.values())
    marks = [sorted(chance.sample(times(chance, shape) or [0, 1], 2)) for _ in range(chance.choice([0, 0, 3]))]
    for world in worlds:
        world.register(NAME)
        if by_ticks:
            world.extend_ticks_of(NAME, "ticks", [(row[0], row[1], row[5], "") for row in known])
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
        windows = [
            [series.window(0, len(series)) for series in state_of(data.symbols[NAME]).series.values()]
            for data in stores
        ]
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
        (day,) = state_of(symbol).core.days.cores.values()
        day.check_invariants()
        counters = day.counters()
        answers.append((exact(data.to_dict()), counters, data.sequence))
    assert answers[0][1] == answers[1][1]
    assert answers[0] == answers[1]


def test_a_block_of_late_bars_takes_no_time_by_the_square() -> None:
    """Half a day of seconds behind the other half. One by one it took three thousand times what it
    takes in order."""
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
            state_of(spy).core.check_invariants()


# --- trades and quotes ---


def tick_row(chance: random.Random, kind: str, ts: int) -> tuple[Any, ...]:
    """A good trade or quote of few values, so that ties are common; of quotes many have an empty
    side."""
    prices, sizes = [0.1, 0.2, 0.3, 7.25, -1.0, -0.0, 1e16], [0.0, 0.1, 0.7, 1 / 3, 3e15]
    if kind == "ticks":
        return ts, chance.choice(prices), chance.choice(sizes), chance.choice(["", "Q", "12345678"])
    if chance.random() < 0.3:
        return ts, 0.0, chance.choice(prices), 0.0, chance.choice(sizes)
    return ts, *(chance.choice(prices) for _ in range(2)), *(chance.choice(sizes) for _ in range(2))


def tick_times(chance: random.Random, world: World, shape: str, n: int) -> list[int]:
    """So many times of the session, some of them equal, some from before it; crowded or all over
    the day."""
    step, start = step_of(shape), SHAPES[shape][2][0][0]
    span = world.grid.span_start, world.grid.span_stop
    first, slots = chance.choice([(-30, 120), (0, 60), (chance.randrange(50), 4)])
    found = []
    for _ in range(n):
        ts = start + (first + chance.randrange(slots)) * step + chance.choice([0, 0, 1, step // 3, step - 1])
        found.append(min(max(ts, span[0] - chance.choice([0, 0, step])), span[1] - 1))
    return found


def extend_ticks_of(data: sd.SessionData, kind: str, rows: list[tuple[Any, ...]], on_bad: str = "raise") -> int:
    ts, *columns = zip(*rows, strict=True)
    arrays = [np.array(column, None if isinstance(column[0], str) else float) for column in columns]
    extend = data.extend_ticks if kind == "ticks" else data.extend_quotes
    stored: int = extend(NAME, np.array(ts, np.int64), *arrays, on_bad=on_bad)
    return stored


def whole_ticks(data: sd.SessionData, kind: str) -> tuple[Any, ...]:
    """All that can be asked of the symbol and of its trades or quotes."""
    symbol = data.symbols[NAME]
    series = symbol.ticks if kind == "ticks" else symbol.quotes
    state = state_of(symbol)
    buffer = state.trade_buffer if kind == "ticks" else state.quote_buffer
    # what a snapshot says, such as the newest tick that the ring has lost
    numbers, _ = capture(state_of(symbol).core)
    return *everything(data), exact([tuple(row) for row in series]), series.counters, buffer.moves(), numbers


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ticks", "quotes"])
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_a_block_of_late_trades_or_quotes_is_what_they_are_one_by_one(shape: str, kind: str) -> None:
    """Beside bars that fill slots, in rings of base rows and of ticks that lose some, and some with
    no price."""
    n_late = n_too_old = 0
    for seed in range(SEEDS):
        chance = random.Random(f"{seed} {shape} {kind}")
        base, derived = chance.choice(INTERVALS["1s" if shape == "seconds" else "1m"])
        capacity = chance.choice([None, None, None, 1, 3, 20, 60, 200])
        around, ring = chance.choice([None, (600, 600)]), chance.choice([1, 2, 5, 23, 60, 150, 65_536, 65_536])
        quote_bars = None if kind == "ticks" else chance.choice([None, "mid", "bid", "ask"])
        world, other = (World(shape, base, derived, capacity, 0, around, (ring, ring)) for _ in range(2))
        world.register(NAME, quote_bars)
        other.register(NAME, quote_bars)
        stores = [world.data, other.data]
        cursors = [data.export_cursor("delta") for data in stores]
        for _ in range(chance.choice([1, 2, 3])):
            known = sorted(tick_times(chance, world, shape, chance.choice([1, 3, 40])))
            known_rows = [tick_row(chance, kind, ts) for ts in known]
            now = chance.choice(known)
            bars = [row_at(chance, ts) for ts in times(chance, shape)[chance.randrange(30) :: chance.choice([1, 5])]]
            fills = chance.random() < 0.5
            rows = [tick_row(chance, kind, ts) for ts in tick_times(chance, world, shape, chance.choice([16, 90]))]
            bad = [(ts, *((float("nan"),) * 2), *row[3:]) for ts, *_ in rows[:2] for row in rows[:1]]
            skips = chance.random() < 0.3
            world.extend_ticks_of(NAME, kind, known_rows)
            extend_ticks_of(stores[1], kind, known_rows)
            if fills:
                world.advance_to(now)
                world.fill(NAME, bars)
                stores[1].advance_to(now)
                for _ in range(2):  # `World.fill` says it twice, too
                    call(stores[1], "fill", bars)
            for data, cursor in zip(stores, cursors, strict=True):
                data.to_dict(cursor=cursor)
            world.extend_ticks_of(NAME, kind, rows + (bad if skips else []), "skip" if skips else "raise")
            for row in sorted(rows, key=lambda row: row[0]):
                extend_ticks_of(stores[1], kind, [row])
            if skips:
                extend_ticks_of(stores[1], kind, bad, "skip")
            assert whole_ticks(stores[0], kind) == whole_ticks(stores[1], kind), seed
            deltas = [data.to_dict(False, cursor=cursor) for data, cursor in zip(stores, cursors, strict=True)]
            assert exact(deltas[0]) == exact(deltas[1]), seed
            world.same()
            # In-order ones go on from what the block has left.
            after = max([row[0] for row in [*known_rows, *rows]]) + 1
            if after < world.grid.span_stop:
                next_row = tick_row(chance, kind, after)
                world.extend_ticks_of(NAME, kind, [next_row])
                extend_ticks_of(stores[1], kind, [next_row])
                world.same()
                assert whole_ticks(stores[0], kind) == whole_ticks(stores[1], kind), seed
        ticks = stores[0].symbols[NAME].ticks if kind == "ticks" else stores[0].symbols[NAME].quotes
        n_late, n_too_old = n_late + ticks.counters["late"], n_too_old + ticks.counters["too_old"]
    assert n_late > 16 * SEEDS, n_late
    assert n_too_old > SEEDS, n_too_old


@pytest.mark.parametrize("kind", ["ticks", "quotes"])
@pytest.mark.parametrize("capacity", [200_000, 65_536], ids=["room", "a ring that loses some"])
def test_a_block_of_late_trades_or_quotes_takes_no_time_by_the_square(kind: str, capacity: int) -> None:
    """Half a day of seconds behind the other half. One by one it took five hundred times what it
    takes in order."""
    n = 43_200
    seconds = T0 + np.arange(2 * n) * SECOND
    halves = {"morning": (seconds[:n], seconds[n:]), "scattered": (seconds[::2], seconds[1::2])}
    # A quote without a price stands before all that make rows, which are the newest rows then.
    halves |= {"alone": (seconds[:n], seconds[-1:])} if kind == "quotes" else {}
    values = [np.ones(n)] * (2 if kind == "ticks" else 4)
    values += [np.array(["Q"] * n)] if kind == "ticks" else []
    for name, (late, first) in halves.items():
        took = {"late": 1e9, "in order": 1e9}
        for _ in range(3):
            for order in ("in order", "late"):
                data = sd.SessionData(None, "1m", ("5m", "1h", "1d"), tick_capacity=capacity, quote_capacity=capacity)
                data.start_session("2024-03-12")
                spy = data.register_symbol("SPY", quote_bars=None if kind == "ticks" else "mid")
                extend = spy.extend_ticks if kind == "ticks" else spy.extend_quotes
                if order == "late":
                    columns = values if name != "alone" else [np.zeros(1)] * 4
                    assert extend(first, *columns) == len(first)
                start = time.perf_counter()
                assert extend(late, *values) == n
                took[order] = min(took[order], time.perf_counter() - start)
            state_of(spy).core.check_invariants()
            assert (spy.ticks if kind == "ticks" else spy.quotes).counters["late"] == n
        assert took["late"] < 100 * took["in order"], (name, took)
