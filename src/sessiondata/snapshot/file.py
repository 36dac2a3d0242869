"""A store as a file, and back. `docs/snapshot.md` is the format; here is how a file comes to be, and what is believed
of one.

    save:  copy the state  -->  temporary file: parts, then the head  -->  sync  -->  rename  -->  sync of the folder
    load:  head (sizes, checksums)  -->  every part's checksum  -->  store part  -->  one session after the other

The copy is all that a feeder waits for: one native call for all sessions, which shows one moment of them. Days of
history never change, so they are copied when it is their turn to be written. Columns have names and one session is one
part, so that a next version, or another language, can read it.

A checksum says that a file is what was written, not that it is true. So the JSON is believed as little as a user's
arguments (it goes through the same constructors), and `_snapshot` checks the rows.
"""

from __future__ import annotations

import datetime as dt
import errno
import io
import json
import math
import os
import stat
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from sessiondata._native.objects import days as _days
from sessiondata._native.out import snapshot as _snapshot
from sessiondata.atomic import HAS_LOCKS, new_file, sweep, temporary_prefix
from sessiondata.errors import ArgumentTypeError, CalendarError, SessionDataError, SnapshotError
from sessiondata.export.cursors import TOLD
from sessiondata.export.document import TIMESTAMPS
from sessiondata.market.calendar import SessionCalendar
from sessiondata.market.grid import SessionGrid
from sessiondata.market.hours import has_recipe
from sessiondata.rows.gap import GapInfo
from sessiondata.store.exclusive import exclusive
from sessiondata.store.history import sessions_between
from sessiondata.store.indicators import Forgotten
from sessiondata.time.dates import to_date
from sessiondata.time.instants import from_ns, to_ns
from sessiondata.time.intervals import parse_interval

if TYPE_CHECKING:
    from sessiondata._native.objects.store import SymbolCore
    from sessiondata.store.store import SessionData
    from sessiondata.store.symbol import SymbolSessionData

__all__ = ["dumps", "load", "loads", "save"]

MAGIC = b"\x89SDSNAP\n"  # the first byte is no text, and the last one shows what a transfer as text has done
VERSION = 1
HEAD = struct.Struct("<8sIIQ")  # magic, version, parts, bytes of the file
PART = struct.Struct("<8sIIQQ")  # kind, flags, crc32, offset, bytes
TAIL = struct.Struct("<II")  # crc32 of head and table, zero
OPTIONAL = 1  # flag of a part that a reader may pass over if it does not know the kind
STORE, SESSION, CURSORS = b"store", b"session", b"cursors"

_TYPES: dict[str, Any] = {"<i8": np.dtype("<i8"), "<i4": np.dtype("<i4"), "<f8": np.dtype("<f8"), "|S8": np.dtype("S8")}
_BARS = ("time", "open", "high", "low", "close", "volume")
_DAILY = (*_BARS, "n_base", "turnover", "traded")
_CHUNK = 1 << 18
_DAY_NS = 86_400_000_000_000
#: What wrong content of a file ends in: constructors and natively checked rules.
_WRONG = (
    ArithmeticError, AttributeError, AssertionError, LookupError, MemoryError, RecursionError, SessionDataError,
    TypeError, ValueError,
)  # fmt: skip

_os = os  # what the tests let fail


# --- out: the state ---------------------------------------------------------------------------------------------------


class _Copy:
    """A store's state, copied: the store part, and what makes each of the others."""

    @exclusive("save()", at=1)
    def __init__(self, data: SessionData, path: str) -> None:
        self.path = path
        self.calendars: dict[SessionCalendar, int] = {}
        self.dates: list[set[dt.date]] = []
        self.parts: list[Callable[[], bytes]] = []
        facades = list(data.symbols.values())
        values = [(s._pins.gaps, s._pins.quality, s._indicator_values) for s in facades]
        cursors = [cursor for cursor in (data._default_cursor, *data._cursors.values()) if cursor is not None]
        (as_of, sequence, epoch), sessions, counts, shown = _snapshot.capture_all(
            data._clock, [symbol._core for symbol in facades], values, cursors, TOLD
        )
        symbols = [self._symbol(*pair) for pair in zip(facades, sessions, strict=True)]
        self.cursors: list[bytes] = []
        own = self._calendar(data.calendar, data.session_date if data.grid is not None else None)
        self.store = {
            "calendar": own,
            "base_interval": data._base.name,
            "derived_intervals": [interval.name for interval in data._derived],
            "trailing_days": int(data.trailing_days),
            "capacity": data._capacity or None,
            "label": "close" if data._close_label else "open",
            "grace_ns": data.grace_ns,
            "extended_hours": data._extended_hours,
            "strict": data._strict,
            "tick_capacity": data._tick_capacities[0],
            "quote_capacity": data._tick_capacities[1],
            "active": data.is_active,
            "session_date": _text(data.session_date),
            "ended_date": _text(data._clock.ended),
            "as_of": as_of,
            "sequence": sequence,
            "epoch": epoch,
            "indicators": [[name, int(kept.days), kept.is_built_in] for name, kept in data._indicators.items()],
            "symbols": symbols,
        }
        if counts is not None:
            self.store["cursors"] = self._cursors(counts, shown)

    def _calendar(self, calendar: SessionCalendar, *dates: dt.date | None) -> int:
        """Number of a calendar, of which the hours of these dates are kept."""
        number = self.calendars.setdefault(calendar, len(self.calendars))
        if number == len(self.dates):
            self.dates.append(set())
        self.dates[number].update(date for date in dates if date is not None)
        return number

    def _symbol(self, symbol: SymbolSessionData, session: tuple[Any, ...]) -> dict[str, Any]:
        core = symbol._core
        numbers, rows, cores, daily, days_given, (pinned_gaps, pinned_quality, values) = session
        place = f"symbol {symbol.symbol!r}"
        running = symbol._data.session_date if core.grid is not None else None
        given = [(name, date, rows) for name, dates in days_given.items() for date, rows in dates.items()]
        days = {*cores, *daily, *(date for _, date, _ in given)}
        # Those of which nothing is kept count as missing, by their hours.
        between = sessions_between(symbol.calendar, min(days), max(days)) if days else ()
        dates = [running, *cores, *daily, *(date for _, date, _ in given), *between]
        return {
            "name": symbol.symbol,
            "calendar": self._calendar(symbol.calendar, *dates),
            "intervals": symbol.intervals,
            "quote_bars": (None, "mid", "bid", "ask")[core.quote_bars],
            "strict": core.strict,
            "session": {"part": self._part(lambda: rows), **numbers},
            "days": [self._day(date, day) for date, day in cores.items()],
            "daily": self._daily(daily),
            "given": [self._given(*entry) for entry in given],
            "pinned_gaps": {k: [self._gap(gap, place) for gap in gaps] for k, gaps in pinned_gaps.items()},
            "pinned_quality": pinned_quality,
            "indicators": {
                name: _plain(value, self.path, f"indicator {name!r} of {place}") for name, value in values.items()
            },
        }

    def _cursors(self, counts: dict[str, Any], shown: list[tuple[Any, ...]]) -> dict[str, Any]:
        """One part for all: counts of the symbols, and what each cursor has shown, its number before the names."""
        columns, told = dict(counts), []
        for number, ((name, timestamps, symbols, intervals), sequence, captured) in enumerate(shown):
            entry = {
                "name": name,
                "timestamps": timestamps,
                "symbols": None if symbols is None else sorted(symbols),
                "intervals": None if intervals is None else sorted(intervals),
                "sequence": sequence,
            }
            if captured is not None:
                rows, entry["gone"] = captured
                columns.update((f"{number}.{column}", values) for column, values in rows.items())
            told.append(entry)
        self.cursors = _packed(list(columns.values()))
        return {"part": len(self.parts), "columns": _described(tuple(columns), columns.values()), "cursors": told}

    def _part(self, make: Callable[[], bytes]) -> int:
        self.parts.append(make)
        return len(self.parts) - 1

    def _day(self, date: dt.date, core: SymbolCore) -> dict[str, Any]:
        """A frozen day. It never changes, so it is copied only when it is written; its numbers follow then."""
        entry: dict[str, Any] = {"date": _text(date)}

        def make() -> bytes:
            numbers, rows = _snapshot.capture(core)
            entry.update(numbers)
            return rows

        entry["part"] = self._part(make)
        return entry

    def _daily(self, days: dict[dt.date, tuple[Any, ...]]) -> dict[str, Any] | None:
        if not days:
            return None
        kinds = ("<i8", *("<f8",) * 5, "<i4", "<f8", "<f8")
        columns = [np.array(column, kind) for column, kind in zip(zip(*days.values(), strict=True), kinds, strict=True)]
        return {"dates": [_text(date) for date in days], **self._table(_DAILY, columns)}

    def _given(self, interval: str, date: dt.date, columns: Any) -> dict[str, Any]:
        return {"interval": interval, "date": _text(date), **self._table(_BARS, columns)}

    def _table(self, names: tuple[str, ...], columns: Any) -> dict[str, Any]:
        return {"part": self._part(lambda: b"".join(_packed(columns))), "columns": _described(names, columns)}

    def _gap(self, gap: GapInfo, place: str) -> list[Any]:
        """A pinned gap."""
        try:
            zone = _zone_name(gap.zone)
            retried = None
            if gap.last_retry is not None:
                retried = [to_ns(gap.last_retry), _zone_name(gap.last_retry.tzinfo)]
        except ValueError as error:
            raise SnapshotError(str(error), path=self.path, part=f"pinned gaps of {place}") from error
        return [*gap[:6], retried, zone]

    def document(self) -> bytes:
        """The store part; after all others, whose numbers are in it."""
        kept = []
        for calendar, dates in zip(self.calendars, self.dates, strict=True):
            if not has_recipe(calendar._source):
                rule = f"no recipe for a calendar that was not made by this library: {calendar!r}"
                raise SnapshotError(rule, path=self.path, part="calendars")
            grids = [calendar.session(date) for date in sorted(dates)]
            hours = {grid.date.isoformat(): [grid.segments.tolist(), grid.span_start, grid.span_stop] for grid in grids}
            entry = {"recipe": calendar.recipe(), "tz": calendar.tz, "sessions": hours}
            if self.store["extended_hours"] is not None:
                entry["usual_closes"] = {grid.date.isoformat(): calendar.usual_close(grid.date) for grid in grids}
            kept.append(entry)
        return _padded(json.dumps({**self.store, "calendars": kept}, separators=(",", ":")).encode(), b" ")


def _described(names: tuple[str, ...], columns: Any) -> list[list[Any]]:
    return [[name, column.dtype.str, len(column)] for name, column in zip(names, columns, strict=True)]


def _packed(columns: Any) -> list[bytes]:
    return [_padded(column.tobytes()) for column in columns]


def _text(date: dt.date | None) -> str | None:
    return None if date is None else date.isoformat()


def _padded(content: bytes, filler: bytes = b"\0") -> bytes:
    return content + filler * (-len(content) % 8)


def _plain(value: Any, path: str, part: str) -> Any:
    """A value that comes back from JSON as it is: numbers, text, None, lists and dicts of them."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if type(value) is list:
        return [_plain(item, path, part) for item in value]
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: _plain(item, path, part) for key, item in value.items()}
    raise SnapshotError(f"only numbers, texts, lists and dicts can be saved: {value!r:.80}", path=path, part=part)


def _zone_name(zone: dt.tzinfo | None) -> str | float:
    """Name of an IANA zone, or a fixed offset in seconds."""
    key = getattr(zone, "key", None)
    if isinstance(key, str):
        return key
    if isinstance(zone, dt.timezone):
        return zone.utcoffset(None).total_seconds()
    raise ValueError(f"a zone is one of the IANA, or a fixed offset: {zone!r}")


def _zone_of(name: str | float) -> dt.tzinfo:
    from zoneinfo import ZoneInfo

    return ZoneInfo(name) if isinstance(name, str) else dt.timezone(dt.timedelta(seconds=name))


# --- out: the file ----------------------------------------------------------------------------------------------------


def save(data: SessionData, path: Any) -> None:
    """Write a store to a file; see `SessionData.save`."""
    if hasattr(path, "write"):
        _save_into(data, path)
        return
    shown = os.fsdecode(path)
    _check_byte_order(shown)
    target = os.path.realpath(shown)
    folder, prefix = os.path.dirname(target), temporary_prefix(target)
    mode = _mode(target)
    copy = _Copy(data, shown)
    sweep(folder, prefix)
    file, name = new_file(folder, prefix)
    try:
        try:
            if mode is not None:
                _keep_mode(file, name, mode)
            _write(file, copy)
            _os.fsync(file)
            if HAS_LOCKS:  # the lock is held until the file has its name
                _os.replace(name, target)
        finally:
            os.close(file)
        if not HAS_LOCKS:  # Windows renames no open file
            _os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
    _sync_folder(folder)


def _check_byte_order(path: str) -> None:
    if sys.byteorder != "little":
        raise SnapshotError("columns are little-endian, this machine is not", path=path, part="file")


def dumps(data: SessionData) -> bytes:
    """A store as bytes; see `SessionData.dumps`."""
    return b"".join(_contents(data, "<bytes>"))


def _contents(data: SessionData, shown: str) -> list[bytes]:
    """What a file would hold, in pieces: all of it is known before the first one is written."""
    _check_byte_order(shown)
    copy = _Copy(data, shown)
    at = _first_offset(copy)
    pieces, entries = [b""], []
    for kind, flags, content in _parts(copy):
        entries.append(PART.pack(kind, flags, zlib.crc32(content), at, len(content)))
        pieces.append(content)
        at += len(content)
    pieces[0] = _head(entries, at)
    return pieces


def _save_into(data: SessionData, file: Any) -> None:
    """Write a store to a file object, from where it stands, whether it can seek or not."""
    if isinstance(file, io.TextIOBase):
        raise ArgumentTypeError(f"a snapshot is bytes, {_shown(file)} takes text: open the file with mode 'wb'")
    content = memoryview(b"".join(_contents(data, _shown(file))))
    for at in range(0, len(content), _CHUNK):
        rest = bytes(content[at : at + _CHUNK])
        while rest:
            n = file.write(rest)
            if n is None and not isinstance(file, io.RawIOBase):
                break  # not everything that takes bytes counts them
            if not n:
                raise BlockingIOError(errno.EAGAIN, "the file takes no more bytes", _shown(file))
            rest = rest[n:]
    if hasattr(file, "flush"):
        file.flush()


def _shown(file: Any) -> str:
    """What messages call a file object."""
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else f"<{type(file).__name__}>"


def _first_offset(copy: _Copy) -> int:
    """Where the parts begin, behind head and table."""
    return HEAD.size + (len(copy.parts) + bool(copy.cursors) + 1) * PART.size + TAIL.size


def _parts(copy: _Copy) -> Iterator[tuple[bytes, int, bytes]]:
    """Kind, flags and content of each part, in order; each is made when it is its turn."""
    for make in copy.parts:
        yield SESSION, 0, make()
    if copy.cursors:
        yield CURSORS, OPTIONAL, b"".join(copy.cursors)
    yield STORE, 0, copy.document()


def _head(entries: list[bytes], n_bytes: int) -> bytes:
    table = HEAD.pack(MAGIC, VERSION, len(entries), n_bytes) + b"".join(entries)
    return table + TAIL.pack(zlib.crc32(table), 0)


def _write(file: int, copy: _Copy) -> None:
    """Parts from behind the table on, then the head."""
    at = _first_offset(copy)
    _os.lseek(file, at, os.SEEK_SET)
    pieces: list[bytes] = []
    entries: list[bytes] = []
    for kind, flags, content in _parts(copy):
        entries.append(PART.pack(kind, flags, zlib.crc32(content), at, len(content)))
        pieces.append(content)
        at += len(content)
        if sum(map(len, pieces)) >= 1 << 20 or kind == STORE:  # many a part is small
            _write_all(file, b"".join(pieces))
            pieces.clear()
    _os.lseek(file, 0, os.SEEK_SET)
    _write_all(file, _head(entries, at))


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        n = _os.write(file, rest)
        if n <= 0:
            raise OSError("the file takes no more bytes")
        rest = rest[n:]


def _mode(target: str) -> int | None:
    """Permission bits of the file whose place is taken; None if there is none yet."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):  # a rename would put a file where ``/dev/null`` or a pipe was
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(code, "a snapshot takes the place of a file, which this is not", target)
    return stat.S_IMODE(mode)


def _keep_mode(file: int, name: str, mode: int) -> None:
    if hasattr(os, "fchmod"):
        os.fchmod(file, mode)
    else:
        os.chmod(name, mode)


def _sync_folder(folder: str) -> None:
    if os.name == "nt":  # which cannot open folders
        return
    file = _os.open(folder, os.O_RDONLY)
    try:
        _os.fsync(file)
    finally:
        os.close(file)


# --- back: the file ---------------------------------------------------------------------------------------------------


class _Part(NamedTuple):
    kind: bytes
    crc: int
    offset: int
    n_bytes: int


class _File:
    """A file whose sizes and checksums are right."""

    def __init__(self, file: BinaryIO, path: str, size: int) -> None:
        self.file, self.path, self.size = file, path, size
        self.parts = self._table()
        for number in range(len(self.parts)):
            self._check(number)

    def wrong(self, rule: str, part: str = "header") -> SnapshotError:
        return SnapshotError(rule, path=self.path, part=part)

    def _table(self) -> list[_Part]:
        size = self.size
        head = self.file.read(HEAD.size)
        if not MAGIC.startswith(head[: len(MAGIC)]) or not head:
            raise self.wrong("not a snapshot of sessiondata")
        if len(head) < HEAD.size:
            raise self.wrong("the file is cut off")
        _, version, n_parts, n_bytes = HEAD.unpack(head)
        if version > VERSION:
            raise self.wrong(f"of version {version}, this library reads up to {VERSION}: a newer one is needed")
        if version < 1 or n_bytes != size:
            raise self.wrong(f"the file has {size} bytes, not the {n_bytes} it was written with")
        first = HEAD.size + n_parts * PART.size + TAIL.size
        if first > size:
            raise self.wrong(f"no room for a table of {n_parts} parts")
        table = self.file.read(first - HEAD.size)
        if len(table) < first - HEAD.size or TAIL.unpack(table[-TAIL.size :]) != (
            zlib.crc32(head + table[: -TAIL.size]), 0,
        ):  # fmt: skip
            raise self.wrong("its checksum is wrong")
        parts = []
        for kind, flags, crc, offset, length in PART.iter_unpack(table[: -TAIL.size]):
            if offset != first or length > size - offset or length % 8:
                raise self.wrong("parts follow each other to the end of the file, in whole eights of bytes")
            first += length
            name = kind.rstrip(b"\0")
            if name not in (STORE, SESSION, CURSORS) and not flags & OPTIONAL:
                raise self.wrong(f"a part of kind {name!r} is needed, which this version does not know")
            parts.append(_Part(name, crc, offset, length))
        if first != size:
            raise self.wrong("parts follow each other to the end of the file, in whole eights of bytes")
        return parts

    def _check(self, number: int) -> None:
        """The checksum of a part, without reading it as a whole."""
        part = self.parts[number]
        self.file.seek(part.offset)
        crc, rest = 0, part.n_bytes
        while rest:
            chunk = self.file.read(min(rest, _CHUNK))
            if not chunk:
                break
            crc, rest = zlib.crc32(chunk, crc), rest - len(chunk)
        if rest or crc != part.crc:
            raise self.wrong("its checksum is wrong", self._name(number))

    def _name(self, number: int) -> str:
        return f"part {number} ({self.parts[number].kind.decode('ascii', 'replace')})"

    def read(self, number: int, kind: bytes) -> bytes:
        """Content of a part. Checked once more: a file may change while it is read."""
        if type(number) is not int or not 0 <= number < len(self.parts) or self.parts[number].kind != kind:
            raise ValueError(f"no part {number!r:.20} of kind {kind.decode()}")
        part = self.parts[number]
        self.file.seek(part.offset)
        content = self.file.read(part.n_bytes)
        if len(content) != part.n_bytes or zlib.crc32(content) != part.crc:
            raise ValueError("the file has changed while it was read")
        return content

    def columns(self, entry: dict[str, Any], kind: bytes = SESSION) -> dict[str, Any]:
        """Columns of a part by name, as `entry["columns"]` lists them."""
        content = self.read(entry["part"], kind)
        at, columns = 0, {}
        for name, type_name, n in entry["columns"]:
            dtype = _TYPES[type_name]
            if type(n) is not int or not 0 <= n <= (len(content) - at) // dtype.itemsize or name in columns:
                raise ValueError(f"no room for {n!r:.20} rows of column {name!r:.40}")
            columns[name] = np.frombuffer(content, dtype, n, at)
            at += -(-n * dtype.itemsize // 8) * 8
        if at != len(content):
            raise ValueError("columns take all of their part")
        return columns


def load(path: Any) -> SessionData:
    """Make a store of a file; see `sessiondata.load`."""
    if hasattr(path, "read"):
        shown = _shown(path)
        content = _read_from(path, shown)
        return _load(io.BytesIO(content), shown, len(content))
    shown = os.fsdecode(path)
    with open(path, "rb") as opened:
        return _load(opened, shown, os.fstat(opened.fileno()).st_size)


def loads(content: Any, kind: type[SessionData] | None = None) -> SessionData:
    """Make a store, of a subclass of `SessionData` if one is given, of bytes; see `sessiondata.loads`."""
    try:
        whole = content if isinstance(content, bytes) else bytes(memoryview(content))
    except TypeError as error:
        raise ArgumentTypeError(
            f"a snapshot is bytes, as SessionData.dumps makes them: {type(content).__name__}"
        ) from error
    return _load(io.BytesIO(whole), "<bytes>", len(whole), kind)


def _read_from(file: Any, shown: str) -> bytes:
    """The bytes of a snapshot from where a file object stands, and not one more: others may stand behind it."""
    content = bytearray()

    def more(n: int) -> None:
        while n > 0:
            piece = file.read(min(n, _CHUNK))
            if isinstance(piece, str):
                raise ArgumentTypeError(f"a snapshot is bytes, {shown} gives text: open the file with mode 'rb'")
            if piece is None:
                raise BlockingIOError(errno.EAGAIN, "the file has no more bytes yet", shown)
            if not piece:
                return  # cut off, which is said when it is read
            content.extend(piece)
            n -= len(piece)

    more(HEAD.size)
    if len(content) == HEAD.size and content.startswith(MAGIC):
        more(HEAD.unpack(content)[3] - HEAD.size)
    return bytes(content)


def _load(opened: Any, shown: str, size: int, kind: type[SessionData] | None = None) -> SessionData:
    _check_byte_order(shown)
    file = _File(opened, shown, size)
    place = _Place()
    try:
        return _store(file, place, kind)
    except _WRONG as error:
        rule = str(error) or type(error).__name__
        if not isinstance(error, (SessionDataError, ValueError, MemoryError)):
            rule = f"not laid out as this version writes it ({type(error).__name__}: {error!s:.100})"
        raise SnapshotError(rule, path=shown, part=place.part) from error


# --- back: the state --------------------------------------------------------------------------------------------------


class _Place:
    """What is being read, for messages."""

    part = "store"


def _store(file: _File, place: _Place, kind: type[SessionData] | None) -> SessionData:
    from sessiondata.store.store import SessionData

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
        data._extended_hours = start, stop, early
    for name, days, is_built_in in kept["indicators"]:
        if is_built_in is True:
            data.add_historical_indicator(name)
        else:
            data.add_historical_indicator(name, Forgotten(name, _whole(days)), _whole(days))
    date, ended = kept["session_date"], kept["ended_date"]
    clock = data._clock
    clock.date = None if date is None else to_date(date)
    clock.ended = None if ended is None else to_date(ended)
    if clock.date is not None and data.calendar._grids.get(clock.date) is not None:
        clock.grid = data.calendar.session(clock.date)
    for entry in kept["symbols"]:
        _symbol(data, file, place, calendars, entry)
    place.part = "store"
    if kept["active"] is not True:
        data.deactivate()
    as_of = kept["as_of"]
    sequence, epoch = _whole(kept["sequence"]), _whole(kept.get("epoch", 0))
    _snapshot.restore_clock(data._clock, None if as_of is None else _whole(as_of), sequence, epoch)
    if "cursors" in kept:
        place.part = "cursors"
        _cursors(data, file, kept["cursors"], sequence)
    return data


def _cursors(data: SessionData, file: _File, entry: dict[str, Any], sequence: int) -> None:
    """Last of all: what they compare with are counts of what happens to a store, and loading is such a thing."""
    columns = file.columns(entry, CURSORS)
    _snapshot.restore_counts(data._all_cores(), columns)
    for number, told in enumerate(entry["cursors"]):
        name = told["name"]
        if name in data._cursors or (name is None and data._default_cursor is not None):
            raise ValueError(f"a cursor has one name: {name!r:.40}")
        cursor, timestamps, shown = data.export_cursor(name), told["timestamps"], None
        if told["sequence"] is not None:
            if not 0 <= _whole(told["sequence"]) <= sequence:
                raise ValueError(f"a cursor has shown no changes to come: {told['sequence']}")
            shown = told["sequence"], _texts(told["gone"]), columns, f"{number}."
        if timestamps not in (TIMESTAMPS if shown else (None, *TIMESTAMPS)):
            raise ValueError(f"a cursor has shown times in a form that there is: {timestamps!r:.40}")
        symbols, intervals = told["symbols"], told["intervals"]
        cursor._resume(
            data, timestamps, None if symbols is None else _texts(symbols),
            None if intervals is None else _texts(intervals), shown,
        )  # fmt: skip


def _texts(names: list[Any]) -> list[str]:
    from sessiondata.store.store import _check_text

    return [_check_text(name, "a name") for name in names]


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
    """A calendar, with the hours that it had when the store was saved: a newer schedule may say otherwise by now."""
    calendar = SessionCalendar.from_recipe(entry["recipe"])
    grids = {}
    for date, (segments, start, stop) in entry["sessions"].items():
        grid = SessionGrid(date, entry["tz"], segments, (start, stop))
        grids[grid.date] = grid
    closes = {to_date(date): _whole(close) for date, close in entry.get("usual_closes", {}).items()}
    if not closes.keys() <= grids.keys():
        raise ValueError("usual closes are of dates whose hours are told")
    try:
        same = calendar.tz == entry["tz"] and all(calendar.session(date) == grid for date, grid in grids.items())
        same = same and all(calendar.usual_close(date) == close for date, close in closes.items())
    except CalendarError:
        same = False
    if not same:
        calendar = SessionCalendar(calendar._source, grids.values(), closes)
    return calendar


def _symbol(
    data: SessionData, file: _File, place: _Place, calendars: list[SessionCalendar], entry: dict[str, Any]
) -> None:
    name = entry["name"]
    place.part = f"symbol {name!r:.60}"
    calendar = calendars[_index(entry["calendar"])]
    base, *derived = entry["intervals"]
    if name in data._symbols:
        raise ValueError("a symbol has one name")
    date, data._clock.date = data._clock.date, None  # so that no session is begun
    try:
        symbol = data.register_symbol(
            name, base, derived, calendar=calendar, quote_bars=entry["quote_bars"],
            strict=entry.get("strict", False) is True,
        )  # fmt: skip
    finally:
        data._clock.date = date
    if symbol.intervals != tuple(entry["intervals"]):
        raise ValueError("intervals are in order")
    core, days = symbol._core, symbol._history.days
    place.part = f"session of {name!r:.60}"
    grid = None
    if "stored" in entry["session"]:
        if date is None:
            raise ValueError("a session has a date")
        grid = _session(calendar, date)
    _restore(data, core, calendar, grid, file, entry["session"])
    cores: dict[dt.date, SymbolCore] = {}
    for day in entry["days"]:
        place.part = f"day {day['date']!r:.20} of {name!r:.60}"
        grid = _session(calendar, to_date(day["date"]))
        if cores and max(cores) >= grid.date:
            raise ValueError("days ascend")
        capacity = _whole(day["capacity"])
        if capacity not in (0, data._capacity):
            raise ValueError(f"a day has the capacity of its store, or of a session: {capacity}")
        cores[grid.date] = _days.blank_day(core, grid.compiled, capacity == 0)
        _restore(data, cores[grid.date], calendar, grid, file, day)
    place.part = f"history of {name!r:.60}"
    days.commit((cores, _daily(symbol, file, entry["daily"])), 0)
    days.give(_given(symbol, file, entry["given"]), None)
    _user_values(symbol, entry, place)
    core.bars_updated = bool(entry["session"]["updated"])


def _session(calendar: SessionCalendar, date: dt.date) -> SessionGrid:
    """Hours of a date, which must be among those that were saved."""
    grid = calendar._grids.get(date)
    if grid is None:
        raise ValueError(f"no hours of {date} in the file")
    return grid


def _restore(
    data: SessionData, core: SymbolCore, calendar: SessionCalendar, grid: SessionGrid | None, file: _File,
    entry: dict[str, Any],
) -> None:  # fmt: skip
    compiled = None if grid is None else grid.compiled
    _snapshot.restore(core, compiled, data._hours(grid, calendar), entry, file.columns(entry))


def _table(file: _File, entry: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    columns = file.columns(entry)
    found = [columns[name] for name in names]
    if len({len(column) for column in found}) != 1:
        raise ValueError("columns have one length")
    return found


def _daily(symbol: SymbolSessionData, file: _File, entry: dict[str, Any] | None) -> dict[dt.date, tuple[Any, ...]]:
    if entry is None:
        return {}
    columns = _table(file, entry, _DAILY)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    days = {to_date(date): row for date, row in zip(entry["dates"], rows, strict=True)}
    if list(days) != sorted(days) or len(days) != len(columns[0]):
        raise ValueError("days ascend")
    base_ns = symbol._core.steps_ns[0]
    for date, (ts_ns, *values, n_base, turnover, traded) in days.items():
        numbers = *values, turnover, traded
        if type(ts_ns) is not int or type(n_base) is not int or not all(type(number) is float for number in numbers):
            raise TypeError("a day's bar has times and counts that are whole, and prices and sums that are not")
        # Files of before have no hours of days that were trimmed: then they are those that the calendar has now.
        grid = symbol.calendar.session(date)
        if ts_ns != grid.segments[0, 0]:
            raise ValueError(f"the bar of a day begins with its session: {date}")
        *prices, volume = values
        # Only what multiplies prices may be beyond a double: volumes are bounded so that sums of them are finite.
        if not all(map(math.isfinite, (*values, traded))) or prices[1] < prices[2] or volume < 0.0 or traded < 0.0:
            raise ValueError(f"the bar of a day has finite prices and volume, high >= low and volume >= 0: {date}")
        if not 0 <= n_base <= grid.compiled.possible_slots(base_ns):
            raise ValueError(f"a day has no more base bars than there can be: {date}, {n_base}")
    return days


def _given(symbol: SymbolSessionData, file: _File, entries: list[Any]) -> dict[str, dict[dt.date, Any]]:
    given: dict[str, dict[dt.date, Any]] = {}
    for entry in entries:
        interval, date = parse_interval(entry["interval"]), to_date(entry["date"])
        if interval.name != entry["interval"] or interval.name == symbol.base_interval:
            raise ValueError(f"not an interval of rows that are kept as they are: {entry['interval']!r}")
        if date in given.get(interval.name, ()):
            raise ValueError(f"rows of {interval.name} and {date} stand in one place")
        grid = _session(symbol.calendar, date)
        columns = _table(file, entry, _BARS)
        times = columns[0]
        if not len(times) or np.any(times[1:] <= times[:-1]):
            raise ValueError("times of bars ascend")
        if interval.step_ns == 0 and times.tolist() != [grid.segments[0, 0]]:
            raise ValueError(f"one daily bar, which begins with its session: {date}")
        # Labelled by closes, a bar may open before the span in which it ends.
        if times[0] <= grid.span_start - (interval.step_ns or 1) or times[-1] >= grid.span_stop:
            raise ValueError(f"bars of {interval.name} lie in the session of their date: {date}")
        _days.check_rows(symbol._core, *columns)
        # Over bytes of their own: others of the same part would keep all of it.
        given.setdefault(interval.name, {})[date] = tuple(
            np.frombuffer(column.tobytes(), column.dtype) for column in columns
        )
    return given


def _user_values(symbol: SymbolSessionData, entry: dict[str, Any], place: _Place) -> None:
    """What was set in place of what is computed, by the methods that set it."""
    data, name = symbol._data, symbol.symbol
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
