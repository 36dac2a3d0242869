"""Filling: what `fill` stores and what it leaves alone, what feeds a symbol afterwards, and the
trades that come then.

The laws are tested in test_laws.py, where lives fill as they like; the manager that fills in
test_quality_manager.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from sessiondata.rows.series import native_of
from sessiondata.store.symbol import state_of
from worlds import MINUTE, SECOND, exact, utc

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York", breaks=[("12:00", "12:30")])
OPEN = utc("2024-03-12T09:30:00-04:00")
DAY = 1440 * MINUTE


def store(**options: Any) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    data = sd.SessionData(CALENDAR, "1m", ("5m", "1h", "1d"), **options)
    data.start_session("2024-03-12")
    return data, data.register_symbol("SPY")


def bars(*minutes: float, price: float = 5.0, day: int = 0) -> tuple[np.ndarray, ...]:
    """Bars that open so many minutes after the open, as columns; each has its own volume."""
    ts = np.array([OPEN + day * DAY + int(minute * MINUTE) for minute in minutes], np.int64)
    o, h, low, c = (np.full(len(ts), x) for x in (price, price + 1.0, price - 1.0, price + 0.5))
    return ts, o, h, low, c, np.array(minutes, float) + 100.0


def row(symbol: Any, minute: int) -> tuple[Any, ...]:
    """(open, high, low, close, volume) of the base bar of a minute."""
    (bar,) = [bar for bar in symbol.bars() if bar.timestamp == OPEN + minute * MINUTE]
    return tuple(bar)[1:6]


FILLED = (5.0, 6.0, 4.0, 5.5)  # prices of `bars`


def answers(data: sd.SessionData) -> Any:
    """All that nothing may change where nothing is filled."""
    return exact([data.sequence, data.to_dict(), [symbol.counters for symbol in data.symbols.values()]])


# --- what is filled ---


def test_missing_slots_are_filled_and_nothing_else() -> None:
    data, spy = store()
    spy.extend(*bars(0, 4, 5, price=9.0))
    spy.mark_no_trade("1m", OPEN + 2 * MINUTE, OPEN + 3 * MINUTE)
    spy.mark_halted(OPEN + 3 * MINUTE, OPEN + 4 * MINUTE)
    data.advance_to(OPEN + 8 * MINUTE + 30 * SECOND)
    before = data.sequence
    # present, missing, without trade, halted, present, of the tail; off the grid; pending; to come;
    # before the open
    assert spy.fill(*bars(0, 1, 2, 3, 5, 6, 1.5, 8, 20, -5)) == 4
    assert data.sequence == before + 4
    assert [(bar.timestamp - OPEN) // MINUTE for bar in spy.bars_base] == [0, 1, 2, 3, 4, 5, 6]
    assert [bar.open for bar in spy.bars_base] == [9.0, 5.0, 5.0, 5.0, 9.0, 9.0, 5.0]
    assert [(gap.start_ns, gap.bar_count) for gap in spy.bars_base.gaps] == [(OPEN + 7 * MINUTE, 1)]
    assert [bar.n_base for bar in spy.bars("5m")] == [5, 2]
    assert (spy.counters["stored"], spy.counters["late"], spy.counters["corrected"]) == (7, 3, 0)
    state_of(spy).core.check_invariants()


def test_the_same_again_changes_nothing() -> None:
    data, spy = store()
    spy.extend(*bars(0, 5, price=9.0))
    assert spy.fill(*bars(1, 2, 3)) == data.fill("SPY", *bars(4)) + 2 == 3
    before = answers(data)
    assert spy.fill(*bars(1, 2, 3, price=7.0)) == 0
    assert answers(data) == before


def test_of_rows_for_one_slot_the_first_counts_whatever_the_order() -> None:
    data, spy = store()
    data.advance_to(OPEN + 5 * MINUTE)
    rows = [np.concatenate(pair) for pair in zip(bars(3, 1), bars(1, 3, price=7.0), strict=True)]
    assert spy.fill(*rows) == 2
    assert [bar.open for bar in spy.bars_base] == [5.0, 5.0]
    assert spy.counters["corrected"] == spy.counters["repeated"] == 0


def test_a_break_is_no_slot_and_the_last_slot_before_it_is_one() -> None:
    data, spy = store()
    data.advance_to(OPEN + 400 * MINUTE)
    assert spy.fill(*bars(149, 150, 179, 180, 389, 390)) == 3  # the break is from 150 to 180
    assert [(bar.timestamp - OPEN) // MINUTE for bar in spy.bars_base] == [149, 180, 389]


def test_a_slot_is_over_by_the_clock_less_its_grace() -> None:
    data, spy = store(grace_ns=90 * SECOND)
    data.advance_to(OPEN + 2 * MINUTE)
    assert spy.fill(*bars(0, 1)) == 0
    data.advance_to(OPEN + 2 * MINUTE + 30 * SECOND)
    assert spy.fill(*bars(0, 1)) == 1


def test_slots_whose_bars_have_left_the_ring_are_present() -> None:
    data, spy = store(capacity=10)
    spy.extend(*bars(*range(40), price=9.0))
    before = answers(data)
    assert spy.fill(*bars(*range(40))) == 0
    assert answers(data) == before


def test_a_missing_slot_that_could_not_be_folded_is_counted() -> None:
    _, spy = store(capacity=10)
    spy.extend(*bars(0, 1, *range(3, 20), price=9.0))
    assert spy.fill(*bars(2)) == 0
    assert spy.counters["too_old"] == 1
    state_of(spy).core.check_invariants()


def test_frames_close_labels_and_columns_of_the_ring_itself() -> None:
    pandas = pytest.importorskip("pandas")
    data, spy = store(label="close")
    data.advance_to(OPEN + 10 * MINUTE)
    assert spy.fill(pandas.DataFrame(dict(zip(("t", "o", "h", "l", "c", "v"), bars(1, 2), strict=True)))) == 2
    assert spy.fill(*bars(3, 4), label="open") == 2
    assert [(bar.timestamp - OPEN) // MINUTE for bar in spy.bars_base] == [0, 1, 3, 4]
    series = spy.bars_base
    shifted = series.timestamp - 2 * MINUTE
    assert spy.fill(shifted, series.open, series.high, series.low, series.close, series.volume, label="open") == 1
    assert row(spy, 2)[-1] == 104.0  # that of minute 4


# --- bad rows (law 4) ---


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [(1, np.nan, "ERR_NOT_FINITE"), (2, 0.0, "ERR_HIGH_LOW"), (5, -1.0, "ERR_VOLUME"), (0, -(2**63), "ERR_NAT")],
)
def test_a_row_that_breaks_a_rule_stops_all_or_is_left_out(column: int, value: Any, code: str) -> None:
    data, spy = store()
    data.advance_to(OPEN + 10 * MINUTE)
    rows = bars(0, 1, 2)
    rows[column][1] = value
    before = answers(data)
    with pytest.raises(sd.BarError) as caught:
        spy.fill(*rows)
    assert (caught.value.code, caught.value.row, caught.value.symbol) == (code, 1, "SPY")
    assert answers(data) == before
    assert spy.fill(*rows, on_bad="skip") == 2
    assert spy.counters["skipped"] == {code: 1}


def test_a_row_of_a_later_date_means_that_somebody_forgot_to_roll() -> None:
    data, spy = store()
    data.advance_to(OPEN + 10 * MINUTE)
    before = answers(data)
    with pytest.raises(sd.SessionStateError, match=r"row=1 ts_ns=[0-9]+ symbol='SPY' \(ERR_LATER_SESSION\)"):
        spy.fill(*bars(0, 1440))
    assert answers(data) == before


def test_without_a_session_or_a_day_nothing_is_missing() -> None:
    data = sd.SessionData(CALENDAR)
    spy = data.register_symbol("SPY")
    with pytest.raises(sd.SessionStateError, match="start_session"):
        spy.fill(*bars(0))
    assert data.session_date is None
    data.start_session("2024-03-12")
    data.remove_symbol("SPY")
    with pytest.raises(sd.SessionStateError, match="removed"):
        spy.fill(*bars(0))


@pytest.mark.parametrize("options", [{"on_bad": "drop"}, {"label": "middle"}])
def test_options_are_checked(options: Any) -> None:
    with pytest.raises(ValueError, match=r"on_bad|label"):
        store()[1].fill(*bars(0), **options)


# --- what feeds the symbol ---


def test_a_filled_symbol_takes_trades() -> None:
    data, spy = store()
    data.advance_to(OPEN + 3 * MINUTE)
    assert spy.fill(*bars(0, 1)) == 2
    spy.append_tick(OPEN + 3 * MINUTE + 1, 9.0, 1.0)
    assert spy.fill(*bars(2)) == 1
    with pytest.raises(sd.InputKindError):
        spy.append(OPEN + 4 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert [bar.open for bar in spy.bars_base] == [5.0, 5.0, 5.0, 9.0]


@pytest.mark.parametrize("minute", [0, 1, 2, 5], ids=["another", "the same", "the next slot", "a later slot"])
def test_the_next_bar_makes_a_filled_symbol_one_of_bars(minute: int) -> None:
    """Also one for the slot after the newest row, which else is stored without a question."""
    data, spy = store()
    data.advance_to(OPEN + 2 * MINUTE)
    assert spy.fill(*bars(1)) == 1
    spy.append(*(column[0].item() for column in bars(minute)))
    with pytest.raises(sd.InputKindError):
        spy.append_tick(OPEN + 6 * MINUTE, 9.0, 1.0)
    spy.append(*(column[0].item() for column in bars(6)))
    state_of(spy).core.check_invariants()


@pytest.mark.parametrize("way", ["extend", "append_slice"])
def test_the_next_bars_make_a_filled_symbol_one_of_bars(way: str) -> None:
    data, spy = store()
    data.advance_to(OPEN + 2 * MINUTE)
    spy.fill(*bars(1))
    if way == "extend":
        spy.extend(*bars(2, 3))
    else:
        data.append_slice(["SPY"], *bars(2))
    with pytest.raises(sd.InputKindError):
        spy.append_tick(OPEN + 6 * MINUTE, 9.0, 1.0)


def test_a_bar_that_is_refused_decides_nothing() -> None:
    data, spy = store()
    data.advance_to(OPEN + 2 * MINUTE)
    spy.fill(*bars(1))
    spy.append(*(column[0].item() for column in bars(0, day=-1)))
    assert spy.counters["other_session"] == 1
    assert spy.append_tick(OPEN + 2 * MINUTE, 9.0, 1.0)


def test_a_streamed_bar_corrects_a_filled_one() -> None:
    data, spy = store()
    data.advance_to(OPEN + 3 * MINUTE)
    spy.fill(*bars(0, 1, 2))
    spy.append(*(column[0].item() for column in bars(1, price=9.0)))
    assert row(spy, 1)[0] == 9.0
    assert spy.counters["corrected"] == 1


# --- trades after a fill ---


def fed_by_trades(**options: Any) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    """Two trades in the first minute, then silence until the sixth has begun."""
    data, spy = store(**options)
    spy.append_tick(OPEN + 10 * SECOND, 20.0, 1.0)
    spy.append_tick(OPEN + 20 * SECOND, 21.0, 2.0)
    data.advance_to(OPEN + 5 * MINUTE)
    return data, spy


def test_a_trade_in_a_filled_slot_is_kept_and_changes_no_bar() -> None:
    _, spy = fed_by_trades()
    spy.append_tick(OPEN + 5 * MINUTE, 22.0, 1.0)
    assert spy.fill(*bars(0, 1, 2, 3, 4)) == 4
    before = [tuple(bar) for name in spy.intervals for bar in spy.bars(name)]
    assert spy.append_tick(OPEN + 2 * MINUTE + 1, 99.0, 50.0, "Q")
    assert spy.extend_ticks([OPEN + 2 * MINUTE, OPEN + 3 * MINUTE], [99.0, 1.0], [1.0, 1.0]) == 2
    assert [tuple(bar) for name in spy.intervals for bar in spy.bars(name)] == before
    assert (len(spy.ticks), spy.ticks.counters["late"], spy.ticks.counters["covered"]) == (6, 3, 3)
    assert spy.counters["corrected"] == 0
    state_of(spy).core.check_invariants()


def test_a_trade_does_not_grow_a_filled_newest_row() -> None:
    _, spy = fed_by_trades()
    assert spy.fill(*bars(4)) == 1
    assert not spy.bars_base.forming
    assert spy.append_tick(OPEN + 4 * MINUTE + 1, 99.0, 50.0)  # newer than all trades
    assert row(spy, 4)[:4] == FILLED
    assert (spy.ticks.counters["late"], spy.ticks.counters["covered"]) == (0, 1)
    assert spy.append_tick(OPEN + 5 * MINUTE, 30.0, 1.0)
    assert spy.append_tick(OPEN + 5 * MINUTE + 1, 31.0, 1.0)
    assert row(spy, 5) == (30.0, 31.0, 30.0, 31.0, 2.0)
    assert spy.bars_base.forming
    state_of(spy).core.check_invariants()


@pytest.mark.parametrize("way", ["append", "extend"])
def test_trades_behind_a_filled_tail_make_and_grow_their_own_rows(way: str) -> None:
    """Newer than all other trades, but not than the newest row."""
    _, spy = fed_by_trades()
    assert spy.fill(*bars(3, 4)) == 2
    ts = [OPEN + 30 * SECOND, OPEN + MINUTE, OPEN + MINUTE + 1, OPEN + 3 * MINUTE, OPEN + 6 * MINUTE, OPEN + 6 * MINUTE]
    prices, sizes = [19.0, 30.0, 31.0, 99.0, 40.0, 41.0], [4.0, 1.0, 1.0, 9.0, 1.0, 1.0]
    if way == "append":
        assert all(spy.append_tick(*trade) for trade in zip(ts, prices, sizes, strict=True))
    else:
        assert spy.extend_ticks(ts, prices, sizes, ["A", "B", "C", "D", "E", "F"]) == 6
        assert spy.ticks[-1].exchange == "F"
    assert row(spy, 0) == (20.0, 21.0, 19.0, 19.0, 7.0)
    assert row(spy, 1) == (30.0, 31.0, 30.0, 31.0, 2.0)
    assert row(spy, 3)[:4] == row(spy, 4)[:4] == FILLED
    assert row(spy, 6) == (40.0, 41.0, 40.0, 41.0, 2.0)
    assert spy.bars("5m")[0][1:6] == (20.0, 31.0, 4.0, 5.5, 7.0 + 2.0 + 103.0 + 104.0)
    assert (spy.counters["late"], spy.ticks.counters["late"], spy.ticks.counters["covered"]) == (1, 0, 1)
    assert [(gap.start_ns - OPEN) // MINUTE for gap in spy.bars_base.gaps] == [2, 5]
    state_of(spy).core.check_invariants()


@pytest.mark.parametrize("loaded", [False, True])
def test_a_filled_slot_stays_over_when_the_session_goes_on_without_its_clock(tmp_path: Path, loaded: bool) -> None:
    """Only the newest trade said what is over then: 3 bars, none expected, -2 missing."""
    data, spy = fed_by_trades()
    assert spy.fill(*bars(1, 2)) == 2
    if loaded:
        data.save(tmp_path / "store")
        data = sd.load(tmp_path / "store")
        spy = data.symbols["SPY"]
    data.end_session()
    data.start_session("2024-03-12")
    for ts in (
        None,
        OPEN + 30 * SECOND,
        OPEN + 2 * MINUTE + 1,
    ):  # trades behind the newest row, the last one of its slot
        if ts is not None:
            assert spy.append_tick(ts, 21.0, 1.0)
        base = spy.bars_base
        assert (base.expected, base.present, base.missing, base.forming) == (3, 3, 0, False)
        assert state_of(spy).core.as_of == OPEN + 3 * MINUTE
        state_of(spy).core.check_invariants()
    assert spy.append_tick(OPEN + 4 * MINUTE, 21.0, 1.0)
    assert (base.expected, base.present, base.missing, base.forming) == (4, 3, 1, True)


def test_a_trade_behind_a_filled_tail_grows_a_row_whose_other_trades_are_gone() -> None:
    _, spy = fed_by_trades(tick_capacity=2)
    assert spy.fill(*bars(4)) == 1
    for k in range(3):
        assert spy.append_tick(OPEN + (30 + k) * SECOND, 10.0 + k, 1.0)
    assert row(spy, 0) == (20.0, 21.0, 10.0, 12.0, 6.0)
    state_of(spy).core.check_invariants()


def test_a_first_trade_that_is_too_old_behind_filled_rows_decides_nothing(tmp_path: Path) -> None:
    data, spy = store(capacity=2)
    data.advance_to(OPEN + 9 * MINUTE)
    assert spy.fill(*bars(0, 5, 6)) == 3
    assert not spy.append_tick(OPEN + MINUTE, 9.0, 1.0)
    assert spy.ticks.counters["too_old"] == 1
    assert data.to_dict()["symbols"]["SPY"]["session"]["data"].keys() == {"1m", "5m", "1h", "1d"}
    data.save(tmp_path / "a")
    assert sd.load(tmp_path / "a").to_json() == data.to_json()
    spy.append(*(column[0].item() for column in bars(8)))  # so a bar may still
    state_of(spy).core.check_invariants()


def test_a_late_trade_of_a_filled_slot_is_refused_only_if_the_ring_has_no_place_for_it() -> None:
    data, spy = store(tick_capacity=2)
    data.advance_to(OPEN + 5 * MINUTE)
    spy.fill(*bars(0, 1))
    for second in (70, 80, 90):
        spy.append_tick(OPEN + second * SECOND, 9.0, 1.0)
    # would push out that of 80, and be older
    assert not spy.append_tick(OPEN + 75 * SECOND, 9.0, 1.0)
    assert spy.append_tick(OPEN + 85 * SECOND, 9.0, 1.0)
    assert (spy.ticks.counters["covered"], spy.ticks.counters["too_old"]) == (4, 1)
    state_of(spy).core.check_invariants()


def test_a_symbol_of_quotes_is_filled_as_one_of_trades() -> None:
    data, _ = store()
    spy = data.register_symbol("Q", quote_bars="mid")
    spy.append_quote(OPEN, 10.0, 12.0, 1.0, 1.0)
    data.advance_to(OPEN + 3 * MINUTE)
    assert spy.fill(*bars(0, 1, 2)) == 2
    spy.append_quote(OPEN + MINUTE, 98.0, 99.0, 1.0, 1.0)
    spy.append_quote(OPEN + 3 * MINUTE, 20.0, 22.0, 1.0, 1.0)
    assert [bar.close for bar in spy.bars_base] == [11.0, 5.5, 5.5, 21.0]
    assert spy.quotes.counters["covered"] == 1
    assert not spy.append_quote(OPEN - 2 * DAY, 1.0, 1.0, 1.0, 1.0)
    state_of(spy).core.check_invariants()


def test_a_fill_takes_back_nothing_that_a_newer_quote_without_a_price_has_proved(tmp_path: Path) -> None:
    """Quotes with an empty side make no row: a filled one is the newest, and older than they
    are."""
    data, _ = store()
    spy = data.register_symbol("Q", quote_bars="mid")
    seconds = np.array([30, 330], np.int64) * SECOND
    spy.extend_quotes(OPEN + seconds, *[np.zeros(2)] * 4)
    for n, call in enumerate((
        lambda: spy.fill(*bars(0)),
        lambda: data.load_historical_bars("Q", "1m", *bars(1)),
        lambda: spy.fill(*bars(2, 4)),
    )):  # fmt: skip
        assert call() == (1, 1, 2)[n]
        base = spy.bars_base
        assert state_of(spy).core.as_of == OPEN + 330 * SECOND
        assert (base.expected, base.present, base.missing) == (5, (1, 2, 4)[n], (4, 3, 1)[n])
        state_of(spy).core.check_invariants()
    data.save(tmp_path / "store")
    data.end_session()
    assert spy.fill(*bars(5)) == 1  # over now; the quotes have not come to its end
    data.start_session("2024-03-12")
    loaded = sd.load(tmp_path / "store")
    for symbol, stop, present in ((spy, 360, 5), (loaded.symbols["Q"], 330, 4)):
        assert (state_of(symbol).core.as_of, symbol.bars_base.present) == (OPEN + stop * SECOND, present)
        state_of(symbol).core.check_invariants()
        assert symbol.append_quote(OPEN + 400 * SECOND, 10.0, 12.0, 1.0, 1.0)
        assert (state_of(symbol).core.as_of, symbol.bars_base.forming) == (OPEN + 400 * SECOND, True)
        state_of(symbol).core.check_invariants()


def test_filled_slots_are_known_after_a_load(tmp_path: Path) -> None:
    data, spy = fed_by_trades()
    spy.fill(*bars(2, 4))
    new = data.register_symbol("NEW")
    new.fill(*bars(1, 2))
    data.save(tmp_path / "a")
    loaded = sd.load(tmp_path / "a")
    for store_ in (data, loaded):
        store_.append_tick("SPY", OPEN + 4 * MINUTE, 99.0, 1.0)
        store_.append_tick("SPY", OPEN + 2 * MINUTE, 99.0, 1.0)
        store_.append_tick("SPY", OPEN + 5 * MINUTE, 30.0, 1.0)
        store_.append_tick("NEW", OPEN + 2 * MINUTE, 99.0, 1.0)
        assert store_.symbols["SPY"].ticks.counters["covered"] == 2
        assert store_.symbols["NEW"].ticks.counters["covered"] == 1
        state_of(store_.symbols["SPY"]).core.check_invariants()
    assert loaded.to_json() == data.to_json()


def test_a_fill_of_a_symbol_of_trades_is_told_by_deltas() -> None:
    data, spy = fed_by_trades()
    data.export_cursor("c")
    data.export_cursor("truth")
    document = data.to_dict(cursor="c")
    for change in (
        lambda: spy.fill(*bars(3, 4)),
        lambda: spy.append_tick(OPEN + 4 * MINUTE, 99.0, 1.0),
        lambda: spy.append_tick(OPEN + 4 * MINUTE + 30 * SECOND, 99.0, 1.0),
        lambda: spy.fill(*bars(1)),
        lambda: spy.append_tick(OPEN + 6 * MINUTE, 9.0, 1.0),
        lambda: spy.fill(*bars(2, 5)),
    ):
        change()
        document = sd.apply_delta(document, data.to_dict(False, cursor="c"))
        assert document["symbols"] == data.to_dict(cursor="truth")["symbols"]


# --- days in history ---


def test_rows_of_a_past_day_fill_a_copy_of_it() -> None:
    data, spy = store()
    spy.extend(*bars(0, 4, price=9.0))
    data.roll_session()
    day = spy.historical_day("2024-03-12")
    window = day.bars()[:]
    data.advance_to(OPEN + DAY + 2 * MINUTE)
    before = data.sequence
    assert spy.fill(*(np.concatenate(pair) for pair in zip(bars(0, 1, 2), bars(0, 1, 2, day=1), strict=True))) == 4
    assert data.sequence == before + 4
    assert (len(window), window.is_valid()) == (2, True)
    filled = spy.historical_day("2024-03-12")
    assert filled.bars().open.tolist() == [9.0, 5.0, 5.0, 9.0]
    assert filled.counters["late"] == 2
    assert len(spy.bars_base) == 2
    before = answers(data)
    assert spy.fill(*bars(0, 1, 2, price=7.0)) == 0
    core = native_of(filled.bars())[0]
    assert native_of(spy.historical_day("2024-03-12").bars())[0] is core, "not even a copy has taken its place"
    assert answers(data) == before


def test_a_past_day_of_trades_is_filled() -> None:
    """Bars that come late for such a day are refused, as they would correct what its trades have
    made."""
    data, spy = fed_by_trades()
    data.roll_session()
    with pytest.raises(sd.InputKindError):
        spy.extend(*bars(1))
    assert spy.fill(*bars(0, 1, 389)) == 2
    day = spy.historical_day("2024-03-12")
    assert day.bars().open.tolist() == [20.0, 5.0, 5.0]
    native_of(day.bars())[0].check_invariants()
    data.end_session()
    assert spy.fill(*bars(1, 2)) == 1


def test_a_filled_day_that_is_loaded_for_later_goes_on_as_a_session() -> None:
    data, spy = store()
    spy.load_historical_bars("1m", *bars(0, day=1))
    data.end_session()
    # of a day that is here, and says that this slot is missing
    assert spy.fill(*bars(1, day=1)) == 1
    data.start_session("2024-03-13")
    assert [(bar.timestamp - OPEN - DAY) // MINUTE for bar in spy.bars_base] == [0, 1]
    state_of(spy).core.check_invariants()
