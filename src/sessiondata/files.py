"""Files that appear under their name when they are complete."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["written"]


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
    # A fixed name: the next run sweeps away what a killed one has left.
    temporary = path.with_name(f".{path.name}.tmp")
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
