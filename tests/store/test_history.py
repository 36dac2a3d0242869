"""Days after days: rolls, loads and late bars of earlier days, against the reference model and by
example."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

import reference as ref
import sessiondata as sd
from failing import each_allocation_fails
from sessiondata.rows.series import native_of
from sessiondata.store.store import parts_of
from sessiondata.store.symbol import state_of
from test_laws import NAMES, StoreLife, TapeLife
from worlds import HistoryWorld, configurations, timestamps, values


class HistoryLife(StoreLife):
    """The life of a store over six trade dates. Times are of the session under way, of days before,
    now and then of days to come."""

    world: HistoryWorld

    @initialize(
        configuration=configurations(),
        trailing_days=st.integers(0, 4),
        first=st.sampled_from([0, 0, 0, 2]),
        grace=st.sampled_from([0, 0, 90 * 1_000_000_000]),
        hours=st.sampled_from([None, ("08:00", "17:00"), ("00:00", "23:59")]),
    )
    def start(  # type: ignore[override]
        self, configuration: Any, trailing_days: int, first: int, grace: int, hours: tuple[str, str] | None
    ) -> None:
        note(repr((*configuration, trailing_days, first, grace, hours)))
        self.shape = configuration[0]
        self.world = HistoryWorld(*configuration, trailing_days, first, grace, hours)
        self.world.register(NAMES[0])
        self.next_ts = self.world.session.open
        self.taken: list[tuple[str, int, tuple[float, ...]]] = []

    def timestamps(self) -> st.SearchStrategy[int]:
        here = HistoryWorld.DAYS[self.world.number]
        near = [day for day in HistoryWorld.DAYS if day <= here]
        days = st.one_of(st.just(here), st.just(here), st.sampled_from(near))
        return st.tuples(timestamps(self.shape), days).map(lambda t: t[0] + t[1] * ref.DAY)

    def spans(self) -> st.SearchStrategy[tuple[int, int]]:
        """Of any day, and over several."""
        shifts = st.tuples(st.sampled_from(HistoryWorld.DAYS), st.sampled_from([0, 0, 0, 1, 3]))
        return st.tuples(super().spans(), shifts).map(
            lambda t: (t[0][0] + t[1][0] * ref.DAY, t[0][1] + sum(t[1]) * ref.DAY)
        )

    @precondition(lambda self: self.world.number + 1 < len(HistoryWorld.DAYS))
    @rule()
    def roll(self) -> None:
        self.world.roll()
        self.next_ts = self.world.session.open
        self.world.same(("time", "iso", "epoch_ms", "epoch_ns"))

    @rule(
        i=st.integers(0, 2),
        data=st.data(),
        bars=st.lists(values(), min_size=1, max_size=5),
        n=st.integers(0, 30),
        interval=st.sampled_from(["base", "base", "derived", "1d", "3m"]),
    )
    def load(self, i: int, data: st.DataObject, bars: list[tuple[float, ...]], n: int, interval: str) -> None:
        """Rows of a day or of all days, of an interval that the symbol holds or of another one."""
        name = self.name(i)
        held = self.world.model.symbols[name].intervals()
        if interval in ("base", "derived"):
            interval = held[0] if interval == "base" else held[-1]
        step = (ref.step_of(interval) or ref.DAY) if interval != "1d" else ref.MINUTE
        days = data.draw(st.lists(st.sampled_from(HistoryWorld.DAYS), min_size=1, max_size=3))
        first = self.world.sessions[0].open
        rows = [(first + day * ref.DAY + (k - 2) * step, *bars[k % len(bars)]) for day in days for k in range(n)]
        rows += [(ts, *bars[0]) for ts in data.draw(st.lists(self.timestamps(), max_size=4))]
        self.world.load(name, interval, data.draw(st.permutations(rows)))
        self.world.same()


HistoryLife.TestCase.settings = settings(max_examples=40, stateful_step_count=20)
TestHistoryLife = pytest.mark.slow(HistoryLife.TestCase)


class HolesLife(HistoryLife):
    """A life that begins with history around days of which nothing is kept."""

    @initialize(
        configuration=configurations(),
        trailing_days=st.integers(2, 4),
        first=st.sampled_from([3, 4]),
        bar=values(),
        hours=st.sampled_from([None, ("08:00", "17:00")]),
        ends=st.sampled_from([(0, 2), (0, 2, 5), (1, 4), (0, 5)]),
    )
    def start(  # type: ignore[override]
        self, configuration: Any, trailing_days: int, first: int, bar: Any, hours: Any, ends: tuple[int, ...]
    ) -> None:
        super().start(configuration, trailing_days, first, 0, hours)
        base = self.world.model.symbols[NAMES[0]].base
        self.world.load(NAMES[0], base, [(self.world.sessions[day].open, *bar) for day in ends if day != first])


HolesLife.TestCase.settings = settings(max_examples=40, stateful_step_count=20)
TestHolesLife = HolesLife.TestCase


# --- sessions that end and go on ------------------------------------------------------------------


class ResumedStoreLife(StoreLife):
    """A store's life in which the session ends now and then, takes bars and marks as a past day,
    and goes on."""

    @rule(i=st.integers(0, 2), data=st.data(), bars=st.lists(values(), max_size=3))
    def resume(self, i: int, data: st.DataObject, bars: list[tuple[float, ...]]) -> None:
        name, span = self.name(i), (self.world.session.span_start, self.world.session.span_stop)
        rows = [(data.draw(self.timestamps().filter(lambda ts: span[0] <= ts < span[1])), bar) for bar in bars]
        marked = data.draw(self.spans())

        def between() -> None:
            for ts, bar in rows:
                self.world.append(name, ts, bar)
            self.world.mark_halted(name, *marked)

        self.world.resume(between)
        for ts, bar in rows:
            self.keep(name, ts, bar)
        self.world.same()


class Resumed:
    """A life in which the session ends now and then and goes on, once or twice at a time."""

    world: Any

    @rule(again=st.booleans())
    def resume(self, again: bool) -> None:
        self.world.resume()
        if again:
            self.world.resume()
        self.world.same()


class ResumedTapeLife(Resumed, TapeLife): ...


class ResumedHistoryLife(Resumed, HistoryLife): ...


DEEP = os.environ.get("SESSIONDATA_HYPOTHESIS") == "thorough"
for _life, _few, _many in (
    (ResumedStoreLife, 8, 300),
    (ResumedTapeLife, 12, 600),
    (ResumedHistoryLife, 5, 150),
):
    _life.TestCase.settings = settings(max_examples=_many if DEEP else _few, stateful_step_count=25)
TestResumedStoreLife = pytest.mark.slow(ResumedStoreLife.TestCase)
TestResumedTapeLife = pytest.mark.slow(ResumedTapeLife.TestCase)
TestResumedHistoryLife = pytest.mark.slow(ResumedHistoryLife.TestCase)


# --- by example -----------------------------------------------------------------------------------

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York", holidays=["2024-03-14"])
MONDAY, TUESDAY, WEDNESDAY, FRIDAY = "2024-03-11", "2024-03-12", "2024-03-13", "2024-03-15"
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)
MINUTE = 60_000_000_000


def opening(date: str) -> int:
    return int(CALENDAR.session(date).segments[0, 0])


def new_store(derived: tuple[str, ...] = ("5m", "1d"), date: str | None = MONDAY, **options: Any) -> sd.SessionData:
    data = sd.SessionData(CALENDAR, "1m", derived, **options)
    if date is not None:
        data.start_session(date)
    return data


def columns(date: str, minutes: Any, close: float = 11.0) -> tuple[np.ndarray, ...]:
    minutes = np.array(list(minutes))
    values = (10.0, 12.0, 9.0, close, 100.0)
    return (opening(date) + MINUTE * minutes, *(np.full(len(minutes), value) for value in values))


def past(spy: sd.SymbolSessionData, date: str, interval: str = "1m") -> list[tuple[Any, ...]]:
    return [tuple(bar)[:6] for bar in spy.historical_bars[interval][date]]


def test_a_roll_moves_the_day_without_copying_a_row() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(390)))
    window, before = spy.bars("1m")[:], data.sequence
    bars, gaps = [tuple(bar)[:6] for bar in spy.bars("5m")], spy.bar_gaps
    grid = data.roll_session()
    assert str(grid.date) == str(data.session_date) == TUESDAY
    frozen = spy.historical_bars["1m"][MONDAY]
    assert np.shares_memory(frozen.close, window.close)
    assert not window.is_valid()
    assert frozen.is_valid()
    assert window.close.tolist() == frozen.close.tolist()
    assert past(spy, MONDAY, "5m") == bars
    assert {name: spy.historical_bars[name].gaps(MONDAY) for name in gaps} == gaps
    assert len(spy.bars()) == 0
    assert (spy.session_volume, spy.session_high, spy.last_update, data.as_of) == (0.0, None, None, None)
    assert spy.counters["stored"] == 0
    assert spy.historical_day(MONDAY).counters["stored"] == 390
    assert data.sequence > before
    with pytest.raises(ValueError, match="read-only"):
        frozen.close[0] = 1.0


def test_yesterday_is_over_when_it_is_history() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(7)))
    assert spy.bars("5m").forming
    data.roll_session()
    day = spy.historical_day(MONDAY)
    assert not any(bar.forming for bar in spy.historical_bars["5m"][MONDAY])
    assert (day.bars("1m").expected, day.bars("1m").missing, day.bars("1d").quality) == (390, 383, 100.0)
    assert spy.historical_bars["1m"].quality() == pytest.approx(100 * 7 / 390)
    assert data.get_historical_quality("SPY") == spy.historical_bars["1m"].quality(MONDAY)
    assert [gap.bar_count for gap in data.get_historical_gaps("SPY", "1m", MONDAY)] == [383]


def late_by_append(data: sd.SessionData, ts: int) -> bool:
    return data.append("SPY", ts, *BAR)


def late_by_extend(data: sd.SessionData, ts: int) -> bool:
    return data.extend("SPY", [ts], *([x] for x in BAR)) == 1


def late_by_slice(data: sd.SessionData, ts: int) -> bool:
    return data.append_slice(["SPY"], ts, *([x] for x in BAR)) == 1


def late_from_compiled_code(data: sd.SessionData, ts: int) -> bool:
    jit = pytest.importorskip("sessiondata.jit")
    return 1 <= jit.append(data.symbols["SPY"].handle, ts, *BAR) <= 3


LATE = (late_by_append, late_by_extend, late_by_slice, late_from_compiled_code)


@pytest.mark.parametrize("late", LATE)
def test_a_late_bar_of_yesterday_goes_to_yesterday(late: Any) -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, [*range(17), *range(18, 390)]))
    data.roll_session()
    spy.extend(*columns(TUESDAY, range(3)))
    spy.bars_updated = False
    before, held, shown = data.sequence, spy.historical_bars["1m"][MONDAY], past(spy, MONDAY)
    assert late(data, opening(MONDAY) + 17 * MINUTE)
    assert spy.historical_bars["1m"].quality(MONDAY) == 100.0
    assert len(spy.historical_bars["1m"][MONDAY]) == 390
    assert spy.historical_bars["5m"][MONDAY][3].n_base == 5
    assert [tuple(bar)[:6] for bar in held] == shown  # the window of before is as it was
    assert held.is_valid()
    assert data.sequence == before + 1
    assert spy.bars_updated
    assert len(spy.bars()) == 3
    assert spy.counters["other_session"] == spy.counters["late"] == 0
    assert spy.historical_day(MONDAY).counters["late"] == 1
    assert not late(data, opening(MONDAY) + 17 * MINUTE)  # a repeat
    assert data.sequence == before + 1
    assert spy.historical_day(MONDAY).counters["repeated"] == 1


@pytest.mark.parametrize("late", LATE)
def test_a_late_bar_of_a_day_that_is_not_there_is_counted(late: Any) -> None:
    data = new_store(trailing_days=1)
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(5)))
    assert not late(data, opening(MONDAY) - 3 * 24 * 60 * MINUTE)
    data.roll_session()
    data.roll_session()
    before = data.sequence
    assert not late(data, opening(MONDAY) + 7 * MINUTE)
    assert spy.counters["other_session"] == 1
    assert data.sequence == before


def test_bars_of_three_days_in_one_call() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    for _ in range(2):
        data.roll_session()
    parts = [columns(date, minutes) for date, minutes in ((WEDNESDAY, (0, 1)), (MONDAY, (5, 3)), (TUESDAY, (1, 1)))]
    rows = [np.concatenate(column) for column in zip(*parts, strict=True)]
    assert spy.extend(*rows) == 5
    assert [len(spy.bars()), len(past(spy, MONDAY)), len(past(spy, TUESDAY))] == [2, 2, 1]
    assert spy.historical_day(TUESDAY).counters["repeated"] == 1
    before = (data.to_json(), past(spy, MONDAY))
    rows[2][3] = np.nan
    with pytest.raises(sd.BarError, match="row=3"):
        spy.extend(*rows)
    assert (data.to_json(), past(spy, MONDAY)) == before


def test_a_slice_with_late_bars_is_all_or_nothing() -> None:
    data = new_store()
    for name in ("A", "B"):
        data.register_symbol(name)
    data.roll_session()
    times = np.array([opening(MONDAY), opening(TUESDAY), opening(MONDAY) + MINUTE])
    values = [np.full(3, value) for value in BAR]
    bad = [*values[:4], np.array([1.0, 1.0, -1.0])]
    with pytest.raises(sd.BarError, match="row=2"):
        data.append_slice(["A", "B", "A"], times, *bad)
    assert data.get_historical_bars("A")[CALENDAR.session(MONDAY).date].timestamp.tolist() == []
    assert data.append_slice(["A", "B", "A"], times, *values) == 3
    assert [row[0] for row in past(data.symbols["A"], MONDAY)] == [times[0], times[2]]
    assert len(data.symbols["B"].bars()) == 1


def test_a_ring_that_has_wrapped_becomes_history_as_it_is() -> None:
    data = new_store(capacity=50)
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, [*range(100), *range(101, 220)]))
    shown = [tuple(bar)[:6] for bar in spy.bars()]
    data.roll_session()
    assert past(spy, MONDAY) == shown
    assert not spy.append(opening(MONDAY) + 100 * MINUTE, *BAR)
    assert spy.historical_day(MONDAY).counters["too_old"] == 1
    assert spy.append(opening(MONDAY) + 389 * MINUTE, *BAR)
    assert past(spy, MONDAY) == [*shown[1:], (opening(MONDAY) + 389 * MINUTE, *BAR)]
    native_of(spy.historical_day(MONDAY).bars())[0].check_invariants()


def test_rolls_go_forwards_and_only_to_sessions() -> None:
    data = new_store(date=None)
    spy = data.register_symbol("SPY")
    with pytest.raises(sd.SessionStateError, match="no session to roll"):
        data.roll_session()
    with pytest.raises(sd.SessionStateError, match="no session is under way"):
        data.end_session()
    spy.append(opening(TUESDAY), *BAR)
    before = data.to_json()
    for date in (MONDAY, TUESDAY):
        with pytest.raises(sd.SessionStateError, match="goes forwards"):
            data.roll_session(date)
    with pytest.raises(sd.CalendarError):
        data.roll_session("2024-03-14")
    with pytest.raises(sd.SessionStateError, match="roll_session"):
        data.start_session(WEDNESDAY)
    assert data.to_json() == before
    assert str(data.roll_session(FRIDAY).date) == FRIDAY
    assert [str(date) for date in spy.historical_bars["1m"]] == [TUESDAY]


def test_the_next_trade_date_is_the_calendars() -> None:
    data = new_store(date=WEDNESDAY)
    assert str(data.roll_session().date) == FRIDAY  # the 14th is a holiday
    assert str(data.roll_session().date) == "2024-03-18"
    table = sd.SessionCalendar.from_schedule({MONDAY: CALENDAR.session(MONDAY).segments.tolist()}, "UTC")
    last = sd.SessionData(table)
    last.start_session(MONDAY)
    last.register_symbol("SPY").append(opening(MONDAY), *BAR)
    before = last.to_json()
    with pytest.raises(sd.DateOutOfRangeError, match="no session after"):
        last.roll_session()
    assert last.to_json() == before


def test_between_two_sessions_late_bars_go_to_history_and_new_ones_start_a_session() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(10)))
    data.end_session()
    assert (data.session_date, data.grid, len(spy.bars())) == (None, None, 0)
    assert spy.append(opening(MONDAY) + 20 * MINUTE, *BAR)
    assert spy.extend(*columns(MONDAY, (22, 21))) == 2
    assert not spy.append(opening(MONDAY) - 3 * 24 * 60 * MINUTE, *BAR)
    assert (len(past(spy, MONDAY)), spy.counters["other_session"], data.session_date) == (13, 1, None)
    with pytest.raises(sd.BarError):
        spy.append(opening(MONDAY), 1.0, 1.0, 2.0, 1.0, 1.0)
    with pytest.raises(sd.SessionStateError, match="has ended"):
        data.start_session("2024-03-08")
    parts = [columns(MONDAY, (30,)), columns(WEDNESDAY, (0,))]
    assert spy.extend(*(np.concatenate(column) for column in zip(*parts, strict=True))) == 2
    assert (str(data.session_date), len(spy.bars()), len(past(spy, MONDAY))) == (WEDNESDAY, 1, 14)


def test_an_ended_session_can_be_started_again() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(10)))
    shown = data.to_dict()["symbols"]
    data.end_session()
    data.start_session(MONDAY)
    assert data.to_dict()["symbols"] == shown
    assert not spy.historical_bars["1m"]
    spy.extend(*columns(MONDAY, range(10, 20)))
    data.roll_session()
    assert len(past(spy, MONDAY)) == 20


def test_history_is_trimmed_to_trailing_days() -> None:
    data = new_store(trailing_days=2)
    spy = data.register_symbol("SPY")
    for date in (MONDAY, TUESDAY, WEDNESDAY):
        spy.extend(*columns(date, range(10)))
        reserved = data.memory_usage()["reserved"]
        data.roll_session()
    for bars in spy.historical_bars.values():
        assert [str(date) for date in bars] == [TUESDAY, WEDNESDAY]
    usage = data.memory_usage()
    assert (usage["history_reserved"], usage["rows"]) == (2 * reserved, 0)
    assert usage["history_rows"] == 2 * (10 * 48 + 2 * 52 + 52)
    with pytest.raises(KeyError, match=MONDAY):
        spy.historical_bars["1m"][MONDAY]


def test_no_trailing_days_means_no_history() -> None:
    data = new_store(trailing_days=0)
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(10)))
    data.roll_session()
    assert not spy.historical_bars["1m"]
    assert not spy.append(opening(MONDAY) + 20 * MINUTE, *BAR)
    assert spy.counters["other_session"] == 1


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


def test_loaded_days_of_close_labelled_bars() -> None:
    data = new_store(date=None, label="close")
    spy = data.register_symbol("SPY")
    ts, *values = columns(MONDAY, range(390))
    spy.load_historical_bars("1m", ts + MINUTE, *values)
    spy.load_historical_bars("1h", [opening(MONDAY) + 390 * MINUTE], *([x] for x in BAR))
    assert spy.historical_bars["1m"].tally() == (390, 390)
    assert past(spy, MONDAY, "1h")[0][0] == opening(MONDAY) + 360 * MINUTE


def test_a_late_close_label_of_a_past_day_may_end_a_short_last_slot() -> None:
    # 6.5 hours in slots of one hour: the last one begins at 15:30, half an hour before the label.
    data = sd.SessionData(CALENDAR, "1h", ("1d",), label="close")
    spy = data.register_symbol("SPY")
    data.start_session(MONDAY)
    data.roll_session()
    end, hour = opening(MONDAY) + 390 * MINUTE, 60 * MINUTE
    spy.append(end, *BAR)
    spy.extend([end - 90 * MINUTE + hour, end - 90 * MINUTE], *([x, x] for x in BAR))
    data.append_slice(["SPY"], end - 150 * MINUTE, *([x] for x in BAR))
    starts = [opening(MONDAY) + k * hour for k in (3, 4, 5, 6)]
    assert [bar[0] for bar in past(spy, MONDAY, "1h")] == starts
    assert spy.counters["other_session"] == 0


@pytest.mark.parametrize("way", ["append", "extend", "append_slice"])
def test_a_close_label_between_sessions_names_the_end_of_its_bar(way: str) -> None:
    data = new_store(label="close")
    spy = data.register_symbol("SPY")
    data.end_session()
    give(data, way, opening(MONDAY) + 5 * MINUTE)
    give(data, way, opening(MONDAY) - 72 * 60 * MINUTE)  # of no day that is here
    assert [bar[0] for bar in past(spy, MONDAY)] == [opening(MONDAY) + 4 * MINUTE]
    assert spy.counters["other_session"] == 1


def give(data: sd.SessionData, way: str, ts_ns: int) -> None:
    """One bar of the only symbol, by `append`, `extend` or `append_slice`."""
    if way == "append":
        data.append(*data.symbols, ts_ns, *BAR)
    elif way == "extend":
        data.extend(*data.symbols, [ts_ns], *([x] for x in BAR))
    else:
        data.append_slice(data.symbols, [ts_ns], *([x] for x in BAR))


@pytest.mark.parametrize("trailing_days", [0, 10])
def test_a_slice_between_sessions_goes_where_single_bars_go(trailing_days: int) -> None:
    data = new_store(trailing_days=trailing_days)
    for name in ("SPY", "IBM"):
        data.register_symbol(name)
    data.end_session()
    stored = data.append_slice(["SPY", "IBM", "SPY"], opening(MONDAY) + MINUTE * np.arange(3), *([x] * 3 for x in BAR))
    assert stored == (3 if trailing_days else 0)
    assert data.session_date is None
    counted = [data.get_symbol_data(name).counters["other_session"] for name in ("SPY", "IBM")]
    assert counted == ([0, 0] if trailing_days else [2, 1])
    with pytest.raises(sd.BarError, match="IBM"):  # all or nothing, there too
        data.append_slice(["SPY", "IBM"], opening(MONDAY) + 9 * MINUTE, *([x, np.nan] for x in BAR))
    assert stored == sum(
        len(data.get_symbol_data(name).historical_bars["1m"].get(MONDAY, ())) for name in ("SPY", "IBM")
    )


def test_a_slice_takes_a_late_bar_of_a_symbol_whose_calendar_is_closed_today() -> None:
    closed = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York", holidays=[TUESDAY])
    data = new_store()
    data.register_symbol("SPY")
    ibm = data.register_symbol("IBM", calendar=closed)
    data.roll_session()
    assert str(data.session_date) == TUESDAY
    times = [opening(TUESDAY), opening(MONDAY)]
    assert data.append_slice(["SPY", "IBM"], times, *([x, x] for x in BAR)) == 2
    assert len(past(ibm, MONDAY)) == 1
    with pytest.raises(sd.SessionStateError, match=r"IBM.*ERR_LATER_SESSION|ERR_LATER_SESSION.*IBM"):
        data.append_slice(["SPY", "IBM"], [times[0] + MINUTE, opening(WEDNESDAY)], *([x, x] for x in BAR))
    assert len(data.get_symbol_data("SPY").bars()) == 1


def test_evidence_about_a_past_day_goes_to_that_day() -> None:
    data = new_store(trailing_days=5)
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(380)))
    data.roll_session()
    spy.extend(*columns(TUESDAY, range(2)))
    before, day = data.sequence, spy.historical_day(MONDAY)
    start = opening(MONDAY) + 380 * MINUTE
    assert spy.record_retry("1m", start, start + 3 * MINUTE, opening(TUESDAY)) == 3
    assert spy.mark_no_trade("1m", start, start + 10 * MINUTE)
    assert not spy.mark_no_trade("1m", start, start + 10 * MINUTE)
    assert data.sequence == before + 2
    marked = spy.historical_day(MONDAY)
    assert marked.marks == {"no_trade": [(start, start + 10 * MINUTE)], "halted": []}
    assert (marked.bars().no_trade, marked.bars().missing, marked.bars().completeness) == (10, 0, 100.0)
    assert (marked.bars("5m").no_trade, marked.bars("1d").missing) == (2, 0)
    assert spy.historical_bars["1m"].gaps() == []
    # what was handed out stays as it was
    assert (day.bars().no_trade, day.bars().missing) == (0, 10)
    assert spy.marks == {"no_trade": [], "halted": []}

    data.end_session()
    # both, and no session is needed
    assert spy.mark_halted(opening(MONDAY), opening(TUESDAY) + 390 * MINUTE)
    assert spy.historical_day(TUESDAY).bars().halted == 388
    assert spy.historical_bars["1m"].gaps() == []


def test_a_symbol_that_leaves_takes_its_history_with_it() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(40)))
    data.roll_session()
    window = spy.historical_bars["1m"][MONDAY]
    data.remove_symbol("SPY")
    assert data.memory_usage()["history_reserved"] == 0
    assert not data.register_symbol("SPY").historical_bars["1m"]
    assert len(window.close.tolist()) == 40
    data.clear()
    data.start_session(MONDAY)  # nothing has ended in a store that was cleared


@pytest.mark.parametrize("way", ["remove_symbol", "clear"])
def test_a_symbol_that_has_left_shows_no_history_and_takes_none(way: str) -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, [0, 3]))
    data.roll_session()
    spy.load_historical_bars("30s", *columns("2024-03-08", [0, 3]))
    data.add_historical_indicator("avg_volume_1d")
    days = spy.historical_bars["1m"]
    assert spy.historical_indicators["avg_volume_1d"] is not None
    if way == "clear":
        data.clear()
    else:
        data.remove_symbol("SPY")
    sequence = data.sequence
    assert (len(days), list(spy.historical_bars)) == (0, ["1m", "5m", "1d"])
    assert spy.historical_indicators == {"avg_volume_1d": None}
    at = opening(MONDAY)
    for call in (
        lambda: spy.load_historical_bars("1m", *columns(MONDAY, [5])),
        lambda: spy.load_historical_bars("5m", *columns(MONDAY, [5])),
        lambda: spy.mark_no_trade("1m", at, at + 10 * MINUTE),
        lambda: spy.mark_halted(at, at + 10 * MINUTE),
        lambda: spy.record_retry("1m", at, at + 10 * MINUTE, at),
        lambda: spy.append(at, *BAR),
    ):
        with pytest.raises(sd.SessionStateError, match="'SPY'"):
            call()
    assert data.sequence == sequence
    assert (len(days), list(spy.historical_bars)) == (0, ["1m", "5m", "1d"])


def calls() -> dict[str, Any]:
    late = columns(MONDAY, (3, 1))
    extended = columns(MONDAY, (-5, 400))  # moves the day to a roomy block
    mixed = tuple(np.concatenate(pair) for pair in zip(late, columns(TUESDAY, (1, 0)), strict=True))
    new = columns("2024-03-08", (3, 1))
    one = tuple(column[:1].copy() for column in extended)
    return {
        "roll": lambda data: data.roll_session(),
        "end": lambda data: data.end_session(),
        "append": lambda data: data.symbols["SPY"].append(opening(MONDAY) - MINUTE, *BAR),
        "extend": lambda data: data.symbols["SPY"].extend(*mixed),
        "extend, roomy": lambda data: data.symbols["SPY"].extend(*extended),
        "append_slice": lambda data: data.append_slice(["SPY"], *one),
        "load": lambda data: data.symbols["SPY"].load_historical_bars("1m", *mixed),
        "load a new day": lambda data: data.symbols["SPY"].load_historical_bars("1m", *new),
    }


@pytest.mark.allocations
@pytest.mark.parametrize("name", calls())
def test_where_there_is_no_memory_history_does_not_change(name: str) -> None:
    """Every allocation of the call fails in its turn, until it succeeds."""
    call = calls()[name]
    data = new_store(trailing_days=1)
    spy = data.register_symbol("SPY")
    spy.extend(*columns("2024-03-11", range(0, 20, 2)))
    spy.load_historical_bars("3m", *columns(MONDAY, (0, 3)))
    data.roll_session()
    spy.extend(*columns(TUESDAY, (7,)))
    data.calendar.session(WEDNESDAY)  # grids are kept

    def state() -> Any:
        bars = {name: {date: [tuple(bar) for bar in window] for date, window in bars.items()}
                for name, bars in spy.historical_bars.items()}  # fmt: skip
        return data.to_json(), bars, spy.counters, str(data)

    before = state()

    def check() -> None:
        assert state() == before
        state_of(spy).core.check_invariants()

    assert each_allocation_fails(lambda: call(data), check) >= 1
    assert state() != before


# --- indicators -----------------------------------------------------------------------------------


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


# --- calendars of symbols -------------------------------------------------------------------------

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


# --- the gate -------------------------------------------------------------------------------------


def test_an_inactive_store_takes_bars_and_answers_nobody() -> None:
    data = new_store(derived=("5m",))
    spy = data.register_symbol("SPY")
    data.add_historical_indicator("avg_volume_1d")
    held = spy.bars()
    assert data.is_active
    data.deactivate()
    assert not data.is_active
    day = CALENDAR.session(MONDAY).date
    questions = [
        lambda: data.to_dict(), lambda: data.to_json(), lambda: data.get_latest_bar("SPY"),
        lambda: data.get_last_n_bars("SPY", 1), lambda: data.get_bars_since("SPY", 0),
        lambda: data.get_bar_count("SPY"), lambda: data.get_session_metrics("SPY"), lambda: data.get_gaps("SPY"),
        lambda: data.get_quality("SPY"), lambda: data.get_historical_bars("SPY"),
        lambda: data.get_historical_quality("SPY"), lambda: data.get_historical_gaps("SPY"),
        lambda: data.get_all_bars_including_historical("SPY"),
        lambda: data.get_historical_indicator("SPY", "avg_volume_1d"), lambda: spy.bars("5m"), lambda: spy.bars_base,
        lambda: spy.bars_derived, lambda: spy.bar_gaps, lambda: spy.bar_quality, lambda: spy.session_volume,
        lambda: spy.session_high, lambda: spy.session_low, lambda: spy.last_update, lambda: spy.metrics(),
        lambda: spy.historical_bars, lambda: spy.historical_indicators, lambda: spy.historical_day(day),
        lambda: spy.ticks, lambda: spy.quotes,
    ]  # fmt: skip

    def feed(date: str) -> None:
        spy.extend(*columns(date, range(3)))
        data.append("SPY", opening(date) + 3 * MINUTE, *BAR)
        data.advance_to(opening(date) + 10 * MINUTE)
        spy.append_quote(opening(date), 1.0, 2.0, 3.0, 4.0)
        spy.extend_quotes([opening(date)], [1.0], [2.0], [3.0], [4.0])
        spy.load_historical_bars("1m", *columns("2024-03-08", range(3)))

    feed(MONDAY)
    data.roll_session()
    feed(TUESDAY)
    for question in questions:
        with pytest.raises(sd.InactiveError, match="not active"):
            question()
    assert isinstance(sd.InactiveError(), sd.SessionStateError)
    assert "4 x 1m" in repr(spy)
    assert len(held) == 4  # what was handed out is not taken back
    assert data.symbols["SPY"].counters["stored"] == 4
    data.activate()
    for question in questions:
        question()
    assert len(spy.historical_bars["1m"]) == 2


def test_days_of_history_are_frozen_windows() -> None:
    pd = pytest.importorskip("pandas")
    data = new_store()
    spy = data.register_symbol("SPY")
    for date in (MONDAY, TUESDAY):
        spy.extend(*columns(date, range(-3, 8)))
        if date == MONDAY:
            data.roll_session()
    window = spy.historical_bars["5m"][MONDAY]
    assert window.is_immutable
    frame = window.to_pandas(copy=False)
    assert np.shares_memory(frame["close"].to_numpy(), window.close)
    assert frame["extended"].tolist() == [True, False, False]
    every = data.get_all_bars_including_historical("SPY", "5m").to_pandas(copy=False)
    assert every["extended"].tolist() == [True, False, False] * 2
    assert every["forming"].tolist() == [False] * 5 + [True]
    assert every["n_base"].tolist() == [3, 5, 3] * 2
    times = pd.to_datetime(spy.bars("5m").timestamp, utc=True)
    assert every.index.tolist() == [*(times - pd.Timedelta("1D")), *times]


def test_evidence_and_extended_hours_go_with_the_day_and_into_its_copies() -> None:
    data = new_store(extended_hours=("09:00", "16:30"), grace_ns=3 * MINUTE)
    spy = data.register_symbol("SPY")
    start = opening(MONDAY)
    spy.extend(*columns(MONDAY, [-5, *range(10), *range(20, 390)]))
    spy.mark_no_trade("1m", start + 12 * MINUTE, start + 14 * MINUTE)
    spy.mark_halted(start + 15 * MINUTE, start + 17 * MINUTE)
    spy.record_retry("1m", start + 10 * MINUTE, start + 12 * MINUTE, start)
    marks = spy.marks
    data.roll_session()
    before = spy.historical_day(MONDAY).bars()
    assert spy.append(start + 13 * MINUTE, *BAR)  # the day is copied
    assert spy.append(start - 7 * MINUTE, *BAR)  # and again
    after = spy.historical_day(MONDAY).bars()
    assert (before.present, before.no_trade, before.halted, before.missing) == (380, 2, 2, 6)
    assert (after.present, after.no_trade, after.halted, after.missing) == (381, 1, 2, 6)
    assert (before.extended_slots.present, before.extended_slots.missing) == (1, 59)
    assert (after.extended_slots.present, after.extended_slots.missing) == (2, 58)
    assert [gap.retry_count for gap in after.gaps] == [gap.retry_count for gap in before.gaps] == [1, 0, 0]
    assert spy.historical_bars["1m"].gaps(MONDAY) == after.gaps
    assert (spy.marks, spy.bars().no_trade) != (marks, 2)  # the new session was told nothing
    assert spy.bars().expected == 0
    spy.load_historical_bars("1m", *columns("2024-03-08", range(10)))
    assert spy.historical_day("2024-03-08").bars().extended_slots.expected == 60


def test_the_quality_manager_goes_on_where_the_gate_is_closed_and_the_session_rolls() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, [0, 1, 5]))

    def fetch(_: str, __: str, start_ns: int, stop_ns: int) -> Any:
        return columns(MONDAY, range((start_ns - opening(MONDAY)) // MINUTE, (stop_ns - opening(MONDAY)) // MINUTE))

    manager = sd.DataQualityManager(data, mode="live", fetch=fetch)
    data.deactivate()
    manager.step(opening(MONDAY) + 6 * MINUTE)
    data.roll_session()
    manager.step(opening(TUESDAY))
    data.activate()
    assert len(past(spy, MONDAY)) == 6


# --- trades and quotes ----------------------------------------------------------------------------


def test_a_day_of_trades_becomes_history_and_a_late_trade_is_counted() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    start = opening(MONDAY)
    for second in range(0, 600, 7):
        spy.append_tick(start + second * MINUTE // 60, 10.0 + second % 5, 2.0, "P")
    spy.append_quote(start, 1.0, 2.0, 3.0, 4.0)
    assert spy.bars().forming
    shown = [tuple(bar)[:6] for bar in spy.bars()]
    data.roll_session()
    day = spy.historical_day(MONDAY)
    assert past(spy, MONDAY) == shown
    assert not day.bars().forming
    assert (spy.ticks.latest, spy.quotes.latest, len(spy.bars())) == (None, None, 0)
    assert not spy.append_tick(start + 5 * MINUTE, 10.0, 1.0)
    assert spy.ticks.counters["other_session"] == 1
    with pytest.raises(sd.InputKindError, match="fed by ticks"):
        spy.append(start + 20 * MINUTE, *BAR)  # its day was fed by trades
    spy.append(opening(TUESDAY), *BAR)  # today may be fed by something else
    native_of(day.bars())[0].check_invariants()


def test_a_late_bar_of_a_day_that_has_quotes_too() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(MONDAY, range(5)))
    for i in range(20):
        spy.append_quote(opening(MONDAY) + i * MINUTE, 1.0, 2.0, 3.0, 4.0)
    quotes = spy.quotes.last(20)
    data.roll_session()
    for minute in (8, 7, 9):  # each makes a copy of the day
        assert spy.append(opening(MONDAY) + minute * MINUTE, *BAR)
    native_of(spy.historical_day(MONDAY).bars())[0].check_invariants()
    assert len(past(spy, MONDAY)) == 8
    assert quotes.timestamp.tolist() == [opening(MONDAY) + i * MINUTE for i in range(20)]


def test_trades_between_two_sessions() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.append_tick(opening(MONDAY), 10.0, 1.0)
    data.end_session()
    assert not spy.append_tick(opening(MONDAY) + MINUTE, 10.0, 1.0)
    assert spy.extend_ticks([opening(MONDAY) + MINUTE], [10.0], [1.0]) == 0
    assert (data.session_date, spy.ticks.counters["other_session"]) == (None, 2)
    assert spy.extend_ticks([opening(TUESDAY), opening(MONDAY) + MINUTE], [10.0, 11.0], [1.0, 1.0]) == 1
    assert (str(data.session_date), len(spy.bars())) == (TUESDAY, 1)
