"""Standard input as a source: one item, read once, in the process that owns it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scanner.finding import Buffer, Chunk, FileLocation, Position, Problem, Tally, Unit
from scanner.sources.windows import BUFFER_SIZE, Lines, windows

_STDIN: Final = 0


@dataclass(slots=True)
class _Passage:
    """The window that is being searched, and the lines that went by before it: there is no reading them again."""

    lines: Lines
    window: memoryview


@dataclass(frozen=True, slots=True)
class StdinUnit(Unit):
    """All of standard input. It belongs to this process: a worker has no part in it.

    Attributes:
        path: What to call it.
    """

    path: str = "-"

    def read(self, tally: Tally) -> Iterator[Chunk]:
        """Read file descriptor 0 to its end."""
        passage = _Passage(Lines(), memoryview(b""))
        try:
            for window, offset, more in windows(_read, bytearray(BUFFER_SIZE), None):
                passage.window = window
                chunk = Chunk(window, passage, offset, more)
                yield chunk
                passage.lines.pass_over_chunk(chunk)
                tally.bytes += chunk.fresh
        except OSError as error:
            tally.failed.append(Problem(self.path, error.strerror or str(error)))
        else:
            tally.files += 1

    def sighting(self, item: object, at: Position, buffer: Buffer) -> FileLocation:
        """A place in ``-``."""
        del item, buffer
        return FileLocation(self.path, at)

    def position(self, item: object, offset: int) -> Position:
        """Line and column, from the line feeds that went by."""
        assert isinstance(item, _Passage)
        return item.lines.position(item.window, offset)


def _read(view: memoryview) -> int:
    return os.readv(_STDIN, [view])
