"""Where a secret came from, worked out for hits only, and for each secret by itself.

A commit introduced a secret when its tree carries it and no parent's tree does. So a later edit of a file that leaks is
no new leak, a secret that was removed and comes back is one again, and what a merge alone brings in is the merge's.
Commits that nothing reaches are commits like any other.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, TypeAlias

from scanner.errors import ReadError
from scanner.finding import CommitLocation, Exposure, GitLocation, ObjectLocation
from scanner.sources.git.fields import Author, author
from scanner.sources.git.history import Mapper, read_history
from scanner.sources.git.index import read_index
from scanner.sources.git.layout import Repository
from scanner.sources.git.marks import Marks, spread
from scanner.sources.git.store import Store

Origin: TypeAlias = tuple[int, CommitLocation | GitLocation]
Seen: TypeAlias = dict[bytes, list[tuple[int, ObjectLocation]]]

# The most places that one commit is given for all that it introduced: trees that hold each other ten times over, ten
# levels deep, have more paths than there is time for.
_PLACES: Final = 10_000

_GITLINK: Final = b"160000"
_TREE: Final = b"40000"


def origins(
    repository: Repository, sightings: Sequence[tuple[int, ObjectLocation]], *, parts: int = 1, mapper: Mapper = map
) -> Iterator[Origin]:
    """Where each secret came from.

    Args:
        repository: The repository.
        sightings: Numbers that stand for secrets, each with a place in one of the repository's objects.
        parts: How many shares each pack's trees and commits are read in.
        mapper: Reads the shares: ``map``, or what does the same in several processes.

    Yields:
        Each number again with a commit that introduced its secret and a path there; or, of an object that is in no
        commit's tree, with the index entry that holds it, or as unreachable; or with the part of a commit or a tag.
    """
    seen: Seen = defaultdict(list)
    for number, sighting in sightings:
        if sighting.type == "blob":
            seen[bytes.fromhex(sighting.oid)].append((number, sighting))
        else:
            where = _where(sighting)
            place = GitLocation(repository.path, where, Exposure.COMMITTED, sighting.at, object=sighting.oid)
            yield number, place
    if seen:
        yield from _Blobs(repository, seen).origins(parts, mapper)


def _where(sighting: ObjectLocation) -> str:
    if sighting.type == "tag":
        return "tagger" if sighting.field == "tagger" else "tag"
    return "commit-message" if sighting.field == "message" else sighting.field


class _Blobs:
    def __init__(self, repository: Repository, seen: Seen) -> None:
        self._repository = repository
        self._seen = seen
        self._store = Store(repository)
        self._entry = re.compile(rb"([0-7]+) ([^\0]*)\0(.{%d})" % repository.hash_size, re.DOTALL)
        self._listed: dict[bytes, list[tuple[bytes, bytes, int]]] = {}

    def origins(self, parts: int, mapper: Mapper) -> Iterator[Origin]:
        blobs = list(self._seen)
        self._secrets = {
            blob: sum(1 << number for number in {number for number, _ in self._seen[blob]}) for blob in blobs
        }
        history = read_history(self._repository, blobs, parts=parts, mapper=mapper)
        self._marks: Marks = spread(history, [self._secrets[blob] for blob in blobs])
        placed = 0
        for commit, mask in self._marks.introductions:
            root = bytes(history.objects[history.roots[commit]])
            for number, location in self._introduced(bytes(history.commits[commit]), root, mask):
                placed |= 1 << number
                yield number, location
        committed = {blobs[number] for number in self._marks.committed}
        lost = {blob for blob in committed if self._secrets[blob] & ~placed}
        yield from self._elsewhere([blob for blob in blobs if blob not in committed or blob in lost])

    def _introduced(self, commit: bytes, root: bytes, mask: int) -> Iterator[Origin]:
        who = self._author(commit)
        for _, (path, blob) in zip(range(_PLACES), self._walk(root, b"", mask), strict=False):
            for number, sighting in self._seen[blob]:
                if mask >> number & 1:
                    yield (
                        number,
                        CommitLocation(
                            repository=self._repository.path,
                            commit=commit.hex(),
                            path=os.fsdecode(path),
                            at=sighting.at,
                            blob=sighting.oid,
                            author=who.name,
                            date=who.date,
                        ),
                    )

    def _walk(self, tree: bytes, prefix: bytes, mask: int) -> Iterator[tuple[bytes, bytes]]:
        waiting = [(tree, prefix)]
        while waiting:
            tree, prefix = waiting.pop()
            for name, oid, carried in self._entries(tree):
                if carried & mask:
                    if oid in self._secrets:
                        yield prefix + name, oid
                    else:
                        waiting.append((oid, prefix + name + b"/"))

    def _entries(self, tree: bytes) -> list[tuple[bytes, bytes, int]]:
        """The entries of a tree that carry any secret: name, id, and the set of secrets."""
        found = self._listed.get(tree)
        if found is None:
            found = self._listed[tree] = []
            try:
                content = self._store.read(tree).content
            except ReadError:
                return found  # it could be read a moment ago: the repository is changing under us
            for mode, name, oid in self._entry.findall(content):
                carried = self._marks.of.get(oid, 0) if mode.lstrip(b"0") == _TREE else self._secrets.get(oid, 0)
                if carried and mode != _GITLINK:
                    found.append((name, oid, carried))
        return found

    def _author(self, commit: bytes) -> Author:
        try:
            return author(self._store.read(commit).content)
        except ReadError:
            return Author("", "")

    def _elsewhere(self, blobs: list[bytes]) -> Iterator[Origin]:
        staged = self._staged() if blobs else {}
        for blob in blobs:
            paths = staged.get(blob.hex(), [])
            for number, sighting in self._seen[blob]:
                place = GitLocation(
                    self._repository.path, "unreachable", Exposure.COMMITTED, sighting.at, object=sighting.oid
                )
                if not paths:
                    yield number, place
                for path in paths:
                    yield number, replace(place, where="index", exposure=Exposure.STAGED, path=path)

    def _staged(self) -> dict[str, list[str]]:
        paths: dict[str, list[str]] = defaultdict(list)
        for directory in self._repository.git_dirs():
            with suppress(ReadError):  # counted as failed when the git directory was read
                for entry in read_index(os.path.join(directory, "index"), self._repository.hash_size).entries:
                    if entry.path not in paths[entry.oid]:
                        paths[entry.oid].append(entry.path)
        return paths
