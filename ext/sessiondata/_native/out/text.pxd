# Writers of numbers, strings and times as orjson writes them. Design note in out/text.pyx.
#
# Every writer takes the place to write to and returns the place behind its text. It checks nothing:
# the caller has reserved the writer's *_BYTES, of which it may also scribble over those behind its
# text.

from libc.math cimport fabs, signbit
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from sessiondata._native.out.digits cimport write_digits


cdef extern from *:
    """
    #ifndef SESSIONDATA_TEXT_TABLES
    #define SESSIONDATA_TEXT_TABLES
    #include <cstdint>
    #include <cstring>

    /* An entry is text in its low three bytes, first character lowest, and a length in its high
       byte. */
    struct sd_text_tables {
        std::uint32_t plain[1000];   /* "7", "42", "815": as it is written alone; its length */
        std::uint32_t padded[1000];  /* "007", "042", "815": inside a number; its length without trailing zeros */
        /* ".07,", ".42,", ".5,": a fraction and a comma; in the high half its length without trailing zeros, but ".0",
           and without the comma. */
        std::uint64_t cents[100];
        std::uint64_t minutes[1440]; /* "09:30:", by minute of the day */
    };

    constexpr sd_text_tables sd_make_text_tables() {
        sd_text_tables t{};
        for (std::uint32_t i = 0; i < 1000; ++i) {
            std::uint32_t digits = 0x303030u + i / 100 + (i / 10 % 10 << 8) + (i % 10 << 16);
            std::uint32_t length = i < 10 ? 1 : i < 100 ? 2 : 3;
            std::uint32_t kept = i == 0 ? 0 : i % 100 == 0 ? 1 : i % 10 == 0 ? 2 : 3;
            t.plain[i] = digits >> 8 * (3 - length) | length << 24;
            t.padded[i] = digits | kept << 24;
        }
        for (std::uint32_t i = 0; i < 100; ++i) {
            std::uint32_t kept = i % 10 == 0 ? 2 : 3;
            std::uint32_t digits = 0x302eu + (i / 10 << 8) + (kept == 3 ? 0x300000u + (i % 10 << 16) : 0u);
            t.cents[i] = digits | std::uint32_t(',') << 8 * kept | std::uint64_t(kept) << 32;
        }
        for (std::uint32_t i = 0; i < 1440; ++i) {
            std::uint32_t hours = (0x3030u + i / 600 + (i / 60 % 10 << 8)) | std::uint32_t(':') << 16;
            std::uint32_t minutes = (0x3030u + i % 60 / 10 + (i % 10 << 8)) | std::uint32_t(':') << 16;
            t.minutes[i] = hours | std::uint64_t(minutes) << 24;
        }
        return t;
    }
    static constexpr sd_text_tables SD_TEXT = sd_make_text_tables();

    /* Stores of a word, lowest byte first. */
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    static inline void sd_store4(char* out, std::uint32_t w) { for (int i = 0; i < 4; ++i) out[i] = char(w >> 8 * i); }
    static inline void sd_store8(char* out, std::uint64_t w) { for (int i = 0; i < 8; ++i) out[i] = char(w >> 8 * i); }
    #else
    static inline void sd_store4(char* out, std::uint32_t w) { std::memcpy(out, &w, 4); }
    static inline void sd_store8(char* out, std::uint64_t w) { std::memcpy(out, &w, 8); }
    #endif

    #if defined(__GNUC__)
    #define SD_LIKELY(x) __builtin_expect(!!(x), 1)
    #else
    #define SD_LIKELY(x) (x)
    #endif

    /* The bits of a double. */
    static inline std::uint64_t sd_bits(double x) { std::uint64_t w; std::memcpy(&w, &x, 8); return w; }
    #endif
    """
    const uint32_t* PLAIN "SD_TEXT.plain"
    const uint32_t* PADDED "SD_TEXT.padded"
    const uint64_t* CENTS "SD_TEXT.cents"
    const uint64_t* MINUTES "SD_TEXT.minutes"
    void store4 "sd_store4"(char* out, uint32_t w) noexcept nogil
    void store8 "sd_store8"(char* out, uint64_t w) noexcept nogil
    uint64_t bits_of "sd_bits"(double x) noexcept nogil
    bint likely "SD_LIKELY"(bint x) noexcept nogil  # its branch is laid out without a jump


cdef extern from *:
    """
    #if defined(__GNUC__)
    #define SD_ALWAYS __attribute__((always_inline))
    #else
    #define SD_ALWAYS
    #endif

    /* Always inline: its length is then a constant, and copying it a few moves instead of two
       calls. */
    static inline SD_ALWAYS char* sd_write_literal(char* out, const char* text) {
        const std::size_t n = std::strlen(text);
        std::memcpy(out, text, n);
        return out + n;
    }
    """
    char* write_literal "sd_write_literal"(char* out, const char* text) noexcept nogil


cdef enum:                   # bytes to reserve for one ...
    F64_BYTES = 40           # write_f64, write_volume (the longest text has 24)
    I64_BYTES = 24           # write_i64, write_u64 (20)
    CENTS_BYTES = 20         # write_cents, write_fine (12)
    DATE_BYTES = 12          # write_date (10)
    TIME_BYTES = 56          # write_time (41)
    STRING_BYTES = 2         # write_string, and 6 for each byte of the text
    STRING_FACTOR = 6


# ---- integers

cdef char* write_long_u64(char* out, uint64_t x) noexcept nogil


cdef inline char* write_u64(char* out, uint64_t x) noexcept nogil:
    """Decimal digits of `x`, in groups of three: a load, a store and no leading zero to look
    for."""
    cdef uint32_t low, middle, high, word
    if x < 1000:
        word = PLAIN[x]
        store4(out, word)
        return out + (word >> 24)
    if x < 1000000:
        low = <uint32_t> x
        high = low / 1000
        word = PLAIN[high]
        store4(out, word)
        out += word >> 24
        store4(out, PADDED[low - high * 1000])
        return out + 3
    if x < 1000000000:
        low = <uint32_t> x
        middle = low / 1000
        high = middle / 1000
        word = PLAIN[high]
        store4(out, word)
        out += word >> 24
        store4(out, PADDED[middle - high * 1000])
        store4(out + 3, PADDED[low - middle * 1000])
        return out + 6
    return write_long_u64(out, x)


cdef inline char* write_i64(char* out, int64_t x) noexcept nogil:
    if x >= 0:
        return write_u64(out, <uint64_t> x)
    out[0] = c"-"
    return write_u64(out + 1, 0 - <uint64_t> x)  # unsigned: INT64_MIN has no positive twin


# ---- floats

cdef char* write_wide_f64(char* out, double x, int* hint) noexcept nogil


cdef inline char* write_f64(char* out, double x, int* hint) noexcept nogil:
    """Shortest text that reads back as `x`; null for NaN and the infinities.

    `hint` is the number of decimals that goes with the column: 2, 6, 9, or 17 for any. It starts at
    2 and is raised where a value needs more. It never changes the text, only how fast it is found.
    """
    cdef int m
    cdef uint32_t whole
    cdef uint64_t word
    if hint[0] == 2 and 0.0 < x < 1e7:
        m = <int> (x * 100.0 + 0.5)
        if <double> m / 100.0 == x:
            whole = <uint32_t> m / 100
            word = CENTS[<uint32_t> m - whole * 100]
            out = write_u64(out, whole)
            store4(out, <uint32_t> word)
            return out + (word >> 32)
    if hint[0] == 17:
        return write_digits(out, x)
    return write_wide_f64(out, x, hint)


cdef inline char* write_volume(char* out, double x, int* hint) noexcept nogil:
    """An integral volume of at most 2^53 as an integer, anything else as a float (`hint` as in
    write_f64)."""
    cdef int64_t whole
    if fabs(x) <= 9007199254740992.0:
        whole = <int64_t> x
        if <double> whole == x:
            return write_i64(out, whole)
    return write_f64(out, x, hint)


# ---- numbers, a block of a column at a time

cdef inline bint scale_column(const double* x, int64_t n, double scale, uint32_t* out_m) noexcept nogil:
    """Whether all x are m / scale with a whole 0 <= m < 2^30, and then these m. For `scale` 1, 100
    or 100000.

    Neither a branch nor a conversion, so that the compiler makes it vector code. Adding 1.5 * 2^52
    leaves the rounded product in the low bits of the sum; it may be wrong, as the division alone
    decides. Compared are bits, as -0.0 is not written like 0.0."""
    cdef double sum
    cdef uint64_t m, differs = 0, high = 0
    cdef int64_t i
    for i in range(n):
        sum = x[i] * scale + 6755399441055744.0
        m = bits_of(sum) - <uint64_t> 0x4338000000000000
        differs |= bits_of((sum - 6755399441055744.0) / scale) ^ bits_of(x[i])
        high |= m
        out_m[i] = <uint32_t> m
    return (differs | high >> 30) == 0


cdef inline char* _write_whole(char* out, uint32_t whole) noexcept nogil:
    """The whole part of a price, mostly below a thousand."""
    cdef uint32_t digits
    if likely(whole < 1000):
        digits = PLAIN[whole]
        store4(out, digits)
        return out + (digits >> 24)
    return write_u64(out, whole)


cdef inline char* write_cents(char* out, uint32_t m) noexcept nogil:
    """m / 100 as a float, and a comma; for m of `scale_column`."""
    cdef uint32_t whole = m / 100
    cdef uint64_t word = CENTS[m - whole * 100]
    out = _write_whole(out, whole)
    store4(out, <uint32_t> word)
    return out + (word >> 32) + 1


cdef inline char* write_fine(char* out, uint32_t m) noexcept nogil:
    """m / 100000 as a float, and a comma; for m of `scale_column`."""
    cdef uint32_t whole = m / 100000
    cdef uint32_t fraction = m - whole * 100000
    cdef uint32_t high = fraction / 100, low = PADDED[(fraction - high * 100) * 10]
    cdef uint32_t digits = PADDED[high]
    out = _write_whole(out, whole)
    out[0] = c"."
    store4(out + 1, digits)
    store4(out + 4, low)
    if likely(low >> 24):
        out += 4 + (low >> 24)
    else:
        out += 1 + (digits >> 24 if high else 1)
    out[0] = c","
    return out + 1


# ---- strings

cdef char* write_string(char* out, const char* text, size_t n_bytes) noexcept nogil


# ---- times

cdef inline uint64_t two_digits(uint32_t x) noexcept nogil:
    """Two characters as a word, for x < 100."""
    return PADDED[x] >> 8 & 0xFFFF


cdef inline char* write_fraction(char* out, uint32_t ns) noexcept nogil:
    """`.` and 3, 6 or 9 digits of the nanoseconds in a second; nothing for 0."""
    cdef uint32_t micros = ns / 1000, millis = micros / 1000
    if ns == 0:
        return out
    out[0] = c"."
    store4(out + 1, PADDED[millis])
    store4(out + 4, PADDED[micros - millis * 1000])
    store4(out + 7, PADDED[ns - micros * 1000])
    return out + (10 if ns != micros * 1000 else 7 if micros != millis * 1000 else 4)


cdef inline char* write_date(char* out, int64_t days) noexcept nogil:
    """YYYY-MM-DD of the days since 1970-01-01, for the years 1 to 9999.

    Calendar arithmetic in years that begin on 1 March (the method of Richards' and Hinnant's
    civil_from_days): the leap day is then the last one of its year, of its century, and of the 400
    years after which everything repeats, so that quarter days (4n + 3) divide evenly into centuries
    and years, and (5d + 2) / 153 is the month.
    """
    cdef uint32_t quarters = 4 * <uint32_t> (days + 719468) + 3      # since 0000-03-01
    cdef uint32_t century = quarters / 146097
    cdef uint32_t quarters_of_century = quarters % 146097 | 3
    cdef uint32_t year = quarters_of_century / 1461
    cdef uint32_t day_of_year = quarters_of_century % 1461 / 4
    cdef uint32_t month = (5 * day_of_year + 2) / 153                # 0 is March
    cdef uint32_t day = day_of_year - (153 * month + 2) / 5 + 1
    if month < 10:
        month += 3
    else:
        month -= 9
        year += 1
        if year == 100:
            year = 0
            century += 1
    store4(out, <uint32_t> (two_digits(century) | two_digits(year) << 16))
    store8(out + 4, two_digits(month) << 8 | two_digits(day) << 32 | c"-" | <uint64_t> c"-" << 24)
    return out + 10


cdef struct DayText:
    # The text of times at one UTC offset on one local day, but for the time of day.
    #
    # UTC time at which it is 00:00 at that offset. Unsigned: it may lie before int64
    uint64_t midnight_ns
    uint64_t from_ns         # since midnight, when the offset begins to hold
    uint64_t length_ns       # for how long it does on that day; 0: no day is set
    size_t n_before
    size_t n_after
    char before[16]          # `"` or `"2024-03-12T`
    char after[16]           # `",` or `-04:00",`


cdef void set_day(DayText* day, int64_t ts_ns, int64_t utc_offset_ns, bint with_date) noexcept nogil


cdef inline bint day_holds(const DayText* day, int64_t ts_ns) noexcept nogil:
    return <uint64_t> ts_ns - day.midnight_ns - day.from_ns < day.length_ns


cdef inline char* write_time(char* out, int64_t ts_ns, const DayText* day) noexcept nogil:
    """A time of `day` with its quotes, and a comma."""
    cdef uint64_t ns = <uint64_t> ts_ns - day.midnight_ns
    cdef uint64_t minutes = ns / <uint64_t> 60000000000
    cdef uint64_t seconds = 0
    memcpy(out, day.before, 16)
    out += day.n_before
    store8(out, MINUTES[minutes])
    ns -= minutes * <uint64_t> 60000000000
    if ns:
        seconds = ns / 1000000000
        ns -= seconds * 1000000000
    store4(out + 6, PADDED[seconds] >> 8)
    out += 8
    if ns:
        out = write_fraction(out, <uint32_t> ns)
    memcpy(out, day.after, 16)
    return out + day.n_after
