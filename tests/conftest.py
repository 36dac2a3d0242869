"""Hypothesis profiles, real data as fixtures, and tests that run in a process of their own."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from market_data import LEAN, SAMPLE
from own_process import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]

# deadline=None: a shared machine pauses now and then, and a slow example is not a wrong one.
settings.register_profile("default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2000)
settings.register_profile("quick", parent=settings.get_profile("default"), max_examples=20)
settings.load_profile(os.environ.get("SESSIONDATA_HYPOTHESIS", "default"))


def pytest_collection_finish() -> None:
    """What is imported stays for good: hundreds of thousands of objects that the collector need not
    look at in each of the tests' collections."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def sample() -> Path:
    """Folder of the project's own sample of real data, in LEAN's layout."""
    return SAMPLE


@pytest.fixture
def lean(request: pytest.FixtureRequest) -> Path:
    """Folder of LEAN's sample data that lies beside the project. Whoever takes it is marked
    `data`."""
    assert request.node.get_closest_marker("data"), "tests of LEAN's data are marked so"
    if not LEAN.is_dir():
        pytest.skip(f"LEAN's sample data is not beside the project, at {LEAN}")
    return LEAN


@pytest.fixture
def real(request: pytest.FixtureRequest) -> Path:
    """`sample` or `lean`, see `market_data.on_both`."""
    folder = request.getfixturevalue(request.param)
    assert isinstance(folder, Path)
    return folder


@pytest.fixture(scope="session")
def compiled_doors() -> None:
    """Compile the doors to native functions before the first test that goes through them."""
    from native import doors

    doors()
