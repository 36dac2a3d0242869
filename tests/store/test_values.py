"""Values that are no prices, quotes with an empty side, inconsistent rows, sums that would be
infinite."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

import sessiondata as sd
from sessiondata import jit
from sessiondata.store.symbol import state_of

SECOND = 10**9
MINUTE = 60 * SECOND
OPEN = 1_710_250_200 * SECOND  # 2024-03-12 09:30 in New York
GOOD = (10.0, 10.5, 9.5, 10.2, 5.0)
HUGE = 2.0**961  # 2^63 of them are no double any more


def store(**options: Any) -> tuple[sd.SessionData, Any]:
    data = sd.SessionData("XNYS", "1m", ("5m", "1d"), **options)
    data.start_session("2024-03-12")
    return data, data.register_symbol("A")


def reloaded(data: sd.SessionData) -> sd.SessionData:
    file = io.BytesIO()
    data.save(file)
    file.seek(0)
    return sd.load(file)


# --- what is no number ----------------------------------------------------------------------------

NO_NUMBERS = [
    np.array("1"), np.array(True), np.array(5, "m8[ns]"), np.array("2024-03-12", "M8[ns]"), np.array([1.0]), True,
    np.True_, "1", b"1", None, np.timedelta64(5, "ns"), 1j, np.complex128(1), np.array(1.0, object), np.ma.masked,
    np.ma.array(1.0, mask=True), pd.NA, pd.Timestamp("2024-03-12"),
]  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: f"{type(value).__name__} {value!r:.20}")
def test_no_door_makes_a_number_of_it(value: Any) -> None:
    data, a = store()
    for i in range(5):
        with pytest.raises(sd.BarTypeError, match=r"(?s)must be a real number.*ERR_TYPE"):
            a.append(OPEN, *GOOD[:i], value, *GOOD[i + 1 :])
    for i in range(2):
        with pytest.raises(sd.BarTypeError, match="must be a real number"):
            a.append_tick(OPEN, *(1.0, 1.0)[:i], value, *(1.0, 1.0)[i + 1 :])
    for i in range(4):
        with pytest.raises(sd.BarTypeError, match="must be a real number"):
            a.append_quote(OPEN, *(1.0,) * i, value, *(1.0,) * (3 - i))
    if value is not None:
        with pytest.raises(sd.ArgumentTypeError, match="quality is a real number"):
            data.set_quality("A", "1m", value)
    assert (len(a.bars()), len(a.ticks), len(a.quotes)) == (0, 0, 0)


@pytest.mark.parametrize("value", [np.array(1.5), np.float32(1.5), 1.5, 2, np.int8(2)])
def test_numbers_of_all_kinds_are_prices(value: Any) -> None:
    _, a = store()
    assert a.append(OPEN, *[value] * 5)
    assert a.bars()[-1][1:6] == (float(value),) * 5


@pytest.mark.parametrize("value", [True, np.True_, np.array("1"), "1"])
def test_columns_of_a_list_neither(value: Any) -> None:
    """NumPy makes 1.0 of the bool in `[1.0, True]`."""
    _, a = store()
    with pytest.raises(sd.BarTypeError, match="ERR_DTYPE") as caught:
        a.extend([OPEN, OPEN + MINUTE], *[[1.0, 1.0]] * 3, [1.0, value], [1.0, 1.0])
    assert caught.value.symbol == "A"
    # else NumPy makes texts of all
    assert caught.value.row == (1 if isinstance(value, (bool, np.bool_)) else None)
    with pytest.raises(sd.BarTypeError):
        a.extend_ticks([OPEN, OPEN + MINUTE], [1.0, value], [1.0, 1.0])
    assert len(a.bars()) == 0


# --- sums that are infinite -----------------------------------------------------------------------


def test_volumes_and_sizes_are_refused_before_sums_of_them_are_infinite() -> None:
    data, a = store()
    data.register_symbol("B")
    b = data.symbols["B"]
    below = np.nextafter(HUGE, 0)
    for i in range(10):
        assert a.append(OPEN + i * MINUTE, *GOOD[:4], below)
        assert b.append_tick(OPEN + i, 1.0, below)
    for value in (HUGE, 1e300, 1.7e308):
        with pytest.raises(sd.BarError, match=r"below 2\*\*961 \(1\.9e289\).*ERR_VOLUME"):
            a.append(OPEN + 10 * MINUTE, *GOOD[:4], value)
        with pytest.raises(sd.BarError, match="ERR_VOLUME"):
            a.extend([OPEN + 10 * MINUTE], *([x] for x in (*GOOD[:4], value)))
        with pytest.raises(sd.BarError, match="ERR_VOLUME"):
            a.load_historical_bars("1m", [OPEN - 86_400 * SECOND], *([x] for x in (*GOOD[:4], value)))
        with pytest.raises(sd.BarError, match=r"below 2\*\*961 \(1\.9e289\).*ERR_SIZE"):
            b.append_tick(OPEN + 20, 1.0, value)
        with pytest.raises(sd.BarError, match="ERR_SIZE"):
            b.extend_ticks([OPEN + 20], [1.0], [value])
        assert jit.append(a, OPEN + 10 * MINUTE, *GOOD[:4], value) == jit.ERR_VOLUME
        assert jit.append_tick(b, OPEN + 20, 1.0, value, 0) == jit.ERR_SIZE
    assert a.extend([OPEN + 10 * MINUTE], *([x] for x in (*GOOD[:4], 1e300)), on_bad="skip") == 0
    assert a.counters["skipped"] == {"ERR_VOLUME": 1}
    for symbol in (a, b):
        assert np.isfinite(symbol.session_volume)
        assert np.isfinite(symbol.bars("5m").volume).all()
    again = reloaded(data)
    assert again.to_json() == data.to_json()


@pytest.mark.parametrize("price", [1e308, -1e308, 1.7e308])
def test_huge_prices_are_prices(price: float) -> None:
    data, a = store()
    b = data.register_symbol("B")
    assert a.append(OPEN, price, price, price, price, 1.0)
    assert b.append_tick(OPEN, price, 1.0)
    assert b.extend_ticks([OPEN + 1], [price], [1.0]) == 1
    assert jit.append(a, OPEN + MINUTE, price, price, price, price, 1.0) == 1


@pytest.mark.parametrize("trimmed", [False, True])
def test_prices_whose_products_are_infinite_leave_documents_and_snapshots_valid(trimmed: bool) -> None:
    """Prices of 1e308 times a volume, or less one of -1e308, are no double: indicators said inf and
    nan."""
    data = sd.SessionData(None, "1m", ("1d",), 1 if trimmed else 9)
    data.start_session("2024-03-12")
    a, b = data.register_symbol("A"), data.register_symbol("B")
    names = ("vwap_2d", "avg_range_2d", "max_price_2d", "avg_volume_2d")
    for name in names:
        data.add_historical_indicator(name)
    noon = 1_710_244_800 * SECOND
    for day in range(3):
        at = noon + day * 1440 * MINUTE
        a.append(at, 1.0, 1e308, -1e308, 1.0, 5.0)
        a.append(at + MINUTE, 1.7e308, 1.7e308, 1.7e308, 1.7e308, HUGE / 2)
        b.append(at, 10.0, 12.0, 9.0, 12.0, 2.0)
        data.roll_session()
    for store in (data, reloaded(data), data.copy()):
        asked = {name: store.get_historical_indicator("A", name) for name in names}
        assert asked == {
            "vwap_2d": None, "avg_range_2d": None, "max_price_2d": 1.7e308, "avg_volume_2d": HUGE / 2 + 5.0,
        }  # fmt: skip
        assert [store.get_historical_indicator("B", name) for name in names] == [11.0, 3.0, 12.0, 2.0]
        text = store.to_json()
        assert text == orjson.dumps(store.to_dict())
        assert b'"vwap_2d":null' in text
        assert reloaded(store).to_json() == text
        store.get_all_bars_including_historical("A", "1d")
        store.end_session()
        reloaded(store)


# --- inconsistent rows ----------------------------------------------------------------------------

INCONSISTENT = [
    (0.0, 0.0, 0.0, 7.26, 98.0), (10.0, 0.0, 0.0, 10.0, 5.0), (10.0, 10.5, 9.5, 11.2, 5.0), (9.0, 10.5, 9.5, 10.2, 5.0),
    (10.6, 10.5, 9.5, 10.2, 5.0), (10.0, 10.5, 9.5, 9.4, 5.0),
]  # fmt: skip


def columns(rows: Any, start: int = OPEN) -> list[Any]:
    return [np.arange(len(rows)) * MINUTE + start, *(np.array(column) for column in zip(*rows, strict=True))]


def test_inconsistent_rows_are_taken_and_counted_whichever_way_they_come() -> None:
    rows = [GOOD, *INCONSISTENT, GOOD]
    data, a = store()
    for ts, *row in zip(*columns(rows), strict=True):
        assert a.append(int(ts), *map(float, row))
    assert a.counters["inconsistent"] == len(INCONSISTENT)
    _, b = store()
    assert b.extend(*columns(rows)) == 8
    assert b.counters["inconsistent"] == len(INCONSISTENT)
    _, c = store()
    for i, row in enumerate(rows):
        assert jit.append(c, OPEN + i * MINUTE, *row) == 1
    assert c.counters["inconsistent"] == len(INCONSISTENT)
    assert a.append(OPEN + MINUTE, *GOOD), "a correction takes it back"
    assert a.counters["inconsistent"] == len(INCONSISTENT) - 1
    assert reloaded(data).symbols["A"].counters == a.counters
    assert data.copy().symbols["A"].counters == a.counters
    data.roll_session()
    assert a.counters["inconsistent"] == 0
    assert a.historical_day("2024-03-12").counters["inconsistent"] == len(INCONSISTENT) - 1


def test_rows_that_a_ring_has_overwritten_are_not_counted() -> None:
    """As the documentation says: of the rows that are kept. `overwritten` tells that there were
    others."""
    _, a = store(capacity=4)
    for i, row in enumerate([*INCONSISTENT, GOOD, GOOD]):
        a.append(OPEN + i * MINUTE, *row)
    assert (a.counters["overwritten"], a.counters["inconsistent"]) == (4, 2)


def strict_store() -> tuple[sd.SessionData, Any]:
    return store(strict=True)


@pytest.mark.parametrize("row", INCONSISTENT)
def test_a_strict_symbol_refuses_them_at_every_door(row: Any) -> None:
    data, a = strict_store()
    data.advance_to(OPEN + 60 * MINUTE)
    assert a.append(OPEN, *GOOD)
    one = [[x] for x in row]
    for call in (
        lambda: a.append(OPEN + MINUTE, *row),
        lambda: a.append(OPEN, *row),
        lambda: a.extend([OPEN + MINUTE], *one),
        lambda: a.extend(*columns([GOOD, row], OPEN + MINUTE)),
        lambda: a.fill([OPEN + MINUTE], *one),
        lambda: a.load_historical_bars("1m", [OPEN - 86_400 * SECOND], *one),
        lambda: a.load_historical_bars("30m", [OPEN - 86_400 * SECOND], *one),
        lambda: data.append_slice(["A"], OPEN + MINUTE, *one),
        lambda: reloaded(data).append("A", OPEN + MINUTE, *row),
        lambda: data.copy().append("A", OPEN + MINUTE, *row),
    ):
        with pytest.raises(sd.BarError, match=r"between low and high.*ERR_INCONSISTENT") as caught:
            call()
        assert caught.value.symbol == "A"
    assert jit.append(a, OPEN + MINUTE, *row) == jit.ERR_INCONSISTENT == -107
    assert a.extend(*columns([GOOD, row, GOOD], OPEN + MINUTE), on_bad="skip") == 2
    assert a.counters["skipped"] == {"ERR_INCONSISTENT": 1}
    assert a.counters["inconsistent"] == 0
    data.roll_session()
    with pytest.raises(sd.BarError, match="ERR_INCONSISTENT"):
        a.append(OPEN + 10 * MINUTE, *row)


def test_strict_is_the_stores_or_the_symbols_and_makes_no_other_difference() -> None:
    data, a = strict_store()
    b = data.register_symbol("B", strict=False)
    assert b.append(OPEN, *INCONSISTENT[0])
    with pytest.raises(sd.ArgumentError, match="strict"):
        data.register_symbol("A", strict=False)
    plain = store()[1]
    rows = [GOOD] * 200
    for symbol in (a, plain):
        for ts, *row in zip(*columns(rows[:50]), strict=True):
            assert symbol.append(int(ts), *map(float, row))
        symbol.extend(*columns(rows, OPEN + 50 * MINUTE))
    assert a.bars("5m").close.tolist() == plain.bars("5m").close.tolist()
    assert a.counters == plain.counters
    state_of(a).core.check_invariants()


# --- quotes with an empty side --------------------------------------------------------------------

FULL = [(0, 100.0, 100.2, 5.0, 5.0), (10, 100.1, 100.3, 5.0, 5.0), (40, 100.0, 100.1, 5.0, 5.0)]
EMPTY_BID = [(0.0, 100.3, 0.0, 5.0), (0.0, 100.3, 5.0, 5.0), (100.3, 100.3, 0.0, 5.0), (-1.0, 100.3, 0.0, 5.0)]
EMPTY_BID += [(-1.0, 100.3, 1.0, 1.0), (-1.0, 0.01, 5.0, 5.0)]
EMPTY_ASK = [(100.1, 0.0, 5.0, 0.0), (100.1, -1.0, 5.0, 0.0), (100.0, -1.0, 1.0, 1.0)]
NEITHER = [(0.0, 0.0, 0.0, 0.0), (-1.0, -1.0, 0.0, 0.0)]


def quote_store(kind: str) -> tuple[sd.SessionData, Any]:
    data = sd.SessionData("XNYS", "1m", ("5m", "1d"))
    data.start_session("2024-03-12")
    return data, data.register_symbol("A", quote_bars=kind)


def offer(a: Any, quotes: list[Any], door: str) -> None:
    times = [OPEN + int(q[0] * SECOND) for q in quotes]
    if door == "extend":
        assert a.extend_quotes(times, *zip(*[q[1:] for q in quotes], strict=True)) == len(quotes)
        return
    for ts, q in zip(times, quotes, strict=True):
        if door == "jit":
            assert jit.append_quote(a, ts, *q[1:]) in (1, 2)
        else:
            assert a.append_quote(ts, *q[1:])


@pytest.mark.parametrize("door", ["append", "extend", "jit"])
@pytest.mark.parametrize("kind", ["mid", "bid", "ask"])
@pytest.mark.parametrize("at", [5, 20, 50, 130])
@pytest.mark.parametrize("q", EMPTY_BID + EMPTY_ASK + NEITHER)
def test_a_quote_with_an_empty_side_makes_no_price_of_it(q: Any, at: int, kind: str, door: str) -> None:
    lacks = q in NEITHER or (q in EMPTY_BID and kind != "ask") or (q in EMPTY_ASK and kind != "bid")
    plain = quote_store(kind)[1]
    offer(plain, FULL if lacks else sorted([*FULL, (at, *q)]), "append")
    data, a = quote_store(kind)
    offer(a, sorted([*FULL, (at, *q)]), door)
    _, late = quote_store(kind)
    offer(late, [*FULL, (at, *q)], door)
    _, first = quote_store(kind)
    offer(first, [(at, *q), *FULL], door)
    for symbol in (a, late, first):
        assert [bar[:6] for bar in symbol.bars()] == [bar[:6] for bar in plain.bars()]
        assert symbol.bars("5m")[-1][1:6] == plain.bars("5m")[-1][1:6]
        assert symbol.quotes.counters["empty_side"] == lacks
        assert len(symbol.quotes) == 4
        state_of(symbol).core.check_invariants()
    again = reloaded(data)
    assert again.to_json() == data.to_json()
    assert again.symbols["A"].quotes.counters == a.quotes.counters


@pytest.mark.parametrize("door", ["append", "extend", "jit"])
def test_before_the_first_full_quote_there_is_no_bar(door: str) -> None:
    data, a = quote_store("mid")
    offer(a, [(0, *NEITHER[0]), (70, *EMPTY_BID[0])], door)
    assert len(a.bars()) == 0
    assert a.bars().gaps[0].bar_count == 1, "the book was empty for a minute, and there is no bar of it"
    with pytest.raises(sd.InputKindError):
        a.append(OPEN, *GOOD)
    again = reloaded(data)
    assert again.to_json() == data.to_json()
    for symbol in (a, again.symbols["A"]):
        offer(symbol, [(75, 100.0, 100.2, 5.0, 5.0)], door)
        assert symbol.bars().timestamp.tolist() == [OPEN + MINUTE]
        state_of(symbol).core.check_invariants()


@pytest.mark.parametrize("door", ["append", "extend", "jit"])
@pytest.mark.parametrize("q", [(-37.0, -36.0), (-1.0, -0.5), (-2.0, -1.0), (-1.0, -1.0), (-1.5, 100.0)])
def test_negative_prices_are_prices_also_minus_one(q: Any, door: str) -> None:
    _, a = quote_store("mid")
    offer(a, [(0, *q, 1.0, 1.0)], door)
    assert a.bars()[-1].low == sum(q) / 2
    assert a.quotes.counters["empty_side"] == 0


def test_quotes_that_make_no_bars_are_kept_as_they_are() -> None:
    _, a = store()
    assert a.append_quote(OPEN, 0.0, 0.0, 0.0, 0.0)
    assert a.quotes.counters["empty_side"] == 0


# --- gaps and ranges ------------------------------------------------------------------------------


def gappy() -> tuple[sd.SessionData, Any]:
    data, a = store()
    for i in (0, 1, 3, 6):
        a.append(OPEN + i * MINUTE, *GOOD)
    return data, a


def test_a_gap_may_stand_for_its_range() -> None:
    _, a = gappy()
    one, two = a.bars().gaps
    assert (one.stop_ns, two.stop_ns) == (OPEN + 3 * MINUTE, OPEN + 6 * MINUTE)
    assert one.stop_time.isoformat() == "2024-03-12T09:33:00-04:00"
    assert a.record_retry(two, when_ns=OPEN + 7 * MINUTE) == 2
    assert a.bars().gaps[1].retry_count == 1
    assert a.mark_no_trade(one)
    assert not a.mark_no_trade(one)
    assert a.bars().no_trade == 1
    assert a.mark_halted(two)
    assert (a.bars().halted, a.bars().missing) == (2, 0)
    _, b = gappy()
    assert b.mark_no_trade("1m", one.start_ns, one.stop_ns)
    assert b.bars().no_trade == 1


def test_the_last_slot_of_a_gap_may_be_short() -> None:
    calendar = sd.SessionCalendar.from_hours("09:30", "11:02", "America/New_York", breaks=[("10:02", "10:04")])
    data = sd.SessionData(calendar, "5m", ("1d",))
    a = data.register_symbol("A")
    data.start_session("2024-03-12")
    data.advance_to(OPEN + 120 * MINUTE)
    first, second = a.bars().gaps
    assert (first.end_ns, first.stop_ns) == (OPEN + 30 * MINUTE, OPEN + 32 * MINUTE)
    assert (second.start_ns, second.stop_ns) == (OPEN + 34 * MINUTE, OPEN + 92 * MINUTE)
    (day,) = a.bars("1d").gaps
    assert (day.start_ns, day.stop_ns) == (OPEN, OPEN + 92 * MINUTE)
    assert a.mark_halted(first)
    assert a.marks["halted"] == [(OPEN, OPEN + 32 * MINUTE)]
    a.mark_no_trade(day)
    assert a.bars().missing == a.bars("1d").missing == 0


def test_what_is_no_range_says_so() -> None:
    data, a = gappy()
    gap = a.bars().gaps[0]
    for call in (
        lambda: a.mark_no_trade(gap, gap.start_ns, gap.stop_ns),
        lambda: a.mark_halted(gap, gap.stop_ns),
        lambda: a.mark_no_trade("1m", gap.start_ns),
        lambda: a.mark_halted(gap.start_ns),
        lambda: a.record_retry("1m", gap.start_ns, gap.stop_ns),
        lambda: a.record_retry(gap),
    ):
        with pytest.raises(sd.ArgumentError):
            call()
    data.register_symbol("B")
    with pytest.raises(sd.BarError, match="ERR_GAP"):
        data.symbols["B"].mark_no_trade(gap)
    assert a.bars().missing == 3


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("columns", [(0,), (1,), (2,), (3,), (4,), (1, 2), (0, 3), (0, 1, 2, 3)])
def test_no_infinity_hides_behind_another_in_a_batch(columns: tuple[int, ...], bad: float) -> None:
    data, a = store()
    rows = [[value] * 9 for value in GOOD]
    for column in columns:
        rows[column][5] = bad
    with pytest.raises(sd.BarError, match=r"row=5.*ERR_NOT_FINITE"):
        a.extend([OPEN + i * MINUTE for i in range(9)], *rows)
    assert a.extend([OPEN + i * MINUTE for i in range(9)], *rows, on_bad="skip") == 8
    assert data.symbols["A"].counters["skipped"] == {"ERR_NOT_FINITE": 1}


@pytest.mark.parametrize("early", [-(2**63) + 1, -(2**62), OPEN - 86_400 * SECOND])
def test_trades_after_which_one_of_long_ago_comes_are_out_of_order(early: int) -> None:
    for times in ([OPEN + 5, early, OPEN + 3], [early, OPEN + 5, OPEN + 3], [OPEN + 5, OPEN + 3, early]):
        _, a = store()
        # by itself one before 1990 is refused
        assert a.extend_ticks(times, [1.0] * 3, [1.0] * 3, on_bad="skip") == 2
        assert a.ticks.timestamp.tolist() == [OPEN + 3, OPEN + 5]
