"""How many of many symbols miss the same slots: what tells an outage of the feed from a quiet
symbol.

Each symbol is looked at in its guard, one after the other; the numbers are of no single moment.
"""

from libc.stdint cimport int32_t, int64_t, uintptr_t

from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.slots.gaps cimport Gaps, gaps_missing, gaps_present, gaps_tally
from sessiondata._native.slots.grid cimport expected_at, first_slot_from
from sessiondata._native.symbol.symbol cimport symbol_enter, symbol_leave, symbol_watermark


def count_missing(list series not None, int64_t start_ns, int64_t stop_ns, double active_share):
    """(how many miss most of the slots that begin in [start_ns, stop_ns), how many are active) of
    series, each (SymbolCore, number): those that expect some of the slots, and have
    bars on that share of all others, or of these where there are no others."""
    cdef SymbolCore core
    cdef Py_ssize_t k
    cdef Gaps* gaps
    cdef int32_t expected, first, last, present, missing, present_outside, missing_outside
    cdef int64_t n_missing = 0, n_active = 0
    cdef uintptr_t* inside
    for core, k in series:
        if core.symbol.grid == NULL:
            continue
        inside = symbol_enter(&core.symbol)
        gaps = core.tracker(k)
        expected = expected_at(gaps.table, symbol_watermark(&core.symbol))
        last = min(first_slot_from(gaps.table, stop_ns), expected)
        first = min(first_slot_from(gaps.table, start_ns), last)
        gaps_tally(gaps, first, last, &present, &missing)
        present_outside = gaps_present(gaps, expected) - present
        missing_outside = gaps_missing(gaps, expected) - missing
        symbol_leave(inside)
        if present_outside + missing_outside == 0:
            present_outside, missing_outside = present, missing
        if present + missing > 0 and present_outside > 0 and (
                present_outside >= active_share * (present_outside + missing_outside)):
            n_active += 1
            n_missing += missing > present
    return n_missing, n_active
