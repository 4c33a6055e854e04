"""Findings made from seeds, and a ledger of them."""

from minting import CLASSIC, mint

from scanner.finding import Check, Exposure, FileLocation, Finding, GitLocation, Position
from scanner.secret import Secret

AT = Position(1, 1, 0)


def leak(seed, repository="/r", *, pattern=CLASSIC, check=Check.PASSED, revocable=True, exposure=Exposure.COMMITTED):
    """A finding of the token of a seed, in a repository."""
    location = GitLocation(repository, "unreachable", exposure, AT, "0" * 40)
    return Finding(Secret(mint(seed, pattern)), pattern, "a token", check, revocable, exposure, 1, (location,))


def leak_in_file(seed, path):
    """A finding of the token of a seed, in a file outside of repositories."""
    secret = Secret(mint(seed))
    return Finding(secret, CLASSIC, "a token", Check.PASSED, True, Exposure.FILE, 1, (FileLocation(path, AT),))
