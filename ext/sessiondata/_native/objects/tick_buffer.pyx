"""Trades, or quotes, of one symbol for Python: the `def` wrappers around `symbol/feed`, as
`objects/store` has them for bars.

    one      append_tick, append_quote -> plain numbers of a symbol of ticks: feed_trade, feed_quote
                                       -> anything else: _append_any
    arrays   extend -> in order: feed_extend; else copied, sorted, stored as blocks (_store_rows)
    answers  rows, columns, counters

The file is long because trades and quotes are one base class with two small ones, and all of it is
done inside the symbol's guard.
"""

cimport cython
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_CheckExact
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

from functools import partial

import numpy as np

from sessiondata.copying import refuse_copy
from sessiondata.errors import BarError, BarTypeError, format_value

from sessiondata._native.symbol.feed cimport (
    check_tick, check_ticks, feed_cold, feed_extend, feed_quote, feed_reserve, feed_ring, feed_trade,
)
from sessiondata._native.base.guard cimport peek, peek_small
from sessiondata._native.symbol.late cimport LATE_ROWS
from sessiondata._native.symbol.late_ticks cimport BaseRows, LateTicks, late_ticks
from sessiondata._native.symbol.layout cimport Memory
from sessiondata._native.base.status cimport (
    ERR_LATER_SESSION, ERR_NAT, ERR_NOT_FINITE, ERR_SIZE, ERR_INPUT_KIND, ERR_UNIT, LATE, STORED, Offence, raise_status,
)
from sessiondata._native.objects.rows cimport Refusal, Rows
from sessiondata._native.objects.scalars cimport number_of, time_of
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.objects.view cimport view_of
from sessiondata._native.symbol.symbol cimport Symbol, first_at_or_after, symbol_enter, symbol_leave
from sessiondata._native.base.time cimport LEAST_START
from sessiondata._native.rows.ticks cimport (
    N_TICK_REASONS, INPUT_QUOTES, INPUT_TICKS, Tick, TickCounters, TickRing, ticks_oldest,
)

from sessiondata._native.base.status import TICK_REASONS

cdef object _INT64 = np.dtype("int64"), _FLOAT64 = np.dtype("float64"), _TEXT = np.dtype("S8")


cdef inline int _reason_index(int status) noexcept nogil:
    """Position of a status in the array of skip counters."""
    return 0 if status == ERR_NOT_FINITE else 1 if status == ERR_SIZE else 2 if status == ERR_NAT else 3


cdef int64_t exchange_code(object text, SymbolCore core) except? -1:
    """Up to eight ASCII characters as one number, the first in the lowest byte."""
    cdef Py_ssize_t n = 0, i
    cdef const char* characters = NULL
    cdef uint64_t code = 0
    if not PyUnicode_CheckExact(text):
        if not isinstance(text, str):
            raise BarTypeError("exchange must be a string", symbol=core.name, value=f"exchange={format_value(text)}",
                               code="ERR_TYPE")
        text = str(text)
    try:
        characters = PyUnicode_AsUTF8AndSize(text, &n)
    except UnicodeEncodeError:
        pass  # `n` is then 0 or -1, depending on the Python
    if characters != NULL and n <= 8:
        for i in range(n):
            if not 0 < characters[i] < 128:
                break
            code |= <uint64_t>characters[i] << 8 * i
        else:
            return <int64_t>code
    raise BarError("exchange is at most eight ASCII characters", symbol=core.name,
                   value=f"exchange={format_value(text)}", code="ERR_EXCHANGE")


def exchange_codes(list texts, SymbolCore core not None):
    """Codes of strings, int64 array of the same length; `core` is for the message."""
    cdef int64_t[::1] codes = np.empty(len(texts), np.int64)
    cdef dict known = {}
    cdef Py_ssize_t i
    for i in range(len(texts)):
        code = known.get(texts[i])
        if code is None:
            code = known[texts[i]] = exchange_code(texts[i], core)
        codes[i] = code
    return np.asarray(codes)


def are_codes(const int64_t[::1] codes):
    """Whether each number is the code of a string: ASCII bytes, and no zero byte below another
    one."""
    cdef uint64_t wrong = 0, low_bits = 0x7F7F7F7F7F7F7F7F, code, used
    cdef Py_ssize_t i
    for i in range(codes.shape[0]):
        code = <uint64_t>codes[i]
        used = code + low_bits  # the top bit of each byte that is not zero, if all are ASCII
        wrong |= code | used >> 8 & ~used
    return wrong & ~low_bits == 0


cdef class TickBuffer:
    """What trades and quotes have in common.

    Parameters
    ----------
    core : SymbolCore
    """

    cdef readonly SymbolCore core
    cdef Symbol* symbol
    cdef int kind

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, SymbolCore core not None):
        self.core, self.symbol = core, &core.symbol

    # --- writing ---

    cdef int _refuse(self, int status, row, const Tick* tick) except -1:
        cdef Offence offence = Offence(status, self.core.name, row, tick.ts)
        offence.kind = "ticks" if self.kind == INPUT_TICKS else "quotes"
        offence.input_kind = peek_small(&self.symbol.input_kind)
        offence.values = [tick.value[i] for i in range(2 if self.kind == INPUT_TICKS else 4)]
        if status == ERR_LATER_SESSION:
            offence.date = self.core.date_of(tick.ts)
        raise_status(offence)

    cdef int _store(self, const Tick* tick) noexcept nogil:
        return feed_trade(self.symbol, tick) if self.kind == INPUT_TICKS else feed_quote(self.symbol, tick)

    cdef object _append_any(self, const Tick* tick):
        """Store one that may be the first of a session, or bad."""
        cdef int status
        if self.symbol.grid == NULL:
            status = check_tick(self.symbol, self.kind, tick)
            if status:
                self._refuse(status, None, tick)
            kept = [tick.value[i] for i in range(4)]
            stored = self.core.begin(tick.ts, False, partial(self.store_one, tick.ts, kept, tick.exchange))
            if stored is None:  # of a session that has ended
                self._count(NULL, 1)
            return bool(stored)
        cdef uintptr_t* inside = symbol_enter(self.symbol)
        status = ERR_INPUT_KIND if self._has_other_input_kind() else self._store(tick)
        symbol_leave(inside)
        if status < 0:
            self._refuse(status, None, tick)
        return STORED <= status <= LATE

    cdef bint _has_other_input_kind(self) noexcept nogil:
        """Whether this makes base rows, and something else does in this session."""
        cdef int32_t source = peek_small(&self.symbol.input_kind)
        return (source != 0 and source != self.kind
                and (self.kind == INPUT_TICKS or self.symbol.quote_bars != 0))

    cdef list _set_columns(self, const double** out_values, list columns):
        """Point at columns, as long as what this returns is kept."""
        cdef const double[::1] column
        cdef list kept = []
        cdef Py_ssize_t i
        for i in range(4):
            out_values[i] = NULL
            if i < len(columns):
                column = columns[i]
                kept.append(column)
                out_values[i] = &column[0]
        return kept

    def store_one(self, int64_t ts, list values, int64_t exchange):
        """Store a checked row once more, when there is a session."""
        cdef Tick tick
        tick.ts, tick.exchange = ts, exchange
        for i in range(4):
            tick.value[i] = values[i]
        return self._append_any(&tick)

    def extend(self, given_ts, list values, exchange, bint skip, bint is_cold=False):
        """Store arrays of equal length, all or nothing; returns rows added. See the facade's
        `extend_ticks`.

        Contiguous int64 times, float64 values, and of trades int64 exchange codes; `exchange` is
        None for quotes. Without a session -1, and nothing has changed; with `is_cold` all rows are
        of sessions that have ended."""
        cdef const int64_t[::1] ts = given_ts, codes
        cdef const int64_t* code = NULL
        cdef const double* columns[4]
        cdef int64_t n = ts.shape[0], row
        cdef int status, k
        cdef bint in_order
        cdef uintptr_t* inside
        if n == 0:
            return 0
        cdef list kept = self._set_columns(columns, values)
        if exchange is not None:
            codes = exchange
            code = &codes[0]
        if self.symbol.grid != NULL:
            if self._holds(&ts[0]) or self._holds(code) or any([self._holds(columns[k]) for k in range(4)]):
                # Views of this very ring, which storing the rows may overwrite while they are read.
                return self.extend(np.array(given_ts), [np.array(column) for column in values],
                                   None if exchange is None else np.array(exchange), skip, is_cold)
            inside = symbol_enter(self.symbol)
            row = check_ticks(self.symbol, self.kind, &ts[0], columns, n, &status, &in_order)
            # what is early is looked at below, row by row
            in_order = in_order and (ts[0] >= LEAST_START or skip)
            if row < 0 and in_order:
                n = feed_extend(self.symbol, self.kind, &ts[0], columns, code, n)
            symbol_leave(inside)
            if row >= 0 and (not skip or status == ERR_INPUT_KIND):
                self._refuse_row(status, row, given_ts, values)
            if row < 0 and in_order:
                if n < 0:
                    self._refuse_row(<int>n, 0, given_ts, values)
                return n
        elif not is_cold:
            return -1
        cdef Rows rows = Rows(ts.shape[0], <int>len(values), code != NULL)
        for k in range(len(values)):
            rows.values[k] = <double*>columns[k]
        rows.gather(&ts[0], code)
        status = 0
        n = self._store_rows(rows, skip, is_cold, &status, &row)
        if status:
            self._refuse_row(status, row, given_ts, values)
        return n if kept is not None else 0

    cdef int64_t _store_rows(self, Rows rows, bint skip, bint is_cold, int* out_status, int64_t* out_row) except -2:
        """Check and store rows that are this call's own, in time order: late ones and newer ones as
        a block each. All or nothing, and in one step; -1, and nothing has changed, if there is no
        session and the call is not cold.
        """
        cdef const double* rest[4]
        cdef const TickRing* ring
        cdef int64_t i, n_late, first, n = 0, stored = 0, other = 0
        cdef int64_t[N_TICK_REASONS] skipped
        cdef int status = 0, k
        cdef Tick tick
        cdef Refusal early
        cdef Rows slots = None
        cdef uintptr_t* inside
        out_status[0], out_row[0] = 0, 0
        memset(skipped, 0, sizeof(skipped))
        if self.symbol.grid == NULL and not is_cold:
            return -1
        if self._all_good(rows):
            memcpy(rows.ts, rows.supplied, rows.n * 8)
            n = rows.n
        for i in range(n, rows.n):
            self._read_own(&tick, rows, i, rows.supplied[i])
            status = check_tick(self.symbol, self.kind, &tick)
            if status == 0:
                rows.move(i, n, tick.ts)
                n += 1
            elif skip:
                skipped[_reason_index(status)] += 1
            elif out_status[0] == 0 or rows.row[i] < out_row[0]:
                out_status[0], out_row[0] = status, rows.row[i]
        if out_status[0] == 0 and not skip and self.core._refuses_early(rows, n, &early):
            out_status[0], out_row[0] = early.status, early.row
        if out_status[0]:
            return 0
        if self.symbol.grid == NULL or n == 0:
            self._count(skipped, n)
            return 0
        if n >= LATE_ROWS and self._is_behind(rows.ts[0]):
            slots = Rows(n, 5, False)
            slots.blank()
        inside = symbol_enter(self.symbol)
        status = ERR_INPUT_KIND if self._has_other_input_kind() else feed_reserve(self.symbol, self.kind, rows.ts, n)
        if status:  # nothing has changed, and from here on nothing can fail
            symbol_leave(inside)
            out_status[0] = status
            return 0
        ring = feed_ring(self.symbol, self.kind)
        n_late = first_at_or_after(rows.ts, n, ring.last_ts)
        first = first_at_or_after(rows.ts, n_late, self.symbol.grid.span_start)
        i = 0
        while i < n_late:
            if i == first and n_late - i >= LATE_ROWS and slots is not None:
                stored += self._store_late(rows, i, n_late - i, slots)
                i = n_late
                break
            self._read_own(&tick, rows, i, rows.ts[i])
            status = feed_cold(self.symbol, self.kind, &tick)
            stored += STORED <= status <= LATE
            if status == ERR_UNIT:  # one among good rows is of another session, and no more
                self._counters().other_session += 1
            i += 1
        if i < n:
            for k in range(4):
                rest[k] = rows.values[k] + i if rows.values[k] != NULL else NULL
            stored += feed_extend(self.symbol, self.kind, rows.ts + i, rest, rows.codes + i if rows.codes != NULL
                                  else NULL, n - i)
        symbol_leave(inside)
        self._count(skipped, other)
        return stored

    cdef bint _all_good(self, Rows rows) noexcept nogil:
        """Whether no row breaks a rule, which blocks of them tell quickly; False without a session,
        too."""
        cdef const double* values[4]
        cdef bint in_order
        cdef int status, k
        for k in range(4):
            values[k] = rows.values[k] if k < rows.n_values else NULL
        return self.symbol.grid != NULL and check_ticks(
            self.symbol, self.kind, rows.supplied, values, rows.n, &status, &in_order) < 0

    cdef bint _is_behind(self, int64_t ts) noexcept nogil:
        """Whether a row is older than the newest one. Outside the guard that may change the moment
        it is asked."""
        cdef const TickRing* ring = feed_ring(self.symbol, self.kind)
        return ring != NULL and ts < peek(&ring.last_ts)

    cdef int64_t _store_late(self, Rows rows, int64_t first, int64_t n, Rows slots) noexcept nogil:
        """Store late rows as a block, with room for the base rows that they make; returns how many
        are stored."""
        cdef LateTicks ticks
        cdef BaseRows room
        cdef int k
        ticks.ts, ticks.place, ticks.n = rows.ts + first, rows.place + first, n
        ticks.exchange = rows.codes + first if rows.codes != NULL else NULL
        for k in range(4):
            ticks.value[k] = rows.values[k] + first if k < rows.n_values else NULL
        room.ts, room.place = slots.ts, slots.place
        for k in range(5):
            room.value[k] = slots.values[k]
        return late_ticks(self.symbol, self.kind, &ticks, &room)

    cdef void _read_own(self, Tick* out_tick, Rows rows, int64_t i, int64_t ts) noexcept nogil:
        cdef int k
        out_tick.ts, out_tick.exchange = ts, rows.codes[i] if rows.codes != NULL else 0
        for k in range(4):
            out_tick.value[k] = rows.values[k][i] if k < rows.n_values else 0.0

    def earliest(self, given_ts, list values, exchange, bint skip, int64_t floor):
        """Time of the earliest row from `floor` on that may begin a session, as far as that is
        known without one; None if there is none. Raises for the first bad row, unless they are
        skipped."""
        cdef int64_t least = INT64_MAX
        cdef Py_ssize_t i
        cdef int status
        cdef Tick tick
        for i in range(len(given_ts)):
            self._read(&tick, i, given_ts, values)
            status = check_tick(self.symbol, self.kind, &tick)
            if status and not skip:
                self._refuse(status, i, &tick)
            if status == 0 and floor <= tick.ts < least:
                least = tick.ts
        return None if least == INT64_MAX else least

    cdef bint _holds(self, const void* address) except -1:
        cdef Memory memory
        for memory in (self.core._memory, *self.core._memory.shared):
            if address != NULL and memory.holds(address):
                return True
        return False

    cdef int _read(self, Tick* out_tick, Py_ssize_t row, given_ts, list values) except -1:
        cdef Py_ssize_t i
        out_tick.ts, out_tick.exchange = given_ts[row], 0
        for i in range(4):
            out_tick.value[i] = values[i][row] if i < len(values) else 0.0
        return 0

    cdef int _refuse_row(self, int status, Py_ssize_t row, given_ts, list values) except -1:
        cdef Tick tick
        self._read(&tick, row, given_ts, values)
        self._refuse(status, row, &tick)

    cdef TickCounters* _counters(self) noexcept nogil:
        return &self.symbol.tick_counters[self.kind == INPUT_QUOTES]

    cdef void _count(self, const int64_t* skipped, int64_t other_session) noexcept nogil:
        """Count bad rows per reason (NULL: none), and rows of other sessions. Not called inside the
        guard."""
        cdef uintptr_t* inside = symbol_enter(self.symbol)
        cdef int i
        if skipped != NULL:
            for i in range(N_TICK_REASONS):
                self._counters().skipped[i] += skipped[i]
        self._counters().other_session += other_session
        symbol_leave(inside)

    # --- answers ---

    cdef TickRing* ring(self) noexcept nogil:
        """NULL before the first row of a session. Inside the guard, but for whether there is
        one."""
        if self.symbol.grid == NULL:
            return NULL
        return feed_ring(self.symbol, self.kind)

    cdef TickRing _state(self) noexcept nogil:
        """What the ring says of itself at one moment; an empty one before the first row of a
        session."""
        cdef uintptr_t* inside = symbol_enter(self.symbol)
        cdef TickRing* ring = self.ring()
        cdef TickRing state
        if ring != NULL:
            state = ring[0]
        else:
            memset(&state, 0, sizeof(TickRing))
        symbol_leave(inside)
        return state

    def rows(self):
        """(first, stop, sequence of the first, moves) of the live rows: positions in `columns`, and
        how often rows have changed places because of a late one."""
        cdef TickRing ring = self._state()
        return ticks_oldest(&ring) - ring.origin, ring.next_seq - ring.origin, ticks_oldest(&ring), ring.n_moves

    def count(self):
        """Live rows."""
        cdef TickRing ring = self._state()
        return ring.next_seq - ticks_oldest(&ring)

    def total_count(self):
        """Rows ever added in this session."""
        return self._state().next_seq

    def moves(self):
        """How often rows changed places because of a late one."""
        return self._state().n_moves

    def columns(self):
        """Arrays over the whole ring, of which rows `rows()` are live: time, values, and of trades
        the exchange as S8.

        Read-only, as those of bars. There must have been a row in this session."""
        cdef TickRing ring = self._state()
        cdef Memory memory = self.core._memory
        cdef list made = self.core.column_cache()  # forgotten with the session
        cdef Py_ssize_t k = len(made) - (2 if self.kind == INPUT_TICKS else 1), i
        cdef int64_t n = 2 * ring.capacity
        if made[k] is None:
            values = tuple([view_of(memory, ring.value[i], n, _FLOAT64) for i in range(4) if ring.value[i] != NULL])
            texts = () if ring.exchange == NULL else (view_of(memory, ring.exchange, n, _TEXT),)
            made[k] = (view_of(memory, ring.ts, n, _INT64), *values, *texts)
        return made[k]

    @property
    def updated(self):
        return bool(self._state().updated)

    @updated.setter
    def updated(self, bint value):
        cdef uintptr_t* inside = symbol_enter(self.symbol)
        cdef TickRing* ring = self.ring()
        if ring != NULL:
            ring.updated = value
        symbol_leave(inside)

    def counters(self):
        """Dict of what became of all rows of the session."""
        cdef uintptr_t* inside = symbol_enter(self.symbol)
        cdef TickCounters counters = self._counters()[0]
        cdef TickRing* ring = self.ring()
        cdef int64_t stored = 0 if ring == NULL else ring.next_seq
        cdef int64_t overwritten = 0 if ring == NULL else ticks_oldest(ring)
        cdef int i
        symbol_leave(inside)
        return {
            "stored": stored,
            "late": counters.late,
            "too_old": counters.too_old,
            "other_session": counters.other_session,
            "covered": counters.covered,
            "empty_side": counters.empty_side,
            "skipped": {TICK_REASONS[i]: counters.skipped[i] for i in range(N_TICK_REASONS) if counters.skipped[i]},
            "overwritten": overwritten,
        }


cdef class TradeBuffer(TickBuffer):
    """Trades of one symbol."""

    def __cinit__(self, core):
        self.kind = INPUT_TICKS

    @cython.binding(False)  # a plain built-in method, which the interpreter calls without a detour
    def append_tick(self, ts_ns, price, size, exchange="", /):
        """
        Store one trade and everything it causes; see the facade's `append_tick`.

        Returns
        -------
        bool
            True if the store changed.
        """
        cdef Tick tick
        cdef int status, overflow = 0
        cdef uintptr_t* inside
        tick.exchange = exchange_code(exchange, self.core)
        if PyFloat_CheckExact(price) and PyFloat_CheckExact(size) and PyLong_CheckExact(ts_ns):
            tick.ts = PyLong_AsLongLongAndOverflow(ts_ns, &overflow)
            tick.value[0], tick.value[1] = PyFloat_AS_DOUBLE(price), PyFloat_AS_DOUBLE(size)
            if overflow == 0 and self.symbol.input_kind == INPUT_TICKS:
                inside = symbol_enter(self.symbol)
                status = feed_trade(self.symbol, &tick)
                symbol_leave(inside)
                if status >= 0:
                    return STORED <= status <= LATE
        tick.ts = time_of(ts_ns, self.core.name)
        tick.value[0] = number_of(price, "price", self.core.name)
        tick.value[1] = number_of(size, "size", self.core.name)
        return self._append_any(&tick)


cdef class QuoteBuffer(TickBuffer):
    """Quotes of one symbol."""

    def __cinit__(self, core):
        self.kind = INPUT_QUOTES

    @cython.binding(False)
    def append_quote(self, ts_ns, bid, ask, bid_size, ask_size, /):
        """
        Store one quote and everything it causes; see the facade's `append_quote`.

        Returns
        -------
        bool
            True if the store changed.
        """
        cdef Tick tick
        cdef int status, overflow = 0
        cdef uintptr_t* inside
        tick.exchange = 0
        if (PyFloat_CheckExact(bid) and PyFloat_CheckExact(ask) and PyFloat_CheckExact(bid_size)
                and PyFloat_CheckExact(ask_size) and PyLong_CheckExact(ts_ns)):
            tick.ts = PyLong_AsLongLongAndOverflow(ts_ns, &overflow)
            tick.value[0], tick.value[1] = PyFloat_AS_DOUBLE(bid), PyFloat_AS_DOUBLE(ask)
            tick.value[2], tick.value[3] = PyFloat_AS_DOUBLE(bid_size), PyFloat_AS_DOUBLE(ask_size)
            if overflow == 0 and self.symbol.grid != NULL and not self._has_other_input_kind():
                inside = symbol_enter(self.symbol)
                status = feed_quote(self.symbol, &tick)
                symbol_leave(inside)
                if status >= 0:
                    return STORED <= status <= LATE
        tick.ts = time_of(ts_ns, self.core.name)
        tick.value[0], tick.value[1] = number_of(bid, "bid", self.core.name), number_of(ask, "ask", self.core.name)
        tick.value[2] = number_of(bid_size, "bid_size", self.core.name)
        tick.value[3] = number_of(ask_size, "ask_size", self.core.name)
        return self._append_any(&tick)
