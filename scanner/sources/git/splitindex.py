"""A split index: what a small index changes in a large one that it shares (gitformat-index(5), "Split index").

The bitmaps are in the compressed form of EWAH (gitformat-bitmap(5), appendix A).
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from scanner.errors import ReadError

_Entry = TypeVar("_Entry")

_LINK: Final = b"link"
_BITS: Final = 64
_MOST: Final = 1 << 26  # bits: more than any index has entries, and a bomb's worth of none


class Link(NamedTuple):
    """What a split index says of the one that it shares.

    Attributes:
        shared: The end of its file's name, in hex.
        deleted: The places of its entries that are gone.
        replaced: The places of those that this index's first entries stand for.
    """

    shared: str
    deleted: frozenset[int]
    replaced: tuple[int, ...]


def find_link(extensions: bytes, hash_size: int) -> Link | None:
    """The link among an index's extensions, or None in one that is whole.

    Raises:
        ReadError: It is damaged.
        struct.error: Likewise.
    """
    place = 0
    while place + 8 <= len(extensions):
        name, size = struct.unpack_from(">4sI", extensions, place)
        body = extensions[place + 8 : place + 8 + size]
        if name == _LINK and any(body[:hash_size]):
            deleted, rest = _bitmap(body[hash_size:])
            replaced, _ = _bitmap(rest)
            return Link(body[:hash_size].hex(), frozenset(deleted), replaced)
        place += 8 + size
    return None


def joined(
    link: Link, shared: Sequence[_Entry], own: Sequence[_Entry], renamed: Callable[[_Entry, _Entry], _Entry]
) -> tuple[_Entry, ...]:
    """The entries of both halves together, out of order.

    Args:
        link: What the one says of the other.
        shared: The entries of the one that is shared.
        own: The entries of the small one; those that replace another have no names.
        renamed: Gives the second entry the name of the first.

    Raises:
        ReadError: They do not fit each other.
    """
    if len(link.replaced) > len(own) or any(place >= len(shared) for place in (*link.deleted, *link.replaced)):
        raise ReadError("the index does not fit the one that it shares")
    entries = list(shared)
    for place, entry in zip(link.replaced, own, strict=False):
        entries[place] = renamed(entries[place], entry)
    kept = [entry for place, entry in enumerate(entries) if place not in link.deleted]
    return (*kept, *own[len(link.replaced) :])


def _bitmap(content: bytes) -> tuple[tuple[int, ...], bytes]:
    """The places of the bits that are set, and what follows the bitmap."""
    if not content:
        return (), b""
    _, count = struct.unpack_from(">II", content)
    words = struct.unpack_from(f">{count}Q", content, 8)
    return tuple(_bits(words)), content[8 + 8 * count + 4 :]


def _bits(words: Sequence[int]) -> Iterator[int]:
    place, bit = 0, 0
    while place < len(words):
        marker = words[place]
        run, literals = marker >> 1 & 0xFFFFFFFF, marker >> 33
        if bit + (run + literals) * _BITS > _MOST:
            raise ReadError("the index is damaged: a bitmap is too long")
        if marker & 1:
            yield from range(bit, bit + run * _BITS)
        bit += run * _BITS
        for word in words[place + 1 : place + 1 + literals]:
            yield from (bit + shift for shift in range(_BITS) if word >> shift & 1)
            bit += _BITS
        place += 1 + literals
