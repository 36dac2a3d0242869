"""Zip files from anywhere: limits on what is unpacked, and errors that name the member."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sessiondata.errors import InputError

__all__ = ["MAX_BYTES", "MAX_MEMBERS", "MAX_RATIO", "csv_members", "member_errors"]

# Limits on zip input. LEAN's own files stay far below: one member to a few dozen, some MB, a ratio
# of 5 to 20.
MAX_MEMBERS = 10_000
MAX_BYTES = 1 << 30
MAX_RATIO = 200
_FREE_BYTES = 1 << 20  # the ratio of a small file is not worth a refusal


def csv_members(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """The CSV members of an archive whose declared sizes are within limits. zipfile never unpacks
    more than what is declared."""
    members = archive.infolist()
    size, packed = sum(m.file_size for m in members), sum(m.compress_size for m in members)
    if len(members) > MAX_MEMBERS:
        raise InputError(f"more than {MAX_MEMBERS} members in the zip", path=str(path), value=len(members))
    if size > MAX_BYTES:
        raise InputError(f"the zip unpacks to more than {MAX_BYTES} bytes", path=str(path), value=size)
    if size > _FREE_BYTES and size > MAX_RATIO * packed:
        raise InputError(
            f"the zip is packed by more than {MAX_RATIO} to 1", path=str(path), value=f"{size} bytes in {packed}"
        )
    return [m for m in members if m.filename.lower().endswith(".csv")]


@contextmanager
def member_errors(path: str) -> Iterator[None]:
    """Turn what zipfile raises for a member into an InputError."""
    try:
        yield
    except (EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"the member is damaged ({error})", path=path) from error
    except (NotImplementedError, RuntimeError) as error:
        # an unknown compression, an encrypted member
        raise InputError(f"the member cannot be unpacked ({error})", path=path) from error
