"""sessiondata in a plain Python loop: append each bar, and on each 5m bar that has closed compare
two means of the newest closes, yesterday's among them.

In `run` the strategy keeps the closes that it has been told of. In `run_window` it takes the newest
ones from the store, as a strategy does that looks at more than one column or has been restarted.
"""

from __future__ import annotations

from typing import Any

import sessiondata as sd
from benchmarks.cross.averages import WINDOW, Averages, WindowAverages
from benchmarks.cross.market import MINUTE_NS, Market
from benchmarks.cross.trades import Trade

__all__ = ["prepare", "run", "run_window", "store"]


def calendar(market: Market) -> sd.SessionCalendar:
    """The market's hours: those of New York, with a half day."""
    usual = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York", name="benchmark")
    return usual.with_sessions({session.date: [(session.open_ns, session.stop_ns)] for session in market.sessions})


def store(market: Market) -> sd.SessionData:
    """A store of all stocks, with as many days of history as the averages look at."""
    data = sd.SessionData(calendar(market), "1m", ("5m",), trailing_days=3)
    data.start_session(market.sessions[0].date)
    for name in market.stocks:
        data.register_symbol(name)
    return data


def prepare(market: Market) -> Any:
    return market, market.minutes


def run(prepared: Any) -> list[Trade]:
    market, days = prepared
    trades: list[Trade] = []
    data = store(market)
    feed = data.closed_bars("5m")
    append = {name: data.symbols[name].append for name in market.stocks}
    averages = {name: Averages() for name in market.stocks}
    for number, minutes in enumerate(days):
        if number:
            data.roll_session(market.sessions[number].date)
        for ts_ns, bars in minutes:
            for name, o, h, low, c, v in bars:
                append[name](ts_ns, o, h, low, c, v)
            # closes bars of which the last minute is missing, too
            data.advance_to(ts_ns + MINUTE_NS)
            for event in feed.drain():
                mine = averages[event.symbol]
                if mine.add(event.close):
                    trades.append((event.symbol, event.end_ns, mine.side, event.close))
    return trades


def run_window(prepared: Any) -> list[Trade]:
    market, days = prepared
    trades: list[Trade] = []
    data = store(market)
    feed = data.closed_bars("5m")
    append = {name: data.symbols[name].append for name in market.stocks}
    window = {name: data.symbols[name].window for name in market.stocks}
    averages = {name: WindowAverages() for name in market.stocks}
    for number, minutes in enumerate(days):
        if number:
            data.roll_session(market.sessions[number].date)
        for ts_ns, bars in minutes:
            for name, o, h, low, c, v in bars:
                append[name](ts_ns, o, h, low, c, v)
            data.advance_to(ts_ns + MINUTE_NS)
            for event in feed.drain():
                mine = averages[event.symbol]
                if mine.add(window[event.symbol]("5m", WINDOW).close):
                    trades.append((event.symbol, event.end_ns, mine.side, event.close))
    return trades
