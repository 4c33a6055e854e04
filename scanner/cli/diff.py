"""Look for leaked GitHub credentials in what a change adds.

A secret counts when the new side has it and the old side has not.

for example:
  unleak diff                  what is staged, and so what the next commit would add
  unleak diff --staged -- a b  … and of the files a and b those in which nothing is staged, whole
"""

from argparse import ArgumentParser, Namespace

from scanner.cli.deliver import add_options, check, deliver
from scanner.errors import Exit
from scanner.output.summary import plural
from scanner.pipeline.change import run_staged


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--staged", action="store_true", help="what is staged, against HEAD (the default)")
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="after --: files to read whole where nothing of them is staged, as a hook manager hands them over",
    )
    add_options(parser)


def run(args: Namespace) -> Exit:
    """Search what is staged, then the files that are named and not staged, and deliver."""
    check(args)
    read = run_staged(args.files, include_failed=args.include_failed)
    notes = [f"{read.changes:,} staged {plural('change', read.changes)} read"]
    if read.whole:
        notes.append(f"{read.whole:,} {plural('file', read.whole)} read whole, because nothing of them is staged")
    return deliver(read.report, args, notes)
