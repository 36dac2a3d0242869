# Where a column of times does not go on step by step: code written for the vectors of a processor.

from libc.stdint cimport int64_t, uint16_t, uint64_t

from sessiondata._native.base.simd cimport AVX2, AVX512, simd

cdef extern from *:
    """
    // AVX2 halves the scan of a day without holes, AVX-512 packs the numbers of 64 rows that break
    // in one instruction. Unsigned, because these times are unchecked: the difference of two may
    // overflow, and then it is no step.
    static inline int64_t sessiondata_unbroken_any(const int64_t* ts, int64_t n, uint64_t step_ns) {
        int64_t i = 0, j;
        for (; i + 64 <= n; i += 64) {
            uint64_t differs = 0;
            for (j = i; j < i + 64; j++) differs |= ((uint64_t)ts[j] - (uint64_t)ts[j - 1]) ^ step_ns;
            if (differs) break;
        }
        return i;
    }

    // A store for every row and a branch for none.
    static inline int64_t sessiondata_breaks_any(const int64_t* ts, int64_t n, uint64_t step_ns, uint16_t* out) {
        int64_t found = 0, j;
        for (j = 0; j < n; j++) {
            out[found] = (uint16_t)j;
            found += (uint64_t)ts[j] - (uint64_t)ts[j - 1] != step_ns;
        }
        return found;
    }

    #ifdef SESSIONDATA_AVX2
    // Compared with the times that are due: one load a row instead of two.
    SESSIONDATA_AVX2 static int64_t sessiondata_unbroken_avx2(const int64_t* ts, int64_t n, uint64_t step_ns) {
        const __m256i step4 = _mm256_set1_epi64x((long long)(4 * step_ns)), step8 = _mm256_add_epi64(step4, step4);
        uint64_t due_ns = (uint64_t)ts[-1] + step_ns;
        __m256i due, later;
        int64_t i = 0, j;
        // every second load would cross a line
        for (; i < n && (uintptr_t)(ts + i) % 32; i++, due_ns += step_ns) {
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

    SESSIONDATA_AVX2 static int64_t sessiondata_breaks_avx2(const int64_t* ts, int64_t n, uint64_t step_ns,
                                                            uint16_t* out) {
        const __m256i step = _mm256_set1_epi64x((long long)step_ns);
        int64_t found = 0, i, j, at, many;
        for (i = 0; i + 64 <= n; i += 64) {
            uint64_t equal = 0, mask;
            for (j = 0; j < 64; j += 8) {
                __m256i low = _mm256_sub_epi64(_mm256_loadu_si256((const __m256i*)(ts + i + j)),
                                               _mm256_loadu_si256((const __m256i*)(ts + i + j - 1)));
                __m256i high = _mm256_sub_epi64(_mm256_loadu_si256((const __m256i*)(ts + i + j + 4)),
                                                _mm256_loadu_si256((const __m256i*)(ts + i + j + 3)));
                low = _mm256_cmpeq_epi64(low, step);
                high = _mm256_cmpeq_epi64(high, step);
                equal |= (uint64_t)((unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(low))
                                    | (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(high)) << 4) << j;
            }
            mask = ~equal;
            many = _mm_popcnt_u64(mask);
            // four at once: their number is hard to predict
            for (at = found; at < found + many; at += 4) {
                for (j = 0; j < 4; j++) {
                    out[at + j] = (uint16_t)(i + (int64_t)_tzcnt_u64(mask));
                    mask = _blsr_u64(mask);
                }
            }
            found += many;
        }
        for (; i < n; i++) {
            out[found] = (uint16_t)i;
            found += (uint64_t)ts[i] - (uint64_t)ts[i - 1] != step_ns;
        }
        return found;
    }

    SESSIONDATA_AVX512 static int64_t sessiondata_unbroken_avx512(const int64_t* ts, int64_t n, uint64_t step_ns) {
        const __m512i step16 = _mm512_set1_epi64((long long)(16 * step_ns));
        uint64_t due_ns = (uint64_t)ts[-1] + step_ns;
        __m512i due, later;
        int64_t i = 0, j;
        // every load would cross a line
        for (; i < n && (uintptr_t)(ts + i) % 64; i++, due_ns += step_ns) {
            if ((uint64_t)ts[i] != due_ns) return i;
        }
        due = _mm512_mullo_epi64(_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi64((long long)step_ns));
        due = _mm512_add_epi64(due, _mm512_set1_epi64((long long)due_ns));
        later = _mm512_add_epi64(due, _mm512_set1_epi64((long long)(8 * step_ns)));
        for (; i + 64 <= n; i += 64) {
            __m512i differs = _mm512_setzero_si512();
            for (j = i; j < i + 64; j += 16) {
                // a | (b ^ c)
                differs = _mm512_ternarylogic_epi64(differs, _mm512_load_si512(ts + j), due, 0xF6);
                differs = _mm512_ternarylogic_epi64(differs, _mm512_load_si512(ts + j + 8), later, 0xF6);
                due = _mm512_add_epi64(due, step16);
                later = _mm512_add_epi64(later, step16);
            }
            if (_mm512_test_epi64_mask(differs, differs)) break;
        }
        return i;
    }

    SESSIONDATA_AVX512 static int64_t sessiondata_breaks_avx512(const int64_t* ts, int64_t n, uint64_t step_ns,
                                                                uint16_t* out) {
        static const uint8_t numbers[64] = {
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
            29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55,
            56, 57, 58, 59, 60, 61, 62, 63};
        const __m512i each = _mm512_loadu_si512(numbers), step = _mm512_set1_epi64((long long)step_ns);
        __m512i newest = _mm512_set1_epi64(ts[-1]), now, base, packed;
        int64_t found = 0, i, j, many;
        for (i = 0; i < n; i += 64) {
            uint64_t mask = 0;
            if (n - i >= 64) {
                // each row is read once: the row before the first is in `newest`
                for (j = 0; j < 64; j += 8) {
                    now = _mm512_loadu_si512(ts + i + j);
                    packed = _mm512_sub_epi64(now, _mm512_maskz_alignr_epi64(255, now, newest, 7));
                    mask |= (uint64_t)_cvtmask8_u32(_mm512_cmpneq_epi64_mask(packed, step)) << j;
                    newest = now;
                }
            } else {
                for (j = 0; i + j < n; j += 8) {
                    __mmask8 there = (__mmask8)(n - i - j >= 8 ? 255 : (1 << (n - i - j)) - 1);
                    now = _mm512_maskz_loadu_epi64(there, ts + i + j);
                    packed = _mm512_sub_epi64(now, _mm512_maskz_alignr_epi64(255, now, newest, 7));
                    mask |= (uint64_t)_cvtmask8_u32(_mm512_mask_cmpneq_epi64_mask(there, packed, step)) << j;
                    newest = now;
                }
            }
            many = _mm_popcnt_u64(mask);
            packed = _mm512_maskz_compress_epi8(mask, each);
            base = _mm512_set1_epi16((short)i);
            now = _mm512_cvtepu8_epi16(_mm512_maskz_extracti64x4_epi64(15, packed, 0));
            _mm512_storeu_si512(out + found, _mm512_add_epi16(base, now));
            if (many > 32) {
                now = _mm512_cvtepu8_epi16(_mm512_maskz_extracti64x4_epi64(15, packed, 1));
                _mm512_storeu_si512(out + found + 32, _mm512_add_epi16(base, now));
            }
            found += many;
        }
        return found;
    }
    #else
    #define sessiondata_unbroken_avx2 sessiondata_unbroken_any
    #define sessiondata_unbroken_avx512 sessiondata_unbroken_any
    #define sessiondata_breaks_avx2 sessiondata_breaks_any
    #define sessiondata_breaks_avx512 sessiondata_breaks_any
    #endif
    """
    int64_t _unbroken_any "sessiondata_unbroken_any"(const int64_t* ts, int64_t n, uint64_t step_ns) noexcept nogil
    int64_t _unbroken_avx2 "sessiondata_unbroken_avx2"(const int64_t* ts, int64_t n, uint64_t step_ns) noexcept nogil
    int64_t _unbroken_avx512 "sessiondata_unbroken_avx512"(const int64_t* ts, int64_t n,
                                                           uint64_t step_ns) noexcept nogil
    int64_t _breaks_any "sessiondata_breaks_any"(const int64_t* ts, int64_t n, uint64_t step_ns,
                                                 uint16_t* out) noexcept nogil
    int64_t _breaks_avx2 "sessiondata_breaks_avx2"(const int64_t* ts, int64_t n, uint64_t step_ns,
                                                   uint16_t* out) noexcept nogil
    int64_t _breaks_avx512 "sessiondata_breaks_avx512"(const int64_t* ts, int64_t n, uint64_t step_ns,
                                                       uint16_t* out) noexcept nogil


cdef inline int64_t unbroken(const int64_t* ts, int64_t n, int64_t step_ns) noexcept nogil:
    """Rows from ts[0] on of which each is one step after the row before it; it may stop short of
    the break by less than 64 rows. Reads ts[-1]."""
    if simd >= AVX512:
        return _unbroken_avx512(ts, n, <uint64_t>step_ns)
    if simd >= AVX2:
        return _unbroken_avx2(ts, n, <uint64_t>step_ns)
    return _unbroken_any(ts, n, <uint64_t>step_ns)


cdef inline int64_t find_breaks(const int64_t* ts, int64_t n, int64_t step_ns, uint16_t* out) noexcept nogil:
    """Numbers j < n <= 2**16, ascending, of the rows ts[j] that are not one step after ts[j - 1];
    returns how many. May write to out[:n + 64]. Reads ts[-1]."""
    if simd >= AVX512:
        return _breaks_avx512(ts, n, <uint64_t>step_ns, out)
    if simd >= AVX2:
        return _breaks_avx2(ts, n, <uint64_t>step_ns, out)
    return _breaks_any(ts, n, <uint64_t>step_ns, out)
