"""Tests that run in a process of their own: nothing that goes wrong there passes unseen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import own_process
from failing import each_allocation_fails

TESTS = Path(__file__).parents[1]

CONFTEST = """
    import own_process
    from own_process import pytest_pyfunc_call

    own_process.CAN_FORK = {can_fork}
    own_process.SECONDS = 20.0
"""

# Each test and a word of what is said about it.
BODIES = {
    "test_passes": ("assert own_process.running_alone", "passed", ""),
    "test_takes_a_fixture": ("assert fixture == 'made'", "passed", ""),
    "test_fails": ("one = 1\n    assert one == 2, 'a reason'", "failed", "a reason"),
    "test_raises": ("raise LookupError('what is lost')", "failed", "what is lost"),
    "test_says_fail": ("pytest.fail('said so')", "failed", "said so"),
    "test_raises_in_a_thread": (
        "thread = threading.Thread(target=int, args=('x',))\n    thread.start()\n    thread.join()",
        "failed", "invalid literal",
    ),
    "test_raises_where_nobody_hears": (
        "class Deaf:\n        def __del__(self): raise LookupError('unheard')\n    Deaf()",
        "failed", "unheard",
    ),
    "test_warns": ("warnings.warn('a warning')", "failed", "a warning"),
    # not SIGSEGV, which the address sanitizer would report
    "test_crashes": ("os.kill(os.getpid(), signal.SIGKILL)", "failed", "signal 9"),
    "test_ends_early": ("os._exit(0)", "failed", "without an answer"),
    "test_ends_early_with_a_status": ("os._exit(3)", "failed", "status 3"),
    "test_exits": ("sys.exit(0)", "failed", "SystemExit"),
    "test_is_interrupted": ("raise KeyboardInterrupt('a key')", "failed", "KeyboardInterrupt"),
    "test_is_skipped": ("pytest.skip('no reason')", "skipped", "no reason"),
    "test_is_expected_to_fail": ("pytest.xfail('some day')", "xfailed", "some day"),
}  # fmt: skip


@pytest.fixture(scope="module", params=["fork", "run"])
def output(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says about a file with all of the tests above."""
    if request.param == "fork" and not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    folder = tmp_path_factory.mktemp("alone")
    (folder / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\nmarkers =\n    allocations: makes allocations fail\n"
    )
    (folder / "conftest.py").write_text(textwrap.dedent(CONFTEST.format(can_fork=request.param == "fork")))
    heading = """
        import os, signal, sys, threading, warnings
        import own_process, pytest

        left_behind = []

        @pytest.fixture
        def fixture():
            return "made"
    """
    tests = "".join(
        f"\n\n@pytest.mark.allocations\ndef {name}({'fixture' if 'fixture' in name else ''}):\n"
        f"    left_behind.append(1)\n    {body}\n"
        for name, (body, _, _) in BODIES.items()
    )
    last = "\n\ndef test_after_all_of_them():\n    assert not left_behind and not own_process.running_alone\n"
    (folder / "test_alone.py").write_text(textwrap.dedent(heading) + tests + last)
    command = [sys.executable, "-m", "pytest", "-v", "-rA", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    # none is needed here, and they take their time
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    path = os.pathsep.join([str(TESTS), environment.get("PYTHONPATH", "")])
    return subprocess.run(
        [*command, str(folder)],
        cwd=folder, env={**environment, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=300,
    ).stdout  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", BODIES)
def test_what_becomes_of_a_test_in_its_own_process_is_reported(output: str, name: str) -> None:
    _, outcome, said = BODIES[name]
    (reported,) = re.findall(rf"::{name} ([A-Z]+)", output.split("= short test summary")[0])
    assert (reported.lower(), said in output) == (outcome.replace("xfailed", "xfail"), True), output


def test_what_a_test_leaves_behind_in_its_own_process_is_gone(output: str) -> None:
    assert "test_after_all_of_them PASSED" in output, output


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_test_that_hangs_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = SimpleNamespace(pytest_pyfunc_call=lambda pyfuncitem: time.sleep(100))  # noqa: ARG005
    item: Any = SimpleNamespace(get_closest_marker=lambda name: name, ihook=hook)
    monkeypatch.setattr(own_process, "CAN_FORK", True)
    monkeypatch.setattr(own_process, "SECONDS", 0.2)
    with pytest.raises(pytest.fail.Exception, match=r"without an answer.\n.*no end after 0.2 s"):
        own_process.pytest_pyfunc_call(item)


def test_allocations_fail_by_way_of_one_function_only() -> None:
    """It refuses tests that are not marked. A test that took the module itself would not be."""
    others = [path for path in TESTS.rglob("*.py") if path != Path(__file__)]
    assert [path.name for path in others if '"_testcapi"' in path.read_text()] == ["failing.py"]


def test_allocations_do_not_fail_in_a_process_that_other_tests_use() -> None:
    with pytest.raises(AssertionError, match="marked `allocations`"):
        each_allocation_fails(list, list)
