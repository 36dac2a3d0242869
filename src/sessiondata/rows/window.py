"""Rows in time order as arrays: what series of bars, trades and quotes have in common, and windows
on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, overload

import numpy as np

from sessiondata.arguments import check_index
from sessiondata.copying import refuse_copy
from sessiondata.errors import ArgumentError
from sessiondata.rows.columns import read_only
from sessiondata.time.instants import to_ns
from sessiondata.time.units import LEAST_START_NS, check_plausible
from sessiondata.time.zones import from_ns

if TYPE_CHECKING:
    import datetime as dt
    from datetime import tzinfo

    import numpy.typing as npt

__all__ = ["LiveRows", "Place", "RowWindow", "TimedColumns"]

Row = TypeVar("Row")
Window = TypeVar("Window", bound="RowWindow[Any]")


class Place(NamedTuple):
    """Where live rows stand: how a window sees that its own have gone.

    Attributes
    ----------
    session_id : int
        Another one in each session.
    moves : int
        Grows when rows that are there change places.
    oldest : int
        Sequence of the oldest live row.
    """

    session_id: int
    moves: int
    oldest: int


class TimedColumns:
    """Column access shared by live rows and windows: arrays over `[start, stop)` of the ring, the
    times first."""

    __slots__ = ()

    zone: Any  # tzinfo, the exchange's

    def _bounds(self) -> tuple[tuple[npt.NDArray[Any], ...], int, int]:
        raise NotImplementedError

    def _column(self, i: int) -> npt.NDArray[Any]:
        columns, start, stop = self._bounds()
        return columns[i][start:stop]

    @property
    def timestamp(self) -> npt.NDArray[np.int64]:
        """Times, int64 ns since 1970 UTC: the open times of bars, strictly increasing; of trades
        and quotes never decreasing. Read-only view, no copy (a window made by `copy` owns its
        arrays)."""
        return self._column(0)

    @property
    def datetime(self) -> list[dt.datetime]:
        """`timestamp` as the records have it: aware datetimes in the exchange's zone, rounded down
        to a microsecond. A new list, O(n); `datetime64` is a view."""
        zone = self.zone
        return [from_ns(ts_ns, zone) for ts_ns in self._times().tolist()]

    def _times(self) -> npt.NDArray[np.int64]:
        """`timestamp` of one moment, whoever writes meanwhile."""
        return self._column(0)

    @property
    def datetime64(self) -> npt.NDArray[np.datetime64]:
        """`timestamp` as datetime64[ns] in UTC. Read-only view, no copy."""
        return self._column(0).view("datetime64[ns]")


class RowWindow(TimedColumns, Generic[Row]):
    """A fixed range of rows of a series, oldest first.

    Windows of a live series are views: they cost no copy, and values that are replaced in place (a
    correction, the forming bar) show through. `is_valid` says when the ring has since overwritten
    or moved a row.
    """

    __slots__ = ("_arrays", "_place", "_seq", "_series", "_start", "_stop")

    _unit = "rows"

    def __init__(
        self, arrays: tuple[Any, ...], start: int, stop: int, series: Any, seq: int | None, place: Place | None = None
    ) -> None:
        """Rows `[start, stop)` of arrays; `seq` is the sequence of the first, None where nobody
        will ever write to them, else `place` is where the live rows stood then. `series` names the
        rows and makes records of them."""
        self._arrays, self._start, self._stop, self._series, self._seq = arrays, start, stop, series, seq
        self._place = place

    def _bounds(self) -> tuple[tuple[npt.NDArray[Any], ...], int, int]:
        return self._arrays, self._start, self._stop

    # Copies and pickles: nobody ever writes to the rows of an immutable window, those of a view
    # are the store's.

    def __copy__(self: Window) -> Window:
        self._check_immutable()
        return self

    def __deepcopy__(self: Window, memo: dict[int, Any]) -> Window:
        self._check_immutable()
        return self

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        self._check_immutable()
        return self._pickled()

    def _check_immutable(self) -> None:
        if self._seq is not None:
            refuse_copy(self, "window.copy() is a window of its own, which can be")

    def _pickled(self) -> tuple[Any, ...]:
        """What `pickle` writes of an immutable window."""
        raise NotImplementedError

    def _bytes(self) -> list[bytes | None]:
        """The rows alone, whatever lies around them."""
        return [None if array is None else array[self._start : self._stop].tobytes() for array in self._arrays]

    @property
    def symbol(self) -> str:
        name: str = self._series.symbol
        return name

    @property
    def zone(self) -> tzinfo:
        """The exchange's: that of `datetime` and of the records."""
        zone: tzinfo = self._series.zone
        return zone

    def is_valid(self) -> bool:
        """Whether the window still has the rows that it was made of.

        False once the ring has overwritten one of them, a late row has moved others, or the session
        is gone. Always True for a window made by `copy`. O(1).
        """
        if self._seq is None or self._stop == self._start:
            return True
        now = self._series._place()
        return self._place is not None and self._place[:2] == now[:2] and now.oldest <= self._seq

    def _times(self) -> npt.NDArray[np.int64]:
        return self._column(0) if self._seq is None else self.copy().timestamp

    def copy(self: Window) -> Window:
        """Independent window on copied arrays; it stays what it is whatever the ring does. Its
        columns are read-only as well."""
        return self._copied(slice(None))

    def _copied(self: Window, rows: slice) -> Window:
        start, stop, sources = self._start, self._stop, self._arrays
        if self._seq is not None:  # of one moment, whoever writes meanwhile
            copies = self._series._copy_rows(sources, start, stop)
            sources = tuple(
                None if array is None else np.frombuffer(copy, array.dtype)
                for copy, array in zip(copies, sources, strict=True)
            )
            start, stop = 0, stop - start
        if self._seq is None or rows != slice(None):
            cut = (None if array is None else array[start:stop][rows] for array in sources)
            sources = tuple(None if array is None else read_only(array) for array in cut)
        return type(self)(sources, 0, len(sources[0]), self._series, None)

    def _values(self, i: int) -> tuple[Any, ...]:
        """What the columns hold of row `i`, which is there; None for a column that is not."""
        arrays, at = self._arrays, self._start + i
        if self._seq is not None:
            copies = self._series._copy_rows(arrays, at, at + 1)
            pairs = zip(copies, arrays, strict=True)
            arrays, at = tuple(None if a is None else np.frombuffer(copy, a.dtype) for copy, a in pairs), 0
        return tuple(None if array is None else array[at].item() for array in arrays)

    def _part(self: Window, start: int, stop: int) -> Window:
        """Rows `[start, stop)` of the window, a view."""
        part = type(self)(self._arrays, self._start + start, self._start + stop, self._series, None)
        part._seq, part._place = None if self._seq is None else self._seq + start, self._place
        return part

    def _row(self, i: int) -> Row:
        """Row `i`, which is there."""
        raise NotImplementedError

    def _title(self) -> str:
        return f"{type(self).__name__} {self.symbol}"

    def __len__(self) -> int:
        return self._stop - self._start

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self: Window, key: slice) -> Window: ...
    def __getitem__(self: Any, key: int | slice) -> Any:
        if not isinstance(key, slice):
            # negative indices and IndexError as for any sequence
            return self._row(range(len(self))[key])
        start, stop, step = key.indices(len(self))
        # A strided window cannot be contiguous, so it is a copy.
        return self._part(start, max(start, stop)) if step == 1 else self._copied(key)

    def __iter__(self) -> Iterator[Row]:
        raise NotImplementedError

    def __repr__(self) -> str:
        if not len(self):
            return f"<{self._title()}: empty>"
        zone = self.zone
        first, last = (from_ns(int(self.timestamp[i]), zone).isoformat(sep=" ") for i in (0, -1))
        return f"<{self._title()}: {len(self)} {self._unit}, {first} .. {last}>"


class LiveRows(TimedColumns, Generic[Row, Window]):
    """Rows of one symbol in a session, oldest first; always current. Reading is O(1) unless
    noted otherwise."""

    __slots__ = ()

    @property
    def symbol(self) -> str:
        raise NotImplementedError

    @property
    def zone(self) -> tzinfo:
        """The exchange's: that of `datetime` and of the records."""
        raise NotImplementedError

    def _new_window(self, arrays: tuple[Any, ...], start: int, stop: int, place: Place, seq: int) -> Window:
        raise NotImplementedError

    def _live(self) -> tuple[tuple[Any, ...], int, int, Place]:
        """Arrays, the live rows `[start, stop)` of them and their place, all of one moment."""
        raise NotImplementedError

    def _place(self) -> Place:
        raise NotImplementedError

    def _copy_rows(self, arrays: tuple[Any, ...], start: int, stop: int) -> tuple[Any, ...]:
        """Rows `[start, stop)` of arrays as bytes (None of what is None), none of them half old and
        half new."""
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def _times(self) -> npt.NDArray[np.int64]:
        times: npt.NDArray[np.int64] = self[:].copy().timestamp
        return times

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> Window: ...
    def __getitem__(self, key: int | slice) -> Row | Window:
        """A row for an int, a window for a slice (a view if its step is 1, else a copy)."""
        window: Any = self.window(0, None)
        return window[key]  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Row]:
        window: Any = self.window(0, None)
        return iter(window)

    def last(self, n: int) -> Window:
        """Newest `n` rows (all, if there are fewer). A view, also after the ring has wrapped.

        `n` is a whole number, not negative, or an `ArgumentError`."""
        if type(n) is not int:
            n = check_index("n", n)
        if n < 0:
            raise ArgumentError(f"n must not be negative: {n}", value=n)
        return self.window(-n, None) if n else self.window(0, 0)

    def since(self, ts_ns: Any) -> Window:
        """Rows at or after a time (int ns, datetime64, aware datetime). A view; O(log rows).

        An int of 1970 that another unit puts after 1990 is a `TimeError` (``ERR_UNIT``) where all
        rows are later."""
        arrays, start, stop, place = self._live()
        time = to_ns(ts_ns)
        if time < LEAST_START_NS and stop > start and arrays[0][start] >= LEAST_START_NS:
            check_plausible(time, symbol=self.symbol)
        i = int(arrays[0][start:stop].searchsorted(time))
        return self._new_window(arrays, start + i, stop, place, place.oldest + i)

    def window(self, i: int, j: int | None) -> Window:
        """Rows `[i, j)`, counted from the oldest live one; negative positions count from the end,
        None is the end. A view."""
        arrays, start, stop, place = self._live()
        try:
            i, j, _ = slice(i, j).indices(stop - start)
        except TypeError:
            for name, position in (("i", i), ("j", j)):
                if position is not None:
                    check_index(name, position)
            raise
        return self._new_window(arrays, start + i, start + max(i, j), place, place.oldest + i)
