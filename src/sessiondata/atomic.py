"""Files that appear under their name when they are complete.

Content is written to a temporary file of the same folder, which is renamed at the end. No other
writer has its name, so threads and processes may write to one path at once, and the last one to end
wins. The writer holds a lock on the file; a file without a lock was left by a killed writer, and is
removed by the next writer of the same path.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from sessiondata.errors import ArgumentError, ArgumentTypeError

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

__all__ = ["HAS_LOCKS", "file_identity", "new_file", "path_text", "sweep", "temporary_prefix", "written"]

HAS_LOCKS = fcntl is not None
_os = os  # tests replace it to make calls fail


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name when the block has ended without an
    error. Without content nothing appears. Permission bits stay; of a symbolic link the file that
    it names is replaced. A pipe or a device cannot be replaced, and is written to."""
    mode = None
    with suppress(FileNotFoundError):
        mode = os.stat(path).st_mode
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            yield file
        return
    target = os.path.realpath(path)
    folder, prefix = os.path.dirname(target), temporary_prefix(target)
    sweep(folder, prefix)
    descriptor, temporary = new_file(folder, prefix)
    try:
        with open(descriptor, "wb") as file:
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
            is_empty = file.tell() == 0
            if HAS_LOCKS and not is_empty:  # the lock is held until the file has its name
                os.replace(temporary, target)
        if not HAS_LOCKS and not is_empty:  # Windows renames no open file
            os.replace(temporary, target)
    finally:
        with suppress(OSError):
            os.unlink(temporary)


def path_text(path: Any, rule: str) -> str:
    """A path as text, or an error of the library that begins with `rule`."""
    try:
        text = os.fsdecode(path)
    except TypeError as error:
        raise ArgumentTypeError(f"{rule}: got {type(path).__name__}", value=path) from error
    try:
        unusable = b"\0" in os.fsencode(text)
    except UnicodeEncodeError:
        unusable = True
    if unusable:
        raise ArgumentError(f"{rule}: no file can have this name: {text!r:.80}", value=path)
    return text


def temporary_prefix(target: str) -> str:
    """What the names of all temporary files of a path begin with."""
    return f".sessiondata-{zlib.crc32(os.fsencode(os.path.basename(target))):08x}-"


def new_file(folder: str, prefix: str) -> tuple[int, str]:
    """(descriptor, path) of a new file that is locked while somebody writes to it."""
    while True:
        name = os.path.join(folder, f"{prefix}{os.urandom(8).hex()}.tmp")
        # Without inheriting, and on Windows without turning line ends.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        file = _os.open(name, flags, 0o666)
        if fcntl is None:
            return file, name
        with suppress(OSError):  # a file system without locks, where nobody can sweep either
            fcntl.flock(file, fcntl.LOCK_EX)  # says that the writer lives
        if os.path.exists(name):  # else swept between the two calls
            return file, name
        os.close(file)


def sweep(folder: str, prefix: str) -> None:
    """Remove temporary files of a path that nobody writes to any more."""
    ours = re.compile(re.escape(prefix) + r"[0-9a-f]{16}\.tmp")
    entries: list[str] = []
    with suppress(OSError):  # a folder that may be written to, but not listed
        entries = os.listdir(folder)
    for entry in entries:
        if ours.fullmatch(entry):
            name = os.path.join(folder, entry)
            with suppress(OSError):  # gone, or somebody is writing to it
                if fcntl is not None:
                    file = os.open(name, os.O_RDWR)
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        os.unlink(name)
                    finally:
                        os.close(file)
                else:
                    os.unlink(name)


def file_identity(path: Path) -> tuple[int, int] | str:
    """A value that is equal for two paths of one file: through links, hard links, other spellings.

    A file that is not there yet is known by its spelling, links in its folders followed.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        spelling = os.path.normcase(os.path.realpath(path))
        return spelling.casefold() if sys.platform == "darwin" else spelling
    return status.st_dev, status.st_ino
