"""``sessiondata replay`` when its streams fail it: closed, full, left by their reader, interrupted;
and outputs that would take the place of an input. Its statuses are the documented ones, never the
one of ``--fail-under``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sessiondata.cli import command as cli

pytestmark = pytest.mark.skipif(os.name != "posix", reason="descriptors and signals of POSIX")

HEADER = "timestamp,open,high,low,close,volume\n"
MINUTES = "".join(f"2024-03-12T13:{30 + k}:00Z,1,2,0.5,1.5,{k}\n" for k in range(5))
BAD = "2024-03-12T13:30:00Z,1,2,0.5,?,1\n"


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    path = tmp_path / "abc.csv"
    path.write_text(HEADER + MINUTES)
    return path


def shell(redirection: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """The command by a shell that redirects its streams."""
    script = f'"$@" {redirection}'
    line = ["sh", "-c", script, "sh", sys.executable, "-m", "sessiondata", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, check=False, timeout=60)


# --- closed and full ------------------------------------------------------------------------------


def test_closed_stdout_is_an_output_that_cannot_be_written(bars: Path, tmp_path: Path) -> None:
    done = shell(">&-", "replay", bars, "--out", tmp_path / "x.json")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"sessiondata: error: the output cannot be written: stdout is closed\n"
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("arguments", [("--version",), ("replay", "--help")])
def test_closed_stdout_of_what_argparse_prints(arguments: tuple[str, ...]) -> None:
    assert shell(">&-", *arguments).returncode == 2


@pytest.mark.slow
def test_closed_stderr_loses_the_messages_only(bars: Path) -> None:
    with_it = shell("", "replay", bars, "--fail-under", "0")
    done = shell("2>&-", "replay", bars, "--fail-under", "0")
    assert done.returncode == with_it.returncode == 0
    assert done.stdout == with_it.stdout
    assert b"24/7 is used" in with_it.stderr


def test_messages_do_not_go_among_the_data(bars: Path) -> None:
    """A process whose stderr is closed prints to stdout what is meant for it."""
    done = shell("2>&-", "replay", bars, "none.csv", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["meta"]["session_date"] == "2024-03-12"


def test_both_closed(bars: Path) -> None:
    assert shell(">&- 2>&-", "replay", bars).returncode == 2


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
@pytest.mark.parametrize(
    ("redirection", "status"), [("2>/dev/full", 3), (">/dev/full", 2), (">/dev/full 2>/dev/full", 2)]
)
def test_full_disk_below_a_stream(tmp_path: Path, bars: Path, redirection: str, status: int) -> None:
    (tmp_path / "bad.csv").write_text(HEADER + BAD)
    assert shell(redirection, "replay", tmp_path / "bad.csv", bars).returncode == status


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
def test_full_disk_below_help_and_usage_errors() -> None:
    assert shell(">/dev/full", "--version").returncode == 2
    assert shell("2>/dev/full", "replay", "--unit", "h").returncode == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
def test_full_disk_below_out_leaves_stdout_alone(bars: Path) -> None:
    done = shell("", "replay", bars, "--out", "/dev/full")
    assert done.returncode == 2
    assert b"error: the output cannot be written" in done.stderr


# --- left by the reader ---------------------------------------------------------------------------


def reader_leaves(*arguments: str | Path, stream: str = "stdout") -> tuple[int, bytes]:
    """Status, and what the other stream got, when a stream's reader has gone before anything was
    written."""
    read, write = os.pipe()
    os.close(read)
    other = "stderr" if stream == "stdout" else "stdout"
    streams = {stream: write, other: subprocess.PIPE}
    try:
        line = [sys.executable, "-m", "sessiondata", *map(str, arguments)]
        done = subprocess.run(line, check=False, timeout=60, **streams)  # type: ignore[call-overload]
    finally:
        os.close(write)
    return done.returncode, getattr(done, other)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("replay", "--demo", "--quiet"), ("replay", "--demo", "--json", "--quiet"), ("replay", "--help")]
)
def test_reader_of_stdout_that_left_is_told_by_the_status_alone(arguments: tuple[str, ...]) -> None:
    assert reader_leaves(*arguments) == (141, b"")


def test_reader_of_stdout_that_left_does_not_pass_for_findings() -> None:
    assert reader_leaves("replay", "--demo", "--quiet", "--json", "--fail-under", "100") == (141, b"")


@pytest.mark.slow
def test_reader_of_stderr_that_left_changes_nothing(bars: Path) -> None:
    status, table = reader_leaves("replay", bars, "none.csv", stream="stderr")
    assert status == 3
    assert table.startswith(b"date ")
    assert reader_leaves("replay", bars, stream="stderr") == (0, table)


# --- faults of the program ------------------------------------------------------------------------


def test_a_fault_of_the_program_does_not_pass_for_findings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fault(*_: object) -> None:
        raise AssertionError("made up")

    monkeypatch.setattr("sessiondata.cli.demo.replay_demo", fault)
    assert cli.main(["replay", "--demo", "--fail-under", "0", "--out", str(tmp_path / "x.json")]) == 70
    out, err = capsys.readouterr()
    assert out == ""
    assert "AssertionError: made up" in err
    assert "please report it" in err
    assert os.listdir(tmp_path) == []


# --- Ctrl-C ---------------------------------------------------------------------------------------


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_ctrl_c_leaves_no_half_written_file(bars: Path, tmp_path: Path) -> None:
    """The run waits for a pipe that nobody writes to, with its output files open."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "x.json").write_text("before")
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    line = [sys.executable, "-m", "sessiondata", "replay", bars, pipe, "--out", folder / "x.json", "--csv"]
    with subprocess.Popen(
        [*line, folder / "x.csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        until(lambda: len(os.listdir(folder)) == 3)
        time.sleep(0.2)  # from the last of the two files to the pipe
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"")
    assert os.listdir(folder) == ["x.json"]
    assert (folder / "x.json").read_text() == "before"


# --- outputs that would take the place of an input ------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert cli.main(["replay", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.mark.parametrize("option", ["--out", "--csv"])
@pytest.mark.parametrize("kind", ["same", "dotted", "symbolic link", "hard link", "folder by link"])
def test_no_output_takes_the_place_of_an_input(
    bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, kind: str
) -> None:
    output = {
        "same": bars,
        "dotted": tmp_path / "." / "x" / ".." / "abc.csv",
        "symbolic link": tmp_path / "link",
        "hard link": tmp_path / "hard",
        "folder by link": tmp_path / "there" / "abc.csv",
    }[kind]
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to(bars)
    os.link(bars, tmp_path / "hard")
    (tmp_path / "there").symlink_to(tmp_path)
    before = bars.read_bytes()
    assert f"{option} {output} would overwrite the input {bars}" in refused(capsys, bars, option, output)
    assert bars.read_bytes() == before


def test_no_output_takes_the_place_of_a_file_in_a_folder(
    bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "would overwrite the input" in refused(capsys, tmp_path, "--csv", bars)


def test_an_input_may_be_called_as_a_temporary_file(bars: Path, tmp_path: Path) -> None:
    """The content of `abc` was once kept under this name until it was complete."""
    bars = bars.rename(tmp_path / ".abc.tmp.csv")
    before = bars.read_bytes()
    assert cli.main(["replay", str(bars), "--quiet", "--out", str(tmp_path / "abc.csv")]) == 0
    assert bars.read_bytes() == before
    assert (tmp_path / "abc.csv").read_bytes().startswith(b"{")


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("csv", ["x", "y/../x", "link"])
def test_outputs_are_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], csv: str, is_there: bool) -> None:
    (tmp_path / "y").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "x")
    if is_there:
        (tmp_path / "x").write_text("before")
    err = refused(capsys, "--demo", "--out", tmp_path / "x", "--csv", tmp_path / csv)
    assert "would overwrite what --out writes" in err


def test_outputs_may_both_go_nowhere() -> None:
    assert cli.main(["replay", "--demo", "--quiet", "--out", os.devnull, "--csv", os.devnull]) == 0
