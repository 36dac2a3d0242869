"""Hypothesis profiles, and where the real data is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# deadline=None: a shared machine pauses now and then, and a slow example is not a wrong one.
settings.register_profile("default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2000)
settings.register_profile("quick", parent=settings.get_profile("default"), max_examples=20)
settings.load_profile(os.environ.get("SESSIONDATA_HYPOTHESIS", "default"))

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "lean"


@pytest.fixture(scope="session")
def lean() -> Path:
    """Folder of LEAN sample data that lies beside the project."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real market data at {REAL_DATA}")
    return REAL_DATA
