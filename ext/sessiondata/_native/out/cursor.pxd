# What a consumer of exports has been sent, and what has changed since.

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t

from sessiondata._native.slots.gaps cimport Gaps
from sessiondata._native.rows.ring cimport Bar, Ring
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.symbol.symbol cimport EDITS
from sessiondata._native.out.writer cimport ByteWriter


cdef enum:
    # Flags of a series.
    FORMING = 1           # the newest row is a bar in progress
    PINNED = 2            # its gaps are pinned
    # slots have elapsed behind the tracker's frontier: the clock has made them expected
    TAIL = 4
    DENSE = 8             # two rows have the same time, in the form of times that is sent


cdef enum:
    # What stands for a session in a Head where there is none.
    NO_SESSION = -1       # the symbol was sent without one
    NEVER = -2            # the symbol was never sent


cdef struct Sent:
    # One series as it was sent.
    int64_t total         # rows ever added
    int64_t newest_ts     # ns, the newest row; INT64_MIN: there was none
    double values[5]      # of it: open, high, low, close, volume
    int32_t missing       # slots
    int32_t expected      # slots that had elapsed
    int32_t gap_edits     # of the tracker
    int16_t quality       # hundredths of a percent
    uint8_t flags


cdef struct Label:
    # `"NAME":{"count":` of an interval: text to be copied as a whole.
    char text[32]
    Py_ssize_t n


cdef struct Head:
    # One symbol as it was sent.
    int64_t last_ts       # of the symbol
    int64_t n_edits
    int64_t as_of         # ns, its watermark
    int64_t session       # session_id; NO_SESSION; NEVER sent
    int64_t n_edited
    int64_t n_pin_edits
    int64_t n_past_edits
    int64_t n_ticks[2]    # trades and quotes ever stored
    Py_ssize_t name       # where its name begins in `names`, as a JSON string
    Py_ssize_t n_name
    const Label* labels   # of its series
    Sent* series         # all of the symbol's, also those that are not selected
    uint32_t selected     # bit k: series k is sent
    int32_t n_series


cdef struct Visit:
    # What has changed of one symbol since it was sent.
    bint whole            # it is new to the consumer, or its session is: everything is sent
    bint changed          # it has changed by more than time
    bint pins_changed
    bint past_changed
    bint with_ticks[2]         # trades, quotes: there are some to be sent
    bint in_order          # the newest row is on a slot, and no later slot has begun
    int64_t as_of         # ns, its watermark
    int32_t n_edited      # base rows changed out of order; -1: more than the symbol remembers
    int64_t edited_ts[EDITS]


cdef struct Change:
    # What of one series is to be sent.
    bint sent            # anything at all
    bint gaps             # gaps, or that there are none any more
    bint replace          # the rows are all there are
    int32_t n_edited
    int64_t edited[EDITS]  # sequences of rows to send, ascending
    int64_t first         # and of the first of the newest rows, which are all sent
    int64_t stop          # one past the newest
    Bar newest            # the newest row, if there is one; that of a ring may be behind it


cdef class Cursor:
    # symbols as they were sent, in order; names of those that had left before a cursor was saved
    cdef list cores
    cdef Head* heads      # one for each
    cdef Sent* sent
    cdef ByteWriter names  # side by side, so that nothing has to be fetched from the symbols' own
    cdef dict labels      # tuple of names of intervals -> bytes that hold an array of Label
    cdef object intervals  # frozenset of names that are selected; None: all
    cdef bint millis      # times are sent in milliseconds, so two rows may look the same
    # an export is under way, or has failed: nothing is known of what was sent
    cdef bint is_open
    cdef Py_ssize_t _add_name(self, ByteWriter names, str name) except -1
    cdef const Label* _labels_of(self, tuple intervals) except NULL
    cdef bint has_changed(self, Py_ssize_t i) noexcept
    cdef bint lacks_past(self, Py_ssize_t i) noexcept
    cdef void visit(self, Py_ssize_t i, SymbolCore core, bint whole, Visit* out_visit) noexcept
    cdef void step(self, SymbolCore core, Sent* sent, Py_ssize_t k, const Visit* visit, bint pinned_gaps,
                   int pinned_quality, Change* out_change) noexcept
    cdef int _align(self, list cores, list removed) except -1
    cdef uint32_t selection(self, tuple intervals) except? 0


cdef str name_of(object entry)
cdef int pinned_hundredths(dict pinned_quality, Py_ssize_t k) except -2
