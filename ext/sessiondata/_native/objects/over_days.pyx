"""Windows over past days and the session, for Python.

    DayWindows  those of one series, as a symbol keeps them for the next call; plain arguments only
    newest      walks of `symbol/past` -> a view of one stretch, or a copy in one block
    read_into   the same walks into arrays of the caller

A walk that wants rows of past days which nobody has looked up yet ends; they are looked up
(`objects/past_rows`), and it begins anew. What it has found is good as long as no Python code runs:
neither session nor history changes then, and a row that a caller without the GIL adds shows in the
count.
"""

cimport cython
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_WRITABLE, PyBuffer_Release
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.dict cimport PyDict_GetItemWithError
from cpython.exc cimport PyErr_Clear
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.object cimport Py_TYPE, PyObject, PyTypeObject
from cpython.tuple cimport PyTuple_GET_ITEM
from libc.stdint cimport int32_t, int64_t, uint64_t, uintptr_t
from libc.string cimport memset

import numpy as np

from sessiondata._native.objects.bars cimport BarKind
from sessiondata._native.objects.days cimport Days
from sessiondata._native.objects.past_rows cimport PastRows, know_past, supplied_past
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.objects.window cimport BarWindow, new_window, show_ring
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport Ring
from sessiondata._native.slots.grid cimport Grid
from sessiondata._native.symbol.past cimport (
    PAST_UNKNOWN, WITH_EXTENDED, WITH_FORMING, Run, Target, Walk, walk_begin, window_copy, window_count,
)
from sessiondata._native.symbol.symbol cimport symbol_enter, symbol_leave

from sessiondata.copying import refuse_copy


cdef extern from "Python.h":
    int get_buffer "PyObject_GetBuffer"(object array, Py_buffer* out_view, int flags) except -1
    # not 0: it has raised
    int try_buffer "PyObject_GetBuffer"(object array, Py_buffer* out_view, int flags) noexcept


cdef enum:
    MOST = 1_000_000_000  # rows; more are asked for by no loop


cdef void _set_target(Target* target, char* block, int64_t n) noexcept:
    """Columns of `n` rows one behind the other, n_base last."""
    cdef int c
    target.ts = <int64_t*>block
    for c in range(5):
        target.values[c] = <double*>(block + 8 * n * (c + 1))
    target.n_base = <int32_t*>(block + 48 * n)
    target.day = NULL


cdef void _show_block(BarWindow window, bytes block, int64_t n) noexcept:
    """Have a window show the rows that `_set_target` was told of."""
    cdef char* start = PyBytes_AS_STRING(block)
    window.owner, window.n = block, n
    window.rows = Columns(<int64_t*>start, <double*>(start + 8 * n), <double*>(start + 16 * n),
                          <double*>(start + 24 * n), <double*>(start + 32 * n), <double*>(start + 40 * n),
                          <int32_t*>(start + 48 * n))


def newest(SymbolCore core not None, Py_ssize_t k, int64_t n, int64_t flags, BarKind kind not None):
    """The newest `n` rows of series `k` over days (`flags`: WITH_* of `symbol/past`), as a window:
    a view of one stretch, or a copy."""
    return _newest(core, k, n, flags, kind)


@cython.final
cdef class DayWindows:
    """Windows over days of one series.

    Parameters
    ----------
    core : SymbolCore
    k : int
        Number of the series.
    kind : BarKind
        What all its bars have in common.
    """

    cdef SymbolCore _core
    cdef Py_ssize_t _k
    cdef BarKind _kind

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, SymbolCore core not None, Py_ssize_t k, BarKind kind not None):
        self._core, self._k, self._kind = core, k, kind

    @cython.binding(False)
    def newest(self, n, extended, forming, /):
        """`newest` of an int from 1 on and two bools; None, and nothing has been done, of anything
        else."""
        cdef int overflow = 0
        cdef int64_t count
        cdef int64_t flags = (WITH_EXTENDED if extended is True else 0) + (WITH_FORMING if forming is True else 0)
        if not PyLong_CheckExact(n) or (extended is not True and extended is not False) or (
                forming is not True and forming is not False):
            return None
        count = PyLong_AsLongLongAndOverflow(n, &overflow)
        if overflow or count < 1 or count > MOST:
            return None
        return _newest(self._core, self._k, count, flags, self._kind)

    @cython.binding(False)
    def read(self, n, extended, forming, out, /):
        """`read_into` of the usual case: arguments as of `newest`, and a dict of plain arrays that
        fit, without dates. None, and nothing has been done, of anything else."""
        cdef Py_buffer views[7]
        cdef Py_buffer* view
        cdef void* data[8]
        cdef int overflow = 0, n_open = 0, i, j
        cdef int64_t count, flags
        cdef bint fits = True
        cdef PyObject* array
        if type(out) is not dict or not PyLong_CheckExact(n) or (extended is not True and extended is not False) or (
                forming is not True and forming is not False):
            return None
        count = PyLong_AsLongLongAndOverflow(n, &overflow)
        if overflow or count < 1:
            return None
        flags = (WITH_EXTENDED if extended is True else 0) + (WITH_FORMING if forming is True else 0)
        memset(data, 0, sizeof(data))
        for i in range(7):
            array = PyDict_GetItemWithError(<dict>out, <object>PyTuple_GET_ITEM(_NAMES, i))
            if array == NULL:
                continue
            view = &views[n_open]
            # a subclass: a mask would be overlooked
            if Py_TYPE(<object>array) != _ndarray or try_buffer(
                    <object>array, view, PyBUF_FORMAT | PyBUF_ND | PyBUF_WRITABLE):
                PyErr_Clear()
                fits = False
                break
            n_open += 1
            fits = (view.ndim == 1 and view.shape[0] == count and view.format[1] == 0
                    and <uint64_t>view.buf % <uint64_t>view.itemsize == 0 and _has_kind(view, i))
            for j in range(n_open - 1):
                fits = fits and not (<char*>view.buf < <char*>views[j].buf + views[j].len
                                     and <char*>views[j].buf < <char*>view.buf + view.len)
            # NumPy's own memory is not ours
            if not fits or ((<object>array).base is not None and _is_ours(self._core, view)):
                fits = False
                break
            data[i] = view.buf
        try:
            if fits and n_open and n_open == len(<dict>out):
                return _read(self._core, self._k, count, flags, data)
            return None
        finally:
            while n_open:
                n_open -= 1
                PyBuffer_Release(&views[n_open])


cdef tuple _NAMES = ("timestamp", "open", "high", "low", "close", "volume", "n_base")
cdef PyTypeObject* _ndarray = <PyTypeObject*>np.ndarray


cdef bint _has_kind(const Py_buffer* view, int column) noexcept:
    """Whether numbers are those of a column of `_NAMES`: int64, float64, int32."""
    if column == 0:
        return view.itemsize == 8 and view.format[0] in (c"l", c"q")
    return view.format[0] == c"i" if column == 6 else view.format[0] == c"d"


cdef int64_t _read(SymbolCore core, Py_ssize_t k, int64_t n, int64_t flags, void** data) except -2:
    """Copy the newest rows to where `data` says (as of `read_into`), which is checked; returns how
    many there are."""
    cdef int64_t count = PAST_UNKNOWN
    cdef int i
    cdef Target target
    cdef Walk walk
    cdef Run oldest
    cdef uintptr_t* inside
    target.ts, target.n_base, target.day = <int64_t*>data[0], <int32_t*>data[6], <int64_t*>data[7]
    for i in range(5):
        target.values[i] = <double*>data[i + 1]
    while count == PAST_UNKNOWN:
        inside = symbol_enter(&core.symbol)
        walk_begin(&walk, &core.symbol, k, n, flags)
        count = window_count(&walk, n, &oldest)
        if count > 0:
            walk_begin(&walk, &core.symbol, k, n, flags)
            window_copy(&walk, count, &target)
        symbol_leave(inside)
        if count == PAST_UNKNOWN:
            know_past(core, k, n)
    return count


cdef BarWindow _newest(SymbolCore core, Py_ssize_t k, int64_t n, int64_t flags, BarKind kind):
    cdef uintptr_t* inside
    cdef Walk walk
    cdef Run oldest
    cdef Ring ring
    cdef int64_t count, start
    cdef PastRows past
    cdef Grid grid
    cdef bytes block
    cdef Target target
    cdef bint is_numbered = k < len(core.intervals)
    cdef BarWindow window = new_window(kind)
    window.n_requested = n
    while True:
        inside = symbol_enter(&core.symbol)
        walk_begin(&walk, &core.symbol, k, n, flags)
        count = window_count(&walk, n, &oldest)
        if walk.ring != NULL:
            ring = walk.ring[0]
        symbol_leave(inside)
        if count == PAST_UNKNOWN:
            know_past(core, k, n)
            continue
        grid = core.grid
        if count == 0:
            window.grid = grid
            return window
        # Up to the copy no Python code runs: neither session nor history change.
        past = <PastRows>core.past_of(k) if oldest.place >= 0 else None
        if oldest.n == count:
            if past is not None:
                past.show(window, &oldest)
                return window
            if is_numbered:
                start = oldest.rows.ts - ring.ts + ring.origin
                show_ring(window, core, k, &ring, start, start + count)
                return window
        block = PyBytes_FromStringAndSize(NULL, 52 * count)
        _set_target(&target, PyBytes_AS_STRING(block), count)
        inside = symbol_enter(&core.symbol)
        walk_begin(&walk, &core.symbol, k, n, flags)
        if window_count(&walk, n, &oldest) == count:
            walk_begin(&walk, &core.symbol, k, n, flags)
            window_copy(&walk, count, &target)
        else:  # a caller without the GIL has added a row
            count = PAST_UNKNOWN
        symbol_leave(inside)
        if count == PAST_UNKNOWN:
            continue
        _show_block(window, block, count)
        window.grid = grid if oldest.place < 0 else (<PastRows>core.past_of(k)).hours(oldest.place, grid)
        window.forming_ts = walk.forming_ts
        return window


def newest_supplied(SymbolCore core not None, str name, int64_t n, int64_t flags, BarKind kind not None):
    """`newest` of an interval that the symbol does not hold: of rows that were supplied for it."""
    cdef PastRows past = supplied_past(core, name, n)
    cdef Walk walk
    cdef Run oldest
    cdef Target target
    cdef int64_t count
    cdef bytes block
    cdef BarWindow window = new_window(kind)
    window.n_requested = n
    memset(&walk, 0, sizeof(walk))
    walk.past, walk.with_extended = &past.data, flags & WITH_EXTENDED
    count = window_count(&walk, n, &oldest)
    if count and oldest.n == count:
        past.show(window, &oldest)
    elif count:
        block = PyBytes_FromStringAndSize(NULL, 52 * count)
        _set_target(&target, PyBytes_AS_STRING(block), count)
        walk.next_run = 0
        window_copy(&walk, count, &target)
        _show_block(window, block, count)
        window.grid = past.hours(oldest.place, None)
    return window


def read_into(SymbolCore core not None, Py_ssize_t k, int64_t n, int64_t flags, tuple columns not None):
    """Copy the newest `n` rows of series `k` over days into arrays; returns how many there are.

    `columns`: ts, open, high, low, close, volume, n_base, days since 1970, each a writable,
    contiguous array of `n` int64 (n_base: int32) or float64, or None. -1, and nothing is written,
    if one of them lies in the memory of a session or a day."""
    cdef Py_buffer views[8]
    cdef void* data[8]
    cdef int i, n_open = 0
    try:
        for i in range(8):
            data[i] = NULL
            if columns[i] is not None:
                get_buffer(columns[i], &views[n_open], PyBUF_WRITABLE)
                data[i] = views[n_open].buf
                n_open += 1
        for i in range(n_open):
            if _is_ours(core, &views[i]):
                return -1
        return _read(core, k, n, flags, data)
    finally:
        while n_open:
            n_open -= 1
            PyBuffer_Release(&views[n_open])


cdef bint _is_ours(SymbolCore core, const Py_buffer* view) except -1:
    """Whether memory lies in that of the symbol's session, or of one of its days."""
    cdef const char* last = <const char*>view.buf + view.len - 1
    cdef SymbolCore day
    if core._memory is not None and (core._memory.holds(view.buf) or core._memory.holds(last)):
        return True
    if core.days is not None:
        for day in (<Days>core.days).cores.values():
            if day._memory.holds(view.buf) or day._memory.holds(last):
                return True
    return False
