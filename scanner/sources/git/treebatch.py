"""Many trees at once: which of them holds which subtree, and which holds a blob that was hit."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from ahocorasick_rs import BytesAhoCorasick, MatchKind

from scanner.finding import WINDOW
from scanner.sources.git import ids

if TYPE_CHECKING:
    from scanner.sources.git.ids import Ids, Numbers

# The fast automaton takes 24 ids at 12 GB/s, 48 at 5, and 100 at a third of one.
_AT_ONCE: Final = 24

# How many bytes of trees are looked through together: few enough to stay in a processor's cache.
_BATCH: Final = 256 << 10

# How many ids are gathered before they are looked up together.
_GATHERED: Final = 1 << 19


class TreeBatch:
    """Takes trees one by one, and looks through them together.

    Args:
        blobs: Ids of the blobs that were hit.
        table: The ids of the objects that an edge can lead to by row, ascending.
        hash_size: Bytes in an object id.

    Attributes:
        outer: After ``finish``: a tree, by the number that it was given …
        inner: … and one of its subtrees, by its row in the table.
        far_outer: A tree …
        far_inner: … and one of its subtrees that is not in the table.
        holders: For each tree that holds blobs that were hit: which, by their place in what was asked for.
    """

    def __init__(self, blobs: Sequence[bytes], table: "Ids", hash_size: int) -> None:
        self._table = table
        self._hash_size = hash_size
        self._searches = [
            BytesAhoCorasick(blobs[begin : begin + _AT_ONCE], matchkind=MatchKind.LeftmostFirst)
            for begin in range(0, len(blobs), _AT_ONCE)
        ]
        self._numbers: list[int] = []
        self._contents: list[bytes] = []
        self._size = 0
        self._gathered: list[tuple[Numbers, Ids]] = []
        self._gathered_count = 0
        self._near: list[tuple[Numbers, Numbers]] = []
        self._far: list[tuple[Numbers, Ids]] = []
        self._held: dict[int, set[int]] = {}

    def add(self, number: int, content: bytes) -> None:
        """Take a tree."""
        self._numbers.append(number)
        self._contents.append(content)
        self._size += len(content)
        if self._size > _BATCH:
            self._look_through()

    def finish(self) -> None:
        """Look through what is left."""
        self._look_through()
        self._look_up()
        none = np.empty(0, np.int64)
        self.outer = np.concatenate([none, *(outer for outer, _ in self._near)])
        self.inner = np.concatenate([none, *(inner for _, inner in self._near)])
        self.far_outer = np.concatenate([none, *(outer for outer, _ in self._far)])
        self.far_inner = b"".join(inner.tobytes() for _, inner in self._far)
        self.holders = {number: frozenset(blobs) for number, blobs in self._held.items()}

    def _look_through(self) -> None:
        joined = b"".join(self._contents)
        numbers = np.array(self._numbers, np.int64)
        ends = np.cumsum([len(content) for content in self._contents])
        self._numbers, self._contents, self._size = [], [], 0
        if not joined:
            return
        for blob, start in self._hits(joined):
            tree = int(np.searchsorted(ends, start, "right"))
            if start + self._hash_size <= ends[tree]:
                self._held.setdefault(int(numbers[tree]), set()).add(blob)
        places = _subtrees(np.frombuffer(joined, np.uint8))
        places = places[places + self._hash_size <= len(joined)]
        trees = np.searchsorted(ends, places, "right")
        within = places + self._hash_size <= ends[trees]
        # Each place in the text seen as an id that begins there.
        every = np.ndarray((len(joined) - self._hash_size + 1,), f"V{self._hash_size}", joined, 0, (1,))
        inner = every[places[within]].view(np.uint8).reshape(-1, self._hash_size)
        self._gathered.append((numbers[trees[within]], inner))
        self._gathered_count += len(inner)
        if self._gathered_count > _GATHERED:
            self._look_up()

    def _hits(self, joined: bytes) -> Iterator[tuple[int, int]]:
        view = memoryview(joined)
        for number, automaton in enumerate(self._searches):
            for begin in range(0, len(view), WINDOW):
                window = view[begin : begin + WINDOW + self._hash_size - 1]
                for blob, start, _ in automaton.find_matches_as_indexes(window):
                    yield number * _AT_ONCE + blob, begin + start

    def _look_up(self) -> None:
        if not self._gathered:
            return
        outer = np.concatenate([outer for outer, _ in self._gathered])
        wanted = np.concatenate([inner for _, inner in self._gathered])
        self._gathered, self._gathered_count = [], 0
        inner = ids.find(self._table, wanted)
        near = inner != ids.NOWHERE
        self._near.append((outer[near], inner[near]))
        self._far.append((outer[~near], wanted[~near]))


def _subtrees(text: "Ids") -> "Numbers":
    """Where the ids of subtrees begin: behind the first zero after each ``40000`` and a space.

    It looks everywhere, and so also into names and across entries. What it then takes for the id of a tree is none,
    unless someone forged it; reading entry by entry takes five times as long.
    """
    mode = np.flatnonzero((text[5:] == ord(" ")) & (text[:-5] == ord("4")))
    for digit in range(1, 5):
        mode = mode[text[mode + digit] == ord("0")]
    zeros = np.flatnonzero(text == 0)
    after = np.searchsorted(zeros, mode)
    return zeros[after[after < len(zeros)]] + 1
