"""The stubs of the compiled modules say what is there: every public name and argument, and nothing
else."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import sessiondata

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "sessiondata"
NATIVE = PACKAGE / "_native"
STUBS = sorted(".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in NATIVE.rglob("*.pyi"))

Definition: TypeAlias = ast.FunctionDef | ast.ClassDef


def stub(name: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{name.replace('.', '/')}.pyi").read_text(encoding="utf-8"))


def definitions(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """Functions, classes and annotated names of a body by name; private ones are the stub's own
    business."""
    found: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
    return {name: node for name, node in found.items() if not name.startswith("_")}


def arguments(function: ast.FunctionDef) -> list[tuple[str, Any, Any]]:
    """Name, kind and default of each argument of a stub."""
    args = function.args
    names = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(names) - len(args.defaults)) + [ast.literal_eval(default) for default in args.defaults]
    has_default = [False] * (len(names) - len(args.defaults)) + [True] * len(args.defaults)
    return [
        (
            name.arg,
            inspect.Parameter.POSITIONAL_ONLY if i < len(args.posonlyargs) else inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default if given else inspect.Parameter.empty,
        )
        for i, (name, default, given) in enumerate(zip(names, defaults, has_default, strict=True))
    ] + [
        (
            name.arg,
            inspect.Parameter.KEYWORD_ONLY,
            inspect.Parameter.empty if default is None else ast.literal_eval(default),
        )
        for name, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
    ]


def is_property(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        (isinstance(decorator, ast.Name) and decorator.id == "property")
        or (isinstance(decorator, ast.Attribute) and decorator.attr == "setter")
        for decorator in node.decorator_list
    )


def public(names: Any) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def compiled_modules() -> list[str]:
    """Below `_native`, by dotted name; Cython's own left out."""
    folder = Path(sessiondata.__file__).parent
    compiled = [path for path in (folder / "_native").rglob("*") if path.suffix in (".so", ".pyd")]
    names = {".".join([*path.relative_to(folder).parent.parts, path.name.split(".")[0]]) for path in compiled}
    return sorted(names - {"_native._cyutility"})


def own_names(module: Any) -> set[str]:
    """Public classes and functions that a module defines, not those it imports."""
    return {name for name in public(vars(module)) if getattr(vars(module)[name], "__module__", "") == module.__name__}


def test_every_compiled_module_with_public_names_has_a_stub() -> None:
    modules = compiled_modules()
    assert modules
    assert {name for name in modules if own_names(importlib.import_module(f"sessiondata.{name}"))} == set(STUBS)


@pytest.mark.parametrize("name", STUBS)
def test_public_names_agree(name: str) -> None:
    module = importlib.import_module(f"sessiondata.{name}")
    told = set(definitions(stub(name).body))
    assert told <= set(vars(module))
    assert own_names(module) <= told


@pytest.mark.parametrize("name", STUBS)
def test_classes_agree(name: str) -> None:
    module = importlib.import_module(f"sessiondata.{name}")
    for class_name, node in definitions(stub(name).body).items():
        if isinstance(node, ast.ClassDef):
            members = definitions(node.body)
            there = vars(getattr(module, class_name))
            assert set(members) == public(there), class_name
            for member, said in members.items():
                is_data = inspect.isdatadescriptor(there[member])
                assert is_data == (is_property(said) or isinstance(said, ast.AnnAssign)), f"{class_name}.{member}"


@pytest.mark.parametrize("name", STUBS)
def test_arguments_agree(name: str) -> None:
    module = importlib.import_module(f"sessiondata.{name}")
    for owner, body in [(module, stub(name).body)] + [
        (getattr(module, node.name), node.body) for node in stub(name).body if isinstance(node, ast.ClassDef)
    ]:
        for member, node in definitions(body).items():
            if isinstance(node, ast.FunctionDef) and not is_property(node):
                signature = inspect.signature(getattr(owner, member))
                there = [(p.name, p.kind, p.default) for p in signature.parameters.values()]
                assert arguments(node) == there, f"{name}.{member}"
