"""A pack with the headers of all its entries, parsed at once (gitformat-pack(5))."""

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from scanner.errors import ReadError
from scanner.sources.git import ids
from scanner.sources.git.packindex import PackIndex, map_file, open_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes: TypeAlias = NDArray[np.uint8]
    Numbers: TypeAlias = NDArray[np.int64]
    Links: TypeAlias = NDArray[np.int32]
    Ids: TypeAlias = NDArray[np.uint8]

UNKNOWN: Final = 0
COMMIT: Final = 1
TREE: Final = 2
BLOB: Final = 3
TAG: Final = 4
_RESERVED: Final = 5
OFS_DELTA: Final = 6
REF_DELTA: Final = 7

TYPES: Final = {COMMIT: "commit", TREE: "tree", BLOB: "blob", TAG: "tag"}

NO_BASE: Final = -1
"""The base of an object that is no delta."""

LOST_BASE: Final = -2
"""The base of a delta whose base is not in the pack."""

# A varint of ten bytes would overflow 63 bits, and no size or distance needs as many.
_LONGEST: Final = 9


# Entries are looked up by blocks of 2**7 bytes, in which few begin.
_BLOCK: Final = 7
_STEPS: Final = 3


class Pack:
    """A pack's entries, in the order of their offsets; an entry is known by its number in that order.

    Args:
        stem: The pack's path without ``.pack``.
        hash_size: Bytes in an object id.

    Attributes:
        path: The pack's path.
        view: The whole pack.
        index: Its index.
        order: For each entry, its number in the order of object ids.
        begin: Where each entry begins, in bytes.
        end: Where it ends.
        data: Where its compressed data begins; for an entry whose header is damaged, where it ends.
        size: The bytes of its inflated data: the object, or a delta.
        type: Its type as stored; ``UNKNOWN`` where the header is damaged.
        base: The number of the entry that it is a delta against, or ``NO_BASE`` or ``LOST_BASE``.
        crc: The CRC-32 of each whole entry; empty for an index of version 1, which has none.

    Raises:
        ReadError: The pack or its index cannot be read, or is no pack.
    """

    def __init__(self, stem: str, hash_size: int) -> None:
        self.path: Final = f"{stem}.pack"
        self.index: Final = open_index(stem, hash_size)
        mapped = map_file(self.path)
        if mapped[:4] != b"PACK" or mapped[4:8] not in {b"\0\0\0\2", b"\0\0\0\3"}:
            raise ReadError("not a pack of a known version")
        self.view: Final = memoryview(mapped)
        self._last: Final = len(mapped) - hash_size
        offsets, crcs = _offsets(self.index)
        self.order: Final[Links] = _order(offsets)
        self.begin: Final[Numbers] = offsets[self.order]
        self.end: Final[Numbers] = np.append(self.begin[1:], self._last)
        self.crc: Final = crcs[self.order] if crcs is not None else np.empty(0, np.uint32)
        pack = np.frombuffer(mapped, np.uint8)
        # What an index says of a pack that was cut short points past its end; such entries keep no data.
        sound = (self.begin >= 12) & (self.end <= self._last) & (self.begin < self.end)
        self.end.clip(0, max(self._last, 0), out=self.end)
        place = np.where(sound, self.begin, 0)
        first = pack[place]
        kind = (first >> 4 & 7).astype(np.int8)
        sound &= (kind != UNKNOWN) & (kind != _RESERVED)
        self.type: Final = np.where(sound, kind, np.int8(UNKNOWN))
        self.size: Final[Numbers] = (first & 15).astype(np.int64)
        place += 1
        _varint(pack, place, self.size, shift=4, rows=np.flatnonzero(first & 128))
        self.base: Final[Links] = np.full(self.count, NO_BASE, np.int32)
        self._link_offsets(pack, place)
        self._link_ids(pack, place)
        self.data: Final[Numbers] = np.where(sound & (place <= self.end), place, self.end)

    @property
    def count(self) -> int:
        """How many entries there are."""
        return int(self.index.count)

    def oid(self, entry: int) -> bytes:
        """The object id of an entry."""
        return self.index.oid(int(self.order[entry]))

    def oids(self) -> "Ids":
        """All object ids in the order of the entries, one a row."""
        return ids.ids_of(self.index)[self.order]

    def _link_offsets(self, pack: "Bytes", place: "Numbers") -> None:
        rows = np.flatnonzero(self.type == OFS_DELTA)
        at = place[rows]
        byte = _at(pack, at)
        distance = (byte & 127).astype(np.int64)
        more = np.flatnonzero(byte & 128)
        at += 1
        for _ in range(_LONGEST):
            if not len(more):
                break
            byte = _at(pack, at[more])
            distance[more] = (distance[more] + 1 << 7) | (byte & 127)
            at[more] += 1
            more = more[byte & 128 != 0]
        place[rows] = at
        wanted = self.begin[rows] - distance
        # A distance of zero, or one past the pack's beginning, finds the entry itself, a cycle, or no entry.
        self.base[rows] = self._entries_at(wanted)

    def _entries_at(self, wanted: "Numbers") -> "Links":
        """The entries that begin at some offsets, or ``LOST_BASE``."""
        if not len(wanted):
            return np.empty(0, np.int32)
        # The last entry that begins in each block of the pack is as a rule the one, or soon after it. A search for all
        # of them takes three times as long.
        blocks = np.zeros((self._last >> _BLOCK) + 1, np.int32)
        blocks[self.begin.clip(0, self._last) >> _BLOCK] = np.arange(self.count, dtype=np.int32)
        found: Links = blocks[wanted.clip(0, self._last) >> _BLOCK]
        off = np.flatnonzero(self.begin[found] != wanted)
        for _ in range(_STEPS):
            found[off] -= 1
            off = off[self.begin[found[off]] != wanted[off]]
        found[off] = np.searchsorted(self.begin, wanted[off]).clip(0, self.count - 1)
        off = off[self.begin[found[off]] != wanted[off]]
        found[off] = LOST_BASE
        return found

    def _link_ids(self, pack: "Bytes", place: "Numbers") -> None:
        rows = np.flatnonzero(self.type == REF_DELTA)
        if not len(rows):
            return
        at = place[rows].clip(max=self._last - self.index.hash_size)
        wanted = pack[at[:, np.newaxis] + np.arange(self.index.hash_size)]
        place[rows] += self.index.hash_size
        entries = np.empty(self.count, np.int32)
        entries[self.order] = np.arange(self.count, dtype=np.int32)
        found = ids.find(ids.ids_of(self.index), wanted)
        self.base[rows] = np.where(found == ids.NOWHERE, LOST_BASE, entries[found])


@lru_cache(maxsize=2)
def open_pack(stem: str, hash_size: int) -> Pack:
    """A pack, kept for the next unit that asks for it: parsing its headers takes 0.2 s for 500,000 objects.

    Raises:
        ReadError: As ``Pack``.
    """
    return Pack(stem, hash_size)


def _offsets(index: PackIndex) -> tuple["Numbers", "NDArray[np.uint32] | None"]:
    if index.version == 1:
        raw = np.frombuffer(index.data, np.uint8, index.count * index.stride, index.names - 4)
        table = raw.reshape(index.count, index.stride)
        return np.ascontiguousarray(table[:, :4]).view(">u4").ravel().astype(np.int64), None
    offsets = np.frombuffer(index.data, ">u4", index.count, index.offsets).astype(np.int64)
    far = np.flatnonzero(offsets >> 31)
    if len(far):
        large = np.frombuffer(index.data, ">u8", index.large_count, index.large).astype(np.int64)
        place = offsets[far] & 0x7FFFFFFF
        if place.max() >= len(large):
            raise ReadError("its index points outside itself")
        offsets[far] = large[place]
    return offsets, np.frombuffer(index.data, ">u4", index.count, index.crcs).astype(np.uint32)


def _order(offsets: "Numbers") -> "Links":
    """The rows in ascending order of their offsets."""
    bits = len(offsets).bit_length()
    if int(offsets.max(initial=0)) >> (63 - bits) or int(offsets.min(initial=0)) < 0:
        return np.argsort(offsets).astype(np.int32)
    # Offset and row in one number sort three times as fast.
    both = (offsets << bits) | np.arange(len(offsets))
    both.sort()
    return (both & ((1 << bits) - 1)).astype(np.int32)


def _varint(pack: "Bytes", place: "Numbers", value: "Numbers", *, shift: int, rows: "NDArray[np.intp]") -> None:
    """Read on, in some rows, the little-endian groups of seven bits of a size; each place ends behind them."""
    for _ in range(_LONGEST):
        if not len(rows):
            return
        byte = _at(pack, place[rows])
        value[rows] |= (byte & 127).astype(np.int64) << shift
        place[rows] += 1
        shift += 7
        rows = rows[byte & 128 != 0]


def _at(pack: "Bytes", place: "Numbers") -> "Bytes":
    found: Bytes = pack[place.clip(max=len(pack) - 1)]
    return found
