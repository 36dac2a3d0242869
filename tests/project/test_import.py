"""``import sessiondata`` stays light: NumPy, the standard library, and the package itself."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CODE = """
import json, sys
import numpy
before = set(sys.modules)
{}
print(json.dumps(sorted({{name.split(".")[0] for name in set(sys.modules) - before}})))
"""


def imported_by(statement: str) -> set[str]:
    """Top-level modules that a statement imports in a fresh interpreter that has NumPy already."""
    done = subprocess.run([sys.executable, "-c", CODE.format(statement)], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


FEATURES = {
    "exchange_calendars",
    "llvmlite",
    "numba",
    "orjson",
    "pandas",
    "pandas_market_calendars",
    "polars",
    "pyarrow",
    "pytest",
    "rich",
    "tzdata",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "import sessiondata",
        "import sessiondata.cli.command",
        "import sessiondata; sessiondata.SessionData().register_symbol('A').append(10**18, 1.0, 1.0, 1.0, 1.0, 1.0)",
        "import sessiondata; sessiondata.SessionData().to_json()",
        "import sessiondata.cli.command; sessiondata.cli.command.main(['replay', '--demo', '--quiet'])",
        "import sessiondata; sessiondata.SessionData().register_symbol('A').bars().__arrow_c_stream__()",
        "import sessiondata, numpy; numpy.asarray(sessiondata.SessionData().register_symbol('A').bars())",
        "import sessiondata; x = sessiondata.SessionData().register_symbol('A'); x.extend(x.bars()); x._repr_html_()",
    ],
)
def test_nothing_heavy_is_imported(statement: str) -> None:
    assert not imported_by(statement) & FEATURES


# Not needed to store and read bars, and each of them a part of what the import would take.
LATE = {
    "argparse",
    "concurrent.futures",
    "copy",
    "csv",
    "dataclasses",
    "decimal",
    "difflib",
    "fractions",
    "json",
    "logging",
    "numpy.typing",
    "pathlib",
    "html",
    "sessiondata._native.out.arrow",
    "sessiondata._native.out.json",
    "sessiondata.cli",
    "sessiondata.cli.command",
    "sessiondata.cli.demo",
    "sessiondata.rows.html",
    "sessiondata.store.html",
    "sessiondata.rows.frames",
    "sessiondata.jit",
    "sessiondata.readers.bars",
    "sessiondata.playback.sessions",
    "tempfile",
    "zipfile",
    "zoneinfo",
}


def test_a_plain_import_waits_with_what_is_rarely_needed() -> None:
    code = "import sys, numpy; n = set(sys.modules); import sessiondata; print(*(set(sys.modules) - n))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert "sessiondata.store.store" in modules
    assert not modules & LATE


def test_the_package_needs_numpy_and_the_standard_library_only() -> None:
    # Cython registers its run-time types under names of its own.
    own = {"sessiondata", "numpy", "cython_runtime", "_cyutility"}
    names = {name for name in imported_by("import sessiondata") - own if not name.startswith("_cython_")}
    names = {name for name in names if not name.startswith("_sysconfigdata")}
    assert names <= sys.stdlib_module_names
