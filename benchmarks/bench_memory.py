"""Bytes of a session, as the store reports them and as the system sees them; each case in a process
of its own.

python -m benchmarks.bench_memory sessiondata 1000 390      # one case; prints JSON
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROW = "memory", "Bytes of a session: rows held (48 a base row, 52 a derived one), reserved by the store, resident"
STATM = Path("/proc/self/statm")

#: (symbols, bars of each). 23,400 are seconds, fewer are minutes.
CASES = ((1, 23_400), (100, 23_400), (1_000, 390), (10_000, 390), (10_000, 10))


def resident() -> int:
    """Resident bytes of this process, without what the C library keeps for later."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(who: str, symbols: int, bars: int) -> dict[str, float]:
    """What `symbols` symbols with `bars` bars each take, everything but the bars already imported
    and warm."""
    from benchmarks import data, ours

    day = data.seconds() if bars > 390 else data.minutes()
    if who == "object model":
        rows = day.object_rows[:bars]
        before = resident()
        models = [ours.new_model(day, eager=False) for _ in range(symbols)]
        for model in models:
            for ts, *values in rows:
                # Each symbol's own objects, as a feed makes them; times are shared.
                model.add_bar(ts, *(type(value)(value) * 1 for value in values))
        return {"resident": resident() - before}
    columns = [column[:bars] for column in day.columns]
    ours.fill(data.minutes())
    before = resident()
    store = ours.new_stores(symbols, day.date, base=day.base)
    registered = resident() - before
    for symbol in store.symbols.values():
        symbol.extend(*columns)
    usage = store.memory_usage()
    return {"rows": usage["rows"], "reserved": usage["reserved"], "resident": resident() - before, "empty": registered}


def run_case(who: str, symbols: int, bars: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bench_memory", who, str(symbols), str(bars)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout))


@pytest.mark.parametrize(("symbols", "bars"), CASES)
def test_sessiondata(symbols, bars, timed):
    if not STATM.exists():
        pytest.skip("resident memory is read from /proc")
    if timed.quick and symbols * bars > 1_000_000:
        pytest.skip("left out in a hurry")
    facts = {"symbols": symbols, "bars": bars}
    timed.tell(
        *ROW, f"sessiondata, {symbols:,} x {bars:,} bars", lambda: facts | run_case("sessiondata", symbols, bars)
    )


@pytest.mark.parametrize(("symbols", "bars"), [(100, 390)])
def test_object_model(symbols, bars, timed):
    if not STATM.exists():
        pytest.skip("resident memory is read from /proc")
    facts = {"symbols": symbols, "bars": bars}
    timed.tell(
        *ROW, f"object model, {symbols:,} x {bars:,} bars", lambda: facts | run_case("object model", symbols, bars)
    )


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
