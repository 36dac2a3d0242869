"""Random operations over days: rolls, late bars of earlier days, sessions that end and go on."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

import reference as ref
from test_laws import NAMES, StoreLife, TapeLife
from worlds import HistoryWorld, configurations, timestamps, values

# --- random operations ----------------------------------------------------------------------------


class HistoryLife(StoreLife):
    """The life of a store over six trade dates. Times are of the session under way, of days before,
    now and then of days to come."""

    world: HistoryWorld

    @initialize(
        configuration=configurations(),
        trailing_days=st.integers(0, 4),
        first=st.sampled_from([0, 0, 0, 2]),
        grace=st.sampled_from([0, 0, 90 * 1_000_000_000]),
        hours=st.sampled_from([None, ("08:00", "17:00"), ("00:00", "23:59")]),
    )
    def start(  # type: ignore[override]
        self, configuration: Any, trailing_days: int, first: int, grace: int, hours: tuple[str, str] | None
    ) -> None:
        note(repr((*configuration, trailing_days, first, grace, hours)))
        self.shape = configuration[0]
        self.world = HistoryWorld(*configuration, trailing_days, first, grace, hours)
        self.world.register(NAMES[0])
        self.next_ts = self.world.session.open
        self.taken: list[tuple[str, int, tuple[float, ...]]] = []

    def timestamps(self) -> st.SearchStrategy[int]:
        here = HistoryWorld.DAYS[self.world.number]
        near = [day for day in HistoryWorld.DAYS if day <= here]
        days = st.one_of(st.just(here), st.just(here), st.sampled_from(near))
        return st.tuples(timestamps(self.shape), days).map(lambda t: t[0] + t[1] * ref.DAY)

    def spans(self) -> st.SearchStrategy[tuple[int, int]]:
        """Of any day, and over several."""
        shifts = st.tuples(st.sampled_from(HistoryWorld.DAYS), st.sampled_from([0, 0, 0, 1, 3]))
        return st.tuples(super().spans(), shifts).map(
            lambda t: (t[0][0] + t[1][0] * ref.DAY, t[0][1] + sum(t[1]) * ref.DAY)
        )

    @precondition(lambda self: self.world.number + 1 < len(HistoryWorld.DAYS))
    @rule()
    def roll(self) -> None:
        self.world.roll()
        self.next_ts = self.world.session.open
        self.world.same(("time", "iso", "epoch_ms", "epoch_ns"))

    @rule(
        i=st.integers(0, 2),
        data=st.data(),
        bars=st.lists(values(), min_size=1, max_size=5),
        n=st.integers(0, 30),
        interval=st.sampled_from(["base", "base", "derived", "1d", "3m"]),
    )
    def load(self, i: int, data: st.DataObject, bars: list[tuple[float, ...]], n: int, interval: str) -> None:
        """Rows of a day or of all days, of an interval that the symbol holds or of another one."""
        name = self.name(i)
        held = self.world.model.symbols[name].intervals()
        if interval in ("base", "derived"):
            interval = held[0] if interval == "base" else held[-1]
        step = (ref.step_of(interval) or ref.DAY) if interval != "1d" else ref.MINUTE
        days = data.draw(st.lists(st.sampled_from(HistoryWorld.DAYS), min_size=1, max_size=3))
        first = self.world.sessions[0].open
        rows = [(first + day * ref.DAY + (k - 2) * step, *bars[k % len(bars)]) for day in days for k in range(n)]
        rows += [(ts, *bars[0]) for ts in data.draw(st.lists(self.timestamps(), max_size=4))]
        self.world.load(name, interval, data.draw(st.permutations(rows)))
        self.world.same()


HistoryLife.TestCase.settings = settings(max_examples=40, stateful_step_count=20)
TestHistoryLife = pytest.mark.slow(HistoryLife.TestCase)


class HolesLife(HistoryLife):
    """A life that begins with history around days of which nothing is kept."""

    @initialize(
        configuration=configurations(),
        trailing_days=st.integers(2, 4),
        first=st.sampled_from([3, 4]),
        bar=values(),
        hours=st.sampled_from([None, ("08:00", "17:00")]),
        ends=st.sampled_from([(0, 2), (0, 2, 5), (1, 4), (0, 5)]),
    )
    def start(  # type: ignore[override]
        self, configuration: Any, trailing_days: int, first: int, bar: Any, hours: Any, ends: tuple[int, ...]
    ) -> None:
        super().start(configuration, trailing_days, first, 0, hours)
        base = self.world.model.symbols[NAMES[0]].base
        self.world.load(NAMES[0], base, [(self.world.sessions[day].open, *bar) for day in ends if day != first])


HolesLife.TestCase.settings = settings(max_examples=20, stateful_step_count=20)
TestHolesLife = pytest.mark.slow(HolesLife.TestCase)


# --- sessions that end and go on ------------------------------------------------------------------


class ResumedStoreLife(StoreLife):
    """A store's life in which the session ends now and then, takes bars and marks as a past day,
    and goes on."""

    @rule(i=st.integers(0, 2), data=st.data(), bars=st.lists(values(), max_size=3))
    def resume(self, i: int, data: st.DataObject, bars: list[tuple[float, ...]]) -> None:
        name, span = self.name(i), (self.world.session.span_start, self.world.session.span_stop)
        rows = [(data.draw(self.timestamps().filter(lambda ts: span[0] <= ts < span[1])), bar) for bar in bars]
        marked = data.draw(self.spans())

        def between() -> None:
            for ts, bar in rows:
                self.world.append(name, ts, bar)
            self.world.mark_halted(name, *marked)

        self.world.resume(between)
        for ts, bar in rows:
            self.keep(name, ts, bar)
        self.world.same()


class Resumed:
    """A life in which the session ends now and then and goes on, once or twice at a time."""

    world: Any

    @rule(again=st.booleans())
    def resume(self, again: bool) -> None:
        self.world.resume()
        if again:
            self.world.resume()
        self.world.same()


class ResumedTapeLife(Resumed, TapeLife): ...


class ResumedHistoryLife(Resumed, HistoryLife): ...


DEEP = os.environ.get("SESSIONDATA_HYPOTHESIS") == "thorough"
for _life, _few, _many in (
    (ResumedStoreLife, 8, 300),
    (ResumedTapeLife, 12, 600),
    (ResumedHistoryLife, 5, 150),
):
    _life.TestCase.settings = settings(max_examples=_many if DEEP else _few, stateful_step_count=25)
TestResumedStoreLife = pytest.mark.slow(ResumedStoreLife.TestCase)
TestResumedTapeLife = pytest.mark.slow(ResumedTapeLife.TestCase)
TestResumedHistoryLife = pytest.mark.slow(ResumedHistoryLife.TestCase)
