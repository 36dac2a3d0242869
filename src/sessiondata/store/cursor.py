"""Cursors of exports: what each consumer has been sent.

An export stops three times: at `Cursors.find`, which answers all that is asked before a document is
begun; at `begin_export`, which answers all that its text needs; at `end_export`, once that is
written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sessiondata.arguments import names_of, set_of_names
from sessiondata.copying import not_copied
from sessiondata.errors import DeltaError, UnknownNameError
from sessiondata.time.intervals import parse_interval

if TYPE_CHECKING:
    from sessiondata._native.objects.store import SymbolCore
    from sessiondata._native.out.cursor import Cursor
    from sessiondata.store.registry import Registry
    from sessiondata.store.state import SymbolState

__all__ = [
    "Export",
    "ExportCursor",
    "begin_export",
    "cursor_state",
    "end_export",
    "new_cursor",
    "resume_cursor",
]

#: What snapshots copy of a cursor, in one native step.
cursor_state = attrgetter("_name", "_timestamps", "_symbols", "_intervals", "_native", "_sequence")


@not_copied("data.copy() has cursors of its own: copy.export_cursor(name)")
class ExportCursor:
    """One consumer of exports, and what it has been sent; made by `SessionData.export_cursor`.

    A complete export through it says which symbols and intervals the consumer follows and how times
    are written. Deltas go on from there. Nothing is kept of the exports themselves.
    """

    __slots__ = ("_cores", "_intervals", "_name", "_native", "_selected", "_sequence", "_symbols", "_timestamps")

    def __init__(self, name: str | None) -> None:
        from sessiondata._native.out.cursor import Cursor  # not needed to store bars

        self._name = name
        self._native = Cursor()
        self._sequence: int | None = None
        self._timestamps: str | None = None
        self._symbols: frozenset[str] | None = None
        self._intervals: frozenset[str] | None = None
        # all of the store, from which `_selected` was made
        self._cores: list[SymbolCore] | None = None
        self._selected: list[SymbolCore] = []

    @property
    def name(self) -> str | None:
        """What it is called; None for the default one."""
        return self._name

    @property
    def sequence(self) -> int | None:
        """Sequence of the store at the last export; None if the next one has to be complete."""
        return self._sequence if self._native.is_served else None

    @property
    def timestamps(self) -> str | None:
        """How times are written; None before the first complete export."""
        return self._timestamps

    @property
    def symbols(self) -> frozenset[str] | None:
        """Names of the symbols it is about; None for all."""
        return self._symbols

    @property
    def intervals(self) -> frozenset[str] | None:
        """Names of the intervals it is about; None for all."""
        return self._intervals

    def __repr__(self) -> str:
        name = "default" if self._name is None else repr(self._name)
        return f"<ExportCursor {name}: sequence {self.sequence}>"

    def _start(
        self, registry: Registry, timestamps: str, symbols: Iterable[str] | None, intervals: Iterable[str] | None
    ) -> None:
        """Begin a complete export."""
        names = series = None
        if symbols is not None or intervals is not None:
            names, series = _checked_selection(registry, symbols, intervals)
        self._sequence = None  # first: what is known of the last export is not of this selection
        self._timestamps, self._symbols, self._intervals = timestamps, names, series
        self._cores = None
        self._native.start(self._select(registry), series, timestamps == "epoch_ms")

    def _check(self, symbols: Iterable[str] | None, intervals: Iterable[str] | None) -> None:
        """A delta selects what the complete export selected, whether it is named again or not."""
        for what, asked, held in (
            ("symbols", None if symbols is None else set_of_names("symbols", symbols), self._symbols),
            ("intervals", None if intervals is None else _intervals(intervals), self._intervals),
        ):
            if asked is not None and asked != held:
                raise DeltaError(
                    f"the {what} of a delta are those of the last complete export through its cursor,"
                    f" {'all' if held is None else sorted(held)}, not {sorted(asked)}"
                )

    def _select(self, registry: Registry) -> list[SymbolCore]:
        """Symbols of the store that are selected, in its order; the same list while the store's are
        the same."""
        cores = registry.all_cores()
        if cores is not self._cores:
            names = self._symbols
            self._selected = cores if names is None else [core for core in cores if core.name in names]
            self._cores = cores
        return self._selected


def new_cursor() -> ExportCursor:
    """A cursor of no consumer: an export through it moves nobody's."""
    return ExportCursor(None)


class Export(NamedTuple):
    """An export that has begun.

    Attributes
    ----------
    name : str or None
        Of the cursor.
    native : Cursor
        What it is written by.
    intervals : frozenset of str or None
        Those that it shows; None: all.
    since : int or None
        Sequence of the export before; None: there is none to go on from, so only a complete one can
        be served.
    removed : list of str
        Names that the consumer has been sent and that are gone.
    selected : list of SymbolCore
        Symbols, by their numbers in `native`.
    """

    name: str | None
    native: Cursor
    intervals: frozenset[str] | None
    since: int | None
    removed: list[str]
    selected: list[SymbolCore]


#: What the constructor of an `Export` does, without its call of Python.
_export: Callable[[type[Export], tuple[Any, ...]], Export] = tuple.__new__
_NONE_REMOVED: list[str] = []


def begin_export(
    cursor: ExportCursor,
    registry: Registry,
    complete: bool,
    timestamps: str,
    symbols: Iterable[str] | None,
    intervals: Iterable[str] | None,
) -> Export:
    """Begin a complete export, or a delta; one that is served ends with `end_export`. A delta that
    cannot be served is about nothing, and the cursor stays where it is."""
    if complete:
        cursor._start(registry, timestamps, symbols, intervals)
        return _export(Export, (cursor._name, cursor._native, cursor._intervals, None, _NONE_REMOVED, cursor._selected))
    if symbols is not None or intervals is not None:
        cursor._check(symbols, intervals)
    native = cursor._native
    since = cursor._sequence if native.is_served and cursor._timestamps == timestamps else None
    if since is None:
        from sessiondata._native.out.cursor import Cursor

        return Export(cursor._name, Cursor(), cursor._intervals, None, [], [])
    removed = native.go_on(cursor._select(registry))
    return _export(Export, (cursor._name, native, cursor._intervals, since, removed, cursor._selected))


def end_export(cursor: ExportCursor, sequence: int) -> None:
    """What was begun has been written: `sequence` is what its document says."""
    # as the document says: what came while it was made is in the next one, too
    cursor._sequence = sequence
    cursor._native.finish()


def resume_cursor(
    cursor: ExportCursor,
    cores: list[SymbolCore],
    timestamps: str | None,
    symbols: list[str] | None,
    intervals: list[str] | None,
    sent: tuple[int, list[str], dict[str, Any], str] | None,
) -> None:
    """Have a cursor be as it was when a store was saved, which has been loaded but for its cursors.
    `sent`: sequence, names of symbols that have left, columns and what their names begin with; None
    if the next export has to be complete."""
    cursor._timestamps = timestamps
    cursor._symbols = None if symbols is None else set_of_names("symbols", symbols)
    cursor._intervals = None if intervals is None else _intervals(intervals)
    if sent is not None:
        from sessiondata._native.out.saved_cursor import restore_cursor  # not needed to store bars

        sequence, gone, columns, prefix = sent
        selected, millis = (cursor._symbols, cursor._intervals), timestamps == "epoch_ms"
        restore_cursor(cursor._native, cores, *selected, millis, gone, columns, prefix)
        cursor._sequence = sequence


def _intervals(intervals: Iterable[str]) -> frozenset[str]:
    return frozenset(parse_interval(interval).name for interval in names_of("intervals", intervals))


def _checked_selection(
    registry: Registry, symbols: Iterable[str] | None, intervals: Iterable[str] | None
) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """Names that are there: a slip would select nothing, and nobody would notice."""
    names = None if symbols is None else set_of_names("symbols", symbols)
    chosen: Iterable[SymbolState] = registry.states.values()
    if names is not None:
        chosen = [registry.states[core] for core in registry.cores_of(sorted(names, key=str))]
    if intervals is None:
        return names, None
    chosen = list(chosen)
    series = _intervals(intervals)
    held: set[Any] = set()
    for symbol in chosen:
        held.update(symbol.core.intervals)
    if series - held:  # those of past days that were loaded
        held.update(interval.name for symbol in chosen for interval in symbol.history.intervals())
    for interval in sorted(series - held):
        raise UnknownNameError(f"no symbol that is selected holds an interval {interval!r}", value=interval)
    return names, series
