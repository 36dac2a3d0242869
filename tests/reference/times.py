"""Units of time, and the names of intervals."""

from __future__ import annotations

import functools
import re

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1
NAT = INT64_MIN

#: 1990-01-01 UTC, ns: what comes with an earlier time is an integer of another unit.
YEAR_1990 = 631_152_000 * 10**9


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
