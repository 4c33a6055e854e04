"""The report of a scan: findings, in a fixed order, and what was read."""

from dataclasses import dataclass

import patterns
from scanner.finding import Exposure, Finding, Tally
from scanner.pipeline.group import Entry, Group, order
from scanner.secret import Secret


@dataclass(frozen=True, slots=True)
class Report:
    """What a scan found and how much it read.

    Attributes:
        findings: In the order of their first locations.
        tally: What was read, and what was not.
        seconds: How long it took.
    """

    findings: tuple[Finding, ...]
    tally: Tally
    seconds: float


def findings(group: Group) -> tuple[Finding, ...]:
    """The findings of a group whose objects have been located, in a fixed order."""
    names = {pattern.id: pattern for pattern in patterns.builtin()}
    made = [_finding(secret, entry, names[entry.pattern]) for secret, entry in group.entries.items()]
    return tuple(sorted(made, key=lambda finding: (*order(finding.locations[0]), finding.fingerprint)))


def _finding(secret: Secret, entry: Entry, pattern: patterns.Pattern) -> Finding:
    return Finding(
        secret=secret,
        pattern=pattern.id,
        name=pattern.name,
        check=entry.check,
        revocable=pattern.revocable,
        exposure=entry.exposure or Exposure.COMMITTED,
        locations_total=entry.total,
        locations=entry.locations,
    )
