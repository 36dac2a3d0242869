"""Regular hours: the same ones on each trade date, but for holidays and special hours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sessiondata.errors import CalendarError
from sessiondata.market.hours import Hours, Rule, cut
from sessiondata.time.dates import (
    DAY_NS,
    DateLike,
    TimeLike,
    check_unique_wall_time,
    instants,
    time_text,
    time_texts,
    to_date,
    to_named_zone,
    to_time,
    wall,
)

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["regular_hours", "round_the_clock"]


def regular_hours(
    open: TimeLike,  # noqa: A002
    close: TimeLike,
    tz: str | ZoneInfo,
    breaks: Iterable[tuple[TimeLike, TimeLike]],
    weekdays: Collection[int],
    holidays: Iterable[DateLike],
    early_closes: Mapping[Any, TimeLike] | None,
    late_opens: Mapping[Any, TimeLike] | None,
    name: str | None,
) -> Rule:
    """Hours as `SessionCalendar.from_hours` has them, whose docstring says what the arguments
    mean."""
    zone = to_named_zone(tz)
    open_ns, close_ns = to_time(open, "open"), to_time(close, "close")
    if open_ns == DAY_NS:
        raise CalendarError("open is before 24:00: pass '00:00'", value=open)
    overnight = open_ns >= close_ns

    def place(time_ns: int) -> int:
        """Time of day relative to midnight of the trade date: evenings of an overnight session
        are negative."""
        return time_ns - DAY_NS if overnight and time_ns >= open_ns else time_ns

    try:
        days_open = frozenset(weekdays)
    except TypeError:
        days_open = frozenset()
    if not days_open or not days_open <= frozenset(range(7)):
        raise CalendarError(
            f"weekdays are numbers from 0 (Monday) to 6, at least one: got {weekdays!r}", value=weekdays
        )
    closed = frozenset(to_date(day) for day in _listed("holidays are trade dates", holidays))
    pauses, recipe_breaks = [], []
    for pause in _listed("breaks are pairs (start, end)", breaks):
        try:
            first, last = pause
        except (TypeError, ValueError):
            raise CalendarError(f"breaks are pairs (start, end): got {pause!r}", value=pause) from None
        edges = [to_time(first, "break"), to_time(last, "break")]
        recipe_breaks.append([time_text(edge) for edge in edges])
        start = place(edges[0])
        stop = start - start % DAY_NS + edges[1]
        if overnight and stop < start:
            stop += DAY_NS
        if not place(open_ns) <= start <= stop <= close_ns:
            raise CalendarError(f"a break begins and ends within the hours {open} - {close}: got {pause}", value=pause)
        pauses.append((start, stop))
    for what, special in (("early_closes", early_closes), ("late_opens", late_opens)):
        if special is not None and not isinstance(special, Mapping):
            raise CalendarError(f"{what} are a mapping of trade date to time: got {special!r}", value=special)
    closes = {to_date(day): place(to_time(time, "early close")) for day, time in (early_closes or {}).items()}
    opens = {to_date(day): place(to_time(time, "late open")) for day, time in (late_opens or {}).items()}
    for day in closes.keys() | opens.keys():
        if day.weekday() not in days_open or day in closed:
            raise CalendarError(f"special hours on {day}, which is no session", value=day)
        if opens.get(day, place(open_ns)) >= closes.get(day, close_ns):
            raise CalendarError(f"special hours on {day} close before they open", value=day)
        for times in (opens, closes):
            if day in times:
                remedy = (
                    "leave the date out here, and give it its hours by with_sessions, as aware datetimes with"
                    " their UTC offset"
                )
                check_unique_wall_time(day, wall(day) + times[day], zone, remedy)

    def rule(day: dt.date) -> Hours:
        if day.weekday() not in days_open or day in closed:
            return ()
        edges = [opens.get(day, place(open_ns)), closes.get(day, close_ns)]
        edges += [edge for pause in pauses for edge in pause]
        start, stop, *rest = instants([wall(day) + edge for edge in edges], zone)
        return cut(start, stop, zip(rest[::2], rest[1::2], strict=True))

    for day in closes.keys() | opens.keys():
        if not rule(day):  # all of it is a break, or a jump of the clocks
            raise CalendarError(f"special hours on {day} leave no time in which the market is open", value=day)

    recipe = {
        "kind": "hours",
        "open": time_text(open_ns),
        "close": time_text(close_ns),
        "breaks": recipe_breaks,
        "weekdays": [int(day) for day in sorted(days_open)],
        "holidays": [day.isoformat() for day in sorted(closed)],
        "early_closes": time_texts(early_closes),
        "late_opens": time_texts(late_opens),
    }
    return Rule(name or f"{open}-{close} {zone.key}", zone, rule, recipe)


def round_the_clock(start: TimeLike, tz: str | ZoneInfo) -> Rule:
    """Hours of a market that never closes, as `SessionCalendar.always_open` has them."""
    zone, start_ns = to_named_zone(tz), to_time(start, "start")
    if start_ns == DAY_NS:
        raise CalendarError("start is before 24:00: pass '00:00'", value=start)

    def rule(day: dt.date) -> Hours:
        opens = wall(day) + start_ns
        edges = instants([opens, opens + DAY_NS], zone)
        # nothing on a date that the zone skipped (Apia, 2011-12-30)
        return cut(edges[0], edges[1], ())

    plain = start_ns == 0 and zone.key == "UTC"
    recipe = {"kind": "always", "start": time_text(start_ns)}
    return Rule("24/7" if plain else f"24/7 from {start} {zone.key}", zone, rule, recipe)


def _listed(rule: str, values: Any) -> Any:
    try:
        return iter(values)
    except TypeError:
        raise CalendarError(f"{rule}: got {values!r}", value=values) from None
