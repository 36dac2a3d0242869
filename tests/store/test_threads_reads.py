"""Python reads bars, columns and windows while compiled code writes, without the GIL."""

from __future__ import annotations

import pytest

pytest.importorskip("numba")

import stress_views

pytestmark = pytest.mark.threads


@pytest.mark.parametrize("capacity", [20, 1024])
def test_a_torn_read_is_never_accepted(capacity: int) -> None:
    outcome = stress_views.run(20_000, capacity)
    assert outcome.torn == 0
    assert outcome.accepted >= 20_000
    assert outcome.written > 10 * capacity


@pytest.mark.slow
def test_a_torn_read_is_never_accepted_of_a_million() -> None:
    outcome = stress_views.run(1_000_000, 64)
    assert outcome.torn == 0
    assert outcome.accepted >= 1_000_000
    assert outcome.refused > 0, "the writer has overtaken no window: the test shows nothing"
