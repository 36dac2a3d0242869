"""What an error says can be done at that place, and its facts are attributes: a test does what each
message says."""

# ruff: noqa: ARG005

from __future__ import annotations

import copy
import datetime as dt
import importlib.metadata
import io
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import sessiondata as sd
from sessiondata import errors, jit

NY = ZoneInfo("America/New_York")
MINUTE = 60 * 10**9
DAY = 1440 * MINUTE
OPEN = int(dt.datetime(2024, 3, 12, 9, 30, tzinfo=NY).timestamp()) * 10**9
NAIVE = dt.datetime(2024, 3, 12, 9, 31)
BAR = (1.0, 1.0, 1.0, 1.0, 1.0)
ONES = [np.ones(1)] * 5


def store(calendar: Any = "XNYS", **options: Any) -> tuple[sd.SessionData, Any]:
    data = sd.SessionData(calendar, "1m", ("5m", "1h", "1d"), **options)
    data.start_session("2024-03-12")
    return data, data.register_symbol("SPY")


# --- zones ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda data, spy, t: spy.append(t, *BAR),
        lambda data, spy, t: data.append("SPY", t, *BAR),
        lambda data, spy, t: spy.append_tick(t, 1.0, 1.0),
        lambda data, spy, t: spy.append_quote(t, 1.0, 1.0, 1.0, 1.0),
        lambda data, spy, t: data.append_slice(["SPY"], t, *ONES),
        lambda data, spy, t: data.advance_to(t),
        lambda data, spy, t: spy.mark_halted(t, t),
        lambda data, spy, t: spy.mark_no_trade("1m", t, t),
        lambda data, spy, t: spy.record_retry("1m", t, t, t),
        lambda data, spy, t: spy.bars().since(t),
        lambda data, spy, t: data.get_bars_since("SPY", t),
    ],
)
def test_a_call_without_tz_does_not_ask_for_it(call: Any) -> None:
    data, spy = store()
    spy.append(OPEN, *BAR)
    for value, aware in (
        (NAIVE, NAIVE.replace(tzinfo=NY)),
        (pd.Timestamp(NAIVE), pd.Timestamp(NAIVE).tz_localize("America/New_York")),
    ):
        data, spy = store()
        with pytest.raises(sd.TimeError, match=r"naive .*give it a zone") as caught:
            call(data, spy, value)
        assert "tz=" not in str(caught.value).replace("tzinfo=", "")
        call(data, spy, aware)  # as the message says


def test_a_call_with_tz_offers_it() -> None:
    for name, arguments in (
        ("extend", ([NAIVE], *ONES)), ("fill", ([NAIVE], *ONES)), ("load_historical_bars", ("1m", [NAIVE], *ONES)),
        ("extend_ticks", ([NAIVE], *ONES[:2])), ("extend_quotes", ([NAIVE], *ONES[:4])),
    ):  # fmt: skip
        _, spy = store()
        with pytest.raises(sd.TimeError, match=r"naive .*or pass tz=.*SPY") as caught:
            getattr(spy, name)(*arguments)
        assert caught.value.symbol == "SPY"
        getattr(spy, name)(*arguments, tz="America/New_York")


def test_a_zone_that_is_none_is_corrected() -> None:
    _, spy = store()
    with pytest.raises(sd.TimeError, match="did you mean 'America/New_York'") as caught:
        spy.extend([NAIVE], *ONES, tz="America/NewYork")
    assert "pip" not in str(caught.value)


# --- later sessions -------------------------------------------------------------------------------

LATER = {
    "append": lambda data, spy, ts: spy.append(ts, *BAR),
    "store": lambda data, spy, ts: data.append("SPY", ts, *BAR),
    "extend": lambda data, spy, ts: spy.extend([ts], *ONES),
    "slice": lambda data, spy, ts: data.append_slice(["SPY"], ts, *ONES),
    "fill": lambda data, spy, ts: spy.fill([ts], *ONES),
    "tick": lambda data, spy, ts: spy.append_tick(ts, 1.0, 1.0),
    "ticks": lambda data, spy, ts: spy.extend_ticks([ts], *ONES[:2]),
    "quote": lambda data, spy, ts: spy.append_quote(ts, *BAR[:4]),
    "quotes": lambda data, spy, ts: spy.extend_quotes([ts], *ONES[:4]),
}


@pytest.mark.parametrize("door", LATER)
def test_every_door_names_the_later_session_and_takes_the_row_after_the_roll(door: str) -> None:
    data, spy = store()
    ts = OPEN + DAY
    with pytest.raises(sd.LaterSessionError, match=r"roll_session\('2024-03-13'\) first") as caught:
        LATER[door](data, spy, ts)
    error = caught.value
    assert isinstance(error, sd.SessionStateError)
    assert (error.symbol, error.ts_ns, error.date, error.code) == ("SPY", ts, dt.date(2024, 3, 13), "ERR_LATER_SESSION")
    assert error.row == (0 if door in ("extend", "slice", "fill", "ticks", "quotes") else None)
    again = pickle.loads(pickle.dumps(error))
    assert (again.symbol, again.ts_ns, again.date, again.row) == (error.symbol, error.ts_ns, error.date, error.row)
    assert jit.append(spy, ts, *BAR) == jit.ERR_LATER_SESSION
    data.roll_session(error.date)
    data.advance_to(ts + MINUTE)
    assert LATER[door](data, spy, ts)


def test_a_close_that_ends_a_later_session_is_of_that_one() -> None:
    data, spy = store(None, label="close")
    with pytest.raises(sd.LaterSessionError) as caught:
        spy.append(OPEN - OPEN % DAY + 2 * DAY, *BAR)  # midnight ends the 13th
    assert caught.value.date == dt.date(2024, 3, 13)
    data.roll_session(caught.value.date)
    assert spy.append(OPEN - OPEN % DAY + 2 * DAY, *BAR)


def test_a_close_of_midnight_for_a_day_of_trades_is_a_source_error() -> None:
    """It was a bare KeyError: the label is the next day's."""
    data, spy = store(None, label="close")
    midnight = OPEN - OPEN % DAY + DAY
    spy.append_tick(midnight - 5 * MINUTE, 1.0, 1.0)
    data.roll_session()
    spy.append(midnight + MINUTE, *BAR)
    for ts in (midnight - MINUTE, midnight):
        with pytest.raises(sd.InputKindError) as caught:
            spy.append(ts, *BAR)
        assert (caught.value.input_kind, caught.value.kind, caught.value.symbol) == ("ticks", "bars", "SPY")


# --- names ----------------------------------------------------------------------------------------


def test_mappings_by_interval_know_spellings_and_name_what_there_is() -> None:
    data, spy = store()
    spy.append(OPEN, *BAR)
    assert spy.bars_derived["60m"] is spy.bars_derived["1h"]
    assert spy.bar_quality["60s"] == 100.0
    assert spy.bar_gaps["300s"] == []
    data.roll_session()
    assert spy.historical_bars["60s"].dates == spy.historical_bars["1m"].dates == [dt.date(2024, 3, 12)]
    for mapping in (spy.bars_derived, spy.bar_quality, spy.bar_gaps, spy.historical_bars):
        assert "60m" in mapping
        assert mapping.get("60m") is not None
        for name in ("30m", "5T", 5):
            assert name not in mapping
            assert mapping.get(name, "none") == "none"
            with pytest.raises(sd.UnknownNameError, match=r"there are .*1h"):
                mapping[name]


def test_a_file_name_is_no_document() -> None:
    data, _ = store()
    for name in ("x.json", Path("x.json")):
        with pytest.raises(sd.ArgumentTypeError, match="write_bytes"):
            data.to_json(name)  # type: ignore[arg-type]


def test_a_grid_is_of_one_date() -> None:
    calendar = sd.calendar("XNYS")
    with pytest.raises(sd.CalendarError, match=r"calendar.session"):
        sd.find_gaps(np.array([OPEN]), calendar, "1m")  # type: ignore[call-overload]
    sd.find_gaps(np.array([OPEN]), calendar.session("2024-03-12"), "1m")


# --- errors as objects ----------------------------------------------------------------------------

MADE = [
    sd.BarError("a rule", symbol="SPY", row=3, value=1.5, code="ERR_X"),
    sd.BarTypeError("a rule", symbol="SPY", row=3, value="x=1"),
    sd.TimeError("a text", symbol="SPY", row=1, value=5, code="ERR_UNIT", unit="ms"),
    sd.LaterSessionError("SPY", 5, dt.date(2024, 3, 13), 2),
    sd.InputKindError("SPY", "ticks", "bars"),
    sd.BufferTooSmallError(10, 5),
    sd.InputError("a rule", path="a.csv", row=4, value="x"),
    sd.SnapshotError("a rule", path="a.snap", part="header"),
    sd.UnknownNameError("no such name", value="x"),
    sd.ArgumentError("none of these", value=5),
    sd.ArgumentTypeError("not this kind", value=5),
    sd.SessionStateError("a text", symbol="SPY"),
    sd.IntervalError("a text"), sd.CalendarError("a text"), sd.DateOutOfRangeError("a text"), sd.DeltaError("a text"),
    sd.ClosedBarsLostError("ui", (("SPY", "5m", dt.date(2024, 3, 12)), ("SPY", None, None))),
    sd.InactiveError("a text"), sd.ReentrantCallError("roll_session()", "an export"), sd.SessionDataError("a text"),
]  # fmt: skip


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_pickles_and_copies_of_errors_keep_their_facts(error: Any) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)
        for name in ("symbol", "row", "value", "rule", "code"):
            assert getattr(again, name) == getattr(error, name)


def test_all_errors_are_of_one_base() -> None:
    kinds = {getattr(errors, name) for name in errors.__all__}
    assert kinds == {type(error) for error in MADE}
    assert all(issubclass(kind, sd.SessionDataError) and getattr(sd, kind.__name__) is kind for kind in kinds)


@pytest.mark.parametrize(
    "call",
    [
        lambda data, spy: spy.extend([OPEN], *ONES, on_bad="coerce"),
        lambda data, spy: spy.extend([OPEN], *ONES, label="right"),
        lambda data, spy: sd.SessionData("XNYS", label="right"),
        lambda data, spy: sd.SessionData("XNYS", capacity=0),
        lambda data, spy: sd.SessionData("XNYS", grace_ns=-1),
        lambda data, spy: data.register_symbol("X", quote_bars="last"),
        lambda data, spy: data.set_gaps("SPY", "1m", [{"start": 1}]),
        lambda data, spy: data.to_json(timestamps="s"),
        lambda data, spy: data.to_json(symbols="SPY"),
        lambda data, spy: sd.DataQualityManager(data, "live"),
        lambda data, spy: sd.DataQualityManager(data, placeholders="no"),
        lambda data, spy: sd.DataQualityManager(data, unit="m"),
        lambda data, spy: spy.bars().last(-1),
        lambda data, spy: data.add_historical_indicator(""),
        lambda data, spy: sd.quality({}, {}, "1m", workers=0),
    ],
)
def test_wrong_arguments_are_errors_of_the_library(call: Any) -> None:
    data, spy = store()
    with pytest.raises(sd.SessionDataError) as caught:
        call(data, spy)
    assert isinstance(caught.value, (ValueError, TypeError))


def test_names_that_a_mapping_lacks_are_errors_of_the_library() -> None:
    """`data.symbols` gave a bare KeyError, as did the grids of many symbols and compiled code."""
    data, spy = store()
    data.register_symbol("IBM")
    symbols = data.symbols
    with pytest.raises(sd.UnknownNameError, match=r"unknown symbol 'X'; register_symbol\('X'\) first") as caught:
        symbols["X"]
    assert caught.value.value == "X"
    assert symbols.get("X") is None
    with pytest.raises(TypeError):
        symbols["X"] = spy  # type: ignore[index]
    data.register_symbol("X")  # as it says
    assert symbols["X"].symbol == "X"
    assert list(symbols) == list(symbols.keys()) == ["SPY", "IBM", "X"] == [*reversed(symbols)][::-1]
    assert [value.symbol for value in symbols.values()] == [name for name, _ in symbols.items()]
    assert ("X" in symbols, "Y" in symbols, len(symbols)) == (True, False, 3)
    assert symbols == data.symbols == symbols.copy()
    assert repr(symbols) == "<3 symbols: SPY, IBM, X>"
    grid = sd.calendar("XNYS").session("2024-03-12")
    with pytest.raises(sd.UnknownNameError, match="no grid of 'B'"):
        sd.find_gaps({"A": [OPEN], "B": [OPEN]}, {"A": grid}, "1m")
    numba = pytest.importorskip("numba")
    with pytest.raises(sd.UnknownNameError, match="the symbol holds no interval '2m'"):
        numba.njit(lambda symbol: len(symbol.bars("2m")))(spy)


def test_values_that_no_document_holds_name_symbol_and_value() -> None:
    data, _ = store()
    for value in ({1, 2}, "\ud800", object()):
        data.set_historical_indicator("SPY", "mine", value)
        for call in (data.to_json, data.to_dict):
            with pytest.raises(sd.ArgumentTypeError, match="indicator 'mine' of 'SPY' cannot be exported") as caught:
                call()
            assert caught.value.symbol == "SPY"
    data.set_historical_indicator("SPY", "mine", None)
    data.to_json()
    with pytest.raises(sd.ArgumentTypeError, match="knows nothing of complex"):
        sd.orjson_default(1j)
    with pytest.raises(sd.ArgumentTypeError, match="mode 'wb'"):
        data.save(io.StringIO())
    with pytest.raises(sd.ArgumentTypeError, match="mode 'rb'"):
        sd.load(io.StringIO("x"))


@pytest.mark.parametrize("name", ["", "\ud800", 5, "data"])
def test_names_of_indicators(name: Any) -> None:
    data, _ = store()
    for call in (
        lambda: data.add_historical_indicator(name, lambda _: 1.0),
        lambda: data.set_historical_indicator("SPY", name, 1),
    ):
        with pytest.raises(sd.ArgumentError, match="indicator"):
            call()


# --- packages that are missing, broken or too old -------------------------------------------------


def without(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize("is_there", [True, False])
def test_what_is_installed_is_not_to_be_installed(
    is_there: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`pip install polars` does nothing where polars is there and broken."""
    if not is_there:

        def absent(package: str) -> str:
            raise importlib.metadata.PackageNotFoundError(package)

        monkeypatch.setattr(importlib.metadata, "version", absent)
    _, spy = store()
    spy.append(OPEN, *BAR)
    (tmp_path / "SPY.parquet").write_bytes(b"PAR1")
    from sessiondata.readers import bars as readers

    for name, call, extra in (
        ("pandas", spy.bars().to_pandas, "pandas"),
        ("polars", spy.bars().to_polars, "polars"),
        ("pyarrow", spy.bars().to_arrow, "arrow"),
        ("exchange_calendars", lambda: sd.calendar("XTAE"), "calendars"),
        ("pyarrow", lambda: list(readers.read_bars(tmp_path / "SPY.parquet")), "parquet"),
    ):
        with monkeypatch.context() as patch:
            without(patch, name)
            with pytest.raises((ImportError, sd.CalendarError, sd.InputError)) as caught:
                call()
        install = f'pip install {"--upgrade " if is_there else ""}"sessiondata[{extra}]"'
        assert install in str(caught.value)
        assert ("is installed, but cannot be imported" in str(caught.value)) == is_there


def test_what_is_too_old_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    _, spy = store()
    for name, module, call in (
        ("pyarrow", SimpleNamespace(RecordBatchReader=object), spy.bars().to_arrow),
        ("polars", SimpleNamespace(DataFrame=object), spy.bars().to_polars),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, module)
            with pytest.raises(ImportError, match=rf"needs {name} >= .* is too old: pip install --upgrade"):
                call()


# --- answers of a provider ------------------------------------------------------------------------


def asked(answer: Any, **options: Any) -> tuple[Any, Any, Any]:
    """The one request of a manager for the two minutes that are missing."""
    data, spy = store()
    spy.append(OPEN, *BAR)
    spy.append(OPEN + 3 * MINUTE, *BAR)
    manager = sd.DataQualityManager(data, "live", lambda *_: answer, **options)
    (request,) = manager.step()
    return spy, manager, request


TWO = [OPEN + MINUTE, OPEN + 2 * MINUTE]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("as_frame", [False, True])
def test_answers_may_be_of_any_unit(unit: str, as_frame: bool) -> None:
    per = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    columns: Any = [np.array(TWO) // per, *[np.ones(2)] * 5]
    if as_frame:
        columns = pd.DataFrame(dict(zip(("timestamp", "open", "high", "low", "close", "volume"), columns, strict=True)))
    spy, _, request = asked(columns, unit=unit)
    assert (request.outcome, request.rows, spy.bars().missing) == ("filled", 2, 0)
    if unit != "ns":
        spy, _, request = asked(columns)
        assert (request.outcome, spy.bars().missing) == ("invalid", 2)
        assert f"unit={unit!r}" in request.detail


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan")])
@pytest.mark.parametrize("volume", [0.0, -1.0, float("nan")])
def test_rows_that_say_that_there_is_none_are_no_bars(price: float, volume: float) -> None:
    prices = [np.array([price, 2.0])] * 4
    spy, manager, request = asked((TWO, *prices, np.array([volume, 5.0])))
    assert (request.outcome, request.rows) == ("partial", 1)
    assert "1 rows say that there is none" in request.detail
    assert manager.get_quality_stats()["placeholders"] == 1
    assert spy.session_low == 1.0
    spy, _, request = asked((TWO, *[np.full(2, price)] * 4, np.full(2, volume)))
    assert (request.outcome, request.rows, spy.bars().missing) == ("invalid", 0, 2)


def test_who_trades_at_these_prices_keeps_them() -> None:
    columns = (TWO, *[np.array([-1.0, 0.0])] * 4, np.zeros(2))
    spy, _, request = asked(columns, placeholders="keep")
    assert (request.outcome, spy.session_low) == ("filled", -1.0)
    real = (TWO, *[np.array([-1.0, -37.63])] * 4, np.ones(2))  # negative prices are real
    spy, _, request = asked(real)
    assert (request.outcome, spy.session_low) == ("filled", -37.63)


# What is unknown, or no value of its kind: (call, symbol, value). Nobody parses texts for them.
FACTS: dict[str, Any] = {
    "symbol": (lambda d, s: d.get_symbol_data("Q"), "Q", "Q"),
    "symbol of a mapping": (lambda d, s: d.symbols["Q"], "Q", "Q"),
    "append": (lambda d, s: d.append("Q", 1, 1, 1, 1, 1, 1), "Q", "Q"),
    "interval": (lambda d, s: s.bars("7m"), "A", "7m"),
    "interval of a mapping": (lambda d, s: s.bars_derived["7m"], None, "7m"),
    "interval of outages": (lambda d, s: d.classify_gaps(interval="7m"), None, "7m"),
    "interval of all bars": (lambda d, s: d.get_all_bars_including_historical("A", "7m"), "A", "7m"),
    "interval of an export": (lambda d, s: d.to_json(intervals=["7m"]), None, "7m"),
    "cursor": (lambda d, s: d.to_json(cursor="u"), None, "u"),
    "cursor to drop": (lambda d, s: d.drop_cursor("u"), None, "u"),
    "date without a session": (lambda d, s: d.start_session("2024-03-16"), None, dt.date(2024, 3, 16)),
    "date out of range": (lambda d, s: d.start_session("1500-01-01"), None, dt.date(1500, 1, 1)),
    "no date": (lambda d, s: d.start_session("x"), None, "x"),
    "past day": (lambda d, s: s.historical_day("2024-03-11"), "A", dt.date(2024, 3, 11)),
    "past date": (lambda d, s: s.historical_bars["1m"]["2024-03-11"], "A", dt.date(2024, 3, 11)),
    "calendar": (lambda d, s: sd.calendar("XNYZ"), None, "XNYZ"),
    "no calendar": (lambda d, s: sd.calendar(5), None, 5),  # type: ignore[arg-type]
    "indicator": (lambda d, s: d.add_historical_indicator("sma_2d"), None, "sma_2d"),
    "indicator that was not added": (lambda d, s: d.get_historical_indicator("A", "x"), "A", "x"),
    "base interval": (lambda d, s: sd.SessionData(None, "7x"), None, "7x"),
    "derived interval": (lambda d, s: sd.SessionData(None, "2m", ("5m",)), None, "5m"),
    "timestamps": (lambda d, s: d.to_json(timestamps="x"), None, "x"),
    "capacity": (lambda d, s: sd.SessionData(None, capacity=0), None, 0),
    "on_bad": (lambda d, s: s.extend([1], *[[1]] * 5, on_bad="x"), None, "x"),
    "label": (lambda d, s: s.extend([1], *[[1]] * 5, label="x"), None, "x"),
    "name of a symbol": (lambda d, s: d.register_symbol(""), None, ""),
    "quote_bars": (lambda d, s: d.register_symbol("B", quote_bars="x"), None, "x"),
    "naive time": (lambda d, s: s.append(dt.datetime(2024, 1, 1), 1, 1, 1, 1, 1), "A", dt.datetime(2024, 1, 1)),
    "zone": (lambda d, s: sd.SessionCalendar.from_hours("09:30", "16:00", "x/y"), None, "x/y"),
    "workers": (
        lambda d, s: sd.find_gaps({"A": [1]}, sd.calendar("XNYS").session("2024-03-12"), "1m", workers=0),
        None,
        0,
    ),
    "mode": (lambda d, s: sd.DataQualityManager(d, mode="x"), None, "x"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", FACTS)
def test_errors_of_names_and_arguments_carry_what_they_are_about(what: str) -> None:
    call, symbol, value = FACTS[what]
    data = sd.SessionData("XNYS", "1m", ("5m",))
    held = data.register_symbol("A")
    with pytest.raises(sd.SessionDataError) as caught:
        call(data, held)
    assert (caught.value.symbol, caught.value.value) == (symbol, value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.symbol, again.value) == (str(caught.value), symbol, value)


def test_a_call_with_other_arguments_names_itself() -> None:
    """The native methods of trades and quotes were both called `append`."""
    spy = sd.SessionData().register_symbol("SPY")
    for name in ("append", "append_tick", "append_quote"):
        for arguments in ((), (1,), (1,) * 9):
            with pytest.raises(TypeError, match=rf"^{name}\(\) takes "):
                getattr(spy, name)(*arguments)
