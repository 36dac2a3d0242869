"""The rules on bars, asked of whole columns before there is a session to store them in."""

from libc.stdint cimport INT64_MAX, int64_t

from sessiondata._native.base.status cimport ERR_INCONSISTENT, ERR_NAT, ERR_TS_RANGE
from sessiondata._native.base.time cimport NAT
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.rows.ring cimport Bar
from sessiondata._native.symbol.symbol cimport check_bar, check_values, is_inconsistent


def check_rows(SymbolCore core not None, const int64_t[::1] ts, const double[::1] open, const double[::1] high,
               const double[::1] low, const double[::1] close, const double[::1] volume):
    """Raise for the first row that breaks a rule, whatever its trade date."""
    cdef Py_ssize_t i
    cdef int status
    cdef Bar bar
    for i in range(ts.shape[0]):
        bar = Bar(ts[i], open[i], high[i], low[i], close[i], volume[i], 0)
        status = check_values(&bar)
        if status == 0 and core.symbol.strict and is_inconsistent(bar.open, bar.high, bar.low, bar.close):
            status = ERR_INCONSISTENT
        elif status == 0 and bar.ts == NAT:
            status = ERR_NAT
        elif status == 0 and bar.ts > INT64_MAX - core.symbol.step_ns:
            status = ERR_TS_RANGE
        if status:
            core._refuse(status, i, bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume)


def earliest(SymbolCore core, const int64_t[::1] ts, const double[::1] open, const double[::1] high,
             const double[::1] low, const double[::1] close, const double[::1] volume, int64_t floor):
    """Time of the earliest row from `floor` on that breaks no rule, as far as that is known without
    a session; None if there is none."""
    cdef Py_ssize_t i
    cdef int64_t least = INT64_MAX
    cdef Bar bar
    for i in range(ts.shape[0]):
        bar = Bar(ts[i], open[i], high[i], low[i], close[i], volume[i], 0)
        if floor <= ts[i] < least and check_bar(&core.symbol, &bar) == 0:
            least = ts[i]
    return None if least == INT64_MAX else least
