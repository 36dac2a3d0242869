# Passes over whole columns of bars: whether they keep the rules, and what slots of them amount
# to.

from libc.stdint cimport int32_t, int64_t, uint64_t

from sessiondata._native.base.simd cimport AVX2, simd

cdef extern from *:
    """
    // Plain loops. The check is compiled once for every processor and, where the compiler can, once
    // more for AVX2.
    #ifdef _MSC_VER
    #define SESSIONDATA_INLINE static __forceinline
    #else
    #define SESSIONDATA_INLINE static inline __attribute__((always_inline))
    #endif
    #include <cstdint>
    #include <cstring>

    struct sessiondata_columns {
        const int64_t* ts;
        const double *open, *high, *low, *close, *volume;
        const int32_t* n_base;
    };

    SESSIONDATA_INLINE uint64_t sessiondata_bits(double x) { uint64_t bits; std::memcpy(&bits, &x, 8); return bits; }

    // --- are rows as they should be ---

    // Only additions and ORs, no comparison and no branch: SSE2, which every x86-64 has, can do
    // these on 64 bits.
    SESSIONDATA_INLINE bool sessiondata_suspicious_in(const sessiondata_columns* rows, int64_t i, int64_t stop,
                                                      uint64_t span_start, uint64_t span_stop, uint64_t* disorder) {
        const int64_t* ts = rows->ts;
        const double *open = rows->open, *high = rows->high, *low = rows->low, *close = rows->close;
        const double* volume = rows->volume;
        uint64_t not_zero = 0, negative = 0, backwards = 0;
        int64_t j;
        for (j = i; j < stop; j++) {
            // infinite, NaN or below 0 if one of the two is infinite or NaN
            double spread = high[j] - low[j];
            // SUMMANDS
            double total = spread + open[j] + close[j] + volume[j] * 9223372036854775808.0;
            // NaN if one of them is NaN or infinite, else 0.0
            not_zero |= sessiondata_bits(total - total);
            negative |= sessiondata_bits(spread) | sessiondata_bits(volume[j])
                        | (span_stop - 1 - (uint64_t)ts[j]) | ((uint64_t)ts[j] - span_start);
        }
        for (j = i + (i == 0); j < stop; j++) backwards |= (uint64_t)ts[j] - (uint64_t)ts[j - 1] - 1;
        *disorder |= backwards;
        return not_zero || negative >> 63;
    }

    // --- what slots of rows amount to ---

    // Of equal highs (0.0 and -0.0) the first stands; others are equal in every bit, so order
    // matters for zeros only.
    SESSIONDATA_INLINE double sessiondata_highest_in(const double* x, int64_t n) {
        double a = x[0], b = a, c = a, d = a;
        int64_t i;
        for (i = 1; i + 4 <= n; i += 4) {
            a = x[i] > a ? x[i] : a;
            b = x[i + 1] > b ? x[i + 1] : b;
            c = x[i + 2] > c ? x[i + 2] : c;
            d = x[i + 3] > d ? x[i + 3] : d;
        }
        for (; i < n; i++) a = x[i] > a ? x[i] : a;
        a = b > a ? b : a;
        c = d > c ? d : c;
        a = c > a ? c : a;
        if (a == 0.0) {
            for (a = x[0], i = 1; i < n; i++) a = x[i] > a ? x[i] : a;
        }
        return a;
    }

    SESSIONDATA_INLINE double sessiondata_lowest_in(const double* x, int64_t n) {
        double a = x[0], b = a, c = a, d = a;
        int64_t i;
        for (i = 1; i + 4 <= n; i += 4) {
            a = x[i] < a ? x[i] : a;
            b = x[i + 1] < b ? x[i + 1] : b;
            c = x[i + 2] < c ? x[i + 2] : c;
            d = x[i + 3] < d ? x[i + 3] : d;
        }
        for (; i < n; i++) a = x[i] < a ? x[i] : a;
        a = b < a ? b : a;
        c = d < c ? d : c;
        a = c < a ? c : a;
        if (a == 0.0) {
            for (a = x[0], i = 1; i < n; i++) a = x[i] < a ? x[i] : a;
        }
        return a;
    }

    // Few rows a slot: unrolled for the usual numbers of them.
    template <int rows>
    SESSIONDATA_INLINE void sessiondata_fold_short(const double* high, const double* low, const double* volume,
                                                   int64_t n_slots, double* out_high, double* out_low,
                                                   double* out_volume) {
        for (int64_t k = 0; k < n_slots; k++, high += rows, low += rows, volume += rows) {
            double h = high[0], l = low[0], v = volume[0];
            for (int j = 1; j < rows; j++) {
                h = high[j] > h ? high[j] : h;
                l = low[j] < l ? low[j] : l;
                v += volume[j];
            }
            out_high[k] = h;
            out_low[k] = l;
            out_volume[k] = v;
        }
    }

    // Many rows a slot: an addition waits for the one before it, so four slots are summed side by
    // side.
    SESSIONDATA_INLINE void sessiondata_fold_long(const double* high, const double* low, const double* volume,
                                                  int64_t n_slots, int64_t rows, double* out_high, double* out_low,
                                                  double* out_volume) {
        int64_t k = 0, j;
        for (; k + 4 <= n_slots; k += 4) {
            const double *p = volume + k * rows, *q = p + rows, *r = q + rows, *s = r + rows;
            double a = p[0], b = q[0], c = r[0], d = s[0];
            for (j = 1; j < rows; j++) {
                a += p[j];
                b += q[j];
                c += r[j];
                d += s[j];
            }
            out_volume[k] = a;
            out_volume[k + 1] = b;
            out_volume[k + 2] = c;
            out_volume[k + 3] = d;
        }
        for (; k < n_slots; k++) {
            double a = volume[k * rows];
            for (j = 1; j < rows; j++) a += volume[k * rows + j];
            out_volume[k] = a;
        }
        for (k = 0; k < n_slots; k++) {
            out_high[k] = sessiondata_highest_in(high + k * rows, rows);
            out_low[k] = sessiondata_lowest_in(low + k * rows, rows);
        }
    }

    static inline void sessiondata_fold_slots(const double* high, const double* low, const double* volume,
                                              int64_t n_slots, int64_t rows, double* out_high, double* out_low,
                                              double* out_volume) {
        switch (rows) {
        case 2: sessiondata_fold_short<2>(high, low, volume, n_slots, out_high, out_low, out_volume); break;
        case 3: sessiondata_fold_short<3>(high, low, volume, n_slots, out_high, out_low, out_volume); break;
        case 4: sessiondata_fold_short<4>(high, low, volume, n_slots, out_high, out_low, out_volume); break;
        case 5: sessiondata_fold_short<5>(high, low, volume, n_slots, out_high, out_low, out_volume); break;
        case 6: sessiondata_fold_short<6>(high, low, volume, n_slots, out_high, out_low, out_volume); break;
        default: sessiondata_fold_long(high, low, volume, n_slots, rows, out_high, out_low, out_volume);
        }
    }

    #ifndef SESSIONDATA_AVX2
    #define SESSIONDATA_AVX2
    #endif
    SESSIONDATA_AVX2 static bool sessiondata_suspicious_avx2(const sessiondata_columns* rows, int64_t i, int64_t stop,
                                                             uint64_t span_start, uint64_t span_stop,
                                                             uint64_t* disorder) {
        return sessiondata_suspicious_in(rows, i, stop, span_start, span_stop, disorder);
    }
    """
    # Bars by column: a stretch of a ring, or arrays of a caller.
    cdef struct Columns "sessiondata_columns":
        const int64_t* ts
        const double* open
        const double* high
        const double* low
        const double* close
        const double* volume
        const int32_t* n_base  # of derived bars; NULL of base rows
    bint _suspicious_any "sessiondata_suspicious_in"(const Columns* rows, int64_t i, int64_t stop, uint64_t span_start,
                                                     uint64_t span_stop, uint64_t* disorder) noexcept nogil
    bint _suspicious_avx2 "sessiondata_suspicious_avx2"(const Columns* rows, int64_t i, int64_t stop,
                                                        uint64_t span_start, uint64_t span_stop,
                                                        uint64_t* disorder) noexcept nogil
    # Highest, lowest and volume (summed in time order) of each of `n_slots` slots of `rows` rows,
    # one behind the other.
    void fold_slots "sessiondata_fold_slots"(const double* high, const double* low, const double* volume,
                                             int64_t n_slots, int64_t rows, double* out_high, double* out_low,
                                             double* out_volume) noexcept nogil


cdef inline Columns columns_from(const Columns* rows, int64_t i) noexcept nogil:
    """Columns of base rows from row `i` on."""
    return Columns(rows.ts + i, rows.open + i, rows.high + i, rows.low + i, rows.close + i, rows.volume + i, NULL)


cdef inline bint is_suspicious(const Columns* rows, int64_t i, int64_t stop, uint64_t span_start, uint64_t span_stop,
                               uint64_t* disorder) noexcept nogil:
    """Whether one of rows [i, stop) may break a rule: if not, none does. Suspicious without being
    wrong are a spread or volume of -0.0, sums beyond float64, and rows before the span. Sets bit 63
    of `disorder` where a row is not later than the one before it."""
    if simd >= AVX2:
        return _suspicious_avx2(rows, i, stop, span_start, span_stop, disorder)
    return _suspicious_any(rows, i, stop, span_start, span_stop, disorder)
