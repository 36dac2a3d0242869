"""Evidence about absent slots: reported and kept as times, compiled for each tracker of the symbol.

    mark_no_trade, mark_halted -> union with earlier spans -> slots of each interval -> its tracker
    record_retry               -> gaps of one interval now -> how often and when, by ranges of slots

Made with the first mark or retry of a session and kept by its `Memory`, so that it lives as long as
the trackers that point to it. A mark allocates all that it needs before anything changes: without
memory nothing has happened. Inside a guard that is a status: to raise makes objects that the
garbage collector counts, and may set it to work.
"""

from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport uintptr_t

from sessiondata._native.slots.gaps cimport Gaps, gaps_count, gaps_list, gaps_recount
from sessiondata._native.slots.grid cimport SlotTable, expected_at, first_slot_from
from sessiondata._native.symbol.layout cimport series_gaps
from sessiondata._native.slots.marks cimport (
    Retries, Slots, retries_add, retries_copy, retries_free, slots_inside, spans_alloc, spans_copy, spans_equal,
    spans_free, spans_of_market, spans_of_slots, spans_union,
)
from sessiondata._native.base.status cimport ERR_MEMORY
from sessiondata._native.symbol.symbol cimport symbol_watermark, symbol_enter, symbol_leave
from sessiondata._native.symbol.symbol cimport symbol_flush

from sessiondata.copying import refuse_copy


cdef class Evidence:
    def __reduce__(self):
        refuse_copy(self)

    def __dealloc__(self):
        cdef int32_t k
        spans_free(&self.no_trade)
        spans_free(&self.halted)
        for k in range(self.n_trackers):
            retries_free(&self.marks[k].retries)
        PyMem_RawFree(self.marks)
        PyMem_RawFree(self._slots)

    cdef int begin(self, Symbol* symbol) noexcept nogil:
        """Have the trackers of a symbol point here, to marks of nothing; 0, or ERR_MEMORY."""
        cdef int32_t k
        # Every series has a tracker but the extended one, which is the last.
        self.marks = <Marks*>PyMem_RawCalloc(<size_t>symbol.n_levels, sizeof(Marks))
        if self.marks == NULL:
            return ERR_MEMORY
        self.n_trackers = symbol.n_levels
        for k in range(symbol.n_levels):
            series_gaps(symbol, k).marks = &self.marks[k]
            gaps_recount(series_gaps(symbol, k))
        return 0

    cdef int begin_copy(self, Evidence old, Symbol* symbol) noexcept nogil:
        """`begin` with all that other evidence says; 0, or ERR_MEMORY and some of it is missing."""
        cdef Spans spans
        cdef int32_t k, halted
        cdef int status = self.begin(symbol)
        for halted in range(2):
            if status == 0:
                status = ERR_MEMORY
                if spans_copy(&old.halted if halted else &old.no_trade, &spans) == 0:
                    status = self._grow(symbol, halted, &spans)
                spans_free(&spans)
        for k in range(self.n_trackers):
            if status == 0 and retries_copy(&old.marks[k].retries, &self.marks[k].retries):
                status = ERR_MEMORY
        return status

    cdef int mark(self, Symbol* symbol, bint halted, Py_ssize_t k, int64_t start, int64_t stop) noexcept nogil:
        """Explain the slots of series `k` that begin in [start, stop), or with `halted` that time
        itself; 1, 0 if nothing of it is new, or ERR_MEMORY. O(spans + ranges of all trackers)."""
        cdef const Spans* old = &self.halted if halted else &self.no_trade
        cdef const SlotTable* table = series_gaps(symbol, k).table
        cdef int status = ERR_MEMORY
        cdef int32_t i
        cdef Spans told, grown
        grown.start = NULL
        if spans_alloc(&told, table.grid.n_segments) == 0 and spans_alloc(&grown, old.n + table.grid.n_segments) == 0:
            if halted:
                spans_of_market(table, start, stop, &told)
            else:
                spans_of_slots(table, start, stop, &told)
            spans_union(old, &told, &grown)
            status = 0
            if not spans_equal(old, &grown):
                status = self._grow(symbol, halted, &grown)
                if status == 0:
                    status = 1
                    for i in range(self.n_trackers):
                        series_gaps(symbol, i).n_edits += 1
        spans_free(&told)
        spans_free(&grown)
        return status

    cdef int restore(self, Symbol* symbol, bint halted, const int64_t[::1] start, const int64_t[::1] stop) except -1:
        """Report spans that a file has saved: ascending and apart, else a
        ValueError."""
        cdef const SlotTable* table = series_gaps(symbol, 0).table
        cdef int64_t n = start.shape[0], i
        cdef Spans spans
        cdef int status
        if stop.shape[0] != n:
            raise ValueError("spans of time have two ends")
        for i in range(n):
            if start[i] >= stop[i] or (i > 0 and start[i] <= stop[i - 1]):
                raise ValueError("spans of time ascend and are apart")
        # Cut at segments they are no more than that many pieces more.
        if spans_alloc(&spans, n + table.grid.n_segments):
            raise MemoryError("no memory for a mark")
        for i in range(n):
            spans_of_market(table, start[i], stop[i], &spans)
        status = self._grow(symbol, halted, &spans)
        spans_free(&spans)
        if status:
            raise MemoryError("no memory for a mark")
        return 0

    cdef int _grow(self, Symbol* symbol, bint halted, Spans* spans) noexcept nogil:
        """Exchange these spans for those reported before, and compile them; 0, or ERR_MEMORY and
        nothing has changed."""
        cdef Spans explained
        cdef const Spans* halts = spans if halted else &self.halted
        cdef const Spans* quiet = &self.no_trade if halted else spans
        cdef int32_t* memory = NULL
        cdef int32_t* at
        cdef Gaps* gaps
        cdef int64_t room
        cdef int32_t k
        if spans_alloc(&explained, halts.n + quiet.n) == 0:
            spans_union(halts, quiet, &explained)
            room = max(explained.n, halts.n) + series_gaps(symbol, 0).table.grid.n_segments
            memory = <int32_t*>PyMem_RawMalloc(<size_t>(6 * room * self.n_trackers) * sizeof(int32_t))
        if memory == NULL:
            spans_free(&explained)
            return ERR_MEMORY
        at = memory
        for k in range(self.n_trackers):
            gaps = series_gaps(symbol, k)
            at = _compile(gaps.table, &explained, &self.marks[k].explained, at, room)
            at = _compile(gaps.table, halts, &self.marks[k].halted, at, room)
            gaps_recount(gaps)
        spans_free(&explained)
        PyMem_RawFree(self._slots)
        self._slots = memory
        if halted:
            self.halted, spans[0] = spans[0], self.halted
        else:
            self.no_trade, spans[0] = spans[0], self.no_trade
        return 0

    cdef int64_t retry(self, Symbol* symbol, Py_ssize_t k, int64_t start, int64_t stop, int64_t when_ns) noexcept nogil:
        """The missing slots of series `k` that begin in [start, stop) were asked for again; returns
        how many there are, or ERR_MEMORY."""
        cdef Gaps* gaps
        cdef Retries counted
        cdef int32_t expected, n, n_counted
        cdef int32_t* ranges
        cdef int status
        if k > 0:
            symbol_flush(symbol, <int32_t>k - 1)
        gaps = series_gaps(symbol, k)
        expected = expected_at(gaps.table, symbol_watermark(symbol))
        n = gaps_count(gaps, expected)
        ranges = <int32_t*>PyMem_RawMalloc(<size_t>(2 * n + 1) * sizeof(int32_t))
        if ranges == NULL:
            return ERR_MEMORY
        gaps_list(gaps, expected, ranges, ranges + n)
        status = retries_add(&gaps.marks.retries, ranges, ranges + n, n, first_slot_from(gaps.table, start),
                             first_slot_from(gaps.table, stop), when_ns, &counted, &n_counted)
        PyMem_RawFree(ranges)
        if status:
            return ERR_MEMORY
        if n_counted == 0:
            retries_free(&counted)
            return 0
        retries_free(&gaps.marks.retries)
        gaps.marks.retries = counted
        gaps.n_edits += 1
        return n_counted


cdef int32_t* _compile(const SlotTable* table, const Spans* spans, Slots* slots, int32_t* memory,
                       int64_t room) noexcept nogil:
    """Lay ranges over memory for 3 * room numbers and fill them; returns where that ends."""
    slots.start, slots.stop, slots.before = memory, memory + room, memory + 2 * room
    slots_inside(table, spans, slots)
    return memory + 3 * room


cdef Evidence evidence_of(Memory memory, Symbol* symbol):
    """The evidence of a symbol's session, made with the first question for it. Not called inside
    the guard."""
    cdef Evidence evidence = memory.evidence
    cdef uintptr_t* inside
    cdef int status
    if evidence is None:
        evidence = Evidence.__new__(Evidence)
        inside = symbol_enter(symbol)
        status = evidence.begin(symbol)
        symbol_leave(inside)
        if status:
            raise MemoryError("no memory for marks")
        memory.evidence = evidence
    return evidence


cdef Evidence evidence_like(Evidence old):
    """Where a copy of evidence is to go, if there is any: to be made outside the guard."""
    return None if old is None else Evidence.__new__(Evidence)


cdef int copy_evidence(Evidence old, Evidence new, Symbol* symbol) noexcept nogil:
    """Give a copy of a session, whose trackers still point to the marks of the session it was made
    of, evidence of its own, `evidence_like` the old; 0, or ERR_MEMORY."""
    cdef int32_t k
    for k in range(symbol.n_levels):
        series_gaps(symbol, k).marks = NULL
    return 0 if old is None else new.begin_copy(old, symbol)
