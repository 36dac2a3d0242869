# One thread at a time for each symbol, which costs the thread that had it last next to nothing.

from libc.stdint cimport uintptr_t


cdef extern from "_guard.h" nogil:
    struct Thread "SdThread":
        uintptr_t self        # of sd_self; 0: nobody
        Guard* inside         # the guard that the thread is in, or is just asking for; NULL
        int fences            # 1: no other thread can have this one fence, so it does so at each entry

    struct Guard "SdGuard":
        Thread* owner         # whoever came in last; NULL before the first one

    Thread* guard_try "sd_guard_try"(Guard* guard) noexcept
    void guard_leave "sd_guard_leave"(Thread* thread) noexcept


cdef inline Thread* guard_enter(Guard* guard) noexcept nogil:
    """Wait until no other thread is inside, and keep others out until `guard_leave` of what this returns.

    A thread is in one guard at a time, and calls nothing from inside that might wait for another thread."""
    cdef Thread* thread = guard_try(guard)
    return thread if thread != NULL else guard_take(guard)


cdef Thread* guard_take(Guard* guard) noexcept nogil
