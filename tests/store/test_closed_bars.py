"""Consumers of closed bars, case by case; the law itself is tested in `test_closed_bars_law`."""

from __future__ import annotations

import copy
import gc
import pickle
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from histories import FRIDAY, MINUTE, MONDAY, TUESDAY, WEDNESDAY, columns, new_store, opening

BAR = (10.0, 12.0, 9.0, 11.0, 100.0)


def said(events: Any) -> list[tuple[Any, ...]]:
    return [(e.symbol, e.interval, e.kind, (e.ts_ns - opening(MONDAY)) // MINUTE, e.volume, e.n_base) for e in events]


def feed_minutes(data: sd.SessionData, name: str, minutes: Any, bar: tuple[float, ...] = BAR) -> None:
    for i in minutes:
        data.append(name, opening(MONDAY) + i * MINUTE, *bar)


@pytest.fixture
def data() -> sd.SessionData:
    store = new_store(("5m", "15m", "1d"))
    store.register_symbol("SPY")
    store.register_symbol("QQQ")
    return store


def test_a_bar_closes_with_its_last_base_bar(data: sd.SessionData) -> None:
    feed = data.closed_bars("5m")
    for i in range(4):
        feed_minutes(data, "SPY", [i])
        assert feed.drain() == ()
    feed_minutes(data, "SPY", [4])
    (event,) = feed.drain()
    assert (event.symbol, event.interval, event.kind, event.ts_ns) == ("SPY", "5m", "closed", opening(MONDAY))
    assert event.end_ns == opening(MONDAY) + 5 * MINUTE
    assert event.bar == data["SPY"].bars("5m")[0]
    assert event.bar.datetime == data["SPY"].bars("5m")[0].datetime
    assert (event.open, event.high, event.low, event.close, event.volume) == (10.0, 12.0, 9.0, 11.0, 500.0)
    assert feed.drain() == ()


def test_a_gap_in_the_bars_closes_what_lies_before_it(data: sd.SessionData) -> None:
    feed = data.closed_bars("5m")
    feed_minutes(data, "SPY", [0, 1, 7])
    assert said(feed.drain()) == [("SPY", "5m", "closed", 0, 200.0, 2)]


def test_parts_close_before_the_whole_and_symbols_in_their_order(data: sd.SessionData) -> None:
    feed = data.closed_bars(["15m", "5m"])
    feed_minutes(data, "QQQ", range(15))
    feed_minutes(data, "SPY", range(15))
    assert feed.intervals == ("5m", "15m")
    assert [(name, interval, start) for name, interval, _, start, *_ in said(feed.drain())] == [
        ("SPY", "5m", 0), ("QQQ", "5m", 0), ("SPY", "5m", 5), ("QQQ", "5m", 5), ("SPY", "5m", 10), ("QQQ", "5m", 10),
        ("SPY", "15m", 0), ("QQQ", "15m", 0),
    ]  # fmt: skip


def test_the_clock_closes_and_what_still_comes_revises(data: sd.SessionData) -> None:
    feed = data.closed_bars("5m")
    feed_minutes(data, "SPY", [0, 1])
    data.advance_to(opening(MONDAY) + 5 * MINUTE - 1)
    assert feed.drain() == ()
    data.advance_to(opening(MONDAY) + 5 * MINUTE)
    assert said(feed.drain()) == [("SPY", "5m", "closed", 0, 200.0, 2)]
    feed_minutes(data, "SPY", [2])  # in order, and of a slot that is over
    assert said(feed.drain()) == [("SPY", "5m", "revised", 0, 300.0, 3)]
    feed_minutes(data, "SPY", [3])
    assert said(feed.drain()) == [("SPY", "5m", "revised", 0, 400.0, 4)]
    feed_minutes(data, "SPY", [2])  # a repeat
    assert feed.drain() == ()


def test_allowed_lateness_keeps_the_clock_from_closing() -> None:
    data = new_store(("5m",), grace_ns=MINUTE)
    data.register_symbol("SPY")
    feed = data.closed_bars("5m")
    feed_minutes(data, "SPY", [0])
    data.advance_to(opening(MONDAY) + 6 * MINUTE - 1)
    assert feed.drain() == ()
    data.advance_to(opening(MONDAY) + 6 * MINUTE)
    assert len(feed.drain()) == 1


def test_a_halt_closes_nothing(data: sd.SessionData) -> None:
    feed = data.closed_bars("5m")
    feed_minutes(data, "SPY", [0, 1])
    data["SPY"].mark_halted(opening(MONDAY) + 2 * MINUTE, opening(MONDAY) + 30 * MINUTE)
    assert feed.drain() == ()


def test_late_bars_corrections_and_fills(data: sd.SessionData) -> None:
    feed = data.closed_bars(("1m", "5m"))
    feed_minutes(data, "SPY", [0, 4, 9])
    assert len(feed.drain()) == 5
    feed_minutes(data, "SPY", [2])
    assert said(feed.drain()) == [
        ("SPY", "1m", "closed", 2, 100.0, 1),  # a late closing
        ("SPY", "5m", "revised", 0, 300.0, 3),
    ]
    feed_minutes(data, "SPY", [2], (10.0, 12.0, 9.0, 11.0, 50.0))
    assert [event[2] for event in said(feed.drain())] == ["revised", "revised"]
    data.fill("SPY", *columns(MONDAY, [1]))
    assert [event[1:4] for event in said(feed.drain())] == [("1m", "closed", 1), ("5m", "revised", 0)]
    feed_minutes(data, "SPY", [2], (10.0, 12.0, 9.0, 11.0, 70.0))
    feed_minutes(data, "SPY", [2], (10.0, 12.0, 9.0, 11.0, 50.0))
    assert feed.drain() == ()  # a change that was undone is none


def test_a_correction_that_changes_no_longer_bar_revises_none(data: sd.SessionData) -> None:
    feed = data.closed_bars(("1m", "5m"))
    feed_minutes(data, "SPY", range(5))
    feed.drain()
    feed_minutes(data, "SPY", [2], (10.0, 12.0, 9.0, 10.5, 100.0))  # another close, which no 5m bar shows
    assert [event[1:3] for event in said(feed.drain())] == [("1m", "revised")]


@pytest.mark.parametrize("n", [3, 64, 65, 200])
def test_any_number_of_changes_is_told_exactly(n: int) -> None:
    data = new_store(("5m",))
    data.register_symbol("SPY")
    feed = data.closed_bars(("1m", "5m"))
    data.extend("SPY", *columns(MONDAY, range(390)))
    assert len(feed.drain()) == 390 + 78
    for i in range(n):
        feed_minutes(data, "SPY", [300 - i], (10.0, 12.0, 9.0, 11.0, 1.0))
    events = feed.drain()
    assert {event.kind for event in events} == {"revised"}
    assert [e.ts_ns for e in events if e.interval == "1m"] == [
        opening(MONDAY) + (301 - n + i) * MINUTE for i in range(n)
    ]


def test_a_roll_closes_and_yesterday_is_revised(data: sd.SessionData) -> None:
    feed = data.closed_bars(("5m", "1d"))
    feed_minutes(data, "SPY", [0, 1])
    data.roll_session()
    assert said(feed.drain()) == [("SPY", "5m", "closed", 0, 200.0, 2), ("SPY", "1d", "closed", 0, 200.0, 2)]
    data.append("SPY", opening(TUESDAY), *BAR)
    feed_minutes(data, "SPY", [3])
    assert [event[1:5] for event in said(feed.drain())] == [("5m", "revised", 0, 300.0), ("1d", "revised", 0, 300.0)]
    data.fill("SPY", *columns(MONDAY, [2]))
    assert [event[1:5] for event in said(feed.drain())] == [("5m", "revised", 0, 400.0), ("1d", "revised", 0, 400.0)]


def test_a_session_that_goes_on_revises_what_had_closed_with_it(data: sd.SessionData) -> None:
    feed = data.closed_bars("5m")
    feed_minutes(data, "SPY", [0, 1])
    data.end_session()
    assert said(feed.drain()) == [("SPY", "5m", "closed", 0, 200.0, 2)]
    data.start_session(MONDAY)
    assert feed.drain() == ()
    feed_minutes(data, "SPY", [2])
    assert feed.drain() == ()  # in progress
    feed_minutes(data, "SPY", [4])
    assert said(feed.drain()) == [("SPY", "5m", "revised", 0, 400.0, 4)]


def test_history_that_is_loaded_is_announced_and_days_ahead_are_not(data: sd.SessionData) -> None:
    feed = data.closed_bars("5m")
    data.roll_session(TUESDAY)
    data.load_historical_bars("SPY", "1m", *columns(MONDAY, range(10)))
    data.load_historical_bars("SPY", "1m", *columns(WEDNESDAY, range(10)))
    assert said(feed.drain()) == [("SPY", "5m", "closed", 0, 500.0, 5), ("SPY", "5m", "closed", 5, 500.0, 5)]
    data.load_historical_bars("SPY", "5m", *columns(MONDAY, [5], close=10.5))
    assert said(feed.drain()) == [("SPY", "5m", "revised", 5, 100.0, 0)]
    data.roll_session(WEDNESDAY)
    assert len(feed.drain()) == 2


def test_days_that_are_not_kept_are_still_announced() -> None:
    data = new_store(("5m",), trailing_days=0)
    data.register_symbol("SPY")
    feed, slow = data.closed_bars("5m"), data.closed_bars("5m")
    feed_minutes(data, "SPY", [0])
    data.roll_session()
    assert said(feed.drain()) == [("SPY", "5m", "closed", 0, 100.0, 1)]
    data.roll_session()
    assert feed.drain() == ()
    with pytest.raises(sd.ClosedBarsLostError, match="reset") as error:
        slow.drain()
    assert [(symbol, date.isoformat()) for symbol, _, date in error.value.lost] == [("SPY", MONDAY)]
    assert error.value.code == "ERR_LOST"
    assert slow.drain() == ()
    assert pickle.loads(pickle.dumps(error.value)).lost == error.value.lost


def test_rows_that_are_overwritten_are_told() -> None:
    data = new_store(("5m",), capacity=4)
    data.register_symbol("SPY")
    feed = data.closed_bars(("1m", "5m"))
    feed_minutes(data, "SPY", range(4))
    assert len(feed.drain()) == 4
    feed_minutes(data, "SPY", range(4, 8))
    assert len(feed.drain()) == 5
    feed_minutes(data, "SPY", range(8, 13))  # one of these is overwritten
    with pytest.raises(sd.ClosedBarsLostError) as error:
        feed.drain()
    assert [(symbol, interval) for symbol, interval, _ in error.value.lost] == [("SPY", "1m")]
    assert [event[1:4] for event in said(feed.drain())] == [
        ("1m", "closed", 9), ("5m", "closed", 5), ("1m", "closed", 10), ("1m", "closed", 11), ("1m", "closed", 12),
    ]  # fmt: skip
    feed.reset()
    assert [event[1:4] for event in said(feed.drain())] == [
        ("5m", "closed", 0), ("1m", "closed", 9), ("5m", "closed", 5), ("1m", "closed", 10), ("1m", "closed", 11),
        ("1m", "closed", 12),
    ]  # fmt: skip


def test_trades_close_and_revise_base_bars() -> None:
    data = new_store(("5m",))
    spy = data.register_symbol("SPY")
    feed = data.closed_bars(("1m", "5m"))
    start = opening(MONDAY)
    spy.append_tick(start + 1, 10.0, 1.0)
    spy.append_tick(start + 2, 11.0, 1.0)
    assert feed.drain() == ()
    data.advance_to(start + MINUTE)
    assert said(feed.drain()) == [("SPY", "1m", "closed", 0, 2.0, 1)]
    for size in (1.0, 2.0, 3.0):  # in order, and of a bar that is announced
        spy.append_tick(start + 3, 11.0, size)
        assert [event[2] for event in said(feed.drain())] == ["revised"]
    spy.append_tick(start + MINUTE, 11.0, 1.0)
    assert feed.drain() == ()
    spy.append_tick(start + 5 * MINUTE, 11.0, 1.0)
    assert said(feed.drain()) == [("SPY", "1m", "closed", 1, 1.0, 1), ("SPY", "5m", "closed", 0, 9.0, 2)]
    spy.append_tick(start + 4, 12.0, 1.0)  # late
    assert [event[1:3] for event in said(feed.drain())] == [("1m", "revised"), ("5m", "revised")]


def test_a_fill_behind_trades_closes() -> None:
    data = new_store(("5m",))
    spy = data.register_symbol("SPY")
    feed = data.closed_bars(("1m", "5m"))
    spy.append_tick(opening(MONDAY) + 1, 10.0, 1.0)
    data.advance_to(opening(MONDAY) + 6 * MINUTE)
    assert len(feed.drain()) == 2
    spy.fill(*columns(MONDAY, [4, 5]))
    assert [event[1:4] for event in said(feed.drain())] == [
        ("1m", "closed", 4),
        ("5m", "revised", 0),
        ("1m", "closed", 5),
    ]


def test_backlog(data: sd.SessionData) -> None:
    feed_minutes(data, "SPY", range(10))
    assert len(data.closed_bars("5m").drain()) == 2
    feed = data.closed_bars("5m", backlog=False)
    assert feed.drain() == ()
    feed_minutes(data, "SPY", [2], (10.0, 12.0, 9.0, 11.0, 50.0))
    assert [event[2] for event in said(feed.drain())] == ["revised"]


def test_symbols_that_are_followed(data: sd.SessionData) -> None:
    every, one = data.closed_bars("5m"), data.closed_bars("5m", ["QQQ"])
    data.register_symbol("NEW")
    for name in ("NEW", "SPY", "QQQ"):
        feed_minutes(data, name, range(5))
    assert [event.symbol for event in every.drain()] == ["SPY", "QQQ", "NEW"]
    assert [event.symbol for event in one.drain()] == ["QQQ"]
    assert one.symbols == frozenset(["QQQ"])


def test_symbols_that_hold_other_intervals(data: sd.SessionData) -> None:
    data.register_symbol("OTHER", "5m", ("1h",))
    feed = data.closed_bars(("5m", "1h"))
    for i in range(13):
        data.append("OTHER", opening(MONDAY) + i * 5 * MINUTE, *BAR)
    assert len(feed.drain()) == 14


def test_a_symbol_that_is_removed_is_announced_no_more(data: sd.SessionData) -> None:
    feed = data.closed_bars("5m")
    feed_minutes(data, "SPY", range(5))
    feed_minutes(data, "QQQ", range(5))
    data.remove_symbol("SPY")
    assert [event.symbol for event in feed.drain()] == ["QQQ"]
    data.register_symbol("SPY")  # another one
    feed_minutes(data, "SPY", range(5))
    feed_minutes(data, "QQQ", range(5, 10))
    assert said(feed.drain()) == [("SPY", "5m", "closed", 0, 500.0, 5), ("QQQ", "5m", "closed", 5, 500.0, 5)]
    data.clear()
    assert feed.drain() == ()
    data.register_symbol("IWM")
    feed_minutes(data, "IWM", range(5))
    assert len(feed.drain()) == 1


def test_arrays_are_the_same(data: sd.SessionData) -> None:
    feed, other = data.closed_bars(("5m", "15m")), data.closed_bars(("5m", "15m"))
    assert [len(column) for column in feed.drain_arrays()[2:]] == [0] * 13
    for name, minutes in (("SPY", range(17)), ("QQQ", range(0, 300, 3)), ("SPY", [3])):
        feed_minutes(data, name, minutes)
        arrays, events = feed.drain_arrays(), other.drain()
        assert arrays.intervals == ("5m", "15m")
        assert arrays.symbols == ("SPY", "QQQ")
        assert [arrays.symbols[i] for i in arrays.symbol] == [event.symbol for event in events]
        assert [arrays.intervals[i] for i in arrays.interval] == [event.interval for event in events]
        assert arrays.revised.tolist() == [event.kind == "revised" for event in events]
        for name, column in zip(arrays._fields[5:], arrays[5:], strict=True):
            held = "ts_ns" if name == "ts_ns" else name
            assert column.tolist() == [
                event.bar.extended if held == "extended" else getattr(event, held) for event in events
            ]


def test_many_events_come_in_order() -> None:
    data = new_store(("5m", "1h"), trailing_days=10)
    names = [f"S{i}" for i in range(40)]
    for name in names:
        data.register_symbol(name)
    feed = data.closed_bars(("5m", "1h"))
    for date in (MONDAY, TUESDAY, WEDNESDAY, FRIDAY):
        for name in names[::-1]:
            data.extend(name, *columns(date, range(390)))
        if date != FRIDAY:
            data.roll_session()
    arrays = feed.drain_arrays()
    assert len(arrays.ts_ns) == 4 * 40 * (78 + 7)
    keys = np.stack([arrays.end_ns, arrays.interval, arrays.symbol])
    order = np.lexsort(keys[::-1])
    assert order.tolist() == list(range(len(order)))


def test_a_callback_runs_in_drain_only(data: sd.SessionData) -> None:
    seen: list[Any] = []
    feed = data.closed_bars("5m", callback=seen.append)
    feed_minutes(data, "SPY", range(10))
    assert seen == []
    events = feed.drain()
    assert seen == list(events)
    assert len(seen) == 2


def test_a_callback_that_raises_loses_nothing(data: sd.SessionData) -> None:
    seen: list[int] = []

    def refuse_the_second(event: sd.ClosedBar) -> None:
        seen.append(event.ts_ns)
        if len(seen) == 2:
            raise ZeroDivisionError

    feed = data.closed_bars("5m", callback=refuse_the_second)
    feed_minutes(data, "SPY", range(20))
    with pytest.raises(ZeroDivisionError):
        feed.drain()
    assert len(feed.drain()) == 2
    assert seen == [opening(MONDAY) + i * 5 * MINUTE for i in range(4)]


def test_a_callback_may_write_and_ask_but_not_drain(data: sd.SessionData) -> None:
    def callback(event: sd.ClosedBar) -> None:
        assert data[event.symbol].bars("5m").close[0] == 11.0
        with pytest.raises(sd.ReentrantCallError):
            feed.drain()
        with pytest.raises(sd.ReentrantCallError):
            feed.drain_arrays()
        with pytest.raises(sd.ReentrantCallError):
            feed.reset()
        feed_minutes(data, "QQQ", range(5))
        data.remove_symbol("SPY")
        data.register_symbol("NEW")
        assert len(other.drain()) == 1

    feed, other = data.closed_bars("5m", callback=callback), data.closed_bars("5m", ["QQQ"])
    feed_minutes(data, "SPY", range(5))
    assert len(feed.drain()) == 1
    feed.callback = None
    assert [event.symbol for event in feed.drain()] == ["QQQ"]


def test_named_consumers(data: sd.SessionData) -> None:
    feed = data.closed_bars("5m", name="alpha")
    assert data.closed_bars(["5m"], name="alpha") is feed
    assert data.closed_bars("5m") is not data.closed_bars("5m")
    with pytest.raises(sd.ArgumentError, match="close"):
        data.closed_bars("15m", name="alpha")
    feed.close()
    feed.close()
    assert feed.is_closed
    for call in (feed.drain, feed.drain_arrays, feed.reset, feed.forget):
        with pytest.raises(sd.SessionStateError, match="was closed"):
            call()
    feed_minutes(data, "SPY", range(5))
    other = data.closed_bars("15m", name="alpha")
    assert other is not feed
    with data.closed_bars("5m") as third:
        assert len(third.drain()) == 1
    assert third.is_closed
    assert repr(other) == "<ClosedBarFeed 'alpha': 15m>"


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (("2m",), {}, sd.UnknownNameError),
        (("rubbish",), {}, sd.IntervalError),
        (((),), {}, sd.ArgumentError),
        ((5,), {}, sd.ArgumentTypeError),
        (([5],), {}, sd.IntervalError),
        (("5m", ["NONE"]), {}, sd.UnknownNameError),
        (("5m", "SPY"), {}, sd.ArgumentTypeError),
        (("5m", [["SPY"]]), {}, sd.ArgumentTypeError),
        (("5m",), {"name": ""}, sd.UnknownNameError),
        (("5m",), {"name": 5}, sd.UnknownNameError),
        (("5m",), {"backlog": 1}, sd.ArgumentTypeError),
        (("5m",), {"callback": 5}, sd.ArgumentTypeError),
    ],
)
def test_bad_arguments(data: sd.SessionData, arguments: Any, options: Any, error: Any) -> None:
    with pytest.raises(error):
        data.closed_bars(*arguments, **options)


def test_a_store_that_is_not_active_makes_none_and_one_that_is_there_goes_on(data: sd.SessionData) -> None:
    feed = data.closed_bars("5m")
    data.deactivate()
    feed_minutes(data, "SPY", range(5))
    with pytest.raises(sd.InactiveError):
        data.closed_bars("5m")
    assert len(feed.drain()) == 1


def test_events_are_values(data: sd.SessionData) -> None:
    feed_minutes(data, "SPY", range(10))
    first, second = data.closed_bars("5m").drain()
    again, _ = data.closed_bars("5m").drain()
    assert first == again
    assert hash(first) == hash(again)
    assert first != second
    assert first != 5
    for other in (copy.copy(first), copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        assert other == first
        assert (other.close, other.end_ns, other.bar.zone) == (first.close, first.end_ns, first.bar.zone)
    with pytest.raises(TypeError):
        sd.ClosedBar()
    with pytest.raises(TypeError, match="copy"):
        copy.copy(data.closed_bars("5m"))
    assert repr(first).startswith("<ClosedBar SPY 5m closed Bar(")


def test_a_consumer_that_nobody_holds_goes(data: sd.SessionData) -> None:
    feed = data.closed_bars("5m")
    held = weakref.ref(feed)
    del feed
    gc.collect()
    assert held() is None
    feed_minutes(data, "SPY", range(5))
    assert len(data.closed_bars("5m").drain()) == 1


def test_a_store_goes_with_its_consumers() -> None:
    data = new_store(("5m",))
    data.register_symbol("SPY")
    feed = data.closed_bars("5m", name="alpha")
    feed_minutes(data, "SPY", range(5))
    held = weakref.ref(data)
    del data
    assert len(feed.drain()) == 1  # it keeps what it asks
    del feed
    gc.collect()
    assert held() is None


def test_a_drain_without_news_allocates_nothing(data: sd.SessionData) -> None:
    feed = data.closed_bars("5m")
    feed_minutes(data, "SPY", range(7))
    feed.drain()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            feed.drain()
        assert tracemalloc.get_traced_memory()[0] - before < 1000
    finally:
        tracemalloc.stop()
