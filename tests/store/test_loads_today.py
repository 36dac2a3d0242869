"""Loads into the session under way, late bars of past days beside it, and its row in all bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sessiondata as sd
from days_ahead import BAR, CALENDAR, DATES, LENGTH, MARKETS, MINUTE, opening, rows, store, whole
from sessiondata.store.symbol import state_of

# --- loading into the session under way -----------------------------------------------------------


def closes(spy: sd.SymbolSessionData) -> list[float]:
    return [bar.close for bar in spy.bars()]


def with_close(columns: list[np.ndarray], *closes: float) -> list[np.ndarray]:
    return [*columns[:4], np.array(closes), columns[5]]


def test_a_slow_load_replaces_no_bar_of_the_session() -> None:
    """The vendor was asked at 09:32:30, and its last row was in progress; the answer comes after
    the bar has closed."""
    data, spy = store()
    data.start_session(DATES[0])
    spy.extend(*with_close(rows(*((DATES[0], k) for k in (1, 2))), 11.0, 11.5))
    answer = with_close(rows(*((DATES[0], k) for k in range(3))), 9.5, 9.0, 9.25)
    assert spy.load_historical_bars("1m", *answer) == 1
    assert closes(spy) == [9.5, 11.0, 11.5]
    assert spy.counters["corrected"] == 0
    assert spy.extend(*answer) == 2  # a correction is one by extend
    assert closes(spy) == [9.5, 9.0, 9.25]


def test_what_the_clock_says_is_not_over_is_not_loaded() -> None:
    data, spy = store(grace_ns=30 * 1_000_000_000)
    data.start_session(DATES[0])
    # a bar whose time is over is whole, whatever the grace
    data.advance_to(opening(DATES[0]) + 2 * MINUTE)
    assert spy.load_historical_bars("1m", *whole(DATES[0])) == 2
    assert spy.load_historical_bars("1m", *whole(DATES[0])) == 0
    data.advance_to(opening(DATES[0]) + 3 * MINUTE - 1)
    assert spy.load_historical_bars("1m", *whole(DATES[0])) == 0
    data.advance_to(opening(DATES[0]) + 3 * MINUTE)
    assert spy.load_historical_bars("1m", *whole(DATES[0])) == 1


def test_without_a_clock_loaded_bars_are_whole_ones_and_streamed_ones_correct_them() -> None:
    data, spy = store()
    data.start_session(DATES[0])
    assert spy.load_historical_bars("1m", *rows((DATES[0], 0), (DATES[0], 2))) == 2
    spy.append(opening(DATES[0]) + 2 * MINUTE, 10.0, 12.0, 9.0, 11.25, 100.0)
    spy.append(opening(DATES[0]) + 3 * MINUTE, *BAR)
    assert closes(spy) == [11.0, 11.25, 11.0]
    assert (spy.bars().missing, spy.counters["corrected"]) == (1, 1)


@pytest.mark.parametrize("capacity", [None, 3])
@pytest.mark.parametrize("ahead", [True, False])
def test_a_session_that_was_warmed_up_takes_trades(ahead: bool, capacity: int | None, tmp_path: Path) -> None:
    data, spy = store(capacity=capacity)
    if not ahead:
        data.start_session(DATES[0])
    spy.load_historical_bars("1m", *rows(*((DATES[0], k) for k in range(2))))
    data.start_session(DATES[0])
    data.save(tmp_path / "x")
    data = sd.load(tmp_path / "x")
    spy = data.symbols["A"]
    spy.append_tick(opening(DATES[0]) + MINUTE + 1, 50.0, 1.0)  # of a bar that is whole
    spy.append_tick(opening(DATES[0]) + 2 * MINUTE + 1, 20.0, 5.0)
    assert closes(spy) == [11.0, 11.0, 20.0]
    assert spy.ticks.counters["covered"] == 1
    assert spy.bars("2m")[0].volume == 200.0
    state_of(spy).core.check_invariants()
    with pytest.raises(sd.InputKindError):
        spy.append(opening(DATES[0]) + 3 * MINUTE, *BAR)


def test_loads_of_one_day_merge_and_still_say_nothing_of_its_feed() -> None:
    data, spy = store()
    assert spy.load_historical_bars("1m", *rows((DATES[0], 0), (DATES[0], 1))) == 2
    assert spy.load_historical_bars("1m", *with_close(rows((DATES[0], 1), (DATES[0], 2)), 9.5, 9.75)) == 2
    data.start_session(DATES[0])
    assert closes(spy) == [11.0, 9.5, 9.75]
    assert spy.append_tick(opening(DATES[0]) + 3 * MINUTE, 20.0, 5.0)
    state_of(spy).core.check_invariants()


@pytest.mark.parametrize("ahead", [True, False])
def test_rows_beside_the_slots_make_it_a_session_of_bars(ahead: bool) -> None:
    """Only bars have such rows. They come once, too, and replace nothing."""
    data, spy = store()
    early = [opening(DATES[0]) - 5 * MINUTE, opening(DATES[0]) + 30_000_000_000]
    if not ahead:
        data.start_session(DATES[0])
    assert spy.load_historical_bars("1m", early, *([value] * 2 for value in BAR)) == 2
    data.start_session(DATES[0])
    assert (spy.counters["extended"], spy.counters["off_grid"]) == (1, 1)
    other = [*early, opening(DATES[0])], *([value + 1] * 3 for value in BAR)
    assert spy.load_historical_bars("1m", *other) == 1
    assert closes(spy) == [11.0, 12.0, 11.0]
    with pytest.raises(sd.InputKindError):
        spy.append_tick(opening(DATES[0]) + 3 * MINUTE, 20.0, 5.0)
    state_of(spy).core.check_invariants()


def test_a_session_of_trades_is_loaded_where_it_misses_bars_that_are_over() -> None:
    data, spy = store()
    data.start_session(DATES[0])
    spy.append_tick(opening(DATES[0]) + 2 * MINUTE + 1, 20.0, 5.0)
    before = [opening(DATES[0]) - 5 * MINUTE]
    assert spy.load_historical_bars("1m", before, *([value] for value in BAR)) == 0
    # The newest row may be in progress: nothing has come behind it.
    assert spy.load_historical_bars("1m", *rows(*((DATES[0], k) for k in (0, 2, 3)))) == 1
    assert closes(spy) == [11.0, 20.0]
    state_of(spy).core.check_invariants()


def test_of_rows_of_one_time_the_later_one_is_loaded() -> None:
    for started in (True, False):
        data, spy = store()
        if started:
            data.start_session(DATES[0])
        spy.load_historical_bars("1m", *with_close(rows((DATES[0], 0), (DATES[0], 0)), 9.5, 9.75))
        data.start_session(DATES[0])
        assert closes(spy) == [9.75]


def test_a_load_that_spans_days_takes_each_by_its_rule() -> None:
    data, spy = store()
    data.start_session(DATES[0])
    spy.extend(*whole(DATES[0]))
    data.roll_session()
    spy.extend(*rows((DATES[1], 0)))
    again = whole(DATES[0], DATES[1], DATES[2])
    again[4] = again[4] - 1
    assert spy.load_historical_bars("1m", *again) == LENGTH + (LENGTH - 1) + LENGTH
    # corrected: a past day
    assert [bar.close for bar in spy.historical_bars["1m"][DATES[0]]] == [10.0] * LENGTH
    assert closes(spy) == [11.0, *[10.0] * (LENGTH - 1)]


def test_a_load_labelled_by_closes_fills_too() -> None:
    data, spy = store(label="close")
    data.start_session(DATES[0])
    ts, *values = whole(DATES[0])
    spy.append(int(ts[1]) + MINUTE, 10.0, 12.0, 9.0, 9.5, 100.0)
    assert spy.load_historical_bars("1m", ts + MINUTE, *values) == LENGTH - 1
    assert closes(spy) == [11.0, 9.5, 11.0, 11.0]


# --- a late bar of a past day beside trades of today ----------------------------------------------


def fed_by_trades(label: str = "open") -> tuple[sd.SessionData, sd.SymbolSessionData]:
    """A past day of bars that lacks two, a past day of trades, and trades today."""
    data, spy = store(label=label)
    data.start_session(DATES[0])
    ts, *values = rows((DATES[0], 0), (DATES[0], 3))
    spy.extend(ts + MINUTE * (label == "close"), *values)
    data.roll_session()
    spy.append_tick(opening(DATES[1]), 50.0, 1.0)
    data.roll_session()
    spy.append_tick(opening(DATES[2]), 60.0, 1.0)
    return data, spy


@pytest.mark.parametrize("way", ["append", "numpy scalars", "extend", "skip", "slice", "frame", "jit"])
@pytest.mark.parametrize("label", ["open", "close"])
def test_a_late_bar_of_a_day_of_bars_goes_there_while_trades_make_the_bars_of_today(way: str, label: str) -> None:
    data, spy = fed_by_trades(label)
    off = MINUTE * (label == "close")

    def send(*bars: tuple[str, int]) -> int:
        ts, *values = rows(*bars)
        ts = ts + off
        if way == "append":
            return sum(spy.append(int(t), *BAR) for t in ts)
        if way == "numpy scalars":
            return sum(spy.append(t, *map(np.float64, BAR)) for t in ts)
        if way == "slice":
            return sum(data.append_slice(["A"], ts[i : i + 1], *(v[i : i + 1] for v in values)) for i in range(len(ts)))
        if way == "frame":
            pd = pytest.importorskip("pandas")
            names = ("timestamp", "open", "high", "low", "close", "volume")
            columns = dict(zip(names, (pd.to_datetime(ts, utc=True), *values), strict=True))
            return spy.extend(pd.DataFrame(columns))
        if way == "jit":
            pytest.importorskip("numba")
            from sessiondata import jit

            statuses = [jit.append(spy, int(t), *BAR) for t in ts]
            if min(statuses) < 0:
                raise sd.InputKindError("A", "ticks", f"bars ({statuses})")
            return len(statuses)
        return spy.extend(ts, *values, on_bad="skip" if way == "skip" else "raise")

    assert send((DATES[0], 1)) == 1
    assert send((DATES[0], 2)) == 1
    assert spy.counters["other_session"] == 0
    assert spy.historical_bars["1m"][DATES[0]].timestamp.tolist() == whole(DATES[0])[0].tolist()
    before = data.sequence, data.to_json()
    for bars in ([(DATES[1], 1)], [(DATES[2], 1)], [(DATES[0], 1), (DATES[2], 1)]):
        if way in ("append", "numpy scalars", "slice", "jit") and len(bars) > 1:
            continue
        with pytest.raises(sd.InputKindError):
            send(*bars)
        assert (data.sequence, data.to_json()) == before
    assert spy.append_tick(opening(DATES[2]) + MINUTE, 61.0, 1.0)
    state_of(spy).core.check_invariants()


def test_the_error_names_what_feeds_the_day_that_a_bar_is_of() -> None:
    data, spy = store()
    spy.load_historical_bars("1m", *rows((DATES[0], 0)))
    data.start_session(DATES[1])
    spy.append_tick(opening(DATES[1]), 50.0, 1.0)
    data.roll_session()
    spy.append(opening(DATES[2]), *BAR)
    for send in (spy.append, lambda ts, *bar: data.append_slice(["A"], [ts], *([value] for value in bar))):
        with pytest.raises(sd.InputKindError, match="for a symbol of ticks"):
            send(opening(DATES[1]) + MINUTE, *BAR)
    assert spy.append(opening(DATES[0]) + MINUTE, *BAR)
    data.roll_session()
    spy.append_tick(opening(DATES[3]), 50.0, 1.0)
    with pytest.raises(sd.InputKindError, match="for a symbol of ticks"):
        spy.append(opening(DATES[3]) + MINUTE, *BAR)


def test_a_bar_of_a_day_that_is_not_kept_is_counted_beside_trades_as_beside_bars() -> None:
    for kept in (True, False):
        data, spy = store(trailing_days=int(kept))
        data.start_session(DATES[1])
        data.roll_session()
        spy.append_tick(opening(DATES[2]), 50.0, 1.0)
        assert not spy.append(opening(DATES[0]), *BAR)
        assert spy.extend(*rows((DATES[0], 1), (DATES[0], 2))) == 0
        assert data.append_slice(["A"], *rows((DATES[0], 1))) == 0
        assert spy.counters["other_session"] == 4


# --- the running day in all bars ------------------------------------------------------------------


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("by", ["bars", "trades"])
def test_all_daily_bars_end_with_today_whether_1d_is_derived_or_not(market: str, by: str) -> None:
    calendar, dates, length = MARKETS[market]
    seen = []
    for derived in (("2m",), ("2m", "1d"), ()):
        data = sd.SessionData(calendar, "1m", derived)
        spy = data.register_symbol("A")
        data.start_session(dates[0])
        spy.extend(*whole(dates[0], calendar=calendar))
        data.roll_session(dates[1])
        start, stop = opening(dates[1], calendar), int(calendar.session(dates[1]).segments[-1, 1])
        windows = [data.get_all_bars_including_historical("A", "1d")]
        if by == "bars":
            spy.append(start, 10.0, 12.0, 9.0, 11.0, 100.0)
            spy.append(start + MINUTE, 11.0, 13.0, 9.5, 12.0, 50.0)
        else:
            spy.append_tick(start + 1, 10.0, 100.0)
            spy.append_tick(start + MINUTE + 1, 12.0, 50.0)
        windows.append(data.get_all_bars_including_historical("A", "1d"))
        data.advance_to(stop)
        windows.append(data.get_all_bars_including_historical("A", "1d"))
        seen.append([[tuple(bar) for bar in window] for window in windows])
    assert seen[0] == seen[1] == seen[2]
    assert [len(window) for window in seen[0]] == [1, 2, 2]
    today = (10.0, 13.0, 9.0, 12.0, 150.0) if by == "bars" else (10.0, 12.0, 10.0, 12.0, 150.0)
    assert [window[-1][:6] for window in seen[0][1:]] == [(start, *today)] * 2
    assert [sd.Bar._make(window[-1]).forming for window in seen[0]] == [False, True, False]
    assert seen[0][0][0][5] == 100.0 * length


def test_a_day_of_extended_bars_only_is_no_daily_bar() -> None:
    data, spy = store()
    data.start_session(DATES[0])
    spy.append(opening(DATES[0]) - MINUTE, *BAR)
    assert len(data.get_all_bars_including_historical("A", "1d")) == 0


def test_all_bars_of_an_interval_that_the_session_does_not_grow_are_refused() -> None:
    """The past is loaded, today is not there: half of an answer would be none."""
    data, spy = store()
    spy.load_historical_bars("4m", *rows((DATES[0], 0)))
    assert len(data.get_all_bars_including_historical("A", "4m")) == 1
    data.start_session(DATES[1])
    with pytest.raises(sd.UnknownNameError, match="derived_intervals"):
        data.get_all_bars_including_historical("A", "4m")
    assert len(spy.historical_bars["4m"][DATES[0]]) == 1
    grown = sd.SessionData(CALENDAR, "1m", ("2m",))
    other = grown.register_symbol("A", derived_intervals=("2m", "4m"))
    other.load_historical_bars("4m", *rows((DATES[0], 0)))
    grown.start_session(DATES[1])
    other.append(opening(DATES[1]), *BAR)
    assert len(grown.get_all_bars_including_historical("A", "4m")) == 2
