"""Bars through the Arrow C data interface, without any Arrow library: structs out, structs in.

    ArrowArrayStream ── get_schema ─► ArrowSchema  "+s", names and formats are static text
                     └─ get_next ───► ArrowArray   struct of 7 to 10 columns ─► children with owners

The struct layouts and who may free what are fixed by the Arrow project; what they ask of us:

* A consumer may *move* a struct (copy it and clear `release` in the original), also a single child
  of a batch, and may call `release` on any thread, without the GIL, after the store has gone. So
  every child holds its own reference to the object behind its memory, and releases it under the
  GIL.
* The batch is made together with the stream, under the GIL; `get_schema` and `get_next` need no
  Python.
* What is exported never changes. Callers pass arrays that are read-only (those of windows that are
  snapshots).

Coming in, a stream is moved out of its capsule, and each batch is owned by the arrays over its
memory.

Rejected: exporting by way of pyarrow. It would be needed by everybody, and is a hundred times the
size of this library.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid, PyCapsule_New
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.errno cimport ENOMEM
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset, strcmp

from sessiondata.copying import refuse_copy

import numpy as np


cdef extern from "Python.h":
    int Py_IsInitialized() noexcept nogil
    # NULL where a consumer has renamed the capsule: then it owns what is inside. A destructor asks
    # PyCapsule_IsValid first, so that no exception is set.
    void* pointer_of "PyCapsule_GetPointer"(object capsule, const char* name) noexcept


cdef enum:
    N_BASE = 7          # columns of a base series: the first ones
    N_DERIVED = 9       # and of a derived one
    N_DAILY = 10        # and of that of whole sessions
    # ARROW_FLAG_NULLABLE: bars have no nulls, but a frame that is not nullable joins no other
    NULLABLE = 2


cdef const char* _NAMES[N_DAILY]
cdef const char* _FORMATS[N_DAILY]
_NAMES[:] = ["timestamp", "open", "high", "low", "close", "volume", "extended", "forming", "n_base",
             "trade_date"]
_FORMATS[:] = ["tsn:UTC", "g", "g", "g", "g", "g", "b", "b", "i", "tdD"]

COLUMNS = tuple(_NAMES[k].decode() for k in range(N_DAILY))


# --- schema out -----------------------------------------------------------------------------------


cdef struct SchemaParts:
    ArrowSchema* children[N_DAILY]
    ArrowSchema child[N_DAILY]


cdef void release_field(ArrowSchema* schema) noexcept nogil:
    schema.release = NULL  # all that it points to is static


cdef void release_schema(ArrowSchema* schema) noexcept nogil:
    cdef int64_t k
    for k in range(schema.n_children):
        if schema.children[k].release != NULL:
            schema.children[k].release(schema.children[k])
    PyMem_RawFree(schema.private_data)
    schema.release = NULL


cdef int fill_schema(ArrowSchema* out, int64_t n_columns) noexcept nogil:
    cdef SchemaParts* parts = <SchemaParts*>PyMem_RawMalloc(sizeof(SchemaParts))
    cdef int64_t k
    if parts == NULL:
        return ENOMEM
    memset(parts, 0, sizeof(SchemaParts))
    for k in range(n_columns):
        parts.children[k] = &parts.child[k]
        parts.child[k].format, parts.child[k].name, parts.child[k].flags = _FORMATS[k], _NAMES[k], NULLABLE
        parts.child[k].release = release_field
    memset(out, 0, sizeof(ArrowSchema))
    out.format, out.name = "+s", ""
    out.n_children, out.children = n_columns, parts.children
    out.release, out.private_data = release_schema, parts
    return 0


cdef void free_schema_capsule(object capsule) noexcept:
    cdef ArrowSchema* schema
    if PyCapsule_IsValid(capsule, "arrow_schema"):
        schema = <ArrowSchema*>pointer_of(capsule, "arrow_schema")
        if schema.release != NULL:  # no consumer moved it out
            schema.release(schema)
        PyMem_RawFree(schema)


def schema_capsule(int64_t n_columns):
    """Capsule "arrow_schema" of a series: a struct of the first 7 (base), 9 (derived) or 10 (daily)
    of `COLUMNS`."""
    cdef ArrowSchema* schema = <ArrowSchema*>PyMem_RawMalloc(sizeof(ArrowSchema))
    if schema == NULL or fill_schema(schema, n_columns):
        PyMem_RawFree(schema)
        raise MemoryError
    try:
        return PyCapsule_New(schema, "arrow_schema", free_schema_capsule)
    except BaseException:
        schema.release(schema)
        PyMem_RawFree(schema)
        raise


# --- rows out -------------------------------------------------------------------------------------


cdef struct ColumnParts:
    PyObject* owner             # keeps values alive; one reference
    const void* buffers[2]      # validity: none; values


cdef struct BatchParts:
    ArrowArray* children[N_DAILY]
    ArrowArray child[N_DAILY]
    const void* buffers[1]      # validity of the rows: none


cdef struct StreamParts:
    ArrowArray batch            # its release is NULL once a consumer has it
    int64_t n_columns


cdef void release_column(ArrowArray* array) noexcept nogil:
    cdef ColumnParts* parts = <ColumnParts*>array.private_data
    # a consumer may let go after the interpreter has gone, and its objects with it
    if Py_IsInitialized():
        with gil:
            Py_DECREF(<object>parts.owner)
    PyMem_RawFree(parts)
    array.release = NULL


cdef void release_batch(ArrowArray* array) noexcept nogil:
    cdef int64_t k
    for k in range(array.n_children):
        if array.children[k].release != NULL:
            array.children[k].release(array.children[k])
    PyMem_RawFree(array.private_data)
    array.release = NULL


cdef int fill_column(ArrowArray* out, object values, int64_t n_rows) except -1:
    cdef ColumnParts* parts
    cdef Py_buffer view
    PyObject_GetBuffer(values, &view, PyBUF_SIMPLE)
    parts = <ColumnParts*>PyMem_RawMalloc(sizeof(ColumnParts))
    if parts != NULL:
        parts.buffers[0], parts.buffers[1] = NULL, view.buf
    PyBuffer_Release(&view)  # the array stays, and so does its memory
    if parts == NULL:
        raise MemoryError
    Py_INCREF(values)
    parts.owner = <PyObject*>values
    out.length, out.n_buffers, out.buffers = n_rows, 2, parts.buffers
    out.release, out.private_data = release_column, parts
    return 0


cdef int fill_batch(ArrowArray* out, tuple columns, int64_t n_rows) except -1:
    """`out` is zero. After an error it holds what there is, to be released."""
    cdef BatchParts* parts = <BatchParts*>PyMem_RawMalloc(sizeof(BatchParts))
    cdef Py_ssize_t k
    if parts == NULL:
        raise MemoryError
    memset(parts, 0, sizeof(BatchParts))
    for k in range(N_DAILY):
        parts.children[k] = &parts.child[k]
    out.length, out.n_buffers, out.buffers = n_rows, 1, parts.buffers
    out.n_children, out.children = len(columns), parts.children
    out.release, out.private_data = release_batch, parts
    for k in range(len(columns)):
        fill_column(&parts.child[k], columns[k], n_rows)
    return 0


cdef int stream_schema(ArrowArrayStream* stream, ArrowSchema* out) noexcept nogil:
    return fill_schema(out, (<StreamParts*>stream.private_data).n_columns)


cdef int stream_next(ArrowArrayStream* stream, ArrowArray* out) noexcept nogil:
    cdef StreamParts* parts = <StreamParts*>stream.private_data
    out[0] = parts.batch  # moved; after the one batch a released one, which is the end
    parts.batch.release = NULL
    return 0


cdef const char* stream_error(ArrowArrayStream* stream) noexcept nogil:
    return NULL  # there is no error but ENOMEM


cdef void release_stream(ArrowArrayStream* stream) noexcept nogil:
    cdef StreamParts* parts = <StreamParts*>stream.private_data
    if parts.batch.release != NULL:
        parts.batch.release(&parts.batch)
    PyMem_RawFree(parts)
    stream.release = NULL


cdef void free_stream(ArrowArrayStream* stream) noexcept:
    if stream.release != NULL:
        stream.release(stream)
    PyMem_RawFree(stream)


cdef void free_stream_capsule(object capsule) noexcept:
    if PyCapsule_IsValid(capsule, "arrow_array_stream"):
        free_stream(<ArrowArrayStream*>pointer_of(capsule, "arrow_array_stream"))


cdef ArrowArrayStream* new_stream(int64_t n_columns) except NULL:
    cdef ArrowArrayStream* stream = <ArrowArrayStream*>PyMem_RawMalloc(sizeof(ArrowArrayStream))
    cdef StreamParts* parts = <StreamParts*>PyMem_RawMalloc(sizeof(StreamParts))
    if stream == NULL or parts == NULL:
        PyMem_RawFree(stream)
        PyMem_RawFree(parts)
        raise MemoryError
    memset(parts, 0, sizeof(StreamParts))
    parts.n_columns = n_columns
    stream.get_schema, stream.get_next = stream_schema, stream_next
    stream.get_last_error, stream.release = stream_error, release_stream
    stream.private_data = parts
    return stream


def stream_capsule(tuple columns, requested_schema=None):
    """
    Capsule "arrow_array_stream" of one batch, for one consumer.

    Parameters
    ----------
    columns : tuple of 7, 9 or 10 contiguous arrays
        The values of `COLUMNS`: int64 ns, five float64, one or two columns of bits (the least
        first, eight rows a byte) and int32 (twice), all of one number of rows. They are not copied,
        so they must not be written to afterwards.
    requested_schema : capsule "arrow_schema", optional
        A wish, see `check_request`.

    Raises
    ------
    ValueError
        The wish cannot be met.
    """
    cdef ArrowArrayStream* stream
    if len(columns) not in (N_BASE, N_DERIVED, N_DAILY):
        raise ValueError(f"{N_BASE}, {N_DERIVED} or {N_DAILY} columns: {len(columns)}")
    if requested_schema is not None:
        check_request(requested_schema, len(columns))
    stream = new_stream(len(columns))
    try:
        fill_batch(&(<StreamParts*>stream.private_data).batch, columns, len(columns[0]))
        return PyCapsule_New(stream, "arrow_array_stream", free_stream_capsule)
    except BaseException:
        free_stream(stream)
        raise


cdef int check_request(object capsule, int64_t n_columns) except -1:
    """A consumer may ask for other types of the same columns: a hint, which is not followed, since
    the consumer casts as well as we would. Other columns are a mistake, and an error. The capsule
    stays the consumer's."""
    cdef ArrowSchema* schema = <ArrowSchema*>PyCapsule_GetPointer(capsule, "arrow_schema")
    cdef int64_t k
    if schema.release == NULL:
        raise ValueError("the requested schema has been released")
    if strcmp(schema.format, "+s") == 0 and schema.n_children == n_columns:
        for k in range(n_columns):
            if schema.children[k].name == NULL or strcmp(schema.children[k].name, _NAMES[k]):
                break
        else:
            return 0
    raise ValueError(f"a requested schema must have the columns {', '.join(COLUMNS[:n_columns])}")


# --- in -------------------------------------------------------------------------------------------


cdef class _Batch:
    """Owner of a batch that another library made."""

    cdef ArrowArray array

    def __reduce__(self):
        refuse_copy(self)

    def __dealloc__(self):
        if self.array.release != NULL:
            self.array.release(&self.array)


cdef class _Memory:
    """A stretch of a batch as a read-only buffer."""

    cdef _Batch _batch
    cdef const void* _start
    cdef Py_ssize_t _n_bytes

    def __reduce__(self):
        refuse_copy(self)

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        PyBuffer_FillInfo(buffer, self, <void*>self._start, self._n_bytes, 1, flags)


cdef object _memory(_Batch batch, const void* start, int64_t n_bytes):
    cdef _Memory memory = _Memory.__new__(_Memory)
    memory._batch, memory._start, memory._n_bytes = batch, start, n_bytes
    return memory


cdef object _nulls(_Batch batch, const ArrowArray* array, int64_t start, int64_t n_rows):
    """Rows `[start, start + n_rows)` without a value, as bools; None if there is none."""
    if array.null_count == 0 or array.n_buffers == 0 or array.buffers[0] == NULL:
        return None
    cdef int64_t first = start >> 3
    bits = _memory(batch, <const uint8_t*>array.buffers[0] + first, ((start + n_rows + 7) >> 3) - first)
    valid = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[start & 7:(start & 7) + n_rows]
    return valid == 0


cdef class StreamReader:
    """
    A stream of another library, moved out of its capsule; released with this object.

    Parameters
    ----------
    capsule : capsule "arrow_array_stream"

    Raises
    ------
    ValueError
        It has been read already, does not hold columns, or reports an error of its own.
    """

    cdef ArrowArrayStream stream
    # (name, format, whether its values are numbers of dictionary entries)
    cdef readonly tuple fields

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, capsule):
        cdef ArrowArrayStream* supplied = <ArrowArrayStream*>PyCapsule_GetPointer(capsule, "arrow_array_stream")
        cdef ArrowSchema schema
        cdef int status
        if supplied.release == NULL:
            raise ValueError("the stream has been read already")
        self.stream = supplied[0]
        supplied.release = NULL
        memset(&schema, 0, sizeof(ArrowSchema))
        with nogil:
            status = self.stream.get_schema(&self.stream, &schema)
        self._check(status)
        if schema.release == NULL:
            raise ValueError("the stream has no schema")
        try:
            if strcmp(schema.format, "+s"):
                raise ValueError(f"the stream does not hold columns, but one of format {_text(schema.format)!r}")
            self.fields = tuple([
                (_text(schema.children[k].name), _text(schema.children[k].format),
                 schema.children[k].dictionary != NULL)
                for k in range(schema.n_children)
            ])
        finally:
            schema.release(&schema)

    def __dealloc__(self):
        if self.stream.release != NULL:
            self.stream.release(&self.stream)

    cdef int _check(self, int status) except -1:
        cdef const char* message
        if status == 0:
            return 0
        message = self.stream.get_last_error(&self.stream)
        raise ValueError(f"the stream fails with error {status}" + (f": {_text(message)}" if message != NULL else ""))

    def read(self, tuple wanted):
        """
        Read all batches; can be done once.

        Parameters
        ----------
        wanted : tuple of (int, dtype)
            Numbers of fields that hold values of one width, and the dtype of these.

        Returns
        -------
        list of list of (ndarray, ndarray of bool or None)
            For each batch that has rows, the values of each wanted field and which of them are
            null. Read-only; the values are not copied, and keep the batch.
        """
        cdef _Batch batch
        cdef int status
        cdef list batches = []
        while True:
            batch = _Batch.__new__(_Batch)
            with nogil:
                status = self.stream.get_next(&self.stream, &batch.array)
            if status:
                batch.array.release = NULL  # after an error its content is undefined
                self._check(status)
            if batch.array.release == NULL:
                return batches
            if batch.array.length > 0:
                batches.append([self._values(batch, k, dtype) for k, dtype in wanted])

    cdef tuple _values(self, _Batch batch, int64_t k, object dtype):
        cdef const ArrowArray* rows = &batch.array
        cdef const ArrowArray* column
        cdef int64_t start, n_rows = rows.length, size = dtype.itemsize
        if k >= rows.n_children or rows.offset < 0:
            raise ValueError("a batch of the stream does not have the columns of its schema")
        column = rows.children[k]
        if (column.n_buffers != 2 or column.offset < 0 or column.length < rows.offset + n_rows
                or column.buffers[1] == NULL):
            raise ValueError(f"column {self.fields[k][0]!r} of the stream is shorter than its batch")
        start = rows.offset + column.offset
        memory = _memory(batch, <const uint8_t*>column.buffers[1] + start * size, n_rows * size)
        null, row_null = _nulls(batch, column, start, n_rows), _nulls(batch, rows, rows.offset, n_rows)
        return np.frombuffer(memory, dtype), row_null if null is None else null if row_null is None else null | row_null


cdef str _text(const char* text):
    return "" if text == NULL else text.decode("utf-8", "replace")
