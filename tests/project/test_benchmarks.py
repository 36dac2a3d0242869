"""The gates of `.ci/run` must be able to fail: what `benchmarks/` decides, on made-up
measurements."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from benchmarks import data, instructions, report, results, targets

import market_data


def test_benchmarks_and_tests_have_one_folder_of_real_data() -> None:
    assert data.LEAN == market_data.LEAN


def test_a_count_above_its_tolerance_is_a_fault() -> None:
    _, faults, better = instructions.compare({"append": 103.1}, {"append": 100.0})
    assert len(faults) == 1
    assert "append" in faults[0]
    assert not better


def test_a_count_within_its_tolerance_is_none() -> None:
    _, faults, better = instructions.compare({"append": 102.9, "extend": 97.1}, {"append": 100.0, "extend": 100.0})
    assert not faults
    assert not better


def test_an_improvement_asks_for_a_lower_baseline() -> None:
    _, faults, better = instructions.compare({"append": 96.0}, {"append": 100.0})
    assert not faults
    assert better == ["append"]


def test_new_work_without_a_baseline_is_a_fault() -> None:
    _, faults, _ = instructions.compare({"append": 1.0, "new": 1.0}, {"append": 1.0})
    assert len(faults) == 1
    assert "new" in faults[0]


def test_the_baseline_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "BASELINE", tmp_path / "instructions.toml")
    assert instructions.read_baseline() == {}
    baseline = {"CPython 3.11, GCC: (Debian 12.2.0-14) 12.2.0, x86_64": {"append, in order": 908.28, "gap scan": 4.47}}
    instructions.write_baseline(baseline)
    assert instructions.read_baseline() == baseline


def test_the_committed_baseline_is_of_the_work_that_is_counted() -> None:
    baseline = instructions.read_baseline()
    assert baseline
    for counts in baseline.values():
        assert list(counts) == list(instructions.WORK)


def test_without_valgrind_nothing_fails_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(instructions.shutil, "which", lambda _: None)
    assert instructions.main([]) == 0
    assert "valgrind is not installed" in capsys.readouterr().out
    assert instructions.main(["--strict"]) == instructions.NOT_COMPARED


def test_another_interpreter_is_not_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(instructions.shutil, "which", lambda name: name)
    monkeypatch.setattr(instructions, "count", lambda: {"append": 1e9})
    monkeypatch.setattr(instructions, "key", lambda: "Befunge 98")
    assert instructions.main([]) == 0
    assert "not compared" in capsys.readouterr().out


def test_a_count_above_the_baseline_ends_in_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine, baseline = next(iter(instructions.read_baseline().items()))
    monkeypatch.setattr(instructions.shutil, "which", lambda name: name)
    monkeypatch.setattr(instructions, "key", lambda: machine)
    monkeypatch.setattr(instructions, "count", lambda: {**baseline, "gap scan": baseline["gap scan"] * 1.04})
    assert instructions.main([]) == instructions.ABOVE
    assert "gap scan takes 4.0% more" in capsys.readouterr().err
    monkeypatch.setattr(instructions, "count", lambda: baseline)
    assert instructions.main([]) == 0


# --- the report ---


def timed(contestant: str, runs: list[float], row: str = "append/seconds", **info: Any) -> dict[str, Any]:
    """One benchmark of a record, its runs in ns per item."""
    extra = {"row": row, "title": "One bar", "contestant": contestant, "items": 10, **info}
    return {"extra_info": extra, "stats": {"data": [ns * 10 / 1e9 for ns in runs]}}


def both(contestant: str, wall: float, cpu: float, row: str = "append/seconds") -> dict[str, Any]:
    benchmark = timed(contestant, [], row)
    benchmark["extra_info"].update(runs=[wall], cpu=[cpu])
    return benchmark


def looped(runs: list[float], loops: list[float]) -> dict[str, Any]:
    benchmark = timed("sessiondata", [])
    benchmark["extra_info"].update(runs=runs, loops=loops)
    return benchmark


def read(*benchmarks: dict[str, Any]) -> results.Results:
    return results.read({"benchmarks": list(benchmarks), "skipped": {}})


def test_each_round_has_its_own_bare_loop_taken_off() -> None:
    found = read(looped([70.0, 140.0, 71.0], [10.0, 80.0, 12.0]))
    (ours,) = found.rows["append/seconds"].lines
    assert ours.runs == [60.0, 60.0, 59.0]
    assert ours.median == 60.0
    assert ours.fastest == 60.0, "the fastest round less the fastest loop, not the least difference"


def test_rounds_of_all_passes_are_one_lot() -> None:
    found = read(timed("sessiondata", [10.0, 20.0]), timed("sessiondata", [30.0]))
    assert found.rows["append/seconds"].lines[0].median == pytest.approx(20.0)


def test_ratios_are_of_ours_and_losing_rows_are_told() -> None:
    found = read(timed("numba loop", [5.0]), timed("sessiondata", [10.0]), timed("object model", [50.0]))
    assert [line.contestant for line in found.rows["append/seconds"].lines] == [
        "sessiondata",
        "numba loop",
        "object model",
    ]
    text = report.markdown(found, quick=False)
    assert "**faster than sessiondata**" in text
    assert "- append/seconds: numba loop takes 5.00 ns, 0.50x our time" in text


def test_a_yardstick_does_not_win() -> None:
    found = read(timed("sessiondata", [10.0]), timed("np.sum", [1.0], yardstick=True))
    assert "In no row of this run." in report.markdown(found, quick=False)


def test_a_ratio_below_its_floor_is_a_fault() -> None:
    rows = read(timed("sessiondata", [10.0]), timed("object model", [40.0])).rows
    key = ("append/seconds", "object model")
    assert not report.check_floors(rows, {key: 3.9}, absent_ok=False)
    assert len(report.check_floors(rows, {key: 4.1}, absent_ok=False)) == 1


def test_a_floor_without_its_row_is_a_fault() -> None:
    rows = read(timed("sessiondata", [10.0])).rows
    floors = {("append/seconds", "object model"): 1.0}
    assert report.check_floors(rows, floors, absent_ok=False)
    assert not report.check_floors(rows, floors, absent_ok=True)


def test_the_floors_are_read() -> None:
    floors = report.read_floors([str(Path(report.__file__).with_name("floors.toml")), "a/b:c d=2.5"])
    assert floors["a/b", "c d"] == 2.5
    assert ("append/seconds", "object model") in floors


def verdict(what: str, *benchmarks: dict[str, Any]) -> str:
    (found,) = [v for v in targets.verdicts(read(*benchmarks)) if v.what == what]
    return found.verdict


def test_verdicts() -> None:
    what = "`append`, a bar of 23,400"
    assert verdict(what) == "not measured"
    assert verdict(what, timed("sessiondata", [59.0, 60.0])) == "met"
    assert verdict(what, timed("sessiondata", [59.0, 61.0, 62.0])) == "met by the fastest rounds only"
    assert verdict(what, timed("sessiondata", [61.0])) == "**missed**"


def test_verdicts_on_ratios() -> None:
    row = "export/seconds"
    ours = timed("sessiondata", [10.0], row)
    what = "export, seconds: orjson of ready rows"
    assert verdict(what, ours, timed("orjson, rows ready", [70.1], row)) == "met"
    assert verdict(what, ours, timed("orjson, rows ready", [69.9], row)) == "**missed**"
    row = "gaps/seconds"
    ours = timed("sessiondata", [1.0], row)
    assert verdict("gap scan over `np.sum`", ours, timed("np.sum of the times", [0.78], row)) == "met"
    assert verdict("gap scan over `np.sum`", ours, timed("np.sum of the times", [0.76], row)) == "**missed**"


def test_the_clock_alone_meets_no_target() -> None:
    """A busy machine interrupted orjson's long calls and not our short ones: 36 times by the clock,
    8 in truth."""
    row, what = "export/seconds", "export, seconds: orjson of ready rows"
    ours = both("sessiondata", 18.0, 20.0, row)

    def orjson(cpu: float) -> dict[str, Any]:
        return both("orjson, rows ready", 650.0, cpu, row)

    assert verdict(what, ours, orjson(141.0)) == "met"
    assert verdict(what, ours, orjson(120.0)) == "**missed** in processor time"
    rows = read(ours, orjson(120.0)).rows
    assert report.check_floors(rows, {(row, "orjson, rows ready"): 6.5}, absent_ok=False)
    assert not report.check_floors(rows, {(row, "orjson, rows ready"): 5.5}, absent_ok=False)
    assert "orjson, rows ready 6.00x" in report.readme_table(read(ours, orjson(120.0)))


def test_threads_are_judged_by_the_clock() -> None:
    ours, threads = both("sessiondata", 10.0, 10.0), both("polars", 9.0, 18.0)
    polars = read(ours, threads).rows["append/seconds"].line("polars")
    assert polars is not None
    assert polars.loses


def latency(**points: float) -> dict[str, Any]:
    flat = {"p50": 60.0, "p99": 60.0, "p99.9": 60.0, "p99.99": 60.0, "max": 60.0}
    extra = {
        "row": "latency", "title": "One append", "contestant": "sessiondata", "items": 1000, "clock": 70.0,
        "percentiles": {**flat, "p99.99": points["raw"]}, "typical": {**flat, "p99.99": points["typical"]},
        "marked": {"late bar": 900.0}, "faults": 1, "collections": 2, "preempted": 3,
    }  # fmt: skip
    return {"extra_info": extra, "stats": {"data": [1.0]}}


def test_the_tail_is_judged_with_and_without_the_machine() -> None:
    noisy = latency(raw=6000.0, typical=299.0)
    assert verdict("`append`, p99.99 over the median", noisy) == "**missed**"
    assert verdict("the same of each call's median over the sessions", noisy) == "met"
    text = report.markdown(read(noisy, noisy), quick=False)
    assert "| 2,000 of sessiondata | 60.0 ns |" in text
    assert "late bar 900 ns" in text


def test_bytes_are_judged() -> None:
    facts = {"symbols": 1000, "bars": 390, "rows": 100.0, "reserved": 129.0, "resident": 131.0, "empty": 1.0}
    extra = {"row": "memory", "title": "Bytes", "contestant": "sessiondata, 1,000 x 390 bars", "facts": facts}
    told = {"extra_info": extra, "stats": {"data": [1.0]}}
    assert verdict("reserved over rows, 1,000 of 390", told) == "met"
    assert verdict("resident over rows, 1,000 of 390", told) == "**missed**"


def test_points_of_a_curve_are_no_contestants() -> None:
    points = [timed(x, [float(k)], "scale/x", curve="symbols") for k, x in enumerate(("1", "10", "100"), 1)]
    found = read(*points)
    assert not found.rows
    assert math.isnan(found.curves["scale/x"].lines[0].ratio)
    assert "| symbols | 1 | 10 | 100 |" in report.markdown(found, quick=False)


def test_results_are_written_as_json(tmp_path: Path) -> None:
    found = read(timed("sessiondata", [10.0]), latency(raw=1.0, typical=1.0))
    report.write_results(tmp_path, "text", found)
    assert (tmp_path / "report.md").read_text() == "text"
    assert '"rounds_ns": [\n      10.0' in (tmp_path / "report.json").read_text()


def test_the_table_goes_between_its_marks(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.START}\nstale\n{report.STOP}\nafter\n")
    report.update_readme(readme, report.readme_table(read(timed("sessiondata", [10.0]), timed("numba loop", [5.0]))))
    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "stale" not in text
    assert "**numba loop 0.50x**" in text
    assert [line for line in text.splitlines() if len(line) > 100 and not line.startswith("|")] == []
    readme.write_text("no marks")
    with pytest.raises(SystemExit):
        report.update_readme(readme, "table")
