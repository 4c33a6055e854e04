"""Findings and summaries as plain records, redacted: what every format writes."""

from collections.abc import Iterable
from typing import Any, Final

from scanner.finding import (
    CommitLocation,
    Exposure,
    FileLocation,
    Finding,
    GitLocation,
    Location,
    Problem,
    Tally,
)
from scanner.secret import path_for_people

SCHEMA: Final = 1

Record = dict[str, Any]


def finding_record(finding: Finding) -> Record:
    """A finding, as JSON will show it."""
    return {
        "schema": SCHEMA,
        "type": "finding",
        "fingerprint": finding.fingerprint,
        "pattern": finding.pattern,
        "name": finding.name,
        "check": finding.check.value,
        "revocable": finding.revocable,
        "exposure": finding.exposure.value,
        "redacted": finding.secret.redacted,
        "locations_total": finding.locations_total,
        "locations": [location_record(location) for location in finding.locations],
    }


def location_record(location: Location) -> Record:
    """A location, as JSON will show it."""
    match location:
        case FileLocation():
            record = {"kind": "file", **_path("path", location.path)}
        case CommitLocation():
            record = {
                "kind": "commit",
                **_path("repository", location.repository),
                "commit": location.commit,
                **_path("path", location.path),
                "blob": location.blob,
                "author": _text(location.author),
                "date": location.date,
            }
        case GitLocation():
            record = {"kind": "git", **_path("repository", location.repository), "where": _text(location.where)}
            if location.object:
                record["object"] = location.object
            if location.path is not None:
                record |= _path("path", location.path)
    if location.exposure is Exposure.LOCAL:
        record["exposure"] = location.exposure.value
    at = location.at
    return record | {"line": at.line, "column": at.column, "offset": at.offset}


def summary_record(tally: Tally, *, findings: int, seconds: float, strict: bool) -> Record:
    """How much was read, as JSON will show it."""
    return {
        "schema": SCHEMA,
        "type": "summary",
        "findings": findings,
        "files": tally.files,
        "objects": tally.objects,
        "bytes": tally.bytes,
        "seconds": round(seconds, 3),
        "failed": list(_problems(tally.failed)),
        "declined": list(_problems(tally.declined)),
        "failed_checks": tally.lookalikes,
        "complete": is_complete(tally, strict=strict),
    }


def is_complete(tally: Tally, *, strict: bool) -> bool:
    """Whether everything was read; with ``strict``, what is not read by nature counts too."""
    return not tally.failed and not (strict and tally.declined)


def _problems(problems: Iterable[Problem]) -> Iterable[Record]:
    return ({**_path("path", problem.path), "reason": _text(problem.reason)} for problem in problems)


def _text(text: str) -> str:
    return path_for_people(text)[0]


def _path(key: str, path: str) -> Record:
    text, exact = path_for_people(path)
    return {key: text, f"{key}_b64": exact} if exact else {key: text}
