"""Calls that only have a time, and dates from before 1990 that are meant."""

# ruff: noqa: ARG005

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import sessiondata as sd
from sessiondata import jit
from sessiondata.time.units import LEAST_START_NS, check_plausible
from unit_cases import ONES, OPEN, PER_SECOND, WANT, WRONG, counted, store

# --- dates that are meant -------------------------------------------------------------------------


EARLY = int(datetime(1987, 10, 19, 15, tzinfo=UTC).timestamp()) * 10**9
DAY = 86_400 * 10**9


def test_an_early_session_takes_its_bars_once_it_is_started() -> None:
    data, spy = store()
    with pytest.raises(sd.TimeError, match=r"ERR_UNIT.*no unit.*start_session"):
        spy.append(EARLY, *[1.0] * 5)
    data.start_session("1987-10-19")
    assert spy.append(EARLY, *[1.0] * 5)
    assert not spy.append(EARLY - DAY, *[1.0] * 5)
    assert spy.counters["other_session"] == 1
    with pytest.raises(sd.LaterSessionError) as caught:
        spy.append(EARLY + DAY, *[1.0] * 5)
    data.roll_session(caught.value.date)
    assert spy.append(EARLY + DAY, *[1.0] * 5)
    assert spy.append(EARLY + 60 * 10**9, *[1.0] * 5), "a late bar of the day before"
    data.end_session()
    with pytest.raises(sd.TimeError, match="ERR_UNIT"):
        spy.append(EARLY + 2 * DAY, *[1.0] * 5)
    assert data.session_date is None


def test_an_early_day_of_history_takes_late_bars() -> None:
    _, spy = store(date="2024-03-12")
    one = [np.ones(1)] * 5
    # no other unit explains a time of 1987
    assert spy.load_historical_bars("1m", [EARLY], *one) == 1
    assert spy.extend([EARLY + 60 * 10**9], *one) == 1
    assert spy.append(EARLY + 120 * 10**9, *[1.0] * 5)
    assert len(spy.historical_bars["1m"]["1987-10-19"]) == 3


def test_a_day_of_1970_is_loaded_if_the_unit_says_so() -> None:
    _, spy = store(date="2024-03-12")
    times = counted("ms")
    assert spy.load_historical_bars("1m", times, *ONES, unit="ns") == 3
    assert list(map(str, spy.historical_bars["1m"])) == ["1970-01-01"]
    assert spy.append(int(times[0]) + 1, *[1.0] * 5), "now that day takes bars"


# --- calls that take a time and store nothing -----------------------------------------------------


GRID = sd.calendar("XNYS").session("2024-03-12")
LATER = int(OPEN.timestamp()) + 3600
ASKING: dict[str, Any] = {
    "advance_to": lambda data, spy, t: data.advance_to(t),
    "since": lambda data, spy, t: spy.bars().since(t),
    "get_bars_since": lambda data, spy, t: data.get_bars_since("SPY", t, "5m"),
    "ticks.since": lambda data, spy, t: data.symbols["T"].ticks.since(t),
    "slot_state": lambda data, spy, t: spy.bars().slot_state(t),
    "slot_state of 1d": lambda data, spy, t: spy.bars("5m").slot_state(t),
    "mark_no_trade start": lambda data, spy, t: spy.mark_no_trade("1m", t, WANT[2]),
    "mark_no_trade stop": lambda data, spy, t: spy.mark_no_trade("1m", t, t),
    "mark_halted": lambda data, spy, t: spy.mark_halted(t, WANT[2]),
    "record_retry": lambda data, spy, t: spy.record_retry("1m", t, t, WANT[2]),
    "record_retry when": lambda data, spy, t: spy.record_retry("1m", WANT[0], WANT[2], t),
    "manager step": lambda data, spy, t: sd.DataQualityManager(data).step(t),
    "find_gaps as_of": lambda data, spy, t: sd.find_gaps(np.array(WANT), GRID, "1m", t),
    "find_gaps as_of of many": lambda data, spy, t: sd.find_gaps({"SPY": WANT}, GRID, "1m", t),
    "quality as_of": lambda data, spy, t: sd.quality(np.array(WANT), GRID, "1m", t),
    "quality as_of of many": lambda data, spy, t: sd.quality({"SPY": WANT}, {"SPY": GRID}, "1m", t),
    "expected": lambda data, spy, t: GRID.expected("1m", t),
    "slot_of": lambda data, spy, t: GRID.slot_of(t, "1m"),
}
ASKING_ARRAYS: dict[str, Any] = {
    "find_gaps": lambda t: sd.find_gaps(t, GRID, "1m"),
    "find_gaps of a list": lambda t: sd.find_gaps(t.tolist(), GRID, "5m"),
    "find_gaps of many": lambda t: sd.find_gaps({"A": np.array(WANT), "SPY": t}, GRID, "1m"),
    "quality": lambda t: sd.quality(t, GRID, "1m"),
    "quality of many": lambda t: sd.quality({"SPY": t}, GRID, "1m", workers=2),
    "aggregate": lambda t: sd.aggregate((t, *ONES), GRID, "1m", "5m"),
    "aggregate of many": lambda t: sd.aggregate({"SPY": (t, *ONES)}, GRID, "1m", "1d"),
}


def fed() -> tuple[sd.SessionData, Any]:
    data, spy = store("XNYS", date="2024-03-12")
    spy.extend(WANT, *ONES)
    data.register_symbol("T").append_tick(WANT[0], 1.0, 1.0)
    return data, spy


def unit_of(call: Any) -> str | None:
    with pytest.raises(sd.TimeError, match=r"before 1990.*ERR_UNIT.*it would be 2024-03-12T1.*multiply it") as caught:
        call()
    assert caught.value.code == "ERR_UNIT"
    assert "unit" in str(caught.value)
    return caught.value.unit


@pytest.mark.parametrize("door", ASKING)
@pytest.mark.parametrize("unit", WRONG)
def test_no_question_takes_an_integer_of_another_unit_in_silence(unit: str, door: str) -> None:
    """Marks said that they had marked nothing, the clock stood still, and `since` gave all rows."""
    data, spy = fed()
    before = data.to_json(), data.sequence
    assert unit_of(lambda: ASKING[door](data, spy, LATER * PER_SECOND[unit])) == unit
    assert (data.to_json(), data.sequence) == before
    ASKING[door](data, spy, LATER * 10**9 if "mark" not in door and "retry" not in door else WANT[0])  # as it says


@pytest.mark.parametrize("door", ASKING_ARRAYS)
@pytest.mark.parametrize("unit", WRONG)
def test_nor_does_a_kernel_on_arrays(unit: str, door: str) -> None:
    """All of the session was one gap."""
    assert unit_of(lambda: ASKING_ARRAYS[door](counted(unit))) == unit
    ASKING_ARRAYS[door](counted("ns"))


def test_early_times_that_no_unit_explains_have_right_answers() -> None:
    """`since(0)` is everything, and nothing was marked in 1985."""
    data, spy = fed()
    for early in (0, -1, int(datetime(1985, 1, 1, tzinfo=UTC).timestamp()) * 10**9, -(2**63) + 1):
        assert len(spy.bars().since(early)) == 3
        assert spy.bars().slot_state(early) is None
        assert not spy.mark_no_trade("1m", early, early + 5)
        assert GRID.expected("1m", early) == 0
        data.advance_to(early)
        assert jit.advance_to(spy, early) == 0
        assert sd.find_gaps(np.array([early]), GRID, "1m").bar_count.tolist() == [390]
    assert len(spy.bars().since(datetime(1969, 1, 1, tzinfo=UTC))) == 3


def test_where_a_day_of_1970_is_such_times_are_meant() -> None:
    ms = counted("ms")
    first = int(ms[0]) // (60 * 10**9) * (60 * 10**9)
    data, spy = store(date="1970-01-01")
    assert spy.extend(first + np.arange(3) * 60 * 10**9, *ONES) == 3
    assert len(spy.bars().since(first)) == 3
    assert spy.bars().slot_state(first) == "present"
    assert spy.bars("5m").slot_state(first + 3600 * 10**9) == "pending"
    assert spy.mark_halted(first + 3600 * 10**9, first + 3720 * 10**9)
    data.advance_to(first + 1800 * 10**9)
    assert jit.advance_to(spy, first + 1860 * 10**9) == 1
    grid = data.grid
    assert grid is not None
    assert sd.quality(spy.bars().timestamp, grid, "1m", first + 3600 * 10**9) > 0
    data, spy = store(date="2024-03-12")
    spy.load_historical_bars("1m", ms, *ONES, unit="ns")
    assert spy.mark_no_trade("1m", first - 3600 * 10**9, first + 3600 * 10**9), "it goes to that day"
    data.advance_to(first)


@pytest.mark.parametrize("unit", WRONG)
def test_the_clock_of_compiled_callers_takes_none_either(unit: str) -> None:
    _, spy = fed()
    number = LATER * PER_SECOND[unit]
    assert jit.advance_to(spy, number) == jit.ERR_UNIT
    assert jit.advance_to(0, number) == jit.advance_to(0, WANT[0]) == jit.ERR_NO_SYMBOL
    _, spy = store()
    assert jit.advance_to(spy, number) == jit.ERR_UNIT, "without a session, too"


def test_compiled_callers_and_python_draw_one_line() -> None:
    """Least and greatest integers that a unit puts between 1990 and 2100, and their neighbours."""
    data, spy = fed()
    for factor in (1, 10**3, 10**6):
        for edge in (631_152_000 * factor, 4_102_444_800 * factor):
            for number in (edge - 1, edge, edge + 1):
                try:
                    data.advance_to(number)
                    expected = 0
                except sd.TimeError:
                    expected = jit.ERR_UNIT
                assert jit.advance_to(spy, number) == expected, number
                assert (expected != 0) == (631_152_000 * factor <= number < 4_102_444_800 * factor)


@pytest.mark.parametrize("early", [-1, 5, -(10**9) + 1])
def test_a_load_of_integers_next_to_0_alone_is_refused(early: int) -> None:
    """-1 for a time that is not known made a day of 1969 in history."""
    data, spy = store()
    with pytest.raises(sd.TimeError, match="ERR_UNIT"):
        spy.load_historical_bars("1m", [early], *[[1.0]] * 5)
    assert data.get_historical_bars("SPY") == {}
    assert spy.load_historical_bars("1m", [early], *[[1.0]] * 5, unit="ns") == 1


def test_values_that_no_unit_of_time_holds_are_errors_of_the_library() -> None:
    """Dates in picoseconds were NumPy's OverflowError, lengths of time in a list of times `int`'s
    TypeError."""
    data, spy = fed()
    for value in (np.datetime64(1, "ps"), np.datetime64(1, "fs")):
        for ask in (data.start_session, data.roll_session, spy.historical_day, data.calendar.session):
            with pytest.raises(sd.CalendarError, match="not a trade date"):
                ask(value)
    for lengths in ([np.timedelta64(5, "s")], [timedelta(seconds=5)]):
        with pytest.raises(sd.TimeError, match="not a point in time"):
            spy.extend(lengths, *[[1.0]] * 5)


def test_one_time_since_1990_is_meant_and_an_earlier_one_if_no_unit_explains_it() -> None:
    for ts_ns in (LEAST_START_NS, 1_710_250_200 * 10**9, 4_102_444_800 * 10**9, -1, 3):
        assert check_plausible(ts_ns) == ts_ns
    with pytest.raises(sd.TimeError, match="multiply it by 1_000_000,"):
        check_plausible(1_710_250_200_000)


def test_a_unit_of_one_datetime64_is_its_own() -> None:
    always, time = sd.calendar("24/7"), np.datetime64("2024-03-12T14:00:00", "s")
    assert always.session_at(time, unit="s").date.isoformat() == "2024-03-12"
    for unit in ("ms", "us", "ns"):
        with pytest.raises(sd.TimeError, match="says what an integer counts, and this is a datetime64: leave it out"):
            always.session_at(time, unit=unit)


@pytest.mark.parametrize("right", PER_SECOND)
@pytest.mark.parametrize("given", PER_SECOND)
def test_one_integer_of_another_unit_is_told_its_own(given: str, right: str) -> None:
    """Also where it lies beyond int64."""
    always, number = sd.calendar("24/7"), 1_710_250_200 * PER_SECOND[right]
    if given == right:
        assert always.session_at(number, unit=given).date.isoformat() == "2024-03-12"
    elif given == "ns":  # said to be so
        assert always.session_at(number, unit=given).date.year == 1970
    else:
        with pytest.raises(sd.TimeError, match=f"pass unit='{right}' in place of unit='{given}'") as caught:
            always.session_at(number, unit=given)
        assert (caught.value.code, caught.value.unit, caught.value.value) == ("ERR_UNIT", right, number)
        assert ("or unit='ns' if 1970 is meant" in str(caught.value)) == (right != "ns")


def test_a_unit_of_one_arrow_scalar_is_of_integers_alone() -> None:
    always, number = sd.calendar("24/7"), 1_710_250_200
    assert always.session_at(pa.scalar(number), unit="s").date.isoformat() == "2024-03-12"
    time = pa.scalar(number, pa.timestamp("s", "UTC"))
    assert always.session_at(time).date.isoformat() == "2024-03-12"
    with pytest.raises(sd.TimeError, match="leave it out"):
        always.session_at(time, unit="s")
