"""Small sessions and symbols of the reference model, for the tests of it.

The toy session is Monday 2015-01-05, UTC, open from 10:00 to 10:20, spanning the whole day;
``at("10:03")`` is a time of that day in nanoseconds.
"""

from __future__ import annotations

from reference import HOUR, MINUTE, SECOND, RefSession, RefStore, RefSymbol

MONDAY = 1_420_416_000 * SECOND  # 2015-01-05T00:00:00Z
NYSE_OPEN = 1_381_152_600 * SECOND  # 2013-10-07T09:30:00-04:00


def at(clock: str) -> int:
    """Nanoseconds of ``HH:MM`` or ``HH:MM:SS`` on the Monday, UTC; hours from 24 on are the next
    day's."""
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    return MONDAY + hours * HOUR + minutes * MINUTE + sum(seconds) * SECOND


def toy(*hours: tuple[str, str], span: tuple[str, str] = ("00:00", "24:00")) -> RefSession:
    """Session of the Monday with the given hours, by default 10:00 to 10:20."""
    segments = [(at(start), at(stop)) for start, stop in hours or [("10:00", "10:20")]]
    return RefSession("2015-01-05", "UTC", segments, (at(span[0]), at(span[1])))


def symbol_of(session: RefSession, derived: list[str], capacity: int | None = None) -> RefSymbol:
    """Return the one symbol of a new store of 1m bars."""
    return RefStore(session, "1m", derived, capacity).register("X")


def feed(symbol: RefSymbol, *clocks: str, volume: float = 1.0) -> int:
    """Offer one flat bar per time, one after the other."""
    return sum(symbol.append(at(clock), 1.0, 1.0, 1.0, 1.0, volume) for clock in clocks)


def correct(symbol: RefSymbol, clock: str) -> bool:
    """Offer a bar with other values than those of `feed`."""
    return symbol.append(at(clock), 2.0, 2.0, 2.0, 2.0, 2.0)


def nyse_day() -> RefSession:
    """2013-10-07, 09:30 to 16:00 New York, the local day as its span."""
    midnight = NYSE_OPEN - 570 * MINUTE
    segment = (NYSE_OPEN, NYSE_OPEN + 390 * MINUTE)
    return RefSession("2013-10-07", "America/New_York", [segment], (midnight, midnight + 24 * HOUR))


def overnight() -> RefSession:
    """Monday of an overnight future: Sunday 17:00 to Monday 16:00 Chicago, which is 23:00 to 22:00
    UTC."""
    return RefSession("2015-01-05", "America/Chicago", [(at("-1:00"), at("22:00"))], (at("-1:00"), at("23:00")))
