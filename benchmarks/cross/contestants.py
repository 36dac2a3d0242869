"""Who takes part, and where each of them runs."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CONTESTANTS", "ORACLE", "Contestant", "install", "interpreter"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Contestant:
    """One who gets the bars and answers with trades.

    Attributes
    ----------
    title : str
        As the report prints it.
    module : str
        Of this package; it has `prepare` (not timed) and `run` (timed).
    entry : str
        Another function in the place of `run`.
    needs : str
        A module without which it cannot run; empty if there is none.
    package : str
        What pip installs for it in an environment of its own; empty if it runs in this one.
    ours : bool
        Whether it needs this project's own package.
    yardstick : bool
        A measure and no contestant.
    note : str
        For the report.
    """

    title: str
    module: str
    needs: str = ""
    package: str = ""
    ours: bool = False
    yardstick: bool = False
    note: str = ""
    entry: str = "run"

    @property
    def environment(self) -> Path:
        return ROOT / "build" / f"venv-{self.needs.partition('_')[0]}"


#: Its trades are what all others' are compared with.
ORACLE = Contestant("by hand, deques", "deques", note="bars and sums; no gaps, no late bars")

_NAUTILUS = "nautilus_trader", "nautilus_trader>=1.200"
_BACKTRADER = "backtrader", "backtrader>=1.9 numpy"

CONTESTANTS = (
    Contestant("sessiondata", "store_loop", ours=True, note="a loop in plain Python"),
    Contestant(
        "sessiondata, windows", "store_loop", entry="run_window", ours=True, note="the store keeps the closes"
    ),
    Contestant("sessiondata, @njit", "compiled", needs="numba", ours=True, note="one compiled loop"),
    Contestant(
        "the loop and the means alone", "loop_alone", yardstick=True, note="closes stand ready, nothing is stored"
    ),
    ORACLE,
    Contestant("by hand, pandas", "pandas_frames", needs="pandas", note="all minutes at once, closes only"),
    Contestant("vectorbt", "vectorbt_signals", "vectorbt", "vectorbt>=0.27", note="all minutes at once, closes only"),
    Contestant("backtesting.py", "backtesting_engine", "backtesting", "backtesting>=0.6", note="5m bars by pandas"),
    Contestant("NautilusTrader", "nautilus_engine", *_NAUTILUS, note="its engine; the strategy sees each minute"),
    Contestant("backtrader", "backtrader_engine", *_BACKTRADER, note="the strategy sees each minute"),
    Contestant("backtrader, 5m only", "backtrader_engine", *_BACKTRADER, entry="run_5m", note="it sees 5m bars only"),
)  # fmt: skip


def interpreter(contestant: Contestant) -> str | None:
    """Python that can run it: that of its environment, or this one; None if neither has what it
    needs."""
    for own in ("bin/python", "Scripts/python.exe"):
        path = contestant.environment / own
        if contestant.package and path.is_file():
            return str(path)
    here = not contestant.needs or importlib.util.find_spec(contestant.needs) is not None
    return sys.executable if here else None


def install(contestant: Contestant) -> None:
    """Make its environment, with newest versions."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(contestant.environment)], check=True)
    python = interpreter(contestant)
    assert python is not None
    subprocess.run([python, "-m", "pip", "install", "--quiet", *contestant.package.split()], check=True)
