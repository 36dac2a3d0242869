"""The tracker of present and absent slots alone, against sets of ordinals."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import doors
from sessiondata._native.slots.grid import Grid

pytestmark = pytest.mark.usefixtures("compiled_doors")

PENDING, PRESENT, MISSING, NO_TRADE, HALTED = range(5)
STEP = 10


def grid_of(lengths: list[int], pause: int) -> Grid:
    """Segments of so many slots each, with a break of `pause` ns (0: they touch)."""
    segments, at = [], 0
    for length in lengths:
        segments.append((at, at + length * STEP))
        at += length * STEP + pause
    return Grid(np.array(segments, np.int64), 0, segments[-1][1] + 5, 19_000)


class Model:
    """Which slots have rows, and which are explained: everything is counted anew each time."""

    def __init__(self, lengths: list[int]) -> None:
        self.n_slots = sum(lengths)
        self.cuts = set(itertools.accumulate(lengths))
        self.present: set[int] = set()
        self.explained: set[int] = set()
        self.halted: set[int] = set()

    def runs(self, slots: Iterable[int]) -> list[tuple[int, int]]:
        """Slots as ranges that cross no cut."""
        found: list[tuple[int, int]] = []
        for slot in sorted(slots):
            if found and found[-1][1] == slot and slot not in self.cuts:
                found[-1] = (found[-1][0], slot + 1)
            else:
                found.append((slot, slot + 1))
        return found

    def absent(self, expected: int) -> set[int]:
        return set(range(expected)) - self.present

    def state(self, expected: int, slot: int) -> int:
        if slot >= expected:
            return PENDING
        if slot in self.present:
            return PRESENT
        return HALTED if slot in self.halted else NO_TRADE if slot in self.explained else MISSING


def assert_equal(tracker: Any, model: Model) -> None:
    newest = max(model.present, default=-1)
    assert tracker.check()
    assert tracker.frontier == newest + 1
    assert tracker.ranges() == model.runs(model.absent(newest + 1))
    # A slot that is forming is the newest one: fewer than all below it never elapsed.
    for expected in range(max(newest, 0), model.n_slots + 1):
        states = [model.state(expected, slot) for slot in range(expected)]
        gaps = model.runs(slot for slot in range(expected) if states[slot] == MISSING)
        assert tracker.listed(expected) == gaps
        assert tracker.count(expected) == len(gaps)
        assert tracker.counts(expected) == tuple(states.count(kind) for kind in (PRESENT, MISSING, NO_TRADE, HALTED))
        assert sum(tracker.counts(expected)) == expected


@st.composite
def sessions(draw: st.DrawFn) -> tuple[Any, Model]:
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    grid = grid_of(lengths, draw(st.sampled_from([0, 25])))
    return doors().TrackerDoor(grid, STEP), Model(lengths)


def explain(tracker: Any, model: Model, data: st.DataObject) -> None:
    """Explain any slots: of those that are marked, halted are a part."""
    slots = st.sets(st.integers(0, model.n_slots - 1))
    model.explained |= data.draw(slots)
    model.halted |= data.draw(slots) & model.explained
    tracker.explain(model.runs(model.explained), model.runs(model.halted))


@given(sessions(), st.data())
def test_marked_in_any_order(session: tuple[Any, Model], data: st.DataObject) -> None:
    """Jumps, late bars that shorten, split and remove ranges, and repeats, one by one."""
    tracker, model = session
    for slot in data.draw(st.lists(st.integers(0, model.n_slots - 1), max_size=25)):
        tracker.mark(slot)
        model.present.add(slot)
        assert_equal(tracker, model)


@given(sessions(), st.data())
def test_marks_before_and_between_bars(session: tuple[Any, Model], data: st.DataObject) -> None:
    """The counts that the tracker keeps are those of a recount, whatever came first."""
    tracker, model = session
    explain(tracker, model, data)
    assert_equal(tracker, model)
    for slot in data.draw(st.lists(st.integers(0, model.n_slots - 1), max_size=15)):
        tracker.mark(slot)
        model.present.add(slot)
        if slot % 5 == 0:
            explain(tracker, model, data)
        assert_equal(tracker, model)


@given(sessions(), st.data())
def test_the_state_of_each_slot(session: tuple[Any, Model], data: st.DataObject) -> None:
    tracker, model = session
    for slot in data.draw(st.sets(st.integers(0, model.n_slots - 1))):
        tracker.mark(slot)
        model.present.add(slot)
    explain(tracker, model, data)
    expected = data.draw(st.integers(max(model.present, default=0), model.n_slots))
    for slot in range(model.n_slots):
        assert tracker.state(expected, slot) == model.state(expected, slot)


@given(sessions(), st.data())
def test_a_stretch_is_counted(session: tuple[Any, Model], data: st.DataObject) -> None:
    tracker, model = session
    for slot in data.draw(st.sets(st.integers(0, model.n_slots - 1))):
        tracker.mark(slot)
        model.present.add(slot)
    if data.draw(st.booleans()):
        explain(tracker, model, data)
    for start, stop in itertools.combinations_with_replacement(range(model.n_slots + 1), 2):
        states = [model.state(model.n_slots, slot) for slot in range(start, stop)]
        assert tracker.tally(start, stop) == (states.count(PRESENT), states.count(MISSING))


@pytest.mark.slow
@given(sessions(), st.data())
def test_slots_swept_at_once_are_as_one_by_one(session: tuple[Any, Model], data: st.DataObject) -> None:
    tracker, model = session
    if data.draw(st.booleans()):
        explain(tracker, model, data)
    for _ in range(3):
        slots = sorted(data.draw(st.sets(st.integers(0, model.n_slots - 1))))
        edits = len({slot for slot in slots if slot < tracker.frontier} - model.present)
        before = tracker.n_edits
        tracker.sweep(slots)
        model.present |= set(slots)
        assert tracker.n_edits == before + edits
        assert_equal(tracker, model)


@pytest.mark.slow
@given(sessions(), st.data())
def test_a_column_of_rows_is_marked_as_one_by_one(session: tuple[Any, Model], data: st.DataObject) -> None:
    """Rows of one segment after the other: on slots, beside them, some slots left out."""
    tracker, model = session
    if data.draw(st.booleans()):
        explain(tracker, model, data)
    cuts = doors().cuts_of(tracker.grid, STEP)
    for first, stop in itertools.pairwise(cuts):
        start = doors().start_of(tracker.grid, STEP, first)
        ticks = st.integers(0, (stop - first) * STEP - 1).map(lambda at: at if at % 3 else at // STEP * STEP)
        rows = sorted(data.draw(st.sets(ticks)))
        if not rows:
            continue
        # A column is read from the row before it on: what stands there is of no account.
        column = np.array([-1, *(start + at for at in rows)], np.int64)[1:]
        on_slots = {first + at // STEP for at in rows if at % STEP == 0}
        beside = tracker.mark_rows(column)
        assert beside == len(rows) - len(on_slots)
        model.present |= on_slots
        assert_equal(tracker, model)


@given(sessions(), st.data())
def test_ranges_move_to_other_memory(session: tuple[Any, Model], data: st.DataObject) -> None:
    tracker, model = session
    for slot in data.draw(st.lists(st.integers(0, model.n_slots - 1), max_size=12)):
        tracker.mark(slot)
        model.present.add(slot)
        tracker.move()
    assert_equal(tracker, model)


def test_edits_count_late_bars_alone() -> None:
    """Who looks for changes below the frontier compares this count."""
    tracker = doors().TrackerDoor(grid_of([9], 0), STEP)
    for slot in (0, 1, 5, 5, 1):
        tracker.mark(slot)
    assert tracker.n_edits == 0
    tracker.mark(3)
    tracker.mark(3)
    assert tracker.n_edits == 1


@pytest.mark.parametrize("n", [1, 2, 9, 400])
def test_every_other_slot_is_as_many_ranges_as_there_can_be(n: int) -> None:
    lengths = [n] * 3
    tracker, model = doors().TrackerDoor(grid_of(lengths, 0), STEP), Model(lengths)
    for slot in range(1, 3 * n, 2):
        tracker.mark(slot)
        model.present.add(slot)
    newest = max(model.present, default=-1)
    assert tracker.check()
    assert tracker.ranges() == model.runs(model.absent(newest + 1))
    assert tracker.listed(3 * n) == model.runs(model.absent(3 * n))
