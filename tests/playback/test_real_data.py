"""Real market data: what the store makes of LEAN's files, compared with the vendor's own numbers
and with the model.

The files are read twice: by `sessiondata.readers`, and here with `zipfile` and `csv` alone, so
that a fault of the reader cannot hide behind itself. All of it runs on the project's sample, and on
LEAN's own data where that is.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import reference as ref
import sessiondata as sd
from lean_rows import LEAN_FILES, SAMPLE_FILES, Row, columns_of, model_of, read_rows, rows_of
from market_data import on_both
from sessiondata.playback.sessions import ReplaySession, replay
from sessiondata.readers.bars import read_bars
from sessiondata.readers.table import BarTable
from sessiondata.store.symbol import state_of
from worlds import MINUTE, exact, same_history, same_symbol

# --- the reader -----------------------------------------------------------------------------------


@on_both("name", [(name,) for name in SAMPLE_FILES], [(name,) for name in LEAN_FILES])
def test_the_reader_gives_what_the_zip_holds(real: Path, name: str) -> None:
    tables = read_bars(real / name)
    rows = read_rows(real / name)
    assert [table.symbol for table in tables] == list(rows)
    for table in tables:
        values = (table.ts_ns, table.open, table.high, table.low, table.close, table.volume)
        assert exact(list(zip(*(column.tolist() for column in values), strict=True))) == exact(rows[table.symbol])


@on_both("files", [(SAMPLE_FILES,)], [(LEAN_FILES,)])
def test_the_list_of_files_is_complete(real: Path, files: list[str]) -> None:
    kinds = ("equity", "crypto", "future")
    found = [path for kind in kinds for path in real.glob(f"{kind}/*/minute/*/*_trade.zip")]
    assert sorted(path.relative_to(real).as_posix() for path in found) == sorted(files)


# --- seconds make the vendor's minutes ------------------------------------------------------------


def from_seconds(real: Path, calendar: str | None, date: str, name: str, chunk: int | None) -> sd.SymbolSessionData:
    """A store fed with a file of seconds; in arrays of `chunk` rows, or (None) one by one."""
    ((symbol, rows),) = read_rows(real / name).items()
    data = sd.SessionData(calendar, "1s", ("1m", "5m", "1d"))
    data.start_session(date)
    store = data.register_symbol(symbol)
    if chunk is None:
        for row in rows:
            store.append(*row)
    else:
        columns = columns_of(rows)
        for at in range(0, len(rows), chunk):
            store.extend(*(column[at : at + chunk] for column in columns))
    state_of(store).core.check_invariants()
    assert store.bars_base.total_count == len(rows)
    return store


# LEAN's minute volumes include corrections that came later than the seconds.
@on_both("n n_other missing", [(603, 0, 32)], [(828, 58, 0)])
@pytest.mark.parametrize("chunk", [None, 997, 10**6])
def test_seconds_of_spy_make_the_minutes_in_all_prices_and_in_all_but_corrected_volumes(
    real: Path, chunk: int | None, n: int, n_other: int, missing: int
) -> None:
    spy = from_seconds(real, "XNYS", "2013-10-07", "equity/usa/second/spy/20131007_trade.zip", chunk)
    minutes = read_rows(real / "equity/usa/minute/spy/20131007_trade.zip")["SPY"]
    derived = rows_of(spy.bars("1m"))
    assert len(derived) == len(minutes) == n
    assert [row[:5] for row in derived] == [row[:5] for row in minutes]
    assert sum(ours[5] != theirs[5] for ours, theirs in zip(derived, minutes, strict=True)) == n_other
    assert sum(bar.extended for bar in spy.bars("1m")) == n - (390 - missing)
    assert (spy.bars("1m").expected, spy.bars("1m").missing) == (390, missing)
    assert spy.bars("1s").expected == 23_400


@on_both("n", [(1043,)], [(1419,)])
def test_seconds_of_btcusd_make_the_minutes_in_every_column(real: Path, n: int) -> None:
    btc = from_seconds(real, None, "2016-10-07", "crypto/coinbase/second/btcusd/20161007_trade.zip", 1000)
    minutes = read_rows(real / "crypto/coinbase/minute/btcusd/20161007_trade.zip")["BTCUSD"]
    derived = rows_of(btc.bars("1m"))
    assert len(derived) == len(minutes) == n
    assert [row[:5] for row in derived] == [row[:5] for row in minutes]
    # Sums of fractional volumes: equal to the last printed digit. To the last bit they are what
    # concepts.md defines.
    assert [round(row[5], 8) for row in derived] == [round(row[5], 8) for row in minutes]
    sums: dict[int, float] = {}
    for ts, *_, volume in read_rows(real / "crypto/coinbase/second/btcusd/20161007_trade.zip")["BTCUSD"]:
        slot = ts - ts % MINUTE
        sums[slot] = sums[slot] + volume if slot in sums else volume
    assert [row[5] for row in derived] == list(sums.values())


@on_both("day", [("07",)], [("08",)])
def test_seconds_by_the_batch_kernel_are_those_of_the_store(real: Path, day: str) -> None:
    name = f"equity/usa/second/spy/201310{day}_trade.zip"
    spy = from_seconds(real, "XNYS", f"2013-10-{day}", name, 5000)
    grid = sd.calendar("XNYS").session(f"2013-10-{day}")
    columns = columns_of(read_rows(real / name)["SPY"])
    for interval in ("1m", "5m", "1d"):
        batch = sd.aggregate(columns, grid, "1s", interval)
        assert exact(list(zip(*(column.tolist() for column in batch[:6]), strict=True))) == exact(
            rows_of(spy.bars(interval))
        )
        assert batch.n_base.tolist() == [bar.n_base for bar in spy.bars(interval)]
    gaps = sd.find_gaps(columns[0], grid, "1s", state_of(spy).core.as_of)
    assert [(gap.start_ns, gap.bar_count) for gap in spy.bars_base.gaps] == list(
        zip(gaps.start_ns.tolist(), gaps.bar_count.tolist(), strict=True)
    )


# --- single files ---------------------------------------------------------------------------------


def one_session(real: Path, *names: str, **options: Any) -> ReplaySession:
    (session,) = replay([table for name in names for table in read_bars(real / name)], **options)
    return session


@on_both()
def test_google_on_the_half_day_before_christmas(real: Path) -> None:
    session = one_session(real, "equity/usa/minute/goog/20151224_trade.zip")
    goog = session.data.get_symbol_data("GOOG")
    rows = read_rows(real / "equity/usa/minute/goog/20151224_trade.zip")["GOOG"]
    open_ns = int(dt.datetime(2015, 12, 24, 9, 30, tzinfo=ZoneInfo("America/New_York")).timestamp()) * 10**9
    regular = [row for row in rows if open_ns <= row[0] < open_ns + 210 * MINUTE]
    assert (session.date, session.calendar, session.interval) == (dt.date(2015, 12, 24), "XNYS", "1m")
    assert goog.bars_base.expected == 210
    assert (goog.bars_base.present, goog.bars_base.missing) == (len(regular), 210 - len(regular))
    assert len(goog.bars_base) == len(rows)
    assert goog.session_volume == sum(row[5] for row in regular)
    assert (goog.session_high, goog.session_low) == (max(r[2] for r in regular), min(r[3] for r in regular))
    assert goog.bars("1d")[0].n_expected == 210
    assert not goog.bars("1d").forming
    assert [bar.n_expected for bar in goog.bars("1h") if not bar.extended] == [60, 60, 60, 30]


@on_both()
def test_the_future_over_sunday_midnight_is_one_trade_date(real: Path) -> None:
    names = [f"future/cme/minute/es/201310{day}_trade.zip" for day in ("06", "07", "08")]
    sessions = list(replay([table for name in names for table in read_bars(real / name)]))
    assert [session.date for session in sessions] == [dt.date(2013, 10, 7), dt.date(2013, 10, 8), dt.date(2013, 10, 9)]
    sunday, monday = (read_rows(real / name) for name in names[:2])
    chicago = ZoneInfo("America/Chicago")
    start, stop = (
        int(dt.datetime(2013, 10, day, hour, tzinfo=chicago).timestamp()) * 10**9 for day, hour in ((6, 17), (7, 17))
    )
    first = sessions[0].data
    for symbol in first.symbols:
        expected = [row for row in sunday.get(symbol, []) + monday.get(symbol, []) if start <= row[0] < stop]
        assert exact(rows_of(first.symbols[symbol].bars_base)) == exact(expected)
    front = first.get_symbol_data("ES_201312")
    assert len(sunday["ES_201312"]) > 0
    assert front.bars_base[0].timestamp == sunday["ES_201312"][0][0]
    assert front.bars("1d")[0].n_expected == 1380
    assert first.to_dict()["symbols"]["ES_201312"]["session"]["data"]["1m"]["data"][0][0].startswith("2013-10-06T17:0")


@on_both()
def test_yesbank_trades_on_the_calendar_of_bombay(real: Path) -> None:
    session = one_session(real, "equity/india/minute/yesbank/20190709_trade.zip")
    bank = session.data.get_symbol_data("YESBANK")
    rows = read_rows(real / "equity/india/minute/yesbank/20190709_trade.zip")["YESBANK"]
    open_ns = int(dt.datetime(2019, 7, 9, 9, 15, tzinfo=ZoneInfo("Asia/Kolkata")).timestamp()) * 10**9
    regular = {row[0] for row in rows if open_ns <= row[0] < open_ns + 375 * MINUTE}
    assert session.calendar == "XBOM"
    assert bank.bars("1d")[0].n_expected == 375
    assert bank.bars_base.present == len(regular)
    assert bank.bars_base.expected == min(375, (max(row[0] for row in rows) - open_ns) // MINUTE + 1)
    assert bank.bars_base[0].datetime.utcoffset() == dt.timedelta(hours=5, minutes=30)


@on_both("files days", [(SAMPLE_FILES, ("04", "07", "08", "09"))],
         [(LEAN_FILES, ("04", "07", "08", "09", "10", "11"))])  # fmt: skip
def test_three_stocks_of_a_week_are_one_store_a_day(real: Path, files: list[str], days: tuple[str, ...]) -> None:
    names = [name for name in files if name.split("/")[3] in ("spy", "ibm", "aig")]
    tables = [table for name in names for table in read_bars(real / name)]
    sessions = list(replay(reversed(tables)))
    assert [str(session.date) for session in sessions] == [f"2013-10-{day}" for day in days]
    for session in sessions:
        assert list(session.data.symbols) == ["AIG", "IBM", "SPY"]
        assert sum(symbol.bars_base.total_count for symbol in session.data.symbols.values()) == sum(
            len(rows) for name in names if f"{session.date:%Y%m%d}" in name for rows in read_rows(real / name).values()
        )


# --- everything, number by number, against the model ----------------------------------------------


@lru_cache(maxsize=1)
def replayed(folder: Path, files: tuple[str, ...]) -> list[ReplaySession]:
    tables: list[BarTable] = []
    for name in files:
        tables += read_bars(folder / name)
    return list(replay(tables, on_error=pytest.fail))


LEAN_SESSIONS = [
    ("2013-10-04", "XNYS"), ("2013-10-07", "CMES"), ("2013-10-07", "XNYS"), ("2013-10-08", "CMES"),
    ("2013-10-08", "XNYS"), ("2013-10-09", "CMES"), ("2013-10-09", "XNYS"), ("2013-10-10", "XNYS"),
    ("2013-10-11", "XNYS"), ("2014-06-05", "XNYS"), ("2014-06-06", "XNYS"), ("2014-06-09", "XNYS"),
    ("2015-12-23", "XNYS"), ("2015-12-24", "XNYS"), ("2015-12-28", "XNYS"), ("2016-10-07", "24/7"),
    ("2018-04-04", "24/7"), ("2018-04-05", "24/7"), ("2018-04-06", "24/7"), ("2019-07-09", "XBOM"),
]  # fmt: skip
SAMPLE_SESSIONS = [
    ("2013-10-04", "XNYS"), ("2013-10-07", "CMES"), ("2013-10-07", "XNYS"), ("2013-10-08", "CMES"),
    ("2013-10-08", "XNYS"), ("2013-10-09", "CMES"), ("2013-10-09", "XNYS"), ("2015-12-24", "XNYS"),
    ("2016-10-07", "24/7"), ("2018-04-04", "24/7"), ("2018-04-05", "24/7"), ("2018-04-06", "24/7"),
    ("2019-07-09", "XBOM"),
]  # fmt: skip


@on_both("files expected", [(SAMPLE_FILES, SAMPLE_SESSIONS)], [(LEAN_FILES, LEAN_SESSIONS)])
def test_a_replay_of_all_minute_files_plays_these_sessions_and_loses_no_bar(
    real: Path, files: list[str], expected: list[tuple[str, str]]
) -> None:
    sessions = replayed(real, tuple(files))
    assert [(str(session.date), session.calendar) for session in sessions] == expected
    played: Counter[str] = Counter()
    for session in sessions:
        for name, symbol in session.data.symbols.items():
            counters = symbol.counters
            assert counters["skipped"] == {}
            unusual = ("late", "corrected", "repeated", "too_old", "other_session", "off_grid", "overwritten")
            assert {key: counters[key] for key in unusual} == dict.fromkeys(unusual, 0)
            played[name] += counters["stored"]
    in_files: Counter[str] = Counter()
    for path in files:
        in_files.update({name: len(rows) for name, rows in read_rows(real / path).items()})
    assert played == in_files


@pytest.mark.slow
@on_both(
    "files date calendar",
    [(SAMPLE_FILES, *session) for session in SAMPLE_SESSIONS],
    [(LEAN_FILES, *session) for session in LEAN_SESSIONS],
    slow=True,
)
def test_every_number_of_a_replayed_session_is_that_of_the_model(
    real: Path, files: list[str], date: str, calendar: str
) -> None:
    data = next(s.data for s in replayed(real, tuple(files)) if (str(s.date), s.calendar) == (date, calendar))
    grid = data.grid
    assert grid is not None
    zone = {"XNYS": "usa", "XBOM": "india", "24/7": "coinbase", "CMES": "cme"}[calendar]
    rows: dict[str, list[Row]] = {}
    for path in files:
        if f"/{zone}/" in path:
            for symbol, bars in read_rows(real / path).items():
                rows.setdefault(symbol, []).extend(bar for bar in bars if grid.span_start <= bar[0] < grid.span_stop)
    rows = {symbol: bars for symbol, bars in rows.items() if bars}
    assert sorted(rows) == list(data.symbols)
    model = model_of(data)
    for symbol in sorted(rows):
        model.register(symbol, "1m", ["5m", "15m", "1h", "1d"])
        model.extend(symbol, rows[symbol])
    newest = max(bars[-1][0] for bars in rows.values())
    model.advance_to(min(newest + MINUTE, grid.span_stop))
    for symbol in data.symbols:
        state_of(data.symbols[symbol]).core.check_invariants()
        same_symbol(data.symbols[symbol], model.symbols[symbol])
    document = ref.document(model, "time", sequence=data.sequence)
    assert exact(data.to_dict()) == exact(document)
    import orjson

    assert data.to_json() == orjson.dumps(document)
    assert data.to_json(timestamps="iso") == orjson.dumps(ref.document(model, "iso", sequence=data.sequence))


@on_both()
@pytest.mark.parametrize(
    "name", ["equity/usa/minute/ibm/20131009_trade.zip", "crypto/coinbase/minute/btcusd/20180405_trade.zip"]
)
def test_real_bars_in_any_order_make_the_same_document(real: Path, name: str) -> None:
    ((symbol, rows),) = read_rows(real / name).items()
    documents = set()
    rng = np.random.default_rng(5)
    columns = columns_of(rows)
    for way in range(5):
        data = sd.SessionData("XNYS" if "usa" in name else None, "1m", ("5m", "15m", "1h", "1d"))
        data.start_session(f"{Path(name).name[:4]}-{Path(name).name[4:6]}-{Path(name).name[6:8]}")
        store = data.register_symbol(symbol)
        order = np.arange(len(rows)) if way == 0 else rng.permutation(len(rows))
        if way < 3:
            for piece in np.array_split(order, 1 + 40 * way):
                store.extend(*(column[piece] for column in columns))
        else:
            for i in order:
                store.append(*rows[i])
        state_of(store).core.check_invariants()
        document = data.to_dict()
        del document["meta"]["sequence"]
        documents.add(repr(exact(document)))
    assert len(documents) == 1


# --- days after days ------------------------------------------------------------------------------


STOCKS = {name: f"equity/usa/minute/{name.lower()}" for name in ("SPY", "IBM", "AIG")}
BITCOIN = None, {"BTCUSD": "crypto/coinbase/minute/btcusd"}, ("2018-04-04", "2018-04-05", "2018-04-06")


@pytest.mark.slow
@on_both(
    "calendar files dates",
    [("XNYS", STOCKS, ("2013-10-04", "2013-10-07", "2013-10-08", "2013-10-09")), BITCOIN],
    [
        ("XNYS", STOCKS, ("2013-10-04", "2013-10-07", "2013-10-08", "2013-10-09", "2013-10-10", "2013-10-11")),
        BITCOIN,
    ],
    slow=True,
)
def test_days_after_days_end_in_the_state_of_the_model(
    real: Path, calendar: str | None, files: dict[str, str], dates: tuple[str, ...]
) -> None:
    """Warm-up that overlaps the running session, a start, rolls, bars late by a minute, an hour and
    a day, a second delivery of the first day, and history trimmed to three days."""
    rng = np.random.default_rng(20131007)
    data = sd.SessionData(calendar, "1m", ("5m", "15m", "1h", "1d"), trailing_days=3)
    data.add_historical_indicator("vwap_3d")
    sessions = []
    for date in dates:
        grid = data.calendar.session(date)
        segments = [(start, stop) for start, stop in grid.segments.tolist()]
        sessions.append(ref.RefSession(date, grid.tz, segments, (grid.span_start, grid.span_stop)))
    rows = {
        (name, date): read_rows(real / folder / f"{date.replace('-', '')}_trade.zip")[name]
        for name, folder in files.items()
        for date in dates
    }
    for name in files:
        data.register_symbol(name)
        # The day before, and the first hour of the day that begins.
        data.load_historical_bars(name, "1m", *columns_of(rows[name, dates[0]] + rows[name, dates[1]][:60]))
        data.load_historical_bars(name, "5m", *columns_of(rows[name, dates[0]][::50]))
    data.start_session(dates[1])
    model = ref.RefStore(sessions[1], "1m", ["5m", "15m", "1h", "1d"])
    model.sessions = sessions
    for name in files:
        model.register(name)
        model.load(name, "1m", rows[name, dates[0]] + rows[name, dates[1]][:60], sessions)
        model.load(name, "5m", rows[name, dates[0]][::50], sessions)
    held_back: dict[str, list[Row]] = {name: [] for name in files}
    for number, date in enumerate(dates[1:], 1):
        if number > 1:
            assert str(data.roll_session().date) == date
            model.roll(sessions[number], 3, 3)
        for name in files:
            day = rows[name, date]
            fates = rng.choice(["now", "a minute", "an hour", "a day"], len(day), p=[0.9, 0.05, 0.03, 0.02])
            delay = {"now": 0, "a minute": MINUTE + 1, "an hour": 60 * MINUTE + 1}
            arrival = sorted(
                (row[0] + delay[fate], row) for row, fate in zip(day, fates, strict=True) if fate != "a day"
            )
            for _, row in arrival[: len(arrival) // 2]:
                assert data.append(name, *row) == model.append(name, *row)
            data.extend(name, *columns_of([row for _, row in arrival[len(arrival) // 2 :]] + held_back[name]))
            model.extend(name, [row for _, row in arrival[len(arrival) // 2 :]] + held_back[name])
            held_back[name] = [row for row, fate in zip(day, fates, strict=True) if fate == "a day"]
        if number == 2:  # the vendor delivers the first day again, all of it
            for name in files:
                assert data.load_historical_bars(name, "1m", *columns_of(rows[name, dates[1]])) == 0
                assert model.load(name, "1m", rows[name, dates[1]], sessions) == 0
    world = SimpleNamespace(data=data, model=model, sessions=sessions, session=sessions[-1], loaded={"5m"}, windows=[])
    for name in files:
        same_symbol(data.symbols[name], model.symbols[name])
        same_history(world, name)
        kept = list(dates[:-1])[-3:]
        assert [str(date) for date in data.symbols[name].historical_bars["1m"]] == kept
        for date in kept[:-1]:  # whose late bars have all come
            window = data.symbols[name].historical_bars["1m"][dt.date.fromisoformat(date)]
            assert exact([tuple(bar)[:6] for bar in window]) == exact(rows[name, date])
    # compared above
    indicators = {name: data.symbols[name].historical_indicators for name in files}
    document = ref.document(model, sequence=data.sequence, sessions=sessions, indicators=indicators)
    assert exact(data.to_dict()) == exact(document)
