"""Items of any length, read through one reused buffer in windows that overlap, and places in them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

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


def position_in(buffer: Buffer, offset: int) -> Position:
    """Line and column of an offset in a buffer that begins where its item begins."""
    return Lines().position(buffer, offset)


def position_far_in(pieces: Iterable[Buffer], offset: int) -> Position:
    """Line and column of an offset in an item that is read once more from its beginning, piece after piece."""
    lines = Lines()
    for piece in pieces:
        if lines.offset + len(piece) >= offset:
            return lines.position(piece, offset)
        lines.pass_over(piece)
    return lines.position(b"", offset)  # the item has shrunk since


class Lines:
    """Counts the line feeds of an item that goes by, piece after piece.

    Attributes:
        offset: How many bytes have gone by.
    """

    def __init__(self) -> None:
        self.offset = 0
        self._count = 0
        self._line_start = 0

    def pass_over(self, piece: Buffer) -> None:
        """Count the next piece, in which no place is asked for any more."""
        raw = bytes(piece)
        self._count += raw.count(b"\n")
        last = raw.rfind(b"\n")
        if last >= 0:
            self._line_start = self.offset + last + 1
        self.offset += len(raw)

    def pass_over_chunk(self, chunk: Chunk) -> None:
        """Count what the next chunk does not begin with again."""
        self.pass_over(memoryview(chunk.buffer)[: chunk.fresh])

    def position(self, piece: Buffer, offset: int) -> Position:
        """Line and column of an offset in the item, where ``piece`` is what comes next."""
        raw = bytes(memoryview(piece)[: max(offset - self.offset, 0)])
        last = raw.rfind(b"\n")
        line_start = self._line_start if last < 0 else self.offset + last + 1
        return Position(self._count + raw.count(b"\n") + 1, offset - line_start + 1, offset)
