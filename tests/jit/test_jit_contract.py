"""What compiled callers rely on: names, numbers, signatures, the version, caches."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import sessiondata as sd
from callers import (
    DAY_NS,
    PXD,
    ROOT,
    columns,
    feed,
    minutes,
    numbers,
    store,
)

numba = pytest.importorskip("numba")
njit = numba.njit

from sessiondata import capi, jit  # noqa: E402

# --- the contract: names, numbers, signatures, version ---


def declared() -> dict[str, str]:
    """C functions of capi.pxd for callers outside, as the module exports them: name ->
    signature."""
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    exported = {key: name(capsule).decode() for key, capsule in capi.__pyx_capi__.items()}
    return {key.removeprefix("sd_"): text for key, text in exported.items() if key.startswith("sd_") and "(" in text}


def test_numba_knows_each_c_function_by_its_signature() -> None:
    c_names = {"int64": "int64_t", "float64": "double"}

    def written(name: str) -> str:
        signature = jit.table.SIGNATURES[name]
        kinds = [c_names.get(str(kind), "pointer") for kind in signature.args]
        return f"{c_names[str(signature.return_type)]} ({', '.join(kinds)})"

    found = {
        name: re.sub(r"(double|int64_t|void const \*) ?\*(?=[,)])", "pointer", text)
        for name, text in declared().items()
    }
    assert found == {name: written(name) for name in jit.table.SIGNATURES}


def test_constants_are_those_of_the_c_declarations() -> None:
    constants = {name: int(value) for name, value in re.findall(r"SD_(\w+) = (-?\d+)", PXD)}
    assert constants == {name: getattr(jit, name) for name in constants}
    assert len(constants) == len(re.findall(r"^    SD_\w+ = ", PXD, re.MULTILINE))
    status = Path(sd.get_include(), "sessiondata", "_native", "base", "status.pxd").read_text(encoding="utf-8")
    native = {name: int(value) for name, value in re.findall(r"    (\w+) = (-?\d+)", status)}
    past = Path(sd.get_include(), "sessiondata", "_native", "symbol", "past.pxd").read_text(encoding="utf-8")
    native |= {name: int(value) for name, value in re.findall(r"    (WITH_\w+) = (-?\d+)", past)}
    events = Path(sd.get_include(), "sessiondata", "_native", "objects", "closed_bars.pxd").read_text(encoding="utf-8")
    native |= {name: int(value) for name, value in re.findall(r"    (CLOSED|REVISED) = (\d)", events)}
    columns = {"TIMESTAMP", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME"}
    assert {name: value for name, value in constants.items() if name not in columns}.items() <= native.items()


# What callers compiled against the ABI rely on. A change of it needs a new ABI number (and name
# `sd_abi_<n>`), and then a new line here; old lines stay. A constant that only gets another name,
# and a function or constant that is added behind all others, needs no new number, since what was
# compiled goes on: the line of that number is written anew.
DIGESTS = {1: "365fd1f0139dfda4", 2: "a3b1eaa000e8d243", 3: "58e1a7427568c639", 4: "9351115f6b401398"}


def test_the_abi_number_stands_for_what_it_stood_for() -> None:
    constants = sorted(re.findall(r"SD_(\w+) = (-?\d+)", PXD))
    contract = json.dumps([sorted(declared().items()), list(jit.table.SLOTS.items()), constants])
    assert hashlib.sha256(contract.encode()).hexdigest()[:16] == DIGESTS[capi.ABI]
    assert f"sd_abi_{capi.ABI}" in capi.__pyx_capi__
    assert max(DIGESTS) == capi.ABI


def test_a_caller_of_another_version_raises() -> None:
    _, spy = store()
    calls = (lambda: numbers(spy, 0), lambda: columns(spy.bars()), lambda: feed(spy, *minutes(3)))
    for call in calls:
        call()
    table = jit.table.TABLE
    table[0] += 1
    try:
        for call in calls:
            with pytest.raises(RuntimeError, match="another version of sessiondata"):
                call()
    finally:
        table[0] -= 1
    for call in calls:
        call()


# --- caching, and being found by numba: processes of their own ---


CALLER = """
import sys
import numpy as np
import sessiondata as sd
from numba import njit
{imports}

@njit(cache=True)
def run(symbol, ts):
    stored = 0
    for i in range(len(ts)):
        stored += {append}(ts[i], 1.0, 2.0, 0.5, 1.5, 10.0) == 1
    return stored

data = sd.SessionData(None, "1m")
data.start_session("2024-03-12")
spy = data.register_symbol("SPY")
ts = {start} + np.arange(100) * 60_000_000_000
print(run({argument}, ts), run.stats.cache_hits.total(), run.stats.cache_misses.total(), len(spy.bars("5m")))
"""
BY_HANDLE = {"imports": "from sessiondata import jit", "append": "jit.append", "argument": "spy.handle"}
BY_SYMBOL = {"imports": "", "append": "symbol.append", "argument": "spy"}

OTHER_ABI = "import sessiondata.capi; sessiondata.capi.ABI += 1\n"


@pytest.fixture
def process(tmp_path: Path) -> Any:
    """Runs a script with a numba cache of its own, and with the project's entry points in sight."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = tmp_path / "site" / "sessiondata_entry_points-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sessiondata-entry-points\nVersion: 1\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    environment = dict(os.environ)
    paths = [str(info.parent), str(Path(sd.__file__).parents[1]), environment.get("PYTHONPATH", "")]
    environment |= {"PYTHONPATH": os.pathsep.join(paths), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run(text: str) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "caller.py"
        if not script.exists():
            script.write_text("import os\nexec(os.environ.get('FIRST', ''))\n" + text)
        first = OTHER_ABI if run.other_abi else ""  # type: ignore[attr-defined]
        command = [sys.executable, str(script)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment | {"FIRST": first})

    run.other_abi = False  # type: ignore[attr-defined]
    return run


def caller(kind: dict[str, str]) -> str:
    text = CALLER.format(start=DAY_NS, **kind)
    return text.replace("jit.append(", "jit.append(symbol, ") if kind is BY_HANDLE else text


@pytest.mark.slow
@pytest.mark.parametrize("kind", [BY_HANDLE, BY_SYMBOL], ids=["handle", "symbol"])
def test_a_caller_is_cached(process: Any, kind: dict[str, str]) -> None:
    """The second process loads what the first compiled; the third is of another ABI and refuses, or
    compiles anew."""
    first, second = process(caller(kind)), process(caller(kind))
    assert (first.stdout.split(), first.stderr) == (["100", "0", "1", "20"], "")
    assert (second.stdout.split(), second.stderr) == (["100", "1", "0", "20"], "")
    process.other_abi = True
    third = process(caller(kind))
    if kind is BY_HANDLE:
        assert third.returncode == 1, "an exception of Python, not a crash"
        assert "RuntimeError: compiled for another version of sessiondata" in third.stderr
    else:
        assert (third.stdout.split(), third.stderr) == (["100", "0", "1", "20"], "")


@pytest.mark.slow
def test_numba_finds_the_extension_by_its_entry_point(process: Any) -> None:
    """Nothing but numba and sessiondata is imported; the module of compiled callers comes by
    itself."""
    text = caller(BY_SYMBOL).replace("@njit", "assert 'sessiondata.jit' not in sys.modules\n@njit")
    done = process(text + "assert 'sessiondata.jit' in sys.modules\n")
    assert (done.stderr, done.stdout.split()[0]) == ("", "100")


def test_the_entry_point_is_the_module_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["numba_extensions"] == {"init": "sessiondata.jit:init"}
    point = importlib.metadata.EntryPoint("init", "sessiondata.jit:init", "numba_extensions")
    assert point.load() is jit.init
    assert jit.init() is None


@pytest.mark.slow
def test_the_readme_s_example(process: Any) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code, output = re.findall(r"compiled example -->\n```\w+\n(.*?)```", readme, re.DOTALL)
    done = process(code)
    assert (done.stdout, done.stderr) == (output, "")


@pytest.mark.slow
def test_functions_run_without_numba_s_compiler(process: Any) -> None:
    """NUMBA_DISABLE_JIT=1, for a debugger."""
    done = process(
        "os.environ['NUMBA_DISABLE_JIT'] = '1'\n" + caller(BY_HANDLE).split("print(")[0] + "print(run(spy, ts))"
    )
    assert (done.stdout.split(), done.stderr) == (["100"], "")
