"""Small cases, computed by hand, that pin the reference model itself.

Every expected value is a literal. Most cases use the toy session: Monday 2015-01-05, UTC, open from
10:00 to 10:20, spanning the whole day; ``at("10:03")`` is a time of that day in nanoseconds.
"""

from __future__ import annotations

import json
import math

import pytest

import reference as ref
from reference import HOUR, MINUTE, SECOND, RefSession, RefStore, RefSymbol

MONDAY = 1_420_416_000 * SECOND  # 2015-01-05T00:00:00Z
NYSE_OPEN = 1_381_152_600 * SECOND  # 2013-10-07T09:30:00-04:00


def at(clock: str) -> int:
    """Nanoseconds of ``HH:MM`` or ``HH:MM:SS`` on the Monday, UTC; hours from 24 on are the next
    day's."""
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    return MONDAY + hours * HOUR + minutes * MINUTE + sum(seconds) * SECOND


def toy(*hours: tuple[str, str], span: tuple[str, str] = ("00:00", "24:00")) -> RefSession:
    """Session of the Monday with the given hours, by default 10:00 to 10:20."""
    segments = [(at(start), at(stop)) for start, stop in hours or [("10:00", "10:20")]]
    return RefSession("2015-01-05", "UTC", segments, (at(span[0]), at(span[1])))


def symbol_of(session: RefSession, derived: list[str], capacity: int | None = None) -> RefSymbol:
    """Return the one symbol of a new store of 1m bars."""
    return RefStore(session, "1m", derived, capacity).register("X")


def feed(symbol: RefSymbol, *clocks: str, volume: float = 1.0) -> int:
    """Offer one flat bar per time, one after the other."""
    return sum(symbol.append(at(clock), 1.0, 1.0, 1.0, 1.0, volume) for clock in clocks)


def correct(symbol: RefSymbol, clock: str) -> bool:
    """Offer a bar with other values than those of `feed`."""
    return symbol.append(at(clock), 2.0, 2.0, 2.0, 2.0, 2.0)


def nyse_day() -> RefSession:
    """2013-10-07, 09:30 to 16:00 New York, the local day as its span."""
    midnight = NYSE_OPEN - 570 * MINUTE
    segment = (NYSE_OPEN, NYSE_OPEN + 390 * MINUTE)
    return RefSession("2013-10-07", "America/New_York", [segment], (midnight, midnight + 24 * HOUR))


def overnight() -> RefSession:
    """Monday of an overnight future: Sunday 17:00 to Monday 16:00 Chicago, which is 23:00 to 22:00
    UTC."""
    return RefSession("2015-01-05", "America/Chicago", [(at("-1:00"), at("22:00"))], (at("-1:00"), at("23:00")))


# -- intervals


@pytest.mark.parametrize(
    ("interval", "step_ns"),
    [("1s", 10**9), ("5m", 300 * 10**9), ("90m", 5400 * 10**9), ("23h", 82800 * 10**9), ("1d", None)],
)
def test_step_of_an_interval(interval: str, step_ns: int | None) -> None:
    assert ref.step_of(interval) == step_ns


@pytest.mark.parametrize(
    "text", ["", "m", "0m", "-1m", "1.5m", "5", "5M", "24h", "1440m", "86400s", "2d", " 5m", "5m "]
)
def test_what_is_not_an_interval(text: str) -> None:
    with pytest.raises(ValueError, match="interval"):
        ref.step_of(text)


@pytest.mark.parametrize(
    ("interval", "name"),
    [("60s", "1m"), ("90s", "90s"), ("90m", "90m"), ("3600s", "1h"), ("120m", "2h"), ("1d", "1d"), ("1m", "1m")],
)
def test_canonical_name_of_an_interval(interval: str, name: str) -> None:
    assert ref.canonical(interval) == name


def test_parent_is_the_longest_shorter_interval_that_divides() -> None:
    symbol = symbol_of(toy(), ["1h", "10m", "7m", "15m", "5m"])
    assert symbol.levels() == ["5m", "7m", "10m", "15m", "1h", "1d"]
    parents = {interval: symbol.parent(interval) for interval in symbol.levels()}
    assert parents == {"5m": "1m", "7m": "1m", "10m": "5m", "15m": "5m", "1h": "15m", "1d": "1h"}
    assert symbol.intervals() == ["1m", "5m", "7m", "10m", "15m", "1h"]
    assert symbol_of(toy(), []).parent("1d") == "1m"
    assert symbol_of(toy(), ["5m", "7m"]).parent("1d") == "7m"  # need not divide a session


@pytest.mark.parametrize("derived", ["1m", "30s", "90s"])
def test_derived_interval_is_a_longer_multiple(derived: str) -> None:
    with pytest.raises(ValueError, match="longer multiple"):
        symbol_of(toy(), [derived])


# -- sessions, regions, slots


def test_regions_cover_the_span() -> None:
    session = toy(("10:00", "10:20"), ("10:30", "10:40"), span=("09:00", "11:00"))
    assert session.regions == [
        (at("09:00"), at("10:00"), at("10:00"), False),
        (at("10:00"), at("10:20"), at("10:00"), True),
        (at("10:20"), at("10:30"), at("10:20"), False),
        (at("10:30"), at("10:40"), at("10:30"), True),
        (at("10:40"), at("11:00"), at("10:40"), False),
    ]
    assert session.region_of(at("09:00") - 1) is None
    assert session.region_of(at("10:20") - 1) == session.regions[1]
    assert session.region_of(at("10:20")) == session.regions[2]
    assert session.region_of(at("11:00")) is None


def test_session_without_extended_hours_has_no_empty_region() -> None:
    session = toy(("10:00", "10:20"), span=("10:00", "10:20"))
    assert session.regions == [(at("10:00"), at("10:20"), at("10:00"), True)]


def test_empty_segment_is_dropped_and_a_zero_length_break_is_a_reopening() -> None:
    session = toy(("09:00", "09:00"), ("10:00", "10:10"), ("10:10", "10:20"))
    assert session.segments == [(at("10:00"), at("10:10")), (at("10:10"), at("10:20"))]
    assert len(session.regions) == 4
    assert session.regular_slots("4m") == [
        (at("10:00"), at("10:04"), 0),
        (at("10:04"), at("10:08"), 0),
        (at("10:08"), at("10:10"), 0),
        (at("10:10"), at("10:14"), 1),
        (at("10:14"), at("10:18"), 1),
        (at("10:18"), at("10:20"), 1),
    ]
    assert ref.find_gaps([], session, "4m") == [(at("10:00"), at("10:08"), 3), (at("10:10"), at("10:18"), 3)]


@pytest.mark.parametrize(
    "hours",
    [[("10:20", "10:00")], [("10:00", "10:20"), ("10:10", "10:30")], [("23:00", "25:00")], [("10:00", "10:00")]],
)
def test_session_that_contradicts_itself(hours: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match="segment"):
        toy(*hours)


def test_hourly_slots_of_390_minutes_are_seven() -> None:
    session = nyse_day()
    assert len(session.regular_slots("1m")) == 390
    assert len(session.regular_slots("1s")) == 23_400
    hourly = [
        ((start - NYSE_OPEN) // MINUTE, (stop - NYSE_OPEN) // MINUTE, i)
        for start, stop, i in session.regular_slots("1h")
    ]
    assert hourly == [
        (0, 60, 0),
        (60, 120, 0),
        (120, 180, 0),
        (180, 240, 0),
        (240, 300, 0),
        (300, 360, 0),
        (360, 390, 0),
    ]
    assert session.regular_slots("1d") == [(NYSE_OPEN, NYSE_OPEN + 390 * MINUTE, 0)]


def test_half_day_has_210_minutes() -> None:
    start = 1_450_967_400 * SECOND  # 2015-12-24T09:30:00-05:00
    segments = [(start, start + 210 * MINUTE)]
    span = ref.session_span("2015-12-24", "America/New_York", segments)
    assert span == (1_450_933_200 * SECOND, 1_451_019_600 * SECOND)
    session = RefSession("2015-12-24", "America/New_York", segments, span)
    assert len(session.regular_slots("1m")) == 210
    assert len(session.regular_slots("5m")) == 42
    assert [(stop - first) // MINUTE for first, stop, _ in session.regular_slots("1h")] == [60, 60, 60, 30]


def test_lunch_break() -> None:
    # Hong Kong: 09:30-12:00 and 13:00-16:00 are 01:30-04:00 and 05:00-08:00 UTC
    session = toy(("01:30", "04:00"), ("05:00", "08:00"))
    assert len(session.regular_slots("1m")) == 330
    assert session.regular_slots("1h") == [
        (at("01:30"), at("02:30"), 0),
        (at("02:30"), at("03:30"), 0),
        (at("03:30"), at("04:00"), 0),
        (at("05:00"), at("06:00"), 1),
        (at("06:00"), at("07:00"), 1),
        (at("07:00"), at("08:00"), 1),
    ]
    assert session.slot_of(at("03:59"), "1h") == (at("03:30"), at("04:00"), True)
    assert session.slot_of(at("04:00"), "1h") == (at("04:00"), at("05:00"), False)
    # cut at the next open
    assert session.slot_of(at("04:50"), "45m") == (at("04:45"), at("05:00"), False)
    assert session.slot_of(at("05:00"), "1h") == (at("05:00"), at("06:00"), True)
    assert session.slot_of(at("06:00"), "1d") == (at("01:30"), at("08:00"), True)


def test_bars_on_both_sides_of_lunch_are_never_one_bar_and_the_gap_is_cut() -> None:
    symbol = symbol_of(toy(("10:00", "10:10"), ("10:15", "10:25")), ["20m", "1d"])
    feed(symbol, "10:00", "10:08", "10:12", "10:17")
    assert [(bar.ts, bar.volume, bar.regular) for bar in symbol.bars("20m")] == [
        (at("10:00"), 2.0, True),
        (at("10:10"), 1.0, False),
        (at("10:15"), 1.0, True),
    ]
    assert symbol.coverage("20m") == [(2, 10), (1, 0), (1, 10)]
    assert [(bar.ts, bar.volume, bar.n_base, bar.n_expected) for bar in symbol.bars("1d")] == [
        (at("10:00"), 3.0, 3, 20)
    ]
    assert symbol.gaps("1m") == [
        (at("10:01"), at("10:07"), 7),
        (at("10:09"), at("10:09"), 1),
        (at("10:15"), at("10:16"), 2),
    ]


def test_pre_market_slots_count_backwards_and_post_market_slots_forwards() -> None:
    session = toy()
    assert session.slot_of(at("09:59"), "15m") == (at("09:45"), at("10:00"), False)
    assert session.slot_of(at("09:44"), "15m") == (at("09:30"), at("09:45"), False)
    assert session.slot_of(at("09:59"), "7m") == (at("09:53"), at("10:00"), False)
    assert session.slot_of(at("09:53") - 1, "7m") == (at("09:46"), at("09:53"), False)
    assert session.slot_of(at("10:20"), "15m") == (at("10:20"), at("10:35"), False)
    assert session.slot_of(at("10:35"), "15m") == (at("10:35"), at("10:50"), False)
    # cut at the end of the span
    assert session.slot_of(at("18:00"), "7h") == (at("17:20"), at("24:00"), False)
    assert session.slot_of(at("09:00"), "1d") == (at("00:00"), at("24:00"), False)


def test_first_pre_market_slot_is_cut_by_the_span_and_still_folds_up_the_chain() -> None:
    # 600 minutes before the open are 85 slots of 7 minutes and 5 minutes more
    symbol = symbol_of(toy(), ["7m", "14m"])
    feed(symbol, "00:00", "00:05")
    assert [(bar.ts, bar.stop) for bar in symbol.bars("7m")] == [
        (at("00:00"), at("00:05")),
        (at("00:05"), at("00:12")),
    ]
    assert [(bar.ts, bar.stop, bar.volume) for bar in symbol.bars("14m")] == [(at("00:00"), at("00:12"), 2.0)]
    assert symbol.coverage("14m") == [(2, 0)]


def test_extended_bars_stand_apart() -> None:
    symbol = symbol_of(toy(), ["5m", "1d"])
    symbol.append(at("09:59"), 5.0, 9.0, 1.0, 5.0, 100.0)
    feed(symbol, "10:00", "10:19")
    symbol.append(at("10:20"), 3.0, 4.0, 2.0, 3.0, 1000.0)  # the closing auction
    assert [(bar.ts, bar.volume, bar.regular) for bar in symbol.bars("5m")] == [
        (at("09:55"), 100.0, False),
        (at("10:00"), 1.0, True),
        (at("10:15"), 1.0, True),
        (at("10:20"), 1000.0, False),
    ]
    assert [bar.row for bar in symbol.bars("1d")] == [(at("10:00"), 1.0, 1.0, 1.0, 1.0, 2.0)]
    assert symbol.metrics() == {
        "volume": 2.0,
        "high": 1.0,
        "low": 1.0,
        "last_update": at("10:19"),
        "extended": {"volume": 1100.0, "high": 9.0, "low": 1.0, "count": 2, "last_update": at("10:20")},
    }
    assert symbol.counters["extended"] == 2
    assert symbol.counters["off_grid"] == 0
    assert (symbol.present("1m"), symbol.expected("1m")) == (2, 20)
    assert (symbol.present("5m"), symbol.expected("5m"), symbol.quality("5m")) == (2, 4, 50.0)


def test_metrics_before_the_first_bar() -> None:
    symbol = symbol_of(toy(), ["5m"])
    nothing = {"volume": 0.0, "high": None, "low": None, "last_update": None}
    assert symbol.metrics() == {**nothing, "extended": {**nothing, "count": 0}}
    assert symbol.as_of() is None
    assert (symbol.expected("1m"), symbol.quality("1m"), symbol.gaps("1m"), symbol.forming("5m")) == (
        0,
        100.0,
        [],
        False,
    )


def test_overnight_session_crosses_midnight() -> None:
    segments = [(at("-1:00"), at("22:00"))]
    span = ref.session_span(
        "2015-01-05",
        "America/Chicago",
        segments,
        previous_close=at("-50:00"),  # Friday 16:00 Chicago
        next_session=("2015-01-06", at("23:00")),  # Monday 17:00 Chicago
    )
    assert span == (at("-1:00"), at("23:00"))
    session = overnight()
    assert len(session.regular_slots("1m")) == 1380
    assert len(session.regular_slots("1h")) == 23
    # 8m slots from 17:00 on: one goes from 23:56 to 00:04 local time (midnight is 06:00 UTC)
    symbol = symbol_of(session, ["8m", "1d"])
    feed(symbol, "05:55", "05:57", "06:02", "06:04")
    assert [(bar.ts, bar.stop, bar.volume) for bar in symbol.bars("8m")] == [
        (at("05:48"), at("05:56"), 1.0),
        (at("05:56"), at("06:04"), 2.0),
        (at("06:04"), at("06:12"), 1.0),
    ]
    assert symbol.bars("1d")[0].ts == at("-1:00")
    assert symbol.gaps("1m")[1] == (at("05:56"), at("05:56"), 1)
    assert ref.time_shown(at("05:57"), session, "time") == "2015-01-04T23:57:00-06:00"
    assert ref.time_shown(at("06:02"), session, "time") == "2015-01-05T00:02:00-06:00"


def test_span_is_cut_by_the_neighbours_and_pushed_by_the_session() -> None:
    day = [(at("10:00"), at("10:20"))]
    assert ref.session_span("2015-01-05", "UTC", day) == (at("00:00"), at("24:00"))
    assert ref.session_span("2015-01-05", "UTC", day, previous_close=at("01:30")) == (at("01:30"), at("24:00"))
    assert ref.session_span("2015-01-05", "UTC", day, previous_close=at("-3:00")) == (at("00:00"), at("24:00"))
    late = [(at("10:00"), at("25:00"))]
    assert ref.session_span("2015-01-05", "UTC", late) == (at("00:00"), at("25:00"))
    # a Saturday belongs to no trade date: the Friday's span does not reach for the next session
    assert ref.session_span("2015-01-05", "UTC", day, next_session=("2015-01-08", at("82:00"))) == (
        at("00:00"),
        at("24:00"),
    )


def test_local_day_of_23_and_25_hours() -> None:
    spring = ref.session_span("2015-03-08", "America/New_York", [(1_425_821_400 * SECOND, 1_425_844_800 * SECOND)])
    autumn = ref.session_span("2015-11-01", "America/New_York", [(1_446_388_200 * SECOND, 1_446_411_600 * SECOND)])
    assert (spring[1] - spring[0], autumn[1] - autumn[0]) == (23 * HOUR, 25 * HOUR)
    assert RefSession("2015-03-08", "America/New_York", [spring], spring).count_slots("1m") == 1380


def test_negative_timestamps() -> None:
    session = RefSession("1969-12-31", "UTC", [(-10 * MINUTE, 0)], (-60 * MINUTE, 0))
    assert session.slot_of(-1, "1m") == (-1 * MINUTE, 0, True)
    assert session.slot_of(-1, "7m") == (-3 * MINUTE, 0, True)
    assert session.slot_of(-4 * MINUTE, "7m") == (-10 * MINUTE, -3 * MINUTE, True)
    assert session.slot_of(-10 * MINUTE - 1, "5m") == (-15 * MINUTE, -10 * MINUTE, False)
    symbol = symbol_of(session, ["5m"])
    symbol.extend([(ts * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0) for ts in (-10, -6, -5, -1)])
    assert [(bar.ts, bar.volume) for bar in symbol.bars("5m")] == [(-10 * MINUTE, 2.0), (-5 * MINUTE, 2.0)]
    assert symbol.gaps("1m") == [(-9 * MINUTE, -7 * MINUTE, 3), (-4 * MINUTE, -2 * MINUTE, 3)]
    assert symbol.as_of() == 0
    assert ref.time_shown(-1, session, "time") == "23:59:59.999999999"
    assert ref.time_shown(-1, session, "epoch_ms") == -1
    assert ref.time_shown(-1_000_001, session, "epoch_ms") == -2
    assert ref.time_shown(-1, session, "epoch_ns") == -1


@pytest.mark.parametrize(
    "session",
    [toy(), toy(("10:00", "10:07"), ("10:07", "10:20"), ("11:00", "11:01")), nyse_day(), overnight()],
    ids=["toy", "breaks", "nyse", "overnight"],
)
@pytest.mark.parametrize("interval", ["1m", "7m", "25m", "1h", "5h"])
def test_walking_and_the_formula_agree(session: RefSession, interval: str) -> None:
    walked = session.regular_slots(interval)
    assert sum(stop - start for start, stop, _ in walked) == sum(stop - start for start, stop in session.segments)
    for start, stop, segment in walked:
        assert session.slot_of(start, interval) == (start, stop, True)
        assert session.slot_of(stop - 1, interval) == (start, stop, True)
        assert session.segments[segment][0] <= start < stop <= session.segments[segment][1]


def test_default_capacity_counts_incomplete_slots_of_all_regions() -> None:
    session = toy(("10:00", "10:20"), span=("09:56", "10:27"))
    assert session.count_slots("1m") == 31
    assert session.count_slots("5m") == 1 + 4 + 2
    assert RefStore(session, "5m").register("X").capacity == 7
    assert RefStore(session, "5m", capacity=3).register("X").capacity == 3


# -- what a bar does


NAN, INF = math.nan, math.inf
INT64_MAX, NAT = 9_223_372_036_854_775_807, -9_223_372_036_854_775_808


@pytest.mark.parametrize(
    ("bar", "code"),
    [
        ((0, 1.0, 1.0, 1.0, 1.0, 0.0), None),
        ((0, 9.0, 1.0, 1.0, -9.0, 0.0), None),  # open and close outside [low, high]
        ((0, -37.0, -36.0, -38.0, -37.0, 5.5), None),  # oil, April 2020
        ((0, 1.0, 1.0, 1.0, 1.0, -0.0), None),
        ((0, NAN, 1.0, 1.0, 1.0, 1.0), "ERR_NOT_FINITE"),
        ((0, 1.0, INF, 1.0, 1.0, 1.0), "ERR_NOT_FINITE"),
        ((0, 1.0, 1.0, -INF, 1.0, 1.0), "ERR_NOT_FINITE"),
        ((0, 1.0, 1.0, 1.0, NAN, 1.0), "ERR_NOT_FINITE"),
        ((0, 1.0, 1.0, 1.0, 1.0, INF), "ERR_NOT_FINITE"),
        ((0, 1.0, 1.0, 1.5, 1.0, 1.0), "ERR_HIGH_LOW"),
        ((0, 1.0, 1.0, 1.0, 1.0, -0.5), "ERR_VOLUME"),
        ((NAT, 1.0, 1.0, 1.0, 1.0, 1.0), "ERR_NAT"),
        ((INT64_MAX, 1.0, 1.0, 1.0, 1.0, 1.0), "ERR_TS_RANGE"),
        ((INT64_MAX - MINUTE + 1, 1.0, 1.0, 1.0, 1.0, 1.0), "ERR_TS_RANGE"),
        ((INT64_MAX - MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0), "ERR_LATER_SESSION"),
        ((at("24:00"), 1.0, 1.0, 1.0, 1.0, 1.0), "ERR_LATER_SESSION"),
        ((at("24:00") - 1, 1.0, 1.0, 1.0, 1.0, 1.0), None),
        # several rules broken: the first of the order counts
        ((NAT, NAN, 0.0, 1.0, 1.0, -1.0), "ERR_NOT_FINITE"),
        ((NAT, 1.0, 0.0, 1.0, 1.0, -1.0), "ERR_HIGH_LOW"),
        ((NAT, 1.0, 1.0, 1.0, 1.0, -1.0), "ERR_VOLUME"),
    ],
)
def test_check_bar(bar: ref.Row, code: str | None) -> None:
    assert ref.check_bar(toy(), "1m", *bar) == code


def test_bad_batch_changes_nothing_and_skipping_counts_per_reason() -> None:
    symbol = symbol_of(toy(), ["5m"])
    good, other = (at("10:00"), 1.0, 1.0, 1.0, 1.0, 1.0), (at("10:01"), 1.0, 1.0, 1.0, 1.0, 1.0)
    bad_high, bad_volume = (at("10:02"), 1.0, 1.0, 2.0, 1.0, 1.0), (at("10:03"), 1.0, 1.0, 1.0, 1.0, -1.0)
    batch = [good, bad_high, bad_volume, other]
    with pytest.raises(ref.BadBarError) as caught:
        symbol.extend(batch)
    assert (caught.value.code, caught.value.row) == ("ERR_HIGH_LOW", 1)
    assert (symbol.bars("1m"), symbol.counters["stored"], symbol.store.sequence) == ([], 0, 0)
    assert sum(symbol.skipped.values()) == 0
    assert symbol.extend(batch, on_bad="skip") == 2
    assert [bar.ts for bar in symbol.bars("1m")] == [at("10:00"), at("10:01")]
    assert {reason: n for reason, n in symbol.skipped.items() if n} == {"ERR_HIGH_LOW": 1, "ERR_VOLUME": 1}
    assert symbol.store.sequence == 2


def test_counters_of_the_ways_a_bar_can_go() -> None:
    symbol = symbol_of(toy(), ["5m"])
    assert feed(symbol, "10:00", "10:02") == 2
    assert feed(symbol, "10:01") == 1  # late
    assert feed(symbol, "10:01") == 0  # repeated
    assert correct(symbol, "10:01")
    assert not symbol.append(at("-1:00"), 1.0, 1.0, 1.0, 1.0, 1.0)  # the day before
    assert feed(symbol, "10:02:30", "09:00") == 2  # off-grid; late and extended
    assert symbol.counters == {
        "stored": 5,
        "late": 2,
        "corrected": 1,
        "repeated": 1,
        "too_old": 0,
        "other_session": 1,
        "off_grid": 1,
        "extended": 1,
        "overwritten": 0,
    }
    assert symbol.bars("1m")[2].row == (at("10:01"), 2.0, 2.0, 2.0, 2.0, 2.0)
    assert symbol.store.sequence == 6
    assert not symbol.append(at("10:00"), 1.0, 1.0, 1.0, 1.0, 1.0)


def test_repeat_that_differs_in_the_sign_of_a_zero_changes_nothing() -> None:
    symbol = symbol_of(toy(), [])
    symbol.append(at("10:00"), 0.0, 0.0, 0.0, 0.0, 0.0)
    assert not symbol.append(at("10:00"), -0.0, -0.0, -0.0, -0.0, -0.0)
    assert math.copysign(1.0, symbol.bars("1m")[0].open) == 1.0


def test_off_grid_bar_is_stored_and_aggregated_but_fills_no_slot() -> None:
    symbol = symbol_of(toy(), ["5m"])
    feed(symbol, "10:00", "10:01:30")
    assert symbol.as_of() == at("10:02:30")
    assert symbol.gaps("1m") == [(at("10:01"), at("10:01"), 1)]
    assert (symbol.present("1m"), symbol.missing("1m"), symbol.expected("1m"), symbol.quality("1m")) == (1, 1, 2, 50.0)
    assert [bar.row for bar in symbol.bars("5m")] == [(at("10:00"), 1.0, 1.0, 1.0, 1.0, 2.0)]
    assert symbol.coverage("5m") == [(1, 5)]
    feed(symbol, "10:05:30")  # alone in its 5m slot, which is present all the same
    symbol.store.advance_to(at("10:10"))
    assert (symbol.present("5m"), symbol.coverage("5m")) == (2, [(1, 5), (0, 5)])
    assert symbol.gaps("1m") == [(at("10:01"), at("10:09"), 9)]


def test_end_of_a_bar_is_cut_at_its_region() -> None:
    symbol = symbol_of(toy(("10:00", "10:20"), ("10:30", "10:40")), [])
    feed(symbol, "09:59:30")
    assert symbol.as_of() == at("10:00")
    feed(symbol, "10:19:30")
    assert symbol.as_of() == at("10:20")
    feed(symbol, "10:29:30")
    assert symbol.as_of() == at("10:30")
    feed(symbol, "23:59:30")
    assert symbol.as_of() == at("24:00")


def test_late_bar_splits_a_gap_and_another_one_shortens_it() -> None:
    symbol = symbol_of(toy(), ["5m"])
    feed(symbol, "10:00", "10:06")
    assert symbol.gaps("1m") == [(at("10:01"), at("10:05"), 5)]
    feed(symbol, "10:03")
    assert symbol.gaps("1m") == [(at("10:01"), at("10:02"), 2), (at("10:04"), at("10:05"), 2)]
    feed(symbol, "10:05")
    assert symbol.gaps("1m") == [(at("10:01"), at("10:02"), 2), (at("10:04"), at("10:04"), 1)]
    feed(symbol, "10:04")
    assert symbol.gaps("1m") == [(at("10:01"), at("10:02"), 2)]
    assert symbol.as_of() == at("10:07")
    assert [bar.volume for bar in symbol.bars("5m")] == [3.0, 2.0]


def test_late_and_corrected_bars_rebuild_the_derived_bar() -> None:
    symbol = symbol_of(toy(), ["5m"])
    symbol.append(at("10:01"), 5.0, 6.0, 4.0, 5.5, 10.0)
    symbol.append(at("10:04"), 5.5, 7.0, 5.0, 6.5, 20.0)
    assert symbol.bars("5m")[0].row == (at("10:00"), 5.0, 7.0, 4.0, 6.5, 30.0)
    symbol.append(at("10:00"), 3.0, 8.0, 3.0, 5.0, 1.0)
    assert symbol.bars("5m")[0].row == (at("10:00"), 3.0, 8.0, 3.0, 6.5, 31.0)
    symbol.append(at("10:00"), 4.5, 5.0, 4.5, 5.0, 2.0)
    symbol.append(at("10:04"), 5.5, 6.5, 5.0, 6.0, 20.0)
    assert symbol.bars("5m")[0].row == (at("10:00"), 4.5, 6.5, 4.0, 6.0, 32.0)


def test_forming_bar_is_neither_present_nor_missing() -> None:
    symbol = symbol_of(toy(), ["5m", "1d"])
    feed(symbol, "10:00", "10:01")
    assert symbol.as_of() == at("10:02")
    assert (symbol.forming("1m"), symbol.forming("5m"), symbol.forming("1d")) == (False, True, True)
    assert (symbol.present("5m"), symbol.expected("5m"), symbol.quality("5m")) == (0, 0, 100.0)
    symbol.store.advance_to(at("10:05") - 1)
    assert symbol.forming("5m")
    assert symbol.gaps("1m") == [(at("10:02"), at("10:03"), 2)]
    symbol.store.advance_to(at("10:05"))
    assert (symbol.forming("5m"), symbol.present("5m"), symbol.expected("5m")) == (False, 1, 1)
    assert symbol.gaps("1m") == [(at("10:02"), at("10:04"), 3)]
    sequence = symbol.store.sequence
    symbol.store.advance_to(at("10:03"))  # never back
    assert symbol.as_of() == at("10:05")
    symbol.store.advance_to(at("10:05"))
    assert symbol.store.sequence == sequence  # neither call moved it
    feed(symbol, "10:20")  # the session is over
    assert (symbol.forming("1d"), symbol.expected("1d"), symbol.gaps("1d")) == (False, 1, [])


def test_session_without_a_regular_bar_misses_its_1d_bar() -> None:
    symbol = symbol_of(toy(), ["1d"])
    feed(symbol, "10:20")
    assert symbol.bars("1d") == []
    assert (symbol.gaps("1d"), symbol.quality("1d")) == ([(at("10:00"), at("10:00"), 1)], 0.0)


def test_coverage_of_four_out_of_five_and_of_a_truncated_slot() -> None:
    symbol = symbol_of(toy(("10:00", "10:12")), ["5m", "10m", "1d"])
    feed(symbol, "10:00", "10:01", "10:02", "10:04", "10:05", "10:10", "10:11")
    assert symbol.coverage("5m") == [(4, 5), (1, 5), (2, 2)]
    assert symbol.coverage("10m") == [(5, 10), (2, 2)]
    assert symbol.coverage("1d") == [(7, 12)]
    assert [bar.stop for bar in symbol.bars("5m")] == [at("10:05"), at("10:10"), at("10:12")]
    assert symbol.gaps("1m") == [(at("10:03"), at("10:03"), 1), (at("10:06"), at("10:09"), 4)]
    assert symbol.quality("1m") == 100 * 7 / 12
    assert symbol.completeness("1m") == 100 * 7 / 12


def test_volumes_are_summed_in_time_order_whatever_the_arrival() -> None:
    volumes = {"10:00": 0.1, "10:01": 0.2, "10:02": 0.3}
    for order in (["10:00", "10:01", "10:02"], ["10:02", "10:01", "10:00"], ["10:01", "10:02", "10:00"]):
        symbol = symbol_of(toy(), ["5m"])
        for clock in order:
            feed(symbol, clock, volume=volumes[clock])
        assert symbol.bars("5m")[0].volume == 0.6000000000000001  # (0.1 + 0.2) + 0.3


def test_volumes_are_summed_up_the_chain() -> None:
    symbol = symbol_of(toy(), ["5m", "10m"])
    feed(symbol, "10:04", volume=0.1)
    feed(symbol, "10:05", volume=0.2)
    feed(symbol, "10:06", volume=0.3)
    assert symbol.bars("10m")[0].volume == 0.6  # 0.1 + (0.2 + 0.3): bars of 5m
    assert symbol.metrics()["volume"] == 0.6
    straight = ref.aggregate([bar.row for bar in symbol.bars("1m")], symbol.session, "1m", "10m")
    assert straight == [(at("10:00"), 1.0, 1.0, 1.0, 1.0, 0.6000000000000001, 3)]


def test_extended_volumes_are_summed_from_the_same_parent_as_1d() -> None:
    for derived, expected in ([], 0.6000000000000001), (["5m"], 0.6):
        symbol = symbol_of(toy(), derived)
        feed(symbol, "09:54", volume=0.1)
        feed(symbol, "09:55", volume=0.2)
        feed(symbol, "09:56", volume=0.3)
        assert symbol.metrics()["extended"]["volume"] == expected


def test_of_equal_extremes_the_first_stands() -> None:
    o, high, low, c, v = ref.fold([(1.0, 0.0, -0.0, 2.0, 3.0), (4.0, -0.0, 0.0, 5.0, 6.0)])
    assert (o, c, v) == (1.0, 5.0, 9.0)
    assert (math.copysign(1.0, high), math.copysign(1.0, low)) == (1.0, -1.0)


def test_one_symbol_says_nothing_about_another() -> None:
    store = RefStore(toy(), "1m", ["5m"])
    a, b = store.register("A"), store.register("B")
    feed(a, "10:05")
    feed(b, "10:01")
    assert (a.as_of(), b.as_of(), store.as_of()) == (at("10:06"), at("10:02"), at("10:06"))
    assert b.gaps("1m") == [(at("10:00"), at("10:00"), 1)]
    store.advance_to(at("10:04"))
    assert (a.as_of(), b.as_of(), store.as_of()) == (at("10:06"), at("10:04"), at("10:06"))
    assert store.register("A") is a


# -- eviction


def test_evicted_rows_stay_in_derived_bars_and_quality() -> None:
    symbol = symbol_of(toy(), ["5m"], capacity=3)
    feed(symbol, "10:00", "10:01", "10:02", "10:03", "10:04", "10:05")
    assert [bar.ts for bar in symbol.bars("1m")] == [at("10:03"), at("10:04"), at("10:05")]
    assert (symbol.counters["stored"], symbol.counters["overwritten"], symbol.total_count("1m")) == (6, 3, 6)
    assert [bar.volume for bar in symbol.bars("5m")] == [5.0, 1.0]
    assert symbol.coverage("5m") == [(5, 5), (1, 5)]
    assert (symbol.quality("1m"), symbol.gaps("1m"), symbol.metrics()["volume"]) == (100.0, [], 6.0)


def test_bar_is_too_old_when_its_slot_has_lost_rows() -> None:
    symbol = symbol_of(toy(), ["5m"], capacity=3)
    feed(symbol, "10:00", "10:01", "10:02", "10:03", "10:04")  # 10:00 and 10:01 are gone
    assert symbol.newest_evicted == at("10:01")
    assert not correct(symbol, "10:03")  # its 5m slot cannot be folded again
    assert symbol.counters["too_old"] == 1
    assert feed(symbol, "10:03") == 0
    assert symbol.counters["repeated"] == 1  # a repeat of a row that is there is a repeat
    assert feed(symbol, "10:01") == 0  # evicted itself, so not a repeat
    assert symbol.counters["too_old"] == 2
    feed(symbol, "10:05", "10:06", "10:08")  # leaves just these; 10:04 is the newest evicted
    assert not correct(symbol, "10:04")
    assert correct(symbol, "10:06")  # the slot at 10:05 is whole, and 1d is folded from 5m bars
    assert [bar.volume for bar in symbol.bars("5m")] == [5.0, 4.0]
    assert not correct(symbol, "10:07")  # would evict 10:05, the start of its own slot
    assert symbol.counters["too_old"] == 4
    assert symbol.counters["corrected"] == 1


def test_without_an_intraday_level_1d_is_folded_from_base_rows() -> None:
    symbol = symbol_of(toy(), [], capacity=3)
    feed(symbol, "10:00", "10:05", "10:06", "10:07")
    assert symbol.newest_evicted == at("10:00")
    assert not correct(symbol, "10:06")
    assert symbol.counters["too_old"] == 1


def test_regular_bar_is_not_too_old_while_only_pre_market_rows_are_gone() -> None:
    symbol = symbol_of(toy(), [], capacity=3)
    feed(symbol, "09:58", "09:59", "10:00", "10:02")
    assert symbol.newest_evicted == at("09:58")
    assert not correct(symbol, "09:59")  # the extended level has lost 09:58
    assert feed(symbol, "10:01") == 1  # evicts 09:59, before the first open
    assert [bar.ts for bar in symbol.bars("1m")] == [at("10:00"), at("10:01"), at("10:02")]
    assert (symbol.counters["too_old"], symbol.counters["late"], symbol.counters["overwritten"]) == (1, 1, 2)


@pytest.mark.parametrize(("derived", "accepted"), [([], False), (["5m"], True)])
def test_extended_bar_after_an_eviction(derived: list[str], accepted: bool) -> None:
    symbol = symbol_of(toy(), derived, capacity=3)
    feed(symbol, "10:00", "10:01", "10:02", "10:20", "10:22")
    assert symbol.newest_evicted == at("10:01")
    assert correct(symbol, "10:20") is accepted


def test_row_that_the_insertion_itself_would_evict_counts() -> None:
    symbol = symbol_of(toy(), ["5m"], capacity=2)
    feed(symbol, "10:04", "10:06")
    assert feed(symbol, "10:03") == 0  # would be evicted at once
    assert symbol.counters["too_old"] == 1
    assert feed(symbol, "10:05") == 1  # evicts 10:04, which is of another slot
    assert [bar.ts for bar in symbol.bars("1m")] == [at("10:05"), at("10:06")]
    assert feed(symbol, "10:05:30") == 0  # would evict 10:05
    assert symbol.counters["too_old"] == 2
    assert correct(symbol, "10:05")  # a correction evicts nothing
    roomy = symbol_of(toy(), ["5m"], capacity=3)
    feed(roomy, "10:04", "10:06")
    assert feed(roomy, "10:03") == 1  # not full: nothing is evicted


def test_capacity_of_one() -> None:
    symbol = symbol_of(toy(), ["5m"], capacity=1)
    assert feed(symbol, "10:00", "10:07", "10:06") == 2
    assert [bar.ts for bar in symbol.bars("1m")] == [at("10:07")]
    assert symbol.counters["too_old"] == 1
    assert [bar.ts for bar in symbol.bars("5m")] == [at("10:00"), at("10:05")]


def test_batch_is_taken_in_time_order() -> None:
    symbol = symbol_of(toy(), ["5m"])
    prices = (("10:07", 1.0), ("10:06", 2.0), ("10:07", 3.0))
    assert symbol.extend([(at(clock), price, price, price, price, 1.0) for clock, price in prices]) == 3
    assert [(bar.ts, bar.close) for bar in symbol.bars("1m")] == [(at("10:06"), 2.0), (at("10:07"), 3.0)]
    # the later row corrects
    assert (symbol.counters["late"], symbol.counters["corrected"]) == (0, 1)


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
