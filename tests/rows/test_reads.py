"""Reads of bars: records, columns, windows and single values, against the obvious ones."""

from __future__ import annotations

import copy
import gc
import itertools
import pickle
import random
import sys
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from sessiondata.time.intervals import parse_interval
from worlds import exact

HOURS = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
BREAKS = sd.SessionCalendar.from_hours(
    "09:30", "15:58", "Asia/Hong_Kong", breaks=[("12:00", "12:47"), ("14:00", "14:03")]
)
OVERNIGHT = sd.SessionCalendar.from_hours("18:00", "17:00", "America/New_York")
CALENDARS = [HOURS, BREAKS, OVERNIGHT]
OPEN = 1_710_250_200_000_000_000  # 2024-03-12 09:30 in New York
MINUTE = 60_000_000_000
FIELDS = ("open", "high", "low", "close", "volume")


def store(**options: Any) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    data = sd.SessionData(HOURS, "1m", ("5m", "1d"), **options)
    return data, data.register_symbol("SPY")


def feed(spy: sd.SymbolSessionData, minutes: Any) -> None:
    for i in minutes:
        spy.append(OPEN + i * MINUTE, 10.0 + i, 12.0 + i, 9.0 + i, 11.0 + i, 100.0 + i)


def checked(rows: Any, session: sd.SessionGrid, interval: str) -> None:
    """All that a series or a window says of its rows is what its records say."""
    bars = list(rows)
    assert len(rows) == len(bars)
    assert rows.timestamp.tolist() == [bar.timestamp for bar in bars]
    for name in FIELDS:
        assert exact(getattr(rows, name).tolist()) == exact([getattr(bar, name) for bar in bars])
    assert rows.n_base.tolist() == [bar.n_base for bar in bars]
    assert rows.is_extended.tolist() == [bar.extended for bar in bars]
    assert rows.is_forming.tolist() == [bar.forming for bar in bars]
    assert rows.end_ns.tolist() == [bar.end_ns for bar in bars]
    assert [end_of(session, interval, bar) for bar in bars] == rows.end_ns.tolist()
    assert list(rows.closed) == [bar for bar in bars if not bar.forming]
    assert list(rows.regular) == [bar for bar in bars if not bar.extended]
    for i, bar in enumerate(bars):
        assert rows[i] == rows[i - len(bars)] == bar


def end_of(session: sd.SessionGrid, interval: str, bar: sd.Bar) -> int:
    """Where a slot ends, by the session's segments alone."""
    step = parse_interval(interval).step_ns
    segments = session.segments.tolist()
    if step == 0:
        return segments[-1][1]
    for i, (start, stop) in enumerate(segments):
        if start <= bar.timestamp < stop:
            return min(start + ((bar.timestamp - start) // step + 1) * step, stop)
        if bar.timestamp < start:
            if i == 0:  # counted backwards from the open
                return start - (start - bar.timestamp - 1) // step * step
            before = segments[i - 1][1]
            return min(before + ((bar.timestamp - before) // step + 1) * step, start)
    last = segments[-1][1]
    return min(last + ((bar.timestamp - last) // step + 1) * step, session.span_stop)


@pytest.mark.parametrize("seed", range(12))
def test_columns_windows_and_records_say_the_same(seed: int) -> None:
    rng = random.Random(seed)
    data = sd.SessionData(rng.choice(CALENDARS), "1m", ("5m", "1h", "1d"), capacity=rng.choice([None, 64]))
    spy = data.register_symbol("SPY")
    session = data.start_session("2024-03-12") or data.grid
    assert session is not None
    first = max(session.segments[0, 0] - 90 * MINUTE, session.span_start)
    last = min(session.segments[-1, 1] + 90 * MINUTE, session.span_stop)
    times = sorted(rng.sample(range(first, last, MINUTE), 150))
    if rng.random() < 0.5:
        late = rng.sample(times, 20)
        times = [ts for ts in times if ts not in late] + late
    for i, ts in enumerate(times):
        spy.append(ts, 10.0 + i, 12.0 + i, 9.0 + i, 11.0 + i, rng.choice([0.0, 5.0]))
    for name in spy.intervals:
        series = spy.bars(name)
        bars = list(series)
        checked(series, session, name)
        checked(series[:], session, name)
        checked(series.copy(), session, name)
        for n in (0, 1, 2, 7, len(bars), 10**30):
            assert list(series.last(n)) == (bars[-n:] if n else [])
        for _ in range(12):
            i, j = rng.randint(-len(bars) - 2, len(bars) + 2), rng.choice([None, rng.randint(-40, 40)])
            assert list(series[i:j]) == list(series.window(i, j)) == bars[i:j]
            assert list(series[:][i:j]) == list(series.copy()[i:j]) == bars[i:j]
            checked(series[i:j], session, name)
            step = rng.choice([-3, -1, 2, 5])
            assert list(series[i:j:step]) == list(series[:][i:j:step]) == bars[i:j:step]
        for bar in rng.sample(bars, min(5, len(bars))):
            assert list(series.since(bar.timestamp)) == [one for one in bars if one.timestamp >= bar.timestamp]
            assert list(series.since(bar.timestamp + 1)) == [one for one in bars if one.timestamp > bar.timestamp]
        newest = bars[-1] if bars else None
        assert series.latest == newest == data.get_latest_bar("SPY", name)
        if newest is not None:
            assert newest == series[-1]
            values = [series.last_ts_ns, *(getattr(series, f"last_{field}") for field in FIELDS)]
            assert exact(values) == exact(list(newest[:6]))
            assert series.coverage == (newest.n_base, newest.n_expected)
        assert list(data.get_last_n_bars("SPY", 7, name)) == bars[-7:]


def test_without_a_bar_there_is_none() -> None:
    data, spy = store()
    for has_session in (False, True):
        if has_session:
            data.start_session("2024-03-12")
        for name in spy.intervals:
            series = spy.bars(name)
            assert series.latest is None
            assert data.get_latest_bar("SPY", name) is None
            assert [getattr(series, f"last_{field}") for field in ("ts_ns", *FIELDS)] == [None] * 6
            assert series.coverage == (0, 0)
            for rows in (series, series[:], series.last(3), series.copy(), series.closed, series.regular):
                assert len(rows) == 0
                assert list(rows) == []
                for column in (*FIELDS, "timestamp", "n_base", "end_ns", "is_extended", "is_forming", "datetime64"):
                    assert len(getattr(rows, column)) == 0, column
                with pytest.raises(IndexError):
                    rows[-1]


def test_a_position_is_a_whole_number() -> None:
    _, spy = store()
    feed(spy, range(5))
    series = spy.bars()
    for rows in (series, series[:]):
        for wrong in ("a", 1.0, None):
            with pytest.raises(TypeError):
                rows[wrong]  # type: ignore[call-overload]
            if wrong is not None:
                with pytest.raises(TypeError):
                    rows[wrong:]
        for beyond in (5, -6, 2**70, -(2**70)):
            with pytest.raises(IndexError):
                rows[beyond]
        assert rows[np.int64(-1)] == rows[4]
        assert len(rows[-(2**70) : 2**70]) == 5
    with pytest.raises(sd.ArgumentError, match="n must not be negative"):
        series.last(-1)
    with pytest.raises(sd.ArgumentError, match="n must not be negative"):
        series.last(-(2**70))
    with pytest.raises(sd.ArgumentTypeError):
        series.last(1.5)  # type: ignore[arg-type]


# --- a bar is a named tuple -----------------------------------------------------------------------


def test_a_bar_is_the_named_tuple_that_it_looks_like() -> None:
    _, spy = store()
    feed(spy, range(7))
    bar = spy.bars("5m")[-1]
    assert type(bar) is sd.Bar
    assert isinstance(bar, tuple)
    assert bar == tuple(bar) == sd.Bar(*bar)
    assert hash(bar) == hash(tuple(bar))
    assert (bar.forming, bar.extended, bar.n_base, bar.n_expected) == (True, False, 2, 5)
    assert (*bar,) == bar[:]
    assert type(bar[:]) is tuple
    timestamp, *_, n_expected = bar
    assert (timestamp, n_expected) == (OPEN + 5 * MINUTE, 5)
    assert bar._asdict() == dict(zip(sd.Bar._fields, bar, strict=True))
    assert sd.Bar._make(bar) == bar
    assert bar.zone is HOURS.zone
    assert bar.end_ns == OPEN + 10 * MINUTE
    higher = bar._replace(close=99.0)
    assert (higher.close, higher[:4], higher.zone, higher.end_ns) == (99.0, bar[:4], bar.zone, bar.end_ns)
    assert bar._replace(timestamp=OPEN).end_ns is None
    assert sorted([bar, higher], reverse=True) == [higher, bar]
    match bar:
        case sd.Bar(timestamp, open):
            assert (timestamp, open) == bar[:2]


def test_a_bar_made_by_hand_has_no_hours() -> None:
    bar = sd.Bar(OPEN, 1.0, 2.0, 0.5, 1.5, 3.0)
    assert str(bar.zone) == "UTC"
    assert bar.end_ns is None
    assert bar._replace(close=1.0).end_ns is None
    assert pickle.loads(pickle.dumps(bar)).end_ns is None
    with pytest.raises(TypeError):
        sd.Bar._make((1, 2))
    with pytest.raises(TypeError):
        sd.Bar(OPEN)  # type: ignore[call-arg]


def test_a_class_of_a_user_may_derive_from_bar() -> None:
    class Noted(sd.Bar):
        note = ""

    for _ in range(200):
        bar = Noted(OPEN, 1.0, 2.0, 0.5, 1.5, 3.0)
        bar.note = "mine"
        assert (bar.close, bar.note, str(bar.zone), bar.end_ns) == (1.5, "mine", "UTC", None)
        assert type(bar._replace(close=2.0)) is Noted
        assert pickle.loads(pickle.dumps(tuple(bar))) == bar
    bar.note = "kept"
    for twin in (copy.copy(bar), copy.deepcopy(bar)):
        assert (type(twin), twin, twin.note) == (Noted, bar, "kept")


@pytest.mark.parametrize("record", [sd.Bar(OPEN, 1.0, 2.0, 0.5, 1.5, 3.0), sd.GapInfo("SPY", "1m", OPEN, OPEN, 1)])
def test_an_object_of_another_class_cannot_become_a_record(record: Any) -> None:
    """It has no memory for the hidden fields."""
    kind = type(record)
    derived = type("Derived", (kind,), {"__slots__": ()})
    with pytest.raises(TypeError, match="differs"):
        derived(*record).__class__ = kind
    with pytest.raises(TypeError, match="differs"):
        record.__class__ = derived


@pytest.mark.parametrize("n", [0, 1, 5, 8])
def test_a_window_is_not_restored_without_its_columns(n: int) -> None:
    _, spy = store()
    feed(spy, range(1))
    restore, (columns, *rest) = spy.bars().copy().__reduce__()
    assert restore(columns, *rest).close.tolist() == [11.0]
    with pytest.raises(ValueError, match="columns"):
        restore((columns * 2)[:n], *rest)


def test_records_may_hold_one_another() -> None:
    """Deeper than the C stack would bear, were they let go one inside the other."""
    bar: Any = None
    for _ in range(300_000):
        bar = sd.Bar(bar, 1.0, 2.0, 0.5, 1.5, 3.0)
    del bar
    loop: list[Any] = []
    loop.append(sd.Bar(loop, 1.0, 2.0, 0.5, 1.5, 3.0))  # type: ignore[arg-type]
    del loop
    assert gc.collect() >= 1


# --- memory ---------------------------------------------------------------------------------------


def _kept(spy: sd.SymbolSessionData) -> list[Any]:
    return [rows for name in spy.intervals for rows in (spy.bars(name)[:], spy.bars(name).last(3))]


def _columns(windows: list[Any]) -> list[Any]:
    return [getattr(rows, name) for rows in windows for name in ("timestamp", "close", "volume")]


@pytest.mark.parametrize("what", ["the store goes", "roll", "roomy", "wrap", "late", "remove"])
def test_views_outlive_what_they_show(what: str) -> None:
    """Their memory stays, whatever becomes of the rows; they say that they are no longer valid."""
    data, spy = store(capacity=32 if what == "wrap" else None)
    feed(spy, range(30))
    windows = _kept(spy)
    columns = _columns(windows)
    before = [column.tolist() for column in columns]
    series = spy.bars()
    if what == "the store goes":
        del data, spy, series
    elif what == "roll":
        data.roll_session("2024-03-13")
    elif what == "roomy":
        for i in range(1, 60):
            spy.append(OPEN - i * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    elif what == "wrap":
        feed(spy, range(30, 390))
    elif what == "late":
        spy.append(OPEN - MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    else:
        data.remove_symbol("SPY")
    gc.collect()
    made = [np.arange(100_000) for _ in range(20)]  # what has been freed is used again
    after = [column.tolist() for column in columns]
    assert [len(column) for column in after] == [len(column) for column in before]
    if what in ("the store goes", "roll", "remove", "roomy"):
        assert after == before
    for window in windows:
        assert [list(row) for row in window.copy()] == [list(row) for row in window]
        is_overtaken = what != "wrap" or window.interval == "1m"
        assert window.is_valid() == (what == "the store goes" or not is_overtaken)
    for column in columns:
        with pytest.raises(ValueError, match="WRITEABLE"):
            column.flags.writeable = True
        with pytest.raises(ValueError, match="own"):
            column[:0].resize(5)
    assert made


@pytest.mark.parametrize(
    "read",
    [
        lambda series: series[-1],
        lambda series: series[:2][0],
        lambda series: series.close,
        lambda series: series.n_base,
        lambda series: series.last(2),
        lambda series: series.last(2).close,
        lambda series: series.last(2).copy(),
        lambda series: series.gaps,
        lambda series: series.latest.end_ns,
        lambda series: (series.closed, series.regular, series.is_forming),
        lambda series: list(series),
    ],
)
@pytest.mark.parametrize("interval", ["1m", "5m"])
def test_reads_leave_nothing_behind(read: Any, interval: str) -> None:
    """References of what they use, and blocks of memory, are as many as before."""
    _, spy = store()
    feed(spy, [*range(5), *range(7, 12), *range(20, 24)])
    series = spy.bars(interval)
    used = [None, series, series.zone, sd.Bar, sd.BarWindow, sd.GapInfo, np.dtype("float64"), series.close.base]
    for _ in range(200):
        read(series)
    gc.collect()
    references, blocks = [sys.getrefcount(one) for one in used], sys.getallocatedblocks()
    for _ in range(3000):
        read(series)
    gc.collect()
    changes = [sys.getrefcount(one) - n for one, n in zip(used, references, strict=True)]
    assert all(abs(change) < 100 for change in changes), changes
    assert abs(sys.getallocatedblocks() - blocks) < 200


@pytest.mark.slow
def test_a_million_reads_leave_nothing_behind() -> None:
    _, spy = store()
    feed(spy, [*range(5), *range(7, 60)])
    series = spy.bars("5m")
    for rounds in itertools.repeat(250_000, 2):
        blocks = sys.getallocatedblocks()
        for _ in range(rounds):
            series[-1]
            series.last(20).close  # noqa: B018
            series.close  # noqa: B018
            series.gaps  # noqa: B018
        assert abs(sys.getallocatedblocks() - blocks) < 200


def test_a_window_cannot_be_made_of_nothing() -> None:
    with pytest.raises(TypeError, match="made by series"):
        sd.BarWindow()
    empty = sd.BarWindow.__new__(sd.BarWindow)
    assert (len(empty), list(empty), empty.close.tolist(), empty.symbol, empty.is_valid()) == (0, [], [], "", True)
    assert repr(empty)
