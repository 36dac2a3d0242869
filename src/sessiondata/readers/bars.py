"""Files of bars, read into arrays: LEAN zips, CSV and Parquet.

Whatever a file leaves open is asked for, never guessed: the unit of whole-number times (`unit`),
the zone of times without an offset (`tz`), what names the symbol (`symbol_from`, `symbol_column`),
the factor of scaled prices (`price_scale`). Four things are known by name: LEAN's folders say type,
market and resolution; Hive folders (``symbol=SPY``) say the symbol; a column `window_start`
(Polygon) or `ts_event` (Databento) of whole numbers counts nanoseconds; whole-number prices beside
`ts_event` and `rtype` are Databento's, of 1e-9 each.

All formats meet in `_Block`: times, five value columns and the row numbers they came from. The
checks of a bar run on blocks, so a bad one is reported the same way for each format: path, row,
value and rule. Text is converted by `int` and `float`, which round correctly; no time ever passes
through a float.

NumPy is enough for LEAN and CSV. pyarrow is imported when a Parquet file is read.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessiondata.errors import ArgumentError, InputError, TimeError, install_hint
from sessiondata.readers.epochs import UNIT_NS, misread, unit_advice
from sessiondata.readers.layouts import ColumnNames, NotBarsError, find_columns
from sessiondata.readers.naming import Origin, PathName, UnreadText, hive_name, name_of_path
from sessiondata.readers.prices import PriceScale, are_whole, check_not_scaled
from sessiondata.time.zones import to_zone, wall_to_ns

__all__ = ["BarTable", "InputFile", "NotBarsError", "ReadOptions", "find_inputs", "read_bars"]

Note = Callable[[str], None]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_INT64_MAX = 2**63 - 1
_BLOCK_ROWS = 1 << 16  # bounds the memory that rows take as Python strings (about 50 MB)

_VALUE_NAMES = ("open", "high", "low", "close", "volume")
_COLUMNS = ("ts_ns", *_VALUE_NAMES)
_NANOSECOND_COLUMNS = ("ts_event", "window_start")

# Limits on zip input. LEAN's own files stay far below: one member to a few dozen, some MB, a ratio
# of 5 to 20.
_ZIP_MAX_MEMBERS = 10_000
_ZIP_MAX_BYTES = 1 << 30
_ZIP_MAX_RATIO = 200
_ZIP_FREE_BYTES = 1 << 20  # the ratio of a small file is not worth a refusal


@dataclass(frozen=True, slots=True)
class BarTable:
    """Bars of one symbol from one file, in the order of the file.

    Attributes
    ----------
    symbol : str
    ts_ns : ndarray of int64
        Label of each bar in nanoseconds since 1970-01-01 UTC.
    open, high, low, close, volume : ndarray of float64
        As long as `ts_ns`. All values are finite, high >= low and volume >= 0.
    source : str
        Path of the file; for a zip with the member: ``path!member``.
    interval_ns : int or None
        Length of a bar where the file says it (LEAN's folder), else None.
    calendar : str or None
        Calendar that fits the market where the file says which it is, else None.
    rows : ndarray of int64 or None
        Number of each bar's row in the file, as `InputError.row` has it.
    origin : Origin or None
        What named the symbol, where the same name from elsewhere may be another symbol.
    remarks : tuple of str
        How the file was read, where a word is due: options without effect, choices by rule.
    unread_text : tuple of str
        Columns of text that differ between rows and are not read, in a file without a column of
        symbols.
    """

    symbol: str
    ts_ns: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    source: str
    interval_ns: int | None = None
    calendar: str | None = None
    rows: Ints | None = None
    origin: Origin | None = None
    remarks: tuple[str, ...] = ()
    unread_text: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ts_ns)

    def select(self, rows: slice | NDArray[Any]) -> BarTable:
        """Return some of the bars: a slice (views), positions or a mask (copies)."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, rows=None if self.rows is None else self.rows[rows], **columns)

    def in_time_order(self) -> BarTable:
        """Return the bars by time; those of one time stay in order."""
        if bool((self.ts_ns[1:] >= self.ts_ns[:-1]).all()):
            return self
        return self.select(np.argsort(self.ts_ns, kind="stable"))


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a CSV or Parquet file cannot say itself. LEAN files need none of it.

    Attributes
    ----------
    tz : str or None
        Zone of times that carry no offset.
    unit : {"s", "ms", "us", "ns"} or None
        Unit of times that are whole numbers.
    price_scale : float or None
        The number by which the file's prices were multiplied; they are divided by it. None: 1e9 for
        Databento's whole numbers, else 1, and a file of prices so large that they may be scaled is
        refused.
    on_bad : {"raise", "skip"}
        A bad row makes the whole file an error, or is left out and counted.
    epoch : {"utc", "local"} or None
        Whole-number times count from 1970-01-01 UTC, or from that date on the clock of `tz`. None
        is UTC, but refused together with `tz`. Columns that are known to count from UTC
        (`ts_event`, `window_start`) do.
    symbol_column : str or None
        Column that names the symbols; None: one of a usual name, else one that can only tell
        instruments apart.
    symbol_from : {"file", "folder"} or None
        What names the symbol of a file without such a column, if no Hive folder does. None: the
        name of the file, its folder if that name is a date.
    """

    tz: str | None = None
    unit: str | None = None
    price_scale: float | None = None
    on_bad: str = "raise"
    epoch: str | None = None
    symbol_column: str | None = None
    symbol_from: str | None = None

    def __post_init__(self) -> None:
        if self.tz is not None:
            to_zone(self.tz)  # raises TimeError, which is a ValueError
        if self.unit is not None and self.unit not in UNIT_NS:
            raise ArgumentError(f"unit must be one of {', '.join(UNIT_NS)}: {self.unit!r}", value=self.unit)
        if self.price_scale is not None and not 1.0 <= self.price_scale < float("inf"):
            raise ArgumentError(
                f"price_scale is a divisor of at least 1, such as 10000 or 1e9: {self.price_scale!r}",
                value=self.price_scale,
            )
        if self.on_bad not in ("raise", "skip"):
            raise ArgumentError(f"on_bad must be 'raise' or 'skip': {self.on_bad!r}", value=self.on_bad)
        if self.epoch not in (None, "utc", "local"):
            raise ArgumentError(f"epoch must be 'utc' or 'local': {self.epoch!r}", value=self.epoch)
        if self.epoch == "local" and self.tz is None:
            raise ArgumentError("epoch 'local' needs a tz, whose clock is meant: --tz")
        if self.symbol_from not in (None, "file", "folder"):
            raise ArgumentError(f"symbol_from must be 'file' or 'folder': {self.symbol_from!r}", value=self.symbol_from)


class InputFile(NamedTuple):
    """A file to read, and whether the user named it (or it was found in a folder)."""

    path: Path
    named: bool


def find_inputs(inputs: Iterable[str | Path], note: Note | None = None) -> list[InputFile]:
    """List the files behind `inputs`, folders walked in sorted order.

    Parameters
    ----------
    inputs : iterable of path
        Files are taken as they are, whether they exist or not (reading them will tell). Of a
        folder, all files below it that end in .zip, .csv, .csv.gz or .parquet, without hidden ones;
        the folder itself if there is none.
    note : callable, optional
        Called with a sentence about files of a folder that have another ending.

    Returns
    -------
    list of InputFile
    """
    files: list[InputFile] = []
    others: list[Path] = []
    links: list[Path] = []
    for path in map(Path, inputs):
        below, unreadable = _walk(path, links)
        found = [p for p in below if _format(p) is not None]
        others += [p for p in below if _format(p) is None]
        files += [InputFile(p, named=False) for p in found] or [InputFile(path, named=True)] * (path not in unreadable)
        files += [InputFile(p, named=True) for p in unreadable]
    for passed, rule in ((others, _FORMAT_RULE), (links, "a link to a folder, which is not followed")):
        if passed and note:
            note(f"files passed over: {len(passed)}, such as {passed[0]}: {rule}")
    return files


def _walk(top: Path, links: list[Path]) -> tuple[list[Path], list[Path]]:
    """The files below a folder, and the folders whose files cannot be listed. Nothing hidden, no
    links to folders."""
    files: list[Path] = []
    unreadable: list[Path] = []
    for place, folders, names in os.walk(top, onerror=lambda error: unreadable.append(Path(error.filename))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links += [path for name in folders if (path := Path(place, name)).is_symlink()]
        paths = [Path(place, name) for name in names if not name.startswith(".")]
        # a link to nothing is read, and fails
        files += [path for path in paths if path.is_file() or path.is_symlink()]
    is_folder = top.is_dir()
    return sorted(files), unreadable if is_folder else []


_FORMAT_RULE = "not a .zip, .csv, .csv.gz or .parquet file"


def _format(path: Path) -> str | None:
    name = path.name.lower()
    return next((suffix for suffix in (".zip", ".csv", ".csv.gz", ".parquet") if name.endswith(suffix)), None)


def read_bars(path: str | Path, options: ReadOptions | None = None, note: Note | None = None) -> list[BarTable]:
    """Read all bars of one file.

    Parameters
    ----------
    path : path
        A LEAN zip in LEAN's folders
        (``<type>/<market>/<resolution>/<ticker>/<yyyymmdd>_<trade|quote>.zip``), a CSV file with a
        header (``.csv``, ``.csv.gz``) or a Parquet file.
    options : ReadOptions, optional
    note : callable, optional
        Called with a sentence about rows that were left out (``on_bad="skip"``).

    Returns
    -------
    list of BarTable
        One per symbol, in order of first appearance. Rows keep the order of the file. Never empty.

    Raises
    ------
    InputError
        Naming path and row (for a zip ``path!member:row``), value and rule. Rows of text are
        1-based lines, those of Parquet are counted from 0.
    NotBarsError
        The kind of InputError that says that the file holds something else: ticks, days, other
        columns.

    Notes
    -----
    LEAN quote bars (forex) become bars of the middle between bid and ask, with volume 0.
    A CSV or Parquet file without a symbol column holds the symbol of its Hive folder, else of its
    name: ``spy.csv.gz`` is SPY. Where that name is a date, the folder names the symbol.
    """
    path = Path(path)
    options = options or ReadOptions()
    with _file_errors(path):
        path.stat()  # that a file is not there says more than that its name is not of a known form
        if path.is_dir():
            os.scandir(path).close()  # that it cannot be listed says more
            raise NotBarsError("no file of bars is below this folder", path=str(path))
        read = _READERS.get(_format(path) or "")
        if read is None:
            raise NotBarsError(_FORMAT_RULE, path=str(path))
        return read(path, options, note or _silent)


def _silent(_: str) -> None:
    pass


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Turn what the layers below say about an unreadable file into an InputError."""
    try:
        yield
    except EOFError as error:
        raise InputError("the file is cut off", path=str(path)) from error
    except (gzip.BadGzipFile, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"the compressed data is damaged ({error})", path=str(path)) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path=str(path)) from error


# --- blocks: where all formats meet ---------------------------------------------------------------


class _Block(NamedTuple):
    """Some consecutive rows of a file."""

    rows: Ints  # number of each row in its file, for messages
    ts_ns: Ints
    values: tuple[Floats, ...]  # open, high, low, close, volume
    symbols: Sequence[str] | None  # None: the whole file is one symbol


class _Faults:
    """The bad rows of one file: an error at once, or left out and counted. Also what else is to be
    told of it."""

    def __init__(self, source: str, on_bad: str) -> None:
        self.source, self._skip = source, on_bad == "skip"
        self._rules: dict[int, str] = {}
        self.remarks: dict[str, None] = {}  # as a set that keeps the order
        self.unread = UnreadText()
        self.are_counted = False  # whether times are whole numbers of some unit

    def remark(self, text: str) -> None:
        self.remarks[text] = None

    def add(self, row: int | np.integer, rule: str, value: Any = None) -> None:
        if not self._skip:
            raise InputError(rule, path=self.source, row=int(row), value=value)
        self._rules.setdefault(int(row), rule)

    def keep(self, rows: Ints) -> NDArray[np.bool_]:
        return ~np.isin(rows, list(self._rules))

    def report(self, note: Note) -> None:
        if self._rules:
            note(f"{self.source}: {self._told()}")

    def none_left(self) -> InputError:
        return InputError(
            f"holds no rows but bad ones; {self._told()}" if self._rules else "holds no rows", path=self.source
        )

    def _told(self) -> str:
        reasons = ", ".join(f"{count} x {rule}" for rule, count in Counter(self._rules.values()).most_common())
        return f"bad rows left out: {len(self._rules)} ({reasons}); the first is row {min(self._rules)}"


def _check(block: _Block, faults: _Faults) -> _Block:
    """Apply the rules of a bar, so that a bad one is named by its file and row and not by its place
    in the store."""
    _, highs, lows, _, volumes = block.values
    for name, column in zip(_VALUE_NAMES, block.values, strict=True):
        for i in np.flatnonzero(~np.isfinite(column)):
            faults.add(block.rows[i], f"{name} must be finite", float(column[i]))
    for i in np.flatnonzero(highs < lows):
        faults.add(block.rows[i], "high must not be below low", (float(highs[i]), float(lows[i])))
    for i in np.flatnonzero(volumes < 0):
        faults.add(block.rows[i], "volume must not be negative", float(volumes[i]))
    symbols = block.symbols or ()
    unfit = {symbol for symbol in set(symbols) if not symbol or not symbol.isprintable()}
    for k in [k for k, symbol in enumerate(symbols) if symbol in unfit] if unfit else ():
        faults.add(block.rows[k], "symbol must be printable text", symbols[k])
    return _select(block, faults.keep(block.rows))


def _select(block: _Block, keep: NDArray[np.bool_]) -> _Block:
    if keep.all():
        return block
    symbols = None if block.symbols is None else list(compress(block.symbols, keep))
    return _Block(block.rows[keep], block.ts_ns[keep], tuple(column[keep] for column in block.values), symbols)


def _tables(
    blocks: Iterable[_Block], name: PathName, faults: _Faults, note: Note, *, may_be_scaled: bool = False, **known: Any
) -> list[BarTable]:
    """Join the blocks of a file and part them by symbol. `name` is the one of a file without such a
    column."""
    codes: dict[str, int] = {}
    parts: list[tuple[Ints, Ints, Ints, Floats]] = []
    for block in blocks:
        block = _check(block, faults)
        names = [name.symbol] * len(block.rows) if block.symbols is None else block.symbols
        code = np.array([codes.setdefault(symbol, len(codes)) for symbol in names], dtype=np.int64)
        parts.append((code, block.rows, block.ts_ns, np.stack(block.values)))
    if not codes:
        raise faults.none_left()
    code, rows, ts_ns, values = (np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True))
    if faults.are_counted and (early := _early(ts_ns)).any():
        for i in np.flatnonzero(early):
            faults.add(rows[i], _EARLY_RULE, _clock(ts_ns[i]))
        if early.all():
            raise faults.none_left()
        code, rows, ts_ns, values = (array[..., ~early] for array in (code, rows, ts_ns, values))
    faults.report(note)
    if may_be_scaled:
        check_not_scaled(values[:4], rows, faults.source)
    known |= {"origin": name.origin, "remarks": tuple(faults.remarks), "unread_text": tuple(faults.unread.differing)}
    order = np.argsort(code, kind="stable")
    bounds = np.searchsorted(code[order], np.arange(len(codes) + 1))
    tables = []
    for symbol, start, stop in zip(codes, bounds[:-1], bounds[1:], strict=True):
        if start == stop:  # all of its rows were left out
            continue
        mine = order[start:stop]
        o, h, l_, c, v = (column[mine] for column in values)
        tables.append(BarTable(symbol, ts_ns[mine], o, h, l_, c, v, faults.source, rows=rows[mine], **known))
    return tables


def _early(ts_ns: Ints) -> NDArray[np.bool_]:
    """Rows of whole-number times from before 1990 among later ones, or of 0 alone: 0 for a time
    that is not known."""
    early: NDArray[np.bool_] = ts_ns < _YEAR_1990_NS
    return early & (not early.all() or int(ts_ns.max()) == 0)


# --- times ----------------------------------------------------------------------------------------

_TIME_TEXT = re.compile(
    r"\s*(\d{4}-?\d\d-?\d\d)[Tt ](\d\d:?\d\d(?::?\d\d)?)(?:[.,](\d{1,9})0*)? ?([Zz]|[+-]\d\d(?::?\d\d)?)?\s*",
    re.ASCII,
)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_EPOCH = date(1970, 1, 1)
_YEAR_1990_NS = (date(1990, 1, 1) - _EPOCH).days * 86_400 * UNIT_NS["s"]
_TIME_RULE = "not a time: ISO 8601 text (2024-03-12T09:30:00-04:00) or a whole number is needed"
_OFFSET_REMARK = "--tz does not apply to times that carry an offset"
_EARLY_RULE = (
    "whole-number time before 1990 among later ones, or 0 alone, as for a time that is not known; --on-bad skip leaves"
    " such rows out, and a date that early is meant where it is written as text (1987-10-19T09:30:00-04:00)"
)
_RANGE_RULE = "time is beyond what int64 nanoseconds can hold (1677 to 2262)"

# Text of a time -> nanoseconds, and whether they are UTC (else they are what a clock on the wall
# shows).
_Convert = Callable[[str], tuple[int, bool]]


def _iso_ns(text: str) -> tuple[int, bool]:
    match = _TIME_TEXT.fullmatch(text)
    if match is None:
        raise ValueError(_TIME_RULE)
    day, clock, fraction, offset = match.groups()
    try:
        seconds = _day_seconds(day) + _clock_seconds(clock) - (_offset_seconds(offset) if offset else 0)
    except ValueError:  # a month 13, an hour 25
        raise ValueError(_TIME_RULE) from None
    return seconds * UNIT_NS["s"] + (int(fraction.ljust(9, "0")) if fraction else 0), offset is not None


# Few texts of each kind occur in a file, so most rows cost three look-ups: 86,400 times of day at
# most.


@lru_cache(maxsize=1 << 14)
def _day_seconds(text: str) -> int:
    return (date.fromisoformat(text) - _EPOCH).days * 86_400


@lru_cache(maxsize=1 << 17)
def _clock_seconds(text: str) -> int:
    clock = time.fromisoformat(text)
    return (clock.hour * 60 + clock.minute) * 60 + clock.second


@lru_cache(maxsize=256)
def _offset_seconds(text: str) -> int:
    offset = time.fromisoformat("00:00" + text.upper()).utcoffset()
    return 0 if offset is None else offset // timedelta(seconds=1)


def _whole_ns(unit: str, is_utc: bool) -> _Convert:
    def convert(text: str) -> tuple[int, bool]:
        if _WHOLE.fullmatch(text.strip()) is None:
            raise ValueError("time is not a whole number, as others of this file are")
        wrong = misread(int(text), unit)
        if wrong is not None:
            raise _MisreadError(*wrong, *(misread(int(text), unit, True) or wrong))
        return int(text) * UNIT_NS[unit], is_utc

    return convert


class _MisreadError(ValueError):
    """A whole number is no count of the unit. The value to show says what it would be."""

    def __init__(self, rule: str, value: str, rule_of_mixed: str, _: str) -> None:
        self.value, self.rule_of_mixed = value, rule_of_mixed
        super().__init__(rule)


def _unit(column: str, faults: _Faults, options: ReadOptions, number: int, row: int) -> tuple[str, bool]:
    """The unit of a column of whole numbers, and whether they count from 1970 UTC."""
    where: dict[str, Any] = {"path": faults.source, "row": row, "value": number}
    is_known = column.strip().lower() in _NANOSECOND_COLUMNS
    if options.unit is None and not is_known:
        advice = unit_advice(number)
        raise InputError(f"the unit of the whole numbers in column {column!r} is not known: {advice}", **where)
    if is_known and options.tz is not None:
        faults.remark(f"--tz does not apply to column {column!r}, which counts from 1970 UTC")
    elif options.tz is not None and options.epoch is None:
        rule = (
            f"whole-number times in column {column!r} count from 1970 UTC, to which --tz does not apply, or from 1970"
            f" on the clock of --tz: pass --epoch utc or --epoch local"
        )
        raise InputError(rule, **where)
    faults.are_counted = True
    return options.unit or "ns", is_known or options.epoch != "local"


class _TextTimes:
    """Converts the time column of one file, block by block."""

    def __init__(self, column: str, options: ReadOptions, faults: _Faults, convert: _Convert | None = None) -> None:
        self._column, self._options, self._faults, self._convert = column, options, faults, convert

    def __call__(self, texts: Sequence[str], rows: Ints) -> Ints:
        self._convert = self._convert or self._choose(texts, rows)
        known = self._convert_each(self._convert, texts, rows)
        # What is not known was a fault: its row is left out whatever stands here.
        pairs = [known.get(text, (0, True)) for text in texts]
        ts_ns = np.fromiter((ns for ns, _ in pairs), np.int64, len(pairs))
        wall = np.flatnonzero(~np.fromiter((is_utc for _, is_utc in pairs), np.bool_, len(pairs)))
        if self._convert is _iso_ns and self._options.tz is not None and any(is_utc for _, is_utc in known.values()):
            self._faults.remark(_OFFSET_REMARK)
        if len(wall):
            ts_ns[wall] = _from_wall(ts_ns[wall], rows[wall], self._options.tz, self._faults)
        return ts_ns

    def _choose(self, texts: Sequence[str], rows: Ints) -> _Convert:
        """Whole numbers or ISO text: as the first row that is either."""
        for text, row in zip(texts, rows, strict=True):
            if _WHOLE.fullmatch(text.strip()):
                return _whole_ns(*_unit(self._column, self._faults, self._options, int(text), int(row)))
            if _TIME_TEXT.fullmatch(text):
                break
        if self._options.unit is not None:
            self._faults.remark("--unit does not apply to times that are text")
        return _iso_ns

    def _convert_each(self, convert: _Convert, texts: Sequence[str], rows: Ints) -> dict[str, tuple[int, bool]]:
        """Convert each text once: the symbols of a file share their timestamps."""
        known: dict[str, tuple[int, bool]] = {}
        is_mixed: bool | None = None
        for text, row in zip(texts, rows, strict=True):
            if text in known:
                continue
            try:
                ns, is_utc = convert(text)
                if not -_INT64_MAX <= ns <= _INT64_MAX:
                    raise ValueError(_RANGE_RULE)
                known[text] = ns, is_utc
            except _MisreadError as error:
                is_mixed = _has_one(convert, texts) if is_mixed is None else is_mixed
                self._faults.add(row, error.rule_of_mixed if is_mixed else str(error), error.value)
            except ValueError as error:
                self._faults.add(row, str(error), text)
        return known


def _has_one(convert: _Convert, texts: Sequence[str]) -> bool:
    """Whether the unit is right for one of these times: it puts it after 1990."""
    for text in texts:
        with suppress(ValueError):
            if _YEAR_1990_NS <= convert(text)[0] <= _INT64_MAX:
                return True
    return False


def _from_wall(wall_ns: Ints, rows: Ints, tz: str | None, faults: _Faults) -> Ints:
    """UTC of what the clocks of zone `tz` showed. A time that they skipped or showed twice is a
    fault."""
    if tz is None:
        rule = "time without a zone: pass --tz, such as --tz America/New_York"
        raise InputError(rule, path=faults.source, row=int(rows[0]), value=_clock(wall_ns[0]))
    zone = to_zone(tz)
    first = wall_to_ns(wall_ns, zone, skipped="shift")
    for i in np.flatnonzero(wall_to_ns(wall_ns, zone, fold=1, skipped="shift") != first):
        # Of two equal rows the second would pass for a correction of the first, and an hour would
        # be lost.
        faults.add(rows[i], f"the clocks in {tz} showed this time twice; write it with its offset", _clock(wall_ns[i]))
    try:
        wall_to_ns(wall_ns, zone)
    except TimeError:
        for row, wall in zip(rows, wall_ns, strict=True):
            _check_shown(wall, zone, int(row), faults)
    return first


def _check_shown(wall_ns: np.int64, zone: tzinfo, row: int, faults: _Faults) -> None:
    try:
        wall_to_ns(np.array([wall_ns]), zone)
    except TimeError:
        faults.add(row, f"the clocks in {zone} never showed this time", _clock(wall_ns))


def _clock(wall_ns: np.int64) -> str:
    return str(wall_ns.view("datetime64[ns]"))


# --- text -----------------------------------------------------------------------------------------


def _text(raw: Any) -> io.TextIOWrapper:
    # utf-8-sig: spreadsheets put a byte order mark first. surrogateescape: a decoder works ahead of
    # the lines, so its own error could not tell the row; as it is, the field with the foreign byte
    # is the one that is refused.
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")


class _Layout(NamedTuple):
    """Which columns of a text file to read, by position."""

    width: int
    time: tuple[int, ...]  # more than one: date and time of day, joined
    values: tuple[tuple[int, ...], ...]  # of open .. volume; the mean of several columns, 0 of none
    symbol: int | None = None
    # other columns, by name, where there is none of symbols
    unread: tuple[tuple[str, int], ...] = ()


def _text_blocks(
    reader: Any, layout: _Layout, times: _TextTimes, faults: _Faults, scale: PriceScale
) -> Iterator[_Block]:
    """Convert the rows of a csv reader block by block."""
    while True:
        numbers, fields = _take_rows(reader, layout.width, faults)
        if not numbers:
            return
        rows = np.array(numbers, dtype=np.int64)
        columns = list(zip(*fields, strict=True))
        parsed = {k: _floats(columns[k], rows, faults) for ks in layout.values for k in ks}
        values = [_mean([parsed[k] for k in ks], len(rows)) for ks in layout.values]
        texts = [" ".join(parts) for parts in zip(*(columns[k] for k in layout.time), strict=True)]
        symbols = None if layout.symbol is None else [text.strip() for text in columns[layout.symbol]]
        for name, k in layout.unread:
            faults.unread.see(name, columns[k])
        prices = zip(*(columns[k] for ks in layout.values[:4] for k in ks), strict=True)
        whole = scale.asks and np.array([are_whole(row) for row in prices])
        yield _Block(rows, times(texts, rows), scale(values, rows, whole), symbols)


def _take_rows(reader: Any, width: int, faults: _Faults) -> tuple[list[int], list[list[str]]]:
    """Take the next rows, with their line numbers; none at the end only. Empty lines are passed
    over."""
    numbers: list[int] = []
    fields: list[list[str]] = []
    try:
        for row in reader:
            if len(row) == width:
                numbers.append(reader.line_num)
                fields.append(row)
                if len(fields) == _BLOCK_ROWS:
                    break
            elif row:
                faults.add(reader.line_num, f"the line has {len(row)} fields, {width} are expected", ",".join(row))
    except csv.Error as error:  # a quote that never ends, a NUL
        raise InputError(f"not readable as CSV ({error})", path=faults.source, row=reader.line_num) from error
    return numbers, fields


def _floats(texts: Sequence[str], rows: Ints, faults: _Faults) -> Floats:
    try:
        # Python's own spellings, 1_000 and the digits of other scripts, are a slip in a file.
        if "_" not in (joined := "".join(texts)) and joined.isascii():
            return np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        pass
    return np.array([_float(text, row, faults) for text, row in zip(texts, rows, strict=True)])


def _float(text: str, row: int, faults: _Faults) -> float:
    try:
        if "_" not in text and text.isascii():
            return float(text)
    except ValueError:
        pass
    faults.add(row, "not a number", text)
    return float("nan")


def _mean(columns: Sequence[Floats], n_rows: int) -> Floats:
    return np.sum(columns, axis=0) / len(columns) if columns else np.zeros(n_rows)


# --- LEAN -----------------------------------------------------------------------------------------


class _LeanKind(NamedTuple):
    """What LEAN's files of one type hold."""

    word: str  # the files with bars: trade or quote
    layout: _Layout
    price_scale: float = 1.0


_TRADE = _Layout(width=6, time=(0,), values=((1,), (2,), (3,), (4,), (5,)))
_QUOTE = _Layout(width=11, time=(0,), values=((1, 6), (2, 7), (3, 8), (4, 9), ()))
_LEAN_KINDS = {
    "equity": _LeanKind("trade", _TRADE, price_scale=10_000.0),
    "crypto": _LeanKind("trade", _TRADE),
    "future": _LeanKind("trade", _TRADE),
    "forex": _LeanKind("quote", _QUOTE),
}
_LEAN_ZONES = {("equity", "usa"): "America/New_York", ("equity", "india"): "Asia/Kolkata"}
_LEAN_CALENDARS = {("equity", "usa"): "XNYS", ("equity", "india"): "XBOM", ("future", "cme"): "CMES"}
_LEAN_STEPS = {"minute": 60 * UNIT_NS["s"], "second": UNIT_NS["s"]}
_LEAN_RESOLUTIONS = ("tick", *_LEAN_STEPS)
_LEAN_LAYOUT = "<type>/<market>/<minute|second>/<ticker>/<yyyymmdd>_<trade|quote>.zip"


class _LeanPath(NamedTuple):
    """What the path of a LEAN file says."""

    kind: str
    market: str
    resolution: str
    ticker: str
    day: date


def _lean_path(path: Path) -> _LeanPath:
    parts = [part.lower() for part in path.absolute().with_suffix("").parts[-5:]]
    if parts[-2] in ("hour", "daily"):  # one file for all days, one folder higher than the others
        raise NotBarsError(f"LEAN's {parts[-2]} files hold no intraday bars of one date", path=str(path))
    name = re.fullmatch(r"(\d{8})_([a-z]+)", parts[-1])
    if len(parts) < 5 or parts[2] not in _LEAN_RESOLUTIONS or name is None:
        raise NotBarsError(f"a zip is read in LEAN's folders only: {_LEAN_LAYOUT}", path=str(path))
    kind, market, resolution, ticker, _ = parts
    if kind not in _LEAN_KINDS:
        raise NotBarsError(f"LEAN's type must be one of {', '.join(_LEAN_KINDS)}", path=str(path), value=kind)
    if resolution not in _LEAN_STEPS:
        raise NotBarsError(f"LEAN's {resolution} files hold no intraday bars", path=str(path))
    if name[2] != _LEAN_KINDS[kind].word:
        raise NotBarsError(
            f"of LEAN's type {kind} the {_LEAN_KINDS[kind].word} files are read", path=str(path), value=name[2]
        )
    if kind == "equity" and (kind, market) not in _LEAN_ZONES:
        raise NotBarsError("the zone of this LEAN market is not known", path=str(path), value=market)
    try:
        return _LeanPath(kind, market, resolution, ticker.upper(), datetime.strptime(name[1], "%Y%m%d").date())
    except ValueError:
        raise NotBarsError("the file name begins with no date", path=str(path), value=name[1]) from None


def _read_lean(path: Path, options: ReadOptions, note: Note) -> list[BarTable]:
    where = _lean_path(path)
    tables: list[BarTable] = []
    with zipfile.ZipFile(path) as archive:
        members = _zip_members(archive, path)
        if len(members) != 1 and where.kind != "future":
            raise InputError("one CSV file is expected in the zip", path=str(path), value=[m.filename for m in members])
        for member in members:
            # One member per contract: 20131007_es_minute_trade_201312.csv is ES_201312.
            expiry = member.filename.removesuffix(".csv").rpartition("_")[2]
            symbol = f"{where.ticker}_{expiry}" if where.kind == "future" else where.ticker
            tables += _read_lean_member(archive, member, symbol, where, options, note)
    return tables


def _read_lean_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, symbol: str, where: _LeanPath, options: ReadOptions, note: Note
) -> list[BarTable]:
    kind = _LEAN_KINDS[where.kind]
    faults = _Faults(f"{archive.filename}!{member.filename}", options.on_bad)
    for flag in _without_effect_on_lean(options):
        faults.remark(f"{flag} does not apply to LEAN's files, whose format says it")
    name = PathName(_usable(symbol, faults.source), Origin("market", f"{where.kind}/{where.market}"))
    tz = _LEAN_ZONES.get((where.kind, where.market), "UTC")
    midnight_ns = (where.day - _EPOCH).days * 86_400 * UNIT_NS["s"]

    def since_midnight(text: str) -> tuple[int, bool]:
        if not text.isdecimal() or int(text) >= 86_400_000:
            raise ValueError("not the milliseconds since midnight")
        return midnight_ns + int(text) * UNIT_NS["ms"], tz == "UTC"

    times = _TextTimes("time", ReadOptions(tz=tz), faults, since_midnight)
    with _member_errors(faults.source), archive.open(member) as raw:
        reader = csv.reader(_text(raw), strict=True)
        blocks = _text_blocks(reader, kind.layout, times, faults, PriceScale(kind.price_scale, faults.source))
        step_ns, calendar = _LEAN_STEPS[where.resolution], _lean_calendar(where)
        return _tables(blocks, name, faults, note, interval_ns=step_ns, calendar=calendar)


def _without_effect_on_lean(options: ReadOptions) -> list[str]:
    given = {
        "--tz": options.tz,
        "--unit": options.unit,
        "--epoch": options.epoch,
        "--price-scale": options.price_scale,
        "--symbol-column": options.symbol_column,
        "--symbol-from": options.symbol_from,
    }
    return [flag for flag, value in given.items() if value is not None]


def _usable(symbol: str, source: str) -> str:
    if not symbol or not symbol.isprintable():
        raise InputError("the name of the file is not usable as a symbol", path=source, value=symbol)
    return symbol


def _lean_calendar(where: _LeanPath) -> str | None:
    always = {"crypto": "24/7", "forex": "forex"}
    return always.get(where.kind) or _LEAN_CALENDARS.get((where.kind, where.market))


@contextmanager
def _member_errors(source: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"the member is damaged ({error})", path=source) from error
    except (NotImplementedError, RuntimeError) as error:
        # an unknown compression, an encrypted member
        raise InputError(f"the member cannot be unpacked ({error})", path=source) from error


def _zip_members(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """The CSV members, after a look at what the archive declares. zipfile never unpacks more than
    that."""
    members = archive.infolist()
    size, packed = sum(m.file_size for m in members), sum(m.compress_size for m in members)
    if len(members) > _ZIP_MAX_MEMBERS:
        raise InputError(f"more than {_ZIP_MAX_MEMBERS} members in the zip", path=str(path), value=len(members))
    if size > _ZIP_MAX_BYTES:
        raise InputError(f"the zip unpacks to more than {_ZIP_MAX_BYTES} bytes", path=str(path), value=size)
    if size > _ZIP_FREE_BYTES and size > _ZIP_MAX_RATIO * packed:
        raise InputError(
            f"the zip is packed by more than {_ZIP_MAX_RATIO} to 1", path=str(path), value=f"{size} bytes in {packed}"
        )
    return [m for m in members if m.filename.lower().endswith(".csv")]


# --- CSV and Parquet: columns by name, symbols by column or path ----------------------------------


def _path_name(path: Path, names: ColumnNames, options: ReadOptions, faults: _Faults) -> PathName:
    """The symbol that the path says; with a column of symbols the name is sure, and of a Hive
    folder's it must be."""
    keys = () if options.symbol_column is None else (options.symbol_column.strip(),)
    of_folder = hive_name(path, keys)
    if of_folder is not None:
        return of_folder
    if names.symbol is not None:
        return PathName("", None)
    if keys:
        raise InputError("the file has no such column: --symbol-column", path=str(path), value=options.symbol_column)
    return name_of_path(path, path.name[: -len(_format(path) or "")], options.symbol_from, faults.remark)


def _scale(options: ReadOptions, names: ColumnNames, faults: _Faults) -> PriceScale:
    return PriceScale(options.price_scale, faults.source, faults.remark if names.is_fixed_point else None)


def _of_folder(blocks: Iterable[_Block], name: PathName, faults: _Faults) -> Iterator[_Block]:
    """The blocks of a file in a Hive folder, whose column of symbols must say what the folder
    says."""
    for block in blocks:
        for k, symbol in enumerate(block.symbols or ()):
            if symbol != name.symbol:
                faults.add(block.rows[k], f"the folder says symbol {name.symbol!r}, the row another", symbol)
        yield block


# --- CSV ------------------------------------------------------------------------------------------


def _read_csv(path: Path, options: ReadOptions, note: Note) -> list[BarTable]:
    faults = _Faults(str(path), options.on_bad)
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rb") as raw:
        reader = csv.reader(_text(raw), strict=True)
        header = _header(reader, faults.source)
        names = find_columns(header, options.symbol_column, faults.source, faults.remark)
        times = _TextTimes(names.time[0], options, faults)
        scale = _scale(options, names, faults)
        blocks = _text_blocks(reader, _csv_layout(header, names), times, faults, scale)
        return _named_tables(blocks, path, names, options, faults, note)


def _named_tables(
    blocks: Iterator[_Block], path: Path, names: ColumnNames, options: ReadOptions, faults: _Faults, note: Note
) -> list[BarTable]:
    name = _path_name(path, names, options, faults)
    if name.is_hive and names.symbol is not None:
        blocks = _of_folder(blocks, name, faults)
    tables = _tables(blocks, name, faults, note, may_be_scaled=options.price_scale is None)
    for column in faults.unread.differing:
        remark = (
            f"no column of symbols; if {column!r}, whose text differs between rows, is one: --symbol-column {column}"
        )
        tables = [replace(table, remarks=(*table.remarks, remark)) for table in tables]
    return tables


def _header(reader: Any, source: str) -> list[str]:
    try:
        header: list[str] | None = next((row for row in reader if row), None)
    except csv.Error as error:
        raise InputError(f"not readable as CSV ({error})", path=source, row=reader.line_num) from error
    if header is None:
        raise InputError("the file is empty", path=source)
    return header


def _csv_layout(header: list[str], names: ColumnNames) -> _Layout:
    symbol = None if names.symbol is None else header.index(names.symbol)
    time, values = (tuple(map(header.index, columns)) for columns in (names.time, names.values))
    unread = tuple((name.strip(), header.index(name)) for name in names.others)
    return _Layout(len(header), time, tuple((k,) for k in values), symbol, unread)


# --- Parquet --------------------------------------------------------------------------------------


def _read_parquet(path: Path, options: ReadOptions, note: Note) -> list[BarTable]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        hint = install_hint("pyarrow", "parquet", error)
        raise InputError(f"Parquet needs pyarrow: {hint}", path=str(path)) from None
    if path.stat().st_size == 0:
        raise InputError("the file is empty", path=str(path))
    faults = _Faults(str(path), options.on_bad)
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            schema = file.schema_arrow
            names = find_columns(schema.names, options.symbol_column, faults.source, faults.remark)
            _check_types(schema, names, faults.source)
            names = names._replace(others=tuple(name for name in names.others if _is_text(schema.field(name).type)))
            times = _TextTimes(names.time[0], options, faults)
            scale = _scale(options, names, faults)
            blocks = _parquet_blocks(file, names, options, times, scale, faults)
            return _named_tables(blocks, path, names, options, faults, note)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"not readable as Parquet ({error})", path=str(path)) from error


def _check_types(schema: Any, names: ColumnNames, source: str) -> None:
    from pyarrow import types

    if len(names.time) > 1:
        raise InputError("date and time stand in two columns; one is needed", path=source, value=list(names.time))
    for name in names.values:
        kind = schema.field(name).type
        if not (types.is_floating(kind) or types.is_integer(kind) or types.is_decimal(kind)):
            raise InputError(f"column {name!r} must hold numbers", path=source, value=str(kind))
    kind = schema.field(names.time[0]).type
    if not (types.is_timestamp(kind) or types.is_integer(kind) or _is_text(kind)):
        raise InputError(
            f"column {names.time[0]!r} must hold times, text or whole numbers", path=source, value=str(kind)
        )
    if names.symbol is not None:
        kind = schema.field(names.symbol).type
        if not (types.is_integer(kind) or _is_text(kind)):
            raise InputError(f"column {names.symbol!r} must hold text or whole numbers", path=source, value=str(kind))


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _parquet_blocks(
    file: Any, names: ColumnNames, options: ReadOptions, text_times: _TextTimes, scale: PriceScale, faults: _Faults
) -> Iterator[_Block]:
    from pyarrow import types

    columns = [*names.time, *names.values, *([names.symbol] if names.symbol else []), *names.others]
    whole = all(types.is_integer(file.schema_arrow.field(name).type) for name in names.values[:4])
    start = 0
    for batch in file.iter_batches(batch_size=_BLOCK_ROWS, columns=columns):
        rows = np.arange(start, start + batch.num_rows, dtype=np.int64)
        start += batch.num_rows
        time = batch.column(names.time[0])
        for i in np.flatnonzero(time.is_null().to_numpy(zero_copy_only=False)):
            faults.add(rows[i], "time must not be null")
        if _is_text(time.type):
            ts_ns = text_times(time.fill_null("").to_pylist(), rows)
        else:
            ts_ns = _parquet_times(time, names.time[0], rows, options, faults)
        values = [_parquet_floats(batch.column(name)) for name in names.values]
        symbols = None if names.symbol is None else _parquet_symbols(batch.column(names.symbol))
        for name in names.others:
            faults.unread.see(name, filter(None, batch.column(name).unique().to_pylist()))
        yield _Block(rows, ts_ns, scale(values, rows, whole), symbols)


def _parquet_symbols(column: Any) -> list[str]:
    return ["" if symbol is None else str(symbol).strip() for symbol in column.to_pylist()]


def _parquet_floats(column: Any) -> Floats:
    from pyarrow import types

    if types.is_decimal(column.type):  # by way of Python, where the conversion rounds correctly
        return np.array([float("nan") if x is None else float(x) for x in column.to_pylist()], dtype=np.float64)
    # A null becomes NaN, which the check of the block reports.
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _parquet_times(column: Any, name: str, rows: Ints, options: ReadOptions, faults: _Faults) -> Ints:
    import pyarrow as pa
    from pyarrow import types

    if not types.is_timestamp(column.type):
        return _parquet_counts(column.cast(pa.int64()).fill_null(0), name, rows, options, faults)
    if options.unit is not None:
        faults.remark("--unit does not apply to times that have a type of their own")
    numbers = column.view(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    unit_ns = UNIT_NS[column.type.unit]
    limit = _INT64_MAX // unit_ns
    for i in np.flatnonzero((numbers > limit) | (numbers < -limit)):
        faults.add(rows[i], _RANGE_RULE, int(numbers[i]))
    ts_ns: Ints = numbers * unit_ns
    if column.type.tz is None:
        return _from_wall(ts_ns, rows, options.tz, faults)
    if options.tz is not None:
        faults.remark(_OFFSET_REMARK)
    return ts_ns


def _parquet_counts(column: Any, name: str, rows: Ints, options: ReadOptions, faults: _Faults) -> Ints:
    """Times of a column of whole numbers."""
    numbers: Ints = column.to_numpy(zero_copy_only=False)
    if not len(numbers):
        return numbers
    unit, is_utc = _unit(name, faults, options, int(numbers[0]), int(rows[0]))
    limit = _INT64_MAX // UNIT_NS[unit]
    is_mixed = bool(((numbers <= limit) & (numbers >= _YEAR_1990_NS // UNIT_NS[unit])).any())
    for i in np.flatnonzero((numbers > limit) | (numbers < _YEAR_1990_NS // UNIT_NS[unit])):
        rule, value = misread(int(numbers[i]), unit, is_mixed) or (_RANGE_RULE, str(numbers[i]))
        if rule is not _RANGE_RULE or abs(int(numbers[i])) > limit:
            faults.add(rows[i], rule, value)
    ts_ns: Ints = numbers * UNIT_NS[unit]
    return ts_ns if is_utc else _from_wall(ts_ns, rows, options.tz, faults)


_READERS: dict[str, Callable[[Path, ReadOptions, Note], list[BarTable]]] = {
    ".zip": _read_lean,
    ".csv": _read_csv,
    ".csv.gz": _read_csv,
    ".parquet": _read_parquet,
}
