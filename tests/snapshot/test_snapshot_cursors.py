"""Cursors of a saved store go on where they were."""

from __future__ import annotations

import datetime as dt
import json
import random
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import sessiondata as sd
from sessiondata.snapshot import container as snapshot
from sessiondata.snapshot import save as saving
from sessiondata.snapshot.capture import StoreCopy
from sessiondata.store.store import parts_of
from stored import (
    CALENDAR,
    DATES,
    GLOBEX,
    TABLE,
    changed,
    deltas_of,
    everything,
    go_on,
    pieces_of,
    reloaded,
    rich_store,
    sealed,
)
from worlds import HOUR


def cursor_columns(content: bytes) -> dict[str, tuple[str, int, int]]:
    """(type, rows, where it begins in its part) of each column of the part with cursors, which is
    the last but one."""
    at, found = 0, {}
    for name, kind, n in json.loads(pieces_of(content)[-1][2])["cursors"]["columns"]:
        found[name] = (kind, n, at)
        at += -(-n * (4 if kind == "<i4" else 8) // 8) * 8
    return found


def lie_in_cursors(content: bytes, column: str, row: int, value: Any) -> bytes:
    """A file in which a column of the cursors says something else; all sums are right."""
    kind, _, at = cursor_columns(content)[column]
    number = struct.pack({"<i8": "<q", "<i4": "<i", "<f8": "<d"}[kind], value)
    at += row * len(number)
    *others, (name, flags, rows), store = pieces_of(content)
    assert name.rstrip(b"\0") == snapshot.CURSORS
    return sealed([*others, (name, flags, rows[:at] + number + rows[at + len(number) :]), store])


def test_a_file_without_cursors_is_one_of_before(tmp_path: Path) -> None:
    """Readers that know nothing of cursors pass over the part; a file without it serves nobody
    before a document."""
    path, data = tmp_path / "store", rich_store()
    data.save(path)
    parts = pieces_of(path.read_bytes())
    assert [flags for kind, flags, _ in parts if kind.rstrip(b"\0") == snapshot.CURSORS] == [snapshot.OPTIONAL]
    changed(path, lambda kept: [kept.pop(name) for name in ("cursors", "epoch")])
    loaded = sd.load(path)
    assert (loaded.cursors, loaded.export_cursor().sequence) == ((), None)
    delta = loaded.to_dict(False)
    assert (delta["meta"]["resync"], delta["meta"]["epoch"], delta["symbols"]) == (True, 0, {})
    data = sd.SessionData()
    data.save(path)
    assert len(pieces_of(path.read_bytes())) == 1, "nobody had a cursor"


CURSOR = {"name": "x", "timestamps": None, "symbols": None, "intervals": None, "sequence": None}
LIES: dict[str, tuple[Any, str]] = {
    "as many rows shown": (("0.total", 0, 2**40), "rows that were sent are among those stored"),
    "a row too many": (("0.total", 0, 1), "rows that were sent are among those stored"),
    "rows less than none": (("0.total", 0, -1), "rows that were sent are among those stored"),
    "edits seen": (("0.edited", 0, 2**40), "edits that were seen are among those counted"),
    "edits not seen": (("0.edited", 0, -1), "edits that were seen are among those counted"),
    "edits counted": (("n_edited", 0, 10**9), "times? of .* rows? edited"),
    "edits less than none": (("n_edited", 0, -1), "changes are counted"),
    "no edits": (("n_edited", 0, 0), "time of a row edited|no more edits than were counted"),
    "when": (("edited", 0, 0), "time of a row edited lies in the session's span"),
    "the newest row": (("0.newest", 0, 0), "the newest row sent lies in the session's span"),
    "the newest row, beyond": (("0.newest", 0, 2**63 - 1), "the newest row sent lies in the session's span"),
    "a session to come": (("0.session", 0, 2**40), "a session that was sent had begun"),
    "no such session": (("0.session", 0, -2), "a session that was sent had begun"),
    "a session that has begun": (("session", 0, 0), "a session that was sent had begun"),
    "changes": (("edits", 0, -1), "changes are counted"),
    "pins": (("pin_edits", 0, 2**62), "changes are counted"),
    "missing": (("0.missing", 0, 2**31), "counted in 32 bits"),
    "expected": (("0.expected", 0, -(2**31) - 1), "counted in 32 bits"),
    "edits of a tracker": (("0.gap_edits", 0, 2**63 - 1), "counted in 32 bits"),
    "quality": (("0.quality", 0, 10_001), "quality and flags"),
    "flags": (("0.flags", 0, 16), "quality and flags"),
    "no such symbol": (("0.symbol", 7, 8), "those of the store, in their order"),
    "another order": (("0.symbol", 1, 0), "those of the store, in their order"),
    "less than no symbol": (("0.symbol", 0, -2), "those of the store, in their order"),
    "gone": (("0.symbol", 7, -1), "a symbol that has left has a name"),
    "not gone": (lambda told: told["cursors"][0]["gone"].append("x"), "a row for each symbol and series"),
    "a name of nothing": (lambda told: told["cursors"][0].update(gone=[""]), "not empty"),
    "not selected": (lambda told: told["cursors"][0].update(symbols=["ABC"]), "has sent what it selects"),
    "a name twice": (lambda told: told["cursors"].append(told["cursors"][1]), "a cursor has one name: 'day 0'"),
    "two without a name": (lambda told: told["cursors"].append(told["cursors"][0]), "a cursor has one name: None"),
    "no text": (lambda told: told["cursors"].append({**CURSOR, "name": "\ud800"}), "UTF-8"),
    "no interval": (lambda told: told["cursors"].append({**CURSOR, "intervals": ["x"]}), "interval"),
    "no form of times": (lambda told: told["cursors"].append({**CURSOR, "timestamps": "x"}), "form that there is"),
    "times": (lambda told: told["cursors"][0].update(timestamps=None), "form that there is"),
    "changes to come": (lambda told: told["cursors"][0].update(sequence=10**9), "no changes to come: 1000000000"),
    "columns": (lambda told: told["columns"][0].__setitem__(2, 2**40), "no room for"),
    "one column shorter": (lambda told: told["columns"][0].__setitem__(2, 7), "columns fill all of their part"),
    "a part of rows": (lambda told: told.update(part=0), "no part 0 of kind cursors"),
    "no rows": (lambda told: told["cursors"].append({**told["cursors"][1], "name": "y"}), "not laid out"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", LIES)
def test_lies_about_cursors_are_refused(name: str, tmp_path: Path) -> None:
    """Whoever lies may say what a consumer has seen, but nothing that leads to a row that is not
    there."""
    path, data = tmp_path / "store", rich_store()
    data.save(path)
    lie, rule = LIES[name]
    if callable(lie):
        changed(path, lambda kept: lie(kept["cursors"]))
    else:
        column, row, value = lie
        if name == "a row too many":
            value += data.symbols["ABC"].bars_base.total_count
        path.write_bytes(lie_in_cursors(path.read_bytes(), column, row, value))
    with pytest.raises(sd.SnapshotError, match=rule) as caught:
        sd.load(path)
    assert caught.value.part == "cursors"


@pytest.mark.slow
def test_whatever_a_cursor_says_its_deltas_do_no_harm(tmp_path: Path) -> None:
    """Every column of a cursor of this session, with numbers where something ends: refused, or a
    store that exports, takes bars and rolls. (It takes a build with sanitizers to see more than a
    crash.)"""
    path, data = tmp_path / "store", rich_store()
    data.save(path)
    whole, rng = path.read_bytes(), random.Random(3)
    columns = {name: kind_n for name, kind_n in cursor_columns(whole).items() if name[0] not in "0124"}
    told = json.loads(pieces_of(whole)[-1][2])["cursors"]["cursors"]
    n_valid = 0
    for name, (kind, n, _) in columns.items():
        # a column of one cursor is a lie to that one's consumer only
        names = {told[int(name[0])]["name"]} if name[0].isdigit() else None
        for value in (-(2**63), -1, 0, 1, 65, 2**31 - 1, 2**63 - 1):
            number = value / 4 if kind == "<f8" else value if kind == "<i8" else max(-(2**31), min(value, 2**31 - 1))
            path.write_bytes(lie_in_cursors(whole, name, rng.randrange(n), number))
            with suppress(sd.SnapshotError):
                loaded = sd.load(path)
                deltas_of(loaded, names)
                go_on(loaded, rng)
                deltas_of(loaded, names)
                with suppress(sd.SessionStateError):  # it may have rolled that far already
                    loaded.roll_session("2024-03-15")
                deltas_of(loaded, names)
                n_valid += 1
    assert n_valid > len(columns)


def test_functions_are_given_again(tmp_path: Path) -> None:
    data = sd.SessionData(CALENDAR)
    data.start_session(DATES[0])
    spy = data.register_symbol("SPY")
    data.add_historical_indicator("rows", lambda symbol: len(symbol.bars()), days=2)
    data.save(tmp_path / "store")
    sd.load(tmp_path / "store").save(tmp_path / "store")
    loaded = sd.load(tmp_path / "store")
    # the document would lack a number
    with pytest.raises(sd.SessionStateError, match="add_historical_indicator"):
        loaded.to_json()
    with pytest.raises(sd.SessionStateError, match=r"indicator 'rows' of 'SPY'.*add_historical_indicator\('rows'"):
        loaded.get_historical_indicator("SPY", "rows")
    loaded.add_historical_indicator("rows", lambda symbol: len(symbol.bars()), days=2)
    assert loaded.get_historical_indicator("SPY", "rows") == len(spy.bars())


CALENDARS = {
    "always": sd.SessionCalendar.always_open,
    "always from": lambda: sd.SessionCalendar.always_open("17:00:01", "America/New_York"),
    "overnight": lambda: GLOBEX,
    "table": lambda: TABLE,
    "everything": lambda: CALENDAR,
    "a fraction": lambda: sd.SessionCalendar.from_hours(dt.time(9, 30, 0, 5), "24:00", "UTC", weekdays=(5, 6)),
    "overnight breaks": lambda: sd.SessionCalendar.from_hours(
        "18:00", "17:00", "America/New_York", breaks=[("23:50", "00:10"), ("12:00", "12:00")],
        early_closes={"2024-03-13": "12:00"}, late_opens={dt.date(2024, 3, 12): "20:00"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALENDARS)
def test_calendars_come_back(name: str) -> None:
    calendar = CALENDARS[name]()
    again = sd.SessionCalendar.from_recipe(json.loads(json.dumps(calendar.recipe())))
    assert (again.name, again.tz, again.recipe()) == (calendar.name, calendar.tz, calendar.recipe())
    dates = calendar.session_dates("2024-03-11", "2024-03-15")
    assert again.session_dates("2024-03-11", "2024-03-15") == dates
    assert [again.session(date) for date in dates] == [calendar.session(date) for date in dates]


def test_known_calendars_are_the_same_object() -> None:
    pytest.importorskip("exchange_calendars")
    data = sd.SessionData("XNYS")
    data.start_session("2013-10-07")
    data.register_symbol("BTC", calendar="24/7")
    loaded = reloaded(data)
    assert loaded.calendar is data.calendar is sd.calendar("NYSE")
    assert loaded.symbols["BTC"].calendar is sd.calendar()


def test_hours_are_those_of_the_day_it_was_saved(tmp_path: Path) -> None:
    """What a newer schedule says of a past session is not what the rows stand on."""
    path, data = tmp_path / "store", rich_store()
    data.save(path)
    changed(path, lambda kept: kept["calendars"][kept["calendar"]]["recipe"].update(open="08:00"))
    loaded = sd.load(path)
    assert loaded.grid == data.grid
    assert loaded.to_json() == data.to_json()
    assert loaded.calendar.session("2024-03-15") != data.calendar.session("2024-03-15")
    loaded.roll_session("2024-03-15")


def test_a_program_registers_again_what_it_has_loaded(tmp_path: Path) -> None:
    """It was told that HK is registered with calendar 'XHKG', not 'XHKG'."""

    def registered(data: sd.SessionData) -> list[sd.SymbolSessionData]:
        late = sd.SessionCalendar.from_hours("09:00", "12:00", "UTC")
        own = {"SPY": hours(), "X": late, "HK": "XHKG"}
        return [data.register_symbol(name, calendar=calendar) for name, calendar in own.items()]

    def hours() -> sd.SessionCalendar:
        return sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")

    def closes_earlier(kept: dict[str, Any]) -> None:
        for calendar in kept["calendars"]:
            for segments, _, _ in calendar["sessions"].values():
                segments[-1][1] -= HOUR

    data = sd.SessionData(hours(), "1m", ())
    data.start_session("2024-03-12")
    symbols = registered(data)
    assert registered(data) == symbols
    assert symbols[0].calendar is data.calendar
    data.save(tmp_path / "store")
    for change in (lambda _: None, closes_earlier):
        changed(tmp_path / "store", change)
        loaded = sd.load(tmp_path / "store")
        assert registered(loaded) == list(loaded.symbols.values())
        with pytest.raises(sd.CalendarError, match="registered with calendar"):
            loaded.register_symbol("HK", calendar="24/7")
        assert loaded.register_symbol("IBM", calendar=hours()).calendar is loaded.calendar


@pytest.mark.slow
def test_days_are_copied_when_it_is_their_turn_and_the_session_before(tmp_path: Path) -> None:
    """What comes after the copy is not in the file."""
    data = rich_store()
    before = everything(data)
    taken = StoreCopy(parts_of(data), "x")
    go_on(data, random.Random(5))
    assert everything(data) != before
    with open(tmp_path / "store", "wb") as file:
        saving.write_container(file.fileno(), taken)
    assert everything(sd.load(tmp_path / "store")) == before


def test_errors_can_be_pickled() -> None:
    import pickle

    error = sd.SnapshotError("a rule", path="a/b", part="header")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "a/b: header: a rule"
    assert (again.path, again.part, again.rule) == ("a/b", "header", "a rule")
