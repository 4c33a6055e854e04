"""What a push brings: every object that the other side has not, and for hits the commit that adds them."""

import time
from collections import defaultdict
from dataclasses import dataclass

from scanner.errors import ReadError
from scanner.finding import CommitLocation, Exposure, GitLocation, Match, ObjectLocation
from scanner.pipeline.change import secrets_of
from scanner.pipeline.group import Entry, Group
from scanner.pipeline.report import Report, findings
from scanner.pipeline.scan import scan_unit
from scanner.secret import Secret
from scanner.sources.git import pushes
from scanner.sources.git.objects import Objects, ObjectUnit
from scanner.sources.git.pushes import Push, RefNamesUnit


@dataclass(frozen=True, slots=True)
class PushRead:
    """What was read of a push.

    Attributes:
        refs: How many refs it moves, deleted ones left out.
        report: What came out.
    """

    refs: int
    report: Report


def run_push(push: Push, *, include_failed: bool = False) -> PushRead:
    """Search what a push brings: blobs, commits and tags, whether an end of it still shows them or not.

    A secret of a blob counts when some commit that is pushed adds it to what its parents have.

    Raises:
        SourceError: git cannot list what is pushed.
    """
    begun = time.monotonic()
    names = tuple(update.ref for update in push.updates if update.new)
    scanned = scan_unit(RefNamesUnit(names), include_failed=include_failed)
    group, tally = scanned.group, scanned.tally
    seen = Group()
    with Objects() as objects:
        has = [update.old for update in push.updates if update.old and _is_here(objects, update.old)]
        for oid in pushes.objects(push, has):
            scanned = scan_unit(ObjectUnit(objects, oid), include_failed=include_failed)
            tally.add(scanned.tally)
            seen.merge(scanned.group)
        if len(seen):
            _Origins(objects, seen, group, include_failed=include_failed).locate(pushes.commits(push, has))
    return PushRead(len(names), Report(findings(group), tally, time.monotonic() - begun))


class _Origins:
    def __init__(self, objects: Objects, seen: Group, group: Group, *, include_failed: bool) -> None:
        self._objects = objects
        self._group = group
        self._include_failed = include_failed
        self._blobs: dict[str, list[tuple[Secret, Entry, ObjectLocation]]] = defaultdict(list)
        for secret, entry in seen.entries.items():
            for sighting in entry.objects.values():
                if sighting.type == "blob":
                    self._blobs[sighting.oid].append((secret, entry, sighting))
                else:
                    self._add(secret, entry, _elsewhere(sighting))

    def locate(self, commits: list[str]) -> None:
        """Add each secret that a commit adds, and of blobs that no commit has, all."""
        from scanner.sources.git.changes import of_commits  # noqa: PLC0415 - for hits only

        met = set()
        if self._blobs:
            for change in of_commits(commits):
                if change.new in self._blobs:
                    met.add(change.new)
                    self._commit(change.commit, change.path, change.new, change.old)
        for oid in self._blobs.keys() - met:
            for secret, entry, sighting in self._blobs[oid]:
                self._add(secret, entry, _elsewhere(sighting))

    def _commit(self, commit: str, path: str, blob: str, old: tuple[str, ...]) -> None:
        from scanner.sources.git.fields import Author, author  # noqa: PLC0415 - for hits only

        before = secrets_of(old, self._objects, include_failed=self._include_failed)
        for secret, entry, sighting in self._blobs[blob]:
            if secret in before:
                continue
            try:
                who = author(self._objects.whole(commit))
            except ReadError:
                who = Author("", "")
            place = CommitLocation(sighting.repository, commit, path, sighting.at, blob, who.name, who.date)
            self._add(secret, entry, place)

    def _add(self, secret: Secret, entry: Entry, location: CommitLocation | GitLocation) -> None:
        self._group.add(Match(entry.pattern, entry.check, secret, location.at.offset), location)


def _elsewhere(sighting: ObjectLocation) -> GitLocation:
    from scanner.sources.git.fields import place_name  # noqa: PLC0415 - for hits only

    where = place_name(sighting.type, sighting.field)
    return GitLocation(sighting.repository, where, Exposure.COMMITTED, sighting.at, object=sighting.oid)


def _is_here(objects: Objects, oid: str) -> bool:
    try:
        objects.skip(objects.open(oid).size)
    except ReadError:
        return False
    return True
