"""`orjson_default`: what orjson makes of a store and its parts equals orjson's bytes of the
corresponding dicts."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessiondata as sd
from obvious import series_dict
from reference import volume_shown
from sessiondata.export.format import time_formatter
from worlds import MINUTE, SECOND, HistoryWorld, configurations, timestamps, utc, values

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
OPEN = utc("2024-03-12T09:30:00-04:00")
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)
NAMES = ["SPY", 'Z"Z', "\\", "\x00\x1f\x7f", "株式 🚀", ',"symbols":{', "ünï"]


def dumps(obj: Any) -> bytes:
    return orjson.dumps(obj, default=sd.orjson_default)


def rows_dict(window: sd.BarWindow, zone: Any) -> dict[str, Any]:
    """A window as the document would have it, by hand."""
    show = time_formatter(zone, "iso")
    rows = [[show(bar.timestamp), *bar[1:5], volume_shown(bar.volume)] for bar in window]
    columns = ["timestamp", "open", "high", "low", "close", "volume"]
    return {"count": len(rows), "columns": columns, "data": rows}


@pytest.fixture
def data() -> sd.SessionData:
    data = sd.SessionData(CALENDAR, "1m", ("5m", "1d"))
    data.start_session("2024-03-12")
    for name in NAMES:
        symbol = data.register_symbol(name)
        symbol.append(OPEN, *BAR)
        symbol.append(OPEN + 3 * MINUTE + 1500, 1.5, 2.25, 1.0, 2.0, 0.5)
    data.set_gaps("ünï", "5m", [sd.GapInfo("ünï", "5m", OPEN, OPEN, 1, 2)])
    data.set_quality("ünï", "1m", 12.345)
    return data


def test_a_store_is_its_document(data: sd.SessionData) -> None:
    assert dumps(data) == data.to_json()
    assert dumps({"x": [data, None]}) == orjson.dumps({"x": [data.to_dict(), None]})


def test_symbols_and_series_are_the_members_of_a_document_with_iso_times(data: sd.SessionData) -> None:
    whole = data.to_dict(timestamps="iso")["symbols"]
    for name, symbol in data.symbols.items():
        assert dumps(symbol) == orjson.dumps(whole[name])
        for interval in symbol.intervals:
            assert dumps(symbol.bars(interval)) == orjson.dumps(whole[name]["session"]["data"][interval])


def test_windows_gaps_and_records(data: sd.SessionData) -> None:
    spy = data.get_symbol_data("SPY")
    window = spy.bars()[:]
    assert dumps(window) == orjson.dumps(rows_dict(window, data.calendar.zone))
    assert dumps(window[5:]) == b'{"count":0,"columns":["timestamp","open","high","low","close","volume"],"data":[]}'
    assert dumps(spy.bars().gaps) == (
        b'[{"symbol":"SPY","interval":"1m","start_time":"2024-03-12T09:31:00-04:00",'
        b'"end_time":"2024-03-12T09:33:00-04:00","bar_count":3}]'
    )
    assert dumps(spy.bars("5m")[0]) == (
        b'{"timestamp":"2024-03-12T13:30:00+00:00","open":10.0,"high":12.0,"low":1.0,"close":2.0,"volume":100.5,'
        b'"forming":true,"extended":false,"n_base":1,"n_expected":5}'
    )
    assert b'"volume":100,' in dumps(spy.bars()[0])
    (gap,) = data.get_gaps("ünï", "5m")
    assert dumps(gap).endswith(b'"bar_count":1,"retry_count":2,"last_retry":null}')


def test_trades_and_quotes() -> None:
    assert dumps(sd.Tick(OPEN + SECOND // 2, 1.5, 100.0, "Q")) == (
        b'{"timestamp":"2024-03-12T13:30:00.500+00:00","price":1.5,"size":100,"exchange":"Q"}'
    )
    assert dumps(sd.Quote(OPEN, 1.5, 1.75, 100.0, 0.5)) == (
        b'{"timestamp":"2024-03-12T13:30:00+00:00","bid":1.5,"ask":1.75,"bid_size":100,"ask_size":0.5}'
    )


def test_a_store_without_a_session_and_a_symbol_that_was_removed() -> None:
    data = sd.SessionData(CALENDAR)
    symbol = data.register_symbol("SPY")
    member = data.to_dict(timestamps="iso")["symbols"]["SPY"]
    assert dumps(symbol) == orjson.dumps(member)
    assert dumps(symbol.bars()) == orjson.dumps(member["session"]["data"]["1m"])
    assert (
        dumps(symbol.bars()[:]) == b'{"count":0,"columns":["timestamp","open","high","low","close","volume"],"data":[]}'
    )
    data.start_session("2024-03-12")
    symbol.append(OPEN, *BAR)
    data.set_historical_indicator("SPY", "beta", 1.0)
    data.add_historical_indicator("avg_volume_2d")
    data.remove_symbol("SPY")
    assert orjson.loads(dumps(symbol))["historical"] == {"loaded": False}
    assert orjson.loads(dumps(symbol))["session"]["data"]["1m"]["count"] == 0


def test_another_calendar_and_zone() -> None:
    data = sd.SessionData(CALENDAR, "1m", ("5m",))
    data.start_session("2024-03-12")
    other = data.register_symbol("N225", calendar=sd.SessionCalendar.from_hours("09:00", "15:00", "Asia/Tokyo"))
    other.append(utc("2024-03-12T09:00:00+09:00"), *BAR)
    whole = data.to_dict(timestamps="iso")["symbols"]
    assert whole["N225"]["timezone"] == "Asia/Tokyo"
    assert dumps(other) == orjson.dumps(whole["N225"])
    assert dumps(other.bars()) == orjson.dumps(whole["N225"]["session"]["data"]["1m"])


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_windows_and_days_of_history(drawn: st.DataObject) -> None:
    shape, base, derived, capacity = drawn.draw(configurations())
    world = HistoryWorld(shape, base, derived, capacity, trailing_days=3)
    world.register("A")
    for _ in range(drawn.draw(st.integers(0, 2))):
        for ts in drawn.draw(st.lists(timestamps(shape), max_size=8)):
            moved = ts + (world.grid.span_start - world.calendar.session(world.sessions[0].date).span_start)
            world.append("A", moved, drawn.draw(values()))
        world.roll()
    symbol, zone = world.data.symbols["A"], world.calendar.zone
    for interval, bars in symbol.historical_bars.items():
        for window in bars.values():
            assert dumps(window) == orjson.dumps(rows_dict(window, zone)), interval
    for date in symbol.historical_bars[symbol.base_interval]:
        day = symbol.historical_day(date)
        for interval in day.intervals:
            assert dumps(day.bars(interval)) == orjson.dumps(
                series_dict(day.bars(interval), time_formatter(zone, "iso"))
            )
    everything = world.data.get_all_bars_including_historical("A")
    assert dumps(everything) == orjson.dumps(rows_dict(everything, zone))


def test_a_window_across_a_change_of_the_clocks() -> None:
    data = sd.SessionData(CALENDAR, "1m", ("1d",))
    ts = np.array([utc("2024-03-08T09:30:00-05:00"), utc("2024-03-11T09:30:00-04:00")])
    data.register_symbol("SPY")
    data.load_historical_bars("SPY", "1m", ts, *(np.full(2, x) for x in BAR))
    data.start_session("2024-03-12")
    times = [row[0] for row in orjson.loads(dumps(data.get_all_bars_including_historical("SPY")))["data"]]
    assert times == ["2024-03-08T09:30:00-05:00", "2024-03-11T09:30:00-04:00"]


def test_what_it_does_not_know_is_an_error_that_names_it(data: sd.SessionData) -> None:
    with pytest.raises(TypeError, match="complex"):
        sd.orjson_default(1j)
    with pytest.raises(orjson.JSONEncodeError):
        dumps({1, 2})
    data.deactivate()
    for obj in (data, data.symbols["SPY"]):
        with pytest.raises(sd.InactiveError):
            sd.orjson_default(obj)


def test_orjson_is_imported_when_it_is_used_and_its_absence_is_said() -> None:
    code = """
    import sys
    import sessiondata as sd
    data = sd.SessionData()
    assert "orjson" not in sys.modules
    sys.modules["orjson"] = None
    try:
        sd.orjson_default(data)
    except ImportError as error:
        assert "pip install 'orjson>=3.9'" in str(error)
    else:
        raise AssertionError
    """
    done = subprocess.run([sys.executable, "-c", "\n".join(line[4:] for line in code.splitlines())], check=False)
    assert done.returncode == 0
