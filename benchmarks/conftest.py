"""How contestants are timed, and what is told about a run besides the times."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from benchmarks.data import Day, Trades
from benchmarks.loops import bare_loop, bare_loop_of_trades, clocked, clocked_twice, feed, feed_trades

_skipped: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="a few rounds of each: do all run and agree?")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        _skipped.append(report.longrepr[2].removeprefix("Skipped: "))


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Leave a note of each reason for which rows are absent; `report.py` prints them."""
    output_json["skipped"] = {reason: _skipped.count(reason) for reason in dict.fromkeys(_skipped)}


#: What is told of a distribution.
POINTS = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999, "max": 1.0}


class Sample(NamedTuple):
    """Times of single calls in ns, and what happened meanwhile."""

    clock: float  # the clock's own part of each, already taken off the others
    times: Any  # array of all calls
    typical: Any  # array: of each call of a session its median over the sessions
    marked: dict[str, float]  # medians of special calls
    faults: int  # pages that the system had to hand out
    collections: int  # runs of the garbage collector
    preempted: int  # how often the system gave the processor to somebody else


class Timer:
    """Times one contestant of one row of the report.

    Rounds are chosen by time, not by number: a call of 300 ms and one of 5 µs both get their share
    of a run. Garbage collection stays on, as it is where people run such code, but what stood in
    memory before does not count (`gc.freeze`).
    """

    def __init__(self, benchmark: Any, quick: bool) -> None:
        self._benchmark, self.quick = benchmark, quick
        self._seconds, self._least, self._most = (0.08, 3, 40) if quick else (0.4, 5, 120)

    def __call__(
        self,
        row: str,
        title: str,
        contestant: str,
        items: int,
        run: Callable[..., Any],
        *,
        setup: Callable[[], tuple[Any, ...]] | None = None,
        **info: Any,
    ) -> None:
        """Time `run`, each round with fresh arguments from `setup` if it is given.

        `items` is the number of bars or rows of one call. `info` goes to the report:
        ``yardstick=True`` for what is no contestant but a measure, ``curve="x"`` for points of a
        curve.

        By the clock and in processor time: on a busy machine a call of milliseconds is always
        interrupted, and one that is shorter than a time slice hardly ever, so by the clock alone
        the shorter one would look better than it is.
        """
        pairs: list[tuple[float, float]] = []
        iterations = 1

        def again(*arguments: Any) -> None:
            for _ in range(iterations):
                run(*arguments)

        def rounds() -> None:
            begun = time.perf_counter()
            while len(pairs) < self._least or (time.perf_counter() - begun < self._seconds and len(pairs) < self._most):
                arguments = setup() if setup else ()
                if setup:
                    # the store of the round before is a cycle: its memory goes back before the
                    # clock runs
                    gc.collect()
                pairs.append(clocked_twice(again, *arguments))

        gc.collect()
        gc.freeze()
        try:
            once = clocked(run, *(setup() if setup else ()))
            if setup is None:
                # rounds of 20 µs: reading two clocks takes 0.5 µs
                iterations = math.ceil(20e-6 / max(once, 1e-9))
                once = clocked(run)
                iterations = max(iterations, math.ceil(20e-6 / max(once, 1e-9)))
            self._benchmark.group = row
            self._benchmark.pedantic(rounds, rounds=1, iterations=1)
        finally:
            gc.unfreeze()
        runs, cpu = ([seconds * 1e9 / items / iterations for seconds in column] for column in zip(*pairs, strict=True))
        self._benchmark.extra_info.update(
            row=row, title=title, contestant=contestant, items=items, runs=runs, cpu=cpu, **info
        )

    def loop(
        self,
        row: str,
        title: str,
        contestant: str,
        rows: list[tuple[Any, ...]],
        setup: Callable[[], Callable[..., Any]],
        *,
        of_trades: bool = False,
        **info: Any,
    ) -> None:
        """Time calls from a Python loop: `setup` returns what is called with each of the rows, bars
        or trades.

        Before each round the same loop without the call is timed. Both go to the report, which
        takes it off: a machine that changes its speed does so for seconds, and so for both.
        """
        self._benchmark.group = row
        call_all, call_none = (feed_trades, bare_loop_of_trades) if of_trades else (feed, bare_loop)
        calls: list[tuple[float, float]] = []
        loops: list[tuple[float, float]] = []

        def rounds() -> None:
            begun = time.perf_counter()
            while len(calls) < self._least or (time.perf_counter() - begun < self._seconds and len(calls) < self._most):
                call = setup()
                # the store of the round before is a cycle: its memory goes back before the clock
                # runs
                gc.collect()
                loops.append(clocked_twice(call_none, rows))
                calls.append(clocked_twice(call_all, call, rows))

        gc.collect()
        gc.freeze()
        try:
            call_all(setup(), rows)
            self._benchmark.pedantic(rounds, rounds=1, iterations=1)
        finally:
            gc.unfreeze()
        per_item = 1e9 / len(rows)
        self._benchmark.extra_info.update(
            row=row, title=title, contestant=contestant, items=len(rows),
            runs=[wall * per_item for wall, _ in calls], loops=[wall * per_item for wall, _ in loops],
            cpu=[(call - loop) * per_item for (_, call), (_, loop) in zip(calls, loops, strict=True)], **info,
        )  # fmt: skip

    def record(
        self, row: str, title: str, contestant: str, items: int, run: Callable[[], list[float]], **info: Any
    ) -> None:
        """Take times that `run` has measured by itself, in seconds: other processes', or of a store
        that lives on."""
        self._benchmark.group = row
        seconds = self._benchmark.pedantic(run, rounds=1, iterations=1)
        runs = [second * 1e9 / items for second in seconds]
        self._benchmark.extra_info.update(row=row, title=title, contestant=contestant, items=items, runs=runs, **info)

    def sample(self, row: str, title: str, contestant: str, run: Callable[[], Sample]) -> None:
        """Take a distribution: `run` returns ns of single calls, of which percentiles go to the
        report."""
        self._benchmark.group = row
        sample = self._benchmark.pedantic(run, rounds=1, iterations=1)
        self._benchmark.extra_info.update(
            row=row, title=title, contestant=contestant, items=len(sample.times), clock=sample.clock,
            percentiles=percentiles(sample.times), typical=percentiles(sample.typical), marked=sample.marked,
            faults=sample.faults, collections=sample.collections, preempted=sample.preempted,
        )  # fmt: skip

    def tell(self, row: str, title: str, contestant: str, run: Callable[[], dict[str, float]]) -> None:
        """Take facts that are no times, such as bytes."""
        self._benchmark.group = row
        facts = self._benchmark.pedantic(run, rounds=1, iterations=1)
        self._benchmark.extra_info.update(row=row, title=title, contestant=contestant, facts=facts)


def percentiles(times: Any) -> dict[str, float]:
    ascending = np.sort(times)
    return {name: round(float(ascending[min(len(times) - 1, int(len(times) * at))]), 1) for name, at in POINTS.items()}


@pytest.fixture
def timed(benchmark: Any, request: pytest.FixtureRequest) -> Timer:
    return Timer(benchmark, request.config.getoption("--quick"))


@pytest.fixture
def trades(request: pytest.FixtureRequest) -> Trades:
    """The trades of a row of the report (indirect parameter: a function of `data`)."""
    found = request.param()
    if found is None:
        pytest.skip("the sample data with IBM's trades is not there")
    return found


@pytest.fixture
def day(request: pytest.FixtureRequest) -> Day:
    """The bars of a row of the report (indirect parameter: a function of `data`)."""
    bars = request.param()
    if bars is None:
        pytest.skip("the sample data with SPY's seconds is not there")
    return bars
