"""JSON Lines: a line a finding, then a line for the summary."""

from collections.abc import Iterable, Iterator

import msgspec

from scanner.output.record import Record


def write(findings: Iterable[Record], summary: Record) -> Iterator[bytes]:
    """The document, piece by piece."""
    encode = msgspec.json.Encoder().encode
    for finding in findings:
        yield encode(finding) + b"\n"
    yield encode(summary) + b"\n"
