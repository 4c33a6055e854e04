"""Loose objects: one file each, named by its id (gitrepository-layout(5))."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple

from scanner.errors import Declined, ReadError
from scanner.finding import Buffer, Chunk, ObjectLocation, Position, Problem, Tally, Unit
from scanner.sources.git.fields import field_at
from scanner.sources.git.inflate import sized, stream
from scanner.sources.git.layout import Repository
from scanner.sources.git.packindex import holds
from scanner.sources.git.pieces import chunks, file_pieces
from scanner.sources.windows import position_far_in

_HEADER: Final = re.compile(rb"(blob|commit|tag|tree) (0|[1-9]\d{0,18})\0")
_FAN_OUT: Final = re.compile(r"[0-9a-f]{2}")
_NAMES: Final = {20: re.compile(r"[0-9a-f]{38}"), 32: re.compile(r"[0-9a-f]{62}")}
_HASHES: Final = {20: hashlib.sha1, 32: hashlib.sha256}


class Loose(NamedTuple):
    """A loose object that is open for reading.

    Attributes:
        kind: ``blob``, ``commit``, ``tag`` or ``tree``.
        size: Its declared size in bytes.
        pieces: Its content; reading it raises ReadError where the file is damaged.
    """

    kind: str
    size: int
    pieces: Iterator[bytes]


class Item(NamedTuple):
    """Which object a chunk is of."""

    oid: str
    kind: str


@dataclass(frozen=True, slots=True)
class LooseUnit(Unit):
    """Some of the loose objects of one object directory. Its chunks' items are of type ``Item``.

    Attributes:
        repository: The repository.
        directory: The object directory.
        fan_outs: Names of its subdirectories: the first two digits of ids.
    """

    repository: Repository
    directory: str
    fan_outs: tuple[str, ...]

    def read(self, tally: Tally) -> Iterator[Chunk]:
        """Hand on every blob, commit and tag that is not packed and not in an earlier object directory."""
        hash_size = self.repository.hash_size
        packs = self.repository.packs()
        earlier = self.repository.object_dirs[: self.repository.object_dirs.index(self.directory)]
        for oid in object_names(self.directory, self.fan_outs, hash_size):
            raw = bytes.fromhex(oid)
            if any(holds(stem, hash_size, raw) for stem in packs):
                continue
            if any(os.path.lexists(loose_path(directory, oid)) for directory in earlier):
                continue
            path = loose_path(self.directory, oid)
            try:
                found = open_loose(path)
                if found.kind == "tree":
                    continue
                yield from chunks(_verified(oid, found), Item(oid, found.kind))
            except Declined as error:
                tally.declined.append(Problem(path, error.message))
            except ReadError as error:
                tally.failed.append(Problem(path, f"object {oid}: {error.message}"))
            else:
                tally.objects += 1
                tally.bytes += found.size

    def sighting(self, item: object, at: Position, buffer: Buffer) -> ObjectLocation:
        """The object, its type, and the field of a commit or a tag."""
        assert isinstance(item, Item)
        field = field_at(item.kind, buffer, at.offset)
        return ObjectLocation(self.repository.path, item.oid, item.kind, at, field)

    def position(self, item: object, offset: int) -> Position:
        """Line and column, from reading the object again."""
        assert isinstance(item, Item)
        return position_far_in(open_loose(loose_path(self.directory, item.oid)).pieces, offset)


def fan_outs(directory: str) -> list[str]:
    """The subdirectories of an object directory that hold loose objects."""
    try:
        return sorted(name for name in os.listdir(directory) if _FAN_OUT.fullmatch(name))
    except OSError:
        return []  # counted as failed when the git directory is read


def object_names(directory: str, names: tuple[str, ...], hash_size: int) -> Iterator[str]:
    """The ids, in hex, of the loose objects in some subdirectories of an object directory."""
    for first in names:
        try:
            listing = sorted(os.listdir(os.path.join(directory, first)))
        except OSError:
            continue  # counted as failed when the git directory is read
        for rest in listing:
            # Whatever else stands there is what an interrupted git has left.
            if _NAMES[hash_size].fullmatch(rest):
                yield first + rest


def loose_path(directory: str, oid: str) -> str:
    """Where an object directory would have an object."""
    return os.path.join(directory, oid[:2], oid[2:])


def open_loose(path: str) -> Loose:
    """A loose object.

    Raises:
        ReadError: It cannot be read, or does not begin as an object does.
    """
    source = stream(file_pieces(path))
    first = next(source, b"")
    header = _HEADER.match(first)
    if header is None:
        raise ReadError("its header is damaged")
    size = int(header[2])
    return Loose(header[1].decode(), size, sized(chain([first[header.end() :]], source), size))


def _verified(oid: str, loose: Loose) -> Iterator[bytes]:
    digest = _HASHES[len(oid) // 2](f"{loose.kind} {loose.size}\0".encode())
    for piece in loose.pieces:
        digest.update(piece)
        yield piece
    if digest.hexdigest() != oid:
        raise ReadError("its content is not what its id says")
