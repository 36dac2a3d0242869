"""What the pages say holds: examples give what is shown, links lead somewhere, tables name what is
there."""

from __future__ import annotations

import ast
import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import cimports
import sessiondata
from cimports import LAYERS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
PAGES += [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md"]
STATUS = ROOT / "ext" / "sessiondata" / "_native" / "base" / "status.pxd"
WIDTH = 100
REMARKS = ("09:42", "late: rows move")  # comments on calls that do not show a value

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> list[tuple[int, str]]:
    """Numbered lines that are not in a code fence."""
    lines, fenced = [], False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            lines.append((number, line))
    return lines


def anchors(page: Path) -> list[str]:
    """Of the headings, as GitHub makes them: lower case, without punctuation, hyphens for
    spaces."""
    heads = [line.lstrip("#").strip() for _, line in prose(page) if re.match(r"#{1,6} ", line)]
    return [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads]


def cells(page: Path, *heads: str) -> list[list[str]]:
    """The names in backticks of the first column, row by row, of the table with these heads."""
    lines = page.read_text(encoding="utf-8").splitlines()
    (start,) = [number for number, line in enumerate(lines) if line == f"| {' | '.join(heads)} |"]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(re.findall(r"`([\w/]+)`", line.split("|")[1]))
    return rows


def shown(comment: str) -> str:
    """What a comment shows, without what it explains behind a colon."""
    return re.split(r": ", comment, maxsplit=1)[0].strip()


def agrees(value: Any, comment: str) -> bool:
    """Whether a value is as the comment behind its line shows it.

    What is compared is the text of the value, up to a `...` in what is shown. Of a bar it is the
    time of day in New York and the fields that are named.
    """
    text = repr(value.tolist() if isinstance(value, np.ndarray) else value)
    if "..." in comment:
        return text.startswith(comment.split("...")[0])
    if isinstance(value, sessiondata.Bar):
        fields = re.findall(r"(\w+)=([^,\s]+)", comment)
        assert fields, comment
        opened = datetime.fromtimestamp(value.timestamp // 1_000_000_000, ZoneInfo("America/New_York"))
        return comment.startswith(f"{opened:%H:%M}") and all(
            repr(getattr(value, name)) == field for name, field in fields
        )
    return text == comment or text == shown(comment)


@pytest.mark.parametrize(
    ("page", "least"), [("concepts.md", 15), ("windows.md", 5), ("events.md", 5), ("reading.md", 20)]
)
def test_the_examples_of_a_page_give_what_is_shown(page: str, least: int) -> None:
    source = (ROOT / "docs" / page).read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    compared = 0
    for block in re.findall(r"^```python\n(.*?)^```", source, re.DOTALL | re.MULTILINE):
        lines = block.splitlines()
        for statement in ast.parse(block).body:
            last = statement.end_lineno or 0
            first = min(node.lineno for node in (statement, *getattr(statement, "decorator_list", ())))
            code = "\n".join(lines[first - 1 : last])
            if not isinstance(statement, ast.Expr):
                exec(code, names)  # the page's own examples
                continue
            value = eval(compile(ast.Expression(statement.value), page, "eval"), names)
            comment = lines[last - 1][statement.end_col_offset :].strip().removeprefix("#").strip()
            for line in lines[last:]:
                if not line.startswith("# "):
                    break
                comment = f"{comment} {line[2:].strip()}".strip()
            if not comment or comment in REMARKS:
                continue
            compared += 1
            assert agrees(value, comment), f"{code}\n  gives {value!r}, and the page shows {comment}"
    assert compared > least


@pages
def test_links_lead_somewhere(page: Path) -> None:
    text = "\n".join(line for _, line in prose(page))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


@pages
def test_prose_is_wrapped(page: Path) -> None:
    long = [
        f"{page.name}:{number}: {len(line)}"
        for number, line in prose(page)
        if len(line) > WIDTH and not line.lstrip().startswith(("|", "#", "<!--")) and "](" not in line
    ]
    assert not long


@pytest.mark.parametrize("page", ["concepts.md", "internals.md", "decisions.md"])
def test_names_in_backticks_are_in_the_code(page: str) -> None:
    source = "".join(
        file.read_text(encoding="utf-8")
        for folder in ("src", "ext", "tests", "benchmarks", "tools", "docs")
        for file in sorted((ROOT / folder).rglob("*"))
        if file.suffix in (".py", ".pyi", ".pyx", ".pxd", ".toml", ".json") or file.parent.name == "tools"
    )
    known = {*re.findall(r"\w+", source), *(file.stem for file in (ROOT / "tests").rglob("*")), "md"}
    known |= {"cap"}  # of a drawing on the page
    text = "\n".join(line for _, line in prose(ROOT / "docs" / page))
    named = {word for span in re.findall(r"`([^`]+)`", text) for word in re.findall(r"[A-Za-z_]\w+", span)}
    assert sorted(named - known) == []


def test_the_changelog_says_nothing_twice() -> None:
    """A merge by union keeps both sides of a line that was wrapped anew on one of them."""
    entries = re.split(r"\n(?=- |#|\n)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    begins = Counter(" ".join(entry.split())[:60] for entry in entries if entry.strip())
    assert [begin for begin, times in begins.items() if times > 1] == []


def test_the_table_of_native_modules_names_each() -> None:
    table = [name for (name,) in cells(ROOT / "docs" / "internals.md", "module", "owns")]
    assert table == sorted(table, key=lambda name: (*LAYERS, "capi").index(name.split("/")[0]))
    assert set(table) == set(cimports.modules())


def test_concepts_names_all_counters() -> None:
    concepts = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    symbol = sessiondata.SessionData().register_symbol("SPY")
    for counter in [*symbol.counters, *symbol.ticks.counters]:
        assert f"`{counter}`" in concepts, counter


def test_concepts_names_all_errors_and_codes() -> None:
    concepts = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    for code in re.findall(r"ERR_\w+", STATUS.read_text(encoding="utf-8")):
        assert f"`{code}`" in concepts, code
    for name in sessiondata.errors.__all__:
        assert f"`{name}`" in concepts, name
