"""Days after days: rolls, loads and late bars of earlier days, against the reference model and by
example."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from failing import each_allocation_fails
from histories import BAR, CALENDAR, FRIDAY, MINUTE, MONDAY, TUESDAY, WEDNESDAY, columns, new_store, opening, past
from sessiondata.rows.series import native_of
from sessiondata.store.symbol import state_of

# --- by example -----------------------------------------------------------------------------------


def test_a_roll_moves_the_day_without_copying_a_row() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(390)))
    window, before = spy.bars("1m")[:], data.sequence
    bars, gaps = [tuple(bar)[:6] for bar in spy.bars("5m")], spy.bar_gaps
    grid = data.roll_session()
    assert str(grid.date) == str(data.session_date) == TUESDAY
    frozen = spy.historical_bars["1m"][MONDAY]
    assert np.shares_memory(frozen.close, window.close)
    assert not window.is_valid()
    assert frozen.is_valid()
    assert window.close.tolist() == frozen.close.tolist()
    assert past(spy, MONDAY, "5m") == bars
    assert {name: spy.historical_bars[name].gaps(MONDAY) for name in gaps} == gaps
    assert len(spy.bars()) == 0
    assert (spy.session_volume, spy.session_high, spy.last_update, data.as_of) == (0.0, None, None, None)
    assert spy.counters["stored"] == 0
    assert spy.historical_day(MONDAY).counters["stored"] == 390
    assert data.sequence > before
    with pytest.raises(ValueError, match="read-only"):
        frozen.close[0] = 1.0


def test_yesterday_is_over_when_it_is_history() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(7)))
    assert spy.bars("5m").forming
    data.roll_session()
    day = spy.historical_day(MONDAY)
    assert not any(bar.forming for bar in spy.historical_bars["5m"][MONDAY])
    assert (day.bars("1m").expected, day.bars("1m").missing, day.bars("1d").quality) == (390, 383, 100.0)
    assert spy.historical_bars["1m"].quality() == pytest.approx(100 * 7 / 390)
    assert data.get_historical_quality("SPY") == spy.historical_bars["1m"].quality(MONDAY)
    assert [gap.bar_count for gap in data.get_historical_gaps("SPY", "1m", MONDAY)] == [383]


def late_by_append(data: sd.SessionData, ts: int) -> bool:
    return data.append("SPY", ts, *BAR)


def late_by_extend(data: sd.SessionData, ts: int) -> bool:
    return data.extend("SPY", [ts], *([x] for x in BAR)) == 1


def late_by_slice(data: sd.SessionData, ts: int) -> bool:
    return data.append_slice(["SPY"], ts, *([x] for x in BAR)) == 1


def late_from_compiled_code(data: sd.SessionData, ts: int) -> bool:
    jit = pytest.importorskip("sessiondata.jit")
    return 1 <= jit.append(data.symbols["SPY"].handle, ts, *BAR) <= 3


LATE = (late_by_append, late_by_extend, late_by_slice, late_from_compiled_code)


@pytest.mark.parametrize("late", LATE)
def test_a_late_bar_of_yesterday_goes_to_yesterday(late: Any) -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, [*range(17), *range(18, 390)]))
    data.roll_session()
    spy.extend(*columns(TUESDAY, range(3)))
    spy.bars_updated = False
    before, held, shown = data.sequence, spy.historical_bars["1m"][MONDAY], past(spy, MONDAY)
    assert late(data, opening(MONDAY) + 17 * MINUTE)
    assert spy.historical_bars["1m"].quality(MONDAY) == 100.0
    assert len(spy.historical_bars["1m"][MONDAY]) == 390
    assert spy.historical_bars["5m"][MONDAY][3].n_base == 5
    assert [tuple(bar)[:6] for bar in held] == shown  # the window of before is as it was
    assert held.is_valid()
    assert data.sequence == before + 1
    assert spy.bars_updated
    assert len(spy.bars()) == 3
    assert spy.counters["other_session"] == spy.counters["late"] == 0
    assert spy.historical_day(MONDAY).counters["late"] == 1
    assert not late(data, opening(MONDAY) + 17 * MINUTE)  # a repeat
    assert data.sequence == before + 1
    assert spy.historical_day(MONDAY).counters["repeated"] == 1


@pytest.mark.parametrize("late", LATE)
def test_a_late_bar_of_a_day_that_is_not_there_is_counted(late: Any) -> None:
    data = new_store(trailing_days=1)
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(5)))
    assert not late(data, opening(MONDAY) - 3 * 24 * 60 * MINUTE)
    data.roll_session()
    data.roll_session()
    before = data.sequence
    assert not late(data, opening(MONDAY) + 7 * MINUTE)
    assert spy.counters["other_session"] == 1
    assert data.sequence == before


def test_bars_of_three_days_in_one_call() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    for _ in range(2):
        data.roll_session()
    parts = [columns(date, minutes) for date, minutes in ((WEDNESDAY, (0, 1)), (MONDAY, (5, 3)), (TUESDAY, (1, 1)))]
    rows = [np.concatenate(column) for column in zip(*parts, strict=True)]
    assert spy.extend(*rows) == 5
    assert [len(spy.bars()), len(past(spy, MONDAY)), len(past(spy, TUESDAY))] == [2, 2, 1]
    assert spy.historical_day(TUESDAY).counters["repeated"] == 1
    before = (data.to_json(), past(spy, MONDAY))
    rows[2][3] = np.nan
    with pytest.raises(sd.BarError, match="row=3"):
        spy.extend(*rows)
    assert (data.to_json(), past(spy, MONDAY)) == before


def test_a_slice_with_late_bars_is_all_or_nothing() -> None:
    data = new_store()
    for name in ("A", "B"):
        data.register_symbol(name)
    data.roll_session()
    times = np.array([opening(MONDAY), opening(TUESDAY), opening(MONDAY) + MINUTE])
    values = [np.full(3, value) for value in BAR]
    bad = [*values[:4], np.array([1.0, 1.0, -1.0])]
    with pytest.raises(sd.BarError, match="row=2"):
        data.append_slice(["A", "B", "A"], times, *bad)
    assert data.get_historical_bars("A")[CALENDAR.session(MONDAY).date].timestamp.tolist() == []
    assert data.append_slice(["A", "B", "A"], times, *values) == 3
    assert [row[0] for row in past(data.symbols["A"], MONDAY)] == [times[0], times[2]]
    assert len(data.symbols["B"].bars()) == 1


def test_a_ring_that_has_wrapped_becomes_history_as_it_is() -> None:
    data = new_store(capacity=50)
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, [*range(100), *range(101, 220)]))
    shown = [tuple(bar)[:6] for bar in spy.bars()]
    data.roll_session()
    assert past(spy, MONDAY) == shown
    assert not spy.append(opening(MONDAY) + 100 * MINUTE, *BAR)
    assert spy.historical_day(MONDAY).counters["too_old"] == 1
    assert spy.append(opening(MONDAY) + 389 * MINUTE, *BAR)
    assert past(spy, MONDAY) == [*shown[1:], (opening(MONDAY) + 389 * MINUTE, *BAR)]
    native_of(spy.historical_day(MONDAY).bars())[0].check_invariants()


def test_rolls_go_forwards_and_only_to_sessions() -> None:
    data = new_store(date=None)
    spy = data.register_symbol("SPY")
    with pytest.raises(sd.SessionStateError, match="no session to roll"):
        data.roll_session()
    with pytest.raises(sd.SessionStateError, match="no session is under way"):
        data.end_session()
    spy.append(opening(TUESDAY), *BAR)
    before = data.to_json()
    for date in (MONDAY, TUESDAY):
        with pytest.raises(sd.SessionStateError, match="goes forwards"):
            data.roll_session(date)
    with pytest.raises(sd.CalendarError):
        data.roll_session("2024-03-14")
    with pytest.raises(sd.SessionStateError, match="roll_session"):
        data.start_session(WEDNESDAY)
    assert data.to_json() == before
    assert str(data.roll_session(FRIDAY).date) == FRIDAY
    assert [str(date) for date in spy.historical_bars["1m"]] == [TUESDAY]


def test_the_next_trade_date_is_the_calendars() -> None:
    data = new_store(date=WEDNESDAY)
    assert str(data.roll_session().date) == FRIDAY  # the 14th is a holiday
    assert str(data.roll_session().date) == "2024-03-18"
    table = sd.SessionCalendar.from_schedule({MONDAY: CALENDAR.session(MONDAY).segments.tolist()}, "UTC")
    last = sd.SessionData(table)
    last.start_session(MONDAY)
    last.register_symbol("SPY").append(opening(MONDAY), *BAR)
    before = last.to_json()
    with pytest.raises(sd.DateOutOfRangeError, match="no session after"):
        last.roll_session()
    assert last.to_json() == before


def test_between_two_sessions_late_bars_go_to_history_and_new_ones_start_a_session() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(10)))
    data.end_session()
    assert (data.session_date, data.grid, len(spy.bars())) == (None, None, 0)
    assert spy.append(opening(MONDAY) + 20 * MINUTE, *BAR)
    assert spy.extend(*columns(MONDAY, (22, 21))) == 2
    assert not spy.append(opening(MONDAY) - 3 * 24 * 60 * MINUTE, *BAR)
    assert (len(past(spy, MONDAY)), spy.counters["other_session"], data.session_date) == (13, 1, None)
    with pytest.raises(sd.BarError):
        spy.append(opening(MONDAY), 1.0, 1.0, 2.0, 1.0, 1.0)
    with pytest.raises(sd.SessionStateError, match="has ended"):
        data.start_session("2024-03-08")
    parts = [columns(MONDAY, (30,)), columns(WEDNESDAY, (0,))]
    assert spy.extend(*(np.concatenate(column) for column in zip(*parts, strict=True))) == 2
    assert (str(data.session_date), len(spy.bars()), len(past(spy, MONDAY))) == (WEDNESDAY, 1, 14)


def test_an_ended_session_can_be_started_again() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(10)))
    shown = data.to_dict()["symbols"]
    data.end_session()
    data.start_session(MONDAY)
    assert data.to_dict()["symbols"] == shown
    assert not spy.historical_bars["1m"]
    spy.extend(*columns(MONDAY, range(10, 20)))
    data.roll_session()
    assert len(past(spy, MONDAY)) == 20


def test_history_is_trimmed_to_trailing_days() -> None:
    data = new_store(trailing_days=2)
    spy = data.register_symbol("SPY")
    for date in (MONDAY, TUESDAY, WEDNESDAY):
        spy.extend(*columns(date, range(10)))
        reserved = data.memory_usage()["reserved"]
        data.roll_session()
    for bars in spy.historical_bars.values():
        assert [str(date) for date in bars] == [TUESDAY, WEDNESDAY]
    usage = data.memory_usage()
    assert (usage["history_reserved"], usage["rows"]) == (2 * reserved, 0)
    assert usage["history_rows"] == 2 * (10 * 48 + 2 * 52 + 52)
    with pytest.raises(KeyError, match=MONDAY):
        spy.historical_bars["1m"][MONDAY]


def test_no_trailing_days_means_no_history() -> None:
    data = new_store(trailing_days=0)
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(10)))
    data.roll_session()
    assert not spy.historical_bars["1m"]
    assert not spy.append(opening(MONDAY) + 20 * MINUTE, *BAR)
    assert spy.counters["other_session"] == 1


# --- labels, slices, evidence ---------------------------------------------------------------------


def test_loaded_days_of_close_labelled_bars() -> None:
    data = new_store(date=None, label="close")
    spy = data.register_symbol("SPY")
    ts, *values = columns(MONDAY, range(390))
    spy.load_historical_bars("1m", ts + MINUTE, *values)
    spy.load_historical_bars("1h", [opening(MONDAY) + 390 * MINUTE], *([x] for x in BAR))
    assert spy.historical_bars["1m"].tally() == (390, 390)
    assert past(spy, MONDAY, "1h")[0][0] == opening(MONDAY) + 360 * MINUTE


def test_a_late_close_label_of_a_past_day_may_end_a_short_last_slot() -> None:
    # 6.5 hours in slots of one hour: the last one begins at 15:30, half an hour before the label.
    data = sd.SessionData(CALENDAR, "1h", ("1d",), label="close")
    spy = data.register_symbol("SPY")
    data.start_session(MONDAY)
    data.roll_session()
    end, hour = opening(MONDAY) + 390 * MINUTE, 60 * MINUTE
    spy.append(end, *BAR)
    spy.extend([end - 90 * MINUTE + hour, end - 90 * MINUTE], *([x, x] for x in BAR))
    data.append_slice(["SPY"], end - 150 * MINUTE, *([x] for x in BAR))
    starts = [opening(MONDAY) + k * hour for k in (3, 4, 5, 6)]
    assert [bar[0] for bar in past(spy, MONDAY, "1h")] == starts
    assert spy.counters["other_session"] == 0


@pytest.mark.parametrize("way", ["append", "extend", "append_slice"])
def test_a_close_label_between_sessions_names_the_end_of_its_bar(way: str) -> None:
    data = new_store(label="close")
    spy = data.register_symbol("SPY")
    data.end_session()
    give(data, way, opening(MONDAY) + 5 * MINUTE)
    give(data, way, opening(MONDAY) - 72 * 60 * MINUTE)  # of no day that is here
    assert [bar[0] for bar in past(spy, MONDAY)] == [opening(MONDAY) + 4 * MINUTE]
    assert spy.counters["other_session"] == 1


def give(data: sd.SessionData, way: str, ts_ns: int) -> None:
    """One bar of the only symbol, by `append`, `extend` or `append_slice`."""
    if way == "append":
        data.append(*data.symbols, ts_ns, *BAR)
    elif way == "extend":
        data.extend(*data.symbols, [ts_ns], *([x] for x in BAR))
    else:
        data.append_slice(data.symbols, [ts_ns], *([x] for x in BAR))


@pytest.mark.parametrize("trailing_days", [0, 10])
def test_a_slice_between_sessions_goes_where_single_bars_go(trailing_days: int) -> None:
    data = new_store(trailing_days=trailing_days)
    for name in ("SPY", "IBM"):
        data.register_symbol(name)
    data.end_session()
    stored = data.append_slice(["SPY", "IBM", "SPY"], opening(MONDAY) + MINUTE * np.arange(3), *([x] * 3 for x in BAR))
    assert stored == (3 if trailing_days else 0)
    assert data.session_date is None
    counted = [data.get_symbol_data(name).counters["other_session"] for name in ("SPY", "IBM")]
    assert counted == ([0, 0] if trailing_days else [2, 1])
    with pytest.raises(sd.BarError, match="IBM"):  # all or nothing, there too
        data.append_slice(["SPY", "IBM"], opening(MONDAY) + 9 * MINUTE, *([x, np.nan] for x in BAR))
    assert stored == sum(
        len(data.get_symbol_data(name).historical_bars["1m"].get(MONDAY, ())) for name in ("SPY", "IBM")
    )


def test_a_slice_takes_a_late_bar_of_a_symbol_whose_calendar_is_closed_today() -> None:
    closed = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York", holidays=[TUESDAY])
    data = new_store()
    data.register_symbol("SPY")
    ibm = data.register_symbol("IBM", calendar=closed)
    data.roll_session()
    assert str(data.session_date) == TUESDAY
    times = [opening(TUESDAY), opening(MONDAY)]
    assert data.append_slice(["SPY", "IBM"], times, *([x, x] for x in BAR)) == 2
    assert len(past(ibm, MONDAY)) == 1
    with pytest.raises(sd.SessionStateError, match=r"IBM.*ERR_LATER_SESSION|ERR_LATER_SESSION.*IBM"):
        data.append_slice(["SPY", "IBM"], [times[0] + MINUTE, opening(WEDNESDAY)], *([x, x] for x in BAR))
    assert len(data.get_symbol_data("SPY").bars()) == 1


def test_evidence_about_a_past_day_goes_to_that_day() -> None:
    data = new_store(trailing_days=5)
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(380)))
    data.roll_session()
    spy.extend(*columns(TUESDAY, range(2)))
    before, day = data.sequence, spy.historical_day(MONDAY)
    start = opening(MONDAY) + 380 * MINUTE
    assert spy.record_retry("1m", start, start + 3 * MINUTE, opening(TUESDAY)) == 3
    assert spy.mark_no_trade("1m", start, start + 10 * MINUTE)
    assert not spy.mark_no_trade("1m", start, start + 10 * MINUTE)
    assert data.sequence == before + 2
    marked = spy.historical_day(MONDAY)
    assert marked.marks == {"no_trade": [(start, start + 10 * MINUTE)], "halted": []}
    assert (marked.bars().no_trade, marked.bars().missing, marked.bars().completeness) == (10, 0, 100.0)
    assert (marked.bars("5m").no_trade, marked.bars("1d").missing) == (2, 0)
    assert spy.historical_bars["1m"].gaps() == []
    # what was handed out stays as it was
    assert (day.bars().no_trade, day.bars().missing) == (0, 10)
    assert spy.marks == {"no_trade": [], "halted": []}

    data.end_session()
    # both, and no session is needed
    assert spy.mark_halted(opening(MONDAY), opening(TUESDAY) + 390 * MINUTE)
    assert spy.historical_day(TUESDAY).bars().halted == 388
    assert spy.historical_bars["1m"].gaps() == []


def test_a_symbol_that_leaves_takes_its_history_with_it() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(40)))
    data.roll_session()
    window = spy.historical_bars["1m"][MONDAY]
    data.remove_symbol("SPY")
    assert data.memory_usage()["history_reserved"] == 0
    assert not data.register_symbol("SPY").historical_bars["1m"]
    assert len(window.close.tolist()) == 40
    data.clear()
    data.start_session(MONDAY)  # nothing has ended in a store that was cleared


@pytest.mark.parametrize("way", ["remove_symbol", "clear"])
def test_a_symbol_that_has_left_shows_no_history_and_takes_none(way: str) -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, [0, 3]))
    data.roll_session()
    spy.load_historical_bars("30s", *columns("2024-03-08", [0, 3]))
    data.add_historical_indicator("avg_volume_1d")
    days = spy.historical_bars["1m"]
    assert spy.historical_indicators["avg_volume_1d"] is not None
    if way == "clear":
        data.clear()
    else:
        data.remove_symbol("SPY")
    sequence = data.sequence
    assert (len(days), list(spy.historical_bars)) == (0, ["1m", "5m", "1d"])
    assert spy.historical_indicators == {"avg_volume_1d": None}
    at = opening(MONDAY)
    for call in (
        lambda: spy.load_historical_bars("1m", *columns(MONDAY, [5])),
        lambda: spy.load_historical_bars("5m", *columns(MONDAY, [5])),
        lambda: spy.mark_no_trade("1m", at, at + 10 * MINUTE),
        lambda: spy.mark_halted(at, at + 10 * MINUTE),
        lambda: spy.record_retry("1m", at, at + 10 * MINUTE, at),
        lambda: spy.append(at, *BAR),
    ):
        with pytest.raises(sd.SessionStateError, match="'SPY'"):
            call()
    assert data.sequence == sequence
    assert (len(days), list(spy.historical_bars)) == (0, ["1m", "5m", "1d"])


def calls() -> dict[str, Any]:
    late = columns(MONDAY, (3, 1))
    extended = columns(MONDAY, (-5, 400))  # moves the day to a roomy block
    mixed = tuple(np.concatenate(pair) for pair in zip(late, columns(TUESDAY, (1, 0)), strict=True))
    new = columns("2024-03-08", (3, 1))
    one = tuple(column[:1].copy() for column in extended)
    return {
        "roll": lambda data: data.roll_session(),
        "end": lambda data: data.end_session(),
        "append": lambda data: data.symbols["SPY"].append(opening(MONDAY) - MINUTE, *BAR),
        "extend": lambda data: data.symbols["SPY"].extend(*mixed),
        "extend, roomy": lambda data: data.symbols["SPY"].extend(*extended),
        "append_slice": lambda data: data.append_slice(["SPY"], *one),
        "load": lambda data: data.symbols["SPY"].load_historical_bars("1m", *mixed),
        "load a new day": lambda data: data.symbols["SPY"].load_historical_bars("1m", *new),
    }


@pytest.mark.slow
@pytest.mark.allocations
@pytest.mark.parametrize("name", calls())
def test_where_there_is_no_memory_history_does_not_change(name: str) -> None:
    """Every allocation of the call fails in its turn, until it succeeds."""
    call = calls()[name]
    data = new_store(trailing_days=1)
    spy = data.register_symbol("SPY")
    spy.extend(*columns("2024-03-11", range(0, 20, 2)))
    spy.load_historical_bars("3m", *columns(MONDAY, (0, 3)))
    data.roll_session()
    spy.extend(*columns(TUESDAY, (7,)))
    data.calendar.session(WEDNESDAY)  # grids are kept

    def state() -> Any:
        bars = {name: {date: [tuple(bar) for bar in window] for date, window in bars.items()}
                for name, bars in spy.historical_bars.items()}  # fmt: skip
        return data.to_json(), bars, spy.counters, str(data)

    before = state()

    def check() -> None:
        assert state() == before
        state_of(spy).core.check_invariants()

    assert each_allocation_fails(lambda: call(data), check) >= 1
    assert state() != before
