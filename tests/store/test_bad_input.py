"""Law 4: a rejected call raises one typed error that names symbol, row, value and rule, and changes
nothing.

Every call is made twice: on a store in the middle of a session, and on one without a session, in
which the rejected call is the very first one (it must not start a session then, nor move the
sequence). "Nothing" is compared as bytes: the exported document with its sequence, and every
counter.
"""

from __future__ import annotations

import array
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
from sessiondata.store.symbol import state_of
from worlds import HOUR, MINUTE, utc

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
DATE = "2024-03-12"
OPEN = utc("2024-03-12T09:30:00-04:00")
T = OPEN + 20 * MINUTE
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)
NAMES = ("open", "high", "low", "close", "volume")
NAT = -(2**63)


def make_store(*, started: bool) -> sd.SessionData:
    store = sd.SessionData(CALENDAR, "1m", ("5m", "15m", "1h", "1d"))
    for name in ("SPY", "IBM"):
        store.register_symbol(name)
    if started:
        for i in (-3, 0, 1, 2, 7, 8):
            store.append("SPY", OPEN + i * MINUTE, *BAR)
        store.append("IBM", OPEN + MINUTE, *BAR)
        store.symbols["IBM"].bars_updated = False
    return store


@pytest.fixture(params=["in a session", "first call"])
def data(request: pytest.FixtureRequest) -> sd.SessionData:
    return make_store(started=request.param == "in a session")


def state(data: sd.SessionData) -> tuple[Any, ...]:
    """Everything that can be seen of a store."""
    symbols = [
        (
            symbol.counters, symbol.metrics(), symbol.bars_updated, symbol.bar_gaps, symbol.bar_quality,
            [(s.n_base.tolist(), s.forming, s.expected, s.present, s.total_count)
             for s in map(symbol.bars, symbol.intervals)],
        )
        for symbol in data.symbols.values()
    ]  # fmt: skip
    return data.to_json(timestamps="epoch_ns"), data.sequence, data.grid, data.as_of, list(data.symbols), repr(symbols)


def refused(data: sd.SessionData, call: Callable[[], Any], kind: type[Exception], **attributes: Any) -> Exception:
    """Assert that a call raises exactly this type, with these attributes, and leaves no trace."""
    before = state(data)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call()
    error = caught.value
    assert type(error) is kind, f"{type(error).__name__}: {error}"
    assert {name: getattr(error, name) for name in attributes} == attributes
    assert state(data) == before
    return error


def columns(n: int = 2) -> dict[str, Any]:
    return {"ts_ns": np.arange(n) * MINUTE + T, **{name: np.full(n, x) for name, x in zip(NAMES, BAR, strict=True)}}


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

WRONG_COLUMNS = {
    "None": None,
    "a number": 1.0,
    "0-d": np.array(1.0),
    "2-d": np.ones((2, 1)),
    "2-d of one row": np.ones((1, 2)),
    "bool": [True, False],
    "bool array": np.array([True, False]),
    "text": ["10.0", "10.0"],
    "one text": "10",
    "bytes": b"10",
    "complex": np.array([10 + 0j, 10]),
    "Decimal": [Decimal(10), Decimal(10)],
    "object array": np.array([10.0, 10.0], object),
    "with None": [10.0, None],
    "huge ints": [10**400, 1],
    "beyond uint64": [2**64, 1],
    "datetime64": np.array([T, T], "datetime64[ns]"),
    "timedelta64": np.array([1, 2], "timedelta64[ns]"),
    "structured": np.zeros(2, [("a", float)]),
    "dict": {"a": 1.0},
    "set": {10.0, 11.0},
    "generator": (x for x in (10.0, 10.0)),
    "pandas bool with NA": pd.Series([True, None], dtype="boolean"),
    "pandas object": pd.Series([10.0, None], dtype=object),
    "pandas text": pd.Series(["a", "b"]),
    "polars bool": pl.Series([True, False]),
    "polars text": pl.Series(["a", "b"]),
    "polars frame": pl.DataFrame({"a": [10.0, 10.0]}),
    "polars decimal": pl.Series([Decimal("10.5"), None]),
    "arrow bool": pa.array([True, False]),
    "arrow text": pa.array(["a", "b"]),
    "arrow table": pa.table({"a": [10.0, 10.0]}),
    "arrow decimal": pa.array([Decimal("10.5"), None]),
}


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


WRONG_TIME_COLUMNS = {
    "None": None,
    "a number": T,
    "0-d": np.array(T),
    "2-d": np.full((2, 1), T),
    "float": np.array([T, T], float),
    "bool": np.array([True, False]),
    "text": ["2024-03-12", "2024-03-12"],
    "one text": "2024-03-12",
    "naive datetimes": [dt.datetime(2024, 3, 12), dt.datetime(2024, 3, 13)],
    "naive pandas": pd.Series(pd.to_datetime(["2024-03-12 09:50", "2024-03-12 09:51"])),
    "naive polars": pl.Series([dt.datetime(2024, 3, 12), dt.datetime(2024, 3, 13)]),
    "naive arrow": pa.array([dt.datetime(2024, 3, 12), dt.datetime(2024, 3, 13)]),
    "dates of polars": pl.Series([dt.date(2024, 3, 12), dt.date(2024, 3, 13)]),
    "dates of arrow": pa.array([dt.date(2024, 3, 12), dt.date(2024, 3, 13)]),
    "timedelta64": np.array([T, T], "timedelta64[ns]"),
    "a mixture": [T, dt.datetime(2024, 3, 12, tzinfo=dt.UTC)],
    "uint64 beyond int64": np.array([T, 2**64 - 1], np.uint64),
    "seconds that overflow": np.array([0, 2**60], "datetime64[s]"),
    "datetime64 without unit": np.zeros(2, "datetime64"),
    "pandas frame": pd.DataFrame({"t": [T, T]}),
    "masked float": np.ma.array([1.0, 2.0]),
    "huge ints": [10**400, T],
}


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


def _unaligned(values: np.ndarray) -> np.ndarray:
    raw = bytearray(b"x") + bytearray(values.tobytes())
    return np.frombuffer(raw, values.dtype, len(values), 1)


ACCEPTED = {
    "list": lambda x: x.tolist(),
    "tuple": lambda x: tuple(x.tolist()),
    "strided": lambda x: np.repeat(x, 3)[::3],
    "reversed": lambda x: x[::-1].copy()[::-1],
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "column of a matrix": lambda x: np.stack([x, x], axis=1)[:, 0],
    "field of a record": lambda x: np.rec.fromarrays([np.zeros(len(x), np.int8), x], names=["a", "b"])["b"],
    "unaligned": _unaligned,
    "memoryview": memoryview,
    "array.array": lambda x: array.array("q" if x.dtype.kind == "i" else "d", x.tolist()),
}


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
