"""States of slots, case by case: marks, completeness, grace, and retries; the random walk is in
`test_laws.py`."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

import sessiondata as sd
from sessiondata.time.instants import to_ns
from shims import usual_closes_by_date
from worlds import HOUR, MINUTE, SECOND, SHAPES, World, utc

BAR = (10.0, 12.0, 9.0, 11.0, 100.0)
DERIVED = ("5m", "15m", "1h", "1d")


def world(shape: str = "plain", capacity: int | None = None, grace_ns: int = 0) -> World:
    """09:30 to 10:17 in New York; SPY has no bar."""
    made = World(shape, "1m", DERIVED, capacity, grace_ns)
    made.register("SPY")
    return made


OPEN, CLOSE = SHAPES["plain"][2][0]


def feed(made: World, *slots: int) -> sd.SymbolSessionData:
    for i in slots:
        made.append("SPY", OPEN + i * MINUTE, BAR)
    return made.data.symbols["SPY"]


def states(series: sd.BarSeries, slots: range, step: int = MINUTE) -> list[str | None]:
    return [series.slot_state(OPEN + i * step) for i in slots]


# --- marks ---


def test_a_slot_without_a_bar_is_missing_until_there_is_evidence() -> None:
    made = world()
    spy = feed(made, 0, 1, 6, 7)
    minutes = spy.bars_base
    assert (minutes.missing, minutes.no_trade, minutes.halted) == (4, 0, 0)
    assert spy.mark_no_trade("1m", OPEN + 3 * MINUTE, OPEN + 5 * MINUTE)
    assert (minutes.missing, minutes.no_trade, minutes.halted) == (2, 2, 0)
    assert [(gap.start_ns, gap.bar_count) for gap in minutes.gaps] == [(OPEN + 2 * MINUTE, 1), (OPEN + 5 * MINUTE, 1)]
    assert spy.mark_halted(OPEN + 4 * MINUTE, OPEN + 6 * MINUTE)
    assert (minutes.missing, minutes.no_trade, minutes.halted) == (1, 1, 2)
    assert states(minutes, range(9)) == [
        "present", "present", "missing", "no_trade", "halted", "halted", "present", "present", "pending",
    ]  # fmt: skip
    assert minutes.slot_state(OPEN - 1) is None
    assert minutes.slot_state(CLOSE) is None
    assert (minutes.expected, minutes.quality) == (8, 50.0)
    assert minutes.completeness == 87.5


def test_a_longer_slot_is_explained_once_all_its_time_is() -> None:
    made = world()
    spy = feed(made, 0, 20)
    five = spy.bars("5m")
    spy.mark_no_trade("1m", OPEN + 5 * MINUTE, OPEN + 9 * MINUTE)
    assert states(five, range(0, 20, 5)) == ["present", "missing", "missing", "missing"]
    spy.mark_halted(OPEN + 9 * MINUTE, OPEN + 15 * MINUTE)
    assert states(five, range(0, 20, 5)) == ["present", "no_trade", "halted", "missing"]
    assert spy.bars("15m").missing == 0
    spy.mark_no_trade("15m", OPEN, OPEN + 1)  # the slot that begins there, all of it
    assert spy.marks == {
        "no_trade": [(OPEN, OPEN + 15 * MINUTE)], "halted": [(OPEN + 9 * MINUTE, OPEN + 15 * MINUTE)],
    }  # fmt: skip


def test_a_mark_of_a_slot_that_does_not_begin_in_the_span_is_none() -> None:
    spy = feed(world(), 0)
    assert not spy.mark_no_trade("5m", OPEN + 1, OPEN + 5 * MINUTE)
    assert not spy.mark_no_trade("1m", OPEN, OPEN)
    assert not spy.mark_no_trade("1m", CLOSE, CLOSE + HOUR)
    assert not spy.mark_halted(OPEN - HOUR, OPEN)
    assert spy.marks == {"no_trade": [], "halted": []}


def test_the_whole_session_is_explained_without_its_lunch() -> None:
    made = world("lunch")
    spy = made.data.symbols["SPY"]
    (a, b), (c, d) = SHAPES["lunch"][2]
    made.advance_to(d)
    spy.mark_halted(a, b)
    assert spy.bars("1d").missing == 1
    spy.mark_no_trade("1m", c, d)
    assert (spy.bars("1d").missing, spy.bars("1d").no_trade) == (0, 1)
    assert spy.bars_base.gap_count == 0
    assert spy.marks == {"halted": [(a, b)], "no_trade": [(c, d)]}


def test_a_halt_in_the_middle_splits_gaps_and_renumbers_nothing() -> None:
    made = world()
    spy = feed(made, 0, 13, 40)
    made.mark_halted("SPY", OPEN + 20 * MINUTE + 30 * SECOND, OPEN + 30 * MINUTE)
    gaps = [((g.start_ns - OPEN) // MINUTE, g.bar_count) for g in spy.bars_base.gaps]
    assert gaps == [(1, 12), (14, 7), (30, 10)]
    assert spy.bars("5m").timestamp.tolist() == [OPEN, OPEN + 10 * MINUTE, OPEN + 40 * MINUTE]


def test_a_bar_on_a_marked_slot_makes_it_present() -> None:
    """Told before it, after it, in advance; late, in order, as a block: the same in the end."""
    documents = set()
    for order in ("marks first", "bars first", "late", "block"):
        made = world()
        slots = [0, 1, 2, 3, 4, 9] if order != "late" else [9, 4, 2, 3, 1, 0]
        if order == "marks first":
            made.mark_no_trade("SPY", "1m", OPEN + MINUTE, OPEN + 6 * MINUTE)
        if order == "block":
            made.mark_no_trade("SPY", "1m", OPEN + MINUTE, OPEN + 6 * MINUTE)
            made.extend("SPY", [(OPEN + i * MINUTE, *BAR) for i in slots])
        else:
            feed(made, *slots)
        if order != "block":
            made.mark_no_trade("SPY", "1m", OPEN + MINUTE, OPEN + 6 * MINUTE)
        made.same()
        spy = made.data.symbols["SPY"]
        assert states(spy.bars_base, range(10)) == [*["present"] * 5, "no_trade", *["missing"] * 3, "present"]
        document = made.data.to_dict()
        document["meta"].pop("sequence")
        documents.add(orjson.dumps(document))
    assert len(documents) == 1


def test_marks_in_advance_count_when_their_slots_are_over() -> None:
    made = world()
    spy = made.data.symbols["SPY"]
    made.mark_no_trade("SPY", "1m", OPEN + 2 * MINUTE, OPEN + 4 * MINUTE)
    made.mark_halted("SPY", OPEN + 6 * MINUTE, OPEN + 8 * MINUTE)
    seen = []
    for i in range(10):
        made.advance_to(OPEN + i * MINUTE)
        made.same()
        seen.append((spy.bars_base.expected, spy.bars_base.missing, spy.bars_base.gap_count))
    assert seen[4:9] == [(4, 2, 1), (5, 3, 2), (6, 4, 2), (7, 4, 2), (8, 4, 2)]


def test_a_mark_that_says_nothing_new_changes_nothing() -> None:
    made = world()
    spy, data = feed(made, 0, 9), made.data
    assert spy.mark_no_trade("1m", OPEN, OPEN + 5 * MINUTE)
    spy.bars_updated = False
    sequence = data.sequence
    assert not spy.mark_no_trade("1m", OPEN + MINUTE, OPEN + 3 * MINUTE)
    assert not spy.mark_no_trade("5m", OPEN, OPEN + MINUTE)
    assert (data.sequence, spy.bars_updated) == (sequence, False)
    # a nanosecond explains no slot, but a later mark may complete it
    assert spy.mark_halted(OPEN, OPEN + 1)
    assert (data.sequence, spy.bars_updated) == (sequence + 1, True)


def test_marks_on_a_ring_that_has_wrapped() -> None:
    made = world(capacity=5)
    feed(made, *range(20), 30)
    made.mark_no_trade("SPY", "1m", OPEN + 2 * MINUTE, OPEN + 25 * MINUTE)
    made.append("SPY", OPEN + 22 * MINUTE, BAR)  # too old for its 5m slot or not, the model knows
    made.append("SPY", OPEN + 28 * MINUTE, BAR)
    made.same()
    assert made.data.symbols["SPY"].bars_base.no_trade in (4, 5)


def test_every_time_may_be_given_as_a_time() -> None:
    spy = feed(world(), 0, 9)
    start = dt.datetime(2024, 3, 12, 13, 31, tzinfo=dt.UTC)
    assert spy.mark_no_trade("60s", start, np.datetime64("2024-03-12T13:35"))
    assert spy.marks["no_trade"] == [(OPEN + MINUTE, OPEN + 5 * MINUTE)]
    assert spy.mark_halted(-(2**63) + 1, 2**63 - 1)
    assert spy.marks["halted"] == [(OPEN, CLOSE)]
    assert spy.bars_base.halted == 8


@pytest.mark.parametrize("method", ["mark_no_trade", "mark_halted", "record_retry"])
def test_a_mark_that_makes_no_sense_is_refused(method: str) -> None:
    def call(spy: sd.SymbolSessionData, start: Any, stop: Any, interval: str = "1m") -> Any:
        if method == "mark_halted":
            return spy.mark_halted(start, stop)
        when = (OPEN,) if method == "record_retry" else ()
        return getattr(spy, method)(interval, start, stop, *when)

    made = world()
    spy = feed(made, 0, 9)
    before = made.data.to_json()
    with pytest.raises(sd.TimeError):
        call(spy, OPEN + 1, OPEN)
    with pytest.raises(sd.TimeError):
        call(spy, dt.datetime(2024, 3, 12), OPEN)
    with pytest.raises(sd.TimeError):
        call(spy, OPEN, 1.5)
    if method != "mark_halted":
        with pytest.raises(sd.UnknownNameError, match="7m"):
            call(spy, OPEN, OPEN + MINUTE, "7m")
    assert made.data.to_json() == before
    idle = sd.SessionData(None).register_symbol("SPY")
    assert idle.marks == {"no_trade": [], "halted": []}
    with pytest.raises(sd.SessionStateError, match="SPY"):
        call(idle, OPEN, OPEN + MINUTE)


def test_a_session_that_is_gone_takes_its_marks_along() -> None:
    made = world()
    spy = feed(made, 0, 9)
    spy.mark_halted(OPEN, CLOSE)
    spy.record_retry("1m", OPEN, CLOSE, OPEN)
    made.data.clear()
    assert spy.marks == {"no_trade": [], "halted": []}
    assert (spy.bars_base.halted, spy.bars_base.gaps) == (0, [])
    made.data.start_session("2024-03-12")
    again = made.data.register_symbol("SPY")
    again.append(OPEN + 9 * MINUTE, *BAR)
    assert (again.bars_base.missing, again.bars_base.halted) == (9, 0)


def test_marks_move_along_when_a_symbol_gets_more_room() -> None:
    made = world()
    feed(made, 0, 9)
    made.mark_no_trade("SPY", "1m", OPEN + MINUTE, OPEN + 4 * MINUTE)
    made.append("SPY", CLOSE + MINUTE, BAR)  # after the close: the compact block has no row for it
    made.append("SPY", OPEN + 2 * MINUTE, BAR)
    made.mark_halted("SPY", OPEN + 5 * MINUTE, OPEN + 7 * MINUTE)
    made.same()


def test_a_thousand_marks_one_by_one() -> None:
    data = sd.SessionData(None, "1s", ("1m", "1d"))
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    start = utc("2024-03-12T00:00:00+00:00")
    data.advance_to(start + HOUR)
    for i in range(0, 2000, 2):
        assert spy.mark_no_trade("1s", start + i * SECOND, start + (i + 1) * SECOND)
    assert (spy.bars_base.no_trade, spy.bars_base.missing, spy.bars_base.gap_count) == (1000, 2600, 1000)
    assert spy.mark_no_trade("1s", start, start + HOUR)
    assert spy.bars_base.completeness == 100.0
    assert spy.bars("1m").no_trade == 60
    assert spy.marks["no_trade"] == [(start, start + HOUR)]


# --- grace ---


def test_grace_is_the_time_a_bar_has_to_arrive() -> None:
    made = world(grace_ns=90 * SECOND)
    spy = feed(made, 0, 1, 2)
    assert made.data.grace_ns == 90 * SECOND
    made.advance_to(OPEN + 5 * MINUTE)  # by the clock 10 minutes, less the grace 3.5
    made.same()
    assert (spy.bars_base.expected, spy.bars_base.missing) == (3, 0)
    assert spy.bars("5m").forming
    made.append("SPY", OPEN + 5 * MINUTE, BAR)  # a newer bar proves that the feed is past 3 and 4
    made.same()
    assert (spy.bars_base.expected, spy.bars_base.missing) == (6, 2)
    made.advance_to(OPEN + 8 * MINUTE + 30 * SECOND)
    assert (spy.bars_base.expected, spy.bars_base.missing) == (7, 3)
    assert made.data.as_of == dt.datetime.fromtimestamp((OPEN + 8.5 * MINUTE) / SECOND, dt.UTC)
    assert made.data.to_dict(timestamps="epoch_ns")["meta"]["as_of"] == OPEN + 8 * MINUTE + 30 * SECOND
    made.same()


def test_a_grace_is_a_number_of_nanoseconds() -> None:
    for grace in (-1, 2**63):
        with pytest.raises(ValueError, match="grace_ns"):
            sd.SessionData(None, grace_ns=grace)
    with pytest.raises(TypeError):
        sd.SessionData(None, grace_ns=1.5)  # type: ignore[arg-type]
    data = sd.SessionData(None, grace_ns=2**63 - 1)
    data.register_symbol("SPY").append(OPEN, *BAR)
    data.advance_to(-(2**63) + 1)
    data.advance_to(2**63 - 1)
    assert data.symbols["SPY"].bars_base.missing == OPEN % (24 * HOUR) // MINUTE


# --- retries ---


def test_a_gap_says_how_often_it_was_asked_for_and_when() -> None:
    made = world()
    spy = feed(made, 0, 9)
    made.record_retry("SPY", "1m", OPEN, OPEN + 5 * MINUTE, OPEN + HOUR)
    made.record_retry("SPY", "1m", OPEN + 4 * MINUTE, CLOSE, OPEN + 2 * HOUR)
    (gap,) = spy.bars_base.gaps
    assert (gap.retry_count, gap.last_retry) == (2, dt.datetime(2024, 3, 12, 15, 30, tzinfo=dt.UTC))
    assert gap.last_retry.utcoffset() == dt.timedelta(hours=-4)  # type: ignore[union-attr]
    assert spy.bars("5m").gaps == []
    made.append("SPY", OPEN + 4 * MINUTE, BAR)
    one, two = spy.bars_base.gaps
    assert (one.retry_count, one.last_retry) == (1, dt.datetime(2024, 3, 12, 14, 30, tzinfo=dt.UTC))
    assert (two.retry_count, two.last_retry) == (1, dt.datetime(2024, 3, 12, 15, 30, tzinfo=dt.UTC))
    made.same(("time", "iso", "epoch_ms", "epoch_ns"))
    ranges = made.data.to_dict()["symbols"]["SPY"]["session"]["data"]["1m"]["gaps"]["ranges"]
    assert ranges[0] == {
        "start_time": "09:31:00", "end_time": "09:33:00", "bar_count": 3, "retry_count": 1, "last_retry": "10:30:00",
    }  # fmt: skip


def test_a_retry_counts_what_is_missing_now_and_nothing_else() -> None:
    made = world()
    spy = feed(made, 0, 2, 4)
    spy.bars_updated = False
    sequence = made.data.sequence
    assert spy.record_retry("1m", OPEN + 5 * MINUTE, CLOSE, OPEN) == 0  # not over
    # present, or begins outside
    assert spy.record_retry("1m", OPEN + MINUTE + 1, OPEN + 3 * MINUTE, OPEN) == 0
    assert (made.data.sequence, spy.bars_updated) == (sequence, False)
    assert spy.record_retry("1m", OPEN, CLOSE, OPEN) == 2
    assert (made.data.sequence, spy.bars_updated) == (sequence + 1, True)
    spy.mark_no_trade("1m", OPEN + MINUTE, OPEN + 2 * MINUTE)
    assert spy.record_retry("1m", OPEN, CLOSE, OPEN + 1) == 1
    (gap,) = spy.bars_base.gaps
    assert (gap.retry_count, gap.last_retry) == (2, dt.datetime(2024, 3, 12, 13, 30, tzinfo=dt.UTC))


def test_the_latest_retry_is_kept_whatever_their_order() -> None:
    made = world()
    feed(made, 0, 9)
    for when in (OPEN + HOUR, OPEN - HOUR, OPEN):
        made.record_retry("SPY", "1m", OPEN, CLOSE, when)
    made.same()
    (gap,) = made.data.symbols["SPY"].bars_base.gaps
    assert (gap.retry_count, gap.last_retry) == (3, dt.datetime(2024, 3, 12, 14, 30, tzinfo=dt.UTC))


@pytest.mark.parametrize(
    "when", [-(2**63) + 1, 0, OPEN + 1_234_567_891, utc("2026-11-22T14:00:00+00:00"), 2**63 - 1], ids=str
)
def test_a_retry_may_be_at_any_time(when: int) -> None:
    data = sd.SessionData(sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"), "1m", ("5m",))
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    spy.append(OPEN + 30 * MINUTE, *BAR)
    spy.record_retry("1m", OPEN, CLOSE, when)
    spy.record_retry("5m", OPEN, OPEN + 9 * MINUTE, when)
    for style in ("time", "iso", "epoch_ms", "epoch_ns"):
        assert data.to_json(timestamps=style) == orjson.dumps(data.to_dict(timestamps=style))


# --- outages ---


def kinds(data: sd.SessionData, **options: Any) -> list[tuple[str, int, str, int, int]]:
    found = data.classify_gaps(**options)
    return [(c.gap.symbol, (c.gap.start_ns - OPEN) // MINUTE, c.kind, c.n_missing, c.n_active) for c in found]


def three(absent: dict[str, set[int]]) -> sd.SessionData:
    made = World("plain", "1m", DERIVED, None)
    for name, gone in absent.items():
        made.register(name)
        for i in sorted(set(range(30)) - gone):
            made.append(name, OPEN + i * MINUTE, BAR)
    made.advance_to(OPEN + 30 * MINUTE)
    return made.data


def test_what_most_active_symbols_miss_is_an_outage() -> None:
    data = three({"A": {10, 11, 12}, "B": {9, 10, 11, 12}, "C": {10, 11, 12, 20}, "D": {3}})
    assert kinds(data) == [
        ("A", 10, "outage", 2, 3), ("B", 9, "outage", 2, 3), ("C", 10, "outage", 2, 3), ("C", 20, "quiet", 0, 3),
        ("D", 3, "quiet", 0, 3),
    ]  # fmt: skip
    assert data.classify_gaps()[0].share == pytest.approx(2 / 3)
    assert kinds(data, outage_share=0.7)[0] == ("A", 10, "quiet", 2, 3)
    assert kinds(data, interval="1d") == []


def test_a_symbol_that_hardly_trades_is_no_witness() -> None:
    data = three({"A": {10, 11}, "idle": set(range(1, 30)), "none": set(range(30))})
    assert kinds(data)[0] == ("A", 10, "unknown", 0, 0)
    # A has all bars outside that gap, which is one
    assert kinds(data)[1] == ("idle", 1, "quiet", 0, 1)
    assert kinds(data, active_share=0.0)[0] == ("A", 10, "outage", 1, 1)
    assert data.classify_gaps()[0].share == 0.0


def test_a_symbol_that_is_quiet_from_the_open_on_has_witnesses() -> None:
    """No slot lies outside its gap in which others could show that they are active: they do in the
    gap."""
    data = three({"none": set(range(30)), "A": {10, 11}, "B": set()})
    assert kinds(data)[0] == ("none", 0, "quiet", 0, 2)
    data = three({"none": set(range(30)), "neither": set(range(30))})  # nobody knows
    assert kinds(data) == [("none", 0, "unknown", 0, 0), ("neither", 0, "unknown", 0, 0)]


def test_a_halted_symbol_is_no_witness() -> None:
    data = three({"A": {10, 11}, "B": {10, 11}, "C": set()})
    assert kinds(data)[0] == ("A", 10, "quiet", 1, 2)
    data.symbols["B"].mark_halted(OPEN + 10 * MINUTE, OPEN + 12 * MINUTE)
    assert kinds(data) == [("A", 10, "quiet", 0, 1)]


def test_gaps_are_compared_among_those_that_hold_the_interval() -> None:
    data = three({"A": {10, 11}, "B": set(range(10, 15))})
    other = data.register_symbol("C", "5m", ("15m",))
    for i in (0, 5, 15, 20, 25):
        other.append(OPEN + i * MINUTE, *BAR)
    assert kinds(data, interval="5m") == [("B", 10, "quiet", 1, 2), ("C", 10, "quiet", 1, 2)]
    assert kinds(data, interval="300s", outage_share=0.4)[0] == ("B", 10, "outage", 1, 2)
    assert [found[0] for found in kinds(data)] == ["A", "B", "C"]


def test_what_cannot_be_classified_is_refused() -> None:
    data = three({"A": {10, 11}})
    for interval in ("7m", "x", 5):
        with pytest.raises(sd.UnknownNameError):
            data.classify_gaps(interval)  # type: ignore[arg-type]
    for share in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="share"):
            data.classify_gaps(outage_share=share)
        with pytest.raises(ValueError, match="share"):
            data.classify_gaps(active_share=share)
    assert sd.SessionData(None).classify_gaps() == []
    idle = sd.SessionData(None)
    idle.register_symbol("SPY")
    assert idle.classify_gaps("5m") == []


# --- extended hours ---


def test_extended_hours_are_not_expected_unless_somebody_asks_for_them() -> None:
    data = sd.SessionData("XNYS", "1m", DERIVED)
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    spy.append(OPEN - 10 * MINUTE, *BAR)
    spy.append(OPEN + 7 * HOUR, *BAR)
    for series in (spy.bars_base, *spy.bars_derived.values()):
        extended = series.extended_slots
        assert (extended.expected, extended.gaps, extended.quality) == (0, [], 100.0)
    assert spy.bars_base.expected == 390


def test_extended_hours_have_their_own_numbers() -> None:
    """04:00 to 20:00 around 09:30 to 16:00 in New York: 330 minutes before, 240 after."""
    data = sd.SessionData("XNYS", "1m", DERIVED, extended_hours=("04:00", "20:00"))
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    start = OPEN - 330 * MINUTE
    assert (spy.bars_base.extended_slots.expected, spy.bars_base.extended_slots.quality) == (0, 100.0)
    spy.append(start - MINUTE, *BAR)  # nobody expects it
    for i in (0, 1, 2, 5, 300):
        spy.append(start + i * MINUTE, *BAR)
    minutes = spy.bars_base.extended_slots
    assert (minutes.expected, minutes.present, minutes.missing, minutes.gap_count) == (301, 5, 296, 2)
    assert [(gap.start_time.strftime("%H:%M"), gap.bar_count) for gap in minutes.gaps] == [("04:03", 2), ("04:06", 294)]
    assert spy.bars_base.expected == 0
    spy.extend(OPEN + MINUTE * np.arange(390), *np.full((5, 390), 1.0))
    close = OPEN + 390 * MINUTE
    spy.extend(close + MINUTE * np.arange(100, 200), *np.full((5, 100), 1.0))
    assert (minutes.expected, minutes.present, minutes.gap_count) == (530, 105, 4)
    data.advance_to(close + 8 * HOUR)
    assert (minutes.expected, minutes.present, minutes.gap_count) == (570, 105, 5)
    assert (spy.bars_base.quality, spy.bars_base.gaps) == (100.0, [])
    hours = spy.bars("1h").extended_slots  # 03:30 reaches into the hours, as does no slot before it
    assert (hours.expected, hours.present) == (10, 2 + 3)
    assert [gap.start_time.strftime("%H:%M") for gap in hours.gaps] == ["04:30", "16:00"]
    assert spy.bars("1d").extended_slots.expected == 0
    document = data.to_dict()["symbols"]["SPY"]["session"]["data"]["1m"]
    assert (document["quality"], "gaps" in document) == (100.0, False)
    assert repr(minutes) == "<ExtendedSlots SPY 1m: 465 of 570 missing, quality 18.42>"


@pytest.mark.parametrize(
    ("calendar", "date", "hours", "expected"),
    [
        # Closes at 13:00: the hours after it are as long as ever, or end when the user says.
        ("XNYS", "2015-12-24", ("04:00", "20:00"), (330, 240)),
        ("XNYS", "2024-11-29", ("04:00", "20:00"), (330, 240)),
        ("XNYS", "2024-07-03", ("04:00", "18:30"), (330, 150)),
        ("XNYS", "2024-11-29", ("04:00", "20:00", "20:00"), (330, 420)),
        ("XNYS", "2024-11-29", ("04:00", "20:00", dt.time(17, 30)), (330, 270)),
        ("XNYS", "2024-11-29", ("04:00", "16:00"), (330, 0)),
        ("XNYS", "2024-11-27", ("04:00", "20:00", "17:00"), (330, 240)),  # the day before
        ("XHKG", "2024-12-24", ("09:00", "16:30"), (30, 30)),  # closes at 12:00
        ("XTKS", "2024-11-01", ("08:00", "17:00"), (60, 120)),  # the last ones to close at 15:00
        ("XTKS", "2024-11-05", ("08:00", "17:00"), (60, 90)),
        ("XKRX", "2024-01-02", ("08:30", "18:00"), (90, 150)),  # opens an hour late
        ("CMES", "2024-11-29", ("16:30", "16:30"), (0, 30)),
        ("XNYS", "2024-03-11", ("04:00", "20:00"), (330, 240)),  # the clocks changed the day before
        ("XNYS", "2024-03-12", ("09:30", "16:00"), (0, 0)),
        ("XNYS", "2024-03-12", ("00:00", "24:00"), (570, 480)),
        ("XNYS", "2024-03-12", (dt.time(4), dt.time(20)), (330, 240)),
        ("XHKG", "2024-03-12", ("09:00", "16:30"), (30, 30)),  # no break in it
        # Chicago: 17:00 the day before to 16:00
        ("CMES", "2024-03-12", ("16:30", "16:30"), (0, 30)),
        (None, "2024-03-12", ("04:00", "20:00"), (0, 0)),  # always open
    ],
)
def test_extended_hours_lie_around_every_session(calendar: Any, date: str, hours: Any, expected: Any) -> None:
    data = sd.SessionData(calendar, "1m", ("5m",), extended_hours=hours)
    data.start_session(date)
    spy = data.register_symbol("SPY")
    assert data.grid is not None
    data.advance_to(int(data.grid.segments[0, 0]))
    before = spy.bars_base.extended_slots.expected
    data.advance_to(data.grid.span_stop)
    found = (before, spy.bars_base.extended_slots.expected - before)
    assert found == expected


def test_the_usual_close_of_sessions_around_a_date() -> None:
    new_york = sd.calendar("XNYS")
    for date in ("2024-11-29", "2024-11-27", "2024-12-24", "2024-03-11"):
        assert new_york.usual_close(date) == 16 * HOUR
    night = sd.SessionCalendar.from_hours("18:00", "24:00", "America/New_York", early_closes={"2024-03-12": "22:00"})
    assert night.usual_close("2024-03-12") == 24 * HOUR
    with pytest.raises(sd.CalendarError, match="no session on 2024-11-28"):
        new_york.usual_close("2024-11-28")
    alone = sd.SessionCalendar.from_schedule({"2024-03-12": [(OPEN, OPEN + HOUR)]}, "America/New_York")
    assert alone.usual_close("2024-03-12") == 10 * HOUR + 30 * MINUTE
    assert (
        sd.calendar("CMES").with_sessions({"2024-03-12": [("17:00", "12:15")]}).usual_close("2024-03-12") == 16 * HOUR
    )


@pytest.mark.parametrize("hours", [("04:00", "20:00"), ("04:00", "20:00", "18:00")])
def test_extended_hours_of_half_days_in_history_and_snapshots(hours: Any, tmp_path: Path) -> None:
    """Days that were rolled away, loaded and saved expect what the running session did."""
    expected = {2: 570, 3: 570 + 60}[len(hours)]
    zone = sd.calendar("XNYS").zone
    opens = to_ns(dt.datetime(2024, 11, 29, 9, 30, tzinfo=zone))
    data = sd.SessionData("XNYS", "1m", ("5m",), 5, extended_hours=hours)
    data.start_session("2024-11-29")
    spy = data.register_symbol("SPY")
    spy.append(opens, *BAR)
    loaded = sd.SessionData("XNYS", "1m", ("5m",), 5, extended_hours=hours)
    loaded.start_session("2024-12-02")
    loaded.register_symbol("SPY").load_historical_bars("1m", np.array([opens]), *[np.ones(1)] * 5)
    data.save(tmp_path / "store")
    for store in (data, sd.load(tmp_path / "store")):
        spy = store.get_symbol_data("SPY")
        store.advance_to(store.grid.span_stop)
        assert spy.bars_base.extended_slots.expected == expected
        assert spy.bars("5m").extended_slots.expected == expected // 5
        store.roll_session()
    for store in (data, loaded):
        store.save(tmp_path / "rolled")
        for each in (store, sd.load(tmp_path / "rolled")):
            day = each.get_symbol_data("SPY").historical_day("2024-11-29").bars()
            assert day.extended_slots.expected == expected


def test_a_snapshot_keeps_the_usual_close_that_its_hours_were_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sd.SessionData("XNYS", "1m", extended_hours=("04:00", "20:00"))
    data.start_session("2024-11-29")
    data.register_symbol("SPY")
    data.save(tmp_path / "store")
    # A library that has taken a week of half days for the rule since.
    monkeypatch.setitem(usual_closes_by_date(sd.calendar("XNYS")), dt.date(2024, 11, 29), 13 * HOUR)
    for store in (sd.load(tmp_path / "store"), pickle.loads(pickle.dumps(sd.load(tmp_path / "store")))):
        assert store.calendar.usual_close("2024-11-29") == 16 * HOUR
        assert pickle.loads(pickle.dumps(store.calendar)).usual_close("2024-11-29") == 16 * HOUR
        store.advance_to(store.grid.span_stop)
        assert store.get_symbol_data("SPY").bars_base.extended_slots.expected == 570


@pytest.mark.parametrize("hours", ["04:00", ("04:00",), ("4", "20:00"), (4, 20), ("04:00", "25:00"), ("04:00", None)])
def test_extended_hours_that_are_none_are_refused(hours: Any) -> None:
    with pytest.raises(sd.CalendarError):
        sd.SessionData("XNYS", extended_hours=hours)
