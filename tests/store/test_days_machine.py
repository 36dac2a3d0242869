"""Laws 8, 10 and 12 over whole lives: days behind, under way and ahead, beside a model of plain
dicts (`days_model.py`), by every door."""

from __future__ import annotations

import copy
import csv
import itertools
import os
import pickle
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import sessiondata as sd
from days_model import MARKETS, N_DATES, Model, Row
from sessiondata.store.symbol import state_of


def count_rows(symbol: sd.SymbolSessionData) -> int:
    """An indicator's function: it sees history as any caller does."""
    return sum(map(len, symbol.historical_bars[symbol.base_interval].values()))


class Pair:
    """A store, its model, and the document of a consumer who takes deltas."""

    def __init__(self, data: sd.SessionData, model: Model, document: dict[str, Any]) -> None:
        self.data, self.model, self.document = data, model, document

    @property
    def symbol(self) -> sd.SymbolSessionData:
        return self.data.symbols["A"]

    def columns(self, rows: list[tuple[str, int, Row]]) -> Iterator[list[Any]]:
        yield [ts for _, ts, _ in rows]
        for i in range(5):
            yield [row[i] for *_, row in rows]

    def same(self) -> None:
        self.same_document()
        self.same_history()
        self.same_all_bars()
        self.same_csv()
        for ask, value in self.model.indicators().items():
            assert self.data.get_historical_indicator("A", ask) == value
        assert str(self.data.session_date) == str(self.model.running)

    def same_document(self) -> None:
        expected = self.model.historical()
        assert self.data.to_dict()["symbols"]["A"]["historical"] == expected
        text = b'"historical":' + orjson.dumps(expected) + b"}"
        assert self.data.to_json().endswith(text + b"}}")
        assert orjson.dumps(self.symbol, default=sd.orjson_default).endswith(text)

    def same_history(self) -> None:
        model, history = self.model, self.symbol.historical_bars
        assert list(history) == model.intervals()
        for interval in history:
            dates, bars = model.dates(interval), history[interval]
            rows = {date: [(ts, *row) for ts, row in model.rows(interval, date).items()] for date in dates}
            assert {str(date): [bar[:6] for bar in window] for date, window in bars.items()} == rows
            assert [str(date) for date in bars] == [str(date) for date in bars.dates] == dates
            for n in (None, 0, 1, 2):
                held = self.data.get_historical_bars("A", interval, days=n)
                newest = dates if n is None else dates[max(0, len(dates) - n) :]
                assert {str(date): [bar[:6] for bar in window] for date, window in held.items()} == {
                    date: rows[date] for date in newest
                }
            counted = model.counted(interval)
            gaps = {date: model.gaps(interval, date) for date in counted}
            for date in [None, *counted]:
                present, expected = model.tally(interval, counted if date is None else [date])
                quality = 100.0 * present / expected if expected else 100.0
                assert self.data.get_historical_quality("A", interval, date) == bars.quality(date) == quality
                shown = [(gap.start_ns, gap.end_ns, gap.bar_count) for gap in bars.gaps(date)]
                assert shown == ([*itertools.chain(*gaps.values())] if date is None else gaps[date])
                assert self.data.get_historical_gaps("A", interval, date) == bars.gaps(date)
            for date in {*model.market.dates[:N_DATES]} - {*counted}:
                for ask in (bars.quality, bars.gaps, bars.__getitem__):
                    with pytest.raises(sd.UnknownNameError):
                        ask(date)
        base = model.market.base[0]
        for date in model.market.dates[:N_DATES]:
            if date in model.days and model.is_past(date):
                day = self.symbol.historical_day(date)
                assert [bar[0] for bar in day.bars()] == sorted(model.days[date].rows)
                assert day.bars(base).quality == 100.0 * model.tally(base, [date])[0] / model.tally(base, [date])[1]
            else:
                with pytest.raises(sd.UnknownNameError):
                    self.symbol.historical_day(date)

    def same_all_bars(self) -> None:
        model = self.model
        for interval in [*model.market.steps, "1d"]:
            grown = interval in model.grown or interval == "1d"
            if interval not in model.intervals() or not (grown or model.running is None):
                with pytest.raises(sd.UnknownNameError):
                    self.data.get_all_bars_including_historical("A", interval)
                continue
            window = self.data.get_all_bars_including_historical("A", interval)
            rows = model.all_rows(interval)
            assert [bar[:6] for bar in window] == rows
            frame = window.to_polars()
            assert frame["timestamp"].dt.epoch("ns").to_list() == [row[0] for row in rows]
            assert frame.select("open", "high", "low", "close", "volume").rows() == [row[1:] for row in rows]
        live = model.live.rows
        assert [bar[:6] for bar in self.symbol.bars()] == [(ts, *live[ts]) for ts in sorted(live)]
        state_of(self.symbol).core.check_invariants()

    def same_csv(self) -> None:
        """The steps of a session are its own."""
        with tempfile.TemporaryDirectory() as folder:
            self.data.to_csv(Path(folder) / "x.csv", self.model.market.base[0])
            rows = list(csv.DictReader((Path(folder) / "x.csv").read_text().splitlines()))
        assert {row["session_date"] for row in rows} <= {self.model.running}
        present = [int(row["ts_ns"]) for row in rows if row["state"] == "present" or row["open"]]
        assert present == sorted(self.model.live.rows)


date_slot_value = st.tuples(st.integers(0, N_DATES - 1), st.integers(0, 5), st.integers(0, 9))
rows_picked = st.lists(date_slot_value, min_size=1, max_size=8)
one_date = st.integers(0, N_DATES - 1)


class DaysLife(RuleBasedStateMachine):
    """One store, sometimes a second one that has parted from it."""

    here: Pair

    @initialize(
        market=st.sampled_from(sorted(MARKETS)),
        trailing_days=st.sampled_from([0, 1, 2, 5]),
        capacity=st.sampled_from([None, 50]),
        shows_1d=st.booleans(),
        first=st.sampled_from([None, 0, 2, 3, 4]),
    )
    def begin(self, market: str, trailing_days: int, capacity: int | None, shows_1d: bool, first: int | None) -> None:
        self.market = MARKETS[market]
        note(f"{market} trailing_days={trailing_days} capacity={capacity} shows_1d={shows_1d}")
        derived = [self.market.derived[0], *(["1d"] if shows_1d else [])]
        data = sd.SessionData(
            self.market.calendar, self.market.base[0], derived, trailing_days, capacity=capacity, tick_capacity=256
        )
        data.register_symbol("A")
        data.add_historical_indicator("avg_volume_2d")
        data.add_historical_indicator("n", count_rows, days=1)
        data.export_cursor("ui")
        model = Model(self.market, trailing_days, 2, shows_1d)
        self.here = Pair(data, model, data.to_dict(cursor="ui"))
        self.there: Pair | None = None
        if first is not None:
            self.start_session(first)

    def pick(self, picks: Iterable[tuple[int, int, int]], interval: str | None = None) -> list[tuple[str, int, Row]]:
        """Rows of distinct slots, in any order."""
        found: dict[tuple[str, int], Row] = {}
        for date, slot, value in picks:
            day = self.market.dates[date]
            slots = [ts for segment in self.market.slots(day, interval or self.market.base[0]) for ts in segment]
            price = 10.0 + value / 4
            row = (price, price + 2.0, price - 1.0, price + 0.5, 100.0 + value)
            found[day, slots[slot % len(slots)]] = row
        return [(date, ts, row) for (date, ts), row in found.items()]

    # --- loads ---

    @rule(picks=rows_picked)
    def load(self, picks: Any) -> None:
        rows = self.pick(picks)
        columns = list(self.here.columns(rows))
        before = copy.deepcopy(self.here.model)
        stored = self.here.model.load(rows)
        if stored is None:
            self.here.model = before
            with pytest.raises(sd.InputKindError):
                self.here.symbol.load_historical_bars(self.market.base[0], *columns)
        else:
            assert self.here.symbol.load_historical_bars(self.market.base[0], *columns) == stored

    @rule(first=one_date, n=st.integers(1, 4), value=st.integers(0, 9))
    def load_whole_days(self, first: int, n: int, value: int) -> None:
        dates = range(first, min(first + n, N_DATES))
        self.load([(date, slot, value + slot) for date in dates for slot in range(6)])

    @rule(picks=rows_picked, which=st.sampled_from(["derived", "other", "1d", "1d"]))
    def load_other(self, picks: Any, which: str) -> None:
        interval = "1d" if which == "1d" else getattr(self.market, which)[0]
        rows = self.pick(picks, interval)
        ts, *values = self.here.columns(rows)
        times = [date for date, _, _ in rows] if which == "1d" else ts
        stored = self.here.model.give(interval, rows)
        assert self.here.symbol.load_historical_bars(interval, times, *values) == stored

    # --- sessions ---

    @rule(date=one_date)
    def start_session(self, date: int) -> None:
        model, day = self.here.model, self.market.dates[date]
        refused = day != model.running if model.running is not None else model.ended is not None and day < model.ended
        if refused:
            with pytest.raises(sd.SessionStateError):
                self.here.data.start_session(day)
            return
        self.here.data.start_session(day)
        if model.running is None:
            model.start(day)

    @rule(skip=st.sampled_from([0, 0, 0, 1, 3]))
    def roll(self, skip: int) -> None:
        """To the next date, or with days in between that may have been loaded."""
        model = self.here.model
        if model.last is None:
            with pytest.raises(sd.SessionStateError):
                self.here.data.roll_session()
            return
        date = self.market.dates[min(self.market.dates.index(model.last) + 1 + skip, 18)]
        if date <= model.last:
            return
        self.here.data.roll_session(date if skip else None)
        model.end(before=date)
        model.start(date)

    @rule()
    def end(self) -> None:
        if self.here.model.running is None:
            with pytest.raises(sd.SessionStateError):
                self.here.data.end_session()
            return
        self.here.data.end_session()
        self.here.model.end()

    @precondition(lambda self: self.here.model.running is not None)
    @rule(picks=rows_picked, skip=st.sampled_from([0, 1, 3, None]))
    def end_and_load(self, picks: Any, skip: int | None) -> None:
        """Rows that come between two sessions, of which the next one may pass them by."""
        self.end()
        self.same()
        self.load(picks)
        self.same()
        if skip is not None:
            self.roll(skip)

    @precondition(lambda self: self.here.model.running is not None)
    @rule(slot=st.integers(0, 5), part=st.sampled_from([0, 1, 2]))
    def advance(self, slot: int, part: int) -> None:
        model = self.here.model
        slots = [ts for segment in self.market.slots(model.running, self.market.base[0]) for ts in segment]
        ts = slots[slot % len(slots)] + part * self.market.base[1] // 2
        self.here.data.advance_to(ts)
        model.clock = ts if model.clock is None else max(model.clock, ts)

    # --- bars and trades ---

    @rule(picks=rows_picked)
    def extend(self, picks: Any) -> None:
        self.stream(self.pick(picks), single=False)

    @rule(date=one_date, slot=st.integers(0, 5), value=st.integers(0, 9))
    def append(self, date: int, slot: int, value: int) -> None:
        self.stream(self.pick([(date, slot, value)]), single=True)

    @precondition(lambda self: self.here.model.running in self.market.dates[:N_DATES])
    @rule(slot=st.integers(0, 5), value=st.integers(0, 9), single=st.booleans())
    def append_now(self, slot: int, value: int, single: bool) -> None:
        date = self.market.dates.index(self.here.model.running or "")
        self.stream(self.pick([(date, slot, value)]), single)

    @precondition(lambda self: any(map(self.here.model.is_absent, self.market.dates[:N_DATES])))
    @rule(data=st.data(), value=st.integers(0, 9), way=st.sampled_from(["one", "all", "slice", "fill"]))
    def come_for_an_absent_day(self, data: st.DataObject, value: int, way: str) -> None:
        model, symbol = self.here.model, self.here.symbol
        date = data.draw(st.sampled_from([*filter(model.is_absent, self.market.dates[:N_DATES])]))
        rows = self.pick([(self.market.dates.index(date), slot, value) for slot in range(2 if way == "all" else 1)])
        if way == "fill":
            assert symbol.fill(*self.here.columns(rows)) == model.fill(rows) == len(rows)
        else:
            self.stream(rows, way == "one", way == "slice")

    @precondition(lambda self: any(map(self.here.model.is_past, self.here.model.days)))
    @rule(data=st.data(), slot=st.integers(0, 5), value=st.integers(0, 9), way=st.sampled_from(["one", "all", "slice"]))
    def append_late(self, data: st.DataObject, slot: int, value: int, way: str) -> None:
        dates = sorted(filter(self.here.model.is_past, self.here.model.days))
        date = self.market.dates.index(data.draw(st.sampled_from(dates)))
        self.stream(self.pick([(date, slot, value)]), way == "one", way == "slice")

    def stream(self, rows: list[tuple[str, int, Row]], single: bool, as_slice: bool = False) -> None:
        model, symbol = self.here.model, self.here.symbol
        before = copy.deepcopy(model)
        refusal: type[Exception] | None = None
        later = [date for date, _, _ in rows if model.last is None or date > model.last]
        if model.running is None and later:
            model.start(min(later))
        if model.live.source == "trades" and any(date >= (model.running or "") for date, _, _ in rows):
            refusal = sd.InputKindError
        elif model.running is not None and any(date > model.running for date, _, _ in rows):
            refusal = sd.LaterSessionError
        changed = None if refusal else model.bars(rows)
        if changed is None:
            self.here.model = before
        columns = list(self.here.columns(rows))

        def store() -> int:
            if single:
                return int(symbol.append(*(column[0] for column in columns)))
            if as_slice:
                return self.here.data.append_slice(["A"], *columns)
            return symbol.extend(*columns)

        if changed is None:
            with pytest.raises(refusal or sd.InputKindError):
                store()
        else:
            assert store() == changed

    @precondition(lambda self: self.here.model.running is not None)
    @rule(slot=st.integers(0, 5), part=st.integers(0, 3), price=st.integers(40, 60), size=st.integers(1, 9))
    def trade(self, slot: int, part: int, price: int, size: int) -> None:
        model = self.here.model
        slots = [ts for segment in self.market.slots(model.running, self.market.base[0]) for ts in segment]
        ts = slots[slot % len(slots)] + part * self.market.base[1] // 4
        if model.trade(ts, price / 4, float(size)) is None:
            with pytest.raises(sd.InputKindError):
                self.here.symbol.append_tick(ts, price / 4, float(size))
        else:
            assert self.here.symbol.append_tick(ts, price / 4, float(size))

    @precondition(lambda self: self.here.model.days)
    @rule(picks=rows_picked)
    def fill(self, picks: Any) -> None:
        model = self.here.model
        rows = [row for row in self.pick(picks) if model.running is None or row[0] < model.running]
        if rows:
            assert self.here.symbol.fill(*self.here.columns(rows)) == model.fill(rows)

    # --- copies, files, consumers ---

    @rule(way=st.sampled_from(["dumps", "save", "pickle", "copy"]))
    def come_back(self, way: str) -> None:
        """Go on with what was restored."""
        here = self.here
        if way == "copy":
            here.data = here.data.copy()
        elif way == "pickle":
            here.data = pickle.loads(pickle.dumps(here.data))
        elif way == "dumps":
            here.data = sd.loads(here.data.dumps())
        else:
            with tempfile.TemporaryDirectory() as folder:
                here.data.save(Path(folder) / "x")
                here.data = sd.load(Path(folder) / "x")
        if way in ("dumps", "save"):  # functions are not in a file
            here.data.add_historical_indicator("n", count_rows, days=1)

    @rule(anew=st.booleans())
    def part(self, anew: bool) -> None:
        """Whatever happens to one of two copies does not show in the other, on whichever one goes
        on."""
        here = self.here
        if anew or self.there is None:
            self.there = Pair(here.data.copy(), copy.deepcopy(here.model), copy.deepcopy(here.document))
        else:
            self.here, self.there = self.there, here

    @rule()
    def delta(self) -> None:
        here = self.here
        delta = here.data.to_dict(False, cursor="ui")
        here.document = sd.apply_delta(here.document, delta)
        assert here.document["symbols"] == here.data.to_dict()["symbols"]
        assert here.document["symbols"]["A"]["historical"] == here.model.historical()
        again = here.data.to_dict(False, cursor="ui")
        assert "historical" not in again["symbols"].get("A", {})
        here.document = sd.apply_delta(here.document, again)

    @rule(by_bytes=st.booleans())
    def complete(self, by_bytes: bool) -> None:
        here = self.here
        here.document = orjson.loads(here.data.to_json(cursor="ui")) if by_bytes else here.data.to_dict(cursor="ui")

    @invariant()
    def same(self) -> None:
        if hasattr(self, "here"):
            self.here.same()
            if self.there is not None:
                self.there.same_document()


DEEP = os.environ.get("SESSIONDATA_HYPOTHESIS") == "thorough"
DaysLife.TestCase.settings = settings(max_examples=1000 if DEEP else 20, stateful_step_count=25)
TestDaysLife = pytest.mark.slow(DaysLife.TestCase)
