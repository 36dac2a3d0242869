# The newest rows of a series over days: those of the session, and before them those of past days.

from libc.stdint cimport int32_t, int64_t

from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport Ring
from sessiondata._native.slots.grid cimport GridData, Region
from sessiondata._native.symbol.symbol cimport Symbol


cdef enum:
    WITH_EXTENDED = 1     # rows outside the segments, too
    WITH_FORMING = 2      # the bar in progress, too
    PAST_UNKNOWN = -1     # not a count: rows of past days are needed that nobody has looked up


cdef struct Run:
    # Rows of one day that lie side by side.
    Columns rows          # from the first on; n_base is NULL of base rows
    int64_t n
    int64_t day           # trade date, days since 1970-01-01
    int64_t place         # of the day among those of its `Past`, 0 the newest; -1: the session
    int64_t regular       # 1: inside the segments


cdef struct Past:
    # What history shows of one series, as far back as somebody has asked. Never changed.
    const Run* runs       # newest first; those of a day lie side by side
    int64_t n_runs
    int64_t n_rows
    int64_t n_regular     # of them
    int64_t is_whole      # 1: no older row is kept


cdef struct Walk:
    # Goes from the newest row of a window to older ones, run by run.
    const Symbol* symbol  # NULL: of `past` alone
    int64_t k             # its series
    const Ring* ring      # of the session; NULL if there is none
    const Past* past      # known once a run of it was wanted
    const Region* region  # of the newest row of the session that is left
    int64_t first         # physical rows of the session that are left
    int64_t stop
    int64_t day           # of the session
    int64_t next_run      # of `past`
    int64_t forming_ts    # ns, the row in progress that is in the window; NAT if there is none
    int64_t with_extended
    int64_t n             # rows that are wanted of the session


cdef struct Target:
    # Where columns of a window go; NULL: nowhere.
    int64_t* ts
    double* values[5]
    int32_t* n_base
    int64_t* day


cdef int64_t run_start(const int64_t* ts, int64_t first, int64_t stop, const Region** region) noexcept nogil
cdef void walk_begin(Walk* walk, Symbol* symbol, int64_t k, int64_t n, int64_t flags) noexcept nogil
cdef bint walk_next(Walk* walk, Run* out_run) noexcept nogil
cdef int64_t window_count(Walk* walk, int64_t n, Run* out_run) noexcept nogil
cdef void window_copy(Walk* walk, int64_t n, const Target* target) noexcept nogil
