"""Files that appear under their name when they are complete."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["file_identity", "temporary_path", "written"]


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name when the block has ended well. Without content nothing
    appears. Permission bits stay; of a symbolic link the file that it names is replaced. A pipe or a device is written
    to, as nothing can take its place."""
    mode = None
    with suppress(FileNotFoundError):
        mode = os.stat(path).st_mode
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            yield file
        return
    path = Path(os.path.realpath(path))
    temporary = temporary_path(path)
    try:
        with open(temporary, "wb") as file:
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
            is_empty = file.tell() == 0
        if not is_empty:
            os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def temporary_path(path: Path) -> Path:
    """Where `written` keeps the content of a file until it is complete."""
    path = Path(os.path.realpath(path))
    return path.with_name(f".{path.name}.tmp")  # a fixed name: the next run sweeps away what a killed one has left


def file_identity(path: Path) -> tuple[int, int] | str:
    """What is equal for two paths that name one file: through links, hard links, other spellings.

    A file that is not there yet is known by its spelling, links in its folders followed.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        spelling = os.path.normcase(os.path.realpath(path))
        return spelling.casefold() if sys.platform == "darwin" else spelling
    return status.st_dev, status.st_ino
