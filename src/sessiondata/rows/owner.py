"""What a series knows of whose it is: the symbol's native state, its zone, and what is pinned."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from sessiondata.copying import not_copied
from sessiondata.rows.gap import GapInfo, short_stop
from sessiondata.time.zones import from_ns

if TYPE_CHECKING:
    from datetime import tzinfo

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata._native.slots.grid import Grid

__all__ = ["Marked", "Owner", "Pins", "SlotOwner", "computed_gaps", "gap_records", "reported_gaps", "reported_quality"]


@not_copied("copy the store with data.copy()")
class Pins:
    """Gaps and quality that are reported in place of what is computed.

    Attributes
    ----------
    gaps : dict of int to list of GapInfo
        By number of the series.
    quality : dict of int to float
        Percent, by number of the series.
    """

    __slots__ = ("gaps", "quality")

    def __init__(self) -> None:
        self.gaps: dict[int, list[GapInfo]] = {}
        self.quality: dict[int, float] = {}

    def __bool__(self) -> bool:
        return bool(self.gaps or self.quality)


class SlotOwner(Protocol):
    """Whose slots a series shows: a symbol in the session under way, or on one of its past days."""

    @property
    def core(self) -> SymbolCore: ...
    @property
    def zone(self) -> tzinfo: ...
    @property
    def pins(self) -> Pins: ...


@not_copied("copy the store with data.copy()")
class Owner:
    """A `SlotOwner` of its parts."""

    __slots__ = ("core", "pins", "zone")

    def __init__(self, core: SymbolCore, zone: tzinfo, pins: Pins | None = None) -> None:
        self.core, self.zone, self.pins = core, zone, Pins() if pins is None else pins


class Marked:
    """What has evidence about its slots: a symbol, or one of its past days."""

    __slots__ = ()

    _core: SymbolCore

    @property
    def marks(self) -> dict[str, list[tuple[int, int]]]:
        """What was marked in this session, as far as the market is open: ``"no_trade"`` and
        ``"halted"``, each a list of ``(start_ns, stop_ns)``, half-open, in time order, none
        touching the next."""
        no_trade, halted = self._core.marks()
        return {"no_trade": no_trade, "halted": halted}


def reported_gaps(owner: SlotOwner, k: int) -> list[GapInfo]:
    """Gaps of a series in time order: the pinned ones, or those that are computed."""
    pinned = owner.pins.gaps.get(k)
    return computed_gaps(owner, k) if pinned is None else list(pinned)


def computed_gaps(owner: SlotOwner, k: int) -> list[GapInfo]:
    """Gaps of a series in time order, whatever is pinned."""
    return gap_records(owner, k, *owner.core.answer(k)[2:])


def reported_quality(owner: SlotOwner, k: int, expected: int, present: int) -> float:
    """Quality of a series in percent: the pinned one, or that of these counts; 100.0 where nothing
    is expected."""
    pinned = owner.pins.quality.get(k)
    if pinned is not None:
        return pinned
    return 100.0 * present / expected if expected else 100.0


def gap_records(
    owner: SlotOwner, k: int, gaps: list[tuple[int, int, int, int, int | None]], grid: Grid | None
) -> list[GapInfo]:
    """Records of the gaps that the native code has found in some hours: the session may have ended
    since."""
    if not gaps:
        return []
    core, zone = owner.core, owner.zone
    name, interval, step_ns, stops = core.name, core.intervals[k], core.steps_ns[k], _stops_of(grid)
    return [
        GapInfo(name, interval, start, end, n, count, None if last is None else from_ns(last, zone), zone,
                short_stop(stops, end, step_ns))
        for start, end, n, count, last in gaps
    ]  # fmt: skip


@lru_cache(maxsize=256)
def _stops_of(grid: Grid | None) -> list[int]:
    """Ends of the segments of a session, ns."""
    return [] if grid is None else grid.segment_stops()
