"""Cursors of exports: which consumer has seen what."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sessiondata.arguments import names_of
from sessiondata.copying import not_copied
from sessiondata.errors import ArgumentTypeError, DeltaError, UnknownNameError
from sessiondata.intervals import parse_interval

if TYPE_CHECKING:
    from sessiondata._cursor import Cursor
    from sessiondata._store import SymbolCore
    from sessiondata.session import SessionData
    from sessiondata.symbol import SymbolSessionData

__all__ = ["TOLD", "ExportCursor"]

#: What of a cursor is said natively, with nothing of Python in between.
TOLD = attrgetter("_name", "_timestamps", "_symbols", "_intervals", "_native", "_sequence")


@not_copied("data.copy() has cursors of its own: copy.export_cursor(name)")
class ExportCursor:
    """One consumer of exports, and what it has been shown; made by `SessionData.export_cursor`.

    A complete export through it says which symbols and intervals the consumer follows and how times are written. Deltas
    go on from there. Nothing is kept of the exports themselves.
    """

    __slots__ = ("_cores", "_intervals", "_name", "_native", "_selected", "_sequence", "_symbols", "_timestamps")

    def __init__(self, name: str | None) -> None:
        from sessiondata._cursor import Cursor  # not needed to store bars

        self._name = name
        self._native = Cursor()
        self._sequence: int | None = None
        self._timestamps: str | None = None
        self._symbols: frozenset[str] | None = None
        self._intervals: frozenset[str] | None = None
        self._cores: list[SymbolCore] | None = None  # all of the store, of which `_selected` was taken
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

    # --- what `export` needs ---

    def _start(
        self,
        data: SessionData,
        timestamps: str,
        symbols: Iterable[str] | None,
        intervals: Iterable[str] | None,
    ) -> Cursor:
        """Begin a complete export."""
        names, series = _checked_selection(data, symbols, intervals)
        self._sequence = None  # first: what is known of the last export is not of this selection
        self._timestamps, self._symbols, self._intervals = timestamps, names, series
        self._cores = None
        self._native.start(self._select(data), series, timestamps == "epoch_ms")
        return self._native

    def _check(self, symbols: Iterable[str] | None, intervals: Iterable[str] | None) -> None:
        """A delta selects what the complete export selected, whether that is said again or not."""
        for what, given, held in (
            ("symbols", None if symbols is None else _names(symbols), self._symbols),
            ("intervals", None if intervals is None else _intervals(intervals), self._intervals),
        ):
            if given is not None and given != held:
                raise DeltaError(
                    f"the {what} of a delta are those of the last complete export through its cursor,"
                    f" {'all' if held is None else sorted(held)}, not {sorted(given)}"
                )

    def _select(self, data: SessionData) -> list[SymbolCore]:
        """Symbols of the store that are selected, in its order; the same list while the store's are the same."""
        cores = data._all_cores()
        if cores is not self._cores:
            names = self._symbols
            self._selected = cores if names is None else [core for core in cores if core.name in names]
            self._cores = cores
        return self._selected

    def _finish(self, sequence: int) -> None:
        self._sequence = sequence  # as the document says: what came while it was made is in the next one, too
        self._native.finish()

    # --- what `snapshot` needs ---

    def _resume(
        self,
        data: SessionData,
        timestamps: str | None,
        symbols: list[str] | None,
        intervals: list[str] | None,
        shown: tuple[int, list[str], dict[str, Any], str] | None,
    ) -> None:
        """Be as it was when a store was saved, which has been loaded but for its cursors. `shown`: sequence, names of
        symbols that have left, columns and what their names begin with; None if the next export has to be complete."""
        self._timestamps = timestamps
        self._symbols = None if symbols is None else _names(symbols)
        self._intervals = None if intervals is None else _intervals(intervals)
        if shown is not None:
            sequence, gone, columns, prefix = shown
            millis = timestamps == "epoch_ms"
            self._native.restore(data._all_cores(), self._symbols, self._intervals, millis, gone, columns, prefix)
            self._sequence = sequence


def _names(symbols: Iterable[str]) -> frozenset[str]:
    names = names_of("symbols", symbols)
    try:
        return frozenset(names)
    except TypeError:  # a list is no name
        raise ArgumentTypeError(f"symbols are a list of names: {names!r}", value=names) from None


def _intervals(intervals: Iterable[str]) -> frozenset[str]:
    return frozenset(parse_interval(interval).name for interval in names_of("intervals", intervals))


def _checked_selection(
    data: SessionData, symbols: Iterable[str] | None, intervals: Iterable[str] | None
) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """Names that are there: a slip would show nothing, and nobody would notice."""
    names = None if symbols is None else _names(symbols)
    chosen: Iterable[SymbolSessionData] = data.symbols.values()
    if names is not None:
        chosen = [data.get_symbol_data(name) for name in sorted(names, key=str)]
    if intervals is None:
        return names, None
    series = _intervals(intervals)
    held: set[Any] = set()
    for symbol in chosen:
        held.update(symbol.intervals)
    if series - held:  # those of past days that were loaded
        held.update(interval.name for symbol in chosen for interval in symbol._history.intervals())
    for interval in sorted(series - held):
        raise UnknownNameError(f"no symbol that is selected holds an interval {interval!r}", value=interval)
    return names, series
