"""Law 4: a rejected call raises one typed error that names symbol, row, value and rule, and changes
nothing.

Every call is made twice: on a store in the middle of a session, and on one without a session, in
which the rejected call is the very first one (it must not start a session then, nor move the
sequence). "Nothing" is compared as bytes: the exported document with its sequence, and every
counter.

Long because each rule is a case of its own; they share one fixture and one look.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import sessiondata as sd
from refusals import (
    ACCEPTED,
    BAR,
    CALENDAR,
    DATE,
    NAMES,
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
from sessiondata.store.symbol import state_of
from worlds import HOUR, MINUTE


@pytest.fixture(params=["in a session", "first call"])
def data(request: pytest.FixtureRequest) -> sd.SessionData:
    return make_store(started=request.param == "in a session")


def slice_of(**changes: Any) -> tuple[Any, ...]:
    return tuple({"symbols": ["SPY", "IBM"], **columns(), **changes}.values())


# --- values ---------------------------------------------------------------------------------------


BAD_VALUES = [
    pytest.param({"open": math.nan}, "ERR_NOT_FINITE", "open=nan", id="NaN open"),
    pytest.param({"high": math.inf}, "ERR_NOT_FINITE", "high=inf", id="infinite high"),
    pytest.param({"low": -math.inf}, "ERR_NOT_FINITE", "low=-inf", id="infinite low"),
    pytest.param({"close": math.nan, "volume": math.inf}, "ERR_NOT_FINITE", "close=nan, volume=inf", id="two at once"),
    pytest.param({"volume": -math.inf}, "ERR_NOT_FINITE", "volume=-inf", id="infinite before negative"),
    pytest.param({"high": 1.0, "low": 2.0}, "ERR_HIGH_LOW", "high=1.0, low=2.0", id="high below low"),
    pytest.param({"volume": -1e-300}, "ERR_VOLUME", "volume=-1e-300", id="negative volume"),
    pytest.param(
        {"high": 1.0, "low": 2.0, "volume": -1.0}, "ERR_HIGH_LOW", "high=1.0, low=2.0", id="order of the rules"
    ),
]
RULES = {
    "ERR_NOT_FINITE": "open, high, low, close and volume must be finite",
    "ERR_HIGH_LOW": "high must not be below low",
    "ERR_VOLUME": "volume must not be negative",
    "ERR_NAT": "timestamp must not be NaT",
    "ERR_TS_RANGE": "timestamp plus interval must fit in int64 nanoseconds",
}


@pytest.mark.parametrize(("change", "code", "value"), BAD_VALUES)
def test_append_refuses_a_bad_value(data: sd.SessionData, change: dict[str, float], code: str, value: str) -> None:
    bar = {**dict(zip(NAMES, BAR, strict=True)), **change}
    attributes = {"symbol": "SPY", "row": None, "value": value, "code": code, "rule": RULES[code]}
    refused(data, lambda: data.append("SPY", T, *bar.values()), sd.BarError, **attributes)


@pytest.mark.parametrize("row", [0, 3, 299])
@pytest.mark.parametrize(("change", "code", "value"), BAD_VALUES)
def test_extend_refuses_the_whole_batch_and_names_the_row(
    data: sd.SessionData, change: dict[str, float], code: str, value: str, row: int
) -> None:
    batch = columns(300)
    for name, bad in change.items():
        batch[name][row] = bad
        batch[name][-1] = bad  # the first one is named
    attributes = {"symbol": "SPY", "row": row, "value": value, "code": code, "rule": RULES[code]}
    refused(data, lambda: data.extend("SPY", **batch), sd.BarError, **attributes)


@pytest.mark.parametrize(("change", "code", "value"), BAD_VALUES)
def test_append_slice_refuses_all_symbols_for_one_bad_bar(
    data: sd.SessionData, change: dict[str, float], code: str, value: str
) -> None:
    batch = {name: np.array([x, change.get(name, x)]) for name, x in zip(NAMES, BAR, strict=True)}
    attributes = {"symbol": "IBM", "row": 1, "value": value, "code": code, "rule": RULES[code]}
    refused(data, lambda: data.append_slice(["SPY", "IBM"], T, *batch.values()), sd.BarError, **attributes)


def test_the_row_that_is_named_is_the_one_of_the_unsorted_batch(data: sd.SessionData) -> None:
    batch = columns(5)
    batch["ts_ns"] = batch["ts_ns"][::-1]
    batch["high"][4] = 1.0  # the earliest bar stands last
    attributes = {"symbol": "SPY", "row": 4, "value": "high=1.0, low=9.0", "code": "ERR_HIGH_LOW"}
    refused(data, lambda: data.extend("SPY", **batch), sd.BarError, **attributes)


# --- what is no number ----------------------------------------------------------------------------


@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize(
    "value",
    [
        None, "1.5", b"1.5", 1j, [1.0], (1.0,), {}, object(), pd.NA, pd.NaT, dt.datetime(2024, 3, 12), 10**400,
        np.array([1.0]), np.array([1.0, 2.0]), np.timedelta64(1, "s"), pd.Timedelta(1, "s"), pd.Timestamp(0),
    ],
    ids=repr,
)  # fmt: skip
def test_append_refuses_what_is_no_number(data: sd.SessionData, value: Any, position: int) -> None:
    bar: list[Any] = list(BAR)
    bar[position] = value
    attributes = {"symbol": "SPY", "row": None, "code": "ERR_TYPE", "value": f"{NAMES[position]}={value!r}"}
    refused(data, lambda: data.append("SPY", T, *bar), sd.BarTypeError, **attributes)


@pytest.mark.parametrize("value", [True, np.True_], ids=repr)
def test_append_refuses_bool_as_extend_does(data: sd.SessionData, value: Any) -> None:
    refused(data, lambda: data.append("SPY", T, value, *BAR[1:]), sd.BarTypeError, symbol="SPY", code="ERR_TYPE")
    refused(data, lambda: data.extend("SPY", [T], [value], *([x] for x in BAR[1:])), sd.BarTypeError, symbol="SPY")


@pytest.mark.parametrize(
    "value",
    [np.complex128(10 + 5j), np.datetime64(T, "ns"), np.ma.masked],
    ids=["complex scalar of NumPy", "a time in a price column", "masked"],
)
def test_append_refuses_scalars_of_numpy_that_float_would_take(data: sd.SessionData, value: Any) -> None:
    bar = (value, 1e300, -1e300, 1.0, 1.0)
    refused(data, lambda: data.append("SPY", T, *bar), sd.BarTypeError, symbol="SPY", code="ERR_TYPE")


def test_an_int_too_long_to_be_printed_is_a_typed_error_too(data: sd.SessionData) -> None:
    long = 10**5000
    refused(data, lambda: data.append("SPY", T, long, *BAR[1:]), sd.BarTypeError, symbol="SPY", code="ERR_TYPE")
    refused(data, lambda: data.append("SPY", long, *BAR), sd.BarError, symbol="SPY", code="ERR_TS_RANGE")
    refused(data, lambda: data.advance_to(long), sd.TimeError)


def test_what_float_says_is_the_callers_affair(data: sd.SessionData) -> None:
    class Broken:
        def __float__(self) -> float:
            raise RuntimeError("no quote today")

    refused(data, lambda: data.append("SPY", T, Broken(), *BAR[1:]), RuntimeError)


@pytest.mark.parametrize(
    "value",
    [
        11, np.int64(11), np.uint8(11), np.float32(11), np.float16(11), np.longdouble(11), Decimal(11), Fraction(22, 2),
    ],
    ids=repr,
)  # fmt: skip
def test_append_takes_every_real_number(data: sd.SessionData, value: Any) -> None:
    assert data.append("SPY", T, value, value, value, value, value)
    assert data.symbols["SPY"].bars_base[-1][1:6] == (11.0,) * 5


@pytest.mark.parametrize("n", [0, 1, 5, 7])
def test_append_takes_six_values(data: sd.SessionData, n: int) -> None:
    refused(data, lambda: data.symbols["SPY"].append(*(T, *BAR, 1.0)[:n]), TypeError)


# --- columns --------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", WRONG_COLUMNS.values(), ids=WRONG_COLUMNS)
@pytest.mark.parametrize("name", ["open", "volume"])
def test_extend_refuses_a_column_that_is_not_of_numbers(data: sd.SessionData, name: str, column: Any) -> None:
    attributes = {"symbol": "SPY", "row": None, "code": "ERR_DTYPE"}
    error = refused(data, lambda: data.extend("SPY", **{**columns(), name: column}), sd.BarTypeError, **attributes)
    assert str(error).startswith(f"{name} must be a one-dimensional array of numbers")


@pytest.mark.parametrize(
    "column",
    [
        pytest.param([[10.0], [10.0, 11.0]], id="ragged"),
        pytest.param(pd.DataFrame({"a": [10.0, 10.0]}), id="a pandas frame of one column"),
        pytest.param(np.ma.array([True, True]), id="masked bool"),
        pytest.param(np.ma.array([10 + 1j, 10]), id="masked complex"),
        pytest.param(np.ma.array(["10", "10"]), id="masked text"),
        pytest.param(np.ma.array([10.0, 10.0], dtype=object), id="masked object"),
    ],
)
def test_extend_refuses_columns_that_slip_past_the_dtype_check(data: sd.SessionData, column: Any) -> None:
    batch = {**columns(), "open": column}
    refused(data, lambda: data.extend("SPY", **batch), sd.BarTypeError, symbol="SPY", code="ERR_DTYPE")


@pytest.mark.parametrize("column", [[True, True], None, np.ones((2, 1)), ["a", "b"]], ids=repr)
def test_append_slice_refuses_a_column_that_is_not_of_numbers(data: sd.SessionData, column: Any) -> None:
    refused(data, lambda: data.append_slice(*slice_of(close=column)), sd.BarTypeError, code="ERR_DTYPE")


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(np.ma.array([10.0, 10.0], mask=[False, True]), id="masked"),
        pytest.param(pd.array([10.0, None], dtype="Float64"), id="pandas Float64 with NA"),
        pytest.param(pd.Series([10, None], dtype="Int64"), id="pandas Int64 with NA"),
        pytest.param(pd.Series([10.0, None], dtype="double[pyarrow]"), id="pandas on Arrow"),
        pytest.param(pl.Series([10.0, None]), id="polars null"),
        pytest.param(pl.Series([10, None]), id="polars int null"),
        pytest.param(pa.array([10.0, None]), id="arrow null"),
        pytest.param(pa.array([10, None]), id="arrow int null"),
        pytest.param(pa.chunked_array([[10.0], [None]]), id="arrow chunks"),
    ],
)
def test_a_null_is_no_number_and_its_row_is_named(data: sd.SessionData, column: Any) -> None:
    attributes = {"symbol": "SPY", "row": 1, "value": "open=nan", "code": "ERR_NOT_FINITE"}
    refused(data, lambda: data.extend("SPY", **{**columns(), "open": column}), sd.BarError, **attributes)


def test_a_long_double_beyond_float64_is_not_finite(data: sd.SessionData) -> None:
    column = np.array(["1e400", "10"], np.longdouble)
    attributes = {"symbol": "SPY", "row": 0, "value": "open=inf", "code": "ERR_NOT_FINITE"}
    refused(data, lambda: data.extend("SPY", **{**columns(), "open": column}), sd.BarError, **attributes)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [0, 1, 3])
def test_columns_of_different_lengths_are_refused(data: sd.SessionData, name: str, n: int) -> None:
    attributes = {"symbol": "SPY", "row": None, "code": "ERR_LENGTH", "value": f"{name}: {n}, time: 2"}
    refused(data, lambda: data.extend("SPY", **{**columns(), name: np.full(n, 10.0)}), sd.BarError, **attributes)


def test_a_slice_has_one_bar_for_each_symbol(data: sd.SessionData) -> None:
    refused(data, lambda: data.append_slice(*slice_of(symbols=["SPY"])), sd.BarError, code="ERR_LENGTH")
    refused(data, lambda: data.append_slice(*slice_of(symbols=["SPY"], ts_ns=T)), sd.BarError, code="ERR_LENGTH")
    refused(data, lambda: data.append_slice(*slice_of(symbols=[])), sd.BarError, code="ERR_LENGTH")
    refused(data, lambda: data.append_slice(*slice_of(volume=[1.0])), sd.BarError, code="ERR_LENGTH")


def test_time_and_prices_in_the_wrong_order_are_refused(data: sd.SessionData) -> None:
    c = columns()
    swapped = (c["open"], c["ts_ns"], c["high"], c["low"], c["close"])
    refused(data, lambda: data.extend("SPY", *swapped, c["volume"]), sd.TimeError)
    refused(data, lambda: data.append("SPY", 10.0, T, 12.0, 9.0, 11.0, 100.0), sd.TimeError)
    # open, high, low, close as close, low, high, open: nothing but the rule of high and low can
    # tell
    reverse = (c["close"], c["low"], c["high"], c["open"])
    refused(
        data, lambda: data.extend("SPY", c["ts_ns"], *reverse, c["volume"]), sd.BarError, code="ERR_HIGH_LOW", row=0
    )


# --- times ----------------------------------------------------------------------------------------


WRONG_TIMES = {
    "None": None,
    "bool": True,
    "float": float(T),
    "NumPy float": np.float64(T),
    "text": "2024-03-12T09:50:00-04:00",
    "complex": 1j,
    "Decimal": Decimal(T),
    "naive datetime": dt.datetime(2024, 3, 12, 9, 50),
    "naive Timestamp": pd.Timestamp("2024-03-12 09:50"),
    "date": dt.date(2024, 3, 12),
    "time": dt.time(9, 50),
    "timedelta": dt.timedelta(1),
    "timedelta64": np.timedelta64(T, "ns"),
    "NaT of NumPy": np.datetime64("NaT", "s"),
    "NaT of pandas": pd.NaT,
    "NA": pd.NA,
    "list": [T],
    "array": np.array([T]),
    "beyond int64": np.uint64(2**63),
    "datetime64 beyond int64": np.datetime64("9999-01-01", "D"),
    "datetime of the year 1": dt.datetime(1, 1, 1, tzinfo=dt.UTC),
}


@pytest.mark.parametrize("value", WRONG_TIMES.values(), ids=WRONG_TIMES)
def test_append_refuses_what_is_no_point_in_time(data: sd.SessionData, value: Any) -> None:
    refused(data, lambda: data.append("SPY", value, *BAR), sd.TimeError)


def test_a_bad_time_of_append_is_reported_with_the_symbol_as_extend_does(data: sd.SessionData) -> None:
    error = refused(data, lambda: data.extend("SPY", [float(T)], *([x] for x in BAR)), sd.TimeError)
    assert "SPY" in str(error)
    error = refused(data, lambda: data.append("SPY", float(T), *BAR), sd.TimeError)
    assert "SPY" in str(error)


@pytest.mark.parametrize("value", WRONG_TIMES.values(), ids=WRONG_TIMES)
def test_the_clock_refuses_what_is_no_point_in_time(data: sd.SessionData, value: Any) -> None:
    refused(data, lambda: data.advance_to(value), sd.TimeError)


@pytest.mark.parametrize(
    ("ts", "code"),
    [(NAT, "ERR_NAT"), (2**63, "ERR_TS_RANGE"), (-(2**63) - 1, "ERR_TS_RANGE"), (10**400, "ERR_TS_RANGE")],
)
def test_append_refuses_ints_that_are_no_time(data: sd.SessionData, ts: int, code: str) -> None:
    attributes = {"symbol": "SPY", "row": None, "code": code, "value": f"ts_ns={ts}", "rule": RULES[code]}
    refused(data, lambda: data.append("SPY", ts, *BAR), sd.BarError, **attributes)


@pytest.mark.parametrize("column", WRONG_TIME_COLUMNS.values(), ids=WRONG_TIME_COLUMNS)
def test_extend_and_append_slice_refuse_what_is_no_column_of_times(data: sd.SessionData, column: Any) -> None:
    error = refused(data, lambda: data.extend("SPY", **{**columns(), "ts_ns": column}), sd.TimeError)
    assert "SPY" in str(error)
    if np.ndim(column) or isinstance(column, str):
        refused(data, lambda: data.append_slice(*slice_of(ts_ns=column)), sd.TimeError)


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(np.array([T, NAT]), id="int64"),
        pytest.param(np.array([T // 10**9, NAT], "datetime64[s]"), id="datetime64"),
        pytest.param(np.ma.array([T, T], mask=[False, True]), id="masked"),
        pytest.param(pd.Series([pd.Timestamp(T, tz="UTC"), pd.NaT]), id="pandas NaT"),
        pytest.param(pd.array([T, None], dtype="Int64"), id="pandas Int64 with NA"),
        pytest.param(pl.Series([dt.datetime(2024, 3, 12, 13, 50), None]).dt.replace_time_zone("UTC"), id="polars null"),
        pytest.param(pl.Series([T, None]), id="polars int null"),
        pytest.param(pa.array([T, None], pa.timestamp("ns", "UTC")), id="arrow null"),
        pytest.param(pa.array([T, None]), id="arrow int null"),
        pytest.param([dt.datetime(2024, 3, 12, 13, 50, tzinfo=dt.UTC), None], id="None in a list"),
    ],
)
def test_a_null_time_names_its_row(data: sd.SessionData, column: Any) -> None:
    attributes = {"row": 1, "code": "ERR_NAT", "rule": RULES["ERR_NAT"], "value": f"ts_ns={NAT}"}
    refused(data, lambda: data.extend("SPY", **{**columns(), "ts_ns": column}), sd.BarError, symbol="SPY", **attributes)
    refused(data, lambda: data.append_slice(*slice_of(ts_ns=column)), sd.BarError, symbol="IBM", **attributes)


def test_a_column_of_nothing_but_nat_is_refused_in_the_same_words_everywhere(data: sd.SessionData) -> None:
    column = np.array([NAT, NAT])
    attributes = {"symbol": "SPY", "row": 0, "code": "ERR_NAT", "value": f"ts_ns={NAT}"}
    refused(data, lambda: data.extend("SPY", **{**columns(), "ts_ns": column}), sd.BarError, **attributes)
    refused(data, lambda: data.append_slice(*slice_of(ts_ns=column)), sd.BarError, **attributes)


def test_a_batch_that_reaches_into_a_later_trade_date_is_refused_as_a_whole(data: sd.SessionData) -> None:
    batch = {**columns(3), "ts_ns": np.array([T, T + 24 * HOUR, T + MINUTE])}
    error = refused(data, lambda: data.extend("SPY", **batch), sd.LaterSessionError)
    for part in ("symbol='SPY'", "row=1", f"ts_ns={T + 24 * HOUR}", "later trade date", "ERR_LATER_SESSION"):
        assert part in str(error)
    error = refused(data, lambda: data.append_slice(*slice_of(ts_ns=[T, T + 24 * HOUR])), sd.LaterSessionError)
    assert "symbol='IBM'" in str(error)
    assert "row=1" in str(error)


@pytest.mark.parametrize("label", ["open", "close"])
def test_an_int_near_the_end_of_int64_is_refused_with_its_row(data: sd.SessionData, label: str) -> None:
    far = 2**63 - 1 if label == "open" else -(2**63) + 1
    batch = {**columns(), "ts_ns": np.array([T, far])}
    attributes = {"symbol": "SPY", "row": 1, "code": "ERR_TS_RANGE", "value": f"ts_ns={far}"}
    if label == "close":
        data.start_session(DATE)  # else the session would be that of a time which no calendar knows
    refused(data, lambda: data.extend("SPY", **batch, label=label), sd.BarError, **attributes)


def test_the_first_bar_of_a_store_must_belong_to_a_trade_date() -> None:
    data = sd.SessionData(CALENDAR, "1m", ("5m",))
    data.register_symbol("SPY")
    saturday = OPEN + 4 * 24 * HOUR
    before = state(data)
    calls: list[Callable[[], Any]] = [
        lambda: data.append("SPY", saturday, *BAR),
        lambda: data.extend("SPY", [saturday], *([x] for x in BAR)),
        lambda: data.append_slice(["SPY"], saturday, *([x] for x in BAR)),
    ]
    for call in calls:
        with pytest.raises(sd.CalendarError, match=rf"belongs to no trade date.*ts_ns={saturday} symbol='SPY'"):
            call()
        assert state(data) == before
    with pytest.raises(sd.DateOutOfRangeError, match=f"ts_ns={2**63 - 1 - MINUTE} symbol='SPY'"):
        data.append("SPY", 2**63 - 1 - MINUTE, *BAR)
    assert state(data) == before


def test_a_refused_first_call_leaves_a_store_that_any_other_date_may_start() -> None:
    data = make_store(started=False)
    batch = {**columns(), "high": [1.0, 1.0]}
    for _ in range(3):
        with pytest.raises(sd.BarError, match="ERR_HIGH_LOW"):
            data.extend("SPY", **batch)
        assert data.session_date is None
    data.append("IBM", T + 24 * HOUR, *BAR)
    assert data.session_date == dt.date(2024, 3, 13)
    state_of(data.symbols["SPY"]).core.check_invariants()
    assert len(data.symbols["SPY"].bars_base) == 0


# --- on_bad="skip" --------------------------------------------------------------------------------


def test_skip_leaves_bad_rows_out_counts_each_reason_and_stores_the_rest(data: sd.SessionData) -> None:
    if data.grid is None:
        data.start_session(DATE)
    batch = columns(8)
    batch["open"][1] = math.nan
    batch["high"][2] = 1.0
    batch["volume"][3] = -1.0
    batch["ts_ns"][4] = NAT
    batch["ts_ns"][5] = 2**63 - 1
    batch["ts_ns"][6] = T + 24 * HOUR
    spy = data.symbols["SPY"]
    count, stored = len(spy.bars_base), spy.counters["stored"]
    assert data.extend("SPY", **batch, on_bad="skip") == 2
    reasons = ("ERR_NOT_FINITE", "ERR_HIGH_LOW", "ERR_VOLUME", "ERR_NAT", "ERR_TS_RANGE", "ERR_LATER_SESSION")
    assert spy.counters["skipped"] == dict.fromkeys(reasons, 1)
    assert (len(spy.bars_base) - count, spy.counters["stored"] - stored) == (2, 2)
    assert spy.bars_base.timestamp[-2:].tolist() == [T, T + 7 * MINUTE]


def test_a_row_that_is_skipped_does_not_choose_the_session() -> None:
    data = sd.SessionData(CALENDAR, "1m", ("5m",))
    spy = data.register_symbol("SPY")
    batch = {**columns(3), "ts_ns": np.array([T - 24 * HOUR, T, T + MINUTE])}
    batch["open"][0] = math.nan
    assert spy.extend(**batch, on_bad="skip") == 2
    assert data.session_date == dt.date(2024, 3, 12)
    assert spy.counters["skipped"] == {"ERR_NOT_FINITE": 1}


def test_a_first_batch_of_nothing_but_bad_rows_is_counted_and_starts_no_session() -> None:
    data = sd.SessionData(CALENDAR, "1m", ("5m",))
    spy = data.register_symbol("SPY")
    assert spy.extend(**{**columns(), "high": [1.0, 1.0]}, on_bad="skip") == 0
    assert data.session_date is None
    assert spy.counters["skipped"] == {"ERR_HIGH_LOW": 2}


def test_a_first_batch_without_any_time_is_skipped_like_a_later_one() -> None:
    data = sd.SessionData(CALENDAR, "1m", ("5m",))
    spy = data.register_symbol("SPY")
    assert spy.extend(**{**columns(), "ts_ns": np.array([NAT, NAT])}, on_bad="skip") == 0
    assert spy.counters["skipped"] == {"ERR_NAT": 2}


def test_skip_still_raises_for_what_is_wrong_with_a_whole_column(data: sd.SessionData) -> None:
    refused(data, lambda: data.extend("SPY", **{**columns(), "low": ["a", "b"]}, on_bad="skip"), sd.BarTypeError)
    refused(data, lambda: data.extend("SPY", **{**columns(), "low": [1.0]}, on_bad="skip"), sd.BarError)


@pytest.mark.parametrize(
    "options", [{"on_bad": "ignore"}, {"on_bad": None}, {"label": "left"}, {"label": 1}], ids=repr
)  # fmt: skip
def test_wrong_options_are_refused(data: sd.SessionData, options: dict[str, Any]) -> None:
    refused(data, lambda: data.extend("SPY", **columns(), **options), sd.ArgumentError)


def test_a_zone_that_does_not_exist_is_refused(data: sd.SessionData) -> None:
    naive = np.array(["2024-03-12T09:50", "2024-03-12T09:51"], "datetime64[s]")
    refused(data, lambda: data.extend("SPY", **{**columns(), "ts_ns": naive}, tz="America/Gotham"), sd.TimeError)


# --- what is accepted -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ACCEPTED.values(), ids=ACCEPTED)
def test_arrays_of_any_layout_are_taken_and_give_the_same_rows(data: sd.SessionData, how: Callable[[Any], Any]) -> None:
    c = columns(40)
    c["open"] = c["open"] + np.arange(40) / 7
    assert data.extend("SPY", *map(how, c.values())) == 40
    state_of(data.symbols["SPY"]).core.check_invariants()
    for name, column in zip(("timestamp", *NAMES), c.values(), strict=True):
        assert getattr(data.symbols["SPY"].bars_base, name)[-40:].tolist() == column.tolist()


def test_read_only_arrays_are_taken_and_never_written_to(data: sd.SessionData) -> None:
    c = columns(40)
    c["ts_ns"] = c["ts_ns"][::-1].copy()  # unsorted: sorted in a copy
    for column in c.values():
        column.flags.writeable = False
    copies = {name: column.copy() for name, column in c.items()}
    assert data.extend("SPY", **c, label="close") == 40
    assert all((c[name] == copies[name]).all() for name in c)


def test_the_callers_arrays_may_change_afterwards(data: sd.SessionData) -> None:
    c = columns(10)
    data.extend("SPY", **c)
    before = data.to_json()
    for column in c.values():
        column[:] = 0
    assert data.to_json() == before


def test_empty_arrays_store_nothing_and_start_no_session(data: sd.SessionData) -> None:
    before = state(data)
    for empty in ([], (), np.empty(0), np.empty(0, "datetime64[us]"), pd.Series([], dtype="int64"), np.empty(0, "U5")):
        times = np.empty(0, np.int64) if getattr(empty, "dtype", np.dtype(float)).kind in "fU" else empty
        assert data.extend("SPY", times, [], [], [], [], empty) == 0
    assert data.append_slice([], T, [], [], [], [], []) == 0
    assert data.append_slice([], [], [], [], [], [], []) == 0
    assert state(data) == before


def test_an_unsorted_batch_with_repeats_is_taken_in_time_order_and_the_later_row_corrects(data: sd.SessionData) -> None:
    spy = data.symbols["SPY"]
    times = np.array([4, 0, 2, 0, 4, 4]) * MINUTE + T
    closes = [1.0, 2.0, 3.0, 4.0, 5.0, 5.0]
    ones = [9.0] * 6
    assert spy.extend(times, ones, ones, ones, closes, ones) == 5
    assert spy.bars_base.timestamp[-3:].tolist() == [T, T + 2 * MINUTE, T + 4 * MINUTE]
    assert spy.bars_base.close[-3:].tolist() == [4.0, 3.0, 5.0]
    assert (spy.counters["corrected"], spy.counters["repeated"], spy.counters["late"]) == (2, 1, 0)
