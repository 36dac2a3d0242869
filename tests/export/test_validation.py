"""The CSV of a session, step by step: against the reference model, and as pandas and polars read
it."""

from __future__ import annotations

import csv
import io
import os
import stat
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference as ref
import sessiondata as sd
from sessiondata import atomic as files
from sessiondata.cli.command import main
from sessiondata.export.csv import COLUMNS, csv_pieces
from worlds import MINUTE, SECOND, World, configurations, spans, ticks, timestamps, utc, values

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
OPEN = utc("2024-03-12T09:30:00-04:00")
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)


def small() -> sd.SessionData:
    data = sd.SessionData(CALENDAR, "1m", ("5m",))
    data.start_session("2024-03-12")
    spy = data.register_symbol("SPY")
    spy.append(OPEN - MINUTE, *BAR)
    spy.append(OPEN, 1.0, 2.25, 0.5, 0.1 + 0.2, 100.0)
    spy.append(OPEN + 3 * MINUTE, *BAR[:4], 0.5)
    spy.append(OPEN + 3 * MINUTE + 1_500_000, *BAR)
    spy.append_quote(OPEN + MINUTE + 1, 1.0, 1.5, 1, 1)
    spy.mark_no_trade("1m", OPEN + 2 * MINUTE, OPEN + 3 * MINUTE)
    data.register_symbol('A,"B')
    data.advance_to(OPEN + 6 * MINUTE)
    return data


SMALL = """\
session_date,symbol,interval,time,ts_ns,state,open,high,low,close,volume,bars_updated,ticks_updated,quotes_updated,\
expected,present,missing,gap_count,quality
2024-03-12,SPY,1m,2024-03-12T13:29:00Z,1710250140000000000,extended,10.0,12.0,9.0,11.0,100,true,false,false,0,0,0,0,100.0
2024-03-12,SPY,1m,2024-03-12T13:30:00Z,1710250200000000000,present,1.0,2.25,0.5,0.30000000000000004,100,true,false,\
false,1,1,0,0,100.0
2024-03-12,SPY,1m,2024-03-12T13:31:00Z,1710250260000000000,missing,,,,,,false,false,true,2,1,1,1,50.0
2024-03-12,SPY,1m,2024-03-12T13:32:00Z,1710250320000000000,no_trade,,,,,,false,false,false,3,1,1,1,33.33
2024-03-12,SPY,1m,2024-03-12T13:33:00Z,1710250380000000000,present,10.0,12.0,9.0,11.0,0.5,true,false,false,4,2,1,1,50.0
2024-03-12,SPY,1m,2024-03-12T13:33:00.001500Z,1710250380001500000,off_grid,10.0,12.0,9.0,11.0,100,true,false,false,\
4,2,1,1,50.0
2024-03-12,SPY,1m,2024-03-12T13:34:00Z,1710250440000000000,missing,,,,,,false,false,false,5,2,2,2,40.0
2024-03-12,SPY,1m,2024-03-12T13:35:00Z,1710250500000000000,missing,,,,,,false,false,false,6,2,3,2,33.33
"""


def of(data: sd.SessionData, interval: str | None = None) -> str:
    return b"".join(text for text, _ in csv_pieces(data, interval, with_header=True)).decode()


def test_a_small_session_written_out_by_hand(tmp_path: Path) -> None:
    data = small()
    path = tmp_path / "steps.csv"
    assert data.to_csv(path) == 8 + 6
    text = path.read_bytes().decode()
    assert text.startswith(SMALL)
    assert '\n2024-03-12,"A,""B",1m,2024-03-12T13:30:00Z,' in text
    assert text.endswith(",6,0,6,1,0.0\n")
    assert [entry.name for entry in tmp_path.iterdir()] == ["steps.csv"]
    assert of(data) == of(small()) == text
    assert of(data, "300s").count("\n") == 1 + 3  # the extended bar, and one slot for each symbol


def test_readers_load_it(tmp_path: Path) -> None:
    data = small()
    data.to_csv(str(tmp_path / "steps.csv"))
    exactly: Any = {"float_precision": "round_trip"} if int(pd.__version__.split(".")[0]) < 3 else {}
    frame = pd.read_csv(tmp_path / "steps.csv", parse_dates=["time"], date_format="ISO8601", **exactly)
    assert frame.columns.tolist() == list(COLUMNS)
    assert (frame["time"].astype("datetime64[ns, UTC]").astype("int64") == frame["ts_ns"]).all()
    spy = frame[frame["symbol"] == "SPY"]
    rows = spy.dropna(subset="open")
    series = data.symbols["SPY"].bars()
    assert rows["ts_ns"].tolist() == series.timestamp.tolist()
    for name in ("open", "high", "low", "close", "volume"):
        assert rows[name].tolist() == getattr(series, name).tolist()
    assert spy["bars_updated"].dtype == bool
    other = pl.read_csv(tmp_path / "steps.csv")
    assert other["bars_updated"].dtype == pl.Boolean
    assert other["ts_ns"].to_list() == frame["ts_ns"].tolist()
    assert other["quality"].to_list() == frame["quality"].tolist()


def test_the_bars_of_one_run_give_the_steps_of_another(tmp_path: Path) -> None:
    # The file has the columns that `extend` takes, so a run can be fed from it.
    data = small()
    data.to_csv(tmp_path / "steps.csv")
    frame = pl.read_csv(tmp_path / "steps.csv").filter(pl.col("symbol") == "SPY").drop_nulls("open")
    again = sd.SessionData(CALENDAR, "1m", ("5m",))
    again.start_session("2024-03-12")
    columns = ("open", "high", "low", "close", "volume")
    again.register_symbol("SPY").extend(frame["ts_ns"].to_numpy(), *(frame[name].to_numpy() for name in columns))
    assert again.symbols["SPY"].bars()[-1] == data.symbols["SPY"].bars()[-1]


def test_nothing_is_left_of_a_file_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "steps.csv"
    path.write_text("before")
    data = small()
    for call in (lambda: data.to_csv(path, "7m"), lambda: data.to_csv(tmp_path / "no" / "such" / "folder.csv")):
        with pytest.raises((sd.UnknownNameError, OSError)):
            call()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError, match="no"):
        data.to_csv(path)
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["steps.csv"]
    data.deactivate()
    with pytest.raises(sd.InactiveError):
        data.to_csv(path)


def of_minutes(name: str, n: int) -> sd.SessionData:
    data = sd.SessionData(CALENDAR, "1m", ("5m",))
    data.start_session("2024-03-12")
    data.register_symbol(name).extend(OPEN + np.arange(n) * MINUTE, *[np.ones(n)] * 5)
    return data


@pytest.mark.threads
@pytest.mark.skipif(os.name == "nt", reason="Windows puts no file in the place of one that is read")
@pytest.mark.parametrize("write", [sd.SessionData.to_csv, sd.SessionData.save])
def test_two_threads_may_write_to_one_path(tmp_path: Path, write: Callable[[sd.SessionData, Path], Any]) -> None:
    """They shared a temporary file: one failed, and readers saw rows of both."""
    path, faults, whole = tmp_path / "x", [], set()
    stores = [of_minutes("AAAA", 390), of_minutes("BBBB", 200)]
    for data in stores:
        write(data, path)
        whole.add(path.read_bytes())

    def run(data: sd.SessionData) -> None:
        try:
            for _ in range(20):
                write(data, path)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=run, args=(data,)) for data in stores]
    for thread in threads:
        thread.start()
    seen = {path.read_bytes()}
    while any(thread.is_alive() for thread in threads):
        seen.add(path.read_bytes())
    assert not faults
    assert seen <= whole
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.threads
@pytest.mark.slow
@pytest.mark.parametrize("option", ["--out", "--csv"])
def test_two_processes_may_write_to_one_path(tmp_path: Path, option: str) -> None:
    begun = [
        subprocess.Popen(
            [sys.executable, "-m", "sessiondata", "replay", "--demo", "--quiet", option, str(tmp_path / "x")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    assert [(process.communicate()[1], process.returncode) for process in begun] == [(b"", 0)] * 2
    assert os.listdir(tmp_path) == ["x"]


def test_a_writer_comes_between_no_other_one(tmp_path: Path) -> None:
    """The one that ends last decides, and until then nothing of it shows."""
    path = tmp_path / "x"
    with files.written(path) as first:
        first.write(b"first")
        with files.written(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"
        first.write(b" of all")
    assert path.read_bytes() == b"first of all"
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.skipif(files.fcntl is None, reason="needs locks")
def test_what_dead_writers_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    """By a CSV as by a snapshot, of one path; never a file that somebody writes to."""
    prefix = f".sessiondata-{zlib.crc32(b'x'):08x}-"
    others = [".x.tmp", f"{prefix}0.tmp", f".sessiondata-{zlib.crc32(b'y'):08x}-{'0' * 16}.tmp"]
    for name in (*others, f"{prefix}{'0' * 16}.tmp", f"{prefix}{'1' * 16}.tmp"):
        (tmp_path / name).write_bytes(b"half")
    with open(tmp_path / f"{prefix}{'1' * 16}.tmp", "rb+") as alive:
        files.fcntl.flock(alive, files.fcntl.LOCK_EX)
        small().to_csv(tmp_path / "x")
        assert sorted(os.listdir(tmp_path)) == sorted([*others, f"{prefix}{'1' * 16}.tmp", "x"])
    small().save(tmp_path / "x")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "x"])


@pytest.mark.skipif(os.name == "nt", reason="permission bits, links and pipes of POSIX")
def test_permission_bits_links_and_pipes_stay(tmp_path: Path) -> None:
    """A private file was readable by all after the next run, a link was a file, and so was
    ``/dev/null``."""
    data, path, link, pipe = sd.SessionData(), tmp_path / "x.csv", tmp_path / "folder" / "link", tmp_path / "pipe"
    path.touch(0o600)
    link.parent.mkdir()
    link.symlink_to("../x.csv")
    data.to_csv(link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        data.to_csv(pipe)
        assert os.read(reader, 1_000) == path.read_bytes() == link.read_bytes() != b""
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(IsADirectoryError):
        data.to_csv(tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "pipe", "x.csv"]
    assert os.listdir(link.parent) == ["link"]


def test_a_store_without_anything_has_the_head_alone(tmp_path: Path) -> None:
    data = sd.SessionData(CALENDAR)
    assert data.to_csv(tmp_path / "x.csv") == 0
    data.register_symbol("SPY")
    assert data.to_csv(tmp_path / "y.csv") == 0
    assert (tmp_path / "x.csv").read_bytes() == (tmp_path / "y.csv").read_bytes() == ",".join(COLUMNS).encode() + b"\n"


def test_a_long_session_of_many_pieces() -> None:
    data = sd.SessionData(CALENDAR, "1s", ("1d",))
    data.start_session("2024-03-12")
    ts = np.arange(0, 23_400, 2) * SECOND + OPEN
    data.register_symbol("SPY").extend(ts, *(np.full(len(ts), x) for x in BAR))
    rows = list(csv.DictReader(io.StringIO(of(data))))
    assert len(rows) == 23_399
    assert [int(row["ts_ns"]) for row in rows] == list(range(OPEN, OPEN + 23_399 * SECOND, SECOND))
    assert rows[-1]["gap_count"] == "11699"
    assert len(list(csv.DictReader(io.StringIO(of(data, "1d"))))) == 1


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(st.data())
def test_the_last_numbers_are_the_stores_and_all_bars_are_there(drawn: st.DataObject) -> None:
    world = World(*drawn.draw(configurations()), tick_capacities=(8, 8))
    world.register("A")
    shape = next(name for name, item in __import__("worlds").SHAPES.items() if item[0] == world.session.date
                 and item[2] == world.session.segments)  # fmt: skip
    with_ticks = drawn.draw(st.booleans())
    for _ in range(drawn.draw(st.integers(0, 12))):
        ts = drawn.draw(timestamps(shape))
        if with_ticks:
            world.append_ticks("A", "ticks", (ts, *drawn.draw(ticks())))
        else:
            world.append("A", ts, drawn.draw(values()))
    if drawn.draw(st.booleans()):
        world.mark_no_trade("A", world.data.symbols["A"].base_interval, *drawn.draw(spans(shape)))
    if drawn.draw(st.booleans()):
        world.advance_to(drawn.draw(timestamps(shape)))
    symbol, model = world.data.symbols["A"], world.model.symbols["A"]
    for interval in symbol.intervals:
        series = symbol.bars(interval)
        rows = list(csv.DictReader(io.StringIO(of(world.data, interval))))
        times = [int(row["ts_ns"]) for row in rows]
        assert times == sorted(set(times))
        held = [row for row in rows if row["open"]]
        assert [int(row["ts_ns"]) for row in held] == series.timestamp.tolist()
        assert [float(row["close"]) for row in held] == series.close.tolist()
        assert [float(row["volume"]) for row in held] == series.volume.tolist()
        states = dict(model.states(interval))
        for row in rows:
            state = states.get(int(row["ts_ns"]))
            if row["state"] in ("present", "missing", "no_trade", "halted"):
                assert row["state"] == state
            else:
                assert row["open"]
            assert row["bars_updated"] == str(bool(row["open"]) or row["state"] == "present").lower()
        if rows:
            last = rows[-1]
            numbers = (series.expected, series.present, series.missing, series.gap_count)
            assert tuple(int(last[name]) for name in ("expected", "present", "missing", "gap_count")) == numbers
            assert float(last["quality"]) == ref.percentage_shown(series.present, series.expected)
        assert sum(row["state"] in ("present", "missing", "no_trade", "halted") for row in rows) == series.expected


def test_replay_writes_the_steps_of_all_its_sessions(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "steps.csv"
    assert main(["replay", "--demo", "--quiet", "--csv", str(path)]) == 0
    assert capsys.readouterr().out.startswith("date")
    first = path.read_bytes()
    assert main(["replay", "--demo", "--quiet", "--csv", str(path)]) == 0
    assert path.read_bytes() == first
    frame = pd.read_csv(path)
    assert frame["symbol"].nunique() == 6
    rows = "".join(f"{day},10,10,10,10,1\n" for n in (0, 1) for day in
                   (f"2024-03-1{2 + n}T13:30:00Z", f"2024-03-1{2 + n}T13:31:00Z"))  # fmt: skip
    (tmp_path / "X.csv").write_text("timestamp,open,high,low,close,volume\n" + rows)
    assert main(["replay", str(tmp_path / "X.csv"), "--calendar", "XNYS", "--quiet", "--csv", str(path)]) == 0
    dates = pd.read_csv(path)["session_date"]
    assert dates.tolist() == ["2024-03-12"] * 2 + ["2024-03-13"] * 2


def test_a_replay_of_nothing_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "X.csv").write_text("timestamp,open,high,low,close,volume\n")
    assert main(["replay", str(tmp_path / "X.csv"), "--quiet", "--csv", str(tmp_path / "steps.csv")]) == 3
    assert not (tmp_path / "steps.csv").exists()


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_replay_writes_the_steps_into_a_pipe(tmp_path: Path) -> None:
    """``--csv /dev/stdout`` and a process substitution were answered with "Illegal seek"."""
    plain, pipe = tmp_path / "steps.csv", tmp_path / "pipe"
    assert main(["replay", "--demo", "--quiet", "--csv", str(plain)]) == 0
    os.mkfifo(pipe)
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())",
                           str(pipe)], stdout=subprocess.PIPE) as reader:  # fmt: skip
        assert main(["replay", "--demo", "--quiet", "--csv", str(pipe)]) == 0
        assert reader.communicate()[0] == plain.read_bytes()
