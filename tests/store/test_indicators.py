"""Historical indicators: built in, functions of users, and values that were set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from histories import CALENDAR, MINUTE, MONDAY, TUESDAY, WEDNESDAY, columns, new_store, opening
from sessiondata.store.store import parts_of


def test_the_built_in_families() -> None:
    data = new_store(trailing_days=1)
    spy = data.register_symbol("SPY")
    names = ("avg_volume_2d", "max_price_2d", "min_price_2d", "avg_range_2d", "vwap_2d", "max_price_3d")
    for name in names:
        data.add_historical_indicator(name)
    assert spy.historical_indicators == dict.fromkeys(names)
    spy.load_historical_bars("1d", ["2024-03-07"], [5.0], [50.0], [5.0], [6.0], [7.0])
    spy.extend(*columns(MONDAY, range(10)))
    spy.append(opening(MONDAY) - MINUTE, 1.0, 999.0, 1.0, 1.0, 1.0)  # pre-market counts for nothing
    data.roll_session()
    assert data.get_historical_indicator("SPY", "avg_volume_2d") == (7.0 + 1000.0) / 2
    spy.extend(*columns(TUESDAY, range(20), close=12.0))
    assert spy.historical_indicators["max_price_2d"] == 50.0  # today is no history
    data.roll_session()  # Monday's minutes are trimmed, its daily bar is kept
    assert [str(date) for date in spy.historical_bars["1m"]] == [TUESDAY]
    assert spy.historical_indicators == {
        "avg_volume_2d": 1500.0,
        "max_price_2d": 12.0,
        "min_price_2d": 9.0,
        "avg_range_2d": 3.0,
        "vwap_2d": pytest.approx((1000 * (12 + 9 + 11) / 3 + 2000 * (12 + 9 + 12) / 3) / 3000),
        "max_price_3d": 50.0,
    }
    data.roll_session()
    assert spy.historical_indicators["max_price_3d"] == 50.0
    # Wednesday had no bar, which is known of it, and counts for no day
    assert len(spy.historical_bars["1d"]) == 4
    assert spy.append(opening(WEDNESDAY), 20.0, 30.0, 20.0, 20.0, 1.0)  # late
    assert spy.historical_indicators["max_price_2d"] == 30.0


def test_functions_of_ones_own_are_called_when_history_has_changed() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    seen: list[int] = []

    def opens(symbol: sd.SymbolSessionData) -> list[float]:
        seen.append(1)
        return [window.open[0] for window in symbol.historical_bars["5m"].values() if len(window)]

    data.add_historical_indicator("opens", opens, days=40)
    data.add_historical_indicator("vwap_1d")
    assert parts_of(data).sessions.keep_daily() == 40
    assert spy.historical_indicators == {"opens": [], "vwap_1d": None}
    spy.extend(*columns(MONDAY, range(10)))
    assert (data.get_historical_indicator("SPY", "opens"), len(seen)) == ([], 1)
    data.roll_session()
    assert (data.get_historical_indicator("SPY", "opens"), len(seen)) == ([10.0], 2)
    assert spy.historical_indicators["opens"] == [10.0]
    assert len(seen) == 2
    spy.load_historical_bars("1m", *columns("2024-03-08", range(3)))
    assert (spy.historical_indicators["opens"], len(seen)) == ([10.0, 10.0], 3)


def test_a_function_that_raises_is_named_and_stops_nothing_else() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")

    def broken(_: Any) -> float:
        raise ZeroDivisionError("of its own")

    data.add_historical_indicator("mine", broken, days=2)
    data.add_historical_indicator("max_price_1d")
    spy.extend(*columns(MONDAY, range(3)))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="of its own") as caught:
            data.get_historical_indicator("SPY", "mine")
        assert caught.value.__notes__ == ["in the historical indicator 'mine' of symbol 'SPY'"]
    with pytest.raises(ZeroDivisionError):
        spy.historical_indicators  # noqa: B018
    data.roll_session()
    assert data.get_historical_indicator("SPY", "max_price_1d") == 12.0


def test_an_indicator_that_asks_for_itself_says_so_once() -> None:
    data = new_store()
    data.register_symbol("SPY")
    data.add_historical_indicator("endless", lambda symbol: symbol.historical_indicators["endless"])
    with pytest.raises(RecursionError) as caught:
        data.get_historical_indicator("SPY", "endless")
    assert caught.value.__notes__ == ["in the historical indicator 'endless' of symbol 'SPY'"]


@pytest.mark.parametrize(("days", "error"), [(2.5, TypeError), ("2", TypeError), (None, TypeError), (-1, ValueError),
                                             (2**63, ValueError)])  # fmt: skip
def test_numbers_of_days_are_checked_before_a_roll_needs_them(days: Any, error: type) -> None:
    with pytest.raises(error):
        sd.SessionData(CALENDAR, trailing_days=days)
    data = new_store(trailing_days=2)
    with pytest.raises(error):
        data.trailing_days = days
    with pytest.raises(error):
        data.add_historical_indicator("mine", len, days=days)
    spy = data.register_symbol("SPY")
    if days is not None:
        with pytest.raises(error):
            data.get_historical_bars("SPY", "1m", days)
    data.roll_session()
    data.trailing_days = np.int64(1)
    data.roll_session()
    assert (data.trailing_days, len(spy.historical_bars["1m"])) == (1, 1)


def test_a_value_that_was_set_stands_until_it_is_taken_back() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    data.add_historical_indicator("avg_volume_1d")
    before = data.sequence
    data.set_historical_indicator("SPY", "avg_volume_1d", 5.0)
    data.set_historical_indicator("SPY", "beta", 1.25)
    assert data.sequence == before + 2
    data.roll_session()
    assert spy.historical_indicators == {"avg_volume_1d": 5.0, "beta": 1.25}
    data.set_historical_indicator("SPY", "avg_volume_1d", None)
    assert spy.historical_indicators == {"avg_volume_1d": None, "beta": 1.25}
    for name in ("loaded", "data"):
        with pytest.raises(ValueError, match="no name for an indicator"):
            data.set_historical_indicator("SPY", name, 1.0)
        with pytest.raises(ValueError, match="no name for an indicator"):
            data.add_historical_indicator(name, len)
    for name in ("avg_volume_0d", "avg_volume_d", "median_volume_3d", "avg_volume_3"):
        with pytest.raises(KeyError, match="no built-in indicator"):
            data.add_historical_indicator(name)
    with pytest.raises(KeyError, match="gamma"):
        data.get_historical_indicator("SPY", "gamma")
