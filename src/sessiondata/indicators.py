"""Historical indicators: numbers about the days before the session, by name.

Computed when they are asked for and kept until history or the session changes, so a load or a roll costs nothing for
indicators that nobody reads. Sums are made in time order, one after the other, like all sums of the library.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sessiondata.arguments import check_index
from sessiondata.errors import ArgumentError, ArgumentTypeError, SessionStateError, UnknownNameError

if TYPE_CHECKING:
    from sessiondata.history import DailyBar
    from sessiondata.symbol import SymbolSessionData

__all__ = ["Forgotten", "Indicator", "check_days", "check_indicator_name", "indicator"]

Function: TypeAlias = "Callable[[SymbolSessionData], Any]"

RESERVED = ("loaded", "data")  # members that stand beside the indicators in the exported document


class Indicator(NamedTuple):
    """How an indicator is computed, and from how many days.

    Attributes
    ----------
    days : int
        Daily bars that history keeps for it.
    compute : callable
        Of the symbol's data.
    is_built_in : bool
        Whether its name alone says how it is computed.
    """

    days: int
    compute: Function
    is_built_in: bool = False


def _known(value: float) -> float | None:
    """A number, or None where the arithmetic left float64: prices may be up to 1.8e308, and then a sum, difference or
    product of them is none."""
    return value if math.isfinite(value) else None


def _sum(values: Iterable[float]) -> float:
    total = 0.0
    for value in values:  # the built-in sum rounds otherwise from Python 3.12 on
        total += value
    return total


def _avg_volume(days: list[DailyBar]) -> float:
    return _sum(day.volume for day in days) / len(days)


def _max_price(days: list[DailyBar]) -> float:
    return max(day.high for day in days)


def _min_price(days: list[DailyBar]) -> float:
    return min(day.low for day in days)


def _avg_range(days: list[DailyBar]) -> float | None:
    return _known(_sum(day.high - day.low for day in days) / len(days))


def _vwap(days: list[DailyBar]) -> float | None:
    traded = _sum(day.traded for day in days)
    return _known(_sum(day.turnover for day in days) / traded) if traded else None


_FAMILIES: dict[str, Callable[[list[DailyBar]], float | None]] = {
    "avg_volume": _avg_volume,
    "max_price": _max_price,
    "min_price": _min_price,
    "avg_range": _avg_range,
    "vwap": _vwap,
}


def check_indicator_name(name: str) -> str:
    """The name as a plain str; reserved ones are refused."""
    if not isinstance(name, str) or not name:
        raise ArgumentError(f"the name of an indicator is a text that is not empty: {name!r}", value=name)
    if name in RESERVED:
        raise ArgumentError(
            f"{name!r} is no name for an indicator: the exported document has a member of that name", value=name
        )
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(f"the name of an indicator must be encodable as UTF-8: {name!r}", value=name) from error
    return str(name)


def check_days(days: int, what: str = "days") -> int:
    """A number of days as a plain int."""
    number = check_index(what, days)
    if not 0 <= number < 2**63:
        raise ArgumentError(f"{what} must not be negative, and must fit in int64: {days}", value=days)
    return number


def indicator(name: str, function: Function | None, days: int) -> Indicator:
    """A user's indicator, or, without a function, one of a built-in family."""
    if function is not None:
        if not callable(function):
            raise ArgumentTypeError(f"the function of an indicator is called with the symbol's data: {function!r}")
        return Indicator(check_days(days), function)
    match = re.fullmatch(r"([a-z_]+)_([1-9][0-9]{0,3})d", name, re.ASCII)
    if match is None or match[1] not in _FAMILIES:
        known = ", ".join(f"{family}_<n>d" for family in _FAMILIES)
        raise UnknownNameError(
            f"no built-in indicator {name!r}; there are {known}, and any function of your own", value=name
        )
    n, family = int(match[2]), _FAMILIES[match[1]]

    def compute(symbol: SymbolSessionData) -> float | None:
        found = symbol._history.daily(n)
        return family(found) if len(found) == n else None

    return Indicator(n, compute, True)


class Forgotten:
    """What stands for the function of a user's indicator that a snapshot knows by its name alone."""

    def __init__(self, name: str, days: int) -> None:
        self.name, self.days = name, days

    def __call__(self, symbol: SymbolSessionData) -> Any:
        raise SessionStateError(
            f"indicator {self.name!r} of {symbol.symbol!r} is computed by a function, which is not part of a snapshot:"
            f" add_historical_indicator({self.name!r}, function, days={self.days}) again"
        )
