"""A store of ten plain bars, and its symbol."""

from __future__ import annotations

import pytest

import sessiondata as sd
from plain import feed, new_store


@pytest.fixture
def data() -> sd.SessionData:
    return new_store()


@pytest.fixture
def spy(data: sd.SessionData) -> sd.SymbolSessionData:
    spy = data.register_symbol("SPY")
    feed(spy, range(10))
    return spy
