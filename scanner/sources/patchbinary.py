"""Binary patches of git: the content of a side, or the delta that makes it, in base 85 (git's ``diff.c``)."""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from scanner.errors import Declined, ReadError
from scanner.sources.git.inflate import CEILING, inflate

_SECTION: Final = re.compile(rb"(literal|delta) (0|[1-9]\d{0,18})")
_UPPER: Final = ord("A") - 1  # a line's first letter is how many bytes it stands for: A to Z, then a to z
_LOWER: Final = ord("a") - 27


class Binary(NamedTuple):
    """One side of a binary patch.

    Attributes:
        texts: Its content; of a delta, what it inserts, piece by piece.
        whole: Whether that is all of the content.
    """

    texts: tuple[bytes, ...]
    whole: bool


def read_binary(next_line: Callable[[], bytes]) -> Binary | None:
    """Read one section: the first of a binary patch makes the new side, the second would bring back the old one.

    Args:
        next_line: Gives line after line, and nothing at the end.

    Returns:
        The side, or None where there is no section.

    Raises:
        Declined: It is too large.
        ReadError: It is damaged.
    """
    found = _SECTION.fullmatch(next_line().rstrip(b"\r\n"))
    if found is None:
        return None
    size = int(found[2])
    packed = bytearray()
    while line := next_line().rstrip(b"\r\n"):
        packed += _decoded(line)
    if size > CEILING:
        raise Declined(f"its binary patch has {size} bytes, over the ceiling of {CEILING}")
    content = inflate(bytes(packed), size)
    if found[1] == b"literal":
        return Binary((content,), whole=True)
    return Binary(tuple(_inserted(content)), whole=False)


def _decoded(line: bytes) -> bytes:
    letter = line[0]
    length = letter - (_UPPER if letter <= ord("Z") else _LOWER)
    try:
        return base64.b85decode(line[1:])[:length]
    except ValueError as error:
        raise ReadError(f"its binary patch is damaged: {error}") from error


def _inserted(delta: bytes) -> Iterator[bytes]:
    """The runs of bytes that a delta inserts, those next to each other as one (gitformat-pack(5))."""
    place = 0
    run = b""
    try:
        for _ in range(2):
            while delta[place] & 128:
                place += 1
            place += 1
        while place < len(delta):
            code = delta[place]
            place += 1
            if code & 128:
                if run:
                    yield run
                run = b""
                place += (code & 127).bit_count()
            else:
                run += delta[place : place + code]
                place += code
    except IndexError as error:
        raise ReadError("its binary patch is damaged") from error
    if run:
        yield run
