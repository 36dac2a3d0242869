"""One symbol of a document as JSON, as far as its consumer lacks it.

    `"NAME":{"session":{... "data":{"1m":{...},"5m":{...}}, "ticks":{...}}, "historical":{...}},`

    only bars in order since     -> `out/in_order`, no Python
    all else                     -> ask Python -> a copy, or the core -> series by series -> past

Python is asked for pins, for the style of its times, and for history. It is asked first, and again
if one of them has changed meanwhile, up to TRIES times. From then on no Python code runs until the
symbol is written, so all of it is of one moment.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from sessiondata._native.objects.copies cimport snapshot_of, still
from sessiondata._native.objects.days cimport Days
from sessiondata._native.out.cursor cimport FORMING, Change, Sent, pinned_hundredths
from sessiondata._native.out.gaps cimport add_gaps
from sessiondata._native.out.in_order cimport SERIES_BYTES, symbol_in_order, write_label, write_metrics
from sessiondata._native.out.rows cimport ROW_BYTES, add_rows, write_price, write_row
from sessiondata._native.out.style cimport TimeStyle, write_timestamp
from sessiondata._native.out.text cimport STRING_BYTES, STRING_FACTOR, write_cents, write_i64, write_literal
from sessiondata._native.out.text cimport write_string, write_volume
from sessiondata._native.out.writer cimport reserve, write_bytes
from sessiondata._native.rows.ring cimport Bar, Ring, ring_oldest, ring_read
from sessiondata._native.rows.ticks cimport Tick, TickRing, ticks_oldest, ticks_read
from sessiondata._native.symbol.layout cimport series_gaps, series_ring
from sessiondata._native.symbol.symbol cimport Symbol, symbol_flush


cdef enum:
    TRIES = 8             # of asking all of Python, which changes meanwhile
    FIXED_BYTES = 512     # literals and numbers of one piece of the document


cdef int _add_changed_rows(ByteWriter writer, Symbol* symbol, Py_ssize_t k, const Change* change,
                           TimeStyle* style) except -1:
    """The rows that a consumer lacks, in time order, with commas between."""
    cdef const Ring* ring = series_ring(symbol, k)
    cdef int32_t i
    cdef Bar row
    if change.n_edited == 0 and change.first == change.stop - 1:
        reserve(writer, ROW_BYTES)
        writer.size = write_row(writer.data + writer.size, &change.newest, style) - writer.data
        return 0
    if k > 0:
        symbol_flush(symbol, <int32_t>k - 1)
    for i in range(change.n_edited):
        ring_read(ring, change.edited[i], &row)
        reserve(writer, ROW_BYTES)
        writer.size = write_row(writer.data + writer.size, &row, style) - writer.data
        writer.data[writer.size] = c","
        writer.size += 1
    add_rows(writer, ring, change.first, change.stop, style)
    if change.n_edited > 0 and change.first == change.stop:
        writer.size -= 1
    return 0


cdef int add_series(ByteWriter writer, Cursor cursor, SymbolCore core, Head* head, Py_ssize_t k, const Visit* visit,
                    dict pinned_gaps, dict pinned_quality, Style style) except -1:
    """`"NAME":{"count":...,"data":[...]},` of one series, as far as its consumer lacks it."""
    cdef Change change
    cdef Symbol* symbol = &core.symbol
    cdef Sent* sent = &head.series[k]
    cdef bint pinned = pinned_gaps is not None and k in pinned_gaps
    cdef Py_ssize_t before
    cdef char* out
    cursor.step(core, sent, k, visit, pinned, -1 if pinned_quality is None else pinned_hundredths(pinned_quality, k),
                &change)
    if not change.sent:
        return 0
    reserve(writer, 2 * FIXED_BYTES)
    out = write_label(writer.data + writer.size, &head.labels[k])
    out = write_i64(out, 0 if symbol.grid == NULL else sent.total - ring_oldest(series_ring(symbol, k)))
    out = write_i64(write_literal(out, b',"total_count":'), sent.total)
    out = write_literal(out, b',"generated":true' if k else b',"generated":false')
    if sent.flags & FORMING:
        out = write_literal(out, b',"forming":true')
    out = write_cents(write_literal(out, b',"quality":'), sent.quality)
    writer.size = before = out - writer.data
    if change.gaps:
        if pinned:
            write_bytes(writer, pinned_gaps[k])
        elif symbol.grid != NULL:
            add_gaps(writer, series_gaps(symbol, k), sent.expected, style)
        reserve(writer, FIXED_BYTES)
        if not visit.whole and writer.size == before:
            writer.size = write_literal(writer.data + writer.size, b'"gaps":null,') - writer.data
    out = writer.data + writer.size
    if change.replace:
        out = write_literal(out, b'"replace":true,')
    out = write_literal(out, b'"columns":["timestamp","open","high","low","close","volume"],"data":[')
    writer.size = out - writer.data
    if change.n_edited or change.first < change.stop:
        _add_changed_rows(writer, symbol, k, &change, &style.data)
    reserve(writer, FIXED_BYTES)
    writer.size = write_literal(writer.data + writer.size, b"]},") - writer.data
    return 0


cdef int _add_newest_tick(ByteWriter writer, const Symbol* symbol, bint quotes, TimeStyle* style) except -1:
    """`"ticks":{...},` or `"quotes":{...},`: how many there are, and the latest; nothing where
    there are none."""
    cdef const TickRing* ring = symbol.quotes if quotes else symbol.ticks
    cdef int64_t count, total
    cdef int hint = 2
    cdef const char* exchange
    cdef Py_ssize_t n = 0
    cdef char* out
    cdef Tick tick
    if ring == NULL or ring.next_seq == 0:
        return 0
    count, total = ring.next_seq - ticks_oldest(ring), ring.next_seq
    ticks_read(ring, total - 1, &tick)
    reserve(writer, FIXED_BYTES + STRING_BYTES + STRING_FACTOR * 8)
    out = write_literal(writer.data + writer.size, b'"quotes":{"count":' if quotes else b'"ticks":{"count":')
    out = write_i64(out, count)
    out = write_i64(write_literal(out, b',"total_count":'), total)
    out = write_timestamp(write_literal(out, b',"latest":{"timestamp":'), tick.ts, style)
    if quotes:
        out = write_price(write_literal(out, b'"bid":'), tick.value[0], &hint)
        out = write_price(write_literal(out, b'"ask":'), tick.value[1], &hint)
        out = write_volume(write_literal(out, b'"bid_size":'), tick.value[2], &hint)
        out = write_volume(write_literal(out, b',"ask_size":'), tick.value[3], &hint)
    else:
        out = write_price(write_literal(out, b'"price":'), tick.value[0], &hint)
        out = write_volume(write_literal(out, b'"size":'), tick.value[1], &hint)
        exchange = <const char*>&tick.exchange
        while n < 8 and exchange[n]:
            n += 1
        out = write_string(write_literal(out, b',"exchange":'), exchange, n)
    writer.size = write_literal(out, b"}},") - writer.data
    return 0


cdef int _add_historical(ByteWriter writer, list pieces) except -1:
    """`,"historical":{...}` behind the session. Past days are text already, and copied."""
    cdef Py_ssize_t n = FIXED_BYTES
    cdef bytes piece
    cdef char* out
    for piece in pieces:
        n += len(piece)
    reserve(writer, n)
    out = write_literal(writer.data + writer.size, b',"historical":{')
    for piece in pieces:
        memcpy(out, PyBytes_AS_STRING(piece), len(piece))
        out += len(piece)
    writer.size = write_literal(out, b"}") - writer.data
    return 0


cdef inline char* _write_name(ByteWriter writer, Cursor cursor, const Head* head) noexcept:
    """`"NAME":{`, for which there is room. The writer does not move on."""
    memcpy(writer.data + writer.size, cursor.names.data + head.name, head.n_name)
    return write_literal(writer.data + writer.size + head.n_name, b":{")


cdef list _NO_HISTORY = [b'"loaded":false']


cdef list _past(SymbolCore core, object source):
    """The members of `historical` in pieces. Most symbols of many stores have none, and then Python
    is not asked."""
    cdef object days = core.days
    cdef list history = None
    # None: it has left
    if days is not None and (source.all_past or (<Days>days).version or (<Days>days).has_values):
        history = source.past(core)
    return _NO_HISTORY if history is None else history


cdef int add_symbol(ByteWriter writer, Cursor cursor, Py_ssize_t i, bint delta, SeriesText* texts, dict pinned,
                    dict foreign, object source, Style style) except -1:
    """`"NAME":{"session":{...},"historical":{...}},` of one symbol, as far as its consumer lacks
    it; 1 if it lacks something."""
    cdef SymbolCore live = <SymbolCore>cursor.cores[i], core
    cdef Head* head = &cursor.heads[i]
    cdef Py_ssize_t k, before = writer.size, start
    cdef dict pinned_gaps = None, pinned_quality = None
    cdef list past = None
    cdef bytes zone = None
    cdef bint is_pinned = bool(pinned) and live in pinned
    cdef int64_t asked = -1, pin_edits = 0, past_edits = 0
    cdef int tries = 0
    cdef char* out
    cdef char* session = NULL
    cdef Visit visit
    if foreign and live in foreign:
        style, zone = source.style(live)
    visit.whole = visit.past_changed = False
    if delta and not cursor.millis and not is_pinned:
        reserve(writer, 2 * FIXED_BYTES + head.n_name + head.n_series * SERIES_BYTES)
        out = write_literal(_write_name(writer, cursor, head), b'"session":{"volume":')
        session = symbol_in_order(out, live, head, texts, &visit, &style.data)
        if session == out:
            return 0
        core = live
    if session != NULL:
        writer.size = session - writer.data
    else:
        # All of Python is asked first. Other threads run meanwhile, and may change what it has
        # answered; then it is asked again.
        while asked != live.n_pin_edits + live.n_past_edits + live.session_id and tries < TRIES:
            asked, tries = live.n_pin_edits + live.n_past_edits + live.session_id, tries + 1
            pin_edits, past_edits = live.n_pin_edits, live.n_past_edits
            if foreign and live in foreign:
                style, zone = source.style(live)
            if pinned:
                pinned_gaps, pinned_quality = source.pins(live) if live in pinned else (None, None)
            if not delta or cursor.lacks_past(i):
                past = _past(live, source)
            style.learn(live)
        # From here on none of it runs. Where compiled code may write, a copy is sent: text takes
        # longer than copying. So it is for pins, because rounding a pinned quality is Python.
        core = still(live) if pinned_gaps is None else snapshot_of(live)
        cursor.visit(i, core, not delta, &visit)
        if head.n_pin_edits != pin_edits or head.n_past_edits != past_edits:
            # A function of an indicator changes history each time it is called. Its last answer is
            # sent, and the next delta looks again.
            head.n_pin_edits, head.n_past_edits = pin_edits, past_edits
            head.n_edits -= 1
        reserve(writer, FIXED_BYTES + head.n_name)
        out = _write_name(writer, cursor, head)
        if visit.whole:
            if delta:
                out = write_literal(out, b'"replace":true,')
            if zone is not None:
                writer.size = out - writer.data
                write_bytes(writer, zone)
                reserve(writer, FIXED_BYTES)
                out = writer.data + writer.size
        out = write_metrics(write_literal(out, b'"session":{"volume":'), &core.symbol)
        writer.size = start = out - writer.data
        for k in range(head.n_series):
            if head.selected >> k & 1:
                add_series(writer, cursor, core, head, k, &visit, pinned_gaps, pinned_quality, style)
        if writer.size == start and not (visit.whole or visit.changed or visit.with_ticks[0] or visit.with_ticks[1]):
            writer.size = before
            return 0
    if visit.with_ticks[0]:
        _add_newest_tick(writer, &core.symbol, False, &style.data)
    if visit.with_ticks[1]:
        _add_newest_tick(writer, &core.symbol, True, &style.data)
    reserve(writer, FIXED_BYTES)
    writer.size -= writer.data[writer.size - 1] == c","  # behind the last member
    writer.size = write_literal(writer.data + writer.size, b"}}") - writer.data
    if visit.whole or visit.past_changed:
        _add_historical(writer, past)
        reserve(writer, 2)
    writer.size = write_literal(writer.data + writer.size, b"},") - writer.data
    return 1
