"""What was found and what became of it; and a brake on all sending.

Examples:
  unleak ledger list                   each secret with its state; never the secret itself
  unleak ledger list --state rejected  those that GitHub refused
  unleak ledger pause                  no dispatcher sends anything any more, until …
  unleak ledger resume
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from scanner.audit import AuditLog
from scanner.errors import Exit, UsageError
from scanner.ledger import Entry, Ledger, State
from scanner.output.summary import plural
from scanner.output.text import printable
from scanner.state import state_directory


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("verb", choices=("list", "pause", "resume"), help="what to do")
    listing = parser.add_argument_group("list")
    formats = f"{{{','.join(_FORMATS)}}}"
    listing.add_argument("--format", default="text", metavar=formats, help="default: text")
    listing.add_argument("--state", choices=[state.value for state in State], help="only what is in this state")


def run(args: Namespace) -> Exit:
    """List, pause or resume."""
    directory = state_directory(args.state_dir)
    with Ledger.open(directory) as ledger:
        if args.verb == "list":
            # Not argparse's to check: a format that is set for all commands must not keep the brake from working.
            if args.format not in _FORMATS:
                raise UsageError(f"--format {args.format}: want {', '.join(_FORMATS)}")
            entries = ledger.entries(State(args.state) if args.state else None)
            for piece in _FORMATS[args.format](entries):
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return Exit.CLEAN
        ledger.pause() if args.verb == "pause" else ledger.resume()
    # The brake first and its record after it: it has to work even where the log cannot be written.
    head = AuditLog(directory).append({"event.action": f"ledger-{args.verb}d"})
    if not args.quiet:
        sys.stderr.write(f"unleak: {args.verb}d; audit log: {head.sequence:,} records, head {head.hash}\n")
    return Exit.CLEAN


def _text(entries: Iterable[Entry]) -> Iterator[bytes]:
    for entry in entries:
        total, sent = entry.locations_total, entry.attempts
        facts = [
            f"{entry.state:10}  {entry.pattern:23}  {entry.redacted}",
            f"{total:,} {plural('place', total)} on {_date(entry.last_seen)[:10]}, first in {printable(entry.source)}",
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
        "first_seen": _date(entry.first_seen),
        "last_seen": _date(entry.last_seen),
        "locations_total": entry.locations_total,
    }


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


_FORMATS = {"text": _text, "json": _json, "jsonl": _jsonl}
