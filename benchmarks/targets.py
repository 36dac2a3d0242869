"""What was promised, held against what a run has measured.

A target is shown with a verdict and never enforced: times are of the machine they were promised on.
What is enforced are the floors (floors.toml) and the instruction counts (instructions.toml).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.results import OURS, Results

__all__ = ["Verdict", "verdicts"]

#: One quantity by the medians, by the fastest rounds, and by processor time (NaN if that was not
#: measured, as of other processes and single calls); None where there is no such row.
Reading = tuple[float, float, float] | None


@dataclass
class Verdict:
    what: str
    target: str
    measured: str
    fastest: str
    cpu: str
    verdict: str


@dataclass
class Target:
    what: str
    limit: float
    unit: str  # "ns" or "x"
    read: Callable[[Results], Reading]
    at_least: bool = False

    def judge(self, results: Results) -> Verdict:
        reading = self.read(results)
        sign = ">=" if self.at_least else "<="
        target = f"{sign} {self.limit:g}{self._unit}"
        if reading is None:
            return Verdict(self.what, target, "-", "-", "-", "not measured")
        median, fastest, cpu = (self._meets(value) for value in reading)
        if math.isnan(reading[2]):
            cpu = True
        word = "met" if median and cpu else "met by the fastest rounds only" if fastest and cpu else "**missed**"
        if median and not cpu:
            word = "**missed** in processor time"
        shown = ("-" if math.isnan(value) else f"{value:.3g}{self._unit}" for value in reading)
        return Verdict(self.what, target, *shown, word)

    def _meets(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def _unit(self) -> str:
        return " ns" if self.unit == "ns" else "x"


def _time(row: str, contestant: str = OURS) -> Callable[[Results], Reading]:
    def read(results: Results) -> Reading:
        found = (results.rows | results.curves).get(row)
        line = found.line(contestant) if found else None
        return (line.median, line.fastest, line.cpu_median) if line else None

    return read


def _beside(row: str, other: str) -> Callable[[Results], Reading]:
    """What a contestant takes beside another one of the same row."""

    def read(results: Results) -> Reading:
        found = _time(row)(results), _time(row, other)(results)
        if found[0] is None or found[1] is None:
            return None
        median, fastest, cpu = (a - b for a, b in zip(*found, strict=True))
        return median, fastest, cpu

    return read


def _first(prefix: str) -> Callable[[Results], Reading]:
    """Of the first row whose name begins so."""

    def read(results: Results) -> Reading:
        name = next((name for name in results.rows if name.startswith(prefix)), None)
        return None if name is None else _time(name)(results)

    return read


def _ratio(row: str, contestant: str, *, inverse: bool = False) -> Callable[[Results], Reading]:
    """Contestant over ours; inverse: ours over it."""

    def read(results: Results) -> Reading:
        line = results.rows[row].line(contestant) if row in results.rows else None
        if line is None or not line.ratio > 0:
            return None
        ratios = line.ratio, line.fastest_ratio, line.cpu_ratio
        return tuple(1 / ratio if ratio else math.nan for ratio in ratios) if inverse else ratios

    return read


def _beside(row: str, yardstick: str) -> Callable[[Results], Reading]:
    """What we take beside a yardstick of the same row."""

    def read(results: Results) -> Reading:
        ours, other = _time(row)(results), _time(row, yardstick)(results)
        return None if ours is None or other is None else tuple(a - b for a, b in zip(ours, other, strict=True))

    return read


def _tail(contestant: str, *, typical: bool) -> Callable[[Results], Reading]:
    """p99.99 over p50, the clock taken off both."""

    def read(results: Results) -> Reading:
        found = results.latency.get(contestant)
        if found is None:
            return None
        points = found.typical if typical else found.points
        value = points["p99.99"] / points["p50"] if points["p50"] > 0 else float("nan")
        return value, value, math.nan

    return read


def _bytes(case: str, name: str) -> Callable[[Results], Reading]:
    """Bytes reserved or resident over those of the rows held."""

    def read(results: Results) -> Reading:
        facts = results.facts.get(case)
        share = facts[name] / facts["rows"] if facts else math.nan
        return None if facts is None else (share, share, math.nan)

    return read


TARGETS = (
    Target("`append`, a bar of 390", 60, "ns", _time("append/minutes")),
    Target("`append`, a bar of 23,400", 60, "ns", _time("append/seconds")),
    Target("`append`, p99.99 over the median", 5, "x", _tail(OURS, typical=False)),
    Target("the same of each call's median over the sessions", 5, "x", _tail(OURS, typical=True)),
    Target("`extend`, a bar of 23,400", 7, "ns", _time("extend/seconds")),
    Target("`extend`, a bar of 390", 7, "ns", _time("extend/minutes")),
    Target("a trade by `append_tick`", 100, "ns", _time("ticks/append/made-up")),
    Target("`extend_ticks`, a trade of 100,000", 15, "ns", _time("ticks/extend/made-up")),
    *(
        Target(
            f"`{call}` of 43,200 late rows over the same in order", 5, "x",
            _ratio(f"late/{call}", "sessiondata, in order", inverse=True),
        )
        for call in ("extend", "fill", "extend_ticks")
    ),
    Target("a bar from an `@njit` loop", 15, "ns", _first("jit/")),
    Target("`append_slice`, a bar of 10,000 symbols", 100, "ns", _time("scale/append_slice", "10,000")),
    Target("gap scan over `np.sum`", 1.3, "x", _ratio("gaps/seconds", "np.sum of the times", inverse=True)),
    Target("the same, with holes", 1.3, "x", _ratio("gaps/seconds-holes", "np.sum of the times", inverse=True)),
    Target("export, 50 symbols: orjson of ready rows", 7, "x", _ratio("export/50-symbols", "orjson, rows ready"), True),
    Target("export, seconds: orjson of ready rows", 7, "x", _ratio("export/seconds", "orjson, rows ready"), True),
    Target(
        "export, adjusted prices: orjson of ready rows", 1.5, "x",
        _ratio("export/seconds-adjusted", "orjson, rows ready"), True,
    ),
    Target(
        "export, 50 symbols: rows built, then orjson", 35, "x",
        _ratio("export/50-symbols", "orjson, rows built from columns"), True,
    ),
    Target(
        "export, seconds: rows built, then orjson", 35, "x",
        _ratio("export/seconds", "orjson, rows built from columns"), True,
    ),
    Target(
        "`to_dict` over tolist and zip, seconds", 1.3, "x",
        _ratio("dict/seconds", "tolist and zip of the columns", inverse=True),
    ),
    Target(
        "`to_dict` over tolist and zip, 50 symbols", 1.3, "x",
        _ratio("dict/50-symbols", "tolist and zip of the columns", inverse=True),
    ),
    Target("the fixed part of a document", 2_000, "ns", _time("export/fixed")),
    Target("the fixed part of a delta", 2_000, "ns", _time("export/fixed", "a delta without a change")),
    Target("export with ten past days, a byte (0.5 ns: 2 GB/s)", 0.5, "ns", _time("export/history")),
    Target("delta after one bar, per symbol of 10,000", 500, "ns", _first("delta/")),
    Target("`series[-1]`, a record", 90, "ns", _time("reads/bar")),
    Target("`series.close`", 50, "ns", _time("reads/column")),
    Target("`series.last(20)`", 40, "ns", _time("reads/window")),
    Target("`series.last(20).close`", 75, "ns", _time("reads/closes")),
    Target("`bars_derived[\"5m\"]`", 60, "ns", _time("reads/derived")),
    Target("`get_latest_bar`", 150, "ns", _time("reads/latest")),
    Target("`get_last_n_bars` of 20", 150, "ns", _time("reads/last")),
    Target("`gaps` of eight gaps", 600, "ns", _time("reads/gaps")),
    Target("`bar_quality` of four intervals", 250, "ns", _time("reads/quality")),
    Target("`window`, the newest 20 bars", 420, "ns", _time("windows/20")),
    Target("`window`, the newest 200 bars over days", 600, "ns", _time("windows/200")),
    Target("a drain that has nothing new, 5,000 symbols", 60, "ns", _time("feed/idle")),
    Target("closed bars as arrays, an event", 10, "ns", _time("feed/arrays")),
    Target(
        "append, drain, two means on each closed 5m bar: a 1m bar, beside loop and means", 200, "ns",
        _beside("feed/loop", "loop and means alone"),
    ),
    Target("`panel` of 5,000 symbols x 20, a symbol", 40, "ns", _first("panel/")),
    Target("`save`, 1,000 symbols x 390 x 5: a symbol", 500_000, "ns", _time("snapshot", "save")),
    Target(
        "an event loop in Python, a minute beside the loop and the means", 200, "ns",
        _beside("cross", "the loop and the means alone"),
    ),
    Target("the whole of it: backtrader", 140, "x", _ratio("cross", "backtrader"), True),
    Target("the whole of it: NautilusTrader's engine", 30, "x", _ratio("cross", "NautilusTrader"), True),
    Target("reserved over rows, a symbol of 23,400", 1.3, "x", _bytes("sessiondata, 1 x 23,400 bars", "reserved")),
    Target("reserved over rows, 1,000 of 390", 1.3, "x", _bytes("sessiondata, 1,000 x 390 bars", "reserved")),
    Target("resident over rows, 1,000 of 390", 1.3, "x", _bytes("sessiondata, 1,000 x 390 bars", "resident")),
    Target("`import sessiondata` over `import numpy`", 1.3, "x", _ratio("import", "import numpy", inverse=True)),
)  # fmt: skip


def verdicts(results: Results) -> Iterator[Verdict]:
    for target in TARGETS:
        yield target.judge(results)
