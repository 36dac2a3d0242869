"""The command line: ``sessiondata replay INPUT...`` shows what a store makes of real files.

Data goes to stdout, everything said about it to stderr. argparse alone is imported for ``--help``;
readers, NumPy and the compiled modules follow when there is something to do.
"""

from __future__ import annotations

import argparse
import datetime as dt
import stat
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from sessiondata.cli.streams import StdoutError, open_missing_stderr, say, write_stdout, writing_stdout
from sessiondata.errors import CalendarError, InputError, IntervalError
from sessiondata.time.intervals import check_intervals, parse_interval

if TYPE_CHECKING:
    from sessiondata.playback.sessions import ReplaySession
    from sessiondata.readers.inputs import InputFile
    from sessiondata.readers.options import ReadOptions
    from sessiondata.readers.table import BarTable
    from sessiondata.rows.gap import GapInfo

__all__ = ["main"]

# Counters of a symbol that are worth a word.
_UNUSUAL = ("late", "corrected", "repeated", "off_grid", "too_old", "other_session", "overwritten", "inconsistent")

# 70 is what sysexits.h calls an internal software error. The last two are 128 and the number of a
# signal, as a shell reports a tool that SIGINT or SIGPIPE has ended.
OK, FINDINGS, USAGE, INPUT_FAILED, FAULT, INTERRUPTED, READER_LEFT = 0, 1, 2, 3, 70, 130, 141

_DESCRIPTION = """\
Play files of bars into one store per trade date and show what came of it.

INPUT is a LEAN zip (in LEAN's folders), a CSV file with a header (.csv,
.csv.gz), a Parquet file, or a folder, of which every such file is read.
Start with --demo, which needs no file.
"""

_EPILOG = """\
columns of the table:
  bars      rows of the interval, those outside trading hours included
  expected  bars that trading hours call for, up to the end of the newest bar
            of any symbol in the session
  missing   expected bars that are not there, in so many gaps
  quality   100 * (expected - missing) / expected, rounded down

two readings:
  A file that can be read in two ways is refused, with the flag that chooses:
  --duplicates   rows of one symbol with equal times and different values
  --symbol-from  files of one name in different folders
  --interval     stamps off the steps of the others; files spaced as another
                 usual interval than the rest
  --unit         whole-number times before 1990 where another unit fits
  --on-bad       whole-number times before 1990 among later ones, or 0 alone
  --epoch        whole-number times together with --tz
  --price-scale  whole-number prices of nine digits and more

output:
  The table, or with --json the documents, go to stdout; messages and progress
  go to stderr. --json and --out write one JSON document for one session, and
  one document per line for several. --csv writes a row for each step of each
  symbol, of all sessions, to compare runs by.

exit status:
  0  all went well
  1  --fail-under found a quality below its limit
  2  the command line makes no sense, or the output cannot be written
  3  an input could not be read or has two readings, or there was nothing to
     play; the other inputs were still played
  70   a fault of this program, with a traceback on stderr
  130  Ctrl-C ended it
  141  whoever read stdout closed it early, as head does

  --out and --csv leave a complete file or none. Messages that stderr cannot
  take are dropped; the status stays.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; those of the process by default.

    Returns
    -------
    int
        Exit status, as ``--help`` says.

    Raises
    ------
    SystemExit
        As argparse does: after ``--help`` and ``--version``, and with status 2 for bad arguments.
    """
    open_missing_stderr()
    try:
        args = _parsed(argv)
        for stream in (sys.stdout, sys.stderr):
            # a symbol that the terminal's encoding lacks must not end the run
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        _check(args)
        return _replay(args)
    except _UsageError as error:
        _say(f"error: {error}")
        return USAGE
    except StdoutError as error:
        if error.has_left:  # it has seen enough
            return READER_LEFT
        _say(f"error: the output cannot be written: {error}")
        return USAGE
    except OSError as error:
        _say(f"error: the output cannot be written: {error}")
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:  # Python would end with 1, which says something else here
        import traceback

        say(traceback.format_exc(), end="")
        _say("error: this is a fault of the program; please report it with the lines above")
        return FAULT


class _UsageError(Exception):
    """Arguments that only turn out to make no sense after parsing."""


def _say(text: str) -> None:
    say(f"sessiondata: {text}")


# --- arguments ------------------------------------------------------------------------------------


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    try:
        return _parser().parse_args(argv)
    except SystemExit:
        say("", end="")  # argparse does not see that stderr takes nothing
        raise


class _Parser(argparse.ArgumentParser):
    """Tells when its help cannot be printed, which argparse passes over."""

    def print_help(self, file: Any = None) -> None:
        if file is None:
            with writing_stdout():
                print(self.format_help(), end="")
        else:
            super().print_help(file)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="sessiondata", description="In-memory store of intraday market sessions.")
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "replay",
        help="play files of bars into a store and show what came of it",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add("inputs", nargs="*", metavar="INPUT", help="file or folder")
    add("--demo", action="store_true", help="play a made-up day instead of files")
    _add_session_options(command.add_argument_group("what is played").add_argument)
    _add_file_options(command.add_argument_group("what CSV and Parquet files cannot say").add_argument)
    _add_output_options(command.add_argument_group("what comes out"))
    return parser


def _add_session_options(add: Any) -> None:
    add(
        "--calendar",
        metavar="NAME",
        help="trading hours: XNYS, CMES, 24/7, forex ... (default: LEAN's market, else 24/7)",
    )
    add("--date", type=_date, metavar="DATE", help="this trade date only, as YYYY-MM-DD")
    add(
        "--derive",
        type=_intervals,
        metavar="LIST",
        help="derived intervals, such as 5m,15m,1h,1d (default: those of these four that the bars can be folded to)",
    )


def _add_file_options(add: Any) -> None:
    add("--interval", type=_base_interval, help="length of a bar, such as 1m (default: the common step of the times)")
    add("--tz", metavar="ZONE", help="zone of times without an offset, such as America/New_York")
    add("--unit", choices=("s", "ms", "us", "ns"), help="unit of times that are whole numbers")
    add(
        "--epoch",
        choices=("utc", "local"),
        help="whole-number times count from 1970 UTC, or from 1970 on the clock of --tz (needed with --tz; else utc)",
    )
    add("--label", choices=("open", "close"), help="which end of a bar its time names (default: open)")
    add(
        "--price-scale",
        type=float,
        metavar="N",
        help="divide prices by N, such as 10000 or 1e9 (default: 1e9 for Databento's whole numbers, else 1)",
    )
    add("--symbol-column", metavar="NAME", help="column that names the symbols (default: symbol, ticker or sym)")
    add(
        "--symbol-from",
        choices=("file", "folder"),
        help="what names the symbol of a file without such a column (default: the file, or the folder of one that is"
        " named by a date)",
    )
    add(
        "--duplicates",
        choices=("error", "last", "first"),
        help="of rows of one symbol with equal times and different values the last or the first one stands"
        " (default: error, which fails their files)",
    )


def _add_output_options(group: Any) -> None:
    add = group.add_argument
    form = group.add_mutually_exclusive_group()
    form.add_argument("--gaps", action="store_true", help="list the ranges of missing bars under the table")
    form.add_argument("--json", action="store_true", help="print the documents and nothing else")
    add("--out", type=Path, metavar="FILE", help="write the documents to FILE, completely or not at all")
    add("--csv", type=Path, metavar="FILE", help="write all steps to FILE as CSV, completely or not at all")
    add("--fail-under", type=_percentage, metavar="QUALITY", help="exit with 1 if a quality is below, such as 99.5")
    add(
        "--on-bad",
        choices=("raise", "skip"),
        default="raise",
        help="a bad row fails its file, or is left out and counted (default: raise)",
    )
    add("--quiet", action="store_true", help="no messages but errors, no progress")


class _Version(argparse.Action):
    """Looks the version up when it is asked for, not at each start."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from sessiondata import __version__

        with writing_stdout():
            print(f"sessiondata {__version__}")
        parser.exit()


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a date as YYYY-MM-DD: {text!r}") from None


def _base_interval(text: str) -> str:
    try:
        return check_intervals(text)[0].name
    except IntervalError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _intervals(text: str) -> tuple[str, ...]:
    try:
        return tuple(parse_interval(part.strip()).name for part in text.split(","))
    except IntervalError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _percentage(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"not a number from 0 to 100: {text!r}")
    return value


def _check(args: argparse.Namespace) -> None:
    if not args.inputs and not args.demo:
        raise _UsageError("INPUT or --demo is needed; 'sessiondata replay --help' tells more")
    if args.demo:
        others = (
            *("calendar", "date", "interval", "tz", "unit", "epoch", "label", "price_scale"),
            *("symbol_column", "symbol_from", "duplicates"),
        )
        given = ["INPUT"] if args.inputs else []
        given += ["--" + name.replace("_", "-") for name in others if getattr(args, name) is not None]
        if given:
            raise _UsageError(f"--demo goes without {', '.join(given)}")
    if sys.stdout is None:
        raise _UsageError("the output cannot be written: stdout is closed")


def _check_outputs(args: argparse.Namespace, files: Iterable[InputFile]) -> None:
    """See that no output takes the place of an input or of the other output."""
    from sessiondata.atomic import file_identity

    taken = {file_identity(path): f"the input {path}" for path, _ in files}
    for option, path in (("--out", args.out), ("--csv", args.csv)):
        if path is None or _is_device(path):  # what goes to a device replaces nothing
            continue
        place = file_identity(path)
        if place in taken:
            raise _UsageError(f"{option} {path} would overwrite {taken[place]}")
        taken[place] = f"what {option} writes"


def _is_device(path: Path) -> bool:
    with suppress(OSError, ValueError):
        return stat.S_ISCHR(path.stat().st_mode)
    return False


# --- replay ---------------------------------------------------------------------------------------


def _replay(args: argparse.Namespace) -> int:
    """Play everything, print it, and say how it went."""
    from sessiondata.readers.inputs import find_inputs

    files = find_inputs(args.inputs, None if args.quiet else _say)
    _check_outputs(args, files)
    rows: list[_Row] = []
    with _progress(args.quiet) as progress, _written(args.out) as out, _written(args.csv) as steps:
        run = _Run(args, files, progress)
        for n_before, session in enumerate(run.sessions()):
            if args.json or out:
                _write_document(session.data.to_json() + b"\n", out, args.json)
            if steps:
                _write_steps(session, steps, with_header=n_before == 0)
            rows += _rows(session, args.gaps)
            run.note_counters(session)
    if not rows:
        _say("error: there was nothing to play")
        return INPUT_FAILED
    if not args.json:
        with writing_stdout():
            print("\n".join((*_table(rows), *_gap_lines(rows))))
    has_findings = args.fail_under is not None and _report_below(rows, args.fail_under)
    return INPUT_FAILED if run.has_failed else FINDINGS if has_findings else OK


def _write_document(document: bytes, out: IO[bytes] | None, to_stdout: bool) -> None:
    if out:
        out.write(document)
    if to_stdout:
        write_stdout(document)


def _written(path: Path | None) -> AbstractContextManager[IO[bytes] | None]:
    from sessiondata.atomic import written

    return nullcontext() if path is None else written(path)


def _write_steps(session: ReplaySession, out: IO[bytes], *, with_header: bool) -> None:
    from sessiondata.export.csv import csv_pieces

    for text, _ in csv_pieces(session.data, None, with_header=with_header):
        out.write(text)


class _Alike:
    """Paths by what is to be said of each."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, InputError | None]] = {}

    def add(self, text: str, path: str, error: InputError | None = None) -> None:
        self._found.setdefault(text, {})[path] = error

    def __iter__(self) -> Iterator[tuple[str, list[str], list[Any]]]:
        return ((text, list(found), list(found.values())) for text, found in self._found.items())


class _Run:
    """One run over the inputs: sessions come out, what fails on the way is told and remembered."""

    def __init__(self, args: argparse.Namespace, files: Sequence[InputFile], progress: _Progress) -> None:
        self._args, self._files, self._progress = args, files, progress
        self.has_failed = False

    def _note(self, text: str) -> None:
        if not self._args.quiet:
            self._progress.say(f"sessiondata: {text}")

    def _fail(self, error: InputError | str) -> None:
        self.has_failed = True
        self._progress.say(f"sessiondata: error: {error}")

    def sessions(self) -> Iterator[ReplaySession]:
        """Play the inputs; arguments that do not fit them are a _UsageError."""
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
                progress=self._progress.show,
                note=self._note,
                on_error=self._fail,
            )
        except (CalendarError, IntervalError) as error:
            raise _UsageError(str(error)) from error

    def _tables(self) -> list[BarTable]:
        from sessiondata.readers.bars import read_bars
        from sessiondata.readers.layouts import NotBarsError

        options = _read_options(self._args)
        tables: list[BarTable] = []
        passed_over, refused = _Alike(), _Alike()
        for done, (path, named) in enumerate(self._files):
            self._progress.show(done, len(self._files), f"reading {path.name}")
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
        """Tell how files were read, where a word is due; what is said of many is said once."""
        alike = _Alike()
        for table in tables:
            if table.interval_ns is not None:
                for flag, value in (("--interval", self._args.interval), ("--label", self._args.label)):
                    if value is not None:
                        alike.add(f"{flag} does not apply to LEAN's files, whose format says it", table.path)
            for remark in table.remarks:
                alike.add(remark, table.path)
        for remark, sources, _ in alike:
            self._note(
                f"{sources[0] if len(sources) == 1 else f'{len(sources)} files, such as {sources[0]}'}: {remark}"
            )

    def note_counters(self, session: ReplaySession) -> None:
        """Tell what was unusual about the arrival of a session's bars."""
        total: Counter[str] = Counter()
        for symbol in session.data.symbols.values():
            total.update({name: symbol.counters[name] for name in _UNUSUAL})
        told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in total.items() if count)
        if told:
            self._note(f"{session.date}: of the bars of {session.interval} were {told}")


def _read_options(args: argparse.Namespace) -> ReadOptions:
    from sessiondata.readers.options import ReadOptions

    try:
        return ReadOptions(
            *(args.tz, args.unit, args.price_scale, args.on_bad),
            *(args.epoch, args.symbol_column, args.symbol_from),
        )
    except ValueError as error:
        raise _UsageError(str(error)) from error


# --- table ----------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """A line of the table, and the gaps to list under it."""

    date: str
    symbol: str
    interval: str
    bars: int
    expected: int
    missing: int
    gaps: int
    ranges: tuple[str, ...]

    @property
    def quality(self) -> str:
        """In whole hundredths, rounded down: 100.00 says that nothing is missing."""
        hundredths = 10_000 * (self.expected - self.missing) // self.expected if self.expected else 10_000
        return f"{hundredths // 100}.{hundredths % 100:02d}"

    def is_below(self, limit: float) -> bool:
        return 100 * (self.expected - self.missing) < limit * self.expected


def _rows(session: ReplaySession, with_ranges: bool) -> Iterator[_Row]:
    for name, symbol in session.data.symbols.items():
        for interval in symbol.intervals:
            bars = symbol.bars(interval)
            gaps = bars.gaps
            ranges = tuple(_range(gap, session.date) for gap in gaps) if with_ranges else ()
            counts = len(bars), bars.expected, bars.missing, len(gaps)
            yield _Row(str(session.date), name, interval, *counts, ranges)


def _range(gap: GapInfo, date: dt.date) -> str:
    """First and last missing bar in local time, with the day where it is not the trade date."""
    first, last = (
        f"{time:%H:%M:%S}" if time.date() == date else f"{time:%Y-%m-%d %H:%M:%S}"
        for time in (gap.start_time, gap.end_time)
    )
    return f"{first} to {last}, {gap.bar_count} bars" if gap.bar_count > 1 else f"{first}, 1 bar"


def _table(rows: Sequence[_Row]) -> Iterator[str]:
    head = ("date", "symbol", "interval", "bars", "expected", "missing", "gaps", "quality")
    lines = [head, *((*map(str, row[:7]), row.quality) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            text.ljust(width) if k < 3 else text.rjust(width)
            for k, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells)


def _gap_lines(rows: Iterable[_Row]) -> Iterator[str]:
    for row in rows:
        if row.ranges:
            yield ""
            yield f"missing of {row.symbol} {row.interval} on {row.date}:"
            yield from (f"  {text}" for text in row.ranges)


def _report_below(rows: Sequence[_Row], limit: float) -> bool:
    below = [row for row in rows if row.is_below(limit)]
    if below:
        worst = min(below, key=lambda row: (row.expected - row.missing) / row.expected)
        _say(
            f"{len(below)} of {len(rows)} qualities are below {limit:g};"
            f" the lowest is {worst.quality} of {worst.symbol} {worst.interval} on {worst.date}"
        )
    return bool(below)


# --- progress -------------------------------------------------------------------------------------


class _Progress:
    """Tells nothing of the progress, and passes messages on: stderr is no terminal, or quiet was
    asked for."""

    def show(self, done: int, total: int, what: str) -> None:
        pass

    def say(self, text: str) -> None:
        say(text)


class _PlainProgress(_Progress):
    """One line that is written over, ten times a second at most."""

    def __init__(self) -> None:
        self._width, self._next = 0, 0.0

    def show(self, done: int, total: int, what: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.1
            self._put(f"{what}: {done} of {total}")

    def say(self, text: str) -> None:
        self.clear()
        super().say(text)

    def clear(self) -> None:
        if self._width:
            self._put("")
            say("\r", end="")

    def _put(self, text: str) -> None:
        say("\r" + text[:79].ljust(self._width), end="")
        self._width = min(len(text), 79)


class _RichProgress(_Progress):
    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None)

    def show(self, done: int, total: int, what: str) -> None:
        self._bar.update(self._task, description=what, completed=done, total=total)

    def say(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _progress(quiet: bool) -> Iterator[_Progress]:
    """The best progress display that stderr can show."""
    if quiet or not sys.stderr.isatty():
        yield _Progress()
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        plain = _PlainProgress()
        yield plain
        plain.clear()
        return
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _RichProgress(bar)
