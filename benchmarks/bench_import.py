"""`import sessiondata` in a new interpreter, beside `import numpy`, which it needs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache

import pytest

ROW = "import", "Import in a new interpreter (processor time of the statement, files in the system's cache)"
CODE = "from time import process_time as t; b = t(); import {}; print(t() - b)"


@cache
def imports(rounds: int) -> dict[str, list[float]]:
    """Seconds of each import; the two take turns, so that good and bad times of the machine are shared."""
    seconds: dict[str, list[float]] = {"numpy": [], "sessiondata": []}
    # Installed packages have their bytecode: the first round writes it, whatever the environment says of that.
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        for _ in range(rounds + 1):
            for name, taken in seconds.items():
                command = [sys.executable, "-c", CODE.format(name)]
                run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
                taken.append(float(run.stdout))
    return {name: taken[1:] for name, taken in seconds.items()}


@pytest.mark.parametrize("name", ["sessiondata", "numpy"])
def test_import(name, timed):
    rounds = 5 if timed.quick else 15
    what = "sessiondata" if name == "sessiondata" else "import numpy"
    timed.record(
        *ROW, what, 1, lambda: imports(rounds)[name], yardstick=name == "numpy", note="" if name != "numpy" else "alone"
    )
