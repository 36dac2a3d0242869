"""Nothing is done on the ground of an earlier look: what runs between the two, in this thread or
another, comes wholly before or wholly after the call that it interrupts, or is refused by
`ReentrantCallError`.

Calls are interrupted where they run Python code: by arguments whose conversion does something else
(which stands for another thread, a signal handler or a finalizer at that moment), by functions of
users, and (`trace_pairs`) at every event that a trace function sees.

Long because each call is interrupted by each; the table of calls is half of it.
"""

# ruff: noqa: ARG001, ARG005
from __future__ import annotations

import datetime as dt
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import sessiondata as sd
from sessiondata._native.objects import sessions as native
from sessiondata.store.context import StoreContext
from sessiondata.store.lifecycle import Sessions
from sessiondata.store.symbol import state_of

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
        state_of(symbol).core.check_invariants()
        for day in state_of(symbol).core.days.cores.values():
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


@pytest.mark.threads
@pytest.mark.parametrize("second", FIRST)
@pytest.mark.parametrize("first", FIRST)
def test_a_first_bar_that_finds_the_session_started_by_another_one_is_stored(
    first: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told that its session is over, and counted as of another one. The other feeder comes
    here just before the first one gets to start the session."""
    data = store("A", "B", session=False)
    begin, others = Sessions.start_for_first, ["B"]

    def late(*arguments: Any) -> Any:
        if others:
            others.pop()
            thread = threading.Thread(target=FIRST[second], args=(data, "B"), daemon=True)
            thread.start()
            thread.join(0.02)
            waiting.append(thread)
        return begin(*arguments)

    waiting: list[threading.Thread] = []
    monkeypatch.setattr(Sessions, "start_for_first", late)
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
        undo = native.undo

        def append_first(*arguments: Any, data: sd.SessionData = data, meanwhile: bool = meanwhile) -> bool:
            if meanwhile:
                assert data.append("B", T0, 1.0, 1.0, 1.0, 1.0, 1.0)
            return undo(*arguments)  # noqa: B023

        monkeypatch.setattr(native, "undo", append_first)
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
    """NumPy sorts and copies without the GIL: whatever had been seen of the session was used all
    the same."""
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


@pytest.mark.threads
def test_late_rows_of_two_threads_for_one_past_day_are_all_kept() -> None:
    """Each copied the day, changed its copy and put it in the day's place: half of the rows were
    lost."""
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
    """The load put its days in the place of all: the day of the roll was gone, with its bars and
    without a counter."""
    data = store("A", trailing_days=50)
    symbol = data.symbols["A"]
    symbol.append(T0, 1.0, 1.0, 1.0, 1.0, 1.0)
    hours, rolls = StoreContext.hours, ["roll"]

    def roll(self: StoreContext, *of: Any) -> Any:
        if rolls:
            rolls.pop()
            data.roll_session()
        return hours(self, *of)

    monkeypatch.setattr(StoreContext, "hours", roll)
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
        original = StoreContext.hours

        def hours(self: StoreContext, *of: Any, change: Callable[[], object] = change) -> Any:
            with pytest.raises(sd.ReentrantCallError) as caught:
                change()
            refused.append(caught.value)
            return original(self, *of)  # noqa: B023

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(StoreContext, "hours", hours)
            data.roll_session()
    assert {error.outer for error in refused} == {"roll_session()"}
    assert {error.call for error in refused} == {
        "roll_session()", "end_session()", "clear()", "remove_symbol()", "register_symbol()",
    }  # fmt: skip
    assert data.session_date == dt.date(2024, 3, 17)


EXPORTS: dict[str, Callable[[sd.SessionData], Any]] = {
    "to_json": lambda data: data.to_json(),
    "to_dict": lambda data: data.to_dict(),
    "delta": lambda data: data.to_json(complete=False),
    "export_into": lambda data: data.export_into(bytearray(100_000)),
}


@pytest.mark.parametrize("inner", EXPORTS)
@pytest.mark.parametrize("outer", EXPORTS)
def test_an_export_inside_an_export_is_refused_through_the_same_cursor_and_served_through_another(
    outer: str, inner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It went on in the memory that the inner one had freed. What pins show is asked in Python in
    the middle of it."""
    from sessiondata.export import document as export

    data = store("A", "B", "C")
    for name in "ABC":
        data.append(name, T0, 1.0, 1.0, 1.0, 1.0, 1.0)
        data.set_gaps(name, "1m", [])
    data.to_json()
    data.export_cursor("other")
    for name in "ABC":
        data.append(name, T0 + MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    errors, served, did = list[sd.ReentrantCallError](), list[Any](), list[str]()

    def nest() -> None:
        try:
            EXPORTS[inner](data)
        except sd.ReentrantCallError as error:
            errors.append(error)
        served.append(data.to_dict(cursor="other"))

    for target in ("pinned_gaps", "member_dict"):
        monkeypatch.setattr(export, target, once_before(nest, did, getattr(export, target)))
    EXPORTS[outer](data)
    monkeypatch.undo()
    assert len(errors) == len(served) == 1
    assert list(served[0]["symbols"]) == ["A", "B", "C"]
    assert data.to_dict(complete=False)["symbols"] == {}
    data.append("A", T0 + 2 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert list(data.to_dict(complete=False)["symbols"]) == ["A"]


@pytest.mark.parametrize("export", ["to_json", "to_dict"])
def test_a_function_of_an_indicator_that_changes_history_each_time_does_not_keep_an_export_for_ever(
    export: str,
) -> None:
    data, calls = store("A", trailing_days=50), list[int]()
    data.append("A", T0, 1.0, 1.0, 1.0, 1.0, 1.0)

    def load(symbol: sd.SymbolSessionData) -> int:
        calls.append(len(calls))
        symbol.load_historical_bars("1m", *rows([T0 - (1 + len(calls)) * DAY]))
        return len(calls)

    data.add_historical_indicator("loads", load)
    EXPORTS[export](data)
    assert len(calls) < 20
    n = len(calls)
    # what was shown is not the last
    assert data.to_dict(complete=False)["symbols"]["A"]["historical"]["loads"] > n


@pytest.mark.threads
def test_functions_of_indicators_run_outside_the_lock_of_exports() -> None:
    """One that waits for a thread that rolls was waited for by that thread."""
    data = store("A", trailing_days=5)
    data.append("A", T0, 1.0, 1.0, 1.0, 1.0, 1.0)

    def wait(_: sd.SymbolSessionData) -> str:
        if str(data.session_date) == "2024-03-12":
            roll = threading.Thread(target=data.roll_session, daemon=True)
            roll.start()
            roll.join(10)
        return str(data.session_date)

    data.add_historical_indicator("waits", wait)
    data.to_json()
    assert data.session_date == dt.date(2024, 3, 13)


def test_pins_that_are_taken_back_while_an_export_asks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A KeyError with a native object."""
    from sessiondata.export import document as export

    data = store("A")
    data.append("A", T0, 1.0, 1.0, 1.0, 1.0, 1.0)
    data.set_quality("A", "1m", 50.0)
    original = export.DocumentInput.pins

    def unpin(self: Any, core: Any) -> Any:
        data.set_quality("A", "1m", None)
        return original(self, core)

    monkeypatch.setattr(export.DocumentInput, "pins", unpin)
    assert b'"quality":100.0' in data.to_json()


READS: dict[str, Callable[[sd.SessionData, sd.SymbolSessionData], object]] = {
    "iterate": lambda data, spy: list(spy.bars()),
    "newest": lambda data, spy: data.get_latest_bar("A"),
    "window": lambda data, spy: [list(spy.bars("5m").last(2)), spy.bars().since(T0).close],
    "copy": lambda data, spy: list(spy.bars("5m").copy()),
    "all": lambda data, spy: data.get_all_bars_including_historical("A"),
    "coverage": lambda data, spy: (spy.bars("5m").coverage, spy.bars("5m").n_base, spy.bars("5m").forming),
    "state": lambda data, spy: (spy.bars().state, spy.metrics(), spy.grid, repr(spy), repr(data)),
    "array": lambda data, spy: (np.asarray(spy.bars("5m")), spy.bars("5m").close),
    "ticks": lambda data, spy: (spy.ticks.price, list(spy.ticks.last(3)), spy.ticks.latest, repr(spy.ticks)),
    "csv": lambda data, spy: data.to_csv("/dev/null"),
    "memory": lambda data, spy: (data.memory_usage(), data.classify_gaps(), spy.bars().gaps),
}


def trace(call: Callable[[], Any], at: int, then: Callable[[], object]) -> tuple[Any, int]:
    """Call a function and, at the event of that number which a trace function sees, something else;
    -1: never. Returns what came, a typed error included, and how many events there were."""
    count = 0

    def local(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        if count == at + 1:
            sys.settrace(None)
            frame.f_trace = None
            then()
        return local

    def event(frame: Any, kind: str, argument: Any) -> Any:
        return local(frame, kind, argument) and local if count <= at or at < 0 else None

    before = sys.gettrace()
    sys.settrace(event)
    try:
        return call(), count
    except sd.SessionDataError as error:
        return type(error), count
    except IndexError as error:
        return type(error), count
    finally:
        sys.settrace(before)


def world() -> tuple[sd.SessionData, sd.SymbolSessionData]:
    """A store with a past day and a session, each with some bars."""
    data = store("A", "B", trailing_days=9)
    spy = data.symbols["A"]
    spy.load_historical_bars("1m", *rows(T0 - DAY + np.arange(0, 9, 2) * MINUTE))
    spy.extend(*rows(T0 + np.arange(0, 9, 2) * MINUTE))
    data.append_tick("B", T0, 1.0, 1.0)
    data.to_json()
    return data, spy


_OTHER = np.array([7, 3, 5])
OPERATIONS: dict[str, Callable[[sd.SessionData, sd.SymbolSessionData], Any]] = {
    "append": lambda data, spy: spy.append(T0 + 20 * MINUTE, 2.0, 2.0, 2.0, 2.0, 2.0),
    "append late": lambda data, spy: spy.append(T0 - DAY + MINUTE, 2.0, 2.0, 2.0, 2.0, 2.0),
    "extend": lambda data, spy: spy.extend(*rows(T0 + _OTHER * MINUTE, 3.0)),
    "extend past": lambda data, spy: spy.extend(*rows(T0 - DAY + _OTHER * MINUTE, 3.0)),
    "close": lambda data, spy: spy.extend(*rows(T0 + (_OTHER + 31) * MINUTE, 3.0), label="close"),
    "fill": lambda data, spy: spy.fill(*rows(T0 - DAY + (_OTHER + 20) * MINUTE, 4.0)),
    "slice": lambda data, spy: data.append_slice(["A"], T0 + 50 * MINUTE, *[np.full(1, 5.0)] * 5),
    "ticks": lambda data, spy: data.extend_ticks("B", T0 + _OTHER * MINUTE, np.ones(3), np.ones(3)),
    "load": lambda data, spy: spy.load_historical_bars("1m", *rows(T0 - DAY + (_OTHER + 40) * MINUTE, 6.0)),
    "load 1h": lambda data, spy: spy.load_historical_bars("1h", *rows([T0 - 2 * DAY, T0 - 3 * DAY], 6.0)),
    "load 30m": lambda data, spy: spy.load_historical_bars("1h", *rows([T0 - 2 * DAY + 60 * MINUTE], 7.0)),
    "mark": lambda data, spy: spy.mark_no_trade("1m", T0 - DAY, T0 + DAY),
    "retry": lambda data, spy: spy.record_retry("1m", T0 - DAY, T0 + DAY, T0),
    "pin": lambda data, spy: spy.set_quality("1m", 50.0),
    "unpin": lambda data, spy: spy.set_quality("1m", None),
    "roll": lambda data, spy: str(data.roll_session().date),
    "end": lambda data, spy: data.end_session(),
    "register": lambda data, spy: data.register_symbol("N").symbol,
    "remove": lambda data, spy: data.remove_symbol("B"),
    "clear": lambda data, spy: data.clear(),
    "advance": lambda data, spy: data.advance_to(T0 + 60 * MINUTE),
    "json": lambda data, spy: len(data.to_json(cursor=data.export_cursor("j"))) > 0,
    "dict": lambda data, spy: len(data.to_dict(cursor=data.export_cursor("j"))) > 0,
}


def everything(data: sd.SessionData) -> tuple[Any, ...]:
    """What a store holds, but for the cursors and how many changes there were."""
    check(data)
    data.drop_cursor("j") if "j" in data.cursors else None
    said = data.to_dict(timestamps="epoch_ns", cursor=data.export_cursor("all"))
    said["meta"].pop("sequence")
    counters = {name: (symbol.counters, symbol.ticks.counters) for name, symbol in data.symbols.items()}
    days = {
        (name, date): day.counters()
        for name, symbol in data.symbols.items()
        for date, day in state_of(symbol).core.days.cores.items()
    }
    return said, counters, days, data.session_date


def outcome(first: str, second: str) -> tuple[Any, ...]:
    """What the store holds after one operation and then another, refusals included."""
    data, spy = world()
    answers = []
    for name in (first, second):
        try:
            answers.append(OPERATIONS[name](data, spy))
        except sd.SessionDataError as error:
            answers.append(type(error))
    return (*answers, everything(data))


def run_pair(a: str, b: str, events: Any, in_thread: bool) -> int:
    """Run `b` at events of `a`, in the same thread or in another one that may have to wait."""
    before, after = outcome(a, b), outcome(b, a)
    alone_a = (*outcome_of(a),)
    _, n = trace(lambda: OPERATIONS[a](*world_of), -1, lambda: None) if (world_of := world()) else (None, 0)
    for at in events(n):
        data, spy = world()
        got: list[Any] = []

        def other(data: sd.SessionData = data, spy: sd.SymbolSessionData = spy, got: list[Any] = got) -> None:
            try:
                got.append(OPERATIONS[b](data, spy))
            except sd.SessionDataError as error:
                got.append(type(error))

        threads: list[threading.Thread] = []

        def beside(other: Callable[[], None] = other, threads: list[threading.Thread] = threads) -> None:
            threads.append(threading.Thread(target=other, daemon=True))
            threads[0].start()
            threads[0].join(0.01)

        answer, _ = trace(lambda data=data, spy=spy: OPERATIONS[a](data, spy), at, beside if in_thread else other)
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive(), (a, b, at)
        if not got:
            continue
        said = everything(data)
        possible = [(before[0], before[1], before[2]), (after[1], after[0], after[2])]
        if got[0] is sd.ReentrantCallError and not in_thread:
            possible.append((alone_a[0], sd.ReentrantCallError, alone_a[1]))
        if after[1] is sd.UnknownNameError:  # a symbol that leaves behind its look-up was removed
            possible.append((sd.SessionStateError, after[0], after[2]))
        assert (answer, got[0], said) in possible, (a, b, at, answer, got)
    return n


def outcome_of(name: str) -> tuple[Any, Any]:
    data, spy = world()
    try:
        answer = OPERATIONS[name](data, spy)
    except sd.SessionDataError as error:
        answer = type(error)
    return answer, everything(data)


_ALL = os.environ.get("SESSIONDATA_ALL_EVENTS") == "1"


@pytest.mark.threads
@pytest.mark.slow
@pytest.mark.parametrize("in_thread", [False, True], ids=["same thread", "other thread"])
@pytest.mark.parametrize("a", OPERATIONS)
def test_whatever_interrupts_a_call_comes_wholly_before_or_after_it(a: str, in_thread: bool) -> None:
    """At each event of `a` that a trace function sees (some of them, unless
    SESSIONDATA_ALL_EVENTS=1) runs `b`."""
    for i, b in enumerate(OPERATIONS):

        def some(n: int, i: int = i) -> Any:
            return range(n) if _ALL else [(7 * i + 3) % max(n, 1)]

        run_pair(a, b, some, in_thread)


@pytest.mark.parametrize("change", ["end", "roll", "clear", "remove A"])
@pytest.mark.parametrize("read", READS)
def test_readers_beside_sessions_that_end_get_an_answer_or_a_typed_error(read: str, change: str) -> None:
    """An AssertionError, AttributeError or KeyError of an object, or a crash."""
    changes: dict[str, Callable[[sd.SessionData], object]] = {
        "end": lambda data: data.end_session(),
        "roll": lambda data: data.roll_session(),
        "clear": lambda data: data.clear(),
        "remove A": lambda data: data.remove_symbol("A"),
    }
    data, spy = world()
    _, n = trace(lambda: READS[read](data, spy), -1, lambda: None)
    for at in range(n) if _ALL else range(0, n, max(1, n // 25)):
        data, spy = world()
        trace(lambda data=data, spy=spy: READS[read](data, spy), at, lambda data=data: changes[change](data))
        check(data)
