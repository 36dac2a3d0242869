"""Questions beside a session that ends, a roll, a clear or a removal: an answer is of before it or
of after it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

import sessiondata as sd
from sessiondata.store.symbol import state_of
from sessiondata.time.intervals import parse_interval


class Beside:
    """Has something else happen in the midst of a call: before the n-th step of the library's
    Python code, as another thread may that is switched to there."""

    def __init__(self, call: Callable[[], Any], change: Callable[[], Any], n: int) -> None:
        self.steps, self._change, self._n = 0, change, n
        sys.settrace(self._trace)
        try:
            self.answer = call()
        except sd.SessionDataError as error:
            self.answer = type(error)
        finally:
            sys.settrace(None)

    def _trace(self, frame: Any, event: str, _: Any) -> Any:
        if "sessiondata" not in frame.f_code.co_filename or frame.f_code.co_filename == __file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.steps += 1
            if self.steps == self._n:
                sys.settrace(None)
                self._change()
        return self._trace


BESIDE = {
    "end_session": lambda data: data.end_session(),
    "roll_session": lambda data: data.roll_session(),
    "clear": lambda data: data.clear(),
    "remove_symbol": lambda data: [data.remove_symbol(name) for name in "AB"],
}
SEEN = {
    "repr(series)": lambda a, _: repr(a.bars()),
    "repr(derived)": lambda a, _: repr(a.bars("5m")),
    "repr(extended)": lambda a, _: repr(a.bars().extended_slots),
    "repr(symbol)": lambda a, _: repr(a),
    "repr(ticks)": lambda _, b: repr(b.ticks),
    "repr(quotes)": lambda a, _: repr(a.quotes),
    "repr(window)": lambda a, _: repr(a.bars()[:]),
    "repr(ticks[:])": lambda _, b: repr(b.ticks[:]),
    "series._repr_html_": lambda a, _: a.bars()._repr_html_(),
    "symbol._repr_html_": lambda a, _: a._repr_html_(),
    "store._repr_html_": lambda a, _: a.store._repr_html_(),
    "window._repr_html_": lambda a, _: a.bars()[:]._repr_html_(),
    "rows": lambda a, _: list(a.bars()[:]),
    "ticks": lambda _, b: list(b.ticks),
    "ticks.price": lambda _, b: b.ticks.price.tolist(),
    "ticks.latest": lambda _, b: b.ticks.latest,
    "quotes.latest": lambda a, _: a.quotes.latest,
    "quotes.since": lambda a, _: list(a.quotes.since(1_710_250_200_000_000_000)),
    "historical_day": lambda a, _: repr(a.historical_day("2024-03-11")),
    "historical_bars": lambda a, _: a.historical_bars["1m"]["2024-03-11"].close.tolist(),
    "all": lambda a, _: state_of(a).history.all_bars(parse_interval("1m")).close.tolist(),
    "all 1d": lambda a, _: state_of(a).history.all_bars(parse_interval("1d")).close.tolist(),
}


#: Answers that tell of several things, one by one: none may fail.
OF_SEVERAL = {"store._repr_html_", "window._repr_html_"}


# Calendars of all stores: thousands are made, and hours that were looked up once are there for all.
ALWAYS = sd.SessionData(None).calendar
NEW_YORK = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")


def of_two_sessions() -> tuple[sd.SessionData, sd.SymbolSessionData, sd.SymbolSessionData]:
    data = sd.SessionData(ALWAYS, "1m", ("5m",))
    data.start_session("2024-03-11")
    a, b = data.register_symbol("A"), data.register_symbol("B")
    ts = 1_710_250_200_000_000_000  # 2024-03-12T13:30Z
    a.append(ts - 86_400 * 10**9, 1.0, 1.0, 1.0, 1.0, 1.0)
    data.roll_session()
    a.append(ts, 2.0, 2.0, 2.0, 2.0, 2.0)
    a.append(ts + 120 * 10**9, 3.0, 3.0, 3.0, 3.0, 3.0)
    a.append_quote(ts, 1.0, 2.0, 1.0, 1.0)
    b.append_tick(ts, 4.0, 1.0)
    return data, a, b


@pytest.mark.slow
@pytest.mark.parametrize("change", BESIDE)
@pytest.mark.parametrize("question", SEEN)
def test_an_answer_beside_a_session_that_ends_is_of_before_or_after(question: str, change: str) -> None:
    """A `repr` in a notebook was an IndexError while a feeder rolled, a tick a TypeError, a past
    day an AssertionError: how many rows there are was one question, what they hold another."""

    def ask(n: int) -> tuple[Any, int]:
        data, *symbols = of_two_sessions()
        found = Beside(lambda: SEEN[question](*symbols), lambda: BESIDE[change](data), n)
        return found.answer, found.steps

    before, n_steps = ask(0)
    after = []
    # the first question after a change may be asked on what was looked up before
    for asked in (False, True):
        data, *symbols = of_two_sessions()
        if asked:
            SEEN[question](*symbols)
        BESIDE[change](data)
        try:
            after.append(SEEN[question](*symbols))
        except sd.SessionDataError as error:
            after.append(type(error))
    stride = 1 + n_steps // 300
    for n in range(1, n_steps, stride):
        answer, _ = ask(n)
        assert answer == before or answer in after or question in OF_SEVERAL, (n, answer)


# --- answers that tell of several things at once ---

HOUR = 3600 * 10**9
OPENING = 1_710_250_200_000_000_000  # 2024-03-12 09:30 in New York
ONE_ANSWER: dict[str, Callable[[sd.SymbolSessionData], Any]] = {
    "metrics": lambda spy: spy.metrics(),
    "bar_quality": lambda spy: dict(spy.bar_quality),
    "bar_gaps": lambda spy: {name: told(gaps) for name, gaps in spy.bar_gaps.items()},
    "gaps": lambda spy: told(spy.bars("1h").gaps),
    "state.gaps": lambda spy: told(spy.bars("1h").state.gaps),
    "extended": lambda spy: told(spy.bars("1h").extended_slots.gaps),
}
CHANGES: dict[str, Callable[[sd.SessionData], Any]] = {
    "append": lambda data: data.append("SPY", OPENING + 2 * HOUR, 9.0, 9.0, 9.0, 9.0, 9.0),
    "late": lambda data: data.append("SPY", OPENING + HOUR // 2, 9.0, 9.0, 9.0, 9.0, 9.0),
    "extended": lambda data: data.append("SPY", OPENING - HOUR, 9.0, 9.0, 9.0, 9.0, 9.0),
    "advance_to": lambda data: data.advance_to(OPENING + 12 * HOUR),
    "fill": lambda data: data.fill("SPY", [OPENING + HOUR // 2], [9.0], [9.0], [9.0], [9.0], [9.0]),
    "end_session": lambda data: data.end_session(),
    "roll_session": lambda data: data.roll_session(),
    "remove_symbol": lambda data: data.remove_symbol("SPY"),
}


def told(gaps: list[sd.GapInfo]) -> list[tuple[int, ...]]:
    return [(gap.start_ns, gap.end_ns, gap.stop_ns, gap.bar_count) for gap in gaps]


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("question", ONE_ANSWER)
def test_one_answer_is_of_one_moment(question: str, change: str) -> None:
    """`metrics` had the volume of a bar that its `bar_count` did not count yet; `bar_quality` and
    `bar_gaps` had one interval of a session and the next one of the session after it; a gap before
    a close that cuts its slot (15:30 to 16:00 of 1h) stopped at 16:30 if the session ended before
    its hours were looked up."""

    def ask(n: int) -> tuple[Any, int, Any]:
        data = sd.SessionData(NEW_YORK, "1m", ("5m", "1h"), extended_hours=("04:00", "20:00"))
        data.start_session("2024-03-12")
        spy = data.register_symbol("SPY")
        spy.append(OPENING, 1.0, 1.0, 1.0, 1.0, 1.0)
        spy.append(OPENING + HOUR, 2.0, 2.0, 2.0, 2.0, 2.0)
        if change != "advance_to":
            data.advance_to(OPENING + 12 * HOUR)
        found = Beside(lambda: ONE_ANSWER[question](spy), lambda: CHANGES[change](data), n)
        if not n:
            CHANGES[change](data)
        return found.answer, found.steps, ONE_ANSWER[question](spy)

    before, n_steps, after = ask(0)
    for n in range(1, n_steps):
        answer, _, _ = ask(n)
        assert answer in (before, after), n


def test_what_is_told_at_once_is_what_is_told_one_by_one() -> None:
    data = sd.SessionData(None, "1m", ("5m", "1h", "1d"))
    spy = data.register_symbol("SPY")
    assert spy.metrics() == {
        "volume": 0.0, "high": None, "low": None, "last_update": None, "bar_count": 0,
        "extended": {"volume": 0.0, "high": None, "low": None, "last_update": None, "bar_count": 0},
    }  # fmt: skip
    assert (dict(spy.bar_quality), dict(spy.bar_gaps)) == (
        dict.fromkeys(spy.intervals, 100.0), {name: [] for name in spy.intervals},
    )  # fmt: skip
    for minute in (0, 3, 4, 9, 130):
        spy.append(OPENING + minute * 60 * 10**9, 1.0, 2.0, 0.5, 1.0, 3.0)
    spy.set_quality("5m", 12.5)
    spy.set_gaps("1h", [])
    assert dict(spy.bar_quality) == {name: spy.bars(name).quality for name in spy.intervals}
    assert dict(spy.bar_gaps) == {name: spy.bars(name).gaps for name in spy.intervals}
    # 13:30 is minute 810 of the UTC day; the newest bar is that of minute 940
    assert (spy.bar_quality["1m"], spy.bar_quality["5m"]) == (100.0 * 5 / 941, 12.5)
    assert [gap.bar_count for gap in spy.bar_gaps["1m"]] == [810, 2, 4, 120]
    assert spy.bar_gaps["1h"] == []
    metrics = spy.metrics()
    assert (metrics["volume"], metrics["high"], metrics["low"], metrics["bar_count"]) == (15.0, 2.0, 0.5, 5)
    assert str(metrics["last_update"]) == "2024-03-12 15:40:00+00:00"
