"""What a run has measured, read from the records that pytest-benchmark leaves."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["OURS", "Distribution", "Line", "Results", "Row", "read"]

OURS = "sessiondata"


@dataclass
class Line:
    """One contestant of one row; times are ns per item, the bare loop taken off."""

    contestant: str
    items: int
    yardstick: bool = False
    note: str = ""
    runs: list[float] = field(default_factory=list)
    loops: list[float] = field(default_factory=list)  # of each run the bare loop, if it is one
    # of each run the processor time, the bare loop's taken off
    cpu: list[float] = field(default_factory=list)
    median: float = 0.0
    fastest: float = 0.0
    ratio: float = 0.0
    fastest_ratio: float = 0.0
    cpu_median: float = math.nan
    cpu_ratio: float = math.nan

    @property
    def cautious_ratio(self) -> float:
        """The lower of the ratios by the clock and of processor time.

        On a busy machine the clock flatters whoever needs less time for a call; of a contestant
        with several threads it is the processor time that says too much.
        """
        return self.ratio if math.isnan(self.cpu_ratio) else min(self.ratio, self.cpu_ratio)

    @property
    def loses(self) -> bool:
        """Whether a contestant (not a yardstick) is faster than we are."""
        return not self.yardstick and self.contestant != OURS and self.cautious_ratio < 1


@dataclass
class Row:
    """Contestants on the same data; or the points of a curve, whose contestants are its x."""

    title: str
    curve: str = ""
    lines: list[Line] = field(default_factory=list)

    def line(self, contestant: str) -> Line | None:
        return next((line for line in self.lines if line.contestant == contestant), None)


@dataclass
class Distribution:
    """Times of single calls in ns, the clock's own taken off; medians over the passes, of maxima
    the largest."""

    calls: int
    clock: float
    points: dict[str, float]
    # points of each call's median over identical sessions: what is the machine's falls out
    typical: dict[str, float]
    marked: dict[str, float]  # medians of special calls
    faults: int
    collections: int
    preempted: int


@dataclass
class Results:
    rows: dict[str, Row]
    curves: dict[str, Row]
    facts: dict[str, dict[str, float]]  # "sessiondata, 1,000 x 390 bars" -> bytes
    latency: dict[str, Distribution]
    titles: dict[str, str]  # of latency and facts
    left_out: dict[str, int]


def read(record: dict[str, Any]) -> Results:
    infos = [(benchmark["extra_info"], benchmark["stats"]["data"]) for benchmark in record["benchmarks"]]
    contests = [pair for pair in infos if not {"percentiles", "facts"} & pair[0].keys()]
    samples = [info for info, _ in infos if "percentiles" in info]
    facts = {info["contestant"]: info["facts"] for info, _ in infos if "facts" in info}
    rows = _rows(contests)
    return Results(
        rows={name: row for name, row in rows.items() if not row.curve},
        curves={name: row for name, row in rows.items() if row.curve},
        facts=facts,
        latency=_distributions(samples),
        titles={info["row"]: info["title"] for info, _ in infos},
        left_out=record.get("skipped", {}),
    )


def _rows(contests: Iterable[tuple[dict[str, Any], list[float]]]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for info, seconds in contests:
        row = rows.setdefault(info["row"], Row(info["title"], info.get("curve", "")))
        line = row.line(info["contestant"])
        if line is None:
            line = Line(info["contestant"], info["items"], info.get("yardstick", False), info.get("note", ""))
            row.lines.append(line)
        line.runs += info.get("runs") or [second * 1e9 / info["items"] for second in seconds]
        line.loops += info.get("loops", [])
        line.cpu += info.get("cpu", [])
    for row in rows.values():
        _settle(row)
    return rows


def _settle(row: Row) -> None:
    """Take the bare loops off, compare with ours, and put ours first."""
    for line in row.lines:
        # Fastest: not the least difference, which would be that of the loop which was disturbed
        # most.
        line.fastest = min(line.runs) - (min(line.loops) if line.loops else 0.0)
        if line.loops:
            line.runs = [run - loop for run, loop in zip(line.runs, line.loops, strict=True)]
        line.median = statistics.median(line.runs)
        line.cpu_median = statistics.median(line.cpu) if line.cpu else math.nan
    ours = row.line(OURS)
    for line in row.lines:
        line.ratio = line.median / ours.median if ours else float("nan")
        line.fastest_ratio = line.fastest / ours.fastest if ours else float("nan")
        line.cpu_ratio = line.cpu_median / ours.cpu_median if ours and ours.cpu_median > 0 else math.nan
    if not row.curve:
        row.lines.sort(key=lambda line: (line.contestant != OURS, line.yardstick, line.median))


def _distributions(samples: Iterable[dict[str, Any]]) -> dict[str, Distribution]:
    passes: dict[str, list[dict[str, Any]]] = {}
    for info in samples:
        passes.setdefault(info["contestant"], []).append(info)
    return {
        contestant: Distribution(
            sum(info["items"] for info in infos),
            statistics.median(info["clock"] for info in infos),
            _merged([info["percentiles"] for info in infos]),
            _merged([info["typical"] for info in infos]),
            _merged([info["marked"] for info in infos]),
            *(sum(info[name] for info in infos) for name in ("faults", "collections", "preempted")),
        )
        for contestant, infos in passes.items()
    }


def _merged(points: list[dict[str, float]]) -> dict[str, float]:
    return {
        name: max(p[name] for p in points) if name == "max" else statistics.median(p[name] for p in points)
        for name in points[0]
    }
