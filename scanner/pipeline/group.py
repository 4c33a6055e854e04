"""One entry a secret, however often it stands somewhere: in memory that grows with findings and not with bytes."""

from bisect import insort
from collections.abc import Collection, Iterator
from typing import Final, TypeAlias

from scanner.finding import (
    Check,
    CommitLocation,
    Exposure,
    FileLocation,
    GitLocation,
    Location,
    Match,
    ObjectLocation,
    Sighting,
)
from scanner.secret import Secret

MAX_LOCATIONS: Final = 100
"""How many locations of a secret are kept and shown. All are counted."""

Order: TypeAlias = tuple[tuple[str, ...], int, str]

_FARTHEST_FIRST: Final = list(Exposure)


class Entry:
    """What is known of one secret.

    The locations that are kept are the first in a fixed order, so that neither the number of workers nor the order of
    their results changes them.
    """

    __slots__ = ("_kept", "check", "exposure", "objects", "pattern", "total")

    def __init__(self, pattern: str, check: Check) -> None:
        self.pattern: Final = pattern
        self.check: Final = check
        self.exposure: Exposure | None = None
        self.total = 0
        self.objects: dict[tuple[str, str], ObjectLocation] = {}  # by repository and object: one each
        self._kept: list[tuple[Order, Location]] = []

    @property
    def locations(self) -> tuple[Location, ...]:
        """The first ``MAX_LOCATIONS`` locations."""
        return tuple(location for _, location in self._kept)

    def add(self, sighting: Sighting | Location) -> None:
        """Count a place. A git object waits in ``objects`` until its origin is known."""
        if isinstance(sighting, ObjectLocation):
            key = sighting.repository, sighting.oid
            known = self.objects.get(key)
            if known is None or sighting.at < known.at:
                self.objects[key] = sighting
            return
        self.total += 1
        self._note(sighting.exposure)
        self._keep(sighting)

    def merge(self, other: "Entry") -> None:
        """Take up what another worker found of the same secret."""
        self.total += other.total
        if other.exposure is not None:
            self._note(other.exposure)
        for location in other.locations:
            self._keep(location)
        for sighting in other.objects.values():
            self.add(sighting)

    def _note(self, exposure: Exposure) -> None:
        if self.exposure is None or _FARTHEST_FIRST.index(exposure) < _FARTHEST_FIRST.index(self.exposure):
            self.exposure = exposure

    def _keep(self, location: Location) -> None:
        place = order(location)
        if len(self._kept) == MAX_LOCATIONS:
            if place >= self._kept[-1][0]:
                return
            self._kept.pop()
        insort(self._kept, (place, location), key=lambda kept: kept[0])


class Group:
    """Secrets with what is known of each."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: Final[dict[Secret, Entry]] = {}

    def add(self, match: Match, sighting: Sighting | Location) -> None:
        """Count a match."""
        entry = self.entries.get(match.secret)
        if entry is None:
            entry = self.entries[match.secret] = Entry(match.pattern, match.check)
        entry.add(sighting)

    def merge(self, other: "Group") -> None:
        """Take up what another worker found."""
        for secret, entry in other.entries.items():
            mine = self.entries.setdefault(secret, entry)
            if mine is not entry:
                mine.merge(entry)

    def without(self, secrets: Collection[Secret]) -> "Group":
        """What is left when some secrets are taken out."""
        left = Group()
        left.entries.update({secret: entry for secret, entry in self.entries.items() if secret not in secrets})
        return left

    def objects(self) -> Iterator[tuple[Secret, ObjectLocation]]:
        """Each git object that holds a secret."""
        for secret, entry in self.entries.items():
            for sighting in entry.objects.values():
                yield secret, sighting

    def __len__(self) -> int:
        return len(self.entries)


def order(location: Location) -> Order:
    """Where a location comes among others: what got farthest first, then by name, then by offset."""
    names: tuple[str, ...]
    match location:
        case CommitLocation():
            names = ("0", location.repository, location.date, location.commit, location.path)
        case GitLocation():
            names = ("1", location.repository, location.where, location.path or "", location.object or "")
        case FileLocation():
            names = ("2", location.path)
    return names, location.at.offset, location.exposure.value
