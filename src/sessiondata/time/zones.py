"""Zones: their UTC offsets, wall clocks, and the instants at which a wall clock shows a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

import numpy as np

from sessiondata.errors import TimeError
from sessiondata.time.units import DAY_NS, MAX_NS, NAT, RANGE_RULE, Int64Array

__all__ = ["from_ns", "naive_error", "to_zone", "utc_offsets", "wall_to_ns"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE = "ERR_NAIVE"


def from_ns(ts_ns: int, zone: tzinfo) -> datetime:
    """Aware datetime of a timestamp in `zone`, rounded down to a microsecond.

    Parameters
    ----------
    ts_ns : int
        Nanoseconds since 1970-01-01 UTC, within int64.
    zone : tzinfo
        Such as ``ZoneInfo("America/New_York")``.
    """
    return (_EPOCH + timedelta(microseconds=int(ts_ns) // 1000)).astimezone(zone)


def to_zone(tz: str | tzinfo) -> tzinfo:
    """Zone of an IANA name; a tzinfo is returned as it is.

    Raises
    ------
    TimeError
        If there is no such zone, or `tz` is neither.
    """
    if isinstance(tz, tzinfo):
        return tz
    if not isinstance(tz, str):
        raise TimeError(f"tz is an IANA name such as 'America/New_York', or a tzinfo: got {tz!r}", value=tz)
    from zoneinfo import ZoneInfo  # not needed until a zone is

    try:
        return ZoneInfo(tz)
    except (OSError, ValueError, KeyError) as error:
        # ZoneInfoNotFoundError is a KeyError; "../x" a ValueError
        raise TimeError(f"no time zone {tz!r} on this machine; {_zone_hint(tz)}", value=tz) from error


def _zone_hint(tz: str) -> str:
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    known = available_timezones()
    if not known:
        return "it has none at all: pip install tzdata"
    like = get_close_matches(tz, known, 1, 0.6)
    return f"did you mean {like[0]!r}?" if like else "a name is one of zoneinfo.available_timezones()"


def naive_error(what: str, remedy: str, value: Any) -> TimeError:
    """The error for a time or column without the zone that its type could carry."""
    return TimeError(f"naive {what}: give it a zone ({remedy})", value=value, code=_NAIVE)


def utc_offsets(zone: tzinfo, start_ns: int, stop_ns: int) -> tuple[Int64Array, Int64Array]:
    """UTC offsets in force within ``[start_ns, stop_ns)``.

    Parameters
    ----------
    zone : tzinfo
    start_ns, stop_ns : int
        Nanoseconds since 1970-01-01 UTC, ``start_ns < stop_ns``, both within int64.

    Returns
    -------
    from_ns : ndarray of int64
        Instants from which each offset holds, ascending. The first is `start_ns`, the others are
        exact to the second, as zones are defined.
    offset_ns : ndarray of int64
        Local minus UTC. Neighbours differ.
    """
    instants, offsets = [start_ns], [_offset_ns(zone, start_ns)]
    for year in range(from_ns(start_ns, UTC).year, from_ns(stop_ns - 1, UTC).year + 1):
        for instant, offset in _transitions(zone, year):
            if start_ns < instant < stop_ns:
                instants.append(instant)
                offsets.append(offset)
    return np.array(instants, np.int64), np.array(offsets, np.int64)


@lru_cache(maxsize=4096)
def _transitions(zone: tzinfo, year: int) -> tuple[tuple[int, int], ...]:
    """(instant in ns, offset in ns from then on) of each change of the UTC offset in one UTC year.

    zoneinfo has no list of its transitions. It is asked once for each day, and a day with two
    answers is bisected to the second: the closest two changes in the tz database of 2026 are 95
    hours apart (Freetown, 1939). A year takes 0.4 ms, and is cached.
    """
    second = (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
    last = (datetime(year + 1, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
    # Offsets at the last second of each day, beginning with the one before the year: a change at
    # midnight is in its year.
    low, found = second - 1, []
    before = _offset_ns(zone, low * 1_000_000_000)
    while low < last - 1:
        high = min(low + 86_400, last - 1)
        after = _offset_ns(zone, high * 1_000_000_000)
        if after != before:
            left, right = low, high  # invariant: the old offset holds at left, the new one at right
            while right - left > 1:
                middle = (left + right) // 2
                if _offset_ns(zone, middle * 1_000_000_000) == before:
                    left = middle
                else:
                    right = middle
            found.append((right * 1_000_000_000, after))
        low, before = high, after
    return tuple(found)


def _offset_ns(zone: tzinfo, ts_ns: int) -> int:
    offset = from_ns(ts_ns, zone).utcoffset()
    assert offset is not None  # astimezone gives an aware datetime
    return offset // timedelta(microseconds=1) * 1000


def wall_to_ns(wall_ns: Int64Array, zone: tzinfo, *, fold: int = 0, skipped: str = "raise") -> Int64Array:
    """Instants at which the wall clock of a zone shows some times.

    Parameters
    ----------
    wall_ns : ndarray of int64, shape (n,)
        Wall times as if they were UTC. NaT (the least int64) stays NaT.
    zone : tzinfo
    fold : {0, 1}, optional
        Which instant of a time that occurs twice: 0 the first, 1 the second.
    skipped : {"raise", "shift"}, optional
        What becomes of a time that the clock skips: an error, or the instant at which the clock
        jumps over it.

    Returns
    -------
    ndarray of int64, shape (n,)
        New array, nanoseconds since 1970-01-01 UTC.

    Raises
    ------
    TimeError
        If the clock skips a time (``skipped="raise"``), or the result does not fit in int64. Names
        the row.
    """
    out = np.full(wall_ns.shape, NAT, np.int64)
    real = wall_ns != NAT
    wall = wall_ns[real]
    if len(wall) == 0:
        return out
    # No offset reaches two days, so every instant sought, and the piece it lies in, is inside
    # [low, high).
    low = max(int(wall.min()) - 2 * DAY_NS, NAT + 1)
    high = min(int(wall.max()) + 2 * DAY_NS, MAX_NS)
    starts, offsets = utc_offsets(zone, low, high)
    # Piece k of constant offset shows the wall times [begins[k], ends[k]). The outer two are open:
    # no row lies beyond them.
    begins, ends = starts + offsets, np.append(starts[1:] + offsets[:-1], MAX_NS)
    begins[0] = NAT
    # Both ascend, since changes lie farther apart than clocks are set back. Where the clock is set
    # back pieces overlap (fold chooses), where it is set forward there is a hole between them:
    # `ends <= wall < begins` of the next.
    if fold == 0:
        piece = np.searchsorted(ends[:-1], wall, side="right")
    else:
        piece = np.searchsorted(begins, wall, side="right") - 1
        # In a hole this is the piece before it. The one after is wanted, as with fold=0: its start
        # is the instant of the change.
        piece[wall >= ends[piece]] += 1
        piece = np.minimum(piece, len(ends) - 1)
    hole = wall < begins[piece]
    offset = offsets[piece]
    outside = np.where(offset < 0, wall > MAX_NS + np.minimum(offset, 0), wall < NAT + 1 + np.maximum(offset, 0))
    if outside.any():
        row = int(np.flatnonzero(real)[int(outside.argmax())])
        raise TimeError(f"{RANGE_RULE}: {_format_row(wall_ns, row)}")
    if hole.any() and skipped == "raise":
        row = int(np.flatnonzero(real)[int(hole.argmax())])
        raise TimeError(f"wall time that does not exist in {zone} (the clocks skip it): {_format_row(wall_ns, row)}")
    out[real] = np.where(hole, starts[piece], wall - offset)
    return out


def _format_row(values: Any, row: int) -> str:
    """`row=3 value=...` of an array, with int64 times as dates."""
    value = values[row]
    if isinstance(value, np.int64) and value != NAT:
        value = value.view("datetime64[ns]")
    return f"row={row} value={value}"
