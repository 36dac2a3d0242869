"""A store of its own, made of another one; and what cannot be copied says so.

    copy      frozen copies of all sessions, days shared  -->  swapped into the symbols of a new store
    pickle    the bytes of a snapshot, functions of indicators by reference (as pickle does it)

What never changes (records, frozen windows, grids, calendars) is copied and pickled by its values.
All else refers to the native state of a store: a copy that the interpreter made of it, member by
member, would be a second owner of one session. `copy.copy`, `copy.deepcopy` and `pickle` ask the
same question of an object, `__reduce_ex__`, so one answer is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from sessiondata.store.exclusive import exclusive

if TYPE_CHECKING:
    from sessiondata.export.cursors import ExportCursor
    from sessiondata.store.indicators import Function
    from sessiondata.store.store import SessionData

__all__ = ["copy_of", "not_copied", "pickled", "refuse_copy"]

_C = TypeVar("_C", bound="type[Any]")
_D = TypeVar("_D", bound="SessionData")

_NATIVE = "copy the store with data.copy(), or send it as bytes: data.dumps(), sessiondata.loads()"


def refuse_copy(thing: object, way_out: str = _NATIVE) -> NoReturn:
    """Raise the TypeError for a try to copy or pickle what belongs to a store."""
    raise TypeError(f"{type(thing).__name__} objects cannot be copied or pickled, they are part of a store; {way_out}")


def not_copied(way_out: str) -> Callable[[_C], _C]:
    """Have all of a class refuse to be copied or pickled, with a message that ends in what to do instead."""

    def marked(cls: _C) -> _C:
        def refuse(self: object, _protocol: Any) -> NoReturn:
            refuse_copy(self, way_out)

        cls.__reduce_ex__ = refuse  # type: ignore[assignment]
        return cls

    return marked


# --- stores ---


def copy_of(data: _D, memo: dict[int, Any] | None = None) -> _D:
    """See `SessionData.copy`; with `memo`, what was added to the object is copied deeply."""
    from copy import deepcopy

    made, values = _copied(data)
    if memo is not None:
        memo[id(data)] = made
    # Objects of users are looked at last: their own methods may run.
    for name, set_values in values.items():
        made._symbols[name]._indicator_values.update(deepcopy(set_values, memo))
    for state in _added(data):
        for name, value in state.items():
            setattr(made, name, value if memo is None else deepcopy(value, memo))
    return made


@exclusive("copy()")
def _copied(data: _D) -> tuple[_D, dict[str, dict[str, Any]]]:
    """The copy, and the values of indicators that are still to be copied."""
    from sessiondata._native.objects import days as _days
    from sessiondata._native.out import snapshot as _snapshot
    from sessiondata.export.cursors import TOLD

    symbols = list(data._symbols.values())
    said = [(s._pins.gaps, s._pins.quality, s._indicator_values) for s in symbols]
    cursors = [cursor for cursor in (data._default_cursor, *data._cursors.values()) if cursor is not None]
    clock, sessions, counts, shown = _snapshot.copy_all(
        data._clock, [symbol._core for symbol in symbols], said, cursors, TOLD
    )
    made = _like(data)
    values: dict[str, dict[str, Any]] = {}
    for symbol, (core, cores, daily, given, (gaps, quality, values[symbol.symbol])) in zip(
        symbols, sessions, strict=True
    ):
        into = made._new_core(core.name, core.intervals, core.steps_ns, symbol._calendar, core.quote_bars, core.strict)
        held = made._add(into, symbol._calendar)
        days = symbol._history.days
        if days.version:
            held._history.days.commit((cores, daily), 0)
            held._history.days.give(given, None)
        held._history.days.has_values = days.has_values
        _days.adopt(into, core)
        held._pins.gaps.update((k, list(pinned)) for k, pinned in gaps.items())
        held._pins.quality.update(quality)
        if gaps or quality:
            made._pinned[into] = held
    made._clock.grid, made._clock.date, made._clock.ended = data._clock.grid, data._clock.date, data._clock.ended
    made._active = data._active
    made._indicators.update(data._indicators)
    _snapshot.restore_counts(made._all_cores(), counts)
    _snapshot.restore_clock(made._clock, *clock)
    _resume(made, shown)
    return made, values


def _like(data: _D) -> _D:
    """A new store, made as this one was."""
    from sessiondata.store.store import SessionData

    made = type(data).__new__(type(data))
    SessionData.__init__(
        made, data._calendar, data._base.name, [interval.name for interval in data._derived], data.trailing_days,
        capacity=data._capacity or None, label="close" if data._close_label else "open", grace_ns=data.grace_ns,
        tick_capacity=data._tick_capacities[0], quote_capacity=data._tick_capacities[1],
        strict=data._strict,
    )  # fmt: skip
    made._extended_hours = data._extended_hours
    return made


def _resume(made: SessionData, shown: list[tuple[Any, ...]]) -> None:
    """Have the cursors go on from what consumers were shown."""
    for (name, timestamps, symbols, intervals), sequence, captured in shown:
        cursor: ExportCursor = made.export_cursor(name)
        was = None if captured is None else (sequence, captured[1], captured[0], "")
        cursor._resume(made, timestamps, symbols, intervals, was)


def _added(data: SessionData) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes of the object that are not the store's own: in its dict, and in slots of a subclass."""
    from sessiondata.store.store import SessionData

    state = object.__getstate__(data)
    members, slots = state if isinstance(state, tuple) else (state, {})
    own = vars(SessionData())
    return {name: value for name, value in members.items() if name not in own}, slots


def pickled(data: SessionData) -> tuple[Any, ...]:
    """What `pickle` is told of a store."""
    from sessiondata.store.indicators import Forgotten

    functions = {
        name: kept.compute
        for name, kept in data._indicators.items()
        if not kept.is_built_in and not isinstance(kept.compute, Forgotten)
    }
    members, slots = _added(data)
    state = (members, slots) if slots else members or None
    return _unpickled, (type(data), data.dumps(), functions), state


def _unpickled(kind: type[SessionData], content: bytes, functions: dict[str, Function]) -> SessionData:
    from sessiondata.snapshot.file import loads

    data = loads(content, kind)
    for name, function in functions.items():
        data._indicators[name] = data._indicators[name]._replace(compute=function)
    return data
