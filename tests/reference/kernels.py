"""Answers for plain lists of times and rows, as the batch kernels give them for arrays."""

from __future__ import annotations

import itertools

from reference.bars import Row, fold
from reference.session import RefSession, Slot
from reference.times import step_of


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


def is_covered(start: int, stop: int, merged: list[tuple[int, int]]) -> bool:
    """Whether ``[start, stop)`` lies wholly in spans that :func:`merge_spans` has merged."""
    return any(a <= start and stop <= b for a, b in merged)


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
