"""A store: symbols of one session, and the days that they keep."""

from __future__ import annotations

from collections.abc import Iterable

from reference.bars import Row, Values
from reference.rows import DailyRow
from reference.session import RefSession
from reference.symbol import RefSymbol
from reference.times import canonical


def closed_store(session: RefSession, extended: tuple[int, int] | None) -> RefStore:
    """A store of a session of which every slot is over."""
    store = RefStore(session, extended=extended)
    store.clock = session.span_stop
    return store


class RefStore:
    """One session of many symbols.

    Parameters
    ----------
    session : RefSession
        The trade date.
    base : str
        Interval that is streamed, unless a symbol has its own.
    derived : list of str
        Intervals that are aggregated and shown, in any order; ``"1d"`` is maintained in any case.
    capacity : int, optional
        Rows each base ring holds, exactly. By default the base slots of all regions of the session.
    grace : int
        Nanoseconds that the clock is late when slots are judged.
    extended : (int, int), optional
        Bars are expected from the first of these times until the open, and from the close until the
        second.
    tick_capacities : (int, int)
        Trades and quotes that each symbol keeps.

    Attributes
    ----------
    symbols : dict of RefSymbol
        In the order of their registration.
    clock : int or None
        Where :meth:`advance_to` has moved it.
    sequence : int
        Grows with each change.
    extended_hours : dict
        date -> `extended`, of the sessions to come and those that are loaded.
    past : dict
        name -> date -> the symbol as it was when that session ended, or as it was loaded; its
        store's clock stands at the end of the span. The date under way and later ones may be among
        them: they are not shown as history.
    given : dict
        name -> interval -> date -> ts -> values, of rows loaded for other intervals than the base.
    kept : dict
        name -> date -> `DailyRow` of sessions that have been trimmed.
    sessions : list of RefSession
        All there are, as far as any may lie between days of `past`.
    """

    def __init__(
        self,
        session: RefSession,
        base: str = "1m",
        derived: list[str] | None = None,
        capacity: int | None = None,
        grace: int = 0,
        extended: tuple[int, int] | None = None,
        tick_capacities: tuple[int, int] = (65_536, 65_536),
    ) -> None:
        self.session = session
        self.grace = grace
        self.extended = extended
        self.tick_capacities = tick_capacities
        self.base = base
        self.derived = [] if derived is None else list(derived)
        self.capacity = capacity
        self.symbols: dict[str, RefSymbol] = {}
        self.clock: int | None = None
        self.sequence = 0
        self.extended_hours: dict[str, tuple[int, int]] = {}
        self.past: dict[str, dict[str, RefSymbol]] = {}
        self.given: dict[str, dict[str, dict[str, dict[int, Values]]]] = {}
        self.kept: dict[str, dict[str, DailyRow]] = {}
        self.sessions: list[RefSession] = []

    def register(
        self,
        name: str,
        base: str | None = None,
        derived: list[str] | None = None,
        capacity: int | None = None,
        quote_bars: str | None = None,
    ) -> RefSymbol:
        """Add a symbol, or return the one of that name as it is; what is not given is the
        store's."""
        if name not in self.symbols:
            base = self.base if base is None else base
            derived = self.derived if derived is None else derived
            capacity = self.capacity if capacity is None else capacity
            self.symbols[name] = RefSymbol(self, name, base, derived, capacity, self.tick_capacities, quote_bars)
        return self.symbols[name]

    def append(self, name: str, ts: int, o: float, h: float, lo: float, c: float, v: float) -> bool:
        """Offer one bar of a registered symbol; see :meth:`RefSymbol.append`."""
        return self.symbols[name].append(ts, o, h, lo, c, v)

    def extend(self, name: str, rows: list[Row], on_bad: str = "raise") -> int:
        """Offer bars of a registered symbol; see :meth:`RefSymbol.extend`."""
        return self.symbols[name].extend(rows, on_bad)

    def advance_to(self, ts: int) -> None:
        """Move the clock, which never goes back."""
        if self.clock is None or ts > self.clock:
            self.clock = ts
            self.sequence += 1

    # -- the days before

    def past_symbol(self, name: str, ts: int) -> RefSymbol | None:
        """The symbol on the past day that a timestamp before the session belongs to, if that day is
        in history."""
        if ts >= self.session.span_start:
            return None
        days = [*self.past.get(name, {}).values(), *self.absent_symbols(name)]
        return next((day for day in days if day.session.span_start <= ts < day.session.span_stop), None)

    def absent_symbols(self, name: str) -> list[RefSymbol]:
        """The symbol on the sessions between its first and its last day before the session under
        way of which nothing is there: what it would be with no bar. `keep` makes it a day."""
        past = self.past.get(name, {})
        shown = [day for day in past if day < self.session.date]
        return [
            self._new_day(name, session)
            for session in self.sessions
            if shown and min(shown) < session.date < max(shown) and session.date not in past
        ]

    def keep(self, day: RefSymbol) -> None:
        """A day of history is there from now on."""
        self.past[day.name][day.session.date] = day
        self.kept.get(day.name, {}).pop(day.session.date, None)

    def roll(self, session: RefSession, trailing_days: int, daily_days: int | None = None) -> None:
        """End the session and start another one.

        Parameters
        ----------
        session : RefSession
            Of a later date. Bars that were loaded for it are there.
        trailing_days : int
            Dates before it that are kept, of each symbol (of rows that were given: of each
            interval).
        daily_days : int, optional
            Dates before it, of those with a daily bar, of which it is kept; `trailing_days` by
            default and at least.
        """
        ended, symbols, self.symbols = self.session, self.symbols, {}
        for symbol in symbols.values():
            symbol.store = closed_store(ended, self.extended)
            self.past.setdefault(symbol.name, {})[ended.date] = symbol
            self.kept.get(symbol.name, {}).pop(ended.date, None)
        self.session, self.clock, self.extended = session, None, self.extended_hours.get(session.date)
        self.sequence += 1
        for symbol in symbols.values():
            self.begin(symbol)
            self._trim(symbol.name, trailing_days, max(trailing_days, daily_days or 0))

    def begin(self, before: RefSymbol) -> None:
        """Start a symbol's session, with what was loaded and told for it."""
        symbol = self.symbols[before.name] = RefSymbol(self, before.name, *before.asked)
        loaded = self.past.get(before.name, {}).get(self.session.date)
        if loaded is not None and loaded.asked == before.asked:
            symbol.history, symbol.retained = dict(loaded.history), list(loaded.retained)
            symbol.newest_evicted = loaded.newest_evicted
            symbol.source, symbol.filled = loaded.source, set(loaded.filled)
            symbol.counters, symbol.skipped = dict(loaded.counters), dict(loaded.skipped)
        elif loaded is not None:
            sequence = self.sequence
            symbol.extend([(ts, *loaded.history[ts]) for ts in loaded.retained])
            self.sequence = sequence
        if loaded is not None:
            symbol.no_trade, symbol.halted = list(loaded.no_trade), list(loaded.halted)
            symbol.retries = {interval: dict(retries) for interval, retries in loaded.retries.items()}

    def _trim(self, name: str, days: int, daily_days: int) -> None:
        past, given, kept = self.past.get(name, {}), self.given.get(name, {}), self.kept.setdefault(name, {})
        for day in self._older(past, days):
            bar = past.pop(day).daily_row()
            if bar is not None:
                kept[day] = bar
        for interval, rows in given.items():
            if interval != "1d":
                for day in self._older(rows, days):
                    del rows[day]
        with_bar = {day for day, symbol in past.items() if symbol.daily_row() is not None}
        for day in self._older({*with_bar, *kept, *given.get("1d", {})}, daily_days):
            kept.pop(day, None)
            given.get("1d", {}).pop(day, None)

    def _older(self, dates: Iterable[str], keep: int) -> list[str]:
        """Dates before the session that are not among the newest ones of them."""
        dates = sorted(day for day in dates if day < self.session.date)
        return dates[: max(0, len(dates) - keep)]

    def load(self, name: str, interval: str, rows: list[Row], sessions: list[RefSession]) -> int:
        """Offer rows of past days (or of the one under way); returns how many were added or
        corrected.

        Parameters
        ----------
        name : str
        interval : str
            Rows of the base are bars like any others; those of another interval are kept as they
            are.
        rows : list of (ts, open, high, low, close, volume)
            In any order, of equal timestamps the later row counts. Each belongs to one of the
            sessions.
        sessions : list of RefSession
            All there are.
        """
        changed = 0
        for session in sessions:
            day = [row for row in rows if session.span_start <= row[0] < session.span_stop]
            if not day:
                continue
            if interval == self.symbols[name].base and session.date == self.session.date:
                changed += self.symbols[name].load(day)
            elif interval == self.symbols[name].base:
                past = self._day(name, session)
                is_unfed = past.source is None
                changed += past.extend(day)
                if is_unfed and all(
                    session.is_regular(ts) and session.is_on_slot(ts, past.base) for ts in past.history
                ):
                    # trades may still come for that session
                    past.source, past.filled = None, set(past.history)
            else:
                changed += self._give(name, canonical(interval), session, day)
        if interval != self.symbols[name].base:
            self.sequence += changed > 0
        return changed

    def _day(self, name: str, session: RefSession) -> RefSymbol:
        days = self.past.setdefault(name, {})
        if session.date not in days:
            self.keep(self._new_day(name, session))
        return days[session.date]

    def _new_day(self, name: str, session: RefSession) -> RefSymbol:
        base, derived, _, *capacities = self.symbols[name].asked
        return RefSymbol(
            closed_store(session, self.extended_hours.get(session.date)), name, base, derived, None, *capacities
        )

    def _give(self, name: str, interval: str, session: RefSession, rows: list[Row]) -> int:
        held = self.given.setdefault(name, {}).setdefault(interval, {}).setdefault(session.date, {})
        before = dict(held)
        for ts, *values in sorted(rows, key=lambda row: row[0]):
            held[session.open if interval == "1d" else ts] = tuple(values)
        for ts, values in before.items():
            if held[ts] == values:
                held[ts] = values  # a repeat changes nothing, not even the sign of a zero
        return sum(values != before.get(ts) for ts, values in held.items())

    def past_dates(self, name: str, interval: str) -> list[str]:
        """Dates of which history has bars of an interval (or knows that there was none)."""
        dates = set(self.given.get(name, {}).get(interval, {}))
        if interval in [*self.symbols[name].intervals(), "1d"]:
            dates |= set(self.past.get(name, {}))
        if interval == "1d":
            dates |= set(self.kept.get(name, {}))
        return sorted(day for day in dates if day < self.session.date)

    def counted_dates(self, name: str, interval: str, sessions: Iterable[RefSession]) -> list[str]:
        """Dates whose slots count: all sessions from the first to the last of `past_dates`."""
        dates = self.past_dates(name, interval)
        return [session.date for session in sessions if dates and dates[0] <= session.date <= dates[-1]]

    def was_given(self, name: str, interval: str, day: str) -> bool:
        """Whether rows of an interval were loaded as they are for a date."""
        return day in self.given.get(name, {}).get(interval, {})

    def past_rows(self, name: str, interval: str, day: str) -> list[Row]:
        """Bars of an interval on a past date: given ones before derived ones, those before what was
        kept."""
        rows: dict[int, Values] = {}
        symbol = self.past.get(name, {}).get(day)
        if symbol is not None and interval in [*symbol.intervals(), "1d"]:
            rows = {bar.ts: bar.row[1:] for bar in symbol.bars(interval)}
        elif interval == "1d" and day in self.kept.get(name, {}):
            bar = self.kept[name][day]
            rows = {bar.row[0]: bar.row[1:]}
        rows |= self.given.get(name, {}).get(interval, {}).get(day, {})
        return [(ts, *values) for ts, values in sorted(rows.items())]

    def window(self, name: str, interval: str, extended: bool, forming: bool) -> list[tuple[str, Row]]:
        """(date, row) of all bars of an interval that a window over days may have, oldest first: of
        the dates before the session, then its own."""
        of = {session.date: session for session in self.sessions}
        rows = [
            (day, row)
            for day in self.past_dates(name, interval)
            for row in self.past_rows(name, interval, day)
            if extended or of[day].is_regular(row[0])
        ]
        symbol = self.symbols[name]
        if interval not in [*symbol.intervals(), "1d"]:
            return rows
        own = symbol.bars(interval)
        if own and not forming and symbol.forming(interval):
            own = own[:-1]
        return rows + [(self.session.date, bar.row) for bar in own if extended or bar.regular]

    def daily(self, name: str, n: int) -> list[DailyRow]:
        """The newest days before the session that have a daily bar, at most `n`, as the indicators
        see them."""
        found = []
        for day in self.past_dates(name, "1d"):
            rows = self.past_rows(name, "1d", day)
            if not rows or day >= self.session.date:
                continue
            symbol = self.past.get(name, {}).get(day)
            source = self.kept.get(name, {}).get(day) if symbol is None else symbol.daily_row()
            _, _, high, low, close, volume = rows[0]
            sums = ((high + low + close) / 3 * volume, volume) if source is None else source[1:]
            found.append(DailyRow(rows[0], *sums))
        return found[-n:] if n else []

    def classify_gaps(
        self, interval: str | None, outage_share: float, active_share: float
    ) -> list[tuple[str, int, str, int, int]]:
        """(symbol, start of the gap, kind, others that miss most of it, others that are active) of
        each gap."""
        found = []
        for symbol in self.symbols.values():
            name = symbol.base if interval is None else interval
            if name not in symbol.intervals():
                continue
            for first, last, _ in symbol.gaps(name):
                n_missing = n_active = 0
                for other in self.symbols.values():
                    if other is symbol or name not in other.intervals():
                        continue
                    states = [(first <= ts <= last, state) for ts, state in other.states(name)]
                    present, missing = states.count((True, "present")), states.count((True, "missing"))
                    good, bad = states.count((False, "present")), states.count((False, "missing"))
                    if good + bad == 0:
                        good, bad = present, missing
                    if present + missing > 0 and good > 0 and good >= active_share * (good + bad):
                        n_active += 1
                        n_missing += missing > present
                kind = "unknown" if n_active == 0 else "outage" if n_missing > outage_share * n_active else "quiet"
                found.append((symbol.name, first, kind, n_missing, n_active))
        return found

    def as_of(self) -> int | None:
        """Latest `as_of` of all symbols, and the clock itself; None before any bar and any
        clock."""
        times = [symbol.as_of() for symbol in self.symbols.values()]
        return max((ts for ts in [self.clock, *times] if ts is not None), default=None)
