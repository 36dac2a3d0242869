# int64 time arithmetic that C division gets wrong for negative times.

from libc.stdint cimport int64_t

cdef extern from "<stdint.h>" nogil:
    const int64_t NAT "INT64_MIN"  # NumPy's "not a time"

cdef extern from *:
    """
    #define SESSIONDATA_LEAST_START 631152000000000000LL
    #define SESSIONDATA_BETWEEN(ts, unit) ((ts) >= 631152000LL * (unit) && (ts) < 4102444800LL * (unit))
    #define SESSIONDATA_IN_ANOTHER_UNIT(ts) ( \\
        SESSIONDATA_BETWEEN(ts, 1) || SESSIONDATA_BETWEEN(ts, 1000) || SESSIONDATA_BETWEEN(ts, 1000000))
    """
    # 1990-01-01 UTC, ns: time.units.LEAST_START_NS. No earlier bar starts a session by itself.
    const int64_t LEAST_START "SESSIONDATA_LEAST_START"
    # Whether a time lies in 1970 as integers of seconds, ms or us between 1990 and 2100 do
    # (time.units.plausible_unit).
    bint is_in_another_unit "SESSIONDATA_IN_ANOTHER_UNIT"(int64_t ts) nogil


cdef extern from *:
    # In C, because Cython divides like C or like Python by a directive of whoever cimports this. (A
    # decorator does not help: inside an inline function of a .pxd it reaches `%` and not `//`.)
    """
    static inline int64_t sessiondata_floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }
    static inline int64_t sessiondata_floor_mod(int64_t a, int64_t b) { return a % b + (a % b < 0 ? b : 0); }
    static inline int64_t sessiondata_ceil_div(int64_t a, int64_t b) { return a / b + (a % b > 0); }
    """
    # Floor of a / b for b > 0. C truncates: -1 ns would fall into slot 0 instead of slot -1.
    int64_t floor_div "sessiondata_floor_div"(int64_t a, int64_t b) noexcept nogil
    # a - b * floor(a / b), in [0, b) for b > 0
    int64_t floor_mod "sessiondata_floor_mod"(int64_t a, int64_t b) noexcept nogil
    # a / b rounded up, for a >= 0 and b > 0
    int64_t ceil_div "sessiondata_ceil_div"(int64_t a, int64_t b) noexcept nogil
