"""`load_historical_bars`: one day or many, of any interval, as arrays and frames."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from histories import BAR, CALENDAR, MINUTE, MONDAY, TUESDAY, WEDNESDAY, columns, new_store, opening, past


def test_loading_several_days_at_once() -> None:
    data = new_store(date=None)
    spy = data.register_symbol("SPY")
    parts = [columns(date, range(390)) for date in (TUESDAY, MONDAY)]
    rows = [np.concatenate(column) for column in zip(*parts, strict=True)]
    assert data.load_historical_bars("SPY", "1m", *rows) == 780
    assert [str(date) for date in spy.historical_bars["5m"]] == [MONDAY, TUESDAY]
    assert spy.historical_bars["5m"].tally() == (156, 156)
    assert spy.load_historical_bars("1m", *rows) == 0  # repeats
    assert spy.load_historical_bars("1m", *columns(MONDAY, (0, 1), close=10.5)) == 2
    assert past(spy, MONDAY, "5m")[0][4] == 11.0
    assert spy.historical_bars["1m"][MONDAY].close[:3].tolist() == [10.5, 10.5, 11.0]
    assert data.session_date is None  # loading starts nothing
    assert list(data.get_historical_bars("SPY", "60s", days=1)) == [CALENDAR.session(TUESDAY).date]
    assert data.get_historical_bars("SPY", days=0) == {}


def test_rows_of_any_interval_are_kept_as_they_are_and_stand_before_derived_ones() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(30)))
    data.roll_session()
    ts = opening(MONDAY) + MINUTE * np.array([5, 300])
    assert spy.load_historical_bars("5m", ts, *([x, x] for x in BAR)) == 2
    assert [row[0] for row in past(spy, MONDAY, "5m")] == [
        opening(MONDAY) + k * MINUTE for k in (0, 5, 10, 15, 20, 25, 300)
    ]
    assert past(spy, MONDAY, "5m")[1][1:] == BAR
    assert [bar.n_base for bar in spy.historical_bars["5m"][MONDAY]] == [5, 0, 5, 5, 5, 5, 0]
    assert spy.historical_bars["5m"].tally() == (7, 78)
    assert [gap.bar_count for gap in spy.historical_bars["5m"].gaps()] == [54, 17]
    assert spy.load_historical_bars("90s", ts, *([x, x] for x in BAR)) == 2
    # of 09:35 and 14:30 one is on a slot of 90 s
    assert spy.historical_bars["90s"].tally(MONDAY) == (1, 260)
    assert "90s" in data.symbols["SPY"].historical_bars
    with pytest.raises(KeyError, match="2m"):
        data.get_historical_bars("SPY", "2m")


def test_daily_rows_are_labelled_by_date_or_by_any_time_of_it() -> None:
    data = new_store(derived=("5m",), date=None)
    spy = data.register_symbol("SPY")
    one = tuple([x] for x in BAR)
    assert spy.load_historical_bars("1d", [MONDAY], *one) == 1
    assert spy.load_historical_bars("1d", np.array([TUESDAY], "datetime64[D]"), *one) == 1
    assert spy.load_historical_bars("1d", [opening(WEDNESDAY) + 390 * MINUTE], *one, label="close") == 1
    assert [row[0] for date in (MONDAY, TUESDAY, WEDNESDAY) for row in past(spy, date, "1d")] == [
        opening(MONDAY), opening(TUESDAY), opening(WEDNESDAY),
    ]  # fmt: skip
    assert spy.historical_bars["1d"].quality() == 100.0
    with pytest.raises(sd.CalendarError, match="no session"):
        spy.load_historical_bars("1d", ["2024-03-14"], *one)


@pytest.mark.parametrize(
    "dates",
    [
        np.array(["2024-03-07", "2024-03-08"], "datetime64[D]"),
        np.array([dt.date(2024, 3, 7), dt.date(2024, 3, 8)], object),
        np.array(["2024-03-07", "2024-03-08"]),
        [dt.date(2024, 3, 7), "2024-03-08"],
    ],
)
def test_trade_dates_of_every_kind(dates: Any) -> None:
    spy = new_store().register_symbol("SPY")
    assert spy.load_historical_bars("1d", dates, *([float(i), float(i)] for i in (10, 12, 9, 11, 100))) == 2
    assert [str(date) for date in spy.historical_bars["1d"]] == ["2024-03-07", "2024-03-08"]


def test_frames_are_loaded_as_arrays_are() -> None:
    """History comes in frames more often than the feed does, and `extend` and `fill` took them."""
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    names = ("open", "high", "low", "close", "volume")
    ts, *values = columns(MONDAY, range(390))
    frame = polars.DataFrame({"timestamp": ts, **dict(zip(names, values, strict=True))})
    local = pandas.DataFrame(
        dict(zip(names, values, strict=True)), index=pandas.to_datetime(ts, utc=True).tz_convert("America/New_York")
    )
    for rows, options in (
        (frame, {}),
        (local, {}),
        (local.tz_localize(None), {"tz": "America/New_York"}),
        (local.shift(1, freq="1min"), {"label": "close"}),
    ):
        data = new_store(date=TUESDAY)
        data.register_symbol("SPY")
        assert data.load_historical_bars("SPY", "1m", rows, **options) == 390
        assert past(data.symbols["SPY"], MONDAY) == list(zip(ts.tolist(), *map(np.ndarray.tolist, values), strict=True))
    with pytest.raises(sd.BarTypeError, match=r"no low.*SPY"):
        data.load_historical_bars("SPY", "1m", local.drop(columns="low"))


@pytest.mark.parametrize(
    "kind", ["polars", "polars column", "arrow", "arrow column", "pandas", "pandas of text", "pandas index"]
)
def test_frames_and_columns_of_trade_dates(kind: str) -> None:
    """Of a daily file the time column often holds dates."""
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    arrow = pytest.importorskip("pyarrow")
    dates = [dt.date(2024, 3, 7), dt.date(2024, 3, 8)]
    values = {name: [10.0, 10.0] for name in ("open", "high", "low", "close", "volume")}
    rows: Any = {
        "polars": lambda: polars.DataFrame({"date": dates, **values}),
        "polars column": lambda: polars.Series(dates),
        "arrow": lambda: arrow.table({"date": arrow.array(dates), **values}),
        "arrow column": lambda: arrow.array(dates),
        "pandas": lambda: pandas.DataFrame({"date": dates, **values}),
        "pandas of text": lambda: pandas.DataFrame({"date": ["2024-03-07", "2024-03-08"], **values}),
        "pandas index": lambda: pandas.DataFrame(values, index=pandas.Index(dates, name="date")),
    }[kind]()
    spy = new_store().register_symbol("SPY")
    assert spy.load_historical_bars("1d", rows, *(values.values() if "column" in kind else ())) == 2
    assert [(str(date), bars.timestamp[0]) for date, bars in spy.historical_bars["1d"].items()] == [
        (str(date), opening(str(date))) for date in dates
    ]
    if kind in ("polars", "arrow"):  # elsewhere a date is no time
        for refused in (lambda: spy.extend(rows), lambda: spy.load_historical_bars("1m", rows)):
            with pytest.raises(sd.TimeError, match="date"):
                refused()
        if kind == "polars":
            with pytest.raises(sd.CalendarError, match="NaT"):
                spy.load_historical_bars("1d", polars.DataFrame({"date": [dates[0], None], **values}))


def test_a_load_that_is_refused_changes_nothing() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    ts, *values = columns(MONDAY, (0, 1, 2))
    ts[1] = opening(MONDAY) - 36 * 60 * MINUTE  # a Saturday
    with pytest.raises(sd.BarError, match=r"no trade date.*row=1.*SPY.*ERR_NO_TRADE_DATE"):
        spy.load_historical_bars("1m", ts, *values)
    ts[1] = opening(MONDAY) + 7 * MINUTE
    values[0][2] = np.inf
    for interval in ("1m", "5m", "1d"):
        with pytest.raises(sd.BarError, match="row=2"):
            spy.load_historical_bars(interval, ts, *values)
    with pytest.raises(sd.IntervalError):
        spy.load_historical_bars("soon", ts, *values)
    assert len(spy.bars()) == 0
    assert not any(spy.historical_bars.values())


@pytest.mark.parametrize("capacity", [None, 1000])
def test_warm_up_hands_over_by_timestamp(capacity: int | None) -> None:
    """Rows of the running date, loaded before or after it begins, are rows of the session: nothing
    twice, nothing missing."""
    data = new_store(date=None, capacity=capacity)
    spy = data.register_symbol("SPY")
    parts = [columns(MONDAY, range(390)), columns(TUESDAY, range(40))]
    spy.load_historical_bars("1m", *(np.concatenate(column) for column in zip(*parts, strict=True)))
    spy.append(opening(TUESDAY) + 39 * MINUTE, *BAR)  # starts the session; a repeat
    assert (str(data.session_date), len(spy.bars()), spy.counters["repeated"]) == (TUESDAY, 40, 1)
    spy.extend(*columns(TUESDAY, range(50, 60)))
    assert spy.load_historical_bars("1m", *columns(TUESDAY, range(30, 52))) == 10
    assert spy.bars().timestamp.tolist() == [opening(TUESDAY) + i * MINUTE for i in range(60)]
    assert (spy.bars().missing, spy.session_volume) == (0, 6000.0)
    assert [str(date) for date in spy.historical_bars["1m"]] == [MONDAY]
    every = data.get_all_bars_including_historical("SPY", "5m")
    assert len(every) == 78 + 12
    assert [bar.forming for bar in every[-2:]] == [False, False]
    spy.append(opening(TUESDAY) + 60 * MINUTE, *BAR)
    assert data.get_all_bars_including_historical("SPY", "5m")[-1].forming
    assert data.get_all_bars_including_historical("SPY")[0].n_expected == 1
    assert every[0].n_expected == 5
    data.roll_session()
    assert len(past(spy, TUESDAY)) == 61


def test_a_refused_first_bar_leaves_what_was_loaded() -> None:
    data = new_store(date=None)
    spy = data.register_symbol("SPY")
    spy.load_historical_bars("1m", *columns(MONDAY, range(40)))
    later = columns(TUESDAY, (3,))[0][0]
    with pytest.raises(sd.SessionStateError):
        spy.extend([opening(MONDAY), later], *([x, x] for x in BAR))
    assert data.session_date is None
    assert len(past(spy, MONDAY)) == 40
