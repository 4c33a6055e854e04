"""Look for leaked GitHub credentials in what a change adds.

A secret counts when the new side has it and the old side has not. Both are read as git stores them, and line numbers
are those of the new file. Of A...B it is what B adds to where they parted; of a merge, what none of its parents has.

for example:
  unleak diff                  what is staged, and so what the next commit would add
  unleak diff --staged -- a b  … and of the files a and b those in which nothing is staged, whole
  unleak diff --unstaged       what has been edited and not been staged
  unleak diff main...topic     what a branch adds
  unleak diff HEAD             what the last commit has added
  git diff | unleak diff -     a patch, git's or a plain unified one
"""

from argparse import Namespace

from scanner.cli.deliver import add_options, check, deliver
from scanner.cli.options import Parser
from scanner.errors import Exit, UsageError
from scanner.output.summary import plural

_STDIN = "-"


def configure(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "range", nargs="?", metavar="RANGE", help="A..B, A...B or a commit; or - for a patch on standard input"
    )
    parser.add_argument("--staged", action="store_true", help="what is staged, against HEAD (the default)")
    parser.add_argument("--unstaged", action="store_true", help="what the worktree has, against the index")
    parser.take_after_dashes("files", "[OPTION ...] [RANGE | -] [-- FILE ...]")
    add_options(parser)


def run(args: Namespace) -> Exit:
    """Search what is asked for, and deliver."""
    check(args)
    if args.staged + args.unstaged + (args.range is not None) > 1:
        raise UsageError("want one of --staged, --unstaged and a range", "'unleak diff --help' shows them.")
    if args.files and (args.unstaged or args.range is not None):
        raise UsageError("files can be given with --staged only", "'unleak diff --help' shows how.")
    if args.range == _STDIN:
        return _patch(args)
    from scanner.pipeline import change  # noqa: PLC0415 - a patch needs no git

    if args.unstaged:
        read = change.run_unstaged(include_failed=args.include_failed)
        word = "file with unstaged changes", "files with unstaged changes"
    elif args.range is not None:
        read = change.run_range(args.range, include_failed=args.include_failed)
        word = "change", "changes"
    else:
        read = change.run_staged(args.files, include_failed=args.include_failed)
        word = "staged change", "staged changes"
    notes = [f"{read.changes:,} {word[read.changes != 1]} read"]
    if read.whole:
        notes.append(f"{read.whole:,} {plural('file', read.whole)} read whole, because nothing of them is staged")
    return deliver(read.report, args, notes)


def _patch(args: Namespace) -> Exit:
    from scanner.pipeline.patch import run_patch  # noqa: PLC0415 - the hook has no use for it

    read = run_patch(include_failed=args.include_failed)
    note = f"a patch of {read.files:,} {plural('file', read.files)} read"
    return deliver(read.report, args, [note if read.files else "no patch on standard input: it was read as text"])
