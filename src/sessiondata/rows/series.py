"""The series of the bars of one interval."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeVar, overload

import numpy as np

from sessiondata.copying import not_copied
from sessiondata.rows.bars import EMPTY, Bar, BarColumns, BarWindow, fixed_window, has_hours
from sessiondata.rows.owner import SlotOwner, gap_records, reported_gaps, reported_quality
from sessiondata.rows.records import in_zone
from sessiondata.rows.slots import STATES, ExtendedSlots, SeriesState
from sessiondata.rows.window import LiveRows, Place
from sessiondata.time.instants import to_ns
from sessiondata.time.units import check_plausible

if TYPE_CHECKING:
    from datetime import tzinfo
    from typing import Any

    import numpy.typing as npt

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata._native.slots.grid import Grid
    from sessiondata.rows.gap import GapInfo

__all__ = ["BarSeries", "Glance", "glance", "in_one_session", "native_of", "owner_of", "window_at"]

_T = TypeVar("_T")

_NO_ROW = 2**62  # beyond all positions


class Glance(NamedTuple):
    """A series in one line."""

    rows: BarWindow
    newest: Bar | None
    expected: int
    missing: int
    gap_count: int
    quality: float


@not_copied("series.copy() is a window of its own, which can be")
class BarSeries(BarColumns, LiveRows[Bar, BarWindow]):
    """The bars of one interval of one symbol in the current session, oldest first; always current.

    Rows include extended ones (before the open, in breaks, after the close); gaps, quality and
    expected counts are of the session's segments only. Reading is O(1) unless noted otherwise;
    nothing is computed from the rows to answer.
    """

    __slots__ = ("_core", "_k", "_make", "_owner")

    def __init__(self, owner: SlotOwner, k: int) -> None:
        self._owner, self._core, self._k = owner, owner.core, k
        self._make = in_zone(Bar, owner.zone)._make

    # --- what it is ---

    @property
    def symbol(self) -> str:
        return self._core.name

    @property
    def interval(self) -> str:
        return self._core.intervals[self._k]

    @property
    def is_derived(self) -> bool:
        """True if the bars are aggregated from the base interval."""
        return self._k > 0

    @property
    def total_count(self) -> int:
        """Rows ever added in this session, those since overwritten included."""
        return self._core.total_count(self._k)

    @property
    def is_quality_pinned(self) -> bool:
        """Whether `quality` is what `set_quality` pinned."""
        return self._k in self._owner.pins.quality

    @property
    def _zone(self) -> tzinfo:
        return self._owner.zone

    # --- rows ---

    def _bounds(self) -> tuple[tuple[npt.NDArray[Any], ...], int, int]:
        columns, start, stop, _, _ = self._core.bounds(self._k)
        return columns or EMPTY, start, stop

    def _window(self) -> BarWindow:
        return self.window(0, None)

    def copy(self) -> BarWindow:
        """All rows as they are at one moment, whoever writes meanwhile: an independent window on
        copied arrays, which are read-only as well."""
        grid, (copies, forming_ts) = self._in_one_session(lambda: (self._core.grid, self._core.copy_rows(self._k)))
        arrays: tuple[Any, ...] = tuple(
            None if copy is None else np.frombuffer(copy, empty.dtype)
            for copy, empty in zip(copies, EMPTY, strict=True)
        )
        return fixed_window(arrays, self, grid, forming_ts)

    def _new_window(self, arrays: tuple[Any, ...], start: int, stop: int, place: Place, seq: int) -> BarWindow:
        window = BarWindow(arrays, start, stop, self, seq, place)
        # The session has just ended, and its hours are gone: it has no rows any more.
        if stop > start and (not has_hours(window) or self._core.session_id != place.session_id):
            return fixed_window(EMPTY, self, None)
        return window

    def _grid(self) -> Grid | None:
        return self._core.grid

    def _session_id(self) -> int:
        return self._core.session_id

    def _steps(self) -> tuple[int, int]:
        return self._core.steps_ns[self._k], self._core.steps_ns[0]

    def _live(self) -> tuple[tuple[Any, ...], int, int, Place]:
        while True:
            session_id = self._core.session_id
            columns, start, stop, oldest, moves = self._core.bounds(self._k)
            if self._core.session_id == session_id:
                return columns or EMPTY, start, stop, Place(session_id, moves, oldest)

    def _in_one_session(self, ask: Callable[[], _T]) -> _T:
        """What a function returns that puts several questions to native state, none of two
        sessions."""
        while True:
            session_id = self._core.session_id
            answer = ask()
            if self._core.session_id == session_id:
                return answer

    def _place(self) -> Place:
        _, _, oldest, moves = self._core.rows(self._k)
        return Place(self._core.session_id, moves, oldest)

    def _copy_rows(self, arrays: tuple[Any, ...], start: int, stop: int) -> tuple[Any, ...]:
        return self._core.copy_columns(arrays, start, stop)

    @property
    def n_base(self) -> npt.NDArray[np.int32]:
        """Base bars on their slot behind each bar, int32. A view for derived series, new ones for
        the base."""
        columns, start, stop = self._bounds()
        return np.ones(stop - start, np.int32) if columns[6] is None else columns[6][start:stop]

    @property
    def coverage(self) -> tuple[int, int]:
        """(base bars, expected base bars) behind the newest bar; (0, 0) for an empty series."""
        found = self._core.bar(self._k, -1)
        newest = None if found is None else self._bar(found)
        return (0, 0) if newest is None else (newest.n_base, newest.n_expected)

    @property
    def forming(self) -> bool:
        """Whether the newest bar is still in progress. Of the base, only bars made of trades or
        quotes ever are."""
        return self._core.forming(self._k)

    def __len__(self) -> int:
        return self._core.count(self._k)

    @overload
    def __getitem__(self, key: int) -> Bar: ...
    @overload
    def __getitem__(self, key: slice) -> BarWindow: ...
    def __getitem__(self, key: int | slice) -> Bar | BarWindow:
        """A `Bar` for an int, a `BarWindow` for a slice (a view if its step is 1, else a copy)."""
        if isinstance(key, slice):
            return self._window()[key] if key.step in (None, 1) else self.copy()[key]
        i = operator.index(key)
        found = self._core.bar(self._k, i) if abs(i) < _NO_ROW else None
        if found is None:
            raise IndexError(f"row {key} of {len(self)}")
        return self._bar(found)

    def _bar(self, found: tuple[tuple[Any, ...], bool, Grid]) -> Bar:
        (*values, n_base), forming, grid = found
        return self._make_bar(grid, values[0] if forming else None, tuple(values), n_base if self._k else 1)

    def _forming_ts(self) -> int | None:
        found = self._core.bar(self._k, -1)
        return found[0][0] if found is not None and found[1] else None

    def _make_bar(self, grid: Grid | None, forming_ts: int | None, values: tuple[Any, ...], n_base: int) -> Bar:
        assert grid is not None  # where there is a row there is a session
        n_expected = grid.base_slots(values[0], self._core.steps_ns[self._k], self._core.steps_ns[0])
        bar: Bar = self._make((*values, values[0] == forming_ts, n_expected == 0, n_base, n_expected))
        return bar

    def __iter__(self) -> Iterator[Bar]:
        return iter(self.copy())

    # --- what is missing ---

    @property
    def expected(self) -> int:
        """Elapsed slots of the session: ``present + missing + no_trade + halted``."""
        return self._core.states(self._k)[0]

    @property
    def present(self) -> int:
        """Slots among the expected with a bar on them."""
        return self._core.states(self._k)[1]

    @property
    def missing(self) -> int:
        """Slots among the expected without a bar, and without evidence that there should be
        none."""
        return self._core.states(self._k)[2]

    @property
    def no_trade(self) -> int:
        """Slots among the expected without a bar in which, as was marked, nothing traded (for a
        part of them the market may have been halted)."""
        return self._core.states(self._k)[3]

    @property
    def halted(self) -> int:
        """Slots among the expected without a bar through which, as was marked, the market was
        halted."""
        return self._core.states(self._k)[4]

    def slot_state(self, ts_ns: Any) -> str | None:
        """State of the slot of the regular session that holds a time.

        Parameters
        ----------
        ts_ns : int ns, datetime64 or aware datetime

        Returns
        -------
        {"present", "missing", "no_trade", "halted", "pending"} or None
            None outside the session's segments; pending is a slot that has not elapsed.

        Raises
        ------
        TimeError
            It is no time, or an integer of another unit (``ERR_UNIT``), as of
            `SessionData.advance_to`.
        """
        time = to_ns(ts_ns)
        state = self._core.state_at(self._k, time)
        if state >= 0:
            return STATES[state]
        if not self._core.has_early_days():
            check_plausible(time, symbol=self.symbol)
        return None

    @property
    def state(self) -> SeriesState:
        """Gaps, quality and all counts of one moment. What is read one after the other may lie on
        both sides of a bar that another thread has stored meanwhile. O(gaps)."""
        as_of, states, found, grid = self._core.answer(self._k)
        expected, present, missing, no_trade, halted = states
        pinned_gaps = self._owner.pins.gaps.get(self._k)
        return SeriesState(
            as_of, expected, present, missing, no_trade, halted,
            self._quality(expected, present),
            100.0 * (expected - missing) / expected if expected else 100.0,
            gap_records(self._owner, self._k, found, grid) if pinned_gaps is None else list(pinned_gaps),
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

    @property
    def gaps(self) -> list[GapInfo]:
        """Gaps in time order, or what `set_gaps` pinned. O(gaps)."""
        return reported_gaps(self._owner, self._k)

    @property
    def quality(self) -> float:
        """100 * present / expected, or what `set_quality` pinned; 100.0 where nothing is expected
        yet."""
        expected, present, _, _, _ = self._core.states(self._k)
        return self._quality(expected, present)

    def _quality(self, expected: int, present: int) -> float:
        return reported_quality(self._owner, self._k, expected, present)

    @property
    def completeness(self) -> float:
        """100 * (present + no_trade + halted) / expected: what is left to 100 is really
        unexplained.

        100.0 where nothing is expected yet."""
        expected, _, missing, _, _ = self._core.states(self._k)
        return 100.0 * (expected - missing) / expected if expected else 100.0

    def _repr_html_(self) -> str:
        from sessiondata.rows.html import series_html  # not needed until a notebook asks

        return series_html(self)

    def __repr__(self) -> str:
        seen, newest = self._glance(), ""
        if seen.newest is not None:
            newest = f", newest {seen.newest.datetime.isoformat(sep=' ')} close={seen.newest.close:g}"
            newest += " forming" if seen.newest.forming else ""
        return (
            f"<BarSeries {self.symbol} {self.interval}: {len(seen.rows)} bars, {seen.missing} of {seen.expected}"
            f" missing, quality {seen.quality:.2f}{newest}>"
        )

    def _glance(self) -> Glance:
        """The series in one line, all of one session: another thread may end it between two
        questions."""
        return self._in_one_session(self._look)

    def _look(self) -> Glance:
        rows, gap_count = self.window(0, None), self.gap_count
        expected, present, missing, _, _ = self._core.states(self._k)
        return Glance(
            rows, rows[-1] if len(rows) else None, expected, missing, gap_count, self._quality(expected, present)
        )


# --- what other modules of the package ask of a series ---


def native_of(series: BarSeries) -> tuple[SymbolCore, int]:
    """Native state of the symbol, and the number of the series in it."""
    return series._core, series._k


def owner_of(series: BarSeries) -> SlotOwner:
    """Whose series it is."""
    return series._owner


def window_at(
    series: BarSeries, arrays: tuple[Any, ...], start: int, stop: int, place: Place, seq: int, requested: int
) -> BarWindow:
    """A view of rows of a series of one moment, whoever has looked them up."""
    window = series._new_window(arrays, start, stop, place, seq)
    window._requested = requested
    return window


def glance(series: BarSeries) -> Glance:
    """A series in one line, all of one session."""
    return series._glance()


def in_one_session(series: BarSeries, ask: Callable[[], _T]) -> _T:
    """What a function returns that puts several questions to the symbol, none of two sessions."""
    return series._in_one_session(ask)
