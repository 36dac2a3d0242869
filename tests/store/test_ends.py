"""What outlives a symbol or a store; memory."""

from __future__ import annotations

import numpy as np
import pytest

import sessiondata as sd
from plain import OPEN, feed, new_store, survives
from worlds import HOUR, MINUTE

# --- the end of a symbol, of a store --------------------------------------------------------------


def test_a_removed_symbol_is_gone_and_what_refers_to_it_shows_nothing(data: sd.SessionData) -> None:
    spy, ibm = data.register_symbol("SPY"), data.register_symbol("IBM")
    for symbol in (spy, ibm):
        feed(symbol, range(10))
    series = spy.bars("5m")
    data.remove_symbol("SPY")
    assert list(data.symbols) == ["IBM"]
    with pytest.raises(KeyError, match="SPY"):
        data.get_symbol_data("SPY")
    assert (len(series), list(series), series.gaps, series.quality, series.expected) == (0, [], [], 100.0, 0)
    assert spy.metrics()["bar_count"] == 0
    assert repr(spy)
    with pytest.raises(sd.SessionStateError, match=r"'SPY' was removed"):
        spy.append(OPEN + 11 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert len(ibm.bars_base) == 10
    again = data.register_symbol("SPY")
    assert again is not spy
    assert len(again.bars_base) == 0
    assert data.append("SPY", OPEN, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert len(spy.bars_base) == 0


@pytest.mark.parametrize("end", ["remove_symbol", "clear"])
def test_extending_a_removed_symbol_is_refused_and_harms_no_other(data: sd.SessionData, end: str) -> None:
    spy, ibm = data.register_symbol("SPY"), data.register_symbol("IBM")
    for symbol in (spy, ibm):
        feed(symbol, range(10))
    data.remove_symbol("SPY") if end == "remove_symbol" else data.clear()
    before = data.to_json()
    ones = np.ones(1)
    with pytest.raises(sd.SessionStateError, match=r"'SPY' was removed"):
        spy.extend(np.array([OPEN + 11 * MINUTE]), ones, ones, ones, ones, ones)
    assert data.to_json() == before
    assert len(ibm.bars_base) == (10 if end == "remove_symbol" else 0)


def test_clear_forgets_everything_but_the_sequence(data: sd.SessionData, spy: sd.SymbolSessionData) -> None:
    data.set_quality("SPY", "1m", 5.0)
    data.advance_to(OPEN + 5 * HOUR)
    sequence = data.sequence
    data.clear()
    assert (data.session_date, data.grid, data.as_of, dict(data.symbols)) == (None, None, None, {})
    assert data.sequence == sequence + 1
    with pytest.raises(sd.SessionStateError, match="removed"):
        spy.append(OPEN, 1.0, 1.0, 1.0, 1.0, 1.0)
    data.start_session("2024-03-11")
    new = data.register_symbol("SPY")
    assert (new.bars_base.expected, new.bars_base.quality, len(new.bars_base)) == (0, 100.0, 0)
    assert new.append(OPEN - 24 * HOUR, 1.0, 1.0, 1.0, 1.0, 1.0)


def test_a_float_that_clears_the_store_while_it_is_read_does_no_harm() -> None:
    code = """
    class Treacherous:
        def __float__(self):
            data.clear()
            return 1.0
    try:
        spy.append(OPEN + 20 * MINUTE, 1.0, Treacherous(), 1.0, 1.0, 1.0)
    except sd.SessionStateError:
        print("refused")
    """
    assert survives(code) == "refused"


def test_a_symbol_outlives_the_name_of_its_store() -> None:
    code = """
    import gc
    series, window = spy.bars("5m"), spy.bars_base.last(3)
    del data, spy
    gc.collect()
    print(len(series), window[-1].close, window.is_valid())
    del series
    gc.collect()
    print(window.close.sum())
    """
    assert survives(code).split() == ["2", "109.5", "True", "325.5"]


def test_columns_outlive_the_store() -> None:
    code = """
    import gc
    column = spy.bars_base.close
    data.clear()
    del data, spy
    gc.collect()
    junk = [new_store().register_symbol("X") for _ in range(20)]
    print(column.sum())
    """
    assert survives(code) == "1050.0"


# --- memory, batch kernels ------------------------------------------------------------------------


def test_memory_usage_counts_the_live_rows(data: sd.SessionData) -> None:
    data = new_store(("5m", "1d"), capacity=100)
    assert data.memory_usage() == {"reserved": 0, "rows": 0, "history_reserved": 0, "history_rows": 0}
    spy = data.register_symbol("SPY")
    reserved = data.memory_usage()["reserved"]
    assert reserved >= 2 * 100 * 48
    assert data.memory_usage()["rows"] == 0
    feed(spy, range(10))
    no_history = {"history_reserved": 0, "history_rows": 0}
    assert data.memory_usage() == {"reserved": reserved, "rows": 10 * 48 + 2 * 52 + 52, **no_history}
    feed(spy, range(10, 300))
    assert data.memory_usage()["rows"] == 100 * 48 + 60 * 52 + 52
    data.register_symbol("IBM")
    assert data.memory_usage()["reserved"] == 2 * reserved
    data.remove_symbol("SPY")
    assert data.memory_usage() == {"reserved": reserved, "rows": 0, **no_history}


def test_the_batch_kernels_agree_with_the_store(data: sd.SessionData) -> None:
    spy = data.register_symbol("SPY")
    feed(spy, [i for i in range(-5, 395) if i % 7])
    grid = data.grid
    assert grid is not None
    ts, as_of = spy.bars_base.timestamp, OPEN + 395 * MINUTE
    gaps = sd.find_gaps(ts, grid, "1m", as_of)
    assert list(zip(*(column.tolist() for column in gaps), strict=True)) == [
        (gap.start_ns, gap.end_ns, gap.bar_count) for gap in spy.bars_base.gaps
    ]
    assert sd.quality(ts, grid, "1m", as_of) == spy.bars_base.quality
    for bars in (spy.bars_base, spy.bars_base.last(1000), spy.bars_base.last(1000).copy()):
        derived = sd.aggregate(bars, grid, "1m", "5m")
        assert derived.timestamp.tolist() == spy.bars("5m").timestamp.tolist()
        assert derived.volume.tolist() == spy.bars("5m").volume.tolist()
        assert derived.n_base.tolist() == spy.bars("5m").n_base.tolist()
        assert derived.open.flags.writeable
    assert sd.aggregate(spy.bars_base, grid, "1m", "1d").high.tolist() == [spy.session_high]
