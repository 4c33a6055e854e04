"""Play GitHub's revocation endpoints and GET /rate_limit on a loopback port, by their published contract.

Nothing leaves this machine. The first line on stdout is the URL to give to --api-url. Ctrl-C or SIGTERM ends it.

Faults on request, one for each submission, in order:
  unleak sandbox --fault 500 --fault ok --fault reset-after*3 --fault 'timeout*'
ok leaves a submission to the rules, *3 is three of them, * all that follow. --faults-file takes them from a file, one a
line. A name that is none lists them all.
"""

import argparse
import signal
import sys
from pathlib import Path
from typing import Final

from scanner.cli.say import say
from scanner.errors import Exit
from scanner.secret import redact

_ENDS: Final = (signal.SIGINT, signal.SIGTERM)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=0, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--limit",
        type=_count,
        default=60,
        metavar="N",
        help="unauthenticated requests an hour, counted by address (default: %(default)s)",
    )
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="append what is received to FILE, one JSON object a line, no secrets"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME[*N]", help="what goes wrong next; see above"
    )
    parser.add_argument("--faults-file", type=Path, metavar="FILE", help="faults, one a line, after those of --fault")


def run(args: argparse.Namespace) -> Exit:
    """Serve until SIGINT or SIGTERM, which are this command's ordinary end."""
    # Blocked before the server's thread starts, which inherits that, so that no signal goes anywhere but to sigwait.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        return _serve(args)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(args: argparse.Namespace) -> Exit:
    from scanner.sandbox import running  # noqa: PLC0415 - Starlette and uvicorn are an extra

    faults = [*args.fault, *(args.faults_file.read_text("utf-8").split() if args.faults_file else [])]
    with running(host=args.host, port=args.port, limit=args.limit, faults=faults, log=args.log) as sandbox:
        sys.stdout.write(f"{sandbox.url}\n")
        sys.stdout.flush()  # a script waits for this line
        if not args.quiet:
            say("A stand-in for GitHub's API: nothing leaves this machine. Ctrl-C ends it.")
        signal.sigwait(_ENDS)
        received = sandbox.received
    if not args.quiet:
        credentials = sum(one.credentials for one in received)
        say(f"{len(received)} requests, {credentials} credentials received.")
    return Exit.CLEAN


def _port(text: str) -> int:
    return _between(text, 65_535)


def _count(text: str) -> int:
    return _between(text, sys.maxsize)


def _between(text: str, most: int) -> int:
    if not (text.isdecimal() and int(text) <= most):
        raise argparse.ArgumentTypeError(f"{redact(text)!r} is not a number from 0 to {most}")
    return int(text)
