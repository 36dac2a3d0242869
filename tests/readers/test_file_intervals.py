"""Files that can be read in two ways: the interval of their bars."""

from __future__ import annotations

from pathlib import Path

import pytest

from silent_files import Run, bars, stamps


@pytest.mark.parametrize("seconds", [43, 30, 1, 59])
@pytest.mark.parametrize("place", ["last", "first"])
def test_one_odd_stamp_makes_no_other_interval(run: Run, tmp_path: Path, seconds: int, place: str) -> None:
    odd = 60 + seconds / 60 if place == "last" else -seconds / 60
    times = stamps(*range(60), odd) if place == "last" else stamps(odd, *range(60))
    path = bars(tmp_path / "x.csv", times)
    row = 62 if place == "last" else 2
    assert run(path).status == 3
    assert f"{path}:{row}: the time is off the steps of 1m of the other rows" in run.err
    assert times[row - 2] in run.err
    assert run(path, "--interval", "1m").counts() == {"X": 61}
    assert "1 off grid" in run.err


def test_bars_of_clock_hours_after_a_half_hour(run: Run, tmp_path: Path) -> None:
    """09:30, 10:00, 11:00 ... are hours cut at full hours, and no half hours."""
    path = bars(tmp_path / "x.csv", stamps(0, *range(30, 400, 60)))
    assert run(path).status == 3
    assert f"{path}:2: the time is off the steps of 1h" in run.err


def test_thin_symbols_keep_their_interval(run: Run, tmp_path: Path) -> None:
    """Steps of 1, 2 and 3 minutes have no grid but that of one minute."""
    path = bars(tmp_path / "x.csv", stamps(0, 2, 4, 5, 7, 9, 12, 14, 15, 17, 20, 22))
    assert run(path).status == 0
    assert run.counts() == {"X": 12}


def test_interval_that_no_two_bars_show(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(0, 4, 10, 14, 20))
    assert run(path).status == 3
    assert f"{path}: the interval of the bars does not follow from their times: pass --interval" in run.err
    assert "no two bars are 2m apart" in run.err
    beside = bars(tmp_path / "y.csv", stamps(*range(0, 20, 2)))
    assert run(path, beside).counts("2m") == {"X": 5, "Y": 10}


DAY = 24 * 60  # minutes


@pytest.mark.parametrize("days", [1, 2, 400])
def test_a_thin_file_whose_rows_are_days_apart_fails_alone(run: Run, tmp_path: Path, days: int) -> None:
    """It ended the whole run, with neither file nor flag: "an interval is ...: got '172860s'"."""
    path = bars(tmp_path / "x.csv", stamps(0, days * DAY + 1))
    # 3 steps apart is none
    other = bars(tmp_path / "z.csv", stamps(0, 2 * days * DAY + 6, 5 * days * DAY + 15))
    said = ": the interval of the bars does not follow from their times: pass --interval: 'no two bars are nearer"
    assert run(path).status == 3
    assert f"sessiondata: error: {path}{said}" in run.err
    assert run(path, other).status == 3
    assert f"{path}{said}" in run.err
    assert f"{other}{said}" in run.err
    assert run(path, "--interval", "1m").counts() == {"X": 2}
    beside = bars(tmp_path / "y.csv", stamps(*range(10)))
    assert run(path, beside).counts() == {"X": 2, "Y": 10}


def test_rows_days_apart_off_the_steps_of_other_files(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(0, 2 * DAY + 0.5))
    beside = bars(tmp_path / "y.csv", stamps(*range(10)))
    assert run(path, beside).status == 3
    assert f"{path}: bars 172830 s apart beside bars of 1m" in run.err
    assert run.counts() == {"Y": 10}


def test_one_odd_stamp_among_rows_whole_days_apart(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(*range(0, 5 * DAY, DAY), 4 * DAY + 1))
    assert run(path).status == 3
    assert f"{path}:7: the interval of the bars does not follow from their times: pass --interval" in run.err
    assert "2024-03-16T13:31Z, off the steps of 86400 s of the other rows" in run.err
    assert run(path, "--interval", "1m").counts() == {"X": 6}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_row_of_time_zero_alone_with_another(run: Run, tmp_path: Path, unit: str) -> None:
    path = bars(tmp_path / "x.csv", ["0", *stamps(0, form=unit)])
    assert run(path, "--unit", unit).status == 3
    assert f"{path}:2: whole-number time before 1990 among later ones" in run.err


def test_interval_that_the_bars_contradict(run: Run, tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", stamps(*range(30)))
    assert run(path, "--interval", "5m").status == 3
    assert f"{path}: most bars are nearer to each other than the --interval of 5m: 'the nearest are 60 s" in run.err
    thin = bars(tmp_path / "y.csv", stamps(*range(0, 300, 10)))
    assert run(path, thin, "--interval", "2m").counts("2m") == {"Y": 30}


@pytest.mark.parametrize("step", [5, 30])
def test_files_of_several_intervals(run: Run, tmp_path: Path, step: int) -> None:
    bars(tmp_path / "a.csv", stamps(*range(60)))
    long = bars(tmp_path / "b.csv", stamps(*range(0, 60, step)))
    assert run(tmp_path).status == 3
    assert run.counts() == {"A": 60}
    assert f"{long}: bars {step}m apart beside bars of 1m" in run.err
    assert run(tmp_path, "--interval", "1m").counts() == {"A": 60, "B": 60 // step}
    assert run(long).counts(f"{step}m") == {"B": 60 // step}


def test_intervals_of_which_none_divides_the_other(run: Run, tmp_path: Path) -> None:
    bars(tmp_path / "a.csv", stamps(*range(0, 60, 2)))
    other = bars(tmp_path / "b.csv", stamps(*range(0, 60, 3)))
    assert run(tmp_path).status == 3
    assert f"{other}: bars 3m apart beside bars of 2m" in run.err


def test_several_intervals_in_one_file(run: Run, tmp_path: Path) -> None:
    times = [*range(65), *range(0, 65, 5)]
    path = bars(tmp_path / "x.csv", stamps(*times), symbol=["A"] * 65 + ["B"] * 13)
    assert run(path).status == 3
    assert f"{path}: bars 5m apart beside bars of 1m" in run.err
    assert "'B'" in run.err


def test_thin_symbols_of_one_file_are_no_other_interval(run: Run, tmp_path: Path) -> None:
    times = [*range(60), *range(0, 60, 10), 7]
    path = bars(tmp_path / "x.csv", stamps(*times), symbol=["A"] * 60 + ["B"] * 6 + ["C"])
    assert run(path).counts() == {"A": 60, "B": 6, "C": 1}
    assert run.status == 0
