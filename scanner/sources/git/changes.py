"""What a change makes or alters: pairs of blobs, as git names them in its raw output (git-diff(1))."""

import os
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from scanner.sources.git.command import git

# Raw output names blobs, so no text conversion, external diff or filter has a part in it. Renames are followed, and
# no setting hides a path.
_RAW: Final = ("--raw", "-z", "--no-abbrev", "-M", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all")
_COMPLETE: Final = ("--no-relative", "--no-color")
_EACH_COMMIT: Final = ("diff-tree", "--stdin", "-r", "--root", "-c", "--combined-all-paths")

_GITLINK: Final = "160000"
_ABSENT: Final = "0"  # an object id of nothing but zeros: there is no such side


class Change(NamedTuple):
    """A path whose content a change makes or alters.

    Attributes:
        path: From the top of the worktree, in ``os.fsdecode``'s form.
        new: The blob's id in hex.
        old: The ids of the blobs that stood there, or at the place that it was renamed from: none for a new file, one
            for each parent of a merge.
        commit: The commit that makes it, if a commit was asked for.
    """

    path: str
    new: str
    old: tuple[str, ...]
    commit: str = ""


def staged() -> Iterator[Change]:
    """What the next commit would add or alter, in the repository of this directory.

    Raises:
        SourceError: This is no worktree, git is not installed, or it cannot read the index.
    """
    return _parse(git("diff", "--cached", *_RAW, *_COMPLETE))


def between(revisions: str) -> Iterator[Change]:
    """What ``A..B`` changes from one commit to the other, or ``A...B`` from where they parted to the second.

    Raises:
        SourceError: git does not know them.
    """
    return _parse(git("diff", *_RAW, *_COMPLETE, "--end-of-options", revisions, "--"))


def of_commit(revision: str) -> Iterator[Change]:
    """What a commit changes, and of a merge what none of its parents has.

    Raises:
        SourceError: git does not know it.
    """
    oid = git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    return of_commits([oid.decode().strip()])


def of_commits(oids: Iterable[str]) -> Iterator[Change]:
    """What each of some commits changes, given by their ids in hex.

    Raises:
        SourceError: git cannot read one of them.
    """
    return _parse(git(*_EACH_COMMIT, *_RAW, stdin="".join(f"{oid}\n" for oid in oids).encode()))


def _parse(listing: bytes) -> Iterator[Change]:
    # ":oldmode newmode oldoid newoid status\0path\0", and for a rename "…\0oldpath\0newpath\0". Of a merge, as many
    # colons, modes, ids and paths as parents, and then its own. Before a commit's changes, its id.
    fields = iter(listing.split(b"\0"))
    commit = ""
    for field in fields:
        if not field:
            return
        if field[:1] != b":":
            commit = field.decode()
            continue
        facts = field.decode().lstrip(":").split(" ")
        sides = len(facts) // 2
        modes, oids, status = facts[:sides], facts[sides:-1], facts[-1]
        paths = 1 if sides == 2 and status[0] not in "RC" else sides
        path = [next(fields) for _ in range(paths)][-1]
        if modes[-1] == _GITLINK or not modes[-1].strip(_ABSENT) or not oids[-1].strip(_ABSENT):
            continue
        olds = tuple(
            oid for oid, mode in zip(oids[:-1], modes, strict=False) if oid.strip(_ABSENT) and mode != _GITLINK
        )
        yield Change(os.fsdecode(path), oids[-1], olds, commit)
