"""Corrected hours of one date, as a user writes them: local times of day, or instants."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sessiondata.errors import CalendarError, TimeError
from sessiondata.market.grid import check_segments
from sessiondata.market.hours import Hours, HoursProvider
from sessiondata.time.dates import DAY_NS, check_unique_wall_time, instants, time_text, to_time, wall
from sessiondata.time.instants import to_ns
from sessiondata.time.zones import from_ns

__all__ = ["corrected_hours"]


def corrected_hours(provider: HoursProvider, day: dt.date, segments: Any) -> Hours:
    """Segments of a date in ns. `provider` has the hours that are corrected."""
    rule = f"session {day}: segments are pairs (open, close), each of local times of day or of instants"
    try:
        pairs = [(start, stop) for start, stop in segments]
    except (TypeError, ValueError) as error:
        raise CalendarError(f"{rule}: got {segments!r}", value=segments) from error
    if not pairs:
        raise CalendarError(
            f"session {day}: no segment in which the market is open; pass None for no session", value=day
        )
    local = {isinstance(edge, (str, dt.time)) for pair in pairs for edge in pair}
    if len(local) == 2:
        raise CalendarError(f"{rule}, not of both: got {segments!r}", value=segments)
    if local == {True}:
        times = [(to_time(a, f"session {day}: an open"), to_time(b, f"session {day}: a close")) for a, b in pairs]
        pairs = _local_instants(provider, day, times)
    else:
        try:
            pairs = [(to_ns(start), to_ns(stop)) for start, stop in pairs]
        except TimeError as error:
            raise CalendarError(
                f"session {day}: an instant is an int of ns or an aware datetime; a local time of day is 'HH:MM':"
                f" {error}",
                value=day,
            ) from error
    return tuple(check_segments(day, pairs))


def _local_instants(provider: HoursProvider, day: dt.date, pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Instants of local times of day. A pair that closes at or before its open begins on the
    evening before."""
    turns = [i for i, (start, stop) in enumerate(pairs) if start >= stop]
    if len(turns) > 1:
        raise CalendarError(f"session {day}: more than one segment crosses midnight; pass aware datetimes", value=day)
    turn = turns[0] if turns else -1
    walls = []
    for i, (start, stop) in enumerate(pairs):
        walls += [start - DAY_NS if i <= turn else start, stop - DAY_NS if i < turn else stop]
    if walls != sorted(walls):
        raise CalendarError(
            f"session {day}: segments of local times must be sorted and must not overlap; pass aware datetimes"
            f" where one is on another date: got {[(time_text(a), time_text(b)) for a, b in pairs]}",
            value=day,
        )
    evening = None if turns else _evening_open(provider, day)
    if evening is not None and pairs[-1][0] >= evening:
        raise CalendarError(
            f"session {day}: {time_text(pairs[-1][0])[:5]} may be on {day} or on the evening before, when calendar"
            f" {provider.name!r} opens at {time_text(evening)[:5]}; pass aware datetimes",
            value=day,
        )
    for edge in walls:
        remedy = "pass an instant, an aware datetime with its UTC offset"
        check_unique_wall_time(day, wall(day) + edge, provider.zone, remedy)
    edges = instants([wall(day) + edge for edge in walls], provider.zone)
    return list(zip(edges[::2], edges[1::2], strict=True))


def _evening_open(provider: HoursProvider, day: dt.date) -> int | None:
    """Local time of day in ns at which the session of a date, or else the one next to it, opens on
    the date before; None if it opens on its own date."""
    near = day if provider.hours(day) else provider.before(day) or provider.after(day)
    if near is None:
        return None
    opens = from_ns(provider.hours(near)[0][0], provider.zone)
    return None if opens.date() >= near else to_time(opens.time(), "an open")
