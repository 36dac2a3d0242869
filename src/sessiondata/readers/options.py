"""What the caller says of a file that the file cannot say itself."""

from __future__ import annotations

from dataclasses import dataclass

from sessiondata.errors import ArgumentError
from sessiondata.time.units import UNIT_NS
from sessiondata.time.zones import to_zone

__all__ = ["ReadOptions"]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a CSV or Parquet file cannot say itself. LEAN's files need no options.

    Attributes
    ----------
    tz : str or None
        Zone of times that carry no offset.
    unit : {"s", "ms", "us", "ns"} or None
        Unit of times that are whole numbers.
    price_scale : float or None
        The number by which the file's prices were multiplied; they are divided by it. None is 1e9
        for Databento's whole numbers and 1 for other files, of which those with prices so high that
        they may be scaled are refused.
    on_bad : {"raise", "skip"}
        Whether a bad row makes the whole file an error, or is left out and counted.
    epoch : {"utc", "local"} or None
        Whole-number times count from 1970-01-01 UTC, or from that date on the clock of `tz`. None
        is UTC, but refused together with `tz`. Columns that are known to count from UTC
        (`ts_event`, `window_start`) do.
    symbol_column : str or None
        Column that names the symbols; None: one of a usual name, else one that can only tell
        instruments apart.
    symbol_from : {"file", "folder"} or None
        What names the symbol of a file without such a column, if no Hive folder does. None: the
        name of the file, its folder if that name is a date.
    """

    tz: str | None = None
    unit: str | None = None
    price_scale: float | None = None
    on_bad: str = "raise"
    epoch: str | None = None
    symbol_column: str | None = None
    symbol_from: str | None = None

    def __post_init__(self) -> None:
        if self.tz is not None:
            to_zone(self.tz)  # raises TimeError, which is a ValueError
        if self.unit is not None and self.unit not in UNIT_NS:
            raise ArgumentError(f"unit must be one of {', '.join(UNIT_NS)}: {self.unit!r}", value=self.unit)
        if self.price_scale is not None and not 1.0 <= self.price_scale < float("inf"):
            raise ArgumentError(
                f"price_scale is a divisor of at least 1, such as 10000 or 1e9: {self.price_scale!r}",
                value=self.price_scale,
            )
        if self.on_bad not in ("raise", "skip"):
            raise ArgumentError(f"on_bad must be 'raise' or 'skip': {self.on_bad!r}", value=self.on_bad)
        if self.epoch not in (None, "utc", "local"):
            raise ArgumentError(f"epoch must be 'utc' or 'local': {self.epoch!r}", value=self.epoch)
        if self.epoch == "local" and self.tz is None:
            raise ArgumentError("epoch 'local' needs a tz, whose clock is meant: --tz")
        if self.symbol_from not in (None, "file", "folder"):
            raise ArgumentError(f"symbol_from must be 'file' or 'folder': {self.symbol_from!r}", value=self.symbol_from)
