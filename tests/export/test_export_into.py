"""`export_into`: the bytes of `to_json` in memory of the caller's, or an error that says how much
it takes."""

from __future__ import annotations

import mmap
import pickle
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

import sessiondata as sd
from worlds import MINUTE, utc

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
OPEN = utc("2024-03-12T09:30:00-04:00")
BAR = (10.0, 12.0, 9.0, 11.0, 100.0)
STYLES = ("time", "iso", "epoch_ms", "epoch_ns")


def store(n_symbols: int = 3, n_bars: int = 390) -> sd.SessionData:
    data = sd.SessionData(CALENDAR, "1m", ("5m", "1d"))
    data.start_session("2024-03-12")
    for i in range(n_symbols):
        ts = np.arange(0, n_bars, 1 + i % 3) * MINUTE + OPEN
        data.register_symbol(f"S{i}").extend(ts, *(np.full(len(ts), x) for x in BAR))
    return data


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("n_symbols", [0, 1, 3, 40])
def test_the_bytes_are_those_of_to_json_whatever_room_is_left(n_symbols: int, style: str) -> None:
    data = store(n_symbols)
    text = data.to_json(timestamps=style)
    for spare in (0, 1, 7, 500, 20_000, 200_000):
        buffer = bytearray(b"\xff" * (len(text) + spare))
        assert data.export_into(buffer, timestamps=style) == len(text)
        assert buffer[: len(text)] == text
    assert data.to_json(timestamps=style) == text


@pytest.mark.parametrize("size", [0, 1, 100, -20_000, -1])
def test_a_buffer_that_is_too_small_is_an_error_that_says_how_much_it_takes(size: int) -> None:
    data = store()
    text = data.to_json()
    buffer = bytearray(size if size >= 0 else len(text) + size)
    with pytest.raises(sd.BufferTooSmallError, match=str(len(text))) as caught:
        data.export_into(buffer)
    assert (caught.value.needed, caught.value.size) == (len(text), len(buffer))
    assert isinstance(caught.value, (sd.SessionDataError, BufferError))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.needed, str(again)) == (len(text), str(caught.value))
    buffer.extend(bytes(caught.value.needed - len(buffer)))  # nobody holds the memory any more
    assert data.export_into(buffer) == len(text)
    assert buffer == text


def test_all_sorts_of_memory(tmp_path: Path) -> None:
    data = store()
    text = data.to_json()
    n = len(text)
    array = np.zeros(n + 100, np.uint8)
    assert data.export_into(array) == n
    assert array[:n].tobytes() == text
    assert data.export_into(memoryview(array)[50:]) == n
    assert array[50 : 50 + n].tobytes() == text
    with open(tmp_path / "map", "w+b") as file:
        file.truncate(n + 30_000)
        with mmap.mmap(file.fileno(), 0) as mapped:
            assert data.export_into(mapped) == n
            assert mapped[:n] == text
    shared = SharedMemory(create=True, size=n + 30_000)
    try:
        assert data.export_into(shared.buf) == n
        assert bytes(shared.buf[:n]) == text
    finally:
        shared.close()
        shared.unlink()


@pytest.mark.parametrize(
    "buffer",
    [b"x" * 100_000, memoryview(b"x" * 100_000), np.zeros(200_000, np.uint8)[::2], memoryview(bytearray(200_000))[::2],
     "text", None, 7, [0] * 100_000, np.zeros(20_000, "M8[ns]")],
    ids=lambda buffer: type(buffer).__name__,
)  # fmt: skip
def test_what_cannot_be_written_to_is_refused(buffer: Any) -> None:
    with pytest.raises(TypeError, match="writable, contiguous buffer"):
        store().export_into(buffer)


def test_an_array_of_objects_is_refused() -> None:
    """Text stood where pointers were, and the process died when the array was let go of."""
    array = np.full(20_000, None)
    for buffer in (array, np.zeros(20_000, [("a", object)])):
        with pytest.raises(TypeError, match="writable, contiguous buffer of bytes"):
            store().export_into(buffer)
    assert set(array.tolist()) == {None}


def test_options_are_those_of_to_json() -> None:
    data = store()
    buffer = bytearray(200_000)
    with pytest.raises(ValueError, match="epoch_ms"):
        data.export_into(buffer, timestamps="epoch")
    data.deactivate()
    with pytest.raises(sd.InactiveError):
        data.export_into(buffer)
    assert buffer == bytes(200_000)


def test_a_delta_without_room_is_followed_by_a_resync() -> None:
    """It was never taken, and nobody can tell any more what it said."""
    data = store()
    cursor = data.export_cursor("into")
    buffer = bytearray(200_000)
    n = data.export_into(buffer, cursor=cursor)
    document = orjson.loads(buffer[:n])
    name = next(iter(data.symbols))
    data.set_quality(name, data.symbols[name].base_interval, 12.34)
    n = data.export_into(buffer, False, cursor=cursor)
    document = sd.apply_delta(document, orjson.loads(buffer[:n]))
    assert document == data.to_dict(cursor=data.export_cursor("other"))
    data.set_quality(name, data.symbols[name].base_interval, None)
    with pytest.raises(sd.BufferTooSmallError):
        data.export_into(bytearray(10), False, cursor=cursor)
    n = data.export_into(buffer, False, cursor=cursor)
    assert orjson.loads(buffer[:n])["meta"]["resync"] is True


def test_the_memory_is_let_go_of_after_an_error() -> None:
    data = store(1, 3)
    data.add_historical_indicator("avg_volume_2d")
    buffer = bytearray(10)
    with pytest.raises(sd.BufferTooSmallError):
        data.export_into(buffer)
    buffer.clear()
