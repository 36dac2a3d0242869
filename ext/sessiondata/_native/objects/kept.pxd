# Memory of objects that come and go by the million, kept for the next one of their type.

from cpython.object cimport PyObject

cdef extern from *:
    # Inline in every module that makes records; objects/kept.pyx explains it.
    """
    #include <Python.h>

    enum { SD_KEPT = 32 };

    struct SdRecords {
        PyTypeObject* type;
        Py_ssize_t n;           // fields; 0: these are no tuples
        Py_ssize_t n_hidden;
        PyObject* (*make)(const SdRecords*, Py_ssize_t n);
        int n_kept;
        PyObject* kept[SD_KEPT];
    };

    static inline PyObject** sd_fields(PyObject* op) { return reinterpret_cast<PyTupleObject*>(op)->ob_item; }

    static inline void sd_init_record(PyObject* op, Py_ssize_t n) {
        Py_SET_SIZE(reinterpret_cast<PyVarObject*>(op), n);
    #if PY_VERSION_HEX >= 0x030E0000
        reinterpret_cast<PyTupleObject*>(op)->ob_hash = -1;
    #endif
    }

    // All fields are empty.
    static inline PyObject* sd_new_record(SdRecords* records) {
        if (records->n_kept == 0) return records->make(records, records->n);
        PyObject* const op = records->kept[--records->n_kept];
        PyObject_InitVar(reinterpret_cast<PyVarObject*>(op), records->type, records->n);
        sd_init_record(op, records->n);
        return op;
    }

    static inline PyObject** sd_hidden(const SdRecords* records, PyObject* op) {
        return Py_TYPE(op) == records->type ? sd_fields(op) + Py_SIZE(op) : nullptr;
    }
    """
    cdef struct Records "SdRecords":
        pass

    object new_record "sd_new_record"(Records* records)
    PyObject** record_fields "sd_fields"(object record) noexcept
    # NULL of an instance of a class that is derived from the record
    PyObject** hidden_fields "sd_hidden"(const Records* records, object record) noexcept


cdef int keep_objects(type kind) except -1
cdef Records* keep_records(type kind, Py_ssize_t n, Py_ssize_t n_hidden) except NULL
