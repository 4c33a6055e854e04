"""Submit what the ledger holds to GitHub, which revokes it. That cannot be undone.

Without --execute nothing is sent: the plan is shown, and its id. With it, the plan is shown and asked about first.

Examples:
  unleak revoke                            what would be submitted
  unleak revoke --execute --plan ID        submit exactly what that showed
  unleak revoke --repository . --execute   submit what was found in this repository
  unleak revoke --execute --yes --wait     from a job: do not ask, and stay until nothing is left

exit codes: 0 all accepted or nothing to do, 1 some rejected, parked or held, 2 error, 3 work is left
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from patterns import builtin
from scanner.audit import AuditLog
from scanner.errors import Exit, LedgerError, RevokeError, UsageError
from scanner.http import API, Anonymous, anonymous
from scanner.ledger import Ledger, State, plans, waits
from scanner.ledger.intake import source_name
from scanner.ledger.plans import Plan, Selection
from scanner.output.summary import plural
from scanner.output.text import printable
from scanner.revoke.budget import HOURLY, Budget
from scanner.revoke.client import LARGEST, Client
from scanner.revoke.dispatch import Dispatcher, Result, Stop
from scanner.state import state_directory

_SOURCES_SHOWN: Final = 10
_WAITS_SHOWN: Final = 10


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--execute", action="store_true", help="submit; without it, only the plan is shown")
    parser.add_argument("--plan", metavar="ID", help="with --execute: submit exactly what a dry run has shown")
    parser.add_argument("--yes", action="store_true", help="with --execute: do not ask; needed off a terminal")
    parser.add_argument("--wait", action="store_true", help="with --execute: stay until nothing is left to submit")
    parser.add_argument("--api-url", default=API, metavar="URL", help=f"GitHub's, or a sandbox's; default: {API}")
    part = parser.add_argument_group("only a part of the ledger (each may be given several times)")
    part.add_argument("--repository", action="append", default=[], metavar="PATH", help="what was found first there")
    part.add_argument("--pattern", action="append", default=[], metavar="ID", help="one kind of token")
    part.add_argument("--fingerprint", action="append", default=[], metavar="BASE64", help="one token")


def run(args: Namespace) -> Exit:
    """Show the plan, or submit it."""
    selection = _selection(args)
    http = anonymous(args.api_url)
    if args.execute and not args.yes and not _on_terminal():
        raise UsageError("--execute needs --yes where there is no terminal to ask on", "Nothing was sent.")
    directory = state_directory(args.state_dir)
    log = AuditLog(directory)
    with Ledger.open(directory) as ledger:
        _check(ledger, selection)
        plan = _plan(ledger, args.plan, selection)
        if not args.execute:
            _show(ledger, plan, http, _waiting(ledger, args))
            code = Exit.CLEAN
        elif not plan.total:
            waiting = _waiting(ledger, args)
            for line in waiting or ["nothing to submit"]:
                _say(line, args)
            code = Exit.BUDGET_SPENT if waiting else Exit.CLEAN
        else:
            if not args.yes:
                _ask(plan, http)
            code = _execute(ledger, log, plan, http, args)
    head = log.head()
    if head.sequence:
        _say(f"audit log: {head.sequence:,} records, head {head.hash}", args)
    return code


def _selection(args: Namespace) -> Selection:
    selection = Selection(
        tuple(source_name(path) for path in args.repository), tuple(args.pattern), tuple(args.fingerprint)
    )
    if args.plan and selection != Selection():
        raise UsageError("--plan names a set already: it cannot be narrowed down")
    if args.plan and not args.execute:
        raise UsageError("--plan is for --execute")
    return selection


def _check(ledger: Ledger, selection: Selection) -> None:
    with ledger.reading() as connection:
        unknown = waits.unknown(connection, selection)
    hint = "'unleak ledger list' shows what it has."
    for name in unknown.fingerprints:
        raise UsageError(f"--fingerprint {name}: the ledger has no such secret", hint)
    for name in unknown.sources:
        raise UsageError(f"--repository {name}: the ledger has nothing from there", hint)
    for name in set(unknown.patterns) - {pattern.id for pattern in builtin()}:
        raise UsageError(f"--pattern {name}: no such pattern", "'unleak patterns list' names them.")


def _plan(ledger: Ledger, identity: str | None, selection: Selection) -> Plan:
    if identity is None:
        with ledger.writing() as connection:
            return plans.make(connection, selection, time.time())
    with ledger.reading() as connection:
        plan = plans.find(connection, identity)
    if plan is None:
        raise UsageError(f"--plan {identity}: no such plan", "'unleak revoke' makes one and shows it.")
    return plan


def _show(ledger: Ledger, plan: Plan, http: Anonymous, waiting: list[str]) -> None:
    now = time.time()
    with ledger.reading() as connection:
        left = Budget.load(connection, now).left(now)
        paused = ledger.is_paused(connection)
    lines = [*_lines(plan, http), *map(printable, waiting), f"budget: {left} of {HOURLY} requests left this hour"]
    if paused:
        lines.append("sending is paused: 'unleak ledger resume' ends that")
    if plan.total:
        lines += ["", "Nothing was sent. To send exactly this:", f"  unleak revoke --execute --plan {plan.id}"]
    sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode())
    sys.stdout.buffer.flush()


def _lines(plan: Plan, http: Anonymous) -> Iterator[str]:
    requests = plan.batches + -(-plan.loose // LARGEST)
    yield f"plan {plan.id}: {_count(plan.total, 'secret')} in {_count(requests, 'request')} to {http.url}"
    width = max((len(name) for name, _ in plan.patterns), default=0)
    for name, count in plan.patterns:
        yield f"  {name:{width}}  {count:,}"
    for name, count in plan.sources[:_SOURCES_SHOWN]:
        yield f"  from {printable(name)}: {count:,}"
    if more := plan.sources[_SOURCES_SHOWN:]:
        yield f"  from {_count(len(more), 'more source')}: {sum(count for _, count in more):,}"


def _ask(plan: Plan, http: Anonymous) -> None:
    question = "\n".join(_lines(plan, http))
    sys.stderr.write(
        f"{question}\nGitHub revokes them and tells their owners. This cannot be undone. Type yes to submit: "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise UsageError("not confirmed: nothing was sent")


def _execute(ledger: Ledger, log: AuditLog, plan: Plan, http: Anonymous, args: Namespace) -> Exit:
    result = Dispatcher(ledger, log, Client(http), plan.id, tell=lambda line: _say(line, args), wait=args.wait).run()
    with ledger.reading() as connection:
        left = plans.find(connection, plan.id)
    count = left.total if left else 0
    _say(_told(result), args)
    match result.stop:
        case Stop.FAULT:
            raise RevokeError(
                f"{http.url} does not take submissions: {result.reason}",
                f"What it has not accepted is still in the ledger: {_count(count, 'secret')}.",
            )
        case Stop.PAUSED:
            raise LedgerError(f"sending is paused, with {_count(count, 'secret')} left", "unleak ledger resume")
        case Stop.LATER:
            _say(f"{_count(count, 'secret')} left: run this again {_when(result.until)}, or use --wait", args)
            return Exit.BUDGET_SPENT
        case _:
            waiting = _waiting(ledger, args)
            for line in waiting:
                _say(line, args)
            if waiting or count:
                return Exit.BUDGET_SPENT
            unaccepted = {State.REJECTED, State.PARKED, State.HELD} & result.settled.keys()
            return Exit.FINDINGS if unaccepted else Exit.CLEAN


def _waiting(ledger: Ledger, args: Namespace) -> list[str]:
    """Why a part of what is meant is not sent, batch by batch."""
    with ledger.reading() as connection:
        found = waits.waits(connection, args.plan or _selection(args))
    now = time.time()
    lines = [
        f"{_count(wait.meant, 'secret')} {'waits' if wait.meant == 1 else 'wait'} in batch {wait.batch} "
        f"with {_count(wait.others, 'other')}: it is sent again as a whole only, "
        f"{_when(max(wait.not_before, now))}, by 'unleak revoke --execute'"
        for wait in found[:_WAITS_SHOWN]
    ]
    if more := found[_WAITS_SHOWN:]:
        lines.append(f"… and {sum(wait.meant for wait in more):,} in other batches")
    return lines


def _told(result: Result) -> str:
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(result.settled.items()))
    return f"{states or 'nothing settled'}, in {_count(result.requests, 'request')}"


def _when(until: float) -> str:
    at = datetime.fromtimestamp(until, UTC).astimezone()
    return f"after {at:%Y-%m-%d %H:%M:%S %Z} (in {max(0.0, until - time.time()) / 60:,.0f} min)"


def _count(number: int, what: str) -> str:
    return f"{number:,} {plural(what, number)}"


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _say(line: str, args: Namespace) -> None:
    if not args.quiet:
        sys.stderr.write(f"unleak: {printable(line)}\n")
