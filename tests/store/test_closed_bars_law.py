"""Law 11: each close is announced once, and each later change of it.

Three consumers follow a store at paces of their own: each step, sometimes, rarely. What they apply
is compared with the closed bars that there are, after each drain: with those of the reference model
in lives that hypothesis draws, and with those that the store answers with in many more.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant

from closed_bar_lives import Follower, closed_in_model, live
from test_history_laws import HistoryLife, ResumedHistoryLife
from test_laws import TapeLife

# A longer run: tools/closed-bar-lives, or SESSIONDATA_STEPS=1000000 pytest ... -k random
STEPS, BLOCKS = int(os.environ.get("SESSIONDATA_STEPS", "25000")), 4
FIRST = int(os.environ.get("SESSIONDATA_FIRST_RUN", "0"))


class Followed:
    """A life with three consumers."""

    world: Any
    paces = (1, 3, 11)

    @invariant()
    def follow(self) -> None:
        if not hasattr(self, "world"):
            return
        if not hasattr(self, "followers"):
            intervals = self.world.model.symbols[self.world.names[0]].intervals()
            self.n_steps = 0
            self.followers = [
                Follower(self.world.data, tuple(intervals[: 3 - i]), str(i), i == 1) for i in range(len(self.paces))
            ]
        self.n_steps += 1
        truth, details = closed_in_model(self.world)
        for follower, pace in zip(self.followers, self.paces, strict=True):
            follower.see(truth)
            if self.n_steps % pace == 0:
                follower.follow(truth, self.world.names, details)


class FollowedHistoryLife(Followed, HistoryLife): ...


class FollowedResumedLife(Followed, ResumedHistoryLife): ...


class FollowedTapeLife(Followed, TapeLife): ...


DEEP = os.environ.get("SESSIONDATA_HYPOTHESIS") == "thorough"
for _life, _few, _many in ((FollowedHistoryLife, 10, 300), (FollowedResumedLife, 6, 200), (FollowedTapeLife, 10, 300)):
    _life.TestCase.settings = settings(max_examples=_many if DEEP else _few, stateful_step_count=25)
TestFollowedHistoryLife = pytest.mark.slow(FollowedHistoryLife.TestCase)
TestFollowedResumedLife = pytest.mark.slow(FollowedResumedLife.TestCase)
TestFollowedTapeLife = pytest.mark.slow(FollowedTapeLife.TestCase)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_law_11_random_operations(block: int) -> None:
    """At least 25,000 steps checked over all blocks; a failure names its seed."""
    total = live(FIRST + block * 1_000_000, STEPS // BLOCKS)
    print(f"block {block}: {total}")
    assert total["steps"] >= STEPS // BLOCKS
    assert min(total[what] for what in ("events", "revised", "lost")) > 0
