"""The obvious peers: NumPy, polars and pandas for derived bars and gaps; orjson and msgspec for the
document.

Each function prepares a peer's own input (frames, sorted times, rows), which is not timed, and
returns what is: a call without arguments. A library is imported where it is needed, so that a
machine without it still runs the others. Derived intervals are taken from the one below them, which
is cheaper for frames than going back to the base each time; 1d is one row and needs no groups.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.data import DERIVED, Columns, Day, Trades

__all__ = [
    "diff_gaps",
    "frame_bars",
    "orjson_from_columns",
    "orjson_of_numpy_columns",
    "pandas_bars",
    "pandas_bars_of_trades",
    "polars_bars",
    "polars_bars_of_trades",
    "polars_gaps",
]
__all__ += ["setdiff_gaps"]

GapColumns = tuple[Any, Any, Any]

_NAMES = ("timestamp", "open", "high", "low", "close", "volume")
_EVERY = {"5m": "5m", "15m": "15m", "1h": "1h"}
_FREQUENCY = {"5m": "5min", "15m": "15min", "1h": "1h"}
_HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


def polars_bars(day: Day) -> Callable[[], dict[str, Any]]:
    """Derived bars by `group_by_dynamic`."""
    import polars as pl

    ts_ns = pl.Series("timestamp", day.columns[0]).cast(pl.Datetime("ns"))
    base = pl.DataFrame([ts_ns, *(pl.Series(*pair) for pair in zip(_NAMES[1:], day.columns[1:], strict=True))])
    return lambda: _polars_derived(base, day)


def polars_bars_of_trades(trades: Trades) -> Callable[[], dict[str, Any]]:
    """Bars of one second, and derived ones, by `group_by_dynamic`."""
    import polars as pl

    ts_ns = pl.Series("timestamp", trades.columns[0]).cast(pl.Datetime("ns"))
    frame = pl.DataFrame([ts_ns, pl.Series("price", trades.columns[1]), pl.Series("size", trades.columns[2])])
    price = pl.col("price")
    fold = [price.first().alias("open"), price.max().alias("high"), price.min().alias("low")]
    fold += [price.last().alias("close"), pl.col("size").sum().alias("volume")]
    return lambda: _polars_derived(frame.group_by_dynamic("timestamp", every="1s").agg(fold), trades.day)


def _polars_derived(parent: Any, day: Day) -> dict[str, Any]:
    import polars as pl

    fold = [getattr(pl.col(name), how)() for name, how in _HOW.items()]
    frames = {}
    for name, every in _EVERY.items():
        offset = "30m" if name == "1h" else "0m"  # hours of this session begin at half past
        parent = parent.group_by_dynamic("timestamp", every=every, offset=offset).agg(fold)
        frames[name] = parent
    frames["1d"] = parent.select(pl.lit(day.open_ns).cast(pl.Datetime("ns")).alias("timestamp"), *fold)
    return frames


def pandas_bars(day: Day) -> Callable[[], dict[str, Any]]:
    """Derived bars by `resample`."""
    import pandas as pd

    index = pd.DatetimeIndex(day.columns[0].view("datetime64[ns]"), name="timestamp")
    base = pd.DataFrame(dict(zip(_NAMES[1:], day.columns[1:], strict=True)), index=index)

    return lambda: _pandas_derived(base, day)


def pandas_bars_of_trades(trades: Trades) -> Callable[[], dict[str, Any]]:
    """Bars of one second, and derived ones, by `resample`."""
    import pandas as pd

    index = pd.DatetimeIndex(trades.columns[0].view("datetime64[ns]"), name="timestamp")
    frame = pd.DataFrame({"price": trades.columns[1], "size": trades.columns[2]}, index=index)

    def run() -> dict[str, Any]:
        seconds = frame.resample("1s")
        bars = seconds["price"].ohlc()
        bars["volume"] = seconds["size"].sum()
        return _pandas_derived(bars.dropna(subset=["open"]), trades.day)

    return run


def _pandas_derived(parent: Any, day: Day) -> dict[str, Any]:
    frames = {}
    for name, frequency in _FREQUENCY.items():
        offset = "30min" if name == "1h" else None
        # resample makes a row for each bucket, also for those without a bar.
        parent = parent.resample(frequency, offset=offset).agg(_HOW).dropna(subset=["open"])
        frames[name] = parent
    values = parent["open"].iloc[0], parent["high"].max(), parent["low"].min(), parent["close"].iloc[-1]
    frames["1d"] = (day.open_ns, *values, parent["volume"].sum())
    return frames


def frame_bars(frames: dict[str, Any]) -> dict[str, Columns]:
    """Frames of either library as plain columns."""
    return {interval: _columns(frames[interval]) for interval in DERIVED}


def _columns(frame: Any) -> Columns:
    if isinstance(frame, tuple):
        return tuple(np.array([value]) for value in frame)
    if not hasattr(frame, "index"):
        ts_ns = frame["timestamp"].to_physical().to_numpy()
        return (ts_ns, *(frame[name].to_numpy() for name in _NAMES[1:]))
    return (frame.index.values.astype("datetime64[ns]").view(np.int64), *(frame[name].values for name in _NAMES[1:]))


def diff_gaps(day: Day) -> Callable[[], GapColumns]:
    """Gaps where two neighbours differ by more than a step; the session's ends are neighbours,
    too."""
    ts_ns, step_ns = day.columns[0], day.step_ns
    ends = day.open_ns - step_ns, day.stop_ns

    def run() -> GapColumns:
        wide = np.flatnonzero(np.diff(ts_ns) != step_ns)
        before, after = ts_ns[wide], ts_ns[wide + 1]
        if ts_ns[0] != ends[0] + step_ns:
            before, after = np.append(ends[0], before), np.append(ts_ns[0], after)
        if ts_ns[-1] != ends[1] - step_ns:
            before, after = np.append(before, ts_ns[-1]), np.append(after, ends[1])
        return before + step_ns, after - step_ns, (after - before) // step_ns - 1

    return run


def setdiff_gaps(day: Day) -> Callable[[], GapColumns]:
    """Gaps as the runs of what `np.setdiff1d` leaves of the expected times."""
    ts_ns, step_ns = day.columns[0], day.step_ns
    expected = np.arange(day.open_ns, day.stop_ns, step_ns)

    def run() -> GapColumns:
        missing = np.setdiff1d(expected, ts_ns, assume_unique=True)
        if not len(missing):
            return missing, missing, missing
        breaks = np.flatnonzero(np.diff(missing) != step_ns)
        start = missing[np.append(0, breaks + 1)]
        end = missing[np.append(breaks, len(missing) - 1)]
        return start, end, (end - start) // step_ns + 1

    return run


def polars_gaps(day: Day) -> Callable[[], GapColumns]:
    """The scan of `diff_gaps` by polars."""
    import polars as pl

    step_ns = day.step_ns
    ts_ns = pl.Series("ts", day.columns[0])
    ends = day.open_ns - step_ns, day.stop_ns

    def run() -> GapColumns:
        wide = (ts_ns.diff() != step_ns).arg_true()
        after, before = ts_ns.gather(wide), ts_ns.gather(wide - 1)
        if ts_ns[0] != ends[0] + step_ns:
            before, after = pl.concat([pl.Series("ts", [ends[0]]), before]), pl.concat([ts_ns[:1], after])
        if ts_ns[-1] != ends[1] - step_ns:
            before, after = pl.concat([before, ts_ns[-1:]]), pl.concat([after, pl.Series("ts", [ends[1]])])
        return before + step_ns, after - step_ns, (after - before) // step_ns - 1

    return run


def orjson_from_columns(document: dict[str, Any], columns: dict[tuple[str, str], Columns]) -> Callable[[], bytes]:
    """The document's bytes, its rows built anew from columns: what an array store without a native
    writer has to do.

    `columns` are of each (symbol, interval); all else of the document stands ready.
    """
    import orjson

    offset = _offset_seconds(document["meta"]["as_of"])

    def build(ts_ns: Any, *values: Any) -> list[list[Any]]:
        # Times of day all at once: NumPy's text conversion takes a third of a datetime per row.
        local = (ts_ns // 1_000_000_000 + offset).astype("datetime64[s]")
        texts = [text[11:] for text in np.datetime_as_string(local).tolist()]
        prices = (column.tolist() for column in values[:4])
        return [list(row) for row in zip(texts, *prices, values[4].astype(np.int64).tolist(), strict=True)]

    def run() -> bytes:
        for (symbol, interval), arrays in columns.items():
            document["symbols"][symbol]["session"]["data"][interval]["data"] = build(*arrays)
        return orjson.dumps(document)

    return run


def orjson_of_numpy_columns(document: dict[str, Any], columns: dict[tuple[str, str], Columns]) -> Callable[[], bytes]:
    """The document with arrays in the place of rows, which orjson writes natively. `document` is
    left as it is."""
    import copy

    import orjson

    document = copy.deepcopy(document)
    for (symbol, interval), (ts_ns, *prices, volume) in columns.items():
        arrays = [np.ascontiguousarray(column) for column in (ts_ns, *prices, volume.astype(np.int64))]
        document["symbols"][symbol]["session"]["data"][interval]["data"] = arrays
    return lambda: orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def _offset_seconds(iso: str) -> int:
    """Seconds that an ISO 8601 time lies before or after UTC."""
    sign = -1 if iso[-6] == "-" else 1
    return sign * (int(iso[-5:-3]) * 3600 + int(iso[-2:]) * 60)
