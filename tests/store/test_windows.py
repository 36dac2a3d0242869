"""Windows over days: the newest bars of history and the session under way."""

from __future__ import annotations

import ctypes
import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from sessiondata import SessionData
from sessiondata.time.intervals import parse_interval

MINUTE = 60_000_000_000
MONDAY = 1_710_115_200_000_000_000  # 2024-03-11, midnight UTC
DAY = 1440 * MINUTE


def bar(i: float) -> tuple[float, ...]:
    return i, i + 2.0, i - 2.0, i + 1.0, 10.0


def new_store(calendar: Any = None, **options: Any) -> tuple[SessionData, sd.SymbolSessionData]:
    data = SessionData(calendar, "1m", ("5m",), **options)
    return data, data.register_symbol("SPY")


def feed(symbol: sd.SymbolSessionData, first: int, n: int, value: float = 100.0) -> None:
    for i in range(n):
        symbol.append(first + i * MINUTE, *bar(value + i))


def of_two_days(*asked: str) -> tuple[SessionData, sd.SymbolSessionData]:
    """Ten minutes of Monday from noon on, and ten of Tuesday. Windows of the intervals that are
    named have been asked for before."""
    data, spy = new_store()
    feed(spy, MONDAY + DAY // 2, 10)
    data.roll_session()
    feed(spy, MONDAY + DAY + DAY // 2, 10, 200.0)
    for interval in asked:
        assert len(spy.window(interval, 1)) in (0, 1)
    return data, spy


# The first call of an interval is another one than those that follow.
first_and_second = pytest.mark.parametrize("asked", [(), ("1m", "5m", "1d")], ids=["first", "second"])


# --- what is in it --------------------------------------------------------------------------------


def test_a_window_goes_over_days_oldest_first() -> None:
    _, spy = of_two_days()
    window = spy.window("1m", 12)
    assert window.close.tolist() == [109.0, 110.0, *(201.0 + i for i in range(10))]
    assert window.trade_date.dtype == np.dtype("datetime64[D]")
    assert window.trade_date.astype(str).tolist() == ["2024-03-11"] * 2 + ["2024-03-12"] * 10
    assert (window.requested, window.shortfall, window.interval, window.symbol) == (12, 0, "1m", "SPY")


def test_where_fewer_are_kept_those_come_and_the_window_says_so() -> None:
    _, spy = of_two_days()
    window = spy.window("5m", 50)
    assert (len(window), window.requested, window.shortfall) == (4, 50, 46)
    empty = new_store()[1].window("5m", 3)
    assert (len(empty), empty.requested, empty.shortfall, empty.close.tolist()) == (0, 3, 3, [])
    assert empty.trade_date.tolist() == []


def test_rows_of_one_stretch_are_a_view() -> None:
    data, spy = of_two_days()
    live = spy.window("1m", 10)
    assert np.shares_memory(live.close, spy.bars().close)
    assert live.is_valid()
    assert not live.is_immutable
    spy.append(MONDAY + DAY + DAY // 2 - MINUTE, *bar(1.0))  # late: rows change places
    assert not live.is_valid()
    data.roll_session()
    past = spy.window("1m", 5)
    assert np.shares_memory(past.close, spy.historical_bars["1m"]["2024-03-12"].close)
    assert past.is_immutable
    assert past.is_valid()
    assert spy.window("1m", 20).is_immutable  # of two days: a copy


def test_the_bar_in_progress_only_where_it_is_asked_for() -> None:
    _, spy = of_two_days()
    spy.append(MONDAY + DAY + DAY // 2 + 10 * MINUTE, *bar(500.0))
    assert spy.window("5m", 1).close.tolist() == [210.0]
    window = spy.window("5m", 3, forming=True)
    assert [b.forming for b in window] == [False, False, True]
    assert [b.forming for b in spy.window("5m", 9, forming=True)] == [False] * 4 + [True]
    assert window.close.tolist() == [205.0, 210.0, 501.0]


def test_extended_bars_only_where_they_are_asked_for() -> None:
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "UTC", breaks=[("12:00", "13:00")])
    _, spy = new_store(calendar)
    times = ["09:00", "09:29", "09:30", "11:59", "12:30", "13:00", "15:59", "16:00", "18:00"]
    at = [np.datetime64(f"2024-03-12T{time}", "ns") for time in times]
    for i, time in enumerate(at):
        spy.append(time, *bar(float(i)))
    assert spy.window("1m", 20).open.tolist() == [2.0, 3.0, 5.0, 6.0]
    assert spy.window("1m", 20, extended=True).open.tolist() == [float(i) for i in range(9)]
    assert spy.window("1m", 2).open.tolist() == [5.0, 6.0]
    assert np.shares_memory(spy.window("1m", 2).open, spy.bars().open)
    assert [b.extended for b in spy.window("1m", 9, extended=True)] == [True] * 2 + [False] * 2 + [True] + [
        False
    ] * 2 + [True] * 2


def test_a_break_without_bars_cuts_no_view() -> None:
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "UTC", breaks=[("12:00", "13:00")])
    _, spy = new_store(calendar)
    for time in ("09:30", "11:59", "13:00", "15:59"):
        spy.append(np.datetime64(f"2024-03-12T{time}", "ns"), *bar(1.0))
    assert np.shares_memory(spy.window("1m", 4).open, spy.bars().open)


# --- history --------------------------------------------------------------------------------------


def test_late_bars_and_corrections_of_yesterday_are_in_it() -> None:
    _, spy = of_two_days()
    assert spy.window("1m", 12).close[0] == 109.0
    spy.append(MONDAY + DAY // 2 + 10 * MINUTE, *bar(700.0))
    spy.append(MONDAY + DAY // 2 + 9 * MINUTE, *bar(600.0))
    assert spy.window("1m", 12).close.tolist()[:2] == [601.0, 701.0]
    assert spy.window("5m", 3).close.tolist()[0] == 701.0  # it made a slot of its own
    assert spy.window("5m", 4).close.tolist()[0] == 601.0


def test_nothing_that_was_loaded_ahead_is_in_it() -> None:
    data, spy = of_two_days()
    later = MONDAY + 2 * DAY + DAY // 2 + MINUTE * np.arange(5)
    values = [np.arange(5.0), np.arange(5.0) + 1, np.arange(5.0) - 1, np.arange(5.0), np.ones(5)]
    data.load_historical_bars("SPY", "1m", later, *values)
    assert spy.window("1m", 12).close.tolist()[-1] == 210.0
    data.roll_session()
    assert spy.window("1m", 12, extended=True).close.tolist()[-5:] == values[3].tolist()


def test_rows_that_are_supplied_for_today_are_in_it_tomorrow() -> None:
    data, spy = of_two_days()
    at = MONDAY + DAY + DAY // 2 - 10 * MINUTE
    data.load_historical_bars("SPY", "5m", [at], *([[1.0]] * 5))
    assert spy.window("5m", 9).open.tolist() == [100.0, 105.0, 200.0, 205.0]
    data.roll_session()
    assert spy.window("5m", 9).open.tolist() == [100.0, 105.0, 1.0, 200.0, 205.0]


def test_supplied_rows_stand_before_derived_ones() -> None:
    data, spy = of_two_days()
    at = MONDAY + DAY // 2
    data.load_historical_bars("SPY", "5m", [at, at - 5 * MINUTE], *([[1.0, 2.0]] * 4), [5.0, 6.0])
    window = spy.window("5m", 5)
    assert window.open.tolist() == [2.0, 1.0, 105.0, 200.0, 205.0]
    assert [b.n_base for b in window] == [0, 0, 5, 5, 5]
    # of a day without base rows
    data.load_historical_bars("SPY", "5m", [at - DAY], *([[3.0]] * 4), [7.0])
    assert spy.window("5m", 9).open.tolist()[0] == 3.0
    assert spy.window("5m", 9).trade_date.astype(str).tolist()[0] == "2024-03-10"


def test_days_of_which_only_the_daily_bar_is_kept() -> None:
    data, spy = new_store(trailing_days=1)
    data.add_historical_indicator("vwap_5d")
    for day in range(4):
        feed(spy, MONDAY + day * DAY, 3, 100.0 * (day + 1))
        if day < 3:
            data.roll_session()
    assert spy.window("1d", 9).open.tolist() == [100.0, 200.0, 300.0]
    assert spy.window("1d", 9, forming=True).open.tolist() == [100.0, 200.0, 300.0, 400.0]
    assert [b.forming for b in spy.window("1d", 2, forming=True)] == [False, True]
    assert spy.window("1d", 1).trade_date.astype(str).tolist() == ["2024-03-13"]
    assert spy.window("1m", 9).open.tolist() == [300.0, 301.0, 302.0, 400.0, 401.0, 402.0]


def test_an_interval_that_only_history_has() -> None:
    data, spy = of_two_days()
    data.load_historical_bars("SPY", "15m", [MONDAY + i * 15 * MINUTE for i in range(4)], *([range(4)] * 5))
    with pytest.raises(sd.UnknownNameError, match="holds no 15m in its session"):
        spy.window("15m", 2)
    data.end_session()
    assert spy.window("15m", 2).open.tolist() == [2.0, 3.0]
    assert spy.window("15m", 2).is_immutable
    out = {"open": np.zeros(6), "trade_date": np.zeros(6, "M8[D]")}
    assert spy.window("15m", 6, out=out) == 4
    assert out["open"].tolist() == [0.0, 1.0, 2.0, 3.0, 0.0, 0.0]
    assert out["trade_date"].astype(str).tolist()[3] == "2024-03-11"


def test_windows_follow_ends_clears_and_removals() -> None:
    data, spy = of_two_days()
    data.end_session()
    assert spy.window("1m", 3).close.tolist() == [208.0, 209.0, 210.0]
    data.clear()
    spy = data.register_symbol("SPY")
    assert len(spy.window("1m", 3)) == 0
    feed(spy, MONDAY, 3)
    data.roll_session()
    assert len(spy.window("1m", 3)) == 3
    data.remove_symbol("SPY")
    assert len(spy.window("1m", 3)) == 0
    copied = of_two_days()[0].copy()
    assert copied["SPY"].window("1m", 12).close.tolist()[:2] == [109.0, 110.0]


def test_a_window_is_as_good_as_any_other() -> None:
    _, spy = of_two_days()
    window = spy.window("5m", 9)
    again = pickle.loads(pickle.dumps(window))
    assert [tuple(b) for b in again] == [tuple(b) for b in window]
    assert again.trade_date.tolist() == window.trade_date.tolist()
    assert window[-2:].trade_date.astype(str).tolist() == ["2024-03-12"] * 2
    assert window.copy().close.tolist() == window.close.tolist()
    assert [w.shortfall for w in (window, again, window.copy(), window[1:])] == [5, 5, 5, 0]
    assert window.end_ns.tolist() == (window.timestamp + 5 * MINUTE).tolist()
    frame = np.asarray(window)
    assert frame["close"].tolist() == window.close.tolist()
    assert frame["n_base"].tolist() == [5] * 4
    with pytest.raises(ValueError, match="read-only"):
        window.close[0] = 1.0


def test_spellings_of_an_interval() -> None:
    _, spy = of_two_days()
    assert spy.window("300s", 2).interval == "5m"
    assert spy.window(parse_interval("5m"), 2).interval == "5m"
    assert spy.window(None, 2).interval == "1m"


# --- out ------------------------------------------------------------------------------------------


def buffers(n: int) -> dict[str, Any]:
    return {
        "timestamp": np.full(n, -1),
        **{name: np.full(n, -1.0) for name in ("open", "high", "low", "close", "volume")},
        "n_base": np.full(n, -1, np.int32),
        "trade_date": np.full(n, "1999-01-01", "M8[D]"),
    }


@first_and_second
@pytest.mark.parametrize("names", [list(buffers(1)), list(buffers(1))[:7], ["close"], ["n_base", "low"]])
@pytest.mark.parametrize("interval", ["1m", "5m", "1d"])
@pytest.mark.parametrize("n", [1, 3, 12, 40])
def test_out_has_what_the_window_has(interval: str, n: int, names: list[str], asked: tuple[str, ...]) -> None:
    _, spy = of_two_days(*asked)
    out = {name: buffers(n)[name] for name in names}
    count = spy.window(interval, n, forming=True, out=out)
    window = spy.window(interval, n, forming=True)
    assert count == len(window)
    for name in names:
        values = [b.n_base for b in window] if name == "n_base" else getattr(window, name).tolist()
        assert out[name][:count].tolist() == values
        assert set(out[name][count:].tolist()) <= set(buffers(1)[name].tolist())


def _of_ring(spy: sd.SymbolSessionData) -> Any:
    """A writable array on memory of the store, as nobody should have one."""
    column = spy.bars().close
    return np.ctypeslib.as_array((ctypes.c_double * 3).from_address(column.ctypes.data))


REFUSED: dict[str, Any] = {
    "no mapping": (lambda _: [np.zeros(3)], TypeError),
    "empty": (lambda _: {}, TypeError),
    "no array": (lambda _: {"close": [0.0] * 3}, TypeError),
    "masked": (lambda _: {"close": np.ma.zeros(3)}, TypeError),
    "no column": (lambda _: {"closing": np.zeros(3)}, KeyError),
    "no name": (lambda _: {3: np.zeros(3)}, KeyError),
    "dtype": (lambda _: {"close": np.zeros(3, np.float32)}, TypeError),
    "byte order": (lambda _: {"close": np.zeros(3, ">f8")}, TypeError),
    "dates of another unit": (lambda _: {"trade_date": np.zeros(3, "M8[ns]")}, TypeError),
    "shape": (lambda _: {"close": np.zeros(4)}, ValueError),
    "dimensions": (lambda _: {"close": np.zeros((1, 3))}, ValueError),
    "layout": (lambda _: {"close": np.zeros(6)[::2]}, ValueError),
    "alignment": (lambda _: {"close": np.frombuffer(bytearray(25), np.uint8)[1:].view(np.float64)}, ValueError),
    "read-only": (lambda _: {"close": np.frombuffer(bytes(24), np.float64)}, ValueError),
    "one twice": (lambda _: dict.fromkeys(("open", "close"), np.zeros(3)), ValueError),
    "overlap": (lambda _: (lambda a: {"open": a[:3], "close": a[2:]})(np.zeros(5)), ValueError),
    "a ring": (lambda spy: {"close": _of_ring(spy)}, ValueError),
}


@first_and_second
@pytest.mark.parametrize("case", REFUSED)
def test_what_out_cannot_be_is_one_typed_error_and_nothing_is_written(case: str, asked: tuple[str, ...]) -> None:
    _, spy = of_two_days(*asked)
    make, kind = REFUSED[case]
    good, bad = np.full(3, -1), make(spy)
    before = spy.bars().close.tolist()
    out = {"timestamp": good, **bad} if isinstance(bad, dict) and bad else bad
    with pytest.raises(sd.SessionDataError) as caught:
        spy.window("1m", 3, out=out)
    assert isinstance(caught.value, kind)
    assert caught.value.symbol == "SPY"
    assert good.tolist() == [-1] * 3
    assert spy.bars().close.tolist() == before


class Turns(Mapping[str, Any]):
    """A mapping that has another array each time it is asked."""

    def __init__(self, name: str, arrays: list[Any]) -> None:
        self._name, self._arrays = name, iter(arrays)

    def __getitem__(self, name: str) -> Any:
        return next(self._arrays)

    def __iter__(self) -> Iterator[str]:
        return iter([self._name])

    def __len__(self) -> int:
        return 1


@first_and_second
def test_out_is_asked_for_its_arrays_once(asked: tuple[str, ...]) -> None:
    """Those that were checked are those that are written to."""
    _, spy = of_two_days(*asked)
    memory = np.zeros(8)
    checked = np.zeros(3)
    assert spy.window("1m", 3, out=Turns("close", [checked, *[memory[:1]] * 9])) == 3
    assert checked.tolist() == [208.0, 209.0, 210.0]
    assert not memory.any()


@first_and_second
def test_a_ring_of_yesterday_is_no_buffer_either(asked: tuple[str, ...]) -> None:
    _, spy = of_two_days(*asked)
    column = spy.historical_bars["1m"]["2024-03-11"].close
    array = np.ctypeslib.as_array((ctypes.c_double * 3).from_address(column.ctypes.data))
    with pytest.raises(sd.ArgumentError, match="memory of the store"):
        spy.window("1m", 3, out={"close": array})


# --- bad input ------------------------------------------------------------------------------------


@first_and_second
@pytest.mark.parametrize("n", [0, -1, -(2**70)])
def test_n_is_at_least_one(n: int, asked: tuple[str, ...]) -> None:
    with pytest.raises(sd.ArgumentError, match="n is at least 1") as caught:
        of_two_days(*asked)[1].window("1m", n)
    assert caught.value.value == n


@first_and_second
@pytest.mark.parametrize("n", [True, False, 1.0, "3", None, np.True_, np.float64(2)])
def test_n_is_a_whole_number(n: Any, asked: tuple[str, ...]) -> None:
    with pytest.raises(sd.ArgumentTypeError, match="n is a whole number"):
        of_two_days(*asked)[1].window("1m", n)


@first_and_second
@pytest.mark.parametrize("n", [2**70, np.int8(7), np.uint64(2**63)])
def test_n_may_be_any_whole_number(n: Any, asked: tuple[str, ...]) -> None:
    assert len(of_two_days(*asked)[1].window("1m", n)) == min(n, 20)


@pytest.mark.parametrize("interval", ["3m", "", "5 m", 5, ["5m"]])
def test_an_interval_that_there_is_none_of(interval: Any) -> None:
    with pytest.raises(sd.UnknownNameError):
        of_two_days()[1].window(interval, 3)


@first_and_second
@pytest.mark.parametrize("options", [{"extended": 1}, {"forming": "no"}, {"extended": None}])
def test_options_are_bools(options: Any, asked: tuple[str, ...]) -> None:
    with pytest.raises(sd.ArgumentTypeError, match="is True or False"):
        of_two_days(*asked)[1].window("1m", 3, **options)


@first_and_second
def test_a_store_that_is_not_active_answers_no_window(asked: tuple[str, ...]) -> None:
    data, spy = of_two_days(*asked)
    data.deactivate()
    with pytest.raises(sd.InactiveError):
        spy.window("1m", 3)
