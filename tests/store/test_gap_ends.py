"""Where gaps end: of a part of one, of one that somebody made, and of pinned ones after a file."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import sessiondata as sd

MINUTE = 60_000_000_000
HOURS = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
OPEN, CLOSE = HOURS.session("2024-03-12").segments[0].tolist()


def store(interval: str = "7m") -> tuple[sd.SessionData, sd.SymbolSessionData]:
    """A day without a bar; the last slot of 7m is cut by the close."""
    data = sd.SessionData(HOURS, interval, ("1d",))
    spy = data.register_symbol("SPY")
    data.start_session("2024-03-12")
    data.advance_to(CLOSE)
    return data, spy


def test_a_part_of_a_gap_marks_the_part() -> None:
    """`_replace` keeps where the last slot of the whole gap ends, and all 56 slots were marked."""
    _, spy = store()
    part = spy.bars().gaps[0]._replace(end_ns=OPEN + 7 * MINUTE, bar_count=2)
    assert part.stop_ns == OPEN + 14 * MINUTE
    assert spy.mark_no_trade(part)
    assert spy.bars().no_trade == 2


def test_a_part_of_a_gap_is_halted_alone() -> None:
    _, spy = store()
    assert spy.mark_halted(spy.bars().gaps[0]._replace(end_ns=OPEN + 7 * MINUTE, bar_count=2))
    assert spy.marks["halted"] == [(OPEN, OPEN + 14 * MINUTE)]


@pytest.mark.parametrize("interval", ["7m", "1d"])
@pytest.mark.parametrize(
    "again",
    [
        lambda data: data,
        lambda data: data.copy(),
        lambda data: sd.loads(data.dumps()),
        lambda data: pickle.loads(pickle.dumps(data)),
    ],
    ids=["itself", "copy", "loads", "pickle"],
)
@pytest.mark.parametrize("by_hand", [False, True])
def test_a_pinned_gap_ends_where_the_hours_cut_it(interval: str, again: Any, by_hand: bool) -> None:
    """A file does not have the end of the last slot, nor has a gap that somebody made: it ended at
    16:02, and one of the whole day a nanosecond after its open."""
    data, spy = store()
    (gap,) = spy.bars(interval).gaps
    spy.set_gaps(interval, [sd.GapInfo(*gap[:7]) if by_hand else gap])
    spy = again(data)["SPY"]
    (pinned,) = spy.bars(interval).gaps
    assert (pinned, pinned.stop_ns) == (gap, CLOSE)
    assert spy.mark_halted(pinned)
    assert spy.marks["halted"] == [(OPEN, CLOSE)]
    assert spy.bars("1d").halted == 1


def test_a_gap_that_somebody_made_is_the_range_of_its_equal() -> None:
    _, spy = store()
    made = sd.GapInfo(*spy.bars("1d").gaps[0][:7])
    assert spy.mark_halted(made)
    assert spy.bars("1d").halted == 1
