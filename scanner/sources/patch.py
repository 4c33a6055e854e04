"""Patches on a stream: git's and plain unified ones, and of each file the text of its new side and of its old side.

Formats: git-diff(1) "Generating patch text with -p" and "Combined diff format", POSIX diff -u. What is not part of a
patch, a mail's text or a commit message, is handed on too, because it is new as well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple

from scanner.errors import ReadError
from scanner.finding import Buffer, Chunk, FileLocation, Position, Problem, Tally, Unit
from scanner.sources.patchbinary import read_binary
from scanner.sources.patchnames import name_in_header, names_in_lines, quoted_name

AROUND: Final = "-"
"""The path of what stands around the files' patches; its lines are the stream's."""

_MOST: Final = 64 << 20
"""How many bytes of one file's patch are held: a longer one is judged in parts."""

_HUNK: Final = re.compile(rb"(@@+) ((?:-\d+(?:,\d+)? )+)\+(\d+)(?:,(\d+))? \1(?!@)")
_COUNT: Final = re.compile(rb"-\d+(?:,(\d+))?")
_RENAMED: Final = re.compile(rb"(?:rename|copy) to (.*)")
_HEADER: Final = re.compile(rb"(?:index|old mode|new mode|deleted file mode|new file mode|similarity index|"
                            rb"dissimilarity index|mode|rename from|copy from|\\) .*")  # fmt: skip
_DIFFER: Final = re.compile(rb"Binary files .* differ|Files .* differ")


class Hunk(NamedTuple):
    """Lines that follow each other in a file.

    Attributes:
        text: Their bytes.
        line: The number of the first.
        offset: Where the hunk begins in the stream, in bytes.
    """

    text: bytes
    line: int
    offset: int


class FilePatch(NamedTuple):
    """What a patch does to one file, or a part of it where it is very long.

    Attributes:
        path: Its new name, or ``AROUND``.
        new: What stands there afterwards, as far as the patch tells.
        old: What stood there before.
    """

    path: str
    new: tuple[Hunk, ...]
    old: tuple[Hunk, ...]


def read_patches(stream: BinaryIO, tally: Tally) -> Iterator[FilePatch]:
    """The patches of a stream, one file after another, and what stands around them.

    Args:
        stream: Read to its end.
        tally: Takes what cannot be read: content that the patch has not, damaged binary patches.
    """
    return _Reader(stream, tally).patches()


@dataclass(frozen=True, slots=True)
class HunksUnit(Unit):
    """One side of a file's patch. It belongs to this process.

    Attributes:
        path: The file's.
        hunks: What there is of it.
    """

    path: str
    hunks: tuple[Hunk, ...]

    def read(self, tally: Tally) -> Iterator[Chunk]:
        """Hand on each hunk."""
        for hunk in self.hunks:
            yield Chunk(hunk.text, hunk)
            tally.bytes += len(hunk.text)

    def sighting(self, item: object, at: Position, buffer: Buffer) -> FileLocation:
        """The line and column in the file, and where its hunk begins in the patch."""
        del buffer
        assert isinstance(item, Hunk)
        return FileLocation(self.path, Position(item.line + at.line - 1, at.column, item.offset))

    def position(self, item: object, offset: int) -> Position:
        """No hunk is handed on in several chunks."""
        raise NotImplementedError


class _Side:
    """The hunks of one side, as they are put together."""

    def __init__(self) -> None:
        self.hunks: list[Hunk] = []
        self._lines: list[bytes] = []
        self._begin = (1, 0)

    def begin(self, line: int, offset: int) -> None:
        self.end()
        self._begin = (line, offset)

    def add(self, line: bytes) -> None:
        self._lines.append(line)

    def end(self) -> None:
        if self._lines:
            self.hunks.append(Hunk(b"".join(self._lines), *self._begin))
            self._begin = (self._begin[0] + len(self._lines), self._begin[1])
            self._lines.clear()

    def take(self) -> tuple[Hunk, ...]:
        self.end()
        hunks = tuple(self.hunks)
        self.hunks.clear()
        return hunks


class _Reader:
    def __init__(self, stream: BinaryIO, tally: Tally) -> None:
        self._stream = stream
        self._tally = tally
        self._line_number = self._offset = self._held = 0
        self._again: bytes | None = None
        self._path: str | None = None
        self._new, self._old, self._around = _Side(), _Side(), _Side()

    def patches(self) -> Iterator[FilePatch]:  # noqa: C901 - a branch for each kind of line
        while line := self._next():
            bare = line.rstrip(b"\r\n")
            if bare.startswith((b"diff --git ", b"diff --cc ", b"diff --combined ")):
                yield from self._finish()
                self._path = name_in_header(bare)
            elif bare.startswith(b"--- ") and (path := self._names(bare)) is not None:
                if self._new.hunks or self._old.hunks or self._path is None:
                    yield from self._finish()
                self._path = path
            elif self._path is not None and (found := _HUNK.match(bare)):
                yield from self._hunk(found)
            elif self._path is not None and bare == b"GIT binary patch":
                self._binary()
            elif self._path is not None and (found := _RENAMED.fullmatch(bare)):
                self._path = quoted_name(found[1])
            elif _DIFFER.fullmatch(bare):
                self._tally.declined.append(Problem(self._path or AROUND, "binary: its content is not in the patch"))
            elif self._path is None or not _HEADER.fullmatch(bare):
                yield from self._text(line)
        yield from self._finish()
        if around := self._around.take():
            yield FilePatch(AROUND, around, ())

    def _names(self, old: bytes) -> str | None:
        """The new name, if the line that is next says one too: then these two begin a file's patch."""
        new = self._next()
        if new.startswith(b"+++ "):
            return names_in_lines(old, new.rstrip(b"\r\n"))
        self._push(new)
        return None

    def _hunk(self, found: re.Match[bytes]) -> Iterator[FilePatch]:
        parents = len(found[1]) - 1
        old_left = [int(count or 1) for count in _COUNT.findall(found[2])]
        new_left = int(found[4] or 1)
        first = int(found[3])
        self._new.begin(first, self._offset)
        self._old.begin(1, self._offset)
        while (new_left > 0 or any(left > 0 for left in old_left)) and (line := self._next()):
            signs, body = line[:parents], line[parents:]
            if not line.rstrip(b"\r\n"):
                signs, body = b" " * parents, line  # a mailer has cut off the space at its end
            elif line.startswith(b"\\"):
                continue  # "\ No newline at end of file"
            elif signs.strip(b" +-") or len(signs) < parents:
                self._push(line)
                break
            gone = b"-" in signs
            if not gone:
                self._new.add(body)
                new_left -= 1
            if gone or b" " in signs:
                self._old.add(body)
            had = b"-" if gone else b" "
            old_left = [left - (signs[n : n + 1] == had) for n, left in enumerate(old_left)]
            self._held += len(line)
            if self._held > _MOST:
                assert self._path is not None
                yield FilePatch(self._path, self._new.take(), self._old.take())
                self._held = 0
        self._new.end()
        self._old.end()

    def _binary(self) -> None:
        for side in (self._new, self._old):
            try:
                found = read_binary(self._next)
            except ReadError as error:
                self._tally.failed.append(Problem(self._path or AROUND, error.message))
                return
            if found is None:
                return
            if side is self._new and not found.whole:
                reason = "a binary delta: only what it inserts is read"
                self._tally.declined.append(Problem(self._path or AROUND, reason))
            side.hunks += [Hunk(text, 1, self._offset) for text in found.texts]

    def _text(self, line: bytes) -> Iterator[FilePatch]:
        if self._path is not None:
            yield from self._finish()
        if not self._around.hunks and not self._held:
            self._around.begin(self._line_number, self._offset - len(line))
        self._around.add(line)
        self._held += len(line)
        if self._held > _MOST:
            yield from self._finish()

    def _finish(self) -> Iterator[FilePatch]:
        self._held = 0
        if around := self._around.take():
            yield FilePatch(AROUND, around, ())
        if self._path is not None:
            yield FilePatch(self._path, self._new.take(), self._old.take())
        self._path = None

    def _next(self) -> bytes:
        """The next line with its end, or nothing at the stream's end."""
        line, self._again = self._again, None
        if line is None:
            line = self._stream.readline(_MOST)
        if line:
            self._line_number += 1
            self._offset += len(line)
        return line

    def _push(self, line: bytes) -> None:
        """Let a line be the next once more."""
        self._again = line
        if line:
            self._line_number -= 1
            self._offset -= len(line)
