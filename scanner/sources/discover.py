"""From the targets that a person names to the units that workers read: the walk over directories and repositories."""

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from scanner.errors import SourceError
from scanner.finding import Problem, Tally, Unit
from scanner.sources import git
from scanner.sources.files import FilesUnit
from scanner.sources.git.layout import Repository, is_repository
from scanner.sources.stdin import StdinUnit

_FILES_A_UNIT: Final = 256  # enough to make a unit's own cost vanish, few enough to share out evenly
_STDIN: Final = "-"
_GIT_DIRECTORY: Final = {"HEAD", "objects", "refs"}


@dataclass(frozen=True, slots=True)
class Scope:
    """How much of the targets is read.

    Attributes:
        history: Whether repositories' objects and git directories are read.
        files: Whether files are read.
        parts: Into how many units the objects of a repository are split.
    """

    history: bool = True
    files: bool = True
    parts: int = 1


def discover(targets: Sequence[str], scope: Scope, tally: Tally) -> Iterator[Unit]:
    """The units that make up the targets, each file and each repository once.

    Args:
        targets: Files, directories, repositories; ``-`` is standard input.
        scope: How much of them is read.
        tally: Takes what cannot be walked.

    Raises:
        SourceError: A target does not exist. Raised before anything is read.
    """
    for target in targets:
        if target == _STDIN and sys.stdin is None:
            raise SourceError("-: standard input is closed", "Pipe something to it, or name a file.")
        if target != _STDIN and not os.path.lexists(target):
            hint = "Clone it first, then scan the clone." if "://" in target else None
            raise SourceError(f"{target}: no such file or directory", hint)
    return _Walk(scope, tally).units(targets)


class _Walk:
    def __init__(self, scope: Scope, tally: Tally) -> None:
        self._scope = scope
        self._tally = tally
        self._targets: set[str] = set()
        self._stores: set[str] = set()  # repositories met, so that a linked worktree adds no second scan
        self._paths: list[str] = []  # files met, for the next unit
        self._repository: Repository | None = None  # … and in whose worktree they stand

    def units(self, targets: Sequence[str]) -> Iterator[Unit]:
        reals = {target: os.path.realpath(target) for target in targets if target != _STDIN}
        for target in dict.fromkeys(targets):
            if target == _STDIN:
                yield StdinUnit()
                continue
            real = reals[target]
            if real in self._targets or any(_covers(other, real) for other in reals.values()):
                continue
            self._targets.add(real)
            # A link that is named outright is followed; one that is met on the way is not.
            yield from self._target(real if os.path.islink(target) else target)

    def _target(self, path: str) -> Iterator[Unit]:
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            self._fail(path, error)
            return
        if stat.S_ISDIR(mode):
            yield from self._directory(path, _enclosing(path))
        elif stat.S_ISREG(mode):
            if self._scope.files:
                yield FilesUnit((path,), _enclosing(os.path.dirname(path)))
        else:
            self._tally.declined.append(Problem(path, "not a regular file; to read a stream, pipe it to '-'"))

    def _directory(self, top: str, repository: Repository | None) -> Iterator[Unit]:
        pending = [(top, repository)]
        while pending:
            directory, repository = pending.pop()
            try:
                with os.scandir(directory) as entries:
                    listing = list(entries)
            except OSError as error:
                self._fail(directory, error)
                continue
            names = {entry.name for entry in listing}
            if names >= _GIT_DIRECTORY and is_repository(directory):
                if (bare := self._open(directory)) is not None:
                    yield from self._store(bare)
                    continue
            elif ".git" in names and (found := self._open(directory)) is not None:
                repository = found
                yield from self._store(found)
                # Its git directory is no part of the worktree; a linked worktree's ``.git`` file is.
                listing = [entry for entry in listing if entry.name != ".git" or entry.is_file(follow_symlinks=False)]
            pending += [(_path(entry), repository) for entry in listing if entry.is_dir(follow_symlinks=False)]
            yield from self._files([entry for entry in listing if not entry.is_dir(follow_symlinks=False)], repository)
        yield from self._flush()

    def _files(self, entries: list[os.DirEntry[str]], repository: Repository | None) -> Iterator[Unit]:
        if not self._scope.files:
            return
        if repository is not self._repository:
            yield from self._flush()
            self._repository = repository
        for entry in entries:
            if entry.is_file(follow_symlinks=False) or entry.is_symlink():
                self._paths.append(_path(entry))
                if len(self._paths) == _FILES_A_UNIT:
                    yield from self._flush()
            else:
                self._tally.declined.append(Problem(_path(entry), "a FIFO, socket or device"))

    def _flush(self) -> Iterator[Unit]:
        if self._paths:
            yield FilesUnit(tuple(self._paths), self._repository)
            self._paths.clear()

    def _open(self, directory: str) -> Repository | None:
        try:
            return Repository.open(os.path.abspath(directory))
        except SourceError as error:
            # What stands there is read as ordinary files instead; but a history that should be there was not read.
            self._tally.failed.append(Problem(directory, error.message))
            return None

    def _store(self, repository: Repository) -> Iterator[Unit]:
        if not self._scope.history or repository.identity in self._stores:
            return
        self._stores.add(repository.identity)
        yield from git.discover(repository, parts=self._scope.parts)
        try:
            for submodule in git.submodules(repository):
                yield from self._store(submodule)
        except SourceError as error:
            self._tally.failed.append(Problem(repository.path, error.message))

    def _fail(self, path: str, error: OSError) -> None:
        self._tally.failed.append(Problem(path, error.strerror or str(error)))


def _covers(directory: str, path: str) -> bool:
    """Whether the walk over a directory meets a path. It leaves a git directory to what reads repositories."""
    below = path.removeprefix(directory.rstrip(os.sep) + os.sep)
    return below != path and ".git" not in below.split(os.sep)


def _path(entry: os.DirEntry[str]) -> str:
    return entry.path.removeprefix("./")


def _enclosing(directory: str) -> Repository | None:
    """The repository that a directory is a part of, if any: it tells tracked files from local ones."""
    current = os.path.abspath(directory)
    while True:
        if os.path.lexists(os.path.join(current, ".git")) or is_repository(current):
            try:
                return Repository.open(current)
            except SourceError:
                return None  # the walk reports it where it meets it
        parent = os.path.dirname(current)
        if parent == current:
            return None
        current = parent
