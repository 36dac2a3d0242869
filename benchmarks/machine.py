"""What numbers are of: processor, interpreter, compiler, flags, versions. No names of hosts, users
or folders."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import platform
import re
import sysconfig
from pathlib import Path

__all__ = ["compiler", "machine", "versions"]

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("sessiondata", "numpy", "numba", "pandas", "polars", "orjson", "msgspec", "pytest-benchmark", "cython")


def machine() -> dict[str, str]:
    facts = {
        "CPU": _cpu(),
        "cores": str(os.cpu_count()),
        "OS": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})",
        "extension": " ".join(filter(None, [compiler(), _flags(), _simd()])) or "unknown",
    }
    return {**facts, "libraries": ", ".join(f"{name} {version}" for name, version in versions().items())}


def versions() -> dict[str, str]:
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
    try:  # a build in place is not an installed distribution
        return f"{__import__(name).__version__} (in place)"
    except (ImportError, AttributeError):
        return "absent"


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def compiler() -> str:
    """The compiler as it signed the extension itself; empty if it did not."""
    try:
        from sessiondata._native.symbol import symbol as _symbol

        found = re.search(rb"(?:GCC: \([^)]*\)|clang version) [\d.]+", Path(_symbol.__file__).read_bytes())
    except (ImportError, OSError):
        return ""
    return found[0].decode() if found else ""


def _simd() -> str:
    """Which vector code runs; empty if it is not known."""
    try:
        from sessiondata._native.base import simd as _simd
    except ImportError:
        return ""
    return f"({_simd.LEVEL})"


def _flags() -> str:
    """Optimisation flags of a release build: Python's own, then those of setup.py, which win."""
    words = re.findall(r"(?<!\S)-[Of][\w=-]+(?!\S)", sysconfig.get_config_var("CFLAGS") or "")
    try:
        tree = ast.parse((ROOT / "setup.py").read_text())
    except OSError:
        return " ".join(dict.fromkeys(words))
    lists = [ast.literal_eval(n) for n in ast.walk(tree) if isinstance(n, ast.List) and _is_texts(n)]
    release = next((flags for flags in lists if "-O3" in flags or "-O2" in flags), [])
    return " ".join(dict.fromkeys([*words, *release]))


def _is_texts(node: ast.List) -> bool:
    return all(isinstance(item, ast.Constant) and isinstance(item.value, str) for item in node.elts)
