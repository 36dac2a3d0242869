"""A store that keeps days, and its model."""

from __future__ import annotations

import datetime as dt
import functools
import math
from typing import Any

import pytest

import reference as ref
import sessiondata as sd
from sessiondata.rows.series import native_of
from sessiondata.store.store import parts_of
from sessiondata.store.symbol import state_of
from worlds.comparison import exact, same_counters, same_series
from worlds.shapes import SHAPES
from worlds.world import World, arrays_of

DAYS = (0, 1, 2, 4, 5, 6)


@functools.cache
def days_of(shape: str) -> tuple[sd.SessionCalendar, tuple[ref.RefSession, ...]]:
    """The days of a shape, and what the model has of them. None ever changes."""
    date, tz, segments = SHAPES[shape]
    schedule = {
        shifted_date(date, day): [(start + day * ref.DAY, stop + day * ref.DAY) for start, stop in segments]
        for day in DAYS
    }
    calendar = sd.SessionCalendar.from_schedule(schedule, tz)
    grids = {day: calendar.session(day) for day in schedule}
    return calendar, tuple(
        ref.RefSession(day, tz, schedule[day], (grid.span_start, grid.span_stop)) for day, grid in grids.items()
    )


class HistoryWorld(World):
    """A world of six trade dates, a day apart (the fourth is missing); `same()` compares its
    history too."""

    DAYS = DAYS

    def __init__(
        self,
        shape: str,
        base: str,
        derived: tuple[str, ...],
        capacity: int | None,
        trailing_days: int,
        first: int = 0,
        grace_ns: int = 0,
        hours: tuple[str, str] | None = None,
    ) -> None:
        self.calendar, sessions = days_of(shape)
        self.sessions = list(sessions)
        self.number, self.trailing_days = first, trailing_days
        self.data = sd.SessionData(
            self.calendar, base, derived, trailing_days, capacity=capacity, grace_ns=grace_ns, extended_hours=hours
        )
        around = {
            session.date: parts_of(self.data).context.hours(self.calendar.session(session.date), self.calendar)
            for session in self.sessions
        }
        self.data.add_historical_indicator("vwap_3d")
        self.session = self.sessions[first]
        self.grid = self.data.start_session(self.session.date)
        self.model = ref.RefStore(self.session, base, list(derived), capacity, grace_ns, around[self.session.date])
        self.model.sessions = self.sessions
        self.model.extended_hours = {date: hours for date, hours in around.items() if hours is not None}
        self.names: list[str] = []
        self.loaded: set[str] = set()
        self.windows: list[tuple[sd.BarWindow, Any]] = []

    def roll(self) -> None:
        self.number += 1
        self.session = self.sessions[self.number]
        self.grid = self.data.roll_session()
        self.model.roll(self.session, self.trailing_days, 3)
        assert self.grid.date.isoformat() == self.session.date

    def resume(self, between: Any = lambda: None) -> None:
        """The day counts as one of those before while it has ended, so that history is trimmed for
        it."""
        ended, extended = self.session, self.model.extended
        after = ref.RefSession(ended.date + "+", ended.tz, ended.segments, (ended.span_start, ended.span_stop))
        self.data.end_session()
        self.model.roll(after, self.trailing_days, 3)
        between()
        self.data.start_session(ended.date)
        self.model.session, self.model.extended, self.model.clock = ended, extended, None
        for symbol in list(self.model.symbols.values()):
            self.model.begin(symbol)

    def load(self, name: str, interval: str, rows: list[tuple[Any, ...]]) -> None:
        rows = [row for row in rows if any(s.span_start <= row[0] < s.span_stop for s in self.sessions)]
        expected = self.model.load(name, interval, rows, self.sessions)
        self.loaded.add(ref.canonical(interval))
        assert self.data.load_historical_bars(name, interval, *arrays_of(rows)) == expected

    def _mark(self, name: str, method: str, *arguments: Any) -> None:
        if method == "mark_halted" or not self.is_out_of_reach(name, *arguments[:3]):
            return super()._mark(name, method, *arguments)
        before = self.data.sequence
        expected = getattr(self.model.symbols[name], method)(*arguments)
        try:
            assert getattr(self.data.symbols[name], method)(*arguments) == expected
        except sd.SessionStateError:
            assert not expected
        else:
            assert expected
        assert self.data.sequence - before == bool(expected)
        return None

    def is_out_of_reach(self, name: str, interval: str, start: int, stop: int) -> bool:
        """Whether slots of an interval that begin in [start, stop) are missing where no mark can be
        kept."""
        model = self.model
        reached = model.counted_dates(name, model.symbols[name].base, self.sessions)
        for session in self.sessions:
            if session.date in reached or session.date not in model.counted_dates(name, interval, self.sessions):
                continue
            times = [row[0] for row in model.past_rows(name, interval, session.date) if session.is_regular(row[0])]
            gaps = ref.find_gaps(times, session, interval)
            slots = [a for a, _, _ in session.regular_slots(interval) if start <= a < stop]
            if any(first <= a <= last for a in slots for first, last, _ in gaps):
                return True
        return False

    def document(self, timestamps_: str) -> dict[str, Any]:
        values = {name: vwap_of(self.model, name) for name in self.names}
        indicators = {name: {"vwap_3d": value if value is None or math.isfinite(value) else None}
                      for name, value in values.items()}  # fmt: skip
        return ref.document(self.model, timestamps_, self.data.sequence, self.sessions, indicators)

    def same(self, styles: tuple[str, ...] = ("time",)) -> None:
        super().same(styles)
        for name in self.names:
            same_history(self, name)
        same_panels(self)
        for window, rows in self.windows:
            assert exact([tuple(bar) for bar in window]) == rows
            assert window.is_valid()


def vwap_of(model: ref.RefStore, name: str) -> float | None:
    """What ``vwap_3d`` is."""
    days = model.daily(name, 3)
    if len(days) < 3:
        return None
    turnover, traded = 0.0, 0.0
    for day in days:
        turnover, traded = turnover + day.turnover, traded + day.traded
    return turnover / traded if traded else None


def shifted_date(date: str, days: int) -> str:
    return (dt.date.fromisoformat(date) + dt.timedelta(days=days)).isoformat()


def same_history(world: HistoryWorld, name: str) -> None:
    symbol, model = world.data.symbols[name], world.model
    days = model.past.get(name, {})
    sessions = {session.date: session for session in world.sessions}
    for date, past in days.items():
        if date >= world.session.date:
            for ask in (symbol.historical_day, symbol.historical_bars["1d"].tally):
                with pytest.raises(sd.UnknownNameError):
                    ask(date)
        else:
            day = symbol.historical_day(date)
            native_of(day.bars())[0].check_invariants()
            same_series(day, past)
            same_counters(day, past)
            assert day.marks == past.marks()
    for interval in {*model.symbols[name].intervals(), "1d", *world.loaded}:
        bars = symbol.historical_bars.get(interval)
        dates = model.past_dates(name, interval)
        if bars is None:
            assert not dates
            continue
        assert [date.isoformat() for date in bars] == dates
        tallies, gaps = [], []
        for date in model.counted_dates(name, interval, world.sessions):
            rows = model.past_rows(name, interval, date)
            if date not in dates:
                assert rows == []
                with pytest.raises(KeyError):
                    bars[date]
            window = bars[date] if date in dates else bars[dates[0]][:0]
            got = [tuple(bar) for bar in window]
            assert exact([row[:6] for row in got]) == exact(rows)
            assert [bar.extended for bar in window] == [not sessions[date].is_regular(row[0]) for row in rows]
            assert not any(bar.forming for bar in window)
            world.windows = [*world.windows[-20:], (window, exact(got))]
            regular = [row[0] for row in rows if sessions[date].is_regular(row[0])]
            past = days.get(date)
            found = ref.find_gaps(regular, sessions[date], interval)
            if past is not None and interval in past.intervals() and not model.was_given(name, interval, date):
                regular, found = past.timestamps(interval), past.gaps(interval)
            tallies.append(ref.count_present(regular, sessions[date], interval))
            assert bars.tally(date) == tallies[-1]
            assert [(gap.start_ns, gap.end_ns, gap.bar_count) for gap in bars.gaps(date)] == found
            gaps += found
        assert bars.tally() == tuple(map(sum, zip((0, 0), *tallies, strict=True)))
        assert [(gap.start_ns, gap.end_ns, gap.bar_count) for gap in bars.gaps()] == gaps
        assert bars.quality() == ref.percentage(*bars.tally())
    vwap = vwap_of(model, name)
    assert exact(symbol.historical_indicators) == exact({"vwap_3d": vwap})
    got = [(bar.turnover, bar.traded) for bar in state_of(symbol).history.daily(3)]
    assert exact(got) == exact([row[1:] for row in model.daily(name, 3)])
    for interval in model.symbols[name].intervals():
        rows = [row for date in model.past_dates(name, interval) for row in model.past_rows(name, interval, date)]
        rows += [bar.row for bar in model.symbols[name].bars(interval)]
        window = world.data.get_all_bars_including_historical(name, interval)
        assert exact([tuple(bar)[:6] for bar in window]) == exact(rows)
    same_windows(world, name)


def same_windows(world: HistoryWorld, name: str) -> None:
    """Windows over days are the newest of the model's rows, whatever their length."""
    symbol, model = world.data.symbols[name], world.model
    for interval in {*model.symbols[name].intervals(), "1d"}:
        for extended, forming in ((False, False), (True, True), (True, False), (False, True)):
            expected = model.window(name, interval, extended, forming)
            m = len(expected)
            for n in {1, 2, 3, m // 2, m - 1, m, m + 1, m + 50} - {-1, 0}:
                window = symbol.window(interval, n, extended=extended, forming=forming)
                same_window(window, expected[-n:], n)


def same_panels(world: HistoryWorld) -> None:
    """Panels are what the model makes of all symbols that hold an interval."""
    model = world.model
    for interval in {interval for name in world.names for interval in [*model.symbols[name].intervals(), "1d"]}:
        names = [name for name in world.names if interval in [*model.symbols[name].intervals(), "1d"]]
        for extended, forming, fill, n in ((False, False, False, 1), (True, True, True, 3), (False, False, True, 40)):
            rows = [[(row[0], row[4]) for _, row in model.window(name, interval, extended, forming)] for name in names]
            options = {"extended": extended, "forming": forming, "fill_forward": fill}
            got = world.data.panel("close", interval, n, **options)
            assert got.symbols == tuple(names)
            same_panel(got, ref.panel(rows, n, fill), n)


def same_panel(got: Any, expected: tuple[Any, Any, Any], n: int) -> None:
    axis, values, mask = expected
    lacking = n - len(axis)
    assert (got.shortfall, got.ts_ns.tolist()) == (lacking, [ref.NAT] * lacking + axis)
    assert got.mask.tolist() == [[True] * lacking + row for row in mask]
    shown = [[None if math.isnan(value) else value for value in row] for row in got.values.tolist()]
    assert exact(shown) == exact([[None] * lacking + row for row in values])


def same_window(window: sd.BarWindow, expected: list[tuple[str, Any]], n: int) -> None:
    assert exact([tuple(bar)[:6] for bar in window]) == exact([row for _, row in expected])
    assert window.trade_date.astype(str).tolist() == [date for date, _ in expected]
    assert (window.requested, window.shortfall) == (n, n - len(expected))
