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
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessiondata as sd
from worlds import HOUR, MINUTE, SECOND, utc

STYLES = ("time", "iso", "epoch_ms", "epoch_ns")
CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
DATE = "2024-03-12"
OPEN = utc("2024-03-12T09:30:00-04:00")
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)


def new_store(calendar: Any = CALENDAR, date: str | None = DATE, **options: Any) -> sd.SessionData:
    data = sd.SessionData(calendar, "1m", ("5m", "1d"), **options)
    if date is not None:
        data.start_session(date)
    return data


def same(data: sd.SessionData) -> dict[str, Any]:
    """Assert law 6 in every style; returns the document in the default one."""
    for style in STYLES:
        document = data.to_dict(timestamps=style)
        text = data.to_json(timestamps=style)
        assert text == orjson.dumps(document), style
        assert json.loads(text) == document
    assert data.to_json() == data.to_json(timestamps="time") == data.to_json(True, timestamps="time")
    return data.to_dict()


def series_of(document: dict[str, Any], interval: str = "1m", symbol: str = "SPY") -> dict[str, Any]:
    return document["symbols"][symbol]["session"]["data"][interval]


# --- one document by hand -------------------------------------------------------------------------

BY_HAND = (
    b'{"meta":{"schema":1,"complete":true,"session_date":"2024-03-12","timezone":"America/New_York",'
    b'"as_of":"2024-03-12T09:37:00-04:00","sequence":8},"symbols":{"SPY":{"session":{"volume":350.5,"high":13.25,'
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
    assert list(data.to_dict()["meta"]) == ["schema", "complete", "session_date", "timezone", "as_of", "sequence"]
    assert list(data.to_dict()["symbols"]["SPY"]) == ["session", "historical"]
    assert list(data.to_dict()["symbols"]["SPY"]["session"]) == ["volume", "high", "low", "data"]
    assert list(one) == ["count", "total_count", "generated", "quality", "gaps", "columns", "data"]
    assert list(five) == ["count", "total_count", "generated", "forming", "quality", "gaps", "columns", "data"]
    assert list(one["gaps"]) == ["gap_count", "missing_bars", "ranges"]
    assert list(one["gaps"]["ranges"][0]) == ["start_time", "end_time", "bar_count"]
    assert list(five["gaps"]["ranges"][0]) == ["start_time", "end_time", "bar_count", "retry_count", "last_retry"]
    assert keys_of(json.loads(data.to_json())) == keys_of(data.to_dict())


# --- states of a store ----------------------------------------------------------------------------


def test_a_store_without_a_session_or_symbols() -> None:
    data = new_store(date=None)
    assert same(data) == {
        "meta": {
            "schema": 1, "complete": True, "session_date": None, "timezone": "America/New_York", "as_of": None,
            "sequence": 0,
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


@settings(max_examples=100)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), unique=True, max_size=6))
def test_symbols_of_random_names(names: list[str]) -> None:
    data = new_store()
    for name in names:
        data.register_symbol(name).append(OPEN, *BAR)
    assert list(same(data)["symbols"]) == names


# --- numbers --------------------------------------------------------------------------------------

DOUBLES = [
    0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 1e-5, 1.5e-5,
    1e-6, 1e-7, 0.00001234, 1e15, 1e16, 1e17, 123456789012345680.0, 9007199254740993.0, 0.1 + 0.2, 1 / 3, 2 / 3, 100.0,
    99.99, 1e21, 1e22, 1e23, 4.35, 0.07, 1.005, 12345.6789, 999999999999999.9, 0.5, 1e100, 123e-20, 2.0**53, 2.0**63,
]  # fmt: skip


def test_awkward_doubles_as_prices() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    for i, x in enumerate(DOUBLES):
        spy.append(OPEN + i * MINUTE, x, max(x, -x), min(x, -x), -x, 1.0)
    rows = series_of(same(data))["data"]
    assert [repr(row[1]) for row in rows] == [repr(x) for x in DOUBLES]


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.002, 0.02, 0.5])
def test_a_price_or_volume_that_is_not_like_the_others_of_its_block(share: float) -> None:
    """Rows are written in blocks; one that is no hundredth sends its block, and no other one,
    another way."""
    rng = np.random.default_rng(int(share * 1000))
    ts = np.arange(390) * MINUTE + OPEN
    odd = np.array([1 / 3, 1e-7, -2.5, -0.0, 0.0, 1e16, 12_345_678.25, 10_737_418.24, 99.999, 1000.01, 5e-324])
    for _ in range(20):
        prices = rng.integers(1, 10 ** rng.integers(2, 8), (4, 390)) / 100
        prices = np.where(rng.random((4, 390)) < share, rng.choice(odd, (4, 390)), prices)
        volume = rng.integers(0, 10 ** rng.integers(1, 10), 390).astype(np.float64)
        volume = np.where(rng.random(390) < share, rng.choice([0.5, 2.0**30, 2.0**53, 2.0**54, 1e-9], 390), volume)
        data = new_store()
        data.register_symbol("SPY").extend(ts, prices[0], prices.max(0), prices.min(0), prices[3], volume)
        same(data)


@pytest.mark.parametrize("decimals", [3, 4, 5, 6])
def test_prices_of_currencies(decimals: int) -> None:
    rng = np.random.default_rng(decimals)
    for top in (10**2, 10**6, 2**30):
        prices = rng.integers(0, top, (4, 390)) / 10.0**decimals
        data = new_store()
        columns = prices[0], prices.max(0), prices.min(0), prices[3], rng.integers(0, 10**6, 390) / 10.0
        data.register_symbol("EURUSD").extend(np.arange(390) * MINUTE + OPEN, *columns)
        same(data)


@pytest.mark.slow
def test_documents_of_any_size_after_one_another_and_bytes_that_stay_as_they_are() -> None:
    # The size of the last document is the guess for the next one: too large, too small, right.
    stores = []
    for n in (0, 1, 390, 3):
        stores.append(new_store())
        for i in range(n):
            ts = np.arange(i % 390 + 1) * MINUTE + OPEN
            stores[-1].register_symbol(f"S{i}").extend(ts, *(np.full(len(ts), x) for x in BAR))
    documents = [data.to_json() for data in [*stores, *stores[::-1]]]
    copies = [bytes(bytearray(document)) for document in documents]
    assert documents[:4] == documents[:3:-1] == [orjson.dumps(data.to_dict()) for data in stores]
    for data in stores * 3:
        assert data.to_json()[-2:] == b"}}"
    assert documents == copies
    assert len({hash(document) for document in documents}) == 4


def test_volumes_are_integers_where_they_are_and_doubles_can_count() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    volumes = [0.0, -0.0, 1.0, 1.5, 1e15, 2.0**53 - 1, 2.0**53, 2.0**53 + 2, 1e16, 1e288, 5e-324, 0.1, 123456789.0]
    for i, volume in enumerate(volumes):
        spy.append(OPEN + 10 * i * MINUTE, 1.0, 1.0, 1.0, 1.0, volume)
    shown = [row[5] for row in series_of(same(data))["data"]]
    assert [repr(x) for x in shown] == [
        "0", "0", "1", "1.5", "1000000000000000", "9007199254740991", "9007199254740992", "9007199254740994.0", "1e+16",
        "1e+288", "5e-324", "0.1", "123456789",
    ]  # fmt: skip


def test_sums_of_the_highest_volumes_are_finite_in_both() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    highest = float(np.nextafter(2.0**961, 0.0))
    for i in range(3):
        spy.append(OPEN + i * MINUTE, 1.0, 1.0, 1.0, 1.0, highest)
    with pytest.raises(sd.BarError, match="ERR_VOLUME"):
        spy.append(OPEN + 3 * MINUTE, 1.0, 1.0, 1.0, 1.0, 2.0**961)
    assert spy.bars("5m").volume.tolist() == [highest + highest + highest]
    for style in STYLES:
        assert data.to_json(timestamps=style) == orjson.dumps(data.to_dict(timestamps=style))


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=False, allow_infinity=False),
            st.floats(allow_nan=False, allow_infinity=False),
            st.one_of(st.floats(0, 1e18), st.integers(0, 2**60).map(float)),
        ),
        max_size=8,
    )
)
def test_random_doubles(rows: list[tuple[float, float, float]]) -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    for i, (a, b, volume) in enumerate(rows):
        spy.append(OPEN + i * MINUTE, a, max(a, b), min(a, b), b, volume)
    same(data)


# --- quality --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_missing", [0, 1, 2, 13, 130, 389])
def test_quality_is_rounded_down_so_that_100_means_nothing_is_missing(n_missing: int) -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    n = 390 - n_missing
    spy.extend(np.arange(n) * MINUTE + OPEN, *(np.full(n, x) for x in BAR))
    data.advance_to(OPEN + 390 * MINUTE)
    shown = series_of(same(data))["quality"]
    assert shown == 10_000 * n // 390 / 100
    assert (shown == 100.0) == (n_missing == 0)


@pytest.mark.parametrize(
    ("pinned", "shown"),
    [
        (100.0, 100.0), (99.999, 99.99), (0.0, 0.0), (-0.0, 0.0), (98.29, 98.29), (29.9, 29.9), (0.07, 0.07),
        (4.35, 4.35),
        (1 / 3, 0.33), (99.99, 99.99), (5e-324, 0.0), (57.145, 57.14), (8.345, 8.34), (99.995, 99.99),
    ],
)  # fmt: skip
def test_a_pinned_quality_is_rounded_down_to_two_decimals(pinned: float, shown: float) -> None:
    data = new_store()
    data.register_symbol("SPY").append(OPEN, *BAR)
    data.set_quality("SPY", "1m", pinned)
    assert series_of(same(data))["quality"] == shown


def test_every_hundredth_that_is_pinned_is_shown_as_it_is() -> None:
    data = new_store()
    data.register_symbol("SPY", "1m", ())
    for hundredths in range(0, 10_001, 7):
        data.set_quality("SPY", "1m", hundredths / 100)
        assert series_of(data.to_dict())["quality"] == hundredths / 100
    same(data)


# --- times ----------------------------------------------------------------------------------------


def test_fractions_of_a_second_have_three_six_or_nine_digits() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    for ns in (0, 1, 999, 1_000, 1_500, 999_000, 1_000_000, 120_000_000, 999_999_999):
        spy.append(OPEN + ns, *BAR)
    shown = [row[0] for row in series_of(same(data))["data"]]
    assert shown == [
        "09:30:00", "09:30:00.000000001", "09:30:00.000000999", "09:30:00.000001", "09:30:00.000001500",
        "09:30:00.000999",
        "09:30:00.001", "09:30:00.120", "09:30:00.999999999",
    ]  # fmt: skip


def test_milliseconds_before_1970_are_rounded_down() -> None:
    start = -HOUR
    calendar = sd.SessionCalendar.from_schedule({"1970-01-01": [(start, HOUR)]}, "UTC")
    data = new_store(calendar, "1970-01-01")
    spy = data.register_symbol("SPY")
    for ns in (-HOUR, -1_500_001, -1, 0, 1, 999_999):
        spy.append(ns, *BAR)
    same(data)
    shown = [row[0] for row in series_of(data.to_dict(timestamps="epoch_ms"))["data"]]
    assert shown == [-3_600_000, -2, -1, 0, 0, 0]
    assert [row[0] for row in series_of(data.to_dict(timestamps="epoch_ns"))["data"]][:3] == [-HOUR, -1_500_001, -1]
    assert series_of(data.to_dict())["data"][1][0] == "1969-12-31T23:59:59.998499999+00:00"


@pytest.mark.parametrize(
    ("calendar", "date", "first", "last"),
    [
        pytest.param(
            sd.SessionCalendar.from_hours("17:00", "16:00", "America/Chicago"), "2024-03-12",
            "2024-03-11T17:00:00-05:00", "2024-03-12T15:59:00-05:00", id="overnight",
        ),
        pytest.param(
            sd.SessionCalendar.always_open(tz="Europe/Berlin"), "2024-03-31",
            "2024-03-31T00:00:00+01:00", "2024-03-31T23:59:00+02:00", id="23 hours",
        ),
        pytest.param(
            sd.SessionCalendar.always_open(tz="Europe/Berlin"), "2024-10-27",
            "2024-10-27T00:00:00+02:00", "2024-10-27T23:59:00+01:00", id="25 hours",
        ),
        pytest.param(
            sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York", weekdays=range(7)), "2024-03-10",
            "2024-03-10T09:30:00-04:00", "2024-03-10T15:59:00-04:00", id="the clocks changed before the open",
        ),
        pytest.param(
            sd.SessionCalendar.always_open("17:00", "Asia/Kolkata"), "2024-03-12",
            "2024-03-12T17:00:00+05:30", "2024-03-13T16:59:00+05:30", id="half an hour",
        ),
        pytest.param(sd.SessionCalendar.always_open(), "2024-03-12", "00:00:00", "23:59:00", id="UTC day"),
        pytest.param(
            sd.SessionCalendar.from_hours("00:00", "24:00", "Asia/Kathmandu"), "2024-03-12", "00:00:00", "23:59:00",
            id="whole local day",
        ),
    ],
)  # fmt: skip
def test_times_of_day_where_they_suffice_else_iso_with_the_offset(
    calendar: sd.SessionCalendar, date: str, first: str, last: str
) -> None:
    data = new_store(calendar, date)
    grid = data.grid
    assert grid is not None
    spy = data.register_symbol("SPY")
    ts = grid.slot_starts("1m")
    spy.extend(ts[::7], *(np.full(len(ts[::7]), x) for x in BAR))
    spy.append(ts[-1], *BAR)
    data.advance_to(grid.span_stop)
    rows = series_of(same(data))["data"]
    assert (rows[0][0], rows[-1][0]) == (first, last)


@pytest.mark.parametrize(
    ("tz", "date"),
    [
        ("America/Sao_Paulo", "2018-11-04"), ("America/Havana", "2024-03-10"), ("Africa/Cairo", "2024-04-26"),
        ("Asia/Beirut", "2024-03-31"), ("America/Asuncion", "2023-10-01"), ("Atlantic/Azores", "2024-03-31"),
    ],
)  # fmt: skip
def test_on_a_day_that_begins_without_a_midnight_the_times_of_day_are_right(tz: str, date: str) -> None:
    # The clocks jump from 00:00 to 01:00: the span begins there, and no offset changes within it.
    data = new_store(sd.SessionCalendar.from_hours("09:00", "17:00", tz, weekdays=range(7)), date)
    grid = data.grid
    assert grid is not None
    data.register_symbol("SPY").append(int(grid.segments[0, 0]), *BAR)
    assert series_of(data.to_dict())["data"][0][0].removeprefix(f"{date}T")[:8] == "09:00:00"
    same(data)


@pytest.mark.parametrize(
    ("tz", "date"),
    [("America/New_York", "1880-03-12"), ("Africa/Monrovia", "1965-03-12"), ("Europe/Amsterdam", "1935-07-01")],
)
def test_offsets_with_seconds(tz: str, date: str) -> None:
    start = int(dt.datetime.fromisoformat(date).replace(hour=14, tzinfo=ZoneInfo(tz)).timestamp()) * SECOND
    data = new_store(sd.SessionCalendar.from_schedule({date: [(start, start + HOUR)]}, tz), date)
    data.register_symbol("SPY").append(start + MINUTE, *BAR)
    assert series_of(same(data))["data"][0][0] == "14:01:00"


@pytest.mark.parametrize("year", [1678, 2261])
def test_years_at_the_ends_of_int64(year: int) -> None:
    start = int(dt.datetime(year, 3, 12, 14, tzinfo=dt.UTC).timestamp()) * SECOND
    date = f"{year}-03-12"
    data = new_store(sd.SessionCalendar.from_schedule({date: [(start, start + HOUR)]}, "Asia/Tokyo"), date)
    data.register_symbol("SPY").append(start + MINUTE, *BAR)
    data.advance_to(2**63 - 1)
    assert same(data)["meta"]["as_of"].startswith("2262-04-12T08:47:16.854775807")


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
