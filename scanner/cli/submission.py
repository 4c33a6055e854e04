"""What `revoke` does: the plan, the question, the submission, and what is said of it."""

import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from scanner.audit import AuditLog
from scanner.cli.network import route
from scanner.errors import Exit, LedgerError, RevokeError, UsageError
from scanner.http import Anonymous, anonymous
from scanner.ledger import Ledger, State, plans
from scanner.ledger.intake import source_name
from scanner.ledger.plans import Plan, Selection
from scanner.output.text import printable
from scanner.revoke.budget import HOURLY, Budget
from scanner.revoke.client import LARGEST, Client
from scanner.revoke.clock import SystemClock
from scanner.revoke.dispatch import Dispatcher, Result, Stop
from scanner.revoke.policy import ANYTHING, read_policy
from scanner.revoke.watch import watch
from scanner.state import state_directory

_SOURCES_SHOWN: Final = 10


def submit(args: Namespace) -> Exit:
    """Show the plan, or submit it."""
    selection = _selection(args)
    http = anonymous(args.api_url, route(args))
    policy = read_policy(args.policy) if args.policy else ANYTHING
    if args.execute and not args.yes and (args.stdin or not _on_terminal()):
        raise UsageError("--execute needs --yes where there is no terminal to ask on", "Nothing was sent.")
    directory = state_directory(args.state_dir)
    log = AuditLog(directory)
    with Ledger.open(directory, args.ledger) as ledger:
        dispatcher = Dispatcher(
            ledger,
            log,
            Client(http),
            plan="",
            tell=lambda line: _say(line, args),
            wait=args.wait,
            reserve=args.reserve,
            policy=policy,
            patient=args.wait or args.watch,
        )
        if args.stdin:
            selection = _typed(ledger)
        if args.watch:
            _say(f"watching {directory}; Ctrl-C ends it", args)
            watch(dispatcher, selection)
        plan = _plan(ledger, args.plan, selection)
        if not args.execute:
            _show(ledger, plan, http, args.reserve)
            code = Exit.CLEAN
        elif not plan.total:
            _say("nothing to submit", args)
            code = Exit.CLEAN
        else:
            if not args.yes:
                _ask(plan, http)
            elif not args.plan:
                policy.check(plan.total, plan.id)
            code = _execute(ledger, replace(dispatcher, plan=plan.id), args)
    head = log.head()
    if head.sequence:
        _say(f"audit log: {head.sequence:,} records, head {head.hash}", args)
    return code


def _selection(args: Namespace) -> Selection:
    selection = Selection(
        tuple(source_name(path) for path in args.repository), tuple(args.pattern), tuple(args.fingerprint)
    )
    if args.plan and (selection != Selection() or args.stdin or args.watch):
        raise UsageError("--plan names a set already: it cannot be narrowed down, and no other can follow")
    if args.stdin and (selection != Selection() or args.watch):
        raise UsageError("--stdin names a set already: it cannot be narrowed down, and no other can follow")
    if args.watch and not args.execute:
        raise UsageError("--watch is for --execute")
    if args.watch and not args.yes:
        raise UsageError("--watch needs --yes: nobody is there to ask about what comes later")
    if args.plan and not args.execute:
        raise UsageError("--plan is for --execute")
    return selection


def _typed(ledger: Ledger) -> Selection:
    from scanner.cli.typed import typed_findings  # noqa: PLC0415 - the scanner is for --stdin alone

    findings = typed_findings()
    ledger.add(findings)
    return Selection(fingerprints=tuple(finding.fingerprint for finding in findings))


def _plan(ledger: Ledger, identity: str | None, selection: Selection) -> Plan:
    if identity is None:
        with ledger.writing() as connection:
            return plans.make(connection, selection, time.time())
    with ledger.reading() as connection:
        plan = plans.find(connection, identity)
    if plan is None:
        raise UsageError(f"--plan {identity}: no such plan", "'unleak revoke' makes one and shows it.")
    return plan


def _show(ledger: Ledger, plan: Plan, http: Anonymous, reserve: int) -> None:
    now = time.time()
    with ledger.reading() as connection:
        left = Budget.load(connection, now, SystemClock().steady()).left(now, reserve=reserve)
        paused = ledger.is_paused(connection)
    lines = [*_lines(plan, http), f"budget: {left} of {HOURLY} requests left this hour"]
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


def _execute(ledger: Ledger, dispatcher: Dispatcher, args: Namespace) -> Exit:
    plan, url = dispatcher.plan, dispatcher.client.url
    result = dispatcher.run()
    with ledger.reading() as connection:
        left = plans.find(connection, plan)
    count = left.total if left else 0
    _say(_told(result), args)
    match result.stop:
        case Stop.FAULT:
            raise RevokeError(
                f"{url}: takes no submissions: {result.reason}",
                f"What it has not accepted is still in the ledger: {_count(count, 'secret')}.",
            )
        case Stop.PAUSED:
            raise LedgerError(f"sending is paused, with {_count(count, 'secret')} left", "unleak ledger resume")
        case Stop.CAPPED:
            _say(f"the policy's cap of {dispatcher.policy.cap} is reached, with {_count(count, 'secret')} left", args)
            return Exit.BUDGET_SPENT
        case Stop.LATER:
            _say(f"{_count(count, 'secret')} left: run this again {_when(result.until)}, or use --wait", args)
            return Exit.BUDGET_SPENT
        case _:
            unaccepted = {State.REJECTED, State.PARKED, State.HELD} & result.settled.keys()
            return Exit.FINDINGS if unaccepted else Exit.CLEAN


def _told(result: Result) -> str:
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(result.settled.items()))
    return f"{states or 'nothing settled'}, in {_count(result.requests, 'request')}"


def _when(until: float) -> str:
    at = datetime.fromtimestamp(until, UTC).astimezone()
    return f"after {at:%Y-%m-%d %H:%M:%S %Z} (in {max(0.0, until - time.time()) / 60:,.0f} min)"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _say(line: str, args: Namespace) -> None:
    if not args.quiet:
        sys.stderr.write(f"unleak: {printable(line)}\n")
