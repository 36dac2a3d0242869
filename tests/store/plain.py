"""A store of ten plain bars."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import Any
from zoneinfo import ZoneInfo

import sessiondata as sd
from worlds import MINUTE, utc

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
DATE = "2024-03-12"
OPEN = utc("2024-03-12T09:30:00-04:00")
ZONE = ZoneInfo("America/New_York")


def new_store(derived: tuple[str, ...] = ("5m", "15m", "1h", "1d"), **options: Any) -> sd.SessionData:
    data = sd.SessionData(CALENDAR, "1m", derived, **options)
    data.start_session(DATE)
    return data


def feed(symbol: sd.SymbolSessionData, slots: Any) -> None:
    for i in slots:
        symbol.append(OPEN + i * MINUTE, 100.0 + i, 101.0 + i, 99.0 + i, 100.5 + i, 10.0 + abs(i))


PRELUDE = """
import numpy as np
import sessiondata as sd
MINUTE = 60_000_000_000
OPEN = 1_710_250_200_000_000_000
calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")

def new_store():
    data = sd.SessionData(calendar, "1m", ("5m", "15m", "1h", "1d"))
    data.start_session("2024-03-12")
    return data

def feed(symbol, slots):
    for i in slots:
        symbol.append(OPEN + i * MINUTE, 100.0 + i, 101.0 + i, 99.0 + i, 100.5 + i, 10.0 + abs(i))

data = new_store()
spy = data.register_symbol("SPY")
feed(spy, range(10))
"""


def survives(code: str) -> str:
    """What a piece of code prints in a process of its own, where a crash is no more than an exit
    status."""
    script = PRELUDE + textwrap.dedent(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr[-2000:]}"
    return done.stdout.strip()
