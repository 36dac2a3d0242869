"""Where real bars, trades and quotes are: a sample in the project, and LEAN's own sample data
beside it.

`tools/make-sample` makes the one from the other. A test takes the fixture `sample` or `lean`
(`conftest.py`), or runs on both by `on_both`. What needs LEAN's data is marked `data`, and is
skipped where it is absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).resolve().parent / "data" / "lean"
LEAN = Path(__file__).resolve().parents[2] / "shared" / "data" / "lean"


def on_both(
    names: str = "",
    sample: Sequence[Sequence[Any]] = ((),),
    lean: Sequence[Sequence[Any]] = ((),),
    slow: bool = False,
) -> pytest.MarkDecorator:
    """Run a test on the sample and on LEAN's data: its argument `real` is the folder.

    Parameters
    ----------
    names
        Further arguments of the test, separated by spaces: the values that are written down.
    sample, lean
        For each run of the test on that data, these values.
    slow
        Whether the runs on LEAN's data are marked so.
    """
    marks = [pytest.mark.data, pytest.mark.slow] if slow else [pytest.mark.data]
    cases = [pytest.param("sample", *values) for values in sample]
    cases += [pytest.param("lean", *values, marks=marks) for values in lean]
    return pytest.mark.parametrize(("real", *names.split()), cases, indirect=["real"])
