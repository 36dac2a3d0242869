# How the times of one document are written.

from libc.stdint cimport int32_t, int64_t

from sessiondata._native.base.time cimport floor_div
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.out.text cimport DayText, day_holds, write_i64, write_time


cdef enum:
    # Kinds of a style.
    TIME_OF_DAY = 0
    ISO = 1
    EPOCH_MS = 2
    EPOCH_NS = 3


cdef struct TimeStyle:
    int kind
    int32_t n_offsets
    const int64_t* from_ns    # n_offsets: since when each UTC offset holds, ascending
    const int64_t* offset_ns
    DayText day               # of the time written last, unless `kind` is an epoch


cdef class Style:
    cdef TimeStyle data
    cdef const int64_t[::1] _from_ns, _offset_ns
    cdef object _format
    cdef dict _formatted      # times that were asked for -> JSON
    cdef bytes anytime(self, int64_t ts)
    cdef int learn(self, SymbolCore core) except -1


cdef void style_set_day(TimeStyle* style, int64_t ts) noexcept nogil


cdef inline char* write_timestamp(char* out, int64_t ts, TimeStyle* style) noexcept nogil:
    """A time in the session's span as a JSON value, and a comma; TIME_BYTES at most."""
    if style.kind >= EPOCH_MS:
        out = write_i64(out, ts if style.kind == EPOCH_NS else floor_div(ts, 1_000_000))
        out[0] = c","
        return out + 1
    if not day_holds(&style.day, ts):
        style_set_day(style, ts)
    return write_time(out, ts, &style.day)
