"""The bars of many symbols as one table of another library."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata.arguments import names_of
from sessiondata.copying import not_copied
from sessiondata.errors import IntervalError, UnknownNameError, format_value
from sessiondata.rows import frames
from sessiondata.rows.bars import content_of
from sessiondata.store.symbol import state_of
from sessiondata.time.intervals import parse_interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from sessiondata.store.registry import Registry

__all__ = ["Table"]

# A base series without rows.
_NO_ROWS = [np.zeros(0, np.int64), *(np.zeros(0) for _ in range(5)), np.zeros(0, np.bool_)]


@not_copied("copy what it becomes: data.copy() is a store of its own")
class Table:
    """Rows of one interval of many symbols, one symbol after the other, each in time order.

    Attributes
    ----------
    names : list of str
        Of the symbols, each once.
    codes : ndarray of int32
        Of each row: which name.
    columns : list of ndarray
        As those of a series (`rows/frames`); nobody else has them.
    """

    __slots__ = ("codes", "columns", "names")

    def __init__(self, registry: Registry, interval: Any, symbols: Iterable[str] | None) -> None:
        wanted = None if symbols is None else names_of("symbols", symbols)
        try:
            name = parse_interval(interval).name
        except IntervalError as error:
            raise UnknownNameError(f"there is no interval {format_value(interval)}", value=interval) from error
        if wanted is None:
            states = [state for state in list(registry.states.values()) if name in state.core.intervals]
            if not states:
                raise UnknownNameError(f"no symbol holds an interval {name!r}", value=interval)
        else:
            states = [state_of(registry.get(symbol)) for symbol in dict.fromkeys(wanted)]
            for state in states:
                if name not in state.core.intervals:
                    held = ", ".join(state.core.intervals)
                    raise UnknownNameError(
                        f"{state.name!r} holds no interval {name!r}; it holds {held}", symbol=state.name, value=interval
                    )
        windows = [frames.immutable_window(state.series[name]) for state in states]
        parts = [frames.columns_of(window) for window in windows]
        most = max(map(len, parts), default=0)
        for window, part in zip(windows, parts, strict=True):
            if len(part) < most:  # of a symbol that streams what others derive
                times, forming_ts = part[0], content_of(window).forming_ts
                forming = np.zeros(len(times), np.bool_) if forming_ts is None else times == forming_ts
                part += [forming, np.ones(len(times), np.int32)]
        self.names = [state.name for state in states]
        lengths = [len(part[0]) for part in parts]
        self.codes: npt.NDArray[np.int32] = np.repeat(np.arange(len(parts), dtype=np.int32), lengths)
        self.columns = [np.concatenate(column) for column in zip(*parts, strict=True)] or _NO_ROWS

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The columns without that of the symbols."""
        return frames.stream_of(self.columns, requested_schema)

    def to_pandas(self) -> Any:
        pd = frames.library("pandas", "pandas")
        frame = frames.pandas_frame(pd, self.columns)
        frame.insert(0, "symbol", pd.Categorical.from_codes(self.codes, self.names))
        return frame

    def to_polars(self) -> Any:
        polars = frames.library("polars", "polars")
        frame = frames.to_polars(self)
        return frame.insert_column(0, polars.Series("symbol", self.names, polars.Categorical).gather(self.codes))

    def to_arrow(self) -> Any:
        pyarrow = frames.library("pyarrow", "arrow")
        table = frames.to_arrow(self)
        names = pyarrow.array(self.names, pyarrow.string())
        return table.add_column(0, "symbol", pyarrow.DictionaryArray.from_arrays(self.codes, names))
