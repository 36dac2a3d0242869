"""Extensions of other packages: built against the declarations that ship, refused when they are of
another version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import sessiondata as sd

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "cython_caller"
PACKAGE_ROOT = Path(sd.__file__).parents[1]

USE = """
import numpy as np
import sessiondata as sd
import cython_caller

data = sd.SessionData(None, "1m", ("5m", "1h"))
data.start_session("2024-03-12")
spy, other = data.register_symbol("SPY"), data.register_symbol("QQQ")
minute = np.r_[0:30, 33:64]
ts = 1_710_201_600_000_000_000 + minute * 60_000_000_000
close = 100 + np.sin(minute / 7)
columns = ts, close, close + 1, close - 1, close, np.full(len(ts), 10.0)
print(cython_caller.feed(spy.handle, *columns))
other.extend(*columns)
closed = other.bars("5m").close[:-1]
print((len(closed), float(closed.max()), other.bars().missing))
for name in spy.intervals:
    assert spy.bars(name).close.tobytes() == other.bars(name).close.tobytes()
data.roll_session()
spy.extend(ts[:7] + 86_400_000_000_000, *[close[:7]] * 5)
for step_ns, name in ((60_000_000_000, "1m"), (300_000_000_000, "5m")):
    dates, closes = np.zeros(50, np.int64), np.zeros(50)
    count, mean = cython_caller.closes_of(spy.handle, step_ns, dates, closes)
    window = spy.window(name, 50)
    assert (count, closes[:count].tolist()) == (len(window), window.close.tolist())
    assert dates[:count].view("M8[D]").tolist() == window.trade_date.tolist()
    assert abs(mean - window.close.mean()) < 1e-9
for handle, wrong in ((spy.handle, -1.0), (7, 1.0)):
    try:
        cython_caller.feed(handle, *(column[:1] for column in columns[:5]), np.array([wrong]))
    except ValueError as error:
        print(error)
"""


def compiler() -> bool:
    if sys.platform == "win32":
        return True
    command = (sysconfig.get_config_var("CC") or "cc").split()[0]
    return shutil.which(os.environ.get("CC", command).split()[0]) is not None


needs_compiler = pytest.mark.skipif(not compiler(), reason="no C compiler")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(PACKAGE_ROOT), str(folder), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, *arguments]
    # what is built runs for a moment: the compiler need not take its time over it
    flags = " ".join([os.environ.get("CFLAGS", ""), "-O0 -g0"])
    environment = os.environ | {"PYTHONPATH": path, "CFLAGS": flags}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


def build(folder: Path, include: str) -> None:
    """Copy the example and build it against the declarations in a folder."""
    pytest.importorskip("Cython", reason="Cython is not installed")
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("build", "*.c", "*.so"))
    setup = folder / "setup.py"
    text = setup.read_text(encoding="utf-8")
    assert "sessiondata.get_include()" in text
    setup.write_text(text.replace("sessiondata.get_include()", repr(include)), encoding="utf-8")
    done = run(folder, "setup.py", "-q", "build_ext", "--inplace")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel installs beside compiled modules. The extensions themselves are not built again
    for that."""
    pytest.importorskip("Cython", reason="Cython is not installed")
    target = tmp_path_factory.mktemp("installed")
    code = (
        "import runpy, sys, Cython.Build; Cython.Build.cythonize = lambda *a, **k: [];"
        f"sys.argv = ['setup.py', '-q', 'build_py', '--build-lib', {str(target)!r}]; runpy.run_path('setup.py')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def test_declarations_are_installed(installed: Path) -> None:
    sources = {path.name for path in (ROOT / "ext" / "sessiondata").glob("*.pxd")}
    assert "capi.pxd" in sources
    assert {path.name for path in (installed / "sessiondata").glob("*.pxd")} == sources
    assert not list(installed.rglob("*.pyx"))


def test_the_include_folder_holds_the_declarations(installed: Path) -> None:
    here = Path(sd.get_include(), "sessiondata")
    there = Path(installed, "sessiondata")
    assert {path.relative_to(here): path.read_bytes() for path in here.rglob("*.pxd")} == {
        path.relative_to(there): path.read_bytes() for path in there.rglob("*.pxd")
    }
    # In a package as it is installed, the folder is the one that holds the package.
    code = f"import sys; sys.path.insert(0, {str(installed)!r}); import sessiondata; print(sessiondata.get_include())"
    package = Path(sd.__file__).parent
    for path in package.rglob("*"):
        if path.suffix in (".so", ".pyd"):
            shutil.copy(path, installed / "sessiondata" / path.relative_to(package))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (str(installed), "")


@pytest.mark.slow
@needs_compiler
def test_the_example_is_built_and_runs(installed: Path, tmp_path: Path) -> None:
    build(tmp_path, str(installed))
    done = run(tmp_path, "-c", USE)
    assert done.stderr == ""
    compiled, expected, *errors = done.stdout.splitlines()
    assert compiled == expected
    assert errors == ["a bar was refused: status -103", "a bar was refused: status -206"]


@pytest.mark.slow
@needs_compiler
def test_an_extension_of_another_version_is_refused_at_import(installed: Path, tmp_path: Path) -> None:
    declarations = tmp_path / "other"
    shutil.copytree(installed, declarations, ignore=shutil.ignore_patterns("*.so", "*.pyd"))
    pxd = declarations / "sessiondata" / "capi.pxd"
    text = pxd.read_text(encoding="utf-8")
    (number,) = re.findall(r"^cdef int64_t sd_abi_(\d+)$", text, re.MULTILINE)
    pxd.write_text(text.replace(f"sd_abi_{number}", "sd_abi_999"), encoding="utf-8")
    build(tmp_path / "caller", str(declarations))
    done = run(tmp_path / "caller", "-c", "import cython_caller")
    assert done.returncode == 1, "an exception of Python, not a crash"
    assert re.search(r"ImportError: .*sd_abi_999", done.stderr)


def test_the_number_in_the_name_is_the_abi_s() -> None:
    from sessiondata import capi

    exported: Any = capi.__pyx_capi__  # type: ignore[attr-defined]
    assert [name for name in exported if name.startswith("sd_abi_")] == [f"sd_abi_{capi.ABI}"]
