"""Consumers of closed bars: how they are made and named, and what Python has to tell them.

SessionData.closed_bars ──► Feeds.get ──► ClosedBarFeed (native): compares, announces
                                             ▲ rows_of: rows that history makes of several
                                             ▲ make_of: records in the exchange's zone
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sessiondata._native.objects.closed_bars import ClosedBar, ClosedBarFeed, ClosedBarHub
from sessiondata.arguments import names_of, set_of_names
from sessiondata.copying import not_copied
from sessiondata.errors import ArgumentError, UnknownNameError
from sessiondata.store.exclusive import exclusive
from sessiondata.store.settings import check_text
from sessiondata.time.intervals import parse_interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from sessiondata._native.objects.store import SymbolCore
    from sessiondata.store.context import StoreContext
    from sessiondata.store.registry import Registry
    from sessiondata.store.settings import StoreSettings

__all__ = [
    "ClosedBar",
    "ClosedBarArrays",
    "ClosedBarFeed",
    "FeedState",
    "Feeds",
    "feed_states",
    "feeds_of",
    "resume_feed",
]


class ClosedBarArrays(NamedTuple):
    """Closed bars as columns, in the order of `ClosedBarFeed.drain`.

    Attributes
    ----------
    symbols, intervals : tuple of str
        What `symbol` and `interval` are indices of.
    symbol : ndarray of int32, shape (n,)
    interval : ndarray of int16
    revised : ndarray of bool
        False: the bar has closed. True: it has changed since it was announced.
    ts_ns : ndarray of int64
        Start of the bar, ns since 1970 UTC.
    open, high, low, close, volume : ndarray of float64
    n_base, n_expected : ndarray of int32
        Coverage, as of a `Bar`.
    extended : ndarray of bool
    end_ns : ndarray of int64
        End of the bar's slot.
    """

    symbols: tuple[str, ...]
    intervals: tuple[str, ...]
    symbol: npt.NDArray[Any]
    interval: npt.NDArray[Any]
    revised: npt.NDArray[Any]
    ts_ns: npt.NDArray[Any]
    open: npt.NDArray[Any]
    high: npt.NDArray[Any]
    low: npt.NDArray[Any]
    close: npt.NDArray[Any]
    volume: npt.NDArray[Any]
    n_base: npt.NDArray[Any]
    n_expected: npt.NDArray[Any]
    extended: npt.NDArray[Any]
    end_ns: npt.NDArray[Any]


@not_copied("copy the store with data.copy()")
class Feeds:
    """The consumers of a store's closed bars.

    Attributes
    ----------
    context : StoreContext
    hub : ClosedBarHub
        What they share.
    named : dict of str to ClosedBarFeed
        Those that the store keeps. The others live as long as somebody holds them.
    """

    __slots__ = ("_has_capacity", "_registry", "context", "hub", "named")

    def __init__(self, context: StoreContext, registry: Registry, has_capacity: bool) -> None:
        self.context, self._registry, self._has_capacity = context, registry, has_capacity
        self.hub = ClosedBarHub(registry, context.clock, self._rows_of, ClosedBarArrays)
        self.named: dict[str, ClosedBarFeed] = {}

    def _rows_of(self, core: SymbolCore, k: int, entry: tuple[Any, ...]) -> tuple[Any, Any]:
        """Columns of series `k` on a past date, and the hours of that."""
        day, supplied, kept, date = entry
        history = self._registry.states[core].history
        columns = history.columns_of(parse_interval(core.intervals[k]), date, day, supplied[k], kept)
        return tuple(map(np.ascontiguousarray, columns)), history.calendar.session(date).compiled

    @exclusive("closed_bars()")
    def get(
        self, intervals: Any, symbols: Any, name: str | None, backlog: bool, callback: Callable[[ClosedBar], Any] | None
    ) -> ClosedBarFeed:
        """See `SessionData.closed_bars`."""
        names = None if symbols is None else set_of_names("symbols", symbols)
        series = _intervals(intervals)
        held = self.named.get(name) if isinstance(name, str) else None
        if held is not None and held.is_closed:
            held = None
        if held is not None:
            if (held.intervals, held.symbols) != (series, names):
                raise ArgumentError(
                    f"the consumer {name!r} follows {', '.join(held.intervals)} of"
                    f" {'all symbols' if held.symbols is None else sorted(held.symbols)}; close() it first",
                    value=name,
                )
            if callback is not None:
                held.callback = callback
            return held
        self._check_selection(names, series)
        if name is not None:
            name = check_text(name, "a consumer's name")
        feed = self.add(name, series, names, callback)
        if not backlog:
            feed.forget()
        elif self._has_capacity:
            feed.begin()
        return feed

    def add(
        self,
        name: str | None,
        intervals: tuple[str, ...],
        symbols: frozenset[str] | None,
        callback: Callable[[ClosedBar], Any] | None,
    ) -> ClosedBarFeed:
        """Have one more consumer, who has been told nothing."""
        feed = ClosedBarFeed(self.hub, name, intervals, symbols, callback, self._has_capacity)
        self.hub.join(feed)
        if name is not None:
            self.named[name] = feed
        return feed

    def _check_selection(self, names: frozenset[str] | None, series: tuple[str, ...]) -> None:
        """Names that are there: a slip would select nothing, and nobody would notice."""
        states = self._registry.states
        chosen = list(states) if names is None else self._registry.cores_of(sorted(names, key=str))
        held = {interval for core in chosen for interval in core.intervals}
        for interval in series:
            if chosen and interval not in held:
                raise UnknownNameError(
                    f"no symbol that is selected holds an interval {interval!r}; they hold {', '.join(sorted(held))}",
                    value=interval,
                )


class FeedState(NamedTuple):
    """A consumer as it is copied.

    Attributes
    ----------
    name : str
    intervals : tuple of str
    symbols : frozenset of str or None
    heard, events, lost
        See `ClosedBarFeed.state`.
    trimmed : list of (int, dict)
        What history has lost and was not announced: number of the symbol, entries by date.
    """

    name: str
    intervals: tuple[str, ...]
    symbols: frozenset[str] | None
    heard: list[tuple[Any, ...]]
    events: list[Any]
    lost: list[Any]
    trimmed: list[tuple[int, Any]]


def feed_states(registry: Registry, cores: list[SymbolCore]) -> list[FeedState]:
    """The consumers that have names. Before the sessions are copied: what they have been told may
    be older than these, and never newer."""
    if registry.feeds is None:
        return []
    numbers = {core: i for i, core in enumerate(cores)}
    states = []
    for name, feed in registry.feeds.named.items():
        if not feed.is_closed:
            trimmed = [(numbers[core], entries) for core, entries in feed.trimmed() if core in numbers]
            heard, events, lost = feed.state(numbers)
            states.append(FeedState(name, feed.intervals, feed.symbols, heard, events, lost, trimmed))
    return states


def resume_feed(feeds: Feeds, state: FeedState, cores: list[SymbolCore]) -> None:
    """Have the consumer of another store go on here; last of all, when everything else is there."""
    feed = feeds.add(state.name, state.intervals, state.symbols, None)
    trimmed = [(cores[number], entries) for number, entries in state.trimmed]
    feed.resume(cores, state.heard, state.events, state.lost, trimmed)


def feeds_of(registry: Registry, context: StoreContext, settings: StoreSettings) -> Feeds:
    """The consumers of a store, which most stores never have."""
    if registry.feeds is None:
        made = Feeds(context, registry, settings.capacity > 0)
        registry.feeds = registry.feeds or made  # by another thread meanwhile
    feeds: Feeds = registry.feeds
    return feeds


def _intervals(intervals: Any) -> tuple[str, ...]:
    """Names of intervals, shortest first."""
    wanted = [intervals] if isinstance(intervals, str) else names_of("intervals", intervals)
    parsed = {parse_interval(interval) for interval in wanted}
    if not parsed:
        raise ArgumentError("a consumer of closed bars follows at least one interval", value=intervals)
    return tuple(interval.name for interval in sorted(parsed, key=lambda interval: interval.step_ns or 2**63))
