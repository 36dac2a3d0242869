"""The shortest decimal that reads back as a double: what `out/digits.h` does, for other modules.

It is C++ and not Cython because of multiplications with 128 bits, which each compiler has another
name for, and so that `tools/prove-digits` compiles it by itself.
"""

from libc.stdint cimport uint64_t


cdef extern from "sessiondata/_native/out/digits.h" nogil:
    ctypedef struct sd_u128:
        uint64_t high
        uint64_t low
    cdef struct sd_powers:
        sd_u128* of
    const sd_powers SD_POWERS
    const int SD_LEAST_POWER
    const int SD_MOST_POWER
    int sd_log10_of_power_of_2(int q) noexcept
    int sd_log10_of_3_quarters(int q) noexcept
    int sd_log2_of_power_of_10(int e) noexcept
    char* sd_write_digits(char* out, double x) noexcept
    char* sd_write_near(char* out, double x, Binade* binade) noexcept


cdef char* write_digits(char* out, double x) noexcept nogil:
    """Any double as orjson writes it; null for NaN and the infinities."""
    return sd_write_digits(out, x)


cdef char* write_four(char* out, double a, double b, double c, double d, Binade* binade) noexcept nogil:
    """Four of them, and a comma behind each: the prices of a row, which mostly have one
    exponent."""
    cdef double[4] values = [a, b, c, d]
    cdef int i
    for i in range(4):
        out = sd_write_near(out, values[i], binade)
        out[0] = c","
        out += 1
    return out


# ---- wrappers for the tests

def power_of_ten(int e):
    """The highest 128 bits of 10^e; None where there is no such entry."""
    if not SD_LEAST_POWER <= e <= SD_MOST_POWER:
        return None
    return <object>SD_POWERS.of[e - SD_LEAST_POWER].high << 64 | <object>SD_POWERS.of[e - SD_LEAST_POWER].low


def logarithms(int n):
    """floor(log10(2^n)), floor(log10(3/4 * 2^n)) and floor(log2(10^n)), as they are computed."""
    return sd_log10_of_power_of_2(n), sd_log10_of_3_quarters(n), sd_log2_of_power_of_10(n)
