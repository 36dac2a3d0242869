"""Times of 1970 in loads and hours: meant, or integers of another unit."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from sessiondata.market.grid import SessionGrid

DAY = 86_400 * 10**9
EARLY_US = 10**15  # 1970-01-12 as ns, 2001 as microseconds


def load(times: Any, interval: str = "1m", **options: Any) -> int:
    data = sd.SessionData("24/7", "1m", ())
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    return spy.load_historical_bars(interval, times, *[np.ones(len(times))] * 5, **options)


@pytest.mark.slow
@pytest.mark.parametrize("times", [[5 * 10**9, EARLY_US], [EARLY_US, 400 * DAY], [EARLY_US, 1_710_000_000 * 10**9]])
def test_datetimes_that_no_one_unit_explains_are_loaded(times: list[int]) -> None:
    assert load(np.array(times, "M8[ns]")) == 2


@pytest.mark.parametrize("options", [{}, {"unit": "s"}])
def test_datetimes_that_one_unit_explains_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(sd.TimeError, match="make the datetimes of that unit") as caught:
        load(np.array([EARLY_US, EARLY_US + DAY], "M8[ns]").astype("M8[s]"), **options)
    assert (caught.value.unit, caught.value.row) == ("us", 1)


def test_dates_of_1970_are_loaded() -> None:
    assert load([dt.date(1970, 1, 12), dt.date(1970, 1, 13)], "1d") == 2


def test_edges_of_a_grid_in_another_unit() -> None:
    """Of a session since 1990 they are refused, unless a span says that they are meant."""
    hours = [(1_710_250_200, 1_710_273_600)]
    with pytest.raises(sd.CalendarError, match="ERR_UNIT") as caught:
        SessionGrid("2024-03-12", "UTC", hours)
    assert caught.value.code == "ERR_UNIT"
    early = SessionGrid("1970-01-12", "UTC", [(EARLY_US, EARLY_US + DAY // 24)])
    assert early.expected("1m") == 60
    assert SessionGrid("2024-03-12", "UTC", hours, (0, 1_710_300_000)).span_start == 0
