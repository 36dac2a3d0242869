"""What threads of the tests have in common."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import sessiondata as sd
from sessiondata import jit
from stress import DAY_NS, SECOND, STOP, WRITTEN

numba = pytest.importorskip("numba")
# By default a few seconds; `python tests/store/stress.py` is the long run.
SECONDS = float(os.environ.get("SESSIONDATA_STRESS_SECONDS", "1.5"))


def new_symbol(**options: Any) -> tuple[sd.SessionData, sd.SymbolSessionData]:
    data = sd.SessionData(None, "1s", ("1m", "5m"), **options)
    data.start_session("2023-11-15")
    return data, data.register_symbol("SPY")


def together(*works: Callable[[], Any], until: Callable[[], bool] | None = None, flags: Any = None) -> list[Any]:
    """Results of functions that run at the same time in threads; an exception of one is raised
    here."""
    results: list[Any] = [None] * len(works)
    barrier = threading.Barrier(len(works))

    def call(i: int) -> None:
        barrier.wait()
        try:
            results[i] = works[i]()
        except BaseException as error:  # shown by the main thread
            results[i] = error
            if flags is not None:
                flags[STOP] = 1

    # Compiled loops go on until they are told to stop: as daemons they do not keep a run that has
    # failed from ending.
    threads = [threading.Thread(target=call, args=(i,), daemon=True) for i in range(len(works))]
    for thread in threads:
        thread.start()
    if until is not None:
        limit = time.perf_counter() + 30.0
        while not until() and time.perf_counter() < limit:
            time.sleep(0.005)
        flags[STOP] = 1
    for thread in threads:
        thread.join(60.0)
        assert not thread.is_alive()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


@numba.njit(nogil=True)
def write_with_holes(handle: int, flags: Any, n: int, pause: int) -> int:
    """Every third second is missing, and every second one of those comes late; when all have come,
    corrections of the newest ones, for ever. A bar is i or 1e6 + i in all its columns. In between
    the writer repeats itself: compilers leave out a loop that does nothing."""
    i, add = 0, 0.0
    while flags[STOP] == 0:
        late = i - 150
        if i % 3 != 1:
            x = i + add
            jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x)
            for _ in range(pause):
                jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x)
        elif late >= 0 and late % 2 and add == 0.0:
            x = float(late)
            jit.append(handle, DAY_NS + late * SECOND, x, x, x, x, x)
        i += 1
        flags[WRITTEN] = i
        if i >= n:
            i, add = n - 300, 1e6 - add
    return i


@numba.njit(nogil=True)
def write_every(handle: int, first: int, step: int, n: int, counts: Any) -> None:
    """Append bars first, first + step ... below n; count what became of them."""
    for i in range(first, n, step):
        x = float(i)
        status = jit.append(handle, DAY_NS + i * SECOND, x, x, x, x, x)
        counts[status if status >= 0 else 7] += 1
