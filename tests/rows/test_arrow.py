"""Arrow capsules, taken apart by hand: who owns what, who frees it and when.

The consumer here is written with ctypes from the layout of the structs. It calls the callbacks
without the GIL, as other libraries do.

Long because the consumer, which all tests share, is half of it.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import tracemalloc
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import sessiondata as sd
from failing import each_allocation_fails
from sessiondata._native.out import arrow as _arrow
from sessiondata.rows.bars import content_of
from sessiondata.store.symbol import state_of
from worlds import MINUTE, utc

CALENDAR = sd.SessionCalendar.from_hours("09:30", "16:00", "America/New_York")
OPEN = utc("2024-03-12T09:30:00-04:00")
N = 13


class Schema(ctypes.Structure):
    pass


class Array(ctypes.Structure):
    pass


class Stream(ctypes.Structure):
    pass


RELEASE_SCHEMA = ctypes.CFUNCTYPE(None, ctypes.POINTER(Schema))
RELEASE_ARRAY = ctypes.CFUNCTYPE(None, ctypes.POINTER(Array))
RELEASE_STREAM = ctypes.CFUNCTYPE(None, ctypes.POINTER(Stream))
GET_SCHEMA = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.POINTER(Schema))
GET_NEXT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.POINTER(Array))
LAST_ERROR = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(Stream))
Schema._fields_ = [
    ("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", ctypes.c_char_p), ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64), ("children", ctypes.POINTER(ctypes.POINTER(Schema))),
    ("dictionary", ctypes.c_void_p), ("release", RELEASE_SCHEMA), ("private_data", ctypes.c_void_p),
]  # fmt: skip
Array._fields_ = [
    ("length", ctypes.c_int64), ("null_count", ctypes.c_int64), ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64), ("n_children", ctypes.c_int64), ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(Array))), ("dictionary", ctypes.c_void_p),
    ("release", RELEASE_ARRAY), ("private_data", ctypes.c_void_p),
]  # fmt: skip
Stream._fields_ = [
    ("get_schema", GET_SCHEMA), ("get_next", GET_NEXT), ("get_last_error", LAST_ERROR),
    ("release", RELEASE_STREAM), ("private_data", ctypes.c_void_p),
]  # fmt: skip

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def stream_of(capsule: Any) -> Stream:
    """The struct in a capsule, not a copy of it."""
    return Stream.from_address(_pointer(capsule, b"arrow_array_stream"))


def schema_of(capsule: Any) -> Schema:
    return Schema.from_address(_pointer(capsule, b"arrow_schema"))


def moved(struct: Any) -> Any:
    """What a consumer does to take a struct: copy the bytes, clear `release` in the original."""
    taken = type(struct)()
    ctypes.memmove(ctypes.byref(taken), ctypes.byref(struct), ctypes.sizeof(struct))
    struct.release = type(struct.release)()
    return taken


def taken_stream(rows: Any, *request: Any) -> Stream:
    """A stream moved out of its capsule, which is gone."""
    capsule = rows.__arrow_c_stream__(*request)
    return moved(stream_of(capsule))


def release(struct: Any) -> None:
    struct.release(ctypes.byref(struct))
    assert not struct.release, "a released struct says so"


def values(array: Array, dtype: Any) -> Any:
    """Values of a column as a list, read from its address."""
    assert (array.n_buffers, array.null_count, array.offset, array.n_children) == (2, 0, 0, 0)
    assert not array.buffers[0]
    n_bytes = array.length * np.dtype(dtype).itemsize
    return np.frombuffer(ctypes.string_at(array.buffers[1], n_bytes), dtype).tolist()


def new_symbol() -> sd.SymbolSessionData:
    return new_store().symbols["SPY"]


def new_store() -> sd.SessionData:
    data = sd.SessionData(CALENDAR, "1m", ("5m", "1d"))
    spy = data.register_symbol("SPY")
    for i in range(N):
        spy.append(OPEN + (i - 1) * MINUTE, 100.0 + i, 101.0 + i, 99.0 + i, 100.5 + i, 10.0 + i)
    return data


@pytest.fixture
def spy() -> sd.SymbolSessionData:
    return new_symbol()


# --- what is in them ------------------------------------------------------------------------------

FIELDS = [
    (b"timestamp", b"tsn:UTC"), (b"open", b"g"), (b"high", b"g"), (b"low", b"g"), (b"close", b"g"), (b"volume", b"g"),
    (b"extended", b"b"), (b"forming", b"b"), (b"n_base", b"i"), (b"trade_date", b"tdD"),
]  # fmt: skip


@pytest.mark.parametrize(("interval", "n"), [("1m", 7), ("5m", 9), ("1d", 10)])
def test_the_schema_names_the_columns_and_their_types(spy: sd.SymbolSessionData, interval: str, n: int) -> None:
    capsule = spy.bars(interval).__arrow_c_schema__()
    for schema in (schema_of(capsule), Schema()):
        if not schema.format:
            stream = stream_of(kept := spy.bars(interval).__arrow_c_stream__())  # noqa: F841
            assert stream.get_schema(stream, schema) == 0
        assert (schema.format, schema.name, schema.metadata, schema.n_children) == (b"+s", b"", None, n)
        children = [schema.children[k].contents for k in range(n)]
        assert [(child.name, child.format) for child in children] == FIELDS[:n]
        assert {child.flags for child in children} == {2}, "nullable, as other libraries make them"
        assert not any(child.dictionary for child in children)
    release(schema)


def test_a_stream_holds_one_batch_with_the_rows(spy: sd.SymbolSessionData) -> None:
    series = spy.bars("5m")
    capsule = series.__arrow_c_stream__()
    stream, array = stream_of(capsule), Array()
    assert stream.get_next(stream, array) == 0
    assert (array.length, array.n_buffers, array.n_children, array.null_count, array.offset) == (4, 1, 9, 0, 0)
    columns = [array.children[k].contents for k in range(9)]
    assert values(columns[0], "i8") == series.timestamp.tolist()
    for column, name in zip(columns[1:6], ("open", "high", "low", "close", "volume"), strict=True):
        assert values(column, "f8") == getattr(series, name).tolist()
    bits = [ctypes.string_at(column.buffers[1], 1)[0] for column in columns[6:8]]
    assert bits == [0b0001, 0b1000]
    assert values(columns[8], "i4") == [1, 5, 5, 2]
    end = Array()
    assert stream.get_next(stream, end) == 0
    assert not end.release, "the end of the stream"
    assert stream.get_next(stream, end) == 0
    assert not end.release
    assert stream.get_last_error(stream) is None
    release(array)


# --- who frees what -------------------------------------------------------------------------------


STORED = 7  # columns of a derived window that lie in its memory


class Watched:
    """A frozen window and the number of references to the memory behind its columns."""

    def __init__(self, spy: sd.SymbolSessionData) -> None:
        self.window = spy.bars("5m").last(3).copy()
        self.owner = self.window.open.base
        self.before = sys.getrefcount(self.owner)

    @property
    def held(self) -> int:
        """References beyond that of the window: one for each column."""
        gc.collect()
        return sys.getrefcount(self.owner) - self.before

    def take(self) -> Any:
        return self.window.__arrow_c_stream__()


@pytest.fixture
def watched(spy: sd.SymbolSessionData) -> Watched:
    return Watched(spy)


def test_a_capsule_that_nobody_takes_frees_everything(watched: Watched) -> None:
    capsule = watched.take()
    assert watched.held == STORED
    del capsule
    assert watched.held == 0
    assert watched.window.__arrow_c_schema__()


@pytest.mark.slow
def test_a_stream_that_is_taken_belongs_to_its_consumer(watched: Watched) -> None:
    capsule = watched.take()
    stream = moved(stream_of(capsule))
    del capsule
    assert watched.held == STORED
    array = Array()
    assert stream.get_next(stream, array) == 0
    release(stream)
    assert watched.held == STORED, "the batch outlives its stream"
    assert values(array.children[4].contents, "f8") == watched.window.close.tolist()
    release(array)
    assert watched.held == 0


def test_a_stream_that_is_released_unread_frees_its_batch(watched: Watched) -> None:
    capsule = watched.take()
    release(stream_of(capsule))
    assert watched.held == 0
    del capsule
    assert watched.held == 0


def test_a_column_can_be_moved_out_of_its_batch(watched: Watched) -> None:
    stream, array = taken_stream(watched.window), Array()
    stream.get_next(stream, array)
    column = moved(array.children[1].contents)
    release(array)
    release(stream)
    assert watched.held == 1
    assert values(column, "f8") == watched.window.open.tolist()
    release(column)
    assert watched.held == 0


def test_a_field_can_be_moved_out_of_its_schema(spy: sd.SymbolSessionData) -> None:
    capsule = spy.bars().__arrow_c_schema__()
    schema = moved(schema_of(capsule))
    field = moved(schema.children[4].contents)
    release(schema)
    del capsule
    assert (field.name, field.format) == (b"close", b"g")
    release(field)


@pytest.mark.threads
def test_structs_can_be_released_by_any_thread(watched: Watched) -> None:
    def consume() -> None:
        stream, array = taken_stream(watched.window), Array()
        stream.get_next(stream, array)
        taken.append(array)
        release(stream)

    taken: list[Array] = []
    for work in [consume] * 4 + [lambda: release(taken.pop())] * 4:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert not taken
    assert watched.held == 0


def test_a_capsule_is_consumed_once(spy: sd.SymbolSessionData) -> None:
    class Once:
        def __init__(self, capsule: Any) -> None:
            self.capsule = capsule

        def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
            return self.capsule

    capsule = spy.bars().__arrow_c_stream__()
    assert pa.table(Once(capsule)).num_rows == N
    with pytest.raises(pa.ArrowInvalid):
        pa.table(Once(capsule))
    other = new_symbol()
    with pytest.raises(sd.BarError, match=r"read already.*ERR_STREAM"):
        other.extend(Once(capsule))
    once = Once(spy.bars().__arrow_c_stream__())
    assert new_symbol().extend(once) == 0
    with pytest.raises(sd.BarError, match="read already"):
        other.extend(once)


@pytest.mark.parametrize("frozen", [False, True])
def test_what_was_exported_outlives_the_store(frozen: bool) -> None:
    data = new_store()
    spy = data.symbols["SPY"]
    window = spy.bars()[:].copy() if frozen else spy.bars()
    capsule = window.__arrow_c_stream__()
    table = pa.table(window)
    expected = spy.bars().close.tolist()
    data.clear()
    del data, spy, window
    gc.collect()
    others = [new_symbol() for _ in range(50)]  # would be given the memory, were it free
    array, stream = Array(), stream_of(capsule)
    stream.get_next(stream, array)
    assert values(array.children[4].contents, "f8") == expected
    assert table["close"].to_pylist() == expected
    release(array)
    assert len(others) == 50


@pytest.mark.slow
def test_no_export_leaks(spy: sd.SymbolSessionData) -> None:
    frozen = spy.bars("5m")[:].copy()

    def use() -> None:
        for rows in (spy.bars(), frozen):
            rows.__arrow_c_stream__()
            rows.__arrow_c_schema__()
            stream, array = taken_stream(rows, rows.__arrow_c_schema__()), Array()
            stream.get_next(stream, array)
            release(array)
            release(stream)
            spy.extend(rows)
        with pytest.raises(ValueError, match="requested schema"):
            frozen.__arrow_c_stream__(spy.bars().__arrow_c_schema__())

    tracemalloc.start()
    try:
        for _ in range(20):
            use()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            use()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 200 * 64
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.allocations
@pytest.mark.parametrize("what", ["schema", "stream"])
def test_where_there_is_no_memory_nothing_is_lost(watched: Watched, what: str) -> None:
    """Every allocation fails in its turn, until the call succeeds."""
    window = watched.window
    bits = [np.zeros(1, np.uint8), np.zeros(1, np.uint8)]
    stored, n_base = content_of(window)[:2]
    columns = (*stored, *bits, n_base)
    held = watched.held
    call = (lambda: _arrow.schema_capsule(True)) if what == "schema" else (lambda: _arrow.stream_capsule(columns))
    made: list[Any] = []

    def check() -> None:
        assert watched.held == held

    assert each_allocation_fails(lambda: made.append(call()), check) >= 3
    made.clear()
    assert watched.held == held


@pytest.mark.parametrize("what", ["schema", "stream"])
def test_a_capsule_of_another_name_belongs_to_its_consumer(watched: Watched, what: str) -> None:
    """A consumer that renames a capsule has taken what is in it. The destructor raised, where
    nobody could see it."""
    rename, free = ctypes.pythonapi.PyCapsule_SetName, ctypes.pythonapi.PyMem_RawFree
    rename.argtypes, free.argtypes, free.restype = [ctypes.py_object, ctypes.c_char_p], [ctypes.c_void_p], None
    name = b"used"  # a capsule does not copy its name
    capsule = watched.window.__arrow_c_schema__() if what == "schema" else watched.window.__arrow_c_stream__()
    inside: Any = schema_of(capsule) if what == "schema" else stream_of(capsule)
    assert rename(capsule, name) == 0
    del capsule
    assert inside.release, "what is inside is as it was"
    release(inside)
    free(ctypes.addressof(inside))


# --- what a consumer asks for ---------------------------------------------------------------------


def test_other_types_of_the_same_columns_may_be_asked_for(spy: sd.SymbolSessionData) -> None:
    series = spy.bars()
    wish = pa.schema([(name, pa.float32() if k else pa.timestamp("us")) for k, name in enumerate(_arrow.COLUMNS[:7])])
    asked = wish.__arrow_c_schema__()
    capsule = series.__arrow_c_stream__(requested_schema=asked)
    assert schema_of(asked).release, "it stays the consumer's"
    schema = Schema()
    stream_of(capsule).get_schema(stream_of(capsule), schema)
    assert schema.children[0].contents.format == b"tsn:UTC"
    release(schema)
    table = pa.RecordBatchReader.from_stream(series, schema=pa.schema(series)).read_all()
    assert table == pa.table(series)


def test_other_columns_are_a_mistake(spy: sd.SymbolSessionData) -> None:
    series = spy.bars("5m")
    for schema in (pa.schema([("a", pa.int64())]), pa.schema([(f"c{k}", pa.int8()) for k in range(9)])):
        with pytest.raises(ValueError, match=r"must have the columns timestamp, open, .* n_base"):
            series.__arrow_c_stream__(schema.__arrow_c_schema__())
    field = pa.field("x", pa.int64()).__arrow_c_schema__()
    with pytest.raises(ValueError, match="must have the columns"):
        series.__arrow_c_stream__(field)
    released = series.__arrow_c_schema__()
    release(schema_of(released))
    with pytest.raises(ValueError, match="has been released"):
        series.__arrow_c_stream__(released)
    for wrong in (1, "x", series.__arrow_c_stream__()):
        with pytest.raises((ValueError, TypeError)):
            series.__arrow_c_stream__(wrong)
    assert pa.table(series).num_rows == 4


def test_a_stream_has_the_columns_of_a_base_or_a_derived_series() -> None:
    with pytest.raises(ValueError, match="7, 9 or 10 columns: 1"):
        _arrow.stream_capsule((np.zeros(1),))
    with pytest.raises((ValueError, BufferError)):  # not contiguous
        _arrow.stream_capsule(tuple(np.zeros(8)[::2] for _ in range(7)))


# --- streams of others that do not keep their word ------------------------------------------------


class Altered:
    """Our own stream, with each batch changed on its way by a function."""

    def __init__(self, rows: Any, alter: Any) -> None:
        self.capsule = rows.__arrow_c_stream__()
        stream = stream_of(self.capsule)
        self.original = GET_NEXT(ctypes.cast(stream.get_next, ctypes.c_void_p).value)

        def get_next(given: Any, out: Any) -> int:
            status = self.original(given, out)
            if out.contents.release:
                return alter(out.contents) or status
            return status

        self.callback = GET_NEXT(get_next)
        stream.get_next = self.callback

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.capsule


def set_to(name: str, value: int, child: int | None = None) -> Any:
    def alter(array: Array) -> None:
        setattr(array if child is None else array.children[child].contents, name, value)

    return alter


def without_values(array: Array) -> None:
    array.children[1].contents.buffers[1] = None


LIES = {
    "more rows than its columns": (set_to("length", N + 1), "shorter than its batch"),
    "offset beyond its columns": (set_to("offset", 1), "shorter than its batch"),
    "negative offset": (set_to("offset", -1), "does not have the columns"),
    "negative offset of a column": (set_to("offset", -8, 2), "shorter than its batch"),
    "too short a column": (set_to("length", N - 1, 5), "shorter than its batch"),
    "no values": (without_values, "shorter than its batch"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_batch_that_is_not_what_it_says_is_refused(spy: sd.SymbolSessionData, name: str) -> None:
    alter, message = LIES[name]
    other = sd.SessionData(CALENDAR).register_symbol("A")
    with pytest.raises(sd.BarError, match=f"{message}.*ERR_STREAM"):
        other.extend(Altered(spy.bars(), alter))
    assert len(other.bars()) == 0
    assert state_of(other).core.grid is None, "and no session was started"


def test_fewer_columns_than_the_schema_says(spy: sd.SymbolSessionData) -> None:
    def alter(array: Array) -> None:
        for k in range(3, array.n_children):
            release(array.children[k].contents)
        array.n_children = 3

    with pytest.raises(sd.BarError, match="does not have the columns of its schema"):
        spy.extend(Altered(spy.bars(), alter))


def test_a_stream_without_a_schema(spy: sd.SymbolSessionData) -> None:
    frame = Altered(spy.bars(), lambda _: None)
    nothing = GET_SCHEMA(lambda _stream, _out: 0)
    stream_of(frame.capsule).get_schema = nothing
    with pytest.raises(sd.BarError, match="has no schema"):
        spy.extend(frame)


def test_a_stream_that_fails_says_why(spy: sd.SymbolSessionData) -> None:
    def batches() -> Any:
        yield spy.bars().to_arrow().to_batches()[0]
        raise RuntimeError("the disk is on fire")

    reader = pa.RecordBatchReader.from_batches(pa.schema(spy.bars()), batches())
    other = sd.SessionData(CALENDAR).register_symbol("A")
    with pytest.raises(sd.BarError, match=r"fails with error.*the disk is on fire"):
        other.extend(reader)
    assert len(other.bars()) == 0


def test_a_stream_without_a_word_of_its_error(spy: sd.SymbolSessionData) -> None:
    def alter(array: Array) -> int:
        release(array)
        return 5

    with pytest.raises(sd.BarError, match="fails with error 5"):
        spy.extend(Altered(spy.bars(), alter))
