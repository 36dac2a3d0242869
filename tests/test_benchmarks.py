"""The gates of `.ci/run` must be able to fail: what `benchmarks/` decides, on made-up measurements."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import instructions


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
