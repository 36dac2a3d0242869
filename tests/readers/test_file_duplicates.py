"""Files that can be read in two ways: rows of equal times and different values."""

from __future__ import annotations

from pathlib import Path

import pytest

from sessiondata.playback.sessions import replay
from silent_files import HEADER, Run, bars, raw, session_rows, stamps


def test_equal_times_with_different_values(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "abc.csv", stamps(0, 1, 1, 2))
    assert run(path).status == 3
    assert (
        f"error: {path}:4: equal times with different values under one symbol: --duplicates last or first says which"
        f" stands: 'ABC at 2024-03-12T13:31:00Z: volume=2.0, and 1.0 at {path}:3'" in run.err
    )
    assert [row[-1] for row in session_rows(run, path, "--duplicates", "last")] == [0, 2, 3]
    assert "1 corrected" in run.err
    assert [row[-1] for row in session_rows(run, path, "--duplicates", "first")] == [0, 1, 3]
    assert f"rows left out that differ from an earlier one of their time: 1, the first is {path}:4" in run.err


def test_equal_rows_are_repeats(run: Run, tmp_path: Path) -> None:
    row = f"{stamps(0)[0]},1,2,0.5,1,5\n"
    path = raw(tmp_path / "x.csv", HEADER + row * 3 + row.replace("13:30", "13:31"))
    assert run(path).status == 0
    assert "2 repeated" in run.err
    assert run.counts() == {"X": 2}


@pytest.mark.parametrize("column", range(1, 6))
def test_each_value_counts(run: Run, tmp_path: Path, column: int) -> None:
    row = [stamps(0)[0], "1", "2", "0.5", "1", "5"]
    other = [*row]
    other[column] = {1: "1.5", 2: "3", 3: "0.25", 4: "1.5", 5: "6"}[column]
    path = raw(tmp_path / "x.csv", HEADER + ",".join(row) + "\n" + ",".join(other) + "\n")
    assert run(path, "--interval", "1m").status == 3
    assert f"{path}:3: equal times" in run.err


def test_equal_times_in_two_files_refuse_both_and_no_other(run: Run, tmp_path: Path) -> None:
    a = bars(tmp_path / "a.csv", stamps(0, 1, 2), symbol="AAA")
    b = bars(tmp_path / "b.csv", stamps(2, 3, 4), symbol="AAA")
    c = bars(tmp_path / "c.csv", stamps(0, 1, 2), symbol="CCC")
    assert run(a, b, c).status == 3
    assert run.counts() == {"CCC": 3}
    assert f"error: {a}:4: equal times" in run.err
    assert f"error: {b}:2: equal times" in run.err
    assert run(a, b, c, "--duplicates", "first").counts() == {"AAA": 5, "CCC": 3}
    assert run.status == 0
    assert run(b, a, "--duplicates", "first").counts() == {"AAA": 5}
    assert run(a, a).status == 0


def test_unsorted_rows_name_the_row_of_the_file(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(5, 1, 4, 1, 3, 2))
    assert run(path).status == 3
    assert f"{path}:5: equal times" in run.err
    assert f"at {path}:3'" in run.err


def test_duplicates_must_be_a_choice_that_is_known() -> None:
    with pytest.raises(ValueError, match="duplicates must be one of error, last, first: 'any'"):
        replay([], duplicates="any")
