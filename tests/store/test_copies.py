"""Law 12: a copy is a store of its own. Whatever is done to one does not show in the other, and
what cannot be copied says so, with a way out."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import functools
import importlib
import inspect
import io
import multiprocessing
import os
import pickle
import pkgutil
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

import sessiondata as sd
from sessiondata.rows.bars import content_of
from sessiondata.rows.ticks import buffer_of
from sessiondata.snapshot.capture import StoreCopy
from sessiondata.snapshot.container import Container
from sessiondata.store.context import StoreContext
from sessiondata.store.lifecycle import Sessions
from sessiondata.store.registry import Registry
from sessiondata.store.settings import StoreSettings
from sessiondata.store.state import SymbolState
from sessiondata.store.store import StoreParts, parts_of
from sessiondata.store.symbol import state_of
from shims import arrays_of
from test_history import HistoryLife, ResumedStoreLife, ResumedTapeLife
from test_snapshot import (
    CALENDAR,
    DATES,
    STORES,
    deltas_of,
    go_on,
    opening,
    rich_store,
    same_stores,
)
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


# --- indicators, subclasses, added attributes -----------------------------------------------------


def count_bars(symbol: sd.SymbolSessionData) -> int:
    return len(symbol.bars())


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
        Registry: {"_context", "cores", "foreign", "pinned", "slice", "states", "symbols"},
        Sessions: {"_registry", "_settings", "context", "trailing_days"},
        StoreContext: {
            "calendar", "clock", "extended_hours", "indicators", "is_active", "pinned", "start_for_rows",
        },
        SymbolState: {
            "_answers", "_pins", "_quotes", "_series", "_ticks", "_values", "calendar", "context", "core", "history",
            "pins",
        },
        sd.SymbolSessionData: {
            "__weakref__", "_append_quote", "_append_tick", "_bars", "_context", "_core", "_state", "_store",
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


# --- every class ----------------------------------------------------------------------------------


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(sd.__path__, "sessiondata."):
        if not found.ispkg and not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)
    yield importlib.import_module("sessiondata.jit")


def classes() -> dict[str, type]:
    """Public classes of Python, and all native ones, but sources of hours, which are copied by
    recipe (`test_calendar_copies`), and what readers of files are made of: these hold no store."""
    found = {}
    for module in modules():
        if module.__name__.rpartition(".")[2] in ("hours", "naming", "prices", "faults", "times"):
            continue
        for name, kind in inspect.getmembers(module, inspect.isclass):
            is_native = not kind.__flags__ & 1 << 9  # of a type that was made by a class statement
            if kind.__module__ == module.__name__ and (is_native or not name.startswith("_")):
                assert name not in found, name
                found[name] = kind
    return found


@functools.cache
def things() -> dict[str, Any]:
    """An instance of each class that has any."""
    from sessiondata._native.base import status as _status
    from sessiondata._native.objects import lazy as _lazy
    from sessiondata._native.objects import rows as _rows
    from sessiondata._native.objects import slice as _slice
    from sessiondata._native.objects import view as _view
    from sessiondata._native.out import arrow as _arrow
    from sessiondata._native.out import capture as _capture
    from sessiondata._native.out import cursor as _cursor
    from sessiondata._native.out import style as _style
    from sessiondata._native.out import writer as _writer
    from sessiondata._native.slots import grid as _grid
    from sessiondata._native.symbol import evidence as _evidence
    from sessiondata._native.symbol import layout as _layout
    from sessiondata.batch.kernels import BarArrays, GapArrays
    from sessiondata.cli.demo import DemoEvent
    from sessiondata.export.document import Source
    from sessiondata.export.historical import Rendered
    from sessiondata.monitor.gap_log import GapAttempt, GapLog, GapRecord
    from sessiondata.monitor.manager import DataQualityManager
    from sessiondata.monitor.requests import Requests
    from sessiondata.playback.sessions import ReplaySession
    from sessiondata.readers.inputs import InputFile
    from sessiondata.readers.options import ReadOptions
    from sessiondata.readers.table import BarTable
    from sessiondata.rows.owner import Owner, Pins
    from sessiondata.rows.window import Place
    from sessiondata.store.day import Grids
    from sessiondata.store.indicators import Forgotten, Indicator
    from sessiondata.time.intervals import ByInterval, parse_interval

    data = rich_store()
    store = parts_of(data)
    spy, history = data.symbols["ABC"], state_of(data.symbols["ABC"]).history
    five = spy.bars("5m")
    date = spy.historical_bars["1m"].dates[-1]
    ints, floats = np.arange(3), np.ones(3)
    tape = buffer_of(spy.quotes)
    style = _style.Style("epoch_ns", ints, ints, str)
    new = {
        kind: kind.__new__(kind)
        for kind in (_arrow._Batch, _arrow._Memory, _evidence.Evidence, _grid._Table, _capture._Columns, _view._View)
    }
    table = BarTable("A", ints, floats, floats, floats, floats, floats, "x")
    made = [
        data, data.symbols, spy, five, five.extended_slots, five.state, five.copy(), five[-1],
        spy.historical_bars["1m"],
        spy.historical_day(date), history, Rendered(history, "iso"), history.days, history.daily(1)[0],
        state_of(spy).core,
        store.context.clock, spy.ticks, spy.quotes, spy.quotes[:].copy(), data.symbols["T"].ticks[:].copy(),
        spy.quotes.latest, data.symbols["T"].ticks.latest, data.export_cursor("today"),
        _cursor.Cursor(), data.calendar, data.grid, data.grid.compiled, tape,
        buffer_of(data.symbols["T"].ticks), sd.GapInfo("A", "1m", 1, 2, 3),
        data.classify_gaps("1m")[0], Source(store.context, {}, {}, lambda _: spy, "iso", None), style,
        _layout.Memory(), _slice.Slice([]),
        _rows.Rows(1, 1, False),
        _status.Offence(-1), _writer.ByteWriter(0), _lazy.Lazy("x", None), DataQualityManager(data),
        GapAttempt(1, 2, 3, "filled"), GapRecord("A", "1m", date, 1, 2, 3), parse_interval("5m"), Place(1, 2, 3),
        Indicator(1, count_bars), Forgotten("n", 1), DemoEvent(1, "A", 1, 1.0, 1.0, 1.0, 1.0, 1.0),
        GapArrays(*[ints] * len(GapArrays._fields)), BarArrays(*[ints] * len(BarArrays._fields)), table, ReadOptions(),
        ByInterval({"1h": 1}),
        InputFile(Path("x"), True), ReplaySession(date, "a", "1m", data), history_rows(history),
        store.context, store.registry, store.sessions, store.cursors, state_of(spy),
        StoreCopy(store, "x"),
        Container(io.BytesIO(data.dumps()), "x", len(data.dumps())),
        GapLog(5), Requests(print, 1.0, None, True), Pins(), Owner(state_of(spy).core, data.calendar.zone),
        Grids([data.grid]), *new.values(),
    ]  # fmt: skip
    return {type(thing).__name__: thing for thing in made}


def history_rows(history: Any) -> Any:
    from sessiondata.rows.bars import FixedRows

    return FixedRows(history.core.name, "3m", history.zone, True, 3 * MINUTE, MINUTE)


#: Belong to a store, or are of use for the time of a call.
REFUSE = {
    "StreamReader", "_Batch", "_Memory", "Cursor", "Days", "Evidence",
    "_Table", "Style", "Memory", "Slice", "_Columns", "Offence",
    "Rows", "StoreClock", "SymbolCore", "_View", "Lazy", "QuoteBuffer",
    "TickBuffer", "TradeBuffer", "ByteWriter", "ExportCursor", "Source",
    "HistoricalBars",
    "HistoricalDay", "History", "Rendered", "DataQualityManager",
    "BarSeries", "ExtendedSlots", "BySymbol", "SymbolSessionData", "QuoteSeries",
    "TickSeries", "Owner", "Pins", "Container", "Cursors", "Registry", "Sessions", "StoreContext", "StoreCopy",
    "SymbolState", "GapLog", "Requests",
}  # fmt: skip
#: Are copied and pickled by their values, deeply where they can be changed.
VALUES = {
    "Grid", "SessionCalendar", "DemoEvent", "BarArrays", "GapArrays", "GapInfo",
    "SessionGrid", "DailyBar", "FixedRows", "Forgotten", "Grids", "Indicator",
    "ByInterval", "Interval", "ClassifiedGap", "GapRecord",
    "GapAttempt", "BarTable", "InputFile", "ReadOptions", "ReplaySession",
    "Place", "Bar",
    "BarWindow", "SeriesState", "SessionData", "Quote", "QuoteWindow", "Tick",
    "TickWindow",
}  # fmt: skip
#: Nobody has one: bases, and what belongs to numba.
NO_INSTANCES = {
    "BarColumns", "DailyHistory", "Marked", "SeriesType", "SymbolFeed", "SymbolType", "LiveRows", "RowWindow",
    "SlotOwner", "TimedColumns",
}  # fmt: skip


def test_of_every_class_it_is_known_what_a_copy_of_it_is() -> None:
    """A class that is new has to be entered here, and an instance of it above. But records that are
    made of their fields alone (tuples, dataclasses, exceptions): what cannot be copied of these
    refuses for itself."""
    found = {
        name
        for name, kind in classes().items()
        if name in VALUES or not (issubclass(kind, (BaseException, tuple)) or dataclasses.is_dataclass(kind))
    }
    assert found == REFUSE | VALUES | NO_INSTANCES
    assert things().keys() | {"TickBuffer", "StreamReader"} == REFUSE | VALUES


TRIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {n}": lambda x, n=n: pickle.dumps(x, n) for n in range(pickle.HIGHEST_PROTOCOL + 1)},
}


@pytest.mark.parametrize("name", sorted(REFUSE - {"TickBuffer", "StreamReader"}))
def test_what_belongs_to_a_store_refuses_and_names_the_way_out(name: str) -> None:
    thing = things()[name]
    for way in TRIES.values():
        with pytest.raises(TypeError, match=f"{name} objects cannot be copied or pickled.*; .*") as error:
            way(thing)
        assert any(word in str(error.value) for word in ("data.copy()", ".copy() is", "dict(bars)"))


def test_native_bases_refuse_as_well() -> None:
    from sessiondata._native.objects import tick_buffer as _tape
    from sessiondata._native.out import arrow as _arrow

    for kind in (_tape.TickBuffer, _tape.TradeBuffer, _arrow.StreamReader):
        with pytest.raises(TypeError, match="cannot be copied or pickled"):
            kind.__reduce__(_like_none(kind))


def _like_none(kind: type) -> Any:
    """An instance without a core, where that can be had."""
    from sessiondata._native.out import arrow as _arrow

    if kind is _arrow.StreamReader:
        pa = pytest.importorskip("pyarrow")
        return kind(pa.table({"a": [1]}).__arrow_c_stream__())
    return kind(state_of(sd.SessionData().register_symbol("A")).core)


@pytest.mark.parametrize("name", sorted(VALUES - {"SessionData", "ReplaySession"}))
def test_values_are_copied_and_pickled(name: str) -> None:
    thing = things()[name]
    for made in (copy.copy(thing), copy.deepcopy(thing), *(
        pickle.loads(pickle.dumps(thing, n)) for n in range(2, pickle.HIGHEST_PROTOCOL + 1)
    )):  # fmt: skip
        assert type(made) is type(thing)
        assert shown(made) == shown(thing)


def shown(thing: Any) -> Any:
    """All that a value says."""
    if isinstance(thing, (sd.BarWindow, sd.TickWindow, sd.QuoteWindow)):
        rows = [tuple(row) for row in thing]
        return exact([rows, thing.symbol, thing.is_valid(), repr(thing), thing.timestamp.tolist()])
    if dataclasses.is_dataclass(thing):
        return exact([getattr(thing, field.name) for field in dataclasses.fields(thing)])
    if hasattr(type(thing), "__slots__") and not isinstance(thing, tuple):
        return exact([getattr(thing, name) for name in type(thing).__slots__ if name != "compiled"])
    if type(thing).__name__ == "Grid":
        return thing.span, thing.day, thing.slot_starts(MINUTE).tolist()
    if type(thing).__name__ == "Forgotten":
        return vars(thing)
    return exact(thing)


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
        for one, other in zip(arrays_of(made)[:6], content_of(window).columns, strict=True):
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
        for way in TRIES.values():
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


# --- file objects ---------------------------------------------------------------------------------


class Trickle(io.RawIOBase):
    """Takes and gives a few bytes at a time, and cannot seek."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__()
        self.content, self.at, self.flushed = bytearray(content), 0, 0

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self.content += bytes(piece)[:1000]
        return min(1000, len(piece))

    def readinto(self, into: Any) -> int:
        piece = self.content[self.at : self.at + min(777, len(into))]
        into[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)

    def flush(self) -> None:
        self.flushed += 1


@pytest.mark.slow
def test_a_store_goes_through_file_objects(tmp_path: Path) -> None:
    data = rich_store()
    content = data.dumps()
    data.save(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content
    buffer = io.BytesIO(b"before")
    buffer.seek(6)
    data.save(buffer)
    data.save(buffer)
    buffer.write(b"behind")
    buffer.seek(6)
    for _ in range(2):  # one after the other, from where the file stands
        same_stores(data, sd.load(buffer))
    assert buffer.read() == b"behind"
    assert not buffer.closed
    trickle = Trickle()
    data.save(trickle)
    assert bytes(trickle.content) == content
    assert trickle.flushed
    assert not trickle.closed
    same_stores(data, sd.load(trickle))
    with open(tmp_path / "b", "wb") as file:
        data.save(file)
    with open(tmp_path / "b", "rb") as file:
        same_stores(data, sd.load(file))
        assert file.read() == b""
    for given in (content, bytearray(content), memoryview(content), np.frombuffer(content, np.uint8)):
        same_stores(data, sd.loads(given))


def test_a_store_goes_through_a_pipe() -> None:
    data = rich_store()
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb", buffering=0) as file:
            data.save(file)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(reading, "rb", buffering=0) as file:
        loaded = sd.load(file)
    feeder.join()
    same_stores(data, loaded)


class Counting:
    """Takes bytes and does not say how many."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, piece: bytes) -> None:
        self.content += piece


class Full(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def write(self, _piece: Any) -> None:
        return None

    def readinto(self, _into: Any) -> None:
        return None


def test_file_objects_of_other_kinds(tmp_path: Path) -> None:
    data = rich_store()
    counting = Counting()
    data.save(counting)
    assert counting.content == data.dumps()
    with pytest.raises(TypeError, match="'wb'"):
        data.save(io.StringIO())
    with open(tmp_path / "text", "w", encoding="utf-8") as file, pytest.raises(TypeError, match="'wb'"):
        data.save(file)
    assert (tmp_path / "text").read_bytes() == b""
    with pytest.raises(TypeError, match="'rb'"):
        sd.load(io.StringIO("x"))
    for call in (data.save, sd.load):
        with pytest.raises(BlockingIOError):
            call(Full())
    for wrong in (3, None, 1.5):
        with pytest.raises(TypeError):
            data.save(wrong)
        with pytest.raises(TypeError):
            sd.load(wrong)
    for text in ("text", 7, None):
        with pytest.raises(TypeError, match="bytes"):
            sd.loads(text)


class Answering:
    """A file object whose methods answer as they are told."""

    def __init__(self, write: Any = None, read: Any = None) -> None:
        self.write, self.read = write, read


def fails(error: BaseException) -> Any:
    def method(*_: Any) -> Any:
        raise error

    return method


@pytest.mark.parametrize("wrong", [None, 3, 1.5, [], object(), "a\0b", "\ud800", b"a\0b"])
def test_what_is_no_path_is_an_error_of_the_library(wrong: Any) -> None:
    data = rich_store()
    kind = sd.ArgumentError if isinstance(wrong, (str, bytes)) else sd.ArgumentTypeError
    for call, what in ((data.save, "saved to"), (sd.load, "loaded from"), (data.to_csv, "to_csv writes a file")):
        with pytest.raises(kind, match=what) as caught:
            call(wrong)
        assert caught.value.value is wrong


def test_file_objects_go_to_doors_that_take_them() -> None:
    data = rich_store()
    with pytest.raises(sd.ArgumentTypeError, match="given the path: got BytesIO"):
        data.to_csv(io.BytesIO())
    with pytest.raises(sd.ArgumentTypeError, match=r"sessiondata\.loads\(\)"):
        sd.load(data.dumps())


@pytest.mark.parametrize(
    "wrong", ["text", 7, None, 1.5, [1], np.array(["2024"], "M8[s]"), np.array([None]), memoryview(b"12")[::2]]
)
def test_what_is_no_snapshot_is_an_error_of_the_library(wrong: Any) -> None:
    with pytest.raises((sd.ArgumentTypeError, sd.SnapshotError)):
        sd.loads(wrong)


@pytest.mark.parametrize("n", [-1, 10**9, "all", 1.5, True, False, b"3"])
def test_a_count_that_no_write_can_give_is_refused(n: Any) -> None:
    kind = sd.ArgumentError if type(n) is int else sd.ArgumentTypeError
    with pytest.raises(kind, match=r"write\(\) of <Answering>") as caught:
        rich_store().save(Answering(write=lambda _: n))
    assert caught.value.value is n


@pytest.mark.parametrize("at_most", [1, 7, 1000, 1 << 17])
def test_a_short_write_goes_on_with_the_rest(at_most: int) -> None:
    data, pieces = rich_store(), []

    def write(piece: bytes) -> int:
        pieces.append(piece[:at_most])
        return len(pieces[-1])

    data.save(Answering(write=write))
    assert b"".join(pieces) == data.dumps()


def test_a_write_that_takes_nothing_is_an_error() -> None:
    with pytest.raises(BlockingIOError):
        rich_store().save(Answering(write=lambda _: 0))


@pytest.mark.parametrize("wrong", [0, 5, 1.5, [1, 2], [], np.zeros(4), object()])
def test_a_read_that_gives_no_bytes_is_refused(wrong: Any) -> None:
    with pytest.raises(sd.ArgumentTypeError, match=r"read\(\) of <Answering> returns") as caught:
        sd.load(Answering(read=lambda _: wrong))
    assert caught.value.value is wrong


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_short_read_goes_on_with_the_rest(kind: Any) -> None:
    data = rich_store()
    source = io.BytesIO(data.dumps() + b"behind")
    same_stores(data, sd.load(Answering(read=lambda n: kind(source.read(min(n, 1001))))))
    assert source.read() == b"behind"


def test_a_read_that_gives_more_than_was_asked_for_is_refused() -> None:
    content = rich_store().dumps()
    with pytest.raises(sd.ArgumentError, match=r"read\(\) of <Answering> was asked for \d+ bytes and gives \d+"):
        sd.load(Answering(read=lambda _: content))


def test_what_methods_of_file_objects_raise(tmp_path: Path) -> None:
    data = rich_store()
    # a wrapper, which is no text file by its class
    with tempfile.NamedTemporaryFile("w", dir=tmp_path) as file:
        with pytest.raises(sd.ArgumentTypeError, match="'wb'"):
            data.save(file)
        with pytest.raises(io.UnsupportedOperation):
            sd.load(file)
    closed = io.BytesIO(data.dumps())
    closed.close()
    with pytest.raises(sd.ArgumentError, match="closed"):
        data.save(closed)
    with pytest.raises(sd.ArgumentError, match="closed"):
        sd.load(closed)
    with pytest.raises(sd.ArgumentTypeError, match=r"read\(\) of <Answering>"):
        sd.load(Answering(read=lambda: b""))
    for error in (OSError(28, "no room"), MemoryError(), KeyboardInterrupt(), LookupError("own")):
        with pytest.raises(type(error)) as caught:
            data.save(Answering(write=fails(error)))
        assert caught.value is error
        with pytest.raises(type(error)) as caught:
            sd.load(Answering(read=fails(error)))
        assert caught.value is error


def test_what_cannot_be_saved_writes_nothing() -> None:
    data = rich_store()
    data.set_historical_indicator("ABC", "thing", object())
    file = io.BytesIO()
    for call in (lambda: data.save(file), data.dumps, lambda: pickle.dumps(data)):
        with pytest.raises(sd.SnapshotError, match="'thing'"):
            call()
    assert file.getvalue() == b""
    assert data.copy().get_historical_indicator("ABC", "thing") is not None


def test_bytes_that_are_no_snapshot_are_refused() -> None:
    content = rich_store().dumps()
    for wrong in (b"", b"x", content[:-8], content + b"\0" * 8, content[:20], b"\0" + content[1:]):
        with pytest.raises(sd.SnapshotError, match="<bytes>"):
            sd.loads(wrong)
    for wrong in (b"", b"x", content[:-8], content[:20], b"\0" + content[1:]):
        with pytest.raises(sd.SnapshotError, match="BytesIO"):
            sd.load(io.BytesIO(wrong))


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
from test_snapshot import rich_store, go_on
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
