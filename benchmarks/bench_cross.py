"""The benchmark that needs no explanation: a moving-average cross on 5m bars, fed by minutes of 50
stocks over 20 days, in each contestant's own best form. `benchmarks/cross` has the contestants."""

from __future__ import annotations

import math

import pytest

from benchmarks.cross.contestants import CONTESTANTS, ORACLE, interpreter
from benchmarks.cross.measure import Measured, measure
from benchmarks.cross.trades import differing
from benchmarks.results import OURS

ROUNDS = 9


def measured(who, quick: bool) -> Measured:
    return measure(who, *((10, 3, 3) if quick else (50, 20, ROUNDS)))


@pytest.mark.parametrize("who", CONTESTANTS, ids=lambda who: f"{who.module}-{who.entry}")
def test_contestant(who, timed):
    if interpreter(who) is None:
        pytest.skip(f"{who.title} is not installed (python -m benchmarks.cross --install)")
    oracle, found = measured(ORACLE, timed.quick), measured(who, timed.quick)
    assert oracle.trades
    difference = differing(oracle.trades, found.trades)
    assert not difference, f"contestants disagree on the trades: {difference}"
    title = f"One minute of a moving-average cross on 5m bars, {found.bars:,} minutes and {len(found.trades):,} trades"
    note = who.note if math.isnan(found.peak) else f"{who.note}; {found.peak / 1e6:.0f} MB at most"
    timed.record(
        "cross", title, who.title, found.bars, lambda: found.seconds,
        cpu=[second * 1e9 / found.bars for second in found.cpu], note=note,
        yardstick=who.yardstick or (who.ours and who.title != OURS),
    )  # fmt: skip
