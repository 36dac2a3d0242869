"""Whether the library answers as the model does."""

from __future__ import annotations

from typing import Any

import orjson

import reference as ref
import sessiondata as sd
from sessiondata.time.zones import from_ns

# Only what JSON knows by itself: the rest is spelled out.
STRICT = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS


def outcome(call: Any, *, with_row: bool = False) -> Any:
    """What a call returned, or the code of the error it raised."""
    try:
        return call()
    except sd.BarError as error:
        return (error.code, error.row) if with_row else error.code
    except sd.TimeError as error:
        return (error.code, error.row) if with_row else error.code
    except sd.SessionStateError as error:
        code = str(error).rsplit("(", 1)[1].rstrip(")")
        row = int(str(error).split("row=")[1].split()[0]) if "row=" in str(error) else None
        return (code, row) if with_row else code


def spelled_out(value: Any) -> Any:
    """Nested values as nested lists of their `repr`."""
    if isinstance(value, dict):
        return [(key, spelled_out(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [spelled_out(item) for item in value]
    return value if isinstance(value, Exact) else repr(value)


class Exact:
    """Nested values whose == tells 0.0 from -0.0 and 1 from 1.0, and dicts by the order of their
    keys, but no tuple from a list.

    Most values are equal, and so are their bytes in JSON, which are quickly made. These hide one
    thing: JSON has null for None and for floats that are not finite.
    """

    __slots__ = ("_json", "_plain", "_spelled_out")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any) -> None:
        try:
            self._json, self._plain, self._spelled_out = orjson.dumps(value, option=STRICT), value, None
        except TypeError:  # other types, keys that are no strings, integers beyond 64 bits
            self._json, self._plain, self._spelled_out = None, None, spelled_out(value)

    @property
    def spelled_out(self) -> Any:
        if self._spelled_out is None:
            self._spelled_out = spelled_out(self._plain)
        return self._spelled_out

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Exact)
        if self._json is not None and other._json is not None:
            if self._json != other._json:
                return False
            if b"null" not in self._json or self._plain == other._plain:
                return True
        return bool(self.spelled_out == other.spelled_out)

    def __repr__(self) -> str:
        return repr(self.spelled_out)


def exact(value: Any) -> Exact:
    """Nested values to compare, to the last bit and in their order; see `Exact`."""
    return Exact(value)


def same_symbol(symbol: sd.SymbolSessionData, model: ref.RefSymbol) -> None:
    same_series(symbol, model)
    assert symbol.marks == model.marks()
    for series, ticks in ((symbol.ticks, model.ticks_by_kind["ticks"]), (symbol.quotes, model.ticks_by_kind["quotes"])):
        same_ticks(series, ticks)
    same_metrics(symbol, model.metrics())
    same_counters(symbol, model)


def same_counters(symbol: Any, model: ref.RefSymbol) -> None:
    counters = dict(symbol.counters)
    assert counters.pop("skipped") == {code: n for code, n in model.skipped.items() if n}
    assert counters.pop("inconsistent") == model.inconsistent()
    assert counters == model.counters


def same_series(symbol: Any, model: ref.RefSymbol) -> None:
    for interval in model.intervals():
        series, bars = symbol.bars(interval), model.bars(interval)
        rows = [tuple(bar)[:6] for bar in series]
        assert exact(rows) == exact([bar.row for bar in bars])
        columns = [series.timestamp, series.open, series.high, series.low, series.close, series.volume]
        assert exact(list(zip(*(column.tolist() for column in columns), strict=True))) == exact(rows)
        assert [bar.extended for bar in series] == [not bar.regular for bar in bars]
        assert list(series[:]) == list(series)
        assert [tuple(bar)[:6] for bar in series.regular] == [
            row for row, bar in zip(rows, bars, strict=True) if bar.regular
        ]
        assert len(series.closed) == len(bars) - model.forming(interval)
        assert series.latest == (series[-1] if bars else None)
        if interval != model.base:
            assert [(bar.n_base, bar.n_expected) for bar in series] == model.coverage(interval)
        assert series.forming == model.forming(interval)
        assert (series.expected, series.present, series.missing) == (
            model.expected(interval), model.present(interval), model.missing(interval),
        )  # fmt: skip
        assert (series.no_trade, series.halted) == (model.count(interval, "no_trade"), model.count(interval, "halted"))
        assert series.expected == series.present + series.missing + series.no_trade + series.halted
        states = model.states(interval)
        assert [series.slot_state(ts) for ts, _ in states[:40]] == [state for _, state in states[:40]]
        assert (series.quality, series.completeness) == (model.quality(interval), model.completeness(interval))
        gaps = [(gap.start_ns, gap.end_ns, gap.bar_count) for gap in series.gaps]
        assert gaps == model.gaps(interval)
        assert series.gap_count == len(gaps)
        retries = [(gap.retry_count, gap.last_retry) for gap in series.gaps]
        zone = series.zone
        assert retries == [
            (n, None if when is None else from_ns(when, zone)) for n, when in model.gap_retries(interval)
        ]
        extended = [state for states in model.extended_states(interval) for _, state in states]
        present, missing = extended.count("present"), extended.count("missing")
        extended = series.extended_slots
        counts = (extended.expected, extended.present, extended.missing)
        assert counts == (present + missing, present, missing)
        assert extended.quality == extended.completeness == ref.percentage(present, present + missing)
        gaps = [(gap.start_ns, gap.end_ns, gap.bar_count) for gap in extended.gaps]
        assert gaps == model.extended_gaps(interval)
        assert extended.gap_count == len(gaps)
        assert series.total_count == model.total_count(interval)


def same_ticks(series: Any, ticks: ref.RefTicks) -> None:
    assert exact([tuple(row) for row in series]) == exact(ticks.rows)
    assert series.timestamp.tolist() == [row[0] for row in ticks.rows]
    assert (len(series), series.total_count) == (len(ticks.rows), len(ticks.accepted))
    assert series.latest == (ticks.rows[-1] if ticks.rows else None)
    counters = dict(series.counters)
    assert counters.pop("skipped") == {code: n for code, n in ticks.skipped.items() if n}
    assert counters == ticks.counters


def same_metrics(symbol: sd.SymbolSessionData, expected: dict[str, Any]) -> None:
    got = symbol.metrics()
    for one, other in ((got, expected), (got["extended"], expected["extended"])):
        assert exact([one[key] for key in ("volume", "high", "low")]) == exact(
            [other[key] for key in ("volume", "high", "low")]
        )
        newest = None if other["last_update"] is None else from_ns(other["last_update"], symbol.calendar.zone)
        assert one["last_update"] == newest
    assert got["extended"]["bar_count"] == expected["extended"]["count"]
    assert (symbol.session_volume, symbol.session_high, symbol.session_low, symbol.last_update) == (
        got["volume"], got["high"], got["low"], got["last_update"],
    )  # fmt: skip
