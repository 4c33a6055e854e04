"""One kind of credential: what gives it away, what it looks like, how it is checked."""

import random
import re
import string
from dataclasses import dataclass
from typing import Final

from patterns.checksum import BASE62, CHECKSUMS, Checksum

MAX_LENGTH: Final = 4096
"""The longest token, in bytes, that a pattern may describe: what a reader keeps of one window for the next."""

_ALPHABETS: Final = {
    "base62": BASE62,
    "base64url": BASE62 + "-_",
    "digits": string.digits,
    "hex": "0123456789abcdef",
}
_FIELD: Final = re.compile(r"\{(\w+):(\d+)\}")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of credential.

    Attributes:
        id: A stable name for machines.
        name: A name for people.
        anchors: The literals that give it away; a token begins with one of them.
        regex: The exact form, matched where an anchor stands.
        length: The exact length of a token in bytes, or None where it varies.
        check: The name of its check digits' rule in ``checksum.CHECKSUMS``, or ``none``.
        revocable: Whether GitHub's ``POST /credentials/revoke`` accepts this type.
        template: How an example is made: literal text with ``{alphabet:count}`` fields.
        negative: Texts in which the pattern must find nothing.
        references: Where the format is documented.
    """

    id: str
    name: str
    anchors: tuple[bytes, ...]
    regex: str
    length: int | None
    check: str
    revocable: bool
    template: str
    negative: tuple[str, ...]
    references: tuple[str, ...]

    @property
    def checksum(self) -> Checksum | None:
        """The rule of the check digits, or None where none is known."""
        return CHECKSUMS.get(self.check)

    def example(self, rng: random.Random) -> bytes:
        """A fresh token of this kind whose check passes.

        It is made when it is asked for and never written into a file: a complete token in a tree would be blocked
        by push protection, and found by unleak itself.
        """
        token = _FIELD.sub(lambda field: _fill(field, rng), self.template).encode()
        return self.checksum.complete(token) if self.checksum else token


def alphabets() -> tuple[str, ...]:
    """The alphabets that a template may name."""
    return tuple(_ALPHABETS)


def template_fields(template: str) -> list[tuple[str, int]]:
    """The fields of a template, each an alphabet's name and a count of characters."""
    return [(name, int(count)) for name, count in _FIELD.findall(template)]


def _fill(field: re.Match[str], rng: random.Random) -> str:
    return "".join(rng.choices(_ALPHABETS[field[1]], k=int(field[2])))
