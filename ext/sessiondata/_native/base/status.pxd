# Status codes of nogil code, and the one function that turns them into exceptions.

from libc.stdint cimport int64_t

cdef enum:
    # The outcome of a bar. `changed` is STORED..CORRECTED.
    REPEATED = 0        # same timestamp, same values: nothing changed
    STORED = 1          # newest row
    LATE = 2            # inserted between or before other rows
    CORRECTED = 3       # same timestamp, other values: replaced
    TOO_OLD = 4         # older than the ring keeps; counted
    OTHER_SESSION = 5   # before the span of the session; counted

    # -1xx: a value breaks a rule
    ERR_NOT_FINITE = -101
    ERR_HIGH_LOW = -102
    ERR_VOLUME = -103
    ERR_NAT = -104
    ERR_TS_RANGE = -105
    ERR_SIZE = -106
    ERR_INCONSISTENT = -107
    # -2xx: order and state
    ERR_LATER_SESSION = -201
    ERR_NO_SESSION = -202
    ERR_TS_ORDER = -203
    ERR_TS_REPEATED = -204
    ERR_MEMORY = -205
    ERR_NO_SYMBOL = -206
    ERR_NO_SERIES = -207
    ERR_INPUT_KIND = -208
    ERR_UNIT = -209
    ERR_LOST = -210
    ERR_REENTRANT = -211

    # Not an outcome: the bar is from before the session's span, and may be of a past day
    # (`objects/days`)
    EARLIER = -300

    # The errors that on_bad="skip" counts, in the order of their counters: -101 .. -105, -201, -107
    N_REASONS = 7


cdef inline int reason_index(int status) noexcept nogil:
    """Position of a bad-bar status in the array of skip counters."""
    return -101 - status if status > -200 else 5


cdef class Offence:
    # The broken rule and the row, for the message.
    cdef public int status
    cdef public object symbol, row, ts_ns, open, high, low, close, volume
    # Of a trade or quote: "ticks" or "quotes", its values, and the symbol's input kind where that
    # is another one.
    cdef public object kind, input_kind, values
    # Of a row of a later session: its trade date.
    cdef public object date


cdef int raise_status(Offence offence) except -1
