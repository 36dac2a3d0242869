"""Worlds for the property tests: small sessions of every shape, and in them the library beside the
reference model."""

from __future__ import annotations

from worlds.comparison import exact, same_symbol
from worlds.history import HistoryWorld, same_history, same_panel, shifted_date
from worlds.shapes import (
    HOUR,
    INTERVALS,
    MINUTE,
    SECOND,
    SHAPES,
    bad_rows,
    bad_values,
    configurations,
    quotes,
    spans,
    step_of,
    tick_times,
    ticks,
    timestamps,
    utc,
    values,
)
from worlds.world import World, arrays_of

__all__ = [
    "HOUR",
    "INTERVALS",
    "MINUTE",
    "SECOND",
    "SHAPES",
    "HistoryWorld",
    "World",
    "arrays_of",
    "bad_rows",
    "bad_values",
    "configurations",
    "exact",
    "quotes",
    "same_history",
    "same_panel",
    "same_symbol",
    "shifted_date",
    "spans",
    "step_of",
    "tick_times",
    "ticks",
    "timestamps",
    "utc",
    "values",
]
