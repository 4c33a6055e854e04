"""The files of a git directory itself: config, hooks, refs, reflogs, and the names of all of them."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from scanner.errors import Declined, ReadError
from scanner.finding import Buffer, Chunk, Exposure, GitLocation, Position, Problem, Tally, Unit
from scanner.sources.git.index import read_index
from scanner.sources.git.layout import Repository, is_repository
from scanner.sources.git.loose import fan_outs
from scanner.sources.git.pieces import chunks, file_pieces
from scanner.sources.windows import position_far_in

# By the first part of a path in the git directory. Refs and Git LFS's objects go wherever the repository is pushed;
# all the rest stays on the machine.
_WHERE: Final = {
    "config": "config",
    "config.worktree": "config",
    "hooks": "hook",
    "lfs": "lfs",
    "logs": "reflog",
    "packed-refs": "ref",
    "refs": "ref",
    "reftable": "ref",
    "HEAD": "head",
    "ORIG_HEAD": "head",
    "MERGE_HEAD": "head",
    "FETCH_HEAD": "fetch-head",
    "COMMIT_EDITMSG": "message",
    "MERGE_MSG": "message",
    "NOTES_EDITMSG": "message",
    "SQUASH_MSG": "message",
    "TAG_EDITMSG": "message",
}
_OTHERS: Final = "git-directory"
_PUBLISHED: Final = frozenset({"lfs", "ref"})

_INDEX: Final = re.compile(r"(?:worktrees/[^/]+/)?index")

# What units of their own read, or what holds but names and ids.
_STORED: Final = re.compile(
    r"objects/(?:[0-9a-f]{2}/(?:[0-9a-f]{38}|[0-9a-f]{62})"
    r"|pack/[^/]*\.(?:pack|idx|rev|mtimes|bitmap|midx|keep|promisor)|pack/multi-pack-index[^/]*"
    r"|info/(?:commit-graph|commit-graphs/.*|packs))"
)


class Item(NamedTuple):
    """What a chunk is of: a file by its path in the git directory, or, without one, all the names."""

    path: str | None


@dataclass(frozen=True, slots=True)
class PlacesUnit(Unit):
    """The git directory's own files, those of linked worktrees included. Its chunks' items are of type ``Item``.

    What was never there to be read is counted here too: a shallow history, promised objects, alternates that are gone.
    """

    repository: Repository

    def read(self, tally: Tally) -> Iterator[Chunk]:
        """Hand on each file, and then all their names as one text."""
        self._count_absences(tally)
        names: list[bytes] = []
        for path in self._walk(tally):
            names.append(os.fsencode(path))
            try:
                if _INDEX.fullmatch(path):
                    # Names and ids of what is staged, whose blobs are in the object store. A damaged one hides them.
                    read_index(self._full(path), self.repository.hash_size)
                    continue
                for chunk in chunks(file_pieces(self._full(path)), Item(path)):
                    tally.bytes += chunk.fresh
                    yield chunk
            except Declined as error:
                tally.declined.append(Problem(self._full(path), error.message))
            except ReadError as error:
                tally.failed.append(Problem(self._full(path), error.message))
            else:
                tally.files += 1
        # A branch's name can be a token. A name has no line feed, or is cut in two by it, which hides nothing.
        yield Chunk(b"\n".join(names), Item(None))

    def sighting(self, item: object, at: Position, buffer: Buffer) -> GitLocation:
        """The file, or the file with the name."""
        assert isinstance(item, Item)
        path = item.path
        if path is None:
            content = bytes(buffer)
            begin = content.rfind(b"\n", 0, at.offset) + 1
            path = os.fsdecode(content[begin:].split(b"\n", 1)[0])
            at = Position(1, at.offset - begin + 1, at.offset - begin)
        where = _where(path)
        exposure = Exposure.COMMITTED if where in _PUBLISHED else Exposure.LOCAL
        return GitLocation(self.repository.path, where, exposure, at, path=path)

    def position(self, item: object, offset: int) -> Position:
        """Line and column, from reading the file again."""
        assert isinstance(item, Item)
        assert item.path is not None
        return position_far_in(file_pieces(self._full(item.path)), offset)

    def _full(self, path: str) -> str:
        return os.path.join(self.repository.common_dir, path)

    def _walk(self, tally: Tally) -> Iterator[str]:
        waiting = [""]
        while waiting:
            directory = waiting.pop()
            try:
                with os.scandir(self._full(directory)) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                tally.failed.append(Problem(self._full(directory), error.strerror or str(error)))
                continue
            for entry in entries:
                path = os.path.join(directory, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    if not (path.startswith("modules/") and is_repository(self._full(path))):
                        waiting.append(path)
                elif entry.is_file(follow_symlinks=False):
                    if not _STORED.fullmatch(path):
                        yield path
                elif not entry.is_symlink():
                    tally.declined.append(Problem(self._full(path), "a FIFO, socket or device"))

    def _count_absences(self, tally: Tally) -> None:
        repository = self.repository
        if repository.shallow:
            tally.declined.append(Problem(repository.path, "its history is cut off by a shallow clone"))
        if repository.partial:
            tally.declined.append(Problem(repository.path, "a partial clone: what a remote promised may be missing"))
        for directory in repository.object_dirs:
            stores = (os.path.join(directory, name) for name in ("pack", *fan_outs(directory)))
            for path in (directory, *stores):
                try:
                    os.scandir(path).close()
                except FileNotFoundError:
                    continue  # an object directory need not have packs
                except OSError as error:
                    tally.failed.append(Problem(path, error.strerror or str(error)))
        for directory in repository.lost_alternates:
            tally.failed.append(Problem(directory, f"{repository.path} borrows objects from it, and it is not there"))


def _where(path: str) -> str:
    parts = path.split(os.sep)
    if parts[0] == "worktrees":
        parts = parts[2:]
    return _WHERE.get(parts[0] if parts else "", _OTHERS)
