"""What a worker does with one unit: the one place that joins sources and detection."""

from dataclasses import dataclass, field
from functools import cache

import patterns
from scanner.detect import Detector
from scanner.errors import ReadError
from scanner.finding import Chunk, Position, Problem, Tally, Unit
from scanner.pipeline.group import Group
from scanner.sources.windows import Lines


@dataclass(slots=True)
class Scanned:
    """What comes out of one unit: its secrets, grouped, and what was read."""

    group: Group = field(default_factory=Group)
    tally: Tally = field(default_factory=Tally)


def scan_unit(unit: Unit, *, include_failed: bool = False) -> Scanned:
    """Read a unit, search it, and group what is found. Runs inside a worker.

    Args:
        unit: What to read.
        include_failed: Whether look-alikes are results too.
    """
    scanned = Scanned()
    detect = detector(include_failed=include_failed)
    search = detect.search
    lines: Lines | None = None  # of the item that goes by, from its first hit on
    for chunk in unit.read_suspects(scanned.tally, detect.sieve):
        found = search(chunk.buffer, more=chunk.more)
        scanned.tally.lookalikes += found.lookalikes
        for match in found.matches:
            lines = lines or _lines(unit, chunk, scanned.tally)
            at = lines.position(chunk.buffer, chunk.offset + match.offset)
            scanned.group.add(match, unit.sighting(chunk.item, at, chunk.buffer))
        if lines:
            lines.pass_over_chunk(chunk)
            lines = lines if chunk.more else None
    return scanned


def _lines(unit: Unit, chunk: Chunk, tally: Tally) -> Lines:
    """The lines of an item up to a chunk of it. Lines are counted only after a hit: what went by is read again."""
    if chunk.offset == 0:
        return Lines()
    try:
        return Lines(unit.position(chunk.item, chunk.offset))
    except (OSError, ReadError) as error:
        tally.failed.append(
            Problem(str(chunk.item), f"it changed while it was read, so its lines are not known: {error}")
        )
        return Lines(Position(1, 1, chunk.offset))


@cache
def detector(*, include_failed: bool) -> Detector:
    """The detector for the built-in patterns, made once a process."""
    return Detector(patterns.builtin(), include_failed=include_failed)
