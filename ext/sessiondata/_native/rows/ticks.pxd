# Rings of trades and quotes: columns in time order, of equal times in order of arrival.

from libc.stdint cimport int32_t, int64_t, uint8_t


cdef enum:
    # Input kinds of a symbol: what comes first in a session and makes base rows.
    INPUT_NONE = 0
    INPUT_BARS = 1
    INPUT_TICKS = 2
    INPUT_QUOTES = 3


cdef extern from *:
    """
    #define SESSIONDATA_SUMMANDS 9223372036854775808.0
    #define SESSIONDATA_SUM_LIMIT 0x1p961
    """
    # 2^63, more than there can be of volumes: if one times this is finite, all sums of them are.
    const double SUMMANDS "SESSIONDATA_SUMMANDS"
    # 2^961, the least number that times SUMMANDS is infinite. The comparison costs less than the
    # multiplication.
    const double SUM_LIMIT "SESSIONDATA_SUM_LIMIT"


cdef enum:
    # Reasons for which on_bad="skip" leaves a tick or quote out: ERR_NOT_FINITE, ERR_SIZE, ERR_NAT,
    # ERR_LATER_SESSION.
    N_TICK_REASONS = 4


cdef struct Tick:
    # A trade or a quote.
    int64_t ts            # ns
    double value[4]       # price, size; or bid, ask, bid size, ask size
    # of a trade: up to eight ASCII bytes, the first in the lowest byte; 0: none
    int64_t exchange


cdef struct TickCounters:
    # Outcomes of a symbol's trades, or quotes.
    int64_t late
    int64_t too_old
    int64_t other_session
    # quotes: kept, but not folded, because a side that their bars are made of is empty
    int64_t empty_side
    int64_t covered       # kept, but not folded, because a bar had filled their base slot
    int64_t skipped[N_TICK_REASONS]


cdef struct TickRing:
    # Columns with room for 2 * capacity rows, laid out like a Ring of bars. The struct lies at the
    # head of their block.
    int64_t* ts           # ns, never decreasing over the live rows
    double* value[4]      # [2] and [3] of quotes only
    int64_t* exchange     # of trades; NULL in a ring of quotes
    int64_t capacity      # rows
    int64_t next_seq      # sequence of the next row; only grows
    int64_t origin        # physical row of sequence s is s - origin
    int64_t last_ts       # ns, newest row; INT64_MIN while there is none
    int64_t n_moves       # late inserts so far: rows changed places
    int64_t evicted_ts    # ns, newest overwritten row; INT64_MIN while there is none
    int32_t updated       # set on change, cleared by the reader


cdef inline int64_t ticks_oldest(const TickRing* ring) noexcept nogil:
    """Sequence of the oldest live row; live rows are [oldest, next_seq)."""
    return ring.next_seq - ring.capacity if ring.next_seq > ring.capacity else 0


cdef inline int64_t ticks_claim(TickRing* ring) noexcept nogil:
    """Physical row for the next sequence; starts a new lap where one is due. The caller fills it,
    then publishes."""
    cdef int64_t at = ring.next_seq - ring.origin
    if at == 2 * ring.capacity:
        ring.origin += ring.capacity
        at = ring.capacity
    return at


cdef inline void ticks_write(TickRing* ring, int64_t at, const Tick* tick) noexcept nogil:
    """Write one physical row."""
    ring.ts[at] = tick.ts
    ring.value[0][at] = tick.value[0]
    ring.value[1][at] = tick.value[1]
    if ring.exchange != NULL:
        ring.exchange[at] = tick.exchange
    else:
        ring.value[2][at] = tick.value[2]
        ring.value[3][at] = tick.value[3]


cdef inline void ticks_push(TickRing* ring, const Tick* tick) noexcept nogil:
    """Add a row that is not older than the newest; overwrites the oldest one of a full ring."""
    cdef int64_t at = ticks_claim(ring)
    if at >= ring.capacity:
        ring.evicted_ts = ring.ts[at - ring.capacity]
        ticks_write(ring, at - ring.capacity, tick)
    ticks_write(ring, at, tick)
    ring.last_ts = tick.ts
    ring.next_seq += 1


cdef int64_t ticks_bytes(int64_t capacity, bint quotes) noexcept nogil
cdef void ticks_init(TickRing* ring, uint8_t* memory, int64_t capacity, bint quotes) noexcept nogil
cdef int64_t ticks_find(const TickRing* ring, int64_t ts) noexcept nogil


cdef inline int64_t ticks_find_next(const TickRing* ring, int64_t seq, int64_t ts) noexcept nogil:
    """`ticks_find`, where all rows before the live row `seq` are older: of ascending times the next
    row is mostly that one or near it."""
    cdef int64_t stop = seq + 4 if seq + 4 < ring.next_seq else ring.next_seq
    while seq < stop:
        if ring.ts[seq - ring.origin] >= ts:
            return seq
        seq += 1
    return seq if seq == ring.next_seq else ticks_find(ring, ts)


cdef void ticks_read(const TickRing* ring, int64_t seq, Tick* out_tick) noexcept nogil
cdef void ticks_insert(TickRing* ring, const Tick* tick) noexcept nogil
cdef void ticks_insert_rows(TickRing* ring, const int64_t* ts, const double* const* values, const int64_t* exchange,
                            const int64_t* place, int64_t n) noexcept nogil
cdef void ticks_extend(TickRing* ring, const int64_t* ts, const double** values, const int64_t* exchange,
                       int64_t n) noexcept nogil
cdef bint ticks_check(const TickRing* ring) noexcept nogil
