"""What a change adds: the secrets of each new blob less those of the blobs that stood there before."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scanner.finding import Exposure, GitLocation, Position, Tally
from scanner.pipeline.group import Group
from scanner.pipeline.report import Report, findings
from scanner.pipeline.scan import Scanned, scan_unit
from scanner.secret import Secret
from scanner.sources.git.changes import Change, between, of_commit, staged
from scanner.sources.git.command import worktree_top
from scanner.sources.git.objects import Objects, ObjectUnit

_START = Position(1, 1, 0)


@dataclass(frozen=True, slots=True)
class Read:
    """What was read for a change.

    Attributes:
        changes: How many paths it makes or alters.
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
    changes = list(staged())
    group, tally = _search(changes, "index", Exposure.STAGED, include_failed=include_failed)
    whole = _not_staged(files, changes)
    if whole:
        from scanner.sources.files import FilesUnit  # noqa: PLC0415 - a commit's own hook has no use for it
        from scanner.sources.git.layout import Repository  # noqa: PLC0415

        scanned = scan_unit(FilesUnit(whole, Repository.open(worktree_top())), include_failed=include_failed)
        group.merge(scanned.group)
        tally.add(scanned.tally)
    return Read(len(changes), len(whole), Report(findings(group), tally, time.monotonic() - begun))


def run_unstaged(*, include_failed: bool = False) -> Read:
    """Search what the worktree of this directory has and the index has not; untracked files are no part of it.

    Raises:
        SourceError: This is no worktree, or its index cannot be read.
    """
    from scanner.sources.files import FilesUnit  # noqa: PLC0415 - no hook asks for it
    from scanner.sources.git.unstaged import unstaged  # noqa: PLC0415

    begun = time.monotonic()
    group, tally = Group(), Tally()
    edits = unstaged(tally)
    with Objects() as objects:
        for edit in edits:
            scanned = scan_unit(FilesUnit((edit.path,)), include_failed=include_failed)
            tally.add(scanned.tally)
            _merge_new(group, scanned, edit.old, objects, include_failed=include_failed)
    return Read(len(edits), 0, Report(findings(group), tally, time.monotonic() - begun))


def run_range(revisions: str, *, include_failed: bool = False) -> Read:
    """Search what a range of commits, or a single commit, changes.

    Args:
        revisions: ``A..B``, ``A...B`` or a commit.
        include_failed: Whether look-alikes are findings too.

    Raises:
        SourceError: git does not know them.
    """
    begun = time.monotonic()
    changes = list(between(revisions) if ".." in revisions else of_commit(revisions))
    group, tally = _search(changes, "blob", Exposure.COMMITTED, include_failed=include_failed)
    return Read(len(changes), 0, Report(findings(group), tally, time.monotonic() - begun))


def secrets_of(oids: Iterable[str], objects: Objects, *, include_failed: bool) -> set[Secret]:
    """The secrets of some blobs; one that is not there has none, so that what is new stays so."""
    return {
        secret
        for oid in oids
        for secret in scan_unit(ObjectUnit(objects, oid), include_failed=include_failed).group.entries
    }


def _search(changes: Sequence[Change], where: str, exposure: Exposure, *, include_failed: bool) -> tuple[Group, Tally]:
    group, tally = Group(), Tally()
    if not changes:
        return group, tally
    with Objects() as objects:
        for change in changes:
            place = GitLocation("", where, exposure, _START, change.new, change.path)
            scanned = scan_unit(ObjectUnit(objects, change.new, place), include_failed=include_failed)
            tally.add(scanned.tally)
            _merge_new(group, scanned, change.old, objects, include_failed=include_failed)
    return group, tally


def _merge_new(group: Group, scanned: Scanned, old: Sequence[str], objects: Objects, *, include_failed: bool) -> None:
    if len(scanned.group):
        before = secrets_of(old, objects, include_failed=include_failed)
        group.merge(scanned.group.without(before))


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
