"""Values of indicators in the document, and days that are missing between kept ones."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from pasts import BAR, past, same, store
from worlds import MINUTE

# --- values of indicators -------------------------------------------------------------------------


VALUES = [
    (1, 1), (0, 0), (-0.0, -0.0), (1.5e-7, 1.5e-7), (1e16, 1e16), (2**64 - 1, 2**64 - 1), (-(2**63), -(2**63)),
    (True, True), (False, False), ("a\"\\\x00ü🚀", "a\"\\\x00ü🚀"), (float("nan"), None), (math.inf, None),
    (np.float64(0.1), 0.1), (np.float32(0.5), 0.5), (np.int64(7), 7), (np.bool_(True), True), (np.str_("x"), "x"),
    ([1, (2.5, None)], [1, [2.5, None]]), (np.array([1.5, np.nan]), [1.5, None]),
    ({"a": {"b": [np.nan]}}, {"a": {"b": [None]}}),
    ([], []), ({}, {}), ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("value", "shown"), VALUES, ids=lambda value: repr(value)[:30])
def test_values_that_are_shown(value: Any, shown: Any) -> None:
    data = store(2)
    data.set_historical_indicator("A", "x", value)
    assert repr(past(data)["x"]) == repr(shown)
    data.add_historical_indicator('of mine "', lambda _: [value])
    assert repr(past(data, "B")['of mine "']) == repr([shown])


@pytest.mark.parametrize(
    "value",
    [1j, object(), {1: 2}, {1, 2}, b"x", 2**64, -(2**63) - 1, 10**5000, "\ud800", {"\ud800": 1}, [b"x"],
     np.datetime64("2024-03-12"), dt.date(2024, 3, 12)],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_values_that_no_document_can_hold_are_refused_by_both_writers(value: Any) -> None:
    data = store(2)
    data.set_historical_indicator("A", "x", value)
    for call in (data.to_dict, data.to_json):
        with pytest.raises(TypeError, match="indicator 'x' of 'A'"):
            call()
    data.set_historical_indicator("A", "x", 1)
    same(data)


def test_an_error_in_a_function_reaches_who_exports() -> None:
    data = store(2)
    data.add_historical_indicator("mine", lambda _: 1 / 0)
    for call in (data.to_dict, data.to_json):
        with pytest.raises(ZeroDivisionError):
            call()


@pytest.mark.slow
def test_many_days_symbols_and_gaps() -> None:
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData(calendar, "1m", ("5m", "1d"), 10)
    data.start_session("2024-03-01")
    rng = np.random.default_rng(5)
    for i in range(5):
        data.register_symbol(f"S{i}")
    data.add_historical_indicator("vwap_3d")
    for _ in range(12):
        start = int(data.grid.segments[0, 0])  # type: ignore[union-attr]
        for symbol in data.symbols.values():
            ts = start + np.flatnonzero(rng.random(390) < 0.8) * MINUTE
            prices = np.round(rng.uniform(10, 20, (4, len(ts))), 3)
            symbol.extend(
                ts, prices[0], prices.max(0), prices.min(0), prices[3], np.round(rng.uniform(0, 99, len(ts)), 1)
            )
        data.roll_session()
    assert len(past(data, "S3")["data"]["1m"]["dates"]) == 10


# --- days that are missing between kept ones ------------------------------------------------------


HOLES = {
    "weekdays": (sd.SessionCalendar.from_hours("09:30", "09:36", "America/New_York"), "1m", ("2m",)),
    "lunch": (
        sd.SessionCalendar.from_hours("09:30", "09:36", "Asia/Hong_Kong", breaks=[("09:33", "09:34")]),
        "30s",
        ("1m", "2m"),
    ),
    "always": (sd.SessionCalendar.always_open(), "4h", ("12h",)),
}
KEPT, HOLE, RUNNING = ("2024-03-07", "2024-03-11"), "2024-03-08", "2024-03-12"


class Hole:
    """A store of one symbol with history around days that are missing, and the times of its slots
    by date."""

    def __init__(self, market: str = "weekdays", kept: tuple[str, ...] = KEPT, **options: Any) -> None:
        self.calendar, self.base, derived = HOLES[market]
        self.by_close = options.get("label") == "close"
        self.data = sd.SessionData(self.calendar, self.base, derived, **{"trailing_days": 10, **options})
        self.symbol = self.data.register_symbol("A")
        for day in kept:
            self.load(day)
        self.data.start_session(RUNNING)

    def slots(self, day: str = HOLE) -> Any:
        return np.asarray(self.calendar.session(day).slot_starts(self.base))

    def load(self, day: str = HOLE) -> int:
        rows = self.rows(day)
        return self.symbol.load_historical_bars(self.base, *rows)

    def rows(self, day: str = HOLE) -> list[Any]:
        """Columns of a whole day; each row has its own volume."""
        times = self.slots(day)
        if self.by_close:
            stops = np.asarray(self.calendar.session(day).segments)[:, 1]
            ends = times + (times[1] - times[0])
            times = np.minimum(ends, stops[np.searchsorted(stops, times, side="right")])
        return [times, *(np.full(len(times), value) for value in BAR[:4]), 100.0 + np.arange(len(times))]

    def come(self, door: str, columns: list[Any], apart: bool) -> int:
        """Bars through a door, in one call or one by one from the last to the first."""
        n = len(columns[0])
        if apart:
            return sum(self.come(door, [column[i : i + 1] for column in columns], False) for i in range(n)[::-1])
        if door == "append":
            return sum(self.symbol.append(int(ts), *map(float, row)) for ts, *row in zip(*columns, strict=True))
        if door == "append_slice":
            return self.data.append_slice(["A"] * n, *columns)
        if door == "jit":
            return sum(one_bar(self.symbol, int(ts), *row) for ts, *row in zip(*columns, strict=True))
        return int(getattr(self.symbol, door)(*columns))

    def gaps(self) -> list[tuple[str, int]]:
        return [
            (str(self.calendar.session_at(gap.start_ns).date), gap.bar_count)
            for gap in self.data.get_historical_gaps("A")
        ]

    def historical(self) -> Any:
        return same(self.data)["symbols"]["A"]["historical"]


def one_bar(symbol: Any, *bar: Any) -> bool:
    """A bar as a compiled function offers it; whether it was stored."""
    jit = pytest.importorskip("sessiondata.jit")
    return bool(1 <= jit.append(symbol.handle, *bar) <= 3)


DOORS = ("append", "append_slice", "extend", "fill", "jit")


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("label", ["open", "close"])
@pytest.mark.parametrize("market", HOLES)
def test_a_day_that_is_missing_between_kept_ones_is_made_by_its_bars(
    market: str, label: str, door: str, apart: bool
) -> None:
    """It was a gap of history that nothing could fill."""
    hole, loaded = Hole(market, label=label), Hole(market, label=label)
    holes = [str(date) for date in hole.calendar.session_dates(*KEPT)[1:-1]]
    n = len(hole.slots())
    assert [date for date, _ in dict.fromkeys(hole.gaps())] == sorted(holes * (2 if market == "lunch" else 1))
    before, windows = hole.data.sequence, hole.symbol.historical_bars[hole.base]
    held = windows[KEPT[1]]
    for date in holes[::-1]:
        assert hole.come(door, hole.rows(date), apart) == n
        assert loaded.load(date) == n
    assert hole.data.sequence - before == n * len(holes)
    assert hole.gaps() == []
    assert hole.data.get_historical_quality("A") == 100.0
    assert hole.symbol.counters["other_session"] == 0
    assert [str(date) for date in windows] == [KEPT[0], *holes, KEPT[1]]
    assert hole.historical() == loaded.historical()
    assert held.is_valid()
    assert [tuple(bar) for bar in held] == [tuple(bar) for bar in windows[KEPT[1]]]
    assert hole.come(door, hole.rows(), apart) == 0  # it is there now
    assert hole.data.sequence - before == n * len(holes)


@pytest.mark.parametrize("door", DOORS)
def test_bars_of_other_days_that_are_not_kept_make_none(door: str) -> None:
    """Before the first kept day, after the last one, of a weekend."""
    hole = Hole(kept=("2024-03-06", "2024-03-08"))
    n = len(hole.slots())
    columns = hole.rows("2024-03-05")
    saturday = [hole.rows("2024-03-08")[0] + 24 * 60 * MINUTE, *columns[1:]]
    for rows in (columns, hole.rows("2024-03-11"), saturday):
        before = hole.data.sequence
        assert hole.come(door, rows, door == "jit") == 0
        assert hole.data.sequence == before
    assert hole.symbol.counters["other_session"] == (0 if door == "fill" else 3 * n)
    assert hole.gaps() == [("2024-03-07", n)]
    assert len(hole.symbol.historical_bars["1m"]) == 2
    mixed = [np.concatenate(columns) for columns in zip(columns, hole.rows("2024-03-07"), saturday, strict=True)]
    assert hole.come(door, [column[::-1] for column in mixed], door == "jit") == n
    assert hole.symbol.counters["other_session"] == (0 if door == "fill" else 5 * n)
    assert hole.gaps() == []


@pytest.mark.parametrize("door", DOORS)
def test_days_ahead_are_no_ends_of_what_is_missing(door: str) -> None:
    """What was loaded for later dates does not show, so nothing is missing before it. Once it
    shows, something is."""
    hole = Hole(kept=("2024-03-08", "2024-03-14"))  # the 12th runs
    n = len(hole.slots())
    assert hole.gaps() == []
    assert hole.come(door, hole.rows("2024-03-11"), False) == 0
    assert hole.symbol.counters["other_session"] == (0 if door == "fill" else n)
    hole.data.roll_session("2024-03-15")
    assert hole.gaps() == [("2024-03-11", n), ("2024-03-12", n), ("2024-03-13", n)]
    assert hole.come(door, hole.rows("2024-03-13"), False) == n
    assert hole.come(door, hole.rows("2024-03-11"), True) == n
    assert hole.gaps() == [("2024-03-12", n)]


@pytest.mark.parametrize("door", DOORS)
def test_a_session_that_was_passed_over_is_missing_once_a_later_one_is_over(door: str) -> None:
    hole = Hole()
    hole.load()
    hole.symbol.extend(*hole.rows(RUNNING))
    hole.data.roll_session("2024-03-14")  # not the 13th
    assert hole.gaps() == []
    assert hole.come(door, hole.rows("2024-03-13"), False) == 0
    hole.data.roll_session("2024-03-15")  # the 14th had no bar, and is a day all the same
    n = len(hole.slots())
    assert hole.gaps() == [("2024-03-13", n), ("2024-03-14", n)]
    assert hole.come(door, hole.rows("2024-03-13"), False) == n
    assert hole.gaps() == [("2024-03-14", n)]


@pytest.mark.parametrize("way", ["copy", "dumps", "save"])
@pytest.mark.parametrize("door", DOORS)
def test_a_store_that_came_back_makes_missing_days_too(door: str, way: str, tmp_path: Any) -> None:
    hole, loaded = Hole("lunch", extended_hours=("09:00", "16:30")), Hole("lunch", extended_hours=("09:00", "16:30"))
    kept = hole.data
    rows = hole.rows()
    hole.come(door, [column[:3] for column in rows], True)
    if way == "copy":
        hole.data = kept.copy()
    elif way == "dumps":
        hole.data = sd.loads(kept.dumps())
    else:
        kept.save(tmp_path / "x")
        hole.data = sd.load(tmp_path / "x")
    hole.symbol = hole.data.symbols["A"]
    assert hole.come(door, [column[3:] for column in rows], False) == len(rows[0]) - 3
    loaded.load()
    assert hole.historical() == loaded.historical()
    fresh = Hole("lunch").data  # with nothing of that day at all
    hole.data = sd.loads(fresh.dumps()) if way != "copy" else fresh.copy()
    hole.symbol = hole.data.symbols["A"]
    assert hole.come(door, rows, False) == len(rows[0])
    assert len(fresh.symbols["A"].historical_bars["30s"]) == 2


@pytest.mark.parametrize("door", DOORS)
def test_a_delta_tells_a_day_that_was_made(door: str) -> None:
    hole = Hole()
    hole.data.export_cursor("ui")
    document = hole.data.to_dict(cursor="ui")
    for part in (slice(0, 2), slice(2, 6)):
        hole.come(door, [column[part] for column in hole.rows()], False)
        delta = hole.data.to_dict(False, cursor="ui")
        assert "historical" in delta["symbols"]["A"]
        document = sd.apply_delta(document, delta)
        assert document["symbols"] == hole.data.to_dict()["symbols"]
    assert "A" not in hole.data.to_dict(False, cursor="ui")["symbols"]


def test_a_day_that_was_made_counts_among_those_that_a_roll_keeps() -> None:
    hole = Hole(trailing_days=2, capacity=2)
    hole.come("extend", hole.rows(), False)
    # a day of history has room for its session
    assert len(hole.symbol.historical_bars["1m"][HOLE]) == 6
    hole.data.roll_session()
    assert [str(date) for date in hole.symbol.historical_bars["1m"]] == ["2024-03-11", RUNNING]
    assert hole.come("append", hole.rows(), False) == 0  # it lies before all that is kept by now
    assert hole.symbol.counters["other_session"] == 6


def test_two_missing_days_and_kept_ones_in_one_slice() -> None:
    """A slice writes to a day that is here, to two that are not, and to both again."""
    hole, apart = Hole(kept=("2024-03-06", "2024-03-11")), Hole(kept=("2024-03-06", "2024-03-11"))
    for made in (hole, apart):
        made.load("2024-03-05")
    days = ["2024-03-06", "2024-03-08", "2024-03-07", "2024-03-11", "2024-03-08", "2024-03-06", "2024-03-07"]
    slots = [0, 1, 2, 3, 4, 5, 0]
    times = [int(hole.slots(day)[slot]) for day, slot in zip(days, slots, strict=True)]
    columns = [np.array(times), *(np.full(7, value + 1.0) for value in BAR)]
    assert hole.come("append_slice", columns, False) == 7
    assert apart.come("append", columns, True) == 7
    assert hole.historical() == apart.historical()
    assert hole.gaps() == [("2024-03-07", 1), ("2024-03-07", 3), ("2024-03-08", 1), ("2024-03-08", 2),
                           ("2024-03-08", 1)]  # fmt: skip


def test_a_slice_that_is_refused_makes_no_day() -> None:
    hole = Hole()
    columns = [column[:2] for column in hole.rows()]
    columns[2] = np.array([12.0, 1.0])  # a high below the low
    before = hole.historical()
    with pytest.raises(sd.BarError, match="row=1"):
        hole.come("append_slice", columns, False)
    for door in ("extend", "fill"):
        with pytest.raises(sd.BarError, match="row=1"):
            hole.come(door, columns, False)
    assert hole.historical() == before
    assert len(hole.symbol.historical_bars["1m"]) == 2


@pytest.mark.parametrize("market", HOLES)
def test_marks_and_retries_of_a_missing_day_are_kept(market: str) -> None:
    """They answered False and 0."""
    hole = Hole(market)
    gap = next(gap for gap in hole.data.get_historical_gaps("A") if gap.start_ns == hole.slots()[0])
    n, before = len(hole.gaps()), hole.data.sequence
    assert hole.symbol.record_retry(gap, when_ns=gap.stop_ns) == gap.bar_count
    assert hole.data.sequence == before + 1
    same(hole.data)
    (again,) = [held for held in hole.data.get_historical_gaps("A") if held.start_ns == gap.start_ns]
    assert (again.retry_count, len(hole.gaps())) == (1, n)
    assert hole.symbol.mark_no_trade(again)
    assert not hole.symbol.mark_no_trade(again)
    assert len(hole.gaps()) == n - 1
    hole.data = sd.loads(hole.data.dumps())
    assert len(hole.gaps()) == n - 1
    other = Hole(market)
    assert other.symbol.mark_halted(gap)
    assert len(other.gaps()) == n - 1
    assert [len(window) for window in other.symbol.historical_bars[other.base].values()][1] == 0
    assert other.come("extend", other.rows(), False) == len(other.slots())


@pytest.mark.parametrize("interval", ["2m", "1d"])
def test_a_gap_of_loaded_rows_that_no_mark_can_reach_says_what_to_load_first(interval: str) -> None:
    """It answered False and 0. Base bars of one date only are kept, those of the gap's are not."""
    hole = Hole(kept=("2024-03-11",))
    data = sd.SessionData(hole.calendar, "1m", ("2m", "1d"), 10)
    symbol = data.register_symbol("A")
    symbol.load_historical_bars("1m", *hole.rows("2024-03-11"))
    opens = [int(hole.slots(day)[0]) for day in ("2024-03-06", "2024-03-07")]
    opens = [ts + 2 * MINUTE * (interval == "2m") for ts in opens]
    symbol.load_historical_bars(interval, opens, *[[value] * 2 for value in BAR])
    data.start_session(RUNNING)
    gap = next(gap for gap in data.get_historical_gaps("A", interval) if gap.start_ns >= hole.slots("2024-03-07")[0])
    date = "2024-03-08" if interval == "1d" else "2024-03-07"
    before = same(data)
    for call in (
        lambda: symbol.mark_no_trade(gap),
        lambda: symbol.mark_halted(gap),
        lambda: symbol.record_retry(gap, when_ns=gap.stop_ns),
    ):
        with pytest.raises(sd.SessionStateError, match=rf"{date}.*load_historical_bars\('1m'") as caught:
            call()
        assert (caught.value.symbol, str(caught.value.value)) == ("A", date)
    assert not symbol.mark_no_trade(interval, gap.stop_ns, gap.stop_ns)  # no slot begins in it
    assert not symbol.mark_no_trade(interval, hole.slots("2024-03-05")[0], hole.slots("2024-03-05")[3])
    assert same(data) == before
    symbol.load_historical_bars("1m", *hole.rows(date))  # as it says
    assert symbol.mark_no_trade(gap)


def test_marks_of_time_that_is_no_missing_day_are_none() -> None:
    hole = Hole(kept=("2024-03-06", "2024-03-08"))
    for day in ("2024-03-05", "2024-03-11"):
        start = int(hole.slots(day)[0])
        for stop in (start + MINUTE, start + 6 * MINUTE):
            assert not hole.symbol.mark_no_trade("1m", start, stop)
            assert not hole.symbol.mark_halted(start, stop)
            assert hole.symbol.record_retry("1m", start, stop, when_ns=stop) == 0
    assert len(hole.symbol.historical_bars["1m"]) == 2
