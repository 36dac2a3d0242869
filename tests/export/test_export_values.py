"""Law 6 of numbers, quality and times in the document."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessiondata as sd
from both_writers import BAR, OPEN, STYLES, new_store, same, series_of
from worlds import HOUR, MINUTE, SECOND

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


@pytest.mark.slow
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
