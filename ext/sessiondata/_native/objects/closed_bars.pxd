# Consumers of closed bars.

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

from sessiondata._native.objects.bars cimport BarKind
from sessiondata._native.objects.clock cimport StoreClock
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.slots.grid cimport GridData
from sessiondata._native.symbol.symbol cimport Clock


cdef extern from *:
    # What one event says, and how events are put in order.
    """
    #include <algorithm>
    #include <cstdint>

    struct SdBarEvent {
        std::int64_t end_ns, ts;
        double values[5];
        std::int64_t symbol;
        std::int32_t n_base, n_expected;
        std::int16_t interval;
        std::uint8_t kind, extended;
    };

    static inline bool sd_event_before(const SdBarEvent& a, const SdBarEvent& b) {
        if (a.end_ns != b.end_ns) return a.end_ns < b.end_ns;
        if (a.interval != b.interval) return a.interval < b.interval;
        if (a.symbol != b.symbol) return a.symbol < b.symbol;
        return a.ts < b.ts;
    }
    static inline bool sd_events_are_sorted(const SdBarEvent* events, std::int64_t n) {
        for (std::int64_t i = 1; i < n; ++i) if (sd_event_before(events[i], events[i - 1])) return false;
        return true;
    }
    static inline void sd_sort_events(SdBarEvent* events, std::int64_t n) {
        std::stable_sort(events, events + n, sd_event_before);
    }

    // 64 bits that differ where the values of two bars do: products of 128 bits, folded.
    static inline std::uint64_t sd_fold(std::uint64_t a, std::uint64_t b) {
    #if defined(__SIZEOF_INT128__)
        const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    #else
        const std::uint64_t al = a & 0xffffffffu, ah = a >> 32, bl = b & 0xffffffffu, bh = b >> 32;
        const std::uint64_t ll = al * bl, lh = al * bh, hl = ah * bl, hh = ah * bh;
        const std::uint64_t middle = (ll >> 32) + (lh & 0xffffffffu) + (hl & 0xffffffffu);
        return ((ll & 0xffffffffu) | middle << 32) ^ (hh + (lh >> 32) + (hl >> 32) + (middle >> 32));
    #endif
    }
    static inline std::uint64_t sd_digest(const double* values, std::int64_t n_base) {
        std::uint64_t bits[5];
        std::memcpy(bits, values, sizeof bits);
        return sd_fold(bits[0] ^ 0x9e3779b97f4a7c15u, bits[1] ^ 0xbf58476d1ce4e5b9u)
            ^ sd_fold(bits[2] ^ 0x94d049bb133111ebu, bits[3] ^ 0xd6e8feb86659fd93u)
            ^ sd_fold(bits[4] ^ 0xa0761d6478bd642fu, static_cast<std::uint64_t>(n_base) ^ 0xe7037ed1a0b428dbu);
    }
    """
    struct BarEvent "SdBarEvent":
        int64_t end_ns        # of the bar's slot
        int64_t ts            # ns, open time
        double values[5]      # open, high, low, close, volume
        int64_t symbol        # number among those of the store; below 0: it has left
        int32_t n_base
        int32_t n_expected
        int16_t interval      # number among those of the consumer
        uint8_t kind          # CLOSED, REVISED
        uint8_t extended
    bint events_are_sorted "sd_events_are_sorted"(const BarEvent* events, int64_t n) noexcept nogil
    void sort_events "sd_sort_events"(BarEvent* events, int64_t n) noexcept nogil
    uint64_t digest_of "sd_digest"(const double* values, int64_t n_base) noexcept nogil


cdef enum:
    CLOSED = 0
    REVISED = 1


cdef struct Announced:
    # The rows of one series of a session that a consumer has been told of, ascending in time.
    int64_t n
    int64_t room
    int64_t next_seq      # one past the newest of them, in the series' ring
    int64_t step_ns       # of the series; 0 for 1d
    int16_t interval      # number among those of the consumer
    int64_t* ts
    uint64_t* digest


cdef struct Heard:
    # One symbol as a consumer knows it.
    int64_t session       # session_id; NEVER looked at
    int64_t n_past_edits
    int64_t n_edited
    int64_t due           # ns, a clock that closes another bar; INT64_MAX: none does
    Announced* series     # one for each of the symbol's
    int32_t n_series
    uint32_t selected     # bit k: series k is followed


cdef struct Where:
    # What events of one series have in common.
    const GridData* grid
    int64_t step_ns
    int64_t base_ns
    int64_t symbol
    int32_t n_day_slots   # base slots of the session
    int16_t interval
    bint is_base
    bint is_on_slots      # regular rows are at the start of their slots


cdef struct EventColumns:
    # Where events go; of the caller.
    int64_t* symbol
    int64_t* interval
    int64_t* kind
    int64_t* ts
    double* values[5]
    int64_t* n_base


cdef class ClosedBar:
    cdef readonly str symbol
    cdef readonly str interval
    cdef readonly str kind
    cdef BarEvent _event
    cdef BarKind _kind        # None of one that was pickled
    cdef object _bar          # None until it is asked for


cdef class ClosedBarHub:
    cdef readonly object registry
    cdef readonly StoreClock clock
    cdef list cores
    cdef tuple names          # of `cores`, made when they are asked for
    cdef readonly list feeds  # weak references
    cdef int64_t version      # grows with each change of `cores`
    cdef uint32_t* watched    # for each symbol the series that somebody follows
    cdef object rows_of
    cdef object arrays_of
    cdef int gather(self) except -1
    cdef int _align(self) except -1
    cdef int _count_watched(self) except -1
    cdef tuple all_names(self)


cdef class ClosedBarFeed:
    cdef object __weakref__
    cdef ClosedBarHub hub
    cdef Clock* clock
    cdef readonly str name
    cdef readonly tuple intervals
    cdef readonly object symbols        # frozenset of names; None: all
    cdef object _callback
    cdef readonly bint is_closed
    cdef int64_t _handle                # 0 until somebody asks for it
    cdef bint _is_busy
    cdef bint _has_gone                 # some events are of symbols that have left
    cdef bint _is_first                 # nothing has been announced yet
    cdef bint _has_capacity             # base rings may overwrite rows
    cdef bint _has_pending
    cdef int64_t _least_due             # no symbol's `due` is below it
    cdef Heard* _heard
    cdef int64_t _n                     # symbols
    cdef uint64_t* _pending             # a bit for each: it may have news
    cdef BarEvent* _events
    cdef BarEvent* _spare
    cdef int64_t _head                  # events before it have been handed out
    cdef int64_t _n_events
    cdef int64_t _room
    cdef list _kinds                    # BarKind for each symbol and interval, made when it is asked for
    cdef list _lost                     # (symbol, interval, date): bars that nobody can be told of
    cdef dict _running                  # core -> date of the session that `Heard.series` is of
    cdef dict _past                     # core -> {date: what was announced of it}
    # core -> {date: what history had of it, and has lost}, where that has not been announced
    cdef dict _ended
    cdef inline bint has_news(self) noexcept
    cdef uint32_t _selection(self, SymbolCore core) except? 0
    cdef int _align(self, list cores, dict before) except -1
    cdef void _free_heard(self) noexcept
    cdef void _mark(self, int64_t i) noexcept
    cdef void _find_due(self, int64_t watermark) noexcept
    cdef int collect(self) except -1
    cdef void _compact(self) noexcept
    cdef void _prefetch(self, int64_t i) noexcept
    cdef bint _visit(self, int64_t i) except -1
    cdef bint _visit_past(self, int64_t i, SymbolCore core) except -1
    cdef int _visit_live(self, int64_t i, SymbolCore core, bint is_full) noexcept
    cdef int _merge(self, Announced* announced, int64_t at, const Columns* rows, int64_t n,
                    const Where* where) noexcept nogil
    cdef int _merge_day(self, int64_t i, SymbolCore core, Announced* series, tuple entry, list rows) except -1
    cdef int _remember_day(self, int64_t i, SymbolCore core, Announced* series, object entry, list rows) except -1
    cdef int _reserve_events(self, int64_t n) noexcept nogil
    cdef Announced* _new_series(self, SymbolCore core) except? NULL
    cdef bint _heard_past(self, int64_t i, SymbolCore core, int64_t session, int64_t n_past_edits) noexcept
    cdef int _keep_trimmed(self, SymbolCore core, dict before, dict now) except -1
    cdef bint _has_lost(self, const Heard* heard, tuple entry, bint is_running) except -1
    cdef bint _has_lost_since(self, const Heard* heard, tuple known, tuple entry, int64_t first) except -1
    cdef tuple _followed(self, SymbolCore core, tuple entry)
    cdef list _rows(self, SymbolCore core, entry)
    cdef int _each_series(self, int64_t i, SymbolCore core, Announced* series, tuple entry, list rows,
                          bint announces) except -1
    cdef int _sort(self) except -1
    cdef int _raise_lost(self) except -1
    cdef int _leave_gone(self) except -1
    cdef object _arrays(self)
    cdef list _columns(self)
    cdef int _resume_events(self, list cores, dict places, list columns) except -1
    cdef object _drain(self)
    cdef BarKind _kind_of(self, const BarEvent* event)
    cdef ClosedBar _event_at(self, int64_t at)
    cdef void _handed_out(self) noexcept
    cdef int64_t _drain_into(self, int64_t n, const EventColumns* out_columns) except? -1


cdef int64_t drain_into(int64_t handle, int64_t n, const EventColumns* out_columns) noexcept nogil
