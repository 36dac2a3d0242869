"""Past days of trades and quotes."""

from __future__ import annotations

import pytest

import sessiondata as sd
from histories import BAR, MINUTE, MONDAY, TUESDAY, columns, new_store, opening, past
from sessiondata.rows.series import native_of


def test_a_day_of_trades_becomes_history_and_a_late_trade_is_counted() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    start = opening(MONDAY)
    for second in range(0, 600, 7):
        spy.append_tick(start + second * MINUTE // 60, 10.0 + second % 5, 2.0, "P")
    spy.append_quote(start, 1.0, 2.0, 3.0, 4.0)
    assert spy.bars().forming
    shown = [tuple(bar)[:6] for bar in spy.bars()]
    data.roll_session()
    day = spy.historical_day(MONDAY)
    assert past(spy, MONDAY) == shown
    assert not day.bars().forming
    assert (spy.ticks.latest, spy.quotes.latest, len(spy.bars())) == (None, None, 0)
    assert not spy.append_tick(start + 5 * MINUTE, 10.0, 1.0)
    assert spy.ticks.counters["other_session"] == 1
    with pytest.raises(sd.InputKindError, match="for a symbol of ticks"):
        spy.append(start + 20 * MINUTE, *BAR)  # its day was fed by trades
    spy.append(opening(TUESDAY), *BAR)  # today may be fed by something else
    native_of(day.bars())[0].check_invariants()


def test_a_late_bar_of_a_day_that_has_quotes_too() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(5)))
    for i in range(20):
        spy.append_quote(opening(MONDAY) + i * MINUTE, 1.0, 2.0, 3.0, 4.0)
    quotes = spy.quotes.last(20)
    data.roll_session()
    for minute in (8, 7, 9):  # each makes a copy of the day
        assert spy.append(opening(MONDAY) + minute * MINUTE, *BAR)
    native_of(spy.historical_day(MONDAY).bars())[0].check_invariants()
    assert len(past(spy, MONDAY)) == 8
    assert quotes.timestamp.tolist() == [opening(MONDAY) + i * MINUTE for i in range(20)]


def test_trades_between_two_sessions() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.append_tick(opening(MONDAY), 10.0, 1.0)
    data.end_session()
    assert not spy.append_tick(opening(MONDAY) + MINUTE, 10.0, 1.0)
    assert spy.extend_ticks([opening(MONDAY) + MINUTE], [10.0], [1.0]) == 0
    assert (data.session_date, spy.ticks.counters["other_session"]) == (None, 2)
    assert spy.extend_ticks([opening(TUESDAY), opening(MONDAY) + MINUTE], [10.0, 11.0], [1.0, 1.0]) == 1
    assert (str(data.session_date), len(spy.bars())) == (TUESDAY, 1)
