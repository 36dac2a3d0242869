"""The slow reference model: what every answer of the library has to be, written to be obviously
right.

It is the oracle of all property tests. It shares no code with the library, imports nothing but the
standard library and remembers as little as it can: a symbol keeps its bars, its counters and the
newest evicted timestamp. Derived bars, gaps, quality, metrics and documents are computed again from
the bars each time they are asked for.

Conventions: every time is an int of nanoseconds since 1970-01-01 UTC; every stretch of time is
half-open ``[start, stop)``; an interval is its name (``"5m"``, ``"1d"``); a row is
``(ts, open, high, low, close, volume)``. Nothing here is a view, nothing is thread-safe, and the
cost of a question grows with the number of bars.

times      units of time, names of intervals
session    hours of a session, slots of each interval in and around them
bars       rules of bars, and how many of them make one
kernels    answers for plain lists, as the batch kernels give them for arrays
ticks      trades and quotes
rows       what a symbol remembers, and the rows of its series
states     states of its slots, marks, gaps, retries
symbol     what becomes of what it is offered
store      symbols of a session, and the days that they keep
export     documents

Where ``docs/concepts.md`` (its headings are cited) leaves room, this model reads it so:

1.  *Local dates of a segment*: a segment ends one nanosecond before its stop, so one that closes at
    midnight sharp touches one local date.
2.  *Equal values* (Bars): ``==``. A repeat that differs only in the sign of a zero is a repeat and
    changes nothing.
3.  *Equal lows*: of equal lows (0.0 and -0.0) the first stands, as of equal highs.
4.  *A slot cut by the span*: the first slot of the pre-open region, counted backwards from the
    open, begins no earlier than the span does.
5.  *present* (Slot states, quality, gaps) counts slots that are over only, so that
    ``present + missing == expected``: a forming bar is not present yet.
6.  *Presence of a derived slot*: any derived bar does, also one made of off-grid base bars alone.
7.  *Counters*: ``stored`` includes ``late``; ``late``, ``off_grid`` and ``extended`` count added
    rows only, never corrections; an extended bar is never ``off_grid``.
8.  *Default capacity*: the base slots of all regions, an incomplete first or last one counted as
    one. Off-grid bars can fill it before the session is over.
9.  *1d and too_old* (Rings and bars that are too old): where 1d is folded straight from base rows,
    a regular bar's slot begins at the first open, and an extended one's (the extended level) where
    the span begins, that is: it is too old once anything has been evicted.
10. *sequence*: one step for each bar stored or corrected, one for each ``advance_to`` that moves
    the clock. Law 1 leaves it open, so ``document`` takes another value for it.
11. *last_update*: the open time of the newest regular bar (extended: of the newest extended bar).
12. *A series without rows* is shown in a document, with a count of 0 and no rows.
13. *Volume -0.0* is integral, so a document shows the integer 0.
14. *Rows outside the span* given to the batch kernels lie in no slot: they are left out without an
    error.
15. *as_of* is None until there is a bar or a clock; nothing is expected then and nothing is
    forming.
16. *Marks* (Marks) are kept as told, in time. A slot is explained if every nanosecond of it in
    which the market is open is; ``"1d"`` therefore needs its segments explained, not its breaks.
17. *A mark that changes nothing*: all of its time in which the market is open was marked so before.
18. *Retries* belong to slots; what was asked for while it was missing keeps its count, also if the
    slot is filled.
19. *Ticks and quotes*: only the newest ``capacity`` of a kind are kept, but a base bar is the fold
    of all that were ever accepted in its slot. ``late`` and ``corrected`` bars of a symbol fed by
    ticks are those that a late tick made or folded again. A tick or quote that is refused for its
    source is refused whatever else is wrong with it.
20. *Fill* takes rows one by one in time order (of equal times in the order of the batch): one whose
    slot was filled by the row before it finds it present. ``late`` counts those that are not newer
    than every row. A tick behind a filled newest row that is newer than all other ticks is not late
    itself; the bar that it makes or corrects is.
"""

from __future__ import annotations

from reference.bars import BadBarError, Row, check_bar, fold
from reference.export import document, fraction_text, time_shown, volume_shown
from reference.kernels import aggregate, count_present, find_gaps, percentage, percentage_shown, quality
from reference.panel import panel
from reference.session import RefSession, local_time, session_span
from reference.store import RefStore
from reference.symbol import RefSymbol
from reference.ticks import RefTicks
from reference.times import DAY, HOUR, MINUTE, NAT, SECOND, canonical, step_of

__all__ = [
    "DAY",
    "HOUR",
    "MINUTE",
    "NAT",
    "SECOND",
    "BadBarError",
    "RefSession",
    "RefStore",
    "RefSymbol",
    "RefTicks",
    "Row",
    "aggregate",
    "canonical",
    "check_bar",
    "count_present",
    "document",
    "find_gaps",
    "fold",
    "fraction_text",
    "local_time",
    "panel",
    "percentage",
    "percentage_shown",
    "quality",
    "session_span",
    "step_of",
    "time_shown",
    "volume_shown",
]
