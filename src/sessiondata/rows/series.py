"""The series of the bars of one interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sessiondata._native.objects.series import LiveBars, native_of, owner_of
from sessiondata.copying import not_copied
from sessiondata.rows.owner import reported_quality
from sessiondata.rows.slots import ExtendedSlots, SeriesState

if TYPE_CHECKING:
    from sessiondata.rows.bars import Bar, BarWindow

__all__ = ["BarSeries", "Glance", "glance", "in_one_session", "native_of", "owner_of"]

_T = TypeVar("_T")


class Glance(NamedTuple):
    """A series in one line."""

    rows: BarWindow
    newest: Bar | None
    expected: int
    missing: int
    gap_count: int
    quality: float


@not_copied("series.copy() is a window of its own, which can be")
class BarSeries(LiveBars):
    """The bars of one interval of one symbol in the current session, oldest first; always current.

    Rows include extended ones (before the open, in breaks, after the close); gaps, quality and
    expected counts are of the session's segments only. Reading is O(1) unless noted otherwise;
    nothing is computed from the rows to answer.
    """

    __slots__ = ()

    # What is asked for each bar is native (`LiveBars`): records, columns, windows, counts.

    @property
    def is_quality_pinned(self) -> bool:
        """Whether `quality` is what `set_quality` pinned."""
        return self._k in self._owner.pins.quality

    @property
    def state(self) -> SeriesState:
        """Gaps, quality and all counts of one moment. What is read one after the other may lie on
        both sides of a bar that another thread has stored meanwhile. O(gaps)."""
        as_of, states, gaps = self._core.answer(self._k, self.zone)
        expected, present, missing, no_trade, halted = states
        pinned_gaps = self._owner.pins.gaps.get(self._k)
        return SeriesState(
            as_of, expected, present, missing, no_trade, halted,
            reported_quality(self._owner, self._k, expected, present),
            100.0 * (expected - missing) / expected if expected else 100.0,
            gaps if pinned_gaps is None else list(pinned_gaps),
        )  # fmt: skip

    @property
    def extended_slots(self) -> ExtendedSlots:
        """What is expected of this series outside the session's segments, in a store with
        ``extended_hours``."""
        return ExtendedSlots(self._owner, self._k)

    @property
    def gap_count(self) -> int:
        """Number of gaps. O(segments), and marks in time after the newest bar."""
        pinned = self._owner.pins.gaps.get(self._k)
        return self._core.gap_count(self._k) if pinned is None else len(pinned)

    def _repr_html_(self) -> str:
        from sessiondata.rows.html import series_html  # not needed until a notebook asks

        return series_html(self)

    def __repr__(self) -> str:
        seen, newest = glance(self), ""
        if seen.newest is not None:
            newest = f", newest {seen.newest.datetime.isoformat(sep=' ')} close={seen.newest.close:g}"
            newest += " forming" if seen.newest.forming else ""
        return (
            f"<BarSeries {self.symbol} {self.interval}: {len(seen.rows)} bars, {seen.missing} of {seen.expected}"
            f" missing, quality {seen.quality:.2f}{newest}>"
        )

    def _look(self) -> Glance:
        rows, gap_count = self.window(0, None), self.gap_count
        expected, present, missing, _, _ = self._core.states(self._k)
        return Glance(
            rows,
            rows[-1] if len(rows) else None,
            expected,
            missing,
            gap_count,
            reported_quality(self._owner, self._k, expected, present),
        )


def glance(series: BarSeries) -> Glance:
    """A series in one line, all of one session."""
    return in_one_session(series, series._look)


def in_one_session(series: BarSeries, ask: Callable[[], _T]) -> _T:
    """What a function returns that puts several questions to the symbol, none of two sessions:
    another thread may end one between two questions."""
    core, _ = native_of(series)
    while True:
        session_id = core.session_id
        answer = ask()
        if core.session_id == session_id:
            return answer
