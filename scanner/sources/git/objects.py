"""Objects through one ``git cat-file`` process: of a change or a push, wherever git keeps them at that moment."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

from scanner.errors import ReadError
from scanner.finding import Buffer, Chunk, GitLocation, ObjectLocation, Position, Problem, Tally, Unit
from scanner.sources.git.command import repository_path, start
from scanner.sources.windows import BUFFER_SIZE, Lines, windows


class Header(NamedTuple):
    """What an object says of itself: ``blob``, ``commit``, ``tag`` or ``tree``, and its bytes."""

    kind: str
    size: int


class Objects:
    """Reads objects, one after another. Use it as a context."""

    def __init__(self) -> None:
        self._process: Final = start("cat-file", "--batch", stderr=subprocess.DEVNULL)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin: Final[IO[bytes]] = self._process.stdin
        self._stdout: Final[IO[bytes]] = self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stdin.close()
        if kind is not None:
            self._process.kill()
        self._stdout.close()
        self._process.wait()

    def open(self, oid: str) -> Header:
        """Ask for an object. What it holds must be read to its end before another is asked for.

        Args:
            oid: Its id in hex.

        Raises:
            ReadError: git does not have it.
        """
        try:
            self._stdin.write(oid.encode() + b"\n")
            self._stdin.flush()
            header = self._stdout.readline().split()
        except BrokenPipeError:
            header = []
        if len(header) != 3:
            raise ReadError(f"object {oid} cannot be read: {(header[-1:] or [b'git died'])[0].decode()}")
        return Header(header[1].decode(), int(header[2]))

    def windows(self, size: int) -> Iterator[tuple[memoryview, int, bool]]:
        """The content of the object that was asked for; see ``windows.windows``.

        Raises:
            ReadError: git died on the way.
        """
        left = size

        def read_into(view: memoryview) -> int:
            nonlocal left
            count = int(self._stdout.readinto(view[: min(len(view), left)]))  # type: ignore[attr-defined]
            left -= count
            return count

        yield from windows(read_into, bytearray(min(BUFFER_SIZE, size + 1)), size)
        if left:
            raise ReadError("git died while it was read")
        self._stdout.read(1)  # the line feed behind the content

    def skip(self, size: int) -> None:
        """Pass over the content of the object that was asked for."""
        for _ in self.windows(size):
            pass

    def whole(self, oid: str) -> bytes:
        """The content of a commit or a tag, which are never long.

        Raises:
            ReadError: git does not have it.
        """
        return self._stdout.read(self.open(oid).size + 1)[:-1]


@dataclass(slots=True)
class _Passage:
    """The object that goes by, and its lines so far: there is no reading it again."""

    header: Header
    lines: Lines
    window: memoryview


@dataclass(frozen=True, slots=True)
class ObjectUnit(Unit):
    """One object. It belongs to this process, as the pipe to git does: a worker has no part in it.

    Attributes:
        objects: Where it is read from.
        oid: Its id in hex.
        place: What a place in it is made from, repository and position left out; None for an ``ObjectLocation``.
    """

    objects: Objects
    oid: str
    place: GitLocation | None = None

    def read(self, tally: Tally) -> Iterator[Chunk]:
        """Read it, unless it is a tree; a blob that stands for a file counts as a file."""
        try:
            header = self.objects.open(self.oid)
            if header.kind == "tree":
                self.objects.skip(header.size)
                return
            passage = _Passage(header, Lines(), memoryview(b""))
            for window, offset, more in self.objects.windows(header.size):
                passage.window = window
                chunk = Chunk(window, passage, offset, more)
                yield chunk
                tally.bytes += chunk.fresh
                if more:
                    passage.lines.pass_over_chunk(chunk)
        except ReadError as error:
            path = self.place.path if self.place is not None else None
            tally.failed.append(Problem(path or repository_path(), error.message))
        else:
            tally.files += self.place is not None
            tally.objects += self.place is None

    def sighting(self, item: object, at: Position, buffer: Buffer) -> GitLocation | ObjectLocation:
        """The place that it stands for, or the object, its type and the field of a commit or a tag."""
        if self.place is not None:
            return replace(self.place, repository=repository_path(), at=at)
        from scanner.sources.git.fields import field_at  # noqa: PLC0415 - for hits only

        assert isinstance(item, _Passage)
        kind = item.header.kind
        return ObjectLocation(repository_path(), self.oid, kind, at, field_at(kind, buffer, at.offset))

    def position(self, item: object, offset: int) -> Position:
        """Line and column, from the line feeds that went by."""
        assert isinstance(item, _Passage)
        return item.lines.position(item.window, offset)
