"""Law 7 by example: what is in a delta, selections, cursors with names, resynchronising, files.

Long because each kind of change is a case of its own.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

import sessiondata as sd
from delta_store import DAY, Life
from worlds import MINUTE, SECOND, SHAPES


@pytest.fixture
def data() -> sd.SessionData:
    date, tz, segments = SHAPES["plain"]
    data = sd.SessionData(sd.SessionCalendar.from_schedule({date: segments}, tz), "1m", ("5m", "1d"))
    data.start_session(date)
    data.register_symbol("SPY")
    return data


def same_as(document: dict[str, Any], data: sd.SessionData) -> bool:
    return orjson.dumps(document) == data.to_json(cursor=data.export_cursor("check"))


def follow(document: dict[str, Any], data: sd.SessionData, cursor: str | None = None) -> dict[str, Any]:
    return sd.apply_delta(document, data.to_dict(False, cursor=cursor))


START = SHAPES["plain"][2][0][0]
BAR = (1.0, 2.0, 0.5, 1.5, 10.0)


def test_a_gap_that_is_filled_is_exported(data: sd.SessionData) -> None:
    """The object model's delta was "rows after index k": a bar that filled a gap was never sent."""
    for i in (0, 1, 4, 5):
        data.append("SPY", START + i * MINUTE, *BAR)
    document = data.to_dict()
    data.append("SPY", START + 2 * MINUTE, *BAR)
    delta = data.to_dict(False)
    part = delta["symbols"]["SPY"]["session"]["data"]["1m"]
    assert [row[0] for row in part["data"]] == ["09:32:00"]
    assert part["gaps"]["missing_bars"] == 1
    assert same_as(sd.apply_delta(document, delta), data)
    data.append("SPY", START + 3 * MINUTE, *BAR)
    delta = data.to_dict(False)
    assert delta["symbols"]["SPY"]["session"]["data"]["1m"]["gaps"] is None


def test_consumers_do_not_disturb_each_other(data: sd.SessionData) -> None:
    """They shared one cursor: what one had been sent the other never got."""
    documents = {name: data.to_dict(cursor=data.export_cursor(name)) for name in ("log", "screen")}
    for i in range(3):
        data.append("SPY", START + i * MINUTE, *BAR)
        documents["log"] = follow(documents["log"], data, "log")
        data.to_dict()
    documents["screen"] = follow(documents["screen"], data, "screen")
    assert documents["log"] == documents["screen"]
    assert data.cursors == ("log", "screen")


def test_a_change_of_quality_or_gaps_alone_is_exported(data: sd.SessionData) -> None:
    data.append("SPY", START, *BAR)
    document = data.to_dict()
    data.advance_to(START + 4 * MINUTE)
    delta = data.to_dict(False)
    part = delta["symbols"]["SPY"]["session"]["data"]["1m"]
    assert (part["data"], part["quality"], part["gaps"]["missing_bars"]) == ([], 25.0, 3)
    assert same_as(sd.apply_delta(document, delta), data)


def test_the_next_session_is_exported(data: sd.SessionData) -> None:
    """The cursor outlived the session roll, so that the next day's first rows never appeared."""
    for i in range(3):
        data.append("SPY", START + i * MINUTE, *BAR)
    document = data.to_dict()
    data.clear()
    data.register_symbol("SPY")
    data.start_session(SHAPES["plain"][0])
    data.append("SPY", START, *BAR)
    delta = data.to_dict(False)
    assert delta["meta"]["removed"] == ["SPY"]
    assert delta["meta"]["epoch"] > 1
    assert same_as(sd.apply_delta(document, delta), data)


def test_only_what_changed_is_in_a_delta(data: sd.SessionData) -> None:
    for name in ("SPY", "QQQ", "IWM"):
        data.register_symbol(name)
        for i in range(7):
            data.append(name, START + i * MINUTE, *BAR)
    data.to_dict()
    data.append("QQQ", START + 7 * MINUTE, *BAR)
    delta = data.to_dict(False)
    assert list(delta["symbols"]) == ["QQQ"]
    assert {k: len(part["data"]) for k, part in delta["symbols"]["QQQ"]["session"]["data"].items()} == {
        "1m": 1, "5m": 1, "1d": 1,
    }  # fmt: skip
    assert "historical" not in delta["symbols"]["QQQ"]
    assert data.to_dict(False)["symbols"] == {}


def test_a_bar_that_comes_after_the_clock_has_closed_its_slot(data: sd.SessionData) -> None:
    """In turn, but into a derived bar that was shown as complete."""
    for i in range(3):
        data.append("SPY", START + i * MINUTE, *BAR)
    data.advance_to(START + 6 * MINUTE)
    document = data.to_dict()
    assert "forming" not in document["symbols"]["SPY"]["session"]["data"]["5m"]
    data.append("SPY", START + 4 * MINUTE, *BAR)
    assert same_as(follow(document, data), data)


def test_rows_that_look_alike_in_milliseconds_are_sent_whole(data: sd.SessionData) -> None:
    """Two bars of one millisecond have the same key, so upserts could not tell them apart."""
    for ts in (START, START + 1_000, START + MINUTE):
        data.append("SPY", ts, *BAR)
    document = data.to_dict(timestamps="epoch_ms")
    data.append("SPY", START + 1_000, 1.0, 2.0, 0.5, 1.75, 3.0)
    delta = data.to_dict(False, timestamps="epoch_ms")
    part = delta["symbols"]["SPY"]["session"]["data"]["1m"]
    assert part["replace"] is True
    assert len(part["data"]) == 3
    assert sd.apply_delta(document, delta) == data.to_dict(cursor=data.export_cursor("check"), timestamps="epoch_ms")


def test_late_rows_of_a_session_in_which_the_clocks_change() -> None:
    """02:30+02:00 comes before 02:10+01:00, whatever the text says."""
    # 2024-10-27T01:00:00+00:00 less 0: 03:00 summer time becomes 02:00
    opens = 1_729_990_800 * SECOND
    opens -= 30 * MINUTE
    calendar = sd.SessionCalendar.from_schedule({"2024-10-27": [(opens, opens + 60 * MINUTE)]}, "Europe/Berlin")
    data = sd.SessionData(calendar, "1m", ())
    data.start_session("2024-10-27")
    spy = data.register_symbol("SPY")
    for i in (0, 25, 35, 59):
        spy.append(opens + i * MINUTE, *BAR)
    document = data.to_dict()
    spy.append(opens + 28 * MINUTE, *BAR)
    spy.append(opens + 33 * MINUTE, *BAR)
    document = follow(document, data)
    assert same_as(document, data)
    offsets = [row[0][-6:] for row in document["symbols"]["SPY"]["session"]["data"]["1m"]["data"]]
    assert set(offsets) == {"+01:00", "+02:00"}


@pytest.mark.parametrize("export", ["to_dict", "to_json"])
def test_resync(data: sd.SessionData, export: str) -> None:
    def delta(**options: Any) -> Any:
        made = getattr(data, export)(False, **options)
        return made if export == "to_dict" else orjson.loads(made)

    assert delta()["meta"]["resync"] is True, "there was no complete export yet"
    document = data.to_dict()
    data.append("SPY", START, *BAR)
    asked = delta(timestamps="iso")
    assert (asked["meta"]["resync"], asked["meta"]["since"], asked["symbols"]) == (True, None, {})
    with pytest.raises(sd.DeltaError, match="resync"):
        sd.apply_delta(document, asked)
    assert same_as(sd.apply_delta(document, delta()), data), "the wrong question moved nothing"
    ui = data.export_cursor("ui")
    data.to_dict(cursor=ui)
    data.drop_cursor("ui")
    data.export_cursor("ui")
    assert delta(cursor="ui")["meta"]["resync"] is True
    with pytest.raises(sd.UnknownNameError, match="no cursor 'ui'"):
        data.to_dict(False, cursor=ui)
    assert ui.sequence is not None
    assert data.export_cursor("ui").sequence is None


def test_a_delta_goes_on_from_its_document_only(data: sd.SessionData) -> None:
    first = data.to_dict()
    data.append("SPY", START, *BAR)
    one = data.to_dict(False)
    data.append("SPY", START + MINUTE, *BAR)
    two = data.to_dict(False)
    with pytest.raises(sd.DeltaError, match="goes on from sequence"):
        sd.apply_delta(first, two)
    with pytest.raises(sd.DeltaError, match="applied to a complete document"):
        sd.apply_delta(first, first)
    with pytest.raises(sd.DeltaError, match="applied to a complete document"):
        sd.apply_delta(one, two)
    kept = copy.deepcopy((first, one, two))
    assert same_as(sd.apply_delta(sd.apply_delta(first, one), two), data)
    assert (first, one, two) == kept


def test_a_delta_of_another_store_is_no_key_error(data: sd.SessionData) -> None:
    """Sequences are small numbers, so they may agree; it was a KeyError of a symbol's name."""
    document = data.to_dict()
    other = sd.SessionData("XNYS", "1m", ("5m",))
    other.start_session(data.session_date)
    other.register_symbol("IBM")
    while other.sequence < data.sequence:
        other.append("IBM", START + MINUTE * other.symbols["IBM"].bars().total_count, *BAR)
    other.to_dict()
    other.append("IBM", START + 100 * MINUTE, *BAR)
    delta = other.to_dict(False)
    delta["meta"]["since"] = document["meta"]["sequence"]
    kept = copy.deepcopy(document)
    with pytest.raises(sd.DeltaError, match=r"does not fit the document.*'IBM'"):
        sd.apply_delta(document, delta)
    for rubbish in ({}, {"meta": None}, {"meta": {"complete": False}}, None):
        with pytest.raises(sd.DeltaError, match="does not fit"):
            sd.apply_delta(document, rubbish)
    assert document == kept


def test_selections(data: sd.SessionData) -> None:
    for name in ("QQQ", "IWM"):
        data.register_symbol(name)
    document = data.to_dict(symbols=["IWM", "SPY"], intervals=["1m", "300s"])
    assert list(document["symbols"]) == ["SPY", "IWM"], "in the store's order"
    assert list(document["symbols"]["SPY"]["session"]["data"]) == ["1m", "5m"]
    assert orjson.dumps(document) == data.to_json(symbols=["IWM", "SPY"], intervals=["1m", "5m"])
    for name in ("QQQ", "IWM"):
        data.append(name, START, *BAR)
    delta = data.to_dict(False)
    assert list(delta["symbols"]) == ["IWM"]
    assert list(delta["symbols"]["IWM"]["session"]["data"]) == ["1m", "5m"]
    assert data.to_dict(False, symbols=["SPY", "IWM"], intervals=["5m", "1m"])["symbols"] == {}
    with pytest.raises(sd.DeltaError, match="the symbols of a delta"):
        data.to_dict(False, symbols=["SPY"])
    with pytest.raises(sd.DeltaError, match="the intervals of a delta"):
        data.to_json(False, intervals=["1d"])
    with pytest.raises(sd.UnknownNameError, match="unknown symbol 'XXX'"):
        data.to_json(symbols=["XXX"])
    with pytest.raises(sd.UnknownNameError, match="holds an interval '10m'"):
        data.to_json(intervals=["10m"])
    with pytest.raises(TypeError, match="not one name"):
        data.to_json(symbols="SPY")
    with pytest.raises(TypeError, match="not one name"):
        data.to_json(intervals="1m")
    cursor = data.export_cursor()
    assert (cursor.symbols, cursor.intervals, cursor.timestamps) == ({"SPY", "IWM"}, {"1m", "5m"}, "time")
    data.remove_symbol("IWM")
    assert data.to_dict(False)["meta"]["removed"] == ["IWM"]


def test_an_interval_of_past_days_alone_is_selected() -> None:
    """A store of minutes with loaded days could not be asked for them: "no symbol that is selected
    holds '1d'"."""
    data = sd.SessionData(sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"), "1m", ("5m",))
    data.register_symbol("SPY")
    spy = data.register_symbol("DAYS", "1m", ())
    spy.load_historical_bars("3m", [START - DAY], *([value] for value in BAR))
    for interval in ("1d", "3m"):
        selected: dict[str, Any] = {"symbols": ["DAYS"], "intervals": ["60s", interval]}
        document = data.to_dict(**selected)
        assert orjson.dumps(document) == data.to_json(**selected)
        assert list(document["symbols"]["DAYS"]["session"]["data"]) == ["1m"]
        spy.load_historical_bars(interval, [START - DAY + 3 * MINUTE], *([value] for value in BAR))
        document = sd.apply_delta(document, data.to_dict(False))
        assert document == data.to_dict(**selected)
        assert list(document["symbols"]["DAYS"]["historical"]["data"]) == [interval]
    with pytest.raises(sd.UnknownNameError, match="holds an interval '3m'"):
        data.to_dict(symbols=["SPY"], intervals=["3m"])


def test_cursors_have_names(data: sd.SessionData) -> None:
    cursor = data.export_cursor("ui")
    assert data.export_cursor("ui") is cursor
    assert data.export_cursor() is data.export_cursor(None)
    assert data.export_cursor().name is None
    assert repr(cursor) == "<ExportCursor 'ui': sequence None>"
    assert data.cursors == ("ui",)
    data.to_json(cursor=cursor)
    assert cursor.sequence == data.sequence
    data.drop_cursor("ui")
    data.drop_cursor()
    assert data.cursors == ()
    with pytest.raises(sd.UnknownNameError, match="no cursor 'ui'"):
        data.drop_cursor("ui")
    with pytest.raises(sd.UnknownNameError, match="export_cursor\\('ui'\\) first"):
        data.to_json(cursor="ui")
    for bad in ("", "\ud800", 7):
        with pytest.raises(sd.UnknownNameError, match="a cursor's name"):
            data.export_cursor(bad)  # type: ignore[arg-type]


def test_an_export_that_fails_is_followed_by_a_resync(data: sd.SessionData, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its consumer has been shown is then not known."""
    data.to_dict()
    data.append("SPY", START, *BAR)

    def fail(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("sessiondata.export.document.member_dict", fail)
        with pytest.raises(MemoryError):
            data.to_dict(False)
    assert data.to_dict(False)["meta"]["resync"] is True


def test_a_refused_bar_that_began_no_session_is_no_change() -> None:
    date, tz, segments = SHAPES["plain"]
    data = sd.SessionData(sd.SessionCalendar.from_schedule({date: segments}, tz), "1m", ("5m",))
    data.register_symbol("SPY")
    document = data.to_dict()
    with pytest.raises(sd.BarError):
        data.append_slice(["SPY", "SPY"], START, [1.0, 1.0], [2.0, 0.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0])
    delta = data.to_dict(False)
    assert delta["symbols"] == {}
    assert delta["meta"]["epoch"] == 0
    assert sd.apply_delta(document, delta) == document


def test_the_example_of_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "document.md").read_text(encoding="utf-8")
    shown = text[text.index("## Deltas") :].split("```json")[1].split("```")[0]
    data = sd.SessionData(sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"), "1m", ("5m",))
    data.start_session("2024-03-12")
    data.register_symbol("SPY")
    for i in range(12):
        if i != 4:
            data.append("SPY", START + i * MINUTE, 1.0, 13.0 if i == 11 else 2.0, 0.5, 1.5, 62.0 if i == 11 else 100.0)
    data.to_dict(cursor=data.export_cursor("ui"))
    for i in (4, 12):
        data.append("SPY", START + i * MINUTE, 1.0, 2.0, 0.5, 1.5, 100.0)
    assert json.loads(shown) == data.to_dict(False, cursor="ui")


@pytest.mark.slow
def test_deltas_of_every_kind_are_valid_by_the_schema(data: sd.SessionData) -> None:
    path = Path(__file__).parents[2] / "docs" / "document.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator({**schema, "$ref": "#/$defs/delta"})
    for seed in range(6):
        life = Life(seed)
        for _ in range(40):
            life.happen()
            for consumer in life.consumers:
                cursor = life.data.export_cursor(f"schema {consumer.timestamps}")
                validator.validate(json.loads(life.data.to_json(False, cursor=cursor, timestamps=consumer.timestamps)))
                if cursor.sequence is None:
                    life.data.to_dict(cursor=cursor, timestamps=consumer.timestamps)
    data.to_dict()
    data.append("SPY", START, *BAR)
    delta = data.to_dict(False)
    for broken in (
        {**delta, "x": 1}, {**delta, "meta": {**delta["meta"], "complete": True}},
        {**delta, "symbols": {"SPY": {"session": {}}}}, {**delta, "symbols": {"SPY": {"replace": True}}},
    ):  # fmt: skip
        assert not validator.is_valid(broken)


def test_history_is_sent_only_when_it_changed() -> None:
    data = sd.SessionData(sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"), "1m", ("5m",))
    data.start_session("2024-03-12")
    data.register_symbol("SPY")
    data.append("SPY", START, *BAR)
    document = data.to_dict()
    data.append("SPY", START + MINUTE, *BAR)
    delta = data.to_dict(False)
    assert "historical" not in delta["symbols"]["SPY"]
    document = sd.apply_delta(document, delta)
    changes: list[Callable[[], object]] = [
        lambda: data.load_historical_bars("SPY", "1d", [START - DAY], *([value] for value in BAR)),
        lambda: data.set_historical_indicator("SPY", "mine", 1.5),
        lambda: data.set_historical_indicator("SPY", "mine", None),
        lambda: data.add_historical_indicator("avg_volume_1d"),
    ]
    for change in changes:
        change()
        delta = data.to_dict(False)
        assert list(delta["symbols"]["SPY"]) == ["session", "historical"]
        assert delta["symbols"]["SPY"]["session"]["data"] == {}
        document = sd.apply_delta(document, delta)
        assert same_as(document, data)
    # no history yet
    data.load_historical_bars("SPY", "1d", [START, START + DAY], *([value] * 2 for value in BAR))
    assert data.to_dict(False)["symbols"] == {}


def test_a_bar_for_a_past_day_is_exported() -> None:
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData(calendar, "1m", ("5m",))
    data.start_session("2024-03-11")
    spy = data.register_symbol("SPY")
    spy.append(START - DAY, *BAR)
    data.roll_session()
    spy.append(START, *BAR)
    document = data.to_dict()
    spy.append(START - DAY + MINUTE, *BAR)
    delta = data.to_dict(False)
    assert delta["symbols"]["SPY"]["historical"]["data"]["1m"]["count"] == 2
    assert same_as(sd.apply_delta(document, delta), data)


def test_a_roll_is_a_new_epoch_and_sends_each_symbol_whole() -> None:
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData(calendar, "1m", ("5m",))
    data.start_session("2024-03-11")
    for name in ("SPY", "QQQ"):
        data.register_symbol(name).append(START - DAY, *BAR)
    document = data.to_dict()
    epoch = data.to_dict(False)["meta"]["epoch"]
    data.roll_session()
    delta = data.to_dict(False)
    assert delta["meta"]["epoch"] == epoch + 1
    assert [symbol["replace"] for symbol in delta["symbols"].values()] == [True, True]
    assert same_as(sd.apply_delta(document, delta), data)


def test_trades_and_quotes(data: sd.SessionData) -> None:
    spy = data.symbols["SPY"]
    spy.append_tick(START + SECOND, 1.5, 100.0)
    document = data.to_dict()
    spy.append_tick(START + SECOND, 1.75, 50.0)  # no clock has moved, no row has come
    delta = data.to_dict(False)
    assert list(delta["symbols"]["SPY"]["session"]["data"]) == ["1m", "5m", "1d", "ticks"]
    document = sd.apply_delta(document, delta)
    assert same_as(document, data)
    spy.append_quote(START + SECOND, 1.5, 2.0, 1.0, 1.0)
    delta = data.to_dict(False)
    assert list(delta["symbols"]["SPY"]["session"]["data"]) == ["quotes"]
    document = sd.apply_delta(document, delta)
    assert same_as(document, data)


def from_file(data: sd.SessionData, path: Path) -> sd.SessionData:
    data.save(path)
    return sd.load(path)


def test_a_store_from_a_file_goes_on_with_its_consumers(data: sd.SessionData, tmp_path: Path) -> None:
    """It told every consumer to take a complete document."""
    for name in ("SPY", "QQQ", "IWM", "DIA"):
        data.register_symbol(name)
        data.append(name, START, *BAR)
    data.export_cursor("new")
    document = data.to_dict()
    chosen = data.to_json(
        cursor=data.export_cursor("ui"), symbols=["DIA", "QQQ"], intervals=["5m", "1m"], timestamps="epoch_ms"
    )
    data.append("QQQ", START + MINUTE, *BAR)
    data.set_quality("IWM", "5m", 12.5)
    data.remove_symbol("SPY")
    data.remove_symbol("DIA")
    data.register_symbol("SPY")
    loaded = from_file(data, tmp_path / "store")
    assert loaded.cursors == data.cursors == ("new", "ui")
    for store in (loaded, data):
        cursor = store.export_cursor("ui")
        assert (cursor.symbols, cursor.intervals, cursor.timestamps) == ({"DIA", "QQQ"}, {"1m", "5m"}, "epoch_ms")
        assert cursor.sequence == orjson.loads(chosen)["meta"]["sequence"]
        store.append("IWM", START + 3 * MINUTE, *BAR)
        store.remove_symbol("QQQ")
    for options in ({}, {"cursor": "ui", "timestamps": "epoch_ms"}, {"cursor": "new"}):
        assert loaded.to_json(False, **options) == data.to_json(False, **options)
    assert loaded.export_cursor("new").sequence is None
    loaded = from_file(data, tmp_path / "store")
    data.append("IWM", START + 4 * MINUTE, *BAR)
    loaded.append("IWM", START + 4 * MINUTE, *BAR)
    assert loaded.to_dict(False) == (delta := data.to_dict(False))
    assert delta["meta"]["since"] == data.sequence - 1
    assert document["meta"]["sequence"] < delta["meta"]["since"]


@pytest.mark.parametrize("has_handle", [False, True])
def test_late_rows_from_before_a_file_are_in_the_delta_after_it(
    data: sd.SessionData, tmp_path: Path, has_handle: bool
) -> None:
    """As many as a symbol remembers are sent one by one; a consumer who was lapped is sent all
    rows."""
    spy = data.symbols["SPY"]
    assert not has_handle or spy.handle  # then a copy of the symbol is saved
    spy.extend([START + i * MINUTE for i in range(7)], *([value] * 7 for value in BAR))
    data.to_dict(cursor=data.export_cursor("lapped"))
    for i in range(63):
        spy.append(START + MINUTE, 1.0, 2.0, 0.5, 1.5, 100.0 + i)
    data.to_dict(cursor=data.export_cursor("behind"))
    spy.append(START + MINUTE, 1.0, 2.0, 0.5, 1.5, 7.0)
    loaded = from_file(data, tmp_path / "store")
    for store in (data, loaded):
        store.append("SPY", START + 3 * MINUTE, 1.0, 2.0, 0.5, 1.5, 8.0)
    for name, replaced, n in (("lapped", True, 7), ("behind", False, 2)):
        delta = loaded.to_dict(False, cursor=name)
        part = delta["symbols"]["SPY"]["session"]["data"]["1m"]
        assert ("replace" in part, len(part["data"])) == (replaced, n)
        assert delta == data.to_dict(False, cursor=name)


def test_a_session_that_comes_and_goes_around_a_file(tmp_path: Path) -> None:
    """Shown without a session, saved with one, asked without one again: nothing of it is to be
    sent."""
    calendar = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
    data = sd.SessionData(calendar, "1m", ("5m",))
    data.register_symbol("SPY")
    data.to_dict()
    data.start_session("2024-03-12")
    data.append("SPY", START, *BAR)
    loaded = from_file(data, tmp_path / "store")
    for store in (data, loaded):
        store.end_session()
    assert loaded.to_json(False) == data.to_json(False)
    assert loaded.to_dict(False)["meta"]["epoch"] == 2


def test_a_consumer_told_to_resynchronise_is_told_so_after_a_file(
    data: sd.SessionData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.to_dict(intervals=["1m"])

    def fail(*_: Any) -> None:
        raise MemoryError

    data.append("SPY", START, *BAR)
    with monkeypatch.context() as patch:
        patch.setattr("sessiondata.export.document.member_dict", fail)
        with pytest.raises(MemoryError):
            data.to_dict(False)
    loaded = from_file(data, tmp_path / "store")
    assert loaded.export_cursor().intervals == {"1m"}
    with pytest.raises(sd.DeltaError, match="the intervals of a delta"):
        loaded.to_dict(False, intervals=["5m"])
    assert loaded.to_json(False) == data.to_json(False)
    assert loaded.to_dict(False)["meta"]["resync"] is True


def test_a_store_saved_in_the_middle_of_an_export_knows_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a signal handler, say: what its consumer gets is not known yet."""
    data = sd.SessionData(sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"), "1m", ())
    data.start_session("2024-03-12")
    data.register_symbol("SPY").append(START, *BAR)
    data.to_dict()

    from sessiondata.export import document as export

    changes = export.member_dict

    def save(*arguments: Any) -> Any:
        data.save(tmp_path / "store")
        return changes(*arguments)

    monkeypatch.setattr(export, "member_dict", save)
    data.load_historical_bars("SPY", "1d", [START - DAY], *([value] for value in BAR))
    data.to_dict(False)
    assert sd.load(tmp_path / "store").export_cursor().sequence is None


def test_a_delta_costs_what_has_changed(data: sd.SessionData) -> None:
    """Two stores, one with forty times the rows: a bar more is the same few bytes, and nobody else
    is looked at."""
    many = sd.SessionData(data.calendar, "1m", ("5m", "1d"))
    many.start_session(SHAPES["plain"][0])
    for store, n in ((data, 2), (many, 40)):
        spy = store.register_symbol("SPY")
        spy.extend([START + i * MINUTE for i in range(n)], *([value] * n for value in BAR))
        for name in ("QQQ", "IWM"):
            store.register_symbol(name)
        store.to_json()
        spy.append(START + n * MINUTE, *BAR)
    sizes = [len(store.to_json(False)) for store in (data, many)]
    assert abs(sizes[0] - sizes[1]) < 20
