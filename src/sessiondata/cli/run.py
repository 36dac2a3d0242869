"""One run of the command: files are read and played, and what the user should know is said."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sessiondata.cli.arguments import UsageError
from sessiondata.cli.progress import Display
from sessiondata.errors import CalendarError, InputError, IntervalError

if TYPE_CHECKING:
    from sessiondata.playback.sessions import ReplaySession
    from sessiondata.readers.inputs import InputFile
    from sessiondata.readers.options import ReadOptions
    from sessiondata.readers.table import BarTable

__all__ = ["Run"]

# Counters of a symbol that are worth a message.
_UNUSUAL = ("late", "corrected", "repeated", "off_grid", "too_old", "other_session", "overwritten", "inconsistent")


class Run:
    """One run of all inputs. It yields sessions, and reports and remembers what fails."""

    def __init__(self, args: argparse.Namespace, files: Sequence[InputFile], progress: Display) -> None:
        self._args, self._files, self._progress = args, files, progress
        self.has_failed = False

    def _note(self, text: str) -> None:
        if not self._args.quiet:
            self._progress.say(f"sessiondata: {text}")

    def _fail(self, error: InputError | str) -> None:
        self.has_failed = True
        self._progress.say(f"sessiondata: error: {error}")

    def sessions(self) -> Iterator[ReplaySession]:
        """Play the inputs. Arguments that do not fit them are a UsageError."""
        from sessiondata.cli.demo import replay_demo
        from sessiondata.playback.sessions import DERIVED, replay

        args = self._args
        try:
            if args.demo:
                return iter([replay_demo(DERIVED if args.derive is None else args.derive)])
            return replay(
                self._tables(),
                calendar=args.calendar,
                derive=args.derive,
                interval=args.interval,
                label=args.label or "open",
                date=args.date,
                duplicates=args.duplicates or "error",
                progress=self._progress.update,
                note=self._note,
                on_error=self._fail,
            )
        except (CalendarError, IntervalError) as error:
            raise UsageError(str(error)) from error

    def _tables(self) -> list[BarTable]:
        from sessiondata.readers.bars import read_bars
        from sessiondata.readers.layouts import NotBarsError

        options = _read_options(self._args)
        tables: list[BarTable] = []
        passed_over, refused = _PathsByText(), _PathsByText()
        for done, (path, named) in enumerate(self._files):
            self._progress.update(done, len(self._files), f"reading {path.name}")
            try:
                tables += read_bars(path, options, self._note)
            except InputError as error:
                if named or error.row is not None:
                    self._fail(error)
                else:
                    (passed_over if isinstance(error, NotBarsError) else refused).add(error.rule, error.path, error)
        for rule, paths, errors in refused:
            self._fail(errors[0] if len(errors) == 1 else f"{len(paths)} files, such as {paths[0]}: {rule}")
        for rule, paths, _ in passed_over:
            self._note(f"files passed over: {len(paths)}, such as {paths[0]}: {rule}")
        self._note_remarks(tables)
        return tables

    def _note_remarks(self, tables: Iterable[BarTable]) -> None:
        """Say what the user should know about how files were read; the same sentence only once."""
        alike = _PathsByText()
        for table in tables:
            if table.interval_ns is not None:
                for flag, value in (("--interval", self._args.interval), ("--label", self._args.label)):
                    if value is not None:
                        alike.add(f"{flag} does not apply to LEAN's files, whose format says it", table.path)
            for remark in table.remarks:
                alike.add(remark, table.path)
        for remark, paths, _ in alike:
            self._note(f"{paths[0] if len(paths) == 1 else f'{len(paths)} files, such as {paths[0]}'}: {remark}")

    def note_counters(self, session: ReplaySession) -> None:
        """Say what was unusual about how a session's bars arrived."""
        total: Counter[str] = Counter()
        for symbol in session.data.symbols.values():
            total.update({name: symbol.counters[name] for name in _UNUSUAL})
        unusual = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in total.items() if count)
        if unusual:
            self._note(f"{session.date}: of the bars of {session.interval} were {unusual}")


def _read_options(args: argparse.Namespace) -> ReadOptions:
    from sessiondata.readers.options import ReadOptions

    try:
        return ReadOptions(
            *(args.tz, args.unit, args.price_scale, args.on_bad),
            *(args.epoch, args.symbol_column, args.symbol_from),
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


class _PathsByText:
    """The paths that one and the same sentence is about."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, InputError | None]] = {}

    def add(self, text: str, path: str, error: InputError | None = None) -> None:
        self._found.setdefault(text, {})[path] = error

    def __iter__(self) -> Iterator[tuple[str, list[str], list[Any]]]:
        return ((text, list(found), list(found.values())) for text, found in self._found.items())
