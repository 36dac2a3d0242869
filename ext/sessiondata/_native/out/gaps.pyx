"""Gaps of a tracker as JSON: `"gaps":{"gap_count":...,"missing_bars":...,"ranges":[...]},`.

All gaps are listed first, because their number is known only then, and one reserve is enough for
them all. A gap lies in one segment, so its last slot is a multiplication away from its first one.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from sessiondata._native.out.style cimport TimeStyle, write_timestamp
from sessiondata._native.out.text cimport I64_BYTES, TIME_BYTES, write_i64, write_literal
from sessiondata._native.out.writer cimport reserve
from sessiondata._native.slots.gaps cimport gaps_count, gaps_list, gaps_missing
from sessiondata._native.slots.grid cimport ordinal_start
from sessiondata._native.slots.marks cimport retries_of


cdef enum:
    FIXED_BYTES = 128     # literals and numbers around the gaps
    GAP_BYTES = 2 * TIME_BYTES + I64_BYTES + 64
    RETRY_BYTES = TIME_BYTES + I64_BYTES + 64


cdef char* _write_retries(char* out, const Gaps* gaps, int32_t start, int32_t stop, Style style) except NULL:
    """`"retry_count":...,"last_retry":...,` of a gap, nothing if it was never asked for again."""
    cdef int32_t count
    cdef int64_t last_ns
    cdef bytes last
    retries_of(&gaps.marks.retries, start, stop, &count, &last_ns)
    if count == 0:
        return out
    last = style.anytime(last_ns)
    out = write_literal(write_i64(write_literal(out, b',"retry_count":'), count), b',"last_retry":')
    memcpy(out, PyBytes_AS_STRING(last), len(last))
    return out + len(last)


cdef int add_gaps(ByteWriter writer, const Gaps* gaps, int32_t expected, Style times) except -1:
    """`"gaps":{...},` of a tracker, nothing where there is no gap."""
    cdef int32_t n = gaps_count(gaps, expected), i
    cdef TimeStyle* style = &times.data
    cdef bint retried = gaps.marks != NULL and gaps.marks.retries.n > 0
    cdef int32_t* start
    cdef int32_t* stop
    cdef int64_t ts
    cdef char* out
    if n == 0:
        return 0
    reserve(writer, FIXED_BYTES + n * (GAP_BYTES + RETRY_BYTES if retried else GAP_BYTES))
    start = <int32_t*>malloc(2 * n * sizeof(int32_t))
    if start == NULL:
        raise MemoryError("no memory for the gaps")
    try:
        stop = start + n
        gaps_list(gaps, expected, start, stop)
        out = write_i64(write_literal(writer.data + writer.size, b'"gaps":{"gap_count":'), n)
        out = write_i64(write_literal(out, b',"missing_bars":'), gaps_missing(gaps, expected))
        out = write_literal(out, b',"ranges":[')
        for i in range(n):
            ts = ordinal_start(gaps.table, start[i])
            out = write_timestamp(write_literal(out, b'{"start_time":'), ts, style)
            ts += (stop[i] - 1 - start[i]) * gaps.table.step_ns  # a gap lies in one segment
            out = write_timestamp(write_literal(out, b'"end_time":'), ts, style)
            out = write_i64(write_literal(out, b'"bar_count":'), stop[i] - start[i])
            if retried:
                out = _write_retries(out, gaps, start[i], stop[i], times)
            out = write_literal(out, b"},")
        writer.size = write_literal(out - 1, b"]},") - writer.data
    finally:
        free(start)
    return 0
