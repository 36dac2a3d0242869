"""A store that is not active answers no reader; extended hours of past days."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from histories import BAR, CALENDAR, MINUTE, MONDAY, TUESDAY, columns, new_store, opening, past


def test_an_inactive_store_takes_bars_and_answers_nobody() -> None:
    data = new_store(derived=("5m",))
    spy = data.register_symbol("SPY")
    data.add_historical_indicator("avg_volume_1d")
    held = spy.bars()
    assert data.is_active
    data.deactivate()
    assert not data.is_active
    day = CALENDAR.session(MONDAY).date
    questions = [
        lambda: data.to_dict(), lambda: data.to_json(), lambda: data.get_latest_bar("SPY"),
        lambda: data.get_last_n_bars("SPY", 1), lambda: data.get_bars_since("SPY", 0),
        lambda: data.get_bar_count("SPY"), lambda: data.get_session_metrics("SPY"), lambda: data.get_gaps("SPY"),
        lambda: data.get_quality("SPY"), lambda: data.get_historical_bars("SPY"),
        lambda: data.get_historical_quality("SPY"), lambda: data.get_historical_gaps("SPY"),
        lambda: data.get_all_bars_including_historical("SPY"),
        lambda: data.get_historical_indicator("SPY", "avg_volume_1d"), lambda: spy.bars("5m"), lambda: spy.bars_base,
        lambda: spy.bars_derived, lambda: spy.bar_gaps, lambda: spy.bar_quality, lambda: spy.session_volume,
        lambda: spy.session_high, lambda: spy.session_low, lambda: spy.last_update, lambda: spy.metrics(),
        lambda: spy.historical_bars, lambda: spy.historical_indicators, lambda: spy.historical_day(day),
        lambda: spy.ticks, lambda: spy.quotes,
    ]  # fmt: skip

    def feed(date: str) -> None:
        spy.extend(*columns(date, range(3)))
        data.append("SPY", opening(date) + 3 * MINUTE, *BAR)
        data.advance_to(opening(date) + 10 * MINUTE)
        spy.append_quote(opening(date), 1.0, 2.0, 3.0, 4.0)
        spy.extend_quotes([opening(date)], [1.0], [2.0], [3.0], [4.0])
        spy.load_historical_bars("1m", *columns("2024-03-08", range(3)))

    feed(MONDAY)
    data.roll_session()
    feed(TUESDAY)
    for question in questions:
        with pytest.raises(sd.InactiveError, match="not active"):
            question()
    assert isinstance(sd.InactiveError(), sd.SessionStateError)
    assert "4 x 1m" in repr(spy)
    assert len(held) == 4  # what was handed out is not taken back
    assert data.symbols["SPY"].counters["stored"] == 4
    data.activate()
    for question in questions:
        question()
    assert len(spy.historical_bars["1m"]) == 2


def test_days_of_history_are_frozen_windows() -> None:
    pd = pytest.importorskip("pandas")
    data = new_store()
    spy = data.register_symbol("SPY")
    for date in (MONDAY, TUESDAY):
        spy.extend(*columns(date, range(-3, 8)))
        if date == MONDAY:
            data.roll_session()
    window = spy.historical_bars["5m"][MONDAY]
    assert window.is_immutable
    frame = window.to_pandas(copy=False)
    assert np.shares_memory(frame["close"].to_numpy(), window.close)
    assert frame["extended"].tolist() == [True, False, False]
    every = data.get_all_bars_including_historical("SPY", "5m").to_pandas(copy=False)
    assert every["extended"].tolist() == [True, False, False] * 2
    assert every["forming"].tolist() == [False] * 5 + [True]
    assert every["n_base"].tolist() == [3, 5, 3] * 2
    times = pd.to_datetime(spy.bars("5m").timestamp, utc=True)
    assert every.index.tolist() == [*(times - pd.Timedelta("1D")), *times]


def test_evidence_and_extended_hours_go_with_the_day_and_into_its_copies() -> None:
    data = new_store(extended_hours=("09:00", "16:30"), grace_ns=3 * MINUTE)
    spy = data.register_symbol("SPY")
    start = opening(MONDAY)
    spy.extend(*columns(MONDAY, [-5, *range(10), *range(20, 390)]))
    spy.mark_no_trade("1m", start + 12 * MINUTE, start + 14 * MINUTE)
    spy.mark_halted(start + 15 * MINUTE, start + 17 * MINUTE)
    spy.record_retry("1m", start + 10 * MINUTE, start + 12 * MINUTE, start)
    marks = spy.marks
    data.roll_session()
    before = spy.historical_day(MONDAY).bars()
    assert spy.append(start + 13 * MINUTE, *BAR)  # the day is copied
    assert spy.append(start - 7 * MINUTE, *BAR)  # and again
    after = spy.historical_day(MONDAY).bars()
    assert (before.present, before.no_trade, before.halted, before.missing) == (380, 2, 2, 6)
    assert (after.present, after.no_trade, after.halted, after.missing) == (381, 1, 2, 6)
    assert (before.extended_slots.present, before.extended_slots.missing) == (1, 59)
    assert (after.extended_slots.present, after.extended_slots.missing) == (2, 58)
    assert [gap.retry_count for gap in after.gaps] == [gap.retry_count for gap in before.gaps] == [1, 0, 0]
    assert spy.historical_bars["1m"].gaps(MONDAY) == after.gaps
    assert (spy.marks, spy.bars().no_trade) != (marks, 2)  # the new session was told nothing
    assert spy.bars().expected == 0
    spy.load_historical_bars("1m", *columns("2024-03-08", range(10)))
    assert spy.historical_day("2024-03-08").bars().extended_slots.expected == 60


def test_the_quality_manager_goes_on_where_the_gate_is_closed_and_the_session_rolls() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, [0, 1, 5]))

    def fetch(_: str, __: str, start_ns: int, stop_ns: int) -> Any:
        return columns(MONDAY, range((start_ns - opening(MONDAY)) // MINUTE, (stop_ns - opening(MONDAY)) // MINUTE))

    manager = sd.DataQualityManager(data, mode="live", fetch=fetch)
    data.deactivate()
    manager.step(opening(MONDAY) + 6 * MINUTE)
    data.roll_session()
    manager.step(opening(TUESDAY))
    data.activate()
    assert len(past(spy, MONDAY)) == 6
