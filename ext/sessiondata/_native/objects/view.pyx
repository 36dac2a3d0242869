"""Memory as a read-only array that keeps it alive.

    array -> base: its owner, such as the Memory of a session, a bytes, a tuple of arrays

An array may be made writable only if its base is an array that is, or hands out a writable buffer.
An owner must be neither, so nobody can reach the memory to write to it.

Made by NumPy's C functions: asking `numpy.frombuffer` and slicing what it returns costs five times
as much. The header is that of the oldest NumPy that the one installed at build time can still
target, so that the module runs with all that the package declares.

Rejected: an object with a buffer that is read-only from the start, between array and owner. One
more object for each column, and it protects nothing that has no buffer. Rejected:
`memoryview.toreadonly()`. Its `.obj` is the writable owner, which any caller can reach.
"""

import numpy as np


cdef extern from *:
    """
    #define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
    #include <numpy/arrayobject.h>

    // Steals nothing.
    static PyObject* sd_view_of(PyObject* owner, void* start, npy_intp n, PyObject* dtype) {
        Py_INCREF(dtype);
        PyObject* const array = PyArray_NewFromDescr(&PyArray_Type, reinterpret_cast<PyArray_Descr*>(dtype), 1, &n,
                                                     nullptr, start, 0, nullptr);
        if (array == nullptr) return nullptr;
        Py_INCREF(owner);
        if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(array), owner) < 0) {
            Py_DECREF(array);
            return nullptr;
        }
        return array;
    }

    static void* sd_memory_of(PyObject* array) {
        return PyArray_DATA(reinterpret_cast<PyArrayObject*>(array));
    }
    """
    int _import_numpy "_import_array"() except -1
    object _view_of "sd_view_of"(object owner, void* start, int64_t n, object dtype)
    void* _memory_of "sd_memory_of"(object array) noexcept


cdef int64_t[1] _nothing  # where an array without numbers begins

_import_numpy()


cdef object view_of(object owner, const void* start, int64_t n, object dtype):
    """`n` numbers of a dtype, which must be a `numpy.dtype`, as a new array. `start` is theirs and
    aligned; NULL of none."""
    return _view_of(owner, <void*>start if start != NULL else <void*>_nothing, n, dtype)


cdef const void* memory_of(object array):
    """Where the numbers of an array begin, which must be an ndarray."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"an array is wanted: {type(array).__name__}")
    return _memory_of(array)
