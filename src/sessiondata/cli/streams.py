"""Standard streams of a command: closed, full, or left by whoever reads them.

A message that nobody can get is dropped, and the run goes on. Data that nobody can get ends the
run: `StdoutError`. In both cases the stream then leads to the null device, because Python flushes
it once more at exit and would end with a status of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["StdoutError", "open_missing_stderr", "say", "write_stdout", "writing_stdout"]


class StdoutError(Exception):
    """The standard output cannot be written.

    Attributes
    ----------
    has_left : bool
        Whoever read it has closed it, as ``head`` does. Else it is full or was never open for
        writing.
    """

    def __init__(self, reason: str, *, has_left: bool) -> None:
        self.has_left = has_left
        super().__init__(reason)


def open_missing_stderr() -> None:
    """Give a process that was started with stderr closed the null device in its place.

    Else `print` would send messages to stdout, among the data, and the next file that is opened
    would be what libraries below Python take for stderr.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  until the process ends


def say(text: str, end: str = "\n") -> None:
    """Write a message to stderr, or drop it where that is not possible."""
    try:
        print(text, end=end, file=sys.stderr, flush=True)
    except OSError:
        _abandon(sys.stderr, 2)


@contextmanager
def writing_stdout() -> Iterator[None]:
    """A block that writes to stdout, flushed at its end.

    Raises
    ------
    StdoutError
        It cannot be written.
    """
    if sys.stdout is None:
        raise StdoutError("stdout is closed", has_left=False)
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        _abandon(sys.stdout, 1)
        raise StdoutError(str(error), has_left=isinstance(error, BrokenPipeError)) from error


def write_stdout(data: bytes) -> None:
    """Write all of some bytes to stdout, as `writing_stdout` has it."""
    with writing_stdout():
        rest = memoryview(data)
        while rest:  # without a buffer of Python's (-u) a call writes as much as the system takes
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.buffer.flush()


def _abandon(stream: Any, descriptor: int) -> None:
    """Let what is still in the buffer of a standard stream go nowhere."""
    with suppress(OSError, ValueError, AttributeError):
        if stream.fileno() == descriptor:  # not one that a caller has put in its place
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, descriptor)
            os.close(null)
