"""Coverage of slots that a span, a close or a break cuts short, whatever the order of arrival (law
1)."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference as ref
import sessiondata as sd

MINUTE = 60 * 10**9

# Spans that begin with a piece of a slot for most of the steps below: at midnight, at the close of
# the session before; and segments that end with one.
CALENDARS = {
    "morning": lambda: sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"),
    "lunch": lambda: sd.SessionCalendar.from_hours("09:30", "16:00", "Asia/Hong_Kong", breaks=[("12:00", "13:01")]),
    "overnight": lambda: sd.SessionCalendar.from_hours("18:05", "17:00", "America/New_York"),
    "late": lambda: sd.SessionCalendar.from_hours(
        "09:30", "16:00", "America/New_York", early_closes={"2024-03-06": "13:07"}, late_opens={"2024-03-06": "10:11"}
    ),
    "after a night": lambda: sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York").with_sessions(
        {"2024-03-05": [("23:50", "23:59")], "2024-03-06": [("10:02", "11:00"), ("11:00", "11:13")]}
    ),
    "around the clock": lambda: sd.SessionCalendar.always_open("17:00", "America/New_York"),
}
STEPS = [("7m", ("14m",)), ("7m", ("14m", "28m", "1d")), ("11m", ("33m",)), ("4m", ("8m", "40m")), ("1m", ("7m", "1h"))]


def model(grid: sd.SessionGrid, base: str, derived: tuple[str, ...], times: list[int]) -> dict[str, Any]:
    """(start, n_base) of each derived bar, counted anew: rows that are the start of a base slot of
    their region."""
    session = ref.RefSession(
        str(grid.date), grid.tz, [(a, b) for a, b in grid.segments.tolist()], (grid.span_start, grid.span_stop)
    )
    found: dict[str, Any] = {}
    for interval in derived:
        groups: dict[int, int] = {}
        for ts in sorted(times):
            region = session.region_of(ts)
            assert region is not None
            if interval == "1d":
                if not region.regular:
                    continue
                start = session.open
            else:
                start = session.slot_in(region, ts, interval).start
            groups.setdefault(start, 0)
            groups[start] += session.slot_in(region, ts, base).start == ts
        found[interval] = list(groups.items())
    return found


def stored(
    calendar: sd.SessionCalendar, base: str, derived: tuple[str, ...], batches: list[list[int]]
) -> dict[str, Any]:
    data = sd.SessionData(calendar, base, derived)
    data.start_session("2024-03-06")
    symbol = data.register_symbol("S")
    for batch in batches:
        ones = np.ones(len(batch))
        if len(batch) == 1:
            symbol.append(batch[0], 1.0, 1.0, 1.0, 1.0, 1.0)
        else:
            symbol.extend(np.array(batch, np.int64), ones, ones, ones, ones, ones)
    return {name: [(bar.timestamp, bar.n_base) for bar in symbol.bars(name)] for name in derived}


def splits(times: list[int]) -> list[list[list[int]]]:
    """All ways to cut a sequence into batches."""
    cuts = itertools.product([False, True], repeat=len(times) - 1)
    made = []
    for cut in cuts:
        batches = [[times[0]]]
        for ts, anew in zip(times[1:], cut, strict=True):
            if anew:
                batches.append([])
            batches[-1].append(ts)
        made.append(batches)
    return made


@pytest.mark.parametrize("name", CALENDARS)
@pytest.mark.parametrize(("base", "derived"), STEPS)
def test_every_order_and_split_has_the_coverage_of_the_model(name: str, base: str, derived: tuple[str, ...]) -> None:
    """The start of the span, one step after it, and the first slot that is not cut."""
    calendar = CALENDARS[name]()
    grid = calendar.session("2024-03-06")
    step = int(base[:-1]) * MINUTE
    start, opens = grid.span_start, int(grid.segments[0, 0])
    whole = start + (opens - start) % step
    near = sorted({start, start + step, whole, whole + step})
    for times in (some for n in (1, 2, 3, 4) for some in itertools.combinations(near, n)):
        want = model(grid, base, derived, list(times))
        for order in itertools.permutations(times):
            for batches in splits(list(order)):
                assert stored(calendar, base, derived, batches) == want, batches


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(CALENDARS)),
    steps=st.sampled_from(STEPS),
    seed=st.integers(0, 2**32),
    n=st.integers(1, 40),
)
def test_coverage_near_every_edge_is_that_of_the_model(name: str, steps: Any, seed: int, n: int) -> None:
    base, derived = steps
    calendar, rng = CALENDARS[name](), random.Random(seed)
    grid = calendar.session("2024-03-06")
    step = int(base[:-1]) * MINUTE
    edges = [grid.span_start, *grid.segments.ravel().tolist(), grid.span_stop]
    near = [edge + k * step + rng.choice([0, 0, 0, MINUTE]) for edge in edges for k in range(-4, 5)]
    times = list({ts for ts in rng.choices(near, k=n) if grid.span_start <= ts < grid.span_stop})
    if not times:
        return
    want = model(grid, base, derived, times)
    for _ in range(4):
        rng.shuffle(times)
        batches, left = [], list(times)
        while left:
            k = rng.randint(1, len(left))
            batches.append(left[:k])
            left = left[k:]
        assert stored(calendar, base, derived, batches) == want, batches
