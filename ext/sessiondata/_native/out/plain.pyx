"""One symbol of a document as plain Python objects: what `out/symbol` writes as JSON, key for key.

    a copy of the symbol -> a dict for each series -> a list for each row

A cursor has looked at the copy and has noted counts, quality and forming bars of all its series; no
other thread writes to it. So all of it is of one moment, although other threads run in between.

Rows of many symbols mostly have the same times, and so do those of one symbol's intervals. An
object that says a time is therefore taken from the rows of the symbol before (`Times`), which costs
a comparison and not a text.

Python's garbage collector pauses while rows are made: it would go through all of them every 700
rows, though nothing of them can be garbage.
"""

from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_FromDouble
from cpython.list cimport PyList_GET_ITEM, PyList_New, PyList_SET_ITEM
from cpython.long cimport PyLong_FromLongLong
from cpython.ref cimport Py_INCREF
from libc.math cimport fabs, isfinite
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from sessiondata._native.base.guard cimport gc_pause, gc_resume
from sessiondata._native.base.time cimport floor_div
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.out.cursor cimport FORMING, PINNED, Cursor, Sent
from sessiondata._native.out.style cimport EPOCH_MS, EPOCH_NS, Style, TimeStyle, write_timestamp
from sessiondata._native.out.text cimport TIME_BYTES
from sessiondata._native.rows.aggregate cimport Level
from sessiondata._native.rows.ring cimport Ring, ring_oldest
from sessiondata._native.rows.ticks cimport Tick, TickRing, ticks_oldest, ticks_read
from sessiondata._native.slots.gaps cimport Gaps, gaps_count, gaps_list, gaps_missing
from sessiondata._native.slots.grid cimport ordinal_start
from sessiondata._native.slots.marks cimport retries_of
from sessiondata._native.symbol.layout cimport series_gaps, series_ring
from sessiondata._native.symbol.symbol cimport Symbol, symbol_flush

from sessiondata.copying import refuse_copy


cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 greatest)
    void* PyUnicode_DATA(object text)


cdef enum:
    ROW_BLOCK = 4096      # rows between two looks at signals


cdef list _COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]


cdef class Times:
    """The rows that were made last of each series, for their times."""
    cdef dict rows            # number of the series -> (rows, the copy that they were made of)
    cdef object style         # of these

    def __cinit__(self):
        self.rows = {}

    def __reduce__(self):
        refuse_copy(self)


cdef object _time(int64_t ts, TimeStyle* style):
    cdef char text[TIME_BYTES]
    cdef Py_ssize_t n
    if style.kind == EPOCH_NS:
        return PyLong_FromLongLong(ts)
    if style.kind == EPOCH_MS:
        return PyLong_FromLongLong(floor_div(ts, 1_000_000))
    n = write_timestamp(text, ts, style) - text - 3  # two quotes and a comma
    result = PyUnicode_New(n, 127)
    memcpy(PyUnicode_DATA(result), text + 1, n)
    return result


cdef inline object _volume(double x):
    """An integral volume as an int, while a float can count; any other as it is."""
    if fabs(x) <= 9007199254740992.0 and <double><int64_t>x == x:
        return PyLong_FromLongLong(<int64_t>x)
    return PyFloat_FromDouble(x)


cdef inline void _set(list row, Py_ssize_t i, object value) noexcept:
    Py_INCREF(value)  # the list takes one over
    PyList_SET_ITEM(row, i, value)


cdef list _row(object time, const Ring* ring, int64_t at):
    cdef list row = PyList_New(6)
    _set(row, 0, time)
    _set(row, 1, PyFloat_FromDouble(ring.open[at]))
    _set(row, 2, PyFloat_FromDouble(ring.high[at]))
    _set(row, 3, PyFloat_FromDouble(ring.low[at]))
    _set(row, 4, PyFloat_FromDouble(ring.close[at]))
    _set(row, 5, _volume(ring.volume[at]))
    return row


cdef list _rows(const Ring* ring, int64_t at, int64_t n, TimeStyle* style, list said, const int64_t* said_ts):
    """`n` physical rows from `at` on. `said`: rows whose times may be the same, of times
    `said_ts`."""
    cdef list rows = PyList_New(n)
    cdef int64_t i, j = 0, n_said = 0 if said is None else len(said)
    cdef bint collects
    cdef object time
    for i in range(n):  # a list that others may come to see has no empty places
        _set(rows, i, None)
    collects = gc_pause()
    try:
        for i in range(n):
            if i % ROW_BLOCK == ROW_BLOCK - 1:
                PyErr_CheckSignals()
            while j < n_said and said_ts[j] < ring.ts[at + i]:
                j += 1
            if j < n_said and said_ts[j] == ring.ts[at + i]:
                time = (<list>PyList_GET_ITEM(said, j))[0]
            else:
                time = _time(ring.ts[at + i], style)
            rows[i] = _row(time, ring, at + i)
    finally:
        gc_resume(collects)
    return rows


cdef dict _gaps(const Gaps* gaps, int32_t expected, TimeStyle* style, object format_time):
    """Gaps of a tracker; None where there is none."""
    cdef int32_t n = gaps_count(gaps, expected), i, count
    cdef int64_t ts, last_ns
    cdef int32_t* start
    cdef int32_t* stop
    cdef list ranges = []
    cdef dict entry
    if n == 0:
        return None
    start = <int32_t*>malloc(2 * n * sizeof(int32_t))
    if start == NULL:
        raise MemoryError("no memory for the gaps")
    try:
        stop = start + n
        gaps_list(gaps, expected, start, stop)
        for i in range(n):
            ts = ordinal_start(gaps.table, start[i])
            entry = {
                "start_time": _time(ts, style),
                "end_time": _time(ts + (stop[i] - 1 - start[i]) * gaps.table.step_ns, style),
                "bar_count": stop[i] - start[i],
            }
            if gaps.marks != NULL and gaps.marks.retries.n > 0:
                retries_of(&gaps.marks.retries, start[i], stop[i], &count, &last_ns)
                if count:
                    entry["retry_count"], entry["last_retry"] = count, format_time(last_ns)
            ranges.append(entry)
    finally:
        free(start)
    return {"gap_count": n, "missing_bars": gaps_missing(gaps, expected), "ranges": ranges}


cdef dict _begin(Symbol* symbol, const Sent* sent, Py_ssize_t k):
    cdef dict part = {
        "count": 0 if symbol.grid == NULL else sent.total - ring_oldest(series_ring(symbol, k)),
        "total_count": sent.total,
        "generated": k > 0,
    }
    if sent.flags & FORMING:
        part["forming"] = True
    part["quality"] = sent.quality / 100.0
    return part


cdef object _gaps_of(Symbol* symbol, const Sent* sent, Py_ssize_t k, Style style, object format_time, dict pinned,
                     object gaps_dict):
    if sent.flags & PINNED:
        return gaps_dict(pinned[k], format_time) if pinned[k] else None
    return None if symbol.grid == NULL else _gaps(series_gaps(symbol, k), sent.expected, &style.data, format_time)


cdef dict _newest_tick(const TickRing* ring, bint quotes, TimeStyle* style):
    cdef Tick tick
    cdef const char* exchange
    cdef Py_ssize_t n = 0
    cdef dict latest
    ticks_read(ring, ring.next_seq - 1, &tick)
    latest = {"timestamp": _time(tick.ts, style)}
    if quotes:
        latest["bid"], latest["ask"] = tick.value[0], tick.value[1]
        latest["bid_size"], latest["ask_size"] = _volume(tick.value[2]), _volume(tick.value[3])
    else:
        exchange = <const char*>&tick.exchange
        while n < 8 and exchange[n]:
            n += 1
        latest["price"], latest["size"] = tick.value[0], _volume(tick.value[1])
        latest["exchange"] = exchange[:n].decode("ascii")
    return {"count": ring.next_seq - ticks_oldest(ring), "total_count": ring.next_seq, "latest": latest}


cdef dict _session(const Symbol* symbol, dict data, bint ticks, bint quotes, TimeStyle* style):
    """The member `session` around what is to be said of its series."""
    cdef const Level* day = &symbol.levels[symbol.n_levels - 2] if symbol.grid != NULL else NULL
    cdef dict session = {"volume": 0, "high": None, "low": None}
    if day != NULL and day.ring.next_seq > 0:
        session["volume"] = _volume(day.bar.volume)
        session["high"] = day.bar.high if isfinite(day.bar.high) else None
        session["low"] = day.bar.low if isfinite(day.bar.low) else None
    if ticks:
        data["ticks"] = _newest_tick(symbol.ticks, False, style)
    if quotes:
        data["quotes"] = _newest_tick(symbol.quotes, True, style)
    session["data"] = data
    return session


cdef inline bint _has_ticks(const TickRing* ring) noexcept:
    return ring != NULL and ring.next_seq > 0


def whole_session(Cursor cursor not None, Py_ssize_t i, SymbolCore core not None, Style style not None, format_time,
                  dict pinned, gaps_dict, Times times not None):
    """The member `session` of a symbol, complete.

    Parameters
    ----------
    cursor : Cursor
        What has noted symbol `i` as `core` shows it (`Cursor.take`, `Cursor.changes`).
    core : SymbolCore
        A copy, or what nobody writes to.
    style, format_time : Style, callable
        How its times are written; `format_time` of ns those that may lie anywhere.
    pinned : dict
        Gaps that are pinned, by number of the series.
    gaps_dict : callable
        Makes the member of these, and of `format_time`.
    times : Times
        Of all symbols of the document, or new.
    """
    cdef Symbol* symbol = &core.symbol
    cdef const Sent* sent
    cdef const Ring* ring
    cdef dict data = {}, part
    cdef Py_ssize_t k
    cdef SymbolCore other
    cdef list rows
    cdef const int64_t* said_ts
    if times.style is not style:
        times.style, times.rows = style, {}
    for k in range(cursor.heads[i].n_series):
        if not cursor.heads[i].selected >> k & 1:
            continue
        sent = &cursor.heads[i].series[k]
        part = data[core.intervals[k]] = _begin(symbol, sent, k)
        gaps = _gaps_of(symbol, sent, k, style, format_time, pinned, gaps_dict)
        if gaps:
            part["gaps"] = gaps
        part["columns"] = _COLUMNS.copy()
        rows = []
        if symbol.grid != NULL:
            if k > 0:
                symbol_flush(symbol, <int32_t>k - 1)
            ring, said, said_ts = series_ring(symbol, k), None, <const int64_t*>NULL
            if k in times.rows:
                said, other = times.rows[k]
                said_ts = series_ring(&other.symbol, k).ts
                said_ts += ring_oldest(series_ring(&other.symbol, k)) - series_ring(&other.symbol, k).origin
            rows = _rows(ring, ring_oldest(ring) - ring.origin, ring.next_seq - ring_oldest(ring), &style.data, said,
                         said_ts)
            times.rows[k] = rows, core
        part["data"] = rows
    return _session(symbol, data, _has_ticks(symbol.ticks), _has_ticks(symbol.quotes), &style.data)


def changed_session(Cursor cursor not None, Py_ssize_t i, SymbolCore core not None, list changed not None, bint ticks,
                    bint quotes, Style style not None, format_time, dict pinned, gaps_dict):
    """The member `session` of a symbol, as far as its consumer lacks it: `changed`, `ticks` and
    `quotes` are as `Cursor.changes` says them, the others as for `whole_session`."""
    cdef Symbol* symbol = &core.symbol
    cdef const Sent* sent
    cdef const Ring* ring
    cdef dict data = {}, part
    cdef Py_ssize_t k
    cdef int64_t at
    for k, gaps_changed, replace, positions in changed:
        sent = &cursor.heads[i].series[k]
        part = data[core.intervals[k]] = _begin(symbol, sent, k)
        if gaps_changed:
            part["gaps"] = _gaps_of(symbol, sent, k, style, format_time, pinned, gaps_dict)
        if replace:
            part["replace"] = True
        part["columns"] = _COLUMNS.copy()
        rows = []
        if positions:
            if k > 0:
                symbol_flush(symbol, <int32_t>k - 1)
            ring = series_ring(symbol, k)
            at = ring_oldest(ring) - ring.origin
            rows = [_row(_time(ring.ts[at + <int64_t>row], &style.data), ring, at + <int64_t>row) for row in positions]
        part["data"] = rows
    return _session(symbol, data, ticks, quotes, &style.data)


def plain_rows(const int64_t[::1] ts, const double[::1] open, const double[::1] high, const double[::1] low,
               const double[::1] close, const double[::1] volume, Style style not None):
    """Rows of columns, as they are in a document: a list of lists."""
    cdef Ring ring
    if ts.shape[0] == 0:
        return []
    memset(&ring, 0, sizeof(Ring))
    ring.ts = <int64_t*>&ts[0]
    ring.open, ring.high, ring.low = <double*>&open[0], <double*>&high[0], <double*>&low[0]
    ring.close, ring.volume = <double*>&close[0], <double*>&volume[0]
    return _rows(&ring, 0, ts.shape[0], &style.data, None, NULL)
