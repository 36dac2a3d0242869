"""Consumers of closed bars: what happens between drains, and within one."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import sessiondata as sd

DATE, START, MINUTE = "2024-03-12", 1_710_201_600_000_000_000, 60_000_000_000


@pytest.fixture
def data() -> sd.SessionData:
    return new_store()


def new_store(**options: Any) -> sd.SessionData:
    made = sd.SessionData(None, "1m", ("5m",), **options)
    made.start_session(DATE)
    made.register_symbol("SPY")
    made.register_symbol("QQQ")
    return made


def feed_minutes(data: sd.SessionData, name: str, minutes: range) -> None:
    for i in minutes:
        data.append(name, START + i * MINUTE, 10.0, 12.0, 9.0, 11.0, 100.0)


def test_a_callback_that_removes_a_symbol_hears_no_more_of_it(data: sd.SessionData) -> None:
    seen: list[str] = []

    def callback(event: sd.ClosedBar) -> None:
        seen.append(event.symbol)
        if len(seen) == 1:
            data.remove_symbol("SPY")

    feed = data.closed_bars("5m", callback=callback)
    feed_minutes(data, "SPY", range(15))
    feed_minutes(data, "QQQ", range(15))
    feed.drain()
    assert seen == ["SPY", "QQQ", "QQQ", "QQQ"]


def test_a_callback_that_clears_the_store_hears_no_more(data: sd.SessionData) -> None:
    seen: list[sd.ClosedBar] = []

    def callback(event: sd.ClosedBar) -> None:
        seen.append(event)
        data.clear()

    feed = data.closed_bars("5m", callback=callback)
    feed_minutes(data, "SPY", range(15))
    feed.drain()
    assert len(seen) == 1


@pytest.mark.parametrize("takes", ["drain", "drain_arrays"])
def test_nobody_drains_while_events_are_made(data: sd.SessionData, takes: str) -> None:
    """What is made of events may run Python code, where another thread may have its turn."""
    feed = data.closed_bars("5m")
    feed_minutes(data, "SPY", range(15))
    refused: list[bool] = []

    def meanwhile(_: Any, event: str, __: Any) -> None:
        if event == "call" and not refused:
            refused.append(False)
            try:
                feed.drain_arrays()
            except sd.ReentrantCallError:
                refused[0] = True

    take = getattr(feed, takes)
    sys.setprofile(meanwhile)
    try:
        made = take()
    finally:
        sys.setprofile(None)
    assert refused == [True]
    assert len(made if takes == "drain" else made.ts_ns) == 3
    assert feed.drain() == ()


@pytest.mark.parametrize("copied", [False, True], ids=["here", "in a copy"])
def test_a_session_that_begins_anew_has_rows_of_its_own(copied: bool) -> None:
    """Without history a session of the same date begins empty, and its rows count from 0 again."""
    data = new_store(trailing_days=0)
    feed = data.closed_bars("1m", name="a")
    feed_minutes(data, "SPY", range(20))
    assert len(feed.drain()) == 20
    data.end_session()
    data.start_session(DATE)
    if copied:
        data = data.copy()
        feed = data.closed_bars("1m", name="a")
    drain_anyhow(feed)
    feed_minutes(data, "SPY", range(30, 35))
    assert [event.ts_ns for event in feed.drain()] == [START + i * MINUTE for i in range(30, 35)]


@pytest.mark.parametrize("date", [DATE, "2024-03-13"])
@pytest.mark.parametrize("drained", [False, True])
def test_a_session_that_ends_before_the_next_begins_is_not_lost(date: str, drained: bool) -> None:
    """The beginning takes nothing from a history that keeps no day."""
    data = new_store(trailing_days=0)
    feed = data.closed_bars("5m")
    feed_minutes(data, "SPY", range(8))
    if drained:
        assert len(feed.drain()) == 1
    data.end_session()
    data.start_session(date)
    assert [event.ts_ns for event in feed.drain()] == [START, START + 5 * MINUTE][drained:]
    assert feed.drain() == ()


def drain_anyhow(feed: sd.ClosedBarFeed) -> None:
    try:
        feed.drain()
    except sd.ClosedBarsLostError:
        feed.drain()


@pytest.mark.parametrize("drained", [False, True])
def test_rows_that_were_loaded_ahead_and_then_corrected_are_not_announced_again(drained: bool) -> None:
    data = new_store(trailing_days=3)
    feed = data.closed_bars("1m")
    later = START + 1440 * MINUTE
    data.load_historical_bars("SPY", "1m", [later], [1.0], [1.0], [1.0], [1.0], [7.0])
    data.roll_session("2024-03-13")
    data.append("SPY", later, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert [event.volume for event in feed.drain()] == [1.0]
    data.end_session()
    if drained:
        assert feed.drain() == ()
    data.start_session("2024-03-13")
    assert feed.drain() == ()


def test_a_callback_that_takes_itself_away_loses_no_event() -> None:
    data = new_store()
    heard = []

    def once(event: sd.ClosedBar) -> None:
        heard.append(event.ts_ns)
        feed.callback = None

    feed = data.closed_bars("1m", callback=once)
    feed_minutes(data, "SPY", range(4))
    assert [event.ts_ns for event in feed.drain()] == heard == [START + i * MINUTE for i in range(4)]
    feed_minutes(data, "SPY", [4])
    assert len(feed.drain()) == 1
    assert len(heard) == 4


def test_a_callback_is_callable_whenever_it_is_set() -> None:
    feed = new_store().closed_bars("1m")
    with pytest.raises(sd.ArgumentTypeError, match="callback is called with each event: 5"):
        feed.callback = 5  # type: ignore[assignment]
    assert feed.callback is None
