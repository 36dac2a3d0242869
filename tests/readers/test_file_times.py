"""Files that can be read in two ways: units and zones of their times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sessiondata.errors import InputError
from sessiondata.readers.bars import read_bars
from sessiondata.readers.options import ReadOptions
from silent_files import HEADER, NS, START_S, Run, bars, raw, stamps

# --- units ----------------------------------------------------------------------------------------


RIGHT = {"s": START_S, "ms": START_S * 1_000, "us": START_S * 1_000_000, "ns": START_S * NS}


@pytest.mark.parametrize("right", list(RIGHT))
@pytest.mark.parametrize("wrong", list(RIGHT))
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_wrong_unit_names_the_right_one(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    if kind == "csv":
        path, row = bars(tmp_path / "x.csv", stamps(0, 1, form=right)), 2
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        path, row = tmp_path / "x.parquet", 0
        values = {name: [1.0, 1.0] for name in ("open", "high", "low", "close", "volume")}
        parquet.write_table(pa.table({"time": [int(t) for t in stamps(0, 1, form=right)]} | values), path)
    if right == wrong:
        (table,) = read_bars(path, ReadOptions(unit=wrong))
        assert table.ts_ns.tolist() == [START_S * NS, (START_S + 60) * NS]
        return
    with pytest.raises(InputError, match=f"pass --unit {right}") as caught:
        read_bars(path, ReadOptions(unit=wrong))
    assert caught.value.row == row
    assert f"2024-03-12T13:30:00 in {right}" in str(caught.value)
    with pytest.raises(InputError, match="holds no rows but bad ones"):
        read_bars(path, ReadOptions(unit=wrong, on_bad="skip"))


@pytest.mark.parametrize("right", list(RIGHT))
def test_missing_unit_is_proposed(tmp_path: Path, right: str) -> None:
    path = bars(tmp_path / "x.csv", stamps(0, form=right))
    with pytest.raises(InputError) as caught:
        read_bars(path)
    assert f"pass --unit s, ms, us or ns ({right} makes 2024-03-12T13:30:00 of it)" in str(caught.value)


@pytest.mark.parametrize("column", ["ts_event", "window_start"])
def test_columns_known_to_count_nanoseconds_may_count_others(tmp_path: Path, column: str) -> None:
    path = raw(tmp_path / "x.csv", HEADER.replace("timestamp", column) + f"{RIGHT['ms']},1,1,1,1,1\n")
    with pytest.raises(InputError, match="pass --unit ms"):
        read_bars(path)
    (table,) = read_bars(path, ReadOptions(unit="ms"))
    assert table.ts_ns.tolist() == [START_S * NS]


@pytest.mark.parametrize("digits", ["20240312093000", "202403120930", "20240312"])
@pytest.mark.parametrize("unit", [None, "s", "ms", "us", "ns"])
def test_digits_of_a_date_are_no_count(tmp_path: Path, digits: str, unit: str | None) -> None:
    path = bars(tmp_path / "x.csv", [digits])
    with pytest.raises(InputError, match="digits of a date") as caught:
        read_bars(path, ReadOptions(unit=unit))
    assert caught.value.row == 2


def test_times_before_1990_that_no_other_unit_explains(tmp_path: Path) -> None:
    crash_s = 561_560_400  # 1987-10-18T13:00:00Z
    path = bars(tmp_path / "x.csv", [str(crash_s)])
    (table,) = read_bars(path, ReadOptions(unit="s"))
    assert table.ts_ns.tolist() == [crash_s * NS]


EARLY = ["0", "-1", "1"]


def counted(unit: str, *, swapped: tuple[int, str] | None = None, n: int = 3) -> list[str]:
    """Minutes from the opening on as whole numbers, one of them swapped."""
    per_second = NS // {"s": NS, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    texts = [str((START_S + 60 * k) * per_second) for k in range(n)]
    if swapped is not None:
        texts[swapped[0]] = swapped[1]
    return texts


def of_kind(path: Path, kind: str, texts: list[str], symbols: list[str] | None = None) -> Path:
    """The same bars as CSV or as Parquet with whole numbers."""
    columns: dict[str, Any] = {"timestamp": [int(text) for text in texts]}
    columns |= dict.fromkeys(("open", "high", "low", "close", "volume"), [1.0] * len(texts))
    if symbols is not None:
        columns["symbol"] = symbols
    if kind == "parquet":
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pa.table(columns), path)
        return path
    rows = zip(*columns.values(), strict=True)
    return raw(path, "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows), ""]))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("early", EARLY)
def test_one_count_from_before_1990_among_later_ones_is_refused(
    tmp_path: Path, kind: str, unit: str, at: int, early: str
) -> None:
    path = of_kind(tmp_path / f"x.{kind}", kind, counted(unit, swapped=(at, early)))
    with pytest.raises(InputError, match="before 1990 among later ones") as caught:
        read_bars(path, ReadOptions(unit=unit))
    assert caught.value.row == at + (2 if kind == "csv" else 0)
    notes: list[str] = []
    (table,) = read_bars(path, ReadOptions(unit=unit, on_bad="skip"), notes.append)
    assert table.ts_ns.tolist() == [(START_S + 60 * k) * NS for k in range(3) if k != at]
    assert "bad rows left out: 1 (1 x whole-number time before 1990" in notes[0]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_counts_of_0_alone_are_refused_and_a_symbol_of_them_is_left_out(tmp_path: Path, kind: str) -> None:
    path = of_kind(tmp_path / f"x.{kind}", kind, ["0", "0"])
    with pytest.raises(InputError, match="0 alone"):
        read_bars(path, ReadOptions(unit="s"))
    with pytest.raises(InputError, match="no rows but bad ones"):
        read_bars(path, ReadOptions(unit="s", on_bad="skip"))
    path = of_kind(tmp_path / f"y.{kind}", kind, counted("s", swapped=(1, "0")), ["A", "B", "A"])
    (table,) = read_bars(path, ReadOptions(unit="s", on_bad="skip"))
    assert (table.symbol, len(table.ts_ns)) == ("A", 2)
    crash_s = 561_560_400
    path = of_kind(tmp_path / f"z.{kind}", kind, [str(crash_s), str(crash_s + 60)])
    (table,) = read_bars(path, ReadOptions(unit="s"))
    assert table.ts_ns.tolist() == [crash_s * NS, (crash_s + 60) * NS]


def test_the_local_epoch_and_an_early_date_as_text(tmp_path: Path) -> None:
    path = of_kind(tmp_path / "x.csv", "csv", counted("s", swapped=(1, "0")))
    with pytest.raises(InputError, match="before 1990") as caught:
        read_bars(path, ReadOptions(tz="Asia/Tokyo", unit="s", epoch="local"))
    assert caught.value.row == 3
    path = bars(tmp_path / "y.csv", ["1987-10-19T09:30:00-04:00", "2024-03-12T09:30:00-04:00"])
    assert read_bars(path)[0].ts_ns.tolist() == [561_648_600 * NS, START_S * NS]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_command_plays_no_session_of_1969(tmp_path: Path, kind: str, run: Run) -> None:
    """In New York 0 is the evening of 1969-12-31."""
    path = of_kind(tmp_path / f"x.{kind}", kind, counted("s", swapped=(1, "0"), n=4))
    for options in ([], ["--calendar", "forex"]):
        assert run(path, "--unit", "s", *options).status == 3
        assert "before 1990 among later ones" in run.err
        assert "1969" not in run.out
    assert run(path, "--unit", "s", "--interval", "1m", "--on-bad", "skip").counts() == {"X": 3}
    assert "1969" not in run.out
    assert "1970" not in run.out
    assert "bad rows left out: 1" in run.err


# --- zones ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tz_with_whole_numbers_is_refused_until_epoch_says_what_they_count(tmp_path: Path, kind: str) -> None:
    if kind == "csv":
        path = bars(tmp_path / "x.csv", stamps(0, 1, form="s"))
    else:
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        path = tmp_path / "x.parquet"
        values = {name: [1.0, 1.0] for name in ("open", "high", "low", "close", "volume")}
        parquet.write_table(pa.table({"time": [int(t) for t in stamps(0, 1, form="s")]} | values), path)
    with pytest.raises(InputError, match="pass --epoch utc or --epoch local") as caught:
        read_bars(path, ReadOptions(tz="Europe/Athens", unit="s"))
    assert caught.value.row is not None
    (utc,) = read_bars(path, ReadOptions(tz="Europe/Athens", unit="s", epoch="utc"))
    assert utc.ts_ns.tolist() == [START_S * NS, (START_S + 60) * NS]
    (local,) = read_bars(path, ReadOptions(tz="Europe/Athens", unit="s", epoch="local"))
    two_hours = 2 * 3_600 * NS  # Athens is at UTC+2 on 12 March
    assert local.ts_ns.tolist() == [START_S * NS - two_hours, (START_S + 60) * NS - two_hours]


def test_local_epoch_at_the_change_of_the_clock(tmp_path: Path) -> None:
    shown_twice_s = int(np.datetime64("2024-11-03T01:30:00", "s").astype(int))
    path = bars(tmp_path / "x.csv", [str(shown_twice_s)])
    with pytest.raises(InputError, match="showed this time twice"):
        read_bars(path, ReadOptions(tz="America/New_York", unit="s", epoch="local"))


def test_local_epoch_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="--tz"):
        ReadOptions(epoch="local")
    with pytest.raises(ValueError, match="'gps'"):
        ReadOptions(epoch="gps")
    with pytest.raises(ValueError, match="'path'"):
        ReadOptions(symbol_from="path")


def test_options_without_effect_are_told(run: Run, tmp_path: Path) -> None:
    aware, naive = bars(tmp_path / "a.csv", stamps(0, 1, 2)), tmp_path / "n.csv"
    bars(naive, [t.rstrip("Z") for t in stamps(0, 1, 2)])
    assert run(aware, naive, "--tz", "UTC", "--unit", "s").status == 0
    assert f"{aware}: --tz does not apply to times that carry an offset" in run.err
    assert "2 files, such as" in run.err
    assert "--unit does not apply to times that are text" in run.err
    assert run(naive, "--tz", "UTC").status == 0
    assert "does not apply" not in run.err
    event = raw(tmp_path / "e.csv", HEADER.replace("timestamp", "ts_event") + f"{RIGHT['ns']},1,1,1,1,1\n")
    assert run(event, "--tz", "Asia/Tokyo", "--interval", "1m").status == 0
    assert "--tz does not apply to column 'ts_event'" in run.err


def test_a_bad_row_carries_no_offset(run: Run, tmp_path: Path) -> None:
    path = raw(tmp_path / "x.csv", HEADER + "2024-03-12 09:30,1,1,1,1,1\nx,1,1,1,1,1\n2024-03-12 09:31,1,1,1,1,1\n")
    assert run(path, "--tz", "UTC", "--on-bad", "skip").status == 0
    assert "offset" not in run.err
