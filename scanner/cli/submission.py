"""What `revoke` does: the plan, the question, the submission, and what is said of it."""

import shlex
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from patterns import builtin
from scanner.audit import AuditLog
from scanner.cli.network import route
from scanner.cli.say import on_terminal, say
from scanner.errors import Exit, LedgerError, RevokeError, UsageError
from scanner.http import API, Anonymous, anonymous
from scanner.ledger import Ledger, State, plans, waits
from scanner.ledger.intake import source_name
from scanner.ledger.plans import Plan, Selection
from scanner.output.summary import plural
from scanner.output.text import printable
from scanner.revoke.budget import HOURLY, Budget
from scanner.revoke.client import LARGEST, Client
from scanner.revoke.clock import SystemClock
from scanner.revoke.dispatch import Dispatcher, Result, Stop
from scanner.revoke.policy import ANYTHING, read_policy
from scanner.revoke.watch import watch
from scanner.secret import redact
from scanner.state import state_directory

_SOURCES_SHOWN: Final = 10
_WAITS_SHOWN: Final = 10


def submit(args: Namespace) -> Exit:
    """Show the plan, or submit it."""
    selection = _selection(args)
    http = anonymous(args.api_url, route(args))
    policy = read_policy(args.policy) if args.policy else ANYTHING
    if args.execute and not args.yes and (args.stdin or not on_terminal()):
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
        else:
            _check(ledger, selection, later=args.watch)
        if args.watch:
            _say(f"watching {directory}; Ctrl-C ends it", args)
            watch(dispatcher, selection)
        plan = _plan(ledger, args.plan, selection)
        meant = args.plan or selection
        if not args.execute:
            _show(ledger, plan, http, _waiting(ledger, meant), args)
            code = Exit.CLEAN
        elif not plan.total:
            waiting = _waiting(ledger, meant)
            for line in waiting or ["nothing to submit"]:
                _say(line, args)
            code = Exit.BUDGET_SPENT if waiting else Exit.CLEAN
        else:
            if not args.yes:
                _ask(plan, http)
            elif not args.plan:
                policy.check(plan.total, plan.id)
            code = _execute(ledger, replace(dispatcher, plan=plan.id), meant, args)
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


def _check(ledger: Ledger, selection: Selection, *, later: bool) -> None:
    """Refuse names that nothing goes by; with ``later``, not those that something may yet come to go by."""
    with ledger.reading() as connection:
        unknown = waits.unknown(connection, selection)
    hint = "'unleak ledger list' shows what it has."
    for name in () if later else unknown.fingerprints:
        raise UsageError(f"--fingerprint {name}: the ledger has no such secret", hint)
    for name in () if later else unknown.sources:
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


def _show(ledger: Ledger, plan: Plan, http: Anonymous, waiting: list[str], args: Namespace) -> None:
    now = time.time()
    with ledger.reading() as connection:
        left = Budget.load(connection, now, SystemClock().steady()).left(now, reserve=args.reserve)
        paused = ledger.is_paused(connection)
    lines = [*_lines(plan, http), *map(printable, waiting), f"budget: {left} of {HOURLY} requests left this hour"]
    if paused:
        lines.append("sending is paused: 'unleak ledger resume' ends that")
    if plan.total:
        lines += ["", "Nothing was sent. To send exactly this:", f"  {_command(plan, http, args)}"]
    sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode())
    sys.stdout.buffer.flush()


def _command(plan: Plan, http: Anonymous, args: Namespace) -> str:
    """What sends a plan as it was shown, from any shell."""
    words = ["unleak", "revoke", "--execute", "--plan", plan.id]
    words += ["--api-url", http.url] if http.url != API else []
    for option, value in (
        ("--state-dir", args.state_dir),
        ("--ledger", args.ledger),
        ("--policy", args.policy),
        ("--reserve", args.reserve),
        ("--ca-bundle", args.ca_bundle),
    ):
        words += [option, str(value)] if value else []
    return printable(redact(shlex.join(words)))


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
    say(f"{question}\nGitHub revokes them and tells their owners. This cannot be undone. Type yes to submit:")
    if sys.stdin.readline().strip().lower() != "yes":
        raise UsageError("not confirmed: nothing was sent")


def _execute(ledger: Ledger, dispatcher: Dispatcher, meant: Selection | str, args: Namespace) -> Exit:
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
            waiting = _waiting(ledger, meant)
            for line in waiting:
                _say(line, args)
            if waiting or count:
                return Exit.BUDGET_SPENT
            unaccepted = {State.REJECTED, State.PARKED, State.HELD} & result.settled.keys()
            return Exit.FINDINGS if unaccepted else Exit.CLEAN


def _waiting(ledger: Ledger, meant: Selection | str) -> list[str]:
    """Why a part of what is meant is not sent, batch by batch."""
    with ledger.reading() as connection:
        found = waits.waits(connection, meant)
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


def _say(line: str, args: Namespace) -> None:
    if not args.quiet:
        say(f"unleak: {printable(line)}")
