"""Count the instructions of the hot paths, and compare them with a committed baseline.

    python -m benchmarks.instructions [--update] [--strict]

Times of a shared machine differ by tens of percent from minute to minute, instruction counts by a
few in a million, so this is what can gate a change: more than 3 % above the baseline fails. Counts
belong to one interpreter and one compiler; the baseline is kept by both, and where it knows neither
the counts are printed and nothing is compared.

How: one process runs under `valgrind --tool=callgrind`. Around each piece of work it calls a
function of the C library that nobody else calls, at which callgrind writes down what it has counted
and begins anew; start-up, imports and the stores that are set up therefore stand in other dumps. Of
work that is a Python loop the same loop without its call is taken off, so what is left is the call
and what it does.

Exit status: 0 all is well, or nothing could be compared (the output says so); 1 a count is above
its baseline, or has none; 2 wrong usage; 4 with ``--strict``: nothing was compared.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BASELINE = Path(__file__).with_name("instructions.toml")
TOLERANCE = 0.03
ABOVE, USAGE, NOT_COMPARED = 1, 2, 4

# Called by no one at start-up or in NumPy; Python calls it through its own name, so callgrind sees
# it by that name.
MARKER = "getpgid"

HEADER = """\
# Instructions per item of the hot paths, by interpreter and compiler (machine code differs between them).
# Written by `python -m benchmarks.instructions --update`; more than 3 % above fails `.ci/run`.
"""


# --- the work: fixed input, everything set up before it is counted ---

Work = Callable[[], Any]


def _append() -> tuple[Work, Work | None, int]:
    from benchmarks import data, ours
    from benchmarks.loops import bare_loop, feed

    rows = data.seconds().rows
    spy = ours.new_store(data.seconds())[1]
    return lambda: feed(spy.append, rows), lambda: bare_loop(rows), len(rows)


def _append_wrapped() -> tuple[Work, Work | None, int]:
    from benchmarks import data, ours
    from benchmarks.loops import bare_loop, feed

    rows = data.seconds().rows
    spy = ours.new_store(data.seconds(), capacity=1024)[1]
    feed(spy.append, rows[:2048])
    later = rows[2048:]
    return lambda: feed(spy.append, later), lambda: bare_loop(later), len(later)


def _late_append() -> tuple[Work, Work | None, int]:
    """Every fifth minute comes when all others are there, the newest first: as gaps are filled."""
    from benchmarks import data, ours
    from benchmarks.loops import bare_loop, feed

    rows = data.minutes().rows
    late = rows[1::5][::-1]
    stores = [ours.new_store(data.minutes())[1] for _ in range(10)]
    for spy in stores:
        feed(spy.append, [row for row in rows if row not in late])

    def run() -> None:
        for spy in stores:
            feed(spy.append, late)

    return run, lambda: [bare_loop(late) for _ in stores], 10 * len(late)


def _extend(name: str, times: int) -> tuple[Work, Work | None, int]:
    from benchmarks import data, ours

    day = getattr(data, name)()
    stores = [ours.new_store(day)[1] for _ in range(times)]

    def run() -> None:
        for spy in stores:
            spy.extend(*day.columns)

    return run, None, times * len(day)


def _append_slice() -> tuple[Work, Work | None, int]:
    from benchmarks import data, ours

    slices = ours.slices_of(400, 10)
    store = ours.new_stores(400, data.minutes().date)
    names = list(store.symbols)

    def run() -> None:
        for ts_ns, *columns in slices:
            store.append_slice(names, ts_ns, *columns)

    return run, None, 400 * 10


def _append_tick() -> tuple[Work, Work | None, int]:
    from benchmarks import data, ours
    from benchmarks.loops import bare_loop_of_trades, feed_trades

    rows = data.trades().rows
    spy = ours.new_tick_store()[1]
    return lambda: feed_trades(spy.append_tick, rows), lambda: bare_loop_of_trades(rows), len(rows)


def _extend_ticks() -> tuple[Work, Work | None, int]:
    from benchmarks import data, ours

    columns = data.trades().columns
    stores = [ours.new_tick_store()[1] for _ in range(2)]

    def run() -> None:
        for spy in stores:
            spy.extend_ticks(*columns)

    return run, None, 2 * len(columns[0])


def _find_gaps(name: str) -> tuple[Work, Work | None, int]:
    import sessiondata as sd
    from benchmarks import data, ours

    day = getattr(data, name)()
    grid, ts_ns = ours.CALENDAR.session(day.date), day.columns[0]
    return lambda: [sd.find_gaps(ts_ns, grid, day.base) for _ in range(10)], None, 10 * len(day)


def _export(name: str, symbols: int) -> tuple[Work, Work | None, int]:
    import sessiondata as sd
    from benchmarks import data, ours

    maker = getattr(data, name)
    days = [maker(seed) for seed in range(symbols)] if symbols > 1 else [maker()]
    store = sd.SessionData(ours.CALENDAR, days[0].base, data.DERIVED)
    store.start_session(days[0].date)
    for seed, day in enumerate(days):
        store.register_symbol(f"S{seed:03}").extend(*day.columns)
    items = sum(len(symbol.bars(name)) for symbol in store.symbols.values() for name in symbol.intervals)
    # a document is given room like the last one; how a first one grows is up to the allocator
    store.to_json()
    return store.to_json, None, items


def _export_one() -> tuple[Work, Work | None, int]:
    """What stands around the rows of a small document: the calls of Python, and `meta`."""
    from benchmarks import data, ours

    spy = ours.new_store(data.minutes())[1]
    spy.append(*data.minutes().rows[0])
    store = spy.store
    store.to_json()
    return lambda: [store.to_json() for _ in range(1_000)], lambda: [None for _ in range(1_000)], 1_000


def _export_history() -> tuple[Work, Work | None, int]:
    """A past day is spliced: a piece of text in a list, and a copy."""
    from benchmarks.bench_export import with_history

    store = with_history().store
    store.to_json()
    return store.to_json, None, sum(len(days) for s in store.symbols.values() for days in s.historical_bars.values())


def _delta() -> tuple[Work, Work | None, int]:
    """After one more bar of each symbol; the bars are taken off."""
    from benchmarks.bench_delta import Feed

    feed, without = Feed(1_000), Feed(1_000)
    feed.store.to_json()
    feed.step()
    without.step()
    feed.store.to_json(False)

    def run() -> None:
        for _ in range(10):
            feed.step()
            feed.store.to_json(False)

    return run, lambda: [without.step() for _ in range(10)], 1_000 * 10


def _read(read: Callable[[Any], Any], interval: str = "5m") -> tuple[Work, Work | None, int]:
    """A read of a morning's series; the call of a function that does nothing is taken off."""
    from benchmarks.bench_reads import store

    series, calls = store().bars(interval), range(1_000)

    def run() -> None:
        for _ in calls:
            read(series)

    def loop() -> None:
        for _ in calls:
            nothing(series)

    def nothing(series: Any) -> None:
        pass

    return run, loop, len(calls)


#: Name -> what sets it up and returns (work, the loop to take off, items). The order is that of the
#: file.
def _window() -> tuple[Work, Work | None, int]:
    from benchmarks import bench_windows

    spy = bench_windows.store_of_days()

    def loop() -> None:
        for _ in range(200):
            pass

    def run() -> None:
        for _ in range(200):
            spy.window("5m", 200)

    return run, loop, 200


def _panel() -> tuple[Work, Work | None, int]:
    from benchmarks import bench_windows

    data = bench_windows.store_of_symbols(400)

    def run() -> None:
        for _ in range(20):
            data.panel("close", "5m", 20)

    return run, None, 20 * 400


def _drain() -> tuple[Work, Work | None, int]:
    """Closed bars as arrays, of ten days that begin anew."""
    from benchmarks import bench_feed

    feed = bench_feed.day().closed_bars(("5m", "1h"))

    def run() -> None:
        for _ in range(10):
            feed.reset()
            feed.drain_arrays()

    return run, None, 10 * bench_feed.N_SYMBOLS * (78 + 7)


def _idle_drain() -> tuple[Work, Work | None, int]:
    from benchmarks import bench_feed

    feed, calls = bench_feed.new_store(400).closed_bars("5m"), range(1_000)
    feed.drain()

    def loop() -> None:
        for _ in calls:
            pass

    def run() -> None:
        for _ in calls:
            feed.drain()

    return run, loop, len(calls)


WORK: dict[str, Callable[[], tuple[Work, Work | None, int]]] = {
    "append, in order": _append,
    "append, ring that has wrapped": _append_wrapped,
    "append, late": _late_append,
    "append_slice, 400 symbols": _append_slice,
    "extend, 23,400 rows": lambda: _extend("seconds", 2),
    "extend, 22,266 rows with holes": lambda: _extend("seconds_with_holes", 2),
    "extend, 390 rows": lambda: _extend("minutes", 20),
    "append_tick": _append_tick,
    "extend_ticks, 100,000 rows": _extend_ticks,
    "read of a bar": lambda: _read(lambda series: series[-1]),
    "read of a column": lambda: _read(lambda series: series.close),
    "read of a window": lambda: _read(lambda series: series.last(20)),
    "read of a window's column": lambda: _read(lambda series: series.last(20).close),
    "read of eight gaps": lambda: _read(lambda series: series.gaps, "1m"),
    "gap scan": lambda: _find_gaps("seconds"),
    "gap scan, with holes": lambda: _find_gaps("seconds_with_holes"),
    "export, 50 symbols of 390 rows": lambda: _export("minutes", 50),
    "export, 23,400 rows": lambda: _export("seconds", 1),
    "export, 23,400 rows of full precision": lambda: _export("adjusted_seconds", 1),
    "export, one symbol of one bar": _export_one,
    "export, a past day of an interval": _export_history,
    "delta, a symbol of 1,000": _delta,
    "window, 200 bars over days": _window,
    "panel, a symbol of 400 x 20": _panel,
    "closed bars, an event": _drain,
    "closed bars, a drain without news": _idle_drain,
}


def work() -> None:
    """Do all the work, each piece between two markers; runs under callgrind and prints the number
    of items of each."""
    for name, make in WORK.items():
        # Once unmarked: lazy imports, caches and the interpreter's own specialisation of bytecode
        # are behind us then.
        run, loop, _ = make()
        run()
        if loop is not None:
            loop()
        run, loop, items = make()
        os.getpgid(0)
        run()
        os.getpgid(0)
        if loop is not None:
            loop()
        os.getpgid(0)
        print(f"{items} {name}", flush=True)


# --- counting ---


def count() -> dict[str, float]:
    """Instructions per item of all work."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--dump-before={MARKER}", f"--callgrind-out-file={folder}/dump"]
        # `-c` and not `-m`: what is imported, and from where, must be the same code as here, also
        # when not installed.
        command += [sys.executable, "-c", "from benchmarks.instructions import work; work()"]
        path = os.pathsep.join(filter(None, [str(ROOT), *sys.path]))
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONHASHSEED": "0", "PYTHONPATH": path}
        # One thread each, lest a library starts some that count, too.
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if run.returncode:
            raise RuntimeError(f"the counted process failed:\n{run.stdout}\n{run.stderr}")
        totals = [_total(Path(folder, f"dump.{k}")) for k in range(1, 3 * len(WORK) + 1)]
    counts = {}
    for k, line in enumerate(run.stdout.splitlines()):
        items, _, name = line.partition(" ")
        # Dump 3k is what came before the work, 3k + 1 the work, 3k + 2 the loop (next to nothing
        # where there is none).
        counts[name] = (totals[3 * k + 1] - totals[3 * k + 2]) / int(items)
    if list(counts) != list(WORK):
        raise RuntimeError(f"some work was not done:\n{run.stdout}")
    return counts


def _total(path: Path) -> int:
    try:
        found = re.findall(r"^totals: (\d+)", path.read_text(encoding="latin-1"), re.MULTILINE)
    except OSError as error:
        raise RuntimeError(f"callgrind has not seen the marker, {MARKER}()") from error
    return int(found[-1])


def key() -> str:
    """What a baseline belongs to: interpreter, compiler of the extension, kind of machine."""
    from benchmarks.machine import compiler

    python = f"{platform.python_implementation()} {sys.version_info.major}.{sys.version_info.minor}"
    return f"{python}, {compiler() or 'unknown compiler'}, {platform.machine()}"


# --- the baseline ---


def read_baseline() -> dict[str, dict[str, float]]:
    return tomllib.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.is_file() else {}


def write_baseline(baseline: dict[str, dict[str, float]]) -> None:
    lines = [HEADER]
    for machine, counts in sorted(baseline.items()):
        lines += [f'["{machine}"]', *(f'"{name}" = {value:.2f}' for name, value in counts.items()), ""]
    BASELINE.write_text("\n".join(lines), encoding="utf-8")


def compare(counts: dict[str, float], baseline: dict[str, float]) -> tuple[list[str], list[str], list[str]]:
    """Lines to print, faults, and what has become better by more than the tolerance."""
    lines, faults, better = [], [], []
    for name, value in counts.items():
        before = baseline.get(name)
        if before is None:
            lines.append(f"{name:32} {value:10.2f}          -")
            faults.append(f"{name} has no baseline: record it with --update")
            continue
        change = value / before - 1
        lines.append(f"{name:32} {value:10.2f} {before:10.2f} {change:+8.1%}")
        if change > TOLERANCE:
            faults.append(f"{name} takes {change:.1%} more instructions than its baseline")
        elif change < -TOLERANCE:
            better.append(name)
    return lines, faults, better


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.instructions", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--update", action="store_true", help="record these counts as the baseline of this interpreter")
    parser.add_argument("--strict", action="store_true", help="it is a fault if nothing can be compared")
    options = parser.parse_args(arguments)
    if shutil.which("valgrind") is None:
        print("instructions are not counted: valgrind is not installed")
        return NOT_COMPARED if options.strict else 0
    machine, baseline = key(), read_baseline()
    counts = count()
    if options.update:
        write_baseline({**baseline, machine: counts})
    lines, faults, better = compare(counts, read_baseline().get(machine, {}))
    print(f"instructions per item ({machine}): now, baseline, change", *lines, sep="\n")
    if machine not in baseline and not options.update:
        print("not compared: there is no baseline for this interpreter and compiler (record one with --update)")
        return NOT_COMPARED if options.strict else 0
    if better:
        print(f"better by more than {TOLERANCE:.0%}: {', '.join(better)}. Lower the baseline with --update.")
    for fault in faults:
        print(f"above its baseline: {fault}", file=sys.stderr)
    return ABOVE if faults else 0


if __name__ == "__main__":
    sys.exit(main())
