"""How contestants are timed, and what is told about a run besides the times."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.data import Day

_skipped: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="a few rounds of each: do all run and agree?")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        _skipped.append(report.longrepr[2].removeprefix("Skipped: "))


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Leave a note of each reason for which rows are absent; `report.py` prints them."""
    output_json["skipped"] = {reason: _skipped.count(reason) for reason in dict.fromkeys(_skipped)}


class Timer:
    """Times one contestant of one row of the report.

    Rounds are chosen by time, not by number: a call of 300 ms and one of 5 µs both get their share of a run. Garbage
    collection stays on, as it is where people run such code, but what stood in memory before does not count
    (`gc.freeze`).
    """

    def __init__(self, benchmark: Any, quick: bool) -> None:
        self._benchmark, self.quick = benchmark, quick
        self._seconds, self._least, self._most = (0.1, 3, 40) if quick else (0.6, 5, 150)

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
    ) -> Any:
        """Time `run`, each round with fresh arguments from `setup` if it is given; returns the last result.

        `items` is the number of bars or rows of one call. `info` goes to the report: ``loop=True`` if the call is a
        Python loop whose bare cost is to be taken off, ``yardstick=True`` for what is no contestant but a measure.
        """
        benchmark = self._benchmark
        benchmark.group = row
        benchmark.extra_info.update(row=row, title=title, contestant=contestant, items=items, **info)
        gc.collect()
        gc.freeze()
        try:
            started = time.perf_counter()
            arguments = setup() if setup else ()
            begun = time.perf_counter()
            run(*arguments)
            once = time.perf_counter() - begun
            rounds = self._seconds / max(time.perf_counter() - started, 1e-9)
            if setup is None:
                # Rounds of at least 20 µs: the clock and the harness take some 0.2 µs of each.
                iterations = math.ceil(20e-6 / max(once, 1e-9))
                return benchmark.pedantic(
                    run, rounds=self._clip(rounds / iterations), iterations=iterations, warmup_rounds=1
                )

            def fresh() -> tuple[tuple[Any, ...], dict[str, Any]]:
                gc.collect()  # the store of the round before is a cycle: its memory goes back before the clock runs
                return setup(), {}

            return benchmark.pedantic(run, setup=fresh, rounds=self._clip(rounds), warmup_rounds=1)
        finally:
            gc.unfreeze()

    def _clip(self, rounds: float) -> int:
        return max(self._least, min(self._most, round(rounds)))

    def sample(self, row: str, title: str, contestant: str, run: Callable[[], list[int]]) -> None:
        """Take a distribution: `run` returns ns of single calls, of which percentiles go to the report."""
        self._benchmark.group = row
        times = sorted(self._benchmark.pedantic(run, rounds=1, iterations=1))
        points = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999, "max": 1.0}
        percentiles = {name: times[min(len(times) - 1, int(len(times) * point))] for name, point in points.items()}
        self._benchmark.extra_info.update(
            row=row, title=title, contestant=contestant, items=len(times), percentiles=percentiles
        )


@pytest.fixture
def timed(benchmark: Any, request: pytest.FixtureRequest) -> Timer:
    return Timer(benchmark, request.config.getoption("--quick"))


@pytest.fixture
def day(request: pytest.FixtureRequest) -> Day:
    """The bars of a row of the report (indirect parameter: a function of `data`)."""
    bars = request.param()
    if bars is None:
        pytest.skip("the sample data with SPY's seconds is not there")
    return bars
