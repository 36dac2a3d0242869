"""Owners of native state, and the `def` wrappers around it.

Series are numbered: 0 is the base, 1 .. the derived intervals shown, in the order of `intervals`. The session bar is
always maintained; it is a numbered series only where "1d" was asked for.

The memory of a session is never reused: starting another one allocates anew, so a window on the old one keeps its
blocks alive and says that it is no longer valid.
"""

cimport cython
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_AsDouble, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.object cimport Py_TYPE, PyTypeObject
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint64_t
from libc.string cimport memset

import numpy as np

from sessiondata.errors import BarTypeError, SessionStateError, TimeError, shown
from sessiondata.times import to_ns

from sessiondata._aggregate cimport Level
from sessiondata._evidence cimport Evidence, evidence_of
from sessiondata._extended cimport Extended, extended_expected, extended_start
from sessiondata._feed cimport feed_check
from sessiondata._gaps cimport (
    gaps_count, gaps_explained, gaps_halted, gaps_list, gaps_missing, gaps_present, gaps_state, gaps_tally,
)
from sessiondata._grid cimport expected_at, first_slot_from, ordinal_start
from sessiondata._layout cimport lay_out, series_extended, series_gaps, series_ring
from sessiondata._marks cimport Spans, retries_of
from sessiondata._ring cimport Bar, ring_find, ring_oldest, ring_read
from sessiondata._status cimport (
    CORRECTED, ERR_NO_SESSION, ERR_SOURCE, ERR_TS_RANGE, N_REASONS, STORED, Offence, raise_status, reason_index,
)
from sessiondata._symbol cimport (
    check_bar, check_rows, clock_advance, symbol_append, symbol_as_of, symbol_check, symbol_extend, symbol_open_label,
    symbol_reserve, symbol_settle, symbol_start,
)
from sessiondata._ticks cimport SOURCE_BARS, SOURCE_NONE, ticks_oldest
from sessiondata.capi cimport handle_give_back, handle_take

from sessiondata._status import REASONS


cdef class StoreClock:
    """Clock and change sequence of a store; every symbol of the store points into it.

    Parameters
    ----------
    grace_ns : int
        How long after its end a bar may still arrive before its slot counts as over, if nothing newer has come.
    """

    def __cinit__(self, int64_t grace_ns=0):
        self.data.as_of, self.data.judged, self.data.sequence = INT64_MIN, INT64_MIN, 0
        self.epoch = 0
        self.data.grace_ns = grace_ns

    @property
    def as_of(self):
        """Latest time given to `advance`, int ns; None before."""
        return None if self.data.as_of == INT64_MIN else self.data.as_of

    @property
    def grace_ns(self):
        return self.data.grace_ns

    @property
    def sequence(self):
        return self.data.sequence

    def advance(self, int64_t ts_ns):
        """Move the clock forwards; False (and no change) if it stands there already or further."""
        return clock_advance(&self.data, ts_ns)

    def touch(self):
        """Count a change that no bar made."""
        self.data.sequence += 1

    def begin_epoch(self, int step=1):
        """Another session begins, or (-1) the one that has just begun does not."""
        self.epoch += step

    def reset(self):
        """Forget the time (a new session); the sequence goes on."""
        self.data.as_of = self.data.judged = INT64_MIN
        self.data.sequence += 1


cdef double number_of(object x, str column, SymbolCore core) except? -1.0:
    """A Python number as a double; anything that is not a real number is a typed error."""
    # float() would take these: a bool, the nanoseconds of a datetime64, the real part of a complex scalar.
    if not (isinstance(x, (bool, np.ma.core.MaskedConstant))
            or (isinstance(x, np.generic) and x.dtype.kind not in "iuf")):
        try:
            return PyFloat_AsDouble(x)
        except (TypeError, ValueError, OverflowError):
            pass
    raise BarTypeError(f"{column} must be a real number", symbol=core.name, value=f"{column}={shown(x)}",
                       code="ERR_TYPE")


cdef int64_t time_of(object x, SymbolCore core) except? -1:
    cdef int overflow = 0
    cdef int64_t ts_ns
    if not PyLong_CheckExact(x):
        try:
            return to_ns(x)
        except TimeError as error:
            raise TimeError(f"{error} (symbol={core.name!r})") from error
    ts_ns = PyLong_AsLongLongAndOverflow(x, &overflow)
    if overflow:
        raise_status(Offence(ERR_TS_RANGE, symbol=core.name, ts_ns=x))
    return ts_ns


cdef class _View:
    """The memory of a symbol as a read-only buffer. Behind a memoryview's `toreadonly()` stands `.obj`, the writable
    owner; behind this there is nothing that Python code can reach."""

    cdef Memory _memory
    cdef void* _start
    cdef Py_ssize_t _n_bytes

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self._start, self._n_bytes, 1, flags)


cdef object view_of(Memory memory, void* start, int64_t n, object dtype):
    cdef _View view = _View.__new__(_View)
    view._memory, view._start, view._n_bytes = memory, start, n * dtype.itemsize
    return np.frombuffer(view, dtype)


cdef object _INT64 = np.dtype("int64"), _INT32 = np.dtype("int32"), _FLOAT64 = np.dtype("float64")


cdef PyTypeObject* _ndarray = <PyTypeObject*>np.ndarray


cdef inline bint _borrow_column(object array, Py_buffer* columns, int* n_open, bint is_time) noexcept:
    """Borrow one more column, if it is a plain array: contiguous, aligned, one dimension of int64 (times) or float64.

    One question to the buffer, where Python code asks six attributes, and a third of what a memoryview costs."""
    cdef Py_buffer* column = &columns[n_open[0]]
    if Py_TYPE(array) != _ndarray:  # not a subclass: a mask would be overlooked
        return False
    try:
        PyObject_GetBuffer(array, column, PyBUF_FORMAT | PyBUF_ND)
    except Exception:  # not contiguous, or of a type that buffers have no name for
        return False
    n_open[0] += 1
    return (column.ndim == 1 and column.itemsize == 8 and column.format[1] == 0
            and column.format[0] in (b"lq" if is_time else b"d") and <uint64_t>column.buf % 8 == 0)


cdef class SymbolCore:
    """Native state of one symbol.

    Parameters
    ----------
    name : str
    clock : StoreClock
    intervals : tuple of str
        Names of the series, base first, "1d" last if it is shown.
    steps_ns : tuple of int
        Their lengths in ns; 0 for "1d".
    capacity : int
        Rows of the base ring; 0 for one whole session.
    close_label : bool
        Appended timestamps are the ends of bars, not their starts.
    need_session : callable
        Called with (ts_ns, close_label, step_ns) when a bar arrives before any session has been started: it starts
        one or raises; False if the bar is of a session that has ended. Called with None for ts_ns when that bar was
        then refused, to undo it.
    tick_capacity, quote_capacity : int
        Rows of the rings of trades and quotes.
    quote_bars : int
        QUOTE_BARS_*: the bars that quotes make.
    """

    def __cinit__(self, str name, StoreClock clock not None, tuple intervals, tuple steps_ns, int64_t capacity,
                  bint close_label, need_session, int64_t tick_capacity=0, int64_t quote_capacity=0,
                  int quote_bars=0):
        self.name, self.clock, self.intervals, self.steps_ns = name, clock, intervals, steps_ns
        self._capacity, self.close_label, self._need_session = capacity, close_label, need_session
        self.symbol.clock, self.symbol.step_ns = &clock.data, steps_ns[0]
        self.symbol.grid = NULL
        self.symbol.newest_stop = self.symbol.base_stop = INT64_MIN
        self.symbol.tick_capacity, self.symbol.quote_capacity = max(1, tick_capacity), max(1, quote_capacity)
        self.symbol.quote_bars = quote_bars

    def __dealloc__(self):
        handle_give_back(self._handle)

    @property
    def handle(self):
        """What compiled code calls this symbol (see capi.pxd); the same for as long as the symbol lives."""
        if self._handle == 0:
            self._handle = handle_take(&self.symbol, self.steps_ns, self.close_label)
        return self._handle

    # --- memory ---

    def start(self, Grid grid not None, hours, bint touch):
        """Allocate everything for a session and begin it empty. `hours`: (start_ns, stop_ns) around it in which bars
        are expected too, or None; `touch` the memory now or leave that to the bars."""
        self._memory = lay_out(&self.symbol, grid, self.steps_ns, self._capacity, hours, touch)
        self._own_session(grid)
        symbol_start(&self.symbol, &grid.data)

    cdef void _own_session(self, Grid grid):
        """What belongs to a session beside `symbol` and `_memory`."""
        self.grid, self._columns = grid, None
        self.session_id += 1
        self._is_plain = not self.close_label

    def attach(self, days):
        """Have a history."""
        self.days, self.symbol.owner = days, <void*>self

    def stop(self, bint undo=False):
        """Forget the session: no rows, and windows on it are no longer valid. `undo`: it has only just begun, and that
        counts as no change."""
        self.symbol.n_edits += -1 if undo else 1
        self._is_plain = False
        self.symbol.run_stop = INT64_MIN
        self.symbol.grid = NULL
        self.grid, self._memory, self._columns = None, None, None
        self.symbol.last_ts = 0  # as before any session
        self.symbol.newest_stop = self.symbol.base_stop = INT64_MIN
        self.symbol.source, self.symbol.grown = SOURCE_NONE, 0
        self.symbol.ticks = self.symbol.quotes = NULL
        self.symbol.bars_updated = 0
        memset(&self.symbol.counters, 0, sizeof(self.symbol.counters))
        memset(self.symbol.tick_counters, 0, sizeof(self.symbol.tick_counters))
        self.session_id += 1

    def detach(self):
        """Take no more bars: the symbol has left its store."""
        self.stop()
        self.days = None
        self.symbol.take_earlier = NULL
        self._need_session = self._refuse_removed

    def _refuse_removed(self, ts_ns, close_label, step_ns):
        if ts_ns is not None:
            raise SessionStateError(f"symbol {self.name!r} was removed from its store and takes no bars")

    cdef Ring* ring(self, Py_ssize_t k) noexcept nogil:
        if self.symbol.grid == NULL:
            return NULL
        if k > 0:
            symbol_settle(&self.symbol, <int32_t>k - 1)
        return series_ring(&self.symbol, k)

    cdef Gaps* tracker(self, Py_ssize_t k) noexcept nogil:
        if self.symbol.grid == NULL:
            return NULL
        if k > 0:
            symbol_settle(&self.symbol, <int32_t>k - 1)
        return series_gaps(&self.symbol, k)

    @property
    def quote_bars(self):
        """QUOTE_BARS_*: the bars that quotes make."""
        return self.symbol.quote_bars

    @property
    def memory(self):
        """Object that keeps the memory of the session alive, for views made by compiled code; None before one."""
        return self._memory

    cdef list column_cache(self):
        """`_columns`, made when they are first asked for: many a day of history is never looked at."""
        if self._columns is None:
            self._columns, self._columns_at = [None] * (len(self.intervals) + 2), [0] * len(self.intervals)
        return self._columns

    def columns(self, Py_ssize_t k):
        """Arrays (ts, open, high, low, close, volume, n_base or None) over the whole ring of series `k`.

        Read-only, and no user can make them writable: their base is a `_View`. Rows `rows(k)` are live."""
        cdef Ring* ring = series_ring(&self.symbol, k)
        cdef Memory memory = self._memory
        self.column_cache()
        if self._columns_at[k] != <Py_ssize_t>ring.ts:
            self._columns[k] = (
                view_of(memory, ring.ts, ring.room, _INT64), view_of(memory, ring.open, ring.room, _FLOAT64),
                view_of(memory, ring.high, ring.room, _FLOAT64), view_of(memory, ring.low, ring.room, _FLOAT64),
                view_of(memory, ring.close, ring.room, _FLOAT64), view_of(memory, ring.volume, ring.room, _FLOAT64),
                view_of(memory, ring.n_base, ring.room, _INT32) if ring.derived else None,
            )
            self._columns_at[k] = <Py_ssize_t>ring.ts
        return self._columns[k]

    def memory_usage(self):
        """(bytes reserved, bytes of the live rows)."""
        cdef Py_ssize_t k
        cdef int64_t rows = 0
        if self.symbol.grid == NULL:
            return 0, 0
        for k in range(self.symbol.n_levels + 1):
            ring = self.ring(k)
            rows += (ring.next_seq - ring_oldest(ring)) * (48 if k == 0 else 52)
        if self.symbol.ticks != NULL:
            rows += (self.symbol.ticks.next_seq - ticks_oldest(self.symbol.ticks)) * 32
        if self.symbol.quotes != NULL:
            rows += (self.symbol.quotes.next_seq - ticks_oldest(self.symbol.quotes)) * 40
        return self._memory.n_bytes(), rows

    # --- writing ---

    @cython.binding(False)  # a plain built-in method, which the interpreter calls without a detour
    def append(self, ts_ns, open, high, low, close, volume, /):
        """
        Store one bar and everything it causes.

        Parameters
        ----------
        ts_ns : int, datetime64 or aware datetime
            Open time of the bar (its close where the symbol has ``label="close"``); an int is ns since 1970 UTC.
        open, high, low, close, volume : float

        Returns
        -------
        bool
            True if the store changed. False for a repeat of what is there, and for a bar that is refused without
            being wrong (older than the ring keeps, or of an earlier trade date): see ``counters``.

        Raises
        ------
        BarError
            The bar breaks a rule; the store is as it was.
        SessionStateError
            The bar belongs to a later trade date.

        Notes
        -----
        O(derived intervals) for the newest bar, nothing is allocated; O(log rows) and one slot of each interval for
        others. One writer per symbol.
        """
        cdef Bar bar
        cdef int status, overflow = 0
        if (PyFloat_CheckExact(open) and PyFloat_CheckExact(high) and PyFloat_CheckExact(low)
                and PyFloat_CheckExact(close) and PyFloat_CheckExact(volume) and PyLong_CheckExact(ts_ns)):
            bar.ts = PyLong_AsLongLongAndOverflow(ts_ns, &overflow)
            bar.open, bar.high, bar.low = PyFloat_AS_DOUBLE(open), PyFloat_AS_DOUBLE(high), PyFloat_AS_DOUBLE(low)
            bar.close, bar.volume = PyFloat_AS_DOUBLE(close), PyFloat_AS_DOUBLE(volume)
            if overflow == 0 and self._is_plain:
                status = symbol_append(&self.symbol, &bar)
                if status >= 0:
                    return STORED <= status <= CORRECTED
        return self._append_any(ts_ns, open, high, low, close, volume)

    cdef object _append_any(self, object ts_ns, object open, object high, object low, object close, object volume):
        """`append` of what is not exactly an int and five floats, and of first, close-labelled and bad bars."""
        cdef Bar bar
        cdef int status
        bar.ts = time_of(ts_ns, self)
        cdef int64_t given_ts = bar.ts
        bar.open, bar.high = number_of(open, "open", self), number_of(high, "high", self)
        bar.low, bar.close = number_of(low, "low", self), number_of(close, "close", self)
        bar.volume = number_of(volume, "volume", self)
        if self.symbol.grid == NULL:
            return self._append_first(&bar)
        if self.symbol.source > SOURCE_BARS:
            self._refuse(ERR_SOURCE, None, None, None, None, None, None, None)
        if self.close_label:
            self._open_label(&bar.ts)
        status = symbol_append(&self.symbol, &bar)
        if status < 0:
            self._refuse(status, None, given_ts, bar.open, bar.high, bar.low, bar.close, bar.volume)
        return STORED <= status <= CORRECTED

    def begin(self, ts_ns, bint close_label):
        """Start the session of a first bar in the store; with None, undo it. False if that session has ended."""
        return self._need_session(ts_ns, close_label, self.symbol.step_ns)

    cdef object _append_first(self, const Bar* bar):
        """Start the session that a bar belongs to, then append it; a bar that is refused starts none."""
        cdef int status = check_bar(&self.symbol, bar)
        if status:
            self._refuse(status, None, bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume)
        cdef int64_t ts = bar.ts
        if self.begin(bar.ts, self.close_label) is False:
            if self.close_label:
                self._open_label(&ts)
            return self._extend_earlier(np.array([ts]), np.array([bar.open]), np.array([bar.high]),
                                        np.array([bar.low]), np.array([bar.close]), np.array([bar.volume])) > 0
        try:
            return self.append(bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume)
        except BaseException:
            self.begin(None, self.close_label)
            raise

    @cython.binding(False)
    def extend_newest(self, ts_ns, open, high, low, close, volume, /):
        """Store what is the usual case, plain arrays of good rows in order and newer than all there are, in a session.

        Returns the rows added, or -1 if it is not that: then nothing has changed. Any object may be given."""
        return self._extend_newest(ts_ns, open, high, low, close, volume) if self._is_plain else -1

    def extend(self, given_ts, open, high, low, close, volume, bint skip, bint close_label):
        """Store arrays of equal length, all or nothing; returns rows added or corrected. See the facade's `extend`.

        Contiguous int64 times and float64 values."""
        cdef int64_t stored = -1
        if self.symbol.grid != NULL and not close_label:
            stored = self._extend_newest(given_ts, open, high, low, close, volume)
        return stored if stored >= 0 else self._extend_any(given_ts, open, high, low, close, volume, skip, close_label)

    cdef int64_t _extend_newest(self, ts_ns, open, high, low, close, volume) except -2:
        """`extend_newest` where there is a session."""
        cdef Py_buffer columns[6]
        cdef int64_t stored = -1
        cdef int n_open = 0
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
        cdef const int64_t* ts = <const int64_t*>columns[0].buf
        cdef const double* open = <const double*>columns[1].buf
        cdef const double* high = <const double*>columns[2].buf
        cdef const double* low = <const double*>columns[3].buf
        cdef const double* close = <const double*>columns[4].buf
        cdef const double* volume = <const double*>columns[5].buf
        cdef int status, i
        cdef bint in_order
        for i in range(6):
            if columns[i].shape[0] != n or self._memory.holds(columns[i].buf):
                return -1
        if check_rows(&self.symbol, ts, open, high, low, close, volume, n, &status, &in_order) >= 0 or not in_order:
            return -1
        n = symbol_extend(&self.symbol, ts, open, high, low, close, volume, n)
        return n if n >= 0 else -1

    cdef int64_t _extend_any(self, const int64_t[::1] given_ts, const double[::1] open, const double[::1] high,
                             const double[::1] low, const double[::1] close, const double[::1] volume,
                             bint skip, bint close_label) except -1:
        """`extend` of any batch."""
        cdef int64_t n = given_ts.shape[0], row
        cdef int status
        cdef bint in_order
        cdef const int64_t[::1] ts = given_ts
        if n == 0:
            return 0
        if self.symbol.grid == NULL:
            return self._extend_unstarted(given_ts, open, high, low, close, volume, skip, close_label)
        if (self._memory.holds(&given_ts[0]) or self._memory.holds(&open[0]) or self._memory.holds(&high[0])
                or self._memory.holds(&low[0]) or self._memory.holds(&close[0]) or self._memory.holds(&volume[0])):
            # Views of this very ring, which storing the rows may overwrite while they are read.
            return self.extend(np.array(given_ts), np.array(open), np.array(high), np.array(low), np.array(close),
                               np.array(volume), skip, close_label)
        if close_label:
            ts = self._open_labels(given_ts)
        row = check_rows(&self.symbol, &ts[0], &open[0], &high[0], &low[0], &close[0], &volume[0], n, &status,
                         &in_order)
        if row >= 0:
            if skip and status != ERR_SOURCE:
                return self._extend_good(ts, open, high, low, close, volume)
            self._refuse(status, row, given_ts[row], open[row], high[row], low[row], close[row], volume[row])
        if in_order:
            n = symbol_extend(&self.symbol, &ts[0], &open[0], &high[0], &low[0], &close[0], &volume[0], n)
            if n < 0:
                self._refuse(<int>n, None, None, None, None, None, None, None)
            return n
        return self._extend_unordered(ts, open, high, low, close, volume)

    cdef int64_t _extend_unstarted(self, const int64_t[::1] ts, const double[::1] open, const double[::1] high,
                                   const double[::1] low, const double[::1] close, const double[::1] volume,
                                   bint skip, bint close_label) except -1:
        """Rows of which none could start a session: raise for the first bad one or count them; others are of sessions
        that have ended."""
        cdef Py_ssize_t i
        cdef int status
        cdef Bar bar
        good = np.zeros(ts.shape[0], bool)
        cdef int64_t skipped[N_REASONS]
        memset(skipped, 0, sizeof(skipped))
        for i in range(ts.shape[0]):
            bar = Bar(ts[i], open[i], high[i], low[i], close[i], volume[i], 0)
            status = check_bar(&self.symbol, &bar)
            if status == 0 and self.days is None:
                status = ERR_NO_SESSION
            if status and (not skip or status == ERR_NO_SESSION):
                self._refuse(status, i, ts[i], open[i], high[i], low[i], close[i], volume[i])
            elif status:
                skipped[reason_index(status)] += 1
            good[i] = status == 0
        for i in range(N_REASONS):
            self.symbol.counters.skipped[i] += skipped[i]
        order = np.flatnonzero(good)[np.argsort(np.asarray(ts)[good], kind="stable")]
        if len(order) == 0:
            return 0
        times = self._open_labels(ts) if close_label else ts
        return self._extend_earlier(np.asarray(times)[order], np.asarray(open)[order], np.asarray(high)[order],
                                    np.asarray(low)[order], np.asarray(close)[order], np.asarray(volume)[order])

    cdef int64_t _extend_earlier(self, ts, open, high, low, close, volume) except -1:
        """Checked rows in time order, all from before the session: to their days in history, or counted."""
        staged, changed, other = self.days.prepare(ts, open, high, low, close, volume)
        self.days.commit(staged, changed)
        self.symbol.counters.other_session += other
        return changed

    cdef int64_t[::1] _open_labels(self, const int64_t[::1] ts):
        cdef int64_t[::1] shifted = np.array(ts)
        cdef Py_ssize_t i
        for i in range(shifted.shape[0]):
            self._open_label(&shifted[i])
        return shifted

    cdef int64_t _extend_good(self, const int64_t[::1] ts, const double[::1] open, const double[::1] high,
                              const double[::1] low, const double[::1] close, const double[::1] volume) except -1:
        """Count the bad rows per reason, then extend by the others."""
        good = np.ones(ts.shape[0], bool)
        cdef Py_ssize_t i
        cdef int status
        cdef Bar bar
        for i in range(ts.shape[0]):
            bar = Bar(ts[i], open[i], high[i], low[i], close[i], volume[i], 0)
            status = check_bar(&self.symbol, &bar)
            if status:
                self.symbol.counters.skipped[reason_index(status)] += 1
                good[i] = False
        return self.extend(np.asarray(ts)[good], np.asarray(open)[good], np.asarray(high)[good], np.asarray(low)[good],
                           np.asarray(close)[good], np.asarray(volume)[good], False, False)

    cdef int64_t _extend_unordered(self, ts, open, high, low, close, volume) except -1:
        """Take checked rows in time order (stable: of equal timestamps the later row comes later): runs of newer rows
        as blocks, late rows and repeats one by one."""
        order = np.argsort(ts, kind="stable")
        cdef const int64_t[::1] t = np.asarray(ts)[order]
        cdef const double[::1] o = np.asarray(open)[order], h = np.asarray(high)[order], l = np.asarray(low)[order]
        cdef const double[::1] c = np.asarray(close)[order], v = np.asarray(volume)[order]
        cdef int64_t i, stop, n = t.shape[0], changed = 0, n_new = 0, first = 0
        cdef const Ring* base = &self.symbol.base
        cdef int status
        cdef Bar bar
        cdef tuple staged = None
        if self.symbol.take_earlier != NULL:
            first = np.searchsorted(t, self.symbol.grid.span_start)
            staged, changed, other = self.days.prepare(t[:first], o[:first], h[:first], l[:first], c[:first], v[:first])
        for i in range(first, n):
            stop = ring_find(base, t[i])
            n_new += (i == 0 or t[i] != t[i - 1]) and (
                stop == base.next_seq or base.ts[stop - base.origin] != t[i])
        if first < n:
            status = symbol_reserve(&self.symbol, &t[first], n - first, n_new)
            if status:
                self._refuse(status, None, None, None, None, None, None, None)
        if staged is not None:  # from here on nothing can fail
            self.days.commit(staged, changed)
            self.symbol.counters.other_session += other
        i = first
        while i < n:
            stop = i + 1
            if t[i] <= self.symbol.last_ts:
                bar = Bar(t[i], o[i], h[i], l[i], c[i], v[i], 0)
                status = symbol_append(&self.symbol, &bar)
                changed += STORED <= status <= CORRECTED
            else:
                while stop < n and t[stop] > t[stop - 1]:
                    stop += 1
                changed += symbol_extend(&self.symbol, &t[i], &o[i], &h[i], &l[i], &c[i], &v[i], stop - i)
            i = stop
        return changed

    cdef void _open_label(self, int64_t* ts) noexcept nogil:
        symbol_open_label(&self.symbol, ts)

    cdef int _refuse(self, int status, row, ts, open, high, low, close, volume) except -1:
        cdef Offence offence = Offence(status, self.name, row, ts, open, high, low, close, volume)
        offence.source = self.symbol.source
        if status == ERR_SOURCE and self.symbol.source <= SOURCE_BARS:  # a bar of a past day, which was fed otherwise
            offence.source = self.days.source_at(ts)
        raise_status(offence)

    # --- evidence about absent slots ---
    # There must be a session.

    def mark(self, bint halted, Py_ssize_t k, int64_t start_ns, int64_t stop_ns):
        """Nothing traded in the slots of series `k` that begin in [start_ns, stop_ns), or with `halted` the market
        stood still in that time; False if that was known."""
        cdef bint changed = evidence_of(self._memory, &self.symbol).mark(&self.symbol, halted, k, start_ns, stop_ns)
        if changed:
            self._changed()
        return changed

    def record_retry(self, Py_ssize_t k, int64_t start_ns, int64_t stop_ns, int64_t when_ns):
        """The missing slots of series `k` that begin in [start_ns, stop_ns) were asked for again; returns their number.
        """
        cdef int64_t n = evidence_of(self._memory, &self.symbol).retry(&self.symbol, k, start_ns, stop_ns, when_ns)
        if n > 0:
            self._changed()
        return n

    cdef void _changed(self) noexcept nogil:
        self.symbol.n_edits += 1
        self.symbol.clock.sequence += 1
        self.symbol.bars_updated = 1

    cpdef void note_past(self) noexcept:
        """What history says, values of indicators included, is no longer what it was."""
        self.n_past_edits += 1
        self.symbol.n_edits += 1

    def note_pins(self):
        """What is reported in place of what is computed has changed."""
        self.n_pin_edits += 1
        self.symbol.n_edits += 1
        self.symbol.clock.sequence += 1

    def marks(self):
        """(spans without trade, halted spans), each a list of (start_ns, stop_ns)."""
        cdef Evidence evidence = None if self._memory is None else self._memory.evidence
        if evidence is None:
            return [], []
        return _list_spans(&evidence.no_trade), _list_spans(&evidence.halted)

    def retries(self, Py_ssize_t k):
        """List of (how often, when last in ns or None) for each of `gaps(k)`; None if nothing was asked for again."""
        if self.symbol.grid == NULL:
            return None
        cdef Gaps* gaps = self.tracker(k)
        if gaps.marks == NULL or gaps.marks.retries.n == 0:
            return None
        cdef int32_t expected = expected_at(gaps.table, symbol_as_of(&self.symbol))
        cdef int32_t n = gaps_count(gaps, expected), i, count
        cdef int64_t last_ns
        cdef int32_t[:, ::1] ranges = np.empty((2, n + 1), np.int32)
        cdef list found = []
        gaps_list(gaps, expected, &ranges[0, 0], &ranges[1, 0])
        for i in range(n):
            retries_of(&gaps.marks.retries, ranges[0, i], ranges[1, i], &count, &last_ns)
            found.append((count, last_ns if count else None))
        return found

    def retry_ranges(self, Py_ssize_t k):
        """List of (start_ns, end_ns, how often) of the slots of series `k` that were asked for again, some of which may
        have been filled or explained since; ascending, both ends are starts of slots."""
        if self.symbol.grid == NULL:
            return []
        cdef const Gaps* gaps = self.tracker(k)
        cdef int32_t i
        if gaps.marks == NULL:
            return []
        return [
            (ordinal_start(gaps.table, gaps.marks.retries.start[i]),
             ordinal_start(gaps.table, gaps.marks.retries.stop[i] - 1), gaps.marks.retries.count[i])
            for i in range(gaps.marks.retries.n)
        ]

    # --- answers ---
    # Before a session there is no memory, and not even an address in it may be formed.

    def rows(self, Py_ssize_t k):
        """(first, stop, sequence of the first) of the live rows of series `k`: positions in `columns(k)`."""
        if self.symbol.grid == NULL:
            return 0, 0, 0
        cdef Ring* ring = self.ring(k)
        cdef int64_t oldest = ring_oldest(ring)
        return oldest - ring.origin, ring.next_seq - ring.origin, oldest

    def count(self, Py_ssize_t k):
        """Live rows of series `k`."""
        if self.symbol.grid == NULL:
            return 0
        cdef Ring* ring = self.ring(k)
        return ring.next_seq - ring_oldest(ring)

    def total_count(self, Py_ssize_t k):
        """Rows ever added to series `k` in this session."""
        return 0 if self.symbol.grid == NULL else self.ring(k).next_seq

    def find(self, Py_ssize_t k, int64_t ts_ns):
        """Position among the live rows of the first one at or after `ts_ns`."""
        if self.symbol.grid == NULL:
            return 0
        cdef Ring* ring = self.ring(k)
        return ring_find(ring, ts_ns) - ring_oldest(ring)

    def moves(self, Py_ssize_t k):
        """How often rows of series `k` changed places because of a late one."""
        return 0 if self.symbol.grid == NULL else self.ring(k).n_moves

    def bar(self, Py_ssize_t k, Py_ssize_t i):
        """Row `i` of the live rows (0 the oldest; must exist) as (ts, open, high, low, close, volume, n_base)."""
        cdef Ring* ring = self.ring(k)
        cdef Bar row
        ring_read(ring, ring_oldest(ring) + i, &row)
        return row.ts, row.open, row.high, row.low, row.close, row.volume, row.n_base

    cdef bint is_forming(self, Py_ssize_t k) noexcept nogil:
        if self.symbol.grid == NULL or self.ring(k).next_seq == 0:
            return False
        return symbol_as_of(&self.symbol) < (self.symbol.base_stop if k == 0 else self.symbol.levels[k - 1].slot_stop)

    def forming(self, Py_ssize_t k):
        """Whether the newest row of series `k` is a bar still in progress."""
        return self.is_forming(k)

    def tally(self, Py_ssize_t k):
        """(present, expected) slots of series `k` that are over."""
        if self.symbol.grid == NULL:
            return 0, 0
        cdef Gaps* gaps = self.tracker(k)
        cdef int32_t expected = expected_at(gaps.table, symbol_as_of(&self.symbol))
        return gaps_present(gaps, expected), expected

    def states(self, Py_ssize_t k):
        """(expected, present, missing, without trade, halted) slots of series `k` that are over."""
        if self.symbol.grid == NULL:
            return 0, 0, 0, 0, 0
        cdef Gaps* gaps = self.tracker(k)
        cdef int32_t expected = expected_at(gaps.table, symbol_as_of(&self.symbol))
        cdef int32_t explained = gaps_explained(gaps, expected), halted = gaps_halted(gaps, expected)
        return expected, gaps_present(gaps, expected), gaps_missing(gaps, expected), explained - halted, halted

    def state_at(self, Py_ssize_t k, int64_t ts_ns):
        """State of the regular slot of series `k` that holds `ts_ns`, by its number in `_gaps`; -1 if none does."""
        if self.symbol.grid == NULL:
            return -1
        cdef Gaps* gaps = self.tracker(k)
        cdef int64_t ordinal = self.grid.slot_of(ts_ns, gaps.table.step_ns)
        if ordinal < 0:
            return -1
        return gaps_state(gaps, expected_at(gaps.table, symbol_as_of(&self.symbol)), <int32_t>ordinal)

    def gap_count(self, Py_ssize_t k):
        if self.symbol.grid == NULL:
            return 0
        cdef Gaps* gaps = self.tracker(k)
        return gaps_count(gaps, expected_at(gaps.table, symbol_as_of(&self.symbol)))

    def gaps(self, Py_ssize_t k):
        """List of (start_ns, end_ns, bar_count), ascending; both ends are starts of missing slots."""
        if self.symbol.grid == NULL:
            return []
        cdef Gaps* gaps = self.tracker(k)
        cdef int32_t expected = expected_at(gaps.table, symbol_as_of(&self.symbol))
        cdef int32_t n = gaps_count(gaps, expected), i
        if n == 0:
            return []
        cdef int32_t[:, ::1] ranges = np.empty((2, n), np.int32)
        gaps_list(gaps, expected, &ranges[0, 0], &ranges[1, 0])
        return [
            (ordinal_start(gaps.table, ranges[0, i]), ordinal_start(gaps.table, ranges[1, i] - 1),
             ranges[1, i] - ranges[0, i])
            for i in range(n)
        ]

    cdef Extended* extended(self, Py_ssize_t k) noexcept nogil:
        """Slots of series `k` that are expected outside the segments; NULL if there are none."""
        if self.symbol.grid == NULL:
            return NULL
        if k > 0:
            symbol_settle(&self.symbol, <int32_t>k - 1)
        return series_extended(&self.symbol, k)

    def extended_tally(self, Py_ssize_t k):
        """(present, expected) slots of series `k` outside the segments that are over; (0, 0) if none are expected."""
        cdef Extended* extended = self.extended(k)
        if extended == NULL:
            return 0, 0
        cdef int32_t expected = extended_expected(extended, symbol_as_of(&self.symbol))
        return gaps_present(&extended.gaps, expected), expected

    def extended_gaps(self, Py_ssize_t k):
        """`gaps(k)` outside the segments."""
        cdef Extended* extended = self.extended(k)
        if extended == NULL:
            return []
        cdef int32_t expected = extended_expected(extended, symbol_as_of(&self.symbol))
        cdef int32_t n = gaps_count(&extended.gaps, expected), i
        cdef int32_t[:, ::1] ranges = np.empty((2, n + 1), np.int32)
        gaps_list(&extended.gaps, expected, &ranges[0, 0], &ranges[1, 0])
        return [
            (extended_start(extended, ranges[0, i]), extended_start(extended, ranges[1, i] - 1),
             ranges[1, i] - ranges[0, i])
            for i in range(n)
        ]

    @property
    def as_of(self):
        """Up to when the symbol is judged, int ns; None before the first bar and the first advance of the clock."""
        cdef int64_t as_of = symbol_as_of(&self.symbol)
        return None if as_of == INT64_MIN else as_of

    @property
    def bars_updated(self):
        return bool(self.symbol.bars_updated)

    @bars_updated.setter
    def bars_updated(self, bint value):
        self.symbol.bars_updated = value

    def session_bar(self, bint extended):
        """The session's bar (regular rows) or that of the extended ones: (volume, high, low, open, close), None
        without rows."""
        if self.symbol.grid == NULL:
            return None
        cdef int32_t i = self.symbol.n_levels - (1 if extended else 2)
        cdef Level* level = &self.symbol.levels[i]
        symbol_settle(&self.symbol, i)
        if level.ring.next_seq == 0:
            return None
        return level.bar.volume, level.bar.high, level.bar.low, level.bar.open, level.bar.close

    def newest_ts(self, bint extended):
        """Time of the newest regular (or extended) row, int ns; None if there is none."""
        if self.symbol.grid == NULL or self.symbol.newest_ts[not extended] == INT64_MIN:
            return None
        return self.symbol.newest_ts[not extended]

    def counters(self):
        """Dict of what became of all bars of the session."""
        cdef int i
        counters = {"stored": 0 if self.symbol.grid == NULL else self.symbol.base.next_seq, **self.symbol.counters}
        counters["skipped"] = {REASONS[i]: self.symbol.counters.skipped[i] for i in range(N_REASONS)
                               if self.symbol.counters.skipped[i]}
        counters["overwritten"] = 0 if self.symbol.grid == NULL else ring_oldest(&self.symbol.base)
        return counters

    def check_invariants(self):
        """Raise AssertionError unless all native invariants hold. O(rows); for tests."""
        cdef Py_ssize_t k
        for k in range(self.symbol.n_levels + 1 if self.symbol.grid != NULL else 0):
            self.ring(k)
        if self.symbol.grid != NULL and not (symbol_check(&self.symbol) and feed_check(&self.symbol)):
            raise AssertionError(f"invariants of {self.name!r} do not hold")


def count_missing(list series not None, int64_t start_ns, int64_t stop_ns, double active_share):
    """(how many miss most of the slots that begin in [start_ns, stop_ns), how many are active) of series that are given
    as (SymbolCore, number): those that expect some of the slots, and have bars on that share of all others."""
    cdef SymbolCore core
    cdef Py_ssize_t k
    cdef Gaps* gaps
    cdef int32_t expected, first, last, present, missing, present_outside, missing_outside
    cdef int64_t n_missing = 0, n_active = 0
    for core, k in series:
        gaps = core.tracker(k)
        if gaps == NULL:
            continue
        expected = expected_at(gaps.table, symbol_as_of(&core.symbol))
        last = min(first_slot_from(gaps.table, stop_ns), expected)
        first = min(first_slot_from(gaps.table, start_ns), last)
        gaps_tally(gaps, first, last, &present, &missing)
        present_outside = gaps_present(gaps, expected) - present
        missing_outside = gaps_missing(gaps, expected) - missing
        if present + missing > 0 and present_outside > 0 and (
                present_outside >= active_share * (present_outside + missing_outside)):
            n_active += 1
            n_missing += missing > present
    return n_missing, n_active


cdef list _list_spans(const Spans* spans):
    cdef int64_t i
    return [(spans.start[i], spans.stop[i]) for i in range(spans.n)]


def earliest(SymbolCore core, const int64_t[::1] ts, const double[::1] open, const double[::1] high,
             const double[::1] low, const double[::1] close, const double[::1] volume, int64_t floor):
    """Time of the earliest row from `floor` on that breaks no rule, as far as can be told without a session; None if
    there is none."""
    cdef Py_ssize_t i
    cdef int64_t least = INT64_MAX
    cdef Bar bar
    for i in range(ts.shape[0]):
        bar = Bar(ts[i], open[i], high[i], low[i], close[i], volume[i], 0)
        if floor <= ts[i] < least and check_bar(&core.symbol, &bar) == 0:
            least = ts[i]
    return None if least == INT64_MAX else least
