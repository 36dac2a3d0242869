// The inline half of the guards: see _guard.pyx for what it is about and why it is right.
#ifndef SESSIONDATA_GUARD_H
#define SESSIONDATA_GUARD_H

#include <cstdint>

#if defined(_MSC_VER)
#include <windows.h>
#include <intrin.h>
// Volatile accesses acquire and release here (/volatile:ms, the default).
template <typename T> static inline T sd_load(const T* at) { return *const_cast<const volatile T*>(at); }
template <typename T> static inline void sd_store(T* at, T value) { *const_cast<volatile T*>(at) = value; }
static inline void sd_compiler_fence() { _ReadWriteBarrier(); }
static inline void sd_full_fence() { MemoryBarrier(); }
static inline std::uintptr_t sd_self() { return static_cast<std::uintptr_t>(GetCurrentThreadId()); }
#else
#include <atomic>
#include <pthread.h>
template <typename T> static inline T sd_load(const T* at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
template <typename T> static inline void sd_store(T* at, T value) { __atomic_store_n(at, value, __ATOMIC_RELEASE); }
static inline void sd_compiler_fence() { std::atomic_signal_fence(std::memory_order_seq_cst); }
static inline void sd_full_fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
// A number that no other living thread has.
static inline std::uintptr_t sd_self() {
#if defined(__x86_64__) && defined(__linux__)
    std::uintptr_t self;  // where the thread's own memory begins: what pthread_self() returns, without the call
    __asm__("mov %%fs:0, %0" : "=r"(self));
    return self;
#else
    return reinterpret_cast<std::uintptr_t>(pthread_self());
#endif
}
#endif

struct SdGuard;

// What guards know of a thread; one cache line, never freed, because a guard may name a thread that has ended.
struct alignas(64) SdThread {
    std::uintptr_t self;  // of sd_self; 0: nobody
    SdGuard* inside;      // the guard that the thread is in, or is just asking for; NULL
    int fences;           // 1: no other thread can have this one fence, so it does so at each entry
};

struct SdGuard {
    SdThread* owner;      // whoever came in last; NULL before the first one
};

// Enter as the owner: the thread, whose `inside` the caller sets to NULL when it leaves; NULL if it is not the owner.
// (Not by way of guard->owner: that may be another thread by then, which waits.)
static inline SdThread* sd_guard_try(SdGuard* guard) {
    SdThread* const thread = sd_load(&guard->owner);
    if (thread == nullptr || thread->self != sd_self()) return nullptr;
    sd_store(&thread->inside, guard);
    if (thread->fences) sd_full_fence(); else sd_compiler_fence();
    if (sd_load(&guard->owner) == thread) return thread;
    sd_store(&thread->inside, static_cast<SdGuard*>(nullptr));
    return nullptr;
}

static inline void sd_guard_leave(SdThread* thread) {
    sd_store(&thread->inside, static_cast<SdGuard*>(nullptr));
}

#endif
