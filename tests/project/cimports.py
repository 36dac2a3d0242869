"""Who cimports whom below `ext/sessiondata/_native`, as the table of docs/internals.md.

python tests/project/cimports.py [--write]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "ext" / "sessiondata" / "_native"
PAGE = ROOT / "docs" / "internals.md"
START, STOP = "<!-- cimports:start -->\n", "<!-- cimports:end -->"

#: Lowest first: a module cimports its own layer and lower ones.
LAYERS = ("base", "slots", "rows", "symbol", "objects", "out")


def modules() -> dict[str, set[str]]:
    """What each module cimports, by ``"layer/module"``; `capi` stands above all."""
    paths = [path for layer in LAYERS for path in sorted((NATIVE / layer).glob("*.p*x*"))]
    paths += sorted(NATIVE.parent.glob("capi.p*x*"))
    found: dict[str, set[str]] = {}
    for path in paths:
        name = path.stem if path.parent == NATIVE.parent else f"{path.parent.name}/{path.stem}"
        if path.stem == "__init__":
            continue
        text = path.read_text(encoding="utf-8")
        used = re.findall(r"^\s*from sessiondata\._native\.(\w+)\.(\w+) cimport", text, re.MULTILINE)
        found.setdefault(name, set()).update(f"{layer}/{module}" for layer, module in used)
    return {name: used - {name} for name, used in found.items()}


def table() -> str:
    rows = [
        f"| `{name}` | {', '.join(f'`{one}`' for one in sorted(used)) or '-'} |" for name, used in modules().items()
    ]
    return "\n".join(["| module | cimports |", "|---|---|", *rows]) + "\n"


def written() -> str:
    """The table as the page has it."""
    return PAGE.read_text(encoding="utf-8").partition(START)[2].partition(STOP)[0]


if __name__ == "__main__":
    if "--write" in sys.argv:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
        PAGE.write_text(before + START + table() + STOP + rest.partition(STOP)[2], encoding="utf-8")
    else:
        print(table(), end="")
