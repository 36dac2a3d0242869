"""Law 7: a delta applied to the document before it gives the complete document now, whatever
happened in between.

Random lives of a store are followed by several consumers at paces of their own, some with a
selection, one so slow that the store forgets which rows were changed. After each delta the document
of its consumer is compared with a complete export, byte for byte, and the delta as bytes with the
delta as a dict (law 6).

Now and then a life is saved and loaded, and for a while the same happens to both stores, or for
good to the loaded one: every export of the one is that of the other, byte for byte, whatever a
consumer had seen when it was saved.
"""

from __future__ import annotations

import os

import pytest

from delta_store import Life

RUNS, STEPS, BLOCKS = 200, 100, 8
# A longer run: SESSIONDATA_RUNS=10000 SESSIONDATA_FIRST_RUN=1000 pytest
# tests/export/test_deltas.py -k lives
FIRST, N_RUNS = int(os.environ.get("SESSIONDATA_FIRST_RUN", "0")), int(os.environ.get("SESSIONDATA_RUNS", RUNS))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_law_7_random_operations(block: int) -> None:
    """At least 25,000 deltas checked over all blocks, and all kinds of them; a failure names its
    seed."""
    checked, saved, twins, kinds = 0, 0, 0, set[str]()
    for seed in range(FIRST + block, FIRST + N_RUNS, BLOCKS):
        life = Life(seed)
        try:
            for _ in range(STEPS):
                life.happen()
        except BaseException as error:
            error.add_note(f"life {seed}")
            raise
        checked, saved, twins = checked + life.n_checked, saved + life.n_saved, twins + life.n_twins
        kinds |= life.kinds
    print(f"block {block}: {checked} deltas, {saved} times saved and loaded, {twins} exports of two stores alike")
    assert checked >= 25_000 / BLOCKS
    assert twins >= 5_000 / BLOCKS
    assert kinds == {
        "symbol: removed", "symbol: whole", "symbol: no interval", "gaps: other", "gaps: none any more", "rows: late",
        "rows: overwritten", "rows: none", "rows: all", "forming", "ticks", "quotes", "history",
    }  # fmt: skip
