"""Cursors: what each consumer of exports has been sent, and what has changed since.

    symbol   Head   changes, watermark      neither has moved: nothing has, on to the next symbol
    series   Sent   rows, newest row, gaps, quality      compared with what is there now -> Change

Rows that a consumer lacks are those after the newest one it was sent; that one again if its values
differ now (it was forming, or the clock had closed it and bars came all the same); and rows changed
out of order. Of these a symbol remembers the times of the last EDITS base rows; the derived
rows concerned are those of the slots that hold them. A consumer that lacks more edits than that is
sent all rows.

The gaps of a tracker differ if slots below its frontier have been edited, if the number of missing
slots differs, or if there was a tail (slots that had elapsed without a newer row behind them) and
the clock has moved on: a tail may lose as many slots to bars as it gains from the clock.

Rejected: marking rows as changed (a store for each bar, for each consumer), keeping deltas for the
slowest consumer (memory without a bound), deriving the newest row's change from counters (a clock
that runs ahead of the bars, trades that grow a bar: comparing five numbers is simpler than being
right about all of them).
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.list cimport PyList_GET_ITEM
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport INT64_MAX, INT64_MIN
from libc.string cimport memcmp, memcpy, memmove, memset

from sessiondata._native.rows.aggregate cimport INTRADAY, Level
from sessiondata._native.objects.copies cimport snapshot_of
from sessiondata._native.slots.gaps cimport gaps_explained, gaps_present
from sessiondata._native.slots.grid cimport Region, expected_at, find_region
from sessiondata._native.slots.grid cimport slot_start_in
from sessiondata._native.base.guard cimport peek
from sessiondata._native.symbol.layout cimport series_gaps, series_ring
from sessiondata._native.rows.ring cimport ring_find, ring_oldest, ring_read
from sessiondata._native.symbol.symbol cimport Symbol, symbol_watermark, symbol_fold_levels
from sessiondata._native.symbol.symbol cimport symbol_flush
from sessiondata._native.out.text cimport STRING_BYTES, STRING_FACTOR, write_string
from sessiondata._native.out.writer cimport ByteWriter, reserve
from sessiondata._native.rows.ticks cimport TickRing
from sessiondata._native.base.time cimport floor_div

from sessiondata.copying import refuse_copy


cdef enum:
    MILLI_NS = 1_000_000


cdef inline bint _same_milli(const Ring* ring, int64_t seq) noexcept nogil:
    """Whether a row and the one before it have the same time in milliseconds."""
    cdef int64_t at = seq - ring.origin
    return floor_div(ring.ts[at], MILLI_NS) == floor_div(ring.ts[at - 1], MILLI_NS)


cdef bint _is_dense(const Ring* ring, const Change* change) noexcept nogil:
    """Whether a row to be sent has the same time in milliseconds as a neighbour."""
    cdef int64_t oldest = ring_oldest(ring), seq
    cdef int32_t i
    for seq in range(change.first if change.first > oldest else oldest + 1, change.stop):
        if _same_milli(ring, seq):
            return True
    for i in range(change.n_edited):
        seq = change.edited[i]
        if (seq > oldest and _same_milli(ring, seq)) or (seq + 1 < change.stop and _same_milli(ring, seq + 1)):
            return True
    return False


cdef inline int64_t _row_time(const Symbol* symbol, Py_ssize_t k, int64_t ts) noexcept nogil:
    """Time of the row of series `k` that a base row at `ts` belongs to; INT64_MIN if it belongs to
    none."""
    cdef const Level* level
    cdef const Region* region
    if k == 0:
        return ts
    level = &symbol.levels[k - 1]
    region = find_region(symbol.grid, ts)
    if level.kind == INTRADAY:
        return slot_start_in(region, level.step_ns, ts)
    return symbol.grid.open_ns if region.regular else INT64_MIN


cdef void _find_edited(const Symbol* symbol, Py_ssize_t k, const Ring* ring, const Visit* visit,
                       Change* change) noexcept nogil:
    """Live rows before `change.first` that hold what was edited, ascending and each once."""
    cdef int64_t ts, seq
    cdef int32_t i, j, n = 0
    for i in range(visit.n_edited):
        ts = _row_time(symbol, k, visit.edited_ts[i])
        seq = ring_find(ring, ts)
        if seq >= change.first or ring.ts[seq - ring.origin] != ts:  # sent anyway, or overwritten
            continue
        j = n
        while j > 0 and change.edited[j - 1] > seq:
            j -= 1
        if j > 0 and change.edited[j - 1] == seq:
            continue
        memmove(&change.edited[j + 1], &change.edited[j], (n - j) * sizeof(int64_t))
        change.edited[j] = seq
        n += 1
    change.n_edited = n


cdef inline bint _differs(const Sent* sent, const Bar* bar) noexcept nogil:
    return memcmp(sent.values, &bar.open, 5 * sizeof(double)) != 0


cdef inline void _find_rows(Symbol* symbol, Py_ssize_t k, const Ring* ring, const Sent* sent, const Visit* visit,
                            Change* change) noexcept nogil:
    """Which rows a consumer lacks. Rings are flushed where more than the newest row is read of
    them."""
    cdef int64_t oldest = ring_oldest(ring)
    cdef Bar row
    change.stop = ring.next_seq
    if not visit.whole and visit.n_edited == 0 and sent.newest_ts != INT64_MIN and sent.total > oldest:
        change.first = sent.total
        if sent.total == ring.next_seq:
            change.first -= _differs(sent, &change.newest)
            return
        # rows before the newest are always in the ring as they are
        ring_read(ring, sent.total - 1, &row)
        change.first -= _differs(sent, &row)
        return
    if k > 0:
        symbol_flush(symbol, <int32_t>k - 1)
    if visit.whole or visit.n_edited < 0 or sent.newest_ts == INT64_MIN:
        change.first = oldest
        change.replace = not visit.whole and visit.n_edited < 0
        return
    change.first = sent.total if visit.n_edited == 0 else ring_find(ring, sent.newest_ts + 1)
    if change.first <= oldest:
        change.first = oldest
        return
    ring_read(ring, change.first - 1, &row)
    change.first -= _differs(sent, &row)
    if visit.n_edited > 0:
        _find_edited(symbol, k, ring, visit, change)


cdef class Cursor:
    """What one consumer has been sent; nothing at first."""

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self):
        self.cores, self.labels, self.intervals = [], {}, None
        self.is_open = True

    def __dealloc__(self):
        PyMem_RawFree(self.heads)
        PyMem_RawFree(self.sent)

    @property
    def is_served(self):
        """Whether it is known what the consumer has: a complete export was finished, and every
        delta since."""
        return not self.is_open

    def start(self, list cores not None, object intervals, bint millis):
        """Begin a complete export of these symbols (and series: a frozenset of names, None for
        all)."""
        cdef Py_ssize_t i
        self.is_open = True
        if cores is self.cores and intervals == self.intervals and self.heads != NULL:
            # the same again: what has been sent is forgotten, which symbols there are is not
            for i in range(len(cores)):
                self.heads[i].session = NEVER
        else:
            self.intervals = intervals
            self._align(cores, None)
        self.millis = millis

    def go_on(self, list cores not None):
        """Begin a delta; returns the names of symbols that have gone since."""
        cdef list removed = []
        self.is_open = True
        if cores is not self.cores:
            self._align(cores, removed)
        return removed

    def finish(self):
        """The export has been made: the next delta goes on from it."""
        self.is_open = False

    cdef int _align(self, list cores, list removed) except -1:
        """Have these symbols. Those that were there are in the same order, new ones at the end;
        `removed` None: none has been sent."""
        cdef Py_ssize_t n = len(cores), n_old = len(self.cores), i = 0, j, n_series = 0
        cdef Head* heads
        cdef Sent* sent
        cdef Sent* at
        cdef SymbolCore core
        cdef ByteWriter names = ByteWriter(0)
        for core in cores:
            n_series += len(core.intervals)
        heads = <Head*>PyMem_RawCalloc(<size_t>max(n, 1), sizeof(Head))
        sent = <Sent*>PyMem_RawCalloc(<size_t>max(n_series, 1), sizeof(Sent))
        if heads == NULL or sent == NULL:
            PyMem_RawFree(heads)
            PyMem_RawFree(sent)
            raise MemoryError("no memory for a cursor")
        at = sent
        for j, core in enumerate(cores):
            while removed is not None and i < n_old and self.cores[i] is not core:
                removed.append(name_of(self.cores[i]))
                i += 1
            heads[j].session = NEVER
            if removed is not None and i < n_old:
                heads[j] = self.heads[i]
                memcpy(at, self.heads[i].series, len(core.intervals) * sizeof(Sent))
                i += 1
            heads[j].series, heads[j].labels = at, self._labels_of(core.intervals)
            heads[j].name = names.size
            heads[j].n_name = self._add_name(names, core.name)
            heads[j].selected, heads[j].n_series = self.selection(core.intervals), <int32_t>len(core.intervals)
            at += len(core.intervals)
        while removed is not None and i < n_old:
            removed.append(name_of(self.cores[i]))
            i += 1
        PyMem_RawFree(self.heads)
        PyMem_RawFree(self.sent)
        self.heads, self.sent, self.names, self.cores = heads, sent, names, cores
        return 0

    cdef uint32_t selection(self, tuple intervals) except? 0:
        """Bit k is set if series k is sent."""
        cdef uint32_t selected = 0
        cdef Py_ssize_t k
        for k, name in enumerate(intervals):
            if self.intervals is None or name in self.intervals:
                selected |= <uint32_t>1 << k
        return selected

    cdef Py_ssize_t _add_name(self, ByteWriter names, str name) except -1:
        cdef Py_ssize_t n, before = names.size
        cdef const char* text = PyUnicode_AsUTF8AndSize(name, &n)
        reserve(names, STRING_BYTES + STRING_FACTOR * n)
        names.size = write_string(names.data + before, text, n) - names.data
        return names.size - before

    cdef const Label* _labels_of(self, tuple intervals) except NULL:
        """Many symbols have the same intervals, and one copy of their names stays in a near
        cache."""
        cdef Label label
        cdef bytes labels = self.labels.get(intervals), text
        if labels is None:
            labels = b""
            for name in intervals:
                text = b'"%b":{"count":' % name.encode()
                memset(&label, 0, sizeof(Label))
                label.n = len(text)
                memcpy(label.text, PyBytes_AS_STRING(text), label.n)
                labels += (<char*>&label)[:sizeof(Label)]
            self.labels[intervals] = labels
        return <const Label*>PyBytes_AS_STRING(labels)

    cdef bint has_changed(self, Py_ssize_t i) noexcept:
        """Whether anything of symbol `i` may be other than it was sent."""
        cdef const Symbol* symbol = &(<SymbolCore>PyList_GET_ITEM(self.cores, i)).symbol
        cdef const Head* head = &self.heads[i]
        return (head.last_ts != peek(&symbol.last_ts) or head.n_edits != peek(&symbol.n_edits)
                or head.as_of != symbol_watermark(symbol) or head.session == NEVER)

    cdef bint lacks_past(self, Py_ssize_t i) noexcept:
        """Whether `visit` would have the history of symbol `i` sent."""
        cdef SymbolCore live = <SymbolCore>PyList_GET_ITEM(self.cores, i)
        cdef const Head* head = &self.heads[i]
        return (head.n_past_edits != live.n_past_edits
                or head.session != (NO_SESSION if live.symbol.grid == NULL else live.session_id))

    cdef void visit(self, Py_ssize_t i, SymbolCore core, bint whole, Visit* out_visit) noexcept:
        """Look at symbol `i`, of which something has changed, and fold its levels. It then counts
        as sent.

        `core` is what `still` or `snapshot_of` makes of it: no other thread writes to it."""
        cdef SymbolCore live = <SymbolCore>PyList_GET_ITEM(self.cores, i)
        cdef Symbol* symbol = &core.symbol
        cdef Head* head = &self.heads[i]
        cdef int64_t session = NO_SESSION if symbol.grid == NULL else live.session_id, n
        cdef const TickRing* ticks
        cdef int j
        out_visit.whole = whole or head.session != session
        out_visit.changed = head.last_ts != symbol.last_ts or head.n_edits != symbol.n_edits
        out_visit.pins_changed = head.n_pin_edits != live.n_pin_edits
        out_visit.past_changed = head.n_past_edits != live.n_past_edits
        out_visit.as_of = symbol_watermark(symbol)
        out_visit.in_order = symbol.next_slot_ts != INT64_MAX and out_visit.as_of == symbol.newest_stop
        out_visit.n_edited = 0
        if symbol.grid != NULL:
            symbol_fold_levels(symbol)
            if not out_visit.whole and head.n_edited != symbol.n_edited:
                n = symbol.n_edited - head.n_edited
                out_visit.n_edited = <int32_t>n if n <= EDITS else -1
                while 0 < n <= EDITS:
                    out_visit.edited_ts[n - 1] = symbol.edited_ts[(symbol.n_edited - n) % EDITS]
                    n -= 1
        for j in range(2):
            ticks = symbol.quotes if j else symbol.ticks
            n = 0 if ticks == NULL else ticks.next_seq
            out_visit.with_ticks[j] = n > 0 and (out_visit.whole or n != head.n_ticks[j])
            head.n_ticks[j] = n
        head.last_ts, head.n_edits, head.as_of = symbol.last_ts, symbol.n_edits, out_visit.as_of
        head.session, head.n_edited, head.n_pin_edits = session, symbol.n_edited, live.n_pin_edits
        head.n_past_edits = live.n_past_edits

    cdef void step(self, SymbolCore core, Sent* sent, Py_ssize_t k, const Visit* visit, bint pinned_gaps,
                   int pinned_quality, Change* out_change) noexcept:
        """What of series `k` of a symbol that has been visited is to be sent. It then counts as
        sent.

        `pinned_gaps`: whether they are pinned; `pinned_quality` in hundredths of a percent, -1 if
        it is not."""
        cdef Symbol* symbol = &core.symbol
        cdef Sent now
        cdef const Ring* ring
        cdef const Gaps* gaps
        cdef int32_t present
        now.total, now.newest_ts, now.quality = 0, INT64_MIN, 10_000
        now.missing = now.expected = now.gap_edits = 0
        now.flags = PINNED if pinned_gaps else 0
        memset(now.values, 0, sizeof(now.values))
        out_change.first = out_change.stop = 0
        out_change.n_edited, out_change.replace = 0, False
        if symbol.grid != NULL:
            ring, gaps = series_ring(symbol, k), series_gaps(symbol, k)
            now.total = ring.next_seq
            if now.total > 0:
                if k == 0:
                    ring_read(ring, now.total - 1, &out_change.newest)
                else:
                    out_change.newest = symbol.levels[k - 1].bar
                if visit.as_of < (symbol.base_stop if k == 0 else symbol.levels[k - 1].slot_stop):
                    now.flags |= FORMING
                now.newest_ts = out_change.newest.ts
                memcpy(now.values, &out_change.newest.open, sizeof(now.values))
            if visit.in_order:  # the newest slot is the last one below the frontier
                now.expected = gaps.frontier - (now.flags & FORMING != 0)
            else:
                now.expected = expected_at(gaps.table, visit.as_of)
            present = gaps_present(gaps, now.expected)
            now.missing = now.expected - present - gaps_explained(gaps, now.expected)
            now.gap_edits = gaps.n_edits
            if now.expected > gaps.frontier:
                now.flags |= TAIL
            if now.expected > present:
                now.quality = <int16_t>(10_000 * <int64_t>present // now.expected)
            _find_rows(symbol, k, ring, sent, visit, out_change)
            if self.millis:
                if (not visit.whole and sent.flags & DENSE) or _is_dense(ring, out_change):
                    now.flags |= DENSE
                    if not visit.whole and (out_change.first < out_change.stop or out_change.n_edited > 0
                                            or now.total != sent.total):
                        out_change.first, out_change.n_edited, out_change.replace = ring_oldest(ring), 0, True
        if pinned_quality >= 0:
            now.quality = <int16_t>pinned_quality
        if visit.whole:
            out_change.gaps = out_change.sent = True
        else:
            if (now.flags | sent.flags) & PINNED:
                out_change.gaps = visit.pins_changed
            else:
                out_change.gaps = (now.missing != sent.missing or (now.missing > 0 and (
                    now.gap_edits != sent.gap_edits or (sent.flags & TAIL and now.expected != sent.expected))))
            out_change.sent = (
                out_change.gaps or out_change.replace or out_change.n_edited > 0 or out_change.first < out_change.stop
                or now.total != sent.total or now.quality != sent.quality
                or (now.flags ^ sent.flags) & FORMING)
        sent[0] = now

    def take(self, dict pinned):
        """Note that all of the symbols are sent as they are in the cores that this returns.
        `pinned`: core -> (gaps, quality), two mappings by series number, of symbols that have
        pins."""
        cdef Py_ssize_t i, k
        cdef SymbolCore live, core
        cdef Visit visit
        cdef Change change
        cdef list taken = []
        for i, live in enumerate(self.cores):
            core = snapshot_of(live)
            taken.append(core)
            self.visit(i, core, True, &visit)
            gaps, quality = pinned.get(live, (None, None))
            for k in range(len(core.intervals)):
                self.step(core, &self.heads[i].series[k], k, &visit, gaps is not None and k in gaps,
                          pinned_hundredths(quality, k), &change)
        return taken

    def changes(self, dict pinned):
        """What has changed, and note that it is sent: list of (number of the symbol, whole,
        series, trades and quotes, history, core), series a list of (number, gaps changed, replace,
        positions of rows among the live ones), the rest whether it is to be sent, and the core as
        it was looked at."""
        cdef Py_ssize_t i, k
        cdef SymbolCore live, core
        cdef Visit visit
        cdef Change change
        cdef int64_t oldest
        cdef list found = [], series
        for i, live in enumerate(self.cores):
            if not self.has_changed(i):
                continue
            core = snapshot_of(live)
            self.visit(i, core, False, &visit)
            gaps, quality = pinned.get(live, (None, None))
            series = []
            for k in range(len(core.intervals)):
                if not self.heads[i].selected >> k & 1:
                    continue
                self.step(core, &self.heads[i].series[k], k, &visit, gaps is not None and k in gaps,
                          pinned_hundredths(quality, k), &change)
                if change.sent:
                    oldest = 0 if core.symbol.grid == NULL else ring_oldest(series_ring(&core.symbol, k))
                    rows = [change.edited[j] - oldest for j in range(change.n_edited)]
                    rows.extend(range(change.first - oldest, change.stop - oldest))
                    series.append((k, change.gaps, change.replace, rows))
            if visit.whole or visit.changed or series:
                found.append((i, visit.whole, series, (bool(visit.with_ticks[0]), bool(visit.with_ticks[1])),
                              bool(visit.past_changed), core))
        return found


cdef str name_of(object entry):
    """The name of a symbol that is there (a core), or of one that has left (a str)."""
    return entry if isinstance(entry, str) else (<SymbolCore>entry).name


cdef int pinned_hundredths(dict pinned_quality, Py_ssize_t k) except -2:
    """A pinned quality as it is sent, in hundredths of a percent; -1 if there is none."""
    if pinned_quality is None or k not in pinned_quality:
        return -1
    quality = pinned_quality[k]
    hundredths = round(quality * 100)  # rounded down, as `format_quality` of export.format does
    return hundredths if hundredths / 100 <= quality else hundredths - 1
