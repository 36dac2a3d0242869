"""Asking a provider for bars, and what its answers are worth."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sessiondata.batch.kernels import BarArrays
from sessiondata.copying import not_copied
from sessiondata.errors import ArgumentTypeError, SessionDataError
from sessiondata.rows.bars import BarWindow
from sessiondata.rows.columns import NO_TZ, bar_columns
from sessiondata.rows.series import BarSeries
from sessiondata.time.arrays import are_counted
from sessiondata.time.units import LEAST_START_NS, UNIT_NS, plausible_unit

if TYPE_CHECKING:
    from sessiondata.rows.columns import BarColumns
    from sessiondata.rows.gap import GapInfo
    from sessiondata.store.symbol import SymbolSessionData

__all__ = ["Fetch", "Requests"]

#: ``fetch(symbol, interval, start_ns, stop_ns)``
Fetch = Callable[[str, str, int, int], Any]

# abandoned calls of `fetch` that have not come back; with so many no further one is made
_MOST_HANGING = 8
_NAMES = ("timestamp", "open", "high", "low", "close", "volume")


@not_copied("data.copy() is a store without a manager: make another one for it")
class Requests:
    """Calls of a provider.

    Attributes
    ----------
    n_placeholders : int
        Rows that were dropped because they only say that there is none.
    """

    def __init__(self, fetch: Fetch, timeout: float, unit: str | None, drops_placeholders: bool) -> None:
        self._fetch, self._timeout, self._unit, self._drops = fetch, timeout, unit, drops_placeholders
        # of abandoned calls; set when they come back
        self._hanging: list[threading.Event] = []
        self.n_placeholders = 0

    @property
    def n_hanging(self) -> int:
        """Calls that timed out and have not come back."""
        return sum(not done.is_set() for done in self._hanging)

    def is_full(self) -> bool:
        """Whether too many calls hang for another one."""
        self._hanging = [done for done in self._hanging if not done.is_set()]
        return len(self._hanging) >= _MOST_HANGING

    def make(self, symbol: SymbolSessionData, gap: GapInfo) -> tuple[str, int, str]:
        """(outcome, bars stored, what was wrong) of one request."""
        start, stop = gap.start_ns, gap.stop_ns
        try:
            answer = self._call(gap.symbol, gap.interval, start, stop)
        except TimeoutError:
            return "timeout", 0, f"no answer within {self._timeout:g} s"
        except Exception as error:
            return "error", 0, f"{type(error).__name__}: {error}"
        if answer is None:
            return "unknown", 0, ""
        try:
            columns, is_counted = _columns_of(answer, gap.symbol, self._unit)
        except Exception as error:  # of an object that somebody else wrote
            return "invalid", 0, f"{type(error).__name__}: {error}"
        try:
            if not len(columns[0]):
                symbol.mark_no_trade(gap)
                return "empty", 0, ""
            none = _placeholders(columns) if self._drops else np.zeros(len(columns[0]), np.bool_)
            n_none = int(none.sum())
            self.n_placeholders += n_none
            asked = (columns[0] >= start) & (columns[0] < stop) & ~none
            rows = symbol.fill(*(column[asked] for column in columns), on_bad="skip", label="open")
        except SessionDataError as error:
            return "invalid", 0, f"{type(error).__name__}: {error}"
        why = _why(columns[0], n_none, self._unit if is_counted else None)
        if not rows:
            rule = f"none of {len(columns[0])} rows is a good bar of a missing slot"
            return "invalid", 0, rule + why
        return "filled" if rows >= gap.bar_count else "partial", rows, why[2:]

    def _call(self, *arguments: Any) -> Any:
        """`fetch`, in a thread of its own, for at most `timeout_seconds`."""
        fetch = self._fetch
        done = threading.Event()
        answer: list[tuple[Any, BaseException | None]] = []

        def run() -> None:
            try:
                answer.append((fetch(*arguments), None))
            except BaseException as error:  # also a SystemExit: it ends a request, and nothing else
                answer.append((None, error))
            finally:
                done.set()

        threading.Thread(target=run, name="sessiondata fetch", daemon=True).start()
        if not done.wait(self._timeout):
            self._hanging.append(done)
            raise TimeoutError
        value, error = answer[0]
        if error is not None:
            raise error if isinstance(error, Exception) else RuntimeError(repr(error))
        return value


def _placeholders(columns: BarColumns) -> Any:
    """Which rows only say that there is none: providers fill them with 0, -1 or NaN. A negative
    price is real, so all values of the row have to say so."""
    _, open_, high, low, close, volume = columns
    same = (open_ == high) & (high == low) & (low == close) & ((open_ == 0.0) | (open_ == -1.0))
    same |= np.isnan(open_) & np.isnan(high) & np.isnan(low) & np.isnan(close)
    none: Any = same & ((volume == 0.0) | (volume == -1.0) | np.isnan(volume))
    return none


def _why(times: Any, n_none: int, unit: str | None) -> str:
    """What else is to be said about the rows of an answer, integers of which count a unit."""
    why = f"; {n_none} rows say that there is none (prices and volume of 0, -1 or NaN)" if n_none else ""
    latest = int(times.max()) // UNIT_NS[unit or "ns"]
    other = plausible_unit(latest) if times.max() < LEAST_START_NS else None
    if other is None:
        return why
    said = "" if unit is None else f" in place of unit={unit!r}"
    return f"{why}; times lie in 1970, as integers of another unit do: unit={other!r}{said}"


def _columns_of(answer: Any, symbol: str, unit: str | None = None) -> tuple[BarColumns, bool]:
    """Six columns of what a provider returned, and whether its times were integers."""
    from sessiondata.rows.frames import frame_columns  # not needed until an answer comes

    is_counted = None
    if isinstance(answer, (BarSeries, BarWindow)):
        answer = (answer.timestamp, answer.open, answer.high, answer.low, answer.close, answer.volume)
    elif isinstance(answer, BarArrays):
        answer = answer[:6]
    elif isinstance(answer, Mapping):
        answer = tuple(answer[name] for name in _NAMES)
    elif hasattr(answer, "columns") or hasattr(answer, "__arrow_c_stream__"):
        *answer, is_counted = frame_columns(answer, symbol, NO_TZ, unit=unit)
        unit = None if isinstance(answer[0], np.ndarray) else unit
    elif not isinstance(answer, (tuple, list, np.ndarray)):  # an empty text, say, confirms nothing
        raise ArgumentTypeError(f"an answer is six columns, a frame or None, not {type(answer).__name__}")
    if len(answer) == 0:
        answer = ((),) * 6
    is_counted = are_counted(answer[0]) if is_counted is None else is_counted
    return bar_columns(*answer, symbol=symbol, unit=unit), is_counted
