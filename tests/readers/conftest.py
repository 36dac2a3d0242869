"""The command, run in the process of the test."""

from __future__ import annotations

import pytest

from silent_files import Run


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)
