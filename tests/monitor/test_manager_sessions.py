"""Quality manager: threads, hanging requests, and sessions that are left meanwhile."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from managed import HOURS, OPEN, Provider, bar, boom, columns, feed, minutes_in, new_store, outcomes
from sessiondata.monitor import manager as monitor
from sessiondata.monitor.gap_log import GapLog
from sessiondata.monitor.requests import Requests
from worlds import MINUTE


def leave(*_: Any) -> Any:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (boom, "error", "ConnectionError: no route"),
        (leave, "error", "SystemExit(3)"),
        (lambda *_: "a page of HTML, for example", "invalid", ""),
        (lambda *_: 42, "invalid", "TypeError"),
        (lambda *_: (1, 2, 3), "invalid", "six columns"),
        (lambda *_: columns([9]), "invalid", "none of 1 rows"),
        (lambda start, _: ([start + 1], [1.0], [1.0], [1.0], [1.0], [1.0]), "invalid", "none of 1 rows"),
        (lambda start, _: ([start], [1.0], [np.nan], [1.0], [1.0], [1.0]), "invalid", "none of 1 rows"),
        (lambda *_: (["yesterday"], [1.0], [1.0], [1.0], [1.0], [1.0]), "invalid", ""),
        (lambda start, _: ([start], ["x"], [1.0], [1.0], [1.0], [1.0]), "invalid", ""),
    ],
)
def test_a_failing_provider_changes_nothing_but_the_retries(answer: Any, outcome: str, detail: str) -> None:
    data = new_store()
    feed(data, [0, 4])
    before = data.symbols["SPY"].bars_base[:].copy()
    manager = sd.DataQualityManager(data, "live", Provider(answer))
    (made,) = manager.step()
    assert made.outcome == outcome
    assert detail in made.detail
    spy = data.symbols["SPY"]
    assert list(spy.bars_base) == list(before)
    (gap,) = spy.bars_base.gaps
    assert (gap.bar_count, gap.retry_count) == (3, 1)


def test_a_request_that_hangs_times_out_and_its_answer_is_dropped() -> None:
    data, release = new_store(), threading.Event()
    feed(data, [0, 2])

    def answer(*_: Any) -> Any:
        release.wait(30)
        return columns([1])

    manager = sd.DataQualityManager(data, "live", Provider(answer), timeout_seconds=0.05)
    assert outcomes(manager.step()) == ["timeout"]
    assert manager.get_quality_stats()["hanging"] == 1
    release.set()
    deadline = time.monotonic() + 10
    while manager.get_quality_stats()["hanging"] and time.monotonic() < deadline:
        time.sleep(0.005)
    assert manager.get_quality_stats()["hanging"] == 0
    assert data.symbols["SPY"].bars_base.missing == 1


def test_no_more_requests_while_too_many_hang() -> None:
    data, release = new_store(), threading.Event()
    feed(data, range(0, 60, 2))
    provider = Provider(lambda *_: release.wait(30))
    manager = sd.DataQualityManager(data, "live", provider, timeout_seconds=0.005)
    assert outcomes(manager.step()) == ["timeout"] * 8
    assert len(provider.asked) == 8
    release.set()


def test_the_feeder_does_not_wait_for_a_hanging_provider() -> None:
    data, entered, release = new_store(), threading.Event(), threading.Event()

    def answer(*_: Any) -> Any:
        entered.set()
        release.wait(30)
        return None

    with sd.DataQualityManager(data, "live", Provider(answer), poll_seconds=0.001) as manager:
        feed(data, [0, 2])
        assert entered.wait(10)
        feed(data, range(3, 390))  # would not come to its end
        assert len(data.symbols["SPY"].bars_base) == 389
        assert data.to_json()
        assert manager.is_running
        release.set()
    assert not manager.is_running


@pytest.mark.threads
def test_the_thread_fills_gaps_of_a_feed_by_itself() -> None:
    data, provider = new_store(("SPY", "QQQ")), Provider()
    with sd.DataQualityManager(data, "live", provider, retry_interval_seconds=0, poll_seconds=0.001) as manager:
        manager.start()  # again: nothing happens
        for minute in range(390):
            for symbol in ("SPY", "QQQ"):
                if minute % 7 != 3:
                    feed(data, [minute], symbol)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and any(s.bars_base.missing for s in data.symbols.values()):
            manager.notify()
            time.sleep(0.001)
    perfect = new_store(("SPY", "QQQ"))
    for symbol in ("SPY", "QQQ"):
        feed(perfect, range(390), symbol)
    assert data.to_dict()["symbols"] == perfect.to_dict()["symbols"]
    assert manager.get_quality_stats()["failures"] == 0


def test_the_thread_survives_a_round_that_fails(caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    data, provider = new_store(), Provider()
    manager = sd.DataQualityManager(data, "live", provider, poll_seconds=0.001)
    good, failed = GapLog.watch_all, threading.Event()

    def broken(*_: Any) -> Any:
        failed.set()
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(GapLog, "watch_all", broken)
    with manager:
        feed(data, [0, 2])
        assert failed.wait(10)
        monkeypatch.setattr(GapLog, "watch_all", good)
        deadline = time.monotonic() + 10
        while data.symbols["SPY"].bars_base.missing and time.monotonic() < deadline:
            manager.notify()
            time.sleep(0.001)
    assert data.symbols["SPY"].bars_base.missing == 0
    assert manager.get_quality_stats()["failures"] >= 1
    assert "broken on purpose" in caplog.text


def test_a_session_that_is_left_closes_its_records() -> None:
    data, provider = new_store(), Provider(lambda *_: None)
    feed(data, [0, 3])
    manager = sd.DataQualityManager(data, "live", provider)
    manager.step()
    data.clear()
    data.start_session("2024-03-13")
    data.register_symbol("SPY")
    data.advance_to(OPEN + 1441 * MINUTE)
    manager.step()
    records = manager.records("SPY")
    assert [record.reason for record in records] == ["session_ended", None]
    assert [str(record.session_date) for record in records] == ["2024-03-12", "2024-03-13"]
    assert manager.get_quality_stats()["symbols"]["SPY"]["open"] == 1


@pytest.mark.parametrize("leave", ["end_session", "roll_session", "clear"])
def test_a_session_that_is_left_closes_its_records_before_anything_comes(leave: str) -> None:
    """A store without a session, or with one that nothing has come for yet, has no time; its
    records stayed open."""
    data = new_store()
    feed(data, [0, 3])
    manager = sd.DataQualityManager(data, "live", Provider(lambda *_: None))
    manager.step()
    getattr(data, leave)()
    assert data.as_of is None
    assert manager.step() == []
    assert [(record.reason, record.closed_ns) for record in manager.records()] == [("session_ended", OPEN + 4 * MINUTE)]
    assert all(numbers["open"] == 0 for numbers in manager.get_quality_stats()["symbols"].values())


@pytest.mark.parametrize("way", ["remove", "remove and register", "clear"])
def test_a_symbol_that_leaves_while_it_is_asked_for_confirms_nothing(way: str) -> None:
    data = new_store()
    feed(data, [0, 4])

    def answer(start: int, stop: int) -> Any:
        if way == "clear":
            data.clear()
        else:
            data.remove_symbol("SPY")
        if way == "remove and register":
            data.register_symbol("SPY")
        return columns(minutes_in(start, stop))

    manager = sd.DataQualityManager(data, "live", Provider(answer))
    (made,) = manager.step(OPEN + 5 * MINUTE)
    assert (made.outcome, made.rows) == ("invalid", 0)
    assert "removed" in made.detail
    manager.step(OPEN + 6 * MINUTE)
    assert [record.reason for record in manager.records()] == ["session_ended"]


LEAVE = {
    "roll": lambda data: data.roll_session(),
    "end": lambda data: data.end_session(),
    "remove": lambda data: data.remove_symbol("SPY"),
    "clear": lambda data: data.clear(),
}


@pytest.mark.parametrize("trailing_days", [0, 5])
@pytest.mark.parametrize("how", sorted(LEAVE))
@pytest.mark.parametrize("before", ["record_retry", "fill", "mark_no_trade", "computed_gaps", "open_parts", "make"])
def test_a_session_that_is_left_inside_a_round(before: str, how: str, trailing_days: int, monkeypatch: Any) -> None:
    """Another thread may leave a session between any look of the manager and what it does then. A
    retry of a session without a day, or a gap of the next session beside the hours of this one,
    raised from `step`."""
    for n in range(1, 6):  # the n-th call
        data = sd.SessionData(HOURS, "1m", (), trailing_days=trailing_days)
        data.start_session("2024-03-12")
        data.register_symbol("SPY")
        feed(data, [0, 2, 4])
        manager = sd.DataQualityManager(
            data, "live", Provider((lambda *_: ()) if before == "mark_no_trade" else None), max_retries=1
        )
        owner: Any = {"computed_gaps": monitor, "open_parts": monitor, "make": Requests}.get(
            before, sd.SymbolSessionData
        )
        original, left = getattr(owner, before), [n]

        def leaving(
            self: Any, *args: Any, data: Any = data, left: list[int] = left, original: Any = original, **options: Any
        ) -> Any:
            left[0] -= 1
            if left[0] == 0:
                LEAVE[how](data)
                if how == "roll":  # whose gaps are missing from now on
                    data.append("SPY", OPEN + 1443 * MINUTE, *bar(0)[1:])
            return original(self, *args, **options)

        with monkeypatch.context() as patched:
            patched.setattr(owner, before, leaving)
            first = manager.step(OPEN + 5 * MINUTE)
        manager.step(OPEN + 1440 * MINUTE)
        times = [made.start_ns for made in first]
        assert times == sorted(set(times))
        assert all(OPEN < start < OPEN + 4 * MINUTE for start in times)
        old = [record for record in manager.records() if record.session_date.day == 12]
        assert {record.reason for record in old} <= (
            {"session_ended", "filled", "confirmed_empty"} if left[0] <= 0 else {None, "filled", "confirmed_empty"}
        )
        assert all(OPEN < record.start_ns <= record.end_ns < OPEN + 4 * MINUTE for record in old)


def test_a_gap_that_is_exhausted_stays_so_when_its_session_is_left(monkeypatch: Any) -> None:
    """The retries of the session were asked of the next one: nobody seemed to have asked for the
    gap."""
    data = new_store()
    feed(data, [0, 4])
    manager = sd.DataQualityManager(data, "live", Provider(lambda *_: None), max_retries=1)
    manager.step(OPEN + 5 * MINUTE)
    assert [record.reason for record in manager.records()] == ["exhausted"]
    original = monitor.open_parts

    def late(*args: Any) -> Any:
        data.roll_session()
        return original(*args)

    with monkeypatch.context() as patched:
        patched.setattr(monitor, "open_parts", late)
        feed(data, [7])
        manager.step(OPEN + 8 * MINUTE)
    manager.step(OPEN + 1440 * MINUTE)
    assert [record.reason for record in manager.records()] == ["exhausted"]


@pytest.mark.threads
def test_two_threads_that_start_a_manager_start_one_thread(monkeypatch: Any) -> None:
    manager = sd.DataQualityManager(new_store())
    with monkeypatch.context() as patched:
        starters = [threading.Thread(target=manager.start) for _ in range(2)]
        patched.setattr(sd.DataQualityManager, "_run", lambda _, stopped: stopped.wait(5))
        is_running = sd.DataQualityManager.is_running.fget
        patched.setattr(
            sd.DataQualityManager, "is_running", property(lambda self: (is_running(self), time.sleep(0.05))[0])
        )
        for starter in starters:
            starter.start()
        for starter in starters:
            starter.join()
        n = sum(thread.name == "sessiondata quality" for thread in threading.enumerate())
        manager.stop()
    assert n == 1


@pytest.mark.parametrize("end", ["roll_session", "end_session"])
def test_an_answer_after_the_roll_goes_to_its_day_and_replaces_nothing(end: str) -> None:
    data = new_store()
    feed(data, [0, 4])

    def answer(start: int, stop: int) -> Any:
        data.append("SPY", OPEN + MINUTE, 7.0, 7.0, 7.0, 7.0, 7.0)
        getattr(data, end)()
        return columns(minutes_in(start, stop))

    manager = sd.DataQualityManager(data, "live", Provider(answer))
    assert [(made.outcome, made.rows) for made in manager.step()] == [("partial", 2)]
    day = data.symbols["SPY"].historical_day("2024-03-12")
    assert day.bars().volume.tolist() == [100.0, 7.0, 102.0, 103.0, 104.0]
    assert day.counters["corrected"] == 0
    manager.step(OPEN + 1440 * MINUTE)
    assert [record.reason for record in manager.records()] == ["session_ended"]


def test_an_empty_answer_after_the_roll_explains_its_day() -> None:
    data = new_store()
    feed(data, [0, 4])

    def answer(*_: int) -> Any:
        data.roll_session()
        return ()

    manager = sd.DataQualityManager(data, "live", Provider(answer))
    assert outcomes(manager.step()) == ["empty"]
    assert data.symbols["SPY"].historical_day("2024-03-12").bars().no_trade == 3


def test_a_thread_that_still_waits_is_replaced_by_a_start() -> None:
    data, release, asked = new_store(), threading.Event(), threading.Event()
    feed(data, [0, 2])

    def answer(*_: Any) -> Any:
        asked.set()
        release.wait(30)

    manager = sd.DataQualityManager(data, "live", Provider(answer))
    manager.start()
    assert asked.wait(10)
    assert not manager.stop(0.01)
    assert not manager.is_running
    manager.start()
    assert manager.is_running
    release.set()
    deadline = time.monotonic() + 10
    while sum(thread.name == "sessiondata quality" for thread in threading.enumerate()) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert manager.is_running
    assert manager.stop()


def test_what_is_kept_of_sessions_that_were_left_has_a_limit() -> None:
    data = new_store(("SPY", "IBM"))
    manager = sd.DataQualityManager(data, "live", Provider(lambda *_: None), keep_records=5)
    for day in range(4):
        for minute in (0, 2, 4):
            for symbol in ("SPY", "IBM"):
                data.append(symbol, OPEN + day * 1440 * MINUTE + minute * MINUTE, *bar(minute)[1:])
        manager.step()
        if day < 3:
            data.roll_session()
    records = manager.records()
    assert len(records) == 5 + 4  # of sessions that were left, and of the one under way
    assert [str(record.session_date) for record in records[:5]] == ["2024-03-13"] + ["2024-03-14"] * 4
    stats = manager.get_quality_stats()
    assert (stats["forgotten"], stats["requests"], stats["outcomes"]) == (7, 16, {"unknown": 16})
    assert sum(stats["symbols"]["SPY"][name] for name in ("open", "filled")) == 2
