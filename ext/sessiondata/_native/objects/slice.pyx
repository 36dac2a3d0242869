"""One bar for each of many symbols: the work of `symbol_store` is little, so waiting for memory is
what costs.

    check all (first lines of each symbol) -> append each, while lines of the next ones are loading

What a bar touches lies apart for each symbol: the hot fields of the Symbol, a row in each of six
columns, and the newest bar of the roots where a fold is due. None of it is in a near cache when
thousands of symbols alternate, and each address is known only from the line before. So the loop
asks for the Symbol's lines a good way ahead and, when those are there, for the rows.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, int64_t, uintptr_t

from sessiondata._native.rows.aggregate cimport Level
from sessiondata._native.base.guard cimport peek, peek_pointer, peek_small
from sessiondata._native.base.prefetch cimport prefetch, prefetch_span
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport Bar, Ring, bar_at, ring_prefetch
from sessiondata._native.base.status cimport (
    CORRECTED, EARLIER, ERR_LATER_SESSION, ERR_NO_SESSION, ERR_INPUT_KIND, ERR_UNIT, OTHER_SESSION, STORED,
)
from sessiondata._native.objects.clock cimport StoreClock
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.symbol.symbol cimport (
    EARLIER_RESERVE, EARLIER_STORE, Symbol, check_bar, check_values, is_before_all, symbol_enter, symbol_leave,
    symbol_reserve, symbol_store,
)
from sessiondata._native.rows.ticks cimport INPUT_BARS

from sessiondata.copying import refuse_copy
from sessiondata.errors import BarError, SessionDataError, SessionStateError, TimeError


cdef enum:
    SYMBOL_AHEAD = 24     # bars; far enough for a line to come from memory
    ROWS_AHEAD = 16
    SLOTS_AHEAD = 8
    HOT_BYTES = 256       # of a Symbol: what symbol_store reads and writes of it
    ASK = -1              # a status: only Python can say whether the bar's session has ended


cdef inline bint _folds(const Symbol* symbol) noexcept nogil:
    """Whether with the symbol's next bar, if it is the next slot's, a fold is due: else it touches
    no level."""
    return peek(&symbol.next_slot_ts) >= peek(&symbol.fold_stop)


cdef inline bint _seems_to_follow(const Symbol* symbol, int64_t ts) noexcept nogil:
    """`symbol_follows` outside the guard. What becomes of the bar is decided when it is stored."""
    return ts == peek(&symbol.next_slot_ts) and ts < peek(&symbol.run_stop)


cdef inline const Level* _root(const Symbol* symbol) noexcept nogil:
    """The first root, outside the guard: levels may move, but where they were stays as long as the
    session."""
    return <const Level*>peek_pointer(<void**>&symbol.levels) + symbol.root


cdef inline void _prefetch_rows(const Symbol* symbol) noexcept nogil:
    """What the fields of a symbol point to, as far as its next bar needs it."""
    cdef const Level* root
    if symbol.grid == NULL:
        return
    root = _root(symbol)
    ring_prefetch(&symbol.base, peek(&symbol.base.next_seq))
    if _folds(symbol):  # and the root may hand its row down to the next level
        prefetch_span(root, 2 * sizeof(Level))


cdef inline void _prefetch_row(const Ring* ring) noexcept nogil:
    cdef int64_t next_seq = peek(&ring.next_seq)
    ring_prefetch(ring, next_seq)
    # of a derived ring the origin is 0
    prefetch(<const int32_t*>peek_pointer(<void**>&ring.n_base) + next_seq)


cdef inline void _prefetch_slot(const Symbol* symbol) noexcept nogil:
    """The row that the next bar begins in the first root, where it begins one, and that which the
    child begins then."""
    cdef const Level* root
    cdef const Level* child
    if symbol.grid == NULL or not _folds(symbol):
        return
    root = _root(symbol)
    child = root + root.child - symbol.root
    _prefetch_row(&root.ring)
    if root.child >= 0 and peek(&root.bar.ts) >= peek(&child.slot_stop):
        _prefetch_row(&child.ring)


cdef int _check_cold(Symbol* symbol, Bar* bar) noexcept nogil:
    """0 if the symbol can store the bar and has a row for it, else the status that says why not.
    With the GIL."""
    cdef uintptr_t* inside
    cdef int status = check_bar(symbol, bar)
    if status:
        return status
    if symbol.grid == NULL or bar.ts < symbol.grid.span_start:
        if symbol.route_earlier == NULL and symbol.grid != NULL and is_before_all(symbol, bar.ts):
            return ERR_UNIT
        return 0 if symbol.route_earlier == NULL else symbol.route_earlier(symbol, bar, EARLIER_RESERVE)
    if peek_small(&symbol.input_kind) > INPUT_BARS:
        return ERR_INPUT_KIND
    inside = symbol_enter(symbol)
    status = symbol_reserve(symbol, &bar.ts, 1, 1)
    symbol_leave(inside)
    return status


cdef int _store_earlier(Symbol* symbol, Bar* bar) noexcept nogil:
    """Store a checked bar for a symbol without a session, or from before it. With the GIL."""
    cdef uintptr_t* inside
    if symbol.route_earlier != NULL:
        return symbol.route_earlier(symbol, bar, EARLIER_STORE)
    inside = symbol_enter(symbol)
    symbol.counters.other_session += 1
    symbol_leave(inside)
    return OTHER_SESSION


cdef class Slice:
    """The symbols of a slice, resolved.

    Parameters
    ----------
    cores : list of SymbolCore
            They have one label.
    """

    cdef list _cores                # keeps the symbols alive
    cdef Symbol** _symbols
    cdef Py_ssize_t _n

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, list cores):
        cdef Py_ssize_t i
        self._cores, self._n = cores, len(cores)
        self._symbols = <Symbol**>PyMem_Malloc(max(1, self._n) * sizeof(Symbol*))
        if self._symbols == NULL:
            raise MemoryError
        for i in range(self._n):
            self._symbols[i] = &(<SymbolCore?>cores[i]).symbol

    def __dealloc__(self):
        PyMem_Free(self._symbols)

    def __len__(self):
        return self._n

    def append(self, const int64_t[::1] given_ts, const double[::1] open, const double[::1] high, const double[::1] low,
               const double[::1] close, const double[::1] volume):
        """Store one bar for each symbol, all or nothing; returns how many changed something.

        Arrays of shape (n,). Two bars of one symbol are stored one after the other."""
        cdef Columns columns = Columns(NULL, NULL, NULL, NULL, NULL, NULL, NULL)
        cdef const int64_t[::1] ts = given_ts
        cdef int64_t[::1] opened = None
        cdef Py_ssize_t row = -1, i
        cdef int status = 0, why = 0
        cdef int64_t changed
        # Rows for symbols without a session are looked at in Python: those before `checked` are of
        # sessions that have ended, as long as no other one begins.
        cdef Py_ssize_t checked = 0
        cdef int64_t epoch = -1
        cdef StoreClock clock
        if given_ts.shape[0] != self._n:  # the list of names has changed meanwhile
            raise BarError("a slice has one bar for each symbol", value=f"{self._n} symbols, {given_ts.shape[0]} bars",
                           code="ERR_LENGTH")
        if self._n == 0:
            return 0
        clock = (<SymbolCore>self._cores[0]).clock
        if (<SymbolCore>self._cores[0]).close_label:
            ts = opened = given_ts.copy()
        columns = Columns(&ts[0], &open[0], &high[0], &low[0], &close[0], &volume[0], NULL)
        error = None
        while True:
            if opened is not None:
                for i in range(self._n):
                    opened[i] = given_ts[i]
                    (<SymbolCore>self._cores[i])._open_label(&opened[i])
            if clock.epoch != epoch:
                checked = 0
            changed = self._append(&columns, checked, &row, &status)
            if row < 0:
                return changed
            if status != ASK:
                self._refuse(status, row, given_ts, &columns, opened)
            # that has been asked, and no row before it is refused
            if clock.epoch == epoch and row == checked:
                if error is not None:
                    raise error
                self._refuse(why, row, given_ts, &columns, opened)
            epoch = clock.epoch
            checked, why, error = self._check_idle(row, given_ts)

    cdef int _refuse(self, int status, Py_ssize_t row, const int64_t[::1] given_ts, const Columns* rows,
                     opened) except -1:
        (<SymbolCore>self._cores[row])._refuse(
            status, row, given_ts[row], rows.open[row], rows.high[row], rows.low[row], rows.close[row],
            rows.volume[row], None if opened is None else opened[row])

    cdef int64_t _append(self, const Columns* columns, Py_ssize_t checked, Py_ssize_t* out_row,
                         int* out_status) except -1:
        """Check all rows and store them, in one step: no Python code runs. `out_row` is -1, or the
        row that is refused with `out_status`; nothing has changed then, as a rule."""
        cdef Py_ssize_t i, refused = -1, n = self._n
        cdef Py_ssize_t symbols_stop = n - SYMBOL_AHEAD, rows_stop = n - ROWS_AHEAD, slots_stop = n - SLOTS_AHEAD
        cdef Symbol** symbols = self._symbols
        cdef uintptr_t* inside
        cdef Columns rows = columns[0]
        cdef int status = 0, why = 0
        cdef int64_t changed = 0
        cdef bint is_late = False
        cdef Bar bar
        out_row[0] = -1
        for i in range(n):
            if i < symbols_stop:
                prefetch(symbols[i + SYMBOL_AHEAD])
            bar = bar_at(&rows, i)
            status = check_values(&bar)
            if status or not _seems_to_follow(symbols[i], bar.ts):
                status = _check_cold(symbols[i], &bar)
                if symbols[i].grid == NULL:
                    is_late = True
                    if status == 0 and i >= checked:
                        status = ASK
                is_late |= bar.ts <= peek(&symbols[i].last_ts)
            if status:
                if is_late:
                    self._release()
                out_row[0], out_status[0] = i, status
                return 0
        for i in range(n):
            if i < symbols_stop:
                prefetch_span(symbols[i + SYMBOL_AHEAD], HOT_BYTES)
            if i < rows_stop:
                _prefetch_rows(symbols[i + ROWS_AHEAD])
            if i < slots_stop:
                _prefetch_slot(symbols[i + SLOTS_AHEAD])
            bar = bar_at(&rows, i)
            if is_late and symbols[i].grid == NULL:
                status = _store_earlier(symbols[i], &bar)
            else:
                inside = symbol_enter(symbols[i])
                status = symbol_store(symbols[i], &bar)
                symbol_leave(inside)
                if status < 0:
                    if status == EARLIER:
                        status = _store_earlier(symbols[i], &bar)
                    else:
                        refused, why = i, status
            changed += STORED <= status <= CORRECTED
        if is_late:
            self._release()
        # since the check another thread has used the row that there was for the bar, or fed a
        # trade
        if refused >= 0:
            out_row[0], out_status[0] = refused, why
        return changed

    cdef tuple _check_idle(self, Py_ssize_t first, const int64_t[::1] given_ts):
        """Look, with Python, which rows for symbols without a session are of sessions that have
        ended.

        Returns
        -------
        tuple
            The first row that is not, or the number of rows; the status that says why (0: none);
            and an error that says it."""
        cdef Py_ssize_t i
        cdef SymbolCore core
        for i in range(first, self._n):
            core = <SymbolCore>self._cores[i]
            if core.symbol.grid != NULL:
                continue
            try:
                if core.begin(given_ts[i], core.close_label, None) is not None:
                    return i, ERR_NO_SESSION, None
            except SessionStateError as error:
                return i, ERR_LATER_SESSION, error if core.days is None else None  # it was removed
            except TimeError:
                return i, ERR_UNIT, None
            except SessionDataError as error:
                return i, ERR_LATER_SESSION, error
        return self._n, 0, None

    cdef int _release(self) except -1:
        """Days in history that bars of this slice were for are done."""
        cdef SymbolCore core
        for core in self._cores:
            if core.symbol.route_earlier != NULL:
                core.days.release()
        return 0
