"""The files behind the paths that a user names: folders walked, formats known by their endings."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sessiondata.readers.types import Note

__all__ = ["FORMAT_RULE", "InputFile", "file_format", "find_inputs"]

FORMAT_RULE = "not a .zip, .csv, .csv.gz or .parquet file"


class InputFile(NamedTuple):
    """A file to read, and whether the user named it (or it was found in a folder)."""

    path: Path
    named: bool


def find_inputs(inputs: Iterable[str | Path], note: Note | None = None) -> list[InputFile]:
    """List the files behind `inputs`, folders walked in sorted order.

    Parameters
    ----------
    inputs : iterable of path
        A file is listed whether it exists or not: reading it is an error then. A folder stands for
        all files below it that end in .zip, .csv, .csv.gz or .parquet and are not hidden, or for
        itself if there is none.
    note : callable, optional
        Called with a sentence about files of a folder that have another ending.

    Returns
    -------
    list of InputFile
    """
    files: list[InputFile] = []
    others: list[Path] = []
    links: list[Path] = []
    for path in map(Path, inputs):
        below, unreadable = _walk(path, links)
        found = [p for p in below if file_format(p) is not None]
        others += [p for p in below if file_format(p) is None]
        files += [InputFile(p, named=False) for p in found] or [InputFile(path, named=True)] * (path not in unreadable)
        files += [InputFile(p, named=True) for p in unreadable]
    for passed, rule in ((others, FORMAT_RULE), (links, "a link to a folder, which is not followed")):
        if passed and note:
            note(f"files passed over: {len(passed)}, such as {passed[0]}: {rule}")
    return files


def _walk(top: Path, links: list[Path]) -> tuple[list[Path], list[Path]]:
    """Files below a folder, and folders that cannot be listed. What is hidden is left out; links to
    folders are added to `links` and not followed."""
    files: list[Path] = []
    unreadable: list[Path] = []
    for place, folders, names in os.walk(top, onerror=lambda error: unreadable.append(Path(error.filename))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links += [path for name in folders if (path := Path(place, name)).is_symlink()]
        paths = [Path(place, name) for name in names if not name.startswith(".")]
        # a link to nothing stays in, and reading it fails
        files += [path for path in paths if path.is_file() or path.is_symlink()]
    is_folder = top.is_dir()
    return sorted(files), unreadable if is_folder else []


def file_format(path: Path) -> str | None:
    """Ending that says the format of a file, or None."""
    name = path.name.lower()
    return next((suffix for suffix in (".zip", ".csv", ".csv.gz", ".parquet") if name.endswith(suffix)), None)
