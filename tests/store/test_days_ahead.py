"""Law 10: what calls itself historical ends before the running session, whatever was loaded for
later dates; and a session of which nothing is kept counts as missing. By example, and a store's
life beside a model that is written here.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

import sessiondata as sd
from days_ahead import BAR, CALENDAR, DATES, LENGTH, MARKETS, MINUTE, opening, rows, store, whole
from sessiondata.store.symbol import state_of


def shown(data: sd.SessionData, interval: str = "1m") -> dict[str, Any]:
    """Dates, quality, missing bars and rows of an interval, by every door; they agree."""
    (spy,) = data.symbols.values()
    bars = spy.historical_bars.get(interval)
    dates = [] if bars is None else [str(date) for date in bars]
    documents = [
        data.to_dict(),
        orjson.loads(data.to_json()),
        {"symbols": {spy.symbol: orjson.loads(orjson.dumps(spy, default=sd.orjson_default))}},
    ]
    buffer = bytearray(len(data.to_json()) + 1000)
    documents.append(orjson.loads(bytes(buffer[: data.export_into(buffer)])))
    members = [document["symbols"][spy.symbol]["historical"].get("data", {}) for document in documents]
    assert all(member == members[0] for member in members)
    member = members[0].get(interval)
    if not dates:
        assert member is None
        return {"dates": [], "rows": 0, "quality": 100.0, "missing": 0}
    assert bars is not None
    assert member is not None
    gaps = data.get_historical_gaps(spy.symbol, interval)
    held = data.get_historical_bars(spy.symbol, interval)
    missing = sum(gap.bar_count for gap in gaps)
    assert gaps == bars.gaps()
    assert [str(date) for date in held] == [str(date) for date in bars.dates] == member["dates"] == dates
    assert (len(bars), repr(bars)) == (
        len(dates),
        f"<HistoricalBars A {interval}: {len(dates)} days, {dates[0]} .. {dates[-1]}>",
    )
    assert member["date_range"] == {"start_date": dates[0], "end_date": dates[-1], "days": len(dates)}
    assert sum(map(len, bars.values())) == member["count"] == len(member["data"])
    assert member.get("gaps", {"missing_bars": 0})["missing_bars"] == missing
    present, expected = bars.tally()
    assert expected - present == missing
    quality = data.get_historical_quality(spy.symbol, interval)
    assert quality == bars.quality() == (100 * present / expected if expected else 100.0)
    assert member["quality"] == int(10_000 * present // expected) / 100
    return {"dates": dates, "rows": member["count"], "quality": quality, "missing": missing}


# --- days ahead -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("before", [True, False])
def test_days_ahead_are_not_shown_whenever_they_were_loaded(market: str, before: bool) -> None:
    calendar, dates, length = MARKETS[market]
    data, spy = store(market)
    if not before:
        data.start_session(dates[2])
    spy.load_historical_bars("1m", *whole(*dates[:2], *dates[3:], calendar=calendar))
    spy.load_historical_bars("1d", dates, *([value] * 8 for value in BAR))
    spy.load_historical_bars("3m", *rows((dates[4], 0), calendar=calendar))
    data.start_session(dates[2])
    for interval in ("1m", "2m", "1d"):
        assert shown(data, interval)["dates"] == dates[:2]
        assert [str(date) for date in data.get_historical_bars("A", interval, days=2)] == dates[:2]
    assert shown(data) == {"dates": dates[:2], "rows": 2 * length, "quality": 100.0, "missing": 0}
    assert "3m" not in spy.historical_bars
    assert data.to_dict()["symbols"]["A"]["historical"]["data"].keys() == {"1m", "2m", "1d"}
    assert len(data.get_all_bars_including_historical("A", "1m")) == 2 * length
    for ask in (
        lambda: spy.historical_day(dates[3]),
        lambda: spy.historical_bars["1m"][dates[3]],
        lambda: spy.historical_bars["1m"].quality(dates[3]),
        lambda: data.get_historical_gaps("A", "1m", dates[3]),
        lambda: data.get_historical_bars("A", "3m"),
    ):
        with pytest.raises(sd.UnknownNameError):
            ask()
    assert spy.historical_bars["1m"].get(dt.date.fromisoformat(dates[3])) is None
    assert dt.date.fromisoformat(dates[3]) not in spy.historical_bars["1m"]


@pytest.mark.parametrize("market", MARKETS)
def test_half_an_hour_of_tomorrow_takes_nothing_from_the_quality_of_the_past(market: str) -> None:
    calendar, dates, _ = MARKETS[market]
    data, spy = store(market)
    data.start_session(dates[2])
    spy.load_historical_bars("1m", *whole(*dates[:2], calendar=calendar))
    spy.load_historical_bars("1m", *rows((dates[3], 0), calendar=calendar))
    assert shown(data)["quality"] == 100.0
    assert data.get_historical_gaps("A") == []


def test_what_was_loaded_ahead_shows_once_its_session_is_over() -> None:
    data, spy = store(trailing_days=10)
    data.start_session(DATES[0])
    spy.load_historical_bars("1m", *whole(*DATES))
    seen = []
    for date in DATES[1:]:
        data.roll_session(date)
        assert len(spy.bars()) == LENGTH  # what was loaded for it are bars of the session
        seen.append(shown(data)["dates"])
    assert seen == [DATES[:n] for n in range(1, 8)]


def test_days_that_a_roll_passes_by_are_history_and_are_trimmed_as_such() -> None:
    for trailing_days, kept in ((10, DATES[:5]), (2, DATES[3:5]), (0, [])):
        data, spy = store(trailing_days=trailing_days)
        data.start_session(DATES[0])
        spy.load_historical_bars("1m", *whole(*DATES))
        data.roll_session(DATES[5])
        assert shown(data)["dates"] == kept
        data.roll_session(DATES[6])
        assert shown(data)["dates"] == [*DATES[:5], DATES[5]][-trailing_days:] if trailing_days else not kept
        # days ahead were not trimmed, and cost no day behind its place
        assert len(spy.bars()) == LENGTH


def test_between_two_sessions_history_ends_with_the_one_that_has_ended() -> None:
    data, spy = store()
    data.start_session(DATES[1])
    spy.extend(*whole(DATES[1]))
    data.end_session()
    spy.load_historical_bars("1m", *whole(DATES[0], *DATES[2:]))
    assert shown(data)["dates"] == DATES[:2]
    assert spy.fill(*rows((DATES[2], 0))) == 0
    data.start_session(DATES[1])  # goes on
    assert shown(data)["dates"] == DATES[:1]
    data.end_session()
    # a first bar begins the session of its date, and passes two by
    spy.append(opening(DATES[4]), *BAR)
    assert shown(data)["dates"] == DATES[:4]
    assert len(spy.bars()) == LENGTH


def test_before_the_first_session_all_that_was_loaded_shows() -> None:
    """There is no session under way, so nothing is ahead of one."""
    data, spy = store()
    spy.load_historical_bars("1m", *whole(*DATES))
    assert shown(data)["dates"] == DATES
    data.start_session(DATES[3])
    assert shown(data)["dates"] == DATES[:3]


def test_nothing_counts_the_missing_slots_of_days_ahead() -> None:
    data, spy = store()
    data.start_session(DATES[1])
    spy.load_historical_bars("1m", *rows((DATES[0], 0), (DATES[2], 0)))
    far = opening(DATES[2]) + LENGTH * MINUTE
    assert spy.record_retry("1m", opening(DATES[2]), far, far) == 0
    assert not spy.mark_no_trade("1m", opening(DATES[2]), far)
    assert not spy.mark_halted(opening(DATES[2]), far)
    data.roll_session(DATES[2])
    assert spy.marks == {"no_trade": [], "halted": []}
    # a day that has passed without a bar
    assert spy.record_retry("1m", opening(DATES[0]), far, far) == 3 + 4


def test_indicators_and_functions_see_no_day_ahead() -> None:
    data, spy = store()
    data.add_historical_indicator("avg_volume_2d")
    data.add_historical_indicator("n", lambda symbol: sum(map(len, symbol.historical_bars["1m"].values())))
    data.start_session(DATES[1])
    spy.load_historical_bars("1m", *whole(*DATES))
    assert spy.historical_indicators == {"avg_volume_2d": None, "n": LENGTH}
    data.roll_session(DATES[4])
    assert spy.historical_indicators == {"avg_volume_2d": 400.0, "n": 4 * LENGTH}


def test_days_ahead_of_a_symbol_with_its_own_calendar() -> None:
    """Its session may be of another date than the store's next one; history ends before the date
    under way."""
    closed = sd.SessionCalendar.from_hours("09:30", "09:34", "America/New_York", holidays=[DATES[2], "2024-03-14"])
    data = sd.SessionData(CALENDAR, "1m", ("2m",))
    spy = data.register_symbol("A", calendar=closed)
    data.start_session(DATES[2])
    spy.load_historical_bars("1m", *whole(DATES[0], DATES[1], DATES[3]))
    assert shown(data)["dates"] == DATES[:2]
    assert spy.fill(*rows((DATES[3], 1))) == 0
    data.roll_session()
    data.roll_session()
    assert shown(data)["dates"] == [*DATES[:2], DATES[3]]


def test_a_symbol_without_a_session_on_the_ending_date_is_trimmed_too() -> None:
    closed = sd.SessionCalendar.from_hours("09:30", "09:34", "America/New_York", holidays=[DATES[3], "2024-03-14"])
    data = sd.SessionData(CALENDAR, "1m", ("2m",), trailing_days=1)
    spy = data.register_symbol("A", calendar=closed)
    data.start_session(DATES[3])
    spy.load_historical_bars("1m", *whole(*DATES[:3]))
    spy.load_historical_bars("3m", *rows((DATES[0], 0), (DATES[1], 0)))
    spy.load_historical_bars("1d", DATES[:2], *([value] * 2 for value in BAR))
    data.roll_session()
    assert shown(data)["dates"] == [DATES[2]]
    assert shown(data, "3m")["dates"] == [DATES[1]]
    assert shown(data, "1d")["dates"] == [DATES[2]]


def test_a_roll_between_two_sessions_trims() -> None:
    data, spy = store(trailing_days=1)
    data.start_session(DATES[0])
    data.end_session()
    spy.load_historical_bars("1m", *whole(*DATES[:5]))
    data.roll_session(DATES[5])
    assert shown(data)["dates"] == [DATES[4]]


# --- sessions of which nothing is kept ------------------------------------------------------------


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("way", ["loaded", "rolled over", "rolled without a bar"])
def test_a_session_of_which_nothing_is_kept_is_missing(market: str, way: str) -> None:
    calendar, dates, length = MARKETS[market]
    data, spy = store(market, trailing_days=10)
    if way == "loaded":
        data.start_session(dates[4])
        spy.load_historical_bars("1m", *whole(dates[0], dates[2], calendar=calendar))
    else:
        data.start_session(dates[0])
        spy.extend(*whole(dates[0], calendar=calendar))
        if way == "rolled without a bar":
            data.roll_session(dates[1])
        data.roll_session(dates[2])
        spy.extend(*whole(dates[2], calendar=calendar))
        data.roll_session(dates[3] if way == "rolled over" else dates[4])
    silent = [dates[1]] if way == "rolled without a bar" else []
    assert shown(data) == {
        "dates": sorted([dates[0], *silent, dates[2]]), "rows": 2 * length, "quality": 200 / 3, "missing": length,
    }  # fmt: skip
    gaps = data.get_historical_gaps("A")
    segments = calendar.session(dates[1]).segments.tolist()
    assert [(gap.start_ns, gap.end_ns, gap.bar_count) for gap in gaps] == [
        (a, b - MINUTE, (b - a) // MINUTE) for a, b in segments
    ]
    assert data.get_historical_gaps("A", "1m", dates[1]) == gaps
    assert data.get_historical_quality("A", "1m", dates[1]) == 0.0
    assert data.get_historical_quality("A", "1m", dates[0]) == 100.0
    daily = data.to_dict()["symbols"]["A"]["historical"]["data"]["1d"]
    assert daily["gaps"]["ranges"] == [{"start_time": dates[1], "end_time": dates[1], "bar_count": 1}]
    if not silent:
        with pytest.raises(sd.UnknownNameError):
            data.get_symbol_data("A").historical_day(dates[1])


def test_history_begins_with_its_first_date_and_ends_with_its_last() -> None:
    """Nobody knows what else was asked for: a month of daily bars does not make a month of minutes
    missing."""
    data, spy = store()
    data.start_session(DATES[7])
    spy.load_historical_bars("1d", [DATES[0], DATES[5]], *([value] * 2 for value in BAR))
    spy.load_historical_bars("1m", *whole(DATES[3], DATES[4]))
    assert shown(data)["missing"] == 0
    assert shown(data, "1d") == {
        "dates": [DATES[0], *DATES[3:6]], "rows": 4, "quality": 400 / 6, "missing": 2,
    }  # fmt: skip


def test_a_day_that_was_trimmed_in_the_middle_of_daily_bars_counts_if_it_had_none() -> None:
    data, spy = store(trailing_days=1)
    data.add_historical_indicator("avg_volume_3d")
    data.start_session(DATES[0])
    for n, date in enumerate(DATES[:4]):
        if n != 1:
            spy.extend(*whole(date))
        data.roll_session()
    assert shown(data)["dates"] == [DATES[3]]
    assert shown(data, "1d") == {"dates": [DATES[0], DATES[2], DATES[3]], "rows": 3, "quality": 75.0, "missing": 1}


@pytest.mark.parametrize("given", [True, False])
def test_a_day_without_a_bar_costs_no_other_its_daily_bar(given: bool) -> None:
    """Daily bars of the newest dates that have one stay, however many an indicator looks back."""
    data, spy = store(trailing_days=2)
    data.add_historical_indicator("avg_volume_2d")
    data.start_session(DATES[1])
    if given:
        spy.load_historical_bars("1d", [DATES[0]], *([value] for value in BAR))
    for date in DATES[1:3]:
        spy.extend(*rows((date, 0), (date, 1)))
        data.roll_session()
    data.roll_session()  # from a session without a bar
    assert shown(data)["dates"] == DATES[2:4]
    assert shown(data, "1d")["dates"] == DATES[1:4]
    assert spy.historical_indicators == {"avg_volume_2d": 200.0}


def test_rows_for_a_session_that_was_absent_take_its_gap_away_in_deltas_too(tmp_path: Path) -> None:
    data, spy = store(trailing_days=10)
    data.start_session(DATES[4])
    spy.load_historical_bars("1m", *whole(DATES[0], DATES[2]))
    data.export_cursor("ui")
    document = data.to_dict(cursor="ui")
    assert document["symbols"]["A"]["historical"]["data"]["1m"]["gaps"]["missing_bars"] == LENGTH
    spy.load_historical_bars("1m", *rows((DATES[1], 1)))
    for _ in range(2):
        document = sd.apply_delta(document, data.to_dict(False, cursor="ui"))
        assert document["symbols"] == data.to_dict()["symbols"]
        assert document["symbols"]["A"]["historical"]["data"]["1m"]["gaps"]["ranges"][0]["bar_count"] == 1
        data.save(tmp_path / "x")
        data = sd.load(tmp_path / "x")
        assert shown(data)["missing"] == 3
    assert json.loads(data.to_json())["symbols"] == document["symbols"]


# --- what days ahead say nothing of ---------------------------------------------------------------


@pytest.mark.parametrize("ended", [True, False])
def test_a_delta_does_not_repeat_history_after_a_load_of_days_ahead(ended: bool) -> None:
    data, spy = store()
    data.start_session(DATES[1])
    spy.load_historical_bars("1m", *whole(DATES[0]))
    if ended:
        data.end_session()
    data.export_cursor("ui")
    document = data.to_dict(cursor="ui")
    ahead = (
        lambda: spy.load_historical_bars("1m", *rows((DATES[3], 0))),
        lambda: spy.load_historical_bars("1m", *rows((DATES[3], 1), (DATES[4], 1))),
        lambda: spy.load_historical_bars("1d", [DATES[3]], *([value] for value in BAR)),
        lambda: spy.load_historical_bars("3m", *rows((DATES[4], 0))),
    )
    for load in ahead:
        sequence = data.sequence
        assert load()
        assert data.sequence > sequence  # the store has changed: what a file of it holds is another
        delta = data.to_dict(False, cursor="ui")
        assert "historical" not in delta["symbols"].get("A", {})
        document = sd.apply_delta(document, delta)
        assert document["symbols"] == data.to_dict()["symbols"]
    spy.load_historical_bars("1m", *rows((DATES[0], 0), (DATES[5], 0), bar=(1.0, 2.0, 0.5, 1.5, 3.0)))
    delta = data.to_dict(False, cursor="ui")
    assert delta["symbols"]["A"]["historical"]["loaded"]
    data.roll_session(DATES[6])
    document = sd.apply_delta(sd.apply_delta(document, delta), data.to_dict(False, cursor="ui"))
    assert document["symbols"] == data.to_dict()["symbols"]
    assert shown(data)["dates"] == [*DATES[:2], *DATES[3:6]]


def test_days_loaded_ahead_alone_show_once_they_have_passed() -> None:
    """The symbol has no session on the dates around, so nothing but its history changes."""
    closed = sd.SessionCalendar.from_hours("09:30", "09:34", "America/New_York", holidays=[DATES[1], "2024-03-14"])
    for interval in ("1m", "1d", "3m"):
        data = sd.SessionData(CALENDAR, "1m", ("2m",))
        spy = data.register_symbol("A", calendar=closed)
        data.start_session(DATES[1])
        data.end_session()
        spy.load_historical_bars(interval, *rows((DATES[2], 0)))
        assert state_of(data.copy().symbols["A"]).history.days.version
        assert interval not in data.to_dict()["symbols"]["A"]["historical"].get("data", {})
        data.start_session(DATES[3])
        assert shown(data, interval)["dates"] == [DATES[2]]


def test_rows_that_fill_a_day_ahead_show_with_it() -> None:
    data, spy = store()
    data.start_session(DATES[1])
    spy.load_historical_bars("1m", *rows((DATES[0], 0), (DATES[3], 0)))
    data.end_session()
    before = shown(data)
    assert spy.fill(*rows((DATES[3], 1))) == 1
    assert shown(data) == before
    data.start_session(DATES[3])
    assert len(spy.bars()) == 2
    with pytest.raises(sd.LaterSessionError):
        spy.fill(*rows((DATES[4], 1)))
