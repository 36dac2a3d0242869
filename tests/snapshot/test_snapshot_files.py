"""Files of snapshots: how they come to the disk, and what one may say."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest

import sessiondata as sd
from sessiondata import atomic as files
from sessiondata.market.calendar import provider_of
from sessiondata.snapshot import container as snapshot
from sessiondata.store.store import parts_of
from stored import (
    CALENDAR,
    MUTATIONS,
    Failing,
    changed,
    check_symbol,
    go_on,
    let_fail,
    pieces_of,
    rich_store,
    ring_store,
    same_stores,
    sealed,
)

KILLS = 150 if MUTATIONS >= 10_000 else 6


# --- the way to the disk --------------------------------------------------------------------------


def test_whatever_fails_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store"
    old, new = rich_store(0), rich_store(3)
    old.save(path)
    whole = path.read_bytes()
    counting = Failing()
    let_fail(monkeypatch, counting)
    new.save(tmp_path / "other")
    assert counting.calls["write"] > 20
    assert (counting.calls["replace"], counting.calls["fsync"]) == (1, 2)
    for name, calls in counting.calls.items():
        for n in range(1, calls + 1):
            let_fail(monkeypatch, Failing(name, n))
            with pytest.raises(OSError, match="No space left"):
                new.save(path)
            assert sorted(os.listdir(tmp_path)) == ["other", "store"]
            # The folder is opened and synced when the new file has taken its place.
            assert path.read_bytes() == ((tmp_path / "other") if (name, n) in LAST else path).read_bytes()
            if (name, n) in LAST:
                path.write_bytes(whole)
            assert path.read_bytes() == whole


LAST = {("open", 2), ("fsync", 2)}


def test_a_failed_copy_leaves_nothing(tmp_path: Path) -> None:
    data = rich_store()
    data.set_historical_indicator("ABC", "x", object())
    with pytest.raises(sd.SnapshotError, match=r"indicator 'x' of symbol 'ABC': only numbers") as caught:
        data.save(tmp_path / "store")
    assert caught.value.part == "indicator 'x' of symbol 'ABC'"
    data = sd.SessionData(sd.SessionCalendar(Unknown(provider_of(CALENDAR))))
    with pytest.raises(sd.SnapshotError, match="no recipe for a calendar"):
        data.save(tmp_path / "store")
    assert os.listdir(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        sd.SessionData().save(tmp_path / "missing" / "store")
    with pytest.raises(FileNotFoundError):
        sd.load(tmp_path / "missing")


class Unknown:
    """A source of hours that is not the library's."""

    def __init__(self, source: Any) -> None:
        self.name, self.zone, self.hours, self.before, self.after = (
            source.name, source.zone, source.hours, source.before, source.after,
        )  # fmt: skip
        self.range_near = source.range_near


@pytest.mark.skipif(os.name == "nt", reason="permission bits and links of POSIX")
def test_permission_bits_and_links_stay(tmp_path: Path) -> None:
    data, path, link = sd.SessionData(), tmp_path / "store", tmp_path / "folder" / "link"
    link.parent.mkdir()
    link.symlink_to("../store")
    before = os.umask(0o027)
    try:
        data.save(link)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        data.advance_to(5)
        data.save(link)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert link.is_symlink()
    assert parts_of(sd.load(path)).context.clock.as_of == parts_of(sd.load(link)).context.clock.as_of == 5
    assert os.listdir(link.parent) == ["link"]


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_no_pipe_or_device_is_replaced_by_a_file(tmp_path: Path) -> None:
    """`save("/dev/null")` as root made a file of it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="takes the place of a file"):
        sd.SessionData().save(pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(IsADirectoryError, match="takes the place of a file"):
        sd.SessionData().save(tmp_path)
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(files.fcntl is None, reason="needs locks")
def test_only_what_dead_writers_of_this_file_left_is_swept(tmp_path: Path) -> None:
    data, path = sd.SessionData(), tmp_path / "store"
    prefix = f".sessiondata-{zlib.crc32(b'store'):08x}-"
    others = ["store.tmp", f"{prefix}0123.tmp", f".sessiondata-{zlib.crc32(b'other'):08x}-{'0' * 16}.tmp", f"{prefix}x"]
    for name in (*others, f"{prefix}{'0' * 16}.tmp", f"{prefix}{'1' * 16}.tmp"):
        (tmp_path / name).write_bytes(b"half")
    with open(tmp_path / f"{prefix}{'1' * 16}.tmp", "rb+") as alive:
        files.fcntl.flock(alive, files.fcntl.LOCK_EX)
        data.save(path)
    assert sorted(os.listdir(tmp_path)) == sorted([*others, f"{prefix}{'1' * 16}.tmp", "store"])
    data.save(path)
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "store"])


SAVING = """
import sys
import sessiondata as sd
from stored import rich_store
stores = [rich_store(n) for n in range(3)]
print("ready", flush=True)
while True:
    for data in stores:
        data.save(sys.argv[1])
"""


@pytest.mark.threads
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
def test_killed_at_any_moment_the_file_is_whole(tmp_path: Path) -> None:
    path, rng = tmp_path / "store", random.Random(1)
    wanted = []
    for n in range(3):
        rich_store(n).save(path)
        wanted.append(path.read_bytes())
    left = 0
    # where pytest finds the tests
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(KILLS):
        command = [sys.executable, "-c", SAVING, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            for _ in range(rng.choice([1, 1, 3])):
                time.sleep(rng.random() * 0.03)
            writer.send_signal(signal.SIGKILL)
        left += len(os.listdir(tmp_path)) > 1
        assert path.read_bytes() in wanted
        sd.load(path)
    rich_store().save(path)
    assert os.listdir(tmp_path) == ["store"]
    print(f"{KILLS} kills, {left} of them left a temporary file")


# --- what a file says -----------------------------------------------------------------------------


@pytest.mark.slow
def test_every_cut_and_every_kind_of_flip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store"
    sd.SessionData().save(path)
    whole = path.read_bytes()
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(sd.SnapshotError):
            sd.load(path)
    for at in range(len(whole)):
        for bit in range(8) if MUTATIONS >= 10_000 else (at % 8,):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            with pytest.raises(sd.SnapshotError):
                sd.load(path)
    path.write_bytes(whole + b"\0" * 8)
    with pytest.raises(sd.SnapshotError, match="bytes"):
        sd.load(path)


def test_a_newer_version_says_so_and_unknown_parts_follow_their_flag(tmp_path: Path) -> None:
    path, data = tmp_path / "store", rich_store()
    data.save(path)
    parts = pieces_of(path.read_bytes())
    path.write_bytes(sealed(parts, version=2))
    with pytest.raises(sd.SnapshotError, match=r"header: of version 2, this library reads up to 1"):
        sd.load(path)
    path.write_bytes(sealed([*parts, (b"colours", snapshot.OPTIONAL, b"whatever")]))
    same_stores(data, sd.load(path))
    path.write_bytes(sealed([*parts, (b"colours", 0, b"whatever")]))
    with pytest.raises(sd.SnapshotError, match=r"kind b'colours' is needed, which this version does not know"):
        sd.load(path)
    path.write_bytes(sealed([*parts, parts[-1]]))
    with pytest.raises(sd.SnapshotError, match="one part is the store's, not 2"):
        sd.load(path)
    path.write_bytes(b"PK" + path.read_bytes())
    with pytest.raises(sd.SnapshotError, match="not a snapshot"):
        sd.load(path)


def test_lies_about_lengths_cost_no_memory(tmp_path: Path) -> None:
    """With right sums as well: of rows, of parts, of what a ring holds."""
    path, data = tmp_path / "store", rich_store()
    data.save(path)
    whole = path.read_bytes()

    def lie_of(change: Any) -> None:
        path.write_bytes(whole)
        changed(path, change)

    def rows_of(kept: Any) -> Any:
        return kept["symbols"][0]["session"]

    def many_rows(kept: Any) -> None:
        for column in rows_of(kept)["columns"]:
            column[2] = 2**40

    lies: list[Any] = [
        many_rows, lambda kept: rows_of(kept).update(stored=2**40), lambda kept: rows_of(kept).update(part=2**31),
        lambda kept: rows_of(kept)["columns"][0].__setitem__(2, -1),
        lambda kept: kept.update(capacity=2**40), lambda kept: kept.update(tick_capacity=2**33),
    ]  # fmt: skip
    heads = [struct.pack("<I", n) for n in (0, 2**32 - 1)]
    tracemalloc.start()
    try:
        for lie in lies:
            lie_of(lie)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            with pytest.raises(sd.SnapshotError):
                sd.load(path)
            assert tracemalloc.get_traced_memory()[1] - before < 60 * len(whole)
        for head in heads:
            path.write_bytes(whole[:12] + head + whole[16:])
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            with pytest.raises(sd.SnapshotError):
                sd.load(path)
            assert tracemalloc.get_traced_memory()[1] - before < len(whole) + 2**19
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("stored", [10**9, 2**61])
def test_rows_that_have_left_the_ring_are_not_folded_again(tmp_path: Path, stored: int) -> None:
    """Memory as far before the ring was read as rows had left it, for levels that were then written
    before theirs."""
    path = tmp_path / "store"
    ring_store().save(path)
    changed(path, lambda kept: kept["symbols"][0]["session"].update(stored=stored))
    changed(path, lambda kept: kept.pop("cursors"))
    loaded = sd.load(path)
    check_symbol(loaded.symbols["ABC"])
    go_on(loaded, random.Random(2))
    check_symbol(loaded.symbols["ABC"])


def test_a_list_that_is_too_short_is_refused(tmp_path: Path) -> None:
    """The newest times were read from a list beyond its end."""
    path = tmp_path / "store"
    ring_store().save(path)
    changed(path, lambda kept: kept["symbols"][4]["session"].update(newest=[]))
    with pytest.raises(sd.SnapshotError, match=r"session of '24': .* values"):
        sd.load(path)


def test_a_time_that_no_retry_can_have_is_refused(tmp_path: Path) -> None:
    """Shown as a time of day, to the microsecond, it lay before int64."""
    path = tmp_path / "store"
    rich_store().save(path)
    parts = pieces_of(path.read_bytes())
    session = json.loads(parts[-1][2])["symbols"][0]["session"]
    at, number = 0, session["part"]
    for name, kind, n in session["columns"]:
        if name == "retries.0.last":
            break
        at += -(-n * (4 if kind == "<i4" else 8) // 8) * 8
    for last in (-(2**63), 1):
        content = parts[number][2]
        changed_part = (b"session", 0, content[:at] + struct.pack("<q", last) + content[at + 8 :])
        path.write_bytes(sealed([*parts[:number], changed_part, *parts[number + 1 :]]))
        with pytest.raises(sd.SnapshotError, match="times of retries are whole microseconds"):
            sd.load(path)
