"""Memory of objects that come and go by the million: some are kept for the next one of their type.

    keep_objects(kind)    of an extension type that is final: windows
    keep_records(kind)    of a named tuple: bars, gaps. Its instances get hidden fields, which have
                          their place behind those that the tuple knows of:

        [ header | size = n | field 0 .. field n - 1 | hidden 0 .. ]

Most of what a named tuple costs in Python is the argument list of its `__new__`, and what
`subtype_dealloc` does for classes that may have anything: a dict, slots, weak references, a
finalizer. A record has none of these; it has only fields to give back. That is why the type's
`tp_alloc` and `tp_dealloc` are replaced here, once, when the class is made. Classes that users
derive from a record have the interpreter's own functions, and no hidden fields.

A record that is made natively holds numbers and names alone, so the garbage collector need not know
of it; one that Python makes may hold anything, and is tracked.

Rejected: `structseq`, which has no defaults, no `_replace`, no types for a checker and no
subclasses. Rejected: an extension type with lazily made floats, which is no tuple: each comparison,
unpacking or sort of bars would go through its own code.
"""


cdef extern from *:
    """
    #include <cstring>

    static SdRecords sd_records[4];
    static int sd_n_kinds = 0;

    static inline bool sd_keep(SdRecords* records, PyObject* op) {
    #ifdef Py_GIL_DISABLED
        return false;  // two threads could take the same one
    #else
        if (records->n_kept == SD_KEPT) return false;
        records->kept[records->n_kept++] = op;
        return true;
    #endif
    }

    // Each kind has functions of its own, which know where its records are.

    // --- objects of a fixed size ---

    template <int kind> static PyObject* sd_object_alloc(PyTypeObject* type, Py_ssize_t n) {
        SdRecords* const records = &sd_records[kind];
        if (records->n_kept == 0) return PyType_GenericAlloc(type, n);
        PyObject* const op = records->kept[--records->n_kept];
        std::memset(reinterpret_cast<char*>(op) + sizeof(PyObject), 0, type->tp_basicsize - sizeof(PyObject));
        PyObject_Init(op, type);
        PyObject_GC_Track(op);
        return op;
    }

    template <int kind> static void sd_object_free(void* op) {
        if (!sd_keep(&sd_records[kind], static_cast<PyObject*>(op))) PyObject_GC_Del(op);
    }

    // --- records ---

    static PyObject* sd_make_record(const SdRecords* records, Py_ssize_t n) {
        const Py_ssize_t room = n + records->n_hidden;
        PyObject* const op = reinterpret_cast<PyObject*>(PyObject_GC_NewVar(PyTupleObject, records->type, room));
        if (op == nullptr) return nullptr;
        for (Py_ssize_t i = 0; i < room; ++i) sd_fields(op)[i] = nullptr;
        sd_init_record(op, n);
        return op;
    }

    // For Python code: of any length, until `_make` has counted it.
    template <int kind> static PyObject* sd_record_alloc(PyTypeObject*, Py_ssize_t n) {
        PyObject* const op = sd_make_record(&sd_records[kind], n);
        if (op != nullptr) PyObject_GC_Track(op);
        return op;
    }

    // A function of its own, so that `__class__` of no other object, whose fields end where the tuple's
    // do, can be set to the record: CPython compares the two functions.
    static void sd_record_free(void* op) { PyObject_GC_Del(op); }

    // Also of classes that are derived from the record, whose fields are all that the tuple knows of.
    static inline void sd_forget_record(SdRecords* records, PyObject* op, PyTypeObject* type) {
        const bool is_own = type == records->type;
        const Py_ssize_t n = Py_SIZE(op);
        PyObject** const fields = sd_fields(op);
        for (Py_ssize_t i = n + (is_own ? records->n_hidden : 0); --i >= 0;) {
            PyObject* const field = fields[i];
            fields[i] = nullptr;
            Py_XDECREF(field);
        }
        if (!is_own || n != records->n || !sd_keep(records, op)) type->tp_free(op);
        Py_DECREF(type);
    }

    template <int kind> static void sd_record_dealloc(PyObject* op) {
        PyTypeObject* const type = Py_TYPE(op);
        if (!PyObject_GC_IsTracked(op)) {
            sd_forget_record(&sd_records[kind], op, type);
            return;
        }
        PyObject_GC_UnTrack(op);
        Py_TRASHCAN_BEGIN(op, sd_record_dealloc<kind>)  // it may hold another one that holds another one ...
        sd_forget_record(&sd_records[kind], op, type);
        Py_TRASHCAN_END
    }

    template <int kind> static SdRecords* sd_keep_as(PyTypeObject* type, Py_ssize_t n, Py_ssize_t n_hidden) {
        SdRecords* const records = &sd_records[kind];
        *records = SdRecords{type, n, n_hidden, sd_make_record, 0, {}};
        Py_INCREF(type);
        if (n) {
            type->tp_alloc = sd_record_alloc<kind>;
            type->tp_dealloc = sd_record_dealloc<kind>;
            type->tp_free = sd_record_free;
        } else {
            type->tp_alloc = sd_object_alloc<kind>;
            type->tp_free = sd_object_free<kind>;
        }
        return records;
    }

    static SdRecords* sd_keep_type(PyTypeObject* type, Py_ssize_t n, Py_ssize_t n_hidden) {
        for (int i = 0; i < sd_n_kinds; ++i)
            if (sd_records[i].type == type) return &sd_records[i];
        switch (sd_n_kinds++) {
            case 0: return sd_keep_as<0>(type, n, n_hidden);
            case 1: return sd_keep_as<1>(type, n, n_hidden);
            case 2: return sd_keep_as<2>(type, n, n_hidden);
            case 3: return sd_keep_as<3>(type, n, n_hidden);
        }
        PyErr_SetString(PyExc_RuntimeError, "too many kinds of objects to keep");
        return nullptr;
    }
    """
    Records* _keep_type "sd_keep_type"(type kind, Py_ssize_t n, Py_ssize_t n_hidden) except NULL


cdef int keep_objects(type kind) except -1:
    """Keep instances of an extension type: final, known to the garbage collector, of one size."""
    _keep_type(kind, 0, 0)
    return 0


cdef Records* keep_records(type kind, Py_ssize_t n, Py_ssize_t n_hidden) except NULL:
    """Keep instances of a named tuple of `n` fields without a dict, and give each hidden fields, at
    first NULL."""
    return _keep_type(kind, n, n_hidden)
