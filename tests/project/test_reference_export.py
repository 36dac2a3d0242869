"""Kernels and documents of the reference model, by cases computed by hand."""

from __future__ import annotations

import json
import math

import pytest

import reference as ref
from reference import HOUR, MINUTE, SECOND, RefSession, RefStore
from toys import NYSE_OPEN, at, feed, nyse_day, overnight, toy

# -- batch kernels


def test_find_gaps_and_quality_of_plain_timestamps() -> None:
    session = toy(("10:00", "10:06"), ("10:10", "10:14"))
    ts_ns = [at(clock) for clock in ("09:59", "10:01", "10:01", "10:02:30", "10:04", "10:08", "10:12", "10:13")]
    assert ref.find_gaps(ts_ns, session, "1m") == [
        (at("10:00"), at("10:00"), 1),
        (at("10:02"), at("10:03"), 2),
        (at("10:05"), at("10:05"), 1),
        (at("10:10"), at("10:11"), 2),
    ]
    assert ref.quality(ts_ns, session, "1m") == 40.0
    assert ref.find_gaps(ts_ns, session, "1m", as_of=at("10:04") - 1) == [
        (at("10:00"), at("10:00"), 1),
        (at("10:02"), at("10:02"), 1),
    ]
    assert ref.quality(ts_ns, session, "1m", as_of=at("10:04")) == 25.0
    assert ref.quality(ts_ns, session, "1m", as_of=at("10:00")) == 100.0
    assert ref.find_gaps([], session, "1d") == [(at("10:00"), at("10:00"), 1)]
    assert ref.find_gaps([], session, "1d", as_of=at("10:14") - 1) == []
    assert ref.find_gaps([at("10:00")], session, "1d") == []
    assert ref.find_gaps([at("10:04")], session, "4m") == [
        (at("10:00"), at("10:00"), 1),
        (at("10:10"), at("10:10"), 1),
    ]


def test_ten_missing_seconds_are_one_gap() -> None:
    session = toy(("10:00", "10:01"))
    ts_ns = [at("10:00") + s * SECOND for s in range(60) if not 20 <= s < 30]
    assert ref.find_gaps(ts_ns, session, "1s") == [(at("10:00:20"), at("10:00:29"), 10)]


def test_aggregate_plain_rows() -> None:
    session = toy()
    rows = [
        (at("-1:00"), 1.0, 1.0, 1.0, 1.0, 1.0),  # outside the span
        (at("09:58"), 5.0, 6.0, 4.0, 5.0, 7.0),
        (at("10:00"), 1.0, 3.0, 0.5, 2.0, 10.0),
        (at("10:01:30"), 2.0, 2.5, 0.25, 1.5, 20.0),
        (at("10:05"), 4.0, 4.0, 4.0, 4.0, 40.0),
        (at("24:00"), 1.0, 1.0, 1.0, 1.0, 1.0),  # outside the span
    ]
    assert ref.aggregate(rows, session, "1m", "5m") == [
        (at("09:55"), 5.0, 6.0, 4.0, 5.0, 7.0, 1),
        (at("10:00"), 1.0, 3.0, 0.25, 1.5, 30.0, 1),
        (at("10:05"), 4.0, 4.0, 4.0, 4.0, 40.0, 1),
    ]
    assert ref.aggregate(rows, session, "1m", "1d") == [(at("10:00"), 1.0, 4.0, 0.25, 4.0, 70.0, 2)]
    with pytest.raises(ValueError, match="increasing"):
        ref.aggregate([rows[1], rows[1]], session, "1m", "5m")
    with pytest.raises(ValueError, match="longer multiple"):
        ref.aggregate(rows, session, "2m", "5m")


# -- the document


def two_symbols() -> RefStore:
    """One symbol with two bars and a gap of two minutes between them, and one without bars."""
    store = RefStore(nyse_day(), "1m", ["1d", "5m"])
    store.register("AAPL")
    store.register("ZZZ")
    store.append("AAPL", NYSE_OPEN, 13.5, 13.54, 13.47, 13.52, 1200.0)
    store.append("AAPL", NYSE_OPEN + 3 * MINUTE, 13.52, 13.6, 13.5, 13.55, 300.5)
    return store


def test_complete_document() -> None:
    columns = ["timestamp", "open", "high", "low", "close", "volume"]
    empty = {"count": 0, "total_count": 0, "generated": False, "quality": 100.0, "columns": columns, "data": []}
    expected = {
        "meta": {
            "schema": 1,
            "complete": True,
            "session_date": "2013-10-07",
            "timezone": "America/New_York",
            "segments": [["09:30:00", "16:00:00"]],
            "as_of": "2013-10-07T09:34:00-04:00",
            "sequence": 2,
        },
        "symbols": {
            "AAPL": {
                "session": {
                    "volume": 1500.5,
                    "high": 13.6,
                    "low": 13.47,
                    "data": {
                        "1m": {
                            "count": 2,
                            "total_count": 2,
                            "generated": False,
                            "quality": 50.0,
                            "gaps": {
                                "gap_count": 1,
                                "missing_bars": 2,
                                "ranges": [{"start_time": "09:31:00", "end_time": "09:32:00", "bar_count": 2}],
                            },
                            "columns": columns,
                            "data": [
                                ["09:30:00", 13.5, 13.54, 13.47, 13.52, 1200],
                                ["09:33:00", 13.52, 13.6, 13.5, 13.55, 300.5],
                            ],
                        },
                        "5m": {
                            "count": 1,
                            "total_count": 1,
                            "generated": True,
                            "forming": True,
                            "quality": 100.0,
                            "columns": columns,
                            "data": [["09:30:00", 13.5, 13.6, 13.47, 13.55, 1500.5]],
                        },
                        "1d": {
                            "count": 1,
                            "total_count": 1,
                            "generated": True,
                            "forming": True,
                            "quality": 100.0,
                            "columns": columns,
                            "data": [["09:30:00", 13.5, 13.6, 13.47, 13.55, 1500.5]],
                        },
                    },
                },
                "historical": {"loaded": False},
            },
            "ZZZ": {
                "session": {
                    "volume": 0,
                    "high": None,
                    "low": None,
                    "data": {
                        "1m": empty,
                        "5m": {**empty, "generated": True},
                        "1d": {**empty, "generated": True},
                    },
                },
                "historical": {"loaded": False},
            },
        },
    }
    # text: key order and int or float count
    assert json.dumps(ref.document(two_symbols())) == json.dumps(expected)


@pytest.mark.parametrize(
    ("timestamps", "as_of", "first", "gap"),
    [
        ("iso", "2013-10-07T09:34:00-04:00", "2013-10-07T09:30:00-04:00", "2013-10-07T09:31:00-04:00"),
        ("epoch_ms", 1381152840000, 1381152600000, 1381152660000),
        ("epoch_ns", 1381152840000000000, 1381152600000000000, 1381152660000000000),
    ],
)
def test_forms_of_time_in_a_document(timestamps: str, as_of: object, first: object, gap: object) -> None:
    document = ref.document(two_symbols(), timestamps, sequence=77)
    series = document["symbols"]["AAPL"]["session"]["data"]["1m"]
    assert document["meta"]["as_of"] == as_of
    assert document["meta"]["sequence"] == 77
    assert series["data"][0][0] == first
    assert series["gaps"]["ranges"][0]["start_time"] == gap


def test_document_of_a_store_without_bars_has_no_as_of_until_the_clock_moves() -> None:
    store = RefStore(nyse_day(), "1m", [])
    assert ref.document(store)["meta"]["as_of"] is None
    assert ref.document(store)["symbols"] == {}
    store.register("A")
    store.advance_to(NYSE_OPEN + 2 * MINUTE)
    document = ref.document(store)
    assert document["meta"]["as_of"] == "2013-10-07T09:32:00-04:00"
    assert document["symbols"]["A"]["session"]["data"]["1m"]["quality"] == 0.0
    assert list(document["symbols"]["A"]["session"]["data"]) == ["1m"]  # 1d is shown when asked for


def test_document_shows_retained_rows_and_counts_all() -> None:
    store = RefStore(toy(), "1m", ["5m"], capacity=2)
    feed(store.register("X"), "10:00", "10:01", "10:02")
    series = ref.document(store)["symbols"]["X"]["session"]["data"]
    assert (series["1m"]["count"], series["1m"]["total_count"], series["1m"]["quality"]) == (2, 3, 100.0)
    assert [row[0] for row in series["1m"]["data"]] == ["10:01:00", "10:02:00"]
    assert series["5m"]["data"] == [["10:00:00", 1.0, 1.0, 1.0, 1.0, 3]]


@pytest.mark.parametrize(
    ("present", "expected", "shown"),
    [(0, 0, 100.0), (0, 3, 0.0), (1, 3, 33.33), (2, 3, 66.66), (99_999, 100_000, 99.99), (29, 50, 58.0), (7, 7, 100.0)],
)
def test_quality_is_rounded_down(present: int, expected: int, shown: float) -> None:
    assert ref.percentage_shown(present, expected) == shown


@pytest.mark.parametrize(
    ("volume", "shown"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1200.0, "1200"),
        (0.5, "0.5"),
        (2.0**53, "9007199254740992"),
        (2.0**53 + 2, "9007199254740994.0"),
        (math.inf, "Infinity"),
    ],
)
def test_integral_volumes_are_integers(volume: float, shown: str) -> None:
    assert json.dumps(ref.volume_shown(volume)) == shown


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "09:30:00"),
        (1, "09:30:00.000000001"),
        (1_000, "09:30:00.000001"),
        (1_000_000, "09:30:00.001"),
        (500_000_000, "09:30:00.500"),
        (500_001_000, "09:30:00.500001"),
        (59_999_999_999, "09:30:59.999999999"),
    ],
)
def test_fraction_of_a_second(nanoseconds: int, text: str) -> None:
    assert ref.time_shown(NYSE_OPEN + nanoseconds, nyse_day(), "time") == text
    iso = ref.time_shown(NYSE_OPEN + nanoseconds, nyse_day(), "iso")
    assert iso == f"2013-10-07T{text}-04:00"


def test_offset_shows_its_seconds_only_where_it_has_some() -> None:
    session = RefSession("1970-01-01", "Africa/Monrovia", [(0, HOUR)], (0, HOUR))
    assert ref.time_shown(0, session, "iso") == "1969-12-31T23:15:30-00:44:30"
    assert ref.time_shown(0, toy(), "iso") == "1970-01-01T00:00:00+00:00"


def test_when_a_time_of_day_is_not_enough() -> None:
    assert not nyse_day().writes_iso
    assert overnight().writes_iso
    assert not toy(("00:00", "24:00")).writes_iso  # closes at midnight sharp: one local date
    assert toy(("08:00", "32:00"), span=("08:00", "32:00")).writes_iso  # 24x7 with another start
    # 2015-03-08, clocks go forward at 02:00: both offsets are in the span, though not in the
    # segment
    spring = (1_425_790_800 * SECOND, 1_425_873_600 * SECOND)
    segment = (1_425_821_400 * SECOND, 1_425_844_800 * SECOND)
    assert RefSession("2015-03-08", "America/New_York", [segment], spring).writes_iso
    assert not RefSession("2015-03-08", "America/New_York", [segment], segment).writes_iso
