"""The complete document as bytes, per row of it: every interval of every symbol, with gaps, quality
and metrics."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple

import pytest

import sessiondata as sd
from benchmarks import data, ours, peers


class Export(NamedTuple):
    row: str
    title: str
    store: sd.SessionData
    days: dict[str, data.Day]
    document: dict[str, Any]  # ready-made rows

    per_byte: bool = False  # what is measured is a byte of the document, not a row

    @property
    def items(self) -> int:
        if self.per_byte:
            return len(self.store.to_json())
        return sum(len(symbol.bars(name)) for symbol in self.store.symbols.values() for name in symbol.intervals)


def of_days(name: str, title: str, days: dict[str, data.Day]) -> Export:
    # The ready-made rows are built before anything else has been made and freed: objects that lie
    # in holes of the heap cost those who read them half as much again.
    first = next(iter(days.values()))
    store = sd.SessionData(ours.CALENDAR, first.base, data.DERIVED)
    store.start_session(first.date)
    for symbol, day in days.items():
        store.register_symbol(symbol).extend(*day.columns)
    return Export(f"export/{name}", f"One row of the complete document: {title}", store, days, store.to_dict())


@cache
def many_symbols() -> Export:
    days = {f"S{seed:03}": data.minutes(seed) for seed in range(50)}
    return of_days("50-symbols", "50 symbols, 390 bars of 1m each", days)


@cache
def one_symbol() -> Export:
    return of_days("seconds", data.seconds().title, {"SPY": data.seconds()})


@cache
def adjusted() -> Export:
    return of_days("seconds-adjusted", data.adjusted_seconds().title, {"SPY": data.adjusted_seconds()})


@cache
def with_holes() -> Export:
    return of_days("seconds-holes", data.seconds_with_holes().title, {"SPY": data.seconds_with_holes()})


@cache
def spy() -> Export | None:
    day = data.spy_seconds()
    return None if day is None else of_days("spy", day.title, {"SPY": day})


@cache
def few_rows() -> Export:
    """What stands around the rows counts here, and that nothing lies in a near cache; 10,000
    symbols behave alike."""
    early = data.minutes().columns[0] < data.minutes().columns[0][3]
    firsts = [data.minutes(seed).keep(early, "", "") for seed in range(50)]
    days = {f"S{number:05}": firsts[number % 50] for number in range(2_000)}
    return of_days("2000-symbols", "2,000 symbols, 3 bars of 1m each", days)


@cache
def with_history() -> Export:
    """Ten days of minutes, rendered before, in front of a session that has just begun: 0.5 ns a
    byte are 2 GB/s."""
    dates = [date.isoformat() for date in ours.CALENDAR.session_dates("2024-03-04", "2024-03-18")]
    store = sd.SessionData(ours.CALENDAR, "1m", data.DERIVED, 10)
    for number, date in enumerate(dates):
        if number == 0:
            store.start_session(date)
        else:
            store.roll_session(date)
        for seed in range(20):
            shifted = data.minutes(100 * number + seed).columns
            ts_ns = shifted[0] - shifted[0][0] + ours.CALENDAR.session(date).segments[0, 0]
            bars = slice(None) if number + 1 < len(dates) else slice(3)
            store.register_symbol(f"S{seed:03}").extend(*(column[bars] for column in (ts_ns, *shifted[1:])))
    title = "One byte of the complete document: 20 symbols, ten past days of 390 bars of 1m"
    return Export("export/history", title, store, {}, store.to_dict(), per_byte=True)


def each(*makers: Any) -> Any:
    return pytest.mark.parametrize("export", makers, indirect=True, ids=lambda maker: maker.__name__)


each_export = each(many_symbols, one_symbol, adjusted, with_holes, spy)
each_export_and_others = each(many_symbols, one_symbol, adjusted, with_holes, spy, few_rows, with_history)


@pytest.fixture
def export(request: pytest.FixtureRequest) -> Export:
    made = request.param()
    if made is None:
        pytest.skip("the sample data with SPY's seconds is not there")
    return made


@each_export_and_others
def test_sessiondata(export, timed):
    assert json.loads(export.store.to_json()) == export.store.to_dict(), "contestants disagree on the document"
    timed(export.row, export.title, "sessiondata", export.items, export.store.to_json)


@each_export_and_others
def test_orjson_of_ready_rows(export, timed):
    orjson = pytest.importorskip("orjson", reason="orjson is not installed")
    document = export.document
    assert orjson.dumps(document) == export.store.to_json(), "contestants disagree on the document"
    timed(export.row, export.title, "orjson, rows ready", export.items, lambda: orjson.dumps(document))


@each_export_and_others
def test_msgspec_of_ready_rows(export, timed):
    msgspec = pytest.importorskip("msgspec", reason="msgspec is not installed")
    document = export.document
    encode = msgspec.json.Encoder().encode
    assert encode(document) == export.store.to_json(), "contestants disagree on the document"
    timed(export.row, export.title, "msgspec, rows ready", export.items, lambda: encode(document))


@each_export
def test_dict(export, timed):
    title = export.title.replace("the complete document", "`to_dict`")
    timed(export.row.replace("export", "dict"), title, "sessiondata", export.items, export.store.to_dict)


@each_export
def test_tolist_and_zip(export, timed):
    """What a dict costs at least: the rows alone, times as numbers."""
    series = [bars for symbol in export.store.symbols.values() for bars in map(symbol.bars, symbol.intervals)]

    def run() -> list[list[tuple[Any, ...]]]:
        columns = ((b.timestamp, b.open, b.high, b.low, b.close, b.volume) for b in series)
        return [list(zip(*(column.tolist() for column in each), strict=True)) for each in columns]

    rows = export.store.to_dict(timestamps="epoch_ns")["symbols"]
    said = [part["data"] for symbol in rows.values() for part in symbol["session"]["data"].values()]
    assert [[tuple(row) for row in part] for part in said] == run(), "contestants disagree on rows"
    title = export.title.replace("the complete document", "`to_dict`")
    timed(export.row.replace("export", "dict"), title, "tolist and zip of the columns", export.items, run)


@cache
def nothing() -> Export:
    return Export("export/fixed", "The fixed part of a document: a store without a symbol", *_empty())


@cache
def one_bar() -> Export:
    day = data.minutes()
    first = day.keep(day.columns[0] == day.columns[0][0], "", "")
    return of_days("one-bar", "A document of one symbol with one bar", {"SPY": first})._replace(
        title="A document of one symbol with one bar"
    )


def _empty() -> tuple[sd.SessionData, dict[str, data.Day], dict[str, Any]]:
    store = sd.SessionData(ours.CALENDAR, "1m", data.DERIVED)
    store.start_session(data.minutes().date)
    return store, {}, store.to_dict()


@each(nothing, one_bar)
def test_small_document(export, timed):
    timed(export.row, export.title, "sessiondata", 1, export.store.to_json)


@each(nothing, one_bar)
def test_small_delta(export, timed):
    export.store.to_json()
    timed(export.row, export.title, "a delta without a change", 1, lambda: export.store.to_json(False), yardstick=True)


@each(nothing, one_bar)
def test_small_document_by_orjson(export, timed):
    orjson = pytest.importorskip("orjson", reason="orjson is not installed")
    document = export.store.to_dict()
    assert orjson.dumps(document) == export.store.to_json(), "contestants disagree on the document"
    timed(export.row, export.title, "orjson, document ready", 1, lambda: orjson.dumps(document))


@each(with_history)
def test_copy_of_the_bytes(export, timed):
    text = bytearray(export.store.to_json())
    timed(export.row, export.title, "the ready bytes copied", export.items, lambda: bytes(text), yardstick=True)


@each_export
def test_json_of_ready_rows(export, timed):
    document = export.document

    def run() -> bytes:
        return json.dumps(document, separators=(",", ":")).encode()

    assert run() == export.store.to_json(), "contestants disagree on the document"
    timed(export.row, export.title, "json of the standard library, rows ready", export.items, run)


@each_export
def test_orjson_of_columns(export, timed):
    pytest.importorskip("orjson", reason="orjson is not installed")
    columns: dict[tuple[str, str], Any] = {
        (name, interval): bars
        for name, symbol in export.store.symbols.items()
        for interval, bars in ours.bars_of(symbol).items()
    }
    run = peers.orjson_from_columns(export.store.to_dict(), columns)
    assert run() == export.store.to_json(), "contestants disagree on the document"
    timed(export.row, export.title, "orjson, rows built from columns", export.items, run)


@each_export
def test_orjson_of_numpy_columns(export, timed):
    pytest.importorskip("orjson", reason="orjson is not installed")
    columns = {
        (name, interval): bars
        for name, symbol in export.store.symbols.items()
        for interval, bars in ours.bars_of(symbol).items()
    }
    rows = export.store.to_dict(timestamps="epoch_ns")
    run = peers.orjson_of_numpy_columns(rows, columns)
    said = json.loads(run())
    for name, interval in columns:
        series, twin = (document["symbols"][name]["session"]["data"][interval] for document in (said, rows))
        assert [list(row) for row in zip(*series["data"], strict=True)] == twin["data"], "contestants disagree on rows"
    note = "another document: columns, not rows, and times as numbers"
    timed(export.row, export.title, "orjson, NumPy columns", export.items, run, note=note)


@each_export
def test_object_model(export, timed):
    pytest.importorskip("orjson", reason="orjson is not installed")
    model, sequence = ours.model_of(export.days), export.store.sequence
    assert model.to_json(sequence) == export.store.to_json(), "contestants disagree on the document"
    timed(export.row, export.title, "object model: dicts and orjson", export.items, lambda: model.to_json(sequence))
