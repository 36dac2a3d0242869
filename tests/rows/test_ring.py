"""The ring alone, driven through `doors.pyx` against a plain list of rows."""

from __future__ import annotations

import bisect
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import doors

pytestmark = pytest.mark.usefixtures("compiled_doors")

Row = tuple[int, float, float, float, float, float]
INT64_MIN = -(2**63)


def row(ts: int, version: int = 0) -> Row:
    """A row that its time and its version tell from all others."""
    base = float(1000 * ts + version)
    return (ts, base + 0.1, base + 0.2, base + 0.3, base + 0.4, base + 0.5)


def columns(rows: list[Row]) -> tuple[Any, Any]:
    values = np.array([list(one[1:]) for one in rows], float).reshape(-1, 5).T
    return np.array([one[0] for one in rows], np.int64), np.ascontiguousarray(values)


class RingModel:
    """Every row that ever was in the ring, by sequence; the newest `capacity` of them live."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.all: list[Row] = []
        self.evicted_ts = INT64_MIN

    @property
    def oldest(self) -> int:
        return max(0, len(self.all) - self.capacity)

    @property
    def live(self) -> list[Row]:
        return self.all[self.oldest :]

    def insert(self, seq: int, new: Row) -> None:
        if len(self.all) >= self.capacity:
            self.evicted_ts = self.all[self.oldest][0]
        self.all.insert(seq, new)

    def find(self, ts: int) -> int:
        return self.oldest + bisect.bisect_left([one[0] for one in self.live], ts)


def assert_equal(ring: Any, model: RingModel) -> None:
    assert ring.check()
    assert [one[:6] for one in ring.rows()] == model.live
    assert (ring.oldest, ring.next_seq, ring.evicted_ts) == (model.oldest, len(model.all), model.evicted_ts)
    # The live rows are one stretch of each column, in either half of the memory.
    ts, *values = ring.view(model.oldest, len(model.all))
    assert [tuple(one) for one in zip(ts.tolist(), *(value.tolist() for value in values), strict=True)] == model.live


CAPACITIES = st.integers(1, 9)
#: push, extend by n, a late row, a replaced row; the fraction chooses a place among the live rows
STEPS = st.lists(
    st.one_of(
        st.just(("push", 0.0)),
        st.tuples(st.just("extend"), st.integers(0, 25)),
        st.tuples(st.just("late"), st.floats(0, 1, exclude_max=True)),
        st.tuples(st.just("replace"), st.floats(0, 1, exclude_max=True)),
    ),
    max_size=30,
)


def do(ring: Any, model: RingModel, step: tuple[str, Any], number: int) -> None:
    """One step on both. Times are multiples of 1000, so that late rows find room between."""
    kind, where = step
    newest = max((one[0] for one in model.all), default=0) // 1000
    if kind == "push":
        new = row((newest + 1) * 1000)
        ring.push(*new)
        model.insert(len(model.all), new)
    elif kind == "extend":
        rows = [row((newest + 1 + i) * 1000) for i in range(where)]
        ring.extend(*columns(rows))
        for new in rows:
            model.insert(len(model.all), new)
    elif model.live:
        seq = model.oldest + int(where * len(model.live))
        if kind == "replace":
            new = row(model.all[seq][0], number)
            ring.replace(seq, *new)
            model.all[seq] = new
            return
        before = model.all[seq - 1][0] if seq > model.oldest else model.all[seq][0] - 1000
        ts = (before + model.all[seq][0]) // 2
        # A full ring takes no row before its oldest one.
        if before < ts < model.all[seq][0] and (seq > model.oldest or len(model.all) < model.capacity):
            ring.insert(seq, *row(ts))
            model.insert(seq, row(ts))


@given(CAPACITIES, STEPS)
def test_any_steps_leave_the_rows_of_a_list(capacity: int, steps: list[tuple[str, Any]]) -> None:
    ring, model = doors().RingDoor(capacity, True, False), RingModel(capacity)
    for number, step in enumerate(steps):
        do(ring, model, step, number)
        assert_equal(ring, model)


@given(CAPACITIES, STEPS, st.integers(-500, 70_000))
def test_find_is_the_first_row_at_or_after_a_time(capacity: int, steps: list[tuple[str, Any]], ts: int) -> None:
    ring, model = doors().RingDoor(capacity, True, False), RingModel(capacity)
    for number, step in enumerate(steps):
        do(ring, model, step, number)
    for one in {ts, *(each[0] + d for each in model.live for d in (-1, 0, 1))}:
        assert ring.find(one) == model.find(one)


@pytest.mark.parametrize("capacity", [1, 2, 7, 64, 200])
def test_find_in_long_rings_on_every_lap(capacity: int) -> None:
    """The search goes back from the newest row in steps of 8, 32, 128: here each one is met."""
    ring, model = doors().RingDoor(capacity, True, False), RingModel(capacity)
    for i in range(3 * capacity + 1):
        do(ring, model, ("push", 0.0), i)
        if i % 37 == 0 or i == 3 * capacity:
            for each in model.live:
                assert ring.find(each[0]) == model.find(each[0])
                assert ring.find(each[0] + 1) == model.find(each[0] + 1)


@given(CAPACITIES, st.integers(0, 40), st.integers(-60, 60))
def test_rows_are_numbered_from_both_ends(capacity: int, n: int, i: int) -> None:
    ring, model = doors().RingDoor(capacity, True, False), RingModel(capacity)
    do(ring, model, ("extend", n), 0)
    live = len(model.live)
    at = ring.physical(i)
    if -live <= i < live:
        sequence = len(model.all) - live + (i if i >= 0 else live + i)
        assert at == ring.physical(0) + (sequence - model.oldest)
    else:
        assert at == -1


@given(CAPACITIES, st.integers(0, 30), st.lists(st.integers(0, 5), max_size=12), st.data())
def test_a_view_keeps_its_rows_while_they_live(capacity: int, n: int, more: list[int], data: st.DataObject) -> None:
    """Pushes over any number of laps do not touch the memory of live rows; a correction shows in
    every view of its row, in whichever half that was taken."""
    ring, model = doors().RingDoor(capacity, True, False), RingModel(capacity)
    do(ring, model, ("extend", n), 0)
    views = [(model.oldest, len(model.all), ring.view(model.oldest, len(model.all)))]
    for number, pushed in enumerate(more):
        do(ring, model, ("extend", pushed), number)
        if model.live and data.draw(st.booleans()):
            do(ring, model, ("replace", data.draw(st.floats(0, 1, exclude_max=True))), number + 1)
        views.append((model.oldest, len(model.all), ring.view(model.oldest, len(model.all))))
        for start, stop, (ts, *values) in views:
            for seq in range(max(start, model.oldest), stop):
                seen = (int(ts[seq - start]), *(float(value[seq - start]) for value in values))
                assert seen == model.all[seq]


@given(CAPACITIES, st.integers(0, 20), st.data())
def test_a_move_keeps_rows_sequences_and_the_old_memory(more: int, extra: int, data: st.DataObject) -> None:
    """A ring moves before it has lost a row, to a block that is roomier."""
    capacity = data.draw(st.integers(1, 9))
    ring, model = doors().RingDoor(capacity, False, False), RingModel(capacity)
    do(ring, model, ("extend", data.draw(st.integers(0, capacity))), 0)
    old, rows = ring.view(0, len(model.all)), list(model.all)
    ring.move(capacity + extra, True)
    model.capacity += extra
    assert_equal(ring, model)
    assert (ring.n_moves, ring.version % 2) == (1, 0)
    do(ring, model, ("extend", more), 1)
    assert_equal(ring, model)
    assert [tuple(one) for one in zip(*(column.tolist() for column in old), strict=True)] == rows


@given(st.lists(st.integers(0, 30), max_size=12, unique=True), st.lists(st.integers(0, 30), max_size=12, unique=True))
def test_rows_inserted_at_once_are_as_one_by_one(old: list[int], new: list[int]) -> None:
    """Late, corrected and newest rows, and rows that go nowhere (negative places), in one call."""
    ring = doors().RingDoor(64, True, False)
    held = {ts: row(ts) for ts in sorted(old)}
    ring.extend(*columns(list(held.values())))
    rows = [row(ts, 1) for ts in sorted(new)]
    places = []
    for ts, *_ in rows:
        if ts % 5 == 0:
            places.append(-1)
        else:
            places.append(2 * bisect.bisect_left(sorted(old), ts) + (ts in held))
    kept = [one for one, place in zip(rows, places, strict=True) if place >= 0]
    n_new = sum(one[0] not in held for one in kept)
    if rows:
        ring.insert_rows(*columns(rows), np.array(places, np.int64), n_new)
    held.update((one[0], one) for one in kept)
    assert ring.check()
    assert [one[:6] for one in ring.rows()] == [held[ts] for ts in sorted(held)]
    assert ring.n_moves == n_new * bool(rows)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=20, unique=True))
def test_a_derived_ring_keeps_how_many_bars_stand_behind_a_row(times: list[int]) -> None:
    ring = doors().RingDoor(len(times), False, True)
    held: list[int] = []
    for ts in times:
        seq = bisect.bisect_left(held, ts)
        held.insert(seq, ts)
        ring.insert(seq, *row(ts), ts + 7)
        assert ring.check()
    assert ring.rows() == [(*row(ts), ts + 7) for ts in sorted(times)]


def test_the_version_is_odd_only_while_rows_change() -> None:
    """Pushing changes no row that is there, so readers without a guard need not look again."""
    ring, model = doors().RingDoor(3, True, False), RingModel(3)
    do(ring, model, ("extend", 2), 0)
    before = ring.version
    do(ring, model, ("push", 0.0), 1)
    assert ring.version == before
    do(ring, model, ("replace", 0.5), 2)
    assert ring.version == before + 2
    do(ring, model, ("late", 0.7), 3)
    assert ring.version == before + 4
    do(ring, model, ("extend", 2), 4)  # writes over rows that were there
    assert ring.version % 2 == 0
    assert ring.version > before + 4
