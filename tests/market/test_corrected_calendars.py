"""Calendars that are corrected for given dates, and the shipped one of CME, which others have
wrong."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessiondata as sd
from corrected_hours import CHICAGO, DAY, INDIA, MINUTE, at, ct, globex, hours_of, new_york, span_of
from sessiondata.time.instants import to_ns
from sessiondata.time.zones import from_ns
from shims import hours_by_date


def test_storms_close_hong_kong() -> None:
    wrong = sd.calendar("XHKG")
    right = wrong.with_sessions({"2023-09-01": None, dt.date(2023, 9, 8): None})
    days = [str(day) for day in right.session_dates("2023-08-30", "2023-09-12")]
    assert days == ["2023-08-30", "2023-08-31", *(f"2023-09-{n:02}" for n in (4, 5, 6, 7, 11, 12))]
    assert right.next_date("2023-08-31") == dt.date(2023, 9, 4)
    with pytest.raises(
        sd.CalendarError, match="no session on 2023-09-01; the next to it are 2023-08-31 and 2023-09-04"
    ):
        right.session("2023-09-01")
    with pytest.raises(sd.CalendarError, match="belongs to no trade date"):
        right.session_at(at("2023-09-01T10:00", "Asia/Hong_Kong"))
    # The one it was made of stays as it is.
    assert wrong.session("2023-09-01").expected("1m") == 330
    assert right.session("2023-09-04") == wrong.session("2023-09-04")


def test_special_sessions_of_mumbai() -> None:
    mumbai = sd.calendar("XBOM").with_sessions(
        {
            "2024-01-20": [("09:15", "15:30")],  # a Saturday
            "2024-03-02": [("09:15", dt.time(10)), ("11:30", "12:30")],
            "2023-11-12": [("18:15", "19:15")],  # a Sunday evening
        }
    )
    assert hours_of(mumbai.session("2024-01-20")) == [("01-20 09:15", "01-20 15:30")]
    assert hours_of(mumbai.session("2024-03-02")) == [("03-02 09:15", "03-02 10:00"), ("03-02 11:30", "03-02 12:30")]
    assert hours_of(mumbai.session("2023-11-12")) == [("11-12 18:15", "11-12 19:15")]
    assert span_of(mumbai.session("2023-11-12")) == ("11-12 00:00", "11-13 00:00")
    assert [day.day for day in mumbai.session_dates("2024-01-18", "2024-01-24")] == [18, 19, 20, 23, 24]
    data = sd.SessionData(mumbai, "1m", ("15m", "1d"), trailing_days=3)
    share = data.register_symbol("RELIANCE")
    data.start_session("2024-01-19")
    assert data.roll_session().date == dt.date(2024, 1, 20)
    share.append(at("2024-01-20T09:15", INDIA), 1.0, 1.0, 1.0, 1.0, 1.0)
    assert share.bars("1m").expected == 1
    assert data.roll_session().date == dt.date(2024, 1, 23)


def test_an_overnight_session_in_local_times() -> None:
    short = globex().with_sessions({"2025-07-03": [("17:00", "12:15")]})
    assert hours_of(short.session("2025-07-03")) == [("07-02 17:00", "07-03 12:15")]
    broken = globex().with_sessions({"2025-07-03": [("17:00", "19:00"), ("20:00", "03:00"), ("03:00", "12:15")]})
    assert hours_of(broken.session("2025-07-03")) == [
        ("07-02 17:00", "07-02 19:00"), ("07-02 20:00", "07-03 03:00"), ("07-03 03:00", "07-03 12:15"),
    ]  # fmt: skip
    whole = globex().with_sessions({"2025-07-03": [("16:00", "16:00")]})
    assert hours_of(whole.session("2025-07-03")) == [("07-02 16:00", "07-03 16:00")]
    late = globex().with_sessions({"2025-07-03": [("08:30", "15:15")]})
    assert hours_of(late.session("2025-07-03")) == [("07-03 08:30", "07-03 15:15")]


def test_instants_where_a_session_touches_another_date() -> None:
    evening = (at("2025-07-02T17:00", CHICAGO), at("2025-07-02T22:00", CHICAGO))
    stamps = [pd.Timestamp(ts, tz=CHICAGO) for ts in evening]
    aware = [from_ns(ts, ZoneInfo("Asia/Tokyo")) for ts in evening]
    for pair in (evening, stamps, aware, np.array(evening)):
        corrected = globex().with_sessions({"2025-07-03": [tuple(pair)]})
        assert hours_of(corrected.session("2025-07-03")) == [("07-02 17:00", "07-02 22:00")]


def test_spans_of_the_neighbours_follow() -> None:
    plain = new_york()
    assert span_of(plain.session("2024-03-08")) == ("03-08 00:00", "03-09 00:00")
    # A Saturday that opens on Friday evening takes it from Friday.
    night = plain.with_sessions({"2024-03-09": [("20:00", "04:00")]})
    assert span_of(night.session("2024-03-08")) == ("03-08 00:00", "03-08 20:00")
    assert span_of(night.session("2024-03-09")) == ("03-08 20:00", "03-10 00:00")
    assert night.session_at(at("2024-03-08T21:00", "America/New_York")).date == dt.date(2024, 3, 9)
    # A Friday that goes on after midnight does so at the cost of nobody; then of the Saturday.
    long = (at("2024-03-08T09:30", "America/New_York"), at("2024-03-09T02:00", "America/New_York"))
    later = plain.with_sessions({"2024-03-08": [long]})
    assert span_of(later.session("2024-03-08")) == ("03-08 00:00", "03-09 02:00")
    both = later.with_sessions({"2024-03-09": [("10:00", "12:00")]})
    assert span_of(both.session("2024-03-08")) == ("03-08 00:00", "03-09 02:00")
    assert span_of(both.session("2024-03-09")) == ("03-09 02:00", "03-10 00:00")
    # Without Monday an overnight Tuesday still begins on Monday evening, and Friday ends at its
    # midnight.
    closed = globex().with_sessions({"2024-03-11": None})
    assert span_of(closed.session("2024-03-12")) == ("03-11 17:00", "03-12 17:00")
    assert span_of(closed.session("2024-03-08")) == ("03-07 17:00", "03-09 00:00")


def test_a_market_that_never_closes_can_be_halted_for_a_day() -> None:
    crypto = sd.calendar().with_sessions({"2024-03-11": None, "2024-03-12": [("06:00", "24:00")]})
    assert crypto.session("2024-03-12").expected("1m") == 18 * 60
    assert span_of(crypto.session("2024-03-12")) == ("03-12 00:00", "03-13 00:00")
    assert crypto.next_date("2024-03-10") == dt.date(2024, 3, 12)


def test_corrections_add_up() -> None:
    one = new_york().with_sessions({"2024-03-08": None, "2024-03-07": [("09:30", "13:00")]})
    two = one.with_sessions({"2024-03-07": None, "2024-03-09": [("10:00", "11:00")]})
    assert two.session_dates("2024-03-06", "2024-03-12") == [dt.date(2024, 3, n) for n in (6, 9, 11, 12)]
    assert one.session_dates("2024-03-06", "2024-03-12") == [dt.date(2024, 3, n) for n in (6, 7, 11, 12)]
    at_once = new_york().with_sessions(
        {"2024-03-09": [("10:00", "11:00")], "2024-03-07": None, "2024-03-08": None}
    )  # fmt: skip
    assert two == at_once
    assert hash(two) == hash(at_once)
    assert two != one != new_york()
    assert repr(two) == "SessionCalendar('NY corrected')"
    assert (two.name, two.tz, two.zone) == ("NY corrected", "America/New_York", ZoneInfo("America/New_York"))
    assert new_york().with_sessions({"2024-03-08": None}, name="mine").name == "mine"
    assert (
        new_york().with_sessions({"2024-03-08": None}, name="mine").with_sessions({"2024-03-07": None}).name == "mine"
    )


@pytest.mark.parametrize("base", [new_york, globex, lambda: sd.calendar("XHKG"), sd.calendar])
def test_a_corrected_calendar_survives_pickle_and_snapshot(base: Any, tmp_path: Path) -> None:
    day = base().next_date("2024-03-04")
    calendar = base().with_sessions({day: [("10:00", "11:00"), ("11:00", "11:30")], "2024-03-07": None})
    again = pickle.loads(pickle.dumps(calendar))
    assert again == calendar
    assert hash(again) == hash(calendar)
    assert again.name == calendar.name
    assert copy.deepcopy(calendar) is calendar
    dates = calendar.session_dates("2024-03-01", "2024-03-12")
    assert again.session_dates("2024-03-01", "2024-03-12") == dates
    assert [again.session(date) for date in dates] == [calendar.session(date) for date in dates]
    assert again.session(day).expected("1m") == 90
    data = sd.SessionData(calendar, "1m")
    data.start_session(day)
    data.save(tmp_path / "store")
    loaded = sd.load(tmp_path / "store")
    assert loaded.calendar == calendar
    assert loaded.roll_session().date == dates[dates.index(day) + 1]


def test_hours_kept_by_a_snapshot_are_kept_by_its_correction(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = sd.SessionData("XNYS", "1m")
    data.start_session("2024-01-02")
    data.save(tmp_path / "store")
    half = sd.SessionGrid("2024-01-02", "America/New_York", [(1_704_205_800 * 10**9, 1_704_207_600 * 10**9)])
    monkeypatch.setitem(hours_by_date(sd.calendar("XNYS")), half.date, half)
    kept = sd.load(tmp_path / "store").calendar.with_sessions({"2024-01-03": None})
    assert kept.session("2024-01-02").expected("1m") == 390
    assert pickle.loads(pickle.dumps(kept)).session("2024-01-02").expected("1m") == 390


SATURDAY = at("2024-01-20T09:15", INDIA)
ONE = (1.0, 1.0, 1.0, 1.0, 1.0)


def mumbai_on_friday(calendar: sd.SessionCalendar) -> SimpleNamespace:
    data = sd.SessionData(calendar, "1m", ("5m",), trailing_days=3)
    share = data.register_symbol("RELIANCE")
    data.start_session("2024-01-19")
    return SimpleNamespace(data=data, share=share, new=sd.SessionData(calendar, "1m"))


def columns(n: int) -> list[Any]:
    return [np.array([SATURDAY]), *[np.ones(1)] * n]


DOORS: dict[str, Any] = {
    "append": lambda on: on.share.append(SATURDAY, *ONE),
    "extend": lambda on: on.share.extend(*columns(5)),
    "append_slice": lambda on: on.data.append_slice(["RELIANCE"], SATURDAY, *[np.ones(1)] * 5),
    "append_tick": lambda on: on.share.append_tick(SATURDAY, 1.0, 1.0),
    "extend_ticks": lambda on: on.share.extend_ticks(*columns(2)),
    "extend_quotes": lambda on: on.share.extend_quotes(*columns(4)),
    "load": lambda on: on.share.load_historical_bars("1m", *columns(5)),
    "roll": lambda on: on.data.roll_session("2024-01-20"),
    "first bar": lambda on: on.new.register_symbol("RELIANCE").append(SATURDAY, *ONE),
    "start": lambda on: on.new.start_session("2024-01-20"),
}


@pytest.mark.parametrize("door", DOORS)
def test_bars_of_a_date_that_the_calendar_lacks_lead_to_its_correction(door: str) -> None:
    """Rolling to that date, as the error said, was an error too."""
    # Some versions of exchange_calendars know this Saturday.
    on = mumbai_on_friday(sd.calendar("XBOM").with_sessions({"2024-01-20": None}))
    with pytest.raises(sd.SessionDataError, match=r"with_sessions") as raised:
        DOORS[door](on)
    assert "roll" not in str(raised.value)
    # What the message says, done.
    on = mumbai_on_friday(on.data.calendar.with_sessions({"2024-01-20": [("09:15", "15:30")]}))
    if door not in ("load", "roll", "first bar", "start"):
        with pytest.raises(sd.SessionStateError, match="roll"):
            DOORS[door](on)
        on.data.roll_session("2024-01-20")
    DOORS[door](on)


EVENING = [("17:00", "22:00")]


@pytest.mark.parametrize(
    ("sessions", "message"),
    [
        ({}, "at least one"),
        (None, "at least one"),
        ([("2024-03-07", None)], "at least one"),
        ({"2024-03-07": []}, "2024-03-07: no segment .*None for no session"),
        ({"2024-03-07": [(0, 0)]}, "2024-03-07: no segment"),
        ({"2024-03-07": [("13:00", "16:00"), ("09:30", "12:00")]}, "segments of local times must be sorted"),
        ({"2024-03-07": [("09:30", "12:30"), ("12:00", "16:00")]}, "segments of local times must be sorted"),
        ({"2024-03-07": [("20:00", "19:00"), ("18:00", "10:00")]}, "2024-03-07: more than one segment"),
        ({"2024-03-07": [(5 * MINUTE, 4 * MINUTE)]}, "2024-03-07: segments must be sorted"),
        ({"2024-03-07": [(0, 5), (4, 9)]}, "2024-03-07: segments must be sorted"),
        ({"2024-03-07": [("09:30", 5)]}, "2024-03-07: .*not of both"),
        ({"2024-03-07": ("09:30", "16:00")}, "2024-03-07: segments are pairs"),
        ({"2024-03-07": 7}, "2024-03-07: segments are pairs"),
        ({"2024-03-07": [("9:30", "16:00")]}, "2024-03-07: an open is a local time of day"),
        ({"2024-03-07": [("09:30", "25:00")]}, "2024-03-07: a close is a local time of day"),
        ({"2024-03-07": [(dt.datetime(2024, 3, 7, 9), 7)]}, "2024-03-07: an instant is .*aware"),
        ({"2024-03-07": [(1.5, 2.5)]}, "2024-03-07: an instant is"),
        ({"2024-03-07": None, dt.date(2024, 3, 7): None}, "2024-03-07 twice"),
        ({"7 March": None}, "not a trade date"),
        # Over the neighbours, whose dates are named.
        ({"2024-03-07": [(ct("2024-03-07T09:30"), ct("2024-03-08T09:30"))]}, "2024-03-08 opens before"),
        ({"2024-03-07": [(ct("2024-03-06T14:30"), ct("2024-03-07T09:30"))]}, "2024-03-06 has closed"),
        ({"2024-03-07": [(ct("2024-03-21T14:30"), ct("2024-03-21T15:00"))]}, "2024-03-08 opens before"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_correction(sessions: Any, message: str) -> None:
    calendar = new_york()
    with pytest.raises(sd.CalendarError, match=message):
        calendar.with_sessions(sessions)
    assert calendar.session("2024-03-07").expected("1m") == 390


# a session; a Saturday, next to which there is one
@pytest.mark.parametrize("date", ["2024-03-07", "2024-03-09"])
def test_a_local_evening_of_an_overnight_calendar_has_two_readings(date: str) -> None:
    with pytest.raises(sd.CalendarError, match=rf"{date}: 17:00 may be on {date} or on the evening before.*aware"):
        globex().with_sessions({date: EVENING})
    # The evening of a market that opens in the morning has one.
    assert new_york().with_sessions({date: EVENING}).session(date).expected("1m") == 300


def test_a_date_that_the_calendar_does_not_know() -> None:
    known = sd.SessionCalendar.from_schedule({"2024-03-07": [(at("2024-03-07T09:30", CHICAGO),) * 2]}, CHICAGO)
    with pytest.raises(sd.DateOutOfRangeError, match="knows 2024-03-07 to 2024-03-07: got 2024-03-08"):
        known.with_sessions({"2024-03-08": [("09:30", "16:00")]})
    with pytest.raises(sd.DateOutOfRangeError, match="got 2100-01-04"):
        sd.calendar("XNYS").with_sessions({"2100-01-04": None})


def test_clocks_that_change_on_the_date() -> None:
    zone = "America/New_York"
    sunday = new_york().with_sessions({"2024-03-10": [("01:00", "04:00")], "2024-11-03": [("00:30", "02:30")]})
    assert sunday.session("2024-03-10").expected("1m") == 120
    assert sunday.session("2024-11-03").expected("1m") == 180
    assert sunday.session("2024-03-10").segments.tolist() == [
        [at("2024-03-10T01:00", zone), at("2024-03-10T04:00", zone)]
    ]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_corrections_answer_as_a_schedule_of_the_same_dates(data: st.DataObject) -> None:
    """Against a table that is written anew from plain Python, whatever is closed, added or
    moved."""
    first = dt.date(2024, 3, 1)
    base = data.draw(st.sampled_from([(new_york, 570, 960), (globex, -420, 960)]))
    make, opens, closes = base
    zone = make().zone

    def instants(day: dt.date, start: int, stop: int) -> tuple[int, int]:
        midnight = dt.datetime(day.year, day.month, day.day)
        edges = [(midnight + dt.timedelta(minutes=m)).replace(tzinfo=zone) for m in (start, stop)]
        return to_ns(edges[0]), to_ns(edges[1])

    days = [first + dt.timedelta(days=n) for n in range(21)]
    rows = {day: [instants(day, opens, closes)] if day.weekday() < 5 else [] for day in days}
    changes: dict[dt.date, Any] = {}
    for day in data.draw(st.lists(st.sampled_from(days[2:-2]), unique=True, min_size=1)):
        start = data.draw(st.integers(0, 900))
        stop = data.draw(st.integers(start + 1, 960))
        kind = data.draw(st.sampled_from(["none", "local", "instant"]))
        if day == dt.date(2024, 3, 10) and any(120 <= minute < 180 for minute in (start, stop)):
            kind = "instant"  # an hour that no clock shows is refused as a local time
        edges = instants(day, start, stop)
        if edges[0] >= edges[1]:
            kind = "none"  # from within that hour to its end
        if kind == "none":
            changes[day], rows[day] = None, []
        else:
            local = [(f"{start // 60:02}:{start % 60:02}", f"{stop // 60:02}:{stop % 60:02}")]
            rows[day] = [edges]
            changes[day] = local if kind == "local" else rows[day]
    corrected = make().with_sessions(changes)
    written = sd.SessionCalendar.from_schedule(rows, zone)
    assert corrected.session_dates(days[0], days[-1]) == written.session_dates(days[0], days[-1])
    inner = [day for day in days[4:-4] if rows[day]]
    for day in inner:
        assert corrected.session(day) == written.session(day)
        assert corrected.next_date(day) == written.next_date(day)
    for ts_ns in range(corrected_start := instants(days[5], 0, 0)[0], corrected_start + 10 * DAY, 97 * MINUTE):
        answers = []
        for calendar in (corrected, written):
            try:
                answers.append(calendar.session_at(ts_ns, unit="ns").date)
            except sd.CalendarError:
                answers.append(None)
        assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("date", "hours", "said"),
    [
        ("2024-03-10", ("02:15", "04:00"), "skip 2024-03-10 02:15"),
        ("2024-11-03", ("01:30", "03:00"), "show 2024-11-03 01:30 twice"),
        ("2024-11-03", ("00:30", "01:30"), "show 2024-11-03 01:30 twice"),
    ],
)
def test_local_times_that_the_clocks_skip_or_show_twice_are_refused(
    date: str, hours: tuple[str, str], said: str
) -> None:
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    with pytest.raises(sd.CalendarError, match=f"session {date}: .* {said}; pass an instant"):
        calendar.with_sessions({date: [hours]})
    edges = [dt.datetime.fromisoformat(f"{date}T{hour}:00-05:00") for hour in ("04:30", "06:00")]
    assert len(calendar.with_sessions({date: [tuple(edges)]}).session(date).segments) == 1


@pytest.mark.parametrize("tz", ["America/New_York", "Europe/London", "Australia/Lord_Howe", "America/Sao_Paulo"])
@pytest.mark.parametrize("kind", ["early_closes", "late_opens"])
def test_special_hours_that_the_clocks_skip_or_show_twice_are_refused(tz: str, kind: str) -> None:
    """Each quarter of an hour of the days around both changes of 2018 is told from the zone by
    hand."""
    zone, refused = ZoneInfo(tz), 0
    for first in changes_of(zone, 2018):
        for quarter in range(1, 4 * 24 - 1):
            naive = dt.datetime.combine(first, dt.time()) + dt.timedelta(minutes=15 * quarter)
            # A time that is shown once comes back from UTC as it went, and of its two folds there
            # is one instant.
            folds = [naive.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1)]
            back = [fold.astimezone(zone).replace(tzinfo=None, fold=0) for fold in folds]
            special = {kind: {first: naive.time()}}
            if folds[0] == folds[1]:
                if (tz, first, kind, quarter) == ("America/Sao_Paulo", dt.date(2018, 11, 4), "early_closes", 4):
                    continue  # it closes when the clocks have jumped over midnight, see below
                calendar = sd.SessionCalendar.from_hours("00:00", "24:00", tz, weekdays=range(7), **special)
                edge = 1 if kind == "early_closes" else 0
                want = int(folds[0].timestamp()) * 10**9
                assert calendar.session(first).segments[0, edge] == want
                continue
            refused += 1
            word = "twice" if back[0] == naive else "skip"
            with pytest.raises(sd.CalendarError, match=f"session {first}: .*{word}.*with_sessions") as caught:
                sd.SessionCalendar.from_hours("00:00", "24:00", tz, weekdays=range(7), **special)
            assert caught.value.value == first
            plain = sd.SessionCalendar.from_hours("00:00", "24:00", tz, weekdays=range(7))
            with pytest.raises(sd.CalendarError, match=f"session {first}: .*{word}.*pass an instant"):
                plain.with_sessions({first: [(naive.time(), dt.time(23, 45))]})
    assert refused >= 4


def changes_of(zone: ZoneInfo, year: int) -> list[dt.date]:
    """Local dates of which some time is skipped or shown twice."""
    quarters = (dt.datetime(year, 1, 1) + dt.timedelta(minutes=15 * k) for k in range(365 * 96))
    odd = {
        q.date() for q in quarters if q.replace(tzinfo=zone).utcoffset() != q.replace(tzinfo=zone, fold=1).utcoffset()
    }
    return sorted(odd)


def test_an_evening_close_and_hours_of_every_day() -> None:
    """Overnight, the time is looked at on the date on which it lies; what repeats every day follows
    the clocks."""
    make = sd.SessionCalendar.from_hours
    with pytest.raises(sd.CalendarError, match=r"session 2024-03-10: .* skip 2024-03-10 02:30"):
        make("18:00", "17:00", "America/New_York", weekdays=range(7), early_closes={"2024-03-10": "02:30"})
    make("18:00", "17:00", "America/New_York", weekdays=range(7), early_closes={"2024-03-11": "02:30"})
    midnight = {"weekdays": range(7), "late_opens": {"2018-11-05": "23:30"}}
    make("22:00", "17:00", "America/Sao_Paulo", **midnight)
    with pytest.raises(sd.CalendarError, match=r"session 2018-11-04: .* skip 2018-11-04 00:30"):
        make("22:00", "17:00", "America/Sao_Paulo", weekdays=range(7), late_opens={"2018-11-04": "00:30"})
    for special in ({"early_closes": {"2018-11-04": "01:00"}}, {"late_opens": {"2018-11-05": "12:00"}}):
        with pytest.raises(sd.CalendarError, match="leave no time in which the market is open"):
            make("00:00", "24:00", "America/Sao_Paulo", weekdays=range(7), breaks=[("12:00", "24:00")], **special)
    every = make("02:30", "04:00", "America/New_York", weekdays=range(7), breaks=[("02:40", "02:50")])
    assert every.session("2024-03-10").expected("1m") == 60
    # What the message says works.
    other = [dt.datetime.fromisoformat(f"2024-11-03T{text}") for text in ("00:30:00-04:00", "01:30:00-05:00")]
    assert every.with_sessions({"2024-11-03": [tuple(other)]}).session("2024-11-03").expected("1m") == 120
