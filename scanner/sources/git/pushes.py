"""What a push brings: the refs that it moves, and the objects that the other side has not (githooks(5))."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from scanner.errors import UsageError
from scanner.finding import Buffer, Chunk, Exposure, GitLocation, Position, Tally, Unit
from scanner.sources.git.command import git, repository_path

_GLOB: Final = frozenset("*?[\\")


class Update(NamedTuple):
    """A ref that a push moves.

    Attributes:
        ref: Its name on the side that receives it.
        old: The id in hex of what it was there, or nothing.
        new: The id of what it becomes, or another name of it; or nothing where it is deleted.
    """

    ref: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Push:
    """What is pushed.

    Attributes:
        updates: The refs that are moved.
        known: What the other side has already, in the words of git-rev-list(1).
    """

    updates: tuple[Update, ...]
    known: tuple[str, ...]


def sent(lines: Iterable[bytes], remote: str) -> Push:
    """A push as pre-push gets it: ``local ref, local id, remote ref, remote id`` in each line.

    Args:
        lines: Standard input's.
        remote: The remote's name, or its URL where it has none: then only the ids that it told are known.
    """
    updates = tuple(Update(remote_ref, _id(old), _id(new)) for _, new, remote_ref, old in _fields(lines, 4))
    return Push(updates, _tracked(remote))


def sent_through_pre_commit(environment: Mapping[str, str]) -> Push:
    """A push as the hook manager pre-commit tells of it: two ends, or, of what has no common past, only one.

    Raises:
        UsageError: It is not called by it, or for no push.
    """
    new = environment.get("PRE_COMMIT_TO_REF") or environment.get("PRE_COMMIT_LOCAL_BRANCH", "")
    old = environment.get("PRE_COMMIT_FROM_REF", "")
    if not new:
        raise UsageError(
            "nothing tells what is pushed: PRE_COMMIT_TO_REF and PRE_COMMIT_LOCAL_BRANCH are not set",
            "Run it as a pre-push hook, or read a range with 'unleak diff A..B'.",
        )
    ref = environment.get("PRE_COMMIT_REMOTE_BRANCH", new)
    return Push((Update(ref, old, new),), _tracked(environment.get("PRE_COMMIT_REMOTE_NAME", "")))


def arriving(lines: Iterable[bytes]) -> Push:
    """A push as pre-receive gets it: ``old id, new id, ref`` in each line. No ref has been moved."""
    return Push(_received(lines), ("--all",))


def arrived(lines: Iterable[bytes]) -> Push:
    """A push as post-receive gets it: its refs have been moved, and what else there is was known."""
    updates = _received(lines)
    moved = ("HEAD", *(update.ref for update in updates))
    return Push(updates, (*(f"--exclude={ref}" for ref in moved), "--all"))


def objects(push: Push, has: Iterable[str]) -> list[str]:
    """The ids of all objects that a push brings, trees included; most of them are new to the other side.

    Args:
        push: The push.
        has: Ids of old ends that are here: one that is not would be an error.

    Raises:
        SourceError: git cannot list them.
    """
    return _list(push, has, "--objects", "--no-object-names", "--exclude-promisor-objects")


def commits(push: Push, has: Iterable[str]) -> list[str]:
    """The ids of all commits that a push brings; see ``objects``."""
    return _list(push, has)


@dataclass(frozen=True, slots=True)
class RefNamesUnit(Unit):
    """The names of the refs that are pushed: a branch's name can be a token."""

    names: tuple[str, ...]

    def read(self, tally: Tally) -> Iterator[Chunk]:
        """Hand on each name."""
        for name in self.names:
            yield Chunk(os.fsencode(name), name)
            tally.bytes += len(name)

    def sighting(self, item: object, at: Position, buffer: Buffer) -> GitLocation:
        """The ref."""
        del buffer
        return GitLocation(repository_path(), "ref", Exposure.COMMITTED, at, path=str(item))

    def position(self, item: object, offset: int) -> Position:
        """No name is handed on in several chunks."""
        raise NotImplementedError


def _list(push: Push, has: Iterable[str], *words: str) -> list[str]:
    # On stdin, because a push can bring thousands of refs.
    ends = [update.new for update in push.updates if update.new] + [f"^{oid}" for oid in has]
    if not ends:
        return []
    known = ("--not", *push.known) if push.known else ()
    listing = git("rev-list", *words, "--stdin", *known, stdin=os.fsencode("".join(f"{end}\n" for end in ends)))
    return listing.decode("ascii").split()


def _received(lines: Iterable[bytes]) -> tuple[Update, ...]:
    return tuple(Update(ref, _id(old), _id(new)) for old, new, ref in _fields(lines, 3))


def _fields(lines: Iterable[bytes], count: int) -> Iterator[list[str]]:
    for line in lines:
        if bare := line.rstrip(b"\n"):
            fields = os.fsdecode(bare).split(" ")
            if len(fields) != count:
                raise UsageError(f"standard input is not what git gives this hook: want {count} words in each line")
            yield fields


def _id(oid: str) -> str:
    return oid if oid.strip("0") else ""


def _tracked(remote: str) -> tuple[str, ...]:
    # A URL has no tracking branches; with a glob in it, it could stand for those of others.
    return (f"--remotes={remote}",) if remote and not _GLOB.intersection(remote) else ()
