"""A cursor of exports as columns of a file, and back.

    Head   a row for each symbol that was sent          Sent   a row for each of its series

A cursor compares counts, so a store that is loaded counts on from where it stood
(`out/restore.restore_counts`), and the next delta finds what it would have found.

Whatever leads to a position in a ring is checked before: no more rows sent, or edits seen, than
there are.
"""

from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from libc.stdint cimport INT32_MAX, INT32_MIN, INT64_MIN, int16_t, int32_t, int64_t, uint8_t

from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.out.cursor cimport DENSE, NO_SESSION, Cursor, Head, Sent, name_of
from sessiondata._native.slots.grid cimport GridData
from sessiondata._native.symbol.layout cimport series_ring

import numpy as np

# Columns of a saved cursor: a row for each symbol that was sent, a row for each of its series.
_HEADS = ("symbol", "last", "edits", "as_of", "session", "edited", "pin_edits", "past_edits", "ticks", "quotes")
_SERIES = ("total", "newest", "missing", "expected", "gap_edits", "quality", "flags")
_VALUES = ("open", "high", "low", "close", "volume")


cdef tuple capture_cursor(Cursor cursor, dict numbers):
    """What has been sent, as (columns by name, names of symbols that have left), of a cursor that
    is served.

    `numbers`: core -> its number in the file. Series that are not selected are zeros."""
    cdef Py_ssize_t n = len(cursor.cores), n_series = 0, at = 0, i, k
    cdef const Head* head
    cdef const Sent* sent
    cdef list gone = []
    for entry in cursor.cores:
        if entry in numbers:
            n_series += len((<SymbolCore>entry).intervals)
    made = np.zeros((len(_HEADS), n), np.int64)
    made_counts, made_values = np.zeros((len(_SERIES), n_series), np.int64), np.zeros((5, n_series))
    cdef int64_t[:, ::1] heads = made, counts = made_counts
    cdef double[:, ::1] values = made_values
    for i, entry in enumerate(cursor.cores):
        heads[0, i] = numbers.get(entry, -1)
        if heads[0, i] < 0:
            gone.append(name_of(entry))
            continue
        head = &cursor.heads[i]
        heads[1, i], heads[2, i], heads[3, i] = head.last_ts, head.n_edits, head.as_of
        heads[4, i], heads[5, i] = head.session, head.n_edited
        heads[6, i], heads[7, i] = head.n_pin_edits, head.n_past_edits
        heads[8, i], heads[9, i] = head.n_ticks[0], head.n_ticks[1]
        for k in range(len((<SymbolCore>entry).intervals)):
            sent = &head.series[k]
            if head.selected >> k & 1:
                counts[0, at], counts[1, at] = sent.total, sent.newest_ts
                counts[2, at], counts[3, at], counts[4, at] = sent.missing, sent.expected, sent.gap_edits
                counts[5, at], counts[6, at] = sent.quality, sent.flags
                for j in range(5):
                    values[j, at] = sent.values[j]
            at += 1
    columns = dict(zip(_HEADS, made, strict=True))
    columns.update(zip(_SERIES, made_counts, strict=True))
    columns.update(zip(_VALUES, made_values, strict=True))
    return columns, gone


def restore_cursor(Cursor cursor not None, list cores not None, object symbols, object intervals, bint millis,
                   list gone not None, dict columns not None, str prefix not None):
    """Make a cursor the one that was captured; a delta may follow at once. `cores`: all symbols of
    the file, by number, counting from where they stood; `symbols`: names of those selected, None
    for all; `prefix` of the names of columns.

    Raises ValueError where the columns cannot be those of a cursor. Whatever is in them, no row is
    looked for where there is none."""
    cdef const int64_t[:, ::1] heads = _matrix(columns, prefix, _HEADS, np.int64)
    cdef const int64_t[:, ::1] counts = _matrix(columns, prefix, _SERIES, np.int64)
    cdef const double[:, ::1] values = _matrix(columns, prefix, _VALUES, np.float64)
    cdef Py_ssize_t n = heads.shape[1], n_series = 0, at = 0, i, k
    cdef int64_t number, last = -1
    cdef SymbolCore core
    cdef list entries = [], names = gone[::-1]
    cursor.intervals, cursor.millis = intervals, millis
    for i in range(n):
        number = heads[0, i]
        if number == -1:
            _require(len(names) > 0, "a symbol that has left has a name")
            entries.append(names.pop())
            continue
        _require(last < number < len(cores), "a cursor's symbols are those of the store, in their order")
        core, last = cores[number], number
        _require(symbols is None or core.name in symbols, "a cursor has sent what it selects")
        entries.append(core)
        n_series += len(core.intervals)
    _require(not names and n_series == counts.shape[1] == values.shape[1], "a row for each symbol and series")
    PyMem_RawFree(cursor.heads)
    PyMem_RawFree(cursor.sent)
    cursor.heads = <Head*>PyMem_RawCalloc(<size_t>max(n, 1), sizeof(Head))
    cursor.sent = <Sent*>PyMem_RawCalloc(<size_t>max(n_series, 1), sizeof(Sent))
    if cursor.heads == NULL or cursor.sent == NULL:
        raise MemoryError("no memory for a cursor")
    for i in range(n):
        if heads[0, i] < 0:
            continue
        core = entries[i]
        _restore_head(cursor, i, core, heads)
        cursor.heads[i].series = &cursor.sent[at]
        for k in range(len(core.intervals)):
            if cursor.heads[i].selected >> k & 1:
                _restore_series(core, k, &cursor.heads[i], counts, values, at)
            at += 1
    cursor.cores, cursor.is_open = entries, False


cdef int _restore_head(Cursor cursor, Py_ssize_t i, SymbolCore core, const int64_t[:, ::1] heads) except -1:
    cdef Head* head = &cursor.heads[i]
    head.last_ts, head.n_edits, head.as_of = heads[1, i], heads[2, i], heads[3, i]
    head.session, head.n_edited = heads[4, i], heads[5, i]
    head.n_pin_edits, head.n_past_edits = heads[6, i], heads[7, i]
    head.n_ticks[0], head.n_ticks[1] = heads[8, i], heads[9, i]
    head.selected, head.n_series = cursor.selection(core.intervals), <int32_t>len(core.intervals)
    # A session that is still to come would pass unchecked, and later count as the one that was
    # sent.
    _require(NO_SESSION <= head.session <= core.session_id, "a session that was sent had begun")
    return _require(not _is_at_hand(head, core) or 0 <= head.n_edited <= core.symbol.n_edited,
                    "edits that were seen are among those counted")


cdef int _restore_series(SymbolCore core, Py_ssize_t k, const Head* head, const int64_t[:, ::1] counts,
                         const double[:, ::1] values, Py_ssize_t at) except -1:
    cdef Sent* sent = &head.series[k]
    cdef const GridData* grid = core.symbol.grid
    cdef int j
    for j in range(2, 5):
        _require(INT32_MIN <= counts[j, at] <= INT32_MAX, "slots and their edits are counted in 32 bits")
    _require(0 <= counts[5, at] <= 10_000 and 0 <= counts[6, at] < 2 * DENSE,
             "quality and flags are what they can be")
    sent.total, sent.newest_ts = counts[0, at], counts[1, at]
    sent.missing, sent.expected = <int32_t>counts[2, at], <int32_t>counts[3, at]
    sent.gap_edits = <int32_t>counts[4, at]
    sent.quality, sent.flags = <int16_t>counts[5, at], <uint8_t>counts[6, at]
    for j in range(5):
        sent.values[j] = values[j, at]
    if not _is_at_hand(head, core):  # then none of this is looked at
        return 0
    _require(0 <= sent.total <= series_ring(&core.symbol, k).next_seq,
             "rows that were sent are among those stored")
    return _require(sent.newest_ts == INT64_MIN or grid.span_start <= sent.newest_ts < grid.span_stop,
                    "the newest row sent lies in the session's span")


cdef inline bint _is_at_hand(const Head* head, SymbolCore core) noexcept:
    """Whether the session that was sent is the one under way."""
    return core.symbol.grid != NULL and head.session == core.session_id


cdef object _matrix(dict columns, str prefix, tuple names, object dtype):
    """Columns of a file, one below the other: as many copies as there are bytes."""
    found = [columns[prefix + name] for name in names]
    if any(column.dtype != dtype or len(column) != len(found[0]) for column in found):
        raise ValueError(f"columns of a cursor have one type and one length: {', '.join(names)}")
    return np.array(found)


cdef int _require(bint holds, str rule) except -1:
    if not holds:
        raise ValueError(rule)
    return 0
