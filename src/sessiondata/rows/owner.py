"""What a series knows of whose it is: the symbol's native state, its zone, and what is pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sessiondata.copying import not_copied

if TYPE_CHECKING:
    from datetime import tzinfo

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata.rows.gap import GapInfo

__all__ = ["Marked", "Owner", "Pins", "SlotOwner", "computed_gaps", "reported_quality"]


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


def computed_gaps(owner: SlotOwner, k: int) -> list[GapInfo]:
    """Gaps of a series in time order, whatever is pinned."""
    return owner.core.gaps(k, owner.zone)


def reported_quality(owner: SlotOwner, k: int, expected: int, present: int) -> float:
    """Quality of a series in percent: the pinned one, or that of these counts; 100.0 where nothing
    is expected."""
    pinned = owner.pins.quality.get(k)
    if pinned is not None:
        return pinned
    return 100.0 * present / expected if expected else 100.0
