"""``sessiondata replay`` from the outside: what it prints where, its exit status, and what it
leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

import sessiondata
from market_data import on_both
from sessiondata.cli import command as cli
from sessiondata.playback.sessions import replay
from sessiondata.readers.bars import read_bars
from sessiondata.readers.options import ReadOptions

HEADER = "timestamp,open,high,low,close,volume\n"
START_NS = 1_710_244_800_000_000_000  # 2024-03-12T12:00:00Z, a Tuesday
MINUTE_NS = 60_000_000_000


def minutes(*numbers: int, symbol: str | None = None) -> str:
    """CSV of one-minute bars, by minutes since 12:00 UTC."""
    prefix = "" if symbol is None else f"{symbol},"
    return "".join(f"{prefix}{START_NS + k * MINUTE_NS},1,2,0.5,1.5,{abs(k)}\n" for k in numbers)


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    path = tmp_path / "abc.csv"
    path.write_text(HEADER + minutes(*range(10), *range(13, 20), 22))
    return path


class Run:
    """Runs the command in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str | Path) -> int:
        status = cli.main(["replay", *map(str, arguments)])
        self.out, self.err = self._capsys.readouterr()
        return status

    def rows(self) -> dict[tuple[str, str, str], list[str]]:
        """The table by date, symbol and interval."""
        lines = self.out.split("\n\n")[0].splitlines()
        assert lines[0].split() == ["date", "symbol", "interval", "bars", "expected", "missing", "gaps", "quality"]
        cells = [line.split() for line in lines[1:]]
        return {(c[0], c[1], c[2]): c[3:] for c in cells}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


def command(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Runs the command as a process of its own."""
    line = [sys.executable, "-m", "sessiondata", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


# --- the table ------------------------------------------------------------------------------------


def test_table_of_a_csv(run: Run, bars: Path) -> None:
    assert run(bars, "--unit", "ns", "--derive", "5m,1h,1d") == 0
    assert run.rows() == {
        # From midnight on 743 minutes are over, 12:00 the first one with a bar.
        ("2024-03-12", "ABC", "1m"): ["18", "743", "725", "3", "2.42"],
        ("2024-03-12", "ABC", "5m"): ["5", "148", "144", "1", "2.70"],
        ("2024-03-12", "ABC", "1h"): ["1", "12", "12", "1", "0.00"],
        ("2024-03-12", "ABC", "1d"): ["1", "0", "0", "0", "100.00"],
    }
    assert "24/7 is used" in run.err
    assert "bars of 1m" in run.err


def test_gaps_are_listed_in_local_time(run: Run, bars: Path) -> None:
    assert run(bars, "--unit", "ns", "--derive", "1d", "--gaps") == 0
    assert run.out.split("\n\n")[1].splitlines() == [
        "missing of ABC 1m on 2024-03-12:",
        "  00:00:00 to 11:59:00, 720 bars",
        "  12:10:00 to 12:12:00, 3 bars",
        "  12:20:00 to 12:21:00, 2 bars",
    ]


def test_table_is_aligned_ascii(run: Run) -> None:
    assert run("--demo") == 0
    assert run.out.isascii()
    assert len({len(line) for line in run.out.splitlines()}) == 1
    assert max(map(len, run.out.splitlines())) <= 80
    assert len(run.rows()) == 6 * 5
    assert run.err == "sessiondata: 2024-03-12: of the bars of 1m were 11 late, 1 corrected, 1 repeated\n"


def test_rows_that_contradict_themselves_are_told(run: Run, tmp_path: Path) -> None:
    """The close of one row and the open of another lie outside [low, high]; the last touches
    both."""
    rows = ["1,2,0.5,3,1", "0.25,2,0.5,1.5,1", "1,2,0.5,1.5,1", "0.5,2,0.5,2,1"]
    lines = [f"2024-03-12T13:3{k}:00Z,{row}\n" for k, row in enumerate(rows)]
    (tmp_path / "x.csv").write_text("timestamp,open,high,low,close,volume\n" + "".join(lines))
    assert run(tmp_path / "x.csv", "--calendar", "XNYS") == 0
    assert "sessiondata: 2024-03-12: of the bars of 1m were 2 inconsistent\n" in run.err


def test_quiet_says_nothing(run: Run, bars: Path) -> None:
    assert run(bars, "--unit", "ns", "--quiet") == 0
    assert run.err == ""


# --- what is played -------------------------------------------------------------------------------


def test_symbol_that_died_early_misses_the_rest(run: Run, tmp_path: Path) -> None:
    """The clock of a session ends with the newest bar of any symbol in it."""
    open_ = 90  # 13:30 UTC
    long, short = (minutes(*range(open_, open_ + n), symbol=name) for n, name in ((60, "LONG"), (30, "SHORT")))
    (tmp_path / "x.csv").write_text("symbol," + HEADER + long + short)
    assert run(tmp_path / "x.csv", "--unit", "ns", "--calendar", "XNYS", "--derive", "15m") == 0
    assert run.rows() == {
        ("2024-03-12", "LONG", "1m"): ["60", "60", "0", "0", "100.00"],
        ("2024-03-12", "LONG", "15m"): ["4", "4", "0", "0", "100.00"],
        ("2024-03-12", "SHORT", "1m"): ["30", "60", "30", "1", "50.00"],
        ("2024-03-12", "SHORT", "15m"): ["2", "4", "2", "1", "50.00"],
    }


def test_base_interval_is_common_to_all_files(run: Run, tmp_path: Path) -> None:
    """A thin symbol without two neighbouring bars takes the interval that other files show."""
    (tmp_path / "full.csv").write_text(HEADER + minutes(*range(11)))
    (tmp_path / "thin.csv").write_text(HEADER + minutes(0, 2, 5, 10))
    assert run(tmp_path, "--unit", "ns", "--derive", "1d") == 0
    assert run.rows()["2024-03-12", "THIN", "1m"][2:4] == ["727", "4"]


def test_thin_symbol_that_may_be_one_of_longer_bars(run: Run, tmp_path: Path) -> None:
    """A bar every other minute and nothing else: thin, or complete bars of 2m. --interval says
    which."""
    (tmp_path / "full.csv").write_text(HEADER + minutes(*range(11)))
    (tmp_path / "thin.csv").write_text(HEADER + minutes(*range(0, 11, 2)))
    assert run(tmp_path, "--unit", "ns", "--derive", "1d") == 3
    assert f"{tmp_path / 'thin.csv'}: bars 2m apart beside bars of 1m" in run.err
    assert ("2024-03-12", "FULL", "1m") in run.rows()
    assert run(tmp_path, "--unit", "ns", "--derive", "1d", "--interval", "1m") == 0
    assert run.rows()["2024-03-12", "THIN", "1m"][2:4] == ["725", "6"]


def test_interval_must_show_or_be_given(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(HEADER + minutes(0))
    assert run(path, "--unit", "ns") == 3
    assert "pass --interval" in run.err
    assert run(path, "--unit", "ns", "--interval", "5m") == 0
    assert ("2024-03-12", "X", "5m") in run.rows()
    path.write_text(HEADER + minutes(0, 1440, 2880))
    assert run(path, "--unit", "ns") == 3
    assert "bars of whole days" in run.err


def test_close_labels_become_open_labels(run: Run, tmp_path: Path) -> None:
    """Of a whole UTC day; its last close is midnight, and still of that day."""
    path = tmp_path / "x.csv"
    day = range(-720, 720)
    path.write_text(HEADER + minutes(*day))
    assert run(path, "--unit", "ns", "--derive", "1h", "--json") == 0
    by_open = run.out
    path.write_text(HEADER + "".join(minutes(k + 1).replace(f",{abs(k + 1)}\n", f",{abs(k)}\n") for k in day))
    assert run(path, "--unit", "ns", "--derive", "1h", "--json", "--label", "close") == 0
    assert run.out == by_open


def test_date_chooses_a_session(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(HEADER + minutes(0, 1, 1440, 1441, 1442))
    assert run(path, "--unit", "ns", "--date", "2024-03-13", "--derive", "1h") == 0
    assert {key[0] for key in run.rows()} == {"2024-03-13"}
    assert run(path, "--unit", "ns", "--date", "2024-03-20") == 3
    assert "nothing to play" in run.err
    assert run.out == ""


def test_bars_outside_every_trade_date_are_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    saturday = 4 * 1440
    path.write_text(HEADER + minutes(120, 121, *range(saturday, saturday + 100), saturday + 2 * 1440))
    assert run(path, "--unit", "ns", "--calendar", "XNYS", "--interval", "1m") == 0
    assert "no trade date of XNYS: 100, the first of them at 2024-03-16T12:00:00 UTC" in run.err
    assert {key[0] for key in run.rows()} == {"2024-03-12", "2024-03-18"}


def test_date_beyond_the_calendar_fails_its_file_only(run: Run, tmp_path: Path, bars: Path) -> None:
    far = tmp_path / "far.csv"
    far.write_text(HEADER + f"{START_NS + 100 * 365 * 1440 * MINUTE_NS},1,1,1,1,1\n")
    assert run(far, bars, "--unit", "ns", "--calendar", "XNYS", "--interval", "1m") == 3
    assert f"error: {far}: " in run.err
    assert ("2024-03-12", "ABC", "1m") in run.rows()


def test_derived_intervals_that_do_not_fit(run: Run, bars: Path) -> None:
    assert run(bars, "--unit", "ns", "--derive", "5m,90s") == 2
    assert "90s" in run.err
    bars.write_text(HEADER + minutes(0, 30, 60, 150))
    assert run(bars, "--unit", "ns", "--interval", "30m") == 0
    assert [interval for _, _, interval in run.rows()] == ["30m", "1h", "1d"]


# --- documents ------------------------------------------------------------------------------------


def test_json_is_the_document_and_nothing_else(run: Run, bars: Path) -> None:
    assert run(bars, "--unit", "ns", "--json") == 0
    assert run.out.endswith("}\n")
    document = json.loads(run.out)
    assert document["meta"]["session_date"] == "2024-03-12"
    (session,) = replay(read_bars(bars, ReadOptions(unit="ns")))
    assert run.out.encode() == session.data.to_json() + b"\n"


def test_several_sessions_are_one_document_per_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(HEADER + minutes(0, 1, 1440, 1441))
    assert run(tmp_path / "x.csv", "--unit", "ns", "--json", "--out", tmp_path / "out.json") == 0
    dates = [json.loads(line)["meta"]["session_date"] for line in run.out.splitlines()]
    assert dates == ["2024-03-12", "2024-03-13"]
    assert (tmp_path / "out.json").read_text() == run.out


def test_out_is_written_completely_or_not_at_all(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    out = folder / "x.json"
    out.write_text("before")
    left = folder / f".sessiondata-{zlib.crc32(b'x.json'):08x}-{'0' * 16}.tmp"
    left.write_text("left by a run that was killed")
    assert run("--out", out, tmp_path / "none.csv") == 3
    assert out.read_text() == "before"

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        assert run("--out", out, "--demo") == 130
    assert out.read_text() == "before"
    assert run("--out", out, "--demo") == 0
    assert json.loads(out.read_text())["meta"]["timezone"] == "America/New_York"
    assert "ALDER" in run.out
    assert os.listdir(folder) == ["x.json"]
    assert run("--out", folder / "absent" / "x.json", "--demo") == 2
    assert "cannot be written" in run.err


# --- exit status ----------------------------------------------------------------------------------


def test_a_bad_file_stops_nothing_else(run: Run, tmp_path: Path, bars: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(HEADER + minutes(0) + "5,x,1,1,1,1\n")
    absent = tmp_path / "absent.zip"
    assert run(bad, absent, bars, "--unit", "ns") == 3
    assert f"sessiondata: error: {bad}:3: not a number: 'x'\n" in run.err
    assert f"sessiondata: error: {absent}: cannot be read" in run.err
    assert ("2024-03-12", "ABC", "1m") in run.rows()
    assert run(bad, bars, "--unit", "ns", "--on-bad", "skip") == 0
    assert f"{bad}: bad rows left out: 1 (" in run.err


def test_fail_under(run: Run, bars: Path) -> None:
    assert run("--demo", "--fail-under", "0") == 0
    assert run("--demo", "--fail-under", "99.9") == 1
    assert "the lowest is" in run.err
    assert "HAZEL 1m on 2024-03-12" in run.err
    assert len(run.rows()) == 30
    assert run(bars, "none.csv", "--unit", "ns", "--fail-under", "99") == 3


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        ([], "INPUT or --demo"),
        (["x.csv", "--demo"], "--demo goes without INPUT"),
        (["--demo", "--tz", "UTC"], "--demo goes without --tz"),
        (["--demo", "--derive", "90s"], "90s"),
        (["x.csv", "--tz", "Mars/Olympus"], "Mars/Olympus"),
        (["x.csv", "--price-scale", "0"], "price_scale"),
        (["x.csv", "--calendar", "NOWHERE"], "NOWHERE"),
    ],
)
def test_arguments_that_make_no_sense(run: Run, arguments: list[str], needle: str) -> None:
    assert run(*arguments) == 2
    assert needle in run.err
    assert run.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["play"],
        ["replay", "--date", "yesterday"],
        ["replay", "--derive", "5x"],
        ["replay", "--interval", "1d"],
        ["replay", "--unit", "h"],
        ["replay", "--fail-under", "101"],
        ["replay", "--fail-under", "nan"],
        ["replay", "--json", "--gaps"],
    ],
)
def test_arguments_that_do_not_parse(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


# --- as a process ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_help_and_version_as_a_process() -> None:
    script = (
        "import sys; from sessiondata.cli.command import main\n"
        "try: main(['replay', '--help'])\n"
        "except SystemExit: print(sorted({'pandas', 'pyarrow', 'rich', 'exchange_calendars'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: sessiondata replay")
    assert done.stdout.endswith("[]\n")
    assert command("--version").stdout == f"sessiondata {sessiondata.__version__}\n"


def test_broken_pipe_is_quiet() -> None:
    line = [sys.executable, "-m", "sessiondata", "replay", "--demo", "--json", "--quiet"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141  # as a shell reports a tool that SIGPIPE has ended


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo terminals here")
@pytest.mark.parametrize("with_rich", [True, False])
def test_progress_on_a_terminal(bars: Path, with_rich: bool) -> None:
    if with_rich:
        pytest.importorskip("rich")
    start = "" if with_rich else "sys.modules['rich.console'] = None;"
    script = f"import sys; {start} from sessiondata.cli.command import main; sys.exit(main(sys.argv[1:]))"
    master, slave = os.openpty()
    line = [sys.executable, "-c", script, "replay", str(bars), "--unit", "ns"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=slave) as process:
        os.close(slave)
        assert process.stdout is not None
        assert process.stdout.read().startswith(b"date ")
        told = b"".join(iter(lambda: _read(master), b""))
    os.close(master)
    assert process.returncode == 0
    assert b"reading abc.csv" in told or b"playing 2024-03-12" in told
    assert b"24/7 is used" in told


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux says so when the other side is closed
        return b""


# --- real data ------------------------------------------------------------------------------------


@on_both()
def test_new_york_minutes_by_another_count(run: Run, real: Path) -> None:
    """Every number of the 1m rows, counted again from the raw files: 09:30 to 16:00, on 2015-12-24
    to 13:00."""
    assert run(real / "equity/usa/minute", "--derive", "1d") == 0
    rows = run.rows()
    for path in sorted(real.glob("equity/usa/minute/*/*.zip")):
        with zipfile.ZipFile(path) as archive:
            lines = archive.read(archive.namelist()[0]).decode().split()
        minute = {int(line.split(",")[0]) // 60_000 for line in lines}
        day = path.name[:8]
        close = 13 * 60 if day == "20151224" else 16 * 60
        slots = np.array([k in minute for k in range(9 * 60 + 30, close)])
        missing = int((~slots).sum())
        gaps = int((~slots & np.concatenate([[True], slots[:-1]])).sum())
        quality = 10_000 * (len(slots) - missing) // len(slots)
        expected = [len(minute), len(slots), missing, gaps, f"{quality // 100}.{quality % 100:02d}"]
        key = (f"{day[:4]}-{day[4:6]}-{day[6:]}", path.parent.name.upper(), "1m")
        assert rows.pop(key) == [str(x) for x in expected]
    assert {interval for _, _, interval in rows} == {"1d"}


@pytest.mark.slow
@on_both(
    "n_ticks spy btc eurusd",
    [(2, ["603", "390", "32", "26", "91.79"], ["1043", "1435", "392"], 132)],
    [(3, ["828", "390", "0", "0", "100.00"], ["1419", "1440", "21"], 157)],
)
def test_all_of_lean(run: Run, real: Path, n_ticks: int, spy: list[str], btc: list[str], eurusd: int) -> None:
    assert run(real) == 0
    rows = run.rows()
    assert "files passed over: 1, such as" in run.err  # of days
    assert f"files passed over: {n_ticks}, such as" in run.err
    # Sunday evening belongs to Monday: 2013-10-06 17:00 in Chicago to the last bar.
    assert ("2013-10-06", "ES_201312", "1m") not in rows
    assert ("2013-10-07", "ES_201312", "1m") in rows
    assert ("2014-05-04", "EURUSD", "1m") not in rows
    assert int(rows["2014-05-05", "EURUSD", "1m"][0]) > eurusd
    # Seconds and minutes of one day are two sessions.
    assert ("2013-10-07", "SPY", "1s") in rows
    assert rows["2013-10-07", "SPY", "1m"] == spy
    # The last hourly bar of a day of 390 minutes is half an hour long, as is that of a half day.
    assert rows["2013-10-09", "SPY", "1h"][1] == "7"
    assert rows["2015-12-24", "GOOG", "1h"][1] == "4"
    assert rows["2016-10-07", "BTCUSD", "1m"][:3] == btc
