"""Zlib streams of a declared size, never inflated beyond it."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from isal import isal_zlib

from scanner.errors import ReadError
from scanner.sources.git.pieces import PIECE

if TYPE_CHECKING:
    from scanner.finding import Buffer

CEILING: Final = 512 << 20
"""The most bytes of one object that are held in memory: git's own ``core.bigFileThreshold``, over which it makes no
deltas."""

INFLATION: Final = 1032
"""Deflate makes at most this many bytes of one (zlib's technical details)."""

# How much compressed input is handed over at once: what is left of it after the stream's end is copied.
_INPUT: Final = 16 << 10


def inflate(compressed: "Buffer", size: int) -> bytes:
    """A stream of exactly the declared size, which must not be over ``CEILING``. What follows the stream is ignored.

    Raises:
        ReadError: The stream is damaged, or of another size.
    """
    return b"".join(pieces(compressed, size))


def pieces(compressed: "Buffer", size: int) -> Iterator[bytes]:
    """A stream of exactly the declared size in pieces of at most ``PIECE`` bytes.

    Raises:
        ReadError: The stream is damaged, or of another size; pieces that came before are good.
    """
    view = memoryview(compressed)
    return sized(stream(view[begin : begin + _INPUT] for begin in range(0, len(view), _INPUT)), size)


def sized(source: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Pieces as they come, so long as they add up to exactly the declared size.

    Raises:
        ReadError: They do not.
    """
    total = 0
    for piece in source:
        total += len(piece)
        if total > size:
            raise ReadError(f"it is longer than the {size} bytes that its header declares")
        yield piece
    if total != size:
        raise ReadError(f"it has {total} bytes where its header declares {size}")


def stream(compressed: "Iterable[Buffer]") -> Iterator[bytes]:
    """What a stream inflates to, in pieces of 1 to ``PIECE`` bytes, from its own pieces.

    Raises:
        ReadError: The stream is damaged or ends too early.
    """
    inflater = isal_zlib.decompressobj()
    for source in compressed:
        rest = source
        while not inflater.eof:
            try:
                piece = inflater.decompress(rest, PIECE)
            except isal_zlib.error as error:  # type: ignore[misc]  # its stub calls it an instance
                raise ReadError(f"its compressed data is damaged: {error}") from error
            if piece:
                yield piece
            rest = inflater.unconsumed_tail
            if not rest and len(piece) < PIECE:
                break
        if inflater.eof:
            return
    raise ReadError("its compressed data ends too early")
