"""A git repository: every object of its stores, the files of its git directory, and where a secret came from."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from scanner.finding import Unit
from scanner.sources.git.layout import Repository, is_repository, submodules

if TYPE_CHECKING:
    from scanner.finding import CommitLocation, GitLocation, ObjectLocation
    from scanner.sources.git.history import Mapper

__all__ = ["Repository", "discover", "is_repository", "origins", "submodules"]

# A pack is not cut into shares of fewer bytes: each costs a worker a look at all headers.
_SHARE: Final = 4 << 20

# The fan-out directories of one unit: 256 of them hold at most a few thousand objects, or git would have packed them.
_FAN_OUTS: Final = 64


def discover(repository: Repository, *, parts: int) -> Iterator[Unit]:
    """All units of a repository's object stores and of its git directory, the largest work first.

    Its worktree's files and its submodules' repositories are not among them.

    Args:
        repository: The repository.
        parts: How many shares a large pack is cut into, so that workers can divide it.
    """
    # Only a scan of a history inflates anything; the hook, which imports this package too, does not.
    from scanner.sources.git.loose import LooseUnit, fan_outs  # noqa: PLC0415
    from scanner.sources.git.packs import PackUnit  # noqa: PLC0415
    from scanner.sources.git.places import PlacesUnit  # noqa: PLC0415

    stems = repository.packs()
    units = []
    for number, stem in enumerate(stems):
        size = _size(f"{stem}.pack")
        shares = max(1, min(parts, size // _SHARE))
        units += [
            (size // shares, PackUnit(repository, stem, tuple(stems[:number]), part, shares)) for part in range(shares)
        ]
    units.sort(key=lambda unit: -unit[0])
    for _, unit in units:
        yield unit
    for directory in repository.object_dirs:
        names = fan_outs(directory)
        for begin in range(0, len(names), _FAN_OUTS):
            yield LooseUnit(repository, directory, tuple(names[begin : begin + _FAN_OUTS]))
    yield PlacesUnit(repository)


def origins(
    repository: Repository,
    sightings: "Sequence[tuple[int, ObjectLocation]]",
    *,
    parts: int = 1,
    mapper: "Mapper" = map,
) -> "Iterator[tuple[int, CommitLocation | GitLocation]]":
    """Where the secrets that were seen in a repository's objects came from; see ``locate.origins``."""
    from scanner.sources.git import locate  # noqa: PLC0415 - only hits need it, and it imports numpy

    return locate.origins(repository, sightings, parts=parts, mapper=mapper)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0  # the unit that reads it will say why
