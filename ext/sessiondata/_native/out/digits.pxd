# The shortest decimal that reads back as a double. Design note in out/digits.h.

from libc.stdint cimport int32_t, uint64_t


cdef enum:
    NO_KEY = 4096         # of no double


cdef struct Binade:
    # What is computed once for doubles of one sign and exponent; `key` begins as NO_KEY.
    uint64_t key
    uint64_t high
    uint64_t low
    int32_t k
    int32_t shift


cdef char* write_digits(char* out, double x) noexcept nogil
cdef char* write_four(char* out, double a, double b, double c, double d, Binade* binade) noexcept nogil
