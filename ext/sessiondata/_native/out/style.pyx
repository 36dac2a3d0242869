"""How the times of one document are written: time of day, ISO 8601, or an epoch.

    ts -> the day at hand (`DayText`), if it holds the time -> its text and the time of day

A session has few UTC offsets and few days, so the text of the day at hand is kept, with the stretch
in which it is right: the day, cut where another offset begins.

Times of retries may lie anywhere, beyond the offsets at hand. Python code formats them, so a style
learns those of a symbol before it is written.

Rejected: a branch for each style in `write_time`.
"""

from libc.stdint cimport uint64_t

from sessiondata._native.out.text cimport TIME_BYTES, set_day
from sessiondata._native.slots.marks cimport Retries
from sessiondata._native.symbol.evidence cimport Evidence

from sessiondata.copying import refuse_copy


cdef class Style:
    """How times are written in one document.

    Parameters
    ----------
    kind : {"time", "iso", "epoch_ms", "epoch_ns"}
        "time" is resolved already: the time of day is unambiguous.
    from_ns, offset_ns : ndarray of int64
        UTC offsets in force.
    format_time : callable
        Called with int ns, returns the JSON of a time that may lie anywhere: when a gap was asked
        for again.
    """

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, str kind, const int64_t[::1] from_ns, const int64_t[::1] offset_ns, format_time):
        self._format, self._formatted = format_time, {}
        self.data.kind = ("time", "iso", "epoch_ms", "epoch_ns").index(kind)
        self._from_ns, self._offset_ns = from_ns, offset_ns
        self.data.n_offsets = <int32_t>from_ns.shape[0]
        self.data.from_ns, self.data.offset_ns = &from_ns[0], &offset_ns[0]
        self.data.day.length_ns = 0

    def text(self, int64_t ts):
        """JSON of a time in the session's span."""
        cdef char text[TIME_BYTES]
        return text[:write_timestamp(text, ts, &self.data) - text - 1]

    cdef bytes anytime(self, int64_t ts):
        """JSON of a time that may lie anywhere. Runs Python code unless it was learnt."""
        cdef bytes formatted = self._formatted.get(ts)
        if formatted is None:
            formatted = self._formatted[ts] = self._format(ts)
        return formatted

    cdef int learn(self, SymbolCore core) except -1:
        """Learn the times at which gaps of a symbol have been asked for again. Formatting them runs
        Python, which may add others, so it looks until there are none."""
        cdef Evidence evidence
        cdef const Retries* retries
        cdef int32_t k, i
        cdef set times
        while core._memory is not None and core._memory.evidence is not None:
            evidence, times = core._memory.evidence, set()
            for k in range(evidence.n_trackers):
                retries = &evidence.marks[k].retries
                for i in range(retries.n):
                    times.add(retries.last_ns[i])
            times.difference_update(self._formatted)
            if not times:
                break
            for ts in times:
                self.anytime(ts)
        return 0


cdef void style_set_day(TimeStyle* style, int64_t ts) noexcept nogil:
    """Set the day of a time, as far as one UTC offset holds."""
    cdef DayText* day = &style.day
    cdef int32_t i = style.n_offsets - 1
    cdef uint64_t ns
    while i > 0 and ts < style.from_ns[i]:
        i -= 1
    set_day(day, ts, style.offset_ns[i], style.kind == ISO)
    ns = <uint64_t>ts - day.midnight_ns
    if i > 0 and <uint64_t>ts - <uint64_t>style.from_ns[i] < ns:
        day.from_ns = ns - (<uint64_t>ts - <uint64_t>style.from_ns[i])
        day.length_ns -= day.from_ns
    if i + 1 < style.n_offsets and <uint64_t>style.from_ns[i + 1] - <uint64_t>ts < day.from_ns + day.length_ns - ns:
        day.length_ns = ns - day.from_ns + (<uint64_t>style.from_ns[i + 1] - <uint64_t>ts)
