"""Rows for consumers that read Arrow: what a consumer puts together of them is what the store
holds, whatever happened in between (law 7)."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from both_writers import BAR, OPEN, new_store
from delta_store import Life
from worlds import HOUR, MINUTE

pa = pytest.importorskip("pyarrow")

COLUMNS = ["symbol", "interval", "timestamp", "open", "high", "low", "close", "volume"]
Rows = dict[tuple[str, str], dict[int, tuple[float, ...]]]


def rows_of(export: Any) -> list[tuple[Any, ...]]:
    """Symbol, interval, ns, and the five values of each row."""
    table = pa.table(export)
    table.validate(full=True)
    assert table.column_names == COLUMNS
    assert len(export) == table.num_rows
    columns = [table[name].to_pylist() for name in ("symbol", "interval")]
    columns.append(table["timestamp"].cast(pa.int64()).to_pylist())
    columns += [table[name].to_pylist() for name in COLUMNS[3:]]
    return list(zip(*columns, strict=True))


class Consumer:
    """Keeps the rows of a store by what `SessionData.export_arrow` says."""

    def __init__(self) -> None:
        self.rows: Rows | None = None
        self.sequence: int | None = None

    def follow(self, data: sd.SessionData, cursor: str | None = None) -> Any:
        export = data.export_arrow(self.rows is None, cursor=cursor)
        # not the consumer's: of a store that was saved before, and has been loaded
        other = self.rows is not None and export.since != self.sequence
        if export.resync or other:
            assert len(export) == 0 or other
            self.rows = None
            return self.follow(data, cursor)
        if self.rows is None:
            assert export.since is None
            self.rows = {}
        self.rows = {key: rows for key, rows in self.rows.items() if key[0] not in export.removed}
        for key in export.replaced:
            self.rows[key] = {}
        for symbol, interval, ts, *values in rows_of(export):
            self.rows[symbol, interval][ts] = tuple(values)
        self.sequence = export.sequence
        return export

    def check(self, data: sd.SessionData) -> None:
        """All rows are those of the document; rows that a ring has overwritten may be more."""
        assert self.rows is not None
        document = data.to_dict(cursor=False, timestamps="epoch_ns")
        truth = {
            (name, interval): part["data"]
            for name, symbol in document["symbols"].items()
            for interval, part in symbol["session"]["data"].items()
            if interval not in ("ticks", "quotes")
        }
        assert self.rows.keys() == truth.keys()
        for key, rows in truth.items():
            mine = sorted((ts, *values) for ts, values in self.rows[key].items())
            assert mine[len(mine) - len(rows) :] == [tuple(row) for row in rows], key


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_rows_of_random_operations(block: int) -> None:
    checked = 0
    for seed in range(5_000 + block, 5_040, 4):
        life, consumers = Life(seed), [Consumer(), Consumer()]
        for name in ("arrow", "slow"):
            life.data.export_cursor(name)
        try:
            for step in range(60):
                life.happen()
                for consumer, name in zip(consumers, ("arrow", "slow"), strict=True):
                    if name == "arrow" or step % 7 == 6:
                        if name not in life.data.cursors:
                            life.data.export_cursor(name)
                        consumer.follow(life.data, name)
                        consumer.check(life.data)
                        checked += 1
        except BaseException as error:
            error.add_note(f"life {seed}")
            raise
    assert checked > 600


def test_rows_that_changed() -> None:
    data = new_store()
    spy, ibm = data.register_symbol("SPY"), data.register_symbol("IBM")
    spy.extend([OPEN + i * MINUTE for i in (0, 1, 3)], *([x] * 3 for x in BAR))
    ibm.append(OPEN, *BAR)
    consumer = Consumer()
    assert consumer.follow(data).replaced == [(n, i) for n in ("SPY", "IBM") for i in ("1m", "5m", "1d")]
    consumer.check(data)
    assert len(consumer.follow(data)) == 0
    spy.append(OPEN + 2 * MINUTE, *BAR)  # late
    export = consumer.follow(data)
    assert [row[:3] for row in rows_of(export)] == [
        ("SPY", "1m", OPEN + 2 * MINUTE), ("SPY", "5m", OPEN), ("SPY", "1d", OPEN),
    ]  # fmt: skip
    assert rows_of(export) == rows_of(export), "a stream may be asked for again"
    assert export.replaced == export.removed == []
    consumer.check(data)
    data.remove_symbol("IBM")
    assert consumer.follow(data).removed == ["IBM"]
    consumer.check(data)


def test_a_roll_replaces_all_rows() -> None:
    data = new_store()
    data.register_symbol("SPY").append(OPEN, *BAR)
    consumer = Consumer()
    consumer.follow(data)
    data.roll_session("2024-03-13")
    assert consumer.follow(data).replaced == [("SPY", interval) for interval in ("1m", "5m", "1d")]
    consumer.check(data)
    data.append("SPY", OPEN + 24 * HOUR, *BAR)
    assert len(consumer.follow(data)) == 3
    consumer.check(data)


def test_selections_and_consumers_of_other_forms() -> None:
    data = new_store()
    for name in ("SPY", "IBM"):
        data.register_symbol(name).append(OPEN, *BAR)
    export = data.export_arrow(cursor=False, symbols=["IBM"], intervals=["5m"])
    assert [row[:2] for row in rows_of(export)] == [("IBM", "5m")]
    assert data.export_arrow(False).resync, "cursor=False moves none"
    data.to_json()
    assert data.export_arrow(False).resync, "its times were written otherwise"
    data.export_arrow(intervals=["5m"])
    with pytest.raises(sd.DeltaError):
        data.export_arrow(False, intervals=["1m"])
    with pytest.raises(sd.UnknownNameError):
        data.export_arrow(cursor="x")
    with pytest.raises(sd.ArgumentError, match="cursor=False"):
        data.export_arrow(False, cursor=False)


def test_rows_outlive_their_store_and_each_other() -> None:
    data = new_store()
    data.register_symbol("株").extend(OPEN + np.arange(50) * MINUTE, *(np.full(50, x) for x in BAR))
    export = data.export_arrow()
    column = pa.table(export)["symbol"].chunk(0)
    empty = data.export_arrow(False)
    capsule = export.__arrow_c_stream__()  # nobody takes it
    del data, export, capsule
    gc.collect()
    assert column.to_pylist()[:2] == ["株", "株"]
    assert pa.table(empty).num_rows == 0


def test_other_libraries() -> None:
    data = new_store()
    data.register_symbol("SPY").append(OPEN, *BAR)
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(data.export_arrow())
    assert frame.columns == COLUMNS
    assert frame["interval"].to_list() == ["1m", "5m", "1d"]
    assert frame["volume"].to_list() == [BAR[4]] * 3
