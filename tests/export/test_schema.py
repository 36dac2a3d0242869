"""`docs/document.schema.json`: every document is valid by it, and no other one."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessiondata as sd
from worlds import (
    HOUR,
    MINUTE,
    HistoryWorld,
    World,
    configurations,
    quotes,
    spans,
    ticks,
    timestamps,
    utc,
    values,
)  # fmt: skip

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "document.schema.json").read_text(encoding="utf-8"))


def inlined(node: Any) -> Any:
    """A schema with each `$ref` replaced by what it names, which is far quicker to follow. None
    leads back to itself."""
    if isinstance(node, list):
        return [inlined(item) for item in node]
    if not isinstance(node, dict):
        return node
    here = {key: inlined(item) for key, item in node.items() if key not in ("$ref", "$defs")}
    if "$ref" not in node:
        return here
    start, _, name = node["$ref"].rpartition("/")
    assert start == "#/$defs"
    named = inlined(SCHEMA["$defs"][name])
    return {**here, "allOf": [named]} if here.keys() - {"description"} else named


VALIDATOR = jsonschema.Draft202012Validator(inlined(SCHEMA))
STYLES = ("time", "iso", "epoch_ms", "epoch_ns")
CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
OPEN = utc("2024-03-12T09:30:00-04:00")
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)


def valid(data: sd.SessionData, styles: tuple[str, ...] = STYLES) -> None:
    for style in styles:
        VALIDATOR.validate(json.loads(data.to_json(timestamps=style)))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_whatever_is_an_object_is_closed_but_for_names_and_indicators() -> None:
    def objects(node: Any, path: str) -> Iterator[str]:
        if isinstance(node, dict):
            if "properties" in node and node.get("additionalProperties") is not False:
                yield path
            for key, item in node.items():
                yield from objects(item, f"{path}/{key}")
        elif isinstance(node, list):
            for i, item in enumerate(node):
                yield from objects(item, f"{path}/{i}")

    assert list(objects(SCHEMA["$defs"], "")) == ["/complete/properties/symbols", "/historical/oneOf/1"][1:]


# --- documents ---


def everything() -> sd.SessionData:
    """A store with all that a document can hold."""
    data = sd.SessionData(CALENDAR, "1m", ("5m", "1d"), extended_hours=("04:00", "20:00"))
    data.start_session("2024-03-11")
    data.register_symbol("SPY").append(OPEN - 24 * HOUR, *BAR)
    data.register_symbol("QUIET")
    data.symbols["QUIET"].record_retry("1d", OPEN - 24 * HOUR, OPEN, OPEN)
    data.advance_to(OPEN - 10 * HOUR)
    data.symbols["QUIET"].record_retry("1d", OPEN - 24 * HOUR, OPEN, OPEN)
    data.add_historical_indicator("avg_volume_1d")
    data.add_historical_indicator("of mine", lambda _: {"a": [1, None, "x"]})
    data.roll_session("2024-03-12")
    spy = data.symbols["SPY"]
    for ts in (OPEN - MINUTE, OPEN, OPEN + 3 * MINUTE, OPEN + 3 * MINUTE + 1_500_000, OPEN + 8 * HOUR):
        spy.append(ts, *BAR)
    spy.append_quote(OPEN, 1.0, 1.5, 1.0, 0.5)
    spy.mark_no_trade("1m", OPEN + 5 * MINUTE, OPEN + 9 * MINUTE)
    spy.record_retry("1m", OPEN, OPEN + 5 * MINUTE, OPEN)
    data.set_gaps("SPY", "5m", [sd.GapInfo("SPY", "5m", OPEN, OPEN, 1, 2)])
    ibm = data.register_symbol("IBM")
    ibm.append_tick(OPEN + 1, 1.5, 100.0, "Q")
    tokyo = data.register_symbol("N225", calendar=sd.SessionCalendar.from_hours("09:00", "15:00", "Asia/Tokyo"))
    tokyo.append(utc("2024-03-12T09:00:00+09:00"), *BAR)
    return data


def test_a_document_with_all_that_there_can_be() -> None:
    data = everything()
    valid(data)
    text = data.to_json()
    for key in ("forming", "gaps", "retry_count", "ticks", "quotes", "timezone", "avg_volume_1d", "date_range"):
        assert b'"%b"' % key.encode() in text


def test_stores_without_a_session_symbols_or_bars() -> None:
    data = sd.SessionData(CALENDAR)
    valid(data)
    data.register_symbol('A"')
    valid(data)
    data.start_session("2024-03-12")
    valid(data)
    data.advance_to(OPEN + HOUR)
    valid(data)


def test_sums_that_overflow_and_awkward_numbers() -> None:
    data = sd.SessionData(CALENDAR, "1m", ("5m",))
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    for i in range(3):
        spy.append(OPEN + i * MINUTE, -0.0, 1e300, -5e-324, 1e-7, 1.7e289)
    valid(data)


@pytest.mark.parametrize(("tz", "date"), [("Africa/Monrovia", "1965-03-12"), ("Asia/Kathmandu", "2024-03-12")])
def test_offsets_of_seconds_and_quarters(tz: str, date: str) -> None:
    data = sd.SessionData(sd.SessionCalendar.from_hours("14:00", "15:00", tz, weekdays=range(7)), "1m", ())
    data.start_session(date)
    data.register_symbol("SPY").append(int(data.grid.segments[0, 0]), *BAR)  # type: ignore[union-attr]
    valid(data)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(st.data())
def test_random_sessions(drawn: st.DataObject) -> None:
    shape, *rest = drawn.draw(configurations())
    world = World(shape, *rest, around=drawn.draw(st.sampled_from([None, (600, 600)])))
    world.register("A")
    world.register("B", drawn.draw(st.sampled_from([None, "mid"])))
    symbols = [world.data.symbols[name] for name in "AB"]
    kind = drawn.draw(st.sampled_from(["bars", "ticks"]))
    for _ in range(drawn.draw(st.integers(0, 10))):
        ts = drawn.draw(timestamps(shape))
        if kind == "bars":
            world.append("A", ts, drawn.draw(values()))
        else:
            world.append_ticks("A", "ticks", (ts, *drawn.draw(ticks())))
        world.append_ticks("B", "quotes", (ts, *drawn.draw(quotes())))
    if drawn.draw(st.booleans()):
        world.advance_to(drawn.draw(timestamps(shape)))
    start, stop = drawn.draw(spans(shape))
    symbols[0].mark_halted(start, stop)
    symbols[1].record_retry(symbols[1].base_interval, *drawn.draw(spans(shape)), start)
    valid(world.data)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_random_histories(drawn: st.DataObject) -> None:
    shape, base, derived, capacity = drawn.draw(configurations())
    world = HistoryWorld(shape, base, derived, capacity, trailing_days=drawn.draw(st.integers(0, 4)))
    world.register("A")
    for _ in range(drawn.draw(st.integers(0, 4))):
        moved = world.grid.span_start - world.calendar.session(world.sessions[0].date).span_start
        for ts in drawn.draw(st.lists(timestamps(shape), max_size=6)):
            world.append("A", ts + moved, drawn.draw(values()))
        if drawn.draw(st.booleans()):
            world.load("A", "1d", [(world.sessions[0].open + moved, *drawn.draw(values()))])
        world.roll()
    valid(world.data)


# --- what is no document ---


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values of a document."""
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def places_of_each_symbol(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], tuple[Any, ...]]]:
    """The document with one symbol only, and a path in it: what is wrong is found sooner."""
    for name, symbol in document["symbols"].items():
        alone = {**document, "symbols": {name: symbol}}
        for path in places(alone):
            yield alone, path


def shape(node: Any) -> Any:
    """Kinds of the values in a value, by their places."""
    if isinstance(node, dict):
        return {key: shape(item) for key, item in node.items()}
    return [shape(item) for item in node] if isinstance(node, list) else type(node)


def is_repeated(document: Any, path: tuple[Any, ...]) -> bool:
    """Below an item of a list that holds the same kinds of values as an item before it."""
    for depth, key in enumerate(path[:-1]):
        if isinstance(key, int):
            items = at(document, path[:depth])
            if any(shape(item) == shape(items[key]) for item in items[:key]):
                return True
    return False


@contextlib.contextmanager
def replaced(parent: Any, key: Any, value: Any) -> Iterator[None]:
    """An item of a dict or a list is another one for a while."""
    before, parent[key] = parent[key], value
    try:
        yield
    finally:
        parent[key] = before


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


DOCUMENTS = [json.loads(everything().to_json(timestamps=style)) for style in STYLES]
OPTIONAL = {"timezone", "forming", "gaps", "ticks", "quotes", "avg_volume_1d", "of mine"}


def is_free(path: tuple[Any, ...]) -> bool:
    """Below an indicator."""
    return len(path) >= 4 and path[2] == "historical" and path[3] not in ("loaded", "data")


def is_named(path: tuple[Any, ...]) -> bool:
    """The last key is a name that a user chose: of a symbol, an interval or an indicator."""
    return path[:-1] == ("symbols",) or (len(path) > 2 and path[-2] == "data") or is_free(path)


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS[::3], ids=STYLES[::3])
def test_a_document_with_a_value_of_another_kind_is_none(document: dict[str, Any]) -> None:
    n = 0
    for alone, path in places_of_each_symbol(document):
        if path and not is_free(path) and not is_repeated(alone, path):
            parent = at(alone, path[:-1])
            for wrong in ({"x": 1}, True, "x", -1.5):
                if wrong is True and at(alone, path) in (True, False):
                    continue
                numbers = isinstance(at(alone, path), (int, float)) or at(alone, path) is None
                if wrong == -1.5 and numbers and not isinstance(at(alone, path), bool) and path[-1] not in (
                    "count", "total_count", "sequence", "quality", "gap_count", "missing_bars", "bar_count", "days",
                ):  # fmt: skip
                    continue  # a price like any other
                if wrong == "x" and path[-1] in ("timezone", "exchange"):
                    continue
                with replaced(parent, path[-1], wrong):
                    assert not VALIDATOR.is_valid(alone), (path, wrong)
                n += 1
    VALIDATOR.validate(document)
    assert n > 1_500


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS[:1], ids=STYLES[:1])
def test_a_document_with_a_member_more_or_less_is_none(document: dict[str, Any]) -> None:
    for path in places(document):
        if is_free(path):
            continue
        if isinstance(at(document, path), dict) and path not in [("symbols",)]:
            if not (len(path) == 3 and path[2] == "historical" and at(document, path)["loaded"]):
                broken = copy.deepcopy(document)
                at(broken, path)["x"] = 1
                assert not VALIDATOR.is_valid(broken), path
        elif isinstance(at(document, path), list) and len(path) > 2 and path[-2] == "data" and path[-1] != "dates":
            broken = copy.deepcopy(document)
            at(broken, path).append(1)
            assert not VALIDATOR.is_valid(broken), path
        if path and isinstance(at(document, path[:-1]), dict) and path[-1] not in OPTIONAL and not is_named(path):
            broken = copy.deepcopy(document)
            del at(broken, path[:-1])[path[-1]]
            assert not VALIDATOR.is_valid(broken), path


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("meta", "schema"), 2), (("meta", "complete"), False), (("meta", "session_date"), "12.3.2024"),
        (("meta", "as_of"), "09:30:00"), (("meta", "sequence"), -1), (("symbols", "SPY", "session", "volume"), -1),
        (("symbols", "SPY", "session", "data", "1m", "forming"), False),
        (("symbols", "SPY", "session", "data", "1m", "quality"), 100.01),
        (("symbols", "SPY", "session", "data", "1m", "gaps", "ranges"), []),
        (("symbols", "SPY", "session", "data", "1m", "gaps", "gap_count"), 0),
        (("symbols", "SPY", "session", "data", "1m", "data", 0, 0), "9:30:00"),
        (("symbols", "SPY", "session", "data", "1m", "data", 0, 0), "09:30:00.5"),
        (("symbols", "SPY", "session", "data", "1m", "data", 0, 0), "2024-03-12T09:30:00"),
        (("symbols", "SPY", "session", "data", "1m", "data", 0, 0), "2024-03-12T09:30:00Z"),
        (("symbols", "SPY", "session", "data", "1m", "data", 0, 0), 2**63),
        (("symbols", "SPY", "session", "data", "1m", "data", 0, 1), None),
        (("symbols", "SPY", "session", "data", "1m", "columns"), ["timestamp", "open", "high", "low", "close"]),
        (("symbols", "SPY", "historical", "loaded"), False),
        (("symbols", "SPY", "historical", "data", "1d", "data", 0, 0), "2024-03-11T09:30:00-04:00"),
        (("symbols", "SPY", "historical", "data", "1d", "columns", 0), "timestamp"),
        (("symbols", "SPY", "historical", "data", "1m", "dates"), []),
        (("symbols", "IBM", "session", "data", "ticks", "count"), 0),
        (("symbols", "IBM", "session", "data", "ticks", "latest", "exchange"), "NINECHARS"),
        (("symbols", "IBM", "session", "data", "01m"), {}), (("symbols", ""), {}),
    ],
    ids=lambda item: "/".join(map(str, item)) if isinstance(item, tuple) else None,
)  # fmt: skip
def test_small_faults(path: tuple[Any, ...], wrong: Any) -> None:
    document = copy.deepcopy(DOCUMENTS[0])
    VALIDATOR.validate(document)
    at(document, path[:-1])[path[-1]] = wrong
    assert not VALIDATOR.is_valid(document)
