"""A captured session of a symbol, restored from a file after all of it has been checked.

    check -> lay out -> store the rows as one block -> what rows that have left the ring brought

The block brings derived bars, trackers and counters with it, to the last bit what was there (laws 1
to 3). Only of rows that have left a ring everything is a column of its own (`out/capture`).

The numbers of a file may be anything although its checksums are right. So every count is compared
with the columns that there are, every row with the rules for bars, and every time with the grid,
before memory is reserved or a pointer is made from it. A ValueError names the rule that is broken;
the session is then undone.
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint64_t
from libc.string cimport memcpy, memset

from sessiondata._native.base.status cimport ERR_VOLUME, N_REASONS
from sessiondata._native.objects.clock cimport StoreClock
from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.out.capture cimport BARS, COUNTS, INPUT_KINDS, TICK_VALUES, level_name
from sessiondata._native.rows.aggregate cimport DAY, EXTENDED, INTRADAY, Level, level_mark_flushed
from sessiondata._native.rows.columns cimport Columns
from sessiondata._native.rows.ring cimport Bar, Ring, ring_oldest, ring_read
from sessiondata._native.rows.ticks cimport (
    INPUT_BARS, INPUT_NONE, INPUT_QUOTES, INPUT_TICKS, N_TICK_REASONS, Tick, TickCounters, TickRing, ticks_extend,
    ticks_find,
)
from sessiondata._native.slots.extended cimport extended_mark
from sessiondata._native.slots.gaps cimport PRESENT, Gaps, gaps_check, gaps_mark_present
from sessiondata._native.slots.gaps cimport gaps_max_ranges, gaps_state
from sessiondata._native.slots.grid cimport Grid, GridData, Region, find_region, first_slot_from
from sessiondata._native.slots.grid cimport ordinal_in, slot_start_in, slot_stop_in
from sessiondata._native.slots.marks cimport Retries, retries_alloc
from sessiondata._native.symbol.evidence cimport Evidence, evidence_of
from sessiondata._native.symbol.feed cimport QUOTE_BARS_NONE, check_quote, check_trade, feed_check
from sessiondata._native.symbol.feed cimport feed_make_ring
from sessiondata._native.symbol.fill cimport fed_until, is_filled, is_newest_filled
from sessiondata._native.symbol.layout cimport lay_out, series_gaps
from sessiondata._native.symbol.symbol cimport (
    EDITS, Symbol, check_values, symbol_check, symbol_extend, symbol_flush, symbol_set_base_stop, symbol_start,
)

from sessiondata._native.base.status import REASONS, TICK_REASONS
from sessiondata._native.objects.tick_buffer import are_codes

import numpy as np

cdef int64_t _MOST = <int64_t>1 << 62  # of whatever is counted: far from overflow


cdef int _require(bint holds, str rule) except -1:
    if not holds:
        raise ValueError(rule)
    return 0


cdef int64_t _count(object numbers, str name, int64_t most) except -1:
    """A count from a file; 0 if it is not there."""
    cdef object n = numbers.get(name, 0)
    if type(n) is not int or not 0 <= n <= most:
        raise ValueError(f"{name} is a count up to {most}: {n!r:.40}")
    return n


cdef int64_t _time(object ts, const GridData* grid, str what) except? -1:
    """A time from a file, within the span."""
    if type(ts) is not int or not grid.span_start <= ts < grid.span_stop:
        raise ValueError(f"the {what} lies in the session's span: {ts!r:.40}")
    return ts


def restore_counts(list cores not None, dict columns not None):
    """Set the counts of all symbols of a store to where they stood; cursors compare with them. Call
    it last: restoring a session, pins and history are changes themselves."""
    cdef const int64_t[::1] edits = columns["edits"], pin_edits = columns["pin_edits"]
    cdef const int64_t[::1] past_edits = columns["past_edits"], session = columns["session"]
    cdef const int64_t[::1] n_edited = columns["n_edited"], edited = columns["edited"]
    cdef const int32_t[::1] gap_edits = columns["gap_edits"]
    cdef Py_ssize_t n = len(cores), n_series, n_gaps = 0, n_times = 0, i, k
    cdef int64_t number
    cdef SymbolCore core
    cdef Symbol* symbol
    _require(all(len(columns[name]) == n for name in COUNTS), "a count for each symbol")
    for i in range(n):
        core = cores[i]
        symbol = &core.symbol
        for number in (edits[i], pin_edits[i], past_edits[i], session[i], n_edited[i]):
            _require(0 <= number < _MOST, "changes are counted")
        symbol.n_edits, core.session_id = edits[i], session[i]
        core.n_pin_edits, core.n_past_edits = pin_edits[i], past_edits[i]
        if symbol.grid == NULL:
            continue
        n_series = len(core.intervals)
        _require(n_gaps + n_series <= gap_edits.shape[0], "edits of each tracker")
        for k in range(n_series):
            series_gaps(symbol, k).n_edits = gap_edits[n_gaps + k]
        n_gaps += n_series
        symbol.n_edited = n_edited[i]
        for number in range(max(0, symbol.n_edited - EDITS), symbol.n_edited):
            _require(n_times < edited.shape[0], "times of the last rows edited")
            symbol.edited_ts[number % EDITS] = _time(edited[n_times], symbol.grid, "time of a row edited")
            n_times += 1
    _require(n_gaps == gap_edits.shape[0] and n_times == edited.shape[0], "no more edits than were counted")


def restore_clock(StoreClock clock not None, as_of, int64_t sequence, int64_t epoch):
    """Set a clock to where it stood: `as_of` in ns or None, its number of changes, and of sessions
    begun."""
    _require(0 <= epoch < _MOST, f"sessions begun are counted: {epoch}")
    clock.reset()
    clock.epoch = epoch
    if as_of is not None:
        clock.advance(as_of)
    _require(0 <= sequence < _MOST, f"the sequence is a count: {sequence}")
    clock.data.changes += sequence - <int64_t>clock.sequence


def restore(SymbolCore core not None, Grid grid, hours, dict numbers not None, dict columns not None):
    """Begin the captured session in a core that has none, on `grid` (None: it had none); `hours` as
    for `start`, `columns` by name, contiguous. After a ValueError, TypeError or MemoryError the
    core has no session."""
    cdef Symbol* symbol = &core.symbol
    cdef int i
    try:
        if grid is not None:
            _restore_session(core, grid, hours, numbers, columns)
        skipped = numbers.get("skipped", {})
        for i in range(N_REASONS):
            symbol.counters.skipped[i] = _count(skipped, REASONS[i], _MOST)
        counts = numbers["counters"]
        symbol.counters.late = _count(counts, "late", _MOST)
        symbol.counters.corrected = _count(counts, "corrected", _MOST)
        symbol.counters.repeated = _count(counts, "repeated", _MOST)
        symbol.counters.too_old = _count(counts, "too_old", _MOST)
        symbol.counters.other_session = _count(counts, "other_session", _MOST)
        for i in range(2):
            _restore_tick_counters(&symbol.tick_counters[i], numbers.get("quotes" if i else "ticks", {}))
        symbol.bars_updated = bool(numbers["updated"])
    except BaseException:
        core.stop()
        raise


cdef int _restore_tick_counters(TickCounters* counters, object counts) except -1:
    cdef int i
    counters.late, counters.too_old = _count(counts, "late", _MOST), _count(counts, "too_old", _MOST)
    counters.other_session, counters.covered = _count(counts, "other_session", _MOST), _count(counts, "covered", _MOST)
    counters.empty_side = _count(counts, "empty_side", _MOST)
    skipped = counts.get("skipped", {})
    for i in range(N_TICK_REASONS):
        counters.skipped[i] = _count(skipped, TICK_REASONS[i], _MOST)
    return 0


cdef int _restore_session(SymbolCore core, Grid grid, hours, dict numbers, dict columns) except -1:
    cdef Symbol* symbol = &core.symbol
    cdef const int64_t[::1] ts = columns["time"]
    cdef const double[::1] open = columns["open"], high = columns["high"], low = columns["low"]
    cdef const double[::1] close = columns["close"], volume = columns["volume"]
    cdef int64_t n = ts.shape[0], stored = _count(numbers, "stored", _MOST), i
    cdef bint compact = numbers["compact"], wrapped = stored > n
    cdef int status
    cdef const Region* region = grid.data.regions
    cdef int64_t newest[2]
    cdef Bar bar
    _require(all(len(columns[name]) == n for name in BARS), "the columns of bars have one length")
    _require(not compact or core._capacity == 0, "a session with a capacity of its own is not compact")
    for i in range(n):
        bar = Bar(ts[i], open[i], high[i], low[i], close[i], volume[i], 0)
        _require(grid.data.span_start <= bar.ts < grid.data.span_stop and (i == 0 or bar.ts > ts[i - 1]),
                 "times of bars ascend within the session's span")
        status = check_values(&bar)  # the volume of trades may be above what one bar may bring
        _require(status == 0 or (status == ERR_VOLUME and bar.volume >= 0.0),
                 "bars have finite values, high >= low and volume >= 0")
        while bar.ts >= region.stop:
            region += 1
        _require(region.regular or not compact, "a compact session has no bars outside its segments")
    # No page is touched, whatever size the file claims. Older files may hold sessions that have
    # lost rows although no capacity was asked for: these keep the ring that they had.
    core._memory = lay_out(symbol, grid, core.steps_ns, core._capacity or (grid.possible_slots(
        core.steps_ns[0]) if wrapped else 0), hours, False)
    core._own_session(grid)
    symbol_start(symbol, &grid.data)
    if symbol.make_room != NULL and not (compact and n <= symbol.base.capacity) and symbol.make_room(symbol, n):
        raise MemoryError("no memory for the rows of a session")
    _require(n == min(stored, symbol.base.capacity), "as many bars as were stored, or as the ring holds")
    if wrapped:
        _restore_slots(core, numbers, columns, n > 0 and ts[0])
        # The rows before these are gone, and not folded again: the levels' rows come below.
        symbol.base.next_seq = symbol.base.origin = symbol.folded_seq = stored - n
        level_mark_flushed(symbol.levels, symbol.n_levels, stored - n)
    if n > 0:
        # there is room for them
        rows = Columns(&ts[0], &open[0], &high[0], &low[0], &close[0], &volume[0], NULL)
        symbol_extend(symbol, &rows, n)
    if wrapped:
        for i in range(symbol.n_levels):
            _restore_level(core, &symbol.levels[i], level_name(core, <int32_t>i), columns, grid)
        level_mark_flushed(symbol.levels, symbol.n_levels, stored)
    # Unpacked, not indexed: without bounds checks a short list would be read beyond its end.
    newest_extended, newest_regular = numbers["newest"]
    for i in range(2):
        newest_ts = newest_regular if i else newest_extended
        newest[i] = INT64_MIN if newest_ts is None else _time(newest_ts, &grid.data, "newest bar")
        _require(newest[i] == symbol.newest_ts[i] or (
            wrapped and symbol.newest_ts[i] == INT64_MIN and newest[i] <= symbol.base.evicted_ts
            and find_region(&grid.data, newest[i]).regular == i), "the newest bar is one of those stored")
        symbol.newest_ts[i] = newest[i]
    counts = numbers["counters"]
    i = _count(counts, "off_grid", stored)
    _require(i == symbol.counters.off_grid or (wrapped and i > symbol.counters.off_grid), "off_grid counts bars")
    symbol.counters.off_grid = i
    i = _count(counts, "extended", stored)
    _require(i == symbol.counters.extended or (wrapped and i > symbol.counters.extended), "extended counts bars")
    symbol.counters.extended = i
    _restore_ticks(core, False, numbers, columns)
    _restore_ticks(core, True, numbers, columns)
    _restore_filled(symbol, columns.get("filled"))
    _restore_input_kind(core, numbers["source"])
    _restore_evidence(core, columns)
    for i in range(symbol.n_levels):
        symbol_flush(symbol, <int32_t>i)
    _require(symbol_check(symbol) and feed_check(symbol), "rows, slots and counts agree")
    return 0


cdef int _restore_slots(SymbolCore core, dict numbers, dict columns, int64_t oldest_ts) except -1:
    """Slots that were present up to the newest evicted row."""
    cdef Symbol* symbol = &core.symbol
    cdef int64_t evicted_ts = _time(numbers["evicted"], symbol.grid, "newest evicted bar")
    _require(oldest_ts > evicted_ts, "bars are newer than those evicted")
    symbol.base.evicted_ts = evicted_ts
    _restore_tracker(&symbol.gaps, numbers["frontier"], first_slot_from(symbol.gaps.table, evicted_ts + 1),
                     columns["absent.start"], columns["absent.stop"])
    if symbol.extended != NULL:
        _restore_tracker(&symbol.extended.gaps, numbers["extended_frontier"], symbol.extended.table.n_slots,
                         columns["extended_absent.start"], columns["extended_absent.stop"])
    return 0


cdef int _restore_tracker(Gaps* gaps, int32_t frontier, int32_t most, const int32_t[::1] start,
                          const int32_t[::1] stop) except -1:
    cdef int32_t n = <int32_t>start.shape[0], i
    cdef int64_t absent = 0
    _require(0 <= frontier <= most, "known slots are slots of the session")
    _require(stop.shape[0] == n <= gaps_max_ranges(gaps.table), "absent slots are ranges with two ends")
    for i in range(n):
        _require((stop[i - 1] if i else 0) <= start[i] < stop[i] <= frontier, "ranges of absent slots ascend")
        gaps.start[i], gaps.stop[i] = start[i], stop[i]
        absent += stop[i] - start[i]
    gaps.n_ranges, gaps.frontier, gaps.n_absent = n, frontier, <int32_t>absent
    return _require(gaps_check(gaps), "ranges of absent slots are apart, and the newest known slot is present")


cdef int _restore_level(SymbolCore core, Level* level, str name, dict columns, Grid grid) except -1:
    """All rows of a level, in place of those that the rows left in the base ring have made."""
    cdef Ring* ring = &level.ring
    cdef const GridData* data = &grid.data
    cdef const int64_t[::1] ts = columns[name + "time"]
    cdef const int32_t[::1] n_base = columns[name + "n_base"], closed_base = columns[name + "closed_base"]
    cdef const double[::1] closed_volume = columns[name + "closed_volume"], values
    cdef double* column[5]
    cdef int64_t n = ts.shape[0], most = grid.possible_slots(level.base_ns), i
    cdef const Region* region = data.regions
    cdef Bar bar
    cdef int k
    column[0], column[1], column[2], column[3], column[4] = ring.open, ring.high, ring.low, ring.close, ring.volume
    # The newest slot is known from the newest base row, and the next append depends on it.
    _require(ring.next_seq <= n <= ring.capacity, "a derived row for each slot with bars")
    _require(level.kind != INTRADAY or ts[n - 1] == level.bar.ts, "the newest derived row is of the newest bar's slot")
    _require(n_base.shape[0] == n and closed_base.shape[0] == 1 and closed_volume.shape[0] == 1
             and all(len(columns[name + value]) == n for value in BARS), "the columns of derived bars have one length")
    for k in range(5):
        values = columns[name + BARS[k]]
        if n:
            memcpy(column[k], &values[0], n * sizeof(double))
    level.gaps.n_ranges = level.gaps.frontier = level.gaps.n_absent = 0
    if level.extended != NULL:
        level.extended.gaps.n_ranges = level.extended.gaps.frontier = level.extended.gaps.n_absent = 0
    ring.next_seq = n
    for i in range(n):
        ring.ts[i], ring.n_base[i] = ts[i], n_base[i]
        ring_read(ring, i, &bar)
        _require(data.span_start <= bar.ts < data.span_stop and (i == 0 or bar.ts > ts[i - 1]),
                 "times of derived bars ascend within the session's span")
        while bar.ts >= region.stop:
            region += 1
        # A sum of volumes may be infinite.
        _require((bar.open - bar.open) + (bar.close - bar.close) == 0.0 and bar.high >= bar.low and bar.volume >= 0.0
                 and bar.high - bar.high == 0.0 and bar.low - bar.low == 0.0 and 0 <= bar.n_base <= most,
                 "derived bars have finite prices, high >= low, volume >= 0 and no more bars behind them than can be")
        if level.kind == DAY:
            _require(bar.ts == data.open_ns, "the session's bar begins with it")
        elif level.kind == EXTENDED:
            _require(not region.regular, "the bar of extended hours lies outside the session")
            continue
        else:
            _require(bar.ts == slot_start_in(region, level.step_ns, bar.ts), "a derived bar begins with its slot")
        if region.regular:
            gaps_mark_present(&level.gaps, ordinal_in(level.gaps.table, region, bar.ts))
        elif level.extended != NULL:
            extended_mark(level.extended, bar.ts)
    _require(closed_volume[0] >= 0.0 and 0 <= closed_base[0] <= most, "sums of the slot in progress are not negative")
    level.closed_volume, level.closed_base = closed_volume[0], closed_base[0]
    if n:
        ring_read(ring, n - 1, &level.bar)
        level.region = region
        if level.kind == INTRADAY:
            level.slot_stop = slot_stop_in(region, level.step_ns, level.bar.ts)
        else:
            level.slot_stop = data.close_ns if level.kind == DAY else data.span_stop
    return 0


cdef int _restore_ticks(SymbolCore core, bint quotes, dict numbers, dict columns) except -1:
    """The ring of trades, or quotes, if there was one."""
    cdef Symbol* symbol = &core.symbol
    cdef int kind = INPUT_QUOTES if quotes else INPUT_TICKS
    cdef str name = "quotes" if quotes else "ticks"
    cdef const int64_t[::1] ts, codes
    cdef const double[::1] column
    cdef const double* values[4]
    cdef const int64_t* exchange = NULL
    cdef int64_t n, stored, i
    cdef int32_t n_values = 4 if quotes else 2, k
    cdef TickRing* ring
    cdef Tick tick
    if name + ".time" not in columns:
        return 0
    counts, ts = numbers[name], columns[name + ".time"]
    n, stored = ts.shape[0], _count(counts, "stored", _MOST)
    memset(values, 0, sizeof(values))
    memset(&tick, 0, sizeof(tick))
    for k in range(n_values):
        column = columns[f"{name}.{TICK_VALUES[quotes][k]}"]
        _require(column.shape[0] == n > 0, f"the columns of {name} have one length, and a row")
        values[k] = &column[0]  # `columns` keeps it
    if not quotes:
        codes = columns["ticks.exchange"].view(np.int64)
        _require(codes.shape[0] == n and are_codes(codes), "an exchange is up to eight ASCII characters")
        exchange = &codes[0]
    for i in range(n):
        tick.ts = ts[i]
        for k in range(n_values):
            tick.value[k] = values[k][i]
        _require(symbol.grid.span_start <= tick.ts < symbol.grid.span_stop and (i == 0 or tick.ts >= ts[i - 1]),
                 "times of ticks do not descend, within the session's span")
        _require((check_quote(&tick) if quotes else check_trade(&tick)) == 0,
                 "ticks have finite values, and sizes that are not negative")
    if feed_make_ring(symbol, kind):
        raise MemoryError(f"no memory for {name}")
    ring = symbol.quotes if quotes else symbol.ticks
    _require(n == min(stored, ring.capacity), f"as many {name} as were stored, or as the ring holds")
    if stored > n:
        ring.evicted_ts = _time(counts["evicted"], symbol.grid, "newest evicted tick")
        _require(ring.evicted_ts <= ts[0], f"{name} are not older than those evicted")
        ring.next_seq = ring.origin = stored - n
    ticks_extend(ring, &ts[0], values, exchange, n)
    ring.updated = bool(counts["updated"])
    return 0


cdef int _restore_filled(Symbol* symbol, object filled) except -1:
    """The base slots that bars have filled while no bars fed the symbol; None: there are none."""
    cdef const int32_t[::1] slots
    cdef Py_ssize_t i
    if filled is None:
        return 0
    slots = filled
    for i in range(slots.shape[0]):
        _require((slots[i - 1] if i else -1) < slots[i] < symbol.gaps.table.n_slots,
                 "filled slots ascend, of slots of the session")
        _require(gaps_state(&symbol.gaps, symbol.gaps.table.n_slots, slots[i]) == PRESENT, "filled slots have a bar")
        symbol.filled[slots[i] >> 6] |= <uint64_t>1 << (slots[i] & 63)
    return 0


cdef int _restore_input_kind(SymbolCore core, object name) except -1:
    """The input kind. Of trades and quotes it is checked that base rows are made of them."""
    cdef Symbol* symbol = &core.symbol
    cdef Ring* base = &symbol.base
    cdef const TickRing* ring
    cdef const Region* region
    cdef int kind = INPUT_KINDS.index(name)
    cdef int64_t i, at, stop = INT64_MIN
    cdef bint filled
    _require(kind == INPUT_NONE or base.next_seq > 0 or (kind == INPUT_QUOTES and symbol.quotes != NULL),
             "nothing comes from no bars")  # but quotes of which none has a price
    _require((kind == INPUT_TICKS) == (symbol.ticks != NULL), "a symbol with trades is fed by them")
    if symbol.quote_bars != QUOTE_BARS_NONE:
        _require((kind == INPUT_QUOTES) == (symbol.quotes != NULL), "a symbol with such quotes is fed by them")
    else:
        _require(kind != INPUT_QUOTES, "quotes that make no bars feed no symbol")
    symbol.input_kind = kind
    if kind != INPUT_BARS:
        symbol.next_slot_ts = INT64_MAX
    if kind <= INPUT_BARS:
        return 0
    ring = symbol.ticks if kind == INPUT_TICKS else symbol.quotes
    for i in range(ring_oldest(base), base.next_seq):
        at = i - base.origin
        region = find_region(symbol.grid, base.ts[at])
        stop = slot_stop_in(region, symbol.step_ns, base.ts[at])
        _require(base.ts[at] == slot_start_in(region, symbol.step_ns, base.ts[at]),
                 "bars of ticks begin with their slots")
        if base.ts[at] > ring.evicted_ts and not is_filled(symbol, region, base.ts[at]):
            at = ticks_find(ring, base.ts[at]) - ring.origin
            _require(at < ring.next_seq - ring.origin and ring.ts[at] < stop, "bars of ticks are made of some")
    filled = is_newest_filled(symbol)
    if base.next_seq > 0:
        _require((ring.last_ts < stop or kind == INPUT_QUOTES)
                 and (filled or base.ts[base.next_seq - 1 - base.origin] <= ring.last_ts),
                 "the newest tick is in the newest bar")
    symbol_set_base_stop(symbol, INT64_MIN if filled else stop)
    symbol.newest_stop = fed_until(symbol, ring.last_ts)
    return 0


cdef int _restore_evidence(SymbolCore core, dict columns) except -1:
    """Marks and retries. Marks outside the market's hours count for nothing."""
    cdef Symbol* symbol = &core.symbol
    cdef Evidence evidence
    cdef Retries retries
    cdef const int32_t[::1] start, stop, count
    cdef const int64_t[::1] last
    cdef int32_t k, i, n
    for name in ("no_trade", "halted"):
        if name + ".start" in columns:
            evidence = evidence_of(core._memory, symbol)
            evidence.restore(symbol, name == "halted", columns[name + ".start"], columns[name + ".stop"])
    for k in range(symbol.n_levels):
        if f"retries.{k}.start" not in columns:
            continue
        start, stop = columns[f"retries.{k}.start"], columns[f"retries.{k}.stop"]
        count, last = columns[f"retries.{k}.count"], columns[f"retries.{k}.last"]
        n = <int32_t>start.shape[0]
        _require(stop.shape[0] == n and count.shape[0] == n and last.shape[0] == n,
                 "the columns of retries have one length")
        evidence = evidence_of(core._memory, symbol)
        for i in range(n):
            _require((stop[i - 1] if i else 0) <= start[i] < stop[i] <= _n_slots(symbol, k) and count[i] > 0,
                     "retries ascend, of slots of the session")
            _require(last[i] % 1000 == 0 and last[i] >= INT64_MIN // 1000 * 1000,
                     "times of retries are whole microseconds")
        if retries_alloc(&retries, max(n, 1)):
            raise MemoryError("no memory for retries")
        for i in range(n):
            retries.start[i], retries.stop[i] = start[i], stop[i]
            retries.count[i], retries.last_ns[i] = count[i], last[i]
        retries.n = n
        evidence.marks[k].retries = retries
    return 0


cdef int32_t _n_slots(Symbol* symbol, int32_t k) noexcept nogil:
    return (&symbol.gaps if k == 0 else &symbol.levels[k - 1].gaps).table.n_slots
