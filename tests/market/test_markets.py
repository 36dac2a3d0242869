"""Twenty years of sessions of nine markets against brute force, and schedules of
pandas_market_calendars.

What is compared, and how, is told by `brute_force`; run as a script it prints the counts.
"""

from __future__ import annotations

import numpy as np
import pytest

import brute_force as brute
import sessiondata as sd

MINUTE = brute.MINUTE


@pytest.mark.slow
@pytest.mark.parametrize("name", brute.EXCHANGES)
def test_every_slot_of_twenty_years_equals_brute_force(name: str) -> None:
    tally = brute.compare_exchange(name)
    assert tally.differences == 0, tally.first_difference
    # Nothing was left out.
    assert tally.sessions == tally.slots["1d"] > 4_800
    assert tally.segments >= tally.sessions
    assert tally.slots["1s"] > 400_000
    assert tally.answers > 2 * sum(tally.slots.values())


# Lunch breaks, empty breaks and real ones, an early close that cuts a break, special sessions,
# hours over midnight.
@pytest.mark.slow
@pytest.mark.parametrize("name", ["CME_Equity", "CME_Agriculture", "HKEX", "JPX", "NSE", "NYSE", "FOREX"])
def test_schedules_of_pandas_market_calendars_equal_its_own_date_range(name: str) -> None:
    tally = brute.compare_schedule(name, 2021, 2024)
    assert tally.differences == 0, tally.first_difference
    assert tally.sessions > 970


# --- that the comparison would tell ---------------------------------------------------------------

HONG_KONG_2024 = brute.exchange_minutes("XHKG", 2024, 2024)


def calendar_of(change: tuple[int, int] | None = None, skip: int | None = None, close: int = 0) -> sd.SessionCalendar:
    """Hong Kong of 2024, with an edge moved or a session left out."""
    hours = {}
    for i, day in enumerate(HONG_KONG_2024.days):
        segments = sd.calendar("XHKG").session(day).segments.copy()
        if change is not None and i == 100:
            segments[change] += MINUTE
        segments[-1, 1] += close
        if i != skip:
            hours[day] = segments
    return sd.SessionCalendar.from_schedule(hours, "Asia/Hong_Kong")


def test_the_comparison_finds_no_difference_in_the_same_hours() -> None:
    assert brute.compare("same", calendar_of(), HONG_KONG_2024).differences == 0


@pytest.mark.parametrize(
    "changed",
    [
        calendar_of(change=(0, 0)),
        calendar_of(change=(0, 1)),
        calendar_of(change=(1, 0)),
        calendar_of(change=(1, 1)),
        calendar_of(skip=100),
        calendar_of(close=1),
    ],
    ids=["open", "lunch", "reopening", "close", "session", "a nanosecond"],
)
def test_the_comparison_finds_what_is_wrong(changed: sd.SessionCalendar) -> None:
    tally = brute.compare("changed", changed, HONG_KONG_2024)
    assert tally.differences > 0
    assert tally.first_difference.startswith("changed ")


def test_the_walk_over_minutes() -> None:
    """Ten minutes of a session in two segments and three of the next one, which begins in the
    minute it ends."""
    ts_ns = np.array([0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14]) * MINUTE
    minutes = brute.Minutes(["a", "b"], ts_ns, np.array([0, 10, 13]))
    threes = brute.Slots(minutes, 3)
    assert (threes.starts // MINUTE).tolist() == [0, 3, 6, 9, 12]
    assert (threes.stops // MINUTE).tolist() == [3, 6, 7, 12, 15]
    assert (threes.first.tolist(), threes.heads.tolist()) == ([0, 4, 5], [0, 3, 4])
    assert threes.of_unit.tolist() == [0, 0, 0, 1, 1, 1, 2, 3, 3, 3, 0, 0, 0]
    gaps = threes.gaps(np.array([False, True, True, True, True]))
    assert [(column // MINUTE).tolist() for column in gaps[:2]] == [[3, 9, 12], [6, 9, 12]]
    assert gaps[2].tolist() == [2, 1, 1]
    whole = brute.Slots(minutes, 0)
    assert ((whole.starts // MINUTE).tolist(), (whole.stops // MINUTE).tolist()) == ([0, 12], [12, 15])
    assert (whole.of_unit.tolist(), whole.heads.tolist()) == ([0] * 13, [0, 1])
    seconds = minutes.seconds_of([1])
    assert (len(seconds.ts_ns), seconds.ts_ns[0], seconds.ts_ns[-1]) == (180, 12 * MINUTE, 15 * MINUTE - brute.SECOND)


@pytest.mark.slow
def test_a_day_of_the_walk_is_the_day_that_people_know() -> None:
    """Half a day in New York and a lunch break in Tokyo, written down by hand."""
    for name, date, minutes in (
        ("XNYS", "2024-11-29", 210),
        ("XHKG", "2024-12-24", 150),
        ("XTKS", "2024-11-01", 300),
        ("XTKS", "2024-11-05", 330),
        ("CMES", "2024-12-03", 1380),
    ):
        found = brute.exchange_minutes(name, 2024, 2024)
        i = found.days.index(date)
        assert found.first[i + 1] - found.first[i] == minutes
