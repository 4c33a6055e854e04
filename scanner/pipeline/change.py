"""What a change adds: the secrets of each new blob less those of the blob that stood there before."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scanner.errors import ReadError
from scanner.finding import Exposure, GitLocation, Match, Position, Problem, Tally
from scanner.pipeline.group import Group
from scanner.pipeline.report import Report, findings
from scanner.pipeline.scan import detector, scan_unit
from scanner.sources.files import FilesUnit
from scanner.sources.git.changes import Blobs, Change, staged, worktree_top
from scanner.sources.git.layout import Repository
from scanner.sources.windows import Lines


@dataclass(frozen=True, slots=True)
class Read:
    """What was read for a change.

    Attributes:
        changes: How many staged changes.
        whole: How many of the files that were named, and in which nothing is staged.
        report: What came out.
    """

    changes: int
    whole: int
    report: Report


def run_staged(files: Sequence[str] = (), *, include_failed: bool = False) -> Read:
    """Search what is staged in the repository of this directory.

    Args:
        files: Files to read whole where nothing of them is staged: a hook manager that is asked to check all files
            hands them over without staging anything.
        include_failed: Whether look-alikes are findings too.

    Raises:
        SourceError: This is no worktree, or git cannot read its index.
    """
    begun = time.monotonic()
    group, tally = Group(), Tally()
    changes = staged()
    if changes:
        _search_changes(changes, group, tally, include_failed=include_failed)
    whole = _not_staged(files, changes)
    if whole:
        scanned = scan_unit(FilesUnit(whole, Repository.open(worktree_top())), include_failed=include_failed)
        group.merge(scanned.group)
        tally.add(scanned.tally)
    return Read(len(changes), len(whole), Report(findings(group), tally, time.monotonic() - begun))


def _not_staged(files: Sequence[str], changes: Sequence[Change]) -> tuple[str, ...]:
    if not files:
        return ()
    top = os.path.realpath(worktree_top())
    changed = {change.path for change in changes}
    return tuple(file for file in files if os.path.relpath(_resolved(file), top) not in changed)


def _resolved(file: str) -> str:
    # The directory's links are resolved, as git does; a link that is itself the file is not.
    directory, name = os.path.split(os.path.abspath(file))
    return os.path.join(os.path.realpath(directory), name)


def _search_changes(changes: Sequence[Change], group: Group, tally: Tally, *, include_failed: bool) -> None:
    with Blobs() as blobs:
        for change in changes:
            try:
                for match, at in _added(change, blobs, tally, include_failed=include_failed):
                    place = GitLocation(worktree_top(), "index", Exposure.STAGED, at, change.new, change.path)
                    group.add(match, place)
                tally.files += 1
            except ReadError as error:
                tally.failed.append(Problem(change.path, error.message))


def _added(change: Change, blobs: Blobs, tally: Tally, *, include_failed: bool) -> Iterator[tuple[Match, Position]]:
    hits = list(_search(change.new, blobs, tally, include_failed=include_failed))
    before = set()
    if hits and change.old is not None:
        before = {match.secret for match, _ in _search(change.old, blobs, Tally(), include_failed=include_failed)}
    return ((match, at) for match, at in hits if match.secret not in before)


def _search(oid: str, blobs: Blobs, tally: Tally, *, include_failed: bool) -> Iterator[tuple[Match, Position]]:
    search = detector(include_failed=include_failed).search
    lines = Lines()
    for chunk in blobs.read(oid):
        found = search(chunk.buffer, more=chunk.more)
        tally.lookalikes += found.lookalikes
        tally.bytes += chunk.fresh
        for match in found.matches:
            yield match, lines.position(chunk.buffer, chunk.offset + match.offset)
        if chunk.more:
            lines.pass_over_chunk(chunk)
