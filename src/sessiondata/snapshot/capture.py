"""What a snapshot holds of a store.

The copy is all that a feeder waits for: one native call for all sessions, which is of one moment of
them. Days of history never change, so they are copied when it is their turn to be written. Columns
have names and one session is one part, so that a next version, or another language, can read it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata._native.out import capture as _capture
from sessiondata.copying import not_copied
from sessiondata.errors import SnapshotError
from sessiondata.market.calendar import provider_of
from sessiondata.market.hours import has_recipe
from sessiondata.snapshot.container import BARS, DAILY
from sessiondata.store.cursor import cursor_state
from sessiondata.store.exclusive import exclusive
from sessiondata.store.history import sessions_between
from sessiondata.time.instants import to_ns

if TYPE_CHECKING:
    from sessiondata._native.objects.store import SymbolCore
    from sessiondata.market.calendar import SessionCalendar
    from sessiondata.rows.gap import GapInfo
    from sessiondata.store.state import SymbolState
    from sessiondata.store.store import StoreParts

__all__ = ["StoreCopy"]


@not_copied("copy the store with data.copy()")
class StoreCopy:
    """A store's state, copied: the store part, and what makes each of the others."""

    @exclusive("save()", at=1)
    def __init__(self, store: StoreParts, path: str) -> None:
        self.path = path
        self.calendars: dict[SessionCalendar, int] = {}
        self.dates: list[set[dt.date]] = []
        self.parts: list[Callable[[], bytes]] = []
        context, settings = store.context, store.settings
        clock, calendar = context.clock, context.calendar
        states = list(store.registry.states.values())
        values = [(state.pins.gaps, state.pins.quality, state.values) for state in states]
        cores = [state.core for state in states]
        feeds: list[Any] = []
        if store.registry.feeds is not None:
            from sessiondata.snapshot import feeds as _feeds  # most stores have none

            feeds = _feeds.states_to_save(store.registry, cores)
        (as_of, sequence, epoch), sessions, counts, sent = _capture.capture_all(
            clock, cores, values, store.cursors.all(), cursor_state
        )
        symbols = [self._symbol(*pair) for pair in zip(states, sessions, strict=True)]
        self.cursors: list[bytes] = []
        own = self._calendar(calendar, clock.date if clock.grid is not None else None)
        self.store = {
            "calendar": own,
            "base_interval": settings.base.name,
            "derived_intervals": [interval.name for interval in settings.derived],
            "trailing_days": int(store.sessions.trailing_days),
            "capacity": settings.capacity or None,
            "label": "close" if settings.close_label else "open",
            "grace_ns": clock.grace_ns,
            "extended_hours": context.extended_hours,
            "strict": settings.strict,
            "tick_capacity": settings.tick_capacity,
            "quote_capacity": settings.quote_capacity,
            "active": context.is_active,
            "session_date": _text(clock.date),
            "ended_date": _text(clock.ended),
            "as_of": as_of,
            "sequence": sequence,
            "epoch": epoch,
            "indicators": [[name, int(kept.days), kept.is_built_in] for name, kept in context.indicators.items()],
            "symbols": symbols,
        }
        if counts is not None:
            self.store["cursors"] = self._cursors(counts, sent)
        self.feeds: list[bytes] = []
        if feeds:
            entries, columns = _feeds.columns_of_feeds(store.registry, cores, feeds)
            self.feeds = _packed(list(columns.values()))
            self.store["closed_bars"] = {
                "part": len(self.parts) + bool(self.cursors),
                "columns": _described(tuple(columns), columns.values()),
                "feeds": entries,
            }

    def _calendar(self, calendar: SessionCalendar, *dates: dt.date | None) -> int:
        """Number of a calendar, of which the hours of these dates are kept."""
        number = self.calendars.setdefault(calendar, len(self.calendars))
        if number == len(self.dates):
            self.dates.append(set())
        self.dates[number].update(date for date in dates if date is not None)
        return number

    def _symbol(self, symbol: SymbolState, session: tuple[Any, ...]) -> dict[str, Any]:
        core = symbol.core
        numbers, rows, cores, daily, days_supplied, (pinned_gaps, pinned_quality, values) = session
        place = f"symbol {symbol.name!r}"
        running = symbol.context.clock.date if core.grid is not None else None
        supplied = [(name, date, rows) for name, dates in days_supplied.items() for date, rows in dates.items()]
        days = {*cores, *daily, *(date for _, date, _ in supplied)}
        # Those of which nothing is kept count as missing, by their hours.
        between = sessions_between(symbol.calendar, min(days), max(days)) if days else ()
        dates = [running, *cores, *daily, *(date for _, date, _ in supplied), *between]
        return {
            "name": symbol.name,
            "calendar": self._calendar(symbol.calendar, *dates),
            "intervals": core.intervals,
            "quote_bars": (None, "mid", "bid", "ask")[core.quote_bars],
            "strict": core.strict,
            "session": {"part": self._part(lambda: rows), **numbers},
            "days": [self._day(date, day) for date, day in cores.items()],
            "daily": self._daily(daily),
            "given": [self._supplied(*entry) for entry in supplied],
            "pinned_gaps": {k: [self._gap(gap, place) for gap in gaps] for k, gaps in pinned_gaps.items()},
            "pinned_quality": pinned_quality,
            "indicators": {
                name: _plain(value, self.path, f"indicator {name!r} of {place}") for name, value in values.items()
            },
        }

    def _cursors(self, counts: dict[str, Any], sent: list[tuple[Any, ...]]) -> dict[str, Any]:
        """One part for all: counts of the symbols, and what each cursor was sent, its number
        before the names."""
        columns, entries = dict(counts), []
        for number, ((name, timestamps, symbols, intervals), sequence, captured) in enumerate(sent):
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
            entries.append(entry)
        self.cursors = _packed(list(columns.values()))
        return {"part": len(self.parts), "columns": _described(tuple(columns), columns.values()), "cursors": entries}

    def _part(self, make: Callable[[], bytes]) -> int:
        self.parts.append(make)
        return len(self.parts) - 1

    def _day(self, date: dt.date, core: SymbolCore) -> dict[str, Any]:
        """A past day. It never changes, so it is copied only when it is written; its numbers
        follow then."""
        entry: dict[str, Any] = {"date": _text(date)}

        def make() -> bytes:
            numbers, rows = _capture.capture(core)
            entry.update(numbers)
            return rows

        entry["part"] = self._part(make)
        return entry

    def _daily(self, days: dict[dt.date, tuple[Any, ...]]) -> dict[str, Any] | None:
        if not days:
            return None
        kinds = ("<i8", *("<f8",) * 5, "<i4", "<f8", "<f8")
        columns = [np.array(column, kind) for column, kind in zip(zip(*days.values(), strict=True), kinds, strict=True)]
        return {"dates": [_text(date) for date in days], **self._table(DAILY, columns)}

    def _supplied(self, interval: str, date: dt.date, columns: Any) -> dict[str, Any]:
        return {"interval": interval, "date": _text(date), **self._table(BARS, columns)}

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
            if not has_recipe(provider_of(calendar)):
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
