"""What `scan` and `diff` do with a report: write it, queue it, sum it up, and turn it into an exit code."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from scanner.cli.say import say
from scanner.errors import Exit, UsageError
from scanner.finding import Check, Exposure, Finding
from scanner.output import summary
from scanner.output.record import finding_record, is_complete, summary_record
from scanner.pipeline.report import Report

_FORMATS: Final = ("text", "json", "jsonl")


def add_options(parser: ArgumentParser) -> None:
    """The options of every command that finds something."""
    output = parser.add_argument_group("output")
    output.add_argument("--format", choices=_FORMATS, default="text", help="default: text")
    output.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of to stdout")
    output.add_argument(
        "--include-failed",
        action="store_true",
        help="show look-alikes too, whose check digits are wrong; never a failure",
    )
    verdict = parser.add_argument_group("verdict")
    verdict.add_argument(
        "--fail-on",
        choices=("exposed", "any", "never"),
        default="exposed",
        help="what ends with 1: exposed (the default) leaves out what is only local; any; never",
    )
    verdict.add_argument("--strict", action="store_true", help="what is declined makes the run incomplete too")
    queue = parser.add_argument_group("revocation")
    queue.add_argument("--queue", action="store_true", help="hand findings to the ledger, for 'unleak revoke'")
    queue.add_argument("--queue-local", action="store_true", help="… local ones as well")


def check(args: Namespace) -> None:
    """Refuse an output that cannot be written before anything is read for it.

    Raises:
        UsageError: It is a directory, or stands in none that can be written to.
    """
    if args.output is None:
        return
    target = args.output.resolve()
    if target.is_dir():
        raise UsageError(f"-o {args.output}: is a directory", "Name a file in it.")
    if not os.access(target if target.exists() else target.parent, os.W_OK):
        raise UsageError(f"-o {args.output}: cannot be written there", "Name a file in a directory that is yours.")


def deliver(report: Report, args: Namespace, notes: Iterable[str] = ()) -> Exit:
    """Write a report, queue its findings if asked, say how much was read, and give the exit code.

    Args:
        report: What was found and read.
        args: With the options of ``add_options`` and the shared ones.
        notes: Lines for stderr, before the summary.
    """
    tally = report.tally
    records = map(finding_record, report.findings)
    totals = summary_record(tally, findings=len(report.findings), seconds=report.seconds, strict=args.strict)
    _write(import_module(f"scanner.output.{args.format}").write(records, totals), args.output)
    queued = _queue(report.findings, args) if args.queue or args.queue_local else None
    if not args.quiet:
        local = sum(finding.exposure is Exposure.LOCAL for finding in report.findings)
        said = summary.lines(tally, findings=len(report.findings), local=local, seconds=report.seconds)
        for line in (*notes, *said, *([queued] if queued else [])):
            say(f"unleak: {line}")
    return _verdict(report, args)


def _verdict(report: Report, args: Namespace) -> Exit:
    incomplete = not is_complete(report.tally, strict=args.strict)
    failing = any(_fails(finding, args.fail_on) for finding in report.findings)
    return Exit(Exit.FINDINGS * failing | Exit.INCOMPLETE * incomplete)


def _fails(finding: Finding, fail_on: str) -> bool:
    if fail_on == "never" or finding.check is Check.FAILED:
        return False
    return fail_on == "any" or finding.exposure is not Exposure.LOCAL


def _write(pieces: Iterator[bytes], output: Path | None) -> None:
    if output is None:
        try:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # Whoever read has seen enough; the verdict is still the verdict. Python flushes once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    target = output.resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as file:  # /dev/stdout, a FIFO: written to, and never replaced
            file.writelines(pieces)
        return
    # A reader never sees half a report: it is whole, or it is the one before.
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.writelines(pieces)
        unfinished.replace(target)
    except OSError as error:
        raise UsageError(f"-o {output}: cannot be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _queue(findings: tuple[Finding, ...], args: Namespace) -> str:
    """Hand findings to the ledger, and tell what became of them."""
    from scanner.ledger import Ledger  # noqa: PLC0415 - SQLAlchemy costs a quarter of a second
    from scanner.state import state_directory  # noqa: PLC0415 - likewise only to queue

    with Ledger.open(state_directory(args.state_dir), args.ledger) as ledger:
        added = ledger.add(findings, queue_local=args.queue_local)
    told = [f"queued {added.queued:,} {summary.plural('secret', added.queued)} for 'unleak revoke'"]
    told += [
        f"{count:,} {why}"
        for count, why in (
            (added.known - added.reappeared, "queued before"),
            (added.reappeared, "sent or dropped before, and not queued again"),
            (added.irrevocable, "not queued: GitHub does not revoke them on request, or their check failed"),
            (added.local, "not queued: only local, see --queue-local"),
            (added.allowed, "not queued: on the allow-list"),
            (added.own, "not queued: in unleak's own environment"),
            (added.held, "held for a person to decide: 'unleak ledger list --state held'"),
        )
        if count
    ]
    return "; ".join(told)
