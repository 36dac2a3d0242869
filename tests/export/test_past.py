"""History in the document: both writers, a document by hand, text that is kept, and values of
indicators.

The life of a store with rolls, loads and late bars (`test_history_laws.py`) compares documents with
the model's after each step; here stand the cases that it does not meet, and what can only be seen
from outside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

import sessiondata as sd
from pasts import BAR, CALENDAR, DAYS, STYLES, gap, open_of, past, same, store
from sessiondata._native.out import json as _json
from worlds import MINUTE, utc

BY_HAND = {
    "loaded": True,
    "avg_volume_2d": 150.0,
    "data": {
        "1m": {
            "count": 3,
            "date_range": {"start_date": "2024-03-07", "end_date": "2024-03-08", "days": 2},
            "dates": ["2024-03-07", "2024-03-08"],
            "quality": 37.5,
            "gaps": {
                "gap_count": 2,
                "missing_bars": 5,
                "ranges": [
                    gap("2024-03-07T09:31:00-05:00", "2024-03-07T09:33:00-05:00", 3),
                    gap("2024-03-08T09:32:00-05:00", "2024-03-08T09:33:00-05:00", 2),
                ],
            },
            "columns": ["timestamp", "open", "high", "low", "close", "volume"],
            "data": [
                ["2024-03-07T09:30:00-05:00", 10.0, 12.0, 9.0, 11.0, 100],
                ["2024-03-08T09:30:00-05:00", 10.0, 12.0, 9.0, 11.0, 100],
                ["2024-03-08T09:31:00-05:00", 10.0, 12.0, 9.0, 11.0, 100],
            ],
        },
        "2m": {
            "count": 2,
            "date_range": {"start_date": "2024-03-07", "end_date": "2024-03-08", "days": 2},
            "dates": ["2024-03-07", "2024-03-08"],
            "quality": 50.0,
            "gaps": {
                "gap_count": 2,
                "missing_bars": 2,
                "ranges": [
                    gap("2024-03-07T09:32:00-05:00", "2024-03-07T09:32:00-05:00", 1),
                    gap("2024-03-08T09:32:00-05:00", "2024-03-08T09:32:00-05:00", 1),
                ],
            },
            "columns": ["timestamp", "open", "high", "low", "close", "volume"],
            "data": [
                ["2024-03-07T09:30:00-05:00", 10.0, 12.0, 9.0, 11.0, 100],
                ["2024-03-08T09:30:00-05:00", 10.0, 12.0, 9.0, 11.0, 200],
            ],
        },
        "1d": {
            "count": 2,
            "date_range": {"start_date": "2024-03-07", "end_date": "2024-03-08", "days": 2},
            "dates": ["2024-03-07", "2024-03-08"],
            "quality": 100.0,
            "columns": ["date", "open", "high", "low", "close", "volume"],
            "data": [
                ["2024-03-07", 10.0, 12.0, 9.0, 11.0, 100],
                ["2024-03-08", 10.0, 12.0, 9.0, 11.0, 200],
            ],
        },
    },
}  # fmt: skip


def test_a_history_written_out_by_hand() -> None:
    data = store()
    data.add_historical_indicator("avg_volume_2d")
    assert past(data) == BY_HAND
    assert list(past(data)) == list(BY_HAND)
    assert orjson.dumps(past(data)) == orjson.dumps(BY_HAND)  # in this order
    assert past(data, "B")["avg_volume_2d"] is None


def test_a_day_without_a_bar_is_a_day_of_missing_slots() -> None:
    days = past(store(), "B")["data"]
    assert days["1m"]["dates"] == ["2024-03-07", "2024-03-08"]
    assert days["1m"]["gaps"]["missing_bars"] == 3 + 4
    assert days["1d"]["count"] == 1
    assert days["1d"]["gaps"]["ranges"] == [{"start_time": "2024-03-08", "end_time": "2024-03-08", "bar_count": 1}]


def test_without_history_nothing_is_loaded() -> None:
    data = store(1)
    assert past(data) == {"loaded": False}
    data.add_historical_indicator("avg_volume_2d")
    assert past(data) == {"loaded": False}
    data.roll_session(DAYS[1])
    data.clear()
    data.register_symbol("A")
    assert past(data) == {"loaded": False}


def test_a_value_that_was_set_is_shown_without_any_day() -> None:
    data = store(1)
    data.set_historical_indicator("A", "beta", 1.25)
    assert past(data) == {"loaded": True, "beta": 1.25, "data": {}}
    assert past(data, "B") == {"loaded": False}
    data.set_historical_indicator("A", "beta", None)
    assert past(data) == {"loaded": False}


def test_after_a_session_has_ended_its_day_is_history() -> None:
    data = store(2)
    data.end_session()
    assert past(data)["data"]["1m"]["dates"] == ["2024-03-07", "2024-03-08"]


def test_rows_of_the_date_under_way_are_no_history() -> None:
    data = store(2)
    ts = np.array([open_of(day) + 3 * MINUTE for day in DAYS])
    data.load_historical_bars("A", "1m", ts, *(np.full(4, x) for x in BAR))
    assert past(data)["data"]["1m"]["dates"] == ["2024-03-07"]  # nor are those of later dates


# --- what changes it ------------------------------------------------------------------------------


def test_a_late_bar_of_a_past_day_shows() -> None:
    data = store()
    before = past(data)["data"]
    data.append("A", open_of(DAYS[0]) + MINUTE, *BAR)
    after = past(data)["data"]
    assert after["1m"]["count"] == before["1m"]["count"] + 1
    assert after["1m"]["gaps"]["missing_bars"] == before["1m"]["gaps"]["missing_bars"] - 1
    assert after["1d"]["data"][0][5] == before["1d"]["data"][0][5] + 100


def test_loaded_rows_of_another_interval_stand_before_derived_ones() -> None:
    data = store()
    past(data)
    data.load_historical_bars("A", "2m", np.array([open_of(DAYS[0])]), *(np.array([x + 1]) for x in BAR))
    data.load_historical_bars("A", "3m", np.array([open_of("2024-03-05")]), *(np.array([x]) for x in BAR))
    data.load_historical_bars("A", "1d", np.array([open_of("2024-03-04")]), *(np.array([x]) for x in BAR))
    days = past(data)["data"]
    assert days["2m"]["data"][0][1:] == [11.0, 13.0, 10.0, 12.0, 101]
    assert list(days) == ["1m", "2m", "3m", "1d"]
    assert days["3m"]["dates"] == ["2024-03-05"]
    assert [row[0] for row in days["1d"]["data"]] == ["2024-03-04", "2024-03-07", "2024-03-08"]


def test_a_roll_adds_a_day_and_trimming_takes_one_away() -> None:
    data = store(3, trailing_days=2)
    assert past(data)["data"]["1m"]["dates"] == ["2024-03-07", "2024-03-08"]
    data.roll_session()
    assert past(data)["data"]["1m"]["dates"] == ["2024-03-08", "2024-03-11"]


def test_marks_and_retries_of_a_day_stay_in_its_text() -> None:
    data = store(1)
    symbol = data.symbols["A"]
    data.advance_to(open_of(DAYS[0]) + 4 * MINUTE)
    symbol.mark_no_trade("1m", open_of(DAYS[0]) + MINUTE, open_of(DAYS[0]) + 2 * MINUTE)
    symbol.record_retry("1m", open_of(DAYS[0]) + 2 * MINUTE, open_of(DAYS[0]) + 3 * MINUTE, open_of(DAYS[1]))
    data.roll_session(DAYS[1])
    (one,) = past(data)["data"]["1m"]["gaps"]["ranges"]
    assert (one["bar_count"], one["retry_count"], one["last_retry"]) == (2, 1, "2024-03-08T09:30:00-05:00")


def test_each_day_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = store()
    made: list[int] = []
    write_rows = _json.write_rows

    def counted(ts: Any, *rest: Any) -> bytes:
        made.append(len(ts))
        return write_rows(ts, *rest)

    monkeypatch.setattr(_json, "write_rows", counted)
    n_series = 3 * 2  # intervals and symbols
    data.to_json()
    assert len(made) == 2 * n_series
    for action in (lambda: None, lambda: data.append("A", open_of(DAYS[2]) + 3 * MINUTE, *BAR)):
        action()
        made.clear()
        data.to_json()
        assert made == []
    data.append("A", open_of(DAYS[1]) + 3 * MINUTE, *BAR)
    data.to_json()
    assert len(made) == 3
    made.clear()
    data.roll_session()
    data.to_json()
    assert len(made) == n_series
    made.clear()
    data.to_json(timestamps="iso")
    assert made == []  # a past day has no times of day
    data.to_json(timestamps="epoch_ms")
    assert len(made) == 3 * n_series
    same(data)


def test_text_that_is_kept_counts_as_memory_of_history() -> None:
    data = store()
    before = data.memory_usage()
    n = len(data.to_json())
    after = data.memory_usage()
    assert 0 < after["history_reserved"] - before["history_reserved"] < n
    assert {**after, "history_reserved": 0} == {**before, "history_reserved": 0}


def test_marks_and_retries_about_a_past_day_show() -> None:
    data = store(2)
    symbol, opening = data.symbols["A"], open_of(DAYS[0])
    past(data)
    assert symbol.mark_halted(opening + MINUTE, opening + 2 * MINUTE)
    assert past(data)["data"]["1m"]["gaps"]["missing_bars"] == 2
    symbol.record_retry("1m", opening + 2 * MINUTE, opening + 3 * MINUTE, opening)
    (one,) = past(data)["data"]["1m"]["gaps"]["ranges"]
    assert (one["retry_count"], one["last_retry"]) == (1, "2024-03-07T09:30:00-05:00")


def test_a_day_that_was_asked_for_again_says_when() -> None:
    data = store(1)
    b = data.register_symbol("C")
    data.advance_to(open_of(DAYS[0]) + 4 * MINUTE)
    assert b.record_retry("1m", open_of(DAYS[0]), open_of(DAYS[0]) + 4 * MINUTE, open_of(DAYS[1])) == 4
    data.roll_session(DAYS[1])
    (one,) = past(data, "C")["data"]["1m"]["gaps"]["ranges"]
    assert one["last_retry"] == "2024-03-08T09:30:00-05:00"


def test_a_missing_daily_bar_that_was_asked_for_again_says_when() -> None:
    data = sd.SessionData(CALENDAR, "1m", ("1d",))
    data.start_session(DAYS[0])
    symbol = data.register_symbol("A")
    data.advance_to(open_of(DAYS[0]) + 4 * MINUTE)
    symbol.record_retry("1d", open_of(DAYS[0]), open_of(DAYS[0]) + 1, open_of(DAYS[1]))
    data.roll_session(DAYS[1])
    (one,) = past(data)["data"]["1d"]["gaps"]["ranges"]
    assert one == {**gap(DAYS[0], DAYS[0], 1), "retry_count": 1, "last_retry": "2024-03-08T09:30:00-05:00"}


# --- times ----------------------------------------------------------------------------------------


def test_offsets_are_those_of_each_day() -> None:
    data = store(4)
    times = [row[0] for row in past(data)["data"]["1m"]["data"]]
    assert times[0].endswith("-05:00")
    assert times[-1] == "2024-03-11T09:32:00-04:00"


def test_another_calendar_has_its_own_times_and_dates() -> None:
    data = store(1)
    tokyo = sd.SessionCalendar.from_hours("09:00", "09:03", "Asia/Tokyo")
    symbol = data.register_symbol("N225", calendar=tokyo)
    symbol.append(utc("2024-03-07T09:00:00+09:00"), *BAR)
    data.roll_session(DAYS[1])
    assert past(data, "N225")["data"]["1m"]["data"][0][0] == "2024-03-07T09:00:00+09:00"


@pytest.mark.parametrize("style", STYLES)
def test_daily_rows_carry_dates_in_every_style(style: str) -> None:
    document = store().to_dict(timestamps=style)["symbols"]["A"]["historical"]["data"]
    assert [row[0] for row in document["1d"]["data"]] == ["2024-03-07", "2024-03-08"]
    first = document["1m"]["data"][0][0]
    assert first == {"epoch_ns": open_of(DAYS[0]), "epoch_ms": open_of(DAYS[0]) // 10**6}.get(
        style, "2024-03-07T09:30:00-05:00"
    )


def test_sessions_that_begin_on_the_evening_before() -> None:
    calendar = sd.SessionCalendar.from_hours("17:00", "16:00", "America/Chicago")
    data = sd.SessionData(calendar, "1h", ())
    data.start_session("2024-03-11")  # from Sunday evening on, when the clocks have changed
    for day in ("2024-03-11", "2024-03-12"):
        start = int(calendar.session(day).segments[0, 0])
        data.register_symbol("ES").append(start, *BAR)
        data.roll_session()
    rows = past(data, "ES")["data"]
    assert [row[0] for row in rows["1h"]["data"]] == ["2024-03-10T17:00:00-05:00", "2024-03-11T17:00:00-05:00"]
    assert [row[0] for row in rows["1d"]["data"]] == ["2024-03-11", "2024-03-12"]
