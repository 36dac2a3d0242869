"""The exported document as bytes, in one pass over native state into one bytes object.

    document -> symbol -> series -> block of rows
    (here)      symbol    symbol    rows             modules of `out/`

Each reserves memory for its own text first, and then writes without checks.

The layout is that of `sessiondata.export.document.document`, key for key; the text of numbers,
strings and times is `out/text`'s. What a consumer lacks is known to its cursor (`out/cursor`).

Symbols to be written are found some way ahead of the one at hand, so that their memory can be
prefetched.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from sessiondata._native.base.guard cimport peek, peek_ints, peek_pointer, peek_values
from sessiondata._native.base.prefetch cimport prefetch, prefetch_span
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.out.cursor cimport Cursor, Visit
from sessiondata._native.out.in_order cimport SeriesText
from sessiondata._native.out.rows cimport add_rows
from sessiondata._native.out.style cimport Style
from sessiondata._native.out.symbol cimport add_series, add_symbol
from sessiondata._native.out.text cimport write_i64, write_literal
from sessiondata._native.out.writer cimport ByteWriter, reserve, write_bytes
from sessiondata._native.rows.aggregate cimport Level
from sessiondata._native.rows.ring cimport Ring, ring_oldest, ring_prefetch
from sessiondata._native.symbol.layout cimport series_ring
from sessiondata._native.symbol.symbol cimport MAX_LEVELS, Symbol


cdef enum:
    SYMBOL_BYTES = 448    # of a SymbolCore: what is read of it
    SCANNED_BYTES = 88    # of a Symbol: what is compared to see whether it has changed
    LEVEL_BYTES = 192     # of a Level
    QUEUE = 16            # symbols found ahead of the one that is written; a power of two
    AHEAD = 12            # how many symbols ahead the first part is prefetched


cdef struct Queue:
    # Symbols that are to be written next, found ahead of the writer.
    Py_ssize_t scanned     # symbols that have been looked at
    Py_ssize_t n           # how many of them are to be written
    int32_t at[QUEUE]      # their numbers: the one to be written as number j at j % QUEUE


cdef void _scan(Cursor cursor, Queue* queue, Py_ssize_t i, bint delta) noexcept:
    """Fill the queue behind number `i` of the symbols to be written, as long as there are more."""
    cdef list cores = cursor.cores
    cdef Py_ssize_t n_cores = PyList_GET_SIZE(cores), scanned = queue.scanned
    while queue.n <= i + AHEAD and scanned < n_cores:
        if scanned + QUEUE < n_cores:
            prefetch_span(&(<SymbolCore>PyList_GET_ITEM(cores, scanned + QUEUE)).symbol, SCANNED_BYTES)
        if not delta or cursor.has_changed(scanned):
            queue.at[queue.n % QUEUE] = <int32_t>scanned
            queue.n += 1
        scanned += 1
    queue.scanned = scanned


cdef void _look_ahead(list cores, const Queue* queue, Py_ssize_t i, bint delta) noexcept:
    """Prefetch the scattered parts of symbols a few ahead of number `i` of those to be written,
    each part once the pointer to it has come. Others may be writing to them; a line that is fetched
    in vain does no harm.

    Of many symbols with few rows nothing is in a near cache, and waiting takes longer than writing:
    1.3 us a symbol instead of 2.3."""
    cdef Py_ssize_t k
    cdef Symbol* symbol
    cdef const Level* levels
    cdef const Ring* ring
    cdef int64_t at
    if i + AHEAD < queue.n:
        prefetch_span(<void*>PyList_GET_ITEM(cores, queue.at[(i + AHEAD) % QUEUE]), SYMBOL_BYTES)
    if i + 5 < queue.n:
        symbol = &(<SymbolCore>PyList_GET_ITEM(cores, queue.at[(i + 5) % QUEUE])).symbol
        if symbol.grid != NULL:
            levels = <const Level*>peek_pointer(<void**>&symbol.levels)
            for k in range(symbol.n_levels - 1):
                prefetch_span(&levels[k], LEVEL_BYTES)
            if delta:
                at = peek(&symbol.base.next_seq) - peek(&symbol.base.origin) - 1
                prefetch(peek_ints(&symbol.base.ts) + at)
                prefetch(peek_values(&symbol.base.open) + at)
                prefetch(peek_values(&symbol.base.high) + at)
                prefetch(peek_values(&symbol.base.low) + at)
                prefetch(peek_values(&symbol.base.close) + at)
                prefetch(peek_values(&symbol.base.volume) + at)
    if not delta and i + 2 < queue.n:
        symbol = &(<SymbolCore>PyList_GET_ITEM(cores, queue.at[(i + 2) % QUEUE])).symbol
        if symbol.grid != NULL and symbol.guard == NULL:
            for k in range(symbol.n_levels):
                ring = series_ring(symbol, k)
                ring_prefetch(ring, ring_oldest(ring))


# Sizes of the last document and of the last delta, and a sixteenth more: the next one is likely to
# be like it.
cdef Py_ssize_t _wanted[2]
_wanted[0] = _wanted[1] = 0


def write_document(bytes meta, Cursor cursor not None, bint delta, object source, Style style not None, into=None):
    """The complete document of a cursor's symbols, or what has changed of it.

    Parameters
    ----------
    meta : bytes
        The `meta` object as JSON.
    cursor : Cursor
        Started, or (with `delta`) going on; it counts everything as sent.
    source : sessiondata.export.document.DocumentInput
        Asked for what stands beside native state, for those symbols only that have some.
    style : Style
        Of symbols with the store's calendar.
    into : writable, contiguous buffer, optional

    Returns
    -------
    bytes, or int
        The document; its length, if it was written into a buffer.

    Raises
    ------
    BufferTooSmallError
        The document has no room there.
    """
    cdef ByteWriter writer = ByteWriter(_wanted[delta], into)
    cdef list cores = cursor.cores
    cdef dict pinned = source.pinned, foreign = source.foreign
    cdef Py_ssize_t i = 0, n_sent = 0
    cdef Queue queue
    cdef SeriesText texts[MAX_LEVELS]
    for i in range(MAX_LEVELS):
        texts[i].label = NULL  # nothing is kept: clearing all 11 kB takes as long as a small delta
    i = 0
    queue.scanned = queue.n = 0
    write_bytes(writer, b'{"meta":')
    write_bytes(writer, meta)
    write_bytes(writer, b',"symbols":{')
    while True:
        _scan(cursor, &queue, i, delta)
        if i == queue.n:
            break
        if i % 16 == 0:
            PyErr_CheckSignals()  # thousands of symbols take a while
        _look_ahead(cores, &queue, i, delta)
        n_sent += add_symbol(writer, cursor, queue.at[i % QUEUE], delta, texts, pinned, foreign, source, style)
        i += 1
    writer.size -= n_sent > 0  # the comma behind the last symbol
    write_bytes(writer, b"}}")
    _wanted[delta] = writer.size + (writer.size >> 4)
    return writer.take() if into is None else writer.put()


# ---- parts of documents

cdef inline char* _write_bytes(char* out, bytes ready) noexcept:
    memcpy(out, PyBytes_AS_STRING(ready), PyBytes_GET_SIZE(ready))
    return out + PyBytes_GET_SIZE(ready)


def meta_text(bytes head not None, bytes as_of not None, int64_t sequence, bytes cursor, int64_t since, int64_t epoch):
    """`meta` behind what it begins with: of a complete document (`cursor` None) or of a delta; the
    others are ready text."""
    cdef char text[512]
    cdef char* out = text
    cdef char* begin
    cdef ByteWriter writer = ByteWriter()
    cdef Py_ssize_t n = len(head) + len(as_of) + (0 if cursor is None else len(cursor)) + 160
    if n > 512:
        reserve(writer, n)
        out = writer.data
    begin = out
    out = _write_bytes(out, head)
    out = _write_bytes(write_literal(out, b',"as_of":'), as_of)
    out = write_i64(write_literal(out, b',"sequence":'), sequence)
    if cursor is not None:
        out = _write_bytes(write_literal(out, b',"cursor":'), cursor)
        out = write_i64(write_literal(out, b',"since":'), since)
        out = write_i64(write_literal(out, b',"epoch":'), epoch)
    out[0] = c"}"
    return begin[:out + 1 - begin]


def write_series(SymbolCore core not None, Py_ssize_t k, dict pinned_gaps, dict pinned_quality, Style style not None):
    """The member of one series in a document. Pins by series number: gaps as the ready member
    ``b'"gaps":{...},'`` (their times may lie anywhere, so Python writes them), quality as float."""
    cdef ByteWriter writer = ByteWriter()
    cdef Cursor cursor = Cursor()
    cdef Visit visit
    cdef bytes text
    cursor.start([core], None, False)
    cursor.visit(0, core, True, &visit)
    add_series(writer, cursor, core, &cursor.heads[0], k, &visit, pinned_gaps, pinned_quality, style)
    text = writer.take()
    return text[len(core.intervals[k]) + 3:len(text) - 1]  # behind `"NAME":`, before the comma


def write_rows(const int64_t[::1] ts, const double[::1] open, const double[::1] high, const double[::1] low,
               const double[::1] close, const double[::1] volume, Style style not None):
    """``[time,open,high,low,close,volume],[...]``: rows with commas between."""
    cdef ByteWriter writer = ByteWriter(ts.shape[0] * 64)
    cdef Ring ring
    memset(&ring, 0, sizeof(Ring))
    ring.capacity = ring.next_seq = ts.shape[0]
    if ring.next_seq:
        ring.ts = <int64_t*>&ts[0]
        ring.open, ring.high, ring.low = <double*>&open[0], <double*>&high[0], <double*>&low[0]
        ring.close, ring.volume = <double*>&close[0], <double*>&volume[0]
    add_rows(writer, &ring, 0, ring.next_seq, &style.data)
    return writer.take()
