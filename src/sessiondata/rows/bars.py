"""One bar, and windows of bars: what the native types are to the rest of the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sessiondata._native.objects.bars import BarKind, bar_end_ns, bar_zone, like_bar, pickled_bar, set_bar_class
from sessiondata._native.objects.window import (
    BarColumns,
    BarWindow,
    fixed_window,
    immutable,
    parts_of,
    show_with,
    window_of,
)
from sessiondata.time.zones import from_ns

if TYPE_CHECKING:
    import datetime as dt
    from datetime import tzinfo
    from typing import Any

    import numpy as np
    import numpy.typing as npt

__all__ = [
    "Bar",
    "BarColumns",
    "BarKind",
    "BarWindow",
    "WindowContent",
    "content_of",
    "fixed_window",
    "immutable",
    "window_of",
]


class Bar(NamedTuple):
    """One bar.

    Attributes
    ----------
    timestamp : int
        Open time, ns since 1970 UTC; of a derived bar the start of its slot.
    open, high, low, close, volume : float
    forming : bool
        The bar's slot has not elapsed; its values may still grow.
    extended : bool
        The bar lies outside the session's segments.
    n_base, n_expected : int
        Coverage: base bars on their slot behind this bar, of how many expected (0 for extended
        bars).
    """

    timestamp: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    forming: bool = False
    extended: bool = False
    n_base: int = 1
    n_expected: int = 1

    # Neither zone nor end is a field: they would be part of every comparison of two bars.

    @property
    def zone(self) -> tzinfo:
        """The exchange's; UTC of a record that was made by hand."""
        return bar_zone(self)

    @property
    def datetime(self) -> dt.datetime:
        """Open time, aware, in the exchange's zone, rounded down to a microsecond."""
        return from_ns(self.timestamp, bar_zone(self))

    @property
    def end_ns(self) -> int | None:
        """Where the bar's slot ends, ns since 1970 UTC: a whole interval after its start, or where
        the segment ends that cuts it. None of a record that was made by hand."""
        return bar_end_ns(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return pickled_bar(self)


def _replace(self: Bar, /, **changes: Any) -> Bar:
    """A bar with some other fields, of the same zone."""
    return like_bar(_with_fields(self, **changes), self)


_with_fields = Bar._replace
Bar._replace = _replace  # type: ignore[method-assign, assignment]
set_bar_class(Bar)


def _frames() -> Any:
    from sessiondata.rows import frames  # not needed until somebody asks for a frame

    return frames


def _html() -> Any:
    from sessiondata.rows import html  # not needed until a notebook asks

    return html


show_with(_frames, _html)


class WindowContent(NamedTuple):
    """What frames and other views are made of.

    Attributes
    ----------
    columns : tuple of ndarray
        time, open, high, low, close, volume of the rows, shape (n,); views.
    n_base : ndarray of int32 or None
        None for rows of a base interval.
    grid : Grid or None
        Hours of the rows.
    forming_ts : int or None
        Time of the bar in progress.
    is_derived : bool
    """

    columns: tuple[npt.NDArray[Any], ...]
    n_base: npt.NDArray[np.int32] | None
    grid: Any
    forming_ts: int | None
    is_derived: bool


def content_of(window: BarWindow) -> WindowContent:
    """What a window shows, without its names."""
    return WindowContent(*parts_of(window))
