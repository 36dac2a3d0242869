"""Columns of times, from text or whole numbers to nanoseconds since 1970-01-01 UTC.

Each distinct text is converted once. No time passes through a float.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessiondata.errors import InputError, TimeError
from sessiondata.readers.epochs import misread, unit_advice
from sessiondata.readers.faults import Faults
from sessiondata.readers.options import ReadOptions
from sessiondata.readers.types import Ints
from sessiondata.time.units import LEAST_START_NS, MAX_NS, UNIT_NS
from sessiondata.time.zones import to_zone, wall_to_ns

__all__ = [
    "BEYOND_RULE",
    "EARLY_RULE",
    "OFFSET_REMARK",
    "TextTimes",
    "format_wall",
    "from_wall",
    "is_early",
    "unit_of_column",
]

_NANOSECOND_COLUMNS = ("ts_event", "window_start")
_TIME_TEXT = re.compile(
    r"\s*(\d{4}-?\d\d-?\d\d)[Tt ](\d\d:?\d\d(?::?\d\d)?)(?:[.,](\d{1,9})0*)? ?([Zz]|[+-]\d\d(?::?\d\d)?)?\s*",
    re.ASCII,
)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_EPOCH = date(1970, 1, 1)
_TIME_RULE = "not a time: ISO 8601 text (2024-03-12T09:30:00-04:00) or a whole number is needed"
OFFSET_REMARK = "--tz does not apply to times that carry an offset"
EARLY_RULE = (
    "whole-number time before 1990 among later ones, or 0 alone, as for a time that is not known; --on-bad skip leaves"
    " such rows out, and a date that early is meant where it is written as text (1987-10-19T09:30:00-04:00)"
)
BEYOND_RULE = "time is beyond what int64 nanoseconds can hold (1677 to 2262)"

# Text of a time -> nanoseconds, and whether they are UTC (else a wall clock).
Convert = Callable[[str], tuple[int, bool]]


class TextTimes:
    """Converts the time column of one file, block by block."""

    def __init__(self, column: str, options: ReadOptions, faults: Faults, convert: Convert | None = None) -> None:
        self._column, self._options, self._faults, self._convert = column, options, faults, convert

    def __call__(self, texts: Sequence[str], rows: Ints) -> Ints:
        self._convert = self._convert or self._choose(texts, rows)
        known = self._convert_each(self._convert, texts, rows)
        # A text that is not known was a fault, whose row is left out: any value will do.
        pairs = [known.get(text, (0, True)) for text in texts]
        ts_ns = np.fromiter((ns for ns, _ in pairs), np.int64, len(pairs))
        wall = np.flatnonzero(~np.fromiter((is_utc for _, is_utc in pairs), np.bool_, len(pairs)))
        if self._convert is _iso_ns and self._options.tz is not None and any(is_utc for _, is_utc in known.values()):
            self._faults.remark(OFFSET_REMARK)
        if len(wall):
            ts_ns[wall] = from_wall(ts_ns[wall], rows[wall], self._options.tz, self._faults)
        return ts_ns

    def _choose(self, texts: Sequence[str], rows: Ints) -> Convert:
        """Whole numbers or ISO text: as the first row that is either."""
        for text, row in zip(texts, rows, strict=True):
            if _WHOLE.fullmatch(text.strip()):
                return _whole_ns(*unit_of_column(self._column, self._faults, self._options, int(text), int(row)))
            if _TIME_TEXT.fullmatch(text):
                break
        if self._options.unit is not None:
            self._faults.remark("--unit does not apply to times that are text")
        return _iso_ns

    def _convert_each(self, convert: Convert, texts: Sequence[str], rows: Ints) -> dict[str, tuple[int, bool]]:
        """Convert each distinct text once, since the symbols of a file share their timestamps."""
        known: dict[str, tuple[int, bool]] = {}
        is_mixed: bool | None = None
        for text, row in zip(texts, rows, strict=True):
            if text in known:
                continue
            try:
                ns, is_utc = convert(text)
                if not -MAX_NS <= ns <= MAX_NS:
                    raise ValueError(BEYOND_RULE)
                known[text] = ns, is_utc
            except _MisreadError as error:
                is_mixed = _has_one(convert, texts) if is_mixed is None else is_mixed
                self._faults.add(row, error.rule_of_mixed if is_mixed else str(error), error.value)
            except ValueError as error:
                self._faults.add(row, str(error), text)
        return known


def _has_one(convert: Convert, texts: Sequence[str]) -> bool:
    """Whether the unit is right for one of these times, that is, puts it after 1990."""
    for text in texts:
        with suppress(ValueError):
            if LEAST_START_NS <= convert(text)[0] <= MAX_NS:
                return True
    return False


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


def _whole_ns(unit: str, is_utc: bool) -> Convert:
    def convert(text: str) -> tuple[int, bool]:
        if _WHOLE.fullmatch(text.strip()) is None:
            raise ValueError("time is not a whole number, as others of this file are")
        wrong = misread(int(text), unit)
        if wrong is not None:
            rule_of_mixed, _ = misread(int(text), unit, True) or wrong
            raise _MisreadError(*wrong, rule_of_mixed)
        return int(text) * UNIT_NS[unit], is_utc

    return convert


class _MisreadError(ValueError):
    """A whole number is no count of the unit. `value` says what the number would be."""

    def __init__(self, rule: str, value: str, rule_of_mixed: str) -> None:
        self.value, self.rule_of_mixed = value, rule_of_mixed
        super().__init__(rule)


def unit_of_column(column: str, faults: Faults, options: ReadOptions, number: int, row: int) -> tuple[str, bool]:
    """The unit of a column of whole numbers, and whether they count from 1970 UTC."""
    where: dict[str, Any] = {"path": faults.path, "row": row, "value": number}
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


def is_early(ts_ns: Ints) -> NDArray[np.bool_]:
    """Mask of whole-number times from before 1990 among later ones, or of 0 alone, which stands for
    a time that is not known."""
    early: NDArray[np.bool_] = ts_ns < LEAST_START_NS
    return early & (not early.all() or int(ts_ns.max()) == 0)


def from_wall(wall_ns: Ints, rows: Ints, tz: str | None, faults: Faults) -> Ints:
    """UTC of wall times of zone `tz`. A time that its clocks skipped or showed twice is a fault."""
    if tz is None:
        rule = "time without a zone: pass --tz, such as --tz America/New_York"
        raise InputError(rule, path=faults.path, row=int(rows[0]), value=format_wall(wall_ns[0]))
    zone = to_zone(tz)
    first = wall_to_ns(wall_ns, zone, skipped="shift")
    for i in np.flatnonzero(wall_to_ns(wall_ns, zone, fold=1, skipped="shift") != first):
        # Of two equal rows the second would pass for a correction of the first, and an hour would
        # be lost.
        rule = f"the clocks in {tz} showed this time twice; write it with its offset"
        faults.add(rows[i], rule, format_wall(wall_ns[i]))
    try:
        wall_to_ns(wall_ns, zone)
    except TimeError:
        for row, wall in zip(rows, wall_ns, strict=True):
            _check_exists(wall, zone, int(row), faults)
    return first


def _check_exists(wall_ns: np.int64, zone: tzinfo, row: int, faults: Faults) -> None:
    try:
        wall_to_ns(np.array([wall_ns]), zone)
    except TimeError:
        faults.add(row, f"the clocks in {zone} never showed this time", format_wall(wall_ns))


def format_wall(wall_ns: np.int64) -> str:
    """A wall time for a message."""
    return str(wall_ns.view("datetime64[ns]"))
