"""Intervals: what is one, how it is written, what may be derived from what."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiondata.errors import IntervalError, SessionDataError
from sessiondata.time.intervals import MAX_DERIVED, Interval, check_intervals, parse_interval

SECOND = 1_000_000_000
UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}


@pytest.mark.parametrize(
    ("text", "name", "seconds"),
    [
        ("1s", "1s", 1),
        ("60s", "1m", 60),
        ("90s", "90s", 90),
        ("1m", "1m", 60),
        ("60m", "1h", 3600),
        ("90m", "90m", 5400),
        ("3600s", "1h", 3600),
        ("5400s", "90m", 5400),
        ("23h", "23h", 82_800),
        ("1439m", "1439m", 86_340),
        ("86399s", "86399s", 86_399),
        ("1d", "1d", 0),
    ],
)
def test_intervals_are_written_in_their_largest_unit(text: str, name: str, seconds: int) -> None:
    interval = parse_interval(text)
    assert interval == Interval(name, seconds * SECOND)
    assert str(interval) == name
    assert parse_interval(interval) is interval
    assert parse_interval(text) is interval


@pytest.mark.parametrize(
    "text",
    [
        *("", "m", "d", "1", "0m", "-1m", "+1m", "05m", "1.5m", "1_0m", "1 m", " 1m", "1m ", "1m\n", "\uff15m"),
        *("1M", "1D", "1H", "2d", "1w", "1min", "1ms"),
        *("24h", "1440m", "86400s", "99999m", "100000s", "9" * 5000 + "s"),
    ],
)
def test_anything_else_is_refused_with_value_and_rule(text: str) -> None:
    with pytest.raises(IntervalError, match="whole n >= 1") as caught:
        parse_interval(text)
    assert repr(text) in str(caught.value)
    assert isinstance(caught.value, (ValueError, SessionDataError))


@pytest.mark.parametrize("value", [None, 5, 5.0, b"5m", ("5m",), True])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(IntervalError, match=type(value).__name__):
        parse_interval(value)  # type: ignore[arg-type]


@given(st.integers(1, 86_399), st.sampled_from("smh"))
def test_name_and_length_determine_each_other(n: int, unit: str) -> None:
    length = n * UNITS[unit]
    if length >= 86_400 * SECOND:
        with pytest.raises(IntervalError):
            parse_interval(f"{n}{unit}")
        return
    interval = parse_interval(f"{n}{unit}")
    assert interval.step_ns == length
    assert parse_interval(interval.name) == interval
    # No larger unit would do.
    larger = {"s": "mh", "m": "h", "h": ""}[interval.name[-1]]
    assert all(length % UNITS[other] for other in larger)


def test_interval_is_frozen_and_pickles() -> None:
    interval = parse_interval("5m")
    with pytest.raises(AttributeError):
        interval.step_ns = 1  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(interval)) == interval


def test_derived_are_sorted_and_unique_with_1d_last() -> None:
    base, derived = check_intervals("60s", ["1d", "60m", "5m", "1h", "90m", "15m", "300s"])
    assert base.name == "1m"
    assert [level.name for level in derived] == ["5m", "15m", "1h", "90m", "1d"]
    assert check_intervals("1m") == (base, ())
    assert check_intervals("1m", iter(("1d",)))[1] == (Interval("1d", 0),)


@pytest.mark.parametrize(
    ("base", "derived", "message"),
    [
        ("1d", (), "base interval"),
        ("1m", ("1m",), "'1m' from '1m'"),
        ("1m", ("60s", "5m"), "'1m' from '1m'"),
        ("5m", ("1m",), "'1m' from '5m'"),
        ("2m", ("5m",), "'5m' from '2m'"),
        ("7s", ("1m", "1d"), "'1m' from '7s'"),
        ("1m", ("5m", "x"), "got 'x'"),
        ("1m", "5m", "sequence"),
        ("1m", parse_interval("5m"), "sequence"),
        ("1s", [f"{n}s" for n in range(2, 19)], "at most 16"),
    ],
)
def test_contradictions_are_refused(base: str, derived: tuple[str, ...], message: str) -> None:
    with pytest.raises(IntervalError, match=message):
        check_intervals(base, derived)


def test_sixteen_derived_are_allowed_however_often_they_are_named() -> None:
    names = [f"{n}s" for n in range(2, MAX_DERIVED + 2)]
    assert [level.name for level in check_intervals("1s", names * 2)[1]] == names
