# A growing block of bytes. Design note in out/writer.pyx.

from cpython.object cimport PyObject


cdef class ByteWriter:
    cdef char* data          # inside of a bytes object of its own; NULL until the first reserve
    cdef Py_ssize_t size     # bytes written
    cdef Py_ssize_t capacity
    cdef Py_ssize_t _wanted  # bytes that will probably be written
    cdef PyObject* _bytes    # owned
    cdef Py_buffer _into     # a caller's memory, which `data` points to until the text outgrows it
    cdef int grow(self, Py_ssize_t extra) except -1
    cdef bytes take(self)
    cdef Py_ssize_t put(self) except -1


cdef inline int reserve(ByteWriter writer, Py_ssize_t extra) except -1:
    """Make room for `extra` bytes behind `size`."""
    if writer.capacity - writer.size >= extra:
        return 0
    return writer.grow(extra)


cdef int write_bytes(ByteWriter writer, bytes ready) except -1
