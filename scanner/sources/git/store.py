"""One object at a time, by its id, from whatever pack has it, or loose: for the few that are asked for by name."""

import os
from collections import OrderedDict
from typing import Final, NamedTuple

from scanner.errors import Declined, ReadError
from scanner.sources.git.delta import apply
from scanner.sources.git.inflate import CEILING, inflate
from scanner.sources.git.layout import Repository
from scanner.sources.git.loose import loose_path, open_loose
from scanner.sources.git.packindex import PackIndex, map_file, open_index

_TYPES: Final = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFS_DELTA: Final = 6
_REF_DELTA: Final = 7

# Neighbours in history share most of their chain of deltas.
_KEPT: Final = 256
_KEPT_SIZE: Final = 64 << 10


class Object(NamedTuple):
    """A git object.

    Attributes:
        kind: ``blob``, ``commit``, ``tag`` or ``tree``.
        content: Its bytes.
    """

    kind: str
    content: bytes


class Store:
    """The objects of a repository, and of those that it borrows from.

    Args:
        repository: The repository.
        without: The stem of a pack to leave out, because its copy is known to be damaged.
    """

    def __init__(self, repository: Repository, *, without: str = "") -> None:
        self._repository: Final = repository
        self._stems: Final = [stem for stem in repository.packs() if stem != without]
        self._views: Final[dict[str, memoryview]] = {}
        self._kept: Final[OrderedDict[tuple[str, int], Object]] = OrderedDict()

    def read(self, oid: bytes) -> Object:
        """An object, from the first sound copy.

        Raises:
            Declined: It is too large to hold.
            ReadError: There is none, or no sound copy.
        """
        problem = ReadError("it is not in the repository")
        for stem in self._stems:
            try:
                index = open_index(stem, self._repository.hash_size)
                if (number := index.find(oid)) is not None:
                    return self._unpack(stem, index, index.offset(number))
            except ReadError as error:
                problem = error
        for directory in self._repository.object_dirs:
            path = loose_path(directory, oid.hex())
            if os.path.lexists(path):
                try:
                    return _loose(path)
                except ReadError as error:
                    problem = error
        raise ReadError(f"object {oid.hex()}: {problem.message}") from problem

    def find(self, oid: bytes) -> Object | None:
        """An object, or None where there is no sound copy."""
        try:
            return self.read(oid)
        except ReadError:
            return None

    def _unpack(self, stem: str, index: PackIndex, offset: int) -> Object:
        if stem not in self._views:
            self._views[stem] = memoryview(map_file(f"{stem}.pack"))
        view = self._views[stem]
        chain: list[tuple[int, bytes]] = []
        passed: set[int] = set()
        while (found := self._kept.get((stem, offset))) is None:
            if offset in passed:
                raise ReadError("its deltas lead in a circle")
            passed.add(offset)
            kind, size, data, base = _entry(view, index, offset)
            if size > CEILING:
                raise Declined(f"it has {size} bytes, over the ceiling of {CEILING}")
            content = inflate(view[data:], size)
            if base is None:
                found = self._keep(stem, offset, Object(_TYPES[kind], content))
                break
            chain.append((offset, content))
            offset = base
        for place, delta in reversed(chain):
            found = self._keep(stem, place, Object(found.kind, apply(found.content, delta)))
        return found

    def _keep(self, stem: str, offset: int, found: Object) -> Object:
        if len(found.content) <= _KEPT_SIZE:
            self._kept[stem, offset] = found
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found


def _loose(path: str) -> Object:
    loose = open_loose(path)
    if loose.size > CEILING:
        raise Declined(f"it has {loose.size} bytes, over the ceiling of {CEILING}")
    return Object(loose.kind, b"".join(loose.pieces))


def _entry(view: memoryview, index: PackIndex, offset: int) -> tuple[int, int, int, int | None]:
    """An entry's type, size, where its compressed data begins, and where its base does, if it is a delta."""
    try:
        byte = view[offset]
        kind, size, shift, place = byte >> 4 & 7, byte & 15, 4, offset + 1
        while byte & 128:
            byte = view[place]
            size |= (byte & 127) << shift
            shift, place = shift + 7, place + 1
        if kind == _OFS_DELTA:
            byte = view[place]
            distance, place = byte & 127, place + 1
            while byte & 128:
                byte = view[place]
                distance, place = (distance + 1 << 7) | (byte & 127), place + 1
            if not 0 < distance <= offset:
                raise ReadError("its base is outside the pack")
            return kind, size, place, offset - distance
    except IndexError as error:
        raise ReadError("its header is damaged") from error
    if kind == _REF_DELTA:
        number = index.find(base) if len(base := bytes(view[place : place + index.hash_size])) else None
        if number is None:
            raise ReadError("the base of its delta is not in the pack")
        return kind, size, place + index.hash_size, index.offset(number)
    if kind not in _TYPES:
        raise ReadError("its header is damaged")
    return kind, size, place, None
