"""Delta families: the order in which a pack's objects are best rebuilt, worked out for all of them at once.

A family is an object stored whole with all the deltas that lead back to it. It is walked from its root, each object
before those made from it, and of several children the one with the largest family of its own last: then at most
log2(n) ancestors have to be kept, whatever the family's shape. All steps here double their reach each round, so that a
chain of 4,000 deltas takes twelve rounds and not 4,000.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scanner.sources.git.pack import LOST_BASE, OFS_DELTA, UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanner.sources.git.pack import Links, Numbers, Pack

# What an object costs, in nanoseconds, measured: inflating its bytes, copying and searching what is rebuilt, and the
# steps in Python.
_INFLATED: float = 2.0
_REBUILT: float = 0.5
_FIXED: float = 2500.0


@dataclass(frozen=True, slots=True)
class Plan:
    """An order of rebuilding, one row a step.

    Attributes:
        entry: The pack's entry to rebuild.
        slot: Where its content is kept for its children: the last child takes its parent's place.
        leaf: Whether nothing is made from it.
        depth: How many slots there are.
        type: The type of the object that each entry of the pack makes, ``UNKNOWN`` where its root is damaged or lost.
        lost: Entries that no walk reaches: their deltas lead in a circle.
        cost: Estimated nanoseconds of all steps up to and including this.
        _rank: The step of each entry.
    """

    entry: "Links"
    slot: "NDArray[np.int8]"
    leaf: "NDArray[np.bool_]"
    depth: int
    type: "NDArray[np.int8]"
    lost: "Links"
    cost: "NDArray[np.float64]"
    _rank: "Links"

    def share(self, part: int, parts: int) -> tuple[int, int]:
        """The steps, from the first to before the second, that are one of several shares of equal cost."""
        total = float(self.cost[-1]) if len(self.cost) else 0.0
        first, last = (int(np.searchsorted(self.cost, total * n / parts)) for n in (part, part + 1))
        return first, len(self.cost) if part + 1 == parts else last

    def slot_of(self, entries: "Links") -> "NDArray[np.int8]":
        """The slots of some entries, all of them part of the plan."""
        return self.slot[self._rank[entries]]

    def ancestors(self, step: int, pack: "Pack") -> list[int]:
        """The steps before this one that it needs, from its family's root on."""
        chain: list[int] = []
        if step < len(self.entry):
            base = int(pack.base[self.entry[step]])
            while base >= 0:
                chain.append(int(self._rank[base]))
                base = int(pack.base[base])
        return chain[::-1]


def plan(pack: "Pack", types: Collection[int]) -> Plan:
    """The order for all objects of some types. A delta has its root's type; where that is not in the pack, any type."""
    base = pack.base
    everything = np.arange(pack.count, dtype=np.int32)
    root = _roots(base, everything)
    circular = base[root] >= 0
    wanted = np.isin(pack.type[root], [*types, UNKNOWN]) | (base[root] == LOST_BASE)
    entry = everything[wanted & ~circular]
    place = np.full(pack.count, -1, np.int32)
    place[entry] = np.arange(len(entry), dtype=np.int32)
    parent = np.where(base[entry] >= 0, place[base[entry]], -1).astype(np.int32)

    family = _families(parent)
    ahead, last = _siblings(parent, family)
    whole = parent < 0
    starts = np.cumsum(np.where(whole, family, 0)) - np.where(whole, family, 0)
    rank = np.where(whole, starts, 0)[root_of := place[root[entry]]] + _along(parent, ahead)
    slot = _along(parent, np.where(whole | last, 0, 1))

    order = np.empty(len(entry), np.int32)
    order[rank] = np.arange(len(entry), dtype=np.int32)
    cost = _FIXED + _INFLATED * pack.size[entry] + _REBUILT * pack.size[entry[root_of]]
    ranks = np.full(pack.count, -1, np.int32)
    ranks[entry] = rank
    return Plan(
        entry=entry[order],
        slot=slot[order].astype(np.int8),
        leaf=(family == 1)[order],
        depth=int(slot.max(initial=0)) + 1,
        type=np.where(pack.type[root] < OFS_DELTA, pack.type[root], np.int8(UNKNOWN)),
        lost=everything[circular],
        cost=np.cumsum(cost[order]),
        _rank=ranks,
    )


def _roots(base: "Links", everything: "Links") -> "Links":
    """The entry at the end of each entry's way over bases; on a circle, some entry of the circle."""
    up = np.where(base >= 0, base, everything)
    for _ in range(len(base).bit_length() + 1):
        above = up[up]
        if np.array_equal(above, up):
            break
        up = above
    return up


def _families(parent: "Links") -> "Numbers":
    """How many objects each object's family has, itself included."""
    count = np.ones(len(parent), np.int64)
    up = parent
    while len(rows := np.flatnonzero(up >= 0)):
        count += np.bincount(up[rows], count[rows], len(parent)).astype(np.int64)
        up = up.copy()
        up[rows] = up[up[rows]]
    return count


def _siblings(parent: "Links", family: "Numbers") -> tuple["Numbers", "NDArray[np.bool_]"]:
    """For each child, the steps from its parent to itself, and whether it is the last of its siblings."""
    children = np.flatnonzero(parent >= 0)
    children = children[np.argsort((parent[children].astype(np.int64) << 32) | family[children])]
    of = parent[children]
    first = np.append(True, of[1:] != of[:-1])[: len(of)]
    before = np.cumsum(family[children]) - family[children]
    group = np.cumsum(first) - 1
    ahead = np.zeros(len(parent), np.int64)
    ahead[children] = before - before[first][group] + 1 if len(children) else 0
    last = np.zeros(len(parent), np.bool_)
    last[children] = np.append(first[1:], True)[: len(of)]
    return ahead, last


def _along(parent: "Links", value: "Numbers") -> "Numbers":
    """The sum of the values from each object up to, but without, its root."""
    total = np.where(parent >= 0, value, 0)
    up = parent
    while len(rows := np.flatnonzero(up >= 0)):
        more = total[up[rows]]
        total[rows] += more
        up = up.copy()
        up[rows] = up[up[rows]]
    return total
