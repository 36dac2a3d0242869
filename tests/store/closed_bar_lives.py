"""Consumers of closed bars beside a store to which random things happen, and what they may say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sessiondata as sd
from delta_store import Life
from sessiondata.store.store import parts_of
from sessiondata.time.intervals import parse_interval
from worlds import HistoryWorld, World

Key = tuple[str, str, int]  # symbol, interval, open time
Values = tuple[str, ...]  # open, high, low, close, volume as text, which tells 0.0 from -0.0


class Follower:
    """One consumer, and the table that its events give.

    Parameters
    ----------
    data : SessionData
    intervals : tuple of str
    name : str
    as_arrays : bool
        Whether it takes its events as arrays.
    """

    def __init__(self, data: sd.SessionData, intervals: tuple[str, ...], name: str, as_arrays: bool = False) -> None:
        self.name, self.intervals, self.as_arrays = name, intervals, as_arrays
        self.feed = data.closed_bars(intervals, name=name)
        self.table: dict[Key, Values] = {}
        self.unseen: set[Key] = set()  # closed at some moment since the last drain
        self.gone: set[Key] = set()  # of those that have been announced, no more in the store at some moment
        self.n_events, self.n_revised, self.n_lost = 0, 0, 0
        self.may_lose = True  # False: it drains after each step, and no ring overwrites rows

    def on(self, data: sd.SessionData) -> Follower:
        """The same consumer of a store that was loaded or copied."""
        other = Follower(data, self.intervals, self.name, self.as_arrays)
        other.may_lose = self.may_lose
        other.table, other.unseen, other.gone = dict(self.table), set(self.unseen), set(self.gone)
        return other

    def see(self, truth: dict[Key, Values]) -> None:
        """These are the closed bars now."""
        mine = {key for key in truth if key[1] in self.feed.intervals}
        self.unseen |= mine - self.table.keys()
        self.gone |= self.table.keys() - mine

    def forget(self, is_gone: Callable[[Key], bool]) -> None:
        """Nobody will be told of these: symbols have left the store, or days are ahead of a session
        that were history while there was none."""
        self.unseen = {key for key in self.unseen if not is_gone(key)}

    def events(self) -> list[tuple[Any, ...]]:
        """(symbol, interval, ts_ns, kind, values, n_base, n_expected, extended, end_ns) of each."""
        if not self.as_arrays:
            events = self.feed.drain()
            return [
                (
                    e.symbol,
                    e.interval,
                    e.ts_ns,
                    e.kind,
                    tuple(map(repr, e.bar[1:6])),
                    *e.bar[8:10],
                    e.bar.extended,
                    e.end_ns,
                )
                for e in events
            ]
        a = self.feed.drain_arrays()
        columns = [
            a.symbol, a.interval, a.ts_ns, a.revised, a.open, a.high, a.low, a.close, a.volume, a.n_base, a.n_expected,
            a.extended, a.end_ns,
        ]  # fmt: skip
        return [
            (a.symbols[s], a.intervals[i], ts, "revised" if r else "closed", tuple(map(repr, row[:5])), *row[5:])
            for s, i, ts, r, *row in zip(*(column.tolist() for column in columns), strict=True)
        ]

    def follow(self, truth: dict[Key, Values], order: list[str], details: dict[Key, tuple[int, ...]]) -> list[Any]:
        """Drain, apply, and compare with the closed bars that there are."""
        lost: set[tuple[str, str | None]] = set()
        try:
            events = self.events()
        except sd.ClosedBarsLostError as error:
            self.n_lost += 1
            assert self.may_lose
            lost = {(symbol, interval) for symbol, interval, _ in error.lost}
            events = self.events()
        places = {name: i for i, name in enumerate(order)}
        keys = [
            (event[-1], parse_interval(event[1]).step_ns or 2**63, places.get(event[0], -1), event[2])
            for event in events
        ]
        assert keys == sorted(keys), "events are by end, interval, symbol"
        for symbol, interval, ts, kind, values, n_base, n_expected, extended, end in events:
            key = symbol, interval, ts
            if kind == "closed":
                assert key not in self.table or key in self.gone, f"announced twice: {key}"
            else:
                assert key in self.table, f"revised, and never announced: {key}"
                assert self.table[key] != values or interval not in details, f"revised, and the same: {key}"
            if key in details and values == truth.get(key):
                assert (n_base, n_expected, extended, end) == details[key]
            self.table[key] = values
            (self.gone.discard if key in truth else self.gone.add)(key)
            self.n_revised += kind == "revised"
        mine = {key: values for key, values in truth.items() if key[1] in self.feed.intervals}
        assert {key: self.table.get(key) for key in mine} == mine
        for key in self.unseen - self.table.keys() - mine.keys():
            assert (key[0], key[1]) in lost or (key[0], None) in lost, f"never told of {key}"
        self.unseen = set()
        assert self.feed.drain() == ()
        self.n_events += len(events)
        return events


def closed_in(data: sd.SessionData) -> dict[Key, Values]:
    """The closed bars that a store answers with, history included."""
    found: dict[Key, Values] = {}
    for name, symbol in data.symbols.items():
        for interval in symbol.intervals:
            windows = list((symbol.historical_bars.get(interval) or {}).values())
            series = symbol.bars(interval)
            now = series.copy()
            if len(now) and now[-1].forming:
                now = now[:-1]
            for window in (*windows, now):
                columns = [window.timestamp, window.open, window.high, window.low, window.close, window.volume]
                for ts, *values in zip(*(column.tolist() for column in columns), strict=True):
                    found[name, interval, ts] = tuple(map(repr, values))
    return found


def closed_in_model(world: World) -> tuple[dict[Key, Values], dict[Key, tuple[int, ...]]]:
    """The closed bars of the reference model, and (n_base, n_expected, extended, end) of derived
    ones of the session."""
    found: dict[Key, Values] = {}
    details: dict[Key, tuple[int, ...]] = {}
    for name in world.names:
        model = world.model.symbols[name]
        as_of = model.as_of()
        for interval in model.intervals():
            if isinstance(world, HistoryWorld):
                for date in world.model.past_dates(name, interval):
                    for ts, *values in world.model.past_rows(name, interval, date):
                        found[name, interval, ts] = tuple(map(repr, values))
            for bar in model.bars(interval):
                if as_of is not None and bar.stop <= as_of:
                    found[name, interval, bar.ts] = tuple(map(repr, bar.row[1:]))
                    if interval != model.base:
                        details[name, interval, bar.ts] = (bar.n_base, bar.n_expected, not bar.regular, bar.stop)
    return found, details


class ClosedBarLife(Life):
    """A store to which all sorts of things happen, with three consumers at paces of their own."""

    PACES = (1.0, 0.25, 0.03)

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.consumers = []
        self.n_steps = self.n_alike = 0
        self.followers: list[Follower] = []
        self.follow_anew()

    def follow_anew(self) -> None:
        held = sorted({interval for symbol in self.data.symbols.values() for interval in symbol.intervals})
        self.followers = [
            Follower(self.data, tuple(self.rng.sample(held, self.rng.randint(1, len(held)))), f"{i}", i == 1)
            for i in range(len(self.PACES))
        ]
        self.followers[0].may_lose = self.capacity is not None

    def remove(self) -> None:
        before = set(self.data.symbols.values())
        super().remove()
        self.forget({symbol.symbol for symbol in before - set(self.data.symbols.values())})

    def clear(self) -> None:
        self.forget(set(self.data.symbols))
        super().clear()

    def forget(self, names: set[str]) -> None:
        for follower in self.followers:
            follower.forget(lambda key: key[0] in names)

    def is_ahead(self, key: Key) -> bool:
        date = parts_of(self.data).context.next_date
        symbol = self.data.symbols.get(key[0])
        if date is None or symbol is None:
            return False
        day = symbol.calendar.session_at(key[2], unit="ns").date
        return day > date or (day == date and self.data.session_date is None)

    def drop(self) -> None:
        follower = self.rng.choice(self.followers)
        if self.rng.random() < 0.5:
            follower.feed.reset()
        else:
            follower.feed.close()
            if not all(any(i in s.intervals for s in self.data.symbols.values()) for i in follower.intervals):
                follower.intervals = (next(iter(self.data.symbols.values())).base_interval,)
            follower.feed = self.data.closed_bars(follower.intervals, name=follower.name)
        follower.table, follower.unseen, follower.gone = {}, set(), set()

    def close_the_gate(self) -> None:
        self.data.deactivate()
        self.data.activate()

    def nothing(self) -> None:
        pass

    def other_store(self) -> sd.SessionData:
        return sd.loads(self.data.dumps()) if self.rng.random() < 0.5 else self.data.copy()

    def happen(self) -> None:
        """One thing; then those that drain now say what they know."""
        self.happen_once()
        self.n_steps += 1
        truth = closed_in(self.data)
        order = list(self.data.symbols)
        for follower in self.followers:
            follower.see(truth)
            follower.forget(self.is_ahead)
        if self.rng.random() < 0.04:
            other = self.other_store()
            others = [follower.on(other) for follower in self.followers]
            for a, b in zip(self.followers, others, strict=True):
                assert a.follow(truth, order, {}) == b.follow(truth, order, {}), "the other store says something else"
            self.n_alike += 1
            if self.rng.random() < 0.5:
                self.data, self.followers = other, others
            return
        for follower, pace in zip(self.followers, self.PACES, strict=True):
            if self.rng.random() < pace:
                follower.follow(truth, order, {})


def live(first: int, n_steps: int, report: Callable[[str], None] = print) -> dict[str, int]:
    """Live through lives until so many steps have been checked; a failure names its seed."""
    total = {"lives": 0, "steps": 0, "events": 0, "revised": 0, "lost": 0, "alike": 0}
    seed = first
    while total["steps"] < n_steps:
        life = ClosedBarLife(seed)
        try:
            for _ in range(100):
                life.happen()
        except BaseException as error:
            error.add_note(f"life {seed}")
            raise
        total["lives"] += 1
        total["steps"] += life.n_steps
        total["alike"] += life.n_alike
        for follower in life.followers:
            total["events"] += follower.n_events
            total["revised"] += follower.n_revised
            total["lost"] += follower.n_lost
        seed += 1
        if total["lives"] % 1000 == 0:
            report(f"{seed}: {total}")
    return total
