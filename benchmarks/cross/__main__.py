"""Run all contestants, compare their trades, and print a table."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cross.contestants import CONTESTANTS, ORACLE, Contestant, install, interpreter
from benchmarks.cross.measure import Measured, measure
from benchmarks.cross.trades import differing
from benchmarks.machine import machine

DISAGREE = 1


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(options: argparse.Namespace) -> dict[Contestant, list[Measured]]:
    """What each contestant's passes have found; exit if trades differ."""
    found: dict[Contestant, list[Measured]] = {}
    chosen = [who for who in CONTESTANTS if not options.only or who.module in options.only]
    chosen.sort(key=lambda who: who is not ORACLE)
    for number in range(options.passes):
        for who in chosen:
            if interpreter(who) is None:
                if number == 0:
                    say(f"{who.title}: {who.needs} is not installed (--install)")
                continue
            begun = time.monotonic()
            one = measure(who, options.stocks, options.days, options.rounds)
            measure.cache_clear()
            took = f"{min(one.seconds) / one.bars * 1e9:,.0f} ns a bar, {time.monotonic() - begun:.0f} s in all"
            say(f"pass {number + 1} of {options.passes}: {who.title} ({took})")
            found.setdefault(who, []).append(one)
            difference = differing(found[ORACLE][0].trades, one.trades) if ORACLE in found else ""
            if difference:
                say(f"contestants disagree: {ORACLE.title} and {who.title}: {difference}")
                raise SystemExit(DISAGREE)
    return found


def table(found: dict[Contestant, list[Measured]]) -> list[dict[str, Any]]:
    """A row a contestant; ns are of a minute."""
    rows: list[dict[str, Any]] = []
    for who, passes in found.items():
        per_bar = 1e9 / passes[0].bars
        seconds = [second * per_bar for one in passes for second in one.seconds]
        cpu = [second * per_bar for one in passes for second in one.cpu]
        rows.append({
            "contestant": who.title, "version": passes[0].version, "note": who.note, "yardstick": who.yardstick,
            "median_ns": statistics.median(seconds), "fastest_ns": min(seconds), "cpu_ns": min(cpu),
            "rounds": len(seconds), "peak_mb": max(one.peak for one in passes) / 1e6,
            "run_mb": max(one.peak - one.ready for one in passes) / 1e6,
        })  # fmt: skip
    ours = next((row["cpu_ns"] for row in rows if row["contestant"] == "sessiondata"), float("nan"))
    for row in rows:
        row["ratio"] = row["cpu_ns"] / ours
    return sorted(rows, key=lambda row: row["cpu_ns"])


def print_table(rows: list[dict[str, Any]]) -> None:
    print("| contestant | median | fastest | processor | x ours | peak memory | of it by the run | |")
    print("|---|--:|--:|--:|--:|--:|--:|---|")
    for row in rows:
        times = " | ".join(f"{row[name]:,.0f} ns" for name in ("median_ns", "fastest_ns", "cpu_ns"))
        remark = ", ".join(filter(None, ["yardstick" if row["yardstick"] else "", row["note"], row["version"]]))
        memory = f"{row['peak_mb']:,.0f} MB | {row['run_mb']:,.0f} MB"
        print(f"| {row['contestant']} | {times} | {row['ratio']:,.2f} | {memory} | {remark} |")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cross", description=__doc__)
    parser.add_argument("--install", action="store_true", help="make the environments of those that are absent")
    parser.add_argument("--stocks", type=int, default=50)
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5, help="of each pass, as far as 8 seconds reach")
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--only", nargs="*", metavar="FILE", help="some of them, by the names of their files")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write JSON there")
    options = parser.parse_args(arguments)
    if options.install:
        for who in CONTESTANTS:
            if who.package and interpreter(who) is None:
                say(f"installing {who.package}")
                install(who)
    found = run(options)
    rows = table(found)
    bars, trades = next((one.bars, len(one.trades)) for passes in found.values() for one in passes)
    facts = machine()
    print(
        f"{options.stocks} stocks x {options.days} days: {bars:,} minutes, {trades:,} trades, the same from everyone."
    )
    print(f"{facts['CPU']}, {facts['cores']} cores; {facts['Python']}.\n")
    print_table(rows)
    if options.out:
        document = {"machine": facts, "bars": bars, "trades": trades, "contestants": rows}
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
