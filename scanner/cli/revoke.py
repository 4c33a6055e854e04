"""Submit what the ledger holds to GitHub, which revokes it. That cannot be undone.

Without --execute nothing is sent: the plan is shown, and its id. With it, the plan is shown and asked about first.

Examples:
  unleak revoke                            what would be submitted
  unleak revoke --execute --plan ID        submit exactly what that showed
  unleak revoke --repository . --execute   submit what was found in this repository
  unleak revoke --execute --yes --wait     from a job: do not ask, and stay until nothing is left
  unleak revoke --execute --yes --watch    as a service: stay for ever, and send what is queued as it comes
  unleak revoke --stdin --execute --yes    queue the tokens on standard input, and submit these now

exit codes: 0 all accepted or nothing to do, 1 some rejected, parked or held, 2 error, 3 work is left
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Final

from scanner.cli.network import add_network
from scanner.errors import Exit

_HOURLY: Final = 60


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--execute", action="store_true", help="submit; without it, only the plan is shown")
    parser.add_argument("--plan", metavar="ID", help="with --execute: submit exactly what a dry run has shown")
    parser.add_argument("--yes", action="store_true", help="with --execute: do not ask; needed off a terminal")
    staying = parser.add_mutually_exclusive_group()
    staying.add_argument("--wait", action="store_true", help="with --execute: stay until nothing is left to submit")
    staying.add_argument("--watch", action="store_true", help="with --execute: stay for ever")
    parser.add_argument("--stdin", action="store_true", help="queue the tokens on standard input, and mean only these")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="what may be sent without a person, in TOML")
    parser.add_argument(
        "--reserve",
        type=_reserve,
        default=0,
        metavar="N",
        help="of the 60 requests an hour, leave N to others on this address; default: %(default)s",
    )
    add_network(parser)
    part = parser.add_argument_group("only a part of the ledger (each may be given several times)")
    part.add_argument("--repository", action="append", default=[], metavar="PATH", help="what was found first there")
    part.add_argument("--pattern", action="append", default=[], metavar="ID", help="one kind of token")
    part.add_argument("--fingerprint", action="append", default=[], metavar="BASE64", help="one token")


def run(args: Namespace) -> Exit:
    """Show the plan, or submit it."""
    from scanner.cli.submission import submit  # noqa: PLC0415 - a second of imports that --help does without

    return submit(args)


def _reserve(text: str) -> int:
    if not text.isdecimal() or int(text) >= _HOURLY:
        raise ArgumentTypeError(f"want a whole number from 0 to {_HOURLY - 1}, got {text!r}")
    return int(text)
