"""Calendars and grids that are copied, pickled and handed to other processes."""

from __future__ import annotations

import copy
import datetime as dt
import multiprocessing
import operator
import pickle
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import sessiondata as sd
from sessiondata.market.hours import Hours
from shims import hours_by_date

MINUTE = 60 * 10**9
OPEN = 1_704_205_800 * 10**9  # 2024-01-02 09:30 in New York


def plain() -> sd.SessionCalendar:
    return sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")


def overnight() -> sd.SessionCalendar:
    return sd.SessionCalendar.from_hours(
        dt.time(18, 0, 0, 250_000), "17:00:30", ZoneInfo("America/New_York"), name="night",
        breaks=[("02:00", "03:00"), (dt.time(23), "24:00")], weekdays={np.int64(0), 1, 2, 3}, holidays=["2024-07-04"],
        early_closes={"2024-07-03": "13:00"}, late_opens={dt.date(2024, 1, 2): dt.time(20, 0, 0, 7)},
    )  # fmt: skip


def written() -> sd.SessionCalendar:
    rows = {"2024-01-01": [], "2024-01-02": [(OPEN, OPEN + 60 * MINUTE), (OPEN + 90 * MINUTE, OPEN + 100 * MINUTE)]}
    return sd.SessionCalendar.from_schedule({**rows, "2024-01-05": []}, "America/New_York", "written")


def around_the_clock() -> sd.SessionCalendar:
    return sd.SessionCalendar.always_open(dt.time(17, 0, 0, 5), "America/New_York")


MADE = {make.__name__: make for make in (plain, overnight, written, around_the_clock)}
DATES = [dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in range(5)]


def hours(calendar: sd.SessionCalendar) -> list[Any]:
    """What a calendar answers, as plain values."""
    grids = [calendar.session(date) for date in calendar.session_dates(DATES[0], DATES[-1])]
    return [(grid.date, grid.tz, grid.segments.tolist(), grid.span_start, grid.span_stop) for grid in grids]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", MADE)
def test_a_pickled_calendar_answers_as_before(name: str, protocol: int) -> None:
    calendar = MADE[name]()
    again = pickle.loads(pickle.dumps(calendar, protocol))
    assert again is not calendar
    assert again == calendar
    assert hash(again) == hash(calendar)
    assert (again.name, again.tz, repr(again)) == (calendar.name, calendar.tz, repr(calendar))
    assert hours(again) == hours(calendar)
    assert len(hours(again)) >= 1
    assert {again: 1}[calendar] == 1


@pytest.mark.parametrize("name", ["XNYS", "NYSE", "CMES", "XHKG", "24/7", None])
def test_a_named_calendar_is_pickled_by_its_name(name: str | None) -> None:
    calendar = sd.calendar(name)
    pickled = pickle.dumps(calendar)
    assert pickle.loads(pickled) is calendar
    assert len(pickled) < 200
    calendar.session("2024-01-03")  # what it keeps does not go with it
    assert pickle.dumps(calendar) == pickled


@pytest.mark.parametrize("make", [*MADE.values(), lambda: sd.calendar("XNYS")])
def test_a_copy_of_a_calendar_is_the_calendar(make: Any) -> None:
    calendar = make()
    assert copy.copy(calendar) is calendar
    assert copy.deepcopy({"of": [calendar]})["of"][0] is calendar


def test_calendars_made_in_the_same_way_are_equal() -> None:
    for make in MADE.values():
        assert make() == make()
    everyone = [*(make() for make in MADE.values()), sd.calendar("XNYS"), sd.calendar("CMES"), sd.calendar()]
    for i, one in enumerate(everyone):
        assert [one == other for other in everyone] == [i == k for k in range(len(everyone))]
        assert one != one.name
    assert sd.calendar("NYSE") == sd.calendar("XNYS")
    assert sd.SessionCalendar.always_open() == sd.calendar()
    later = sd.SessionCalendar.from_hours("09:30", "16:01", "America/New_York", name=plain().name)
    assert later != plain()
    assert len({plain(), plain(), later}) == 2


def test_symbols_of_equal_calendars_have_one_session() -> None:
    """A calendar is a key of the store's sessions: equal ones must not hide each other's hours."""
    data = sd.SessionData("XNYS", "1m")
    data.register_symbol("A", calendar=written())
    data.register_symbol("B", calendar=written())
    data.start_session("2024-01-02")
    assert [data.get_symbol_data(name).grid.expected("1m") for name in "AB"] == [70, 70]
    data.get_symbol_data("A").append(OPEN, 1.0, 1.0, 1.0, 1.0, 1.0)
    data.get_symbol_data("B").append(OPEN, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert [len(data.get_symbol_data(name).bars("1m")) for name in "AB"] == [1, 1]


def test_hours_kept_by_a_snapshot_go_with_the_calendar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot keeps the hours that a date had; a pickled calendar of it must not fall back to
    the present ones."""
    data = sd.SessionData("XNYS", "1m")
    data.start_session("2024-01-02")
    data.save(tmp_path / "store")
    real = sd.calendar("XNYS")
    sooner = [(OPEN, OPEN + 30 * MINUTE)]
    corrected = sd.SessionGrid("2024-01-02", "America/New_York", sooner)
    monkeypatch.setitem(hours_by_date(real), dt.date(2024, 1, 2), corrected)
    kept = sd.load(tmp_path / "store").calendar
    assert kept != real
    assert kept.session("2024-01-02").expected("1m") == 390
    again = pickle.loads(pickle.dumps(kept))
    assert again == kept
    assert again != real
    assert again.session("2024-01-02").expected("1m") == 390
    assert again.session("2024-01-03") == real.session("2024-01-03")


class Fridays:
    """Hours of a user's own making."""

    name = "fridays"
    zone = ZoneInfo("UTC")

    def range_near(self, day: dt.date) -> tuple[dt.date, dt.date]:  # noqa: ARG002
        return dt.date(2024, 1, 1), dt.date(2024, 12, 31)

    def hours(self, day: dt.date) -> Hours:
        start = (day - dt.date(1970, 1, 1)).days * 86_400 * 10**9
        return ((start, start + 60 * MINUTE),) if day.weekday() == 4 else ()

    def before(self, day: dt.date) -> dt.date | None:
        return day - dt.timedelta(days=(day.weekday() + 2) % 7 + 1)

    def after(self, day: dt.date) -> dt.date | None:
        return day + dt.timedelta(days=(3 - day.weekday()) % 7 + 1)


def test_a_calendar_of_ones_own_hours_says_what_to_do_instead() -> None:
    calendar = sd.SessionCalendar(Fridays())
    assert calendar.session("2024-01-05").expected("1m") == 60
    with pytest.raises(TypeError, match=r"'fridays' cannot be pickled.*from_schedule"):
        pickle.dumps(calendar)
    assert copy.deepcopy(calendar) is calendar
    assert calendar == calendar
    assert calendar != sd.SessionCalendar(Fridays())
    # What the message says, done.
    rows = {day: calendar.session(day).segments for day in calendar.session_dates("2024-01-01", "2024-02-01")}
    told = pickle.loads(pickle.dumps(sd.SessionCalendar.from_schedule(rows, calendar.tz)))
    assert told.session("2024-01-05") == calendar.session("2024-01-05")


@pytest.mark.parametrize("name", MADE)
def test_a_pickled_grid_is_the_grid(name: str) -> None:
    for date in MADE[name]().session_dates(DATES[0], DATES[-1]):
        grid = MADE[name]().session(date)
        again = pickle.loads(pickle.dumps(grid))
        assert again == grid
        assert hash(again) == hash(grid)
        assert again.compiled.slot_starts(7 * MINUTE).tolist() == grid.slot_starts("7m").tolist()
        with pytest.raises(ValueError, match="read-only"):
            again.segments[0, 0] = 0


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_another_process_gets_a_calendar(method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    calendars = [*(make() for make in MADE.values()), sd.calendar("XNYS")]
    ask = operator.methodcaller("session", "2024-01-02")
    with multiprocessing.get_context(method).Pool(1) as pool:
        answers = pool.map(ask, calendars)  # there and back: a grid comes home
        assert pool.apply(hash_free_equality, (calendars[0], plain().name)) == (True, calendars[0])
    assert answers == [ask(calendar) for calendar in calendars]


def hash_free_equality(calendar: sd.SessionCalendar, name: str) -> tuple[bool, sd.SessionCalendar]:
    """Run in another process, whose hashes of texts differ."""
    return {calendar: True}.get(plain(), False) and calendar.name == name, calendar


@pytest.mark.parametrize("what", ["XNYS", None, 7, object()])
def test_a_calendar_is_not_made_of_a_name(what: Any) -> None:
    with pytest.raises(sd.CalendarError, match=r"sessiondata\.calendar\(.*from_hours"):
        sd.SessionCalendar(what)


@pytest.mark.parametrize("kernel", ["find_gaps", "quality", "aggregate"])
def test_a_kernel_takes_a_grid_and_says_how_to_get_one(kernel: str) -> None:
    def call(bars: Any, grid: Any) -> Any:
        if kernel == "aggregate":
            return sd.aggregate(bars, grid, "1m", "5m")
        times = {name: columns[0] for name, columns in bars.items()} if isinstance(bars, dict) else bars[0]
        return getattr(sd, kernel)(times, grid, "1m")

    calendar = plain()
    bars = (np.array([OPEN]), *[np.ones(1)] * 5)
    for grid in (calendar, "XNYS", None, {"A": calendar.session("2024-01-02")}):
        with pytest.raises(sd.CalendarError, match=r"SessionGrid.*calendar\.session\('2024-03-12'\)"):
            call(bars, grid)
    for grids in (calendar, {"A": calendar.session("2024-01-02"), "B": calendar}):
        with pytest.raises(sd.CalendarError, match=r"a grid is .*got SessionCalendar .*symbol='[AB]'"):
            call({"A": bars, "B": bars}, grids)
    call(bars, calendar.session("2024-01-02"))  # what the message says
