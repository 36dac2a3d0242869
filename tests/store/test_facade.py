"""The public names that users know: rows, windows, gaps, pins, metrics, counters, and what outlives
a store.

Numbers are those of ten plain bars; what the store computes is the business of the law and
hard-case tests.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import numba
import numpy as np
import pandas as pd
import polars as pl
import pytest

import sessiondata as sd
from plain import CALENDAR, DATE, OPEN, ZONE, feed, new_store, survives
from sessiondata.store.symbol import state_of
from worlds import HOUR, MINUTE

# --- rows and windows -----------------------------------------------------------------------------


def test_a_bar_is_a_named_record(spy: sd.SymbolSessionData) -> None:
    bar = spy.bars_base[3]
    assert bar == sd.Bar(OPEN + 3 * MINUTE, 103.0, 104.0, 102.0, 103.5, 13.0)
    assert bar.datetime == dt.datetime(2024, 3, 12, 9, 33, tzinfo=ZONE)
    assert (bar.forming, bar.extended, bar.n_base, bar.n_expected) == (False, False, 1, 1)


@pytest.mark.parametrize("i", [0, 1, 9, -1, -10, np.int64(4), True])
def test_an_index_counts_from_both_ends(spy: sd.SymbolSessionData, i: Any) -> None:
    whole = list(spy.bars_base)
    assert spy.bars_base[i] == whole[i]
    assert spy.bars_base.window(0, 10)[i] == whole[i]
    assert type(spy.bars_base[i].open) is float
    assert type(spy.bars_base[i].timestamp) is int


@pytest.mark.parametrize("i", [10, -11, 2**70, -(2**70)])
def test_an_index_out_of_range_is_an_index_error(spy: sd.SymbolSessionData, i: int) -> None:
    for rows in (spy.bars_base, spy.bars_base.last(10), spy.bars_base.last(10).copy()):
        with pytest.raises(IndexError):
            rows[i]


@pytest.mark.parametrize("key", ["a", 1.0, None, (0, 1), [0]])
def test_an_index_is_an_int_or_a_slice(spy: sd.SymbolSessionData, key: Any) -> None:
    for rows in (spy.bars_base, spy.bars_base.last(3)):
        with pytest.raises(TypeError):
            rows[key]


SLICES = [
    slice(None), slice(3, 7), slice(-4, None), slice(None, -4), slice(-4, -2), slice(7, 3), slice(20, 30),
    slice(-99, 99), slice(None, None, 2), slice(None, None, -1), slice(8, 1, -3), slice(1, 8, 3), slice(5, 5),
    slice(0, 0, -1),
]  # fmt: skip


@pytest.mark.parametrize("key", SLICES, ids=repr)
def test_a_slice_is_what_a_list_of_the_bars_would_give(spy: sd.SymbolSessionData, key: slice) -> None:
    whole = list(spy.bars_base)
    for rows in (spy.bars_base[key], spy.bars_base.window(0, 10)[key], spy.bars_base.last(10).copy()[key]):
        assert isinstance(rows, sd.BarWindow)
        assert list(rows) == whole[key]
        assert len(rows) == len(whole[key])
        for name in ("timestamp", "open", "high", "low", "close", "volume"):
            assert getattr(rows, name).tolist() == [getattr(bar, name) for bar in whole[key]]
        assert (rows.symbol, rows.interval) == ("SPY", "1m")


@pytest.mark.parametrize("outer", SLICES, ids=repr)
@pytest.mark.parametrize("inner", [slice(1, 4), slice(-2, None), slice(None, None, -1)], ids=repr)
def test_a_slice_of_a_slice_is_a_slice_of_the_list(spy: sd.SymbolSessionData, outer: slice, inner: slice) -> None:
    assert list(spy.bars_base[outer][inner]) == list(spy.bars_base)[outer][inner]


@pytest.mark.parametrize(("n", "count"), [(0, 0), (1, 1), (10, 10), (11, 10), (2**62, 10), (np.int64(3), 3)])
def test_last_takes_as_many_as_there_are(spy: sd.SymbolSessionData, n: Any, count: int) -> None:
    window = spy.bars_base.last(n)
    assert window.timestamp.tolist() == [OPEN + i * MINUTE for i in range(10 - count, 10)]
    with pytest.raises(ValueError, match="negative"):
        spy.bars_base.last(-1)


def test_since_is_inclusive_and_takes_every_kind_of_time(data: sd.SessionData, spy: sd.SymbolSessionData) -> None:
    series, at = spy.bars_base, OPEN + 7 * MINUTE
    cases = [(at, 3), (at + 1, 2), (at - 1, 3), (OPEN - HOUR, 10), (OPEN + HOUR, 0), (-(2**63) + 1, 10), (2**63 - 1, 0)]
    for ts, count in cases:
        assert len(series.since(ts)) == len(data.get_bars_since("SPY", ts)) == count
    for ts in (
        np.datetime64(at, "ns"),
        dt.datetime(2024, 3, 12, 9, 37, tzinfo=ZONE),
        pd.Timestamp(at, tz="Asia/Tokyo"),
    ):
        assert len(series.since(ts)) == 3
    assert len(spy.bars("5m").since(OPEN + 1)) == 1, "a derived bar has the time of its slot's start"
    with pytest.raises(sd.TimeError):
        series.since(dt.datetime(2024, 3, 12, 9, 37))


def test_an_empty_series_answers_everything(data: sd.SessionData) -> None:
    ibm = data.register_symbol("IBM")
    for series in (ibm.bars_base, *ibm.bars_derived.values()):
        assert len(series) == len(series.last(5)) == len(series.since(0)) == len(series[:]) == len(series[::-1]) == 0
        assert list(series) == list(series[::2]) == series.gaps == []
        assert series.timestamp.dtype == np.int64
        assert series.volume.dtype == np.float64
        assert series.datetime64.dtype == np.dtype("datetime64[ns]")
        assert (series.coverage, series.forming, series.quality, series.total_count) == ((0, 0), False, 100.0, 0)
        assert series.n_base.dtype == np.int32
        assert series.last(1).is_valid()
        with pytest.raises(IndexError):
            series[-1]
    assert data.get_latest_bar("IBM") is None
    assert data.get_bar_count("IBM", "1h") == 0
    assert (ibm.session_volume, ibm.session_high, ibm.session_low, ibm.last_update) == (0.0, None, None, None)


def test_a_store_without_a_session_answers_everything() -> None:
    data = sd.SessionData(CALENDAR)
    ibm = data.register_symbol("IBM")
    assert (data.grid, data.session_date, data.as_of, len(ibm.bars_base), ibm.bar_gaps["1m"]) == (
        None,
        None,
        None,
        0,
        [],
    )
    assert ibm.metrics()["bar_count"] == 0
    assert data.memory_usage() == {"reserved": 0, "rows": 0, "history_reserved": 0, "history_rows": 0}
    assert "no session" in repr(data)
    assert repr(ibm.bars_base)
    data.advance_to(OPEN + HOUR)
    assert (ibm.bars_base.expected, ibm.bars_base.missing) == (0, 0)
    data.start_session(DATE)
    assert (ibm.bars_base.expected, ibm.bars_base.missing) == (60, 60)


def test_the_datetime_column_says_the_same_as_the_timestamps(spy: sd.SymbolSessionData) -> None:
    column = spy.bars_base.datetime64
    assert column[0] == np.datetime64("2024-03-12T13:30:00", "ns")
    assert (column.view(np.int64) == spy.bars_base.timestamp).all()
    assert np.shares_memory(column, spy.bars_base.timestamp)


# --- views ----------------------------------------------------------------------------------------


def view_columns(rows: Any) -> list[np.ndarray]:
    return [rows.timestamp, rows.datetime64, rows.open, rows.high, rows.low, rows.close, rows.volume]


@pytest.mark.parametrize("n", [3, 12, 23, 39])
def test_columns_are_contiguous_zero_copy_views_also_after_the_wrap(n: int) -> None:
    spy = new_store(("5m",), capacity=8).register_symbol("SPY")
    feed(spy, range(n))
    live = list(range(max(0, n - 8), n))
    assert spy.bars_base.timestamp.tolist() == [OPEN + i * MINUTE for i in live]
    for k in range(1, len(live) + 1):
        window = spy.bars_base.last(k)
        assert window.close.tolist() == [100.5 + i for i in live[-k:]]
        for part, whole in zip(view_columns(window), view_columns(spy.bars_base), strict=True):
            assert part.flags.c_contiguous
            assert np.shares_memory(part, whole)


@pytest.mark.parametrize("n", [5, 7, 13, 16])
def test_a_batch_of_views_of_the_ring_it_goes_into_is_taken_as_it_was_before(n: int) -> None:
    """Storing its rows overwrites rows still to be read; the sanitizers see it even where the
    values survive."""
    own, other = (new_store(("5m",), capacity=8).register_symbol("SPY") for _ in range(2))
    for spy in (own, other):
        feed(spy, range(n))
    window = own.bars_base.last(8)
    columns = [window.open, window.high, window.low, window.close, window.volume]
    taken = [column.copy() for column in columns]
    shifted = window.timestamp + len(window) * MINUTE
    own.extend(shifted, *columns)
    other.extend(shifted, *taken)
    for ours, theirs in zip((own.bars_base, own.bars("5m")), (other.bars_base, other.bars("5m")), strict=True):
        assert [column.tolist() for column in view_columns(ours)] == [
            column.tolist() for column in view_columns(theirs)
        ]


def test_reading_derived_bars_at_any_time_changes_no_answer() -> None:
    """Levels above the finest are folded when they are read: how often that happens must not
    show."""
    read, unread = (new_store(("5m", "15m", "1h", "1d")).register_symbol("SPY") for _ in range(2))
    for i in [*range(3), *range(7, 61), *range(64, 70)]:
        feed(read, [i])
        feed(unread, [i])
        for name in list(read.bars_derived)[i % 4 :: i % 3 + 1]:
            assert read.bars(name).volume.sum() == read.bars_base.volume.sum()
    for name in read.bars_derived:
        ours, theirs = read.bars(name), unread.bars(name)
        assert [column.tolist() for column in view_columns(ours)] == [
            column.tolist() for column in view_columns(theirs)
        ]
        assert ours.gaps == theirs.gaps
        assert ours.volume.sum() == read.bars_base.volume.sum()


def test_views_cannot_be_made_writable(spy: sd.SymbolSessionData) -> None:
    rows = [spy.bars_base, spy.bars("5m"), spy.bars_base.last(3), spy.bars_base[2:5]]
    for column in [*(column for r in rows for column in view_columns(r)), spy.bars("5m").n_base]:
        before = column.copy()
        assert not column.flags.writeable
        array: Any = column
        while isinstance(array, np.ndarray):  # the view, and every array that it was cut from
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.flags.writeable = True
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.setflags(write=True)
            array = array.base
        with pytest.raises(ValueError, match="read-only"):
            column[0] = column[0]
        with pytest.raises(ValueError, match="read-only"):
            column.sort()
        with pytest.raises(ValueError, match="read-only"):
            np.copyto(column, before)
        with pytest.raises(ValueError, match="read-only"):
            np.add(before, 1, out=column, casting="unsafe") if column.dtype.kind != "M" else column.fill(0)
        with pytest.raises((TypeError, ValueError)):
            memoryview(column)[0] = 0
        with pytest.raises((TypeError, ValueError, BufferError)):
            np.frombuffer(column, np.uint8)[0] = 0
        for other in (np.lib.stride_tricks.as_strided(column, writeable=True), column.view(np.uint8), column[:, None]):
            assert not other.flags.writeable
        if column.dtype.kind != "M":
            try:
                exported = np.from_dlpack(column)
            except BufferError:  # NumPy before 2.1 hands out no read-only memory
                exported = None
            assert exported is None or not exported.flags.writeable
        assert (column == before).all()


def test_the_memory_behind_a_view_cannot_be_reached_through_its_owner(spy: sd.SymbolSessionData) -> None:
    owner: Any = spy.bars_base.close
    for _ in range(8):
        following = getattr(owner, "base", None)
        if following is None and isinstance(owner, memoryview):
            following = owner.obj
        if following is None:
            break
        owner = following
        try:
            buffer = memoryview(owner)
        except TypeError:
            continue  # it has none
        assert buffer.readonly, f"{type(owner).__name__} hands out the ring for writing"


def test_columns_of_an_empty_series_stay_empty_for_every_store() -> None:
    code = """
    column = data.register_symbol("IBM").bars_base.open
    for array in (column, column.base):
        try:
            array.flags.writeable = True
            array.resize((3,), refcheck=False)
        except (ValueError, AttributeError):
            pass
    print(len(column), len(new_store().register_symbol("X").bars_base.open))
    """
    assert survives(code) == "0 0"


def test_a_copy_is_independent_of_all_that_follows(data: sd.SessionData, spy: sd.SymbolSessionData) -> None:
    kept = spy.bars_base.last(4).copy()
    rows = [tuple(bar)[:6] for bar in kept]
    spy.append(OPEN + 9 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    feed(spy, range(10, 60))
    spy.append(OPEN - MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert kept.is_valid()
    assert [tuple(bar)[:6] for bar in kept] == rows
    assert not np.shares_memory(kept.open, spy.bars_base.open)
    data.clear()
    assert kept.is_valid()
    assert kept.open.tolist() == [row[1] for row in rows]


def test_a_copied_forming_bar_does_not_turn_into_a_complete_one(spy: sd.SymbolSessionData) -> None:
    feed(spy, [10, 11])
    kept = spy.bars("5m").last(1).copy()
    assert kept[0].forming
    feed(spy, range(12, 30))
    assert kept[0].n_base == 2
    assert kept[0].forming, "the copy holds two minutes of five; said to be complete they would be taken for the bar"


def test_a_forming_bar_shows_through_a_view_and_its_window_stays_valid(spy: sd.SymbolSessionData) -> None:
    feed(spy, [10])
    window = spy.bars("5m").last(1)
    feed(spy, [11])
    assert window.is_valid()
    assert window[0] == spy.bars("5m")[-1]
    assert window.close.tolist() == [111.5]


def test_a_window_is_valid_until_the_ring_overwrites_one_of_its_rows() -> None:
    spy = new_store((), capacity=10).register_symbol("SPY")
    feed(spy, range(10))
    whole, newest = spy.bars_base.last(10), spy.bars_base.last(3)
    assert whole.is_valid()
    feed(spy, [10])
    assert not whole.is_valid()
    assert whole[1:].is_valid(), "nine of its rows are still there"
    assert not whole[:2].is_valid()
    feed(spy, range(11, 17))
    assert newest.is_valid()
    assert newest.timestamp.tolist() == [OPEN + i * MINUTE for i in (7, 8, 9)]
    feed(spy, [17])
    assert not newest.is_valid()


def test_a_window_is_no_longer_valid_after_a_late_bar_has_moved_its_rows(spy: sd.SymbolSessionData) -> None:
    window, five = spy.bars_base.last(3), spy.bars("5m").last(1)
    spy.append(OPEN - MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert not window.is_valid()
    assert not five.is_valid(), "the late bar also put a derived bar before it"
    assert spy.bars_base.last(3).is_valid()


@pytest.mark.parametrize("end", ["clear", "remove_symbol"])
def test_a_window_of_a_session_that_is_gone_says_so_and_keeps_its_memory(data: sd.SessionData, end: str) -> None:
    spy = data.register_symbol("SPY")
    feed(spy, range(10))
    window, empty = spy.bars_base.last(3), spy.bars_base.last(0)
    data.clear() if end == "clear" else data.remove_symbol("SPY")
    assert not window.is_valid()
    assert empty.is_valid()
    assert window.close.tolist() == [107.5, 108.5, 109.5]
    assert "3 bars" in repr(window)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["data.clear()", "data.remove_symbol('SPY')"])
@pytest.mark.parametrize("rows", ["last(3)", "last(3).copy()", "window(0, 2)[::-1]"])
def test_reading_a_bar_of_a_window_whose_session_is_gone_does_not_crash(end: str, rows: str) -> None:
    code = f"""
    windows = [series.{rows} for series in (spy.bars_base, spy.bars("5m"), spy.bars("1d"))]
    {end}
    for window in windows:
        for use in (lambda: window[0], lambda: window[-1], lambda: list(window), lambda: window[1:][::-1]):
            try:
                use()
            except (sd.SessionDataError, IndexError):
                pass
    print("alive")
    """
    assert survives(code) == "alive"


def test_a_correction_shows_through_every_window_that_says_it_is_valid() -> None:
    spy = new_store(("5m",), capacity=10).register_symbol("SPY")
    feed(spy, range(20))
    window = spy.bars_base.last(2)
    feed(spy, [20])  # the rows are now read from another place in the ring
    spy.append(OPEN + 19 * MINUTE, 1.0, 2.0, 0.5, 1.5, 3.0)
    assert spy.counters["corrected"] == 1
    assert not window.is_valid() or window[-1] == spy.bars_base[-2]


@pytest.mark.parametrize("capacity", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("fed", [1, 5, 9, 20])
def test_a_symbol_can_be_extended_by_its_own_columns(capacity: int, fed: int) -> None:
    spy, other = (new_store((), capacity=capacity).register_symbol("SPY") for _ in range(2))
    for symbol in (spy, other):
        feed(symbol, range(fed))
    views = view_columns(spy.bars_base)[2:]
    ts = np.arange(len(views[0])) * MINUTE + OPEN + fed * MINUTE
    copies = [column.copy() for column in views]
    assert spy.extend(ts, *views) == other.extend(ts, *copies)
    state_of(spy).core.check_invariants()
    assert list(spy.bars_base) == list(other.bars_base)


# --- other libraries ------------------------------------------------------------------------------


def test_columns_go_into_numpy_pandas_and_polars_without_warnings(spy: sd.SymbolSessionData) -> None:
    series = spy.bars_base
    assert np.asarray(series.close) is not None
    assert np.shares_memory(np.asarray(series.close), series.close)
    assert pd.Series(series.close).tolist() == pl.Series(series.close).to_list() == series.close.tolist()
    frame = pd.DataFrame({"close": series.close}, index=pd.DatetimeIndex(series.datetime64, tz="UTC"))
    assert frame.loc["2024-03-12 13:33":"2024-03-12 13:34", "close"].tolist() == [103.5, 104.5]
    assert pl.DataFrame({"t": series.datetime64, "c": series.close}).height == 10
    changed = pd.Series(series.close)
    with contextlib.suppress(ValueError):  # pandas before 3 does not copy, and may not write
        changed.iloc[0] = -1.0
    assert series.close[0] == 100.5


def test_compiled_code_reads_the_read_only_columns(spy: sd.SymbolSessionData) -> None:
    @numba.njit
    def mean(column: np.ndarray) -> float:
        total = 0.0
        for x in column:
            total += x
        return total / column.shape[0]

    assert mean(spy.bars_base.close) == 105.0
    assert mean(spy.bars_base.last(2).close) == 109.0
    assert mean(spy.bars_base.timestamp) > 0


# --- text -----------------------------------------------------------------------------------------


def test_reprs_can_be_read(data: sd.SessionData, spy: sd.SymbolSessionData) -> None:
    ibm = data.register_symbol("IBM")
    assert repr(data).startswith("<SessionData 09:30-16:00 America/New_York 2024-03-12: 2 symbols, 1m, 5m, 15m, 1h, 1d")
    assert "09:40:00" in repr(data)
    assert repr(spy) == "<SymbolSessionData SPY: 10 x 1m, 0 missing, quality 100.00, derived 5m, 15m, 1h, 1d>"
    assert repr(ibm.bars_base) == "<BarSeries IBM 1m: 0 bars, 0 of 0 missing, quality 100.00>"
    assert "10 bars, 0 of 10 missing, quality 100.00, newest 2024-03-12 09:39:00-04:00 close=109.5" in repr(
        spy.bars_base
    )
    assert repr(spy.bars("1h")).endswith("forming>")
    window = spy.bars_base.last(2)
    assert repr(window) == "<BarWindow SPY 1m: 2 bars, 2024-03-12 09:38:00-04:00 .. 2024-03-12 09:39:00-04:00>"
    assert repr(ibm.bars_base.last(2)) == "<BarWindow IBM 1m: empty>"
    for thing in (data, spy, spy.bars_base, window):
        assert str(thing) == repr(thing)
