"""How sessions begin, end and roll."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sessiondata._native.objects import sessions as _sessions
from sessiondata._native.objects.rules import earliest
from sessiondata._native.objects.store import SymbolCore
from sessiondata.copying import not_copied
from sessiondata.errors import CalendarError, LaterSessionError, SessionStateError
from sessiondata.store.exclusive import alone, exclusive
from sessiondata.store.state import SymbolState
from sessiondata.time.dates import to_date
from sessiondata.time.instants import to_ns
from sessiondata.time.units import LEAST_START_NS, check_plausible, unit_error

if TYPE_CHECKING:
    from sessiondata.market.calendar import SessionCalendar
    from sessiondata.market.grid import SessionGrid
    from sessiondata.rows.columns import BarColumns
    from sessiondata.store.context import StoreContext
    from sessiondata.store.registry import Registry
    from sessiondata.store.settings import StoreSettings

__all__ = ["Sessions"]

_Stored = TypeVar("_Stored", bool, int)

_LEAST = -(2**63)
_NO_SESSION = None, None  # neither grid nor hours around it


@not_copied("copy the store with data.copy()")
class Sessions:
    """Changes the session of all symbols of a store at once.

    Attributes
    ----------
    context : StoreContext
    trailing_days : int
        Days of history that a roll or an end of a session keeps.
    """

    __slots__ = ("_registry", "_settings", "context", "trailing_days")

    def __init__(self, context: StoreContext, registry: Registry, settings: StoreSettings, trailing_days: int) -> None:
        self.context, self._registry, self._settings, self.trailing_days = context, registry, settings, trailing_days
        context.start_for_rows = self.start_for_rows

    # --- symbols ---

    def new_symbol(
        self,
        name: str,
        intervals: tuple[str, ...],
        steps_ns: tuple[int, ...],
        calendar: SessionCalendar,
        quote_bars: int,
        strict: bool,
    ) -> SymbolState:
        """One more symbol, without a session; `Registry.add` adds it."""
        settings = self._settings
        core = SymbolCore(
            name, self.context.clock, intervals, steps_ns, settings.capacity, settings.close_label,
            self.start_for_first_bar, settings.tick_capacity, settings.quote_capacity, quote_bars, strict,
        )  # fmt: skip
        core.calendar = calendar
        return SymbolState(core, calendar, self.context)

    # --- sessions that are asked for ---

    @exclusive("start_session()")
    def start(self, date: Any) -> SessionGrid | None:
        """See `SessionData.start_session`."""
        clock = self.context.clock
        day, grids = self._grids(date)
        running, ended = clock.date, clock.ended
        if running is not None:
            if running != day:
                raise SessionStateError(
                    f"the session of {running} is under way; roll_session() to a later date, or clear()"
                )
            return self.context.grid
        if ended is not None and day < ended:
            raise SessionStateError(f"the session of {ended} has ended; clear() the store before {day}")
        self._switch_session(day, grids)
        clock.touch()
        return self.context.grid

    @exclusive("end_session()")
    def end(self) -> None:
        """See `SessionData.end_session`."""
        if self.context.clock.date is None:
            raise SessionStateError("no session is under way")
        self._switch_session(None, {})

    @exclusive("roll_session()")
    def roll(self, date: Any) -> SessionGrid | None:
        """See `SessionData.roll_session`."""
        clock, last = self.context.clock, self.context.last_date
        if last is None:
            raise SessionStateError("no session to roll; start_session() first")
        if date is None:
            date = min(calendar.next_date(last) for calendar in self._calendars())
        day, grids = self._grids(date)
        if day <= last:
            raise SessionStateError(f"a roll goes forwards, from {last}: {day}")
        was_running = clock.date is not None
        self._switch_session(day, grids, trim=True)
        if not was_running:
            clock.reset()
        return self.context.grid

    def _calendars(self) -> dict[SessionCalendar, None]:
        """All calendars, the store's first."""
        states = list(self._registry.states.values())
        return dict.fromkeys([self.context.calendar, *(state.calendar for state in states)])

    def _grids(self, date: Any) -> tuple[dt.date, dict[SessionCalendar, SessionGrid | None]]:
        """A trade date, and the hours of each calendar on it; an error unless one of them has
        any."""
        day = to_date(date)
        grids = {
            calendar: calendar.session(day) if calendar.session_dates(day, day) else None
            for calendar in self._calendars()
        }
        if not any(grids.values()):
            self.context.calendar.session(day)  # raises
        return day, grids

    def _switch_session(
        self, date: dt.date | None, grids: Mapping[SessionCalendar, SessionGrid | None], trim: bool = False
    ) -> None:
        """End the session under way, if there is one, and start that of a date, if one is given.
        History is trimmed where a session ends, or with `trim`."""
        # from here on this thread's signal handlers cannot change date and symbols either
        alone(self.context)
        clock = self.context.clock
        ended = clock.date
        before = date if date is not None or ended is None else ended + dt.timedelta(days=1)
        states = list(self._registry.states.values())
        cores = [state.core for state in states]
        hours = {
            calendar: (None if grid is None else grid.compiled, self.context.hours(grid, calendar))
            for calendar, grid in grids.items()
        }
        keep, keep_daily = self.trailing_days, self.keep_daily()
        # looked up here: a calendar's hash runs Python, which may need memory
        grid = grids.get(self.context.calendar)
        switched = False
        feeds = self._registry.feeds
        while not switched:
            held = None if feeds is None else feeds.hub.days_of(cores)
            versions = [core.days.generation for core in cores]
            opened = _sessions.open_sessions(
                cores, [hours.get(state.calendar, _NO_SESSION) for state in states], date, ended is None
            )
            staged: list[Any] = [None] * len(cores)
            supplied: list[Any] = [None] * len(cores)
            if ended is not None or trim:
                assert before is not None
                staged = _sessions.stage_sessions(cores, opened, ended, keep, keep_daily, before)
                supplied = [state.history.trimmed(keep, keep_daily, before, ended) for state in states]
                for state, days in zip(states, staged, strict=True):
                    if days is not None:
                        state.history.note_absent(days[0])
            # From here on nothing can fail; only a bar that has come for a past day meanwhile makes
            # it begin anew.
            switched = _sessions.turn(cores, opened, staged, supplied, versions, clock, date, grid)
        if held is not None:
            feeds.hub.note_trimmed(cores, opened, ended, held)  # `opened` are the sessions that have ended now

    def keep_daily(self) -> int:
        """Days of which history keeps the session's bar."""
        indicators = list(self.context.indicators.values())
        return max(self.trailing_days, *(indicator.days for indicator in indicators), 0)

    # --- sessions that a first bar begins ---

    @exclusive("a bar that begins a session")
    def start_for_first_bar(
        self, core: SymbolCore, ts_ns: int, close_label: bool, store: Callable[[], _Stored] | None
    ) -> _Stored | bool | None:
        """A first bar of a symbol: see `SymbolCore`."""
        return self.start_for_first(core, ts_ns, close_label, store)

    @exclusive("rows that may begin a session")
    def start_for_rows(
        self,
        core: SymbolCore,
        earliest_from: Callable[[int], int | None],
        close_label: bool,
        store: Callable[[], int],
    ) -> int:
        """Store rows for a symbol that had no session: start that of the earliest row that may
        begin one, by a function of the time before which sessions have ended."""
        if core.days is None:
            core.begin(0, close_label, store)  # raises: the symbol was removed
        if core.grid is None:
            first = earliest_from(self._earliest_start_ns(core))
            if first is not None:
                stored = self.start_for_first(core, first, close_label, store)
                if stored is not None:
                    return stored
        return store()

    @exclusive("a slice that may begin a session")
    def start_for_slice(self, names: list[str], columns: BarColumns) -> int:
        """Store one bar of each of some symbols."""
        resolved = self._registry.resolve(names)
        if self.context.clock.date is not None:
            return resolved.append(*columns)
        core = self._registry.cores_of(names[:1])[0]
        first = earliest(core, *columns, self._earliest_start_ns(core))
        if first is not None:  # its session has not ended, so it does start one
            store = partial(resolved.append, *columns)
            stored = self.start_for_first(core, first, self._settings.close_label, store)
            if stored is not None:
                return stored
        return resolved.append(*columns)  # bad bars, or all of sessions that have ended

    def start_for_first(
        self, core: SymbolCore, ts_ns: int, close_label: bool, store: Callable[[], _Stored] | None
    ) -> _Stored | bool | None:
        """Look whether the symbol still has no session, start that of the bar's trade date, and
        return what `store` does in it. None if that session has ended: nothing was stored. Inside
        of an `exclusive` call."""
        if store is not None and (core.grid is not None or core.days is None):
            # another thread has started the session meanwhile, or removed the symbol
            return store()
        last, symbol = self.context.last_date, core.name
        if ts_ns < LEAST_START_NS and (last is None or last.year >= 1990):
            raise unit_error(ts_ns, symbol=symbol, row=None)
        try:
            calendar, step_ns = core.calendar, core.steps_ns[0]
            day = (
                _session_of_close(calendar, ts_ns, step_ns) if close_label else calendar.session_at(ts_ns, unit="ns")
            ).date
        except CalendarError as error:
            raise type(error)(f"{error} (ts_ns={ts_ns} symbol={symbol!r})", symbol=symbol, value=ts_ns) from error
        if last is not None and day <= last:
            return None
        if self.context.clock.date is not None:  # on which the symbol has no session of its own
            raise LaterSessionError(symbol, ts_ns, day)
        if ts_ns < LEAST_START_NS:
            raise unit_error(ts_ns, symbol=symbol, row=None)
        if store is None:
            return True
        with self._tentative_session(day):
            return store()

    @contextmanager
    def _tentative_session(self, day: dt.date) -> Iterator[None]:
        """The session of a date, which an error takes back unless it is one for others by now: a
        call that is refused starts none."""
        try:
            self._switch_session(*self._grids(day))
            yield
        except BaseException:
            _sessions.undo(self._registry.all_cores(), self.context.clock)
            raise

    def _earliest_start_ns(self, core: SymbolCore) -> int:
        """Bars from before this time cannot start a session: theirs has ended."""
        if core.grid is not None:
            return _LEAST
        last = self.context.last_date
        if core.days is None:  # a symbol that was removed: `begin` refuses it
            return _LEAST
        if last is None:
            return LEAST_START_NS
        calendar: SessionCalendar = core.calendar
        try:
            return calendar.session(calendar.next_date(last)).span_start
        except CalendarError:  # the calendar knows no later session: such a bar is refused for that
            return calendar.session(last).span_stop if calendar.session_dates(last, last) else _LEAST

    # --- the clock ---

    def advance(self, time: Any) -> None:
        """See `SessionData.advance_to`."""
        self.context.clock.advance(self.meant(time))

    def meant(self, time: Any) -> int:
        """A time in ns, or an error where it is an integer of another unit."""
        ts_ns = to_ns(time)
        return ts_ns if ts_ns >= LEAST_START_NS or self._has_early_days() else check_plausible(ts_ns)

    def _has_early_days(self) -> bool:
        """Whether the session or a day of any symbol lies before 1990, so that such a time may be
        meant."""
        last = self.context.last_date
        cores = self._registry.all_cores()
        return (last is not None and last.year < 1990) or any(core.has_early_days() for core in cores)

    def as_of_ns(self) -> int | None:
        """The latest time known, by the clock or the newest bar of any symbol; None before
        either."""
        times = [self.context.clock.as_of, *(core.as_of for core in self._registry.all_cores())]
        return max((time for time in times if time is not None), default=None)


def _session_of_close(calendar: SessionCalendar, end_ns: int, step_ns: int) -> SessionGrid:
    """Session in which a bar opened that ended at `end_ns`: a step earlier, or less at the end of a
    segment."""
    try:
        grid = calendar.session_at(end_ns - 1, unit="ns")
        if end_ns in grid.segments[:, 1]:
            return grid
    except CalendarError:
        pass
    return calendar.session_at(end_ns - step_ns, unit="ns")
