"""Targets that are somewhere else: cloned for the time of a scan, and called by their addresses in its report."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory

from scanner.finding import FileLocation, Location, Problem
from scanner.pipeline.report import Report
from scanner.sources.git.remote import clone, is_url


@dataclass(frozen=True, slots=True)
class Clones:
    """Targets that are all here.

    Attributes:
        targets: As they were named, or the directories of their clones.
        names: What each of those directories is a clone of.
    """

    targets: tuple[str, ...]
    names: Mapping[str, str]

    def named(self, report: Report) -> Report:
        """A report with the addresses in place of the clones' directories."""
        if not self.names:
            return report
        findings = tuple(
            replace(finding, locations=tuple(self._located(location) for location in finding.locations))
            for finding in report.findings
        )
        for problems in (report.tally.failed, report.tally.declined):
            problems[:] = [Problem(self._name(problem.path), problem.reason) for problem in problems]
        return replace(report, findings=findings)

    def _located(self, location: Location) -> Location:
        if isinstance(location, FileLocation):
            return replace(location, path=self._name(location.path))
        return replace(location, repository=self._name(location.repository))

    def _name(self, path: str) -> str:
        for directory, name in self.names.items():
            if path == directory or path.startswith(directory + os.sep):
                return name + path[len(directory) :]
        return path


@contextmanager
def cloned(targets: Sequence[str]) -> Iterator[Clones]:
    """Clone what is an address; the clones are gone afterwards.

    Args:
        targets: Files, directories, ``-``, and addresses of repositories.

    Raises:
        SourceError: One cannot be cloned.
        UsageError: There is a password in an address.
    """
    if not any(_is_elsewhere(target) for target in targets):
        yield Clones(tuple(targets), {})
        return
    with TemporaryDirectory(prefix="unleak-") as scratch:
        here: list[str] = []
        names: dict[str, str] = {}
        for number, target in enumerate(targets):
            if _is_elsewhere(target):
                directory = os.path.join(os.path.realpath(scratch), str(number))
                os.mkdir(directory)
                clone(target, directory)
                names[directory] = target
                here.append(directory)
            else:
                here.append(target)
        yield Clones(tuple(here), names)


def _is_elsewhere(target: str) -> bool:
    return is_url(target) and not os.path.lexists(target)
