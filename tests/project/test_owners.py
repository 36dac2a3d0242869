"""Who owns what: no circle among imports, and nobody touches the private names of another
module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "sessiondata"

#: Where methods import what most programs never call: of the facade upwards, of series what frames
#: and notebooks ask.
DOORS = {"store.store", "rows.bars", "rows.series"}

#: Names that begin with an underscore and are no secret of the module that has them.
PUBLIC = {
    "_asdict": "of named tuples",
    "_fields": "of named tuples",
    "_make": "of named tuples",
    "_replace": "of named tuples",
    "_fields_": "of ctypes",
    "_exit": "of os",
    "_getvalue": "of numba's helpers of structs, which have no other",
    "_repr_html_": "what notebooks call",
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


# Not kept: two million nodes would make each later run of Python's collector take a second.
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST, inside: bool = False) -> Iterator[tuple[str, bool]]:
    """Modules of the package, and whether they are imported inside of a function. Those for type
    checking count."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sessiondata."):
            module = node.module.removeprefix("sessiondata.")
            yield module, inside
            yield from ((f"{module}.{alias.name}", inside) for alias in node.names)
        yield from imported(node, inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.slow
def test_no_circle_among_imports() -> None:
    """Lazy ones included, but for the doors of the facade."""
    names = {name_of(path): path for path in SOURCE.rglob("*.py") if path.parent != SOURCE or path.stem != "__init__"}
    left = {
        name: {used for used, inside in imported(tree_of(path)) if used in names and used != name
               and not (inside and name in DOORS)}
        for name, path in names.items()
    }  # fmt: skip
    while left:
        free = {name for name, used in left.items() if not used & left.keys()}
        assert free, {name: sorted(used & left.keys()) for name, used in left.items()}
        left = {name: used for name, used in left.items() if name not in free}


def names_of(scope: ast.AST) -> set[str]:
    """What a module defines, at any depth: functions, classes, variables, slots, and attributes
    that it sets."""
    found: set[str] = set()
    for node in ast.walk(scope):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                found.add(node.attr)
        elif isinstance(node, ast.Assign) and any(
            isinstance(to, ast.Name) and to.id == "__slots__" for to in node.targets
        ):
            found |= {part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)}
    return found


def bases_of(tree: ast.Module) -> set[Path]:
    """Modules of the classes that those of a module inherit from: what these call their own is
    theirs, too."""
    bases = {ast.unparse(base).partition("[")[0] for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
             for base in node.bases}  # fmt: skip
    return {
        path
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and any(alias.name in bases for alias in node.names)
        for path in [SOURCE.joinpath(*node.module.split(".")[1:]).with_suffix(".py")]
        if path.exists() and node.module.startswith("sessiondata.")
    }


@cache
def own_names(path: Path) -> set[str]:
    """What the module defines, and the modules of its base classes."""
    tree = tree_of(path)
    return names_of(tree).union(*(own_names(base) for base in bases_of(tree)))


def private_uses(path: Path) -> Iterator[str]:
    tree = tree_of(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if (
                not is_own
                and re.fullmatch(r"_[a-z]\w*", node.attr)
                and node.attr not in PUBLIC.keys() | own_names(path)
            ):
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sessiondata"):
            for alias in node.names:
                if re.fullmatch(r"_[a-z]\w*", alias.name) and alias.name != "_native":
                    yield f"{path.relative_to(ROOT)}:{node.lineno}: from {node.module} import {alias.name}"


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["src/sessiondata", "tests", "benchmarks"])
def test_nobody_touches_the_private_names_of_others(folder: str) -> None:
    paths = [path for path in sorted((ROOT / folder).rglob("*.py")) if path.name != "shims.py"]
    assert [use for path in paths for use in private_uses(path)] == []
