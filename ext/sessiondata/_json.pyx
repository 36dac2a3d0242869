"""The exported document as bytes, in one pass over native state into one bytes object.

    document -> symbol -> series -> block of rows    each level reserves what it may need, then writes without checks

The layout is that of `sessiondata.export.document`, key for key; the text of numbers, strings and times is `_text`'s.

A block of rows is written in two steps: first its columns become small whole numbers (cents, volumes), which is vector
code, then these become text by tables, row by row. What is neither in a block is written value by value.

Rejected: a cache from the bits of a price to its text (10 ns a row instead of 12 where all prices repeat, 24 instead of
12 where many do not), AVX2 by run-time dispatch (12.7 instead of 12), a branch for each style of time in `write_time`.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.exc cimport PyErr_CheckSignals
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport INT64_MIN, int32_t, int64_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, strlen

from sessiondata._aggregate cimport Level
from sessiondata._days cimport snapshot
from sessiondata._gaps cimport Gaps, gaps_count, gaps_list, gaps_missing, gaps_present
from sessiondata._grid cimport expected_at, ordinal_start
from sessiondata._guard cimport peek
from sessiondata._marks cimport retries_of
from sessiondata._prefetch cimport prefetch
from sessiondata._ring cimport Ring, ring_oldest
from sessiondata._store cimport StoreClock, SymbolCore
from sessiondata._symbol cimport Symbol, symbol_as_of, symbol_enter, symbol_leave, symbol_settle
from sessiondata._text cimport (
    F64_BYTES, I64_BYTES, STRING_BYTES, STRING_FACTOR, TIME_BYTES, ByteWriter, DayText, day_holds, reserve,
    scale_column, set_day, store4, write_cents, write_f64, write_i64, write_string, write_time, write_u64,
    write_volume,
)
from sessiondata._ticks cimport Tick, TickRing, ticks_oldest, ticks_read
from sessiondata._time cimport floor_div

from sessiondata.export import shown_quality


cdef enum:
    TIME_OF_DAY = 0
    ISO = 1
    EPOCH_MS = 2
    EPOCH_NS = 3
    ROW_BLOCK = 64                                   # rows that are reserved for at once
    ROW_BYTES = TIME_BYTES + 5 * F64_BYTES + 16
    GAP_BYTES = 2 * TIME_BYTES + I64_BYTES + 64
    RETRY_BYTES = TIME_BYTES + I64_BYTES + 64
    FIXED_BYTES = 512                                # literals and numbers of one piece of the document


cdef struct TimeStyle:
    int kind
    int32_t n_offsets
    const int64_t* from_ns    # n_offsets: since when each UTC offset holds, ascending
    const int64_t* offset_ns
    DayText day               # of the time written last, unless `kind` is an epoch


cdef class Style:
    """How times are written in one document.

    Parameters
    ----------
    kind : {"time", "iso", "epoch_ms", "epoch_ns"}
        "time" is resolved already: the time of day is unambiguous.
    from_ns, offset_ns : ndarray of int64
        UTC offsets in force.
    show : callable
        Called with int ns, returns the JSON of a time that may lie anywhere: when a gap was asked for again.
    """

    cdef TimeStyle data
    cdef const int64_t[::1] _from_ns, _offset_ns
    cdef object _show
    cdef int64_t _shown_ns      # the time that `_shown` is the JSON of
    cdef bytes _shown

    def __cinit__(self, str kind, const int64_t[::1] from_ns, const int64_t[::1] offset_ns, show):
        self._show, self._shown = show, None
        self.data.kind = ("time", "iso", "epoch_ms", "epoch_ns").index(kind)
        self._from_ns, self._offset_ns = from_ns, offset_ns
        self.data.n_offsets = <int32_t>from_ns.shape[0]
        self.data.from_ns, self.data.offset_ns = &from_ns[0], &offset_ns[0]
        self.data.day.length_ns = 0

    cdef bytes anytime(self, int64_t ts):
        """JSON of a time that may lie anywhere. Gaps are mostly asked for together, so the last one is kept."""
        if self._shown is None or self._shown_ns != ts:
            self._shown, self._shown_ns = self._show(ts), ts
        return self._shown


cdef void _turn_day(TimeStyle* style, int64_t ts) noexcept nogil:
    """Set the day of a time, as far as one UTC offset holds."""
    cdef DayText* day = &style.day
    cdef int32_t i = style.n_offsets - 1
    cdef uint64_t ns
    while i > 0 and ts < style.from_ns[i]:
        i -= 1
    set_day(day, ts, style.offset_ns[i], style.kind == ISO)
    ns = <uint64_t>ts - day.midnight_ns
    if i > 0 and <uint64_t>ts - <uint64_t>style.from_ns[i] < ns:
        day.from_ns = ns - (<uint64_t>ts - <uint64_t>style.from_ns[i])
        day.length_ns -= day.from_ns
    if i + 1 < style.n_offsets and <uint64_t>style.from_ns[i + 1] - <uint64_t>ts < day.from_ns + day.length_ns - ns:
        day.length_ns = ns - day.from_ns + (<uint64_t>style.from_ns[i + 1] - <uint64_t>ts)


cdef inline char* _write_time(char* out, int64_t ts, TimeStyle* style) noexcept nogil:
    """A time in the session's span as a JSON value, and a comma; TIME_BYTES at most."""
    if style.kind >= EPOCH_MS:
        out = write_i64(out, ts if style.kind == EPOCH_NS else floor_div(ts, 1_000_000))
        out[0] = c","
        return out + 1
    if not day_holds(&style.day, ts):
        _turn_day(style, ts)
    return write_time(out, ts, &style.day)


cdef inline char* _write_literal(char* out, const char* text) noexcept nogil:
    cdef size_t n = strlen(text)
    memcpy(out, text, n)
    return out + n


cdef inline char* _write_price(char* out, double x, int* hint) noexcept nogil:
    """A float and a comma."""
    out = write_f64(out, x, hint)
    out[0] = c","
    return out + 1


cdef char* _write_block(char* out, const Ring* ring, int64_t at, int64_t n, TimeStyle* style, int* price_hint,
                        int* volume_hint) noexcept nogil:
    """`time,open,high,low,close,volume],[` of n <= ROW_BLOCK physical rows; ROW_BYTES each at most."""
    cdef uint32_t open[ROW_BLOCK]
    cdef uint32_t high[ROW_BLOCK]
    cdef uint32_t low[ROW_BLOCK]
    cdef uint32_t close[ROW_BLOCK]
    cdef uint32_t volume[ROW_BLOCK]
    cdef bint cents = (
        scale_column(ring.open + at, n, 100.0, open) and scale_column(ring.high + at, n, 100.0, high)
        and scale_column(ring.low + at, n, 100.0, low) and scale_column(ring.close + at, n, 100.0, close)
    )
    cdef bint whole = scale_column(ring.volume + at, n, 1.0, volume)
    cdef bint clock = style.kind < EPOCH_MS
    cdef DayText day = style.day  # a copy of which no pointer is taken, so that it stays in registers
    cdef const int64_t* ts = ring.ts + at
    cdef int64_t i
    for i in range(n):
        if not clock:
            out = _write_time(out, ts[i], style)
        else:
            if not day_holds(&day, ts[i]):
                _turn_day(style, ts[i])
                day = style.day
            out = write_time(out, ts[i], &day)
        if cents:
            out = write_cents(write_cents(write_cents(write_cents(out, open[i]), high[i]), low[i]), close[i])
        else:
            out = _write_price(_write_price(out, ring.open[at + i], price_hint), ring.high[at + i], price_hint)
            out = _write_price(_write_price(out, ring.low[at + i], price_hint), ring.close[at + i], price_hint)
        if whole:
            out = write_u64(out, volume[i])
        else:
            out = write_volume(out, ring.volume[at + i], volume_hint)
        store4(out, c"]" | c"," << 8 | c"[" << 16)
        out += 3
    return out


cdef int _rows(ByteWriter writer, const Ring* ring, TimeStyle* style) except -1:
    """All live rows, with commas between."""
    cdef int64_t at = ring_oldest(ring) - ring.origin, stop = ring.next_seq - ring.origin, n
    cdef int price_hint = 2, volume_hint = 2
    cdef char* out
    if at == stop:
        return 0
    reserve(writer, 1)
    writer.data[writer.size] = c"["
    writer.size += 1
    while at < stop:
        n = stop - at if stop - at < ROW_BLOCK else ROW_BLOCK
        reserve(writer, n * ROW_BYTES)
        out = _write_block(writer.data + writer.size, ring, at, n, style, &price_hint, &volume_hint)
        writer.size = out - writer.data
        at += n
    writer.size -= 2  # `,[` behind the last row
    return 0


cdef char* _write_retries(char* out, const Gaps* gaps, int32_t start, int32_t stop, Style style) except NULL:
    """`"retry_count":...,"last_retry":...,` of a gap, nothing if it was never asked for again."""
    cdef int32_t count
    cdef int64_t last_ns
    cdef bytes last
    retries_of(&gaps.marks.retries, start, stop, &count, &last_ns)
    if count == 0:
        return out
    last = style.anytime(last_ns)
    out = _write_literal(write_i64(_write_literal(out, b',"retry_count":'), count), b',"last_retry":')
    return _write_literal(out, PyBytes_AS_STRING(last))


cdef int _tracked_gaps(ByteWriter writer, const Gaps* gaps, int32_t expected, Style times) except -1:
    """`"gaps":{...},` of a tracker, nothing where there is no gap."""
    cdef int32_t n = gaps_count(gaps, expected), i
    cdef TimeStyle* style = &times.data
    cdef bint retried = gaps.marks != NULL and gaps.marks.retries.n > 0
    cdef int32_t* start
    cdef int32_t* stop
    cdef int64_t ts
    cdef char* out
    if n == 0:
        return 0
    reserve(writer, FIXED_BYTES + n * (GAP_BYTES + RETRY_BYTES if retried else GAP_BYTES))
    start = <int32_t*>malloc(2 * n * sizeof(int32_t))
    if start == NULL:
        raise MemoryError("no memory for the gaps")
    try:
        stop = start + n
        gaps_list(gaps, expected, start, stop)
        out = write_i64(_write_literal(writer.data + writer.size, b'"gaps":{"gap_count":'), n)
        out = write_i64(_write_literal(out, b',"missing_bars":'), gaps_missing(gaps, expected))
        out = _write_literal(out, b',"ranges":[')
        for i in range(n):
            ts = ordinal_start(gaps.table, start[i])
            out = _write_time(_write_literal(out, b'{"start_time":'), ts, style)
            ts += (stop[i] - 1 - start[i]) * gaps.table.step_ns  # a gap lies in one segment
            out = _write_time(_write_literal(out, b'"end_time":'), ts, style)
            out = write_i64(_write_literal(out, b'"bar_count":'), stop[i] - start[i])
            if retried:
                out = _write_retries(out, gaps, start[i], stop[i], times)
            out = _write_literal(out, b"},")
        writer.size = _write_literal(out - 1, b"]},") - writer.data
    finally:
        free(start)
    return 0


cdef int _bytes(ByteWriter writer, bytes ready) except -1:
    reserve(writer, len(ready))
    memcpy(writer.data + writer.size, PyBytes_AS_STRING(ready), len(ready))
    writer.size += len(ready)
    return 0


cdef inline char* _write_any_f64(char* out, double x) noexcept nogil:
    cdef int hint = 2
    return write_f64(out, x, &hint)


cdef int _series(ByteWriter writer, SymbolCore core, Py_ssize_t k, dict pinned_gaps, dict pinned_quality,
                 Style style) except -1:
    """`"NAME":{"count":...,"data":[...]},` of one series."""
    cdef Gaps* gaps = core.tracker(k)
    cdef Ring* ring = core.ring(k)
    cdef bint started = core.symbol.grid != NULL
    cdef int32_t expected = expected_at(gaps.table, symbol_as_of(&core.symbol)) if started else 0
    cdef double quality = 100.0
    cdef Py_ssize_t n_name
    cdef const char* name = PyUnicode_AsUTF8AndSize(core.intervals[k], &n_name)
    cdef char* out
    if pinned_quality is not None and k in pinned_quality:
        quality = shown_quality(pinned_quality[k])
    elif expected:
        quality = 10_000 * <int64_t>gaps_present(gaps, expected) // expected / 100.0
    reserve(writer, FIXED_BYTES + n_name)
    out = writer.data + writer.size
    out[0] = c'"'
    memcpy(out + 1, name, n_name)
    out = _write_literal(out + 1 + n_name, b'":{"count":')
    out = write_i64(out, ring.next_seq - ring_oldest(ring) if started else 0)
    out = write_i64(_write_literal(out, b',"total_count":'), ring.next_seq if started else 0)
    out = _write_literal(out, b',"generated":true' if k else b',"generated":false')
    if core.is_forming(k):
        out = _write_literal(out, b',"forming":true')
    out = _write_any_f64(_write_literal(out, b',"quality":'), quality)
    out[0] = c","
    writer.size = out + 1 - writer.data
    if pinned_gaps is not None and k in pinned_gaps:
        _bytes(writer, pinned_gaps[k])
    elif started:
        _tracked_gaps(writer, gaps, expected, style)
    reserve(writer, FIXED_BYTES)
    out = writer.data + writer.size
    out = _write_literal(out, b'"columns":["timestamp","open","high","low","close","volume"],"data":[')
    writer.size = out - writer.data
    if started:
        _rows(writer, ring, &style.data)
    reserve(writer, FIXED_BYTES)
    writer.size = _write_literal(writer.data + writer.size, b"]},") - writer.data
    return 0


cdef int _tape(ByteWriter writer, Symbol* symbol, bint quotes, TimeStyle* style) except -1:
    """`"ticks":{...},` or `"quotes":{...},`: how many there are, and the latest; nothing where there are none."""
    cdef uintptr_t* inside
    cdef const TickRing* ring
    cdef int64_t count = 0, total = 0
    cdef int hint = 2
    cdef const char* exchange
    cdef Py_ssize_t n = 0
    cdef char* out
    cdef Tick tick
    inside = symbol_enter(symbol)
    ring = symbol.quotes if quotes else symbol.ticks
    if ring != NULL and ring.next_seq > 0:
        count, total = ring.next_seq - ticks_oldest(ring), ring.next_seq
        ticks_read(ring, ring.next_seq - 1, &tick)
    symbol_leave(inside)
    if total == 0:
        return 0
    reserve(writer, FIXED_BYTES + STRING_BYTES + STRING_FACTOR * 8)
    out = _write_literal(writer.data + writer.size, b'"quotes":{"count":' if quotes else b'"ticks":{"count":')
    out = write_i64(out, count)
    out = write_i64(_write_literal(out, b',"total_count":'), total)
    out = _write_time(_write_literal(out, b',"latest":{"timestamp":'), tick.ts, style)
    if quotes:
        out = _write_price(_write_literal(out, b'"bid":'), tick.value[0], &hint)
        out = _write_price(_write_literal(out, b'"ask":'), tick.value[1], &hint)
        out = write_volume(_write_literal(out, b'"bid_size":'), tick.value[2], &hint)
        out = write_volume(_write_literal(out, b',"ask_size":'), tick.value[3], &hint)
    else:
        out = _write_price(_write_literal(out, b'"price":'), tick.value[0], &hint)
        out = write_volume(_write_literal(out, b'"size":'), tick.value[1], &hint)
        exchange = <const char*>&tick.exchange
        while n < 8 and exchange[n]:
            n += 1
        out = write_string(_write_literal(out, b',"exchange":'), exchange, n)
    writer.size = _write_literal(out, b"}},") - writer.data
    return 0


cdef int _symbol(ByteWriter writer, SymbolCore live, dict pinned_gaps, dict pinned_quality, bytes zone,
                 Style style) except -1:
    """`"NAME":{"session":{...},"historical":{...}},` of one symbol."""
    # Where other threads may write meanwhile, a copy is shown: writing takes longer than copying, and asks Python.
    cdef SymbolCore core = live if live.symbol.guard == NULL or live.symbol.grid == NULL else snapshot(live)
    cdef Symbol* symbol = &core.symbol
    cdef Level* day = NULL  # the session's bar
    cdef int hint = 2
    cdef Py_ssize_t n_name, k
    cdef const char* name = PyUnicode_AsUTF8AndSize(core.name, &n_name)
    cdef char* out
    if symbol.grid != NULL:
        symbol_settle(symbol, symbol.n_levels - 2)
        day = &symbol.levels[symbol.n_levels - 2]
        if day.ring.next_seq == 0:
            day = NULL
    reserve(writer, FIXED_BYTES + STRING_BYTES + STRING_FACTOR * n_name)
    out = _write_literal(write_string(writer.data + writer.size, name, n_name), b":{")
    if zone is not None:
        writer.size = out - writer.data
        _bytes(writer, zone)
        reserve(writer, FIXED_BYTES)
        out = writer.data + writer.size
    out = _write_literal(out, b'"session":{"volume":')
    if day == NULL:
        out = _write_literal(out, b'0,"high":null,"low":null')
    else:
        out = _write_literal(write_volume(out, day.bar.volume, &hint), b',"high":')
        out = _write_literal(_write_any_f64(out, day.bar.high), b',"low":')
        out = _write_any_f64(out, day.bar.low)
    writer.size = _write_literal(out, b',"data":{') - writer.data
    for k in range(len(core.intervals)):
        _series(writer, core, k, pinned_gaps, pinned_quality, style)
    _tape(writer, &live.symbol, False, &style.data)
    _tape(writer, &live.symbol, True, &style.data)
    reserve(writer, FIXED_BYTES)  # from the comma behind the last series on
    out = _write_literal(writer.data + writer.size - 1, b'}},"historical":{"loaded":false}},')
    writer.size = out - writer.data
    return 0


def latest_as_of(list cores, StoreClock clock not None):
    """Up to when a store is judged: the latest of its clock and its symbols, int ns; None if there is neither."""
    cdef int64_t latest = peek(&clock.data.as_of), as_of
    cdef SymbolCore core
    for core in cores:
        as_of = symbol_as_of(&core.symbol)
        latest = as_of if as_of > latest else latest
    return None if latest == INT64_MIN else latest


cdef int _look_ahead(list cores, Py_ssize_t i) except -1:
    """Fetch what lies scattered of symbols a few ahead of `i`, each part when what points to it is there.

    Of many symbols with few rows nothing is in a near cache, and waiting takes longer than writing: 1.3 us a symbol
    instead of 2.3."""
    cdef Py_ssize_t n = len(cores), j
    cdef SymbolCore core
    cdef const Ring* ring
    cdef int64_t at
    if i + 6 < n:
        core = cores[i + 6]
        for j in range(0, <Py_ssize_t>sizeof(Symbol), 64):
            prefetch(<const char*>&core.symbol + j)
    if i + 4 < n:
        core = cores[i + 4]
        if core.symbol.grid != NULL and core.symbol.guard == NULL:
            for j in range(0, core.symbol.n_levels * <Py_ssize_t>sizeof(Level), 64):
                prefetch(<const char*>core.symbol.levels + j)
    if i + 2 < n:
        core = cores[i + 2]
        for j in range(len(core.intervals) if core.symbol.grid != NULL and core.symbol.guard == NULL else 0):
            ring = core.ring(j)
            at = ring_oldest(ring) - ring.origin
            prefetch(ring.ts + at)
            prefetch(ring.open + at)
            prefetch(ring.high + at)
            prefetch(ring.low + at)
            prefetch(ring.close + at)
            prefetch(ring.volume + at)
    return 0


# Size of the last document, and a sixteenth: the next one is likely to be like it.
cdef Py_ssize_t _wanted = 0


def write_document(bytes meta, list cores, dict pinned, Style style not None, dict own):
    """The complete document.

    Parameters
    ----------
    meta : bytes
        The `meta` object as JSON.
    cores : list of SymbolCore
    pinned : dict of SymbolCore to (gaps, quality)
        What is reported in place of what is computed, by series number: gaps as the ready member ``b'"gaps":{...},'``
        (their times may lie anywhere, so Python writes them), quality as float.
    style : Style
        Of symbols with the store's calendar.
    own : dict of SymbolCore to (Style, bytes or None)
        Of the others, and the ready member ``b'"timezone":"...",'`` where it is not the store's.

    Returns
    -------
    bytes
    """
    global _wanted
    cdef ByteWriter writer = ByteWriter(_wanted)
    cdef SymbolCore core
    cdef dict gaps = None, quality = None
    cdef Py_ssize_t i
    cdef Style used = style
    cdef bytes zone = None
    _bytes(writer, b'{"meta":')
    _bytes(writer, meta)
    _bytes(writer, b',"symbols":{')
    for i, core in enumerate(cores):
        PyErr_CheckSignals()  # thousands of symbols take a while
        _look_ahead(cores, i)
        if pinned:
            gaps, quality = pinned.get(core, (None, None))
        if own:
            used, zone = own.get(core, (style, None))
        _symbol(writer, core, gaps, quality, zone, used)
    if cores:
        writer.size -= 1  # the comma behind the last symbol
    _bytes(writer, b"}}")
    _wanted = writer.size + (writer.size >> 4)
    return writer.take()
