# Rows of bars as columns, and windows on them.

from libc.stdint cimport int64_t, uintptr_t

from sessiondata._native.objects.bars cimport BarKind
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport Ring


cdef class BarColumns:
    cdef BarKind kind
    # Points at the rows as they are now; returns who owns the memory, n is their number.
    cdef object look(self, Columns* out_rows, int64_t* out_n)
    cdef BarWindow whole(self)          # all rows as a window, of one moment
    cdef BarWindow copied(self)         # the same in memory of its own


cdef class BarWindow(BarColumns):
    cdef object owner                   # of the memory
    cdef Columns rows                   # of it, from the first on; its n_base is NULL for base rows
    cdef int64_t n
    cdef int64_t n_requested            # rows that were asked for, where there may be fewer; else 0
    cdef object grid                    # their hours; None: of no session
    # ns, of a window that nothing changes: its bar in progress; INT64_MIN: none
    cdef int64_t forming_ts
    # of live rows: whose, and where they stood then; None where nobody writes to them any more
    cdef SymbolCore core
    cdef Py_ssize_t k
    cdef int64_t session_id
    cdef int64_t n_moves
    cdef int64_t seq                    # of the first row
    cdef uintptr_t* enter(self) noexcept
    cdef int64_t forming_inside(self) noexcept
    cdef int64_t forming_now(self) noexcept
    cdef object row(self, int64_t i)
    cdef int check_immutable(self) except -1
    cdef BarWindow part(self, int64_t start, int64_t stop)


cdef BarWindow new_window(BarKind kind)
cdef void show_ring(BarWindow window, SymbolCore core, Py_ssize_t k, const Ring* ring, int64_t i, int64_t j) noexcept
cdef void copy_rows(const Columns* rows, int64_t n, char* block, Columns* out_rows) noexcept nogil


cdef inline int64_t row_bytes(bint derived) noexcept nogil:
    """Of a copied row."""
    return 52 if derived else 48
