"""The record of everything that was done, and proof that nobody has touched it since.

Examples:
  unleak audit show                  what was done, when, by whom
  unleak audit verify                the chain of hashes, from the first record to the last
  unleak audit verify --expect HEAD  … and that it still has the record that was last when HEAD was printed

Every run that acts prints the head. Keep it elsewhere: without it, a chain that was cut off looks whole.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

import msgspec

from scanner.audit import AuditLog
from scanner.errors import AuditError, Exit
from scanner.output.text import printable
from scanner.state import state_directory


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("verb", choices=("show", "verify"), help="what to do")
    parser.add_argument("--format", choices=("text", "jsonl"), default="text", help="of show; default: text")
    parser.add_argument("--expect", type=_hash, metavar="HEAD", help="of verify: a head that was printed before")


def run(args: Namespace) -> Exit:
    """Show or verify."""
    log = AuditLog(state_directory(args.state_dir))
    if args.verb == "show":
        for record in log.records():
            sys.stdout.buffer.write(record + b"\n" if args.format == "jsonl" else _text(log, record))
        sys.stdout.buffer.flush()
        return Exit.CLEAN
    verified = log.verify(args.expect)
    sys.stdout.write(f"{verified.head.sequence} records, head {verified.head.hash}\n")
    if verified.torn and not args.quiet:
        sys.stderr.write("unleak: its last line is unfinished, after a crash; the next record will say so\n")
    return Exit.CLEAN


def _text(log: AuditLog, record: bytes) -> bytes:
    try:
        fields: dict[str, Any] = msgspec.json.decode(record, type=dict)
    except msgspec.DecodeError:
        raise AuditError(f"{log.path}: a line is no record", "'unleak audit verify' tells which.") from None
    words = [
        f"{fields.get('event.sequence', '?'):>6}  {fields.get('@timestamp', '?')}",
        str(fields.get("event.action", "?")),
        f"{fields.get('user.name', '?')}@{fields.get('host.name', '?')}",
    ]
    if "unleak.batch" in fields:
        words.append(f"batch {fields['unleak.batch']} of plan {fields.get('unleak.plan', '?')}")
    if "unleak.fingerprints" in fields:
        words.append(f"{len(fields['unleak.fingerprints']):,} secret(s)")
    words += [str(fields[name]) for name in ("unleak.state", "event.reason") if name in fields]
    return f"{'  '.join(map(printable, words))}\n".encode()


def _hash(text: str) -> str:
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise ArgumentTypeError("want the 64 hexadecimal digits that were printed as head")
    return text
