"""Historical indicators: numbers about the days before the session, by name.

Computed when they are asked for and kept until history or the session changes, so a load or a roll
costs nothing for indicators that nobody reads. Sums are made in time order, one after the other,
like all sums of the library.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from sessiondata.errors import ArgumentError, ArgumentTypeError, SessionStateError, UnknownNameError
from sessiondata.store.settings import check_days

if TYPE_CHECKING:
    import datetime as dt

__all__ = ["DailyBar", "Forgotten", "Indicator", "check_indicator_name", "indicator"]

#: Of a symbol's data, as users see it.
Function: TypeAlias = "Callable[[Any], Any]"

RESERVED = ("loaded", "data")  # members that stand beside the indicators in the exported document


class DailyBar:
    """One day as the indicators see it.

    Attributes
    ----------
    date : datetime.date
    open, high, low, close, volume : float
        Of the regular session.
    turnover, traded : float
        Typical price times volume, and volume, summed over the base rows where there are any, else
        of the day's own row. Their quotient is the day's volume-weighted average price.
    """

    __slots__ = ("close", "date", "high", "low", "open", "traded", "turnover", "volume")

    def __init__(self, date: dt.date, values: tuple[float, ...], sums: tuple[float, float] | None) -> None:
        self.date = date
        self.open, self.high, self.low, self.close, self.volume = values
        typical = (self.high + self.low + self.close) / 3.0
        self.turnover, self.traded = (typical * self.volume, self.volume) if sums is None else sums

    def __repr__(self) -> str:
        values = (self.open, self.high, self.low, self.close, self.volume)
        return f"DailyBar({self.date}, {', '.join(map(repr, values))})"


class DailyHistory(Protocol):
    """What built-in indicators ask history for."""

    def daily(self, n: int) -> list[DailyBar]: ...


class Indicator(NamedTuple):
    """How an indicator is computed, and from how many days.

    Attributes
    ----------
    days : int
        Daily bars that history keeps for it.
    compute : callable
        Of the symbol's data; of its `History`, if it is built in.
    is_built_in : bool
        Whether its name alone says how it is computed.
    """

    days: int
    compute: Function
    is_built_in: bool = False


def _known(value: float) -> float | None:
    """A number, or None where the arithmetic left float64: prices may be up to 1.8e308, and then a
    sum, difference or product of them is none."""
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

    def compute(history: DailyHistory) -> float | None:
        found = history.daily(n)
        return family(found) if len(found) == n else None

    return Indicator(n, compute, True)


class Forgotten:
    """What stands for the function of a user's indicator that a snapshot knows by its name
    alone."""

    def __init__(self, name: str, days: int) -> None:
        self.name, self.days = name, days

    def __call__(self, symbol: Any) -> Any:
        raise SessionStateError(
            f"indicator {self.name!r} of {symbol.symbol!r} is computed by a function, which is not part of a snapshot:"
            f" add_historical_indicator({self.name!r}, function, days={self.days}) again"
        )
