# C functions for compiled callers outside the package: Cython by cimport, numba through
# `sessiondata.jit`.

from libc.stdint cimport int64_t

# A module compiled against this file asks for this name when it is imported, so that one of another
# version is refused with an ImportError. Rename it, and raise ABI in capi.pyx, whenever a signature
# or a meaning below changes.
cdef int64_t sd_abi_4

cdef enum:
    # What became of a bar: sd_append returns one of these, or an error.
    SD_REPEATED = 0            # same timestamp, same values: nothing changed
    SD_STORED = 1              # newest row
    SD_LATE = 2                # inserted between or before other rows
    SD_CORRECTED = 3           # same timestamp, other values: replaced
    SD_TOO_OLD = 4             # older than the ring keeps; counted, not stored
    SD_OTHER_SESSION = 5       # before the session; counted, not stored

    # Errors: all are negative, and nothing has changed.
    SD_ERR_NOT_FINITE = -101
    SD_ERR_HIGH_LOW = -102
    SD_ERR_VOLUME = -103
    SD_ERR_NAT = -104
    SD_ERR_TS_RANGE = -105
    SD_ERR_SIZE = -106         # of a trade or quote
    SD_ERR_INCONSISTENT = -107  # open or close outside [low, high], of a symbol that is strict
    SD_ERR_LATER_SESSION = -201
    SD_ERR_NO_SESSION = -202   # the symbol has no session (or has left its store)
    SD_ERR_MEMORY = -205       # no memory for rows beyond those of a regular day
    SD_ERR_NO_SYMBOL = -206    # the handle is of no symbol, or of one that is gone
    SD_ERR_NO_SERIES = -207    # the symbol holds no such series, or a series no such column
    # the symbol has another input kind in this session: bars, trades or quotes
    SD_ERR_INPUT_KIND = -208
    # a time before 1990, and no such day: not nanoseconds, but seconds, ms or us
    SD_ERR_UNIT = -209
    # bars are gone that a consumer of closed bars was not told of: said once
    SD_ERR_LOST = -210
    SD_ERR_REENTRANT = -211    # a consumer that is being drained

    # Columns of a series.
    SD_TIMESTAMP = 0           # int64 ns; the others are doubles
    SD_OPEN = 1
    SD_HIGH = 2
    SD_LOW = 3
    SD_CLOSE = 4
    SD_VOLUME = 5

    # What an event of a consumer of closed bars says.
    SD_CLOSED = 0
    SD_REVISED = 1

    # What a window over days has beside regular bars that have closed.
    SD_WITH_EXTENDED = 1       # bars outside the segments
    SD_WITH_FORMING = 2        # the bar in progress

# `handle` is what SymbolSessionData.handle says. `k` numbers the series of a symbol: 0 is the base,
# then the derived ones in the order of SymbolSessionData.intervals. `i` is a row: 0 the oldest, -1
# the newest. Without an answer an int64_t is a negative error, a double NaN, a time INT64_MIN. Any
# thread may call, with the GIL or without: of those that use one symbol at the same time each waits
# for the other's call to end.
cdef int64_t sd_append(int64_t handle, int64_t ts_ns, double open, double high, double low, double close,
                       double volume) noexcept nogil
# `exchange` is up to eight ASCII bytes, the first in the lowest byte; 0: none.
cdef int64_t sd_append_tick(int64_t handle, int64_t ts_ns, double price, double size, int64_t exchange) noexcept nogil
cdef int64_t sd_append_quote(int64_t handle, int64_t ts_ns, double bid, double ask, double bid_size,
                             double ask_size) noexcept nogil
cdef int64_t sd_advance_to(int64_t handle, int64_t ts_ns) noexcept nogil
cdef int64_t sd_series(int64_t handle, int64_t step_ns) noexcept nogil
cdef int64_t sd_count(int64_t handle, int64_t k) noexcept nogil
cdef int64_t sd_total_count(int64_t handle, int64_t k) noexcept nogil
cdef int64_t sd_timestamp(int64_t handle, int64_t k, int64_t i) noexcept nogil
cdef double sd_value(int64_t handle, int64_t k, int64_t column, int64_t i) noexcept nogil
cdef int64_t sd_column(int64_t handle, int64_t k, int64_t column, const void** out_rows) noexcept nogil
cdef int64_t sd_copy_last(int64_t handle, int64_t k, int64_t column, int64_t n, double* out_values) noexcept nogil
cdef int64_t sd_read_last(int64_t handle, int64_t k, int64_t n, int64_t* out_ts, double* out_open, double* out_high,
                          double* out_low, double* out_close, double* out_volume) noexcept nogil
cdef int64_t sd_forming(int64_t handle, int64_t k) noexcept nogil
cdef int64_t sd_slot_stop(int64_t handle, int64_t k) noexcept nogil
cdef int64_t sd_states(int64_t handle, int64_t k, int64_t* out_states) noexcept nogil
cdef int64_t sd_expected(int64_t handle, int64_t k) noexcept nogil
cdef int64_t sd_present(int64_t handle, int64_t k) noexcept nogil
cdef int64_t sd_missing(int64_t handle, int64_t k) noexcept nogil
cdef int64_t sd_gap_count(int64_t handle, int64_t k) noexcept nogil
cdef double sd_quality(int64_t handle, int64_t k) noexcept nogil
cdef double sd_session_value(int64_t handle, int64_t column) noexcept nogil
cdef int64_t sd_as_of(int64_t handle) noexcept nogil
cdef int64_t sd_sequence(int64_t handle) noexcept nogil
# Over past days and the session; needs no session. NULL where a column is not wanted; `out_date`
# are trade dates, days since 1970-01-01. A first call, and one after a change of history, acquires
# the GIL.
cdef int64_t sd_window(int64_t handle, int64_t k, int64_t n, int64_t flags, int64_t* out_ts, double* out_open,
                       double* out_high, double* out_low, double* out_close, double* out_volume,
                       int64_t* out_date) noexcept nogil
cdef int64_t sd_window_values(int64_t handle, int64_t k, int64_t column, int64_t n, int64_t flags,
                              double* out_values) noexcept nogil
# The first events of a consumer, ClosedBarFeed.handle, that are not handed out yet; acquires the
# GIL.
cdef int64_t sd_drain(int64_t feed, int64_t n, int64_t* out_symbol, int64_t* out_interval, int64_t* out_kind,
                      int64_t* out_ts, double* out_open, double* out_high, double* out_low, double* out_close,
                      double* out_volume, int64_t* out_n_base) noexcept nogil
