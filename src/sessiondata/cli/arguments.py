"""Arguments of the command line: what there is, what it means, and what goes together."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sessiondata.cli.streams import say, writing_stdout
from sessiondata.errors import IntervalError
from sessiondata.time.intervals import check_intervals, parse_interval

__all__ = ["EPILOG", "UsageError", "check_arguments", "parse"]

_DESCRIPTION = """\
Play files of bars into one store per trade date and show what came of it.

INPUT is a LEAN zip (in LEAN's folders), a CSV file with a header (.csv,
.csv.gz), a Parquet file, or a folder, of which every such file is read.
Start with --demo, which needs no file.
"""

EPILOG = """\
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


class UsageError(Exception):
    """Arguments that make no sense, which parsing alone cannot find out."""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse arguments. A `SystemExit` as of argparse."""
    try:
        return _parser().parse_args(argv)
    except SystemExit:
        say("", end="")  # argparse does not notice that stderr cannot be written
        raise


class _Parser(argparse.ArgumentParser):
    """Raises where its help cannot be printed, which argparse ignores."""

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
        epilog=EPILOG,
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
    """Prints the version. It is looked up here, and not at each start."""

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


def check_arguments(args: argparse.Namespace) -> None:
    """Refuse arguments that do not go together."""
    if not args.inputs and not args.demo:
        raise UsageError("INPUT or --demo is needed; see 'sessiondata replay --help'")
    if args.demo:
        others = (
            *("calendar", "date", "interval", "tz", "unit", "epoch", "label", "price_scale"),
            *("symbol_column", "symbol_from", "duplicates"),
        )
        passed = ["INPUT"] if args.inputs else []
        passed += ["--" + name.replace("_", "-") for name in others if getattr(args, name) is not None]
        if passed:
            raise UsageError(f"--demo goes without {', '.join(passed)}")
    if sys.stdout is None:
        raise UsageError("the output cannot be written: stdout is closed")
