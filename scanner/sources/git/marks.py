"""Marks: which secrets each tree carries, spread from the trees that hold them up to the roots."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scanner.sources.git.history import History


@dataclass(frozen=True, slots=True)
class Marks:
    """Which secrets are where. A set of secrets is a number with the bit of each set.

    Attributes:
        of: The secrets that each tree carries, by the tree's id; trees without any are left out.
        introductions: Commits, as rows of the history, each with what it introduced.
        committed: Which of the blobs that were hit are in some commit's tree.
    """

    of: dict[bytes, int]
    introductions: list[tuple[int, int]]
    committed: frozenset[int]


def spread(history: "History", secrets: Sequence[int]) -> Marks:
    """Mark every tree that carries a secret, and see which commits brought it in.

    Args:
        history: What contains what.
        secrets: For each blob that was hit, the set of its secrets.
    """
    inner, outer = _carriers(history)
    carried = _carried(history, secrets, inner, outer)
    introductions, roots = _introductions(history, carried)
    below: dict[int, list[int]] = defaultdict(list)
    for child, parent in zip(inner, outer, strict=True):
        below[parent].append(child)
    reached = set(roots)
    waiting = list(reached)
    while waiting:
        fresh = set(below.get(waiting.pop(), ())) - reached
        reached |= fresh
        waiting += fresh
    return Marks(
        of={history.objects[tree].tobytes(): mask for tree, mask in carried.items()},
        introductions=introductions,
        committed=frozenset().union(*(history.holders.get(tree, ()) for tree in reached)),
    )


def _carriers(history: "History") -> tuple[list[int], list[int]]:
    """The edges, from inner to outer tree, on the ways from trees that hold a hit upwards."""
    order = np.argsort(history.inner, kind="stable")
    inner, outer = history.inner[order], history.outer[order]
    marked = np.zeros(len(history.objects), np.bool_)
    frontier = np.array(sorted(history.holders), np.int64)
    frontier = frontier[frontier >= 0]
    edges = []
    while len(frontier):
        marked[frontier] = True
        begin, end = np.searchsorted(inner, frontier, "left"), np.searchsorted(inner, frontier, "right")
        count = end - begin
        # The edges from begin to end of each, one after another.
        here = np.repeat(begin - np.cumsum(count) + count, count) + np.arange(count.sum())
        edges.append(here)
        above = np.unique(outer[here])
        frontier = above[~marked[above]]
    every = np.concatenate(edges) if edges else np.empty(0, np.int64)
    return inner[every].tolist(), outer[every].tolist()


def _carried(history: "History", secrets: Sequence[int], inner: list[int], outer: list[int]) -> dict[int, int]:
    """The secrets of each tree: a tree's turn comes when all marked trees in it have had theirs."""
    above: dict[int, list[int]] = defaultdict(list)
    for child, parent in zip(inner, outer, strict=True):
        above[child].append(parent)
    waiting_for = Counter(outer)
    carried: dict[int, int] = defaultdict(int)
    for tree, blobs in history.holders.items():
        for blob in blobs:
            carried[tree] |= secrets[blob]
    same: dict[int, int] = {}  # one number for equal sets: most trees carry what their neighbours do
    ready = [tree for tree in carried if not waiting_for[tree]]
    while ready:
        tree = ready.pop()
        mask = carried[tree] = same.setdefault(carried[tree], carried[tree])
        for parent in above.get(tree, ()):
            carried[parent] |= mask
            waiting_for[parent] -= 1
            if not waiting_for[parent]:
                ready.append(parent)
    # Trees that hold each other in a circle, which only forged ids can, never had their turn.
    return {tree: mask for tree, mask in carried.items() if not waiting_for[tree]}


def _introductions(history: "History", carried: dict[int, int]) -> tuple[list[tuple[int, int]], list[int]]:
    """Commits with what they introduced, and the trees of all commits that carry anything."""
    marked = np.zeros(len(history.objects) + 1, np.bool_)  # the last row stands for a tree that is not there
    marked[np.fromiter(carried, np.int64, len(carried))] = True
    tainted = marked[history.roots]
    inherited: dict[int, int] = defaultdict(int)
    both = (history.parent >= 0) & tainted[history.child] & tainted[history.parent]
    for child, parent in zip(history.child[both].tolist(), history.parent[both].tolist(), strict=True):
        inherited[child] |= carried[int(history.roots[parent])]
    introductions, roots = [], []
    for commit in np.flatnonzero(tainted).tolist():
        root = int(history.roots[commit])
        roots.append(root)
        if new := carried[root] & ~inherited[commit]:
            introductions.append((commit, new))
    return introductions, roots
