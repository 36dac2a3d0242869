"""Intervals, sessions and slots of the reference model, by cases computed by hand."""

from __future__ import annotations

import pytest

import reference as ref
from reference import HOUR, MINUTE, SECOND, RefSession, RefStore
from toys import NYSE_OPEN, at, feed, nyse_day, overnight, symbol_of, toy

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
