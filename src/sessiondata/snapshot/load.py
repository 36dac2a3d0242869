"""A store from a file, and what is believed of one.

    head (sizes, checksums)  ->  every part's checksum  ->  store part  ->  session by session

The JSON is believed as little as a user's arguments (it goes through the same constructors), and
the native code checks the rows.
"""

from __future__ import annotations

import datetime as dt
import errno
import io
import json
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata._native.objects.copies import blank_day
from sessiondata._native.objects.rules import check_rows
from sessiondata._native.out.restore import restore, restore_clock, restore_counts
from sessiondata.atomic import path_text
from sessiondata.errors import ArgumentError, ArgumentTypeError, CalendarError, SessionDataError, SnapshotError
from sessiondata.export.format import TIMESTAMPS
from sessiondata.market.calendar import SessionCalendar, provider_of, saved_hours
from sessiondata.market.grid import SessionGrid
from sessiondata.rows.gap import GapInfo
from sessiondata.snapshot.container import (
    BARS,
    CHUNK,
    CURSORS,
    DAILY,
    FEEDS,
    HEAD,
    MAGIC,
    STORE,
    Container,
    asked,
    check_byte_order,
    name_of,
)
from sessiondata.store.cursor import resume_cursor
from sessiondata.store.indicators import Forgotten
from sessiondata.store.settings import check_text
from sessiondata.store.store import SessionData, parts_of
from sessiondata.store.symbol import state_of
from sessiondata.time.dates import to_date
from sessiondata.time.intervals import parse_interval
from sessiondata.time.zones import from_ns

if TYPE_CHECKING:
    from sessiondata._native.objects.store import SymbolCore
    from sessiondata.store.context import StoreContext
    from sessiondata.store.state import SymbolState
    from sessiondata.store.store import StoreParts
    from sessiondata.store.symbol import SymbolSessionData

__all__ = ["load", "loads"]

_DAY_NS = 86_400_000_000_000
#: What wrong content of a file ends in: constructors and natively checked rules.
_WRONG = (
    ArithmeticError, AttributeError, AssertionError, LookupError, MemoryError, RecursionError, SessionDataError,
    TypeError, ValueError,
)  # fmt: skip


def load(path: Any) -> SessionData:
    """Make a store of a file; see `sessiondata.load`."""
    if hasattr(path, "read"):
        label = name_of(path)
        content = _read_from(path, label)
        return _load(io.BytesIO(content), label, len(content))
    if isinstance(path, (bytes, bytearray, memoryview)) and bytes(path[: len(MAGIC)]) == MAGIC:
        raise ArgumentTypeError("load takes a path or a file object; of the bytes of a snapshot: sessiondata.loads()")
    label = path_text(path, "a snapshot is loaded from a path or a binary file object")
    with open(label, "rb") as opened:
        return _load(opened, label, os.fstat(opened.fileno()).st_size)


def loads(content: Any, kind: type[SessionData] | None = None) -> SessionData:
    """Make a store, of a subclass of `SessionData` if one is given, of bytes; see
    `sessiondata.loads`."""
    try:
        whole = content if isinstance(content, bytes) else bytes(memoryview(content))
    except (TypeError, ValueError, BufferError) as error:
        # ValueError: of a dtype that no buffer can have
        raise ArgumentTypeError(
            f"a snapshot is bytes, as SessionData.dumps makes them: {type(content).__name__}"
        ) from error
    return _load(io.BytesIO(whole), "<bytes>", len(whole), kind)


def _read_from(file: Any, label: str) -> bytes:
    """The bytes of a snapshot from where a file object stands, and not one more: others may stand
    behind it."""
    content = bytearray()

    def more(n: int) -> None:
        while n > 0:
            asked_for = min(n, CHUNK)
            piece = file.read(asked_for)
            if isinstance(piece, str):
                raise ArgumentTypeError(f"a snapshot is bytes, {label} gives text: open the file with mode 'rb'")
            if piece is None:
                raise BlockingIOError(errno.EAGAIN, "the file has no more bytes yet", label)
            if not isinstance(piece, (bytes, bytearray, memoryview)):
                raise ArgumentTypeError(f"a snapshot is bytes, read() of {label} returns {piece!r:.80}", value=piece)
            piece = bytes(piece)
            if not piece:
                return  # cut off, which is said when it is read
            if len(piece) > asked_for:  # of which those behind the snapshot would be lost
                raise ArgumentError(f"read() of {label} was asked for {asked_for} bytes and gives {len(piece)}")
            content.extend(piece)
            n -= len(piece)

    with asked("read", "'rb'", label):
        more(HEAD.size)
        if len(content) == HEAD.size and content.startswith(MAGIC):
            more(HEAD.unpack(content)[3] - HEAD.size)
    return bytes(content)


def _load(opened: Any, label: str, size: int, kind: type[SessionData] | None = None) -> SessionData:
    check_byte_order(label)
    file = Container(opened, label, size)
    place = _Place()
    try:
        return _store(file, place, kind)
    except _WRONG as error:
        rule = str(error) or type(error).__name__
        if not isinstance(error, (SessionDataError, ValueError, MemoryError)):
            rule = f"not laid out as this version writes it ({type(error).__name__}: {error!s:.100})"
        raise SnapshotError(rule, path=label, part=place.part) from error


class _Place:
    """What is being read, for messages."""

    part = "store"


def _store(file: Container, place: _Place, kind: type[SessionData] | None) -> SessionData:
    kind = SessionData if kind is None else kind
    numbers = [number for number, part in enumerate(file.parts) if part.kind == STORE]
    if len(numbers) != 1:
        raise ValueError(f"one part is the store's, not {len(numbers)}")
    kept = json.loads(file.read(numbers[0], STORE))
    place.part = "calendars"
    calendars = [_calendar(entry) for entry in kept["calendars"]]
    place.part = "store"
    hours = kept["extended_hours"]
    data = kind.__new__(kind)  # a subclass may be made of other arguments
    SessionData.__init__(
        data, calendars[_index(kept["calendar"])], kept["base_interval"], kept["derived_intervals"],
        _whole(kept["trailing_days"]), capacity=kept["capacity"], label=kept["label"],
        grace_ns=_whole(kept["grace_ns"]), tick_capacity=kept["tick_capacity"], quote_capacity=kept["quote_capacity"],
        strict=kept.get("strict", False) is True,
    )  # fmt: skip
    if hours is not None:
        start, stop, early = hours if len(hours) == 3 else (*hours, None)
        if not all(0 <= _whole(time) <= _DAY_NS for time in (start, stop, stop if early is None else early)):
            raise ValueError(f"extended hours are times of day: {hours}")
        parts_of(data).context.extended_hours = start, stop, early
    for name, days, is_built_in in kept["indicators"]:
        if is_built_in is True:
            data.add_historical_indicator(name)
        else:
            data.add_historical_indicator(name, Forgotten(name, _whole(days)), _whole(days))
    date, ended = kept["session_date"], kept["ended_date"]
    store = parts_of(data)
    clock = store.context.clock
    clock.date = None if date is None else to_date(date)
    clock.ended = None if ended is None else to_date(ended)
    if clock.date is not None and saved_hours(data.calendar, clock.date) is not None:
        clock.grid = data.calendar.session(clock.date)
    for entry in kept["symbols"]:
        _symbol(data, file, place, calendars, entry)
    place.part = "store"
    if kept["active"] is not True:
        data.deactivate()
    as_of = kept["as_of"]
    sequence, epoch = _whole(kept["sequence"]), _whole(kept.get("epoch", 0))
    restore_clock(clock, None if as_of is None else _whole(as_of), sequence, epoch)
    if "cursors" in kept:
        place.part = "cursors"
        _cursors(store, file, kept["cursors"], sequence)
    if "closed_bars" in kept:
        place.part = "closed_bars"
        from sessiondata.snapshot.feeds import restore_feeds  # most files have none

        restore_feeds(store, kept["closed_bars"]["feeds"], file.columns(kept["closed_bars"], FEEDS))
    return data


def _cursors(store: StoreParts, file: Container, entry: dict[str, Any], sequence: int) -> None:
    """Last of all: what they compare with are counts of what happens to a store, and loading is
    such a thing."""
    columns = file.columns(entry, CURSORS)
    cores = store.registry.all_cores()
    restore_counts(cores, columns)
    for number, saved in enumerate(entry["cursors"]):
        name = saved["name"]
        if name in store.cursors:
            raise ValueError(f"a cursor has one name: {name!r:.40}")
        cursor, timestamps, sent = store.cursors.get(name), saved["timestamps"], None
        if saved["sequence"] is not None:
            if not 0 <= _whole(saved["sequence"]) <= sequence:
                raise ValueError(f"a cursor was sent no changes to come: {saved['sequence']}")
            sent = saved["sequence"], _texts(saved["gone"]), columns, f"{number}."
        if timestamps not in (TIMESTAMPS if sent else (None, *TIMESTAMPS)):
            raise ValueError(f"the times of a cursor have a form that there is: {timestamps!r:.40}")
        symbols, intervals = saved["symbols"], saved["intervals"]
        resume_cursor(
            cursor, cores, timestamps, None if symbols is None else _texts(symbols),
            None if intervals is None else _texts(intervals), sent,
        )  # fmt: skip


def _texts(names: list[Any]) -> list[str]:
    return [check_text(name, "a name") for name in names]


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"not a whole number: {value!r:.40}")
    return value


def _index(value: Any) -> int:
    number = _whole(value)
    if number < 0:
        raise ValueError(f"not a position: {number}")
    return number


def _calendar(entry: dict[str, Any]) -> SessionCalendar:
    """A calendar, with the hours that it had when the store was saved: a newer schedule may say
    otherwise by now."""
    calendar = SessionCalendar.from_recipe(entry["recipe"])
    grids = {}
    for date, (segments, start, stop) in entry["sessions"].items():
        grid = SessionGrid(date, entry["tz"], segments, (start, stop))
        grids[grid.date] = grid
    closes = {to_date(date): _whole(close) for date, close in entry.get("usual_closes", {}).items()}
    if not closes.keys() <= grids.keys():
        raise ValueError("usual closes are of dates whose hours are saved")
    try:
        same = calendar.tz == entry["tz"] and all(calendar.session(date) == grid for date, grid in grids.items())
        same = same and all(calendar.usual_close(date) == close for date, close in closes.items())
    except CalendarError:
        same = False
    if not same:
        calendar = SessionCalendar(provider_of(calendar), grids.values(), closes)
    return calendar


def _symbol(
    data: SessionData, file: Container, place: _Place, calendars: list[SessionCalendar], entry: dict[str, Any]
) -> None:
    name = entry["name"]
    place.part = f"symbol {name!r:.60}"
    calendar = calendars[_index(entry["calendar"])]
    base, *derived = entry["intervals"]
    store = parts_of(data)
    context = store.context
    if name in store.registry.symbols:
        raise ValueError("a symbol has one name")
    date, context.clock.date = context.clock.date, None  # so that no session is begun
    try:
        symbol = data.register_symbol(
            name, base, derived, calendar=calendar, quote_bars=entry["quote_bars"],
            strict=entry.get("strict", False) is True,
        )  # fmt: skip
    finally:
        context.clock.date = date
    if symbol.intervals != tuple(entry["intervals"]):
        raise ValueError("intervals are in order")
    state = state_of(symbol)
    core, days = state.core, state.history.days
    place.part = f"session of {name!r:.60}"
    grid = None
    if "stored" in entry["session"]:
        if date is None:
            raise ValueError("a session has a date")
        grid = _session(calendar, date)
    _restore(context, core, calendar, grid, file, entry["session"])
    cores: dict[dt.date, SymbolCore] = {}
    for day in entry["days"]:
        place.part = f"day {day['date']!r:.20} of {name!r:.60}"
        grid = _session(calendar, to_date(day["date"]))
        if cores and max(cores) >= grid.date:
            raise ValueError("days ascend")
        capacity = _whole(day["capacity"])
        if capacity not in (0, store.settings.capacity):
            raise ValueError(f"a day has the capacity of its store, or of a session: {capacity}")
        cores[grid.date] = blank_day(core, grid.compiled, capacity == 0)
        _restore(context, cores[grid.date], calendar, grid, file, day)
    place.part = f"history of {name!r:.60}"
    days.commit((cores, _daily(state, file, entry["daily"])), 0)
    state.history.note_absent(cores)
    days.supply(_supplied(state, file, entry["given"]), None)
    _user_values(data, symbol, entry, place)
    core.bars_updated = bool(entry["session"]["updated"])


def _session(calendar: SessionCalendar, date: dt.date) -> SessionGrid:
    """Hours of a date, which must be among those that were saved."""
    grid = saved_hours(calendar, date)
    if grid is None:
        raise ValueError(f"no hours of {date} in the file")
    return grid


def _restore(
    context: StoreContext, core: SymbolCore, calendar: SessionCalendar, grid: SessionGrid | None, file: Container,
    entry: dict[str, Any],
) -> None:  # fmt: skip
    compiled = None if grid is None else grid.compiled
    restore(core, compiled, context.hours(grid, calendar), entry, file.columns(entry))


def _table(file: Container, entry: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    columns = file.columns(entry)
    found = [columns[name] for name in names]
    if len({len(column) for column in found}) != 1:
        raise ValueError("columns have one length")
    return found


def _daily(symbol: SymbolState, file: Container, entry: dict[str, Any] | None) -> dict[dt.date, tuple[Any, ...]]:
    if entry is None:
        return {}
    columns = _table(file, entry, DAILY)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    days = {to_date(date): row for date, row in zip(entry["dates"], rows, strict=True)}
    if list(days) != sorted(days) or len(days) != len(columns[0]):
        raise ValueError("days ascend")
    base_ns = symbol.core.steps_ns[0]
    for date, (ts_ns, *values, n_base, turnover, traded) in days.items():
        numbers = *values, turnover, traded
        if type(ts_ns) is not int or type(n_base) is not int or not all(type(number) is float for number in numbers):
            raise TypeError("a day's bar has times and counts that are whole, and prices and sums that are not")
        # Files of before have no hours of days that were trimmed: then they are those that the
        # calendar has now.
        grid = symbol.calendar.session(date)
        if ts_ns != grid.segments[0, 0]:
            raise ValueError(f"the bar of a day begins with its session: {date}")
        *prices, volume = values
        # Only what multiplies prices may be beyond a double: volumes are bounded so that sums of
        # them are finite.
        if not all(map(math.isfinite, (*values, traded))) or prices[1] < prices[2] or volume < 0.0 or traded < 0.0:
            raise ValueError(f"the bar of a day has finite prices and volume, high >= low and volume >= 0: {date}")
        if not 0 <= n_base <= grid.compiled.possible_slots(base_ns):
            raise ValueError(f"a day has no more base bars than there can be: {date}, {n_base}")
    return days


def _supplied(symbol: SymbolState, file: Container, entries: list[Any]) -> dict[str, dict[dt.date, Any]]:
    supplied: dict[str, dict[dt.date, Any]] = {}
    for entry in entries:
        interval, date = parse_interval(entry["interval"]), to_date(entry["date"])
        if interval.name != entry["interval"] or interval.name == symbol.core.intervals[0]:
            raise ValueError(f"not an interval of rows that are kept as they are: {entry['interval']!r}")
        if date in supplied.get(interval.name, ()):
            raise ValueError(f"rows of {interval.name} and {date} stand in one place")
        grid = _session(symbol.calendar, date)
        columns = _table(file, entry, BARS)
        times = columns[0]
        if not len(times) or np.any(times[1:] <= times[:-1]):
            raise ValueError("times of bars ascend")
        if interval.step_ns == 0 and times.tolist() != [grid.segments[0, 0]]:
            raise ValueError(f"one daily bar, which begins with its session: {date}")
        # Labelled by closes, a bar may open before the span in which it ends.
        if times[0] <= grid.span_start - (interval.step_ns or 1) or times[-1] >= grid.span_stop:
            raise ValueError(f"bars of {interval.name} lie in the session of their date: {date}")
        check_rows(symbol.core, *columns)
        # Over bytes of their own: others of the same part would keep all of it.
        supplied.setdefault(interval.name, {})[date] = tuple(
            np.frombuffer(column.tobytes(), column.dtype) for column in columns
        )
    return supplied


def _user_values(data: SessionData, symbol: SymbolSessionData, entry: dict[str, Any], place: _Place) -> None:
    """What was set in place of what is computed, by the methods that set it."""
    name = symbol.symbol
    place.part = f"pins of {name!r:.60}"
    for k, gaps in entry["pinned_gaps"].items():
        data.set_gaps(name, symbol.intervals[_index(int(k))], [_gap(gap) for gap in gaps])
    for k, quality in entry["pinned_quality"].items():
        data.set_quality(name, symbol.intervals[_index(int(k))], float(quality))
    for indicator, value in entry["indicators"].items():
        data.set_historical_indicator(name, indicator, value)


def _gap(values: list[Any]) -> GapInfo:
    symbol, interval, start, end, n, retries, retried, zone = values
    if not isinstance(symbol, str) or not isinstance(interval, str):
        raise TypeError("a gap names symbol and interval")
    last = None if retried is None else from_ns(_whole(retried[0]), _zone_of(retried[1]))
    return GapInfo(symbol, interval, start, end, n, retries, last, _zone_of(zone))


def _zone_of(name: str | float) -> dt.tzinfo:
    from zoneinfo import ZoneInfo

    return ZoneInfo(name) if isinstance(name, str) else dt.timezone(dt.timedelta(seconds=name))
