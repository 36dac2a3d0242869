"""A store to disk and back: the copy that a feeder waits for, the whole save with its syncs, and
the load. No contests.

The file lies where the system keeps temporary files; what a sync costs is the disk's affair.
"""

from __future__ import annotations

import os
from pathlib import Path

import sessiondata as sd
from benchmarks.bench_roll import SYMBOLS, full_store
from sessiondata.snapshot.capture import StoreCopy
from sessiondata.snapshot.save import sync_folder
from sessiondata.store.store import parts_of

TITLE = f"A store of {SYMBOLS:,} symbols x 390 bars x 5 intervals to disk and back, per symbol"


def check(store: sd.SessionData, path: Path) -> None:
    loaded = sd.load(path)
    assert loaded.to_json() == store.to_json()
    assert loaded.sequence == store.sequence


def test_copy(timed):
    """What has to be done before another bar may come."""
    store = full_store(SYMBOLS)
    timed("snapshot", TITLE, "the copy alone", SYMBOLS, lambda: StoreCopy(parts_of(store), ""), curve="step")


def test_copy_of_a_store(timed):
    """`SessionData.copy`: another store, which shares the days."""
    store = full_store(SYMBOLS)
    assert store.copy().to_json() == store.to_json()
    timed("snapshot", TITLE, "copy()", SYMBOLS, store.copy, curve="step")


def test_save(timed, tmp_path):
    store, path = full_store(SYMBOLS), tmp_path / "store"
    store.save(path)
    check(store, path)
    timed("snapshot", TITLE, "save", SYMBOLS, lambda: store.save(path), curve="step")


def test_plain_write(timed, tmp_path):
    """The same bytes from memory, with the same two syncs."""
    path = tmp_path / "store"
    full_store(SYMBOLS).save(path)
    content = path.read_bytes()

    def run() -> None:
        file = os.open(tmp_path / "plain", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(file, content)
        os.fsync(file)
        os.close(file)
        os.replace(tmp_path / "plain", path)
        sync_folder(str(tmp_path))

    timed("snapshot", TITLE, "the same bytes, written plainly", SYMBOLS, run, curve="step")


def test_load(timed, tmp_path):
    store, path = full_store(SYMBOLS), tmp_path / "store"
    store.save(path)
    timed("snapshot", TITLE, "load", SYMBOLS, lambda: sd.load(path), curve="step")
