"""What became of the gaps of a store: one record for each, open until it is filled or explained."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from sessiondata.copying import not_copied
from sessiondata.rows.series import BarSeries, native_of
from sessiondata.store.symbol import state_of

if TYPE_CHECKING:
    from sessiondata.rows.gap import GapInfo
    from sessiondata.store.state import SymbolState
    from sessiondata.store.symbol import SymbolSessionData

__all__ = ["GapAttempt", "GapLog", "GapRecord", "Watch", "open_parts"]


@dataclass(slots=True, frozen=True)
class GapAttempt:
    """One request for a gap, or for a part that was left of it.

    Attributes
    ----------
    when_ns : int
        The store's time.
    start_ns, stop_ns : int
        What was asked for, ``[start_ns, stop_ns)``.
    outcome : str
        ``"filled"`` (all bars came), ``"partial"`` (some did), ``"empty"`` (the provider confirmed
        that there are none), ``"unknown"`` (it answered None), ``"invalid"`` (an answer with
        nothing that could be stored), ``"error"`` (it raised), ``"timeout"``.
    rows : int
        Bars stored.
    detail : str
        What was wrong, or "".
    """

    when_ns: int
    start_ns: int
    stop_ns: int
    outcome: str
    rows: int = 0
    detail: str = ""


@dataclass(slots=True)
class GapRecord:
    """What became of one gap.

    Attributes
    ----------
    symbol, interval : str
    session_date : datetime.date
    start_ns, end_ns : int
        First and last slot that it has had, both inclusive; while nothing arrives the last one
        moves on.
    stop_ns : int
        End of the last slot: it has been missing in ``[start_ns, stop_ns)``.
    found_ns : int
        The store's time when it was seen first.
    attempts : list of GapAttempt
    reason : str or None
        None while it is open. ``"filled"``: bars stand in all slots that nothing else explains;
        ``"confirmed_empty"``: there was no trade, or a halt, in any of them; ``"exhausted"``:
        `max_retries` brought nothing; ``"session_ended"``: its session was left.
    closed_ns : int or None
        When that was seen. An exhausted gap that is filled after all changes its reason.
    """

    symbol: str
    interval: str
    session_date: Any
    start_ns: int
    end_ns: int
    stop_ns: int
    found_ns: int
    attempts: list[GapAttempt] = field(default_factory=list)
    reason: str | None = None
    closed_ns: int | None = None


@dataclass(slots=True)
class Watch:
    """One symbol in one session."""

    symbol: SymbolSessionData
    state: SymbolState
    session_id: int
    session_date: Any
    seen: tuple[Any, ...] | None = None
    records: list[GapRecord] = field(default_factory=list)  # open and exhausted, in time order
    closed: list[GapRecord] = field(default_factory=list)

    @property
    def is_left(self) -> bool:
        """Whether the symbol has another session by now, or none. What was read of the store before
        is of the session that is watched only if this is False afterwards: a feeder may roll at any
        moment."""
        return self.state.core.session_id != self.session_id

    @property
    def base(self) -> BarSeries:
        """Series of the base interval."""
        return self.state.series[self.symbol.base_interval]

    def is_any_spent(self, max_retries: int) -> bool:
        """Whether a part of an open record may be asked for no more: that moves no tally. The store
        counts the requests, also those that others made."""
        starts = [record.start_ns for record in self.records if record.reason is None]
        if not starts:
            return False
        ends = [record.end_ns for record in self.records if record.reason is None]
        for first, last, n in self.state.core.retry_ranges(0):
            i = bisect_right(starts, last) - 1
            if n >= max_retries and i >= 0 and ends[i] >= first:
                return True
        return False


@not_copied("data.copy() is a store without a manager: make another one for it")
class GapLog:
    """Records of the gaps of each symbol in the session under way, and those of sessions that were
    left.

    Attributes
    ----------
    reading : lock
        Held while records change, and while they are read.
    """

    def __init__(self, keep_records: int) -> None:
        self.reading = threading.RLock()
        self._watched: dict[str, Watch] = {}
        self._past: deque[GapRecord] = deque()  # of sessions that were left, the oldest first
        self._keep_records, self._n_forgotten = keep_records, 0
        self._forgotten_outcomes: Counter[str] = Counter()

    def watch_all(self, symbols: Mapping[str, SymbolSessionData], now_ns: int) -> list[Watch]:
        """The symbols that have a session; records of another session are closed."""
        with self.reading:
            for name, watch in list(self._watched.items()):
                symbol = symbols.get(name)
                if symbol is watch.symbol and watch.state.core.session_id == watch.session_id:
                    continue
                for record in watch.records:
                    if record.reason is None:
                        record.reason, record.closed_ns = "session_ended", now_ns
                self._past += sorted(chain(watch.closed, watch.records), key=lambda record: record.start_ns)
                del self._watched[name]
            while len(self._past) > self._keep_records:
                self._forgotten_outcomes.update(made.outcome for made in self._past.popleft().attempts)
                self._n_forgotten += 1
            for name, symbol in symbols.items():
                state = state_of(symbol)
                if name not in self._watched and state.core.grid is not None:
                    self._watched[name] = Watch(symbol, state, state.core.session_id, state.context.clock.date)
            return list(self._watched.values())

    def note(
        self,
        watch: Watch,
        seen: tuple[Any, ...],
        gaps: list[GapInfo],
        open_parts: list[GapInfo],
        now_ns: int,
        gives_up: bool,
    ) -> None:
        """The gaps of a symbol are these by now, and these of their parts may be asked for (again);
        what has none of those is exhausted, if anybody asks at all."""
        with self.reading:
            watch.seen = seen
            self._match(watch, gaps, open_parts, now_ns, gives_up)

    def _match(self, watch: Watch, gaps: list[GapInfo], open_parts: list[GapInfo], now_ns: int, gives_up: bool) -> None:
        """Give each gap to the record that it is a part of, or open one; close records of which
        nothing is left.

        Slots never become missing again, so parts of one gap lie between its ends, and only its
        last slot moves on.
        """
        records: list[GapRecord] = []
        open_starts = [part.start_ns for part in open_parts]
        left = iter(gaps)
        gap = next(left, None)
        for record in watch.records:
            while gap is not None and gap.end_ns < record.start_ns:
                records.append(_open(watch, gap, now_ns))
                gap = next(left, None)
            spent, parts = True, 0
            while gap is not None and gap.start_ns <= record.end_ns:
                parts += 1
                if gap.end_ns > record.end_ns:
                    record.end_ns, record.stop_ns = gap.end_ns, gap.stop_ns
                i = bisect_left(open_starts, gap.start_ns)
                spent = spent and not (i < len(open_starts) and open_starts[i] <= gap.end_ns)
                gap = next(left, None)
            if not parts:
                record.reason, record.closed_ns = _why_closed(watch.base, record), now_ns
                watch.closed.append(record)
                continue
            if spent and gives_up and record.reason is None:
                record.reason, record.closed_ns = "exhausted", now_ns
            elif not spent and record.reason == "exhausted":
                # more of it went missing, which nobody has asked for yet
                record.reason = record.closed_ns = None
            records.append(record)
        while gap is not None:
            records.append(_open(watch, gap, now_ns))
            gap = next(left, None)
        watch.records = records

    def add(self, watch: Watch, made: GapAttempt) -> None:
        """A request was made for a part of a gap."""
        with self.reading:
            for record in watch.records:
                if record.start_ns <= made.start_ns <= record.end_ns:
                    record.attempts.append(made)

    def records(self, symbol: str | None = None) -> list[GapRecord]:
        """Copies of all records (of one symbol); those of sessions that were left come first."""
        with self.reading:
            watches = [watch for name, watch in self._watched.items() if symbol in (None, name)]
            records = [record for record in self._past if symbol in (None, record.symbol)]
            for watch in watches:
                records += sorted(chain(watch.closed, watch.records), key=lambda record: record.start_ns)
            return [_copy(record) for record in records]

    def summary(self) -> tuple[list[GapRecord], int, dict[str, int]]:
        """All records, how many were forgotten, and the outcomes of their requests; of one
        moment."""
        with self.reading:
            return self.records(), self._n_forgotten, dict(self._forgotten_outcomes)


def _open(watch: Watch, gap: GapInfo, now_ns: int) -> GapRecord:
    return GapRecord(gap.symbol, gap.interval, watch.session_date, gap.start_ns, gap.end_ns, gap.stop_ns, now_ns)


def _why_closed(series: BarSeries, record: GapRecord) -> str:
    states = {
        series.slot_state(slot) for slot in range(record.start_ns, record.end_ns + 1, native_of(series)[0].steps_ns[0])
    }
    if None in states:  # no slots of this session: the feeder has rolled meanwhile
        return "session_ended"
    return "filled" if "present" in states else "confirmed_empty"


def _copy(record: GapRecord) -> GapRecord:
    values = {name: getattr(record, name) for name in GapRecord.__slots__}
    return GapRecord(**{**values, "attempts": list(record.attempts)})


def open_parts(watch: Watch, gaps: list[GapInfo], max_retries: int) -> list[GapInfo]:
    """What of the gaps may be asked for (again): all of one, while none of its slots was asked for
    `max_retries` times; then its rest, which went missing afterwards.

    The rest has to wait until the gap has ended. Silence that goes on is asked for as one gap: a
    provider that has none of it would be asked for each new slot again."""
    core, series = watch.state.core, watch.base
    step = core.steps_ns[0]
    ranges = core.retry_ranges(0) if any(gap.retry_count >= max_retries for gap in gaps) else []
    parts: list[GapInfo] = []
    i = 0
    for gap in gaps:
        if gap.retry_count < max_retries:
            parts.append(gap)
            continue
        if series.slot_state(gap.end_ns + step) == "pending":
            continue
        while i < len(ranges) and ranges[i][1] < gap.start_ns:
            i += 1
        # of the part that may begin here, and how often it was asked for
        start, asked = gap.start_ns, 0
        for first, last, n in [*_until(ranges, i, gap.end_ns), (gap.end_ns + step, gap.end_ns + step, -1)]:
            if 0 <= n < max_retries:
                asked = max(asked, n)
                continue
            if first > start:
                n_slots = (first - start) // step
                last_stop = gap.last_stop_ns if first - step == gap.end_ns else None
                parts.append(gap._replace(start_ns=start, end_ns=first - step, bar_count=n_slots, retry_count=asked,
                                          last_retry=gap.last_retry if asked else None,
                                          last_stop_ns=last_stop))  # fmt: skip
            start, asked = last + step, 0
    return parts


def _until(ranges: list[tuple[int, int, int]], i: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Ranges from the i-th on that begin at `stop` or before."""
    while i < len(ranges) and ranges[i][0] <= stop:
        yield ranges[i]
        i += 1
