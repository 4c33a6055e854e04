"""What was found and what became of it; decisions about single secrets; and a brake on all sending.

Examples:
  unleak ledger list                   each secret with its state; never the secret itself
  unleak ledger list --state held      those that wait for you
  unleak ledger show FINGERPRINT       where it was seen, its history, what to search for in GitHub's audit log
  unleak ledger export FINGERPRINT     the same as a ticket, in Markdown
  unleak ledger release FINGERPRINT    let what is held be sent
  unleak ledger drop FINGERPRINT       settle it without sending; the secret is wiped
  unleak ledger requeue FINGERPRINT    send again what was parked, rejected, or found again
  unleak ledger add < FILE             queue the tokens on standard input
  unleak ledger pause                  no dispatcher sends anything any more, until …
  unleak ledger resume
  unleak ledger rekey                  a new private key; the old one opens nothing any more
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from scanner.audit import AuditLog, Event
from scanner.cli.say import say
from scanner.cli.ticket import date, markdown, text
from scanner.errors import Exit, UsageError
from scanner.ledger import Entry, Ledger, State, decisions, entries
from scanner.output.summary import plural
from scanner.output.text import printable
from scanner.state import state_directory

_DECISIONS: Final = {decision.name: decision for decision in (decisions.DROP, decisions.RELEASE, decisions.REQUEUE)}
_VERBS: Final = ("list", "show", "add", "drop", "release", "requeue", "pause", "resume", "export", "rekey")
_TAKE_FINGERPRINTS: Final = {"show", "export", *_DECISIONS}


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("verb", choices=_VERBS, help="what to do")
    parser.add_argument(
        "fingerprints", nargs="*", metavar="FINGERPRINT", help="of show, export, drop, release, requeue"
    )
    listing = parser.add_argument_group("list")
    formats = f"{{{','.join(_FORMATS)}}}"
    listing.add_argument("--format", default="text", metavar=formats, help="default: text")
    listing.add_argument("--state", choices=[state.value for state in State], help="only what is in this state")


def run(args: Namespace) -> Exit:
    """Do what the verb says."""
    if bool(args.fingerprints) != (args.verb in _TAKE_FINGERPRINTS):
        raise UsageError(f"ledger {args.verb}: {'takes no' if args.fingerprints else 'which'} FINGERPRINT")
    directory = state_directory(args.state_dir)
    log = AuditLog(directory)
    with Ledger.open(directory, args.ledger) as ledger:
        if args.verb == "list":
            # Not argparse's to check: a format that is set for all commands must not keep the brake from working.
            if args.format not in _FORMATS:
                raise UsageError(f"--format {args.format}: want {', '.join(_FORMATS)}")
            return _write(_FORMATS[args.format](ledger.entries(State(args.state) if args.state else None)))
        if args.verb in {"show", "export"}:
            shape = text if args.verb == "show" else markdown
            return _write(shape(entries.find(ledger, one), log) for one in args.fingerprints)
        if args.verb in _DECISIONS:
            said = _decide(ledger, log, _DECISIONS[args.verb], args.fingerprints)
        else:
            said = _ACTS[args.verb](ledger, log)
    head = log.head()
    if not args.quiet:
        say(f"unleak: {said}; audit log: {head.sequence:,} records, head {head.hash}")
    return Exit.CLEAN


def _decide(ledger: Ledger, log: AuditLog, decision: decisions.Decision, fingerprints: list[str]) -> str:
    with ledger.writing() as connection:
        for one in fingerprints:
            decisions.decide(connection, decision, one)
        # Before it is final: what cannot be put on record does not happen.
        log.append({"event.action": decision.done, "unleak.fingerprints": fingerprints})
    return f"{len(fingerprints)} now {decision.target}"


def _add(ledger: Ledger, log: AuditLog) -> str:
    from scanner.cli.typed import typed_findings  # noqa: PLC0415 - the patterns are for this verb alone

    findings = typed_findings()
    added = ledger.add(findings)
    log.append({"event.action": "ledger-added", "unleak.fingerprints": [finding.fingerprint for finding in findings]})
    return f"queued {added.queued}; {added.known} known before; {added.own} in unleak's own environment"


def _brake(verb: str, change: Callable[[Ledger], None]) -> Callable[[Ledger, AuditLog], str]:
    def act(ledger: Ledger, log: AuditLog) -> str:
        # The brake first and its record after it: it has to work even where the log cannot be written.
        change(ledger)
        log.append({"event.action": f"ledger-{verb}"})
        return verb

    return act


def _rekey(ledger: Ledger, log: AuditLog) -> str:
    log.append({"event.action": "ledger-rekey-intended"})
    done: Event = {"event.action": "ledger-rekeyed", "unleak.count": (count := ledger.rekey())}
    log.append(done)
    return f"{count:,} secrets sealed to a new key; copies of the old ledger still open with the old key"


_ACTS: Final[dict[str, Callable[[Ledger, AuditLog], str]]] = {
    "add": _add,
    "pause": _brake("paused", Ledger.pause),
    "resume": _brake("resumed", Ledger.resume),
    "rekey": _rekey,
}


def _write(pieces: Iterable[bytes]) -> Exit:
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
    return Exit.CLEAN


def _text(entries: Iterable[Entry]) -> Iterator[bytes]:
    for entry in entries:
        total, sent = entry.locations_total, entry.attempts
        facts = [
            f"{entry.state:10}  {entry.pattern:23}  {entry.redacted}",
            f"{total:,} {plural('place', total)} on {date(entry.last_seen)[:10]}, first in {printable(entry.source)}",
            f"sent {sent:,} {plural('time', sent)}" if sent else "not sent",
        ]
        facts += ["reappeared"] if entry.reappeared else []
        facts += [printable(entry.reason)] if entry.reason else []
        yield f"{'; '.join(facts)}\n{'':10}  fingerprint {entry.fingerprint}\n".encode()


def _json(entries: Iterable[Entry]) -> Iterator[bytes]:
    before = b"["
    for entry in entries:
        yield before + msgspec.json.encode(_record(entry))
        before = b",\n"
    yield b"[]\n" if before == b"[" else b"]\n"


def _jsonl(entries: Iterable[Entry]) -> Iterator[bytes]:
    return (msgspec.json.encode(_record(entry)) + b"\n" for entry in entries)


def _record(entry: Entry) -> dict[str, Any]:
    return {
        "fingerprint": entry.fingerprint,
        "pattern": entry.pattern,
        "state": entry.state.value,
        "attempts": entry.attempts,
        "first_seen": date(entry.first_seen),
        "last_seen": date(entry.last_seen),
        "locations_total": entry.locations_total,
    }


_FORMATS: Final = {"text": _text, "json": _json, "jsonl": _jsonl}
