"""Install the hooks that look for leaked GitHub credentials in a repository, or take them away.

pre-commit reads what is staged; pre-push what is about to be sent; pre-receive, on a server, what arrives, before
anybody can see it. Each of these stops git when it finds a secret, cannot read something, or cannot run at all.
post-receive hands what has arrived to the ledger, for 'unleak revoke', and stops nothing.

A hook that is already there is kept, and called afterwards. core.hooksPath is respected.

for example:
  unleak hook install                  a pre-commit hook in this repository
  unleak hook install pre-push         … and one for pushes
  unleak hook uninstall                take all of unleak's away, and bring back what was there before
"""

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

from scanner.cli.deliver import add_options, check, deliver
from scanner.cli.options import Parser
from scanner.cli.say import say
from scanner.errors import Exit, UsageError
from scanner.output.summary import plural

_NAMES: Final = ("pre-commit", "pre-push", "pre-receive", "post-receive")


def configure(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.add_argument("action", choices=("install", "uninstall", "run"), help="run is what an installed hook calls")
    parser.add_argument("names", nargs="*", metavar="HOOK", help=", ".join(_NAMES))
    parser.take_after_dashes("arguments", "install|uninstall|run [HOOK ...] [OPTION ...] [-- ARGUMENT ...]")
    add_options(parser)


def run(args: Namespace) -> Exit:
    """Install, uninstall or run."""
    if wrong := [name for name in args.names if name not in _NAMES]:
        raise UsageError(f"no such hook: {wrong[0]}", f"unleak has hooks for {', '.join(_NAMES)}.")
    if args.action == "run":
        if len(args.names) != 1:
            raise UsageError("want one hook to run", f"One of {', '.join(_NAMES)}.")
        check(args)
        return _run(args.names[0], args)
    from scanner.sources.git import hooks  # noqa: PLC0415 - a hook that runs changes none

    if args.action == "install":
        state = ["--state-dir", str(args.state_dir.absolute())] if args.state_dir else []
        for name in args.names or _NAMES[:1]:
            _tell(args, f"installed {hooks.install(name, state)}")
    else:
        taken = [path for name in args.names or _NAMES if (path := hooks.uninstall(name)) is not None]
        for path in taken:
            _tell(args, f"took {path} away" + (", and brought back the hook before it" if Path(path).exists() else ""))
        if not taken:
            _tell(args, "there is no hook of unleak's to take away")
    return Exit.CLEAN


def _run(name: str, args: Namespace) -> Exit:
    if name == "pre-commit":
        from scanner.pipeline.change import run_staged  # noqa: PLC0415 - each hook needs its own

        read = run_staged(include_failed=args.include_failed)
        return deliver(read.report, args, [f"{read.changes:,} staged {plural('change', read.changes)} read"])
    from scanner.pipeline.push import run_push  # noqa: PLC0415 - each hook needs its own
    from scanner.sources.git import pushes  # noqa: PLC0415

    if name == "pre-push" and os.environ.get("PRE_COMMIT") == "1":
        push = pushes.sent_through_pre_commit(os.environ)
    elif name == "pre-push":
        push = pushes.sent(sys.stdin.buffer, args.arguments[0] if args.arguments else "")
    elif name == "pre-receive":
        push = pushes.arriving(sys.stdin.buffer)
    else:
        push = pushes.arrived(sys.stdin.buffer)
    pushed = run_push(push, include_failed=args.include_failed)
    if name == "post-receive":
        args.queue = bool(pushed.report.findings)
    where = ", from the quarantine" if "GIT_QUARANTINE_PATH" in os.environ else ""
    return deliver(pushed.report, args, [f"{pushed.refs:,} pushed {plural('ref', pushed.refs)} read{where}"])


def _tell(args: Namespace, text: str) -> None:
    from scanner.output.text import printable  # noqa: PLC0415 - for people only
    from scanner.secret import path_for_people  # noqa: PLC0415

    if not args.quiet:
        say(f"unleak: {printable(path_for_people(text)[0])}")
