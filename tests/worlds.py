"""Small sessions of every shape, and the library beside the reference model, for the property
tests."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from hypothesis import strategies as st

import reference as ref
import sessiondata as sd
from sessiondata.rows.series import native_of
from sessiondata.rows.window import zone_of
from sessiondata.store.store import parts_of
from sessiondata.store.symbol import state_of
from sessiondata.time.zones import from_ns

MINUTE = 60_000_000_000
SECOND = 1_000_000_000
HOUR = 60 * MINUTE


def utc(text: str) -> int:
    """ns of an ISO time with offset."""
    import datetime as dt

    return int(dt.datetime.fromisoformat(text).timestamp()) * SECOND


def _segments(start: str, *minutes: tuple[int, int]) -> list[tuple[int, int]]:
    base = utc(start)
    return [(base + a * MINUTE, base + b * MINUTE) for a, b in minutes]


# date, zone, segments: short, so that the reference model stays quick, and awkward on purpose.
SHAPES: dict[str, tuple[str, str, list[tuple[int, int]]]] = {
    "plain": ("2024-03-12", "America/New_York", _segments("2024-03-12T09:30:00-04:00", (0, 47))),
    "lunch": ("2024-03-12", "Asia/Hong_Kong", _segments("2024-03-12T09:30:00+08:00", (0, 23), (31, 58))),
    "reopening": ("2024-03-12", "UTC", _segments("2024-03-12T14:00:00+00:00", (0, 13), (13, 20), (24, 25))),
    "overnight": ("2024-03-11", "America/Chicago", _segments("2024-03-10T23:40:00-05:00", (0, 45))),
    "before 1970": ("1965-02-03", "America/New_York", _segments("1965-02-03T10:00:00-05:00", (0, 37))),
    "across the epoch": ("1970-01-01", "Europe/London", _segments("1969-12-31T23:45:00+00:00", (0, 40))),
    "clocks change": ("2024-03-31", "Europe/Berlin", _segments("2024-03-31T00:45:00+01:00", (0, 20), (60, 85))),
    "seconds": ("2024-03-12", "UTC", [(utc("2024-03-12T12:00:00+00:00"), utc("2024-03-12T12:00:47+00:00"))]),
    "whole day": ("2024-03-12", "UTC", [(utc("2024-03-12T00:00:00+00:00"), utc("2024-03-13T00:00:00+00:00"))]),
}

# base and derived intervals: chains, a tree, none at all, and lengths that divide nothing
INTERVALS: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "1m": [
        ("1m", ("5m", "15m", "1h", "1d")),
        ("1m", ("4m", "6m", "12m", "1d")),
        ("1m", ("7m",)),
        ("2m", ("10m", "1h")),
        ("1m", ()),
        ("1m", ("1d",)),
    ],
    "1s": [("1s", ("5s", "15s", "1m", "1d")), ("1s", ("7s",)), ("2s", ("4s", "6s"))],
}


def step_of(shape: str) -> int:
    return SECOND if shape == "seconds" else MINUTE


def configurations() -> st.SearchStrategy[tuple[str, str, tuple[str, ...], int | None]]:
    """(shape, base, derived, capacity)"""

    def of(shape: str) -> st.SearchStrategy[tuple[str, str, tuple[str, ...], int | None]]:
        intervals = INTERVALS["1s" if shape == "seconds" else "1m"]
        capacities = st.one_of(st.none(), st.integers(1, 12), st.integers(13, 40))
        return st.tuples(st.just(shape), st.sampled_from(intervals), capacities).map(lambda t: (t[0], *t[1], t[2]))

    return st.sampled_from(sorted(SHAPES)).flatmap(of)


# Prices on two grids and a few awkward doubles; volumes integral, fractional, huge and nothing.
PRICES = st.one_of(
    st.integers(-300, 30_000).map(lambda cents: cents / 100),
    st.sampled_from([0.1, 0.2, 0.3, 1e-7, -0.0, 0.0, 1e16, 123456.789012345, 5e-324]),
)
VOLUMES = st.one_of(
    st.integers(0, 5000).map(float),
    st.sampled_from([0.1, 0.2, 0.3, 0.7, 1e-9, 1 / 3, 2.0**53, 1e15, 1e288]),
)


@st.composite
def values(draw: Any) -> tuple[float, float, float, float, float]:
    """open, high, low, close, volume of a good bar; open and close may lie outside high and low."""
    a, b, c, d = (draw(PRICES) for _ in range(4))
    return (c, max(a, b), min(a, b), d, draw(VOLUMES))


@st.composite
def bad_values(draw: Any) -> tuple[float, float, float, float, float]:
    bar = list(draw(values()))
    kind = draw(st.sampled_from(["nan", "inf", "order", "volume"]))
    if kind == "order":
        bar[1], bar[2] = 1.0, 2.0
    elif kind == "volume":
        bar[4] = -1.0
    else:
        bar[draw(st.integers(0, 4))] = draw(
            st.sampled_from([float("nan")] if kind == "nan" else [float("inf"), -float("inf")])
        )
    return tuple(bar)  # type: ignore[return-value]


@st.composite
def ticks(draw: Any) -> tuple[float, float, str]:
    """price, size, exchange of a good trade."""
    return draw(PRICES), draw(VOLUMES), draw(st.sampled_from(["", "Q", "N", "ARCX", "12345678"]))


@st.composite
def quotes(draw: Any) -> tuple[float, float, float, float]:
    """bid, ask, bid size, ask size of a good quote, crossed or not."""
    return draw(PRICES), draw(PRICES), draw(VOLUMES), draw(VOLUMES)


@st.composite
def bad_rows(draw: Any, kind: str) -> tuple[Any, ...]:
    """A trade or quote with a number that is not finite, or a negative size."""
    row: list[Any] = list(draw(ticks() if kind == "ticks" else quotes()))
    if draw(st.booleans()):
        row[1 if kind == "ticks" else draw(st.integers(2, 3))] = -1.0
    else:
        place = draw(st.integers(0, 1 if kind == "ticks" else 3))
        row[place] = draw(st.sampled_from([float("nan"), float("inf"), -float("inf")]))
    return tuple(row)


def tick_times(shape: str) -> st.SearchStrategy[int]:
    """Anywhere in and around the slots of bars, often at the same time as others."""
    step = step_of(shape)
    return st.tuples(timestamps(shape), st.sampled_from([0, 0, 1, step // 3, step // 2, step - 1])).map(sum)


def timestamps(shape: str) -> st.SearchStrategy[int]:
    """Mostly slots in and around the segments; now and then off the grid or far away."""
    _, _, segments = SHAPES[shape]
    step, start = step_of(shape), segments[0][0]
    n = min(70, (segments[-1][1] - start) // step + 12)
    on_grid = st.integers(-12, n).map(lambda i: start + i * step)
    off_grid = st.tuples(on_grid, st.sampled_from([1, step // 2, step - 1, 1_000_000, 1_500])).map(sum)
    return st.one_of(on_grid, on_grid, on_grid, on_grid, off_grid)


def spans(shape: str) -> st.SearchStrategy[tuple[int, int]]:
    """Stretches of time to mark: short and long, on slots and beside them, in the session and
    around it, empty ones."""
    step = step_of(shape)
    lengths = st.one_of(
        st.sampled_from([0, 1, step, 2 * step, 5 * step, 15 * step, 90 * step]),
        st.integers(0, 20).map(lambda n: n * step // 2),
    )
    return st.tuples(timestamps(shape), lengths).map(lambda drawn: (drawn[0], drawn[0] + drawn[1]))


class World:
    """One store and its model; `same()` compares every answer they have."""

    def __init__(
        self,
        shape: str,
        base: str,
        derived: tuple[str, ...],
        capacity: int | None,
        grace_ns: int = 0,
        around: tuple[int, int] | None = None,
        tick_capacities: tuple[int, int] = (65_536, 65_536),
    ) -> None:
        """`around`: seconds before the open and after the close in which bars are expected too."""
        date, tz, segments = SHAPES[shape]
        self.calendar = sd.SessionCalendar.from_schedule({date: segments}, tz)
        self.grid = self.calendar.session(date)
        hours = extended = None
        if around is not None:
            extended = (segments[0][0] - around[0] * SECOND, segments[-1][1] + around[1] * SECOND)
            hours = tuple(from_ns(ts, self.grid.zone).strftime("%H:%M:%S") for ts in extended)
        rings = {"tick_capacity": tick_capacities[0], "quote_capacity": tick_capacities[1]}
        self.data = sd.SessionData(
            self.calendar, base, derived, capacity=capacity, grace_ns=grace_ns, extended_hours=hours, **rings
        )
        self.data.start_session(date)
        span = (self.grid.span_start, self.grid.span_stop)
        self.session = ref.RefSession(date, tz, segments, span)
        self.model = ref.RefStore(self.session, base, list(derived), capacity, grace_ns, extended, tick_capacities)
        self.names: list[str] = []

    def register(self, name: str, quote_bars: str | None = None) -> None:
        self.data.register_symbol(name, quote_bars=quote_bars)
        self.model.register(name, quote_bars=quote_bars)
        self.names.append(name)

    def append(self, name: str, ts: int, bar: tuple[float, ...]) -> None:
        """Append to both; they agree on what became of it, errors included."""
        try:
            expected: Any = self.model.append(name, ts, *bar)
        except ref.BadBarError as error:
            expected = error.code
        assert outcome(lambda: self.data.append(name, ts, *bar)) == expected

    def extend(self, name: str, rows: list[tuple[Any, ...]], on_bad: str = "raise") -> None:
        import numpy as np

        try:
            expected: Any = self.model.extend(name, rows, on_bad)
        except ref.BadBarError as error:
            expected = (error.code, error.row)
        columns = list(zip(*rows, strict=True)) if rows else [()] * 6
        arrays = [np.array(columns[0], np.int64), *(np.array(column, float) for column in columns[1:])]
        got = outcome(lambda: self.data.extend(name, *arrays, on_bad=on_bad), with_row=True)
        assert got == expected

    def fill(self, name: str, rows: list[tuple[Any, ...]], on_bad: str = "raise") -> None:
        """Fill in both; they agree on how much was stored, each row is a change, and the same again
        is none."""
        before = self.data.sequence
        try:
            expected: Any = self.model.symbols[name].fill(rows, on_bad)
        except ref.BadBarError as error:
            expected = (error.code, error.row)
        assert outcome(lambda: self.data.fill(name, *arrays_of(rows), on_bad=on_bad), with_row=True) == expected
        assert self.data.sequence - before == (expected if isinstance(expected, int) else 0)
        # skipped rows and such that are too old are counted again
        if isinstance(expected, int) and on_bad == "raise":
            too_old = self.model.symbols[name].counters["too_old"]
            assert self.data.fill(name, *arrays_of(rows)) == self.model.symbols[name].fill(rows) == 0
            assert self.data.sequence - before == expected
            assert self.model.symbols[name].counters["too_old"] - too_old <= len(rows)

    def append_tape(self, name: str, kind: str, row: tuple[Any, ...]) -> None:
        """A trade or a quote for both; they agree on what became of it, errors included."""
        try:
            expected: Any = self.model.symbols[name].extend_tape(kind, [row], single=True) == 1
        except ref.BadBarError as error:
            expected = error.code
        append = self.data.append_tick if kind == "ticks" else self.data.append_quote
        assert outcome(lambda: append(name, *row)) == expected

    def extend_tape(self, name: str, kind: str, rows: list[tuple[Any, ...]], on_bad: str = "raise") -> None:
        import numpy as np

        try:
            expected: Any = self.model.symbols[name].extend_tape(kind, rows, on_bad)
        except ref.BadBarError as error:
            expected = (error.code, error.row)
        ts, *columns = list(zip(*rows, strict=True)) if rows else [()] * (4 if kind == "ticks" else 5)
        arrays = [np.array(column, None if column and isinstance(column[0], str) else float) for column in columns]
        if kind == "ticks" and not rows:
            arrays[-1] = np.array([], "S1")
        extend = self.data.extend_ticks if kind == "ticks" else self.data.extend_quotes
        got = outcome(lambda: extend(name, np.array(ts, np.int64), *arrays, on_bad=on_bad), with_row=True)
        assert got == expected

    def advance_to(self, ts: int) -> None:
        self.data.advance_to(ts)
        self.model.advance_to(ts)

    def resume(self, between: Any = lambda: None) -> None:
        """End the session and start it again: all that is lost is the clock. `between` is done
        meanwhile."""
        self.data.end_session()
        between()
        self.data.start_session(self.session.date)
        self.model.clock = None

    def mark_no_trade(self, name: str, interval: str, start: int, stop: int) -> None:
        self._mark(name, "mark_no_trade", interval, start, stop)

    def mark_halted(self, name: str, start: int, stop: int) -> None:
        self._mark(name, "mark_halted", start, stop)

    def record_retry(self, name: str, interval: str, start: int, stop: int, when: int) -> None:
        self._mark(name, "record_retry", interval, start, stop, when)

    def _mark(self, name: str, method: str, *arguments: Any) -> None:
        """Both say the same, and the sequence moves only with a change."""
        before = self.data.sequence
        said = getattr(self.data.symbols[name], method)(*arguments)
        assert said == getattr(self.model.symbols[name], method)(*arguments)
        assert self.data.sequence - before == bool(said)

    def same(self, styles: tuple[str, ...] = ("time",)) -> None:
        for name in self.names:
            state_of(self.data.symbols[name]).core.check_invariants()
            same_symbol(self.data.symbols[name], self.model.symbols[name])
        for timestamps_ in styles:
            expected = self.document(timestamps_)
            assert exact(self.data.to_dict(timestamps=timestamps_)) == exact(expected)
            assert self.data.to_json(timestamps=timestamps_) == orjson.dumps(expected)

    def document(self, timestamps_: str) -> dict[str, Any]:
        """What the model exports."""
        return ref.document(self.model, timestamps_, sequence=self.data.sequence)


def outcome(call: Any, *, with_row: bool = False) -> Any:
    """What a call returned, or the code of the error it raised."""
    try:
        return call()
    except sd.BarError as error:
        return (error.code, error.row) if with_row else error.code
    except sd.TimeError as error:
        return (error.code, error.row) if with_row else error.code
    except sd.SessionStateError as error:
        code = str(error).rsplit("(", 1)[1].rstrip(")")
        row = int(str(error).split("row=")[1].split()[0]) if "row=" in str(error) else None
        return (code, row) if with_row else code


def exact(value: Any) -> Any:
    """Nested values in a form whose == tells 0.0 from -0.0 and 1 from 1.0, and dicts by the order
    of their keys."""
    if isinstance(value, dict):
        return [(key, exact(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [exact(item) for item in value]
    return repr(value)


def same_symbol(symbol: sd.SymbolSessionData, model: ref.RefSymbol) -> None:
    same_series(symbol, model)
    assert symbol.marks == model.marks()
    for series, tape in ((symbol.ticks, model.tapes["ticks"]), (symbol.quotes, model.tapes["quotes"])):
        same_tape(series, tape)
    same_metrics(symbol, model.metrics())
    same_counters(symbol, model)


def same_counters(symbol: Any, model: ref.RefSymbol) -> None:
    counters = dict(symbol.counters)
    assert counters.pop("skipped") == {code: n for code, n in model.skipped.items() if n}
    assert counters.pop("inconsistent") == model.inconsistent()
    assert counters == model.counters


def same_series(symbol: Any, model: ref.RefSymbol) -> None:
    for interval in model.intervals():
        series, bars = symbol.bars(interval), model.bars(interval)
        rows = [tuple(bar)[:6] for bar in series]
        assert exact(rows) == exact([bar.row for bar in bars])
        columns = [series.timestamp, series.open, series.high, series.low, series.close, series.volume]
        assert exact(list(zip(*(column.tolist() for column in columns), strict=True))) == exact(rows)
        assert [bar.extended for bar in series] == [not bar.regular for bar in bars]
        if interval != model.base:
            assert [(bar.n_base, bar.n_expected) for bar in series] == model.coverage(interval)
        assert series.forming == model.forming(interval)
        assert (series.expected, series.present, series.missing) == (
            model.expected(interval), model.present(interval), model.missing(interval),
        )  # fmt: skip
        assert (series.no_trade, series.halted) == (model.count(interval, "no_trade"), model.count(interval, "halted"))
        assert series.expected == series.present + series.missing + series.no_trade + series.halted
        states = model.states(interval)
        assert [series.slot_state(ts) for ts, _ in states[:40]] == [state for _, state in states[:40]]
        assert (series.quality, series.completeness) == (model.quality(interval), model.completeness(interval))
        gaps = [(gap.start_ns, gap.end_ns, gap.bar_count) for gap in series.gaps]
        assert gaps == model.gaps(interval)
        assert series.gap_count == len(gaps)
        retries = [(gap.retry_count, gap.last_retry) for gap in series.gaps]
        zone = zone_of(series)
        assert retries == [
            (n, None if when is None else from_ns(when, zone)) for n, when in model.gap_retries(interval)
        ]
        extended = [state for states in model.extended_states(interval) for _, state in states]
        present, missing = extended.count("present"), extended.count("missing")
        extended = series.extended_slots
        counts = (extended.expected, extended.present, extended.missing)
        assert counts == (present + missing, present, missing)
        assert extended.quality == extended.completeness == ref.percentage(present, present + missing)
        gaps = [(gap.start_ns, gap.end_ns, gap.bar_count) for gap in extended.gaps]
        assert gaps == model.extended_gaps(interval)
        assert extended.gap_count == len(gaps)
        assert series.total_count == model.total_count(interval)


def same_tape(series: Any, tape: ref.RefTape) -> None:
    assert exact([tuple(row) for row in series]) == exact(tape.rows)
    assert series.timestamp.tolist() == [row[0] for row in tape.rows]
    assert (len(series), series.total_count) == (len(tape.rows), len(tape.accepted))
    assert series.latest == (tape.rows[-1] if tape.rows else None)
    counters = dict(series.counters)
    assert counters.pop("skipped") == {code: n for code, n in tape.skipped.items() if n}
    assert counters == tape.counters


def same_metrics(symbol: sd.SymbolSessionData, expected: dict[str, Any]) -> None:
    got = symbol.metrics()
    for one, other in ((got, expected), (got["extended"], expected["extended"])):
        assert exact([one[key] for key in ("volume", "high", "low")]) == exact(
            [other[key] for key in ("volume", "high", "low")]
        )
        newest = None if other["last_update"] is None else from_ns(other["last_update"], symbol.calendar.zone)
        assert one["last_update"] == newest
    assert got["extended"]["bar_count"] == expected["extended"]["count"]
    assert (symbol.session_volume, symbol.session_high, symbol.session_low, symbol.last_update) == (
        got["volume"], got["high"], got["low"], got["last_update"],
    )  # fmt: skip


class HistoryWorld(World):
    """A world of six trade dates, a day apart (the fourth is missing); `same()` compares its
    history too."""

    DAYS = (0, 1, 2, 4, 5, 6)

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
        date, tz, segments = SHAPES[shape]
        schedule = {
            shifted_date(date, day): [(start + day * ref.DAY, stop + day * ref.DAY) for start, stop in segments]
            for day in self.DAYS
        }
        self.calendar = sd.SessionCalendar.from_schedule(schedule, tz)
        self.sessions = []
        for day, its_segments in schedule.items():
            grid = self.calendar.session(day)
            self.sessions.append(ref.RefSession(day, tz, its_segments, (grid.span_start, grid.span_stop)))
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
    import datetime as dt

    return (dt.date.fromisoformat(date) + dt.timedelta(days=days)).isoformat()


def arrays_of(rows: list[tuple[Any, ...]]) -> list[Any]:
    import numpy as np

    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    return [np.array(columns[0], np.int64), *(np.array(column, float) for column in columns[1:])]


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
