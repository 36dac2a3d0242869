"""A store of one session, and its model."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import orjson

import reference as ref
import sessiondata as sd
from sessiondata.store.symbol import state_of
from sessiondata.time.zones import from_ns
from worlds.comparison import exact, outcome, same_symbol
from worlds.shapes import SECOND, SHAPES


def arrays_of(rows: list[tuple[Any, ...]]) -> list[Any]:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    return [np.array(columns[0], np.int64), *(np.array(column, float) for column in columns[1:])]


@functools.cache
def day_of(shape: str) -> tuple[sd.SessionCalendar, ref.RefSession]:
    """The day of a shape, and what the model has of it. Neither ever changes."""
    date, tz, segments = SHAPES[shape]
    calendar = sd.SessionCalendar.from_schedule({date: segments}, tz)
    grid = calendar.session(date)
    return calendar, ref.RefSession(date, tz, segments, (grid.span_start, grid.span_stop))


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
        date, _, segments = SHAPES[shape]
        self.calendar, self.session = day_of(shape)
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

    def append_ticks(self, name: str, kind: str, row: tuple[Any, ...]) -> None:
        """A trade or a quote for both; they agree on what became of it, errors included."""
        try:
            expected: Any = self.model.symbols[name].extend_ticks_of(kind, [row], single=True) == 1
        except ref.BadBarError as error:
            expected = error.code
        append = self.data.append_tick if kind == "ticks" else self.data.append_quote
        assert outcome(lambda: append(name, *row)) == expected

    def extend_ticks_of(self, name: str, kind: str, rows: list[tuple[Any, ...]], on_bad: str = "raise") -> None:
        try:
            expected: Any = self.model.symbols[name].extend_ticks_of(kind, rows, on_bad)
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
