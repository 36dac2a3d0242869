"""Which vector code runs. One wheel serves all processors, so kernels exist several times and ask
here.

`SESSIONDATA_SIMD` in the environment, read once at import, sets a lower level than the processor's:
`baseline`, `avx2` or `avx512`. It is for tests of all code on one machine, and for bug reports:
answers are the same at every level. An unknown level, or one that the processor does not have, is
refused, because a test at a level that silently was another one would prove nothing.
"""

import os

cdef extern from *:
    """
    static int sessiondata_simd_found(void) {
    #ifdef SESSIONDATA_AVX2
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt")) {
            return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
                && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi2") ? 2 : 1;
        }
    #endif
        return 0;
    }
    """
    int _found "sessiondata_simd_found"()

cdef tuple _NAMES = ("baseline", "avx2", "avx512")
LEVELS = _NAMES[:_found() + 1]  # of this processor, lowest first


def chosen(str name not None, tuple levels not None):
    """Number of the level that was asked for ("": the highest of `levels`), or an ImportError."""
    if not name:
        return len(levels) - 1
    if name in levels:
        return levels.index(name)
    if name in _NAMES:
        raise ImportError(f"SESSIONDATA_SIMD is more than this processor has ({', '.join(levels)}): {name!r}")
    raise ImportError(f"SESSIONDATA_SIMD must be one of {', '.join(_NAMES)}: {name!r}")


simd = chosen(os.environ.get("SESSIONDATA_SIMD", ""), LEVELS)
LEVEL = LEVELS[simd]
