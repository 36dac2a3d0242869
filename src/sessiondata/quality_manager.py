"""Gaps over time: found, asked for again, filled or given up. What a provider answers goes into the store.

    step(now)  ->  gaps of each symbol (the store's own)  ->  lives: opened, shortened, closed with a reason
               ->  those whose turn it is  ->  fetch, in a thread of its own  ->  bars, or evidence that there are none

The store says what is missing and keeps the retries of each slot, so a gap that splits takes them along; the manager
keeps the lives and decides whose turn it is. The feeder never waits for any of it: the two share nothing but the
store, whose calls are short. Time is the store's clock, so a replay that steps at the same times does the same.
"""

from __future__ import annotations

import logging
import math
import threading
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata.arguments import check_index, check_real
from sessiondata.columns import NO_TZ, bar_columns
from sessiondata.copying import not_copied
from sessiondata.errors import ArgumentError, ArgumentTypeError, SessionDataError, SessionStateError
from sessiondata.gaps import BarArrays
from sessiondata.series import BarSeries, BarWindow
from sessiondata.times import LEAST_START_NS, UNIT_NS, are_counted, check_unit, plausible_unit, to_ns

if TYPE_CHECKING:
    from sessiondata.columns import BarColumns
    from sessiondata.gaps import GapInfo
    from sessiondata.session import SessionData
    from sessiondata.symbol import SymbolSessionData

__all__ = ["DataQualityManager", "GapLife", "GapTry"]

#: ``fetch(symbol, interval, start_ns, stop_ns)``
Fetch = Callable[[str, str, int, int], Any]

_SECOND_NS = 1_000_000_000
_MOST_HANGING = 8  # calls of `fetch` that have been given up and not come back; no further ones are made then
_LONGEST_WAIT = min(threading.TIMEOUT_MAX, 1e9)  # seconds; threads wait no longer
_NAMES = ("timestamp", "open", "high", "low", "close", "volume")
_log = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True)
class GapTry:
    """One request for a gap, or for a part that was left of it.

    Attributes
    ----------
    when_ns : int
        The store's time.
    start_ns, stop_ns : int
        What was asked for, ``[start_ns, stop_ns)``.
    outcome : str
        ``"filled"`` (all bars came), ``"partial"`` (some did), ``"empty"`` (the provider confirmed that there are
        none), ``"unknown"`` (it answered None), ``"rubbish"`` (an answer with nothing that could be stored),
        ``"error"`` (it raised), ``"timeout"``.
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
class GapLife:
    """What became of one gap.

    Attributes
    ----------
    symbol, interval : str
    session_date : datetime.date
    start_ns, end_ns : int
        First and last slot that it has had, both inclusive; while nothing arrives the last one moves on.
    found_ns : int
        The store's time when it was seen first.
    tries : list of GapTry
    reason : str or None
        None while it is open. ``"filled"``: bars stand in all slots that nothing else explains; ``"confirmed_empty"``:
        there was no trade, or a halt, in any of them; ``"gave_up"``: `max_retries` were in vain; ``"session_over"``:
        its session was left.
    closed_ns : int or None
        When that was seen. A gap that was given up and is filled after all changes its reason.
    """

    symbol: str
    interval: str
    session_date: Any
    start_ns: int
    end_ns: int
    found_ns: int
    tries: list[GapTry] = field(default_factory=list)
    reason: str | None = None
    closed_ns: int | None = None


@dataclass(slots=True)
class _Watch:
    """One symbol in one session."""

    symbol: SymbolSessionData
    session_id: int
    session_date: Any
    seen: tuple[Any, ...] | None = None
    lives: list[GapLife] = field(default_factory=list)  # open and given up, in time order
    closed: list[GapLife] = field(default_factory=list)


@not_copied("data.copy() is a store without a manager: make another one for it")
class DataQualityManager:
    """Watches the gaps of a store's base intervals and, in live mode, asks a provider for what is missing.

    Parameters
    ----------
    data : SessionData
    mode : {"backtest", "live"}
        Report only, or also ask `fetch`.
    fetch : callable, optional
        ``fetch(symbol, interval, start_ns, stop_ns)`` for the bars that open in ``[start_ns, stop_ns)``; needed in live
        mode. It returns six columns (time, open, high, low, close, volume) as a tuple, list or array, a `BarWindow` or
        `BarArrays`, a mapping with ``"timestamp"`` and the other names, or a frame as `SymbolSessionData.extend` takes
        it. No rows at all confirm that nothing was traded; None says nothing, and anything else is rubbish, also a
        frame that names several symbols. It runs in a thread of its own.
    max_retries : int
        Requests for a slot before it is given up. A gap counts as often as the slot of it that was asked for most; what
        went missing after its last retry gets its own requests once the gap has ended.
    retry_interval_seconds : float
        Time of the store between the first request and the second.
    backoff : float
        Each further wait is so many times as long as the one before.
    max_interval_seconds : float
        Longest wait.
    timeout_seconds : float
        Real time after which a request has failed. Its answer, should it come, is dropped.
    poll_seconds : float
        Real time between two looks of the thread at the store's change sequence.
    unit : {"s", "ms", "us", "ns"}
        What integer times of an answer count from 1970 on.
    placeholders : {"drop", "keep"}
        What to do with rows that only say that there is none: all four prices are 0, or -1, or NaN, and the volume is
        0, -1 or NaN. They are dropped and counted, and an answer of nothing else is ``"rubbish"``; "keep" has them
        stored as far as they are good bars, for markets in which a price of 0 or -1 means itself.
    keep_lives : int
        Lives to remember of sessions that were left, over all symbols. Of more the oldest are forgotten; their
        requests stay in `get_quality_stats`, which says how many they were.

    Notes
    -----
    Time is the store's: ``as_of``, so what is due is due at the same step in every replay. A manager may be stepped by
    the caller or run its own thread (`start`), which is also a context manager. `step`, `lives` and
    `get_quality_stats` may be called from any thread.

    Fetched bars are stored by `SymbolSessionData.fill`: only where a bar is missing at that moment, whatever a feeder
    does meanwhile in whichever thread. Rows beside the slots that were asked for are dropped. So nothing that has
    arrived is replaced, and asking twice changes nothing. An answer that comes after the session was rolled goes to its
    day in history.

    What feeds a symbol they do not decide: one that trades or quotes feed is filled like any other, also before its
    first trade of the day. There a fetched bar stands, because it is of the whole slot, and trades that come for it
    later are kept and counted (``ticks.counters["covered"]``).
    """

    def __init__(
        self,
        data: SessionData,
        mode: str = "backtest",
        fetch: Fetch | None = None,
        max_retries: int = 5,
        retry_interval_seconds: float = 60,
        *,
        backoff: float = 2.0,
        max_interval_seconds: float = 3600,
        timeout_seconds: float = 30.0,
        poll_seconds: float = 0.05,
        unit: str = "ns",
        placeholders: str = "drop",
        keep_lives: int = 10_000,
    ) -> None:
        if mode not in ("live", "backtest"):
            raise ArgumentError(f'mode is "live" or "backtest": {mode!r}', value=mode)
        if mode == "live" and fetch is None:
            raise ArgumentError("live mode needs fetch(symbol, interval, start_ns, stop_ns)")
        for name, value in (
            ("retry_interval_seconds", retry_interval_seconds), ("backoff", backoff),
            ("max_interval_seconds", max_interval_seconds), ("timeout_seconds", timeout_seconds),
            ("poll_seconds", poll_seconds),
        ):  # fmt: skip
            check_real(name, value)
        if check_index("max_retries", max_retries) < 1:
            raise ArgumentError(f"max_retries is at least 1: {max_retries}", value=max_retries)
        if not (
            0 <= retry_interval_seconds < math.inf and 0 <= max_interval_seconds < math.inf and 1 <= backoff < math.inf
        ):
            raise ArgumentError("intervals must not be negative, backoff is at least 1, and all are finite")
        if not 0 < timeout_seconds <= _LONGEST_WAIT or not 0 < poll_seconds <= _LONGEST_WAIT:
            raise ArgumentError(f"timeout_seconds and poll_seconds must be positive, and at most {_LONGEST_WAIT:g}")
        if check_index("keep_lives", keep_lives) < 0:
            raise ArgumentError(f"keep_lives must not be negative: {keep_lives}", value=keep_lives)
        if placeholders not in ("drop", "keep"):
            raise ArgumentError(f'placeholders is "drop" or "keep": {placeholders!r}', value=placeholders)
        check_unit(unit)
        self._unit, self._drops, self._n_placeholders = None if unit == "ns" else unit, placeholders == "drop", 0
        self.data, self.mode, self.max_retries = data, mode, check_index("max_retries", max_retries)
        self._fetch = fetch if mode == "live" else None
        self._wait_ns, self._most_ns = int(retry_interval_seconds * _SECOND_NS), int(max_interval_seconds * _SECOND_NS)
        self._backoff, self._timeout, self._poll = backoff, timeout_seconds, poll_seconds
        self._watched: dict[str, _Watch] = {}
        self._past: deque[GapLife] = deque()  # of sessions that were left, the oldest first
        self._keep_lives, self._n_forgotten = check_index("keep_lives", keep_lives), 0
        self._forgotten_outcomes: Counter[str] = Counter()
        self._stepping, self._reading = threading.Lock(), threading.RLock()
        self._starting = threading.Lock()
        self._hanging: list[threading.Event] = []
        self._wake, self._stopped = threading.Event(), threading.Event()  # each thread has a `_stopped` of its own
        self._thread: threading.Thread | None = None
        self._failures = 0
        self._seen_ns: int | None = None  # the store's time in the round before

    # --- the thread ---

    def start(self) -> None:
        """Watch the store from a thread of its own (a daemon); nothing happens if it runs already.

        One that `stop` has told to end, and that still waits for a request, is replaced."""
        with self._starting:  # else two threads that start it would each see none, and leave one that nobody ends
            if self.is_running:
                return
            self._stopped = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._stopped,), name="sessiondata quality", daemon=True
            )
            self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """End the thread; True if it has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for the request it may be waiting for; by default until it has ended.

        Raises
        ------
        ArgumentTypeError
            `timeout` is no number.
        """
        if timeout is not None:
            check_real("timeout", timeout)
        with self._starting:
            thread = self._thread
            if thread is None:
                return True
            self._stopped.set()
        self._wake.set()
        thread.join(timeout)
        return not thread.is_alive()

    def notify(self) -> None:
        """Have the thread look at the store now, not at its next turn."""
        self._wake.set()

    @property
    def is_running(self) -> bool:
        """Whether there is a thread, and nobody has told it to end."""
        return self._thread is not None and self._thread.is_alive() and not self._stopped.is_set()

    def __enter__(self) -> DataQualityManager:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, stopped: threading.Event) -> None:
        seen: int | None = None
        while not stopped.is_set():
            sequence = self.data.sequence
            if sequence != seen or self._wake.is_set():
                seen = sequence
                self._wake.clear()
                try:
                    self._round(None, stopped)
                except Exception:  # whatever it was, the next change is another chance
                    self._failures += 1
                    _log.exception("a round of the quality manager failed")
            self._wake.wait(self._poll)

    # --- a round ---

    def step(self, now: Any = None) -> list[GapTry]:
        """Do one round: look at all gaps, ask for those whose turn it is, store what comes.

        Parameters
        ----------
        now : int, datetime64 or aware datetime, optional
            Time of the round; by default the store's (`SessionData.as_of`), or that of the round before while the store
            has none. It does not move the store's clock.

        Returns
        -------
        list of GapTry
            Requests made, in order of symbols and time.
        """
        return self._round(now, None)

    def _round(self, now: Any, stopped: threading.Event | None) -> list[GapTry]:
        tries: list[GapTry] = []
        with self._stepping:
            now_ns = self.data._as_of_ns() if now is None else self.data._meant(now)
            if now_ns is None:  # a session was left, and nothing has come since
                now_ns = self._seen_ns
                if now_ns is None:
                    return tries
            self._seen_ns = now_ns
            for watch in self._watch_all(now_ns):
                self._look(watch, now_ns)
                before = len(tries)
                for gap in self._due(watch, now_ns):
                    if stopped is not None and stopped.is_set():
                        return tries
                    made = self._ask(watch, gap, now_ns)
                    if made is not None:
                        tries.append(made)
                if len(tries) > before:
                    self._look(watch, now_ns)
        return tries

    def _watch_all(self, now_ns: int) -> list[_Watch]:
        """The symbols that have a session; what was watched in another session is over."""
        symbols = dict(self.data.symbols)
        with self._reading:
            for name, watch in list(self._watched.items()):
                symbol = symbols.get(name)
                if symbol is watch.symbol and symbol._core.session_id == watch.session_id:
                    continue
                for life in watch.lives:
                    if life.reason is None:
                        life.reason, life.closed_ns = "session_over", now_ns
                self._past += sorted(chain(watch.closed, watch.lives), key=lambda life: life.start_ns)
                del self._watched[name]
            while len(self._past) > self._keep_lives:
                self._forgotten_outcomes.update(made.outcome for made in self._past.popleft().tries)
                self._n_forgotten += 1
            for name, symbol in symbols.items():
                if name not in self._watched and symbol._core.grid is not None:
                    self._watched[name] = _Watch(symbol, symbol._core.session_id, self.data.session_date)
            return list(self._watched.values())

    def _look(self, watch: _Watch, now_ns: int) -> None:
        """Bring the lives of a symbol's gaps up to date."""
        seen = watch.symbol._core.states(0)
        if seen == watch.seen and not self._is_any_spent(watch):
            return
        gaps = watch.symbol._computed_gaps(0)
        parts = self._open_parts(watch, gaps)
        if self._is_left(watch):
            return  # some of that is of another session: the next round finds that this one was left
        with self._reading:
            watch.seen = seen
            self._match(watch, gaps, parts, now_ns)

    @staticmethod
    def _is_left(watch: _Watch) -> bool:
        """Whether the symbol has another session by now, or none. What was read of the store before is of the session
        that is watched only if this is False afterwards: a feeder may roll at any moment."""
        return watch.symbol._core.session_id != watch.session_id

    def _match(self, watch: _Watch, gaps: list[GapInfo], open_parts: list[GapInfo], now_ns: int) -> None:
        """Give each gap to the life that it is a part of, or open one; close lives of which nothing is left.

        Slots never become missing again, so parts of one gap lie between its ends, and only its last slot moves on.
        """
        lives: list[GapLife] = []
        open_starts = [part.start_ns for part in open_parts]
        left = iter(gaps)
        gap = next(left, None)
        for life in watch.lives:
            while gap is not None and gap.end_ns < life.start_ns:
                lives.append(self._open(watch, gap, now_ns))
                gap = next(left, None)
            spent, parts = True, 0
            while gap is not None and gap.start_ns <= life.end_ns:
                life.end_ns, parts = max(life.end_ns, gap.end_ns), parts + 1
                i = bisect_left(open_starts, gap.start_ns)
                spent = spent and not (i < len(open_starts) and open_starts[i] <= gap.end_ns)
                gap = next(left, None)
            if not parts:
                life.reason, life.closed_ns = (
                    self._why_closed(watch.symbol._series[watch.symbol.base_interval], life),
                    now_ns,
                )
                watch.closed.append(life)
                continue
            if spent and self._fetch is not None and life.reason is None:
                life.reason, life.closed_ns = "gave_up", now_ns
            elif not spent and life.reason == "gave_up":
                life.reason = life.closed_ns = None  # more of it went missing, which nobody has asked for yet
            lives.append(life)
        while gap is not None:
            lives.append(self._open(watch, gap, now_ns))
            gap = next(left, None)
        watch.lives = lives

    def _is_any_spent(self, watch: _Watch) -> bool:
        """Whether a part of an open life may be asked for no more: that moves no tally. The store counts the requests,
        also those that others made."""
        starts = [life.start_ns for life in watch.lives if life.reason is None]
        if not starts:
            return False
        ends = [life.end_ns for life in watch.lives if life.reason is None]
        for first, last, n in watch.symbol._core.retry_ranges(0):
            i = bisect_right(starts, last) - 1
            if n >= self.max_retries and i >= 0 and ends[i] >= first:
                return True
        return False

    @staticmethod
    def _open(watch: _Watch, gap: GapInfo, now_ns: int) -> GapLife:
        return GapLife(gap.symbol, gap.interval, watch.session_date, gap.start_ns, gap.end_ns, now_ns)

    @staticmethod
    def _why_closed(series: BarSeries, life: GapLife) -> str:
        states = {series.slot_state(slot) for slot in range(life.start_ns, life.end_ns + 1, series._core.steps_ns[0])}
        if None in states:  # no slots of this session: the feeder has rolled meanwhile
            return "session_over"
        return "filled" if "present" in states else "confirmed_empty"

    # --- requests ---

    def _due(self, watch: _Watch, now_ns: int) -> Iterator[GapInfo]:
        """Gaps whose turn it is."""
        if self._fetch is None or not any(life.reason is None for life in watch.lives):
            return
        gaps = self._open_parts(watch, watch.symbol._computed_gaps(0))
        for gap in gaps:
            if self._is_left(watch):  # before the first one: these may be of the next session
                return
            if gap.last_retry is None or now_ns - to_ns(gap.last_retry) >= self._pause_ns(gap.retry_count):
                yield gap

    def _open_parts(self, watch: _Watch, gaps: list[GapInfo]) -> list[GapInfo]:
        """What of the gaps may be asked for (again): all of one, while none of its slots was asked for `max_retries`
        times; then its rest, which went missing afterwards.

        The rest has to wait until the gap has ended. Silence that goes on is asked for as one gap: a provider that has
        none of it would be asked for each new slot again."""
        core, series = watch.symbol._core, watch.symbol._series[watch.symbol.base_interval]
        step = core.steps_ns[0]
        ranges = core.retry_ranges(0) if any(gap.retry_count >= self.max_retries for gap in gaps) else []
        parts: list[GapInfo] = []
        i = 0
        for gap in gaps:
            if gap.retry_count < self.max_retries:
                parts.append(gap)
                continue
            if series.slot_state(gap.end_ns + step) == "pending":
                continue
            while i < len(ranges) and ranges[i][1] < gap.start_ns:
                i += 1
            start, asked = gap.start_ns, 0  # of the part that may begin here, and how often it was asked for
            for first, last, n in [*_until(ranges, i, gap.end_ns), (gap.end_ns + step, gap.end_ns + step, -1)]:
                if 0 <= n < self.max_retries:
                    asked = max(asked, n)
                    continue
                if first > start:
                    n_slots = (first - start) // step
                    parts.append(gap._replace(start_ns=start, end_ns=first - step, bar_count=n_slots, retry_count=asked,
                                              last_retry=gap.last_retry if asked else None))  # fmt: skip
                start, asked = last + step, 0
        return parts

    def _pause_ns(self, retries: int) -> int:
        """Wait after so many requests."""
        try:
            return min(int(self._wait_ns * self._backoff ** (retries - 1)), self._most_ns)
        except OverflowError:
            return self._most_ns

    def _ask(self, watch: _Watch, gap: GapInfo, now_ns: int) -> GapTry | None:
        """Ask for one gap and store the answer; None if too many requests hang already."""
        # The last slot may be shorter than the interval; what comes after it is another gap's, or nobody's.
        stops = watch.symbol.calendar.session(watch.session_date).segments[:, 1]
        start, segment_stop = gap.start_ns, int(stops[np.searchsorted(stops, gap.end_ns, "right")])
        stop = min(gap.end_ns + watch.symbol._core.steps_ns[0], segment_stop)
        self._hanging = [done for done in self._hanging if not done.is_set()]
        if len(self._hanging) >= _MOST_HANGING:
            return None
        outcome, rows, detail = self._outcome(watch, gap, start, stop)
        if not self._is_left(watch):
            # It may be left here all the same: its day counts the retry, or there is none that could.
            with suppress(SessionStateError):
                watch.symbol.record_retry(gap.interval, start, gap.end_ns + 1, now_ns)
        made = GapTry(now_ns, start, stop, outcome, rows, detail)
        with self._reading:
            for life in watch.lives:
                if life.start_ns <= start <= life.end_ns:
                    life.tries.append(made)
        return made

    def _outcome(self, watch: _Watch, gap: GapInfo, start: int, stop: int) -> tuple[str, int, str]:
        """(outcome, bars stored, what was wrong) of one request."""
        symbol = watch.symbol
        try:
            answer = self._call(gap.symbol, gap.interval, start, stop)
        except TimeoutError:
            return "timeout", 0, f"no answer within {self._timeout:g} s"
        except Exception as error:
            return "error", 0, f"{type(error).__name__}: {error}"
        if answer is None:
            return "unknown", 0, ""
        try:
            columns, is_counted = _columns_of(answer, gap.symbol, self._unit)
        except Exception as error:  # of an object that somebody else wrote
            return "rubbish", 0, f"{type(error).__name__}: {error}"
        try:
            if not len(columns[0]):
                symbol.mark_no_trade(gap.interval, start, gap.end_ns + 1)
                return "empty", 0, ""
            none = _placeholders(columns) if self._drops else np.zeros(len(columns[0]), np.bool_)
            n_none = int(none.sum())
            self._n_placeholders += n_none
            asked = (columns[0] >= start) & (columns[0] < stop) & ~none
            rows = symbol.fill(*(column[asked] for column in columns), on_bad="skip", label="open")
        except SessionDataError as error:
            return "rubbish", 0, f"{type(error).__name__}: {error}"
        why = _why(columns[0], n_none, self._unit if is_counted else None)
        if not rows:
            rule = f"none of {len(columns[0])} rows is a good bar of a missing slot"
            return "rubbish", 0, rule + why
        return "filled" if rows >= gap.bar_count else "partial", rows, why[2:]

    def _call(self, *arguments: Any) -> Any:
        """`fetch`, in a thread of its own, for at most `timeout_seconds`."""
        fetch = self._fetch
        assert fetch is not None
        done = threading.Event()
        answer: list[tuple[Any, BaseException | None]] = []

        def run() -> None:
            try:
                answer.append((fetch(*arguments), None))
            except BaseException as error:  # also a SystemExit: it ends a request, and nothing else
                answer.append((None, error))
            finally:
                done.set()

        threading.Thread(target=run, name="sessiondata fetch", daemon=True).start()
        if not done.wait(self._timeout):
            self._hanging.append(done)
            raise TimeoutError
        value, error = answer[0]
        if error is not None:
            raise error if isinstance(error, Exception) else RuntimeError(repr(error))
        return value

    # --- answers ---

    def lives(self, symbol: str | None = None) -> list[GapLife]:
        """Lives of the gaps seen so far (of one symbol), open ones included: copies, by symbol and time; those of
        sessions that were left come first, `keep_lives` of them at most."""
        with self._reading:
            watches = [watch for name, watch in self._watched.items() if symbol in (None, name)]
            lives = [life for life in self._past if symbol in (None, life.symbol)]
            for watch in watches:
                lives += sorted(chain(watch.closed, watch.lives), key=lambda life: life.start_ns)
            return [_copy(life) for life in lives]

    def get_quality_stats(self) -> dict[str, Any]:
        """What has been seen and done.

        Returns
        -------
        dict
            ``symbols``: by name the base interval's ``interval``, ``quality``, ``completeness``, ``missing``, and how
            many of its gaps are ``open``, ``filled``, ``confirmed_empty``, ``gave_up``; ``outcomes``: requests by
            outcome; ``requests``: their number; ``placeholders``: rows of answers that were dropped because they only
            say that there is none; ``forgotten``: lives of past sessions that are not counted under
            ``symbols`` any more, as there were more than `keep_lives`; ``hanging``: requests that timed out and have
            not come back; ``failures``: rounds of the thread that failed; ``mode``; ``running``.
        """
        with self._reading:
            lives, forgotten = self.lives(), self._n_forgotten
            outcomes: dict[str, int] = dict(self._forgotten_outcomes)
        symbols: dict[str, dict[str, Any]] = {}
        for name, symbol in dict(self.data.symbols).items():
            base = symbol._series[symbol.base_interval]
            state = base.state
            symbols[name] = {
                "interval": base.interval,
                "quality": state.quality,
                "completeness": state.completeness,
                "missing": state.missing,
                **dict.fromkeys(("open", "filled", "confirmed_empty", "gave_up"), 0),
            }
        for life in lives:
            if life.symbol in symbols and life.reason != "session_over":
                symbols[life.symbol][life.reason or "open"] += 1
            for made in life.tries:
                outcomes[made.outcome] = outcomes.get(made.outcome, 0) + 1
        return {
            "mode": self.mode,
            "running": self.is_running,
            "symbols": symbols,
            "requests": sum(outcomes.values()),
            "outcomes": outcomes,
            "forgotten": forgotten,
            "placeholders": self._n_placeholders,
            "hanging": sum(not done.is_set() for done in self._hanging),
            "failures": self._failures,
        }

    def __repr__(self) -> str:
        lives = self.lives()
        n_open = sum(life.reason is None for life in lives)
        running = "running" if self.is_running else "not running"
        return f"<DataQualityManager {self.mode}, {running}: {len(lives)} gaps seen, {n_open} open>"


def _until(ranges: list[tuple[int, int, int]], i: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Ranges from the i-th on that begin at `stop` or before."""
    while i < len(ranges) and ranges[i][0] <= stop:
        yield ranges[i]
        i += 1


def _copy(life: GapLife) -> GapLife:
    values = {name: getattr(life, name) for name in GapLife.__slots__}
    return GapLife(**{**values, "tries": list(life.tries)})


def _placeholders(columns: BarColumns) -> Any:
    """Which rows only say that there is none: providers fill them with 0, -1 or NaN. A negative price is real, so all
    values of the row have to say so."""
    _, open_, high, low, close, volume = columns
    same = (open_ == high) & (high == low) & (low == close) & ((open_ == 0.0) | (open_ == -1.0))
    same |= np.isnan(open_) & np.isnan(high) & np.isnan(low) & np.isnan(close)
    none: Any = same & ((volume == 0.0) | (volume == -1.0) | np.isnan(volume))
    return none


def _why(times: Any, n_none: int, unit: str | None) -> str:
    """What else is to be said about the rows of an answer, integers of which count a unit."""
    why = f"; {n_none} rows say that there is none (prices and volume of 0, -1 or NaN)" if n_none else ""
    given = int(times.max()) // UNIT_NS[unit or "ns"]
    other = plausible_unit(given) if times.max() < LEAST_START_NS else None
    if other is None:
        return why
    said = "" if unit is None else f" in place of unit={unit!r}"
    return f"{why}; times lie in 1970, as integers of another unit do: unit={other!r}{said}"


def _columns_of(answer: Any, symbol: str, unit: str | None = None) -> tuple[BarColumns, bool]:
    """Six columns of what a provider returned, and whether its times were integers."""
    from sessiondata.frames import frame_columns  # not needed until an answer comes

    is_counted = None
    if isinstance(answer, (BarSeries, BarWindow)):
        answer = (answer.timestamp, answer.open, answer.high, answer.low, answer.close, answer.volume)
    elif isinstance(answer, BarArrays):
        answer = answer[:6]
    elif isinstance(answer, Mapping):
        answer = tuple(answer[name] for name in _NAMES)
    elif hasattr(answer, "columns") or hasattr(answer, "__arrow_c_stream__"):
        *answer, is_counted = frame_columns(answer, symbol, NO_TZ, unit=unit)
        unit = None if isinstance(answer[0], np.ndarray) else unit
    elif not isinstance(answer, (tuple, list, np.ndarray)):  # an empty text, say, confirms nothing
        raise ArgumentTypeError(f"an answer is six columns, a frame or None, not {type(answer).__name__}")
    if len(answer) == 0:
        answer = ((),) * 6
    is_counted = are_counted(answer[0]) if is_counted is None else is_counted
    return bar_columns(*answer, symbol=symbol, unit=unit), is_counted
