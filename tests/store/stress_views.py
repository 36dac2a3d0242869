"""One writer without the GIL, and readers in Python of bars, columns and windows of the same ring:
counts reads, and torn ones.

    python tests/store/stress_views.py [reads] [rows]     a hundred million, 1,024 rows

Bars check themselves, as those of `stress`: bar `i` has the value i in all its columns. A bar, or
a copy of the series, is accepted as it is; the columns of a view, once `is_valid` has said that
they stand.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, NamedTuple

import numpy as np

import sessiondata as sd
import stress
from stress import DAY_NS, STOP, WRITTEN

STEP = 1_000
ROWS = 16


class Outcome(NamedTuple):
    accepted: int
    refused: int
    torn: int
    written: int


def _is_torn(ts: Any, *values: Any) -> bool:
    """Whether rows are not bars one after the other."""
    first = values[0]
    return (
        any((column != first).any() for column in values[1:])
        or (ts != DAY_NS + first.astype(np.int64) * STEP).any()
        or (np.diff(first) != 1.0).any()
    )


def read(series: sd.BarSeries, n: int, counts: list[int]) -> None:
    """`n` rounds of three reads: a bar, the columns of a view, a copy now and then; counts are
    accepted, refused and torn ones."""
    accepted = refused = torn = 0
    for i in range(n):
        ts, o, h, low, c, v = series[-1][:6]
        accepted += 1
        torn += not (o == h == low == c == v and ts == DAY_NS + int(o) * STEP)
        window = series.last(ROWS) if i % 2 else series[:]  # the oldest row is the next to go
        ts, o, c, v = window.timestamp.copy(), window.open.copy(), window.close.copy(), window.volume.copy()
        if window.is_valid():
            accepted += 1
            torn += _is_torn(ts, o, c, v)
        else:
            refused += 1
        if i % 8 == 0:
            kept = series.copy()
            accepted += 1
            torn += _is_torn(kept.timestamp, kept.open, kept.high, kept.low, kept.close, kept.volume)
        if i % 64 == 0:
            series.n_base, series.close, series.latest, series.closed  # noqa: B018
    counts[:] = accepted, refused, torn


def run(reads: int, capacity: int) -> Outcome:
    """Read so often while a writer goes on and on."""
    data = sd.SessionData(None, "1s", ("1m",), capacity=capacity)
    data.start_session("2023-11-15")
    symbol = data.register_symbol("SPY")
    series, handle, flags = symbol.bars(), symbol.handle, np.zeros(64, np.int64)
    stress.write(handle, np.ones(64, np.int64), STEP, 0)  # compiled before
    writer = threading.Thread(target=stress.write, args=(handle, flags, STEP, 50))
    writer.start()
    totals = [0, 0, 0]
    try:
        while flags[WRITTEN] <= ROWS:
            pass
        while totals[0] < reads:
            counts = [0, 0, 0]
            read(series, min(100_000, (reads - totals[0]) // 2 + 1), counts)
            totals = [a + b for a, b in zip(totals, counts, strict=True)]
    finally:
        flags[STOP] = 1
        writer.join()
    return Outcome(*totals, int(flags[WRITTEN]))


def main() -> int:
    reads = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000_000
    capacity = int(sys.argv[2]) if len(sys.argv) > 2 else 1024
    outcome = run(reads, capacity)
    print(
        f"{outcome.accepted:,} accepted reads, {outcome.refused:,} refused, {outcome.torn:,} torn, while"
        f" {outcome.written:,} bars came into a ring of {capacity} rows"
    )
    return 1 if outcome.torn else 0


if __name__ == "__main__":
    sys.exit(main())
