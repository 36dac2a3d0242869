"""What bars do to a symbol of the reference model, by cases computed by hand."""

from __future__ import annotations

import math

import pytest

import reference as ref
from reference import MINUTE, RefStore
from toys import at, correct, feed, symbol_of, toy

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
