"""Two means of the newest closes as running sums, for the contestants that are loops of Python."""

from __future__ import annotations

from collections import deque
from typing import Any

from benchmarks.cross.market import FAST, SLOW

__all__ = ["WINDOW", "Averages", "WindowAverages"]

#: Closes that `WindowAverages.add` looks at: those of the slow mean, and the one that leaves it.
WINDOW = SLOW + 1


class Averages:
    """Of one stock; `side` is 1 while the fast one is above, -1 below, 0 before both are there."""

    __slots__ = ("closes", "fast", "side", "slow")

    def __init__(self) -> None:
        self.closes: deque[float] = deque(maxlen=SLOW)
        self.fast = self.slow = 0.0
        self.side = 0

    def add(self, close: float) -> bool:
        """Take the close of a bar; returns whether the means have crossed."""
        closes = self.closes
        n = len(closes)
        self.fast += close - closes[-FAST] if n >= FAST else close
        self.slow += close - closes[0] if n == SLOW else close
        closes.append(close)
        return n >= SLOW - 1 and self._turn()

    def _turn(self) -> bool:
        side = 1 if self.fast / FAST > self.slow / SLOW else -1
        if side == self.side:
            return False
        first, self.side = not self.side, side
        return not first


class WindowAverages(Averages):
    """The same where the store keeps the closes."""

    __slots__ = ()

    def add(self, closes: Any) -> bool:
        """Take the newest closes, at most `WINDOW`, of which one has just come."""
        n = len(closes)
        if n == WINDOW:
            newest = closes.item(-1)
            self.fast += newest - closes.item(-1 - FAST)
            self.slow += newest - closes.item(0)
        elif n == SLOW:
            self.fast, self.slow = float(closes[-FAST:].sum()), float(closes.sum())
        else:
            return False
        return self._turn()
