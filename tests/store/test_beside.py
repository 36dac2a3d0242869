"""Questions beside a session that ends, a roll, a clear or a removal: an answer is of before it or of after it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

import sessiondata as sd
from sessiondata.time.intervals import parse_interval


class Beside:
    """Has something else happen in the midst of a call: before the n-th step of the library's Python code, as another
    thread may that is switched to there."""

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
    "repr(extended)": lambda a, _: repr(a.bars().extended),
    "repr(symbol)": lambda a, _: repr(a),
    "repr(ticks)": lambda _, b: repr(b.ticks),
    "repr(quotes)": lambda a, _: repr(a.quotes),
    "repr(window)": lambda a, _: repr(a.bars()[:]),
    "repr(ticks[:])": lambda _, b: repr(b.ticks[:]),
    "series._repr_html_": lambda a, _: a.bars()._repr_html_(),
    "symbol._repr_html_": lambda a, _: a._repr_html_(),
    "store._repr_html_": lambda a, _: a._data._repr_html_(),
    "window._repr_html_": lambda a, _: a.bars()[:]._repr_html_(),
    "rows": lambda a, _: list(a.bars()[:]),
    "ticks": lambda _, b: list(b.ticks),
    "ticks.price": lambda _, b: b.ticks.price.tolist(),
    "ticks.latest": lambda _, b: b.ticks.latest,
    "quotes.latest": lambda a, _: a.quotes.latest,
    "quotes.since": lambda a, _: list(a.quotes.since(1_710_250_200_000_000_000)),
    "historical_day": lambda a, _: repr(a.historical_day("2024-03-11")),
    "historical_bars": lambda a, _: a.historical_bars["1m"]["2024-03-11"].close.tolist(),
    "all": lambda a, _: a._history.all_bars(parse_interval("1m")).close.tolist(),
    "all 1d": lambda a, _: a._history.all_bars(parse_interval("1d")).close.tolist(),
}


#: Answers that tell of several things, one by one: none may fail.
OF_SEVERAL = {"store._repr_html_", "window._repr_html_"}


def of_two_sessions() -> tuple[sd.SessionData, sd.SymbolSessionData, sd.SymbolSessionData]:
    data = sd.SessionData(None, "1m", ("5m",))
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
    """A `repr` in a notebook was an IndexError while a feeder rolled, a tick a TypeError, a past day
    an AssertionError: how many rows there are was one question, what they hold another."""

    def ask(n: int) -> tuple[Any, int]:
        data, *symbols = of_two_sessions()
        found = Beside(lambda: SEEN[question](*symbols), lambda: BESIDE[change](data), n)
        return found.answer, found.steps

    before, n_steps = ask(0)
    after = []
    for asked in (False, True):  # the first question after a change may be asked on what was looked up before
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
