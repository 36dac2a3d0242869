"""Gaps over time: found, asked for again, filled or exhausted. What a provider answers goes into
the store.

    step(now_ns)  ->  gaps of each symbol (the store's own)
               ->  records: opened, shortened, closed with a reason
               ->  those that are due  ->  fetch, in a thread of its own
               ->  bars, or evidence that there are none

The store says what is missing and keeps the retries of each slot, so the parts of a gap keep them;
the manager keeps the records and decides which are due. The feeder never waits for any of it: the
two share nothing but the store, whose calls are short. Time is the store's clock, so a replay that
steps at the same times does the same.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sessiondata.arguments import check_index, check_real
from sessiondata.copying import not_copied
from sessiondata.errors import ArgumentError, ArgumentTypeError, SessionStateError
from sessiondata.monitor.gap_log import GapAttempt, GapLog, GapRecord, Watch, open_parts
from sessiondata.monitor.requests import Fetch, Requests
from sessiondata.rows.owner import computed_gaps
from sessiondata.store.store import SessionData, parts_of
from sessiondata.store.symbol import state_of
from sessiondata.time.instants import to_ns
from sessiondata.time.units import check_unit

if TYPE_CHECKING:
    from sessiondata.rows.gap import GapInfo

__all__ = ["DataQualityManager"]

_SECOND_NS = 1_000_000_000
_LONGEST_WAIT = min(threading.TIMEOUT_MAX, 1e9)  # seconds; threads wait no longer
_logger = logging.getLogger(__name__)


@not_copied("data.copy() is a store without a manager: make another one for it")
class DataQualityManager:
    """Watches the gaps of a store's base intervals and, in live mode, asks a provider for what is
    missing.

    Parameters
    ----------
    data : SessionData
    mode : {"backtest", "live"}
        Report only, or also ask `fetch`.
    fetch : callable, optional
        ``fetch(symbol, interval, start_ns, stop_ns)`` for the bars that open in
        ``[start_ns, stop_ns)``; needed in live mode. It returns six columns (time, open, high, low,
        close, volume) as a tuple, list or array, a `BarWindow` or `BarArrays`, a mapping with
        ``"timestamp"`` and the other names, or a frame as `SymbolSessionData.extend` accepts it. No
        rows at all confirm that nothing was traded; None says nothing, and anything else is
        invalid, also a frame that names several symbols. It runs in a thread of its own.
    max_retries : int
        Requests for a slot before it is exhausted. A gap counts as often as the slot of it that was
        asked for most; what went missing after its last retry gets its own requests once the gap
        has ended.
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
        What to do with rows that only say that there is none: all four prices are 0, or -1, or NaN,
        and the volume is 0, -1 or NaN. They are dropped and counted, and an answer of nothing else
        is ``"invalid"``; "keep" has them stored as far as they are good bars, for markets in which
        a price of 0 or -1 means itself.
    keep_records : int
        Gap records to keep of sessions that were left, of all symbols together. Of more the oldest
        are forgotten; their requests stay in `get_quality_stats`, which says how many they were.

    Notes
    -----
    Time is the store's: ``as_of``, so what is due is due at the same step in every replay. A
    manager may be stepped by the caller or run its own thread (`start`), which is also a context
    manager. `step`, `records` and `get_quality_stats` may be called from any thread.

    Fetched bars are stored by `SymbolSessionData.fill`: only where a bar is missing at that moment,
    whatever a feeder does meanwhile in whichever thread. Rows beside the slots that were asked for
    are dropped. So nothing that has arrived is replaced, and asking twice changes nothing. An
    answer that comes after the session was rolled goes to its day in history.

    They do not decide the input kind: a symbol of trades or quotes is filled like any other,
    also before its first trade of the day. There a fetched bar stands, because it is of the whole
    slot, and trades that come for it later are kept and counted (``ticks.counters["covered"]``).
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
        keep_records: int = 10_000,
    ) -> None:
        if not isinstance(data, SessionData):
            raise ArgumentTypeError(f"a manager watches a SessionData: {data!r:.80}", value=data)
        if fetch is not None and not callable(fetch):
            raise ArgumentTypeError(f"fetch is a function, or None: {fetch!r:.80}", value=fetch)
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
        max_retries, keep_records = check_index("max_retries", max_retries), check_index("keep_records", keep_records)
        if max_retries < 1:
            raise ArgumentError(f"max_retries is at least 1: {max_retries}", value=max_retries)
        if not (
            0 <= retry_interval_seconds < math.inf and 0 <= max_interval_seconds < math.inf and 1 <= backoff < math.inf
        ):
            raise ArgumentError("intervals must not be negative, backoff is at least 1, and all are finite")
        if not 0 < timeout_seconds <= _LONGEST_WAIT or not 0 < poll_seconds <= _LONGEST_WAIT:
            raise ArgumentError(f"timeout_seconds and poll_seconds must be positive, and at most {_LONGEST_WAIT:g}")
        if keep_records < 0:
            raise ArgumentError(f"keep_records must not be negative: {keep_records}", value=keep_records)
        if placeholders not in ("drop", "keep"):
            raise ArgumentError(f'placeholders is "drop" or "keep": {placeholders!r}', value=placeholders)
        check_unit(unit)
        self.data, self.mode, self.max_retries = data, mode, max_retries
        self._requests: Requests | None = None
        if mode == "live" and fetch is not None:
            self._requests = Requests(fetch, timeout_seconds, None if unit == "ns" else unit, placeholders == "drop")
        self._wait_ns, self._most_ns = int(retry_interval_seconds * _SECOND_NS), int(max_interval_seconds * _SECOND_NS)
        self._backoff, self._poll = backoff, poll_seconds
        self._log = GapLog(keep_records)
        self._stepping = threading.Lock()
        self._starting = threading.Lock()
        # each thread has a `_stopped` of its own
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._failures = 0
        self._seen_ns: int | None = None  # the store's time in the round before

    # --- the thread ---

    def start(self) -> None:
        """Watch the store from a thread of its own (a daemon); nothing happens if it runs already.

        One that `stop` is ending, and that still waits for a request, is replaced."""
        # else two threads that start it would each see none, and leave one that nobody ends
        with self._starting:
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
        """Whether there is a thread, and `stop` was not called."""
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
                    _logger.exception("a round of the quality manager failed")
            self._wake.wait(self._poll)

    # --- a round ---

    def step(self, now_ns: Any = None) -> list[GapAttempt]:
        """Do one round: look at all gaps, ask for those that are due, store what comes.

        Parameters
        ----------
        now_ns : int ns, datetime64 or aware datetime, optional
            Time of the round; by default the store's (`SessionData.as_of`), or that of the round
            before while the store has none. It does not move the store's clock.

        Returns
        -------
        list of GapAttempt
            Requests made, in order of symbols and time.
        """
        return self._round(now_ns, None)

    def _round(self, now_ns: Any, stopped: threading.Event | None) -> list[GapAttempt]:
        attempts: list[GapAttempt] = []
        with self._stepping:
            sessions = parts_of(self.data).sessions
            now_ns = sessions.as_of_ns() if now_ns is None else sessions.meant(now_ns)
            if now_ns is None:  # a session was left, and nothing has come since
                now_ns = self._seen_ns
                if now_ns is None:
                    return attempts
            self._seen_ns = now_ns
            for watch in self._log.watch_all(dict(self.data.symbols.items()), now_ns):
                self._look(watch, now_ns)
                before = len(attempts)
                for gap in self._due(watch, now_ns):
                    if stopped is not None and stopped.is_set():
                        return attempts
                    made = self._ask(watch, gap, now_ns)
                    if made is not None:
                        attempts.append(made)
                if len(attempts) > before:
                    self._look(watch, now_ns)
        return attempts

    def _look(self, watch: Watch, now_ns: int) -> None:
        """Bring the records of a symbol's gaps up to date."""
        seen = watch.state.core.states(0)
        if seen == watch.seen and not watch.is_any_spent(self.max_retries):
            return
        gaps = computed_gaps(watch.state, 0)
        parts = open_parts(watch, gaps, self.max_retries)
        if watch.is_left:
            # some of that is of another session: the next round finds that this one was left
            return
        self._log.note(watch, seen, gaps, parts, now_ns, gives_up=self._requests is not None)

    # --- requests ---

    def _due(self, watch: Watch, now_ns: int) -> Iterator[GapInfo]:
        """Gaps that are due."""
        if self._requests is None or not any(record.reason is None for record in watch.records):
            return
        for gap in open_parts(watch, computed_gaps(watch.state, 0), self.max_retries):
            if watch.is_left:  # before the first one: these may be of the next session
                return
            if gap.last_retry is None or now_ns - to_ns(gap.last_retry) >= self._pause_ns(gap.retry_count):
                yield gap

    def _pause_ns(self, retries: int) -> int:
        """Wait after so many requests."""
        try:
            return min(int(self._wait_ns * self._backoff ** (retries - 1)), self._most_ns)
        except OverflowError:
            return self._most_ns

    def _ask(self, watch: Watch, gap: GapInfo, now_ns: int) -> GapAttempt | None:
        """Ask for one gap and store the answer; None if too many requests hang already."""
        assert self._requests is not None  # nothing is due without
        if self._requests.is_full():
            return None
        outcome, rows, detail = self._requests.make(watch.symbol, gap)
        if not watch.is_left:
            # It may be left here all the same: its day counts the retry, or there is none that
            # could.
            with suppress(SessionStateError):
                watch.symbol.record_retry(gap, when_ns=now_ns)
        made = GapAttempt(now_ns, gap.start_ns, gap.stop_ns, outcome, rows, detail)
        self._log.add(watch, made)
        return made

    # --- answers ---

    def records(self, symbol: str | None = None) -> list[GapRecord]:
        """Records of the gaps found so far (of one symbol), open ones included: copies, by symbol
        and time; those of sessions that were left come first, `keep_records` of them at most."""
        return self._log.records(symbol)

    def get_quality_stats(self) -> dict[str, Any]:
        """What has been seen and done.

        Returns
        -------
        dict
            ``symbols``: by name the base interval's ``interval``, ``quality``, ``completeness``,
            ``missing``, and how many of its gaps are ``open``, ``filled``, ``confirmed_empty``,
            ``exhausted``; ``outcomes``: requests by outcome; ``requests``: their number;
            ``placeholders``: rows of answers that were dropped because they only say that there is
            none; ``forgotten``: records of past sessions that are not counted under ``symbols`` any
            more, as there were more than `keep_records`; ``hanging``: requests that timed out and
            have not come back; ``failures``: rounds of the thread that failed; ``mode``;
            ``running``.
        """
        records, forgotten, outcomes = self._log.summary()
        requests = self._requests
        symbols: dict[str, dict[str, Any]] = {}
        for name, symbol in self.data.symbols.items():
            base = state_of(symbol).series[symbol.base_interval]
            state = base.state
            symbols[name] = {
                "interval": base.interval,
                "quality": state.quality,
                "completeness": state.completeness,
                "missing": state.missing,
                **dict.fromkeys(("open", "filled", "confirmed_empty", "exhausted"), 0),
            }
        for record in records:
            if record.symbol in symbols and record.reason != "session_ended":
                symbols[record.symbol][record.reason or "open"] += 1
            for made in record.attempts:
                outcomes[made.outcome] = outcomes.get(made.outcome, 0) + 1
        return {
            "mode": self.mode,
            "running": self.is_running,
            "symbols": symbols,
            "requests": sum(outcomes.values()),
            "outcomes": outcomes,
            "forgotten": forgotten,
            "placeholders": 0 if requests is None else requests.n_placeholders,
            "hanging": 0 if requests is None else requests.n_hanging,
            "failures": self._failures,
        }

    def __repr__(self) -> str:
        records = self.records()
        n_open = sum(record.reason is None for record in records)
        running = "running" if self.is_running else "not running"
        return f"<DataQualityManager {self.mode}, {running}: {len(records)} gaps seen, {n_open} open>"
