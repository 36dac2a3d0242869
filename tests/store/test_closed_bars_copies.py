"""Consumers of closed bars in copies of their store, and in files."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import sessiondata as sd
from histories import FRIDAY, MINUTE, TUESDAY, WEDNESDAY, new_store, opening
from test_closed_bars import BAR, feed_minutes, said


def pickle_round(data: sd.SessionData) -> sd.SessionData:
    made: sd.SessionData = pickle.loads(pickle.dumps(data))
    return made


@pytest.fixture
def data() -> sd.SessionData:
    store = new_store(("5m", "15m", "1d"))
    store.register_symbol("SPY")
    store.register_symbol("QQQ")
    return store


@pytest.mark.parametrize(
    "other", [sd.SessionData.copy, lambda data: sd.loads(data.dumps()), pickle_round, copy.deepcopy]
)
def test_another_store_has_consumers_of_its_own(data: sd.SessionData, other: Any) -> None:
    feed = data.closed_bars(("5m", "1d"), ["SPY"], name="alpha")
    data.closed_bars("5m")
    feed_minutes(data, "SPY", range(5))
    assert len(feed.drain()) == 1
    data.roll_session()
    feed.drain()
    feed_minutes(data, "SPY", [7])
    data.append("SPY", opening(TUESDAY), *BAR)
    made = other(data)
    twin = made.closed_bars(("5m", "1d"), ["SPY"], name="alpha")
    assert twin is not feed
    assert (twin.intervals, twin.symbols, twin.name) == (("5m", "1d"), frozenset(["SPY"]), "alpha")
    events = feed.drain()
    assert [event[1:4] for event in said(events)] == [("5m", "closed", 5), ("1d", "revised", 0)]
    assert twin.drain() == events
    for store in (data, made):
        store.append("SPY", opening(TUESDAY) + 5 * MINUTE, *BAR)
    assert twin.drain() == feed.drain() != ()
    made.append("SPY", opening(TUESDAY) + 3 * MINUTE, *BAR)
    assert len(twin.drain()) == 1
    assert feed.drain() == ()


def test_what_was_not_handed_out_is_in_a_file_and_what_history_has_lost() -> None:
    data = new_store(("5m",), trailing_days=0)
    data.register_symbol("SPY")
    feed = data.closed_bars("5m", name="alpha")
    feed_minutes(data, "SPY", range(7))
    data.roll_session()
    made = sd.loads(data.dumps())
    expected = [("SPY", "5m", "closed", 0, 500.0, 5), ("SPY", "5m", "closed", 5, 200.0, 2)]
    for store in (made, data.copy(), sd.loads(made.dumps())):
        assert said(store.closed_bars("5m", name="alpha").drain()) == expected
    assert said(feed.drain()) == expected
    data.roll_session()
    feed_minutes(data, "SPY", range(5))
    data.append("SPY", opening(WEDNESDAY), *BAR)
    data.roll_session()
    data.append("SPY", opening(FRIDAY), *BAR)
    data.roll_session("2024-03-18")
    made = sd.loads(data.dumps())
    for store in (made, data):
        twin = store.closed_bars("5m", name="alpha")
        with pytest.raises(sd.ClosedBarsLostError) as error:
            twin.drain()
        assert [(symbol, str(date)) for symbol, _, date in error.value.lost] == [("SPY", WEDNESDAY)]
        assert [event.volume for event in twin.drain()] == [100.0]


def test_a_store_without_consumers_writes_what_it_always_did(data: sd.SessionData) -> None:
    feed_minutes(data, "SPY", range(7))
    content = data.dumps()
    data.closed_bars("5m").drain()  # without a name
    assert data.dumps() == content
    assert b"closed_bars" not in content
