"""The index: what the next commit would hold (gitformat-index(5), versions 2 to 4)."""

import hashlib
import os
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from scanner.errors import ReadError
from scanner.sources.git.layout import Repository
from scanner.sources.git.splitindex import Link, find_link, joined

_MOST: Final = 1 << 30
_EXTENDED: Final = 0x4000
_STAT: Final = 40
_STATUS: Final = struct.Struct(">8x2I8xI8xI")  # of an entry's forty bytes: modification time, mode, size
_HASHES: Final = {20: hashlib.sha1, 32: hashlib.sha256}


class Entry(NamedTuple):
    """One path in the index.

    Attributes:
        path: From the top of the worktree; ``os.fsdecode``'s form.
        mode: As in a tree: 0o100644, 0o120000 …
        oid: The blob's id in hex.
        stage: 0, or 1 to 3 in an unfinished merge.
        size: The file's bytes when it was last looked at, modulo 2**32.
        changed: Its modification time then: seconds modulo 2**32, and nanoseconds.
    """

    path: str
    mode: int
    oid: str
    stage: int
    size: int
    changed: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Index:
    """An index.

    Attributes:
        entries: What it holds, in its own order.
        paths: The paths of all entries.
    """

    entries: tuple[Entry, ...] = ()
    paths: frozenset[str] = frozenset()


def read_index(path: str, hash_size: int) -> Index:
    """An index file, empty where there is none; kept until the file changes.

    Raises:
        ReadError: It, or the one that it shares, cannot be read or is damaged.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return Index()
    except OSError as error:
        raise ReadError(f"cannot read the index: {error.strerror}") from error
    return _read(path, hash_size, status.st_mtime_ns, status.st_size)


def is_tracked(repository: Repository, path: str) -> bool:
    """Whether a file of the worktree is in the index, so that its content is meant for history.

    Where the index cannot be read every file counts as tracked, so that no secret is taken for a local one.

    Args:
        repository: The repository, which has a worktree.
        path: The file's, as seen from the current directory.
    """
    top = repository.worktree or repository.path
    # The directory's links are resolved, as git does; a link that is itself the file is not.
    directory, name = os.path.split(os.path.abspath(path))
    inside = os.path.relpath(os.path.join(os.path.realpath(directory), name), os.path.realpath(top))
    try:
        index = read_index(os.path.join(repository.git_dir, "index"), repository.hash_size)
    except ReadError:
        return True
    return inside in index.paths


@lru_cache(maxsize=4)
def _read(path: str, hash_size: int, _changed: int, _size: int) -> Index:
    entries, link = _half(path, hash_size)
    if link is not None:
        # A shared index never changes: its name is its checksum.
        shared, _ = _half(os.path.join(os.path.dirname(path), f"sharedindex.{link.shared}"), hash_size)
        both = joined(link, shared, entries, lambda old, new: new._replace(path=old.path))
        entries = tuple(sorted(both, key=lambda entry: (os.fsencode(entry.path), entry.stage)))
    return Index(entries, frozenset(entry.path for entry in entries))


def _half(path: str, hash_size: int) -> tuple[tuple[Entry, ...], Link | None]:
    """The entries of one file; the whole index, unless there is a link to another."""
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST)
    except OSError as error:
        raise ReadError(f"cannot read {os.path.basename(path)}: {error.strerror}") from error
    try:
        return _parse(content, hash_size)
    except (struct.error, ValueError, IndexError) as error:
        raise ReadError("the index is damaged") from error


def _parse(content: bytes, hash_size: int) -> tuple[tuple[Entry, ...], Link | None]:
    magic, version, count = struct.unpack_from(">4sII", content)
    if magic != b"DIRC" or version not in {2, 3, 4}:
        raise ReadError("the index is of an unknown kind")
    body, checksum = content[:-hash_size], content[-hash_size:]
    # All zeros with index.skipHash.
    if any(checksum) and _HASHES[hash_size](body).digest() != checksum:
        raise ReadError("the index is damaged: its checksum does not match")
    entries = []
    place, name = 12, b""
    for _ in range(count):
        begin = place
        seconds, nanoseconds, mode, size = _STATUS.unpack_from(content, place)
        place += _STAT
        oid = content[place : place + hash_size].hex()
        place += hash_size
        (flags,) = struct.unpack_from(">H", content, place)
        place += 4 if version > 2 and flags & _EXTENDED else 2
        kept = b""
        if version == 4:
            dropped, place = _varint(content, place)
            if dropped > len(name):
                raise ReadError("the index is damaged")
            kept = name[: len(name) - dropped]
        end = content.index(b"\0", place)
        name = kept + content[place:end]
        # Before version 4 an entry is padded with one to eight zeros, to a multiple of eight bytes.
        place = end + 1 if version == 4 else begin + (end - begin + 8) // 8 * 8
        entries.append(Entry(os.fsdecode(name), mode, oid, flags >> 12 & 3, size, (seconds, nanoseconds)))
    return tuple(entries), find_link(body[place:], hash_size)


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """The numbers of offset deltas (gitformat-pack(5)), and where the next thing begins."""
    byte = content[place]
    value, place = byte & 127, place + 1
    while byte & 128:
        byte = content[place]
        value, place = (value + 1 << 7) | (byte & 127), place + 1
    return value, place
