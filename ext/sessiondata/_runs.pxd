# Where a column of times does not go on step by step: the only code that is written for a processor.

from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    // AVX2 is asked for at run time, so that one wheel serves all: it halves the scan of a day without holes.
    #if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    #include <immintrin.h>
    #define SESSIONDATA_AVX2 __attribute__((target("avx2")))
    #endif
    #ifdef _MSC_VER
    #include <intrin.h>
    #endif

    // Unsigned, because nobody has checked these times: the difference of two may overflow, and then it is no step.
    static inline int64_t sessiondata_unbroken_any(const int64_t* ts, int64_t n, uint64_t step_ns) {
        int64_t i = 0, j;
        for (; i + 64 <= n; i += 64) {
            uint64_t differs = 0;
            for (j = i; j < i + 64; j++) differs |= ((uint64_t)ts[j] - (uint64_t)ts[j - 1]) ^ step_ns;
            if (differs) break;
        }
        return i;
    }

    static inline uint64_t sessiondata_breaks_any(const int64_t* ts, int64_t n, uint64_t step_ns) {
        uint64_t mask = 0;
        int64_t j;
        for (j = 0; j < n; j++) mask |= (uint64_t)((uint64_t)ts[j] - (uint64_t)ts[j - 1] != step_ns) << j;
        return mask;
    }

    #ifdef SESSIONDATA_AVX2
    // Against the times that are due, which takes one load a row instead of two.
    SESSIONDATA_AVX2 static int64_t sessiondata_unbroken_avx2(const int64_t* ts, int64_t n, uint64_t step_ns) {
        const __m256i step4 = _mm256_set1_epi64x((long long)(4 * step_ns)), step8 = _mm256_add_epi64(step4, step4);
        uint64_t due_ns = (uint64_t)ts[-1] + step_ns;
        __m256i due, later;
        int64_t i = 0, j;
        for (; i < n && (uintptr_t)(ts + i) % 32; i++, due_ns += step_ns) {  // every second load would cross a line
            if ((uint64_t)ts[i] != due_ns) return i;
        }
        due = _mm256_set_epi64x((long long)(due_ns + 3 * step_ns), (long long)(due_ns + 2 * step_ns),
                                (long long)(due_ns + step_ns), (long long)due_ns);
        later = _mm256_add_epi64(due, step4);
        for (; i + 64 <= n; i += 64) {
            __m256i differs = _mm256_setzero_si256();
            for (j = i; j < i + 64; j += 8) {
                const __m256i* now = (const __m256i*)(ts + j);
                differs = _mm256_or_si256(differs, _mm256_xor_si256(_mm256_load_si256(now), due));
                differs = _mm256_or_si256(differs, _mm256_xor_si256(_mm256_load_si256(now + 1), later));
                due = _mm256_add_epi64(due, step8);
                later = _mm256_add_epi64(later, step8);
            }
            if (!_mm256_testz_si256(differs, differs)) break;
        }
        return i;
    }

    SESSIONDATA_AVX2 static uint64_t sessiondata_breaks_avx2(const int64_t* ts, uint64_t step_ns) {
        const __m256i step = _mm256_set1_epi64x((long long)step_ns);
        uint64_t equal = 0;
        int j;
        for (j = 0; j < 64; j += 4) {
            __m256i now = _mm256_loadu_si256((const __m256i*)(ts + j));
            __m256i before = _mm256_loadu_si256((const __m256i*)(ts + j - 1));
            __m256i same = _mm256_cmpeq_epi64(_mm256_sub_epi64(now, before), step);
            equal |= (uint64_t)_mm256_movemask_pd(_mm256_castsi256_pd(same)) << j;
        }
        return ~equal;
    }
    #endif

    static inline int64_t sessiondata_unbroken(const int64_t* ts, int64_t n, int64_t step_ns) {
    #ifdef SESSIONDATA_AVX2
        if (__builtin_cpu_supports("avx2")) return sessiondata_unbroken_avx2(ts, n, (uint64_t)step_ns);
    #endif
        return sessiondata_unbroken_any(ts, n, (uint64_t)step_ns);
    }

    static inline uint64_t sessiondata_breaks(const int64_t* ts, int64_t n, int64_t step_ns) {
    #ifdef SESSIONDATA_AVX2
        if (n >= 64 && __builtin_cpu_supports("avx2")) return sessiondata_breaks_avx2(ts, (uint64_t)step_ns);
    #endif
        return sessiondata_breaks_any(ts, n < 64 ? n : 64, (uint64_t)step_ns);
    }

    static inline uint64_t sessiondata_lowest_bit(uint64_t mask) {
    #ifdef _MSC_VER
        unsigned long at;
        _BitScanForward64(&at, mask);
        return at;
    #else
        return (uint64_t)__builtin_ctzll(mask);
    #endif
    }
    """
    # Rows from ts[0] on of which each is one step after the row before it; it may stop short of the break by less than
    # 64 rows. Reads ts[-1].
    int64_t unbroken "sessiondata_unbroken"(const int64_t* ts, int64_t n, int64_t step_ns) noexcept nogil
    # Bit j is set where ts[j] is not one step after ts[j - 1], for the first 64 rows (or n). Reads ts[-1].
    uint64_t breaks "sessiondata_breaks"(const int64_t* ts, int64_t n, int64_t step_ns) noexcept nogil
    # Number of the lowest bit that is set; there is one.
    uint64_t lowest_bit "sessiondata_lowest_bit"(uint64_t mask) noexcept nogil
