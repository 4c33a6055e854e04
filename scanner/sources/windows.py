"""Items of any length, read through one reused buffer in windows that overlap, and places in them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from scanner.finding import OVERLAP, WINDOW, Buffer, Chunk, Position

BUFFER_SIZE: Final = WINDOW
"""The bytes that a buffer for ``windows`` has room for."""


def windows(
    read_into: Callable[[memoryview], int], buffer: bytearray, size: int | None
) -> Iterator[tuple[memoryview, int, bool]]:
    """Read an item to its end.

    Args:
        read_into: Fills a view with the next bytes and tells how many; 0 is the end.
        buffer: Where to read to, ``BUFFER_SIZE`` bytes; what was yielded before is overwritten.
        size: How long the item is said to be: no read past it just to see the end. None if unknown.

    Yields:
        A view of the bytes, the offset in the item where they begin, and whether there are more. Each view but the
        first begins with the last ``OVERLAP`` bytes of the one before. An item of no bytes is one empty view.

    Raises:
        OSError: What ``read_into`` raises; what had been read until then has been yielded.
    """
    view = memoryview(buffer)
    filled = offset = 0
    error: OSError | None = None
    while True:
        try:
            count = read_into(view[filled:])
        except OSError as raised:
            count, error = 0, raised
        filled += count
        if not count or offset + filled == size:
            yield view[:filled], offset, False
            if error:
                raise error
            return
        if filled == len(view):
            yield view, offset, True
            keep = len(view) - OVERLAP
            view[:OVERLAP] = view[keep:]
            offset += keep
            filled = OVERLAP


def position_far_in(pieces: Iterable[Buffer], offset: int) -> Position:
    """Line and column of an offset in an item that is read once more from its beginning, piece after piece."""
    lines = Lines()
    for piece in pieces:
        if lines.offset + len(piece) >= offset:
            return lines.position(piece, offset)
        lines.pass_over(piece)
    return lines.position(b"", lines.offset)  # the item has shrunk since


class _Mark(NamedTuple):
    """What has been counted up to an offset."""

    offset: int
    feeds: int
    line_start: int


class Lines:
    """Counts the line feeds of an item that goes by, piece after piece, each byte once.

    Args:
        at: Where in the item it begins to go by.

    Attributes:
        offset: Where the next piece begins.
    """

    def __init__(self, at: Position = Position(1, 1, 0)) -> None:  # noqa: B008 - it is frozen
        self.offset = at.offset
        self._begin = self._cursor = _Mark(at.offset, at.line - 1, at.offset - at.column + 1)

    def pass_over(self, piece: Buffer) -> None:
        """Count the rest of the next piece, in which no place is asked for any more."""
        self._count(piece, self.offset + len(piece))
        self._begin = self._cursor
        self.offset = self._cursor.offset

    def pass_over_chunk(self, chunk: Chunk) -> None:
        """Count what the chunk after it does not begin with again."""
        self.pass_over(memoryview(chunk.buffer)[: chunk.fresh])

    def position(self, piece: Buffer, offset: int) -> Position:
        """Line and column of an offset in the item, where ``piece`` is what comes next.

        Ask in ascending order: then no byte is counted twice.
        """
        if offset < self._cursor.offset:
            self._cursor = self._begin
        self._count(piece, offset)
        return Position(self._cursor.feeds + 1, offset - self._cursor.line_start + 1, offset)

    def _count(self, piece: Buffer, offset: int) -> None:
        before = self._cursor
        raw = bytes(memoryview(piece)[before.offset - self.offset : offset - self.offset])
        last = raw.rfind(b"\n")
        line_start = before.line_start if last < 0 else before.offset + last + 1
        self._cursor = _Mark(offset, before.feeds + raw.count(b"\n"), line_start)
