"""A store as a file. `docs/snapshot.md` is the format; here is how a file comes to be.

copy the state  ->  temporary file: parts, then head  ->  sync  ->  rename  ->  folder's sync
"""

from __future__ import annotations

import errno
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sessiondata.atomic import HAS_LOCKS, new_file, path_text, sweep, temporary_prefix
from sessiondata.errors import ArgumentError, ArgumentTypeError
from sessiondata.snapshot.capture import StoreCopy
from sessiondata.snapshot.container import (
    CHUNK,
    CURSORS,
    FEEDS,
    HEAD,
    OPTIONAL,
    PART,
    SESSION,
    STORE,
    TAIL,
    asked,
    check_byte_order,
    name_of,
    packed_head,
)
from sessiondata.store.store import parts_of

if TYPE_CHECKING:
    from sessiondata.store.store import SessionData

__all__ = ["dumps", "save", "sync_folder", "write_container"]

_os = os  # what the tests let fail


def save(data: SessionData, path: Any) -> None:
    """Write a store to a file; see `SessionData.save`."""
    if hasattr(path, "write"):
        _save_into(data, path)
        return
    label = path_text(path, "a snapshot is saved to a path or a binary file object")
    check_byte_order(label)
    target = os.path.realpath(label)
    folder, prefix = os.path.dirname(target), temporary_prefix(target)
    mode = _mode(target)
    copy = StoreCopy(parts_of(data), label)
    sweep(folder, prefix)
    file, name = new_file(folder, prefix)
    try:
        try:
            if mode is not None:
                _keep_mode(file, name, mode)
            write_container(file, copy)
            _os.fsync(file)
            if HAS_LOCKS:  # the lock is held until the file has its name
                _os.replace(name, target)
        finally:
            os.close(file)
        if not HAS_LOCKS:  # Windows renames no open file
            _os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
    sync_folder(folder)


def dumps(data: SessionData) -> bytes:
    """A store as bytes; see `SessionData.dumps`."""
    return b"".join(_contents(data, "<bytes>"))


def _contents(data: SessionData, label: str) -> list[bytes]:
    """What a file would hold, in pieces: all of it is known before the first one is written."""
    check_byte_order(label)
    copy = StoreCopy(parts_of(data), label)
    at = _first_offset(copy)
    pieces, entries = [b""], []
    for kind, flags, content in _parts(copy):
        entries.append(PART.pack(kind, flags, zlib.crc32(content), at, len(content)))
        pieces.append(content)
        at += len(content)
    pieces[0] = packed_head(entries, at)
    return pieces


def _save_into(data: SessionData, file: Any) -> None:
    """Write a store to a file object, from where it stands, whether it can seek or not."""
    if isinstance(file, io.TextIOBase):
        raise ArgumentTypeError(f"a snapshot is bytes, {name_of(file)} takes text: open the file with mode 'wb'")
    label = name_of(file)
    content = memoryview(b"".join(_contents(data, label)))
    with asked("write", "'wb'", label):
        for at in range(0, len(content), CHUNK):
            _write_piece(file, bytes(content[at : at + CHUNK]), label)
        if hasattr(file, "flush"):
            file.flush()


def _write_piece(file: Any, rest: bytes, label: str) -> None:
    while rest:
        n = file.write(rest)
        if n is None and not isinstance(file, io.RawIOBase):
            return  # not everything that takes bytes counts them
        if isinstance(n, bool) or not (n is None or hasattr(n, "__index__")):
            raise ArgumentTypeError(f"write() of {label} returns how many bytes it took: {n!r:.80}", value=n)
        if not n:
            raise BlockingIOError(errno.EAGAIN, "the file takes no more bytes", label)
        if not 0 < n <= len(rest):
            raise ArgumentError(f"write() of {label} was given {len(rest)} bytes and says it took {n}", value=n)
        rest = rest[n:]


def _first_offset(copy: StoreCopy) -> int:
    """Where the parts begin, behind head and table."""
    return HEAD.size + (len(copy.parts) + bool(copy.cursors) + bool(copy.feeds) + 1) * PART.size + TAIL.size


def _parts(copy: StoreCopy) -> Iterator[tuple[bytes, int, bytes]]:
    """Kind, flags and content of each part, in order; each is made when it is its turn."""
    for make in copy.parts:
        yield SESSION, 0, make()
    if copy.cursors:
        yield CURSORS, OPTIONAL, b"".join(copy.cursors)
    if copy.feeds:
        yield FEEDS, OPTIONAL, b"".join(copy.feeds)
    yield STORE, 0, copy.document()


def write_container(file: int, copy: StoreCopy) -> None:
    """Parts from behind the table on, then the head."""
    at = _first_offset(copy)
    _os.lseek(file, at, os.SEEK_SET)
    pieces: list[bytes] = []
    entries: list[bytes] = []
    for kind, flags, content in _parts(copy):
        entries.append(PART.pack(kind, flags, zlib.crc32(content), at, len(content)))
        pieces.append(content)
        at += len(content)
        if sum(map(len, pieces)) >= 1 << 20 or kind == STORE:  # many a part is small
            _write_all(file, b"".join(pieces))
            pieces.clear()
    _os.lseek(file, 0, os.SEEK_SET)
    _write_all(file, packed_head(entries, at))


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        n = _os.write(file, rest)
        if n <= 0:
            raise OSError("the file takes no more bytes")
        rest = rest[n:]


def _mode(target: str) -> int | None:
    """Permission bits of the file whose place is taken; None if there is none yet."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):  # a rename would put a file where ``/dev/null`` or a pipe was
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(code, "a snapshot takes the place of a file, which this is not", target)
    return stat.S_IMODE(mode)


def _keep_mode(file: int, name: str, mode: int) -> None:
    if hasattr(os, "fchmod"):
        os.fchmod(file, mode)
    else:
        os.chmod(name, mode)


def sync_folder(folder: str) -> None:
    if os.name == "nt":  # which cannot open folders
        return
    file = _os.open(folder, os.O_RDONLY)
    try:
        _os.fsync(file)
    finally:
        os.close(file)
