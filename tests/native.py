"""Doors to native functions that Python cannot call, for unit tests: `doors.pyx`, compiled when the
first of them runs.

What was compiled is kept in the build folder under a digest of its source and of the declarations
that it cimports, so only the first run after a change waits for the compiler.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import pytest

import sessiondata as sd

TESTS = Path(__file__).resolve().parent
SOURCE = TESTS / "doors.pyx"

SETUP = """
from Cython.Build import cythonize
from setuptools import Extension, setup

options = {{"language": "c++", "extra_compile_args": {arguments!r}}}
doors = cythonize([Extension("doors", ["doors.pyx"], **options)], include_path=[{include!r}], quiet=True)
setup(name="doors", ext_modules=doors, script_args=["-q", "build_ext", "--inplace"])
"""


def has_compiler() -> bool:
    if sys.platform == "win32":
        return True
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    return shutil.which(command.split()[0]) is not None


def _digest() -> str:
    declarations = sorted(Path(sd.get_include(), "sessiondata", "_native").rglob("*.pxd"))
    texts = [SETUP.encode(), *(path.read_bytes() for path in (SOURCE, *declarations))]
    return hashlib.sha256(b"".join([sys.version.encode(), *texts])).hexdigest()[:16]


def _build(folder: Path) -> None:
    """Compile the doors into a folder that appears when they are complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        work = Path(name, "work")
        work.mkdir()
        shutil.copy(SOURCE, work)
        arguments = ["/O2", "/std:c++17"] if sys.platform == "win32" else ["-std=c++17", "-O0", "-g0"]
        setup = SETUP.format(arguments=arguments, include=sd.get_include())
        (work / "setup.py").write_text(setup, encoding="utf-8")
        command = [sys.executable, "setup.py"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        if not folder.exists():
            work.rename(folder)


@functools.cache
def doors() -> Any:
    """The compiled module; the test is skipped where there is no compiler."""
    pytest.importorskip("Cython", reason="Cython is not installed")
    if not has_compiler():
        pytest.skip("no C compiler")
    folder = TESTS.parent / "build" / "doors" / _digest()
    if not folder.exists():
        _build(folder)
    (path,) = [path for path in folder.iterdir() if path.suffix in (".so", ".pyd")]
    spec = importlib.util.spec_from_file_location("doors", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
