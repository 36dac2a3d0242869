"""Intervals: the lengths of bars, how they are written, and which may be derived from which."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from sessiondata.arguments import check_iterable
from sessiondata.errors import IntervalError, UnknownNameError

__all__ = [
    "MAX_DERIVED",
    "ByInterval",
    "Interval",
    "check_intervals",
    "names_and_steps",
    "parse_interval",
    "parse_text",
]

#: Most derived intervals that one symbol may have.
MAX_DERIVED = 16

_SECOND_NS = 1_000_000_000
_DAY_NS = 86_400 * _SECOND_NS
_UNITS = (("h", 3_600 * _SECOND_NS), ("m", 60 * _SECOND_NS), ("s", _SECOND_NS))  # largest first
_UNIT_NS = dict(_UNITS)

# Five digits are enough for the 86,399 seconds below a day, and keep int() away from absurd input.
# Compiled when the first one is read: that takes a millisecond, an import sixteen.
_TEXT = r"([1-9][0-9]{0,4})([smh])"
_RULE = 'an interval is "<n>s", "<n>m" or "<n>h" with a whole n >= 1, shorter than 24 hours, or "1d"'


class Interval(NamedTuple):
    """Length of a bar. Made by `parse_interval`, which checks it; immutable and hashable.

    Attributes
    ----------
    name : str
        The interval in its largest unit: ``"5m"``, ``"90m"``, ``"1d"``.
    step_ns : int
        Length of a slot in nanoseconds; 0 for ``"1d"``, which is the whole session however long
        that is.
    """

    name: str
    step_ns: int

    def __str__(self) -> str:
        return self.name


def parse_interval(text: str | Interval) -> Interval:
    """Read an interval.

    Parameters
    ----------
    text : str or Interval
        ``"<n>s"``, ``"<n>m"``, ``"<n>h"`` with a whole n >= 1, shorter than 24 hours, or ``"1d"``.
        Lower case, no spaces, no leading zeros. An `Interval` is returned as it is.

    Returns
    -------
    Interval
        In its largest unit (``"60s"`` becomes ``"1m"``, ``"90m"`` stays), so that equal lengths
        have equal names. The same object each time: results are cached.

    Raises
    ------
    IntervalError
        If `text` is anything else. Names the value and the rule.
    """
    if type(text) is str:  # the usual case
        return parse_text(text)
    if isinstance(text, Interval):
        return text
    if not isinstance(text, str):
        raise IntervalError(f"{_RULE}: got {text!r} of type {type(text).__name__}", value=text)
    return parse_text(text)


@lru_cache(maxsize=256)
def parse_text(text: str) -> Interval:
    """`parse_interval` of what is a str, without a call in between."""
    if text == "1d":
        return Interval("1d", 0)
    match = re.fullmatch(_TEXT, text, re.ASCII)
    if match is None:
        raise IntervalError(f"{_RULE}: got {text!r}", value=text)
    step_ns = int(match[1]) * _UNIT_NS[match[2]]
    if step_ns >= _DAY_NS:
        raise IntervalError(f'{_RULE}: got {text!r} (a whole session is "1d")', value=text)
    unit, unit_ns = next((unit, unit_ns) for unit, unit_ns in _UNITS if step_ns % unit_ns == 0)
    return Interval(f"{step_ns // unit_ns}{unit}", step_ns)


def check_intervals(
    base: str | Interval, derived: Iterable[str | Interval] = ()
) -> tuple[Interval, tuple[Interval, ...]]:
    """Check which intervals a symbol streams and derives.

    Parameters
    ----------
    base : str or Interval
        The interval that is streamed; never ``"1d"``.
    derived : iterable of str or Interval, optional
        Intervals to aggregate from it: each a multiple of the base and longer than it. ``"1d"``
        always is. They need not divide one another, a segment or a session.

    Returns
    -------
    base : Interval
    derived : tuple of Interval
        Without duplicates (``"60m"`` and ``"1h"`` are one), shortest first, ``"1d"`` last.

    Raises
    ------
    ArgumentTypeError
        If `derived` is no iterable.
    IntervalError
        If one is not an interval, the base is ``"1d"``, a derived one is not a longer multiple of
        the base, or there are more than `MAX_DERIVED` of them.
    """
    base = parse_interval(base)
    if base.step_ns == 0:
        raise IntervalError("the base interval must be shorter than a session: got '1d'", value="1d")
    if isinstance(derived, (str, Interval)):
        # A str is an iterable of its letters: without this, derived_intervals="5m" would complain
        # about "5".
        raise IntervalError(
            f"derived intervals are a sequence such as ('5m', '1h'): got {str(derived)!r}", value=derived
        )
    listed = check_iterable("derived intervals are a sequence such as ('5m', '1h')", derived)
    levels = {parse_interval(text) for text in listed}
    for level in sorted(levels, key=_length):
        if level.step_ns and (level.step_ns <= base.step_ns or level.step_ns % base.step_ns):
            raise IntervalError(
                "a derived interval is a multiple of the base and longer than it:"
                f" got {level.name!r} from {base.name!r}",
                value=level.name,
            )
    if len(levels) > MAX_DERIVED:
        raise IntervalError(f"at most {MAX_DERIVED} derived intervals: got {len(levels)}", value=len(levels))
    return base, tuple(sorted(levels, key=_length))


@lru_cache(maxsize=256)
def names_and_steps(intervals: tuple[Interval, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names and lengths of intervals: the same two tuples each time, so that thousands of symbols
    share them."""
    return tuple(interval.name for interval in intervals), tuple(interval.step_ns for interval in intervals)


def _length(interval: Interval) -> int:
    """Sort key: `1d` is longer than every interval that is shorter than a day."""
    return interval.step_ns or _DAY_NS


class ByInterval(dict[str, Any]):
    """A dict by the names of intervals, in any spelling of them: ``["60m"]`` is
    ``["1h"]``."""

    __slots__ = ()

    def __missing__(self, interval: Any) -> Any:
        try:
            name = parse_interval(interval).name
        except IntervalError:
            name = None
        if name is None or not dict.__contains__(self, name):
            there = ", ".join(self) or "none"
            raise UnknownNameError(f"no interval {interval!r} here; there are {there}", value=interval)
        return self[name]

    def __contains__(self, interval: object) -> bool:
        try:
            self[interval]  # type: ignore[index]
        except (UnknownNameError, TypeError):
            return False
        return True

    def get(self, interval: Any, default: Any = None, /) -> Any:
        """The value of an interval, or a default."""
        try:
            return self[interval]
        except (UnknownNameError, TypeError):
            return default
