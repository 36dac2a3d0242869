"""Integers that are no nanoseconds: understood where ``unit=`` says so, and else refused instead of
landing in 1970."""

# ruff: noqa: ARG005

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

import sessiondata as sd
from sessiondata import jit
from sessiondata.readers.bars import read_bars
from sessiondata.readers.options import ReadOptions
from sessiondata.time.arrays import to_ns_array
from sessiondata.time.units import LEAST_START_NS, NAT, first_early
from unit_cases import ONES, OPEN, PER_SECOND, WANT, WRONG, counted, store


def frame(times: Any) -> pd.DataFrame:
    return pd.DataFrame({"timestamp": times, **dict.fromkeys(("open", "high", "low", "close", "volume"), np.ones(3))})


# --- unit= ----------------------------------------------------------------------------------------


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


# --- without it -----------------------------------------------------------------------------------


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
    with pytest.raises(sd.TimeError, match=f"make the datetimes of that unit, or pass the integers with unit='{unit}'"):
        spy.extend(pd.to_datetime(times, utc=True), *ONES)  # pandas takes them for ns, too
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


@pytest.mark.parametrize("kind", ["array", "list", "pandas", "polars"])
@pytest.mark.parametrize("date", [None, "2024-03-12", "history"])
@pytest.mark.parametrize("early", [0, 1, WANT[0] // 10**6, WANT[0] // 10**9, -5])
def test_one_early_stamp_among_good_rows_is_refused_by_its_row(early: int, date: str | None, kind: str) -> None:
    """It was counted as of another session; of a load it made a day of 1970 that history was judged
    by."""
    data, spy = store("XNYS", date=None if date == "history" else date)
    if date == "history":
        spy.append(WANT[0], *[1.0] * 5)
        data.roll_session("2024-03-13")
    state = data.session_date, spy.counters, spy.ticks.counters, spy.quotes.counters, data.to_json()

    def bad(call: Any) -> None:
        with pytest.raises(sd.TimeError, match=r"before 1990.*row=1 .*ERR_UNIT") as caught:
            call()
        assert (caught.value.row, caught.value.value, caught.value.symbol) == (1, early, "SPY")

    times: Any = np.array([WANT[1], early, WANT[2]])
    rows: tuple[Any, ...] = (times.tolist() if kind == "list" else times, *ONES)
    if kind in ("pandas", "polars"):
        rows = ((pd if kind == "pandas" else pl).DataFrame(frame(times)),)
    bad(lambda: spy.extend(*rows))
    bad(lambda: spy.load_historical_bars("1m", *rows))
    bad(lambda: spy.load_historical_bars("1d", *rows))
    if date is not None:
        bad(lambda: spy.fill(*rows))
    bad(lambda: spy.extend_ticks(times, *ONES[:2]))
    bad(lambda: spy.extend_quotes(times, *ONES[:4]))
    assert (data.session_date, spy.counters, spy.ticks.counters, spy.quotes.counters, data.to_json()) == state
    assert spy.extend(*rows, on_bad="skip") == 2
    assert spy.counters["other_session"] == state[1]["other_session"] + 1


def test_trades_of_which_one_is_early_are_stored_without_it_if_bad_rows_are_skipped() -> None:
    for date in (None, "2024-03-12"):
        _, spy = store("XNYS", date=date)
        assert spy.extend_ticks([*WANT[1:], 0], *ONES[:2], on_bad="skip") == 2
        assert spy.ticks.counters["other_session"] == 1


def test_a_load_of_time_0_alone_is_refused() -> None:
    _, spy = store()
    with pytest.raises(sd.TimeError, match=r"row=0 ts_ns=0 .*ERR_UNIT"):
        spy.load_historical_bars("1m", np.zeros(2, np.int64), *[np.ones(2)] * 5)
    assert spy.load_historical_bars("1m", [0], *[[1]] * 5, unit="ns") == 1
    assert spy.load_historical_bars("1m", [60 * 10**9, WANT[0]], *[[1, 1]] * 5) == 2, "the symbol has such a day"


@pytest.mark.parametrize("kind", ["ints", "datetime64", "datetimes", "pandas", "polars"])
def test_a_load_of_decades_takes_datetimes_as_they_are(kind: str) -> None:
    """The last two times are years apart from the first, of 1970: only integers may be of another
    unit."""
    days = np.array(["1970-01-02", "1985-06-03", "2024-03-12"], "M8[ns]") + np.timedelta64(15, "h")
    times: Any = {
        "ints": days.view(np.int64), "datetime64": days, "datetimes": [t.astype("M8[us]").item() for t in days],
        "pandas": pd.Series(days), "polars": pl.Series(days),
    }[kind]  # fmt: skip
    _, spy = store()
    if kind == "datetimes":
        times = [time.replace(tzinfo=UTC) for time in times]
    tz = {} if kind in ("ints", "datetimes") else {"tz": "UTC"}
    if kind == "ints":
        with pytest.raises(sd.TimeError, match=r"row=0 .*ERR_UNIT"):
            spy.load_historical_bars("1d", times, *ONES)
        tz = {"unit": "ns"}
    assert spy.load_historical_bars("1d", times, *ONES, **tz) == 3
    assert [str(day) for day in spy.historical_bars["1d"]] == ["1970-01-02", "1985-06-03", "2024-03-12"]


@pytest.mark.parametrize("kind", ["aware", "datetime64", "np"])
def test_a_datetime_of_1985_is_not_called_an_integer(kind: str) -> None:
    data, spy = store()
    when = datetime(1985, 6, 3, 15, tzinfo=UTC)
    calls = {
        "aware": lambda: spy.append(when, *[1.0] * 5),
        "np": lambda: spy.append(np.datetime64("1985-06-03T15", "ns"), *[1.0] * 5),
        "datetime64": lambda: spy.extend(np.array(["1985-06-03T15"], "M8[ns]"), *[np.ones(1)] * 5),
    }
    with pytest.raises(sd.TimeError, match=r"timestamp lies before 1990, where no day is.*1985-06-03T15") as caught:
        calls[kind]()
    assert caught.value.rule == "timestamp lies before 1990, where no day is and none starts by itself"
    assert caught.value.unit is None
    data.start_session("1985-06-03")  # as the text says
    assert calls[kind]()


# --- what the message says, with unit= ------------------------------------------------------------


BATCHES: dict[str, Any] = {
    "extend": lambda data, spy, t, **o: spy.extend(t, *ONES, **o),
    "extend of the store": lambda data, spy, t, **o: data.extend("SPY", t, *ONES, **o),
    "extend of a frame": lambda data, spy, t, **o: spy.extend(frame(t), **o),
    "extend of a polars frame": lambda data, spy, t, **o: spy.extend(pl.DataFrame(frame(t)), **o),
    "fill": lambda data, spy, t, **o: spy.fill(t, *ONES, **o),
    "fill of a frame": lambda data, spy, t, **o: spy.fill(pl.DataFrame(frame(t)), **o),
    "load": lambda data, spy, t, **o: spy.load_historical_bars("1m", t, *ONES, **o),
    "load of days": lambda data, spy, t, **o: spy.load_historical_bars("1d", t, *ONES, **o),
    "load of a frame": lambda data, spy, t, **o: spy.load_historical_bars("1m", pa.Table.from_pandas(frame(t)), **o),
    "ticks": lambda data, spy, t, **o: spy.extend_ticks(t, *ONES[:2], **o),
    "quotes": lambda data, spy, t, **o: spy.extend_quotes(t, *ONES[:4], **o),
    "slice": lambda data, spy, t, **o: data.append_slice(["SPY", "T", "U"], t, *ONES, **o),
}


def three(date: str | None) -> tuple[sd.SessionData, Any]:
    data, spy = store("XNYS")
    data.register_symbol("T")
    data.register_symbol("U")
    if date is not None:
        data.start_session(date)
    return data, spy


def advice_of(call: Any) -> tuple[str | None, str]:
    with pytest.raises(sd.TimeError, match="ERR_UNIT") as caught:
        call()
    assert caught.value.code == "ERR_UNIT"
    return caught.value.unit, str(caught.value).partition("ERR_UNIT)")[2]


@pytest.mark.parametrize("date", [None, "2024-03-12"])
@pytest.mark.parametrize("door", BATCHES)
@pytest.mark.parametrize("given", [None, *PER_SECOND])
@pytest.mark.parametrize("right", PER_SECOND)
def test_a_wrong_unit_is_answered_with_the_right_one(
    right: str, given: str | None, door: str, date: str | None
) -> None:
    """And the advice works: with it the same rows are stored."""
    if right == (given or "ns") or (date is None and "fill" in door) or (given == "ns" and "load" in door):
        return  # a load of which the unit is ns takes the integers as they are
    data, spy = three(date)
    before = data.to_json(), data.session_date
    unit, text = advice_of(lambda: BATCHES[door](data, spy, counted(right), **({"unit": given} if given else {})))
    assert unit == right
    told = f"pass unit={right!r}" + (f" in place of unit={given!r}" if given else "")
    assert told in text
    assert "it would be 2024-03-12T13:3" in text
    assert text.count("unit=") == told.count("unit=") + text.count("load_historical_bars with unit='ns'")
    assert (data.to_json(), data.session_date) == before
    BATCHES[door](data, spy, counted(right), unit=right)


@pytest.mark.parametrize("door", BATCHES)
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(("given", "right"), [(None, "s"), (None, "us"), ("us", "ms"), ("ms", "s"), ("us", "s")])
def test_one_row_of_another_unit_is_to_be_multiplied(given: str | None, right: str, at: int, door: str) -> None:
    """No unit= is right for all rows, so none is advised. Followed, the advice stores the rows."""
    data, spy = three("2024-03-12")
    times = counted(given or "ns")
    times[at] = counted(right)[at]
    options = {"unit": given} if given else {}
    unit, text = advice_of(lambda: BATCHES[door](data, spy, times, **options))
    factor = PER_SECOND[given or "ns"] // PER_SECOND[right]
    assert unit == right
    assert f"multiply it by {factor:_}, since other rows count" in text
    assert "pass unit=" not in text
    times[at] *= factor
    BATCHES[door](data, spy, times, **options)


@pytest.mark.parametrize("door", BATCHES)
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(
    ("given", "number"), [("s", 0), ("s", 1), ("s", 3), ("ms", 1_500), ("us", 1_700_000), ("s", -9)]
)
def test_an_early_row_that_no_unit_explains_is_told_without_one(given: str, number: int, at: int, door: str) -> None:
    """1 s is 10**9 ns, which as seconds would be a time of 2001: the unit that was given
    already."""
    data, spy = three("2024-03-12")
    times = counted(given)
    times[at] = number
    unit, text = advice_of(lambda: BATCHES[door](data, spy, times, unit=given))
    assert unit is None
    assert "plausible in no unit" in text
    assert "pass unit=" not in text
    assert "multiply" not in text


@pytest.mark.parametrize("door", BATCHES)
def test_a_row_beyond_int64_names_no_unit_for_all(door: str) -> None:
    data, spy = three("2024-03-12")
    times = counted("s")
    times[1] = counted("ms")[1]
    unit, text = advice_of(lambda: BATCHES[door](data, spy, times, unit="s"))
    assert unit == "ms"
    assert "other rows count seconds, so bring all rows to one unit" in text
    times[1] = 2**62
    with pytest.raises(sd.TimeError, match="1677 to 2262") as caught:
        BATCHES[door](data, spy, times, unit="s")
    assert caught.value.unit is None
    assert "unit=" not in str(caught.value)


@pytest.mark.parametrize("door", [door for door in BATCHES if "days" not in door and "frame" not in door])
@pytest.mark.parametrize("right", WRONG)
def test_datetimes_that_were_made_of_another_unit(right: str, door: str) -> None:
    """unit= of a column of datetimes is refused, so it is not advised."""
    data, spy = three("2024-03-12")
    times = counted(right).view("M8[ns]")
    unit, text = advice_of(lambda: BATCHES[door](data, spy, times))
    assert unit == right
    assert f"make the datetimes of that unit, or pass the integers with unit={right!r}" in text
    BATCHES[door](data, spy, counted(right), unit=right)
    again = counted(right).astype(f"M8[{right}]")
    data, spy = three("2024-03-12")
    BATCHES[door](data, spy, again)


def test_nulls_are_not_among_the_rows_that_a_unit_puts_beyond_int64() -> None:
    times = np.array([NAT, *counted("ms")], np.int64)
    with pytest.raises(sd.TimeError) as caught:
        to_ns_array(times, unit="s")
    assert (caught.value.row, caught.value.value, caught.value.unit) == (1, times[1], "ms")
    assert "pass unit='ms' in place of unit='s'" in str(caught.value)


def test_early_datetimes_are_told_their_unit_whatever_is_said_of_them() -> None:
    """unit= may be said of a column that has it. It does not count its integers again."""
    _, spy = three("2024-03-12")
    times = np.array([1_710, 1_711, 1_712], "M8[s]")
    unit, text = advice_of(lambda: spy.extend(times, *ONES[:5], unit="s"))
    assert unit == "ms"
    assert "make the datetimes of that unit, or pass the integers with unit='ms'" in text


def test_of_early_times_the_earliest_is_named_and_a_null_is_none() -> None:
    assert first_early(np.array([NAT, 7, 5, NAT, 9])) == (2, False)
    assert first_early(np.array([NAT, 7, LEAST_START_NS, NAT])) == (1, True)
    assert first_early(np.array([NAT, LEAST_START_NS])) is None


@pytest.mark.parametrize("right", WRONG)
def test_datetimes_of_a_frame_that_were_made_of_another_unit(right: str) -> None:
    _, spy = three("2024-03-12")
    table = frame(pd.to_datetime(counted(right), unit="ns", utc=True))
    unit, text = advice_of(lambda: spy.extend(table))
    assert unit == right
    assert f"make the datetimes of that unit, or pass the integers with unit={right!r}" in text


@pytest.mark.parametrize("given", PER_SECOND)
@pytest.mark.parametrize("right", WRONG)
def test_answers_of_fetch_are_told_the_right_unit(right: str, given: str) -> None:
    if right == given or PER_SECOND[right] > PER_SECOND[given]:
        return  # beyond int64, which is what the request says
    for make in (lambda t: (t, *ONES[:5]), frame, lambda t: pl.DataFrame(frame(t))):
        data, _ = store("XNYS", date="2024-03-12")
        data.advance_to(OPEN.replace(hour=14))
        manager = sd.DataQualityManager(data, "live", lambda *_: make(counted(right)), unit=given)  # noqa: B023
        (request,) = manager.step()
        assert request.outcome == "invalid"
        assert f"another unit do: unit={right!r}" in request.detail
        assert ("in place of" in request.detail) == (given != "ns")


@pytest.mark.parametrize("given", ["s", "ms"])
def test_files_of_two_units_are_told_no_flag(tmp_path: Any, given: str) -> None:
    right = {"s": "ms", "ms": "s"}[given]
    times = counted(given)
    times[1] = counted(right)[1]
    rows = "".join(f"{time},1,1,1,1,1\n" for time in times.tolist())
    (tmp_path / "x.csv").write_text("timestamp,open,high,low,close,volume\n" + rows)
    pa.parquet.write_table(pa.Table.from_pandas(frame(times)), tmp_path / "x.parquet")
    for kind, row in (("csv", 3), ("parquet", 1)):
        with pytest.raises(sd.InputError, match=f"is {right} to lie .* others of this file are {given}") as caught:
            read_bars(tmp_path / f"x.{kind}", ReadOptions(unit=given))
        assert caught.value.row == row
        assert "--unit" not in str(caught.value)
