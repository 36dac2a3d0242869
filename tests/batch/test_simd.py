"""What is written once for each kind of processor says the same on all of them that this one can
play."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sessiondata._native.base import simd as _simd

TESTS = Path(__file__).resolve().parents[1]
# The tests that have blocks of rows scanned, checked and folded.
FILES = ("batch/test_kernels.py", "store/test_laws.py", "store/test_bad_input.py")


def python(level: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SESSIONDATA_SIMD": level, "SESSIONDATA_HYPOTHESIS": "quick"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=TESTS.parent, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("level", _simd.LEVELS)
def test_the_environment_chooses_a_level(level: str) -> None:
    done = python(level, "-c", "from sessiondata._native.base import simd; print(simd.LEVEL)")
    assert done.stdout.split() == [level], done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("level", [level for level in _simd.LEVELS if level != _simd.LEVEL])
def test_the_kernels_pass_their_tests_at_every_other_level(level: str) -> None:
    done = python(
        level, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *(str(TESTS / file) for file in FILES),
        "-k", "not Life",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("level", ["avx1024", "AVX2", " "])
def test_a_level_that_does_not_exist_is_refused_at_import(level: str) -> None:
    done = python(level, "-c", "import sessiondata")
    assert f"ImportError: SESSIONDATA_SIMD must be one of baseline, avx2, avx512: {level!r}" in done.stderr


def test_a_level_above_the_processors_is_refused() -> None:
    with pytest.raises(ImportError, match=r"more than this processor has \(baseline, avx2\): 'avx512'"):
        _simd.chosen("avx512", ("baseline", "avx2"))


def test_without_a_word_the_highest_level_is_chosen() -> None:
    assert _simd.chosen("", ("baseline", "avx2")) == 1
    done = python("", "-c", "from sessiondata._native.base import simd; print(simd.LEVEL)")
    assert done.stdout.split() == [_simd.LEVELS[-1]]
