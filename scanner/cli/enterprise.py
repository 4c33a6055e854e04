"""Revoke what one user, or every user, of a GitHub enterprise has authorized. That cannot be undone.

These act on whole users, not on a leaked token; nothing else in unleak ever calls them. Without --execute nothing is
sent: what would be sent, and to where, is shown.

Examples:
  unleak enterprise revoke-user ENTERPRISE USERNAME
  unleak enterprise revoke-all ENTERPRISE
  unleak enterprise revoke-all ENTERPRISE --execute --confirm ENTERPRISE
  unleak enterprise revoke-all ENTERPRISE --destroy-credentials --execute --confirm "destroy ENTERPRISE"

The calling token comes from UNLEAK_GITHUB_TOKEN or --token-file, and is kept nowhere.

exit codes: 0 a dry run, or accepted; 2 refused, by unleak or by GitHub
"""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scanner.cli.network import add_network, route
from scanner.cli.say import on_terminal, say
from scanner.errors import Exit, RevokeError, UsageError
from scanner.output.text import printable
from scanner.secret import Secret, redact

if TYPE_CHECKING:
    from scanner.revoke.enterprise import Order

_TOKEN: Final = "UNLEAK_GITHUB_TOKEN"  # noqa: S105 - the variable's name
_LONGEST: Final = 1000  # bytes of a token


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("verb", choices=("revoke-user", "revoke-all"), help="whose authorizations to revoke")
    parser.add_argument("enterprise", metavar="ENTERPRISE", help="its slug")
    parser.add_argument("username", nargs="?", metavar="USERNAME", help="of revoke-user")
    parser.add_argument("--execute", action="store_true", help="send it; without it, it is only shown")
    parser.add_argument("--confirm", metavar="PHRASE", help="instead of typing it: the slug, or 'destroy SLUG'")
    parser.add_argument(
        "--destroy-credentials",
        action="store_true",
        help="destroy all personal access tokens and SSH keys, too; for Enterprise Managed Users only",
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=f"the calling token, instead of {_TOKEN}")
    add_network(parser)


def run(args: Namespace) -> Exit:
    """Show the order, or send it."""
    from scanner.revoke.enterprise import Order  # noqa: PLC0415 - httpx is not for --help

    if (args.verb == "revoke-user") != (args.username is not None):
        raise UsageError(f"{args.verb} takes {'ENTERPRISE USERNAME' if args.username is None else 'ENTERPRISE alone'}")
    order = Order(args.enterprise, args.username, args.destroy_credentials)
    if args.execute:
        return _execute(order, args)
    from scanner.http import authenticated  # noqa: PLC0415 - as above

    http = authenticated(Secret(b"none"), args.api_url, route(args))  # checks the address; nothing is opened
    lines = [*_lines(order, http.url), "", "Nothing was sent. To send it, add --execute."]
    sys.stdout.buffer.write("".join(f"{printable(redact(line))}\n" for line in lines).encode())
    sys.stdout.buffer.flush()
    return Exit.CLEAN


def _execute(order: "Order", args: Namespace) -> Exit:
    from scanner.audit import AuditLog  # noqa: PLC0415 - as above
    from scanner.http import authenticated  # noqa: PLC0415 - as above
    from scanner.revoke.enterprise import send  # noqa: PLC0415 - as above
    from scanner.state import state_directory  # noqa: PLC0415 - as above

    token = _token(args.token_file)
    http = authenticated(token, args.api_url, route(args))
    log = AuditLog(state_directory(args.state_dir))
    _confirm(order, http.url, args.confirm)
    outcome = send(order, http, log, token.fingerprint)
    if outcome.warning:
        _say(f"GitHub warns: {outcome.warning}")
    head = log.head()
    if not args.quiet:
        _say(f"audit log: {head.sequence:,} records, head {head.hash}")
    if not outcome.accepted:
        raise RevokeError(outcome.told, outcome.hint)
    sys.stdout.write(f"{printable(redact(outcome.told))}\n")
    return Exit.CLEAN


def _lines(order: "Order", url: str) -> list[str]:
    whose = f"user {order.username} of " if order.username else "EVERY user of "
    lines = [
        f"POST {url}{order.path}",
        "Authorization: Bearer (the calling token)",
        order.body.decode(),
        "",
        f"This revokes what {whose}the enterprise {order.enterprise} has authorized.",
    ]
    if order.destroy:
        lines.append("It also DESTROYS all personal access tokens and SSH keys of those users.")
    return [*lines, "It cannot be undone. The calling token may die with the rest."]


def _confirm(order: "Order", url: str, given: str | None) -> None:
    if given is None:
        if not on_terminal():
            raise UsageError(
                "--execute needs --confirm where there is no terminal to ask on", f"--confirm '{order.phrase}'"
            )
        shown = "\n".join(map(printable, _lines(order, url)))
        say(f"{shown}\nType {order.phrase!r} to send it:")
        given = sys.stdin.readline().strip()
    if given != order.phrase:
        raise UsageError("not confirmed: nothing was sent", f"What confirms it is: {order.phrase}")


def _token(path: Path | None) -> Secret:
    from scanner.state import open_private  # noqa: PLC0415 - as above

    if path is not None:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
            return Secret(file.read(_LONGEST).strip())
    value = os.environb.get(_TOKEN.encode(), b"")
    if not value:
        raise UsageError("there is no calling token", f"Set {_TOKEN}, or name a file with --token-file.")
    return Secret(value.strip())


def _say(line: str) -> None:
    say(f"unleak: {printable(line)}")
