"""Gaps, pins, flags of change and names, as users see them."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from plain import DATE, OPEN, ZONE, feed, new_store
from worlds import HOUR, MINUTE

# --- gaps -----------------------------------------------------------------------------------------


def test_a_gap_says_where_it_is_in_the_zone_of_the_exchange(data: sd.SessionData, spy: sd.SymbolSessionData) -> None:
    feed(spy, [14])
    (gap,) = spy.bar_gaps["1m"]
    assert (gap.symbol, gap.interval, gap.bar_count) == ("SPY", "1m", 4)
    assert (gap.start_ns, gap.end_ns) == (OPEN + 10 * MINUTE, OPEN + 13 * MINUTE)
    assert gap.start_time == dt.datetime(2024, 3, 12, 9, 40, tzinfo=ZONE)
    assert gap.end_time == dt.datetime(2024, 3, 12, 9, 43, tzinfo=ZONE)
    assert gap.start_time.utcoffset() == dt.timedelta(hours=-4)
    assert (gap.retry_count, gap.last_retry) == (0, None)
    assert str(gap) == "SPY 1m: 4 missing, 2024-03-12 09:40:00-04:00 .. 2024-03-12 09:43:00-04:00"
    assert data.get_gaps("SPY") == data.get_gaps("SPY", "1m") == spy.bars_base.gaps == [gap]
    assert spy.bars_base.gap_count == 1
    assert spy.bars("5m").gaps == []


def test_gap_records_are_values(spy: sd.SymbolSessionData) -> None:
    feed(spy, [14])
    gap = spy.bars_base.gaps[0]
    same = sd.GapInfo("SPY", "1m", gap.start_ns, gap.end_ns, 4)
    assert gap == same
    assert hash(gap) == hash(same)
    assert copy.copy(gap) == pickle.loads(pickle.dumps(gap)) == gap
    with pytest.raises(AttributeError):
        gap.bar_count = 0  # type: ignore[misc]
    listed = spy.bars_base.gaps
    listed.clear()
    assert len(spy.bars_base.gaps) == 1


PIN = [
    sd.GapInfo(
        "SPY", "1m", OPEN, OPEN + MINUTE, 2, retry_count=3, last_retry=dt.datetime(2024, 3, 12, 15, tzinfo=dt.UTC)
    )
]


def test_pinned_gaps_are_reported_everywhere_until_they_are_taken_back(
    data: sd.SessionData, spy: sd.SymbolSessionData
) -> None:
    feed(spy, [14])
    computed, before = spy.bars_base.gaps, data.to_dict()
    data.set_gaps("SPY", "1m", iter(PIN))
    assert data.get_gaps("SPY", "1m") == spy.bar_gaps["1m"] == spy.bars_base.gaps == PIN
    assert spy.bars_base.gap_count == 1
    assert (spy.bars_base.missing, spy.bars_base.quality) == (4, 100.0 * 11 / 15), "only what is reported is pinned"
    shown = data.to_dict()["symbols"]["SPY"]["session"]["data"]["1m"]["gaps"]
    assert shown == {
        "gap_count": 1,
        "missing_bars": 2,
        "ranges": [
            {
                "start_time": "09:30:00", "end_time": "09:31:00", "bar_count": 2, "retry_count": 3,
                "last_retry": "11:00:00",
            },
        ],
    }  # fmt: skip
    feed(spy, [10])
    assert spy.bars_base.gaps == PIN
    data.set_gaps("SPY", "1m", [])
    assert spy.bars_base.gaps == []
    assert "gaps" not in data.to_dict()["symbols"]["SPY"]["session"]["data"]["1m"]
    data.set_gaps("SPY", "1m", None)
    assert [(g.start_ns, g.bar_count) for g in spy.bars_base.gaps] == [(computed[0].start_ns + MINUTE, 3)]
    assert before["symbols"]["SPY"]["session"]["data"]["1m"]["gaps"]["gap_count"] == 1


def test_the_list_that_was_pinned_may_change_afterwards(data: sd.SessionData, spy: sd.SymbolSessionData) -> None:
    mine = list(PIN)
    data.set_gaps("SPY", "60s", mine)
    mine.clear()
    spy.bars_base.gaps.clear()
    assert spy.bars_base.gaps == PIN


def test_a_pinned_quality_is_reported_everywhere_until_it_is_taken_back(
    data: sd.SessionData, spy: sd.SymbolSessionData
) -> None:
    feed(spy, [14])
    data.set_quality("SPY", "5m", 12.3456)
    assert data.get_quality("SPY", "5m") == spy.bar_quality["5m"] == spy.bars("5m").quality == 12.3456
    assert spy.bars("5m").is_quality_pinned
    assert not spy.bars_base.is_quality_pinned
    assert spy.bars("5m").completeness == 100.0
    assert data.get_quality("SPY") == 100.0 * 11 / 15
    assert data.to_dict()["symbols"]["SPY"]["session"]["data"]["5m"]["quality"] == 12.34
    assert "12.35" in repr(spy.bars("5m"))
    data.set_quality("SPY", "5m", None)
    assert data.get_quality("SPY", "5m") == 100.0
    for exact in (0, 100, 0.0, 100.0, np.float32(50)):
        data.set_quality("SPY", "5m", exact)
        assert data.get_quality("SPY", "5m") == float(exact)


def test_pins_move_the_sequence_and_taking_back_what_is_not_there_does_not(
    data: sd.SessionData, spy: sd.SymbolSessionData
) -> None:
    steps = []
    for change in (
        lambda: spy.set_gaps("1m", PIN), lambda: spy.set_gaps("1m", None),
        lambda: spy.set_quality("1m", 5.0), lambda: spy.set_quality("1m", None),
    ):  # fmt: skip
        before = data.sequence
        change()
        steps.append(data.sequence - before)
    assert steps == [1, 1, 1, 1]
    before = data.to_json()
    spy.set_gaps("1m", None)
    spy.set_quality("1m", None)
    assert data.to_json() == before


# --- what changed ---------------------------------------------------------------------------------


def test_the_update_flag_is_set_by_changes_and_cleared_by_its_reader(data: sd.SessionData) -> None:
    spy, ibm = data.register_symbol("SPY"), data.register_symbol("IBM")
    assert (spy.bars_updated, ibm.bars_updated) == (False, False)
    bar = (100.0, 101.0, 99.0, 100.5, 10.0)
    changes: list[tuple[Any, bool]] = [
        (lambda: spy.append(OPEN + MINUTE, *bar), True),
        (lambda: spy.append(OPEN + MINUTE, *bar), False),  # a repeat
        (lambda: spy.append(OPEN + MINUTE, *bar[:4], 11.0), True),  # a correction
        (lambda: spy.append(OPEN, *bar), True),  # late
        (lambda: spy.append(OPEN - 24 * HOUR, *bar), False),  # another date
        (lambda: spy.extend([OPEN + 2 * MINUTE], *([x] for x in bar)), True),
        (lambda: spy.extend([OPEN + 2 * MINUTE], *([x] for x in bar)), False),
        (lambda: spy.extend([], [], [], [], [], []), False),
        (lambda: data.append_slice(["SPY"], OPEN + 3 * MINUTE, *([x] for x in bar)), True),
        (lambda: data.advance_to(OPEN + 30 * MINUTE), False),
    ]
    for change, updated in changes:
        spy.bars_updated = False
        change()
        assert spy.bars_updated is updated
    assert ibm.bars_updated is False


def test_the_sequence_grows_by_one_for_each_change_and_by_none_for_what_changes_nothing(data: sd.SessionData) -> None:
    bar = (100.0, 101.0, 99.0, 100.5, 10.0)
    batch = (np.arange(5) * MINUTE + OPEN, *(np.full(5, x) for x in bar))
    changes: list[tuple[Any, int]] = [
        (lambda: data.register_symbol("SPY"), 1),
        (lambda: data.register_symbol("SPY"), 0),
        (lambda: data.register_symbol("SPY", "1m"), 0),
        (lambda: data.start_session(DATE), 0),
        (lambda: data.append("SPY", OPEN, *bar), 1),
        (lambda: data.append("SPY", OPEN, *bar), 0),
        (lambda: data.append("SPY", OPEN - 24 * HOUR, *bar), 0),
        (lambda: data.extend("SPY", *batch), 4),
        (lambda: data.extend("SPY", *batch), 0),
        (lambda: data.append("SPY", OPEN, *bar[:4], 0.0), 1),
        (lambda: data.advance_to(OPEN + HOUR), 1),
        (lambda: data.advance_to(OPEN + HOUR), 0),
        (lambda: data.advance_to(OPEN), 0),
        (lambda: (data.to_json(), data.to_dict(), repr(data), data.get_gaps("SPY"), data.symbols["SPY"].metrics()), 0),
        (lambda: data.remove_symbol("SPY"), 1),
        (lambda: data.clear(), 1),
        (lambda: data.start_session("2024-03-13"), 1),
    ]
    for i, (change, step) in enumerate(changes):
        before = data.sequence
        change()
        assert data.sequence - before == step, f"change {i}"


def test_counters_say_what_became_of_every_bar() -> None:
    spy = new_store(("5m",), capacity=20).register_symbol("SPY")
    zero = dict.fromkeys(
        ("stored", "late", "corrected", "repeated", "too_old", "other_session", "off_grid", "extended", "overwritten"),
        0,
    )
    assert spy.counters == {**zero, "skipped": {}, "inconsistent": 0}
    feed(spy, [-1, *range(19), 20, 19])
    spy.append(OPEN + 20 * MINUTE + 1, 1.0, 1.0, 1.0, 1.0, 1.0)
    feed(spy, [20, -1])
    spy.append(OPEN + 20 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    feed(spy, [-5000])
    assert spy.counters == {
        "stored": 23, "late": 1, "corrected": 1, "repeated": 1, "too_old": 1, "other_session": 1, "off_grid": 1,
        "extended": 1, "overwritten": 3, "skipped": {}, "inconsistent": 0,
    }  # fmt: skip
    spy.counters["stored"] = 0
    assert spy.counters["stored"] == 23


def test_metrics_are_those_of_the_1d_bar_even_where_none_is_shown() -> None:
    spy = new_store(("7m",)).register_symbol("SPY")
    feed(spy, [3, 1, 8])
    metrics = spy.metrics()
    assert (spy.session_volume, spy.session_high, spy.session_low) == (42.0, 109.0, 100.0)
    assert spy.last_update == dt.datetime(2024, 3, 12, 9, 38, tzinfo=ZONE)
    assert {k: metrics[k] for k in ("volume", "high", "low", "last_update", "bar_count")} == {
        "volume": 42.0, "high": 109.0, "low": 100.0, "last_update": spy.last_update, "bar_count": 3,
    }  # fmt: skip
    assert metrics["extended"] == {"volume": 0.0, "high": None, "low": None, "last_update": None, "bar_count": 0}


# --- names ----------------------------------------------------------------------------------------


def test_registering_again_returns_the_same_symbol(data: sd.SessionData, spy: sd.SymbolSessionData) -> None:
    assert data.register_symbol("SPY") is spy
    assert data.register_symbol("SPY", "1m", ("5m", "15m", "1h", "1d")) is spy
    assert data.register_symbol("SPY", derived_intervals=("1d", "60m", "15m", "300s")) is spy
    assert len(spy.bars_base) == 10
    assert data.symbols["SPY"] is data.get_symbol_data("SPY") is spy


def test_a_symbol_with_its_own_intervals_can_be_registered_again_as_well(data: sd.SessionData) -> None:
    own = data.register_symbol("OWN", "30s", ("1m", "1d"))
    assert own.intervals == ("30s", "1m", "1d")
    assert data.register_symbol("OWN") is own
    assert data.register_symbol("OWN", "30s", ("1m", "1d")) is own
    fits = data.register_symbol("FITS", "15m")
    assert fits.intervals == ("15m", "1h", "1d"), "the store's derived intervals that it divides"


def test_a_name_out_of_a_numpy_array_is_a_name(data: sd.SessionData) -> None:
    names = np.array(["SPY", "IBM"])
    for name in names:
        data.register_symbol(name)
    ones = np.ones(2)
    assert data.append_slice(names, OPEN, ones, ones, ones, ones, ones) == 2
    assert [type(name) for name in data.symbols] == [str, str]
    assert list(data.symbols) == ["SPY", "IBM"]
    assert data.register_symbol("SPY") is data.symbols["SPY"]
    import orjson

    assert data.to_json() == orjson.dumps(data.to_dict())


def test_mappings_that_are_handed_out_are_read_only(data: sd.SessionData, spy: sd.SymbolSessionData) -> None:
    for mapping in (data.symbols, spy.bars_derived):
        with pytest.raises(TypeError):
            mapping["X"] = 1  # type: ignore[index]
    assert list(spy.bars_derived) == ["5m", "15m", "1h", "1d"]
    assert spy.bars_derived["5m"] is spy.bars("5m")
    assert spy.bars() is spy.bars_base is spy.bars("60s") is spy.bars("1m")
    with pytest.raises(AttributeError):
        spy.bars_base = 1  # type: ignore[misc]
    with pytest.raises(AttributeError):
        spy.nonsense = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "ask",
    [
        lambda data, name: data.get_symbol_data(name),
        lambda data, name: data.get_latest_bar(name),
        lambda data, name: data.get_last_n_bars(name, 1),
        lambda data, name: data.get_bars_since(name, 0),
        lambda data, name: data.get_bar_count(name),
        lambda data, name: data.get_session_metrics(name),
        lambda data, name: data.get_gaps(name),
        lambda data, name: data.get_quality(name),
        lambda data, name: data.set_gaps(name, "1m", None),
        lambda data, name: data.set_quality(name, "1m", None),
        lambda data, name: data.remove_symbol(name),
    ],
)
def test_every_question_about_an_unknown_symbol_is_a_key_error_that_names_it(data: sd.SessionData, ask: Any) -> None:
    with pytest.raises(KeyError, match="'NOPE'") as caught:
        ask(data, "NOPE")
    assert type(caught.value) is sd.UnknownNameError
    assert "register_symbol" in str(caught.value)


def test_every_question_about_an_unknown_interval_names_it_and_what_there_is(
    data: sd.SessionData, spy: sd.SymbolSessionData
) -> None:
    for ask in (data.get_latest_bar, data.get_bar_count, data.get_gaps, data.get_quality):
        with pytest.raises(sd.UnknownNameError, match=r"'SPY' holds no interval '2m'; it holds 1m, 5m, 15m, 1h, 1d"):
            ask("SPY", "2m")
    with pytest.raises(KeyError, match="2m"):
        data.get_last_n_bars("SPY", 3, "2m")
    with pytest.raises(KeyError, match="2m"):
        data.get_bars_since("SPY", 0, "2m")
    assert len(spy.bars_base) == 10


def test_questions_by_name_are_those_of_the_series(data: sd.SessionData, spy: sd.SymbolSessionData) -> None:
    assert data.get_latest_bar("SPY") == spy.bars_base[-1]
    assert data.get_latest_bar("SPY", "5m") == spy.bars("5m")[-1]
    assert list(data.get_last_n_bars("SPY", 3)) == list(spy.bars_base[-3:])
    assert list(data.get_last_n_bars("SPY", 1, "15m")) == [spy.bars("15m")[0]]
    assert list(data.get_bars_since("SPY", OPEN + 5 * MINUTE, "5m")) == [spy.bars("5m")[1]]
    assert (data.get_bar_count("SPY"), data.get_bar_count("SPY", "5m")) == (10, 2)
    assert data.get_session_metrics("SPY") == spy.metrics()
