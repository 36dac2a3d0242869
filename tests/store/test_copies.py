"""Law 12: a copy is a store of its own. Whatever is done to one does not show in the other, and
what cannot be copied says so, with a way out."""

from __future__ import annotations

import copy
import datetime as dt
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

import sessiondata as sd
from copied import COPIERS, count_bars
from sessiondata.rows.bars import content_of
from sessiondata.store.context import StoreContext
from sessiondata.store.lifecycle import Sessions
from sessiondata.store.registry import Registry
from sessiondata.store.settings import StoreSettings
from sessiondata.store.state import SymbolState
from sessiondata.store.store import StoreParts
from sessiondata.store.symbol import state_of
from stored import CALENDAR, DATES, STORES, deltas_of, go_on, opening, rich_store, same_stores
from test_history_laws import HistoryLife, ResumedStoreLife, ResumedTapeLife
from worlds import MINUTE, exact

#: All ways to another store. Pickles of functions are by reference, so those of a module can be
#: carried.
WAYS: dict[str, Callable[[sd.SessionData], sd.SessionData]] = {
    "copy()": lambda data: data.copy(),
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda data: pickle.loads(pickle.dumps(data)),
    "dumps": lambda data: sd.loads(data.dumps()),
}


# --- any history of calls -------------------------------------------------------------------------


class Parting:
    """A life in which worlds part now and then: the store is copied, each goes on beside its own
    model, and one at a time is acted on. A world that was put aside is found as it was left."""

    world: Any

    def aside(self) -> list[Any]:
        if not hasattr(self, "others"):
            self.others: list[Any] = []
        return self.others

    def next_of(self) -> Any:
        return getattr(self, "next_ts", None), list(getattr(self, "taken", ()))

    @rule(way=st.sampled_from(sorted(WAYS)), stay=st.booleans())
    def part(self, way: str, stay: bool) -> None:
        twin = copy.copy(self.world)
        shared = {id(session): session for session in (*getattr(self.world, "sessions", ()), self.world.session)}
        twin.model = copy.deepcopy(self.world.model, shared)
        twin.names = list(self.world.names)
        if hasattr(twin, "loaded"):
            twin.loaded = set(self.world.loaded)
        twin.data = WAYS[way](self.world.data)
        same_stores(self.world.data, twin.data)
        pair = [twin, self.world] if stay else [self.world, twin]
        self.aside().append((pair[0], self.next_of()))
        self.world = pair[1]
        del self.aside()[:-3]
        self.check_all()

    @rule(i=st.integers(0, 2))
    def change_over(self, i: int) -> None:
        """Act on another one from now on."""
        if self.aside():
            other, (next_ts, taken) = self.aside().pop(i % len(self.aside()))
            self.aside().append((self.world, self.next_of()))
            self.world, self.next_ts, self.taken = other, next_ts, taken
            self.check_all()

    def check_all(self) -> None:
        self.world.same()
        for world, _ in self.aside():
            world.same()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.check_all()


class PartingStoreLife(Parting, ResumedStoreLife): ...


class PartingTapeLife(Parting, ResumedTapeLife): ...


class PartingHistoryLife(Parting, HistoryLife): ...


DEEP = os.environ.get("SESSIONDATA_HYPOTHESIS") == "thorough"
for _life, _few, _many in ((PartingStoreLife, 10, 400), (PartingTapeLife, 12, 600), (PartingHistoryLife, 6, 200)):
    _life.TestCase.settings = settings(max_examples=_many if DEEP else _few, stateful_step_count=25)
TestPartingStoreLife = pytest.mark.slow(PartingStoreLife.TestCase)
TestPartingTapeLife = pytest.mark.slow(PartingTapeLife.TestCase)
TestPartingHistoryLife = pytest.mark.slow(PartingHistoryLife.TestCase)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", STORES)
def test_a_copy_answers_alike_and_goes_on_alone(name: str, way: str) -> None:
    """The same, deltas of every consumer included; then each is acted on alone, and the other is
    what it was."""
    data = STORES[name]()
    before = data.dumps()
    made, witness = WAYS[way](data), WAYS[way](data)
    same_stores(data, made)
    assert made.dumps() == before
    go_on(made, random.Random(1))
    assert made.dumps() != before
    assert data.dumps() == before
    after = made.dumps()
    go_on(data, random.Random(2))
    assert data.dumps() not in (before, after)
    assert made.dumps() == after
    go_on(witness, random.Random(2))  # as the original has gone on
    same_stores(data, witness)
    for store in (data, witness):
        store.activate()
    assert deltas_of(data) == deltas_of(witness)


def test_rolling_a_copy_leaves_the_original_alone() -> None:
    """`copy.copy` made a second owner of the same native state: rolling it moved the original to
    another day."""
    data = sd.SessionData(CALENDAR, "1m", ("5m",))
    start = opening(CALENDAR, "2024-03-12")
    spy = data.register_symbol("SPY")
    spy.append(start, 1.0, 2.0, 0.5, 1.5, 3.0)
    made = copy.copy(data)
    made.roll_session("2024-03-13")
    made.append("SPY", opening(CALENDAR, "2024-03-13"), 7.0, 7.0, 7.0, 7.0, 7.0)
    made.register_symbol("NEW")
    assert (data.session_date, made.session_date) == (dt.date(2024, 3, 12), dt.date(2024, 3, 13))
    assert list(data.symbols) == ["SPY"]
    assert [tuple(bar)[:6] for bar in spy.bars()] == [(start, 1.0, 2.0, 0.5, 1.5, 3.0)]
    assert spy.historical_bars["1m"].dates == []
    assert made.symbols["SPY"].historical_bars["1m"].dates == [dt.date(2024, 3, 12)]
    assert data.roll_session("2024-03-13") is not None
    assert spy.historical_bars["1m"].dates == [dt.date(2024, 3, 12)]


def test_days_are_shared_and_a_late_bar_of_one_goes_to_one() -> None:
    data = sd.SessionData(CALENDAR, "1m", ("5m",))
    start = opening(CALENDAR, "2024-03-12")
    data.register_symbol("SPY").append(start, 1.0, 2.0, 0.5, 1.5, 3.0)
    data.roll_session("2024-03-13")
    made = data.copy()
    day = dt.date(2024, 3, 12)
    cores = [state_of(store.symbols["SPY"]).history.days.cores[day] for store in (data, made)]
    assert cores[0] is cores[1]
    made.append("SPY", start + MINUTE, 2.0, 2.0, 2.0, 2.0, 2.0)
    assert [len(store.symbols["SPY"].historical_bars["1m"][day]) for store in (data, made)] == [1, 2]
    made.remove_symbol("SPY")
    made.clear()
    assert len(data.symbols["SPY"].historical_bars["1m"][day]) == 1


def test_a_copy_shows_nothing_of_what_is_set_in_place() -> None:
    """Lists of pinned gaps and values of indicators are copied, too, and handles are of one symbol
    each."""
    data = rich_store()
    value = state_of(data.symbols["ABC"]).values["set"]
    made = data.copy()
    value.append("more")
    state_of(data.symbols["ABC"]).pins.gaps[0].clear()
    assert made.get_historical_indicator("ABC", "set") == [1, -0.0, None, {"a": float("inf")}, "x"]
    assert len(made.get_gaps("ABC")) == 2
    assert made.symbols["ABC"].handle != data.symbols["ABC"].handle
    made.drop_cursor("today")
    assert "today" in data.cursors


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_knows_the_sessions_that_are_missing_between_its_days(way: str) -> None:
    data = sd.SessionData(CALENDAR, "1m", (), 5)
    data.start_session("2024-03-12")
    data.register_symbol("SPY")
    for day in ("2024-03-07", "2024-03-11"):
        data.load_historical_bars("SPY", "1m", [opening(CALENDAR, day)], *[[1.0]] * 5)
    made = WAYS[way](data)
    assert made.append("SPY", opening(CALENDAR, "2024-03-08"), 1.0, 1.0, 1.0, 1.0, 1.0)
    assert made.symbols["SPY"].historical_bars["1m"].dates == [dt.date(2024, 3, day) for day in (7, 8, 11)]
    assert data.symbols["SPY"].historical_bars["1m"].dates == [dt.date(2024, 3, day) for day in (7, 11)]


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_shows_the_values_of_a_symbol_without_days(way: str) -> None:
    data = sd.SessionData(CALENDAR, "1m", ())
    data.register_symbol("SPY")
    data.set_historical_indicator("SPY", "set", 7.5)
    assert b'"set":7.5' in data.to_json()
    assert WAYS[way](data).to_json() == data.to_json()


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_a_store_that_answers_nobody_answers_nobody(way: str) -> None:
    data = sd.SessionData(CALENDAR, "1m", ())
    data.deactivate()
    made = WAYS[way](data)
    with pytest.raises(sd.InactiveError):
        made.to_json()
    made.activate()
    made.to_json()
    assert not data.is_active


def test_what_a_store_holds_of_itself_its_deep_copy_holds_of_the_copy() -> None:
    data: Any = sd.SessionData(CALENDAR, "1m", ())
    data.holder = {"store": data}
    made = copy.deepcopy(data)
    assert made is not data
    assert made.holder["store"] is made


# --- indicators, subclasses, added attributes -----------------------------------------------------


def with_indicator(function: Any) -> sd.SessionData:
    data = sd.SessionData(CALENDAR, "1m", ())
    data.register_symbol("SPY").append(opening(CALENDAR, DATES[1]), 1.0, 2.0, 0.5, 1.5, 3.0)
    data.add_historical_indicator("n", function)
    return data


@pytest.mark.parametrize("way", ["copy()", "copy.copy", "copy.deepcopy", "pickle"])
def test_a_copy_has_the_functions_of_indicators_and_asks_them_about_itself(way: str) -> None:
    data = with_indicator(count_bars)
    assert data.get_historical_indicator("SPY", "n") == 1
    made = WAYS[way](data)
    made.append("SPY", opening(CALENDAR, DATES[1]) + MINUTE, 1.0, 2.0, 0.5, 1.5, 3.0)
    made.roll_session()  # values are kept until history changes
    assert made.get_historical_indicator("SPY", "n") == 0
    assert data.get_historical_indicator("SPY", "n") == 1


def test_a_function_that_pickle_cannot_find_is_an_error_and_copies_keep_it() -> None:
    data = with_indicator(lambda symbol: symbol.session_volume)
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(data)
    assert data.copy().get_historical_indicator("SPY", "n") == 3.0
    loaded = sd.loads(data.dumps())  # bytes know the name
    with pytest.raises(sd.SessionStateError, match="add_historical_indicator"):
        loaded.get_historical_indicator("SPY", "n")
    again = pickle.loads(pickle.dumps(loaded))  # what is forgotten stays so
    with pytest.raises(sd.SessionStateError, match="add_historical_indicator"):
        again.get_historical_indicator("SPY", "n")


class Desk(sd.SessionData):
    """A subclass with a constructor of its own, attributes and a slot."""

    __slots__ = ("book",)

    def __init__(self, trader: str) -> None:
        super().__init__(CALENDAR, "1m", ("5m",))
        self.trader, self.notes, self.book = trader, ["a"], {"x": 1}


@pytest.mark.parametrize("way", ["copy()", "copy.copy", "copy.deepcopy", "pickle"])
def test_a_subclass_is_carried_over_with_what_was_added(way: str) -> None:
    desk = Desk("ann")
    desk.register_symbol("SPY")
    made = WAYS[way](desk)
    assert type(made) is Desk
    same_stores(desk, made)
    assert (made.trader, made.notes, made.book) == ("ann", ["a"], {"x": 1})
    assert (made.notes is desk.notes) == (way in ("copy()", "copy.copy"))
    made.register_symbol("NEW")
    assert list(desk.symbols) == ["SPY"]


def test_what_holds_a_store_twice_holds_its_copy_twice() -> None:
    data = rich_store()
    held = {"one": data, "other": [data]}
    for made in (copy.deepcopy(held), pickle.loads(pickle.dumps(held))):
        assert made["one"] is made["other"][0]
        assert made["one"] is not data


def test_all_of_a_store_is_copied() -> None:
    """A new attribute of `SessionData` is a question: what does a copy do with it? Answer it in
    `snapshot.copies`."""
    known: dict[type, set[str]] = {
        Registry: {"_context", "cores", "feeds", "foreign", "panel", "pinned", "slice", "states", "symbols"},
        Sessions: {"_registry", "_settings", "context", "trailing_days"},
        StoreContext: {
            "calendar", "clock", "extended_hours", "indicators", "is_active", "pinned", "start_for_rows",
        },
        SymbolState: {
            "_answers", "_pins", "_quote_buffer", "_quotes", "_series", "_ticks", "_trade_buffer", "_values",
            "calendar", "context", "core", "history", "pins",
        },
        sd.SymbolSessionData: {
            "__weakref__", "_append_quote", "_append_tick", "_bars", "_by_interval", "_context", "_core", "_state",
            "_store", "_windows",
            "append",
        },
    }  # fmt: skip
    assert {kind: set(kind.__slots__) for kind in known} == known
    data = sd.SessionData()
    assert set(vars(data)) == {"_clock", "_context", "_parts", "_registry", "_symbols"}
    assert StoreParts._fields == ("context", "registry", "sessions", "settings", "cursors")
    assert StoreSettings._fields == (
        "base", "derived", "capacity", "close_label", "tick_capacity", "quote_capacity", "strict",
    )  # fmt: skip


# --- windows --------------------------------------------------------------------------------------


def windows() -> dict[str, sd.BarWindow]:
    data = rich_store()
    spy = data.symbols["ABC"]
    dates = spy.historical_bars["1m"].dates
    return {
        "a copy": spy.bars("5m").copy(),
        "of the base": spy.bars().copy(),
        "a part of a copy": spy.bars("5m").copy()[3:7],
        "strided": spy.bars("5m")[::-2],
        "a frozen day": spy.historical_bars["15m"][dates[-1]],
        "given rows": spy.historical_bars["3m"][spy.historical_bars["3m"].dates[0]],
        "all days": data.get_all_bars_including_historical("ABC", "5m"),
        "empty": data.symbols["new"].bars("5m").copy()[:0],
        "session": spy.bars("1d").copy(),
    }


@pytest.mark.parametrize("name", windows())
def test_frozen_windows_go_elsewhere_with_their_rows_alone(name: str) -> None:
    window = windows()[name]
    for made in (pickle.loads(pickle.dumps(window, n)) for n in range(pickle.HIGHEST_PROTOCOL + 1)):
        assert exact([tuple(bar) for bar in made]) == exact([tuple(bar) for bar in window])
        assert (made.symbol, made.interval, repr(made)) == (window.symbol, window.interval, repr(window))
        assert made.is_immutable
        assert made.is_valid()
        for one, other in zip(content_of(made).columns, content_of(window).columns, strict=True):
            assert one.tobytes() == other.tobytes()
            assert not one.flags.writeable
            with pytest.raises(ValueError, match="WRITEABLE"):
                one.flags.writeable = True
        assert made.to_pandas().equals(window.to_pandas())
        assert copy.copy(made) is made
        assert exact([tuple(bar) for bar in pickle.loads(pickle.dumps(made[1:4]))]) == exact(
            [tuple(bar) for bar in window[1:4]]
        )
    assert copy.deepcopy(window) is window
    assert len(pickle.dumps(window)) < 4000 + 60 * len(window)


def test_live_windows_refuse() -> None:
    data = rich_store()
    for window in (data.symbols["ABC"].bars("5m")[-3:], data.symbols["T"].ticks.last(2), data.symbols["ABC"].quotes[:]):
        for way in COPIERS.values():
            with pytest.raises(TypeError, match=r"Window objects cannot be copied or pickled.*window\.copy\(\)"):
                way(window)
        made = pickle.loads(pickle.dumps(window.copy()))
        assert list(made) == list(window)


def test_arrays_that_are_pickled_are_of_their_own() -> None:
    data = rich_store()
    close = data.symbols["ABC"].bars().close
    for made in (copy.copy(close), copy.deepcopy(close), pickle.loads(pickle.dumps(close, 5))):
        assert np.array_equal(made, close)
        assert not np.shares_memory(made, close)
        if made.flags.writeable:
            made[:] = -1.0
            assert not (close == -1.0).any()


def test_records_can_be_replaced_without_a_store() -> None:
    bar = rich_store().symbols["ABC"].bars()[-1]
    assert pickle.loads(pickle.dumps(bar._replace(close=7.0))).close == 7.0


# --- other processes ------------------------------------------------------------------------------


def answer(data: sd.SessionData, calendar: sd.SessionCalendar, window: sd.BarWindow, pipe: Any) -> None:
    """In a worker: what it was sent, and what becomes of it there."""
    before = data.dumps()
    ts = opening(CALENDAR, DATES[2]) + 200 * MINUTE
    data.append("ABC", ts, 1.0, 2.0, 0.5, 1.5, 3.0)
    data.roll_session()
    pipe.send((before, data.symbols["ABC"].historical_bars["1m"][dt.date(2024, 3, 13)][-1], data))
    pipe.send((calendar.session(DATES[0]), calendar == CALENDAR, list(window)))


@pytest.mark.slow
@pytest.mark.parametrize("method", [m for m in multiprocessing.get_all_start_methods() if m != "fork"])
def test_a_worker_gets_a_store_and_a_calendar(method: str) -> None:
    """And sends the store back. The parent's stays what it is."""
    context = multiprocessing.get_context(method)
    data = rich_store()
    before = data.dumps()
    window = data.symbols["ABC"].bars("5m").copy()
    ours, theirs = context.Pipe()
    worker = context.Process(target=answer, args=(data, CALENDAR, window, theirs))
    worker.start()
    assert ours.poll(120)
    there, bar, back = ours.recv()
    grid, same, bars = ours.recv()
    worker.join(60)
    assert worker.exitcode == 0
    assert there == before == data.dumps()
    assert tuple(bar)[1:6] == (1.0, 2.0, 0.5, 1.5, 3.0)
    assert back.session_date == dt.date(2024, 3, 14)  # by calendars of other symbols
    assert grid == CALENDAR.session(DATES[0])
    assert same
    assert bars == list(window)


FORK = """
import os
from stored import rich_store, go_on
import random
data = rich_store()
before = data.dumps()
child = os.fork()
if child == 0:
    assert data.dumps() == before
    go_on(data, random.Random(3))
    made = data.copy()
    made.clear()
    os._exit(0 if data.dumps() != before and len(data.symbols) else 1)
go_on(data, random.Random(4))
after = data.dumps()
_, status = os.waitpid(child, 0)
assert status == 0 and data.dumps() == after
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_is_a_store_of_its_own() -> None:
    # where pytest finds the tests
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", FORK], env=environment, check=True, timeout=120)
