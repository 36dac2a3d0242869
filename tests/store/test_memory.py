"""The memory of a symbol: compact for a regular day, roomy once rows come that a regular day does
not have."""

from __future__ import annotations

import datetime as dt
import gc
import os
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from failing import each_allocation_fails
from sessiondata._native.objects.sessions import all_cores
from sessiondata._native.symbol.layout import allocated_bytes
from sessiondata.store import garbage
from sessiondata.store.store import parts_of
from sessiondata.store.symbol import state_of

MINUTE = 60_000_000_000
CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
DATE = "2024-03-12"
OPEN, CLOSE = CALENDAR.session(DATE).segments[0].tolist()
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)


def new_store(base: str = "1m", calendar: Any = CALENDAR, **options: Any) -> sd.SessionData:
    data = sd.SessionData(calendar, base, ("5m", "15m", "1h", "1d"), **options)
    data.start_session(DATE)
    return data


def columns(n: int, start: int = OPEN, step: int = MINUTE) -> tuple[np.ndarray, ...]:
    values = 100.0 + np.arange(n) % 17
    return (start + step * np.arange(n), values, values + 1.0, values - 1.0, values, np.full(n, 5.0))


@pytest.mark.parametrize(
    ("base", "calendar", "n"),
    [("1m", CALENDAR, 390), ("1s", CALENDAR, 23_400), ("1m", "24/7", 1440), ("1s", "24/7", 86_400)],
)
def test_a_full_day_takes_at_most_1_22_times_the_bytes_of_its_rows(base: str, calendar: Any, n: int) -> None:
    data = new_store(base, calendar)
    start = int(data.grid.segments[0, 0])
    step = MINUTE if base == "1m" else MINUTE // 60
    data.register_symbol("SPY").extend(*columns(n, start, step))
    usage = data.memory_usage()
    assert usage["rows"] == n * 48 + sum(len(data.symbols["SPY"].bars(k)) for k in ("5m", "15m", "1h", "1d")) * 52
    assert usage["rows"] < usage["reserved"] <= 1.22 * usage["rows"]


@pytest.mark.skipif(
    sys.getallocatedblocks() == 0, reason="objects come from malloc (PYTHONMALLOC), which keeps no count"
)
def test_a_symbol_of_which_nobody_has_asked_for_a_series_is_few_objects() -> None:
    """Nine empty dicts, five series and the parts of a callback were a tenth of the memory of a day
    of minutes."""
    data = new_store()
    bars = columns(10)
    data.register_symbol("first").extend(*bars)  # what all symbols share
    names = [f"S{i}" for i in range(200)]
    before = sys.getallocatedblocks()
    for name in names:
        data.register_symbol(name).extend(*bars)
    assert sys.getallocatedblocks() - before < 13 * len(names)


@pytest.mark.parametrize(
    "beside",
    [
        [OPEN - MINUTE],
        [CLOSE],
        [OPEN - 5 * 60 * MINUTE, CLOSE + 30 * MINUTE],
        # off-grid, more than there are slots left
        [OPEN + 300 * MINUTE + i * MINUTE // 3 + 1 for i in range(120)],
    ],
)
@pytest.mark.parametrize("arrays", [False, True])
def test_rows_beside_the_regular_slots_move_a_symbol_once_and_lose_nothing(beside: list[int], arrays: bool) -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(300))
    compact = data.memory_usage()["reserved"]
    window = spy.bars_base.last(20)
    before = [window.timestamp.copy(), window.close.copy(), window.volume.copy()]
    if arrays:
        spy.extend(np.array(beside), *(np.full(len(beside), x) for x in BAR))
    else:
        for ts in beside:
            assert spy.append(ts, *BAR)
    roomy = data.memory_usage()["reserved"]
    assert roomy > compact
    assert not window.is_valid()  # it shows the rows of then; the store's are elsewhere now
    assert all((a == b).all() for a, b in zip((window.timestamp, window.close, window.volume), before, strict=True))
    assert len(spy.bars_base) == 300 + len(beside)
    assert sorted([*columns(300)[0].tolist(), *beside]) == spy.bars_base.timestamp.tolist()
    spy.extend(*columns(90, OPEN + 300 * MINUTE))
    spy.extend(*columns(60, CLOSE + MINUTE))
    assert data.memory_usage()["reserved"] == roomy
    assert spy.bars_base.missing == 0
    state_of(spy).core.check_invariants()


@pytest.mark.parametrize("off_grid", [386, 387, 388, 389, 390])
def test_a_compact_block_that_fills_up_within_a_derived_bar_is_left_in_time(off_grid: int) -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    compact = data.memory_usage()["reserved"]
    spy.append(OPEN, *BAR)
    for i in range(off_grid - 1):
        spy.append(OPEN + 1 + i, *BAR)
    assert data.memory_usage()["reserved"] == compact
    for i in range(1, 5):
        assert spy.append(OPEN + i * MINUTE, *BAR)
    assert (data.memory_usage()["reserved"] > compact) == (off_grid + 4 > 390)
    assert len(spy.bars_base) == off_grid + 4
    assert spy.bars_base.timestamp.tolist()[-5:] == [OPEN + off_grid - 1, *(OPEN + i * MINUTE for i in range(1, 5))]
    assert spy.bars("5m").volume.tolist() == [BAR[4] * (off_grid + 4)]
    state_of(spy).core.check_invariants()


def test_a_window_of_a_compact_block_outlives_the_move_the_session_and_the_store() -> None:
    data = new_store()
    spy = data.register_symbol("SPY")
    spy.extend(*columns(100))
    close = spy.bars_base.close
    expected = close.tolist()
    spy.append(CLOSE, *BAR)
    data.remove_symbol("SPY")
    del spy, data
    others = [new_store() for _ in range(50)]  # would be given the memory, were it free
    for other in others:
        other.register_symbol("A").extend(*columns(390))
    assert close.tolist() == expected


def test_a_wrapping_ring_was_asked_for_and_never_moves() -> None:
    data = new_store(capacity=50)
    spy = data.register_symbol("SPY")
    reserved = data.memory_usage()["reserved"]
    spy.extend(*columns(500, OPEN - 60 * MINUTE))
    assert len(spy.bars_base) == 50
    assert data.memory_usage()["reserved"] == reserved


def calls() -> dict[str, Any]:
    extended = columns(3, CLOSE)
    unordered = tuple(column[::-1].copy() for column in extended)
    one = tuple(column[:1].copy() for column in extended)
    trades, late = extended[:3], unordered[:3]
    return {
        "append": lambda data: data.symbols["SPY"].append(CLOSE, *BAR),
        "a late bar": lambda data: data.symbols["SPY"].append(OPEN - MINUTE, *BAR),
        "extend": lambda data: data.symbols["SPY"].extend(*extended),
        "extend, unordered": lambda data: data.symbols["SPY"].extend(*unordered),
        "append_slice": lambda data: data.append_slice(["SPY"], *one),
        "mark_no_trade": lambda data: data.symbols["SPY"].mark_no_trade("1m", OPEN, CLOSE),
        "mark_halted": lambda data: data.symbols["SPY"].mark_halted(OPEN, CLOSE),
        "record_retry": lambda data: data.symbols["SPY"].record_retry("1m", OPEN, CLOSE, CLOSE),
        "a first trade": lambda data: data.symbols["IBM"].append_tick(OPEN, 1.0, 2.0, "Q"),
        "a trade beside the session": lambda data: data.symbols["AIG"].append_tick(CLOSE, 1.0, 2.0),
        "a late trade": lambda data: data.symbols["AIG"].append_tick(OPEN - MINUTE, 1.0, 2.0),
        "a first quote": lambda data: data.symbols["SPY"].append_quote(OPEN, 1.0, 2.0, 3.0, 4.0),
        "extend_ticks": lambda data: data.symbols["IBM"].extend_ticks(*trades),
        "extend_ticks, unordered": lambda data: data.symbols["AIG"].extend_ticks(*late),
        "a block of late trades": lambda data: data.symbols["AIG"].extend_ticks(*columns(40, OPEN - 40 * MINUTE)[:3]),
        "extend_quotes": lambda data: data.symbols["AIG"].extend_quotes(*extended[:5]),
    }


@pytest.mark.slow
@pytest.mark.allocations
@pytest.mark.parametrize("name", calls())
def test_where_there_is_no_memory_to_move_to_nothing_changes(name: str) -> None:
    """Every allocation of the call fails in its turn, until it succeeds."""
    call = calls()[name]
    data = new_store()
    data.register_symbol("SPY").extend(*columns(10))
    data.advance_to(OPEN + 20 * MINUTE)
    data.register_symbol("IBM")
    data.register_symbol("AIG").append_tick(OPEN, 1.0, 1.0)
    before = data.to_json()

    def check() -> None:
        assert data.to_json() == before
        for symbol in data.symbols.values():
            state_of(symbol).core.check_invariants()

    assert each_allocation_fails(lambda: call(data), check) >= 1
    assert data.to_json() != before


@pytest.mark.allocations
def test_a_list_that_cannot_grow_gives_its_items_back_once() -> None:
    """The helper of Cython 3.3.1 and its caller both did, and a freed object stayed in use: see
    setup.py."""
    data = new_store()
    registry = parts_of(data).registry
    cores = [state_of(data.register_symbol(f"S{i}")).core for i in range(40)]
    held = [sys.getrefcount(core) for core in cores]

    # more is no fault: extending an empty list, CPython leaks what it cannot take
    def check() -> None:
        now = [sys.getrefcount(core) for core in cores]  # counted as before: zip holds one more
        assert all(n >= m for n, m in zip(now, held, strict=True))

    assert each_allocation_fails(lambda: all_cores(registry), check) >= 1  # the list grows
    assert all_cores(registry) == cores


def test_before_a_move_the_slots_of_a_half_day_are_room_enough() -> None:
    calendar = sd.calendar("XNYS")
    data = sd.SessionData(calendar, "1m", ("5m", "1d"))
    data.start_session(dt.date(2015, 12, 24))
    spy = data.register_symbol("SPY")
    start = int(data.grid.segments[0, 0])
    reserved = data.memory_usage()["reserved"]
    for i in range(210):
        spy.append(start + i * MINUTE, *BAR)
    assert data.memory_usage()["reserved"] == reserved
    assert spy.bars_base.missing == 0


# --- a store without a capacity overwrites nothing ------------------------------------------------


def other_ways() -> dict[str, Any]:
    """Ways to store the same rows, and what becomes of the store on the way."""

    def one_by_one(data: Any, columns: Any) -> None:
        for row in zip(*(column.tolist() for column in columns), strict=True):
            data.append("S", *row)

    def backwards(data: Any, columns: Any) -> None:
        one_by_one(data, [column[::-1] for column in columns])

    def shuffled(data: Any, columns: Any) -> None:
        order = np.random.default_rng(1).permutation(len(columns[0]))
        for part in np.array_split(order, 7):
            data.extend("S", *(column[part] for column in columns))

    def slices(data: Any, columns: Any) -> None:
        for row in zip(*(column.tolist() for column in columns), strict=True):
            ts, *values = row
            data.append_slice(["S"], ts, *([value] for value in values))

    return {
        "one block": lambda data, columns: data.extend("S", *columns),
        "one by one": one_by_one,
        "backwards": backwards,
        "shuffled": shuffled,
        "slices": slices,
    }


@pytest.mark.parametrize("way", other_ways())
@pytest.mark.parametrize("kind", ["24x7", "session", "extended hours", "lunch"])
def test_off_grid_bars_are_never_overwritten_without_a_capacity(kind: str, way: str) -> None:
    """Seconds that come to a store of 10-minute bars: more rows than there are slots in the whole
    span, some of them off the grid. Of 2,000 rows into 1,440 slots 560 used to be lost."""
    lunch = sd.SessionCalendar.from_hours("09:30", "16:00", "UTC", breaks=[("12:00", "13:00")])
    calendar = {"24x7": None, "lunch": lunch}.get(kind, CALENDAR)
    hours = ("04:00", "20:00") if kind == "extended hours" else None
    data = sd.SessionData(calendar, "10m", ("1h", "1d"), extended_hours=hours)
    grid = data.start_session("2024-03-12")
    assert grid is not None
    start = int(grid.segments[0, 0]) - (0 if kind == "24x7" else 70 * MINUTE)
    n = 700  # 144 slots in a day
    ts = start + np.arange(n) * 61 * MINUTE // 60
    rng = np.random.default_rng(2)
    prices = 100 + rng.random(n)
    columns = [ts, prices, prices + 1, prices - 1, prices, rng.integers(1, 9, n).astype(float)]
    symbol = data.register_symbol("S")
    windows = [(symbol.bars()[:], [])]
    other_ways()[way](data, columns)
    assert symbol.bars().timestamp.tolist() == ts.tolist()
    assert symbol.bars().volume.tolist() == columns[5].tolist()
    assert (symbol.counters["overwritten"], symbol.counters["too_old"]) == (0, 0)
    assert (symbol.counters["stored"], symbol.bars().total_count) == (n, n)
    state_of(symbol).core.check_invariants()
    regular = [bool(np.any((grid.segments[:, 0] <= t) & (t < grid.segments[:, 1]))) for t in ts.tolist()]
    assert symbol.session_volume == columns[5][regular].sum()
    assert symbol.bars("1d").volume.tolist() == [columns[5][regular].sum()]
    assert sum(bar.volume for bar in symbol.bars("1h")) == columns[5].sum()
    # In order once more, on the slots that follow: the hot path must see that there is no room
    # either.
    step = 10 * MINUTE
    for made in (data, data.copy(), sd.loads(data.dumps())):
        held = made.symbols["S"]
        stop = int(grid.segments[-1, 1])
        first = -(-(int(ts[-1]) + 1 - int(grid.segments[-1, 0])) // step) * step + int(grid.segments[-1, 0])
        later = list(range(first, min(stop, grid.span_stop), step))
        for t in later:
            held.append(t, 1.0, 1.0, 1.0, 1.0, 1.0)
        assert held.bars().timestamp.tolist() == [*ts.tolist(), *later]
        state_of(held).core.check_invariants()
        made.roll_session()
        (day,) = held.historical_bars["10m"].values()
        assert day.timestamp.tolist() == [*ts.tolist(), *later]
        held.append(int(ts[0]) + 1, 1.0, 1.0, 1.0, 1.0, 1.0)  # a late bar of that day
        assert len(held.historical_bars["10m"][dt.date(2024, 3, 12)]) == n + len(later) + 1
    assert all(list(window) == rows for window, rows in windows)


def test_growing_takes_no_more_than_four_times_the_rows() -> None:
    data = sd.SessionData(None, "1m", ())
    data.start_session("2024-03-12")
    symbol = data.register_symbol("S")
    start = int(data.grid.segments[0, 0])
    n = 40_000
    symbol.extend(start + np.arange(n) * (MINUTE // 60), *[np.ones(n)] * 5)
    usage = data.memory_usage()
    assert usage["rows"] >= 48 * n
    assert usage["reserved"] < 4 * 48 * n + 1_000_000
    for k in range(n):  # rows that follow one by one double it now and then
        symbol.append(start + (n + k) * MINUTE // 60, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert len(symbol.bars()) == 2 * n
    assert data.memory_usage()["reserved"] < 4 * 48 * 2 * n + 1_000_000


def test_a_capacity_that_was_given_still_is_one() -> None:
    data = sd.SessionData(None, "10m", (), capacity=100)
    data.start_session("2024-03-12")
    symbol = data.register_symbol("S")
    start = int(data.grid.segments[0, 0])
    symbol.extend(start + np.arange(700) * 61 * MINUTE // 60, *[np.ones(700)] * 5)
    assert (len(symbol.bars()), symbol.counters["overwritten"]) == (100, 600)


@pytest.mark.slow
def test_stores_that_nobody_holds_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, as in a sweep of backtests: 20 GB were reserved before Python's
    collector came, and a fork found no memory."""
    monkeypatch.setattr(garbage, "ROOM", 64 << 20)
    gc.collect()
    before = most = allocated_bytes()
    for _ in range(100):
        data = sd.SessionData("24/7", "1s", ("5m", "1d"))
        data.start_session(DATE)
        data.register_symbol("A")
        most = max(most, allocated_bytes())
    one = data.memory_usage()["reserved"]
    assert 100 * one > 5 * garbage.ROOM  # or the test could not fail
    assert most <= 2 * (before + one) + garbage.ROOM + 2 * one


def test_a_store_leaves_the_collector_alone_where_it_is_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    held = new_store()
    held.register_symbol("SPY")
    monkeypatch.setattr(garbage, "ROOM", 0)
    monkeypatch.setattr(garbage, "_kept", 0)
    assert allocated_bytes() > 0
    gc.disable()
    try:
        assert not garbage.collect_stores()
    finally:
        gc.enable()
    assert garbage.collect_stores()
    assert not garbage.collect_stores()  # what is left is in use


@pytest.mark.slow
def test_every_byte_that_is_counted_is_given_back() -> None:
    gc.collect()
    before = allocated_bytes()
    data = new_store("1s")
    data.register_symbol("SPY").extend(*columns(390))
    data.symbols["SPY"].append(CLOSE, *BAR)
    data.symbols["SPY"].append_quote(CLOSE, 1.0, 2.0, 3.0, 4.0)
    assert allocated_bytes() - before == data.memory_usage()["reserved"]
    del data
    gc.collect()
    assert allocated_bytes() == before


TAKEN_BACK = """
    import numpy as np
    import sessiondata as sd

    hours = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData("24/7", "1s", ("1m", "1d"), trailing_days=3)
    spy = data.register_symbol("SPY", calendar=hours)

    def rows(date):
        start = int(hours.session(date).segments[0, 0])
        return [start + 10**9 * np.arange(3), *(np.full(3, x) for x in (10.0, 12.0, 9.0, 11.0, 5.0))]

    for date in ("2024-03-12", "2024-03-13", "2024-03-14"):
        spy.load_historical_bars("1s", *rows(date))
    data.start_session("2024-03-14")
    data.end_session()
    bad = rows("2024-03-15")
    bad[2][1] = 1.0
    try:
        spy.extend(*bad)
    except sd.BarError:
        print(data.session_date)
    data.trailing_days = 1
    data.roll_session("2024-03-16")  # a Saturday: the symbol has no session
    print(spy.historical_bars["1s"].dates)
"""


def test_a_roll_behind_a_session_that_was_taken_back_reads_no_memory_that_is_gone() -> None:
    """A first call that is refused takes its session back, and the memory goes. A roll that then
    trimmed history looked at it: a segmentation fault once in ten runs of the machine of days."""
    made = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(TAKEN_BACK)],
        # glibc gives memory back to the system at once then, so that reading it is no luck
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout == "None\n[datetime.date(2024, 3, 14)]\n"
