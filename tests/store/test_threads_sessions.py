"""Sessions that come and go beside other threads, rolls, fork and Ctrl-C."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
import stress
from sessiondata import jit
from sessiondata.store.store import parts_of
from sessiondata.store.symbol import state_of
from stress import DAY_NS, SECOND, STOP, WRITTEN
from threads import SECONDS, new_symbol, numba, together, write_every

pytestmark = pytest.mark.threads


# --- sessions that come and go --------------------------------------------------------------------


@numba.njit(nogil=True)
def use_all(handles: Any, flags: Any, counts: Any) -> None:
    """Read and write whatever the handles are of at the moment, for ever."""
    ts = np.empty(16, np.int64)
    o, h, low, c, v = np.empty(16), np.empty(16), np.empty(16), np.empty(16), np.empty(16)
    i = 0
    while flags[STOP] == 0:
        for handle in handles:
            got = jit.read_last(handle, 0, ts, o, h, low, c, v)
            for j in range(max(got, 0)):
                if not (o[j] == h[j] and o[j] == low[j] and o[j] == c[j] and o[j] == v[j]):
                    counts[1] += 1
            x = float(i)
            status = jit.append(handle, DAY_NS + (i % 80_000) * SECOND, x, x, x, x, x)
            jit.value(handle, 1, jit.CLOSE, -1)
            jit.quality(handle, 2)
            counts[0] += got > 0
            counts[2] += status > 0
        i += 1


@pytest.mark.slow
@pytest.mark.parametrize("end", ["roll", "clear", "remove"])
def test_sessions_end_and_symbols_go_under_a_reader_and_writer(end: str) -> None:
    flags, counts = np.zeros(8, np.int64), np.zeros(8, np.int64)
    data = sd.SessionData(None, "1s", ("1m", "5m"), trailing_days=2)
    use_all(np.array([0, 1 << 24], np.int64), np.ones(8, np.int64), counts)
    handles = np.zeros(4, np.int64)

    def turn() -> int:
        rounds, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < SECONDS or rounds < 10:
            data.start_session("2023-11-15")
            for i, name in enumerate("ABCD"):
                handles[i] = data.register_symbol(name).handle
            time.sleep(0.002)
            if end == "roll":
                for _ in range(4):  # the first days are trimmed, so their memory goes
                    data.roll_session()
                    time.sleep(0.001)
                data.clear()
            elif end == "clear":
                data.clear()
            else:
                for name in "ABCD":
                    data.remove_symbol(name)
                data.clear()
            rounds += 1
        flags[STOP] = 1
        return rounds

    use = lambda: use_all(handles, flags, counts)  # noqa: E731
    _, _, rounds = together(use, use, turn, flags=flags)
    assert rounds >= 10
    assert counts[1] == 0
    assert counts[0] > 0
    assert counts[2] > 0


def test_compiled_bars_of_days_in_history_do_not_wait_for_each_other() -> None:
    """Such bars need the GIL, which a Python thread holds while it waits for the guard."""
    data, spy = new_symbol(trailing_days=3)
    spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    data.roll_session()
    counts = np.zeros(8, np.int64)
    write_every(spy.handle, 0, 1, 0, counts)

    def count() -> None:
        for i in range(3_000):
            spy.append(DAY_NS + (86_400 + i) * SECOND, 1.0, 1.0, 1.0, 1.0, 1.0)
            assert len(spy.bars()) == i + 1

    together(
        count, lambda: write_every(spy.handle, 1, 1, 200, counts), lambda: write_every(spy.handle, 1, 1, 200, counts)
    )
    assert len(spy.historical_bars["1s"][data.session_date.replace(day=15)]) == 200
    assert (counts[jit.LATE] + counts[jit.STORED], counts[jit.REPEATED]) == (199, 199)


def test_a_snapshot_keeps_the_days_that_were_there_when_it_was_made() -> None:
    """A late bar of a past day, which came while the file was written, was in the file, and in no
    count of it."""
    from sessiondata._native.out.capture import capture_all

    data, spy = new_symbol(trailing_days=3)
    spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    data.roll_session()
    _, [(_, _, days, _, _, _)], _, _ = capture_all(parts_of(data).context.clock, [state_of(spy).core], [()], [], None)
    spy.append(DAY_NS + SECOND, 2.0, 2.0, 2.0, 2.0, 2.0)
    assert [day.count(0) for day in days.values()] == [1]
    assert [day.count(0) for day in state_of(spy).core.days.cores.values()] == [2]


# --- rolls beside other calls ---------------------------------------------------------------------


def test_a_late_bar_of_a_past_day_that_comes_while_a_session_rolls_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The new history was made, another thread stored a late bar in the old one, and the new one
    took its place."""
    from sessiondata._native.objects import sessions as _sessions

    data, spy = new_symbol(trailing_days=3)
    spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    data.roll_session()
    yesterday = data.session_date - dt.timedelta(days=1)
    stage, late = _sessions.stage_sessions, [DAY_NS + SECOND, DAY_NS + 2 * SECOND]

    def stage_and_lose_time(*arguments: Any) -> Any:
        staged = stage(*arguments)
        if late:
            assert spy.append(late.pop(0), 2.0, 2.0, 2.0, 2.0, 2.0)
        return staged

    monkeypatch.setattr(_sessions, "stage_sessions", stage_and_lose_time)
    data.roll_session()
    assert not late
    assert spy.historical_bars["1s"][yesterday].timestamp.tolist() == [DAY_NS, DAY_NS + SECOND, DAY_NS + 2 * SECOND]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("is_given", [True, False])
def test_the_summary_of_a_day_that_is_not_kept_has_its_last_bars(
    first: bool, is_given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary was made, a compiled feeder stored another bar, then the sessions changed
    places."""
    from sessiondata._native.objects import sessions as _sessions

    data, spy = new_symbol(trailing_days=0)
    data.add_historical_indicator("last", lambda *_: 0.0, days=3)
    if is_given:  # other rows of history go through another dict
        spy.load_historical_bars("1d", [np.datetime64("2023-11-14")], *([[7.0]] * 5))
    if not first:
        spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    stage, counts = _sessions.stage_sessions, np.zeros(8, np.int64)

    def stage_and_lose_time(*arguments: Any) -> Any:
        staged = stage(*arguments)
        write_every(spy.handle, 2, 1, 3, counts)
        return staged

    monkeypatch.setattr(_sessions, "stage_sessions", stage_and_lose_time)
    ended = data.session_date
    data.roll_session()
    bar = state_of(spy).core.days.daily[ended]
    assert bar[1:7] == ((2.0, 2.0, 2.0, 2.0, 2.0, 1) if first else (1.0, 2.0, 1.0, 2.0, 3.0, 2))
    assert bar[7:] == ((4.0, 2.0) if first else (5.0, 3.0))
    assert not state_of(spy).core.days.cores
    data.roll_session()  # and it stays what it was


@pytest.mark.slow
@pytest.mark.parametrize("look", ["to_json", "to_dict", "save"])
@pytest.mark.parametrize("change", ["roll_session", "end_session", "clear", "remove", "register"])
def test_what_a_store_consists_of_changes_before_or_after_a_look_at_all_of_it(
    look: str, change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A roll in another thread gave documents the date of one session and the rows of another; a
    symbol that was removed meanwhile raised a KeyError."""
    from sessiondata._native.out import capture
    from sessiondata.export.form import Form

    data, spy = new_symbol()
    spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    works: dict[str, Callable[[], Any]] = {
        "remove": lambda: data.remove_symbol("SPY"),
        "register": lambda: data.register_symbol("IBM"),
    }
    changing = threading.Thread(target=works.get(change) or getattr(data, change), daemon=True)
    target: Any = capture if look == "save" else Form
    name = {"save": "capture_all", "to_json": "meta_bytes"}.get(look, "meta")
    original = getattr(target, name)

    def slow(*arguments: Any) -> Any:
        made = original(*arguments)
        if changing.ident is None:
            changing.start()
            changing.join(0.1)
            assert changing.is_alive(), "nobody waits"
        return made

    monkeypatch.setattr(target, name, slow)
    if look == "save":
        data.save(tmp_path / "store")
        seen = sd.load(tmp_path / "store").to_dict()
    else:
        seen = json.loads(data.to_json()) if look == "to_json" else data.to_dict()
    changing.join(30)
    assert not changing.is_alive()
    assert seen["meta"]["session_date"] == "2023-11-15"
    assert list(seen["symbols"]) == ["SPY"]
    assert seen["symbols"]["SPY"]["session"]["data"]["1s"]["count"] == 1


# --- fork, Ctrl-C ---------------------------------------------------------------------------------


def test_threads_that_ask_for_series_at_once_get_the_same_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Series are made when they are first asked for. Here a second thread asks while the first is
    about to make them: were what the first one has made put over what the second was given, `bars`
    would change its answer."""
    data = sd.SessionData(None, "1m", ("5m",))
    spy = data.register_symbol("SPY")
    made, theirs = [], []

    class Series(sd.BarSeries):
        __slots__ = ()

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)
            if len(made) == 1:
                other = threading.Thread(target=lambda: theirs.append(spy.bars("1m")))
                other.start()
                other.join()

    monkeypatch.setattr("sessiondata.store.state.BarSeries", Series)
    ours = spy.bars("1m")
    assert len(made) == 4
    assert ours is theirs[0] is spy.bars_base is spy.bars("60s")
    assert spy.bars("5m") is spy.bars_derived["5m"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_finds_whole_symbols_and_free_guards() -> None:
    _, spy = new_symbol(capacity=86_400)  # the writer's bars lie beside the slots, and never end
    flags = np.zeros(8, np.int64)
    stress.write(spy.handle, np.ones(8, np.int64), 1_000, 0)

    def fork() -> int:
        while flags[WRITTEN] < 1_000:
            time.sleep(0.001)
        failed = 0
        for _ in range(20):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    signal.alarm(20)
                    state_of(spy).core.check_invariants()
                    n, total = len(spy.bars()), spy.bars().total_count
                    rows = spy.bars().copy()
                    spy.append(DAY_NS + 80_000 * SECOND, 1.0, 1.0, 1.0, 1.0, 1.0)
                    whole = bool((rows.open == rows.close).all()) and len(rows) == n
                    code = 0 if whole and jit.total_count(spy, 0) == total + 1 else 2
                finally:
                    os._exit(code)
            failed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
        flags[STOP] = 1
        return failed

    _, failed = together(lambda: stress.write(spy.handle, flags, 1_000, 100), fork, flags=flags)
    assert failed == 0
    state_of(spy).core.check_invariants()


INTERRUPTED = """
    import os, signal, threading, time
    import numpy as np
    import sessiondata as sd
    {setup}
    def interrupt():
        time.sleep(0.3)
        global sent
        sent = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with it ignored
    threading.Thread(target=interrupt).start()
    try:
        while True:
            {work}
            done = time.perf_counter()
    except KeyboardInterrupt:
        print(time.perf_counter() - sent)
"""
BATCH = """grid = sd.SessionCalendar.always_open().session("2023-11-15")
    ts = 1_700_006_400_000_000_000 + np.arange(0, 86_400, 1, np.int64)[np.arange(86_400) % 5 != 2] * 1_000_000_000
    columns = {str(i): ts for i in range(5_000)}"""
EXPORT = """data = sd.SessionData(None, "1s", ("1m",))
    data.start_session("2023-11-15")
    ts = 1_700_006_400_000_000_000 + np.arange(5_000, dtype=np.int64) * 1_000_000_000
    x = np.arange(5_000) + 0.5
    for i in range(200):
        data.register_symbol(str(i)).extend(ts, x, x, x, x, x)"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise")
@pytest.mark.parametrize(
    ("setup", "work"),
    [
        (BATCH, "sd.find_gaps(columns, grid, '1s')"),
        (BATCH, "sd.find_gaps(columns, grid, '1s', workers=2)"),
        (EXPORT, "data.to_json()"),
        (EXPORT, "data.to_dict()"),
    ],
    ids=["batch", "batch on threads", "to_json", "to_dict"],
)
def test_ctrl_c_is_heard_in_long_work(setup: str, work: str) -> None:
    code = textwrap.dedent(INTERRUPTED).replace("{setup}", textwrap.dedent("    " + setup)).replace("{work}", work)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 5.0  # some milliseconds, on a machine that has nothing else to do
