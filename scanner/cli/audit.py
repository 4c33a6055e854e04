"""The record of everything that was done, and proof that nobody has touched it since.

Examples:
  unleak audit show                  what was done, when, by whom
  unleak audit verify                the chain of hashes, from the first record to the last
  unleak audit verify --expect HEAD  … and that it still has the record that was last when HEAD was printed

Every run that acts prints the head. Keep it elsewhere: without it, a chain that was cut off looks whole.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from typing import Any

import msgspec

from scanner.audit import AuditLog
from scanner.cli.say import say
from scanner.errors import AuditError, Exit, UsageError
from scanner.output.summary import plural
from scanner.output.text import printable
from scanner.state import state_directory


def configure(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("verb", choices=("show", "verify"), help="what to do")
    formats = f"{{{','.join(_FORMATS)}}}"
    parser.add_argument("--format", default="text", metavar=formats, help="of show; default: text")
    parser.add_argument("--expect", type=_hash, metavar="HEAD", help="of verify: a head that was printed before")


def run(args: Namespace) -> Exit:
    """Show or verify."""
    log = AuditLog(state_directory(args.state_dir))
    if args.verb == "show":
        # Not argparse's to check: a format that is set for all commands must not keep the chain from being verified.
        if args.format not in _FORMATS:
            raise UsageError(f"--format {args.format}: want {', '.join(_FORMATS)}")
        for piece in _FORMATS[args.format](log):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return Exit.CLEAN
    verified = log.verify(args.expect)
    sys.stdout.write(f"{verified.head.sequence} records, head {verified.head.hash}\n")
    if verified.torn and not args.quiet:
        say("unleak: its last line is unfinished, after a crash; the next record will say so")
    return Exit.CLEAN


def _text(log: AuditLog) -> Iterator[bytes]:
    return (_line(_fields(log, record)) for record in log.records())


def _json(log: AuditLog) -> Iterator[bytes]:
    before = b"["
    for record in log.records():
        _fields(log, record)
        yield before + record
        before = b",\n"
    yield b"[]\n" if before == b"[" else b"]\n"


def _jsonl(log: AuditLog) -> Iterator[bytes]:
    return (record + b"\n" for record in log.records())


def _fields(log: AuditLog, record: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(record, type=dict)
    except msgspec.DecodeError:
        raise AuditError(f"{log.path}: a line is no record", "'unleak audit verify' tells which.") from None


def _line(fields: dict[str, Any]) -> bytes:
    words = [
        f"{fields.get('event.sequence', '?'):>6}  {fields.get('@timestamp', '?')}",
        str(fields.get("event.action", "?")),
        f"{fields.get('user.name', '?')}@{fields.get('host.name', '?')}",
    ]
    if "unleak.batch" in fields:
        words.append(f"batch {fields['unleak.batch']} of plan {fields.get('unleak.plan', '?')}")
    if "unleak.fingerprints" in fields:
        count = len(fields["unleak.fingerprints"])
        words.append(f"{count:,} {plural('secret', count)}")
    words += [str(fields[name]) for name in ("unleak.state", "event.reason") if name in fields]
    return f"{'  '.join(map(printable, words))}\n".encode()


def _hash(text: str) -> str:
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise ArgumentTypeError("want the 64 hexadecimal digits that were printed as head")
    return text


_FORMATS = {"text": _text, "json": _json, "jsonl": _jsonl}
