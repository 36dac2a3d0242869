"""Law 4 of names, pins, the clock and the kernels of plain arrays: a rejected call names what was
wrong, and changes nothing."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sessiondata as sd
from refusals import (
    ACCEPTED,
    BAR,
    CALENDAR,
    DATE,
    NAT,
    OPEN,
    WRONG_COLUMNS,
    WRONG_TIME_COLUMNS,
    T,
    columns,
    make_store,
    refused,
    state,
)
from worlds import MINUTE


@pytest.fixture(params=["in a session", "first call"])
def data(request: pytest.FixtureRequest) -> sd.SessionData:
    return make_store(started=request.param == "in a session")


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["XYZ", "spy", "", None, 5, b"SPY", ["SPY"], ("SPY",), {}], ids=repr)
def test_an_unknown_symbol_is_a_key_error_that_names_it(data: sd.SessionData, symbol: Any) -> None:
    one = [[x] for x in BAR]
    calls: list[Callable[[], Any]] = [
        lambda: data.append(symbol, T, *BAR),
        lambda: data.extend(symbol, **columns()),
        lambda: data.append_slice([symbol], T, *one),
        lambda: data.append_slice(["SPY", symbol], T, *([x, x] for x in BAR)),
        lambda: data.get_symbol_data(symbol),
        lambda: data.remove_symbol(symbol),
        lambda: data.set_quality(symbol, "1m", 50.0),
    ]
    for call in calls:
        error = refused(data, call, sd.UnknownNameError)
        assert isinstance(error, KeyError)
        assert repr(symbol) in str(error)


@pytest.mark.parametrize("symbol", ["", None, 5, 1.5, b"SPY", "\ud800", ("SPY",), ["SPY"], {}], ids=ascii)
def test_register_symbol_refuses_what_is_no_name(data: sd.SessionData, symbol: Any) -> None:
    error = refused(data, lambda: data.register_symbol(symbol), sd.UnknownNameError)
    assert repr(symbol) in str(error)


@pytest.mark.parametrize(
    "interval", ["2m", "7m", "1x", "", "1M", "0m", "01m", " 1m", "1d ", "24h", 5, 60.0, None, b"1m"], ids=repr
)
def test_an_unknown_interval_is_named(data: sd.SessionData, interval: Any) -> None:
    spy = data.symbols["SPY"]
    if interval is not None:  # None is the base interval
        error = refused(data, lambda: spy.bars(interval), sd.UnknownNameError)
        assert repr(interval) in str(error)
        refused(data, lambda: data.get_gaps("SPY", interval), sd.UnknownNameError)
    refused(data, lambda: data.set_quality("SPY", interval, 50.0), sd.UnknownNameError)
    refused(data, lambda: data.set_gaps("SPY", interval, []), sd.UnknownNameError)


def test_an_interval_that_cannot_be_hashed_is_an_unknown_name_too(data: sd.SessionData) -> None:
    refused(data, lambda: data.get_gaps("SPY", ["1m"]), sd.UnknownNameError)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("base", "derived"),
    [
        ("2m", ("5m",)), ("5m", ("1m",)), ("5m", ("5m",)), ("1d", ()), ("1m", ("90s",)), ("1x", ()), ("0s", ()),
        ("25h", ()), ("1m", ("1w",)), (5, ()), ("1m", (5,)), ("1m", "5m"), ("1m", ("",)),
        ("1s", tuple(f"{i}s" for i in range(2, 20))),
    ],
    ids=repr,
)  # fmt: skip
def test_intervals_that_do_not_fit_are_refused(data: sd.SessionData, base: Any, derived: Any) -> None:
    refused(data, lambda: data.register_symbol("NEW", base, derived), sd.IntervalError)
    with pytest.raises(sd.IntervalError):
        sd.SessionData(CALENDAR, base, derived)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"calendar": "XNOPE"}, sd.CalendarError),
        ({"calendar": 5}, sd.CalendarError),
        ({"label": "left"}, ValueError),
        ({"label": None}, ValueError),
        ({"trailing_days": -1}, ValueError),
        ({"capacity": 0}, ValueError),
        ({"capacity": -5}, ValueError),
    ],
    ids=repr,
)
def test_a_store_refuses_options_that_make_no_sense(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        sd.SessionData(**options)


@pytest.mark.parametrize("capacity", [2.5, "5", 1e3, math.nan], ids=repr)
def test_a_capacity_is_a_whole_number_and_a_store_says_so_at_once(capacity: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        sd.SessionData(CALENDAR, capacity=capacity)


@pytest.mark.parametrize("capacity", [2**57, 2**59, 2**60, 2**61, 2**63 - 1, 2**64], ids=hex)
def test_a_capacity_whose_bytes_overflow_is_refused_and_never_a_small_block(capacity: int) -> None:
    def register() -> sd.SymbolSessionData:
        data = sd.SessionData(CALENDAR, "1m", ("5m",), capacity=capacity)
        data.start_session(DATE)
        return data.register_symbol("SPY")

    with pytest.raises((ValueError, MemoryError, OverflowError)):
        register()


# --- batch kernels --------------------------------------------------------------------------------


GRID = CALENDAR.session(DATE)


@pytest.mark.parametrize("kernel", [sd.find_gaps, sd.quality])
@pytest.mark.parametrize(
    ("ts", "row", "code"),
    [
        ([OPEN, OPEN + MINUTE, OPEN], 2, "ERR_TS_ORDER"),
        ([OPEN + MINUTE, OPEN + MINUTE, OPEN], 2, "ERR_TS_ORDER"),
        ([NAT, OPEN], 0, "ERR_NAT"),
        ([OPEN, NAT, OPEN], 1, "ERR_NAT"),
        ([OPEN - 10**15, OPEN, OPEN - 1], 2, "ERR_TS_ORDER"),
    ],
)
def test_scans_want_ascending_times_and_name_the_row(kernel: Any, ts: list[int], row: int, code: str) -> None:
    with pytest.raises(sd.BarError) as caught:
        kernel(np.array(ts), GRID, "1m")
    assert (caught.value.row, caught.value.code, caught.value.value) == (row, code, f"ts_ns={ts[row]}")


@pytest.mark.parametrize("kernel", [sd.find_gaps, sd.quality])
@pytest.mark.parametrize("column", WRONG_TIME_COLUMNS.values(), ids=WRONG_TIME_COLUMNS)
def test_scans_refuse_what_is_no_column_of_times(kernel: Any, column: Any) -> None:
    with pytest.raises(sd.TimeError):
        kernel(column, GRID, "1m")


@pytest.mark.parametrize("interval", ["1x", "", None, 5, "24h", "0m"], ids=repr)
def test_kernels_refuse_what_is_no_interval(interval: Any) -> None:
    with pytest.raises(sd.IntervalError):
        sd.find_gaps([OPEN], GRID, interval)
    with pytest.raises(sd.IntervalError):
        sd.quality([OPEN], GRID, interval)
    with pytest.raises(sd.IntervalError):
        sd.aggregate(tuple(columns().values()), GRID, "1m", interval)


@pytest.mark.parametrize("as_of", [1.5, "now", True, dt.datetime(2024, 3, 12), np.datetime64("NaT", "s")], ids=repr)
def test_as_of_is_a_point_in_time(as_of: Any) -> None:
    with pytest.raises(sd.TimeError):
        sd.find_gaps([OPEN], GRID, "1m", as_of)
    with pytest.raises(sd.TimeError):
        sd.quality([OPEN], GRID, "1m", as_of)


@pytest.mark.parametrize("kernel", [sd.find_gaps, sd.quality])
@pytest.mark.parametrize("how", ACCEPTED.values(), ids=ACCEPTED)
def test_scans_take_any_layout(kernel: Any, how: Callable[[Any], Any]) -> None:
    ts = np.array([0, 1, 5, 6, 6, 100]) * MINUTE + OPEN
    assert np.array_equal(kernel(how(ts), GRID, "1m"), kernel(ts, GRID, "1m"))
    ts.flags.writeable = False
    assert np.array_equal(kernel(ts, GRID, "1m"), kernel(ts.copy(), GRID, "1m"))


def test_scans_of_nothing_miss_everything() -> None:
    for empty in ([], np.empty(0, np.int64), pd.Series([], dtype="datetime64[us, UTC]")):
        gaps = sd.find_gaps(empty, GRID, "1m")
        assert [column.tolist() for column in gaps] == [[OPEN], [OPEN + 389 * MINUTE], [390]]
        assert sd.quality(empty, GRID, "1m") == 0.0
        assert sd.quality(empty, GRID, "1m", OPEN) == 100.0


@pytest.mark.parametrize(
    ("change", "row", "code"),
    [
        ({"ts_ns": [T, T]}, 1, "ERR_TS_REPEATED"),
        ({"ts_ns": [T, T - 1]}, 1, "ERR_TS_REPEATED"),
        ({"ts_ns": [NAT, T]}, 0, "ERR_NAT"),
        ({"ts_ns": [T, NAT]}, 1, "ERR_NAT"),
        ({"high": [1.0]}, None, "ERR_LENGTH"),
        ({"volume": []}, None, "ERR_LENGTH"),
    ],
)
def test_aggregate_refuses_what_does_not_ascend_or_match(change: dict[str, Any], row: int | None, code: str) -> None:
    with pytest.raises(sd.BarError) as caught:
        sd.aggregate(tuple({**columns(), **change}.values()), GRID, "1m", "5m")
    assert (type(caught.value), caught.value.row, caught.value.code) == (sd.BarError, row, code)


@pytest.mark.parametrize("column", WRONG_COLUMNS.values(), ids=WRONG_COLUMNS)
def test_aggregate_refuses_a_column_that_is_not_of_numbers(column: Any) -> None:
    with pytest.raises(sd.BarTypeError) as caught:
        sd.aggregate(tuple({**columns(), "close": column}.values()), GRID, "1m", "5m")
    assert caught.value.code == "ERR_DTYPE"


@pytest.mark.parametrize("n", [1, 5, 7])
def test_aggregate_wants_six_columns(n: int) -> None:
    c = [*columns().values(), np.zeros(2)]
    with pytest.raises(sd.BarTypeError, match="six columns"):
        sd.aggregate(c[:n], GRID, "1m", "5m")


@pytest.mark.parametrize("bars", [None, 5, ()], ids=repr)
def test_aggregate_of_no_columns_is_a_typed_error(bars: Any) -> None:
    with pytest.raises(sd.BarTypeError):
        sd.aggregate(bars, GRID, "1m", "5m")


@pytest.mark.parametrize(
    ("base", "derived"), [("5m", "1m"), ("2m", "5m"), ("1m", "1m"), ("1d", "1d"), ("1m", ("5m",)), ("1m", "25h")]
)
def test_aggregate_refuses_intervals_that_do_not_fit(base: Any, derived: Any) -> None:
    with pytest.raises(sd.IntervalError):
        sd.aggregate(tuple(columns().values()), GRID, base, derived)


@pytest.mark.parametrize("volume", [math.inf, -math.inf, 1e308, 2.0**961])
@pytest.mark.parametrize("many", [False, True])
def test_aggregate_makes_no_infinite_volume(volume: float, many: bool) -> None:
    """Two volumes of 1e308 were summed to infinity, which a store refuses."""
    bars = columns()
    bars["volume"] = np.array(bars["volume"], float)
    bars["volume"][1:] = math.nextafter(2.0**961, 0)
    row = tuple(bars.values())
    assert np.isfinite(sd.aggregate(row, GRID, "1m", "5m").volume).all()
    bars["volume"][-1] = volume
    with pytest.raises(sd.BarError, match="ERR_VOLUME") as caught:
        sd.aggregate({"OK": (*row[:5], np.ones(len(row[0]))), "A": row} if many else row, GRID, "1m", "5m")
    assert (caught.value.row, caught.value.symbol) == (len(row[0]) - 1, "A" if many else None)
    if volume > 0:
        assert "2**961 (1.9e289)" in str(caught.value)


def test_aggregate_of_empty_columns_is_empty() -> None:
    assert [len(column) for column in sd.aggregate(([],) * 6, GRID, "1m", "5m")] == [0] * 7


# --- pins and clock -------------------------------------------------------------------------------


@pytest.mark.parametrize("quality", [math.nan, -0.001, 100.001, math.inf], ids=repr)
def test_a_pinned_quality_lies_between_0_and_100(data: sd.SessionData, quality: float) -> None:
    error = refused(data, lambda: data.set_quality("SPY", "1m", quality), sd.BarError, symbol="SPY", code="ERR_QUALITY")
    assert repr(quality) in str(error)


@pytest.mark.parametrize("quality", ["5", b"5", [5.0], {}, 1j, np.datetime64("2024-03-12")], ids=repr)
def test_a_pinned_quality_is_a_number(data: sd.SessionData, quality: Any) -> None:
    error = refused(
        data, lambda: data.set_quality("SPY", "1m", quality), sd.ArgumentTypeError, symbol="SPY", code="ERR_TYPE"
    )
    assert "quality is a real number" in str(error)
    assert repr(quality) in str(error)


@pytest.mark.parametrize("name", ["outage_share", "active_share"])
@pytest.mark.parametrize("share", ["x", None, [0.5], 1j], ids=repr)
def test_a_share_is_a_number(data: sd.SessionData, name: str, share: Any) -> None:
    error = refused(data, lambda: data.classify_gaps(**{name: share}), sd.ArgumentTypeError, code="ERR_TYPE")
    assert f"{name} is a real number: {share!r}" in str(error)


def test_gaps_of_an_interval_that_is_none_are_asked_for_by_name(data: sd.SessionData) -> None:
    error = refused(data, lambda: data.classify_gaps("x"), sd.UnknownNameError)
    assert "'x'" in str(error)


@pytest.mark.parametrize(
    "change", [{"symbol": "QQQ"}, {"symbol": ""}, {"interval": "5m"}, {"interval": "1d"}], ids=repr
)
def test_pinned_gaps_are_of_the_symbol_and_the_interval(data: sd.SessionData, change: dict[str, Any]) -> None:
    """The document shows them below these names, and the manager of another symbol would be sent
    astray."""
    own = sd.GapInfo("SPY", "60s", OPEN, OPEN, 1)
    gap = own._replace(**change)
    error = refused(data, lambda: data.set_gaps("SPY", "1m", [own, gap]), sd.BarError, symbol="SPY", code="ERR_GAP")
    assert repr(gap) in str(error)
    assert isinstance(error, ValueError)
    refused(data, lambda: data.set_gaps("SPY", "1m", [own._replace(interval="soon")]), sd.IntervalError)
    data.set_gaps("SPY", "1m", [own])
    assert data.get_gaps("SPY", "1m") == [own]


@pytest.mark.parametrize("gaps", [5, ["gap"], [None], [(OPEN, OPEN, 1)], "gap"], ids=repr)
def test_pinned_gaps_are_gaps(data: sd.SessionData, gaps: Any) -> None:
    refused(data, lambda: data.set_gaps("SPY", "1m", gaps), sd.ArgumentTypeError)


@pytest.mark.parametrize(
    "change",
    [
        {"bar_count": 1.5}, {"bar_count": 2**63}, {"retry_count": 2**64}, {"start_ns": "x"},
        {"retry_count": 1, "last_retry": dt.datetime(2024, 3, 12)}, {"retry_count": 1, "last_retry": "yesterday"},
    ],
    ids=repr,
)  # fmt: skip
def test_a_gap_that_cannot_be_exported_is_refused_when_it_is_pinned(
    data: sd.SessionData, change: dict[str, Any]
) -> None:
    # Else every export fails (or says something else than to_dict) until the pin is taken back.
    gap = sd.GapInfo(**{"symbol": "SPY", "interval": "1m", "start_ns": OPEN, "end_ns": OPEN, "bar_count": 1, **change})
    before = state(data)
    with pytest.raises((TypeError, ValueError)):
        data.set_gaps("SPY", "1m", [gap])
    assert state(data) == before


@pytest.mark.parametrize(
    "date", [None, 5, "12.03.2024", "2024-3-12", "2024-03-16", "", dt.datetime(2024, 3, 12, 9)], ids=repr
)
def test_start_session_wants_a_trade_date(data: sd.SessionData, date: Any) -> None:
    refused(data, lambda: data.start_session(date), sd.CalendarError)


def test_another_session_cannot_start_while_one_is_under_way(data: sd.SessionData) -> None:
    data.start_session(DATE)
    refused(data, lambda: data.start_session("2024-03-13"), sd.SessionStateError)
