# Which vector code runs: what the processor can do, or less if the environment asks for less.

cdef extern from *:
    """
    #if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    #include <immintrin.h>
    #define SESSIONDATA_AVX2 __attribute__((target("avx2,bmi,popcnt")))
    #define SESSIONDATA_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vbmi2,bmi,popcnt")))
    #endif
    """

cdef enum:
    # Each can do what those below it can. Functions ask `simd >= AVX2`.
    BASELINE = 0
    AVX2 = 1
    AVX512 = 2              # with what came to it up to 2019: packing of bytes by a mask

cdef int simd               # never written to after import
