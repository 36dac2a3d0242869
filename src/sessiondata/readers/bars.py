"""Bars of one file: LEAN zip, CSV or Parquet.

Whatever a file leaves open is asked for, never guessed: the unit of whole-number times (`unit`),
the zone of times without an offset (`tz`), what names the symbol (`symbol_from`, `symbol_column`),
the factor of scaled prices (`price_scale`). Four things are known by name: LEAN's folders say type,
market and resolution; Hive folders (``symbol=SPY``) say the symbol; a column `window_start`
(Polygon) or `ts_event` (Databento) of whole numbers counts nanoseconds; whole-number prices beside
`ts_event` and `rtype` are Databento's, of 1e-9 each.

    path --> `inputs` --> `lean`   --+--> `text`    --+
                          `csv`    --+                +--> `blocks` --> one `BarTable` per symbol
                          `parquet`  ----------------+

All formats meet in `blocks`: times, five columns of values, and the row numbers they came from. The
checks of a bar run there, so a bad one is reported in the same way for each format: path, row,
value and rule. `times` converts times; none passes through a float.

NumPy is enough for LEAN and CSV. pyarrow is imported when a Parquet file is read.
"""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sessiondata.errors import InputError
from sessiondata.readers.csv import read_csv
from sessiondata.readers.inputs import FORMAT_RULE, file_format
from sessiondata.readers.layouts import NotBarsError
from sessiondata.readers.lean import read_lean
from sessiondata.readers.options import ReadOptions
from sessiondata.readers.parquet import read_parquet
from sessiondata.readers.table import BarTable
from sessiondata.readers.types import Note

__all__ = ["read_bars"]


def read_bars(path: str | Path, options: ReadOptions | None = None, note: Note | None = None) -> list[BarTable]:
    """Read all bars of one file.

    Parameters
    ----------
    path : path
        A LEAN zip in LEAN's folders
        (``<type>/<market>/<resolution>/<ticker>/<yyyymmdd>_<trade|quote>.zip``), a CSV file with a
        header (``.csv``, ``.csv.gz``) or a Parquet file.
    options : ReadOptions, optional
    note : callable, optional
        Called with a sentence about rows that were left out (``on_bad="skip"``).

    Returns
    -------
    list of BarTable
        One per symbol, in order of first appearance. Rows keep the order of the file. Never empty.

    Raises
    ------
    InputError
        Naming path and row (for a zip ``path!member:row``), value and rule. Rows of text are
        1-based lines, those of Parquet are counted from 0.
    NotBarsError
        An InputError for a file that holds something else: ticks, days, other columns.

    Notes
    -----
    LEAN quote bars (forex) become bars of the middle between bid and ask, with volume 0.
    A CSV or Parquet file without a symbol column holds the symbol of its Hive folder, else of its
    name: ``spy.csv.gz`` is SPY. Where that name is a date, the folder names the symbol.
    """
    path = Path(path)
    options = options or ReadOptions()
    with _file_errors(path):
        path.stat()  # a missing file is a better message than an unknown ending
        if path.is_dir():
            os.scandir(path).close()  # and so is a folder that cannot be listed
            raise NotBarsError("no file of bars is below this folder", path=str(path))
        read = _READERS.get(file_format(path) or "")
        if read is None:
            raise NotBarsError(FORMAT_RULE, path=str(path))
        return read(path, options, note or _silent)


def _silent(_: str) -> None:
    pass


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Turn what Python raises for an unreadable file into an InputError."""
    try:
        yield
    except EOFError as error:
        raise InputError("the file is cut off", path=str(path)) from error
    except (gzip.BadGzipFile, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"the compressed data is damaged ({error})", path=str(path)) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path=str(path)) from error


_READERS: dict[str, Callable[[Path, ReadOptions, Note], list[BarTable]]] = {
    ".zip": read_lean,
    ".csv": read_csv,
    ".csv.gz": read_csv,
    ".parquet": read_parquet,
}
