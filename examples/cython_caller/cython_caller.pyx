# cython: language_level=3, boundscheck=False, wraparound=False
"""An extension of your own that calls the store without the interpreter.

    feed          bars -> sd_append -> a 5m bar has begun? -> the closed one is read -> highest close
    closes_of     the newest closes over past days and the session -> an array
"""

from libc.stdint cimport int64_t

from sessiondata.capi cimport (
    SD_CLOSE, sd_append, sd_count, sd_missing, sd_series, sd_value, sd_window, sd_window_values,
)

cdef int64_t FIVE_MINUTES_NS = 300_000_000_000


cdef int64_t run(int64_t handle, const int64_t* ts, const double* open, const double* high, const double* low,
                 const double* close, const double* volume, int64_t n, double* out_best) noexcept nogil:
    """Append n bars; the first error, or how many 5m bars have closed. out_best: the highest close
    of those."""
    cdef int64_t five = sd_series(handle, FIVE_MINUTES_NS), bars, status, i, closed = 0
    cdef double best = -1e300, price
    if five < 0:
        return five
    bars = sd_count(handle, five)
    for i in range(n):
        status = sd_append(handle, ts[i], open[i], high[i], low[i], close[i], volume[i])
        if status < 0:
            return status
        if sd_count(handle, five) > bars:
            bars += 1
            if bars > 1:
                closed += 1
                price = sd_value(handle, five, SD_CLOSE, -2)
                best = price if price > best else best
    out_best[0] = best
    return closed


def feed(int64_t handle, const int64_t[::1] ts, const double[::1] open, const double[::1] high,
         const double[::1] low, const double[::1] close, const double[::1] volume):
    """Append bars of equal length; (5m bars closed, their highest close, minutes missing). Raises
    on a bad bar."""
    cdef double best = 0.0
    cdef int64_t n = ts.shape[0], closed
    if not n == open.shape[0] == high.shape[0] == low.shape[0] == close.shape[0] == volume.shape[0] or n == 0:
        raise ValueError("columns of equal length, and not empty")
    with nogil:  # one thread at a time for each symbol
        closed = run(handle, &ts[0], &open[0], &high[0], &low[0], &close[0], &volume[0], n, &best)
    if closed < 0:
        raise ValueError(f"a bar was refused: status {closed}")
    return closed, best, sd_missing(handle, 0)


def closes_of(int64_t handle, int64_t step_ns, int64_t[::1] dates, double[::1] closes):
    """Fill arrays with trade dates (days since 1970) and closes of the newest bars of an interval
    that have closed, oldest first; how many there are, and the mean of the closes."""
    cdef int64_t n = closes.shape[0], k = sd_series(handle, step_ns), count, again, i
    cdef double total = 0.0
    if dates.shape[0] != n or n == 0:
        raise ValueError("columns of equal length, and not empty")
    with nogil:
        count = sd_window(handle, k, n, 0, NULL, NULL, NULL, NULL, &closes[0], NULL, &dates[0])
        again = sd_window_values(handle, k, SD_CLOSE, n, 0, &closes[0])
        for i in range(count):
            total += closes[i]
    if count < 0 or again != count:
        raise ValueError(f"there is no window: status {count}")
    return count, total / count if count else 0.0
