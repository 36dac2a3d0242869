"""All symbols of a store in one table of another library."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from sessiondata import SessionData

MINUTE = 60_000_000_000
MONDAY = 1_710_115_200_000_000_000  # 2024-03-11, midnight UTC
LIBRARIES = ("pandas", "polars", "arrow")


def store() -> SessionData:
    """Three symbols, one of which streams what the others derive, and has no extended bar."""
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "UTC")
    data = SessionData(calendar, "1m", ("5m", "1d"))
    for name, first, n in (("SPY", 568, 9), ("QQQ", 570, 7)):
        symbol = data.register_symbol(name)
        ts = MONDAY + (first + np.arange(n)) * MINUTE
        values = first + np.arange(float(n))
        symbol.extend(ts, values, values + 1, values - 1, values, values)
    slow = data.register_symbol("ES", "5m", ("1d",))
    slow.append(MONDAY + 570 * MINUTE, 1.0, 2.0, 0.5, 1.5, 3.0)
    data.register_symbol("empty", "1m", ("15m",))
    return data


def table_of(data: SessionData, library: str, *arguments: Any, **options: Any) -> Any:
    """The table as a dict of lists, times as int ns."""
    pytest.importorskip("pyarrow" if library == "arrow" else library)
    made = getattr(data, f"to_{library}")(*arguments, **options)
    if library == "pandas":
        made = made.reset_index()
        return {
            "symbol": made["symbol"].tolist(),
            "timestamp": made["timestamp"].astype("int64").tolist(),
            **{name: made[name].tolist() for name in made.columns[2:]},
        }
    if library == "polars":
        made = made.to_arrow()
    return {
        name: made[name].cast("int64").to_pylist() if name == "timestamp" else made[name].to_pylist()
        for name in made.column_names
    }


def expected(data: SessionData, interval: str, names: list[str]) -> dict[str, list[Any]]:
    rows = [(name, bar) for name in names for bar in data[name].bars(interval)]
    table = {"symbol": [name for name, _ in rows], "timestamp": [bar.timestamp for _, bar in rows]}
    for column in ("open", "high", "low", "close", "volume", "extended", "forming", "n_base"):
        table[column] = [getattr(bar, column) for _, bar in rows]
    return table


@pytest.mark.parametrize("library", LIBRARIES)
def test_symbols_stand_one_after_the_other_each_in_time_order(library: str) -> None:
    data = store()
    assert table_of(data, library, "5m") == expected(data, "5m", ["SPY", "QQQ", "ES"])


@pytest.mark.parametrize("library", LIBRARIES)
def test_of_a_base_interval_the_columns_are_those_of_a_base_series(library: str) -> None:
    data = store()
    found = table_of(data, library, "1m")
    wanted = expected(data, "1m", ["SPY", "QQQ", "empty"])
    assert found == {name: wanted[name] for name in found}
    assert list(found)[-1] == "extended"


@pytest.mark.parametrize("library", LIBRARIES)
def test_daily_bars_have_their_trade_date(library: str) -> None:
    data = store()
    found = table_of(data, library, "1d")
    assert found["symbol"] == ["SPY", "QQQ", "ES"]
    assert [str(date)[:10] for date in found["trade_date"]] == ["2024-03-11"] * 3


@pytest.mark.parametrize("library", LIBRARIES)
def test_symbols_may_be_chosen(library: str) -> None:
    data = store()
    assert table_of(data, library, "5m", symbols=["ES", "SPY", "ES"]) == expected(data, "5m", ["ES", "SPY"])
    assert table_of(data, library, "5m", symbols=[])["symbol"] == []
    assert table_of(data, library, "15m")["close"] == []


def test_symbols_are_categories() -> None:
    data = store()
    pandas = pytest.importorskip("pandas")
    frame = data.to_pandas("5m")
    assert isinstance(frame["symbol"].dtype, pandas.CategoricalDtype)
    assert frame["symbol"].cat.categories.tolist() == ["SPY", "QQQ", "ES"]
    assert frame.index.name == "timestamp"
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert frame.groupby("symbol", observed=True)["close"].last()["ES"] == 1.5
    one = data["SPY"].bars("5m").to_pandas()
    assert frame[frame["symbol"] == "SPY"].drop(columns="symbol").equals(one)
    polars = pytest.importorskip("polars")
    assert data.to_polars("5m").schema["symbol"] == polars.Categorical
    assert data.to_polars("5m").drop("symbol").schema == data["SPY"].bars("5m").to_polars().schema
    pyarrow = pytest.importorskip("pyarrow")
    assert pyarrow.types.is_dictionary(data.to_arrow("5m").schema.field("symbol").type)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_table_can_be_fed_to_another_store(library: str) -> None:
    pytest.importorskip("pyarrow" if library == "arrow" else library)
    data, again = store(), store()
    again.clear()
    symbol = again.register_symbol("QQQ")
    symbol.extend(getattr(data, f"to_{library}")("1m", symbols=["QQQ"]))
    assert symbol.bars().close.tolist() == data["QQQ"].bars().close.tolist()


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_there_is_not_is_a_typed_error(library: str) -> None:
    data = store()
    make = getattr(data, f"to_{library}")
    for interval in ("3m", "", None, 7):
        with pytest.raises(sd.UnknownNameError):
            make(interval)
    with pytest.raises(sd.UnknownNameError, match="'ES' holds no interval '1m'; it holds 5m, 1d"):
        make("1m", symbols=["ES"])
    with pytest.raises(sd.UnknownNameError):
        make("1m", symbols=["XYZ"])
    with pytest.raises(sd.ArgumentTypeError):
        make("1m", symbols="SPY")
    data.deactivate()
    with pytest.raises(sd.InactiveError):
        make("1m")


def test_a_table_is_a_copy() -> None:
    data = store()
    pytest.importorskip("pandas")
    frame = data.to_pandas("1m")
    before = frame["close"].tolist()
    data.append("QQQ", MONDAY + 570 * MINUTE, 9.0, 9.0, 9.0, 9.0, 9.0)
    assert frame["close"].tolist() == before
    frame.loc[:, "close"] = 0.0
    assert data["QQQ"].bars().close[0] == 9.0
