"""The slow reference model: what every answer of the library has to be, written to be obviously
right.

It is the oracle of all property tests. It shares no code with the library, imports nothing but the
standard library and remembers as little as it can: a symbol keeps its bars, its counters and the
newest evicted timestamp. Derived bars, gaps, quality, metrics and documents are computed again from
the bars each time they are asked for.

Conventions: every time is an int of nanoseconds since 1970-01-01 UTC; every stretch of time is
half-open ``[start, stop)``; an interval is its name (``"5m"``, ``"1d"``); a row is
``(ts, open, high, low, close, volume)``. Nothing here is a view, nothing is thread-safe, and the
cost of a question grows with the number of bars.

Where ``docs/concepts.md`` (its headings are cited) leaves room, this model reads it so:

1.  *Local dates of a segment*: a segment ends one nanosecond before its stop, so one that closes at
    midnight sharp touches one local date.
2.  *Equal values* (Bars): ``==``. A repeat that differs only in the sign of a zero is a repeat and
    changes nothing.
3.  *Equal lows*: of equal lows (0.0 and -0.0) the first stands, as of equal highs.
4.  *A slot cut by the span*: the first slot of the pre-open region, counted backwards from the
    open, begins no earlier than the span does.
5.  *present* (Slot states, quality, gaps) counts slots that are over only, so that
    ``present + missing == expected``: a forming bar is not present yet.
6.  *Presence of a derived slot*: any derived bar does, also one made of off-grid base bars alone.
7.  *Counters*: ``stored`` includes ``late``; ``late``, ``off_grid`` and ``extended`` count added
    rows only, never corrections; an extended bar is never ``off_grid``.
8.  *Default capacity*: the base slots of all regions, an incomplete first or last one counted as
    one. Off-grid bars can fill it before the session is over.
9.  *1d and too_old* (Rings and bars that are too old): where 1d is folded straight from base rows,
    a regular bar's slot begins at the first open, and an extended one's (the extended level) where
    the span begins, that is: it is too old once anything has been evicted.
10. *sequence*: one step for each bar stored or corrected, one for each ``advance_to`` that moves
    the clock. Law 1 leaves it open, so ``document`` takes another value for it.
11. *last_update*: the open time of the newest regular bar (extended: of the newest extended bar).
12. *A series without rows* is shown in a document, with a count of 0 and no rows.
13. *Volume -0.0* is integral, so a document shows the integer 0.
14. *Rows outside the span* given to the batch kernels lie in no slot: they are left out without an
    error.
15. *as_of* is None until there is a bar or a clock; nothing is expected then and nothing is
    forming.
16. *Marks* (Marks) are kept as told, in time. A slot is explained if every nanosecond of it in
    which the market is open is; ``"1d"`` therefore needs its segments explained, not its breaks.
17. *A mark that changes nothing*: all of its time in which the market is open was marked so before.
18. *Retries* belong to slots; what was asked for while it was missing keeps its count, also if the
    slot is filled.
19. *Ticks and quotes*: only the newest ``capacity`` of a kind are kept, but a base bar is the fold
    of all that were ever accepted in its slot. ``late`` and ``corrected`` bars of a symbol fed by
    ticks are those that a late tick made or folded again. A tick or quote that is refused for its
    source is refused whatever else is wrong with it.
20. *Fill* takes rows one by one in time order (of equal times in the order of the batch): one whose
    slot was filled by the row before it finds it present. ``late`` counts those that are not newer
    than every row. A tick behind a filled newest row that is newer than all other ticks is not late
    itself; the bar that it makes or corrects is.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1
NAT = INT64_MIN

REASONS = ("ERR_NOT_FINITE", "ERR_HIGH_LOW", "ERR_VOLUME", "ERR_NAT", "ERR_TS_RANGE", "ERR_LATER_SESSION")
COUNTERS = (
    "stored",
    "late",
    "corrected",
    "repeated",
    "too_old",
    "other_session",
    "off_grid",
    "extended",
    "overwritten",
)
Values = tuple[float, float, float, float, float]
"""open, high, low, close, volume"""
Row = tuple[int, float, float, float, float, float]
"""ts, open, high, low, close, volume"""

TICK_REASONS = ("ERR_NOT_FINITE", "ERR_SIZE", "ERR_NAT", "ERR_LATER_SESSION")
#: 1990-01-01 UTC, ns: what comes with an earlier time is an integer of another unit.
YEAR_1990 = 631_152_000 * 10**9
TICK_COUNTERS = ("stored", "late", "too_old", "other_session", "covered", "empty_side", "overwritten")

COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]


# --------------------------------------------------------------------------------------------------
# Intervals
# --------------------------------------------------------------------------------------------------


@functools.cache
def step_of(interval: str) -> int | None:
    """Length of an interval.

    Parameters
    ----------
    interval : str
        ``"<n>s"``, ``"<n>m"`` or ``"<n>h"``, n >= 1 and shorter than 24 hours, or ``"1d"``.

    Returns
    -------
    int or None
        Nanoseconds; None for ``"1d"``, whose length is that of the session.

    Raises
    ------
    ValueError
        If it is not an interval.
    """
    if interval == "1d":
        return None
    match = re.fullmatch(r"([1-9][0-9]*)([smh])", interval)
    if match is None:
        raise ValueError(f"not an interval: {interval!r}")
    step_ns = int(match[1]) * {"s": SECOND, "m": MINUTE, "h": HOUR}[match[2]]
    if step_ns >= DAY:
        raise ValueError(f"an intraday interval is shorter than 24 hours: {interval!r}")
    return step_ns


def canonical(interval: str) -> str:
    """Name of an interval in its largest unit: ``"60s"`` is ``"1m"``, ``"90m"`` stays.

    Parameters
    ----------
    interval : str
        An interval as for :func:`step_of`, which also says what raises.

    Returns
    -------
    str
    """
    step_ns = step_of(interval)
    if step_ns is None:
        return "1d"
    for unit_ns, letter in ((HOUR, "h"), (MINUTE, "m")):
        if step_ns % unit_ns == 0:
            return f"{step_ns // unit_ns}{letter}"
    return f"{step_ns // SECOND}s"


def by_length(interval: str) -> int:
    """Sort key of intervals: their length, with ``"1d"`` after all others."""
    step_ns = step_of(interval)
    return DAY if step_ns is None else step_ns


# --------------------------------------------------------------------------------------------------
# Sessions
# --------------------------------------------------------------------------------------------------


class Region(NamedTuple):
    """A stretch of the span that slots never leave; they are counted from its anchor."""

    start: int
    stop: int
    anchor: int
    regular: bool


class Slot(NamedTuple):
    """One slot of one interval."""

    start: int
    stop: int
    regular: bool


class RefSession:
    """One trade date: its segments, and the span of the timestamps that belong to it.

    Parameters
    ----------
    date : str
        Trade date, ``"YYYY-MM-DD"``.
    tz : str
        IANA name of the exchange's zone.
    segments : list of (int, int)
        Stretches ``[start, stop)`` in which the market is open, sorted. Empty ones are dropped,
        touching ones kept apart.
    span : (int, int)
        ``[start, stop)`` of the timestamps of this trade date. Holds all segments.

    Raises
    ------
    ValueError
        If no segment is left, if they overlap or are not sorted, or if the span does not hold them.
    """

    def __init__(self, date: str, tz: str, segments: list[tuple[int, int]], span: tuple[int, int]) -> None:
        self.date = date
        self.tz = tz
        self.zone = ZoneInfo(tz)
        self.segments = [(start, stop) for start, stop in segments if start != stop]
        self.span_start, self.span_stop = span
        # a session never changes: walk through it once
        self._regular_slots: dict[str, list[tuple[int, int, int]]] = {}
        if not self.segments:
            raise ValueError("a session needs a segment")
        edges = [self.span_start, *(edge for segment in self.segments for edge in segment), self.span_stop]
        if edges != sorted(edges):
            raise ValueError("segments must be sorted, must not overlap and must lie in the span")

    @property
    def open(self) -> int:
        """Start of the first segment."""
        return self.segments[0][0]

    @property
    def close(self) -> int:
        """Stop of the last segment."""
        return self.segments[-1][1]

    @functools.cached_property
    def regions(self) -> list[Region]:
        """Regions that the span is cut into.

        Returns
        -------
        list of Region
            In time order, without empty ones; together they cover the span.
        """
        # counted backwards from the open
        found = [Region(self.span_start, self.open, anchor=self.open, regular=False)]
        previous_stop = None
        for start, stop in self.segments:
            if previous_stop is not None:
                found.append(Region(previous_stop, start, anchor=previous_stop, regular=False))
            found.append(Region(start, stop, anchor=start, regular=True))
            previous_stop = stop
        found.append(Region(self.close, self.span_stop, anchor=self.close, regular=False))
        return [region for region in found if region.start < region.stop]

    def region_of(self, ts: int) -> Region | None:
        """Region that holds a timestamp, or None outside the span."""
        for region in self.regions:
            if region.start <= ts < region.stop:
                return region
        return None

    def is_regular(self, ts: int) -> bool:
        """Whether the market is open at a timestamp."""
        return any(start <= ts < stop for start, stop in self.segments)

    def slot_in(self, region: Region, ts: int, interval: str) -> Slot:
        """Slot that a timestamp falls in when it is counted from the anchor of a given region.

        Parameters
        ----------
        region : Region
            One of this session's.
        ts : int
            Inside the region, or the start of a slot of it (which can lie before the region, see
            the module's point 4).
        interval : str
            Slots of ``"1d"`` are the session from its open to its close for regular regions, and
            the span for the others.

        Returns
        -------
        Slot
        """
        step_ns = step_of(interval)
        if step_ns is None:
            if region.regular:
                return Slot(self.open, self.close, regular=True)
            return Slot(self.span_start, self.span_stop, regular=False)
        k = (ts - region.anchor) // step_ns  # rounds down, also below zero
        start = region.anchor + k * step_ns
        return Slot(max(start, region.start), min(start + step_ns, region.stop), region.regular)

    def slot_of(self, ts: int, interval: str) -> Slot | None:
        """Slot that a timestamp falls in, or None outside the span; see :meth:`slot_in`."""
        region = self.region_of(ts)
        return None if region is None else self.slot_in(region, ts, interval)

    def is_on_slot(self, ts: int, interval: str) -> bool:
        """Whether a timestamp is the start of a slot, regular or not."""
        slot = self.slot_of(ts, interval)
        return slot is not None and slot.start == ts

    def bar_end(self, ts: int, interval: str) -> int:
        """End of a bar that opens at a timestamp of the span: no bar reaches beyond its region."""
        region = self.region_of(ts)
        step_ns = step_of(interval)
        assert region is not None
        assert step_ns is not None
        return min(ts + step_ns, region.stop)

    def regular_slots(self, interval: str) -> list[tuple[int, int, int]]:
        """List the slots in which a bar is expected, by walking through the session.

        Parameters
        ----------
        interval : str
            Any interval; ``"1d"`` has one slot, from the open to the close.

        Returns
        -------
        list of (int, int, int)
            (start, stop, index of the segment), in time order; the position in the list is the slot
            ordinal.
        """
        if interval not in self._regular_slots:
            self._regular_slots[interval] = self._walk_regular_slots(interval)
        return list(self._regular_slots[interval])

    def _walk_regular_slots(self, interval: str) -> list[tuple[int, int, int]]:
        step_ns = step_of(interval)
        if step_ns is None:
            return [(self.open, self.close, 0)]
        slots = []
        for index, (start, stop) in enumerate(self.segments):
            ts = start
            while ts < stop:
                slots.append((ts, min(ts + step_ns, stop), index))
                ts += step_ns
        return slots

    def count_slots(self, interval: str) -> int:
        """Count the slots of all regions of an intraday interval, incomplete ones too: the default
        capacity."""
        step_ns = step_of(interval)
        assert step_ns is not None
        return sum(divide_up(region.stop - region.start, step_ns) for region in self.regions)

    def count_base_slots(self, slot: Slot, interval: str, base: str) -> int:
        """Count the base slots of one slot: how many bars are expected behind a derived bar.

        Parameters
        ----------
        slot : Slot
            Slot of `interval`. Nobody expects bars in one that is not regular: 0.
        interval, base : str
            The derived interval and the base one.

        Returns
        -------
        int
        """
        step_ns = step_of(base)
        assert step_ns is not None
        if not slot.regular:
            return 0
        if interval == "1d":
            return len(self.regular_slots(base))
        return divide_up(slot.stop - slot.start, step_ns)

    @functools.cached_property
    def writes_iso(self) -> bool:
        """Whether a time of day alone would be ambiguous, so that exported times carry date and
        offset.

        Returns
        -------
        bool
            True when the segments touch two local dates, or when the UTC offset changes within the
            span.
        """
        dates = set()
        for start, stop in self.segments:
            dates.add(local_time(start, self.zone).date())
            dates.add(local_time(stop - 1, self.zone).date())
        looks = [*range(self.span_start, self.span_stop, 15 * MINUTE), self.span_stop - 1]
        offsets = {local_time(ts, self.zone).utcoffset() for ts in looks}
        return dates != {date.fromisoformat(self.date)} or len(offsets) > 1


def divide_up(length: int, step_ns: int) -> int:
    """Count the steps needed to cover a length; the last one may be shorter."""
    return (length + step_ns - 1) // step_ns


def session_span(
    day: str,
    tz: str,
    segments: list[tuple[int, int]],
    previous_close: int | None = None,
    next_session: tuple[str, int] | None = None,
) -> tuple[int, int]:
    """Span of a trade date, from its local day, its own hours and its neighbours (Sessions).

    Parameters
    ----------
    day : str
        Trade date, ``"YYYY-MM-DD"``.
    tz : str
        IANA name of the exchange's zone.
    segments : list of (int, int)
        The session's hours, sorted.
    previous_close : int, optional
        Last close of the previous session.
    next_session : (str, int), optional
        Date and first open of the next session.

    Returns
    -------
    (int, int)
        ``[span_start, span_stop)``
    """
    first_open, last_close = segments[0][0], segments[-1][1]
    span_start = min(local_midnight(day, tz), first_open)
    if previous_close is not None:
        span_start = max(span_start, previous_close)
    next_day = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    span_stop = max(local_midnight(next_day, tz), last_close)
    if next_session is not None:
        next_span_start = max(min(local_midnight(next_session[0], tz), next_session[1]), last_close)
        span_stop = min(span_stop, next_span_start)
    return span_start, span_stop


def local_midnight(day: str, tz: str) -> int:
    """Nanoseconds of 00:00 local time of a date."""
    midnight = datetime.combine(date.fromisoformat(day), time(0), tzinfo=ZoneInfo(tz))
    return round(midnight.timestamp()) * SECOND  # midnights are whole seconds


# --------------------------------------------------------------------------------------------------
# Bars
# --------------------------------------------------------------------------------------------------


class BadBarError(ValueError):
    """A bar breaks a rule; nothing of the call was stored.

    Attributes
    ----------
    code : str
        One of `REASONS`.
    row : int or None
        Position of the first bad bar in the batch; None where no single one is at fault.
    """

    def __init__(self, code: str, row: int | None) -> None:
        super().__init__(f"{code} at row {row}")
        self.code = code
        self.row = row


def check_bar(session: RefSession, base: str, ts: int, o: float, h: float, lo: float, c: float, v: float) -> str | None:
    """Name the first rule that a bar breaks.

    Parameters
    ----------
    session : RefSession
        The session it is meant for.
    base : str
        Interval of the bar.
    ts : int
        Open time.
    o, h, lo, c, v : float
        Open, high, low, close, volume. Open and close may lie outside [low, high]; prices may be
        negative.

    Returns
    -------
    str or None
        One of `REASONS`, or None. A bar before the span breaks no rule.
    """
    step_ns = step_of(base)
    assert step_ns is not None
    if not all(math.isfinite(x) for x in (o, h, lo, c, v)):
        return "ERR_NOT_FINITE"
    if not h >= lo:
        return "ERR_HIGH_LOW"
    if not v >= 0:
        return "ERR_VOLUME"
    if ts == NAT:
        return "ERR_NAT"
    if ts + step_ns > INT64_MAX:
        return "ERR_TS_RANGE"
    if ts >= session.span_stop:
        return "ERR_LATER_SESSION"
    return None


class Bar(NamedTuple):
    """A bar of any interval."""

    ts: int
    """Open time: of a base bar as it came, of a derived one the start of its slot."""
    open: float
    high: float
    low: float
    close: float
    volume: float
    stop: int
    """End: of a base bar its own, of a derived one that of its slot."""
    region: Region
    """Region of the base bars behind it (1d: of the first)."""
    n_base: int
    """Base bars on their base slot behind it."""
    n_expected: int
    """Base slots of its slot; 0 if it is not regular."""

    @property
    def regular(self) -> bool:
        """Whether the market was open."""
        return self.region.regular

    @property
    def row(self) -> Row:
        """(ts, open, high, low, close, volume)"""
        return self[:6]


def fold(rows: list[Values]) -> Values:
    """Aggregate (open, high, low, close, volume) tuples in time order; at least one.

    Returns
    -------
    tuple of five float
        Open of the first, highest high, lowest low, close of the last, volumes summed from the
        left. Of equal highs, or lows, the first stands.
    """
    o, h, lo, c, v = rows[0]
    for _, row_high, row_low, row_close, row_volume in rows[1:]:
        if row_high > h:
            h = row_high
        if row_low < lo:
            lo = row_low
        c = row_close
        v = v + row_volume
    return o, h, lo, c, v


# --------------------------------------------------------------------------------------------------
# Batch kernels
# --------------------------------------------------------------------------------------------------


def slots_over(session: RefSession, interval: str, as_of: int | None) -> list[tuple[int, int, int]]:
    """List the regular slots that end at or before `as_of`; all of them where it is None."""
    return [slot for slot in session.regular_slots(interval) if as_of is None or slot[1] <= as_of]


def count_present(ts_ns: list[int], session: RefSession, interval: str, as_of: int | None = None) -> tuple[int, int]:
    """Count the slots that are over: (those with a timestamp at their start, all).

    Parameters are those of :func:`find_gaps`.
    """
    seen = set(ts_ns)
    over = slots_over(session, interval, as_of)
    return sum(start in seen for start, _, _ in over), len(over)


def find_gaps(
    ts_ns: list[int], session: RefSession, interval: str, as_of: int | None = None
) -> list[tuple[int, int, int]]:
    """Find the maximal runs of missing slots, none of which leaves its segment.

    Parameters
    ----------
    ts_ns : list of int
        Timestamps of bars; in any order, repeated, off-grid or out of session as they may be.
    session : RefSession
        What is expected.
    interval : str
        Interval of the bars.
    as_of : int, optional
        Only slots that end at or before it are expected. All of them by default.

    Returns
    -------
    list of (int, int, int)
        (start of the first missing slot, start of the last missing slot, number of slots)
    """
    seen = set(ts_ns)
    gaps = []
    run: list[int] = []  # starts of the missing slots of the gap at hand
    run_segment = None
    for start, _, segment in slots_over(session, interval, as_of):
        if run and (start in seen or segment != run_segment):
            gaps.append((run[0], run[-1], len(run)))
            run = []
        if start not in seen:
            run.append(start)
            run_segment = segment
    if run:
        gaps.append((run[0], run[-1], len(run)))
    return gaps


def quality(ts_ns: list[int], session: RefSession, interval: str, as_of: int | None = None) -> float:
    """Percentage of the slots that are over and have a bar; 100.0 where nothing is expected.

    Parameters are those of :func:`find_gaps`. Bars that are repeated, off-grid or out of session
    never raise it.
    """
    present, expected = count_present(ts_ns, session, interval, as_of)
    return percentage(present, expected)


def percentage(present: int, expected: int) -> float:
    """``100 * present / expected``, the nearest float; 100.0 where nothing is expected."""
    return 100 * present / expected if expected else 100.0


def percentage_shown(present: int, expected: int) -> float:
    """The percentage rounded down to two decimals, so that 100.0 means that nothing is missing."""
    return (10000 * present // expected) / 100 if expected else 100.0


def merge_spans(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches of time in order, those that overlap or touch made one, empty ones left out."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if start >= stop:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((start, stop))
    return merged


def is_covered(start: int, stop: int, spans: list[tuple[int, int]]) -> bool:
    """Whether ``[start, stop)`` lies wholly in the union of the spans."""
    return any(a <= start and stop <= b for a, b in merge_spans(spans))


def aggregate(
    rows: list[Row], session: RefSession, from_interval: str, to_interval: str
) -> list[tuple[int, float, float, float, float, float, int]]:
    """Derived bars straight from the given rows.

    Parameters
    ----------
    rows : list of (ts, open, high, low, close, volume)
        In time order, one per timestamp. Those outside the span are left out.
    session : RefSession
        Its regions, which no derived bar leaves. ``"1d"`` takes regular rows only.
    from_interval, to_interval : str
        Interval of the rows, and of the result: a longer multiple, or ``"1d"``.

    Returns
    -------
    list of (slot start, open, high, low, close, volume, n_base)
        `n_base` counts the rows that are on a slot of `from_interval`.

    Raises
    ------
    ValueError
        If the timestamps do not increase, or the interval is not a longer multiple.
    """
    check_derived(from_interval, to_interval)
    if any(earlier[0] >= later[0] for earlier, later in itertools.pairwise(rows)):
        raise ValueError("timestamps must be strictly increasing")
    groups: dict[Slot, list[Row]] = {}
    for row in rows:
        slot = session.slot_of(row[0], to_interval)
        if slot is None or (to_interval == "1d" and not slot.regular):
            continue
        groups.setdefault(slot, []).append(row)
    return [
        (
            slot.start,
            *fold([row[1:] for row in members]),
            sum(session.is_on_slot(row[0], from_interval) for row in members),
        )
        for slot, members in groups.items()
    ]


def check_derived(base: str, derived: str) -> None:
    """Raise ValueError unless an interval can be derived from a base: a longer multiple of it, or
    ``"1d"``."""
    base_ns, derived_ns = step_of(base), step_of(derived)
    if base_ns is None:
        raise ValueError("a base interval is never 1d")
    if derived_ns is not None and (derived_ns <= base_ns or derived_ns % base_ns != 0):
        raise ValueError(f"{derived!r} is not a longer multiple of {base!r}")


# --------------------------------------------------------------------------------------------------
# Trades and quotes
# --------------------------------------------------------------------------------------------------


def check_tick(session: RefSession, kind: str, ts: int, *values: Any) -> str | None:
    """Name the first rule that a trade or quote breaks.

    Parameters
    ----------
    session : RefSession
        The session it is meant for.
    kind : {"ticks", "quotes"}
    ts : int
    *values
        price, size, exchange; or bid, ask, bid size, ask size.

    Returns
    -------
    str or None
        One of `TICK_REASONS`, or None. One before the span breaks no rule.
    """
    numbers = values[:2] if kind == "ticks" else values
    if not all(math.isfinite(x) for x in numbers):
        return "ERR_NOT_FINITE"
    if any(size < 0 for size in (numbers[1:] if kind == "ticks" else numbers[2:])):
        return "ERR_SIZE"
    if ts == NAT:
        return "ERR_NAT"
    if ts >= session.span_stop:
        return "ERR_LATER_SESSION"
    return None


class RefTape:
    """The trades or the quotes of a symbol.

    Attributes
    ----------
    accepted : list of tuple
        All that were ever accepted, (ts, *values): in time order, of equal times in order of
        arrival.
    n_evicted : int
        How many of the oldest the ring has let go of.
    counters, skipped : dict of int
        What became of them (`TICK_COUNTERS`), and of bad ones by reason (`TICK_REASONS`).
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.accepted: list[tuple[Any, ...]] = []
        self.n_evicted = 0
        self.counters = dict.fromkeys(TICK_COUNTERS, 0)
        self.skipped = dict.fromkeys(TICK_REASONS, 0)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """Those that the ring still holds."""
        return self.accepted[self.n_evicted :]

    def is_late(self, ts: int) -> bool:
        """Whether one of this time would be older than the newest there is."""
        return bool(self.accepted) and ts < self.accepted[-1][0]

    def has_lost(self, ts: int) -> bool:
        """Whether something at or after `ts` is gone from the ring, or would be to make room for
        one more."""
        n_gone = self.n_evicted + (len(self.rows) == self.capacity)
        return n_gone > 0 and self.accepted[n_gone - 1][0] >= ts

    def add(self, row: tuple[Any, ...]) -> None:
        """Put a row behind all that are not newer."""
        bisect.insort_right(self.accepted, row, key=lambda row: row[0])
        self.counters["stored"] += 1
        if len(self.rows) > self.capacity:
            self.n_evicted += 1
            self.counters["overwritten"] += 1


# --------------------------------------------------------------------------------------------------
# The store
# --------------------------------------------------------------------------------------------------


class DailyRow(NamedTuple):
    """A day as the indicators see it."""

    row: Row
    turnover: float
    """Typical price, (high + low + close) / 3, times volume, summed over the base bars in time
    order."""
    traded: float
    """Their volumes, summed likewise."""


def closed_store(session: RefSession, extended: tuple[int, int] | None) -> RefStore:
    """A store of a session of which every slot is over."""
    store = RefStore(session, extended=extended)
    store.clock = session.span_stop
    return store


@functools.cache
def slots_before(at: int, start: int, span_start: int, step_ns: int) -> list[tuple[int, int]]:
    """Start and stop of each slot from `start` to `at`, counted backwards from there."""
    slots = []
    while at > start:
        slots.append((max(at - step_ns, span_start), at))
        at -= step_ns
    return slots[::-1]


@functools.cache
def slots_after(at: int, stop: int, span_stop: int, step_ns: int) -> list[tuple[int, int]]:
    """Start and stop of each slot from `at` to `stop`."""
    slots = []
    while at < stop:
        slots.append((at, min(at + step_ns, span_stop)))
        at += step_ns
    return slots


class RefSymbol:
    """One symbol of a store; made by :meth:`RefStore.register`.

    Attributes
    ----------
    history : dict
        ts -> (open, high, low, close, volume) of every bar ever accepted, with its last values.
        Derived bars, gaps and quality come from here: evicting a row takes nothing away from them.
    retained : list of int
        Timestamps of the rows the ring still holds, sorted.
    newest_evicted : int or None
        Newest timestamp that the ring has let go of.
    counters, skipped : dict of int
        What became of the bars (`COUNTERS`), and of bad ones by reason (`REASONS`).
    source : {"bars", "ticks", "quotes"}, optional
        What came first, and makes the base bars.
    filled : set of int
        Starts of the slots that `fill` gave a bar while no bars fed the symbol.
    tapes : dict of RefTape
        Trades and quotes, by kind: ``"ticks"`` and ``"quotes"``.
    """

    def __init__(
        self,
        store: RefStore,
        name: str,
        base: str,
        derived: list[str],
        capacity: int | None,
        tick_capacities: tuple[int, int] = (65_536, 65_536),
        quote_bars: str | None = None,
    ) -> None:
        for interval in derived:
            check_derived(base, interval)
        self.store = store
        self.session = store.session
        self.name = name
        self.asked = (base, derived, capacity, tick_capacities, quote_bars)
        self.base = canonical(base)
        self.derived = sorted({canonical(interval) for interval in derived}, key=by_length)
        self.capacity = store.session.count_slots(base) if capacity is None else capacity
        assert self.capacity >= 1
        self.history: dict[int, Values] = {}
        self._bars: dict[str, list[Bar]] = {}
        self.no_trade: list[tuple[int, int]] = []
        self.halted: list[tuple[int, int]] = []
        self._explained: dict[str, dict[int, str]] = {}
        self.retries: dict[str, dict[int, tuple[int, int]]] = {}
        self.retained: list[int] = []
        self.newest_evicted: int | None = None
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.skipped = dict.fromkeys(REASONS, 0)
        self.source: str | None = None
        self.filled: set[int] = set()
        self.quote_bars = quote_bars
        self.tapes = {"ticks": RefTape(tick_capacities[0]), "quotes": RefTape(tick_capacities[1])}

    # -- writing

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

    def inconsistent(self) -> int:
        """Rows that are kept whose open or close lies outside [low, high]."""
        rows = [self.history[ts] for ts in self.retained]
        return sum(not (lo <= o <= hi and lo <= c <= hi) for o, hi, lo, c, _ in rows)

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
        if dict(self.states(self.base)).get(ts) not in ("missing", "no_trade", "halted"):
            return False
        late = bool(self.retained) and ts < self.retained[-1]
        if late and self._is_row_too_old(ts):
            self.counters["too_old"] += 1
            return False
        self.counters["stored"] += 1
        self.counters["late"] += late
        self._add_row(ts)
        self.history[ts] = values
        self._bars.clear()
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
        tapes = self.source not in (None, "bars")
        over = self.store.clock
        if over is None:
            over = max(row[0] for row in rows) if tapes else 2**63
        over = max(over, self.as_of() or -(2**63))
        stored = 0
        for ts, values in sorted({row[0]: row[1:] for row in sorted(rows, key=lambda row: row[0])}.items()):
            on_slot = self.session.is_regular(ts) and self.session.is_on_slot(ts, self.base)
            if (
                self.session.bar_end(ts, self.base) > over
                or (tapes and not on_slot)
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
            self._bars.clear()
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

    def extend_tape(
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
                self.tapes[kind].skipped[code] += 1
        good = [row for row, code in zip(rows, codes, strict=True) if code is None]
        good.sort(key=lambda row: row[0])  # stable
        return sum([self._take_tick(kind, row) for row in good])

    def _take_tick(self, kind: str, row: tuple[Any, ...]) -> bool:
        """Take one good trade or quote; False if it was refused without being wrong."""
        tape, ts = self.tapes[kind], row[0]
        slot = self.session.slot_of(ts, self.base)
        if slot is None:  # good ones are not after the span
            tape.counters["other_session"] += 1
            return False
        late = tape.is_late(ts)
        empty = self.lacks_side(kind, row)
        folds = self.makes_bars(kind) and slot.start not in self.filled and not empty
        behind = folds and bool(self.retained) and slot.start < self.retained[-1]
        # A late one changes what is there; one behind the newest row, which a bar has filled, a
        # row.
        too_old = late and tape.has_lost(slot.start if folds else ts)
        # Only quotes without a price may have come since the slot of a late one: then it makes the
        # newest row.
        old_slot = (late or behind) and bool(self.retained) and slot.start <= self.retained[-1]
        if too_old or (old_slot and folds and self._is_row_too_old(slot.start)):
            tape.counters["too_old"] += 1
            return False
        tape.add(row)
        tape.counters["late"] += late
        if self.makes_bars(kind):
            self.source = kind
        if folds:
            self._fold_slot(kind, slot, old_slot)
        elif empty:
            tape.counters["empty_side"] += 1
        elif self.makes_bars(kind):
            tape.counters["covered"] += 1
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
        rows = self.tapes[kind].accepted
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
        self._bars.clear()

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
        self._bars.clear()
        outcome = self._outcome(ts, values)
        self.counters[outcome] += 1
        if outcome in ("stored", "late"):
            self._add_row(ts)
        if outcome == "late":
            self.counters["stored"] += 1
        if outcome in ("stored", "late", "corrected"):
            self.history[ts] = values
            self.store.sequence += 1
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

    # -- marking

    def mark_no_trade(self, interval: str, start: int, stop: int) -> bool:
        """Nothing traded in the slots of an interval that begin in ``[start, stop)``.

        Returns
        -------
        bool
            Whether any of it is new.
        """

        def tell(day: RefSymbol) -> bool:
            slots = [(a, b) for a, b, _ in day.session.regular_slots(interval) if start <= a < stop]
            return day._mark(day.no_trade, slots)

        return any(self._tell_days(tell))

    def mark_halted(self, start: int, stop: int) -> bool:
        """The market was halted in ``[start, stop)``; returns whether any of it is new."""
        return any(self._tell_days(lambda day: day._mark(day.halted, [(start, stop)])))

    def _tell_days(self, tell: Callable[[RefSymbol], int]) -> list[int]:
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
            for start, stop, _ in self.session.regular_slots(interval):
                pieces = [(max(a, start), min(b, stop)) for a, b in self.session.segments if a < stop and start < b]
                if all(is_covered(a, b, self.halted) for a, b in pieces):
                    states[start] = "halted"
                elif all(is_covered(a, b, self.halted + self.no_trade) for a, b in pieces):
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
        retries = self.retries.setdefault(interval, {})
        asked = [ts for ts, state in self.states(interval) if state == "missing" and start <= ts < stop]
        for ts in asked:
            count, last = retries.get(ts, (0, when))
            retries[ts] = (count + 1, max(last, when))
        return len(asked)

    # -- intervals

    def intervals(self) -> list[str]:
        """Intervals shown: the base, then the derived ones ascending."""
        return [self.base, *self.derived]

    def levels(self) -> list[str]:
        """Derived intervals maintained, ascending: those shown, and always 1d."""
        return sorted({*self.derived, "1d"}, key=by_length)

    def parent(self, interval: str) -> str:
        """Interval whose bars an interval is folded from: the longest shorter one that divides it,
        else the base."""
        shorter = [name for name in [self.base, *self.levels()] if by_length(name) < by_length(interval)]
        if interval == "1d":
            return shorter[-1]
        # the base always does
        return [name for name in shorter if by_length(interval) % by_length(name) == 0][-1]

    # -- reading

    def as_of(self) -> int | None:
        """Return the later of the store's clock less its grace and the end of the newest row; None
        before both. A trade or quote that makes bars proves no more than its own time, a filled
        slot that it is over."""
        times = [] if self.store.clock is None else [self.store.clock - self.store.grace]
        if self.source in ("ticks", "quotes"):
            times.append(self.tapes[self.source].accepted[-1][0])
            # over when they were filled
            times += [self.session.bar_end(ts, self.base) for ts in self.filled]
        elif self.retained:
            times.append(self.session.bar_end(self.retained[-1], self.base))
        return max(times, default=None)

    def bars(self, interval: str) -> list[Bar]:
        """List the rows of a series: the retained base bars, or all derived bars.

        Parameters
        ----------
        interval : str
            The base, a derived interval, or ``"1d"``.

        Returns
        -------
        list of Bar
            In time order, regular and extended ones (``"1d"``: regular only).
        """
        every = self._all_bars(interval)
        if interval == self.base:
            retained = set(self.retained)
            return [bar for bar in every if bar.ts in retained]
        return every

    def _all_bars(self, interval: str) -> list[Bar]:
        # Kept until the next bar is taken: a comparison asks for the same bars dozens of times.
        if interval not in self._bars:
            self._bars[interval] = self._compute_bars(interval)
        return self._bars[interval]

    def _compute_bars(self, interval: str) -> list[Bar]:
        if interval == self.base:
            return [self._base_bar(ts) for ts in sorted(self.history)]
        bars = self._all_bars(self.parent(interval))
        if interval == "1d":
            bars = [bar for bar in bars if bar.regular]
        groups: dict[Slot, list[Bar]] = {}
        for bar in bars:
            groups.setdefault(self.session.slot_in(bar.region, bar.ts, interval), []).append(bar)
        return [self._derived_bar(slot, members, interval) for slot, members in groups.items()]

    def _base_bar(self, ts: int) -> Bar:
        region = self.session.region_of(ts)
        assert region is not None
        slot = self.session.slot_in(region, ts, self.base)
        return Bar(
            ts,
            *self.history[ts],
            stop=self.session.bar_end(ts, self.base),
            region=region,
            n_base=int(slot.start == ts),
            n_expected=int(region.regular),
        )

    def _derived_bar(self, slot: Slot, members: list[Bar], interval: str) -> Bar:
        return Bar(
            slot.start,
            *fold([bar.row[1:] for bar in members]),
            stop=slot.stop,
            region=members[0].region,
            n_base=sum(bar.n_base for bar in members),
            n_expected=self.session.count_base_slots(slot, interval, self.base),
        )

    def total_count(self, interval: str) -> int:
        """Count the rows ever added to a series. Derived ones are never evicted."""
        return len(self._all_bars(interval))

    def coverage(self, interval: str) -> list[tuple[int, int]]:
        """(n_base, n_expected) of each derived bar."""
        return [(bar.n_base, bar.n_expected) for bar in self.bars(interval)]

    def forming(self, interval: str) -> bool:
        """Whether the newest bar is still in progress; of the base only if it is not made of
        streamed bars."""
        bars, as_of = self.bars(interval), self.as_of()
        if interval == self.base and self.source in ("ticks", "quotes"):
            if not bars:  # all quotes lacked a side
                return False
            slot = self.session.slot_of(bars[-1].ts, self.base)
            assert slot is not None
            assert as_of is not None
            return as_of < slot.stop
        return interval != self.base and bool(bars) and as_of is not None and as_of < bars[-1].stop

    def daily_row(self) -> DailyRow | None:
        """The session's bar, and the sums of its average price: over the retained regular bars, in
        time order."""
        turnover = traded = 0.0
        for ts in self.retained:
            if self.session.is_regular(ts):
                _, high, low, close, volume = self.history[ts]
                turnover += (high + low + close) / 3 * volume
                traded += volume
        day = self._all_bars("1d")
        return DailyRow(day[0].row, turnover, traded) if day else None

    def timestamps(self, interval: str) -> list[int]:
        """Timestamps that make slots present: of all bars ever, evicted or not."""
        return [bar.ts for bar in self._all_bars(interval) if bar.regular]

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

    def count(self, interval: str, state: str) -> int:
        """Count the regular slots in a state."""
        return sum(found == state for _, found in self.states(interval))

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

    def gaps(self, interval: str) -> list[tuple[int, int, int]]:
        """List the gaps as of now; see :func:`find_gaps`."""
        as_of = self.as_of()
        if as_of is None:
            return []
        return find_gaps([*self.timestamps(interval), *self.explained(interval)], self.session, interval, as_of)

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

    def extended_gaps(self, interval: str) -> list[tuple[int, int, int]]:
        """List the gaps outside the segments, in the form of :meth:`gaps`."""
        found = []
        for states in self.extended_states(interval):
            for state, run in itertools.groupby(states, key=lambda slot: slot[1]):
                starts = [ts for ts, _ in run]
                if state == "missing":
                    found.append((starts[0], starts[-1], len(starts)))
        return found

    def gap_retries(self, interval: str) -> list[tuple[int, int | None]]:
        """(greatest count, latest time) of the retries of each gap's slots; (0, None) where there
        was none."""
        retries = self.retries.get(interval, {})
        found: list[tuple[int, int | None]] = []
        for first, last, _ in self.gaps(interval):
            tried = [retry for ts, retry in retries.items() if first <= ts <= last]
            found.append((max(n for n, _ in tried), max(when for _, when in tried)) if tried else (0, None))
        return found

    def metrics(self) -> dict[str, Any]:
        """Session metrics of the regular bars, which the 1d bar holds, and of the extended ones
        apart.

        Returns
        -------
        dict
            volume (float, 0.0 before the first bar), high, low (float or None), last_update (ts of
            the newest base bar or None) and extended: the same of extended bars, with count, the
            number of them.
        """
        day = self._all_bars("1d")
        extended = [bar for bar in self._all_bars(self.parent("1d")) if not bar.regular]
        regular_ts = [ts for ts in sorted(self.history) if self.session.is_regular(ts)]
        extended_ts = [ts for ts in sorted(self.history) if not self.session.is_regular(ts)]
        return {
            **self._summary([bar.row[1:] for bar in day]),
            "last_update": max(regular_ts, default=None),
            "extended": {
                **self._summary([bar.row[1:] for bar in extended]),
                "count": len(extended_ts),
                "last_update": max(extended_ts, default=None),
            },
        }

    @staticmethod
    def _summary(rows: list[Values]) -> dict[str, Any]:
        if not rows:
            return {"volume": 0.0, "high": None, "low": None}
        _, high, low, _, volume = fold(rows)
        return {"volume": volume, "high": high, "low": low}


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
        base, derived, _, *tapes = self.symbols[name].asked
        return RefSymbol(
            closed_store(session, self.extended_hours.get(session.date)), name, base, derived, None, *tapes
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


# --------------------------------------------------------------------------------------------------
# The exported document
# --------------------------------------------------------------------------------------------------


def document(
    store: RefStore,
    timestamps: str = "time",
    sequence: int | None = None,
    sessions: Iterable[RefSession] = (),
    indicators: dict[str, dict[str, float | None]] | None = None,
) -> dict[str, Any]:
    """Build the complete export as plain values, its keys in the order they are exported in.

    Parameters
    ----------
    store : RefStore
        Is only read.
    timestamps : {"time", "iso", "epoch_ms", "epoch_ns"}
        Form of all times. ``"time"`` is the local time of day, or ISO where that would be
        ambiguous; `as_of` is ISO then.
    sequence : int, optional
        Value of ``meta.sequence``; the model's own by default.
    sessions : list of RefSession
        Those that may have a past day.
    indicators : dict, optional
        name of a symbol -> name of an indicator -> value.

    Returns
    -------
    dict
    """
    session = store.session
    as_of = store.as_of()
    return {
        "meta": {
            "schema": 1,
            "complete": True,
            "session_date": session.date,
            "timezone": session.tz,
            "as_of": None
            if as_of is None
            else time_shown(as_of, session, "iso" if timestamps == "time" else timestamps),
            "sequence": store.sequence if sequence is None else sequence,
        },
        "symbols": {
            name: {
                **symbol_document(symbol, timestamps),
                "historical": past_document(store, name, timestamps, sessions, (indicators or {}).get(name, {})),
            }
            for name, symbol in store.symbols.items()
        },
    }


def past_document(
    store: RefStore, name: str, timestamps: str, sessions: Iterable[RefSession], indicators: dict[str, float | None]
) -> dict[str, Any]:
    """Part of the days before a symbol's session; parameters as for :func:`document`."""
    by_date = {session.date: session for session in sessions}
    symbol = store.symbols[name]
    names = {*symbol.intervals(), "1d", *store.given.get(name, {})}
    data = {
        interval: past_interval_document(store, name, interval, timestamps, by_date)
        for interval in sorted(names, key=by_length)
        if store.past_dates(name, interval)
    }
    if not data and all(value is None for value in indicators.values()):
        return {"loaded": False}
    return {"loaded": True, **indicators, "data": data}


def past_interval_document(
    store: RefStore, name: str, interval: str, timestamps: str, sessions: dict[str, RefSession]
) -> dict[str, Any]:
    """Part of one interval of the days before a symbol's session."""
    rows, ranges, present, expected = [], [], 0, 0
    dates = store.past_dates(name, interval)
    for day in store.counted_dates(name, interval, sessions.values()):
        session, past = sessions[day], store.past.get(name, {}).get(day)

        def instant(ts: int, session: RefSession = session) -> str | int:
            return time_shown(ts, session, "iso" if timestamps == "time" else timestamps)

        def show(ts: int, session: RefSession = session) -> str | int:
            return session.date if interval == "1d" else instant(ts)

        its_rows = store.past_rows(name, interval, day)
        rows += [[show(ts), *prices, volume_shown(volume)] for ts, *prices, volume in its_rows]
        if past is not None and interval in past.intervals() and not store.was_given(name, interval, day):
            gaps, retries = past.gaps(interval), past.gap_retries(interval)
            counts = past.present(interval), past.expected(interval)
        else:
            regular = [row[0] for row in its_rows if session.is_regular(row[0])]
            gaps, counts = find_gaps(regular, session, interval), count_present(regular, session, interval)
            retries = [(0, None)] * len(gaps)
        for (first, last, n), (count, when) in zip(gaps, retries, strict=True):
            shown = {"start_time": show(first), "end_time": show(last), "bar_count": n}
            if count:
                shown.update(retry_count=count, last_retry=None if when is None else instant(when))
            ranges.append(shown)
        present, expected = present + counts[0], expected + counts[1]
    part: dict[str, Any] = {
        "count": len(rows),
        "date_range": {"start_date": dates[0], "end_date": dates[-1], "days": len(dates)},
        "dates": dates,
        "quality": percentage_shown(present, expected),
    }
    if ranges:
        missing = sum(shown["bar_count"] for shown in ranges)
        part["gaps"] = {"gap_count": len(ranges), "missing_bars": missing, "ranges": ranges}
    part["columns"] = ["date" if interval == "1d" else "timestamp", *COLUMNS[1:]]
    part["data"] = rows
    return part


def symbol_document(symbol: RefSymbol, timestamps: str) -> dict[str, Any]:
    """Part of one symbol in the document; parameters as for :func:`document`."""
    metrics = symbol.metrics()
    return {
        "session": {
            "volume": volume_shown(metrics["volume"]),
            "high": metrics["high"],
            "low": metrics["low"],
            "data": {
                **{interval: series_document(symbol, interval, timestamps) for interval in symbol.intervals()},
                **{kind: tape_document(symbol, kind, timestamps) for kind, tape in symbol.tapes.items() if tape.rows},
            },
        },
    }


def series_document(symbol: RefSymbol, interval: str, timestamps: str) -> dict[str, Any]:
    """Part of one series in the document; parameters as for :func:`document`."""

    def show(ts: int) -> str | int:
        return time_shown(ts, symbol.session, timestamps)

    bars = symbol.bars(interval)
    gaps = symbol.gaps(interval)
    part: dict[str, Any] = {
        "count": len(bars),
        "total_count": symbol.total_count(interval),
        "generated": interval != symbol.base,
    }
    if symbol.forming(interval):
        part["forming"] = True
    part["quality"] = percentage_shown(symbol.present(interval), symbol.expected(interval))
    if gaps:
        part["gaps"] = {
            "gap_count": len(gaps),
            "missing_bars": sum(n for _, _, n in gaps),
            "ranges": [{"start_time": show(first), "end_time": show(last), "bar_count": n} for first, last, n in gaps],
        }
        for shown, (count, when) in zip(part["gaps"]["ranges"], symbol.gap_retries(interval), strict=True):
            if when is not None:
                shown.update(retry_count=count, last_retry=show(when))
    part["columns"] = list(COLUMNS)
    part["data"] = [[show(bar.ts), bar.open, bar.high, bar.low, bar.close, volume_shown(bar.volume)] for bar in bars]
    return part


def tape_document(symbol: RefSymbol, kind: str, timestamps: str) -> dict[str, Any]:
    """Part of the trades or quotes of a symbol, which has some; parameters as for
    :func:`document`."""
    tape = symbol.tapes[kind]
    ts, *values = tape.rows[-1]
    latest: dict[str, Any] = {"timestamp": time_shown(ts, symbol.session, timestamps)}
    if kind == "ticks":
        price, size, exchange = values
        latest.update(price=price, size=volume_shown(size), exchange=exchange)
    else:
        bid, ask, bid_size, ask_size = values
        latest.update(bid=bid, ask=ask, bid_size=volume_shown(bid_size), ask_size=volume_shown(ask_size))
    return {"count": len(tape.rows), "total_count": len(tape.accepted), "latest": latest}


def volume_shown(volume: float) -> int | float:
    """Show a volume as an integer where it is one of at most 2**53 in magnitude, else as the float
    it is."""
    if math.isfinite(volume) and volume == math.floor(volume) and abs(volume) <= 2**53:
        return int(volume)
    return volume


def time_shown(ts: int, session: RefSession, timestamps: str) -> str | int:
    """Write a time as it stands in a document.

    Parameters
    ----------
    ts : int
        Nanoseconds.
    session : RefSession
        Gives the zone, and says whether a time of day is enough.
    timestamps : {"time", "iso", "epoch_ms", "epoch_ns"}
        The form; ``"time"`` falls back to ``"iso"``. Milliseconds are rounded down.

    Returns
    -------
    str or int
    """
    if timestamps == "epoch_ns":
        return ts
    if timestamps == "epoch_ms":
        return ts // 1_000_000
    if timestamps == "time" and not session.writes_iso:
        return local_time(ts, session.zone).strftime("%H:%M:%S") + fraction_text(ts)
    assert timestamps in ("time", "iso")
    # YYYY-MM-DDTHH:MM:SS, 19 characters, then the offset
    text = local_time(ts, session.zone).isoformat()
    return text[:19] + fraction_text(ts) + text[19:]


def local_time(ts: int, zone: ZoneInfo) -> datetime:
    """Local date and time of day, rounded down to the second."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ts // SECOND)).astimezone(zone)


def fraction_text(ts: int) -> str:
    """Fraction of a second with 3, 6 or 9 digits, as few as it takes; empty where it is zero."""
    nanoseconds = ts % SECOND
    if nanoseconds == 0:
        return ""
    if nanoseconds % 1_000_000 == 0:
        return f".{nanoseconds // 1_000_000:03d}"
    if nanoseconds % 1_000 == 0:
        return f".{nanoseconds // 1_000:06d}"
    return f".{nanoseconds:09d}"
