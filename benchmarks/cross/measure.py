"""One contestant, in a process of its own: its trades, the time of each round, and its memory.

    python -m benchmarks.cross.measure MODULE ENTRY NEEDS --stocks 50 --days 20 --rounds 5

Prints JSON. The first round is warm-up (compilation, imports), unless it alone takes as long as all
rounds may.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.cross.contestants import ROOT, Contestant, interpreter
from benchmarks.cross.market import market
from benchmarks.cross.trades import Trade

__all__ = ["Measured", "measure"]

PATIENCE = 8.0  # seconds that all rounds may take; there is always one


@dataclass(frozen=True)
class Measured:
    """What one process has found.

    Attributes
    ----------
    bars : int
        Minutes of all stocks.
    seconds, cpu : list of float
        Of each round, by the clock and of the processor.
    ready, peak : float
        Resident bytes of the process with its input ready, and the most while it ran (what numba
        needs for compiling is in it); NaN where the system does not tell.
    version : str
        Of what it needs.
    """

    bars: int
    trades: list[Trade]
    seconds: list[float]
    cpu: list[float]
    ready: float
    peak: float
    version: str


# --- called by who compares ---


@cache
def measure(contestant: Contestant, stocks: int, days: int, rounds: int) -> Measured:
    python = interpreter(contestant)
    if python is None:
        raise FileNotFoundError(f"{contestant.needs} is not installed (python -m benchmarks.cross --install)")
    command = [python, "-m", "benchmarks.cross.measure", contestant.module, contestant.entry, contestant.needs or "-"]
    command += [f"--stocks={stocks}", f"--days={days}", f"--rounds={rounds}"]
    # another environment sees the project's root alone
    path = [str(ROOT), *filter(None, sys.path)] if contestant.ours else [str(ROOT)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(run.stderr)
    found = json.loads(run.stdout.splitlines()[-1])
    return Measured(**{**found, "trades": [tuple(trade) for trade in found["trades"]]})


# --- runs in the process ---


def resident(which: str) -> float:
    """Resident bytes: VmRSS as it is, VmHWM the most since `forget_peak`."""
    with contextlib.suppress(OSError):
        found = re.search(rf"^{which}:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
        if found:
            return int(found[1]) * 1024.0
    return float("nan")


def forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _measure_here(module: str, entry: str, needs: str, stocks: int, days: int, rounds: int) -> dict[str, Any]:
    contestant = importlib.import_module(f"benchmarks.cross.{module}")
    bars = market(stocks, days)
    run = getattr(contestant, entry)
    prepared, n = contestant.prepare(bars), len(bars)
    del bars
    seconds: list[float] = []
    cpu: list[float] = []
    trades: list[Trade] = []
    gc.collect()
    gc.freeze()
    ready = resident("VmRSS")
    forget_peak()
    begun = time.perf_counter()
    while True:
        gc.collect()
        worked, started = time.process_time(), time.perf_counter()
        trades = run(prepared)
        seconds.append(time.perf_counter() - started)
        cpu.append(time.process_time() - worked)
        if len(seconds) > rounds or time.perf_counter() - begun > PATIENCE:
            break
    peak = resident("VmHWM")
    if len(seconds) > 1:
        seconds, cpu = seconds[1:], cpu[1:]
    version = importlib.metadata.version(needs) if needs != "-" else ""
    return {
        "bars": n, "trades": trades, "seconds": seconds, "cpu": cpu, "ready": ready, "peak": peak,
        "version": version,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cross.measure")
    parser.add_argument("module")
    parser.add_argument("entry")
    parser.add_argument("needs")
    parser.add_argument("--stocks", type=int, default=50)
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found = _measure_here(options.module, options.entry, options.needs, options.stocks, options.days, options.rounds)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
