"""Trees and commits, read for what they say of each other: one share of a repository at a time."""

from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from scanner.errors import ReadError
from scanner.finding import Tally
from scanner.sources.git import ids, loose
from scanner.sources.git.families import plan
from scanner.sources.git.fields import tree_and_parents
from scanner.sources.git.inflate import CEILING
from scanner.sources.git.layout import Repository
from scanner.sources.git.pack import COMMIT, TREE, open_pack
from scanner.sources.git.packindex import open_index
from scanner.sources.git.store import Store
from scanner.sources.git.treebatch import TreeBatch
from scanner.sources.git.walk import walk

if TYPE_CHECKING:
    from scanner.finding import Buffer
    from scanner.sources.git.ids import Numbers

_KINDS: Final = {"tree": TREE, "commit": COMMIT}


@dataclass(frozen=True, slots=True)
class Share:
    """Which trees and commits to read: some of a pack's, or, without a pack, all that are loose.

    Attributes:
        repository: The repository.
        blobs: Ids of the blobs that were hit.
        stem: The pack's path without ``.pack``.
        part: Which share of it, from 0.
        parts: Of how many.
    """

    repository: Repository
    blobs: tuple[bytes, ...]
    stem: str = ""
    part: int = 0
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Kinship:
    """What the trees and commits of a share hold. A tree is known by its row in its pack's index, or in ``loose``.

    Attributes:
        stem: The share's pack.
        loose: The ids of the trees and commits of a share without a pack.
        outer: A tree …
        inner: … and one of its subtrees in the same pack, row by row.
        far_outer: A tree …
        far_inner: … and one of its subtrees elsewhere, by its id.
        holders: For each tree that holds blobs that were hit: which, by their place in what was asked for.
        commits: The ids of the commits, …
        roots: … of their trees …
        parents: … and of their parents, of which each has …
        parent_counts: … so many.
    """

    stem: str
    loose: bytes
    outer: "Numbers"
    inner: "Numbers"
    far_outer: "Numbers"
    far_inner: bytes
    holders: dict[int, frozenset[int]]
    commits: bytes
    roots: bytes
    parents: bytes
    parent_counts: "Numbers"


def read_share(share: Share) -> Kinship:
    """Read the trees and commits of a share; what cannot be read is passed over."""
    size = share.repository.hash_size
    table = ids.ids_of(open_index(share.stem, size)) if share.stem else ids.rows(b"", size)
    batch = TreeBatch(share.blobs, table, size)
    commits, roots, parents, parent_counts = bytearray(), bytearray(), bytearray(), array("q")
    loose_names: list[bytes] = []
    name = open_index(share.stem, size).oid if share.stem else loose_names.__getitem__
    for kind, number, content in _packed(share) if share.stem else _unpacked(share.repository, loose_names):
        if kind == TREE:
            batch.add(number, content)
        elif (found := tree_and_parents(content)) is not None:
            commits += name(number)
            roots += found[0]
            parents += found[1]
            parent_counts.append(len(found[1]) // size)
    batch.finish()
    return Kinship(
        stem=share.stem,
        loose=b"".join(loose_names),
        outer=batch.outer,
        inner=batch.inner,
        far_outer=batch.far_outer,
        far_inner=batch.far_inner,
        holders=batch.holders,
        commits=bytes(commits),
        roots=bytes(roots),
        parents=bytes(parents),
        parent_counts=np.array(parent_counts, np.int64),
    )


def _packed(share: Share) -> Iterator[tuple[int, int, bytes]]:
    """Each tree and commit of a share of a pack: its type, its row in the index, and its content."""
    try:
        pack = open_pack(share.stem, share.repository.hash_size)
    except ReadError:
        return
    order = plan(pack, (TREE, COMMIT))
    elsewhere = Store(share.repository, without=share.stem).find
    wanted, kinds, rows = np.ones(pack.count, np.bool_), order.type.tobytes(), array("i")
    rows.frombytes(pack.order.tobytes())
    steps = range(*order.share(share.part, share.parts))
    parts: list[Buffer] = []
    for chunk in walk(pack, order, steps, wanted=wanted, elsewhere=elsewhere, tally=Tally(), sieve=_every):
        buffer, item = chunk.buffer, chunk.item
        assert isinstance(item, int)
        if chunk.more or chunk.offset:
            if pack.size[item] > CEILING:
                continue  # no tree or commit is so long, but a bomb
            parts.append(memoryview(buffer)[: chunk.fresh])
            if chunk.more:
                continue
            buffer = b"".join(parts)
            parts.clear()
        yield kinds[item], rows[item], bytes(buffer)


def _unpacked(repository: Repository, names: list[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Each loose tree and commit, likewise, with its row among the names, to which its id is added."""
    for directory in repository.object_dirs:
        for oid in loose.object_names(directory, tuple(loose.fan_outs(directory)), repository.hash_size):
            with suppress(ReadError):
                found = loose.open_loose(loose.loose_path(directory, oid))
                if found.kind in _KINDS and found.size <= CEILING:
                    content = b"".join(found.pieces)
                    names.append(bytes.fromhex(oid))
                    yield _KINDS[found.kind], len(names) - 1, content


def _every(_: "Buffer") -> bool:
    return True
