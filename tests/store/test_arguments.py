"""Options and times of a wrong kind: one typed error that names the parameter, and nothing done."""

# ruff: noqa: ARG005

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import sessiondata as sd

OPEN = dt.datetime(2024, 3, 12, 13, 30, tzinfo=dt.UTC)  # 09:30 in New York
SECONDS = 1_710_250_200
NS = SECONDS * 10**9
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DAY = dt.date(2024, 3, 12)
ONE = np.ones(1)


def store(**options: Any) -> tuple[sd.SessionData, Any]:
    """A store with one bar of one symbol."""
    data = sd.SessionData(None, "1m", ("5m",), **options)
    symbol = data.register_symbol("SPY")
    symbol.append(NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    return data, symbol


# --- times of a calendar --------------------------------------------------------------------------

CALENDARS = {
    "24/7": lambda: sd.calendar("24/7"),
    "hours": lambda: sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"),
    "schedule": lambda: sd.SessionCalendar.from_schedule({DAY: [(NS, NS + 10**12)]}, "America/New_York"),
    "corrected": lambda: sd.calendar("24/7").with_sessions({DAY: [("09:30", "16:00")]}),
}


@pytest.mark.parametrize("name", CALENDARS)
@pytest.mark.parametrize("kind", [int, np.int64, pa.scalar])
@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_session_at_refuses_integers_of_another_unit_and_takes_them_with_it(name: str, kind: Any, unit: str) -> None:
    calendar, time = CALENDARS[name](), kind(SECONDS * PER_SECOND[unit])
    with pytest.raises(sd.TimeError, match=rf"ERR_UNIT.*2024-03-12T13:30:00: pass unit='{unit}'") as caught:
        calendar.session_at(time)
    assert (caught.value.code, caught.value.unit, caught.value.value) == ("ERR_UNIT", unit, int(str(time)))
    assert calendar.session_at(time, unit=unit).date == DAY
    assert calendar.session_at(kind(NS), unit="ns") is calendar.session_at(kind(NS))


@pytest.mark.parametrize("right", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("said", ["s", "ms", "us"])
def test_session_at_refuses_a_unit_that_another_one_explains(right: str, said: str) -> None:
    calendar, time = sd.calendar("24/7"), SECONDS * PER_SECOND[right]
    if right == said:
        assert calendar.session_at(time, unit=said).date == DAY
    else:
        with pytest.raises(sd.TimeError, match=f"pass unit='{right}' in place of unit='{said}'") as caught:
            calendar.session_at(time, unit=said)
        assert (caught.value.code, caught.value.unit) == ("ERR_UNIT", right)


def test_session_at_of_1970_is_asked_for_by_unit_or_by_a_datetime() -> None:
    calendar, early = sd.calendar("24/7"), dt.date(1970, 1, 1)
    time = SECONDS * 1000  # 28 minutes of 1970, as ns
    with pytest.raises(sd.TimeError, match="ERR_UNIT"):
        calendar.session_at(time)
    for told in (np.datetime64(time, "ns"), dt.datetime(1970, 1, 1, 0, 28, tzinfo=dt.UTC), pd.Timestamp(time, tz="UTC"),
                 pa.scalar(time, pa.timestamp("ns", "UTC"))):  # fmt: skip
        assert calendar.session_at(told).date == early
    assert calendar.session_at(time, unit="ns").date == early
    assert calendar.session_at(0).date == early  # no unit puts these after 1990
    assert calendar.session_at(-1).date == dt.date(1969, 12, 31)
    assert calendar.session_at(60, unit="s").date == early


def test_session_at_takes_a_unit_of_integers_only() -> None:
    calendar = sd.calendar("24/7")
    assert calendar.session_at(np.datetime64(SECONDS, "s"), unit="s").date == DAY
    for told in (OPEN, np.datetime64(SECONDS, "s"), pd.Timestamp(NS, tz="UTC"), pa.scalar(OPEN)):
        with pytest.raises(sd.TimeError, match="unit='ms' says what an integer counts"):
            calendar.session_at(told, unit="ms")
    with pytest.raises(sd.ArgumentError, match="unit is one of"):
        calendar.session_at(NS, unit="m")
    with pytest.raises(sd.TimeError, match="2262"):
        calendar.session_at(2**62, unit="s")
    with pytest.raises(sd.TimeError, match="not a point in time"):
        calendar.session_at(1.5, unit="s")


def test_a_store_of_1969_still_names_the_date_of_a_later_bar() -> None:
    data, time = sd.SessionData(None, "1m", ()), SECONDS * 1000
    data.start_session("1969-12-31")
    symbol = data.register_symbol("SPY")
    with pytest.raises(sd.LaterSessionError) as caught:
        symbol.append(time, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert caught.value.date == dt.date(1970, 1, 1)
    data.roll_session("1970-01-01")
    assert symbol.append(time, 1.0, 1.0, 1.0, 1.0, 1.0)
    for again in (data.copy(), pickle.loads(pickle.dumps(data)), sd.loads(data.dumps())):
        with pytest.raises(sd.LaterSessionError) as caught:
            again.symbols["SPY"].append(time + 86_400 * 10**9, 1.0, 1.0, 1.0, 1.0, 1.0)
        assert caught.value.date == dt.date(1970, 1, 2)


def test_history_of_1970_is_loaded_with_its_unit() -> None:
    _, symbol = store()
    assert symbol.load_historical_bars("1m", np.array([SECONDS * 1000]), *[ONE] * 5, unit="ns") == 1
    assert symbol.historical_bars["1m"].dates == [dt.date(1970, 1, 1)]


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize(
    "make",
    [
        lambda pair: sd.SessionGrid("2024-03-12", "UTC", [pair]),
        lambda pair: sd.SessionCalendar.from_schedule({DAY: [pair]}, "UTC"),
        lambda pair: CALENDARS["hours"]().with_sessions({DAY: [pair]}),
    ],
    ids=["grid", "schedule", "with_sessions"],
)
def test_segments_of_another_unit_than_ns_are_refused(unit: str, make: Callable[[Any], Any]) -> None:
    pair = SECONDS * PER_SECOND[unit], (SECONDS + 3600) * PER_SECOND[unit]
    with pytest.raises(sd.CalendarError, match=r"session 2024-03-12: .*ERR_UNIT.*2024-03-12T13:30:00") as caught:
        make(pair)
    assert caught.value.code == "ERR_UNIT"
    assert make((NS, NS + 3600 * 10**9))


def test_segments_of_1970_are_those_of_1970_or_of_a_span_that_says_so() -> None:
    pair = SECONDS * 1000, SECONDS * 1000 + 60 * 10**9
    spanned = sd.SessionGrid(DAY, "UTC", [pair], pair)
    assert pickle.loads(pickle.dumps(spanned)) == spanned
    assert sd.SessionGrid("1970-01-01", "UTC", [pair]).segments.tolist() == [list(pair)]


# --- yes and no -----------------------------------------------------------------------------------

NO_BOOLS = ["no", "False", "", b"no", 0, 1, 1.0, [], [False], np.array([True, False])]
BOOLS: dict[str, Callable[[Any], Any]] = {
    "SessionData strict": lambda value: sd.SessionData(strict=value),
    "register_symbol strict": lambda value: store()[0].register_symbol("QQQ", strict=value),
    "registered strict": lambda value: store()[0].register_symbol("SPY", strict=value),
    "to_dict complete": lambda value: store()[0].to_dict(value),
    "to_json complete": lambda value: store()[0].to_json(value),
    "export_into complete": lambda value: store()[0].export_into(bytearray(100_000), value),
    "to_pandas copy": lambda value: store()[1].bars().to_pandas(copy=value),
    "window to_pandas copy": lambda value: store()[1].bars().copy().to_pandas(copy=value),
    "__array__ copy": lambda value: store()[1].bars().__array__(copy=value),
}


@pytest.mark.parametrize("call", BOOLS)
@pytest.mark.parametrize("value", NO_BOOLS, ids=repr)
def test_what_is_no_bool_is_refused_where_one_is_asked_for(call: str, value: Any) -> None:
    name = call.split()[-1]
    if call == "to_json complete" and isinstance(value, str):
        match = "to_json returns the document"  # it is taken for a path
    else:
        match = rf"^{name} is True or False"
    with pytest.raises(sd.ArgumentTypeError, match=match):
        BOOLS[call](value)


@pytest.mark.parametrize("kind", [bool, np.bool_])
def test_bools_of_numpy_are_bools(kind: Any) -> None:
    outside = NS + 60 * 10**9, 5.0, 2.0, 1.0, 1.5, 1.0
    with pytest.raises(sd.BarError, match="ERR_INCONSISTENT"):
        store(strict=kind(True))[1].append(*outside)
    data, symbol = store(strict=kind(False))
    assert symbol.append(*outside)
    assert data.register_symbol("SPY", strict=kind(False)) is symbol
    assert data.to_json(kind(True)) == data.to_json(True)
    assert data.to_dict(kind(True))["meta"]["complete"] is True
    assert data.to_dict(kind(False))["meta"]["complete"] is False
    assert symbol.bars().to_pandas(copy=kind(True)).shape[0] == 2
    with pytest.raises(sd.ArgumentError, match="copy=False"):
        symbol.bars().to_pandas(copy=kind(False))
    with pytest.raises(sd.ArgumentError, match="copy=False"):
        symbol.bars().__array__(copy=kind(False))
    with pytest.raises(sd.ArgumentTypeError, match="strict is True or False"):
        sd.SessionData(strict=None)  # type: ignore[arg-type]


def test_a_refused_export_leaves_its_cursor() -> None:
    data, _ = store()
    data.to_json()
    before = data.export_cursor().sequence
    with pytest.raises(sd.ArgumentTypeError):
        data.to_dict("no")  # type: ignore[arg-type]
    assert data.export_cursor().sequence == before
    assert "resync" not in data.to_dict(False)["meta"]


# --- zones ----------------------------------------------------------------------------------------

INTS = np.array([NS + 60 * 10**9])
MONDAY = np.array(["2024-03-11"], "M8[D]")
AWARE = pd.DatetimeIndex(INTS, tz="UTC")
FRAME = pd.DataFrame({"ts_event": INTS, **dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)})
WITH_TZ: dict[str, Callable[[sd.SessionData, Any, Any], Any]] = {
    "extend": lambda data, symbol, tz: symbol.extend(INTS, *[ONE] * 5, tz=tz),
    "extend aware": lambda data, symbol, tz: symbol.extend(AWARE, *[ONE] * 5, tz=tz),
    "extend unit": lambda data, symbol, tz: symbol.extend(INTS // 10**9, *[ONE] * 5, unit="s", tz=tz),
    "extend skip": lambda data, symbol, tz: symbol.extend(INTS, *[ONE] * 5, on_bad="skip", tz=tz),
    "extend frame": lambda data, symbol, tz: symbol.extend(FRAME, tz=tz),
    "store extend": lambda data, symbol, tz: data.extend("SPY", INTS, *[ONE] * 5, tz=tz),
    "fill": lambda data, symbol, tz: symbol.fill(INTS, *[ONE] * 5, tz=tz),
    "load": lambda data, symbol, tz: symbol.load_historical_bars("1m", INTS - 86_400 * 10**9, *[ONE] * 5, tz=tz),
    "load 1d": lambda data, symbol, tz: symbol.load_historical_bars("1d", MONDAY, *[ONE] * 5, tz=tz),
    "extend_ticks": lambda data, symbol, tz: symbol.extend_ticks(INTS, ONE, ONE, tz=tz),
    "extend_quotes": lambda data, symbol, tz: symbol.extend_quotes(INTS, *[ONE] * 4, tz=tz),
}  # fmt: skip


def fed(call: str) -> tuple[sd.SessionData, Any]:
    """A store that the call can feed: trades only where no bar has come."""
    if call == "extend_ticks":
        data = sd.SessionData(None, "1m", ("5m",))
        data.start_session(DAY)
        return data, data.register_symbol("SPY")
    data, symbol = store()
    data.advance_to(NS + 3600 * 10**9)
    return data, symbol


@pytest.mark.parametrize("call", WITH_TZ)
@pytest.mark.parametrize("tz", [True, 5, "Nowhere/X", "", [], object], ids=repr)
def test_tz_that_is_no_zone_is_refused_where_no_zone_is_needed(call: str, tz: Any) -> None:
    data, symbol = fed(call)
    before, sequence = data.to_json(), data.sequence
    with pytest.raises(sd.TimeError, match=r"tz is an IANA name|no time zone") as caught:
        WITH_TZ[call](data, symbol, tz)
    assert (caught.value.value, caught.value.symbol) == (tz, "SPY")
    assert (data.to_json(), data.sequence) == (before, sequence)


@pytest.mark.parametrize("call", WITH_TZ)
@pytest.mark.parametrize("tz", [None, "America/New_York", ZoneInfo("Asia/Tokyo"), dt.UTC], ids=repr)
def test_a_zone_has_no_effect_on_instants(call: str, tz: Any) -> None:
    assert WITH_TZ[call](*fed(call), tz) == 1


# --- numbers and lists ----------------------------------------------------------------------------

TEXTS_AND_FRACTIONS = ("1", 1.5, [1], b"1", None)


def numbered(name: str, make: Callable[[Any], Any], *, none: bool = False, prefix: str = "") -> list[Any]:
    """The calls of one parameter with each wrong kind. `none`: whether None is a value that it may
    have."""
    bad = [value for value in TEXTS_AND_FRACTIONS if not (none and value is None)]
    return [pytest.param(name, make, value, id=f"{prefix}{name}={value!r}") for value in bad]


def manager(**options: Any) -> sd.DataQualityManager:
    return sd.DataQualityManager(store()[0], "live", lambda *asked: None, **options)


GRID = sd.calendar("24/7").session("2024-03-12")
COUNTS = [
    *numbered("capacity", lambda v: sd.SessionData(capacity=v), none=True),
    *numbered("tick_capacity", lambda v: sd.SessionData(tick_capacity=v)),
    *numbered("quote_capacity", lambda v: sd.SessionData(quote_capacity=v)),
    *numbered("trailing_days", lambda v: sd.SessionData(trailing_days=v)),
    *numbered("trailing_days", lambda v: setattr(store()[0], "trailing_days", v), prefix="set "),
    *numbered("grace_ns", lambda v: sd.SessionData(grace_ns=v)),
    *numbered("n", lambda v: store()[0].get_last_n_bars("SPY", v)),
    *numbered("n", lambda v: store()[1].bars().last(v), prefix="bars "),
    *numbered("n", lambda v: store()[1].bars("5m").last(v), prefix="derived "),
    *numbered("n", lambda v: store()[1].ticks.last(v), prefix="ticks "),
    *numbered("n", lambda v: store()[1].quotes.last(v), prefix="quotes "),
    *numbered("i", lambda v: store()[1].bars().window(v, None), none=True),
    *numbered("j", lambda v: store()[1].quotes.window(0, v), none=True),
    *numbered("days", lambda v: store()[0].get_historical_bars("SPY", days=v), none=True),
    *numbered("days", lambda v: store()[0].add_historical_indicator("own", len, days=v), prefix="indicator "),
    *numbered("workers", lambda v: sd.find_gaps({"SPY": INTS}, GRID, "1m", workers=v), none=True),
    *numbered("workers", lambda v: sd.quality({"SPY": INTS}, GRID, "1m", workers=v), none=True, prefix="quality "),
    *numbered("max_retries", lambda v: manager(max_retries=v)),
    *numbered("keep_records", lambda v: manager(keep_records=v)),
    *numbered("start_ns", lambda v: store()[1].set_gaps("1m", [sd.GapInfo("SPY", "1m", v, NS, 1)])),
    *numbered("bar_count", lambda v: store()[1].set_gaps("1m", [sd.GapInfo("SPY", "1m", NS, NS, v)])),
]


@pytest.mark.parametrize(("name", "make", "value"), COUNTS)
def test_what_is_no_whole_number_is_refused_by_the_name_of_its_parameter(
    name: str, make: Callable[[Any], Any], value: Any
) -> None:
    with pytest.raises(sd.ArgumentTypeError, match=rf"^{name} .*is a whole number: ") as caught:
        make(value)
    assert caught.value.value == value


@pytest.mark.parametrize(
    "name", ["retry_interval_seconds", "backoff", "max_interval_seconds", "timeout_seconds", "poll_seconds"]
)
@pytest.mark.parametrize("value", ["1", b"1", [1], None, 1j, True], ids=repr)
def test_seconds_that_are_no_numbers_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(sd.ArgumentTypeError, match=f"^{name} is a real number: ") as caught:
        manager(**{name: value})
    assert caught.value.value == value


def test_timeout_of_stop_is_a_number_also_where_nothing_runs() -> None:
    held = manager()
    with pytest.raises(sd.ArgumentTypeError, match=r"^timeout is a real number: 'x'"):
        held.stop("x")  # type: ignore[arg-type]
    assert held.stop(1)
    assert held.stop()


LISTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "derived_intervals": ("derived intervals", lambda v: sd.SessionData(derived_intervals=v)),
    "registered": ("derived intervals", lambda v: store()[0].register_symbol("QQQ", derived_intervals=v)),
    "to_dict symbols": ("symbols", lambda v: store()[0].to_dict(symbols=v)),
    "to_json symbols": ("symbols", lambda v: store()[0].to_json(symbols=v)),
    "export_into symbols": ("symbols", lambda v: store()[0].export_into(bytearray(99_999), symbols=v)),
    "to_dict intervals": ("intervals", lambda v: store()[0].to_dict(intervals=v)),
    "to_json intervals": ("intervals", lambda v: store()[0].to_json(intervals=v)),
    "append_slice": ("symbols", lambda v: store()[0].append_slice(v, NS, *[ONE] * 5)),
}


@pytest.mark.parametrize("call", LISTS)
@pytest.mark.parametrize("value", [5, 1.5, object, True], ids=repr)
def test_what_is_no_list_is_refused_by_name(call: str, value: Any) -> None:
    name, make = LISTS[call]
    with pytest.raises(sd.ArgumentTypeError, match=f"^{name} are a ") as caught:
        make(value)
    assert caught.value.value == value


def test_names_that_cannot_be_names_are_refused() -> None:
    data, _ = store()
    data.to_dict()
    for complete in (True, False):
        for export in (data.to_dict, data.to_json):
            with pytest.raises(sd.ArgumentTypeError, match=r"^symbols are a list of names: \[\[\]\]"):
                export(complete, symbols=[[]])
            with pytest.raises(sd.UnknownNameError, match="no cursor"):
                export(complete, cursor=[])
    with pytest.raises(sd.UnknownNameError, match="a cursor's name is a text"):
        data.export_cursor([])  # type: ignore[arg-type]
    for quote_bars in ([], {}, 5):
        with pytest.raises(sd.ArgumentError, match="quote_bars is"):
            data.register_symbol("QQQ", quote_bars=quote_bars)
    assert list(data.symbols) == ["SPY"]


def test_an_error_inside_of_an_iterable_is_its_own() -> None:
    def broken() -> Any:
        yield "5m"
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        sd.SessionData(derived_intervals=broken())
    with pytest.raises(TypeError, match=r"^mine$"):
        store()[0].to_json(symbols=broken())


@pytest.mark.parametrize("name", ["weekdays", "holidays", "breaks", "early_closes", "late_opens"])
@pytest.mark.parametrize("value", [5, [5], [[]], 1.5], ids=repr)
def test_hours_of_a_wrong_kind_are_refused_by_name(name: str, value: Any) -> None:
    if (name, value) == ("weekdays", [5]):
        value = [7]  # Saturday is a weekday
    said = {"breaks": "break", "holidays": "holidays|trade date"}.get(name, name)
    with pytest.raises(sd.CalendarError, match=said):
        sd.SessionCalendar.from_hours("09:30", "16:00", "UTC", **{name: value})


@pytest.mark.parametrize("span", [5, "x", ("x", "y"), (1.5, 2.5), (NS,), (None, None)], ids=repr)
def test_a_span_of_a_wrong_kind_is_refused(span: Any) -> None:
    with pytest.raises(sd.CalendarError, match="the span is two int"):
        sd.SessionGrid(DAY, "UTC", [(NS, NS + 10**9)], span)


def test_positions_of_a_wrong_kind_stay_the_errors_of_python() -> None:
    _, symbol = store()
    for rows in (symbol.bars(), symbol.bars().copy(), symbol.ticks):
        with pytest.raises(TypeError, match="integer"):
            rows["1"]
