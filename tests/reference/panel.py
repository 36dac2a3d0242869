"""A panel: one value of many symbols on one axis of times."""

from __future__ import annotations

from collections.abc import Sequence

Series = Sequence[tuple[int, float]]  # (ts, value), ascending


def panel(
    symbols: Sequence[Series], n: int, fill: bool
) -> tuple[list[int], list[list[float | None]], list[list[bool]]]:
    """Axis, rows of values (None: there is none) and of "there is no bar" of the newest `n` times.

    With `fill` a value that is not there is that of the bar before, if it is among the newest `n`
    of its symbol.
    """
    newest = [list(series)[-n:] for series in symbols]
    axis = sorted({ts for series in newest for ts, _ in series})[-n:]
    values, mask = [], []
    for series in newest:
        held = dict(series)
        row: list[float | None] = []
        for ts in axis:
            before = [value for at, value in series if at <= ts]
            row.append(held[ts] if ts in held else before[-1] if fill and before else None)
        values.append(row)
        mask.append([ts not in held for ts in axis])
    return axis, values, mask
