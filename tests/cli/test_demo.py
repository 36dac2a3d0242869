"""The demo day: the same every time, and with everything in it that a first look should show."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from sessiondata.cli.demo import demo_events, replay_demo
from sessiondata.playback.sessions import ReplaySession

# Of the day as it is. A change of the demo changes it on purpose; another NumPy or machine must
# not.
DIGEST = "4f0f91c477341fb51c2e0f897ef949320aa36dd0f28c8ec09a46bbf300a04b0f"


@pytest.fixture(scope="module")
def session() -> ReplaySession:
    return replay_demo()


def test_the_day_is_always_the_same() -> None:
    text = "\n".join(",".join(map(str, event)) for event in demo_events())
    assert hashlib.sha256(text.encode()).hexdigest() == DIGEST


def test_every_bar_is_well_formed_and_arrives_after_its_minute() -> None:
    events = demo_events()
    assert events == sorted(events, key=lambda event: event.arrival_ns)
    for event in events:
        assert event.arrival_ns > event.ts_ns + 60_000_000_000
        assert event.low <= min(event.open, event.close) <= max(event.open, event.close) <= event.high
        assert event.volume > 0


def test_volume_is_high_at_both_ends_of_the_day(session: ReplaySession) -> None:
    # 09:30 to the forming bar of 14:30
    volume = session.data.symbols["ROWAN"].bars("1h").volume[-6:]
    assert volume[0] > 1.5 * volume[2]
    assert volume[4] > 1.1 * volume[2]


def test_what_goes_wrong_is_counted(session: ReplaySession) -> None:
    total: Counter[str] = Counter()
    for symbol in session.data.symbols.values():
        total.update({name: symbol.counters[name] for name in ("late", "corrected", "repeated")})
    assert total == {"late": 11, "corrected": 1, "repeated": 1}


def test_the_outage_hits_several_symbols_and_is_repaired_for_one(session: ReplaySession) -> None:
    symbols = session.data.symbols
    for name in ("BIRCH", "MAPLE"):
        (gap,) = symbols[name].bars("1m").gaps
        assert (f"{gap.start_time:%H:%M}", f"{gap.end_time:%H:%M}", gap.bar_count) == ("11:17", "11:24", 8)
    for name in ("ALDER", "CEDAR", "ROWAN"):
        assert symbols[name].bars("1m").missing == 0


def test_the_thin_stock_has_quiet_minutes(session: ReplaySession) -> None:
    bars = session.data.symbols["HAZEL"].bars("1m")
    assert 60.0 < bars.quality < 80.0
    assert len(bars.gaps) > 30


def test_the_afternoon_is_not_over(session: ReplaySession) -> None:
    document = session.data.to_dict()
    assert document["meta"]["as_of"].startswith("2024-03-12T14:37:00")
    for name, symbol in document["symbols"].items():
        forming = {interval for interval, series in symbol["session"]["data"].items() if series.get("forming")}
        # The thin stock was not traded at 14:35 and 14:36: its newest 5m bar is an older one.
        assert forming == {"15m", "1h", "1d"} | (set() if name == "HAZEL" else {"5m"})


def test_pre_market_bars_are_kept_apart(session: ReplaySession) -> None:
    rowan = session.data.symbols["ROWAN"]
    assert rowan.counters["extended"] > 40
    assert rowan.bars("1m").expected == 307
