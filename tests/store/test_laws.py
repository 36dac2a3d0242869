"""The laws of docs/concepts.md as properties: a random life beside the reference model, compared
after every step.

Long because it is one state machine, with a rule for each call of the store.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import sessiondata as sd
from sessiondata.rows.series import native_of
from sessiondata.time.intervals import parse_interval
from worlds import (
    SECOND,
    SHAPES,
    World,
    bad_rows,
    bad_values,
    configurations,
    exact,
    quotes,
    spans,
    step_of,
    tick_times,
    ticks,
    timestamps,
    values,
)

FAR_AWAY = (-(2**63), 1 - 2**63, 2**63 - 1, 2**63 - 10**12, 0, 4 * 10**18, -(9 * 10**18))
NAMES = ("AAA", 'q"\\\n', "ünï")


class StoreLife(RuleBasedStateMachine):
    """Laws 1 to 6: append, extend, late, correct, repeat, refuse, mark, retry; every answer
    compared after each."""

    world: World

    @initialize(
        configuration=configurations(),
        grace=st.sampled_from([0, 0, 1, 90 * SECOND]),
        around=st.one_of(st.none(), st.tuples(st.integers(0, 900), st.integers(0, 900))),
    )
    def start(self, configuration: Any, grace: int, around: tuple[int, int] | None) -> None:
        note(repr((*configuration, grace, around)))
        self.shape = configuration[0]
        self.world = World(*configuration, grace, around)
        self.world.register(NAMES[0])
        self.next_ts = SHAPES[self.shape][2][0][0]
        self.taken: list[tuple[str, int, tuple[float, ...]]] = []

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.same(styles=("time", "iso", "epoch_ms", "epoch_ns"))

    def name(self, i: int) -> str:
        return self.world.names[i % len(self.world.names)]

    def timestamps(self) -> st.SearchStrategy[int]:
        return timestamps(self.shape)

    def keep(self, name: str, ts: int, bar: tuple[float, ...]) -> None:
        self.taken.append((name, ts, bar))
        self.next_ts = max(self.next_ts, ts + step_of(self.shape))

    @rule(i=st.integers(0, 2), bar=values())
    def append_next(self, i: int, bar: tuple[float, ...]) -> None:
        """The next bar in order: the hot path."""
        ts = self.next_ts
        self.world.append(self.name(i), ts, bar)
        self.keep(self.name(i), ts, bar)
        self.world.same()

    @rule(i=st.integers(0, 2), data=st.data(), bar=values())
    def append_anywhere(self, i: int, data: st.DataObject, bar: tuple[float, ...]) -> None:
        ts = data.draw(self.timestamps())
        self.world.append(self.name(i), ts, bar)
        self.keep(self.name(i), ts, bar)
        self.world.same()

    @rule(i=st.integers(0, 2), data=st.data(), bar=bad_values())
    def append_bad(self, i: int, data: st.DataObject, bar: tuple[float, ...]) -> None:
        before = exact(self.world.data.to_dict())
        self.world.append(self.name(i), data.draw(self.timestamps()), bar)
        assert exact(self.world.data.to_dict()) == before

    @rule(i=st.integers(0, 2), bar=values(), ts=st.sampled_from(FAR_AWAY))
    def append_far_away(self, i: int, ts: int, bar: tuple[float, ...]) -> None:
        self.world.append(self.name(i), ts, bar)
        self.world.same()

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), bar=st.one_of(st.none(), values()))
    def append_again(self, data: st.DataObject, bar: tuple[float, ...] | None) -> None:
        """A repeat, or with other values a correction."""
        name, ts, old = data.draw(st.sampled_from(self.taken))
        self.world.append(name, ts, bar or old)
        self.world.same()

    @rule(
        i=st.integers(0, 2),
        n=st.integers(1, 60),
        bars=st.lists(values(), min_size=1, max_size=7),
        stride=st.integers(1, 3),
    )
    def extend_next(self, i: int, n: int, bars: list[tuple[float, ...]], stride: int) -> None:
        """A block in order: the other hot path."""
        name, step = self.name(i), step_of(self.shape)
        rows = [(self.next_ts + k * stride * step, *bars[k % len(bars)]) for k in range(n)]
        stop = self.world.grid.span_stop
        rows = [row for row in rows if row[0] < stop]
        self.world.extend(name, rows)
        for ts, *bar in rows:
            self.keep(name, ts, tuple(bar))
        self.world.same()

    @rule(
        i=st.integers(0, 2),
        data=st.data(),
        on_bad=st.sampled_from(["raise", "skip"]),
        bad=st.lists(bad_values(), max_size=2),
    )
    def extend_anything(self, i: int, data: st.DataObject, on_bad: str, bad: list[tuple[float, ...]]) -> None:
        name = self.name(i)
        rows = data.draw(st.lists(st.tuples(self.timestamps(), values()), max_size=25))
        rows += [(data.draw(self.timestamps()), bar) for bar in bad]
        rows += [(ts, (1.0, 1.0, 1.0, 1.0, 1.0)) for ts in data.draw(st.lists(st.sampled_from(FAR_AWAY), max_size=2))]
        rows = data.draw(st.permutations(rows))
        before = exact(self.world.data.to_dict())
        self.world.extend(name, [(ts, *bar) for ts, bar in rows], on_bad)
        if bad and on_bad == "raise":
            assert exact(self.world.data.to_dict()) == before
        self.world.same()

    @rule(i=st.integers(0, 2), data=st.data(), bars=st.lists(values(), min_size=1, max_size=4), n=st.integers(1, 60),
          on_bad=st.sampled_from(["raise", "skip"]), bad=st.lists(bad_values(), max_size=1))  # fmt: skip
    def fill(self, i: int, data: st.DataObject, bars: list[Any], n: int, on_bad: str, bad: list[Any]) -> None:
        """Of what is missing some, and beside it anything; now and then all of it, in which there
        is nothing left."""
        name = self.name(i)
        states = self.world.model.symbols[name].states(self.world.model.symbols[name].base)
        slots = [ts for ts, state in states if state not in ("present", "pending")][:n]
        times = data.draw(st.sampled_from([slots, slots[:1], slots[-3:], slots[::2]]))
        rows = [(ts, bars[k % len(bars)]) for k, ts in enumerate(times)]
        rows += data.draw(st.lists(st.tuples(timestamps(self.shape), values()), max_size=4))
        rows += [(data.draw(timestamps(self.shape)), bar) for bar in bad]
        rows = data.draw(st.permutations(rows)) if len(rows) < 12 else rows
        before = exact(self.world.data.to_dict())
        self.world.fill(name, [(ts, *bar) for ts, bar in rows], on_bad)
        if bad and on_bad == "raise":
            assert exact(self.world.data.to_dict()) == before
        self.world.same()

    @rule(data=st.data())
    def advance(self, data: st.DataObject) -> None:
        self.world.advance_to(data.draw(self.timestamps()))
        self.world.same()

    def spans(self) -> st.SearchStrategy[tuple[int, int]]:
        return spans(self.shape)

    @rule(i=st.integers(0, 2), data=st.data())
    def mark_no_trade(self, i: int, data: st.DataObject) -> None:
        """Anywhere: before, between and after bars, in advance, over other marks."""
        name = self.name(i)
        interval = data.draw(st.sampled_from(self.world.model.symbols[name].intervals()))
        self.world.mark_no_trade(name, interval, *data.draw(self.spans()))
        self.world.same()

    @rule(i=st.integers(0, 2), data=st.data())
    def mark_halted(self, i: int, data: st.DataObject) -> None:
        self.world.mark_halted(self.name(i), *data.draw(self.spans()))
        self.world.same()

    @rule(i=st.integers(0, 2), data=st.data(), when=st.integers(-5, 5))
    def retry(self, i: int, data: st.DataObject, when: int) -> None:
        name = self.name(i)
        interval = data.draw(st.sampled_from(self.world.model.symbols[name].intervals()))
        when = SHAPES[self.shape][2][0][1] + when * 7_000_123_000_000
        self.world.record_retry(name, interval, *data.draw(self.spans()), when)
        self.world.same()

    @rule(i=st.integers(0, 7), outage=st.sampled_from([0.0, 0.4, 0.5, 1.0]), active=st.sampled_from([0.0, 0.1, 0.5]))
    def classify(self, i: int, outage: float, active: float) -> None:
        intervals = [None, *self.world.model.symbols[NAMES[0]].intervals()]
        interval = intervals[i % len(intervals)]
        found = self.world.data.classify_gaps(interval, outage_share=outage, active_share=active)
        got = [(c.gap.symbol, c.gap.start_ns, c.kind, c.n_missing, c.n_active) for c in found]
        assert got == self.world.model.classify_gaps(interval, outage, active)

    @precondition(lambda self: len(self.world.names) < len(NAMES))
    @rule()
    def register(self) -> None:
        self.world.register(NAMES[len(self.world.names)])
        self.world.same()


class TapeLife(RuleBasedStateMachine):
    """The same laws for trades and quotes, beside bars that compete with them for the symbols."""

    world: World

    @initialize(
        configuration=configurations(),
        capacities=st.tuples(*[st.one_of(st.integers(1, 9), st.integers(10, 60), st.just(65_536))] * 2),
        quote_bars=st.sampled_from([None, "mid", "bid", "ask"]),
    )
    def start(self, configuration: Any, capacities: tuple[int, int], quote_bars: str | None) -> None:
        note(repr((configuration, capacities, quote_bars)))
        self.shape = configuration[0]
        self.world = World(*configuration, tick_capacities=capacities)
        self.world.register(NAMES[0])
        self.world.register(NAMES[1], quote_bars)
        self.next_ts = SHAPES[self.shape][2][0][0]

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.same(styles=("time", "iso", "epoch_ms", "epoch_ns"))

    @rule(i=st.integers(0, 1), ahead=st.sampled_from([0, 1, 7, 10, 30]), tick=ticks(), quote=quotes(), data=st.data())
    def append_next(self, i: int, ahead: int, tick: Any, quote: Any, data: st.DataObject) -> None:
        """Not older than anything before: the hot path. Seven tenths of a slot on, or none, or
        three slots."""
        self.next_ts += ahead * step_of(self.shape) // 10
        kind = data.draw(st.sampled_from(["ticks", "ticks", "quotes"]))
        self.world.append_ticks(NAMES[i], kind, (self.next_ts, *(tick if kind == "ticks" else quote)))
        self.world.same()

    @rule(i=st.integers(0, 1), data=st.data(), tick=ticks(), quote=quotes(), kind=st.sampled_from(["ticks", "quotes"]))
    def append_anywhere(self, i: int, data: st.DataObject, tick: Any, quote: Any, kind: str) -> None:
        ts = data.draw(st.one_of(tick_times(self.shape), tick_times(self.shape), st.sampled_from(FAR_AWAY)))
        self.world.append_ticks(NAMES[i], kind, (ts, *(tick if kind == "ticks" else quote)))
        self.world.same()

    @rule(i=st.integers(0, 1), data=st.data(), kind=st.sampled_from(["ticks", "quotes"]))
    def append_bad(self, i: int, data: st.DataObject, kind: str) -> None:
        before = exact(self.world.data.to_dict())
        self.world.append_ticks(NAMES[i], kind, (data.draw(tick_times(self.shape)), *data.draw(bad_rows(kind))))
        assert exact(self.world.data.to_dict()) == before

    @rule(i=st.integers(0, 1), n=st.integers(1, 60), rows=st.lists(ticks(), min_size=1, max_size=5),
          apart=st.sampled_from([0, 1, 3, 10, 17]))  # fmt: skip
    def extend_next(self, i: int, n: int, rows: list[Any], apart: int) -> None:
        """A block in order: the other hot path."""
        step, stop = step_of(self.shape), self.world.grid.span_stop
        times = [self.next_ts + k * apart * step // 10 for k in range(n)]
        block = [(ts, *rows[k % len(rows)]) for k, ts in enumerate(times) if ts < stop]
        self.next_ts = max([self.next_ts, *(row[0] for row in block)])
        self.world.extend_ticks_of(NAMES[i], "ticks", block)
        self.world.same()

    @rule(i=st.integers(0, 1), data=st.data(), on_bad=st.sampled_from(["raise", "skip"]),
          kind=st.sampled_from(["ticks", "quotes"]), n_bad=st.sampled_from([0, 0, 1, 2]))  # fmt: skip
    def extend_anything(self, i: int, data: st.DataObject, on_bad: str, kind: str, n_bad: int) -> None:
        rows: Any = st.tuples(tick_times(self.shape), ticks() if kind == "ticks" else quotes())
        block = data.draw(st.lists(rows, max_size=25))
        block += [(data.draw(tick_times(self.shape)), data.draw(bad_rows(kind))) for _ in range(n_bad)]
        block = data.draw(st.permutations(block))
        before = exact(self.world.data.to_dict())
        self.world.extend_ticks_of(NAMES[i], kind, [(ts, *row) for ts, row in block], on_bad)
        if n_bad and on_bad == "raise":
            assert exact(self.world.data.to_dict()) == before
        self.world.same()

    @rule(i=st.integers(0, 1), data=st.data(), bar=values(), on_bad=st.sampled_from(["raise", "skip"]))
    def offer_bars(self, i: int, data: st.DataObject, bar: Any, on_bad: str) -> None:
        """Bars of a symbol that is fed by something else are refused; of another they are stored,
        and refuse ticks."""
        self.world.append(NAMES[i], data.draw(timestamps(self.shape)), bar)
        self.world.extend(NAMES[i], [(ts, *bar) for ts in data.draw(st.lists(timestamps(self.shape)))], on_bad)
        self.world.same()

    @rule(i=st.integers(0, 2), data=st.data(), bars=st.lists(values(), min_size=1, max_size=4), n=st.integers(1, 60),
          on_bad=st.sampled_from(["raise", "skip"]), bad=st.lists(bad_values(), max_size=1))  # fmt: skip
    def fill(self, i: int, data: st.DataObject, bars: list[Any], n: int, on_bad: str, bad: list[Any]) -> None:
        """Of what is missing some, and beside it anything; now and then all of it, in which there
        is nothing left."""
        name = NAMES[i % 2]
        states = self.world.model.symbols[name].states(self.world.model.symbols[name].base)
        slots = [ts for ts, state in states if state not in ("present", "pending")][:n]
        times = data.draw(st.sampled_from([slots, slots[:1], slots[-3:], slots[::2]]))
        rows = [(ts, bars[k % len(bars)]) for k, ts in enumerate(times)]
        rows += data.draw(st.lists(st.tuples(timestamps(self.shape), values()), max_size=4))
        rows += [(data.draw(timestamps(self.shape)), bar) for bar in bad]
        rows = data.draw(st.permutations(rows)) if len(rows) < 12 else rows
        before = exact(self.world.data.to_dict())
        self.world.fill(name, [(ts, *bar) for ts, bar in rows], on_bad)
        if bad and on_bad == "raise":
            assert exact(self.world.data.to_dict()) == before
        self.world.same()

    @rule(data=st.data())
    def advance(self, data: st.DataObject) -> None:
        self.world.advance_to(data.draw(tick_times(self.shape)))
        self.world.same()

    @rule(i=st.integers(0, 1), data=st.data())
    def read(self, i: int, data: st.DataObject) -> None:
        """Reading brings series up to date, and changes no answer."""
        spy = self.world.data.symbols[NAMES[i]]
        list(spy.bars(data.draw(st.sampled_from(spy.intervals))))


TapeLife.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestTapeLife = pytest.mark.slow(TapeLife.TestCase)

StoreLife.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestStoreLife = pytest.mark.slow(StoreLife.TestCase)


@pytest.mark.slow
@given(configuration=configurations(), data=st.data(), seed=st.integers(0, 2**32), grace=st.sampled_from([0, 1, 90]))
def test_law_1_arrival_order_does_not_matter(configuration: Any, data: st.DataObject, seed: int, grace: int) -> None:
    """Of bars, of marks, and of marks among bars."""
    shape, base, derived, _ = configuration
    rows = data.draw(st.lists(st.tuples(timestamps(shape), values()), unique_by=lambda row: row[0], max_size=60))
    intervals = [None, base, *derived]  # None: halted
    marks = data.draw(st.lists(st.tuples(st.sampled_from(intervals), spans(shape)), max_size=6))
    now = data.draw(timestamps(shape))
    rng = random.Random(seed)
    documents = set()
    for way in range(5):
        world = World(shape, base, derived, None, grace * SECOND, (grace * 7, 400))
        spy = world.data.register_symbol("SPY")
        arrival: list[Any] = sorted(rows) if way == 0 else rng.sample(rows, len(rows))
        told = marks if way == 0 else rng.sample(marks, len(marks))
        early = rng.random() < 0.5
        if early:
            world.data.advance_to(now)
        while arrival or told:
            if told and rng.random() < (0.3 if arrival else 1.0):
                mark(spy, told[0])
                told = told[1:]
                continue
            n = 1 if way == 0 else rng.randint(1, len(arrival)) if arrival else 0
            piece, arrival = arrival[:n], arrival[n:]
            if n == 1 and rng.random() < 0.5:
                spy.append(piece[0][0], *piece[0][1])
            elif n:
                ts = np.array([row[0] for row in piece], np.int64)
                spy.extend(ts, *np.array([row[1] for row in piece]).T)
        if not early:
            world.data.advance_to(now)
        document = world.data.to_dict(timestamps="epoch_ns")
        del document["meta"]["sequence"]
        series = spy.bars_derived.values()
        counts = [
            (s.missing, s.no_trade, s.halted, s.completeness, s.extended_slots.present, s.extended_slots.gaps)
            for s in (spy.bars_base, *series)
        ]
        extras = (exact(spy.metrics()), [s.n_base.tolist() for s in series], counts, spy.marks)
        documents.add(repr((exact(document), extras)))
    assert len(documents) == 1


def mark(spy: sd.SymbolSessionData, told: tuple[str | None, tuple[int, int]]) -> None:
    """A mark in the slots of an interval, or a halt without one."""
    interval, span = told
    if interval is None:
        spy.mark_halted(*span)
    else:
        spy.mark_no_trade(interval, *span)


# Numbers of rows in a slot that the kernels have loops of their own for, and others; slots that the
# session cuts.
BLOCKS = [
    ("plain", "1m", ("2m", "6m", "18m")),
    ("plain", "1m", ("3m", "12m", "1d")),
    ("lunch", "1m", ("5m", "10m", "40m")),
    ("reopening", "1m", ("4m", "8m", "7m")),
    ("overnight", "1m", ("7m", "14m", "42m")),
    ("seconds", "1s", ("5s", "15s", "30s")),
    ("whole day", "1m", ("5m", "15m", "1h")),
    ("whole day", "1m", ("1h", "4h", "1d")),
    ("whole day", "5m", ("30m", "2h")),
]


@pytest.mark.slow
@given(configuration=st.sampled_from(BLOCKS), seed=st.integers(0, 2**32), holes=st.sampled_from([0.0, 0.01, 0.1, 0.5]))
def test_law_3_a_block_is_folded_as_its_bars_are(configuration: Any, seed: int, holes: float) -> None:
    """Whole slots are folded column by column, to the last bit what one bar after the other gives:
    of equal highs and lows the first (0.0 or -0.0), volumes in time order."""
    shape, base, derived = configuration
    world, rng = World(shape, base, derived, None), random.Random(seed)
    world.register("SPY")
    step, regions = parse_interval(base).step_ns, SHAPES[shape][2]
    # Zeros as highest or lowest of a slot, and often neither the first row of it nor all of them.
    rare = rng.choice([1, 6, 30])
    prices = rng.choice([(0.0, -0.0), (0.0, -0.0, *[1.5] * rare), (0.0, -0.0, *[-1.5] * rare), (1.25, 2.5, 3.75, 0.1)])
    times = sorted({ts for start, stop in regions for ts in range(start, stop, step)})
    if rng.random() < 0.3:
        times = [times[0] - k * step for k in range(9, 0, -1)] + times
    times = [ts for ts in times[rng.choice([0, 0, 1, 7]) :] if rng.random() >= holes]
    rows = []
    for ts in times:
        a, b, c, d = rng.choices(prices, k=4)
        rows.append((ts, c, max(a, b), min(a, b), d, rng.choice([0.1, 0.2, 0.3, 1e-9, 2.0**53, 7.0])))
    while rows:
        n = rng.choice([1, 2, 6, 50, 700, len(rows)])
        world.extend("SPY", rows[:n])
        rows = rows[n:]
    world.same()


@pytest.mark.slow
@given(configuration=configurations(), data=st.data())
def test_law_5_windows_are_views_and_know_when_they_are_overwritten(configuration: Any, data: st.DataObject) -> None:
    shape, base, derived, capacity = configuration
    world = World(shape, base, derived, capacity)
    spy = world.data.register_symbol("SPY")
    windows: list[tuple[sd.BarWindow, list[tuple[Any, ...]]]] = []
    for ts, bar in data.draw(st.lists(st.tuples(timestamps(shape), values()), max_size=40)):
        spy.append(ts, *bar)
        for series in (spy.bars_base, *spy.bars_derived.values()):
            count = len(series)
            n = data.draw(st.integers(0, count + 1))
            window = series.last(n)
            assert len(window) == min(n, count)
            for column in (window.timestamp, window.open, window.high, window.low, window.close, window.volume):
                assert column.flags.c_contiguous
                assert not column.flags.writeable
                core, k = native_of(series)
                whole = core.columns(k)[:6] if len(window) else ()
                assert not whole or any(np.shares_memory(column, ring_column) for ring_column in whole)
            if len(window):
                windows.append((window, window.timestamp.tolist()))
    for window, times in windows:
        # Valid windows still show the rows they were taken for; the others say so.
        if window.is_valid():
            assert window.timestamp.tolist() == times
        else:
            series = spy.bars(window.interval)
            core, k = native_of(series)
            moved = core.moves(k) > 0
            overwritten = series.total_count > len(series)
            assert moved or overwritten


def test_order_of_a_batch_is_judged_without_overflow() -> None:
    """A time so far before the session that its distance to the next row overflows int64 is still
    out of order."""
    world = World("plain", "1m", ("5m", "1d"), None)
    world.register("SPY")
    start, bar = SHAPES["plain"][2][0][0], (1.0, 2.0, 0.5, 1.5, 10.0)
    world.extend("SPY", [(start, *bar), (-(9 * 10**18), *bar)])
    world.same()


@pytest.mark.slow
@given(
    configuration=configurations(), data=st.data(), seed=st.integers(0, 2**32), kind=st.sampled_from(["ticks", "mid"])
)
def test_law_1_for_trades_and_quotes(configuration: Any, data: st.DataObject, seed: int, kind: str) -> None:
    """Distinct times, in any order, one by one or in arrays: the same rows, bars, gaps and
    documents."""
    shape, base, derived, _ = configuration
    rows = st.tuples(tick_times(shape), ticks() if kind == "ticks" else quotes())
    given_rows = data.draw(st.lists(rows, unique_by=lambda row: row[0], max_size=60))
    now = data.draw(tick_times(shape))
    rng = random.Random(seed)
    documents = set()
    for way in range(5):
        world = World(shape, base, derived, None)
        spy = world.data.register_symbol("SPY", quote_bars=None if kind == "ticks" else "mid")
        append = spy.append_tick if kind == "ticks" else spy.append_quote
        arrival = sorted(given_rows) if way == 0 else rng.sample(given_rows, len(given_rows))
        early = rng.random() < 0.5
        if early:
            world.data.advance_to(now)
        while arrival:
            n = 1 if way == 0 else rng.randint(1, len(arrival))
            piece, arrival = arrival[:n], arrival[n:]
            if n == 1 and rng.random() < 0.5:
                append(piece[0][0], *piece[0][1])
            else:
                columns = [np.array(column) for column in zip(*(row[1] for row in piece), strict=True)]
                (spy.extend_ticks if kind == "ticks" else spy.extend_quotes)([row[0] for row in piece], *columns)
            if rng.random() < 0.3:
                list(spy.bars(rng.choice(spy.intervals)))
        if not early:
            world.data.advance_to(now)
        document = world.data.to_dict(timestamps="epoch_ns")
        del document["meta"]["sequence"]
        everything = (document, spy.metrics(), [s.n_base.tolist() for s in spy.bars_derived.values()])
        series = [list(rows) for rows in (spy.ticks, spy.quotes)]
        documents.add(repr((exact(everything), exact(series))))
    assert len(documents) == 1


@pytest.mark.parametrize("reads", [None, 1, 3, 50], ids=lambda n: f"read every {n}" if n else "read at the end")
@pytest.mark.parametrize("capacity", [1, 2, 3, 31, 32, 33, 40])
def test_bars_that_wait_for_their_fold_are_folded_before_a_short_ring_loses_them(
    capacity: int, reads: int | None
) -> None:
    start = 1_710_201_600_000_000_000  # 2024-03-12T00:00Z
    # 5m and 7m both stand on the base; an hour has more rows than may wait
    derived = ("5m", "7m", "1h", "2h")
    stores = [sd.SessionData("24/7", "1m", derived, capacity=rows) for rows in (capacity, 500)]
    hours = [sd.SessionData("24/7", "1m", ("1h",), capacity=rows) for rows in (capacity, 500)]
    for data in stores + hours:
        data.start_session("2024-03-12")
    spies = [data.register_symbol("SPY") for data in stores]
    spies_of_hours = [data.register_symbol("SPY") for data in hours]
    pairs = (spies, spies_of_hours)
    for i in range(400):
        price = 100.0 + (i * 37 % 101) / 7
        for spy, whole in pairs:
            for one in (spy, whole):
                one.append(start + i * 60_000_000_000, price, price + i % 5, price - i % 3, price + 0.5, 0.1 * (i % 13))
        if i == 399 or (reads and i % reads == 0):
            for spy, whole in pairs:
                for name in spy.intervals[1:]:
                    for column in ("timestamp", "open", "high", "low", "close", "volume"):
                        mine, theirs = getattr(spy.bars(name), column), getattr(whole.bars(name), column)
                        assert mine.tobytes() == theirs.tobytes(), (name, column, i)
                    assert spy.bars(name)[-1].n_base == whole.bars(name)[-1].n_base
