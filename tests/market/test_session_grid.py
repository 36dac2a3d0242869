"""The hours of one trade date, and the slots in them."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import pickle
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_hours import DAY, HOUR, NY, at
from sessiondata.errors import CalendarError, IntervalError, TimeError
from sessiondata.market.calendar import SessionCalendar, calendar
from sessiondata.market.grid import SessionGrid
from sessiondata.time.zones import from_ns

START = at("2024-11-29T09:30")


def make(**changes: Any) -> SessionGrid:
    arguments = {"date": "2024-11-29", "tz": "America/New_York", "segments": [(START, START + HOUR)]} | changes
    return SessionGrid(**arguments)


def test_segments_cannot_be_made_writable() -> None:
    mine = np.array([[START, START + HOUR]])
    grid = make(segments=mine)
    mine[0, 0] += 1
    assert grid.segments.tolist() == [[START, START + HOUR]]
    assert (grid.segments.dtype, grid.segments.shape) == (np.int64, (1, 2))
    for array in (grid.segments, copy.deepcopy(grid).segments, pickle.loads(pickle.dumps(grid)).segments):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
    with pytest.raises(AttributeError):
        grid.span_start = 0  # type: ignore[misc]


def test_grids_are_values() -> None:
    grid = make()
    assert grid == make() == pickle.loads(pickle.dumps(grid)) == copy.copy(grid)
    assert (
        len({grid, make(), make(date="2024-11-30"), make(tz="America/Toronto"), make(span=(START, START + DAY))}) == 4
    )
    assert grid != make(segments=[(START, START + HOUR + 1)])
    assert grid != "2024-11-29"
    assert repr(grid) == "SessionGrid(2024-11-29, America/New_York, 09:30 - 10:30)"
    assert (grid.span_start, grid.span_stop) == (at("2024-11-29T00:00"), at("2024-11-30T00:00"))
    day = dt.datetime(2024, 11, 29)
    for date in (day, day.date(), np.datetime64(day.date()), pd.Timestamp(day)):
        assert make(date=date) == grid
    assert make(tz=NY) == grid


@pytest.mark.parametrize(
    "changes",
    [
        {"segments": []},
        {"segments": [(START, START)]},
        {"segments": [(START, START - 1)]},
        {"segments": [(START, START + 2), (START + 1, START + 3)]},
        {"segments": [(START + 5, START + 6), (START, START + 1)]},
        {"segments": [(START, START + 1, 3)]},
        {"segments": [START, START + 1]},
        {"segments": [(float(START), START + 1.0)]},
        {"segments": [(-(2**63), START)]},
        {"segments": [(START, 2**63 - 1)]},
        {"segments": [(START, 2**70)]},
        {"span": (START + 1, START + DAY)},
        {"span": (START, START + HOUR - 1)},
        {"span": (-(2**63) + 1, START + DAY)},
        {"date": "2024-02-30"},
        {"date": "20241129"},
        {"date": "2024-11-29T00:00"},
        {"date": dt.datetime(2024, 11, 29, 1)},
        {"date": dt.datetime(2024, 11, 29, tzinfo=NY)},
        {"date": pd.NaT},
        {"date": np.datetime64("NaT", "s")},
        {"date": np.datetime64("2024-11-29T01")},
        {"date": np.datetime64(10**9, "D")},
        {"date": 20241129},
        {"date": None},
        {"tz": "Nowhere"},
        {"tz": dt.UTC},
    ],
    ids=str,
)
def test_contradictory_grids_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CalendarError):
        make(**changes)


@pytest.mark.parametrize("tz", ["Asia/Tokyo", "America/New_York", "UTC"])
@pytest.mark.parametrize("date", ["0001-01-01", "1677-09-22", "2262-04-11", "9999-12-31"])
def test_a_date_beyond_int64_is_a_calendar_error(date: str, tz: str) -> None:
    """Local midnight was computed first, which was an OverflowError in zones other than UTC."""
    with pytest.raises(CalendarError, match=f"session {date}"):
        make(date=date, tz=tz, segments=[(0, 1)])


def test_slots_take_intervals_and_times_only() -> None:
    grid = make()
    assert grid.expected("7m") == 9
    assert grid.expected("7m", dt.datetime(2024, 11, 29, 10, tzinfo=NY)) == 4
    assert grid.slot_of(np.datetime64("2024-11-29T14:44"), "7m") == 2
    assert grid.slot_starts("1d").tolist() == [START]
    grid.slot_starts("1d")[0] = 0  # a new array: writing to it is no harm
    assert grid.slot_starts("1d").tolist() == [START]
    with pytest.raises(IntervalError):
        grid.expected("7")
    with pytest.raises(TimeError):
        grid.slot_of(1.0, "7m")


@given(st.integers(2, 300), st.lists(st.integers(1, 40), min_size=2, max_size=8), st.integers(-20, 400))
def test_slots_of_odd_segments(step: int, lengths: list[int], as_of: int) -> None:
    """Against a walk from second to second."""
    edges = [START + edge * 10**9 for edge in itertools.accumulate(lengths, initial=0)]
    segments = list(zip(edges[::2], edges[1::2], strict=False))
    grid = make(segments=segments)
    slots = [
        (at_, min(at_ + step * 10**9, stop)) for start, stop in segments for at_ in range(start, stop, step * 10**9)
    ]
    now = START + as_of * 10**9
    assert grid.slot_starts(f"{step}s").tolist() == [start for start, _ in slots]
    assert grid.expected(f"{step}s") == len(slots)
    assert grid.expected(f"{step}s", now) == sum(stop <= now for _, stop in slots)
    assert grid.expected("1d", now) == (now >= segments[-1][1])
    inside = [i for i, (start, stop) in enumerate(slots) if start <= now < stop]
    assert grid.slot_of(now, f"{step}s") == (inside[0] if inside else -1)
    assert grid.slot_of(now, "1d") == (0 if inside else -1)


def test_offsets_of_a_span() -> None:
    quiet = calendar("XNYS").session("2024-11-29")
    assert [array.tolist() for array in quiet.offsets()] == [[quiet.span_start], [-5 * HOUR]]
    spring = SessionCalendar.always_open(tz="America/New_York").session("2024-03-10")
    change = at("2024-03-10T07:00", "UTC")
    assert [array.tolist() for array in spring.offsets()] == [[spring.span_start, change], [-5 * HOUR, -4 * HOUR]]
    # Hours on one date, but not on the trade date.
    start = at("2024-01-02T09:30")
    assert SessionGrid("2024-01-03", "America/New_York", [(start, start + HOUR)]).needs_dates
    # A span that begins with the change does not cross it.
    after = SessionGrid("2024-03-10", "America/New_York", [(change, change + HOUR)], (change, change + HOUR))
    assert [array.tolist() for array in after.offsets()] == [[change], [-4 * HOUR]]
    assert not after.needs_dates


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["America/New_York", "Europe/London", "Asia/Gaza", "Australia/Lord_Howe", "America/Havana", "UTC"]),
    st.integers(at("1950-01-01T00:00", "UTC") // 10**9, at("2030-01-01T00:00", "UTC") // 10**9),
    st.integers(1, 200 * 86_400),
)
def test_offsets_tell_every_local_time(tz: str, start: int, length: int) -> None:
    zone = ZoneInfo(tz)
    span = start * 10**9, (start + length) * 10**9
    grid = SessionGrid(from_ns(span[0], zone).date(), tz, [span], span)
    starts, offsets = (array.tolist() for array in grid.offsets())
    assert starts[0] == span[0]
    assert starts == sorted(set(starts))
    assert all(a != b for a, b in itertools.pairwise(offsets))
    probes = {edge + d for edge in [*starts, span[1]] for d in (-(10**9), 0, 10**9)} | set(range(*span, 7919 * 10**9))
    for ts_ns in probes:
        if span[0] <= ts_ns < span[1]:
            offset = offsets[np.searchsorted(starts, ts_ns, side="right") - 1]
            assert from_ns(ts_ns, zone).utcoffset() == dt.timedelta(microseconds=offset // 1000)
