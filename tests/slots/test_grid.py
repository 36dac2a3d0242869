"""The compiled grid alone: regions, slots and ordinals against a walk over the segments."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import doors
from sessiondata._native.slots.grid import Grid
from sessiondata.errors import CalendarError

pytestmark = pytest.mark.usefixtures("compiled_doors")


class World(NamedTuple):
    """A session of small numbers: its segments, its span, and a step."""

    segments: list[tuple[int, int]]
    span: tuple[int, int]
    step: int

    @property
    def grid(self) -> Grid:
        return Grid(np.array(self.segments, np.int64).reshape(-1, 2), *self.span, 19_000)

    def slots(self) -> list[tuple[int, int]]:
        """Every regular slot as [start, stop): a step on, or to the end of its segment."""
        return [
            (at, min(at + self.step, stop))
            for start, stop in self.segments
            for at in range(start, stop, self.step)
        ]  # fmt: skip

    def regions(self) -> list[tuple[int, int, bool]]:
        """(start, stop, regular) of all that the span consists of."""
        edges = [self.span[0], *itertools.chain(*self.segments), self.span[1]]
        pieces = itertools.pairwise(edges)
        return [(start, stop, i % 2 == 1) for i, (start, stop) in enumerate(pieces) if start < stop]


@st.composite
def worlds(draw: st.DrawFn, least_segments: int = 0) -> World:
    """Segments that touch, breaks of any length, a last slot that is short, a span that cuts the
    first slot before the open."""
    lengths = draw(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 25)), min_size=least_segments, max_size=4))
    at = start = draw(st.integers(-50, 50))
    segments = []
    for pause, length in lengths:
        segments.append((at + pause, at + pause + length))
        at += pause + length
    return World(segments, (start, at + draw(st.integers(0 if segments else 1, 12))), draw(st.integers(1, 9)))


def times(world: World) -> range:
    return range(*world.span)


@given(worlds())
def test_regions_lie_side_by_side(world: World) -> None:
    grid = world.grid
    for start, stop, regular in world.regions():
        for ts in range(start, stop):
            assert doors().region_of(grid, ts)[:2] == (start, stop)
            assert doors().region_of(grid, ts)[3] == regular


@given(worlds())
def test_slots_are_those_of_the_walk(world: World) -> None:
    grid, slots = world.grid, world.slots()
    assert grid.slot_starts(world.step).tolist() == [start for start, _ in slots]
    assert grid.expected(world.step) == len(slots)
    found = {ts: i for i, (start, stop) in enumerate(slots) for ts in range(start, stop)}
    for ts in range(world.span[0] - 3, world.span[1] + 3):
        assert grid.slot_of(ts, world.step) == found.get(ts, -1)


@given(worlds())
def test_an_ordinal_and_the_start_of_its_slot_lead_to_each_other(world: World) -> None:
    grid = world.grid
    for ordinal, (start, stop) in enumerate(world.slots()):
        assert doors().start_of(grid, world.step, ordinal) == start
        assert doors().ordinal_of(grid, world.step, start) == ordinal
        assert doors().ordinal_of(grid, world.step, stop - 1) == ordinal
        assert doors().slot_in(grid, world.step, stop - 1) == (start, stop)


@given(worlds())
def test_each_segment_is_cut_from_the_next(world: World) -> None:
    """Also where two segments touch: no gap lies in both."""
    counts = [len(range(start, stop, world.step)) for start, stop in world.segments]
    assert doors().cuts_of(world.grid, world.step) == [0, *itertools.accumulate(counts)]


@given(worlds())
def test_slots_elapse_one_by_one(world: World) -> None:
    grid, slots = world.grid, world.slots()
    for as_of in range(world.span[0] - 2, world.span[1] + 3):
        assert grid.expected(world.step, as_of) == sum(stop <= as_of for _, stop in slots)


@given(worlds())
def test_the_first_slot_from_a_time_begins_there_or_later(world: World) -> None:
    grid, starts = world.grid, [start for start, _ in world.slots()]
    for ts in range(world.span[0] - 2, world.span[1] + 3):
        assert doors().first_from(grid, world.step, ts) == sum(start < ts for start in starts)


@given(worlds(least_segments=1))
def test_slots_outside_segments_are_counted_from_the_market(world: World) -> None:
    """Before the open backwards from it, in a break and after the close forwards from the close;
    the span and the next segment cut the last one."""
    grid, step = world.grid, world.step
    for start, stop, regular in world.regions():
        if regular:
            continue
        is_first = start == world.span[0] and start < world.segments[0][0]
        edges = range(stop, start - step, -step) if is_first else range(start, stop + step, step)
        for low, high in itertools.pairwise(sorted(edges)):
            for ts in range(max(low, start), min(high, stop)):
                assert doors().slot_in(grid, step, ts) == (max(low, start), min(high, stop))


@given(worlds(), st.integers(1, 9))
def test_base_slots_in_a_slot(world: World, base: int) -> None:
    grid = world.grid
    inside = {ts: slot for slot in world.slots() for ts in range(*slot)}
    for ts in times(world):
        expected = len(range(*inside[ts], base)) if ts in inside else 0
        assert grid.base_slots(ts, world.step, base) == expected


@given(worlds())
def test_the_session_is_one_slot_of_step_0(world: World) -> None:
    grid, n = world.grid, int(bool(world.segments))
    assert grid.expected(0) == n
    assert doors().cuts_of(grid, 0) == [0, 1][: n + 1]
    if n:
        opens, closes = world.segments[0][0], world.segments[-1][1]
        assert grid.slot_starts(0).tolist() == [opens]
        assert [grid.expected(0, as_of) for as_of in (opens, closes - 1, closes)] == [0, 0, 1]


@given(worlds())
def test_rows_of_a_derived_series_fit_in_all_slots_of_the_span(world: World) -> None:
    regions = world.regions()
    assert world.grid.possible_slots(world.step) == sum(len(range(a, b, world.step)) for a, b, _ in regions)


STEPS_NS = [1, 2, 3, 7, 10**9, 60 * 10**9, 86_399 * 10**9, 2**40, 3 * 2**20]


@given(st.sampled_from(STEPS_NS), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_a_slot_number_is_exact_division_or_out_of_reach(step: int, anchor: int, ts: int) -> None:
    """Modulo 2**64, as nobody has checked the times: what is no whole number of steps away comes
    out above every number of a slot."""
    grid = Grid(np.empty((0, 2), np.int64), 0, 1, 0)
    number = doors().number_of(grid, step, anchor, ts)
    difference = (ts - anchor) % 2**64
    if difference % step == 0:
        assert number == difference // step
    else:
        assert number > 2**64 // step - 1


@given(st.sampled_from(STEPS_NS), st.integers(0, 10**6), st.integers(-(2**62), 2**61), st.integers(0, 10**9))
def test_slot_numbers_of_near_times(step: int, k: int, anchor: int, beside: int) -> None:
    grid = Grid(np.empty((0, 2), np.int64), 0, 1, 0)
    k = min(k, 2**61 // step)  # or the time would lie beyond int64
    assert doors().number_of(grid, step, anchor, anchor + k * step) == k
    if beside % step:
        assert doors().number_of(grid, step, anchor, anchor + k * step + beside % step) > 10**6


@pytest.mark.parametrize(
    ("segments", "span"),
    [
        ([(0, 10), (9, 20)], (0, 20)),
        ([(5, 5)], (0, 20)),
        ([(0, 10)], (1, 20)),
        ([(0, 10)], (0, 9)),
        ([], (5, 5)),
        ([], (0, 2**63 - 1)),
    ],
)
def test_what_is_no_session_is_refused(segments: Sequence[Any], span: tuple[int, int]) -> None:
    with pytest.raises(CalendarError):
        Grid(np.array(segments, np.int64).reshape(-1, 2), *span, 0)
