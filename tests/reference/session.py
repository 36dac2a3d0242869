"""A session: its hours, and the slots of each interval in and around them."""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from reference.times import MINUTE, SECOND, step_of


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


@functools.lru_cache(100_000)
def local_time(ts: int, zone: ZoneInfo) -> datetime:
    """Local date and time of day, rounded down to the second."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ts // SECOND)).astimezone(zone)
