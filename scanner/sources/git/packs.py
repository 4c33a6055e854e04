"""The unit that reads a share of a pack."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from scanner.errors import ReadError
from scanner.finding import Buffer, Chunk, ObjectLocation, Position, Problem, Sieve, Tally, Unit
from scanner.sources.git.fields import field_at
from scanner.sources.git.layout import Repository

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scanner.sources.git.families import Plan
    from scanner.sources.git.pack import Pack


@dataclass(frozen=True, slots=True)
class PackUnit(Unit):
    """One share of a pack's blobs, commits and tags. Its chunks' items are the pack's entries, by number.

    Attributes:
        repository: The repository.
        stem: The pack's path without ``.pack``.
        earlier: The packs, named likewise, whose objects are not read again from this one.
        part: Which share, from 0.
        parts: Of how many.
    """

    repository: Repository
    stem: str
    earlier: tuple[str, ...]
    part: int
    parts: int

    def read(self, tally: Tally) -> Iterator[Chunk]:
        """Rebuild and hand on every object of the share."""
        return self.read_suspects(tally, lambda _: True)

    def read_suspects(self, tally: Tally, sieve: Sieve) -> Iterator[Chunk]:
        """Rebuild every object of the share, and hand on those that may hold anything."""
        from scanner.sources.git.store import Store  # noqa: PLC0415 - dulwich and numpy take 0.1 s
        from scanner.sources.git.walk import walk  # noqa: PLC0415 - likewise

        try:
            pack, plan, wanted = _prepared(self.stem, self.repository.hash_size, self.earlier)
        except ReadError as error:
            if self.part == 0:
                tally.failed.append(Problem(f"{self.stem}.pack", error.message))
            return
        if self.part == 0:
            for entry in plan.lost.tolist():
                tally.failed.append(Problem(pack.path, f"object {pack.oid(entry).hex()}: its deltas lead in a circle"))
        steps = range(*plan.share(self.part, self.parts))
        elsewhere = Store(self.repository, without=self.stem).find
        yield from walk(pack, plan, steps, wanted=wanted, elsewhere=elsewhere, tally=tally, sieve=sieve)

    def sighting(self, item: object, at: Position, buffer: Buffer) -> ObjectLocation:
        """The object, its type, and the field of a commit or a tag."""
        from scanner.sources.git.pack import TYPES  # noqa: PLC0415 - numpy takes 0.1 s

        assert isinstance(item, int)
        pack, plan, _ = _prepared(self.stem, self.repository.hash_size, self.earlier)
        kind = TYPES.get(int(plan.type[item]), "blob")
        field = field_at(kind, buffer, at.offset)
        return ObjectLocation(self.repository.path, pack.oid(item).hex(), kind, at, field)

    def position(self, item: object, offset: int) -> Position:
        """Line and column, from inflating the object again; what comes in several chunks is never a delta."""
        from scanner.sources.git.inflate import pieces  # noqa: PLC0415 - for the longest of objects only
        from scanner.sources.windows import position_far_in  # noqa: PLC0415 - likewise

        assert isinstance(item, int)
        pack, _, _ = _prepared(self.stem, self.repository.hash_size, self.earlier)
        return position_far_in(pieces(pack.view[pack.data[item] : pack.end[item]], int(pack.size[item])), offset)


@lru_cache(maxsize=2)
def _prepared(stem: str, hash_size: int, earlier: tuple[str, ...]) -> tuple["Pack", "Plan", "NDArray[np.bool_]"]:
    """A pack, its plan, and which of its objects no earlier pack has; kept for a process's next shares of the pack."""
    import numpy as np  # noqa: PLC0415 - 0.1 s

    from scanner.sources.git import ids  # noqa: PLC0415 - imports numpy
    from scanner.sources.git.families import plan  # noqa: PLC0415 - likewise
    from scanner.sources.git.pack import BLOB, COMMIT, TAG, open_pack  # noqa: PLC0415 - likewise
    from scanner.sources.git.packindex import open_index  # noqa: PLC0415 - likewise

    pack = open_pack(stem, hash_size)
    wanted = np.ones(pack.count, np.bool_)
    for other in earlier:
        try:
            table = ids.ids_of(open_index(other, hash_size))
        except ReadError:
            continue  # counted as failed by its own unit
        wanted &= ids.find(table, pack.oids()) == ids.NOWHERE
    return pack, plan(pack, (COMMIT, BLOB, TAG)), wanted
