"""What `exact` tells apart, and what not: half of all comparisons with the model go through it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from worlds import exact

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.0, -0.0), (1, 1.0), (True, 1), (False, 0.0), (None, NAN), (None, INF), (NAN, INF), (INF, -INF), ("1", 1),
        ("null", None), (2**53, float(2**53)), (0.1, np.float64(0.1)), (1, np.int64(1)), (2**63, 2.0**63),
        (0.1, 0.1 + 2**-56), (5e-324, 0.0), (2**64, 2**64 + 1), ([1], [1, 1]), ([[1], 1], [[1, 1]]), ([], {}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ({"a": 1}, {"a": 1.0}), ({1: 1}, {"1": 1}), ("x", b"x"),
        (dt.date(2024, 3, 12), "2024-03-12"), (dt.datetime(2024, 3, 12, tzinfo=dt.UTC), "2024-03-12T00:00:00+00:00"),
    ],
    ids=repr,
)  # fmt: skip
def test_different_values_are_not_equal(one: Any, other: Any) -> None:
    for a, b in ((one, other), ([None, one], [None, other]), ({"x": (NAN, one)}, {"x": (NAN, other)})):
        assert exact(a) != exact(b)
        assert exact(a) == exact(a)
        assert exact(b) == exact(b)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, 2.5), [1, 2.5]), ([NAN], [-NAN]), ({"a": (None, NAN)}, {"a": [None, float("nan")]}), (2**70, 2**70),
        (dt.date(2024, 3, 12), dt.date(2024, 3, 12)), ([np.float64(1.5), None], (np.float64(1.5), None)),
    ],
    ids=repr,
)  # fmt: skip
def test_equal_values_are(one: Any, other: Any) -> None:
    assert exact(one) == exact(other)
    assert repr(exact(one)) == repr(exact(other))
    assert [exact(one), exact([exact(one)])] == [exact(other), exact([exact(other)])]
