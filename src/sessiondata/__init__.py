"""In-memory store of intraday market sessions.

Bars of many symbols go into preallocated ring buffers; derived bars, gaps and quality are kept current with every bar;
queries are views, exports are bytes. Start with `SessionData`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sessiondata.calendars import SessionCalendar, SessionGrid, calendar
from sessiondata.errors import (
    BarError,
    BarTypeError,
    CalendarError,
    DateOutOfRangeError,
    InactiveError,
    InputError,
    IntervalError,
    SessionDataError,
    SessionStateError,
    SourceError,
    TimeError,
    UnknownNameError,
)
from sessiondata.gaps import BarArrays, GapArrays, GapInfo, aggregate, find_gaps, quality
from sessiondata.outages import ClassifiedGap
from sessiondata.series import Bar, BarSeries, BarWindow, ExtendedSlots, SeriesState
from sessiondata.session import SessionData
from sessiondata.symbol import SymbolSessionData
from sessiondata.ticks import Quote, QuoteSeries, QuoteWindow, Tick, TickSeries, TickWindow

if TYPE_CHECKING:
    from sessiondata.quality_manager import DataQualityManager

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "DataQualityManager":  # its threads are not for a plain import
        from sessiondata.quality_manager import DataQualityManager

        return DataQualityManager
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def get_include() -> str:
    """Folder for Cython's include path: ``cythonize(..., include_path=[sessiondata.get_include()])``.

    There ``from sessiondata.capi cimport sd_append`` finds its declarations. C headers are not needed.
    """
    from pathlib import Path  # a tenth of what a plain import takes

    package = Path(__file__).parent
    if (package / "capi.pxd").is_file():
        return str(package.parent)
    return str(package.parents[1] / "ext")  # used in place, where the declarations stand beside the sources


__all__ = [
    "Bar",
    "BarArrays",
    "BarError",
    "BarSeries",
    "BarTypeError",
    "BarWindow",
    "CalendarError",
    "ClassifiedGap",
    "DataQualityManager",
    "DateOutOfRangeError",
    "ExtendedSlots",
    "GapArrays",
    "GapInfo",
    "InactiveError",
    "InputError",
    "IntervalError",
    "Quote",
    "QuoteSeries",
    "QuoteWindow",
    "SeriesState",
    "SessionCalendar",
    "SessionData",
    "SessionDataError",
    "SessionGrid",
    "SessionStateError",
    "SourceError",
    "SymbolSessionData",
    "Tick",
    "TickSeries",
    "TickWindow",
    "TimeError",
    "UnknownNameError",
    "aggregate",
    "calendar",
    "find_gaps",
    "get_include",
    "quality",
]
