"""`extend(frame)`: columns by name, units by dtype, nulls refused with their row; the same result
as six arrays.

Long because each way in which a frame is wrong is a case of its own.
"""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sessiondata as sd
from market_data import on_both
from sessiondata.rows.columns import ALIASES
from worlds import MINUTE, utc

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
OPEN = utc("2024-03-12T09:30:00-04:00")
N = 24
VALUES = ("open", "high", "low", "close", "volume")


def new_symbol() -> sd.SymbolSessionData:
    return new_store().symbols["SPY"]


def new_store() -> sd.SessionData:
    data = sd.SessionData(CALENDAR, "1m", ("5m",))
    data.register_symbol("SPY")
    return data


def bars(n: int = N) -> dict[str, np.ndarray]:
    x = 100.0 + np.arange(n) % 7
    columns = {"open": x, "high": x + 1, "low": x - 1, "close": x + 0.5, "volume": 10.0 + np.arange(n)}
    return {"timestamp": (OPEN + MINUTE * np.arange(n)).view("M8[ns]"), **columns}


def stored(symbol: sd.SymbolSessionData) -> list[tuple[Any, ...]]:
    return [tuple(bar) for bar in symbol.bars()]


def expected(n: int = N) -> list[tuple[Any, ...]]:
    symbol = new_symbol()
    symbol.extend(*bars(n).values())
    return stored(symbol)


def pandas(columns: dict[str, Any], **options: Any) -> Any:
    frame = pd.DataFrame(columns, **options)
    time = frame.columns[0]
    if frame[time].dtype.kind == "M" and frame[time].dt.tz is None:
        frame[time] = frame[time].dt.tz_localize("UTC")
    return frame


def polars(columns: dict[str, Any]) -> Any:
    frame = pl.DataFrame(columns)
    time = frame.columns[0]
    is_naive = isinstance(frame[time].dtype, pl.Datetime) and frame[time].dtype.time_zone is None
    return frame.with_columns(pl.col(time).dt.replace_time_zone("UTC")) if is_naive else frame


def arrow(columns: dict[str, Any]) -> Any:
    table = pa.table(columns)
    if pa.types.is_timestamp(table.schema.field(0).type):
        utc_time = table[0].cast(pa.timestamp(table.schema.field(0).type.unit, "UTC"))
        return table.set_column(0, table.column_names[0], utc_time)
    return table


class Capsule:
    """An object that knows nothing but the Arrow C stream protocol."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._frame.__arrow_c_stream__(requested_schema)


MAKERS = {"pandas": pandas, "polars": polars, "arrow": arrow, "capsule": lambda columns: Capsule(arrow(columns))}
FORMS = {
    "a table in chunks": lambda: pa.concat_tables([arrow(bars()).slice(i, 5) for i in range(0, N, 5)]),
    "a table with an offset": lambda: arrow(bars(N + 3)).slice(0, N),
    "a record batch": lambda: arrow(bars()).to_batches()[0],
    "a reader": lambda: arrow(bars()).to_reader(max_chunksize=7),
    "polars in chunks": lambda: pl.concat([polars(bars())[i : i + 5] for i in range(0, N, 5)], rechunk=False),
    "pandas from arrow": lambda: arrow(bars()).to_pandas(types_mapper=pd.ArrowDtype),
    "pandas with nullable types": lambda: pandas(bars()).convert_dtypes(dtype_backend="numpy_nullable"),
    "pandas with an index of times": lambda: pandas(bars()).set_index("timestamp"),
    "pandas with a nameless index": lambda: pandas(bars()).set_index("timestamp").rename_axis(None),
    "pandas with two levels": lambda: pandas(bars()).assign(symbol="SPY").set_index(["symbol", "timestamp"]),
    "pandas, every second row": lambda: (
        pandas(bars(2 * N)).iloc[::2].assign(timestamp=pandas(bars())["timestamp"].array)
    ),
    "our own series": lambda: _series().bars(),
    "our own window": lambda: _series().bars()[:N],
}


def _series() -> sd.SymbolSessionData:
    symbol = new_symbol()
    symbol.extend(*bars().values())
    return symbol


@pytest.mark.parametrize(
    ("maker", "unit"),
    # polars has no seconds
    [(m, u) for m in MAKERS for u in ("s", "ms", "us", "ns", "integers") if (m, u) != ("polars", "s")],
)
def test_a_frame_is_stored_as_its_columns_are(maker: str, unit: str) -> None:
    columns = bars()
    columns["timestamp"] = columns["timestamp"].astype("i8" if unit == "integers" else f"M8[{unit}]")
    symbol = new_symbol()
    assert symbol.extend(MAKERS[maker](columns)) == N
    assert stored(symbol) == expected()
    assert symbol.extend(MAKERS[maker](columns)) == 0, "all are repeats now"
    data = new_store()
    assert data.extend("SPY", MAKERS[maker](columns)) == N, "by name"
    assert data.symbols["SPY"].counters == {**symbol.counters, "repeated": 0}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_frame(name: str) -> None:
    symbol = new_symbol()
    symbol.extend(FORMS[name]())
    rows = stored(symbol)
    if "second" in name:
        assert [row[5] for row in rows] == [10.0 + 2 * i for i in range(N)]
    else:
        assert rows == expected()


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("time", ALIASES["time"])
def test_the_usual_names_of_the_time_column(maker: str, time: str) -> None:
    symbol = new_symbol()
    columns = bars()
    symbol.extend(MAKERS[maker]({time.title(): columns.pop("timestamp"), **columns, "transactions": np.arange(N)}))
    assert stored(symbol) == expected()


@pytest.mark.parametrize("maker", MAKERS)
def test_short_names_any_case_any_order(maker: str) -> None:
    columns = bars()
    names = {"t": "timestamp", "v": "volume", "o": "open", " Close ": "close", "H": "high", "LOW": "low"}
    symbol = new_symbol()
    symbol.extend(MAKERS[maker]({name: columns[column] for name, column in names.items()}))
    assert stored(symbol) == expected()


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4"])
def test_numbers_of_any_width(maker: str, kind: str) -> None:
    columns = bars() | {"close": (100 + np.arange(N) % 7).astype(kind)}
    symbol = new_symbol()
    symbol.extend(MAKERS[maker](columns))
    assert symbol.bars().close.tolist() == (100.0 + np.arange(N) % 7).tolist()


# --- what is wrong with a frame -------------------------------------------------------------------


def refused(frame: Any, kind: type[Exception], match: str, **options: Any) -> Exception:
    data = new_store()
    symbol = data.symbols["SPY"]
    with pytest.raises(kind, match=match) as caught:
        symbol.extend(frame, **options)
    assert "SPY" in str(caught.value)
    assert data.session_date is None, "a call that is refused starts no session"
    symbol.extend(*bars(3).values())
    before = data.to_json()
    with pytest.raises(kind, match=match):
        symbol.extend(frame, **options)
    assert data.to_json() == before
    return caught.value


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", ["timestamp", *VALUES])
def test_a_missing_column_is_named(maker: str, name: str) -> None:
    columns = bars()
    del columns[name]
    role = "time" if name == "timestamp" else name
    error = refused(
        MAKERS[maker]({"x": np.arange(N), **columns}), sd.BarTypeError, f"no {role} .*among 'x'.*ERR_COLUMNS"
    )
    assert error.code == "ERR_COLUMNS"  # type: ignore[attr-defined]


@pytest.mark.parametrize("maker", MAKERS)
def test_several_columns_that_could_be_meant_are_named(maker: str) -> None:
    frame = MAKERS[maker](bars() | {"date": bars()["timestamp"].astype("i8"), "Vol": np.ones(N)})
    refused(frame, sd.BarTypeError, "time may be any of 'timestamp', 'date'; volume may be any of 'volume', 'Vol'")
    frame = MAKERS[maker](bars() | {"Close": np.ones(N)})
    refused(frame, sd.BarTypeError, "close may be any of 'close', 'Close'")


def test_an_index_and_a_column_of_times_are_two() -> None:
    frame = pandas(bars())
    frame.index = pd.DatetimeIndex(frame["timestamp"], name="date")
    refused(frame, sd.BarTypeError, "time may be any of 'date', 'timestamp'")
    frame = pandas(bars())[["open", "high", "low", "close", "volume"]]
    refused(frame, sd.BarTypeError, "no time")


def test_a_name_that_stands_twice() -> None:
    frame = pd.concat([pandas(bars()), pandas(bars())[["open"]]], axis=1)
    refused(frame, sd.BarTypeError, "open may be any of 'open', 'open'")


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(pa.array(["100"] * N), id="string"),
        pytest.param(pa.array(["100"] * N, pa.large_string()), id="large string"),
        pytest.param(pa.array([True] * N), id="bool"),
        pytest.param(pa.array([None] * N), id="null"),
        pytest.param(pa.array([Decimal("100.5")] * N), id="decimal"),
        pytest.param(pa.array([1] * N, pa.timestamp("ns")), id="times"),
        pytest.param(pa.array([[1.0]] * N), id="lists"),
        pytest.param(pa.array([100.5] * N).dictionary_encode(), id="dictionary"),
    ],
)
def test_a_column_that_is_not_of_numbers_is_named(values: Any) -> None:
    table = arrow(bars()).set_column(4, "close", values)
    error = refused(table, sd.BarTypeError, "close must be a column of numbers: column 'close' of Arrow type")
    assert error.code == "ERR_DTYPE"  # type: ignore[attr-defined]
    if values.type != pa.null():  # which pandas has not
        refused(table.to_pandas(), sd.BarTypeError, "close")
        refused(table.to_pandas(types_mapper=pd.ArrowDtype), sd.BarTypeError, "close")


def test_categories_are_refused_also_where_they_are_numbers() -> None:
    refused(pandas(bars()).astype({"low": "category"}), sd.BarTypeError, "low must be a column of numbers.*category")
    refused(pandas(bars()).astype({"timestamp": "category"}), sd.TimeError, "'timestamp' of dtype category")
    table = arrow(bars())
    refused(table.set_column(0, "time", table[0].dictionary_encode()), sd.TimeError, "'time' of Arrow type dictionary")
    frame = polars(bars()).with_columns(open=pl.Series(["a"] * N, dtype=pl.Categorical))
    refused(frame, sd.BarTypeError, "'open' of Arrow type dictionary")


@pytest.mark.parametrize("values", [[1.5] * N, [dt.date(2024, 3, 12)] * N, ["2024-03-12"] * N, [dt.timedelta(1)] * N])
def test_a_column_that_is_not_of_times(values: list[Any]) -> None:
    columns = {"time": values} | {name: bars()[name] for name in VALUES}
    for frame in (pa.table(columns), pl.DataFrame(columns), pd.DataFrame(columns)):
        refused(frame, sd.TimeError, "not a (column of times|point in time)")


def test_a_message_names_the_symbol_once() -> None:
    """It ended with (symbol='SPY') (symbol='SPY')."""
    columns = {"time": ["2024-03-12"] * N} | {name: bars()[name] for name in VALUES}
    symbol = new_symbol()
    for frame in (pa.table(columns), pl.DataFrame(columns), pd.DataFrame(columns).astype({"time": "category"})):
        with pytest.raises(sd.TimeError) as caught:
            symbol.extend(frame)
        assert str(caught.value).count(f"symbol={symbol.symbol!r}") == 1


def test_naive_times_need_a_zone() -> None:
    naive = bars()
    naive["timestamp"] = naive["timestamp"] - np.timedelta64(4, "h")
    for frame in (pa.table(naive), pl.DataFrame(naive), pd.DataFrame(naive), Capsule(pa.table(naive))):
        refused(frame, sd.TimeError, "naive.*tz=")
        symbol = new_symbol()
        symbol.extend(frame, tz="America/New_York")
        assert stored(symbol) == expected()


def test_times_outside_int64() -> None:
    seconds = np.array([2**40] * N)
    table = pa.table({"t": pa.array(seconds, pa.timestamp("s", "UTC")), **{name: bars()[name] for name in VALUES}})
    refused(table, sd.TimeError, "1677 to 2262")
    table = table.set_column(0, "t", pa.array([2**63] * N, pa.uint64()))
    refused(table, sd.TimeError, "outside int64")


def test_something_else_than_a_frame() -> None:
    for thing in (None, 1, "x", bars(), [1, 2], np.zeros(3), pl.LazyFrame({"t": [1]})):
        refused(thing, sd.BarTypeError, "one argument is a frame")
    for column in (pl.Series("open", [1.0]), pd.Series([1.0]), pa.chunked_array([[1.0]])):
        if hasattr(column, "__arrow_c_stream__"):
            refused(column, sd.BarError, "does not hold columns, but one of format 'g'")
        else:  # a Series of pandas before 3
            refused(column, sd.BarTypeError, "one argument is a frame")
    symbol = new_symbol()
    for arguments in ((1,), (1, 2, 3), ([OPEN], [1.0], [1.0], [1.0], [1.0])):
        with pytest.raises((sd.BarTypeError, sd.TimeError)):
            symbol.extend(*arguments)


def test_the_bars_of_several_symbols() -> None:
    """They would have corrected each other: the times are the same."""
    names = ["SPY", "IBM"] * (N // 2)
    for maker in (pandas, polars, arrow):
        refused(maker(bars() | {"Symbol": names}), sd.BarTypeError, "one symbol.*'Symbol' names 'IBM'")
        symbol = new_symbol()
        symbol.extend(maker(bars() | {"ticker": ["SPY"] * N}))
        assert stored(symbol) == expected()
    frame = pandas(bars() | {"symbol": names}).set_index(["symbol", "timestamp"])
    refused(frame, sd.BarTypeError, "'symbol' names 'IBM'")
    refused(
        frame.set_index(pd.Index(names, name="sym"), append=True).droplevel(0), sd.BarTypeError, "'sym' names 'IBM'"
    )
    symbol = new_symbol()
    with pytest.raises(sd.BarTypeError, match=r"leave the column out.*'symbol'"):
        symbol.extend(Capsule(arrow(bars() | {"symbol": ["SPY"] * N})))


def test_the_bars_of_another_symbol() -> None:
    """They were stored: only their number was looked at, not their name."""
    for maker in (pandas, polars, arrow):
        for names, told in ((["IBM"] * N, "'IBM'"), ([None] * N, "'None'|'nan'"), ([42] * N, "'42'")):
            refused(maker(bars() | {"symbol": names}), sd.BarTypeError, f"'symbol' names ({told})")
    refused(pandas(bars()).assign(symbol="IBM").set_index(["symbol", "timestamp"]), sd.BarTypeError, "names 'IBM'")
    symbol = new_symbol()
    symbol.extend(pandas(bars() | {"symbol": pd.Categorical(["SPY"] * N)}))
    assert stored(symbol) == expected()


# --- nulls ----------------------------------------------------------------------------------------


def with_null(maker: Any, name: str, row: int) -> Any:
    table = arrow(bars())
    column = table[name].to_pylist()
    column[row] = None
    k = table.column_names.index(name)
    table = table.set_column(k, name, pa.array(column, table.schema.field(k).type))
    if maker is pandas:
        return table.to_pandas()
    return pl.from_arrow(table) if maker is polars else table if maker is arrow else Capsule(table)


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", ["timestamp", *VALUES])
@pytest.mark.parametrize("row", [0, 9, N - 1])
def test_a_null_is_refused_with_its_row_or_skipped(maker: str, name: str, row: int) -> None:
    frame = with_null(MAKERS[maker], name, row)
    error = refused(frame, sd.BarError, f"row={row} ")
    assert error.row == row  # type: ignore[attr-defined]
    assert error.code == ("ERR_NAT" if name == "timestamp" else "ERR_NOT_FINITE")  # type: ignore[attr-defined]
    symbol = new_symbol()
    assert symbol.extend(frame, on_bad="skip") == N - 1
    kept = [row_ for i, row_ in enumerate(expected()) if i != row]
    assert stored(symbol) == kept
    assert sum(symbol.counters["skipped"].values()) == 1


def test_rows_that_are_null_as_a_whole() -> None:
    rows = pa.StructArray.from_arrays(
        [column.combine_chunks() for column in arrow(bars()).columns],
        names=list(bars()),
        mask=pa.array(np.arange(N) == 5),
    )
    error = refused(pa.chunked_array([rows]), sd.BarError, "row=5")
    assert error.code == "ERR_NOT_FINITE"  # type: ignore[attr-defined]
    refused(pa.chunked_array([rows[3:], rows[:3]]), sd.BarError, "row=2")


NUMBERS = st.sampled_from([pa.int8(), pa.uint16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()])


@given(
    st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=70),
    st.lists(NUMBERS, min_size=5, max_size=5),
    st.lists(st.integers(1, 20), max_size=4),
    st.integers(0, 9),
    st.sampled_from(["s", "us", "ns", None]),
    st.sampled_from(["table", "polars", "struct"]),
)
def test_nulls_chunks_and_offsets_agree_with_plain_arrays(
    nulls: list[list[bool]], kinds: list[pa.DataType], cuts: list[int], offset: int, unit: str | None, form: str
) -> None:
    """The reader walks bit masks from any bit on; what is expected is told by Python lists."""
    n = len(nulls)
    masks = list(zip(*nulls, strict=True))
    times = [(OPEN + i * MINUTE) // (10**9 if unit == "s" else 1000 if unit == "us" else 1) for i in range(n)]
    lists = [times, [20 + i % 7 for i in range(n)], [21 + i % 7 for i in range(n)], [19 + i % 7 for i in range(n)]]
    lists += [[20 + i % 5 for i in range(n)], list(range(n))]
    types = [pa.int64() if unit is None else pa.timestamp(unit, "UTC"), *kinds]
    arrays = [
        pa.array([None if null else x for x, null in zip(values, mask, strict=True)], pa.int64()).cast(kind)
        for values, mask, kind in zip(lists, masks, types, strict=True)
    ]
    table, chunks, start = pa.table(arrays, names=["t", *VALUES])[offset:], [], 0
    for cut in [*cuts, n]:
        chunks.append(table.slice(start, cut))
        start += cut
    frame: Any = pa.concat_tables(chunks)
    if form == "polars":
        frame = pl.from_arrow(frame, rechunk=False)
    elif form == "struct":
        frame = pa.chunked_array([batch.to_struct_array() for batch in frame.to_batches()], pa.struct(frame.schema))
    symbol = new_symbol()
    good = [i for i in range(offset, n) if not any(nulls[i])]
    assert symbol.extend(frame, on_bad="skip") == len(good)
    assert symbol.bars().timestamp.tolist() == [OPEN + i * MINUTE for i in good]
    for name, values in zip(VALUES, lists[1:], strict=True):
        assert getattr(symbol.bars(), name).tolist() == [float(values[i]) for i in good]


# --- options and rules stay what they are ---------------------------------------------------------


def test_rows_are_checked_as_ever_and_all_or_nothing() -> None:
    for maker in MAKERS.values():
        columns = bars()
        columns["high"] = np.where(np.arange(N) == 7, 1.0, columns["high"])
        error = refused(maker(columns), sd.BarError, "row=7")
        assert error.code == "ERR_HIGH_LOW"  # type: ignore[attr-defined]


def test_an_empty_frame_stores_nothing() -> None:
    for maker in (pandas, polars, arrow):
        data = new_store()
        assert data.symbols["SPY"].extend(maker(bars(0))) == 0
        assert data.session_date is None


def test_frames_without_rows_have_no_types_to_be_wrong() -> None:
    """They raised TimeError: columns of nothing are of type null in polars and Arrow, of float64 in
    pandas."""
    nothing = {name: [] for name in bars()} | {"symbol": []}
    for frame in (
        pd.DataFrame(nothing),
        pd.DataFrame(nothing).set_index("timestamp"),
        pl.DataFrame(nothing),
        pa.table(nothing),
    ):
        data = new_store()
        assert data.symbols["SPY"].extend(frame) == 0
        assert data.session_date is None
    refused(pl.DataFrame({"timestamp": []}), sd.BarTypeError, "no open")


def test_labels_of_a_frame() -> None:
    columns = bars()
    columns["timestamp"] = columns["timestamp"] + np.timedelta64(1, "m")
    for maker in MAKERS.values():
        symbol = new_symbol()
        symbol.extend(maker(columns), label="close")
        assert stored(symbol) == expected()


@on_both()
def test_a_frame_goes_out_and_comes_back(real: Path) -> None:
    """A real day, pre-market and after-hours rows included."""
    from sessiondata.readers.bars import read_bars

    table = read_bars(real / "equity/usa/minute/spy/20131007_trade.zip")[0]
    calendar = sd.calendar("XNYS")
    first = sd.SessionData(calendar)
    first.register_symbol("SPY").extend(table.ts_ns, table.open, table.high, table.low, table.close, table.volume)
    for use in (
        lambda s: s,
        lambda s: s.to_pandas(),
        lambda s: s.to_polars(),
        lambda s: s.to_arrow(),
        lambda s: s[:].copy(),
    ):
        other = sd.SessionData(calendar)
        assert other.register_symbol("SPY").extend(use(first.symbols["SPY"].bars())) == len(table)
        assert other.to_json() == first.to_json()


def test_a_frame_is_read_without_its_library() -> None:
    """Only the protocol is used: neither pyarrow nor pandas nor polars is imported for somebody
    else's capsule."""
    code = """
import sys, sessiondata as sd
one = sd.SessionData().register_symbol("A")
one.append(1_710_250_200_000_000_000, 1.0, 2.0, 0.5, 1.5, 10.0)
class Capsule:
    def __arrow_c_stream__(self, requested_schema=None):
        return one.bars().__arrow_c_stream__()
other = sd.SessionData().register_symbol("B")
assert other.extend(Capsule()) == 1 and other.bars()[-1] == one.bars()[-1]
print(*{"pandas", "polars", "pyarrow"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("kind", ["polars", "Arrow"])
def test_dates_as_text_are_to_be_parsed_first_and_then_they_are_taken(kind: str) -> None:
    frame = pl.DataFrame(
        {"date": ["2024-03-12"], **{name: [1.0] for name in ("open", "high", "low", "close", "volume")}}
    )
    table = frame.to_arrow()
    spy = sd.SessionData("XNYS").register_symbol("SPY")
    with pytest.raises(
        sd.TimeError, match=r"'date'.*parse it first .*\.str\.to_date\(\).*\.cast\(pa\.date32\(\)\).*SPY"
    ):
        spy.load_historical_bars("1d", frame if kind == "polars" else table)
    dates = table.set_column(0, "date", table["date"].cast(pa.date32()))
    taken = frame.with_columns(pl.col("date").str.to_date()) if kind == "polars" else dates
    assert spy.load_historical_bars("1d", taken) == 1
    assert [str(date) for date in spy.historical_bars["1d"].dates] == ["2024-03-12"]
