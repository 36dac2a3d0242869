"""The bars of one interval of a symbol, as they are now: records, columns, windows, counts of
slots.

Each answer is one look inside the symbol's guard, with the level flushed before (`SymbolCore.ring`,
`tracker`), and then an object made of what was seen. No session can begin or end between the two:
only holders of the GIL do that, and no Python code runs there.

What a program asks for each bar is here. What it asks once a day (`state`, `gaps` that are pinned,
text for notebooks) is in the Python class that is derived from this one, `rows/series`.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uintptr_t

from sessiondata._native.base.time cimport LEAST_START, ceil_div
from sessiondata._native.objects.bars cimport BarKind, new_bar
from sessiondata._native.objects.store cimport SlotStates, quality_of
from sessiondata._native.objects.window cimport BarWindow, copy_rows, new_window, row_bytes, show_ring
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport Bar, Ring, ring_columns, ring_oldest, ring_read
from sessiondata._native.slots.grid cimport Region, find_region
from sessiondata._native.symbol.symbol cimport first_at_or_after, symbol_enter, symbol_leave

from operator import index

from sessiondata.arguments import check_index
from sessiondata.errors import ArgumentError
from sessiondata.time.instants import to_ns
from sessiondata.time.units import check_plausible

cdef tuple _STATES = ("pending", "present", "missing", "no_trade", "halted")  # as `slots/gaps` numbers them


cdef extern from "Python.h":
    # beyond Py_ssize_t it is the nearest one
    Py_ssize_t clipped "PyNumber_AsSsize_t"(object number, void* no_error) except? -1


cdef class LiveBars(BarColumns):
    """Bars of one interval of one symbol in a session, oldest first; always current.

    Parameters
    ----------
    owner : SlotOwner
        Whose slots these are.
    k : int
        Number of the series.
    """

    def __cinit__(self, owner, Py_ssize_t k):
        cdef SymbolCore core = owner.core
        if not 0 <= k < len(core.intervals):
            raise IndexError(k)
        self._owner, self._core, self._k = owner, core, k
        self.kind = BarKind(core.name, core.intervals[k], owner.zone, k > 0, core.steps_ns[k], core.steps_ns[0])

    def __init__(self, owner, Py_ssize_t k):
        """Nothing: all is there once it is made."""

    cdef object look(self, Columns* out_rows, int64_t* out_n):
        cdef SymbolCore core = self._core
        cdef uintptr_t* inside
        cdef const Ring* ring
        cdef int64_t oldest
        if core.symbol.grid == NULL:
            return BarColumns.look(self, out_rows, out_n)
        inside = symbol_enter(&core.symbol)
        ring = core.ring(self._k)
        oldest = ring_oldest(ring)
        out_rows[0] = ring_columns(ring, oldest)
        out_n[0] = ring.next_seq - oldest
        symbol_leave(inside)
        return core._memory

    cdef BarWindow between(self, int64_t i, int64_t j):
        """Rows `[i, j)`, counted from the oldest live one; negative positions count from the
        end."""
        cdef SymbolCore core = self._core
        cdef BarWindow window = new_window(self.kind)
        cdef uintptr_t* inside
        cdef const Ring* ring
        cdef int64_t oldest, n
        if core.symbol.grid != NULL:
            inside = symbol_enter(&core.symbol)
            ring = core.ring(self._k)
            oldest = ring_oldest(ring)
            n = ring.next_seq - oldest
            i = max(i + n, 0) if i < 0 else min(i, n)
            j = max(j + n, 0) if j < 0 else min(j, n)
            show_ring(window, core, self._k, ring, oldest + i, oldest + max(i, j))
            symbol_leave(inside)
        return window

    cdef BarWindow whole(self):
        return self.between(0, INT64_MAX)

    cdef BarWindow copied(self):
        return self.copy()

    def copy(self):
        """All rows as they are at one moment, whoever writes meanwhile: an independent window on
        copied rows, which are read-only as well."""
        cdef SymbolCore core = self._core
        cdef bint derived = self._k > 0, done = False
        cdef int64_t room = 0, n = 0
        cdef BarWindow copy = new_window(self.kind)
        cdef bytes block = b""
        cdef uintptr_t* inside
        cdef const Ring* ring
        cdef Columns rows
        while not done:  # what is copied to must be there before, and may have become too little
            block = PyBytes_FromStringAndSize(NULL, room * row_bytes(derived))
            # making room may have run finalizers, and these may have ended the session
            if core.symbol.grid == NULL:
                return copy
            inside = symbol_enter(&core.symbol)
            ring = core.ring(self._k)
            n = ring.next_seq - ring_oldest(ring)
            done = n == room
            if done and n:
                rows = ring_columns(ring, ring_oldest(ring))
                copy_rows(&rows, n, PyBytes_AS_STRING(block), &copy.rows)
                copy.forming_ts = core.forming_ts(self._k)
            symbol_leave(inside)
            room = n
        if n:
            copy.owner, copy.n, copy.grid = block, n, core.grid
        return copy

    # --- rows ---

    cdef object row(self, int64_t i):
        """Row `i`, negative from the newest; None if there is none."""
        cdef SymbolCore core = self._core
        cdef BarKind kind = self.kind
        cdef uintptr_t* inside
        cdef const Ring* ring
        cdef const Region* region
        cdef int64_t oldest, seq, n_expected = 0
        cdef bint forming
        cdef Bar bar
        if core.symbol.grid == NULL:
            return None
        inside = symbol_enter(&core.symbol)
        ring = core.ring(self._k)
        oldest = ring_oldest(ring)
        seq = ring.next_seq + i if i < 0 else oldest + i
        if not oldest <= seq < ring.next_seq:
            symbol_leave(inside)
            return None
        ring_read(ring, seq, &bar)
        forming = seq == ring.next_seq - 1 and core.is_forming(self._k)
        symbol_leave(inside)
        region = find_region(&core.grid.data, bar.ts)
        if self._k == 0:
            n_expected, bar.n_base = region.regular, 1
        elif region.regular:
            if kind.step_ns:  # a derived bar stands on its slot
                n_expected = ceil_div(min(bar.ts + kind.step_ns, region.stop) - bar.ts, kind.base_ns)
            else:
                n_expected = core.grid.base_slots_at(bar.ts, 0, kind.base_ns)
        return new_bar(kind, &bar, forming, n_expected, core.grid)

    def __len__(self):
        return self._core.count(self._k)

    def __getitem__(self, key):
        """A `Bar` for an int, a `BarWindow` for a slice (a view if its step is 1, else a copy)."""
        cdef int overflow = 0
        cdef int64_t i
        if not PyLong_CheckExact(key):
            if isinstance(key, slice):
                return self.sliced(key)
            key = index(key)
        i = PyLong_AsLongLongAndOverflow(key, &overflow)
        bar = self.row(i) if overflow == 0 and -(1LL << 62) < i < 1LL << 62 else None
        if bar is None:
            raise IndexError(f"row {key} of {len(self)}")
        return bar

    cdef object sliced(self, slice key):
        cdef object start = key.start, stop = key.stop, step = key.step
        if step is not None and step != 1:
            return self.copy()[key]
        if not ((start is None or PyLong_CheckExact(start)) and (stop is None or PyLong_CheckExact(stop))):
            key.indices(0)  # a TypeError where one is no position
        return self.between(0 if start is None else clipped(start, NULL),
                            INT64_MAX if stop is None else clipped(stop, NULL))

    def __iter__(self):
        return iter(self.copy())

    @property
    def latest(self):
        """The newest `Bar` (forming, if it is); None if there is no bar."""
        return self.row(-1)

    @cython.binding(False)
    def last(self, n):
        """
        Newest `n` rows (all, if there are fewer). A view, also after the ring has wrapped.

        `n` is a whole number, not negative, or an `ArgumentError`.
        """
        cdef int overflow = 0
        cdef int64_t count
        if not PyLong_CheckExact(n):
            n = check_index("n", n)
        count = PyLong_AsLongLongAndOverflow(n, &overflow)
        if count < 0:
            if overflow <= 0:
                raise ArgumentError(f"n must not be negative: {n}", value=n)
            count = INT64_MAX
        return self.between(-count, INT64_MAX) if count else self.between(0, 0)

    def since(self, ts_ns):
        """Rows at or after a time (int ns, datetime64, aware datetime). A view; O(log rows).

        An int of 1970 that another unit puts after 1990 is a `TimeError` (``ERR_UNIT``) where all
        rows are later."""
        cdef int64_t time = to_ns(ts_ns), at, first = INT64_MIN
        cdef SymbolCore core = self._core
        cdef BarWindow window = new_window(self.kind)
        cdef uintptr_t* inside
        cdef const Ring* ring
        if core.symbol.grid == NULL:
            return window
        inside = symbol_enter(&core.symbol)
        ring = core.ring(self._k)
        at = ring_oldest(ring)
        if at < ring.next_seq:
            first = ring.ts[at - ring.origin]
        at += first_at_or_after(ring.ts + (at - ring.origin), ring.next_seq - at, time)
        show_ring(window, core, self._k, ring, at, ring.next_seq)
        symbol_leave(inside)
        if time < LEAST_START <= first:
            check_plausible(time, symbol=core.name)
        return window

    def window(self, i, j):
        """Rows `[i, j)`, counted from the oldest live one; negative positions count from the end,
        None is the end. A view."""
        try:
            return self.between(0 if i is None else clipped(i, NULL), INT64_MAX if j is None else clipped(j, NULL))
        except TypeError:
            for name, position in (("i", i), ("j", j)):
                if position is not None:
                    check_index(name, position)
            raise

    # --- the newest row ---

    cdef bint newest(self, Bar* out_bar) noexcept:
        cdef SymbolCore core = self._core
        cdef uintptr_t* inside
        cdef const Ring* ring
        cdef bint is_there
        if core.symbol.grid == NULL:
            return False
        inside = symbol_enter(&core.symbol)
        ring = core.ring(self._k)
        is_there = ring.next_seq > 0
        if is_there:
            ring_read(ring, ring.next_seq - 1, out_bar)
        symbol_leave(inside)
        return is_there

    @property
    def last_ts_ns(self):
        """Open time of the newest bar, ns; None if there is no bar."""
        cdef Bar bar
        return bar.ts if self.newest(&bar) else None

    @property
    def last_open(self):
        """First price of the newest bar; None if there is no bar."""
        cdef Bar bar
        return bar.open if self.newest(&bar) else None

    @property
    def last_high(self):
        """Highest price of the newest bar; None if there is no bar."""
        cdef Bar bar
        return bar.high if self.newest(&bar) else None

    @property
    def last_low(self):
        """Lowest price of the newest bar; None if there is no bar."""
        cdef Bar bar
        return bar.low if self.newest(&bar) else None

    @property
    def last_close(self):
        """Last price of the newest bar; None if there is no bar."""
        cdef Bar bar
        return bar.close if self.newest(&bar) else None

    @property
    def last_volume(self):
        """Volume of the newest bar; None if there is no bar."""
        cdef Bar bar
        return bar.volume if self.newest(&bar) else None

    @property
    def total_count(self):
        """Rows ever added in this session, those since overwritten included."""
        return self._core.total_count(self._k)

    @property
    def coverage(self):
        """(base bars, expected base bars) behind the newest bar; (0, 0) for an empty series."""
        newest = self.row(-1)
        return (0, 0) if newest is None else (newest[8], newest[9])

    @property
    def forming(self):
        """Whether the newest bar is still in progress. Of the base, only bars made of trades or
        quotes ever are."""
        return self._core.forming(self._k)

    # --- slots ---

    cdef SlotStates states(self) noexcept:
        cdef SlotStates states = SlotStates(0, 0, 0, 0, 0, 0)
        cdef SymbolCore core = self._core
        cdef uintptr_t* inside
        if core.symbol.grid != NULL:
            inside = symbol_enter(&core.symbol)
            core._states(self._k, &states)
            symbol_leave(inside)
        return states

    @property
    def expected(self):
        """Elapsed slots of the session: ``present + missing + no_trade + halted``."""
        return self.states().expected

    @property
    def present(self):
        """Slots among the expected with a bar on them."""
        return self.states().present

    @property
    def missing(self):
        """Slots among the expected without a bar, and without evidence that there should be
        none."""
        return self.states().missing

    @property
    def no_trade(self):
        """Slots among the expected without a bar in which, as was marked, nothing traded (for a
        part of them the market may have been halted)."""
        return self.states().no_trade

    @property
    def halted(self):
        """Slots among the expected without a bar through which, as was marked, the market was
        halted."""
        return self.states().halted

    @property
    def gaps(self):
        """Gaps in time order, a list of `GapInfo`, or what `set_gaps` pinned. O(gaps)."""
        pinned = self._owner.pins.gaps
        if pinned and self._k in pinned:
            return list(pinned[self._k])
        return self._core.gaps(self._k, self.kind.zone)

    @property
    def quality(self):
        """100 * present / expected, or what `set_quality` pinned; 100.0 where nothing is expected
        yet."""
        cdef SlotStates states = self.states()
        pinned = self._owner.pins.quality
        if pinned and self._k in pinned:
            return pinned[self._k]
        return quality_of(&states)

    @property
    def completeness(self):
        """100 * (present + no_trade + halted) / expected: what is left to 100 is really
        unexplained.

        100.0 where nothing is expected yet."""
        cdef SlotStates states = self.states()
        return 100.0 * (states.expected - states.missing) / states.expected if states.expected else 100.0

    def slot_state(self, ts_ns):
        """State of the slot of the regular session that holds a time.

        Parameters
        ----------
        ts_ns : int ns, datetime64 or aware datetime

        Returns
        -------
        {"present", "missing", "no_trade", "halted", "pending"} or None
            None outside the session's segments; pending is a slot that has not elapsed.

        Raises
        ------
        TimeError
            It is no time, or an integer of another unit (``ERR_UNIT``), as of
            `SessionData.advance_to`.
        """
        time = to_ns(ts_ns)
        state = self._core.state_at(self._k, time)
        if state >= 0:
            return _STATES[state]
        if not self._core.has_early_days():
            check_plausible(time, symbol=self.kind.symbol)
        return None


# --- what other modules of the package ask of a series ---


def native_of(LiveBars series not None):
    """Native state of the symbol, and the number of the series in it."""
    return series._core, series._k


def owner_of(LiveBars series not None):
    """Whose series it is: a `SlotOwner`."""
    return series._owner
