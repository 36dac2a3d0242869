"""What orjson makes of this library's objects: `orjson.dumps(obj, default=orjson_default)`.

A store is its document. Everything else stands without `meta`, which says day and zone of a
document's times of day, so its times are ISO 8601 with offset.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata.errors import ArgumentTypeError
from sessiondata.rows.series import native_of, owner_of
from sessiondata.time.zones import utc_offsets

if TYPE_CHECKING:
    from sessiondata.rows.bars import BarWindow
    from sessiondata.rows.gap import GapInfo
    from sessiondata.rows.series import BarSeries
    from sessiondata.store.symbol import SymbolSessionData

__all__ = ["orjson_default"]

_COLUMNS = b'"columns":["timestamp","open","high","low","close","volume"],"data":['


def orjson_default(obj: Any) -> Any:
    """Serialise a store, or a part of one, inside of anything that orjson writes.

    Parameters
    ----------
    obj : SessionData, SymbolSessionData, BarSeries, BarWindow, GapInfo, Bar, Tick or Quote
        A store becomes its document, as `SessionData.to_json` writes it; a symbol or series its
        member of the document ``to_dict(timestamps="iso")``; a window ``count``, ``columns`` and
        ``data`` of such a member; a gap, bar, trade or quote an object of its fields (times of the
        latter three in UTC).

    Returns
    -------
    orjson.Fragment or dict
        A fragment of bytes that were written natively; records are dicts.

    Raises
    ------
    TypeError
        Something else, as orjson wants it: it names the type then.
    ImportError
        There is no orjson. It is imported only here.
    InactiveError
        The store is closed to readers.

    Examples
    --------
    >>> orjson.dumps({"as asked": spy.bars("5m")}, default=sd.orjson_default)  # doctest: +SKIP
    """
    from sessiondata.export.document import document_bytes
    from sessiondata.rows.bars import Bar, BarWindow
    from sessiondata.rows.gap import GapInfo
    from sessiondata.rows.series import BarSeries
    from sessiondata.rows.ticks import Quote, Tick
    from sessiondata.store.cursor import new_cursor
    from sessiondata.store.store import SessionData, parts_of
    from sessiondata.store.symbol import SymbolSessionData

    if isinstance(obj, GapInfo):
        return _gap(obj)
    if isinstance(obj, (Bar, Tick, Quote)):
        return _record(obj)
    if isinstance(obj, SessionData):
        store = parts_of(obj)
        store.context.check_active()
        text = document_bytes(store, True, new_cursor(), "time")
    elif isinstance(obj, SymbolSessionData):
        text = _symbol(obj)
    elif isinstance(obj, BarSeries):
        text = _series(obj)
    elif isinstance(obj, BarWindow):
        text = _window(obj)
    else:
        raise ArgumentTypeError(f"orjson_default knows nothing of {type(obj).__name__}")
    try:
        from orjson import Fragment
    except ImportError as error:
        raise ImportError(_orjson_hint()) from error
    return Fragment(text)


def _orjson_hint() -> str:
    """Why there is no `orjson.Fragment`: it is not installed, or too old."""
    try:
        from orjson import __version__ as version
    except ImportError:
        return "orjson_default needs orjson >= 3.9: pip install 'orjson>=3.9'"
    return f"orjson_default needs orjson >= 3.9, here is {version}: pip install --upgrade 'orjson>=3.9'"


def _symbol(symbol: SymbolSessionData) -> bytes:
    from sessiondata.export.document import symbol_bytes
    from sessiondata.store.symbol import state_of

    state_of(symbol).context.check_active()
    return symbol_bytes(symbol, "iso")


def _series(series: BarSeries) -> bytes:
    from sessiondata._native.objects.copies import snapshot_of
    from sessiondata._native.out import json as _json
    from sessiondata.export.format import pinned_gaps, style_of, time_formatter

    own, k = native_of(series)
    core = snapshot_of(own)  # other threads may write to it meanwhile
    owner, grid = owner_of(series), core.grid
    zone = owner.zone
    # Without a session there are no rows, so any offset will do.
    offsets = utc_offsets(zone, *((0, 1) if grid is None else grid.span))
    gaps = pinned_gaps(owner.pins, time_formatter(zone, "iso"))
    return _json.write_series(core, k, gaps, owner.pins.quality, style_of("iso", zone, offsets))


def _window(window: BarWindow) -> bytes:
    from sessiondata._native.out import json as _json
    from sessiondata.export.format import style_of

    zone, times = window.zone, window.timestamp
    offsets = utc_offsets(zone, int(times[0]), int(times[-1]) + 1) if len(times) else (np.zeros(1, np.int64),) * 2
    columns = (window.open, window.high, window.low, window.close, window.volume)
    rows = _json.write_rows(times, *columns, style_of("iso", zone, offsets))
    return b'{"count":%d,%b%b]}' % (len(times), _COLUMNS, rows)


def _gap(gap: GapInfo) -> dict[str, Any]:
    from sessiondata.export.format import gap_dict, time_formatter

    return {"symbol": gap.symbol, "interval": gap.interval, **gap_dict(gap, time_formatter(gap.zone, "iso"))}


def _record(record: Any) -> dict[str, Any]:
    """The fields of a bar, trade or quote, volumes and sizes as the document has them."""
    from sessiondata.export.format import format_volume, time_formatter

    fields: dict[str, Any] = record._asdict()
    fields["timestamp"] = time_formatter(UTC, "iso")(record.timestamp)
    for name in ("volume", "size", "bid_size", "ask_size"):
        if name in fields:
            fields[name] = format_volume(fields[name])
    return fields
