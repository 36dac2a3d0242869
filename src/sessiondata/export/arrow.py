"""Rows of bars for consumers that read Arrow: those of all symbols, or what a cursor lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sessiondata._native.out.changed_rows import ChangedRows, changed_rows
from sessiondata.arguments import check_bool, names_of
from sessiondata.store.cursor import ExportCursor, begin_export, end_export
from sessiondata.store.exclusive import exclusive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sessiondata.store.cursor import Export
    from sessiondata.store.store import StoreParts

__all__ = ["ChangedRows", "rows_of_export"]


def rows_of_export(
    store: StoreParts,
    complete: bool,
    cursor: ExportCursor,
    symbols: Iterable[str] | None,
    intervals: Iterable[str] | None,
) -> ChangedRows:
    """See `SessionData.export_arrow`."""
    complete = check_bool("complete", complete)
    return _rows(store, complete, cursor, None if symbols is None else names_of("symbols", symbols), intervals)


@exclusive("an export", claims=2)
def _rows(
    store: StoreParts,
    complete: bool,
    cursor: ExportCursor,
    symbols: Iterable[str] | None,
    intervals: Iterable[str] | None,
) -> ChangedRows:
    sequence = store.context.clock.sequence
    # times are numbers here: a delta as JSON that goes on from this has them, too
    begun = begin_export(cursor, store.registry, complete, "epoch_ns", symbols, intervals)
    resync = not complete and begun.since is None
    parts, replaced = ([], []) if resync else _all_parts(begun) if complete else _changed_parts(begun)
    made = changed_rows(parts, sequence, begun.since, resync, begun.removed, replaced)
    if not resync:
        end_export(cursor, sequence)
    return made


def _all_parts(begun: Export) -> tuple[list[Any], list[tuple[str, str]]]:
    parts: list[Any] = []
    for core in begun.native.take({}):
        for k, interval in enumerate(core.intervals):
            if begun.intervals is None or interval in begun.intervals:
                parts.append((core, k, None))
    return parts, [(core.name, core.intervals[k]) for core, k, _ in parts]


def _changed_parts(begun: Export) -> tuple[list[Any], list[tuple[str, str]]]:
    parts: list[Any] = []
    replaced: list[tuple[str, str]] = []
    for _, whole, series, _, _, core in begun.native.changes({}):
        for k, _, replace, positions in series:
            if whole or replace:
                replaced.append((core.name, core.intervals[k]))
            if positions:
                parts.append((core, k, positions))
    return parts, replaced
