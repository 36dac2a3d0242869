"""Past days of one symbol, and the bars that still come for them.

    late bar -> route_earlier -> day of its time -> its copy, with the bar -> replaces the day
    fill, marks, retries, loads -> copies of their days -> commit: one step, nothing can fail

A past day is a SymbolCore like any other: rows, derived bars, trackers, counters. Its clock stands
at the end of its span, so all its slots have elapsed. It is flushed when it becomes a day and is
immutable from then on: what comes for it goes into a copy, and windows keep the memory that they
show.

A bar from before the session's span finds its day through `Symbol.route_earlier`, from compiled
callers too, which is why that is a C function that acquires the GIL. No bytecode runs in it: a
Ctrl-C in the middle could not be passed on.

A session between the first and the last day that shows, of which nothing is kept, is made by what
comes for it: bars, marks, retries. No calendar can be asked in `route_earlier`, so the grids of
such sessions are noted before (`absent`). Which of them lie between days is only decided where they
are needed: there may be too many of them, never too few.

The file is long because the class is one: every change ends in `_put`, which needs all of its
fields. Copies of a day stand in `objects/copies`, the roll of all symbols in `objects/sessions`.

Rejected: changing a day in place while nobody looks at it. Who looks would have to be counted, for
a case of a few microseconds.
"""

cimport cython
from cpython.exc cimport PyErr_Clear, PyErr_ExceptionMatches, PyErr_Occurred, PyErr_WriteUnraisable
from cpython.tuple cimport PyTuple_GET_ITEM
from libc.stdint cimport int64_t, uintptr_t
from libc.string cimport memset

from sessiondata._native.base.guard cimport gc_pause, gc_resume
from sessiondata._native.base.status cimport (
    CORRECTED, ERR_INPUT_KIND, ERR_MEMORY, ERR_UNIT, N_REASONS, OTHER_SESSION, STORED,
)
from sessiondata._native.base.time cimport LEAST_START
from sessiondata._native.objects.copies cimport blank_core, copy_of_day, elapsed_clock, flush_core
from sessiondata._native.objects.rows cimport Refusal, Rows, rows_of, store_rows
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.rows.aggregate cimport Level
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport Bar, Ring, ring_oldest, ring_read
from sessiondata._native.rows.ticks cimport INPUT_BARS, INPUT_NONE
from sessiondata._native.slots.grid cimport Grid, Region
from sessiondata._native.symbol.fill cimport fill_forget_bars, fill_rows
from sessiondata._native.symbol.symbol cimport (
    EARLIER_OPEN, EARLIER_STORE, Symbol, start_of_bar, symbol_append, symbol_enter, symbol_leave, symbol_open_label,
    symbol_reserve,
)

from sessiondata.copying import refuse_copy


cdef extern from "Python.h":
    Py_ssize_t PyDict_GET_SIZE(object days) noexcept


cdef dict _NOTHING = {}  # what symbols without history share; nothing is ever added to it


@cython.final
cdef class Days:
    """The past days of one symbol, and what is kept of those that were trimmed.

    Attributes
    ----------
    cores : dict of date to SymbolCore
        Ascending. Only a day that is there is ever replaced in place.
    daily : dict of date to tuple
        `summary` of trimmed days, ascending.
    supplied : dict of str to dict of date to columns
        Supplied rows, by interval. Never changed in place.
    version : int
        Grows with every change of an answer; 0 as long as there never was anything.
    generation : int
        Grows whenever another day stands somewhere, also where only its counters differ: what is
        made of the days goes into their place only if it has not moved.
    has_values : bool
        Indicators of the symbol were set.
    absent : dict of date to (Grid, hours around it or None)
        Sessions of which nothing was kept when they were noted, ascending. Never changed in place.
    """

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, SymbolCore live not None):
        self.cores = self.daily = self.supplied = self._reserved = self.absent = _NOTHING
        self._live = live
        live.attach(self)

    cdef object _date_at(self, int64_t ts):
        """Date of the day whose span holds `ts`; None."""
        cdef SymbolCore day
        for date, core in self.cores.items():
            day = <SymbolCore>core
            if day.grid.data.span_start <= ts < day.grid.data.span_stop:
                return date
        return None

    cdef object _last_visible(self):
        """Date of the newest day that is history by now; None."""
        before = self._live.clock.next_date
        for date in reversed(self.cores):
            if before is None or date < before:
                return date
        return None

    cdef object _absent_at(self, int64_t ts):
        """Date of the session that holds `ts`, if it is one between days that show and is not kept;
        None."""
        cdef Grid grid
        if not self.absent:
            return None
        for date, noted in self.absent.items():
            grid = <Grid>PyTuple_GET_ITEM(<tuple>noted, 0)
            if grid.data.span_start <= ts < grid.data.span_stop:
                return date if self._is_between(date, self._last_visible()) else None
        return None

    cdef bint _is_between(self, date, last) except -1:
        """Whether a session that is noted as absent is so, and lies between the first day and one
        that shows."""
        if last is None or not date < last or date in self.cores:
            return False
        for first in self.cores:
            return first < date
        return False

    cdef SymbolCore _new(self, date):
        """A copy of the day of a date, or the day as it would be with nothing but its hours."""
        if date in self.cores:
            return copy_of_day(<SymbolCore>self.cores[date])
        noted = <tuple>self.absent[date]
        return self.draft(date, <Grid?>noted[0], noted[1])

    def note_absent(self, dict noted not None):
        """Remember hours of sessions, as `absent` has them. None is forgotten: days that are loaded
        later may lie around it again."""
        cdef dict absent = {**self.absent, **noted}
        self.absent = absent if ascends(absent) else dict(sorted(absent.items()))

    cdef int take(self, const Bar* supplied, bint store) except? -1:
        """Store one checked bar in its day, or only make sure that this cannot fail; returns a
        status."""
        cdef SymbolCore day
        cdef Bar bar = supplied[0]
        cdef int status
        cdef tuple staged = None
        date = self._target_of(bar.ts)
        if date is None:
            if bar.ts < LEAST_START and not self._live.has_early_days():
                return ERR_UNIT
            if store:
                self._live._count_skipped(NULL, 1)
            return OTHER_SESSION if store else 0
        day = self._reserved.get(date)
        if day is None:
            day = self._new(date)
        if not store:
            if day.symbol.input_kind > INPUT_BARS:  # a slice is refused as a whole
                return ERR_INPUT_KIND
            self._reserved = {**self._reserved, date: day}
            if self._reserved_staged is not None or date not in self.cores:
                self._reserved_staged = self.stage(self._reserved)
            return symbol_reserve(&day.symbol, &bar.ts, 1, 1)
        # with it come all that are reserved, whose bars follow in this very step
        if date not in self.cores:
            staged = self._reserved_staged if date in self._reserved else None
            if staged is None:
                staged = self.stage({date: day})
        status = symbol_append(&day.symbol, &bar)
        if status >= 0:
            flush_core(day)
            if staged is not None:
                self._put(staged)
            else:
                self.generation += 1
                self.cores[date] = day
            if STORED <= status <= CORRECTED:
                self._changed(1)
        return status

    cdef int open_label(self, int64_t* ts) except -1:
        """Turn the end of a bar into its start, by the grid of the day in which it ends."""
        cdef Grid grid
        date = self._date_at(ts[0] - 1)
        if date is not None:
            symbol_open_label(&(<SymbolCore>self.cores[date]).symbol, ts)
            return 0
        date = self._absent_at(ts[0] - 1)
        if date is None:
            ts[0] -= self._live.symbol.step_ns
        else:
            grid = <Grid?>(<tuple>self.absent[date])[0]
            ts[0] = start_of_bar(&grid.data, self._live.symbol.step_ns, ts[0])
        return 0

    cdef void _note(self) noexcept:
        """What history says is no longer what it was."""
        self.version += 1
        self._live.note_past()

    cdef void _changed(self, int64_t n) noexcept:
        self._note()
        self._count(n)

    cdef void _count(self, int64_t n) noexcept:
        cdef uintptr_t* inside = symbol_enter(&self._live.symbol)
        self._live.symbol.changes += n
        self._live.symbol.bars_updated = 1
        symbol_leave(inside)

    cdef bint _is_visible(self, dates) except -1:
        """Whether one of these dates is history by now. Else no answer changes with its rows before
        a session begins, and then every consumer is notified anyway."""
        before = self._live.clock.next_date
        if before is None:
            return True
        for date in dates:
            if date < before:
                return True
        return False

    def input_kind_at(self, int64_t ts):
        """INPUT_*: the input kind of the day that holds `ts`; None if there is none, or it is of
        the session under way."""
        if self._live.symbol.grid != NULL and ts >= self._live.symbol.grid.span_start:
            return None
        date = self._date_at(ts)
        return None if date is None else (<SymbolCore>self.cores[date]).symbol.input_kind

    def release(self):
        """The slice is done: what it has reserved is a day like any other."""
        self._reserved, self._reserved_staged = _NOTHING, None

    cdef object _target_of(self, int64_t ts):
        """Date of the day that stores what comes for `ts`: of one that is here, or of one to be
        made; None."""
        date = self._date_at(ts)
        return self._absent_at(ts) if date is None else date

    def prepare(self, Rows rows not None, int64_t n):
        """Days as they will be with the first `n` of these checked rows, which ascend in time.
        Nothing changes before `commit`, which is a part of the same step.

        Returns
        -------
        staged : tuple
        changed : int
            Rows added or corrected.
        other : int
            Rows of no day that is here.
        """
        cdef int64_t i = 0, stop, changed = 0, other = 0
        cdef SymbolCore day
        cdef dict days = {}
        while i < n:
            date = self._target_of(rows.ts[i])
            stop = i + 1
            if date is None:
                other += 1
            else:
                day = days[date] = self._new(date)
                while stop < n and rows.ts[stop] < day.grid.data.span_stop:
                    stop += 1
                changed += _stored(day, rows, i, stop)
            i = stop
        return self.stage(days), changed, other

    def prepare_fill(self, Rows rows not None, int64_t n):
        """Days as they will be with those of the first `n` of these checked rows, ascending in
        time, that are for their missing slots, for `commit` (None: as they are); and how many rows
        that are."""
        cdef int64_t i = 0, stop, filled, total = 0, too_old
        cdef Columns columns
        cdef SymbolCore day
        cdef dict days = {}
        while i < n:
            date = self._target_of(rows.ts[i])
            stop = i + 1
            if date is not None:
                day = self._new(date)
                while stop < n and rows.ts[stop] < day.grid.data.span_stop:
                    stop += 1
                too_old = day.symbol.counters.too_old
                columns = rows.columns(i)
                filled = fill_rows(&day.symbol, &columns, stop - i, False, rows.place + i)
                if filled < 0:
                    raise MemoryError("no memory for the bars of a past day")
                if filled or day.symbol.counters.too_old != too_old:
                    days[date] = day
                    total += filled
            i = stop
        return self.stage(days) if days else None, total

    cdef dict _copies_of(self, int64_t start, int64_t stop, before):
        """Copies of the days before a date (None: of all) that [start, stop) touches, and such as
        would be made."""
        cdef SymbolCore day
        cdef Grid grid
        cdef dict days = {}
        for date, core in self.cores.items():
            day = <SymbolCore>core
            if start < day.grid.data.span_stop and stop > day.grid.data.span_start and (
                    before is None or date < before):
                days[date] = copy_of_day(day)
        if self.absent:
            last = self._last_visible()
            for date, noted in self.absent.items():
                grid = <Grid>PyTuple_GET_ITEM(<tuple>noted, 0)
                if start < grid.data.span_stop and stop > grid.data.span_start and self._is_between(date, last):
                    days[date] = self._new(date)
        return days

    def mark(self, bint halted, Py_ssize_t k, int64_t start_ns, int64_t stop_ns):
        """Mark slots of past days and of the session (see `SymbolCore.mark`), in one step. False if
        nothing of it is new; None if there is neither a session nor a past day."""
        cdef dict days
        cdef bint changed, collects = gc_pause()
        try:
            if self._live.symbol.grid == NULL and not self.cores:
                return None
            past = self._copies_of(start_ns, stop_ns, self._live.clock.next_date)
            days = {date: day for date, day in past.items()
                    if (<SymbolCore>day).mark(halted, k, start_ns, stop_ns)}
            staged = self.stage(days)
            changed = self._live.symbol.grid != NULL and self._live.mark(halted, k, start_ns, stop_ns)
            if days:
                self.commit(staged, not changed)
            return changed or len(days) > 0
        finally:
            gc_resume(collects)

    def record_retry(self, Py_ssize_t k, int64_t start_ns, int64_t stop_ns, int64_t when_ns):
        """Count a retry for slots of past days and of the session (see `SymbolCore.record_retry`),
        in one step. Returns for how many; None if there is neither a session nor a past day."""
        cdef dict days = {}
        cdef int64_t n, past = 0
        cdef bint collects = gc_pause()
        try:
            if self._live.symbol.grid == NULL and not self.cores:
                return None
            for date, day in self._copies_of(start_ns, stop_ns, self._live.clock.next_date).items():
                n = (<SymbolCore>day).record_retry(k, start_ns, stop_ns, when_ns)
                if n:
                    days[date] = day
                    past += n
            staged = self.stage(days)
            n = 0
            if self._live.symbol.grid != NULL:
                n = self._live.record_retry(k, start_ns, stop_ns, when_ns)
            if past:
                self.commit(staged, n == 0)
            return n + past
        finally:
            gc_resume(collects)

    def load(self, list pieces not None, bint close_label, int64_t generation):
        """Store checked rows of whole dates, all or nothing and in one step; returns rows added or
        corrected.

        `pieces` holds (date, Grid, hours around it or None, columns in time order). Rows of the
        date under way fill the session, if there is one. None if the symbol has left its store;
        False, and nothing has changed, if the days are of another generation by now, so that others
        may lie between them."""
        cdef list taken = [(piece, rows_of(piece[3])) for piece in pieces]
        cdef bint collects = gc_pause()
        try:
            if self._live.days is None:
                return None
            return self._load(taken, close_label) if self.generation == generation else False
        finally:
            gc_resume(collects)

    cdef int64_t _load(self, list pieces, bint close_label) except -1:
        cdef dict days = {}
        cdef int64_t stored = 0, live = 0
        cdef bint is_unfed, shows
        cdef SymbolCore day
        cdef Rows rows, today = None
        cdef Refusal refusal
        cdef int64_t[N_REASONS] skipped
        memset(skipped, 0, sizeof(skipped))
        for (date, grid, hours, _), held in pieces:
            rows = <Rows>held
            if self._live.symbol.grid != NULL and date == self._live.clock.date:
                today = rows
                continue
            refusal = Refusal(0, 0, 0)
            day = days[date] = self.draft(date, grid, hours)
            is_unfed = day.symbol.input_kind == INPUT_NONE
            n = day._check_own(rows, False, close_label, skipped, &refusal)
            if refusal.status:
                self._refuse(&refusal, rows)
            stored += _stored(day, rows, 0, n)
            if is_unfed:  # its session may begin later, and be one of trades
                fill_forget_bars(&day.symbol)
        staged, shows = self.stage(days), self._is_visible(days)
        if today is not None:
            live = self._live._fill_own(today, False, close_label, True, &refusal)
            if refusal.status:
                self._refuse(&refusal, today)
        if not shows:
            self._put_ahead(staged, stored)
        elif stored or len(<dict>(<tuple>staged)[0]) > len(self.cores):
            self.commit(staged, stored)
        else:
            self._put(staged)
        return stored + live

    cdef int _refuse(self, const Refusal* refusal, Rows rows) except -1:
        """Raise for a row by its number in its date."""
        cdef int64_t i = 0
        while rows.row[i] != refusal.row:
            i += 1
        self._live._refuse(refusal.status, refusal.row, rows.supplied[i], rows.values[0][i], rows.values[1][i],
                           rows.values[2][i], rows.values[3][i], rows.values[4][i], refusal.ts)

    def draft(self, date, Grid grid not None, hours):
        """A day to extend and then `stage`: a copy of the one that is here, or an empty one with
        room for all of its session."""
        cdef SymbolCore day
        if date in self.cores:
            return copy_of_day(<SymbolCore>self.cores[date])
        day = blank_core(self._live, elapsed_clock(grid), 0)
        day.start(grid, hours, False)
        return day

    def stage(self, dict days):
        """(cores, daily) with these days in their places, for `commit`."""
        cdef dict cores = {**self.cores, **days}
        for day in days.values():
            flush_core(<SymbolCore?>day)
        if len(cores) > len(self.cores) and not ascends(cores):
            cores = dict(sorted(cores.items()))
        return cores, {date: bar for date, bar in self.daily.items() if date not in days}

    cdef tuple trimmed(self, dict cores, dict daily, Py_ssize_t keep, Py_ssize_t keep_daily, before, ended):
        """Without all but the newest days before a date; of `keep_daily` days with a session bar
        the summary stays. The session that is ending is still the live core's."""
        cdef SymbolCore day
        cdef Py_ssize_t n_bars = 0
        if len(cores) <= keep and len(daily) + len(cores) <= keep_daily:
            return cores, daily
        dates = [date for date in cores if date < before]
        cdef Py_ssize_t n_gone = max(0, len(dates) - keep)
        if n_gone:  # a day without a bar costs none its place among the daily ones
            for date in dates[n_gone:]:
                n_bars += has_session_bar(self._live if date == ended else <SymbolCore>cores[date])
        for date in dates[:n_gone]:
            day = <SymbolCore>cores.pop(date)
            if date == ended:
                day = self._live
            bar = summary(day) if keep_daily > n_bars else None
            if bar is not None:
                daily = {**daily, date: bar}
        if daily:
            dates = [date for date in dates[n_gone:]
                     if has_session_bar(self._live if date == ended else <SymbolCore>cores[date])]
            dates = sorted([*daily, *dates])
            dates = dates[max(0, len(dates) - keep_daily):]
            daily = {date: bar for date, bar in daily.items() if date in dates or date >= before}
            if not ascends(daily):  # a day that was loaded behind newer ones
                daily = dict(sorted(daily.items()))
        return cores, daily

    cpdef void commit(self, tuple staged, int64_t changed) noexcept:
        """Have staged days take their places, `changed` rows of them being new. Nothing can fail
        here."""
        self._put(staged)
        self._note()
        if changed:
            self._changed(changed)

    cpdef void commit_rows(self, tuple staged, int64_t changed) noexcept:
        """`commit` of days that had been here: where no row is new only their counters differ, and
        no answer does."""
        if changed:
            self.commit(staged, changed)
        else:
            self._put(staged)

    cdef void _put_ahead(self, tuple staged, int64_t changed) noexcept:
        """`commit` of days that are not visible yet."""
        self._put(staged)
        self.version = self.version or 1
        if changed:
            self._count(changed)

    cdef void _put(self, tuple staged) noexcept:
        # these go last: with a day may go what somebody watches
        cdef dict cores = self.cores, daily = self.daily
        self.generation += 1
        self.cores, self.daily = <dict>PyTuple_GET_ITEM(staged, 0), <dict>PyTuple_GET_ITEM(staged, 1)
        cdef uintptr_t* inside = symbol_enter(&self._live.symbol)
        # earlier bars come here while there is a day that could store them
        if PyDict_GET_SIZE(self.cores):
            self._live.symbol.route_earlier = _route_earlier
        else:
            self._live.symbol.route_earlier = NULL
        symbol_leave(inside)
        cores = daily = None

    cpdef void supply(self, dict supplied, dict daily, bint shows=True) noexcept:
        """Have other supplied rows, and other summaries of trimmed days (None: those that are). Not
        `shows`: no answer changes by that yet. Nothing can fail here."""
        cdef dict _before = self.supplied, _daily = self.daily  # these go last
        self.generation += 1
        self.supplied = supplied
        if daily is not None:
            self.daily = daily
        if shows:
            self._note()
        else:
            self.version = self.version or 1

    def replace_supplied(self, dict before not None, dict supplied not None, dates):
        """Have other supplied rows, made of those `before` and others on these dates; False, and
        nothing has changed, if there are others by now, None if the symbol has left its store."""
        cdef bint shows = self._is_visible(dates)
        if self._live.days is None:
            return None
        if self.supplied is not before:
            return False
        self.supply(supplied, None, shows)
        self._count(1)
        return True

    cpdef void forget(self) noexcept:
        """Keep nothing. Nothing can fail here."""
        cdef dict cores = self.cores, daily = self.daily, supplied = self.supplied  # these go last
        cdef dict absent = self.absent
        self.generation += 1
        self.cores = self.daily = self.supplied = self._reserved = self.absent = _NOTHING
        cdef uintptr_t* inside = symbol_enter(&self._live.symbol)
        self._live.symbol.route_earlier = NULL
        symbol_leave(inside)
        self._note()
        cores = daily = supplied = absent = None


cdef int64_t _stored(SymbolCore day, Rows rows, int64_t first, int64_t stop) except -1:
    """Store checked rows in a day that nobody else knows; returns how many changed something."""
    cdef int64_t stored = store_rows(&day.symbol, rows, first, stop)
    if stored < 0:
        day._refuse(<int>stored, None, rows.ts[first], None, None, None, None, None)
    return stored


cdef bint ascends(dict days) except -1:
    cdef object before = None
    for date in days:
        if before is not None and date < before:
            return False
        before = date
    return True


cdef int _do(Days days, Bar* bar, int operation) except? -1:
    return days.open_label(&bar.ts) if operation == EARLIER_OPEN else days.take(bar, operation == EARLIER_STORE)


ctypedef int (*_Operation)(Days, Bar*, int) noexcept


cdef int _route_earlier(Symbol* symbol, Bar* bar, int operation) noexcept with gil:
    cdef Days days = <Days>(<SymbolCore>symbol.owner).days
    cdef int status
    cdef bint collects
    if days is None:  # the symbol has left its store
        return OTHER_SESSION
    # No `except`: where that needs memory itself, Cython would return 0, which says that the bar
    # was there.
    collects = gc_pause()
    status = (<_Operation>_do)(days, bar, operation)
    gc_resume(collects)
    if PyErr_Occurred() != NULL:
        status = ERR_MEMORY
        if PyErr_ExceptionMatches(MemoryError):
            PyErr_Clear()
        else:
            PyErr_WriteUnraisable(None)
    return status


def has_session_bar(SymbolCore day not None):
    """Whether there is a regular row."""
    return day.session_bar(False) is not None


def summary(SymbolCore day not None):
    """What the indicators need of a day: (ts, open, high, low, close, volume, n_base) of its
    session bar, the sum of typical price times volume over its regular base rows in time order, and
    that of their volumes. None without one."""
    cdef Ring* base = &day.symbol.base
    cdef const Region* region
    cdef double turnover = 0.0, traded = 0.0
    cdef int64_t seq
    cdef Bar bar
    cdef uintptr_t* inside
    cdef Level* level
    cdef bint is_there
    if day.symbol.grid == NULL:  # its session has ended since somebody looked
        return None
    inside = symbol_enter(&day.symbol)
    region, level = day.symbol.grid.regions, &day.symbol.levels[day.symbol.n_levels - 2]
    flush_core(day)
    is_there = level.ring.next_seq > 0
    for seq in range(ring_oldest(base), base.next_seq):
        ring_read(base, seq, &bar)
        while bar.ts >= region.stop:
            region += 1
        if region.regular:
            turnover += (bar.high + bar.low + bar.close) / 3.0 * bar.volume
            traded += bar.volume
    bar = level.bar
    symbol_leave(inside)
    if not is_there:
        return None
    return bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.n_base, turnover, traded
