"""Consumers of closed bars: what each has been told, and what has closed or changed since.

    write, roll, history ──► symbol fires, once (`Symbol.watch_ts`) ──► stack of the clock
    drain ──► the stack, shared out as a bit for each symbol and consumer
          ──► symbols with a bit: rows compared with what was announced ──► events ──► in order

There is no queue of events. A consumer keeps, for each series of the session, the times of the rows
that it has announced and a digest of their values; a drain compares them with the rows that are
there. So what happened in between does not matter: whoever wrote, in whichever order, as often as
it may be, each row that has closed is announced once, and each that differs from what was announced
is revised.

Which symbols to look at is not searched for. A symbol that somebody waits for is *watched*: from
the time on at which a bar may close something, bars do not just follow but go the cold way
(`symbol_watch` lowers `run_stop`), which they all go with whatever is late, corrected, filled, or
of trades. There the symbol fires, and is watched no more until the next drain has looked at it.
So a bar that closes nothing costs what it always did, and without a consumer nothing is asked
anywhere on the path of bars in order. What the clock closes fires nothing: each consumer keeps for
each symbol the clock that closes its next bar, and the least of these.

Past days never change, but another one takes their place. A consumer keeps the objects that it has
announced of each date (the day, supplied rows, summary), compares them by identity, and by rows
where they differ. A session that ends becomes such a date, and one that goes on becomes a session
again. Of sessions that no history keeps, one for each symbol stays here until the next drain.

Rows that nobody can be told of any more (overwritten in a base ring, of days that are gone) are
reported by an error, once.

Rejected: a queue for each consumer (no bound for who never drains, and a store for each bar), the
64 edits that symbols remember as the only memory (more than that would announce the whole session
again, and an edit that changes nothing in an hour would be announced), whole rows in place of
digests (56 bytes a row and consumer; two digests are equal by chance once in 10^19).

The file is long because one class holds the memory of a consumer and everything that compares with
it.
"""

cimport cython
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.ref cimport Py_INCREF
from libc.stdint cimport INT64_MAX, INT64_MIN, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memmove

from sessiondata._native.base.guard cimport gc_pause, gc_resume, peek, peek_pointer
from sessiondata._native.base.prefetch cimport prefetch, prefetch_span
from sessiondata._native.base.status cimport ERR_LOST, ERR_MEMORY, ERR_NO_SYMBOL, ERR_REENTRANT
from sessiondata._native.objects.bars cimport BarKind, new_bar
from sessiondata._native.objects.clock cimport StoreClock
from sessiondata._native.objects.days cimport Days
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.rows.aggregate cimport DAY, Level
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport Bar, Ring, ring_find, ring_oldest, ring_prefetch
from sessiondata._native.rows.ticks cimport INPUT_BARS
from sessiondata._native.slots.grid cimport (
    Grid, Region, find_region, slot_start_in, slot_stop_in,
)
from sessiondata._native.symbol.clock cimport clock_take_fired
from sessiondata._native.symbol.layout cimport series_ring
from sessiondata._native.symbol.symbol cimport (
    EDITS, Symbol, first_at_or_after, symbol_enter, symbol_flush, symbol_leave, symbol_watch, symbol_watermark,
)

from weakref import ref

import numpy as np

from sessiondata._native.objects.sessions import all_cores
from sessiondata.copying import refuse_copy
from sessiondata.errors import ArgumentTypeError, ClosedBarsLostError, ReentrantCallError, SessionStateError


cdef extern from *:
    """
    #if defined(_MSC_VER)
    #include <intrin.h>
    static inline int sd_lowest_bit(std::uint64_t bits) { unsigned long at; _BitScanForward64(&at, bits); return at; }
    #else
    static inline int sd_lowest_bit(std::uint64_t bits) { return __builtin_ctzll(bits); }
    #endif
    """
    int lowest_bit "sd_lowest_bit"(uint64_t bits) noexcept nogil


cdef extern from "Python.h":
    bint error_matches "PyErr_ExceptionMatches"(object kind) noexcept
    void clear_error "PyErr_Clear"() noexcept
    void write_unraisable "PyErr_WriteUnraisable"(object where) noexcept


cdef enum:
    # In place of a session_id: the symbol has not been looked at; not since the store was loaded.
    NEVER = -2
    RESUMED = -3
    FEW = 32              # events that are sorted as they are
    LAPPED = 1            # rows have been overwritten that nobody was told of


cdef tuple _KINDS = ("closed", "revised")


def _restored_event(str symbol, str interval, str kind, int64_t end_ns, bar):
    """An event that was pickled."""
    cdef ClosedBar event = ClosedBar.__new__(ClosedBar)
    event.symbol, event.interval, event.kind = symbol, interval, kind
    event._event.end_ns, event._event.ts = end_ns, bar[0]
    for i in range(5):
        event._event.values[i] = bar[i + 1]
    event._event.extended, event._event.n_base, event._event.n_expected = bar[7], bar[8], bar[9]
    event._bar = bar
    return event


@cython.final
cdef class ClosedBar:
    """A bar that has closed, or has changed since.

    Attributes
    ----------
    symbol, interval : str
    kind : {"closed", "revised"}
    ts_ns, end_ns : int
        Start of the bar, and end of its slot; ns since 1970 UTC.
    open, high, low, close, volume : float
    n_base, n_expected : int
        Coverage, as of a `Bar`.
    bar : Bar
        The same as a record, made when it is first asked for.

    Notes
    -----
    Immutable. Two events are equal if all that they say is.
    """

    def __init__(self):
        raise TypeError("events are made by ClosedBarFeed.drain()")

    @property
    def ts_ns(self):
        return self._event.ts

    @property
    def end_ns(self):
        return self._event.end_ns

    @property
    def open(self):
        return self._event.values[0]

    @property
    def high(self):
        return self._event.values[1]

    @property
    def low(self):
        return self._event.values[2]

    @property
    def close(self):
        return self._event.values[3]

    @property
    def volume(self):
        return self._event.values[4]

    @property
    def n_base(self):
        return self._event.n_base

    @property
    def n_expected(self):
        return self._event.n_expected

    @property
    def bar(self):
        cdef const double* values = self._event.values
        cdef Bar row
        if self._bar is None:
            row = Bar(self._event.ts, values[0], values[1], values[2], values[3], values[4], self._event.n_base)
            self._bar = new_bar(self._kind, &row, False, self._event.n_expected, self._event.end_ns)
        return self._bar

    def _content(self):
        return self.symbol, self.interval, self.kind, self._event.end_ns, self.bar

    def __eq__(self, other):
        if not isinstance(other, ClosedBar):
            return NotImplemented
        return self._content() == (<ClosedBar>other)._content()

    def __hash__(self):
        return hash(self._content())

    def __reduce__(self):
        return _restored_event, self._content()

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __repr__(self):
        return f"<ClosedBar {self.symbol} {self.interval} {self.kind} {self.bar!r}>"


cdef inline Columns _columns_from(const Ring* ring, int64_t at) noexcept nogil:
    """Columns from a physical row on."""
    cdef const int32_t* n_base = NULL
    if ring.derived:
        n_base = ring.n_base + at
    return Columns(ring.ts + at, ring.open + at, ring.high + at, ring.low + at, ring.close + at, ring.volume + at,
                   n_base)


@cython.final
cdef class ClosedBarHub:
    """What the consumers of a store share.

    Parameters
    ----------
    registry : Registry
    clock : StoreClock
    rows_of : callable
        Called with (core, number of a series, entry of `ClosedBarFeed._past`): columns ts .. n_base
        of it and the grid.
    arrays_of : callable
        Makes columns what `ClosedBarFeed.drain_arrays` returns.
    """

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, registry, StoreClock clock not None, rows_of, arrays_of):
        self.registry, self.clock, self.rows_of, self.arrays_of = registry, clock, rows_of, arrays_of
        self.cores, self.names, self.feeds = [], None, []

    def __dealloc__(self):
        free(self.watched)

    cdef tuple all_names(self):
        if self.names is None:
            self.names = tuple([(<SymbolCore>core).name for core in self.cores])
        return self.names

    cdef int gather(self) except -1:
        """Share out what has fired, with the symbols as they are now."""
        cdef void* end = <void*>&self.clock.data
        cdef Symbol* symbol
        cdef Symbol* following
        cdef list feeds
        if all_cores(self.registry) is not self.cores:
            self._align()
        if peek_pointer(&self.clock.data.fired) == NULL:
            return 0
        feeds = [feed for feed in [held() for held in self.feeds] if feed is not None]
        symbol = clock_take_fired(&self.clock.data)
        while symbol != NULL and <void*>symbol != end:
            following = <Symbol*>symbol.next_fired
            symbol.next_fired = NULL
            # symbols that have left are in no list
            if symbol.number < len(self.cores) and PyList_GET_ITEM(self.cores, symbol.number) == symbol.owner:
                for feed in feeds:
                    (<ClosedBarFeed>feed)._mark(symbol.number)
            symbol = following
        return 0

    cdef int _align(self) except -1:
        """Have the symbols that there are now."""
        cdef list cores = all_cores(self.registry)
        cdef dict before = {core: i for i, core in enumerate(self.cores)}
        cdef Py_ssize_t i
        for held in self.feeds:
            feed = held()
            if feed is not None:
                (<ClosedBarFeed>feed)._align(cores, before)
        self.cores, self.names = cores, None
        self.version += 1
        for i in range(len(cores)):
            (<SymbolCore>cores[i]).symbol.number = i
        return self._count_watched()

    cdef int _count_watched(self) except -1:
        cdef Py_ssize_t i, n = len(self.cores)
        cdef uint32_t* watched = <uint32_t*>calloc(<size_t>max(n, 1), sizeof(uint32_t))
        if watched == NULL:
            raise MemoryError("no memory for consumers of closed bars")
        for held in self.feeds:
            feed = held()
            if feed is not None:
                for i in range(min(n, (<ClosedBarFeed>feed)._n)):
                    watched[i] |= (<ClosedBarFeed>feed)._heard[i].selected
        free(self.watched)
        self.watched = watched
        return 0

    def join(self, ClosedBarFeed feed not None):
        """Have one more consumer, who knows nothing yet."""
        self.gather()
        feed._align(self.cores, {})
        self.feeds = [held for held in self.feeds if held() is not None] + [ref(feed)]
        self.clock.data.n_watching = len(self.feeds)
        self._count_watched()

    def part(self, ClosedBarFeed feed not None):
        """A consumer goes."""
        self.feeds = [held for held in self.feeds if held() is not None and held() is not feed]
        self.clock.data.n_watching = len(self.feeds)
        self._count_watched()

    def days_of(self, list cores not None):
        """What history has of each symbol before it is trimmed, for `note_trimmed`; None without
        consumers."""
        cdef SymbolCore core
        cdef list found = []
        if not self.feeds:
            return None
        for core in cores:
            found.append(_entries(core, None, None))
        return found

    def note_trimmed(self, list cores not None, list sessions not None, date, list days):
        """A session of a date has ended (None: none was under way), and history has been trimmed.
        What it has lost and a consumer has not been told of stays with the consumer until its next
        drain."""
        cdef SymbolCore core, session
        cdef ClosedBarFeed feed
        cdef dict now
        for held in self.feeds:
            feed = held()
            if feed is None or feed.is_closed or days is None:
                continue
            for core, session, before in zip(cores, sessions, days):
                if core.days is None or not feed._selection(core):
                    continue
                if date is not None and session.symbol.grid != NULL:
                    if date not in (<Days>core.days).cores:
                        before = {**before, date: (session, (None,) * len(core.intervals), None, date)}
                    elif before.get(date, _NO_ENTRY)[0] is not session:  # what the session began with
                        before = {day: entry for day, entry in before.items() if day != date}
                now = _entries(core, None, None)
                feed._keep_trimmed(core, before, now)


@cython.final
cdef class ClosedBarFeed:
    """One consumer of closed bars, and what it has been told; made by `SessionData.closed_bars`.

    Attributes
    ----------
    name : str or None
    intervals : tuple of str
        What it follows, shortest first.
    symbols : frozenset of str or None
        Names of the symbols that it follows; None for all.
    is_closed : bool

    Notes
    -----
    One thread at a time drains it. Any thread may write meanwhile.
    """

    def __reduce__(self):
        refuse_copy(self, "data.copy() has consumers of its own: copy.closed_bars(..., name=...)")

    def __cinit__(self, ClosedBarHub hub not None, str name, tuple intervals not None, symbols, callback,
                  bint has_capacity):
        self.hub, self.clock, self._has_capacity = hub, &hub.clock.data, has_capacity
        self.name, self.intervals, self.symbols, self.callback = name, intervals, symbols, callback
        self._lost, self._running, self._past, self._ended = [], {}, {}, {}
        self._least_due = INT64_MAX

    @property
    def callback(self):
        """What `drain` calls with each event; None: nothing. One that is set by a callback hears
        the next drain."""
        return self._callback

    @callback.setter
    def callback(self, callback):
        if callback is not None and not callable(callback):
            raise ArgumentTypeError(f"callback is called with each event: {callback!r}", value=callback)
        self._callback = callback

    def __dealloc__(self):
        self._free_heard()
        free(self._pending)
        free(self._events)
        free(self._spare)

    cdef void _free_heard(self) noexcept:
        cdef int64_t i
        cdef int32_t k
        if self._heard == NULL:
            return
        for i in range(self._n):
            if self._heard[i].series != NULL:
                for k in range(self._heard[i].n_series):
                    free(self._heard[i].series[k].ts)
                    free(self._heard[i].series[k].digest)
                free(self._heard[i].series)
        free(self._heard)
        self._heard = NULL

    # --- which symbols ---

    cdef uint32_t _selection(self, SymbolCore core) except? 0:
        """Bit k is set if series k of a symbol is followed."""
        cdef uint32_t selected = 0
        cdef Py_ssize_t k
        if self.symbols is not None and core.name not in self.symbols:
            return 0
        for k, name in enumerate(core.intervals):
            if name in self.intervals:
                selected |= <uint32_t>1 << k
        return selected

    cdef int _align(self, list cores, dict before) except -1:
        """Have these symbols; `before`: those that there were, with their numbers."""
        cdef int64_t n = len(cores), i, j, n_words = (n + 63) // 64
        cdef Heard* heard = <Heard*>calloc(<size_t>max(n, 1), sizeof(Heard))
        cdef uint64_t* pending = <uint64_t*>calloc(<size_t>max(n_words, 1), 8)
        cdef int64_t* places = <int64_t*>malloc(<size_t>max(self._n, 1) * 8)
        cdef SymbolCore core
        cdef bint fails = heard == NULL or pending == NULL or places == NULL
        if not fails:
            for i in range(self._n):
                places[i] = -1
            for j in range(n):
                core = <SymbolCore>cores[j]
                i = before.get(core, -1)
                if i >= 0:
                    places[i] = j
                    heard[j] = self._heard[i]
                    if self._pending[i >> 6] >> (i & 63) & 1:
                        pending[j >> 6] |= <uint64_t>1 << (j & 63)
                    continue
                heard[j].session, heard[j].due = NEVER, INT64_MAX
                heard[j].n_series, heard[j].selected = <int32_t>len(core.intervals), self._selection(core)
                heard[j].series = self._new_series(core)
                fails = fails or heard[j].series == NULL
                if heard[j].selected:
                    pending[j >> 6] |= <uint64_t>1 << (j & 63)
                    self._has_pending = True
        if fails:
            if heard != NULL and places != NULL:
                for j in range(n):
                    if heard[j].session == NEVER:
                        free(heard[j].series)
            free(heard)
            free(pending)
            free(places)
            raise MemoryError("no memory for a consumer of closed bars")
        for i in range(self._head, self._n_events):
            j = self._events[i].symbol
            if j >= 0:  # below 0 from then on: of a symbol that has left nothing is announced any more
                self._events[i].symbol = places[j]
                self._has_gone = self._has_gone or places[j] < 0
        for i in range(self._n):
            if places[i] >= 0:
                self._heard[i].series = NULL
        self._free_heard()
        free(self._pending)
        free(places)
        self._heard, self._pending, self._n = heard, pending, n
        self._kinds = [None] * (n * len(self.intervals))
        if before:
            held = set(cores)
            for entries in (self._running, self._past, self._ended):
                for core in [core for core in entries if core not in held]:
                    del entries[core]
        return 0

    cdef void _mark(self, int64_t i) noexcept:
        """Symbol `i` may have news."""
        if self._heard[i].selected:
            self._pending[i >> 6] |= <uint64_t>1 << (i & 63)
            self._has_pending = True

    cdef void _find_due(self, int64_t watermark) noexcept:
        """Find what the clock has closed."""
        cdef int64_t i, least = INT64_MAX
        for i in range(self._n):
            if self._heard[i].due <= watermark:
                self._mark(i)
            elif self._heard[i].due < least:
                least = self._heard[i].due
        self._least_due = least

    # --- looking ---

    cdef inline bint has_news(self) noexcept:
        """Whether there may be something to hand out. O(1)."""
        return (self._has_pending or peek_pointer(&self.clock.fired) != NULL
                or peek(&self.clock.watermark) >= self._least_due or self._n_events > 0 or self._is_busy
                or self.is_closed or PyList_GET_SIZE(self._lost) > 0)

    cdef void _compact(self) noexcept:
        """Forget the events that have been handed out, and those of symbols that have left."""
        cdef int64_t i, n = 0
        if self._head == 0 and not self._has_gone:
            return
        for i in range(self._head, self._n_events):
            if self._events[i].symbol >= 0:
                self._events[n] = self._events[i]
                n += 1
        self._head, self._n_events, self._has_gone = 0, n, False

    cdef int collect(self) except -1:
        """Have everything that has closed or changed among the events, in order."""
        cdef int64_t i, w, version
        cdef uint64_t bits
        if self.is_closed:
            raise SessionStateError(f"{self!r} was closed; closed_bars() makes another one")
        if self._is_busy:
            raise ReentrantCallError("drain()", "a drain of the same feed")
        self._is_busy = True
        try:
            self.hub.gather()
            if peek(&self.clock.watermark) >= self._least_due:
                self._find_due(peek(&self.clock.watermark))
            version = self.hub.version
            w = 0
            while self._has_pending and w < (self._n + 63) // 64:
                bits = self._pending[w]
                if bits == 0:
                    w += 1
                    continue
                i = 64 * w + lowest_bit(bits)
                if bits & (bits - 1):  # several in a row: what the next ones need is on its way
                    self._prefetch(i)
                if self._visit(i):
                    self._pending[w] &= ~(<uint64_t>1 << (i & 63))
                elif version != self.hub.version:  # symbols have come or gone: they have other numbers
                    version, w = self.hub.version, 0
            self._has_pending = False
            self._compact()
            self._sort()
        finally:
            self._is_busy = False
        return 0

    cdef void _prefetch(self, int64_t i) noexcept:
        """Ask for what the symbols behind symbol `i` need to be looked at."""
        cdef const Symbol* symbol
        cdef const Announced* announced
        cdef const Ring* ring
        cdef const Heard* heard
        cdef int32_t k
        if i + 12 < self._n:
            prefetch(&self._heard[i + 12])
            prefetch_span(&(<SymbolCore>PyList_GET_ITEM(self.hub.cores, i + 12)).symbol, sizeof(Symbol))
        if i + 8 < self._n:
            heard, symbol = &self._heard[i + 8], &(<SymbolCore>PyList_GET_ITEM(self.hub.cores, i + 8)).symbol
            prefetch_span(heard.series, heard.n_series * sizeof(Announced))
            if symbol.grid != NULL:
                prefetch_span(symbol.levels, symbol.n_levels * sizeof(Level))
        if i + 4 < self._n:
            heard, symbol = &self._heard[i + 4], &(<SymbolCore>PyList_GET_ITEM(self.hub.cores, i + 4)).symbol
            if symbol.grid == NULL:
                return
            for k in range(heard.n_series):
                if not heard.selected >> k & 1:
                    continue
                announced, ring = &heard.series[k], &symbol.base
                if k > 0:
                    ring = &symbol.levels[k - 1].ring
                prefetch(announced.ts + announced.n)
                prefetch(announced.digest + announced.n)
                ring_prefetch(ring, announced.next_seq)

    cdef bint _visit(self, int64_t i) except -1:
        """Look at a symbol. False if it has to be looked at again."""
        cdef SymbolCore core = <SymbolCore>self.hub.cores[i]
        cdef Heard* heard = &self._heard[i]
        cdef bint is_full = False
        cdef int status
        if core.days is None or not heard.selected:
            return True
        if heard.session != core.session_id or heard.n_past_edits != core.n_past_edits:
            if not self._visit_past(i, core):
                return False
            is_full = True
        status = self._visit_live(i, core, is_full)
        if status == ERR_MEMORY:
            raise MemoryError("no memory for closed bars")
        if status == LAPPED:
            self._lost.append((core.name, core.intervals[0], self._running.get(core)))
        return True

    cdef int _visit_live(self, int64_t i, SymbolCore core, bint is_full) noexcept:
        """Compare the session of a symbol with what was announced of it; then have it watched.
        0, LAPPED or ERR_MEMORY."""
        cdef Symbol* symbol = &core.symbol
        cdef Heard* heard = &self._heard[i]
        cdef Announced* announced
        cdef const Ring* ring
        cdef const Level* level
        cdef const Region* region
        cdef uintptr_t* inside = symbol_enter(symbol)
        cdef int64_t clock = peek(&symbol.clock.watermark), as_of = symbol_watermark(symbol)
        cdef int64_t oldest, stop, first, at, edited, since, end, step_ns
        cdef int64_t watch = INT64_MAX, due = INT64_MAX, n_edits = 0, from_ts = INT64_MAX
        cdef bint grows = False
        cdef int32_t k, j
        cdef int status = 0
        cdef Columns rows
        cdef Where where
        if symbol.grid == NULL:
            heard.n_edited, heard.due = 0, INT64_MAX
            symbol_watch(symbol, INT64_MIN, False)
            symbol_leave(inside)
            return 0
        n_edits = symbol.n_edited - heard.n_edited
        if n_edits > EDITS:
            is_full = True
        else:
            for j in range(n_edits):
                edited = symbol.edited_ts[(symbol.n_edited - 1 - j) % EDITS]
                from_ts = edited if edited < from_ts else from_ts
        # what a bar in order may close comes after it
        since = symbol.newest_stop if symbol.newest_stop > symbol.grid.span_start else symbol.grid.span_start
        region = find_region(symbol.grid, since) if since < symbol.grid.span_stop else NULL
        where.grid, where.base_ns, where.symbol = symbol.grid, symbol.step_ns, i
        where.n_day_slots = symbol.gaps.table.n_slots
        for k in range(heard.n_series):
            if not self.hub.watched[i] >> k & 1:
                continue
            announced = &heard.series[k]
            step_ns = announced.step_ns
            end = INT64_MAX
            if region != NULL:
                if step_ns:
                    end = slot_stop_in(region, step_ns, since)
                elif since < symbol.grid.close_ns:
                    end = symbol.grid.close_ns
            if end <= clock:  # a bar that comes is closed at once, and each that follows changes it
                watch, grows = INT64_MIN, True
            elif end < INT64_MAX and watch > end - symbol.step_ns:
                watch = end - symbol.step_ns
            if not heard.selected >> k & 1:
                continue
            if clock < end < due:
                due = end
            if k > 0:
                symbol_flush(symbol, k - 1)
            ring = series_ring(symbol, k)
            if announced.next_seq > ring.next_seq:  # the session began anew
                announced.next_seq = 0
            if ring.next_seq == 0:
                continue
            level = &symbol.levels[k - 1] if k > 0 else NULL
            oldest, stop = ring_oldest(ring), ring.next_seq
            if as_of < (symbol.base_stop if k == 0 else level.slot_stop):
                stop -= 1
            first = oldest
            if not is_full and announced.n > 0:
                first = announced.next_seq - 1
                if n_edits and k > 0 and level.kind == DAY:
                    first = oldest
                elif n_edits:
                    at = from_ts
                    if k > 0:
                        at = slot_start_in(find_region(symbol.grid, from_ts), step_ns, from_ts)
                    at = ring_find(ring, at)
                    first = at if at < first else first
            if first < oldest:
                first = oldest
            # Rows that have been overwritten unseen; a row of trades may have grown until it was.
            if oldest > 0 and not self._is_first and (
                    announced.next_seq < oldest + (symbol.input_kind > INPUT_BARS) or n_edits > EDITS
                    or (n_edits and from_ts < ring.ts[oldest - ring.origin])):
                status = LAPPED
            if first >= stop:
                continue
            at = first - ring.origin
            rows = _columns_from(ring, at)
            where.step_ns, where.is_base, where.interval = step_ns, k == 0, announced.interval
            where.is_on_slots = k > 0 or symbol.counters.off_grid == 0
            if announced.n > 0 and announced.ts[announced.n - 1] == rows.ts[0]:
                at = announced.n - 1
            else:
                at = first_at_or_after(announced.ts, announced.n, rows.ts[0])
            if self._merge(announced, at, &rows, stop - first, &where):
                status = ERR_MEMORY
                break
            announced.next_seq = stop
            if announced.n > 2 * ring.capacity + EDITS:  # of rows that are gone nothing comes any more
                at = first_at_or_after(announced.ts, announced.n, ring.ts[oldest - ring.origin])
                announced.n -= at
                memmove(announced.ts, announced.ts + at, announced.n * 8)
                memmove(announced.digest, announced.digest + at, announced.n * 8)
        if status != ERR_MEMORY:
            heard.n_edited, heard.due = symbol.n_edited, due
            if due < self._least_due:
                self._least_due = due
            symbol_watch(symbol, watch, grows)
        symbol_leave(inside)
        return status

    cdef Announced* _new_series(self, SymbolCore core) except? NULL:
        """Nothing announced of any series of a symbol; NULL without memory."""
        cdef Py_ssize_t n = len(core.intervals), k
        cdef Announced* series = <Announced*>calloc(<size_t>n, sizeof(Announced))
        if series != NULL:
            for k in range(n):
                series[k].step_ns = core.steps_ns[k]
                if core.intervals[k] in self.intervals:
                    series[k].interval = <int16_t>self.intervals.index(core.intervals[k])
        return series

    cdef int _reserve_events(self, int64_t n) noexcept nogil:
        """Room for so many more events; 0 or ERR_MEMORY."""
        cdef int64_t room = self._n_events + n
        cdef BarEvent* events
        if room <= self._room:
            return 0
        room = room if room > 2 * self._room else 2 * self._room
        events = <BarEvent*>realloc(self._events, <size_t>room * sizeof(BarEvent))
        if events == NULL:
            return ERR_MEMORY
        self._events = events
        free(self._spare)
        self._spare = NULL
        self._room = room
        return 0

    cdef int _merge(self, Announced* announced, int64_t at, const Columns* rows, int64_t n,
                    const Where* where) noexcept nogil:
        """Announce `n` rows that have closed, ascending, as far as they are not what was announced
        from place `at` on; 0, or ERR_MEMORY and nothing has changed."""
        cdef const Region* region = find_region(where.grid, rows.ts[0])
        cdef BarEvent* event
        cdef int64_t i, ts, start, end
        cdef int64_t per_slot = where.step_ns // where.base_ns
        cdef uint64_t digest
        cdef int32_t n_base
        cdef bint is_known
        cdef double values[5]
        if self._reserve_events(n) or _reserve(announced, n):
            return ERR_MEMORY
        event = &self._events[self._n_events]
        for i in range(n):
            ts = rows.ts[i]
            values[0], values[1], values[2] = rows.open[i], rows.high[i], rows.low[i]
            values[3], values[4] = rows.close[i], rows.volume[i]
            n_base = rows.n_base[i] if rows.n_base != NULL else 1
            digest = digest_of(values, n_base)
            while at < announced.n and announced.ts[at] < ts:
                at += 1
            is_known = at < announced.n and announced.ts[at] == ts
            if is_known and announced.digest[at] == digest:
                at += 1
                continue
            if not is_known:
                if at < announced.n:  # a late one
                    memmove(announced.ts + at + 1, announced.ts + at, (announced.n - at) * 8)
                    memmove(announced.digest + at + 1, announced.digest + at, (announced.n - at) * 8)
                announced.ts[at] = ts
                announced.n += 1
            announced.digest[at] = digest
            at += 1
            while ts >= region.stop and region < &where.grid.regions[where.grid.n_regions - 1]:
                region += 1
            event.ts, event.symbol, event.interval = ts, where.symbol, where.interval
            event.kind, event.extended, event.n_base = REVISED if is_known else CLOSED, not region.regular, n_base
            memcpy(event.values, values, sizeof(values))
            if where.step_ns == 0:
                event.end_ns, event.n_expected = where.grid.close_ns, where.n_day_slots
                event.extended = False
            else:
                start, end = ts, ts + where.step_ns
                if region.regular and where.is_on_slots:
                    end = end if end < region.stop else region.stop
                elif where.is_base and (ts - region.anchor) % where.step_ns and ts != region.start:
                    end = end if end < region.stop else region.stop  # beside the slots: the bar's own end
                else:
                    start, end = slot_start_in(region, where.step_ns, ts), slot_stop_in(region, where.step_ns, ts)
                event.end_ns = end
                if not region.regular:
                    event.n_expected = 0
                elif where.is_base:
                    event.n_expected = 1
                elif end - start == where.step_ns:
                    event.n_expected = <int32_t>per_slot
                else:
                    event.n_expected = <int32_t>((end - start + where.base_ns - 1) // where.base_ns)
            event += 1
        self._n_events = event - self._events
        return 0

    # --- past days ---

    cdef bint _visit_past(self, int64_t i, SymbolCore core) except -1:
        """Compare what history has with what was announced of it, and have the session under way
        for that which is announced of from now on. False if symbols have come or gone meanwhile."""
        cdef Days days = <Days>core.days
        cdef int64_t version = self.hub.version, session = core.session_id, n_past_edits = core.n_past_edits
        cdef int64_t n_events
        cdef dict past = self._past.get(core, _NOTHING), entries
        cdef Announced* other
        cdef Heard* heard
        cdef bint collects
        cdef int32_t k
        date = self.hub.clock.date if core.grid is not None else None
        before, running, ended = self.hub.clock.next_date, self._running.get(core), self._ended.get(core, _NOTHING)
        if running is None and not past and not ended and not days.version:
            if date is not None:
                self._running[core] = date
            return self._heard_past(i, core, session, n_past_edits)
        # Rows that Python makes come first: from then on nothing runs in between.
        entries = _entries(core, before, self.intervals)
        todo = []
        for day in sorted({*entries, *ended}):
            known = past.get(day)
            found = [entry for entry in (ended.get(day), entries.get(day)) if entry is not None]
            if day == running or known is None or len(found) > 1 or not _is_same(known, found[0]):
                found = [(entry, self._rows(core, entry)) for entry in found]
                todo.append((day, known, self._rows(core, known), found))
        # what was history while there was no session, and is ahead of this one
        ahead = {} if before is None else _entries(core, None, self.intervals)
        resumed = past.get(date) if date is not None and date != running else None
        resumed_rows = self._rows(core, resumed)
        if (version != self.hub.version or session != core.session_id or n_past_edits != core.n_past_edits):
            return False
        collects = gc_pause()
        try:
            heard = &self._heard[i]
            for day, known, known_rows, found in todo:
                n_events = self._n_events
                if day == running or known is None:
                    for entry, _ in found:
                        if self._has_lost(heard, entry, day == running):
                            self._lost.append((core.name, core.intervals[0], day))
                if day == running:
                    for entry, rows in found:
                        self._merge_day(i, core, heard.series, entry, rows)
                else:
                    other = self._new_series(core)
                    if other == NULL:
                        raise MemoryError("no memory for closed bars")
                    try:
                        self._remember_day(i, core, other, known, known_rows)
                        for entry, rows in found:
                            self._merge_day(i, core, other, entry, rows)
                    except BaseException:
                        self._n_events = n_events
                        raise
                    finally:
                        _free_series(other, heard.n_series)
                entry = found[len(found) - 1][0]
                if isinstance(known, tuple) and self._has_lost_since(heard, known, entry, n_events):
                    self._lost.append((core.name, core.intervals[0], day))
                if past is _NOTHING:
                    past = self._past[core] = {}
                if day in entries:
                    past[day] = entries[day]
            if running != date:
                for k in range(heard.n_series):
                    heard.series[k].n = heard.series[k].next_seq = 0
                heard.n_edited = 0
                if resumed is not None:
                    self._remember_day(i, core, heard.series, resumed, resumed_rows)
                    heard.n_edited = -EDITS - 1
                if date is not None:
                    self._running[core] = date
                else:
                    self._running.pop(core, None)
            else:
                if session != heard.session and heard.session != RESUMED:
                    heard.n_edited = -EDITS - 1
                if date is not None and date in ended:  # it began anew
                    for k in range(heard.n_series):
                        heard.series[k].next_seq = 0
            self._ended.pop(core, None)
            for day in [day for day in past if day not in entries]:
                if day not in ahead:
                    del past[day]
            return self._heard_past(i, core, session, n_past_edits)
        finally:
            gc_resume(collects)

    cdef bint _has_lost(self, const Heard* heard, tuple entry, bint is_running) except -1:
        """Whether a session that has ended may have overwritten rows that nobody was told of."""
        cdef const Symbol* symbol
        cdef int64_t oldest
        if entry[0] is None or not heard.selected & 1 or self._is_first:
            return False
        symbol = &(<SymbolCore>entry[0]).symbol
        oldest = 0 if symbol.grid == NULL else ring_oldest(&symbol.base)
        if oldest == 0 or not is_running:
            return oldest > 0
        return (heard.series[0].next_seq < oldest + (symbol.input_kind > INPUT_BARS)
                or symbol.n_edited != heard.n_edited)

    cdef bint _has_lost_since(self, const Heard* heard, tuple known, tuple entry, int64_t first) except -1:
        """Whether a past day may have overwritten rows that nobody was told of: more have been added
        since it was known than there are events from `first` on."""
        cdef const Symbol* before
        cdef const Symbol* now
        cdef int64_t n, i
        if known[0] is None or entry[0] is None or not heard.selected & 1:
            return False
        before, now = &(<SymbolCore>known[0]).symbol, &(<SymbolCore>entry[0]).symbol
        if now.base.evicted_ts == before.base.evicted_ts:
            return False
        n = now.base.next_seq - before.base.next_seq
        for i in range(first, self._n_events):
            n -= self._events[i].interval == heard.series[0].interval and self._events[i].kind == CLOSED
        return n > 0 or now.n_edited != before.n_edited

    cdef int _keep_trimmed(self, SymbolCore core, dict before, dict now) except -1:
        """Keep what history has just lost of a symbol, as far as it has not been announced."""
        cdef dict past = self._past.get(core, _NOTHING), kept = {}
        for day, entry in before.items():
            known, entry_now = past.get(day), now.get(day)
            if entry_now is not None and _is_same(entry_now, entry):
                continue
            if known is None or not _is_same(known, self._followed(core, entry)):
                kept[day] = self._followed(core, entry)
        if not kept:
            return 0
        for day, entry in self._ended.get(core, _NOTHING).items():  # from the time before the last trim
            if not _is_empty(entry):
                self._lost.append((core.name, None, day))
        self._ended[core] = kept
        return 0

    cdef tuple _followed(self, SymbolCore core, tuple entry):
        """An entry of all intervals without those that are not followed."""
        day, supplied, bar, date = entry
        rows = tuple([supplied[k] if name in self.intervals else None for k, name in enumerate(core.intervals)])
        return day, rows, bar if "1d" in self.intervals else None, date

    cdef bint _heard_past(self, int64_t i, SymbolCore core, int64_t session, int64_t n_past_edits) noexcept:
        self._heard[i].session, self._heard[i].n_past_edits = session, n_past_edits
        return True

    cdef list _rows(self, SymbolCore core, entry):
        """For each series the columns of an entry and the grid, as far as Python has to make them;
        None for those that stand in a day, or that are not followed."""
        cdef list rows = []
        cdef Py_ssize_t k
        if entry is None or isinstance(entry, list):  # nothing, or the digests of a file
            return None
        day, supplied, bar, _ = entry
        for k in range(len(core.intervals)):
            name = core.intervals[k]
            if name not in self.intervals or (day is not None and supplied[k] is None):
                rows.append(None)
            elif day is None and supplied[k] is None and (bar is None or name != "1d"):
                rows.append(None)
            else:
                rows.append(self.hub.rows_of(core, k, entry))
        return rows

    cdef int _merge_day(self, int64_t i, SymbolCore core, Announced* series, tuple entry, list rows) except -1:
        """Announce the rows of a past day as far as they are not what `series` says."""
        return self._each_series(i, core, series, entry, rows, True)

    cdef int _remember_day(self, int64_t i, SymbolCore core, Announced* series, object entry, list rows) except -1:
        """Have `series`, which is empty, be the rows of an entry."""
        cdef const int64_t[::1] ts
        cdef const uint64_t[::1] digests
        cdef int64_t n
        cdef Py_ssize_t k
        if entry is None:
            return 0
        if not isinstance(entry, list):
            return self._each_series(i, core, series, <tuple>entry, rows, False)
        for k in range(len(core.intervals)):
            if entry[k] is not None:
                ts, digests = entry[k]
                n = ts.shape[0]
                if _reserve(&series[k], n):
                    raise MemoryError("no memory for closed bars")
                if n:
                    memcpy(series[k].ts, &ts[0], n * 8)
                    memcpy(series[k].digest, &digests[0], n * 8)
                series[k].n = n
        return 0

    cdef int _each_series(self, int64_t i, SymbolCore core, Announced* series, tuple entry, list rows,
                          bint announces) except -1:
        cdef SymbolCore day
        cdef const Ring* ring
        cdef const int64_t[::1] ts
        cdef const double[::1] open
        cdef const double[::1] high
        cdef const double[::1] low
        cdef const double[::1] close
        cdef const double[::1] volume
        cdef const int32_t[::1] n_base
        cdef Grid grid
        cdef Columns columns
        cdef Where where
        cdef int64_t n, at
        cdef Py_ssize_t k
        where.base_ns, where.symbol = core.steps_ns[0], i
        for k in range(self._heard[i].n_series):
            if not self._heard[i].selected >> k & 1:
                continue
            where.step_ns, where.is_base, where.interval = series[k].step_ns, k == 0, series[k].interval
            if rows is not None and rows[k] is not None:
                (ts, open, high, low, close, volume, n_base), grid = rows[k]
                n = ts.shape[0]
                if n == 0:
                    continue
                columns = Columns(&ts[0], &open[0], &high[0], &low[0], &close[0], &volume[0], &n_base[0])
                where.grid, where.is_on_slots = &grid.data, False
                where.n_day_slots = grid.table(where.base_ns).n_slots
            elif entry[0] is not None:
                day = <SymbolCore>entry[0]
                if day.symbol.grid == NULL:
                    continue
                if k > 0:
                    symbol_flush(&day.symbol, <int32_t>k - 1)
                ring = series_ring(&day.symbol, k)
                at = ring_oldest(ring)
                n = ring.next_seq - at
                if n == 0:
                    continue
                at -= ring.origin
                columns = _columns_from(ring, at)
                where.grid, where.is_on_slots = day.symbol.grid, k > 0 or day.symbol.counters.off_grid == 0
                where.n_day_slots = day.symbol.gaps.table.n_slots
            else:
                continue
            if announces:
                if self._merge(&series[k], 0, &columns, n, &where):
                    raise MemoryError("no memory for closed bars")
            else:
                if _reserve(&series[k], n):
                    raise MemoryError("no memory for closed bars")
                _remember(&series[k], &columns, n)
        return 0

    # --- handing out ---

    cdef int _sort(self) except -1:
        """Put the events that have just been found in order: by the end of their slots, shorter
        intervals first, then by symbol."""
        cdef int64_t n = self._n_events - self._head, lowest = INT64_MAX, highest = INT64_MIN, i, bucket
        cdef int64_t n_intervals = len(self.intervals), n_buckets, limit
        cdef BarEvent* events = self._events + self._head
        cdef BarEvent* into
        cdef int64_t* starts
        cdef int shift = 0
        if n <= FEW or events_are_sorted(events, n):
            if n <= FEW:
                sort_events(events, n)
            return 0
        for i in range(n):
            lowest = events[i].end_ns if events[i].end_ns < lowest else lowest
            highest = events[i].end_ns if events[i].end_ns > highest else highest
        limit = 2 * n // n_intervals + FEW
        while ((highest - lowest) >> shift) >= limit:
            shift += 1
        n_buckets = (((highest - lowest) >> shift) + 1) * n_intervals
        if self._spare == NULL:
            self._spare = <BarEvent*>malloc(<size_t>self._room * sizeof(BarEvent))
        starts = <int64_t*>calloc(<size_t>n_buckets + 1, 8)
        if self._spare == NULL or starts == NULL:
            free(starts)
            sort_events(events, n)
            return 0
        for i in range(n):
            starts[((events[i].end_ns - lowest) >> shift) * n_intervals + events[i].interval + 1] += 1
        for i in range(n_buckets):
            starts[i + 1] += starts[i]
        into = self._spare + self._head
        for i in range(n):
            bucket = ((events[i].end_ns - lowest) >> shift) * n_intervals + events[i].interval
            into[starts[bucket]] = events[i]
            starts[bucket] += 1
        free(starts)
        self._spare = self._events
        self._events = into - self._head
        if not events_are_sorted(into, n):
            sort_events(into, n)
        return 0

    cdef int _raise_lost(self) except -1:
        """Tell once of bars that nobody can be told of any more."""
        if not self._lost:
            return 0
        lost, self._lost = tuple(dict.fromkeys(self._lost)), []
        raise ClosedBarsLostError(self.name, lost)

    cdef BarKind _kind_of(self, const BarEvent* event):
        """What the bars of an event's series have in common."""
        cdef int64_t at = event.symbol * len(self.intervals) + event.interval
        cdef SymbolCore core
        cdef Py_ssize_t k
        if self._kinds[at] is not None:
            return <BarKind>self._kinds[at]
        core = <SymbolCore>self.hub.cores[event.symbol]
        name = self.intervals[event.interval]
        k = core.intervals.index(name)
        self._kinds[at] = kind = BarKind(core.name, name, core.calendar.zone, k > 0, core.steps_ns[k], core.steps_ns[0])
        return kind

    cdef void _handed_out(self) noexcept:
        self._head = self._n_events = 0

    @cython.binding(False)
    def drain(self):
        """
        What has closed or changed since the last drain, as a tuple of `ClosedBar`.

        Returns
        -------
        tuple of ClosedBar
            By the end of their slots, of equal ends shorter intervals first, then in the order of
            the symbols. Empty if there is nothing new: O(1) then.

        Raises
        ------
        ClosedBarsLostError
            Bars have been overwritten, or their days have left history, before they were drained.
            Raised once; the next drain goes on with what there is.
        SessionStateError
            The feed was closed.
        ReentrantCallError
            It is being drained: by its own callback, or another thread.

        Notes
        -----
        With a callback each event goes to it first. If that raises, the events behind that one come
        with the next drain.
        """
        if not self.has_news():
            return ()
        return self._drain()

    cdef object _drain(self):
        cdef int64_t i, n
        cdef ClosedBar event
        self.collect()
        self._raise_lost()
        n = self._n_events - self._head
        if n == 0:
            return ()
        self._is_busy = True  # what events are made of may run Python code, and so other threads
        try:
            events = PyTuple_New(n)
            for i in range(n):
                event = self._event_at(self._head + i)
                Py_INCREF(event)
                PyTuple_SET_ITEM(events, i, event)
            callback = self._callback
            if callback is not None:
                for event in events:
                    self._leave_gone()
                    self._head += 1
                    if self._events[self._head - 1].symbol >= 0:  # an event before it may have removed it
                        callback(event)
            self._handed_out()
        finally:
            self._is_busy = False
        return events

    cdef int _leave_gone(self) except -1:
        """Have the numbers of the symbols that there are now, below 0 for events of others."""
        if all_cores(self.hub.registry) is not self.hub.cores:
            self.hub.gather()
        return 0

    cdef ClosedBar _event_at(self, int64_t at):
        cdef ClosedBar event = ClosedBar.__new__(ClosedBar)
        event._event = self._events[at]
        event._kind = self._kind_of(&self._events[at])
        event.symbol, event.interval = event._kind.symbol, event._kind.interval
        event.kind = <str>_KINDS[event._event.kind]
        return event

    def drain_arrays(self):
        """
        What `drain` returns, as columns. A callback is not called.

        Returns
        -------
        ClosedBarArrays

        Raises
        ------
        ClosedBarsLostError, SessionStateError, ReentrantCallError
            As for `drain`.
        """
        if self.has_news():
            self.collect()
            self._raise_lost()
        self._is_busy = True  # as in `drain`
        try:
            made = self._arrays()
            self._handed_out()
        finally:
            self._is_busy = False
        return made

    cdef object _arrays(self):
        cdef tuple names = self.hub.all_names()
        return self.hub.arrays_of(names, self.intervals, *self._columns())

    cdef list _columns(self):
        """Events that have not been handed out."""
        cdef int64_t n = self._n_events - self._head, i
        cdef const BarEvent* event = self._events + self._head
        made = [np.empty(n, kind) for kind in _COLUMNS]
        cdef int32_t[::1] symbol = made[0], n_base = made[9], n_expected = made[10]
        cdef int16_t[::1] interval = made[1]
        cdef uint8_t[::1] revised = made[2].view(np.uint8), extended = made[11].view(np.uint8)
        cdef int64_t[::1] ts = made[3]
        cdef double[::1] open = made[4], high = made[5], low = made[6], close = made[7], volume = made[8]
        cdef int64_t[::1] end = made[12]
        for i in range(n):
            symbol[i] = <int32_t>event.symbol
            interval[i], revised[i], ts[i], end[i] = event.interval, event.kind, event.ts, event.end_ns
            open[i], high[i], low[i] = event.values[0], event.values[1], event.values[2]
            close[i], volume[i] = event.values[3], event.values[4]
            n_base[i], n_expected[i], extended[i] = event.n_base, event.n_expected, event.extended
            event += 1
        return made

    @property
    def handle(self):
        """What compiled code calls this consumer (`sessiondata.jit.drain`, `sd_drain`). Keeps nothing
        alive."""
        global _last_handle
        if self._handle == 0:
            _last_handle += 1
            self._handle = _last_handle
            _handles[self._handle] = ref(self, _let_go_of(self._handle))
        return self._handle

    cdef int64_t _drain_into(self, int64_t n, const EventColumns* out_columns) except? -1:
        cdef const BarEvent* event
        cdef int64_t i
        cdef int j
        if self._head < self._n_events and not self._is_busy:  # symbols may have come or gone since then
            self._leave_gone()
            if self._has_gone:
                self._compact()
        if self._head == self._n_events or self._is_busy:
            if not self.has_news():
                return 0
            self.collect()
            self._raise_lost()
        n = min(max(n, 0), self._n_events - self._head)
        for i in range(n):
            event = &self._events[self._head + i]
            out_columns.symbol[i], out_columns.interval[i] = event.symbol, event.interval
            out_columns.kind[i] = event.kind
            out_columns.ts[i], out_columns.n_base[i] = event.ts, event.n_base
            for j in range(5):
                out_columns.values[j][i] = event.values[j]
        self._head += n
        if self._head == self._n_events:
            self._handed_out()
        return n

    # --- copies ---

    def state(self, dict numbers not None):
        """What the consumer has been told, for `resume` of another store.

        Parameters
        ----------
        numbers : dict of SymbolCore to int
            Of the symbols that are copied.

        Returns
        -------
        heard : list of tuple
            For each symbol: its number, date of the session that the next two are of (None: no
            session), edits that have not been looked at, (series, times, digests, next sequence) of
            what was announced of the session, entries of past days by date.
        events : list of ndarray
            What has not been handed out, as columns; `symbol` has numbers.
        lost : list of tuple
        """
        cdef list heard = [], kept
        cdef const Announced* announced
        cdef const Heard* one
        cdef SymbolCore core
        cdef int64_t i, n_edits
        cdef int32_t k
        for i in range(self._n):
            one = &self._heard[i]
            core = <SymbolCore>self.hub.cores[i]
            if one.session == NEVER or not one.selected or core not in numbers:
                continue
            kept = []
            for k in range(one.n_series):
                announced = &one.series[k]
                if announced.n:
                    times = _copied(announced.ts, announced.n, "i8")
                    kept.append((k, times, _copied(announced.digest, announced.n, "u8"), announced.next_seq))
            n_edits = core.symbol.n_edited - one.n_edited if one.session == core.session_id else EDITS + 1
            heard.append((numbers[core], self._running.get(core), n_edits, kept, dict(self._past.get(core, _NOTHING))))
        columns = self._columns()
        symbol = columns[0]
        place = [numbers.get(core, -1) for core in self.hub.cores]
        columns[0] = np.array([place[number] if number >= 0 else -1 for number in symbol.tolist()], "i4")
        rows = columns[0] >= 0
        return heard, [column[rows] for column in columns], list(self._lost)

    def trimmed(self):
        """What history has lost and has not been announced: (symbol, entries by date) of each."""
        return [(core, dict(entries)) for core, entries in self._ended.items()]

    def digests(self, SymbolCore core not None, entry not None):
        """The rows of an entry of a past day for each series, as (times, digests); None for what is
        not followed."""
        cdef Announced* series
        cdef list rows, made = []
        cdef int64_t i = self.hub.cores.index(core)
        cdef int32_t k
        if isinstance(entry, list):
            return entry
        rows = self._rows(core, entry)
        i = self.hub.cores.index(core)
        series = self._new_series(core)
        if series == NULL:
            raise MemoryError("no memory for closed bars")
        try:
            self._remember_day(i, core, series, entry, rows)
            for k in range(self._heard[i].n_series):
                made.append((_copied(series[k].ts, series[k].n, "i8"), _copied(series[k].digest, series[k].n, "u8"))
                            if self._heard[i].selected >> k & 1 else None)
        finally:
            _free_series(series, self._heard[i].n_series)
        return made

    def entries(self, SymbolCore core not None):
        """What history has of each date, as `state` has it."""
        return _entries(core, None, self.intervals)

    def resume(self, list cores not None, list heard not None, list events not None, list lost not None, list trimmed):
        """Have been told what `state` says; `cores` by number. Nothing in it is believed but what
        the caller has checked: one length of columns that belong together."""
        cdef Heard* one
        cdef Announced* announced
        cdef const int64_t[::1] ts
        cdef const uint64_t[::1] digests
        cdef int64_t n, i
        cdef SymbolCore core
        self.hub.gather()
        places = {core: i for i, core in enumerate(self.hub.cores)}
        for number, date, n_edits, kept, past in heard:
            core = <SymbolCore>cores[number]
            one = &self._heard[<int64_t>places[core]]
            one.session, one.n_past_edits = RESUMED, -1
            for series, times, found, next_seq in kept:
                if not 0 <= series < one.n_series or not one.selected >> <int>series & 1:
                    raise ValueError("what was announced is of a series that is followed")
                announced = &one.series[<int>series]
                ts, digests = times, found
                n = ts.shape[0]
                if n != digests.shape[0] or announced.n or np.any(times[1:] <= times[:-1]):
                    raise ValueError("times of what was announced ascend, with a digest each")
                if _reserve(announced, n):
                    raise MemoryError("no memory for closed bars")
                if n:
                    memcpy(announced.ts, &ts[0], n * 8)
                    memcpy(announced.digest, &digests[0], n * 8)
                announced.n, announced.next_seq = n, next_seq
            one.n_edited = core.symbol.n_edited - (EDITS + 1 if n_edits else 0)
            if date is not None:
                self._running[core] = date
            if past:
                self._past[core] = past
        for core, entries in trimmed or ():
            self._ended[core] = entries
        self._lost.extend(lost)
        self._resume_events(cores, places, events)

    cdef int _resume_events(self, list cores, dict places, list columns) except -1:
        cdef BarEvent* event
        cdef int64_t n = len(columns[0]), i
        cdef const int32_t[::1] symbol = columns[0], n_base = columns[9], n_expected = columns[10]
        cdef const int16_t[::1] interval = columns[1]
        cdef const uint8_t[::1] revised = columns[2].view(np.uint8), extended = columns[11].view(np.uint8)
        cdef const int64_t[::1] ts = columns[3], end = columns[12]
        cdef const double[::1] open = columns[4], high = columns[5], low = columns[6], close = columns[7]
        cdef const double[::1] volume = columns[8]
        if self._reserve_events(n):
            raise MemoryError("no memory for closed bars")
        for i in range(n):
            name = self.intervals[interval[i]] if 0 <= interval[i] < len(self.intervals) else None
            if not 0 <= symbol[i] < len(cores) or name not in (<SymbolCore>cores[symbol[i]]).intervals:
                raise ValueError("events are of series of the store")
            event = &self._events[self._n_events]
            event.symbol, event.interval = places[cores[symbol[i]]], interval[i]
            event.kind, event.extended = revised[i] & 1, extended[i] & 1
            event.ts, event.end_ns, event.n_base, event.n_expected = ts[i], end[i], n_base[i], n_expected[i]
            event.values[0], event.values[1], event.values[2] = open[i], high[i], low[i]
            event.values[3], event.values[4] = close[i], volume[i]
            self._n_events += 1
        return 0

    # --- the rest ---

    def begin(self):
        """Look at all that there is: what of it is overwritten from now on is lost."""
        self._is_first = True
        try:
            self.collect()
        finally:
            self._is_first = False

    def look(self):
        """Have what has closed or changed among the events that a drain hands out."""
        self.collect()

    def forget(self):
        """Count all that is closed now as announced; nothing of it is handed out."""
        self.begin()
        self._handed_out()
        self._lost = []

    def reset(self):
        """
        Begin anew, as a consumer that has been told nothing: the next drain announces all closed
        bars that the store holds, history included, as ``"closed"``.
        """
        if self.is_closed or self._is_busy:
            self.collect()  # raises
        self._free_heard()
        self._n = 0
        self._running, self._past, self._ended, self._lost = {}, {}, {}, []
        self._handed_out()
        self._least_due = INT64_MAX
        self._align(self.hub.cores, {})
        if self._has_capacity:
            self.begin()

    def close(self):
        """
        Have the store forget the consumer. Draining it raises a `SessionStateError` from then on;
        closing it again does nothing.
        """
        if not self.is_closed:
            self.is_closed = True
            self.hub.part(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        name = "" if self.name is None else f" {self.name!r}"
        return f"<ClosedBarFeed{name}: {', '.join(self.intervals)}{' (closed)' if self.is_closed else ''}>"


cdef tuple _NO_ENTRY = (None,)
cdef dict _NOTHING = {}  # nothing is ever added to it
cdef dict _handles = {}  # handle -> weak reference to a consumer
cdef int64_t _last_handle = 0
cdef object _LOST = ClosedBarsLostError, _REENTRANT = ReentrantCallError


def _let_go_of(handle):
    """What removes a handle when its consumer has gone."""
    return lambda _: _handles.pop(handle, None)


cdef int64_t _drain_of(int64_t handle, int64_t n, const EventColumns* out_columns) except -1:
    held = _handles.get(handle)
    feed = None if held is None else held()
    if feed is None or (<ClosedBarFeed>feed).is_closed:
        return ERR_NO_SYMBOL
    return (<ClosedBarFeed>feed)._drain_into(n, out_columns)


cdef int64_t _raised() noexcept:
    """The code of the error that has just been raised, which ends here."""
    if error_matches(_LOST):
        clear_error()
        return ERR_LOST
    if error_matches(_REENTRANT):
        clear_error()
        return ERR_REENTRANT
    if error_matches(MemoryError):
        clear_error()
    else:
        write_unraisable(None)
    return ERR_MEMORY


cdef int64_t drain_into(int64_t handle, int64_t n, const EventColumns* out_columns) noexcept nogil:
    cdef int64_t count
    with gil:
        # as a function that raises nothing: what it raises is looked at by the next line
        count = (<int64_t (*)(int64_t, int64_t, const EventColumns*) noexcept>_drain_of)(handle, n, out_columns)
        if count == -1:
            count = _raised()
    return count


cdef tuple _COLUMNS = ("i4", "i2", "?", "i8", "f8", "f8", "f8", "f8", "f8", "i4", "i4", "?", "i8")


cdef dict _entries(SymbolCore core, before, intervals):
    """What history shows of each date before one, for some intervals (None: all): (day or None,
    rows supplied for each series, summary or None, date)."""
    cdef Days days = <Days>core.days
    cdef dict cores = dict(days.cores), daily, supplied = days.supplied, entries = {}
    cdef tuple nothing = (None,) * len(core.intervals)
    daily = {}
    if "1d" in core.intervals and (intervals is None or "1d" in intervals):
        daily = dict(days.daily)
    for date in cores:
        entries[date] = (cores[date], nothing, None, date)
    for date in daily:
        if date not in entries:
            entries[date] = (None, nothing, daily[date], date)
    for k, name in enumerate(core.intervals):
        if name in supplied and (intervals is None or name in intervals):
            for date, columns in (<dict>supplied[name]).items():
                day, held, bar, _ = entries.get(date, (None, nothing, None, None))
                entries[date] = (day, held[:k] + (columns,) + held[k + 1:], bar, date)
    return {date: entry for date, entry in entries.items() if before is None or date < before}


cdef bint _is_empty(tuple entry):
    """Whether there is no bar of a date."""
    day, supplied, bar, _ = entry
    if bar is not None or (day is not None and (<SymbolCore>day).symbol.base.next_seq > 0):
        return False
    return all([rows is None for rows in supplied])


cdef bint _is_same(known, tuple entry):
    """Whether two entries are of the same objects."""
    if not isinstance(known, tuple) or known[0] is not entry[0] or known[2] is not entry[2]:
        return False
    for a, b in zip(<tuple>known[1], <tuple>entry[1]):
        if a is not b:
            return False
    return True


cdef object _copied(const void* values, int64_t n, str kind):
    """A column of eight bytes a row."""
    made = np.empty(n, kind)
    cdef int64_t[::1] into = made.view(np.int64)
    if n:
        memcpy(&into[0], values, n * 8)
    return made


cdef int _reserve(Announced* announced, int64_t n) noexcept nogil:
    """Room for `n` more rows; 0 or ERR_MEMORY."""
    cdef int64_t room = announced.n + n
    cdef int64_t* ts
    cdef uint64_t* digest
    if room <= announced.room:
        return 0
    room = room if room > announced.room + announced.room // 2 + 8 else announced.room + announced.room // 2 + 8
    ts = <int64_t*>realloc(announced.ts, <size_t>room * 8)
    if ts == NULL:
        return ERR_MEMORY
    announced.ts = ts
    digest = <uint64_t*>realloc(announced.digest, <size_t>room * 8)
    if digest == NULL:
        return ERR_MEMORY
    announced.digest, announced.room = digest, room
    return 0


cdef void _remember(Announced* announced, const Columns* rows, int64_t n) noexcept nogil:
    """Have `n` rows, for which there is room, count as announced."""
    cdef double values[5]
    cdef int64_t i
    for i in range(n):
        values[0], values[1], values[2] = rows.open[i], rows.high[i], rows.low[i]
        values[3], values[4] = rows.close[i], rows.volume[i]
        announced.ts[i] = rows.ts[i]
        announced.digest[i] = digest_of(values, rows.n_base[i] if rows.n_base != NULL else 1)
    announced.n = n


cdef void _free_series(Announced* series, int32_t n) noexcept nogil:
    cdef int32_t k
    for k in range(n):
        free(series[k].ts)
        free(series[k].digest)
    free(series)
