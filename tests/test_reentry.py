"""Nothing is done on the ground of an earlier look: what runs between the two, in this thread or another, comes wholly
before or wholly after the call that it interrupts, or is refused by `ReentrantCallError`.

Calls are interrupted where they run Python code: by arguments whose conversion does something else (which stands for
another thread, a signal handler or a finalizer at that moment), by functions of users, and (`trace_pairs`) at every
event that a trace function sees.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import sessiondata as sd

MINUTE = 60_000_000_000
DAY = 1440 * MINUTE
T0 = int(np.datetime64("2024-03-12", "ns").astype(np.int64))


class Interrupting:
    """A column whose conversion runs something else first, once."""

    def __init__(self, values: Any, then: Callable[[], object]) -> None:
        self.values, self.then = np.array(values), then

    def __array__(self, dtype: Any = None, copy: Any = None) -> npt.NDArray[Any]:
        then, self.then = self.then, lambda: None
        then()
        return self.values

    def __len__(self) -> int:
        return len(self.values)


def store(*names: str, session: bool = True, **options: Any) -> sd.SessionData:
    data = sd.SessionData(None, "1m", ("5m",), **options)
    if session:
        data.start_session("2024-03-12")
    for name in names:
        data.register_symbol(name)
    return data


def rows(times: Any, value: float = 1.0) -> tuple[Any, ...]:
    times = np.asarray(times, np.int64)
    return times, *(np.full(len(times), value) for _ in range(5))


def shown(data: sd.SessionData, name: str) -> list[tuple[int, float]]:
    return [((bar.timestamp - T0) // MINUTE, bar.close) for bar in data.symbols[name].bars()]


def check(data: sd.SessionData) -> None:
    for symbol in data.symbols.values():
        symbol._core.check_invariants()
        for day in symbol._core.days.cores.values():
            day.check_invariants()


def together(*works: Callable[[], object]) -> None:
    """Run functions in threads of their own, which begin at once."""
    go, failed = threading.Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], object]) -> None:
        go.wait()
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not failed


# --- slices ---


def test_a_slice_that_another_one_interrupts_keeps_its_symbols() -> None:
    """Its bar was stored under the symbol of the other slice."""
    data = store("A", "B")
    one = np.ones(1)
    other = Interrupting(one, lambda: data.append_slice(["B"], T0, *[one * 2] * 5))
    assert data.append_slice(["A"], T0 + MINUTE, other, one, one, one, one) == 1
    assert (shown(data, "A"), shown(data, "B")) == ([(1, 1.0)], [(0, 2.0)])
    gone = Interrupting(one, lambda: data.remove_symbol("B"))
    assert data.append_slice(["A"], T0 + 2 * MINUTE, gone, one, one, one, one) == 1
    wide = Interrupting(one, lambda: data.append_slice(["A"] * 50, T0, *[np.ones(50)] * 5))
    assert data.append_slice(["A"], T0 + 3 * MINUTE, wide, one, one, one, one) == 1
    assert [minute for minute, _ in shown(data, "A")] == [0, 1, 2, 3]
    check(data)


def test_names_of_a_slice_that_change_while_its_columns_are_converted_are_refused() -> None:
    data = store("A", "B")
    names, one = ["A"], np.ones(1)
    with pytest.raises(sd.BarError, match="one bar for each symbol"):
        data.append_slice(names, T0, Interrupting(one, lambda: names.append("B")), one, one, one, one)
    assert shown(data, "A") == []


# --- first bars ---

FIRST: dict[str, Callable[[sd.SessionData, str], object]] = {
    "append": lambda data, name: data.append(name, T0 + MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0),
    "extend": lambda data, name: data.extend(name, *rows([T0 + MINUTE])),
    "append_tick": lambda data, name: data.append_tick(name, T0 + MINUTE, 1.0, 1.0),
    "extend_ticks": lambda data, name: data.extend_ticks(name, np.array([T0 + MINUTE]), np.ones(1), np.ones(1)),
    "append_slice": lambda data, name: data.append_slice([name], T0 + MINUTE, *[np.ones(1)] * 5),
}


@pytest.mark.parametrize("second", FIRST)
@pytest.mark.parametrize("first", FIRST)
def test_a_first_bar_that_finds_the_session_started_by_another_one_is_stored(
    first: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told that its session is over, and counted as of another one. The other feeder comes here just before the
    first one gets to start the session."""
    data = store("A", "B", session=False)
    begin, others = sd.SessionData._begin_session, ["B"]

    def late(*arguments: Any) -> Any:
        if others:
            others.pop()
            thread = threading.Thread(target=FIRST[second], args=(data, "B"), daemon=True)
            thread.start()
            thread.join(0.02)
            waiting.append(thread)
        return begin(*arguments)

    waiting: list[threading.Thread] = []
    monkeypatch.setattr(sd.SessionData, "_begin_session", late)
    assert FIRST[first](data, "A")
    waiting[0].join(10)
    assert (len(shown(data, "A")), len(shown(data, "B"))) == (1, 1)
    assert data.symbols["B"].counters["other_session"] == data.symbols["B"].ticks.counters["other_session"] == 0
    check(data)


def test_a_refused_first_batch_takes_back_its_session_unless_something_was_stored_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bar that another feeder had stored in it was gone, and in no counter."""
    bad = rows([T0, T0 + DAY])
    for meanwhile in (False, True):
        data = store("A", "B", session=False)
        undo = sd.session._days.undo

        def append_first(*arguments: Any, data: sd.SessionData = data, meanwhile: bool = meanwhile) -> bool:
            if meanwhile:
                assert data.append("B", T0, 1.0, 1.0, 1.0, 1.0, 1.0)
            return undo(*arguments)  # noqa: B023

        monkeypatch.setattr(sd.session._days, "undo", append_first)
        with pytest.raises(sd.SessionStateError, match="later trade date"):
            data.extend("A", *bad)
        monkeypatch.undo()
        assert data.session_date == (dt.date(2024, 3, 12) if meanwhile else None)
        assert len(shown(data, "B")) == meanwhile
        check(data)


# --- batches that are not in order ---


def ending(how: str, data: sd.SessionData) -> None:
    {
        "end": data.end_session,
        "roll": data.roll_session,
        "clear": data.clear,
        "remove": lambda: data.remove_symbol("A"),
    }[how]()


def once_before(work: Callable[[], object], did: list[str], original: Callable[..., Any]) -> Callable[..., Any]:
    """A function that does some work before, if nothing has been done yet."""

    def patched(*args: Any, **kwargs: Any) -> Any:
        if not did:
            did.append("done")
            work()
        return original(*args, **kwargs)

    return patched


@pytest.mark.parametrize("how", ["end", "roll", "clear", "remove"])
@pytest.mark.parametrize("call", ["extend", "late", "skip", "close", "fill", "extend_ticks", "load"])
def test_a_session_that_ends_while_rows_are_sorted(call: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy sorts and copies without the GIL: whatever had been seen of the session was used all the same."""
    data = store("A", trailing_days=5)
    if call == "extend_ticks":
        data.append_tick("A", T0 + 10 * MINUTE, 1.0, 1.0)
    else:
        data.append("A", T0 + 10 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    times = T0 + np.array([5, 3, 4]) * MINUTE
    symbol, did = data.symbols["A"], list[str]()
    calls: dict[str, Callable[[], object]] = {
        "extend": lambda: symbol.extend(*rows(times + 20 * MINUTE)),
        "late": lambda: symbol.extend(*rows(np.sort(times))),
        "skip": lambda: symbol.extend(times, *[np.array([1.0, np.nan, 1.0])] * 5, on_bad="skip"),
        "close": lambda: symbol.extend(*rows(times), label="close"),
        "fill": lambda: symbol.fill(*rows(times)),
        "extend_ticks": lambda: symbol.extend_ticks(times, np.ones(3), np.ones(3)),
        "load": lambda: symbol.load_historical_bars("1m", *rows(times)),
    }
    for name in ("argsort", "array", "ascontiguousarray", "asarray", "flatnonzero", "searchsorted", "concatenate"):
        monkeypatch.setattr(np, name, once_before(lambda: ending(how, data), did, getattr(np, name)))
    try:
        stored: Any = calls[call]()
    except sd.SessionStateError:  # there is no session any more
        stored = None
    monkeypatch.undo()
    check(data)
    if stored and how in ("end", "roll") and did and call != "extend_ticks":
        day = symbol.historical_bars["1m"][dt.date(2024, 3, 12)]
        assert len(day) == 1 + stored  # acknowledged means stored


# --- days of history ---


def test_late_rows_of_two_threads_for_one_past_day_are_all_kept() -> None:
    """Each copied the day, changed its copy and put it in the day's place: half of the rows were lost."""
    data = store("A", session=False, trailing_days=5)
    symbol = data.symbols["A"]
    symbol.load_historical_bars("1m", *rows([T0 - MINUTE]))
    data.start_session("2024-03-12")
    stored = [0, 0, 0]

    def feed(k: int) -> None:
        for i in range(40):
            times = T0 - DAY + (np.arange(9)[::-1] * 120 + 3 * i + k) * MINUTE
            if k == 2:
                stored[k] += symbol.load_historical_bars("1m", *rows(times))
            else:
                stored[k] += symbol.extend(*rows(times))

    together(*(lambda k=k: feed(k) for k in range(3)))
    assert sum(stored) == 3 * 40 * 9
    assert len(symbol.historical_bars["1m"][dt.date(2024, 3, 11)]) == sum(stored) + 1
    check(data)


def test_a_day_that_a_roll_adds_while_history_is_loaded_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load put its days in the place of all: the day of the roll was gone, with its bars and without a counter."""
    data = store("A", trailing_days=50)
    symbol = data.symbols["A"]
    symbol.append(T0, 1.0, 1.0, 1.0, 1.0, 1.0)
    hours, rolls = sd.SessionData._hours, ["roll"]

    def roll(self: sd.SessionData, *of: Any) -> Any:
        if rolls:
            rolls.pop()
            data.roll_session()
        return hours(self, *of)

    monkeypatch.setattr(sd.SessionData, "_hours", roll)
    assert symbol.load_historical_bars("1m", *rows(T0 - 5 * DAY + np.arange(3) * MINUTE)) == 3
    assert symbol.historical_bars["1m"].dates == [dt.date(2024, 3, 7), dt.date(2024, 3, 12)]


# --- re-entry ---


def test_what_would_change_sessions_or_symbols_inside_another_call_is_refused_by_name() -> None:
    data = store("A", session=True)
    refused: list[sd.ReentrantCallError] = []

    for change in (
        data.roll_session, data.end_session, data.clear, lambda: data.remove_symbol("A"),
        lambda: data.register_symbol("B"),
    ):  # fmt: skip
        original = sd.SessionData._hours

        def hours(self: sd.SessionData, *of: Any, change: Callable[[], object] = change) -> Any:
            with pytest.raises(sd.ReentrantCallError) as caught:
                change()
            refused.append(caught.value)
            return original(self, *of)  # noqa: B023

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sd.SessionData, "_hours", hours)
            data.roll_session()
    assert {error.outer for error in refused} == {"roll_session()"}
    assert {error.call for error in refused} == {
        "roll_session()", "end_session()", "clear()", "remove_symbol()", "register_symbol()",
    }  # fmt: skip
    assert data.session_date == dt.date(2024, 3, 17)
