"""Division of times, compiled into a module that does not divide like C by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import doors

pytestmark = pytest.mark.usefixtures("compiled_doors")

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(INT64, st.integers(1, 2**63 - 1))
def test_division_is_that_of_python(a: int, b: int) -> None:
    """Cython divides by a directive of the module that cimports: with Python's the floor was one
    too low for negative times that are no whole number of steps."""
    floor, modulo, ceiling = doors().divided(a, b)
    assert (floor, modulo) == divmod(a, b)
    if a >= 0:
        assert ceiling == -(-a // b)


@pytest.mark.parametrize(
    ("a", "b", "floor", "modulo"),
    [(-1, 2, -1, 1), (-2, 2, -1, 0), (0, 2, 0, 0), (-(2**63), 1, -(2**63), 0), (-(2**63), 2**63 - 1, -2, 2**63 - 2)],
)
def test_division_at_the_edges(a: int, b: int, floor: int, modulo: int) -> None:
    assert doors().divided(a, b)[:2] == (floor, modulo)
