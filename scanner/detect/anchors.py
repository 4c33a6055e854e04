"""One pass over a buffer that finds where any anchor of any pattern stands."""

from collections.abc import Iterator, Sequence
from typing import Final

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from scanner.finding import WINDOW, Buffer, Sieve

# Where all anchors begin with one of three bytes, the automaton looks for these, which is slow where they are frequent,
# and takes a third of the speed. Three more that hardly any text has make it look for all anchors at once.
_STRANGERS: Final = (b"\xfd\xfd\xfd\xfd", b"\xfe\xfe\xfe\xfe", b"\xff\xfd\xfe\xfc")


class Anchors:
    """An automaton over all anchors.

    The first pass takes leftmost matches, which runs on SIMD at 9 to 18 GB/s, where the standard kind, which alone
    can report overlaps, runs at under 1 GB/s. A leftmost match may hide another anchor that overlaps it, so a window
    with a hit is searched once more for all of them.
    """

    def __init__(self, anchors: Sequence[bytes]) -> None:
        self._longest: Final = max(map(len, anchors))
        self._fast: Final = BytesAhoCorasick([*anchors, *_STRANGERS], matchkind=MatchKind.LeftmostFirst)
        # The automaton's own method: a function around it would cost as much as the search of a small object.
        self.sieve: Final[Sieve] = self._fast.find_matches_as_indexes
        self._all: Final = BytesAhoCorasick(anchors, matchkind=MatchKind.Standard)

    def find(self, buffer: Buffer) -> Iterator[tuple[int, int]]:
        """Each place where an anchor stands, as its number and its offset, by window and then by end."""
        if len(buffer) <= WINDOW:
            if self._fast.find_matches_as_indexes(buffer):
                for number, start, _ in self._all.find_matches_as_indexes(buffer, overlapping=True):
                    yield number, start
            return
        view = memoryview(buffer)
        for begin in range(0, len(view), WINDOW):
            # An anchor belongs to the window in which it begins.
            window = view[begin : begin + WINDOW + self._longest - 1]
            if self._fast.find_matches_as_indexes(window):
                for number, start, _ in self._all.find_matches_as_indexes(window, overlapping=True):
                    if start < WINDOW:
                        yield number, begin + start
