"""Points in time: what is accepted, in which unit, and what is refused rather than guessed.

Long because each way to write a time is a case of its own.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiondata.errors import TimeError
from sessiondata.time.arrays import to_ns_array
from sessiondata.time.instants import to_ns
from sessiondata.time.zones import from_ns, to_zone, utc_offsets, wall_to_ns

NAT = -(2**63)
MAX = 2**63 - 1
NY = ZoneInfo("America/New_York")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# 2024-01-02 09:30 in New York, 14:30 UTC
OPEN = 1_704_205_800_000_000_000
OPEN_NY = datetime(2024, 1, 2, 9, 30, tzinfo=NY)


def ns_of(moment: datetime) -> int:
    """Obviously right: integer arithmetic on a timedelta's own fields."""
    since = moment.astimezone(UTC) - EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


# --- one value ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        OPEN,
        np.int64(OPEN),
        np.uint64(OPEN),
        np.datetime64("2024-01-02T14:30", "m"),
        np.datetime64("2024-01-02T14:30", "s"),
        np.datetime64("2024-01-02T14:30", "ms"),
        np.datetime64("2024-01-02T14:30", "us"),
        np.datetime64("2024-01-02T14:30", "ns"),
        OPEN_NY,
        OPEN_NY.astimezone(UTC),
        OPEN_NY.astimezone(timezone(timedelta(hours=5, minutes=45))),
        pd.Timestamp(OPEN_NY),
        pd.Timestamp(OPEN_NY).as_unit("s"),
        pd.Timestamp(OPEN, tz="UTC"),
        pa.scalar(OPEN // 1000, pa.timestamp("us", "America/New_York")),
    ],
)
def test_every_kind_of_instant_is_the_same_number(value: object) -> None:
    # tz= says nothing about an instant, but shifts the wall clock of a datetime64
    for tz in (None, "Asia/Tokyo"):
        got = to_ns(value, tz=tz)
        assert type(got) is int
        assert got == (OPEN - 9 * 3600 * 10**9 if tz and isinstance(value, np.datetime64) else OPEN)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2024, 1, 2, 9, 30),
        pd.Timestamp("2024-01-02 09:30"),
        pa.scalar(datetime(2024, 1, 2, 9, 30)),
    ],
)
def test_naive_values_need_a_zone(value: object) -> None:
    with pytest.raises(TimeError, match=r"naive.*give it a zone"):
        to_ns(value)
    assert to_ns(value, tz="America/New_York") == to_ns(value, tz=NY) == OPEN


@pytest.mark.parametrize(
    "value",
    [
        *(1.0, np.float64(OPEN), True, np.True_, "2024-01-02", b"x", None, date(2024, 1, 2), [OPEN]),
        *(np.array(1.0), np.array([1, 2]), np.timedelta64(1, "s"), pd.Timedelta(1), pd.NA),
        *(pa.scalar(1.0), pl.Series([1]), pa.array([1]), pd.Series([1])),
    ],
)
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TimeError):
        to_ns(value)
    with pytest.raises(TimeError):
        to_ns(value, tz="UTC")


@pytest.mark.parametrize("value", [pd.NaT, np.datetime64("NaT", "s"), np.datetime64("NaT", "ns"), NAT, np.int64(NAT)])
def test_nat_is_refused(value: object) -> None:
    with pytest.raises(TimeError, match="NaT"):
        to_ns(value)


@pytest.mark.parametrize(
    "value",
    [
        *(MAX + 1, NAT - 1, np.uint64(MAX + 1), 10**30),
        *(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), datetime(2262, 4, 12, tzinfo=UTC)),
        *(pd.Timestamp("0001-01-01", tz="UTC"), np.datetime64("1677-09-21", "D"), np.datetime64(2**40, "h")),
        *(np.datetime64(2**62, "Y"), np.datetime64(1600, "Y"), np.datetime64(MAX, "us"), np.datetime64(-MAX, "us")),
    ],
)
def test_what_does_not_fit_is_refused_and_never_wraps(value: object) -> None:
    with pytest.raises(TimeError, match="int64"):
        to_ns(value)


def test_the_limits_themselves_fit() -> None:
    assert to_ns(MAX) == MAX
    assert to_ns(NAT + 1) == NAT + 1
    assert to_ns(np.datetime64(MAX // 1000, "us")) == MAX // 1000 * 1000
    assert to_ns(np.datetime64(-(MAX // 1000), "us")) == -(MAX // 1000) * 1000
    assert to_ns(np.datetime64("1965-06-01", "D")) == ns_of(datetime(1965, 6, 1, tzinfo=UTC))
    assert to_ns(np.datetime64("2024-02", "M")) == ns_of(datetime(2024, 2, 1, tzinfo=UTC))
    assert to_ns(np.datetime64("1969", "Y")) == ns_of(datetime(1969, 1, 1, tzinfo=UTC))


def test_units_finer_than_a_nanosecond_round_down() -> None:
    assert to_ns(np.datetime64(-1, "ps")) == -1
    assert to_ns(np.datetime64(1_999, "ps")) == 1
    assert to_ns(np.datetime64(MAX, "as")) == MAX // 10**9
    odd = np.array([-1, 0, 333, MAX, NAT], np.int64).view("datetime64[3ps]")
    assert to_ns_array(odd[:3]).tolist() == [-1, 0, 0]
    assert to_ns_array(odd).tolist() == [-1, 0, 0, MAX * 3 // 1000, NAT]


@pytest.mark.slow
@given(st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1), timezones=st.timezones()))
def test_aware_datetimes_are_exact_to_the_microsecond(moment: datetime) -> None:
    assert to_ns(moment) == ns_of(moment)
    assert from_ns(to_ns(moment), UTC) == moment.astimezone(UTC)


@given(st.integers(NAT + 1, MAX))
def test_from_ns_rounds_down(ts_ns: int) -> None:
    moment = from_ns(ts_ns, NY)
    assert moment.tzinfo is NY
    assert 0 <= ts_ns - ns_of(moment) < 1000


def test_unknown_zones_are_refused() -> None:
    for tz in ("Mars/Olympus", "", "../etc/passwd", 5):
        with pytest.raises(TimeError):
            to_zone(tz)  # type: ignore[arg-type]
    assert to_zone(NY) is NY


# --- arrays ---------------------------------------------------------------------------------------

MINUTES = np.arange(OPEN, OPEN + 5 * 60 * 10**9, 60 * 10**9)
AWARE = pd.DatetimeIndex(MINUTES.view("M8[ns]")).tz_localize("UTC").tz_convert("America/New_York")


def same_column_in_every_form() -> list[Any]:
    forms: list[Any] = [
        MINUTES,
        MINUTES.astype(">i8"),
        MINUTES.astype(np.uint64),
        MINUTES[::-1].copy()[::-1],
        np.repeat(MINUTES, 3)[::3],
        MINUTES.tolist(),
        tuple(MINUTES),
        list(AWARE),
        [moment.to_pydatetime() for moment in AWARE],
        np.array([moment.to_pydatetime() for moment in AWARE], dtype=object),
        np.array(list(AWARE), dtype=object),
        np.array(MINUTES.tolist(), dtype=object),
        list(MINUTES.view("M8[ns]").astype("M8[s]")),
        memoryview(MINUTES),
        pd.Series(MINUTES),
        pd.Index(MINUTES),
        pd.Series(MINUTES, dtype="Int64"),
        pd.Series(MINUTES, dtype="UInt64"),
        pd.Series(list(AWARE), dtype=object),
        pl.Series(MINUTES),
        pl.Series(MINUTES, dtype=pl.UInt64),
        pl.Series(list(AWARE), dtype=pl.Object),
        pa.array(MINUTES),
        pa.chunked_array([MINUTES[:2], MINUTES[2:2], MINUTES[2:]]),
        pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([MINUTES]))),
    ]
    for unit in ("s", "ms", "us", "ns"):
        array = MINUTES.view("M8[ns]").astype(f"M8[{unit}]")
        forms += [array, array.astype(array.dtype.newbyteorder(">")), np.repeat(array, 2)[::2]]
        forms += [AWARE.as_unit(unit), pd.Series(AWARE.as_unit(unit)), AWARE.as_unit(unit).array]
        arrow = pa.array(array.view(np.int64), pa.timestamp(unit, "America/New_York"))
        forms += [arrow, pa.chunked_array([arrow[:2], arrow[2:]]), arrow[:]]
        forms += [pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([arrow])))]
        if unit != "s":
            forms += [pl.Series(array.view(np.int64)).cast(pl.Datetime(unit, "America/New_York"))]
    return forms


@pytest.mark.parametrize("index", range(len(same_column_in_every_form())))
def test_every_form_of_a_column_is_the_same_array(index: int) -> None:
    values = same_column_in_every_form()[index]
    got = to_ns_array(values)
    assert type(got) is np.ndarray
    assert got.dtype == np.dtype(np.int64)
    assert got.dtype.isnative
    assert got.flags.c_contiguous
    assert got.flags.aligned
    assert got.tolist() == MINUTES.tolist()


def test_no_copy_is_made_of_what_is_right_already() -> None:
    assert to_ns_array(MINUTES) is MINUTES
    assert np.shares_memory(to_ns_array(MINUTES.view("M8[ns]")), MINUTES)
    frozen = MINUTES.copy()
    frozen.flags.writeable = False
    assert to_ns_array(frozen) is frozen


def test_misaligned_and_narrow_integers() -> None:
    raw = np.frombuffer(b"\0" + MINUTES.tobytes(), np.uint8)[1:].view(np.int64)
    assert not raw.flags.aligned
    assert to_ns_array(raw).flags.aligned
    assert to_ns_array(raw).tolist() == MINUTES.tolist()
    for dtype in (np.int8, np.int16, np.int32, np.uint8, np.uint16, np.uint32):
        assert to_ns_array(np.array([1, 2], dtype)).tolist() == [1, 2]


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(MINUTES.view("M8[us]")),
        pd.DatetimeIndex(MINUTES.view("M8[ns]")),
        pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(MINUTES, pa.timestamp("ns"))]))),
        pl.Series(MINUTES).cast(pl.Datetime("ns")),
        pa.array(MINUTES, pa.timestamp("ns")),
        [datetime(2024, 1, 2)],
        np.array([datetime(2024, 1, 2)], dtype=object),
        [pd.Timestamp("2024-01-02")],
    ],
)
def test_naive_columns_need_a_zone(values: Any) -> None:
    with pytest.raises(TimeError, match=r"naive.*give it a zone"):
        to_ns_array(values)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_wall_time_columns_are_read_in_the_zone_given(unit: str) -> None:
    wall = AWARE.tz_localize(None).as_unit(unit)
    forms = [wall, pd.Series(wall), wall.to_numpy(), pa.array(wall), list(wall), list(wall.to_numpy())]
    if unit != "s":
        forms.append(pl.Series(wall.to_numpy()))
    for values in forms:
        assert to_ns_array(values, tz="America/New_York").tolist() == MINUTES.tolist()
        assert to_ns_array(values, tz=NY).tolist() == MINUTES.tolist()


@pytest.mark.parametrize(
    "values",
    [
        *(np.array([1.0]), np.array([True]), np.array(["2024-01-02"]), np.array([1], "m8[ns]"), np.array([b"x"])),
        *(np.array([[1]]), np.array(1), np.datetime64("2024-01-02"), 5, None, "2024", b"2024", {1: 2}, 1.5),
        *([1.0], [True], ["2024"], [1, OPEN_NY], [OPEN_NY, np.datetime64("2024", "s")], [date(2024, 1, 2)], [[1]]),
        *(np.array([OPEN_NY, "x"], dtype=object), np.ma.array([1.0], mask=[True]), np.zeros(1, dtype=[("a", "i8")])),
        *(pd.Series([1.0]), pd.Series(["a"]), pd.Series([True]), pd.Series([1.0, None], dtype="Float64")),
        *(pd.Series([pd.Timedelta(1)]), pd.DataFrame({"a": [1]}), pd.Series([True], dtype="boolean")),
        *(pd.Series(["a"], dtype="category"), pd.PeriodIndex(["2024"], freq="Y"), pd.Timestamp("2024", tz="UTC")),
        *(pl.Series([1.0]), pl.Series(["a"]), pl.Series([date(2024, 1, 2)]), pl.Series([True])),
        *(pl.DataFrame({"a": [1]}), pl.Series([timedelta(1)]), pl.Series([None])),
        *([pl.Series([2**70], dtype=pl.Int128)] if hasattr(pl, "Int128") else []),
        *(pa.array([1.0]), pa.array(["a"]), pa.array([date(2024, 1, 2)]), pa.array([timedelta(1)])),
        *(pa.array([None]), pa.array([True]), pa.table({"a": [1]}), pa.array(["a"]).dictionary_encode()),
    ],
)
def test_other_columns_are_refused(values: Any) -> None:
    with pytest.raises(TimeError):
        to_ns_array(values)
    with pytest.raises(TimeError):
        to_ns_array(values, tz="UTC")


@pytest.mark.parametrize(
    "values",
    [
        np.array([OPEN, NAT]),
        np.array([OPEN, NAT]).view("M8[ns]"),
        np.array([OPEN, NAT]).view("M8[ns]").astype("M8[s]"),
        np.array([OPEN, NAT]).view("M8[ns]").astype("M8[m]"),
        np.ma.array([OPEN, 7], mask=[False, True]),
        np.ma.array(np.array([OPEN // 10**9, MAX]).view("M8[s]"), mask=[False, True]),
        [OPEN, None],
        [OPEN, NAT],
        [OPEN_NY, None],
        [OPEN_NY, pd.NaT],
        [np.datetime64(OPEN, "ns"), np.datetime64("NaT", "s")],
        np.array([OPEN_NY, pd.NaT], dtype=object),
        pd.Series([OPEN_NY, None]),
        pd.Series([OPEN, None], dtype="Int64"),
        pd.Series([OPEN, None], dtype="UInt64"),
        pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([[OPEN, None]]))),
        pl.Series([OPEN_NY, None]),
        pl.Series([OPEN, None]),
        pa.array([OPEN, None]),
        pa.array([OPEN_NY, None]),
        pa.chunked_array([[OPEN], pa.array([None], pa.int64())]),
    ],
)
def test_nulls_are_kept_as_nat_for_the_check_to_name(values: Any) -> None:
    assert to_ns_array(values).tolist() == [OPEN, NAT]


def test_nat_stays_nat_through_a_zone_and_years() -> None:
    wall = np.array(["2024-01-02T09:30", "NaT"], "M8[m]")
    assert to_ns_array(wall, tz=NY).tolist() == [OPEN, NAT]
    assert to_ns_array(np.array(["NaT", "1970"], "M8[Y]")).tolist() == [NAT, 0]
    assert to_ns_array(np.array(["NaT"], "M8[s]"), tz=NY).tolist() == [NAT]


@pytest.mark.parametrize(
    "values",
    [
        *([], (), np.array([]), np.array([], np.int64), np.array([], "M8[s]"), np.array([], object)),
        *(pl.Series([], dtype=pl.Int64), pd.Series([]), pd.Series([], dtype="float64")),
    ],
)
def test_empty_columns(values: Any) -> None:
    for tz in (None, NY):
        got = to_ns_array(values, tz=tz)
        assert (got.dtype, got.shape) == (np.int64, (0,))
    assert to_ns_array(pa.chunked_array([], pa.timestamp("us", "UTC"))).shape == (0,)


@pytest.mark.parametrize(
    ("values", "row"),
    [
        (np.array([0, 1, MAX + 1], np.uint64), 2),
        (np.array([0, 2**40], "M8[s]"), 1),
        (np.array([-(2**40)], "M8[s]"), 0),
        (np.array([0, MAX // 1000 + 1], "M8[us]"), 1),
        (np.array([0, -(MAX // 1000) - 1], "M8[us]"), 1),
        (np.array([0, 2**62], "M8[Y]"), 1),
        (np.array([0, 2**62], "M8[M]"), 1),
        (np.array([0, 2**62], "M8[25us]"), 1),
        ([0, 10**20], 1),
        ([EPOCH, datetime(1000, 1, 1, tzinfo=UTC)], 1),
        (pd.Series(np.array([0, 2**50], "M8[us]")).dt.tz_localize("UTC"), None),
        (pd.Series(np.array([0, 2**40], "M8[s]")).dt.tz_localize("UTC"), 1),
        (pl.Series([0, 2**60]).cast(pl.Datetime("us", "UTC")), 1),
        (pa.array([0, 2**60], pa.timestamp("us", "UTC")), 1),
        (pa.array([0, 2**63], pa.uint64()), 1),
    ],
)
def test_overflow_names_the_row_and_never_wraps(values: Any, row: int | None) -> None:
    if row is None:  # 2^50 us is the year 2005: fits
        assert to_ns_array(values)[1] == 2**50 * 1000
        return
    with pytest.raises(TimeError, match=rf"row={row}\b"):
        to_ns_array(values)


@given(st.lists(st.integers(NAT, MAX)), st.sampled_from(["W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "25s"]))
def test_units_are_converted_exactly_or_refused(ticks: list[int], unit: str) -> None:
    """Against Python's integers, which do not wrap."""
    ratio = {"W": (604_800 * 10**9, 1), "D": (86_400 * 10**9, 1), "h": (3600 * 10**9, 1), "m": (60 * 10**9, 1)}
    ratio |= {"s": (10**9, 1), "ms": (10**6, 1), "us": (1000, 1), "ns": (1, 1), "ps": (1, 1000), "fs": (1, 10**6)}
    ratio |= {"25s": (25 * 10**9, 1)}
    multiply, divide = ratio[unit]
    # Half of the ticks are brought into range, else nearly every list would hold one that is not.
    ticks = [tick if i % 2 else tick // multiply for i, tick in enumerate(ticks)]
    array = np.array(ticks, np.int64).view(f"M8[{unit}]")
    want = [NAT if tick == NAT else tick * multiply // divide for tick in ticks]
    if all(tick == NAT or NAT < ns <= MAX for tick, ns in zip(ticks, want, strict=True)):
        assert to_ns_array(array).tolist() == want
        assert [to_ns(value) for value in array if not np.isnat(value)] == [ns for ns in want if ns != NAT]
    else:
        with pytest.raises(TimeError):
            to_ns_array(array)


# --- zones ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wall",
    [
        datetime(2024, 3, 10, 2, 30),
        pd.Timestamp("2024-03-10 02:00"),
        np.datetime64("2024-03-10T02:59:59.999999999"),
    ],
)
def test_a_wall_time_that_the_clocks_skip_is_an_error(wall: Any) -> None:
    with pytest.raises(TimeError, match="does not exist in America/New_York"):
        to_ns(wall, tz=NY)
    with pytest.raises(TimeError, match="row=1 "):
        to_ns_array(np.array(["2024-03-10T01:59", "2024-03-10T02:00", "2024-03-10T03:00"], "M8[s]"), tz=NY)


def test_a_wall_time_shown_twice_is_the_first_one() -> None:
    first = ns_of(datetime(2024, 11, 3, 1, 30, tzinfo=NY))
    assert to_ns(np.datetime64("2024-11-03T01:30"), tz=NY) == first
    assert to_ns(datetime(2024, 11, 3, 1, 30), tz=NY) == first
    assert to_ns(pd.Timestamp("2024-11-03 01:30"), tz=NY) == first
    assert to_ns_array(np.array(["2024-11-03T01:30"], "M8[m]"), tz=NY).tolist() == [first]
    # ... unless a datetime says otherwise itself.
    assert to_ns(datetime(2024, 11, 3, 1, 30, fold=1), tz=NY) == first + 3600 * 10**9


ZONES = ["America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Gaza"]
ZONES += ["Africa/Casablanca", "America/Havana", "Pacific/Apia", "Africa/Freetown", "Asia/Manila", "Europe/Dublin"]
ZONES += ["UTC"]


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(1680, 2259),
    st.lists(st.timedeltas(timedelta(0), timedelta(days=366)), min_size=1, max_size=20),
    st.sampled_from([0, 1]),
)
def test_localisation_equals_zoneinfo(key: str, year: int, delays: list[timedelta], fold: int) -> None:
    zone, walls = ZoneInfo(key), [datetime(year, 1, 1) + delay for delay in delays]
    ticks = np.array([ns_of(wall.replace(tzinfo=UTC)) for wall in walls], np.int64)
    want = [ns_of(wall.replace(tzinfo=zone, fold=fold)) for wall in walls]
    exists = [from_ns(ns, zone).replace(tzinfo=None) == wall for ns, wall in zip(want, walls, strict=True)]
    if all(exists):
        assert wall_to_ns(ticks, zone, fold=fold).tolist() == want
    else:
        with pytest.raises(TimeError):
            wall_to_ns(ticks, zone, fold=fold)


@pytest.mark.slow
@pytest.mark.parametrize("key", ZONES)
@pytest.mark.parametrize("fold", [0, 1])
def test_localisation_around_every_change(key: str, fold: int) -> None:
    """Each minute near each change of some years: holes and overlaps are where zoneinfo has
    them."""
    zone = ZoneInfo(key)
    starts, _ = utc_offsets(zone, ns_of(datetime(1935, 1, 1, tzinfo=UTC)), ns_of(datetime(2026, 1, 1, tzinfo=UTC)))
    step = 17 * 60 * 10**9
    for change in starts[1:].tolist()[-6:]:
        wall = from_ns(change, zone).replace(tzinfo=None) - timedelta(hours=27)
        walls = [wall + timedelta(microseconds=step * i // 1000) for i in range(200)]
        ticks = np.array([ns_of(wall.replace(tzinfo=UTC)) for wall in walls], np.int64)
        got = wall_to_ns(ticks, zone, fold=fold, skipped="shift").tolist()
        for wall, ts_ns in zip(walls, got, strict=True):
            want = ns_of(wall.replace(tzinfo=zone, fold=fold))
            exists = from_ns(want, zone).replace(tzinfo=None) == wall
            assert ts_ns == (want if exists else change)


def test_localisation_near_the_limits_does_not_wrap() -> None:
    for wall, zone in [(MAX, "America/New_York"), (NAT + 1, "Asia/Tokyo")]:
        with pytest.raises(TimeError, match="int64"):
            wall_to_ns(np.array([wall]), ZoneInfo(zone))
    assert wall_to_ns(np.array([MAX]), ZoneInfo("Asia/Tokyo")).tolist() == [MAX - 9 * 3600 * 10**9]
    for wall in (MAX, NAT + 1, NAT):
        assert wall_to_ns(np.array([wall]), ZoneInfo("UTC")).tolist() == [wall]


def test_a_million_wall_times_equal_pandas() -> None:
    wall = np.arange("2005-01-01", "2024-12-31", 10, dtype="M8[m]").astype("M8[s]")
    want = pd.DatetimeIndex(wall).tz_localize(NY, nonexistent="NaT", ambiguous=np.ones(len(wall), bool))
    exists = ~want.isna()
    got = to_ns_array(wall[exists], tz=NY)
    assert np.array_equal(got, want[exists].as_unit("ns").asi8)


def test_offsets_are_exact_to_the_second() -> None:
    year = ns_of(datetime(2024, 1, 1, tzinfo=UTC)), ns_of(datetime(2025, 1, 1, tzinfo=UTC))
    starts, offsets = utc_offsets(NY, *year)
    spring, autumn = datetime(2024, 3, 10, 7, tzinfo=UTC), datetime(2024, 11, 3, 6, tzinfo=UTC)
    assert starts.tolist() == [year[0], ns_of(spring), ns_of(autumn)]
    assert offsets.tolist() == [hours * 3600 * 10**9 for hours in (-5, -4, -5)]
    # A range that begins at a change has it as its first entry; one that ends there does not have
    # it.
    assert utc_offsets(NY, ns_of(spring), year[1])[0].tolist() == [ns_of(spring), ns_of(autumn)]
    assert utc_offsets(NY, year[0], ns_of(spring))[0].tolist() == [year[0]]
    assert utc_offsets(NY, year[0], ns_of(spring) + 1)[0].tolist() == [year[0], ns_of(spring)]
    # The closest two changes of any zone, and one at the turn of a year.
    freetown = utc_offsets(ZoneInfo("Africa/Freetown"), ns_of(datetime(1939, 8, 1, tzinfo=UTC)), 0)[0]
    assert np.diff(freetown).min() == 344_400 * 10**9
    singapore = utc_offsets(ZoneInfo("Asia/Singapore"), ns_of(datetime(1981, 12, 1, tzinfo=UTC)), OPEN)[0]
    assert singapore[1:].tolist() == [ns_of(datetime(1981, 12, 31, 16, tzinfo=UTC))]


def test_importing_times_imports_no_data_frame_library() -> None:
    code = (
        "import sys, numpy as np; from sessiondata.time import arrays as times;"
        "from sessiondata.market import calendar as calendars;"
        "times.to_ns_array(np.arange(3)); times.to_ns_array([3]); calendars.calendar(None).session('2024-01-02');"
        "print([m for m in ('pandas', 'polars', 'pyarrow', 'exchange_calendars') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
