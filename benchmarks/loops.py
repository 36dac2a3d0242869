"""The loops that calls are timed in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["bare_loop", "bare_loop_of_trades", "clocked", "clocked_twice", "feed", "feed_trades"]


def feed(call: Callable[..., Any], rows: Iterable[tuple[Any, ...]]) -> None:
    for ts, o, h, low, c, v in rows:
        call(ts, o, h, low, c, v)


def bare_loop(rows: Iterable[tuple[Any, ...]]) -> None:
    """What is taken off: the same loop, which unpacks the same rows."""
    for ts, o, h, low, c, v in rows:  # noqa: B007
        pass


def feed_trades(call: Callable[..., Any], rows: Iterable[tuple[Any, ...]]) -> None:
    for ts, price, size, exchange in rows:
        call(ts, price, size, exchange)


def bare_loop_of_trades(rows: Iterable[tuple[Any, ...]]) -> None:
    for ts, price, size, exchange in rows:  # noqa: B007
        pass


def clocked(run: Callable[..., Any], *arguments: Any) -> float:
    begun = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - begun


def clocked_twice(run: Callable[..., Any], *arguments: Any) -> tuple[float, float]:
    """Seconds by the clock, and of processor time (all threads): what the process waited for others
    is not in it."""
    worked, begun = time.process_time(), time.perf_counter()
    run(*arguments)
    took = time.perf_counter() - begun
    return took, time.process_time() - worked
