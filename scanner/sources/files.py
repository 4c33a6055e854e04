"""Files and directories as a source: everything is read, hidden, ignored and binary; no link is followed."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.finding import WINDOW, Buffer, Chunk, Exposure, FileLocation, Position, Problem, Tally, Unit
from scanner.sources.git.index import is_tracked
from scanner.sources.git.layout import Repository
from scanner.sources.windows import BUFFER_SIZE, position_far_in, windows

_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

# Where tools keep a GitHub credential on purpose: found outside a repository it is perhaps in proper use.
_CREDENTIAL_STORES: Final = (
    "/.netrc",
    "/_netrc",
    "/.git-credentials",
    "/.config/git/credentials",
    "/gh/hosts.yml",
    "/.config/hub",
    "/.npmrc",
)


@dataclass(frozen=True, slots=True)
class FilesUnit(Unit):
    """Some files of a file system.

    Attributes:
        paths: The files, in ``os.fsdecode``'s form.
        repository: The repository in whose worktree they stand, which tells tracked files from local ones.
    """

    paths: tuple[str, ...]
    repository: Repository | None = None

    def read(self, tally: Tally) -> Iterator[Chunk]:
        """One open, one fstat, one read into a reused buffer, one close a file."""
        buffer = bytearray(BUFFER_SIZE)
        for path in self.paths:
            try:
                yield from _read(path, buffer, tally)
            except OSError as error:
                tally.failed.append(Problem(path, error.strerror or str(error)))

    def sighting(self, item: object, at: Position, buffer: Buffer) -> FileLocation:
        """A place in a file, with its exposure."""
        del buffer
        path = str(item)
        return FileLocation(path, at, self._exposure(path))

    def position(self, item: object, offset: int) -> Position:
        """Line and column, from reading the file once more up to there."""
        descriptor = os.open(str(item), _OPEN_FLAGS)
        try:
            return position_far_in(iter(lambda: os.read(descriptor, WINDOW), b""), offset)
        finally:
            os.close(descriptor)

    def _exposure(self, path: str) -> Exposure:
        if self.repository is not None:
            return Exposure.FILE if is_tracked(self.repository, path) else Exposure.LOCAL
        return Exposure.LOCAL if os.path.abspath(path).endswith(_CREDENTIAL_STORES) else Exposure.FILE


def _read(path: str, buffer: bytearray, tally: Tally) -> Iterator[Chunk]:
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except OSError:
        if not os.path.islink(path):
            raise
        # A link's content is the name that it points to, as git stores it. It is read, and not followed.
        yield from _link(path, tally)
        return
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            tally.declined.append(Problem(path, "not a regular file"))
            return
        end = 0
        for window, offset, more in windows(lambda view: os.readv(descriptor, [view]), buffer, status.st_size):
            yield Chunk(window, path, offset, more)
            end = offset + len(window)
        tally.files += 1
        tally.bytes += end
    finally:
        os.close(descriptor)


def _link(path: str, tally: Tally) -> Iterator[Chunk]:
    target = os.fsencode(os.readlink(path))
    yield Chunk(target, path)
    tally.files += 1
    tally.bytes += len(target)
