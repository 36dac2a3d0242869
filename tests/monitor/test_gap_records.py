"""Lives of gaps as `DataQualityManager` tells them, over random sessions, against a model that
knows single slots only.

The model makes a round first and with it up what the provider will say to each of its requests;
then the manager makes the same round. So they agree on each request, or the first one that differs
is an error.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessiondata as sd

MINUTE = 60_000_000_000
DAY = 1440 * MINUTE
OPEN = 1_710_250_200_000_000_000  # 2024-03-12 13:30 UTC
FIRST = dt.date(2024, 3, 12)

# Minutes in which the market is open: one stretch, touching ones, breaks, last slots of every
# length.
HOURS = [
    [(0, 20)],
    [(0, 8), (8, 20)],
    [(0, 7), (9, 17), (17, 23)],
    [(0, 5), (12, 13), (15, 24)],
    [(0, 11), (11, 12), (20, 30)],
]
INVALID: list[Any] = ["<html>", 3, (1, 2), np.zeros((5, 3)), {}, [[1], [2], [3], [4], [5], ["six"]]]
NOTHING: list[Any] = [(), np.empty((0, 6)), np.empty((6, 0)), [np.array([])] * 6]
ANSWERS = [
    *("all", "all", "some", "none", "nothing", "error", "invalid"),
    *("outside", "not finite", "twice", "feeder", "mark"),
]


def bar(ts: int) -> tuple[Any, ...]:
    k = ts // MINUTE
    return (ts, 10.0 + k % 7, 19.0, 9.0, 11.0, float(k % 50))


class Slots:
    """What is known of each slot of one symbol in one session."""

    def __init__(self, segments: list[tuple[int, int]], step: int) -> None:
        self.step = step
        self.stop = {
            ts: min(ts + step, stop) for start, stop in segments for ts in range(start, stop, step)
        }  # by start, in time order
        self.segment = {ts: i for i, (start, stop) in enumerate(segments) for ts in range(start, stop, step)}
        self.present: set[int] = set()
        self.explained: set[int] = set()  # minutes
        self.attempts: Counter[int] = Counter()
        self.asked: dict[int, int] = {}
        self.newest: int | None = None  # end of the newest bar
        self.clock: int | None = None

    def store(self, ts: int) -> None:
        self.present.add(ts)
        self.newest = max(self.newest or 0, self.stop[ts])

    def explain(self, start: int, stop: int) -> None:
        self.explained.update(range(start, stop, MINUTE))

    def is_missing(self, ts: int) -> bool:
        return ts not in self.present and not self.explained.issuperset(range(ts, self.stop[ts], MINUTE))

    @property
    def as_of(self) -> int | None:
        return max((time for time in (self.clock, self.newest) if time is not None), default=None)

    def over(self) -> list[int]:
        return [] if self.as_of is None else [ts for ts in self.stop if self.stop[ts] <= self.as_of]

    def missing(self) -> list[int]:
        return [ts for ts in self.over() if self.is_missing(ts)]

    def retry(self, first: int, stop: int, when: int) -> None:
        for ts in self.missing():
            if first <= ts < stop:
                self.attempts[ts] += 1
                self.asked[ts] = max(self.asked.get(ts, when), when)

    def gaps(self) -> list[list[int]]:
        """Runs of missing slots; none goes on in the next segment."""
        runs: list[list[int]] = []
        missing, before = set(self.missing()), None
        for ts in self.stop:
            if ts in missing:
                if before in missing and self.segment[before] == self.segment[ts]:
                    runs[-1].append(ts)
                else:
                    runs.append([ts])
            before = ts
        return runs


class RefManager:
    """Rounds over slots. A record is a dict of what a `GapRecord` has."""

    def __init__(self, live: bool, max_retries: int, wait: int, backoff: float, longest: int) -> None:
        self.live, self.max_retries = live, max_retries
        self.wait, self.backoff, self.longest = wait, backoff, longest
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.past: dict[str, list[dict[str, Any]]] = {}

    def leave(self, now: int) -> None:
        """The session was left since the round before."""
        for name, records in self.records.items():
            for record in records:
                if record["reason"] is None:
                    record["reason"], record["closed"] = "session_ended", now
            self.past.setdefault(name, []).extend(sorted(records, key=lambda record: record["start"]))
        self.records = {}

    def parts(self, slots: Slots, gap: list[int]) -> list[list[int]]:
        """What of a gap may be asked for: all of it or, once it has ended, its slots that were
        asked for less often."""
        if max(slots.attempts[ts] for ts in gap) < self.max_retries:
            return [gap]
        after = gap[-1] + slots.step
        if any(start <= after < stop and start not in slots.over() for start, stop in slots.stop.items()):
            return []
        parts: list[list[int]] = [[]]
        for ts in gap:
            if slots.attempts[ts] < self.max_retries:
                parts[-1].append(ts)
            else:
                parts.append([])
        return [part for part in parts if part]

    def look(self, name: str, slots: Slots, now: int) -> None:
        gaps = slots.gaps()
        unseen = list(gaps)
        for record in self.records.setdefault(name, []):
            if record["reason"] not in (None, "exhausted"):
                continue
            mine = [gap for gap in gaps if gap[0] <= record["end"] and gap[-1] >= record["start"]]
            if not mine:
                filled = any(record["start"] <= ts <= record["end"] for ts in slots.present)
                record["reason"] = "filled" if filled else "confirmed_empty"
                record["closed"] = now
                continue
            unseen = [gap for gap in unseen if gap not in mine]
            record["end"] = max(record["end"], mine[-1][-1])
            record["stop"] = slots.stop[record["end"]]
            may_be_asked = any(self.parts(slots, gap) for gap in mine)
            if self.live and not may_be_asked and record["reason"] is None:
                record["reason"], record["closed"] = "exhausted", now
            elif may_be_asked and record["reason"] == "exhausted":
                record["reason"] = record["closed"] = None
        self.records[name] += [
            {
                "start": gap[0],
                "end": gap[-1],
                "stop": slots.stop[gap[-1]],
                "found": now,
                "attempts": [],
                "reason": None,
                "closed": None,
            }
            for gap in unseen
        ]

    def due(self, slots: Slots, gap: list[int], part: list[int], now: int) -> bool:
        n = max(slots.attempts[ts] for ts in part)
        last = max((slots.asked[ts] for ts in gap if ts in slots.asked), default=now)
        return n == 0 or now - last >= min(self.wait * self.backoff ** (n - 1), self.longest)

    def round(self, worlds: dict[str, Slots], now: int, answer: Any) -> list[tuple[Any, ...]]:
        """One round; `answer(name, slots, part)` says what the provider does, and what comes of
        it."""
        attempts = []
        for name, slots in worlds.items():
            self.look(name, slots, now)
            if not self.live or all(record["reason"] is not None for record in self.records[name]):
                continue
            due = [part for gap in slots.gaps() for part in self.parts(slots, gap) if self.due(slots, gap, part, now)]
            for part in due:
                outcome, rows = answer(name, slots, part)
                slots.retry(part[0], part[-1] + 1, now)
                made = (now, part[0], slots.stop[part[-1]], outcome, rows)
                for record in self.records[name]:
                    if record["reason"] in (None, "exhausted") and record["start"] <= part[0] <= record["end"]:
                        record["attempts"].append(made)
                attempts.append(made)
            if due:
                self.look(name, slots, now)
        return attempts


class Desk:
    """A store, a manager and a provider; and the models of them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        pick = self.random.choice
        self.step = pick([1, 1, 2, 3]) * MINUTE
        minutes = pick(HOURS)
        self.segments = [
            [(OPEN + day * DAY + start * MINUTE, OPEN + day * DAY + stop * MINUTE) for start, stop in minutes]
            for day in range(4)
        ]
        schedule = {FIRST + dt.timedelta(day): segments for day, segments in enumerate(self.segments)}
        calendar = sd.SessionCalendar.from_schedule(schedule, "UTC")
        self.data = sd.SessionData(calendar, f"{self.step // MINUTE}m", ("6m", "1d"), trailing_days=pick([0, 1, 3]))
        for name in "AB"[: pick([1, 2])]:
            self.data.register_symbol(name)
        self.day, self.left = 0, False
        self.data.start_session(FIRST)
        self.worlds = {name: Slots(self.segments[0], self.step) for name in self.data.symbols}
        live, retries, wait = self.random.random() < 0.9, pick([1, 2, 3, 5]), pick([0, 1, 60, 90, 200])
        backoff, longest = pick([1.0, 1.5, 2.0, 10.0]), pick([60, 120, 3600])
        self.model = RefManager(live, retries, wait * 10**9, backoff, longest * 10**9)
        self.manager = sd.DataQualityManager(
            self.data, "live" if live else "backtest", self.fetch, retries, wait, backoff=backoff,
            max_interval_seconds=longest,
        )  # fmt: skip
        self.planned: list[Any] = []
        self.seen: int | None = None

    # --- the provider ---

    def answer(self, name: str, slots: Slots, part: list[int]) -> tuple[str, int]:
        """Plan an answer, and do to the model what it will do."""
        kind = self.random.choice(ANSWERS)
        asked = [ts for ts in slots.stop if part[0] <= ts < slots.stop[part[-1]]]
        some = self.random.sample(asked, self.random.randint(1, len(asked)))
        rows = [bar(ts) for ts in (some if kind == "some" else asked)]
        if kind == "not finite":
            rows = [(row[0], np.nan, *row[2:]) if row[0] in some else row for row in rows]
        elif kind == "outside":
            rows = [bar(ts) for ts in (part[0] - self.step, slots.stop[part[-1]], part[0] - 50 * MINUTE)]
        elif kind == "twice":
            rows = [*rows, *rows, bar(part[0] + 1)]
            self.random.shuffle(rows)
        self.planned.append((name, part[0], slots.stop[part[-1]], kind, some[0], rows))
        if kind == "feeder":
            slots.store(some[0])
        elif kind == "mark":
            slots.explain(some[0], slots.stop[some[0]])
        if kind in ("none", "error", "invalid", "outside"):
            return {"none": "unknown", "outside": "invalid"}.get(kind, kind), 0
        if kind == "nothing":
            for ts in part:
                slots.explain(ts, slots.stop[ts])
            return "empty", 0
        wanted = {row[0] for row in rows if row[1] == row[1] and row[0] in part and row[0] not in slots.present}
        for ts in wanted:
            slots.store(ts)
        return ("filled" if len(wanted) == len(part) else "partial" if wanted else "invalid"), len(wanted)

    def fetch(self, symbol: str, interval: str, start_ns: int, stop_ns: int) -> Any:
        *asked, kind, some, rows = self.planned.pop(0)
        assert [symbol, start_ns, stop_ns] == asked
        if kind == "error":
            raise ConnectionError("no route")
        if kind in ("none", "nothing", "invalid"):
            return None if kind == "none" else self.random.choice(NOTHING if kind == "nothing" else INVALID)
        if kind == "feeder":
            self.data.append(symbol, *bar(some))
        elif kind == "mark":
            self.data.symbols[symbol].mark_no_trade(interval, some, some + 1)
        columns = tuple(np.array(column) for column in zip(*rows, strict=True))
        names = ("timestamp", "open", "high", "low", "close", "volume")
        return self.random.choice([columns, [c.tolist() for c in columns], dict(zip(names, columns, strict=True))])

    # --- what happens ---

    def now(self) -> int | None:
        return max((slots.as_of for slots in self.worlds.values() if slots.as_of is not None), default=None)

    def act(self) -> None:
        getattr(self, self.random.choice(["bar"] * 4 + ["clock"] * 2 + ["mark", "halt", "retry", "roll"]))()

    def pick(self) -> tuple[Any, Slots]:
        name = self.random.choice(list(self.worlds))
        return self.data.symbols[name], self.worlds[name]

    def bar(self) -> None:
        symbol, slots = self.pick()
        absent = [ts for ts in slots.stop if ts not in slots.present]
        near = [ts for ts in absent if slots.newest is None or slots.newest - 5 * self.step <= ts][:7]
        if near:
            ts = self.random.choice(near)
            symbol.append(*bar(ts))
            slots.store(ts)

    def clock(self) -> None:
        to = (self.now() or self.segments[self.day][0][0]) + self.random.choice([0, 1, 30, 60, 120, 300]) * 10**9
        self.data.advance_to(to)
        for slots in self.worlds.values():
            slots.clock = max(slots.clock or to, to)

    def mark(self) -> None:
        symbol, slots = self.pick()
        start = self.random.choice(list(slots.stop))
        stop = start + self.random.choice([1, 2 * self.step, 4 * self.step])
        symbol.mark_no_trade(symbol.base_interval, start, stop)
        for ts in slots.stop:
            if start <= ts < stop:
                slots.explain(ts, slots.stop[ts])

    def halt(self) -> None:
        symbol, slots = self.pick()
        start = self.random.choice(list(slots.stop)) + self.random.choice([-1, 0, 0, 1]) * MINUTE
        stop = start + self.random.choice([MINUTE, self.step, 4 * self.step])
        symbol.mark_halted(start, stop)
        slots.explain(start, stop)

    def retry(self) -> None:
        """Somebody else asks elsewhere."""
        symbol, slots = self.pick()
        start, when = self.random.choice(list(slots.stop)), self.now() or OPEN
        when = when // 1000 * 1000
        symbol.record_retry(symbol.base_interval, start, start + 3 * self.step, when)
        slots.retry(start, start + 3 * self.step, when)

    def roll(self) -> None:
        if self.day < 3 and self.random.random() < 0.2:
            self.data.roll_session()
            self.day, self.left = self.day + 1, True
            self.worlds = {name: Slots(self.segments[self.day], self.step) for name in self.worlds}

    def make_round(self) -> None:
        now = self.now() if self.now() is not None else self.seen
        given_now = None
        if self.random.random() < 0.2:
            now = given_now = (now or OPEN) + self.random.choice([0, 30, 600, -60]) * 10**9
        if now is None:
            assert self.manager.step() == []
            return
        now = now // 1000 * 1000 if given_now is None else now
        self.seen = now
        if self.left:
            self.model.leave(now)
            self.left = False
        expected = self.model.round(self.worlds, now, self.answer)
        made = [_told(one) for one in self.manager.step(given_now)]
        assert made == expected
        assert not self.planned
        self.compare()

    def compare(self) -> None:
        stats = self.manager.get_quality_stats()
        outcomes: Counter[str] = Counter()
        for name, slots in self.worlds.items():
            records = [
                *self.model.past.get(name, []),
                *sorted(self.model.records[name], key=lambda record: record["start"]),
            ]
            assert [
                {
                    "start": record.start_ns, "end": record.end_ns, "stop": record.stop_ns, "found": record.found_ns,
                    "reason": record.reason,
                    "closed": record.closed_ns, "attempts": [_told(made) for made in record.attempts],
                }
                for record in self.manager.records(name)
            ] == records  # fmt: skip
            outcomes.update(made[3] for record in records for made in record["attempts"])
            reasons = Counter(record["reason"] or "open" for record in records)
            present, over = sum(ts in slots.present for ts in slots.over()), len(slots.over())
            missing = len(slots.missing())
            assert stats["symbols"][name] == {
                "interval": self.data.symbols[name].base_interval,
                "quality": 100.0 * present / over if over else 100.0,
                "completeness": 100.0 * (over - missing) / over if over else 100.0,
                "missing": missing,
                **{reason: reasons[reason] for reason in ("open", "filled", "confirmed_empty", "exhausted")},
            }
        assert stats["outcomes"] == outcomes
        assert (stats["requests"], stats["failures"], stats["hanging"]) == (sum(outcomes.values()), 0, 0)


def _told(made: Any) -> tuple[Any, ...]:
    return (made.when_ns, made.start_ns, made.stop_ns, made.outcome, made.rows)


@pytest.mark.slow
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_records_of_gaps_are_those_of_a_model_of_slots(seed: int) -> None:
    desk = Desk(seed)
    for _ in range(25):
        for _ in range(desk.random.randint(1, 4)):
            desk.act()
        desk.make_round()
