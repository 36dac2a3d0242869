"""Every expected slot of every session, found minute by minute, and the library's answers compared
with them.

    python tests/market/brute_force.py              all exchanges, 20 years, and a table of them
    python tests/market/brute_force.py XHKG CMES    some of them
    python tests/market/brute_force.py --schedules  calendars of pandas_market_calendars instead

The minutes come from the calendar libraries' own expansion (`minutes` of exchange_calendars,
`date_range` of pandas_market_calendars). From there on only their order counts: a segment ends
where a minute does not follow the one before it, a slot begins with every k-th minute of a segment
and ends after its last one, and the number of a slot is how many began before it. No opening hours,
no division of times, nothing of `sessiondata`.
"""

from __future__ import annotations

import itertools
import sys
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

import sessiondata as sd

Ints = npt.NDArray[np.int64]

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
FIRST_YEAR, LAST_YEAR = 2005, 2024
EXCHANGES = ("XNYS", "XLON", "XHKG", "XTKS", "XKRX", "XBOM", "CMES", "XASX", "24/7")
STEPS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "4h": 240, "1d": 0}  # in minutes; 0: the session

# At 1s every 211th session is compared, and these: half days, late opens, changed hours, the days
# around changes of the clocks, early closes of an overnight session.
HARD_DATES = {
    "XNYS": ["2015-12-24", "2024-03-08", "2024-03-11", "2024-07-03", "2024-11-04", "2024-11-29"],
    "XLON": ["2024-04-02", "2024-10-28", "2024-12-24", "2024-12-31"],
    "XHKG": ["2012-03-02", "2012-03-05", "2024-02-09", "2024-12-24"],
    "XTKS": ["2006-01-19", "2011-11-21", "2024-11-01", "2024-11-05"],
    "XKRX": ["2016-07-29", "2016-08-01", "2024-01-02", "2024-11-14"],
    "XBOM": ["2010-10-18", "2024-12-31"],
    "CMES": ["2024-03-11", "2024-05-27", "2024-11-04", "2024-11-28", "2024-11-29", "2024-12-24"],
    "XASX": ["2024-04-08", "2024-10-07", "2024-12-24"],
    "24/7": ["2024-02-29", "2024-12-31"],
}


@dataclass(frozen=True)
class Minutes:
    """What a calendar library says: each moment of trading, and the session it belongs to.

    `ts_ns` are the starts of minutes (or of seconds: `unit_ns`), ascending; those of session i are
    ``ts_ns[first[i]:first[i + 1]]``.
    """

    days: list[str]
    ts_ns: Ints
    first: Ints
    unit_ns: int = MINUTE

    def seconds_of(self, chosen: Sequence[int]) -> Minutes:
        """The sessions at these positions, second by second."""
        parts = [self.ts_ns[self.first[i] : self.first[i + 1]] for i in chosen]
        seconds = [(part[:, None] + np.arange(60) * SECOND).ravel() for part in parts]
        first = np.array([0, *itertools.accumulate(map(len, seconds))])
        return Minutes([self.days[i] for i in chosen], np.concatenate(seconds), first, SECOND)


def exchange_minutes(name: str, first_year: int = FIRST_YEAR, last_year: int = LAST_YEAR) -> Minutes:
    """Minutes of exchange_calendars; of CMES those of pandas_market_calendars, which knows its
    short days."""
    import exchange_calendars
    import pandas as pd

    if name == "CMES":
        return market_minutes(market_schedule("CME Globex Equity", first_year, last_year)[0])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about what the library does inside
        built = exchange_calendars.get_calendar(
            name, start=f"{first_year}-01-01", end=f"{last_year}-12-31", side="left"
        )
        minutes = built.minutes
    days = [str(session.date()) for session in built.sessions]
    ts_ns = minutes.as_unit("ns").asi8
    firsts = pd.DatetimeIndex(built.first_minutes).as_unit("ns").asi8
    return Minutes(days, ts_ns, np.append(np.searchsorted(ts_ns, firsts), len(ts_ns)))


def market_minutes(schedule: Any) -> Minutes:
    """Minutes of a schedule of pandas_market_calendars, by its own `date_range`."""
    ts_ns = market_range(schedule, "1min")
    opens = schedule["market_open"].astype("datetime64[ns, UTC]").astype("int64").to_numpy()
    return Minutes(
        [str(day.date()) for day in schedule.index], ts_ns, np.append(np.searchsorted(ts_ns, opens), len(ts_ns))
    )


def market_range(schedule: Any, frequency: str) -> Ints:
    """Starts of the pieces that `date_range` of pandas_market_calendars cuts a schedule into.

    It counts anew after a break of no length, as CME_Equity has them since June 2021, and fails if
    it is made NaT. To us an empty break is none, so days with one are given to it without the
    columns of the break.
    """
    import pandas_market_calendars

    if "break_start" in schedule:
        empty = schedule["break_start"] == schedule["break_end"]
        if empty.any():
            whole = schedule[empty].drop(columns=["break_start", "break_end"])
            rest = schedule[~empty]
            parts = [market_range(part, frequency) for part in (whole, rest) if len(part)]
            return np.sort(np.concatenate(parts))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pieces = pandas_market_calendars.date_range(schedule, frequency, closed="left", force_close=False)
    found: Ints = pieces.as_unit("ns").asi8
    return found


def market_schedule(name: str, first_year: int, last_year: int, **options: Any) -> tuple[Any, Any]:
    """Schedule and zone of a calendar of pandas_market_calendars."""
    import pandas_market_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built = pandas_market_calendars.get_calendar(name)
        return built.schedule(f"{first_year}-01-01", f"{last_year}-12-31", **options), built.tz


class Slots:
    """All slots of one interval, by walking over the minutes.

    Slot j is ``[starts[j], stops[j])``; those of session i are ``first[i]`` to ``first[i + 1]``.
    `heads` are the slots that begin a segment (of ``1d``: a session). Unit u of the minutes lies in
    slot ``of_unit[u]`` of its session.
    """

    def __init__(self, minutes: Minutes, step: int) -> None:
        ts_ns, n = minutes.ts_ns, len(minutes.ts_ns)
        begins = np.zeros(n, bool)
        begins[minutes.first[:-1]] = True
        if step:
            begins[1:] |= np.diff(ts_ns) != minutes.unit_ns
        segment_at = np.flatnonzero(begins)
        if step:
            nth = np.arange(n) - np.repeat(segment_at, np.diff(np.append(segment_at, n)))
            is_start = nth % step == 0
        else:
            is_start = begins
        at = np.flatnonzero(is_start)
        self.starts: Ints = ts_ns[at]
        self.stops: Ints = ts_ns[np.append(at[1:], n) - 1] + minutes.unit_ns
        self.first: Ints = np.searchsorted(at, minutes.first)
        self.heads: Ints = np.searchsorted(at, segment_at)
        counts = np.diff(minutes.first)
        self.of_unit: Ints = np.cumsum(is_start) - 1 - np.repeat(self.first[:-1], counts)

    def gaps(self, missing: npt.NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
        """Starts of the first and last slot of each run of missing slots within a segment, and how
        many they are."""
        at = np.flatnonzero(missing)
        is_head = np.zeros(len(self.starts), bool)
        is_head[self.heads] = True
        begins = np.ones(len(at), bool)
        begins[1:] = (np.diff(at) != 1) | is_head[at[1:]]
        low = np.flatnonzero(begins)
        high = np.append(low[1:], len(at)) - 1
        if not len(at):
            high = low
        return self.starts[at[low]], self.starts[at[high]], high - low + 1


@dataclass
class Tally:
    """What was compared, and what differed."""

    name: str
    sessions: int = 0
    segments: int = 0
    slots: dict[str, int] = field(default_factory=dict)  # by interval
    answers: int = 0  # single values that were compared
    differences: int = 0
    first_difference: str = ""

    def check(self, what: str, got: Any, want: Any) -> None:
        got, want = np.asarray(got), np.asarray(want)
        self.answers += want.size
        if got.shape == want.shape:
            wrong = int(np.count_nonzero(got != want))
            where = f"at {np.argwhere(got != want)[:3].tolist()}" if wrong else ""
        else:
            wrong, where = max(got.size, want.size), f"shapes {got.shape}, {want.shape}"
        self.differences += wrong
        if wrong and not self.first_difference:
            self.first_difference = f"{self.name} {what}: {wrong} differ, {where}"


def compare(
    name: str, calendar: sd.SessionCalendar, minutes: Minutes, hard_dates: Iterable[str] = (), every: int = 211
) -> Tally:
    """All answers about the sessions of a calendar against the walk; at 1s those of a sample."""
    tally = Tally(name, sessions=len(minutes.days))
    found = [str(day) for day in calendar.session_dates(minutes.days[0], minutes.days[-1])]
    tally.check("session_dates", found, minutes.days)
    if not tally.differences:
        grids = [calendar.session(day) for day in minutes.days]
        _compare_spans(tally, calendar, grids, minutes)
        for interval, step in STEPS.items():
            _compare_interval(tally, interval, grids, minutes, Slots(minutes, step))
        hard = {minutes.days.index(day) for day in hard_dates}
        chosen = sorted({*range(0, len(minutes.days), every), *hard})
        seconds = minutes.seconds_of(chosen)
        _compare_interval(tally, "1s", [grids[i] for i in chosen], seconds, Slots(seconds, 1))
    return tally


def _compare_spans(tally: Tally, calendar: sd.SessionCalendar, grids: list[sd.SessionGrid], minutes: Minutes) -> None:
    """Every minute lies in the span of its session, spans do not overlap, and `session_at` finds
    the session."""
    spans = np.array([(grid.span_start, grid.span_stop) for grid in grids])
    opens, closes = minutes.ts_ns[minutes.first[:-1]], minutes.ts_ns[minutes.first[1:] - 1] + minutes.unit_ns
    tally.check("opens within spans", spans[:, 0] <= opens, np.ones(len(grids), bool))
    tally.check("closes within spans", spans[:, 1] >= closes, np.ones(len(grids), bool))
    tally.check("spans apart", spans[1:, 0] >= spans[:-1, 1], np.ones(len(grids) - 1, bool))
    for what, times in (("open", opens), ("close", closes - 1)):
        found = [str(calendar.session_at(ts_ns).date) for ts_ns in times.tolist()]
        tally.check(f"session_at {what}", found, minutes.days)


def _compare_interval(tally: Tally, interval: str, grids: list[sd.SessionGrid], minutes: Minutes, slots: Slots) -> None:
    rng = np.random.default_rng(len(slots.starts))
    step_ns = SECOND if interval == "1s" else STEPS[interval] * MINUTE
    expected = np.diff(slots.first)
    tally.slots[interval] = len(slots.starts)

    if interval == "1m":
        # The hours themselves, which every interval shares.
        tally.segments = len(slots.heads)
        ends = np.append(slots.heads[1:], len(slots.starts)) - 1
        hours = np.concatenate([grid.segments for grid in grids])
        tally.check("segments", hours, np.column_stack([slots.starts[slots.heads], slots.stops[ends]]))

    tally.check(f"slot_starts {interval}", np.concatenate([g.slot_starts(interval) for g in grids]), slots.starts)
    compiled = [grid.compiled for grid in grids]
    found = np.concatenate([g.slot_starts(step_ns) for g in compiled])
    tally.check(f"compiled slot_starts {interval}", found, slots.starts)
    tally.check(f"expected {interval}", [g.expected(interval) for g in grids], expected)
    tally.check(f"compiled expected {interval}", [g.expected(step_ns) for g in compiled], expected)

    # Times at which the answers could change, and some in between: a column each.
    first, last = minutes.first[:-1], minutes.first[1:] - 1
    opens, closes = minutes.ts_ns[first], minutes.ts_ns[last] + minutes.unit_ns
    inside = minutes.ts_ns[rng.integers(first, last + 1)] + rng.integers(0, minutes.unit_ns, len(first))
    lasts = np.append(slots.heads[1:], len(slots.starts)) - 1  # last slot of each segment
    # Where the first segment ends: the lunch break, or the close.
    ends = slots.stops[lasts[np.searchsorted(slots.heads, slots.first[:-1])]]
    boundary = slots.stops[rng.integers(slots.first[:-1], slots.first[1:])]
    times = np.column_stack([opens - 1, opens, inside, boundary - 1, boundary, ends - 1, ends, closes])

    over = np.searchsorted(slots.stops, times, side="right") - slots.first[:-1, None]
    over = np.clip(over, 0, expected[:, None])
    unit = np.clip(np.searchsorted(minutes.ts_ns, times, side="right") - 1, first[:, None], last[:, None])
    held = (minutes.ts_ns[unit] <= times) & (times < minutes.ts_ns[unit] + minutes.unit_ns)
    owner = np.where(held, slots.of_unit[unit], -1)
    rows = times.tolist()
    for side, askers, form in (("", grids, interval), ("compiled ", compiled, step_ns)):
        pairs = list(zip(askers, rows, strict=True))
        got = [[g.expected(form, t) for t in row] for g, row in pairs]
        tally.check(f"{side}expected {interval} as_of", got, over)
        got = [[g.slot_of(t, form) for t in row] for g, row in pairs]
        tally.check(f"{side}slot_of {interval}", got, owner)

    # The kernels: nothing received, everything, and all but some.
    names = dict(enumerate(grids))
    nothing = np.empty(0, np.int64)
    bounds = list(itertools.pairwise(slots.first.tolist()))
    received = {i: slots.starts[low:high] for i, (low, high) in enumerate(bounds)}
    _check_gaps(
        tally,
        f"gaps of nothing {interval}",
        sd.find_gaps(dict.fromkeys(names, nothing), names, interval),
        slots.gaps(np.ones(len(slots.starts), bool)),
    )
    _check_gaps(
        tally,
        f"gaps of everything {interval}",
        sd.find_gaps(received, names, interval),
        slots.gaps(np.zeros(len(slots.starts), bool)),
    )
    quality = sd.quality(received, names, interval)
    tally.check(f"quality of everything {interval}", list(quality.values()), np.full(len(grids), 100.0))
    missing = rng.random(len(slots.starts)) < 0.1
    some = {i: slots.starts[low:high][~missing[low:high]] for i, (low, high) in enumerate(bounds)}
    _check_gaps(tally, f"gaps {interval}", sd.find_gaps(some, names, interval), slots.gaps(missing))
    lost = np.add.reduceat(missing, slots.first[:-1])
    want = 100.0 * (expected - lost) / expected
    tally.check(f"quality {interval}", list(sd.quality(some, names, interval).values()), want)
    # At a time of each session: what is not over is not missing.
    now = times[:, 2].tolist()
    lost = [sd.find_gaps(nothing, g, interval, t).bar_count.sum() for g, t in zip(grids, now, strict=True)]
    tally.check(f"gaps of nothing {interval} as_of", lost, over[:, 2])


def _check_gaps(tally: Tally, what: str, found: dict[int, sd.GapArrays], want: tuple[Ints, Ints, Ints]) -> None:
    got = zip(*found.values(), strict=True)
    for column, values, expected in zip(("start_ns", "end_ns", "bar_count"), got, want, strict=True):
        tally.check(f"{what} {column}", np.concatenate(values), expected)


def compare_exchange(name: str) -> Tally:
    """The 20 years of an exchange."""
    return compare(name, sd.calendar(name), exchange_minutes(name), HARD_DATES[name])


def compare_schedule(name: str, first_year: int, last_year: int) -> Tally:
    """A calendar of pandas_market_calendars, as a schedule, against its own `date_range`."""
    schedule, zone = market_schedule(name, first_year, last_year)
    calendar = sd.SessionCalendar.from_schedule(schedule, zone, name)
    tally = compare(name, calendar, market_minutes(schedule))
    grids = [calendar.session(day) for day in schedule.index]
    for interval, step in STEPS.items():
        if step:
            got = np.concatenate([grid.slot_starts(interval) for grid in grids])
            tally.check(f"date_range {interval}", got, market_range(schedule, f"{step}min"))
    return tally


def _schedule_names() -> list[str]:
    """One name of each calendar of pandas_market_calendars itself; those mirrored are
    exchange_calendars' own."""
    import pandas_market_calendars

    seen: dict[type, str] = {}
    for name in pandas_market_calendars.get_calendar_names():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind = type(pandas_market_calendars.get_calendar(name))
        if ".calendars.mirror" not in kind.__module__ and "exchange_calendars" not in kind.__module__:
            seen.setdefault(kind, name)
    return list(seen.values())


def main(arguments: list[str]) -> int:
    by_schedule = "--schedules" in arguments
    names = [name for name in arguments if name != "--schedules"]
    names = names or (_schedule_names() if by_schedule else list(EXCHANGES))
    print(f"{FIRST_YEAR}-01-01 to {LAST_YEAR}-12-31\n")
    intervals = [*STEPS, "1s"]
    print(f"{'calendar':28}{'sessions':>9}{'segments':>9}" + "".join(f"{i:>11}" for i in intervals), end="")
    print(f"{'answers':>12}{'differences':>12}{'seconds':>9}")
    tallies = []
    for name in names:
        begun = time.perf_counter()
        tally = compare_schedule(name, FIRST_YEAR, LAST_YEAR) if by_schedule else compare_exchange(name)
        tallies.append(tally)
        _print_row(tally, intervals, time.perf_counter() - begun)
    total = Tally("all")
    for tally in tallies:
        total.sessions += tally.sessions
        total.segments += tally.segments
        total.answers += tally.answers
        total.differences += tally.differences
        for interval in intervals:
            total.slots[interval] = total.slots.get(interval, 0) + tally.slots.get(interval, 0)
    _print_row(total, intervals, None)
    return int(total.differences > 0)


def _print_row(tally: Tally, intervals: list[str], seconds: float | None) -> None:
    print(f"{tally.name:28}{tally.sessions:>9,}{tally.segments:>9,}", end="")
    print("".join(f"{tally.slots.get(interval, 0):>11,}" for interval in intervals), end="")
    print(f"{tally.answers:>12,}{tally.differences:>12,}" + ("" if seconds is None else f"{seconds:>9.1f}"), flush=True)
    if tally.first_difference:
        print(f"    {tally.first_difference}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
