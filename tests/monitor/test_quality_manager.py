"""DataQualityManager: what is asked for and when, what becomes of the answers, and what is told of
it."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sessiondata as sd
from managed import OPEN, Provider, bar, boom, columns, feed, minutes_in, new_store, outcomes
from worlds import MINUTE, exact

RETRY = 60 * 1_000_000_000


def test_a_gap_is_asked_for_and_filled() -> None:
    data, provider = new_store(), Provider()
    feed(data, [0, 1, 5, 6])
    manager = sd.DataQualityManager(data, "live", provider)
    assert outcomes(manager.step()) == ["filled"]
    assert provider.asked == [("SPY", "1m", OPEN + 2 * MINUTE, OPEN + 5 * MINUTE)]
    perfect = new_store()
    feed(perfect, range(7))
    document, expected = data.to_dict(), perfect.to_dict()
    assert document["symbols"] == expected["symbols"]
    (record,) = manager.records()
    assert (record.reason, record.start_ns, record.end_ns) == ("filled", OPEN + 2 * MINUTE, OPEN + 4 * MINUTE)
    assert record.found_ns == record.closed_ns == OPEN + 7 * MINUTE
    assert [(made.when_ns, made.rows) for made in record.attempts] == [(OPEN + 7 * MINUTE, 3)]
    assert manager.step() == []


def test_backtest_only_reports() -> None:
    data, provider = new_store(), Provider()
    feed(data, [0, 4])
    manager = sd.DataQualityManager(data, fetch=provider)
    before = data.to_json()
    assert manager.step() == []
    assert not provider.asked
    assert data.to_json() == before
    (record,) = manager.records()
    assert (record.reason, record.attempts) == (None, [])
    assert manager.get_quality_stats()["symbols"]["SPY"] == {
        "interval": "1m", "quality": 40.0, "completeness": 40.0, "missing": 3,
        "open": 1, "filled": 0, "confirmed_empty": 0, "exhausted": 0,
    }  # fmt: skip
    feed(data, [1, 2, 3])
    manager.step()
    assert [record.reason for record in manager.records()] == ["filled"]


@pytest.mark.parametrize(
    "empty",
    [
        (),
        ((),) * 6,
        {name: [] for name in ("timestamp", "open", "high", "low", "close", "volume")},
        [np.array([])] * 6,  # of lists that stayed empty NumPy makes float64, also of times
        np.empty((6, 0)),
    ],
)
def test_an_empty_answer_confirms_that_there_was_no_trade(empty: Any) -> None:
    data = new_store()
    feed(data, [0, 4])
    manager = sd.DataQualityManager(data, "live", Provider(lambda *_: empty))
    assert outcomes(manager.step()) == ["empty"]
    series = data.symbols["SPY"].bars_base
    assert (series.missing, series.no_trade, series.completeness) == (0, 3, 100.0)
    assert [record.reason for record in manager.records()] == ["confirmed_empty"]
    assert manager.step() == []


def test_none_says_nothing() -> None:
    data = new_store()
    feed(data, [0, 4])
    manager = sd.DataQualityManager(data, "live", lambda *_: None)
    assert outcomes(manager.step()) == ["unknown"]
    assert data.symbols["SPY"].bars_base.missing == 3


def test_a_request_ends_where_its_last_slot_does() -> None:
    """Segments of 11 and 9 minutes, bars of 3: the slot at 09:39 ends at the halt, with which
    another gap begins. A provider asked beyond it brought bars of that, and two bars for a gap of
    two called it filled, whichever these were.
    """
    segments = [(OPEN, OPEN + 11 * MINUTE), (OPEN + 11 * MINUTE, OPEN + 20 * MINUTE)]
    data = sd.SessionData(sd.SessionCalendar.from_schedule({"2024-03-12": segments}, "America/New_York"), "3m", ())
    data.start_session("2024-03-12")
    data.register_symbol("SPY")
    feed(data, [0, 3, 17])
    provider = Provider(lambda start, stop: columns(m for m in (9, 11, 14) if start <= OPEN + m * MINUTE < stop))
    manager = sd.DataQualityManager(data, "live", provider)
    assert [(made.outcome, made.rows) for made in manager.step()] == [("partial", 1), ("filled", 2)]
    assert [minutes_in(start, stop) for _, _, start, stop in provider.asked] == [range(6, 11), range(11, 17)]


def test_retries_wait_longer_each_time_and_end() -> None:
    data, provider = new_store(), Provider(boom)
    feed(data, [0, 2])
    manager = sd.DataQualityManager(data, "live", provider, 4, 60, backoff=2)
    tried = []
    for minute in range(40):
        data.advance_to(OPEN + (3 + minute) * MINUTE)
        feed(data, [3 + minute])
        tried += [made.when_ns for made in manager.step()]
    first = OPEN + 4 * MINUTE
    assert tried == [first + wait * RETRY for wait in (0, 1, 3, 7)]
    (record,) = manager.records()
    assert (record.reason, record.closed_ns) == ("exhausted", first + 7 * RETRY)
    (gap,) = data.symbols["SPY"].bars_base.gaps
    assert (gap.retry_count, gap.last_retry.timestamp()) == (4, tried[-1] / 1e9)
    data.append("SPY", *bar(1))  # it comes after all
    manager.step()
    assert [record.reason for record in manager.records()] == ["filled"]


def test_waits_have_a_limit() -> None:
    data, provider = new_store(), Provider(boom)
    feed(data, [0, 2])
    manager = sd.DataQualityManager(data, "live", provider, 2000, 60, backoff=1e9, max_interval_seconds=120)
    tried = []
    for minute in range(3, 12):
        feed(data, [minute])
        tried += [made.when_ns for made in manager.step()]
    assert tried == [OPEN + minute * MINUTE for minute in (4, 5, 7, 9, 11)]


def test_parts_of_a_gap_keep_their_retries() -> None:
    data, provider = new_store(), Provider(lambda *_: None)
    feed(data, [0, 9])
    manager = sd.DataQualityManager(data, "live", provider, 3, 60, backoff=1)
    manager.step()
    provider.answer = lambda start, _: columns([4]) if start == OPEN + MINUTE else None
    feed(data, [10])
    assert outcomes(manager.step()) == ["partial"]  # splits the gap
    gaps = data.symbols["SPY"].bars_base.gaps
    assert [(gap.bar_count, gap.retry_count) for gap in gaps] == [(3, 2), (4, 2)]
    provider.answer = lambda *_: None
    feed(data, [11, 13])
    assert outcomes(manager.step()) == ["unknown"] * 3
    records = manager.records()
    assert [(record.end_ns - record.start_ns) // MINUTE + 1 for record in records] == [8, 1]
    assert [record.reason for record in records] == ["exhausted", None]
    assert [made.outcome for made in records[0].attempts] == ["unknown", "partial", "unknown", "unknown"]


def test_silence_that_goes_on_is_one_gap_and_asked_for_as_it_grows() -> None:
    data, provider = new_store(), Provider(lambda *_: None)
    feed(data, [0])
    manager = sd.DataQualityManager(data, "live", provider, 3, 60, backoff=1)
    for minute in range(2, 9):
        data.advance_to(OPEN + minute * MINUTE)
        manager.step()
    assert [minutes_in(start, stop) for _, _, start, stop in provider.asked] == [range(1, 2), range(1, 3), range(1, 4)]
    (record,) = manager.records()
    assert record.reason == "exhausted"
    assert record.end_ns == OPEN + 7 * MINUTE


def test_what_went_missing_after_the_last_retry_is_asked_for_once_the_gap_has_ended() -> None:
    data, provider = new_store(), Provider(boom)
    feed(data, [0])
    manager = sd.DataQualityManager(data, "live", provider, 2, 60, backoff=1)
    for minute in range(2, 9):
        data.advance_to(OPEN + minute * MINUTE)
        manager.step()
    assert [minutes_in(start, stop) for _, _, start, stop in provider.asked] == [range(1, 2), range(1, 3)]
    assert [record.reason for record in manager.records()] == ["exhausted"]
    provider.answer = None  # it works again, and so does the feed
    feed(data, [8])
    assert [(minutes_in(made.start_ns, made.stop_ns), made.outcome) for made in manager.step()] == [
        (range(2, 8), "filled")
    ]
    assert data.symbols["SPY"].bars_base.missing == 1
    (record,) = manager.records()
    assert (record.reason, len(record.attempts)) == ("exhausted", 3)
    assert manager.step() == []


def test_a_bar_that_came_meanwhile_is_not_replaced() -> None:
    data = new_store()
    feed(data, [0, 3])

    def answer(*_: Any) -> Any:
        data.append("SPY", OPEN + MINUTE, 7.0, 7.0, 7.0, 7.0, 7.0)
        return columns([0, 1, 2, 3], seed=5)

    manager = sd.DataQualityManager(data, "live", Provider(answer))
    assert [(made.outcome, made.rows) for made in manager.step()] == [("partial", 1)]
    spy = data.symbols["SPY"]
    assert spy.bars_base[1].volume == 7.0
    assert spy.bars_base[0].open == bar(0)[1]
    assert spy.counters["corrected"] == 0
    assert [record.reason for record in manager.records()] == ["filled"]


@pytest.mark.parametrize("fed_by", ["bars", "trades"])
def test_a_bar_that_comes_between_the_look_and_the_storing_is_not_replaced(monkeypatch: Any, fed_by: str) -> None:
    """A feeder in another thread may store a bar at any moment, also after the manager has found
    its slot missing. Here it does so when the manager is about to store: the last moment at which
    anything but the store could have looked."""
    data = new_store()
    spy = data.symbols["SPY"]
    if fed_by == "bars":
        feed(data, [0, 4])
    else:
        feed_trades(data, [0, 4])

    def first_the_feeder(name: str) -> None:
        store = getattr(sd.SymbolSessionData, name)

        def stored(self: Any, *args: Any, **options: Any) -> Any:
            monkeypatch.undo()
            if fed_by == "bars":
                spy.append(OPEN + MINUTE, 7.0, 7.0, 7.0, 7.0, 7.0)
            else:
                spy.append_tick(OPEN + MINUTE, 7.0, 7.0)
            return store(self, *args, **options)

        monkeypatch.setattr(sd.SymbolSessionData, name, stored)

    first_the_feeder("extend")
    first_the_feeder("fill")
    manager = sd.DataQualityManager(data, "live", Provider())
    assert [(made.outcome, made.rows) for made in manager.step()] == [("partial", 2)]
    assert spy.bars_base[1][1:6] == (7.0,) * 5
    assert spy.counters["corrected"] == 0
    assert [record.reason for record in manager.records()] == ["filled"]


def trades_of(minute: int) -> list[tuple[int, float, float]]:
    """Four trades of which `bar(minute)` is made."""
    ts, open_, high, low, close, volume = bar(minute)
    quarter = volume // 4
    sizes = (quarter, quarter, quarter, volume - 3 * quarter)
    prices = zip((open_, high, low, close), sizes, strict=True)
    return [(ts + i * MINUTE // 5, price, size) for i, (price, size) in enumerate(prices)]


def feed_trades(data: sd.SessionData, minutes: Any, symbol: str = "SPY") -> None:
    for minute in minutes:
        for trade in trades_of(minute):
            data.append_tick(symbol, *trade)


def test_a_symbol_of_trades_is_filled_before_its_first_trade_and_after() -> None:
    data = new_store()
    data.advance_to(OPEN + 3 * MINUTE)
    manager = sd.DataQualityManager(data, "live", Provider(), retry_interval_seconds=0)
    assert outcomes(manager.step()) == ["filled"]
    feed_trades(data, [3, 6])
    data.advance_to(OPEN + 9 * MINUTE)
    assert outcomes(manager.step()) == ["filled", "filled"]
    feed_trades(data, [8, 9])  # those of 8 are late: the fetched bar stands
    perfect = new_store()
    feed_trades(perfect, range(10))
    spy, best = data.symbols["SPY"], perfect.symbols["SPY"]
    for name in spy.intervals:
        assert list(spy.bars(name)) == list(best.bars(name))
    assert spy.ticks.counters["covered"] == 4


def test_a_frame_that_names_several_symbols_is_invalid() -> None:
    pandas = pytest.importorskip("pandas")
    data = new_store()
    feed(data, [0, 3])
    names = ("timestamp", "open", "high", "low", "close", "volume")
    frame = pandas.DataFrame(dict(zip(names, columns([1, 2]), strict=True)))
    answers = [frame.assign(symbol=["SPY", "QQQ"])]
    manager = sd.DataQualityManager(data, "live", Provider(lambda *_: answers[-1]), retry_interval_seconds=0)
    (made,) = manager.step()
    assert (made.outcome, made.rows) == ("invalid", 0)
    assert "one symbol" in made.detail
    answers.append(frame.assign(symbol="SPY").set_index("timestamp"))  # whatever `extend` takes
    assert outcomes(manager.step()) == ["filled"]


def test_retries_that_others_made_count_and_close_a_record() -> None:
    data, provider = new_store(), Provider(boom)
    feed(data, [0, 3])
    manager = sd.DataQualityManager(data, "live", provider, 3, 60)
    assert outcomes(manager.step()) == ["error"]
    for _ in range(2):  # somebody else asks elsewhere
        data.symbols["SPY"].record_retry("1m", OPEN, OPEN + 3 * MINUTE, OPEN + 4 * MINUTE)
    assert manager.step(OPEN + 400 * MINUTE) == []
    (record,) = manager.records()
    assert (record.reason, len(record.attempts)) == ("exhausted", 1)
    assert manager.get_quality_stats()["symbols"]["SPY"]["exhausted"] == 1


def test_pinned_gaps_are_not_asked_for() -> None:
    data, provider = new_store(), Provider()
    feed(data, range(5))
    data.set_gaps("SPY", "1m", [sd.GapInfo("SPY", "1m", OPEN, OPEN, 1)])
    assert sd.DataQualityManager(data, "live", provider).step() == []


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("both",), {}),
        (("live",), {}),
        (("live", boom, 0), {}),
        (("live", boom, 1, -1), {}),
        (("live", boom), {"backoff": 0.5}),
        (("live", boom), {"backoff": float("nan")}),
        (("live", boom), {"timeout_seconds": 0}),
        (("live", boom), {"poll_seconds": 0}),
        (("live", boom), {"max_interval_seconds": -1}),
        (("live", boom), {"max_interval_seconds": float("inf")}),
        (("live", boom, 1, float("inf")), {}),
        (("live", boom), {"backoff": float("inf")}),
        (("live", boom), {"timeout_seconds": float("inf")}),
        (("live", boom), {"poll_seconds": 1e12}),
        (("live", boom), {"keep_records": -1}),
    ],
)
def test_bad_arguments(arguments: Any, options: Any) -> None:
    with pytest.raises(ValueError, match=r"mode|fetch|max_retries|intervals|positive|keep_records"):
        sd.DataQualityManager(new_store(), *arguments, **options)


@pytest.mark.parametrize("option", ["max_retries", "keep_records"])
def test_numbers_of_things_are_whole(option: str) -> None:
    with pytest.raises(TypeError):
        sd.DataQualityManager(new_store(), **{option: 2.5})


@pytest.mark.parametrize("answer", ["", b"", set(), frozenset(), range(0)])
def test_an_answer_of_another_kind_confirms_nothing(answer: Any) -> None:
    data = new_store()
    feed(data, [0, 4])
    manager = sd.DataQualityManager(data, "live", Provider(lambda *_: answer))
    assert outcomes(manager.step()) == ["invalid"]
    assert data.symbols["SPY"].bars_base.missing == 3


def test_two_rows_for_one_slot_fill_one() -> None:
    data = new_store()
    feed(data, [0, 3])
    twice = tuple(np.concatenate(pair) for pair in zip(columns([1]), columns([1], seed=5), strict=True))
    manager = sd.DataQualityManager(data, "live", Provider(lambda *_: twice))
    assert [(made.outcome, made.rows) for made in manager.step()] == [("partial", 1)]
    assert data.symbols["SPY"].bars_base.missing == 1


class FlakyProvider:
    """Often wrong in every way, never forever; what it says in the end is right. `quiet` minutes
    had no trade."""

    def __init__(self, seed: int, quiet: set[int]) -> None:
        self.random, self.quiet = random.Random(seed), quiet

    def __call__(self, _symbol: str, _interval: str, start_ns: int, stop_ns: int) -> Any:
        asked = minutes_in(start_ns, stop_ns)
        there = [minute for minute in asked if minute not in self.quiet]
        chance = self.random.random()
        if chance < 0.15:
            raise TimeoutError("busy")
        if chance < 0.25:
            return None
        if chance < 0.35:
            return "<html>"
        if chance < 0.45:  # bars that nobody asked for
            return columns([minute + 500 for minute in asked])
        if chance < 0.65 and there:
            there = self.random.sample(there, (len(there) + 1) // 2)
        if chance < 0.75:
            there = [*there, *there]
        return columns(there)


def live_day(
    seed: int, lost: float, late: float, quiet_share: float, fed_by: str = "bars"
) -> tuple[sd.SessionData, Any, set[int]]:
    """A feed that loses bars (or all trades of a minute), repeats some bars and brings some late; a
    manager that steps once a minute."""
    feed_some = feed if fed_by == "bars" else feed_trades
    rng = random.Random(seed)
    quiet = {minute for minute in range(390) if rng.random() < quiet_share}
    data = new_store()
    manager = sd.DataQualityManager(
        data, "live", FlakyProvider(seed, quiet), max_retries=1_000, retry_interval_seconds=30, backoff=1
    )
    held: list[int] = []
    for minute in range(390):
        data.advance_to(OPEN + (minute + 1) * MINUTE)
        if minute not in quiet:
            chance = rng.random()
            if chance < late:
                held.append(minute)
            elif chance >= late + lost:
                feed_some(data, [minute] * (rng.choice([1, 1, 1, 2]) if fed_by == "bars" else 1))
        if held and rng.random() < 0.4:
            feed_some(data, [held.pop(0)])
        manager.step()
    feed_some(data, held)
    for minute in range(390, 2_000):  # after the close, until nothing is missing
        if not data.symbols["SPY"].bars_base.missing:
            break
        data.advance_to(OPEN + (minute + 1) * MINUTE)
        manager.step()
    manager.step()
    return data, manager, quiet


@pytest.mark.slow
@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32), lost=st.sampled_from([0.0, 0.05, 0.4]), late=st.sampled_from([0.0, 0.1]),
    fed_by=st.sampled_from(["bars", "trades"]),
)  # fmt: skip
def test_a_flaky_day_ends_as_a_perfect_one(seed: int, lost: float, late: float, fed_by: str) -> None:
    """Of bars and of trades: also where the first minutes are lost, and filled before anything has
    come."""
    data, manager, quiet = live_day(seed, lost, late, 0.03, fed_by)
    perfect = new_store()
    (feed if fed_by == "bars" else feed_trades)(perfect, [minute for minute in range(390) if minute not in quiet])
    perfect.advance_to(data.as_of)
    spy, best = data.symbols["SPY"], perfect.symbols["SPY"]
    for minute in quiet:
        best.mark_no_trade("1m", OPEN + minute * MINUTE, OPEN + minute * MINUTE + 1)
    assert spy.bars_base.missing == 0
    document, expected = data.to_dict(), perfect.to_dict()
    if fed_by == "trades":  # those that were lost are lost
        assert document["symbols"]["SPY"]["session"]["data"].pop("ticks")["count"] <= 4 * 390
        expected["symbols"]["SPY"]["session"]["data"].pop("ticks")
    assert exact(document["symbols"]) == exact(expected["symbols"])
    assert [spy.bars(name).no_trade for name in spy.intervals] == [best.bars(name).no_trade for name in spy.intervals]
    assert all(record.reason in ("filled", "confirmed_empty") for record in manager.records())
    stats = manager.get_quality_stats()
    assert stats["symbols"]["SPY"]["completeness"] == 100.0
    assert stats["requests"] == sum(stats["outcomes"].values())


@pytest.mark.parametrize("fed_by", ["bars", "trades"])
def test_the_same_day_again_is_the_same(fed_by: str) -> None:
    (one, first, _), (other, second, _) = (live_day(7, 0.2, 0.1, 0.03, fed_by) for _ in range(2))
    assert one.to_json() == other.to_json()
    assert first.records() == second.records()


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ((5,), "a manager watches a SessionData"),
        ((None,), "a manager watches a SessionData"),
        ((sd.SessionData(), "live", 5), "fetch is a function"),
        ((sd.SessionData(), "backtest", "fetch"), "fetch is a function"),
        ((sd.SessionData(), "backtest", None, 5, True), "retry_interval_seconds"),
    ],
)
def test_arguments_of_a_wrong_kind_are_refused_when_the_manager_is_made(arguments: tuple[Any, ...], rule: str) -> None:
    """A store that is none failed in the manager's thread, and a number for `fetch` as an
    answer."""
    with pytest.raises(sd.ArgumentTypeError, match=rule):
        sd.DataQualityManager(*arguments)
