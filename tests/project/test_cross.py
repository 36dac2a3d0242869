"""The moving-average cross of `benchmarks/cross`: what it stands on, on a small market."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from benchmarks import results, targets
from benchmarks.cross import deques, loop_alone, store_loop
from benchmarks.cross.market import FAST, MINUTE_NS, SLOT_NS, SLOW, Market, market, slots
from benchmarks.cross.trades import Trade, differing


@cache
def small() -> Market:
    """Over the holiday and the half day."""
    return market(3, 10)


@cache
def trades() -> list[Trade]:
    return deques.run(deques.prepare(small()))


def test_the_oracle_trades_where_two_means_cross() -> None:
    expected = []
    for name, (ts_ns, _, _, _, close, _) in small().whole.items():
        ends, closes = slots(ts_ns, close)
        cents = np.rint(closes * 100).astype(int).tolist()
        above = [sum(cents[i - FAST : i]) * SLOW > sum(cents[i - SLOW : i]) * FAST for i in range(SLOW, len(cents) + 1)]
        for i in range(1, len(above)):
            if above[i] != above[i - 1]:
                at = SLOW - 1 + i
                expected.append((name, int(ends[at]), 1 if above[i] else -1, float(closes[at])))
    assert len(expected) > 10
    assert sorted(trades()) == sorted(expected)


@pytest.mark.parametrize("run", [store_loop.run, store_loop.run_window], ids=["feed", "window"])
def test_a_loop_on_the_store_trades_as_the_oracle(run: Any) -> None:
    assert differing(trades(), run(store_loop.prepare(small()))) == ""


def test_the_yardstick_trades_as_the_oracle() -> None:
    assert differing(trades(), loop_alone.run(loop_alone.prepare(small()))) == ""


@pytest.mark.slow
def test_compiled_code_trades_as_the_oracle() -> None:
    compiled = pytest.importorskip("benchmarks.cross.compiled", reason="numba is not installed")
    assert differing(trades(), compiled.run(compiled.prepare(small()))) == ""


def test_a_difference_of_trades_is_told() -> None:
    one, other = ("A", 1, 1, 2.0), ("B", 1, -1, 2.0)
    assert differing([one, other], [other, one]) == ""
    assert differing([one], [("A", 1, 1, 2.25)])
    assert differing([one], [one, other]) == "1 and 2 trades"


def test_the_market_has_holes_but_none_that_engines_without_hours_see_otherwise() -> None:
    holes = 0
    for days in small().stocks.values():
        for session, day in zip(small().sessions, days, strict=True):
            assert day.ts_ns[-1] == session.stop_ns - MINUTE_NS
            minute, slot = day.ts_ns % SLOT_NS // MINUTE_NS, day.ts_ns // SLOT_NS
            holes += session.minutes - len(day.ts_ns)
            assert not ((minute[1:] == 4) & (minute[:-1] != 4) & (slot[1:] != slot[:-1])).any()
    assert holes > 50


def test_what_a_loop_takes_beside_a_yardstick_is_a_target() -> None:
    def line(contestant: str, ns: float) -> dict[str, Any]:
        info = {"row": "cross", "title": "", "contestant": contestant, "items": 1, "runs": [ns], "cpu": [ns]}
        return {"extra_info": info, "stats": {"data": []}}

    def verdict(ours: float) -> str:
        lines = [line("sessiondata", ours), line("the loop and the means alone", 200.0)]
        found = targets.verdicts(results.read({"benchmarks": lines}))
        return next(v.verdict for v in found if v.what.startswith("an event loop in Python"))

    assert verdict(380.0) == "met"
    assert verdict(420.0) == "**missed**"
