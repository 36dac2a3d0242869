"""Trades and quotes: what a user sees. The laws are tested in test_laws.py, real data in
test_real_trades.py.

Long because trades and quotes have each of the cases that bars have.
"""

from __future__ import annotations

import datetime as dt
import gc
import pickle
from typing import Any

import numpy as np
import orjson
import pytest

import sessiondata as sd
from sessiondata.store.symbol import state_of

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY_NS = 1_710_201_600_000_000_000  # 2024-03-12T00:00Z


def store(**options: Any) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    data = sd.SessionData(None, "1m", ("5m", "15m", "1d"), **options)
    return data, data.register_symbol("SPY")


def columns(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A trade every seven seconds."""
    i = np.arange(n)
    return DAY_NS + 7 * SECOND * i, 100.0 + i % 13, 1.0 + i % 5


# --- bars ---


def test_the_bar_in_progress_is_readable_and_flagged() -> None:
    _, spy = store()
    spy.append_tick(DAY_NS + 1 * SECOND, 100.0, 10.0, "Q")
    spy.append_tick(DAY_NS + 2 * SECOND, 102.0, 5.0, "N")
    spy.append_tick(DAY_NS + 3 * SECOND, 101.0, 1.0)
    assert spy.bars_base[-1] == sd.Bar(DAY_NS, 100.0, 102.0, 100.0, 101.0, 16.0, forming=True)
    assert spy.bars("5m")[-1][:7] == (DAY_NS, 100.0, 102.0, 100.0, 101.0, 16.0, True)
    assert spy.bars("5m").coverage == (1, 5)
    assert (spy.session_volume, spy.session_high, spy.session_low) == (16.0, 102.0, 100.0)
    assert spy.bars_base.forming


def test_the_clock_closes_a_bar_and_no_arrival_is_needed() -> None:
    data, spy = store()
    spy.append_tick(DAY_NS + 1 * SECOND, 100.0, 10.0)
    assert (spy.bars_base.expected, spy.bars_base.present) == (0, 0)
    data.advance_to(DAY_NS + MINUTE - 1)
    assert spy.bars_base.forming
    data.advance_to(DAY_NS + MINUTE)
    assert not spy.bars_base.forming
    assert (spy.bars_base.expected, spy.bars_base.present) == (1, 1)
    # and still takes a trade that is in time order
    assert spy.append_tick(DAY_NS + 59 * SECOND, 99.0, 1.0)
    assert spy.bars_base[-1] == sd.Bar(DAY_NS, 100.0, 100.0, 99.0, 99.0, 11.0)


def test_a_trade_proves_no_more_than_its_own_time() -> None:
    """A bar that has come proves that its minute is over; a trade does not, so its slot is pending,
    not missing."""
    data, spy = store()
    spy.append_tick(DAY_NS + 5 * MINUTE + 1, 100.0, 10.0)
    assert [(gap.bar_count, gap.end_ns) for gap in spy.bar_gaps["1m"]] == [(5, DAY_NS + 4 * MINUTE)]
    assert spy.bar_gaps["5m"][0].bar_count == 1
    assert data.as_of == dt.datetime(2024, 3, 12, 0, 5, tzinfo=dt.UTC)
    assert state_of(spy).core.as_of == DAY_NS + 5 * MINUTE + 1


def test_a_trade_at_the_end_of_a_slot_belongs_to_the_next() -> None:
    _, spy = store()
    spy.extend_ticks([DAY_NS + MINUTE - 1, DAY_NS + MINUTE], [1.0, 2.0], [1.0, 1.0])
    assert spy.bars_base.timestamp.tolist() == [DAY_NS, DAY_NS + MINUTE]
    assert [bar.forming for bar in spy.bars_base] == [False, True]


def test_a_late_trade_folds_its_bar_again_and_what_stands_on_it() -> None:
    _, spy = store()
    ts, price, size = columns(100)
    spy.extend_ticks(np.delete(ts, 20), np.delete(price, 20), np.delete(size, 20))
    moved = spy.ticks[:]
    assert spy.append_tick(int(ts[20]), 500.0, 1.5)
    assert not moved.is_valid()
    assert spy.bars_base[2].high == spy.bars("5m")[0].high == spy.session_high == 500.0
    assert (spy.ticks.counters["late"], spy.counters["corrected"]) == (1, 1)
    _, other = store()
    other.extend_ticks(ts, np.where(np.arange(100) == 20, 500.0, price), np.where(np.arange(100) == 20, 1.5, size))
    for name in spy.intervals:
        assert list(spy.bars(name)) == list(other.bars(name))


def test_trades_of_one_time_stay_in_order_of_arrival() -> None:
    _, spy = store()
    for price in (1.0, 2.0, 3.0):
        spy.append_tick(DAY_NS + SECOND, price, 1.0)
    spy.append_tick(DAY_NS + 2 * SECOND, 9.0, 1.0)
    spy.append_tick(DAY_NS + SECOND, 4.0, 1.0)  # late, and the last of its time
    spy.extend_ticks([DAY_NS + SECOND] * 2, [5.0, 6.0], [1.0, 1.0])
    assert spy.ticks.price.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0]
    assert spy.bars_base[0][1:6] == (1.0, 9.0, 1.0, 9.0, 7.0)


def test_equal_trades_are_two_trades() -> None:
    _, spy = store()
    assert spy.append_tick(DAY_NS, 1.0, 2.0, "Q")
    assert spy.append_tick(DAY_NS, 1.0, 2.0, "Q")
    assert (len(spy.ticks), spy.session_volume) == (2, 4.0)


def test_bars_stay_when_the_ring_lets_go_of_their_trades() -> None:
    data, spy = store(tick_capacity=16)
    ts, price, size = columns(300)
    spy.extend_ticks(ts, price, size)
    _, other = store(tick_capacity=300)
    other.extend_ticks(ts, price, size)
    assert spy.ticks.timestamp.tolist() == ts[-16:].tolist()
    assert (spy.ticks.counters["overwritten"], spy.ticks.total_count) == (284, 300)
    for name in spy.intervals:
        assert list(spy.bars(name)) == list(other.bars(name))
    # Sixteen trades are two minutes of them: the slot before has lost some, and could not be folded
    # again.
    before = data.to_dict()
    assert not spy.append_tick(int(ts[-16]) - MINUTE, 1.0, 1.0)
    assert spy.ticks.counters["too_old"] == 1
    assert data.to_dict() == before
    assert spy.append_tick(int(ts[-2]) + 1, 1.0, 1.0)


# --- what feeds a symbol ---


def test_trades_and_bars_are_not_mixed() -> None:
    data, spy = store()
    spy.append_tick(DAY_NS, 1.0, 1.0)
    before = data.to_dict()
    bar, arrays = (1.0,) * 5, [[1.0]] * 5
    calls = [
        lambda: spy.append(DAY_NS, *bar),
        lambda: spy.append(DAY_NS + MINUTE, 1, 1, 1, 1, 1),
        lambda: spy.extend([DAY_NS + MINUTE], *arrays),
        lambda: spy.extend([DAY_NS + MINUTE], *arrays, on_bad="skip"),
        lambda: spy.extend([DAY_NS + MINUTE], *arrays, label="close"),
        lambda: spy.extend([DAY_NS, DAY_NS - 1], *([[1.0, 1.0]] * 5)),
        lambda: data.append_slice(["SPY"], DAY_NS + MINUTE, *arrays),
    ]
    for call in calls:
        with pytest.raises(sd.InputKindError, match=r"bars for a symbol of ticks symbol='SPY' \(ERR_INPUT_KIND\)"):
            call()
        assert data.to_dict() == before


def test_bars_refuse_trades_and_quotes_that_make_bars() -> None:
    data, spy = store()
    ibm = data.register_symbol("IBM", quote_bars="bid")
    for symbol in (spy, ibm):
        symbol.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)
    before = data.to_dict()
    for call in (
        lambda: spy.append_tick(DAY_NS, 1.0, 1.0),
        lambda: spy.extend_ticks([DAY_NS], [1.0], [1.0], on_bad="skip"),
        lambda: ibm.append_quote(DAY_NS, 1.0, 1.0, 1.0, 1.0),
        lambda: ibm.extend_quotes([DAY_NS], [1.0], [1.0], [1.0], [1.0]),
    ):
        with pytest.raises(sd.InputKindError) as caught:
            call()
        error = caught.value
        assert error.input_kind == "bars"
        assert isinstance(error, sd.SessionStateError)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        assert data.to_dict() == before
    assert spy.append_quote(DAY_NS, 1.0, 1.0, 1.0, 1.0)  # makes none


def test_a_refused_first_trade_decides_nothing_and_starts_no_session() -> None:
    data, spy = store()
    for call in (
        lambda: spy.append_tick(DAY_NS, float("nan"), 1.0),
        lambda: spy.extend_ticks([DAY_NS, DAY_NS], [1.0, 1.0], [1.0, -1.0]),
        lambda: spy.append_tick(DAY_NS, 1.0, 1.0, "too long for it"),
    ):
        with pytest.raises(sd.BarError):
            call()
        assert data.session_date is None
    assert spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)


def test_a_new_session_forgets_what_fed_the_last() -> None:
    data, spy = store()
    spy.append_tick(DAY_NS, 1.0, 1.0)
    spy.append_quote(DAY_NS, 1.0, 1.0, 1.0, 1.0)
    window = spy.ticks[:]
    state_of(spy).core.stop()
    assert (len(spy.ticks), spy.ticks.latest, spy.ticks_updated, spy.quotes_updated) == (0, None, False, False)
    assert not window.is_valid()
    assert window.price.tolist() == [1.0]
    data.remove_symbol("SPY")
    with pytest.raises(sd.SessionStateError, match="removed"):
        spy.append_tick(DAY_NS, 1.0, 1.0)


# --- quotes ---


def test_quotes_keep_the_latest_and_make_no_bars() -> None:
    data, spy = store()
    spy.append_quote(DAY_NS + 3, 99.0, 101.0, 5.0, 7.0)
    spy.append_quote(DAY_NS + 1, 98.0, 100.0, 1.0, 1.0)
    assert spy.quotes.latest == sd.Quote(DAY_NS + 3, 99.0, 101.0, 5.0, 7.0)
    assert spy.quotes.latest.mid == 100.0
    assert spy.quotes.bid.tolist() == [98.0, 99.0]
    assert (len(spy.bars_base), data.as_of) == (0, None)
    assert spy.append(DAY_NS, 1.0, 1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(("side", "prices"), [("bid", (10.0, 11.0)), ("ask", (20.0, 14.0)), ("mid", (15.0, 12.5))])
def test_quotes_make_bars_where_asked(side: str, prices: tuple[float, float]) -> None:
    data, _ = store()
    ibm = data.register_symbol("IBM", quote_bars=side)
    ibm.append_quote(DAY_NS, 10.0, 20.0, 1.0, 1.0)
    ibm.append_quote(DAY_NS + 1, 11.0, 14.0, 1.0, 1.0)
    assert ibm.bars_base[-1] == sd.Bar(DAY_NS, prices[0], max(prices), min(prices), prices[1], 0.0, forming=True)
    with pytest.raises(ValueError, match="other quote_bars"):
        data.register_symbol("IBM", quote_bars="mid" if side != "mid" else "ask")
    assert data.register_symbol("IBM") is ibm
    with pytest.raises(ValueError, match="quote_bars is"):
        data.register_symbol("X", quote_bars="last")


def test_the_middle_of_huge_prices_is_finite() -> None:
    data, _ = store()
    ibm = data.register_symbol("IBM", quote_bars="mid")
    ibm.append_quote(DAY_NS, 1.7e308, 1.7e308, 1.0, 1.0)
    assert ibm.bars_base[-1].close == 1.7e308


# --- series ---


@pytest.mark.parametrize("capacity", [16, 100, 1000])
def test_columns_are_read_only_views_also_after_the_ring_has_wrapped(capacity: int) -> None:
    _, spy = store(tick_capacity=capacity, quote_capacity=capacity)
    ts, price, size = columns(333)
    for i in range(0, 333, 37):
        spy.extend_ticks(ts[i : i + 37], price[i : i + 37], size[i : i + 37], "NYSE")
        spy.extend_quotes(ts[i : i + 37], price[i : i + 37], price[i : i + 37] + 1, size[i : i + 37], size[i : i + 37])
        n = min(capacity, i + 37)
        ticks, quotes = spy.ticks, spy.quotes
        shown = [ticks.timestamp, ticks.price, ticks.size, ticks.exchange]
        shown += [quotes.timestamp, quotes.bid, quotes.ask, quotes.bid_size, quotes.ask_size]
        for column in shown:
            assert len(column) == n
            assert column.flags.c_contiguous
            assert not column.flags.writeable
            with pytest.raises(ValueError, match="WRITEABLE"):
                column.flags.writeable = True
        assert ticks.price.tolist() == quotes.bid.tolist() == price[i + 37 - n : i + 37].tolist()
        assert np.shares_memory(ticks.last(3).price, ticks.price)
        assert set(ticks.exchange.tolist()) == {b"NYSE"}


def test_windows() -> None:
    _, spy = store(tick_capacity=50)
    ts, price, size = columns(50)
    spy.extend_ticks(ts, price, size, ["A", "B"] * 25)
    window = spy.ticks.last(10)
    assert isinstance(window, sd.TickWindow)
    assert (
        list(window)
        == [sd.Tick(int(t), p, s, "AB"[i % 2]) for i, (t, p, s) in enumerate(zip(ts, price, size, strict=True))][-10:]
    )
    assert window[-1] == spy.ticks[-1] == spy.ticks.latest
    assert list(window[2:4]) == list(spy.ticks)[-8:-6]
    assert list(window[::3]) == list(window)[::3]
    assert list(spy.ticks.since(int(ts[45]))) == list(spy.ticks)[45:]
    assert spy.ticks.since(dt.datetime(2024, 3, 12, tzinfo=dt.UTC)).timestamp[0] == DAY_NS
    assert window.datetime64[0] == np.datetime64(int(ts[40]), "ns")
    assert (window.symbol, len(spy.ticks.window(-3, -1)), len(spy.ticks.window(3, 1))) == ("SPY", 2, 0)
    with pytest.raises(IndexError):
        window[10]
    with pytest.raises(ValueError, match="negative"):
        spy.ticks.last(-1)
    kept, oldest = window.copy(), spy.ticks[:3]
    spy.append_tick(int(ts[-1]) + 1, 7.0, 1.0)
    assert window.is_valid()
    assert not oldest.is_valid()
    spy.extend_ticks(ts + 400 * SECOND, price, size)
    assert not window.is_valid()
    assert kept.is_valid()
    assert kept.price.tolist() == price[-10:].tolist()
    assert "10 rows" in repr(kept)
    assert "TickSeries SPY: 50 rows, latest" in repr(spy.ticks)
    assert repr(spy.quotes) == "<QuoteSeries SPY: 0 rows>"
    assert repr(spy.quotes[:]) == "<QuoteWindow SPY: empty>"
    assert spy.quotes.bid.tolist() == spy.quotes.timestamp.tolist() == spy.quotes[:].ask_size.tolist() == []


def test_flags_are_set_by_change_and_cleared_by_the_reader() -> None:
    _, spy = store()
    assert not spy.ticks_updated
    assert not spy.quotes_updated
    spy.ticks_updated = True  # nothing there that could have changed
    spy.append_tick(DAY_NS + 5, 1.0, 1.0)
    assert (spy.ticks_updated, spy.quotes_updated, spy.bars_updated) == (True, False, True)
    spy.ticks_updated = spy.bars_updated = False
    for change in (
        lambda: spy.append_tick(DAY_NS + 6, 1.0, 1.0),
        lambda: spy.append_tick(DAY_NS + 2, 1.0, 1.0),
        lambda: spy.extend_ticks([DAY_NS + 7], [1.0], [1.0]),
        lambda: spy.extend_ticks([DAY_NS + 6 * MINUTE], [1.0], [1.0]),
    ):
        change()
        assert (spy.ticks_updated, spy.bars_updated) == (True, True)
        spy.ticks_updated = spy.bars_updated = False
    spy.append_quote(DAY_NS, 1.0, 1.0, 1.0, 1.0)
    assert (spy.ticks_updated, spy.quotes_updated, spy.bars_updated) == (False, True, False)


def test_memory_is_that_of_bars_until_the_first_trade() -> None:
    data, spy = store(tick_capacity=1000, quote_capacity=1000)
    data.start_session("2024-03-12")
    before = data.memory_usage()
    spy.append_tick(DAY_NS, 1.0, 1.0)
    after = data.memory_usage()
    assert 64_000 <= after["reserved"] - before["reserved"] < 70_000
    assert after["rows"] - before["rows"] == 32 + 48 + 3 * 52 + 52 - 52
    spy.append_quote(DAY_NS, 1.0, 1.0, 1.0, 1.0)
    assert data.memory_usage()["rows"] - after["rows"] == 40


# --- what is handed in ---


def test_times_and_numbers_of_every_kind() -> None:
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    data, spy = store()
    ts, price, size = columns(20)
    spy.extend_ticks(ts, price, size, "Q")
    text = np.array(["Q"] * 20)
    frames: list[tuple[Any, ...]] = [
        (ts.view("datetime64[ns]").astype("datetime64[us]"), price.astype(np.float32), size.astype(int), text),
        (pd.Series(pd.to_datetime(ts, utc=True)), pd.Series(price), pd.Series(size), pd.Series(text)),
        (
            pl.Series(ts.view("datetime64[ns]")).dt.replace_time_zone("UTC"),
            pl.Series(price),
            pl.Series(size),
            text.tolist(),
        ),
        (
            pa.array(ts.view("datetime64[ns]"), pa.timestamp("ns", "UTC")),
            pa.array(price),
            pa.array(size),
            text.astype("S"),
        ),
        (ts[::-1], price[::-1], size[::-1], np.array([b"Q"] * 20, object)),
    ]
    for number, frame in enumerate(frames):
        other = data.register_symbol(f"S{number}")
        options = {"tz": "UTC"} if number == 0 else {}
        assert other.extend_ticks(*frame, **options) == 20
        assert list(other.ticks) == list(spy.ticks)
    other.append_tick(np.datetime64(int(ts[-1]) + 5, "ns"), np.float32(1.0), np.int64(3))
    assert other.ticks.latest == sd.Tick(int(ts[-1]) + 5, 1.0, 3.0)
    with pytest.raises(sd.TimeError, match="SPY"):
        spy.extend_ticks([0.5], [1.0], [1.0])
    with pytest.raises(sd.TimeError, match="SPY"):
        spy.append_tick("2024-03-12", 1.0, 1.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: s.append_tick(DAY_NS, float("inf"), 1.0), sd.BarError, "price and size must be finite: price=inf"),
        (lambda s: s.append_tick(DAY_NS, 1.0, -1.0), sd.BarError, "size must not be negative: size=-1.0 symbol='SPY'"),
        (lambda s: s.append_tick(DAY_NS, "1", 1.0), sd.BarTypeError, "price must be a real number"),
        (lambda s: s.append_tick(DAY_NS, 1.0, True), sd.BarTypeError, "size must be a real number"),
        (lambda s: s.append_tick(DAY_NS, 1.0, 1.0, 5), sd.BarTypeError, "exchange must be a string"),
        (lambda s: s.append_tick(DAY_NS, 1.0, 1.0, "Zürich"), sd.BarError, "at most eight ASCII"),
        (lambda s: s.append_tick(DAY_NS, 1.0, 1.0, "\ud800"), sd.BarError, "at most eight ASCII"),
        (lambda s: s.extend_ticks([DAY_NS], [1.0], [1.0], ["\ud800"]), sd.BarError, "at most eight ASCII"),
        (lambda s: s.extend_ticks([DAY_NS], [1.0], [1.0], np.array(["\ud800"])), sd.BarError, "at most eight ASCII"),
        (lambda s: s.append_tick(DAY_NS, 1.0, 1.0, "A\0"), sd.BarError, "at most eight ASCII"),
        (lambda s: s.append_tick(-(2**63), 1.0, 1.0), sd.BarError, "NaT"),
        (lambda s: s.append_tick(2**63, 1.0, 1.0), sd.BarError, "ERR_TS_RANGE"),
        (lambda s: s.append_tick(2**63 - 1, 1.0, 1.0), sd.SessionStateError, "later than the session"),
        (lambda s: s.append_quote(DAY_NS, 1.0, float("nan"), 1.0, 1.0), sd.BarError, "must be finite: ask=nan"),
        (lambda s: s.append_quote(DAY_NS, 1.0, 1.0, 1.0, -2.0), sd.BarError, "bid_size=1.0, ask_size=-2.0"),
        (lambda s: s.extend_ticks([DAY_NS] * 2, [1.0, np.nan], [1.0] * 2), sd.BarError, "row=1 price=nan"),
        (lambda s: s.extend_ticks([DAY_NS] * 2, [1.0], [1.0] * 2), sd.BarError, "price: 1, time: 2"),
        (lambda s: s.extend_ticks([DAY_NS], [1.0], [1.0], ["A", "B"]), sd.BarError, "ERR_LENGTH"),
        (lambda s: s.extend_ticks([DAY_NS], [1.0], [1.0], [1]), sd.BarTypeError, "array of strings"),
        (lambda s: s.extend_ticks([DAY_NS], [1.0], [1.0], np.array([None])), sd.BarTypeError, "be a string"),
        (lambda s: s.extend_ticks([DAY_NS], [1.0], [1.0], ["123456789"]), sd.BarError, "at most eight ASCII"),
        (lambda s: s.extend_ticks([DAY_NS], [1.0], [1.0], np.array(["é".encode("latin-1")])), sd.BarError, "ASCII"),
        (lambda s: s.extend_ticks([DAY_NS], [1.0], [1.0], np.array([b"A\0B"])), sd.BarError, "ASCII"),
        (lambda s: s.extend_ticks([DAY_NS], [1.0], [1.0], on_bad="keep"), ValueError, "on_bad"),
        (lambda s: s.extend_quotes([DAY_NS], [1.0], [1.0], [1.0], ["x"]), sd.BarTypeError, "ask_size must be"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_changes_nothing(call: Any, error: type, message: str) -> None:
    for started in (True, False):
        data, spy = store()
        if started:
            spy.append_tick(DAY_NS + 7, 1.0, 1.0)
        before = (data.to_dict(), spy.ticks.counters, spy.quotes.counters)
        if not started and message == "later than the session":
            continue
        with pytest.raises(error) as caught:
            call(spy)
        assert message in str(caught.value)
        assert (data.to_dict(), spy.ticks.counters, spy.quotes.counters) == before
        assert (data.session_date is not None) == started


@pytest.mark.parametrize("started", [True, False])
def test_bad_rows_are_skipped_and_counted_where_asked(started: bool) -> None:
    data, spy = store()
    if started:
        data.start_session("2024-03-12")
    ts = [DAY_NS + 2 * SECOND, DAY_NS + SECOND, -(2**63), DAY_NS, DAY_NS]
    assert (
        spy.extend_ticks(ts, [1.0, np.nan, 1.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0, -1.0], list("abcde"), on_bad="skip")
        == 2
    )
    assert [tick.exchange for tick in spy.ticks] == ["d", "a"]
    assert spy.ticks.counters["skipped"] == {"ERR_NOT_FINITE": 1, "ERR_SIZE": 1, "ERR_NAT": 1}
    quotes = data.register_symbol("IBM")
    assert quotes.extend_quotes([DAY_NS], [1.0], [1.0], [1.0], [-1.0], on_bad="skip") == 0
    assert quotes.quotes.counters["skipped"] == {"ERR_SIZE": 1}


def test_only_bad_rows_start_no_session() -> None:
    data, spy = store()
    assert spy.extend_ticks([DAY_NS], [np.nan], [1.0], on_bad="skip") == 0
    assert spy.extend_ticks([], [], []) == 0
    assert data.session_date is None


def test_a_ring_extended_by_views_of_itself() -> None:
    _, spy = store(tick_capacity=40)
    ts, price, size = columns(40)
    spy.extend_ticks(ts, price, size, "Q")
    assert (
        spy.extend_ticks(spy.ticks.timestamp + 400 * SECOND, spy.ticks.price, spy.ticks.size, spy.ticks.exchange) == 40
    )
    assert spy.ticks.price.tolist() == price.tolist()
    assert spy.ticks.size.tolist() == size.tolist()


def resume(data: sd.SessionData) -> None:
    date = data.session_date
    data.end_session()
    data.start_session(date)


@pytest.mark.slow
def test_a_session_that_is_resumed_again_and_again_keeps_all_its_trades_and_quotes() -> None:
    """Each time the session goes on as a copy, which uses the rings of those before it. The one
    kind had come before the first of these, the other after it: the memory of the latter was freed,
    and reading it crashed."""
    data, spy = store()
    trades, quotes = [], []
    for n in range(6):
        at = DAY_NS + n * MINUTE
        if n != 1:
            spy.append_quote(at, 10.0 + n, 11.0, 1.0, 1.0)
            quotes.append(10.0 + n)
        if n > 0:
            spy.append_tick(at, 20.0 + n, 1.0)
            trades.append(20.0 + n)
        resume(data)
        gc.collect()
        assert (spy.ticks.price.tolist(), spy.quotes.bid.tolist()) == (trades, quotes)
        assert [bar.close for bar in spy.bars_base] == trades
        usage = data.memory_usage()
        assert usage["reserved"] >= usage["rows"] + 32 * 65_536 * (n > 0) + 40 * 65_536
        state_of(spy).core.check_invariants()


def test_a_ring_of_a_resumed_session_extended_by_views_of_itself() -> None:
    data, spy = store(tick_capacity=40)
    ts, price, size = columns(40)
    spy.extend_ticks(ts, price, size, "Q")
    resume(data)
    for n in (1, 2, 3):
        views = spy.ticks.price, spy.ticks.size, spy.ticks.exchange
        assert spy.extend_ticks(ts + 400 * n * SECOND, *views) == 40
        assert spy.ticks.price.tolist() == price.tolist()
        assert spy.ticks.size.tolist() == size.tolist()


def test_a_close_labelled_store_takes_trades_by_their_own_time() -> None:
    _, spy = store(label="close")
    spy.append_tick(DAY_NS + MINUTE, 1.0, 1.0)
    assert spy.bars_base.timestamp.tolist() == [DAY_NS + MINUTE]


def test_capacities_are_checked() -> None:
    for options in ({"tick_capacity": 0}, {"quote_capacity": 2**33}):
        with pytest.raises(ValueError, match="capacity is 1 to"):
            sd.SessionData(None, **options)
    _, spy = store(tick_capacity=1, quote_capacity=1)
    ts, price, size = columns(20)
    spy.extend_ticks(ts, price, size)
    spy.append_tick(int(ts[-1]), 7.0, 1.0)
    assert list(spy.ticks) == [sd.Tick(int(ts[-1]), 7.0, 1.0)]
    assert spy.session_volume == size.sum() + 1.0


# --- document ---


def test_the_document_shows_how_many_and_the_latest() -> None:
    data = sd.SessionData(
        sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York"), "1m", (), tick_capacity=2
    )
    spy, ibm, aig = (data.register_symbol(name) for name in ("SPY", "IBM", "AIG"))
    ts = DAY_NS + 14 * 60 * MINUTE + 1_500_000
    for i in range(3):
        spy.append_tick(ts + i, 100.25, 100.0 + i / 2, 'a"')
        ibm.append_quote(ts, 10.0, 10.5, 300.0, 0.5)
    document = data.to_dict()
    parts = {name: symbol["session"]["data"] for name, symbol in document["symbols"].items()}
    assert list(parts["SPY"]) == ["1m", "ticks"]
    assert parts["SPY"]["1m"]["forming"]
    assert parts["SPY"]["ticks"] == {
        "count": 2,
        "total_count": 3,
        "latest": {"timestamp": "10:00:00.001500002", "price": 100.25, "size": 101, "exchange": 'a"'},
    }
    latest = {"timestamp": "10:00:00.001500", "bid": 10.0, "ask": 10.5, "bid_size": 300, "ask_size": 0.5}
    assert list(parts["IBM"]) == ["1m", "quotes"]
    assert parts["IBM"]["quotes"] == {"count": 3, "total_count": 3, "latest": latest}
    assert list(parts["AIG"]) == ["1m"]
    assert aig.ticks.latest is None
    for style in ("time", "iso", "epoch_ms", "epoch_ns"):
        assert data.to_json(timestamps=style) == orjson.dumps(data.to_dict(timestamps=style))
