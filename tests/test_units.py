"""Integers that are no nanoseconds: understood where ``unit=`` says so, and else refused instead of landing in 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import sessiondata as sd
from sessiondata import jit

OPEN = datetime(2024, 3, 12, 13, 30, tzinfo=UTC)  # 09:30 in New York
SECONDS = int(OPEN.timestamp())
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
WANT = [(SECONDS + 60 * k) * 10**9 for k in range(3)]
WRONG = ("s", "ms", "us")
ONES = [np.ones(3)] * 5


def counted(unit: str, kind: Any = np.int64) -> Any:
    """Three minutes from the open on, as integers of a unit."""
    return np.array([(SECONDS + 60 * k) * PER_SECOND[unit] for k in range(3)], kind)


def store(calendar: Any = None, *, date: str | None = None, **options: Any) -> tuple[sd.SessionData, Any]:
    data = sd.SessionData(calendar, "1m", ("5m",), **options)
    symbol = data.register_symbol("SPY")
    if date is not None:
        data.start_session(date)
    return data, symbol


def frame(times: Any) -> pd.DataFrame:
    return pd.DataFrame({"timestamp": times, **dict.fromkeys(("open", "high", "low", "close", "volume"), np.ones(3))})


# --- unit= -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", PER_SECOND)
def test_every_door_of_arrays_takes_a_unit(unit: str) -> None:
    times = counted(unit)
    data, spy = store("XNYS")
    assert spy.extend(times, *ONES, unit=unit) == 3
    assert spy.bars().timestamp.tolist() == WANT
    data, spy = store("XNYS")
    assert data.extend("SPY", times.tolist(), *ONES, unit=unit) == 3
    assert spy.bars().timestamp.tolist() == WANT
    data, spy = store("XNYS", date="2024-03-12")
    data.advance_to(OPEN.replace(hour=15))
    assert spy.fill(times, *ONES, unit=unit) == 3
    assert spy.bars().timestamp.tolist() == WANT
    data, spy = store("XNYS", date="2024-03-13")
    assert spy.load_historical_bars("1m", times, *ONES, unit=unit) == 3
    assert spy.load_historical_bars("30m", times[:1], *[column[:1] for column in ONES], unit=unit) == 1
    assert spy.historical_bars["1m"]["2024-03-12"].timestamp.tolist() == WANT
    assert spy.historical_bars["30m"]["2024-03-12"].timestamp.tolist() == WANT[:1]
    data, spy = store("XNYS")
    assert spy.extend_ticks(times, *ONES[:2], unit=unit) == 3
    assert spy.ticks.timestamp.tolist() == WANT
    data, spy = store("XNYS")
    assert spy.extend_quotes(times, *ONES[:4], unit=unit) == 3
    assert spy.quotes.timestamp.tolist() == WANT
    data, spy = store("XNYS")
    assert data.append_slice(["SPY"], times[:1], *[column[:1] for column in ONES], unit=unit) == 1
    assert data.append_slice(["SPY"], int(times[1]), *[column[:1] for column in ONES], unit=unit) == 1
    assert spy.bars().timestamp.tolist() == WANT[:2]


@pytest.mark.parametrize("make", [frame, lambda t: pl.DataFrame(frame(t)), lambda t: pa.Table.from_pandas(frame(t))])
@pytest.mark.parametrize("unit", PER_SECOND)
def test_frames_with_integer_times_take_a_unit(make: Any, unit: str) -> None:
    _, spy = store("XNYS")
    assert spy.extend(make(counted(unit)), unit=unit) == 3
    assert spy.bars().timestamp.tolist() == WANT
    _, spy = store("XNYS", date="2024-03-13")
    assert spy.load_historical_bars("1m", make(counted(unit)), unit=unit) == 3
    assert spy.historical_bars["1m"]["2024-03-12"].timestamp.tolist() == WANT


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(counted("s", np.int32), id="int32"),
        pytest.param(counted("s", np.uint64), id="uint64"),
        pytest.param(counted("s", ">i8"), id="big-endian"),
        pytest.param(pd.Series(counted("s")), id="pandas"),
        pytest.param(pd.array(counted("s"), "Int64"), id="pandas Int64"),
        pytest.param(pl.Series(counted("s")), id="polars"),
        pytest.param(pa.array(counted("s")), id="Arrow"),
    ],
)
def test_integer_columns_of_every_kind_take_a_unit(times: Any) -> None:
    _, spy = store("XNYS")
    assert spy.extend(times, *ONES, unit="s") == 3
    assert spy.bars().timestamp.tolist() == WANT


def test_a_unit_that_overflows_is_refused() -> None:
    _, spy = store("XNYS")
    with pytest.raises(sd.TimeError, match="1677 to 2262"):
        spy.extend(counted("ns"), *ONES, unit="s")
    assert len(spy.bars()) == 0


TYPED = [
    pytest.param(counted("ns").view("M8[ns]").astype("M8[us]"), id="numpy"),
    pytest.param(pd.DatetimeIndex(counted("ns"), tz="UTC").as_unit("us"), id="pandas"),
    pytest.param(pd.Series(pd.DatetimeIndex(counted("ns"), tz="UTC").as_unit("us")), id="pandas Series"),
    pytest.param(pl.Series(counted("us")).cast(pl.Datetime("us", "UTC")), id="polars"),
    pytest.param(pa.array(counted("us")).cast(pa.timestamp("us", "UTC")), id="Arrow"),
]


@pytest.mark.parametrize("times", TYPED)
def test_a_unit_that_contradicts_the_dtype_is_refused_and_its_own_is_fine(times: Any) -> None:
    _, spy = store("XNYS")
    for unit in ("s", "ms", "ns"):
        with pytest.raises(sd.TimeError, match=f"unit='{unit}' .*the unit 'us': leave it out.*SPY") as caught:
            spy.extend(times, *ONES, unit=unit)
        assert caught.value.symbol == "SPY"
    assert spy.extend(times, *ONES, unit="us") == 3
    assert spy.bars().timestamp.tolist() == WANT


@pytest.mark.parametrize("make", [frame, lambda t: pl.DataFrame(frame(t)), lambda t: pa.Table.from_pandas(frame(t))])
def test_of_frames_too(make: Any) -> None:
    times = pd.DatetimeIndex(counted("ns"), tz="UTC").as_unit("us")
    _, spy = store("XNYS")
    with pytest.raises(sd.TimeError, match=r"unit='ms' .*the unit 'us': leave it out"):
        spy.extend(make(times), unit="ms")
    assert spy.extend(make(times), unit="us") == 3
    assert spy.bars().timestamp.tolist() == WANT


def test_a_unit_of_datetimes_or_dates_is_refused() -> None:
    _, spy = store("XNYS", date="2024-03-13")
    with pytest.raises(sd.TimeError, match="a column of datetimes: leave it out"):
        spy.extend([OPEN] * 3, *ONES, unit="ms")
    with pytest.raises(sd.TimeError, match="leave it out"):
        spy.load_historical_bars("1d", ["2024-03-11"], *[column[:1] for column in ONES], unit="ms")


@pytest.mark.parametrize("unit", ["m", "sec", None, 5])
def test_there_are_four_units(unit: Any) -> None:
    _, spy = store("XNYS")
    if unit is None:
        assert spy.extend(counted("ns"), *ONES, unit=None) == 3
        return
    with pytest.raises(sd.ArgumentError, match="unit is one of 's', 'ms', 'us', 'ns'"):
        spy.extend(counted("ns"), *ONES, unit=unit)


# --- without it ------------------------------------------------------------------------------------------------------


def refused(call: Any, unit: str, *, row: int | None) -> None:
    with pytest.raises(sd.TimeError, match=r"ERR_UNIT.* it would be 2024-03-12T13:3") as caught:
        call()
    error = caught.value
    assert (error.code, error.symbol, error.unit, error.row) == ("ERR_UNIT", "SPY", unit, row)
    assert "unit" in str(error)
    advice = f"pass unit={unit!r}" if row is not None else f"multiply it by {10**9 // PER_SECOND[unit]:_}"
    assert advice in str(error)


@pytest.mark.parametrize("date", [None, "2024-03-12", "ended", "history", "closes"])
@pytest.mark.parametrize("calendar", [None, "XNYS", "CMES"])
@pytest.mark.parametrize("unit", WRONG)
def test_no_door_swallows_integers_of_another_unit(unit: str, calendar: Any, date: str | None) -> None:
    """Before they started a session of 1970, or were counted as of another one."""
    data, spy = store(calendar, label="close" if date == "closes" else "open")
    if date is not None:
        data.start_session("2024-03-12")
    if date == "history":
        spy.append(WANT[0], *[1.0] * 5)
        data.roll_session("2024-03-13")
    if date == "ended":
        data.end_session()
    times = counted(unit)
    first = int(times[0])
    state = data.session_date, spy.counters, spy.ticks.counters, spy.quotes.counters, data.to_json()
    refused(lambda: spy.append(first, *[1.0] * 5), unit, row=None)
    refused(lambda: spy.append_tick(first, 1.0, 1.0), unit, row=None)
    refused(lambda: spy.append_quote(first, 1.0, 1.0, 1.0, 1.0), unit, row=None)
    for on_bad in ("raise", "skip"):
        refused(lambda: spy.extend(times, *ONES, on_bad=on_bad), unit, row=2)  # noqa: B023
        refused(lambda: spy.extend(times[::-1], *ONES, on_bad=on_bad), unit, row=0)  # noqa: B023
        refused(lambda: spy.extend_ticks(times, *ONES[:2], on_bad=on_bad), unit, row=2)  # noqa: B023
        refused(lambda: spy.extend_quotes(times, *ONES[:4], on_bad=on_bad), unit, row=2)  # noqa: B023
    refused(lambda: spy.extend(frame(times)), unit, row=2)
    refused(lambda: spy.extend(pl.DataFrame(frame(times))), unit, row=2)
    refused(lambda: spy.extend(pd.to_datetime(times, utc=True), *ONES), unit, row=2)  # pandas takes them for ns, too
    refused(lambda: data.append_slice(["SPY"], times[:1], *[x[:1] for x in ONES]), unit, row=0)
    refused(lambda: spy.load_historical_bars("1m", times, *ONES), unit, row=2)
    refused(lambda: spy.load_historical_bars("1d", times, *ONES), unit, row=2)
    if date is not None and date != "ended":
        refused(lambda: spy.fill(times, *ONES), unit, row=2)
    assert (data.session_date, spy.counters, spy.ticks.counters, spy.quotes.counters, data.to_json()) == state


def test_narrow_integers_are_seconds_by_no_guess() -> None:
    _, spy = store()
    refused(lambda: spy.extend(counted("s", np.int32), *ONES), "s", row=2)


@pytest.mark.parametrize("days", [0, 1])
def test_compiled_callers_are_told(days: int) -> None:
    data, spy = store("XNYS", date="2024-03-12")
    if days:
        spy.append(WANT[0], *[1.0] * 5)
        data.roll_session("2024-03-13")
    ms = int(counted("ms")[0])
    assert jit.append(spy, ms, 1.0, 1.0, 1.0, 1.0, 1.0) == jit.ERR_UNIT == -209
    assert jit.append_tick(spy, ms, 1.0, 1.0, 0) == jit.ERR_UNIT
    assert jit.append_quote(spy, ms, 1.0, 1.0, 1.0, 1.0) == jit.ERR_UNIT
    assert spy.counters["other_session"] == spy.ticks.counters["other_session"] == 0


def test_one_early_stamp_among_good_rows_is_of_another_session() -> None:
    """A row with a stamp of 0 is no mistake of units: the batch is stored, and the row is counted."""
    for date in (None, "2024-03-12"):
        _, spy = store("XNYS", date=date)
        times = [0, *WANT[:2]]
        assert spy.extend(times, *ONES) == 2
        assert spy.counters["other_session"] == 1
        _, spy = store("XNYS", date=date)
        assert spy.extend_ticks([*WANT[1:], 0], *ONES[:2]) == 2
        assert spy.ticks.counters["other_session"] == 1


# --- dates that are meant ---------------------------------------------------------------------------------------------

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
    assert spy.load_historical_bars("1m", [EARLY], *one) == 1  # no other unit explains a time of 1987
    assert spy.extend([EARLY + 60 * 10**9], *one) == 1
    assert spy.append(EARLY + 120 * 10**9, *[1.0] * 5)
    assert len(spy.historical_bars["1m"]["1987-10-19"]) == 3


def test_a_day_of_1970_is_loaded_if_the_unit_says_so() -> None:
    _, spy = store(date="2024-03-12")
    times = counted("ms")
    assert spy.load_historical_bars("1m", times, *ONES, unit="ns") == 3
    assert list(map(str, spy.historical_bars["1m"])) == ["1970-01-01"]
    assert spy.append(int(times[0]) + 1, *[1.0] * 5), "now that day takes bars"
