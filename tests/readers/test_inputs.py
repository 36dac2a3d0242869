"""Folders walked for files of bars."""

from __future__ import annotations

from pathlib import Path

from bar_files import write
from sessiondata.readers.inputs import find_inputs


def test_find_inputs_walks_folders_in_order(tmp_path: Path) -> None:
    for name in ("b/2.csv", "b/1.parquet", "a/x.ZIP", "a/README.md", ".git/x.csv", "c.csv.gz"):
        write(tmp_path / name, "")
    (tmp_path / "d.csv").mkdir()
    named = tmp_path / "absent.csv"
    found = find_inputs([named, tmp_path])
    assert [(str(f.path.relative_to(tmp_path)), f.named) for f in found] == [
        ("absent.csv", True),
        ("a/x.ZIP", False),
        ("b/1.parquet", False),
        ("b/2.csv", False),
        ("c.csv.gz", False),
    ]
    assert find_inputs([tmp_path / "d.csv"]) == [(tmp_path / "d.csv", True)]
