"""A store of its own, made of another one.

copy      copies of all sessions, days shared  -->  swapped into the symbols of a new store
pickle    the bytes of a snapshot, functions of indicators by reference (as pickle does it)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sessiondata._native.objects.copies import adopt
from sessiondata._native.out.capture import copy_all
from sessiondata._native.out.restore import restore_clock, restore_counts
from sessiondata.snapshot.load import loads
from sessiondata.store.cursor import cursor_state, resume_cursor
from sessiondata.store.exclusive import exclusive
from sessiondata.store.indicators import Forgotten
from sessiondata.store.store import SessionData, parts_of

if TYPE_CHECKING:
    from sessiondata.store.indicators import Function
    from sessiondata.store.store import StoreParts

__all__ = ["copy_of", "pickled"]

_D = TypeVar("_D", bound=SessionData)


def copy_of(data: _D, memo: dict[int, Any] | None = None) -> _D:
    """See `SessionData.copy`; with `memo`, what was added to the object is copied deeply."""
    from copy import deepcopy

    made = _like(data)
    into = parts_of(made)
    values = _copy_into(parts_of(data), into, made)
    if memo is not None:
        memo[id(data)] = made
    # Objects of users are looked at last: their own methods may run.
    for state, set_values in zip(list(into.registry.states.values()), values, strict=True):
        if set_values:
            state.values.update(deepcopy(set_values, memo))
    for added in _added(data):
        for name, value in added.items():
            setattr(made, name, value if memo is None else deepcopy(value, memo))
    return made


@exclusive("copy()")
def _copy_into(store: StoreParts, made: StoreParts, owner: SessionData) -> list[dict[str, Any]]:
    """Copy everything into the parts of `owner`, a new store, but the values of indicators, which
    are still to be copied: these are returned, by symbol."""
    context, into = store.context, made.context
    states = list(store.registry.states.values())
    feeds = []
    if store.registry.feeds is not None:
        from sessiondata.store.closed_bars import feed_states  # most stores have none

        feeds = feed_states(store.registry, [state.core for state in states])
    added = [(state.pins.gaps, state.pins.quality, state.values) for state in states]
    clock, sessions, counts, sent = copy_all(
        context.clock, [state.core for state in states], added, store.cursors.all(), cursor_state
    )
    values: list[dict[str, Any]] = []
    for state, (core, cores, daily, supplied, (gaps, quality, set_values)) in zip(states, sessions, strict=True):
        copy = made.sessions.new_symbol(
            core.name, core.intervals, core.steps_ns, state.calendar, core.quote_bars, core.strict
        )
        made.registry.add(copy, owner)
        days = state.history.days
        if days.version:
            copy.history.days.commit((cores, daily), 0)
            copy.history.days.supply(supplied, None)
            copy.history.days.note_absent(days.absent)
        copy.history.days.has_values = days.has_values
        adopt(copy.core, core)
        if gaps or quality:
            pins = copy.pins_to_change()
            pins.gaps.update((k, list(pinned)) for k, pinned in gaps.items())
            pins.quality.update(quality)
            into.pinned[copy.core] = copy
        values.append(set_values)
    into.clock.grid, into.clock.date, into.clock.ended = context.clock.grid, context.clock.date, context.clock.ended
    into.is_active = context.is_active
    into.indicators.update(context.indicators)
    made_cores = made.registry.all_cores()
    restore_counts(made_cores, counts)
    restore_clock(into.clock, *clock)
    for (name, timestamps, symbols, intervals), sequence, captured in sent:
        last = None if captured is None else (sequence, captured[1], captured[0], "")
        resume_cursor(made.cursors.get(name), made_cores, timestamps, symbols, intervals, last)
    if feeds:
        from sessiondata.store.closed_bars import feeds_of, resume_feed

        for feed in feeds:
            resume_feed(feeds_of(made.registry, into, made.settings), feed, made_cores)
    return values


def _like(data: _D) -> _D:
    """A new store, made as this one was."""
    made, store = type(data).__new__(type(data)), parts_of(data)
    settings = store.settings
    SessionData.__init__(
        made, data.calendar, settings.base.name, [interval.name for interval in settings.derived], data.trailing_days,
        capacity=settings.capacity or None, label="close" if settings.close_label else "open", grace_ns=data.grace_ns,
        tick_capacity=settings.tick_capacity, quote_capacity=settings.quote_capacity, strict=settings.strict,
    )  # fmt: skip
    parts_of(made).context.extended_hours = store.context.extended_hours
    return made


def _added(data: SessionData) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes of the object that are not the store's own: in its dict, and in slots of a
    subclass."""
    state = object.__getstate__(data)
    members, slots = state if isinstance(state, tuple) else (state, {})
    own = vars(SessionData())
    return {name: value for name, value in members.items() if name not in own}, slots


def pickled(data: SessionData) -> tuple[Any, ...]:
    """What `pickle` writes of a store."""
    functions = {
        name: kept.compute
        for name, kept in parts_of(data).context.indicators.items()
        if not kept.is_built_in and not isinstance(kept.compute, Forgotten)
    }
    members, slots = _added(data)
    state = (members, slots) if slots else members or None
    return _unpickled, (type(data), data.dumps(), functions), state


def _unpickled(kind: type[SessionData], content: bytes, functions: dict[str, Function]) -> SessionData:
    data = loads(content, kind)
    indicators = parts_of(data).context.indicators
    for name, function in functions.items():
        indicators[name] = indicators[name]._replace(compute=function)
    return data
