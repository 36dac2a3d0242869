# Asking for a cache line before it is needed.

cdef extern from *:
    """
    #if defined(__GNUC__)
    /* The empty statement keeps calls of functions that only prefetch: they are pure to GCC, which
       drops them. */
    static inline void sd_prefetch(const void* address) { __builtin_prefetch(address); __asm__ volatile(""); }
    #else
    static inline void sd_prefetch(const void* address) { (void)address; }
    #endif
    """
    void prefetch "sd_prefetch"(const void* address) noexcept nogil


cdef inline void prefetch_span(const void* start, Py_ssize_t n_bytes) noexcept nogil:
    """Ask for the lines of a stretch of memory."""
    cdef Py_ssize_t i
    for i in range(0, n_bytes, 64):
        prefetch(<const char*>start + i)
