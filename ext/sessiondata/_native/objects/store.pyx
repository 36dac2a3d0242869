"""One symbol as the object that Python holds: its native state, and the `def` wrappers around it.

Series are numbered: 0 is the base, 1 .. the derived intervals, in the order of `intervals`.
The session bar is always maintained; it is a numbered series only where "1d" was asked for.

    memory    start, stop: a session's `Memory`, laid out by `symbol/layout`
    writing   append, extend, fill -> checked, stored in the guard, refused with an error
    evidence  marks and retries of absent slots
    answers   rows, states and gaps of one moment, as numbers and tuples

The memory of a session is never reused: starting another one allocates anew, so a window on the old
one keeps its blocks alive and says that it is no longer valid.

The file is long because the class is one: everything in it is done inside the symbol's guard, and a
class cannot be cut. What needs no more than its C fields stands in other modules (`objects/copies`,
`objects/outage`, `objects/rules`). Rejected: one class for writing and one for answers. Every
symbol would pay for two objects, and the second would look into the first for all it says.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBuffer_Release
from cpython.dict cimport PyDict_SetItem
from cpython.exc cimport PyErr_Clear
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from cpython.object cimport Py_TYPE, PyTypeObject
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

from functools import partial

import numpy as np

from sessiondata._native.base.guard cimport gc_pause, gc_resume, peek, peek_small
from sessiondata._native.base.status cimport (
    CORRECTED, ERR_INPUT_KIND, ERR_LATER_SESSION, ERR_NO_SESSION, ERR_UNIT, N_REASONS, OTHER_SESSION, STORED, Offence,
    raise_status, reason_index,
)
from sessiondata._native.base.time cimport LEAST_START
from sessiondata._native.objects.gaps cimport Range, SlotsOf, gap_records, list_ranges
from sessiondata._native.objects.rows cimport sorted_rows, store_rows
from sessiondata._native.objects.scalars cimport number_of, time_of
from sessiondata._native.objects.view cimport view_of
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport (
    Bar, ring_begin_change, ring_end_change, ring_oldest, ring_room,
)
from sessiondata._native.rows.ticks cimport INPUT_BARS, INPUT_NONE, ticks_oldest
from sessiondata._native.slots.extended cimport Extended, extended_expected
from sessiondata._native.slots.gaps cimport (
    gaps_count, gaps_explained, gaps_halted, gaps_missing, gaps_present, gaps_state,
)
from sessiondata._native.slots.grid cimport expected_at, ordinal_start
from sessiondata._native.slots.marks cimport Spans
from sessiondata._native.symbol.clock cimport clock_join, clock_part
from sessiondata._native.symbol.evidence cimport Evidence, evidence_of
from sessiondata._native.symbol.feed cimport feed_check
from sessiondata._native.symbol.fill cimport fill_rows
from sessiondata._native.symbol.handles cimport handle_acquire, handle_release
from sessiondata._native.symbol.layout cimport lay_out, series_extended, series_gaps, series_ring
from sessiondata._native.symbol.symbol cimport (
    EARLIER_STORE, MAX_LEVELS, Counters, check_bar, check_rows, first_at_or_after, forget_past, is_inconsistent,
    symbol_append, symbol_append_with_gil, symbol_check, symbol_enter, symbol_extend, symbol_flush, symbol_leave,
    symbol_note_change, symbol_open_label, symbol_start, symbol_watermark,
    symbol_open_label, symbol_start, symbol_watermark,
)

from sessiondata._native.base.status import REASONS
from sessiondata.copying import refuse_copy
from sessiondata.errors import CalendarError, SessionStateError


def _refuse_removed(core, ts_ns, close_label, store):
    raise SessionStateError(f"symbol {core.name!r} was removed from its store and takes no bars", symbol=core.name)


cdef object _INT64 = np.dtype("int64"), _INT32 = np.dtype("int32"), _FLOAT64 = np.dtype("float64")
cdef tuple _NO_ROWS = tuple([np.frombuffer(b"", kind) for kind in (_INT64, *(_FLOAT64,) * 5, _INT32)])


cdef extern from "Python.h":
    # not 0: it has raised
    int get_buffer "PyObject_GetBuffer"(object array, Py_buffer* out_view, int flags) noexcept


cdef PyTypeObject* _ndarray = <PyTypeObject*>np.ndarray


cdef inline bint _borrow_column(object array, Py_buffer* columns, int* n_open, bint is_time) noexcept:
    """Borrow one more column, if it is a plain array: contiguous, aligned, one dimension of int64
    (times) or float64.

    One question to the buffer, where Python code asks six attributes, and a third of what a
    memoryview costs."""
    cdef Py_buffer* column = &columns[n_open[0]]
    if Py_TYPE(array) != _ndarray:  # not a subclass: a mask would be overlooked
        return False
    # not contiguous, or a type that buffers have no name for
    if get_buffer(array, column, PyBUF_FORMAT | PyBUF_ND):
        PyErr_Clear()
        return False
    n_open[0] += 1
    return (column.ndim == 1 and column.itemsize == 8 and column.format[1] == 0
            and (column.format[0] in (c"l", c"q") if is_time else column.format[0] == c"d")
            and <uint64_t>column.buf % 8 == 0)


@cython.final
# the clock must be there when the symbol parts from it; every cycle goes through other objects
@cython.no_gc_clear
cdef class SymbolCore:
    """Native state of one symbol.

    Once it has a handle, callers without the GIL may use it as well. All native work is therefore
    done inside its guard (`symbol_enter`); methods with a Python name enter it, those of C are
    called inside or say otherwise. What only holders of the GIL change (the session, the grid, the
    days) may be looked at outside.

    Parameters
    ----------
    name : str
    clock : StoreClock
    intervals : tuple of str
        Names of the series, base first, "1d" last if it was asked for.
    steps_ns : tuple of int
        Their lengths in ns; 0 for "1d".
    capacity : int
        Rows of the base ring; 0 for one whole session.
    close_label : bool
        Appended timestamps are the ends of bars, not their starts.
    start_for_first_bar : callable
        Called with (core, ts_ns, close_label, store) when a bar arrives for a symbol without a
        session: it starts one, unless another thread has done so meanwhile, and returns what
        `store()` does then; None if the bar is of a session that has ended. With None for `store`
        it only says whether that is so (None) or not.
    tick_capacity, quote_capacity : int
        Rows of the rings of trades and quotes.
    quote_bars : int
        QUOTE_BARS_*: the bars that quotes make.
    strict : bool
        Refuse bars whose open or close lies outside [low, high].
    """

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, str name, StoreClock clock not None, tuple intervals, tuple steps_ns, int64_t capacity,
                  bint close_label, start_for_first_bar, int64_t tick_capacity=0, int64_t quote_capacity=0,
                  int quote_bars=0, bint strict=False):
        self.name, self.clock, self.intervals, self.steps_ns = name, clock, intervals, steps_ns
        self._capacity, self.close_label, self._start_for_first_bar = capacity, close_label, start_for_first_bar
        self.symbol.clock, self.symbol.step_ns = &clock.data, steps_ns[0]
        self.symbol.grid = NULL
        self.symbol.newest_stop = self.symbol.base_stop = self.symbol.grow_stop = INT64_MIN
        self.symbol.watch_ts = INT64_MAX
        self.symbol.tick_capacity, self.symbol.quote_capacity = max(1, tick_capacity), max(1, quote_capacity)
        self.symbol.quote_bars, self.symbol.strict = quote_bars, strict

    def __dealloc__(self):
        handle_release(self._handle)
        PyMem_RawFree(self.symbol.past)
        if self.symbol.owner == <void*>self:
            clock_part(&self.symbol)

    @property
    def handle(self):
        """What compiled code calls this symbol (see capi.pxd); the same for as long as the symbol
        lives."""
        if self._handle == 0:
            self._handle = handle_acquire(&self.symbol, self.steps_ns, self.close_label)
        return self._handle

    # --- memory ---

    def start(self, Grid grid not None, hours, bint touch):
        """Allocate everything for a session and begin it empty. `hours`: (start_ns, stop_ns) around
        it in which bars are expected too, or None; `touch` the memory now or leave that to the
        bars."""
        self._memory = lay_out(&self.symbol, grid, self.steps_ns, self._capacity, hours, touch)
        self._own_session(grid)
        symbol_start(&self.symbol, &grid.data)

    cdef void _own_session(self, Grid grid):
        """What belongs to a session beside `symbol` and `_memory`."""
        self.grid, self._columns = grid, None
        self.session_id += 1
        self._is_plain = not self.close_label

    def attach(self, days):
        """Have a history, and count for the store's sequence: the symbol is not a day itself."""
        if clock_join(&self.symbol):
            raise MemoryError("no memory for another symbol of a store")
        self.days, self.symbol.owner = days, <void*>self

    def stop(self, bint undo=False):
        """Forget the session: no rows, and windows on it are no longer valid. `undo`: it has only
        just begun, and that counts as no change."""
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        ring_begin_change(&self.symbol.base)
        self.symbol.n_edits += -1 if undo else 1
        forget_past(&self.symbol)
        self._is_plain = False
        self.symbol.run_stop = INT64_MIN
        self.symbol.grid = NULL
        self.symbol.last_ts = 0  # as before any session
        self.symbol.newest_stop = self.symbol.base_stop = self.symbol.grow_stop = INT64_MIN
        self.symbol.input_kind, self.symbol.grown = INPUT_NONE, 0
        self.symbol.ticks = self.symbol.quotes = NULL
        self.symbol.bars_updated = 0
        memset(&self.symbol.counters, 0, sizeof(self.symbol.counters))
        memset(self.symbol.tick_counters, 0, sizeof(self.symbol.tick_counters))
        self.session_id += 1
        symbol_note_change(&self.symbol)
        ring_end_change(&self.symbol.base)
        symbol_leave(inside)
        # the memory goes when nobody can find it any more
        self.grid, self._memory, self._columns = None, None, None

    def detach(self):
        """Accept no more bars: the symbol has left its store."""
        self.stop()
        self.days = None
        self.symbol.route_earlier = NULL
        # no method: that would be a cycle that nothing breaks
        self._start_for_first_bar = _refuse_removed

    cdef Ring* ring(self, Py_ssize_t k) noexcept nogil:
        if self.symbol.grid == NULL:
            return NULL
        if k > 0:
            symbol_flush(&self.symbol, <int32_t>k - 1)
        return series_ring(&self.symbol, k)

    cdef Gaps* tracker(self, Py_ssize_t k) noexcept nogil:
        if self.symbol.grid == NULL:
            return NULL
        if k > 0:
            symbol_flush(&self.symbol, <int32_t>k - 1)
        return series_gaps(&self.symbol, k)

    @property
    def quote_bars(self):
        """QUOTE_BARS_*: the bars that quotes make."""
        return self.symbol.quote_bars

    @property
    def strict(self):
        """Whether bars whose open or close lies outside [low, high] are refused."""
        return bool(self.symbol.strict)

    @property
    def memory(self):
        """Object that keeps the memory of the session alive, for views made by compiled code; None
        before one."""
        return self._memory

    cdef list column_cache(self):
        """`rows/columns`, made when they are first asked for: many a day of history is never looked
        at."""
        if self._columns is None:
            self._columns, self._columns_at = [None] * (len(self.intervals) + 2), [0] * len(self.intervals)
        return self._columns

    def columns(self, Py_ssize_t k):
        """Arrays (ts, open, high, low, close, volume, n_base or None) over the whole ring of series
        `k`.

        Read-only, and no user can make them writable: their base is a `_View`. Rows `bounds(k)` are
        live."""
        cdef uintptr_t* inside
        cdef Ring ring
        if self.symbol.grid == NULL:
            return _NO_ROWS[:6] + (_NO_ROWS[6] if k else None,)
        inside = symbol_enter(&self.symbol)
        ring = series_ring(&self.symbol, k)[0]
        symbol_leave(inside)
        return self._columns_of(k, &ring)

    cdef tuple _columns_of(self, Py_ssize_t k, const Ring* ring):
        """`columns(k)` over the memory that the ring had at some moment of this session."""
        cdef Memory memory = self._memory
        cdef int64_t room = ring_room(ring)
        cdef list columns = self.column_cache(), columns_at = self._columns_at
        if columns_at[k] != <Py_ssize_t>ring.ts:
            made = (
                view_of(memory, ring.ts, room, _INT64), view_of(memory, ring.open, room, _FLOAT64),
                view_of(memory, ring.high, room, _FLOAT64), view_of(memory, ring.low, room, _FLOAT64),
                view_of(memory, ring.close, room, _FLOAT64), view_of(memory, ring.volume, room, _FLOAT64),
                view_of(memory, ring.n_base, room, _INT32) if ring.derived else None,
            )
            # Making them runs Python. Where another session has begun meanwhile, these lists are
            # nobody's any more.
            columns[k], columns_at[k] = made, <Py_ssize_t>ring.ts
            return made
        return <tuple>columns[k]

    def bounds(self, Py_ssize_t k):
        """(columns, first, stop, sequence of the first, moves): where the live rows of series `k`
        lie at one moment, and how often rows have changed places until then; None for the columns
        where there are no rows."""
        if self.symbol.grid == NULL:
            return None, 0, 0, 0, 0
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef Ring ring = self.ring(k)[0]
        symbol_leave(inside)
        return (self._columns_of(k, &ring) if ring.next_seq else None, ring_oldest(&ring) - ring.origin,
                ring.next_seq - ring.origin, ring_oldest(&ring), ring.n_moves)

    def memory_usage(self):
        """(bytes reserved, bytes of the live rows)."""
        cdef Py_ssize_t k
        cdef int64_t rows = 0
        cdef Memory shared
        if self.symbol.grid == NULL:
            return 0, 0
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        for k in range(self.symbol.n_levels + 1):
            ring = self.ring(k)
            rows += (ring.next_seq - ring_oldest(ring)) * (48 if k == 0 else 52)
        if self.symbol.ticks != NULL:
            rows += (self.symbol.ticks.next_seq - ticks_oldest(self.symbol.ticks)) * 32
        if self.symbol.quotes != NULL:
            rows += (self.symbol.quotes.next_seq - ticks_oldest(self.symbol.quotes)) * 40
        cdef int64_t n_bytes = self._memory.n_bytes()
        symbol_leave(inside)
        for shared in self._memory.shared:
            n_bytes += shared.n_bytes()
        return n_bytes, rows

    # --- writing ---

    @cython.binding(False)  # a plain built-in method, which the interpreter calls without a detour
    def append(self, ts_ns, open, high, low, close, volume, /):
        """
        Store one bar and everything it causes.

        Parameters
        ----------
        ts_ns : int, datetime64 or aware datetime
            Open time of the bar (its close where the symbol has ``label="close"``); an int is ns
            since 1970 UTC.
        open, high, low, close, volume : float

        Returns
        -------
        bool
            True if the store changed. False for a repeat of what is there, and for a bar that is
            refused without being wrong (older than the ring keeps, or of an earlier trade date):
            see ``counters``.

        Raises
        ------
        BarError
            The bar breaks a rule; the store is as it was.
        SessionStateError
            The bar belongs to a later trade date.

        Notes
        -----
        O(derived intervals) for the newest bar, nothing is allocated; O(log rows) and one slot of
        each interval for others. Several writers of a symbol wait for each other.
        """
        cdef uintptr_t* inside
        cdef Bar bar
        cdef int status, overflow = 0
        if (PyFloat_CheckExact(open) and PyFloat_CheckExact(high) and PyFloat_CheckExact(low)
                and PyFloat_CheckExact(close) and PyFloat_CheckExact(volume) and PyLong_CheckExact(ts_ns)):
            bar.ts = PyLong_AsLongLongAndOverflow(ts_ns, &overflow)
            bar.open, bar.high, bar.low = PyFloat_AS_DOUBLE(open), PyFloat_AS_DOUBLE(high), PyFloat_AS_DOUBLE(low)
            bar.close, bar.volume = PyFloat_AS_DOUBLE(close), PyFloat_AS_DOUBLE(volume)
            if overflow == 0 and self._is_plain:
                inside = symbol_enter(&self.symbol)
                status = symbol_append(&self.symbol, &bar)
                symbol_leave(inside)
                if status >= 0:
                    return STORED <= status <= CORRECTED
        return self._append_any(ts_ns, open, high, low, close, volume)

    cdef object _append_any(self, object ts_ns, object open, object high, object low, object close, object volume):
        """`append` of what is not exactly an int and five floats, and of first, close-labelled and
        bad bars."""
        cdef Bar bar
        cdef int status
        bar.ts = time_of(ts_ns, self.name)
        cdef int64_t given_ts = bar.ts
        bar.open, bar.high = number_of(open, "open", self.name), number_of(high, "high", self.name)
        bar.low, bar.close = number_of(low, "low", self.name), number_of(close, "close", self.name)
        bar.volume = number_of(volume, "volume", self.name)
        if self.symbol.grid == NULL:
            return self._append_first(&bar)
        if self.close_label:
            self._open_label(&bar.ts)
        if peek_small(&self.symbol.input_kind) > INPUT_BARS and bar.ts >= self.symbol.grid.span_start:
            self._refuse(ERR_INPUT_KIND, None, None, None, None, None, None, None)
        status = symbol_append_with_gil(&self.symbol, &bar)
        if status < 0:
            self._refuse(status, None, given_ts, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ts)
        return STORED <= status <= CORRECTED

    def begin(self, ts_ns, bint close_label, store):
        """Start the session of a first bar of the symbol and return `store()`; see
        `start_for_first_bar`."""
        return self._start_for_first_bar(self, ts_ns, close_label, store)

    cdef object _append_first(self, const Bar* bar):
        """Start the session that a bar belongs to, then append it; a bar that is refused starts
        none."""
        cdef Bar row = bar[0]
        cdef int status = check_bar(&self.symbol, &row)
        if status:
            self._refuse(status, None, row.ts, row.open, row.high, row.low, row.close, row.volume)
        stored = self.begin(row.ts, self.close_label,
                            partial(self.append, row.ts, row.open, row.high, row.low, row.close, row.volume))
        return self._append_elapsed(&row) if stored is None else stored

    cdef bint _append_elapsed(self, Bar* bar) except -1:
        """Append a checked bar of a session that has ended: to its day in history, or it is
        counted."""
        cdef int64_t given_ts = bar.ts
        cdef int status = OTHER_SESSION
        if self.close_label:
            self._open_label(&bar.ts)
        if self.symbol.route_earlier != NULL:
            status = self.symbol.route_earlier(&self.symbol, bar, EARLIER_STORE)
        else:
            self._count_skipped(NULL, 1)
        if status < 0:
            self._refuse(status, None, given_ts, bar.open, bar.high, bar.low, bar.close, bar.volume)
        return STORED <= status <= CORRECTED

    @cython.binding(False)
    def extend_newest(self, ts_ns, open, high, low, close, volume, /):
        """Store what is the usual case, plain arrays of good rows in order and newer than all there
        are, in a session.

        Returns the rows added, or -1 if it is not that: then nothing has changed. Any objects may
        come in."""
        cdef Py_buffer columns[6]
        cdef int64_t stored = -1
        cdef int n_open = 0
        if not self._is_plain:
            return -1
        if (_borrow_column(ts_ns, columns, &n_open, True) and _borrow_column(open, columns, &n_open, False)
                and _borrow_column(high, columns, &n_open, False) and _borrow_column(low, columns, &n_open, False)
                and _borrow_column(close, columns, &n_open, False)
                and _borrow_column(volume, columns, &n_open, False)):
            stored = self._extend_columns(columns)
        while n_open:
            n_open -= 1
            PyBuffer_Release(&columns[n_open])
        return stored

    cdef int64_t _extend_columns(self, const Py_buffer* columns) noexcept nogil:
        """Store columns, if they have one length and are the usual case; else -1."""
        cdef int64_t n = columns[0].shape[0]
        cdef Columns rows = Columns(
            <const int64_t*>columns[0].buf, <const double*>columns[1].buf, <const double*>columns[2].buf,
            <const double*>columns[3].buf, <const double*>columns[4].buf, <const double*>columns[5].buf, NULL,
        )
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef int status, i
        cdef bint in_order
        for i in range(6):
            if columns[i].shape[0] != n or self._memory.holds(columns[i].buf):
                symbol_leave(inside)
                return -1
        if check_rows(&self.symbol, &rows, n, &status, &in_order) >= 0 or not in_order:
            n = -1
        else:
            n = symbol_extend(&self.symbol, &rows, n)
        symbol_leave(inside)
        return n if n >= 0 else -1

    def extend(self, const int64_t[::1] given_ts, const double[::1] open, const double[::1] high,
               const double[::1] low, const double[::1] close, const double[::1] volume, bint skip, bint close_label,
               bint is_cold=False):
        """Store arrays of equal length, all or nothing; returns rows added or corrected. See the
        facade's `extend`, which has tried `extend_newest` where that may do.

        Without a session -1, and nothing has changed; with `is_cold` all rows are of sessions that
        have ended.

        Python code runs before a look at the session, or after all is stored, never between."""
        cdef uintptr_t* inside
        cdef int64_t n = given_ts.shape[0], row, i
        cdef int status
        cdef bint in_order
        cdef const int64_t[::1] ts = given_ts
        cdef int64_t[::1] opened
        cdef Columns columns
        cdef Rows rows
        cdef Refusal refusal
        if n == 0:
            return 0
        if close_label:
            own = np.array(given_ts)
            ts = own  # one by one: Cython 3.1 does not compile memoryviews of two types in a row
            opened = own
        if self.symbol.grid != NULL:
            if (self._memory.holds(&given_ts[0]) or self._memory.holds(&open[0]) or self._memory.holds(&high[0])
                    or self._memory.holds(&low[0]) or self._memory.holds(&close[0]) or self._memory.holds(&volume[0])):
                # Views of this very ring, which storing the rows may overwrite while they are read.
                return self.extend(np.array(given_ts), np.array(open), np.array(high), np.array(low), np.array(close),
                                   np.array(volume), skip, close_label, is_cold)
            if close_label:
                for i in range(n):
                    self._open_label(&opened[i])
            columns = Columns(&ts[0], &open[0], &high[0], &low[0], &close[0], &volume[0], NULL)
            inside = symbol_enter(&self.symbol)
            row = check_rows(&self.symbol, &columns, n, &status, &in_order)
            if row < 0 and in_order:
                n = symbol_extend(&self.symbol, &columns, n)
            symbol_leave(inside)
            if row >= 0 and not skip and status != ERR_INPUT_KIND:
                self._refuse(status, row, given_ts[row], open[row], high[row], low[row], close[row], volume[row],
                             ts[row])
            if row < 0 and in_order:
                if n < 0:
                    self._refuse(<int>n, None, None, None, None, None, None, None)
                return n
        elif not is_cold:
            return -1
        columns = Columns(&given_ts[0], &open[0], &high[0], &low[0], &close[0], &volume[0], NULL)
        rows = sorted_rows(&columns, given_ts.shape[0])
        n = self.store_own(rows, skip, close_label, is_cold, True, &refusal)
        if refusal.status:
            row = refusal.row
            self._refuse(refusal.status, row, given_ts[row], open[row], high[row], low[row], close[row], volume[row],
                         refusal.ts)
        return n

    cdef int64_t store_own(self, Rows rows, bint skip, bint close_label, bint is_cold, bint to_days,
                           Refusal* out_refusal) except -2:
        """Check and store rows that are this call's own, in time order: runs of newer rows as
        blocks, late ones and repeats one by one, those from before the session to their days in
        history (or, not `to_days`, they are counted). All or nothing, and in one step.

        -1, and nothing has changed, if there is no session and the call is not cold."""
        cdef int64_t n, first, changed = 0, stored = 0, other = 0
        cdef int64_t[N_REASONS] skipped
        cdef tuple staged = None
        cdef bint collects
        out_refusal[0] = Refusal(0, 0, 0)
        memset(skipped, 0, sizeof(skipped))
        if self.symbol.grid == NULL:
            if not is_cold:
                return -1
            if self.days is None:
                out_refusal.status = ERR_NO_SESSION
                return 0
        collects = gc_pause()
        try:
            if self._has_other_input_kind(rows, close_label, out_refusal):
                return 0
            n = self._check_own(rows, skip, close_label, skipped, out_refusal)
            if out_refusal.status or (not skip and self._refuses_early(rows, n, out_refusal)):
                return 0
            first = n if self.symbol.grid == NULL else first_at_or_after(rows.ts, n, self.symbol.grid.span_start)
            if first and self.symbol.route_earlier != NULL and to_days:
                staged, changed, other = self.days.prepare(rows, first)
            else:
                other = first
            if first < n:
                stored = store_rows(&self.symbol, rows, first, n)
                if stored < 0:
                    self._refuse(<int>stored, None, None, None, None, None, None, None)
            if staged is not None:  # cannot fail
                self.days.commit_rows(staged, changed)
            self._count_skipped(skipped, other)
        finally:
            gc_resume(collects)
        return changed + stored

    cdef bint _has_other_input_kind(self, Rows rows, bint close_label, Refusal* out_refusal) noexcept nogil:
        """Whether trades or quotes make the bars of the session and a row is not of an earlier one;
        the first such."""
        cdef int64_t i, ts
        if self.symbol.grid == NULL or peek_small(&self.symbol.input_kind) <= INPUT_BARS:
            return False
        for i in range(rows.n):
            ts = rows.supplied[i]
            if close_label:
                self._open_label(&ts)
            if ts >= self.symbol.grid.span_start and (out_refusal.status == 0 or rows.row[i] < out_refusal.row):
                out_refusal[0] = Refusal(ERR_INPUT_KIND, rows.row[i], ts)
        return out_refusal.status != 0

    cdef int64_t _check_own(self, Rows rows, bint skip, bint close_label, int64_t* skipped,
                            Refusal* out_refusal) noexcept:
        """Open the labels of rows, find the first that breaks a rule, or with `skip` leave those
        out and count them. Returns how many rows are left, in time order."""
        cdef int64_t i, n = 0
        cdef int status
        cdef bint in_order
        cdef Bar bar
        cdef Columns columns
        # mostly all are good, and blocks of them are quick
        if not close_label and self.symbol.grid != NULL:
            columns = rows.columns(0)
            columns.ts = rows.supplied
            if check_rows(&self.symbol, &columns, rows.n, &status, &in_order) < 0:
                memcpy(rows.ts, rows.supplied, rows.n * 8)
                return rows.n
        for i in range(rows.n):
            bar = Bar(rows.supplied[i], rows.values[0][i], rows.values[1][i], rows.values[2][i], rows.values[3][i],
                      rows.values[4][i], 0)
            if close_label:
                self._open_label(&bar.ts)
            status = check_bar(&self.symbol, &bar)
            if status == 0:
                # else a row that is refused keeps its values for the error
                if out_refusal.status == 0:
                    rows.move(i, n, bar.ts)
                n += 1
            elif skip:
                skipped[reason_index(status)] += 1
            elif out_refusal.status == 0 or rows.row[i] < out_refusal.row:
                out_refusal.status, out_refusal.row, out_refusal.ts = status, rows.row[i], bar.ts
        if close_label and out_refusal.status == 0:
            rows.order_again(n)
        return n

    cdef bint _refuses_early(self, Rows rows, int64_t n, Refusal* out_refusal) except -1:
        """Whether the earliest of these rows, none of which was left out, lies before 1990 and no
        day does."""
        if n == 0 or rows.supplied[0] >= LEAST_START or self.has_early_days():
            return False
        out_refusal[0] = Refusal(ERR_UNIT, rows.row[0], rows.supplied[0])
        return True

    cdef void _count_skipped(self, const int64_t* skipped, int64_t other_session) noexcept nogil:
        """Count bad rows per reason (NULL: none), and rows of other sessions. Not called inside the
        guard."""
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef int i
        if skipped != NULL:
            for i in range(N_REASONS):
                self.symbol.counters.skipped[i] += skipped[i]
        self.symbol.counters.other_session += other_session
        symbol_leave(inside)

    def fill(self, const int64_t[::1] given_ts, const double[::1] open, const double[::1] high, const double[::1] low,
             const double[::1] close, const double[::1] volume, bint skip, bint close_label):
        """Store those of the rows that are for slots missing now, all or nothing; returns how many.
        See the facade's `fill`.

        Contiguous int64 times and float64 values of one length. None if there is neither a session
        nor a past day."""
        cdef Columns columns = Columns(NULL, NULL, NULL, NULL, NULL, NULL, NULL)
        cdef Refusal refusal
        cdef int64_t stored, row
        if given_ts.shape[0]:
            columns = Columns(&given_ts[0], &open[0], &high[0], &low[0], &close[0], &volume[0], NULL)
        # Copies, also because the rows may be views of this very ring.
        cdef Rows rows = sorted_rows(&columns, given_ts.shape[0])
        stored = self._fill_own(rows, skip, close_label, False, &refusal)
        if refusal.status:
            row = refusal.row
            self._refuse(refusal.status, row, given_ts[row], open[row], high[row], low[row], close[row], volume[row],
                         refusal.ts)
        return None if stored < 0 else stored

    cdef int64_t _fill_own(self, Rows rows, bint skip, bint close_label, bint loading,
                           Refusal* out_refusal) except -2:
        """`fill` of rows that are this call's own, in one step: those from before the session for
        their days in history, the others inside the guard."""
        cdef int64_t n, first, filled = 0, stored = 0
        cdef int64_t[N_REASONS] skipped
        cdef Columns columns
        cdef tuple staged = None
        cdef uintptr_t* inside
        cdef bint collects
        out_refusal[0] = Refusal(0, 0, 0)
        memset(skipped, 0, sizeof(skipped))
        if self.symbol.grid == NULL and self.symbol.route_earlier == NULL:
            return -1
        collects = gc_pause()
        try:
            n = self._check_own(rows, skip, close_label, skipped, out_refusal)
            if out_refusal.status or (not skip and self._refuses_early(rows, n, out_refusal)):
                return 0
            first = n
            if n and self.symbol.grid != NULL:
                first = first_at_or_after(rows.ts, n, self.symbol.grid.span_start)
            if first and self.symbol.route_earlier != NULL:
                staged, filled = self.days.prepare_fill(rows, first)
            if first < n:
                inside = symbol_enter(&self.symbol)
                columns = rows.columns(first)
                stored = fill_rows(&self.symbol, &columns, n - first, loading, rows.place + first)
                symbol_leave(inside)
                if stored < 0:
                    self._refuse(<int>stored, None, None, None, None, None, None, None)
            if staged is not None:  # cannot fail
                self.days.commit_rows(staged, filled)
            self._count_skipped(skipped, 0)
        finally:
            gc_resume(collects)
        return stored + filled

    cdef void _open_label(self, int64_t* ts) noexcept nogil:
        symbol_open_label(&self.symbol, ts)

    cpdef bint has_early_days(self):
        """Whether the session or a day in history lies before 1990, so that a bar of such a time
        may be meant."""
        cdef SymbolCore day
        if self.symbol.grid != NULL and self.symbol.grid.span_start < LEAST_START:
            return True
        if self.days is not None:
            for day in self.days.cores.values():
                if day.grid.data.span_start < LEAST_START:
                    return True
        return False

    cpdef object date_of(self, int64_t ts):
        """Trade date that holds a time; None if the calendar knows none."""
        try:
            return None if self.calendar is None else self.calendar.session_at(ts, unit="ns").date
        except CalendarError:
            return None

    cdef int _refuse(self, int status, row, ts, open, high, low, close, volume, opened=None) except -1:
        """Raise for a row. `opened` is the start of its bar, where `ts` may be the end."""
        cdef Offence offence = Offence(status, self.name, row, ts, open, high, low, close, volume)
        if status == ERR_LATER_SESSION:
            offence.date = self.date_of(ts if opened is None else opened)
        offence.input_kind = peek_small(&self.symbol.input_kind)
        if status == ERR_INPUT_KIND and ts is not None and self.days is not None:
            source = self.days.input_kind_at(ts if opened is None else opened)
            if source is not None:  # a bar of a past day, which has another input kind
                offence.input_kind = source
        raise_status(offence)

    # --- evidence about absent slots ---
    # There must be a session.

    def mark(self, bint halted, Py_ssize_t k, int64_t start_ns, int64_t stop_ns):
        """Nothing traded in the slots of series `k` that begin in [start_ns, stop_ns), or with
        `halted` the market stood still in that time; False if that was known."""
        cdef bint collects = gc_pause()
        cdef Evidence evidence = evidence_of(self._memory, &self.symbol)
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef int status = evidence.mark(&self.symbol, halted, k, start_ns, stop_ns)
        if status > 0:
            self._changed()
        symbol_leave(inside)
        gc_resume(collects)
        if status < 0:
            raise MemoryError("no memory for a mark")
        return status > 0

    def record_retry(self, Py_ssize_t k, int64_t start_ns, int64_t stop_ns, int64_t when_ns):
        """The missing slots of series `k` that begin in [start_ns, stop_ns) were asked for again;
        returns their number.
        """
        cdef Evidence evidence = evidence_of(self._memory, &self.symbol)
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef int64_t n = evidence.retry(&self.symbol, k, start_ns, stop_ns, when_ns)
        if n > 0:
            self._changed()
        symbol_leave(inside)
        if n < 0:
            raise MemoryError("no memory for a retry")
        return n

    cdef void _changed(self) noexcept nogil:
        self.symbol.n_edits += 1
        self.symbol.changes += 1
        self.symbol.bars_updated = 1

    cpdef void note_past(self) noexcept:
        """What history says, values of indicators included, is no longer what it was."""
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        self.n_past_edits += 1
        self.symbol.n_edits += 1
        forget_past(&self.symbol)
        symbol_note_change(&self.symbol)
        symbol_leave(inside)

    cdef int publish_past(self, Py_ssize_t k, const void* past, object owner) except -1:
        """Have a `Past` of series `k`, and what keeps it, until history changes or another one
        comes."""
        cdef tuple old = self._past
        cdef list owners = [None] * (MAX_LEVELS + 1) if old is None else list(old)
        cdef const void** table = self.symbol.past
        cdef uintptr_t* inside
        if table == NULL:
            table = <const void**>PyMem_RawCalloc(MAX_LEVELS + 1, sizeof(void*))
            if table == NULL:
                raise MemoryError("no memory for the past days of a window")
        owners[k] = owner
        inside = symbol_enter(&self.symbol)
        self.symbol.past = table
        table[k] = past
        symbol_leave(inside)
        self._past = tuple(owners)  # nobody reads the old one any more
        return 0

    cdef object past_of(self, Py_ssize_t k):
        """What keeps the `Past` of series `k`; None if nothing is known."""
        if self.symbol.past == NULL or self.symbol.past[k] == NULL:
            return None
        return self._past[k]

    cdef void drop_old_past(self) noexcept:
        """Let go of what is out of date. That may run Python code, so it comes after the step that
        has changed history."""
        cdef int k
        if self._past is None:
            return
        for k in range(MAX_LEVELS + 1):
            if self.symbol.past[k] != NULL:
                return
        self._past = None

    def note_pins(self):
        """What is reported in place of what is computed has changed."""
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        self.n_pin_edits += 1
        self.symbol.n_edits += 1
        self.symbol.changes += 1
        symbol_leave(inside)

    def marks(self):
        """(spans without trade, halted spans), each a list of (start_ns, stop_ns)."""
        cdef Evidence evidence = None if self._memory is None else self._memory.evidence
        cdef bint collects
        if evidence is None:  # holders of the GIL alone change it
            return [], []
        collects = gc_pause()
        try:
            return _list_spans(&evidence.no_trade), _list_spans(&evidence.halted)
        finally:
            gc_resume(collects)

    def retry_ranges(self, Py_ssize_t k):
        """List of (start_ns, end_ns, how often) of the slots of series `k` that were asked for
        again, some of which may have been filled or explained since; ascending, both ends are
        starts of slots."""
        if self.symbol.grid == NULL:
            return []
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef Gaps gaps = series_gaps(&self.symbol, k)[0]
        cdef int32_t i
        cdef bint collects
        symbol_leave(inside)
        if gaps.marks == NULL:
            return []
        collects = gc_pause()
        found = [  # holders of the GIL alone change it
            (ordinal_start(gaps.table, gaps.marks.retries.start[i]),
             ordinal_start(gaps.table, gaps.marks.retries.stop[i] - 1), gaps.marks.retries.count[i])
            for i in range(gaps.marks.retries.n)
        ]
        gc_resume(collects)
        return found

    # --- answers ---
    # Before a session there is no memory, and not even an address in it may be formed.

    def rows(self, Py_ssize_t k):
        """(first, stop, sequence of the first, moves) of the live rows of series `k`: positions in
        `columns(k)`, and how often rows have changed places."""
        if self.symbol.grid == NULL:
            return 0, 0, 0, 0
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef Ring ring = self.ring(k)[0]
        symbol_leave(inside)
        return ring_oldest(&ring) - ring.origin, ring.next_seq - ring.origin, ring_oldest(&ring), ring.n_moves

    def copy_columns(self, tuple arrays not None, Py_ssize_t start, Py_ssize_t stop):
        """Rows [start, stop) of arrays over a ring of this symbol, as tuple of bytes; None for what
        is None. No row is half old and half new."""
        cdef list copies = [None if array is None else PyBytes_FromStringAndSize(NULL, (stop - start) * array.itemsize)
                            for array in arrays]
        cdef const char* sources[8]
        cdef Py_ssize_t i, n = len(arrays)
        for i in range(n):
            sources[i] = NULL
            if arrays[i] is not None:
                sources[i] = <const char*><size_t>arrays[i].ctypes.data
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        for i in range(n):
            if sources[i] != NULL:
                _copy_items(<bytes>copies[i], sources[i], start, stop)
        symbol_leave(inside)
        return tuple(copies)

    def count(self, Py_ssize_t k):
        """Live rows of series `k`."""
        if self.symbol.grid == NULL:
            return 0
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef Ring* ring = self.ring(k)
        cdef int64_t count = ring.next_seq - ring_oldest(ring)
        symbol_leave(inside)
        return count

    def total_count(self, Py_ssize_t k):
        """Rows ever added to series `k` in this session."""
        if self.symbol.grid == NULL:
            return 0
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef int64_t count = self.ring(k).next_seq
        symbol_leave(inside)
        return count

    def moves(self, Py_ssize_t k):
        """How often rows of series `k` changed places because of a late one."""
        return self.rows(k)[3]

    cdef bint is_forming(self, Py_ssize_t k) noexcept nogil:
        if self.symbol.grid == NULL or self.ring(k).next_seq == 0:
            return False
        return symbol_watermark(&self.symbol) < (
            self.symbol.base_stop if k == 0 else self.symbol.levels[k - 1].slot_stop)

    cdef int64_t forming_ts(self, Py_ssize_t k) noexcept nogil:
        """Time of the bar of series `k` that is in progress, inside the guard; INT64_MIN if none
        is."""
        cdef const Ring* ring
        if not self.is_forming(k):
            return INT64_MIN
        ring = series_ring(&self.symbol, k)
        return ring.ts[ring.next_seq - 1 - ring.origin]

    def forming(self, Py_ssize_t k):
        """Whether the newest row of series `k` is a bar still in progress."""
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef bint forming = self.is_forming(k)
        symbol_leave(inside)
        return forming

    cdef void _states(self, Py_ssize_t k, SlotStates* out_states) noexcept nogil:
        """Numbers of slots that have elapsed, inside the guard; there must be a session."""
        cdef Gaps* gaps = self.tracker(k)
        cdef int32_t expected = expected_at(gaps.table, symbol_watermark(&self.symbol))
        cdef int32_t halted = gaps_halted(gaps, expected)
        out_states[0] = SlotStates(expected, gaps_present(gaps, expected), gaps_missing(gaps, expected),
                                   gaps_explained(gaps, expected) - halted, halted, gaps_count(gaps, expected))

    def states(self, Py_ssize_t k):
        """(expected, present, missing, without trade, halted) slots of series `k` that have
        elapsed."""
        if self.symbol.grid == NULL:
            return 0, 0, 0, 0, 0
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef SlotStates states
        self._states(k, &states)
        symbol_leave(inside)
        return states.expected, states.present, states.missing, states.no_trade, states.halted

    def qualities(self, out not None, dict pinned not None):
        """Put the quality of each series into a dict by name, all of one moment: what is pinned by
        number, else the share of slots that are present."""
        cdef SlotStates states[MAX_LEVELS + 1]
        cdef int32_t k, n_series = <int32_t>len(self.intervals)
        cdef bint is_open = self.symbol.grid != NULL
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        if is_open:
            for k in range(n_series):
                self._states(k, &states[k])
        symbol_leave(inside)
        for k in range(n_series):
            if pinned and k in pinned:
                PyDict_SetItem(out, self.intervals[k], pinned[k])
            else:
                PyDict_SetItem(out, self.intervals[k], quality_of(&states[k]) if is_open else 100.0)
        return out

    def state_at(self, Py_ssize_t k, int64_t ts_ns):
        """State of the regular slot of series `k` that holds `ts_ns`, by its number in
        `slots/gaps`; -1 if none does."""
        if self.symbol.grid == NULL:
            return -1
        cdef int64_t ordinal = self.grid.slot_of(ts_ns, series_gaps(&self.symbol, k).table.step_ns)
        if ordinal < 0:
            return -1
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef Gaps* gaps = self.tracker(k)
        cdef int state = gaps_state(gaps, expected_at(gaps.table, symbol_watermark(&self.symbol)), <int32_t>ordinal)
        symbol_leave(inside)
        return state

    def gap_count(self, Py_ssize_t k):
        """Gaps of series `k`."""
        if self.symbol.grid == NULL:
            return 0
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef SlotStates states
        self._states(k, &states)
        symbol_leave(inside)
        return states.n_gaps

    cdef SlotsOf slots_of(self, Py_ssize_t k, object zone):
        """Whose the slots of series `k` are."""
        return SlotsOf(<void*>self.name, <void*>self.intervals[k], <void*>zone, self.steps_ns[k])

    def gaps(self, Py_ssize_t k, zone not None):
        """Gaps of series `k`: a list of GapInfo, ascending. `zone` is the exchange's."""
        cdef SlotStates states
        return self.gaps_at(k, zone, &states, NULL)

    cdef list gaps_at(self, Py_ssize_t k, object zone, SlotStates* out_states, int64_t* out_as_of):
        """`gaps`, and what else is known at that moment."""
        cdef uintptr_t* inside
        cdef Gaps* gaps
        cdef Range* ranges = NULL
        cdef SlotsOf whose
        # of the slots, until their times have been looked up
        cdef object _memory = self._memory, _grid = self.grid
        out_states[0] = SlotStates(0, 0, 0, 0, 0, 0)
        if self.symbol.grid == NULL:
            return []
        inside = symbol_enter(&self.symbol)
        gaps = self.tracker(k)
        if out_as_of != NULL:
            out_as_of[0] = symbol_watermark(&self.symbol)
        self._states(k, out_states)
        if out_states.n_gaps:
            ranges = list_ranges(gaps, out_states.expected, out_states.n_gaps)
        symbol_leave(inside)
        if out_states.n_gaps == 0:
            return []
        if ranges == NULL:
            raise MemoryError("no memory for the gaps")
        whose = self.slots_of(k, zone)
        try:
            return gap_records(&whose, gaps, NULL, ranges, out_states.n_gaps)
        finally:
            PyMem_RawFree(ranges)

    def answer(self, Py_ssize_t k, zone not None):
        """Everything about the slots of series `k` at one moment.

        Returns
        -------
        as_of : int or None
        states : tuple of int
            As `states` has them.
        gaps : list of GapInfo
            As `gaps` has them.
        """
        cdef SlotStates states
        cdef int64_t as_of = INT64_MIN
        gaps = self.gaps_at(k, zone, &states, &as_of)
        return (None if as_of == INT64_MIN else as_of,
                (states.expected, states.present, states.missing, states.no_trade, states.halted), gaps)

    def all_gaps(self, zone not None):
        """Gaps of each series, a list of lists of GapInfo, all of one moment."""
        cdef Gaps* gaps[MAX_LEVELS + 1]
        cdef SlotStates states[MAX_LEVELS + 1]
        cdef Range* ranges[MAX_LEVELS + 1]
        cdef SlotsOf whose
        cdef int32_t k, n_series = <int32_t>len(self.intervals)
        cdef bint is_whole = True
        cdef object _memory = self._memory, _grid = self.grid  # as in `gaps_at`
        cdef list found = []
        for k in range(n_series):
            gaps[k] = NULL
            ranges[k] = NULL
            states[k] = SlotStates(0, 0, 0, 0, 0, 0)
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        if self.symbol.grid != NULL:
            for k in range(n_series):
                gaps[k] = self.tracker(k)
                self._states(k, &states[k])
                if states[k].n_gaps:
                    ranges[k] = list_ranges(gaps[k], states[k].expected, states[k].n_gaps)
                    is_whole &= ranges[k] != NULL
        symbol_leave(inside)
        try:
            if not is_whole:
                raise MemoryError("no memory for the gaps")
            for k in range(n_series):
                whose = self.slots_of(k, zone)
                found.append(gap_records(&whose, gaps[k], NULL, ranges[k], states[k].n_gaps))
            return found
        finally:
            for k in range(n_series):
                PyMem_RawFree(ranges[k])

    cdef Extended* extended(self, Py_ssize_t k) noexcept nogil:
        """Slots of series `k` that are expected outside the segments; NULL if there are none."""
        if self.symbol.grid == NULL:
            return NULL
        if k > 0:
            symbol_flush(&self.symbol, <int32_t>k - 1)
        return series_extended(&self.symbol, k)

    def extended_tally(self, Py_ssize_t k):
        """(present, expected, number of gaps) of the slots of series `k` outside the segments that
        have elapsed; zeros if none are expected."""
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef Extended* extended = self.extended(k)
        cdef int32_t expected = 0, present = 0, n = 0
        if extended != NULL:
            expected = extended_expected(extended, symbol_watermark(&self.symbol))
            present, n = gaps_present(&extended.gaps, expected), gaps_count(&extended.gaps, expected)
        symbol_leave(inside)
        return present, expected, n

    def extended_gaps(self, Py_ssize_t k, zone not None):
        """Gaps of the slots of series `k` outside the segments, as `gaps` has them."""
        cdef object _memory = self._memory, _grid = self.grid  # as in `gaps_at`
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef Extended* extended = self.extended(k)
        cdef Range* ranges = NULL
        cdef SlotsOf whose
        cdef int32_t expected, n = 0
        if extended != NULL:
            expected = extended_expected(extended, symbol_watermark(&self.symbol))
            n = gaps_count(&extended.gaps, expected)
            if n:
                ranges = list_ranges(&extended.gaps, expected, n)
        symbol_leave(inside)
        if n == 0:
            return []
        if ranges == NULL:
            raise MemoryError("no memory for the gaps")
        whose = self.slots_of(k, zone)
        try:
            return gap_records(&whose, &extended.gaps, extended, ranges, n)
        finally:
            PyMem_RawFree(ranges)

    @property
    def as_of(self):
        """Watermark of the symbol, int ns; None before the first bar and the first advance
        of the clock."""
        cdef int64_t as_of = symbol_watermark(&self.symbol)
        return None if as_of == INT64_MIN else as_of

    @property
    def bars_updated(self):
        return bool(peek_small(&self.symbol.bars_updated))

    @bars_updated.setter
    def bars_updated(self, bint value):
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        self.symbol.bars_updated = value
        symbol_leave(inside)

    def session_bar(self, bint extended):
        """The session's bar (regular rows) or that of the extended ones: (volume, high, low, open,
        close), None without rows."""
        if self.symbol.grid == NULL:
            return None
        cdef int32_t i = self.symbol.n_levels - (1 if extended else 2)
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        symbol_flush(&self.symbol, i)
        cdef bint is_there = self.symbol.levels[i].ring.next_seq > 0
        cdef Bar bar = self.symbol.levels[i].bar
        symbol_leave(inside)
        return (bar.volume, bar.high, bar.low, bar.open, bar.close) if is_there else None

    def newest_ts(self, bint extended):
        """Time of the newest regular (or extended) row, int ns; None if there is none."""
        cdef int64_t ts = peek(&self.symbol.newest_ts[not extended])
        return None if self.symbol.grid == NULL or ts == INT64_MIN else ts

    def metrics(self):
        """Of the regular rows, then of the extended ones, all of one moment: how many were added,
        the time of the newest, and the bar as `session_bar` has it; the last two None without
        rows."""
        cdef Bar bars[2]
        cdef int64_t newest[2]
        cdef int64_t stored = 0, n_extended = 0
        cdef bint are_there[2]
        cdef int i
        memset(bars, 0, sizeof(bars))
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef bint is_open = self.symbol.grid != NULL
        cdef int32_t level = self.symbol.n_levels - 2
        if is_open:
            stored, n_extended = self.symbol.base.next_seq, self.symbol.counters.extended
        for i in range(2):
            newest[i], are_there[i] = INT64_MIN, False
            if is_open:
                symbol_flush(&self.symbol, level + i)
                newest[i] = peek(&self.symbol.newest_ts[1 - i])
                are_there[i] = self.symbol.levels[level + i].ring.next_seq > 0
                bars[i] = self.symbol.levels[level + i].bar
        symbol_leave(inside)
        return tuple([
            (n_extended if i else stored - n_extended,
             None if newest[i] == INT64_MIN else newest[i],
             (bars[i].volume, bars[i].high, bars[i].low, bars[i].open, bars[i].close) if are_there[i] else None)
            for i in range(2)
        ])

    def counters(self):
        """Dict of what became of all bars of the session."""
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef Counters counted = self.symbol.counters
        cdef int64_t stored = 0 if self.symbol.grid == NULL else self.symbol.base.next_seq
        cdef int64_t overwritten = 0 if self.symbol.grid == NULL else ring_oldest(&self.symbol.base)
        cdef int i
        symbol_leave(inside)
        counters = {"stored": stored, **counted}
        counters["skipped"] = {REASONS[i]: counted.skipped[i] for i in range(N_REASONS) if counted.skipped[i]}
        counters["overwritten"] = overwritten
        return counters

    def count_inconsistent(self):
        """Live base rows whose open or close lies outside [low, high]. One pass: nothing is counted
        as bars come."""
        cdef const Ring* base = &self.symbol.base
        cdef int64_t at, n = 0
        if self.symbol.grid == NULL:
            return 0
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        for at in range(ring_oldest(base) - base.origin, base.next_seq - base.origin):
            n += is_inconsistent(base.open[at], base.high[at], base.low[at], base.close[at])
        symbol_leave(inside)
        return n

    def check_invariants(self):
        """Raise AssertionError unless all native invariants hold. O(rows); for tests."""
        cdef uintptr_t* inside = symbol_enter(&self.symbol)
        cdef Py_ssize_t k
        cdef bint hold = True
        if self.symbol.grid != NULL:
            for k in range(self.symbol.n_levels + 1):
                self.ring(k)
            hold = symbol_check(&self.symbol) and feed_check(&self.symbol)
        symbol_leave(inside)
        if not hold:
            raise AssertionError(f"invariants of {self.name!r} do not hold")


cdef void _copy_items(bytes copy, const char* source, Py_ssize_t start, Py_ssize_t stop) noexcept:
    cdef Py_ssize_t item = PyBytes_GET_SIZE(copy) // (stop - start) if stop > start else 0
    memcpy(PyBytes_AS_STRING(copy), source + start * item, (stop - start) * item)


cdef list _list_spans(const Spans* spans):
    cdef int64_t i
    return [(spans.start[i], spans.stop[i]) for i in range(spans.n)]
