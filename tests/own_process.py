"""Tests that run in a process of their own.

A test that is marked `allocations` makes allocations fail. CPython and NumPy give some references
back twice where there is no memory, so the interpreter may be damaged afterwards, and a later test
would pay for it. The body of such a test runs in a fork, or, where there is none, in a run of
pytest that has only this test. Setup and teardown stay here.

Passed is what said so and ended with status 0. Whatever else becomes of the process is a failure:
it died, it ended early, it hangs.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from pathlib import Path
from typing import Any

import pytest

# With threads of the system's own libraries around, a fork of macOS may crash by itself.
CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"
SECONDS = 300.0
# tells a run of pytest that it is such a process, and where to answer
_ANSWER = "SESSIONDATA_TEST_ANSWER"

running_alone = False


def assert_own_process() -> None:
    """Refuse to go on in a process that other tests use."""
    assert running_alone, "a test whose allocations fail is marked `allocations`"


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Hook of pytest: runs the body of a test that is marked `allocations`."""
    if running_alone or pyfuncitem.get_closest_marker("allocations") is None:
        return None
    if _ANSWER in os.environ:
        _answer_and_exit(pyfuncitem, os.environ[_ANSWER])
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        ended = (_fork if CAN_FORK else _run_pytest)(pyfuncitem, str(answer))
        try:
            outcome, text = json.loads(answer.read_bytes())
        except (OSError, ValueError):
            outcome, text = "failed", "The process of the test ended without an answer."
    if outcome == "skipped" and ended == "status 0":
        pytest.skip(text)
    if outcome == "xfailed" and ended == "status 0":
        pytest.xfail(text)
    if outcome != "passed" or ended != "status 0":
        pytest.fail(f"{text}\nThe process of the test ended with {ended}.", pytrace=False)
    return True


def _fork(item: pytest.Function, answer: str) -> str:
    process = multiprocessing.get_context("fork").Process(target=_answer_and_exit, args=(item, answer))
    with warnings.catch_warnings():
        # Since 3.12 there is a warning where threads are about. The child uses none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
        return f"no end after {SECONDS:g} s"
    return _describe(process.exitcode)


def _run_pytest(item: pytest.Function, answer: str) -> str:
    command = [sys.executable, "-m", "pytest", "--capture=no", f"--rootdir={item.config.rootpath}"]
    if item.config.inipath is not None:
        command += ["-c", str(item.config.inipath)]
    try:
        done = subprocess.run(
            [*command, item.nodeid],
            cwd=item.config.rootpath, env={**os.environ, _ANSWER: answer},
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"no end after {SECONDS:g} s"
    return _describe(done.returncode) + (f"\n{done.stdout}{done.stderr}" if done.returncode else "")


def _describe(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"


def _answer_and_exit(item: pytest.Function, answer: str) -> None:
    """Run the test, write what became of it, and leave without a look back: what runs at the end of
    a process would use a damaged interpreter."""
    global running_alone
    running_alone = True
    status = 1
    try:
        outcome = _run(item)
        Path(answer).write_text(json.dumps(outcome))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(item: pytest.Function) -> tuple[str, str]:
    unheard: list[str] = []  # pytest looks for these in its own process only

    def hear(what: Any) -> None:
        unheard.append("".join(traceback.format_exception(what.exc_type, what.exc_value, what.exc_traceback)))

    sys.unraisablehook = threading.excepthook = hear
    try:
        item.ihook.pytest_pyfunc_call(pyfuncitem=item)
    except pytest.skip.Exception as exception:
        return "skipped", str(exception)
    except pytest.xfail.Exception as exception:
        return "xfailed", str(exception)
    except BaseException:
        return "failed", str(item.repr_failure(pytest.ExceptionInfo.from_current()))
    if unheard:
        return "failed", "\n".join(["The test passed, but there were exceptions that nobody caught:", *unheard])
    return "passed", ""
