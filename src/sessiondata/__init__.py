"""In-memory store of intraday market sessions.

Bars of many symbols go into preallocated ring buffers; derived bars, gaps and quality are kept
current with every bar; queries are views, exports are bytes. Start with `SessionData`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sessiondata.errors import (
    ArgumentError,
    ArgumentTypeError,
    BarError,
    BarTypeError,
    BufferTooSmallError,
    CalendarError,
    ClosedBarsLostError,
    DateOutOfRangeError,
    DeltaError,
    InactiveError,
    InputError,
    InputKindError,
    IntervalError,
    LaterSessionError,
    ReentrantCallError,
    SessionDataError,
    SessionStateError,
    SnapshotError,
    TimeError,
    UnknownNameError,
)
from sessiondata.market.calendar import SessionCalendar, calendar
from sessiondata.market.grid import SessionGrid
from sessiondata.rows.bars import Bar, BarWindow
from sessiondata.rows.gap import GapInfo
from sessiondata.rows.series import BarSeries
from sessiondata.rows.slots import ExtendedSlots, SeriesState
from sessiondata.store.store import SessionData
from sessiondata.store.symbol import SymbolSessionData

if TYPE_CHECKING:
    from sessiondata.batch.kernels import BarArrays, GapArrays, aggregate, find_gaps, quality
    from sessiondata.export.arrow import ChangedRows
    from sessiondata.export.delta import apply_delta
    from sessiondata.export.orjson import orjson_default
    from sessiondata.monitor.gap_log import GapAttempt, GapRecord
    from sessiondata.monitor.manager import DataQualityManager
    from sessiondata.rows.ticks import Quote, QuoteSeries, QuoteWindow, Tick, TickSeries, TickWindow
    from sessiondata.store.closed_bars import ClosedBar, ClosedBarArrays, ClosedBarFeed
    from sessiondata.store.cursor import ExportCursor
    from sessiondata.store.day import HistoricalDay
    from sessiondata.store.historical import HistoricalBars
    from sessiondata.store.outages import ClassifiedGap
    from sessiondata.store.panel import Panel

__version__ = "0.1.0"


# Modules of what most programs never ask for: imported when it is.
_LAZY = {
    "BarArrays": "sessiondata.batch.kernels",
    "ChangedRows": "sessiondata.export.arrow",
    "ClassifiedGap": "sessiondata.store.outages",
    "ClosedBar": "sessiondata.store.closed_bars",
    "ClosedBarArrays": "sessiondata.store.closed_bars",
    "ClosedBarFeed": "sessiondata.store.closed_bars",
    "DataQualityManager": "sessiondata.monitor.manager",
    "ExportCursor": "sessiondata.store.cursor",
    "GapArrays": "sessiondata.batch.kernels",
    "GapAttempt": "sessiondata.monitor.gap_log",
    "GapRecord": "sessiondata.monitor.gap_log",
    "HistoricalBars": "sessiondata.store.historical",
    "HistoricalDay": "sessiondata.store.day",
    "Panel": "sessiondata.store.panel",
    "Quote": "sessiondata.rows.ticks",
    "QuoteSeries": "sessiondata.rows.ticks",
    "QuoteWindow": "sessiondata.rows.ticks",
    "Tick": "sessiondata.rows.ticks",
    "TickSeries": "sessiondata.rows.ticks",
    "TickWindow": "sessiondata.rows.ticks",
    "aggregate": "sessiondata.batch.kernels",
    "apply_delta": "sessiondata.export.delta",
    "find_gaps": "sessiondata.batch.kernels",
    "orjson_default": "sessiondata.export.orjson",
    "quality": "sessiondata.batch.kernels",
}


if not TYPE_CHECKING:  # or no name would be unknown to a type checker

    def __getattr__(name: str) -> Any:
        if name in _LAZY:
            from importlib import import_module

            value = globals()[name] = getattr(import_module(_LAZY[name]), name)
            return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


def load(path: Any) -> SessionData:
    """Make a store of what `SessionData.save` has written.

    Parameters
    ----------
    path : str, path-like or binary file object
        A file object is read from where it stands to the end of the snapshot and no further. It
        need not be able to seek, and is not closed.

    Returns
    -------
    SessionData
        It answers every question as the saved store did, and goes on as that would have gone on,
        with deltas for every cursor (of a file from before there were cursors in it, each begins
        with a complete export). Handles of compiled callers, series and windows are of the other
        store: new ones are asked for here.

    Raises
    ------
    SnapshotError
        The file is damaged, not whole, no snapshot, or of a newer version; or it names a calendar
        that is not known here, such as one of exchange_calendars where that is not installed. Names
        path, part and rule.
    ArgumentError
        It is neither path nor file object, or the ``read`` of a file object gives no bytes, more
        than it was asked for, or fails (closed). One that gives fewer is asked for the rest.
    OSError
        It cannot be read.

    Notes
    -----
    Lengths and checksums of the whole file are looked at before anything is made of it; then one
    session at a time is read. A store reserves what it reserved when it was made; memory is touched
    for the rows alone.
    """
    from sessiondata.snapshot.load import load as load_snapshot  # not needed until somebody loads

    return load_snapshot(path)


def loads(content: Any) -> SessionData:
    """Make a store of what `SessionData.dumps` has made, or of the bytes of a file.

    Parameters
    ----------
    content : bytes-like
        All of a snapshot, and nothing behind it.

    Returns
    -------
    SessionData
        As for `load`.

    Raises
    ------
    SnapshotError
        As for `load`; its path is ``"<bytes>"``.
    ArgumentTypeError
        It is no bytes.
    """
    from sessiondata.snapshot.load import loads as load_snapshot

    return load_snapshot(content)


def get_include() -> str:
    """Folder for Cython's include path: ``cythonize(...,
    include_path=[sessiondata.get_include()])``.

    There ``from sessiondata.capi cimport sd_append`` finds its declarations. C headers are not
    needed.
    """
    from pathlib import Path  # a tenth of what a plain import takes

    package = Path(__file__).parent
    if (package / "capi.pxd").is_file():
        return str(package.parent)
    # used in place, where the declarations stand beside the sources
    return str(package.parents[1] / "ext")


__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "Bar",
    "BarArrays",
    "BarError",
    "BarSeries",
    "BarTypeError",
    "BarWindow",
    "BufferTooSmallError",
    "CalendarError",
    "ChangedRows",
    "ClassifiedGap",
    "ClosedBar",
    "ClosedBarArrays",
    "ClosedBarFeed",
    "ClosedBarsLostError",
    "DataQualityManager",
    "DateOutOfRangeError",
    "DeltaError",
    "ExportCursor",
    "ExtendedSlots",
    "GapArrays",
    "GapAttempt",
    "GapInfo",
    "GapRecord",
    "HistoricalBars",
    "HistoricalDay",
    "InactiveError",
    "InputError",
    "InputKindError",
    "IntervalError",
    "LaterSessionError",
    "Panel",
    "Quote",
    "QuoteSeries",
    "QuoteWindow",
    "ReentrantCallError",
    "SeriesState",
    "SessionCalendar",
    "SessionData",
    "SessionDataError",
    "SessionGrid",
    "SessionStateError",
    "SnapshotError",
    "SymbolSessionData",
    "Tick",
    "TickSeries",
    "TickWindow",
    "TimeError",
    "UnknownNameError",
    "aggregate",
    "apply_delta",
    "calendar",
    "find_gaps",
    "get_include",
    "load",
    "loads",
    "orjson_default",
    "quality",
]
