"""Gaps across symbols: an outage of the feed, or a stretch in which a symbol was quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sessiondata._native.objects.outage import count_missing
from sessiondata.arguments import check_real
from sessiondata.errors import ArgumentError
from sessiondata.rows.series import native_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata.rows.gap import GapInfo
    from sessiondata.store.state import SymbolState

__all__ = ["ClassifiedGap", "classify_gaps"]


class ClassifiedGap(NamedTuple):
    """A gap, what it looks like beside the other symbols, and the evidence.

    Attributes
    ----------
    gap : GapInfo
    kind : {"outage", "quiet", "unknown"}
        Most of the active symbols miss the same slots; they do not; there is none to compare with.
    n_missing : int
        Other active symbols that miss most of the gap's slots.
    n_active : int
        Other symbols that hold the interval and are active outside the gap (in it, where nothing
        lies outside).
    """

    gap: GapInfo
    kind: str
    n_missing: int
    n_active: int

    @property
    def share(self) -> float:
        """``n_missing / n_active``; 0.0 where no symbol is active."""
        return self.n_missing / self.n_active if self.n_active else 0.0


def classify_gaps(
    symbols: Iterable[SymbolState], interval: str | None, outage_share: float, active_share: float
) -> list[ClassifiedGap]:
    """See `SessionData.classify_gaps`."""
    for name, share in (("outage_share", outage_share), ("active_share", active_share)):
        if not 0.0 <= check_real(name, share) <= 1.0:
            raise ArgumentError(f"{name} lies between 0 and 1: {share}", value=share)
    held: dict[str, list[tuple[SymbolCore, int]]] = {}
    for symbol in symbols:
        for k, name in enumerate(symbol.core.intervals):
            held.setdefault(name, []).append((symbol.core, k))
    seen: dict[tuple[str, int, int], tuple[int, int]] = {}  # symbols often miss the very same slots
    found = []
    for symbol in symbols:
        if interval is not None and interval not in symbol.core.intervals:
            continue
        symbol.context.check_active()
        series = symbol.series[symbol.core.intervals[0] if interval is None else interval]
        for gap in series.gaps:
            span = (gap.start_ns, gap.end_ns + 1)
            key = (series.interval, *span)
            if key not in seen:
                seen[key] = count_missing(held[series.interval], *span, active_share)
            own = count_missing([native_of(series)], *span, active_share)
            n_missing, n_active = (both - mine for both, mine in zip(seen[key], own, strict=True))
            kind = "unknown" if n_active == 0 else "outage" if n_missing > outage_share * n_active else "quiet"
            found.append(ClassifiedGap(gap, kind, n_missing, n_active))
    return found
