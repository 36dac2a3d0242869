"""States of slots, case by case: marks, completeness, grace, and retries; the random walk is in
`test_laws.py`."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import orjson
import pytest

import sessiondata as sd
from states import BAR, CLOSE, DERIVED, OPEN
from worlds import HOUR, MINUTE, SECOND, SHAPES, World, utc


def world(shape: str = "plain", capacity: int | None = None, grace_ns: int = 0) -> World:
    """09:30 to 10:17 in New York; SPY has no bar."""
    made = World(shape, "1m", DERIVED, capacity, grace_ns)
    made.register("SPY")
    return made


def feed(made: World, *slots: int) -> sd.SymbolSessionData:
    for i in slots:
        made.append("SPY", OPEN + i * MINUTE, BAR)
    return made.data.symbols["SPY"]


def states(series: sd.BarSeries, slots: range, step: int = MINUTE) -> list[str | None]:
    return [series.slot_state(OPEN + i * step) for i in slots]


# --- marks ----------------------------------------------------------------------------------------


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


# --- grace ----------------------------------------------------------------------------------------


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


# --- retries --------------------------------------------------------------------------------------


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


# --- outages --------------------------------------------------------------------------------------


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


def test_a_range_of_a_classified_gap_says_what_to_pass() -> None:
    data = sd.SessionData(base_interval="1m")
    spy = data.register_symbol("SPY")
    for i in (0, 3):
        spy.append(OPEN + i * MINUTE, *BAR)
    (found,) = (found for found in data.classify_gaps() if found.gap.bar_count == 2)
    for mark in (spy.mark_no_trade, spy.mark_halted):
        with pytest.raises(sd.ArgumentTypeError, match=r"or a GapInfo alone; pass its \.gap"):
            mark(found)
        assert mark(found.gap)


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
