"""Rows of bars as columns, and windows on them.

    BarColumns   columns as arrays, and frames of other libraries; of a series, or of
    BarWindow    a fixed range of rows: a view of live ones, or rows that nobody writes to

A window holds addresses, not arrays: a column becomes an array when somebody asks for it, over
exactly the rows of the window. Live rows are in a `Memory`, which keeps every block of its session;
others in bytes, or in arrays that were handed over.

Everything that a window says of live rows is of one moment: it is looked at inside the symbol's
guard, and no Python code runs between the look and what is made of it. A new window is therefore
allocated first: up to CPython 3.11 that may run finalizers.

What needs other libraries (frames, notebooks) is Python code of a higher layer, which says where it
is found: `show_with`.

The file is long because the two classes are one another's: columns answer with windows, and a
window is columns.

Rejected: Python classes derived from native ones. Half of `series.last(20)` was then spent on
making and forgetting an object of a class that may have anything.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from libc.stdint cimport INT64_MIN, int32_t, int64_t, uintptr_t
from libc.string cimport memcpy

import numpy as np

from sessiondata._native.objects.kept cimport keep_objects
from sessiondata._native.objects.view cimport memory_of, view_of
from sessiondata._native.rows.columns cimport columns_from
from sessiondata._native.rows.ring cimport Bar, Ring, ring_columns, ring_oldest
from sessiondata._native.slots.grid cimport Grid, GridData, Region
from sessiondata._native.symbol.symbol cimport first_at_or_after, symbol_enter, symbol_leave

from sessiondata.copying import refuse_copy
from sessiondata.time.zones import from_ns

cdef object _INT64 = np.dtype("int64"), _INT32 = np.dtype("int32"), _FLOAT64 = np.dtype("float64")
cdef object _TIMES = np.dtype("M8[ns]")
cdef tuple _KINDS = (_INT64, _FLOAT64, _FLOAT64, _FLOAT64, _FLOAT64, _FLOAT64, _INT32)
cdef BarKind _NO_KIND = BarKind("", "", None, False, 0, 0)
cdef object _frames = None, _html = None  # modules of the higher layer, or functions that import them


def show_with(frames not None, html not None):
    """What makes frames and notebook tables of bars: functions that return the modules that do."""
    global _frames, _html
    _frames, _html = frames, html


@cython.no_gc  # a kind of bars is in no circle; windows and series see to what they add
cdef class BarColumns:
    """Columns of bars: time, open, high, low, close, volume, and what is known of each row."""

    def __cinit__(self):
        self.kind = _NO_KIND

    def __reduce__(self):
        refuse_copy(self)

    cdef object look(self, Columns* out_rows, int64_t* out_n):
        out_rows[0] = Columns(NULL, NULL, NULL, NULL, NULL, NULL, NULL)
        out_n[0] = 0
        return None

    cdef BarWindow whole(self):
        return new_window(self.kind)

    cdef BarWindow copied(self):
        return self.whole().copied()

    # --- whose they are ---

    @property
    def symbol(self):
        return self.kind.symbol

    @property
    def interval(self):
        return self.kind.interval

    @property
    def is_derived(self):
        """True if the bars are aggregated from the base interval."""
        return self.kind.is_derived

    @property
    def zone(self):
        """The exchange's, a tzinfo: that of `datetime` and of the records."""
        return self.kind.zone

    # --- columns ---

    @property
    def timestamp(self):
        """Open times, int64 ns since 1970 UTC, strictly increasing. Read-only view, no copy (a
        window made by `copy` owns its memory)."""
        cdef Columns rows
        cdef int64_t n
        owner = self.look(&rows, &n)
        return view_of(owner, rows.ts, n, _INT64)

    @property
    def open(self):
        """First prices, float64. Read-only view, no copy."""
        cdef Columns rows
        cdef int64_t n
        owner = self.look(&rows, &n)
        return view_of(owner, rows.open, n, _FLOAT64)

    @property
    def high(self):
        """Highest prices, float64. Read-only view, no copy."""
        cdef Columns rows
        cdef int64_t n
        owner = self.look(&rows, &n)
        return view_of(owner, rows.high, n, _FLOAT64)

    @property
    def low(self):
        """Lowest prices, float64. Read-only view, no copy."""
        cdef Columns rows
        cdef int64_t n
        owner = self.look(&rows, &n)
        return view_of(owner, rows.low, n, _FLOAT64)

    @property
    def close(self):
        """Last prices, float64. Read-only view, no copy."""
        cdef Columns rows
        cdef int64_t n
        owner = self.look(&rows, &n)
        return view_of(owner, rows.close, n, _FLOAT64)

    @property
    def volume(self):
        """Volumes, float64. Read-only view, no copy."""
        cdef Columns rows
        cdef int64_t n
        owner = self.look(&rows, &n)
        return view_of(owner, rows.volume, n, _FLOAT64)

    @property
    def n_base(self):
        """Base bars on their slot behind each bar, int32. A read-only view for derived rows, a new
        array of ones for the base."""
        cdef Columns rows
        cdef int64_t n
        owner = self.look(&rows, &n)
        return np.ones(n, np.int32) if rows.n_base == NULL else view_of(owner, rows.n_base, n, _INT32)

    @property
    def datetime64(self):
        """`timestamp` as datetime64[ns] in UTC. Read-only view, no copy."""
        cdef Columns rows
        cdef int64_t n
        owner = self.look(&rows, &n)
        return view_of(owner, rows.ts, n, _TIMES)

    @property
    def datetime(self):
        """`timestamp` as the records have it: aware datetimes in the exchange's zone, rounded down
        to a microsecond. A new list, O(n); `datetime64` is a view."""
        zone = self.kind.zone
        return [from_ns(ts_ns, zone) for ts_ns in self.copied().timestamp.tolist()]

    @property
    def end_ns(self):
        """Where the slot of each bar ends, int64 ns: a whole interval after its start, or where the
        segment ends that cuts it. A new array, O(n)."""
        cdef BarWindow rows = self.copied()
        return np.empty(0, _INT64) if rows.grid is None else rows.grid.slot_stops(rows.timestamp, self.kind.step_ns)

    @property
    def is_extended(self):
        """Which bars lie outside the session's segments, bool. A new array, O(n)."""
        cdef BarWindow rows = self.copied()
        return np.zeros(rows.n, np.bool_) if rows.grid is None else rows.grid.extended(rows.timestamp)

    @property
    def trade_date(self):
        """Trade date of each bar, datetime64[D]: of its session, which may have begun on the
        calendar day before. A new array, O(n)."""
        cdef BarWindow rows = self.copied()
        dates = np.empty(0, np.int32) if rows.grid is None else rows.grid.trade_dates(rows.timestamp)
        return dates.astype("datetime64[D]")

    @property
    def is_forming(self):
        """Which bars are still in progress, bool: none, or the newest. A new array, O(n)."""
        cdef BarWindow rows = self.copied()
        return np.zeros(rows.n, np.bool_) if rows.forming_ts == INT64_MIN else rows.timestamp == rows.forming_ts

    @property
    def closed(self):
        """The rows without the bar in progress, as a window. A view of what is one. O(1)."""
        cdef BarWindow rows = self.whole()
        cdef int64_t forming_ts = rows.forming_now()
        if rows.n and forming_ts != INT64_MIN and rows.rows.ts[rows.n - 1] == forming_ts:
            return rows.part(0, rows.n - 1)
        return rows

    @property
    def regular(self):
        """The rows inside the session's segments, as a window: a view where they stand together, as
        they do but for bars in a break, O(log n); else, and of several days, a copy, O(n)."""
        cdef BarWindow rows = self.whole(), frozen
        cdef uintptr_t* inside
        cdef int64_t first = 0, stop = 0
        cdef bint is_one = rows.n == 0
        if type(rows.grid) is Grid:
            inside = rows.enter()
            is_one = _regular_rows(&(<Grid>rows.grid).data, rows.rows.ts, rows.n, &first, &stop)
            symbol_leave(inside)
        if is_one:
            return rows.part(first, stop)
        frozen = rows.copied()
        return _packed(frozen, ~frozen.is_extended)

    # --- as frames of other libraries, which are imported when somebody asks ---

    def to_pandas(self, *, copy=None):
        """A pandas DataFrame, indexed by time.

        Parameters
        ----------
        copy : bool, optional
            By default, and with False, an immutable window (a `copy`, a closed day) is not
            copied but in a read-only frame, and a series is copied (with False: an
            error). True copies in any case.

        Returns
        -------
        pandas.DataFrame
            Columns open, high, low, close, volume (float64) and extended (bool); of a derived
            series also forming (bool) and n_base (int32, base bars on their slot); of ``"1d"`` also
            trade_date (datetime64[s], naive), since a session may open on the date before, in UTC
            or on its own clock. The index is ``timestamp``, datetime64[ns, UTC]: the open times,
            ascending.

        Raises
        ------
        ImportError
            There is no pandas.
        ArgumentError
            ``copy=False`` of a series; as an ArgumentTypeError, if `copy` is no bool.
        """
        return _frames().to_pandas(self, copy)

    def to_polars(self):
        """A polars DataFrame with the columns of `to_pandas`, first among them ``timestamp``,
        Datetime("ns", "UTC"). Of ``"1d"`` the last one, ``trade_date``, is a Date. A series is
        copied, an immutable window is not."""
        return _frames().to_polars(self)

    def to_arrow(self):
        """A pyarrow Table with the columns of `to_polars`, first among them ``timestamp``,
        timestamp[ns, tz=UTC]. Of ``"1d"`` the last one, ``trade_date``, is date32. A series is
        copied, an immutable window is not."""
        return _frames().to_arrow(self)

    def __arrow_c_stream__(self, requested_schema=None):
        """Capsule of an Arrow C stream of one batch: what lets ``polars.DataFrame(series)``,
        ``pyarrow.table(series)`` and others read a series as it is. Needs no Arrow library.

        Columns and copies are those of `to_arrow`. `requested_schema` must have the same columns;
        other types in it are a wish that is not followed.
        """
        return _frames().arrow_stream(self, requested_schema)

    def __arrow_c_schema__(self):
        """Capsule of the Arrow schema of `__arrow_c_stream__`."""
        return _frames().arrow_schema(self)

    def __array__(self, dtype=None, copy=None):
        """A structured array, shape (n,), with the columns of `to_polars` as fields; ``timestamp``
        is datetime64[ns], UTC, ``trade_date`` of ``"1d"`` datetime64[D]. Always a new array, so
        ``copy=False`` is an error.

        Records and not a matrix: no float64 holds today's nanoseconds. A matrix of prices is
        ``np.column_stack([series.open, series.close])``.
        """
        return _frames().to_array(self, dtype, copy)


@cython.final
cdef class BarWindow(BarColumns):
    """A fixed range of rows of a series, oldest first.

    Windows of a live series are views: they cost no copy, and values that are replaced in place (a
    correction, the forming bar) show through. `is_valid` says when the ring has since overwritten
    or moved a row.
    """

    def __init__(self):
        raise TypeError("windows are made by series: series.last(n), series[i:j]")

    cdef object look(self, Columns* out_rows, int64_t* out_n):
        out_rows[0], out_n[0] = self.rows, self.n
        return self.owner

    cdef BarWindow whole(self):
        return self

    cdef BarWindow copied(self):
        return self if self.core is None else self.copy()

    def copy(self):
        """Independent window on copied rows, all of one moment; it stays what it is whatever the
        ring does. Its columns are read-only as well."""
        cdef BarWindow copy = new_window(self.kind)
        cdef bytes block = PyBytes_FromStringAndSize(NULL, self.n * row_bytes(self.rows.n_base != NULL))
        cdef uintptr_t* inside = self.enter()
        copy.forming_ts = self.forming_inside()  # first: it brings the rows up to date
        copy_rows(&self.rows, self.n, PyBytes_AS_STRING(block), &copy.rows)
        symbol_leave(inside)
        copy.owner, copy.n, copy.grid, copy.n_requested = block, self.n, self.grid, self.n_requested
        return copy

    cdef uintptr_t* enter(self) noexcept:
        """Enter the guard of the symbol, if there is one."""
        return symbol_enter(&self.core.symbol) if self.core is not None else <uintptr_t*>NULL

    cdef int64_t forming_inside(self) noexcept:
        """`forming_now` inside the guard."""
        if self.core is None or self.session_id != self.core.session_id:
            return self.forming_ts
        return self.core.forming_ts(self.k)

    cdef int64_t forming_now(self) noexcept:
        """Time of the bar in progress: a copy's when it was made, a view's now (none once its
        session is gone); INT64_MIN if there is none."""
        cdef uintptr_t* inside
        cdef int64_t forming_ts
        if self.core is None:
            return self.forming_ts
        inside = symbol_enter(&self.core.symbol)
        forming_ts = self.forming_inside()
        symbol_leave(inside)
        return forming_ts

    cdef BarWindow part(self, int64_t start, int64_t stop):
        """Rows `[start, stop)` of the window, a view."""
        cdef BarWindow part = new_window(self.kind)
        part.owner, part.rows, part.n = self.owner, columns_from(&self.rows, start), stop - start
        if self.rows.n_base != NULL:
            part.rows.n_base = self.rows.n_base + start
        part.grid, part.forming_ts = self.grid, self.forming_ts
        part.core, part.k, part.session_id = self.core, self.k, self.session_id
        part.n_moves, part.seq = self.n_moves, self.seq + start
        return part

    cdef object row(self, int64_t i):
        """Row `i`, which is there."""
        cdef Bar bar
        cdef uintptr_t* inside = self.enter()
        cdef int64_t forming_ts = self.forming_inside()  # first, as in `copy`
        bar = Bar(self.rows.ts[i], self.rows.open[i], self.rows.high[i], self.rows.low[i], self.rows.close[i],
                  self.rows.volume[i], 1 if self.rows.n_base == NULL else self.rows.n_base[i])
        symbol_leave(inside)
        return self.kind.make(&bar, bar.ts == forming_ts, self.grid)

    # --- what it is ---

    @property
    def is_immutable(self):
        """Whether nothing can ever change the window, so that frames may show its memory. True for
        a copy."""
        return self.core is None

    @property
    def requested(self):
        """How many bars were asked for: ``n`` of `SymbolSessionData.window`; of any other window
        those that it has."""
        return self.n_requested or self.n

    @property
    def shortfall(self):
        """How many bars fewer there are than were asked for: no more are kept."""
        return self.n_requested - self.n if self.n_requested else 0

    @cython.binding(False)
    def is_valid(self):
        """
        Whether the window still has the rows that it was made of.

        False once the ring has overwritten one of them, a late row has moved others, or the session
        is gone. Always True for a window made by `copy`. O(1).
        """
        cdef uintptr_t* inside
        cdef Ring* ring
        cdef bint is_valid = False
        if self.core is None or self.n == 0:
            return True
        inside = symbol_enter(&self.core.symbol)
        ring = self.core.ring(self.k)
        if ring != NULL:
            is_valid = (self.core.session_id == self.session_id and ring.n_moves == self.n_moves
                        and ring_oldest(ring) <= self.seq)
        symbol_leave(inside)
        return is_valid

    # Nobody ever writes to the rows of an immutable window, those of a view are the store's.

    def __copy__(self):
        self.check_immutable()
        return self

    def __deepcopy__(self, memo):
        self.check_immutable()
        return self

    def __reduce__(self):
        self.check_immutable()
        columns = [column.tobytes() for column in _arrays(self)]
        forming_ts = None if self.forming_ts == INT64_MIN else self.forming_ts
        return restored_window, (columns, self.kind, self.grid, forming_ts, self.n_requested)

    cdef int check_immutable(self) except -1:
        if self.core is not None:
            refuse_copy(self, "window.copy() is a window of its own, which can be")
        return 0

    # --- rows ---

    def __len__(self):
        return self.n

    def __getitem__(self, key):
        """A `Bar` for an int, a `BarWindow` for a slice (a view if its step is 1, else a copy)."""
        cdef int overflow = 0
        cdef int64_t i
        if PyLong_CheckExact(key):
            i = PyLong_AsLongLongAndOverflow(key, &overflow)
            if overflow == 0 and -self.n <= i < self.n:
                return self.row(i + self.n if i < 0 else i)
        if not isinstance(key, slice):
            # negative indices and IndexError as for any sequence
            return self.row(range(self.n)[key])
        start, stop, step = key.indices(self.n)
        # A strided window cannot be contiguous, so it is a copy.
        return self.part(start, max(start, stop)) if step == 1 else _packed(self.copied(), key)

    def __iter__(self):
        cdef BarWindow rows = self.copied()
        cdef int64_t i
        for i in range(rows.n):
            yield rows.row(i)

    def _repr_html_(self):
        return _html().window_html(self)

    def __repr__(self):
        title = f"BarWindow {self.kind.symbol} {self.kind.interval}"
        if self.n == 0:
            return f"<{title}: empty>"
        times = self.copied().timestamp
        ends = times[0], times[self.n - 1]
        first, last = [from_ns(int(ts_ns), self.kind.zone).isoformat(sep=" ") for ts_ns in ends]
        return f"<{title}: {self.n} bars, {first} .. {last}>"


keep_objects(BarWindow)


cdef BarWindow new_window(BarKind kind):
    """A window without rows."""
    cdef BarWindow window = BarWindow.__new__(BarWindow)
    window.kind, window.forming_ts = kind, INT64_MIN
    return window


cdef void show_ring(BarWindow window, SymbolCore core, Py_ssize_t k, const Ring* ring, int64_t i, int64_t j) noexcept:
    """Have a new window show the rows `[i, j)` of series `k`, by their sequences. Inside the guard,
    in the session that the ring is of."""
    window.rows = ring_columns(ring, i)
    window.owner, window.n, window.grid = core._memory, j - i, core.grid
    window.core, window.k, window.session_id = core, k, core.session_id
    window.n_moves, window.seq = ring.n_moves, i


cdef bint _regular_rows(const GridData* grid, const int64_t* ts, int64_t n, int64_t* out_first,
                        int64_t* out_stop) noexcept nogil:
    """Whether the regular ones of ascending rows stand together; then which they are."""
    cdef const Region* region
    cdef int32_t i
    out_first[0], out_stop[0] = first_at_or_after(ts, n, grid.open_ns), first_at_or_after(ts, n, grid.close_ns)
    for i in range(grid.n_regions):
        region = &grid.regions[i]
        if not region.regular and grid.open_ns < region.stop <= grid.close_ns:
            if first_at_or_after(ts, n, region.start) < first_at_or_after(ts, n, region.stop):
                return False
    return True


cdef void copy_rows(const Columns* rows, int64_t n, char* block, Columns* out_rows) noexcept nogil:
    """Copy rows to a block of `row_bytes` each: one column behind the other."""
    if n:  # else they may have no address
        memcpy(block, rows.ts, 8 * n)
        memcpy(block + 8 * n, rows.open, 8 * n)
        memcpy(block + 16 * n, rows.high, 8 * n)
        memcpy(block + 24 * n, rows.low, 8 * n)
        memcpy(block + 32 * n, rows.close, 8 * n)
        memcpy(block + 40 * n, rows.volume, 8 * n)
        if rows.n_base != NULL:
            memcpy(block + 48 * n, rows.n_base, 4 * n)
    out_rows[0] = Columns(<int64_t*>block, <double*>(block + 8 * n), <double*>(block + 16 * n),
                          <double*>(block + 24 * n), <double*>(block + 32 * n), <double*>(block + 40 * n), NULL)
    if rows.n_base != NULL:
        out_rows.n_base = <int32_t*>(block + 48 * n)


cdef list _arrays(BarWindow window):
    """The columns that a window has, six or seven."""
    columns = [window.timestamp, window.open, window.high, window.low, window.close, window.volume]
    if window.rows.n_base == NULL and (window.n or not window.kind.is_derived):
        return columns
    return [*columns, window.n_base]


cdef BarWindow _packed(BarWindow window, key):
    """Rows of an immutable window, by a slice or a mask, in memory of their own."""
    arrays = [array[key] for array in _arrays(window)]
    forming_ts = None if window.forming_ts == INT64_MIN else window.forming_ts
    return fixed_window((*arrays, None)[:7] if len(arrays) == 6 else tuple(arrays), window, window.grid, forming_ts)


def fixed_window(tuple arrays not None, kind not None, grid, forming_ts=None):
    """A window on rows that nobody writes to.

    Parameters
    ----------
    arrays : tuple of ndarray
        time, open, high, low, close, volume and n_base, or None for the last of base rows. Those
        that are read-only and contiguous are used as they are, others copied.
    kind : BarKind or BarColumns
        Whose bars.
    grid : Grid or object like it
        Hours of the rows; None where there are no rows.
    forming_ts : int or None
        Time of the bar in progress.
    """
    cdef BarKind named = (<BarColumns>kind).kind if isinstance(kind, BarColumns) else kind
    cdef BarWindow window = new_window(named)
    cdef int i
    cdef const void* at[7]
    owned = []
    if len(arrays) != 7 or any([column is None for column in arrays[:6]]):
        raise ValueError("a window has seven columns, the last of which may be None")
    for i in range(7):
        array = arrays[i]
        if array is None:
            at[i] = NULL
            continue
        if (type(array) is not np.ndarray or array.flags.writeable or not array.flags.c_contiguous
                or array.dtype != _KINDS[i] or not array.flags.aligned):
            array = np.frombuffer(np.asarray(array, _KINDS[i]).tobytes(), _KINDS[i])
        if len(array) != len(arrays[0]):
            raise ValueError("columns of a window have one length")
        at[i] = memory_of(array)
        owned.append(array)
    window.owner, window.n, window.grid = tuple(owned), len(arrays[0]), grid
    window.rows = Columns(<int64_t*>at[0], <double*>at[1], <double*>at[2], <double*>at[3], <double*>at[4],
                          <double*>at[5], <int32_t*>at[6])
    if forming_ts is not None:
        window.forming_ts = forming_ts
    return window


def immutable(BarWindow window not None):
    """The window itself, of a day to whose rows nobody will ever write."""
    window.core = None
    return window


def restored_window(list columns not None, BarKind kind not None, grid, forming_ts, int64_t n_requested=-1):
    """An immutable window that was pickled."""
    cdef BarWindow window
    arrays = [np.frombuffer(column, dtype) for column, dtype in zip(columns, _KINDS)]
    window = fixed_window((*arrays, None) if len(arrays) == 6 else tuple(arrays), kind, grid, forming_ts)
    window.n_requested = n_requested
    return window


def window_of(BarColumns rows not None):
    """All rows of a series as they are now, or the window itself."""
    return rows.whole()


def parts_of(BarWindow window not None):
    """What a window shows, without its names: (columns, n_base or None, hours, time of the bar in
    progress or None, whether the rows are derived)."""
    cdef int64_t forming_ts = window.forming_now()
    arrays = _arrays(window)
    return (tuple(arrays[:6]), arrays[6] if len(arrays) == 7 else None, window.grid,
            None if forming_ts == INT64_MIN else forming_ts, window.kind.is_derived)
