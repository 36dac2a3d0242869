"""What has changed since the last export, as bytes, after one more bar of each symbol: metrics, and
of every interval count, quality and the row that grew or began."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from benchmarks import data, ours

#: Minutes before the first delta. Of those that come then one in five begins a bar of five minutes,
#: as in life.
EARLY = 31


class Feed:
    """A store of many symbols that gets one more minute, of all of them, each time it is asked
    to."""

    def __init__(self, symbols: int) -> None:
        self._days = np.array([data.minutes(seed).columns[1:] for seed in range(50)])
        self._times, self._which = data.minutes().columns[0].tolist(), np.arange(symbols) % 50
        self.store, self.done = ours.new_stores(symbols, data.minutes().date), 0
        self.names = list(self.store.symbols)
        for _ in range(EARLY):
            self.step()

    def step(self) -> tuple[()]:
        columns = self._days[self._which, :, self.done].T.copy()
        self.store.append_slice(self.names, self._times[self.done], *columns)
        self.done += 1
        return ()


@cache
def feed_of(symbols: int) -> Feed:
    """The same for all contestants: each has a cursor of its own."""
    return Feed(symbols)


TITLE = "One symbol's part of a delta after one bar: {:,} symbols"


@pytest.fixture(params=[10_000, 400], ids=lambda symbols: f"{symbols}-symbols")
def feed(request: pytest.FixtureRequest) -> Feed:
    return feed_of(request.param)


def time_delta(timed: Any, feed: Feed, contestant: str, run: Callable[[], object], **info: Any) -> None:
    n = len(feed.names)
    timed(f"delta/{n}-symbols", TITLE.format(n), contestant, n, run, setup=feed.step, **info)


def test_sessiondata(feed: Feed, timed: Any) -> None:
    store = feed.store
    document = json.loads(store.to_json())
    for _ in range(6):
        feed.step()
        document = sd.apply_delta(document, json.loads(store.to_json(False)))
        assert document == store.to_dict(cursor=store.export_cursor("other")), "contestants disagree on the document"
    time_delta(timed, feed, "sessiondata", lambda: store.to_json(False))


def test_orjson_of_dicts(feed: Feed, timed: Any) -> None:
    orjson = pytest.importorskip("orjson", reason="orjson is not installed")
    store = feed.store
    store.to_json()
    store.to_json(cursor=store.export_cursor("dicts"))
    for _ in range(6):
        feed.step()
        document = store.to_dict(False, cursor="dicts")
        document["meta"]["cursor"] = None
        assert orjson.dumps(document) == store.to_json(False), "contestants disagree on the delta"
    time_delta(timed, feed, "to_dict and orjson", lambda: orjson.dumps(store.to_dict(False, cursor="dicts")))


def test_complete_export(feed: Feed, timed: Any) -> None:
    store = feed.store
    note = "another document: everything, so it grows with the day"
    store.export_cursor("complete")
    time_delta(timed, feed, "the complete export", lambda: store.to_json(cursor="complete"), note=note)


def test_object_model(timed: Any) -> None:
    orjson = pytest.importorskip("orjson", reason="orjson is not installed")
    feed = Feed(400)
    store, days = feed.store, [data.minutes(seed) for seed in range(50)]
    early = np.arange(len(days[0])) < EARLY
    model = ours.model_of({name: days[number % 50].keep(early, "", "") for number, name in enumerate(feed.names)})
    done = EARLY

    def step() -> tuple[()]:
        nonlocal done
        feed.step()
        for number, symbol in enumerate(model.symbols.values()):
            symbol.add_bar(*days[number % 50].object_rows[done])
        done += 1
        return ()

    store.to_json()
    model.delta(store.sequence)
    for _ in range(6):
        step()
        assert orjson.dumps(model.delta(store.sequence)) == store.to_json(False), "contestants disagree on the delta"
    run = lambda: orjson.dumps(model.delta(store.sequence))  # noqa: E731
    timed("delta/400-symbols", TITLE.format(400), "object model: dicts and orjson", 400, run, setup=step)
