"""Consumers of closed bars as columns of a file, and back.

    announced   a row for each bar of the session that a consumer has been told of: time and digest
    past        dates of which the file says what was announced; rows as above where it does not
    events      what had been found and not handed out

What was announced is compared with what there is, so it may be older than the rows of the file.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata.arguments import names_of
from sessiondata.errors import SessionStateError
from sessiondata.store.closed_bars import FeedState, feed_states, feeds_of, resume_feed
from sessiondata.store.settings import check_text
from sessiondata.time.dates import to_date
from sessiondata.time.intervals import parse_interval

if TYPE_CHECKING:
    from sessiondata._native.objects.store import SymbolCore
    from sessiondata.store.registry import Registry
    from sessiondata.store.store import StoreParts

__all__ = ["columns_of_feeds", "restore_feeds", "states_to_save"]

_HEARD = ("symbol", "date", "edits")
_SERIES = ("symbol", "date", "series", "rows", "next")
_PAST = ("symbol", "date")
_EVENTS = (
    "symbol", "interval", "revised", "time", "open", "high", "low", "close", "volume", "n_base", "n_expected",
    "extended", "end",
)  # fmt: skip
#: Types of events as they are handed out; in a file whole numbers have eight bytes.
_TYPES = ("i4", "i2", "?", "i8", "f8", "f8", "f8", "f8", "f8", "i4", "i4", "?", "i8")
_NO_DATE = 0


def states_to_save(registry: Registry, cores: list[SymbolCore]) -> list[FeedState]:
    """The consumers that have names. What history has lost is not in the file: if it was not
    announced, it becomes events now."""
    feeds = registry.feeds
    if feeds is None:
        return []
    for feed in feeds.named.values():
        if not feed.is_closed and feed.trimmed():
            with suppress(SessionStateError):  # it is being drained: then its consumer is told of a loss
                feed.look()
    states = feed_states(registry, cores)
    return [
        state._replace(lost=state.lost + [(cores[i].name, None, day) for i, days in state.trimmed for day in days])
        for state in states
    ]


def columns_of_feeds(
    registry: Registry, cores: list[SymbolCore], states: list[FeedState]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What the JSON says of each consumer, and the columns of all, the number of each before the
    names."""
    entries: list[dict[str, Any]] = []
    columns: dict[str, Any] = {}
    for number, state in enumerate(states):
        feed = registry.feeds.named[state.name]
        heard: list[tuple[int, ...]] = []
        series: list[tuple[int, ...]] = []
        past: list[tuple[int, ...]] = []
        times: list[Any] = []
        digests: list[Any] = []
        for i, date, n_edits, kept, days in state.heard:
            heard.append((i, _ordinal(date), n_edits))
            for k, ts, digest, next_seq in kept:
                series.append((i, _NO_DATE, k, len(ts), next_seq))
                times.append(ts)
                digests.append(digest)
            now = feed.entries(cores[i])
            for day, entry in days.items():
                if _is_same(entry, now.get(day)):
                    past.append((i, day.toordinal()))
                    continue
                for k, rows in enumerate(feed.digests(cores[i], entry)):
                    if rows is not None:
                        series.append((i, day.toordinal(), k, len(rows[0]), 0))
                        times.append(rows[0])
                        digests.append(rows[1])
        tables = (("", _HEARD, heard), ("series.", _SERIES, series), ("past.", _PAST, past))
        for prefix, names, rows in tables:
            table = np.array(rows, np.int64).reshape(-1, len(names)).T
            columns.update(
                (f"{number}.{prefix}{name}", column.copy()) for name, column in zip(names, table, strict=True)
            )
        columns[f"{number}.time"] = np.concatenate([np.zeros(0, np.int64), *times])
        columns[f"{number}.digest"] = np.concatenate([np.zeros(0, np.uint64), *digests]).view(np.int64)
        for name, column in zip(_EVENTS, state.events, strict=True):
            kind = np.float64 if column.dtype == np.float64 else np.int64
            columns[f"{number}.event.{name}"] = column.astype(kind)
        entries.append(
            {
                "name": state.name,
                "intervals": list(state.intervals),
                "symbols": None if state.symbols is None else sorted(state.symbols),
                "lost": [[symbol, interval, None if day is None else str(day)] for symbol, interval, day in state.lost],
            }
        )
    return entries, columns


def restore_feeds(store: StoreParts, entries: list[Any], columns: dict[str, Any]) -> None:
    """Have the consumers of a file go on. Raises ValueError, or what constructors raise, where it
    cannot be what was written."""
    cores = store.registry.all_cores()
    for number, entry in enumerate(entries):
        name = check_text(entry["name"], "a name")
        intervals = tuple(parse_interval(interval).name for interval in names_of("intervals", entry["intervals"]))
        lengths = [parse_interval(interval).step_ns or 2**63 for interval in intervals]
        if not lengths or any(a >= b for a, b in pairwise(lengths)):
            raise ValueError("intervals of a consumer ascend")
        symbols = None
        if entry["symbols"] is not None:
            symbols = frozenset(check_text(symbol, "a name") for symbol in entry["symbols"])
        lost = [
            (check_text(symbol, "a name"), interval, None if day is None else to_date(day))
            for symbol, interval, day in entry["lost"]
        ]
        feeds = feeds_of(store.registry, store.context, store.settings)
        if name in feeds.named:
            raise ValueError(f"a consumer has one name: {name!r:.40}")
        prefix = f"{number}."
        heard = _heard(feeds, cores, intervals, symbols, columns, prefix)
        events = [
            _narrow(columns[f"{prefix}event.{column}"], kind) for column, kind in zip(_EVENTS, _TYPES, strict=True)
        ]
        if len({len(column) for column in events}) != 1:
            raise ValueError("columns of events have one length")
        resume_feed(feeds, FeedState(name, intervals, symbols, heard, events, lost, []), cores)


def _heard(
    feeds: Any,
    cores: list[SymbolCore],
    intervals: tuple[str, ...],
    symbols: frozenset[str] | None,
    columns: dict[str, Any],
    prefix: str,
) -> list[tuple[Any, ...]]:
    made: dict[int, tuple[Any, Any, int, list[Any], dict[dt.date, Any]]] = {}
    probe = feeds.add(None, intervals, symbols, None)
    for i, date, n_edits in _rows(columns, prefix, _HEARD):
        if i in made or not 0 <= i < len(cores):
            raise ValueError("a consumer knows each symbol once")
        made[i] = (i, _date(date), n_edits, [], {})
    for i, date in _rows(columns, f"{prefix}past.", _PAST):
        made[i][4][_known(date)] = probe.entries(cores[i])[_known(date)]
    times, digests = columns[f"{prefix}time"], columns[f"{prefix}digest"]
    if times.dtype != np.int64 or digests.dtype != np.int64 or len(times) != len(digests):
        raise ValueError("times of what was announced have a digest each")
    at = 0
    for i, date, k, n, next_seq in _rows(columns, f"{prefix}series.", _SERIES):
        if not 0 <= n <= len(times) - at:
            raise ValueError("rows of a series are among those announced")
        ts, digest = times[at : at + n], digests[at : at + n].view(np.uint64)
        at += n
        if date == _NO_DATE:
            made[i][3].append((k, ts, digest, next_seq))
            continue
        rows = made[i][4].setdefault(_known(date), [None] * len(cores[i].intervals))
        if not isinstance(rows, list) or not 0 <= k < len(rows) or np.any(ts[1:] <= ts[:-1]):
            raise ValueError("of a past day there is what the file has, or rows that ascend")
        rows[k] = ts, digest
    probe.close()
    return list(made.values())


def _rows(columns: dict[str, Any], prefix: str, names: tuple[str, ...]) -> Any:
    found = [columns[prefix + name] for name in names]
    if any(column.dtype != np.int64 for column in found):
        raise ValueError("columns of a consumer are whole numbers")
    return zip(*(column.tolist() for column in found), strict=True)


def _narrow(column: Any, kind: str) -> Any:
    narrow = column.astype(kind)
    if not np.array_equal(narrow, column):
        raise ValueError("columns of events hold what they can")
    return narrow


def _is_same(entry: Any, now: Any) -> bool:
    if not isinstance(entry, tuple) or now is None or entry[0] is not now[0] or entry[2] is not now[2]:
        return False
    return all(a is b for a, b in zip(entry[1], now[1], strict=True))


def _ordinal(date: dt.date | None) -> int:
    return _NO_DATE if date is None else date.toordinal()


def _date(ordinal: int) -> dt.date | None:
    return None if ordinal == _NO_DATE else dt.date.fromordinal(ordinal)


def _known(ordinal: int) -> dt.date:
    return dt.date.fromordinal(ordinal)
