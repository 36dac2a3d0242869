"""A session of a symbol as named columns and a few numbers.

    flush -> numbers (a dict for JSON) + columns (one bytes object, each padded to eight bytes)

What rows of the base ring can bring again is not captured: derived bars, trackers, most counters
(`out/restore`). A ring that has wrapped has lost rows, so then the derived rows, the sums of the
slots in progress, and the slots that were present up to the newest evicted row are columns too.

All of a store is captured in one call, in which no Python code of other threads runs.

Rejected: the memory of a session as it lies. It would be faster by a few milliseconds in a second,
and would tie files to the layout of structs that change with every version.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport INT64_MIN, int32_t, int64_t
from libc.string cimport memcpy, memset

from sessiondata._native.base.status cimport N_REASONS
from sessiondata._native.objects.copies cimport snapshot_of, snapshot
from sessiondata._native.objects.clock cimport StoreClock
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.out.saved_cursor cimport capture_cursor
from sessiondata._native.rows.aggregate cimport DAY, EXTENDED, Level
from sessiondata._native.rows.ring cimport Ring, ring_oldest
from sessiondata._native.rows.ticks cimport INPUT_BARS, N_TICK_REASONS, TickCounters, TickRing, ticks_oldest
from sessiondata._native.slots.gaps cimport Gaps
from sessiondata._native.slots.grid cimport first_slot_from
from sessiondata._native.slots.marks cimport Retries, Spans
from sessiondata._native.symbol.evidence cimport Evidence
from sessiondata._native.symbol.layout cimport is_compact, series_gaps
from sessiondata._native.symbol.symbol cimport EDITS, Symbol, symbol_flush

from sessiondata._native.base.status import REASONS, TICK_REASONS
from sessiondata.copying import refuse_copy

import numpy as np

INPUT_KINDS = ("none", "bars", "ticks", "quotes")
BARS = ("open", "high", "low", "close", "volume")
TICK_VALUES = (("price", "size"), ("bid", "ask", "bid_size", "ask_size"))
COUNTS = ("edits", "pin_edits", "past_edits", "session", "n_edited")


cdef class _Columns:
    """Columns that lie somewhere in memory, on their way into one bytes object."""

    cdef list contents  # [name, type, rows] of each
    cdef list places    # (address, bytes) of each
    cdef Py_ssize_t n_bytes

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self):
        self.contents, self.places, self.n_bytes = [], [], 0

    cdef int add(self, str name, str kind, const void* start, int64_t n) except -1:
        cdef Py_ssize_t size = n * (4 if kind == "<i4" else 8)
        self.contents.append([name, kind, n])
        self.places.append((<Py_ssize_t>start, size))
        self.n_bytes += (size + 7) // 8 * 8
        return 0

    cdef bytes copied(self):
        cdef bytes made = PyBytes_FromStringAndSize(NULL, self.n_bytes)
        cdef char* at = PyBytes_AS_STRING(made)
        cdef Py_ssize_t start, size
        for start, size in self.places:
            if size % 8:
                memset(at + size // 8 * 8, 0, 8)
            if size:
                memcpy(at, <const void*>start, size)
            at += (size + 7) // 8 * 8
        return made


def capture(SymbolCore core not None):
    """The session of a core as (numbers for JSON, bytes of the columns that ``numbers["columns"]``
    lists). Copies."""
    return _capture(_still(core))


cdef SymbolCore _still(SymbolCore core):
    """The core itself, or a copy if other threads may write to it meanwhile."""
    return snapshot(core, True) if core.symbol.guard != NULL and core.symbol.grid != NULL else core


cdef tuple _capture(SymbolCore core):
    cdef Symbol* symbol = &core.symbol
    cdef _Columns columns = _Columns()
    cdef int32_t i
    cdef dict numbers = {
        "updated": bool(symbol.bars_updated),
        "counters": {name: n for name, n in symbol.counters.items() if name != "skipped" and n},
        "skipped": {REASONS[i]: symbol.counters.skipped[i] for i in range(N_REASONS) if symbol.counters.skipped[i]},
    }
    cdef const int32_t[::1] filled  # its memory is copied below
    for i in range(2):
        _capture_ticks(core, i == 1, numbers, columns)
    if core.grid is not None:
        for i in range(symbol.n_levels):
            symbol_flush(symbol, i)
        numbers["capacity"] = core._capacity
        numbers["compact"] = is_compact(symbol)
        numbers["stored"] = symbol.base.next_seq
        numbers["source"] = INPUT_KINDS[symbol.input_kind]
        numbers["newest"] = [_or_none(symbol.newest_ts[0]), _or_none(symbol.newest_ts[1])]
        _add_rows(columns, "", &symbol.base)
        if ring_oldest(&symbol.base) > 0:
            _capture_forgotten(core, numbers, columns)
        if core._memory.evidence is not None:
            _capture_evidence(core, columns)
        filled = _filled_slots(symbol)
        if filled.shape[0]:
            columns.add("filled", "<i4", &filled[0], filled.shape[0])
    numbers["columns"] = columns.contents
    return numbers, columns.copied()


def capture_all(StoreClock clock not None, list cores not None, list values not None, list cursors not None, facts_of):
    """All of a store that may change, of one moment: no other thread's Python code runs in between.
    Threads without the GIL may write meanwhile, so each symbol is of one moment of its own.

    Parameters
    ----------
    values : list
        For each core a tuple of dicts, which are copied.
    cursors : list of ExportCursor
    facts_of : callable
        Gets a cursor, and is no Python code itself; the last of its facts is None if the cursor is
        not served.

    Returns
    -------
    tuple
        Time of the clock, sequence, epoch; for each core (numbers, rows, its days, their daily
        bars, supplied rows, copies of its dicts); columns of the symbols' counts; for each cursor
        (its facts, sequence, what it captured or None).
    """
    cdef list captured = [], counts = []
    cdef SymbolCore core, still
    for core, dicts in zip(cores, values, strict=True):
        still = _still(core)
        numbers, rows = _capture(still)
        copies = [dict(items) for items in dicts]
        captured.append((numbers, rows, dict(core.days.cores), dict(core.days.daily), core.days.supplied, copies))
        counts.append(_counts(core, still) if cursors else None)
    sent = _capture_cursors(cursors, cores, facts_of)
    return (clock.as_of, clock.sequence, clock.epoch), captured, _count_columns(counts) if cursors else None, sent


def copy_all(StoreClock clock not None, list cores not None, list values not None, list cursors not None, facts_of):
    """All of a store for another one in this process: what `capture_all` returns, with
    `snapshot_of` each core in place of its numbers and rows. The counts are always there."""
    cdef list copied = [], counts = []
    cdef SymbolCore core, still
    for core, dicts in zip(cores, values, strict=True):
        still = snapshot_of(core)
        copies = [dict(items) for items in dicts]
        copied.append((still, dict(core.days.cores), dict(core.days.daily), dict(core.days.supplied), copies))
        counts.append(_counts(core, still))
    sent = _capture_cursors(cursors, cores, facts_of)
    return (clock.as_of, clock.sequence, clock.epoch), copied, _count_columns(counts), sent


cdef list _capture_cursors(list cursors, list cores, object facts_of):
    """For each cursor its facts, its sequence, and what it captured (None if it is not served)."""
    cdef dict numbers = {core: i for i, core in enumerate(cores)}
    cdef list captured = []
    for cursor in cursors:
        *facts, native, sequence = facts_of(cursor)
        served = sequence is not None and native.is_served
        captured.append((facts, sequence if served else None, capture_cursor(native, numbers) if served else None))
    return captured


cdef tuple _counts(SymbolCore core, SymbolCore still):
    """What cursors compare with: counts of the symbol, edits of its trackers, times of the last
    rows edited."""
    cdef Symbol* symbol = &still.symbol
    cdef int64_t n_edited = 0 if symbol.grid == NULL else symbol.n_edited, i
    cdef Py_ssize_t k
    numbers = symbol.n_edits, core.n_pin_edits, core.n_past_edits, core.session_id, n_edited
    if symbol.grid == NULL:
        return numbers, [], []
    gap_edits = [series_gaps(symbol, k).n_edits for k in range(len(core.intervals))]
    return numbers, gap_edits, [symbol.edited_ts[i % EDITS] for i in range(max(0, n_edited - EDITS), n_edited)]


cdef dict _count_columns(list counts):
    columns = np.array([numbers for numbers, _, _ in counts], np.int64).reshape(-1, len(COUNTS)).T
    made = {name: np.ascontiguousarray(column) for name, column in zip(COUNTS, columns, strict=True)}
    made["gap_edits"] = np.array([n for _, edits, _ in counts for n in edits], np.int32)
    made["edited"] = np.array([ts for _, _, times in counts for ts in times], np.int64)
    return made


cdef object _or_none(int64_t ts):
    return None if ts == INT64_MIN else ts


cdef int _add_rows(_Columns columns, str prefix, const Ring* ring) except -1:
    cdef int64_t oldest = ring_oldest(ring), n = ring.next_seq - oldest, at = oldest - ring.origin
    columns.add(prefix + "time", "<i8", ring.ts + at, n)
    columns.add(prefix + "open", "<f8", ring.open + at, n)
    columns.add(prefix + "high", "<f8", ring.high + at, n)
    columns.add(prefix + "low", "<f8", ring.low + at, n)
    columns.add(prefix + "close", "<f8", ring.close + at, n)
    columns.add(prefix + "volume", "<f8", ring.volume + at, n)
    if ring.derived:
        columns.add(prefix + "n_base", "<i4", ring.n_base + at, n)
    return 0


cdef int _capture_ticks(SymbolCore core, bint quotes, dict numbers, _Columns columns) except -1:
    """Counters of trades, or of quotes, and their rows if there are any."""
    cdef const TickCounters* counters = &core.symbol.tick_counters[quotes]
    cdef const TickRing* ring = core.symbol.quotes if quotes else core.symbol.ticks
    cdef str name = "quotes" if quotes else "ticks"
    cdef dict counts = {}
    cdef int64_t at, n
    cdef int i
    for key, count in (("late", counters.late), ("too_old", counters.too_old),
                       ("other_session", counters.other_session), ("covered", counters.covered),
                       ("empty_side", counters.empty_side)):
        if count:
            counts[key] = count
    for i in range(N_TICK_REASONS):
        if counters.skipped[i]:
            counts.setdefault("skipped", {})[TICK_REASONS[i]] = counters.skipped[i]
    # the first one may have been too old
    if core.grid is not None and ring != NULL and ring.next_seq > 0:
        at, n = ticks_oldest(ring) - ring.origin, ring.next_seq - ticks_oldest(ring)
        counts["stored"], counts["updated"] = ring.next_seq, bool(ring.updated)
        counts["evicted"] = _or_none(ring.evicted_ts)
        columns.add(f"{name}.time", "<i8", ring.ts + at, n)
        for i, column in enumerate(TICK_VALUES[quotes]):
            columns.add(f"{name}.{column}", "<f8", ring.value[i] + at, n)
        if not quotes:
            columns.add("ticks.exchange", "|S8", ring.exchange + at, n)
    if counts:
        numbers[name] = counts
    return 0


cdef int32_t _known_below(const Gaps* gaps, int32_t stop, int32_t* out_n) noexcept nogil:
    """Frontier of the tracker if nothing had come for the slots from `stop` on, and its ranges
    below that."""
    cdef int32_t frontier = min(stop, gaps.frontier), n = gaps.n_ranges
    while n > 0 and gaps.stop[n - 1] >= frontier:
        frontier = min(frontier, gaps.start[n - 1])
        n -= 1
    out_n[0] = n
    return frontier


cdef int _capture_forgotten(SymbolCore core, dict numbers, _Columns columns) except -1:
    """What the rows that have left the base ring brought, and no other row can bring again."""
    cdef Symbol* symbol = &core.symbol
    cdef const Gaps* gaps = &symbol.gaps
    cdef Level* level
    cdef int32_t n, i
    numbers["evicted"] = symbol.base.evicted_ts
    numbers["frontier"] = _known_below(gaps, first_slot_from(gaps.table, symbol.base.evicted_ts + 1), &n)
    columns.add("absent.start", "<i4", gaps.start, n)
    columns.add("absent.stop", "<i4", gaps.stop, n)
    if symbol.extended != NULL:
        gaps = &symbol.extended.gaps
        numbers["extended_frontier"] = gaps.frontier
        columns.add("extended_absent.start", "<i4", gaps.start, gaps.n_ranges)
        columns.add("extended_absent.stop", "<i4", gaps.stop, gaps.n_ranges)
    for i in range(symbol.n_levels):
        level = &symbol.levels[i]
        name = level_name(core, i)
        _add_rows(columns, name, &level.ring)
        columns.add(name + "closed_volume", "<f8", &level.closed_volume, 1)
        columns.add(name + "closed_base", "<i4", &level.closed_base, 1)
    return 0


cdef str level_name(SymbolCore core, int32_t i):
    """What the names of a level's columns begin with."""
    cdef int32_t kind = core.symbol.levels[i].kind
    return "session." if kind == DAY else "extended." if kind == EXTENDED else f"{core.intervals[i + 1]}."


cdef int _capture_evidence(SymbolCore core, _Columns columns) except -1:
    cdef Evidence evidence = core._memory.evidence
    cdef const Spans* spans
    cdef const Retries* retries
    cdef int32_t k
    for k in range(2):
        spans = &evidence.halted if k else &evidence.no_trade
        if spans.n:
            name = "halted" if k else "no_trade"
            columns.add(f"{name}.start", "<i8", spans.start, spans.n)
            columns.add(f"{name}.stop", "<i8", spans.stop, spans.n)
    for k in range(evidence.n_trackers):
        retries = &evidence.marks[k].retries
        if retries.n:
            columns.add(f"retries.{k}.start", "<i4", retries.start, retries.n)
            columns.add(f"retries.{k}.stop", "<i4", retries.stop, retries.n)
            columns.add(f"retries.{k}.count", "<i4", retries.count, retries.n)
            columns.add(f"retries.{k}.last", "<i8", retries.last_ns, retries.n)
    return 0


cdef object _filled_slots(const Symbol* symbol):
    """Ordinals of the base slots that bars have filled and ticks must leave alone; none where bars
    feed the symbol."""
    cdef int32_t ordinal, n_slots = symbol.gaps.table.n_slots
    cdef list slots = []
    if symbol.input_kind != INPUT_BARS:
        slots = [ordinal for ordinal in range(n_slots) if symbol.filled[ordinal >> 6] >> (ordinal & 63) & 1]
    return np.array(slots, np.int32)
