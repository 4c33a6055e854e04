"""Say what would go wrong before it does: permissions, keys, ledger, audit log, clock, network.

Nothing is submitted: the one request is GET /rate_limit, which costs nothing. --offline leaves that out, too.

exit codes: 0 all is well, 1 something would fail
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from scanner.cli.network import add_network, route
from scanner.errors import Exit, UnleakError
from scanner.output.text import printable

_SKEW: Final = 60.0  # seconds between two clocks that still pass for one


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--offline", action="store_true", help="ask nobody: leave out the network and the clock")
    add_network(parser)


def run(args: Namespace) -> Exit:
    """Look at each thing, and go on when one is wrong."""
    sound = True
    for name, look in _checks(args):
        try:
            told, mark = look(), "ok"
        except UnleakError as error:
            told, mark, sound = error.message + (f" ({error.hint})" if error.hint else ""), "WRONG", False
        sys.stdout.write(f"{mark:6}{name:10}{printable(told)}\n")
    return Exit.CLEAN if sound else Exit.FINDINGS


def _checks(args: Namespace) -> Iterator[tuple[str, Callable[[], str]]]:
    from scanner.state import state_directory  # noqa: PLC0415 - not for --help

    yield "version", _version
    yield "state", lambda: f"{state_directory(args.state_dir)}, for its owner alone"
    yield "ledger", lambda: _ledger(state_directory(args.state_dir), args.ledger)
    yield "audit log", lambda: _audit(state_directory(args.state_dir))
    yield "sandbox", _sandbox
    if not args.offline:
        yield "network", lambda: _network(args)


def _version() -> str:
    from scanner import __version__  # noqa: PLC0415 - as above

    return f"unleak {__version__}, Python {sys.version.split()[0]}"


def _ledger(directory: Path, url: str | None) -> str:
    from scanner.ledger import Ledger  # noqa: PLC0415 - as above

    with Ledger.open(directory, url) as ledger, ledger.reading() as connection:
        paused = "; sending is PAUSED" if ledger.is_paused(connection) else ""
        if not ledger.has_keys(connection):
            return f"opens; its keys are made on first use{paused}"
        ledger.opener(connection)
        return f"opens, and its private key fits{paused}"


def _audit(directory: Path) -> str:
    from scanner.audit import AuditLog  # noqa: PLC0415 - as above

    head = AuditLog(directory).verify().head
    return f"{head.sequence:,} records, head {head.hash}"


def _sandbox() -> str:
    try:
        import scanner.sandbox  # noqa: F401, PLC0415 - whether it can be
    except UnleakError as error:
        return f"not installed, and only needed to try things out: {error.hint}"
    return "installed"


def _network(args: Namespace) -> str:
    from scanner.errors import RevokeError  # noqa: PLC0415 - as above
    from scanner.http import anonymous  # noqa: PLC0415 - as above
    from scanner.revoke.client import Client  # noqa: PLC0415 - as above

    http = anonymous(args.api_url, route(args))
    standing = Client(http).look()
    if standing is None:
        raise RevokeError(f"{http.url} gives no answer", "Look at the network, --proxy and --ca-bundle.")
    limits, date = standing
    if date is not None and abs(date - time.time()) > _SKEW:
        raise RevokeError(
            f"this machine's clock is {time.time() - date:+,.0f} s off that of {http.url}", "Let NTP set it."
        )
    left = "?" if limits.remaining is None else limits.remaining
    return f"{http.url} answers, the clocks agree, and {left} requests are left to this address"
