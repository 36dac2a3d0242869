"""Guards: one thread at a time is inside, and the thread that was inside last enters for a load and two stores.

    enter:  inside = guard; (fence); am I still the owner?  --yes-->  work;  inside = NULL
                                                            --no--->  take it, under the one mutex:
                                                                      owner = me; have all other threads fence;
                                                                      wait while the former owner is inside; inside = guard

This is Dekker's algorithm with its two fences put on one side. A thread that enters writes `inside`, then reads
`owner`; one that takes over writes `owner`, then reads `inside`. With a fence between on both sides at least one sees
what the other has written. The fence of the side that is in a hurry is left to the other one: the system call
membarrier (Windows: FlushProcessWriteBuffers) makes every running thread of the process fence, for about a microsecond,
which is what a change of threads costs. Where there is no such call, `fences` is set and each entry fences by itself.

What a thread announces stands in memory of its own, never in the guard's: a thread that has lost its guard between
reading and writing must not be able to wipe out what the new owner has written.

`SdThread.self` names a thread by a number that a later thread may get again. That thread then simply is the owner: the
former one has ended, so it is not inside.

Rejected: an atomic exchange at each entry (20 cycles, half of what a bar costs); a counter that readers check (readers
of derived bars must write first, see _aggregate); an owner for life (a pool of threads hands symbols around).
"""

cdef extern from *:
    """
    #include "_guard.h"
    #include <cstddef>
    #include <mutex>
    #include <new>
    #include <thread>
    #if defined(__linux__)
    #include <sys/syscall.h>
    #include <unistd.h>
    #endif

    // Threads by sd_self, in a list that only grows: a program has some dozens, and the mutex is held.
    struct SdNode { SdThread thread; SdNode* next; };

    static std::mutex sd_mutex;
    static SdNode* sd_threads = nullptr;

    // Have every other thread of the process fence; false where that cannot be done.
    static bool sd_fence_all() {
    #if defined(_MSC_VER)
        FlushProcessWriteBuffers();
        return true;
    #elif defined(__linux__) && defined(SYS_membarrier)
        enum { EXPEDITED = 1 << 3, REGISTER_EXPEDITED = 1 << 4 };  // linux/membarrier.h, which not every libc ships
        if (syscall(SYS_membarrier, EXPEDITED, 0, 0) == 0) return true;
        // Not registered yet: at the first call, and in a child after fork.
        return syscall(SYS_membarrier, REGISTER_EXPEDITED, 0, 0) == 0 && syscall(SYS_membarrier, EXPEDITED, 0, 0) == 0;
    #else
        return false;
    #endif
    }

    #if !defined(_MSC_VER)
    // A child of fork has one thread; whatever the others were inside of, nobody is any more.
    static void sd_before_fork() { sd_mutex.lock(); }
    static void sd_in_parent() { sd_mutex.unlock(); }
    static void sd_in_child() {
        for (SdNode* node = sd_threads; node != nullptr; node = node->next)
            if (node->thread.self != sd_self()) sd_store(&node->thread.inside, static_cast<SdGuard*>(nullptr));
        sd_mutex.unlock();
    }
    static const int sd_at_fork = pthread_atfork(sd_before_fork, sd_in_parent, sd_in_child);
    #endif

    static SdThread* sd_this_thread() {
        const std::uintptr_t self = sd_self();
        for (SdNode* node = sd_threads; node != nullptr; node = node->next)
            if (node->thread.self == self) return &node->thread;
        SdNode* node;
        while ((node = new (std::nothrow) SdNode()) == nullptr) std::this_thread::yield();  // 128 bytes: others end
        node->thread.self = self;
        node->thread.fences = !sd_fence_all();
        node->next = sd_threads;
        sd_threads = node;
        return &node->thread;
    }

    static SdThread* sd_guard_take(SdGuard* guard) {
        const std::lock_guard<std::mutex> lock(sd_mutex);
        SdThread* const thread = sd_this_thread();
        SdThread* const before = sd_load(&guard->owner);
        sd_store(&guard->owner, thread);
        if (before != nullptr && before != thread) {
            if (!before->fences) sd_fence_all();
            sd_full_fence();
            while (sd_load(&before->inside) == guard) std::this_thread::yield();
        }
        sd_store(&thread->inside, guard);
        return thread;
    }
    """
    Thread* _take "sd_guard_take"(Guard* guard) noexcept nogil


cdef Thread* guard_take(Guard* guard) noexcept nogil:
    """Enter a guard that another thread had last, or nobody. Waits for that thread to leave; about a microsecond."""
    return _take(guard)
