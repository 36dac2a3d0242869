"""Snapshots through file objects, and paths of every kind."""

from __future__ import annotations

import io
import os
import pickle
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sessiondata as sd
from stored import rich_store, same_stores


class Trickle(io.RawIOBase):
    """Takes and gives a few bytes at a time, and cannot seek."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__()
        self.content, self.at, self.flushed = bytearray(content), 0, 0

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self.content += bytes(piece)[:1000]
        return min(1000, len(piece))

    def readinto(self, into: Any) -> int:
        piece = self.content[self.at : self.at + min(777, len(into))]
        into[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)

    def flush(self) -> None:
        self.flushed += 1


@pytest.mark.slow
def test_a_store_goes_through_file_objects(tmp_path: Path) -> None:
    data = rich_store()
    content = data.dumps()
    data.save(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == content
    buffer = io.BytesIO(b"before")
    buffer.seek(6)
    data.save(buffer)
    data.save(buffer)
    buffer.write(b"behind")
    buffer.seek(6)
    for _ in range(2):  # one after the other, from where the file stands
        same_stores(data, sd.load(buffer))
    assert buffer.read() == b"behind"
    assert not buffer.closed
    trickle = Trickle()
    data.save(trickle)
    assert bytes(trickle.content) == content
    assert trickle.flushed
    assert not trickle.closed
    same_stores(data, sd.load(trickle))
    with open(tmp_path / "b", "wb") as file:
        data.save(file)
    with open(tmp_path / "b", "rb") as file:
        same_stores(data, sd.load(file))
        assert file.read() == b""
    for given in (content, bytearray(content), memoryview(content), np.frombuffer(content, np.uint8)):
        same_stores(data, sd.loads(given))


def test_a_store_goes_through_a_pipe() -> None:
    data = rich_store()
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb", buffering=0) as file:
            data.save(file)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(reading, "rb", buffering=0) as file:
        loaded = sd.load(file)
    feeder.join()
    same_stores(data, loaded)


class Counting:
    """Takes bytes and does not say how many."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, piece: bytes) -> None:
        self.content += piece


class Full(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def write(self, _piece: Any) -> None:
        return None

    def readinto(self, _into: Any) -> None:
        return None


def test_file_objects_of_other_kinds(tmp_path: Path) -> None:
    data = rich_store()
    counting = Counting()
    data.save(counting)
    assert counting.content == data.dumps()
    with pytest.raises(TypeError, match="'wb'"):
        data.save(io.StringIO())
    with open(tmp_path / "text", "w", encoding="utf-8") as file, pytest.raises(TypeError, match="'wb'"):
        data.save(file)
    assert (tmp_path / "text").read_bytes() == b""
    with pytest.raises(TypeError, match="'rb'"):
        sd.load(io.StringIO("x"))
    for call in (data.save, sd.load):
        with pytest.raises(BlockingIOError):
            call(Full())
    for wrong in (3, None, 1.5):
        with pytest.raises(TypeError):
            data.save(wrong)
        with pytest.raises(TypeError):
            sd.load(wrong)
    for text in ("text", 7, None):
        with pytest.raises(TypeError, match="bytes"):
            sd.loads(text)


class Answering:
    """A file object whose methods answer as they are told."""

    def __init__(self, write: Any = None, read: Any = None) -> None:
        self.write, self.read = write, read


def fails(error: BaseException) -> Any:
    def method(*_: Any) -> Any:
        raise error

    return method


@pytest.mark.parametrize("wrong", [None, 3, 1.5, [], object(), "a\0b", "\ud800", b"a\0b"])
def test_what_is_no_path_is_an_error_of_the_library(wrong: Any) -> None:
    data = rich_store()
    kind = sd.ArgumentError if isinstance(wrong, (str, bytes)) else sd.ArgumentTypeError
    for call, what in ((data.save, "saved to"), (sd.load, "loaded from"), (data.to_csv, "to_csv writes a file")):
        with pytest.raises(kind, match=what) as caught:
            call(wrong)
        assert caught.value.value is wrong


def test_file_objects_go_to_doors_that_take_them() -> None:
    data = rich_store()
    with pytest.raises(sd.ArgumentTypeError, match="needs its path: got BytesIO"):
        data.to_csv(io.BytesIO())
    with pytest.raises(sd.ArgumentTypeError, match=r"sessiondata\.loads\(\)"):
        sd.load(data.dumps())


@pytest.mark.parametrize(
    "wrong", ["text", 7, None, 1.5, [1], np.array(["2024"], "M8[s]"), np.array([None]), memoryview(b"12")[::2]]
)
def test_what_is_no_snapshot_is_an_error_of_the_library(wrong: Any) -> None:
    with pytest.raises((sd.ArgumentTypeError, sd.SnapshotError)):
        sd.loads(wrong)


@pytest.mark.parametrize("n", [-1, 10**9, "all", 1.5, True, False, b"3"])
def test_a_count_that_no_write_can_give_is_refused(n: Any) -> None:
    kind = sd.ArgumentError if type(n) is int else sd.ArgumentTypeError
    with pytest.raises(kind, match=r"write\(\) of <Answering>") as caught:
        rich_store().save(Answering(write=lambda _: n))
    assert caught.value.value is n


@pytest.mark.parametrize("at_most", [1, 7, 1000, 1 << 17])
def test_a_short_write_goes_on_with_the_rest(at_most: int) -> None:
    data, pieces = rich_store(), []

    def write(piece: bytes) -> int:
        pieces.append(piece[:at_most])
        return len(pieces[-1])

    data.save(Answering(write=write))
    assert b"".join(pieces) == data.dumps()


def test_a_write_that_takes_nothing_is_an_error() -> None:
    with pytest.raises(BlockingIOError):
        rich_store().save(Answering(write=lambda _: 0))


@pytest.mark.parametrize("wrong", [0, 5, 1.5, [1, 2], [], np.zeros(4), object()])
def test_a_read_that_gives_no_bytes_is_refused(wrong: Any) -> None:
    with pytest.raises(sd.ArgumentTypeError, match=r"read\(\) of <Answering> returns") as caught:
        sd.load(Answering(read=lambda _: wrong))
    assert caught.value.value is wrong


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_short_read_goes_on_with_the_rest(kind: Any) -> None:
    data = rich_store()
    source = io.BytesIO(data.dumps() + b"behind")
    same_stores(data, sd.load(Answering(read=lambda n: kind(source.read(min(n, 1001))))))
    assert source.read() == b"behind"


def test_a_read_that_gives_more_than_was_asked_for_is_refused() -> None:
    content = rich_store().dumps()
    with pytest.raises(sd.ArgumentError, match=r"read\(\) of <Answering> was asked for \d+ bytes and gives \d+"):
        sd.load(Answering(read=lambda _: content))


def test_what_methods_of_file_objects_raise(tmp_path: Path) -> None:
    data = rich_store()
    # a wrapper, which is no text file by its class
    with tempfile.NamedTemporaryFile("w", dir=tmp_path) as file:
        with pytest.raises(sd.ArgumentTypeError, match="'wb'"):
            data.save(file)
        with pytest.raises(io.UnsupportedOperation):
            sd.load(file)
    closed = io.BytesIO(data.dumps())
    closed.close()
    with pytest.raises(sd.ArgumentError, match="closed"):
        data.save(closed)
    with pytest.raises(sd.ArgumentError, match="closed"):
        sd.load(closed)
    with pytest.raises(sd.ArgumentTypeError, match=r"read\(\) of <Answering>"):
        sd.load(Answering(read=lambda: b""))
    for error in (OSError(28, "no room"), MemoryError(), KeyboardInterrupt(), LookupError("own")):
        with pytest.raises(type(error)) as caught:
            data.save(Answering(write=fails(error)))
        assert caught.value is error
        with pytest.raises(type(error)) as caught:
            sd.load(Answering(read=fails(error)))
        assert caught.value is error


def test_what_cannot_be_saved_writes_nothing() -> None:
    data = rich_store()
    data.set_historical_indicator("ABC", "thing", object())
    file = io.BytesIO()
    for call in (lambda: data.save(file), data.dumps, lambda: pickle.dumps(data)):
        with pytest.raises(sd.SnapshotError, match="'thing'"):
            call()
    assert file.getvalue() == b""
    assert data.copy().get_historical_indicator("ABC", "thing") is not None


def test_bytes_that_are_no_snapshot_are_refused() -> None:
    content = rich_store().dumps()
    for wrong in (b"", b"x", content[:-8], content + b"\0" * 8, content[:20], b"\0" + content[1:]):
        with pytest.raises(sd.SnapshotError, match="<bytes>"):
            sd.loads(wrong)
    for wrong in (b"", b"x", content[:-8], content[:20], b"\0" + content[1:]):
        with pytest.raises(sd.SnapshotError, match="BytesIO"):
            sd.load(io.BytesIO(wrong))
