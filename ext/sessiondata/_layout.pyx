"""One block of memory for all native state of a symbol in one session.

    [ Level structs | base columns | columns of each level | ranges of each tracker ]      all 64-byte aligned

Sizes come from the grid: the base ring has a row for each base slot of the span (or the capacity asked for) and two
laps of them, a level has a row for each slot it can ever have, a tracker room for every other slot missing. So
nothing is allocated while bars come in. The block is a NumPy array: memory that is never written to is not resident.
"""

from libc.stdint cimport int32_t

import numpy as np

from sessiondata._aggregate cimport DAY, EXTENDED, INTRADAY, Level, level_init
from sessiondata._gaps cimport gaps_init, gaps_max_ranges
from sessiondata._grid cimport SlotTable
from sessiondata._ring cimport ring_bytes, ring_init
from sessiondata._symbol cimport MAX_LEVELS


cdef uint8_t[::1] lay_out(Symbol* symbol, Grid grid, tuple steps_ns, int64_t capacity):
    """Allocate the block of a symbol and lay its rings, levels and trackers over it, all empty.

    `steps_ns` are the lengths of the series, base first, 0 for the session; `capacity` 0 is one session."""
    cdef list steps = [step for step in steps_ns[1:] if step]
    cdef list tables = [steps_ns[0], *steps, 0]  # trackers: base, intraday levels, session bar
    cdef list capacities = [capacity or grid.possible_slots(steps_ns[0])]
    cdef Py_ssize_t n_levels = len(steps) + 2, i, at
    if n_levels > MAX_LEVELS:
        raise ValueError(f"at most {MAX_LEVELS - 2} derived intervals")
    capacities += [grid.possible_slots(step) for step in steps] + [1, 1]
    at = 64 + _round_up(n_levels * <Py_ssize_t>sizeof(Level))
    at += sum([ring_bytes(rows, i == 0, i > 0) for i, rows in enumerate(capacities)])
    at += sum([_range_bytes(grid.table(step)) for step in tables])
    cdef uint8_t[::1] memory = np.empty(at, np.uint8)
    cdef uint8_t* base = &memory[0]
    base += _round_up(<Py_ssize_t>base) - <Py_ssize_t>base
    symbol.levels, symbol.n_levels = <Level*>base, <int32_t>n_levels
    at = _round_up(n_levels * <Py_ssize_t>sizeof(Level))
    symbol.root = -1
    for i in reversed(range(n_levels)):
        _init_level(symbol, i, steps)
    for i in range(n_levels + 1):
        ring_init(series_ring(symbol, i), base + at, capacities[i], i == 0, i > 0)
        at += ring_bytes(capacities[i], i == 0, i > 0)
    for i in range(len(tables)):
        gaps_init(series_gaps(symbol, i), grid.table(tables[i]), <int32_t*>(base + at))
        at += _range_bytes(grid.table(tables[i]))
    return memory


cdef int _init_level(Symbol* symbol, Py_ssize_t i, list steps) except -1:
    """Kind and parent of level `i`: intraday intervals in ascending order, the session bar, the extended one."""
    cdef Py_ssize_t parent = len(steps) - 1 if i >= len(steps) else i - 1
    cdef int64_t step = steps[i] if i < len(steps) else 0
    if step:
        while parent >= 0 and step % <int64_t>steps[parent]:
            parent -= 1
    kind = INTRADAY if step else DAY if i == len(steps) else EXTENDED
    level_init(&symbol.levels[i], kind, <int32_t>parent, step, symbol.step_ns)
    if parent < 0 and kind != EXTENDED:
        symbol.levels[i].next_root, symbol.root = symbol.root, <int32_t>i
    return 0


cdef inline Py_ssize_t _round_up(Py_ssize_t size) noexcept nogil:
    return (size + 63) // 64 * 64


cdef Py_ssize_t _range_bytes(const SlotTable* table) noexcept nogil:
    return _round_up(2 * gaps_max_ranges(table) * <Py_ssize_t>sizeof(int32_t))
