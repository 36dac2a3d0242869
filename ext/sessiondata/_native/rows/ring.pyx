"""A ring of bars whose live rows are always one contiguous stretch of each column.

    first lap     [ r0 r1 r2 .. .. .. | .. .. .. .. .. .. ]    each row once, in the lower half
    second lap    [ r6 r7 r2 r3 r4 r5 | r6 r7 .. .. .. .. ]    each row twice, at p and p - capacity
                          ^-- live: r2 .. r7 --^
    third lap     origin moves on by capacity: live rows are read from the lower half again

Invariants (`ring_check`, called by the tests after every action):
    0 <= next_seq; live sequences are [max(0, next_seq - capacity), next_seq); row of a sequence =
    sequence - origin; 0 <= next_seq - origin <= 2 * capacity; timestamps strictly increase over the
    live rows; in the upper half, row p equals row p - capacity.

One thread at a time writes. Another may read meanwhile without a guard, if it discards what it
cannot be sure of (`sd_read_last`): all rows below `next_seq` are whole, unless `version` is odd or
has moved on, or they are so old that the row about to be written, number `next_seq`, overwrites
them. Pushing pays nothing for that on x86.

A ring does not own its memory: a block of the symbol's today, shared or mapped tomorrow.
docs/decisions.md (Capacity is exact) has what was rejected.
"""

from libc.stdint cimport INT64_MIN
from libc.string cimport memmove, memset

from sessiondata._native.base.guard cimport store


cdef int64_t _ALIGN = 64  # bytes: columns start on a cache line, where vector loads straddle none


# bytes: shorter columns follow one another; lines of their own were 5 % of a day of minutes
cdef int64_t _SHORT = 1024


# bytes: of columns that many apart, the same row competes for one set of the first cache
cdef int64_t _PAGE = 4096


cdef int64_t _rounded(int64_t n_bytes, int64_t align) noexcept nogil:
    return (n_bytes + align - 1) // align * align


cdef int64_t _column_bytes(int64_t rows, int64_t item) noexcept nogil:
    cdef int64_t n_bytes = rows * item
    if n_bytes < _SHORT:
        return _rounded(n_bytes, 8)
    n_bytes = _rounded(n_bytes, _ALIGN)
    # A wrapped ring writes a row to twelve places: a fifth of an append at a capacity of 2^n,
    # without this.
    return n_bytes + _ALIGN if n_bytes % _PAGE == 0 else n_bytes


cdef int64_t ring_bytes(int64_t capacity, bint laps, bint derived) noexcept nogil:
    """Bytes of memory that `ring_move` wants for such a ring."""
    cdef int64_t rows = 2 * capacity if laps else capacity
    return _rounded(6 * _column_bytes(rows, 8) + (_column_bytes(rows, 4) if derived else 0), _ALIGN)


cdef void ring_init(Ring* ring, bint derived) noexcept nogil:
    """An empty ring without memory; `ring_move` lays it over some."""
    memset(ring, 0, sizeof(Ring))
    ring.derived = derived
    ring.evicted_ts = INT64_MIN


cdef inline char* _moved(char* column, int64_t at, int64_t item, int64_t n, uint8_t* memory) noexcept nogil:
    if n:
        memcpy(memory, column + at * item, n * item)
    return <char*>memory


cdef void ring_move(Ring* ring, uint8_t* memory, int64_t capacity, bint laps) noexcept nogil:
    """Lay the columns over `memory` (64-byte aligned, `ring_bytes` long) and copy the live rows to
    its start. They fit in `capacity`."""
    cdef int64_t stride = _column_bytes(2 * capacity if laps else capacity, 8), oldest = ring_oldest(ring)
    cdef int64_t at = oldest - ring.origin, n = ring.next_seq - oldest
    ring_begin_change(ring)
    ring.stride = stride
    ring.ts = <int64_t*>_moved(<char*>ring.ts, at, 8, n, memory)
    ring.open = <double*>_moved(<char*>ring.open, at, 8, n, memory + stride)
    ring.high = <double*>_moved(<char*>ring.high, at, 8, n, memory + 2 * stride)
    ring.low = <double*>_moved(<char*>ring.low, at, 8, n, memory + 3 * stride)
    ring.close = <double*>_moved(<char*>ring.close, at, 8, n, memory + 4 * stride)
    ring.volume = <double*>_moved(<char*>ring.volume, at, 8, n, memory + 5 * stride)
    if ring.derived:
        ring.n_base = <int32_t*>_moved(<char*>ring.n_base, at, 4, n, memory + 6 * stride)
    ring.origin = oldest
    ring.n_moves += ring.capacity > 0  # the first memory is not a move
    ring.capacity, ring.laps = capacity, laps
    ring_end_change(ring)


cdef int64_t ring_find(const Ring* ring, int64_t ts) noexcept nogil:
    """Sequence of the first live row at or after `ts` (next_seq if there is none). O(log rows),
    less for newer rows."""
    cdef const int64_t* times = ring.ts - ring.origin
    cdef int64_t oldest = ring_oldest(ring), first, n, half, reach = 8
    # From the newest row back in growing steps: most times that are looked for are recent, and
    # recent rows are in a near cache.
    while ring.next_seq - reach > oldest and times[ring.next_seq - reach] >= ts:
        reach *= 4
    first = ring.next_seq - reach if ring.next_seq - reach > oldest else oldest
    n = ring.next_seq - first
    # Halving without a branch, because no processor can predict which way it goes.
    while n > 0:
        half = (n + 1) >> 1
        first += half if times[first + half - 1] < ts else 0
        n -= half
    return first


cdef inline void _shift(char* column, int64_t item, int64_t at, int64_t stop, int64_t capacity) noexcept nogil:
    """Move physical rows [at, stop) up by one, and what is now in the upper half into the lower one
    as well."""
    cdef int64_t mirrored = at + 1 if at + 1 > capacity else capacity
    memmove(column + (at + 1) * item, column + at * item, (stop - at) * item)
    if stop + 1 > mirrored:
        memcpy(column + (mirrored - capacity) * item, column + mirrored * item, (stop + 1 - mirrored) * item)


cdef void ring_insert(Ring* ring, int64_t seq, const Bar* bar) noexcept nogil:
    """Put a row before the live row `seq` (next_seq: as the newest); it gets that sequence, those
    behind it the next.

    A full ring loses its oldest row, never the new one: `seq` must be above the oldest sequence
    then."""
    cdef int64_t stop, at
    if seq == ring.next_seq:
        ring_push(ring, bar)
        return
    ring_begin_change(ring)
    stop = ring_claim(ring)  # may begin a new lap, so the row's place is looked up after it
    at = seq - ring.origin
    if stop >= ring.capacity:
        ring.evicted_ts = ring.ts[stop - ring.capacity]
    _shift(<char*>ring.ts, 8, at, stop, ring.capacity)
    _shift(<char*>ring.open, 8, at, stop, ring.capacity)
    _shift(<char*>ring.high, 8, at, stop, ring.capacity)
    _shift(<char*>ring.low, 8, at, stop, ring.capacity)
    _shift(<char*>ring.close, 8, at, stop, ring.capacity)
    _shift(<char*>ring.volume, 8, at, stop, ring.capacity)
    if ring.n_base != NULL:
        _shift(<char*>ring.n_base, 4, at, stop, ring.capacity)
    # in one piece, because readers without a guard look at it
    store(&ring.next_seq, ring.next_seq + 1)
    ring.n_moves += 1
    ring_write_again(ring, seq, bar)
    ring_end_change(ring)


cdef void ring_carry(Ring* ring, int64_t at, int64_t stop, int64_t to) noexcept nogil:
    """Move physical rows [at, stop) up, so that they end at `to`. All in the first lap, within a
    change."""
    cdef int64_t n = stop - at, first = to - n
    if n == 0 or to == stop:
        return
    memmove(ring.ts + first, ring.ts + at, n * 8)
    memmove(ring.open + first, ring.open + at, n * 8)
    memmove(ring.high + first, ring.high + at, n * 8)
    memmove(ring.low + first, ring.low + at, n * 8)
    memmove(ring.close + first, ring.close + at, n * 8)
    memmove(ring.volume + first, ring.volume + at, n * 8)
    if ring.n_base != NULL:
        memmove(ring.n_base + first, ring.n_base + at, n * 4)


cdef void ring_insert_rows(Ring* ring, const Columns* rows, const int64_t* place, int64_t n,
                           int64_t n_new) noexcept nogil:
    """Put `n` rows, ascending in time, in their places. `place` is twice the live row before which
    a row comes (`n_new` do), or one more where it replaces that row; negative where it goes
    nowhere.

    Base rings only, in their first lap, with room for the new rows there. No row moves twice: O(n +
    rows behind)."""
    cdef int64_t stop = ring.next_seq - ring.origin, to = stop + n_new, i = n, at, tail, last
    cdef Bar bar
    ring_begin_change(ring)
    while i > 0:
        i -= 1
        if place[i] < 0:
            continue
        at = (place[i] >> 1) - ring.origin
        tail = at + (place[i] & 1)
        ring_carry(ring, tail, stop, to)
        to -= stop - tail + 1
        stop = at
        last = i
        # come before the same row
        while i > 0 and place[i - 1] == place[last] and not place[last] & 1:
            i -= 1
        if i == last:
            bar = bar_at(rows, i)
            ring_write_base(ring, to, &bar)
            continue
        to -= last - i
        memcpy(ring.ts + to, rows.ts + i, (last + 1 - i) * 8)
        memcpy(ring.open + to, rows.open + i, (last + 1 - i) * 8)
        memcpy(ring.high + to, rows.high + i, (last + 1 - i) * 8)
        memcpy(ring.low + to, rows.low + i, (last + 1 - i) * 8)
        memcpy(ring.close + to, rows.close + i, (last + 1 - i) * 8)
        memcpy(ring.volume + to, rows.volume + i, (last + 1 - i) * 8)
    store(&ring.next_seq, ring.next_seq + n_new)
    ring.n_moves += n_new
    ring_end_change(ring)


cdef inline void _copy(char* column, const char* source, int64_t item, int64_t at, int64_t n,
                       int64_t capacity) noexcept nogil:
    memcpy(column + at * item, source, n * item)
    if at >= capacity:
        memcpy(column + (at - capacity) * item, source, n * item)


cdef void ring_extend(Ring* ring, const Columns* rows, int64_t n) noexcept nogil:
    """Push `n` rows at once. Base rings only (n_base is not written)."""
    cdef int64_t done = 0, at, piece
    while done < n:
        at = ring_claim(ring)
        piece = (ring.capacity if at < ring.capacity else ring_room(ring)) - at
        if piece > n - done:
            piece = n - done
        if at >= ring.capacity:  # overwrites rows that are there
            ring_begin_change(ring)
            ring.evicted_ts = ring.ts[at - ring.capacity + piece - 1]
        _copy(<char*>ring.ts, <const char*>(rows.ts + done), 8, at, piece, ring.capacity)
        _copy(<char*>ring.open, <const char*>(rows.open + done), 8, at, piece, ring.capacity)
        _copy(<char*>ring.high, <const char*>(rows.high + done), 8, at, piece, ring.capacity)
        _copy(<char*>ring.low, <const char*>(rows.low + done), 8, at, piece, ring.capacity)
        _copy(<char*>ring.close, <const char*>(rows.close + done), 8, at, piece, ring.capacity)
        _copy(<char*>ring.volume, <const char*>(rows.volume + done), 8, at, piece, ring.capacity)
        store(&ring.next_seq, ring.next_seq + piece)
        if at >= ring.capacity:
            ring_end_change(ring)
        done += piece


cdef bint ring_check(const Ring* ring) noexcept nogil:
    """True if the invariants of the module's note hold."""
    cdef int64_t seq, at
    cdef int64_t oldest = ring_oldest(ring)
    if ring.next_seq < 0 or not 0 <= ring.next_seq - ring.origin <= ring_room(ring):
        return False
    if not ring.laps and ring.next_seq > ring.capacity or ring.derived and ring.origin != 0:
        return False
    for seq in range(oldest, ring.next_seq):
        at = seq - ring.origin
        if at < 0 or (seq > oldest and ring.ts[at - 1] >= ring.ts[at]):
            return False
        if at >= ring.capacity and not (
            ring.ts[at] == ring.ts[at - ring.capacity]
            and ring.open[at] == ring.open[at - ring.capacity]
            and ring.high[at] == ring.high[at - ring.capacity]
            and ring.low[at] == ring.low[at - ring.capacity]
            and ring.close[at] == ring.close[at - ring.capacity]
            and ring.volume[at] == ring.volume[at - ring.capacity]
        ):
            return False
    return True
