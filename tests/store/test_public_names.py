"""Whatever a public method returns has a public name."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sessiondata as sd

ROOT = Path(sd.__file__).parent
CLASSES = {
    node.name
    for path in ROOT.rglob("*.py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
}
PUBLIC = {name: getattr(sd, name) for name in sd.__all__}


def returned(kind: object) -> Iterator[tuple[str, str]]:
    """Names of the package's classes in the annotations of what a class or function returns."""
    if inspect.isclass(kind):
        parts = {name: part for base in kind.__mro__[:-1] for name, part in vars(base).items()}
    else:
        parts = {"": kind}
    for name, part in parts.items():
        if name.startswith("_") and name not in ("__getitem__", "__iter__", "__enter__"):
            continue
        function = inspect.unwrap(part.fget if isinstance(part, property) else getattr(part, "__func__", part))
        annotation = getattr(function, "__annotations__", {}).get("return")
        if isinstance(annotation, str):
            names = {node.id for node in ast.walk(ast.parse(annotation)) if isinstance(node, ast.Name)}
            yield from ((name, found) for found in sorted(names & CLASSES))


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_what_is_returned_has_a_public_name(name: str) -> None:
    assert [(part, found) for part, found in returned(PUBLIC[name]) if found not in PUBLIC] == []


def test_the_look_at_annotations_finds_some() -> None:
    assert set(returned(sd.SymbolSessionData)) >= {("historical_day", "HistoricalDay"), ("bars", "BarSeries")}
    assert ("records", "GapRecord") in returned(sd.DataQualityManager)


def test_what_is_lazy_is_shown_and_not_imported() -> None:
    code = (
        "import sys, sessiondata as sd\n"
        "assert {'GapAttempt', 'GapRecord', 'HistoricalBars', 'HistoricalDay'} <= set(dir(sd))\n"
        "assert 'sessiondata.monitor.gap_log' not in sys.modules\n"
        "from sessiondata import GapRecord\n"
        "assert GapRecord is sys.modules['sessiondata.monitor.gap_log'].GapRecord\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT.parent)})


@pytest.mark.parametrize("name", ["HistoricalBars", "HistoricalDay"])
def test_a_repr_says_the_public_name(name: str) -> None:
    data = sd.SessionData(None)
    spy = data.register_symbol("SPY")
    spy.append(1_710_244_800_000_000_000, 1.0, 2.0, 0.5, 1.5, 3.0)
    data.roll_session()
    made = spy.historical_bars["1m"] if name == "HistoricalBars" else spy.historical_day("2024-03-12")
    assert type(made) is getattr(sd, name)
    assert repr(made).startswith(f"<{name} SPY ")
