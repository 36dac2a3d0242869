"""Which bars have closed: consumers, beside a poll of each series."""

from __future__ import annotations

from typing import Any

import numpy as np

import sessiondata as sd

MINUTE = 60_000_000_000
OPENING = 1_710_163_800_000_000_000  # 2024-03-11T13:30Z, the open in New York
BAR = (100.0, 101.0, 99.0, 100.5, 10.0)
N_IDLE, N_SYMBOLS, N_BARS = 5_000, 50, 390
MEANS = 10  # bars of five minutes in the longer mean


def new_store(n: int) -> sd.SessionData:
    hours = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData(hours, "1m", ("5m", "1h"))
    data.start_session("2024-03-11")
    for i in range(n):
        data.register_symbol(f"S{i}")
    return data


class Poll:
    """What a program does without a consumer: it asks each series how many bars have closed."""

    def __init__(self, data: sd.SessionData, intervals: tuple[str, ...]) -> None:
        self.series = [symbol.bars(interval) for symbol in data.symbols.values() for interval in intervals]
        self.seen = [0] * len(self.series)

    def drain(self) -> list[Any]:
        events = []
        for i, series in enumerate(self.series):
            n = len(series)
            n -= bool(n and series[-1].forming)
            events.extend(series[j] for j in range(self.seen[i], n))
            self.seen[i] = n
        return events


def idle() -> sd.SessionData:
    data = new_store(N_IDLE)
    for i in range(7):
        for symbol in data.symbols.values():
            symbol.append(OPENING + i * MINUTE, *BAR)
    return data


IDLE = "feed/idle", f"A look at what has closed, of {N_IDLE:,} symbols, when nothing has"


def test_idle(timed: Any) -> None:
    feed = idle().closed_bars(("5m", "1h"))
    assert len(feed.drain()) == N_IDLE
    assert feed.drain() == ()
    timed(*IDLE, "sessiondata", 1, feed.drain)


def test_idle_poll(timed: Any) -> None:
    poll = Poll(idle(), ("5m", "1h"))
    assert len(poll.drain()) == N_IDLE
    assert poll.drain() == []
    timed(*IDLE, "each series polled", 1, poll.drain, note="no revisions")


ARRAYS = "feed/arrays", f"Closed 5m and 1h bars of {N_SYMBOLS} symbols, a day at once, an event"


def day() -> sd.SessionData:
    data = new_store(N_SYMBOLS)
    times = OPENING + MINUTE * np.arange(N_BARS)
    columns = [np.full(N_BARS, value) for value in BAR]
    for symbol in data.symbols.values():
        symbol.extend(times, *columns)
    return data


def test_arrays(timed: Any) -> None:
    data, n = day(), N_SYMBOLS * (78 + 7)
    feed = data.closed_bars(("5m", "1h"))

    def again() -> tuple[Any]:
        feed.reset()
        return (feed,)

    assert len(feed.drain_arrays().ts_ns) == n
    timed(*ARRAYS, "sessiondata", n, lambda feed: feed.drain_arrays(), setup=again)


def test_objects(timed: Any) -> None:
    data, n = day(), N_SYMBOLS * (78 + 7)
    feed = data.closed_bars(("5m", "1h"))

    def again() -> tuple[Any]:
        feed.reset()
        return (feed,)

    assert len(feed.drain()) == n
    timed(*ARRAYS, "sessiondata, as objects", n, lambda feed: feed.drain(), setup=again)


def test_arrays_poll(timed: Any) -> None:
    data, n = day(), N_SYMBOLS * (78 + 7)
    assert len(Poll(data, ("5m", "1h")).drain()) == n
    timed(*ARRAYS, "each series polled", n, lambda poll: poll.drain(), setup=lambda: (Poll(data, ("5m", "1h")),))


LOOP = "feed/loop", "Plain Python: append, what has closed, two means on each closed 5m bar; a 1m bar"


def run(data: sd.SessionData, drain: Any) -> float:
    total = 0.0
    symbol = data.symbols["S0"]
    append, five = symbol.append, symbol.bars("5m")
    for i in range(N_BARS):
        append(OPENING + i * MINUTE, 100.0, 101.0, 99.0, 100.5, 10.0)
        for _ in drain():
            closes = five.last(MEANS).close
            total += closes[-3:].mean() - closes.mean()
    return total


def test_loop(timed: Any) -> None:
    def setup() -> tuple[Any, Any]:
        data = new_store(1)
        return data, data.closed_bars("5m").drain

    assert len(setup()[0].closed_bars("5m").drain()) == 0
    timed(*LOOP, "sessiondata", N_BARS, run, setup=setup)


def test_loop_poll(timed: Any) -> None:
    def setup() -> tuple[Any, Any]:
        data = new_store(1)
        return data, Poll(data, ("5m",)).drain

    timed(*LOOP, "each series polled", N_BARS, run, setup=setup)


def test_loop_alone(timed: Any) -> None:
    """The loop and the means without a question: what the others stand beside."""

    def setup() -> tuple[Any, Any]:
        data, count = new_store(1), iter(range(N_BARS))
        return data, lambda: (None,) if next(count) % 5 == 4 else ()

    timed(*LOOP, "loop and means alone", N_BARS, run, setup=setup, yardstick=True)
