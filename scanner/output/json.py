"""One JSON object with all findings and the summary."""

from collections.abc import Iterable, Iterator

import msgspec

from scanner.output.record import SCHEMA, Record


def write(findings: Iterable[Record], summary: Record) -> Iterator[bytes]:
    """The document, piece by piece, so that it is never whole in memory."""
    encode = msgspec.json.Encoder().encode
    yield b'{"schema":%d,"findings":[' % SCHEMA
    separator = b"\n"
    for finding in findings:
        yield separator + encode(finding)
        separator = b",\n"
    yield b'\n],"summary":' + encode(summary) + b"}\n"
