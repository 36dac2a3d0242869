"""What all exports of one form have in common while a session lasts: how times are written, and
what `meta` begins with.

It takes five times as long to make as a document of one symbol, so a store keeps it
(`Cursors.forms`) until its session is another one. Nothing of a symbol is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata._native.out.json import meta_text
from sessiondata._native.out.text import dumps_str
from sessiondata.copying import not_copied
from sessiondata.errors import ArgumentError
from sessiondata.export.format import TIMESTAMPS, json_bytes, style_of, time_formatter

if TYPE_CHECKING:
    from sessiondata._native.out.style import Style
    from sessiondata.market.calendar import SessionCalendar
    from sessiondata.market.grid import SessionGrid
    from sessiondata.store.context import StoreContext
    from sessiondata.store.cursor import Export
    from sessiondata.store.store import StoreParts

__all__ = ["Form", "check_timestamps", "form_of", "resolved", "style_for"]

_MOST = 32  # forms that are kept: each selection of intervals has its own


@not_copied("copy the store with data.copy()")
class Form:
    """How documents are written, until the session is another one.

    Attributes
    ----------
    date, grid : date or None, SessionGrid or None
        The session.
    style, format_time : Style, callable
        How times of symbols with the store's calendar are written, natively and by a function.
    beside : object
        What the writer of documents keeps with it.
    """

    __slots__ = (
        "_context", "_format_known", "_heads", "_iso", "_start_ns", "_stop_ns", "beside", "date", "format_time", "grid",
        "style",
    )  # fmt: skip

    def __init__(self, context: StoreContext, timestamps: str) -> None:
        calendar, clock = context.calendar, context.clock
        self._context, self.date, self.grid = context, clock.date, clock.grid
        self.beside: Any = None
        self.style = style_for(calendar, self.grid, timestamps)
        self.format_time = time_formatter(calendar.zone, resolved(self.grid, timestamps))
        known = "iso" if timestamps == "time" else timestamps  # how `as_of` is written
        self._iso, self._format_known = style_for(calendar, self.grid, known), time_formatter(calendar.zone, known)
        grid: SessionGrid | None = self.grid
        self._start_ns, self._stop_ns = (0, 0) if grid is None else (grid.span_start, grid.span_stop)
        self._heads = [json_bytes(self._head(complete))[:-1] for complete in (False, True)]

    def _head(self, complete: bool) -> dict[str, Any]:
        return {
            "schema": 1,
            "complete": complete,
            "session_date": None if self.date is None else self.date.isoformat(),
            "timezone": self._context.calendar.tz,
            "segments": [] if self.grid is None else list(map(self._shown_segment, self.grid.segments.tolist())),
        }

    def _shown_segment(self, segment: list[int]) -> list[str | int]:
        start, stop = map(self.format_time, segment)
        # the end of the day is behind every time of it
        return [start, "24:00:00" if stop == "00:00:00" else stop]

    def meta(self, complete: bool, as_of: int | None, sequence: int, begun: Export) -> dict[str, Any]:
        """The member `meta`."""
        shown = None if as_of is None else self._format_known(as_of)
        meta = {**self._head(complete), "as_of": shown, "sequence": sequence}
        if not complete:
            meta.update(cursor=begun.name, since=begun.since, epoch=self._context.clock.epoch)
            if begun.since is None:
                meta["resync"] = True
            if begun.removed:
                meta["removed"] = begun.removed
        return meta

    def meta_bytes(self, complete: bool, as_of: int | None, sequence: int, begun: Export) -> bytes:
        """The same as JSON."""
        if as_of is None:
            shown = b"null"
        elif self._start_ns <= as_of < self._stop_ns:
            shown = self._iso.text(as_of)
        else:
            shown = json_bytes(self._format_known(as_of))
        head = self._heads[complete]
        if complete:
            return meta_text(head, shown, sequence, None, 0, 0)
        if begun.since is None or begun.removed:
            return json_bytes(self.meta(complete, as_of, sequence, begun))
        name = b"null" if begun.name is None else dumps_str(begun.name)
        return meta_text(head, shown, sequence, name, begun.since, self._context.clock.epoch)


def form_of(store: StoreParts, timestamps: str, intervals: frozenset[str] | None) -> Form:
    """The form of a store's documents with these times and intervals (None: all)."""
    forms, clock = store.cursors.forms, store.context.clock
    key = timestamps, intervals
    form: Form | None = forms.get(key)
    if form is None or form.grid is not clock.grid or form.date is not clock.date:
        if len(forms) >= _MOST:
            forms.clear()
        form = forms[key] = Form(store.context, timestamps)
    return form


def check_timestamps(timestamps: str) -> None:
    """An `ArgumentError` unless times can be written so."""
    if timestamps not in TIMESTAMPS:
        raise ArgumentError(f"timestamps is one of {', '.join(TIMESTAMPS)}: {timestamps!r}", value=timestamps)


def style_for(calendar: SessionCalendar, grid: SessionGrid | None, timestamps: str) -> Style:
    """How times of a session are written natively."""
    # Without a session there are no rows, so any offset will do.
    offsets = (np.zeros(1, np.int64), np.zeros(1, np.int64)) if grid is None else grid.offsets()
    return style_of(resolved(grid, timestamps), calendar.zone, offsets)


def resolved(grid: SessionGrid | None, timestamps: str) -> str:
    """The form of times: "time" becomes "iso" where a time of day would be ambiguous."""
    return "iso" if timestamps == "time" and (grid is None or grid.needs_dates) else timestamps
