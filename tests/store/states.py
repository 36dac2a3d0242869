"""Bars and slots that states are asked of."""

from __future__ import annotations

from worlds import SHAPES

BAR = (10.0, 12.0, 9.0, 11.0, 100.0)
DERIVED = ("5m", "15m", "1h", "1d")
OPEN, CLOSE = SHAPES["plain"][2][0]
