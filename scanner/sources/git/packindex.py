"""A pack's index: which object begins where. Versions 1 and 2 (gitformat-pack(5))."""

import bisect
import mmap
import struct
from functools import lru_cache
from typing import Final

from scanner.errors import ReadError

_MAGIC: Final = b"\xfftOc"
_FAN_OUT: Final = 256 * 4


class PackIndex:
    """An index, mapped and searched in place.

    Args:
        path: The ``.idx`` file.
        hash_size: Bytes in an object id.

    Attributes:
        data: The whole file.
        version: 1 or 2.
        count: How many objects there are.
        hash_size: Bytes in an object id.
        names: Where the first object id stands in the file, in bytes; ids ascend.
        stride: From one id to the next, in bytes. In version 1 its 4-byte offset stands before each id.
        crcs: Version 2: where the CRC-32 of the packed entries stand, 4 bytes each.
        offsets: Version 2: where the offsets stand, 4 bytes each; one with its highest bit set points into …
        large: … the 8-byte offsets, of which there are ``large_count``.

    Raises:
        ReadError: The file cannot be read or contradicts itself.
    """

    def __init__(self, path: str, hash_size: int) -> None:
        self.data: Final = map_file(path)
        self.hash_size: Final = hash_size
        size = len(self.data) - 2 * hash_size  # without the two checksums at its end
        self.version: Final = 2 if self.data[:4] == _MAGIC else 1
        fan_out = 8 if self.version == 2 else 0
        if size < fan_out + _FAN_OUT or (fan_out and self.data[4:8] != b"\0\0\0\2"):
            raise ReadError("its index is too short, or of an unknown version")
        self._fan_out: Final = struct.unpack_from(">256I", self.data, fan_out)
        self.count: Final = self._fan_out[255]
        self.names: Final = fan_out + _FAN_OUT + (0 if self.version == 2 else 4)
        self.stride: Final = hash_size if self.version == 2 else hash_size + 4
        self.crcs: Final = self.names + self.count * hash_size
        self.offsets: Final = self.crcs + 4 * self.count
        self.large: Final = self.offsets + 4 * self.count
        self.large_count: Final = (size - self.large) // 8 if self.version == 2 else 0
        end = self.large if self.version == 2 else fan_out + _FAN_OUT + self.count * self.stride
        if end > size or list(self._fan_out) != sorted(self._fan_out):
            raise ReadError("its index is shorter than its own count of objects")

    def oid(self, number: int) -> bytes:
        """The id of an object, by its number in the order of ids."""
        begin = self.names + number * self.stride
        return self.data[begin : begin + self.hash_size]

    def find(self, oid: bytes) -> int | None:
        """An object's number in the order of ids, or None if it is not in the pack."""
        low, high = self._fan_out[oid[0] - 1] if oid[0] else 0, self._fan_out[oid[0]]
        number = bisect.bisect_left(range(self.count), oid, low, high, key=self.oid)
        return number if number < high and self.oid(number) == oid else None

    def offset(self, number: int) -> int:
        """Where an object's entry begins in the pack, in bytes.

        Raises:
            ReadError: The index points outside itself.
        """
        if self.version == 1:
            return int.from_bytes(self.data[(at := self.names + number * self.stride - 4) : at + 4])
        short = int.from_bytes(self.data[(at := self.offsets + 4 * number) : at + 4])
        if short < 1 << 31:
            return short
        if (place := short & 0x7FFFFFFF) >= self.large_count:
            raise ReadError("its index points outside itself")
        return int.from_bytes(self.data[(at := self.large + 8 * place) : at + 8])


@lru_cache(maxsize=64)
def open_index(stem: str, hash_size: int) -> PackIndex:
    """The index of a pack, kept for the next who asks.

    Raises:
        ReadError: As ``PackIndex``.
    """
    return PackIndex(f"{stem}.idx", hash_size)


def holds(stem: str, hash_size: int, oid: bytes) -> bool:
    """Whether a pack has an object. One whose index cannot be read has none."""
    try:
        return open_index(stem, hash_size).find(oid) is not None
    except ReadError:
        return False


def map_file(path: str) -> mmap.mmap:
    """A file, mapped for reading.

    Raises:
        ReadError: It cannot be opened, or is empty.
    """
    try:
        with open(path, "rb") as file:
            return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    except (OSError, ValueError) as error:
        raise ReadError(getattr(error, "strerror", None) or str(error)) from error
