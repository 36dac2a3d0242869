"""Small sessions of every shape, and what may happen in them: bars, trades, quotes, times."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st

MINUTE = 60_000_000_000


SECOND = 1_000_000_000


HOUR = 60 * MINUTE


def utc(text: str) -> int:
    """ns of an ISO time with offset."""
    return int(dt.datetime.fromisoformat(text).timestamp()) * SECOND


def _segments(start: str, *minutes: tuple[int, int]) -> list[tuple[int, int]]:
    base = utc(start)
    return [(base + a * MINUTE, base + b * MINUTE) for a, b in minutes]


# date, zone, segments: short, so that the reference model stays quick, and awkward on purpose.
SHAPES: dict[str, tuple[str, str, list[tuple[int, int]]]] = {
    "plain": ("2024-03-12", "America/New_York", _segments("2024-03-12T09:30:00-04:00", (0, 47))),
    "lunch": ("2024-03-12", "Asia/Hong_Kong", _segments("2024-03-12T09:30:00+08:00", (0, 23), (31, 58))),
    "reopening": ("2024-03-12", "UTC", _segments("2024-03-12T14:00:00+00:00", (0, 13), (13, 20), (24, 25))),
    "overnight": ("2024-03-11", "America/Chicago", _segments("2024-03-10T23:40:00-05:00", (0, 45))),
    "before 1970": ("1965-02-03", "America/New_York", _segments("1965-02-03T10:00:00-05:00", (0, 37))),
    "across the epoch": ("1970-01-01", "Europe/London", _segments("1969-12-31T23:45:00+00:00", (0, 40))),
    "clocks change": ("2024-03-31", "Europe/Berlin", _segments("2024-03-31T00:45:00+01:00", (0, 20), (60, 85))),
    "seconds": ("2024-03-12", "UTC", [(utc("2024-03-12T12:00:00+00:00"), utc("2024-03-12T12:00:47+00:00"))]),
    "whole day": ("2024-03-12", "UTC", [(utc("2024-03-12T00:00:00+00:00"), utc("2024-03-13T00:00:00+00:00"))]),
}


# base and derived intervals: chains, a tree, none at all, and lengths that divide nothing
INTERVALS: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "1m": [
        ("1m", ("5m", "15m", "1h", "1d")),
        ("1m", ("4m", "6m", "12m", "1d")),
        ("1m", ("7m",)),
        ("2m", ("10m", "1h")),
        ("1m", ()),
        ("1m", ("1d",)),
    ],
    "1s": [("1s", ("5s", "15s", "1m", "1d")), ("1s", ("7s",)), ("2s", ("4s", "6s"))],
}


def step_of(shape: str) -> int:
    return SECOND if shape == "seconds" else MINUTE


def configurations() -> st.SearchStrategy[tuple[str, str, tuple[str, ...], int | None]]:
    """(shape, base, derived, capacity)"""

    def of(shape: str) -> st.SearchStrategy[tuple[str, str, tuple[str, ...], int | None]]:
        intervals = INTERVALS["1s" if shape == "seconds" else "1m"]
        capacities = st.one_of(st.none(), st.integers(1, 12), st.integers(13, 40))
        return st.tuples(st.just(shape), st.sampled_from(intervals), capacities).map(lambda t: (t[0], *t[1], t[2]))

    return st.sampled_from(sorted(SHAPES)).flatmap(of)


# Prices on two grids and a few awkward doubles; volumes integral, fractional, huge and nothing.
PRICES = st.one_of(
    st.integers(-300, 30_000).map(lambda cents: cents / 100),
    st.sampled_from([0.1, 0.2, 0.3, 1e-7, -0.0, 0.0, 1e16, 123456.789012345, 5e-324]),
)


VOLUMES = st.one_of(
    st.integers(0, 5000).map(float),
    st.sampled_from([0.1, 0.2, 0.3, 0.7, 1e-9, 1 / 3, 2.0**53, 1e15, 1e288]),
)


@st.composite
def values(draw: Any) -> tuple[float, float, float, float, float]:
    """open, high, low, close, volume of a good bar; open and close may lie outside high and low."""
    a, b, c, d = (draw(PRICES) for _ in range(4))
    return (c, max(a, b), min(a, b), d, draw(VOLUMES))


@st.composite
def bad_values(draw: Any) -> tuple[float, float, float, float, float]:
    bar = list(draw(values()))
    kind = draw(st.sampled_from(["nan", "inf", "order", "volume"]))
    if kind == "order":
        bar[1], bar[2] = 1.0, 2.0
    elif kind == "volume":
        bar[4] = -1.0
    else:
        bar[draw(st.integers(0, 4))] = draw(
            st.sampled_from([float("nan")] if kind == "nan" else [float("inf"), -float("inf")])
        )
    return tuple(bar)  # type: ignore[return-value]


@st.composite
def ticks(draw: Any) -> tuple[float, float, str]:
    """price, size, exchange of a good trade."""
    return draw(PRICES), draw(VOLUMES), draw(st.sampled_from(["", "Q", "N", "ARCX", "12345678"]))


@st.composite
def quotes(draw: Any) -> tuple[float, float, float, float]:
    """bid, ask, bid size, ask size of a good quote, crossed or not."""
    return draw(PRICES), draw(PRICES), draw(VOLUMES), draw(VOLUMES)


@st.composite
def bad_rows(draw: Any, kind: str) -> tuple[Any, ...]:
    """A trade or quote with a number that is not finite, or a negative size."""
    row: list[Any] = list(draw(ticks() if kind == "ticks" else quotes()))
    if draw(st.booleans()):
        row[1 if kind == "ticks" else draw(st.integers(2, 3))] = -1.0
    else:
        place = draw(st.integers(0, 1 if kind == "ticks" else 3))
        row[place] = draw(st.sampled_from([float("nan"), float("inf"), -float("inf")]))
    return tuple(row)


def tick_times(shape: str) -> st.SearchStrategy[int]:
    """Anywhere in and around the slots of bars, often at the same time as others."""
    step = step_of(shape)
    return st.tuples(timestamps(shape), st.sampled_from([0, 0, 1, step // 3, step // 2, step - 1])).map(sum)


def timestamps(shape: str) -> st.SearchStrategy[int]:
    """Mostly slots in and around the segments; now and then off the grid or far away."""
    _, _, segments = SHAPES[shape]
    step, start = step_of(shape), segments[0][0]
    n = min(70, (segments[-1][1] - start) // step + 12)
    on_grid = st.integers(-12, n).map(lambda i: start + i * step)
    off_grid = st.tuples(on_grid, st.sampled_from([1, step // 2, step - 1, 1_000_000, 1_500])).map(sum)
    return st.one_of(on_grid, on_grid, on_grid, on_grid, off_grid)


def spans(shape: str) -> st.SearchStrategy[tuple[int, int]]:
    """Stretches of time to mark: short and long, on slots and beside them, in the session and
    around it, empty ones."""
    step = step_of(shape)
    lengths = st.one_of(
        st.sampled_from([0, 1, step, 2 * step, 5 * step, 15 * step, 90 * step]),
        st.integers(0, 20).map(lambda n: n * step // 2),
    )
    return st.tuples(timestamps(shape), lengths).map(lambda drawn: (drawn[0], drawn[0] + drawn[1]))
