# Columns of bars in memory of others: push, insert, replace, find.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from sessiondata._native.base.guard cimport peek, peek_ints, peek_values, release_fence, store
from sessiondata._native.base.prefetch cimport prefetch
from sessiondata._native.rows.columns cimport Columns


cdef struct Bar:
    int64_t ts            # ns, open time
    double open
    double high
    double low
    double close
    double volume
    int32_t n_base        # base bars on their slot behind a derived bar; unused in base rows


cdef struct Ring:
    # Columns; room for 2 * capacity rows if `laps`, else for capacity. The memory is that of
    # the caller of ring_move.
    int64_t next_seq      # sequence of the next row; only grows
    int64_t origin        # physical row of sequence s is s - origin
    int64_t* ts           # ns, strictly increasing over the live rows
    # bytes from one of the six columns to the next, of a ring that is written to
    int64_t stride
    int64_t capacity      # rows
    double* open
    double* high
    double* low
    double* close
    double* volume
    int32_t* n_base       # NULL in base rings
    int64_t n_moves       # late inserts and moves so far: rows changed places
    int64_t evicted_ts    # ns, newest overwritten row; INT64_MIN while there is none
    int64_t version       # odd while rows that are there change; readers without a guard look at it
    # 1: may wrap, has an upper half; 0: before a push there must be room
    int32_t laps
    int32_t derived       # 1: has the column n_base


cdef inline Bar bar_at(const Columns* rows, int64_t i) noexcept nogil:
    """Row `i` of base rows."""
    return Bar(rows.ts[i], rows.open[i], rows.high[i], rows.low[i], rows.close[i], rows.volume[i], 0)


cdef inline void bar_copy(Bar* bar, const Bar* other) noexcept nogil:
    """`bar[0] = other[0]` field by field: a copy in larger pieces would wait for fields that have
    just been written."""
    bar.ts, bar.open, bar.high, bar.low = other.ts, other.open, other.high, other.low
    bar.close, bar.volume, bar.n_base = other.close, other.volume, other.n_base


cdef inline void ring_prefetch(const Ring* ring, int64_t seq) noexcept nogil:
    """Ask for the lines of a row, all columns but n_base. The ring may be written to meanwhile."""
    cdef int64_t at = seq - peek(&ring.origin)
    prefetch(peek_ints(<int64_t**>&ring.ts) + at)
    prefetch(peek_values(<double**>&ring.open) + at)
    prefetch(peek_values(<double**>&ring.high) + at)
    prefetch(peek_values(<double**>&ring.low) + at)
    prefetch(peek_values(<double**>&ring.close) + at)
    prefetch(peek_values(<double**>&ring.volume) + at)


cdef inline int64_t ring_room(const Ring* ring) noexcept nogil:
    """Physical rows: capacity, or 2 * capacity if the ring laps."""
    return ring.capacity << ring.laps


cdef inline int64_t ring_oldest(const Ring* ring) noexcept nogil:
    """Sequence of the oldest live row; live rows are [oldest, next_seq)."""
    return ring.next_seq - ring.capacity if ring.next_seq > ring.capacity else 0


cdef inline int64_t ring_row(const Ring* ring, int64_t i) noexcept nogil:
    """Physical row of live row `i`, 0 the oldest and -1 the newest; -1 if there is none."""
    cdef int64_t n = ring.next_seq if ring.next_seq < ring.capacity else ring.capacity
    # one comparison: what is still negative is huge
    cdef uint64_t row = <uint64_t>(i + (n if i < 0 else 0))
    return ring.next_seq - n - ring.origin + <int64_t>row if row < <uint64_t>n else -1


cdef inline const double* ring_values(const Ring* ring, int64_t column) noexcept nogil:
    """Memory of a column of doubles: 1 open, 2 high, 3 low, 4 close, 5 volume."""
    return (&ring.open)[column - 1]


cdef inline Columns ring_columns(const Ring* ring, int64_t seq) noexcept nogil:
    """Columns of a ring from the row of a sequence on."""
    cdef int64_t at = seq - ring.origin
    cdef Columns rows = Columns(ring.ts + at, ring.open + at, ring.high + at, ring.low + at, ring.close + at,
                                ring.volume + at, ring.n_base)
    if rows.n_base != NULL:
        rows.n_base += at
    return rows


cdef inline int64_t ring_claim(Ring* ring) noexcept nogil:
    """Physical row for the next sequence; starts a new lap where one is due. The caller fills it,
    then publishes."""
    cdef int64_t at = ring.next_seq - ring.origin
    if at == ring_room(ring):
        ring.origin += ring.capacity
        at = ring.capacity
    return at


cdef inline void ring_write_base(Ring* ring, int64_t at, const Bar* bar) noexcept nogil:
    """Write one physical row of a ring without the column n_base."""
    # From two addresses, not six pointers: so the bar stays in the registers that it came in.
    cdef int64_t stride = ring.stride
    cdef char* ts = <char*>(ring.ts + at)
    cdef char* open = ts + stride
    (<int64_t*>ts)[0] = bar.ts
    (<double*>open)[0] = bar.open
    (<double*>(ts + 2 * stride))[0] = bar.high
    (<double*>(open + 2 * stride))[0] = bar.low
    (<double*>(ts + 4 * stride))[0] = bar.close
    (<double*>(open + 4 * stride))[0] = bar.volume


cdef inline void ring_write(Ring* ring, int64_t at, const Bar* bar) noexcept nogil:
    """Write one physical row."""
    ring_write_base(ring, at, bar)
    if ring.n_base != NULL:
        ring.n_base[at] = bar.n_base


cdef inline void ring_push(Ring* ring, const Bar* bar) noexcept nogil:
    """Add the newest row; overwrites the oldest one of a full ring."""
    cdef int64_t at = ring_claim(ring)
    if ring.n_base != NULL:
        ring.n_base[at] = bar.n_base  # derived rings hold one lap
    ring_push_base(ring, at, bar)


cdef inline void ring_add_base(Ring* ring, int64_t at, const Bar* bar) noexcept nogil:
    """`ring_push_base` where no row is overwritten: `at` is below the capacity."""
    cdef int64_t next_seq = ring.next_seq
    ring_write_base(ring, at, bar)
    store(&ring.next_seq, next_seq + 1)


cdef inline void ring_push_base(Ring* ring, int64_t at, const Bar* bar) noexcept nogil:
    """Add the newest row of a ring without the column n_base, at the physical row that is its
    own."""
    if at >= ring.capacity:
        # a reader that sees the row written here also sees `next_seq` as it is now
        release_fence()
        ring.evicted_ts = ring.ts[at - ring.capacity]
        ring_write_base(ring, at - ring.capacity, bar)
    ring_add_base(ring, at, bar)


cdef inline void ring_begin_change(Ring* ring) noexcept nogil:
    """Rows that are there, or their memory, are about to change: readers without a guard discard
    what they read from now on."""
    store(&ring.version, ring.version + 1)
    release_fence()


cdef inline void ring_end_change(Ring* ring) noexcept nogil:
    store(&ring.version, ring.version + 1)


cdef inline void ring_write_again(Ring* ring, int64_t seq, const Bar* bar) noexcept nogil:
    """Write a live row wherever it stands, within a change."""
    cdef int64_t at = seq - ring.origin
    ring_write(ring, at, bar)
    if at >= ring.capacity:
        ring_write(ring, at - ring.capacity, bar)
    elif seq >= ring.capacity:
        # written in the upper half, a lap ago: windows of that time still read it there
        ring_write(ring, at + ring.capacity, bar)


cdef inline void ring_replace(Ring* ring, int64_t seq, const Bar* bar) noexcept nogil:
    """Write a live row again, in place."""
    ring_begin_change(ring)
    ring_write_again(ring, seq, bar)
    ring_end_change(ring)


cdef inline void ring_read(const Ring* ring, int64_t seq, Bar* out_bar) noexcept nogil:
    cdef int64_t at = seq - ring.origin
    out_bar.ts = ring.ts[at]
    out_bar.open = ring.open[at]
    out_bar.high = ring.high[at]
    out_bar.low = ring.low[at]
    out_bar.close = ring.close[at]
    out_bar.volume = ring.volume[at]
    out_bar.n_base = ring.n_base[at] if ring.n_base != NULL else 0


cdef int64_t ring_bytes(int64_t capacity, bint laps, bint derived) noexcept nogil
cdef void ring_init(Ring* ring, bint derived) noexcept nogil
cdef void ring_move(Ring* ring, uint8_t* memory, int64_t capacity, bint laps) noexcept nogil
cdef int64_t ring_find(const Ring* ring, int64_t ts) noexcept nogil


cdef inline int64_t ring_find_next(const Ring* ring, int64_t seq, int64_t ts) noexcept nogil:
    """`ring_find`, where that was `seq` for a time not later: of ascending times the next row is
    mostly that one or near it. Rows may have been put in since, at times not later either."""
    cdef int64_t stop = seq + 4 if seq + 4 < ring.next_seq else ring.next_seq
    if seq < ring_oldest(ring):
        return ring_find(ring, ts)
    while seq < stop:
        if ring.ts[seq - ring.origin] >= ts:
            return seq
        seq += 1
    return seq if seq == ring.next_seq else ring_find(ring, ts)


cdef void ring_insert(Ring* ring, int64_t seq, const Bar* bar) noexcept nogil
cdef void ring_carry(Ring* ring, int64_t at, int64_t stop, int64_t to) noexcept nogil
cdef void ring_insert_rows(Ring* ring, const Columns* rows, const int64_t* place, int64_t n,
                           int64_t n_new) noexcept nogil
cdef void ring_extend(Ring* ring, const Columns* rows, int64_t n) noexcept nogil
cdef bint ring_check(const Ring* ring) noexcept nogil
