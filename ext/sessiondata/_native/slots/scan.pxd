# A scan of a column of times: its state, and its two loops. Design note in slots/scan.pyx.

from libc.stdint cimport int32_t, int64_t

from sessiondata._native.slots.grid cimport Region, SlotTable


cdef extern from *:
    """
    #define SESSIONDATA_OFF_GRID ((int64_t)1 << 62)
    """
    const int64_t OFF_GRID "SESSIONDATA_OFF_GRID"  # above every ordinal, and far from overflow


cdef struct Scan:
    # The holes found so far, and the run at hand: rows of which each is one step after the row
    # before it.
    const SlotTable* table
    int64_t step_ns
    # Where holes go as ordinals, first slot and one past the last; NULL: not kept as such
    int32_t* start
    int32_t* stop
    # Where they go as three columns: first and last missing slot (ns), length; NULL: not kept
    int64_t* holes
    int64_t apart         # of these columns, in int64
    int64_t n_ranges      # holes so far
    int64_t n_present     # rows on slots below row `counted`, repeats left out
    int64_t counted       # since this row all rows are on slots, and none is a repeat
    int64_t zero          # ordinal that row 0 would have if the run reached down to it; OFF_GRID
    int64_t reach         # slots below it are known (at the end of a run)
    const Region* region  # the segment at hand
    int64_t first         # ordinal of its first slot
    int64_t end           # one past its last expected slot, or `first`


cdef inline Scan scan_begin(const SlotTable* table) noexcept nogil:
    """A scan that keeps no holes, before its first segment."""
    return Scan(table, table.step_ns if table.step_ns else 1, NULL, NULL, NULL, 0, 0, 0, 0, OFF_GRID, 0, NULL, 0, 0)


cdef int64_t scan_segment(Scan* scan, const int64_t* ts, int64_t i, int64_t n) noexcept nogil
cdef int64_t scan_session(Scan* scan, const int64_t* ts, int64_t n, int32_t expected) noexcept nogil
