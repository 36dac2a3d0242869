"""What is known of the slots of a series: all of it at one moment, and the slots outside the
session."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sessiondata.copying import not_copied
from sessiondata.rows.owner import SlotOwner

if TYPE_CHECKING:
    from sessiondata.rows.gap import GapInfo

__all__ = ["STATES", "ExtendedSlots", "SeriesState"]

#: As `_native.slots.gaps` numbers them.
STATES = ("pending", "present", "missing", "no_trade", "halted")


class SeriesState(NamedTuple):
    """What is known of the elapsed slots of a series, at one moment.

    Attributes
    ----------
    as_of_ns : int or None
        Watermark of the symbol, ns since 1970 UTC; None before the first bar.
    expected, present, missing, no_trade, halted : int
        ``present + missing + no_trade + halted == expected``.
    quality, completeness : float
        As `BarSeries` has them; the quality is the pinned one, if any is.
    gaps : list of GapInfo
        In time order, their ``bar_count`` together ``missing``; or those that are pinned.
    """

    as_of_ns: int | None
    expected: int
    present: int
    missing: int
    no_trade: int
    halted: int
    quality: float
    completeness: float
    gaps: list[GapInfo]


@not_copied("copy the store with data.copy(), or keep the numbers")
class ExtendedSlots:
    """Slots before the open and after the close in which a store with ``extended_hours`` expects
    bars; always current.

    They are those that extended bars fall in anyway: counted backwards from the open and forwards
    from the close. Expected are the ones that reach into the hours. Nothing of it is in the regular
    numbers; ``"1d"`` has none, nor has a store without ``extended_hours``. Marks are of the regular
    session, so what is absent here is missing.
    """

    __slots__ = ("_k", "_owner")

    def __init__(self, owner: SlotOwner, k: int) -> None:
        self._owner, self._k = owner, k

    def _tally(self) -> tuple[int, int]:
        present, expected, _ = self._owner.core.extended_tally(self._k)
        return present, expected

    @property
    def expected(self) -> int:
        """Elapsed slots."""
        return self._tally()[1]

    @property
    def present(self) -> int:
        """Slots among the expected with a bar on them."""
        return self._tally()[0]

    @property
    def missing(self) -> int:
        """Slots among the expected without a bar."""
        present, expected = self._tally()
        return expected - present

    @property
    def quality(self) -> float:
        """100 * present / expected; 100.0 where nothing is expected yet."""
        present, expected = self._tally()
        return 100.0 * present / expected if expected else 100.0

    @property
    def completeness(self) -> float:
        """The same as `quality`: nothing can be marked here."""
        return self.quality

    @property
    def gap_count(self) -> int:
        """Number of gaps."""
        return self._owner.core.extended_tally(self._k)[2]

    @property
    def gaps(self) -> list[GapInfo]:
        """Gaps in time order: runs of missing slots, before the open or after the close.
        O(gaps)."""
        return self._owner.core.extended_gaps(self._k, self._owner.zone)

    def __repr__(self) -> str:
        core, (present, expected) = self._owner.core, self._tally()
        quality = 100.0 * present / expected if expected else 100.0
        return (
            f"<ExtendedSlots {core.name} {core.intervals[self._k]}: {expected - present} of {expected} missing,"
            f" quality {quality:.2f}>"
        )
