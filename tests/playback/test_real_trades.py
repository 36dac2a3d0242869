"""Real trades and quotes: what the store makes of them, compared with the vendor's own bars."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import sessiondata as sd
from lean_rows import Row, read_rows, rows_of
from market_data import on_both
from sessiondata.store.symbol import state_of
from worlds import MINUTE

# Sale conditions are bits (LEAN's TradeConditionFlags, in hexadecimal; bit 29 comes with most of
# them and tells nothing here). What LEAN's seconds of 2013-10-07 are made of, found by comparing
# them with the trades:
EXTENDED = 0x2000
# neither price nor volume: official open and close, odd lots (0x1000000 and 0x4000000 stand at
# sizes of 22 to 64)
LEFT_OUT = 0x40 | 0x80 | 0x1000000 | 0x4000000
# volume, but no price, unless in extended hours: intermarket sweep, derivatively priced, prior
# reference price, average price (0x40000), next day and seller's option. An intermarket sweep is a
# trade like any other to most people; LEAN's bars of that time leave their prices out.
NO_PRICE = 0x20 | 0x200 | 0x100000 | 0x40000 | 0x4 | 0x8


def read_ticks(path: Path) -> tuple[np.ndarray, list[list[str]]]:
    """Times in ns, and the other columns, of a LEAN tick file."""
    with zipfile.ZipFile(path) as archive:
        (member,) = archive.namelist()
        rows = list(csv.reader(io.TextIOWrapper(archive.open(member))))
    day = dt.datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=ZoneInfo("America/New_York"))
    ms = np.array([row[0] for row in rows], np.int64)  # no day of these has a change of the clocks
    return int(day.timestamp()) * 1_000_000_000 + ms * 1_000_000, rows


@on_both(
    "ticker n_ticks n_seconds other_prices volume_short",
    [("ibm", 1_014, 208, {}, {})],
    [
        ("ibm", 24_293, 5_123, {}, {}),
        # LEAN puts the first print of SPY's opening and of its closing auction (exchange P,
        # conditions 20000040 and 20000080) into a bar. The first comes before all trades of its
        # second, so that the open is 167.43. The other, of 16:00:00.726 and 3,500 shares at 167.42,
        # comes after the last trade of 15:59:59. The hundreds of prints that repeat them are in no
        # bar; ours has none of them.
        ("spy", 250_601, 16_675, {"09:30:00": (167.43, 167.41), "15:59:59": (167.45, 167.45)},
         {"09:30:00": 1_750.0, "15:59:59": 3_500.0}),
    ],
    slow=True,
)  # fmt: skip
@pytest.mark.parametrize("chunk", [1_000, 10**6])
def test_trades_make_the_seconds(
    real: Path,
    ticker: str,
    n_ticks: int,
    n_seconds: int,
    other_prices: dict[str, tuple[float, float]],
    volume_short: dict[str, float],
    chunk: int,
) -> None:
    """All prices and all volumes, but those of SPY's auctions.

    Prices are those of the priced trades of a second. Volumes are not: LEAN closes a bar when the
    next priced trade comes, and gives the volume of the others to the bar that is open, seconds
    later though it may be. So two symbols are fed: one by what has a price, one by what has a
    volume, and volumes are added up from bar to bar."""
    ts, rows = read_ticks(real / f"equity/usa/tick/{ticker}/20131007_trade.zip")
    assert len(rows) == n_ticks
    assert {row[5] for row in rows} == {"0"}, "no trade of these files is flagged as suspicious"
    conditions = np.array([int(row[4], 16) for row in rows])
    price, size = np.array([row[1] for row in rows], float) / 10_000, np.array([row[2] for row in rows], float)
    exchange = [row[3] for row in rows]
    counted = conditions & LEFT_OUT == 0
    priced = counted & ((conditions & EXTENDED != 0) | (conditions & NO_PRICE == 0))

    data = sd.SessionData("XNYS", "1s", ("1m", "5m", "1d"), tick_capacity=n_ticks)
    prices, volumes = data.register_symbol("PRICES"), data.register_symbol("VOLUMES")
    for symbol, taken in ((prices, priced), (volumes, counted)):
        columns = ts[taken], price[taken], size[taken], np.array(exchange)[taken]
        for at in range(0, len(columns[0]), chunk):
            symbol.extend_ticks(*(column[at : at + chunk] for column in columns))
        state_of(symbol).core.check_invariants()
        assert symbol.ticks.counters == {
            "stored": taken.sum(), "late": 0, "too_old": 0, "other_session": 0, "covered": 0, "empty_side": 0,
            "skipped": {}, "overwritten": 0,
        }  # fmt: skip

    ((_, seconds),) = read_rows(real / f"equity/usa/second/{ticker}/20131007_trade.zip").items()
    ours = rows_of(prices.bars())
    assert len(ours) == len(seconds) == n_seconds
    assert [row[0] for row in ours] == [row[0] for row in seconds]

    def clock(row: Row) -> str:
        return dt.datetime.fromtimestamp(row[0] // 1_000_000_000, ZoneInfo("America/New_York")).strftime("%H:%M:%S")

    different = [(theirs, mine) for theirs, mine in zip(seconds, ours, strict=True) if theirs[:5] != mine[:5]]
    assert {clock(theirs): (theirs[1], mine[1]) for theirs, mine in different} == other_prices

    starts = np.searchsorted(volumes.bars().timestamp, [row[0] for row in seconds])
    assert volumes.bars().timestamp[starts].tolist() == [row[0] for row in seconds]
    total = np.add.reduceat(volumes.bars().volume, starts)
    short = {clock(row): row[5] - volume for row, volume in zip(seconds, total, strict=True) if row[5] != volume}
    assert short == volume_short


@on_both()
def test_trades_one_by_one_make_the_same_bars_as_in_arrays(real: Path) -> None:
    ts, rows = read_ticks(real / "equity/usa/tick/ibm/20131007_trade.zip")
    price, size = np.array([row[1] for row in rows], float) / 10_000, np.array([row[2] for row in rows], float)
    data = sd.SessionData("XNYS", "1s", ("1m", "5m", "1h", "1d"))
    one, other = data.register_symbol("ONE"), data.register_symbol("OTHER")
    for row in zip(ts.tolist(), price.tolist(), size.tolist(), [row[3] for row in rows], strict=True):
        one.append_tick(*row)
    mixed = np.random.default_rng(0).permutation(len(ts))
    # ten minutes late at most
    mixed = mixed[np.argsort(ts[mixed] // (600 * 1_000_000_000), kind="stable")]
    for at in range(0, len(ts), 3_000):
        piece = np.sort(mixed[at : at + 3_000])  # of equal times in the order of the file
        other.extend_ticks(ts[piece], price[piece], size[piece])
    for interval in one.intervals:
        same = [np.array_equal(getattr(one.bars(interval), name), getattr(other.bars(interval), name))
                for name in ("timestamp", "high", "low", "volume")]  # fmt: skip
        assert all(same)
    assert one.bar_gaps.keys() == other.bar_gaps.keys()
    assert [gap.start_ns for gap in one.bar_gaps["1s"]] == [gap.start_ns for gap in other.bar_gaps["1s"]]


@on_both("n n_minutes", [(1_126, 5)], [(109_067, 390)], slow=True)
def test_quotes_of_ibm_make_mid_bars(real: Path, n: int, n_minutes: int) -> None:
    """Quotes and a suspicious one, most of one side: 0 is "unchanged", so each side stands until it
    changes."""
    ts, rows = read_ticks(real / "equity/usa/tick/ibm/20131007_quote.zip")
    assert len(rows) == n
    suspicious = np.array([row[7] == "1" for row in rows])
    assert suspicious.sum() == 1
    ts, rows = ts[~suspicious], [row for row in rows if row[7] == "0"]
    sides = np.array([row[1:5] for row in rows], float) / (10_000, 1, 10_000, 1)
    for bid_or_ask in (slice(0, 2), slice(2, 4)):
        known = np.maximum.accumulate(np.where(sides[:, bid_or_ask.start] > 0, np.arange(len(ts)), 0))
        sides[:, bid_or_ask] = sides[known, bid_or_ask]
    both = (sides[:, 0] > 0) & (sides[:, 2] > 0)
    ts, (bid, bid_size, ask, ask_size) = ts[both], np.ascontiguousarray(sides[both].T)
    data = sd.SessionData("XNYS", "1m", ("5m", "1d"), quote_capacity=1_000)
    ibm = data.register_symbol("IBM", quote_bars="mid")
    assert ibm.extend_quotes(ts, bid, ask, bid_size, ask_size) == len(ts)
    assert ibm.quotes.latest == sd.Quote(int(ts[-1]), bid[-1], ask[-1], bid_size[-1], ask_size[-1])
    assert len(ibm.quotes) == 1_000
    expected: dict[int, list[float]] = {}
    for at, mid in zip(ts.tolist(), (0.5 * bid + 0.5 * ask).tolist(), strict=True):
        bar = expected.setdefault(at // MINUTE * MINUTE, [mid] * 4)
        bar[1:] = [max(bar[1], mid), min(bar[2], mid), mid]
    assert rows_of(ibm.bars()) == [(at, *bar, 0.0) for at, bar in expected.items()]
    assert (ibm.bars().expected, ibm.bars().missing) == (n_minutes, 0)
    state_of(ibm).core.check_invariants()
