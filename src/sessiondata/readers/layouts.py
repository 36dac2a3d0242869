"""Which column of a file is which, by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sessiondata.errors import InputError
from sessiondata.readers.naming import INSTRUMENT_COLUMNS
from sessiondata.rows.columns import ALIASES

__all__ = ["ColumnNames", "NotBarsError", "find_columns"]

_VALUES = ("open", "high", "low", "close", "volume")
_READ = frozenset([*(alias for names in ALIASES.values() for alias in names), *INSTRUMENT_COLUMNS])


class NotBarsError(InputError):
    """A file that is not meant to hold intraday bars. It is an error where the user named it, and
    is passed over in a folder."""


class ColumnNames(NamedTuple):
    """The columns of a file, by what they are of a bar."""

    time: tuple[str, ...]
    values: tuple[str, ...]
    symbol: str | None
    is_fixed_point: bool  # a file of Databento's, whose whole-number prices are 1e-9 each
    others: tuple[str, ...]  # columns that are not read, of a file without a column of symbols


def find_columns(
    found: Sequence[str], symbol_column: str | None, path: str, remark: Callable[[str], None]
) -> ColumnNames:
    """Match the columns of a file with the usual names, ignoring case and surrounding blanks.

    Parameters
    ----------
    found : sequence of str
        The names that the file has.
    symbol_column : str or None
        Column that names symbols, if the caller says it. The file may lack it, since a Hive folder
        may have it as its key.
    path : str
        Path of the file, for messages.
    remark : callable
        Called with a sentence about a choice that was made by rule.

    Raises
    ------
    NotBarsError
        Columns are missing.
    InputError
        Several columns may be one.
    """
    by_alias: dict[str, str] = {}
    twice = [name for name in found if by_alias.setdefault(name.strip().lower(), name) is not name]
    chosen = {role: [by_alias[alias] for alias in names if alias in by_alias] for role, names in ALIASES.items()}
    _check_values(chosen, found, path)
    for name in twice:
        if name.strip().lower() in (*_READ, (symbol_column or "").strip().lower()):
            raise InputError("a column name stands twice", path=path, value=name)
    if symbol_column is not None:
        symbol = by_alias.get(symbol_column.strip().lower())
    else:
        symbol = _symbol(by_alias, chosen["symbol"], path, remark)
    used = {*chosen["time"], *(chosen[name][0] for name in _VALUES), symbol}
    return ColumnNames(
        time=_time(chosen["time"], remark),
        values=tuple(chosen[name][0] for name in _VALUES),
        symbol=symbol,
        is_fixed_point={"ts_event", "rtype"} <= by_alias.keys(),
        others=tuple(name for name in found if name not in used and name.strip()) if symbol is None else (),
    )


def _check_values(chosen: dict[str, list[str]], found: Sequence[str], path: str) -> None:
    missing = [role for role in ("time", *_VALUES) if not chosen[role]]
    if missing:
        needed = "; ".join(f"{role} ({', '.join(ALIASES[role])})" for role in missing)
        raise NotBarsError(f"columns are missing: {needed}. The file has", path=path, value=list(found))
    for role in _VALUES:
        if len(chosen[role]) > 1:
            rule = f"several columns may be the {role}: rename those that are not"
            raise InputError(rule, path=path, value=chosen[role])


def _time(found: Sequence[str], remark: Callable[[str], None]) -> tuple[str, ...]:
    if len(found) == 2 and {name.strip().lower() for name in found} == {"date", "time"}:
        return found[1], found[0]
    if len(found) > 1:
        remark(f"times are read from column {found[0]!r}, and not from {', '.join(map(repr, found[1:]))}")
    return (found[0],)


def _symbol(by_alias: dict[str, str], usual: Sequence[str], path: str, remark: Callable[[str], None]) -> str | None:
    """The column that names symbols; None if there is none, and the path is asked."""
    found = usual or [by_alias[name] for name in INSTRUMENT_COLUMNS if name in by_alias]
    if len(found) > 1:
        raise InputError("several columns may name the symbol: pass --symbol-column", path=path, value=found)
    if not found:
        return None
    if not usual:
        remark(f"symbols are read from column {found[0]!r}; --symbol-column says otherwise")
    return found[0]
