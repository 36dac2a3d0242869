"""Numbers, strings and times exactly as orjson >= 3.11.7 writes them.

    reserve (once per row, for the worst case) -> writers (no checks) -> size

A writer gets a pointer and returns the pointer behind its text. What a row needs is inline in
out/text.pxd, and so part of the caller's loop; what is rare or long is here.

**Short decimals.** Prices are m / 10^k with few decimals. With m an integer below 10^15 and k <=
22, let m / 10^k == x in double arithmetic. Both operands are exact and division rounds correctly,
so x is the double nearest to the decimal m / 10^k: the text reads back. Two decimals of at most 15
digits (in the normal range) never have the same double, so no other one reads back as x: no shorter
one but m without its trailing zeros, and none of that length that were closer. That is the shortest
round-trip form, found with a multiplication, a rounding and a division. The multiplication only
proposes m and may be wrong or fused; the division alone decides.

Tried are the k of the column's `hint` (2, 6 or 9), then the largest that the magnitude allows. A
number with fewer decimals passes at a higher k too and loses its zeros in the text, so three steps
serve all of 0..9 decimals, and 6 and 9 are whole groups of three digits. The hint only rises, a
step at a time: falling back would make a column of mixed prices pay for both.

A block of a column is tried as hundredths all at once (`scale_column`), and then with five
decimals: the same rule for m below 2^30, of which vector code makes 7 instructions a price instead
of 17. Prices that pass only need their digits.

**Digits** are written in groups of three from a table of 1000: 4 KB of which a column of prices
touches a few lines. The entry carries its length, so the pointer moves without a branch. Prices of
one symbol fall into the same branches.

Everything else goes to `out/digits`, which takes any double. A column that had one such value below
10^9 (hint 17) tries nothing else any more, because digits take 10 ns and three failed tries 15.

**Times** of one local day share all but the time of day: `set_day` writes what stands before and
behind it once. Hours and minutes come from a table of 1440 texts, of which neighbouring rows read
neighbouring ones.

Rejected, measured on positive prices of two decimals (3.9 ns each as it is, in one run with the
others):
* pairs of digits, and a shift by the number of leading zeros: no branch, but 5.9 to 6.3 ns; with
  branches 5.0;
* a check in integers (100 * mantissa against m << shift, at most 49 apart): exact too, 4.5 ns. The
  division costs little because nothing waits for it but a well predicted branch;
* a table of 10,000 entries: 3.8 ns while its 80 KB are warm, which they are not after an append;
* four prices of a row at once: 3.5 against 3.4 ns on an idle core (5.0 against 5.8 where a
  neighbour shares it), and a second form of the same rule.
"""

from sessiondata._native.base.time cimport floor_div, floor_mod
from sessiondata._native.out.writer cimport ByteWriter, reserve


# ---- numbers

cdef char* write_long_u64(char* out, uint64_t x) noexcept nogil:
    """write_u64 from 10^9 on: what is above, then nine digits."""
    cdef uint64_t above = x / 1000000000
    cdef uint32_t low = <uint32_t> (x - above * 1000000000)
    cdef uint32_t middle = low / 1000, high = middle / 1000
    out = write_u64(out, above)
    store4(out, PADDED[high])
    store4(out + 3, PADDED[middle - high * 1000])
    store4(out + 6, PADDED[low - middle * 1000])
    return out + 9


cdef inline char* write_hundredths(char* out, double a) noexcept nogil:
    """a >= 0 if it has at most two decimals, else NULL."""
    cdef int64_t m
    cdef uint64_t whole, word
    if not a < 1e13:
        return NULL
    m = <int64_t> (a * 100.0 + 0.5)
    if <double> m / 100.0 != a:
        return NULL
    whole = <uint64_t> m / 100
    word = CENTS[<uint64_t> m - whole * 100]
    out = write_u64(out, whole)
    store4(out, <uint32_t> word)
    return out + (word >> 32)


cdef inline char* write_millionths(char* out, double a) noexcept nogil:
    """a >= 0 if it has at most six decimals, else NULL."""
    cdef int64_t m
    cdef uint64_t whole
    cdef uint32_t fraction, high, kept
    if not a < 1e9:
        return NULL
    m = <int64_t> (a * 1e6 + 0.5)
    if <double> m / 1e6 != a or 0 < m < 10:  # below 0.00001 orjson writes an exponent
        return NULL
    whole = <uint64_t> m / 1000000
    fraction = <uint32_t> (<uint64_t> m - whole * 1000000)
    high = fraction / 1000
    fraction -= high * 1000
    out = write_u64(out, whole)
    out[0] = c"."
    store4(out + 1, PADDED[high])
    store4(out + 4, PADDED[fraction])
    kept = PADDED[fraction] >> 24
    if kept:
        return out + 4 + kept
    return out + 1 + (PADDED[high] >> 24 if high else 1)


cdef inline char* write_billionths(char* out, double a) noexcept nogil:
    """0 <= a < 1e6 if it has at most nine decimals, else NULL."""
    cdef int64_t m
    cdef uint64_t whole
    cdef uint32_t fraction, middle, high
    m = <int64_t> (a * 1e9 + 0.5)
    if <double> m / 1e9 != a or 0 < m < 10000:
        return NULL
    whole = <uint64_t> m / 1000000000
    fraction = <uint32_t> (<uint64_t> m - whole * 1000000000)
    middle = fraction / 1000
    high = middle / 1000
    fraction -= middle * 1000
    middle -= high * 1000
    out = write_u64(out, whole)
    out[0] = c"."
    store4(out + 1, PADDED[high])
    store4(out + 4, PADDED[middle])
    store4(out + 7, PADDED[fraction])
    if fraction:
        return out + 7 + (PADDED[fraction] >> 24)
    if middle:
        return out + 4 + (PADDED[middle] >> 24)
    return out + 1 + (PADDED[high] >> 24 if high else 1)


cdef char* write_wide_f64(char* out, double x, int* hint) noexcept nogil:
    """write_f64 for what is not a positive price of two decimals."""
    cdef double a = fabs(x)
    cdef char* end
    cdef char* digits = out
    if signbit(x):
        out[0] = c"-"
        digits += 1
    if hint[0] == 2:
        end = write_hundredths(digits, a)
        if end != NULL:
            return end
    elif hint[0] == 6:
        end = write_millionths(digits, a)
        if end != NULL:
            return end
    # The finest step for the magnitude finds whatever a coarser one would: one more miss, and it is
    # no short decimal.
    if a < 1e6:
        end = write_billionths(digits, a)
    elif a < 1e9:
        end = write_millionths(digits, a)
    else:
        end = write_hundredths(digits, a)
    if end == NULL:
        if a < 1e9:
            hint[0] = 17
        return write_digits(out, x)
    if a < 1e9:
        # one step at a time: 6 decimals may be enough for the next value
        hint[0] = 6 if hint[0] == 2 else 9
    return end


# ---- strings

cdef inline char* write_escape(char* out, unsigned char c) noexcept nogil:
    """One byte that cannot stand in a JSON string as it is."""
    cdef const char* hexadecimal = b"0123456789abcdef"
    cdef char letter = 0
    if c == c'"' or c == c"\\":
        letter = <char> c
    elif c == 8:
        letter = c"b"
    elif c == 9:
        letter = c"t"
    elif c == 10:
        letter = c"n"
    elif c == 12:
        letter = c"f"
    elif c == 13:
        letter = c"r"
    out[0] = c"\\"
    if letter:
        out[1] = letter
        return out + 2
    memcpy(out + 1, b"u00", 3)
    out[4] = hexadecimal[c >> 4]
    out[5] = hexadecimal[c & 15]
    return out + 6


cdef char* write_string(char* out, const char* text, size_t n_bytes) noexcept nogil:
    """A JSON string with its quotes, from UTF-8. Reserve STRING_BYTES + STRING_FACTOR * n_bytes."""
    cdef uint64_t ones = 0x0101010101010101
    cdef uint64_t word
    cdef size_t i = 0, stop
    cdef unsigned char c
    out[0] = c'"'
    out += 1
    while i < n_bytes:
        stop = n_bytes
        if n_bytes - i >= 8:
            # Eight bytes at once where none is special. The subtractions set the high bit of a byte
            # that is below 0x20, or `"`, or `\`; a borrow may add a false alarm above a true one,
            # never hide one.
            memcpy(&word, text + i, 8)
            if not (((word - ones * 0x20) | ((word ^ ones * 0x22) - ones) | ((word ^ ones * 0x5C) - ones))
                    & ~word & ones * 0x80):
                memcpy(out, &word, 8)
                out += 8
                i += 8
                continue
            stop = i + 8
        while i < stop:
            c = <unsigned char> text[i]
            i += 1
            if c < 0x20 or c == c'"' or c == c"\\":
                out = write_escape(out, c)
            else:
                out[0] = <char> c
                out += 1
    out[0] = c'"'
    return out + 1


# ---- times

cdef inline char* write_clock(char* out, uint32_t seconds) noexcept nogil:
    """HH:MM:SS of the seconds in a day."""
    cdef uint32_t minutes = seconds / 60
    store8(out, MINUTES[minutes] | two_digits(seconds - minutes * 60) << 48)
    return out + 8


cdef void set_day(DayText* day, int64_t ts_ns, int64_t utc_offset_ns, bint with_date) noexcept nogil:
    """The local day of a time; `utc_offset_ns` is whole seconds, less than a day either way, and
    holds all day."""
    # Seconds before the offset is added: ts_ns + utc_offset_ns may not fit.
    cdef int64_t offset = utc_offset_ns / 1000000000
    cdef int64_t local = floor_div(ts_ns, 1000000000) + offset
    cdef uint32_t away = <uint32_t> (offset if offset >= 0 else -offset)
    cdef char* out = day.before
    day.midnight_ns = <uint64_t> ts_ns - (<uint64_t> floor_mod(local, 86400) * 1000000000
                                          + <uint64_t> floor_mod(ts_ns, 1000000000))
    day.from_ns, day.length_ns = 0, <uint64_t> 86400000000000
    out[0] = c'"'
    out += 1
    if with_date:
        out = write_date(out, floor_div(local, 86400))
        out[0] = c"T"
        out += 1
    day.n_before = out - day.before
    out = day.after
    if with_date:
        out[0] = c"+" if offset >= 0 else c"-"
        write_clock(out + 1, away)
        out += 9 if away % 60 else 6
    out[0], out[1] = c'"', c","
    day.n_after = out + 2 - day.after


# ---- wrappers for the tests

cdef bytes dumps_array(const double[::1] values, int hint, bint volumes):
    cdef ByteWriter writer = ByteWriter()
    cdef char* out
    cdef Py_ssize_t i
    reserve(writer, values.shape[0] * (F64_BYTES + 1) + 2)
    out = writer.data
    out[0] = c"["
    out += 1
    for i in range(values.shape[0]):
        if volumes:
            out = write_volume(out, values[i], &hint)
        else:
            out = write_f64(out, values[i], &hint)
        out[0] = c","
        out += 1
    if values.shape[0]:
        out -= 1
    out[0] = c"]"
    writer.size = out + 1 - writer.data
    return writer.take()


def dumps_f64_array(const double[::1] values, int hint=2):
    """A JSON list of floats; `hint` (2, 6, 9 or 17) is where the search for decimals starts."""
    return dumps_array(values, hint, False)


def dumps_volume_array(const double[::1] values, int hint=2):
    """A JSON list of volumes."""
    return dumps_array(values, hint, True)


def dumps_i64(int64_t x):
    cdef char text[I64_BYTES]
    return text[:write_i64(text, x) - text]


def dumps_u64(uint64_t x):
    cdef char text[I64_BYTES]
    return text[:write_u64(text, x) - text]


def dumps_str(str text):
    """A JSON string; UnicodeEncodeError for a lone surrogate."""
    cdef ByteWriter writer = ByteWriter()
    cdef bytes utf8 = text.encode()
    reserve(writer, STRING_BYTES + STRING_FACTOR * len(utf8))
    writer.size = write_string(writer.data, utf8, len(utf8)) - writer.data
    return writer.take()


def dumps_scaled(const double[::1] values, int decimals):
    """A JSON list of numbers of 2 or 5 decimals, or of 0 as integers; None where `scale_column`
    refuses."""
    cdef uint32_t m[64]
    cdef double scale = 100.0 if decimals == 2 else 1e5 if decimals == 5 else 1.0
    cdef ByteWriter writer = ByteWriter()
    cdef char* out
    cdef int64_t n = values.shape[0], start, i
    reserve(writer, n * CENTS_BYTES + 2)
    writer.data[0] = c"["
    out = writer.data + 1
    for start in range(0, n, 64):
        if not scale_column(&values[start], min(n - start, 64), scale, m):
            return None
        for i in range(min(n - start, 64)):
            if decimals == 2:
                out = write_cents(out, m[i])
            elif decimals == 5:
                out = write_fine(out, m[i])
            else:
                out = write_u64(out, m[i])
                out[0] = c","
                out += 1
    if n:
        out -= 1
    out[0] = c"]"
    writer.size = out + 1 - writer.data
    return writer.take()


def format_iso(int64_t ts_ns, int64_t utc_offset_ns):
    cdef char text[TIME_BYTES]
    cdef DayText day
    set_day(&day, ts_ns, utc_offset_ns, True)
    return text[1:write_time(text, ts_ns, &day) - text - 2].decode("ascii") if day_holds(&day, ts_ns) else None


def format_time_of_day(int64_t ns_of_day):
    cdef char text[TIME_BYTES]
    cdef DayText day
    set_day(&day, ns_of_day, 0, False)
    return text[1:write_time(text, ns_of_day, &day) - text - 2].decode("ascii") if day_holds(&day, ns_of_day) else None


def format_date(int64_t days):
    cdef char text[DATE_BYTES]
    return text[:write_date(text, days) - text].decode("ascii")
