"""Symbols, their history and their series without a store: a context is all that they share."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

import sessiondata as sd
from sessiondata._native.objects.store import SymbolCore
from sessiondata.rows.owner import Owner, Pins
from sessiondata.rows.series import BarSeries
from sessiondata.store.context import StoreContext
from sessiondata.store.historical import HistoricalBars
from sessiondata.store.history import History
from sessiondata.store.state import SymbolState
from sessiondata.store.symbol import SymbolSessionData, state_of
from sessiondata.time.intervals import parse_interval

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
MINUTE = 60_000_000_000
GRID = CALENDAR.session("2024-03-12")
OPEN = int(GRID.segments[0, 0])
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)


def new_core(context: StoreContext) -> SymbolCore:
    core = SymbolCore("SPY", context.clock, ("1m", "5m"), (MINUTE, 5 * MINUTE), 0, False, None)
    core.calendar = CALENDAR
    return core


def new_symbol() -> SymbolSessionData:
    context = StoreContext(CALENDAR)
    return SymbolSessionData(SymbolState(new_core(context), CALENDAR, context))


def started() -> SymbolSessionData:
    symbol = new_symbol()
    state = state_of(symbol)
    state.context.clock.date, state.context.clock.grid = GRID.date, GRID
    state.core.start(GRID.compiled, None, True)
    return symbol


def test_a_symbol_stores_and_answers() -> None:
    symbol = started()
    assert symbol.append(OPEN, *BAR)
    assert symbol.extend(OPEN + np.array([2, 3, 6]) * MINUTE, *[np.full(3, value) for value in BAR]) == 3
    assert symbol.bars().timestamp.tolist() == [OPEN + i * MINUTE for i in (0, 2, 3, 6)]
    assert [(gap.start_ns, gap.bar_count) for gap in symbol.bars().gaps] == [
        (OPEN + MINUTE, 1), (OPEN + 4 * MINUTE, 2),
    ]  # fmt: skip
    assert symbol.bars("5m").volume.tolist() == [300.0, 100.0]
    assert symbol.append_tick is not None
    assert symbol.grid == GRID
    assert "SPY: 4 x 1m, 3 missing" in repr(symbol)
    assert symbol._repr_html_().startswith("<table>")


def test_without_anything_that_begins_sessions_a_first_bar_is_refused() -> None:
    symbol = new_symbol()
    with pytest.raises(sd.SessionStateError, match="no store that begins one"):
        symbol.extend(np.array([OPEN]), *[np.ones(1)] * 5)


def test_pins_are_noted_in_the_context() -> None:
    symbol = started()
    state = state_of(symbol)
    symbol.append(OPEN + MINUTE, *BAR)
    symbol.set_quality("1m", 12.5)
    assert (symbol.bars().quality, list(state.context.pinned.values())) == (12.5, [state])
    symbol.set_quality("1m", None)
    assert (symbol.bars().quality, state.context.pinned) == (50.0, {})


def test_the_gate_is_the_contexts() -> None:
    symbol = started()
    state_of(symbol).context.is_active = False
    with pytest.raises(sd.InactiveError):
        symbol.bars()
    assert symbol.append(OPEN, *BAR), "the feeder goes on"


def test_indicators_are_the_contexts_and_values_the_symbols() -> None:
    from sessiondata.store.indicators import indicator

    symbol = started()
    state, asked = state_of(symbol), []
    state.context.indicators.update(
        own=indicator("own", lambda of: asked.append(of) or 7, 0), max_price_1d=indicator("max_price_1d", None, 0)
    )
    assert symbol.historical_indicators == {"own": 7, "max_price_1d": None}
    assert symbol.historical_indicators["own"] == 7
    assert asked == [symbol], "called with what users hold, and once"
    state.set_indicator("own", 8)
    assert symbol.historical_indicators == {"own": 8, "max_price_1d": None}
    day = CALENDAR.session("2024-03-11")
    symbol.load_historical_bars("1d", [day.date], *[np.array([value]) for value in BAR])
    assert symbol.historical_indicators["max_price_1d"] == 12.0


def test_a_history_needs_native_state_a_calendar_and_a_context() -> None:
    context = StoreContext(CALENDAR)
    history = History(new_core(context), CALENDAR, context)
    minute = parse_interval("1m")
    first = CALENDAR.session("2024-03-11")
    times = int(first.segments[0, 0]) + np.array([0, 1, 3]) * MINUTE
    assert history.load(minute, (times, *[np.full(3, value) for value in BAR]), False) == 3
    assert history.dates(minute) == [dt.date(2024, 3, 11)]
    bars = HistoricalBars(history, minute)
    assert bars["2024-03-11"].timestamp.tolist() == times.tolist()
    assert bars.tally("2024-03-11") == (3, 390)
    assert [gap.bar_count for gap in bars.gaps()] == [1, 386]
    context.clock.date = dt.date(2024, 3, 11)  # now that day is under way
    assert history.dates(minute) == []


def test_a_series_needs_native_state_a_zone_and_pins() -> None:
    context, pins = StoreContext(CALENDAR), Pins()
    core = new_core(context)
    core.start(GRID.compiled, None, True)
    series = BarSeries(Owner(core, CALENDAR.zone, pins), 0)
    core.append(OPEN, *BAR)
    core.append(OPEN + 2 * MINUTE, *BAR)
    assert (len(series), series.gap_count, series.symbol) == (2, 1, "SPY")
    pins.gaps[0] = []
    assert (series.gaps, series.gap_count) == ([], 0)
    assert series[0].datetime.isoformat() == "2024-03-12T09:30:00-04:00"


def test_a_row_that_a_loaded_day_refuses_is_named_by_its_number_and_values() -> None:
    """It was an AttributeError: the error looked for the row's time under another name. The values
    were those of a good row, which had moved to where the bad one was."""
    state = state_of(new_symbol())
    opens = OPEN + np.array([1, 0]) * MINUTE
    columns = opens, *[np.array([value, -value]) for value in BAR]
    pieces = [(GRID.date, GRID.compiled, None, columns)]
    with pytest.raises(sd.BarError) as caught:
        state.history.days.load(pieces, False, state.history.days.generation)
    assert caught.value.row == 1
    assert "high=-12.0, low=-9.0" in str(caught.value)
    assert not state.history.days.cores
