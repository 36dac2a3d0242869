"""The newest rows of a series over days, without the interpreter.

    past days (`Past`, newest first)                  session (the ring of the series)
    .. [ day -2: run | run ] [ day -1: run | run ]    [ run | run | newest ]
                                               <----- a walk goes this way

A run is a stretch of rows of one day that are all regular, or all extended, and lie side by side:
what a window needs of a day is one or two of them. A walk hands them out, newest first, and leaves
out what the window does not want. Counting and copying are walks; both are done inside the
symbol's guard, so a window is of one moment.

Runs of past days are looked up with the GIL (`objects/windows`), for as many rows as somebody has
asked for, and kept until history changes. The memory that they point to is kept with them. Those of
the session are found each time, from the newest row backwards: O(regions x log rows).

Rejected: one list of runs for both. Each bar would have to move the newest of them.
"""

from libc.string cimport memcpy

from sessiondata._native.base.time cimport NAT
from sessiondata._native.rows.ring cimport ring_oldest
from sessiondata._native.slots.grid cimport find_region
from sessiondata._native.symbol.layout cimport series_ring
from sessiondata._native.symbol.symbol cimport first_at_or_after, symbol_flush, symbol_watermark


cdef inline int64_t _first_of_region(const int64_t* ts, int64_t first, int64_t stop,
                                     const Region* region) noexcept nogil:
    """First of the rows [first, stop), which end in a region, that lies in it."""
    if ts[first] >= region.start:
        return first
    return first + first_at_or_after(ts + first, stop - first, region.start)


cdef int64_t run_start(const int64_t* ts, int64_t first, int64_t stop, const Region** region) noexcept nogil:
    """First row of the run that ends before row `stop`, of rows [first, stop) of one session that
    are at least one. `region` is one at or behind the last of them; that of the last when this
    returns."""
    cdef const Region* newest = region[0]
    cdef const Region* oldest
    cdef int64_t start
    while ts[stop - 1] < newest.start:
        newest -= 1
    region[0] = oldest = newest
    start = _first_of_region(ts, first, stop, oldest)
    while start > first:
        while ts[start - 1] < oldest.start:
            oldest -= 1
        if oldest.regular != newest.regular:
            break
        start = _first_of_region(ts, first, start, oldest)
    return start


cdef void walk_begin(Walk* walk, Symbol* symbol, int64_t k, int64_t n, int64_t flags) noexcept nogil:
    """Begin a walk over the newest `n` rows of series `k`, inside the symbol's guard."""
    walk.symbol, walk.k, walk.n = symbol, k, n
    walk.next_run, walk.forming_ts = 0, NAT
    walk.with_extended = flags & WITH_EXTENDED
    walk.first = walk.stop = 0
    walk.past = NULL
    walk.ring = NULL
    if symbol.grid == NULL:
        return
    if k > 0:
        symbol_flush(symbol, <int32_t>k - 1)
    walk.ring = series_ring(symbol, k)
    walk.day = symbol.grid.day
    walk.first, walk.stop = ring_oldest(walk.ring) - walk.ring.origin, walk.ring.next_seq - walk.ring.origin
    if walk.stop == walk.first:
        return
    walk.region = find_region(symbol.grid, walk.ring.ts[walk.stop - 1])
    if symbol_watermark(symbol) < (symbol.base_stop if k == 0 else symbol.levels[k - 1].slot_stop):
        if not flags & WITH_FORMING:
            walk.stop -= 1
        elif walk.with_extended or walk.region.regular:
            walk.forming_ts = walk.ring.ts[walk.stop - 1]


cdef inline void _set_run(Run* run, const Ring* ring, int64_t start, int64_t stop) noexcept nogil:
    run.rows = Columns(ring.ts + start, ring.open + start, ring.high + start, ring.low + start, ring.close + start,
                       ring.volume + start, NULL)
    if ring.n_base != NULL:
        run.rows.n_base = ring.n_base + start
    run.n = stop - start


cdef bint walk_next(Walk* walk, Run* out_run) noexcept nogil:
    """The next older run that belongs to the window, at least as many of its rows as are wanted;
    False if there is none."""
    cdef const Past* past
    cdef const Run* run
    cdef int64_t start, stop
    while walk.stop > walk.first:
        stop = walk.stop
        start = walk.first if walk.n > stop - walk.first else stop - walk.n
        if not walk.with_extended:
            while walk.ring.ts[stop - 1] < walk.region.start:
                walk.region -= 1
            # most windows end here: no look at rows that are not wanted
            if walk.ring.ts[start] < walk.region.start or not walk.region.regular:
                start = run_start(walk.ring.ts, walk.first, stop, &walk.region)
        walk.stop = start
        if walk.with_extended or walk.region.regular:
            _set_run(out_run, walk.ring, start, stop)
            out_run.day, out_run.place, out_run.regular = walk.day, -1, 1
            walk.n -= stop - start
            return True
    past = walk.past
    if past == NULL and walk.symbol != NULL and walk.symbol.past != NULL:
        past = walk.past = <const Past*>walk.symbol.past[walk.k]
    if past == NULL:
        return False
    while walk.next_run < past.n_runs:
        run = &past.runs[walk.next_run]
        walk.next_run += 1
        if walk.with_extended or run.regular:
            out_run[0] = run[0]
            while walk.with_extended and walk.next_run < past.n_runs and past.runs[walk.next_run].place == run.place:
                run = &past.runs[walk.next_run]  # the rows of a day lie side by side
                walk.next_run += 1
                out_run.rows, out_run.n = run.rows, out_run.n + run.n
            return True
    return False


cdef inline void _keep(Run* run, int64_t n) noexcept nogil:
    """Cut a run to its newest `n` rows."""
    cdef int64_t skipped = run.n - n
    run.rows = Columns(run.rows.ts + skipped, run.rows.open + skipped, run.rows.high + skipped, run.rows.low + skipped,
                       run.rows.close + skipped, run.rows.volume + skipped, run.rows.n_base)
    if run.rows.n_base != NULL:
        run.rows.n_base += skipped
    run.n = n


cdef int64_t window_count(Walk* walk, int64_t n, Run* out_run) noexcept nogil:
    """How many rows a window of `n` rows has, and the run that holds the oldest of them: as
    `out_run`, cut to the rows that belong to the window. PAST_UNKNOWN where it may be more."""
    cdef int64_t count = 0
    out_run.n = 0
    while count < n and walk_next(walk, out_run):
        if out_run.n > n - count:
            _keep(out_run, n - count)
        count += out_run.n
    return PAST_UNKNOWN if count < n and (walk.past == NULL or not walk.past.is_whole) else count


cdef void window_copy(Walk* walk, int64_t n, const Target* target) noexcept nogil:
    """Copy the newest `n` rows, oldest first. There are as many (`window_count`)."""
    cdef int64_t at = n, i
    cdef int c
    cdef Run run
    while at > 0 and walk_next(walk, &run):
        if run.n > at:
            _keep(&run, at)
        at -= run.n
        if target.ts != NULL:
            memcpy(target.ts + at, run.rows.ts, run.n * 8)
        for c in range(5):
            if target.values[c] != NULL:
                memcpy(target.values[c] + at, (&run.rows.open)[c], run.n * 8)
        if target.n_base != NULL:
            if run.rows.n_base != NULL:
                memcpy(target.n_base + at, run.rows.n_base, run.n * 4)
            else:
                for i in range(run.n):
                    target.n_base[at + i] = 1
        if target.day != NULL:
            for i in range(run.n):
                target.day[at + i] = run.day
