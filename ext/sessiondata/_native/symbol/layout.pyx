"""The memory of a symbol in one session: blocks, and what lies where in them.

    [ Level structs | times of edits | filled slots | base columns | level columns | ranges ]
    [ Extended structs | ranges of each ]

The second is for bars that are expected outside the segments, and never moves.

All parts of the first are 64-byte aligned.

A session begins in a compact block, with a row for each regular slot of each interval: what a full
day needs, and no more. It is written once when it is made, so that no bar pays for the first touch
of a page. Rows beside the regular slots (extended hours, more off-grid rows than empty slots) move
everything to a roomy block: there the base ring has a row for each base slot of the whole span, and
a level one for each slot it can ever have. Off-grid rows beyond that move it to another one of
twice the rows, so no row is ever overwritten. With a capacity that was asked for there is one roomy
block, whose base ring has two laps. Trackers have room for every other slot missing in any.

Blocks are kept until the session's `Memory` goes: windows may still look at the compact one.

Inside a guard only holders of the GIL allocate. While `tracemalloc` traces, an allocation acquires
the GIL, and who holds it may be waiting for the guard. So a caller without it is refused there
(ERR_MEMORY, and `Symbol.wanted` says how much it lacks); it leaves the guard, allocates, and comes
back with the block as `Symbol.spare`.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport INT64_MAX, int32_t, uint64_t
from libc.string cimport memcpy, memset

from sessiondata._native.rows.aggregate cimport DAY, EXTENDED, INTRADAY, Level, level_init
from sessiondata._native.slots.extended cimport Extended, extended_init
from sessiondata._native.slots.gaps cimport gaps_init, gaps_max_ranges, gaps_move
from sessiondata._native.slots.grid cimport GridData, SlotTable
from sessiondata._native.base.guard cimport wait_for_reads
from sessiondata._native.rows.ring cimport ring_bytes, ring_init, ring_move, ring_row, ring_values
from sessiondata._native.base.status cimport ERR_MEMORY
from sessiondata._native.symbol.symbol cimport EDITS, MAX_LEVELS, filled_bytes, symbol_flush

from sessiondata.copying import refuse_copy

cdef extern from "<math.h>" nogil:
    const double NAN


cdef enum:
    HEADER = 64                 # bytes kept for the Block
    TOUCHED = 4 << 20           # bytes; a larger block is left to the pages that bars really reach


cdef extern from "Python.h" nogil:
    bint PyGILState_Check() noexcept


cdef extern from *:
    """
    #include <atomic>
    #include <cstdint>

    // Bytes of all blocks there are, after a change. Compiled callers allocate without the GIL.
    static std::int64_t sd_count_bytes(std::int64_t change) {
        static std::atomic<std::int64_t> bytes{0};
        return bytes.fetch_add(change, std::memory_order_relaxed) + change;
    }
    """
    int64_t _count_bytes "sd_count_bytes"(int64_t change) noexcept nogil


@cython.no_gc  # Evidence refers to no object, so there is no cycle to be found
cdef class Memory:
    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self):
        self.newest = NULL
        self.shared = ()

    def __dealloc__(self):
        cdef Block* block = self.newest
        cdef Block* older
        if block != NULL:
            # no symbol points to it any more, but a reader without a guard may have seen one that
            # did
            wait_for_reads()
        while block != NULL:
            older = block.older
            block_free(block)
            block = older

    cdef bint holds(self, const void* address) noexcept nogil:
        cdef const Block* block = self.newest
        while block != NULL:
            if <const char*>block <= <const char*>address < <const char*>block + block.n_bytes:
                return True
            block = block.older
        return False

    cdef int64_t n_bytes(self) noexcept nogil:
        cdef const Block* block = self.newest
        cdef int64_t total = 0
        while block != NULL:
            total += block.n_bytes
            block = block.older
        return total


cdef Block* block_allocate(int64_t n_bytes) noexcept nogil:
    """A block that belongs to nobody yet; NULL without memory. Not from inside a guard without the
    GIL."""
    cdef Block* block = <Block*>PyMem_RawMalloc(<size_t>n_bytes) if n_bytes > 0 else NULL
    if block != NULL:
        block.n_bytes = n_bytes
        _count_bytes(n_bytes)
    return block


cdef void block_free(Block* block) noexcept nogil:
    """Free a block that nothing points to."""
    _count_bytes(-block.n_bytes)
    PyMem_RawFree(block)


def allocated_bytes():
    """Bytes of the blocks of all symbols of the process, those of sessions and stores that are
    garbage included."""
    return _count_bytes(0)


cdef Block* block_add(Symbol* symbol, int64_t n_bytes) noexcept nogil:
    """Give a symbol one more block of at least so many bytes; NULL, and it has none, without
    memory."""
    cdef Block* block = symbol.spare
    if block != NULL and block.n_bytes >= n_bytes > 0:
        symbol.spare = NULL
    elif PyGILState_Check():
        block = block_allocate(n_bytes)
    else:
        symbol.wanted = n_bytes
        block = NULL
    if block != NULL:
        block.older = symbol.blocks[0]
        symbol.blocks[0] = block
    return block


cdef Memory lay_out(Symbol* symbol, Grid grid, tuple steps_ns, int64_t capacity, hours, bint touch):
    """Allocate the memory of a symbol and lay its rings, levels and trackers over it, all empty.

    `steps_ns` are the lengths of the series, base first, 0 for the session; `capacity` 0 is one
    session; `hours` are (start_ns, stop_ns) around it in which bars are expected too, or None.
    `touch`: write to the memory now, so that no bar pays for the first touch of a page."""
    cdef list steps = [step for step in steps_ns[1:] if step]
    cdef Py_ssize_t n_levels = len(steps) + 2, k
    cdef Level levels[MAX_LEVELS]
    cdef Memory memory = Memory()
    if n_levels > MAX_LEVELS:
        raise ValueError(f"at most {MAX_LEVELS - 2} derived intervals")
    symbol.levels, symbol.n_levels = levels, <int32_t>n_levels
    symbol.blocks = &memory.newest
    symbol.make_room = NULL
    symbol.edited_ts = NULL
    symbol.filled = NULL
    for k in range(n_levels):
        _init_level(&levels[k], k, steps, symbol.step_ns)
    _link_levels(symbol)
    symbol.span_rows = capacity or grid.possible_slots(steps_ns[0])
    gaps_init(&symbol.gaps, grid.table(steps_ns[0]))
    for k in range(1, n_levels + 1):
        ring_init(series_ring(symbol, k), True)
        symbol.levels[k - 1].span_rows = 1
        if k < n_levels:
            gaps_init(series_gaps(symbol, k), grid.table(symbol.levels[k - 1].step_ns))
            symbol.levels[k - 1].span_rows = grid.possible_slots(symbol.levels[k - 1].step_ns)
    ring_init(&symbol.base, False)
    symbol.extended = NULL
    if (hours is not None and _expect(symbol, &grid.data, hours[0], hours[1])) or (
            _move_to_new_block(symbol, not capacity, capacity > 0, touch)):
        symbol.levels = NULL
        symbol.extended = NULL
        raise MemoryError(f"no memory for {symbol.span_rows} rows of a symbol")
    if not capacity:
        symbol.make_room = _make_room
    return memory


cdef double series_value(Symbol* symbol, int64_t k, int64_t column, int64_t i) noexcept nogil:
    """A value of row `i` of a derived series, which is brought up to date; NaN if there is none.
    Columns: 1 to 5."""
    cdef int64_t at
    symbol_flush(symbol, <int32_t>k - 1)
    at = ring_row(series_ring(symbol, k), i)
    return NAN if at < 0 else ring_values(series_ring(symbol, k), column)[at]


cdef int copy_out(Symbol* symbol, Memory memory) noexcept nogil:
    """Give a copied struct memory of its own, with all that lies in the memory it still points to
    but the evidence; 0, or ERR_MEMORY, and the struct is of no use."""
    cdef int status
    symbol.blocks = &memory.newest
    status = _move_to_new_block(symbol, is_compact(symbol), symbol.make_room == NULL, False)
    if status == 0 and symbol.extended != NULL:
        status = _copy_extended(symbol)
    return status


cdef int _copy_extended(Symbol* symbol) noexcept nogil:
    """Move the trackers outside the segments into a block of their own, the one they are in being
    another symbol's; 0, or ERR_MEMORY."""
    cdef int32_t n_series = symbol.n_levels - 1, k
    cdef int64_t n_bytes = HEADER + n_series * <int64_t>sizeof(Extended)
    cdef Extended* old = symbol.extended
    cdef Extended* extended
    cdef Block* block
    cdef int32_t* at
    for k in range(n_series):
        n_bytes += 2 * gaps_max_ranges(&old[k].table) * <int64_t>sizeof(int32_t)
    block = block_add(symbol, n_bytes)
    if block == NULL:
        return ERR_MEMORY
    extended = <Extended*>(<char*>block + HEADER)
    at = <int32_t*>(extended + n_series)
    for k in range(n_series):
        extended[k] = old[k]
        extended[k].table.cuts = extended[k].cuts
        extended[k].gaps.table = &extended[k].table
        gaps_move(&extended[k].gaps, at)
        at += 2 * gaps_max_ranges(&extended[k].table)
        if k > 0:
            symbol.levels[k - 1].extended = &extended[k]
    symbol.extended = extended
    return 0


cdef int _expect(Symbol* symbol, const GridData* grid, int64_t start, int64_t stop) noexcept nogil:
    """Make trackers for the slots outside the segments, in a block of their own; 0, or
    ERR_MEMORY."""
    # the base and the intraday levels: the session has no slot outside
    cdef int32_t n_series = symbol.n_levels - 1, k
    cdef int64_t n_bytes = HEADER + n_series * <int64_t>sizeof(Extended)
    cdef Extended probe
    cdef Extended* extended
    cdef Block* block
    cdef int32_t* at
    for k in range(n_series):
        extended_init(&probe, grid, symbol.step_ns if k == 0 else symbol.levels[k - 1].step_ns, start, stop)
        n_bytes += 2 * gaps_max_ranges(&probe.table) * <int64_t>sizeof(int32_t)
    block = block_add(symbol, n_bytes)
    if block == NULL:
        return ERR_MEMORY
    extended = <Extended*>(<char*>block + HEADER)
    at = <int32_t*>(extended + n_series)
    for k in range(n_series):
        extended_init(&extended[k], grid, symbol.step_ns if k == 0 else symbol.levels[k - 1].step_ns, start, stop)
        gaps_move(&extended[k].gaps, at)
        at += 2 * gaps_max_ranges(&extended[k].table)
        if k == 0:
            symbol.extended = extended
        else:
            symbol.levels[k - 1].extended = &extended[k]
    return 0


cdef int _init_level(Level* level, Py_ssize_t i, list steps, int64_t base_ns) except -1:
    """Kind and parent of level `i`: intraday intervals in ascending order, the session bar, the
    extended one."""
    cdef Py_ssize_t parent = len(steps) - 1 if i >= len(steps) else i - 1
    cdef int64_t step = steps[i] if i < len(steps) else 0
    if step:
        while parent >= 0 and step % <int64_t>steps[parent]:
            parent -= 1
    level_init(level, INTRADAY if step else DAY if i == len(steps) else EXTENDED, <int32_t>parent, step, base_ns)
    return 0


cdef void _link_levels(Symbol* symbol) noexcept nogil:
    """Make the lists of children from the parents, in ascending order."""
    cdef int32_t i
    cdef Level* level
    symbol.root = symbol.extended_root = -1
    for i in range(symbol.n_levels - 1, -1, -1):
        level = &symbol.levels[i]
        if level.parent >= 0:
            level.next, symbol.levels[level.parent].child = symbol.levels[level.parent].child, i
        elif level.kind == EXTENDED:
            symbol.extended_root = i
        else:
            level.next, symbol.root = symbol.root, i


cdef int _make_room(Symbol* symbol, int64_t n_new) noexcept nogil:
    """Move to a roomy block with room for so many more rows; 0, or ERR_MEMORY and nothing has
    changed."""
    cdef int64_t before = symbol.span_rows
    cdef int status
    while symbol.span_rows < symbol.base.next_seq + n_new:
        symbol.span_rows *= 2
    if symbol.base.capacity >= symbol.span_rows:
        return 0
    status = _move_to_new_block(symbol, False, False, True)
    if status:
        symbol.span_rows = before
    return status


cdef bint is_compact(Symbol* symbol) noexcept nogil:
    """Whether no row has needed more room than a regular session."""
    return symbol.make_room != NULL and symbol.base.capacity == _rows(symbol, 0, True)


cdef inline int64_t _round_up(int64_t size) noexcept nogil:
    return (size + 63) // 64 * 64


cdef inline int64_t _range_bytes(const SlotTable* table) noexcept nogil:
    return _round_up(2 * gaps_max_ranges(table) * <int64_t>sizeof(int32_t))


cdef inline int64_t _rows(Symbol* symbol, Py_ssize_t k, bint compact) noexcept nogil:
    """Capacity of the ring of series `k`."""
    cdef int64_t rows = symbol.span_rows if k == 0 else symbol.levels[k - 1].span_rows
    cdef int64_t regular = 1 if k == symbol.n_levels else series_gaps(symbol, k).table.n_slots
    return regular if compact and 0 < regular < rows else rows


cdef int64_t _block_bytes(Symbol* symbol, bint compact, bint laps) noexcept nogil:
    """Bytes of a block; -1 if they cannot be counted in int64."""
    cdef int64_t total = HEADER + 64 + _round_up(symbol.n_levels * <int64_t>sizeof(Level)) + EDITS * 8
    cdef Py_ssize_t k
    total += filled_bytes(symbol.gaps.table)
    for k in range(symbol.n_levels + 1):
        if _rows(symbol, k, compact) > INT64_MAX // 1024:
            return -1
        total += ring_bytes(_rows(symbol, k, compact), k == 0 and laps, k > 0)
        if k < symbol.n_levels:
            total += _range_bytes(series_gaps(symbol, k).table)
    return total


cdef int _move_to_new_block(Symbol* symbol, bint compact, bint laps, bint touch) noexcept nogil:
    """Allocate a block and move all that a symbol has into it; 0, or ERR_MEMORY and nothing has
    changed."""
    cdef int64_t n_bytes = _block_bytes(symbol, compact, laps)
    cdef Block* block = block_add(symbol, n_bytes)
    cdef char* at
    cdef Py_ssize_t k
    if block == NULL:
        return ERR_MEMORY
    if touch and n_bytes <= TOUCHED:
        memset(<char*>block + HEADER, 0, <size_t>(n_bytes - HEADER))
    at = <char*>block + HEADER
    at += _round_up(<int64_t>at) - <int64_t>at
    memcpy(at, symbol.levels, symbol.n_levels * sizeof(Level))
    symbol.levels = <Level*>at
    at += _round_up(symbol.n_levels * <int64_t>sizeof(Level))
    if symbol.edited_ts != NULL:
        memcpy(at, symbol.edited_ts, EDITS * 8)
    symbol.edited_ts = <int64_t*>at
    at += EDITS * 8
    if symbol.filled != NULL:
        memcpy(at, symbol.filled, <size_t>filled_bytes(symbol.gaps.table))
    symbol.filled = <uint64_t*>at
    at += filled_bytes(symbol.gaps.table)
    for k in range(symbol.n_levels + 1):
        ring_move(series_ring(symbol, k), <uint8_t*>at, _rows(symbol, k, compact), k == 0 and laps)
        at += ring_bytes(_rows(symbol, k, compact), k == 0 and laps, k > 0)
    for k in range(symbol.n_levels):
        gaps_move(series_gaps(symbol, k), <int32_t*>at)
        at += _range_bytes(series_gaps(symbol, k).table)
    return 0
