"""A growing bytes object: the text of a document goes straight into its result.

    reserve (once for a piece, for the worst case) -> writers of `out/text` (no checks) -> size

Python's own bytes object is resized in place. So a finished document is never copied, whether it
ends in a bytes object or in memory of the caller.
"""

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.ref cimport Py_DECREF, Py_XDECREF
from libc.string cimport memcpy

from sessiondata.copying import refuse_copy
from sessiondata.errors import BufferTooSmallError


cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX
    PyObject* PyBytes_FromStringAndSize(const char* text, Py_ssize_t n) except NULL
    int _PyBytes_Resize(PyObject** bytes, Py_ssize_t n) except -1
    void Py_SET_SIZE(PyObject* bytes, Py_ssize_t n)


cdef class ByteWriter:
    """A growing bytes object: what is written is the result, and never copied.

    Parameters
    ----------
    wanted : int
        Bytes that will probably be written; memory that is not written to costs nothing.
    into : writable, contiguous buffer, optional
        Written to as far as the text, and what writers reserve beyond it, has room there; `put`
        sees to the rest.
    """

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, Py_ssize_t wanted=0, into=None):
        self._wanted = wanted
        if into is not None:
            PyObject_GetBuffer(into, &self._into, PyBUF_WRITABLE)
            self.data, self.capacity = <char*>self._into.buf, self._into.len

    def __dealloc__(self):
        Py_XDECREF(self._bytes)
        PyBuffer_Release(&self._into)  # does nothing where there is none

    cdef int grow(self, Py_ssize_t extra) except -1:
        """The cold half of `reserve`: at least twice the block, so that growing costs O(1) per
        byte."""
        cdef Py_ssize_t wanted
        if extra > PY_SSIZE_T_MAX // 4 - self.size:
            raise MemoryError("the document is too large")
        wanted = max(self.size + extra, 2 * self.capacity, 256, self._wanted)
        if self._bytes == NULL:
            self._bytes = PyBytes_FromStringAndSize(NULL, wanted)
            if self.size:  # it was in the caller's memory so far
                memcpy(PyBytes_AS_STRING(<object>self._bytes), self.data, self.size)
        else:
            self.data = NULL
            self.capacity = 0  # a failure frees the block
            _PyBytes_Resize(&self._bytes, wanted)
        self.data, self.capacity = PyBytes_AS_STRING(<object>self._bytes), wanted
        return 0

    cdef bytes take(self):
        """The bytes written so far; the writer is empty again."""
        if self._bytes == NULL:
            return b""
        if self.capacity - self.size > self.size >> 3:
            _PyBytes_Resize(&self._bytes, self.size)
        else:
            # A little room may stay behind the text. Giving it back would make each document's
            # block smaller than what the next one asks for, and the allocator map fresh pages for
            # it, which cost more than writing them.
            self.data[self.size] = 0
            Py_SET_SIZE(self._bytes, self.size)
        result = <bytes>self._bytes
        Py_DECREF(result)
        self._bytes = NULL
        self.data = NULL
        self.size = self.capacity = 0
        return result

    cdef Py_ssize_t put(self) except -1:
        """Have all of the text in the caller's memory; returns its length."""
        if self._bytes != NULL:
            if self.size > self._into.len:
                raise BufferTooSmallError(self.size, self._into.len)
            memcpy(self._into.buf, self.data, self.size)
        return self.size


cdef int write_bytes(ByteWriter writer, bytes ready) except -1:
    """Text that is ready."""
    reserve(writer, len(ready))
    memcpy(writer.data + writer.size, PyBytes_AS_STRING(ready), len(ready))
    writer.size += len(ready)
    return 0
