"""The entry point, and the only place that exits: picks the command, turns errors into one line and a hint."""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from os import environ
from typing import Final, NoReturn

from scanner import __version__
from scanner.cli.say import say
from scanner.errors import Exit, UnleakError, UsageError

_COMMANDS: Final = {
    "scan": "look for leaked credentials in files, directories and git repositories",
    "diff": "look for leaked credentials in what a change adds",
    "hook": "install or take away the hooks of a repository",
    "revoke": "submit what the ledger holds to GitHub: a dry run unless --execute",
    "ledger": "list what is queued and sent; pause and resume sending",
    "audit": "show the audit log, or verify it",
    "patterns": "list the patterns, or check a pattern pack",
    "enterprise": "revoke what a user, or all users, of an enterprise have authorized",
    "doctor": "say what would go wrong before it does",
    "sandbox": "serve a stand-in for GitHub's API on a loopback port",
    "demo": "walk the whole path on a throwaway repository, against the sandbox",
}

_OFF: Final = {"", "0", "false", "no", "off"}

_EPILOG: Final = """\
examples:
  unleak scan                     this directory, with the whole history of each repository in it
  unleak scan --queue ~/src       … and hand what is found to the ledger
  unleak diff --staged            what the next commit would add
  unleak revoke                   what would be submitted; nothing is sent

exit codes: 0 clean, 1 findings, 2 could not run, 4 incomplete, 5 findings and incomplete, 130 interrupted
"""


def run() -> NoReturn:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows only ASCII is no reason to fail
    code = main(sys.argv[1:])
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _discard_stdout()
    sys.exit(code)


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    if sys.stdout is None:
        say("unleak: standard output is closed")
        return Exit.ERROR
    verbose = not {"-v", "--verbose", "-qv", "-vq"}.isdisjoint(argv) or environ.get("UNLEAK_VERBOSE", "") not in _OFF
    try:
        return _run(argv)
    except KeyboardInterrupt:
        _say("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more when it flushes at exit.
        _discard_stdout()
        return Exit.ERROR
    except UnleakError as error:
        _say(error.message, error.hint)
        if verbose:
            _trace()
        return Exit.ERROR
    except Exception as error:  # noqa: BLE001 - the exit boundary: whatever it is, it is one line and an exit code
        return _unexpected(error, verbose=verbose)


def _run(argv: Sequence[str]) -> int:
    if not argv or argv[0] in {"-h", "--help", "help"}:
        sys.stdout.write(_top().format_help())
        return Exit.CLEAN if argv else Exit.ERROR
    if argv[0] in {"-V", "--version"}:
        sys.stdout.write(f"unleak {__version__}\n")
        return Exit.CLEAN
    if argv[0] not in _COMMANDS:
        raise UsageError(f"no such command: {argv[0]}", _suggestion(argv[0]))

    from scanner.cli.options import Parser, add_shared, apply_environment  # noqa: PLC0415 - --version needs none of it

    name = argv[0]
    module = import_module(f"scanner.cli.{name}")
    parser = Parser(
        prog=f"unleak {name}",
        description=module.__doc__,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_shared(parser)
    module.configure(parser)
    apply_environment(parser)
    return int(module.run(parser.parse_args(argv[1:])))


def _top() -> ArgumentParser:
    width = max(map(len, _COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {text}" for name, text in _COMMANDS.items())
    return ArgumentParser(
        prog="unleak",
        usage="unleak COMMAND [OPTION ...]",
        description=f"Find leaked GitHub credentials and get them revoked.\n\ncommands:\n{commands}",
        epilog=f"{_EPILOG}\n'unleak COMMAND --help' tells more.",
        formatter_class=RawDescriptionHelpFormatter,
        add_help=False,
    )


def _suggestion(word: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - for a mistake only

    close = get_close_matches(word, _COMMANDS, 1)
    return f"Did you mean 'unleak {close[0]}'?" if close else "'unleak --help' lists the commands."


def _say(message: str, hint: str | None = None) -> None:
    from scanner.output.text import printable  # noqa: PLC0415 - for a failure only
    from scanner.secret import redact  # noqa: PLC0415

    say(f"unleak: {printable(redact(message))}")
    if hint:
        say(f"hint: {printable(redact(hint))}")


def _unexpected(error: Exception, *, verbose: bool) -> int:
    from patterns import PackError  # noqa: PLC0415 - for a failure only

    if isinstance(error, PackError):
        _say(str(error), "'unleak patterns check FILE' checks a pack; patterns/README.md tells how to write one.")
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        _say(f"{where}{error.strerror or error}")
    else:
        _say(f"{type(error).__name__}: {error}", "This is a defect of unleak. Run again with -v and report the trace.")
    if verbose:
        _trace()
    return Exit.ERROR


def _trace() -> None:
    import traceback  # noqa: PLC0415 - for a failure only

    from scanner.secret import redact  # noqa: PLC0415

    say(redact(traceback.format_exc()).rstrip("\n"))


def _discard_stdout() -> None:
    import os  # noqa: PLC0415 - for a failure only

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
