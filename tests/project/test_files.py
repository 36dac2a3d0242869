"""The files of the project: none is long without a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "ext", "tests", "benchmarks", "examples")
LONGEST = 500  # lines
REASON = re.compile(r"\blong because\b", re.IGNORECASE)


def too_long(text: str) -> bool:
    """Whether a file is long, and its head does not say why."""
    lines = text.splitlines()
    return len(lines) > LONGEST and REASON.search("\n".join(lines[:40])) is None


@pytest.mark.parametrize("folder", FOLDERS)
def test_long_files_say_why_at_their_head(folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".pyi", ".pyx", ".pxd")]
    assert files
    assert [str(path.relative_to(ROOT)) for path in files if too_long(path.read_text(encoding="utf-8"))] == []


def test_a_long_file_is_found() -> None:
    body = "pass\n" * LONGEST
    assert not too_long(body)
    assert too_long(body + "pass\n")
    assert not too_long('"""One table. Long because it is one."""\n' + body)
    assert too_long(body + "# long because nobody reads this far\n")
