"""How a store was made: intervals, capacities, labels; and what is checked of such arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sessiondata.arguments import check_index
from sessiondata.errors import ArgumentError, UnknownNameError
from sessiondata.time.intervals import Interval, check_intervals, parse_interval

__all__ = ["QUOTE_BARS", "StoreSettings", "check_capacity", "check_days", "check_label", "check_text"]

#: Bars that quotes make, and what they are called natively.
QUOTE_BARS = {None: 0, "mid": 1, "bid": 2, "ask": 3}
_MAX_CAPACITY = 2**32  # rows; 400 GB a symbol, and far from where sizes in bytes would overflow


class StoreSettings(NamedTuple):
    """What symbols are made with.

    Attributes
    ----------
    base : Interval
    derived : tuple of Interval
    capacity : int
        Rows of a base ring; 0: as many as a session needs.
    close_label : bool
        Incoming timestamps name the end of their interval.
    tick_capacity, quote_capacity : int
        Rows of the rings of trades and quotes.
    strict : bool
        Bars whose open or close lies outside [low, high] are refused.
    """

    base: Interval
    derived: tuple[Interval, ...]
    capacity: int
    close_label: bool
    tick_capacity: int
    quote_capacity: int
    strict: bool

    def intervals(self, base: str | None, derived: Iterable[str] | None) -> tuple[Interval, ...]:
        """Intervals of a symbol, the base first: these in place of the store's."""
        if base is None and derived is None:
            return (self.base, *self.derived)
        base_interval = self.base if base is None else parse_interval(base)
        if derived is None:
            step = base_interval.step_ns or 1  # check_intervals refuses a base of 1d
            fits = [d for d in self.derived if d.step_ns == 0 or (d.step_ns > step and d.step_ns % step == 0)]
            base_interval, checked = check_intervals(base_interval, fits)
        else:
            base_interval, checked = check_intervals(base_interval, derived)
        return (base_interval, *checked)


def check_days(days: int, what: str = "days") -> int:
    """A number of days as a plain int."""
    number = check_index(what, days)
    if not 0 <= number < 2**63:
        raise ArgumentError(f"{what} must not be negative, and must fit in int64: {days}", value=days)
    return number


def check_capacity(capacity: int, of: str = "") -> int:
    """Rows of a ring as a plain int."""
    rows = check_index(f"{of}capacity", capacity)
    if not 1 <= rows <= _MAX_CAPACITY:
        raise ArgumentError(f"{of}capacity is 1 to {_MAX_CAPACITY} rows: {capacity}", value=capacity)
    return rows


def check_label(label: str) -> bool:
    """True for "close", False for "open"; anything else is an error."""
    if label not in ("open", "close"):
        raise ArgumentError(f'label is "open" or "close": {label!r}', value=label)
    return label == "close"


def check_text(text: str, what: str) -> str:
    """A name as a plain str: a subclass such as NumPy's is no key of a JSON document."""
    if not isinstance(text, str) or not text:
        raise UnknownNameError(f"{what} is a text that is not empty: {text!r}", value=text)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnknownNameError(f"{what} must be encodable as UTF-8: {text!r}", value=text) from error
    return str(text)
