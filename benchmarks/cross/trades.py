"""What contestants are compared by."""

from __future__ import annotations

__all__ = ["Trade", "differing"]

#: (stock, end of the 5m bar in ns, 1 for a cross upwards or -1 for a cross down, that bar's close)
Trade = tuple[str, int, int, float]


def differing(ours: list[Trade], theirs: list[Trade]) -> str:
    """The first difference between two lists of trades, in any order of stocks; empty if there is
    none."""
    mine, other = sorted(ours), sorted(theirs)
    for left, right in zip(mine, other, strict=False):
        if left != right:
            return f"{left} and {right}"
    return "" if len(mine) == len(other) else f"{len(mine)} and {len(other)} trades"
