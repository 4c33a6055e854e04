"""Text for people: a paragraph a secret, with every place that is kept."""

from collections.abc import Iterable, Iterator
from typing import Final

from scanner.output.record import Record

_SHORT_ID: Final = 12  # characters of an object's id: unambiguous in any repository that exists


def write(findings: Iterable[Record], summary: Record) -> Iterator[bytes]:
    """The document, piece by piece. What was read is told on stderr."""
    del summary
    for finding in findings:
        yield "".join(f"{line}\n" for line in _paragraph(finding)).encode() + b"\n"


def printable(text: str) -> str:
    """Text without anything that a terminal would obey: a path may hold an escape sequence or a line feed."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def _paragraph(finding: Record) -> Iterator[str]:
    facts = [finding["name"], f"check {finding['check']}", finding["exposure"]]
    if not finding["revocable"]:
        facts.append("GitHub does not revoke this type on request")
    yield f"{finding['redacted']}  {', '.join(facts)}"
    for location in finding["locations"]:
        yield f"  {printable(_place(location))}"
    if more := finding["locations_total"] - len(finding["locations"]):
        yield f"  … and {more:,} more"
    yield f"  fingerprint {finding['fingerprint']}"


def _place(location: Record) -> str:
    line = f"{location['line']}:{location['column']}"
    match location["kind"]:
        case "file":
            local = "  (local)" if location.get("exposure") else ""
            return f"{location['path']}:{line}{local}"
        case "commit":
            commit = location["commit"][:_SHORT_ID]
            day = location["date"][:10]
            return (
                f"{location['path']}:{line}  in commit {commit} of {day} by {location['author']}"
                f"  ({location['repository']})"
            )
        case _:
            path = f"{location['path']}:{line}  " if "path" in location else ""
            oid = f" {location['object'][:_SHORT_ID]}" if "object" in location else ""
            return f"{path}in {location['where']}{oid}  ({location['repository']})"
