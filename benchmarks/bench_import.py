"""`import sessiondata` in a new interpreter, beside `import numpy`, which it needs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache

import pytest

ROW = "import", "Import in a new interpreter (processor time of the statement, files in the system's cache)"
# Both in one process, NumPy first, so that they share its good or bad moment. The sum is
# `import sessiondata`.
CODE = "from time import process_time as t; b = t(); import numpy; m = t(); import sessiondata; print(m - b, t() - b)"


@cache
def imports(rounds: int) -> dict[str, list[float]]:
    """Seconds of each import, by pairs."""
    pairs = []
    # Installed packages have their bytecode: the first round writes it, whatever the environment
    # says of that.
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        for _ in range(rounds + 1):
            command = [sys.executable, "-c", CODE]
            run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            pairs.append(tuple(map(float, run.stdout.split())))
    numpy, ours = zip(*pairs[1:], strict=True)  # the first wrote the bytecode
    return {"numpy": list(numpy), "sessiondata": list(ours)}


@pytest.mark.parametrize("name", ["sessiondata", "numpy"])
def test_import(name, timed):
    rounds = 5 if timed.quick else 15
    what = "sessiondata" if name == "sessiondata" else "import numpy"
    timed.record(
        *ROW, what, 1, lambda: imports(rounds)[name], yardstick=name == "numpy", note="" if name != "numpy" else "alone"
    )
