"""Integers that count other units than nanoseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

import sessiondata as sd

OPEN = datetime(2024, 3, 12, 13, 30, tzinfo=UTC)  # 09:30 in New York
SECONDS = int(OPEN.timestamp())
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
WANT = [(SECONDS + 60 * k) * 10**9 for k in range(3)]
WRONG = ("s", "ms", "us")
ONES = [np.ones(3)] * 5


def counted(unit: str, kind: Any = np.int64) -> Any:
    """Three minutes from the open on, as integers of a unit."""
    return np.array([(SECONDS + 60 * k) * PER_SECOND[unit] for k in range(3)], kind)


def store(calendar: Any = None, *, date: str | None = None, **options: Any) -> tuple[sd.SessionData, Any]:
    data = sd.SessionData(calendar, "1m", ("5m",), **options)
    symbol = data.register_symbol("SPY")
    if date is not None:
        data.start_session(date)
    return data, symbol
