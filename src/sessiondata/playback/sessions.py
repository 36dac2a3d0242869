"""Bars of many symbols, fed to one store per trade date.

A store holds one session, so the bars are first split by trade date, calendar and base interval.
Then each part is played into a store of its own and yielded. Only one store is alive at a time,
unless the caller keeps them.

Within a session bars are stored hour by hour, and in each hour symbol by symbol as arrays. Bars of
one symbol are sorted by time before; of equal times with different values the caller says which one
counts (`merging`). At the end the clock is moved to the newest end of any bar in the session: what
a symbol lacks up to there is missing, and nothing after that is expected.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sessiondata.errors import ArgumentError, CalendarError, DateOutOfRangeError, InputError, IntervalError
from sessiondata.market.calendar import SessionCalendar
from sessiondata.market.calendar import calendar as named_calendar
from sessiondata.market.grid import SessionGrid
from sessiondata.readers.merging import DUPLICATES, Placed, concatenate, refuse_mixed_origins, resolve_duplicates
from sessiondata.readers.steps import interval_name, with_intervals
from sessiondata.readers.table import BarTable
from sessiondata.readers.types import Note, OnError
from sessiondata.store.store import SessionData
from sessiondata.time.intervals import parse_interval

__all__ = ["DERIVED", "ReplaySession", "replay"]

DERIVED = ("5m", "15m", "1h", "1d")

_SECOND_NS = 1_000_000_000
_DAY_NS = 86_400 * _SECOND_NS
_SLICE_NS = 3_600 * _SECOND_NS
_INT64_MAX = 2**63 - 1

Progress = Callable[[int, int, str], None]  # done, total, what


@dataclass(frozen=True, slots=True)
class ReplaySession:
    """One session after its bars have been played.

    Attributes
    ----------
    date : datetime.date
        Trade date.
    calendar : str
        Name of the calendar.
    interval : str
        Base interval.
    data : SessionData
        The store, its clock at the newest end of any bar.
    """

    date: dt.date
    calendar: str
    interval: str
    data: SessionData


class _Key(NamedTuple):
    """What makes a session of its own; also the order in which sessions are played."""

    date: dt.date
    calendar: str
    step_ns: int


class _Part(NamedTuple):
    """The bars of one table that belong to one session, in time order."""

    grid: SessionGrid
    table: BarTable


def replay(
    tables: Iterable[BarTable],
    *,
    calendar: str | SessionCalendar | None = None,
    derive: Sequence[str] | None = None,
    interval: str | None = None,
    label: str = "open",
    date: dt.date | None = None,
    duplicates: str = "error",
    progress: Progress | None = None,
    note: Note | None = None,
    on_error: OnError | None = None,
) -> Iterator[ReplaySession]:
    """Play bars into stores, session by session.

    Parameters
    ----------
    tables : iterable of BarTable
        All are held in memory until the last session has been played.
    calendar : str or SessionCalendar, optional
        For all tables. By default that of the table, and 24/7 for a table without one.
    derive : sequence of str, optional
        Derived intervals. By default those of 5m, 15m, 1h and 1d that a base interval divides.
    interval : str, optional
        Base interval of tables that do not know theirs. By default what the steps between their
        times say; a file that can be read in two ways is refused.
    label : {"open", "close"}
        Which end of its interval a timestamp names in tables that do not know their interval.
        LEAN's name the open.
    date : datetime.date, optional
        Play this trade date only.
    duplicates : {"error", "last", "first"}
        Which of the rows of one symbol with equal times and different values counts: the last, as a
        correction, or the first. By default their files are refused. Equal rows are repeats, and
        counted.
    progress : callable, optional
        Called as ``progress(rows done, rows in all, what)``.
    note : callable, optional
        Called with a sentence for the user: an interval that was worked out, rows outside every
        trade date.
    on_error : callable, optional
        Called with the InputError of a table that cannot be played; the others are. By default it
        is raised.

    Returns
    -------
    iterator of ReplaySession
        By trade date, then calendar, then base interval. What can be wrong with the arguments is
        raised by the call, before the first session is played.

    Raises
    ------
    InputError
        A table without a clear interval, or with a date that its calendar knows nothing about.
        Files of one name in different folders, which may be of several symbols. Equal times with
        different values.
    CalendarError, IntervalError
        Arguments that make no sense.
    """
    note = note or (lambda _: None)
    on_error = on_error or _raise
    if label not in ("open", "close"):
        raise ArgumentError(f"label must be 'open' or 'close': {label!r}", value=label)
    if duplicates not in DUPLICATES:
        raise ArgumentError(f"duplicates must be one of {', '.join(DUPLICATES)}: {duplicates!r}", value=duplicates)
    calendars = _Calendars(calendar, note)
    outside = _Outside()
    failed: set[str] = set()
    sessions: dict[_Key, list[_Part]] = {}
    placed = [
        Placed(table, step_ns, calendars.of(table).name)
        for table, step_ns in with_intervals(tables, interval, note, on_error)
    ]
    for table, step_ns, name in resolve_duplicates(refuse_mixed_origins(placed, on_error), duplicates, note, on_error):
        if table.path in failed:  # one message is enough, however many symbols the file holds
            continue
        try:
            by_close = label == "close" and table.interval_ns is None
            parts = list(_part_by_date(table, calendars.by_name[name], step_ns if by_close else 0, outside))
        except CalendarError as error:
            failed.add(table.path)
            on_error(InputError(str(error), path=table.path))
            continue
        for part in parts:
            if date is None or part.grid.date == date:
                sessions.setdefault(_Key(part.grid.date, name, step_ns), []).append(part)
    outside.report(note)
    derived = _derived_by_base({key.step_ns for key in sessions}, derive, note)
    return _play_all(sessions, calendars.by_name, derived, progress or (lambda *_: None))


def _raise(error: InputError) -> None:
    raise error


# --- intervals ------------------------------------------------------------------------------------


def _derived_by_base(bases: set[int], derive: Sequence[str] | None, note: Note) -> dict[int, tuple[str, ...]]:
    """Which of the wanted intervals can be derived from which base."""
    wanted = [parse_interval(text) for text in (DERIVED if derive is None else derive)]
    chosen: dict[int, tuple[str, ...]] = {}
    for base in sorted(bases):
        chosen[base] = tuple(w.name for w in wanted if w.step_ns % base == 0 and w.step_ns != base)
        unfit = [w.name for w in wanted if w.name not in chosen[base]]
        if derive is None or not unfit:
            continue
        names = ", ".join(unfit)
        rule = f"a derived interval is a multiple of the bars' {interval_name(base)} and longer; these are not: {names}"
        if len(bases) == 1:
            raise IntervalError(rule)
        note(rule)
    return chosen


# --- sessions -------------------------------------------------------------------------------------


class _Calendars:
    """The calendar of each table, and all that were used by name."""

    def __init__(self, chosen: str | SessionCalendar | None, note: Note) -> None:
        self.by_name: dict[str, SessionCalendar] = {}
        self._note, self._has_noted = note, False
        self._chosen = None if chosen is None else self._find(chosen)

    def of(self, table: BarTable) -> SessionCalendar:
        if self._chosen is None and table.calendar is None and not self._has_noted:
            self._has_noted = True
            self._note(f"{table.path} names no market: 24/7 is used for such files; --calendar says otherwise")
        calendar = self._chosen or self._find(table.calendar)
        return self.by_name.setdefault(calendar.name, calendar)

    @staticmethod
    def _find(name: str | SessionCalendar | None) -> SessionCalendar:
        return _forex() if name == "forex" else named_calendar(name)


@lru_cache(maxsize=1)
def _forex() -> SessionCalendar:
    """The week of the currency market: from Sunday to Friday, each trade date from 17:00 to 17:00
    in New York."""
    return SessionCalendar.from_hours("17:00", "17:00", "America/New_York", name="forex")


class _Outside:
    """Counts the bars that belong to no trade date, by file and calendar."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, table: BarTable, calendar: SessionCalendar, start: int, stop: int) -> None:
        count, first_ns = self._found.get((table.path, calendar.name), (0, _INT64_MAX))
        first_ns = min(first_ns, int(table.ts_ns[start]))
        self._found[table.path, calendar.name] = count + stop - start, first_ns

    def report(self, note: Note) -> None:
        for (path, calendar), (count, first_ns) in self._found.items():
            first = np.datetime_as_string(np.datetime64(first_ns, "ns"), "s")
            note(
                f"{path}: bars left out that belong to no trade date of {calendar}: {count},"
                f" the first of them at {first} UTC"
            )


def _part_by_date(table: BarTable, calendar: SessionCalendar, close_step_ns: int, outside: _Outside) -> Iterator[_Part]:
    """Cut a table at the spans of its sessions. With `close_step_ns` its times are the closes of
    bars of that length."""
    table = table.in_time_order()
    # A time within each bar: the close of the last one may be the start of the next trade date.
    inside_ns = table.ts_ns - 1 if close_step_ns else table.ts_ns
    start = 0
    while start < len(table):
        ts_ns = int(inside_ns[start])
        grid = _session_at(calendar, ts_ns)
        stop = int(np.searchsorted(inside_ns, grid.span_stop if grid else _next_span_start(calendar, ts_ns)))
        if grid:
            part = table.select(slice(start, stop))
            yield _Part(grid, _with_open_labels(part, grid, close_step_ns) if close_step_ns else part)
        else:
            outside.add(table, calendar, start, stop)
        start = stop


def _with_open_labels(table: BarTable, grid: SessionGrid, step_ns: int) -> BarTable:
    ts_ns = table.ts_ns - step_ns
    # the last bar of a segment may be shorter than the others
    for start_ns, stop_ns in grid.segments:
        ts_ns[table.ts_ns == stop_ns] = stop_ns - 1 - (stop_ns - 1 - start_ns) % step_ns
    return replace(table, ts_ns=ts_ns)


def _session_at(calendar: SessionCalendar, ts_ns: int) -> SessionGrid | None:
    try:
        return calendar.session_at(ts_ns, unit="ns")
    except DateOutOfRangeError:
        raise
    except CalendarError:  # a Saturday
        return None


def _next_span_start(calendar: SessionCalendar, ts_ns: int) -> int:
    """Start of the first trade date after a time that belongs to none; a day later if the calendar
    does not know one."""
    day = dt.date(1970, 1, 1) + dt.timedelta(days=ts_ns // _DAY_NS)
    for n in range(-1, 31):  # the local date may be the day before
        try:
            start_ns = calendar.session(day + dt.timedelta(days=n)).span_start
        except CalendarError:
            continue
        if start_ns > ts_ns:
            return start_ns
    return ts_ns + _DAY_NS


# --- play -----------------------------------------------------------------------------------------


def _play_all(
    sessions: dict[_Key, list[_Part]],
    calendars: dict[str, SessionCalendar],
    derived: dict[int, tuple[str, ...]],
    progress: Progress,
) -> Iterator[ReplaySession]:
    total = sum(len(part.table) for parts in sessions.values() for part in parts)
    done = 0
    for (date, name, step_ns), parts in sorted(sessions.items(), key=lambda item: item[0]):
        data = SessionData(
            calendar=calendars[name], base_interval=interval_name(step_ns), derived_intervals=derived[step_ns]
        )
        data.start_session(date)
        for n_rows in _play(data, _by_symbol(parts), parts[0].grid, step_ns):
            done += n_rows
            progress(done, total, f"playing {date}")
        yield ReplaySession(date, name, interval_name(step_ns), data)


def _by_symbol(parts: Sequence[_Part]) -> list[BarTable]:
    """Join the parts of each symbol. Symbols are sorted by name, so the result does not depend on
    the order of the files."""
    tables: dict[str, list[BarTable]] = {}
    for part in parts:
        tables.setdefault(part.table.symbol, []).append(part.table)
    return [concatenate(tables[symbol]) for symbol in sorted(tables)]


def _play(data: SessionData, tables: Sequence[BarTable], grid: SessionGrid, step_ns: int) -> Iterator[int]:
    """Feed one session; yields the number of rows after each extend."""
    for table in tables:
        data.register_symbol(table.symbol)
    newest_ns = max(int(table.ts_ns[-1]) for table in tables)
    for stop_ns in range(grid.span_start + _SLICE_NS, newest_ns + _SLICE_NS + 1, _SLICE_NS):
        for table in tables:
            low, high = np.searchsorted(table.ts_ns, (stop_ns - _SLICE_NS, stop_ns))
            if low == high:
                continue
            t = table.select(slice(low, high))
            data.extend(t.symbol, t.ts_ns, t.open, t.high, t.low, t.close, t.volume)
            yield len(t)
    data.advance_to(min(newest_ns + step_ns, grid.span_stop))
