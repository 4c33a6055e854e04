"""A whole scan: discover, work, group, locate, and the report of it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from scanner.errors import ReadError, SourceError
from scanner.finding import ObjectLocation, Problem, Tally, Unit
from scanner.pipeline.group import Group
from scanner.pipeline.report import Report, findings
from scanner.pipeline.scan import scan_unit
from scanner.secret import Secret
from scanner.sources.discover import Scope, discover
from scanner.workers import Crew, crew

# Enough for workers to end together and for progress to be seen; a worker looks at a pack's headers only once.
_PARTS_A_JOB: Final = 8


@dataclass(frozen=True, slots=True)
class Request:
    """What a scan is asked for.

    Attributes:
        targets: Files, directories, repositories; ``-`` is standard input.
        history: Whether repositories' objects and git directories are read.
        files: Whether files are read.
        include_failed: Whether look-alikes are findings too.
        jobs: How many processes.
    """

    targets: tuple[str, ...]
    history: bool = True
    files: bool = True
    include_failed: bool = False
    jobs: int = 1


class Watcher:
    """Is told how a scan gets on. This one says nothing."""

    def advanced(self, tally: Tally, findings: int) -> None:
        """Another unit is done."""

    def locating(self, repository: str) -> None:
        """The origins of a repository's hits are being worked out."""


def run(request: Request, watcher: Watcher) -> Report:
    """Scan.

    Raises:
        SourceError: A target does not exist.
        WorkerDiedError: A worker process died.
    """
    begun = time.monotonic()
    group, tally = Group(), Tally()
    scope = Scope(history=request.history, files=request.files, parts=request.jobs * _PARTS_A_JOB)
    units: Iterator[Unit] = discover(request.targets, scope, tally)
    function = partial(scan_unit, include_failed=request.include_failed)
    with crew(request.jobs) as workers:
        for scanned in workers.work(function, units):
            group.merge(scanned.group)
            tally.add(scanned.tally)
            watcher.advanced(tally, len(group))
        _locate(group, tally, watcher, parts=request.jobs, workers=workers)
    return Report(findings(group), tally, time.monotonic() - begun)


def _locate(group: Group, tally: Tally, watcher: Watcher, *, parts: int, workers: Crew) -> None:
    """Turn each git object that holds a secret into the places that it came from."""
    secrets: list[Secret] = []
    repositories: dict[str, list[tuple[int, ObjectLocation]]] = {}
    for secret, sighting in group.objects():
        if not secrets or secrets[-1] is not secret:
            secrets.append(secret)
        repositories.setdefault(sighting.repository, []).append((len(secrets) - 1, sighting))
    if not repositories:
        return
    from scanner.sources.git import Repository, origins  # noqa: PLC0415 - for hits only

    for path, sightings in repositories.items():
        watcher.locating(path)
        try:
            for number, location in origins(Repository.open(path), sightings, parts=parts, mapper=workers.work):
                group.entries[secrets[number]].add(location)
        except (SourceError, ReadError) as error:
            tally.failed.append(Problem(path, error.message))
