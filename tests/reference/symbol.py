"""A symbol of a store: what becomes of the bars, trades and quotes that it is offered."""

from __future__ import annotations

import bisect
from typing import Any

from reference.bars import BadBarError, Row, Values, check_bar, fold
from reference.session import Slot
from reference.states import SymbolStates
from reference.ticks import check_tick
from reference.times import YEAR_1990


class RefSymbol(SymbolStates):
    """One symbol of a store; made by :meth:`RefStore.register`. Its attributes are those of
    `SymbolRows`."""

    def append(self, ts: int, o: float, h: float, lo: float, c: float, v: float) -> bool:
        """Offer one bar.

        Returns
        -------
        bool
            Whether the store changed.

        Raises
        ------
        BadBarError
            With row 0, if the bar breaks a rule.
        """
        return self.extend([(ts, o, h, lo, c, v)], single=True) == 1

    def lacks_side(self, kind: str, row: tuple[Any, ...]) -> bool:
        """Whether a quote that makes bars has no price for them. A price or size of 0 says that its
        side is empty, and so does a price of -1 where the other one is positive."""
        if kind == "ticks" or self.quote_bars is None:
            return False
        _, bid, ask, bid_size, ask_size = row
        no_bid, no_ask = 0 in (bid, bid_size) or bid == -1 < 0 < ask, 0 in (ask, ask_size) or ask == -1 < 0 < bid
        return {"bid": no_bid, "ask": no_ask, "mid": no_bid or no_ask}[self.quote_bars]

    def check_units(self, times: list[int]) -> None:
        """Refuse times of which all lie before 1990, if no day that is here does."""
        latest = max(times, default=-(2**63))
        if -(2**63) < latest < YEAR_1990 and not self.has_early_days():
            raise BadBarError("ERR_UNIT", times.index(latest))

    def check_early(self, times: list[int]) -> None:
        """Refuse good rows of which one lies before 1990, if no day that is here does."""
        earliest = min(times, default=YEAR_1990)
        if earliest < YEAR_1990 and not self.has_early_days():
            raise BadBarError("ERR_UNIT", times.index(earliest))

    def has_early_days(self) -> bool:
        days = [self.session, *(day.session for day in self.store.past.get(self.name, {}).values())]
        return any(session.span_start < YEAR_1990 for session in days)

    def extend(self, rows: list[Row], on_bad: str = "raise", *, single: bool = False) -> int:
        """Offer bars, all or nothing.

        Parameters
        ----------
        rows : list of (ts, open, high, low, close, volume)
            In any order; a batch is taken in time order, of equal timestamps the later row is the
            correction.
        on_bad : {"raise", "skip"}
            Whether a bar that breaks a rule fails the call, or is counted in `skipped` and left
            out.

        Returns
        -------
        int
            Bars added or corrected.

        Raises
        ------
        BadBarError
            For the first bad bar; nothing has changed then.
        """
        assert on_bad in ("raise", "skip")
        if not single:
            self.check_units([row[0] for row in rows])
        # Bars of earlier days go to these, whatever feeds today.
        if self.source not in (None, "bars") and any(row[0] >= self.session.span_start for row in rows):
            raise BadBarError("ERR_INPUT_KIND", None)
        rows = [(int(ts), float(o), float(h), float(lo), float(c), float(v)) for ts, o, h, lo, c, v in rows]
        codes = [check_bar(self.session, self.base, *row) for row in rows]
        if on_bad == "raise":
            for position, code in enumerate(codes):
                if code is not None:
                    raise BadBarError(code, position)
            if not single:
                self.check_early([row[0] for row in rows])
        if single:
            self.check_units([row[0] for row in rows])
        for code in codes:
            if code is not None:
                self.skipped[code] += 1
        good = [row for row, code in zip(rows, codes, strict=True) if code is None]
        good.sort(key=lambda row: row[0])  # stable: of equal timestamps the later row comes later
        outcomes = [self._take(row[0], row[1:]) for row in good]
        here = [outcome for row, outcome in zip(good, outcomes, strict=True) if row[0] >= self.session.span_start]
        if self.source is None and set(here) & {"stored", "late", "corrected", "repeated"}:
            self.source = "bars"
        return sum(outcome in ("stored", "late", "corrected") for outcome in outcomes)

    def fill(self, rows: list[Row], on_bad: str = "raise") -> int:
        """Offer bars for slots that are missing now, all or nothing; parameters and errors are
        those of `extend`.

        Returns
        -------
        int
            Bars stored.
        """
        assert on_bad in ("raise", "skip")
        self.check_units([row[0] for row in rows])
        rows = [(int(ts), float(o), float(h), float(lo), float(c), float(v)) for ts, o, h, lo, c, v in rows]
        codes = [check_bar(self.session, self.base, *row) for row in rows]
        for position, code in enumerate(codes):
            if code is not None and on_bad == "raise":
                raise BadBarError(code, position)
        if on_bad == "raise":
            self.check_early([row[0] for row in rows])
        for code in codes:
            if code is not None:
                self.skipped[code] += 1
        good = [row for row, code in zip(rows, codes, strict=True) if code is None]
        good.sort(key=lambda row: row[0])  # stable
        return sum([self._fill(row[0], row[1:]) for row in good])

    def _fill(self, ts: int, values: Values) -> bool:
        """Take one good bar if its slot is over and has none."""
        past = self.store.past_symbol(self.name, ts)
        if past is not None:
            done = past._fill(ts, values)
            if done:
                self.store.keep(past)
            self.store.sequence += done
            return done
        if not self.takes_fill(ts):
            return False
        late = bool(self.retained) and ts < self.retained[-1]
        if late and self._is_row_too_old(ts):
            self.counters["too_old"] += 1
            return False
        self.counters["stored"] += 1
        self.counters["late"] += late
        self._add_row(ts)
        self.history[ts] = values
        self.answers.clear()
        if self.source != "bars":
            self.filled.add(ts)
        self.store.sequence += 1
        return True

    def load(self, rows: list[Row]) -> int:
        """Offer good bars that were loaded for the session under way: nothing that is there is
        replaced. They are whole bars, so their time is over, unless the clock or a trade says
        otherwise.

        Returns
        -------
        int
            Bars stored.
        """
        of_ticks = self.source not in (None, "bars")
        over = self.store.clock
        if over is None:
            over = max(row[0] for row in rows) if of_ticks else 2**63
        over = max(over, self.as_of() or -(2**63))
        stored = 0
        for ts, values in sorted({row[0]: row[1:] for row in sorted(rows, key=lambda row: row[0])}.items()):
            on_slot = self.session.is_regular(ts) and self.session.is_on_slot(ts, self.base)
            if (
                self.session.bar_end(ts, self.base) > over
                or (of_ticks and not on_slot)
                or ts in (self.history if on_slot else self.retained)
            ):
                continue
            late = bool(self.retained) and ts < self.retained[-1]
            if late and self._is_row_too_old(ts):
                self.counters["too_old"] += 1
                continue
            self.counters["stored"] += 1
            self.counters["late"] += late
            self._add_row(ts)
            self.history[ts] = tuple(values)
            self.answers.clear()
            if not on_slot:
                self.source = "bars"
            elif self.source != "bars":
                self.filled.add(ts)
            self.store.sequence += 1
            stored += 1
        return stored

    def makes_bars(self, kind: str) -> bool:
        """Whether base bars can be made of ``"ticks"`` (always) or ``"quotes"``."""
        return kind == "ticks" or self.quote_bars is not None

    def extend_ticks_of(
        self, kind: str, rows: list[tuple[Any, ...]], on_bad: str = "raise", *, single: bool = False
    ) -> int:
        """Offer trades or quotes, all or nothing.

        Parameters
        ----------
        kind : {"ticks", "quotes"}
        rows : list of (ts, price, size, exchange) or of (ts, bid, ask, bid size, ask size)
            In any order; a batch is taken in time order, of equal times in the order of the list.
        on_bad : {"raise", "skip"}
            As in `extend`.

        Returns
        -------
        int
            Rows added.

        Raises
        ------
        BadBarError
            For the first bad row, or because something else feeds the symbol; nothing has changed
            then.
        """
        if not single:
            self.check_units([row[0] for row in rows])
        if rows and self.makes_bars(kind) and self.source not in (None, kind):
            raise BadBarError("ERR_INPUT_KIND", None)
        codes = [check_tick(self.session, kind, *row) for row in rows]
        for position, code in enumerate(codes):
            if code is not None and on_bad == "raise":
                raise BadBarError(code, position)
        if on_bad == "raise" and not single:
            self.check_early([row[0] for row in rows])
        if single:
            self.check_units([row[0] for row in rows])
        for code in codes:
            if code is not None:
                self.ticks_by_kind[kind].skipped[code] += 1
        good = [row for row, code in zip(rows, codes, strict=True) if code is None]
        good.sort(key=lambda row: row[0])  # stable
        return sum([self._take_tick(kind, row) for row in good])

    def _take_tick(self, kind: str, row: tuple[Any, ...]) -> bool:
        """Take one good trade or quote; False if it was refused without being wrong."""
        ticks, ts = self.ticks_by_kind[kind], row[0]
        slot = self.session.slot_of(ts, self.base)
        if slot is None:  # good ones are not after the span
            ticks.counters["other_session"] += 1
            return False
        late = ticks.is_late(ts)
        empty = self.lacks_side(kind, row)
        folds = self.makes_bars(kind) and slot.start not in self.filled and not empty
        behind = folds and bool(self.retained) and slot.start < self.retained[-1]
        # A late one changes what is there; one behind the newest row, which a bar has filled, a
        # row.
        too_old = late and ticks.has_lost(slot.start if folds else ts)
        # Only quotes without a price may have come since the slot of a late one: then it makes the
        # newest row.
        old_slot = (late or behind) and bool(self.retained) and slot.start <= self.retained[-1]
        if too_old or (old_slot and folds and self._is_row_too_old(slot.start)):
            ticks.counters["too_old"] += 1
            return False
        ticks.add(row)
        ticks.counters["late"] += late
        if self.makes_bars(kind):
            self.source = kind
        if folds:
            self._fold_slot(kind, slot, old_slot)
        elif empty:
            ticks.counters["empty_side"] += 1
        elif self.makes_bars(kind):
            ticks.counters["covered"] += 1
        self.store.sequence += 1
        return True

    def _is_row_too_old(self, ts: int) -> bool:
        """Whether a base row that is made or changed at `ts`, not being the newest, could not be
        folded further."""
        evicted = self.newest_evicted
        if ts not in self.history and len(self.retained) == self.capacity:
            evicted = self.retained[0]  # a full ring lets go of its oldest row to take this one
        return self._is_too_old(ts, evicted)

    def _fold_slot(self, kind: str, slot: Slot, late: bool) -> None:
        """Make the base bar of a slot of everything that was accepted in it."""
        rows = self.ticks_by_kind[kind].accepted
        members = [row for row in rows if slot.start <= row[0] < slot.stop and not self.lacks_side(kind, row)]
        values = fold([self._bar_of(kind, row) for row in members])
        if slot.start not in self.history:
            if late:
                self.counters["late"] += 1
            self.counters["stored"] += 1
            self._add_row(slot.start)
        elif late:
            self.counters["corrected"] += 1
        self.history[slot.start] = values
        self.answers.clear()

    def _bar_of(self, kind: str, row: tuple[Any, ...]) -> Values:
        """What one trade or quote is as a bar: a quote has no volume."""
        if kind == "ticks":
            _, price, size, _ = row
            return price, price, price, price, size
        _, bid, ask, _, _ = row
        price = {"bid": bid, "ask": ask, "mid": 0.5 * bid + 0.5 * ask}[self.quote_bars or "mid"]
        return price, price, price, price, 0.0

    def _take(self, ts: int, values: Values) -> str:
        """Take one good bar and say what became of it."""
        past = self.store.past_symbol(self.name, ts)
        if past is not None:  # of a day in history: counted there
            outcome = past._take(ts, values)
            self.store.keep(past)
            self.store.sequence += outcome in ("stored", "late", "corrected")
            return outcome
        outcome = self._outcome(ts, values)
        self.counters[outcome] += 1
        if outcome in ("stored", "late"):
            self._add_row(ts)
        if outcome == "late":
            self.counters["stored"] += 1
        if outcome in ("stored", "late", "corrected"):
            self.history[ts] = values
            self.store.sequence += 1
        self.answers.clear()
        return outcome

    def _outcome(self, ts: int, values: Values) -> str:
        if ts < self.session.span_start:
            return "other_session"
        if not self.retained or ts > self.retained[-1]:
            return "stored"
        if ts in self.history and ts in self.retained:
            if values == self.history[ts]:
                return "repeated"
            return "too_old" if self._is_too_old(ts, self.newest_evicted) else "corrected"
        would_be_evicted = self.newest_evicted
        # a full ring lets go of its oldest row to take this one
        if len(self.retained) == self.capacity:
            would_be_evicted = self.retained[0]
        return "too_old" if self._is_too_old(ts, would_be_evicted) else "late"

    def _is_too_old(self, ts: int, evicted: int | None) -> bool:
        """Whether `ts`, or a slot that holds it and is folded from base rows, begins at or before
        an evicted one."""
        if evicted is None:
            return False
        starts = [ts]
        for interval in self.levels():
            if self.parent(interval) == self.base:
                slot = self.session.slot_of(ts, interval)
                assert slot is not None
                starts.append(slot.start)
        return min(starts) <= evicted

    def _add_row(self, ts: int) -> None:
        bisect.insort(self.retained, ts)
        if not self.session.is_regular(ts):
            self.counters["extended"] += 1
        elif not self.session.is_on_slot(ts, self.base):
            self.counters["off_grid"] += 1
        if len(self.retained) > self.capacity:
            self.newest_evicted = self.retained.pop(0)
            self.counters["overwritten"] += 1
