"""Files of bars made by hand that the command plays, and what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sessiondata.cli import command as cli

HEADER = "timestamp,open,high,low,close,volume\n"
START_S = 1_710_250_200  # 2024-03-12T13:30:00Z, a Tuesday: 09:30 in New York
NS = 1_000_000_000


def stamps(*minutes: float, form: str = "iso") -> list[str]:
    """Times by minutes since 13:30 UTC."""
    seconds = [START_S + round(60 * minute) for minute in minutes]
    if form == "iso":
        return [f"{np.datetime64(s, 's')}Z" for s in seconds]
    return [str(s * {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": NS}[form]) for s in seconds]


def bars(path: Path, times: Sequence[str], price: float = 10, **columns: Sequence[str] | str) -> Path:
    """Write a CSV of bars with more columns: one value for all rows, or one for each."""
    names = list(columns)
    values = [[value] * len(times) if isinstance(value, str) else value for value in columns.values()]
    rows = [
        ",".join([t, str(price), str(price + 1), str(price - 1), str(price), str(k), *(v[k] for v in values)])
        for k, t in enumerate(times)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(",".join([HEADER.strip(), *names]) + "\n" + "\n".join(rows) + "\n")
    return path


def raw(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


class Run:
    """Runs the command in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.status = -1
        self.out = self.err = ""

    def __call__(self, *arguments: str | Path) -> Run:
        self.status = cli.main(["replay", *map(str, arguments)])
        self.out, self.err = self._capsys.readouterr()
        return self

    def counts(self, interval: str = "1m") -> dict[str, int]:
        """Bars by symbol, of all dates."""
        cells = [line.split() for line in self.out.splitlines()[1:]]
        counts: dict[str, int] = {}
        for cell in cells:
            if cell[2] == interval:
                counts[cell[1]] = counts.get(cell[1], 0) + int(cell[3])
        return counts


def session_rows(run: Run, path: Path, *flags: str) -> list[list[float | int | str]]:
    assert run(path, "--json", "--derive", "5m", *flags).status == 0
    (symbol,) = json.loads(run.out)["symbols"].values()
    rows: list[list[float | int | str]] = symbol["session"]["data"]["1m"]["data"]
    return rows
