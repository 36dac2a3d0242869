"""Stores that a quality manager watches, and its providers."""

from __future__ import annotations

from typing import Any

import numpy as np

import sessiondata as sd
from worlds import MINUTE, utc

OPEN = utc("2024-03-12T09:30:00-04:00")
HOURS = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")


def new_store(symbols: tuple[str, ...] = ("SPY",)) -> sd.SessionData:
    data = sd.SessionData(HOURS, "1m", ("5m", "1h", "1d"))
    data.start_session("2024-03-12")
    for symbol in symbols:
        data.register_symbol(symbol)
    return data


def bar(minute: int, seed: int = 0) -> tuple[Any, ...]:
    price = 100.0 + (minute * 7 + seed) % 13
    return (OPEN + minute * MINUTE, price, price + 1, price - 1, price + 0.5, float(100 + minute))


def columns(minutes: Any, seed: int = 0) -> tuple[Any, ...]:
    rows = [bar(minute, seed) for minute in minutes]
    return tuple(np.array(column) for column in zip(*rows, strict=True)) if rows else ((),) * 6


def feed(data: sd.SessionData, minutes: Any, symbol: str = "SPY") -> None:
    for minute in minutes:
        data.append(symbol, *bar(minute))


def minutes_in(start_ns: int, stop_ns: int) -> range:
    return range((start_ns - OPEN) // MINUTE, (stop_ns - OPEN) // MINUTE)


class Provider:
    """Answers with what is right, and keeps what it was asked for."""

    def __init__(self, answer: Any = None) -> None:
        self.asked: list[tuple[str, str, int, int]] = []
        self.answer = answer

    def __call__(self, symbol: str, interval: str, start_ns: int, stop_ns: int) -> Any:
        self.asked.append((symbol, interval, start_ns, stop_ns))
        return columns(minutes_in(start_ns, stop_ns)) if self.answer is None else self.answer(start_ns, stop_ns)


def outcomes(attempts: list[Any]) -> list[str]:
    return [made.outcome for made in attempts]


def boom(*_: Any) -> Any:
    raise ConnectionError("no route")
