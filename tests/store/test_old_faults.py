"""Faults of the object model that this library replaces, as the right behaviour; values, and arrays
of other libraries."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import sessiondata as sd
from hard_days import BAR, CLOSE, DERIVED, NEW_YORK, OPEN, Day, bar_of, coverages, gaps_of
from worlds import HOUR, MINUTE, SECOND, utc

# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", range(5))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_a_number_and_infinity_are_refused_in_every_column(column: int, value: float) -> None:
    day = Day()
    day.feed(range(3))
    bar = list(BAR)
    bar[column] = value
    before = day.data.to_json()
    name = ("open", "high", "low", "close", "volume")[column]
    with pytest.raises(sd.BarError) as one:
        day.spy.append(OPEN + 3 * MINUTE, *bar)
    with pytest.raises(sd.BarError) as many:
        day.spy.extend([OPEN + 3 * MINUTE], *[[x] for x in bar])
    for error in (one.value, many.value):
        assert (type(error), error.code, error.symbol) == (sd.BarError, "ERR_NOT_FINITE", "SPY")
        assert error.value == f"{name}={value!r}"
    assert (one.value.row, many.value.row) == (None, 0)
    assert day.data.to_json() == before


def test_high_below_low_and_negative_volume_are_refused_and_open_outside_of_both_is_not() -> None:
    day = Day()
    with pytest.raises(sd.BarError, match=r"high=1.0, low=2.0.*ERR_HIGH_LOW"):
        day.spy.append(OPEN, 1.5, 1.0, 2.0, 1.5, 1.0)
    with pytest.raises(sd.BarError, match=r"volume=-0.5.*ERR_VOLUME"):
        day.spy.append(OPEN, 1.5, 2.0, 1.0, 1.5, -0.5)
    day.append("SPY", OPEN, (99.0, 2.0, 2.0, -99.0, -0.0))
    assert day.series("1m")[0][1:5] == (99.0, 2.0, 2.0, -99.0)
    day.same()


def test_the_oil_of_april_2020_traded_below_zero() -> None:
    day = Day()
    day.append("SPY", OPEN, (1.10, 1.20, -2.25, -1.75, 500.0))
    day.append("SPY", OPEN + MINUTE, (-1.75, -1.50, -40.32, -37.63, 900.0))
    assert (day.spy.session_high, day.spy.session_low) == (1.2, -40.32)
    assert day.series("5m")[0][1:6] == (1.10, 1.20, -40.32, -37.63, 1400.0)
    day.same()


def test_fractional_volumes_are_summed_in_time_order_within_a_slot_and_slots_in_order_up_the_chain() -> None:
    volumes = [0.1, 0.2, 0.3, 0.7, 1e-9, 1 / 3, 0.1, 0.2, 1e15, 0.7, 0.1, 0.2, 0.3, 0.1, 0.2]
    fives = [volumes[0:5], volumes[5:10], volumes[10:15]]

    def left_to_right(values: list[float]) -> float:
        total = values[0]
        for value in values[1:]:
            total = total + value
        return total

    sums = [left_to_right(five) for five in fives]
    assert left_to_right(sums) != left_to_right(volumes), "the example must be able to tell the two orders apart"
    rows = [(OPEN + i * MINUTE, 1.0, 1.0, 1.0, 1.0, volume) for i, volume in enumerate(volumes)]
    rng = random.Random(7)
    for way in range(12):
        day = Day()
        arrival = rows if way < 2 else rng.sample(rows, len(rows))
        if way % 2:
            day.extend("SPY", arrival)
        else:
            for ts, *bar in arrival:
                day.append("SPY", ts, tuple(bar))
        assert day.series("5m").volume.tolist() == sums
        assert day.series("15m").volume.tolist() == [left_to_right(sums)]
        assert day.spy.session_volume == left_to_right(sums)
        assert day.series("1m").volume.tolist() == volumes
        day.same()


def test_integral_volumes_of_any_arrival_are_exact_and_integers_in_the_document() -> None:
    day = Day()
    for i, volume in [(3, 2.0**52), (0, 1.0), (2, 3.0), (1, 0.0)]:
        day.append("SPY", OPEN + i * MINUTE, (1.0, 1.0, 1.0, 1.0, volume))
    assert day.spy.session_volume == 2**52 + 4
    assert b'"session":{"volume":4503599627370500,' in day.data.to_json()
    day.same()


# --- arrays of other libraries --------------------------------------------------------------------


def _pandas() -> Any:
    return pd.Series(pd.date_range("2024-03-12 09:30", periods=7, freq="min", tz="America/New_York", unit="us"))


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(_pandas, id="pandas Series"),
        pytest.param(lambda: pd.DatetimeIndex(_pandas()), id="pandas Index"),
        pytest.param(
            lambda: pl.Series(_pandas().dt.tz_convert("UTC").tolist(), dtype=pl.Datetime("us", "UTC")), id="polars us"
        ),
        pytest.param(
            lambda: pl.Series(_pandas().dt.tz_convert("UTC").tolist(), dtype=pl.Datetime("ms", "UTC")), id="polars ms"
        ),
        pytest.param(lambda: pa.array(_pandas().tolist(), pa.timestamp("us", "UTC")), id="arrow us"),
        pytest.param(lambda: pa.chunked_array([pa.array(_pandas().tolist(), pa.timestamp("s", "UTC"))]), id="arrow s"),
        pytest.param(lambda: np.arange(7) * np.timedelta64(60, "s") + np.datetime64(OPEN // 1000, "us"), id="numpy us"),
        pytest.param(lambda: np.arange(7) * np.timedelta64(1, "m") + np.datetime64(OPEN // MINUTE, "m"), id="numpy m"),
        pytest.param(lambda: list(_pandas()), id="list of Timestamps"),
    ],
)
def test_the_unit_of_an_array_is_read_from_its_type(column: Any) -> None:
    day = Day()
    bars = np.array([bar_of(i) for i in range(7)]).T
    assert day.spy.extend(column(), *bars) == 7
    assert day.series("1m").timestamp.tolist() == [OPEN + i * MINUTE for i in range(7)]
    assert (day.series("1m").expected, day.series("1m").missing) == (7, 0)


@pytest.mark.parametrize("make", [pd.Series, pl.Series, pa.array, lambda x: pa.chunked_array([x[:3], x[3:]])])
def test_value_columns_of_other_libraries_are_taken(make: Any) -> None:
    day = Day()
    bars = np.array([bar_of(i) for i in range(7)]).T
    ts = np.arange(7) * MINUTE + OPEN
    day.spy.extend(ts, *(make(column) for column in bars))
    assert day.series("1m").close.tolist() == [100.25 + i for i in range(7)]
    assert day.spy.session_volume == sum(10.0 + i for i in range(7))


def test_a_naive_pandas_column_is_an_error_unless_its_zone_is_said() -> None:
    day = Day()
    naive = pd.Series(pd.date_range("2024-03-12 09:30", periods=2, freq="min", unit="us"))
    with pytest.raises(sd.TimeError, match=r"naive.*SPY"):
        day.spy.extend(naive, *([1.0, 1.0],) * 5)
    assert day.spy.extend(naive, *([1.0, 1.0],) * 5, tz="America/New_York") == 2
    assert day.series("1m")[0].timestamp == OPEN


# --- a symbol keeps its intervals -----------------------------------------------------------------


def test_a_symbol_cannot_change_its_base_interval_during_a_session() -> None:
    day = Day()
    day.feed(range(3))
    before = day.data.to_json()
    with pytest.raises(sd.IntervalError, match=r"'SPY' is registered with 1m, 5m, 15m, 1h, 1d"):
        day.data.register_symbol("SPY", "5s")
    with pytest.raises(sd.IntervalError, match="cannot change its intervals"):
        day.data.register_symbol("SPY", "1m", ("5m",))
    assert day.data.to_json() == before
    assert day.data.register_symbol("SPY", "60s", ("1d", "60m", "5m", "15m")) is day.spy


# --- faults of the object model -------------------------------------------------------------------


def test_ten_missing_seconds_are_one_gap_not_ten() -> None:
    start = utc("2024-03-12T12:00:00+00:00")
    day = Day(None, "2024-03-12", base="1s", derived=("5s", "1m", "1d"))
    rows = [(start + i * SECOND, *bar_of(i)) for i in range(60) if not 20 <= i < 30]
    day.spy.extend(np.array([row[0] for row in rows]), *np.array([row[1:] for row in rows]).T)
    gaps = [gap for gap in day.series("1s").gaps if gap.start_ns >= start]
    assert [(gap.start_ns - start, gap.end_ns - start, gap.bar_count) for gap in gaps] == [
        (20 * SECOND, 29 * SECOND, 10)
    ]
    fives = [gap for gap in day.series("5s").gaps if gap.start_ns >= start]
    assert [(gap.start_ns - start, gap.bar_count) for gap in fives] == [(20 * SECOND, 2)]
    assert [gap for gap in day.series("1m").gaps if gap.start_ns >= start] == []


def test_gaps_of_an_hourly_feed_are_counted_in_hours() -> None:
    day = Day(base="1h", derived=("1d",))
    day.feed([0, 3, 6], step=HOUR)
    assert gaps_of(day.series("1h"), step=HOUR) == [(1, 2, 2), (4, 5, 2)]
    day.same()


@pytest.mark.parametrize(
    ("kind", "offsets"),
    [("after hours", range(390, 400)), ("before the open", range(-10, 0)), ("off the grid", [])],
)
def test_bars_that_nobody_expects_do_not_hide_missing_ones(kind: str, offsets: Any) -> None:
    day = Day()
    day.feed(i for i in range(390) if i % 39)  # ten are missing
    for i in offsets:
        day.feed([i])
    if kind == "off the grid":
        for i in range(10):
            day.append("SPY", OPEN + i * 39 * MINUTE + SECOND, BAR)
        assert day.spy.counters["off_grid"] == 10
    day.advance_to(CLOSE)
    assert len(day.series("1m")) == 390
    assert (day.series("1m").missing, day.series("1m").quality) == (10, 100.0 * 380 / 390)
    day.same()


def test_duplicates_do_not_hide_missing_bars() -> None:
    day = Day()
    rows = [(OPEN + i * MINUTE, *bar_of(i)) for i in (0, 1, 2, 5)]
    day.extend("SPY", rows * 3)
    day.extend("SPY", [(ts, *BAR) for ts, *_ in rows] * 2)
    assert (day.series("1m").missing, day.series("1m").quality) == (2, 100.0 * 4 / 6)
    assert len(day.series("1m")) == 4
    day.same()


def test_quality_of_each_interval_is_its_own_not_that_of_the_base() -> None:
    day = Day()
    day.feed(i for i in range(60) if i % 5 == 4)
    assert day.spy.bar_quality == {"1m": 20.0, "5m": 100.0, "15m": 100.0, "1h": 100.0, "1d": 100.0}
    day.feed([84])
    assert day.spy.bar_quality == {
        "1m": 100.0 * 13 / 85, "5m": 100.0 * 13 / 17, "15m": 80.0, "1h": 100.0, "1d": 100.0,
    }  # fmt: skip
    day.same()


def test_the_minute_in_progress_is_not_missing_and_a_partial_derived_bar_neither_present_nor_missing() -> None:
    day = Day()
    day.feed(range(7))
    day.advance_to(OPEN + 7 * MINUTE + 59 * SECOND)
    assert (day.series("1m").expected, day.series("1m").quality) == (7, 100.0)
    assert (day.series("5m").expected, day.series("5m").present, day.series("5m").missing) == (1, 1, 0)
    day.same()


def test_a_gap_that_is_filled_closes_and_filling_it_again_adds_no_duplicates() -> None:
    day = Day()
    day.feed([*range(10), *range(20, 30)])
    fill = [(OPEN + i * MINUTE, *bar_of(i)) for i in range(10, 20)]
    assert day.spy.bar_gaps["1m"][0].bar_count == 10
    for _ in range(4):  # each retry sends the whole range
        day.extend("SPY", fill)
    assert len(day.series("1m")) == day.series("1m").total_count == 30
    assert day.spy.bar_gaps == {"1m": [], "5m": [], "15m": [], "1h": [], "1d": []}
    assert day.series("1m").timestamp.tolist() == [OPEN + i * MINUTE for i in range(30)]
    assert coverages(day.series("5m")) == [(5, 5)] * 6
    day.same()


def test_a_partly_filled_gap_leaves_exactly_what_is_still_missing() -> None:
    day = Day()
    day.feed([0, 11])
    day.extend("SPY", [(OPEN + i * MINUTE, *bar_of(i)) for i in (8, 2, 3, 7)])
    assert gaps_of(day.series("1m")) == [(1, 1, 1), (4, 6, 3), (9, 10, 2)]
    day.same()


def test_every_order_of_the_same_few_bars_gives_one_document() -> None:
    bars = [(OPEN + i * MINUTE, *bar_of(i)) for i in (-1, 0, 4, 6, 390)]
    documents = set()
    for order in itertools.permutations(bars):
        data = sd.SessionData(NEW_YORK, "1m", DERIVED)
        data.start_session("2024-03-12")
        spy = data.register_symbol("SPY")
        for row in order:
            spy.append(*row)
        documents.add(data.to_json())
    assert len(documents) == 1
