"""What a notebook shows of stores, symbols, series and windows."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

import sessiondata as sd
from worlds import MINUTE, utc

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
OPEN = utc("2024-03-12T09:30:00-04:00")


def parsed(thing: Any) -> tuple[str, list[list[str]]]:
    """Caption and rows of a table, by a strict parser."""
    root = ET.fromstring(thing._repr_html_())
    assert root.tag == "table"
    assert {element.tag for element in root.iter()} <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert not any(element.attrib for element in root.iter())
    rows = [[cell.text or "" for cell in row] for row in root.iter("tr")]
    assert len({len(row) for row in rows}) == 1
    return root.findtext("caption") or "", rows


def new_symbol(name: str = "SPY", n: int = 7) -> sd.SymbolSessionData:
    return new_store(name, n).symbols[name]


def new_store(name: str = "SPY", n: int = 7) -> sd.SessionData:
    data = sd.SessionData(CALENDAR, "1m", ("5m", "1d"))
    symbol = data.register_symbol(name)
    for i in range(-1, n - 1):
        if i != 2:
            symbol.append(OPEN + i * MINUTE, 100.0 + i, 101.25 + i, 99.0 + i, 100.5 + i, 1_234_567.0)
    return data


def test_bars_of_a_series_and_of_a_window() -> None:
    spy = new_symbol()
    caption, rows = parsed(spy.bars())
    assert caption == "SPY 1m: 6 bars, 1 of 6 missing, quality 83.33"
    assert rows[0] == ["timestamp", "open", "high", "low", "close", "volume", ""]
    assert rows[1] == ["2024-03-12 09:29:00-04:00", "99", "100.25", "98", "99.5", "1234567", "extended"]
    assert rows[2][-1] == ""
    caption, rows = parsed(spy.bars("5m").last(1))
    assert caption == "SPY 5m: 1 bars"
    assert rows[1][-1] == "forming"
    spy.append(OPEN + 2 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    window = spy.bars().last(2)
    spy.append(OPEN - 9 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert parsed(window)[0].endswith("2 bars, overtaken")
    assert parsed(window.copy())[0].endswith("2 bars")


def test_many_rows_are_shortened() -> None:
    _, rows = parsed(new_symbol(n=300).bars())
    assert len(rows) == 12
    assert rows[6] == ["…"] * 7
    assert rows[-1][0] == "2024-03-12 14:28:00-04:00"
    data = sd.SessionData(CALENDAR)
    for i in range(500):
        data.register_symbol(f"S{i:03}")
    caption, rows = parsed(data)
    assert caption.endswith("no session: 500 symbols")
    assert [row[0] for row in rows[1:]] == [f"S{i:03}" for i in range(5)] + ["…"] + [
        f"S{i:03}" for i in range(495, 500)
    ]


def test_symbol_and_store() -> None:
    data = new_store()
    caption, rows = parsed(data.symbols["SPY"])
    assert caption == "SPY"
    assert rows[0] == ["interval", "bars", "missing", "gaps", "quality", "newest", "close"]
    assert rows[1] == ["1m", "6", "1", "1", "83.33", "2024-03-12 09:35:00-04:00", "105.5"]
    assert [row[0] for row in rows[1:]] == ["1m", "5m", "1d"]
    caption, rows = parsed(data)
    assert caption == "SessionData 09:30-16:00 America/New_York, 2024-03-12: 1 symbol"
    assert rows[1] == ["SPY", "1m", "6", "1", "1", "83.33", "2024-03-12 09:35:00-04:00", "105.5"]


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&b", '"><img src=x onerror=y>', "'", "é\u2028☃"])
def test_names_are_escaped(name: str) -> None:
    data = new_store(name)
    symbol = data.symbols[name]
    assert parsed(symbol)[0] == name
    assert parsed(data)[1][1][0] == name
    assert parsed(symbol.bars())[0].startswith(name)
    assert parsed(symbol.bars().last(2))[0].startswith(name)
    assert "<script" not in data._repr_html_() + symbol._repr_html_() + symbol.bars()._repr_html_()


def test_where_there_is_nothing_to_show() -> None:
    data = sd.SessionData(CALENDAR)
    assert parsed(data)[0].endswith("no session: 0 symbols")
    spy = data.register_symbol("SPY")
    assert parsed(spy)[1][1] == ["1m", "0", "0", "0", "100.00", "", ""]
    assert len(parsed(spy.bars())[1]) == len(parsed(spy.bars().last(3))[1]) == 1
    store = new_store()
    kept = store.symbols["SPY"]
    series, window = kept.bars(), kept.bars().last(2)
    store.clear()
    assert "0 bars" in parsed(series)[0]
    assert "2 bars, overtaken" in parsed(window)[0]
    assert len(parsed(window)[1]) == 3
    assert parsed(kept)
