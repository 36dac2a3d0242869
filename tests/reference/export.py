"""The documents that a store is exported as."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

from reference.bars import COLUMNS
from reference.kernels import count_present, find_gaps, percentage_shown
from reference.session import RefSession, local_time
from reference.store import RefStore
from reference.symbol import RefSymbol
from reference.times import SECOND, by_length


def document(
    store: RefStore,
    timestamps: str = "time",
    sequence: int | None = None,
    sessions: Iterable[RefSession] = (),
    indicators: dict[str, dict[str, float | None]] | None = None,
) -> dict[str, Any]:
    """Build the complete export as plain values, its keys in the order they are exported in.

    Parameters
    ----------
    store : RefStore
        Is only read.
    timestamps : {"time", "iso", "epoch_ms", "epoch_ns"}
        Form of all times. ``"time"`` is the local time of day, or ISO where that would be
        ambiguous; `as_of` is ISO then.
    sequence : int, optional
        Value of ``meta.sequence``; the model's own by default.
    sessions : list of RefSession
        Those that may have a past day.
    indicators : dict, optional
        name of a symbol -> name of an indicator -> value.

    Returns
    -------
    dict
    """
    session = store.session
    as_of = store.as_of()
    return {
        "meta": {
            "schema": 1,
            "complete": True,
            "session_date": session.date,
            "timezone": session.tz,
            "segments": [
                [time_shown(start, session, timestamps), stop_shown(stop, session, timestamps)]
                for start, stop in session.segments
            ],
            "as_of": None
            if as_of is None
            else time_shown(as_of, session, "iso" if timestamps == "time" else timestamps),
            "sequence": store.sequence if sequence is None else sequence,
        },
        "symbols": {
            name: {
                **symbol_document(symbol, timestamps),
                "historical": past_document(store, name, timestamps, sessions, (indicators or {}).get(name, {})),
            }
            for name, symbol in store.symbols.items()
        },
    }


def stop_shown(ts: int, session: RefSession, timestamps: str) -> str | int:
    """Where a segment stops: midnight as the end of the day, where times of day are shown."""
    shown = time_shown(ts, session, timestamps)
    return "24:00:00" if shown == "00:00:00" else shown


def past_document(
    store: RefStore, name: str, timestamps: str, sessions: Iterable[RefSession], indicators: dict[str, float | None]
) -> dict[str, Any]:
    """Part of the days before a symbol's session; parameters as for :func:`document`."""
    by_date = {session.date: session for session in sessions}
    symbol = store.symbols[name]
    names = {*symbol.intervals(), "1d", *store.given.get(name, {})}
    data = {
        interval: past_interval_document(store, name, interval, timestamps, by_date)
        for interval in sorted(names, key=by_length)
        if store.past_dates(name, interval)
    }
    if not data and all(value is None for value in indicators.values()):
        return {"loaded": False}
    return {"loaded": True, **indicators, "data": data}


def past_interval_document(
    store: RefStore, name: str, interval: str, timestamps: str, sessions: dict[str, RefSession]
) -> dict[str, Any]:
    """Part of one interval of the days before a symbol's session."""
    rows, ranges, present, expected = [], [], 0, 0
    dates = store.past_dates(name, interval)
    for day in store.counted_dates(name, interval, sessions.values()):
        session, past = sessions[day], store.past.get(name, {}).get(day)

        def instant(ts: int, session: RefSession = session) -> str | int:
            return time_shown(ts, session, "iso" if timestamps == "time" else timestamps)

        def show(ts: int, session: RefSession = session) -> str | int:
            return session.date if interval == "1d" else instant(ts)

        its_rows = store.past_rows(name, interval, day)
        rows += [[show(ts), *prices, volume_shown(volume)] for ts, *prices, volume in its_rows]
        if past is not None and interval in past.intervals() and not store.was_given(name, interval, day):
            gaps, retries = past.gaps(interval), past.gap_retries(interval)
            counts = past.present(interval), past.expected(interval)
        else:
            regular = [row[0] for row in its_rows if session.is_regular(row[0])]
            gaps, counts = find_gaps(regular, session, interval), count_present(regular, session, interval)
            retries = [(0, None)] * len(gaps)
        for (first, last, n), (count, when) in zip(gaps, retries, strict=True):
            shown = {"start_time": show(first), "end_time": show(last), "bar_count": n}
            if count:
                shown.update(retry_count=count, last_retry=None if when is None else instant(when))
            ranges.append(shown)
        present, expected = present + counts[0], expected + counts[1]
    part: dict[str, Any] = {
        "count": len(rows),
        "date_range": {"start_date": dates[0], "end_date": dates[-1], "days": len(dates)},
        "dates": dates,
        "quality": percentage_shown(present, expected),
    }
    if ranges:
        missing = sum(shown["bar_count"] for shown in ranges)
        part["gaps"] = {"gap_count": len(ranges), "missing_bars": missing, "ranges": ranges}
    part["columns"] = ["date" if interval == "1d" else "timestamp", *COLUMNS[1:]]
    part["data"] = rows
    return part


def symbol_document(symbol: RefSymbol, timestamps: str) -> dict[str, Any]:
    """Part of one symbol in the document; parameters as for :func:`document`."""
    metrics = symbol.metrics()
    return {
        "session": {
            "volume": volume_shown(metrics["volume"]),
            "high": metrics["high"],
            "low": metrics["low"],
            "data": {
                **{interval: series_document(symbol, interval, timestamps) for interval in symbol.intervals()},
                **{
                    kind: ticks_document(symbol, kind, timestamps)
                    for kind, ticks in symbol.ticks_by_kind.items()
                    if ticks.rows
                },
            },
        },
    }


def series_document(symbol: RefSymbol, interval: str, timestamps: str) -> dict[str, Any]:
    """Part of one series in the document; parameters as for :func:`document`."""

    def show(ts: int) -> str | int:
        return time_shown(ts, symbol.session, timestamps)

    bars = symbol.bars(interval)
    gaps = symbol.gaps(interval)
    part: dict[str, Any] = {
        "count": len(bars),
        "total_count": symbol.total_count(interval),
        "generated": interval != symbol.base,
    }
    if symbol.forming(interval):
        part["forming"] = True
    part["quality"] = percentage_shown(symbol.present(interval), symbol.expected(interval))
    if gaps:
        part["gaps"] = {
            "gap_count": len(gaps),
            "missing_bars": sum(n for _, _, n in gaps),
            "ranges": [{"start_time": show(first), "end_time": show(last), "bar_count": n} for first, last, n in gaps],
        }
        for shown, (count, when) in zip(part["gaps"]["ranges"], symbol.gap_retries(interval), strict=True):
            if when is not None:
                shown.update(retry_count=count, last_retry=show(when))
    part["columns"] = list(COLUMNS)
    part["data"] = [[show(bar.ts), bar.open, bar.high, bar.low, bar.close, volume_shown(bar.volume)] for bar in bars]
    return part


def ticks_document(symbol: RefSymbol, kind: str, timestamps: str) -> dict[str, Any]:
    """Part of the trades or quotes of a symbol, which has some; parameters as for
    :func:`document`."""
    ticks = symbol.ticks_by_kind[kind]
    ts, *values = ticks.rows[-1]
    latest: dict[str, Any] = {"timestamp": time_shown(ts, symbol.session, timestamps)}
    if kind == "ticks":
        price, size, exchange = values
        latest.update(price=price, size=volume_shown(size), exchange=exchange)
    else:
        bid, ask, bid_size, ask_size = values
        latest.update(bid=bid, ask=ask, bid_size=volume_shown(bid_size), ask_size=volume_shown(ask_size))
    return {"count": len(ticks.rows), "total_count": len(ticks.accepted), "latest": latest}


def volume_shown(volume: float) -> int | float:
    """Show a volume as an integer where it is one of at most 2**53 in magnitude, else as the float
    it is."""
    if math.isfinite(volume) and volume == math.floor(volume) and abs(volume) <= 2**53:
        return int(volume)
    return volume


@functools.lru_cache(100_000)
def time_shown(ts: int, session: RefSession, timestamps: str) -> str | int:
    """Write a time as it stands in a document.

    Parameters
    ----------
    ts : int
        Nanoseconds.
    session : RefSession
        Gives the zone, and says whether a time of day is enough.
    timestamps : {"time", "iso", "epoch_ms", "epoch_ns"}
        The form; ``"time"`` falls back to ``"iso"``. Milliseconds are rounded down.

    Returns
    -------
    str or int
    """
    if timestamps == "epoch_ns":
        return ts
    if timestamps == "epoch_ms":
        return ts // 1_000_000
    if timestamps == "time" and not session.writes_iso:
        return local_time(ts, session.zone).strftime("%H:%M:%S") + fraction_text(ts)
    assert timestamps in ("time", "iso")
    # YYYY-MM-DDTHH:MM:SS, 19 characters, then the offset
    text = local_time(ts, session.zone).isoformat()
    return text[:19] + fraction_text(ts) + text[19:]


def fraction_text(ts: int) -> str:
    """Fraction of a second with 3, 6 or 9 digits, as few as it takes; empty where it is zero."""
    nanoseconds = ts % SECOND
    if nanoseconds == 0:
        return ""
    if nanoseconds % 1_000_000 == 0:
        return f".{nanoseconds // 1_000_000:03d}"
    if nanoseconds % 1_000 == 0:
        return f".{nanoseconds // 1_000:06d}"
    return f".{nanoseconds:09d}"
