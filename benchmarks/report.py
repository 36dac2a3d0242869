"""Run the benchmarks and print what they measured, losing rows included.

    python -m benchmarks.report [--quick] [--floor SPEC] [--out DIR] [--update-readme FILE]

Exit status: 0 all is well; 1 contestants disagree, or a benchmark failed; 2 wrong usage; 3 a ratio
lies below its floor. The report names no host, user or path.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import textwrap
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.machine import machine
from benchmarks.results import OURS, Results, Row, read
from benchmarks.targets import verdicts

ROOT = Path(__file__).resolve().parents[1]
START, STOP = "<!-- benchmarks:start -->", "<!-- benchmarks:end -->"

DISAGREE, USAGE, BELOW = 1, 2, 3

# Each document has a process of its own: ready rows are millions of small objects, and what other
# documents leave behind in the heap scatters them, which makes orjson up to 40 % slower than it has
# to be.
DOCUMENTS = ("many_symbols", "one_symbol", "with_holes", "spy", "few_rows", "with_history")
# One pass tells as much as three: these are no ratios, or their rounds take a minute.
ONCE = ("bench_cross.py", "bench_import.py", "bench_memory.py", "bench_scale.py")
NOTHING_SELECTED = 5  # pytest's exit status


# --- running ---


def parts(quick: bool) -> list[tuple[str, str]]:
    """(file, parameter) of what runs in a process of its own."""
    order = ("append", "latency", "extend", "gaps", "export")
    names = [path.name for path in sorted(Path(__file__).parent.glob("bench_*.py"))]
    names.sort(key=lambda name: next((k for k, word in enumerate(order) if name == f"bench_{word}.py"), len(order)))
    export = [("bench_export.py", "")] if quick else [("bench_export.py", document) for document in DOCUMENTS]
    return [part for name in names for part in (export if name == "bench_export.py" else [(name, "")])]


def run_benchmarks(quick: bool, select: str | None, passes: int) -> dict[str, Any]:
    """Benchmarks and notes of all parts and passes, or exit if contestants disagree.

    Shared machines change their speed for seconds at a time. Several passes over everything give
    each contestant rounds in good and bad times alike, which more rounds in one place would not.
    """
    whole: dict[str, Any] = {"benchmarks": [], "skipped": {}}
    for number in range(passes):
        for part in parts(quick):
            if number and part[0] in ONCE:
                continue
            begun = time.monotonic()
            record = _run_part(*part, quick, select)
            took = f"{time.monotonic() - begun:.0f} s"
            print(
                f"pass {number + 1} of {passes}: {' '.join(filter(None, part))} ({took})", file=sys.stderr, flush=True
            )
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


# --- printing ---


def markdown(results: Results, quick: bool) -> str:
    return "\n".join(_lines(results, quick)) + "\n"


def _lines(results: Results, quick: bool) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    if quick:
        yield "**A quick run: a few rounds only, good for finding faults and not for quoting.**"
        yield ""
    yield from (f"- {name}: {value}" for name, value in machine().items())
    yield ""
    yield "Results of all contestants of a row were found equal before they were timed. Times are per item (bar, or row"
    yield "of the document); of appends the bare loop is taken off, which is run before each round of calls. Ratio ="
    yield "contestant / ours, of the medians and of the fastest rounds: above 1 sessiondata is faster. Where they"
    yield "differ much the machine was not quiet. Processor time (of all threads) leaves out what a process waited for"
    yield "others: on a busy machine long calls are interrupted and short ones are not, which flatters the faster one."
    yield "Where one ratio is quoted it is the lower of those by the clock and of processor time."
    yield from ("", "## targets", "", *_target_lines(results))
    for name, row in results.rows.items():
        yield from ("", f"## {name}", "", f"{row.title}.", "")
        yield "| contestant | median | fastest | processor | ratio | of fastest | of processor time | rounds | |"
        yield "|---|--:|--:|--:|--:|--:|--:|--:|---|"
        for line in row.lines:
            flag = "**faster than sessiondata**" if line.loses else ""
            remark = ", ".join(filter(None, [flag, "yardstick" if line.yardstick else "", line.note]))
            times = f"{_ns(line.median)} | {_ns(line.fastest)} | {_ns(line.cpu_median)}"
            ratios = f"{_ratio(line.ratio)} | {_ratio(line.fastest_ratio)} | {_ratio(line.cpu_ratio)}"
            yield f"| {line.contestant} | {times} | {ratios} | {len(line.runs)} | {remark} |"
    yield from _latency_lines(results)
    yield from _curve_lines(results.curves)
    yield from _memory_lines(results)
    yield from ("", "## Where sessiondata loses", "")
    losing = [(name, line) for name, row in results.rows.items() for line in row.lines if line.loses]
    for name, line in losing:
        yield f"- {name}: {line.contestant} takes {_ns(line.median)}, {_ratio(line.cautious_ratio)} our time"
    if not losing:
        yield "In no row of this run."
    if results.left_out:
        yield from ("", "## Left out", "")
        yield from (f"- {reason} ({count} benchmarks)" for reason, count in results.left_out.items())


def _target_lines(results: Results) -> Iterator[str]:
    yield "| what | target | measured | fastest rounds | processor time | verdict |"
    yield "|---|--:|--:|--:|--:|---|"
    for v in verdicts(results):
        yield f"| {v.what} | {v.target} | {v.measured} | {v.fastest} | {v.cpu} | {v.verdict} |"


def _latency_lines(results: Results) -> Iterator[str]:
    if not results.latency:
        return
    names = list(next(iter(results.latency.values())).points)
    yield from ("", "## latency", "", f"{results.titles['latency']}. The clock's own time, the median of two")
    yield "readings with nothing in between, measured in turns with the calls, is taken off (column clock). What the"
    yield "machine does to a call shows in the native call of nothing. The second table is of each call's median over"
    yield "identical sessions: what is the machine's has fallen out. Pages: those that the system had to hand out."
    yield "Collections: Python's garbage collector. Preempted: how often the process had to wait for another."
    for words, which in (("calls", "points"), ("calls, each the median of its sessions", "typical")):
        yield from ("", f"| {words} | {' | '.join(names)} | p99.99 / p50 | clock | pages | collections | preempted |")
        yield f"|---|{'--:|' * (len(names) + 5)}"
        for contestant, found in results.latency.items():
            points = getattr(found, which)
            spread = f"{points['p99.99'] / points['p50']:.1f}" if points["p50"] > 0 else "-"
            happened = f"{_ns(found.clock)} | {found.faults:,} | {found.collections:,} | {found.preempted:,}"
            shown = " | ".join(_ns(points[name]) for name in names)
            yield f"| {found.calls:,} of {contestant} | {shown} | {spread} | {happened} |"
    for contestant, found in results.latency.items():
        if found.marked:
            marked = (f"{name} {_ns(value)}" for name, value in found.marked.items())
            yield from ("", f"Special calls of {contestant}, medians: {', '.join(marked)}.")


def _curve_lines(curves: dict[str, Row]) -> Iterator[str]:
    if curves:
        yield from ("", "## scale")
    for name, row in curves.items():
        yield from ("", f"{row.title} ({name}):", "")
        yield f"| {row.curve} | {' | '.join(line.contestant for line in row.lines)} |"
        yield f"|---|{'--:|' * len(row.lines)}"
        yield f"| median | {' | '.join(_ns(line.median) for line in row.lines)} |"
        yield f"| fastest | {' | '.join(_ns(line.fastest) for line in row.lines)} |"


def _memory_lines(results: Results) -> Iterator[str]:
    if not results.facts:
        return
    yield from ("", "## memory", "", f"{results.titles['memory']}.", "")
    yield "| symbols x bars | rows | reserved | resident | reserved / rows | resident / rows | per bar | per symbol |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for case, facts in results.facts.items():
        rows, reserved, resident = (facts.get(name) for name in ("rows", "reserved", "resident"))
        bars = facts["symbols"] * facts["bars"]
        shares = [f"{part / rows:.2f}x" if rows and part is not None else "-" for part in (reserved, resident)]
        sizes = [f"{part / 1e6:.1f} MB" if part is not None else "-" for part in (rows, reserved, resident)]
        each = f"{facts['resident'] / bars:.0f} B | {facts['resident'] / facts['symbols'] / 1e3:.1f} kB"
        yield f"| {case} | {' | '.join(sizes + shares)} | {each} |"


def _ns(ns: float) -> str:
    """Three digits, in the unit that suits; a dash for what was not measured."""
    if ns != ns:
        return "-"
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(ns) >= size:
            return f"{_digits(ns / size)} {unit}"
    return f"{_digits(ns)} ns"


def _digits(x: float) -> str:
    return f"{x:.0f}" if abs(x) >= 99.5 else f"{x:.1f}" if abs(x) >= 9.95 else f"{x:.2f}"


def _ratio(ratio: float) -> str:
    if ratio != ratio:
        return "-"
    return f"{ratio:,.0f}x" if ratio >= 99.5 else f"{_digits(ratio)}x"


def readme_table(results: Results) -> str:
    """For the README: the targets, and all contestants of all rows by their ratio, those that win
    in bold."""
    lines = [*_target_lines(results), ""]
    lines += [
        "| what, per item | sessiondata | others, as a multiple (clock or processor time, the lower; bold: faster) |"
    ]
    lines.append("|---|--:|---|")
    for row in results.rows.values():
        ours = row.line(OURS)
        others = [line for line in row.lines if line.contestant != OURS and not line.yardstick]
        texts = [f"{line.contestant} {_ratio(line.cautious_ratio)}" for line in others]
        shown = [f"**{text}**" if line.loses else text for text, line in zip(texts, others, strict=True)]
        if shown:
            lines.append(f"| {row.title} | {_ns(ours.median) if ours else '-'} | {'; '.join(shown)} |")
    facts = machine()
    setting = f"{facts['CPU']}, {facts['cores']} cores; {facts['Python']}; {facts['libraries']}."
    lines += ["", *textwrap.wrap(setting, 100, break_long_words=False, break_on_hyphens=False)]
    return "\n".join(lines)


def split_readme(path: Path) -> tuple[str, str]:
    """What stands before and after the place of the table; exit if the file has not both marks,
    once."""
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


def write_results(folder: Path, text: str, results: Results) -> None:
    """report.md and report.json, the latter with all rounds."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(text, encoding="utf-8")
    document = {
        "machine": machine(),
        "targets": [asdict(verdict) for verdict in verdicts(results)],
        "rows": {name: _row_document(row) for name, row in (results.rows | results.curves).items()},
        "latency_ns": {name: asdict(found) for name, found in results.latency.items()},
        "memory_bytes": results.facts,
        "left_out": results.left_out,
    }
    (folder / "report.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _row_document(row: Row) -> dict[str, Any]:
    contestants = {
        line.contestant: {
            "items": line.items,
            "median_ns": round(line.median, 3),
            "fastest_ns": round(line.fastest, 3),
            "ratio": _rounded(line.ratio),
            "fastest_ratio": _rounded(line.fastest_ratio),
            "cpu_median_ns": _rounded(line.cpu_median),
            "cpu_ratio": _rounded(line.cpu_ratio),
            "yardstick": line.yardstick,
            "note": line.note,
            "rounds_ns": [round(run, 3) for run in line.runs],
        }
        for line in row.lines
    }
    return {"title": row.title, "contestants": contestants}


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
            continue
        if not line.cautious_ratio >= floor:
            faults.append(f"{name}: {contestant} is {line.cautious_ratio:.2f} times ours, its floor is {floor:g}")
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
        # a fault is better found before the minutes than after them
        split_readme(options.update_readme)
    record = run_benchmarks(options.quick, options.select, options.passes or (1 if options.quick else 3))
    if not record["benchmarks"]:
        _usage(f"no benchmark is selected by {options.select!r}")
    results = read(record)
    text = markdown(results, options.quick)
    print(text, end="")
    if options.out:
        write_results(options.out, text, results)
    if options.update_readme:
        update_readme(options.update_readme, readme_table(results))
    # Rows on real data have no floors, so their absence excuses nothing; a library's does.
    peers_absent = any(" is not installed" in reason for reason in results.left_out)
    below = check_floors(results.rows, floors, absent_ok=peers_absent or bool(options.select))
    for fault in below:
        print(f"below its floor: {fault}", file=sys.stderr)
    return BELOW if below else 0


if __name__ == "__main__":
    sys.exit(main())
