"""The roll of all symbols of a store from one session to the next.

    open_sessions   a fresh core for each symbol, its session begun; may fail, nothing changes
    stage_sessions  each history with the session that ends as a past day; may fail, nothing changes
    turn            the cores exchange sessions, histories get the days: one step, nothing can fail
    undo            a session that has only just begun is as if it had never been

What is made beforehand may be out of date when `turn` comes: bars may have come, another thread may
have changed a history. The first is made again without memory of its own, for the second the
caller begins anew.

Here, too, is how symbols leave their store: what a session of all of them ends with.
"""

from libc.stdint cimport int64_t, uintptr_t

from sessiondata._native.base.guard cimport gc_pause, gc_resume, peek
from sessiondata._native.base.status cimport N_REASONS
from sessiondata._native.objects.clock cimport StoreClock
from sessiondata._native.objects.copies cimport (
    blank_core, copy_of_day, elapsed_clock, flush_core, own_ticks, swap_sessions,
)
from sessiondata._native.objects.days cimport Days, ascends
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.rows.ticks cimport INPUT_NONE, N_TICK_REASONS
from sessiondata._native.symbol.clock cimport clock_reset
from sessiondata._native.symbol.evidence cimport copy_evidence, evidence_like
from sessiondata._native.symbol.fill cimport fill_forget_bars
from sessiondata._native.symbol.symbol cimport symbol_enter, symbol_leave


def open_sessions(list cores, list hours, date, bint touch):
    """A fresh core for each symbol with its session of a date begun; nothing changes before `turn`.

    `hours` holds (Grid, hours around it or None), (None, None) for a symbol without a session. A
    day of that date in history is continued. `touch` the memory now, or leave that to the bars."""
    cdef SymbolCore core, fresh, held
    cdef StoreClock clock
    cdef Py_ssize_t i
    cdef list opened = []
    cdef dict clocks = {}
    for i in range(len(cores)):
        core = <SymbolCore?>cores[i]
        clock = core.clock
        if core.grid is not None:
            clock = clocks.get(core.grid)
            if clock is None:
                clock = clocks[core.grid] = elapsed_clock(core.grid)
        held = core.days.cores.get(date)
        grid, around = <tuple>hours[i]
        if grid is None or held is None or held._capacity != core._capacity:
            fresh = blank_core(core, clock, core._capacity)
            if grid is not None:
                fresh.start(grid, around, touch)
                if held is not None:
                    columns, first, stop = held.bounds(0)[:3]
                    fresh.extend(*(column[first:stop] for column in (columns or held.columns(0))[:6]), False, False)
                    if held.symbol.input_kind == INPUT_NONE:
                        fill_forget_bars(&fresh.symbol)
                    fresh._memory.evidence = evidence_like(held._memory.evidence)
                    if copy_evidence(held._memory.evidence, fresh._memory.evidence, &fresh.symbol):
                        raise MemoryError("no memory for the marks of a past day")
        else:
            fresh = copy_of_day(held)
            own_ticks(fresh)
            fresh.clock = clock
        fresh.symbol.bars_updated = 0
        opened.append(fresh)
    return opened


def stage_sessions(list cores, list opened, date, Py_ssize_t keep, Py_ssize_t keep_daily, before):
    """History of each symbol with the session that runs as a day of `date`, trimmed; None where
    nothing changes.

    Where the session itself is trimmed away, what it was, and how to do it again: bars may come for
    it until `turn`."""
    cdef SymbolCore core
    cdef int64_t changes
    cdef Py_ssize_t i
    cdef Days days
    cdef dict daily
    cdef list staged = []
    for i in range(len(cores)):
        core = <SymbolCore>cores[i]
        days = <Days>core.days
        if core.grid is None:
            pair = days.trimmed({**days.cores}, days.daily, keep, keep_daily, before, None)
            staged.append(None if len(pair[0]) == len(days.cores) and pair[1] == days.daily else (*pair, None))
            continue
        all_days = {**days.cores, date: opened[i]}
        if not ascends(all_days):
            all_days = dict(sorted(all_days.items()))
        daily = days.daily
        if date in daily:
            daily = {day: bar for day, bar in daily.items() if day != date}
        changes = peek(&core.symbol.changes)
        pair = days.trimmed({**all_days}, daily, keep, keep_daily, before, date)
        again = None if date in pair[0] else (changes, (all_days, daily), (keep, keep_daily, before))
        staged.append((*pair, again))
    return staged


cdef tuple _staged_again(SymbolCore core, tuple staged, supplied, list kept, Py_ssize_t i):
    """What `stage_sessions` made of a symbol, made again if bars have come since: now that its
    sessions have changed places no more of them can. `supplied` and `kept[i]` are of `turn`.

    Nothing can fail here: without memory for another summary the day stays until the next roll."""
    cdef tuple again = staged[2], untrimmed, how
    if again is None or peek(&core.symbol.changes) == <int64_t>again[0]:
        return staged
    untrimmed, how = again[1], again[2]
    try:
        staged = (<Days>core.days).trimmed({**(<dict>untrimmed[0])}, untrimmed[1], how[0], how[1], how[2], None)
        if supplied is not None:
            kept[i] = {day: bar for day, bar in (<dict>staged[1]).items() if day not in (<tuple>supplied)[1]}
        return staged
    except MemoryError:
        return untrimmed


def turn(list cores, list opened, list staged, list supplied, list versions, StoreClock clock not None, date, grid):
    """Put opened sessions in the place of those that run, and these into history; `supplied` holds
    rows for `Days.supply` and a set of the trimmed days to forget, or None. The clock has
    the `date` of the sessions and the `grid` by the store's calendar from then on. Nothing can fail
    once sessions change places: not even a loop in Python may ask for memory there. And no Python
    code runs, so nobody sees half.

    False, and nothing has changed, if a history is of another version than it was before all of
    that was made."""
    cdef bint collects = gc_pause(), turned
    try:
        turned = _turn(cores, opened, staged, supplied, versions, clock, date, grid)
    finally:
        gc_resume(collects)
    for core in cores:
        (<SymbolCore>core).drop_old_past()
    return turned


cdef bint _turn(list cores, list opened, list staged, list supplied, list versions, StoreClock clock, date,
                grid) except -1:
    cdef SymbolCore core, other
    cdef Py_ssize_t i
    cdef dict daily
    cdef list kept = []
    before = clock.date, clock.ended, clock.grid  # goes last
    for i in range(len(supplied)):
        if supplied[i] is not None:
            daily = (<Days>(<SymbolCore>cores[i]).days).daily if staged[i] is None else (<tuple>staged[i])[1]
            kept.append({day: bar for day, bar in daily.items() if day not in (<tuple>supplied[i])[1]})
        else:
            kept.append(None)
    # last before the step itself: what has been made up to here may have run finalizers
    for i in range(len(cores)):
        if (<Days>(<SymbolCore>cores[i]).days).generation != <int64_t>versions[i]:
            return False
    for i in range(len(cores)):
        core, other = <SymbolCore>cores[i], <SymbolCore>opened[i]
        swap_sessions(core, other)
        if staged[i] is not None:
            flush_core(other)
            (<Days>core.days).commit(_staged_again(core, <tuple>staged[i], supplied[i], kept, i), 0)
    for i in range(len(supplied)):
        if supplied[i] is not None:
            (<Days>(<SymbolCore>cores[i]).days).supply(<dict>(<tuple>supplied[i])[0], <dict>kept[i])
    if clock.date is not None:
        clock.ended = clock.date
        clock_reset(&clock.data)
    clock.date, clock.grid = date, grid
    clock.epoch += 1
    clock.begun = _counted(cores)
    return before is not None


cdef int64_t _counted(list cores) except -1:
    """Sum of all that is counted of these symbols; grows with whatever happens to their
    sessions."""
    cdef int64_t total = 0
    cdef SymbolCore core
    cdef uintptr_t* inside
    cdef int i, j
    for entry in cores:
        core = <SymbolCore>entry
        inside = symbol_enter(&core.symbol)
        total += core.symbol.changes + core.symbol.n_edits
        total += core.symbol.counters.late + core.symbol.counters.corrected + core.symbol.counters.repeated
        total += core.symbol.counters.too_old + core.symbol.counters.other_session
        for i in range(N_REASONS):
            total += core.symbol.counters.skipped[i]
        for j in range(2):
            total += core.symbol.tick_counters[j].late + core.symbol.tick_counters[j].too_old
            total += core.symbol.tick_counters[j].other_session + core.symbol.tick_counters[j].covered
            for i in range(N_TICK_REASONS):
                total += core.symbol.tick_counters[j].skipped[i]
        symbol_leave(inside)
    return total


def undo(list cores not None, StoreClock clock not None):
    """Undo the session that has just begun for a call that is refused then; False, and it
    stays, if anything was stored or counted in it meanwhile. That counts as no change."""
    cdef tuple before = (clock.date, clock.grid)
    if clock.date is None or _counted(cores) != clock.begun:
        return False
    for core in cores:
        (<SymbolCore>core).stop(True)
    clock.date = clock.grid = None
    clock.epoch -= 1
    return before is not None


def all_cores(registry):
    """Cores of all symbols of a store, in order; another list whenever they change. In one step
    with the look."""
    cdef bint collects = gc_pause()
    cdef list cores
    try:
        cores = registry.cores
        if not cores:  # in place: whoever remembers the list, as slices do, has it still
            cores.extend(registry.states)
        return cores
    finally:
        gc_resume(collects)


def leave(registry, SymbolCore core not None):
    """Have a symbol leave its store."""
    cdef list fresh = []
    cdef list _held = [registry.symbols.pop(core.name, None), registry.states.pop(core, None),
                       registry.pinned.pop(core, None), registry.foreign.pop(core, None)]
    registry.cores = fresh  # what has left goes last: finalizers find everything done
    (<Days>core.days).forget()
    core.detach()


def clear(registry, StoreClock clock not None):
    """Have all symbols leave their store, which forgets its session and the time."""
    cdef list mappings = [registry.symbols, registry.states, registry.pinned, registry.foreign]
    # goes last: finalizers find everything done
    cdef list contents = [dict(mapping) for mapping in mappings]
    cdef tuple before = (clock.date, clock.ended, clock.grid)
    cdef list cores = all_cores(registry), fresh = []
    for core in cores:
        (<Days>(<SymbolCore>core).days).forget()
        (<SymbolCore>core).detach()
    for mapping in mappings:
        (<dict>mapping).clear()
    registry.cores = fresh
    clock.date = clock.ended = clock.grid = None
    clock.epoch += 1
    clock_reset(&clock.data)
    return before is not None and contents is not None
