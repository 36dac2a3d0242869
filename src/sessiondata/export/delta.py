"""What a consumer does with a delta. `docs/document.md` says the same in words, for other
languages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sessiondata.errors import DeltaError

__all__ = ["apply_delta"]


def apply_delta(document: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    """The complete document after a delta.

    Parameters
    ----------
    document : dict
        A complete document: an export with ``complete=True``, or what this function returned.
    delta : dict
        The next export through the same cursor with ``complete=False``.

    Returns
    -------
    dict
        What a complete export would have been in place of the delta. Parts that have not changed
        are shared with `document`; neither argument is changed.

    Raises
    ------
    DeltaError
        The delta does not go on from this document (it is another store's, say), or asks for a
        complete one.
    """
    try:
        return _applied(document, delta)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise DeltaError(
            f"the delta does not fit the document ({error!r}): is it the same cursor's? Go on with a complete document"
        ) from error


def _applied(document: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
    meta = delta["meta"]
    if meta["complete"] or not document["meta"]["complete"]:
        raise DeltaError("a delta is applied to a complete document")
    if meta.get("resync"):
        raise DeltaError("the delta says resync: go on with a complete document")
    if meta["since"] != document["meta"]["sequence"]:
        raise DeltaError(
            f"the delta goes on from sequence {meta['since']}, the document has {document['meta']['sequence']}:"
            " go on with a complete document"
        )
    gone = set(meta.get("removed", ()))
    symbols = {name: symbol for name, symbol in document["symbols"].items() if name not in gone}
    for name, change in delta["symbols"].items():
        if change.get("replace"):
            symbols[name] = {key: part for key, part in change.items() if key != "replace"}
        else:
            symbols[name] = _symbol(symbols[name], change)
    kept = {key: value for key, value in meta.items() if key in document["meta"]}
    return {"meta": {**kept, "complete": True}, "symbols": symbols}


def _symbol(symbol: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    data = dict(symbol["session"]["data"])
    for name, part in change["session"]["data"].items():
        data[name] = _series(data[name], part) if "data" in part else part
    for name in ("ticks", "quotes"):  # behind the intervals, whichever came first
        if name in data:
            data[name] = data.pop(name)
    return {**symbol, **change, "session": {**change["session"], "data": data}}


def _series(series: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    rows = part["data"] if part.get("replace") else _upsert(series["data"], part["data"])
    gaps = part["gaps"] if "gaps" in part else series.get("gaps")
    changed: dict[str, Any] = {}
    for key, value in part.items():
        # before the columns, where they stand in a complete document
        if key == "columns" and gaps is not None:
            changed["gaps"] = gaps
        if key not in ("gaps", "replace"):
            changed[key] = value
    changed["data"] = rows[len(rows) - part["count"] :]  # the ring has overwritten the others
    return changed


def _upsert(rows: list[Any], newer: list[Any]) -> list[Any]:
    """Rows by their timestamp: those that are there are replaced, others added. In time order, as
    both lists are."""
    if not newer:  # where rows look alike in milliseconds they are never sent but all together
        return rows
    by_time = {row[0]: row for row in rows}
    by_time.update((row[0], row) for row in newer)
    merged = list(by_time.values())
    added = merged[len(rows) :]
    if rows and added and _moment(added[0][0]) < _moment(rows[-1][0]):
        merged.sort(key=lambda row: _moment(row[0]))
    return merged


def _moment(timestamp: Any) -> Any:
    """What orders timestamps: times of day and integers do themselves, ISO 8601 does not where its
    offset changes."""
    if isinstance(timestamp, int) or timestamp[4] != "-":
        return timestamp
    rest = timestamp[19:]  # a fraction, if there is one, and the offset
    at = max(rest.rfind("+"), rest.rfind("-"))
    return datetime.fromisoformat(timestamp[:19] + rest[at:]), rest[:at]
