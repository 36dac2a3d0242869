# The clock of a store, and what session it is in.

from libc.stdint cimport int64_t

from sessiondata._native.symbol.symbol cimport Clock


cdef class StoreClock:
    cdef Clock data
    # sessions begun so far, and times that the store was cleared
    cdef readonly int64_t epoch
    # What session is under way changes in one step with the cores, so it stands here. See
    # `objects/sessions.turn`.
    #
    # trade date of the session under way, by whichever calendar; None
    cdef public object date
    cdef public object ended            # that of the one before; None
    cdef public object grid             # hours of the date by the store's calendar; None
    # what `objects/sessions.undo` compares: all that was counted when the session began
    cdef int64_t begun
