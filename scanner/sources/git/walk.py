"""The walk over a pack: each object is inflated once, rebuilt from its parent, handed on, and dropped early."""

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

import numpy as np
from dulwich.pack import apply_delta
from isal.isal_zlib import crc32, decompress

from scanner.errors import Declined, ReadError
from scanner.finding import WINDOW, Chunk, Problem, Sieve, Tally
from scanner.sources.git.delta import check_result, is_modest, mapped
from scanner.sources.git.inflate import CEILING, INFLATION, inflate, pieces
from scanner.sources.git.pack import LOST_BASE, NO_BASE, UNKNOWN
from scanner.sources.git.pieces import chunks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanner.sources.git.families import Plan
    from scanner.sources.git.pack import Pack
    from scanner.sources.git.store import Object

Elsewhere: TypeAlias = Callable[[bytes], "Object | None"]
"""Finds another copy of an object by its id, in another pack or loose."""

STREAMED: Final = 16 << 20
"""An object stored whole, with no deltas against it, is handed on in windows when it has more bytes than this."""

WORK: Final = 1 << 40
"""The most bytes that one share of a pack may rebuild: 200 times what the longest histories take, so that a pack made
to cost a day costs minutes."""

# How many objects of one share are named before the rest is only counted.
_NAMED: Final = 100

# With a little room behind the content the inflater need not creep up to its end: a tenth faster.
_ROOM: Final = 64

# How an entry is read: unless it is 0, with care or in windows.
_CARE: Final = 1
_STREAM: Final = 2

_NOT_READ: Final = ReadError("not read")
_TOO_LONG: Final = Declined("too long to hold")

# How many steps' columns are turned into Python's numbers at once.
_BATCH: Final = 4096


def walk(
    pack: "Pack",
    plan: "Plan",
    steps: range,
    *,
    wanted: "NDArray[np.bool_]",
    elsewhere: Elsewhere,
    tally: Tally,
    sieve: Sieve,
) -> Iterator[Chunk]:
    """Rebuild objects in a plan's order.

    Args:
        pack: The pack.
        plan: Its plan.
        steps: The steps to take. What they need of earlier ones is rebuilt too, and not handed on.
        wanted: Whether to hand an entry on, by its number.
        elsewhere: Where to look for an object that is damaged, or whose base is missing.
        tally: Takes objects, bytes and failures of what is wanted.
        sieve: Tells of an object whether to hand it on.

    Yields:
        Chunks whose item is the entry's number.
    """
    return _Walk(pack, plan, wanted=wanted, elsewhere=elsewhere, tally=tally, sieve=sieve).run(steps)


class _Walk:
    def __init__(
        self,
        pack: "Pack",
        plan: "Plan",
        *,
        wanted: "NDArray[np.bool_]",
        elsewhere: Elsewhere,
        tally: Tally,
        sieve: Sieve,
    ) -> None:
        self._pack = pack
        self._plan = plan
        self._wanted = wanted
        self._elsewhere = elsewhere
        self._tally = tally
        self._sieve = sieve
        # What is still needed of what was rebuilt, or why it could not be.
        self._held: list[bytes | ReadError] = [_NOT_READ] * plan.depth
        self._work = 0
        self._failed = self._declined = 0

    def run(self, steps: range) -> Iterator[Chunk]:
        for step in self._plan.ancestors(steps.start, self._pack):
            yield from self._batch(range(step, step + 1), shown=False)
        for begin in range(steps.start, steps.stop, _BATCH):
            yield from self._batch(range(begin, min(begin + _BATCH, steps.stop)), shown=True)
            if self._work > WORK:
                reason = f"it asks for more than {WORK} bytes to be rebuilt: the rest is not read"
                self._tally.declined.append(Problem(self._pack.path, reason))
                break
        for problems, count in ((self._tally.failed, self._failed), (self._tally.declined, self._declined)):
            if count > _NAMED:
                problems.append(Problem(self._pack.path, f"{count - _NAMED} more objects"))

    def _batch(self, steps: range, *, shown: bool) -> Iterator[Chunk]:  # noqa: C901, PLR0912 - a call costs too much
        view, held, sieve = self._pack.view, self._held, self._sieve
        work, objects, total = self._work, 0, 0
        for entry, begin, data, end, size, crc, above, slot, mode, wanted in self._rows(steps, shown=shown):
            if above < 0:
                held[0] = _NOT_READ  # the last family is let go before the next begins
            if work > WORK:
                break
            if mode == _STREAM:
                held[slot] = _TOO_LONG
                if wanted:
                    yield from self._streamed(entry)
                continue
            try:
                if mode:
                    content = self._carefully(entry)
                else:
                    if crc is not None and crc32(view[begin:end]) != crc:
                        _refuse("its CRC-32 is not the one in the index")
                    content = decompress(view[data:end], 15, size + _ROOM)
                    if len(content) != size:
                        _refuse("its size is not the one in its header")
                if above >= 0:
                    if not is_modest(content):
                        check_result(content)
                    content = b"".join(apply_delta(held[above], content))
            except BaseException as error:  # noqa: BLE001 - a panic in Rust is no Exception
                rescued = self._rescue(entry, _problem(error, held[above]), wanted=wanted)
                held[slot] = rescued if isinstance(rescued, ReadError) else rescued.content
                if wanted and not isinstance(rescued, ReadError) and self._is_asked_for(entry, rescued.kind):
                    objects += 1
                    total += len(rescued.content)
                    yield Chunk(rescued.content, entry)
                continue
            held[slot] = content
            work += (length := len(content))
            if wanted:
                objects += 1
                total += length
                if length > WINDOW or sieve(content):
                    yield Chunk(content, entry)
        self._work = work
        self._tally.objects += objects
        self._tally.bytes += total

    def _rescue(self, entry: int, problem: ReadError, *, wanted: bool) -> "Object | ReadError":
        """Another copy of an object that could not be rebuilt here; or, reported, the reason that there is none."""
        if (found := self._elsewhere(self._pack.oid(entry))) is not None:
            return found
        if wanted:
            self._report(entry, problem)
        return problem

    def _is_asked_for(self, entry: int, kind: str) -> bool:
        # An entry whose type nobody knew was taken along in case it is no tree.
        return kind != "tree" or int(self._plan.type[entry]) != UNKNOWN

    def _rows(self, steps: range, *, shown: bool) -> Iterator[tuple[Any, ...]]:
        pack, plan = self._pack, self._plan
        entry = plan.entry[steps.start : steps.stop]
        slot = plan.slot[steps.start : steps.stop]
        leaf = plan.leaf[steps.start : steps.stop]
        size, data, end, base = pack.size[entry], pack.data[entry], pack.end[entry], pack.base[entry]
        whole = base == NO_BASE
        known = pack.type[entry] != UNKNOWN
        long = whole & known & ((size > CEILING) | (leaf & (size > STREAMED)))
        odd = ~known | (base == LOST_BASE) | (size > CEILING) | ((end - data) * INFLATION > CEILING)
        columns = (
            pack.begin[entry],
            data,
            end,
            size,
            pack.crc[entry] if len(pack.crc) else None,
            np.where(base >= 0, plan.slot_of(base), -1),
            slot,
            np.where(long, _STREAM, odd),
            self._wanted[entry] if shown else np.zeros(len(entry), np.bool_),
        )
        return zip(entry.tolist(), *map(_listed, columns), strict=False)

    def _carefully(self, entry: int) -> bytes:
        """The inflated data of an entry that may be too large, or of which nothing is known."""
        pack = self._pack
        if pack.type[entry] == UNKNOWN:
            raise ReadError("its header is damaged")
        if pack.base[entry] == LOST_BASE:
            raise ReadError("the base of its delta is not in the pack")
        size = int(pack.size[entry])
        if size > CEILING:
            raise Declined(f"its delta has {size} bytes, over the ceiling of {CEILING}")
        return inflate(self._checked(entry), size)

    def _streamed(self, entry: int) -> Iterator[Chunk]:
        size = int(self._pack.size[entry])
        try:
            yield from chunks(pieces(self._checked(entry), size), entry)
        except ReadError as error:
            self._report(entry, error)
        else:
            self._tally.objects += 1
            self._tally.bytes += size

    def _checked(self, entry: int) -> memoryview:
        pack = self._pack
        begin, data, end = int(pack.begin[entry]), int(pack.data[entry]), int(pack.end[entry])
        if len(pack.crc) and crc32(pack.view[begin:end]) != pack.crc[entry]:
            raise ReadError("its CRC-32 is not the one in the index")
        return pack.view[data:end]

    def _report(self, entry: int, problem: ReadError) -> None:
        if isinstance(problem, Declined):
            problems, self._declined = self._tally.declined, (count := self._declined + 1)
        else:
            problems, self._failed = self._tally.failed, (count := self._failed + 1)
        if count <= _NAMED:
            reason = f"object {self._pack.oid(entry).hex()}: {problem.message}"
            problems.append(Problem(self._pack.path, reason))


def _listed(column: "NDArray[Any] | None") -> Iterable[Any]:
    """A column's values for ``zip``; one that is all alike needs no list."""
    if column is None:
        return repeat(None)
    first = column[0]
    return repeat(first.item()) if (column == first).all() else column.tolist()


def _refuse(message: str) -> NoReturn:
    raise ReadError(message)


def _problem(error: BaseException, base: bytes | ReadError) -> ReadError:
    """Why an object could not be rebuilt."""
    if isinstance(error, TypeError) and isinstance(base, ReadError):
        kind = Declined if isinstance(base, Declined) else ReadError
        return kind("an object that it is a delta against could not be read")
    return mapped(error)
