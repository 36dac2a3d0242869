"""Law 6: `to_json(**options) == orjson.dumps(to_dict(**options))`, byte for byte, whatever the
store holds.

`same` checks that in all four styles of time, and that the bytes say what `to_dict` says when read
back. One small document is written out by hand, so that both cannot be wrong together.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessiondata as sd
from both_writers import BAR, CALENDAR, DATE, OPEN, STYLES, new_store, same, series_of
from worlds import HOUR, MINUTE, SECOND, utc

# --- one document by hand -------------------------------------------------------------------------


BY_HAND = (
    b'{"meta":{"schema":1,"complete":true,"session_date":"2024-03-12","timezone":"America/New_York",'
    b'"segments":[["09:30:00","16:00:00"]],"as_of":"2024-03-12T09:37:00-04:00","sequence":8},"symbols":{"SPY":{"session":{"volume":350.5,"high":13.25,'
    b'"low":-0.5,"data":{"1m":{"count":5,"total_count":5,"generated":false,"quality":57.14,"gaps":{"gap_count":2,'
    b'"missing_bars":3,"ranges":[{"start_time":"09:32:00","end_time":"09:33:00","bar_count":2},'
    b'{"start_time":"09:35:00","end_time":"09:35:00","bar_count":1}]},'
    b'"columns":["timestamp","open","high","low","close","volume"],"data":['
    b'["09:29:00",9.0,9.5,8.5,9.25,7],["09:30:00",10.0,12.0,9.0,11.0,100],["09:31:00",11.0,13.25,10.0,12.0,200],'
    b'["09:34:00",12.0,12.0,-0.5,1e-6,0],["09:36:00",0.1,0.30000000000000004,0.1,0.2,50.5]]},'
    b'"5m":{"count":3,"total_count":3,"generated":true,"forming":true,"quality":100.0,'
    b'"columns":["timestamp","open","high","low","close","volume"],"data":['
    b'["09:25:00",9.0,9.5,8.5,9.25,7],["09:30:00",10.0,13.25,-0.5,1e-6,300],'
    b'["09:35:00",0.1,0.30000000000000004,0.1,0.2,50.5]]},'
    b'"1d":{"count":1,"total_count":1,"generated":true,"forming":true,"quality":100.0,'
    b'"columns":["timestamp","open","high","low","close","volume"],"data":['
    b'["09:30:00",10.0,13.25,-0.5,0.2,350.5]]}}},"historical":{"loaded":false}},'
    b'"Z\\"Z":{"session":{"volume":0,"high":null,"low":null,"data":{"30m":{"count":0,"total_count":0,'
    b'"generated":false,"quality":100.0,"columns":["timestamp","open","high","low","close","volume"],"data":[]}}},'
    b'"historical":{"loaded":false}}}}'
)


def test_a_small_document_written_out_by_hand() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    data.register_symbol('Z"Z', "30m", ())
    spy.append(OPEN - MINUTE, 9.0, 9.5, 8.5, 9.25, 7.0)
    spy.append(OPEN, *BAR)
    spy.append(OPEN + MINUTE, 11.0, 13.25, 10.0, 12.0, 200.0)
    spy.append(OPEN + 4 * MINUTE, 12.0, 12.0, -0.5, 1e-6, -0.0)
    spy.append(OPEN + 6 * MINUTE, 0.1, 0.1 + 0.2, 0.1, 0.2, 50.5)
    assert data.to_json() == BY_HAND
    assert data.to_dict() == json.loads(BY_HAND)
    same(data)


def keys_of(value: Any) -> Any:
    """Keys of nested dicts, in their order."""
    if isinstance(value, dict):
        return [(key, keys_of(item)) for key, item in value.items()]
    return [keys_of(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def test_the_order_of_the_keys_is_that_of_the_document() -> None:
    data = new_store()
    data.register_symbol("SPY").append(OPEN + MINUTE, *BAR)
    gap = sd.GapInfo("SPY", "5m", OPEN, OPEN, 1, 2, dt.datetime(2024, 3, 12, 14, tzinfo=dt.UTC))
    data.set_gaps("SPY", "5m", [gap])
    one, five = series_of(data.to_dict()), series_of(data.to_dict(), "5m")
    assert list(data.to_dict()) == ["meta", "symbols"]
    assert list(data.to_dict()["meta"]) == [
        "schema", "complete", "session_date", "timezone", "segments", "as_of", "sequence",
    ]  # fmt: skip
    assert list(data.to_dict()["symbols"]["SPY"]) == ["session", "historical"]
    assert list(data.to_dict()["symbols"]["SPY"]["session"]) == ["volume", "high", "low", "data"]
    assert list(one) == ["count", "total_count", "generated", "quality", "gaps", "columns", "data"]
    assert list(five) == ["count", "total_count", "generated", "forming", "quality", "gaps", "columns", "data"]
    assert list(one["gaps"]) == ["gap_count", "missing_bars", "ranges"]
    assert list(one["gaps"]["ranges"][0]) == ["start_time", "end_time", "bar_count"]
    assert list(five["gaps"]["ranges"][0]) == ["start_time", "end_time", "bar_count", "retry_count", "last_retry"]
    assert keys_of(json.loads(data.to_json())) == keys_of(data.to_dict())


# --- hours and cursors of nobody ------------------------------------------------------------------


def test_rows_of_extended_hours_are_told_by_the_segments() -> None:
    lunch = sd.SessionCalendar.from_hours("09:00", "15:00", "Asia/Tokyo", breaks=[("11:30", "12:30")])
    data = sd.SessionData(lunch, "1m", ())
    data.start_session("2024-03-12")
    data.register_symbol("A")
    for time in ("08:59", "09:00", "11:29", "11:30", "12:30", "15:00"):
        data.append("A", utc(f"2024-03-12T{time}:00+09:00"), *BAR)
    document = same(data)
    segments = document["meta"]["segments"]
    assert segments == [["09:00:00", "11:30:00"], ["12:30:00", "15:00:00"]]
    rows = document["symbols"]["A"]["session"]["data"]["1m"]["data"]
    regular = [any(start <= row[0] < stop for start, stop in segments) for row in rows]
    assert regular == [not extended for extended in data.symbols["A"].bars().is_extended.tolist()]


@pytest.mark.parametrize(("timestamps", "shown"), [
    ("time", ["00:00:00", "24:00:00"]),
    ("iso", ["2024-03-12T00:00:00+00:00", "2024-03-13T00:00:00+00:00"]),
    ("epoch_ms", [1710201600000, 1710288000000]),
])  # fmt: skip
def test_the_end_of_a_day_is_behind_all_of_its_times(timestamps: str, shown: list[Any]) -> None:
    data = sd.SessionData(None)
    data.start_session("2024-03-12")
    assert data.to_dict(timestamps=timestamps)["meta"]["segments"] == [shown]
    assert data.to_json(timestamps=timestamps) == orjson.dumps(data.to_dict(timestamps=timestamps))


def test_a_document_for_nobody_moves_no_cursor() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.append(OPEN, *BAR)
    data.to_json()
    data.export_cursor("ui")
    data.to_json(cursor="ui", symbols=["SPY"])
    spy.append(OPEN + MINUTE, *BAR)
    at = [data.export_cursor(name).sequence for name in (None, "ui")]
    document = data.to_dict(cursor=False)
    assert data.to_json(cursor=False) == orjson.dumps(document)
    assert data.to_json(cursor=False, symbols=["SPY"], intervals=["1m"], timestamps="iso")
    buffer = bytearray(30_000)
    assert bytes(buffer[: data.export_into(buffer, cursor=False)]) == orjson.dumps(document)
    assert [data.export_cursor(name).sequence for name in (None, "ui")] == at
    assert data.cursors == ("ui",)
    assert len(series_of(data.to_dict(False))["data"]) == len(series_of(data.to_dict(False, cursor="ui"))["data"]) == 1
    assert series_of(document)["count"] == 2


@pytest.mark.parametrize("form", ["to_dict", "to_json"])
def test_a_delta_is_for_somebody(form: str) -> None:
    data = new_store()
    with pytest.raises(sd.ArgumentError, match="cursor=False"):
        getattr(data, form)(False, cursor=False)


# --- states of a store ----------------------------------------------------------------------------


def test_a_store_without_a_session_or_symbols() -> None:
    data = new_store(date=None)
    assert same(data) == {
        "meta": {
            "schema": 1, "complete": True, "session_date": None, "timezone": "America/New_York", "segments": [],
            "as_of": None, "sequence": 0,
        },
        "symbols": {},
    }  # fmt: skip
    data.advance_to(OPEN + 1)
    assert same(data)["meta"]["as_of"] == "2024-03-12T09:30:00.000000001-04:00"
    data.register_symbol("SPY")
    assert series_of(same(data))["data"] == []
    data.clear()
    assert same(data)["symbols"] == {}


def test_a_session_without_symbols_symbols_without_bars_and_bars_without_a_clock() -> None:
    data = new_store()
    assert same(data)["meta"]["session_date"] == DATE
    data.register_symbol("SPY")
    assert same(data)["meta"]["as_of"] is None
    data.advance_to(OPEN + 10 * MINUTE)
    gaps = series_of(same(data))["gaps"]
    assert (gaps["missing_bars"], gaps["ranges"][0]["end_time"]) == (10, "09:39:00")
    data.register_symbol("IBM").append(OPEN, *BAR)
    same(data)
    data.remove_symbol("SPY")
    assert list(same(data)["symbols"]) == ["IBM"]
    data.remove_symbol("IBM")
    assert same(data)["symbols"] == {}


def test_more_rows_than_one_block_and_a_ring_that_has_wrapped() -> None:
    for n in (63, 64, 65, 128, 390):
        data = new_store(capacity=100)
        spy = data.register_symbol("SPY")
        ts = np.arange(n) * MINUTE + OPEN
        spy.extend(ts, *np.round(np.random.default_rng(n).uniform(5, 15, (4, n)).cumsum(0), 2)[[0, 3, 0, 1]], ts % 97)
        part = series_of(same(data))
        assert (part["count"], part["total_count"], len(part["data"])) == (min(n, 100), n, min(n, 100))


def test_hundreds_of_symbols_and_gaps() -> None:
    data = new_store()
    for i in range(300):
        data.register_symbol(f"S{i}").append(OPEN + (i % 380) * MINUTE, *BAR)
    spy = data.register_symbol("SPY")
    for i in range(0, 390, 2):
        spy.append(OPEN + i * MINUTE, *BAR)
    document = same(data)
    assert series_of(document)["gaps"]["gap_count"] == 194
    assert len(document["symbols"]) == 301


# --- names ----------------------------------------------------------------------------------------


NAMES = [
    'a"b', "a\\b", "a/b", "\n\r\t\b\f", "".join(map(chr, range(32))), "\x7f\x80\x9f", "\u2028\u2029", "ünï",
    "株式", "🚀" * 40,
    "\U0010ffff", " ", "</script>", "x" * 10_000, "\ufeff", "é" * 333 + '"' * 333, "null", "__proto__",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_symbols_of_any_name(name: str) -> None:
    data = new_store()
    data.register_symbol(name).append(OPEN, *BAR)
    data.register_symbol(name + "2")
    assert list(same(data)["symbols"]) == [name, name + "2"]


@pytest.mark.slow
@settings(max_examples=100)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), unique=True, max_size=6))
def test_symbols_of_random_names(names: list[str]) -> None:
    data = new_store()
    for name in names:
        data.register_symbol(name).append(OPEN, *BAR)
    assert list(same(data)["symbols"]) == names


# --- pins -----------------------------------------------------------------------------------------


def pin(start: int = OPEN, **changes: Any) -> sd.GapInfo:
    return sd.GapInfo(
        **{"symbol": "SPY", "interval": "1m", "start_ns": start, "end_ns": start, "bar_count": 1, **changes}
    )


@pytest.mark.parametrize(
    "retry",
    [
        None,
        dt.datetime(2024, 3, 12, 14, 1, 2, 345678, tzinfo=dt.UTC),
        np.datetime64(OPEN + 5 * SECOND + 7, "ns"),
        OPEN + 3 * SECOND,
    ],
    ids=repr,
)
def test_a_retried_gap_carries_how_often_and_when(retry: Any) -> None:
    data = new_store()
    data.register_symbol("SPY").append(OPEN, *BAR)
    data.set_gaps("SPY", "1m", [pin(), pin(retry_count=7, last_retry=retry), pin(last_retry=retry)])
    first, second, third = series_of(same(data))["gaps"]["ranges"]
    assert "retry_count" not in first
    assert second["retry_count"] == 7
    assert (second["last_retry"] is None) == (retry is None)
    assert "last_retry" not in third


@pytest.mark.parametrize(
    "retry",
    [
        pytest.param(dt.datetime(2024, 3, 13, 2, tzinfo=dt.UTC), id="that evening"),
        pytest.param(dt.datetime(2024, 3, 13, 14, tzinfo=dt.UTC), id="the next day"),
        pytest.param(dt.datetime(2024, 3, 11, 14, tzinfo=dt.UTC), id="the day before"),
        pytest.param(dt.datetime(2026, 11, 22, 14, tzinfo=dt.UTC), id="years later and in winter"),
        pytest.param(dt.datetime(1900, 1, 1, tzinfo=dt.UTC), id="in another century"),
    ],
)
def test_a_gap_that_was_retried_outside_of_its_session_is_exported_alike(retry: dt.datetime) -> None:
    # A backtest asks for the missing bars of 2024 today.
    data = new_store()
    data.register_symbol("SPY").append(OPEN, *BAR)
    data.set_gaps("SPY", "1m", [pin(retry_count=1, last_retry=retry)])
    same(data)


@pytest.mark.parametrize("start", [OPEN - 24 * HOUR, OPEN + 24 * HOUR, OPEN - 200 * 24 * HOUR], ids=str)
def test_a_pinned_gap_of_another_day_is_exported_alike(start: int) -> None:
    data = new_store()
    data.register_symbol("SPY").append(OPEN, *BAR)
    data.set_gaps("SPY", "1m", [pin(start)])
    same(data)


def test_no_time_that_a_pinned_gap_may_have_makes_the_export_read_outside_of_its_tables() -> None:
    # In a process of its own: hours of the day are written from a table of two digits.
    code = """
    import orjson
    import sessiondata as sd

    data = sd.SessionData(sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"), "1m", ())
    data.start_session("2024-03-12")
    data.register_symbol("SPY")
    for ts in range(-(2**62), 2**62, 2**55):
        data.set_gaps("SPY", "1m", [sd.GapInfo("SPY", "1m", ts, ts, 1)])
        assert data.to_json() == orjson.dumps(data.to_dict())
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    script = textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr[-2000:]}"


def test_a_pinned_gap_in_a_store_without_a_session_is_exported_alike() -> None:
    data = new_store(date=None)
    data.register_symbol("SPY")
    data.set_gaps("SPY", "1m", [pin(retry_count=1, last_retry=dt.datetime(2024, 7, 1, tzinfo=dt.UTC))])
    same(data)


def test_gaps_made_from_the_arrays_of_find_gaps_can_be_pinned_and_exported() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    for i in (0, 5, 9):
        spy.append(OPEN + i * MINUTE, *BAR)
    found = sd.find_gaps(spy.bars_base.timestamp, data.grid, "1m", OPEN + 10 * MINUTE)
    computed = same(data)
    data.set_gaps("SPY", "1m", [sd.GapInfo("SPY", "1m", *numbers) for numbers in zip(*found, strict=True)])
    assert series_of(same(data)) == series_of(computed)


def test_a_bool_as_a_count_is_no_reason_to_disagree() -> None:
    data = new_store()
    data.register_symbol("SPY").append(OPEN, *BAR)
    data.set_gaps("SPY", "1m", [pin(bar_count=True, retry_count=True)])
    same(data)


@pytest.mark.parametrize("timestamps", STYLES)
def test_what_exports_keep_of_a_session_goes_with_it(timestamps: str) -> None:
    """Date, hours and UTC offset are others after a roll; a store that never exported says the
    same."""
    days = {"2024-03-08": "09:30:00-05:00", "2024-03-11": "09:30:00-04:00", "2024-11-04": "09:30:00-05:00"}
    data = sd.SessionData(CALENDAR, "1m", ("5m",))
    data.register_symbol("SPY")
    for n, (date, opening) in enumerate(days.items()):
        data.roll_session(date) if n else data.start_session(date)
        for store in (data, sd.loads(data.dumps())):
            store.append("SPY", utc(f"{date}T{opening}"), *BAR)
            store.advance_to(utc(f"{date}T{opening}") + 7 * HOUR)  # behind the close
            document = store.to_dict(timestamps=timestamps)
            assert store.to_json(timestamps=timestamps) == orjson.dumps(document)
            assert document["meta"]["session_date"] == date
            assert store.to_json(False, timestamps=timestamps) == orjson.dumps(
                store.to_dict(False, cursor=store.export_cursor(), timestamps=timestamps)
            )
            fresh = sd.loads(store.dumps())
            assert fresh.to_json(timestamps=timestamps) == store.to_json(timestamps=timestamps)


def test_many_pinned_gaps() -> None:
    data = new_store()
    data.register_symbol("SPY").append(OPEN, *BAR)
    when = dt.datetime(2024, 3, 12, 14, 1, 2, 345678, tzinfo=dt.UTC)
    data.set_gaps("SPY", "1d", [])
    data.set_quality("SPY", "1d", 50.0)
    data.set_gaps("SPY", "1m", [pin(OPEN + 7, bar_count=2**62, retry_count=2**62, last_retry=when)])
    data.set_gaps(
        "SPY", "5m", [pin(OPEN + i * MINUTE, interval="5m", retry_count=i, last_retry=when) for i in range(390)]
    )
    assert series_of(same(data), "5m")["gaps"]["missing_bars"] == 390


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "style", ["Time", "", "ISO", "epoch", "epoch_us", None, 0, b"iso", ["time"], ("iso",)], ids=repr
)
@pytest.mark.parametrize("method", ["to_dict", "to_json"])
def test_another_style_of_time_is_refused(method: str, style: Any) -> None:
    for data in (new_store(), new_store(date=None)):
        with pytest.raises(ValueError, match="time, iso, epoch_ms, epoch_ns"):
            getattr(data, method)(timestamps=style)


@pytest.mark.parametrize("method", ["to_dict", "to_json"])
def test_unknown_options_are_refused(method: str) -> None:
    with pytest.raises(TypeError):
        getattr(new_store(), method)(pretty=True)
    with pytest.raises(TypeError):
        getattr(new_store(), method)(True, "iso")


def test_exporting_changes_nothing_and_gives_new_objects() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.append(OPEN, *BAR)
    spy.append(OPEN + 3 * MINUTE, *BAR)
    before, sequence = data.to_json(), data.sequence
    document = data.to_dict()
    series_of(document)["data"].clear()
    series_of(document)["columns"].clear()
    series_of(document)["gaps"].clear()
    assert data.to_json() == before
    assert data.sequence == sequence
    assert spy.bars_updated
    assert len(series_of(data.to_dict())["columns"]) == 6


def test_the_bytes_can_be_spliced_into_another_document() -> None:
    data = new_store()
    data.register_symbol("SPY").append(OPEN, *BAR)
    assert orjson.loads(orjson.dumps({"x": orjson.Fragment(data.to_json())})) == {"x": data.to_dict()}
