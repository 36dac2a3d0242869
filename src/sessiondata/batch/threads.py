"""One call of a batch kernel for the columns of many symbols, on several threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from sessiondata.arguments import check_index
from sessiondata.errors import ArgumentError, SessionDataError, UnknownNameError
from sessiondata.market.grid import compiled_of

if TYPE_CHECKING:
    from sessiondata._native.slots.grid import Grid
    from sessiondata.market.grid import SessionGrid

__all__ = ["map_symbols"]

Name = TypeVar("Name", bound=Hashable)
Result = TypeVar("Result")

# Symbols of one task: enough to make the start of a thread pay, few enough for Ctrl-C and for even
# shares.
_MOST = 32


def map_symbols(
    kernel: Callable[[list[Name], list[Any], list[Grid]], list[Result]],
    convert: Callable[[Any, Name], Any],
    columns: Mapping[Name, Any],
    grid: SessionGrid | Mapping[Name, SessionGrid],
    workers: int | None,
) -> dict[Name, Result]:
    """Results by name, in the order of `columns`, whatever the number of workers.

    Parameters
    ----------
    kernel : callable
        Called with names, converted columns and grids, of one length. It releases the GIL while it
        works, and its error is that of the first bad column.
    convert : callable
        Called with a column and its name (for messages); returns what the kernel reads.
    columns : mapping
    grid : SessionGrid or mapping of SessionGrid
        One for all, or one for each name.
    workers : int or None
        Threads; None or 1: the caller's alone, -1: one for each core that the process may use.

    Raises
    ------
    ValueError
        If `workers` is another number below 1.
    UnknownNameError
        If `grid` lacks a name.
    SessionDataError
        That of the first bad column in the order of `columns`; remaining work is dropped.
    """
    n_workers = _count(workers)
    names = list(columns)
    grids = {name: compiled_of(_own(grid, name), name) for name in names}
    size = max(1, min(_MOST, -(-len(names) // (4 * n_workers))))
    tasks = [names[i : i + size] for i in range(0, len(names), size)]

    def run(task: list[Name]) -> list[Result]:
        values: list[Any] = []
        failed: SessionDataError | None = None
        for name in task:
            try:
                values.append(convert(columns[name], name))
            except SessionDataError as error:
                failed = error
                break
        good = task[: len(values)]
        # may raise for a column before that one
        results = kernel(good, values, [grids[name] for name in good])
        if failed is not None:
            raise failed
        return results

    if n_workers == 1 or len(tasks) <= 1:
        parts = [run(task) for task in tasks]
    else:
        from concurrent.futures import ThreadPoolExecutor  # an import that few need

        # `map` drops what has not begun when a task fails, or at Ctrl-C.
        with ThreadPoolExecutor(min(n_workers, len(tasks)), "sessiondata") as pool:
            parts = list(pool.map(run, tasks))
    return dict(zip(names, chain.from_iterable(parts), strict=True))


def _own(grid: Any, name: Any) -> Any:
    """The grid of a name, where there is one for each."""
    if not isinstance(grid, Mapping):
        return grid
    try:
        return grid[name]
    except KeyError as error:
        raise UnknownNameError(f"no grid of {name!r}: grid is one for all, or one of each name", value=name) from error


def _count(workers: int | None) -> int:
    """Number of threads that `workers` asks for."""
    if workers is None:
        return 1
    count = check_index("workers", workers)
    if count == -1:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if count < 1:
        raise ArgumentError(
            f"workers is a number of threads from 1 on, -1 for all cores, or None: {workers!r}", value=workers
        )
    return count
