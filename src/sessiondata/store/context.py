"""What the symbols of a store share: date and clock, calendar and hours, indicators, and the
gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from sessiondata._native.objects.clock import StoreClock
from sessiondata.copying import not_copied
from sessiondata.errors import InactiveError, SessionStateError

if TYPE_CHECKING:
    import datetime as dt

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata.market.calendar import SessionCalendar
    from sessiondata.market.grid import SessionGrid
    from sessiondata.store.indicators import Indicator

__all__ = ["StartForRows", "StoreContext"]

#: Stores rows that may begin a session: of which symbol, the time of their earliest from a time on,
#: whether times name closes, and what stores them.
StartForRows: TypeAlias = "Callable[[SymbolCore, Callable[[int], int | None], bool, Callable[[], int]], int]"


@not_copied("copy the store with data.copy()")
class StoreContext:
    """What a symbol needs of its store. Whoever makes one can have symbols without a store.

    Attributes
    ----------
    calendar : SessionCalendar
        Of all symbols that have none of their own.
    clock : StoreClock
        Date of the session, hours, time and sequence.
    extended_hours : tuple of int or None
        Times of day, ns: start, stop and early stop or None.
    indicators : dict of str to Indicator
        Those of all symbols.
    is_active : bool
        Whether readers are answered.
    pinned : dict of SymbolCore to SymbolState
        Symbols with pinned gaps or quality.
    start_for_rows : callable
        Begins the session of rows that are its first, and stores them.
    """

    __slots__ = ("calendar", "clock", "extended_hours", "indicators", "is_active", "pinned", "start_for_rows")

    def __init__(
        self, calendar: SessionCalendar, grace_ns: int = 0, extended_hours: tuple[int, int, int | None] | None = None
    ) -> None:
        self.calendar, self.extended_hours = calendar, extended_hours
        self.clock = StoreClock(grace_ns)
        self.indicators: dict[str, Indicator] = {}
        self.is_active = True
        self.pinned: dict[SymbolCore, Any] = {}
        self.start_for_rows: StartForRows = _no_sessions

    @property
    def grid(self) -> SessionGrid | None:
        """Hours of the session under way by the store's calendar."""
        grid: SessionGrid | None = self.clock.grid
        return grid

    @property
    def next_date(self) -> dt.date | None:
        """The earliest date that has not ended: of the session under way, or the day after the one
        that has ended. None before the first session: there is no now yet, and nothing is ahead of
        it."""
        return self.clock.next_date

    @property
    def last_date(self) -> dt.date | None:
        """Trade date of the session under way, or of the one before."""
        return self.clock.ended if self.clock.date is None else self.clock.date

    def hours(self, grid: SessionGrid | None, calendar: SessionCalendar) -> tuple[int, int] | None:
        """Times around a session in which bars are expected too; None: there are none."""
        return None if self.extended_hours is None or grid is None else calendar.around(grid, self.extended_hours)

    def check_active(self) -> None:
        """An `InactiveError` unless readers are answered."""
        if not self.is_active:
            raise InactiveError("the store is not active: it takes bars, but answers no question until activate()")


def _no_sessions(core: SymbolCore, *_: Any) -> NoReturn:
    raise SessionStateError(f"symbol {core.name!r} has no session, and no store that begins one", symbol=core.name)
