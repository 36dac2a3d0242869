"""The command line: ``sessiondata replay INPUT...`` shows what a store makes of real files.

Data goes to stdout, messages go to stderr. Only argparse is imported for ``--help``; readers, NumPy
and the compiled modules follow when there is something to do.
"""

from __future__ import annotations

import argparse
import stat
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sessiondata.cli.arguments import UsageError, check_arguments, parse
from sessiondata.cli.progress import open_progress
from sessiondata.cli.run import Run
from sessiondata.cli.streams import StdoutError, open_missing_stderr, say, write_stdout, writing_stdout
from sessiondata.cli.table import TableRow, format_gaps, format_table, lowest_below, rows_of

if TYPE_CHECKING:
    from sessiondata.playback.sessions import ReplaySession
    from sessiondata.readers.inputs import InputFile

__all__ = ["main"]

# 70 is what sysexits.h calls an internal software error. The last two are 128 and the number of a
# signal, as a shell reports a tool that SIGINT or SIGPIPE has ended.
OK, FINDINGS, USAGE, INPUT_FAILED, FAULT, INTERRUPTED, READER_LEFT = 0, 1, 2, 3, 70, 130, 141


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
        args = parse(argv)
        for stream in (sys.stdout, sys.stderr):
            # a symbol that the terminal's encoding lacks must not end the run
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        check_arguments(args)
        return _replay(args)
    except UsageError as error:
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


def _say(text: str) -> None:
    say(f"sessiondata: {text}")


def _replay(args: argparse.Namespace) -> int:
    """Play everything, print it, and say how it went."""
    from sessiondata.readers.inputs import find_inputs

    files = find_inputs(args.inputs, None if args.quiet else _say)
    _check_outputs(args, files)
    rows: list[TableRow] = []
    with open_progress(args.quiet) as progress, _written(args.out) as out, _written(args.csv) as steps:
        run = Run(args, files, progress)
        for n_before, session in enumerate(run.sessions()):
            if args.json or out:
                _write_document(session.data.to_json() + b"\n", out, args.json)
            if steps:
                _write_steps(session, steps, with_header=n_before == 0)
            rows += rows_of(session, args.gaps)
            run.note_counters(session)
    if not rows:
        _say("error: there was nothing to play")
        return INPUT_FAILED
    if not args.json:
        with writing_stdout():
            print("\n".join((*format_table(rows), *format_gaps(rows))))
    below = None if args.fail_under is None else lowest_below(rows, args.fail_under)
    if below is not None:
        _say(below)
    has_findings = below is not None
    return INPUT_FAILED if run.has_failed else FINDINGS if has_findings else OK


def _check_outputs(args: argparse.Namespace, files: Iterable[InputFile]) -> None:
    """Refuse an output that would replace an input or the other output."""
    from sessiondata.atomic import file_identity

    in_use = {file_identity(path): f"the input {path}" for path, _ in files}
    for option, path in (("--out", args.out), ("--csv", args.csv)):
        if path is None or _is_device(path):  # what goes to a device replaces nothing
            continue
        place = file_identity(path)
        if place in in_use:
            raise UsageError(f"{option} {path} would overwrite {in_use[place]}")
        in_use[place] = f"what {option} writes"


def _is_device(path: Path) -> bool:
    with suppress(OSError, ValueError):
        return stat.S_ISCHR(path.stat().st_mode)
    return False


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
