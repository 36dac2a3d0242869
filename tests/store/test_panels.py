"""Panels: one field of many symbols on one time axis."""

from __future__ import annotations

import ctypes
import random
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import reference as ref
import sessiondata as sd
from sessiondata import SessionData
from worlds import same_panel

MINUTE = 60_000_000_000
MONDAY = 1_710_115_200_000_000_000  # 2024-03-11, midnight UTC
DAY = 1440 * MINUTE
NAT = -(2**63)


def feed(data: SessionData, name: str, minutes: Any, value: float = 0.0) -> None:
    ts = MONDAY + np.asarray(minutes, np.int64) * MINUTE
    values = value + np.arange(float(len(ts)))
    data.extend(name, ts, values, values + 1, values - 1, values + 0.5, values + 7)


def new_store(*names: str, **options: Any) -> SessionData:
    data = SessionData(None, "1m", ("5m",), **options)
    for name in names:
        data.register_symbol(name)
    return data


def of_three() -> SessionData:
    data = new_store("SPY", "QQQ", "IWM")
    feed(data, "SPY", range(10))
    feed(data, "QQQ", range(10), 100.0)
    feed(data, "IWM", [0, 1, 4, 5, 8], 200.0)
    return data


# --- what is in it --------------------------------------------------------------------------------


def test_a_panel_has_a_row_of_each_symbol() -> None:
    data = of_three()
    panel = data.panel("close", "1m", 4)
    assert panel.symbols == ("SPY", "QQQ", "IWM")
    assert (panel.field, panel.interval, panel.shortfall, panel.shape) == ("close", "1m", 0, (3, 4))
    assert panel.ts_ns.tolist() == [MONDAY + i * MINUTE for i in range(6, 10)]
    assert panel.datetime64[-1] == np.datetime64("2024-03-11T00:09", "ns")
    assert panel.values[:2].tolist() == [[6.5, 7.5, 8.5, 9.5], [106.5, 107.5, 108.5, 109.5]]
    assert np.isnan(panel.values[2]).tolist() == [True, True, False, True]
    assert panel.mask.tolist() == [[False] * 4] * 2 + [[True, True, False, True]]
    assert panel.values[2, 2] == 204.5
    assert panel.values.dtype == np.float64
    assert panel.mask.dtype == np.bool_


@pytest.mark.parametrize(
    ("field", "newest"), [("open", 9.0), ("high", 10.0), ("low", 8.0), ("close", 9.5), ("volume", 16.0)]
)
def test_fields(field: str, newest: float) -> None:
    assert of_three().panel(field, "1m", 1, ["SPY"]).values.tolist() == [[newest]]


def test_as_of_values_fill_forward() -> None:
    data = of_three()
    panel = data.panel("close", "1m", 4, fill_forward=True)
    assert panel.values[2].tolist() == [203.5, 203.5, 204.5, 204.5]  # of 00:05, before the axis, and of 00:08
    assert panel.mask[2].tolist() == [True, True, False, True]
    feed(data, data.register_symbol("new").symbol, [8])
    assert np.isnan(data.panel("close", "1m", 4, fill_forward=True).values[3]).tolist() == [True, True, False, False]


def test_a_panel_of_fewer_slots_begins_with_none() -> None:
    panel = of_three().panel("close", "5m", 5)
    assert panel.shortfall == 3
    assert panel.ts_ns.tolist() == [NAT] * 3 + [MONDAY, MONDAY + 5 * MINUTE]
    assert panel.mask[0].tolist() == [True] * 3 + [False] * 2
    assert np.isnan(panel.values[0]).tolist() == [True] * 3 + [False] * 2
    empty = new_store("SPY").panel("close", "5m", 2)
    assert (empty.shortfall, empty.ts_ns.tolist(), empty.mask.tolist()) == (2, [NAT] * 2, [[True] * 2])


def test_the_order_of_symbols_is_theirs_and_repeats_are_rows() -> None:
    data = of_three()
    panel = data.panel("close", "1m", 1, symbols=["QQQ", "SPY", "QQQ"])
    assert panel.symbols == ("QQQ", "SPY", "QQQ")
    assert panel.values.tolist() == [[109.5], [9.5], [109.5]]
    assert data.panel("close", "1m", 2, symbols=[]).values.shape == (0, 2)
    assert data.panel("close", "1m", 2, symbols=iter(["SPY"])).symbols == ("SPY",)


def test_panels_go_over_days_and_follow_late_bars() -> None:
    data = of_three()
    data.roll_session()
    feed(data, "SPY", [1440, 1441], 50.0)
    feed(data, "QQQ", [1440, 1441], 60.0)
    panel = data.panel("close", "1m", 4)
    assert panel.values[:2].tolist() == [[8.5, 9.5, 50.5, 51.5], [108.5, 109.5, 60.5, 61.5]]
    assert panel.values[2].tolist()[:1] == [204.5]
    data.append("IWM", MONDAY + 9 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert data.panel("close", "1m", 4).values[2].tolist()[:2] == [204.5, 1.0]
    data.load_historical_bars("SPY", "1m", [MONDAY + 2 * DAY], *([[7.0]] * 5))  # ahead
    assert data.panel("close", "1m", 1).values[0].tolist() == [51.5]


def test_symbols_without_the_interval_are_left_out_or_refused() -> None:
    data = of_three()
    data.register_symbol("ES", "1m", ("15m",))
    assert data.panel("close", "5m", 1).symbols == ("SPY", "QQQ", "IWM")
    assert data.panel("close", "15m", 1).symbols == ("ES",)
    assert data.panel("close", "1d", 1, forming=True).symbols == ("SPY", "QQQ", "IWM", "ES")
    with pytest.raises(sd.UnknownNameError, match="'ES' holds no interval '5m'; it holds 1m, 15m"):
        data.panel("close", "5m", 1, ["SPY", "ES"])
    with pytest.raises(sd.UnknownNameError, match="no symbol holds an interval '3m'"):
        data.panel("close", "3m", 1)


def test_calendars_of_their_own_meet_on_one_axis() -> None:
    data = SessionData(sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"), "1m", ("1h",))
    spy = data.register_symbol("SPY")
    eurex = data.register_symbol("FDAX", calendar=sd.SessionCalendar.from_hours("09:00", "17:30", "Europe/Berlin"))
    coin = data.register_symbol("BTC", calendar="24/7")
    at = np.datetime64("2024-03-12T00:00", "m")
    for symbol, first, n in ((spy, 810, 180), (eurex, 480, 510), (coin, 0, 1080)):
        ts = (at + (first + np.arange(n)).astype("m8[m]")).astype("M8[ns]").astype(np.int64)
        values = np.arange(float(n))
        symbol.extend(ts, values, values, values, values, values)
    data.advance_to(np.datetime64("2024-03-12T18:00", "ns"))
    panel = data.panel("close", "1h", 40)
    rows = [list(zip(s.window("1h", 40).timestamp.tolist(), s.window("1h", 40).close.tolist(), strict=True))
            for s in (spy, eurex, coin)]  # fmt: skip
    same_panel(panel, ref.panel(rows, 40, False), 40)
    assert panel.shortfall == 40 - 21  # each full hour, and the half ones of New York


def test_symbols_that_come_and_go_are_seen() -> None:
    data = of_three()
    assert len(data.panel("close", "1m", 1).symbols) == 3
    data.register_symbol("new")
    assert data.panel("close", "1m", 1).symbols[-1] == "new"
    data.remove_symbol("SPY")
    assert data.panel("close", "1m", 1).symbols == ("QQQ", "IWM", "new")
    with pytest.raises(sd.UnknownNameError):
        data.panel("close", "1m", 1, ["SPY"])
    data.clear()
    with pytest.raises(sd.UnknownNameError):
        data.panel("close", "1m", 1)
    data.register_symbol("SPY")
    assert data.panel("close", "1m", 1).symbols == ("SPY",)


def test_a_panel_is_its_own() -> None:
    data = of_three()
    panel = data.panel("close", "1m", 2)
    panel.values[:] = 0.0
    assert data.panel("close", "1m", 2).values[0].tolist() == [8.5, 9.5]
    assert np.asarray(panel).tolist() == panel.values.tolist()
    assert "3 symbols x 2 slots" in repr(panel)


def test_a_panel_as_a_frame() -> None:
    pytest.importorskip("pandas")
    frame = of_three().panel("close", "5m", 3).to_pandas()
    assert list(frame.columns) == ["SPY", "QQQ", "IWM"]
    assert frame.shape == (2, 3)
    assert str(frame.index[0]) == "2024-03-11 00:00:00+00:00"
    assert frame["QQQ"].tolist() == [104.5, 109.5]


# --- against the model ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_random_panels(seed: int) -> None:
    rng = random.Random(seed)
    n_symbols = rng.randrange(1, 12)
    data = new_store(*(f"S{i}" for i in range(n_symbols)), trailing_days=3)
    slots = [day * 1440 + i for day in range(rng.randrange(1, 4)) for i in range(rng.randrange(1, 30))]
    common = [slot for slot in slots if rng.random() < 0.9]
    own = {}
    for i in range(n_symbols):
        kind = rng.choice(["common", "common", "some", "late", "none"])
        own[i] = {"common": common, "some": [s for s in common if rng.random() < 0.7], "none": []}.get(
            kind, [s for s in slots if s % 1440 > 5]
        )
    for day in range(3):
        if day:
            data.roll_session("2024-03-11" if data.session_date is None else None)
        else:
            data.start_session("2024-03-11")
        for i, minutes in own.items():
            feed(data, f"S{i}", [s for s in minutes if s // 1440 == day], 10.0 * i)
    for i in range(rng.choice([0, n_symbols // 2, n_symbols])):  # none has one, some, all
        assert data[f"S{i}"].handle
    for interval in ("1m", "5m", "1d"):
        for n in (1, 2, 5, 17, 100):
            for fill in (False, True):
                rows = []
                for i in range(n_symbols):
                    window = data[f"S{i}"].window(interval, 10_000)
                    rows.append(list(zip(window.timestamp.tolist(), window.low.tolist(), strict=True)))
                same_panel(data.panel("low", interval, n, fill_forward=fill), ref.panel(rows, n, fill), n)


@pytest.mark.slow
def test_threads_share_the_work_and_nothing_shows() -> None:
    n_symbols, n = 300, 1400  # more than 400,000 cells: two threads, where there are as many processors
    data = new_store(*(f"S{i}" for i in range(n_symbols)))
    rng = np.random.default_rng(1)
    for i in range(n_symbols):
        minutes = np.arange(1440) if i % 3 else np.flatnonzero(rng.random(1440) < 0.8)
        feed(data, f"S{i}", minutes, float(i))
    whole = data.panel("close", "1m", n)
    for i in range(0, n_symbols, 7):
        alone = data.panel("close", "1m", 1440, [f"S{i}"], forming=True)
        times = dict(zip(alone.ts_ns.tolist(), alone.values[0].tolist(), strict=True))
        expected = [times.get(ts, np.nan) for ts in whole.ts_ns.tolist()]
        assert np.array_equal(whole.values[i], expected, equal_nan=True)
        assert np.array_equal(whole.mask[i], np.isnan(expected))


@pytest.mark.slow
@pytest.mark.threads
@pytest.mark.parametrize("with_handles", [False, True])
def test_panels_while_others_write(with_handles: bool) -> None:
    names = [f"S{i}" for i in range(40)]
    data = new_store(*names)
    for name in names:
        feed(data, name, range(5))
    if with_handles:
        assert all(data[name].handle for name in names)
    done = threading.Event()
    faults: list[Any] = []

    def write() -> None:
        for i in range(5, 800):
            for name in names:
                data.append(name, MONDAY + i * MINUTE, *(float(i),) * 4, float(i))
        done.set()

    def read() -> None:
        while not done.is_set():
            panel = data.panel("close", "1m", 20)
            minutes = (panel.ts_ns - MONDAY) // MINUTE
            for row, mask in zip(panel.values, panel.mask, strict=True):
                late = ~mask & (minutes >= 5)
                newest = mask[panel.shortfall :]
                # without the GIL any number of bars may be added between two rows
                lacks = (np.diff(newest.astype(int)) < 0).any() if with_handles else newest[:-1].any()
                if (row[late] != minutes[late]).any() or lacks or not mask[: panel.shortfall].all():
                    faults.append(panel)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    write()
    for thread in threads:
        thread.join()
    assert not faults


# --- out ------------------------------------------------------------------------------------------


def test_out_is_what_the_panel_has() -> None:
    data = of_three()
    values, mask, ts_ns = np.zeros((3, 4)), np.zeros((3, 4), bool), np.zeros(4, np.int64)
    panel = data.panel("close", "1m", 4, out=values)
    assert panel.values is values
    expected = data.panel("close", "1m", 4)
    assert np.array_equal(values, expected.values, equal_nan=True)
    panel = data.panel("close", "1m", 4, out={"values": values, "mask": mask, "ts_ns": ts_ns})
    assert (panel.mask is mask, panel.ts_ns is ts_ns) == (True, True)
    assert mask.tolist() == expected.mask.tolist()
    assert ts_ns.tolist() == expected.ts_ns.tolist()
    part = np.zeros((6, 8))
    assert data.panel("close", "1m", 8, out=part[2:5]).values.base is part
    assert part[2].tolist() == [2.5 + i for i in range(8)]


def _of_ring(data: SessionData) -> Any:
    column = data["QQQ"].bars().close
    return np.ctypeslib.as_array((ctypes.c_double * 6).from_address(column.ctypes.data)).reshape(3, 2)


REFUSED: dict[str, Any] = {
    "no array": (lambda _: [[0.0] * 2] * 3, TypeError),
    "empty": (lambda _: {}, TypeError),
    "a subclass": (lambda _: np.ma.zeros((3, 2)), TypeError),
    "no name": (lambda _: {"value": np.zeros((3, 2))}, KeyError),
    "dtype": (lambda _: np.zeros((3, 2), np.float32), TypeError),
    "byte order": (lambda _: np.zeros((3, 2), ">f8"), TypeError),
    "mask of integers": (lambda _: {"mask": np.zeros((3, 2), np.uint8)}, TypeError),
    "shape": (lambda _: np.zeros((2, 3)), ValueError),
    "dimensions": (lambda _: np.zeros(6), ValueError),
    "axis": (lambda _: {"ts_ns": np.zeros(3, np.int64)}, ValueError),
    "layout": (lambda _: np.zeros((2, 3)).T, ValueError),
    "strides": (lambda _: np.zeros((3, 4))[:, ::2], ValueError),
    "alignment": (lambda _: np.frombuffer(bytearray(49), np.uint8)[1:].view(np.float64).reshape(3, 2), ValueError),
    "read-only": (lambda _: np.frombuffer(bytes(48)).reshape(3, 2), ValueError),
    "overlap": (lambda _: (lambda a: {"values": a, "ts_ns": a.view(np.int64)[0]})(np.zeros((3, 2))), ValueError),
    "a ring": (_of_ring, ValueError),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_out_cannot_be_is_one_typed_error_and_nothing_is_written(case: str) -> None:
    data = of_three()
    make, kind = REFUSED[case]
    out = make(data)
    before = data["QQQ"].bars().close.tolist()
    with pytest.raises(sd.SessionDataError, match=r"^out: ") as caught:
        data.panel("close", "1m", 2, out=out)
    assert isinstance(caught.value, kind)
    assert caught.value.code == "ERR_OUT"
    assert data["QQQ"].bars().close.tolist() == before
    if isinstance(out, np.ndarray) and case != "a ring":
        assert not np.asarray(out).any()


class Turns(Mapping[str, Any]):
    """A mapping that has another matrix each time it is asked."""

    def __init__(self, matrices: list[Any]) -> None:
        self._matrices = iter(matrices)

    def __getitem__(self, name: str) -> Any:
        if name != "values":
            raise KeyError(name)
        return next(self._matrices)

    def __iter__(self) -> Iterator[str]:
        return iter(["values"])

    def __len__(self) -> int:
        return 1


def test_out_is_asked_for_its_arrays_once() -> None:
    """Those that were checked are those that are written to."""
    memory, checked = np.zeros(64), np.zeros((3, 2))
    panel = of_three().panel("close", "1m", 2, out=Turns([checked, *[memory[:3].reshape(3, 1)] * 9]))
    assert panel.values is checked
    assert checked[1].tolist() == [108.5, 109.5]
    assert not memory.any()


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, -3])
def test_n_is_at_least_one(n: int) -> None:
    with pytest.raises(sd.ArgumentError, match="n is at least 1"):
        of_three().panel("close", "1m", n)


@pytest.mark.parametrize("n", [True, 2.0, None, "3"])
def test_n_is_a_whole_number(n: Any) -> None:
    with pytest.raises(sd.ArgumentTypeError, match="n is a whole number"):
        of_three().panel("close", "1m", n)


def test_n_beyond_all_memory_is_refused() -> None:
    with pytest.raises(sd.ArgumentError, match="more than there is memory for"):
        of_three().panel("close", "1m", 2**61)


@pytest.mark.parametrize("field", ["vwap", "", None, 4, "Close", "timestamp"])
def test_a_field_that_there_is_none_of(field: Any) -> None:
    with pytest.raises(sd.UnknownNameError, match="there is no field"):
        of_three().panel(field, "1m", 1)


@pytest.mark.parametrize("interval", ["", None, 5, "5 m"])
def test_an_interval_that_is_none(interval: Any) -> None:
    with pytest.raises(sd.UnknownNameError, match="there is no interval"):
        of_three().panel("close", interval, 1)


def test_symbols_are_a_list_of_names() -> None:
    with pytest.raises(sd.ArgumentTypeError):
        of_three().panel("close", "1m", 1, "SPY")
    with pytest.raises(sd.ArgumentTypeError):
        of_three().panel("close", "1m", 1, 3)  # type: ignore[arg-type]
    with pytest.raises(sd.UnknownNameError):
        of_three().panel("close", "1m", 1, ["SPY", "XYZ"])
    with pytest.raises(sd.UnknownNameError):
        of_three().panel("close", "1m", 1, [["SPY"]])  # type: ignore[list-item]


@pytest.mark.parametrize("option", ["extended", "forming", "fill_forward"])
def test_options_are_bools(option: str) -> None:
    with pytest.raises(sd.ArgumentTypeError, match=f"{option} is True or False"):
        of_three().panel("close", "1m", 1, **{option: "no"})


def test_a_store_that_is_not_active_answers_no_panel() -> None:
    data = of_three()
    data.deactivate()
    with pytest.raises(sd.InactiveError):
        data.panel("close", "1m", 1)
