"""Records of rows: tuples of their values, which know their zone; and times as series and windows
have them."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import sessiondata as sd

ZONE = ZoneInfo("America/New_York")
HOURS = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
OPEN = 1_710_250_200_000_000_000  # 2024-03-12 09:30 in New York
MINUTE = 60_000_000_000
TIME = dt.datetime(2024, 3, 12, 9, 30, tzinfo=ZONE)
WAYS = [copy.copy, copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))]


def rows(kind: str) -> Any:
    """The series of a symbol: its first row is of `TIME`, half a microsecond later."""
    data = sd.SessionData(HOURS, "1m", ("5m",))
    spy = data.register_symbol("SPY")
    if kind == "bars":
        spy.append(OPEN, 1.0, 2.0, 0.5, 1.5, 3.0)
        spy.append(OPEN + MINUTE, 1.5, 2.0, 0.5, 1.0, 4.0)
        return spy.bars()
    if kind == "ticks":
        spy.append_tick(OPEN + 500, 1.5, 100.0, "Q")
        spy.append_tick(OPEN + MINUTE, 1.25, 100.0, "N")
        return spy.ticks
    spy.append_quote(OPEN + 500, 1.5, 1.75, 100.0, 5.0)
    spy.append_quote(OPEN + MINUTE, 1.5, 1.75, 100.0, 5.0)
    return spy.quotes


@pytest.mark.parametrize("kind", ["bars", "ticks", "quotes"])
def test_times_of_records_series_and_windows_are_alike(kind: str) -> None:
    series = rows(kind)
    for held in (series, series[:], series[:].copy(), pickle.loads(pickle.dumps(series[:].copy()))):
        assert held.datetime == [record.datetime for record in held] == [TIME, TIME + dt.timedelta(minutes=1)]
        assert held.datetime[0] == held[0].datetime
        assert all(time.tzinfo is ZONE for time in (*held.datetime, *(record.datetime for record in held)))
        assert held.datetime64.dtype == np.dtype("M8[ns]")
        assert held.datetime64.astype(np.int64).tolist() == held.timestamp.tolist()


def test_times_of_no_rows_are_none() -> None:
    series = sd.SessionData(HOURS).register_symbol("SPY").bars()
    assert series.datetime == []
    assert series.datetime64.dtype == np.dtype("M8[ns]")


@pytest.mark.parametrize("kind", ["bars", "ticks", "quotes"])
def test_a_record_is_a_tuple_of_its_values(kind: str) -> None:
    record = rows(kind)[0]
    public = {"bars": sd.Bar, "ticks": sd.Tick, "quotes": sd.Quote}[kind]
    by_hand = public(*record)
    assert isinstance(record, public)
    assert record == by_hand == tuple(record)
    assert hash(record) == hash(by_hand)
    assert repr(record) == repr(by_hand)
    assert repr(record).startswith(f"{public.__name__}(timestamp={record.timestamp}, ")
    assert len(record) == len(public._fields)
    assert (by_hand.zone, by_hand.datetime) == (dt.UTC, TIME)
    assert record.zone is ZONE
    assert record._replace(timestamp=OPEN + MINUTE).datetime == TIME + dt.timedelta(minutes=1)


@pytest.mark.parametrize("kind", ["bars", "ticks", "quotes"])
@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_a_record_has_its_zone(kind: str, way: Any) -> None:
    record = rows(kind)[0]
    made = way(record)
    assert made == record
    assert type(made) is type(record)
    assert made.datetime.tzinfo is ZONE


def test_records_of_one_zone_are_of_one_class() -> None:
    one, other = rows("bars"), rows("bars")
    assert type(one[0]) is type(other[0]) is type(one.copy()[0])
