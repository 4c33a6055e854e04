"""Long items in pieces, and the overlapping chunks that they are searched in."""

import os
import stat
from collections.abc import Iterable, Iterator
from typing import Final

from scanner.errors import Declined, ReadError
from scanner.finding import OVERLAP, WINDOW, Chunk

PIECE: Final = WINDOW - OVERLAP
"""The most bytes of one piece of an item, so that with the overlap it fills a window."""


def chunks(pieces: Iterable[bytes], item: object) -> Iterator[Chunk]:
    """The chunks of one item, from its pieces of at most ``PIECE`` bytes.

    Raises:
        ReadError: The pieces' own, after the chunk with what was read until then.
    """
    buffer, offset, kept, failure = b"", 0, b"", None
    try:
        for piece in pieces:
            if buffer:
                yield Chunk(buffer, item, offset, more=True)
                kept = buffer[-OVERLAP:]
                offset += len(buffer) - len(kept)
            buffer = kept + piece
    except ReadError as error:
        failure = error
    yield Chunk(buffer, item, offset)
    if failure:
        raise failure


def file_pieces(path: str) -> Iterator[bytes]:
    """A regular file's pieces. Symbolic links are not followed, and nothing else is waited for.

    Raises:
        ReadError: It cannot be opened or read.
        Declined: It is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Declined("not a regular file")
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        raise ReadError(error.strerror or str(error)) from error
