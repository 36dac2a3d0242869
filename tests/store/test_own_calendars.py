"""Symbols with calendars of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

import sessiondata as sd
from histories import BAR, CALENDAR, MINUTE, MONDAY, TUESDAY, WEDNESDAY, new_store, opening

HONG_KONG = sd.SessionCalendar.from_hours(
    "09:30", "16:00", "Asia/Hong_Kong", breaks=[("12:00", "13:00")], holidays=[TUESDAY]
)


def two_markets(**options: Any) -> sd.SessionData:
    data = new_store(date=None, **options)
    data.register_symbol("SPY")
    data.register_symbol("0005.HK", calendar=HONG_KONG)
    data.register_symbol("BTC", "1m", ("5m",), calendar="24/7")
    return data


@pytest.mark.slow
def test_symbols_of_three_calendars_answer_as_in_stores_of_their_own() -> None:
    data = two_markets()
    stores = {}
    for name, calendar in (("SPY", CALENDAR), ("0005.HK", HONG_KONG), ("BTC", None)):
        stores[name] = sd.SessionData(calendar, "1m", ("5m",) if name == "BTC" else ("5m", "1d"))
        stores[name].register_symbol(name)
    rng = np.random.default_rng(3)
    for date in ("2024-03-08", "2024-03-09", MONDAY, TUESDAY, WEDNESDAY):
        (data.roll_session if data.session_date else data.start_session)(date)
        for name, store in stores.items():
            both = (data.symbols[name], store.symbols[name])
            grid = both[0].grid
            assert (grid is not None) == bool(store.calendar.session_dates(date, date))
            if grid is None:
                assert len(both[0].bars()) == 0
                continue
            (store.roll_session if store.session_date else store.start_session)(date)
            times = rng.permutation(grid.slot_starts("1m"))[:200]
            for spy in both:
                spy.extend(times, *(np.full(len(times), value) for value in BAR))
                assert not spy.append(int(times[0]), *BAR)
            for style in ("time", "iso", "epoch_ms", "epoch_ns"):
                mine, others = (one.to_dict(timestamps=style) for one in (data, store))
                shown = dict(mine["symbols"][name])
                zone = shown.pop("timezone", mine["meta"]["timezone"])
                assert (shown, zone) == (others["symbols"][name], others["meta"]["timezone"])
                assert data.to_json(timestamps=style) == orjson.dumps(mine)
            assert [str(gap) for gap in both[0].bars().gaps] == [str(gap) for gap in both[1].bars().gaps]
            assert both[0].last_update == both[1].last_update
            for interval, bars in both[1].historical_bars.items():
                assert {date: list(window) for date, window in bars.items()} == {
                    date: list(window) for date, window in both[0].historical_bars[interval].items()
                }
                assert bars.gaps() == both[0].historical_bars[interval].gaps()


def test_a_store_runs_on_the_dates_of_all_its_calendars() -> None:
    data = two_markets()
    data.start_session("2024-03-08")
    assert data.roll_session() is None  # a Saturday, for BTC alone
    assert (str(data.session_date), data.grid) == ("2024-03-09", None)
    assert data.symbols["SPY"].grid is None
    assert data.to_dict()["meta"]["session_date"] == "2024-03-09"
    assert b'"session_date":"2024-03-09"' in data.to_json()
    with pytest.raises(sd.CalendarError, match="no session"):
        new_store().roll_session("2024-03-16")
    data.remove_symbol("BTC")
    assert str(data.roll_session().date) == MONDAY
    assert str(data.roll_session().date) == TUESDAY
    assert data.symbols["0005.HK"].grid is None


def test_a_symbol_without_a_session_today_takes_late_bars_only() -> None:
    data = two_markets()
    data.start_session(MONDAY)
    hk = data.symbols["0005.HK"]
    monday = int(hk.grid.segments[0, 0])
    hk.append(monday, *BAR)
    data.roll_session()  # a holiday in Hong Kong
    before = data.to_json()
    day = 24 * 60 * MINUTE
    for later in (monday + 2 * day,):
        with pytest.raises(sd.SessionStateError, match=rf"later trade date.*ts_ns={later} symbol='0005.HK'"):
            hk.append(later, *BAR)
        with pytest.raises(sd.SessionStateError, match="later trade date"):
            hk.extend([monday + MINUTE, later], *([x, x] for x in BAR))
    with pytest.raises(sd.CalendarError, match="no trade date"):
        hk.append(monday + day, *BAR)
    assert data.to_json() == before
    assert hk.append(monday + MINUTE, *BAR)
    assert hk.extend([monday + 2 * MINUTE], *([x] for x in BAR)) == 1
    assert len(hk.historical_bars["1m"][MONDAY]) == 3
    assert not hk.append(monday - 7 * day, *BAR)
    assert hk.counters["other_session"] == 1
    assert str(data.session_date) == TUESDAY
    data.roll_session(WEDNESDAY)
    assert hk.append(monday + 2 * day, *BAR)


def test_the_first_bar_of_any_symbol_starts_the_session_of_all() -> None:
    data = two_markets()
    data.symbols["BTC"].append(opening(TUESDAY) - 300 * MINUTE, *BAR)
    assert str(data.session_date) == TUESDAY
    assert data.symbols["SPY"].grid.tz == "America/New_York"
    assert data.symbols["0005.HK"].grid is None
    with pytest.raises(sd.CalendarError, match="registered with calendar"):
        data.register_symbol("SPY", calendar=HONG_KONG)
    assert data.register_symbol("0005.HK") is data.symbols["0005.HK"]
    late = data.register_symbol("0011.HK", calendar=HONG_KONG)
    assert late.grid is None
