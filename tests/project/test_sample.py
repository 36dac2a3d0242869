"""The sample of real data: small, what `tools/make-sample` makes, and without a bar that
contradicts itself."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

MAKE = Path(__file__).resolve().parents[2] / "tools" / "make-sample"


def members(folder: Path) -> dict[str, bytes]:
    """What the zips of a folder hold, by file and member."""
    found = {}
    for path in folder.rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            found |= {
                f"{path.relative_to(folder).as_posix()}!{name}": archive.read(name) for name in archive.namelist()
            }
    return found


def test_the_sample_is_small(sample: Path) -> None:
    assert 100_000 < sum(path.stat().st_size for path in sample.rglob("*") if path.is_file()) < 300_000


def test_times_rise_and_prices_lie_between_low_and_high(sample: Path) -> None:
    counted = 0
    for name, text in members(sample).items():
        rows = [line.split(",") for line in text.decode().splitlines()]
        assert rows, name
        if "/daily/" in name:
            assert [row[0] for row in rows] == sorted({row[0] for row in rows}), name
        elif "/tick/" not in name:
            times = [int(row[0]) for row in rows]
            assert times == sorted(set(times)), name
        if "/tick/" in name:
            continue
        for row in rows:
            for first in (1, 6) if "_quote" in name else (1,):
                o, h, low, c, size = (float(x) for x in row[first : first + 5])
                assert 0 < low <= min(o, c), (name, row)
                assert max(o, c) <= h, (name, row)
                assert size >= 0, (name, row)
                counted += 1
    assert counted > 10_000


@pytest.mark.slow
@pytest.mark.data
def test_the_sample_is_what_the_tool_makes(lean: Path, sample: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, MAKE, "--from", lean, "--to", tmp_path], check=True, capture_output=True)
    assert members(tmp_path) == members(sample)


@pytest.mark.data
def test_no_row_of_the_sample_is_one_of_the_data_it_is_made_from(lean: Path, sample: Path) -> None:
    originals = members(lean)
    for name, text in members(sample).items():
        assert not set(text.splitlines()) & set(originals[name].splitlines()), name
