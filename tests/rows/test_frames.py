"""Series and windows as frames of pandas, polars and Arrow, and as arrays of records."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sessiondata as sd
from sessiondata.rows.bars import content_of, window_of
from worlds import MINUTE, utc

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
LUNCH = sd.SessionCalendar.from_hours("09:30", "16:00", "Asia/Hong_Kong", breaks=[("12:00", "13:00")])
OPEN = utc("2024-03-12T09:30:00-04:00")
CHICAGO = ZoneInfo("America/Chicago")
BASE = ["timestamp", "open", "high", "low", "close", "volume", "extended"]
DERIVED = [*BASE, "forming", "n_base"]
DAILY = [*DERIVED, "trade_date"]
DAYS = (dt.date(2024, 3, 12) - dt.date(1970, 1, 1)).days  # the trade date of all sessions here


def feed(symbol: sd.SymbolSessionData, slots: Any) -> None:
    for i in slots:
        symbol.append(OPEN + i * MINUTE, 100.0 + i, 101.0 + i, 99.0 + i, 100.5 + i, 10.0 + abs(i))


@pytest.fixture
def spy() -> sd.SymbolSessionData:
    spy = sd.SessionData(CALENDAR, "1m", ("5m", "1d")).register_symbol("SPY")
    feed(spy, range(-7, 13))
    return spy


def rows_of(rows: Any) -> list[tuple[Any, ...]]:
    """What a frame must hold, told by the bars themselves."""
    derived = content_of(window_of(rows)).is_derived
    date = (DAYS,) if rows.interval == "1d" else ()
    return [(*bar[:6], bar.extended, *((bar.forming, bar.n_base) if derived else ()), *date) for bar in rows]


def rows_of_pandas(frame: Any) -> list[tuple[Any, ...]]:
    if "trade_date" in frame:
        frame = frame.assign(trade_date=frame["trade_date"].astype("datetime64[s]").astype("int64") // 86_400)
    return list(zip(frame.index.as_unit("ns").asi8.tolist(), *(frame[c].tolist() for c in frame), strict=True))


def rows_of_polars(frame: Any) -> list[tuple[Any, ...]]:
    times = [name for name in ("timestamp", "trade_date") if name in frame.columns]
    return frame.with_columns(pl.col(times).to_physical()).rows()


def rows_of_arrow(table: Any) -> list[tuple[Any, ...]]:
    table = table.set_column(0, "timestamp", table["timestamp"].cast(pa.int64()))
    if "trade_date" in table.column_names:
        table = table.set_column(9, "trade_date", table["trade_date"].cast(pa.int32()))
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


WINDOWS = {
    "a series": lambda series: series,
    "a window": lambda series: series.last(3),
    "a copy": lambda series: series.last(3).copy(),
    "a part of a copy": lambda series: series[:].copy()[1:],
    "backwards": lambda series: series[::-1],
    "none": lambda series: series.last(0),
    "none of a copy": lambda series: series[:].copy()[5:2],
}


@pytest.mark.parametrize("interval", ["1m", "5m", "1d"])
@pytest.mark.parametrize("name", WINDOWS)
def test_every_library_gets_the_same_rows(spy: sd.SymbolSessionData, name: str, interval: str) -> None:
    rows = WINDOWS[name](spy.bars(interval))
    expected, names = rows_of(rows), {"1m": BASE, "5m": DERIVED, "1d": DAILY}[interval]
    assert rows_of_pandas(rows.to_pandas()) == expected
    assert rows_of_polars(rows.to_polars()) == expected
    assert rows_of_arrow(rows.to_arrow()) == expected
    assert [(*map(int, record[:1]), *record[1:]) for record in np.asarray(rows).view(_plain(rows)).tolist()] == expected
    assert [rows.to_pandas().index.name, *rows.to_pandas()] == names
    assert rows.to_polars().columns == rows.to_arrow().column_names == list(np.asarray(rows).dtype.names) == names


def _plain(rows: Any) -> np.dtype[Any]:
    """The dtype of the records with times as integers."""
    fields = np.asarray(rows).dtype.fields
    assert fields is not None
    formats = ["i8" if kind.kind == "M" else kind for kind, _ in fields.values()]
    names, offsets = list(fields), [offset for _, offset in fields.values()]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": np.asarray(rows).itemsize})


def test_the_libraries_take_a_series_as_it_is(spy: sd.SymbolSessionData) -> None:
    for rows in (spy.bars("5m"), spy.bars("5m").last(2), spy.bars("5m").last(2).copy(), spy.bars("1d")):
        assert rows_of_polars(pl.DataFrame(rows)) == rows_of(rows)
        assert rows_of_arrow(pa.table(rows)) == rows_of(rows)
        assert pa.schema(rows) == pa.table(rows).schema
        if hasattr(pd.DataFrame, "from_arrow"):  # pandas 3
            assert rows_of_pandas(pd.DataFrame.from_arrow(rows).set_index("timestamp")) == rows_of(rows)


def test_times_are_utc_with_nanoseconds(spy: sd.SymbolSessionData) -> None:
    spy.append(OPEN + 20 * MINUTE + 123_456_789, 1.0, 1.0, 1.0, 1.0, 1.0)
    series = spy.bars()
    assert str(series.to_pandas().index.dtype) == "datetime64[ns, UTC]"
    assert series.to_polars()["timestamp"].dtype == pl.Datetime("ns", "UTC")
    assert series.to_arrow()["timestamp"].type == pa.timestamp("ns", "UTC")
    assert np.asarray(series).dtype["timestamp"] == "datetime64[ns]"
    assert series.to_pandas().index[-1].value == series.to_polars()["timestamp"].to_physical()[-1]
    assert series.to_pandas().index[-1].value == OPEN + 20 * MINUTE + 123_456_789
    assert series.to_polars()["timestamp"][0] == dt.datetime(2024, 3, 12, 13, 23, tzinfo=dt.UTC)


def test_a_store_without_a_session_has_empty_frames_with_all_columns() -> None:
    spy = sd.SessionData(CALENDAR, "1m", ("5m", "1d")).register_symbol("SPY")
    for interval, names in (("1m", BASE), ("5m", DERIVED), ("1d", DAILY)):
        for rows in (spy.bars(interval), spy.bars(interval).last(3).copy()):
            assert rows.to_polars().columns == rows.to_arrow().column_names == names
            assert rows.to_polars().schema == spy.bars(interval).to_polars().schema
            assert (len(rows.to_pandas()), len(np.asarray(rows)), rows.to_polars().height) == (0, 0, 0)
            assert str(rows.to_pandas().index.dtype) == "datetime64[ns, UTC]"


def test_flags_tell_extended_and_forming_rows_in_every_region() -> None:
    data = sd.SessionData(LUNCH, "1m", ("5m", "1h", "1d"))
    grid = data.start_session("2024-03-12")
    symbol = data.register_symbol("A")
    for start, stop in grid.segments.tolist():
        for ts in (start - MINUTE, start, stop - MINUTE, stop):
            symbol.append(ts, 1.0, 1.0, 1.0, 1.0, 1.0)
    for interval in symbol.intervals:
        assert rows_of_polars(symbol.bars(interval).to_polars()) == rows_of(symbol.bars(interval))
    assert symbol.bars().to_polars()["extended"].to_list() == [True, False, False, True] * 2
    data.advance_to(int(grid.segments[-1, 1]) - 1)


@pytest.mark.slow
@given(st.lists(st.integers(-40, 430), min_size=1, max_size=80), st.integers(0, 30), st.integers(0, 30))
def test_any_part_of_any_series_agrees_with_its_bars(slots: list[int], i: int, n: int) -> None:
    spy = sd.SessionData(CALENDAR, "1m", ("5m", "1h", "1d"), capacity=40).register_symbol("SPY")
    feed(spy, sorted(slots))
    for interval in spy.intervals:
        window = spy.bars(interval)[i : i + n]
        assert rows_of_polars(window.to_polars()) == rows_of(window)
        assert rows_of_pandas(window.to_pandas()) == rows_of(window)
        assert rows_of_arrow(window.copy().to_arrow()) == rows_of(window)


# --- trade dates ----------------------------------------------------------------------------------


def frames_of(rows: Any) -> dict[str, Any]:
    return {"pandas": rows.to_pandas(), "polars": rows.to_polars(), "arrow": rows.to_arrow()}


def dates_of(rows: Any) -> list[list[dt.date]]:
    """The trade dates that each library shows, and the records."""
    pandas, polars, arrow = frames_of(rows).values()
    assert str(pandas["trade_date"].dtype) == "datetime64[s]"
    assert polars["trade_date"].dtype == pl.Date
    assert arrow["trade_date"].type == pa.date32()
    assert np.asarray(rows).dtype["trade_date"] == "datetime64[D]"
    return [
        [label.date() for label in pandas["trade_date"]], polars["trade_date"].to_list(),
        arrow["trade_date"].to_pylist(), np.asarray(rows)["trade_date"].tolist(),
    ]  # fmt: skip


def history_of(calendar: sd.SessionCalendar, days: list[dt.date], interval: str = "1d") -> sd.SessionData:
    """A store with a symbol, A, that has these days."""
    data = sd.SessionData(calendar, "1m", ("5m", "1d"), trailing_days=20)
    data.start_session(calendar.next_date(days[-1]))
    symbol = data.register_symbol("A")
    prices = [np.arange(len(days)) + k for k in (2.0, 4.0, 1.0, 3.0, 10.0)]
    times = [int(calendar.session(day).segments[0, 0]) for day in days]
    symbol.load_historical_bars(interval, days if interval == "1d" else np.array(times), *prices)
    return data


@pytest.mark.parametrize("name", ["XNYS", "XASX", "CMES", "XTKS", "XNZE", None])
@pytest.mark.parametrize("interval", ["1d", "1m"])
def test_daily_frames_tell_the_trade_date_of_every_market(name: str | None, interval: str) -> None:
    """In Sydney, Wellington and Chicago the open is on the day before in UTC; in Chicago on its own
    clock, too."""
    calendar = sd.calendar(name)
    days = calendar.session_dates("2024-01-08", "2024-01-19")
    data = history_of(calendar, days, interval)
    every = data.get_all_bars_including_historical("A", "1d")
    for part in (slice(None), slice(2, None), slice(None, None, 2), slice(None, None, -1)):
        assert dates_of(every[part]) == [days[part]] * 4
    for day in days:
        assert dates_of(data.symbols["A"].historical_bars["1d"][day]) == [[day]] * 4
    assert "trade_date" not in data.get_all_bars_including_historical("A", "5m").to_polars().columns


def test_flags_of_many_days_do_not_depend_on_the_direction_of_a_window() -> None:
    """Backwards, frames said that regular bars were extended ones."""
    data = sd.SessionData(CALENDAR, "1m", ("5m", "1d"), trailing_days=9)
    data.start_session("2024-03-15")
    symbol = data.register_symbol("A")
    times = []
    for day in ("2024-03-12", "2024-03-13", "2024-03-14"):
        opens = int(CALENDAR.session(day).segments[0, 0])
        times += [opens - MINUTE, opens, opens + 390 * MINUTE]
    symbol.load_historical_bars("1m", np.array(times), *[np.ones(9)] * 5)
    every = data.get_all_bars_including_historical("A", "1m")
    flags = [True, False, True] * 3
    for cut in (slice(None), slice(None, None, -1), slice(5, None, -2), slice(None, None, 4)):
        part, expected = every[cut], flags[cut]
        assert [bar.extended for bar in part] == expected
        assert part.to_polars()["extended"].to_list() == expected
        assert np.asarray(part)["extended"].tolist() == expected


def test_a_live_daily_bar_and_its_window_keep_their_trade_date() -> None:
    data = sd.SessionData("CMES", "1m", ("1d",), trailing_days=3)
    grid = data.start_session("2024-03-12")
    es = data.register_symbol("ES")
    es.append(int(grid.segments[0, 0]), 1.0, 1.0, 1.0, 1.0, 1.0)
    assert es.bars("1d")[0].datetime.date() == dt.date(2024, 3, 11)
    kept = es.bars("1d").last(1).copy()
    assert dates_of(es.bars("1d")) == dates_of(kept) == [[dt.date(2024, 3, 12)]] * 4
    data.roll_session()
    assert dates_of(kept) == dates_of(es.historical_day("2024-03-12").bars("1d")) == [[dt.date(2024, 3, 12)]] * 4
    assert dates_of(es.bars("1d")) == [[]] * 4


@pytest.mark.parametrize("name", ["XNYS", "XASX", "CMES", "XNZE", None])
@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
@pytest.mark.parametrize("without_times", [False, True])
def test_daily_frames_load_back(name: str | None, library: str, without_times: bool) -> None:
    calendar = sd.calendar(name)
    days = calendar.session_dates("2024-01-08", "2024-01-19")
    rows = history_of(calendar, days).get_all_bars_including_historical("A", "1d")
    frame = frames_of(rows)[library]
    if without_times:
        drop = {"pandas": lambda f: f.reset_index(drop=True), "polars": lambda f: f.drop("timestamp")}
        frame = drop.get(library, lambda f: f.drop_columns("timestamp"))(frame)
    data = sd.SessionData(calendar, "1m", ("1d",), trailing_days=20)
    data.start_session(calendar.next_date(days[-1]))
    symbol = data.register_symbol("A")
    assert symbol.load_historical_bars("1d", frame) == len(days)
    assert list(symbol.historical_bars["1d"]) == days
    again = data.get_all_bars_including_historical("A", "1d")
    assert [bar[:6] for bar in again] == [bar[:6] for bar in rows]
    assert symbol.load_historical_bars("1d", frame) == 0


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_a_trade_date_stands_before_a_time_that_says_another(library: str) -> None:
    """Midnight UTC of a date is the evening before in New York: the column says which date is
    meant."""
    days = [dt.date(2024, 1, 9), dt.date(2024, 1, 10)]
    values = {name: [1.0, 2.0] for name in ("open", "high", "low", "close", "volume")}
    midnights = [dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) for day in days]
    columns = {"timestamp": midnights, **values, "trade_date": days}
    make = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table}[library]
    data = sd.SessionData(CALENDAR, "1m", ("1d",), trailing_days=20)
    data.start_session("2024-01-11")
    symbol = data.register_symbol("A")
    assert symbol.load_historical_bars("1d", make(columns)) == 2
    assert list(symbol.historical_bars["1d"]) == days


def test_trade_dates_of_pandas_that_are_no_midnights_are_refused() -> None:
    frame = pd.DataFrame({name: [1.0] for name in ("open", "high", "low", "close", "volume")})
    frame["trade_date"] = pd.to_datetime(["2024-01-09 09:30"])
    data = sd.SessionData(CALENDAR, "1m", ("1d",), trailing_days=20)
    symbol = data.register_symbol("A")
    with pytest.raises(sd.SessionDataError):
        symbol.load_historical_bars("1d", frame)


# --- copies ---------------------------------------------------------------------------------------


def test_what_was_exported_from_a_live_series_does_not_change(spy: sd.SymbolSessionData) -> None:
    for rows in (spy.bars("5m"), spy.bars("5m").last(2)):
        frames = [rows.to_pandas(), rows.to_polars(), rows.to_arrow(), np.asarray(rows)]
        before = [frames[0].copy(), frames[1].clone(), frames[2].to_pylist(), frames[3].copy()]
        spy.append(OPEN + 12 * MINUTE, 1.0, 900.0, 1.0, 1.0, 1.0)  # a correction of the forming bar
        feed(spy, range(13, 20))
        assert spy.bars("5m").high.max() == 900.0
        assert frames[0].equals(before[0])
        assert frames[1].equals(before[1])
        assert frames[2].to_pylist() == before[2]
        assert (frames[3] == before[3]).all()
        spy.append(OPEN + 12 * MINUTE, 112.0, 113.0, 111.0, 112.5, 22.0)


def test_a_frozen_window_is_shown_without_a_copy(spy: sd.SymbolSessionData) -> None:
    window = spy.bars("5m")[:].copy()[1:]
    assert window.is_immutable
    assert not spy.bars("5m")[:].is_immutable
    pandas, polars, arrow = window.to_pandas(), window.to_polars(), window.to_arrow()
    for name in BASE[1:6]:
        column = getattr(window, name)
        assert np.shares_memory(pandas[name].to_numpy(), column)
        assert np.shares_memory(polars[name].to_numpy(), column)
        assert np.shares_memory(arrow[name].chunk(0).to_numpy(), column)
    assert np.shares_memory(pandas.index.asi8, window.timestamp)
    assert np.shares_memory(polars["timestamp"].to_physical().to_numpy(), window.timestamp)
    assert np.shares_memory(arrow["timestamp"].chunk(0).view(pa.int64()).to_numpy(), window.timestamp)


def test_nobody_can_write_to_what_frames_show(spy: sd.SymbolSessionData) -> None:
    """A copy had writable arrays; a frame on them would have changed under its owner."""
    for window in (spy.bars("5m")[:].copy(), spy.bars("5m")[::2]):
        for column in (window.timestamp, window.datetime64, window.close, content_of(window).n_base):
            assert not column.flags.writeable
            with pytest.raises(ValueError, match="WRITEABLE"):
                column.flags.writeable = True
        frame = window.to_pandas()
        with pytest.raises(ValueError, match="read-only"):
            frame.iloc[0, 0] = 1.0


def test_a_slice_of_a_copy_knows_its_forming_bar(spy: sd.SymbolSessionData) -> None:
    """It did not: `copy()[1:]` said that the bar in progress was complete."""
    kept = spy.bars("5m")[:].copy()
    assert [bar.forming for bar in kept[1:]] == [bar.forming for bar in kept][1:]
    assert kept[-1:][0].forming
    feed(spy, range(13, 30))
    assert kept[-1:].to_polars()["forming"].to_list() == [True]


def test_pandas_frames_of_a_live_series_can_be_written_to(spy: sd.SymbolSessionData) -> None:
    for frame in (spy.bars().to_pandas(), spy.bars()[:].copy().to_pandas(copy=True), spy.bars().to_pandas(copy=True)):
        close = spy.bars().close.copy()
        frame.loc[frame.index[0], "close"] = -1.0
        frame["spread"] = frame["high"] - frame["low"]
        assert frame["close"].iloc[0] == -1.0
        assert (spy.bars().close == close).all()


def test_a_live_series_cannot_be_shown_by_pandas_without_a_copy(spy: sd.SymbolSessionData) -> None:
    with pytest.raises(ValueError, match="copy=False"):
        spy.bars().to_pandas(copy=False)
    kept = spy.bars()[:].copy()
    assert np.shares_memory(kept.to_pandas(copy=False)["close"].to_numpy(), kept.close)


def test_pandas_can_do_with_the_index_what_people_do(spy: sd.SymbolSessionData) -> None:
    frame = spy.bars().to_pandas()
    regular = frame[~frame["extended"]]
    assert regular["volume"].resample("5min").sum().tolist()[:2] == spy.bars("5m").volume.tolist()[-3:-1]
    assert len(frame.tz_convert("America/New_York").between_time("09:30", "09:34")) == 5
    assert frame.loc["2024-03-12 13:30":, "open"].iloc[0] == 100.0


# --- NumPy ----------------------------------------------------------------------------------------


def test_an_array_of_bars_is_records(spy: sd.SymbolSessionData) -> None:
    records = np.asarray(spy.bars("5m"))
    assert records.shape == (5,)
    assert records["close"].tolist() == spy.bars("5m").close.tolist()
    assert (records["timestamp"] == spy.bars("5m").datetime64).all()
    assert records.dtype.isalignedstruct
    assert records.flags.writeable
    assert not np.shares_memory(records["close"], spy.bars("5m").close)


def test_copy_means_what_it_does_to_numpy(spy: sd.SymbolSessionData) -> None:
    for rows in (spy.bars(), spy.bars()[:].copy()):
        for array in (np.array(rows), np.array(rows, copy=True), np.array(rows, copy=None), np.asarray(rows)):
            assert (array == rows.__array__()).all()
        with pytest.raises(ValueError, match="copy=False"):
            np.array(rows, copy=False)
        with pytest.raises(ValueError, match="copy=False"):
            np.asarray(rows, copy=False)


def test_a_dtype_is_one_of_records(spy: sd.SymbolSessionData) -> None:
    rows = spy.bars()
    given = np.asarray(rows).dtype
    assert np.asarray(rows, given).dtype == given
    packed = np.dtype([(name, kind) for name, (kind, _) in given.fields.items()])
    assert np.asarray(rows, packed).dtype == packed
    assert np.asarray(rows, packed)["close"].tolist() == rows.close.tolist()
    assert np.asarray(rows, object)[0][1] == rows.open[0]
    for wrong in (float, "f4", int, "M8[ns]", bool):
        with pytest.raises(TypeError, match="records"):
            np.asarray(rows, wrong)


# --- what is not there ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("library", "call", "extra"),
    [("pandas", "to_pandas", "pandas"), ("polars", "to_polars", "polars"), ("pyarrow", "to_arrow", "arrow")],
)
def test_a_library_that_is_missing_is_named(library: str, call: str, extra: str) -> None:
    code = f"""
import importlib.metadata as packages, sys, sessiondata as sd
sys.modules[{library!r}] = None
def version(name):
    raise packages.PackageNotFoundError(name)
packages.version = version
try:
    sd.SessionData().register_symbol("A").bars().{call}()
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f'this needs {library}: pip install "sessiondata[{extra}]"'
