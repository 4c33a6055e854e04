"""One pass over all trees and commits of a repository: which tree holds which, and which holds a blob that was hit."""

import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np
from ahocorasick_rs import BytesAhoCorasick, MatchKind

from scanner.errors import ReadError
from scanner.finding import Tally
from scanner.sources.git import ids, loose
from scanner.sources.git.families import plan
from scanner.sources.git.fields import tree_and_parents
from scanner.sources.git.pack import COMMIT, TREE, open_pack
from scanner.sources.git.store import Store
from scanner.sources.git.walk import walk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanner.finding import Buffer
    from scanner.sources.git.families import Plan
    from scanner.sources.git.ids import Ids, Links
    from scanner.sources.git.layout import Repository
    from scanner.sources.git.pack import Pack

# The fast automaton takes 48 literals at 9 GB/s; from about 70 on it searches at a tenth of that and less.
_AT_ONCE: Final = 48

_KINDS: Final = {"tree": TREE, "commit": COMMIT}

# How many bytes of ids are gathered before they are looked up together.
_GATHERED: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class History:
    """What contains what. Trees and commits are known by their row in ``trees`` and ``commits``.

    Attributes:
        trees: The ids of all trees, ascending.
        outer: A tree …
        inner: … and one of its subtrees, row by row.
        holders: For each tree that holds blobs that were hit: which, by their place in what was asked for.
        commits: The ids of all commits, ascending.
        roots: The tree of each commit, or ``ids.NOWHERE``.
        child: A commit …
        parent: … and one of its parents, row by row, or ``ids.NOWHERE`` for one that is not there.
    """

    trees: "Ids"
    outer: "Links"
    inner: "Links"
    holders: dict[int, frozenset[int]]
    commits: "Ids"
    roots: "Links"
    child: "NDArray[np.int64]"
    parent: "Links"


def read_history(repository: "Repository", blobs: Sequence[bytes]) -> History:
    """Read every tree and commit, packed and loose, reachable or not.

    What cannot be read is passed over: the scan has counted it already, or it is a tree, and an origin is less exact.

    Args:
        repository: The repository.
        blobs: Ids of the blobs that were hit.
    """
    packed = [(pack, plan(pack, (TREE, COMMIT))) for pack in _packs(repository)]
    unpacked = list(_loose(repository))
    trees = [pack.oids()[order.type == TREE] for pack, order in packed]
    trees.append(ids.rows(b"".join(oid for kind, oid, _ in unpacked if kind == TREE), repository.hash_size))
    reader = _Reader(ids.ascending(np.concatenate(trees)), blobs)
    for kind, oid, content in chain(unpacked, *(_unpack(repository, *each) for each in packed)):
        (reader.tree if kind == TREE else reader.commit)(oid, content)
    return reader.history()


class _Reader:
    def __init__(self, trees: "Ids", blobs: Sequence[bytes]) -> None:
        self._trees = trees
        self._hash_size = trees.shape[1]
        # Searched for out of step with the entries, so that it can also match across them. What it then takes for the
        # id of a tree is none, unless someone forged it; reading in step takes five times as long.
        self._subtrees = re.compile(rb"40000 [^\0]*\0(.{%d})" % self._hash_size, re.DOTALL).findall
        self._searches = [
            BytesAhoCorasick(blobs[begin : begin + _AT_ONCE], matchkind=MatchKind.LeftmostFirst)
            for begin in range(0, len(blobs), _AT_ONCE)
        ]
        self._holders: dict[bytes, frozenset[int]] = {}
        self._gathered: list[tuple[bytes, int]] = []  # a tree with subtrees, and how many
        self._inner_ids = bytearray()
        self._outer: list[Links] = []
        self._inner: list[Links] = []
        self._commits = bytearray()
        self._roots = bytearray()
        self._parents = bytearray()
        self._parent_counts = array("q")

    def tree(self, oid: bytes, content: bytes) -> None:
        held = [
            number * _AT_ONCE + blob
            for number, automaton in enumerate(self._searches)
            for blob, _, _ in automaton.find_matches_as_indexes(content)
        ]
        if held:
            self._holders[oid] = frozenset(held)
        if found := self._subtrees(content):
            self._gathered.append((oid, len(found)))
            self._inner_ids += b"".join(found)
            if len(self._inner_ids) > _GATHERED:
                self._look_up()

    def commit(self, oid: bytes, content: bytes) -> None:
        if (found := tree_and_parents(content)) is not None:
            root, parents = found
            self._commits += oid
            self._roots += root
            self._parents += b"".join(parents)
            self._parent_counts.append(len(parents))

    def history(self) -> History:
        self._look_up()
        commits = ids.rows(self._commits, self._hash_size)
        order = ids.order(commits)
        counts = np.array(self._parent_counts, np.int64)
        parents = ids.find(commits[order], ids.rows(self._parents, self._hash_size))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        holders = ids.find(self._trees, ids.rows(b"".join(self._holders), self._hash_size)).tolist()
        return History(
            trees=self._trees,
            outer=np.concatenate(self._outer),
            inner=np.concatenate(self._inner),
            holders=dict(zip(holders, self._holders.values(), strict=True)),
            commits=commits[order],
            roots=ids.find(self._trees, ids.rows(self._roots, self._hash_size))[order],
            child=np.repeat(rank, counts),
            parent=parents,
        )

    def _look_up(self) -> None:
        inner = ids.find(self._trees, ids.rows(self._inner_ids, self._hash_size))
        outer = ids.find(self._trees, ids.rows(b"".join(oid for oid, _ in self._gathered), self._hash_size))
        outer = np.repeat(outer, [count for _, count in self._gathered])
        known = (inner != ids.NOWHERE) & (outer != ids.NOWHERE)
        self._inner.append(inner[known])
        self._outer.append(outer[known])
        self._gathered.clear()
        self._inner_ids = bytearray()


def _packs(repository: "Repository") -> "Iterator[Pack]":
    for stem in repository.packs():
        with suppress(ReadError):
            yield open_pack(stem, repository.hash_size)


def _unpack(repository: "Repository", pack: "Pack", order: "Plan") -> Iterator[tuple[int, bytes, bytes]]:
    elsewhere = Store(repository, without=pack.path.removesuffix(".pack")).find
    wanted, kinds = np.ones(pack.count, np.bool_), order.type.tobytes()
    names, length = pack.oids().tobytes(), repository.hash_size
    steps = range(len(order.entry))
    parts: list[Buffer] = []
    for chunk in walk(pack, order, steps, wanted=wanted, elsewhere=elsewhere, tally=Tally(), sieve=_every):
        assert isinstance(chunk.item, int)
        if chunk.more or chunk.offset:
            parts.append(memoryview(chunk.buffer)[: chunk.fresh])
            if chunk.more:
                continue
        oid = names[length * chunk.item : length * (chunk.item + 1)]
        yield kinds[chunk.item], oid, b"".join(parts) if parts else bytes(chunk.buffer)
        parts.clear()


def _every(_: "Buffer") -> bool:
    return True


def _loose(repository: "Repository") -> Iterator[tuple[int, bytes, bytes]]:
    for directory in repository.object_dirs:
        for oid in loose.object_names(directory, tuple(loose.fan_outs(directory)), repository.hash_size):
            with suppress(ReadError):
                found = loose.open_loose(loose.loose_path(directory, oid))
                if found.kind in _KINDS:
                    yield _KINDS[found.kind], bytes.fromhex(oid), b"".join(found.pieces)
