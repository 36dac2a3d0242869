"""A ring of trades or quotes, whose live rows are always one contiguous stretch of each column.

It is a ring like that of bars (`rows/ring`), with two differences. Times may repeat: what
happens within a nanosecond, or a millisecond of a vendor's clock, is kept in order of arrival, so a
late row goes behind those of its own time. And rows are never replaced: two equal trades are two
trades.

Invariants (`ticks_check`, called by the tests after every action): live sequences are [max(0,
next_seq - capacity), next_seq); row of a sequence = sequence - origin; times never decrease over
the live rows; last_ts is the newest row's; in the upper half, row p equals row p - capacity.

Rejected: one ring for bars, trades and quotes with any number of columns (a bar's push would loop
over them), a column of Python strings for exchanges (objects cannot be read without the GIL), one
of int32 codes with a table beside it (a view of the column would mean nothing by itself; NumPy
reads eight bytes as a text).
"""

from libc.stdint cimport INT64_MIN
from libc.string cimport memcpy, memmove, memset


cdef int64_t _ALIGN = 64  # bytes: columns start on a cache line
# bytes: of columns that many apart, the same row competes for one set of the first cache
cdef int64_t _PAGE = 4096


cdef int64_t _column_bytes(int64_t capacity) noexcept nogil:
    cdef int64_t n_bytes = (2 * capacity * 8 + _ALIGN - 1) // _ALIGN * _ALIGN
    return n_bytes + _ALIGN if n_bytes % _PAGE == 0 else n_bytes


cdef int64_t ticks_bytes(int64_t capacity, bint quotes) noexcept nogil:
    """Bytes of memory that the columns of such a ring want."""
    return (5 if quotes else 4) * _column_bytes(capacity)


cdef void ticks_init(TickRing* ring, uint8_t* memory, int64_t capacity, bint quotes) noexcept nogil:
    """An empty ring over `memory` (64-byte aligned, `ticks_bytes` long)."""
    cdef int64_t stride = _column_bytes(capacity)
    cdef int i
    memset(ring, 0, sizeof(TickRing))
    ring.ts = <int64_t*>memory
    for i in range(4 if quotes else 2):
        ring.value[i] = <double*>(memory + (1 + i) * stride)
    if not quotes:
        ring.exchange = <int64_t*>(memory + 3 * stride)
    ring.capacity = capacity
    ring.last_ts = ring.evicted_ts = INT64_MIN


cdef int64_t ticks_find(const TickRing* ring, int64_t ts) noexcept nogil:
    """Sequence of the first live row at or after `ts` (next_seq if there is none). O(log rows)."""
    cdef int64_t low = ticks_oldest(ring), high = ring.next_seq, middle
    while low < high:
        middle = low + ((high - low) >> 1)
        if ring.ts[middle - ring.origin] < ts:
            low = middle + 1
        else:
            high = middle
    return low


cdef void ticks_read(const TickRing* ring, int64_t seq, Tick* out_tick) noexcept nogil:
    cdef int64_t at = seq - ring.origin
    cdef int i
    out_tick.ts = ring.ts[at]
    for i in range(4):
        out_tick.value[i] = ring.value[i][at] if ring.value[i] != NULL else 0.0
    out_tick.exchange = ring.exchange[at] if ring.exchange != NULL else 0


cdef inline void _shift(char* column, int64_t at, int64_t stop, int64_t capacity) noexcept nogil:
    """Move physical rows [at, stop) up by one, and what is now in the upper half into the lower one
    as well."""
    cdef int64_t mirrored = at + 1 if at + 1 > capacity else capacity
    memmove(column + (at + 1) * 8, column + at * 8, (stop - at) * 8)
    if stop + 1 > mirrored:
        memcpy(column + (mirrored - capacity) * 8, column + mirrored * 8, (stop + 1 - mirrored) * 8)


cdef void ticks_insert(TickRing* ring, const Tick* tick) noexcept nogil:
    """Put a row behind all rows of its time and before those of later ones.

    It is not the newest, and of a full ring not the oldest either: that row goes. O(log rows + rows
    after it)."""
    cdef int64_t seq = ticks_find(ring, tick.ts + 1), stop = ticks_claim(ring), at = seq - ring.origin
    cdef int i
    if stop >= ring.capacity:
        ring.evicted_ts = ring.ts[stop - ring.capacity]
    _shift(<char*>ring.ts, at, stop, ring.capacity)
    for i in range(4):
        if ring.value[i] != NULL:
            _shift(<char*>ring.value[i], at, stop, ring.capacity)
    if ring.exchange != NULL:
        _shift(<char*>ring.exchange, at, stop, ring.capacity)
    ring.next_seq += 1
    ring.n_moves += 1
    ticks_write(ring, at, tick)
    if at >= ring.capacity:
        ticks_write(ring, at - ring.capacity, tick)
    elif seq >= ring.capacity:
        # a lap ago it was in the upper half, and windows of that time still read it there
        ticks_write(ring, at + ring.capacity, tick)


cdef inline void _carry(char* column, int64_t at, int64_t stop, int64_t by) noexcept nogil:
    """Move physical rows [at, stop) up."""
    memmove(column + (at + by) * 8, column + at * 8, (stop - at) * 8)


cdef inline void _mirror(char* column, int64_t at, int64_t stop, int64_t capacity) noexcept nogil:
    """Have physical rows [at, stop) of the upper half in the lower one as well."""
    memcpy(column + (at - capacity) * 8, column + at * 8, (stop - at) * 8)


cdef void _insert_piece(TickRing* ring, const int64_t* ts, const double* const* values, const int64_t* exchange,
                        const int64_t* place, int64_t n, int64_t n_new) noexcept nogil:
    """`ticks_insert_rows` of rows for which there is room in this lap."""
    cdef int64_t first = ticks_oldest(ring) - ring.origin, stop = ring.next_seq - ring.origin, to = stop + n_new
    cdef int64_t end = to, i = n, low, high, middle
    cdef int k
    while to > stop:  # as many rows are still to come as places are free
        i -= 1
        if place[i] == 0:
            continue
        low, high = first, stop
        while low < high:
            middle = (low + high) >> 1
            if ring.ts[middle] <= ts[i]:
                low = middle + 1
            else:
                high = middle
        if low < stop:
            _carry(<char*>ring.ts, low, stop, to - stop)
            for k in range(4):
                if ring.value[k] != NULL:
                    _carry(<char*>ring.value[k], low, stop, to - stop)
            if ring.exchange != NULL:
                _carry(<char*>ring.exchange, low, stop, to - stop)
            to -= stop - low
            stop = low
        to -= 1
        ring.ts[to] = ts[i]
        for k in range(4):
            if ring.value[k] != NULL:
                ring.value[k][to] = values[k][i]
        if ring.exchange != NULL:
            ring.exchange[to] = exchange[i]
    ring.next_seq += n_new
    ring.n_moves += n_new
    if ring.next_seq > ring.capacity:
        ring.evicted_ts = ring.ts[end - ring.capacity - 1]
    low = to if to > ring.capacity else ring.capacity
    if low < end:
        _mirror(<char*>ring.ts, low, end, ring.capacity)
        for k in range(4):
            if ring.value[k] != NULL:
                _mirror(<char*>ring.value[k], low, end, ring.capacity)
        if ring.exchange != NULL:
            _mirror(<char*>ring.exchange, low, end, ring.capacity)


cdef void ticks_insert_rows(TickRing* ring, const int64_t* ts, const double* const* values, const int64_t* exchange,
                            const int64_t* place, int64_t n) noexcept nogil:
    """`ticks_insert` of `n` rows, ascending in time, but for those whose `place` is 0. None is the
    newest, and of a full ring each is newer than the oldest row by then.

    In each lap no row moves twice: O(rows of the ring + n log n)."""
    cdef int64_t i = 0, stop, room, n_new
    cdef const double* rest[4]
    cdef int k
    while i < n:
        if place[i] == 0:
            i += 1
            continue
        room = 2 * ring.capacity - ticks_claim(ring)  # may begin a new lap
        stop, n_new = i, 0
        while stop < n and n_new < room:
            n_new += place[stop] != 0
            stop += 1
        for k in range(4):
            rest[k] = values[k] + i if ring.value[k] != NULL else NULL
        _insert_piece(ring, ts + i, rest, exchange + i if ring.exchange != NULL else NULL, place + i, stop - i, n_new)
        i = stop


cdef inline void _copy(char* column, const char* source, int64_t at, int64_t n, int64_t capacity) noexcept nogil:
    memcpy(column + at * 8, source, n * 8)
    if at >= capacity:
        memcpy(column + (at - capacity) * 8, source, n * 8)


cdef void ticks_extend(TickRing* ring, const int64_t* ts, const double** values, const int64_t* exchange,
                       int64_t n) noexcept nogil:
    """Push `n` > 0 rows at once: ascending or equal times, none before the newest row. `values` are
    as many columns as the ring has."""
    cdef int64_t done = 0, at, piece
    cdef int i
    while done < n:
        at = ticks_claim(ring)
        piece = (ring.capacity if at < ring.capacity else 2 * ring.capacity) - at
        if piece > n - done:
            piece = n - done
        if at >= ring.capacity:
            ring.evicted_ts = ring.ts[at - ring.capacity + piece - 1]
        _copy(<char*>ring.ts, <const char*>(ts + done), at, piece, ring.capacity)
        for i in range(4):
            if ring.value[i] != NULL:
                _copy(<char*>ring.value[i], <const char*>(values[i] + done), at, piece, ring.capacity)
        if ring.exchange != NULL:
            _copy(<char*>ring.exchange, <const char*>(exchange + done), at, piece, ring.capacity)
        ring.next_seq += piece
        done += piece
    ring.last_ts = ts[n - 1]


cdef bint ticks_check(const TickRing* ring) noexcept nogil:
    """True if the invariants of the module's note hold."""
    cdef int64_t oldest = ticks_oldest(ring), seq, at
    cdef int i
    if not 0 <= ring.next_seq - ring.origin <= 2 * ring.capacity:
        return False
    if ring.next_seq > 0 and ring.ts[ring.next_seq - 1 - ring.origin] != ring.last_ts:
        return False
    for seq in range(oldest, ring.next_seq):
        at = seq - ring.origin
        if at < 0 or (seq > oldest and ring.ts[at - 1] > ring.ts[at]):
            return False
        if at >= ring.capacity:
            if ring.ts[at] != ring.ts[at - ring.capacity]:
                return False
            for i in range(4):
                if ring.value[i] != NULL and ring.value[i][at] != ring.value[i][at - ring.capacity]:
                    return False
            if ring.exchange != NULL and ring.exchange[at] != ring.exchange[at - ring.capacity]:
                return False
    return True
