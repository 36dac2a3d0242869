# A symbol with its memory: the object that Python holds.

cimport cython
from libc.stdint cimport int32_t, int64_t

from sessiondata._native.objects.clock cimport StoreClock
from sessiondata._native.objects.gaps cimport SlotsOf
from sessiondata._native.objects.rows cimport Refusal, Rows
from sessiondata._native.slots.extended cimport Extended
from sessiondata._native.slots.gaps cimport Gaps
from sessiondata._native.slots.grid cimport Grid
from sessiondata._native.symbol.layout cimport Memory
from sessiondata._native.rows.ring cimport Bar, Ring
from sessiondata._native.symbol.symbol cimport Symbol


cdef struct SlotStates:
    # Slots that have elapsed, and gaps.
    int32_t expected
    int32_t present
    int32_t missing
    int32_t no_trade
    int32_t halted
    int32_t n_gaps


cdef inline double quality_of(const SlotStates* states) noexcept nogil:
    """In percent; 100 where nothing is expected."""
    return 100.0 * states.present / states.expected if states.expected else 100.0


@cython.final
cdef class SymbolCore:
    # grows with each start; windows of another session are invalid
    cdef readonly int64_t session_id
    cdef int64_t n_pin_edits            # changes of what is reported in place of what is computed
    # changes of what history says, values of indicators included
    cdef int64_t n_past_edits
    cdef Symbol symbol
    cdef readonly str name
    cdef readonly tuple intervals       # names of the series, base first
    cdef readonly tuple steps_ns        # their lengths, 0 for "1d"
    cdef readonly Grid grid             # None before a session
    cdef readonly StoreClock clock
    cdef public object calendar         # whose trade dates these are, for messages; None of a day
    # Days; None for a core without history, such as a day itself
    cdef readonly object days
    cdef readonly bint close_label      # appended timestamps are the ends of bars
    cdef int64_t _handle                # 0 until somebody asks for it
    cdef int64_t _capacity              # rows asked for; 0: one session
    # there is a session, and appended timestamps are the starts of bars
    cdef bint _is_plain
    # called with name and ts_ns by the first bar of a store without a session
    cdef object _start_for_first_bar
    cdef Memory _memory                 # everything `symbol` points to but the grid
    # of series, ticks, quotes: read-only arrays over the ring, made when asked for
    cdef list _columns
    cdef list _columns_at               # per series: the address that they were made for
    # what keeps `Symbol.past`, by series; may be out of date, and is never changed in place
    cdef tuple _past
    cdef void _own_session(self, Grid grid)
    cdef list column_cache(self)
    cdef tuple _columns_of(self, Py_ssize_t k, const Ring* ring)
    # NULL before a session, as is the tracker
    cdef Ring* ring(self, Py_ssize_t k) noexcept nogil
    cdef Gaps* tracker(self, Py_ssize_t k) noexcept nogil
    cdef Extended* extended(self, Py_ssize_t k) noexcept nogil
    cdef void _changed(self) noexcept nogil
    cpdef void note_past(self) noexcept
    cdef int publish_past(self, Py_ssize_t k, const void* past, object owner) except -1
    cdef object past_of(self, Py_ssize_t k)
    cdef void drop_old_past(self) noexcept
    cdef SlotsOf slots_of(self, Py_ssize_t k, object zone)
    cdef list gaps_at(self, Py_ssize_t k, object zone, SlotStates* out_states, int64_t* out_as_of)
    cdef void _states(self, Py_ssize_t k, SlotStates* out_states) noexcept nogil
    cdef bint _refuses_early(self, Rows rows, int64_t n, Refusal* out_refusal) except -1
    cdef void _count_skipped(self, const int64_t* skipped, int64_t other_session) noexcept nogil
    cdef bint is_forming(self, Py_ssize_t k) noexcept nogil
    cdef int64_t forming_ts(self, Py_ssize_t k) noexcept nogil
    cdef object _append_any(self, object ts_ns, object open, object high, object low, object close, object volume)
    cdef object _append_first(self, const Bar* bar)
    cdef bint _append_elapsed(self, Bar* bar) except -1
    cdef int64_t _extend_columns(self, const Py_buffer* columns) noexcept nogil
    cdef int64_t store_own(self, Rows rows, bint skip, bint close_label, bint is_cold, bint to_days,
                           Refusal* out_refusal) except -2
    cdef int64_t _fill_own(self, Rows rows, bint skip, bint close_label, bint loading, Refusal* out_refusal) except -2
    cdef bint _has_other_input_kind(self, Rows rows, bint close_label, Refusal* out_refusal) noexcept nogil
    cdef int64_t _check_own(self, Rows rows, bint skip, bint close_label, int64_t* skipped,
                            Refusal* out_refusal) noexcept
    cdef void _open_label(self, int64_t* ts) noexcept nogil
    cpdef bint has_early_days(self)
    cpdef object date_of(self, int64_t ts)
    cdef int _refuse(self, int status, row, ts, open, high, low, close, volume, opened=*) except -1
