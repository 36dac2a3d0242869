"""What a symbol remembers, and the rows of its series that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reference.bars import COUNTERS, REASONS, Bar, Row, Values, fold
from reference.kernels import check_derived
from reference.remembered import until_changed
from reference.session import Slot
from reference.ticks import RefTicks
from reference.times import by_length, canonical

if TYPE_CHECKING:
    from reference.store import RefStore


class DailyRow(NamedTuple):
    """A day as the indicators see it."""

    row: Row
    turnover: float
    """Typical price, (high + low + close) / 3, times volume, summed over the base bars in time
    order."""
    traded: float
    """Their volumes, summed likewise."""


class SymbolRows:
    """Rows of one symbol of a store.

    Attributes
    ----------
    history : dict
        ts -> (open, high, low, close, volume) of every bar ever accepted, with its last values.
        Derived bars, gaps and quality come from here: evicting a row takes nothing away from them.
    retained : list of int
        Timestamps of the rows the ring still holds, sorted.
    newest_evicted : int or None
        Newest timestamp that the ring has let go of.
    counters, skipped : dict of int
        What became of the bars (`COUNTERS`), and of bad ones by reason (`REASONS`).
    source : {"bars", "ticks", "quotes"}, optional
        What came first, and makes the base bars.
    filled : set of int
        Starts of the slots that `fill` gave a bar while no bars fed the symbol.
    ticks_by_kind : dict of RefTicks
        Trades and quotes, by kind: ``"ticks"`` and ``"quotes"``.
    """

    def __init__(
        self,
        store: RefStore,
        name: str,
        base: str,
        derived: list[str],
        capacity: int | None,
        tick_capacities: tuple[int, int] = (65_536, 65_536),
        quote_bars: str | None = None,
    ) -> None:
        for interval in derived:
            check_derived(base, interval)
        self.store = store
        self.session = store.session
        self.name = name
        self.asked = (base, derived, capacity, tick_capacities, quote_bars)
        self.base = canonical(base)
        self.derived = sorted({canonical(interval) for interval in derived}, key=by_length)
        self.capacity = store.session.count_slots(base) if capacity is None else capacity
        assert self.capacity >= 1
        self.history: dict[int, Values] = {}
        self.answers: dict[tuple[str, str], tuple[int | None, Any]] = {}
        self._explained: dict[str, dict[int, str]] = {}
        self.no_trade: list[tuple[int, int]] = []
        self.halted: list[tuple[int, int]] = []
        self.retries: dict[str, dict[int, tuple[int, int]]] = {}
        self.retained: list[int] = []
        self.newest_evicted: int | None = None
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.skipped = dict.fromkeys(REASONS, 0)
        self.source: str | None = None
        self.filled: set[int] = set()
        self.quote_bars = quote_bars
        self.ticks_by_kind = {"ticks": RefTicks(tick_capacities[0]), "quotes": RefTicks(tick_capacities[1])}

    def __getstate__(self) -> dict[str, Any]:
        """A copy answers for itself."""
        return {**self.__dict__, "answers": {}, "_explained": {}}

    # -- intervals

    def intervals(self) -> list[str]:
        """Intervals shown: the base, then the derived ones ascending."""
        return [self.base, *self.derived]

    def levels(self) -> list[str]:
        """Derived intervals maintained, ascending: those shown, and always 1d."""
        return sorted({*self.derived, "1d"}, key=by_length)

    def parent(self, interval: str) -> str:
        """Interval whose bars an interval is folded from: the longest shorter one that divides it,
        else the base."""
        shorter = [name for name in [self.base, *self.levels()] if by_length(name) < by_length(interval)]
        if interval == "1d":
            return shorter[-1]
        # the base always does
        return [name for name in shorter if by_length(interval) % by_length(name) == 0][-1]

    # -- reading

    def as_of(self) -> int | None:
        """Return the later of the store's clock less its grace and the end of the newest row; None
        before both. A trade or quote that makes bars proves no more than its own time, a filled
        slot that it is over."""
        times = [] if self.store.clock is None else [self.store.clock - self.store.grace]
        if self.source in ("ticks", "quotes"):
            times.append(self.ticks_by_kind[self.source].accepted[-1][0])
            # over when they were filled
            if self.filled:
                times.append(self.session.bar_end(max(self.filled), self.base))
        elif self.retained:
            times.append(self.session.bar_end(self.retained[-1], self.base))
        return max(times, default=None)

    @until_changed
    def bars(self, interval: str) -> list[Bar]:
        """List the rows of a series: the retained base bars, or all derived bars.

        Parameters
        ----------
        interval : str
            The base, a derived interval, or ``"1d"``.

        Returns
        -------
        list of Bar
            In time order, regular and extended ones (``"1d"``: regular only).
        """
        every = self._all_bars(interval)
        if interval == self.base:
            retained = set(self.retained)
            return [bar for bar in every if bar.ts in retained]
        return every

    @until_changed
    def _all_bars(self, interval: str) -> list[Bar]:
        if interval == self.base:
            return [self._base_bar(ts) for ts in sorted(self.history)]
        bars = self._all_bars(self.parent(interval))
        if interval == "1d":
            bars = [bar for bar in bars if bar.regular]
        groups: dict[Slot, list[Bar]] = {}
        for bar in bars:
            groups.setdefault(self.session.slot_in(bar.region, bar.ts, interval), []).append(bar)
        return [self._derived_bar(slot, members, interval) for slot, members in groups.items()]

    def _base_bar(self, ts: int) -> Bar:
        region = self.session.region_of(ts)
        assert region is not None
        slot = self.session.slot_in(region, ts, self.base)
        return Bar(
            ts,
            *self.history[ts],
            stop=self.session.bar_end(ts, self.base),
            region=region,
            n_base=int(slot.start == ts),
            n_expected=int(region.regular),
        )

    def _derived_bar(self, slot: Slot, members: list[Bar], interval: str) -> Bar:
        return Bar(
            slot.start,
            *fold([bar.row[1:] for bar in members]),
            stop=slot.stop,
            region=members[0].region,
            n_base=sum(bar.n_base for bar in members),
            n_expected=self.session.count_base_slots(slot, interval, self.base),
        )

    def total_count(self, interval: str) -> int:
        """Count the rows ever added to a series. Derived ones are never evicted."""
        return len(self._all_bars(interval))

    @until_changed
    def coverage(self, interval: str) -> list[tuple[int, int]]:
        """(n_base, n_expected) of each derived bar."""
        return [(bar.n_base, bar.n_expected) for bar in self.bars(interval)]

    def forming(self, interval: str) -> bool:
        """Whether the newest bar is still in progress; of the base only if it is not made of
        streamed bars."""
        bars, as_of = self.bars(interval), self.as_of()
        if interval == self.base and self.source in ("ticks", "quotes"):
            if not bars:  # all quotes lacked a side
                return False
            slot = self.session.slot_of(bars[-1].ts, self.base)
            assert slot is not None
            assert as_of is not None
            return as_of < slot.stop
        return interval != self.base and bool(bars) and as_of is not None and as_of < bars[-1].stop

    def daily_row(self) -> DailyRow | None:
        """The session's bar, and the sums of its average price: over the retained regular bars, in
        time order."""
        turnover = traded = 0.0
        for ts in self.retained:
            if self.session.is_regular(ts):
                _, high, low, close, volume = self.history[ts]
                turnover += (high + low + close) / 3 * volume
                traded += volume
        day = self._all_bars("1d")
        return DailyRow(day[0].row, turnover, traded) if day else None

    @until_changed
    def timestamps(self, interval: str) -> list[int]:
        """Timestamps that make slots present: of all bars ever, evicted or not."""
        return [bar.ts for bar in self._all_bars(interval) if bar.regular]

    def metrics(self) -> dict[str, Any]:
        """Session metrics of the regular bars, which the 1d bar holds, and of the extended ones
        apart.

        Returns
        -------
        dict
            volume (float, 0.0 before the first bar), high, low (float or None), last_update (ts of
            the newest base bar or None) and extended: the same of extended bars, with count, the
            number of them.
        """
        day = self._all_bars("1d")
        extended = [bar for bar in self._all_bars(self.parent("1d")) if not bar.regular]
        regular_ts = [ts for ts in sorted(self.history) if self.session.is_regular(ts)]
        extended_ts = [ts for ts in sorted(self.history) if not self.session.is_regular(ts)]
        return {
            **self._summary([bar.row[1:] for bar in day]),
            "last_update": max(regular_ts, default=None),
            "extended": {
                **self._summary([bar.row[1:] for bar in extended]),
                "count": len(extended_ts),
                "last_update": max(extended_ts, default=None),
            },
        }

    @staticmethod
    def _summary(rows: list[Values]) -> dict[str, Any]:
        if not rows:
            return {"volume": 0.0, "high": None, "low": None}
        _, high, low, _, volume = fold(rows)
        return {"volume": volume, "high": high, "low": low}

    def inconsistent(self) -> int:
        """Rows that are kept whose open or close lies outside [low, high]."""
        rows = [self.history[ts] for ts in self.retained]
        return sum(not (lo <= o <= hi and lo <= c <= hi) for o, hi, lo, c, _ in rows)
