"""Guards: one thread at a time is inside, and the thread that was inside last enters for a load and
two stores.

    enter:  inside = guard; (fence); am I still the owner?  --yes-->  work;  inside = 0
                                                            --no--->  under the one mutex:
        owner = me;  inside = guard;  have all threads fence;  wait while the former owner is inside

This is Dekker's algorithm with its two fences put on one side. A thread that enters writes
`inside`, then reads `owner`; the next owner writes `owner`, then reads `inside`. With a fence
between on both sides at least one sees what the other has written. The fence of the side that is in
a hurry is left to the other one: the system call membarrier (Windows: FlushProcessWriteBuffers)
makes every running thread of the process fence, for about a microsecond, which is what a change of
threads costs. Where there is no such call a guard is a plain lock, 20 cycles for everybody.

What a thread announces stands in memory of its own, never in the guard's: a thread that has lost
its guard between reading and writing must not be able to wipe out what the new owner has written.
Those who wait stand in a queue, each watching the one before it: that has left when its `inside`
names another guard, or it has become the owner once more (`turns`).

`SdThread.self` names a thread by a number that a later thread may get again. That thread then
simply is the owner: the former one has ended, so it is not inside.

A thread that is inside never waits for the GIL or the mutex. So the GIL may be held while waiting
for a guard.

Readers without a guard (`sd_read_last`) only announce that they read. Before memory that they might
have found is freed, all pointers to it are removed, all threads fence, and each read that was under
way has ended.

Fork: all guards are entered before, so that the child finds no symbol half written.

Rejected: an atomic exchange at each entry (20 cycles, half of what a bar costs); a counter that
readers check (readers of derived bars must write first, see `rows/aggregate`); an owner for life (a
pool of threads hands symbols around).
"""

cdef extern from *:
    """
    #include <cstddef>
    #include <mutex>
    #include <new>
    #include <thread>
    #if defined(__linux__)
    #include <sys/syscall.h>
    #include <unistd.h>
    #endif

    // Threads by sd_self, in a list that only grows: a program has some dozens, and the mutex is
    // held.
    struct SdNode { SdThread thread; std::uintptr_t self; SdNode* next; };

    static std::mutex sd_mutex;
    static SdNode* sd_threads = nullptr;
    static SdGuard* sd_guards = nullptr;
    static SdThread sd_nobody = {};
    static bool sd_reads = false;      // whether a thread has ever read without a guard
    static thread_local SdThread* sd_reader = nullptr;

    // Have every other thread of the process fence; false where that cannot be done.
    static bool sd_fence_all() {
    // for tests of the other way, and for ThreadSanitizer, which knows no membarrier
    #if defined(SESSIONDATA_LOCKS)
        return false;
    #elif defined(_MSC_VER)
        FlushProcessWriteBuffers();
        return true;
    #elif defined(__linux__) && defined(SYS_membarrier)
        // linux/membarrier.h, which not every libc ships
        enum { EXPEDITED = 1 << 3, REGISTER_EXPEDITED = 1 << 4 };
        if (syscall(SYS_membarrier, EXPEDITED, 0, 0) == 0) return true;
        return syscall(SYS_membarrier, REGISTER_EXPEDITED, 0, 0) == 0 && syscall(SYS_membarrier, EXPEDITED, 0, 0) == 0;
    #else
        return false;
    #endif
    }

    // Asked for with the first guard: the system call lasts some 20 ms in a process with threads,
    // which importing the package does not have to pay.
    static bool sd_can_fence_all() {
        static const bool can = sd_fence_all();
        return can;
    }

    static SdNode* sd_this_thread() {
        const std::uintptr_t self = sd_self();
        for (SdNode* node = sd_threads; node != nullptr; node = node->next)
            if (node->self == self) return node;
        SdNode* node;
        // 128 bytes: memory comes back when other threads free some
        while ((node = new (std::nothrow) SdNode()) == nullptr) std::this_thread::yield();
        node->self = self;
        node->thread.self = sd_can_fence_all() ? self : 0;
        node->next = sd_threads;
        sd_threads = node;
        return node;
    }

    template <typename Condition> static void sd_wait_while(Condition condition) {
        for (int i = 0; i < 64; ++i)
            if (!condition()) return;
        while (condition()) std::this_thread::yield();
    }

    static void sd_lock(SdGuard* guard) {
    #if defined(_MSC_VER)
        sd_wait_while([guard] { return _InterlockedExchange64(reinterpret_cast<long long*>(&guard->lock), 1) != 0; });
    #else
        sd_wait_while([guard] { return __atomic_exchange_n(&guard->lock, 1, __ATOMIC_ACQUIRE) != 0; });
    #endif
    }

    static void sd_wait_for(const SdThread* before, std::uintptr_t turns, const SdGuard* guard) {
        const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(guard);
        sd_wait_while([=] { return sd_load(&before->inside) == address && sd_load(&before->turns) == turns; });
    }

    static std::uintptr_t* sd_guard_acquire(SdGuard* guard) {
        if (!sd_can_fence_all()) {
            sd_lock(guard);
            return &guard->lock;
        }
        SdThread* thread;
        const SdThread* before;
        std::uintptr_t turns;
        {
            const std::lock_guard<std::mutex> lock(sd_mutex);
            thread = &sd_this_thread()->thread;
            before = sd_load(&guard->owner);
            sd_store(&thread->turns, thread->turns + 1);
            turns = before->turns;
            sd_store(&guard->owner, thread);
            sd_store(&thread->inside, reinterpret_cast<std::uintptr_t>(guard));
            sd_fence_all();
            sd_full_fence();
        }
        if (before != thread) sd_wait_for(before, turns, guard);
        return &thread->inside;
    }

    static void sd_guard_init(SdGuard* guard) {
        const std::lock_guard<std::mutex> lock(sd_mutex);
        guard->owner = &sd_nobody;
        guard->lock = 0;
        guard->next = sd_guards;
        sd_guards = guard;
    }

    static SdThread* sd_read_begin() {
        if (sd_reader == nullptr) {
            const std::lock_guard<std::mutex> lock(sd_mutex);
            sd_reader = &sd_this_thread()->thread;
            sd_reads = true;
        }
        sd_store(&sd_reader->reads, sd_reader->reads + 1);
        if (sd_can_fence_all()) sd_compiler_fence(); else sd_full_fence();
        return sd_reader;
    }

    static void sd_read_end(SdThread* thread) { sd_store(&thread->reads, thread->reads + 1); }

    static void sd_wait_for_reads() {
        SdNode* node;
        {
            const std::lock_guard<std::mutex> lock(sd_mutex);
            // a read that begins after this finds what was published before it
            if (!sd_reads) return;
            sd_fence_all();
            sd_full_fence();
            node = sd_threads;
        }
        // without the mutex: a reader may be waiting for a guard
        for (; node != nullptr; node = node->next) {
            const SdThread* const thread = &node->thread;
            const std::uintptr_t reads = sd_load(&thread->reads);
            if (reads & 1) sd_wait_while([=] { return sd_load(&thread->reads) == reads; });
        }
    }

    #if !defined(_MSC_VER)
    // The thread that forks is in no guard: it is in fork().
    static void sd_before_fork() {
        sd_mutex.lock();
        if (sd_guards == nullptr) return;
        if (!sd_can_fence_all()) {
            for (SdGuard* guard = sd_guards; guard != nullptr; guard = guard->next) sd_lock(guard);
            return;
        }
        SdThread* const thread = &sd_this_thread()->thread;
        for (SdGuard* guard = sd_guards; guard != nullptr; guard = guard->next) {
            const SdThread* const before = sd_load(&guard->owner);
            if (before == thread || before == &sd_nobody) continue;
            const std::uintptr_t turns = before->turns;
            sd_store(&guard->owner, thread);
            sd_fence_all();
            sd_full_fence();
            sd_wait_for(before, turns, guard);
        }
    }
    static void sd_after_fork() {
        if (sd_guards != nullptr && !sd_can_fence_all())
            for (SdGuard* guard = sd_guards; guard != nullptr; guard = guard->next)
                sd_store(&guard->lock, static_cast<std::uintptr_t>(0));
        sd_mutex.unlock();
    }
    // Whatever other threads were about, in the child there are none.
    static void sd_in_child() {
        for (SdNode* node = sd_threads; node != nullptr; node = node->next) {
            sd_store(&node->thread.inside, static_cast<std::uintptr_t>(0));
            if (node->thread.reads & 1) sd_store(&node->thread.reads, node->thread.reads + 1);
        }
        sd_after_fork();
    }
    static const int sd_at_fork = pthread_atfork(sd_before_fork, sd_after_fork, sd_in_child);
    #endif
    """
    uintptr_t* _take "sd_guard_acquire"(Guard* guard) noexcept nogil
    void _init "sd_guard_init"(Guard* guard) noexcept nogil
    Thread* _read_begin "sd_read_begin"() noexcept nogil
    void _read_end "sd_read_end"(Thread* thread) noexcept nogil
    void _wait_for_reads "sd_wait_for_reads"() noexcept nogil


cdef uintptr_t* guard_acquire(Guard* guard) noexcept nogil:
    """Enter a guard that another thread had last, or nobody. Waits for that thread to leave; about
    a microsecond."""
    return _take(guard)


cdef void guard_init(Guard* guard) noexcept nogil:
    """Begin a guard, which is never freed."""
    _init(guard)


cdef Thread* read_begin() noexcept nogil:
    """Announce that this thread reads without a guard. Until `read_end` what it can find is not
    freed."""
    return _read_begin()


cdef void read_end(Thread* thread) noexcept nogil:
    _read_end(thread)


cdef void wait_for_reads() noexcept nogil:
    """Wait until every read without a guard that has begun has ended. Not from inside a guard."""
    _wait_for_reads()
