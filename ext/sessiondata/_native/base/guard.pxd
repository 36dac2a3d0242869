# One thread at a time for each symbol, which costs the thread that had it last next to nothing;
# reads without that.

from libc.stdint cimport int32_t, int64_t, uintptr_t


cdef extern from *:
    # Inline in every module that uses it; base/guard.pyx explains it.
    """
    #include <cstddef>
    #include <cstdint>

    #if defined(_MSC_VER)
    typedef std::int64_t SdWord;
    #include <windows.h>
    #include <intrin.h>
    // Volatile accesses acquire and release here (/volatile:ms, the default of x64).
    template <typename T> static inline T sd_load(const T* at) { return *const_cast<const volatile T*>(at); }
    template <typename T> static inline T sd_peek(const T* at) { return *const_cast<const volatile T*>(at); }
    template <typename T> static inline void sd_store(T* at, T value) { *const_cast<volatile T*>(at) = value; }
    static inline void* sd_swap(void** at, void* value) { return InterlockedExchangePointer(at, value); }
    static inline bool sd_swap_if(void** at, void* expected, void* value) {
        return InterlockedCompareExchangePointer(at, value, expected) == expected;
    }
    static inline void sd_compiler_fence() { _ReadWriteBarrier(); }
    static inline void sd_release_fence() { _ReadWriteBarrier(); }
    static inline void sd_acquire_fence() { _ReadWriteBarrier(); }
    static inline void sd_full_fence() { MemoryBarrier(); }
    static inline std::uintptr_t sd_self() { return static_cast<std::uintptr_t>(GetCurrentThreadId()); }
    #else
    #include <atomic>
    #include <pthread.h>
    typedef std::int64_t __attribute__((may_alias)) SdWord;
    // The thread sanitizer does not see a peek: what it reads may be in writing by plain stores of
    // that size. The reader discards the value if it proves to be of another moment, or needs no
    // more than one that was there.
    #if defined(__SANITIZE_THREAD__)
    #define SD_UNSEEN __attribute__((no_sanitize_thread, noinline))
    #else
    #define SD_UNSEEN
    #endif
    template <typename T> static inline T sd_load(const T* at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
    template <typename T> SD_UNSEEN static inline T sd_peek(const T* at) {
        T value;
        __atomic_load(at, &value, __ATOMIC_RELAXED);
        return value;
    }
    template <typename T> static inline void sd_store(T* at, T value) { __atomic_store_n(at, value, __ATOMIC_RELEASE); }
    static inline void* sd_swap(void** at, void* value) { return __atomic_exchange_n(at, value, __ATOMIC_ACQ_REL); }
    static inline bool sd_swap_if(void** at, void* expected, void* value) {
        return __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    }
    static inline void sd_compiler_fence() { std::atomic_signal_fence(std::memory_order_seq_cst); }
    static inline void sd_release_fence() { std::atomic_thread_fence(std::memory_order_release); }
    static inline void sd_acquire_fence() { std::atomic_thread_fence(std::memory_order_acquire); }
    static inline void sd_full_fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
    // A number that no other living thread has.
    static inline std::uintptr_t sd_self() {
    #if defined(__x86_64__) && defined(__linux__)
        // where the thread's own memory begins: what pthread_self() returns, without the call
        std::uintptr_t self;
        __asm__("mov %%fs:0, %0" : "=r"(self));
        return self;
    #else
        return reinterpret_cast<std::uintptr_t>(pthread_self());
    #endif
    }
    #endif

    // Copy a struct of whole words over one that others may be reading without a guard: no word is
    // ever half of each.
    static inline void sd_store_words(void* to, const void* from, std::size_t n_bytes) {
        for (std::size_t i = 0; i < n_bytes / sizeof(SdWord); ++i)
            sd_store(static_cast<SdWord*>(to) + i, static_cast<const SdWord*>(from)[i]);
    }

    // What guards know of a thread; one cache line, never freed, because a guard may name a thread
    // that has ended.
    struct alignas(64) SdThread {
        // address of the guard that the thread is in, waits for, or is just asking for; 0
        std::uintptr_t inside;
        // of sd_self, by which its owner enters; 0: it must not, because no fence could stop it
        std::uintptr_t self;
        std::uintptr_t turns;   // how often it became the owner in place of another thread
        std::uintptr_t reads;   // odd while it reads without a guard
    };

    struct SdGuard {
        SdThread* owner;        // the thread that came in last
        std::uintptr_t lock;    // 1: a thread is inside, where threads cannot be made to fence
        SdGuard* next;          // of all guards
    };

    // Enter as the owner; NULL for everybody else. What is returned is set to 0 by who leaves.
    // (Not by way of guard->owner: that may be another thread by then, which waits.)
    static inline std::uintptr_t* sd_guard_try(SdGuard* guard) {
        SdThread* const thread = sd_load(&guard->owner);
        if (thread->self != sd_self()) return nullptr;
        sd_store(&thread->inside, reinterpret_cast<std::uintptr_t>(guard));
        sd_compiler_fence();
        if (sd_load(&guard->owner) == thread) return &thread->inside;
        sd_store(&thread->inside, static_cast<std::uintptr_t>(0));
        return nullptr;
    }

    static inline void sd_guard_leave(std::uintptr_t* inside) {
        sd_store(inside, static_cast<std::uintptr_t>(0));
    }
    """
    struct Thread "SdThread":
        uintptr_t reads       # odd while it reads without a guard

    struct Guard "SdGuard":
        Thread* owner         # the thread that came in last

    uintptr_t* guard_try "sd_guard_try"(Guard* guard) noexcept nogil    # NULL for all but the owner
    void guard_leave "sd_guard_leave"(uintptr_t* inside) noexcept nogil

    # Acquire and release; `peek` is relaxed: no more than whole.
    int64_t load "sd_load"(const int64_t* at) noexcept nogil
    void* load_pointer "sd_load"(void** at) noexcept nogil
    void store "sd_store"(int64_t* at, int64_t value) noexcept nogil
    void store_pointer "sd_store"(void** at, void* value) noexcept nogil
    void* swap_pointer "sd_swap"(void** at, void* value) noexcept nogil
    # whether `expected` was there, and `value` is now
    bint swap_pointer_if "sd_swap_if"(void** at, void* expected, void* value) noexcept nogil
    void store_words "sd_store_words"(void* to, const void* source, size_t n_bytes) noexcept nogil
    int64_t peek "sd_peek"(const int64_t* at) noexcept nogil
    int32_t peek_small "sd_peek"(const int32_t* at) noexcept nogil
    int64_t* peek_ints "sd_peek"(int64_t** at) noexcept nogil
    double peek_value "sd_peek"(const double* at) noexcept nogil
    double* peek_values "sd_peek"(double** at) noexcept nogil
    void* peek_pointer "sd_peek"(void** at) noexcept nogil
    void release_fence "sd_release_fence"() noexcept nogil
    void acquire_fence "sd_acquire_fence"() noexcept nogil


cdef extern from "Python.h":
    # Up to CPython 3.11 making an object may set the garbage collector to work, and finalizers run
    # Python code. What looks, makes objects and commits in one step therefore has it wait; later
    # versions collect between bytecodes.
    bint gc_pause "PyGC_Disable"()
    bint gc_enable "PyGC_Enable"()


cdef inline void gc_resume(bint was_enabled) noexcept:
    if was_enabled:
        gc_enable()


cdef inline uintptr_t* guard_enter(Guard* guard) noexcept nogil:
    """Wait until no other thread is inside, and keep others out until `guard_leave` of what this
    returns.

    A thread is in one guard at a time, and calls nothing from inside that might wait for another
    thread: no Python."""
    cdef uintptr_t* inside = guard_try(guard)
    return inside if inside != NULL else guard_acquire(guard)


cdef uintptr_t* guard_acquire(Guard* guard) noexcept nogil
cdef void guard_init(Guard* guard) noexcept nogil
cdef Thread* read_begin() noexcept nogil
cdef void read_end(Thread* thread) noexcept nogil
cdef void wait_for_reads() noexcept nogil
