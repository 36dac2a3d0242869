"""What an error says can be done at that place, and its facts are attributes: a test does what each message says."""

# ruff: noqa: ARG005

from __future__ import annotations

import copy
import datetime as dt
import pickle
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import sessiondata as sd
from sessiondata import errors, jit

NY = ZoneInfo("America/New_York")
MINUTE = 60 * 10**9
DAY = 1440 * MINUTE
OPEN = int(dt.datetime(2024, 3, 12, 9, 30, tzinfo=NY).timestamp()) * 10**9
NAIVE = dt.datetime(2024, 3, 12, 9, 31)
BAR = (1.0, 1.0, 1.0, 1.0, 1.0)
ONES = [np.ones(1)] * 5


def store(calendar: Any = "XNYS", **options: Any) -> tuple[sd.SessionData, Any]:
    data = sd.SessionData(calendar, "1m", ("5m", "1h", "1d"), **options)
    data.start_session("2024-03-12")
    return data, data.register_symbol("SPY")


# --- zones ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda data, spy, t: spy.append(t, *BAR),
        lambda data, spy, t: data.append("SPY", t, *BAR),
        lambda data, spy, t: spy.append_tick(t, 1.0, 1.0),
        lambda data, spy, t: spy.append_quote(t, 1.0, 1.0, 1.0, 1.0),
        lambda data, spy, t: data.append_slice(["SPY"], t, *ONES),
        lambda data, spy, t: data.advance_to(t),
        lambda data, spy, t: spy.mark_halted(t, t),
        lambda data, spy, t: spy.mark_no_trade("1m", t, t),
        lambda data, spy, t: spy.record_retry("1m", t, t, t),
        lambda data, spy, t: spy.bars().since(t),
        lambda data, spy, t: data.get_bars_since("SPY", t),
    ],
)
def test_a_call_without_tz_does_not_ask_for_it(call: Any) -> None:
    data, spy = store()
    spy.append(OPEN, *BAR)
    for value, aware in (
        (NAIVE, NAIVE.replace(tzinfo=NY)),
        (pd.Timestamp(NAIVE), pd.Timestamp(NAIVE).tz_localize("America/New_York")),
    ):
        data, spy = store()
        with pytest.raises(sd.TimeError, match=r"naive .*give it a zone") as caught:
            call(data, spy, value)
        assert "tz=" not in str(caught.value).replace("tzinfo=", "")
        call(data, spy, aware)  # as the message says


def test_a_call_with_tz_offers_it() -> None:
    for name, arguments in (
        ("extend", ([NAIVE], *ONES)), ("fill", ([NAIVE], *ONES)), ("load_historical_bars", ("1m", [NAIVE], *ONES)),
        ("extend_ticks", ([NAIVE], *ONES[:2])), ("extend_quotes", ([NAIVE], *ONES[:4])),
    ):  # fmt: skip
        _, spy = store()
        with pytest.raises(sd.TimeError, match=r"naive .*or pass tz=.*SPY") as caught:
            getattr(spy, name)(*arguments)
        assert caught.value.symbol == "SPY"
        getattr(spy, name)(*arguments, tz="America/New_York")


def test_a_zone_that_is_none_is_corrected() -> None:
    _, spy = store()
    with pytest.raises(sd.TimeError, match="did you mean 'America/New_York'") as caught:
        spy.extend([NAIVE], *ONES, tz="America/NewYork")
    assert "pip" not in str(caught.value)


# --- later sessions --------------------------------------------------------------------------------------------------

LATER = {
    "append": lambda data, spy, ts: spy.append(ts, *BAR),
    "store": lambda data, spy, ts: data.append("SPY", ts, *BAR),
    "extend": lambda data, spy, ts: spy.extend([ts], *ONES),
    "slice": lambda data, spy, ts: data.append_slice(["SPY"], ts, *ONES),
    "fill": lambda data, spy, ts: spy.fill([ts], *ONES),
    "tick": lambda data, spy, ts: spy.append_tick(ts, 1.0, 1.0),
    "ticks": lambda data, spy, ts: spy.extend_ticks([ts], *ONES[:2]),
    "quote": lambda data, spy, ts: spy.append_quote(ts, *BAR[:4]),
    "quotes": lambda data, spy, ts: spy.extend_quotes([ts], *ONES[:4]),
}


@pytest.mark.parametrize("door", LATER)
def test_every_door_names_the_later_session_and_takes_the_row_after_the_roll(door: str) -> None:
    data, spy = store()
    ts = OPEN + DAY
    with pytest.raises(sd.LaterSessionError, match=r"roll_session\('2024-03-13'\) first") as caught:
        LATER[door](data, spy, ts)
    error = caught.value
    assert isinstance(error, sd.SessionStateError)
    assert (error.symbol, error.ts_ns, error.date, error.code) == ("SPY", ts, dt.date(2024, 3, 13), "ERR_LATER_SESSION")
    assert error.row == (0 if door in ("extend", "slice", "fill", "ticks", "quotes") else None)
    again = pickle.loads(pickle.dumps(error))
    assert (again.symbol, again.ts_ns, again.date, again.row) == (error.symbol, error.ts_ns, error.date, error.row)
    assert jit.append(spy, ts, *BAR) == jit.ERR_LATER_SESSION
    data.roll_session(error.date)
    data.advance_to(ts + MINUTE)
    assert LATER[door](data, spy, ts)


def test_a_close_that_ends_a_later_session_is_of_that_one() -> None:
    data, spy = store(None, label="close")
    with pytest.raises(sd.LaterSessionError) as caught:
        spy.append(OPEN - OPEN % DAY + 2 * DAY, *BAR)  # midnight ends the 13th
    assert caught.value.date == dt.date(2024, 3, 13)
    data.roll_session(caught.value.date)
    assert spy.append(OPEN - OPEN % DAY + 2 * DAY, *BAR)


def test_a_close_of_midnight_for_a_day_of_trades_is_a_source_error() -> None:
    """It was a bare KeyError: the label is the next day's."""
    data, spy = store(None, label="close")
    midnight = OPEN - OPEN % DAY + DAY
    spy.append_tick(midnight - 5 * MINUTE, 1.0, 1.0)
    data.roll_session()
    spy.append(midnight + MINUTE, *BAR)
    for ts in (midnight - MINUTE, midnight):
        with pytest.raises(sd.SourceError) as caught:
            spy.append(ts, *BAR)
        assert (caught.value.source, caught.value.kind, caught.value.symbol) == ("ticks", "bars", "SPY")


# --- names -----------------------------------------------------------------------------------------------------------


def test_mappings_by_interval_know_spellings_and_name_what_there_is() -> None:
    data, spy = store()
    spy.append(OPEN, *BAR)
    assert spy.bars_derived["60m"] is spy.bars_derived["1h"]
    assert spy.bar_quality["60s"] == 100.0
    assert spy.bar_gaps["300s"] == []
    data.roll_session()
    assert spy.historical_bars["60s"].dates == spy.historical_bars["1m"].dates == [dt.date(2024, 3, 12)]
    for mapping in (spy.bars_derived, spy.bar_quality, spy.bar_gaps, spy.historical_bars):
        assert "60m" in mapping
        assert mapping.get("60m") is not None
        for name in ("30m", "5T", 5):
            assert name not in mapping
            assert mapping.get(name, "none") == "none"
            with pytest.raises(sd.UnknownNameError, match=r"there are .*1h"):
                mapping[name]


def test_a_file_name_is_no_document() -> None:
    data, _ = store()
    for name in ("x.json", Path("x.json")):
        with pytest.raises(sd.ArgumentTypeError, match="write_bytes"):
            data.to_json(name)  # type: ignore[arg-type]


def test_a_grid_is_of_one_date() -> None:
    calendar = sd.calendar("XNYS")
    with pytest.raises(sd.CalendarError, match=r"calendar.session"):
        sd.find_gaps(np.array([OPEN]), calendar, "1m")  # type: ignore[call-overload]
    sd.find_gaps(np.array([OPEN]), calendar.session("2024-03-12"), "1m")


# --- errors as objects -----------------------------------------------------------------------------------------------

MADE = [
    sd.BarError("a rule", symbol="SPY", row=3, value=1.5, code="ERR_X"),
    sd.BarTypeError("a rule", symbol="SPY", row=3, value="x=1"),
    sd.TimeError("a text", symbol="SPY", row=1, value=5, code="ERR_UNIT", unit="ms"),
    sd.LaterSessionError("SPY", 5, dt.date(2024, 3, 13), 2),
    sd.SourceError("SPY", "ticks", "bars"),
    sd.BufferTooSmallError(10, 5),
    sd.InputError("a rule", path="a.csv", row=4, value="x"),
    sd.SnapshotError("a rule", path="a.snap", part="header"),
    sd.UnknownNameError("no such name", value="x"),
    sd.ArgumentError("none of these", value=5),
    sd.ArgumentTypeError("not this kind", value=5),
    sd.SessionStateError("a text", symbol="SPY"),
    sd.IntervalError("a text"), sd.CalendarError("a text"), sd.DateOutOfRangeError("a text"), sd.DeltaError("a text"),
    sd.InactiveError("a text"), sd.ReentrantCallError("roll_session()", "an export"), sd.SessionDataError("a text"),
]  # fmt: skip


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_pickles_and_copies_of_errors_keep_their_facts(error: Any) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)
        for name in ("symbol", "row", "value", "rule", "code"):
            assert getattr(again, name) == getattr(error, name)


def test_all_errors_are_of_one_base() -> None:
    kinds = {getattr(errors, name) for name in errors.__all__}
    assert kinds == {type(error) for error in MADE}
    assert all(issubclass(kind, sd.SessionDataError) and getattr(sd, kind.__name__) is kind for kind in kinds)


@pytest.mark.parametrize(
    "call",
    [
        lambda data, spy: spy.extend([OPEN], *ONES, on_bad="coerce"),
        lambda data, spy: spy.extend([OPEN], *ONES, label="right"),
        lambda data, spy: sd.SessionData("XNYS", label="right"),
        lambda data, spy: sd.SessionData("XNYS", capacity=0),
        lambda data, spy: sd.SessionData("XNYS", grace_ns=-1),
        lambda data, spy: data.register_symbol("X", quote_bars="last"),
        lambda data, spy: data.set_gaps("SPY", "1m", [{"start": 1}]),
        lambda data, spy: data.to_json(timestamps="s"),
        lambda data, spy: data.to_json(symbols="SPY"),
        lambda data, spy: sd.DataQualityManager(data, "live"),
        lambda data, spy: sd.DataQualityManager(data, placeholders="no"),
        lambda data, spy: sd.DataQualityManager(data, unit="m"),
        lambda data, spy: spy.bars().last(-1),
        lambda data, spy: data.add_historical_indicator(""),
        lambda data, spy: sd.quality({}, {}, "1m", workers=0),
    ],
)
def test_wrong_arguments_are_errors_of_the_library(call: Any) -> None:
    data, spy = store()
    with pytest.raises(sd.SessionDataError) as caught:
        call(data, spy)
    assert isinstance(caught.value, (ValueError, TypeError))


# --- answers of a provider --------------------------------------------------------------------------------------------


def asked(answer: Any, **options: Any) -> tuple[Any, Any, Any]:
    """The one request of a manager for the two minutes that are missing."""
    data, spy = store()
    spy.append(OPEN, *BAR)
    spy.append(OPEN + 3 * MINUTE, *BAR)
    manager = sd.DataQualityManager(data, "live", lambda *_: answer, **options)
    (request,) = manager.step()
    return spy, manager, request


TWO = [OPEN + MINUTE, OPEN + 2 * MINUTE]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("as_frame", [False, True])
def test_answers_may_be_of_any_unit(unit: str, as_frame: bool) -> None:
    per = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    columns: Any = [np.array(TWO) // per, *[np.ones(2)] * 5]
    if as_frame:
        columns = pd.DataFrame(dict(zip(("timestamp", "open", "high", "low", "close", "volume"), columns, strict=True)))
    spy, _, request = asked(columns, unit=unit)
    assert (request.outcome, request.rows, spy.bars().missing) == ("filled", 2, 0)
    if unit != "ns":
        spy, _, request = asked(columns)
        assert (request.outcome, spy.bars().missing) == ("rubbish", 2)
        assert f"unit={unit!r}" in request.detail


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan")])
@pytest.mark.parametrize("volume", [0.0, -1.0, float("nan")])
def test_rows_that_say_that_there_is_none_are_no_bars(price: float, volume: float) -> None:
    prices = [np.array([price, 2.0])] * 4
    spy, manager, request = asked((TWO, *prices, np.array([volume, 5.0])))
    assert (request.outcome, request.rows) == ("partial", 1)
    assert "1 rows say that there is none" in request.detail
    assert manager.get_quality_stats()["placeholders"] == 1
    assert spy.session_low == 1.0
    spy, _, request = asked((TWO, *[np.full(2, price)] * 4, np.full(2, volume)))
    assert (request.outcome, request.rows, spy.bars().missing) == ("rubbish", 0, 2)


def test_who_trades_at_these_prices_keeps_them() -> None:
    columns = (TWO, *[np.array([-1.0, 0.0])] * 4, np.zeros(2))
    spy, _, request = asked(columns, placeholders="keep")
    assert (request.outcome, spy.session_low) == ("filled", -1.0)
    real = (TWO, *[np.array([-1.0, -37.63])] * 4, np.ones(2))  # negative prices are real
    spy, _, request = asked(real)
    assert (request.outcome, spy.session_low) == ("filled", -37.63)
