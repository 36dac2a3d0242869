"""Objects of every class are copied by value, or refuse and say what to do instead."""

from __future__ import annotations

import copy
import dataclasses
import functools
import importlib
import inspect
import io
import pickle
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from copied import COPIERS, count_bars
from sessiondata.snapshot.capture import StoreCopy
from sessiondata.snapshot.container import Container
from sessiondata.store.store import parts_of
from sessiondata.store.symbol import state_of
from stored import rich_store
from worlds import MINUTE, exact


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(sd.__path__, "sessiondata."):
        if not found.ispkg and not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)
    yield importlib.import_module("sessiondata.jit")


_PARTS = {"exchange", "faults", "hours", "naming", "prices", "progress", "run", "times"}


def classes() -> dict[str, type]:
    """Public classes of Python, and all native ones, but sources of hours, which are copied by
    recipe (`test_calendar_copies`), and parts of readers of files and of the command line, which
    nobody copies."""
    found = {}
    for module in modules():
        if module.__name__.rpartition(".")[2] in _PARTS:
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
    from sessiondata._native.objects import over_days as _over_days
    from sessiondata._native.objects import panel as _panel
    from sessiondata._native.objects import past_rows as _past_rows
    from sessiondata._native.objects import rows as _rows
    from sessiondata._native.objects import slice as _slice
    from sessiondata._native.out import arrow as _arrow
    from sessiondata._native.out import capture as _capture
    from sessiondata._native.out import cursor as _cursor
    from sessiondata._native.out import plain as _plain
    from sessiondata._native.out import style as _style
    from sessiondata._native.out import writer as _writer
    from sessiondata._native.slots import grid as _grid
    from sessiondata._native.slots import grids as _grids
    from sessiondata._native.symbol import evidence as _evidence
    from sessiondata._native.symbol import layout as _layout
    from sessiondata.batch.kernels import BarArrays, GapArrays
    from sessiondata.cli.demo import DemoEvent
    from sessiondata.export.document import DocumentInput
    from sessiondata.export.form import Form
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
    from sessiondata.store.indicators import Forgotten, Indicator
    from sessiondata.store.table import Table
    from sessiondata.time.intervals import ByInterval, parse_interval

    data = rich_store()
    store = parts_of(data)
    feed = data.closed_bars("5m")
    spy, history = data.symbols["ABC"], state_of(data.symbols["ABC"]).history
    five = spy.bars("5m")
    date = spy.historical_bars["1m"].dates[-1]
    ints, floats = np.arange(3), np.ones(3)
    buffer = state_of(spy).quote_buffer
    style = _style.Style("epoch_ns", ints, ints, str)
    new = {
        kind: kind.__new__(kind)
        for kind in (
            _arrow._Batch,
            _arrow._Memory,
            _evidence.Evidence,
            _grid._Table,
            _capture._Columns,
            _past_rows.PastRows,
        )
    }
    table = BarTable("A", ints, floats, floats, floats, floats, floats, "x")
    made = [
        data, data.symbols, spy, five, five.extended_slots, five.state, five.copy(), five[-1],
        spy.historical_bars["1m"],
        spy.historical_day(date), history, Rendered(history, "iso"), history.days, history.daily(1)[0],
        state_of(spy).core,
        store.context.clock, spy.ticks, spy.quotes, spy.quotes[:].copy(), data.symbols["T"].ticks[:].copy(),
        spy.quotes.latest, data.symbols["T"].ticks.latest, data.export_cursor("today"),
        _cursor.Cursor(), _plain.Times(), Form(store.context, "iso"), data.export_arrow(cursor=False),
        data.calendar, data.grid, data.grid.compiled, buffer,
        state_of(data["T"]).trade_buffer, sd.GapInfo("A", "1m", 1, 2, 3),
        data.classify_gaps("1m")[0], DocumentInput(store.context, {}, {}, lambda _: spy, "iso", None), style,
        _layout.Memory(), _slice.Slice([]),
        _rows.Rows(1, 1, False),
        _status.Offence(-1), _writer.ByteWriter(0), _lazy.Lazy("x", None), DataQualityManager(data),
        GapAttempt(1, 2, 3, "filled"), GapRecord("A", "1m", date, 1, 2, 3, 4), parse_interval("5m"), Place(1, 2, 3),
        Indicator(1, count_bars), Forgotten("n", 1), DemoEvent(1, "A", 1, 1.0, 1.0, 1.0, 1.0, 1.0),
        GapArrays(*[ints] * len(GapArrays._fields)), BarArrays(*[ints] * len(BarArrays._fields)), table, ReadOptions(),
        ByInterval({"1h": 1}),
        InputFile(Path("x"), True), ReplaySession(date, "a", "1m", data), history_rows(history),
        store.context, store.registry, store.sessions, store.cursors, state_of(spy),
        StoreCopy(store, "x"),
        Container(io.BytesIO(data.dumps()), "x", len(data.dumps())),
        GapLog(5), Requests(print, 1.0, None, True), Pins(), Owner(state_of(spy).core, data.calendar.zone),
        _grids.GridsOfDays((data.grid.compiled,)), *new.values(), feed, store.registry.feeds,
        store.registry.feeds.hub, feed.drain()[0], data.panel("close", "5m", 3), Table(store.registry, "5m", None),
        _panel.PanelSource([state_of(spy).core], "5m", True),
        _over_days.DayWindows(state_of(spy).core, 0, history_rows(history)),
    ]  # fmt: skip
    return {type(thing).__name__: thing for thing in made}


def history_rows(history: Any) -> Any:
    from sessiondata.rows.bars import BarKind

    return BarKind(history.core.name, "3m", history.zone, True, 3 * MINUTE, MINUTE)


#: Belong to a store, or are of use for the time of a call.
REFUSE = {
    "StreamReader", "_Batch", "_Memory", "Cursor", "Days", "Evidence",
    "_Table", "Style", "Times", "Form", "ChangedRows", "Memory", "Slice", "_Columns", "Offence", "PastRows",
    "Rows", "StoreClock", "SymbolCore", "Lazy", "QuoteBuffer",
    "TickBuffer", "TradeBuffer", "ByteWriter", "ExportCursor", "DocumentInput",
    "HistoricalBars",
    "HistoricalDay", "History", "Rendered", "DataQualityManager",
    "BarSeries", "ExtendedSlots", "BySymbol", "SymbolSessionData", "QuoteSeries",
    "TickSeries", "Owner", "Pins", "Container", "Cursors", "Registry", "Sessions", "StoreContext", "StoreCopy",
    "SymbolState", "GapLog", "Requests", "Feeds", "ClosedBarFeed", "ClosedBarHub",
    "Table", "PanelSource", "DayWindows",
}  # fmt: skip
#: Are copied and pickled by their values, deeply where they can be changed.
VALUES = {
    "Grid", "GridsOfDays", "SessionCalendar", "DemoEvent", "BarArrays", "GapArrays", "GapInfo",
    "SessionGrid", "DailyBar", "BarKind", "Forgotten", "Indicator",
    "ByInterval", "Interval", "ClassifiedGap", "GapRecord",
    "GapAttempt", "BarTable", "InputFile", "ReadOptions", "ReplaySession",
    "Place", "Bar", "ClosedBar", "Panel",
    "BarWindow", "SeriesState", "SessionData", "Quote", "QuoteWindow", "Tick",
    "TickWindow",
}  # fmt: skip
#: Nobody has one: bases, and what belongs to numba.
NO_INSTANCES = {
    "BarColumns", "DailyHistory", "LiveBars", "Marked", "SeriesType", "SymbolFeed", "SymbolType", "LiveRows",
    "RowWindow", "SlotOwner", "TimedColumns",
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


@pytest.mark.parametrize("name", sorted(REFUSE - {"TickBuffer", "StreamReader"}))
def test_what_belongs_to_a_store_refuses_and_names_the_way_out(name: str) -> None:
    thing = things()[name]
    for way in COPIERS.values():
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
    if type(thing).__name__ == "BarKind":
        return thing.symbol, thing.interval, thing.zone, thing.is_derived, thing.step_ns, thing.base_ns
    if type(thing).__name__ == "GridsOfDays":
        return [shown(grid) for grid in thing.grids]
    if type(thing).__name__ == "Forgotten":
        return vars(thing)
    return exact(thing)
