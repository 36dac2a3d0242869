"""The table of qualities, and the gaps under it, as text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sessiondata.playback.sessions import ReplaySession
    from sessiondata.rows.gap import GapInfo

__all__ = ["TableRow", "format_gaps", "format_table", "lowest_below", "rows_of"]


class TableRow(NamedTuple):
    """A line of the table, and the gaps to list under it."""

    date: str
    symbol: str
    interval: str
    bars: int
    expected: int
    missing: int
    gaps: int
    ranges: tuple[str, ...]

    @property
    def quality(self) -> str:
        """In whole hundredths, rounded down, so that 100.00 means that nothing is missing."""
        hundredths = 10_000 * (self.expected - self.missing) // self.expected if self.expected else 10_000
        return f"{hundredths // 100}.{hundredths % 100:02d}"

    def is_below(self, limit: float) -> bool:
        return 100 * (self.expected - self.missing) < limit * self.expected


def rows_of(session: ReplaySession, with_ranges: bool) -> Iterator[TableRow]:
    """A row for each interval of each symbol."""
    for name, symbol in session.data.symbols.items():
        for interval in symbol.intervals:
            bars = symbol.bars(interval)
            gaps = bars.gaps
            ranges = tuple(_range(gap, session.date) for gap in gaps) if with_ranges else ()
            counts = len(bars), bars.expected, bars.missing, len(gaps)
            yield TableRow(str(session.date), name, interval, *counts, ranges)


def _range(gap: GapInfo, date: dt.date) -> str:
    """First and last missing bar in local time, with the day where it is not the trade date."""
    first, last = (
        f"{time:%H:%M:%S}" if time.date() == date else f"{time:%Y-%m-%d %H:%M:%S}"
        for time in (gap.start_time, gap.end_time)
    )
    return f"{first} to {last}, {gap.bar_count} bars" if gap.bar_count > 1 else f"{first}, 1 bar"


def format_table(rows: Sequence[TableRow]) -> Iterator[str]:
    """Lines of the table."""
    head = ("date", "symbol", "interval", "bars", "expected", "missing", "gaps", "quality")
    lines = [head, *((*map(str, row[:7]), row.quality) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            text.ljust(width) if k < 3 else text.rjust(width)
            for k, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells)


def format_gaps(rows: Iterable[TableRow]) -> Iterator[str]:
    """Lines of the ranges of missing bars, for rows that have them."""
    for row in rows:
        if row.ranges:
            yield ""
            yield f"missing of {row.symbol} {row.interval} on {row.date}:"
            yield from (f"  {text}" for text in row.ranges)


def lowest_below(rows: Sequence[TableRow], limit: float) -> str | None:
    """A sentence about the qualities below a limit; None if there are none."""
    below = [row for row in rows if row.is_below(limit)]
    if not below:
        return None
    worst = min(below, key=lambda row: (row.expected - row.missing) / row.expected)
    return (
        f"{len(below)} of {len(rows)} qualities are below {limit:g};"
        f" the lowest is {worst.quality} of {worst.symbol} {worst.interval} on {worst.date}"
    )
