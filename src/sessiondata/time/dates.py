"""Trade dates, times of day and zones as users write them, and their instants."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from sessiondata.errors import CalendarError, TimeError
from sessiondata.time.zones import from_ns, to_zone, wall_to_ns

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = [
    "DAY_NS",
    "MINUTE_NS",
    "DateLike",
    "TimeLike",
    "check_unique_wall_time",
    "instants",
    "time_of_text",
    "time_text",
    "time_texts",
    "to_date",
    "to_hours",
    "to_named_zone",
    "to_time",
    "wall",
]

DateLike: TypeAlias = "str | dt.date | np.datetime64"
TimeLike: TypeAlias = "str | dt.time"

MINUTE_NS = 60_000_000_000
DAY_NS = 86_400_000_000_000
_EPOCH = dt.date(1970, 1, 1)
_ONE_US = dt.timedelta(microseconds=1)


def to_date(value: Any) -> dt.date:
    """Trade date of a str ``YYYY-MM-DD``, a date, or a naive datetime or datetime64 at midnight."""
    day: Any = None
    if isinstance(value, str):
        # fromisoformat alone would also accept "20240102" and week dates.
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
            try:
                day = dt.date.fromisoformat(value)
            except ValueError:
                day = None
    elif isinstance(value, np.datetime64):
        try:
            if not np.isnat(value) and value == value.astype("datetime64[D]"):
                # an int where the year is beyond Python's
                day = value.astype("datetime64[D]").item()
        except OverflowError:  # of a unit that cannot be compared with days, such as picoseconds
            day = None
    elif isinstance(value, dt.datetime):
        # Labels of pandas are such. NaT is a datetime too, and not equal to itself.
        if value.tzinfo is None and value == value and value.time() == dt.time(0):
            day = value.date()
    else:
        day = value
    if not isinstance(day, dt.date):
        raise CalendarError(
            f"not a trade date: {value!r}; pass 'YYYY-MM-DD', a date, or a datetime64 or naive datetime at midnight",
            value=value,
        )
    return day


def to_time(value: Any, what: str) -> int:
    """Time of day in ns since midnight, of a time or ``HH:MM[:SS]`` up to ``24:00``."""
    if isinstance(value, str):
        match = re.fullmatch(r"([01][0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?", value, re.ASCII)
        if match:
            ns = (int(match[1]) * 60 + int(match[2])) * MINUTE_NS + int(match[3] or 0) * 1_000_000_000
            if ns <= DAY_NS:
                return ns
    elif isinstance(value, dt.time) and value.tzinfo is None:
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return seconds * 1_000_000_000 + value.microsecond * 1000
    raise CalendarError(
        f"{what} is a local time of day, 'HH:MM', 'HH:MM:SS' or a time without tzinfo: got {value!r}", value=value
    )


def time_text(time_ns: int) -> str:
    """A time of day as `time_of_text` reads it."""
    if time_ns == DAY_NS:
        return "24:00"
    text = (dt.datetime.min + dt.timedelta(microseconds=time_ns // 1000)).time().isoformat("microseconds")
    return text.removesuffix(".000000")


def time_texts(times: Mapping[Any, TimeLike] | None) -> dict[str, str]:
    return {to_date(day).isoformat(): time_text(to_time(time, "hours")) for day, time in (times or {}).items()}


def time_of_text(text: str) -> TimeLike:
    return dt.time.fromisoformat(text) if "." in text else text


def to_hours(value: Any) -> tuple[int, int, int | None]:
    """Extended hours in ns since midnight: start, stop, and the stop on days that close early or
    None."""
    if not isinstance(value, (tuple, list)) or len(value) not in (2, 3):
        raise CalendarError(
            "extended hours are two local times of day, such as ('04:00', '20:00'), and perhaps a third, the stop of"
            f" days that close early: got {value!r}"
        )
    start, stop, *early = value
    return (
        to_time(start, "the start of extended hours"),
        to_time(stop, "the stop of extended hours"),
        to_time(early[0], "the stop of extended hours on days that close early") if early else None,
    )


def to_named_zone(tz: Any) -> ZoneInfo:
    from zoneinfo import ZoneInfo  # not needed until a zone is

    try:
        zone = to_zone(tz)
    except TimeError as error:
        raise CalendarError(str(error), value=error.value) from error
    if not isinstance(zone, ZoneInfo) or zone.key is None:
        raise CalendarError(f"tz is an IANA name or a ZoneInfo that has one: got {tz!r}", value=tz)
    return zone


def wall(day: dt.date) -> int:
    """Midnight of a date as if its zone were UTC, in ns."""
    return (day - _EPOCH).days * DAY_NS


def instants(walls: Sequence[int], zone: ZoneInfo) -> list[int]:
    """Instants of local wall times. Of a time that the clocks show twice the first; for one that
    they skip, the instant of their jump."""
    if zone.key == "UTC":
        return list(walls)
    return [_instant(wall, zone) for wall in walls]


def check_unique_wall_time(day: dt.date, wall_ns: int, zone: ZoneInfo, remedy: str) -> None:
    """Refuse a local time of one date that the clocks skip or show twice. `remedy` says what to do
    instead."""
    if zone.key == "UTC":
        return
    local = dt.datetime(1970, 1, 1, tzinfo=zone) + dt.timedelta(microseconds=wall_ns // 1000)
    before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
    assert before is not None  # of a ZoneInfo
    assert after is not None
    if before == after:
        return
    time = f"{local:%Y-%m-%d %H:%M}"
    what = f"skip {time}" if before < after else f"show {time} twice"
    raise CalendarError(f"session {day}: the clocks of {zone.key} {what}; {remedy}", value=day)


@lru_cache(maxsize=1024)  # a session and the next one ask for the same midnights
def _instant(wall: int, zone: ZoneInfo) -> int:
    # By the zone itself: `wall_to_ns` is for columns, and took two thirds of the time of building a
    # grid.
    local = dt.datetime(1970, 1, 1, tzinfo=zone) + dt.timedelta(microseconds=wall // 1000)
    offset = local.utcoffset()
    assert offset is not None  # of a ZoneInfo
    ts_ns = wall - offset // _ONE_US * 1000
    if from_ns(ts_ns, zone).utcoffset() == offset:
        return ts_ns
    # the clocks skip it
    return int(wall_to_ns(np.array([wall], np.int64), zone, skipped="shift")[0])
