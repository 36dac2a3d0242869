"""How a document writes its values: times, numbers, gaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from sessiondata.time.instants import to_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sessiondata._native.out.style import Style
    from sessiondata.rows.gap import GapInfo
    from sessiondata.rows.owner import Pins

__all__ = [
    "TIMESTAMPS",
    "format_quality",
    "format_volume",
    "fraction",
    "gap_dict",
    "gaps_dict",
    "json_bytes",
    "pinned_gaps",
    "style_of",
    "time_formatter",
]

#: Ways to write a time.
TIMESTAMPS = ("time", "iso", "epoch_ms", "epoch_ns")

_SECOND_NS = 1_000_000_000
_EXACT = 2**53  # beyond it a float64 no longer holds every integer


def time_formatter(zone: Any, kind: str) -> Callable[[int], str | int]:
    """A function that writes a time in a resolved form."""
    if kind == "epoch_ns":
        return int
    if kind == "epoch_ms":
        return lambda ts_ns: ts_ns // 1_000_000
    if kind == "time":
        return lambda ts_ns: _split(ts_ns, zone)[0][11:] + fraction(ts_ns)
    return lambda ts_ns: fraction(ts_ns).join(_split(ts_ns, zone))


def _split(ts_ns: int, zone: Any) -> tuple[str, str]:
    """Local date and time to the second, and the UTC offset."""
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ts_ns // _SECOND_NS)
    text = local.astimezone(zone).isoformat()
    return text[:19], text[19:]


def fraction(ts_ns: int) -> str:
    """Fraction of a second with 3, 6 or 9 digits, as few as it takes."""
    ns = ts_ns % _SECOND_NS
    if ns == 0:
        return ""
    digits = f"{ns:09d}"
    return "." + (digits[:3] if ns % 1_000_000 == 0 else digits[:6] if ns % 1_000 == 0 else digits)


def style_of(kind: str, zone: tzinfo, offsets: tuple[Any, Any]) -> Style:
    """A resolved form of times, natively, with the UTC offsets in force."""
    from sessiondata._native.out.style import Style

    format_time = time_formatter(zone, kind)
    return Style(kind, *offsets, lambda ts_ns: json_bytes(format_time(ts_ns)))


def json_bytes(small: Any) -> bytes:
    """JSON of texts, ints and None, which every writer spells alike."""
    import json  # not needed to store bars

    return json.dumps(small, separators=(",", ":"), ensure_ascii=False).encode()


def format_quality(quality: float) -> float:
    """A percentage rounded down to two decimals, as exported: 100.0 means nothing is missing.

    From the nearest hundredth, because 100 * 98.29 is a little less than 9829 in double
    arithmetic."""
    hundredths = round(quality * 100)
    return hundredths / 100 if hundredths / 100 <= quality else (hundredths - 1) / 100


def format_volume(volume: float) -> int | float:
    """An integral volume as an int (while a float64 can count), any other as it is."""
    return int(volume) if volume.is_integer() and abs(volume) <= _EXACT else volume


def gaps_dict(gaps: Sequence[GapInfo], format_time: Callable[[int], str | int]) -> dict[str, Any]:
    return {
        "gap_count": len(gaps),
        "missing_bars": sum(gap.bar_count for gap in gaps),
        "ranges": [gap_dict(gap, format_time) for gap in gaps],
    }


def gap_dict(gap: GapInfo, format_time: Callable[[int], str | int]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "start_time": format_time(gap.start_ns),
        "end_time": format_time(gap.end_ns),
        "bar_count": gap.bar_count,
    }
    if gap.retry_count:
        entry["retry_count"] = gap.retry_count
        entry["last_retry"] = None if gap.last_retry is None else format_time(to_ns(gap.last_retry))
    return entry


def pinned_gaps(pins: Pins, format_time: Callable[[int], str | int]) -> dict[int, bytes]:
    """The member of a series with the gaps that were pinned, by number of the series."""
    return {
        k: b'"gaps":%b,' % json_bytes(gaps_dict(gaps, format_time)) if gaps else b""
        for k, gaps in dict(pins.gaps).items()
    }
