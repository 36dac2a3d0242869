"""The scan of a column of times alone: runs, holes and disorder against a walk, at every level of
vector code that the machine has."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import doors
from sessiondata._native.base import simd
from sessiondata._native.slots.grid import Grid

pytestmark = pytest.mark.usefixtures("compiled_doors")

NAT = -(2**63)
MINUTE = 60_000_000_000


@pytest.fixture(params=range(len(simd.LEVELS)), ids=simd.LEVELS, scope="module", autouse=True)
def level(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test at each level."""
    before = doors().use_simd(request.param)
    yield
    doors().use_simd(before)


def column(ts: list[int]) -> Any:
    """Times in memory that has other times around: a scan reads the row before the first."""
    return np.array([12345, *ts, 54321], np.int64)[1:-1]


class Session:
    """Segments of so many slots each; a last slot that is `short` ns shorter."""

    def __init__(self, lengths: list[int], pause: int, step: int = MINUTE, short: int = 0, start: int = 0) -> None:
        self.step, at = step, start
        self.segments: list[tuple[int, int]] = []
        for length in lengths:
            self.segments.append((at, at + length * step - short))
            at += length * step - short + pause
        self.grid = Grid(np.array(self.segments, np.int64), start - 3 * step, at + 3 * step, 19_000)
        self.starts = [ts for a, b in self.segments for ts in range(a, b, step)]
        self.cuts = {0, *itertools.accumulate(len(range(a, b, step)) for a, b in self.segments)}

    def answer(self, ts: list[int], expected: int) -> tuple[list[tuple[int, int]], int]:
        """Holes among the first `expected` slots, as ordinals, and how many of these have rows."""
        rows = set(ts)
        present = [start in rows for start in self.starts[:expected]]
        holes: list[tuple[int, int]] = []
        for slot, has_row in enumerate(present):
            if has_row:
                continue
            if holes and holes[-1][1] == slot and slot not in self.cuts:
                holes[-1] = (holes[-1][0], slot + 1)
            else:
                holes.append((slot, slot + 1))
        return holes, sum(present)

    def check(self, ts: list[int], expected: int | None = None) -> None:
        expected = len(self.starts) if expected is None else expected
        holes, present = self.answer(ts, expected)
        times = [(self.starts[a], self.starts[b - 1], b - a) for a, b in holes]
        for into, wanted in (("ordinals", holes), ("times", times), ("nothing", None)):
            found, n, n_present, offence = doors().scan(self.grid, self.step, column(ts), expected, into)
            assert (found, n, n_present, offence) == (wanted, len(holes), present, -1)


def first_disorder(ts: list[int]) -> int:
    return next(i for i in range(1, len(ts)) if ts[i] < ts[i - 1])


@st.composite
def sessions(draw: st.DrawFn) -> Session:
    step = draw(st.sampled_from([1, 7, 60, MINUTE]))
    lengths = draw(st.lists(st.integers(1, 200), min_size=1, max_size=3))
    short = draw(st.integers(0, step - 1))
    return Session(lengths, draw(st.sampled_from([0, 1, 5 * step])), step, short, draw(st.sampled_from([0, -10_000])))


@st.composite
def columns(draw: st.DrawFn, session: Session) -> list[int]:
    """Runs of slots with holes between, rows beside slots and outside segments, repeats."""
    kept = np.ones(len(session.starts), bool)
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(kept)))
        kept[at : at + draw(st.integers(1, 70))] = False
    ts = [start for start, keep in zip(session.starts, kept, strict=True) if keep]
    span = st.integers(session.segments[0][0] - 2 * session.step, session.segments[-1][1] + 2 * session.step)
    ts += draw(st.lists(span, max_size=6))
    ts += draw(st.lists(st.sampled_from(session.starts), max_size=3))
    return sorted(ts)


@pytest.mark.slow
@given(st.data())
def test_holes_and_rows_of_any_column(data: st.DataObject) -> None:
    session = data.draw(sessions())
    expected = data.draw(st.one_of(st.none(), st.integers(0, len(session.starts))))
    session.check(data.draw(columns(session)), expected)


@pytest.mark.slow
@given(st.data())
def test_the_first_row_in_disorder_is_found(data: st.DataObject) -> None:
    session = data.draw(sessions())
    ts = data.draw(columns(session))
    if not ts:
        return
    at = data.draw(st.integers(0, len(ts) - 1))
    ts[at] -= data.draw(st.integers(1, 300)) * session.step
    if ts == sorted(ts):
        session.check(ts)
    else:
        found = doors().scan(session.grid, session.step, column(ts), len(session.starts), "ordinals")
        assert found[3] == first_disorder(ts)


@pytest.mark.parametrize("n", [0, 1, 2, 63, 64, 65, 127, 128, 129, 2047, 2048, 2049, 2112, 5000])
def test_lengths_about_a_block(n: int) -> None:
    """Vectors hold 4 or 8 rows, a round 64, a block 2,048."""
    session = Session([n + 3], 0, 60)
    session.check(session.starts[:n])
    session.check(session.starts[3 : n + 3])
    session.check(session.starts[: n // 2] + session.starts[n // 2 + 2 : n])


@pytest.mark.parametrize("at", [1, 5, 62, 63, 64, 65, 2046, 2047, 2048, 2049, 2110, 2111, 2112, 4000])
@pytest.mark.parametrize("width", [1, 2, 64])
def test_a_hole_at_any_place(at: int, width: int) -> None:
    session = Session([4200], 0, 60)
    session.check(session.starts[:at] + session.starts[at + width :])


@pytest.mark.parametrize("every", [2, 3, 7, 65])
def test_many_holes(every: int) -> None:
    session = Session([2500, 2500], 60, 60)
    session.check(session.starts[::every])
    session.check([ts for i, ts in enumerate(session.starts) if i % every])


def test_rows_beside_slots_are_no_rows() -> None:
    """A run that goes on step by step, but off the grid, has no slot."""
    session = Session([500], 0, 60)
    session.check([ts + 1 for ts in session.starts])
    session.check(sorted({ts + (i > 100) + (i > 300) for i, ts in enumerate(session.starts)}))
    half = session.starts[:250] + [ts + 30 for ts in session.starts[250:]]
    session.check(half)


def test_repeats_count_once() -> None:
    session = Session([300], 0, 60)
    session.check(sorted(session.starts * 2))
    session.check(sorted(session.starts[:40] + session.starts[30:]))


def test_segments_that_touch_are_cut() -> None:
    session = Session([100, 100, 100], 0, 60)
    session.check([])
    session.check(session.starts[:90] + session.starts[115:])
    holes = doors().scan(session.grid, 60, column(session.starts[:90] + session.starts[115:]), 300, "ordinals")[0]
    assert holes == [(90, 100), (100, 115)]


def test_nothing_is_expected_of_slots_to_come() -> None:
    session = Session([100, 100], 60, 60)
    for expected in (0, 1, 99, 100, 101, 200):
        session.check(session.starts[:50], expected)
        session.check(session.starts[60:150], expected)


@pytest.mark.parametrize(
    "ts", [[NAT], [NAT, 0, 60], [2**63 - 1], [-(2**63) + 1, 0], [0, 2**63 - 1], [-(2**63) + 1, 2**63 - 1]]
)
def test_times_at_the_ends_of_int64(ts: list[int]) -> None:
    """Differences of unchecked times overflow: then it is no step, and no slot."""
    session = Session([100], 0, 60)
    if ts[0] == NAT:
        assert doors().scan(session.grid, 60, column(ts), 100, "nothing")[3] == 0
    else:
        session.check(ts)


def test_rows_that_wrap_are_in_disorder() -> None:
    """One step after the greatest time is the smallest: step by step, but not in order."""
    session = Session([100], 0, 60)
    ts = [0, 60, 2**63 - 1, -(2**63) + 59, 120]
    assert doors().scan(session.grid, 60, column(ts), 100, "ordinals")[3] == 3


def test_levels_are_distinct() -> None:
    """The levels of these tests are the library's: they were set, and are set back."""
    before = doors().use_simd(0)
    assert doors().use_simd(before) == 0
    assert 0 <= before < len(simd.LEVELS)
