"""Rows that a consumer lacks as one Arrow batch: those of all its symbols and intervals, one below
the other.

    parts (symbol, series, rows) -> columns of one size -> ArrowArrayStream of one batch

    symbol, interval    int32 codes, and a dictionary of names
    timestamp           ns since 1970, UTC
    open ... volume     float64

A cursor has looked at copies of the symbols (`Cursor.take`, `Cursor.changes`), to which nobody
writes. The columns are filled once and never change. Each child of the batch holds a reference to
them of its own, because a consumer may keep a single child, and may let go of it on any thread.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.pycapsule cimport PyCapsule_New
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.errno cimport ENOMEM
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.out.arrow cimport ArrowArray, ArrowArrayStream, ArrowSchema, free_stream_capsule, release_field
from sessiondata._native.rows.ring cimport Ring, ring_oldest
from sessiondata._native.symbol.layout cimport series_ring
from sessiondata._native.symbol.symbol cimport symbol_flush

import numpy as np

from sessiondata.copying import refuse_copy


cdef extern from "Python.h":
    int Py_IsInitialized() noexcept nogil


cdef enum:
    N_COLUMNS = 8
    N_CODED = 2           # the first ones have dictionaries
    NULLABLE = 2          # ARROW_FLAG_NULLABLE: there are no nulls, but such frames join others


cdef const char* _NAMES[N_COLUMNS]
cdef const char* _FORMATS[N_COLUMNS]
_NAMES[:] = ["symbol", "interval", "timestamp", "open", "high", "low", "close", "volume"]
_FORMATS[:] = ["i", "i", "tsn:UTC", "g", "g", "g", "g", "g"]


# ---- schema

cdef struct SchemaParts:
    ArrowSchema* children[N_COLUMNS]
    ArrowSchema child[N_COLUMNS]
    ArrowSchema dictionary[N_CODED]


cdef void _release_coded(ArrowSchema* schema) noexcept nogil:
    if schema.dictionary.release != NULL:
        schema.dictionary.release(schema.dictionary)
    schema.release = NULL


cdef void _release_schema(ArrowSchema* schema) noexcept nogil:
    cdef int64_t k
    for k in range(schema.n_children):
        if schema.children[k].release != NULL:
            schema.children[k].release(schema.children[k])
    PyMem_RawFree(schema.private_data)
    schema.release = NULL


cdef int _stream_schema(ArrowArrayStream* stream, ArrowSchema* out) noexcept nogil:
    cdef SchemaParts* parts = <SchemaParts*>PyMem_RawMalloc(sizeof(SchemaParts))
    cdef int64_t k
    if parts == NULL:
        return ENOMEM
    memset(parts, 0, sizeof(SchemaParts))
    for k in range(N_COLUMNS):
        parts.children[k] = &parts.child[k]
        parts.child[k].format, parts.child[k].name, parts.child[k].flags = _FORMATS[k], _NAMES[k], NULLABLE
        parts.child[k].release = release_field
        if k < N_CODED:
            parts.dictionary[k].format, parts.dictionary[k].name, parts.dictionary[k].flags = "u", "", NULLABLE
            parts.dictionary[k].release = release_field
            parts.child[k].dictionary, parts.child[k].release = &parts.dictionary[k], _release_coded
    memset(out, 0, sizeof(ArrowSchema))
    out.format, out.name = "+s", ""
    out.n_children, out.children = N_COLUMNS, parts.children
    out.release, out.private_data = _release_schema, parts
    return 0


# ---- batch

cdef struct ColumnParts:
    PyObject* owner             # keeps values alive; one reference
    const void* buffers[3]      # validity: none; values, or offsets and text
    ArrowArray dictionary


cdef struct BatchParts:
    ArrowArray* children[N_COLUMNS]
    ArrowArray child[N_COLUMNS]
    const void* buffers[1]      # validity of the rows: none


cdef void _release_column(ArrowArray* array) noexcept nogil:
    cdef ColumnParts* parts = <ColumnParts*>array.private_data
    if array.dictionary != NULL and array.dictionary.release != NULL:
        array.dictionary.release(array.dictionary)
    # a consumer may let go after the interpreter has gone, and its objects with it
    if Py_IsInitialized():
        with gil:
            Py_DECREF(<object>parts.owner)
    PyMem_RawFree(parts)
    array.release = NULL


cdef void _release_batch(ArrowArray* array) noexcept nogil:
    cdef int64_t k
    for k in range(array.n_children):
        if array.children[k].release != NULL:
            array.children[k].release(array.children[k])
    PyMem_RawFree(array.private_data)
    array.release = NULL


cdef ColumnParts* _fill_column(ArrowArray* out, object owner, int64_t n, const void* values,
                               const void* text) except NULL:
    """`out` is zero. `text`: of strings, whose offsets are `values`."""
    cdef ColumnParts* parts = <ColumnParts*>PyMem_RawMalloc(sizeof(ColumnParts))
    if parts == NULL:
        raise MemoryError
    memset(parts, 0, sizeof(ColumnParts))
    Py_INCREF(owner)
    parts.owner, parts.buffers[1], parts.buffers[2] = <PyObject*>owner, values, text
    out.length, out.n_buffers, out.buffers = n, 2 if text == NULL else 3, parts.buffers
    out.release, out.private_data = _release_column, parts
    return parts


cdef int _stream_next(ArrowArrayStream* stream, ArrowArray* out) noexcept nogil:
    cdef ArrowArray* batch = <ArrowArray*>stream.private_data
    out[0] = batch[0]  # moved; after the one batch a released one, which is the end
    batch.release = NULL
    return 0


cdef const char* _stream_error(ArrowArrayStream* stream) noexcept nogil:
    return NULL  # there is no error but ENOMEM


cdef void _release_stream(ArrowArrayStream* stream) noexcept nogil:
    cdef ArrowArray* batch = <ArrowArray*>stream.private_data
    if batch.release != NULL:
        batch.release(batch)
    PyMem_RawFree(batch)
    stream.release = NULL


cdef tuple _dictionary(list names):
    """Offsets (int32) and UTF-8 text of names."""
    cdef list texts = [name.encode() for name in names]
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return offsets, b"".join(texts)


# ---- rows

cdef class ChangedRows:
    """Rows of bars that a consumer lacks, for any library that reads Arrow.

    It is a stream of one batch with the columns ``symbol``, ``interval``, ``timestamp``, ``open``,
    ``high``, ``low``, ``close`` and ``volume``. A row takes the place of the one that the consumer
    has of that symbol, interval and timestamp, or is a new one. The newest row of an interval may
    be a bar in progress.

    Attributes
    ----------
    sequence : int
        Changes of the store so far.
    since : int or None
        `sequence` of the export before, from which this one goes on; None of a complete one.
    resync : bool
        There is no export to go on from: the next one has to be complete. It has no rows.
    removed : list of str
        Symbols that have gone: so have all of their rows.
    replaced : list of (str, str)
        Symbol and interval of which the rows are all there are: what the consumer has goes first.
    """
    cdef readonly object sequence, since
    cdef readonly bint resync
    cdef readonly list removed, replaced
    cdef tuple _columns         # arrays: two of codes, times, five of values
    cdef tuple _names           # (offsets, text) of symbols, of intervals
    cdef int64_t _n

    def __reduce__(self):
        refuse_copy(self)

    def __len__(self):
        return self._n

    def __repr__(self):
        return f"<ChangedRows: {self._n} rows, sequence {self.sequence}>"

    def __arrow_c_stream__(self, requested_schema=None):
        """Arrow C stream (capsule "arrow_array_stream") of one batch. May be asked for again.

        `requested_schema` is a hint, which is not followed: a consumer casts as well as we
        would."""
        cdef ArrowArrayStream* stream = <ArrowArrayStream*>PyMem_RawMalloc(sizeof(ArrowArrayStream))
        cdef ArrowArray* batch = <ArrowArray*>PyMem_RawMalloc(sizeof(ArrowArray))
        if stream == NULL or batch == NULL:
            PyMem_RawFree(stream)
            PyMem_RawFree(batch)
            raise MemoryError
        memset(batch, 0, sizeof(ArrowArray))
        stream.get_schema, stream.get_next = _stream_schema, _stream_next
        stream.get_last_error, stream.release, stream.private_data = _stream_error, _release_stream, batch
        try:
            self._fill(batch)
            return PyCapsule_New(stream, "arrow_array_stream", free_stream_capsule)
        except BaseException:
            _release_stream(stream)
            PyMem_RawFree(stream)
            raise

    cdef int _fill(self, ArrowArray* batch) except -1:
        cdef BatchParts* parts = <BatchParts*>PyMem_RawMalloc(sizeof(BatchParts))
        cdef ColumnParts* column
        cdef const uint8_t[::1] values
        cdef const int32_t[::1] offsets
        cdef Py_ssize_t k
        cdef bytes text
        if parts == NULL:
            raise MemoryError
        memset(parts, 0, sizeof(BatchParts))
        for k in range(N_COLUMNS):
            parts.children[k] = &parts.child[k]
        batch.length, batch.n_buffers, batch.buffers = self._n, 1, parts.buffers
        batch.n_children, batch.children = N_COLUMNS, parts.children
        batch.release, batch.private_data = _release_batch, parts
        for k in range(N_COLUMNS):
            values = self._columns[k].view(np.uint8)
            column = _fill_column(&parts.child[k], self._columns[k], self._n,
                                  &values[0] if values.shape[0] else NULL, NULL)
            if k < N_CODED:
                offsets, text = self._names[k]
                parts.child[k].dictionary = &column.dictionary
                _fill_column(&column.dictionary, self._names[k], offsets.shape[0] - 1, &offsets[0],
                             PyBytes_AS_STRING(text))
        return 0


def changed_rows(list parts not None, sequence, since, bint resync, list removed not None, list replaced not None):
    """Rows of many series, one below the other.

    Parameters
    ----------
    parts : list of (core, number of the series, positions)
        Copies of symbols; `positions` among the live rows, None for all.
    sequence, since, resync, removed, replaced
        As `ChangedRows` has them.
    """
    cdef ChangedRows made = ChangedRows.__new__(ChangedRows)
    cdef SymbolCore core
    cdef const Ring* ring
    cdef Py_ssize_t k
    cdef int64_t n = 0, at, row, first, count, j
    cdef dict symbols = {}, intervals = {}
    cdef int32_t symbol_code, interval_code
    for core, k, positions in parts:
        if positions is not None:
            n += len(positions)
        elif core.symbol.grid != NULL:
            if k > 0:
                symbol_flush(&core.symbol, <int32_t>k - 1)
            ring = series_ring(&core.symbol, k)
            n += ring.next_seq - ring_oldest(ring)
    codes = np.empty((2, n), np.int32)
    ts_ns, values = np.empty(n, np.int64), np.empty((5, n))
    cdef int32_t[:, ::1] code = codes
    cdef int64_t[::1] ts = ts_ns
    cdef double[:, ::1] value = values
    n = 0
    for core, k, positions in parts:
        if core.symbol.grid == NULL:
            continue
        if k > 0:
            symbol_flush(&core.symbol, <int32_t>k - 1)
        ring = series_ring(&core.symbol, k)
        first, count = ring_oldest(ring) - ring.origin, ring.next_seq - ring_oldest(ring)
        symbol_code = symbols.setdefault(core.name, len(symbols))
        interval_code = intervals.setdefault(core.intervals[k], len(intervals))
        for j in range(count if positions is None else len(positions)):
            row = j if positions is None else positions[j]
            at = first + row
            code[0, n], code[1, n], ts[n] = symbol_code, interval_code, ring.ts[at]
            value[0, n], value[1, n], value[2, n] = ring.open[at], ring.high[at], ring.low[at]
            value[3, n], value[4, n] = ring.close[at], ring.volume[at]
            n += 1
    made._n = n
    made._columns = (codes[0], codes[1], ts_ns, *values)
    made._names = _dictionary(list(symbols)), _dictionary(list(intervals))
    made.sequence, made.since, made.resync, made.removed, made.replaced = sequence, since, resync, removed, replaced
    return made
