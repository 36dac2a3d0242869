"""Columns and cells of files that are not what they seem."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sessiondata.errors import InputError
from sessiondata.readers.bars import read_bars
from silent_files import HEADER, Run, bars, raw, stamps


@pytest.mark.parametrize("column", ["vol", "c", "O"])
def test_two_columns_for_one_value(tmp_path: Path, column: str) -> None:
    path = bars(tmp_path / "x.csv", stamps(0), **{column: "5"})
    with pytest.raises(InputError, match="several columns may be the") as caught:
        read_bars(path)
    assert column in caught.value.value


def test_which_of_several_time_columns_is_told(run: Run, tmp_path: Path) -> None:
    assert run(bars(tmp_path / "x.csv", stamps(0, 1), datetime="2024-03-12 08:30")).status == 0
    assert "times are read from column 'timestamp', and not from 'datetime'" in run.err


@pytest.mark.parametrize("text", ["1_000", "\uff11\uff10", "\u0663"])
def test_numbers_as_only_python_writes_them(tmp_path: Path, text: str) -> None:
    path = raw(tmp_path / "x.csv", HEADER + f"{stamps(0)[0]},1,1,1,1,{text}\n")
    with pytest.raises(InputError, match="not a number") as caught:
        read_bars(path)
    assert (caught.value.row, caught.value.value) == (2, text)


def test_files_of_other_kinds_in_a_folder_are_told(run: Run, tmp_path: Path) -> None:
    bars(tmp_path / "a.csv", stamps(0, 1, 2))
    raw(tmp_path / "b.txt", "x")
    raw(tmp_path / ".hidden.txt", "x")
    assert run(tmp_path).status == 0
    assert f"files passed over: 1, such as {tmp_path / 'b.txt'}: not a .zip" in run.err


def test_folders_that_cannot_be_listed_fail(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars(tmp_path / "a.csv", stamps(0, 1, 2))
    closed = bars(tmp_path / "closed" / "b.csv", stamps(0, 1, 2)).parent
    scandir = os.scandir

    def refuse(path: object = ".") -> object:
        if Path(str(path)) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refuse)
    assert run(tmp_path).status == 3
    assert f"error: {closed}: cannot be read (Permission denied)" in run.err
    assert run.counts() == {"A": 3}
    assert run(closed).status == 3
    assert f"error: {closed}: cannot be read (Permission denied)" in run.err


@pytest.mark.skipif(os.name != "posix", reason="links need no rights here")
def test_links_in_folders_are_told(run: Run, tmp_path: Path) -> None:
    elsewhere = bars(tmp_path / "elsewhere" / "b.csv", stamps(0, 1, 2))
    bars(tmp_path / "in" / "a.csv", stamps(0, 1, 2))
    (tmp_path / "in" / "c.csv").symlink_to(elsewhere)
    (tmp_path / "in" / "folder").symlink_to(elsewhere.parent)
    assert run(tmp_path / "in").status == 0
    assert run.counts() == {"A": 3, "C": 3}
    assert f"such as {tmp_path / 'in' / 'folder'}: a link to a folder" in run.err
    (tmp_path / "in" / "d.csv").symlink_to(tmp_path / "nothing")
    assert run(tmp_path / "in").status == 3
    assert f"{tmp_path / 'in' / 'd.csv'}: cannot be read (No such file" in run.err


def test_options_without_effect_on_lean(run: Run, tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "crypto" / "coinbase" / "minute" / "abc" / "20240312_trade.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.csv", "0,1,1,1,1,1\n60000,1,1,1,1,1\n")
    flags = {"--tz": "Asia/Tokyo", "--unit": "s", "--price-scale": "100", "--label": "close", "--interval": "5m"}
    flags |= {"--epoch": "utc", "--symbol-column": "x", "--symbol-from": "file"}
    assert run(path, *(word for pair in flags.items() for word in pair)).status == 0
    for flag in flags:
        assert f"{flag} does not apply to LEAN's files" in run.err
    assert run.counts() == {"ABC": 2}


def test_doubled_names_of_columns_that_are_not_read(run: Run, tmp_path: Path) -> None:
    path = raw(tmp_path / "x.csv", HEADER.strip() + ",sma,sma\n" + f"{stamps(0)[0]},1,1,1,1,5,2,3\n")
    assert run(path, "--interval", "1m").counts() == {"X": 1}
    twice = raw(tmp_path / "x.csv", "instrument_id,instrument_id," + HEADER + f"1,2,{stamps(0)[0]},1,1,1,1,5\n")
    assert run(twice, "--interval", "1m").status == 3
    assert "stands twice: 'instrument_id'" in run.err


def test_rows_without_a_header(run: Run, tmp_path: Path) -> None:
    path = raw(tmp_path / "x.csv", "2024-03-12 09:30,500.0,501.0,500.0,500.0,7\n")
    assert run(path).status == 3
    assert "columns are missing: time" in run.err
    assert "The file has: ['2024-03-12 09:30', '500.0'" in run.err


def test_demo_goes_without_what_files_need(run: Run) -> None:
    for flag, value in (("epoch", "utc"), ("symbol-from", "file"), ("symbol-column", "x"), ("duplicates", "last")):
        assert run("--demo", f"--{flag}", value).status == 2
        assert f"--demo goes without --{flag}" in run.err
