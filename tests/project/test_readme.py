"""What the README shows is what happens: its commands, its example, its tables."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(marker: str) -> str:
    """The fenced block behind an HTML comment."""
    found = re.findall(rf"<!-- {marker} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert len(found) == 1, f"the README has one block marked {marker!r}"
    return str(found[0])


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_prints_what_is_shown() -> None:
    assert run("-c", block("example")) == block("output: example")


def test_the_example_has_about_ten_lines() -> None:
    assert len([line for line in block("example").splitlines() if line]) <= 12


@pytest.mark.slow
def test_the_example_of_calendars_prints_what_is_shown() -> None:
    assert run("-c", block("calendar example")) == block("output: calendar example")


def test_the_example_of_refusals_prints_what_is_shown() -> None:
    assert run("-c", block("refusals example")) == block("output: refusals example")


def test_the_table_of_errors_is_complete() -> None:
    """Each error with the built-in one that it is, and the attributes that only it has."""
    import sessiondata as sd
    from sessiondata import errors

    told: dict[str, tuple[str, set[str]]] = {}
    for names, kinds, more in re.findall(r"^\| (`\w+Error`.*?) \| (`.*?`) \| ?(.*?) ?\|$", README, re.MULTILINE):
        classes, bases = re.findall(r"`(\w+)`", names), re.findall(r"`(\w+)`", kinds)
        bases = bases if len(bases) == len(classes) else bases * len(classes)
        for name, base in zip(classes, bases, strict=True):
            told[name] = base, set(re.findall(r"`([a-z_]+)`", more))
    assert told.keys() == set(errors.__all__) - {"SessionDataError"}
    for name, (base, attributes) in told.items():
        kind = getattr(sd, name)
        assert issubclass(kind, __builtins__[base] if isinstance(__builtins__, dict) else getattr(__builtins__, base))
        for attribute in attributes:
            assert attribute in (kind.__doc__ or ""), (name, attribute)


@pytest.mark.slow
def test_the_example_of_frames_prints_what_is_shown() -> None:
    # pandas pads its lines
    printed = [line.rstrip() for line in run("-c", block("frames example")).splitlines()]
    assert printed == [line.rstrip() for line in block("output: frames example").splitlines()]


def test_the_demo_command_prints_the_lines_shown() -> None:
    last = block("command: demo").split("&&")[-1].split()
    assert last[0] == ".venv/bin/sessiondata"
    printed = run("-m", "sessiondata", *last[1:]).splitlines()
    shown = block("output: demo").splitlines()
    assert shown[0] == printed[0]
    assert set(shown) <= set(printed)
    assert [line for line in printed if line in shown] == shown, "in the order of the table"


def test_the_commands_are_each_one_line_that_starts_from_nothing() -> None:
    for name in ("demo", "test"):
        (line,) = block(f"command: {name}").splitlines()
        assert line.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert block("command: test").rstrip().endswith("&& .venv/bin/python -m pytest")


def test_ci_runs_the_test_command_last() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.splitlines()[-1] == block("command: test").strip()


def test_the_benchmark_section_has_its_markers() -> None:
    before, _, rest = README.partition("<!-- benchmarks:start -->\n")
    inside, _, after = rest.partition("<!-- benchmarks:end -->\n")
    assert before
    assert inside.strip()
    assert after


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#:]+)\)", README))
def test_links_lead_somewhere(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_exit_codes_are_those_of_the_command_line() -> None:
    from sessiondata.cli.arguments import EPILOG

    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    told = {int(code) for code in re.findall(r"^  (\d+) +", EPILOG, re.MULTILINE)}
    assert codes == told == {0, 1, 2, 3, 70, 130, 141}
