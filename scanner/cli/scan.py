"""Look for leaked GitHub credentials in files, directories and git repositories.

A directory is read with everything in it, hidden and ignored files too, and with every repository found in it:
its whole history, its index and its git directory. No link is followed, and no command of a repository is run.

for example:
  unleak scan                       this directory
  unleak scan ~/src --queue         … and hand what is found to the ledger
  unleak scan --format jsonl repo   one JSON line a finding, then one for the summary
  unleak scan https://github.com/OWNER/NAME.git
  git log -p | unleak scan -        standard input
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import nullcontext
from typing import Final

from scanner.cli.deliver import add_options, check, deliver
from scanner.errors import Exit, UsageError
from scanner.output.progress import Progress, wanted
from scanner.pipeline.clones import cloned
from scanner.pipeline.run import Request, Watcher
from scanner.pipeline.run import run as run_scan
from scanner.workers import default_jobs

_MOST_JOBS: Final = 256


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="a file, a directory, a git repository, a clone URL, or - for stdin; default: .",
    )
    reading = parser.add_argument_group("reading")
    reading.add_argument("--no-history", action="store_true", help="files only: nothing of repositories' objects")
    reading.add_argument("--history-only", action="store_true", help="repositories only: no files")
    reading.add_argument("--jobs", type=_jobs, metavar="N", help="how many processes; default: one a processor")
    add_options(parser)


def run(args: Namespace) -> Exit:
    """Scan and deliver."""
    check(args)
    if args.no_history and args.history_only:
        raise UsageError("--no-history and --history-only leave nothing to read", "Give one of them, or neither.")
    with cloned(args.targets or (".",)) as clones:
        request = Request(
            targets=clones.targets,
            history=not args.no_history,
            files=not args.history_only,
            include_failed=args.include_failed,
            jobs=args.jobs or default_jobs(),
        )
        with Progress(color=args.color) if wanted(quiet=args.quiet) else nullcontext(Watcher()) as watcher:
            report = clones.named(run_scan(request, watcher))
    return deliver(report, args)


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_JOBS:
        raise ArgumentTypeError(f"want a whole number from 1 to {_MOST_JOBS}, got {text!r}")
    return int(text)
