"""Run the benchmarks and print what they measured, losing rows included.

    python -m benchmarks.report [--quick] [--floor SPEC] [--out DIR] [--update-readme FILE]

Exit status: 0 all is well; 1 contestants disagree, or a benchmark failed; 2 wrong usage; 3 a ratio lies below its
floor. The report names no host, user or path.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.machine import machine

ROOT = Path(__file__).resolve().parents[1]
OURS = "sessiondata"
START, STOP = "<!-- benchmarks:start -->", "<!-- benchmarks:end -->"
BARE_LOOP = "loop without a call"

DISAGREE, USAGE, BELOW = 1, 2, 3

# (file, parameter) of what runs in a process of its own. Each document has one: ready rows are millions of small
# objects, and what other documents leave behind in the heap scatters them, which makes orjson up to 40 % slower than it
# has to be.
PARTS = (
    ("bench_append.py", ""),
    ("bench_extend.py", ""),
    ("bench_gaps.py", ""),
    ("bench_export.py", "many_symbols"),
    ("bench_export.py", "one_symbol"),
    ("bench_export.py", "with_holes"),
    ("bench_export.py", "spy"),
)
NOTHING_SELECTED = 5  # pytest's exit status

# What was promised, as (row, in words, kind, goal of the first version, goal of the design). "ns" are at most, "times"
# at least. Shown, never enforced: ns are of the machine they were promised on. Floors are what is enforced.
GOALS = (
    ("append/minutes", "append, ns per bar", None, 200, 60),
    ("append/seconds", "append, ns per bar", None, 200, 60),
    ("extend/minutes", "extend, ns per bar", None, 40, 7),
    ("extend/seconds", "extend, ns per bar", None, 40, 7),
    ("append/minutes", "append, times faster than the object model", "object model", 100, None),
    ("export/50-symbols", "export, times faster than orjson of ready rows", "orjson, rows ready", 2, 7),
    ("export/seconds", "export, times faster than orjson of ready rows", "orjson, rows ready", 2, 7),
    ("export/50-symbols", "export, times faster than building rows too", "orjson, rows built from columns", None, 35),
    ("gaps/seconds", "gap scan, speed as a share of np.sum's (1/1.3)", "np.sum of the times", None, 0.77),
)


@dataclass
class Line:
    """One contestant of one row; times are ns per item, the bare loop taken off."""

    contestant: str
    items: int
    median: float
    fastest: float
    runs: list[float]
    yardstick: bool
    note: str
    ratio: float = 0.0
    fastest_ratio: float = 0.0

    @property
    def loses(self) -> bool:
        """Whether a contestant (not a yardstick) is faster than we are."""
        return not self.yardstick and self.contestant != OURS and self.ratio < 1


@dataclass
class Row:
    title: str
    lines: list[Line] = field(default_factory=list)

    def line(self, contestant: str) -> Line | None:
        return next((line for line in self.lines if line.contestant == contestant), None)


# --- running ---


def run_benchmarks(quick: bool, select: str | None, passes: int) -> dict[str, Any]:
    """Benchmarks and notes of all parts and passes, or exit if contestants disagree.

    Shared machines change their speed for seconds at a time. Several passes over everything give each contestant rounds
    in good and bad times alike, which more rounds in one place would not.
    """
    whole: dict[str, Any] = {"benchmarks": [], "skipped": {}}
    for number in range(passes):
        for part in dict.fromkeys((file, "") for file, _ in PARTS) if quick else PARTS:
            print(f"pass {number + 1} of {passes}: {' '.join(filter(None, part))}", file=sys.stderr)
            record = _run_part(*part, quick, select)
            whole["benchmarks"] += record.get("benchmarks", [])
            for reason, count in record.get("skipped", {}).items() if number == 0 else ():
                whole["skipped"][reason] = whole["skipped"].get(reason, 0) + count
    return whole


def _run_part(file: str, parameter: str, quick: bool, select: str | None) -> dict[str, Any]:
    words = " and ".join(f"({word})" for word in (parameter, select) if word)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "record.json")
        command = [sys.executable, "-m", "pytest", f"benchmarks/{file}", "-q", "--no-header", "--benchmark-quiet"]
        command += [f"--benchmark-json={path}", *(["--quick"] if quick else []), *(["-k", words] if words else [])]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if run.returncode not in (0, NOTHING_SELECTED):
            print(run.stdout, run.stderr, sep="\n", file=sys.stderr)
            print("contestants disagree, or a benchmark failed: nothing is reported", file=sys.stderr)
            raise SystemExit(DISAGREE)
        return json.loads(path.read_bytes()) if path.is_file() and path.stat().st_size else {}


def read_rows(record: dict[str, Any]) -> dict[str, Row]:
    """Rows of timed contestants, in the order they ran in; ours first."""
    rows: dict[str, Row] = {}
    loops: dict[str, bool] = {}
    for benchmark in record["benchmarks"]:
        info = benchmark["extra_info"]
        if "percentiles" in info:
            continue
        row = rows.setdefault(info["row"], Row(info["title"]))
        items = info["items"]
        runs = [seconds * 1e9 / items for seconds in benchmark["stats"]["data"]]
        line = row.line(info["contestant"])
        if line is None:
            line = Line(info["contestant"], items, 0.0, 0.0, [], info.get("yardstick", False), info.get("note", ""))
            loops[f"{info['row']}:{line.contestant}"] = info.get("loop", False)
            row.lines.append(line)
        line.runs += runs
    for name, row in rows.items():
        bare = row.line(BARE_LOOP)
        loop_ns = statistics.median(bare.runs) if bare else 0.0
        for line in row.lines:
            off = loop_ns if loops[f"{name}:{line.contestant}"] else 0.0
            line.runs = [run - off for run in line.runs]
            line.median, line.fastest = statistics.median(line.runs), min(line.runs)
        ours = row.line(OURS)
        for line in row.lines:
            line.ratio = line.median / ours.median if ours else float("nan")
            line.fastest_ratio = line.fastest / ours.fastest if ours else float("nan")
        row.lines.sort(key=lambda line: (line.contestant != OURS, line.yardstick, line.median))
    return rows


def read_latency(record: dict[str, Any]) -> tuple[str, dict[str, dict[str, int]]]:
    """Title and percentiles of single calls, by contestant: medians over the passes, and the largest of the maxima."""
    infos = [b["extra_info"] for b in record["benchmarks"] if "percentiles" in b["extra_info"]]
    passes: dict[str, list[dict[str, int]]] = {}
    for info in infos:
        passes.setdefault(info["contestant"], []).append(info["percentiles"])
    merged = {
        contestant: {
            name: max(p[name] for p in points) if name == "max" else int(statistics.median(p[name] for p in points))
            for name in points[0]
        }
        for contestant, points in passes.items()
    }
    return (infos[0]["title"] if infos else ""), merged


# --- printing ---


def markdown(record: dict[str, Any], rows: dict[str, Row], quick: bool) -> str:
    return "\n".join(_lines(record, rows, quick)) + "\n"


def _lines(record: dict[str, Any], rows: dict[str, Row], quick: bool) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    if quick:
        yield "**A quick run: a few rounds only, good for finding faults and not for quoting.**"
        yield ""
    yield from (f"- {name}: {value}" for name, value in machine().items())
    yield ""
    yield "Results of all contestants of a row were found equal before they were timed. Times are per item (bar, or row"
    yield "of the document); of appends the bare loop is taken off. Ratio = contestant / sessiondata, of the medians"
    yield "and of the fastest rounds: above 1 sessiondata is faster. Where they differ much the machine was not quiet."
    for name, row in rows.items():
        yield from ("", f"## {name}", "", f"{row.title}.", "")
        yield "| contestant | median | fastest | ratio | ratio of fastest | rounds | |"
        yield "|---|--:|--:|--:|--:|--:|---|"
        for line in row.lines:
            flag = "**faster than sessiondata**" if line.loses else ""
            remark = ", ".join(filter(None, [flag, "yardstick" if line.yardstick else "", line.note]))
            times = f"{_ns(line.median)} | {_ns(line.fastest)}"
            ratios = f"{_ratio(line.ratio)} | {_ratio(line.fastest_ratio)}"
            yield f"| {line.contestant} | {times} | {ratios} | {len(line.runs)} | {remark} |"
    yield from _latency_lines(record)
    yield from ("", "## Where sessiondata loses", "")
    losing = [(name, line) for name, row in rows.items() for line in row.lines if line.loses]
    for name, line in losing:
        yield f"- {name}: {line.contestant} takes {_ns(line.median)}, {_ratio(line.ratio)} our time"
    if not losing:
        yield "In no row of this run."
    yield from _goal_lines(rows)
    if record.get("skipped"):
        yield from ("", "## Left out", "")
        yield from (f"- {reason} ({count} benchmarks)" for reason, count in record["skipped"].items())


def _latency_lines(record: dict[str, Any]) -> Iterator[str]:
    title, latency = read_latency(record)
    if not latency:
        return
    names = list(next(iter(latency.values())))
    yield from ("", "## latency", "", f"{title}.", "")
    yield f"| contestant | {' | '.join(names)} | p99.99 / p50, clock off |"
    yield f"|---|{'--:|' * (len(names) + 1)}"
    clock_ns = latency.get("the clock alone", {}).get("p50", 0)
    for contestant, points in latency.items():
        net = points["p50"] - clock_ns
        spread = f"{(points['p99.99'] - clock_ns) / net:.0f}" if net > 0 else "-"
        yield f"| {contestant} | {' | '.join(_ns(points[name]) for name in names)} | {spread} |"


def _goal_lines(rows: dict[str, Row]) -> Iterator[str]:
    found = []
    for name, words, contestant, first, design in GOALS:
        line = rows[name].line(contestant or OURS) if name in rows else None
        if line is None:
            continue
        value = line.ratio if contestant else line.median
        shown = [f"{goal:g} {_met(value, goal, contestant)}" if goal else "" for goal in (first, design)]
        found.append(f"| {words} ({name}) | {value:.3g} | {' | '.join(shown)} |")
    if found:
        yield from ("", "## Goals", "", "| what | measured | first version | design |", "|---|--:|--:|--:|", *found)


def _met(value: float, goal: float, contestant: str | None) -> str:
    return "met" if (value >= goal if contestant else value <= goal) else "**missed**"


def _ns(ns: float) -> str:
    """Three digits, in the unit that suits."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(ns) >= size:
            return f"{_digits(ns / size)} {unit}"
    return f"{_digits(ns)} ns"


def _digits(x: float) -> str:
    return f"{x:.0f}" if abs(x) >= 99.5 else f"{x:.1f}" if abs(x) >= 9.95 else f"{x:.2f}"


def _ratio(ratio: float) -> str:
    return f"{ratio:,.0f}x" if ratio >= 99.5 else f"{_digits(ratio)}x"


def ratio_table(rows: dict[str, Row]) -> str:
    """The short table for the README: all contestants of all rows by their ratio, those that win in bold."""
    lines = ["| what, per item | sessiondata | others, as a multiple of it (bold: faster than sessiondata) |"]
    lines.append("|---|--:|---|")
    for row in rows.values():
        ours = row.line(OURS)
        others = [line for line in row.lines if line.contestant != OURS and not line.yardstick]
        texts = [f"{line.contestant} {_ratio(line.ratio)}" for line in others]
        shown = [f"**{text}**" if line.loses else text for text, line in zip(texts, others, strict=True)]
        lines.append(f"| {row.title} | {_ns(ours.median) if ours else '-'} | {'; '.join(shown)} |")
    facts = machine()
    lines += ["", f"{facts['CPU']}, {facts['cores']} cores; {facts['Python']}; {facts['libraries']}."]
    return "\n".join(lines)


def split_readme(path: Path) -> tuple[str, str]:
    """What stands before and after the place of the table; exit if the file has not both marks, once."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        _usage(f"--update-readme takes a text file: {error}")
    if text.count(START) != 1 or text.count(STOP) != 1 or text.index(START) > text.index(STOP):
        _usage(f"{path.name} must hold {START} and, after it, {STOP}, once each")
    return text.split(START)[0], text.split(STOP)[1]


def update_readme(path: Path, table: str) -> None:
    """Put the table between the two marks."""
    before, after = split_readme(path)
    path.write_text(f"{before}{START}\n{table}\n{STOP}{after}", encoding="utf-8")


def write_results(folder: Path, text: str, record: dict[str, Any], rows: dict[str, Row]) -> None:
    """report.md and report.json, the latter with all rounds."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(text, encoding="utf-8")
    shown = {
        name: {
            "title": row.title,
            "contestants": {
                line.contestant: {
                    "items": line.items,
                    "median_ns": round(line.median, 3),
                    "fastest_ns": round(line.fastest, 3),
                    "ratio": _rounded(line.ratio),
                    "fastest_ratio": _rounded(line.fastest_ratio),
                    "yardstick": line.yardstick,
                    "note": line.note,
                    "rounds_ns": [round(run, 3) for run in line.runs],
                }
                for line in row.lines
            },
        }
        for name, row in rows.items()
    }
    document = {"machine": machine(), "rows": shown, "latency_ns": read_latency(record)[1]}
    document["left_out"] = record.get("skipped", {})
    (folder / "report.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _rounded(ratio: float) -> float | None:
    return round(ratio, 4) if ratio == ratio else None  # JSON has no NaN


# --- floors ---


def read_floors(specs: Sequence[str]) -> dict[tuple[str, str], float]:
    """Floors by (row, contestant): of files, and single ones written ROW:CONTESTANT=RATIO."""
    floors: dict[tuple[str, str], float] = {}
    for spec in specs:
        single = re.fullmatch(r"([^:]+):(.+)=([\d.]+)", spec)
        if single:
            floors[single[1], single[2]] = float(single[3])
            continue
        try:
            tables = tomllib.loads(Path(spec).read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            _usage(f"--floor takes a file or ROW:CONTESTANT=RATIO: {spec} ({error})")
        floors |= {(row, name): float(ratio) for row, names in tables.items() for name, ratio in names.items()}
    return floors


def check_floors(rows: dict[str, Row], floors: dict[tuple[str, str], float], absent_ok: bool) -> list[str]:
    """What lies below its floor. A floor without its row is a fault, too, unless `absent_ok`."""
    faults = []
    for (name, contestant), floor in floors.items():
        line = rows[name].line(contestant) if name in rows else None
        if line is None:
            if not absent_ok:
                faults.append(f"{name}: there is no contestant {contestant!r} to hold against its floor")
        elif not line.ratio >= floor:
            faults.append(f"{name}: {contestant} is {line.ratio:.2f} times ours, its floor is {floor:g}")
    return faults


def _usage(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(USAGE)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__.split(".")[0] + ".")
    parser.add_argument("--quick", action="store_true", help="a few rounds, for CI: finds faults, not numbers to quote")
    parser.add_argument("-k", dest="select", metavar="EXPRESSION", help="only these benchmarks, as pytest selects them")
    parser.add_argument("--passes", type=int, metavar="N", help="runs of everything; by default 3, with --quick 1")
    parser.add_argument("--floor", action="append", default=[], metavar="SPEC", help="file, or ROW:CONTESTANT=RATIO")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write report.md and report.json there")
    parser.add_argument("--update-readme", type=Path, metavar="FILE", help="put the ratios between its two marks")
    options = parser.parse_args(arguments)
    floors = read_floors(options.floor)
    if options.update_readme:
        if options.quick or options.select:
            _usage("--update-readme takes a whole run: neither --quick nor -k")
        split_readme(options.update_readme)  # a fault is better found before the minutes than after them
    record = run_benchmarks(options.quick, options.select, options.passes or (1 if options.quick else 3))
    if not record["benchmarks"]:
        _usage(f"no benchmark is selected by {options.select!r}")
    rows = read_rows(record)
    text = markdown(record, rows, options.quick)
    print(text, end="")
    if options.out:
        write_results(options.out, text, record, rows)
    if options.update_readme:
        update_readme(options.update_readme, ratio_table(rows))
    # Rows on real data have no floors, so their absence excuses nothing; a library's does.
    peers_absent = any(reason.endswith("is not installed") for reason in record["skipped"])
    below = check_floors(rows, floors, absent_ok=peers_absent or bool(options.select))
    for fault in below:
        print(f"below its floor: {fault}", file=sys.stderr)
    return BELOW if below else 0


if __name__ == "__main__":
    sys.exit(main())
