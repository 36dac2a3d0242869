"""The states of a symbol's slots: present, missing, explained by a mark, pending; gaps and
retries."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable

from reference.kernels import count_present, find_gaps, is_covered, merge_spans, percentage
from reference.remembered import as_of_now
from reference.rows import SymbolRows
from reference.session import slots_after, slots_before
from reference.times import step_of


class SymbolStates(SymbolRows):
    """Rows of one symbol, the states of its slots, and what is told of them."""

    # -- reading

    @as_of_now
    def _present_expected(self, interval: str) -> tuple[int, int]:
        as_of = self.as_of()
        if as_of is None:
            return 0, 0
        return count_present(self.timestamps(interval), self.session, interval, as_of)

    def expected(self, interval: str) -> int:
        """Count the regular slots that are over."""
        return self._present_expected(interval)[1]

    def present(self, interval: str) -> int:
        """Count the regular slots that are over and have a bar."""
        return self._present_expected(interval)[0]

    @as_of_now
    def states(self, interval: str) -> list[tuple[int, str]]:
        """Start and state of each regular slot of the session, pending ones too."""
        as_of = self.as_of()
        seen = set(self.timestamps(interval))
        explained = self.explained(interval)
        states = []
        for start, stop, _ in self.session.regular_slots(interval):
            if as_of is None or stop > as_of:
                states.append((start, "pending"))
            elif start in seen:
                states.append((start, "present"))
            else:
                states.append((start, explained.get(start, "missing")))
        return states

    def takes_fill(self, ts: int) -> bool:
        """Whether a regular base slot begins at a time, is over and has no bar."""
        as_of = self.as_of()
        if as_of is None or ts in self.history:
            return False
        return any(start == ts and stop <= as_of for start, stop, _ in self.session.regular_slots(self.base))

    def count(self, interval: str, state: str) -> int:
        """Count the regular slots in a state."""
        return self._counts(interval)[state]

    @as_of_now
    def _counts(self, interval: str) -> Counter[str]:
        return Counter(state for _, state in self.states(interval))

    def missing(self, interval: str) -> int:
        """Count the regular slots that are over, have no bar and are not explained."""
        return self.count(interval, "missing")

    def quality(self, interval: str) -> float:
        """``100 * present / expected``; 100.0 where nothing is expected."""
        return percentage(*self._present_expected(interval))

    def completeness(self, interval: str) -> float:
        """Share of the expected slots that has a bar or is explained."""
        expected = self.expected(interval)
        return percentage(expected - self.missing(interval), expected)

    @as_of_now
    def gaps(self, interval: str) -> list[tuple[int, int, int]]:
        """List the gaps as of now; see :func:`find_gaps`."""
        as_of = self.as_of()
        if as_of is None:
            return []
        return find_gaps([*self.timestamps(interval), *self.explained(interval)], self.session, interval, as_of)

    @as_of_now
    def extended_states(self, interval: str) -> list[list[tuple[int, str]]]:
        """Start and state of each slot that is expected before the open, and after the close."""
        step_ns, session = step_of(interval), self.session
        if step_ns is None or self.store.extended is None:
            return [[], []]
        start, stop = self.store.extended
        before = slots_before(session.open, max(start, session.span_start), session.span_start, step_ns)
        after = slots_after(session.close, min(stop, session.span_stop), session.span_stop, step_ns)
        as_of = self.as_of()
        seen = {bar.ts for bar in self._all_bars(interval) if not bar.regular}

        def state(slot: tuple[int, int]) -> str:
            if as_of is None or slot[1] > as_of:
                return "pending"
            return "present" if slot[0] in seen else "missing"

        return [[(slot[0], state(slot)) for slot in slots] for slots in (before, after)]

    @as_of_now
    def extended_gaps(self, interval: str) -> list[tuple[int, int, int]]:
        """List the gaps outside the segments, in the form of :meth:`gaps`."""
        found = []
        for states in self.extended_states(interval):
            for state, run in itertools.groupby(states, key=lambda slot: slot[1]):
                starts = [ts for ts, _ in run]
                if state == "missing":
                    found.append((starts[0], starts[-1], len(starts)))
        return found

    @as_of_now
    def gap_retries(self, interval: str) -> list[tuple[int, int | None]]:
        """(greatest count, latest time) of the retries of each gap's slots; (0, None) where there
        was none."""
        retries = self.retries.get(interval, {})
        found: list[tuple[int, int | None]] = []
        for first, last, _ in self.gaps(interval):
            tried = [retry for ts, retry in retries.items() if first <= ts <= last]
            found.append((max(n for n, _ in tried), max(when for _, when in tried)) if tried else (0, None))
        return found

    # -- marking

    def mark_no_trade(self, interval: str, start: int, stop: int) -> bool:
        """Nothing traded in the slots of an interval that begin in ``[start, stop)``.

        Returns
        -------
        bool
            Whether any of it is new.
        """

        def tell(day: SymbolStates) -> bool:
            slots = [(a, b) for a, b, _ in day.session.regular_slots(interval) if start <= a < stop]
            return day._mark(day.no_trade, slots)

        return any(self._tell_days(tell))

    def mark_halted(self, start: int, stop: int) -> bool:
        """The market was halted in ``[start, stop)``; returns whether any of it is new."""
        return any(self._tell_days(lambda day: day._mark(day.halted, [(start, stop)])))

    def _tell_days(self, tell: Callable[[SymbolStates], int]) -> list[int]:
        """Tell the session under way, and each past day that is there, of some time; what they say.
        A day that was missing between those is there from then on, if it has anything to say."""
        past = [day for date, day in self.store.past.get(self.name, {}).items() if date < self.store.session.date]
        past += self.store.absent_symbols(self.name)
        sequence = self.store.sequence
        said = [tell(self)]
        for day in past:
            said.append(tell(day))
            if said[-1]:
                self.store.keep(day)
        self.store.sequence = sequence + any(said)
        return said

    def _mark(self, marked: list[tuple[int, int]], spans: list[tuple[int, int]]) -> bool:
        open_spans = [(max(a, start), min(b, stop)) for a, b in spans for start, stop in self.session.segments]
        before = merge_spans(marked)
        marked += [(a, b) for a, b in open_spans if a < b]
        self.answers.clear()
        self._explained.clear()
        return merge_spans(marked) != before

    def marks(self) -> dict[str, list[tuple[int, int]]]:
        """What was marked, as far as the market is open."""
        return {"no_trade": merge_spans(self.no_trade), "halted": merge_spans(self.halted)}

    def explained(self, interval: str) -> dict[int, str]:
        """State by start of the slots that the marks explain, whether there is a bar on them or
        not."""
        if interval not in self._explained:
            states = {}
            halted, told = merge_spans(self.halted), merge_spans(self.halted + self.no_trade)
            slots = self.session.regular_slots(interval)
            for start, stop in sorted(
                {(start, stop) for a, b in told for start, stop, _ in slots if a < stop and start < b}
            ):
                pieces = [(max(a, start), min(b, stop)) for a, b in self.session.segments if a < stop and start < b]
                if all(is_covered(a, b, halted) for a, b in pieces):
                    states[start] = "halted"
                elif all(is_covered(a, b, told) for a, b in pieces):
                    states[start] = "no_trade"
            self._explained[interval] = states
        return self._explained[interval]

    def record_retry(self, interval: str, start: int, stop: int, when: int) -> int:
        """Count one more retry of the slots that are missing now and begin in ``[start, stop)``.

        Returns
        -------
        int
            How many they are.
        """
        return sum(self._tell_days(lambda day: day._record_retry(interval, start, stop, when)))

    def _record_retry(self, interval: str, start: int, stop: int, when: int) -> int:
        self.answers.clear()
        retries = self.retries.setdefault(interval, {})
        asked = [ts for ts, state in self.states(interval) if state == "missing" and start <= ts < stop]
        for ts in asked:
            count, last = retries.get(ts, (0, when))
            retries[ts] = (count + 1, max(last, when))
        return len(asked)
