"""What a worker does with one unit: the one place that joins sources and detection."""

from dataclasses import dataclass, field
from functools import cache

import patterns
from scanner.detect import Detector
from scanner.finding import Chunk, Position, Tally, Unit
from scanner.pipeline.group import Group
from scanner.sources.windows import position_in


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
    search = detector(include_failed=include_failed).search
    for chunk in unit.read(scanned.tally):
        found = search(chunk.buffer, more=chunk.more)
        if found.lookalikes:
            scanned.tally.lookalikes += found.lookalikes
        for match in found.matches:
            at = _position(unit, chunk, match.offset)
            scanned.group.add(match, unit.sighting(chunk.item, at, chunk.buffer))
    return scanned


@cache
def detector(*, include_failed: bool) -> Detector:
    """The detector for the built-in patterns, made once a process."""
    return Detector(patterns.builtin(), include_failed=include_failed)


def _position(unit: Unit, chunk: Chunk, offset: int) -> Position:
    if chunk.offset == 0:
        return position_in(chunk.buffer, offset)
    return unit.position(chunk.item, chunk.offset + offset)
