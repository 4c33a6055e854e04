"""What contains what in a repository, put together from shares of it that are read one by one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from scanner.errors import ReadError
from scanner.sources.git import ids
from scanner.sources.git.kinship import Kinship, Share, read_share
from scanner.sources.git.packindex import open_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanner.sources.git.ids import Ids, Links
    from scanner.sources.git.layout import Repository

Mapper: TypeAlias = Callable[[Callable[[Share], Kinship], Iterable[Share]], Iterable[Kinship]]
"""Applies a function to shares of work, like ``map``, in whatever order: here, or in other processes."""


@dataclass(frozen=True, slots=True)
class History:
    """What contains what. Trees and commits are known by their row in ``objects`` and ``commits``.

    Attributes:
        objects: The ids of all trees, and of other objects, ascending.
        outer: A tree …
        inner: … and one of its subtrees, row by row.
        holders: For each tree that holds blobs that were hit: which, by their place in what was asked for.
        commits: The ids of all commits, ascending.
        roots: The tree of each commit, or ``ids.NOWHERE``.
        child: A commit …
        parent: … and one of its parents, row by row, or ``ids.NOWHERE`` for one that is not there.
    """

    objects: "Ids"
    outer: "Links"
    inner: "Links"
    holders: dict[int, frozenset[int]]
    commits: "Ids"
    roots: "Links"
    child: "NDArray[np.int64]"
    parent: "Links"


def read_history(repository: "Repository", blobs: Sequence[bytes], *, parts: int, mapper: Mapper) -> History:
    """Read every tree and commit, packed and loose, reachable or not.

    What cannot be read is passed over: the scan has counted it already, or it is a tree, and an origin is less exact.

    Args:
        repository: The repository.
        blobs: Ids of the blobs that were hit.
        parts: How many shares each pack is read in.
        mapper: Reads the shares.
    """
    stems = [stem for stem in repository.packs() if _table(stem, repository.hash_size) is not None]
    shares = [Share(repository, tuple(blobs), stem, part, parts) for stem in stems for part in range(parts)]
    found = list(mapper(read_share, [*shares, Share(repository, tuple(blobs))]))
    tables = {stem: table for stem in stems if (table := _table(stem, repository.hash_size)) is not None}
    tables[""] = ids.rows(b"".join(each.loose for each in found), repository.hash_size)
    objects = _one(list(tables.values()))
    # Rows of a table that is the only one are already what they are to be.
    places = {
        stem: np.arange(len(table)) if len(table) == len(objects) else ids.find(objects, table)
        for stem, table in tables.items()
    }
    size = repository.hash_size
    commits = ids.rows(b"".join(each.commits for each in found), size)
    order = ids.order(commits)
    ascending = commits[order]
    # A commit may be stored twice: packed and loose, or here and where we borrow from.
    first = np.ones(len(order), np.bool_)
    first[1:] = (ascending[1:] != ascending[:-1]).any(axis=1)
    commits = ascending[first]
    rank = np.empty(len(order), np.int64)
    rank[order] = np.cumsum(first) - 1
    counts = np.concatenate([each.parent_counts for each in found])
    far = ids.find(objects, ids.rows(b"".join(each.far_inner for each in found), size))
    far_outer = np.concatenate([places[each.stem][each.far_outer] for each in found])
    known = far != ids.NOWHERE
    return History(
        objects=objects,
        outer=np.concatenate([*(places[each.stem][each.outer] for each in found), far_outer[known]]),
        inner=np.concatenate([*(places[each.stem][each.inner] for each in found), far[known]]),
        holders={int(places[each.stem][row]): blobs for each in found for row, blobs in each.holders.items()},
        commits=commits,
        roots=ids.find(objects, ids.rows(b"".join(each.roots for each in found), size))[order][first],
        child=np.repeat(rank, counts),
        parent=ids.find(commits, ids.rows(b"".join(each.parents for each in found), size)),
    )


def _table(stem: str, hash_size: int) -> "Ids | None":
    try:
        return ids.ids_of(open_index(stem, hash_size))
    except ReadError:
        return None


def _one(tables: "list[Ids]") -> "Ids":
    full = [table for table in tables if len(table)]
    return full[0] if len(full) == 1 else ids.ascending(np.concatenate(tables))
