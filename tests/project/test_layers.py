"""The layers of both trees. (Those of Python's imports are a contract that `lint-imports` reads in
pyproject.toml.)"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import cimports
import sessiondata
from cimports import LAYERS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "sessiondata"


def contract() -> list[str]:
    """Packages, lowest first, as the contract has them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = [kept["layers"] for kept in settings["tool"]["importlinter"]["contracts"] if kept["type"] == "layers"]
    return [name for row in reversed(layers) for name in row.split(" : ")]


def test_the_contract_names_every_package() -> None:
    found = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert set(contract()) == found - {"__init__", "__main__"}


def test_the_page_has_the_layers_of_the_contract() -> None:
    page = (ROOT / "docs" / "internals.md").read_text(encoding="utf-8")
    rows = page.partition("| package, lowest first |")[2].partition("\n\n")[0].splitlines()[2:]
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])] == contract()


def test_a_module_cimports_its_own_layer_and_lower_ones() -> None:
    modules = cimports.modules()
    assert {name.split("/")[0] for name in modules} == {*LAYERS, "capi"}
    for name, used in modules.items():
        own = LAYERS.index(name.split("/")[0]) if name != "capi" else len(LAYERS)
        for other in used:
            assert LAYERS.index(other.split("/")[0]) <= own, f"{name} cimports {other}"


def test_no_circle_among_cimports() -> None:
    left = cimports.modules()
    while left:
        free = {name for name, used in left.items() if not used & left.keys()}
        assert free, f"a circle among {sorted(left)}"
        left = {name: used for name, used in left.items() if name not in free}


def test_the_page_says_who_cimports_whom() -> None:
    assert cimports.written() == cimports.table(), "python tests/project/cimports.py --write"


def test_no_package_takes_the_name_of_something_public() -> None:
    """Importing `sessiondata.x.y` sets `sessiondata.x` to the package, whatever that was before."""
    assert not set(contract()) & set(sessiondata.__all__)


def test_what_is_lazy_is_shown() -> None:
    assert set(sessiondata.__all__) <= set(dir(sessiondata))


def test_a_native_module_imports_lower_python_layers_only() -> None:
    """What `lint-imports` cannot see: it reads Python alone."""
    order, found = contract(), 0
    for path in sorted((ROOT / "ext").rglob("*.p*x*")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"^\s*(cimport sessiondata|from sessiondata(\._native(\.\w+)?)? cimport)", text, re.MULTILINE
        ), path
        for name in re.findall(r"^\s*(?:from|import) sessiondata\.(\w+)[\w.]* *(?:import|$)", text, re.MULTILINE):
            assert order.index(name) <= order.index("_native"), f"{path.name} imports {name}"
            found += name != "_native"
    assert found > 3
