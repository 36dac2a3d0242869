"""What a strategy reads after each bar: the newest one, columns, the last few of both."""

from __future__ import annotations

from collections import deque
from functools import cache
from typing import Any

import numpy as np
import pytest

import sessiondata as sd

MINUTE = 60_000_000_000
OPEN = 1_710_250_200_000_000_000  # 2024-03-12 09:30 in New York
ROWS, LAST, ROUND = 300, 20, 1_000

NEWEST = "reads/bar", "The newest five-minute bar, a record"
COLUMN = "reads/column", "A column of closes"
WINDOW = "reads/window", f"The last {LAST} bars"
CLOSES = "reads/closes", f"The closes of the last {LAST} bars"


@cache
def store() -> sd.SymbolSessionData:
    """A morning without eight single minutes."""
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData(calendar, "1m", ("5m", "15m", "1h"))
    spy = data.register_symbol("SPY")
    for i in range(ROWS):
        if i % 37 != 35:
            spy.append(OPEN + i * MINUTE, 10.0 + i, 12.0 + i, 9.0 + i, 11.0 + i, 100.0)
    assert spy.bars("1m").gap_count == 8
    return spy


@cache
def records() -> deque[Any]:
    """The same bars as people keep them: a deque of records."""
    return deque(store().bars("5m"), maxlen=1_000)


@cache
def arrays() -> tuple[Any, int]:
    """An array of closes with room, and how many there are."""
    closes = np.zeros(1_000)
    n = len(store().bars("5m"))
    closes[:n] = store().bars("5m").close
    return closes, n


def many(read: Any) -> Any:
    """A round of calls: one is too short for the clock."""
    calls = range(ROUND)

    def run() -> None:
        for _ in calls:
            read()

    return run


def _compare(timed: Any, row: tuple[str, str], name: str, read: Any, expected: Any, note: str = "") -> None:
    found = read()
    assert (found.tolist() if hasattr(found, "tolist") else found) == expected, "contestants disagree"
    timed(*row, name, ROUND, many(read), note=note)


def test_bar(timed: Any) -> None:
    series = store().bars("5m")
    _compare(timed, NEWEST, "sessiondata", lambda: series[-1], list(series)[-1])


def test_bar_deque(timed: Any) -> None:
    bars = records()
    _compare(timed, NEWEST, "deque of records", lambda: bars[-1], bars[-1], "made before, for each bar")


def test_bar_made(timed: Any) -> None:
    """A record of what columns hold, as `series[-1]` is one."""
    series = store().bars("5m")
    columns = [list(getattr(series, name)) for name in ("timestamp", "open", "high", "low", "close", "volume")]
    expected = sd.Bar(*(column[-1].item() for column in columns))[:6]

    def read() -> Any:
        return sd.Bar(*[column[-1].item() for column in columns])[:6]

    _compare(timed, NEWEST, "a named tuple of columns", read, expected)


def test_last_close(timed: Any) -> None:
    series = store().bars("5m")
    _compare(timed, ("reads/value", "The newest close"), "sessiondata", lambda: series.last_close, records()[-1].close)


def test_last_close_deque(timed: Any) -> None:
    bars = records()
    _compare(timed, ("reads/value", "The newest close"), "deque of records", lambda: bars[-1].close, bars[-1].close)


def test_last_close_numpy(timed: Any) -> None:
    closes, n = arrays()
    _compare(
        timed, ("reads/value", "The newest close"), "NumPy, an own array", lambda: closes[n - 1], records()[-1].close
    )


def test_column(timed: Any) -> None:
    series = store().bars("5m")
    _compare(timed, COLUMN, "sessiondata", lambda: series.close, [bar.close for bar in records()])


def test_column_numpy(timed: Any) -> None:
    closes, n = arrays()
    _compare(timed, COLUMN, "NumPy, a slice of an own array", lambda: closes[:n], [bar.close for bar in records()])


def test_column_deque(timed: Any) -> None:
    bars = records()
    read = lambda: np.array([bar.close for bar in bars])  # noqa: E731
    _compare(timed, COLUMN, "deque of records", read, [bar.close for bar in bars])


def test_window(timed: Any) -> None:
    series = store().bars("5m")
    assert list(series.last(LAST)) == list(records())[-LAST:], "contestants disagree"
    timed(*WINDOW, "sessiondata", ROUND, many(lambda: series.last(LAST)))


def test_window_deque(timed: Any) -> None:
    bars = records()
    timed(*WINDOW, "deque of records, its end", ROUND, many(lambda: list(bars)[-LAST:]))


def test_closes(timed: Any) -> None:
    series = store().bars("5m")
    expected = [bar.close for bar in records()][-LAST:]
    _compare(timed, CLOSES, "sessiondata", lambda: series.last(LAST).close, expected)


def test_closes_numpy(timed: Any) -> None:
    closes, n = arrays()
    expected = [bar.close for bar in records()][-LAST:]
    _compare(timed, CLOSES, "NumPy, a slice of an own array", lambda: closes[n - LAST : n], expected)


def test_closes_deque(timed: Any) -> None:
    bars = records()
    read = lambda: [bar.close for bar in list(bars)[-LAST:]]  # noqa: E731
    _compare(timed, CLOSES, "deque of records, its end", read, [bar.close for bar in bars][-LAST:])


@pytest.mark.parametrize(
    ("row", "title", "read"),
    [
        ("reads/latest", "`get_latest_bar`", lambda data, _: data.get_latest_bar("SPY", "5m")),
        ("reads/last", "`get_last_n_bars` of 20", lambda data, _: data.get_last_n_bars("SPY", LAST, "5m")),
        ("reads/derived", '`bars_derived["5m"]`', lambda _, spy: spy.bars_derived["5m"]),
        ("reads/quality", "`bar_quality` of four intervals", lambda _, spy: spy.bar_quality),
        ("reads/gaps", "`gaps`, eight of them", lambda _, spy: spy.bars("1m").gaps),
    ],
)
def test_by_name(timed: Any, row: str, title: str, read: Any) -> None:
    spy = store()
    data = spy.store
    timed(row, title, "sessiondata", ROUND, many(lambda: read(data, spy)))
