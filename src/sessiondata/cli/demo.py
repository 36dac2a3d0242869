"""A day of six made-up stocks, for a first look without a file: ``sessiondata replay --demo``.

What a live feed does to a store on a bad day happens here at fixed times, so every run has the
same numbers: pre-market bars, volume high at both ends of the day, minutes without a trade in a
thin stock, an outage that hits several symbols at once and is repaired for one, late bars, a
correction, a repeat, and an unfinished afternoon.

Only whole numbers are drawn, from a generator whose stream NumPy has frozen (`RandomState`), and
prices are whole cents: the day is the same on every machine and for every NumPy.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from sessiondata.market.calendar import SessionCalendar
    from sessiondata.playback.sessions import ReplaySession

__all__ = ["DEMO_DATE", "DemoEvent", "demo_calendar", "demo_events", "replay_demo"]

DEMO_DATE = dt.date(2024, 3, 12)

_SECOND_NS = 1_000_000_000
_MINUTE_NS = 60 * _SECOND_NS
# 09:30 in New York
_OPEN_NS = int(dt.datetime(2024, 3, 12, 13, 30, tzinfo=dt.UTC).timestamp()) * _SECOND_NS
_PRE_MARKET_MINUTES = 60
_REGULAR_MINUTES = 390
_LAST_MINUTE = 306  # 14:36: the bars of 5m, 15m, 1h and 1d that hold it are still forming
_TRADES_PER_MINUTE = 12


class DemoEvent(NamedTuple):
    """A one-minute bar as the feed delivers it: at `arrival_ns`, labelled by its open time
    `ts_ns`."""

    arrival_ns: int
    symbol: str
    ts_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class _Stock(NamedTuple):
    symbol: str
    cents: int  # first price
    tick: int  # largest step between two trades, in cents
    volume: int  # of a minute at midday
    traded: int = 100  # of 100 regular minutes, how many see a trade
    pre_market: int = 0  # the same before the open


_STOCKS = (
    _Stock("ALDER", 17_240, 4, 90_000, pre_market=60),
    _Stock("BIRCH", 41_125, 9, 40_000, pre_market=35),
    _Stock("CEDAR", 90_880, 30, 120_000, pre_market=80),
    _Stock("HAZEL", 1_284, 1, 700, traded=72),
    _Stock("MAPLE", 11_015, 3, 25_000),
    _Stock("ROWAN", 51_660, 6, 160_000, pre_market=90),
)

# All by minutes since the open. The lines of three stocks fail from 11:17 to 11:24; ALDER's bars
# are sent again.
_OUTAGE = range(107, 115)
_OUTAGE_STOCKS = ("ALDER", "BIRCH", "MAPLE")
_RESENT_STOCK, _RESENT_MINUTE = "ALDER", 131
_LATE_SECONDS = {("CEDAR", 40): 190, ("CEDAR", 41): 130, ("ROWAN", 203): 95}
_CORRECTED = ("BIRCH", 150)  # first sent with a high that the vendor corrects half a minute later
_REPEATED = ("ROWAN", 75)


def demo_calendar() -> SessionCalendar:
    """Return the calendar of the demo day: 09:30 to 16:00 in New York.

    Returns
    -------
    SessionCalendar
    """
    from sessiondata.market.calendar import SessionCalendar

    return SessionCalendar.from_hours("09:30", "16:00", "America/New_York", name="demo")


def demo_events() -> list[DemoEvent]:
    """Return the bars of the demo day in the order in which they arrive.

    Returns
    -------
    list of DemoEvent
        Sorted by `arrival_ns`; the same on every call.
    """
    rng = np.random.RandomState(20240312)
    events = [event for stock in _STOCKS for event in _deliver(stock, _bars(stock, rng), rng)]
    return sorted(events)


def replay_demo(derive: Sequence[str] = ("5m", "15m", "1h", "1d")) -> ReplaySession:
    """Feed the demo day to a store as a live feed would: bar by bar, with the clock.

    Parameters
    ----------
    derive : sequence of str
        Derived intervals.

    Returns
    -------
    ReplaySession
    """
    from sessiondata.playback.sessions import ReplaySession
    from sessiondata.store.store import SessionData

    data = SessionData(calendar=demo_calendar(), base_interval="1m", derived_intervals=tuple(derive))
    data.start_session(DEMO_DATE)
    for stock in _STOCKS:
        data.register_symbol(stock.symbol)
    for event in demo_events():
        data.append(*event[1:])
        data.advance_to(event.arrival_ns)
    return ReplaySession(DEMO_DATE, "demo", "1m", data)


def _bars(stock: _Stock, rng: np.random.RandomState) -> dict[int, tuple[float, ...]]:
    """One stock's open, high, low, close and volume by minute since the open, from a walk of its
    trades."""
    minutes = range(-_PRE_MARKET_MINUTES, _LAST_MINUTE + 1)
    steps = rng.randint(-stock.tick, stock.tick + 1, size=(len(minutes), _TRADES_PER_MINUTE))
    cents = np.maximum(stock.cents + steps.cumsum().reshape(steps.shape), 1)
    noise = rng.randint(60, 141, size=len(minutes))
    drawn = rng.randint(0, 100, size=len(minutes))
    bars = {}
    for minute, trades, percent, chance in zip(minutes, cents, noise, drawn, strict=True):
        if chance < (stock.traded if minute >= 0 else stock.pre_market):
            prices = trades[[0, trades.argmax(), trades.argmin(), -1]] / 100
            bars[minute] = (*prices.tolist(), float(_usual_volume(stock, minute) * int(percent) // 100))
    return bars


def _usual_volume(stock: _Stock, minute: int) -> int:
    """A parabola: four times the midday volume at the open and at the close, a tenth of it before
    the open."""
    if minute < 0:
        return stock.volume // 10
    from_noon = 2 * minute - _REGULAR_MINUTES
    return stock.volume + 3 * stock.volume * from_noon**2 // _REGULAR_MINUTES**2


def _deliver(stock: _Stock, bars: dict[int, tuple[float, ...]], rng: np.random.RandomState) -> list[DemoEvent]:
    """Send each bar some 100 ms after its minute, but for what goes wrong."""
    events = []

    def send(minute: int, values: tuple[float, ...], delay_ns: int) -> None:
        ts_ns = _OPEN_NS + minute * _MINUTE_NS
        events.append(DemoEvent(ts_ns + _MINUTE_NS + delay_ns, stock.symbol, ts_ns, *values))

    for minute, values in bars.items():
        delay_ns = int(rng.randint(50, 400)) * 1_000_000
        delay_ns += _LATE_SECONDS.get((stock.symbol, minute), 0) * _SECOND_NS
        if minute in _OUTAGE and stock.symbol in _OUTAGE_STOCKS:
            if stock.symbol != _RESENT_STOCK:
                continue
            delay_ns += (_RESENT_MINUTE - minute) * _MINUTE_NS
        if (stock.symbol, minute) == _CORRECTED:
            send(minute, (values[0], round(values[1] + 5, 2), *values[2:]), delay_ns)
            delay_ns += 30 * _SECOND_NS
        if (stock.symbol, minute) == _REPEATED:
            send(minute, values, delay_ns + 2 * _SECOND_NS)
        send(minute, values, delay_ns)
    return events
