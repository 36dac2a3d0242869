"""The delta of a symbol to which only bars in order have come: the commonest case.

    has it changed? -> fold -> series: head copied from the symbol before, newest row written

It is a third of the work of `out/symbol`, which handles all other cases. No object is made and no
Python code runs, so all of it is done in the symbol's guard.

Symbols of a store mostly have the same counts, quality and newest time. So the text of a series up
to its prices is kept (`SeriesText`) and copied for the next symbol, unless one of these differs.

What is written here is, to the byte, what `out/symbol` writes; law 7 is tested on both.
"""

from libc.stdint cimport INT64_MAX, int16_t, uint64_t, uintptr_t
from libc.string cimport memcmp

from sessiondata._native.out.cursor cimport FORMING, PINNED, TAIL, Sent
from sessiondata._native.out.rows cimport write_row, write_values
from sessiondata._native.out.style cimport write_timestamp
from sessiondata._native.out.text cimport bits_of, write_u64
from sessiondata._native.rows.ring cimport Bar, Ring, ring_oldest, ring_read
from sessiondata._native.rows.ticks cimport TickRing
from sessiondata._native.slots.gaps cimport Gaps, gaps_explained
from sessiondata._native.symbol.layout cimport series_gaps, series_ring
from sessiondata._native.symbol.symbol cimport symbol_enter, symbol_fold_levels, symbol_leave, symbol_watermark


cdef void _begin_series(SeriesText* text, bint derived, TimeStyle* style) noexcept nogil:
    """`"NAME":{"count":...,"data":[` without gaps, and the newest row up to its prices."""
    cdef char* end = write_u64(write_label(text.text, text.label), text.count)
    end = write_u64(write_literal(end, b',"total_count":'), text.total)
    end = write_literal(end, b',"generated":true' if derived else b',"generated":false')
    if text.forming:
        end = write_literal(end, b',"forming":true')
    end = write_cents(write_literal(end, b',"quality":'), text.quality)
    end = write_literal(end, b'"columns":["timestamp","open","high","low","close","volume"],"data":[')
    text.n_head = end - text.text
    end[0] = c"["
    text.n = write_timestamp(end + 1, text.ts, style) - text.text


cdef inline char* _copy_text(char* out, const char* text, Py_ssize_t n) noexcept nogil:
    """`n` bytes of a SeriesText, of which more are there: of a fixed length they are copied without
    a call."""
    memcpy(out, text, COPIED)
    if n > COPIED:
        memcpy(out + COPIED, text + COPIED, n - COPIED)
    return out + n


cdef inline bint _is_in_order(const Ring* ring, const Gaps* gaps, const Sent* sent) noexcept nogil:
    """Whether only bars in order have come to a series, and at most one row of it is new."""
    cdef int32_t missing = gaps.n_absent
    if gaps.marks != NULL:
        missing -= gaps_explained(gaps, gaps.frontier)
    return (missing == sent.missing and <uint64_t>(ring.next_seq - sent.total) < 2 and sent.total != 0
            and sent.flags & (TAIL | PINNED) == 0)


cdef inline char* _series_in_order(char* out, const Symbol* symbol, Sent* sent, Py_ssize_t k, const Label* label,
                                   SeriesText* text, int64_t as_of, bint was_in_order, TimeStyle* style) noexcept nogil:
    """What `add_series` writes of a series in order; it then counts as sent. `was_in_order`: when
    it was sent before, its symbol's newest bar was the newest that could be."""
    cdef const Ring* ring
    cdef const Gaps* gaps
    cdef const Bar* newest
    cdef bint forming = False, newest_differs
    cdef int32_t expected, present, quality = 10_000
    cdef int64_t total, count
    cdef Bar row, former
    if k == 0:
        ring, gaps, newest = &symbol.base, &symbol.gaps, &row
        total, count = ring.next_seq, ring.next_seq - ring_oldest(ring)
        ring_read(ring, total - 1, &row)
    else:
        ring, gaps, newest = &symbol.levels[k - 1].ring, &symbol.levels[k - 1].gaps, &symbol.levels[k - 1].bar
        total = count = ring.next_seq
        forming = as_of < symbol.levels[k - 1].slot_stop
    expected, present = gaps.frontier - forming, gaps.frontier - gaps.n_absent - forming
    if expected > present:
        quality = <int32_t>(10_000 * <int64_t>present // expected)
    newest_differs = total != sent.total or bits_of(sent.values[4]) != bits_of(newest.volume) or (
        memcmp(sent.values, &newest.open, 4 * sizeof(double)) != 0)
    sent.expected = expected
    if not newest_differs and quality == sent.quality and forming == (sent.flags & FORMING != 0):
        return out
    if (text.label != label or text.count != count or text.total != total or text.quality != quality
            or text.forming != forming or text.ts != newest.ts or text.style != style):
        text.label, text.count, text.total, text.quality = label, count, total, quality
        text.forming, text.ts, text.style = forming, newest.ts, style
        _begin_series(text, k > 0, style)
    if not newest_differs:
        out = _copy_text(out, text.text, text.n_head)
    else:
        # The row before a new one has not changed since it was sent, if its own bars had closed it
        # by then.
        if k > 0 and total != sent.total and (sent.flags & FORMING or not was_in_order):
            ring_read(ring, total - 2, &former)
            if memcmp(sent.values, &former.open, 5 * sizeof(double)) != 0:
                out = write_row(_copy_text(out, text.text, text.n_head), &former, style)
                out[0] = c","
                out = _copy_text(out + 1, text.text + text.n_head, text.n - text.n_head)
            else:
                out = _copy_text(out, text.text, text.n)
        else:
            out = _copy_text(out, text.text, text.n)
        out = write_values(out, newest)
        sent.total, sent.newest_ts = total, newest.ts
        sent.values[0], sent.values[1], sent.values[2] = newest.open, newest.high, newest.low
        sent.values[3], sent.values[4] = newest.close, newest.volume
    sent.quality = <int16_t>quality
    sent.flags = (sent.flags & ~FORMING) | (FORMING if forming else 0)
    return write_literal(out, b"]},")


cdef bint _ticks_grew(const TickRing* ring, const Head* head, int which) noexcept nogil:
    """Whether a consumer lacks trades (0) or quotes (1)."""
    return ring != NULL and ring.next_seq > 0 and ring.next_seq != head.n_ticks[which]


cdef char* symbol_in_order(char* out, SymbolCore live, Head* head, SeriesText* texts, Visit* visit,
                           TimeStyle* style) noexcept nogil:
    """The session of a symbol up to its trades, if only bars in order have come to it, and few
    since the consumer was sent it. It then counts as sent.

    NULL, and nothing has changed, where it is another case; `out` where there is nothing to send.
    """
    cdef Symbol* symbol = &live.symbol
    cdef uintptr_t* inside
    cdef int64_t as_of
    cdef bint was_in_order, is_in_order, changed
    cdef Py_ssize_t k
    cdef char* start
    cdef char* begin = out
    if (symbol.grid == NULL or head.session != live.session_id or head.n_pin_edits != live.n_pin_edits
            or head.n_past_edits != live.n_past_edits):
        return NULL
    inside = symbol_enter(symbol)
    as_of = symbol_watermark(symbol)
    is_in_order = head.n_edits == symbol.n_edits and symbol.next_slot_ts != INT64_MAX and as_of == symbol.newest_stop
    if is_in_order:
        symbol_fold_levels(symbol)
        for k in range(head.n_series):
            if head.selected >> k & 1 and not _is_in_order(series_ring(symbol, k), series_gaps(symbol, k),
                                                           &head.series[k]):
                is_in_order = False
                break
    visit.with_ticks[0] = _ticks_grew(symbol.ticks, head, 0)
    visit.with_ticks[1] = _ticks_grew(symbol.quotes, head, 1)
    if (visit.with_ticks[0] or visit.with_ticks[1]) and symbol.guard != NULL:
        is_in_order = False  # they are written later, and must be of the same moment
    if not is_in_order:
        symbol_leave(inside)
        return NULL
    was_in_order = head.as_of == head.last_ts + symbol.step_ns
    changed = head.last_ts != symbol.last_ts
    head.last_ts, head.as_of = symbol.last_ts, as_of
    start = out = write_metrics(out, symbol)
    for k in range(head.n_series):
        if head.selected >> k & 1:
            out = _series_in_order(out, symbol, &head.series[k], k, &head.labels[k], &texts[k], as_of, was_in_order,
                                   style)
    if visit.with_ticks[0]:
        head.n_ticks[0] = symbol.ticks.next_seq
    if visit.with_ticks[1]:
        head.n_ticks[1] = symbol.quotes.next_seq
    symbol_leave(inside)
    return out if changed or out > start or visit.with_ticks[0] or visit.with_ticks[1] else begin
