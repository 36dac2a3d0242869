"""How far a run is, on a terminal, and messages that do not tear the display."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sessiondata.cli.streams import say

__all__ = ["Display", "open_progress"]


class Display:
    """No display, messages alone: for a stderr that is no terminal, and for --quiet."""

    def update(self, done: int, total: int, what: str) -> None:
        pass

    def say(self, text: str) -> None:
        say(text)


class _PlainProgress(Display):
    """One line that is rewritten, ten times a second at most."""

    def __init__(self) -> None:
        self._width, self._next = 0, 0.0

    def update(self, done: int, total: int, what: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.1
            self._put(f"{what}: {done} of {total}")

    def say(self, text: str) -> None:
        self.clear()
        super().say(text)

    def clear(self) -> None:
        if self._width:
            self._put("")
            say("\r", end="")

    def _put(self, text: str) -> None:
        say("\r" + text[:79].ljust(self._width), end="")
        self._width = min(len(text), 79)


class _RichProgress(Display):
    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None)

    def update(self, done: int, total: int, what: str) -> None:
        self._bar.update(self._task, description=what, completed=done, total=total)

    def say(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def open_progress(quiet: bool) -> Iterator[Display]:
    """The best display that stderr supports."""
    if quiet or not sys.stderr.isatty():
        yield Display()
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        plain = _PlainProgress()
        yield plain
        plain.clear()
        return
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _RichProgress(bar)
