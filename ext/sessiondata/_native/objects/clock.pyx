"""The clock of a store as an object: its time, the sequence of its changes, and what session runs.

Every symbol of the store points into it (`Symbol.clock`). Times and changes are read without the
guard of the clocks, see `symbol/clock`; the rest changes with the GIL.
"""

cimport cython
from libc.stdint cimport INT64_MIN, int64_t
from libc.stdlib cimport free

from datetime import timedelta

from sessiondata._native.base.guard cimport peek
from sessiondata._native.symbol.clock cimport clock_advance, clock_reset, clock_sequence, clock_touch

from sessiondata.copying import refuse_copy


cdef object _ONE_DAY = timedelta(1)


@cython.no_gc  # dates and hours, which refer to nothing that could refer to it
cdef class StoreClock:
    """Clock and change sequence of a store; every symbol of the store points into it.

    Parameters
    ----------
    grace_ns : int
        How long after its end a bar may still arrive before its slot has elapsed, if nothing newer
        has come.
    """

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, int64_t grace_ns=0):
        self.data.as_of, self.data.watermark, self.data.changes = INT64_MIN, INT64_MIN, 0
        self.epoch = 0
        self.date = self.ended = self.grid = None
        self.data.grace_ns = grace_ns
        self.data.symbols = NULL
        self.data.fired = NULL
        self.data.n_watching = 0
        self.data.n_symbols = self.data.room = 0

    def __dealloc__(self):
        free(self.data.symbols)

    @property
    def as_of(self):
        """Latest time that `advance` moved to, int ns; None before."""
        cdef int64_t as_of = peek(&self.data.as_of)
        return None if as_of == INT64_MIN else as_of

    @property
    def grace_ns(self):
        return self.data.grace_ns

    @property
    def sequence(self):
        """Changes of the store so far, int; changes of symbols that have left are still counted.
        O(symbols).
        """
        cdef int64_t latest
        return clock_sequence(&self.data, &latest)

    def reading(self):
        """(latest time that the store knows of, int ns or None; `sequence`), both at once.
        O(symbols)."""
        cdef int64_t latest, sequence = clock_sequence(&self.data, &latest)
        return None if latest == INT64_MIN else latest, sequence

    def advance(self, int64_t ts_ns):
        """Move the clock forwards; False (and no change) if it stands there already or further."""
        return clock_advance(&self.data, ts_ns)

    def touch(self):
        """Count a change that no bar made."""
        clock_touch(&self.data)

    @property
    def next_date(self):
        """The earliest date that has not ended: of the session under way, or the day after the one
        that has ended. None before the first session: there is no now yet, and nothing is ahead of
        it."""
        if self.date is not None or self.ended is None:
            return self.date
        return self.ended + _ONE_DAY

    def reset(self):
        """Forget the time (a new session); the sequence goes on."""
        clock_reset(&self.data)
