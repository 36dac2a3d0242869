"""The container of a snapshot: a head, a table of parts, and the parts. `docs/snapshot.md` is the
format.

A checksum says that a file is what was written, not that it is true: who reads a part believes it
as little as a user's arguments.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from sessiondata.copying import not_copied
from sessiondata.errors import ArgumentError, ArgumentTypeError, SessionDataError, SnapshotError

__all__ = [
    "BARS", "CHUNK", "CURSORS", "DAILY", "FEEDS", "HEAD", "MAGIC", "OPTIONAL", "PART", "SESSION", "STORE", "TAIL",
    "Container", "asked", "check_byte_order", "name_of", "packed_head",
]  # fmt: skip

# the first byte is no text, and the last one shows what a transfer as text has done
MAGIC = b"\x89SDSNAP\n"
VERSION = 1
HEAD = struct.Struct("<8sIIQ")  # magic, version, parts, bytes of the file
PART = struct.Struct("<8sIIQQ")  # kind, flags, crc32, offset, bytes
TAIL = struct.Struct("<II")  # crc32 of head and table, zero
OPTIONAL = 1  # flag of a part that a reader may skip if it does not know the kind
STORE, SESSION, CURSORS, FEEDS = b"store", b"session", b"cursors", b"feeds"

_TYPES: dict[str, Any] = {"<i8": np.dtype("<i8"), "<i4": np.dtype("<i4"), "<f8": np.dtype("<f8"), "|S8": np.dtype("S8")}
BARS = ("time", "open", "high", "low", "close", "volume")
DAILY = (*BARS, "n_base", "turnover", "traded")
CHUNK = 1 << 18


def check_byte_order(path: str) -> None:
    if sys.byteorder != "little":
        raise SnapshotError("columns are little-endian, this machine is not", path=path, part="file")


def name_of(file: Any) -> str:
    """What messages call a file object."""
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else f"<{type(file).__name__}>"


@contextmanager
def asked(call: str, mode: str, label: str) -> Iterator[None]:
    """What a file object says of a call that it cannot answer, as an error of the library."""
    try:
        yield
    except (OSError, SessionDataError):  # io.UnsupportedOperation is a ValueError too
        raise
    except TypeError as error:  # a wrapper of a text file does not say that it is one
        raise ArgumentTypeError(
            f"a snapshot is bytes, {call}() of {label} fails with them ({error}): open the file with mode {mode}"
        ) from error
    except ValueError as error:
        raise ArgumentError(f"{call}() of {label} fails: {error}") from error


def packed_head(entries: list[bytes], n_bytes: int) -> bytes:
    table = HEAD.pack(MAGIC, VERSION, len(entries), n_bytes) + b"".join(entries)
    return table + TAIL.pack(zlib.crc32(table), 0)


class _Part(NamedTuple):
    kind: bytes
    crc: int
    offset: int
    n_bytes: int


@not_copied("it is of use while a file is read; copy the store with data.copy()")
class Container:
    """A file whose sizes and checksums are right."""

    def __init__(self, file: BinaryIO, path: str, size: int) -> None:
        self.file, self.path, self.size = file, path, size
        self.parts = self._table()
        for number in range(len(self.parts)):
            self._check(number)

    def wrong(self, rule: str, part: str = "header") -> SnapshotError:
        return SnapshotError(rule, path=self.path, part=part)

    def _table(self) -> list[_Part]:
        size = self.size
        head = self.file.read(HEAD.size)
        if not MAGIC.startswith(head[: len(MAGIC)]) or not head:
            raise self.wrong("not a snapshot of sessiondata")
        if len(head) < HEAD.size:
            raise self.wrong("the file is cut off")
        _, version, n_parts, n_bytes = HEAD.unpack(head)
        if version > VERSION:
            raise self.wrong(f"of version {version}, this library reads up to {VERSION}: a newer one is needed")
        if version < 1 or n_bytes != size:
            raise self.wrong(f"the file has {size} bytes, not the {n_bytes} it was written with")
        first = HEAD.size + n_parts * PART.size + TAIL.size
        if first > size:
            raise self.wrong(f"no room for a table of {n_parts} parts")
        table = self.file.read(first - HEAD.size)
        if len(table) < first - HEAD.size or TAIL.unpack(table[-TAIL.size :]) != (
            zlib.crc32(head + table[: -TAIL.size]), 0,
        ):  # fmt: skip
            raise self.wrong("its checksum is wrong")
        parts = []
        for kind, flags, crc, offset, length in PART.iter_unpack(table[: -TAIL.size]):
            if offset != first or length > size - offset or length % 8:
                raise self.wrong("parts follow each other to the end of the file, in whole eights of bytes")
            first += length
            name = kind.rstrip(b"\0")
            if name not in (STORE, SESSION, CURSORS, FEEDS) and not flags & OPTIONAL:
                raise self.wrong(f"a part of kind {name!r} is needed, which this version does not know")
            parts.append(_Part(name, crc, offset, length))
        if first != size:
            raise self.wrong("parts follow each other to the end of the file, in whole eights of bytes")
        return parts

    def _check(self, number: int) -> None:
        """The checksum of a part, without reading it as a whole."""
        part = self.parts[number]
        self.file.seek(part.offset)
        crc, rest = 0, part.n_bytes
        while rest:
            chunk = self.file.read(min(rest, CHUNK))
            if not chunk:
                break
            crc, rest = zlib.crc32(chunk, crc), rest - len(chunk)
        if rest or crc != part.crc:
            raise self.wrong("its checksum is wrong", self._name(number))

    def _name(self, number: int) -> str:
        return f"part {number} ({self.parts[number].kind.decode('ascii', 'replace')})"

    def read(self, number: int, kind: bytes) -> bytes:
        """Content of a part. Checked once more: a file may change while it is read."""
        if type(number) is not int or not 0 <= number < len(self.parts) or self.parts[number].kind != kind:
            raise ValueError(f"no part {number!r:.20} of kind {kind.decode()}")
        part = self.parts[number]
        self.file.seek(part.offset)
        content = self.file.read(part.n_bytes)
        if len(content) != part.n_bytes or zlib.crc32(content) != part.crc:
            raise ValueError("the file has changed while it was read")
        return content

    def columns(self, entry: dict[str, Any], kind: bytes = SESSION) -> dict[str, Any]:
        """Columns of a part by name, as `entry["columns"]` lists them."""
        content = self.read(entry["part"], kind)
        at, columns = 0, {}
        for name, type_name, n in entry["columns"]:
            dtype = _TYPES[type_name]
            if type(n) is not int or not 0 <= n <= (len(content) - at) // dtype.itemsize or name in columns:
                raise ValueError(f"no room for {n!r:.20} rows of column {name!r:.40}")
            columns[name] = np.frombuffer(content, dtype, n, at)
            at += -(-n * dtype.itemsize // 8) * 8
        if at != len(content):
            raise ValueError("columns fill all of their part")
        return columns
